"""SMPL's model files, .pkl as they are downloaded and .npz, read into plain arrays without chumpy.

The downloads (``basicmodel_m_lbs_10_207_0_v1.0.0.pkl``, ``SMPL_NEUTRAL.pkl`` and their kin) are Python 2 pickles in
which some arrays are chumpy's objects and the joint regressor is a sparse matrix of SciPy's. Neither library is asked:
of a ``Ch`` the array ``x`` is taken, of a ``Select`` the entries that it lists of the array it selects from, of a
sparse matrix its three arrays; all else that stands in the file (training information, expressions of chumpy) is left
alone. See :mod:`phdlib.data.pickled`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import sparse

from phdlib.data.pickled import Object, read_npz, read_pickle
from phdlib.paths import write_atomically
from phdlib.skeleton import SMPL24

BETAS = 10
KNOWN = ("chumpy.", "scipy.sparse.")
# V vertices (SMPL's mesh has 6890), F faces (13776), S shape directions: 10 in most files, 300 in some.
FORM = {
    "v_template": ("V", 3),
    "shapedirs": ("V", 3, "S"),
    "posedirs": ("V", 3, 9 * (len(SMPL24) - 1)),
    "J_regressor": (len(SMPL24), "V"),
    "weights": ("V", len(SMPL24)),
    "kintree_table": (2, len(SMPL24)),
    "f": ("F", 3),
}
_SPARSE_AXES = {"csc": 1, "csr": 0}  # the axis that the pointers run along


def read_smpl(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a body file in SMPL's form, by the names of :data:`FORM`, shapes and values checked.

    ``ValueError`` or ``FileNotFoundError`` name the file, the key, what was found and what was expected; a pickle that
    wants anything but data is refused and does nothing.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such body file; expected a .pkl or .npz in SMPL's form")
    content = read_npz(path, KNOWN, FORM) if path.suffix == ".npz" else read_pickle(path, KNOWN)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: found a {type(content).__name__}, expected a dictionary with {', '.join(FORM)}")
    missing = [key for key in FORM if key not in content]
    if missing:
        raise ValueError(f"{path}: misses {', '.join(missing)}, expected {', '.join(FORM)}")
    # One order in memory, so that sums over it come out alike whatever file they are from.
    arrays = {key: np.ascontiguousarray(plain_array(content[key], f"{path}: {key}")) for key in FORM}
    _check_shapes(arrays, path)
    _check_values(arrays, path)
    return arrays


def to_npz(path: str | Path, target: str | Path) -> Path:
    """A body file as an .npz of plain arrays, which :func:`phdlib.body.load_body` and any other reader takes."""
    arrays = read_smpl(path)
    return write_atomically(Path(target), lambda temporary: np.savez(temporary, **arrays))


def plain_array(value: object, where: str) -> np.ndarray:
    """The array behind what a file holds: itself, chumpy's, or a sparse matrix made dense.

    ``ValueError`` begins with ``where``.
    """
    if isinstance(value, np.ndarray) and value.shape == () and value.dtype.hasobject:
        value = value.item()  # an .npz wraps a single object
    if isinstance(value, Object):
        state = value.state if isinstance(value.state, dict) else {}
        if value.name == "chumpy.ch.Ch":
            value = state.get("x")
        elif value.name == "chumpy.reordering.Select":
            value = _selected(state, where)
        elif value.name.startswith("scipy.sparse."):
            value = _dense(value, state, where)
        else:
            raise ValueError(f"{where}: found an expression {value.name}, expected an array or chumpy.ch.Ch")
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        found = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
        raise ValueError(f"{where}: found {found}, expected numbers")
    return value


def _selected(state: dict, where: str) -> np.ndarray:
    """chumpy's Select: some entries of a flattened array, in a shape of their own."""
    source = plain_array(state.get("a"), f"{where}: a").ravel()
    index, shape = np.asarray(state.get("idxs")), state.get("preferred_shape")
    if index.dtype.kind not in "iu" or (index.size and not 0 <= index.min() <= index.max() < len(source)):
        raise ValueError(f"{where}: found a selection out of reach, expected indices below {len(source)}")
    shape = (index.size,) if shape is None else shape
    if not isinstance(shape, tuple) or np.prod(shape) != index.size:
        raise ValueError(f"{where}: found a selection of {index.size} entries, expected as many as fit its shape")
    return source[index.ravel()].reshape(shape)


def _dense(value: Object, state: dict, where: str) -> np.ndarray:
    """A sparse matrix of SciPy's old or new, its indices checked."""
    kind = value.name.rpartition(".")[2][:3]
    shape = state.get("_shape", state.get("shape"))
    parts = [state.get(name) for name in ("data", "indices", "indptr")]
    whole = isinstance(shape, tuple) and len(shape) == 2 and all(isinstance(part, np.ndarray) for part in parts)
    if kind not in _SPARSE_AXES or not whole:
        raise ValueError(f"{where}: found {value.name}, expected a csc or csr matrix with data, indices and indptr")
    if not all(isinstance(n, int | np.integer) and 0 <= n < 10**6 for n in shape) or shape[0] * shape[1] > 10**8:
        raise ValueError(f"{where}: found a sparse matrix whose shape is {str(shape)[:40]}, expected (24, V)")
    try:
        matrix = {"csc": sparse.csc_matrix, "csr": sparse.csr_matrix}[kind](tuple(parts), shape=shape)
        matrix.check_format(full_check=True)
        return matrix.toarray()
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where}: found a broken sparse matrix: {error}, expected a whole one") from error


def _check_shapes(arrays: dict[str, np.ndarray], path: Path) -> None:
    for key in ("v_template", "shapedirs", "f"):
        if arrays[key].ndim != len(FORM[key]):
            raise ValueError(f"{path}: {key} has shape {arrays[key].shape}, expected {FORM[key]}")
    sizes = {"V": len(arrays["v_template"]), "F": len(arrays["f"]), "S": arrays["shapedirs"].shape[-1]}
    joints = arrays["kintree_table"].shape[-1] if arrays["kintree_table"].ndim else 0
    hint = "; SMPL-H and SMPL-X have more joints, take SMPL's own file" if joints > len(SMPL24) else ""
    for key, form in FORM.items():
        expected = tuple(sizes.get(size, size) for size in form)
        if arrays[key].shape != expected:
            raise ValueError(f"{path}: {key} has shape {arrays[key].shape}, expected {expected}{hint}")
    if sizes["S"] < BETAS:
        raise ValueError(f"{path}: shapedirs has {sizes['S']} shape directions, expected at least {BETAS}")


def _check_values(arrays: dict[str, np.ndarray], path: Path) -> None:
    for key, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{path}: {key} holds numbers that are not finite, expected finite ones")
    faces, vertices = arrays["f"], len(arrays["v_template"])
    if faces.dtype.kind not in "iu" or not len(faces) or not 0 <= int(faces.min()) <= int(faces.max()) < vertices:
        raise ValueError(f"{path}: f holds other than indices of vertices, expected whole numbers below {vertices}")
    parents = arrays["kintree_table"][0].astype(np.int64)[1:].tolist()
    if parents != list(SMPL24.parents[1:]):
        raise ValueError(f"{path}: kintree_table has parents {parents}, expected {list(SMPL24.parents[1:])}")
    total = arrays["weights"].sum(axis=1)
    if not np.allclose(total, 1, atol=1e-2):
        raise ValueError(f"{path}: weights sum to {total.min():.3f} .. {total.max():.3f} per vertex, expected 1")
