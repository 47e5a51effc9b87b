"""Projection of many points through many lenses at once, with its exact derivatives.

A lens is a row of twelve numbers, fx fy cx cy and eight distortion coefficients in OpenCV's order (k1 k2 p1 p2 k3 k4
k5 k6; a fisheye has k1..k4), zero where its model has fewer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..camera import Intrinsics

NUM_LENS = 12
LENS_NAMES = ("fx_px", "fy_px", "cx_px", "cy_px", "k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")
FISHEYE_NAMES = (*LENS_NAMES[:4], "k1", "k2", "k3", "k4")
NEAREST_M = 1e-3


class Projection(NamedTuple):
    """Pixels and their derivatives.

    Args:
        pixels_px: (n, 2).
        by_point: (n, 2, 3) by the point in the lens frame, px/m.
        by_lens: (n, 2, 12) by the lens's numbers.
    """

    pixels_px: np.ndarray
    by_point: np.ndarray
    by_lens: np.ndarray


def lens_row(lens: Intrinsics) -> np.ndarray:
    """(12,) numbers of a lens."""
    row = np.zeros(NUM_LENS)
    row[:4] = lens.fx_px, lens.fy_px, lens.cx_px, lens.cy_px
    row[4 : 4 + len(lens.distortion)] = lens.distortion
    return row


def lens_from_row(row: np.ndarray, like: Intrinsics) -> Intrinsics:
    """The lens of a row, with the size and the model of another one."""
    fx_px, fy_px, cx_px, cy_px = (float(value) for value in row[:4])
    distortion = row[4 : 4 + len(like.distortion)]
    return Intrinsics(
        fx_px, fy_px, cx_px, cy_px, like.width_px, like.height_px, like.distortion_model, distortion
    )  # fmt: skip


def lens_names(lens: Intrinsics) -> tuple[str, ...]:
    """Names of the numbers that this lens's model has."""
    names = FISHEYE_NAMES if lens.distortion_model == "fisheye" else LENS_NAMES
    return names[: 4 + len(lens.distortion)]


def project_lenses(points_m: np.ndarray, rows: np.ndarray, fisheye: np.ndarray) -> Projection:
    """Points in their lens frames to pixels.

    Args:
        points_m: (n, 3); a point nearer than 1 mm to the plane of the lens is taken as at 1 mm.
        rows: (n, 12) the lens of each point.
        fisheye: (n,) bool, which of them are fisheye lenses.
    """
    z = np.maximum(points_m[:, 2], NEAREST_M)
    xy = points_m[:, :2] / z[:, None]
    bent, by_xy, by_coefficient = _brown_conrady(xy, rows[:, 4:])
    if fisheye.any():
        parts = _fisheye(xy[fisheye], rows[fisheye, 4:8])
        bent[fisheye], by_xy[fisheye], by_coefficient[fisheye] = parts
    focal = rows[:, :2]
    pixels = focal * bent + rows[:, 2:4]
    xy_by_point = np.zeros((len(z), 2, 3))
    xy_by_point[:, 0, 0] = xy_by_point[:, 1, 1] = 1 / z
    xy_by_point[:, :, 2] = -xy / z[:, None]
    by_point = focal[:, :, None] * (by_xy @ xy_by_point)
    by_lens = np.zeros((len(z), 2, NUM_LENS))
    by_lens[:, 0, 0], by_lens[:, 1, 1] = bent[:, 0], bent[:, 1]
    by_lens[:, 0, 2] = by_lens[:, 1, 3] = 1.0
    by_lens[:, :, 4:] = focal[:, :, None] * by_coefficient
    return Projection(pixels, by_point, by_lens)


def _brown_conrady(xy: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bent coordinates (n, 2), their derivatives by the straight ones (n, 2, 2) and by the coefficients (n, 2, 8)."""
    x, y = xy.T
    k1, k2, p1, p2, k3, k4, k5, k6 = k.T
    r2 = x * x + y * y
    above, below = 1 + r2 * (k1 + r2 * (k2 + r2 * k3)), 1 + r2 * (k4 + r2 * (k5 + r2 * k6))
    above_slope, below_slope = k1 + r2 * (2 * k2 + 3 * r2 * k3), k4 + r2 * (2 * k5 + 3 * r2 * k6)
    radial, slope = above / below, (above_slope * below - above * below_slope) / below**2
    bent = np.stack(
        [x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x), y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y], 1
    )
    by_xy = np.empty((len(x), 2, 2))
    by_xy[:, 0, 0] = radial + 2 * x * x * slope + 2 * p1 * y + 6 * p2 * x
    by_xy[:, 1, 1] = radial + 2 * y * y * slope + 6 * p1 * y + 2 * p2 * x
    by_xy[:, 0, 1] = by_xy[:, 1, 0] = 2 * x * y * slope + 2 * p1 * x + 2 * p2 * y
    by_radial = np.stack(
        [r2 / below, r2**2 / below, 0 * r2, 0 * r2, r2**3 / below]
        + [-radial * r2**power / below for power in (1, 2, 3)],
        axis=1,
    )
    by_coefficient = xy[:, :, None] * by_radial[:, None, :]
    by_coefficient[:, 0, 2], by_coefficient[:, 0, 3] = 2 * x * y, r2 + 2 * x * x
    by_coefficient[:, 1, 2], by_coefficient[:, 1, 3] = r2 + 2 * y * y, 2 * x * y
    return bent, by_xy, by_coefficient


def _fisheye(xy: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same for the Kannala-Brandt model with k1..k4."""
    radius = np.maximum(np.linalg.norm(xy, axis=1), 1e-9)
    theta = np.arctan(radius)
    powers = theta[:, None] ** np.array([3, 5, 7, 9])
    bent_angle = theta + (k * powers).sum(axis=1)
    angle_slope = 1 + (k * np.array([3, 5, 7, 9]) * theta[:, None] ** np.array([2, 4, 6, 8])).sum(axis=1)
    scale = bent_angle / radius
    scale_slope = (angle_slope / (1 + radius**2) - scale) / radius
    by_xy = scale[:, None, None] * np.eye(2) + (scale_slope / radius)[:, None, None] * xy[:, :, None] * xy[:, None, :]
    by_coefficient = np.zeros((len(xy), 2, 8))
    by_coefficient[:, :, :4] = (xy / radius[:, None])[:, :, None] * powers[:, None, :]
    return xy * scale[:, None], by_xy, by_coefficient


def lens_rows(lenses: Sequence[Intrinsics]) -> np.ndarray:
    """(c, 12) numbers of several lenses."""
    return np.stack([lens_row(lens) for lens in lenses])
