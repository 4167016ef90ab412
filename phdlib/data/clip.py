"""The common form of all data: one person, one camera, one stretch of time. What a source does not have is None."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
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

        self._check_camera()

    def _check_camera(self) -> None:
        """A camera without nine finite intrinsics would fail far from here, or train on nonsense."""
        if self.camera is None:
            return
        numbers = self.camera.intrinsics
        if not isinstance(numbers, Tensor) or numbers.shape != (9,):
            found = tuple(numbers.shape) if isinstance(numbers, Tensor) else numbers
            raise ValueError(
                f"clip {self.name}: camera intrinsics, expected 9 numbers f(2) c(2) k(3) p(2), found {found}"
            )
        if not bool(numbers.isfinite().all()):
            raise ValueError(f"clip {self.name}: camera intrinsics are not finite: {numbers.tolist()}")

    @property
    def name(self) -> str:
        return f"{self.subject}/{self.action}/{self.take}" + (f"/{self.camera.name}" if self.camera else "")

    def __len__(self) -> int:
        return next((len(getattr(self, name)) for name in TEMPORAL if getattr(self, name) is not None), 0)

    def every(self, n: int) -> Clip:
        """Every n-th frame, at 1/n of the rate."""
        kept = {name: getattr(self, name)[::n] for name in TEMPORAL if getattr(self, name) is not None}
        return replace(self, fps=self.fps / n, **kept)

    def without_gaps(self, longest: int) -> Clip:
        """Keypoints that are not finite, as a detector leaves them in frames where it found nobody, put on a straight
        line between the nearest frames of that joint that are; at the clip's ends, the nearest one is repeated.

        ``ValueError`` names a joint and the frames of a gap of more than ``longest`` frames, which would be invention.
        """
        if self.keypoints2d is None:
            raise ValueError(f"clip {self.name}: needs keypoints2d, found None")
        filled, time = self.keypoints2d.clone(), np.arange(len(self))
        for joint, name in enumerate(self.skeleton.joints):
            known = torch.isfinite(filled[:, joint]).all(-1).numpy()
            edges = np.flatnonzero(np.diff(np.concatenate(([True], known, [True]))))
            gap = max(zip(edges[::2], edges[1::2], strict=True), key=lambda g: g[1] - g[0], default=(0, 0))
            if gap[1] - gap[0] > longest or not known.any():
                raise ValueError(
                    f"clip {self.name}: {name} is missing from frame {gap[0]} to {gap[1] - 1}, expected gaps of at "
                    f"most {longest} frames"
                )
            for axis in range(2):
                values = filled[:, joint, axis].numpy()
                values[~known] = np.interp(time[~known], time[known], values[known])
        return replace(self, keypoints2d=filled)

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
