"""The shell of a room: its floor and its walls, as planes found in the fused surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..capture.arrays import Points

NUM_TURNS = 180
ANGLE_STEP_RAD = 2 * np.pi / NUM_TURNS
VOTE_SPREAD = 8
OFFSET_STEP_M = 0.05
ALIGNED = 0.8
REFINEMENTS = 3


@dataclass(frozen=True, slots=True)
class PlaneConfig:
    """What counts as floor and as wall.

    Args:
        upright: surface with a vertical part of its normal below this is upright.
        floor_search_m: the floor is looked for within this of z = 0.
        patch_m: surface is averaged over cubes of this size first.
        search_m: surface within this of a plane may belong to it.
        least_thickness_m: a wall is at least so thick to either side; more where its surface is rougher.
        least_wall_area_m2, least_wall_top_m, least_wall_length_m: what a wall has at least.
        longest_pause_m: where a plane has no surface for longer, one wall ends and another may begin.
        largest_num_planes: stop after so many.
    """

    upright: float = 0.35
    floor_search_m: float = 0.15
    patch_m: float = 0.10
    search_m: float = 0.15
    least_thickness_m: float = 0.05
    least_wall_area_m2: float = 1.2
    least_wall_top_m: float = 1.7
    least_wall_length_m: float = 0.8
    longest_pause_m: float = 0.6
    largest_num_planes: int = 16


@dataclass(frozen=True, slots=True, eq=False)
class Wall:
    """An upright plane.

    Args:
        normal: (2,) unit vector into the room.
        offset_m: normal . point, metres.
        along_m: where it begins and ends, counted along the normal turned left.
        thickness_m: its own surface lies within this of the plane.
    """

    normal: np.ndarray
    offset_m: float
    along_m: tuple[float, float]
    thickness_m: float

    def distance_m(self, points_m: Points) -> np.ndarray:
        """(...) signed distance of points (..., 3), positive in the room."""
        return np.asarray(points_m)[..., :2] @ self.normal - self.offset_m

    def beside(self, points_m: Points, margin_m: float = 0.3) -> np.ndarray:
        """(...) bool: whether points lie between its ends."""
        along = np.asarray(points_m)[..., :2] @ _turned_left(self.normal)
        return (along >= self.along_m[0] - margin_m) & (along <= self.along_m[1] + margin_m)


def floor_height_m(
    points_m: Points, normals: Points, areas_m2: np.ndarray, config: PlaneConfig = PlaneConfig()
) -> float:
    """The median height of the level surface near z = 0, metres; 0 where there is too little."""
    level = (np.abs(points_m[:, 2]) < config.floor_search_m) & (normals[:, 2] > 0.8)
    if areas_m2[level].sum() < 0.1:
        return 0.0
    order = np.argsort(points_m[level, 2], kind="stable")
    share = np.cumsum(areas_m2[level][order])
    return float(points_m[level, 2][order][np.searchsorted(share, share[-1] / 2)])


def find_walls(
    points_m: Points, normals: Points, areas_m2: np.ndarray, config: PlaneConfig = PlaneConfig()
) -> list[Wall]:
    """Vote upright surface into (direction, offset) bins, take the fullest, refine it on its surface, and go on.

    Args:
        points_m, normals: (n, 3) surface samples, world.
        areas_m2: (n,) how much surface each stands for.
        config: see there.
    """
    points, normals, areas = _patches(points_m, normals, areas_m2, config.patch_m)
    upright = np.abs(normals[:, 2]) < config.upright
    points, normals, areas = points[upright], normals[upright], areas[upright]
    free = np.ones(len(points), bool)
    walls: list[Wall] = []
    for _ in range(config.largest_num_planes):
        start = _fullest_bin(points[free], normals[free], areas[free])
        if start is None:
            break
        normal, offset_m = start
        near = free
        for _ in range(REFINEMENTS):
            aligned = normals[:, :2] @ normal > ALIGNED
            near = free & aligned & (np.abs(points[:, :2] @ normal - offset_m) < config.search_m)
            if not near.any():
                return walls
            normal, offset_m = _fit_line(points[near, :2], areas[near], normal)
        free &= ~near
        walls += _walls(points[near], areas[near], normal, offset_m, config)
    return walls


def _turned_left(normal: np.ndarray) -> np.ndarray:
    return np.array([-normal[1], normal[0]])


def _patches(
    points_m: np.ndarray, normals: np.ndarray, areas_m2: np.ndarray, patch_m: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean position, unit normal and area of the surface in each cube of edge `patch_m`: calmer, and fewer."""
    cells = np.floor(points_m / patch_m).astype(np.int64)
    _, number = np.unique(cells, axis=0, return_inverse=True)
    area = np.maximum(np.bincount(number, weights=areas_m2), 1e-12)
    mean = [np.bincount(number, weights=areas_m2 * column) / area for column in points_m.astype(np.float64).T]
    normal = np.stack([np.bincount(number, weights=areas_m2 * column) / area for column in normals.T], axis=1)
    return np.stack(mean, axis=1), normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9), area


def _fullest_bin(points: np.ndarray, normals: np.ndarray, areas: np.ndarray) -> tuple[np.ndarray, float] | None:
    """Every sample votes for all planes through it that turn from its normal by less than `VOTE_SPREAD` steps."""
    if len(points) == 0:
        return None
    step = np.rint(np.arctan2(normals[:, 1], normals[:, 0]) / ANGLE_STEP_RAD).astype(np.int64)
    turns = step[:, None] + np.arange(-VOTE_SPREAD, VOTE_SPREAD + 1)
    angle = turns * ANGLE_STEP_RAD
    offset = points[:, :1] * np.cos(angle) + points[:, 1:2] * np.sin(angle)
    bins = np.rint(offset / OFFSET_STEP_M).astype(np.int64)
    turns = turns % NUM_TURNS
    votes = np.zeros((NUM_TURNS, bins.max() - bins.min() + 1))
    np.add.at(votes, (turns, bins - bins.min()), np.broadcast_to(areas[:, None], bins.shape))
    turn, best = np.unravel_index(np.argmax(votes), votes.shape)
    angle = turn * ANGLE_STEP_RAD
    return np.array([np.cos(angle), np.sin(angle)]), float((best + bins.min()) * OFFSET_STEP_M)


def _fit_line(points: np.ndarray, areas: np.ndarray, normal: np.ndarray) -> tuple[np.ndarray, float]:
    share = areas / areas.sum()
    mean = share @ points
    centred = points - mean
    fitted = np.linalg.eigh((centred * share[:, None]).T @ centred)[1][:, 0]
    fitted = fitted if fitted @ normal > 0 else -fitted
    fitted = fitted if fitted @ normal > 0.9 else normal
    return fitted, float(fitted @ mean)


def _walls(
    points: np.ndarray, areas: np.ndarray, normal: np.ndarray, offset_m: float, config: PlaneConfig
) -> list[Wall]:
    """The walls on one plane: its surface, cut where it pauses, as far as each piece is large enough."""
    along = points[:, :2] @ _turned_left(normal)
    order = np.argsort(along, kind="stable")
    pauses = np.flatnonzero(np.diff(along[order]) > config.longest_pause_m) + 1
    walls = []
    for run in np.split(order, pauses):
        begin, end = along[run[0]], along[run[-1]]
        if (
            areas[run].sum() >= config.least_wall_area_m2
            and np.quantile(points[run, 2], 0.95) >= config.least_wall_top_m
            and end - begin >= config.least_wall_length_m
        ):
            rms_m = float(np.sqrt(np.average((points[run, :2] @ normal - offset_m) ** 2, weights=areas[run])))
            walls.append(Wall(normal, offset_m, (float(begin), float(end)), max(config.least_thickness_m, 3 * rms_m)))
    return walls
