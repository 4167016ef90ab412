"""Each broken file of VideoPose3D's layout is one clear error, and hostile ones do nothing."""

from __future__ import annotations

import re
import tracemalloc
import warnings
from pathlib import Path

import pytest
from broken_videopose3d import EVA2, EVA3, FILES, TWO, write_good
from hypothesis import given
from hypothesis import strategies as st

from phdlib.data import human36m, humaneva


@pytest.mark.parametrize("name", FILES)
def test_one_error_says_where_what_and_what_else(tmp_path, monkeypatch, name):
    broken = FILES[name]
    monkeypatch.chdir(tmp_path)
    write_good(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's and NumPy's, while the file is spoilt
        broken.spoil(tmp_path)
    source = humaneva if broken.file in (EVA2, EVA3) else human36m
    tracemalloc.start()
    with pytest.raises(ValueError) as error:
        source.load(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    message = str(error.value)
    for part in (re.escape(broken.file), broken.field, broken.found, broken.expected):
        assert re.search(part, message), (part, message)
    assert len(message) < 700 and "\n" not in message and peak < 64 * 2**20
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({*written(), broken.file})


def written() -> set[str]:
    return {"data_3d_h36m.npz", TWO, EVA3, EVA2}


def test_the_good_files_are_good(tmp_path):
    write_good(tmp_path)
    assert len(human36m.load(tmp_path)) == 8 and len(humaneva.load(tmp_path)) == 72


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    write_good(folder)
    return folder


@given(place=st.floats(0, 1, exclude_max=True), value=st.binary(min_size=1, max_size=4))
def test_a_file_with_bytes_overwritten_is_read_or_refused(good, tmp_path_factory, place, value):
    """Wherever damage strikes, the answer is clips or a ValueError with the file's name."""
    folder = tmp_path_factory.mktemp("damaged")
    data = bytearray((good / TWO).read_bytes())
    start = int(place * len(data))
    data[start : start + len(value)] = value
    (folder / "data_3d_h36m.npz").write_bytes((good / "data_3d_h36m.npz").read_bytes())
    (folder / TWO).write_bytes(data)
    try:
        clips = human36m.load(folder)
    except ValueError as error:
        assert TWO in str(error)
    else:
        assert len(clips) == 8
