"""PHD as one module (3.2, 3.3, Figure 2): phi -> f_movie -> Phi -> f_3D -> omega, and f_AR between two frames.

    phi (B, T, D) --f_movie--> Phi (B, T, C) --f_3D--> omega = [Pi, theta, beta] (B, T, 85)
                                |
                              f_AR --> Phi~ of the frames to come --f_3D--> omega, of which Pi means nothing

In pose space (eq. 8) f_AR stands behind f_3D instead: it continues Theta = [theta, beta].
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from phdlib.body import KeypointRegressor
from phdlib.camera import WeakPerspective
from phdlib.dynamics import Autoregressor, MovieStripEncoder, PoseRegressor, Regression
from phdlib.phd_losses import Prediction
from phdlib.prior import FactorizedPrior
from phdlib.regressor import CAMERA, split_omega

Space = Literal["latent", "pose", "pose absolute"]
OFFSETS = {True: (-10, -5), False: (-5, 5)}  # nearby frames of the causal encoder and of that of [27] (PHD 3.2)


class Future(NamedTuple):
    """``seen``: omega (B, first, 85) of the conditioning frames; of those to come, ``omega`` (B, F, 85), its camera
    without meaning, and ``strips`` (B, F, C), None in pose space."""

    seen: Tensor
    omega: Tensor
    strips: Tensor | None


class Forecast(NamedTuple):
    """``seen``: omega (B, T0, 85) of the frames that were given; ``future``: of those after them, (B, steps, 85)."""

    seen: Tensor
    future: Tensor


class PHD(nn.Module):
    """f_movie, f_3D and, where ``space`` is not None, f_AR.

    ``start`` (85,): the mean person and camera. ``features``: dimension of phi; ``channels``: of Phi, and of the stack
    of f_AR in any space. ``space`` "latent" is eq. 4; "pose" is eq. 8, predicting a change of Theta; "pose absolute"
    predicts Theta from scratch (see :class:`Autoregressor`). ``causal``, ``norm``, ``padding`` are those of f_movie;
    f_AR is causal, pads its edges and normalises as f_movie does. ``generator`` draws the initial weights, those of
    f_movie and f_3D first, so that these do not depend on ``space``.
    """

    def __init__(
        self,
        start: Tensor,
        features: int = 2048,
        channels: int = 2048,
        *,
        space: Space | None = "latent",
        blocks: int = 3,
        groups: int = 32,
        causal: bool = True,
        norm: str = "frame",
        padding: str = "edge",
        hidden: int = 1024,
        dropout: float = 0.5,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if space is not None and space not in get_args(Space):
            raise ValueError(f"space must be None or one of {', '.join(get_args(Space))}; found {space!r}")
        self.space: Space | None = space
        sizes = {"blocks": blocks, "groups": groups, "norm": norm, "generator": generator}
        self.f_movie = MovieStripEncoder(features, channels, causal=causal, padding=padding, **sizes)
        self.f_3d = PoseRegressor(start, channels, OFFSETS[causal], hidden=hidden, dropout=dropout, generator=generator)
        self.f_ar: Autoregressor | None = None
        if space == "latent":
            self.f_ar = Autoregressor(channels, **sizes)
        elif space is not None:
            self.f_ar = Autoregressor(len(start) - CAMERA, channels, change=space == "pose", **sizes)

    def head(self) -> nn.ModuleList:
        """What one frame needs: f_3D's regressor of the present, and the layer between phi and Phi if there is one."""
        return nn.ModuleList([self.f_movie.embed, self.f_3d.present, nn.ParameterList([self.f_3d.start])])

    def read_single(self, phi: Tensor, generator: torch.Generator | None = None) -> Regression:
        """The body out of single frames, as if they were their own strips: what f_3D can be started from."""
        return self.f_3d(self.f_movie.embed(phi), generator, nearby=False)

    def futures(self, Phi: Tensor, first: int, own: int) -> Future:
        """Predictions of frames ``first`` to T - 1 of the real strips (B, T, C), for training: ``own`` of them in a row
        are fed back before the real ones are taken up again (3.4; see :meth:`Autoregressor.curriculum`)."""
        if self.space == "latent":
            strips = self._ar().curriculum(Phi, first, own)
            omega = self._read(torch.cat((Phi[:, :first], strips), dim=1))
            return Future(omega[:, :first], omega[:, first:], strips)
        omega = self._read(Phi)
        return Future(omega[:, :first], _posed(self._ar().curriculum(omega[..., CAMERA:], first, own)), None)

    def forecast(self, phi: Tensor, steps: int) -> Forecast:
        """What follows on the frames phi (B, T0, D). Nothing else is seen: edges are padded before the first frame."""
        Phi = self.f_movie(phi)
        seen = self._read(Phi)
        if self.space == "latent":
            return Forecast(seen, self._read(self._ar().rollout(Phi, steps)))
        return Forecast(seen, _posed(self._ar().rollout(seen[..., CAMERA:], steps)))

    def _ar(self) -> Autoregressor:
        if self.f_ar is None:
            raise ValueError("PHD: no f_AR, expected a model whose space is not None")
        return self.f_ar

    def _read(self, Phi: Tensor) -> Tensor:
        return self.f_3d(Phi, nearby=False).omega


def _posed(Theta: Tensor) -> Tensor:
    """omega of poses without cameras."""
    return F.pad(Theta, (CAMERA, 0))


def predicted(
    omega: Float[Tensor, "B T 85"],
    joints: KeypointRegressor,
    prior: FactorizedPrior | None = None,
    *,
    camera: bool = True,
) -> Prediction:
    """The joints X of bodies and all else that the losses compare, without a mesh. ``camera=False`` where there is no
    image to tell it from: eq. 6 then finds it. ``prior``: discriminators to ask."""
    B, T = omega.shape[:2]
    Pi, theta, beta = split_omega(omega)
    X = joints(theta.flatten(0, 1), beta.flatten(0, 1)).unflatten(0, (B, T))
    critics = None if prior is None else prior(theta, beta)
    return Prediction(theta, beta, X, WeakPerspective(Pi[..., 0], Pi[..., 1:]) if camera else None, critics)
