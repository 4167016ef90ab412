"""phi of real images: HMR's kind of features (PHD 4.1), precomputed or from released weights.

PHD's phi is the average-pooled last layer of the ResNet-50 of HMR [26]. HMR itself was released as a TensorFlow
checkpoint, which is not read here: extract with its own code and bring the features, one .npz per video
(:func:`read_features`). SPIN (Kolotouros et al. 2019), HMR's successor in PyTorch, was released as
``model_checkpoint.pt``; its ResNet-50 is read here (:func:`load_backbone`). It is another network than HMR's, of the
same size and for the same purpose: its phi are not HMR's, and models trained on one cannot be given the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from phdlib.checkpoints import load_weights
from phdlib.data.clip import Clip
from phdlib.data.pickled import read_npz
from phdlib.features import frozen
from phdlib.resnet import RESNET50, ResNet

DIMENSION, CROP = 2048, 224
MARGIN = 1.2  # of a crop's side over the longer side of the keypoints' box, as in SPIN
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's colours, in [0, 1]
_KEYS = ("features", "phi")
_REGRESSOR = ("fc1.", "fc2.", "fc.", "decpose.", "decshape.", "deccam.", "init_")  # of the checkpoint, not needed
_BATCH = 32


def read_features(path: str | Path, frames: int | None = None) -> Tensor:
    """Features (T, 2048) of a video from an .npz with the key ``features`` (or ``phi``), float32.

    ``ValueError`` or ``FileNotFoundError`` name the file, the key, found and expected; ``frames``: as many as that.
    """
    path = Path(path)
    content = read_npz(path, keys=_KEYS)
    key = next((key for key in _KEYS if key in content), None)
    if key is None:
        raise ValueError(f"{path}: found neither {' nor '.join(_KEYS)}, expected features (T, {DIMENSION})")
    found = content[key]
    rows = "T" if frames is None else frames
    if found.dtype.kind != "f" or found.ndim != 2 or found.shape[1] != DIMENSION or not len(found):
        raise ValueError(f"{path}: {key}: found {found.dtype} {found.shape}, expected numbers ({rows}, {DIMENSION})")
    if frames is not None and len(found) != frames:
        raise ValueError(f"{path}: {key}: found {len(found)} frames, expected {frames} as the video has")
    if not np.isfinite(found).all():
        frame = int(np.argwhere(~np.isfinite(found))[0, 0])
        raise ValueError(f"{path}: {key}: found a number that is not finite in frame {frame}, expected finite ones")
    return torch.from_numpy(found.astype(np.float32))


def with_features(
    clips: Iterable[Clip], folder: str | Path, name: Callable[[Clip], str] = lambda clip: clip.take
) -> list[Clip]:
    """The clips with the features of ``folder/NAME.npz``; ``name`` says which file is a clip's, its take by default."""
    return [replace(clip, features=read_features(Path(folder) / f"{name(clip)}.npz", len(clip))) for clip in clips]


def load_backbone(path: str | Path) -> ResNet:
    """The ResNet-50 of SPIN's checkpoint (or of any file with its names, under the key ``model`` or bare), frozen.

    Weights alone are read, nothing else is built. ``ValueError`` or ``FileNotFoundError`` name the file, the key, found
    and expected.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    content = load_weights(path)
    state = content.get("model", content) if isinstance(content, dict) else content
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        found = sorted(map(str, state))[:5] if isinstance(state, dict) else type(state).__name__
        raise ValueError(f"{path}: model: found {found}, expected a dictionary of tensors")
    network = ResNet(**RESNET50)
    network.load_state_dict(_renamed(state, network.state_dict(), path))
    return frozen(network)


def torchvision_names(depths: Sequence[int] = RESNET50["depths"]) -> dict[str, str]:
    """Our name of every layer of a bottleneck ResNet to that which torchvision and SPIN give it, without the last
    part (weight, bias, running_mean, ...)."""
    names, block = {"stem.0": "conv1", "stem.1": "bn1"}, 0
    for stage, depth in enumerate(depths, start=1):
        for i in range(depth):
            ours, theirs = f"blocks.{block}", f"layer{stage}.{i}"
            for k in range(3):
                names[f"{ours}.layers.{k}.0"] = f"{theirs}.conv{k + 1}"
                names[f"{ours}.layers.{k}.1"] = f"{theirs}.bn{k + 1}"
            if i == 0:
                names |= {f"{ours}.shortcut.{k}": f"{theirs}.downsample.{k}" for k in range(2)}
            block += 1
    return names


def _renamed(state: dict[str, Tensor], wanted: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The backbone's entries under our names, shapes and values checked; the regressor's are left out."""
    state = {str(key).removeprefix("module."): value for key, value in state.items()}
    names, renamed = torchvision_names(), {}
    for ours, like in wanted.items():
        layer, _, kind = ours.rpartition(".")
        theirs = f"{names[layer]}.{kind}"
        if theirs not in state and kind == "num_batches_tracked":
            renamed[ours] = like
            continue
        if theirs not in state:
            raise ValueError(f"{path}: model: found no {theirs!r}, expected the layers of a ResNet-50")
        found = state.pop(theirs)
        if found.shape != like.shape:
            raise ValueError(f"{path}: {theirs}: found shape {tuple(found.shape)}, expected {tuple(like.shape)}")
        if not bool(found.isfinite().all()):
            raise ValueError(f"{path}: {theirs}: found numbers that are not finite, expected finite ones")
        renamed[ours] = found
    extra = sorted(key for key in state if not key.startswith(_REGRESSOR))
    if extra:
        raise ValueError(f"{path}: model: found {extra[0]!r} besides a ResNet-50, expected none of it")
    return renamed


class BackboneFeatures:
    """A provider of phi as in :mod:`phdlib.features`, for clips with ``frames`` and 2D keypoints: crops about the
    person, read and seen a few at a time."""

    name, dimension = "hmr", DIMENSION

    def __init__(self, network: ResNet, margin: float = MARGIN) -> None:
        self.network, self.margin = network, margin

    @torch.no_grad()
    def features(self, clip: Clip) -> Tensor:
        """(T, 2048). ``ValueError`` names what the clip lacks."""
        if clip.frames is None or clip.keypoints2d is None:
            missing = "frames" if clip.frames is None else "keypoints2d"
            raise ValueError(f"clip {clip.name}: needs {missing}, found None")
        device, boxes, phi = next(self.network.parameters()).device, keypoint_boxes(clip, self.margin), []
        for start in range(0, len(clip), _BATCH):
            some = range(start, min(start + _BATCH, len(clip)))
            crops = torch.stack([crop(clip.frames[i], boxes[i]) for i in some])
            phi.append(self.network(normalized(crops).to(device)).float().cpu())
        return torch.cat(phi)


def keypoint_boxes(clip: Clip, margin: float = MARGIN) -> Tensor:
    """Squares (T, 3) about the visible keypoints: middle x, y and side in pixels; of the nearest frame before (or
    after) where a frame shows fewer than two. ``ValueError`` where none shows two."""
    seen = torch.isfinite(clip.keypoints2d).all(-1)
    seen = seen if clip.visible is None else seen & clip.visible.bool()
    far = torch.where(seen[..., None], clip.keypoints2d, torch.nan)
    low = torch.where(far.isnan(), torch.inf, far).amin(1)
    high = torch.where(far.isnan(), -torch.inf, far).amax(1)
    good = (seen.sum(1) >= 2).nonzero()[:, 0]
    if not len(good):
        raise ValueError(f"clip {clip.name}: found no frame with two visible keypoints, expected at least one")
    boxes = torch.cat(((low + high) / 2, margin * (high - low).amax(1, keepdim=True).clamp(min=2)), dim=1)
    before = torch.searchsorted(good, torch.arange(len(boxes)), right=True).sub(1).clamp(min=0)
    return boxes[good[before]]


def crop(image: Tensor, box: Tensor, size: int = CROP) -> Tensor:
    """A square ``box`` (3,) of an ``image`` (3, H, W), uint8, as (3, size, size) in [0, 1]; black beyond its edges.
    ``ValueError`` for a box many times as large as the image."""
    (x, y, side), (H, W) = box.tolist(), image.shape[1:]
    if side > 16 * max(H, W):
        raise ValueError(f"crop: found a box of {side:.0f} pixels, expected one of the size of the image, {W}x{H}")
    side = max(round(side), 1)
    left, top = round(x - side / 2), round(y - side / 2)
    inner = image[:, max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)].float() / 255
    right, bottom = left + side - W, top + side - H
    inner = F.pad(inner, (max(-left, 0), max(right, 0), max(-top, 0), max(bottom, 0)))[:, -side:, -side:]
    return F.interpolate(inner[None], (size, size), mode="bilinear", antialias=True, align_corners=False)[0]


def normalized(crops: Tensor) -> Tensor:
    """Crops (B, 3, S, S) in [0, 1] as networks that began on ImageNet want them."""
    return (crops - crops.new_tensor(MEAN)[:, None, None]) / crops.new_tensor(DEVIATION)[:, None, None]
