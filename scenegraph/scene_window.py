"""A window of time as the predicates' measuring stage wants it: all entities side by side, as arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from ..capture.arrays import PointList, read_only
from ..capture.errors import InputError
from ..reconstruction.state import OrientedBox, Zone
from .vocabulary import FIXTURE, TRACK, ZONE


@dataclass(frozen=True, slots=True)
class Entity:
    """One thing of the graph: its name, its class, and its layer ("track", "fixture" or "zone")."""

    node_id: str
    label: str
    layer: str


def _no_surface(time_index: int, entity_index: int) -> PointList:
    return np.zeros((0, 3), dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class SceneWindow:
    """Some consecutive instants of a scene. T instants, E entities.

    Args:
        times_ns: (T,) int64, rig clock, increasing.
        entities: the E entities; their order is free and may differ from window to window.
        center_m: (T, E, 3) centre of the axis-aligned box, world, NaN where absent. Only tracks need it.
        extent_m: (T, E, 3) full edge lengths of that box.
        velocity_m_s: (T, E, 3).
        sigma_m: (T, E) standard deviation of where the surface is: the noise of the measured points where it was
            seen, the spread of the motion model where it was not. Of a fixture: how far from its faces a moving thing
            must be to be told from it (points nearer than that count as background, so that no smaller gap is ever
            measured), as a standard deviation; NaN counts as 0.
        present: (T, E) whether the thing exists at the instant. Fixtures and zones always do.
        observed: (T, E) whether any camera measured it. Fixtures and zones always count as observed.
        boxes: the box of each fixture, by entity number.
        zones: each zone, by entity number.
        surface_m: (time number, entity number) -> (n, 3) world points of a moving thing; for an instant at which no
            camera saw it, the last measured ones moved along, or none (its box then stands for it).

    Raises:
        InputError: shapes disagree, times do not increase, or a fixture or zone has no geometry.
    """

    times_ns: np.ndarray
    entities: tuple[Entity, ...]
    center_m: np.ndarray
    extent_m: np.ndarray
    velocity_m_s: np.ndarray
    sigma_m: np.ndarray
    present: np.ndarray
    observed: np.ndarray
    boxes: Mapping[int, OrientedBox] = field(default_factory=dict)
    zones: Mapping[int, Zone] = field(default_factory=dict)
    surface_m: Callable[[int, int], PointList] = _no_surface

    def __post_init__(self) -> None:
        object.__setattr__(self, "entities", tuple(self.entities))
        object.__setattr__(self, "boxes", MappingProxyType(dict(self.boxes)))
        object.__setattr__(self, "zones", MappingProxyType(dict(self.zones)))
        object.__setattr__(self, "times_ns", read_only(np.asarray(self.times_ns, dtype=np.int64)))
        grid = (len(self.times_ns), len(self.entities))
        for name, shape, dtype in (
            ("center_m", (*grid, 3), np.float64), ("extent_m", (*grid, 3), np.float64),
            ("velocity_m_s", (*grid, 3), np.float64), ("sigma_m", grid, np.float64),
            ("present", grid, np.bool_), ("observed", grid, np.bool_),
        ):  # fmt: skip
            array = np.asarray(getattr(self, name), dtype=dtype)
            if array.shape != shape:
                raise InputError(f"a scene window needs {name} of shape {shape}, got {array.shape}")
            object.__setattr__(self, name, read_only(array))
        if (np.diff(self.times_ns) <= 0).any():
            raise InputError("the instants of a scene window do not increase", todo="sort them and drop doubles")
        for index, entity in enumerate(self.entities):
            if (entity.layer == FIXTURE and index not in self.boxes) or (
                entity.layer == ZONE and index not in self.zones
            ):
                raise InputError(f"the {entity.layer} '{entity.node_id}' has no geometry in its scene window")

    def moving(self) -> np.ndarray:
        """The entity numbers of what moves."""
        return self._of_layer(TRACK)

    def fixtures(self) -> np.ndarray:
        """The entity numbers of what stands."""
        return self._of_layer(FIXTURE)

    def floor_areas(self) -> np.ndarray:
        """The entity numbers of the zones."""
        return self._of_layer(ZONE)

    def _of_layer(self, layer: str) -> np.ndarray:
        return np.array([i for i, entity in enumerate(self.entities) if entity.layer == layer], dtype=np.int64)
