"""A downloaded SMPL file, with chumpy's objects and a sparse matrix in it, is the same body as its plain arrays."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from smpl_pickles import Add, Ch, CscMatrix, Select, official, write_pickle

from phdlib.body import Body, load_body
from phdlib.data.smpl_files import FORM, read_smpl, to_npz
from phdlib.open_body import open_body
from phdlib.skeleton import SMPL24


def small(vertices: int = 30) -> dict[str, np.ndarray]:
    """Arrays of SMPL's form on a small mesh."""
    rng = np.random.default_rng(0)
    weights = rng.random((vertices, 24))
    regressor = rng.random((24, vertices)) * (rng.random((24, vertices)) < 0.2)
    return {
        "v_template": rng.normal(size=(vertices, 3)),
        "shapedirs": rng.normal(size=(vertices, 3, 10)),
        "posedirs": rng.normal(size=(vertices, 3, 207)),
        "J_regressor": regressor,
        "weights": weights / weights.sum(axis=1, keepdims=True),
        "kintree_table": np.array([SMPL24.parents, range(24)]),
        "f": rng.integers(0, vertices, (50, 3)),
    }


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert list(found) == list(FORM)
    for key in FORM:
        rows = slice(1, None) if key == "kintree_table" else slice(None)
        a, b = (arrays[key][0, rows] if key == "kintree_table" else arrays[key] for arrays in (found, expected))
        np.testing.assert_array_equal(a, b, err_msg=key)


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_gives_the_plain_arrays(tmp_path, protocol):
    arrays = small()
    assert_same(read_smpl(write_pickle(tmp_path / "SMPL_MALE.pkl", official(arrays), protocol)), arrays)
    assert "chumpy" not in sys.modules


def test_a_file_cleaned_of_chumpy_and_an_npz_with_a_sparse_matrix(tmp_path):
    from scipy import sparse

    arrays = small()
    cleaned = official(arrays) | {key: arrays[key] for key in ("weights", "posedirs", "v_template", "shapedirs")}
    assert_same(read_smpl(write_pickle(tmp_path / "clean.pkl", cleaned)), arrays)
    np.savez(tmp_path / "s.npz", **(arrays | {"J_regressor": sparse.csr_matrix(arrays["J_regressor"])}))
    assert_same(read_smpl(tmp_path / "s.npz"), arrays)
    np.savez(tmp_path / "t.npz", **arrays, extra=np.array(os.system, dtype=object))  # is not looked at
    assert_same(read_smpl(tmp_path / "t.npz"), arrays)


def test_the_body_of_a_pickle_is_that_of_its_arrays(tmp_path):
    arrays = {key: value.numpy() if torch.is_tensor(value) else np.asarray(value) for key, value in open_body().items()}
    arrays["posedirs"] = np.random.default_rng(1).normal(size=arrays["posedirs"].shape).astype(np.float32) * 2e-3
    np.savez(tmp_path / "body.npz", **arrays)
    g = torch.Generator().manual_seed(0)
    theta, beta, trans = (
        torch.randn(2, 72, generator=g) / 3,
        torch.randn(2, 10, generator=g),
        torch.randn(2, 3, generator=g),
    )
    path = write_pickle(tmp_path / "basicmodel_m_lbs_10_207_0_v1.0.0.pkl", official(arrays))
    a, b = (Body(read_smpl(file))(theta, beta, trans) for file in (path, tmp_path / "body.npz"))
    assert torch.equal(a.vertices, b.vertices) and torch.equal(a.joints, b.joints)
    c = load_body(to_npz(path, tmp_path / "converted.npz"))(theta, beta, trans)
    assert torch.equal(a.vertices, c.vertices)


class Hostile:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def broken(target: Path) -> dict[str, tuple[object, str]]:
    """Contents of SMPL files that are wrong, and what must be said of them."""
    arrays = small()
    good = official(arrays)
    negative, far = (CscMatrix(arrays["J_regressor"]) for _ in range(2))
    negative.indices = negative.indices.copy()
    negative.indices[0] = 10**6
    far._shape = (24, 10**12)
    nan = arrays["v_template"].copy()
    nan[3, 1] = np.nan
    wrong_tree = arrays["kintree_table"].copy()
    wrong_tree[0, 5] = 7
    cut = CscMatrix(arrays["J_regressor"])
    cut.data = cut.data[:-3]
    return {
        "no dictionary": ([1, 2], "found a list, expected a dictionary with v_template"),
        "missing key": ({k: v for k, v in good.items() if k != "weights"}, "misses weights"),
        "hostile value": (good | {"J": Hostile(target)}, r"refused, found a reference to (posix|nt)\.system, expected"),
        "hostile array": (good | {"weights": Hostile(target)}, "refused, found a reference to"),
        "hostile in chumpy": (good | {"weights": Ch(Hostile(target))}, "refused, found a reference to"),
        "expression": (good | {"v_template": Add(Ch(nan), Ch(nan))}, r"v_template: found an expression chumpy\.ch_ops"),
        "text": (good | {"weights": "no"}, "weights: found a str, expected numbers"),
        "texts": (good | {"weights": np.array(["a"])}, "weights: found an array of <U1, expected numbers"),
        "nothing in Ch": (good | {"weights": Ch(None)}, "weights: found a NoneType, expected numbers"),
        "51 joints": (good | {"weights": np.zeros((30, 52)), "kintree_table": np.zeros((2, 52))}, "take SMPL's own"),
        "transposed": (good | {"posedirs": arrays["posedirs"].T}, r"posedirs has shape \(207, 3, 30\), expected \(30,"),
        "flat": (good | {"f": np.arange(30)}, r"f has shape \(30,\), expected"),
        "few shapes": (good | {"shapedirs": arrays["shapedirs"][..., :4]}, "4 shape directions, expected at least 10"),
        "NaN": (good | {"v_template": Ch(nan)}, "v_template holds numbers that are not finite, expected"),
        "faces": (good | {"f": arrays["f"] + 10}, "f holds other than indices of vertices, expected whole"),
        "tree": (good | {"kintree_table": wrong_tree}, "kintree_table has parents .* expected"),
        "weights": (good | {"weights": arrays["weights"] * 2}, "weights sum to 2.000 .. 2.000 per vertex, expected 1"),
        "sparse out of reach": (good | {"J_regressor": negative}, "J_regressor: found a broken sparse matrix"),
        "sparse cut off": (good | {"J_regressor": cut}, "J_regressor: found a broken sparse matrix"),
        "sparse of 200 TB": (good | {"J_regressor": far}, "J_regressor: found a sparse matrix whose shape is"),
        "selection out of reach": (
            good | {"shapedirs": Select(Ch(arrays["shapedirs"]), np.array([10**9]), (1,))},
            "shapedirs: found a selection out of reach, expected indices below 900",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("case", list(broken(Path())))
def test_a_broken_file_is_one_clear_error(tmp_path, case):
    content, message = broken(tmp_path / "touched")[case]
    path = write_pickle(tmp_path / "SMPL_FEMALE.pkl", content)
    with pytest.raises(ValueError, match=message) as error:
        read_smpl(path)
    assert str(error.value).startswith(f"{path}: ") and "expected" in str(error.value)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("share", [0.0, 0.4, 0.99])
def test_a_cut_file_and_a_missing_one(tmp_path, share):
    path = write_pickle(tmp_path / "SMPL_FEMALE.pkl", official(small()))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ValueError, match=r"SMPL_FEMALE\.pkl: not a readable pickle"):
        read_smpl(path)
    with pytest.raises(FileNotFoundError, match=r"absent\.pkl: no such body file"):
        read_smpl(tmp_path / "absent.pkl")
