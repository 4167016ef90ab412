"""SMPL's model file as it is downloaded, written by tests: chumpy's objects and SciPy's sparse matrix, by stand-ins."""

from __future__ import annotations

import pickle
import sys
import types
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse


class Ch:
    """chumpy.ch.Ch: a variable; its value is ``x``."""

    def __init__(self, x: np.ndarray) -> None:
        self.x, self._dirty_vars, self._itr = x, {"x"}, None


class Select:
    """chumpy.reordering.Select: ``a.ravel()[idxs].reshape(preferred_shape)``."""

    def __init__(self, a: Ch, idxs: np.ndarray, preferred_shape: tuple[int, ...]) -> None:
        self.a, self.idxs, self.preferred_shape = a, idxs, preferred_shape


class Add:
    """chumpy.ch_ops.add: an expression, which the reader leaves alone."""

    def __init__(self, a: Ch, b: Ch) -> None:
        self.a, self.b = a, b


class CscMatrix:
    """scipy.sparse.csc.csc_matrix, as SciPy of Python 2 kept it."""

    def __init__(self, dense: np.ndarray) -> None:
        matrix = sparse.csc_matrix(dense)
        self.data, self.indices, self.indptr = matrix.data, matrix.indices, matrix.indptr
        self._shape, self.maxprint, self.format = matrix.shape, 50, "csc"


NAMES = {
    Ch: ("chumpy.ch", "Ch"),
    Select: ("chumpy.reordering", "Select"),
    Add: ("chumpy.ch_ops", "add"),
    CscMatrix: ("scipy.sparse.csc", "csc_matrix"),
}
for stand_in, (of, known_as) in NAMES.items():
    stand_in.__module__, stand_in.__qualname__ = of, known_as


def official(arrays: Mapping[str, np.ndarray]) -> dict[str, object]:
    """The content of a downloaded file: which arrays are wrapped, and what stands beside them."""
    shapedirs = np.concatenate((arrays["shapedirs"], arrays["shapedirs"][..., :3] + 1), axis=-1)
    index = np.arange(shapedirs.size).reshape(shapedirs.shape)[..., : arrays["shapedirs"].shape[-1]]
    parents = arrays["kintree_table"].astype(np.int64) % 2**32  # the root's parent is 4294967295
    template = Ch(arrays["v_template"])
    return {
        "J_regressor": CscMatrix(arrays["J_regressor"]),
        "J_regressor_prior": CscMatrix(arrays["J_regressor"]),
        "f": arrays["f"].astype(np.uint32),
        "kintree_table": parents.astype(np.uint32),
        "weights": Ch(arrays["weights"]),
        "posedirs": Ch(arrays["posedirs"]),
        "v_template": template,
        "shapedirs": Select(Ch(shapedirs), index.ravel(), arrays["shapedirs"].shape),
        "v_posed": Add(template, template),
        "pose_training_info": {"pose_reg": 1.0, "files": ["a", "b"]},
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }


def write_pickle(path: Path, content: object, protocol: int = 2) -> Path:
    """Pickle with the names that the stand-ins stand for."""
    with pytest.MonkeyPatch.context() as patch:
        for kind, (module, name) in NAMES.items():
            parts = module.split(".")
            for i in range(len(parts)):
                package = ".".join(parts[: i + 1])
                if package == module or package not in sys.modules:
                    patch.setitem(sys.modules, package, types.ModuleType(package))
            patch.setattr(sys.modules[module], name, kind, raising=False)
        path.write_bytes(pickle.dumps(content, protocol))
    return path
