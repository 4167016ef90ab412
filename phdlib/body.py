"""The body model M(beta, theta), PHD 3.1: a mesh and 24 joints from shape and pose, evaluated by ``smplx``.

``load_body()`` gives the open body of :mod:`phdlib.open_body`; ``load_body(path)`` any body whose file has SMPL's form,
the licensed SMPL among them. What is built on a :class:`Body` does not know which it is.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
import smplx
import torch
from smplx.lbs import batch_rigid_transform, batch_rodrigues
from smplx.utils import Struct
from torch import Tensor, nn

from phdlib.data.smpl_files import read_smpl
from phdlib.open_body import open_body
from phdlib.skeleton import SMPL24, Skeleton

BETAS = 10
_POSE_FEATURES = 9 * (len(SMPL24) - 1)
_CHUNK = 4096  # frames that the keypoint regressor takes at once: some 50 MB
SUBJECTS = {"human36m": ("S1", "S5", "S6", "S7", "S8", "S9", "S11"), "humaneva": ("S1", "S2", "S3")}
SUBJECT_SEED = 53  # of the first 200, the draw whose heights lie best apart: 1.60 to 1.85 m on the open body

# Keypoints that are not simply the SMPL-24 joint or the landmark of their name, as weighted means of those. Limbs are
# joints, so bones keep their lengths as in a mocap skeleton. Human3.6M's pelvis lies midway between the hips, its
# thorax at the base of the neck between the shoulders; HumanEva's head is its top, Penn Action's its middle.
_PELVIS = {"left_hip": 0.5, "right_hip": 0.5}
_THORAX = {"neck": 0.65, "spine3": 0.35}
KEYPOINTS = {
    ("H36M-17", "pelvis"): _PELVIS,
    ("H36M-17", "spine"): {"spine2": 1.0},
    ("H36M-17", "thorax"): _THORAX,
    ("H36M-17", "head"): {"head_top": 1.0},
    ("HumanEva-15", "pelvis"): _PELVIS,
    ("HumanEva-15", "thorax"): _THORAX,
    ("HumanEva-15", "head"): {"head_top": 1.0},
    ("Penn-13", "head"): {"left_ear": 0.5, "right_ear": 0.5},
}


class BodyOutput(NamedTuple):
    """Posed ``vertices`` (B, V, 3) and ``joints`` (B, 24, 3), metres."""

    vertices: Tensor
    joints: Tensor


class Body(nn.Module):
    """M(beta, theta) by linear blend skinning. Rest pose: T-pose, y up, facing +z, left hand at +x; metres.

    ``trans`` is SMPL's: added to everything. The pelvis of the rest pose is not at the origin, so the pelvis joint lies
    at ``rest_joints(beta)[:, 0] + trans``, whatever the pose.
    """

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        super().__init__()
        with contextlib.redirect_stdout(io.StringIO()):  # smplx prints a warning about ten shape coefficients
            self.smpl = smplx.SMPL(
                model_path="",
                data_struct=Struct(**arrays),
                num_betas=BETAS,
                create_betas=False,
                create_global_orient=False,
                create_body_pose=False,
                create_transl=False,
            )
        regressor = self.smpl.J_regressor.double()
        self.register_buffer("joint_template", (regressor @ self.smpl.v_template.double()).float())
        self.register_buffer(
            "joint_shapedirs", torch.einsum("jv,vcs->jcs", regressor, self.smpl.shapedirs.double()).float()
        )
        feet = [i for i, joint in enumerate(SMPL24.joints) if joint.endswith(("ankle", "foot"))]
        self.register_buffer("foot_vertices", (self.smpl.lbs_weights[:, feet].sum(dim=1) > 0.5).nonzero()[:, 0])

    @property
    def faces(self) -> Tensor:
        """Triangles (F, 3), vertex indices, counter-clockwise from outside."""
        return self.smpl.faces_tensor

    def forward(self, theta: Tensor, beta: Tensor, trans: Tensor | None = None) -> BodyOutput:
        """Pose ``theta`` (B, 72) axis-angle, shape ``beta`` (B or 1, 10), ``trans`` (B, 3) metres or None."""
        theta, beta, trans = check_parameters(theta, beta, trans)
        output = self.smpl(betas=beta, global_orient=theta[:, :3], body_pose=theta[:, 3:], transl=trans)
        return BodyOutput(output.vertices, output.joints[:, : len(SMPL24)])  # smplx appends vertices as joints

    def rest_joints(self, beta: Tensor) -> Tensor:
        """Joints of the rest pose J(beta): (B, 24, 3), metres."""
        return self.joint_template + torch.einsum("bs,jcs->bjc", beta, self.joint_shapedirs)

    def rest_vertices(self, beta: Tensor) -> Tensor:
        """Vertices of the rest pose, without pose: (B, V, 3), metres."""
        return self.smpl.v_template + torch.einsum("bs,vcs->bvc", beta, self.smpl.shapedirs)

    def sole_height(self, beta: Tensor) -> Tensor:
        """y of the lowest vertex of the feet in the rest pose, (B,) metres."""
        template, shapedirs = self.smpl.v_template[self.foot_vertices, 1], self.smpl.shapedirs[self.foot_vertices, 1]
        return (template + beta @ shapedirs.T).amin(dim=1)

    def keypoints(self, skeleton: Skeleton) -> KeypointRegressor:
        """A module (theta, beta, trans) -> (B, J, 3) for a joint set, without building the mesh."""
        return KeypointRegressor(self, skeleton)


class KeypointRegressor(nn.Module):
    """Keypoints of a joint set, as weighted means of the body's joints and vertices, without building the mesh.

    A skinned vertex is sum_j w_j (R_j v + t_j), so a weighted mean of vertices is sum_j (R_j p_j + m_j t_j) with
    p_j = sum_v r_v w_vj v and m_j = sum_v r_v w_vj, and p_j is linear in beta and in the pose blendshapes like v.
    The p_j are summed once, here; a frame then costs its forward kinematics and a few dozen 3-vectors.
    """

    def __init__(self, body: Body, skeleton: Skeleton) -> None:
        super().__init__()
        self.skeleton, self.body = skeleton, body
        on_joints, on_vertices = keypoint_weights(body, skeleton)  # (K, 24), (K, V)
        touched = on_vertices.any(dim=0).nonzero()[:, 0]
        smpl, r = body.smpl, on_vertices[:, touched]
        share = torch.einsum("kv,vj->kvj", r, smpl.lbs_weights[touched])  # r_v w_vj
        mass = share.sum(dim=1) + on_joints
        keypoint, joint = mass.abs().gt(1e-9).nonzero(as_tuple=True)

        def sums(per_vertex: Tensor, per_joint: Tensor | None = None) -> Tensor:
            """p_j of the (keypoint, joint) pairs that occur, (pairs, 3, ...), for one quantity that adds up to v."""
            total = torch.einsum("kvj,v...->kj...", share, per_vertex[touched])
            if per_joint is not None:
                total = total + torch.einsum("kj,j...->kj...", on_joints, per_joint)
            return total[keypoint, joint]

        self.register_buffer("joint", joint)
        self.register_buffer("mass", mass[keypoint, joint, None])
        self.register_buffer("onto", nn.functional.one_hot(keypoint, len(skeleton)).T.to(mass.dtype))  # (K, pairs)
        self.register_buffer("template", sums(smpl.v_template, body.joint_template))
        self.register_buffer("shapedirs", sums(smpl.shapedirs, body.joint_shapedirs))
        posedirs = smpl.posedirs.T.reshape(-1, 3, _POSE_FEATURES)
        self.register_buffer("posedirs", sums(posedirs) if posedirs[touched].any() else None)

    def forward(self, theta: Tensor, beta: Tensor, trans: Tensor | None = None) -> Tensor:
        """Keypoints (B, K, 3), metres, of ``theta`` (B, 72), ``beta`` (B or 1, 10), ``trans`` (B, 3) or None."""
        theta, beta, trans = check_parameters(theta, beta, trans)
        if len(theta) > _CHUNK:
            parts = [None] * len(theta) if trans is None else trans.split(_CHUNK)
            return torch.cat(
                [self(*part) for part in zip(theta.split(_CHUNK), beta.split(_CHUNK), parts, strict=False)]
            )
        rotations = batch_rodrigues(theta.reshape(-1, 3)).unflatten(0, (-1, len(SMPL24)))  # (B, 24, 3, 3)
        _, transforms = batch_rigid_transform(rotations, self.body.rest_joints(beta), self.body.smpl.parents)
        p = self.template + torch.einsum("bs,pcs->bpc", beta, self.shapedirs)
        if self.posedirs is not None:
            feature = rotations[:, 1:] - torch.eye(3, dtype=theta.dtype, device=theta.device)
            p = p + torch.einsum("bf,pcf->bpc", feature.flatten(1), self.posedirs)
        mine = transforms[:, self.joint]  # (B, pairs, 4, 4)
        moved = (mine[..., :3, :3] @ p[..., None])[..., 0] + self.mass * mine[..., :3, 3]
        keypoints = self.onto @ moved
        return keypoints if trans is None else keypoints + trans[:, None]


def keypoint_weights(body: Body, skeleton: Skeleton) -> tuple[Tensor, Tensor]:
    """What each keypoint of ``skeleton`` is a mean of: weights on the joints (K, 24) and on the vertices (K, V)."""
    device = body.smpl.v_template.device  # of a body that keypoints of it took along
    on_joints = torch.zeros(len(skeleton), len(SMPL24), device=device)
    on_vertices = torch.zeros(len(skeleton), len(body.smpl.v_template), device=device)
    landmarks = head_landmarks(body)
    for row, name in enumerate(skeleton.joints):
        for part, weight in KEYPOINTS.get((skeleton.name, name), {name: 1.0}).items():
            if part in landmarks:
                on_vertices[row, landmarks[part]] += weight
            else:
                on_joints[row, SMPL24.index(part)] += weight
    return on_joints, on_vertices


def head_landmarks(body: Body) -> dict[str, int]:
    """Vertices of the face, found by their place in the rest pose, so that they hold for any mesh in SMPL's form."""
    head = (body.smpl.lbs_weights[:, SMPL24.index("head")] > 0.5).nonzero()[:, 0]
    x, y, z = body.smpl.v_template[head].unbind(dim=1)
    nose, top, left_ear, right_ear = z.argmax(), y.argmax(), x.argmax(), x.argmin()
    found = {"nose": nose, "head_top": top, "left_ear": left_ear, "right_ear": right_ear}
    for side, ear in (("left", left_ear), ("right", right_ear)):
        # On the front of the head, a third of the way out to the ear and a quarter of the way up from nose to top.
        away = (x - 0.36 * x[ear]) ** 2 + (y - y[nose] - 0.27 * (y[top] - y[nose])) ** 2
        found[f"{side}_eye"] = away.masked_fill(z < (z[nose] + z[ear]) / 2, torch.inf).argmin()
    return {name: int(head[vertex]) for name, vertex in found.items()}


def subject_betas(cast: str = "human36m") -> dict[str, Tensor]:
    """Shapes (10,) of the subjects of a data set: one seeded draw from N(0, 1), within two sigma, for all of them, so
    that one set's S1 is not the other's. ``ValueError`` lists the data sets there are."""
    if cast not in SUBJECTS:
        raise ValueError(f"no subjects of {cast!r}; there are those of {', '.join(SUBJECTS)}")
    generator = torch.Generator().manual_seed(SUBJECT_SEED)
    drawn = {
        name: {subject: torch.randn(BETAS, generator=generator).clamp(-2, 2) for subject in subjects}
        for name, subjects in SUBJECTS.items()
    }
    return drawn[cast]


def check_parameters(theta: Tensor, beta: Tensor, trans: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Shapes checked (``ValueError`` with found and expected) and one ``beta`` expanded over the batch."""
    B = len(theta)
    if theta.shape != (B, 72) or beta.shape not in ((B, BETAS), (1, BETAS)):
        raise ValueError(f"body: theta {tuple(theta.shape)}, beta {tuple(beta.shape)}; expected (B, 72), (B or 1, 10)")
    if trans is not None and trans.shape != (B, 3):
        raise ValueError(f"body: trans {tuple(trans.shape)}; expected {(B, 3)}")
    return theta, beta.expand(B, -1), trans


def load_body(path: str | Path | None = None) -> Body:
    """The open body, or the one in an SMPL file, .pkl or .npz (:func:`phdlib.data.smpl_files.read_smpl`)."""
    return Body(open_body() if path is None else read_smpl(path))
