# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A network made of time: VideoPose3D's model
#
# VideoPose3D is by Pavllo, Feichtenhofer, Grangier and Auli (CVPR 2019); "VP3D 3" is its section 3.
#
# The input is what a 2D detector found in each frame of a video: 17 joints, x and y, 34 numbers. The output is a pose
# in 3D for each frame. Between them VideoPose3D puts nothing but convolutions along time (VP3D 3). This notebook
# takes that network apart. You will see
#
# * how five layers of three-frame kernels come to see 243 frames, and why **dilation** is what makes that cheap;
# * why the convolutions are **valid**, that is, do not pad, and what that does to the skip connections;
# * what a **causal** network gives up, and what it gets for it;
# * why training one pose at a time wastes most of the work, and how **strides** stop the waste.
#
# It draws **Figures 2, 6, 7 and 10** and counts the sizes and costs of Table 5, all from the implemented models rather
# than from the paper's text, and ends with a verdict on seven of the paper's claims. Nothing is trained.
#
# *Time:* about twenty seconds, in every profile.

# %% tags=["parameters"]
profile = None  # smoke, standard or paper; None: $PHDLIB_PROFILE, or standard
data = None  # None: $PHDLIB_DATA_SOURCE, or embedded

# %%
import time
from itertools import pairwise

import pandas as pd
import torch
from IPython.display import display

from phdlib import architecture, opening, publish, published
from phdlib.lifting import StridedTemporalModel, TemporalModel
from phdlib.verdicts import Verdicts

pd.set_option("display.max_colwidth", None)
started = time.perf_counter()
profile, data = opening.begin(profile, data)
here = {"paper": "videopose3d", "notebook": "notebooks/videopose3d/01_temporal_model.ipynb"}
generator = torch.Generator().manual_seed(0)
verdicts = Verdicts(here["notebook"], data)


def provenance() -> publish.Provenance:
    seconds = round(time.perf_counter() - started, 1)
    return publish.Provenance(profile=profile, data=data, seeds=(0,), seconds=seconds)


def judge(id: str, **measured: float) -> None:
    verdicts.judge(id, measured)
    display(verdicts.table().loc[[id], ["statement", "published", "measured", "outcome"]])


# %% [markdown]
# ## Figure 2: the network
#
# `TemporalModel` takes the number of joints and the width of each kernel. Five widths of 3 are the paper's model: an
# input layer, then four *blocks*, each with one convolution over time and one of width 1 that only mixes channels.

# %%
model = TemporalModel(17, 2, 17, filter_widths=(3, 3, 3, 3, 3), generator=generator).eval()
fig = architecture.figure_2(model)
title = "The model of 243 frames, with the tensor sizes (frames, channels) of a one-frame prediction"
saved = publish.save_figure(
    "videopose3d-figure-2", fig, title=title, provenance=provenance(), **here,
    caption="Green: convolutions (channels in, kernel and dilation, channels out); blue: what follows each; orange: skip "
    "connections, sliced; in brackets (frames, channels).",
)  # fmt: skip

# %% [markdown]
# Read a green box as the paper does: `1024, 3d9, 1024` is a convolution from 1024 channels to 1024 with a kernel of 3
# frames spaced 9 apart (dilation 9). Each except the last is followed by batch norm, ReLU and dropout. The vertical
# numbers are tensor sizes, recorded by hooks while the network ran.
#
# Follow the number of frames: 243, 241, 235, 217, 163, 1. Nothing pads, so every temporal convolution eats frames at
# both ends. Had it padded with zeros, frames near the ends would be computed from poses that nobody held; the
# authors saw better results without (VP3D 3). Instead, the *input* is lengthened once by repeating its first and last
# frame, so that a clip gets as many poses as it has frames (`phdlib.lifting.pad`). The price is paid by the skip
# connections, in orange: the two branches of a block differ in length, so the skip must be sliced, as many frames as
# the kernel ate ("slice 3 + 3": three at each end; in a causal model all of them come off the past).
#
# Before you run the next cell: how many frames does each layer cut off? With the input layer they add up to
# 2 + 6 + 18 + 54 + 162 = 242, one less than the model sees.

# %%
# NBVAL_CHECK_OUTPUT
for layer in architecture.layers(model):
    print(
        f"{layer.name:<14} kernel {layer.width}, dilation {layer.dilation:>2}: {layer.frames:>3} frames left"
    )

# %% [markdown]
# ## Figure 6: how far it sees
#
# **The claim** (VP3D 3, A.1): kernel width W and dilation W^B are chosen so that what an output sees is a *tree* that
# reaches every input frame once. **Expect** a receptive field of 3 x 3 x 3 = 27 frames for three layers, each frame
# reached by one path, and, for the causal variant, the same 27 frames ending at the present (6.1).

# %%
centred = TemporalModel(17, 2, 17, (3, 3, 3), generator=generator).eval()
causal = TemporalModel(17, 2, 17, (3, 3, 3), causal=True, generator=generator).eval()
fig = architecture.figure_6(centred, causal)
title = "Information flow from 27 input frames to one output; skip connections dashed"
saved = publish.save_figure(
    "videopose3d-figure-6", fig, title=title, provenance=provenance(), **here,
    caption="Blue: all that reaches the prediction of frame 0; grey: the trees of its neighbours. Numbers are frames.",
)  # fmt: skip

# %% [markdown]
# The blue tree is drawn from the kernels' index arithmetic. Neighbouring branches touch and never overlap: dilation 3
# makes the second layer jump exactly over the frames that the first has already gathered. With dilation 1 everywhere,
# three layers would see 7 frames; with dilations 4 and 16 they would leave holes. (The dashed skip connections add
# shorter paths to the middle of each branch; the tree is that of the convolutions.)
#
# A drawing is no proof. So measure: put a random clip through the network and ask by which input frames the output
# changes at all, that is, where the gradient is not zero. And count the paths through the kernels.

# %%
# NBVAL_CHECK_OUTPUT
networks = {"1": (1, 1, 1), "27": (3,) * 3, "81": (3,) * 4, "243": (3,) * 5}
fields = {}
for name, widths in networks.items():
    network = TemporalModel(17, 2, 17, widths, generator=generator).eval()
    support = architecture.gradient_support(network, generator)
    paths = set(architecture.paths_per_frame(network))
    whole = support == list(range(support[0], support[-1] + 1))
    fields[name] = (len(support), whole, paths, network.receptive_field())
    reach = (
        f"the gradient reaches {len(support):>3}, from {support[0]:>4} to {support[-1]:>3}"
    )
    print(f"{name:>3} frames: {reach}; paths to each: {paths}")

# %%
exact = [
    name
    for name, (seen, whole, paths, field) in fields.items()
    if whole and paths == {1} and seen == field == int(name)
]
judge("VP3D-C55", models=len(exact))

# %%
deep_causal = TemporalModel(17, 2, 17, (3,) * 5, causal=True, generator=generator).eval()
support = architecture.gradient_support(deep_causal, generator)
ahead = sum(frame > 0 for frame in support)
judge("VP3D-C08", ahead=ahead)

# %% [markdown]
# Because each layer of a causal network needs only past states, they can be kept: `model.stream()` takes one frame,
# returns one pose, and does the work of one frame, not of 243. Its answers are those of the whole clip, lengthened at
# its start by repeating the first frame. (The norms get random statistics first: fresh ones are nearly the identity
# and would hide a mistake.)

# %%
for norm in (deep_causal.expand_bn, *deep_causal.layers_bn):
    norm.running_mean.normal_(generator=generator)
    norm.running_var.uniform_(0.5, 2, generator=generator)
clip = torch.randn(300, 17, 2, generator=generator)
stream = deep_causal.stream()
begun = time.perf_counter()
streamed = torch.cat([stream.push(frame[None]) for frame in clip])
each = (time.perf_counter() - begun) / len(clip)
with torch.no_grad():
    whole = deep_causal(torch.cat((clip[:1].expand(242, -1, -1), clip))[None])[0]
difference = (streamed - whole).norm(dim=-1).max().item()
print(
    f"{1000 * each:.1f} ms a frame; largest difference from the whole clip "
    f"{1000 * difference:.4f} mm, on poses of {1000 * whole.abs().mean():.0f} mm"
)

# %% [markdown]
# ## Figure 7: what it costs
#
# **The claim** (VP3D A.2): a convolution of width W costs 2 W C_in C_out floating-point operations per frame, all
# else is negligible; layer by layer, the model of 27 frames needs 0.209, 6.291, 2.097, 6.291, 2.097 and 0.104 million.
# **Expect** the two kernels of 1024 to 1024 channels and width 3 to carry nearly three quarters of the bill: they are
# three times as expensive as a kernel of width 1.

# %%
fig = architecture.figure_7(centred)
title = "The model of 27 frames, with the cost of each convolution per predicted frame"
saved = publish.save_figure(
    "videopose3d-figure-7", fig, title=title, provenance=provenance(), **here,
    caption="Above, the network as in Figure 2; below, a bar for the convolution above it, in million operations per frame.",
)  # fmt: skip

# %%
# NBVAL_CHECK_OUTPUT
costs = [layer.flops for layer in architecture.layers(centred)]
rounded = [round(cost / 1e6, 3) for cost in costs]
print(*rounded, "sum of the rounded", round(sum(rounded), 3), "exact", sum(costs))

# %% [markdown]
# (The paper's total, 17.089, is the sum of its rounded costs; the exact sum rounds to 17.091.)

# %%
printed = [0.209, 6.291, 2.097, 6.291, 2.097, 0.104]
equal = sum(a == b for a, b in zip(rounded, printed, strict=True))
judge("VP3D-C24", costs=equal, total=round(sum(rounded), 3))

# %% [markdown]
# ## Table 5: size and cost of all models
#
# **The claim** (VP3D 6.1, Table 5): dilation buys context at a logarithmic price, while spending a weight on every
# frame ("w/o dilation", A.4) costs about 3.5 times as much for the same 27 frames. **Expect** each further block,
# which triples the receptive field, to add the same constant: one kernel of width 3 and one of width 1, 4 x 1024^2
# weights and their norms. The paper does not say how the dense kernels are made; here they span what the dilated ones
# span, 7 and 19 frames.
#
# Counted from the models: every trained number, and 2 W C_in C_out over all convolutions. The row of Hossain and
# Little is *as published*: it is their LSTM, profiled by the paper's authors. The paper's last column, the error of
# the trained models, needs trainings: `04_size_and_ablations` adds them, builds an LSTM of that kind, and saves the
# table.

# %%
rows = {
    "Ours 27f w/o dilation": TemporalModel(17, 2, 17, (3, 3, 3), dense=True),
    "Ours 27f": centred,
    "Ours 81f": TemporalModel(17, 2, 17, (3, 3, 3, 3)),
    "Ours 243f": model,
}
print_5 = published.table("videopose3d-table-5")
table_5 = pd.DataFrame(
    {
        "parameters, M": {
            name: architecture.parameters(network) / 1e6 for name, network in rows.items()
        },
        "published parameters, M": print_5["params_M"],
        "FLOPs, M": {
            name: architecture.flops_per_frame(network) / 1e6
            for name, network in rows.items()
        },
        "published FLOPs, M": print_5["flops_M"],
    }
).reindex(print_5.index)
table_5.insert(
    0, "source", ["counted" if name in rows else "as published" for name in table_5.index]
)
table_5 = table_5.rename_axis("model")
table_5.round(2)

# %%
# NBVAL_CHECK_OUTPUT
for name, network in rows.items():
    print(
        f"{name:<22} {architecture.parameters(network):>9} parameters {architecture.flops_per_frame(network):>9} FLOPs"
    )

# %%
counted, known = (
    table_5.loc[list(rows), [f"{which}parameters, M", f"{which}FLOPs, M"]]
    .round(2)
    .to_numpy()
    for which in ("", "published ")
)
agree = int((counted == known).sum())
judge("VP3D-C22", counts=agree)

# %%
sizes = [architecture.parameters(TemporalModel(17, 2, 17, (3,) * n)) for n in range(2, 7)]
steps = {later - earlier for earlier, later in pairwise(sizes)}
judge("VP3D-C23", added=min(steps) / 1e6, distinct=len(steps))

# %% [markdown]
# Depth is cheap, width is not. **The claim** (VP3D A.3): cost grows with the *square* of the number of channels.
# **Expect** a factor near 4 per doubling, a little less for thin networks, where the first and the last layer, which
# grow only linearly, still count.

# %%
widths = [128, 256, 512, 1024, 2048]
cost = [
    architecture.flops_per_frame(TemporalModel(17, 2, 17, (3, 3, 3), channels=C))
    for C in widths
]
factors = [after / before for before, after in pairwise(cost)]
display(
    pd.DataFrame(
        {"MFLOPs per frame": [round(c / 1e6, 2) for c in cost], "factor": [None, *factors]},
        index=widths,
    ).round(2)
)
# Taking out the linear part leaves a pure square if the claim is right: c(C) = a C^2 + b C.
linear = 2 * (3 * 34 + 51)
squares = {(c - linear * C) / C**2 for c, C in zip(cost, widths, strict=True)}
judge("VP3D-C42", factor=factors[-1], squares=len(squares))

# %% [markdown]
# ## Figure 10: one pose at a time, without the waste
#
# In training the network predicts a single pose per clip, and the clips of a batch come from different videos:
# neighbouring frames are nearly copies, and a batch full of copies would bias the statistics of batch norm (VP3D 5.3,
# A.5). But a layer-by-layer network that is asked for one pose computes many states that no one reads. **The claim**
# (VP3D A.6): set each stride to the kernel's width in place of dilating, and the same function comes out with no
# state wasted. **Expect** 9, 3 and 1 states in place of 25, 19 and 1.

# %%
strided = StridedTemporalModel(17, 2, 17, (3, 3, 3)).eval()
strided.load_state_dict(centred.state_dict())
fig = architecture.figure_10(centred, strided)
title = "States computed for one output of the 27-frame model, layer by layer and optimised"
saved = publish.save_figure(
    "videopose3d-figure-10", fig, title=title, provenance=provenance(), **here,
    caption="Blue: states that the output reads; orange rings: states that are computed and read by no one.",
)  # fmt: skip

# %% [markdown]
# How much work that saves grows with the receptive field. In operations for one training clip:

# %%
# NBVAL_CHECK_OUTPUT
for widths in ((3,) * 3, (3,) * 4, (3,) * 5):
    network = TemporalModel(17, 2, 17, widths)
    chain = architecture.layers(network)
    used = [len(frames) for frames in architecture.used_states(network)[1:]]
    needed = [used[0]] + [count for count in used[1:] for _ in range(2)] + [1]
    work = sum(layer.frames * layer.flops for layer in chain)
    useful = sum(count * layer.flops for count, layer in zip(needed, chain, strict=True))
    ratio = f"{work / 1e6:5.0f} MFLOPs layer by layer, {useful / 1e6:3.0f} strided: {work / useful:.1f} times"
    print(f"{network.receptive_field():>3} frames: {ratio}")

# %% [markdown]
# (The paper measured training about twice as fast at 27 frames and 4 times at 81, A.5; operations are not seconds.)
#
# The two forms hold the same weights under the same names, so that what was trained strided is run dilated. In
# evaluation, do they compute the same? (In training they differ on purpose: the norms average over the states that are
# computed, and the strided form computes only those that count.) The norms get random statistics first: fresh ones are
# nearly the identity and would hide a mistake.

# %%
worst = 0.0
for widths in ((3,) * 3, (3,) * 5):
    for is_causal in (False, True):
        dilated = TemporalModel(17, 2, 17, widths, is_causal, generator=generator).eval()
        for norm in (dilated.expand_bn, *dilated.layers_bn):
            norm.running_mean.normal_(generator=generator)
            norm.running_var.uniform_(0.5, 2, generator=generator)
        strided = StridedTemporalModel(17, 2, 17, widths, is_causal).eval()
        strided.load_state_dict(dilated.state_dict())
        clips = torch.randn(8, dilated.receptive_field(), 17, 2, generator=generator)
        with torch.no_grad():
            worst = max(worst, (dilated(clips) - strided(clips)).abs().max().item())
judge("VP3D-C48", difference=1000 * worst)

# %% [markdown]
# ## Verdicts

# %%
verdicts.save(provenance())
verdicts.show()

# %% [markdown]
# ## What to try next
#
# * Give the model other widths, `(5, 5, 5)` or `(3, 5, 7)`: is the receptive field still a tree? Which is the
#   cheapest way to see 243 frames?
# * Set `centred.dilations` to `(1, 2, 4)` and call `architecture.paths_per_frame` again: how many paths lead to the
#   middle?
# * `phdlib.folding.fold_batch_norm(model)` is a faster form of the same function for long clips; `pytest
#   tests/benchmarks/test_lifting_speed.py -s` says how much faster on your machine.
# * Does seeing more pay? `02_supervised` trains the single-frame, the causal and the full model.
