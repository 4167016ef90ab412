"""How far off 3D poses from one view are, where several calibrated views tell a reference; and what a single view says
against its own poses, where nothing does."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from phdlib.backprojection import bone_lengths
from phdlib.camera import Camera
from phdlib.metrics import mpjpe, n_mpjpe, p_mpjpe
from phdlib.skeleton import H36M17
from phdlib.wild import Lifted, Motion, reprojection_error


def view_errors(
    motion: Lifted | Motion, camera: Camera, reference: Float[Tensor, "T 17 3"], first: int
) -> dict[str, float]:
    """Errors in mm of one view's lifted poses; ``reference`` in the world, its frame t being the video's ``first`` + t.

    ``frames`` that have a whole reference and were lifted; "MPJPE", "N-MPJPE", "P-MPJPE" means over them, "MPJPE,
    median" the median frame; "root" the distance of the placed root from the reference's, m; "swapped" the share in
    percent of frames whose keypoints fit the reference better with left and right exchanged.
    """
    seen = torch.arange(len(reference)) + first - motion.first
    inside = (seen >= 0) & (seen < len(motion.clip))
    truth, at = camera.to_camera(reference[inside]), seen[inside]
    whole = truth.isfinite().all(-1).all(-1)
    truth, at = truth[whole], at[whole]
    if not len(at):
        raise ValueError(f"{motion.clip.name}: no frame has a whole reference, expected at least one")
    pred, gt = motion.clip.joints3d[at], truth - truth[:, :1]
    each = mpjpe(pred, gt)
    return {
        "frames": len(at),
        "MPJPE": 1000 * each.mean().item(),
        "MPJPE, median": 1000 * each.median().item(),
        "N-MPJPE": 1000 * n_mpjpe(pred, gt).mean().item(),
        "P-MPJPE": 1000 * p_mpjpe(pred, gt).mean().item(),
        "root": (motion.clip.trajectory[at] - truth[:, 0]).norm(dim=-1).mean().item(),
        "swapped": 100 * sides_swapped(motion.clip.keypoints2d[at], camera.project(truth)).float().mean().item(),
    }


def sides_swapped(keypoints: Float[Tensor, "T 17 2"], truth: Float[Tensor, "T 17 2"]) -> Tensor:
    """(T,) whether keypoints of H36M-17 lie nearer to the true ones once left and right are exchanged."""

    def off(points: Tensor) -> Tensor:
        return (points - truth).norm(dim=-1).mean(-1)

    return off(keypoints[:, list(H36M17.mirror)]) < off(keypoints)


def inconsistency(motion: Lifted | Motion, bones: Float[Tensor, 16]) -> dict[str, float]:
    """What lifted poses (T, 17, 3) lack that all true ones have, without a reference. None of it sees a wrong depth.

    "reprojection, %": how far the poses, put where they fit best, fall from their own keypoints, in percent of the
    longer side of the box around these; "bones off, mm": how far the mean length of a bone is from ``bones``, metres in
    the order of the skeleton's bones; "bones spread, %": the standard deviation of a bone's length over time, in
    percent of its mean. All are means over frames or bones.
    """
    points = motion.clip.keypoints2d
    size = (points.amax(1) - points.amin(1)).amax(-1)
    length = bone_lengths(motion.clip.joints3d, motion.clip.skeleton)
    return {
        "reprojection, %": 100 * (torch.from_numpy(reprojection_error(motion)) / size).nanmean().item(),
        "bones off, mm": 1000 * (length.mean(0) - bones).abs().mean().item(),
        "bones spread, %": 100 * (length.std(0) / length.mean(0)).mean().item(),
    }
