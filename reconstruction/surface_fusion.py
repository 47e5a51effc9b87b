"""The grids of all cameras fused into one surface per owner and instant.

Cameras that run freely expose at different moments: the points of an owner are carried to the instant by his velocity.
A point that another camera measures too moves along its ray to the mean of all, weighed by their information; of
cameras that agree on a place, the one that knows it best keeps it. What is left of the grids is triangulated across
their own rows and columns, cut where depth jumps by more than noise and slant explain (as in Turk and Levoy 1994,
whose zippered meshes overlap by a cell before they are cut; here the overlap stays).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .depth_view import lens_numbers
from .surface_grids import SurfaceGrid
from .surface_mesh import Patch


@dataclass(frozen=True, slots=True)
class FusionConfig:
    """How grids become one surface.

    Args:
        gate_sigmas, gate_m: two cameras mean one surface where they differ, across it, by at most so many standard
            deviations of a depth pixel, and this for what is left of their calibration.
        facing_cos: nor do they if one sees the surface of the other flatter than this cosine, or from behind.
        jump_sigmas, jump_tangent: neighbours are one surface where their depths differ by at most so many standard
            deviations, and by what a surface so steep makes of the way between them.
        yield_share: a point is left to another camera that knows more of it, if its own knowledge is a smaller share;
            below 1 surfaces overlap, so that where the better camera has a hole there is none.
        least_cells: connected pieces of fewer cells are left out.
    """

    gate_sigmas: float = 1.25
    gate_m: float = 0.01
    facing_cos: float = 0.25
    jump_sigmas: float = 2.0
    jump_tangent: float = 3.0
    yield_share: float = 0.7
    least_cells: int = 12


def fuse(
    grids: Sequence[SurfaceGrid], velocities_m_s: np.ndarray, config: FusionConfig
) -> list[list[tuple[int, Patch]]]:
    """The surface of each owner as patches, each with the number of the grid that it comes from.

    Args:
        grids: of all cameras that saw something.
        velocities_m_s: (k, 3) of each owner at the instant.
        config: see FusionConfig.
    """
    from scipy import ndimage

    found: list[list[tuple[int, Patch]]] = [[] for _ in velocities_m_s]
    for number, grid in enumerate(grids):
        points_m, kept = _fused(number, grids, velocities_m_s, config)
        joined = _joined(grid, config)
        boxes = ndimage.find_objects(np.where(kept, grid.owner + 1, 0))
        for owner, around in enumerate(boxes):
            if around is not None:
                box = tuple(slice(max(side.start - 1, 0), side.stop + 1) for side in around)
                own = grid.owner[box] == owner
                patch = _patch(points_m[box], kept[box] & own, own, tuple(part[box] for part in joined), config)
                if patch is not None:
                    found[owner].append((number, patch))
    return found


def _fused(
    number: int, grids: Sequence[SurfaceGrid], velocities_m_s: np.ndarray, config: FusionConfig
) -> tuple[np.ndarray, np.ndarray]:
    """The points (r, c, 3) of a grid at the instant, fused with the others, and which of them (r, c) it keeps."""
    grid = grids[number]
    mine = grid.owner >= 0
    owner, slope = grid.owner[mine], grid.sampled(grid.slope)[mine]
    start_m = grid.points_m[mine].astype(np.float64) - velocities_m_s[owner] * (grid.skew_ns * 1e-9)
    rays = grid.points_m[mine] - grid.camera.world_from_depth.translation_m
    depth_m = 1 / grid.sampled(grid.inverse_depth)[mine].astype(np.float64)
    length_m = np.linalg.norm(rays, axis=1)
    rays /= length_m[:, None]
    normals = _normals(grid)[mine]
    own = (slope / depth_m**2) ** 2
    total, moved, best = own.copy(), np.zeros(len(own)), np.ones(len(own), bool)
    for at, other in enumerate(grids):
        if at != number:
            weight, across_m = _seen_by(other, grid, (start_m, owner, normals), velocities_m_s, config)
            total += weight
            moved += weight * across_m
            best &= own >= config.yield_share * weight
    incidence = slope * depth_m / length_m
    points_m = np.zeros(grid.points_m.shape)
    points_m[mine] = start_m + rays * (moved / total / incidence)[:, None]
    keeps = np.zeros(mine.shape, bool)
    keeps[mine] = best
    return points_m, keeps


def _seen_by(
    other: SurfaceGrid, grid: SurfaceGrid, points: tuple[np.ndarray, np.ndarray, np.ndarray],
    velocities_m_s: np.ndarray, config: FusionConfig,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """What another camera knows of the points of a grid.

    Args:
        other: the grid of that camera.
        grid: whose points.
        points: their places (n, 3) at the instant, their owners (n,), and normals (n, 3).
        velocities_m_s: (k, 3) of each owner.
        config: see FusionConfig.

    Returns:
        Its information (n,) on each, 0 = it means something else, and how far (n,) its surface lies behind the point,
        across itself, metres.
    """
    from . import _surface_kernel as kernel

    pose, sigma_m = other.camera.world_from_depth, grid.sampled(grid.sigma_m)[grid.owner >= 0]
    back = pose.inverse()
    weight, across_m = np.empty(len(points[0])), np.empty(len(points[0]))
    assert other.camera.depth is not None
    kernel.seen_by(
        *points, sigma_m, velocities_m_s, other.skew_ns * 1e-9, np.ascontiguousarray(back.rotation),
        np.array(back.translation_m), np.array(pose.translation_m), lens_numbers(other.camera.depth),
        other.inverse_depth, other.slope, other.sigma_m, other.owner, other.stride_px,
        config.gate_sigmas, config.gate_m, config.facing_cos, weight, across_m,
    )  # fmt: skip
    return weight, across_m


def _normals(grid: SurfaceGrid) -> np.ndarray:
    """(r, c, 3) unit normals towards the camera, from the neighbours of each point; along the ray where one lacks."""
    points_m, seen = grid.points_m, grid.sampled(grid.inverse_depth) > 0
    normals = grid.camera.world_from_depth.translation_m.astype(np.float32) - points_m
    inner = slice(1, -1)
    beside = points_m[inner, 2:] - points_m[inner, :-2]
    below = points_m[2:, inner] - points_m[:-2, inner]
    whole = seen[inner, 2:] & seen[inner, :-2] & seen[2:, inner] & seen[:-2, inner]
    normals[inner, inner][whole] = np.cross(below, beside)[whole]
    return normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)


def _joined(grid: SurfaceGrid, config: FusionConfig) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(r, c) each: whether neighbours are one surface, to the right, below, and from upper right to lower left."""
    from . import _surface_kernel as kernel

    assert grid.camera.depth is not None
    inverse = np.ascontiguousarray(grid.sampled(grid.inverse_depth))
    right, below, across = (np.zeros(inverse.shape, bool) for _ in range(3))
    kernel.joined(
        inverse, np.ascontiguousarray(grid.sampled(grid.sigma_m)), grid.stride_px / grid.camera.depth.fx_px,
        config.jump_sigmas, config.jump_tangent, right, below, across,
    )  # fmt: skip
    return right, below, across


def _patch(
    points_m: np.ndarray, kept: np.ndarray, own: np.ndarray, joined: tuple[np.ndarray, ...], config: FusionConfig
) -> Patch | None:
    """The part of a grid that is kept for one owner, with a point more around it, so that patches meet."""
    import cv2

    used = cv2.dilate(kept.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & own
    right, below, across = joined
    both = used[:-1, 1:] & used[1:, :-1] & across[:-1, :-1]
    upper = both & used[:-1, :-1] & right[:-1, :-1] & below[:-1, :-1]
    lower = both & used[1:, 1:] & right[1:, :-1] & below[:-1, 1:]
    if min(used.shape) < 2:
        return None
    labels = np.asarray(cv2.connectedComponents((upper | lower).astype(np.uint8), connectivity=8)[1], np.int64)
    large = np.bincount(labels.ravel()) >= config.least_cells
    large[0] = False
    upper, lower = upper & large[labels], lower & large[labels]
    corners = np.zeros(used.shape, bool)
    corners[:-1, :-1] |= upper
    corners[1:, 1:] |= lower
    corners[:-1, 1:] |= upper | lower
    corners[1:, :-1] |= upper | lower
    if not corners.any():
        return None
    return Patch(corners, upper, lower, points_m[corners])
