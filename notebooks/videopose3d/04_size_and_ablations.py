# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # How large must it be? VideoPose3D's sizes and ablations
#
# VideoPose3D (Pavllo, Feichtenhofer, Grangier and Auli, CVPR 2019; "VP3D 6.1" is its section 6.1) has two numbers to
# choose, how many frames it sees and how many channels it has, and one rival of the same kind: an LSTM that reads a
# piece of video and then writes down its poses. This notebook trains them all, cut to what the profile allows, and asks
#
# * what the error of each model of **Table 5** is, beside its size and cost, and whether the LSTM drifts;
# * how the error changes with channels and receptive field, **Figure 8**;
# * what mirrored poses and dilated kernels are worth, the ablations of **A.4**.
#
# *Time:* about eight minutes for the trainings of the `standard` profile, two at a time on two cores; under a minute
# once they are cached; about a minute with `smoke`. How parameters and operations are counted is told in
# `01_temporal_model`, how models are trained and judged in `02_supervised`, whose full model A.4 takes up again.

# %% tags=["parameters"]
profile = None  # smoke, standard or paper; None: $PHDLIB_PROFILE, or standard
data = None  # None: $PHDLIB_DATA_SOURCE, or embedded

# %%
import numpy as np
import pandas as pd
from IPython.display import Markdown, display

from phdlib import (
    ablation_study,
    ablations,
    beyond,
    captions,
    checks,
    comparisons,
    drift,
    figures_sweeps,
    opening,
    publish,
)
from phdlib.ablation_study import (
    LSTM,
    exceeds,
    in_words,
    listed,
    not_mirrored,
    over_seeds,
    printed_table_5,
    reading,
    same_training,
    study,
)
from phdlib.beyond import measured
from phdlib.evaluation import average
from phdlib.experiments import for_clips
from phdlib.small_data import over_seeds as interval_over_seeds
from phdlib.statistics import Effect
from phdlib.verdicts import Verdicts

pd.set_option("display.max_colwidth", None)
profile, data = opening.begin(profile, data)
here = {
    "paper": "videopose3d",
    "notebook": "notebooks/videopose3d/04_size_and_ablations.ipynb",
}

# %% [markdown]
# ## How they are trained
#
# These are all of the profile's differences from the paper in these experiments. Every model gets the same number of
# steps and of predicted frames in each, so a longer or wider one gets more seconds, but no more gradients. Where steps are few, that is a handicap for
# the large ones; the training errors below show how much of one.

# %%
cuts = ablations.departures(profile)
cuts[~cuts["what"].str.contains("Figure 9|HumanEva")]  # those are other notebooks'

# %%
trained = study(profile, data)
plan, results, tables = trained.plan, trained.results, trained.tables
provenance, seeds = trained.provenance, trained.seeds
verdicts = Verdicts(here["notebook"], data)

# %% [markdown]
# The *thresholds* were set before any result of `standard` was seen; only the rule for when C53 cannot be tested was added
# after a first smoke run. Two things were changed after standard results had been seen: all sizes were cut to fit the
# time, and the LSTM's batches were reduced to as many predicted frames as the others have. Before that, with as many
# *samples*, so five times the frames, the LSTM was 12 mm better than the 27-frame model, and C20 was not reproduced.
# And three things are asked since results of `standard` were seen, all stricter than before: the computations of C20 and
# C21 of the networks as trained, not of the paper's size; of C40 and C41 that the last step brings less than 1 mm; and
# C41 only where channels reach beyond 128, where the paper's row begins.
#
# Where the paper prints an effect, it is reproduced
# if the whole 95 % interval, over seeds and takes, is beyond a third of the printed one: other data and smaller models
# are no reason to expect the same millimetres, but an effect should not shrink to nothing. Where it prints none, the
# threshold is named in the text.
#
# ## Table 5: size, cost and error
#
# **The claims** (VP3D 6.1): with half the computations of Hossain and Little's LSTM the convolutional model errs less
# (40.6 against 41.6 mm), and at the same cost, with 243 frames, by 3.8 mm less. Dense kernels, a weight for every
# frame, cost 3.5 times as much and gain nothing: 41.1 mm. True 2D keypoints, no mirroring at test time.
#
# **Expect** the counts to agree to the digit, apart from the LSTM's: the paper gives its size but not its parts. Ours,
# `phdlib.seq2seq`, is built from descriptions and lands within 0.2 %. No mirroring at test time, as in the paper, so do
# not compare this table's errors with Figure 8's: to models as brief as these, mirroring can be worth millimetres. Its *error* is another matter. Theirs is that
# paper's published result; ours is trained here, with the same recipe as the convolutional models, which was chosen for
# these (its batches hold as many predicted frames, in pieces of five). A difference says what this recipe makes of the two, not what an LSTM could do at its best.

# %%
print_5, table_5 = printed_table_5(), ablation_study.table_5(trained)
models = {
    name: (plan["A.4"][name][0], results["A.4"][name][0])
    for name in ("27 frames, dilated", "base")
}
ours, full = (
    f"{model.channels} channels, {result.steps} steps" for model, result in models.values()
)
title = (
    f"Size and cost per frame at the paper's size; error of models trained at this profile's ({ours}; the full model of "
    f"Tables 1 and 3 has {full}), on true 2D keypoints, without mirroring"
)
places = {c: 3 if "as trained" in c else 2 for c in table_5 if c.endswith(", M")}
saved = publish.save_table(
    "videopose3d-table-5",
    table_5.drop(columns="training seconds"),  # which no two runs share
    title=title,
    provenance=provenance("Table 5", "A.4"),
    digits=places | {"± seeds": 2},
    **here,
)
table_5.T.map("{:.2f}".format)

# %%
lstm, half, equal = (
    tables["Table 5"][n] for n in ("Hossain & Little", "Ours 27f", "Ours 243f")
)
flops, flops_here = (
    table_5[f"{where}FLOPs, M"] / table_5.loc["Hossain & Little", f"{where}FLOPs, M"]
    for where in ("", "as trained here: ")
)


def shown_as(effect: Effect) -> str:
    return f"{effect.value:.1f} ({effect.low:.1f} to {effect.high:.1f})"


errors, base = (over_seeds(trained.test_errors(part)) for part in ("Table 5", "A.4"))
cheaper = exceeds(lstm, half)
same_cost = exceeds(lstm, equal)
for id, name, gain in (
    ("VP3D-C20", "Ours 27f", cheaper),
    ("VP3D-C21", "Ours 243f", same_cost),
):
    note = (
        f"computations: {flops_here[name]:.2f} of the LSTM's as trained, {flops[name]:.2f} at the paper's size; errors: "
        f"{errors[name]:.1f} against {errors[LSTM]:.1f} mm on true keypoints, where the full model of Table 1 ({full}) is "
        f"at {base['base']:.1f} mm on detected ones; the LSTM's batches were made smaller after a first result, to as "
        "many predicted frames as the others"
    )
    if (
        id == "VP3D-C20"
        and flops_here[name] > checks.check(id).bounds["computations"].below
    ):
        note = f"The 27-frame model's MPJPE is lower by {shown_as(gain)} mm; {note}."
        verdicts.not_testable(id, because="narrow", note=note)
        continue
    verdicts.judge(id, {"gain": gain, "computations": flops_here[name]}, note)


jitter = {
    name: np.mean([average(t, "mpjve") for t in tables["Table 5"][name]])
    for name in ("Hossain & Little", "Ours 27f")
}
display(
    Markdown(
        f"On {data} data at `{profile}`, {len(seeds)} seed{'s' * (len(seeds) > 1)}, against the LSTM:\n\n"
        f"* {in_words(cheaper, 'the 27-frame model')};\n* {in_words(same_cost, 'the 243-frame model')}.\n\n"
        "The paper adds that starting anew every five frames costs the LSTM *temporal consistency*. Velocity error: "
        f"{jitter['Hossain & Little']:.2f} mm per frame, against {jitter['Ours 27f']:.2f} for the 27-frame model."
    )
)

# %% [markdown]
# ## Does an LSTM drift?
#
# **The claim** (VP3D 2, without numbers): the outputs of sequence-to-sequence models drift over lengthy sequences;
# that is why Hossain and Little start anew every five frames. **Expect** an error that grows along a piece. The same
# trained LSTMs run over the test clips in pieces of 5 and of 50 frames; the error is plotted against the place within
# the longer piece. The convolutional model, at the same moments, is the control: it knows of no pieces, so its curve
# should be flat. *Threshold*: in pieces of 50, the last ten frames are worse than the first ten by more than 2 mm.
#
# **Mind** what this can show: a network trained on pieces of 5 has never seen a sixth frame. That it errs on 50 may be
# drift, or only the shock of the unknown. The left end of its curve tells them apart a little: drift begins where the
# short pieces begin, while a summary of fifty frames that the decoder cannot read is bad from the first frame on. If
# the first frame's error is more than half as large again as with pieces of 5, the claim is not testable here.

# %%
asked = checks.check("VP3D-C53").given
LONG, SHORT, ENDS = (int(asked[name]) for name in ("long", "short", "ends"))
clips = plan["Table 5"]["Hossain & Little"][0].clips("test")
models = {
    name: [
        experiment.trained_model(result)
        for experiment, result in trained.pairs("Table 5", name)
    ]
    for name in (LSTM, "Ours 27f")
}
recurrent = models[LSTM]
pieces = {
    f"LSTM, pieces of {LONG} frames": [m.in_pieces(LONG) for m in recurrent],
    f"LSTM, pieces of {SHORT} frames": [m.in_pieces(SHORT) for m in recurrent],
    "Ours 27f, whole clips": [for_clips(m) for m in models["Ours 27f"]],
}
rows = {
    name: [drift.error_by_position(m, clips, LONG) for m in of]
    for name, of in pieces.items()
}
fig = figures_sweeps.by_position(
    {name: [drift.curve(r) for r in of] for name, of in rows.items()}
)
captions.show(
    fig,
    "Error by the place within a piece of 50 frames, mean over seeds, band of one standard deviation. Orange: the LSTM, dashed in "
    "pieces of 5; blue: the convolutional model.",
)

# %%
early, late = slice(None, ENDS), slice(-ENDS, None)
effects = {
    f"{name}: last ten of 50 frames less first ten": same_training(
        [drift.over(r, late) for r in of], [drift.over(r, early) for r in of]
    )
    for name, of in rows.items()
}
drifts = next(iter(effects.values()))
short = [
    drift.error_by_position(m, clips, SHORT)
    for m in pieces[f"LSTM, pieces of {SHORT} frames"]
]
effects["LSTM, pieces of 5 frames: last frame less first"] = same_training(
    [drift.over(r, slice(-1, None)) for r in short],
    [drift.over(r, slice(None, 1)) for r in short],
)
first_frame = [np.mean([drift.curve(r)[0] for r in of]) for of in list(rows.values())[:2]]
if first_frame[0] > asked["shock"] * first_frame[1]:
    verdicts.not_testable("VP3D-C53", because="first frame")
else:
    verdicts.judge("VP3D-C53", {"drift": drifts})


display(
    Markdown(
        f"In the first frame of a piece the LSTM errs by {first_frame[0]:.1f} mm where the piece has 50 frames and by "
        f"{first_frame[1]:.1f} mm where it has 5."
    )
)
listed(effects)

# %% [markdown]
# ## Figure 8: channels and receptive field
#
# **The claims** (VP3D A.3): the error falls as channels are added (8a) and as more frames are seen (8b), and soon
# levels off; the model does not overfit as it grows. The paper gives the values in a drawing only. What it prints
# elsewhere, 48.8 mm at 27 frames and 46.8 at 243 (A.4), is set beside ours below.
#
# **Expect** 8a to fall without levelling off where the profile's largest network is still a small one. **Expect** less
# of 8b: a network of 243 frames has 2.8 times the weights of one of 9, and gets the same number of steps. The dashed
# line tells two failures apart. Where the test error rises with size and the *training* error rises too, the model has
# not learnt enough yet. Where the test error rises and the training error falls, it overfits. (The level of the dashed
# line means little: it is the loss of the last epoch, while the weights still move, with dropout if there is any and
# without mirror averaging. Its direction is what counts.)
#
# *Thresholds*, the same for both claims: from the smallest to the largest the error falls by more than 1 mm; no step
# raises it by 0.5 mm; and the last step brings less than a quarter of the whole gain, and less than 1 mm. The paper's
# row of channels goes from 128 to 2048: a profile whose row ends at 128 cannot speak to 8a.

# %%
sweeps = {
    part: (trained.test_errors(part), trained.training_errors(part))
    for part in ("Figure 8a", "Figure 8b")
}
fig = figures_sweeps.figure_8(sweeps["Figure 8a"], sweeps["Figure 8b"])
title = f"Error against channels and receptive field (at {plan['Figure 8b'][27][0].channels} channels), fine_tuned keypoints"
saved = publish.save_figure(
    "videopose3d-figure-8",
    fig,
    title=title,
    caption="Solid: test; dashed: last epoch of training; dots are seeds, bands one standard deviation. Sizes on a log axis.",
    provenance=provenance("Figure 8a", "Figure 8b"),
    **here,
)

# %%
table_8 = ablation_study.table_8(trained)
saved = publish.save_table(
    "videopose3d-figure-8",
    table_8.drop(columns="training seconds"),  # which no two runs share
    part="values",
    title=title,
    provenance=provenance("Figure 8a", "Figure 8b"),
    digits={"± seeds": 2},
    **here,
)
table_8.round(2).astype(object).fillna("–")

# %%
claims_8 = {
    "Figure 8a": ("VP3D-C41", "channels"),
    "Figure 8b": ("VP3D-C40", "receptive field"),
}
trends = {
    part: comparisons.trend(
        list(tables[part].values()),
        "mpjpe",
        np.random.default_rng(0),
        checks.check(id).given["share"],
    )
    for part, (id, _) in claims_8.items()
}
for part, (id, what) in claims_8.items():
    smallest, *_, largest = sweeps[part][0]
    if largest <= checks.check(id).given.get("narrowest", 0):
        gain, last = (shown_as(trends[part][at]) for at in (0, -1))
        note = f"From {smallest} to {largest} {what} the MPJPE falls by {gain} mm, in the last step by {last} mm."
        verdicts.not_testable(id, because="narrow", note=note)
        continue
    effects = dict(zip(("gain", "rise", "levelling", "last"), trends[part], strict=True))
    verdicts.judge(id, effects, note=f"{what}: {smallest} to {largest}")


said = {part: reading(*map(over_seeds, errors)) for part, errors in sweeps.items()}
display(Markdown(f"* 8a, channels: {said['Figure 8a']}\n* 8b, frames: {said['Figure 8b']}"))
listed(
    {
        f"{part.removeprefix('Figure ')}: {what}": effect
        for part, trend in trends.items()
        for what, effect in zip(
            (
                "gain from the smallest to the largest (threshold: above 1)",
                "largest rise in a step (below 0.5)",
                "a quarter of the gain, less the last step's (above 0)",
                "gain in the last step (below 1)",
            ),
            trend,
            strict=True,
        )
    }
)

# %%
evidence = {}
for key, part in (("frames", "Figure 8b"), ("channels", "Figure 8a")):
    smallest, *_, largest = sweeps[part][0]
    spared = np.subtract(sweeps[part][1][smallest], sweeps[part][1][largest])
    what = f"{largest} against {smallest} {key}"
    evidence[f"{key}_test"] = measured(f"test MPJPE: {what}", trends[part].gain, "mm")
    evidence[f"{key}_training"] = measured(
        f"training MPJPE, last epoch: {what}",
        interval_over_seeds(spared, np.random.default_rng(0)),
        "mm",
    )
smallest, *_, largest = sweeps["Figure 8b"][0]
found = beyond.save(
    "beyond-undertrained",
    "When more frames do worse: too much capacity, or too few steps?",
    f"With as many steps, {largest} frames are at the test {{frames_test:better|worse}} than {smallest}, and in the last "
    "epoch of training {frames_training:better|worse}: a model that overfits would be better in training. More channels are "
    "{channels_test:better|worse} at the test and {channels_training:better|worse} in training.",
    evidence,
    "How the curve would go with the paper's 80 epochs and 1024 channels. Training errors are of the last epoch, while the "
    "weights move, and their intervals over seeds alone.",
    files=["videopose3d-figure-8-values.md", "videopose3d-figure-8.png"],
    notebook=here["notebook"], provenance=provenance("Figure 8a", "Figure 8b"),
)  # fmt: skip
Markdown(found.page())

# %% [markdown]
# ## A.4: mirrored poses, and holes in the kernels
#
# **The claims** (VP3D A.4): averaging the answers for a clip and its mirror image is worth 0.9 mm, and training on
# mirrored poses another 1.5 mm. Dilated kernels do not only save: dense ones of the same reach, with 3.5 times the
# weights, are *worse* by 1.6 mm on detected keypoints (0.5 mm on true ones, Table 5).
#
# **Expect** less from mirroring where a model is small or trained briefly, and so is nowhere near remembering its
# training poses. Test-time averaging should help all the same: two answers with different mistakes are averaged. The
# "base" model is the full model of `02_supervised`, with that notebook's size and recipe; the two models of 27 frames
# have this one's.

# %%
plain = not_mirrored(trained)
table_a4 = ablation_study.table_a4(trained, plain)
saved = publish.save_table(
    "videopose3d-table-5",
    table_a4,
    part="a4",
    title=f"Ablations of A.4, MPJPE in mm: base is the full model of Table 1 ({full}), 27 frames have Table 5's recipe ({ours})",
    provenance=provenance("Table 5", "A.4"),
    digits={"± seeds": 2},
    **here,
)
table_a4.round(2)

# %%
at_test = same_training(plain, tables["A.4"]["base"])
verdicts.judge("VP3D-C43", {"gain": at_test})
in_training = exceeds(tables["A.4"]["base, never mirrored"], plain)
verdicts.judge("VP3D-C44", {"gain": in_training})

on_detected = exceeds(
    tables["A.4"]["27 frames, dense"], tables["A.4"]["27 frames, dilated"]
)
dense, dilated = "Ours 27f w/o dilation", "Ours 27f"
on_true = exceeds(tables["Table 5"][dense], tables["Table 5"][dilated])
factors = table_5.loc[dense, ["parameters, M", "FLOPs, M"]] / table_5.loc[dilated]
factors = factors.dropna().astype(float)
sizes = {name.removesuffix(", M"): factor for name, factor in factors.items()}
verdicts.judge("VP3D-C25", {"detected": on_detected, "true": on_true, **sizes})
listed(
    {
        "not mirroring at test time": at_test,
        "not mirroring in training either": in_training,
        "dense kernels, detected keypoints": on_detected,
        "dense kernels, true keypoints": on_true,
    }
)

# %% [markdown]
# The paper reads its dense kernels' higher error as *overfitting*, which dilation counteracts. The training errors say
# whether it can be that here: a model that overfits is better in training and worse at the test.

# %%
rise = (table_a4.loc["27 frames, dense"] - table_a4.loc["27 frames, dilated"]).rename(
    {"MPJPE, mm": "test", "training MPJPE, mm": "training"}
)
if rise["test"] > 0 and rise["training"] < 0:
    so = "better in training and worse at the test, as a model that overfits"
elif rise["test"] > 0:
    so = "the dense model is behind in training already, so this is not overfitting"
else:
    so = "the dense model is no worse at the test, so there is nothing to explain"
display(
    Markdown(
        f"Dense against dilated, on detected keypoints: {rise['training']:+.2f} mm in the last epoch of training and "
        f"{rise['test']:+.2f} mm at the test: {so}."
    )
)

# %% [markdown]
# ## Verdicts
#
# The verdicts are about this profile; the paper's own sizes are the `paper` profile's.

# %%
verdicts.save(provenance(*plan))
verdicts.show()

# %% [markdown]
# ## What to try next
#
# * Is it drift, or the shock of fifty frames? Train an LSTM on pieces of 50:
#   `plan["Table 5"]["Hossain & Little"][0].model_copy(update={"chunk": 50})`, and `run_all([...])`. It has ten times the
#   frames per step; lower `batch_size` in its `recipe` to pay for that.
# * Give the longest model of Figure 8b three times the steps (`steps_per_epoch` in its `recipe`). How much of its place
#   in the figure was training?
# * `profile = "paper"` on a GPU, for the paper's own sizes and recipe.
