"""3D and the future of a person in a video of your own:

    python -m phdlib.video VIDEO --out DIR [--detections FILE] [--focal PIXELS] [--profile standard]

Writes poses.npz, motion.bvh and body.bvh, overlay.mp4 and page.html, in stages that it counts. 2D keypoints come from
BlazePose, in an environment of its own that is made the first time, or from a file (forms: see
:mod:`phdlib.detection_files`). The video is read twice, frame by frame, and never kept.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from phdlib import settings

if TYPE_CHECKING:
    from phdlib.detections import Detections
    from phdlib.video_frames import VideoInfo
    from phdlib.wild import Models, Motion

DETECTORS = ("blazepose",)
SHORTEST = 3  # frames in a row with a person, to be worth a thought
STAGES = ("2D keypoints", "models", "3D and futures", "overlay.mp4", "numbers, motion and page")


@dataclass(frozen=True, eq=False)
class Analysis:
    """A video, what was detected, the motion of each stretch with a person, and what it rests on in words."""

    info: VideoInfo
    found: Detections
    motions: Sequence[Motion]
    lines: list[str]

    @property
    def filled(self) -> np.ndarray:
        """(T, 17) keypoints, COCO-17, that were not found and are interpolated."""
        from phdlib.wild_output import filled

        return filled(self.found, self.motions)


def analyse(
    video: str | Path,
    *,
    detections: str | Path | None = None,
    focal: float | None = None,
    intrinsics: Tensor | None = None,
    profile: str | None = None,
    models: Models | None = None,
    stage: Callable[[str], None] = lambda what: None,
) -> Analysis:
    """All about one video, nothing written. ``detections``: a file instead of the detector. Of a calibrated camera, the
    nine ``intrinsics``; else ``focal`` in pixels, or None for :func:`phdlib.wild_camera.assumed_intrinsics`'s default.
    ``models``: in place of those of ``profile``. ``stage`` is told which of :data:`STAGES` begins, up to the third.

    ``FileNotFoundError`` or ``ValueError`` for files that are not what they should be, and for a video without a
    person; ``OSError`` where the detector cannot be made.
    """
    from phdlib import wild
    from phdlib.detections import to_clips
    from phdlib.video_frames import probe
    from phdlib.wild_camera import assumed_intrinsics
    from phdlib.wild_output import filled

    profile, info = settings.check_profile(profile or settings.current_profile()), probe(video)
    lens = "calibrated" if intrinsics is not None else "as given" if focal is not None else ASSUMED
    intrinsics = assumed_intrinsics(info.width, info.height, focal) if intrinsics is None else intrinsics
    stage(STAGES[0])
    found = keypoints(info, detections)
    clips = to_clips(found, info.path.stem, shortest=SHORTEST)
    if not clips:
        raise ValueError(
            f"{video}: found no person for {SHORTEST} frames in a row among {len(found)}, expected one somewhere"
        )
    stage(STAGES[1])
    models = models or wild.trained_models(profile)
    stage(STAGES[2])
    motions = [wild.reconstruct(clip, first_frame(clip), intrinsics, models) for clip in clips]
    lines = statement(info, found, intrinsics, lens, models)
    return Analysis(info, found, motions, [*lines, *summary(motions, filled(found, motions), len(found))])


def run(video: str | Path, out: str | Path, **given) -> dict[str, Path]:
    """:func:`analyse` with the same arguments, then everything written to the folder ``out``; the files by name.

    ``NotADirectoryError``, before anything is computed, if ``out`` is a file."""
    from phdlib import wild_output
    from phdlib.video_frames import frames

    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"--out {folder}: found a file, expected a folder or a name that is free")
    done = analyse(video, **given, stage=announce)
    print("\n".join(done.lines), flush=True)
    announce(STAGES[3])
    shown = progress(frames(video), len(done.found), "overlay")
    overlay = wild_output.save_overlay(folder / "overlay.mp4", done.info, shown, done.motions, done.filled)
    announce(STAGES[4])
    written = {"poses": wild_output.save_poses(folder / "poses.npz", done.found, done.motions, {"says": done.lines})}
    written |= {path.stem: path for path in wild_output.save_motion(folder, done.motions)}
    written["overlay"] = overlay
    written["page"] = wild_output.save_page(folder / "page.html", done.info.path.name, done.motions, done.lines)
    return written


def announce(what: str) -> None:
    """A line with the number of a stage."""
    print(f"[{STAGES.index(what) + 1}/{len(STAGES)}] {what}", flush=True)


def keypoints(info: VideoInfo, detections: str | Path | None = None) -> Detections:
    """Detections of a video: read from a file, or found by BlazePose and kept in the cache."""
    from phdlib.detection_files import read_detections, write_detections
    from phdlib.paths import PACKAGE, cache_dir
    from phdlib.video_frames import frames

    if detections is not None:
        return read_detections(detections, fps=info.fps, size=(info.width, info.height), frames=info.frames or None)
    from phdlib import blazepose

    digest = hashlib.sha256((PACKAGE / "blazepose_worker.py").read_bytes() + blazepose.PINS[0].encode())
    with info.path.open("rb") as file:
        digest.update(hashlib.file_digest(file, "sha256").digest())
    path = cache_dir() / "detections" / f"{digest.hexdigest()[:16]}.npz"
    if path.exists():
        found = read_detections(path)
        return replace(found, source=blazepose.SOURCE)
    blazepose.environment()  # with its line, before a bar counts the seconds
    found = blazepose.detect(info, progress(frames(info.path), info.frames, "2D keypoints"))
    if np.isfinite(found.points).any():
        write_detections(found, path)
    return found


def first_frame(clip) -> int:
    """Where a clip of :func:`phdlib.detections.to_clips` begins: "name[12:40]" at 12."""
    return int(clip.take.rpartition("[")[2].partition(":")[0])


ASSUMED = "assumed, the image's diagonal, as nothing is known of the lens"


def statement(info: VideoInfo, found: Detections, intrinsics: Tensor, lens: str, models: Models) -> list[str]:
    """What the numbers rest on."""
    source = "its embedded data" if models.data == "embedded" else f"data {models.data}"
    rest = "" if lens == "calibrated" else ", optical axis in the middle, no distortion"
    return [
        f"{info.path.name}: {info.width} x {info.height} pixels, {len(found)} frames at {info.fps:g} per second; "
        f"keypoints by {found.source}.",
        f"Intrinsics: focal length {intrinsics[0]:.0f} pixels ({lens}){rest}. Poses hardly depend on it; the distance "
        "from the camera is proportional to it, and to the height that the lifter gives the person.",
        f"Models: trained by phdlib on {source}, profile {models.profile}"
        + (", which is for tests: nothing here is to be believed." if models.profile == "smoke" else "."),
    ]


def summary(motions: Sequence[Motion], flags: np.ndarray, frames: int) -> list[str]:
    """What came out, in numbers."""
    from phdlib.wild import reprojection_error

    covered = sum(len(motion.clip) for motion in motions)
    error = np.concatenate([reprojection_error(motion) for motion in motions])
    size = np.concatenate([np.ptp(m.clip.keypoints2d.numpy(), axis=1).max(-1) for m in motions])
    return [
        f"A person in {covered} of {frames} frames, in {len(motions)} stretch{'es' * (len(motions) > 1)}; in "
        f"{int(flags.any(1).sum())} frames some keypoints were filled in. The 3D pose, put back into the image, misses "
        f"the keypoints by {np.nanmean(error):.1f} pixels on average ({100 * np.nanmean(error / size):.1f} % of the "
        f"person's size). PHD predicts {sum(len(m.present) for m in motions)} futures of "
        f"{motions[0].future_theta.shape[1]} frames at 25 per second."
    ]


def progress(images: Iterable[np.ndarray], total: int, what: str) -> Iterator[np.ndarray]:
    """The same, with a bar that tells the time left."""
    from tqdm.auto import tqdm

    return iter(tqdm(images, desc=what, total=total or None, unit="frame"))


def main(arguments: list[str]) -> int:
    """Exit status: 0, 1 for a video or file that cannot be used, 2 for wrong use."""
    parser = argparse.ArgumentParser(
        prog="python -m phdlib.video", description="3D and the future of a person in a video."
    )
    parser.add_argument("video", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--detections", type=Path, help="2D keypoints, COCO-17, .npz or .json, instead of the detector")
    parser.add_argument("--detector", choices=DETECTORS, default="blazepose")
    parser.add_argument("--focal", type=float, help="focal length in pixels (default: the image's diagonal)")
    parser.add_argument("--profile", choices=settings.PROFILES, default=settings.current_profile())
    given = parser.parse_args(arguments)
    try:
        written = run(given.video, given.out, detections=given.detections, focal=given.focal, profile=given.profile)
    except (OSError, ValueError) as error:
        print(f"phdlib.video: {error}", file=sys.stderr)
        return 1
    print("\n".join(f"{path}" for path in written.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
