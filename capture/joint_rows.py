"""Residuals of a joint refinement: surfaces of two cameras on each other, and colour matches on each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .depth_bend import BendablePoints
from .features import Matches
from .geometry import SE3
from .joint_problem import JointCamera, JointMatches, JointState
from .surface_icp import Surface

NUM_UNKNOWNS = 19
TILE_M = 1.0
SPOT_RAD = 0.15
KERNEL = 3.0
FARTHEST = 5.0
COMMON_PX = 0.35
SMALL_PATCH = 50.0
FLAT_NEIGHBOURS, FLAT_RAD = 12, 0.12
LEAST_OWN_M = 0.0005
LIFTING_SHARE = 0.003


@dataclass(frozen=True, slots=True, eq=False)
class PairRows:
    """Whitened residuals (n,) of two cameras, their robust weights, and derivatives (n, 19) by the unknowns of each.

    The unknowns of a camera are a turn (rad) and a shift (m) in its own tangent, and the 13 terms of its depth. Noise
    is of depth as read, so it grows with the correction. Without that a fit would shrink the room to shrink its errors.
    """

    first: int
    second: int
    residual: np.ndarray
    weight: np.ndarray
    by_first: np.ndarray
    by_second: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class PlacedSurface:
    """The corrected surface of one camera in the rig: points, normals, derivatives, a search tree, and how wrong depth
    may be at each point.
    """

    points_m: np.ndarray
    normals: np.ndarray
    by_unknowns: np.ndarray
    log_by_terms: np.ndarray
    remaining_m: np.ndarray
    tree: Any


def place_surface(camera: JointCamera, bendable: BendablePoints, pose: SE3, terms: np.ndarray) -> PlacedSurface:
    """The surface of a camera as a state has it; `bendable` are the points of the camera's surface."""
    from scipy.spatial import KDTree

    points_m, by_unknowns, log_by_terms = placed_points(bendable, pose, terms)
    normals = pose.rotate(camera.normals(bendable, camera.surface.normals, terms))
    return PlacedSurface(
        points_m, normals, by_unknowns, log_by_terms, camera.bend.remaining_m(bendable.depth_m), KDTree(points_m)
    )


def flat_part(surface: Surface) -> Surface:
    """Where normals hardly turn from a point to the next: depth cameras fatten what is round, and smooth over edges.

    A camera sees the near side of each round thing, fattened towards itself; opposite cameras would push each other
    away. The limit is 7 degrees, or what is usual in the surface where it is all rough.
    """
    from scipy.spatial import KDTree

    if len(surface.points_m) <= FLAT_NEIGHBOURS:
        return surface
    nearest = KDTree(surface.points_m).query(surface.points_m, k=FLAT_NEIGHBOURS)[1]
    together = np.linalg.norm(surface.normals[nearest].mean(axis=1), axis=1)
    turn_rad = np.arccos(np.clip(together, -1, 1))
    return surface.part(turn_rad < max(FLAT_RAD, float(np.median(turn_rad))))


def placed_points(bendable: BendablePoints, pose: SE3, terms: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Corrected points (n, 3) in the rig, their derivatives (n, 3, 19), and those of the log of the correction."""
    points_m, by_terms, log_by_terms = bendable.at(terms)
    by_unknowns = np.empty((len(points_m), 3, NUM_UNKNOWNS))
    by_unknowns[:, :, :3] = -pose.rotation @ _cross(points_m)
    by_unknowns[:, :, 3:6] = pose.rotation
    by_unknowns[:, :, 6:] = pose.rotation @ by_terms
    return pose @ points_m, by_unknowns, log_by_terms


def surface_rows(
    first: int,
    second: int,
    surfaces: list[PlacedSurface],
    max_distance_m: float,
    max_angle_deg: float,
    least_m: float,
) -> PairRows:
    """Point-to-plane residuals in both directions (Chen and Medioni 1991), whitened patch by patch.

    Errors of depth are alike within a patch, a metre of a floor or a wall: n rows with noise s of their own and an
    error c in common say as much as n rows of variance s^2 + n c^2 each. Both are measured on the rows themselves, but
    c is never taken for less than `least_m`, what no correction of these sensors mends. Where depth may be bent more,
    far away, c is larger in proportion. Scraps count less than patches.
    """
    blocks = []
    for query, target, turned in ((first, second, False), (second, first, True)):
        distance_m, nearest = surfaces[target].tree.query(surfaces[query].points_m, distance_upper_bound=max_distance_m)
        at_query = np.flatnonzero(np.isfinite(distance_m))
        at_target = np.asarray(nearest)[at_query]
        aligned = np.einsum("nc,nc->n", surfaces[query].normals[at_query], surfaces[target].normals[at_target])
        close = aligned > np.cos(np.radians(max_angle_deg))
        at_query, at_target = at_query[close], at_target[close]
        normal = surfaces[target].normals[at_target]
        blocks.append((at_target, at_query, normal) if turned else (at_query, at_target, normal))
    at_first, at_second, normal = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    one, two = surfaces[first], surfaces[second]
    residual_m = np.einsum("nc,nc->n", normal, one.points_m[at_first] - two.points_m[at_second])
    by_first = np.einsum("nc,nck->nk", normal, one.by_unknowns[at_first])
    by_second = -np.einsum("nc,nck->nk", normal, two.by_unknowns[at_second])
    sigma_m, weight = patch_sigma(
        residual_m, np.hypot(one.remaining_m[at_first], two.remaining_m[at_second]),
        patches(one.points_m[at_first], normal), least_m,
    )  # fmt: skip
    residual = residual_m / sigma_m
    by_first, by_second = by_first / sigma_m[:, None], by_second / sigma_m[:, None]
    by_first[:, 6:] -= 0.5 * residual[:, None] * one.log_by_terms[at_first]
    by_second[:, 6:] -= 0.5 * residual[:, None] * two.log_by_terms[at_second]
    return PairRows(first, second, residual, weight, by_first, by_second)


def match_rows(
    pair: JointMatches, cameras: list[JointCamera], state: JointState, sigma_px: float, widen: float, bent: float
) -> PairRows:
    """Distances between the two places of each match, whitened by their covariance: tight across rays, loose along.

    Three numbers a match: together they hold the epipolar constraint and what both depths say.

    Args:
        pair: the matches.
        cameras, state: the cameras and where they are believed to stand.
        sigma_px: of a feature in a picture.
        widen: factor on sigma_px, above 1 while poses are rough.
        bent: share of what is thinkable of the bend of each depth that is still to be found, 0 to 1.

    Rows of matches beyond five standard deviations have no weight: most matches are mistakes.
    """
    first, second = cameras[pair.first], cameras[pair.second]
    matches = pair.matches
    crowd = _crowd(matches, epipolar_px(pair, cameras, state) < FARTHEST * widen * sigma_px)
    sides = []
    for number, camera, places_m, sigma_m in (
        (pair.first, first, matches.first_m, matches.first_sigma_m),
        (pair.second, second, matches.second_m, matches.second_sigma_m),
    ):
        pose = state.root_from_camera[number]
        bendable = camera.bendable(places_m, camera.color_eye_m)
        points_m, by_unknowns, log_by_terms = placed_points(bendable, pose, state.terms[number])
        ray = points_m - pose @ camera.color_eye_m
        range_m = np.linalg.norm(ray, axis=1)
        ray = ray / range_m[:, None]
        share = np.hypot(LIFTING_SHARE, 2 * bent * camera.bend.share)
        common_m = camera.bend.remaining_m(range_m)
        variance = sigma_m**2 + (share * range_m) ** 2 + crowd * common_m**2
        along = variance[:, None, None] * ray[:, :, None] * ray[:, None, :]
        across = np.eye(3) - ray[:, :, None] * ray[:, None, :]
        seen_px = widen * np.sqrt(sigma_px**2 + crowd * COMMON_PX**2)
        covariance = along + ((range_m * camera.pixel_rad * seen_px) ** 2)[:, None, None] * across
        sides.append((points_m, by_unknowns, covariance, log_by_terms))
    (one_m, by_first, first_cov, first_log), (two_m, by_second, second_cov, second_log) = sides
    whiten = _inverse_factor(first_cov + second_cov)
    residual = np.einsum("nab,nb->na", whiten, one_m - two_m)
    by_first, by_second = whiten @ by_first, -whiten @ by_second
    by_first[:, :, 6:] -= 0.5 * residual[:, :, None] * first_log[:, None, :]
    by_second[:, :, 6:] -= 0.5 * residual[:, :, None] * second_log[:, None, :]
    squared = (residual**2).sum(axis=1)
    weight = np.where(squared < FARTHEST**2, 1.0 / (1.0 + squared / (3 * KERNEL**2)) ** 2, 0.0)
    return PairRows(
        pair.first, pair.second, residual.ravel(), np.repeat(weight, 3),
        by_first.reshape(-1, NUM_UNKNOWNS), by_second.reshape(-1, NUM_UNKNOWNS),
    )  # fmt: skip


def epipolar_px(pair: JointMatches, cameras: list[JointCamera], state: JointState) -> np.ndarray:
    """(n,) how far each match is seen beside its epipolar line, pixels (Sampson 1982); no depth takes part."""
    first, second = cameras[pair.first], cameras[pair.second]
    relative = state.root_from_camera[pair.first].inverse() @ state.root_from_camera[pair.second]
    one = pair.matches.first_m - first.color_eye_m
    two = pair.matches.second_m - second.color_eye_m
    one, two = one / one[:, 2:], two / two[:, 2:]
    baseline_m = relative @ second.color_eye_m - first.color_eye_m
    essential = _cross(baseline_m[None])[0] @ relative.rotation
    line_first, line_second = two @ essential.T, one @ essential
    value = np.einsum("nc,nc->n", one, line_first)
    slope = (line_first[:, :2] ** 2).sum(axis=1) * first.pixel_rad**2
    slope = slope + (line_second[:, :2] ** 2).sum(axis=1) * second.pixel_rad**2
    # Half of the sum of both slopes: the error of one picture.
    return np.abs(value) / np.sqrt(np.maximum(slope, 1e-300) / 2) / np.sqrt(2)


def patches(points_m: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """(n,) number of the patch of each point: its cell of the room, and the side to which its surface looks."""
    axis = np.abs(normals).argmax(axis=1)
    side = 2 * axis + (normals[np.arange(len(axis)), axis] > 0)
    cells = np.concatenate([np.floor(points_m / TILE_M).astype(np.int64), side[:, None]], axis=1)
    return np.unique(cells, axis=0, return_inverse=True)[1].ravel()


def patch_sigma(
    residual_m: np.ndarray, remaining_m: np.ndarray, patch: np.ndarray, least_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) standard deviation of each row as far as it is a witness of its own, and (n,) robust weights.

    Args:
        residual_m: (n,) of the rows.
        remaining_m: (n,) how wrong depth may be there.
        patch: (n,) number of the patch.
        least_m: no patch is known better.
    """
    if not len(residual_m):
        return np.zeros(0), np.zeros(0)
    shape = remaining_m / np.median(remaining_m)
    relative_m = residual_m / shape
    spread_m = max(1.4826 * float(np.median(np.abs(relative_m))), least_m)
    weight = 1.0 / (1.0 + (relative_m / (KERNEL * spread_m)) ** 2) ** 2
    total = np.bincount(patch, weight)
    mean_m = np.bincount(patch, weight * relative_m) / total
    own_m = max(1.4826 * float(np.median(np.abs(relative_m - mean_m[patch]))), LEAST_OWN_M)
    large = total > 0.1 * total.mean()
    common_m = max(1.4826 * float(np.median(np.abs(mean_m[large]))), least_m)
    return shape * np.sqrt(own_m**2 + (SMALL_PATCH + total[patch]) * common_m**2), weight


def _crowd(matches: Matches, plausible: np.ndarray) -> np.ndarray:
    """(n,) how many plausible matches share a region of the first picture with each: they share the error of a lens."""
    spot = np.floor(matches.first_m[:, :2] / matches.first_m[:, 2:] / SPOT_RAD).astype(np.int64)
    number = np.unique(spot, axis=0, return_inverse=True)[1].ravel()
    return np.maximum(np.bincount(number, plausible)[number], 1.0)


def _inverse_factor(covariance: np.ndarray) -> np.ndarray:
    """(n, 3, 3) W with W^T W the inverse of each covariance (n, 3, 3)."""
    return np.linalg.inv(np.linalg.cholesky(covariance))


def _cross(vectors: np.ndarray) -> np.ndarray:
    x, y, z = np.moveaxis(vectors, -1, 0)
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*vectors.shape[:-1], 3, 3)
