"""phi: shapes, frozen networks, one computation per clip, and training subjects only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from posed import posed_clip
from synthetic import clip as swing

from phdlib import feature_experiments as fe
from phdlib import features
from phdlib.body import load_body
from phdlib.crops import Surface
from phdlib.features import add_features, at_25_hz
from phdlib.resnet import RESNET50, ResNet
from phdlib.runs import read_or_run
from phdlib.single_frame import FrameNetwork, frame_loss, labelled_crops, shuffled
from phdlib.training import Recipe

BODY = load_body()
CLIPS = tuple(posed_clip(BODY, 24, i, subject) for i, subject in enumerate(("S1", "S6", "S5", "S9")))
SMALL = {"stem": 8, "widths": (8, 16), "depths": (1, 1), "bottleneck": False}
RECIPE = Recipe(epochs=3, batch_size=8, lr=3e-3)
IMAGE = fe.ImageFeatureExperiment(size=32, margin=1.2, grid=0.05, recipe=RECIPE, **SMALL)
KEYPOINTS = fe.KeypointFeatureExperiment(channels=16, dropout=0.0, recipe=RECIPE)


@pytest.fixture(autouse=True)
def small_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path))
    monkeypatch.setattr(fe, "load_body", lambda: BODY)
    monkeypatch.setattr(fe.experiments, "load_clips", lambda data, keypoints, part: CLIPS)


def network(seed: int = 0) -> FrameNetwork:
    generator = torch.Generator().manual_seed(seed)
    return FrameNetwork(ResNet(**SMALL, generator=generator), generator=generator)


def test_the_papers_network_is_resnet_50() -> None:
    with torch.device("meta"):
        backbone = ResNet(**RESNET50)
    assert backbone.dimension == 2048
    assert sum(p.numel() for p in backbone.parameters()) == 23_508_032  # torchvision's, without its classifier


def test_weights_come_from_the_generator() -> None:
    first, again, other = (network(seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["backbone.stem.0.weight"], other["backbone.stem.0.weight"])


@pytest.mark.parametrize("experiment", [IMAGE, KEYPOINTS], ids=["image", "keypoints"])
def test_a_provider_is_frozen_and_answers_each_frame_by_itself(experiment: fe.FeatureExperiment) -> None:
    provider, clip = experiment.provider(), at_25_hz(CLIPS[3])
    phi = provider.features(clip)
    assert phi.shape == (12, provider.dimension) and phi.dtype == torch.float32 and not phi.requires_grad
    net = provider.network if provider.name == "image" else provider.model
    assert not net.training and not any(p.requires_grad for p in net.parameters())
    if provider.name == "keypoints":
        assert torch.allclose(provider.features(clip.every(3)), phi[::3], atol=1e-5)
        with torch.no_grad():
            read_out = net.shrink(phi.mT[None]).mT.unflatten(2, (17, 3))
            assert torch.allclose(read_out, net(clip.screen_keypoints()[None]), atol=1e-5)


@pytest.mark.parametrize("experiment", [IMAGE, KEYPOINTS], ids=["image", "keypoints"])
def test_only_training_subjects_teach(experiment: fe.FeatureExperiment, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, clips = [], fe.FeatureExperiment.clips
    monkeypatch.setattr(
        fe.FeatureExperiment, "clips", lambda self, who, stride=1: asked.append(who) or clips(self, who, stride)
    )
    result = read_or_run(experiment.prepared())
    assert asked == [fe.TRAIN_SUBJECTS, fe.VALIDATION_SUBJECTS]
    assert not {"S5", "S9", "S11"} & set(fe.TRAIN_SUBJECTS) and not {"S9", "S11"} & set(fe.VALIDATION_SUBJECTS)
    assert {clip.subject for clip in clips(experiment, fe.TRAIN_SUBJECTS)} == {"S1", "S6"}
    assert result.validation_mm["mpjpe"] >= result.validation_mm["p_mpjpe"] > 0


def test_features_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = fe.with_features(KEYPOINTS, CLIPS[:2], jobs=1)
    monkeypatch.setattr(fe.KeypointFeatureExperiment, "provider", None)  # a second computation would fail
    again = fe.with_features(KEYPOINTS, CLIPS[:2], jobs=1)
    assert all(torch.equal(a.features, b.features) for a, b in zip(first, again, strict=True))
    assert first[0].features.shape == (12, 16) and first[0].fps == 25.0
    exact = features.KeypointFeatures(KEYPOINTS.trained("cpu")).features(at_25_hz(CLIPS[0]))
    assert torch.allclose(exact, first[0].features, rtol=1e-3, atol=1e-4)
    with pytest.raises(TypeError):
        fe.with_features(KEYPOINTS, CLIPS[2:], jobs=1)


def test_a_clip_that_differs_has_features_of_its_own() -> None:
    made: list[int] = []

    class Counting:
        name, dimension = "counting", 1

        def features(self, clip):
            made.append(len(clip))
            return clip.keypoints2d[:, 0, :1]

    clip = CLIPS[0]
    for asked in (clip, clip.every(2), clip, swing(24)):
        add_features([asked], "key", Counting)
    assert made == [24, 12, 24]


def test_a_small_training_lowers_the_loss() -> None:
    crops = labelled_crops([at_25_hz(clip) for clip in CLIPS[:2]], Surface(BODY, 0.05), 32, 1.2, jitter=0.05)
    net, generator = network(), torch.Generator().manual_seed(0)
    optimizer, losses = torch.optim.Adam(net.parameters(), lr=3e-3), []
    for _ in range(12):
        for batch in shuffled(crops, 12, None, True, torch.device("cpu"), generator):
            optimizer.zero_grad()
            loss = frame_loss(net(batch.images), batch)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert sum(losses[-3:]) < 0.6 * sum(losses[:3])


def test_mirroring_twice_changes_nothing_and_once_is_a_mirror() -> None:
    crops = labelled_crops([CLIPS[0].every(8)], Surface(BODY, 0.05), 32, 1.2)
    both = torch.ones(len(crops.images), dtype=torch.bool)
    once = crops.mirrored(both)
    for field, back in zip(crops, once.mirrored(both), strict=True):
        assert torch.allclose(field.float(), back.float(), atol=1e-6)
    assert torch.equal(once.images, crops.images.flip(-1))
    assert torch.allclose(torch.linalg.det(once.rotations), torch.ones(len(both), 24), atol=1e-5)
    assert torch.allclose(once.joints2d[:, 0, 0], -crops.joints2d[:, 0, 0])
    untouched = crops.mirrored(~both)
    assert all(torch.equal(a, b) for a, b in zip(crops, untouched, strict=True))


def test_ranks_share_a_batch() -> None:
    crops = labelled_crops([CLIPS[0]], Surface(BODY, 0.05), 16, 1.2)
    cpu = torch.device("cpu")
    whole, *shares = (
        [batch.joints2d for batch in shuffled(crops, 8, 2, False, cpu, torch.Generator().manual_seed(1), *ranks)]
        for ranks in ((0, 1), (0, 2), (1, 2))
    )
    assert len(whole) == 2 and torch.equal(torch.stack(shares[0], 0), torch.stack(whole)[:, ::2])
    assert torch.equal(torch.stack(shares[1], 0), torch.stack(whole)[:, 1::2])


def test_rates_that_are_no_multiple_are_refused() -> None:
    with pytest.raises(ValueError, match="60 frames per second, expected a multiple of 25"):
        at_25_hz(replace(CLIPS[0], fps=60.0))
