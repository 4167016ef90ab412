"""Timing of inference at several batch sizes: as many poses each time, whatever the batch."""

from __future__ import annotations

import pytest
import torch

from phdlib.lifting import TemporalModel
from phdlib.throughput import Recurrent, seconds_by_batch, sequences

CONVOLUTIONS = TemporalModel(17, 2, 17, (3, 3), channels=8)
MODELS = {"convolutions": CONVOLUTIONS, "LSTM": Recurrent(17, 2, 8)}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("batch", [1, 2, 8])
def test_every_batch_size_has_as_many_poses(model: torch.nn.Module, batch: int) -> None:
    poses = model.eval()(sequences(64, batch, model.receptive_field()))
    assert poses.shape == (batch, 64 // batch, 17, 3)


def test_a_model_is_timed_on_these_and_no_others() -> None:
    asked = []

    class Counting(Recurrent):
        def forward(self, keypoints: torch.Tensor) -> torch.Tensor:
            asked.append(tuple(keypoints.shape[:2]))
            return super().forward(keypoints)

    seconds = seconds_by_batch({"one": Counting(17, 2, 4)}, 32, (1, 4), rounds=3)
    assert asked == [(1, 32), (4, 8)] * 4  # a round beforehand
    assert [len(seconds["one"][size]) for size in (1, 4)] == [3, 3] and min(seconds["one"][4]) > 0


def test_what_does_not_share_out_is_refused() -> None:
    with pytest.raises(ValueError, match="10 poses do not share out among 4"):
        sequences(10, 4, 9)
