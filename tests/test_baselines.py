"""The baselines: a frozen pose, and a neighbour that is found where one was planted, against a plain search."""

import pytest
import torch
from roma import rotvec_to_rotmat

from phdlib.baselines import NearestNeighbour, constant, torso
from phdlib.metrics import mpjpe, p_mpjpe
from phdlib.skeleton import H36M17, HUMANEVA15, PENN13, SMPL24

WINDOW, STEPS = 4, 6


def numbers(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def sequences(seed: int = 0, lengths: tuple[int, ...] = (25, 12, 9, 40)) -> list[torch.Tensor]:
    """Smooth motion of 17 joints, each with the pelvis at the origin."""
    clips = [numbers(seed + n, frames, 17, 3).cumsum(0) * 0.1 + numbers(99, 17, 3) for n, frames in enumerate(lengths)]
    return [clip - clip[:, :1] for clip in clips]


def rotation(seed: int) -> torch.Tensor:
    return rotvec_to_rotmat(2 * numbers(seed, 3))


def plain(query: torch.Tensor, clips: list[torch.Tensor]) -> tuple[float, int, int]:
    """The smallest root mean square distance, and where."""
    return min(
        ((clip[s : s + WINDOW] - query).square().sum(-1).mean().sqrt().item(), c, s)
        for c, clip in enumerate(clips)
        for s in range(len(clip) - WINDOW - STEPS + 1)
    )


def test_constant_stands_still() -> None:
    last = numbers(0, 3, 17, 3)
    future = constant(last, 30)
    assert future.shape == (3, 30, 17, 3) and bool((future == last[:, None]).all())
    assert constant(numbers(1, 2, 82), 5).shape == (2, 5, 82)


def test_a_planted_copy_is_found() -> None:
    clips = sequences()
    found = NearestNeighbour(clips, WINDOW, STEPS)(torch.stack([clips[0][15:19], clips[3][0:4], clips[1][2:6]]))
    assert found.clip.tolist() == [0, 3, 1] and found.start.tolist() == [15, 0, 2]
    assert found.distance.tolist() == [0, 0, 0]
    expected = torch.stack([clips[0][19:25], clips[3][4:10], clips[1][6:12]])
    assert torch.equal(found.future, expected)


def test_only_stretches_with_all_their_future_count() -> None:
    """Never across the end of a sequence, and never in one that is too short, however near."""
    clips = sequences()
    queries = torch.stack([clips[0][16:20], clips[2][0:4], torch.cat([clips[0][-2:], clips[1][:2]])])
    found = NearestNeighbour(clips, WINDOW, STEPS)(queries)
    assert 2 not in found.clip.tolist() and bool((found.distance > 0).all())
    lengths = torch.tensor([len(clip) for clip in clips])
    assert bool((found.start + WINDOW + STEPS <= lengths[found.clip]).all())


def test_agrees_with_a_plain_search(monkeypatch: pytest.MonkeyPatch) -> None:
    clips = sequences()
    queries = torch.stack([clip[3:7] for clip in sequences(50)]) + 0.1
    queries = queries - queries[:, :, :1]
    search = NearestNeighbour(clips, WINDOW, STEPS)
    found = search(queries)
    for n, query in enumerate(queries):
        distance, clip, start = plain(query, clips)
        assert (found.clip[n].item(), found.start[n].item()) == (clip, start)
        assert found.distance[n].item() == pytest.approx(distance, rel=1e-5)
    monkeypatch.setattr("phdlib.baselines._SCORES_AT_ONCE", 1)  # a query at a time
    order = [2, 0, 3, 1]
    one_by_one = search(queries[order])
    for ours, other in zip(found, one_by_one, strict=True):
        assert torch.equal(ours[order], other)
    for ours, other in zip(search(queries[:0]), found, strict=True):
        assert ours.shape == (0, *other.shape[1:])


def test_the_window_is_the_last_frames_and_the_root_does_not_matter() -> None:
    clips = sequences()
    search = NearestNeighbour(clips, WINDOW, STEPS)
    longer = torch.cat([numbers(7, 11, 17, 3), clips[3][8:12]])[None] + 3
    found = search(longer)
    assert (found.clip.item(), found.start.item()) == (3, 8) and found.distance.item() < 1e-6
    moved = NearestNeighbour([clip + numbers(8, len(clip), 1, 3) for clip in clips], WINDOW, STEPS)(longer)
    assert torch.allclose(moved.future, found.future, atol=1e-5) and bool((found.future[:, :, 0] == 0).all())


def test_the_seam_is_aligned_on_request() -> None:
    """A person who turns away is found by "body" alone; "seam" turns the answer and leaves P-MPJPE as it was."""
    clips = sequences()
    turn = rotation(0)
    query, truth = (clips[3][5:9] @ turn)[None], (clips[3][9:15] @ turn)[None]
    camera, seam, body = (
        NearestNeighbour(clips, WINDOW, STEPS, kind, H36M17)(query) for kind in ("camera", "seam", "body")
    )
    assert (body.clip.item(), body.start.item()) == (3, 5) and body.distance.item() < 1e-5
    assert torch.allclose(body.future, truth, atol=1e-5)
    assert (camera.clip, camera.start) == (seam.clip, seam.start) != (body.clip, body.start)
    assert not torch.allclose(seam.future, camera.future, atol=0.1)
    assert torch.allclose(p_mpjpe(seam.future, truth), p_mpjpe(camera.future, truth), atol=1e-5)
    before = clips[camera.clip][
        camera.start + WINDOW - 1
    ]  # what the answer goes on from, turned with it, fits the query
    facing = torso(before, H36M17)
    turned = facing.mT @ torso(query[0, -1], H36M17)
    assert torch.allclose(seam.future[0], camera.future[0] @ turned, atol=1e-5)
    assert torch.allclose(torso(before @ turned, H36M17), torso(query[0, -1], H36M17), atol=1e-5)
    assert float(mpjpe(body.future, truth).mean()) < 1e-4


@pytest.mark.parametrize("skeleton", [H36M17, SMPL24, HUMANEVA15, PENN13])
def test_a_torso_turns_with_the_body(skeleton) -> None:
    joints, turn = numbers(0, 5, len(skeleton), 3).double(), rotation(1).double()
    axes = torso(joints, skeleton)
    assert torch.allclose(axes @ axes.mT, torch.eye(3).double().expand(5, 3, 3))
    assert torch.allclose(torch.linalg.det(axes), torch.ones(5).double())
    assert torch.allclose(torso(joints @ turn + 2, skeleton), axes @ turn, atol=1e-6)


def test_a_torso_by_hand() -> None:
    """Facing +z with y up, so that the left hand is on the side of +x."""
    joints = torch.zeros(17, 3)
    for name, place in (("hip", (0.1, 1.0, 0.0)), ("shoulder", (0.2, 1.5, 0.0))):
        joints[H36M17.index(f"left_{name}")] = torch.tensor(place)
        joints[H36M17.index(f"right_{name}")] = torch.tensor(place) * torch.tensor([-1.0, 1.0, 1.0])
    assert torch.allclose(torso(joints, H36M17), torch.eye(3))


def test_what_cannot_be_searched_is_named() -> None:
    clips = sequences()
    with pytest.raises(ValueError, match="orientation 'root': expected one of camera, seam, body"):
        NearestNeighbour(clips, orientation="root")
    with pytest.raises(ValueError, match="'seam' needs a skeleton, found None"):
        NearestNeighbour(clips, WINDOW, STEPS, "seam")
    with pytest.raises(ValueError, match=r"window of 15 and 30 frames .* sequences of at most 40 frames"):
        NearestNeighbour(clips)
    with pytest.raises(ValueError, match="of at most 0 frames"):
        NearestNeighbour([])
    search = NearestNeighbour(clips, WINDOW, STEPS)
    with pytest.raises(ValueError, match=r"expected queries \(N, 4 or more, 17, 3\), found \(2, 3, 17, 3\)"):
        search(numbers(0, 2, 3, 17, 3))
    broken = numbers(0, 1, 4, 17, 3)
    broken[0, 1, 2, 0] = torch.nan
    with pytest.raises(ValueError, match="1 numbers of queries are not finite"):
        search(broken)
