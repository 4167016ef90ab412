"""PHD's movie strips (PHD 3.2, 3.3): f_movie turns features of frames into them, f_AR continues them into the future.

    phi_t      = f(I_t)                                features of one frame, (B, T, D)
    Phi_t      = f_movie(phi_(t-12), ..., phi_t)       what the last half second looked like, (B, T, D)
    Phi~_(t+1) = f_AR(Phi_(t-12), ..., Phi_t)          eq. 4; eq. 8 is the same on poses Theta (B, T, 82)

Both are a :class:`~phdlib.temporal_stack.TemporalStack`, whose receptive field is 13 frames. f_3D, which reads the body
out of a strip, is in :mod:`phdlib.regressor`, and public from here.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from phdlib.regressor import PoseRegressor, Regression, linear
from phdlib.temporal_stack import NEAR_ZERO, WIDTH, State, TemporalStack, check_frames
from phdlib.unrolled import unrolled

__all__ = ["Autoregressor", "MovieStripEncoder", "PoseRegressor", "Regression"]


class MovieStripEncoder(nn.Module):
    """f_movie: features phi (B, T, features) -> movie strips Phi (B, T, channels) (PHD 3.2).

    The paper's is ``MovieStripEncoder()``, the non-causal one of [27] ``MovieStripEncoder(causal=False,
    padding="zero", norm="time")``. ``channels`` is that of the strips, ``features`` where it is None; should the two
    differ, a linear layer comes first (the paper needs none). Options: :class:`TemporalStack`.
    """

    def __init__(
        self,
        features: int = 2048,
        channels: int | None = None,
        *,
        generator: torch.Generator | None = None,
        **options,
    ) -> None:
        super().__init__()
        self.features, self.channels = features, features if channels is None else channels
        self.embed = nn.Identity() if self.channels == features else linear(features, self.channels, generator)
        self.stack = TemporalStack(self.channels, generator=generator, **options)

    def receptive_field(self) -> int:
        return self.stack.receptive_field()

    def forward(self, phi: Tensor) -> Tensor:
        check_frames("phi", phi, self.features)
        return self.stack(self.embed(phi))

    def advance(self, phi: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Strips of the next frames of a clip, and the state after them; see :meth:`TemporalStack.advance`."""
        check_frames("phi", phi, self.features)
        return self.stack.advance(self.embed(phi), state)


class Autoregressor(nn.Module):
    """f_AR (PHD 3.3): frames (B, T, features) -> the frame after each, (B, T, features), causal.

    In movie strip space (eq. 4), ``Autoregressor(2048)``: the stack itself, whose identity skip makes its output a
    change of the strip. In pose space (eq. 8), ``Autoregressor(82, channels=2048)`` on Theta = [theta, beta]: a linear
    layer into the stack and one out of it, because 82 numbers are not 2048. What it "directly outputs" (PHD 4.1) is not
    said: a change of the pose, so that it starts as "nothing moves" like the latent one, or, with ``change=False``, the
    pose itself from scratch, a straw man on a small budget. Where ``channels`` equals ``features`` there are no such
    layers. Options: ``blocks``, ``groups``, ``norm``, ``padding`` of :class:`TemporalStack`.

    ``forward`` is teacher forcing: it predicts frame t + 1 from the true frames up to t, for all t at once.
    """

    def __init__(
        self,
        features: int = 2048,
        channels: int | None = None,
        *,
        change: bool = True,
        generator: torch.Generator | None = None,
        **options,
    ) -> None:
        super().__init__()
        self.features, self.channels = features, features if channels is None else channels
        self.change, self.linear = change, self.channels != features
        if not change and not self.linear:
            raise ValueError(f"change=False needs channels other than features, found {features} for both")
        self.embed = linear(features, self.channels, generator) if self.linear else nn.Identity()
        self.stack = TemporalStack(self.channels, causal=True, generator=generator, **options)
        scale = NEAR_ZERO if change else 1.0
        self.readout = linear(self.channels, features, generator, scale) if self.linear else nn.Identity()

    def receptive_field(self) -> int:
        return self.stack.receptive_field()

    def forward(self, strip: Tensor) -> Tensor:
        check_frames("strip", strip, self.features)
        return self._read(self.stack(self.embed(strip)), strip)

    def advance(self, strip: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """As ``forward`` on the next frames of a clip, and the state after; see :meth:`TemporalStack.advance`."""
        check_frames("strip", strip, self.features)
        hidden, state = self.stack.advance(self.embed(strip), state)
        return self._read(hidden, strip), state

    def _read(self, hidden: Tensor, strip: Tensor) -> Tensor:
        out = self.readout(hidden)
        return strip + out if self.linear and self.change else out

    def rollout(self, strip: Tensor, steps: int) -> Tensor:
        """The ``steps`` >= 1 frames after a strip (B, T0, features), fed its own predictions: (B, steps, features).

        By way of the state, at one frame's cost a step; with ``norm="time"``, which has none, by :meth:`reencoded`,
        whose statistics pool over 13 frames, where those of ``forward`` pool over the clip.
        """
        if not self.stack.streams:
            return self.reencoded(strip, steps)
        check_steps(steps)
        prediction, state = self.advance(strip)
        return self._continue(prediction[:, -1:], state, steps)

    def reencoded(self, strip: Tensor, steps: int) -> Tensor:
        """:meth:`rollout` as the released code does it: the last 13 frames are encoded anew for each step."""
        check_steps(steps)
        T = strip.shape[1]
        for _ in range(steps):
            window = strip[:, -self.receptive_field() :]
            strip = torch.cat((strip, self(window)[:, -1:]), dim=1)
        return strip[:, T:]

    def rollouts(self, strip: Tensor, starts: Sequence[int], steps: int) -> Tensor:
        """Rollouts from many places of a strip (B, T, features) together: (B, N, steps, features).

        The n-th has seen frames 0 to ``starts[n]`` - 1 and predicts frame ``starts[n]`` and those after it; 1 <= start
        <= T. One pass over the strip gives the states of all.
        """
        check_frames("strip", strip, self.features)
        check_steps(steps)
        B, T = strip.shape[:2]
        starts = list(starts)
        if not starts or not all(1 <= start <= T for start in starts):
            raise ValueError(f"starts must be within 1 to T = {T}, found {starts}")
        if not self.stack.streams:
            return torch.stack([self.reencoded(strip[:, :start], steps) for start in starts], dim=1)
        strip = strip[:, : max(starts)]
        hidden, seen = self.stack.run(self.embed(strip))
        last = torch.tensor(starts, device=strip.device) - 1
        prediction = self._read(hidden, strip)[:, last].flatten(0, 1).unsqueeze(1)  # (B N, 1, features)
        # A convolution saw frames -2 to T - 1, so its last two at frame t lie at t + 1 and t + 2.
        index = last[:, None] + torch.arange(1, WIDTH, device=strip.device)
        state = tuple((a[:, index].flatten(0, 1), b[:, index].flatten(0, 1)) for a, b in seen)
        return self._continue(prediction, state, steps).unflatten(0, (B, len(starts)))

    def curriculum(self, strip: Tensor, first: int, own: int) -> Tensor:
        """Predictions of frames ``first`` to T - 1 of a strip (B, T, features): (B, T - first, features) (PHD 3.4).

        ``own`` predicted frames follow each other before the truth is taken up again: 1 is teacher forcing, T - first
        one rollout. The paper lets it grow from 1 to 25. Each run starts from states of the true strip, and all runs
        advance together.
        """
        T = strip.shape[1]
        if not 1 <= first < T or own < 1:
            raise ValueError(f"first must be within 1 to T - 1 = {T - 1}, own at least 1; found {first} and {own}")
        runs = self.rollouts(strip, range(first, T, own), own)
        return runs.flatten(1, 2)[:, : T - first]  # the last run may reach beyond the strip

    def _continue(self, prediction: Tensor, state: State, steps: int) -> Tensor:
        """``steps`` frames (B, steps, features), the first of which is ``prediction`` (B, 1, features)."""
        if torch.is_grad_enabled():
            return unrolled(prediction, state, steps, self.stack, self.embed, self.readout, self.change)
        predictions = [prediction]
        while len(predictions) < steps:
            prediction, state = self.advance(prediction, state)
            predictions.append(prediction)
        return torch.cat(predictions, dim=1)


def check_steps(steps: int) -> None:
    if steps < 1:
        raise ValueError(f"steps must be at least 1, found {steps}")
