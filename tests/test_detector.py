import numpy as np
import pytest
import torch
from synthetic import clip

from phdlib.data.detector import LEVELS, REFERENCE_HEIGHT, Level, _slow_noise, detect, level, self_occlusion
from phdlib.skeleton import H36M17, HUMANEVA15

QUIET = Level(jitter=1.0, slow=0.0, slow_seconds=0.2, hidden=3.0, swaps_per_minute=0.0)
FRAMES = 4000


def errors(level: Level, seed: int = 0, height: float = REFERENCE_HEIGHT) -> np.ndarray:
    points, visible = torch.zeros(FRAMES, 17, 2), torch.ones(FRAMES, 17, dtype=torch.bool)
    visible[:, 0] = False
    found = detect(points, visible, torch.full((FRAMES,), height), 50.0, level, np.random.default_rng(seed))
    return found.numpy()


def test_ground_truth_is_untouched_and_a_seed_decides_the_rest() -> None:
    truth = clip(50)
    args = (truth.keypoints2d, truth.visible, torch.full((50,), 400.0), 50.0)
    assert torch.equal(detect(*args, LEVELS["gt"], np.random.default_rng(0)), truth.keypoints2d)
    noisy = [detect(*args, LEVELS["coarse"], np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert torch.equal(noisy[0], noisy[1]) and not torch.equal(noisy[0], noisy[2])


def test_jitter_has_the_stated_size_grows_with_the_person_and_on_hidden_joints() -> None:
    knee = H36M17.index("left_knee")
    std = errors(QUIET).std((0, 2))
    assert std[knee] == pytest.approx(1.0, rel=0.1)
    assert std[0] == pytest.approx(3.0, rel=0.1)  # hidden
    assert errors(QUIET, height=2 * REFERENCE_HEIGHT).std((0, 2))[knee] == pytest.approx(2.0, rel=0.1)
    assert abs(np.corrcoef(errors(QUIET)[1:, knee, 0], errors(QUIET)[:-1, knee, 0])[0, 1]) < 0.1  # new in every frame


def test_slow_error_has_unit_variance_and_little_velocity() -> None:
    noise = _slow_noise((200_000,), 10.0, np.random.default_rng(0))
    assert noise.std() == pytest.approx(1.0, rel=0.03)
    a = np.exp(-1 / 10)  # correlation at lag 1 of two equal poles
    assert np.diff(noise).std() == pytest.approx(np.sqrt(2 - 4 * a / (1 + a * a)), rel=0.03)


def test_swaps_exchange_whole_limbs_for_a_moment() -> None:
    truth = clip(3000)
    swaps = Level(jitter=0, slow=0, slow_seconds=0.2, hidden=1.0, swaps_per_minute=20.0)
    found = detect(truth.keypoints2d, truth.visible, torch.full((3000,), 400.0), 50.0, swaps, np.random.default_rng(0))
    changed = (found != truth.keypoints2d.float()).any(-1)
    assert 0.01 < changed.float().mean() < 0.2
    for parts in (("elbow", "wrist"), ("knee", "ankle")):
        joints = [H36M17.index(f"{side}_{part}") for side in ("left", "right") for part in parts]
        frames = changed[:, joints].any(1)
        crossed = truth.keypoints2d[:, [*joints[2:], *joints[:2]]]
        assert torch.allclose(found[frames][:, joints], crossed[frames].float())


def test_a_torso_hides_the_arm_behind_it_and_nothing_in_front() -> None:
    """A person seen from the side: the far wrist is behind the trunk's axis, the near one before it."""
    pose = clip(1).joints3d.clone() * 0
    pose[0] += torch.tensor([0.0, 0.0, 5.0])
    for name, at in {
        "thorax": (0, -0.5, 0),
        "spine": (0, -0.25, 0),
        "head": (0, -0.8, 0),
        "nose": (0, -0.6, 0),
    }.items():
        pose[0, H36M17.index(name)] += torch.tensor(at, dtype=torch.float32)
    for side, depth in (("left", -0.3), ("right", 0.3)):
        for part, y in (
            ("shoulder", -0.45),
            ("elbow", -0.3),
            ("wrist", -0.2),
            ("hip", 0.0),
            ("knee", 0.4),
            ("ankle", 0.8),
        ):
            pose[0, H36M17.index(f"{side}_{part}")] += torch.tensor([0.0, y, depth])
    visible = self_occlusion(pose)[0]
    assert visible[H36M17.index("left_wrist")] and not visible[H36M17.index("right_wrist")]
    assert visible[H36M17.index("head")]
    assert self_occlusion(pose.repeat(3, 1, 1), chunk=2).shape == (3, 17)


def test_joints_that_are_not_the_skeletons_are_named() -> None:
    points, visible, height = torch.zeros(5, 15, 2), torch.ones(5, 15, dtype=torch.bool), torch.full((5,), 400.0)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="found 15 keypoints, expected H36M-17's 17"):
        detect(points, visible, height, 50.0, QUIET, rng)
    assert detect(points, visible, height, 60.0, QUIET, rng, HUMANEVA15).shape == (5, 15, 2)


def test_an_unknown_level_is_named() -> None:
    with pytest.raises(ValueError, match="no detector level 'perfect'; there are gt, fine_tuned"):
        level("perfect")
