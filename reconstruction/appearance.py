"""What each camera says about each vertex: seen or not, how far off, in which colour; and all cameras in one.

Colour is taken at the vertices and not in the voxels: it keeps the resolution of the colour lens, and its occlusion can
be tested from where the colour lens stands. Exposure differs from camera to camera; one gain per camera and channel is
solved from the vertices that two cameras see (after Brown and Lowe 2007, in logarithms and with medians), so that seams
do not glare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..capture.arrays import ColorImage, ColorList
from ..capture.camera import Camera, Intrinsics
from ..capture.noise import DepthNoise
from .depth_view import DepthView, lens_numbers
from .mesh import TriangleMesh
from .threads import in_ranges
from .tsdf import CONTINUITY

DARKEST, BRIGHTEST = 12, 243
UNSEEN_RGB = 128
VERTICES_PER_TASK = 65536


@dataclass(frozen=True, slots=True)
class AppearanceConfig:
    """How vertices are tested and painted.

    Args:
        seen_within_m: a camera sees a vertex when its depth there agrees within this, along the normal,
        seen_within_sigmas: or within so many standard deviations of one frame, where that is more.
        noise: that standard deviation.
        occlusion_m: a vertex this far behind the surface that the colour lens sees is hidden from it; noise is
            added to this.
        least_shared: pairs of cameras that share fewer vertices do not constrain gains.
        largest_log_gain: gains stay within e to the power of plus or minus this.
    """

    seen_within_m: float = 0.03
    seen_within_sigmas: float = 3.0
    noise: DepthNoise = field(default_factory=DepthNoise)
    occlusion_m: float = 0.06
    least_shared: int = 50
    largest_log_gain: float = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class VertexQuality:
    """sigma_m (n,) float32 along the normal; coverage (n,) uint8, how many cameras' depth agrees with the vertex."""

    sigma_m: np.ndarray
    coverage: np.ndarray


def measure_vertices(
    mesh: TriangleMesh, views: Sequence[DepthView], config: AppearanceConfig = AppearanceConfig()
) -> VertexQuality:
    """Compare every vertex with every depth image.

    The standard deviation is that of the weighted mean, 1 / sqrt(sum of weights), times the Birge ratio where cameras
    disagree by more than their noise (Birge 1932): two cameras a centimetre apart make no millimetre surface.
    """
    count = len(mesh.vertices_m)
    coverage = np.zeros(count, np.uint8)
    weight_sum, first, second = np.zeros(count), np.zeros(count), np.zeros(count)
    within = np.array([
        config.seen_within_m,
        config.seen_within_sigmas * config.noise.constant_m,
        config.seen_within_sigmas * config.noise.quadratic_per_m,
    ])  # fmt: skip
    for view in views:
        _compare(mesh, view, within, coverage, weight_sum, first, second)
    known = np.maximum(weight_sum, 1.0)
    chi_square = np.maximum(second - first**2 / known, 0.0)
    birge = np.maximum(chi_square / np.maximum(coverage.astype(np.float64) - 1, 1), 1.0)
    return VertexQuality(np.sqrt(birge / known).astype(np.float32), coverage)


def _compare(mesh: TriangleMesh, view: DepthView, within: np.ndarray, *sums: np.ndarray) -> None:
    from . import _appearance_kernel as kernel

    depth_from_world = view.world_from_depth.inverse()
    pose = np.ascontiguousarray(depth_from_world.rotation), np.array(depth_from_world.translation_m)

    def work(begin: int, end: int) -> None:
        kernel.compare(
            begin, end, mesh.vertices_m, mesh.normals, *pose, view.lens_numbers(),
            view.inverse_depth, view.slope, view.weight, CONTINUITY, within, *sums,
        )  # fmt: skip

    in_ranges(work, len(mesh.vertices_m), size=VERTICES_PER_TASK)


def paint_vertices(
    mesh: TriangleMesh,
    cameras: Sequence[Camera],
    views: Sequence[DepthView],
    images: Sequence[ColorImage | None],
    config: AppearanceConfig = AppearanceConfig(),
) -> ColorList:
    """The colour of every vertex, blended over the cameras whose colour lens sees it.

    Args:
        mesh: what to paint.
        cameras, views, images: in the same order; a camera without an image paints nothing.
        config: see there.

    Returns:
        (n, 3) uint8; a vertex that no colour lens sees takes the colour of the nearest one that is seen.
    """
    sampled, weights = [], []
    for camera, view, image in zip(cameras, views, images, strict=True):
        if image is not None:
            color, weight = _sample(mesh, camera, view, image, config)
            sampled.append(color)
            weights.append(weight)
    if not sampled:
        return np.full((len(mesh.vertices_m), 3), UNSEEN_RGB, np.uint8)
    gains = solve_gains(sampled, weights, config)
    total = np.zeros((len(mesh.vertices_m), 3))
    weight_sum = np.zeros((len(mesh.vertices_m), 1))
    for color, weight, gain in zip(sampled, weights, gains, strict=True):
        total += weight[:, None] * np.clip(color * gain, 0, 255)
        weight_sum += weight[:, None]
    blended = np.where(weight_sum > 0, total / np.maximum(weight_sum, 1e-12), UNSEEN_RGB)
    return _fill_unseen(mesh, blended.round().astype(np.uint8), weight_sum[:, 0] > 0)


def solve_gains(colors: Sequence[np.ndarray], weights: Sequence[np.ndarray], config: AppearanceConfig) -> np.ndarray:
    """(c, 3) factors that bring the cameras' colours (n, 3) of shared vertices together; their logarithms sum to 0."""
    count = len(colors)
    usable = [
        (weight > 0) & (color > DARKEST).all(axis=1) & (color < BRIGHTEST).all(axis=1)
        for color, weight in zip(colors, weights, strict=True)
    ]
    normal, right = np.eye(count), np.zeros((count, 3))
    for a in range(count):
        for b in range(a + 1, count):
            shared = usable[a] & usable[b]
            if shared.sum() < config.least_shared:
                continue
            log_ratio = np.median(np.log(colors[b][shared] / colors[a][shared]), axis=0)
            confidence = float(np.sqrt(shared.sum()))
            normal[[a, b], [a, b]] += confidence
            normal[[a, b], [b, a]] -= confidence
            right[a] += confidence * log_ratio
            right[b] -= confidence * log_ratio
    log_gain = np.linalg.solve(normal, right)
    return np.exp(np.clip(log_gain, -config.largest_log_gain, config.largest_log_gain))


def _sample(
    mesh: TriangleMesh, camera: Camera, view: DepthView, image: np.ndarray, config: AppearanceConfig
) -> tuple[np.ndarray, np.ndarray]:
    from . import _appearance_kernel as kernel

    nearest_m, shrink = _color_lens_depth(camera, view)
    camera_from_world = camera.camera_from_world
    pose = np.ascontiguousarray(camera_from_world.rotation), np.array(camera_from_world.translation_m)
    tolerance = np.array([config.occlusion_m, config.seen_within_sigmas * config.noise.quadratic_per_m])
    color, weight = np.zeros((len(mesh.vertices_m), 3), np.float32), np.zeros(len(mesh.vertices_m), np.float32)

    def work(begin: int, end: int) -> None:
        kernel.sample_color(
            begin, end, mesh.vertices_m, mesh.normals, *pose, lens_numbers(camera.color),
            np.ascontiguousarray(image), nearest_m, shrink, tolerance, color, weight,
        )  # fmt: skip

    in_ranges(work, len(mesh.vertices_m), size=VERTICES_PER_TASK)
    return color, weight


def _color_lens_depth(camera: Camera, view: DepthView) -> tuple[np.ndarray, float]:
    """The depth image as the colour lens would see it, nearest surface per coarse pixel, infinite where unknown."""
    import cv2

    lens = camera.color
    shrink = min(1.0, 0.7 * min(view.lens.fx_px / lens.fx_px, view.lens.fy_px / lens.fy_px))
    coarse: Intrinsics = lens.scaled(shrink)
    v, u = np.nonzero(view.inverse_depth)
    rays = view.lens.rays()[v, u].astype(np.float64)
    points_m = camera.color_from_depth @ (rays / view.inverse_depth[v, u][:, None])
    pixel = coarse.project(points_m)
    inside = coarse.contains(pixel)
    column, row = np.rint(pixel[inside]).astype(np.int64).T
    nearest_m = np.full((coarse.height_px, coarse.width_px), np.inf, np.float32)
    row, column = np.clip(row, 0, coarse.height_px - 1), np.clip(column, 0, coarse.width_px - 1)
    np.minimum.at(nearest_m, (row, column), points_m[inside, 2].astype(np.float32))
    holes_filled = cv2.erode(nearest_m, np.ones((3, 3), np.uint8))
    return np.where(np.isinf(nearest_m), holes_filled, nearest_m), shrink


def _fill_unseen(mesh: TriangleMesh, colors: np.ndarray, seen: np.ndarray) -> np.ndarray:
    from scipy.spatial import KDTree

    if seen.any() and not seen.all():
        _, nearest = KDTree(mesh.vertices_m[seen]).query(mesh.vertices_m[~seen])
        colors[~seen] = colors[seen][nearest]
    return colors
