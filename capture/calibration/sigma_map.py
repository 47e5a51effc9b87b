"""How precisely a rig can place a point, everywhere in the room."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import Covariance6
from ..camera import Intrinsics
from ..geometry import SE3
from .lens_jacobian import lens_row, project_lenses
from .report_data import SigmaMap
from .rotations import cross_matrix

FEWEST_CAMERAS = 2
NUM_CELLS = 24
NUM_HEIGHTS = 5
MARGIN_SHARE = 0.15


def sigma_map(
    lenses: Sequence[Intrinsics], poses: Sequence[SE3], covariance: Sequence[Covariance6], points_m: np.ndarray,
    noise_px: float,
) -> SigmaMap:  # fmt: skip
    """Predicted sigma of a triangulated point on a grid around where the board was.

    Per camera, the uncertainty of its pose is added to the noise of its pixel; what the poses of two cameras have in
    common is not known here, so the map errs to the careful side where they move together.

    Args:
        lenses, poses: lens and world_from_camera of each camera.
        covariance: (6, 6) of each pose, in the tangent of the camera.
        points_m: (n, 3) where the board's corners were, world; they and the cameras span the grid.
        noise_px: the standard deviation of a pixel per axis.
    """
    eyes_m = np.stack([pose.translation_m for pose in poses])
    low, high = np.percentile(points_m, [1, 99], axis=0)
    low, high = np.minimum(low, eyes_m.min(axis=0)), np.maximum(high, eyes_m.max(axis=0))
    margin = MARGIN_SHARE * (high - low).max()
    low, high = low - margin, high + margin
    x_m, y_m = (np.linspace(low[axis], high[axis], NUM_CELLS) for axis in (0, 1))
    z_m = np.linspace(low[2], high[2], NUM_HEIGHTS)
    grid = np.stack(np.meshgrid(z_m, y_m, x_m, indexing="ij")[::-1], axis=-1).reshape(-1, 3)
    information, seen = np.zeros((len(grid), 3, 3)), np.zeros(len(grid), dtype=int)
    for lens, pose, spread in zip(lenses, poses, covariance, strict=True):
        visible, gained = _information(lens, pose, np.asarray(spread), grid, noise_px)
        information[visible] += gained
        seen += visible
    sigma_mm = np.full(len(grid), np.nan)
    enough = np.flatnonzero((seen >= FEWEST_CAMERAS) & (np.linalg.cond(information) < 1e12))
    sigma_mm[enough] = 1e3 * np.sqrt(np.trace(np.linalg.inv(information[enough]), axis1=1, axis2=2))
    shape = (len(z_m), len(y_m), len(x_m))
    return SigmaMap(x_m, y_m, z_m, sigma_mm.reshape(shape), seen.reshape(shape), noise_px)


def _information(
    lens: Intrinsics, pose: SE3, spread: np.ndarray, grid: np.ndarray, noise_px: float
) -> tuple[np.ndarray, np.ndarray]:
    camera_from_world = pose.inverse()
    points_m = camera_from_world @ grid
    visible = lens.contains(lens.project(points_m))
    near = points_m[visible]
    rows = np.repeat(lens_row(lens)[None], len(near), axis=0)
    by_point = project_lenses(near, rows, np.full(len(near), lens.distortion_model == "fisheye")).by_point
    by_pose = np.concatenate([-by_point @ cross_matrix(near), by_point], axis=2)
    noise = noise_px**2 * np.eye(2) + by_pose @ spread @ by_pose.transpose(0, 2, 1)
    by_world = by_point @ camera_from_world.rotation
    return visible, by_world.transpose(0, 2, 1) @ np.linalg.solve(noise, by_world)
