"""The body against a skinning written here, its regressor on bodies left out, its keypoints against the full mesh."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import roma
import torch
from torch import Tensor

from phdlib import open_body
from phdlib.body import Body, head_landmarks, keypoint_weights, load_body, subject_betas
from phdlib.data.smpl_files import read_smpl
from phdlib.skeleton import COCO17, H36M17, HUMANEVA15, PENN13, SMPL24, Skeleton

SKELETONS = (SMPL24, H36M17, HUMANEVA15, PENN13, COCO17)


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


@pytest.fixture(scope="module")
def anny() -> torch.nn.Module:
    return open_body.load_anny()


@pytest.fixture(scope="module")
def smpl_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in SMPL's form: the open body with pose blendshapes, which it does not have itself."""
    arrays = open_body.open_body()
    noise = torch.randn(arrays["posedirs"].shape, generator=torch.Generator().manual_seed(3)) * 2e-3
    path = tmp_path_factory.mktemp("smpl") / "SMPL_NEUTRAL.npz"
    np.savez(path, **(arrays | {"posedirs": noise.numpy()}))
    return path


def draw(count: int, seed: int = 0, scale: float = 0.4) -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    theta = torch.randn(count, 72, generator=g) * scale
    return theta, torch.randn(count, 10, generator=g), torch.randn(count, 3, generator=g)


def pose(**degrees: tuple[float, float, float]) -> Tensor:
    theta = torch.zeros(1, 24, 3)
    for joint, angles in degrees.items():
        theta[0, SMPL24.index(joint)] = torch.tensor(angles).deg2rad()
    return theta.flatten(1)


def skin(arrays: dict[str, np.ndarray], theta: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
    """One body, joint by joint and in double precision: global rotations down the tree, then blended transforms."""
    a = {key: torch.as_tensor(array).double() for key, array in arrays.items()}
    rotations = roma.rotvec_to_rotmat(theta.double().view(24, 3))
    shaped = a["v_template"] + a["shapedirs"][..., :10] @ beta.double()
    rest = a["J_regressor"] @ shaped
    shaped = shaped + a["posedirs"] @ (rotations[1:] - torch.eye(3)).flatten()
    turn, joints = [rotations[0]], [rest[0]]
    for joint, parent in list(enumerate(SMPL24.parents))[1:]:
        turn.append(turn[parent] @ rotations[joint])
        joints.append(joints[parent] + turn[parent] @ (rest[joint] - rest[parent]))
    vertices = sum(a["weights"][:, j, None] * ((shaped - rest[j]) @ turn[j].T + joints[j]) for j in range(24))
    return vertices, torch.stack(joints)


@pytest.mark.parametrize("posed", [False, True], ids=["open body", "with pose blendshapes"])
def test_equals_an_independent_skinning(posed: bool, smpl_file: Path, body: Body) -> None:
    arrays = read_smpl(smpl_file) if posed else open_body.open_body()
    theta, beta, trans = draw(3)
    out = (load_body(smpl_file) if posed else body)(theta, beta, trans)
    for i in range(3):
        vertices, joints = skin(arrays, theta[i], beta[i])
        assert (out.joints[i] - joints - trans[i]).abs().max() < 1e-5
        assert (out.vertices[i] - vertices - trans[i]).abs().max() < 1e-5


@pytest.mark.parametrize("skeleton", SKELETONS, ids=lambda s: s.name)
@pytest.mark.parametrize("posed", [False, True], ids=["open body", "with pose blendshapes"])
def test_keypoints_equal_those_of_the_full_mesh(skeleton: Skeleton, posed: bool, smpl_file: Path, body: Body) -> None:
    model = load_body(smpl_file) if posed else body
    theta, beta, trans = draw(8)
    out = model(theta, beta, trans)
    on_joints, on_vertices = keypoint_weights(model, skeleton)
    assert torch.allclose(on_joints.sum(1) + on_vertices.sum(1), torch.ones(len(skeleton)))
    full = on_joints @ out.joints + torch.einsum("kv,bvc->bkc", on_vertices, out.vertices)
    assert (model.keypoints(skeleton)(theta, beta, trans) - full).abs().max() < 1e-5


def test_keypoints_take_one_beta_and_long_clips(body: Body) -> None:
    regress, (theta, beta, trans) = body.keypoints(H36M17), draw(9000)
    whole = regress(theta, beta[:1], trans)
    assert whole.shape == (9000, 17, 3)
    some = torch.tensor([0, 4095, 4096, 8999])  # on both sides of the seams between chunks
    assert torch.allclose(whole[some], regress(theta[some], beta[:1].expand(4, -1), trans[some]), atol=1e-6)


def test_keypoints_lie_where_their_names_say(body: Body) -> None:
    beta = torch.stack(list(subject_betas().values()))
    rest = {name: point for s in SKELETONS for name, point in _named(body, s, beta)}
    for name, point in rest.items():
        if "left_" in name:
            assert (point[:, 0] > 0.01).all(), name
            mirrored = rest[name.replace("left_", "right_")] * torch.tensor([-1, 1, 1])
            assert (point - mirrored).abs().max() < 2e-3, name
    nose, eye, ear = (rest[f"COCO-17 {name}"] for name in ("nose", "left_eye", "left_ear"))
    assert (nose[:, 2] > eye[:, 2]).all() and (eye[:, 2] > ear[:, 2]).all() and (eye[:, 1] > nose[:, 1]).all()
    height = body.rest_vertices(beta)[..., 1].amax(1)
    assert torch.allclose(rest["H36M-17 head"][:, 1], height, atol=0.01)
    column = [rest[f"H36M-17 {name}"][:, 1] for name in ("pelvis", "spine", "thorax", "nose", "head")]
    assert all((below < above).all() for below, above in pairwise(column))


def _named(body: Body, skeleton: Skeleton, beta: Tensor) -> list[tuple[str, Tensor]]:
    points = body.keypoints(skeleton)(torch.zeros(len(beta), 72), beta)
    return [(f"{skeleton.name} {joint}", points[:, i]) for i, joint in enumerate(skeleton.joints)]


def test_average_adult_in_a_t_pose(body: Body) -> None:
    zero = torch.zeros(1, 10)
    vertices, joints = body.rest_vertices(zero)[0], dict(zip(SMPL24.joints, body.rest_joints(zero)[0], strict=True))
    assert 1.65 < vertices[:, 1].max() - vertices[:, 1].min() < 1.80
    assert torch.isclose(vertices[:, 1].min(), body.sole_height(zero)[0])
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for a, b, direction in (
            ("shoulder", "elbow", (sign, 0, 0)),
            ("elbow", "wrist", (sign, 0, 0)),
            ("wrist", "hand", (sign, 0, 0)),
            ("hip", "knee", (0, -1, 0)),
            ("knee", "ankle", (0, -1, 0)),
        ):
            bone = torch.nn.functional.normalize(joints[f"{side}_{b}"] - joints[f"{side}_{a}"], dim=0)
            assert bone @ torch.tensor(direction).float() > np.cos(np.deg2rad(1.0)), (a, b)
        toes = joints[f"{side}_foot"] - joints[f"{side}_ankle"]
        assert toes[2] > 0.1 and abs(toes[0]) < 0.01
    corners = vertices[body.faces].double()  # outward faces enclose a positive volume, an adult's
    volume = (torch.linalg.cross(corners[:, 0], corners[:, 1]) * corners[:, 2]).sum() / 6
    assert 0.05 < volume < 0.09


def test_regressor_on_bodies_left_out(anny: torch.nn.Module, body: Body) -> None:
    left_out = open_body.draw_bodies(anny, 150, torch.Generator().manual_seed(12345))
    found = torch.einsum("jv,bvc->bjc", body.smpl.J_regressor.double(), left_out.vertices)
    assert ((found - left_out.joints).norm(dim=-1) * 1000).max() < 2.0
    assert torch.allclose(body.smpl.J_regressor.sum(1), torch.ones(24), atol=1e-5)


def test_ten_shapes_span_the_bodies_left_out(anny: torch.nn.Module, body: Body) -> None:
    left_out = open_body.draw_bodies(anny, 100, torch.Generator().manual_seed(54321)).vertices.float().flatten(1)
    directions, template = body.smpl.shapedirs.flatten(0, 1), body.smpl.v_template.flatten()
    beta = torch.linalg.lstsq(directions, (left_out - template).T).solution.T
    residual = left_out - template - beta @ directions.T
    assert residual.square().mean().sqrt() < 0.005
    assert beta.std(dim=0).min() > 0.7 and beta.std(dim=0).max() < 1.4  # drawn from N(0, 1), as beta is scaled


def test_weights_move_what_they_should(body: Body) -> None:
    weights = body.smpl.lbs_weights
    assert weights.min() >= 0 and torch.allclose(weights.sum(1), torch.ones(len(weights)), atol=1e-6)
    beta = torch.zeros(1, 10)
    rest = body(pose(), beta).vertices[0]
    bent = body(pose(left_elbow=(0.0, -90.0, 0.0)), beta).vertices[0]
    moved = (bent - rest).norm(dim=1) > 1e-3
    elbow = body.rest_joints(beta)[0, SMPL24.index("left_elbow")]
    assert rest[moved, 0].min() > elbow[0] - 0.14 and moved[rest[:, 0] > elbow[0] + 0.06].all()
    hand = rest[:, 0].argmax()
    assert bent[hand, 2] - elbow[2] > 0.3 and abs(bent[hand, 0] - elbow[0]) < 0.1  # it swings to the front


@pytest.mark.parametrize(
    ("angles", "longest"),
    [
        ({"head": (0.0, 70.0, 0.0)}, 3.0),
        ({"head": (0.0, 35.0, 0.0), "neck": (0.0, 35.0, 0.0)}, 2.0),
        (
            {f"{side}_{j}": (a, 0.0, 0.0) for side in ("left", "right") for j, a in (("hip", -100.0), ("knee", 120.0))},
            3.0,
        ),
        ({"left_elbow": (0.0, -90.0, 0.0)}, 3.0),
    ],
    ids=["head", "head and neck", "squat", "elbow"],
)
def test_nothing_tears(angles: dict[str, tuple[float, float, float]], longest: float, body: Body) -> None:
    edges = torch.cat([body.faces[:, [0, 1]], body.faces[:, [1, 2]], body.faces[:, [2, 0]]])
    rest, posed = (body(theta, torch.zeros(1, 10)).vertices[0] for theta in (pose(), pose(**angles)))
    length, stretched = ((v[edges[:, 0]] - v[edges[:, 1]]).norm(dim=1) for v in (rest, posed))
    ratio = stretched / length
    assert ratio.max() < longest  # of edges of a few mm
    assert ratio.quantile(0.005) > 0.5 and ratio.quantile(0.995) < 2.0


def test_a_head_turned_about_y_looks_left(body: Body) -> None:
    turned = body(pose(head=(0.0, 70.0, 0.0)), torch.zeros(1, 10)).vertices[0]
    assert turned[head_landmarks(body)["nose"], 0] > 0.05


def test_gradients_reach_pose_and_shape(body: Body) -> None:
    model = load_body().double()
    regress = model.keypoints(COCO17).double()
    theta, beta, _ = (x[:1].double().requires_grad_() for x in draw(1))
    assert torch.autograd.gradcheck(lambda t, b: regress(t, b), (theta, beta), atol=1e-6)
    few = torch.arange(0, 13000, 1500)
    assert torch.autograd.gradcheck(lambda t, b: model(t, b).vertices[:, few], (theta, beta), atol=1e-6)


def test_the_build_gives_the_same_bits(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    builds = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            torch.manual_seed(count)  # the global generator must not matter
            builds.append(open_body.build_open_body(count=30, seed=1))
    finally:
        torch.set_num_threads(threads)
    assert builds[0].keys() == builds[1].keys()
    for key in builds[0]:
        assert builds[0][key].tobytes() == builds[1][key].tobytes(), key
    assert not np.array_equal(builds[0]["v_template"], open_body.open_body()["v_template"])


def test_subjects_differ_and_stay() -> None:
    betas = subject_betas()
    assert list(betas) == ["S1", "S5", "S6", "S7", "S8", "S9", "S11"]
    stacked = torch.stack(list(betas.values()))
    assert stacked.abs().max() <= 2 and torch.equal(stacked, torch.stack(list(subject_betas().values())))
    y = load_body().rest_vertices(stacked)[..., 1]
    heights = (y.amax(1) - y.amin(1)).sort().values
    assert heights[0] > 1.55 and heights[-1] < 1.95 and heights.diff().min() > 0.01


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": None}, "misses weights"),
        (
            {"J_regressor": np.zeros((23, 13718), np.float32)},
            r"J_regressor has shape \(23, 13718\), expected \(24, 13718\)",
        ),
        ({"shapedirs": np.zeros((13718, 3, 4), np.float32)}, "shapedirs has 4 shape directions, expected at least 10"),
        ({"kintree_table": np.zeros((2, 24), np.int64)}, "kintree_table has parents"),
        ({"J_regressor": np.array({"a": 1}, object)}, "J_regressor: found a dict, expected numbers"),
    ],
)
def test_a_bad_file_is_named(change: dict[str, np.ndarray | None], message: str, tmp_path: Path) -> None:
    arrays = {key: value for key, value in (open_body.open_body() | change).items() if value is not None}
    path = tmp_path / "smpl.npz"
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=message) as error:
        load_body(path)
    assert str(path) in str(error.value)


def test_unreadable_files_are_named(tmp_path: Path, smpl_file: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npz"):
        load_body(tmp_path / "nowhere.npz")
    with pytest.raises(FileNotFoundError, match=r"SMPL\.pkl"):
        load_body(tmp_path / "SMPL.pkl")
    half = tmp_path / "half.npz"
    half.write_bytes(smpl_file.read_bytes()[:100_000])
    with pytest.raises(ValueError, match=r"half\.npz: not a readable"):
        load_body(half)


def test_wrong_shapes_are_refused(body: Body) -> None:
    theta, beta, trans = draw(2)
    for arguments in (
        (theta[:, :69], beta),
        (theta, beta[:, :9]),
        (theta, beta, trans[:1]),
        (theta, beta[:1], trans[0]),
    ):
        with pytest.raises(ValueError, match="expected"):
            body(*arguments)
        with pytest.raises(ValueError, match="expected"):
            body.keypoints(H36M17)(*arguments)
    strange = Skeleton("strange", ("tail",), (-1,))
    with pytest.raises(ValueError, match="no joint 'tail'"):
        body.keypoints(strange)
