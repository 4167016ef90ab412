"""phi: what each frame of a video is to PHD (3.2, 4.1), from images or from 2D keypoints, by networks that are frozen.

Two providers answer alike: ``name``, ``dimension``, ``features(clip) -> (T, D)``. How they are trained is in
:mod:`phdlib.feature_experiments`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from phdlib.cache import cached_arrays, key_of
from phdlib.crops import MARGIN, Surface, clip_boxes, clip_crops
from phdlib.data.clip import Clip
from phdlib.lifting import TemporalModel
from phdlib.paths import cache_dir
from phdlib.single_frame import FrameNetwork

FPS = 25.0  # of all video in PHD 4.1
Network = TypeVar("Network", bound=nn.Module)


class Features(Protocol):
    """A frozen per-frame feature extractor."""

    name: str
    dimension: int

    def features(self, clip: Clip) -> Float[Tensor, "T D"]: ...


class ImageFeatures:
    """phi of crops that are rendered as they are needed, and not kept."""

    name = "image"

    def __init__(self, network: FrameNetwork, surface: Surface, size: int, margin: float = MARGIN) -> None:
        self.network, self.surface, self.size, self.margin = frozen(network), surface, size, margin
        self.dimension = network.backbone.dimension

    @torch.no_grad()
    def features(self, clip: Clip) -> Float[Tensor, "T D"]:
        device = next(self.network.parameters()).device
        crops = clip_crops(clip, self.surface, self.size, clip_boxes(clip, self.margin))
        return torch.cat([self.network.features(images.to(device)).float().cpu() for images in crops])


class KeypointFeatures:
    """phi as the layer before the last of a single-frame lifter on a clip's detected 2D keypoints."""

    name = "keypoints"

    def __init__(self, model: TemporalModel) -> None:
        if model.receptive_field() != 1:
            raise ValueError(f"KeypointFeatures: expected one frame per feature, found {model.receptive_field()}")
        self.model, self.dimension = frozen(model), model.channels

    @torch.no_grad()
    def features(self, clip: Clip) -> Float[Tensor, "T D"]:
        caught: list[Tensor] = []
        hook = self.model.shrink.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
        try:
            self.model(clip.screen_keypoints()[None].to(self.model.shrink.weight.device))
        finally:
            hook.remove()
        return caught[0][0].mT.float().cpu()


def frozen(network: Network) -> Network:
    """The network in evaluation, its weights out of every gradient's reach."""
    return network.requires_grad_(False).eval()


def at_25_hz(clip: Clip) -> Clip:
    """Every frame of PHD's video rate. ``ValueError`` where that is no whole step."""
    step = round(clip.fps / FPS)
    if step < 1 or abs(clip.fps - step * FPS) > 0.1:
        raise ValueError(f"clip {clip.name}: {clip.fps:g} frames per second, expected a multiple of {FPS:g}")
    return clip if step == 1 else clip.every(step)


def phi_file(clip: Clip, key: str) -> Path:
    """Where the features of a clip are kept: under ``key``, and all of the clip that they could depend on."""
    digest = hashlib.sha256()
    for field in (clip.theta, clip.beta, clip.trajectory, clip.keypoints2d):
        digest.update(b"none" if field is None else field.contiguous().numpy().tobytes())
    own = key_of(key=key, clip=clip.name, content=digest.hexdigest(), camera=str(clip.camera))
    return cache_dir() / "features" / f"phi-{own}.npz"


def add_features(
    clips: Sequence[Clip], key: str, provider: Callable[[], Features], on_clip: Callable[[], None] = lambda: None
) -> list[Clip]:
    """The clips with their features, computed once under ``key`` and kept on disk clip by clip, in half precision:
    three digits. ``provider()`` is called if one is missing, ``on_clip()`` after each."""
    found, made = [], []
    for clip in clips:

        def build(clip: Clip = clip) -> dict[str, np.ndarray]:
            if not made:
                made.append(provider())
            return {"phi": made[0].features(clip).half().numpy()}

        file = phi_file(clip, key)
        phi = torch.from_numpy(cached_arrays(*file.stem.rsplit("-", 1), build, file.parent)["phi"])
        found.append(replace(clip, features=phi.float()))
        on_clip()
    return found
