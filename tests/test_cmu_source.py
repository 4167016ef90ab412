"""The data source "cmu": the embedded data's clips, made of the user's own tree."""

from __future__ import annotations

import pytest
from originals import CMU, needs_originals, original

from phdlib.data import embedded, sources


@needs_originals
def test_clips_are_made_of_the_users_tree_and_a_run_for_another_source_is_refused(tmp_path, monkeypatch):
    for take in ("02_01", "02_02", "02_03", "02_04", "02_05", "07_05", "35_01", "131_04"):
        for name in (f"subjects/{take[:-3]}/{take[:-3]}.asf", f"subjects/{take[:-3]}/{take}.amc"):
            path = tmp_path / "cmu_mocap" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.exists() or path.symlink_to(CMU / name)
    for name in ("bvh/005_05.bvh", "bvh/006_15.bvh", "bvh_cgspeed/135_04.bvh"):
        (tmp_path / "cmu_mocap" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "cmu_mocap" / name).symlink_to(original(name))
    own = embedded.data_key()
    monkeypatch.setenv("PHDLIB_DATA", str(tmp_path))
    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ValueError, match=r"data source 'cmu': .PHDLIB_DATA_SOURCE is 'embedded', expected the same"):
        sources.key("cmu")
    monkeypatch.setenv("PHDLIB_DATA_SOURCE", "cmu")
    assert sources.key("cmu") == embedded.data_key() != own
    clips = embedded.load("gt", "human36m", parts=("test",))
    assert {clip.source for clip in clips} == {"cmu"} and {clip.subject for clip in clips} <= {"S9", "S11"}
    performers = {clip.take[:2] for clip in clips}
    assert performers and not performers & {c.take[:2] for c in embedded.load("gt", "human36m", parts=("train",))}
    monkeypatch.setenv("PHDLIB_DATA", str(tmp_path / "nothing"))
    with pytest.raises(FileNotFoundError, match="found no CMU tree"):
        embedded.load("gt")
