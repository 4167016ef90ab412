# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # What PHD sees: data with and without labels, and features of single frames
#
# PHD (Zhang, Felsen, Kanazawa and Malik, ICCV 2019; "PHD 3.2" is its section 3.2) never looks at pixels. A network that
# was trained before, and is then frozen, turns every frame of a video into a vector $\phi_t$; all that PHD learns, it
# learns from sequences of such vectors. This notebook shows
#
# * the **data roles**: which clips have 3D labels, which 2D, which neither but a detector's guesses;
# * the **images**: crops rendered from the mesh, since the embedded data has no photographs;
# * two **providers** of $\phi$, a CNN on these crops and a 2D-to-3D lifter on keypoints, and how good each is on a
#   single frame;
# * what a single frame's $\phi$ tells, and what it cannot;
# * **PHD on either of them**: the present and the future, side by side.
#
# Nothing here is Human3.6M, Penn Action or InstaVariety: the "Human3.6M role" is real motion capture on a body model,
# seen by virtual cameras (`00_data`), labelled as Human3.6M is.
#
# *Time:* at `standard` on two cores about half a minute once everything is cached; from an empty cache the CNN, the
# features of all clips and the trainings behind the last table come on top. Less with `smoke`.

# %% tags=["parameters"]
profile = None  # smoke, standard or paper; None: $PHDLIB_PROFILE, or standard
data = None  # None: $PHDLIB_DATA_SOURCE, or embedded
seeds = 1  # how many of the profile's seeds the providers are compared by; None: all

# %%
import numpy as np
import pandas as pd
from IPython.display import Markdown, display

from phdlib import (
    captions,
    feature_tables,
    figures_phd,
    longer_futures,
    opening,
    phd_profiles,
    publish,
)
from phdlib.feature_tables import LATENT
from phdlib.phd_profiles import PHD_SIZES
from phdlib.single_image_profiles import single_image
from phdlib.verdicts import Verdicts

pd.set_option("display.max_colwidth", None)
profile, data = opening.begin(profile, data)

# %% [markdown]
# ## 1. Who knows what
#
# PHD mixes data sets of different supervision (PHD 4.1), and each loss is paid by the clips that have what it needs:
# 3D joints, pose and shape by Human3.6M alone; 2D reprojection by all; the adversarial prior, which needs no label, by
# all. The subjects are split as the paper splits Human3.6M: 1, 6, 7, 8 train, 5 validates, 9 and 11 test. Everything
# is at 25 Hz.
#
# The roles are made so that the paper's question can be asked: can the future in 3D be learned from video without 3D
# labels? The performances of the Penn Action role (kicks, jumps, jetes, sword cuts) are in no clip that has 3D labels.
# The InstaVariety role shows the same performances in the three views that the Penn role does not show, with a detector's
# 2D. What it cannot stand for is InstaVariety's size and variety of people. NBA, the paper's fourth set, has no
# counterpart.

# %%
roles = feature_tables.roles()
roles

# %% [markdown]
# *Performances* are stretches of one person's motion, *clips* are views of them, and frames are counted over all views.
# *Median length* is of performances, in frames at 25 Hz.
#
# **How long are the clips?** It decides how far ahead PHD can be trained: 13 frames of receptive field and 25
# predictions were near the upper bound, because the videos of Penn Action have a median of 56 frames (PHD 3.4). A
# training clip has at least 40 frames (PHD 6.1); an evaluation window has 15 conditioning frames and 30 to predict. In
# the paper the Jumping Jacks are left out of Table 5 for being too short. Our counterpart, all performances of the Penn
# role, whatever their part:

# %%
lengths = feature_tables.lengths()
lengths

# %%
dropped = lengths.drop(index="All").query("`below 40 frames` > 0")
whole = lengths.loc["All"]
told = ", ".join(
    f"{n:.0f} of {of:.0f} of *{action}*"
    for action, n, of in zip(
        dropped.index, dropped["below 40 frames"], dropped["performances"], strict=True
    )
)
display(
    Markdown(
        f"Median length: **{whole['median length']:.0f} frames** over {whole['performances']:.0f} performances "
        f"(Penn Action: 56). Too short for any clip: {told or 'none'}. Long enough to train on, too short to be "
        f"evaluated: {whole['40 to 44']:.0f}."
    )
)

# %% [markdown]
# ## 2. Images
#
# In the paper every frame is "cropped and centered around the subject" (PHD 3.2). The embedded data has motion, bodies
# and cameras, but no photographs, so the crops are rendered: the posed mesh in clothes of its own, lit from somewhere,
# before a room, through the camera's lens, with a sensor's noise. Skin and hair go by subject, clothes by take, light
# and room by take and camera; each part is drawn from a generator seeded by that name, so a clip looks the same
# whenever it is rendered. Test subjects, their clothes and their rooms are not seen in training.
#
# The crop is HMR's: the bounding box of the 2D joints, its diagonal scaled to 150 of 224 pixels. The box is that of the
# *true* joints: where the person is counts as known. Each frame has its own.
#
# Below, at the size at which the network sees them: the middle frame of the first test clip of eight actions of each
# role, spread evenly over the role's actions, views taking turns where there are several. The second row of each pair
# has the true skeleton drawn over it (blue: left).

# %%
experiments = phd_profiles.providers(PHD_SIZES[profile], data)
examples = feature_tables.crop_examples(experiments["images"])
fig = figures_phd.crop_grid(*examples)
captions.show(
    fig,
    "What the network of images sees: rendered crops of test clips. Upper pair of rows: Human3.6M role, lower pair: Penn role; "
    "in the second row of each the true skeleton (blue: left, orange: right).",
)

# %% [markdown]
# ## 3. Two providers of phi
#
# **Images.** PHD takes HMR's ResNet-50, pre-trained on photographs, and uses its pooled last layer, 2048 numbers (PHD
# 4.1). Under the profile `paper` ours is a ResNet-50 of that size too; under the others a smaller residual network.
# Departs from the paper: it is trained here, on crops of the training subjects of the Human3.6M role alone, to regress
# rotations, shape, joints and camera through one hidden layer; then it is frozen and $\phi$ is its pooled last layer.
# PHD freezes its network too, so nothing that PHD trains ever reaches the pixels.
#
# **Keypoints.** VideoPose3D's single-frame lifter (`videopose3d/02_supervised`), trained on the same subjects; $\phi$
# is the layer before its last. It costs next to nothing, and it never sees a picture: its input are 2D keypoints of the
# `fine_tuned` detector level, in the coordinates of the whole image.
#
# The two are no controlled comparison of pixels with keypoints. The crops are of the true body at the true place; the
# keypoints carry a detector's errors, but also where in the image the person is and how large, which a crop hides.
#
# (The network of images keeps one core busy for minutes. So that the others are not idle, what `03_causal_encoder` needs
# is trained beside it.)

# %%
encoders = [e for row in phd_profiles.encoders(profile, data).values() for e in row]
providers = feature_tables.providers(experiments, beside=encoders)
providers.round(1).astype(object).where(providers.notna(), "")

# %%
mm = providers[["MPJPE, mm", "P-MPJPE, mm"]].astype(float)
display(
    Markdown(
        f"On subject S5, whom neither saw, the single-frame networks miss the joints by "
        f"**{mm.loc['images', 'MPJPE, mm']:.0f} mm** (images) and **{mm.loc['lifter', 'MPJPE, mm']:.0f} mm** "
        f"(lifter), after alignment by {mm.loc['images', 'P-MPJPE, mm']:.0f} and "
        f"{mm.loc['lifter', 'P-MPJPE, mm']:.0f} mm. Who sees nothing and answers with the mean training pose misses "
        f"them by {mm.loc['mean pose', 'MPJPE, mm']:.0f} and, after alignment, "
        f"{mm.loc['mean pose', 'P-MPJPE, mm']:.0f} mm."
    )
)

# %% [markdown]
# MPJPE compares in the camera's axes: it includes which way the body faces, on which the mean pose must fail. P-MPJPE
# turns and scales every pose to fit. The mean pose is each time the better one for the measure: for MPJPE the mean of the
# training poses as the cameras see them, for P-MPJPE that of poses which were turned to face alike first.

# %% [markdown]
# ## 4. What one frame tells, and what it cannot
#
# A linear map from $\phi$, fitted on the training subjects and tried on the test subjects, shows what the features
# hold: the share of each quantity's variance that it explains, 100 % for all, 0 % for no better than the training mean.
# Where the joints are should be there, since the networks were trained to tell it. How they move should not: one
# image has no velocity, except as far as a pose betrays it. Three frames, 0.2 s apart, should tell more. That gap is
# what a movie strip $\Phi$ (PHD 3.2) is for. The maps are linear, so they show what is easy to read, not all there is.

# %%
knowledge = feature_tables.told(experiments)
(100 * knowledge).round(0).astype(int)

# %% [markdown]
# ## 5. PHD on either
#
# The same causal model, of equal size and by the same recipes, trained on each provider's features (stage 1, then f_AR
# in latent space, stage 2), and judged on the test subjects: the present frame after stage 1 as in Table 1, the future
# 1, 10 and 30 frames ahead as in Table 8 (that frame itself, no DTW). mm: lower is better; % (PCK at 0.05): higher is.
#
# We expect the gap to shrink with the horizon: far ahead, what limits a prediction is not how well the present was
# seen.
#
# (The three trainings on images follow one another. Beside them run those that `04_autoregression`, `05_evaluation` and
# `09_failures` ask for, so that no core is idle; most of the time that this notebook takes from an empty cache is theirs.)

# %%
single = [e for row in single_image(profile, data).values() for e in row]
later = [
    *phd_profiles.behind_tables(profile, data),
    *longer_futures.longer(profile, data),
    *single,
]
studies = feature_tables.studies(profile, data, seeds, beside=later)
table = feature_tables.compared(studies, np.random.default_rng(0))
table.round(1)

# %%
gap = table["images minus lifter"]
apart = table[(table["from"] > 0) | (table["to"] < 0)].index
h36m = [gap[f"{horizon} ahead: Human3.6M role, P-MPJPE, mm"] for horizon in (1, 30)]
count = len(studies["images"].experiments[LATENT])
display(
    Markdown(
        f"The 95 % interval excludes 0 in {len(apart)} of {len(table)} measures"
        f"{': ' + '; '.join(apart) if len(apart) else ''}. In the Human3.6M role the gap between the providers goes "
        f"from {h36m[0]:+.1f} mm one frame ahead to {h36m[1]:+.1f} mm thirty ahead: it "
        f"{'shrinks' if abs(h36m[1]) < abs(h36m[0]) else 'does not shrink'}. {count} seed"
        f"{'s' * (count > 1)} each: intervals are over takes{' and seeds' if count > 1 else ' alone'}."
    )
)

# %% [markdown]
# **All other notebooks use the profile's own provider.** At `smoke` and `standard` that is the lifter: a network on images
# that two cores train in minutes sees little (how little stands in the tables above), and a future cannot be foreseen from a
# present that was not read. At `paper` it is images, which are what the paper is about. So no verdict of
# a `standard` run is on prediction from pixels; most functions take `features="images"` to try.

# %% [markdown]
# ## Verdicts
#
# Two claims of the paper are about data that is not here.

# %%
verdicts = Verdicts("notebooks/phd/02_features.ipynb", data)
verdicts.not_testable("PHD-C44")
verdicts.not_testable(
    "PHD-C45",
    note=f"The counterpart here has a median of {whole['median length']:.0f} frames at 25 Hz, and leaves out "
    f"{told or 'no action'} as too short.",
)
verdicts.save(publish.Provenance(profile=profile, data=data, seeds=(), seconds=0))
verdicts.show()

# %% [markdown]
# ## What to try next
#
# * Crops about *detected* joints: `crops.crop_boxes(clip.keypoints2d)` instead of the true ones. How much of the error
#   comes back as jitter of $\phi$?
# * Give the CNN crops of the Penn role, with 2D labels only: `single_frame.frame_loss` has all terms that it needs.
# * `seeds = None`: does the comparison hold over trainings?
