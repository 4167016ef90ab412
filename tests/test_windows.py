import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import clip

from phdlib.camera import normalize_screen
from phdlib.data.windows import Windows
from phdlib.lifting import mirror, pad
from phdlib.skeleton import H36M17


@given(st.integers(1, 4), st.sampled_from([1, 3, 9, 27]), st.booleans())
@settings(max_examples=20, deadline=None)
def test_every_window_is_the_padded_clip_around_its_frame(seed: int, field: int, causal: bool) -> None:
    clips = [clip(7 + 5 * i, seed + i) for i in range(3)]
    windows = Windows(clips, field, causal=causal)
    samples = windows.gather(torch.arange(len(windows)))
    total, start = sum(map(len, clips)), 0
    assert len(windows) == 2 * total and samples.keypoints.shape == (2 * total, field, 17, 2)
    for one in clips:
        padded = pad(normalize_screen(one.keypoints2d, one.camera.width, one.camera.height), field, causal)
        expected = torch.stack([padded[t : t + field] for t in range(len(one))])
        assert torch.equal(samples.keypoints[start : start + len(one)], expected)
        assert torch.equal(samples.joints[start : start + len(one), 0], one.joints3d)
        assert torch.equal(samples.trajectory[start : start + len(one), 0, 0], one.trajectory)
        start += len(one)
    assert torch.equal(samples.keypoints[total:], mirror(samples.keypoints[:total], H36M17))
    assert torch.equal(samples.joints[total:], mirror(samples.joints[:total], H36M17))


def test_an_epoch_is_a_permutation_that_the_generator_decides() -> None:
    windows = Windows([clip(30, 1), clip(33, 2)], 3, flip=False)
    target = torch.cat([clip(30, 1).joints3d, clip(33, 2).joints3d])

    def order(seed: int) -> torch.Tensor:
        batches = list(windows.epoch(21, torch.Generator().manual_seed(seed)))
        return torch.cat([batch.joints[:, 0] for batch in batches])

    assert torch.equal(order(0), order(0)) and not torch.equal(order(0), order(1))
    assert torch.equal(order(0).flatten(1).sum(1).sort().values, target.flatten(1).sum(1).sort().values)
    assert len(list(windows.epoch(40, torch.Generator()))) == 1  # 63 samples: the rest of 23 is left out


def test_processes_share_a_batch_without_overlap() -> None:
    windows = Windows([clip(40, 1)], 3)
    whole = list(windows.epoch(20, torch.Generator().manual_seed(3)))
    shares = [list(windows.epoch(20, torch.Generator().manual_seed(3), rank, 2)) for rank in range(2)]
    for batch, a, b in zip(whole, *shares, strict=True):
        assert torch.equal(batch.joints[0::2], a.joints) and torch.equal(batch.joints[1::2], b.joints)


def test_bad_clips_are_named() -> None:
    from dataclasses import replace

    good = clip()
    with pytest.raises(ValueError, match="1 clips have no 3D joints, the first is S1/swing/05_01@0/front_left"):
        Windows([good, replace(clip(seed=5), joints3d=None)], 3)
    broken = good.keypoints2d.clone()
    broken[4, 2, 0] = torch.nan
    with pytest.raises(ValueError, match=r"S1/swing/.* not finite at frame 4, right_knee"):
        Windows([replace(good, keypoints2d=broken)], 3)
    with pytest.raises(ValueError, match="expected at least one clip"):
        Windows([], 3)
    with pytest.raises(ValueError, match="fields of unequal length"):
        replace(good, joints3d=good.joints3d[:-1])
    with pytest.raises(ValueError, match="keypoints2d has 16 joints, H36M-17 has 17"):
        replace(good, keypoints2d=good.keypoints2d[:, :16])
    assert len(good.every(2)) == 20 and good.every(2).fps == 25
