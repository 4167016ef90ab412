"""What a trained PHD says of test video: the present in every frame (Table 1), the future after every window (4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from phdlib.body import Body
from phdlib.camera import project_weak_perspective
from phdlib.crops import CropBoxes
from phdlib.data.clip import Clip
from phdlib.data.phd_role import Windows
from phdlib.phd_model import PHD, predicted

_BATCH = 64  # windows at once


@dataclass(frozen=True, eq=False)
class Present:
    """All frames of a role's test clips, one clip after another: ``joints`` (F, J, 3) metres in camera axes relative
    to the first, float32; ``keypoints`` (F, J, 2), where the predicted camera puts them, pixels of the whole image;
    ``lengths`` (clips,) frames of each clip, in the order of ``phd_role.load``."""

    joints: np.ndarray
    keypoints: np.ndarray
    lengths: np.ndarray


@dataclass(frozen=True, eq=False)
class Futures:
    """N windows of a role's test clips: ``joints`` (N, conditioning + horizon, J, 3) metres in camera axes relative to
    the first, float32. Of these the first ``conditioning`` frames are read from the real strips, of nothing but these
    frames, the last of them being the present; the rest is predicted. ``clip`` (N,) is a window's clip in the order of
    ``phd_role.load``, ``start`` (N,) its first frame there."""

    joints: np.ndarray
    clip: np.ndarray
    start: np.ndarray
    conditioning: int

    def windows(self) -> Windows:
        return Windows(torch.from_numpy(self.clip), torch.from_numpy(self.start), self.joints.shape[1])


@torch.no_grad()
def predict_present(model: PHD, clips: Sequence[Clip], boxes: Sequence[CropBoxes], body: Body) -> Present:
    """Every clip is encoded as a whole: the model of [27] sees what follows on a frame, the causal one does not."""
    device = next(model.parameters()).device
    regressor, poses, points = body.keypoints(clips[0].skeleton).to(device), [], []
    for clip, crop in zip(clips, boxes, strict=True):
        omega = model.f_3d(model.f_movie(clip.features[None].to(device)), nearby=False).omega
        pred = predicted(omega, regressor)
        x = project_weak_perspective(pred.joints, *pred.camera)[0].cpu()
        points.append(x * crop.side[:, None, None] / 2 + crop.centre[:, None])
        poses.append((pred.joints - pred.joints[..., :1, :])[0].cpu())
    lengths = np.array([len(clip) for clip in clips])
    return Present(torch.cat(poses).float().numpy(), torch.cat(points).float().numpy(), lengths)


@torch.no_grad()
def predict_futures(model: PHD, clips: Sequence[Clip], windows: Windows, body: Body, conditioning: int) -> Futures:
    """The first ``conditioning`` frames of every window are seen, its others predicted."""
    device = next(model.parameters()).device
    regressor, found = body.keypoints(clips[0].skeleton).to(device), []
    span = torch.arange(conditioning)
    for clip, start in zip(windows.clip.split(_BATCH), windows.start.split(_BATCH), strict=True):
        pairs = zip(clip.tolist(), start.tolist(), strict=True)
        phi = torch.stack([clips[c].features[s + span] for c, s in pairs])
        omega = torch.cat(model.forecast(phi.to(device), windows.frames - conditioning), dim=1)
        joints = predicted(omega, regressor, camera=False).joints
        found.append((joints - joints[..., :1, :]).float().cpu())
    return Futures(torch.cat(found).numpy(), windows.clip.numpy(), windows.start.numpy(), conditioning)
