"""What a body is fitted to: joints, surface points and free space of one person through time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..capture.arrays import read_only
from ..capture.camera import Camera
from ..capture.errors import InputError

GRID_STEP_PX = 4
LEAST_JOINTS = 3


@dataclass(frozen=True, slots=True, eq=False)
class FreeView:
    """What one camera says about free space at every instant, on a coarse pinhole grid.

    Args:
        camera_id: which camera.
        depth_from_world: (3, 4), the pose of its depth lens as rotation and shift.
        focal_px, center_px: (2,), (2,) of the grid.
        free_m: (t, h, w) float32, nothing stands nearer than this; 0 = unknown.
    """

    camera_id: str
    depth_from_world: np.ndarray
    focal_px: np.ndarray
    center_px: np.ndarray
    free_m: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class BodyEvidence:
    """One track's measurements at t instants.

    Args:
        times_ns: (t,) int64, rig clock, increasing.
        joints_m: (t, 17, 3) COCO-17, world, NaN = unknown.
        covariance_m2: (t, 17, 3, 3) of them.
        points_m: per instant (n, 3) measured surface, world.
        normals: per instant (n, 3) unit vectors out of it.
        views: what cameras say about free space; may be empty.

    Raises:
        InputError: lengths differ, times do not increase, or nothing at all is known.
    """

    times_ns: np.ndarray
    joints_m: np.ndarray
    covariance_m2: np.ndarray
    points_m: tuple[np.ndarray, ...]
    normals: tuple[np.ndarray, ...]
    views: tuple[FreeView, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.times_ns)
        if self.joints_m.shape != (count, 17, 3) or self.covariance_m2.shape != (count, 17, 3, 3):
            raise InputError(
                f"{count} instants need joints of shape ({count}, 17, 3) and their covariances, "
                f"got {self.joints_m.shape} and {self.covariance_m2.shape}"
            )
        if not len(self.points_m) == len(self.normals) == count or any(len(v.free_m) != count for v in self.views):
            raise InputError(f"points, normals and views must be those of the {count} instants")
        if any(a.shape != b.shape for a, b in zip(self.points_m, self.normals, strict=True)):
            raise InputError("every point needs its normal")
        if np.any(np.diff(self.times_ns) <= 0):
            raise InputError("the instants of a track must increase", todo="sort them, and leave doubles away")
        if not (np.isfinite(self.joints_m).all(axis=2).sum(axis=1) >= LEAST_JOINTS).any():
            raise InputError(
                "no instant of the track has three joints", why="a body cannot be placed without them",
                todo="lift joints first, or leave this track without a body",
            )  # fmt: skip
        for name in ("times_ns", "joints_m", "covariance_m2"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def at(self, rows: np.ndarray) -> BodyEvidence:
        """The evidence of some instants."""
        views = tuple(
            FreeView(v.camera_id, v.depth_from_world, v.focal_px, v.center_px, v.free_m[rows]) for v in self.views
        )
        return BodyEvidence(
            self.times_ns[rows], self.joints_m[rows], self.covariance_m2[rows],
            tuple(self.points_m[row] for row in rows), tuple(self.normals[row] for row in rows), views,
        )  # fmt: skip


def free_view(camera: Camera, depth_m: Sequence[np.ndarray | None], step_px: int = GRID_STEP_PX) -> FreeView:
    """A camera's depth images as free space: a coarse cell is as free as its nearest pixel.

    Args:
        camera: where it stands.
        depth_m: per instant (h, w) float32 metres along the axis, 0 = no return, or None = no frame.
        step_px: a cell of the grid is so many pixels wide.

    Raises:
        InputError: the camera has no depth lens, or an image does not fit it.
    """
    import cv2

    lens = camera.depth
    if lens is None:
        raise InputError("a camera without depth says nothing about free space", where=camera.camera_id)
    width, height = lens.width_px // step_px, lens.height_px // step_px
    focal_px = np.array([lens.fx_px, lens.fy_px]) / step_px
    center_px = (np.array([lens.cx_px, lens.cy_px]) + 0.5) / step_px - 0.5
    cells = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
    rays = np.concatenate([(cells - center_px) / focal_px, np.ones((height, width, 1))], axis=-1)
    uv = np.nan_to_num(lens.project(rays), nan=-1e4)
    column, row = np.rint(uv[..., 0]).astype(int), np.rint(uv[..., 1]).astype(int)
    inside = (column >= 0) & (column < lens.width_px) & (row >= 0) & (row < lens.height_px)
    window = np.ones((step_px + 1, step_px + 1), np.uint8)
    free_m = np.zeros((len(depth_m), height, width), np.float32)
    for instant, image in enumerate(depth_m):
        if image is None:
            continue
        if image.shape != (lens.height_px, lens.width_px):
            raise InputError(f"a depth image of shape {image.shape} does not fit the lens", where=camera.camera_id)
        nearest = cv2.erode(np.nan_to_num(image, nan=0.0, posinf=0.0), window)
        free_m[instant][inside] = nearest[row[inside], column[inside]]
    pose = camera.world_from_depth.inverse()
    place = np.concatenate([pose.rotation, pose.translation_m[:, None]], axis=1)
    return FreeView(camera.camera_id, place, focal_px, center_px, free_m)


def with_normals(points_m: np.ndarray, viewpoints_m: np.ndarray, neighbors: int = 14) -> np.ndarray:
    """(n, 3) unit normals of surface points by the plane through each one's neighbours (Hoppe et al. 1992).

    Args:
        points_m: (n, 3) measured surface.
        viewpoints_m: (c, 3) the cameras; a normal points to the one that it faces most.
        neighbors: how many points a plane goes through.
    """
    from scipy.spatial import KDTree

    points_m = np.asarray(points_m, dtype=np.float64)
    if len(points_m) < 3:
        return np.tile([0.0, 0.0, 1.0], (len(points_m), 1))
    _, near = KDTree(points_m).query(points_m, k=min(neighbors, len(points_m)))
    around = points_m[near] - points_m[near].mean(axis=1, keepdims=True)
    normals = np.linalg.eigh(np.einsum("nki,nkj->nij", around, around))[1][..., 0]
    ways = viewpoints_m[:, None] - points_m
    facing = np.einsum("cni,ni->cn", ways / np.linalg.norm(ways, axis=-1, keepdims=True), normals)
    best = facing[np.abs(facing).argmax(axis=0), np.arange(len(points_m))]
    return normals * np.where(best < 0, -1.0, 1.0)[:, None]


def surface_points(
    cameras: Mapping[str, Camera], depth_m: Mapping[str, np.ndarray], mask: Mapping[str, np.ndarray], voxel_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) and normals (n, 3) of whatever the masks mark, thinned to one point per voxel and camera.

    Args:
        cameras: by id.
        depth_m: (h, w) depth image by camera.
        mask: (h, w) bool by camera, the pixels that belong to the person.
        voxel_m: edge of a voxel.
    """
    from .surfaces import thin

    points, normals = [np.zeros((0, 3))], [np.zeros((0, 3))]
    for name, image in depth_m.items():
        lens, pose = cameras[name].depth, cameras[name].world_from_depth
        if lens is None:
            raise InputError("a camera without depth measures no surface", where=name)
        rows, columns = np.nonzero(mask[name] & (image > 0))
        own = pose @ (lens.rays()[rows, columns].astype(np.float64) * image[rows, columns, None])
        own = own[thin(own.astype(np.float32), voxel_m)] if len(own) else own
        points.append(own)
        normals.append(with_normals(own, pose.translation_m[None]))
    return np.concatenate(points), np.concatenate(normals)
