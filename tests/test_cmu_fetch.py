"""CMU's files fetched from a site on this machine that stands in for CMU's, whole or not at all."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from broken_mocap import ASF, GOOD, archive

from phdlib.data import cmu_fetch
from phdlib.data.cmu_tree import find_tree, takes
from phdlib.data.cmu_trials import load_trials


@pytest.fixture
def site(tmp_path) -> Iterator[tuple[str, Path]]:
    folder = tmp_path / "site"
    (folder / "subjects" / "07").mkdir(parents=True)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()
        thread.join()


def test_the_archive_is_fetched_once_noted_and_unpacked(site, tmp_path):
    url, folder = site
    (folder / "allasfamc.zip").write_bytes(archive(GOOD))
    root = cmu_fetch.fetch_archive(tmp_path / "data", url)
    assert list(takes(root)) == ["07_05"] and find_tree(tmp_path / "data") == root
    noted = (tmp_path / "data/allasfamc.zip.sha256").read_text()
    assert noted == f"{hashlib.sha256(archive(GOOD)).hexdigest()}  allasfamc.zip\n"
    (folder / "allasfamc.zip").write_bytes(archive(GOOD | {"all_asfamc/subjects/07/07_06.amc": b"other"}))
    cmu_fetch.fetch_archive(tmp_path / "data", url)  # there already
    (tmp_path / "data/allasfamc.zip").unlink()
    with pytest.raises(ValueError, match=r"allasfamc\.zip: sha256 .*, expected .* as allasfamc\.zip\.sha256 says"):
        cmu_fetch.fetch_archive(tmp_path / "data", url)
    assert not (tmp_path / "data/allasfamc.zip").exists()


def test_a_subject_is_fetched_file_by_file(site, tmp_path, monkeypatch):
    url, folder = site
    trials = {name: load_trials()[name] for name in ("07_01", "07_02")}
    monkeypatch.setattr(cmu_fetch, "load_trials", lambda: trials)
    for name in ("07.asf", "07_01.amc", "07_02.amc"):
        (folder / "subjects/07" / name).write_text(ASF)
    paths = cmu_fetch.fetch_subject("7", tmp_path / "data", url)
    assert [path.name for path in paths] == ["07.asf", "07_01.amc", "07_02.amc"] and all(p.exists() for p in paths)
    with pytest.raises(ValueError, match="CMU subject 999: the trial list has none of it"):
        cmu_fetch.fetch_subject("999", tmp_path / "data", url)
    paths[1].unlink()
    (folder / "subjects/07/07_01.amc").unlink()
    with pytest.raises(OSError, match=r"cannot fetch http.*07_01\.amc: .*put it below \$PHDLIB_DATA"):
        cmu_fetch.fetch_subject("7", tmp_path / "data", url)


def test_without_a_network_or_with_too_much_of_it_there_is_one_clear_error(site, tmp_path, monkeypatch, capsys):
    url, folder = site
    with pytest.raises(OSError, match=r"cannot fetch http://127\.0\.0\.1:1/allasfamc\.zip: "):
        cmu_fetch.fetch_archive(tmp_path / "data", "http://127.0.0.1:1")
    (folder / "a.amc").write_bytes(b"1" * 1000)
    with pytest.raises(ValueError, match=r"a\.amc: found 1000 bytes, expected at most 999"):
        cmu_fetch.download(f"{url}/a.amc", tmp_path / "data/a.amc", 999)
    assert not list((tmp_path / "data").iterdir())
    monkeypatch.delenv("PHDLIB_DATA", raising=False)
    assert cmu_fetch.main([]) == 2 and "PHDLIB_DATA is not set" in capsys.readouterr().err
