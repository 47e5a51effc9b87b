"""Plane geometry seen from above: shares of footprints, and how deep a point lies in a polygon."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..reconstruction.state import OrientedBox, Zone

THINNEST_M = 1e-3


def footprint_polygon_m(box: OrientedBox) -> np.ndarray:
    """(n, 2) corners of an oriented box's outline seen from above, counter-clockwise; a sheet is given 1 mm."""
    from scipy.spatial import ConvexHull

    corners = replace(box, extent_m=np.maximum(box.extent_m, THINNEST_M)).corners_m()[:, :2]
    return corners[ConvexHull(corners).vertices]


def rectangle_overlap_m2(low_m: np.ndarray, high_m: np.ndarray, polygon_m: np.ndarray) -> np.ndarray:
    """(...) area common to axis-aligned rectangles [low, high], each (..., 2), and one simple polygon (n, 2), m^2.

    The polygon's outline is pushed onto the rectangle, point by point to the nearest one. That keeps how often it
    winds around any point within, so the area it then encloses is the common area. Between its crossings of the
    rectangle's four lines a pushed edge stays straight, hence five pieces per edge suffice.
    """
    start = polygon_m
    edge = np.roll(polygon_m, -1, axis=0) - start
    lines = np.stack([low_m, high_m], axis=-2)[..., None, :, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        crossings = (lines - start[:, None, :]) / edge[:, None, :]
    crossings = np.where(np.isfinite(crossings), np.clip(crossings, 0.0, 1.0), 0.0)
    crossings = np.sort(crossings.reshape(*crossings.shape[:-2], 4), axis=-1)
    stops = np.concatenate([np.zeros_like(crossings[..., :1]), crossings], axis=-1)
    corners = start[:, None, :] + stops[..., None] * edge[:, None, :]
    corners = np.clip(corners, low_m[..., None, None, :], high_m[..., None, None, :])
    corners = corners.reshape(*corners.shape[:-3], corners.shape[-3] * corners.shape[-2], 2) - low_m[..., None, :]
    following = np.roll(corners, -1, axis=-2)
    twice = corners[..., 0] * following[..., 1] - corners[..., 1] * following[..., 0]
    return np.asarray(np.abs(twice.sum(axis=-1)) / 2)


def footprint_share(center_m: np.ndarray, extent_m: np.ndarray, polygon_m: np.ndarray) -> np.ndarray:
    """(...) the share of the footprints of axis-aligned boxes, centre and extent (..., 3), that lies on a polygon."""
    half = np.maximum(extent_m[..., :2], 1e-6) / 2
    overlap = rectangle_overlap_m2(center_m[..., :2] - half, center_m[..., :2] + half, polygon_m)
    return np.asarray(np.clip(overlap / (4 * half[..., 0] * half[..., 1]), 0.0, 1.0))


def polygon_depth_m(points_m: np.ndarray, polygon_m: np.ndarray) -> np.ndarray:
    """(...) metres from points (..., 2) to a simple polygon's outline, positive inside, negative outside."""
    start = np.asarray(polygon_m, dtype=np.float64)
    edge = np.roll(start, -1, axis=0) - start
    offset = points_m[..., None, :] - start
    along = np.clip((offset * edge).sum(-1) / np.maximum((edge * edge).sum(-1), 1e-18), 0.0, 1.0)
    distance = np.linalg.norm(offset - along[..., None] * edge, axis=-1).min(axis=-1)
    spans = (offset[..., 1] >= 0) != (offset[..., 1] >= edge[:, 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing_x = edge[:, 0] / edge[:, 1] * offset[..., 1]
    inside = (spans & (offset[..., 0] < crossing_x)).sum(axis=-1) % 2 == 1
    return np.asarray(np.where(inside, distance, -distance))


def zone_depth_m(points_m: np.ndarray, zone: Zone) -> np.ndarray:
    """(...) how deep points (..., 3) lie in a zone's upright prism, metres: the lesser of sideways and from the top."""
    depth = polygon_depth_m(points_m[..., :2], zone.polygon_m)
    return np.asarray(np.minimum(depth, zone.height_m - points_m[..., 2]))


def nearest_on_m(polygon_m: np.ndarray, points_m: np.ndarray) -> np.ndarray:
    """(T, 2) the spot of a polygon's outline nearest to points (T, 2); NaN for points on the polygon."""
    start = np.asarray(polygon_m, dtype=np.float64)
    edge = np.roll(start, -1, axis=0) - start
    offset = points_m[:, None, :] - start
    along = np.clip((offset * edge).sum(-1) / np.maximum((edge * edge).sum(-1), 1e-18), 0.0, 1.0)
    spots = start + along[..., None] * edge
    nearest = np.linalg.norm(points_m[:, None] - spots, axis=-1).argmin(axis=1)
    outside = polygon_depth_m(points_m, polygon_m) < 0.0
    return np.where(outside[:, None], spots[np.arange(len(points_m)), nearest], np.nan)
