"""The registry behind --data: names, keys that follow the files, and notebooks that do not run on a source."""

from __future__ import annotations

import shutil
import subprocess
import sys
from fnmatch import fnmatchcase

import numpy as np
import pytest
from test_penn import write as write_penn
from vp3d_files import write_human36m, write_humaneva

from phdlib import notebook, paths
from phdlib.data import embedded, sources
from phdlib.skeleton import PENN13

# Points of these files are arranged to be told apart, not as a body's.
pytestmark = pytest.mark.filterwarnings("ignore:.*the joints may be in another order")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_human36m(tmp_path, "cpn_ft_h36m_dbb", noise=2.0)
    write_human36m(tmp_path)
    monkeypatch.setenv("PHDLIB_DATA", str(tmp_path))
    return tmp_path


def test_clips_by_source_part_and_role(folder):
    write_humaneva(folder, "detectron_pt_coco", "coco")
    train = sources.clips("human36m", "fine_tuned", "train")
    assert {clip.subject for clip in train} == {"S1", "S5"} and train[0].source == "human36m"
    assert {clip.subject for clip in sources.clips("human36m", "gt", "test")} == {"S9"}
    eva = sources.clips("humaneva", "pre_trained", "test", "humaneva")
    assert {clip.action for clip in eva} == {"Walking", "Jog", "Box"} and eva[0].fps == 60
    with pytest.raises(ValueError, match=r"no role 'penn' in VideoPose3D's files; there are human36m, humaneva"):
        sources.clips("human36m", "gt", "train", "penn")


def test_a_key_follows_the_files_that_are_read(folder):
    gt, detected = sources.key("human36m", "gt"), sources.key("human36m", "fine_tuned")
    assert len({gt, detected, sources.key("embedded")}) == 3 and sources.key("embedded") == embedded.data_key()
    write_human36m(folder, "cpn_ft_h36m_dbb", noise=3.0, frames=41)  # the 3D changes with it
    assert sources.key("human36m", "gt") != gt
    write_human36m(folder)
    again = sources.key("human36m", "gt")
    shutil.copy(folder / "data_2d_h36m_gt.npz", folder / "data_2d_h36m_detectron_ft_h36m.npz")
    assert sources.key("human36m", "gt") == again  # other detections are none of its business


def test_what_is_missing_is_said(tmp_path, monkeypatch):
    monkeypatch.delenv("PHDLIB_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match=r"PHDLIB_DATA is not set; expected the folder that holds .*data_3d_"):
        sources.key("human36m")
    monkeypatch.setenv("PHDLIB_DATA", str(tmp_path))
    with pytest.raises(
        FileNotFoundError, match=r"no data_3d_humaneva15\.npz in .* or a folder in it; there is no data_3d"
    ):
        sources.clips("humaneva", "gt", "test", "humaneva")
    with pytest.raises(ValueError, match="unknown data source 'imagenet': choose one of embedded, cmu, human36m"):
        sources.source("imagenet")


def test_penn_action_is_two_dimensional_and_by_hand(tmp_path, monkeypatch):
    monkeypatch.setenv("PHDLIB_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"found no Penn_Action/labels/\*\.mat, expected Penn Action"):
        sources.key("penn", role="penn")
    write_penn(tmp_path / "Penn_Action")
    write_penn(tmp_path / "Penn_Action", "0002", train=np.array([[-1.0]]))
    (clip,) = sources.clips("penn", "gt", "train", "penn")
    assert clip.skeleton is PENN13 and clip.take == "0001"
    assert [c.take for c in sources.clips("penn", "gt", "validation", "penn")] == ["0002"]
    before = sources.key("penn", role="penn")
    write_penn(tmp_path / "Penn_Action", "0003", T=50)
    assert sources.key("penn", role="penn") != before
    for keypoints, role in (("fine_tuned", "penn"), ("gt", "human36m")):
        with pytest.raises(ValueError, match=f"found keypoints '{keypoints}', role '{role}', expected keypoints 'gt'"):
            sources.clips("penn", keypoints, "train", role)
    sources.check("penn")


def test_notebooks_run_or_are_refused_with_a_reason():
    names = [notebook.name(source, paths.NOTEBOOKS) for source in notebook.sources(paths.NOTEBOOKS)]
    assert all(sources.runs_on("embedded", name) for name in names)
    runs = {name for name in names if sources.runs_on("human36m", name)}
    assert {"videopose3d/02_supervised", "videopose3d/07_semi_supervised"} <= runs
    assert not any(name.startswith("phd/") for name in runs)
    assert not sources.runs_on("humaneva", "videopose3d/03_detectors_and_small_data")
    for pattern in (name for entry in sources.SOURCES.values() for name in entry.notebooks):
        assert pattern == "01_your_data" or any(fnmatchcase(name, pattern) for name in names)
    for entry in sources.SOURCES.values():
        assert entry.why_not or entry.notebooks == ("*",)


def test_the_table_is_light():
    script = "import sys, phdlib.data.sources; print(sorted({'torch', 'numpy', 'pandas'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_clips_of_the_embedded_motion_never_carry_another_sources_name(monkeypatch):
    monkeypatch.setenv("PHDLIB_DATA_SOURCE", "human36m")
    clip = sources.clips("embedded", "gt", "test")[0]
    assert clip.source == "embedded"
