"""The ray caster against a plain one written here, against projection, and on a sphere's closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from phdlib.body import load_body
from phdlib.camera import Camera, look_at
from phdlib.render import MeshCaster, render_mesh, vertex_normals


def camera(size: int = 64, focal: float = 100.0, position: tuple[float, float, float] = (0.0, 0.0, 3.0)) -> Camera:
    rotation, translation = look_at(torch.tensor(position), torch.zeros(3))
    intrinsics = torch.tensor([focal, focal, size / 2, size / 2, 0, 0, 0, 0, 0])
    return Camera("test", rotation, translation, intrinsics, size, size)


def sphere(rings: int = 60) -> tuple[Tensor, Tensor]:
    """A unit sphere of latitudes and longitudes, faces counter-clockwise from outside."""
    polar, around = torch.meshgrid(
        torch.linspace(1e-3, torch.pi - 1e-3, rings), torch.linspace(0, 2 * torch.pi, rings + 1)[:-1], indexing="ij"
    )
    x, y, z = polar.sin() * around.sin(), polar.cos(), polar.sin() * around.cos()
    index = torch.arange(rings * rings).view(rings, rings)
    a, b = index[:-1], index[1:]
    c, d = b.roll(-1, 1), a.roll(-1, 1)
    faces = torch.cat([torch.stack([a, b, c], -1).view(-1, 3), torch.stack([a, c, d], -1).view(-1, 3)])
    return torch.stack([x, y, z], -1).view(-1, 3), faces


def plain_cast(vertices: Tensor, faces: Tensor, cam: Camera) -> Tensor:
    """Depth (H, W) by solving every ray with every triangle, in double precision."""
    v, u = torch.meshgrid(torch.arange(cam.height) + 0.5, torch.arange(cam.width) + 0.5, indexing="ij")
    f, c = cam.intrinsics[:2].double(), cam.intrinsics[2:4].double()
    rays = torch.stack([(u - c[0]) / f[0], (v - c[1]) / f[1], torch.ones_like(u)], -1).view(-1, 1, 3).double()
    corners = vertices.double()[faces]
    origin, e1, e2 = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    system = torch.stack(torch.broadcast_tensors(rays, -e1, -e2), dim=-1)  # t ray - s e1 - r e2 = origin
    t, s, r = torch.linalg.solve_ex(system, origin.expand((*system.shape[:2], 3)))[0].unbind(-1)
    hit = (s >= 0) & (r >= 0) & (s + r <= 1) & (t > 0)
    return t.masked_fill(~hit, torch.inf).amin(1).view(cam.height, cam.width)


def test_depth_equals_every_ray_with_every_triangle() -> None:
    generator = torch.Generator().manual_seed(0)
    vertices = torch.randn(60, 3, generator=generator) + torch.tensor([0.0, 0.0, 5.0])
    faces = torch.randint(60, (80, 3), generator=generator)
    faces = faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])]
    cam = camera(size=24, focal=30.0)
    hits, expected = MeshCaster(faces)(vertices, cam.intrinsics, 24, 24), plain_cast(vertices, faces, cam)
    same = torch.isclose(hits.depth.double(), expected, atol=1e-4) | (hits.depth.isinf() & expected.isinf())
    assert same.float().mean() > 0.99  # a ray through an edge may go either way
    assert 0.3 < expected.isfinite().float().mean() < 1.0
    seen = hits.face >= 0
    points = torch.einsum("pk,pkc->pc", hits.barycentric[seen], vertices[faces[hits.face[seen].long()]])
    assert torch.allclose(points[:, 2], hits.depth[seen], atol=1e-4)  # the barycentric point lies at that depth
    pixels = torch.stack(torch.meshgrid(torch.arange(24), torch.arange(24), indexing="xy"), -1)[seen] + 0.5
    assert torch.allclose(cam.project(points), pixels, atol=1e-2)


def test_a_sphere_is_a_disc_lit_from_the_light() -> None:
    vertices, faces = sphere()
    assert torch.allclose(vertex_normals(vertices, faces), vertices, atol=0.04)
    image = render_mesh(vertices, faces, camera(focal=80.0))
    seen = (image != 255).any(-1)
    radius = 80.0 / np.sqrt(3.0**2 - 1)  # the cone that touches a unit sphere from 3 m away
    assert seen.sum() == pytest.approx(np.pi * radius**2, rel=0.01)
    grey = image.astype(float).sum(-1)
    assert grey[20, 25] > grey[45, 40]  # the light stands above and to the left


def test_refitting_equals_a_new_caster() -> None:
    vertices, faces = sphere(20)
    caster, cam = MeshCaster(faces), camera()
    render_mesh(vertices, faces, cam, caster=caster)
    moved = vertices * torch.tensor([0.3, 1.0, 0.6]) + torch.tensor([0.4, 0.0, 0.0])
    assert np.array_equal(render_mesh(moved, faces, cam, caster=caster), render_mesh(moved, faces, cam))


def test_the_body_covers_its_joints_and_nothing_far_from_them() -> None:
    body, cam = load_body(), camera(size=96, focal=130.0)
    vertices, joints = body(torch.zeros(1, 72), torch.zeros(1, 10))
    seen = (render_mesh(vertices[0] + torch.tensor([0.0, 0.3, 0.0]), body.faces, cam) != 255).any(-1)
    pixels = cam.project(cam.to_camera(joints[0] + torch.tensor([0.0, 0.3, 0.0]))).floor().long()
    assert seen[pixels[:, 1], pixels[:, 0]].all()
    assert 0.05 < seen.mean() < 0.3
    left = cam.project(cam.to_camera(joints[0]))[[20, 21], 0]
    assert left[0] > left[1]  # seen from the front, the left hand is on the right of the image
