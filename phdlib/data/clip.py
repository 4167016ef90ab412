"""The common form of all data: one person, one camera, one stretch of time. What a source does not have is None."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float
from torch import Tensor

from phdlib.camera import Camera, normalize_screen
from phdlib.skeleton import H36M17, Skeleton


@dataclass(frozen=True, eq=False)
class Clip:
    """A stretch of one person's motion; losses and metrics follow from what is not None (PHD 3.2).

    ``joints3d`` (T, J, 3) are metres in camera space relative to the root joint; ``trajectory`` (T, 3) is the root's
    own path, so that ``joints3d + trajectory[:, None]`` are absolute. ``keypoints2d`` (T, J, 2) are pixels; ``visible``
    (T, J) says which of them a person would see. ``theta`` (T, 72) axis-angle and ``beta`` (10,) are SMPL's.
    """

    take: str
    subject: str
    action: str
    fps: float
    source: str
    skeleton: Skeleton = H36M17
    camera: Camera | None = None
    theta: Float[Tensor, "T 72"] | None = None
    beta: Float[Tensor, 10] | None = None
    joints3d: Float[Tensor, "T J 3"] | None = None
    trajectory: Float[Tensor, "T 3"] | None = None
    keypoints2d: Float[Tensor, "T J 2"] | None = None
    visible: Tensor | None = None
    features: Float[Tensor, "T D"] | None = None
    frames: Tensor | None = None

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in TEMPORAL if getattr(self, name) is not None}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"clip {self.name}: fields of unequal length {lengths}")
        for name in ("joints3d", "keypoints2d", "visible"):
            value = getattr(self, name)
            if value is not None and value.shape[1] != len(self.skeleton):
                wanted = f"{self.skeleton.name} has {len(self.skeleton)}"
                raise ValueError(f"clip {self.name}: {name} has {value.shape[1]} joints, {wanted}")

    @property
    def name(self) -> str:
        return f"{self.subject}/{self.action}/{self.take}" + (f"/{self.camera.name}" if self.camera else "")

    def __len__(self) -> int:
        return next((len(getattr(self, name)) for name in TEMPORAL if getattr(self, name) is not None), 0)

    def every(self, n: int) -> Clip:
        """Every n-th frame, at 1/n of the rate."""
        kept = {name: getattr(self, name)[::n] for name in TEMPORAL if getattr(self, name) is not None}
        return replace(self, fps=self.fps / n, **kept)

    def screen_keypoints(self) -> Float[Tensor, "T J 2"]:
        """2D keypoints in screen units (see :func:`phdlib.camera.normalize_screen`).

        ``ValueError`` names what is missing, or the first frame and joint that is not finite.
        """
        if self.keypoints2d is None or self.camera is None:
            missing = "keypoints2d" if self.keypoints2d is None else "camera"
            raise ValueError(f"clip {self.name}: needs {missing}, found None")
        if not torch.isfinite(self.keypoints2d).all():
            frame, joint = (~torch.isfinite(self.keypoints2d).all(-1)).nonzero()[0].tolist()
            raise ValueError(
                f"clip {self.name}: keypoints2d is not finite at frame {frame}, {self.skeleton.joints[joint]}"
            )
        return normalize_screen(self.keypoints2d, self.camera.width, self.camera.height)


def clip_speed(clip: Clip) -> float:
    """Mean speed of a clip's joints in camera space, m/s."""
    return (clip.joints3d + clip.trajectory[:, None]).diff(dim=0).norm(dim=-1).mean().item() * clip.fps


TEMPORAL = ("theta", "joints3d", "trajectory", "keypoints2d", "visible", "features", "frames")
assert set(TEMPORAL) <= {field.name for field in fields(Clip)}
