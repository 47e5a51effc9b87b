"""What boards say of a depth lens: scale and bias of its depth, and its pose in the colour lens frame.

The colour image says where the plane of the board lies; every depth pixel within the board should lie on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..arrays import DepthImage, read_only
from ..camera import CameraModel
from ..geometry import SE3
from .bundle import rms_length
from .report_data import DepthReport
from .rotations import cross_matrix

PRIOR_SIGMA = np.array([0.02, 0.02, 0.01, 0.01, 0.01, 0.005, 0.005, 0.005])
PLANE_SIGMA = np.array([0.003, 0.003, 0.002])
NOISE_M = 0.005
HUBER_SIGMAS = 2.0
GATE_M = 0.15
PIXELS_A_VIEW = 400
FEWEST_PIXELS = 50
FEWEST_VIEWS = 5
ROUNDS = 8


@dataclass(frozen=True, slots=True, eq=False)
class DepthTerms:
    """Corrections of one depth lens.

    Args:
        scale, bias_m: true depth = bias_m + scale * measured depth.
        color_from_depth: the refined pose of the depth lens.
        covariance: (8, 8) of scale, bias_m, and the pose (rad, m) from the left.
        report: the same in words for people.
    """

    scale: float
    bias_m: float
    color_from_depth: SE3
    covariance: np.ndarray
    report: DepthReport

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", read_only(self.covariance))


class BoardView(NamedTuple):
    """A depth image and the board in it: `color_from_board` is its pose before the colour lens."""

    depth_m: DepthImage
    color_from_board: SE3


class _Rays(NamedTuple):
    rays: np.ndarray
    depth_m: np.ndarray
    normal: np.ndarray
    offset_m: np.ndarray
    view: np.ndarray


def depth_terms(model: CameraModel, points_m: np.ndarray, views: Sequence[BoardView]) -> DepthTerms | None:
    """Find the corrections; None without a depth lens, or where too few views show the board in the depth image.

    Gauss-Newton with Huber's loss. All pixels of one view share the error of its plane: an unknown offset and tilt per
    view, within PLANE_SIGMA, are eliminated, so that a view counts once and not once per pixel.

    Args:
        model: the camera as it was thought to be.
        points_m: (n, 3) corners of the board; the rectangle around them is inside the board.
        views: depth images with the pose of the board.
    """
    rays = _collect(model, points_m, views)
    if rays is None:
        return None
    scale, bias_m, pose = 1.0, 0.0, model.color_from_depth
    value, normal = np.zeros(len(PRIOR_SIGMA)), np.eye(len(PRIOR_SIGMA))
    before_m = _residuals(rays, scale, bias_m, pose)
    for _ in range(ROUNDS):
        normal, pull = _normal_equations(rays, scale, bias_m, pose)
        step = np.linalg.solve(normal, pull - value / PRIOR_SIGMA**2)
        value = value + step
        scale, bias_m, pose = scale + step[0], bias_m + step[1], SE3.exp(step[2:]) @ pose
    covariance = np.linalg.inv(normal)
    after_m = _residuals(rays, scale, bias_m, pose)
    sigma, moved = np.sqrt(np.diagonal(covariance)), pose @ model.color_from_depth.inverse()
    report = DepthReport(
        len(np.unique(rays.view)), len(after_m), float(scale), float(sigma[0]), 1e3 * float(bias_m),
        1e3 * float(sigma[1]), 1e3 * float(np.linalg.norm(pose.translation_m - model.color_from_depth.translation_m)),
        1e3 * float(np.linalg.norm(sigma[5:])), float(np.degrees(moved.angle_rad())),
        float(np.degrees(np.linalg.norm(sigma[2:5]))), 1e3 * rms_length(before_m[:, None]),
        1e3 * rms_length(after_m[:, None]),
    )  # fmt: skip
    return DepthTerms(float(scale), float(bias_m), pose, covariance, report)


def _collect(model: CameraModel, points_m: np.ndarray, views: Sequence[BoardView]) -> _Rays | None:
    if model.depth is None:
        return None
    rays = model.depth.rays().reshape(-1, 3).astype(np.float64)
    low, high = points_m[:, :2].min(axis=0), points_m[:, :2].max(axis=0)
    parts = []
    for index, (depth_m, board) in enumerate(views):
        depth_from_board = model.color_from_depth.inverse() @ board
        normal, origin_m = depth_from_board.rotation[:, 2], depth_from_board.translation_m
        with np.errstate(divide="ignore", invalid="ignore"):
            expected_m = (normal @ origin_m) / (rays @ normal)
        measured_m = depth_m.reshape(-1).astype(np.float64)
        near = np.flatnonzero((measured_m > 0) & (np.abs(measured_m - expected_m) < GATE_M) & (rays[:, 2] > 0))
        on_board = (depth_from_board.inverse() @ (rays[near] * expected_m[near, None]))[:, :2]
        inside = near[((on_board > low) & (on_board < high)).all(axis=1)]
        if len(inside) < FEWEST_PIXELS:
            continue
        chosen = inside[:: max(1, len(inside) // PIXELS_A_VIEW)]
        plane = board.rotation[:, 2]
        parts.append(
            _Rays(
                rays[chosen], measured_m[chosen], np.tile(plane, (len(chosen), 1)),
                np.full(len(chosen), plane @ board.translation_m), np.full(len(chosen), index),
            )
        )  # fmt: skip
    if len(parts) < FEWEST_VIEWS:
        return None
    return _Rays(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _normal_equations(rays: _Rays, scale: float, bias_m: float, pose: SE3) -> tuple[np.ndarray, np.ndarray]:
    """(8, 8) and (8,): the normal matrix with the prior, and the pull of the residuals, planes eliminated."""
    residual = _residuals(rays, scale, bias_m, pose)
    jacobian = _jacobian(rays, scale, bias_m, pose)
    weight = 1 / np.maximum(np.abs(residual) / (HUBER_SIGMAS * NOISE_M), 1.0) / NOISE_M**2
    points_m = pose @ (rays.rays * (bias_m + scale * rays.depth_m)[:, None])
    normal, pull = np.diag(PRIOR_SIGMA**-2.0), np.zeros(len(PRIOR_SIGMA))
    for view in np.unique(rays.view):
        mine = rays.view == view
        lever_m = points_m[mine] - points_m[mine].mean(axis=0)
        across = np.linalg.svd(rays.normal[mine][:1])[2][1:]
        plane = np.column_stack([lever_m @ across.T, np.ones(mine.sum())])
        weighted = np.column_stack([jacobian[mine], plane, residual[mine]]) * np.sqrt(weight[mine])[:, None]
        product = weighted.T @ weighted
        cross, own = product[:, 8:11], product[8:11, 8:11] + np.diag(PLANE_SIGMA**-2.0)
        product = product - cross @ np.linalg.solve(own, cross.T)
        normal, pull = normal + product[:8, :8], pull - product[:8, 11]
    return normal, pull


def _residuals(rays: _Rays, scale: float, bias_m: float, pose: SE3) -> np.ndarray:
    """(n,) distances of the pixels from their planes, metres."""
    points_m = pose @ (rays.rays * (bias_m + scale * rays.depth_m)[:, None])
    return (rays.normal * points_m).sum(axis=1) - rays.offset_m


def _jacobian(rays: _Rays, scale: float, bias_m: float, pose: SE3) -> np.ndarray:
    """(n, 8) derivative of the residuals, at the points of the planes: at the measured ones its noise would be that of
    the residuals, and their product would pull the scale down.
    """
    along = (rays.normal * pose.rotate(rays.rays)).sum(axis=1)
    range_m = (rays.offset_m - rays.normal @ pose.translation_m) / along
    turned = -np.einsum("ni,nij->nj", rays.normal, cross_matrix(pose @ (rays.rays * range_m[:, None])))
    measured_m = (range_m - bias_m) / scale
    return np.concatenate([np.stack([along * measured_m, along], axis=1), turned, rays.normal], axis=1)
