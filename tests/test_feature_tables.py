"""The notebook's tables on features, on small data whose answers are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from phd_small import moving_clip, role_data
from posed import posed_clip

from phdlib import feature_experiments as fe
from phdlib import feature_tables as ft
from phdlib import present_tables
from phdlib.body import load_body
from phdlib.data.clip import Clip
from phdlib.phd_experiments import EncoderResult
from phdlib.phd_predictions import Present
from phdlib.phd_study import Study
from phdlib.training import Recipe

BODY = load_body()
RECIPE = Recipe(epochs=1, batch_size=8, lr=3e-3)
IMAGE = fe.ImageFeatureExperiment(
    size=32, grid=0.05, stem=8, widths=(8, 16), depths=(1, 1), bottleneck=False, stride=2, recipe=RECIPE
)
KEYPOINTS = fe.KeypointFeatureExperiment(channels=16, dropout=0.0, recipe=RECIPE)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path))


def test_roles_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    views = {"human36m": 4, "penn": 1, "instavariety": 3}

    def recorded(role: str, part: str) -> list[Clip]:
        return [replace(moving_clip(frames, i), take=f"{part}{i}")
                for i, frames in enumerate((40, 50, 90)) for _ in range(views[role])]  # fmt: skip

    monkeypatch.setattr(ft.phd_role, "recorded", recorded)
    table = ft.roles()
    assert len(table) == 8 and ("instavariety", "test") not in table.index
    assert table.loc[("human36m", "test")].tolist() == ["S9, S11", "yes", "ground truth", 3, 12, 720, 50]
    assert table.loc[("penn", "train"), ["3D", "2D", "frames"]].tolist() == ["no", "ground truth", 180]
    assert table.loc[("instavariety", "train"), ["2D", "clips"]].tolist() == ["detector, pre_trained", 9]


def test_short_performances_are_counted_at_25_hz(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = [
        SimpleNamespace(joints=torch.zeros(frames, 17, 3), segment=SimpleNamespace(action=action))
        for action, frames in (("kick", 79), ("kick", 78), ("run", 70), ("jump", 88), ("jump", 89), ("jump", 160))
    ]
    monkeypatch.setattr(ft.embedded, "performances", lambda role: shown)
    table = ft.lengths()
    assert table.loc["kick"].tolist() == [2, 39.5, 1, 1]  # 40 frames and 39
    assert table.loc["jump"].tolist() == [3, 45, 0, 1]  # 44, 45, 80
    assert table.loc["All"].tolist() == [6, 42, 2, 2]


def test_providers_and_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    clips = tuple(posed_clip(BODY, 24, i, subject) for i, subject in enumerate(("S1", "S6", "S5", "S9")))
    monkeypatch.setattr(fe, "load_body", lambda: BODY)
    monkeypatch.setattr(fe.experiments, "load_clips", lambda data, keypoints, part: clips)
    table = ft.providers({"images": IMAGE, "lifter": KEYPOINTS})
    assert table["sees"].tolist() == ["32 x 32 pixels", "2D keypoints, fine_tuned", "nothing"]
    assert table["phi"].tolist()[:2] == [16, 16]
    assert table["training frames"].tolist()[:2] == [12, 24]  # two training clips of 12 frames at 25 Hz; every second
    assert table.loc["lifter", "steps x batch"] == "6 x 8"  # each frame plain and mirrored
    errors = table[["MPJPE, mm", "P-MPJPE, mm"]].astype(float)
    assert (errors > 0).all(axis=None) and (errors["P-MPJPE, mm"] <= errors["MPJPE, mm"]).all()

    several = [replace(posed_clip(BODY, 6, i, "S9", camera=i % 2), action=f"action {i // 4}", take=f"take {i // 2}")
               for i in range(12)]  # fmt: skip
    monkeypatch.setattr(ft.phd_role, "recorded", lambda role, part, keypoints: several)
    crops, joints, titles = ft.crop_examples(IMAGE, each=2)
    assert len(crops) == len(joints) == len(titles) == 4
    assert all(crop.shape == (3, 32, 32) and crop.dtype == torch.uint8 for crop in crops)
    assert all(points.shape == (17, 2) and points.abs().max() < 1 for points in joints)
    assert [title.split("\n")[0] for title in titles] == ["action 0", "action 1"] * 2
    assert titles[0].split(", ")[-1] != titles[1].split(", ")[-1]  # views take turns


def test_what_phi_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """phi that is the joints: all of the pose; of its velocity more with the frames before, since people swing."""

    def recorded(role: str, part: str, keypoints: str) -> list[Clip]:
        return [moving_clip(80, seed) for seed in (range(8) if part == "train" else range(8, 10))]

    def joints(_, clips: list[Clip]) -> list[Clip]:
        return [replace(clip, features=clip.joints3d.flatten(1) + 1) for clip in clips]

    monkeypatch.setattr(ft.phd_role, "recorded", recorded)
    monkeypatch.setattr(ft, "with_features", joints)
    table = ft.told({"images": IMAGE, "lifter": KEYPOINTS}, every=1)
    assert table.loc["the joints"].min() > 0.8
    one, three = table["images", "one frame"], table["images", "3 frames"]
    assert (three.drop("the joints") > one.drop("the joints") + 0.2).all()
    assert table["images"].equals(table["lifter"])


def test_ridge_finds_a_line_and_nothing_in_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    x, noise = torch.randn(4000, 6, generator=generator), torch.randn(4000, 3, generator=generator)
    x[:, 5] = 2.0  # a feature that never changes
    y = 3 * x[:, :3] @ torch.randn(3, 3, generator=generator) - 7
    new, truth = x[:2000], y[:2000]
    assert ft.explained(ft.ridge(x[2000:], y[2000:], 1e-6)(new), truth, y[2000:].mean(0)) > 0.999
    assert abs(ft.explained(ft.ridge(x[2000:], noise[2000:])(new), noise[:2000], noise[2000:].mean(0))) < 0.01
    assert ft.explained(y[2000:].mean(0).expand_as(truth), truth, y[2000:].mean(0)) == 0


def test_the_comparison_stands_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    humans, penn = role_data("human36m", range(3))[0], role_data("penn", range(10, 13))[0]
    truth = {"human36m": humans, "penn": penn}
    lengths = np.array([44] * 3)

    def encoder(off: float) -> EncoderResult:
        joints = torch.cat([clip.joints3d for clip in humans]).clone()
        joints[:, 4, 0] += off
        points = torch.cat([clip.keypoints2d for clip in penn]) + 1000 * off
        return EncoderResult({}, 1, pd.DataFrame(), 0.0, 1, {
            "human36m": Present(joints.numpy(), joints.numpy()[..., :2], lengths),
            "penn": Present(np.zeros((132, 13, 3), np.float32), points.numpy(), lengths),
        })  # fmt: skip

    def study(frame: float) -> Study:
        table = pd.DataFrame({"take": ["a", "b"] * 3, "action": "x", "horizon": [1, 1, 10, 10, 30, 30], "frame": frame})
        return Study({}, {"AR on Φ": [frame]}, {role: {"AR on Φ": [table]} for role in ("h36m", "penn")})

    monkeypatch.setattr(present_tables.phd_role, "load", lambda role, part: truth[role])
    monkeypatch.setattr(ft, "encoders", lambda of: [encoder(0.0 if of.results["AR on Φ"] == [50.0] else 0.17)])
    table = ft.compared({"images": study(50.0), "lifter": study(60.0)}, np.random.default_rng(0), draws=20)
    assert len(table) == 9 and list(table.columns) == ["images", "lifter", "images minus lifter", "from", "to"]
    assert table.loc["present: Human3.6M role: MPJPE, mm"].tolist() == pytest.approx([0, 10, -10, -10, -10], abs=0.01)
    assert table.loc["present: Penn role: PCK, %"].tolist() == pytest.approx([100, 0, 100, 100, 100])
    assert table.loc["30 ahead: Penn role, PCK, %"].tolist() == pytest.approx([50, 60, -10, -10, -10])
