"""A mesh seen by a camera: rays cast by ``warp`` against the triangles, one light, smooth shading."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
import torch
import warp as wp
from torch import Tensor

from phdlib.camera import Camera

SKIN = (0.80, 0.66, 0.57)
BACKGROUND = (1.0, 1.0, 1.0)
LIGHT = (-0.4, -0.6, -1.0)  # towards the light, in the camera frame: from above the viewer's left shoulder
AMBIENT = 0.25


class Hits(NamedTuple):
    """What each pixel sees: ``depth`` (H, W) metres along z, inf where nothing; ``face`` (H, W), -1 where nothing;
    ``barycentric`` (H, W, 3) of the hit in that face."""

    depth: Tensor
    face: Tensor
    barycentric: Tensor


@wp.kernel
def _cast(
    mesh: wp.uint64,
    intrinsics: wp.vec4,
    width: int,
    depth: wp.array(dtype=float),
    face: wp.array(dtype=int),
    barycentric: wp.array(dtype=wp.vec3),
):
    pixel = wp.tid()
    x = (float(pixel % width) + 0.5 - intrinsics[2]) / intrinsics[0]
    y = (float(pixel // width) + 0.5 - intrinsics[3]) / intrinsics[1]
    hit = wp.mesh_query_ray(mesh, wp.vec3(0.0, 0.0, 0.0), wp.vec3(x, y, 1.0), 1.0e6)
    if hit.result:
        depth[pixel] = hit.t  # the ray's z is 1, so its parameter is the depth
        face[pixel] = hit.face
        barycentric[pixel] = wp.vec3(hit.u, hit.v, 1.0 - hit.u - hit.v)


def _start_warp() -> None:
    """Initialise warp without its banner, and without the line that its C side writes where there is no GPU."""
    wp.config.log_level = wp.LOG_ERROR
    stderr = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        wp.init()
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


class MeshCaster:
    """Casts rays against one mesh topology; between frames the acceleration structure is refitted, not rebuilt."""

    def __init__(self, faces: Tensor) -> None:
        _start_warp()
        self.faces = faces
        self._mesh: wp.Mesh | None = None

    def fit(self, vertices: Tensor) -> wp.Mesh:
        """The mesh with its vertices (V, 3) put where they are now, for a kernel to query."""
        points = wp.from_torch(vertices.detach().float().contiguous(), dtype=wp.vec3)
        if self._mesh is None:
            self._mesh = wp.Mesh(wp.clone(points), wp.from_torch(self.faces.int().flatten().contiguous()))
        else:
            wp.copy(self._mesh.points, points)
            self._mesh.refit()
        return self._mesh

    def __call__(self, vertices: Tensor, intrinsics: Tensor, width: int, height: int) -> Hits:
        """``vertices`` (V, 3) in the camera frame, metres; ``intrinsics``: f(2), c(2) in pixels, the rest ignored."""
        mesh = self.fit(vertices)
        depth = torch.full((height * width,), torch.inf, device=vertices.device)
        face = torch.full((height * width,), -1, dtype=torch.int32, device=vertices.device)
        barycentric = torch.zeros(height * width, 3, device=vertices.device)
        outputs = [wp.from_torch(depth), wp.from_torch(face), wp.from_torch(barycentric, dtype=wp.vec3)]
        camera = wp.vec4(*intrinsics[:4].tolist())
        wp.launch(_cast, height * width, [mesh.id, camera, width], outputs, device=mesh.device)
        return Hits(depth.view(height, width), face.view(height, width), barycentric.view(height, width, 3))


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Unit normals (V, 3): the faces' normals around each vertex, weighted by area; outwards for closed meshes."""
    corners = vertices[faces]
    normals = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = torch.zeros_like(vertices).index_add(0, faces.flatten(), normals.repeat_interleave(3, dim=0))
    return torch.nn.functional.normalize(total, dim=-1)


def shade(hits: Hits, vertices: Tensor, faces: Tensor, albedo: Tensor, light: Tensor, background: Tensor) -> Tensor:
    """Colours (H, W, 3) in [0, 1] under one distant light: ambient and Lambert.

    ``albedo`` is (3,) or, per vertex, (V, 3); ``light`` (3,) points towards the light; ``background`` is (3,) or
    (H, W, 3).
    """
    seen = hits.face >= 0
    corners, weights = faces[hits.face[seen].long()], hits.barycentric[seen]
    normals = torch.nn.functional.normalize(
        torch.einsum("pk,pkc->pc", weights, vertex_normals(vertices, faces)[corners]), dim=-1
    )
    colour = albedo if albedo.ndim == 1 else torch.einsum("pk,pkc->pc", weights, albedo[corners])
    lambert = (normals @ torch.nn.functional.normalize(light, dim=0)).clamp(min=0)
    image = background.expand(*seen.shape, 3).clone()
    image[seen] = (AMBIENT + (1 - AMBIENT) * lambert)[:, None] * colour
    return image.clamp(0, 1)


def render_mesh(
    vertices: Tensor, faces: Tensor, camera: Camera, albedo: Tensor | None = None, caster: MeshCaster | None = None
) -> np.ndarray:
    """Image (H, W, 3), uint8, of a mesh ``vertices`` (V, 3) in the world, metres, by a camera taken as a pinhole.

    ``albedo``: one colour (3,) or one per vertex (V, 3). A ``caster`` of the same ``faces`` saves its set-up per frame.
    """
    local = camera.to_camera(vertices.detach().float())
    hits = (caster or MeshCaster(faces))(local, camera.intrinsics, camera.width, camera.height)
    colours = [local.new_tensor(colour) for colour in (SKIN, LIGHT, BACKGROUND)]
    image = shade(hits, local, faces, colours[0] if albedo is None else albedo, *colours[1:])
    return (image * 255).round().byte().cpu().numpy()
