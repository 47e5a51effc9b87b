"""The surface on an operating table, seen over a long window: a height field in the table's own frame.

Who leans over the table comes and goes, who lies on it stays: of each cell's heights over time a low quantile is what
lies there. Where the surface changes for good (a drape is laid on or taken off, a leg is bent) a new stretch begins.

Table frame: x along the table, y across, z up; the origin is the middle of the table's top.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..capture.arrays import read_only
from ..capture.errors import InputError
from ..capture.geometry import SE3
from .state import OrientedBox

CELL_M = 0.02
ASIDE_M, BEYOND_M = 0.16, 0.12
LOWEST_M, HIGHEST_M = -0.40, 0.75
WITHIN_CELL, OVER_TIME = 0.8, 0.3
CHANGED_M, CHANGED_SHARE = 0.03, 0.10
HANGING_M = 0.06
ALIKE = 3.0
DARKEST = 60
LEAST_HANGING = 50
LEAST_HEIGHT_M, MOST_HEIGHT_M = 0.06, 0.38


@dataclass(frozen=True, slots=True, eq=False)
class TableGlance:
    """What was seen of a table at one instant.

    Args:
        time_ns: rig clock.
        world_from_table: where the table stands.
        points_m: (n, 3) world, whatever cameras measured on and around it, moving or not.
        colors_rgb: (n, 3) uint8, or None.
    """

    time_ns: int
    world_from_table: SE3
    points_m: np.ndarray
    colors_rgb: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TableSurface:
    """What lay on a table over a stretch of time.

    Args:
        first_ns, last_ns: the stretch, its last instant included.
        low_m: (2,) corner of the grid in the table frame; cells have an edge of CELL_M.
        height_m: (nx, ny) above the table's top, NaN = not seen.
        drape: (nx, ny) bool, cells that look as the cloth does which hangs down at the sides, none where nothing hangs
            there; None = nobody can tell, for want of colour or of a single cloth.
    """

    first_ns: int
    last_ns: int
    low_m: np.ndarray
    height_m: np.ndarray
    drape: np.ndarray | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "height_m", read_only(self.height_m))

    def cells_m(self) -> np.ndarray:
        """(nx, ny, 3) middle of every cell, table frame."""
        nx, ny = self.height_m.shape
        x, y = (self.low_m[axis] + CELL_M * (np.arange(count) + 0.5) for axis, count in ((0, nx), (1, ny)))
        return np.dstack([*np.meshgrid(x, y, indexing="ij"), self.height_m])


def table_frame(box: OrientedBox) -> tuple[SE3, np.ndarray]:
    """World from table, and its length, width and height (3,), of the table as a box.

    Raises:
        InputError: the box stands on an edge.
    """
    up = int(np.abs(box.rotation[2]).argmax())
    if abs(box.rotation[2, up]) < 0.8:
        raise InputError("a table stands on its feet", why="no side of its box faces up", todo="label the right box")
    flat = [axis for axis in range(3) if axis != up]
    along = max(flat, key=lambda axis: box.extent_m[axis])
    across = min(set(flat) - {along})
    z = box.rotation[:, up] * np.sign(box.rotation[2, up])
    x = box.rotation[:, along]
    rotation = np.stack([x, np.cross(z, x), z], axis=1)
    extent_m = box.extent_m[[along, across, up]]
    return SE3(rotation, box.center_m + z * extent_m[2] / 2), extent_m


def table_surfaces(glances: Sequence[TableGlance], extent_m: np.ndarray, window: int = 10) -> list[TableSurface]:
    """The surfaces of a recording, one for each stretch in which nothing changed for good.

    Args:
        glances: in the order of time.
        extent_m: (3,) length, width and height of the table.
        window: so many glances at a time are compared with those before; a stretch is at least so long.

    Raises:
        InputError: there are no glances.
    """
    if not glances:
        raise InputError("a table that was never seen has no surface")
    maps = [heights_of(glance, extent_m) for glance in glances]
    begins = [0]
    for begin in range(window, len(maps) - window // 2, window):
        before = _lasting(maps[max(begins[-1], begin - 2 * window) : begin])
        after = _lasting(maps[begin : begin + window])
        both = np.isfinite(before) & np.isfinite(after)
        if both.any() and (np.abs(before - after)[both] > CHANGED_M).mean() > CHANGED_SHARE:
            begins.append(begin)
    ends = [*begins[1:], len(maps)]
    return [_surface(glances[b:e], maps[b:e], extent_m) for b, e in zip(begins, ends, strict=True)]


def largest_bulge(surface: TableSurface) -> np.ndarray:
    """(nx, ny) bool, cells of the largest thing that lies on the table and is no higher than somebody who lies."""
    from scipy.ndimage import label

    height_m = np.nan_to_num(surface.height_m)
    found: Any = label((height_m > LEAST_HEIGHT_M) & (height_m < MOST_HEIGHT_M))
    parts = np.asarray(found[0])
    if not parts.any():
        return parts > 0
    return parts == 1 + np.bincount(parts.ravel())[1:].argmax()


def _surface(glances: Sequence[TableGlance], maps: list[np.ndarray], extent_m: np.ndarray) -> TableSurface:
    height_m = _lasting(maps)
    drape = _drape(glances, height_m, extent_m)
    return TableSurface(glances[0].time_ns, glances[-1].time_ns, _low_m(extent_m), height_m, drape)


def _low_m(extent_m: np.ndarray) -> np.ndarray:
    return -(extent_m[:2] / 2 + [BEYOND_M, ASIDE_M])


def _cells(local_m: np.ndarray, extent_m: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Which points (n,) lie over the table, the cell of each of those, and the size of the grid."""
    low_m = _low_m(extent_m)
    shape = tuple(int(np.ceil(-2 * low / CELL_M)) for low in low_m)
    cell = np.floor((local_m[:, :2] - low_m) / CELL_M).astype(int)
    over = ((cell >= 0) & (cell < shape)).all(axis=1) & (local_m[:, 2] > LOWEST_M) & (local_m[:, 2] < HIGHEST_M)
    return over, cell[over, 0] * shape[1] + cell[over, 1], (shape[0], shape[1])


def heights_of(glance: TableGlance, extent_m: np.ndarray) -> np.ndarray:
    """(nx, ny) the height below which most of a cell's points lie, NaN where there are none."""
    local_m = glance.world_from_table.inverse() @ np.asarray(glance.points_m, dtype=np.float64)
    over, cell, shape = _cells(local_m, extent_m)
    z = local_m[over, 2]
    order = np.lexsort((z, cell))
    found, first, count = np.unique(cell[order], return_index=True, return_counts=True)
    height_m = np.full(shape[0] * shape[1], np.nan)
    height_m[found] = z[order][first + np.floor(WITHIN_CELL * (count - 1)).astype(int)]
    return height_m.reshape(shape)


def _lasting(maps: list[np.ndarray]) -> np.ndarray:
    """(nx, ny) what stays of heights over time."""
    stack = np.sort(np.stack(maps), axis=0)
    count = np.isfinite(stack).sum(axis=0)
    row = np.floor(OVER_TIME * np.maximum(count - 1, 0)).astype(int)
    return np.where(count > 0, np.take_along_axis(stack, row[None], axis=0)[0], np.nan)


def _drape(glances: Sequence[TableGlance], height_m: np.ndarray, extent_m: np.ndarray) -> np.ndarray | None:
    """(nx, ny) bool, where the surface has the colour of what hangs down beside the table; None = nobody can tell."""
    cells, colors, hanging = [], [], []
    for glance in glances:
        if glance.colors_rgb is None:
            continue
        local_m = glance.world_from_table.inverse() @ np.asarray(glance.points_m, dtype=np.float64)
        over, cell, _ = _cells(local_m, extent_m)
        lit = glance.colors_rgb[over].sum(axis=1) > DARKEST
        tint, own, cell = _tint(glance.colors_rgb[over][lit]), local_m[over][lit], cell[lit]
        aside = (np.abs(own[:, 1]) > extent_m[1] / 2) & (own[:, 2] < -HANGING_M) & (own[:, 2] > LOWEST_M / 2)
        top = np.abs(own[:, 2] - height_m.ravel()[cell]) < CHANGED_M
        cells.append(cell[top])
        colors.append(tint[top])
        hanging.append(tint[aside])
    if not hanging:
        return None
    cloth = np.concatenate(hanging)
    if len(cloth) < LEAST_HANGING:
        return np.zeros(height_m.shape, bool)
    middle = np.median(cloth, axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(cloth - middle), axis=0), 0.01)
    if (spread > 0.05).any():
        return None  # what is seen beside the table is no single cloth
    cell, size = np.concatenate(cells), height_m.size
    count = np.maximum(np.bincount(cell, minlength=size), 1)
    mean = np.stack([np.bincount(cell, tint, size) / count for tint in np.concatenate(colors).T], axis=1)
    alike = (np.abs(mean - middle) < ALIKE * spread).all(axis=1) & (np.bincount(cell, minlength=size) > 0)
    return alike.reshape(height_m.shape)


def _tint(colors_rgb: np.ndarray) -> np.ndarray:
    """(n, 2) shares of red and green in the colour, which shadows do not change."""
    return colors_rgb[:, :2] / colors_rgb.sum(axis=1, keepdims=True, dtype=np.float64)
