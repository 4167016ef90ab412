"""What stands where a file should be is named, whichever reader was to read it."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from phdlib.checkpoints import read_videopose3d
from phdlib.data.amass import read_amass
from phdlib.data.cmu_fetch import unpack
from phdlib.data.file_kinds import found_in
from phdlib.data.hmr_features import load_backbone, read_features
from phdlib.data.penn import read_labels
from phdlib.data.pickled import read_npz, read_pickle
from phdlib.data.smpl_files import read_smpl
from phdlib.data.threedpw import read_sequence
from phdlib.detection_files import read_detections

PAGE = b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"

READERS: dict[str, Callable[[Path], object]] = {
    "pretrained_h36m_cpn.bin": read_videopose3d,
    "model_checkpoint.pt": load_backbone,
    "SMPL_NEUTRAL.pkl": read_smpl,
    "SMPL_NEUTRAL.npz": read_smpl,
    "courtyard_00.pkl": read_sequence,
    "any.pkl": read_pickle,
    "data_3d_h36m.npz": read_npz,
    "walk_poses.npz": read_amass,
    "features.npz": read_features,
    "0001.mat": read_labels,
    "detections.npz": read_detections,
    "detections.json": read_detections,
    "allasfamc.zip": lambda path: unpack(path, path.parent / "tree"),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "an empty file"),
        (PAGE, f"a web page of {len(PAGE)} bytes, which is what a refused download leaves"),
        (POINTER, r"a pointer of Git LFS .*git lfs pull"),
        (b"%PDF-1.4 and more", "a PDF document, 17 bytes"),
        (b"\x1f\x8b\x08\x00packed", "gzip data, still packed"),
        (b"never heard of it", "17 bytes that begin with b'never heard "),
    ],
    ids=["empty", "a page", "a pointer", "PDF", "gzip", "anything"],
)
def test_every_reader_says_what_it_found_instead(tmp_path, name, content, told):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=told) as error:
        READERS[name](path)
    assert str(path) in str(error.value) and "expected" in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert not (tmp_path / "tree").exists() or not list((tmp_path / "tree").iterdir())


def half(path: Path, write: Callable[[Path], object]) -> Path:
    write(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def test_half_of_a_file_is_said_to_be_half(tmp_path):
    def weights(path: Path) -> None:
        torch.save({"model_pos": {"a": torch.zeros(300)}}, path)

    def table(path: Path) -> None:
        np.savez(path, keypoints=np.zeros((9, 17, 3)), features=np.zeros((9, 17, 3)))

    cut = r"found a zip archive, \d+ bytes, cut off: its directory, which stands at the end, is missing"
    for name in ("pretrained_h36m_cpn.bin", "model_checkpoint.pt"):
        with pytest.raises(ValueError, match=rf"{name}: not a readable checkpoint: {cut}.*expected a whole file"):
            READERS[name](half(tmp_path / name, weights))
    for name in ("data_3d_h36m.npz", "features.npz", "SMPL_NEUTRAL.npz"):
        with pytest.raises(ValueError, match=rf"{name}: not a readable .npz: {cut} .*expected a whole archive"):
            READERS[name](half(tmp_path / name, table))
    with pytest.raises(ValueError, match=rf"file: {cut}, expected a whole npz archive"):
        read_detections(half(tmp_path / "detections.npz", table))
    with pytest.raises(ValueError, match=r"found a pickle, \d+ bytes .*expected a whole pickle"):
        read_pickle(half(tmp_path / "any.pkl", lambda path: path.write_bytes(pickle.dumps(list(range(99))))))
    with pytest.raises(ValueError, match=r"found a MATLAB file of version 5, \d+ bytes .*expected a label file"):
        read_labels(half(tmp_path / "0001.mat", lambda path: savemat(path, {"x": np.zeros((9, 13))})))
    with pytest.raises(ValueError, match=r"\d+ bytes that begin with .*no JSON"):
        read_detections(half(tmp_path / "a.json", lambda path: path.write_text(json.dumps({"frames": [None] * 9}))))


def test_what_is_whole_is_called_by_its_name(tmp_path):
    np.savez(tmp_path / "a.npz", a=1)
    np.save(tmp_path / "a.npy", 1)
    assert found_in(tmp_path / "a.npz").startswith("a zip archive, ") and "cut" not in found_in(tmp_path / "a.npz")
    assert found_in(tmp_path / "a.npy").startswith("a single array, .npy, ")
