# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your own data
#
# Everything in this project runs on the motion that comes with it (`00_data`). This page is for whoever holds more:
# Human3.6M, CMU's motion capture, an SMPL file, a checkpoint of VideoPose3D's authors, or just a video. For each of them
# it says where to get it, how the folder must look and which command runs on it; and then it loads it, if you have it.
#
# All of it lies in one folder, of any name, which the variable `PHDLIB_DATA` names:
#
# ```
# export PHDLIB_DATA=/where/you/keep/it
# ```
#
# ```
# cmu_mocap/subjects/07/    07.asf, 07_05.amc ...                      CMU motion capture
# my_bvh/                   *.bvh                                      BVH of your own
# data_3d_h36m.npz          and data_2d_h36m_gt.npz ...                Human3.6M
# data_3d_humaneva15.npz    and data_2d_humaneva15_gt.npz ...          HumanEva-I
# pretrained_h36m_cpn.bin   and the other two                          VideoPose3D's checkpoints
# Penn_Action/              frames/0001/000001.jpg, labels/0001.mat    Penn Action
# AMASS/                    CMU/01/01_01_poses.npz ...                 AMASS
# 3DPW/sequenceFiles/       train/, validation/, test/                 3DPW
# smpl/                     *.pkl or *.npz, as downloaded              SMPL
# hmr_features/             0001.npz ...                               HMR features
# model_checkpoint.pt                                                  SPIN's weights
# detections/               *.npz or *.json                            detections of your own
# ```
#
# What you do not have, you do not need. Where a source is absent, its cell says so and shows a *stand-in*: the same loader
# on a tiny file of the same layout, which `phdlib/data/stand_in_files.py` writes from the embedded motion into a temporary
# folder. Stand-ins show what a loader makes of a file, and nothing about the data set. **None of the licensed files was at
# hand when the loaders were written**; what that leaves open stands at the end of this page.
#
# *Time:* under a minute on stand-ins.

# %% tags=["parameters"]
profile = None  # only names the run: this page is the same under every profile
data = None  # None: $PHDLIB_DATA_SOURCE, or embedded; cmu shows your tree's split, penn measures on its test part
evaluate_checkpoints = False  # True: run those that you have, which takes minutes

# %%
import tempfile
from itertools import islice
from pathlib import Path

import pandas as pd
import torch
from IPython.display import Markdown, display

from phdlib import captions, figures_data, opening
from phdlib.body import load_body
from phdlib.data import stand_ins
from phdlib.data.stand_in_files import on_body
from phdlib.skeleton import H36M17, SMPL24

profile, data = opening.begin(profile, data)
temporary = tempfile.TemporaryDirectory()
scratch, body = Path(temporary.name), load_body()

# %% [markdown]
# Which of the sources are in your folder? A source counts as there if one of these patterns finds something.

# %%
there = {name: stand_ins.first(name) is not None for name in stand_ins.PLACES}
pd.DataFrame(
    {
        "in $PHDLIB_DATA": pd.Series(there).map({True: "yes", False: "no"}),
        "looked for": {n: ", ".join(p.markers) for n, p in stand_ins.PLACES.items()},
    }
)


# %% [markdown]
# Every loader makes the same thing, a list of `Clip`: one person, one camera, one stretch of time, with what the source
# knows and `None` for the rest (`phdlib/data/clip.py`). So one function can show them all. In the pictures blue is the
# person's left, orange the right. Where a source names no subject, the column of subjects holds what it does say of the
# person, such as a gender, or "unknown".


# %%
def show(name, loader):
    """Load from your folder or from a stand-in's, say which, show the first clip."""
    said, clips = stand_ins.load(name, loader, scratch)
    display(Markdown(said), figures_data.summary(clips))
    captions.show(
        figures_data.one_frame(clips[0]), f"{name}: the middle frame of the first clip."
    )
    return clips


# %% [markdown]
# ## 1. CMU motion capture, whole
#
# **Where.** mocap.cs.cmu.edu, free for all uses, not to be resold as data. `python -m phdlib.data.cmu_fetch 07 35` fetches
# subjects 07 and 35 into `$PHDLIB_DATA/cmu_mocap`; without numbers it fetches and unpacks the whole `allasfamc.zip`, more
# than a gigabyte. The site publishes no checksums, so the sha256 of the first download is kept beside it, and another one
# is refused later.
#
# **How it must look.** As the archive unpacks, `all_asfamc/subjects/07/07.asf` and `07_05.amc`, or with `subjects/` in
# `cmu_mocap/`, in `cmu/` or in the folder itself. Takes may also be BVH, in folders beside `subjects/` whose names begin
# with `bvh`.
#
# **What runs on it.** `./reproduce.sh --data cmu`: both papers' notebooks. Every take is put on SMPL's tree, as the
# embedded ones were; which takes play which role is read off a list of all trials (`phdlib/data/assets/cmu_trials.csv`);
# and performers, not takes, are dealt to training and test, so that nobody is on both sides. The more of the 2435 trials you
# have, the less what `00_data` complains of holds.

# %%
from phdlib.data import cmu_pack, cmu_tree, split
from phdlib.data.cmu_trials import load_trials
from phdlib.data.motion import FPS, Motion, dequantise, load_neutral
from phdlib.data.rebuild import build_take

trials = load_trials()
pd.DataFrame([vars(trial) for trial in trials.values()]).groupby("role").agg(
    trials=("take", "size"),
    categories=("category", "nunique"),
    of_them=("category", "unique"),
).assign(of_them=lambda t: t["of_them"].map(lambda names: ", ".join(names[:6]) + ", ..."))


# %% [markdown]
# One take, read and put on SMPL's tree, as all of them are:


# %%
def one_take(folder):
    takes = cmu_tree.takes(cmu_tree.find_tree(folder))
    name = "07_05" if "07_05" in takes else next(name for name in takes if name in trials)
    trial = trials[name]
    stored, _ = build_take(takes[name].motion, load_neutral(), fps=trial.fps)
    pose, root = dequantise(stored.rotations, stored.root)
    take = Motion(name, FPS, pose, root, trial.performer, trial.category)
    display(Markdown(f"Takes in the tree: {len(takes)}. Read is {name}, {trial.category}."))
    return [stand_ins.seen(on_body(take, body, source="cmu"), body)]


(walk,) = show("CMU motion capture", one_take)
if data == "cmu":
    display(split.summary(split.load_split(cmu_pack.pack().split)))

# %% [markdown]
# ## 2. BVH of any rig, and back to BVH
#
# **How it must look.** Any `.bvh`. The loader knows three rigs by the names of their joints: the cgspeed release of CMU's
# motion, a game character's, and Mixamo's. For another one, hand it a joint map (`phdlib/data/rigs.py` has these three as
# examples); without one, the error names the likeliest rig and what it lacks. BVH states neither its unit nor which way is
# up: the first is told by the length of the legs, the second by the zero pose.
#
# **What runs on it.** `phdlib.data.bvh_motion.load_bvh(path)`, which gives motion on SMPL's tree.

# %%
from phdlib.data.bvh import global_transforms, read_bvh
from phdlib.data.bvh_export import export_bvh
from phdlib.data.bvh_motion import load_bvh

own = show(
    "BVH of your own",
    lambda folder: [
        stand_ins.seen(on_body(load_bvh(path), body, source="bvh"), body)
        for path in stand_ins.found("BVH of your own", folder)[:3]
    ],
)

# %% [markdown]
# The other direction: any clip with `theta` or 3D joints goes out as BVH, with the clip's own proportions, in centimetres, y
# up. In Blender that is *File, Import, Motion Capture (.bvh)*, with scale 0.01, *Update Scene FPS* on, and the axes that it
# proposes (-Z forward, Y up). Do the joints come back where the clip has them?

# %%
clip = own[0]
file = read_bvh(export_bvh(clip, scratch / "out.bvh", body))
found, _ = global_transforms(file, 0.01)
order = [file.names.index(joint) for joint in SMPL24.joints]
with torch.no_grad():
    posed = body(clip.theta, clip.beta[None]).joints.double()
off = (found[:, order] - found[:, :1] - posed + posed[:, :1]).norm(dim=-1)
display(
    Markdown(
        f"{len(file.values)} frames at {file.fps:g} per second, {len(order)} joints; read back, "
        f"the farthest is **{1000 * off.max():.3f} mm** away."
    )
)

# %% [markdown]
# ## 3. Human3.6M and HumanEva-I, in VideoPose3D's files
#
# **Where.** The motion is licensed by its makers: vision.imar.ro/human3.6m and humaneva.is.tue.mpg.de. How to make
# `data_3d_h36m.npz`, `data_2d_h36m_gt.npz` and `data_3d_humaneva15.npz` of the originals, and where the authors' detections
# are (`data_2d_h36m_cpn_ft_h36m_dbb.npz` and others), is told in DATASETS.md of github.com/facebookresearch/VideoPose3D.
#
# **How it must look.** The files in the folder, or in one below it; any subset of the subjects. 3D is in metres in a world
# with z up, 2D in pixels. Another order of the cameras, another axis up or another unit is noticed, since then the projected
# 3D misses the 2D, and the error names it. The files are pickles inside; they are read without running what is in
# them.
#
# **What runs on it.** `./reproduce.sh --data human36m --only videopose3d` trains and evaluates on the real subjects and
# writes tables beside the published ones. What needs bodies, pictures or a model of the detector's noise stays on the
# embedded data. HumanEva-I has no notebook of its own beyond this page; `LiftingExperiment(data="humaneva",
# role="humaneva")` trains on it.

# %%
from phdlib.data import human36m, humaneva

clips = show("Human3.6M", lambda folder: human36m.load(folder, "gt", ("test",)))

# %%
clips = show("HumanEva-I", lambda folder: humaneva.load(folder, "gt", ("test",)))

# %% [markdown]
# ## 4. The authors' checkpoints
#
# **Where.** README.md and INFERENCE.md of github.com/facebookresearch/VideoPose3D link `pretrained_h36m_cpn.bin`,
# `pretrained_h36m_detectron_coco.bin` and `pretrained_humaneva15_detectron.bin` (CC BY-NC: not for commercial use). Each
# needs the detections that it was trained on, in the files of section 3.
#
# **What runs on it.** One call, `evaluate_pretrained(checkpoint, folder)`, gives MPJPE, P-MPJPE and velocity error per
# action beside what was published. With the real files it takes minutes on a GPU and longer without, so that here it waits
# for the parameter `evaluate_checkpoints`. The stand-in has random weights: of its table only the published column and the
# line about the run are shown. An average over all actions is not put beside ours where files lack some.

# %%
from IPython.utils.capture import capture_output

from phdlib.pretrained import evaluate_pretrained

checkpoint = "VideoPose3D's checkpoints"


def evaluated(folder):
    return [evaluate_pretrained(p, folder) for p in stand_ins.found(checkpoint, folder)]


if stand_ins.first(checkpoint) and not evaluate_checkpoints:
    display(Markdown(f"**{checkpoint}:** there. Set `evaluate_checkpoints` to run them."))
else:
    # A bar that has done its work would stay behind as an empty widget.
    with capture_output(stdout=False, stderr=False, display=not evaluate_checkpoints):
        said, tables = stand_ins.load(checkpoint, evaluated, scratch)
    display(Markdown(said))
    for table in tables:
        display(Markdown(table.attrs["about"]))
        display(table.filter(like="publ") if "stand-in" in said else table.round(1))

# %% [markdown]
# ## 5. Penn Action
#
# **Where.** `Penn_Action.tar.gz` from dreamdragon.github.io/PennAction: 2326 short videos of sports with 13 joints in every
# frame, in 2D.
#
# **How it must look.** As it unpacks: `Penn_Action/frames/0001/000001.jpg`, `Penn_Action/labels/0001.mat`. Images are read
# when they are asked for. No frame rate is stated; PHD takes all video as 25 per second (4.1), and so does the loader.
#
# **What runs on it.** `phdlib.data.penn.load(folder, part)`; of the videos that do not train, every tenth validates, and those
# are shown here. `./reproduce.sh --data penn` runs this page alone: VideoPose3D's models want 3D labels, and PHD's want, beside
# Penn Action's 2D, other data with 3D and features of the pictures from HMR's network. What needs neither is measured: a
# pose that stands still, in the paper's windows of 15 frames seen and 30 to foretell, by the paper's PCK. PHD's Constant
# does the same with the body that its model reads; here nothing is read, the last labelled keypoints are held. So it is
# about what Constant could reach if it misread nothing.

# %%
from phdlib.data import penn

clips = show("Penn Action", lambda folder: penn.load(folder / "Penn_Action", "validation"))

# %%
from phdlib import penn_protocol
from phdlib.data import sources

if data == "penn":
    still = penn_protocol.standing_still(sources.clips("penn", "gt", "test", "penn"))
    display(Markdown(f"The test part, {still['window'].nunique()} windows:"))
    display(penn_protocol.beside_published(still).round(1))
else:
    said, still = stand_ins.load(
        "Penn Action",
        lambda folder: penn_protocol.standing_still(
            penn.load(folder / "Penn_Action", "validation", images=False)
        ),
        scratch,
    )
    display(Markdown(f"{said} {still['window'].nunique()} windows."))
    display(still.groupby("horizon")[["frame", "mean_dtw"]].mean().T.round(1))

# %% [markdown]
# ## 6. AMASS, 3DPW and SMPL
#
# **Where.** AMASS: amass.is.tue.mpg.de, an account, one archive per laboratory, as "SMPL+H G" or "SMPL-X G". 3DPW:
# virtualhumans.mpi-inf.mpg.de/3DPW, `sequenceFiles.zip`. SMPL: smpl.is.tue.mpg.de. All three are for research only.
#
# **How it must look.** `AMASS/`, with a folder per laboratory as its archive unpacks; `3DPW/sequenceFiles/` with `train`,
# `validation` and `test`; `smpl/` with the `.pkl` as downloaded: chumpy is not needed, and nothing in a pickle is run.
#
# **What runs on it.** `amass.load` and `threedpw.motions` give motion, and `smpl_motion.prior_samples` makes of it the real
# poses and shapes that PHD's adversarial prior is trained on (3.2). With a body and a camera, motion becomes clips with 3D
# labels; `threedpw.load` gives those of its own moving camera. `load_body(path)` is SMPL, wherever this project uses a
# body.

# %%
from phdlib.data import amass, threedpw

clips = show(
    "AMASS",
    lambda folder: [
        stand_ins.seen(motion, body)
        for motion in islice(amass.load(folder / "AMASS", fps=25.0), 3)
    ],
)

# %% [markdown]
# A clip of 3DPW is an unbroken stretch whose camera is known. In the stand-in the camera is lost for six frames in the
# middle, so that one sequence gives two clips.

# %%
clips = show("3DPW", lambda folder: threedpw.load(folder / "3DPW"))


# %%
def shape_of(folder):
    path = stand_ins.first("SMPL", folder)
    model = load_body(path)
    rest = model.rest_vertices(torch.zeros(1, 10))[0]
    shown = {"vertices": len(rest), "triangles": len(model.faces), "joints": len(SMPL24)}
    height = (rest.amax(0) - rest.amin(0))[1].item()
    return pd.DataFrame([shown | {"stature, m": round(height, 2)}], index=[path.name])


said, table = stand_ins.load("SMPL", shape_of, scratch)
display(Markdown(said), table)

# %% [markdown]
# ## 7. Features of real images
#
# PHD does not see images but φ, 2048 numbers per frame from the ResNet-50 of HMR (4.1). **Where.** HMR itself is a
# TensorFlow checkpoint (github.com/akanazawa/hmr), which is not read here: extract with its own code, and bring one `.npz`
# per video with the key `features`, (T, 2048). Or take its successor in PyTorch, SPIN (github.com/nkolot/SPIN), whose
# `model_checkpoint.pt` is read: `hmr_features.load_backbone(path)`, then `BackboneFeatures(network).features(clip)`. The
# two networks' φ are not interchangeable.
#
# **How it must look.** `hmr_features/0001.npz` for Penn Action's video `0001`, as many rows as it has frames.

# %%
from phdlib.data import hmr_features

said, clips = stand_ins.load(
    "HMR features",
    lambda folder: hmr_features.with_features(
        penn.load(folder / "Penn_Action", "validation"), folder / "hmr_features"
    ),
    scratch,
)
display(Markdown(said), figures_data.summary(clips))
display(Markdown(f"φ of the first clip: {tuple(clips[0].features.shape)}."))

# %%
path = stand_ins.first("SPIN's checkpoint")
if path:
    network = hmr_features.load_backbone(path)
    size = sum(p.numel() for p in network.parameters())
    display(Markdown(f"**SPIN's checkpoint:** there, {size / 1e6:.1f} M parameters."))
else:
    display(Markdown("**SPIN's checkpoint:** absent, and nothing stands in for it."))

# %% [markdown]
# ## 8. Which joint is where
#
# More time is lost on joint orders than on anything else: a wrong one raises no error, the numbers merely stay bad. So there
# is one table, by name; `conventions.convert(points, "COCO-17", "H36M-17")` goes from any set to any other. What the source
# lacks but has on both sides is taken midway (COCO's pelvis, between the hips); all else that it does not know becomes NaN
# instead of something near it. The same word need not mean the same point: Human3.6M's "head" is the top of the skull, Penn
# Action's its middle, and `convert` does not take one for the other.

# %%
from phdlib.data import conventions
from phdlib.data.joint_order import warn_if_suspicious

columns = ["H36M-17", "HumanEva-15", "COCO-17", "MPII-16", "Penn-13", "SMPL-24"]
display(Markdown(f"All sets: {', '.join(conventions.CONVENTIONS)}. Six of them:"))
pd.DataFrame(conventions.table()).set_index("index")[columns].head(24)

# %%
pixels = torch.rand(1, 17, 2)
lost = conventions.convert(pixels, "COCO-17", "H36M-17").isnan().any(-1)[0]
names = [joint for joint, gone in zip(H36M17.joints, lost, strict=True) if gone]
display(Markdown(f"From COCO-17 to H36M-17, COCO knows nothing of: {', '.join(names)}."))

# %% [markdown]
# And what if the order is wrong all the same? Bodies know better: limbs are as long on the left as on the right and do not
# change, knees bend forward, heads are mostly above hips. `warn_if_suspicious` looks at a clip and says what it saw. Every
# loader that reads joints does so by itself, and warns once of what it sees in most of a data set's clips. Here is the walk
# of section 1, first as it is, then with left and right swapped, then as if it were in another set's order.

# %%
points = walk.joints3d
for joints, convention, what in (
    (points, "H36M-17", "the walk"),
    (points[:, list(H36M17.mirror)], "H36M-17", "the walk, mirrored"),
    (points, "COCO-17", "the walk, taken for COCO's"),
):
    warn_if_suspicious(joints, convention, what)

# %% [markdown]
# ## 9. Detections and video of your own
#
# **Detections.** 2D keypoints of any detector, COCO-17, as `.npz` (`keypoints` (T, 17, 2 or 3), `fps`, `width`, `height`)
# or `.json` (frames of 17 times x, y, score; or COCO's list of results): `phdlib/detection_files.py` says it in full. Frames
# without a person are null or NaN. Gaps up to half a second are filled by a straight line, and what was filled is marked
# as not visible.

# %%
from phdlib.detection_files import read_detections
from phdlib.detections import to_clips


def detected(folder):
    paths = stand_ins.found("detections of your own", folder)
    return [clip for path in paths for clip in to_clips(read_detections(path), path.stem)]


clips = show("detections of your own", detected)
filled = (~torch.cat([clip.visible for clip in clips])).all(1).sum()
display(Markdown(f"Frames in which every keypoint is filled in or unsure: {filled}."))

# %% [markdown]
# **Video.** `python -m phdlib.video my_video.mp4 --out my_folder` does all of it: it finds the person with BlazePose (in an
# environment of its own, made the first time), or takes your detections (`--detections FILE`); lifts them to 3D, predicts
# what comes next, and writes `poses.npz`, `motion.bvh`, an overlay and a page to look at. The lens of your camera is assumed
# unless you say it (`--focal PIXELS`), and the output says so. `videopose3d/08_in_the_wild` shows it on three videos; there, and
# in `02_pseudo_ground_truth`, detections become training data.
#
# ## What has not been verified
#
# * **No licensed file was at hand** but one clip of Penn Action, a video without its labels. The loaders of Human3.6M, HumanEva-I, Penn Action, AMASS, 3DPW, SMPL, HMR's features
#   and of the authors' checkpoints were written from the formats' public descriptions and tested on files that the tests
#   write in those layouts. Nothing on this page was measured on the real ones. CMU's files are real: a part of the
#   database was there, in both forms.
# * **Penn Action's left and right.** The data's page lists the left joint of each pair first; PHD's authors read the right
#   one first. Which of them holds for the person's own sides could not be looked up, so the loader looks: people labelled as
#   seen from the front have their left on the picture's right, from the back on its left, and the majority decides. It warns
#   where the two views disagree, and `swap_sides=True` or `False` settles it. Look at the picture in section 5.
# * **Bodies.** AMASS's shapes belong to gendered bodies of SMPL+H or SMPL-X; on SMPL's, and on the open body, they give a
#   similar person, not the same one. The same pose on the open body is not quite the same pose.
# * **3DPW** does not state which way its world points up. The loader reads it off the people, who mostly stand; nothing in a
#   clip depends on it.
# * **CMU's archive.** The site publishes no checksum of `allasfamc.zip`; what is compared is your own first download.
# * **HumanEva-I's lenses** are not in the files; they are fitted to their 2D and 3D.
# * **Blender** was not at hand either: that the export opens there with the right proportions is tested by reading it
#   back, not by Blender.
#
# If a file of yours is refused and should not be, the error names the file, the field, what was found and what was expected:
# that line is what a bug report needs.
#
# ## What to try next
#
# * Set `PHDLIB_DATA`, open this page in JupyterLab and run it again.
# * Swap two joints of a clip, or turn one axis over, and see whether `warn_if_suspicious` notices.
# * Export a clip of `phd/08_futures` as BVH and look at it in Blender.
