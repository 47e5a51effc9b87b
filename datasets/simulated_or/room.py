"""The simulated operating room: what stands where, and the places where people stand.

The operating table stands near the origin, its long axis along x with the head at +x; the surgeon's side is south (-y),
the anaesthesia machine stands at the head, the instrument table at the foot. Sizes, colours and places vary by seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...capture.errors import ConfigError
from ...capture.geometry import SE3
from ...reconstruction.state import Fixture, OrientedBox, Zone
from . import equipment, furniture, pictures
from .materials import BLUE, GREEN, Materials
from .meshes import TexturedMesh, merge
from .performance import Lamp, PictureBook, StandingRoom
from .shapes import moved, shifted, turned
from .shell import Door, Wall, build_shell, four_walls, shell_solids
from .stations import Stations, find_stations

AREA_M2 = (35.0, 48.0)
SMALLEST_M, LARGEST_M = (6.3, 5.6), (8.0, 7.0)
RANGES = {
    "height_m": (2.85, 3.6), "table_height_m": (0.7, 1.1), "table_tilt_rad": (-0.26, 0.26), "doors": (1, 2),
    "num_drip_stands": (0, 3), "num_cabinets": (0, 5),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RoomConfig:
    """What may be asked of a room; what is None is drawn by seed.

    Args:
        length_m, width_m, height_m: inner size along x, y and z.
        doors: 1 or 2.
        table_height_m: from the floor to the middle of the mattress top.
        table_tilt_rad: positive lifts the head end.
        with_c_arm: whether a C-arm is parked at the foot end.
        num_drip_stands, num_cabinets: how many of them.

    Raises:
        ConfigError: a value is out of its range, or the floor too small or too large for an operating room.
    """

    length_m: float | None = None
    width_m: float | None = None
    height_m: float | None = None
    doors: int = 2
    table_height_m: float | None = None
    table_tilt_rad: float = 0.0
    with_c_arm: bool = False
    num_drip_stands: int = 2
    num_cabinets: int = 3

    def __post_init__(self) -> None:
        ranges = {"length_m": (SMALLEST_M[0], LARGEST_M[0]), "width_m": (SMALLEST_M[1], LARGEST_M[1]), **RANGES}
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ConfigError(f"{name} of a simulated room must lie in [{low}, {high}], got {value}")
        if self.length_m and self.width_m and not AREA_M2[0] <= self.length_m * self.width_m <= AREA_M2[1]:
            raise ConfigError(
                f"a floor of {self.length_m} x {self.width_m} m is no operating room",
                why=f"its area must lie in {AREA_M2[0]:.0f} to {AREA_M2[1]:.0f} m2",
                todo="change length_m or width_m, or leave one of them out",
            )


class TableTop(NamedTuple):
    """The mattress of the operating table: centre of its top (3,), its size, and its tilt (positive lifts the head)."""

    center_m: np.ndarray
    length_m: float
    width_m: float
    tilt_rad: float


@dataclass(frozen=True, slots=True, eq=False)
class OperatingRoom(StandingRoom):
    """A standing room that knows its places.

    Args:
        table_top: the mattress.
        stations: named standing places.
    """

    table_top: TableTop
    stations: Stations


def furnish(config: RoomConfig, rng: np.random.Generator, book: PictureBook) -> OperatingRoom:
    """Draw a room.

    Args:
        config: what is asked.
        rng: draws the rest.
        book: keeps the pictures; it must be empty, because the pictures of the room come first.

    Raises:
        ConfigError: the furniture does not fit, or the book was not empty.
    """
    kept: list[np.ndarray] = []

    def keep(picture: np.ndarray) -> int:
        kept.append(picture)
        if book(picture) != len(kept) - 1:
            raise ConfigError(
                "the pictures of a room come first in their book", todo="furnish the room with an empty book"
            )
        return len(kept) - 1

    materials = Materials(rng, keep)
    low, high, height = _size(config, rng)
    walls = four_walls(low, high, height)
    doors = _doors(config, rng, walls)
    table = TableTop(
        np.array([*rng.uniform(-0.06, 0.06, 2), config.table_height_m or rng.uniform(0.86, 0.98)]), 2.0, 0.54,
        config.table_tilt_rad,
    )  # fmt: skip
    things, taken = _furniture(config, materials, walls, table)
    lamps, hanging = _lights(materials, height, table)
    things.append(_monitor(materials, table))
    hanging.append(_monitor_arm(materials, things[-1].fixture.box, height))
    lit = _lit_panels(low, high)
    shell = build_shell(materials, walls, doors, taken, lit)
    corner = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
    named = [thing.fixture for thing in things if thing.named]
    solids = [*shell_solids(walls, doors), *(thing.fixture for thing in things)]
    return OperatingRoom(
        merge([shell, *hanging, *(thing.mesh for thing in things)]),
        kept,
        tuple(named),
        (Zone("room", corner, height),),
        tuple(solids),
        (*lamps, *_panel_lamps(low, high, height, lit)),
        table,
        find_stations(table.center_m, tuple(solids), doors, corner),
    )


def stations(room: OperatingRoom) -> Mapping[str, tuple[np.ndarray, float]]:
    """Named standing places: (2,) metres on the floor, and where one faces there; none is within 0.45 m of a solid.

    "surgeon" and "assistant" face each other over the operating field, "assistant_2" stands beside the assistant,
    "scrub" at the instrument table, "head" at the head end, "circulating" at the secondary table; "door_1" lies in the
    corridor behind the door and "door_1_inside" before it; "waiting_1" to "waiting_3" are out of everybody's way.
    """
    return room.stations


def table_top_m(room: OperatingRoom) -> TableTop:
    """The mattress of the operating table."""
    return room.table_top


def rest_spots_m(room: OperatingRoom, label: str, spacing_m: float = 0.24) -> np.ndarray:
    """(n, 3) places on top of a table where a tool may lie, the rows nearest to its front first."""
    box = room.fixture(label).box
    columns, rows = (max(1, int((edge - 0.06) / spacing_m)) for edge in box.extent_m[:2])
    x = (np.arange(columns) - (columns - 1) / 2) * (box.extent_m[0] - 0.06) / columns
    y = -((np.arange(rows) - (rows - 1) / 2) * (box.extent_m[1] - 0.06) / rows)[::-1]
    local = np.stack(np.broadcast_arrays(x[None, :], y[:, None], box.extent_m[2] / 2), axis=-1).reshape(-1, 3)
    return local @ box.rotation.T + box.center_m


@dataclass(frozen=True, slots=True, eq=False)
class _Thing:
    """A piece of furniture where it stands; `named` when it is one of the fixtures."""

    mesh: TexturedMesh
    fixture: Fixture
    named: bool


def _stand(name: str, own: TexturedMesh, x: float, y: float, yaw_rad: float, named: bool = False) -> _Thing:
    """Put a thing on the floor; its box is the smallest one along its own axes."""
    pose = SE3.exp(np.array([0.0, 0.0, yaw_rad, x, y, 0.0]))
    low, high = own.vertices_m.min(axis=0), own.vertices_m.max(axis=0)
    low[2] = max(low[2], 0.0)
    box = OrientedBox(pose @ ((low + high) / 2), pose.rotation, high - low)
    label = name.rstrip("_0123456789")
    return _Thing(moved(own, pose), Fixture(name, label, box, guessed=False), named)


def _size(config: RoomConfig, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """Lower and upper corner (2,) of the floor, and the height of the room."""
    width = config.width_m or float(rng.uniform(5.6, 6.3))
    if config.length_m:
        length, width = config.length_m, config.width_m or float(np.clip(40.0 / config.length_m, *_span(1)))
    else:
        length = float(np.clip(rng.uniform(37.5, 43.5) / width, *_span(0)))
    height = config.height_m or float(rng.uniform(2.9, 3.2))
    shift = np.array([0.06, 0.0])
    return shift - np.array([length, width]) / 2, shift + np.array([length, width]) / 2, height


def _span(axis: int) -> tuple[float, float]:
    return SMALLEST_M[axis], LARGEST_M[axis]


def _doors(config: RoomConfig, rng: np.random.Generator, walls: Mapping[str, Wall]) -> list[Door]:
    """A wide door at the foot end, in the west wall, and a narrower one in the east wall, south of the machine."""
    west, east = walls["west"], walls["east"]
    middle = west.length_m / 2 + rng.uniform(-0.15, 0.4)
    doors = [Door("door_1", west, middle - 0.7, middle + 0.7, 1 if rng.random() < 0.5 else -1)]
    if config.doors > 1:
        middle = east.length_m - rng.uniform(1.0, 1.4)
        doors.append(Door("door_2", east, middle - 0.52, middle + 0.52, -1))
    return doors


def _furniture(
    config: RoomConfig, materials: Materials, walls: Mapping[str, Wall], table: TableTop
) -> tuple[list[_Thing], list[tuple[str, float, float]]]:
    """What stands on the floor, and which spans of the walls it takes."""
    rng = materials.rng
    x, y, table_height = table.center_m
    north, south = walls["north"].left_m[1], walls["south"].left_m[1]
    west, east = walls["west"].left_m[0], walls["east"].left_m[0]
    tones = [BLUE, GREEN] if rng.random() < 0.7 else [GREEN, BLUE]
    own = furniture.operating_table(materials, table.length_m, table.width_m, table_height, table.tilt_rad)
    things = [_stand("operating_table", own, x, y, 0.0, named=True)]

    length, height = rng.uniform(1.25, 1.5), rng.uniform(0.84, 0.94)
    own = turned(furniture.draped_table(materials, length, 0.62, height, tones[0]), "z", np.pi)
    place = (x - 1.12 + rng.uniform(-0.1, 0.05), y - 1.92 + rng.uniform(-0.06, 0.0))
    things.append(_stand("instrument_table", own, *place, np.pi + rng.uniform(-0.06, 0.06), named=True))

    own = furniture.steel_table(materials, rng.uniform(1.0, 1.2), 0.5, rng.uniform(0.82, 0.9))
    place = (x + 1.55 + rng.uniform(-0.1, 0.1), south + 0.3)
    things.append(_stand("secondary_table", own, *place, np.pi, named=True))

    own = equipment.anaesthesia_machine(materials, rng.uniform(1.28, 1.4))
    place = (min(x + 2.42, east - 0.7), y + 1.02 + rng.uniform(0.0, 0.12))
    things.append(_stand("anesthesia_equipment", own, *place, -np.pi / 2 + rng.uniform(-0.3, 0.05), named=True))

    if config.with_c_arm:
        own = equipment.c_arm(materials)
        place = (max(x - 2.15, west + 1.3), y + 1.75)
        things.append(_stand("c_arm", own, *place, np.pi / 2 + rng.uniform(-0.15, 0.15), named=True))

    for number, (dx, dy) in enumerate([(1.48, 1.3), (1.75, -0.9), (2.6, -0.35)][: config.num_drip_stands], start=1):
        own = furniture.drip_stand(materials, rng.uniform(1.85, 2.05), int(rng.integers(1, 3)))
        things.append(_stand(f"drip_stand_{number}", own, x + dx, y + dy, rng.uniform(-0.2, 0.2)))

    taken = [
        ("south", east - things[2].fixture.box.center_m[0] - 0.65, east - things[2].fixture.box.center_m[0] + 0.65)
    ]
    start = x - 1.0 + rng.uniform(0.0, 0.3)
    for number in range(config.num_cabinets):
        own = furniture.cabinet(materials, 0.9, 0.42, 1.95)
        place = start + 0.92 * number
        if place + 0.5 > east - 0.1:
            raise ConfigError(
                f"{config.num_cabinets} cabinets do not fit the room", todo="ask for fewer, or a longer room"
            )
        things.append(_stand(f"cabinet_{number + 1}", own, place, north - 0.22, 0.0))
        taken.append(("north", place - 0.46 - west, place + 0.46 - west))

    own = furniture.bin_(materials, (196, 170, 40) if rng.random() < 0.5 else (150, 40, 44))
    things.append(_stand("bin_1", own, things[2].fixture.box.center_m[0] - 1.15, south + 0.3, 0.0))
    things.append(_stand("stool_1", furniture.stool(materials), east - 0.4, y + 2.1, 0.0))
    return things, taken


def _monitor(materials: Materials, table: TableTop) -> _Thing:
    """A monitor on a boom that the surgeon sees across the table."""
    rng = materials.rng
    own = equipment.screen(materials, 0.6, 0.37, pictures.radiograph(rng, 0.6, 0.37))
    x, y = table.center_m[0] + rng.uniform(0.0, 0.4), table.center_m[1] + rng.uniform(1.65, 1.8)
    return _stand("monitor", shifted(own, 0, 0, rng.uniform(1.6, 1.75)), x, y, rng.uniform(-0.2, 0.1), named=True)


def _monitor_arm(materials: Materials, screen: OrientedBox, height: float) -> TexturedMesh:
    back = screen.center_m
    mount = np.array([back[0] + 0.9, back[1] + 0.2, height])
    return equipment.ceiling_arm(materials, mount, back, (mount[:2] + back[:2]) / 2 + (0.1, -0.3))


def _lights(materials: Materials, height: float, table: TableTop) -> tuple[list[Lamp], list[TexturedMesh]]:
    """Two surgical lamps over the table, and their arms."""
    rng, center = materials.rng, table.center_m
    lamps, meshes = [], []
    mount = np.array([center[0] + 0.1, center[1] + 0.1, height])
    heads = ((0.45, 0.4, 1.25, 0.75), (-0.6, -0.3, -1.1, 0.7))
    for number, (dx, dy, ex, ey) in enumerate(heads):
        head = center + np.array([dx + rng.uniform(-0.1, 0.1), dy + rng.uniform(-0.1, 0.1), 0.0])
        head[2] = 2.16 + 0.07 * number
        aim = center + np.array([-0.1, 0.0, 0.1])
        towards = (aim - head) / np.linalg.norm(aim - head)
        post = head - towards * (equipment.LAMP_RADIUS_M + 0.03)
        elbow = center[:2] + np.array([ex, ey])
        meshes.append(equipment.ceiling_arm(materials, mount - (0.25 * number, 0, 0), post, elbow))
        meshes.append(equipment.surgical_lamp(materials, head, aim))
        lamps.append(Lamp(head + 0.18 * towards, 1.0))
    return lamps, meshes


def _lit_panels(low: np.ndarray, high: np.ndarray) -> list[tuple[int, int]]:
    """Column and row of the ceiling panels that shine: two rows of three."""
    columns, rows = ((high - low) / 0.6).astype(int)
    return [(int(columns * c), int(rows * r)) for c in (0.18, 0.5, 0.8) for r in (0.22, 0.72)]


def _panel_lamps(low: np.ndarray, high: np.ndarray, height: float, lit: list[tuple[int, int]]) -> list[Lamp]:
    return [Lamp(np.array([*(low + 0.6 * (np.array(panel) + 0.5)), height - 0.05]), 0.6) for panel in lit]
