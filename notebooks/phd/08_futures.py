# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Futures to look at
#
# A table says how far off predictions are; it does not say what they look like. The paper shows them as strips of bodies
# (PHD 4.3 and 6), and this notebook draws the same ones: **Figure 1**, the teaser; **Figure 3**, rollouts of periodic and of
# other motion; **Figure 4**, the latent against the pose-space model on one sequence; **Figures 11 and 12**, the two on a
# simple and on a complex motion. It then puts the claims that these pictures illustrate as numbers over all windows,
# because a picture can be found for nearly any claim.
#
# Nothing is picked by eye. Every example is a *median* window: of all windows that a rule allows, the one in the middle when
# they are ordered by error. The rule and the place stand beside each figure.
#
# The data is embedded: real motion capture on a body model, seen by virtual cameras (`00_data`). "Human3.6M role" and "Penn
# role" say how the data was labelled in training, never where it came from. Rendered crops show what the cameras see; what
# the model is given of it is said below. In the Penn role no model was shown any 3D; its true bodies are drawn here because
# the recording has them.
#
# *Time:* about half a minute at `standard` on two cores once the models of `04_autoregression` are cached.

# %% tags=["parameters"]
profile = None  # smoke, standard or paper; None: $PHDLIB_PROFILE, or standard
data = None  # None: $PHDLIB_DATA_SOURCE, or embedded

# %%
import numpy as np
import pandas as pd
from IPython.display import Markdown, display

from phdlib import (
    claims_rollouts,
    figures_rollouts,
    findings,
    opening,
    phd_overview,
    phd_study,
    publish,
)
from phdlib.examples import by_difficulty, median_window, periodicities, periodicity
from phdlib.figures_rollouts import STEPS, Shown
from phdlib.metrics import p_mpjpe
from phdlib.rollouts import Scene, footage, predicted_joints, what_is_read
from phdlib.verdicts import Verdicts

pd.set_option("display.max_colwidth", None)
profile, data = opening.begin(profile, data)
here = {"paper": "phd", "notebook": "notebooks/phd/08_futures.ipynb"}
ROLES = {"h36m": "human36m", "penn": "penn"}
NAMES = {"h36m": "Human3.6M role", "penn": "Penn role"}

# %%
study = phd_study.study(profile, data, names=["AR on Φ", "AR on Θ"])
experiments = study.experiments["AR on Φ"]
features = experiments[0].features()
latent, pose = study.model("AR on Φ"), study.model("AR on Θ")
provenance = publish.Provenance(
    profile=profile, data=data, seeds=tuple(e.seed for e in experiments),
    seconds=round(study.seconds, 1), settings={"features": type(features).__name__},
)  # fmt: skip
display(
    Markdown(
        f"The model sees 15 frames, each as {phd_overview.seen_as(features)}. The pictures show the models of the first "
        f"seed ({experiments[0].seed}); windows are ordered by the mean over "
        f"{len(experiments)} seed{'s' if len(experiments) > 1 else ''}."
    )
)

# %% [markdown]
# ## The rule
#
# A window may be shown if its clip goes on for 35 frames after the last one seen, so that the truth can stand beside the
# prediction. (Tables are made of windows with 30.) Windows are ordered by the latent model's mean error over the frames 1 to
# 30 without warping: P-MPJPE in the Human3.6M role, PCK in the Penn role. Shown is the middle one.

# %%
known = {short: phd_study.truth(features, role) for short, role in ROLES.items()}
scenes = {
    short: [
        Scene(ROLES[short], clip, start)
        for clip, start in zip(found.windows.clip.tolist(), found.windows.start.tolist(), strict=True)
    ]
    for short, found in known.items()
}  # fmt: skip
allowed = {
    short: [scene.left >= STEPS for scene in of_role] for short, of_role in scenes.items()
}
actions = {
    short: list(
        dict.fromkeys(scene.recorded.action for scene in of_role if scene.left >= STEPS)
    )
    for short, of_role in scenes.items()
}


def median(short: str, action: str | None = None) -> tuple[str, Shown]:
    """The middle window of a role, or of one of its actions: what to print, and what to show."""
    tables = study.rows[short]["AR on Φ"]
    found = median_window(tables, action=action, allowed=allowed[short])
    scene = scenes[short][found.window]
    unit = "mm" if short == "h36m" else "PCK"
    words = f"{NAMES[short]}, {scene.name()}: {found.value:.1f} {unit}, number {found.place} of {found.count} windows"
    return words, Shown(scene, known[short].clips[scene.clip])


# %% [markdown]
# ## Figure 1
#
# The middle window of each role, over all actions: rendered views, in yellow frames where the model was given what is in them
# and for comparison where it was not; the bodies read from them (yellow) and predicted (blue), from the camera and from its side.

# %%
teaser = {short: median(short) for short in ROLES}
windows = {
    f"{NAMES[short].replace(' role', '')}\nrole\n({of_it.scene.recorded.action})": of_it
    for short, (_, of_it) in teaser.items()
}
fig = figures_rollouts.predictions(
    windows, latent, features, ahead=figures_rollouts.LARGE, size=132
)
title = "Predicted bodies from two viewpoints: the median window of each role"
saved = publish.save_figure(
    "phd-figure-1", fig, title=title, provenance=provenance, **here,
    caption="Yellow: read from frames that were seen; blue: predicted by AR on Φ. Columns are frames from the last one seen, at "
    f"25 a second. {what_is_read(features)} Models of the first seed.",
)  # fmt: skip
display(Markdown("\n".join(f"* {words}" for words, _ in teaser.values())))

# %% [markdown]
# Columns are numbered by frames ahead of the last one seen, at 25 frames a second: +25 is one second on, and all that
# training ever asked for; +30 and +35 are beyond. Movement across the floor is not part of Θ, so the bodies stay where they
# are.
#
# ## Figure 3
#
# The paper shows walking, batting, pitching, two shots at a basket, a clean and bowling: motion that repeats itself and motion
# that does not. Which of our actions are of which kind is measured: how much of a clip's pose comes again within 1.6 seconds
# (its autocorrelation, once that has fallen; the mean over an action's windows; `06_actions` has it of the Penn role's 13 joints, here there are 17). For each role the
# figure takes the most periodic action, and of those below half of it the two whose true joints move fastest.

# %%
chosen, shown = {}, []
for short, role in ROLES.items():
    again = periodicities(footage(role), known[short].windows.clip.tolist())
    again = again[again.index.isin(actions[short])]
    rows = study.rows[short]["AR on Φ"][0]
    moving = rows[rows["horizon"] == 30].groupby("action")["true_speed"].mean()[again.index]
    others = moving[again < again.iloc[0] / 2].sort_values(ascending=False, kind="stable")
    chosen[short] = [again.index[0], *others.index[:2]]
    kinds = pd.DataFrame({"periodicity": again, "true speed": moving}).assign(
        role=NAMES[short]
    )
    shown.append(
        kinds.assign(shown=["yes" if k in chosen[short] else "" for k in kinds.index])
    )
table = pd.concat(shown).rename_axis("action").reset_index().set_index(["role", "action"])
table.sort_values(["role", "periodicity"], ascending=[True, False], kind="stable").round(2)

# %% [markdown]
# True speed is in mm per frame in the Human3.6M role and in percent of the person's size in the Penn role. The caption of
# Figure 3 speaks of 13 frames that the model sees, the evaluation of 15 (PHD 4.2). The figure is drawn with 13; how much two
# frames more change is measured below it.

# %%
captions, effects = [], []
for short in ROLES:
    of_role = {action: median(short, action) for action in chosen[short]}
    windows = {action.replace(" ", "\n"): of_it for action, (_, of_it) in of_role.items()}
    fig = figures_rollouts.predictions(
        windows, latent, features, ahead=(-12, 0, *figures_rollouts.LARGE[2:]), conditioning=13, size=104,
    )  # fmt: skip
    title = f"Rollouts of the latent model, {NAMES[short]}: 13 frames seen, 35 predicted"
    publish.save_figure(
        "phd-figure-3", fig, part=ROLES[short], title=title, provenance=provenance, **here,
        caption="Three actions: rendered views, bodies from the camera and from the side. Yellow: read; blue: predicted. Columns "
        f"are frames from the last one seen. {what_is_read(features)} First seed.",
    )  # fmt: skip
    captions += [f"* {words}" for words, _ in of_role.values()]
    for action, (_, (scene, clip)) in of_role.items():
        with_15, with_13 = (
            predicted_joints(latent, clip, scene.start + 15 - seen, STEPS, seen)[seen:]
            for seen in (15, 13)
        )
        effects.append({"action": action, **{f"+{t}": 1000 * p_mpjpe(with_13[t - 1], with_15[t - 1]).item()
                                             for t in (1, 5, 15, 25, 35)}})  # fmt: skip
display(Markdown("\n".join(captions)))
difference = pd.DataFrame(effects).set_index("action")
difference.rename_axis("P-MPJPE between 13 and 15 frames seen, mm").map(
    lambda mm: f"{mm:.3f}" if mm >= 0.001 else "below 0.001"
)

# %% [markdown]
# The first prediction *can* depend on all 15 (`01_body_and_camera`). Where the difference is far below a millimetre, this
# training makes next to no use of the far end of its field of view.
#
# ## Figure 4
#
# Latent space (blue) against pose space (pink), and the truth, on one sequence: the middle window of the Penn role, as in the
# teaser. The paper's caption says that the latent prediction need not have the tempo right, but generally has the sequence of
# poses. Whether that is so over all windows is C24 below.

# %%
words, window = teaser["penn"]
fig = figures_rollouts.comparison(
    window, latent, pose, features, ahead=figures_rollouts.FIGURE_4, sides=False
)
title = "Latent against pose space, and the truth: the median window of the Penn role"
saved = publish.save_figure(
    "phd-figure-4", fig, title=title, provenance=provenance, **here,
    caption="Yellow: read from frames that were seen; blue: predicted in latent space; pink: in pose space; grey: the truth. "
    f"Columns are frames from the last one seen. {what_is_read(features)} First seed.",
)  # fmt: skip
display(Markdown(f"{words}."))

# %% [markdown]
# ## Figures 11 and 12
#
# A clean is simple, a tennis serve is complex, says the paper. Here simple and complex are what a frozen body says they are: the
# action of the Penn role in which Constant is best over 30 frames, and the one in which it is worst. That asks no trained
# predictor, only the encoder's reading of the last frame. Actions without a window that may be shown are passed over.

# %%
order = by_difficulty(study.rows["penn"]["Constant"], higher_is_better=True)
order = order[order.index.isin(actions["penn"])]
captions = []
for number, kind, action in (
    (11, "simple", order.index[0]),
    (12, "complex", order.index[-1]),
):
    words, window = median("penn", action)
    fig = figures_rollouts.comparison(window, latent, pose, features)
    title = f"Latent against pose space on a {kind} motion ({action})"
    publish.save_figure(
        f"phd-figure-{number}", fig, title=title, provenance=provenance, **here,
        caption="Yellow: read; blue: latent space; pink: pose space, each from the camera and from the side; grey: the truth. "
        f"{what_is_read(features)} First seed.",
    )  # fmt: skip
    captions.append(
        f"* Figure {number}, {kind} (Constant: {order[action]:.1f} PCK): {words}"
    )
display(Markdown("\n".join(captions)))

# %% [markdown]
# ## What the pictures stand for, over all windows
#
# Three of the paper's claims rest on such pictures. A picture cannot be judged by a program; what it is to show can be
# put as numbers. These thresholds were written before their outcome at `standard` was known:
#
# * **C24**, tempo off but kind right. Dynamic time warping forgives tempo and nothing else. Of what the prediction loses over
#   30 frames against its first, it has to take back more than a tenth (in print: a fifth and two thirds, see below); and with it the prediction has to be ahead of a body
#   that stands still, for which warping does nothing, by more than 1 mm and 1 point. Both roles.
# * **C26**, periodic as well as other motion. In periodic clips and in the others, in both roles, at the frames 10 and 30:
#   ahead of the frozen body by more than 1 mm and 1 point. It is the least one can ask of a prediction, and yet not always
#   fair to it: after a whole stride, which takes about a second, a walker who froze is right again.
# * **C27**, simple motion suits both spaces, complex motion the latent one. In the half of the actions that the frozen body
#   fits best the two are within 2 mm or points of each other over 30 frames; in the other half the latent one is ahead by more
#   than that, and by more than in the first.
#
# Intervals are drawn over takes and seeds. Most actions here, and all of the Penn role's periodic windows, come from one or two
# takes; there an interval says little about other people.

# %%
found = claims_rollouts.Rollouts(
    study.rows,
    {
        short: np.array([periodicity(clip.joints3d) for clip in footage(role)])[known[short].windows.clip.numpy()]
        for short, role in ROLES.items()
    },
)  # fmt: skip
judged = claims_rollouts.judgements(found)
verdicts = Verdicts(here["notebook"], data)
verdicts.enter(*judged)
findings.evidence(judged).round(2)

# %% [markdown]
# What C24 comes to as a share, for all rows and in print. In print the running means without warping have to be guessed between
# the printed horizons (`05_evaluation` shows why Table 2's horizons are running means at all), so the share there is rough. A
# row that is hardly worse over 30 frames than in its first has little that could be taken back, and its share means nothing.

# %%
ours = pd.DataFrame(
    {NAMES[s]: {name: 100 * claims_rollouts.recovered(t) for name, t in methods.items()}
     for s, methods in study.rows.items()}
)  # fmt: skip
papers = 100 * claims_rollouts.published_recovered().rename(columns=NAMES)
names = {label: name for name, label in phd_study.PUBLISHED.items()}
papers = papers.rename(index=names).add_suffix(", published")
shares = ours.join(papers)
shares.rename_axis("% of the loss that DTW takes back").round(0)

# %% [markdown]
# By action, the simplest first: running means over 30 frames (mm; PCK), and how far the latent model is ahead of the frozen
# body at the frames 10 and 30. "Sure" is an interval wholly above zero.

# %%
tables = {short: claims_rollouts.by_actions(found, short) for short in ROLES}
counts = [
    f"{NAMES[s]}: ahead for sure at 10 in {(t['sure at 10'] == 'yes').sum()}, at 30 in {(t['sure at 30'] == 'yes').sum()} of {len(t)} actions"
    for s, t in tables.items()
]
display(Markdown(". ".join(counts) + "."))
pd.concat({NAMES[short]: table for short, table in tables.items()}, names=["role"]).round(1)

# %% [markdown]
# ## Verdicts

# %%
verdicts.save(provenance)
verdicts.show()

# %% [markdown]
# ## What to try next
#
# * Replace the median by the best tenth of the windows (`examples.median_window` shows how they are ordered). How different
#   would this notebook look, and how would a reader know?
# * Draw Figure 4 for another seed by `study.model("AR on Φ", 1)`. Do two trainings agree on what follows?
# * `figures_rollouts.predictions(..., ahead=range(0, 101, 10))`: four seconds. What do the bodies come to rest in?
