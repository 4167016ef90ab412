from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import clip

from phdlib.backprojection import back_project
from phdlib.camera import normalize_screen
from phdlib.data.windows import Windows
from phdlib.lifting import mirror, pad
from phdlib.skeleton import H36M17, HUMANEVA15


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
    for lacking in ("keypoints2d", "camera"):
        with pytest.raises(ValueError, match=f"S1/swing/.* needs {lacking}, found None"):
            Windows([replace(good, **{lacking: None})], 3)
    fifteen = {name: getattr(good, name)[:, :15] for name in ("joints3d", "keypoints2d", "visible")}
    with pytest.raises(ValueError, match="several skeletons, H36M-17 and HumanEva-15"):
        Windows([good, replace(good, skeleton=HUMANEVA15, **fifteen)], 3)
    with pytest.raises(ValueError, match=r"clip S1/swing/05_01@0/front_left has 7 frames, a chunk 8"):
        Windows([good, clip(7, 5)], 3, chunk=8)
    with pytest.raises(ValueError, match="chunk must be at least 1, found 0"):
        Windows([good], 3, chunk=0)
    with pytest.raises(ValueError, match="1 clips have no 3D joints"):
        Windows([replace(good, trajectory=None)], 3)


@given(st.integers(1, 9), st.sampled_from([1, 3, 9]), st.booleans())
@settings(max_examples=30, deadline=None)
def test_chunks_answer_every_frame_and_see_what_its_window_sees(chunk: int, field: int, causal: bool) -> None:
    clips = [clip(9 + 4 * i, i, camera=i) for i in range(3)]
    windows, single = Windows(clips, field, causal=causal, chunk=chunk), Windows(clips, field, causal=causal)
    samples, alone = windows.gather(torch.arange(len(windows))), single.gather(torch.arange(len(single)))
    pieces = [-(-len(one) // chunk) for one in clips]
    assert len(windows) == 2 * sum(pieces) and samples.joints.shape == (len(windows), chunk, 17, 3)
    assert samples.keypoints.shape == (len(windows), field + chunk - 1, 17, 2)
    at, first, seen = 0, 0, torch.zeros(len(single), dtype=torch.bool)
    for mirrored in range(2):
        for one, count in zip(clips, pieces, strict=True):
            for piece in range(count):
                start = first + min(piece * chunk, len(one) - chunk)  # the last one shifted back
                frames = slice(start, start + chunk)
                seen[frames] = True
                assert torch.equal(samples.joints[at], alone.joints[frames, 0])
                assert torch.equal(samples.trajectory[at], alone.trajectory[frames, 0])
                assert torch.equal(samples.keypoints[at].unfold(0, field, 1).movedim(-1, 1), alone.keypoints[frames])
                at += 1
            first += len(one)
        assert first == (mirrored + 1) * sum(map(len, clips))
    assert bool(seen.all())


def test_answered_keypoints_are_those_of_the_output_frames() -> None:
    one = clip(23)
    screen = one.screen_keypoints()
    for field, chunk in ((1, 1), (9, 1), (1, 5), (9, 5)):
        samples = Windows([one], field, chunk=chunk, flip=False).gather(torch.arange(len(range(0, 23, chunk))))
        for start, answered in zip(range(0, 23, chunk), samples.answered_keypoints(field), strict=True):
            start = min(start, 23 - chunk)
            assert torch.equal(answered, screen[start : start + chunk])


def test_a_sample_carries_its_own_camera_and_the_mirrored_one_the_mirrored_camera() -> None:
    """Labels projected with a sample's intrinsics fall on its keypoints, on both sides of the mirror."""
    clips = [clip(11, i, camera=i) for i in range(4)]
    samples = Windows(clips, 3, chunk=2).gather(torch.arange(2 * 4 * 6))
    of_clip = torch.stack([one.camera.screen_intrinsics for one in clips]).repeat_interleave(6, dim=0)
    assert torch.equal(samples.intrinsics[:24], of_clip)
    signs = torch.tensor([1.0, 1, -1, 1, 1, 1, 1, -1, 1])
    assert torch.equal(samples.intrinsics[24:], of_clip * signs)
    seen = back_project(samples.joints, samples.trajectory, samples.intrinsics[:, None])
    torch.testing.assert_close(seen, samples.answered_keypoints(3), atol=1e-5, rtol=0)


def test_without_labels_2d_is_enough() -> None:
    bare = [replace(clip(20, i), joints3d=None, trajectory=None, visible=None) for i in range(2)]
    windows = Windows(bare, 9, chunk=2, labelled=False)
    batch = next(windows.epoch(8, torch.Generator().manual_seed(0)))
    assert batch.joints is None and batch.trajectory is None
    known = next(Windows([clip(20, i) for i in range(2)], 9, chunk=2).epoch(8, torch.Generator().manual_seed(0)))
    assert torch.equal(batch.keypoints, known.keypoints) and torch.equal(batch.intrinsics, known.intrinsics)
    ignored = next(Windows([clip(20, 0)], 9, labelled=False).epoch(8, torch.Generator()))
    assert ignored.joints is None and ignored.trajectory is None


def test_steps_are_part_of_a_pass_or_as_many_passes_as_it_takes() -> None:
    windows = Windows([clip(30, 1)], 3, flip=False)

    def frames(steps: int | None, size: int = 8) -> list[torch.Tensor]:
        batches = list(windows.epoch(size, torch.Generator().manual_seed(0), steps=steps))
        assert all(len(batch.joints) == size for batch in batches)
        return [batch.joints.flatten(1).sum(1) for batch in batches]

    assert [len(frames(steps)) for steps in (None, 1, 3, 4, 20)] == [3, 1, 3, 4, 20]
    assert all(torch.equal(a, b) for a, b in zip(frames(2), frames(None), strict=False))
    whole = torch.cat(frames(15))  # 120 samples, four passes
    _, counts = whole.unique(return_counts=True)
    assert counts.tolist() == [4] * 30
    assert len(torch.cat(frames(15))[:30].unique()) == 30  # every frame once before any comes again
    assert len(frames(2, 50)) == 2  # batches of more than there is
