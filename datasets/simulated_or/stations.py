"""Where people stand in the simulated room: places by name, each clear of everything that stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from ...capture.errors import ConfigError
from ...reconstruction.state import Fixture, OrientedBox
from .shell import CORRIDOR_M, WALL_M, Door

Stations = Mapping[str, tuple[np.ndarray, float]]
CLEARANCE_M, APART_M, STEP_M = 0.45, 0.8, 0.05
#: How far beyond the assistant's place from the table a stretcher's lane reaches it.
LANE_M = -0.1
#: Half the width of a gap through which people still walk.
WALKING_M = 0.36
#: People are this tall at most; what hangs higher is in nobody's way.
HEAD_M = 2.0


def clearance_m(places_m: np.ndarray, solids: Sequence[Fixture]) -> np.ndarray:
    """(n,) metres from places (n, 2) on the floor to the nearest solid below head height, 0 inside of one."""
    nearest = np.full(len(places_m), np.inf)
    for solid in solids:
        box = solid.box
        if box.corners_m()[:, 2].min() < HEAD_M:
            level = np.column_stack([places_m, np.full(len(places_m), box.center_m[2])])
            nearest = np.minimum(nearest, box.distance_m(level))
    return nearest


def find_stations(
    table_m: np.ndarray, solids: Sequence[Fixture], doors: Sequence[Door], floor_m: np.ndarray
) -> Stations:
    """The named places of a room.

    Args:
        table_m: (3,) middle of the operating table's top.
        solids: what stands.
        doors: where one comes in.
        floor_m: (4, 2) corners of the floor.

    Raises:
        ConfigError: the furniture leaves no room for one of them.
    """
    boxes = {solid.fixture_id: solid.box for solid in solids}
    x, y = table_m[:2]
    table = boxes["operating_table"]
    south, north = (y + side * (table.extent_m[1] / 2 + CLEARANCE_M + 0.02) for side in (-1, 1))
    east = x + table.extent_m[0] / 2 + CLEARANCE_M + 0.05
    wanted: dict[str, tuple[np.ndarray, float]] = {
        "surgeon": (np.array([x - 0.25, south]), np.pi / 2),
        "assistant": (np.array([x - 0.25, north]), -np.pi / 2),
        "assistant_2": (np.array([x + 0.55, north]), -np.pi / 2),
        "head": (np.array([east, y - 0.05]), np.pi),
        "scrub": _before(boxes["instrument_table"]),
        "circulating": _before(boxes["secondary_table"]),
    }
    for door in doors:
        heading = door.heading_rad()
        wanted[door.name] = (door.place(-(WALL_M + 0.55 * CORRIDOR_M)), heading)
        wanted[f"{door.name}_inside"] = (door.place(0.75), heading)
    if len(doors) == 1:
        for suffix in ("", "_inside"):
            wanted[f"door_2{suffix}"] = wanted[f"door_1{suffix}"]
    for name, (place, _) in wanted.items():
        if clearance_m(place[None], solids)[0] < CLEARANCE_M:
            raise ConfigError(f"the furniture leaves no room for the place '{name}'", todo="draw another room")
    lane_m = np.linspace(wanted["door_1_inside"][0], (x - table.extent_m[0] / 2, north + LANE_M), 6)
    return MappingProxyType({**wanted, **_waiting(wanted, solids, floor_m, table_m[:2], lane_m)})


def _before(box: OrientedBox) -> tuple[np.ndarray, float]:
    """In front of a table, which looks along -y of its own."""
    front = -box.rotation[:2, 1]
    place = box.center_m[:2] + front * (box.extent_m[1] / 2 + CLEARANCE_M + 0.02)
    return place, float(np.arctan2(*-front[::-1]))


def _waiting(
    wanted: Stations, solids: Sequence[Fixture], floor_m: np.ndarray, table_m: np.ndarray, lane_m: np.ndarray
) -> Stations:
    """Three free places away from the table, from the other places, from a lane (k, 2) that stays free and from each
    other; they face the table.
    """
    low, high = floor_m.min(axis=0), floor_m.max(axis=0)
    free = _reachable(wanted, solids, low, high)
    others = np.concatenate([[place for place, _ in wanted.values()], lane_m])
    found = {}
    for number in range(1, 4):
        apart = np.linalg.norm(free[:, None] - others, axis=2).min(axis=1)
        away = np.minimum(np.linalg.norm(free - table_m, axis=1), 2.4)
        score = np.where(apart >= APART_M, away + 0.5 * np.minimum(apart, 1.2), -np.inf)
        if not np.isfinite(score).any():
            raise ConfigError(
                f"the furniture leaves no room for the place 'waiting_{number}'", todo="draw another room"
            )
        best = int(score.argmax())
        heading = float(np.arctan2(*(table_m - free[best])[::-1]))
        found[f"waiting_{number}"] = (free[best], heading)
        others = np.concatenate([others, free[best : best + 1]])
    return found


def _reachable(wanted: Stations, solids: Sequence[Fixture], low_m: np.ndarray, high_m: np.ndarray) -> np.ndarray:
    """(n, 2) free places on the floor to which one can walk from the other places.

    Raises:
        ConfigError: one of those cannot be walked to.
    """
    from scipy.ndimage import label

    margin_m = WALL_M + CORRIDOR_M + STEP_M
    first, second = (np.arange(a - margin_m, b + margin_m, STEP_M) for a, b in zip(low_m, high_m, strict=True))
    grid = np.stack(np.meshgrid(first, second, indexing="ij"), axis=-1)
    clear_m = clearance_m(grid.reshape(-1, 2), solids).reshape(grid.shape[:2])
    areas = np.zeros(clear_m.shape, np.int32)
    label(clear_m > WALKING_M, output=areas)
    inside = {
        name: areas[tuple(np.round((place - grid[0, 0]) / STEP_M).astype(int))] for name, (place, _) in wanted.items()
    }
    lost = next((name for name, area in inside.items() if area != inside["surgeon"]), None)
    if lost:
        raise ConfigError(f"the furniture blocks the way to the place '{lost}'", todo="draw another room")
    in_room = ((grid > low_m) & (grid < high_m)).all(axis=-1)
    return grid[(areas == inside["surgeon"]) & (clear_m >= CLEARANCE_M + STEP_M) & in_room]
