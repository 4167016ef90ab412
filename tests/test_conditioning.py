"""The same futures from less video."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
import torch
from phd_small import BODY, FEATURES, features_of, moving_clip

from phdlib.conditioning import changed, conditioned_on
from phdlib.data.phd_role import evaluation_windows, in_camera_frame
from phdlib.futures import describe, window_frames
from phdlib.phd_model import PHD
from phdlib.phd_predictions import predict_futures
from phdlib.phd_study import Truth, compare_with_truth


def test_fewer_frames_before_the_same_future() -> None:
    generator = torch.Generator().manual_seed(1)
    start = 0.1 * torch.randn(85, generator=generator)
    model = PHD(start, FEATURES, 16, space="latent", blocks=1, groups=2, hidden=32, generator=generator).eval()
    recorded = [moving_clip(52, seed) for seed in (3, 4)]
    clips = [replace(in_camera_frame(one), features=features_of(one)) for one in recorded]
    windows = evaluation_windows(clips, 5)
    parts = [window_frames(clips, windows, name) for name in ("joints3d", "keypoints2d", "visible")]
    known = Truth(clips, windows, describe(clips, windows), *parts)
    whole = predict_futures(model, clips, windows, BODY, 15).joints[:, 15:]
    expected = compare_with_truth(torch.from_numpy(whole), known)
    assert conditioned_on(model, known, 15).equals(expected)
    late = [replace(one, features=one.features.clone()) for one in clips]
    for one in late:
        one.features[:12] += 5.0  # of the first window of each clip, what three frames do not reach
    blind = conditioned_on(model, replace(known, clips=late), 3)
    seeing = conditioned_on(model, known, 3)
    first = seeing["start"] == 0
    assert blind[first].equals(seeing[first]) and not seeing["frame"].equals(expected["frame"])
    with pytest.raises(ValueError, match="expected 1 to 15 frames, found 16"):
        conditioned_on(model, known, 16)


def test_changes_that_cancel_in_the_mean_are_seen() -> None:
    whole, less = (pd.DataFrame({"frame": values}) for values in ([10.0, 20.0, None], [13.0, 17.0, None]))
    assert whole["frame"].mean() == less["frame"].mean()
    assert changed([less, whole], [whole, whole]) == pytest.approx(1.5)
