from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from synthetic import clip

from phdlib.data.windows import Windows
from phdlib.evaluation import average, evaluate_lifter, per_action
from phdlib.lifting import StridedTemporalModel, TemporalModel
from phdlib.statistics import Effect, bootstrap
from phdlib.training import Recipe, set_bn_momentum, train_lifter

RECIPE = Recipe(epochs=4, batch_size=32, steps_per_epoch=5, lr=3e-3)
CLIPS = [clip(60, seed) for seed in range(3)]


def model(seed: int = 0, kind: type = StridedTemporalModel) -> StridedTemporalModel:
    return kind(17, 2, 17, (3, 3), dropout=0.1, channels=24, generator=torch.Generator().manual_seed(seed))


def train(seed: int = 0, **kwargs) -> tuple[StridedTemporalModel, list[float]]:
    net = model()
    return net, train_lifter(net, Windows(CLIPS, 9), RECIPE, seed=seed, **kwargs).losses


def weights(net: torch.nn.Module) -> torch.Tensor:
    return torch.cat([value.flatten().double() for value in net.state_dict().values()])


def test_a_seed_decides_the_training() -> None:
    (a, losses), (b, _), (c, _) = train(0), train(0), train(1)
    assert torch.equal(weights(a), weights(b)) and not torch.equal(weights(a), weights(c))
    assert losses[-1] < 0.7 * losses[0]


def test_bn_momentum_reaches_every_norm() -> None:
    net = model()
    set_bn_momentum(net, 0.003)
    assert {m.momentum for m in net.modules() if isinstance(m, torch.nn.BatchNorm1d)} == {0.003}


class Killed(Exception):
    pass


@pytest.mark.parametrize("epochs_before", [1, 3])
def test_a_killed_run_ends_with_the_same_weights(tmp_path: Path, epochs_before: int) -> None:
    whole, losses = train()
    checkpoint, left = tmp_path / "partial.pt", [epochs_before]

    def die() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    with pytest.raises(Killed):
        train(checkpoint=checkpoint, on_epoch=die)
    assert checkpoint.exists()
    epochs = []
    resumed, resumed_losses = train(checkpoint=checkpoint, on_epoch=lambda: epochs.append(1))
    assert len(epochs) == RECIPE.epochs - epochs_before
    assert torch.equal(weights(whole), weights(resumed)) and losses == resumed_losses
    assert not checkpoint.exists()


def test_a_broken_checkpoint_is_named_and_training_starts_over(tmp_path: Path) -> None:
    checkpoint = tmp_path / "partial.pt"
    checkpoint.write_bytes(b"not a checkpoint")
    with pytest.warns(UserWarning, match="unreadable checkpoint .*partial.pt"):
        net, _ = train(checkpoint=checkpoint)
    assert torch.equal(weights(net), weights(train()[0]))


def test_the_default_recipe_is_the_papers() -> None:
    """VP3D 5.3 and A.5: 80 epochs, 0.001 times 0.95 an epoch, momentum from 0.1 to 0.001 in the last, 1024 poses a
    batch."""
    recipe = Recipe()
    assert (recipe.epochs, recipe.batch_size, recipe.steps_per_epoch, recipe.flip) == (80, 1024, None, True)
    assert recipe.lr_at(0) == 1e-3 and recipe.lr_at(79) == pytest.approx(1e-3 * 0.95**79)
    assert recipe.momentum_at(0) == 0.1 and recipe.momentum_at(79) == pytest.approx(0.001)
    ratios = [recipe.momentum_at(e + 1) / recipe.momentum_at(e) for e in range(79)]
    assert max(ratios) - min(ratios) < 1e-12
    with pytest.raises(ValueError, match="epoch"):
        Recipe(epoch=3)


def test_evaluation_counts_per_action_over_frames_and_then_over_actions() -> None:
    net = model(kind=TemporalModel).eval()
    clips = [clip(20, 0, "a"), clip(60, 1, "a"), clip(10, 2, "b")]
    rows = evaluate_lifter(net, clips)
    e = rows["mpjpe"]
    by_hand = {"a": (20 * e[0] + 60 * e[1]) / 80, "b": e[2]}
    assert per_action(rows, "mpjpe")[["a", "b"]].to_dict() == pytest.approx(by_hand)
    assert average(rows, "mpjpe") == pytest.approx((by_hand["a"] + by_hand["b"]) / 2)
    v = rows["mpjve"]
    assert per_action(rows, "mpjve")["a"] == pytest.approx((19 * v[0] + 59 * v[1]) / 78)
    assert (rows["p_mpjpe"] <= rows["n_mpjpe"] + 1e-6).all() and (rows["frames"] == [20, 60, 10]).all()


def table(error: float, spread: float, rng: np.random.Generator) -> pd.DataFrame:
    rows = [
        {"take": f"{take:02d}_01@0", "action": action, "frames": 50, "mpjpe": error + spread * rng.normal()}
        for action in "ab"
        for take in range(12)
        for _ in range(4)
    ]
    return pd.DataFrame(rows)


def test_bootstrap_finds_a_difference_and_knows_when_there_is_none() -> None:
    rng = np.random.default_rng(0)
    worse, better = [table(60, 3, rng) for _ in range(3)], [table(50, 3, rng) for _ in range(3)]

    def compare(a: list[pd.DataFrame], b: list[pd.DataFrame], statistic: Callable[..., float]) -> Effect:
        return bootstrap([a, b], "mpjpe", statistic, np.random.default_rng(0), draws=300)

    gain = compare(worse, better, lambda a, b: a - b)
    assert 8 < gain.low < gain.value < gain.high < 12
    means = [np.mean([average(rows, "mpjpe") for rows in side]) for side in (worse, better)]
    assert gain.value == pytest.approx(means[0] - means[1])
    assert compare(worse, better, lambda a, b: a / b).value == pytest.approx(means[0] / means[1])
    none = compare(worse, [table(60, 3, rng) for _ in range(3)], lambda a, b: a - b)
    assert none.low < 0 < none.high


def test_paired_draws_cancel_what_they_share() -> None:
    rng = np.random.default_rng(0)
    shifts = (0, 8, -8)
    worse, better = [[table(mean + shift, 1, rng) for shift in shifts] for mean in (52, 50)]

    def gain(**kwargs: bool) -> Effect:
        return bootstrap([worse, better], "mpjpe", lambda a, b: a - b, np.random.default_rng(0), draws=300, **kwargs)

    apart, together = gain(), gain(paired=True)
    assert apart.value == together.value and apart.low < 0 < together.low
    with pytest.raises(ValueError, match=r"as many tables per model, found \[3, 2\]"):
        bootstrap([worse, better[:2]], "mpjpe", lambda a, b: a - b, rng, paired=True)
    with pytest.raises(ValueError, match="not of the same clips"):
        bootstrap([worse, [rows.assign(take="x") for rows in better]], "mpjpe", lambda a, b: a - b, rng)


def test_a_statistic_of_each_seed_is_averaged_and_not_of_the_average() -> None:
    """Two epochs whose errors part by 2 mm up in one seed and down in the other: their mean does not part at all."""
    rng = np.random.default_rng(0)
    first, second = ([table(mean, 0, rng) for mean in means] for means in ((50, 52), (52, 50)))

    def parted(**kwargs: bool) -> Effect:
        return bootstrap([first, second], "mpjpe", lambda a, b: abs(a - b), np.random.default_rng(0), 50, **kwargs)

    assert parted().value == pytest.approx(0)
    assert parted(each_seed=True) == pytest.approx(Effect(2, 2, 2))
    with pytest.raises(ValueError, match="as many tables per model"):
        bootstrap([first, second[:1]], "mpjpe", lambda a, b: a, rng, each_seed=True)


def test_bootstrap_interval_is_that_of_the_takes() -> None:
    """Against the textbook: one action, equal takes, one seed; the mean's spread is std / sqrt(n)."""
    values = np.random.default_rng(1).normal(50, 5, 60)
    rows = pd.DataFrame({"take": [f"{i:02d}_01@0" for i in range(60)], "action": "a", "frames": 10, "mpjpe": values})
    effect = bootstrap([[rows]], "mpjpe", lambda a: a, np.random.default_rng(0), draws=3000)
    half = 1.96 * values.std() / np.sqrt(60)
    assert effect.value == pytest.approx(values.mean())
    assert (effect.high - effect.low) / 2 == pytest.approx(half, rel=0.1)
    copies = pd.concat([rows] * 4)  # four cameras of a take are no four takes
    again = bootstrap([[copies]], "mpjpe", lambda a: a, np.random.default_rng(0), draws=3000)
    assert again.high - again.low == pytest.approx(effect.high - effect.low, rel=0.1)
