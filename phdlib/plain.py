"""The training loop that one writes down first, in eager PyTorch: what the project's own is measured against."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from phdlib.data.clip import Clip
from phdlib.lifting import mirror, pad


class PlainLifter(nn.Module):
    """:class:`phdlib.lifting.StridedTemporalModel` as one writes it down first: torch's own layers over (B, C, T)."""

    def __init__(self, joints: int, filter_widths: Sequence[int], channels: int, dropout: float) -> None:
        super().__init__()

        def layer(inputs: int, width: int) -> list[nn.Module]:
            conv = nn.Conv1d(inputs, channels, width, stride=width, bias=False)
            return [conv, nn.BatchNorm1d(channels), nn.ReLU(inplace=True), nn.Dropout(dropout)]

        first, *self.widths = filter_widths
        self.expand = nn.Sequential(*layer(2 * joints, first))
        self.blocks = nn.ModuleList(nn.Sequential(*layer(channels, w), *layer(channels, 1)) for w in self.widths)
        self.shrink = nn.Conv1d(channels, 3 * joints, 1)

    def forward(self, keypoints: Tensor) -> Tensor:
        x = self.expand(keypoints.flatten(2).transpose(1, 2))
        for width, block in zip(self.widths, self.blocks, strict=True):
            x = x[:, :, width // 2 :: width] + block(x)
        return self.shrink(x).transpose(1, 2).unflatten(2, (-1, 3))


class PlainDataset(Dataset):
    """The samples of :class:`phdlib.data.windows.Windows`, padded and mirrored beforehand, cut out one by one."""

    def __init__(self, clips: Sequence[Clip], receptive_field: int) -> None:
        self.field, self.at = receptive_field, [(i, t) for i, clip in enumerate(clips * 2) for t in range(len(clip))]
        padded = [pad(clip.screen_keypoints(), receptive_field, False) for clip in clips]
        self.keypoints = padded + [mirror(one, clip.skeleton) for one, clip in zip(padded, clips, strict=True)]
        self.joints = [clip.joints3d for clip in clips] + [mirror(clip.joints3d, clip.skeleton) for clip in clips]

    def __len__(self) -> int:
        return len(self.at)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        clip, t = self.at[index]
        return self.keypoints[clip][t : t + self.field], self.joints[clip][t : t + 1]


def plain_loop(model: nn.Module, optimizer: torch.optim.Optimizer, batches: Iterable[Sequence[Tensor]]) -> None:
    """Training in five lines."""
    device = next(model.parameters()).device
    for keypoints, joints in batches:
        loss = (model(keypoints.to(device)) - joints.to(device)).norm(dim=-1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
