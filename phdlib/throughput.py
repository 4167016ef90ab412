"""Does inference need batches? Poses per second at several batch sizes, for as many poses in all (VP3D 6.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from phdlib.timing import in_turns


class Recurrent(nn.Module):
    """An LSTM over whole sequences, (B, T, J, F) -> (B, T, J, 3), for comparison: it can use several sequences at once,
    but of each only one frame after another."""

    def __init__(self, joints: int, in_features: int, channels: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(joints * in_features, channels, batch_first=True)
        self.out = nn.Linear(channels, joints * 3)

    def receptive_field(self) -> int:
        return 1

    def forward(self, keypoints: Tensor) -> Tensor:
        return self.out(self.lstm(keypoints.flatten(2))[0]).unflatten(2, (keypoints.shape[2], 3))


def sequences(poses: int, batch: int, receptive_field: int, joints: int = 17, features: int = 2) -> Tensor:
    """Random keypoints (batch, T, joints, features) to which an unpadded model answers with ``poses`` poses in all.
    Each sequence has ``receptive_field`` - 1 frames more than poses. ``ValueError`` if they do not share out evenly."""
    if batch < 1 or poses % batch:
        raise ValueError(f"sequences: {poses} poses do not share out among {batch} sequences")
    frames = poses // batch + receptive_field - 1
    return torch.randn(batch, frames, joints, features, generator=torch.Generator().manual_seed(0))


def seconds_by_batch(
    models: Mapping[str, nn.Module], poses: int, batch_sizes: Sequence[int], rounds: int = 7
) -> dict[str, dict[int, list[float]]]:
    """Seconds for ``poses`` poses of each model at each batch size, in each of several rounds, on the threads (or the
    GPU) that torch has. A round before them is not counted."""
    device = "cuda" if torch.cuda.is_available() else "cpu"

    runs: dict[str, Callable[[], object]] = {}
    for name, model in models.items():
        model.to(device).eval()
        for size in batch_sizes:
            keypoints = sequences(poses, size, model.receptive_field()).to(device)
            runs[f"{name}, {size}"] = lambda model=model, keypoints=keypoints: model(keypoints)
    with torch.inference_mode():
        taken = in_turns(runs, rounds + 1)
    return {name: {size: taken[f"{name}, {size}"][1:] for size in batch_sizes} for name in models}
