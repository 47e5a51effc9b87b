"""room.toml: what the furniture and the floor areas of a room are called, by the hand of a person.

[[fixture]]
label = "operating_table"
id = "fixture_2"                    # the fixture that was found, or
seed_m = [1.2, 0.4, 0.9]            # a point on it, or
box = { center_m = [1.2, 0.4, 0.45], extent_m = [2.0, 0.6, 0.9], yaw_rad = 0.3 }

[[zone]]
label = "sterile_zone"
polygon_m = [[0.0, 0.0], [2.0, 0.0], [2.0, 1.5]]
height_m = 2.0                      # 3.0 where it is not given
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..capture.errors import ConfigError, InputError, nearest_name
from .state import Fixture, OrientedBox, Zone

LABEL = re.compile(r"[a-z][a-z0-9_]*")
SEED_REACH_M = 0.15
UNNAMED = "fixture"


@dataclass(frozen=True, slots=True, eq=False)
class FixtureEntry:
    """One `[[fixture]]`: a label, and exactly one way to say which thing is meant.

    Args:
        label: canonical snake_case name.
        fixture_id: the id of a found fixture, or None.
        seed_m: (3,) a point on or in it, metres, world, or None.
        box: the thing itself, or None.
    """

    label: str
    fixture_id: str | None = None
    seed_m: np.ndarray | None = None
    box: OrientedBox | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RoomPlan:
    """The names that a person gave."""

    fixtures: tuple[FixtureEntry, ...] = ()
    zones: tuple[Zone, ...] = ()


def read_room_plan(path: Path | str) -> RoomPlan:
    """Read room.toml.

    Raises:
        InputError: the file cannot be read, is not TOML, or a value has the wrong form.
        ConfigError: a key is unknown; the nearest known one is named.
    """
    path = Path(path)
    try:
        return parse_room_plan(path.read_text(encoding="utf-8"), where=str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("the room plan cannot be read", where=str(path), why=str(error)) from error


def parse_room_plan(text: str, where: str = "room.toml") -> RoomPlan:
    """The plan in a TOML text; raises as `read_room_plan` does."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError("the room plan is not TOML", where=where, why=str(error)) from error
    _known(document, ("fixture", "zone"), where)
    fixtures = tuple(
        _fixture(entry, f"{where}, fixture {number}") for number, entry in _tables(document, "fixture", where)
    )
    zones = tuple(_zone(entry, f"{where}, zone {number}") for number, entry in _tables(document, "zone", where))
    return RoomPlan(fixtures, zones)


def format_room_plan(plan: RoomPlan) -> str:
    """The plan as TOML; `parse_room_plan` gives it back."""
    blocks = [_fixture_text(entry) for entry in plan.fixtures] + [_zone_text(zone) for zone in plan.zones]
    return "\n".join(blocks)


def relabel(plan: RoomPlan, fixture_id: str, label: str) -> RoomPlan:
    """The plan with one found fixture named; an earlier name of the same id is replaced.

    Raises:
        ConfigError: the label is not canonical.
    """
    _check_label(label, "")
    kept = tuple(entry for entry in plan.fixtures if entry.fixture_id != fixture_id)
    return replace(plan, fixtures=(*kept, FixtureEntry(label, fixture_id=fixture_id)))


def apply_room_plan(
    plan: RoomPlan, fixtures: Sequence[Fixture], zones: Sequence[Zone]
) -> tuple[tuple[Fixture, ...], tuple[Zone, ...]]:
    """Give the found fixtures and zones the plan's names.

    A box of the plan replaces the fixtures whose middle it covers; a zone replaces the one of the same label. A guess
    that repeats a given name is taken back. A seed point where no fixture was found names nothing (`unplaced_names`).

    Raises:
        ConfigError: an id of the plan meets no fixture.
    """
    named = {fixture.fixture_id: fixture for fixture in fixtures}
    for entry in plan.fixtures:
        if entry.seed_m is not None and _nearest(entry.seed_m, named) is None:
            continue
        fixture_id, box = _meant(entry, named)
        named[fixture_id] = Fixture(fixture_id, entry.label, box, guessed=False)
    given = {entry.label for entry in plan.fixtures}
    result = tuple(
        replace(fixture, label=UNNAMED) if fixture.guessed and fixture.label in given else fixture
        for fixture in named.values()
    )
    labels = {zone.label for zone in plan.zones}
    return result, (*(zone for zone in zones if zone.label not in labels), *plan.zones)


def _meant(entry: FixtureEntry, named: dict[str, Fixture]) -> tuple[str, OrientedBox]:
    if entry.fixture_id is not None:
        if entry.fixture_id not in named:
            raise ConfigError(
                f"the room plan names {entry.fixture_id}{nearest_name(entry.fixture_id, named)}, which was not found",
                why=f"the room has {', '.join(named) or 'no fixtures'}",
                todo="give a box or a seed point instead",
            )
        return entry.fixture_id, named[entry.fixture_id].box
    nearest = None if entry.seed_m is None else _nearest(entry.seed_m, named)
    if nearest is not None:
        return nearest, named[nearest].box
    box = entry.box
    assert box is not None
    covered = [name for name, fixture in named.items() if _covers(box, fixture.box)]
    for name in covered[1:]:
        del named[name]
    return (covered[0] if covered else _free_id(named)), box


def unplaced_names(plan: RoomPlan, fixtures: Sequence[Fixture]) -> tuple[str, ...]:
    """The labels whose seed point lies near no fixture that was found; giving a box helps."""
    found = {fixture.fixture_id: fixture for fixture in fixtures}
    return tuple(
        entry.label for entry in plan.fixtures if entry.seed_m is not None and _nearest(entry.seed_m, found) is None
    )


def _nearest(seed_m: np.ndarray, named: Mapping[str, Fixture]) -> str | None:
    distances = {name: float(fixture.box.distance_m(seed_m[None])[0]) for name, fixture in named.items()}
    nearest = min(distances, key=lambda name: distances[name], default=None)
    return nearest if nearest is not None and distances[nearest] <= SEED_REACH_M else None


def _covers(box: OrientedBox, other: OrientedBox) -> bool:
    """Whether the middle of one, as seen from above, lies in the other."""
    middle = np.array([*other.center_m[:2], box.center_m[2]])
    return bool(box.contains(middle[None])[0])


def _free_id(named: Mapping[str, Fixture]) -> str:
    number = len(named) + 1
    while f"fixture_{number}" in named:
        number += 1
    return f"fixture_{number}"


def _fixture(entry: Mapping[str, Any], where: str) -> FixtureEntry:
    _known(entry, ("label", "id", "seed_m", "box"), where)
    label = _check_label(entry.get("label"), where)
    ways = [key for key in ("id", "seed_m", "box") if key in entry]
    if len(ways) != 1:
        raise InputError(
            f"{label} needs exactly one of id, seed_m and box, got {', '.join(ways) or 'none'}", where=where
        )
    if "id" in entry:
        return FixtureEntry(label, fixture_id=_check_label(entry["id"], where))
    if "seed_m" in entry:
        return FixtureEntry(label, seed_m=_numbers(entry["seed_m"], (3,), "seed_m", where))
    return FixtureEntry(label, box=_box(entry["box"], where))


def _box(value: Any, where: str) -> OrientedBox:
    if not isinstance(value, Mapping):
        raise InputError("a box is a table with center_m, extent_m and yaw_rad", where=where)
    _known(value, ("center_m", "extent_m", "yaw_rad"), where)
    extent_m = _numbers(value.get("extent_m"), (3,), "extent_m", where)
    if (extent_m <= 0).any():
        raise InputError("the edges of a box must be positive", where=where)
    yaw = float(_numbers(value.get("yaw_rad", 0.0), (), "yaw_rad", where))
    rotation = np.array([[math.cos(yaw), -math.sin(yaw), 0], [math.sin(yaw), math.cos(yaw), 0], [0, 0, 1.0]])
    return OrientedBox(_numbers(value.get("center_m"), (3,), "center_m", where), rotation, extent_m)


def _zone(entry: Mapping[str, Any], where: str) -> Zone:
    _known(entry, ("label", "polygon_m", "height_m"), where)
    label = _check_label(entry.get("label"), where)
    polygon_m = _numbers(entry.get("polygon_m"), (None, 2), "polygon_m", where)
    if len(polygon_m) < 3:
        raise InputError(f"the polygon of {label} needs at least three corners", where=where)
    height_m = float(_numbers(entry.get("height_m", 3.0), (), "height_m", where))
    if height_m <= 0:
        raise InputError(f"the height of {label} must be positive", where=where)
    return Zone(label, polygon_m, height_m)


def _known(table: Mapping[str, Any], keys: Sequence[str], where: str) -> None:
    for key in table:
        if key not in keys:
            raise ConfigError(
                f"unknown key '{key}'{nearest_name(key, keys)}", where=where, todo=f"known keys: {', '.join(keys)}"
            )


def _tables(document: Mapping[str, Any], key: str, where: str) -> list[tuple[int, Mapping[str, Any]]]:
    entries = document.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise InputError(f"'{key}' must be written as [[{key}]]", where=where)
    return list(enumerate(entries, start=1))


def _check_label(value: Any, where: str) -> str:
    if not isinstance(value, str) or not LABEL.fullmatch(value):
        raise ConfigError(
            f"{value!r} is not a name", where=where, todo="use lower-case letters, digits and _, as in operating_table"
        )
    return value


def _numbers(value: Any, shape: tuple[int | None, ...], key: str, where: str) -> np.ndarray:
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.full((), np.nan)
    fits = array.ndim == len(shape) and all(
        wanted in (None, found) for wanted, found in zip(shape, array.shape, strict=True)
    )
    if not fits or not np.isfinite(array).all() or isinstance(value, str | bool):
        wanted = " x ".join("n" if size is None else str(size) for size in shape) or "one"
        raise InputError(f"{key} needs {wanted} finite numbers, got {value!r}", where=where)
    return array


def _fixture_text(entry: FixtureEntry) -> str:
    if entry.fixture_id is not None:
        way = f'id = "{entry.fixture_id}"'
    elif entry.seed_m is not None:
        way = f"seed_m = {entry.seed_m.tolist()}"
    else:
        assert entry.box is not None
        yaw = math.atan2(entry.box.rotation[1, 0], entry.box.rotation[0, 0])
        way = (
            f"box = {{ center_m = {entry.box.center_m.tolist()}, extent_m = {entry.box.extent_m.tolist()}, "
            f"yaw_rad = {yaw!r} }}"
        )
    return f'[[fixture]]\nlabel = "{entry.label}"\n{way}\n'


def _zone_text(zone: Zone) -> str:
    return (
        f'[[zone]]\nlabel = "{zone.label}"\npolygon_m = {np.asarray(zone.polygon_m).tolist()}\n'
        f"height_m = {float(zone.height_m)!r}\n"
    )
