"""Frames of a video file, one at a time, as a person would see them: upright, with square pixels, at a constant rate.

Whatever FFmpeg reads is read, by PyAV. Nothing but the frame at hand is kept, so a long video needs no more memory than
a short one. :class:`VideoWriter` writes H.264 in the same way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from tempfile import mkstemp
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import av

MOST_PIXELS = 8192 * 4320  # of a frame; a header that claims more is not believed
LONGEST_HOLE = 10.0  # seconds between two frames that are filled with the first; more is a broken file
FASTEST = 1000.0  # frames per second


class VideoInfo(NamedTuple):
    """``width`` and ``height`` in pixels as shown, after ``rotation`` (degrees, counter-clockwise: 0, 90, 180, 270);
    ``fps``; ``frames`` the number that the file promises, 0 where it promises none: an estimate."""

    path: Path
    width: int
    height: int
    fps: float
    frames: int
    rotation: int

    @property
    def seconds(self) -> float:
        return self.frames / self.fps


def probe(path: str | Path) -> VideoInfo:
    """What a video is, read off its header and its first frame. Errors as :func:`frames`."""
    path = Path(path)
    with _opened(path) as (container, stream):
        try:
            first = next(container.decode(stream))
        except StopIteration:
            raise ValueError(f"{path}: video stream: found no frame, expected at least one") from None
        return _info(path, container, stream, first)


def frames(path: str | Path) -> Iterator[np.ndarray]:
    """Images (height, width, 3), uint8, RGB, at the constant rate ``probe(path).fps``.

    A file with a varying rate has frames left out or repeated, so that image k is what is seen at k / fps seconds.
    ``FileNotFoundError`` without a file; ``ValueError`` names the file and what is wrong with it.
    """
    path, info, shown, last = Path(path), None, 0, None
    with _opened(path) as (container, stream):
        for frame in container.decode(stream):
            info = info or _info(path, container, stream, frame)
            if frame.width * frame.height > MOST_PIXELS:
                raise ValueError(f"{path}: a frame of {frame.width} x {frame.height} pixels, more than {MOST_PIXELS}")
            last = frame.pts if last is None and frame.pts is not None else last
            due = shown if frame.pts is None else round(float((frame.pts - last) * stream.time_base) * info.fps)
            if due - shown > LONGEST_HOLE * info.fps:
                raise ValueError(
                    f"{path}: time stamps: found a hole of {(due - shown) / info.fps:.0f} s after frame {shown}, "
                    f"expected at most {LONGEST_HOLE:g} s"
                )
            if due < shown:
                continue
            image = _upright(frame, info)
            while shown <= due:
                shown += 1
                yield image
    if shown == 0:
        raise ValueError(f"{path}: video stream: found no frame, expected at least one")


@contextmanager
def _opened(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """The file and its first video stream; what FFmpeg says against it becomes one ``ValueError``."""
    import av

    if not path.is_file():
        raise FileNotFoundError(f"{path}: found {'a folder' if path.is_dir() else 'nothing'}, expected a video file")
    try:
        # A file is a file: playlists that name other files or addresses are not followed.
        with av.open(str(path), options={"protocol_whitelist": "file"}) as container:
            if not container.streams.video:
                kinds = sorted({stream.type for stream in container.streams})
                raise ValueError(f"{path}: streams: found {kinds or 'none'}, expected video")
            stream = container.streams.video[0]
            if stream.width * stream.height > MOST_PIXELS:
                raise ValueError(f"{path}: header: {stream.width} x {stream.height} pixels, more than {MOST_PIXELS}")
            yield container, stream
    except av.FFmpegError as error:
        raise ValueError(f"{path}: found no readable video ({error.strerror}), expected one") from error


def _info(
    path: Path, container: av.container.InputContainer, stream: av.VideoStream, first: av.VideoFrame
) -> VideoInfo:
    rate = stream.average_rate or stream.guessed_rate
    if not rate or not 0 < rate <= FASTEST:
        raise ValueError(f"{path}: frame rate: found {rate}, expected above 0 and at most {FASTEST:g} per second")
    rotation = round(first.rotation / 90) * 90 % 360
    width, height = round(first.width * _aspect(stream)), first.height
    if rotation in (90, 270):
        width, height = height, width
    count = stream.frames
    if not count and stream.duration:
        count = round(float(stream.duration * stream.time_base * rate))
    elif not count and container.duration:
        count = round(container.duration / 1e6 * float(rate))
    return VideoInfo(path, width, height, float(rate), max(int(count), 0), rotation)


def _aspect(stream: av.VideoStream) -> float:
    """Width of a pixel over its height, where the file says something sensible."""
    ratio = float(stream.sample_aspect_ratio or 1)
    return ratio if 0.25 < ratio < 4 else 1.0


def _upright(frame: av.VideoFrame, info: VideoInfo) -> np.ndarray:
    width, height = (info.height, info.width) if info.rotation in (90, 270) else (info.width, info.height)
    image = frame.to_ndarray(format="rgb24", width=width, height=height)  # a stream may change its size on the way
    return np.ascontiguousarray(np.rot90(image, info.rotation // 90))


class VideoWriter:
    """Writes images (height, width, 3), uint8, RGB, as H.264 in an mp4 that browsers play; to be used with ``with``.

    The file appears when it is complete. H.264 wants even sizes: an odd last row or column is repeated.
    """

    def __init__(self, path: Path, width: int, height: int, fps: float, crf: int = 23) -> None:
        import av

        self.path, self._odd = path, (height % 2, width % 2)
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        os.close(handle)
        self._temporary = Path(name)
        self._container = av.open(name, "w")
        rate = Fraction(fps).limit_denominator(1001)
        self._stream = self._container.add_stream("libx264", rate=rate, options={"crf": str(crf), "preset": "veryfast"})
        self._stream.width, self._stream.height = width + self._odd[1], height + self._odd[0]
        self._stream.pix_fmt = "yuv420p"

    def write(self, image: np.ndarray) -> None:
        import av

        padded = np.pad(image, ((0, self._odd[0]), (0, self._odd[1]), (0, 0)), mode="edge")
        for packet in self._stream.encode(av.VideoFrame.from_ndarray(padded, format="rgb24")):
            self._container.mux(packet)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                for packet in self._stream.encode():
                    self._container.mux(packet)
            self._container.close()
            if kind is None:
                self._temporary.chmod(0o644)
                self._temporary.replace(self.path)
        finally:
            self._temporary.unlink(missing_ok=True)
