# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # One frame at a time: how VideoPose3D makes its batches
#
# A convolutional network can predict a whole stretch of video at once, and would waste nothing. VideoPose3D (Pavllo,
# Feichtenhofer, Grangier and Auli, CVPR 2019; "VP3D A.5" is its appendix A.5) trains otherwise: every sample is a
# window around one single frame, and a batch mixes windows from everywhere. This notebook cuts such batches (**Figure
# 9a**), looks at what neighbouring frames do to the statistics of a batch, and trains the same network with 1 to 32
# frames predicted per sample, for their errors and for their speed (**Figure 9b**). Three details follow: what stands
# beyond the ends of a clip, which statistics inference uses, and whether it needs batches.
#
# *Time:* about six minutes for the trainings of the `standard` profile, two at a time on two cores; a minute
# once they are cached; less with `smoke`. Why the strided form ("1f") computes less is drawn in `01_temporal_model`.

# %% tags=["parameters"]
profile = None  # smoke, standard or paper; None: $PHDLIB_PROFILE, or standard
data = None  # None: $PHDLIB_DATA_SOURCE, or embedded

# %%
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import torch
from IPython.display import Markdown, display
from scipy.stats import spearmanr

from phdlib import (
    ablations,
    architecture,
    batching_details,
    captions,
    checks,
    figures_batching,
    opening,
    publish,
)
from phdlib.benchmarks import seconds_per_frame
from phdlib.data.clip import TEMPORAL
from phdlib.data.windows import Windows
from phdlib.evaluation import average
from phdlib.experiments import load_clips, run_all
from phdlib.findings import Finding, Judgement
from phdlib.folding import fold_batch_norm
from phdlib.lifting import TemporalModel, mirror
from phdlib.profiles import SINGLE_FRAME
from phdlib.statistics import bootstrap
from phdlib.throughput import Recurrent, seconds_by_batch
from phdlib.timing import times_as_fast
from phdlib.verdicts import Verdicts

pd.set_option("display.max_colwidth", None)
profile, data = opening.begin(profile, data)
here = {"paper": "videopose3d", "notebook": "notebooks/videopose3d/05_batching.ipynb"}
title = "How training batches are cut from video, and what several predicted frames per sample cost and save"
verdicts = Verdicts(here["notebook"], data)

# %% [markdown]
# ## Figure 9a: seven frames, seven samples
#
# A video of seven frames and a network that sees five. Every frame is the predicted one of one sample, also the first
# and the last: there the border frame is repeated. The drawing is not made from this description but from the class
# that the trainings use: it cuts seven frames of a real clip, and each frame of a sample is looked up in the clip.

# %%
clips = load_clips(data, "fine_tuned", "train")
clip = clips[0]
known = [name for name in TEMPORAL if getattr(clip, name) is not None]
video = replace(clip, **{name: getattr(clip, name)[:7] for name in known})
samples = Windows([video], receptive_field=5, flip=False).gather(torch.arange(7))

# (sample, place in it, frame of the video, J, 2)
same = samples.keypoints[:, :, None] == video.screen_keypoints()
seen = same.flatten(3).all(-1).int().argmax(-1).numpy()
fig = figures_batching.figure_9a(seen)
saved = publish.save_figure(
    "videopose3d-figure-9",
    fig,
    part="a",
    title=title,
    caption="A row per sample, time to the right; shades number the frames. Here 7 frames and a network that sees 5.",
    provenance=publish.Provenance(profile=profile, data=data, seeds=(), seconds=0),
    **here,
)

# %% [markdown]
# With a step size of C, a sample predicts C neighbouring frames and sees F + C - 1, and a batch has 1/C as many
# samples: the number of predicted frames per batch, and with it the number of weight updates, stays the same (A.5).

# %%
groups = ablations.chunk_sizes(profile, data)
steps = [name for name in groups if name != "1f"]
first = {name: group[0] for name, group in groups.items()}
pd.DataFrame(
    {
        name: {
            "samples per batch": one.recipe.batch_size,
            "predicted frames in each": one.chunk,
        }
        for name, one in first.items()
    }
).rename_axis(columns="step size")

# %% [markdown]
# ## What neighbours do to the statistics of a batch
#
# **The claim** (VP3D 5.3): batch normalisation takes the samples of a batch for independent ones, and frames from one
# stretch of video are not. So let us see what a batch believes. For each step size, draw batches from the training
# data and take the mean of the network's input over each, which is what a norm right behind the input would subtract.
# Were the n samples independent, that mean would scatter from batch to batch by 1 / √n of the data's own standard
# deviation. Turned round: the scatter says how many independent samples a batch is *worth*. **Expect** something like
# the number of samples, which nearly always come from different segments, not that of the frames. (Estimated from 200
# batches, drawn without replacement: it can come out a little above the number of samples.)

# %%
generator = torch.Generator().manual_seed(0)
means = {}
for name in steps:
    windows = Windows(clips, 27, chunk=first[name].chunk)
    drawn = windows.epoch(first[name].recipe.batch_size, generator, steps=200)
    means[name] = torch.stack([b.keypoints.mean((0, 1)) for b in drawn])  # (batches, J, 2)
points = torch.cat([clip.screen_keypoints() for clip in clips])
spread = torch.cat((points, mirror(points, clip.skeleton))).std(0)  # (J, 2)
worth = {
    name: (spread / of_one.std(0)).square().mean().item() for name, of_one in means.items()
}
batches = [
    {
        "step size": name,
        "samples per batch": one.recipe.batch_size,
        "frames seen per sample": 27 + one.chunk - 1,
        "frames predicted per batch": one.recipe.batch_size * one.chunk,
        "worth, in independent samples": round(worth[name], 1),
    }
    for name, one in first.items()
    if name in worth
]
pd.DataFrame(batches).set_index("step size")

# %% [markdown]
# Worth is the mean over the network's 34 inputs. Each dot below is one batch: where it believes the mean of one joint,
# the right wrist, to be in the image (screen units); the circle is one standard deviation of that joint's place.

# %%
wrist = clip.skeleton.index("right_wrist")
shown = {f"step size {name}": means[name][:, wrist].numpy() for name in ("1", "8", "32")}
fig = figures_batching.batch_means(shown, spread[wrist].numpy())
captions.show(
    fig,
    "A dot per batch; x and y in screen units (half the image's width is 1). More spread: fewer independent samples.",
)

# %% [markdown]
# ## The trainings
#
# A network of 27 frames, as in A.5, for every step size; the same in its strided form, "1f"; and, for the last question
# below, the single-frame network under the same recipe: as many predicted frames per batch, as many updates, but one
# frame seen. These are the profile's differences from the paper. Mind the batch: where it holds fewer frames than the
# paper's 1024, it holds fewer segments too at every step size, so correlation may do more harm than in the paper.

# %%
cut = ablations.departures(profile)
cut[cut["what"].isin(["channels", "dropout"]) | cut["what"].str.endswith("Figure 9")]

# %%
alone = [e.model_copy(update={"filter_widths": SINGLE_FRAME}) for e in groups["1f"]]
every = {**groups, "one frame": alone}
results = run_all([experiment for group in every.values() for experiment in group])
results = {name: [results.pop(0) for _ in group] for name, group in every.items()}
tables = {name: [result.clips for result in of_model] for name, of_model in results.items()}
errors = {name: [average(t, "mpjpe") for t in of_one] for name, of_one in tables.items()}
seeds = tuple(experiment.seed for experiment in alone)
seconds = sum(result.seconds for of_model in results.values() for result in of_model)
provenance = publish.Provenance(
    profile=profile,
    data=data,
    seeds=seeds,
    seconds=round(seconds, 1),
    settings={"keypoints": "fine_tuned", "receptive field": 27},
)

# %% [markdown]
# ## How fast?
#
# The trainings ran beside one another, so their own clocks are no fair comparison. Here the loops run anew on a few
# of the clips, for some batches each, on one thread (or the GPU), in turns: all configurations, and again, and again.
# A speed-up is the median over the rounds of the ratio of two times per predicted frame, with a bootstrap interval
# over rounds; it says how steady this machine is, and nothing about other machines.

# %%
threads = torch.get_num_threads()
torch.set_num_threads(1)
timed = {**first}
for name in ("1", "1f"):
    timed[f"{name}, 81 frames"] = first[name].model_copy(update={"filter_widths": (3,) * 4})
taken = seconds_per_frame(timed, clips[:16], batches=6, rounds=9)
torch.set_num_threads(threads)


def speed_up(one: str, other: str = "1"):
    """How many times as fast as ``other`` ``one`` trains, per predicted frame."""
    return times_as_fast(taken[one], taken[other], np.random.default_rng(0))


speed = {name: speed_up(name) for name in groups}
strided = {27: speed["1f"], 81: speed_up("1f, 81 frames", "1, 81 frames")}

# %% [markdown]
# ## Figure 9b: error and speed against step size

# %%
fig = figures_batching.figure_9b(
    {name: errors[name] for name in groups}, speed, errors["one frame"]
)
figure_9b = pd.DataFrame(
    {
        "MPJPE, mm": {name: np.mean(errors[name]) for name in every},
        "± seeds": {name: np.std(errors[name]) for name in every},
        "training speed": {name: speed[name].value for name in groups},
    }
).rename_axis("step size")
common = {"title": title, "provenance": provenance, **here}
caption = (
    "Left: MPJPE by step size, a dot per seed; right: training speed against step size 1, with its interval. Green: the "
    'strided form "1f"; dashed: the network that sees one frame (left), equal speed (right).'
)
publish.save_figure("videopose3d-figure-9", fig, part="b", caption=caption, **common)
# Measured times differ from run to run: they have a file of their own, which is not compared between runs.
for part, columns in (("b", ["MPJPE, mm", "± seeds"]), ("b_speed", ["training speed"])):
    publish.save_table(
        "videopose3d-figure-9", figure_9b[columns].dropna(), part=part, digits=2, **common
    )
figure_9b.round(2)

# %% [markdown]
# ## Does the error rise with the step size?
#
# **The claim** (A.5): predicting several neighbouring frames per sample generalises worse, the more the worse. The
# paper draws the curve and prints no numbers. Judged by the rank correlation of step size and MPJPE over the six
# layered trainings, and by step size 32 against 1; intervals from a bootstrap over seeds and takes.

# %%
sizes = [int(name) for name in steps]


def compare(models: list[str], statistic):
    """A statistic of the models' average MPJPE, with its bootstrap interval."""
    rng = np.random.default_rng(0)
    return bootstrap([tables[name] for name in models], "mpjpe", statistic, rng)


rank = compare(steps, lambda *of_sizes: spearmanr(sizes, of_sizes).statistic)
rise = compare(["32", "1"], lambda many, one: many - one)
verdicts.judge("VP3D-C45", {"rho": rank, "rise": rise})
display(
    Markdown(
        f"Rank correlation {rank.value:.2f} ({rank.low:.2f} to {rank.high:.2f}); step size 32 against 1: "
        f"{rise.value:+.2f} mm ({rise.low:+.2f} to {rise.high:+.2f})."
    )
)

# %% [markdown]
# **A stronger form** (5.3): predicting many adjacent frames is worse than using no temporal information at all. The
# paper says so of preliminary experiments, without saying how many frames. Judged here by the largest step size
# against the single-frame network.

# %%
worse = compare(["32", "one frame"], lambda many, single: many - single)
verdicts.judge("VP3D-C49", {"worse": worse})
display(
    Markdown(
        f"Step size 32 against the single frame: {worse.value:+.2f} mm ({worse.low:+.2f} to {worse.high:+.2f}). Step size "
        f"1, with its 27 frames: {np.mean(errors['1']) - np.mean(errors['one frame']):+.2f} mm; how much time helps at all "
        "is the subject of `02_supervised`."
    )
)

# %% [markdown]
# ## What does it save?
#
# **The claims** (A.5): training gets faster with the step size; and the strided form speeds up single-frame prediction
# by a factor of about 2 with 27 frames and about 4 with 81. **Expect** from counting: the products that one output
# needs, layer by layer and strided, and their ratio. A measured factor differs where something else than products
# takes time. It is also a factor between two programs: ours computes strided convolutions as plain matrix products,
# which are faster by themselves on a CPU. More than the paper's factor counts as reproduced too.

# %%
products = {}
for frames, name in ((27, "1"), (81, "1, 81 frames")):
    layers = architecture.layers(timed[name].model())
    layered = sum(layer.flops * layer.frames for layer in layers) / 2
    states, needed = frames, 0
    for layer in layers:  # a strided convolution leaves one state of each W
        states //= layer.width
        needed += layer.flops * states / 2
    products[f"{frames} frames"] = {
        "layer by layer, million products": layered / 1e6,
        "strided, million products": needed / 1e6,
        "ratio": layered / needed,
        "measured speed-up": strided[frames].value,
        "published speed-up": {27: "about 2", 81: "about 4"}[frames],
    }
pd.DataFrame(products).T.infer_objects().round(2)

# %%
bound = checks.bound("VP3D-C46", "speed-up")
doublings = tuple(
    Finding(f"step size {more} against {fewer}", speed_up(more, fewer), bound)
    for fewer, more in pairwise(steps)
)
verdicts.enter(Judgement("VP3D-C46", doublings))
verdicts.judge("VP3D-C47", {f"{frames} frames": strided[frames] for frames in (27, 81)})
verdicts.not_testable("VP3D-C26")
display(
    Markdown(
        f"Step size 32 against 1: {speed['32'].value:.1f} times as fast. Strided against layer by layer: "
        + " and ".join(
            f"{effect.value:.1f} times ({effect.low:.1f} to {effect.high:.1f}) with {frames} frames"
            for frames, effect in strided.items()
        )
        + "."
    )
)

# %% [markdown]
# ## At the ends of a clip
#
# **The claim** (VP3D 3): in early experiments, convolutions that pad nothing, before which the border frames of a clip
# are repeated (Figure 9a), did better than the usual zero padding. That puts zeros beyond the ends in *every* layer, so
# that each answers as many frames as it gets. `phdlib.zero_padding` is the same function in the paper's unpadded form:
# the same windows train it, and nothing but the borders differs. With 27 frames these matter to 13 at each end of a
# clip; **expect** a difference there, and hardly one in the mean over all frames.
#
# ## Which statistics will inference use?
#
# **The claim** (5.3): inference uses running estimates of batch norm's statistics; with the usual momentum of 0.1 they,
# and with them the test error, fluctuate (the paper: by 1 mm); a momentum that decays to 0.001 calms both. Training
# itself never looks at the estimates, so the two schedules here have the *same weights* in every epoch. What differs is
# the estimates alone. The paper's last momentum averages over some 1000 batches, a third of its epoch; the profile's
# (the table below), over as many batches as its shorter epochs have.

# %%
cut[~cut["what"].str.contains("Figure 9|HumanEva|LSTM")]

# %%
plan = {**ablations.momenta(profile, data), **ablations.borders(profile, data)}
trained = run_all([experiment for group in plan.values() for experiment in group])
found = {name: [trained.pop(0) for _ in group] for name, group in plan.items()}
seconds = sum(result.seconds for of_one in found.values() for result in of_one)
common = {
    "provenance": provenance.model_copy(update={"seconds": round(seconds, 1)}),
    **here,
}

# %%
worse_by = batching_details.zeros_less_repeated(found)
at_borders = batching_details.border_table(found, worse_by)
publish.save_table(
    "videopose3d-figure-9",
    at_borders,
    part="borders",
    title="Repeated border frames and zero padding in every layer, models of 27 frames",
    digits=dict.fromkeys(at_borders, 2) | {"frames": 0},
    **common,
)
verdicts.judge("VP3D-C51", worse_by)
at_borders.round(2)

# %% [markdown]
# The running estimates, then. Below, the test error after each of the last epochs, a line per seed: where the two
# schedules differ, they differ in nothing but the estimates. The weights still move, too, and with them both lines of a
# seed; scatter is counted about the straight line through a seed's errors, so that a common trend is none.

# %%
schedules = {
    name: "{:g} to {:g}".format(*plan[name][0].recipe.bn_momentum)
    for name in ("usual", "decaying")
}
momenta = {name: found[name] for name in schedules}
late = batching_details.late_errors(momenta)
common |= {
    "part": "momentum",
    "title": "Test error after each of the last epochs, with two schedules of batch norm's momentum",
}
saved = publish.save_figure(
    "videopose3d-figure-9",
    figures_batching.by_epoch(
        {f"momentum {schedules[name]}": of_one for name, of_one in late.items()},
        plan["usual"][0].recipe.epochs,
    ),
    caption="A line per seed. The n-th grey and the n-th blue line are of the same weights.",
    **common,
)

# %%
scattered = batching_details.scatters(momenta)
by_schedule = batching_details.momentum_table(momenta, scattered).rename(index=schedules)
publish.save_table("videopose3d-figure-9", by_schedule, digits=2, **common)
verdicts.judge("VP3D-C50", {name: scattered[name] for name in ("usual", "calmer")})
by_schedule.round(2)

# %% [markdown]
# ## Does inference need batches?
#
# **The claim** (6.1): at inference, speed is largely independent of the batch size, because a convolution works on all
# frames of a sequence at once; a recurrent network has to wait for one frame before the next, and is slow on a single
# sequence. The paper measured on a GPU, 150,000 frames per second on one long sequence. Here the 243-frame model, and
# for comparison an LSTM of as many channels, answer a number of poses, once as one long sequence and then as 4 and 16
# shorter ones. It is *one thread of a CPU* (unless there is a GPU), where a batch promises less than on a GPU; whether
# it helps the LSTM tells whether this measure could have shown a gain. Each sequence brings 242 frames of context, so
# that 16 of them cost a little more: the table counts the frames given.

# %%
asked = ablations.inference(profile)
channels, poses = asked.pop("channels"), asked["poses"]
convolutions = TemporalModel(17, 2, 17, (3,) * 5, channels=channels).eval()
models = {
    "convolutions, layer by layer": convolutions,
    "convolutions, as inference here runs them": fold_batch_norm(convolutions),
    "LSTM": Recurrent(17, 2, channels),
}
threads = torch.get_num_threads()
torch.set_num_threads(1)
spent = seconds_by_batch(models, **asked)
torch.set_num_threads(threads)
device = "one GPU" if torch.cuda.is_available() else "one CPU thread"
fields = {name: model.receptive_field() for name, model in models.items()}
speeds = batching_details.speed_table(spent, poses, fields)
publish.save_table(
    "videopose3d-figure-9",
    speeds,
    part="inference_speed",  # measured times, which are not compared between runs
    title=f"Inference at several batch sizes, {poses} poses in all, {channels} channels, {device}",
    provenance=publish.Provenance(profile=profile, data=data, seeds=(), seconds=0),
    digits=dict.fromkeys(speeds.select_dtypes(float), 2) | {"poses per second": 0},
    **here,
)
faster = batching_details.against_one(spent["convolutions, layer by layer"])
verdicts.judge("VP3D-C27", {str(n): faster[n] for n in (4, 16)}, note=f"on {device}")
speeds.round(2)

# %% [markdown]
# ## Verdicts
#
# Each is a statement of the paper with a threshold of ours, set before the trainings.

# %%
verdicts.save(provenance)
verdicts.show()

# %% [markdown]
# ## What to try next
#
# * `Windows(clips, 27, chunk=32)` with four times the samples per batch: does the batch's worth in independent samples
#   grow with the number of segments, or with the number of frames?
# * Raise `channels` of the timed configurations: does the measured factor come nearer to the counted one?
# * `phdlib.benchmarks` times the project's training loop against a plain one: `python -m phdlib.benchmarks`.
