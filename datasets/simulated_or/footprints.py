"""What things cover of the floor, seen from above."""

from __future__ import annotations

import numpy as np

from ...reconstruction.state import OrientedBox, Zone


def footprint_m(box: OrientedBox) -> np.ndarray:
    """(n, 2) corners of a box seen from above, counter-clockwise."""
    from scipy.spatial import ConvexHull

    corners = box.corners_m()[:, :2]
    return corners[ConvexHull(corners).vertices]


def footprint_share(low_m: np.ndarray, high_m: np.ndarray, polygon_m: np.ndarray) -> np.ndarray:
    """(t,) share of rectangles that lies in a convex polygon; NaN where a rectangle has none.

    Args:
        low_m, high_m: (t, 2) corners of rectangles along the axes of the world.
        polygon_m: (n, 2) counter-clockwise.
    """
    share = np.where(np.isfinite(low_m[:, 0]), 0.0, np.nan)
    meets = ((low_m <= polygon_m.max(axis=0)) & (high_m >= polygon_m.min(axis=0))).all(axis=1)
    rows, back = np.unique(np.concatenate([low_m, high_m], axis=1)[meets], axis=0, return_inverse=True)
    exact = np.array([_share(row[:2], row[2:], polygon_m) for row in rows.astype(np.float64)])
    if len(rows):
        share[meets] = exact[back.ravel()]
    return share


def nearest_on_m(polygon_m: np.ndarray, points_m: np.ndarray) -> np.ndarray:
    """(t, 2) the spot of a polygon (n, 2) nearest to points (t, 2); NaN for points on it."""
    begin = polygon_m
    edge = np.roll(polygon_m, -1, axis=0) - begin
    offset = points_m[:, None].astype(np.float64) - begin
    share = np.clip(np.einsum("tei,ei->te", offset, edge) / np.einsum("ei,ei->e", edge, edge), 0.0, 1.0)
    spots = begin + share[..., None] * edge
    distance = np.linalg.norm(points_m[:, None] - spots, axis=-1)
    nearest = spots[np.arange(len(points_m)), np.where(np.isnan(distance), np.inf, distance).argmin(axis=1)]
    return np.where((~contains(polygon_m, points_m) & np.isfinite(points_m[:, 0]))[:, None], nearest, np.nan)


def contains(polygon_m: np.ndarray, points_m: np.ndarray) -> np.ndarray:
    """(t,) bool: whether points (t, 2) lie in a polygon (n, 2), convex or not."""
    begin, end = polygon_m, np.roll(polygon_m, -1, axis=0)
    y = points_m[:, None, 1]
    crosses = (begin[:, 1] > y) != (end[:, 1] > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = begin[:, 0] + (y - begin[:, 1]) * (end[:, 0] - begin[:, 0]) / (end[:, 1] - begin[:, 1])
    return (crosses & (points_m[:, None, 0] < x)).sum(axis=1) % 2 == 1


def outside_m(center_m: np.ndarray, zone: Zone) -> np.ndarray:
    """(t,) metres by which centres (t, 3) are outside a zone, negative inside, infinite above it."""
    floor_m, polygon_m = center_m[:, :2].astype(np.float64), zone.polygon_m
    edge = np.roll(polygon_m, -1, axis=0) - polygon_m
    offset = floor_m[:, None] - polygon_m
    share = np.clip(np.einsum("tei,ei->te", offset, edge) / np.einsum("ei,ei->e", edge, edge), 0.0, 1.0)
    distance = np.linalg.norm(offset - share[..., None] * edge, axis=-1).min(axis=1)
    signed = np.where(contains(polygon_m, floor_m), -distance, distance)
    return np.where(center_m[:, 2] >= zone.height_m, np.inf, signed)


def _share(low_m: np.ndarray, high_m: np.ndarray, polygon_m: np.ndarray) -> float:
    """The share of one rectangle in a convex polygon, by cutting the polygon (Sutherland and Hodgman 1974)."""
    size = float(np.prod(high_m - low_m))
    polygon = polygon_m
    for axis in (0, 1):
        for sign, limit in ((1.0, low_m[axis]), (-1.0, high_m[axis])):
            polygon = _cut(polygon, sign * (polygon[:, axis] - limit)) if len(polygon) else polygon
    x, y = polygon.T if len(polygon) else (np.zeros(0), np.zeros(0))
    area = 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
    return min(area / size, 1.0) if size > 0 else 0.0


def _cut(polygon_m: np.ndarray, height: np.ndarray) -> np.ndarray:
    """The part of a convex polygon where a height (n,), linear over the plane, is not negative."""
    kept = []
    for number, (point, here) in enumerate(zip(polygon_m, height, strict=True)):
        following, there = polygon_m[(number + 1) % len(polygon_m)], height[(number + 1) % len(polygon_m)]
        if here >= 0:
            kept.append(point)
        if (here >= 0) != (there >= 0):
            kept.append(point + here / (here - there) * (following - point))
    return np.array(kept).reshape(-1, 2)
