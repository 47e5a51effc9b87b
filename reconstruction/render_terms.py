"""Silhouette and depth of a mesh as a camera would draw them, differentiably, and how far they are from what it saw.

Where pytorch3d is installed (extra `pytorch3d`) its MeshRasterizer draws (Ravi et al. 2020; soft silhouettes after Liu
et al., "Soft Rasterizer", 2019). Elsewhere a compiled loop finds the triangles of each pixel and torch repeats what
depends on the vertices, with the same formulas and the same blur, so that both give comparable pictures. On a CPU a
view of 160 x 144 costs tens of milliseconds: these terms are for refining few instants, or for a GPU.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..capture.errors import InputError
from .body_evidence import FreeView

if TYPE_CHECKING:
    import torch

SOFT_PX2 = 0.3
BLUR_PX = 1.5
# A body of 6000 triangles has some fifty, front and back, within the blur of a pixel of 3 cm; too few lose the front.
FACES_PER_PIXEL = 64


@dataclass(frozen=True, slots=True, eq=False)
class SeenPerson:
    """What one camera saw of a person at some instants, on the grid of a FreeView.

    Args:
        view: the camera's grid and pose.
        mask: (t, h, w) bool, pixels that show the person.
        depth_m: (t, h, w) float32 measured along the axis, 0 = unknown.
    """

    view: FreeView
    mask: np.ndarray
    depth_m: np.ndarray


class RenderTerm:
    """An extra term of `fit_body`: the drawn body covers the person's pixels, at the measured depth.

    Args:
        faces: (f, 3) of the model.
        seen: by camera.
        weight: energy of a picture whose silhouette is all wrong.
        depth_sigma_m: standard deviation of depth; differences beyond three of them no longer count.
        every: so many instants apart a picture is drawn.

    Raises:
        InputError: a camera's masks do not fit its grid.
    """

    def __init__(
        self, faces: np.ndarray, seen: Sequence[SeenPerson], *, weight: float = 60.0, depth_sigma_m: float = 0.02,
        every: int = 1,
    ) -> None:  # fmt: skip
        for one in seen:
            if one.mask.shape != one.depth_m.shape or one.mask.shape[1:] != one.view.free_m.shape[1:]:
                raise InputError("masks and depth must lie on the grid of the view", where=one.view.camera_id)
        self._faces, self._seen, self._weight, self._every = faces, seen, weight, every
        self._depth_sigma_m = depth_sigma_m

    def __call__(self, vertices: torch.Tensor, instants: np.ndarray) -> torch.Tensor:
        """The energy of bodies (t, n, 3), world, at instants (t,)."""
        import torch

        energy = vertices.sum() * 0.0
        for row, instant in enumerate(instants.tolist()):
            if instant % self._every:
                continue
            for one in self._seen:
                mask = torch.from_numpy(one.mask[instant].astype(np.float32))
                measured = torch.from_numpy(one.depth_m[instant].astype(np.float32))
                covered, depth = render(vertices[row], self._faces, one.view, mask.shape)
                both = (mask * covered).sum() / (mask + covered - mask * covered).sum().clamp_min(1.0)
                energy = energy + self._weight * (1 - both) * (mask.sum() > 0)
                shared = (depth > 0) & (measured > 0) & (mask > 0)
                squared = (((depth - measured) / self._depth_sigma_m) ** 2)[shared]
                if len(squared):
                    energy = energy + 0.5 * self._weight * (squared / (1 + squared / 9.0)).mean()
        return energy


def render(
    vertices: torch.Tensor, faces: np.ndarray, view: FreeView, size: Sequence[int], *, soft_px2: float = SOFT_PX2
) -> tuple[torch.Tensor, torch.Tensor]:
    """What a camera would see of a mesh, by pytorch3d where it is installed.

    Args:
        vertices: (n, 3) world.
        faces: (f, 3).
        view: the camera's grid and pose.
        size: height and width of the grid.
        soft_px2: how soft the silhouette is, in squared pixels.

    Returns:
        (h, w) how much of a pixel is covered, in [0, 1], and (h, w) depth along the axis, metres, 0 = nothing there.
    """
    draw = render_pytorch3d if importlib.util.find_spec("pytorch3d") else render_torch
    return draw(vertices, faces, view, size, soft_px2=soft_px2)


def render_torch(
    vertices: torch.Tensor, faces: np.ndarray, view: FreeView, size: Sequence[int], *, soft_px2: float = SOFT_PX2
) -> tuple[torch.Tensor, torch.Tensor]:
    """`render` without pytorch3d."""
    import torch

    from ._render_terms_kernel import rasterize

    local = _local(vertices, view)
    focal, center = (torch.from_numpy(array.astype(np.float32)) for array in (view.focal_px, view.center_px))
    uv = local[:, :2] / local[:, 2:].clamp_min(0.05) * focal + center
    corners = torch.cat([uv, local[:, 2:]], dim=1)[torch.from_numpy(np.array(faces))]
    found, seen = corners.detach().numpy().astype(np.float64), np.empty((size[0], size[1], 1), np.int64)
    near = np.empty((size[0], size[1], FACES_PER_PIXEL), np.int64)
    rasterize(found, size[0], size[1], 0.0, seen)
    rasterize(found, size[0], size[1], BLUR_PX, near)
    rows, columns, layers = np.nonzero(near >= 0)
    signed = torch.full(near.shape, torch.inf)
    triangles = corners[torch.from_numpy(near[rows, columns, layers])][..., :2]
    away2, inside, _ = _to_triangle(_pixels(rows, columns), triangles)
    signed = signed.index_put(tuple(map(torch.from_numpy, (rows, columns, layers))), torch.where(inside, -away2, away2))
    rows, columns, _ = np.nonzero(seen >= 0)
    own = corners[torch.from_numpy(seen[rows, columns, 0])]
    _, _, shares = _to_triangle(_pixels(rows, columns), own[..., :2])
    # Inverse depth is linear over the picture.
    z = 1 / (shares / own[..., 2].clamp_min(0.05)).sum(dim=1)
    depth = torch.zeros(near.shape[:2]).index_put((torch.from_numpy(rows), torch.from_numpy(columns)), z)
    return _covered(signed, torch.from_numpy(seen[..., 0] >= 0), soft_px2), depth


def render_pytorch3d(
    vertices: torch.Tensor, faces: np.ndarray, view: FreeView, size: Sequence[int], *, soft_px2: float = SOFT_PX2
) -> tuple[torch.Tensor, torch.Tensor]:
    """`render` by pytorch3d's MeshRasterizer, on the device of the vertices."""
    import torch

    renderer, structures, utils = (
        importlib.import_module(f"pytorch3d.{n}") for n in ("renderer", "structures", "utils")
    )
    device, pose = vertices.device, torch.from_numpy(view.depth_from_world.astype(np.float32))
    matrix = torch.eye(3)[None]
    matrix[0, 0, 0], matrix[0, 1, 1] = float(view.focal_px[0]), float(view.focal_px[1])
    # pytorch3d counts from the corner of the first pixel, we from its middle.
    matrix[0, 0, 2], matrix[0, 1, 2] = float(view.center_px[0]) + 0.5, float(view.center_px[1]) + 0.5
    image_size = torch.tensor([[size[0], size[1]]])
    cameras = utils.cameras_from_opencv_projection(pose[None, :, :3], pose[None, :, 3], matrix, image_size).to(device)
    mesh = structures.Meshes([vertices], [torch.from_numpy(np.ascontiguousarray(faces)).to(device)])
    pixel_ndc = 2.0 / min(size)

    def rasterized(blur_px: float, num: int) -> Any:
        settings = renderer.RasterizationSettings(
            image_size=(int(size[0]), int(size[1])), blur_radius=(blur_px * pixel_ndc) ** 2, faces_per_pixel=num,
            perspective_correct=True, clip_barycentric_coords=True, bin_size=0,
        )  # fmt: skip
        return renderer.MeshRasterizer(cameras=cameras, raster_settings=settings)(mesh)

    near, seen = rasterized(BLUR_PX, FACES_PER_PIXEL), rasterized(0.0, 1)
    signed = torch.where(near.pix_to_face[0] >= 0, near.dists[0] / pixel_ndc**2, torch.inf)
    hit = seen.pix_to_face[0, ..., 0] >= 0
    return _covered(signed, hit, soft_px2), torch.where(hit, seen.zbuf[0, ..., 0], 0.0)


def _covered(signed_px2: torch.Tensor, hit: torch.Tensor, soft_px2: float) -> torch.Tensor:
    """(h, w) how much of each pixel is covered, from squared distances to its triangles (h, w, k), negative inside.

    A pixel that is hit is covered by all its triangles together, as in the Soft Rasterizer; beside the mesh only the
    nearest counts, because a fine mesh has many there, which would make it fat.
    """
    import torch

    inner = 1 - torch.exp(torch.nn.functional.logsigmoid(signed_px2.clamp_max(1e3) / soft_px2).sum(dim=2))
    return torch.where(hit, inner, torch.sigmoid(-signed_px2.min(dim=2).values.clamp_max(1e3) / soft_px2))


def _pixels(rows: np.ndarray, columns: np.ndarray) -> torch.Tensor:
    """(m, 2) places u, v of pixels."""
    import torch

    return torch.from_numpy(np.stack([columns, rows], axis=1).astype(np.float32))


def _local(vertices: torch.Tensor, view: FreeView) -> torch.Tensor:
    import torch

    pose = torch.from_numpy(view.depth_from_world.astype(np.float32)).to(vertices)
    return vertices @ pose[:, :3].T + pose[:, 3]


def _to_triangle(pixel: torch.Tensor, corners: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of pixels (m, 2) and triangles (m, 3, 2): squared distance to the outline, whether inside, and the shares of the
    corners (m, 3), cut off at the outline.
    """
    import torch

    following = corners.roll(-1, dims=1)
    side, way = following - corners, pixel[:, None] - corners
    share = ((way * side).sum(dim=2) / (side**2).sum(dim=2).clamp_min(1e-12)).clamp(0.0, 1.0)
    away2 = ((way - share[..., None] * side) ** 2).sum(dim=2).min(dim=1).values
    cross = side[..., 0] * way[..., 1] - side[..., 1] * way[..., 0]
    area = cross.sum(dim=1, keepdim=True)
    shares = torch.where(area.abs() > 1e-9, cross / torch.where(area.abs() > 1e-9, area, torch.ones_like(area)), 1 / 3)
    inside = (shares > 0).all(dim=1)
    shares = shares.roll(-1, dims=1).clamp_min(0.0)
    return away2, inside, shares / shares.sum(dim=1, keepdim=True).clamp_min(1e-9)
