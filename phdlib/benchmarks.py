"""How fast training and inference are on this machine: ``python -m phdlib.benchmarks`` writes figures/benchmarks.json,
which keeps what it holds of other devices.

Training is measured beside a plain loop in eager PyTorch, in turns and on the same device; at the papers' own sizes
only on a GPU.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.utils.data import DataLoader

from phdlib import paths, provenance, records
from phdlib.body import load_body
from phdlib.camera import studio_rig
from phdlib.crops import clip_boxes
from phdlib.data.clip import Clip
from phdlib.data.phd_role import ROLES, without_3d
from phdlib.data.phd_tracks import Tracks
from phdlib.data.windows import Windows
from phdlib.dtw import dtw
from phdlib.dynamics import Autoregressor
from phdlib.experiments import LiftingExperiment
from phdlib.folding import fold_batch_norm
from phdlib.lifting import StridedTemporalModel, TemporalModel
from phdlib.phd_model import PHD
from phdlib.phd_training import AHEAD, FutureRecipe, future_outcome, train_stage
from phdlib.plain import PlainDataset, PlainLifter, plain_loop
from phdlib.prior import FactorizedPrior
from phdlib.timing import best_seconds, in_turns
from phdlib.training import Recipe, local_fabric, train_lifter


def training_speeds(
    clips: Sequence[Clip], widths: Sequence[int], channels: int, batch: int, dropout: float = 0.25, rounds: int = 5
) -> dict[str, float]:
    """Windows per second over one pass of :func:`train_lifter`; of the plain loop fed by a ``DataLoader``; and of the
    plain loop over batches that are in memory already, which leaves the network and the optimiser alone to compare."""
    fabric, joints, clips = local_fabric(), len(clips[0].skeleton), list(clips)
    ours = StridedTemporalModel(joints, 2, joints, widths, dropout=dropout, channels=channels).to(fabric.device)
    field = ours.receptive_field()
    windows, recipe = Windows(clips, field, device=fabric.device), Recipe(epochs=1, batch_size=batch)
    plain = PlainLifter(joints, widths, channels, dropout).to(fabric.device).train()
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-3, amsgrad=True)
    loader = DataLoader(PlainDataset(clips, field), batch, shuffle=True, drop_last=True, num_workers=0)
    ready = [[part.to(fabric.device) for part in one] for one in loader]
    seconds = best_seconds(
        {
            "ours": lambda: train_lifter(ours, windows, recipe, seed=0, fabric=fabric),
            "plain": lambda: plain_loop(plain, optimizer, loader),
            "plain, batches ready": lambda: plain_loop(plain, optimizer, ready),
        },
        rounds,
    )
    return {name: len(ready) * batch / taken for name, taken in seconds.items()}


def seconds_per_frame(
    experiments: Mapping[str, LiftingExperiment], clips: Sequence[Clip], batches: int = 10, rounds: int = 6
) -> dict[str, list[float]]:
    """Training time per predicted frame of several configurations, on some clips, in each of several rounds."""

    def loop(experiment: LiftingExperiment) -> Callable[[], object]:
        fabric = local_fabric(experiment.recipe.precision)
        model = experiment.model(experiment.form == "strided" and experiment.chunk == 1 and not experiment.dense)
        windows = Windows(clips, model.receptive_field(), chunk=experiment.chunk, device=fabric.device)
        recipe = experiment.recipe.model_copy(update={"epochs": 1, "steps_per_epoch": batches})
        return lambda: train_lifter(model, windows, recipe, seed=0, fabric=fabric)

    seconds = in_turns({name: loop(experiment) for name, experiment in experiments.items()}, rounds)
    frames = {name: batches * one.recipe.batch_size * one.chunk for name, one in experiments.items()}
    return {name: [taken / frames[name] for taken in of_one] for name, of_one in seconds.items()}


def inference_speeds(total: int, batch_sizes: Sequence[int], channels: int = 1024, rounds: int = 3) -> dict[str, float]:
    """Poses per second of the 243-frame model, plain and with batch norm folded, when ``total`` poses are asked for as
    one long sequence or as several of equal, shorter length (VP3D 6.1)."""
    device = local_fabric().device
    model = TemporalModel(17, 2, 17, (3,) * 5, channels=channels).eval().to(device)
    folded = fold_batch_norm(model)
    runs: dict[str, Callable[[], object]] = {}
    for size in batch_sizes:
        keypoints = torch.randn(size, total // size + model.receptive_field() - 1, 17, 2, device=device)
        for name, form in (("", model), (", folded", folded)):
            runs[f"batch {size}{name}"] = lambda form=form, keypoints=keypoints: form(keypoints)
    with torch.inference_mode():
        return {name: total / taken for name, taken in best_seconds(runs, rounds).items()}


def future_speeds(channels: int, batch: int, pairs: int, rounds: int = 10) -> dict[str, float]:
    """Milliseconds of 30 steps of f_AR with its state and by encoding 13 frames anew for each (PHD 3.3), and of the
    warping of ``pairs`` futures of 30 frames with their paths (PHD 4.2)."""
    device = local_fabric().device
    f_ar = Autoregressor(channels, groups=min(channels // 2, 32)).eval().to(device)
    strip, cost = torch.randn(batch, 15, channels, device=device), torch.rand(pairs, 30, 30, device=device)
    runs = {
        "rollout, with a state": lambda: f_ar.rollout(strip, 30),
        "rollout, 13 frames anew": lambda: f_ar.reencoded(strip, 30),
        "warping, with paths": lambda: dtw(cost),
    }
    with torch.inference_mode():
        return {name: 1000 * taken for name, taken in best_seconds(runs, rounds).items()}


def paper_speeds(
    clips: Sequence[Clip], widths: Sequence[int], channels: int, batch: int, steps: int = 10, rounds: int = 3
) -> dict[str, float]:
    """Windows per second of VP3D's training, and steps per second of PHD's stage 2 at the end of its curriculum, where
    f_AR rolls out 25 frames (PHD 3.4), on strips twice as wide as ``channels`` and its recipe's own batch. Each in
    float32, and with products of matrices in TensorFloat-32."""
    fabric, future = local_fabric(), FutureRecipe(epochs=1, steps_per_epoch=steps)
    ours = StridedTemporalModel(17, 2, 17, widths, channels=channels)
    windows = Windows(clips, ours.receptive_field(), device=fabric.device)
    recipe = Recipe(epochs=1, batch_size=batch, steps_per_epoch=steps)
    tracks = noisy_tracks(clips, 2 * channels, fabric.device)
    real = tracks["human36m"]
    model = PHD(real.mean_omega(), 2 * channels, 2 * channels, groups=min(channels, 32), hidden=channels)

    def stage_2() -> None:
        train_stage(
            model, torch.nn.ModuleList([model.f_movie, model.f_ar]),
            lambda batch, _, prior, __: future_outcome(model, batch, future, AHEAD, prior), tracks, future,
            prior=FactorizedPrior(hidden=channels), real=real, seed=0, fabric=fabric,
        )  # fmt: skip

    runs = {"lifter": lambda: train_lifter(ours, windows, recipe, seed=0, fabric=fabric), "stage 2": stage_2}
    speeds, before = {}, torch.get_float32_matmul_precision()
    for name, precision in {"float32": "highest", "TensorFloat-32": "high"}.items():
        torch.set_float32_matmul_precision(precision)
        for what, taken in best_seconds(runs, rounds).items():
            speeds[f"{what}, {name}"] = steps * (batch if what == "lifter" else 1) / taken
    torch.set_float32_matmul_precision(before)
    return speeds


def noisy_tracks(clips: Sequence[Clip], features: int, device: torch.device | str) -> dict[str, Tracks]:
    """Random poses and phi in PHD's roles."""

    def known(clip: Clip) -> Clip:
        T = len(clip)
        own = {"theta": 0.3 * torch.randn(T, 72), "beta": torch.randn(10), "features": torch.randn(T, features)}
        return replace(clip, **own, visible=torch.ones(T, 17, dtype=torch.bool))

    whole, boxes = [known(clip) for clip in clips], [clip_boxes(clip) for clip in clips]
    roles = {role: whole if of.labels3d else [without_3d(clip) for clip in whole] for role, of in ROLES.items()}
    return {role: Tracks(role, given, boxes, load_body(), device=device) for role, given in roles.items()}


def noise(clips: int, frames: int) -> list[Clip]:
    """Clips of random numbers: what they hold does not matter to the speed."""
    camera = studio_rig()[0]
    return [
        Clip(
            take=str(i), subject="S1", action="noise", fps=50.0, source="random", camera=camera,
            joints3d=0.5 * torch.randn(frames, 17, 3).clamp(-3, 3),
            trajectory=torch.randn(frames, 3).clamp(-3, 3) + torch.tensor([0.0, 0.0, 8.0]),
            keypoints2d=500 + 100 * torch.randn(frames, 17, 2),
        )
        for i in range(clips)
    ]  # fmt: skip


def machine() -> dict[str, Any]:
    """What a speed depends on."""
    gpu = torch.cuda.is_available()
    return {
        "cpu": provenance.cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if gpu else "cpu",
        "tf32_convolutions": gpu and torch.backends.cudnn.allow_tf32,
        "tf32_products": gpu and torch.backends.cuda.matmul.allow_tf32,
    }


def main(arguments: Sequence[str] = (), clips: int = 4, frames: int = 1000, channels: int = 1024) -> int:
    """Measure, print and write; the only argument is the number of threads (1)."""
    torch.set_num_threads(int(arguments[0]) if arguments else 1)
    measured: list[dict[str, Any]] = []

    def enter(what: str, speed: float, unit: str) -> None:
        measured.append({"what": what, "value": float(f"{speed:.4g}"), "unit": unit})
        print(f"{what}: {speed:.4g} {unit}")

    for widths, batch in (((3, 3, 3), 128), ((3, 3), 256)):
        speeds = training_speeds(noise(clips, frames), widths, min(channels, 256), batch)
        name = f"training, {3 ** len(widths)} frames, {min(channels, 256)} channels, batch {batch}, dropout 0.25"
        for form, speed in speeds.items():
            enter(f"{name}: {form}", speed, "windows/s")
        for form in ("plain", "plain, batches ready"):
            enter(f"{name}: ours against {form}", speeds["ours"] / speeds[form], "x")
    total = (131_072 if torch.cuda.is_available() else 4096) * frames // 1000
    for form, speed in inference_speeds(total, (1, 2, 4), channels).items():
        enter(f"inference, 243 frames, {channels} channels, {total} poses in all: {form}", speed, "poses/s")
    width = min(channels, 128)
    for what, taken in future_speeds(width, 32, frames).items():
        size = f"{frames} pairs of 30 by 30 frames" if "warping" in what else f"30 steps, {width} channels, batch 32"
        enter(f"{what}: {size}", taken, "ms")

    if torch.cuda.is_available():
        widths, batch = (3,) * 5, 1024
        for name, speed in paper_speeds(noise(clips, frames), widths, channels, batch).items():
            what, precision = name.split(", ")
            if what == "lifter":
                enter(f"training, 243 frames, {channels} channels, batch {batch}: {precision}", speed, "windows/s")
            else:
                size = f"{2 * channels}-D strips, batch {FutureRecipe().batch_size}, 25 frames ahead"
                enter(f"PHD's stage 2, {size}: {precision}", speed, "steps/s")

    found = {"machine": machine(), "revision": records.revision(), "measured": measured}
    with provenance.merged(paths.FIGURES / "benchmarks.json") as devices:
        devices[found["machine"]["device"]] = found
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
