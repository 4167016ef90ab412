import errno
import json
from pathlib import Path

import numpy as np
import pytest

from phdlib import cache
from phdlib.cache import cached_arrays, code_fingerprint, key_of
from phdlib.paths import write_atomically


def test_arrays_are_built_once(tmp_path: Path) -> None:
    calls = []

    def build() -> dict[str, np.ndarray]:
        calls.append(1)
        return {"a": np.arange(5), "b": np.zeros((2, 3), np.float32)}

    first, second = (cached_arrays("x", "key", build, tmp_path) for _ in range(2))
    assert len(calls) == 1 and first.keys() == second.keys()
    assert all((first[name] == second[name]).all() and first[name].dtype == second[name].dtype for name in first)
    cached_arrays("x", "other", build, tmp_path)
    assert len(calls) == 2


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty"])
def test_a_damaged_file_is_named_and_built_again(tmp_path: Path, damage: str) -> None:
    def build() -> dict[str, np.ndarray]:
        return {"a": np.arange(1000)}

    cached_arrays("x", "key", build, tmp_path)
    (path,) = tmp_path.glob("x-key.npz")
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    path.write_bytes({"flip": bytes(content), "truncate": bytes(content[: len(content) // 2]), "empty": b""}[damage])
    with pytest.warns(UserWarning, match="unreadable cache .*x-key.npz"):
        again = cached_arrays("x", "key", build, tmp_path)
    assert (again["a"] == np.arange(1000)).all()
    assert (cached_arrays("x", "key", lambda: {}, tmp_path)["a"] == np.arange(1000)).all()


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    target.write_text("old")

    def fill(path: Path) -> None:
        path.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=r"cannot write .*file\.bin: No space left"):
        write_atomically(target, fill)
    assert target.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["file.bin"]


def test_fingerprints_see_code_but_not_comments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    module = tmp_path / "fingerprinted_module.py"
    prints = []
    for text in ('"""Doc."""\nx = 1  # one\n', '"""Other doc."""\n\nx = (1)\n', "x = 2\n"):
        module.write_text(text)
        prints.append(code_fingerprint("fingerprinted_module"))
    assert prints[0] == prints[1] != prints[2]
    assert key_of(a=1, b=2) == key_of(b=2, a=1) != key_of(a=2, b=1)


def test_code_of_a_listed_edit_keeps_the_hash_of_the_code_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "edited_module.py").write_text("x = 1\n")
    before = code_fingerprint("edited_module")
    monkeypatch.setattr(cache, "_equivalents", lambda: {before: "older"})
    assert code_fingerprint("edited_module") == "older"
    assert code_fingerprint("phdlib.paths") != "older"


def test_listed_edits_say_what_they_are_and_point_at_code_before_all_of_them() -> None:
    edits = json.loads(Path(cache.__file__).with_name("equivalent_code.json").read_text(encoding="utf-8"))
    assert edits and all(edit["edit"] and edit["evidence"] and edit["same_as"] for edit in edits)
    listed = {new: old for edit in edits for new, old in edit["same_as"].items()}
    assert len(listed) == sum(len(edit["same_as"]) for edit in edits) and not set(listed) & set(listed.values())
    assert all(len(int(name, 16).to_bytes(8)) == 8 for pair in listed.items() for name in pair)
