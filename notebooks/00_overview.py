# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Two papers of 3D human motion: what they say, what held, where to read on
#
# **VideoPose3D** (Pavllo, Feichtenhofer, Grangier and Auli, CVPR 2019) turns the 2D keypoints of a video into 3D poses
# with a network of dilated convolutions over time. It says that seeing up to 243 frames beats seeing one, in error and
# far more in smoothness; that this is cheaper than a recurrent network and at least as good; and that unlabelled video
# helps where labels are few, since a 3D pose, projected back, has to land on the keypoints that it came from.
#
# **PHD** (Zhang, Felsen, Kanazawa and Malik, ICCV 2019) watches half a second of a person and goes on for a second,
# as a moving body. It says that the present can be read without looking ahead; that one should predict in the space of
# features rather than of poses, there more the further one looks; and that a model trained on its own outputs does not
# drift. Of PHD only a demo was ever published: its training and its evaluation are made anew here.
#
# Between them the two papers make 101 claims. Each is put to the test by a declared check: a statistic, and bounds that
# its whole 95 % interval has to keep. This page shows how they came out in the last run, and where to go from here.
#
# *Time:* seconds. It reads what the other notebooks have left, and is best run last.

# %% tags=["parameters"]
profile = None  # smoke, standard or paper; None: $PHDLIB_PROFILE, or standard
data = None  # None: $PHDLIB_DATA_SOURCE, or embedded

# %%
import pandas as pd
from IPython.display import Markdown, display

from phdlib import captions, overview, paths, score, settings

pd.set_option("display.max_colwidth", None)
profile = settings.check_profile(profile or settings.current_profile())
data = settings.check_data(data or settings.current_data())
run = score.read(profile, data)

# %% [markdown]
# ## What held

# %%
lead, told = score.warning(run)
page = f"{'../figures' if run.folder == paths.FIGURES else '..'}/report.html"
option = f" --profile {profile} --data {data}"
display(
    Markdown(
        f"**{lead}** {told}\n\n{score.sentence(run)} The evidence for each stands in [the report]({page})."
    )
    if run.claims
    else Markdown(
        f"**Not judged yet:** run `./reproduce.sh{option}`, then this page again."
    )
)

# %% [markdown]
# A cell is a claim, with its number in its paper. *Reproduced*: all that was asked is met by the whole interval.
# *Contradicted*: a whole interval lies where it should not. *Undecided*: one reaches over its bound, so that more people
# or more seeds would have to tell. *Not testable here*: these data, or this machine, cannot speak to it.

# %%
captions.show(
    overview.strip(run),
    "The claims of both papers by number; a claim's text stands in the report",
)

# %% [markdown]
# The claims for which the two papers are known best, with what was measured and what was asked of it. Of several
# comparisons behind one claim, the one nearest to failing is shown.

# %%
overview.headlines(run)

# %% [markdown]
# ## Where to read on
#
# The notebooks of a paper build on one another, in the order of their numbers. Start with `00_data`, which shows the
# motion, bodies and cameras that stand for Human3.6M here; then either paper. `01_your_data` says how your own data and
# video go in.

# %%
Markdown(overview.map_of_notebooks())

# %% [markdown]
# ## How to use them
#
# * **Read**: the `.ipynb` has all outputs. Nothing needs to be run.
# * **Run**: with *Run All*, or `./reproduce.sh --only 05_evaluation` in a terminal. What is trained once is kept in
#   `.cache/`, so the second time takes seconds. The cell tagged `parameters` chooses the profile and the data;
#   `profile = "smoke"` is a matter of a minute or two, and its numbers mean nothing.
# * **Change**: a cell calls functions of `phdlib` by name and holds no model code of its own; open the module beside
#   it. Every notebook ends a section with what to try next.
# * **Doubt**: each verdict's threshold, statistic and reason are declared in `phdlib/checks_phd.json` and
#   `checks_videopose3d.json`; each table's and figure's origin is traced in `figures/provenance.json`.
