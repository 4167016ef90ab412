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
# Everything so far was measured on motion capture: real motion, but virtual cameras and a noise model in the place of
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
# as archives, and never installed. The third is a **clip of Penn Action**, if you have one. These videos are other
# people's, so their pictures are not passed on with this page: keypoints and bodies stand on plain grey. With
# `show_pixels` set, you see the frames themselves, and figures go to `figures/own/`, which git ignores; this page then holds
# them, too.
#
# Last, the dancer becomes **training data**: the unlabelled half of VideoPose3D's semi-supervised method.
#
# What to expect? These models have seen half an hour of motion, from level cameras about 5 m away, and no real image at
# all. Expect poses that look right from where the camera stands, depths that are off by much more than on their
# test takes, and futures that are people's, but not always this person's.
#
# *Time:* about three minutes at `standard` on two cores, if the trainings are cached, and two more for those of the last
# section; the first time, the detector's environment (400 MB) is made. At `smoke`, and without a network, a grey stand-in
# takes the videos' place.

# %% tags=["parameters"]
profile = None  # smoke, standard or paper; None: $PHDLIB_PROFILE, or standard
data = None  # None: $PHDLIB_DATA_SOURCE, or embedded; what the models were trained on
penn_clip = None  # path of a clip of Penn Action, or of any other short video
my_video = None  # path of a video of your own
show_pixels = False  # True: figures show the videos' own frames, for you alone
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
    wild_output,
    wild_profiles,
    wild_tables,
)
from phdlib.data import pose2sim_demo
from phdlib.data.wild_role import halves, keep
from phdlib.runs import run_all
from phdlib.video_frames import frames, probe
from phdlib.wild_errors import view_errors

pd.set_option("display.max_colwidth", None)
profile, data = opening.begin(profile, data)
here = {"notebook": "notebooks/videopose3d/08_in_the_wild.ipynb"}
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


def pictures(info, wanted):
    """Frames of a video by number: its own, or plain ones of the same size."""
    plain = figures_wild.plain(info, max(wanted) + 1)
    return figures_wild.pick(frames(info.path) if show_pixels else plain, wanted)


def of(name, seeds=(0,), seconds=0.0):
    """Where the numbers come from: the models from their data, what they look at from a video."""
    return publish.Provenance(
        profile=profile, data=data, seeds=seeds, seconds=seconds, settings={"video": name}
    )  # fmt: skip


def save(id, fig, name, **given):
    """Among the published figures; with pixels in it, where only you see it."""
    if show_pixels:
        part = f"-{given['part']}" if given.get("part") else ""
        path = paths.FIGURES / "own" / f"{id}{part}.png"
        return paths.write_atomically(path, lambda file: fig.savefig(file, dpi=110))
    return publish.save_figure(id, fig, paper="wild", provenance=of(name), **given, **here)


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
shown_name = dancer.info.path.name if real else "stand-in"
say(dancer.lines)

# %% [markdown]
# The picture shows, from top to bottom: the keypoints on the frames, left limbs blue and right ones orange; the lifted
# pose from the camera; the same pose from 60° beside, where errors of depth show.

# %%
motion = max(dancer.motions, key=lambda m: len(m.clip))
length = len(motion.clip)
chosen = [motion.first + round((i + 0.5) * length / 7) for i in range(7)]
fig = figures_wild.strip(pictures(dancer.info, chosen), motion)
title = "Real video: the dancer of musicalgestures, keypoints by BlazePose"
saved = save(
    "wild-figure-1", fig, shown_name, title=title if real else "Stand-in for real video",
    caption="From top to bottom: keypoints on the frames, the lifted pose from the camera, the same from 60° beside. Blue: left.",
)  # fmt: skip

# %% [markdown]
# A pose that was lifted well lands on its own keypoints when it is put back into the image. That is a necessary sign, not
# a sufficient one: every depth is left open by it. Below are frames of `overlay.mp4`, as the command writes it (here
# without the pixels below, unless you set `show_pixels`). The last one lies beyond the video: its final frame, darkened,
# with the predicted body on it.

# %%
written = video.run(
    dancer.info.path, paths.cache_dir() / "wild" / dancer.info.path.stem,
    detections=None if real else keypoints, models=models,
)  # fmt: skip
overlay = probe(written["overlay"])
chosen = [round((i + 0.5) * overlay.frames / 4) for i in range(3)] + [overlay.frames - 13]
ground = figures_wild.plain(dancer.info, len(dancer.found))
drawn = wild_output.overlay_frames(dancer.info, ground, dancer.motions, dancer.filled)
fig = figures_wild.stills(
    figures_wild.pick(frames(overlay.path) if show_pixels else drawn, chosen)
)
captions.show(
    fig, "Frames of `overlay.mp4`, with its legend; the last: a prediction beyond the video's end."
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
known = {}  # the views, each with what the other three say
if four:
    rows, analyses = {}, {}
    for name, path in demo.videos.items():
        others = pose2sim_demo.reference(demo, seen, [n for n in demo.videos if n != name])
        known[name] = wild_tables.KnownView(
            seen[name], demo.cameras[name], others.joints, others.first[name]
        )
        for lens in ("calibrated", "assumed"):
            given = demo.cameras[name].intrinsics if lens == "calibrated" else None
            done = video.analyse(path, intrinsics=given, models=models)
            analyses[name, lens] = done
            for against, true in (("all four", reference), ("the other three", others)):
                errors = view_errors(
                    done.motions[0], demo.cameras[name], true.joints, true.first[name]
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
        paper="wild", provenance=of("Demo_SinglePerson"), digits={"root, m": 2, "left for right, % of frames": 0},
        title="One view lifted against what several views agree on: Pose2Sim's Demo_SinglePerson, BlazePose, mm", **here,
    )  # fmt: skip
    display(named.round(2))

# %%
if four:
    judged = table.xs("the other three", level="reference")
    calibrated = judged.xs("calibrated", level="lens")
    assumed = judged.xs("assumed", level="lens")
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
    images = pictures(probe(demo.videos[name]), chosen)
    fig = figures_wild.strip(images, shown, truth={t: truth[t - first] for t in chosen})
    saved = save(
        "wild-figure-2", fig, f"Demo_SinglePerson/{name}",
        title="Real video: a view of Pose2Sim's demo, and the reference from all four",
        caption="Rows as before; grey: what the four views agree on.",
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
    fig = figures_wild.strip(pictures(penn.info, chosen), first)
    title = "Real video: a clip of Penn Action"
    saved = save(
        "wild-figure-3", fig, penn_clip.name, title=title, caption="Rows as before."
    )

# %% [markdown]
# ## PHD's Figure 1, on real video
#
# The frames with a yellow border were seen, the last of them being the present (0). From them alone the body is read
# (yellow) and its future predicted (blue), frame by frame at 25 per second. What really followed stands above, where the
# video goes on. PHD predicts poses, not paths: the body stays where it is. The moment is chosen by a rule: of all that
# were predicted from, the one after which the keypoints move most.

# %%
futures = {"dancer" if real else "stand-in": (dancer, motion)}
if penn:
    futures["penn"] = (penn, penn.motions[0])
for part, (analysis, person) in futures.items():
    which = figures_wild.liveliest(person)
    wanted = [t for t in figures_wild.shown_frames(person, which) if t is not None]
    images = pictures(analysis.info, wanted)
    if not show_pixels:
        images = figures_wild.with_keypoints(images, person)
    present = person.first / person.clip.fps + person.present[which] / 25
    title = f"{part}: what PHD expects after {present:.1f} s"
    fig = figures_wild.figure_1(images, person, which, title=title)
    title = "PHD's Figure 1 on real video" if real else "PHD's Figure 1 on a stand-in"
    saved = save(
        "wild-figure-4", fig, analysis.info.path.name if real else part, part=part.replace("-", "_"), title=title,
        caption="Yellow: read from the frames seen; blue: predicted, from the camera and from the side. Columns are frames from "
        "the last one seen; an empty place is beyond the video's end.",
    )  # fmt: skip

# %% [markdown]
# ## The dancer as unlabelled video
#
# What VideoPose3D's semi-supervised method was made for (VP3D 4; here `06_back_projection` and `07_semi_supervised`):
# labels from a laboratory, and plain video from elsewhere. Labelled are subject S1 of the motion capture, or 5 % of S1's
# frames. Unlabelled is **the first half of the dancer**, as BlazePose sees it. Beside it stand models that learn from the
# same labels alone, and models whose unlabelled half is the other subjects' motion capture, as in notebook 07. Labels,
# steps and seeds are the same in all three.
#
# Back-projection needs the lens, which is unknown. It is taken to be the one under which the dancer stands as far off as
# people do in the labelled half: the network sees keypoints of both and no lens, and could not obey two.
#
# What to expect? Half a minute of one person is little. In notebook 07 the method gained most where labels were fewest
# and 2D was true; here 2D is a detector's, in joints that are not quite those of the labels (the head, the hips).
#
# **Held out** are the dancer's second half, for which there is no 3D truth, and the four views, for which there is a
# reference. For the dancer, three things can be said without truth, and none of them sees a wrong depth: whether poses
# fall on their keypoints; whether bones have the length of S1's, which is what the method's second term asks for; and
# whether bones keep their length over time, which nothing in the training asks for.

# %%
first_half, second_half = halves(dancer.found)
groups = wild_profiles.unlabelled(profile, (keep(first_half),), data)
flat = run_all([experiment for group in groups.values() for experiment in group])
results = {key: [flat.pop(0) for _ in group] for key, group in groups.items()}
seconds = sum(result.seconds for group in results.values() for result in group)
clips = groups[next(key for key in groups if wild_profiles.VIDEO in key)][0].subset()
say([
    f"Unlabelled: {sum(map(len, clips.unlabelled))} frames of {dancer.info.path.name} at "
    f"{clips.unlabelled[0].fps:.0f} per second, in {len(clips.unlabelled)} stretch(es); labelled (S1 in part): "
    f"{sum(map(len, clips.labelled))} frames.",
    f"All trainings: {seconds:.0f} s of one core.",
])  # fmt: skip

# %%
rows = wild_tables.unlabelled_rows(groups, results, second_half, known)
ordered = rows.sort_index(kind="stable")
whole = [
    column
    for column in rows
    if column in wild_tables.VIEW_ERRORS or "," in column or column == "test MPJPE"
]
seeds = tuple(e.seed for e in next(iter(groups.values())))
table = wild_tables.over_seeds(rows[whole])
names = {
    "test MPJPE": "test takes: MPJPE",
    **{f"{m}": f"four views: {m}" for m in wild_tables.VIEW_ERRORS},
    **{column: f"held-out half: {column}" for column in rows if "," in column},
}
saved = publish.save_table(
    "wild-table-2", table.rename(columns=names), paper="wild", provenance=of(shown_name, seeds, round(seconds, 1)),
    title="Real video as the unlabelled half: mean over seeds, least and greatest in brackets; errors in mm" if real
    else "A stand-in as the unlabelled half", **here,
)  # fmt: skip
table.rename(columns=names)

# %% [markdown]
# The views one by one, a dot per seed. "Swapped" views (the table above) are read as they are: no training on 2D can
# know that the detector took left for right.

# %%
if known:
    labelled = wild_profiles.LABELLED[profile][-1]
    values = {
        name: {
            kind: ordered.loc[(labelled, kind), f"{name} P-MPJPE"].tolist()
            for kind in rows.index.unique("unlabelled")
        }
        for name in known
    }
    fig = figures_wild.seeds_apart(values, f"P-MPJPE, mm; labelled: {labelled}")
    saved = publish.save_figure(
        "wild-figure-5", fig, paper="wild", provenance=of("dancer.avi, Demo_SinglePerson", seeds),
        title="Four calibrated views, lifted by models with and without the dancer in their training",
        caption="A dot per seed, a bar at their mean; colours: what is unlabelled.", **here,
    )  # fmt: skip

# %%
lines = []
for labelled in wild_profiles.LABELLED[profile]:
    plain, with_video = (
        ordered.xs((labelled, kind))
        for kind in (wild_profiles.NOTHING, wild_profiles.VIDEO)
    )
    for column in [c for c in whole if c != "N-MPJPE"]:
        change = with_video[column] - plain[column]
        same = (
            "in every seed"
            if (change < 0).all() or (change > 0).all()
            else "not in every seed"
        )
        word = "better" if change.mean() < 0 else "worse"
        lines.append(
            f"Labelled {labelled}, {names[column]}: {plain[column].mean():.1f} without the dancer, "
            f"{with_video[column].mean():.1f} with: {word} by {abs(change.mean()):.1f} on average, "
            f"{same} ({', '.join(f'{x:+.1f}' for x in change)})."
        )
say(lines)

# %% [markdown]
# The held-out half of the dancer, lifted by the first seed's models with the fewest labels:

# %%
labelled = wild_profiles.LABELLED[profile][0]
lifted = {
    {wild_profiles.NOTHING: "labels alone", wild_profiles.VIDEO: "and the dancer"}[kind]: (
        wild_tables.lifted_by(
            groups[labelled, kind][0], results[labelled, kind][0], second_half
        )
    )
    for kind in (wild_profiles.NOTHING, wild_profiles.VIDEO)
}
one = next(iter(lifted.values()))
chosen = [one.first + int((i + 0.5) * len(one.clip) / 7) for i in range(7)]
fig = figures_wild.before_and_after(lifted, chosen)
saved = publish.save_figure(
    "wild-figure-6", fig, paper="wild", provenance=of(shown_name),
    title="The dancer's held-out half, 3D from 60° beside, before and after training on the other half" if real
    else "A stand-in, before and after training on its other half",
    caption="Blue: left.", **here,
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
# * Hand `wild_profiles.unlabelled` the detections of a video of your own, or of several. Does more video help more?
