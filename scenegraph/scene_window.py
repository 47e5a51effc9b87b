"""A window of time as the predicates' measuring stage wants it: all entities side by side, as arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from ..capture.arrays import PointList, read_only
from ..capture.errors import InputError
from ..reconstruction.skeleton import NUM_JOINTS
from ..reconstruction.state import OrientedBox, Zone
from .vocabulary import FIXTURE, TRACK, ZONE


@dataclass(frozen=True, slots=True)
class Entity:
    """One thing of the graph: its name, its class, and its layer ("track", "fixture" or "zone")."""

    node_id: str
    label: str
    layer: str


@dataclass(frozen=True, slots=True, eq=False)
class ToolPath:
    """Where a rigid thing is through a window, and what is known of its shape.

    Args:
        rotation, translation_m: (T, 3, 3), (T, 3) world_from_tool, NaN where unknown.
        low_m, high_m: (3,) corners of its box in its own frame.
        tip_m: (3,) working point in its own frame, or None where nobody knows.
    """

    rotation: np.ndarray
    translation_m: np.ndarray
    low_m: np.ndarray
    high_m: np.ndarray
    tip_m: np.ndarray | None = None

    def tips_m(self) -> np.ndarray:
        """(T, 3) the working point in the world; NaN where unknown."""
        if self.tip_m is None:
            return np.full_like(self.translation_m, np.nan)
        return self.rotation @ self.tip_m + self.translation_m

    def box_distance_m(self, points_m: np.ndarray) -> np.ndarray:
        """(T, ...) metres from points (T, ..., 3), each at its own instant, to the box of the thing, 0 inside."""
        middle = tuple(range(1, points_m.ndim - 1))
        local_m = np.einsum("t...i,tij->t...j", points_m - np.expand_dims(self.translation_m, middle), self.rotation)
        outside_m = np.maximum(np.maximum(self.low_m - local_m, local_m - self.high_m), 0.0)
        return np.asarray(np.sqrt(np.einsum("...i,...i->...", outside_m, outside_m)))


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
        bodies: (T, 17, 3) joints of each person, COCO-17, world, NaN = unknown, by entity number. Whoever is missing
            here has no joints at all, and what asks for them is not measured.
        tools: the path of each rigid thing, by entity number.
        context: so many instants at the begin and at the end are there for the sake of their neighbours only, which
            need them to tell how things move; nothing is measured at them.
        exact: whether surfaces are free of noise, so that the smallest distance of all is the gap.

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
    bodies: Mapping[int, np.ndarray] = field(default_factory=dict)
    tools: Mapping[int, ToolPath] = field(default_factory=dict)
    context: tuple[int, int] = (0, 0)
    exact: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "entities", tuple(self.entities))
        object.__setattr__(self, "boxes", MappingProxyType(dict(self.boxes)))
        object.__setattr__(self, "zones", MappingProxyType(dict(self.zones)))
        object.__setattr__(self, "bodies", MappingProxyType(dict(self.bodies)))
        object.__setattr__(self, "tools", MappingProxyType(dict(self.tools)))
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
        for index, joints_m in self.bodies.items():
            if np.shape(joints_m) != (len(self.times_ns), NUM_JOINTS, 3):
                raise InputError(
                    f"the joints of '{self.entities[index].node_id}' need the shape "
                    f"{(len(self.times_ns), NUM_JOINTS, 3)}, got {np.shape(joints_m)}"
                )
        if (np.diff(self.times_ns) <= 0).any():
            raise InputError("the instants of a scene window do not increase", todo="sort them and drop doubles")
        for index, entity in enumerate(self.entities):
            if (entity.layer == FIXTURE and index not in self.boxes) or (
                entity.layer == ZONE and index not in self.zones
            ):
                raise InputError(f"the {entity.layer} '{entity.node_id}' has no geometry in its scene window")

    @property
    def measured(self) -> slice:
        """The instants that are measured: all but the context."""
        return slice(self.context[0], len(self.times_ns) - self.context[1])

    @property
    def step_s(self) -> float:
        """The time from one instant to the next (the median), 1 s of a single instant."""
        return float(np.median(np.diff(self.times_ns))) * 1e-9 if len(self.times_ns) > 1 else 1.0

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
