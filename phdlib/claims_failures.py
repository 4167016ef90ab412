"""PHD's claims about its failures (Figures 13 to 16, C29, C30, C40 to C42), judged over all test windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from phdlib.findings import Judgement
from phdlib.long_rollouts import METHODS, LongRollouts, bend, rise
from phdlib.statistics import Effect, bootstrap


def said(effect: Effect, digits: int = 2) -> str:
    """An effect and its interval."""
    return f"{effect.value:.{digits}f} ({effect.low:.{digits}f} to {effect.high:.{digits}f})"


def met_best(tables: Sequence[pd.DataFrame]) -> np.ndarray:
    """Which windows are in the quarter with the least 2D error, (windows,)."""
    low = np.mean([t["image"] for t in tables], axis=0)
    return low <= np.nanquantile(low, 0.25)


def depth_over_plane(tables: Sequence[pd.DataFrame]) -> Effect:
    """Error along depth over that in the image plane, in the quarter of windows with the least 2D error. ``tables`` of
    :func:`phdlib.failures.measures`, one per seed."""
    kept = met_best(tables)
    both = [
        [
            t[kept][["take"]].assign(action="All", frames=1, value=t[kept][name]).reset_index(drop=True)
            for t in tables
        ]
        for name in ("depth", "plane")
    ]  # fmt: skip
    return bootstrap(both, "value", lambda depth, plane: depth / plane, np.random.default_rng(0), paired=True)


def drifts(
    roles: Mapping[str, Sequence[LongRollouts]], rng: np.random.Generator
) -> dict[tuple[str, str], tuple[Effect, Effect]]:
    """By role and method: what the error rises by late on, and how its slope bends at frame 25."""
    return {
        (role, method): (rise(seeds, rng, method), bend(seeds, rng, method))
        for role, seeds in roles.items()
        for method in METHODS
    }


def judgements(
    ratios: Mapping[str, Effect],
    links: Mapping[str, Effect],
    energy: Mapping[str, Effect],
    drift: tuple[Effect, Effect, Effect],
    penn: Sequence[pd.DataFrame],
) -> list[Judgement]:
    """C29 and C40 to C42. ``ratios`` by role: :func:`depth_over_plane`; ``links`` and ``energy``: rank correlations of
    the Penn role by name; ``drift`` of the Human3.6M role: rise, bend, and the rise beyond Constant's. ``penn``: the
    Penn role's windows (:func:`phdlib.failures.measures`), which have to be of enough takes."""
    rises, bent, more = drift
    takes = penn[0]["take"]
    best = takes[met_best(penn)]
    chain = {"view start": "view, start", "start": "start, mean of 25", "view": "view, mean of 25"}
    return [
        Judgement.of(
            "PHD-C29", {"rise": rises, "bend": bent}, f"beyond what Constant's rises by: {said(more, 1)} mm"
        ),
        Judgement.of(
            "PHD-C40", {"ratio": ratios["penn"]}, f"Human3.6M role: {said(ratios['human36m'])} times",
            takes={"ratio": best},
        ),
        Judgement.of(
            "PHD-C41", {name: links[link] for name, link in chain.items()},
            f"of the start with frame 30 alone: {said(links['start, frame 30'])}", takes=dict.fromkeys(chain, takes),
        ),
        Judgement.of(
            "PHD-C42", {"rho": energy["seen, predicted"]}, f"true motion: {said(energy['seen, true'])}",
            takes={"rho": takes},
        ),
    ]  # fmt: skip


def beside(drift: tuple[Effect, Effect, Effect], strange: Mapping[str, float], slow: float, fast: float) -> str:
    """What the verdicts do not say. ``strange``: distance from the nearest known pose of predictions "early" and "late"
    and of "true" poses, mm; ``slow``, ``fast``: share of the true motion that is predicted, where people rest and where
    they move most."""
    rises, _, more = drift
    lost = "where people rest" if slow < 0.67 * fast else "where they already move"
    late, early, real = (strange[name] for name in ("late", "early", "true"))
    away = late > 1.5 * max(early, real)
    half = rises.value / 2
    share = "whether most of it is drift of the prediction is **not decided**"
    if rises.low <= 0:
        share = "as it does not rise for sure, there is nothing to explain"
    elif more.low > half:
        share = "most of it is **drift of the prediction**"
    elif more.high < half:
        share = "most of it is **the future going its own way**"
    return (
        f"Beside the verdicts: of people who hardly move, {100 * slow:.0f} % of the motion that follows is predicted, "
        f"of those who move most {100 * fast:.0f} %: the larger share is lost "
        f"**{lost if not 0.67 < slow / fast < 1.5 else 'in neither'}**. And after 60 frames the predicted poses of the "
        f"Human3.6M role are {late:.0f} mm from the nearest known one, after one frame {early:.0f}, true poses "
        f"{real:.0f}: predictions **{'leave' if away else 'do not leave'}** what people do. The error rises by "
        f"{said(rises, 1)} mm after 35 frames; less what it rises by for a body that stands still, {said(more, 1)} mm: "
        f"{share}. Of C41's links, the one from a bad start to a bad prediction is there by construction at frame 1; "
        "how long it lasts is the finding."
    )
