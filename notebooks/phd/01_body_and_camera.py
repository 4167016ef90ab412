# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A person as 82 numbers, and a camera for frames that no one has taken
#
# PHD (*Predicting 3D Human Dynamics from Video*, Zhang, Felsen, Kanazawa and Malik, ICCV 2019) watches half a second of
# video and says how the person in it will move. "PHD 3.1" is its section 3.1. This notebook is about what all the others
# take for granted:
#
# * what a prediction *is*: 82 numbers that pose and shape a body (PHD 3.1);
# * the camera that puts such a body back into an image, and what to do about it where there is no image: **equation 6**,
#   in closed form, against a numerical optimiser;
# * how the networks hang together, **Figure 2**, and how far back they see, **Figure 6**, both read off the modules;
# * whether a camera of the future could be predicted after all.
#
# All data is embedded: real motion capture on a body model, seen by virtual cameras (`00_data`). Nothing here is
# Human3.6M, Penn Action or InstaVariety; these names stand for the roles that parts of it play.
#
# *Time:* about half a minute at `standard` on two cores once the models of `04_autoregression` are cached.

# %% tags=["parameters"]
profile = None  # smoke, standard or paper; None: $PHDLIB_PROFILE, or standard
data = None  # None: $PHDLIB_DATA_SOURCE, or embedded
frames = 300  # predicted frames for which equation 6 is solved twice

# %%
import time

import numpy as np
import pandas as pd
import torch
from IPython.display import Markdown, display

from phdlib import (
    captions,
    field_of_view,
    future_cameras,
    opening,
    phd_overview,
    phd_study,
    publish,
)
from phdlib.body import keypoint_weights, load_body
from phdlib.camera import project_weak_perspective, solve_weak_perspective
from phdlib.data.phd_role import CONDITIONING, evaluation_windows
from phdlib.dynamics import Autoregressor, MovieStripEncoder
from phdlib.figures_meshes import MeshRow, mesh_strip
from phdlib.figures_phd_diagrams import figure_2, figure_6
from phdlib.futures import person_size
from phdlib.phd_experiments import role_clips
from phdlib.rollouts import Scene, horizons_served, rollout
from phdlib.skeleton import H36M17
from phdlib.verdicts import Verdicts

pd.set_option("display.max_colwidth", None)
started = time.perf_counter()
profile, data = opening.begin(profile, data)
here = {"paper": "phd", "notebook": "notebooks/phd/01_body_and_camera.ipynb"}
verdicts = Verdicts(here["notebook"], data)

# %% [markdown]
# ## Θ = [θ, β]
#
# θ holds 24 rotations in axis-angle form, 72 numbers: how the body as a whole is turned, and how each of 23 joints is
# turned against its parent. β holds 10 coefficients of body shape. A body model M(β, θ) makes a mesh of them: it shapes a
# template by β, poses a skeleton by θ, and bends the skin along with the bones. The paper's is SMPL. Ours is an open body
# of the same form (24 joints, 10 coefficients, linear blend skinning) made from freely licensed assets; who has SMPL can
# load it in its place by `load_body(path)`.

# %%
body = load_body()
upright = torch.zeros(1, 72)
upright[0, 0] = (
    torch.pi
)  # a camera's y points down: half a turn about x, and the body stands
beta = torch.zeros(1, 10)
mesh = body(upright, beta)
display(
    Markdown(
        f"θ: {upright.shape[1]} numbers, β: {beta.shape[1]}, Θ: {upright.shape[1] + beta.shape[1]}. The mesh: "
        f"{mesh.vertices.shape[1]:,} vertices, {len(body.faces):,} triangles (SMPL: 6,890 and 13,776). "
        f"{len(body.smpl.parents)} joints."
    )
)

# %% [markdown]
# What the first directions of β do, two standard deviations either way. They come out of a principal component analysis of
# adult bodies, so the first says most: overall size.

# %%
directions, steps = 4, (-2.0, -1.0, 0.0, 1.0, 2.0)
rows = []
for direction in range(directions):
    shapes = torch.zeros(len(steps), 10)
    shapes[:, direction] = torch.tensor(steps)
    rows.append(
        MeshRow(
            f"β, number {direction + 1}", upright.expand(len(steps), -1), shapes, "truth"
        )
    )
fig = mesh_strip(rows, [f"{step:+g} σ" if step else "mean" for step in steps], size=120)
captions.show(
    fig,
    "Bodies of one pose: a row per coefficient of β, from two standard deviations below the mean to two above.",
)

# %% [markdown]
# ## Joints are a linear function of the mesh
#
# Metrics and losses want joints, not skin: X = W M(β, θ), with a fixed matrix W (PHD 3.1). Here W is made of two parts, a
# weight for each of the body's own 24 joints and for each vertex, because a joint set such as Human3.6M's takes the end of
# the nose from the skin and the knee from the skeleton. Building 13,718 vertices in order to average a few of them
# is a waste; the library folds W into the skinning and never makes the mesh. Same joints?

# %%
generator = torch.Generator().manual_seed(0)
theta = 0.4 * torch.randn(64, 72, generator=generator)
shapes = torch.randn(64, 10, generator=generator)
on_joints, on_vertices = keypoint_weights(body, H36M17)  # (17, 24), (17, V)
posed = body(theta, shapes)
by_mesh = on_joints @ posed.joints + on_vertices @ posed.vertices
folded = body.keypoints(H36M17)(theta, shapes)
off = 1e6 * (by_mesh - folded).norm(dim=-1).max().item()
display(
    Markdown(
        f"Largest difference over 64 random bodies and 17 joints: **{off:.1f} µm**. Rows of W sum to "
        f"{(on_joints.sum(1) + on_vertices.sum(1)).min():.6f} and "
        f"{(on_joints.sum(1) + on_vertices.sum(1)).max():.6f}."
    )
)

# %% [markdown]
# ## Weak perspective
#
# The camera of the paper has three numbers, a scale and a shift: x = s X[:, :2] + t. Depth is dropped. That is exact for a
# person infinitely far away; ours stand about five metres from cameras with real lenses. How much is lost? Below, the true
# 3D joints are put on the true 2D joints by the best such camera, frame by frame, in the Human3.6M role's test clips.

# %%
study = phd_study.study(profile, data, names=["AR on Φ"])
experiments = study.experiments["AR on Φ"]
features = experiments[0].features()
clips, boxes = role_clips(features, "human36m", "test")
X, x = (
    torch.cat([getattr(clip, name) for clip in clips])
    for name in ("joints3d", "keypoints2d")
)
everything = torch.ones(x.shape[:2], dtype=torch.bool)
best = solve_weak_perspective(X[..., :2], x, everything)
left = (project_weak_perspective(X, *best) - x).norm(dim=-1).mean(-1) / person_size(
    x, everything
)
display(
    Markdown(
        f"Mean distance that is left: **{100 * left.mean():.2f} %** of the person's size, in the worst of "
        f"{len(left):,} frames {100 * left.max():.1f} %. For comparison: PCK counts a joint as right within 5 %."
    )
)

# %% [markdown]
# ## Equation 6: the best camera, in closed form
#
# For frames that were seen, f_3D reads the camera off the movie strip together with the pose. In the future there is no image,
# and the paper says that no meaningful camera can be predicted; so it takes the one that puts the predicted joints best on
# the true 2D joints that are visible:
#
# $$\Pi^* = \arg\min_{s, t}\ \sum_j v_j\, \| s\, x^{orth}_j + t - x^{gt}_j \|^2 .$$
#
# This is a straight line fitted to points: t joins the weighted means, and s is the ratio of two sums about the means. A
# dozen lines, `phdlib/camera.py`:
#
# ```python
# mean_x, mean_gt = (v * x_orth).sum(-2) / v.sum(-2), (v * x_gt).sum(-2) / v.sum(-2)
# dx, dgt = x_orth - mean_x, x_gt - mean_gt
# s = (v * dx * dgt).sum() / (v * dx * dx).sum()
# t = mean_gt - s * mean_x
# ```
#
# Against `scipy.optimize.least_squares`, which knows nothing of this, on predicted poses and true keypoints, those hidden by
# the body left out:

# %%
known = phd_study.truth(features, "human36m")
futures = torch.from_numpy(study.results["AR on Φ"][0].futures["human36m"].joints)
flat = [
    part[:, CONDITIONING:].flatten(0, 1)
    for part in (futures, known.keypoints, known.visible)
]
drawn = torch.randperm(len(flat[0]), generator=generator)[:frames]
predicted, keypoints, visible = (part[drawn] for part in flat)
digits = future_cameras.digits_in_common(predicted[..., :2], keypoints, visible)
few = torch.zeros_like(visible).scatter(1, torch.rand(visible.shape, generator=generator).topk(4).indices, True)  # fmt: skip
digits_few = future_cameras.digits_in_common(predicted[..., :2], keypoints, few)
display(
    Markdown(
        f"{len(drawn)} frames, {100 * (~visible.bool()).float().mean():.0f} % of the joints hidden: the two agree in "
        f"**{digits:.1f} digits**; with four joints of 17, drawn at random, in {digits_few:.1f}."
    )
)

# %% [markdown]
# The loss of the future runs through this camera, so it has to be differentiable. `gradcheck` compares its derivatives with
# finite differences, hidden joints included; and where all joints but one are hidden there is no scale to be found, and yet no
# division by zero may spoil a batch.

# %%
x_orth = predicted[:4, :, :2].double().requires_grad_(True)
x_gt = (keypoints[:4] / 1000).double().requires_grad_(True)
smooth = torch.autograd.gradcheck(
    lambda a, b: solve_weak_perspective(a, b, visible[:4]), (x_orth, x_gt)
)
one = torch.zeros_like(visible[:4])
one[:, 3] = True
camera = solve_weak_perspective(x_orth, x_gt, one)
(camera.s.sum() + camera.t.sum()).backward()
finite = bool(x_orth.grad.isfinite().all() and x_gt.grad.isfinite().all())
display(
    Markdown(
        f"gradcheck: **{'passed' if smooth else 'failed'}**. One joint in sight: scale {camera.s.max():g}, gradients "
        f"{'finite' if finite else 'not finite'}."
    )
)

# %% [markdown]
# ## Figure 2: the networks, on one batch
#
# From left to right: features φ of each frame, from a network that is frozen; f_movie sums up the last half second in a movie
# strip Φ; f_3D reads the body out of a strip, be it of a frame that was seen or, from f_AR, of one to come. Sizes and
# weights are those of the modules that ran, the losses below those of one batch of training clips, drawn at random, by the
# trained model. A dash is a loss that the data set's labels do not allow, which is how video without any 3D takes part; in the
# last two rows it is one that belongs to the other stage.

# %%
batch = phd_overview.overview(
    experiments[0], study.results["AR on Φ"][0], torch.Generator().manual_seed(1)
)
model = study.model("AR on Φ")
provenance = publish.Provenance(
    profile=profile, data=data, seeds=(experiments[0].seed,),
    seconds=round(study.results["AR on Φ"][0].seconds, 1), settings={"features": type(features).__name__},
)  # fmt: skip
vertices = mesh.vertices.shape[1]
fig = figure_2(model, features.trained("cpu"), batch.sizes, batch.terms, vertices)
title = "PHD on one batch: tensors, networks, and which data pays which loss (values without weights)"
saved = publish.save_figure(
    "phd-figure-2", fig, title=title, provenance=provenance, **here,
    caption="Blue: tensors with their shapes; green: networks and fixed functions; orange: losses; grey: what is known. Below, "
    "a row per loss, three columns of data roles for the present and three for the future: 3D losses have values in the Human3.6M "
    "role alone.",
)  # fmt: skip
display(
    Markdown(f"What the model is given of a frame here: {phd_overview.seen_as(features)}.")
)

# %% [markdown]
# ## Figure 6: how far back
#
# Both f_movie and f_AR see 13 frames. Stacked, the first prediction could depend on 13 + 13 - 1 = 25 images. Training clips have
# 40 frames, and 25 of them spent on seeing would leave 15 to predict, of which only the last two would have to live on
# predictions alone, the situation that counts at test time. So the paper sees 15 frames, repeats the first image before
# them, and predicts 25.
#
# Below this is not counted but measured: the gradient of an output with respect to each input frame says whether one
# reaches the other. The networks are those of the library, of the paper's depth, 32 channels wide.

# %%
weights = {"groups": 4, "generator": torch.Generator().manual_seed(0)}
f_movie, f_ar = MovieStripEncoder(32, **weights), Autoregressor(32, **weights)
numbers = field_of_view.papers_numbers(f_movie, f_ar)
fields = {
    "(a) All that f_AR on f_movie could see": field_of_view.measure(f_movie, f_ar, 40, 25),
    "(b) As trained": field_of_view.measure(f_movie, f_ar, 40, 15),
}
fig = figure_6(fields)
measured = publish.Provenance(
    profile=profile, data=data, seeds=(), seconds=round(time.perf_counter() - started, 1)
)
title = "Field of view of f_AR on f_movie, from the gradients of the networks"
saved = publish.save_figure(
    "phd-figure-6", fig, title=title, provenance=measured, **here,
    caption="Time runs to the right. Yellow: what the first prediction depends on; hatched: the first image, repeated; pale "
    "blue: predictions that rest on real strips in part; dark blue: on predicted strips alone.",
)  # fmt: skip
pd.DataFrame(numbers, index=["measured", "the paper"]).T

# %%
verdicts.judge("PHD-C34", {"frames": numbers["frames behind a movie strip"][0]})
right = sum(ours == papers for ours, papers in numbers.values())
verdicts.judge("PHD-C35", {"numbers": right})

# %% [markdown]
# ## One set of weights for all horizons
#
# The model of Kanazawa et al. [27] that PHD grew out of predicts one frame, with a network for each distance in time. f_AR is
# applied to its own output as often as one likes. If that is so, a rollout of *n* frames is the beginning of a rollout of 35,
# for every *n*.

# %%
from phdlib.hallucination import Hallucinator

phi = torch.stack([clip.features[:CONDITIONING] for clip in clips[:8]])
served = horizons_served(model, phi, 35)
own = sum(p.numel() for p in model.f_ar.parameters())
one_step = Hallucinator(model.f_movie.channels)
each = sum(p.numel() for p in one_step.parameters())
display(
    Markdown(
        f"f_AR: {own:,} weights for all horizons. A hallucinator as in [27], as wide as our movie strips: {each:,} weights "
        f"for one, {35 * each:,} for 35."
    )
)
verdicts.judge("PHD-C33", {"horizons": served})

# %% [markdown]
# ## Could the camera be predicted?
#
# f_3D does not know that a strip comes from f_AR: it reads a camera off a predicted strip as off any other. Below is how far
# the predicted joints land from the true visible ones, by camera:

# %%
pd.Series(future_cameras.CAMERAS, name="the 2D of a predicted pose").to_frame()

# %% [markdown]
# One thing makes a predicted camera look better than it is. A camera is in coordinates of the crop, and the crop is made around
# the person, in the future too: whoever is given the crop of a later frame already knows where the person will be and how
# large. The last row takes that away.
#
# The claim is put as a number before the models are asked: what the predicted camera adds to equation 6's error has to grow to
# more than twice as much, from the last frame seen to 30 frames on. Every 25th frame begins a window, in both roles.

# %%
from phdlib.future_tables import intervals

body_of = load_body()
cameras = {}
for role, name in (("human36m", "Human3.6M role"), ("penn", "Penn role")):
    of_role, crops = role_clips(features, role, "test")
    windows = evaluation_windows(of_role, 25)
    found = [
        future_cameras.reprojections(
            study.model("AR on Φ", i), of_role, crops, windows, body_of
        )
        for i in range(len(experiments))
    ]
    cameras[name] = {
        key: [tables[key] for tables in found] for key in future_cameras.CAMERAS
    }
rng = np.random.default_rng(0)
shown = pd.concat({role: intervals(of_role, "frame") for role, of_role in cameras.items()})
shown["mean and 95 %"] = [
    f"{row.value:.1f} ({row.low:.1f} to {row.high:.1f})" for row in shown.itertuples()
]
shown["mean and 95 %"].unstack("horizon", sort=False).rename_axis(index=["role", "camera"])

# %% [markdown]
# In percent of the person's size, by how many frames ahead; 0 is the last frame seen. The row "eq. 6" is what the pose alone is
# responsible for: no camera has a smaller sum of squares.
#
# Mind what the verdict is about: the predicted camera in the crop of the *later* frame, row "read", which is what a model has
# that is given that crop. In the paper's words the camera could not be predicted at all; without the crop, last row, it is off
# by several times as much, but there the camera is not predicted, only kept.

# %%
from phdlib import findings

judged = future_cameras.judgement(cameras, min(digits, digits_few), rng)
verdicts.enter(judged)
findings.evidence([judged]).round(2)

# %% [markdown]
# ## A player
#
# A mesh that moves says more than a table. The clip is found by a rule: in the Human3.6M role, the first test clip of the action
# that comes first in the alphabet and goes on for 35 frames. In yellow the 15 frames that the model sees, as it reads them, in
# blue what it predicts; in grey the truth.

# %%
from phdlib.viewers_mesh import Moving, mesh_player

long_enough = [i for i, clip in enumerate(clips) if len(clip) >= CONDITIONING + 35]
scene = Scene("human36m", min(long_enough, key=lambda i: (clips[i].action, i)), 0)
seen = rollout(model, clips[scene.clip], scene.start, 35)
ahead = range(1 - CONDITIONING, 36)
true_theta, true_beta = scene.truth(ahead)
roles = ["conditioning"] * CONDITIONING + ["latent"] * 35
moving = {
    "read, then predicted": Moving(seen.theta, seen.beta, roles),
    "truth": Moving(true_theta, true_beta, "truth"),
}
title = f"A body read from 15 frames and predicted for 35: {scene.name()}"
page = publish.save_html("phd-figure-2", mesh_player(moving, 25.0, first=1 - CONDITIONING), part="player", title=title,
                         provenance=provenance, **here)  # fmt: skip
columns = (-14, -7, 0, 5, 10, 15, 20, 25, 30, 35)
row = MeshRow("read, then\npredicted", seen.theta[seen.at(columns)], seen.beta[seen.at(columns)],
              ["conditioning" if frame <= 0 else "latent" for frame in columns])  # fmt: skip
rows = [row, row.from_side(), MeshRow("truth", *scene.truth(columns), role="truth")]
fig = mesh_strip(rows, [f"{frame:+d}" if frame else "0" for frame in columns], title=title)
saved = publish.save_figure(
    "phd-figure-2", fig, part="player", title=title, provenance=provenance, **here,
    caption="Yellow: read from frames that were seen; blue: predicted; grey: the truth. Columns are frames from the last one "
    "seen, at 25 a second. One seed.",
)  # fmt: skip
display(Markdown(f"Player: [{page.name}](../../figures/{page.name})"))

# %% [markdown]
# ## Verdicts
#
# C33 to C35 are statements about the networks alone: no data and no chance enters into them. C37's threshold was written down
# before any prediction of these cameras was looked at; its interval draws the models of all seeds, the figures show the first.

# %%
of_all_seeds = publish.Provenance(
    profile=profile, data=data, seeds=tuple(e.seed for e in experiments),
    seconds=round(sum(result.seconds for result in study.results["AR on Φ"]), 1), settings=provenance.settings,
)  # fmt: skip
verdicts.save(of_all_seeds)
verdicts.show()

# %% [markdown]
# ## What to try next
#
# * `load_body("SMPL_NEUTRAL.npz")`, if you have the licensed file: do β's directions mean the same?
# * Give `field_of_view.measure` an encoder with `norm="time"`. Which images does the first prediction depend on then?
# * Solve equation 6 with one wrong keypoint among the visible ones, far off. What happens to the scale, and which loss would
#   not mind?
