"""PHD's strips of predictions: the future of the latent model in two views (Figures 1 and 3), and beside it that of the
pose-space model and the truth (Figures 4, 11 and 12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from phdlib.data.clip import Clip
from phdlib.data.phd_role import CONDITIONING
from phdlib.feature_experiments import FeatureExperiment
from phdlib.figures_meshes import ImageRow, MeshRow, mesh_strip
from phdlib.phd_model import PHD
from phdlib.rollouts import Scene, rollout, row_label

STEPS = 35  # predicted frames that are shown; 25 were trained for (PHD Figure 3)
AHEAD = (-14, -7, 0, 5, 10, 15, 20, 25, 30, STEPS)  # frames ahead of the last one seen
LARGE = (-14, 0, 5, 15, 25, 30, STEPS)  # fewer, for larger pictures
FIGURE_4 = (-14, -7, 0, 1, 5, 10, 15, 20, 25, 30, STEPS)


class Shown(NamedTuple):
    """A window to show: its ``scene``, and the same ``clip`` with the features that the model sees."""

    scene: Scene
    clip: Clip


def predictions(
    windows: Mapping[str, Shown], model: PHD, features: FeatureExperiment, *, ahead: Sequence[int] = AHEAD,
    conditioning: int = CONDITIONING, title: str = "", size: int = 96,
) -> Figure:  # fmt: skip
    """Each window by its name in three rows: the views, framed where they were given, the bodies read and predicted
    from the camera, and the same from the side. Of ``conditioning`` frames, fewer than 15 are the last of these."""
    rows, labels = [], [f"{frame:+d}" if frame else "0" for frame in ahead]
    seen = sum(frame <= 0 for frame in ahead)
    skipped = CONDITIONING - conditioning
    if min(ahead) <= -conditioning:
        raise ValueError(f"predictions: {conditioning} frames are seen, found {min(ahead)} among {list(ahead)}")
    for name, (scene, clip) in windows.items():
        found = rollout(model, clip, scene.start + skipped, max(ahead), conditioning)
        body = MeshRow(name, found.theta[found.at(ahead)], found.beta[found.at(ahead)], _roles(ahead, "latent"))
        rows += [ImageRow(row_label(features), scene.crops(ahead, features, 80), seen), body, body.from_side()]
    return mesh_strip(rows, labels, title=title, size=size)


def comparison(
    window: Shown, latent: PHD, pose: PHD, features: FeatureExperiment, *, ahead: Sequence[int] = AHEAD,
    sides: bool = True, title: str = "", size: int = 96,
) -> Figure:  # fmt: skip
    """The views, framed where they were given; bodies read (yellow) and predicted in latent space (blue); in pose space
    (pink); and the true ones. With ``sides`` the predictions from the side, too."""
    scene, clip = window
    strips = {
        name: rollout(model, clip, scene.start, max(ahead)) for name, model in (("latent", latent), ("pose", pose))
    }
    i = strips["latent"].at(ahead)
    read = MeshRow("latent space", strips["latent"].theta[i], strips["latent"].beta[i], _roles(ahead, "latent"))
    other = MeshRow("pose space", strips["pose"].theta[i], strips["pose"].beta[i], _roles(ahead, "pose", None))
    video = ImageRow(row_label(features), scene.crops(ahead, features), sum(frame <= 0 for frame in ahead))
    rows = [video, read, *([read.from_side()] if sides else []), other, *([other.from_side()] if sides else [])]
    rows.append(MeshRow("truth", *scene.truth(ahead), role="truth"))
    return mesh_strip(rows, [f"{frame:+d}" if frame else "0" for frame in ahead], title=title, size=size)


def _roles(ahead: Sequence[int], later: str, earlier: str | None = "conditioning") -> list[str | None]:
    return [earlier if frame <= 0 else later for frame in ahead]
