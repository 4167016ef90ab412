"""The motion file: what it keeps, how it fails, and that the originals give it again, bit for bit."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import roma
import torch
from hypothesis import given
from hypothesis import strategies as st
from originals import CMU, needs_originals, original
from scipy.spatial.transform import Rotation, Slerp

from phdlib.data import motion as file
from phdlib.data.rebuild import MARKS, README, build_take, descriptions, main, neutral_body, sources, take_name
from phdlib.data.retarget import forward_kinematics, sole_height


@pytest.fixture(scope="module")
def motions() -> dict[str, file.Motion]:
    return file.load_motions()


def test_half_an_hour_of_111_takes(motions):
    frames = sum(len(motion) for motion in motions.values())
    assert len(motions) == 111 and frames == 88_964
    assert file.DEFAULT.stat().st_size < 10e6
    for motion in motions.values():
        assert motion.theta.shape == (len(motion), 72) and motion.root.shape == (len(motion), 3)
        assert motion.theta.dtype == motion.root.dtype == torch.float32
        assert motion.fps == 50.0 and motion.performer == motion.name.split("_")[0] and motion.description
        assert not motion.theta[:, 66:].any() and motion.theta.isfinite().all() and motion.root.isfinite().all()


def test_loads_in_seconds():
    start = time.perf_counter()
    file.load_motions()
    assert time.perf_counter() - start < 3.0


def test_no_joint_moves_faster_than_a_person(motions):
    """The tests of retargeting compare with the sources; this one holds for the file wherever it is."""
    rest, sole = file.load_neutral()
    for motion in motions.values():
        local = roma.rotvec_to_rotmat(motion.theta.double().reshape(-1, 24, 3))
        positions, turns = forward_kinematics(local, motion.root.double(), rest)
        assert positions.diff(dim=0).norm(dim=-1).max() * 50 < 13.0, motion.name
        assert sole_height(positions, turns, rest, sole).min() > -0.02, motion.name


@given(st.integers(1, 5), st.integers(0, 999))
def test_quantisation_keeps_a_hundredth_of_a_degree_and_a_tenth_of_a_millimetre(frames, seed):
    generator = torch.Generator().manual_seed(seed)
    rotations = roma.random_rotmat((frames, 24), dtype=torch.float64, generator=generator)
    rotations[:, 22:] = torch.eye(3)
    root = 3 * torch.randn(frames, 3, generator=generator, dtype=torch.float64)
    theta, path = file.dequantise(*file.quantise(rotations, root))
    back = roma.rotvec_to_rotmat(theta.double().reshape(-1, 24, 3))
    assert torch.rad2deg(roma.rotmat_geodesic_distance(back, rotations)).max() < 0.01
    assert (path - root).abs().max() < 0.6e-4


def takes(count: int = 3) -> list[file.QuantisedTake]:
    generator = np.random.default_rng(0)
    return [
        file.QuantisedTake(
            f"99_{i:02d}",
            "99",
            "made up",
            generator.integers(-32767, 32768, size=(10 + i, 66)).astype(np.int16),
            generator.integers(-(10**6), 10**6, size=(10 + i, 3)).astype(np.int32),
        )
        for i in range(count)
    ]


def neutral() -> file.Neutral:
    return file.Neutral(torch.arange(72.0).reshape(24, 3).double(), -1.1)


def test_what_is_saved_is_loaded_and_saves_the_same_bytes(tmp_path):
    path = file.save_motions(takes(), neutral(), tmp_path / "a.npz")
    for kept, loaded in zip(takes(), file.load_quantised(path), strict=True):
        assert (kept.name, kept.performer, kept.description) == (loaded.name, loaded.performer, loaded.description)
        assert np.array_equal(kept.rotations, loaded.rotations) and np.array_equal(kept.root, loaded.root)
    assert torch.equal(file.load_neutral(path).rest_joints, neutral().rest_joints)
    again = file.save_motions(takes()[::-1], neutral(), tmp_path / "b.npz")
    assert again.read_bytes() == path.read_bytes()


def test_every_flipped_byte_is_noticed_or_harmless(tmp_path):
    """A byte of the archive's own book-keeping may be ignored by its reader; then what is loaded is still the same."""
    path = file.save_motions(takes(), neutral(), tmp_path / "a.npz")
    data, good = path.read_bytes(), file.load_quantised(path)
    refused = 0
    for place in range(0, len(data), 61):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :])
        try:
            loaded = file.load_quantised(path)
        except ValueError as error:
            assert "a.npz: damaged" in str(error) and "\n" not in str(error)
            refused += 1
        else:
            assert all(np.array_equal(a.rotations, b.rotations) for a, b in zip(good, loaded, strict=True))
    assert refused > 0.8 * len(range(0, len(data), 61))


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.999])
def test_a_truncated_file_is_one_clear_error(tmp_path, kept):
    data = file.DEFAULT.read_bytes()
    path = tmp_path / "motion.npz"
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(ValueError, match=r"motion\.npz: damaged"):
        file.load_motions(path)


def test_other_arrays_and_no_file_are_errors(tmp_path):
    np.savez(tmp_path / "other.npz", names=np.zeros(3))
    with pytest.raises(ValueError, match=r"other\.npz: damaged or not a motion file"):
        file.load_motions(tmp_path / "other.npz")
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        file.load_motions(tmp_path / "none.npz")


@pytest.mark.parametrize(("fps_from", "fps_to"), [(120, 50), (60, 50), (60, 25), (50, 25), (24, 50), (50, 50)])
def test_resampling_equals_scipys_slerp(fps_from, fps_to):
    generator = torch.Generator().manual_seed(0)
    rotations = roma.random_rotmat((13, 2), dtype=torch.float64, generator=generator)
    root = torch.randn(13, 3, generator=generator, dtype=torch.float64)
    found, path = file.resample(rotations, root, fps_from, fps_to)
    times = np.arange(13) / fps_from
    wanted = np.arange(1000) / fps_to
    wanted = np.minimum(wanted[wanted <= times[-1] + 1e-9], times[-1])
    assert len(found) == len(path) == len(wanted)
    for joint in range(2):
        expected = Slerp(times, Rotation.from_matrix(rotations[:, joint].numpy()))(wanted).as_matrix()
        np.testing.assert_allclose(found[:, joint], expected, atol=1e-9)
    for axis in range(3):
        np.testing.assert_allclose(path[:, axis], np.interp(wanted, times, root[:, axis]), atol=1e-12)


def test_a_rate_is_halved_by_every_other_frame(motions):
    take = motions["02_03"]
    half = take.at_rate(25.0)
    assert half.fps == 25.0 and torch.equal(half.root, take.root[::2])
    turn = roma.rotmat_geodesic_distance(
        roma.rotvec_to_rotmat(half.theta.reshape(-1, 24, 3)), roma.rotvec_to_rotmat(take.theta[::2].reshape(-1, 24, 3))
    )
    assert turn.max() < 1e-3


def test_the_file_was_made_for_our_body():
    """If not, the neutral body has changed: run phdlib.data.rebuild on the originals, then phdlib.data.split."""
    stored, ours = file.load_neutral(), neutral_body()
    assert (stored.rest_joints - ours.rest_joints).abs().max() < 5e-4 and abs(stored.sole - ours.sole) < 5e-4


def test_the_readme_lists_every_take(motions):
    table = README.read_text().split(MARKS[0])[1].split(MARKS[1])[0]
    assert [line.split("|")[1].strip() for line in table.splitlines() if line[2:3].isdigit()] == sorted(motions)


@needs_originals
@pytest.mark.parametrize(
    "name", ["subjects/02/02_03.amc", "bvh/007_12.bvh", "bvh/005_15.bvh", "bvh_cgspeed/135_04.bvh"]
)
def test_the_originals_give_the_file_again_bit_for_bit(name):
    """All takes: python -m phdlib.data.rebuild FOLDER --check."""
    path = original(name)
    built, _ = build_take(path, file.load_neutral(), descriptions(CMU)[take_name(path)])
    stored = next(take for take in file.load_quantised() if take.name == built.name)
    assert built.description == stored.description and built.performer == stored.performer
    assert np.array_equal(built.rotations, stored.rotations) and np.array_equal(built.root, stored.root)


@needs_originals
def test_each_take_is_used_once_whatever_forms_it_has(motions):
    names = [take_name(path) for path in sources(CMU)]
    assert len(set(names)) == len(names) and set(names) == set(motions)
    everything = {take_name(path) for pattern in ("**/*.amc", "**/*.bvh") for path in Path(CMU).glob(pattern)}
    assert everything == set(names)


def test_a_folder_without_the_tree_is_a_clear_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing matches subjects/\*/\*\.amc"):
        sources(tmp_path)
    with pytest.raises(SystemExit):
        main([])
