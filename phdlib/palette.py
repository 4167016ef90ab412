"""One colour per model, in every figure of both papers. Colours by Okabe and Ito: told apart with any colour vision.

Blue is the paper's own model; an ablation of it is a paler blue; a variant keeps its model's colour and changes the
line. The truth is neutral: black as a curve, grey as a body. Constant repeats the last body seen and has the yellow of
what was seen. What is not a model (a training error, an input) is grey.
"""

from __future__ import annotations

BLUE, SKY, PINK, ORANGE, GREEN, RED, GREY = "#0072B2", "#56B4E9", "#CC79A7", "#E69F00", "#009E73", "#D55E00", "#777777"
TRUTH, TRUE_BODY = "#000000", "#A9B8AA"

METHODS = {
    "AR on Φ": BLUE,  # PHD, the latent space
    "No L_movie strip": SKY,
    "AR on Θ": PINK,  # the pose space
    "Constant": ORANGE,
    "Nearest Neighbour": GREEN,
    "full": BLUE,  # VP3D's models
    "causal": SKY,
    "single-frame": GREEN,
    "LSTM": RED,
    "supervised": GREY,
    "semi-supervised": BLUE,
    "semi-supervised, no bone lengths": SKY,
    "truth": TRUTH,
}
_LINES = {"teacher forcing": "--", "absolute": ":", "full 3D": "-.", "equal time": ":"}
BODIES = {  # lighter, for shading
    "conditioning": "#EBCB5E",  # read from frames that were seen
    "latent": "#6FA3DB",
    "pose": "#E79CC2",
    "truth": TRUE_BODY,
    "match": "#C3E2C0",  # Nearest Neighbour: the training stretch like the one seen, and what followed it
    "continuation": "#8CC68A",
}


def style(method: str) -> dict[str, str]:
    """Colour and line of a method by name, as matplotlib takes them; "AR on Θ, absolute" is a variant of "AR on Θ".
    ``KeyError`` for a method without a colour."""
    if method in METHODS:
        return {"color": METHODS[method], "ls": "-"}
    name, _, variant = method.partition(", ")
    if name not in METHODS or variant not in _LINES:
        raise KeyError(f"no colour for {method!r}: there are {', '.join(METHODS)}, and variants {', '.join(_LINES)}")
    return {"color": METHODS[name], "ls": _LINES[variant]}
