"""The authors' published checkpoints on the data that they were made for, beside what was published for them.

README.md and INFERENCE.md of https://github.com/facebookresearch/VideoPose3D (CC BY-NC) link the three files; the data
is that of :mod:`phdlib.data.human36m` and :mod:`phdlib.data.humaneva`. How large a network is, is read off its weights.
What its joints are is not in them: 17 can be COCO's or Human3.6M's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import torch
from tqdm.auto import tqdm

from phdlib import published
from phdlib.camera import normalize_screen
from phdlib.data import human36m, humaneva
from phdlib.data.calibrated import Video
from phdlib.evaluation import clip_errors, per_action
from phdlib.folding import fold_batch_norm
from phdlib.lifting import TemporalModel, load_videopose3d, predict
from phdlib.skeleton import COCO17, H36M17, HUMANEVA15, Skeleton

METRICS = {"MPJPE": "mpjpe", "P-MPJPE": "p_mpjpe", "MPJVE": "mpjve"}


@dataclass(frozen=True)
class Checkpoint:
    """A published file: the detections it was trained on, in which joint order, how many frames it sees, the rows of
    the paper's tables that print its errors, and what only its authors' README states."""

    keypoints: str
    layout: Skeleton
    skeleton: Skeleton
    frames: int
    rows: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    stated: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


CHECKPOINTS = {
    "pretrained_h36m_cpn.bin": Checkpoint(
        "cpn_ft_h36m_dbb", H36M17, H36M17, 243,
        {"MPJPE": ("videopose3d-table-1a", "Ours, 243 frames, full conv."),
         "P-MPJPE": ("videopose3d-table-1b", "Ours, 243 frames, full conv."),
         "MPJVE": ("videopose3d-table-2", "Temporal")},
    ),
    "pretrained_h36m_detectron_coco.bin": Checkpoint(
        "detectron_pt_coco", COCO17, H36M17, 243,
        note="made for video in the wild, nothing is published for it; the paper's row on such detections is 'Ours (D "
        "PT)' of its Table 3",
    ),
    "pretrained_humaneva15_detectron.bin": Checkpoint(
        "detectron_pt_coco", COCO17, HUMANEVA15, 27, {"P-MPJPE": ("videopose3d-table-4", "Ours (MA)")}, {"MPJPE": 28.6},
        note="MPJPE is the authors' README's; the published average of P-MPJPE is the mean of the nine printed cells",
    ),
}  # fmt: skip


def evaluate_pretrained(
    checkpoint: str | Path,
    folder: str | Path,
    keypoints: str | None = None,
    *,
    causal: bool = False,
    flip: bool = True,
    device: str | torch.device | None = None,
) -> pd.DataFrame:
    """Errors in mm of a VideoPose3D checkpoint on the test part of the files in ``folder``, a row per action (HumanEva:
    per action and subject) and "Avg", their mean; for one of :data:`CHECKPOINTS`, beside the published ones.

    Poses are averaged with the mirrored answer (``flip``), all joints count, and frames of an action weigh the same
    (VP3D 5.1, A.4). The authors weigh the velocities of a video of T frames by T, we by their number, T - 1.
    ``keypoints`` may be left out for a published file. ``causal`` is not in the file: say it. ``attrs["about"]`` says
    what was run, and what of the test part is missing; then no published average stands beside ours, which is of less.

    ``FileNotFoundError`` if a file is missing; ``ValueError`` names the file, what was found and what was expected.
    """
    path = Path(checkpoint)
    known = CHECKPOINTS.get(path.name)
    keypoints = keypoints or (known.keypoints if known else None)
    if keypoints is None:
        expected = f"one of {', '.join(CHECKPOINTS)}, or keypoints to be named"
        raise ValueError(f"{path}: found a file that the authors did not publish, expected {expected}")
    model = load_videopose3d(path, causal).pose_model
    source = {17: human36m, 15: humaneva}.get(model.num_joints_out)
    if source is None:
        raise ValueError(f"{path}: model_pos answers with {model.num_joints_out} joints, expected 17 or 15")
    videos = source.videos(folder, keypoints, parts=("test",))
    _check(path, model.num_joints_in, videos[0].layout, known, keypoints)
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    lifter = fold_batch_norm(model).to(device)
    rows = pd.DataFrame(
        [_errors(lifter, v, flip, device) for v in tqdm(videos, desc=path.name, unit="clip", leave=False)]
    )
    if source is humaneva:
        rows = rows.assign(action=rows["action"].map(humaneva.ACTIONS) + "_" + rows["subject"])
    table = pd.DataFrame({name: per_action(rows, metric) for name, metric in METRICS.items()}).rename_axis("action")
    lengths = rows.groupby("action")["frames"].sum()
    table.insert(0, "frames", [*lengths[table.index[:-1]], lengths.sum()])
    missing = _missing(rows, source)
    if known and keypoints == known.keypoints:
        table = _beside(table, known)
        if missing:  # a mean over other actions or subjects
            table.loc["Avg", table.filter(like="published").columns] = float("nan")
    table.attrs["about"] = f"{path.name} on {keypoints}: {_about(model, known, missing)}"
    return table


def _about(model: TemporalModel, known: Checkpoint | None, missing: str) -> str:
    frames, weights = model.receptive_field(), sum(p.numel() for p in model.parameters())
    notes = [
        f"{frames} frames, {weights / 1e6:.2f} M parameters",
        f"the published file of this name sees {known.frames} frames" if known and frames != known.frames else "",
        known.note if known else "",
        f"missing: {missing}" if missing else "",
    ]
    return "; ".join(note for note in notes if note)


def _check(path: Path, joints: int, layout: Skeleton, known: Checkpoint | None, keypoints: str) -> None:
    expected = known.layout if known else None
    if joints != len(layout) or (expected is not None and layout != expected):
        wanted = f"those of {expected.name}" if expected else f"{joints} joints"
        raise ValueError(f"{path}: found keypoints {keypoints!r} of {layout.name}, expected {wanted}")


@torch.no_grad()
def _errors(lifter: torch.nn.Module, video: Video, flip: bool, device: str | torch.device) -> dict[str, str | float]:
    camera = video.clip.camera
    screen = normalize_screen(video.keypoints, camera.width, camera.height).to(device)
    pose = predict(lifter, screen, video.layout, flip=flip, out_skeleton=video.clip.skeleton)
    return clip_errors(pose.float().cpu(), video.clip) | {"frames": len(video.keypoints)}


def _beside(table: pd.DataFrame, known: Checkpoint) -> pd.DataFrame:
    """Each column with the published one to its right; NaN where nothing is printed."""
    columns = human36m.ACTIONS | {"Avg": "Avg"}
    for metric in METRICS:
        if metric in known.rows:
            id, label = known.rows[metric]
            printed = published.table(id).loc[label].to_dict()
            printed.setdefault("Avg", pd.Series(printed).mean())
            values = [printed.get(columns.get(action, action)) for action in table.index]
        elif metric in known.stated:
            values = [known.stated[metric] if action == "Avg" else None for action in table.index]
        else:
            continue
        place = table.columns.get_loc(metric) + 1
        table.insert(place, f"{metric}, published", pd.Series(values, index=table.index, dtype=float))
    return table


def _missing(rows: pd.DataFrame, source: object) -> str:
    """Test subjects and actions that the files do not hold."""
    if source is human36m:
        wanted = {"subject": human36m.PARTS["test"], "action": human36m.ACTIONS}
    else:
        wanted = {"action": [f"{a}_{s}" for a in humaneva.ACTIONS.values() for s in ("S1", "S2", "S3")]}
    return ", ".join(name for field, names in wanted.items() for name in names if name not in set(rows[field]))
