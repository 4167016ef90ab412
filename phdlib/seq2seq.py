"""The baseline of VP3D's Table 5: an LSTM that encodes a piece of 2D video, and one that decodes it into 3D poses.

It stands for Hossain & Little, *Exploiting temporal information for 3D human pose estimation* (ECCV 2018), and is
written from descriptions, not from their code.

*Stated.* The 2D poses are encoded into a vector of fixed size, which is decoded into as many 3D poses (VP3D 2). The
encoder starts anew every 5 frames, against the drift of long sequences (VP3D 2). The units are layer-normalised LSTM
units, and shortcuts lead from the decoder's input to its output (Hossain & Little's abstract). It has 16.96M parameters
and costs 33.88M FLOPs per frame, matrix products only (VP3D Table 5, A.2).

*Chosen.* What fits that size with 1024 hidden units: one LSTM each, poses linearly embedded in 1024 numbers before
either, a linear read-out. For 17 joints that is 16.94M parameters and 33.83M FLOPs, 0.1 % below theirs. Also chosen:
each gate is normalised after the sum of its two products, and the cell state where it is read (as Ba et al. 2016 do),
gains 1 and shifts 0 at first, but 1 for the forget gate; the frames are encoded last one first, so that the newest
memory is of the frame to be decoded first (Sutskever et al. 2014); the decoder starts from the pose of zeros; it is fed
its own output in training, too, with the gradient going through; dropout thins the candidate that each step adds to the
cell state, so it forgets nothing (Semeniuta et al. 2016), by 0.5, the rate in their README. Left out: their loss of
temporal smoothness; a loss is the training's affair.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from phdlib import temporal
from phdlib.lifting import LiftingModel


class LayerNormLSTMCell(nn.Module):
    """One step of an LSTM whose gates are normalised, each over its units and with gains and shifts of its own.

    ``forward`` takes the input's share of the gates, ``input(x)`` (B, 4 C), so that a sequence known beforehand needs
    one product for all its frames; the state (h, c), each (B, C); and factors (B, C) of the candidate, None for ones.
    It returns the next state. The gates lie in the order: input, forget, output, candidate.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.input = skip_init(nn.Linear, channels, 4 * channels, bias=False)
        self.hidden = skip_init(nn.Linear, channels, 4 * channels, bias=False)
        self.gate_norm = nn.GroupNorm(4, 4 * channels)  # on (B, 4 C): four layer norms in one
        self.cell_norm = nn.LayerNorm(channels)

    def forward(self, projected: Tensor, state: tuple[Tensor, Tensor], kept: Tensor | None) -> tuple[Tensor, Tensor]:
        h, c = state
        C = c.shape[1]
        gates = self.gate_norm(projected + self.hidden(h))
        switches, candidate = gates.split((3 * C, C), dim=1)
        write, keep, read = switches.sigmoid().chunk(3, dim=1)
        candidate = candidate.tanh() if kept is None else candidate.tanh() * kept
        c = keep * c + write * candidate
        return read * self.cell_norm(c).tanh(), c


class Seq2Seq(nn.Module):
    """Keypoints of a piece of video (B, T, J_in, in_features) -> its poses (B, T, J_out, 3), metres.

    T is ``frames`` in training; any other number >= 1 is answered, too, with the drift that comes of it. ``channels``
    is the hidden size. ``generator`` draws the initial weights here, and dropout in the call (torch's own where None).
    ``ValueError`` for a size, a dropout or keypoints that cannot be. For whole clips: :func:`predict_sequence`.
    """

    def __init__(
        self,
        num_joints_in: int,
        in_features: int,
        num_joints_out: int,
        channels: int = 1024,
        frames: int = 5,
        dropout: float = 0.5,
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if frames < 1:
            raise ValueError(f"frames must be at least 1, found {frames}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, found {dropout}")
        self.num_joints_in, self.in_features, self.num_joints_out = num_joints_in, in_features, num_joints_out
        self.channels, self.frames, self.dropout = channels, frames, dropout

        self.embed_keypoints = skip_init(nn.Linear, num_joints_in * in_features, channels)
        self.encoder = LayerNormLSTMCell(channels)
        self.embed_pose = skip_init(nn.Linear, num_joints_out * 3, channels)
        self.decoder = LayerNormLSTMCell(channels)
        self.readout = skip_init(nn.Linear, channels, num_joints_out * 3)
        self.initialise(generator)

    # The lifting models' own: they read num_joints_in, in_features, dropout and training, and nothing else.
    _check, _drop = LiftingModel._check, LiftingModel._drop

    def initialise(self, generator: torch.Generator | None = None) -> None:
        """Draw every product uniformly within 1 / sqrt(fan in), as the lifting models do; set the norms as above."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                bound = 1 / math.sqrt(module.in_features)
                for parameter in module.parameters():
                    nn.init.uniform_(parameter, -bound, bound, generator=generator)
            elif isinstance(module, nn.GroupNorm | nn.LayerNorm):
                module.reset_parameters()
        for cell in (self.encoder, self.decoder):
            nn.init.ones_(cell.gate_norm.bias[self.channels : 2 * self.channels])

    def forward(self, keypoints: Tensor, generator: torch.Generator | None = None) -> Tensor:
        self._check(keypoints)
        B, T = keypoints.shape[:2]
        if T == 0:
            raise ValueError(f"keypoints: needs at least one frame, found {tuple(keypoints.shape)}")
        x = keypoints.flatten(2).transpose(0, 1)  # (T, B, J_in F): each frame's batch is one block of memory
        x = self.encoder.input(self.embed_keypoints(x))  # (T, B, 4 C)
        kept = [None] * (2 * T)
        if self.training and self.dropout:
            kept = self._drop(x.new_ones(2 * T, B, self.channels), generator).unbind()  # one draw for all steps

        state = x.new_zeros(B, self.channels), x.new_zeros(B, self.channels)
        for projected, factors in zip(reversed(x.unbind()), kept[:T], strict=True):
            state = self.encoder(projected, state, factors)

        pose = x.new_zeros(B, self.num_joints_out * 3)
        poses = []
        for factors in kept[T:]:
            state = self.decoder(self.decoder.input(self.embed_pose(pose)), state, factors)
            pose = pose + self.readout(state[0])
            poses.append(pose)
        return torch.stack(poses, dim=1).unflatten(2, (self.num_joints_out, 3))

    def in_pieces(self, frames: int | None = None) -> InPieces:
        """The same weights for whole clips, in a form that ``lifting.predict`` takes; see :class:`InPieces`."""
        return InPieces(self, frames)


class Pieces(NamedTuple):
    """A clip of T frames in P pieces: the first frame of each (P,), and for each frame its piece and place (T,)."""

    starts: Tensor
    piece: Tensor
    position: Tensor


def cut(T: int, frames: int) -> Pieces:
    """Pieces of ``frames`` from the clip's start on; the last may overlap the one before, so as to end with the clip.

    A frame in both counts to the earlier. A clip shorter than a piece begins one. Error by ``position`` shows the drift
    within pieces (VP3D 2).
    """
    time = torch.arange(T)
    starts = time[::frames].clamp(max=max(T - frames, 0))
    piece = time // frames
    return Pieces(starts, piece, time - starts[piece])


class InPieces(nn.Module):
    """Clips of any length (B, T, J_in, in_features) -> (B, T, J_out, 3), re-initialised every ``frames`` (VP3D 2).

    ``frames`` is the model's own where None; more show how it drifts. A clip shorter than that is lengthened by its
    last frame repeated. To ``lifting.predict`` and ``evaluation.evaluate_lifter``, which also average with the mirrored
    clip, it is a model that needs no padding.
    """

    causal = False

    def __init__(self, model: Seq2Seq, frames: int | None = None) -> None:
        super().__init__()
        self.model, self.frames = model, model.frames if frames is None else frames
        if self.frames < 1:
            raise ValueError(f"frames must be at least 1, found {frames}")
        self.train(model.training)

    def receptive_field(self) -> int:
        """One: a frame needs no context from beyond the clip."""
        return 1

    def forward(self, keypoints: Tensor) -> Tensor:
        B, T = keypoints.shape[:2]
        starts, piece, position = cut(T, self.frames)
        keypoints = temporal.replicate_pad(keypoints, 0, max(self.frames - T, 0), dim=1)
        index = starts[:, None] + torch.arange(self.frames)  # (P, frames)
        poses = self.model(keypoints[:, index].flatten(0, 1)).unflatten(0, (B, len(starts)))
        return poses[:, piece, position]


@torch.no_grad()
def predict_sequence(model: Seq2Seq, keypoints: Tensor, frames: int | None = None) -> Tensor:
    """Poses of one clip: keypoints (T, J_in, F), normalised -> (T, J_out, 3), metres; ``frames`` as :class:`InPieces`.

    ``ValueError`` if the model is training, the clip has no frame, or a keypoint is not finite (it names the first).
    """
    if model.training:
        raise ValueError("predict_sequence: the model is in training mode; call model.eval() first")
    model._check(keypoints.unsqueeze(0))
    bad = (~keypoints.isfinite()).any(dim=-1).nonzero()
    if len(bad):
        raise ValueError(f"keypoints: frame {bad[0, 0]}, joint {bad[0, 1]} is not finite ({len(bad)} such in all)")
    return model.in_pieces(frames)(keypoints.unsqueeze(0))[0]
