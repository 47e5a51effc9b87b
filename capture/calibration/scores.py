"""How well a rig explains what it sees: corners triangulated, reprojected, and measured against the board."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..camera import Intrinsics
from .bundle_problem import BundleProblem, BundleState, place
from .lens_jacobian import lens_from_row, project_lenses
from .report_data import ScoreReport

ROUNDS = 10


class Triangulation(NamedTuple):
    """Corners in the world.

    Args:
        points_m: (g, 3).
        residuals_px: (n, 2) seen minus reprojected.
    """

    points_m: np.ndarray
    residuals_px: np.ndarray


def triangulate(
    problem: BundleProblem, state: BundleState, lenses: Sequence[Intrinsics], group: np.ndarray, rows: np.ndarray,
    shift_m: np.ndarray | None = None,
) -> Triangulation:  # fmt: skip
    """Each group of observations to the point that minimises the sum of its squared reprojection errors.

    Args:
        problem, state: the cameras and what they saw.
        lenses: models of the lenses of the state, by camera.
        group: (n,) the point that each observation belongs to, 0..g-1.
        rows: (n,) the observations.
        shift_m: (n, 3) how far the point had moved when it was seen; None = not at all.
    """
    camera, pixels = problem.camera[rows], problem.pixels_px[rows]
    shift_m = np.zeros((len(rows), 3)) if shift_m is None else shift_m
    count = int(group.max()) + 1
    rotation, position_m = state.rotation[camera], state.position_m[camera]
    points_m = _nearest_to_rays(state, lenses, camera, pixels, group, count, shift_m)
    residuals = np.zeros((len(rows), 2))
    for last in [False] * ROUNDS + [True]:
        seen_m = np.einsum("nij,nj->ni", rotation, points_m[group] + shift_m) + position_m
        projection = project_lenses(seen_m, state.lenses[camera], problem.fisheye[camera])
        residuals = pixels - projection.pixels_px
        if last:
            break
        by_point = projection.by_point @ rotation
        normal = _sums(by_point.transpose(0, 2, 1) @ by_point, group, count)
        pull = _sums(np.einsum("nij,ni->nj", by_point, residuals), group, count)
        normal[:, [0, 1, 2], [0, 1, 2]] *= 1 + 1e-9
        points_m = points_m + np.linalg.solve(normal, pull[..., None])[..., 0]
    return Triangulation(points_m, residuals)


def score(
    problem: BundleProblem, state: BundleState, lenses: Sequence[Intrinsics], point: np.ndarray, *, motion: bool
) -> ScoreReport:
    """Triangulate every corner that two cameras or more saw, and measure.

    Args:
        problem, state: the cameras, boards and what was seen.
        lenses: models of the lenses, by camera.
        point: (n,) the corner on the board of each observation of the problem.
        motion: take the board's motion between the shutters, and the time offsets, into account.
    """
    instant = problem.view_instant[problem.view]
    key = instant * (int(point.max(initial=0)) + 1) + point
    _, group, count = np.unique(key, return_inverse=True, return_counts=True)
    rows = np.flatnonzero(count[group] >= 2)
    if not len(rows):
        return ScoreReport(0, 0, *[float("nan")] * 6)
    kept, first, group = np.unique(group[rows], return_index=True, return_inverse=True)
    shift_m = _shifts(problem, state)[rows] if motion else None
    found = triangulate(problem, state, lenses, group, rows, shift_m)
    length = np.linalg.norm(found.residuals_px, axis=1)
    true_m = problem.points_m[rows][first]
    errors_m, lengths_m = _distance_errors(found.points_m, true_m, instant[rows][first])
    scale_m = float(np.sqrt((errors_m**2).mean())) if len(errors_m) else float("nan")
    mean_m = float(lengths_m.mean()) if len(errors_m) else float("nan")
    return ScoreReport(
        len(kept), len(rows), float(np.sqrt((length**2).mean())), float(np.median(length)),
        float(np.percentile(length, 95)), 1e3 * scale_m, 100 * scale_m / mean_m,
        float(100 * errors_m.mean() / mean_m) if len(errors_m) else float("nan"),
    )  # fmt: skip


def _distance_errors(points_m: np.ndarray, true_m: np.ndarray, instant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Errors of all distances within each instant, and the true distances."""
    errors, lengths = [np.zeros(0)], [np.zeros(0)]
    order = np.argsort(instant, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(instant[order])) + 1):
        one, two = np.triu_indices(len(part), 1)
        length = np.linalg.norm(true_m[part[one]] - true_m[part[two]], axis=1)
        errors.append(np.linalg.norm(points_m[part[one]] - points_m[part[two]], axis=1) - length)
        lengths.append(length)
    return np.concatenate(errors), np.concatenate(lengths)


def _shifts(problem: BundleProblem, state: BundleState) -> np.ndarray:
    """(n, 3) how far each corner had moved, by the board's own motion, when its camera looked."""
    placement, view = place(problem, state), problem.view
    instant = problem.view_instant[view]
    then = np.einsum("nij,nj->ni", placement.rotation[view], problem.points_m) + placement.position_m[view]
    now = np.einsum("nij,nj->ni", state.board_rotation[instant], problem.points_m) + state.board_position_m[instant]
    return then - now


def _nearest_to_rays(
    state: BundleState, lenses: Sequence[Intrinsics], camera: np.ndarray, pixels: np.ndarray, group: np.ndarray,
    count: int, shift_m: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """(g, 3) the points nearest to the rays of each group; a pixel that its lens has no ray for is left out here."""
    rays = np.empty((len(camera), 3))
    for index, like in enumerate(lenses):
        mine, lens = np.flatnonzero(camera == index), lens_from_row(state.lenses[index], like)
        rays[mine] = lens.back_project(pixels[mine], 1.0)
    sound = np.asarray(np.isfinite(rays).all(axis=1))
    rays = np.where(sound[:, None], rays, [0.0, 0.0, 1.0])
    rays = np.einsum("nji,nj->ni", state.rotation[camera], rays / np.linalg.norm(rays, axis=1, keepdims=True))
    across = (np.eye(3) - rays[:, :, None] * rays[:, None, :]) * np.where(sound, 1.0, 1e-6)[:, None, None]
    eyes_m = -np.einsum("nji,nj->ni", state.rotation[camera], state.position_m[camera]) - shift_m
    normal = _sums(across, group, count) + 1e-12 * np.eye(3)
    return np.linalg.solve(normal, _sums(np.einsum("nij,nj->ni", across, eyes_m), group, count)[..., None])[..., 0]


def _sums(values: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    total = np.zeros((count, *values.shape[1:]))
    np.add.at(total, group, values)
    return total
