"""Wheels are checked before they are opened, and unpack to where they are told."""

import hashlib
import re
import stat
import sys
import zipfile

import pytest

from phdlib import wheels
from phdlib.wheels import Wheel, WheelUnavailable, extract, fetch, unpack


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def make_wheel(path, entries):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in entries.items():
            file.writestr(name, content)
    return path


def in_cache(cache, entries, name="toy", version="1.0"):
    """A wheel that lies where :func:`fetch` looks for it."""
    (cache / "wheels").mkdir(parents=True, exist_ok=True)
    path = make_wheel(cache / "wheels" / f"{name}-{version}.whl", entries)
    return Wheel(name, version, hashlib.sha256(path.read_bytes()).hexdigest())


def test_a_wheel_in_the_cache_is_unpacked_once(cache):
    wheel = in_cache(cache, {"toy/video.avi": b"frames", "toy/other.py": b"", "toy-1.0.dist-info/METADATA": b""})
    path = unpack(wheel, "toy/video.avi")
    assert path.read_bytes() == b"frames"
    assert not (path.parent / "other.py").exists()
    path.write_bytes(b"touched")
    assert unpack(wheel, "toy/video.avi").read_bytes() == b"touched"


def test_a_folder_comes_whole(cache):
    wheel = in_cache(cache, {"toy/demo/a.txt": b"a", "toy/demo/b/c.txt": b"c", "toy/demolition.txt": b"no"})
    folder = unpack(wheel, "toy/demo")
    assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()) == ["a.txt", "b/c.txt"]


def pretend_pip(tmp_path, monkeypatch, body):
    script = tmp_path / "pip.py"
    script.write_text("import sys, zipfile\nfolder = sys.argv[-1]\n" + body)
    monkeypatch.setattr(wheels, "pip", lambda: [sys.executable, str(script)])


WRITES = "with zipfile.ZipFile(folder + '/toy-1.0-py3-none-any.whl', 'w') as f: f.writestr('toy/x', 'y')\n"


def test_another_checksum_is_refused_and_not_kept(cache, tmp_path, monkeypatch, capsys):
    pretend_pip(tmp_path, monkeypatch, WRITES)
    with pytest.raises(ValueError, match=r"toy-1\.0-py3-none-any\.whl: sha256: found [0-9a-f]{64}, expected 00"):
        fetch(Wheel("toy", "1.0", "00" * 32))
    assert not (cache / "wheels").exists()
    assert "fetching the wheel toy==1.0" in capsys.readouterr().out


def test_a_damaged_file_in_the_cache_is_fetched_again(cache, tmp_path, monkeypatch):
    wheel = in_cache(cache, {"toy/x": b"good"})
    path = cache / "wheels" / "toy-1.0.whl"
    good = tmp_path / "good.whl"
    good.write_bytes(path.read_bytes())
    path.write_bytes(b"damaged")
    pretend_pip(tmp_path, monkeypatch, f"import shutil; shutil.copy({str(good)!r}, folder + '/toy-1.0.whl')\n")
    assert fetch(wheel).read_bytes() == good.read_bytes()


def test_no_registry_is_one_sentence(cache, tmp_path, monkeypatch):
    pretend_pip(tmp_path, monkeypatch, "sys.exit('WARNING: retrying\\nERROR: No matching distribution found')\n")
    with pytest.raises(WheelUnavailable, match=r"cannot fetch the wheel toy==1\.0 .*: ERROR: No matching"):
        fetch(Wheel("toy", "1.0", "00" * 32))


def link(path):
    with zipfile.ZipFile(path, "w") as file:
        entry = zipfile.ZipInfo("toy/link")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        file.writestr(entry, "/etc/passwd")


def huge(path):
    """A header that claims 10 GB."""
    make_wheel(path, {"toy/video.avi": b"x" * 64})
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = (2**32 - 2).to_bytes(4, "little")
    path.write_bytes(data)


BROKEN = {
    "up.whl": (lambda p: make_wheel(p, {"toy/ok": b"", "toy/../../evil": b""}), "leads out"),
    "root.whl": (lambda p: make_wheel(p, {"/etc/evil": b"", "toy/ok": b""}), "leads out"),
    "windows.whl": (lambda p: make_wheel(p, {"toy\\..\\evil": b"", "toy/ok": b""}), "leads out"),
    "drive.whl": (lambda p: make_wheel(p, {"C:/evil": b"", "toy/ok": b""}), "leads out"),
    "link.whl": (link, "symbolic link"),
    "huge.whl": (huge, "at most"),
    "other.whl": (lambda p: make_wheel(p, {"tool/x": b""}), "no such entry"),
    "text.whl": (lambda p: p.write_text("no archive"), "broken archive"),
    "empty.whl": (lambda p: p.write_bytes(b""), "broken archive"),
    "short.whl": (lambda p: p.write_bytes(make_wheel(p, {"toy/x": b"1" * 999}).read_bytes()[:-30]), "broken archive"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_hostile_or_broken_archive_writes_nothing(tmp_path, name):
    build, what = BROKEN[name]
    path = tmp_path / name
    build(path)
    with pytest.raises(ValueError, match=re.escape(what)) as caught:
        extract(path, "toy", tmp_path / "out" / "inside")
    text = str(caught.value)
    assert name in text and "found" in text and "expected" in text
    written = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert written == [path]
