"""One camera's part of the surfaces of what moves: an organised grid, each point of it with its owner and its doubt.

A plane is laid through the moving pixels around each pixel, which takes the noise of one frame away; pixels without
neighbours on their own surface, or seen too flatly, are left out. The grid is then thinned, so that its points lie
about as far apart as is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..capture.arrays import MaskImage, RawDepthImage
from ..capture.camera import Camera
from ..capture.errors import InputError
from ..capture.noise import DepthNoise
from .depth_view import DepthViewConfig, fit_planes


@dataclass(frozen=True, slots=True)
class GridConfig:
    """How the grid of one camera is made.

    Args:
        spacing_m: points lie no farther apart than this where the camera resolves that, seen frontally, and not nearer
            than half of it.
        smoothing_m: half the width of the window over which a plane is laid; at least a pixel.
        owner_reach_m: a pixel belongs to whom the nearest known point belongs, within this.
        fit: which neighbours are one surface, and what is left out; see DepthViewConfig.
    """

    spacing_m: float = 0.01
    smoothing_m: float = 0.012
    owner_reach_m: float = 0.06
    fit: DepthViewConfig = field(default_factory=lambda: DepthViewConfig(least_share=0.3, steepest_cos=0.15))


class KnownOwners:
    """Points of which it is known whose they are, at one instant.

    Args:
        points_m: (n, 3) float32, world.
        owner: (n,) int16 number of the owner, -1 = nobody.
        reach_m: what is farther than this from all of them is nobody's.
    """

    def __init__(self, points_m: np.ndarray, owner: np.ndarray, reach_m: float) -> None:
        from . import _surface_kernel as kernel

        self.points_m, self.owner, self._cell_m = points_m, owner, np.float32(reach_m / 2)
        if len(points_m):
            self._low_m = points_m.min(axis=0)
            size = ((points_m.max(axis=0) - self._low_m) / self._cell_m).astype(int) + 1
            self._shape = int(size[0]), int(size[1]), int(size[2])
            self._order, self._begins = kernel.cells_of(points_m, self._low_m, self._cell_m, self._shape)

    def of(self, points_m: np.ndarray) -> np.ndarray:
        """(k,) int16: whose the points (k, 3) are, by the nearest known one; -1 = nobody is within reach."""
        from . import _surface_kernel as kernel

        if not len(self.points_m):
            return np.full(len(points_m), -1, np.int16)
        return kernel.nearest_owner(
            points_m, self.points_m, self.owner, self._order, self._begins, self._low_m, self._cell_m, self._shape
        )


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceGrid:
    """What one camera measured of what moves, on every so many rows and columns of its depth image.

    Args:
        camera: where it stood.
        skew_ns: its exposure minus the instant.
        stride_px: rows and columns from one point to the next.
        inverse_depth: (h, w) float32 1/m of the whole image, planes laid through it; 0 = nothing.
        slope: (h, w) float32, see DepthView.
        sigma_m: (h, w) float32 standard deviation of one depth pixel.
        points_m: (r, c, 3) float32 world, at the exposure.
        owner: (r, c) int16, -1 = nobody.
    """

    camera: Camera
    skew_ns: int
    stride_px: int
    inverse_depth: np.ndarray
    slope: np.ndarray
    sigma_m: np.ndarray
    points_m: np.ndarray
    owner: np.ndarray

    def sampled(self, image: np.ndarray) -> np.ndarray:
        """(r, c) an image at the points of the grid."""
        return image[:: self.stride_px, :: self.stride_px]


def surface_grid(
    camera: Camera,
    depth_raw: RawDepthImage,
    moving: MaskImage,
    owners: KnownOwners,
    skew_ns: int,
    noise: DepthNoise,
    config: GridConfig,
) -> SurfaceGrid:
    """The grid of one camera at one instant.

    Args:
        camera: where it stands.
        depth_raw: (h, w) uint16 counts.
        moving: (h, w) bool, flying pixels taken out.
        owners: whose the points are.
        skew_ns: its exposure minus the instant.
        noise: of its depth.
        config: see GridConfig.

    Raises:
        InputError: the camera has no depth lens.
    """
    lens = camera.depth
    if lens is None:
        raise InputError("a camera without depth has no surfaces", where=camera.camera_id)
    depth_m = np.where(moving, depth_raw, 0).astype(np.float32) * np.float32(camera.depth_unit_m)
    known = (depth_m > config.fit.nearest_m) & (depth_m < config.fit.farthest_m)
    inverse = np.where(known, 1 / np.where(known, depth_m, 1), 0).astype(np.float32)
    sigma_m = np.where(known, noise.sigma_m(depth_m), 0).astype(np.float32)
    rays = lens.rays()
    middle_m = float(np.median(depth_m[known])) if known.any() else 1.0
    px_per_m = min(lens.fx_px, lens.fy_px) / middle_m
    radius_px = max(1, round(config.smoothing_m * px_per_m))
    smooth, slope = fit_planes(inverse, sigma_m, rays, replace(config.fit, fit_radius_px=radius_px))
    good = slope > config.fit.steepest_cos * np.linalg.norm(rays, axis=-1)
    smooth = np.where(good, smooth, np.float32(0))
    stride_px = max(1, int(config.spacing_m * px_per_m))
    at = smooth[::stride_px, ::stride_px]
    local_m = rays[::stride_px, ::stride_px] / np.where(at > 0, at, 1)[..., None]
    points_m = (camera.world_from_depth @ local_m.astype(np.float64)).astype(np.float32)
    owner = np.full(at.shape, -1, np.int16)
    owner[at > 0] = owners.of(points_m[at > 0])
    return SurfaceGrid(camera, skew_ns, stride_px, smooth, np.where(good, slope, 0), sigma_m, points_m, owner)
