"""What one frame says about motion: the two predictors that PHD is compared with in its Table 3.

[27] hallucinates the movie strip of a frame from that frame's features alone, and reads the frame five steps ahead from
it with f_3D's regressor for the offset +5. [11] forecasts 2D poses from one image.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

from phdlib.regressor import linear
from phdlib.temporal_stack import NEAR_ZERO


class Hallucinator(nn.Module):
    """[27]: features of one frame phi (..., features) -> its movie strip Phi~ (..., features).

    phi + FC(ReLU(FC(ReLU(FC(phi))))), all of ``hidden`` units (as many as features where None), the last near zero at
    the start. PHD does not give its size; this is that of the released code of [27]. It is trained towards the strip of
    an encoder that sees the frames around it. For the future: ``f_3D(hallucinate(phi)).nearby[5]``.
    """

    def __init__(
        self, features: int = 2048, hidden: int | None = None, *, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        hidden = features if hidden is None else hidden
        self.features = features
        self.fc1 = linear(features, hidden, generator)
        self.fc2 = linear(hidden, hidden, generator)
        self.fc3 = linear(hidden, features, generator, NEAR_ZERO)

    def forward(self, phi: Tensor) -> Tensor:
        if phi.shape[-1] != self.features:
            raise ValueError(f"phi: expected (..., {self.features}), found {tuple(phi.shape)}")
        return phi + self.fc3(F.relu(self.fc2(F.relu(self.fc1(phi)))))


class KeypointForecaster(nn.Module):
    """After [11]: features of one frame phi (B, features), its keypoints (B, J, 2) -> the next ones (B, steps, J, 2).

    Written from what is said of [11], an hourglass network with an LSTM between its halves, from an image to heatmaps
    of the frames to come. Departs from it: features and keypoints of the frame stand for the image, and each step adds
    a change to the keypoints, so that it starts as "nothing moves". The LSTM gets the frame at the first step and zeros
    afterwards. The answer is in the units of the keypoints. ``ValueError`` for shapes that do not fit.
    """

    def __init__(
        self, features: int, joints: int, hidden: int = 1024, *, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.features, self.joints = features, joints
        self.embed = linear(features + 2 * joints, hidden, generator)
        self.lstm = skip_init(nn.LSTMCell, hidden, hidden)
        for parameter in self.lstm.parameters():
            nn.init.uniform_(parameter, -1 / math.sqrt(hidden), 1 / math.sqrt(hidden), generator=generator)
        self.readout = linear(hidden, 2 * joints, generator, NEAR_ZERO)

    def forward(self, phi: Tensor, keypoints: Tensor, steps: int = 5) -> Tensor:
        B = len(phi)
        if phi.shape != (B, self.features) or keypoints.shape != (B, self.joints, 2) or steps < 1:
            raise ValueError(
                f"expected phi (B, {self.features}), keypoints (B, {self.joints}, 2), steps >= 1; "
                f"found {tuple(phi.shape)}, {tuple(keypoints.shape)}, {steps}"
            )
        x, state, futures = self.embed(torch.cat((phi, keypoints.flatten(1)), dim=1)), None, []
        for _ in range(steps):
            state = self.lstm(x, state)
            keypoints = keypoints + self.readout(state[0]).unflatten(1, (self.joints, 2))
            futures.append(keypoints)
            x = torch.zeros_like(x)
        return torch.stack(futures, dim=1)
