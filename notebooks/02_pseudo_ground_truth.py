# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Real video as pseudo ground truth
#
# PHD learns from three kinds of video (PHD 4.1): Human3.6M with 3D labels, Penn Action with 2D labels, and InstaVariety,
# thousands of clips from the web of which nothing is known but what a detector says. Everywhere else in this repository
# that third role is played by motion capture under a named level of detector noise (`phdlib/data/phd_role.py`). Here it
# is played by what it stands for: **detections in real video**, those that BlazePose makes of a dancer.
#
# Two trainings of PHD's latent model are compared. They differ in the third role only: the data of the other two, the
# recipe, the number of clips from each role in every batch and the seeds are the same. f_3D's start on single frames is
# shared, too, so that the real detections teach in stages 1 and 2 alone. phi is read from keypoints, since networks that
# read it from images have seen rendered ones only.
#
# What to expect? InstaVariety brought PHD many people in many places. Half a minute of one dancer is the opposite, so no
# gain is to be expected on the Human3.6M role, and a loss would not surprise: that role brings three more views
# of the Penn role's motion. On real detections it may be otherwise: whoever has learned from a detector knows where that
# detector puts the hips.
#
# **Held out** are the dancer's second half and, if you have it, a clip of Penn Action. What is measured there is 2D, PCK
# against the detections themselves, which are no truth: a model gains by agreeing with the detector's habits.
#
# *Time:* at `standard` about six minutes on two cores for the trainings with real detections; the others are those of
# `phd/04_autoregression`. The first time, the detector's environment (400 MB) is made. At `smoke`, and without a network, a
# stand-in takes the video's place: a person of the embedded data.

# %% tags=["parameters"]
profile = None  # smoke, standard or paper; None: $PHDLIB_PROFILE, or standard
data = None  # None: $PHDLIB_DATA_SOURCE, or embedded

# %%
import pandas as pd
from IPython.display import Markdown, display

from phdlib import (
    figures_wild,
    opening,
    publish,
    video,
    wild_examples,
    wild_profiles,
    wild_tables,
)
from phdlib.data import phd_role
from phdlib.data.phd_role import SHORTEST, training_windows
from phdlib.data.wild_role import halves, keep, kept_clips
from phdlib.detection_files import read_detections
from phdlib.futures import HORIZONS
from phdlib.runs import run_all
from phdlib.video_frames import probe

pd.set_option("display.max_colwidth", None)
profile, data = opening.begin(profile, data)
here = {"paper": "wild", "notebook": "notebooks/02_pseudo_ground_truth.ipynb"}

# %% [markdown]
# ## The detections

# %%
name, held_out = "dancer.avi", {}
try:
    if profile == "smoke":
        raise OSError("at profile `smoke` nothing is fetched and no detector is run")
    found = video.keypoints(probe(wild_examples.dancer()))
    if (clip := wild_examples.penn_clip()) is not None:
        held_out[clip.name] = video.keypoints(probe(clip))
except OSError as error:
    display(
        Markdown(
            f"No real video here: {error}. A person of the embedded data takes its place."
        )
    )
    name, held_out = "stand-in", {}
    found = read_detections(wild_examples.stand_in(240)[1])
first_half, second_half = halves(found)
held_out = {f"{name}, second half": second_half, **held_out}
wild = (keep(first_half),)

# %% [markdown]
# How much is that, beside the role as it is otherwise? A window is what training draws: 40 frames at 25 per second.

# %%
roles = {
    "motion capture": phd_role.load("instavariety", "train"),
    "real video": kept_clips(wild, phd_role.FPS, seconds=SHORTEST / phd_role.FPS),
}
pd.DataFrame({
    role: {
        "clips": len(clips), "frames": sum(map(len, clips)), "windows": len(training_windows(clips)),
        "people": len({clip.subject for clip in clips}),
        "keypoints in sight, %": round(100 * sum(c.visible.float().mean().item() * len(c) for c in clips) / sum(map(len, clips))),
    }
    for role, clips in roles.items()
}).T.astype(int)  # fmt: skip

# %% [markdown]
# The real role is small, and batches draw as many clips from it as from the one that it replaces: each of its windows is seen
# many times, and neighbouring windows are nearly the same.
#
# ## The trainings

# %%
groups = wild_profiles.pseudo(profile, wild, data)
results = {role: run_all(experiments) for role, experiments in groups.items()}
seeds = tuple(e.seed for e in groups["motion capture"])
seconds = round(sum(r.seconds for of in results.values() for r in of), 1)
losses = pd.DataFrame({
    role: {
        term: pd.concat([r.losses.iloc[-1] for r in of], axis=1).mean(axis=1).get(term)
        for term in ("human36m joints", "penn keypoints", "instavariety keypoints", "instavariety seen keypoints")
    }
    for role, of in results.items()
})  # fmt: skip
losses.rename_axis("last epoch of stage 2, mean over seeds").round(4)

# %% [markdown]
# ## What changed
#
# On the Human3.6M role's test: P-MPJPE of the predicted frame, lower is better. On held-out real video: PCK, the share of
# keypoints within 5 % of the person's size, after the camera of equation 6, higher is better; at 0 frames ahead it is the
# present, by the model's own camera, in all frames. "Constant" repeats the last pose that the first model read.

# %%

rows = wild_tables.pseudo_rows(groups, held_out, HORIZONS)
values = {
    test: {
        role: of_role.groupby("horizon")["value"].apply(list).to_dict()
        for role, of_role in of_test.groupby("role", sort=False)
    }
    for test, of_test in rows.groupby("test", sort=False)
}
provenance = publish.Provenance(
    profile=profile, data=data, seeds=seeds, seconds=seconds,
    settings={"video": ", ".join(test.removesuffix(", second half") for test in held_out)},
)  # fmt: skip
table = wild_tables.over_seeds(
    rows.set_index(["test", "horizon", "role", "seed"])[["value"]]
)["value"]
table = table.unstack("role", sort=False).rename_axis(["test", "frames ahead"])
table = table[[*groups, "Constant"]]
saved = publish.save_table(
    "wild-table-3", table, provenance=provenance, **here,
    title="PHD by what its pseudo-ground-truth role is made of: P-MPJPE in mm (Human3.6M role), PCK in % (held-out video)",
)  # fmt: skip
table.fillna("")

# %%
ylabels = {test: "P-MPJPE, mm" if test == "Human3.6M role" else "PCK, %" for test in values}
fig = figures_wild.futures_of_roles(values, ylabels)
saved = publish.save_figure(
    "wild-figure-7", fig, provenance=provenance, **here,
    title="PHD by what its pseudo-ground-truth role is made of",
    caption="Lines: means over seeds, from 1 frame ahead on; dots: the seeds. Left, lower is better, and the two lines hide one "
    "another where they are equal; right, higher. The dots at 0 are the present frame, by the model's own camera, in all frames: "
    "another measure, so no line leads there. Orange-red: real video in the role; blue: motion capture; yellow: the latter's "
    "present pose, frozen.",
)  # fmt: skip

# %%
lines = []
for test, by_role in values.items():
    better = -1 if test == "Human3.6M role" else 1
    unit = ylabels[test].rpartition(", ")[2]
    for h, captured in by_role["motion capture"].items():
        change = [b - a for a, b in zip(captured, by_role["real video"][h], strict=True)]
        mean = sum(change) / len(change)
        same = all(x > 0 for x in change) or all(x < 0 for x in change)
        lines.append(
            f"{test}, {h} frames ahead: {'better' if better * mean > 0 else 'worse'} with real video by "
            f"{abs(mean):.1f} {unit} ({', '.join(f'{x:+.1f}' for x in change)} by seed"
            + (")" if same else "; not the same sign)")
        )
display(Markdown("\n".join(f"* {line}." for line in lines)))

# %% [markdown]
# What this can and cannot say. It is one dancer, one detector and few seeds; windows of one video are no independent
# samples, so no interval is given. Gains on held-out detections of the same person may be the person, the clothes, the
# dance or the detector: the Penn clip is another person in another place, seen by the same detector. The paper's point,
# that much video without 3D labels helps, needs much video.
#
# ## What to try next
#
# * Hand `wild_profiles.pseudo` the detections of several videos of your own: `keep` gives a key for each.
# * Leave the role out altogether (`clips` of the recipe without "instavariety"). Was it of use at all?
# * Measure PCK against detections of another detector (`phdlib/detection_files.py`). What remains of the gain?
