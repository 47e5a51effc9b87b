"""Furniture: what stands in the room off its floor and walls, as upright boxes with a first guess of a name.

A fixture is a connected piece of standing surface together with what lies on it: its box reaches from the floor to its
top, over the smallest rectangle that holds it as seen from above. Names are guesses from size and place, and say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .planes import PlaneConfig, Wall
from .state import Fixture, OrientedBox

NUM_ANGLES = 180
PLAN_CELL_M = 0.01
LEAST_EXTENT_M = 0.01
CUT_M = 0.05
BAND_M = 0.03
OPERATING_TABLE = "operating_table"


@dataclass(frozen=True, slots=True)
class FixtureConfig:
    """What counts as furniture.

    Args:
        planes: what counts as floor and wall.
        cell_m: surface in neighbouring cubes of this size is connected.
        least_height_m, greatest_height_m: heights above the floor between which surface counts; what reaches through
            the upper one is part of the building.
        least_ceiling_m: surface above this that faces down is ceiling.
        least_area_m2: least standing surface of a fixture.
        least_top_m: a fixture reaches at least this high.
        greatest_bottom_m: what begins higher hangs and does not stand.
        least_depth_m: what is thinner, seen from above, is part of a wall.
        trim: share of surface that may stick out of the box at each side (noise).
        table_top_m: heights of a table's top.
        table_area_m2: least level surface of a table.
        clutter_m: what stands on a table and is lower than this does not raise its box.
    """

    planes: PlaneConfig = field(default_factory=PlaneConfig)
    cell_m: float = 0.05
    least_height_m: float = 0.10
    greatest_height_m: float = 2.1
    least_ceiling_m: float = 1.8
    least_area_m2: float = 0.15
    least_top_m: float = 0.3
    greatest_bottom_m: float = 1.1
    least_depth_m: float = 0.15
    trim: float = 0.01
    table_top_m: tuple[float, float] = (0.4, 1.4)
    table_area_m2: float = 0.15
    clutter_m: float = 0.4


def find_fixtures(
    points_m: np.ndarray,
    normals: np.ndarray,
    areas_m2: np.ndarray,
    floor_m: float,
    walls: Sequence[Wall],
    config: FixtureConfig = FixtureConfig(),
) -> tuple[Fixture, ...]:
    """Find the furniture in a fused surface.

    Args:
        points_m, normals: (n, 3) surface samples, world, floor near z = 0.
        areas_m2: (n,) how much surface each stands for.
        floor_m: height of the floor.
        walls: where the walls stand.
        config: see there.

    Returns:
        Fixtures `fixture_1`, `fixture_2`, ... from the largest footprint to the smallest.
    """
    points_m, normals = points_m.astype(np.float64), normals.astype(np.float64)
    standing = _standing(points_m, normals, floor_m, walls, config)
    points_m, normals, areas_m2 = points_m[standing], normals[standing], areas_m2[standing]
    pieces = []
    for piece in _pieces(points_m, areas_m2, config):
        box = upright_box(points_m[piece], areas_m2[piece], floor_m, config.trim)
        top_m = table_top_m(points_m[piece], normals[piece], areas_m2[piece], floor_m, config)
        if _is_furniture(points_m[piece], areas_m2[piece], box, floor_m, config):
            is_table = top_m is not None and bool(box.extent_m[2] - top_m <= config.clutter_m)
            pieces.append((_cut(box, top_m) if top_m is not None and is_table else box, is_table))
    pieces.sort(key=lambda item: (-round(float(np.prod(item[0].extent_m[:2])), 2), *item[0].center_m.round(2).tolist()))
    labels = guess_labels([box for box, _ in pieces], [is_table for _, is_table in pieces])
    return tuple(
        Fixture(f"fixture_{number}", label, box)
        for number, ((box, _), label) in enumerate(zip(pieces, labels, strict=True), start=1)
    )


def upright_box(points_m: np.ndarray, areas_m2: np.ndarray, floor_m: float, trim: float) -> OrientedBox:
    """The upright box from the floor to the top of some surface with the smallest footprint.

    Args:
        points_m: (n, 3) its samples.
        areas_m2: (n,) their weights.
        floor_m: where the box begins.
        trim: share of surface that may stick out at each side.
    """
    top_m = float(_extent(points_m[:, 2:], areas_m2, trim)[1][0])
    plan, weight = _plan_samples(points_m[:, :2], areas_m2)
    angles = np.arange(NUM_ANGLES) * (np.pi / 2 / NUM_ANGLES)
    sizes = [np.prod(np.subtract(*_extent(plan @ _axes(angle), weight, trim)[::-1])) for angle in angles]
    angle = float(angles[int(np.argmin(np.round(sizes, 6)))])
    low, high = _extent(points_m[:, :2] @ _axes(angle), areas_m2, trim)
    if high[1] - low[1] > high[0] - low[0]:
        angle, low, high = angle + np.pi / 2, np.array([low[1], -high[0]]), np.array([high[1], -low[0]])
    rotation = np.eye(3)
    rotation[:2, :2] = _axes(angle)
    center_m = np.array([*(_axes(angle) @ ((low + high) / 2)), (floor_m + top_m) / 2])
    return OrientedBox(center_m, rotation, np.maximum([*(high - low), top_m - floor_m], LEAST_EXTENT_M))


def _axes(angle: float) -> np.ndarray:
    """(2, 2): columns are the axes of a rectangle turned by `angle`."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _plan_samples(points_m: np.ndarray, areas_m2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Samples seen from above, summed over square centimetres."""
    _, number = np.unique(np.floor(points_m / PLAN_CELL_M).astype(np.int64), axis=0, return_inverse=True)
    area = np.maximum(np.bincount(number, weights=areas_m2), 1e-12)
    return np.stack([np.bincount(number, weights=areas_m2 * column) / area for column in points_m.T], axis=1), area


def table_top_m(
    points_m: np.ndarray, normals: np.ndarray, areas_m2: np.ndarray, floor_m: float, config: FixtureConfig
) -> float | None:
    """The mean height above the floor of the height band with most level surface, None where that is too little."""
    height = points_m[:, 2] - floor_m
    level = (normals[:, 2] > 0.8) & (height > config.table_top_m[0]) & (height < config.table_top_m[1])
    if not level.any():
        return None
    band = np.floor(height[level] / BAND_M).astype(np.int64)
    area = np.convolve(np.bincount(band, weights=areas_m2[level]), np.ones(2))
    best = int(np.argmax(area))
    if area[best] < config.table_area_m2:
        return None
    chosen = (band == best) | (band == best - 1)
    return float(np.average(height[level][chosen], weights=areas_m2[level][chosen]))


def guess_labels(boxes: Sequence[OrientedBox], are_tables: Sequence[bool]) -> list[str]:
    """Canonical names from size and place, "fixture" where nothing fits.

    The long table is the operating table, and there is one; shorter ones carry instruments, or lie lower and are
    secondary; a tower that stands near the operating table belongs to anaesthesia.
    """
    labels = ["fixture"] * len(boxes)
    sizes = [box.extent_m for box in boxes]
    for index, (length, width, height) in enumerate(sizes):
        if not are_tables[index]:
            continue
        if 1.6 <= length <= 2.4 and 0.4 <= width <= 0.95 and 0.6 <= height <= 1.2:
            if OPERATING_TABLE not in labels:
                labels[index] = OPERATING_TABLE
        elif 0.5 <= length <= 1.6 and 0.35 <= width <= 0.95 and 0.65 <= height <= 1.2:
            labels[index] = "instrument_table" if height > 0.82 else "secondary_table"
    if OPERATING_TABLE in labels:
        table = boxes[labels.index(OPERATING_TABLE)]
        for index, (length, width, height) in enumerate(sizes):
            slim = 0.3 <= width <= length <= 0.95 and 1.1 <= height <= 1.9
            near = bool((table.distance_m(boxes[index].center_m[None]) < 1.5).all())
            if labels[index] == "fixture" and slim and near:
                labels[index] = "anesthesia_equipment"
    return labels


def _cut(box: OrientedBox, top_m: float) -> OrientedBox:
    """The box with its top lowered to a height above its bottom."""
    bottom_m = box.center_m[2] - box.extent_m[2] / 2
    return OrientedBox(
        np.array([*box.center_m[:2], bottom_m + top_m / 2]), box.rotation, np.array([*box.extent_m[:2], top_m])
    )


def _standing(
    points_m: np.ndarray, normals: np.ndarray, floor_m: float, walls: Sequence[Wall], config: FixtureConfig
) -> np.ndarray:
    """What is neither floor, nor ceiling, nor wall; a table top that meets a wall stays whole."""
    height = points_m[:, 2] - floor_m
    standing = (height > config.least_height_m) & (height < config.greatest_height_m)
    standing &= ~((normals[:, 2] < -0.7) & (height > config.least_ceiling_m))
    for wall in walls:
        distance_m = np.abs(wall.distance_m(points_m))
        within = np.where(normals[:, 2] > 0.8, 0.0, wall.thickness_m)
        standing &= ~((distance_m < within) & wall.beside(points_m))
    return standing


def _pieces(points_m: np.ndarray, areas_m2: np.ndarray, config: FixtureConfig) -> list[np.ndarray]:
    """Connected groups of samples; groups one above the other are one."""
    from scipy.ndimage import label

    if len(points_m) == 0:
        return []
    cells = np.floor((points_m - points_m.min(axis=0)) / config.cell_m).astype(np.int64)
    grid = np.zeros(cells.max(axis=0) + 1, bool)
    grid[tuple(cells.T)] = True
    numbers = np.zeros(grid.shape, np.int32)
    label(grid, structure=np.ones((3, 3, 3)), output=numbers)
    part = _merge_stacked(numbers[tuple(cells.T)], cells, areas_m2, config)
    return [np.flatnonzero(part == number) for number in np.unique(part)]


def _merge_stacked(part: np.ndarray, cells: np.ndarray, areas_m2: np.ndarray, config: FixtureConfig) -> np.ndarray:
    """Give a part the number of the larger part over whose footprint most of it lies."""
    area = np.bincount(part, weights=areas_m2)
    numbers = np.argsort(-area, kind="stable")
    footprints = {}
    for number in numbers[area[numbers] > 0.01]:
        columns = {tuple(column) for column in np.unique(cells[part == number][:, :2], axis=0).tolist()}
        host = next((other for other, taken in footprints.items() if len(columns & taken) > 0.5 * len(columns)), None)
        if host is None:
            footprints[number] = columns
        else:
            part = np.where(part == number, host, part)
    return part


def _is_furniture(
    points_m: np.ndarray, areas_m2: np.ndarray, box: OrientedBox, floor_m: float, config: FixtureConfig
) -> bool:
    bottom_m = float(_extent(points_m[:, 2:], areas_m2, 0.02)[0][0]) - floor_m
    top_m = float(_extent(points_m[:, 2:], areas_m2, 0.002)[1][0]) - floor_m
    return bool(
        areas_m2.sum() >= config.least_area_m2
        and config.least_top_m <= top_m < config.greatest_height_m - CUT_M
        and bottom_m <= config.greatest_bottom_m
        and box.extent_m[1] >= config.least_depth_m
    )


def _extent(values: np.ndarray, areas_m2: np.ndarray, trim: float) -> tuple[np.ndarray, np.ndarray]:
    """Per column the values below and above which a share `trim` of the area lies."""
    low, high = np.empty(values.shape[1]), np.empty(values.shape[1])
    for column in range(values.shape[1]):
        order = np.argsort(values[:, column], kind="stable")
        share = np.cumsum(areas_m2[order])
        picks = np.searchsorted(share, [trim * share[-1], (1 - trim) * share[-1]])
        low[column], high[column] = values[order[np.minimum(picks, len(order) - 1)], column]
    return low, high
