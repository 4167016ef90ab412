"""PHD's figures that need images: what the features are computed from."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from phdlib.figures import blank, draw_skeleton
from phdlib.skeleton import H36M17, Skeleton


def crop_grid(
    crops: Sequence[Tensor],
    joints: Sequence[Tensor],
    titles: Sequence[str],
    columns: int = 8,
    skeleton: Skeleton = H36M17,
) -> Figure:
    """Crops (3, S, S), uint8, in pairs of rows: as they are, and under their 2D joints (J, 2) in crop coordinates."""
    if not len(crops) == len(joints) == len(titles):
        raise ValueError(f"crop_grid: {len(crops)} crops, {len(joints)} sets of joints, {len(titles)} titles")
    rows = -(-len(crops) // columns)
    fig, axes = plt.subplots(2 * rows, columns, figsize=(1.5 * columns, 3.4 * rows), squeeze=False)
    for ax in axes.flat:
        blank(ax)
    for i, (crop, points, title) in enumerate(zip(crops, joints, titles, strict=True)):
        row, column = divmod(i, columns)
        for ax in axes[2 * row : 2 * row + 2, column]:
            ax.imshow(np.asarray(crop.cpu()).transpose(1, 2, 0), extent=(-1, 1, 1, -1))
        draw_skeleton(axes[2 * row + 1, column], points, skeleton, width=1.2)
        axes[2 * row, column].set_title(title, fontsize=7)
    fig.subplots_adjust(left=0.005, right=0.995, top=0.94, bottom=0.005, wspace=0.03, hspace=0.25)
    return fig
