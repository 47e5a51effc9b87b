"""How well the surfaces of two placed cameras coincide: the one measure by which registrations are judged.

The surface of each camera is thinned to a grid; a grid point of the second camera is *paired* when the nearest grid
point of the first lies within `max_distance_m` and their normals, each turned to its own camera, agree within
`max_angle_deg`. The residual is the distance along the first camera's normal. What has no partner counts against the
share, so that a pose cannot look better by pairing less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .arrays import read_only
from .camera import CameraRig
from .geometry import SE3
from .static_view import StaticView


@dataclass(frozen=True, slots=True)
class OverlapConfig:
    """What counts as a pair.

    Args:
        grid_m: edge of the grid cells to which both surfaces are thinned.
        max_depth_m: farther depth is left out.
        max_distance_m: largest distance of a pair.
        max_angle_deg: largest angle between the normals of a pair.
        normal_radius_m: surroundings from which a normal is estimated.
    """

    grid_m: float = 0.02
    max_depth_m: float = 5.0
    max_distance_m: float = 0.15
    max_angle_deg: float = 45.0
    normal_radius_m: float = 0.10


@dataclass(frozen=True, slots=True, eq=False)
class OverlapResiduals:
    """The outcome for one ordered pair of cameras.

    Args:
        first_id, second_id: the cameras.
        residual_m: (k,) float64 distances of the pairs along the first camera's normal, not negative.
        num_points: grid points of the second camera's surface, paired or not.
    """

    first_id: str
    second_id: str
    residual_m: np.ndarray
    num_points: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "residual_m", read_only(self.residual_m))

    @property
    def share(self) -> float:
        """The paired share of the second camera's surface."""
        return len(self.residual_m) / self.num_points if self.num_points else 0.0

    @property
    def median_mm(self) -> float:
        """Median residual, millimetres; NaN without pairs."""
        return self.percentile_mm(50)

    @property
    def p90_mm(self) -> float:
        """90th percentile of the residual, millimetres; NaN without pairs."""
        return self.percentile_mm(90)

    def percentile_mm(self, percent: float) -> float:
        """A percentile of the residual, millimetres; NaN without pairs."""
        return float(np.percentile(self.residual_m, percent) * 1e3) if len(self.residual_m) else float("nan")


def overlap_residuals(
    rig: CameraRig,
    views: Mapping[str, StaticView],
    first_id: str,
    second_id: str,
    config: OverlapConfig | None = None,
) -> OverlapResiduals:
    """Measure how the static surface of the second camera lies on that of the first.

    Args:
        rig: where the cameras stand.
        views: static surfaces by camera id; the depth as measured is used, not the smoothed points.
        first_id, second_id: which two cameras.
        config: see OverlapConfig.
    """
    config = config or OverlapConfig()
    first_from_second = rig[first_id].camera_from_world @ rig[second_id].world_from_camera
    return surface_residuals(views[first_id], views[second_id], first_from_second, config)


def surface_residuals(
    first: StaticView, second: StaticView, first_from_second: SE3, config: OverlapConfig | None = None
) -> OverlapResiduals:
    """As `overlap_residuals`, for a relative pose."""
    from scipy.spatial import KDTree

    config = config or OverlapConfig()
    first_m, first_normals = _grid_surface(first, config)
    second_m, second_normals = _grid_surface(second, config)
    if not len(first_m) or not len(second_m):
        return OverlapResiduals(first.camera_id, second.camera_id, np.zeros(0), len(second_m))
    moved_m, moved_normals = first_from_second @ second_m, first_from_second.rotate(second_normals)
    distance_m, nearest = KDTree(first_m).query(moved_m, distance_upper_bound=config.max_distance_m)
    near = np.flatnonzero(np.isfinite(distance_m))
    partner = np.asarray(nearest)[near]
    aligned = np.einsum("nc,nc->n", moved_normals[near], first_normals[partner])
    paired = aligned >= np.cos(np.radians(config.max_angle_deg))
    near, partner = near[paired], partner[paired]
    residual_m = np.abs(np.einsum("nc,nc->n", moved_m[near] - first_m[partner], first_normals[partner]))
    return OverlapResiduals(first.camera_id, second.camera_id, residual_m, len(second_m))


def grid_mean(columns: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """(k, c) means of the rows (n, c) that share a grid cell (n, 3) int64, in the order of the cells."""
    _, inverse, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.ravel()
    sums = [np.bincount(inverse, column, len(counts)) for column in columns.T]
    return np.stack(sums, axis=-1) / counts[:, None]


def estimate_normals(points_m: np.ndarray, radius_m: float, toward_m: np.ndarray) -> np.ndarray:
    """(n, 3) unit normals of points (n, 3): least principal axis of the neighbours within a radius, turned to a place.

    Args:
        points_m: the points, all neighbours among themselves.
        radius_m: how far a neighbour may be.
        toward_m: (3,) the place, metres, in the frame of the points; where a point has no normal it is NaN.
    """
    from scipy.spatial import KDTree

    tree = KDTree(points_m)
    normals = np.full((len(points_m), 3), np.nan)
    chunk = 4096
    for begin in range(0, len(points_m), chunk):
        block = points_m[begin : begin + chunk]
        pairs = KDTree(block).sparse_distance_matrix(tree, radius_m, output_type="ndarray")
        offset = points_m[pairs["j"]] - block[pairs["i"]]
        count = np.bincount(pairs["i"], minlength=len(block)).astype(np.float64)
        mean = np.stack([np.bincount(pairs["i"], offset[:, a], len(block)) for a in range(3)], -1) / count[:, None]
        scatter = np.empty((len(block), 3, 3))
        for a in range(3):
            for b in range(a, 3):
                moment = np.bincount(pairs["i"], offset[:, a] * offset[:, b], len(block)) / count
                scatter[:, a, b] = scatter[:, b, a] = moment - mean[:, a] * mean[:, b]
        normal = np.linalg.eigh(scatter)[1][:, :, 0]
        normal *= np.sign(np.einsum("nc,nc->n", normal, toward_m - block) + 1e-300)[:, None]
        normals[begin : begin + chunk] = np.where(count[:, None] >= 5, normal, np.nan)
    return normals


def _grid_surface(view: StaticView, config: OverlapConfig) -> tuple[np.ndarray, np.ndarray]:
    measured_m = view.measured_points(config.max_depth_m)
    points_m = grid_mean(measured_m, np.floor(measured_m / config.grid_m).astype(np.int64))
    return points_m, estimate_normals(points_m, config.normal_radius_m, np.zeros(3))
