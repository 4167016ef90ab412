"""Image crops centred on a person (PHD 3.2): the posed body photographed by a clip's camera, with the clothes, light
and room of :mod:`phdlib.appearance`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
import warp as wp
from jaxtyping import Float
from roma import rotvec_to_rotmat
from smplx.lbs import batch_rigid_transform
from torch import Tensor

from phdlib.appearance import Appearance, appearance, seeded
from phdlib.body import Body
from phdlib.data.clip import Clip
from phdlib.render import MeshCaster
from phdlib.skeleton import H36M17, Skeleton

MARGIN = 224 / 150  # HMR scales the diagonal of the joints' bounding box to 150 of the crop's 224 pixels
GRAIN = 0.02  # standard deviation of the sensor's noise, of a range of 1
_CHUNK = 128  # frames posed at once


class CropBoxes(NamedTuple):
    """Square crops of an image: ``centre`` (T, 2) and ``side`` (T,), pixels of the whole image."""

    centre: Float[Tensor, "T 2"]
    side: Float[Tensor, T]


def true_joints2d(clip: Clip) -> Float[Tensor, "T J 2"]:
    """Where a clip's joints are in its camera's image, pixels. ``ValueError`` names what the clip lacks."""
    _needs(clip, "joints3d", "trajectory", "camera")
    return clip.camera.project(clip.joints3d + clip.trajectory[:, None])


def crop_boxes(points: Float[Tensor, "T J 2"], margin: float = MARGIN) -> CropBoxes:
    """Squares about the 2D joints: the middle of their bounding box, ``margin`` times its diagonal (as HMR does).

    Each frame has its own box. HMMR's are smoothed over time by a centred filter, through which a causal encoder would
    see the future; the paper does not say what PHD's are.
    """
    if not bool(points.isfinite().all()):
        frame, joint = (~points.isfinite().all(-1)).nonzero()[0].tolist()
        raise ValueError(f"crop_boxes: expected finite points, found {points[frame, joint].tolist()} at frame {frame}")
    low, high = points.amin(1), points.amax(1)
    return CropBoxes((low + high) / 2, margin * (high - low).norm(dim=-1))


def jittered(boxes: CropBoxes, amount: float, generator: torch.Generator) -> CropBoxes:
    """Boxes moved by up to ``amount`` of their side and resized by up to that factor, as HMR augments its crops."""
    shift, zoom = (2 * torch.rand(len(boxes.side), 3, generator=generator) - 1).mul(amount).split([2, 1], dim=-1)
    return CropBoxes(boxes.centre + shift * boxes.side[:, None], boxes.side * zoom[:, 0].exp())


def crop_joints(points: Float[Tensor, "T J 2"], boxes: CropBoxes) -> Float[Tensor, "T J 2"]:
    """Pixels of the image to coordinates of the crop, [-1, 1] from its left and upper edges (HMR's convention)."""
    if points.shape[0] != len(boxes.side) or points.shape[-1] != 2:
        raise ValueError(f"crop_joints: expected ({len(boxes.side)}, J, 2) points, found {tuple(points.shape)}")
    return 2 * (points - boxes.centre[:, None]) / boxes.side[:, None, None]


class Surface:
    """The body's mesh as far as a crop shows it, posed without the rest of the body model's work.

    Vertices that hang on one joint and share a cell of ``grid`` metres in the template become one of them; 0 keeps all.
    """

    def __init__(
        self, body: Body, grid: float = 0.02, skeleton: Skeleton = H36M17, device: torch.device | str = "cpu"
    ) -> None:
        smpl, self.body, self.keypoints = body.smpl, body, body.keypoints(skeleton).to(device)  # and the body
        kept = torch.arange(len(smpl.v_template), device=device)
        faces = body.faces
        if grid > 0:
            cell = torch.cat(((smpl.v_template / grid).floor().long(), smpl.lbs_weights.argmax(1, keepdim=True)), 1)
            _, onto = cell.unique(dim=0, return_inverse=True)
            kept = torch.full_like(kept[: int(onto.max()) + 1], len(kept)).scatter_reduce(0, onto, kept, "amin")
            faces = onto[faces]
            faces = faces[(faces != faces.roll(1, dims=1)).all(1)]
        tables = (smpl.v_template, smpl.shapedirs, smpl.lbs_weights)
        self.template, self.shapedirs, self.weights = (x[kept] for x in tables)
        posedirs = smpl.posedirs.unflatten(1, (-1, 3))[:, kept]  # (207, V, 3)
        self.posedirs = posedirs.flatten(1) if bool(posedirs.any()) else None
        self.caster = MeshCaster(faces)

    @torch.no_grad()
    def __call__(self, theta: Float[Tensor, "T 72"], beta: Float[Tensor, 10]) -> Float[Tensor, "T V 3"]:
        """Vertices, metres, where :class:`phdlib.body.Body` has them."""
        rotations = rotvec_to_rotmat(theta.unflatten(1, (-1, 3)))
        rest = self.body.rest_joints(beta[None]).expand(len(theta), -1, -1)
        _, transforms = batch_rigid_transform(rotations, rest, self.body.smpl.parents)
        vertices = (self.template + self.shapedirs @ beta)[None]
        if self.posedirs is not None:
            feature = rotations[:, 1:] - torch.eye(3, device=theta.device)
            vertices = vertices + (feature.flatten(1) @ self.posedirs).unflatten(1, (-1, 3))
        blended = (self.weights @ transforms[:, :, :3].flatten(2)).unflatten(2, (3, 4))
        return (blended[..., :3] * vertices[..., None, :]).sum(-1) + blended[..., 3]


def clip_boxes(clip: Clip, margin: float = MARGIN) -> CropBoxes:
    """Boxes about a clip's true joints; its detected ones would be ``crop_boxes(clip.keypoints2d)``."""
    return crop_boxes(true_joints2d(clip), margin)


def clip_crops(
    clip: Clip, surface: Surface, size: int = 96, boxes: CropBoxes | None = None, seed: int = 0
) -> Iterator[Tensor]:
    """Crops of a clip in chunks (n, 3, size, size), uint8, on the surface's device; ``boxes`` as :func:`clip_boxes` by
    default. The lens bends what it sees, so that the crops fit ``clip.keypoints2d``."""
    _needs(clip, "theta", "beta", "joints3d", "trajectory", "camera")
    boxes = clip_boxes(clip) if boxes is None else boxes
    if len(boxes.side) != len(clip) or size < 1:
        raise ValueError(f"clip {clip.name}: {len(boxes.side)} boxes of {size} pixels for {len(clip)} frames")
    device, camera = surface.template.device, clip.camera
    beta, look = clip.beta.to(device), _look(clip, surface, seed)
    grain = int(seeded(seed, clip.take, camera.name, "grain").integers(2**30))
    lens = wp.from_torch(camera.intrinsics.to(device).contiguous())
    albedo, room = (wp.from_torch(x.to(device).contiguous(), dtype=wp.vec3) for x in (look.albedo, look.room))
    light, whole = wp.vec3(*look.light.tolist()), wp.vec2(camera.width, camera.height)
    for start in range(0, len(clip), _CHUNK):
        frames = slice(start, start + _CHUNK)
        theta = clip.theta[frames].to(device)
        with torch.no_grad():
            mesh = surface(theta, beta) - surface.keypoints(theta, beta[None])[:, :1]
        mesh = mesh @ camera.rotation.T.to(device) + clip.trajectory[frames, None].to(device)
        crops = torch.empty(len(theta), 3, size, size, dtype=torch.uint8, device=device)
        squares = torch.cat((boxes.centre[frames], boxes.side[frames, None]), 1).tolist()
        slopes = mesh[..., :2] / mesh[..., 2:]
        spans = torch.cat((slopes.amin(1), slopes.amax(1)), 1).tolist()
        for i, (vertices, square, span) in enumerate(zip(mesh, squares, spans, strict=True)):
            fitted = surface.caster.fit(vertices)
            inputs = [fitted.id, fitted.indices, lens, wp.vec3(*square), wp.vec4(*span), whole, albedo, room, light,
                      look.ambient, GRAIN, grain + start + i]  # fmt: skip
            wp.launch(_photograph, (size, size), inputs, [wp.from_torch(crops[i])], device=fitted.device)
        yield crops


def _look(clip: Clip, surface: Surface, seed: int) -> Appearance:
    return appearance(clip.subject, clip.take, clip.camera.name, surface.template, surface.weights, seed)


def _needs(clip: Clip, *fields: str) -> None:
    if missing := [name for name in fields if getattr(clip, name) is None]:
        raise ValueError(f"clip {clip.name}: crops need {', '.join(missing)}, found None")


@wp.kernel
def _photograph(
    mesh: wp.uint64,
    faces: wp.array(dtype=int),
    lens: wp.array(dtype=float),  # f(2) c(2) k(3) p(2)
    square: wp.vec3,  # centre and side
    within: wp.vec4,  # what the mesh spans of x / z and y / z: left, top, right, bottom
    whole: wp.vec2,  # width and height of the image
    albedo: wp.array(dtype=wp.vec3),
    room: wp.array2d(dtype=wp.vec3),
    light: wp.vec3,
    ambient: float,
    grain: float,
    seed: int,
    crop: wp.array3d(dtype=wp.uint8),
):
    row, column = wp.tid()
    size = crop.shape[2]
    u = square[0] + square[2] * ((float(column) + 0.5) / float(size) - 0.5)
    v = square[1] + square[2] * ((float(row) + 0.5) / float(size) - 0.5)
    bent = wp.vec2((u - lens[2]) / lens[0], (v - lens[3]) / lens[1])
    p = wp.vec2(lens[7], lens[8])
    x = bent  # the ray that the lens bends here: the distortion of camera.project_perspective, undone by fixed point
    for _ in range(4):
        r2 = wp.dot(x, x)
        x = (bent - p * r2) * (1.0 / (1.0 + r2 * (lens[4] + r2 * (lens[5] + r2 * lens[6])) + wp.dot(p, x)))
    ray = wp.vec3(x[0], x[1], 1.0)
    reach = 0.0  # a ray beside the person is not even cast
    if x[0] > within[0] and x[1] > within[1] and x[0] < within[2] and x[1] < within[3]:
        reach = 1.0e3
    hit = wp.mesh_query_ray(mesh, wp.vec3(0.0, 0.0, 0.0), ray, reach)
    if hit.result:
        a, b, c = faces[3 * hit.face], faces[3 * hit.face + 1], faces[3 * hit.face + 2]
        skin = hit.u * albedo[a] + hit.v * albedo[b] + (1.0 - hit.u - hit.v) * albedo[c]
        lambert = wp.max(0.0, wp.dot(hit.normal, light) * -wp.sign(wp.dot(hit.normal, ray)))
        colour = (ambient + (1.0 - ambient) * lambert) * skin
    else:
        last = room.shape[0] - 1  # beyond the image its edge goes on, as where HMR pads
        s = wp.clamp(u / whole[0], 0.0, 0.9999) * float(last)
        t = wp.clamp(v / whole[1], 0.0, 0.9999) * float(last)
        i, j = int(t), int(s)
        ft, fs = t - float(i), s - float(j)
        upper = (1.0 - fs) * room[i, j] + fs * room[i, j + 1]
        lower = (1.0 - fs) * room[i + 1, j] + fs * room[i + 1, j + 1]
        colour = (1.0 - ft) * upper + ft * lower
    state = wp.rand_init(seed, row * size + column)
    noise = grain * wp.randn(state)
    for channel in range(3):
        crop[channel, row, column] = wp.uint8(255.0 * wp.clamp(colour[channel] + noise, 0.0, 1.0) + 0.5)
