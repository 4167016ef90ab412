"""The alternative that VP3D tried first: convolutions that pad with zeros instead of replicated border frames (3).

A zero-padded network answers as many frames as it is given, because every convolution puts zeros beyond the ends of
its input. The same function in the paper's own, unpadded form: give it frames of zeros beyond the clip's ends, and set
to zero, behind every layer, the states that stand for them. So windows train it and whole clips test it as any other
model here, and two networks with the two borders differ in nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import exca
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from phdlib.data import embedded
from phdlib.data.clip import Clip
from phdlib.data.windows import Windows
from phdlib.evaluation import clip_errors, predict_clip
from phdlib.experiments import LiftingExperiment, LiftingResult, for_clips
from phdlib.lifting import TemporalModel
from phdlib.metrics import mpjpe
from phdlib.temporal import context
from phdlib.training import local_fabric, train_lifter
from phdlib.workers import tick


class ZeroPaddedModel(TemporalModel):
    """A centred :class:`TemporalModel` that takes a frame whose keypoints are all exactly 0 for one beyond the clip.

    In training, the few states beyond the ends still count in the statistics of batch norm, as replicated ones do.
    """

    def forward(self, keypoints: Tensor, generator: torch.Generator | None = None) -> Tensor:
        self._check(keypoints)
        inside = (keypoints != 0).flatten(2).any(dim=2)[:, None]  # (B, 1, T)
        x = keypoints.flatten(2).mT  # (B, J_in F, T)
        x = self._drop(F.relu(self.expand_bn(self.expand_conv(x))), generator)
        x = x * _middle(inside, x)
        for conv, norm, mix, mix_norm in self.blocks():
            hidden = self._drop(F.relu(norm(conv(x))), generator)
            hidden = self._drop(F.relu(mix_norm(mix(hidden))), generator)
            x = (_middle(x, hidden) + hidden) * _middle(inside, hidden)
        return self.shrink(x).mT.unflatten(2, (self.num_joints_out, 3))


def _middle(x: Tensor, like: Tensor) -> Tensor:
    """The frames in the middle of (B, C, T), as many as ``like`` has."""
    first = (x.shape[2] - like.shape[2]) // 2
    return x[:, :, first : first + like.shape[2]]


class SameLength(nn.Module):
    """A :class:`ZeroPaddedModel` on whole clips, (B, T, J, 2) -> (B, T, J, 3): asks for no padding, and pads itself."""

    def __init__(self, model: ZeroPaddedModel) -> None:
        super().__init__()
        self.model, self.causal = model, model.causal
        self.train(model.training)

    def receptive_field(self) -> int:
        return 1

    def forward(self, keypoints: Tensor) -> Tensor:
        return self.model(F.pad(keypoints, (0, 0, 0, 0, *context(self.model.receptive_field(), self.causal))))


class ZeroWindows(Windows):
    """:class:`Windows` whose frames beyond a clip's ends are zeros."""

    def __init__(self, clips: Sequence[Clip], receptive_field: int, *, causal: bool = False, **kwargs: Any) -> None:
        super().__init__(clips, receptive_field, causal=causal, **kwargs)
        inside = torch.cat([F.pad(torch.ones(len(clip)), context(receptive_field, causal)) for clip in clips])
        self._keypoints *= inside.repeat(2 if self.flip else 1)[:, None].to(self._keypoints)


@dataclass(frozen=True, eq=False)
class BorderResult(LiftingResult):
    """``ends``: MPJPE in mm of each test clip over those frames alone from which the receptive field reaches beyond it,
    ``frames`` of them."""

    ends: pd.DataFrame


class BorderExperiment(LiftingExperiment):
    """A centred lifting model that is trained layer by layer on windows of one output frame (VP3D A.5), with one of the
    two borders."""

    code: ClassVar[tuple[str, ...]] = (*LiftingExperiment.code, "phdlib.zero_padding")

    border: Literal["replicate", "zeros"] = "replicate"
    infra: exca.TaskInfra = exca.TaskInfra(version="1", mode="retry")

    def model(self, strided: bool = False) -> TemporalModel:
        """The network, its weights drawn from the seed: the same ones for both borders."""
        kind = ZeroPaddedModel if self.border == "zeros" else TemporalModel
        joints = len(embedded.ROLES[self.role].skeleton)
        return kind(joints, 2, joints, self.filter_widths, dropout=self.dropout, channels=self.channels,
                    generator=torch.Generator().manual_seed(self.seed))  # fmt: skip

    @infra.apply
    def run(self) -> BorderResult:
        """Train and evaluate, or read what an equal experiment left."""
        fabric, model = local_fabric(self.recipe.precision), self.model()
        kind = ZeroWindows if self.border == "zeros" else Windows
        windows = kind(self.clips("train"), model.receptive_field(), flip=self.recipe.flip, device=fabric.device)
        checkpoint = self.infra.uid_folder(create=True) / "partial.pt"
        trained = train_lifter(
            model, windows, self.recipe, seed=self.seed, checkpoint=checkpoint, on_epoch=tick, fabric=fabric
        )
        whole = SameLength(model) if isinstance(model, ZeroPaddedModel) else for_clips(model)
        every, ends = errors(whole, self.clips("test"), model.receptive_field() // 2, self.test_flip)
        weights = {name: value.cpu().numpy() for name, value in model.state_dict().items()}
        return BorderResult(every, trained.losses, trained.seconds, trained.steps, weights, ends)


def errors(model: nn.Module, clips: Sequence[Clip], reach: int, flip: bool = True) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Errors per clip over all its frames, and its MPJPE in mm over the first and last ``reach`` of them."""
    every, ends = [], []
    for clip in clips:
        poses, time = predict_clip(model, clip, flip), torch.arange(len(clip))
        every.append(clip_errors(poses, clip))
        near = 1000 * mpjpe(poses, clip.joints3d)[(time < reach) | (time >= len(clip) - reach)]
        about = {name: every[-1][name] for name in ("take", "camera", "subject", "action")}
        ends.append({**about, "frames": len(near), "mpjpe": near.mean().item()})
    return pd.DataFrame(every), pd.DataFrame(ends)
