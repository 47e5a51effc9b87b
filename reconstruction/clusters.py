"""Clusters: moving points that belong to one thing, found on the ground plane."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .moving_points import MovingPoints

ARM_WIDTH_M = 0.2
STANDING_M = 0.3
TRUNK_RADIUS_M = 0.2


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """What counts as one thing.

    Args:
        cell_m: edge of a ground cell.
        reach_m: cells closer than this are one thing.
        min_cell_area_m2: less seen surface than this leaves a cell empty.
        min_area_m2: less seen surface than this is no thing.
        min_points: fewer points than this are no thing.
        lowest_m, highest_m: points outside this range of height are not looked at (floor noise, ceiling).
        head_min_m: a head is at least so high ...
        head_reach_m: ... the highest within this radius ...
        head_area_m2: ... has at least this much surface within `head_cap_m` below its top ...
        head_width_m: ... and that cap is neither thinner nor wider than this, along both of its axes ...
        head_roundness: ... its short axis is at least this share of its long one ...
        chest_m, chest_area_m2: ... and between these depths below its top there is so much surface of a chest, which
            a screen on a pole has not.
        head_cap_m: how far down a head is looked at: it ends above the shoulders.
        arm_reach_m: what is farther than this from a head is another thing, when it is wide enough not to be an arm.
        touch_m: points closer than about this hang together.
    """

    cell_m: float = 0.05
    reach_m: float = 0.10
    min_cell_area_m2: float = 0.0004
    min_area_m2: float = 0.02
    min_points: int = 30
    lowest_m: float = 0.04
    highest_m: float = 2.3
    head_min_m: float = 1.3
    head_reach_m: float = 0.35
    head_area_m2: float = 0.015
    head_width_m: tuple[float, float] = (0.05, 0.45)
    head_roundness: float = 0.3
    chest_m: tuple[float, float] = (0.28, 0.52)
    chest_area_m2: float = 0.025
    head_cap_m: float = 0.22
    arm_reach_m: float = 0.45
    touch_m: float = 0.035


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """One moving thing at one instant.

    Args:
        points: its points.
        low_m, high_m: (3,) its axis-aligned box without the outermost 0.3 % of points, world. What is seen down to
            near the floor stands on it.
        area_m2: seen surface.
        has_head: whether a head tops it.
    """

    points: MovingPoints
    low_m: np.ndarray
    high_m: np.ndarray
    area_m2: float
    has_head: bool = False

    @classmethod
    def of(cls, points: MovingPoints, has_head: bool = False) -> Cluster:
        """The cluster that some points form."""
        low_m, high_m = np.quantile(points.points_m, [0.003, 0.997], axis=0).astype(np.float64)
        high_m[2] = np.quantile(points.points_m[:, 2], 0.998)
        low_m[2] = 0.0 if low_m[2] < STANDING_M else low_m[2]
        return cls(points, low_m, high_m, float(points.area_m2.sum()), has_head)

    @property
    def center_m(self) -> np.ndarray:
        """(3,) centre of the box, world."""
        return (self.low_m + self.high_m) / 2

    @property
    def extent_m(self) -> np.ndarray:
        """(3,) edge lengths of the box."""
        return self.high_m - self.low_m


def find_clusters(points: MovingPoints, config: ClusterConfig | None = None) -> list[Cluster]:
    """Group moving points into things.

    Seen surface is summed per ground cell, neighbouring cells are joined, and a component with several heads is
    split among them (nearest head on the ground), so that people who stand shoulder to shoulder stay apart.

    Args:
        points: all moving points of an instant.
        config: see ClusterConfig.

    Returns:
        Clusters in the order of decreasing surface.
    """
    config = config or ClusterConfig()
    height = points.points_m[:, 2]
    points = points.take((height > config.lowest_m) & (height < config.highest_m))
    if len(points.points_m) < config.min_points:
        return []
    clusters = [
        Cluster.of(part, has_head)
        for component in _components(points, config)
        for part, has_head in _split_by_heads(component, config)
        if _is_thing(part, config)
    ]
    return sorted(clusters, key=lambda cluster: (-cluster.area_m2, *cluster.center_m))


def _is_thing(points: MovingPoints, config: ClusterConfig) -> bool:
    return len(points.points_m) >= config.min_points and float(points.area_m2.sum()) >= config.min_area_m2


def _grid(points: MovingPoints, config: ClusterConfig) -> tuple[np.ndarray, int, int]:
    low_m = points.points_m[:, :2].min(axis=0) - config.cell_m
    size = ((points.points_m[:, :2].max(axis=0) - low_m) / config.cell_m).astype(int) + 2
    return low_m, int(size[0]), int(size[1])


def _components(points: MovingPoints, config: ClusterConfig) -> Iterator[MovingPoints]:
    import cv2

    from ._moving_kernel import rasterize

    low_m, num_x, num_y = _grid(points, config)
    area, _, cells = rasterize(points.points_m, points.area_m2, low_m, config.cell_m, num_x, num_y)
    occupied = (area >= config.min_cell_area_m2).astype(np.uint8)
    reach = max(1, round(config.reach_m / config.cell_m))
    joined = cv2.morphologyEx(
        cv2.copyMakeBorder(occupied, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=0),
        cv2.MORPH_CLOSE,
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2),
    )[reach:-reach, reach:-reach]
    _, labels = cv2.connectedComponents(joined, connectivity=8)
    label_of_point = np.where(occupied.ravel()[cells] > 0, labels.ravel()[cells], 0)
    order = np.argsort(label_of_point, kind="stable")
    borders = np.searchsorted(label_of_point[order], np.arange(1, labels.max() + 2))
    for begin, end in itertools.pairwise(borders.tolist()):
        if end - begin >= config.min_points:
            yield points.take(order[begin:end])


def _split_by_heads(points: MovingPoints, config: ClusterConfig) -> list[tuple[MovingPoints, bool]]:
    """The parts of a component, and whether a head tops each."""
    heads_m = find_heads(points, config)
    if len(heads_m) == 0:
        return [(points, False)]
    owner = np.linalg.norm(points.points_m[:, None, :2] - heads_m[None, :, :2], axis=2).argmin(axis=1)
    bodies = [points.take(owner == k) for k in range(len(heads_m))]
    return [piece for body, head_m in zip(bodies, heads_m, strict=True) for piece in _split_rest(body, head_m, config)]


def _split_rest(points: MovingPoints, head_m: np.ndarray, config: ClusterConfig) -> list[tuple[MovingPoints, bool]]:
    """A person apart from the things that he pushes or leans on.

    What does not hang together with him in space, and is centred out of his reach, is another thing as a whole. Of what
    does hang together, the part out of his reach is, when it is too wide for an arm.
    """
    away_m = np.linalg.norm(points.points_m[:, :2] - head_m[:2], axis=1)
    if not _is_other(points.take(away_m > config.arm_reach_m), config):
        return [(points, True)]
    pieces = loose_pieces(points.points_m, config.touch_m)
    mean_m = np.bincount(pieces, away_m) / np.maximum(np.bincount(pieces), 1)
    trunk = np.bincount(pieces, away_m < TRUNK_RADIUS_M) > 0
    other = ((mean_m > config.arm_reach_m) & ~trunk)[pieces]
    rest = [points.take(other)] if _is_other(points.take(other), config) else []
    own = points.take(~other) if rest else points
    far = np.linalg.norm(own.points_m[:, :2] - head_m[:2], axis=1) > config.arm_reach_m
    if _is_other(own.take(far), config):
        rest.append(own.take(far))
        own = own.take(~far)
    return [(own, True), *((part, False) for part in rest)]


def _is_other(points: MovingPoints, config: ClusterConfig) -> bool:
    """Whether points are enough, and spread enough, to be something other than an arm."""
    if float(points.area_m2.sum()) < 8 * config.min_area_m2 or len(points.points_m) < config.min_points:
        return False
    low_m, high_m = np.quantile(points.points_m[:, :2], [0.02, 0.98], axis=0)
    return bool((high_m - low_m).min() >= ARM_WIDTH_M)


def loose_pieces(points_m: np.ndarray, touch_m: float) -> np.ndarray:
    """(n,) the number of the piece to which each point belongs; pieces are apart by more than about `touch_m`."""
    from scipy import ndimage

    cells = ((points_m - points_m.min(axis=0)) / touch_m).astype(np.int64)
    occupied = np.zeros(cells.max(axis=0) + 1, bool)
    occupied[tuple(cells.T)] = True
    labels = np.zeros(occupied.shape, np.int32)
    ndimage.label(occupied, np.ones((3, 3, 3)), output=labels)
    return labels[tuple(cells.T)]


def find_heads(points: MovingPoints, config: ClusterConfig | None = None) -> np.ndarray:
    """(k, 3) float64 tops of heads in a component, highest first: local summits of the height map with a cap below."""
    import cv2

    from ._moving_kernel import rasterize

    config = config or ClusterConfig()
    low_m, num_x, num_y = _grid(points, config)
    area, top_m, _ = rasterize(points.points_m, points.area_m2, low_m, config.cell_m, num_x, num_y)
    top_m = np.where(area >= config.min_cell_area_m2, top_m, -1).astype(np.float32)
    reach = max(1, round(config.head_reach_m / config.cell_m))
    summit = cv2.dilate(top_m, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2))
    rows, columns = np.nonzero((top_m >= summit) & (top_m >= config.head_min_m))
    heads: list[np.ndarray] = []
    for row, column in sorted(zip(rows, columns, strict=True), key=lambda at: (-top_m[at], at)):
        xy_m = low_m + (np.array([column, row]) + 0.5) * config.cell_m
        if any(np.linalg.norm(head[:2] - xy_m) <= config.head_reach_m for head in heads):
            continue
        near = np.linalg.norm(points.points_m[:, :2] - xy_m, axis=1) < config.head_reach_m
        depth_m = top_m[row, column] - points.points_m[:, 2]
        cap = points.take(near & (depth_m < config.head_cap_m))
        chest = near & (depth_m > config.chest_m[0]) & (depth_m < config.chest_m[1])
        if float(points.area_m2[chest].sum()) >= config.chest_area_m2 and _is_head(cap, config):
            center_m = cap.points_m[:, :2].mean(axis=0)
            heads.append(np.array([*center_m, top_m[row, column]], dtype=np.float64))
    return np.array(heads).reshape(-1, 3)


def _is_head(cap: MovingPoints, config: ClusterConfig) -> bool:
    """Whether the top of a thing has the size of a head: a screen is too thin, a shelf too wide."""
    if len(cap.points_m) < 8 or float(cap.area_m2.sum()) < config.head_area_m2:
        return False
    flat_m = cap.points_m[:, :2] - cap.points_m[:, :2].mean(axis=0)
    along_m = flat_m @ np.linalg.svd(flat_m, full_matrices=False)[2].T
    widths_m = np.ptp(np.quantile(along_m, [0.05, 0.95], axis=0), axis=0)
    narrow_m, wide_m = float(widths_m.min()), float(widths_m.max())
    fits = config.head_width_m[0] <= narrow_m and wide_m <= config.head_width_m[1]
    return fits and narrow_m >= config.head_roundness * wide_m
