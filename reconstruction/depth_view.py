"""One camera's depth image made ready for fusion: what every voxel and every vertex will ask of it.

The image is kept as inverse depth, because a plane is linear in inverse depth over the pixels of a pinhole lens:
blending four neighbours is then exact on walls and tables, however steeply they are seen, and a plane fitted over a
small window takes noise and quantisation away without bending slopes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..capture.arrays import DepthImage
from ..capture.camera import Camera, Intrinsics
from ..capture.errors import InputError
from ..capture.geometry import SE3
from ..capture.noise import DepthNoise

DISTORTION_CODES = {"none": 0, "brown_conrady": 1, "fisheye": 2}


@dataclass(frozen=True, slots=True)
class DepthViewConfig:
    """How a depth image is made ready.

    Args:
        nearest_m, farthest_m: depth outside of this interval is not used.
        noise: of one frame; sets which neighbours are one surface, and the systematic part of the error.
        systematic_share: the part of that noise which averaging over time does not remove.
        fit_radius_px: half width of the window over which a plane is fitted at each pixel.
        gate_sigmas: neighbours farther off than so many standard deviations are another surface.
        least_share: pixels with a smaller share of the window on their own surface are dropped: mixed returns at edges.
        steepest_cos: pixels whose surface is seen flatter than this cosine are dropped.
        free_margin_px: a voxel counts as free only where all pixels this near say so; registration is never perfect.
    """

    nearest_m: float = 0.2
    farthest_m: float = 8.0
    noise: DepthNoise = field(default_factory=DepthNoise)
    systematic_share: float = 0.2
    fit_radius_px: int = 3
    gate_sigmas: float = 4.0
    least_share: float = 0.2
    steepest_cos: float = 0.08
    free_margin_px: int = 2


@dataclass(frozen=True, slots=True, eq=False)
class DepthView:
    """A depth image with its lens and pose, and the quantities derived from it once.

    Args:
        camera_id: which camera.
        lens: the depth lens.
        world_from_depth: its pose.
        inverse_depth: (h, w) float32 1/m, 0 = no return.
        slope: (h, w) float32, distance to the surface's plane per metre of depth (surface normal times pixel ray).
        weight: (h, w) float32 1/m^2, one over the variance along the axis, slant included.
        free_depth_m: (h, w) float32, up to this depth the neighbourhood of the pixel is free; 0 = unknown.
    """

    camera_id: str
    lens: Intrinsics
    world_from_depth: SE3
    inverse_depth: DepthImage
    slope: DepthImage
    weight: DepthImage
    free_depth_m: DepthImage

    def lens_numbers(self) -> np.ndarray:
        """(16,) float64 for the kernels: see `lens_numbers`."""
        return lens_numbers(self.lens)

    def points_m(self) -> np.ndarray:
        """(n, 3) float64 measured points, world metres."""
        v, u = np.nonzero(self.inverse_depth)
        rays = self.lens.rays()[v, u].astype(np.float64)
        return self.world_from_depth @ (rays / self.inverse_depth[v, u][:, None])


def lens_numbers(lens: Intrinsics) -> np.ndarray:
    """(16,) float64: fx fy cx cy, width, height, model code, largest squared image-plane radius, 8 coefficients."""
    numbers = np.zeros(16)
    numbers[:7] = (
        lens.fx_px, lens.fy_px, lens.cx_px, lens.cy_px, lens.width_px, lens.height_px,
        DISTORTION_CODES[lens.distortion_model] if lens.is_distorted else 0,
    )  # fmt: skip
    border = lens.rays()[[0, -1, 0, -1], [0, -1, -1, 0], :2]
    numbers[7] = 1.05 * float((border.astype(np.float64) ** 2).sum(axis=-1).max())
    numbers[8 : 8 + len(lens.distortion)] = lens.distortion
    return numbers


def prepare_view(
    camera: Camera, depth_m: DepthImage, sigma_m: DepthImage, config: DepthViewConfig = DepthViewConfig()
) -> DepthView:
    """Measure slopes and weights of a depth image and drop what no surface can look like.

    Args:
        camera: where the image was taken from.
        depth_m: (h, w) float32 along the optical axis, 0 = unknown.
        sigma_m: (h, w) float32 standard deviation of it.
        config: see there.

    Raises:
        InputError: the camera has no depth lens, or the image does not fit its grid.
    """
    import cv2

    lens = camera.depth
    if lens is None:
        raise InputError("a camera without depth cannot be fused", where=camera.camera_id)
    if depth_m.shape != (lens.height_px, lens.width_px) or sigma_m.shape != depth_m.shape:
        raise InputError(
            f"the background depth is {depth_m.shape[1]}x{depth_m.shape[0]}, "
            f"the lens says {lens.width_px}x{lens.height_px}",
            where=camera.camera_id,
        )
    known = np.isfinite(depth_m) & np.isfinite(sigma_m) & (depth_m >= config.nearest_m) & (depth_m <= config.farthest_m)
    inverse = np.where(known, 1.0 / np.where(known, depth_m, 1.0), 0.0).astype(np.float32)
    lasting_m = config.systematic_share * config.noise.sigma_m(np.where(known, depth_m, 0).astype(np.float32))
    gate_sigma_m = np.sqrt(np.where(known, sigma_m, 0) ** 2 + lasting_m**2)
    rays = lens.rays()
    smooth, slope = fit_planes(inverse, gate_sigma_m, rays, config)
    incidence = slope / np.linalg.norm(rays, axis=-1)
    known &= incidence > config.steepest_cos
    tangent = np.sqrt(1 / np.clip(incidence, config.steepest_cos, 1.0) ** 2 - 1)
    lasting_m = config.systematic_share * config.noise.sigma_m(depth_m, tangent)
    variance = np.where(known, sigma_m, 0) ** 2 + np.where(known, lasting_m, 1.0) ** 2
    weight = np.where(known, 1 / variance, 0).astype(np.float32)
    window = np.ones((2 * config.free_margin_px + 1,) * 2, np.uint8)
    free = cv2.erode(np.where(known, depth_m, 0).astype(np.float32), window)
    return DepthView(
        camera.camera_id, lens, camera.world_from_depth, np.where(known, smooth, np.float32(0)),
        np.where(known, slope, np.float32(0)), weight, free,
    )  # fmt: skip


def fit_planes(
    inverse_depth: np.ndarray, sigma_m: np.ndarray, rays: np.ndarray, config: DepthViewConfig = DepthViewConfig()
) -> tuple[np.ndarray, np.ndarray]:
    """Fit inverse depth = a x + b y + c over the image plane around every pixel, by least squares.

    Neighbours that lie off by more than the gate belong to another surface and stay out of the fit; (a, b, c) is the
    normal of the plane over its distance from the lens.

    Args:
        inverse_depth: (h, w) float32 1/m, 0 = unknown.
        sigma_m: (h, w) float32 standard deviation of one depth pixel.
        rays: (h, w, 3) points at depth 1.
        config: `fit_radius_px`, `gate_sigmas` and `least_share` are used.

    Returns:
        The fitted inverse depth (h, w) float32, and the slope of `DepthView` (h, w) float32, 0 where there is no plane.
    """
    from ._depth_view_kernel import fit_plane_rows
    from .threads import in_ranges

    smooth, slope = np.zeros_like(inverse_depth), np.zeros_like(inverse_depth)

    def work(begin: int, end: int) -> None:
        fit_plane_rows(
            begin, end, inverse_depth, sigma_m, rays,
            config.fit_radius_px, config.gate_sigmas, config.least_share, smooth, slope,
        )  # fmt: skip

    in_ranges(work, len(inverse_depth), size=48)
    return smooth, slope
