"""A run's pictures inside the report: made smaller until all of them fit into what a page may weigh."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

SIZES = ((1000, 72), (800, 60), (640, 50), (480, 40))  # (pixels of width at most, quality), the best first


class Picture(NamedTuple):
    """A picture as the address of an <img>, and its size in pixels."""

    address: str
    width: int
    height: int


def embed(files: Sequence[Path], budget: int) -> dict[str, Picture]:
    """Pictures by file name, as WebP of the best of :data:`SIZES` with which all together take ``budget`` bytes.

    ``ValueError`` names the numbers if even the smallest do not fit.
    """
    total = 0
    for width, quality in SIZES:
        pictures = {file.name: _embedded(file, width, quality) for file in files}
        total = sum(len(picture.address) for picture in pictures.values())
        if total <= budget:
            return pictures
    raise ValueError(f"{len(files)} pictures take {total} bytes at their smallest, expected at most {budget}")


def without(page: str) -> str:
    """A page without its pictures' bytes, the one thing in it that may depend on the processor."""
    return re.sub(r"data:image/webp;base64,[^\"]*", "", page)


def _embedded(file: Path, width: int, quality: int) -> Picture:
    with Image.open(file) as opened:
        picture = opened.convert("RGB")
    if picture.width > width:
        picture = picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)
    packed = io.BytesIO()
    picture.save(packed, "WEBP", quality=quality, method=4)
    data = base64.b64encode(packed.getvalue()).decode("ascii")
    return Picture(f"data:image/webp;base64,{data}", *picture.size)
