# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What does it run on? Detectors, and a small data set
#
# VideoPose3D (VP3D) never sees a picture: its input is what some 2D detector made of one. And its main data set,
# Human3.6M, is a large one. This notebook asks for both what happens elsewhere. How does the 3D error follow the
# quality of the 2D input (**Table 3**)? And does the model still learn from a data set of minutes, where motion capture
# fails now and then (**Table 4**, HumanEva-I in the paper)?
#
# *Time:* about five minutes for the trainings of the `standard` profile, two at a time on two cores, where
# `02_supervised` has left its share; half a minute once all are cached; under a minute with `smoke`. The detector and
# the motion are explained in `00_data`.

# %% tags=["parameters"]
profile = None  # smoke, standard or paper; None: $PHDLIB_PROFILE, or standard
data = None  # None: $PHDLIB_DATA_SOURCE, or embedded

# %%
import numpy as np
import pandas as pd
import torch
from IPython.display import Markdown, display

from phdlib import (
    ablations,
    beyond,
    captions,
    detector_tables,
    figures_inputs,
    opening,
    publish,
    published,
)
from phdlib.beyond import measured
from phdlib.comparisons import evaluate_again
from phdlib.data import detector, embedded, humaneva_role
from phdlib.data.split import load_split
from phdlib.detector_tables import (
    CELL,
    STANDS_FOR,
    WITH_CORRUPT,
    along,
    level_errors,
    small_data,
)
from phdlib.evaluation import average
from phdlib.experiments import load_clips, run_all
from phdlib.small_data import CELL_NAMES, as_seen, over_seeds
from phdlib.statistics import bootstrap
from phdlib.verdicts import Verdicts
from phdlib.yardsticks import one_pose_errors, pixel_error

pd.set_option("display.max_colwidth", None)
profile, data = opening.begin(profile, data)
here = {
    "paper": "videopose3d",
    "notebook": "notebooks/videopose3d/03_detectors_and_small_data.ipynb",
}

# %% [markdown]
# Table 3 is about the full model of `02_supervised`, at the same size and with the same recipe; what those cut against
# the paper is listed there. Table 4 has a recipe of its own, and so its own list:

# %%
departures = ablations.departures(profile)
departures[
    departures["what"].str.contains("HumanEva")
    | departures["what"].isin(["channels", "dropout"])
]


# %%
def train(groups: dict[str, list]) -> dict[str, list]:
    """The results of named models, a list over seeds for each; what is missing is trained."""
    results = run_all([experiment for group in groups.values() for experiment in group])
    return {name: [results.pop(0) for _ in group] for name, group in groups.items()}


def provenance(results: dict[str, list], **settings) -> publish.Provenance:
    """Where the numbers of a set of results come from, and how long their trainings took."""
    seconds = sum(result.seconds for group in results.values() for result in group)
    seeds = ablations.SIZES[profile].seeds
    return publish.Provenance(
        profile=profile,
        data=data,
        seeds=seeds,
        seconds=round(seconds, 1),
        settings=settings,
    )


# %% [markdown]
# ## Table 3: better keypoints, better poses?
#
# **The claims** (VP3D 6.1). Fine-tuning a detector on the data at hand pays: with the cascaded pyramid network (CPN)
# the error falls from 52.1 to 46.8 mm. The lifter works with any detector, also one that was never fine-tuned (5.2).
# CPN and Mask R-CNN give better keypoints than the stacked hourglass. And the gain over earlier lifters is not only one
# of detectors, because it shows on equal keypoints too.
#
# There are no pictures and no detectors here, but a **noise model** with four named levels. A level stands beside one
# row of the paper's table by its rank, nothing else: `gt` beside the paper's ground truth, `fine_tuned` beside CPN FT,
# `pre_trained` beside CPN PT, `coarse` beside the weakest detector of the paper, the pre-trained stacked hourglass. How
# large the error of a level is was our choice. So what one network of the paper gives against another cannot be asked
# of it, nor what fine-tuning is worth (C11) or whether any detector will do (C54): by how many pixels it helps was given.
# What can be measured is what a given error of the input does to the output, and that stands beside the two claims.
# **Expect** the error to grow with that of the input, from what remains on true keypoints.
#
# First the input: mean distance in pixels between keypoint and projected joint on the test clips, where a person is
# about 400 pixels tall.

# %%
tests = {level: load_clips(data, level, "test") for level in detector.LEVELS}
pixel_errors = {
    level: torch.cat([pixel_error(clip) for clip in clips])
    for level, clips in tests.items()
}
pixels = {level: error.mean().item() for level, error in pixel_errors.items()}
pd.DataFrame(
    {
        "mean 2D error, px": pixels,
        "errors over 20 px, %": {
            level: 100 * (error > 20).float().mean().item()
            for level, error in pixel_errors.items()
        },
    }
).round(2)

# %% [markdown]
# Second, a yardstick: about the best answer that does not look at the 2D input at all, one pose for everybody at all times.
# For MPJPE it is the mean training pose in front of the camera, for P-MPJPE the mean shape of the training poses.

# %%
one_pose = one_pose_errors(load_clips(data, "gt", "train"), tests["gt"])
experiments = ablations.detectors(profile, data)
results = train(experiments)
table_3_from = provenance(results, keypoints=list(experiments))

# %%
paper = published.table("videopose3d-table-3")
errors, table_3 = level_errors(results), detector_tables.table_3(results, pixels, one_pose)
full = experiments["gt"][0]
title = (
    f"The full model of Table 1 ({full.model().receptive_field()} frames, {full.channels} channels, "
    f"{results['gt'][0].steps} steps) on four levels of 2D input: MPJPE (P1) and P-MPJPE (P2), mm"
)
publish.save_table(
    "videopose3d-table-3", table_3, title=title, provenance=table_3_from, **here
)
table_3.round(1).astype(object).where(table_3.notna(), "")

# %%
fig = figures_inputs.error_against_input(
    pixels, {"P1 (MPJPE)": errors["P1"], "P2 (P-MPJPE)": errors["P2"]}
)
captions.show(
    fig,
    "3D error against 2D error, a mark per seed, the line through the means. At 0 px the keypoints are true.",
)

# %%
means = {level: table_3.loc[level, "P1"] for level in results}
slope = (means["coarse"] - means["fine_tuned"]) / (pixels["coarse"] - pixels["fine_tuned"])
display(
    Markdown(
        f"From `fine_tuned` to `coarse` the 2D error grows by a factor of "
        f"**{pixels['coarse'] / pixels['fine_tuned']:.1f}** and the MPJPE by one of "
        f"**{means['coarse'] / means['fine_tuned']:.2f}** (published, from the best to the weakest detector: "
        f"{paper['P1'][STANDS_FOR['coarse']] / paper['P1'][STANDS_FOR['fine_tuned']]:.2f}): {slope:+.1f} mm for each pixel. On true keypoints {means['gt']:.1f} mm remain, which no "
        f"better detector would take away. One pose for all is off by {table_3.loc['none: one pose', 'P1']:.0f} mm."
    )
)

# %% [markdown]
# ### Verdicts
#
# What only real detectors, or other authors' lifters, could show is not testable here. C11 and C54 were judged at first, by
# two levels of the noise model, and both were called reproduced; what was measured is kept beside them. Intervals are a
# bootstrap over seeds and over takes.


# %%
def compare(tables: list[list[pd.DataFrame]], metric: str, statistic):
    """A statistic of the averages of models, each a list of tables over seeds."""
    return bootstrap(tables, metric, statistic, np.random.default_rng(0))


of_level = {level: [result.clips for result in group] for level, group in results.items()}
claims = Verdicts(here["notebook"], data)
gain = compare(
    [of_level["pre_trained"], of_level["fine_tuned"]], "mpjpe", lambda pre, fine: pre - fine
)
claims.not_testable(
    "VP3D-C11",
    note=f"Between the two levels of the noise model lie {pixels['pre_trained'] - pixels['fine_tuned']:.1f} pixels, which "
    f"were given, and {gain.value:.1f} mm of MPJPE ({gain.low:.1f} to {gain.high:.1f}), which were measured.",
)

kept = compare(
    [[one_pose], of_level["coarse"], of_level["fine_tuned"]],
    "mpjpe",
    lambda none, coarse, fine: 100 * (none - coarse) / (none - fine),
)
over_one = compare(
    [[one_pose], of_level["fine_tuned"]], "mpjpe", lambda none, fine: none - fine
)
claims.not_testable(
    "VP3D-C54",
    note=f"Of the {over_one.value:.0f} mm of MPJPE ({over_one.low:.0f} to {over_one.high:.0f}) that are gained over one "
    f"constant pose on the noise model's fine-tuned level, {kept.value:.0f} % ({kept.low:.0f} to {kept.high:.0f}) are "
    "kept on its coarse one.",
)
for id in ("VP3D-C10", "VP3D-C12", "VP3D-C13", "VP3D-C14", "VP3D-C52"):
    claims.not_testable(id)
claims.save(table_3_from)
claims.show()

# %%
pair = [of_level["gt"], of_level["fine_tuned"]]
between = pixels["coarse"] - pixels["fine_tuned"]
best = paper["P1"][STANDS_FOR["gt"]] / paper["P1"][STANDS_FOR["fine_tuned"]]
found = beyond.save(
    "beyond-perfect-keypoints",
    "How much of the error no better detector would take away",
    "Of the MPJPE on keypoints of the fine-tuned level, true keypoints leave {left} (published: {printed}). Between the "
    "fine-tuned and the coarse level each pixel of 2D error costs {pixel}, where a person is about 400 pixels tall.",
    {
        "left": measured("MPJPE on true keypoints, of that on the fine-tuned level's", compare(pair, "mpjpe", lambda gt, fine: 100 * gt / fine), "%"),
        "printed": measured("the same, published, CPN fine-tuned", 100 * best, "%"),
        "left_aligned": measured("P-MPJPE on true keypoints, of that on the fine-tuned level's", compare(pair, "p_mpjpe", lambda gt, fine: 100 * gt / fine), "%"),
        "pixel": measured(
            "MPJPE per pixel of 2D error, from the fine-tuned to the coarse level",
            compare([of_level["coarse"], of_level["fine_tuned"]], "mpjpe", lambda a, b: (a - b) / between), "mm",
        ),
    },
    "What a real detector's pixels cost: the levels are a noise model, all with the same kind of noise. What is left on true "
    "keypoints depends on the networks' size and training, which the interval does not vary.",
    files=["videopose3d-table-3.md"], notebook=here["notebook"], provenance=table_3_from,
)  # fmt: skip
Markdown(found.page())

# %% [markdown]
# ## Table 4: a small data set
#
# HumanEva-I has three subjects, three actions and three cameras, and tests on the people that it trains on. **The
# claims** (VP3D 6.1): the model works on such a small data set too, with lower errors than all before it; one model for
# all actions (multi-action, MA) is at least as good as one per action (single-action, SA); and the high error in one
# cell, Walk of S3, comes from motion capture that is corrupt.
#
# Our stand-in keeps the form: three subjects, each with a body of their own, three actions, three cameras, 60 Hz, 15
# joints, 27 frames, keypoints of a detector that was not fine-tuned (`pre_trained`), Protocol 2 (P-MPJPE). The actions
# are walking, uneven walking (it stands where the paper has Jog: nobody in the embedded motion jogs for long) and
# punching (Box). This is all of it, in frames of one camera:

# %%
parts = {
    part: load_clips(data, "pre_trained", part, "humaneva")
    for part in ("train", "test", "corrupt")
}
frames = pd.DataFrame(
    [
        {"cell": f"{clip.action} {clip.subject}", "part": part, "frames": len(clip)}
        for part, clips in parts.items()
        for clip in clips
        if clip.camera.name == clips[0].camera.name
    ]
)
frames = frames.pivot_table(
    index="cell", columns="part", values="frames", aggfunc="sum", fill_value=0
)
frames = frames.loc[list(CELL_NAMES), list(parts)]
minutes = frames.sum() / humaneva_role.FPS / 60
display(frames.T)
display(
    Markdown(
        f"In all {minutes['train']:.1f} minutes of training, {minutes['test']:.1f} of test."
    )
)

# %% [markdown]
# "Some frames in HumanEva are corrupted by sensor dropout and we split the corrupted videos into valid contiguous
# chunks and treat them as independent videos" (5.3). Our motion was cleaned, so its dropouts are drawn: one in about
# six seconds, a tenth to half a second long. Each line below is a take; black is where motion capture is lost, and what
# is left between is a clip of its own (a chunk under half a second is dropped). A take that serves training and test
# has two seconds left out between.
#
# The orange stretch is worse: there motion capture *goes on*, but wrong. It holds one pose for two seconds while the
# person, and the video, walk on. We put it there, in the role of HumanEva's Walk of S3. It is kept out of everything
# that follows, until the question is asked what it does.

# %%
segments = load_split(embedded.source_files()[1])
fig = figures_inputs.chunk_timeline([s for s in segments if s.role == "humaneva"])
captions.show(
    fig,
    "Every take of the role along its time: training grey, test blue, lost black, wrong orange, left out hatched.",
)

# %%
experiments = ablations.humaneva(profile, data)
results = train(experiments)
table_4_from = provenance(results, keypoints="pre_trained", role="humaneva")
batch = ablations.SIZES[profile].humaneva_recipe.batch_size
trained_on = {
    name: sum(map(len, group[0].clips("train"))) for name, group in experiments.items()
}
pd.DataFrame(
    {
        "training poses (frames x cameras)": trained_on,
        "steps": {name: group[0].steps for name, group in results.items()},
        "times each pose was drawn": {
            name: round(group[0].steps * batch / trained_on[name], 1)
            for name, group in results.items()
        },
    }
)

# %% [markdown]
# Mind the last column. An epoch of the paper is a pass over the data, so that its SA and MA models see each pose equally
# often. Where a profile fixes the number of steps instead, the MA model gets as many times the steps as there are
# actions: the same on average, though not action by action. **Mind** that this rule came after a result: with as many
# steps for MA as for each SA model, MA's mean P-MPJPE was 9 % higher (an earlier recipe), and the verdict below would be
# the opposite.
#
# Both kinds of model also answer for the corrupt video. The last row of the table is Walk of S3 with it, as the paper's
# Walk of S3 was measured; the row "walking S3" leaves it out. (The video is the orange stretch of two seconds; the rest
# of its take is sound, and among the test videos.)

# %%
found = small_data(
    experiments,
    results,
    parts["corrupt"],
    one_pose_errors(parts["train"], parts["test"]),
    one_pose_errors(parts["train"], parts["corrupt"]),
)
sound, columns = found.sound, {name: found.cells(name) for name in found.sound}
paper, table_4 = published.table("videopose3d-table-4"), detector_tables.table_4(found)
cell, with_corrupt = CELL, WITH_CORRUPT
title = "A small data set in the role of HumanEva-I: P-MPJPE, mm, of single-action (SA) and multi-action (MA) models"
publish.save_table(
    "videopose3d-table-4", table_4, title=title, provenance=table_4_from, **here
)
table_4.round(1).astype(object).where(table_4.notna(), "")

# %% [markdown]
# "One pose" is the yardstick again: a mannequin in the mean shape of the training poses, turned and scaled to fit each
# frame. What a model has learned is what its error lies below that column.

# %%
over_cells = table_4.loc[list(CELL_NAMES), ["SA", "MA", "one pose"]].mean()
display(
    Markdown(
        f"Mean over the nine cells: SA **{over_cells['SA']:.1f}** mm, MA **{over_cells['MA']:.1f}** mm, one pose for all "
        f"{over_cells['one pose']:.1f} mm. With {minutes['train']:.1f} minutes of training motion the error of "
        f"the MA model is {100 * over_cells['MA'] / over_cells['one pose']:.0f} % of the constant pose's."
    )
)

# %% [markdown]
# ### What the corrupt video does
#
# If a test video's motion capture is wrong, a network that is right is charged for it. In our video we know what the
# person did, so it can be shown: the error of the MA model (first seed) along that take, measured against what the file
# says and against what the camera saw.

# %%
ma = list(zip(experiments["MA"], results["MA"], strict=True))
model = ma[0][0].trained_model(ma[0][1])
camera, take = parts["corrupt"][0].camera.name, parts["corrupt"][0].take.split("@")[0]
asked = {
    "against the file": [*parts["test"], *parts["corrupt"]],
    "against what the camera saw": as_seen(parts["corrupt"]),
}
curves = {name: along(model, clips, take, camera) for name, clips in asked.items()}
held = tuple(frame / 50 for frame in humaneva_role.HELD[take])
fig = figures_inputs.error_over_time(curves, held, "P-MPJPE, mm")
captions.show(
    fig,
    "The MA model's error along the take with the corrupt stretch (shaded), one camera, first seed.",
)

# %%
seen = as_seen(parts["corrupt"])
against = {
    "the file": average(pd.concat(found.corrupt["MA"]), "p_mpjpe"),
    "what the camera saw": np.mean(
        [average(evaluate_again(*pair, seen), "p_mpjpe") for pair in ma]
    ),
}
paper_sa, paper_ma = paper.loc["Ours (SA)"], paper.loc["Ours (MA)"]
display(
    Markdown(
        f"In the corrupt video the MA model's P-MPJPE is **{against['the file']:.1f}** mm against the file and "
        f"**{against['what the camera saw']:.1f}** mm against what the camera saw. Its Walk of S3 comes to "
        f"{table_4.loc[with_corrupt, 'MA']:.1f} mm with that video and {table_4.loc[cell, 'MA']:.1f} mm without; its "
        f"Walk of S1 and S2 to {table_4.loc['walking S1', 'MA']:.1f} and {table_4.loc['walking S2', 'MA']:.1f} mm. In "
        f"the paper the three are {paper_ma['Walk_S3']}, {paper_ma['Walk_S1']} and {paper_ma['Walk_S2']} mm."
    )
)

# %% [markdown]
# ### Verdicts
#
# For MA against SA the interval is over seeds and takes; the mean is one over the nine cells. Most cells have a single
# test take, which then contributes no spread: the interval says nothing about other takes. "At least as good" cannot
# mean better: it counts as reproduced if a loss of 2 %, about as large as the paper's gain, can be excluded. Leaving
# out our own corrupt video is no test of what was wrong in HumanEva's, however much it changes.

# %%
claims = Verdicts(here["notebook"], data)
better = compare([sound["SA"], sound["MA"]], "p_mpjpe", lambda sa, ma: 100 * (1 - ma / sa))
per_cell = (table_4["SA"] - table_4["MA"]).loc[list(CELL_NAMES)]
after_a_look = "MA takes as many times the steps of SA as there are actions, a rule made after a first result"
claims.judge("VP3D-C18", {"gain": better}, after_a_look)

drops = {}
for name in sound:
    share = 100 * (1 - columns[name].loc[cell] / columns[name].loc[with_corrupt])
    drops[name] = over_seeds(share.to_numpy(), np.random.default_rng(0))
for id in ("VP3D-C17", "VP3D-C19"):
    claims.not_testable(id)
claims.save(table_4_from)
claims.show()

# %%
display(
    Markdown(
        f"Cell by cell, MA is lower than or equal to SA in **{(per_cell >= 0).sum()} of {len(per_cell)}** (published: "
        f"{(paper_ma <= paper_sa).sum()} of 9); SA less MA goes from {per_cell.min():+.1f} mm ({per_cell.idxmin()}) to "
        f"{per_cell.max():+.1f} mm ({per_cell.idxmax()}). Leaving the corrupt video out changes Walk of S3 by "
        f"{-drops['SA'].value:+.0f} % for SA and {-drops['MA'].value:+.0f} % for MA."
    )
)

# %% [markdown]
# ## Try next
#
# * Train on `gt` and test on `coarse`: `evaluate_again` takes any trained model and any clips. How much of Table 3 is
#   the noise itself, and how much is having learned to expect it?
# * `HELD` in `phdlib/data/humaneva_role.py` says which frames of a take are held: what does half as long a stretch do
#   to Walk of S3? (The split is a file: `python -m phdlib.data.split` writes it anew.)
# * Give the MA model no more steps than an SA model (`recipe` of `experiments["MA"]`): the same cost for one model as
#   for each of three. Does the comparison change?
# * `profile = "paper"` on a GPU: 243 frames in Table 3, 1000 epochs in Table 4.
