"""Reading the authors' published VideoPose3D files without trusting them.

Such a file is a pickle: the weights (``model_pos`` and, from semi-supervised training, ``model_traj``) beside the
epoch, the learning rate, the optimizer's state and a NumPy random state. Nothing but tensors and plain containers is
built from it: the names that a random state is made of lead to a stub that swallows its arguments, every other name
is refused before it is looked up.
"""

from __future__ import annotations

import io
import pickle
import re
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from phdlib.data.file_kinds import found_in


class _Swallowed:
    """Stands where the file has a NumPy object: takes whatever it is given and keeps none of it."""

    def __init__(self, *args: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


# Every name under which NumPy 1.x and 2.x pickle a RandomState, its bit generator and the array of its state.
_NUMPY_NAMES = (
    "numpy.ndarray",
    "numpy.dtype",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.random.__RandomState_ctor",
    "numpy.random._pickle.__randomstate_ctor",
    "numpy.random._pickle.__bit_generator_ctor",
    "numpy.random._mt19937.MT19937",
    "numpy.random.bit_generator.__pyx_unpickle_SeedSequence",
    "numpy.random.bit_generator.SeedSequence",
)


class Layout(NamedTuple):
    """Sizes of a model, read off its weights."""

    joints_in: int
    joints_out: int
    channels: int
    filter_widths: tuple[int, ...]


def read_videopose3d(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Tensor] | None]:
    """The state dicts (pose model, trajectory model or None) of a published file, on the CPU, checked for completeness.

    ``FileNotFoundError`` if it is not there; ``ValueError`` for all that is wrong with it, naming the file and the key.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no VideoPose3D checkpoint at {path}")
    content = load_weights(path, "weights and a random state")
    if not isinstance(content, dict) or "model_pos" not in content:
        found = sorted(map(str, content)) if isinstance(content, dict) else type(content).__name__
        raise ValueError(f"{path}: expected a dictionary with the key 'model_pos', found {found}")
    pose = _checked(content["model_pos"], f"{path}: model_pos")
    trajectory = content.get("model_traj")
    return pose, None if trajectory is None else _checked(trajectory, f"{path}: model_traj")


def load_weights(path: Path, what: str = "weights") -> object:
    """What ``torch.save`` wrote: tensors and plain containers, with stubs where it has NumPy's objects.

    ``ValueError``: refused, if the file asks for more than ``what``; not readable, with what it is instead.
    """
    found = found_in(path)
    if not found.startswith(("a zip archive", "a pickle")):
        raise ValueError(f"{path}: not a readable checkpoint: found {found}, expected a file that torch.save wrote")
    try:
        with torch.serialization.safe_globals([(_Swallowed, name) for name in _NUMPY_NAMES]):
            return torch.load(io.BytesIO(path.read_bytes()), map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails wherever the damage leads it
        said = str(error)
        if isinstance(error, pickle.UnpicklingError) and (asked := re.search(r"GLOBAL (\S+)", said)):
            raise ValueError(
                f"{path}: refused, it holds more than {what}: found a reference to {asked[1]}, expected tensors in "
                "plain containers"
            ) from error
        said = said.partition("WeightsUnpickler error: ")[2] or said
        reason = f"{type(error).__name__}: {(said.splitlines() or [''])[0][:120]}"
        raise ValueError(
            f"{path}: not a readable checkpoint: found {found} ({reason}), expected a whole file of torch.save"
        ) from error


def layout_of(state: dict[str, Tensor]) -> Layout:
    """Joints, channels and filter widths of a checked state dict, for two features (x, y) per input joint."""
    channels, inputs, width = state["expand_conv.weight"].shape
    blocks = sum(name.startswith("layers_conv.") for name in state) // 2
    widths = (width, *(state[f"layers_conv.{2 * i}.weight"].shape[2] for i in range(blocks)))
    return Layout(inputs // 2, state["shrink.weight"].shape[0] // 3, channels, widths)


def _checked(state: object, where: str) -> dict[str, Tensor]:
    """``state`` if it is exactly a model's, with the batch counters that old files lack; else ``ValueError``."""
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{where}: expected a dictionary of tensors, found {type(state).__name__}")
    for key in ("expand_conv.weight", "shrink.weight"):
        if key not in state or state[key].dim() != 3:
            found = tuple(state[key].shape) if key in state else "no such key"
            raise ValueError(f"{where}: {key}: expected a convolution's weight (C_out, C_in, W), found {found}")
    expected = _expected_shapes(state, where)
    counters = {name for name in expected if name.endswith("num_batches_tracked")}
    missing, extra = sorted(expected.keys() - counters - state.keys()), sorted(state.keys() - expected.keys())
    if missing or extra:
        raise ValueError(f"{where}: missing keys {missing}, unexpected keys {extra}")
    for name, tensor in state.items():
        if tuple(tensor.shape) != expected[name]:
            raise ValueError(f"{where}: {name}: expected shape {expected[name]}, found {tuple(tensor.shape)}")
        if not bool(tensor.isfinite().all()):
            raise ValueError(f"{where}: {name}: holds numbers that are not finite")
    return {**{name: torch.tensor(0) for name in counters}, **state}


def _expected_shapes(state: dict[str, Tensor], where: str) -> dict[str, tuple[int, ...]]:
    """Name and shape of every entry of the model whose outer layers and kernel widths ``state`` has."""
    channels, inputs, width = state["expand_conv.weight"].shape
    outputs = state["shrink.weight"].shape[0]
    if inputs % 2 or outputs % 3:
        raise ValueError(f"{where}: expected 2 inputs and 3 outputs per joint, found {inputs} and {outputs} in all")
    blocks = (sum(name.startswith("layers_conv.") for name in state) + 1) // 2
    shapes: dict[str, tuple[int, ...]] = {
        "expand_conv.weight": (channels, inputs, width),
        "shrink.weight": (outputs, channels, 1),
        "shrink.bias": (outputs,),
    }
    for i in range(blocks):
        kernel = state.get(f"layers_conv.{2 * i}.weight")
        width_i = kernel.shape[2] if kernel is not None and kernel.dim() == 3 else 3
        if width_i % 2 == 0 or width % 2 == 0:
            raise ValueError(f"{where}: expected odd kernels, found widths {width} and {width_i}")
        shapes[f"layers_conv.{2 * i}.weight"] = (channels, channels, width_i)
        shapes[f"layers_conv.{2 * i + 1}.weight"] = (channels, channels, 1)
    for norm in ("expand_bn", *(f"layers_bn.{i}" for i in range(2 * blocks))):
        shapes |= {f"{norm}.{name}": (channels,) for name in ("weight", "bias", "running_mean", "running_var")}
        shapes[f"{norm}.num_batches_tracked"] = ()
    return shapes
