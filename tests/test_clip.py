from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic import clip

from phdlib.data.clip import Clip


def with_gap(frames: slice, joint: int, one: Clip) -> Clip:
    broken = one.keypoints2d.clone()
    broken[frames, joint] = torch.nan
    return replace(one, keypoints2d=broken)


def test_missing_keypoints_are_put_on_a_line_or_refused() -> None:
    whole = clip(30)
    filled = with_gap(slice(10, 14), 3, whole).without_gaps(4)
    expected = np.linspace(whole.keypoints2d[9, 3].numpy(), whole.keypoints2d[14, 3].numpy(), 6)[1:-1]
    assert np.allclose(filled.keypoints2d[10:14, 3], expected, atol=1e-3)
    untouched = torch.ones(30, 17, dtype=torch.bool)
    untouched[10:14, 3] = False
    assert torch.equal(filled.keypoints2d[untouched], whole.keypoints2d[untouched])
    assert torch.equal(whole.without_gaps(0).keypoints2d, whole.keypoints2d)
    ends = with_gap(slice(28, 30), 0, with_gap(slice(0, 2), 0, whole)).without_gaps(2)
    assert torch.equal(ends.keypoints2d[:2, 0], whole.keypoints2d[2:3, 0].expand(2, 2))
    assert torch.equal(ends.keypoints2d[28:, 0], whole.keypoints2d[27:28, 0].expand(2, 2))
    with pytest.raises(ValueError, match=r"S1/.*: right_ankle is missing from frame 10 to 13, expected .* at most 3 "):
        with_gap(slice(10, 14), 3, whole).without_gaps(3)
    with pytest.raises(ValueError, match=r"pelvis is missing from frame 0 to 29"):
        with_gap(slice(0, 30), 0, whole).without_gaps(100)
    with pytest.raises(ValueError, match=r"not finite at frame 10, right_ankle"):
        with_gap(slice(10, 14), 3, whole).screen_keypoints()


@pytest.mark.parametrize("numbers", [None, torch.ones(4), torch.tensor([1.0] * 8 + [float("nan")])])
def test_a_camera_without_intrinsics_is_named(numbers: torch.Tensor | None) -> None:
    good = clip(5)
    with pytest.raises(ValueError, match="clip S1/swing/00_01@0/front_left: camera intrinsics"):
        replace(good, camera=replace(good.camera, intrinsics=numbers))
