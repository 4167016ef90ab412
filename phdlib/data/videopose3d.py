"""VideoPose3D's .npz files, the form in which its users hold Human3.6M and HumanEva-I; the sets themselves are in
:mod:`phdlib.data.human36m` and :mod:`phdlib.data.humaneva`.

``data_3d_SET.npz``: ``positions_3d``, a dictionary subject -> action -> (T, J, 3) metres, world frame, z up.
``data_2d_SET_KEYPOINTS.npz``: ``positions_2d``, subject -> action -> one (T, J, 2) in pixels per camera, and
``metadata``: ``num_joints``, ``keypoints_symmetry`` (the left joints, the right joints) and mostly ``layout_name``.
All three are object arrays, that is, pickles: :mod:`phdlib.data.pickled` reads them without running anything.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from phdlib.data.conventions import MPII16
from phdlib.data.pickled import read_npz
from phdlib.skeleton import COCO17, H36M17, HUMANEVA15, Skeleton

Table3D = dict[str, dict[str, np.ndarray]]  # subject -> action -> (T, J, 3)
Table2D = dict[str, dict[str, list[np.ndarray | None]]]  # subject -> action -> one (T, J, 2) per camera

LAYOUTS = {"h36m": H36M17, "humaneva15": HUMANEVA15, "coco": COCO17, "mpii": MPII16}

# What stands in for a joint that a detector does not know: the mean of some that it does. A network that learns on
# these has to be asked about these: they are no anatomy.
STAND_INS: dict[str, dict[str, tuple[str, ...]]] = {
    "COCO-17": {
        "pelvis": ("left_hip", "right_hip"),
        "spine": ("left_hip", "right_hip", "left_shoulder", "right_shoulder"),
        "thorax": ("left_shoulder", "right_shoulder"),
        "head": ("left_ear", "right_ear"),
    },
    "MPII-16": {"spine": ("pelvis", "thorax"), "nose": ("upper_neck",), "head": ("head_top",)},
}


def find(folder: str | Path, file: str) -> Path:
    """A file in ``folder`` or in one below it. ``FileNotFoundError`` says where it was looked for and what is there."""
    folder = Path(folder).expanduser()
    found = sorted([folder / file] if (folder / file).is_file() else folder.glob(f"*/{file}"))
    if not found:
        prefix = "_".join(file.split("_")[:3]).removesuffix(".npz")
        near = sorted(path.name for path in [*folder.glob(f"{prefix}*.npz"), *folder.glob(f"*/{prefix}*.npz")])
        there = f"there is {', '.join(near)}" if near else f"there is no {prefix}*.npz either"
        raise FileNotFoundError(f"no {file} in {folder} or a folder in it; {there}")
    return found[0]


def read_3d(path: Path, joints: int) -> Table3D:
    """``positions_3d``: subject -> action -> (T, ``joints``, 3) metres. ``ValueError`` names file, field, subject and
    action, what was found and what was expected."""
    table = _table(_object(read_npz(path), "positions_3d", path), f"{path}: positions_3d")
    for subject, actions in table.items():
        for action, values in actions.items():
            where = f"{path}: positions_3d of {subject}, {action}"
            actions[action] = values = _array(values, (joints, 3), where)
            if np.abs(values).max() > 100:
                raise ValueError(f"{where}: found coordinates up to {np.abs(values).max():.0f}, expected metres")
    return table


def read_2d(path: Path, cameras: int) -> tuple[Table2D, Skeleton]:
    """``positions_2d``: subject -> action -> one (T, J, 2) in pixels per camera, None where a camera has none; and the
    order of its joints, read off ``metadata``. A third column, a detector's score, is left out. Errors as above."""
    arrays = read_npz(path)
    layout = _layout(_object(arrays, "metadata", path), f"{path}: metadata")
    table = _table(_object(arrays, "positions_2d", path), f"{path}: positions_2d")
    for subject, actions in table.items():
        for action, views in actions.items():
            where = f"{path}: positions_2d of {subject}, {action}"
            if isinstance(views, np.ndarray) and views.ndim in (1, 4):
                views = list(views)
            if not isinstance(views, list | tuple) or len(views) != cameras:
                found = f"{len(views)} views" if isinstance(views, list | tuple) else type(views).__name__
                raise ValueError(f"{where}: found {found}, expected a list of {cameras}, one per camera")
            named = [f"{where}, camera {i}" for i in range(cameras)]
            actions[action] = [
                None if view is None else _pixels(view, len(layout), name)
                for view, name in zip(views, named, strict=True)
            ]
    return table, layout


def _object(arrays: dict[str, Any], key: str, path: Path) -> Any:
    """The object that np.savez wrapped in an array of shape ()."""
    if key not in arrays:
        raise ValueError(f"{path}: {key}: no such key, found {sorted(arrays)}")
    array = arrays[key]
    if array.shape != () or array.dtype != object:
        raise ValueError(f"{path}: {key}: found an array of {array.dtype} {array.shape}, expected one dictionary")
    return array.item()


def _table(content: Any, where: str) -> dict[str, dict[str, Any]]:
    """A dictionary of dictionaries, both keyed by text, copied, so that two names for one thing become two things."""
    if not isinstance(content, dict) or not content:
        raise ValueError(f"{where}: found {_kind(content)}, expected a dictionary of subjects")
    for subject, actions in content.items():
        if not isinstance(subject, str) or not isinstance(actions, dict):
            raise ValueError(
                f"{where}: subject {subject!r:.40}: found {_kind(actions)}, expected a dictionary of actions"
            )
        if names := [action for action in actions if not isinstance(action, str)]:
            raise ValueError(f"{where}: subject {subject}: found the action {names[0]!r:.40}, expected a name")
    return {subject: dict(actions) for subject, actions in content.items()}


def _kind(content: Any) -> str:
    return f"an empty {type(content).__name__}" if isinstance(content, dict) and not content else type(content).__name__


def _array(values: Any, ending: tuple[int, int], where: str) -> np.ndarray:
    """``values`` as (T, J, n) float32, T > 0, all finite."""
    if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
        found = values.dtype if isinstance(values, np.ndarray) else type(values).__name__
        raise ValueError(f"{where}: found {found}, expected an array of floats")
    if values.ndim != 3 or values.shape[1:] != ending or not len(values):
        raise ValueError(f"{where}: found shape {values.shape}, expected (T, {ending[0]}, {ending[1]}) with T > 0")
    bad = np.argwhere(~np.isfinite(values).all(-1))
    if len(bad):
        raise ValueError(
            f"{where}: frame {bad[0][0]}, joint {bad[0][1]}: found {values[tuple(bad[0])].tolist()}, expected finite "
            f"numbers ({len(bad)} such in all)"
        )
    return values.astype(np.float32)


def _pixels(values: Any, joints: int, where: str) -> np.ndarray:
    scored = isinstance(values, np.ndarray) and values.ndim == 3 and values.shape[-1] == 3
    values = _array(values[..., :2] if scored else values, (joints, 2), where)
    if np.abs(values).max() < 4:
        raise ValueError(
            f"{where}: found coordinates up to {np.abs(values).max():.2f}, expected pixels, not screen units"
        )
    return values


def _layout(metadata: Any, where: str) -> Skeleton:
    """The joint set that a file's metadata describes: by name where it has one, in any case by count and symmetry."""
    if not isinstance(metadata, dict):
        raise ValueError(f"{where}: found {type(metadata).__name__}, expected a dictionary")
    for field in ("num_joints", "keypoints_symmetry"):
        if field not in metadata:
            raise ValueError(f"{where}: {field}: no such key, found {sorted(map(str, metadata))}")
    name, joints = metadata.get("layout_name"), metadata["num_joints"]
    try:
        left, right = (tuple(sorted(int(joint) for joint in side)) for side in metadata["keypoints_symmetry"])
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{where}: keypoints_symmetry: found {metadata['keypoints_symmetry']!r:.60}, expected two lists of joints"
        ) from error
    if name is not None and name not in LAYOUTS:
        raise ValueError(f"{where}: layout_name: found {name!r:.40}, expected one of {', '.join(LAYOUTS)}")
    candidates = LAYOUTS.values() if name is None else [LAYOUTS[name]]
    for layout in candidates:
        if (joints, left, right) == (len(layout), tuple(sorted(layout.left)), tuple(sorted(layout.right))):
            return layout
    known = ", ".join(f"{layout.name} with left {tuple(sorted(layout.left))}" for layout in candidates)
    found = f"{joints!r:.20} joints with left {left}, right {right}"
    raise ValueError(f"{where}: num_joints, keypoints_symmetry: found {found}, expected {known}")


def in_order(keypoints: Float[Tensor, "T J 2"], layout: Skeleton, skeleton: Skeleton) -> Float[Tensor, "T K 2"]:
    """Keypoints of one joint set in the order of another, with :data:`STAND_INS` for joints that a detector lacks."""
    if layout == skeleton:
        return keypoints
    means = STAND_INS.get(layout.name, {})
    columns = []
    for joint in skeleton.joints:
        sources = means.get(joint, (joint,))
        columns.append(keypoints[:, [layout.index(source) for source in sources]].mean(1))
    return torch.stack(columns, dim=1)
