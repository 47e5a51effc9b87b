"""The state of a scene: what stands, what moves, and what could be seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType

import numpy as np

from ..capture.arrays import ColorList, FaceList, PointList, Points, Rotation, Vector3, read_only
from ..capture.geometry import SE3


class Visibility(IntEnum):
    """What one camera could say about one entity at one instant."""

    OUTSIDE = 0
    HIDDEN = 1
    SEEN = 2


def _freeze(value: object, *names: str) -> None:
    for name in names:
        array = getattr(value, name)
        if array is not None:
            object.__setattr__(value, name, read_only(np.asarray(array)))


@dataclass(frozen=True, slots=True, eq=False)
class OrientedBox:
    """A box: `world = rotation @ local + center_m` for local coordinates in +-extent_m / 2.

    Args:
        center_m: (3,) metres, world.
        rotation: (3, 3), columns are the box axes in the world.
        extent_m: (3,) full edge lengths, metres.
    """

    center_m: Vector3
    rotation: Rotation
    extent_m: Vector3

    def __post_init__(self) -> None:
        _freeze(self, "center_m", "rotation", "extent_m")

    def distance_m(self, points_m: Points) -> np.ndarray:
        """(...) metres from points (..., 3) to the box, 0 inside."""
        local = np.abs((np.asarray(points_m) - self.center_m) @ self.rotation)
        return np.asarray(np.linalg.norm(np.maximum(local - self.extent_m / 2, 0.0), axis=-1))

    def contains(self, points_m: Points) -> np.ndarray:
        """(...) bool: whether points (..., 3) lie in the box."""
        return self.distance_m(points_m) <= 0.0

    def corners_m(self) -> np.ndarray:
        """(8, 3) metres, world."""
        signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)
        return signs * self.extent_m / 2 @ self.rotation.T + self.center_m


@dataclass(frozen=True, slots=True, eq=False)
class Fixture:
    """A standing thing: `fixture_id` is stable, `label` is its canonical name; `guessed` until a person named it."""

    fixture_id: str
    label: str
    box: OrientedBox
    guessed: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Zone:
    """A named part of the room: an upright prism over a floor polygon.

    Args:
        label: canonical name, e.g. "sterile_zone"; "room" is the whole floor.
        polygon_m: (n, 2) corners on the floor, metres, world, in order.
        height_m: from the floor up to this height.
    """

    label: str
    polygon_m: np.ndarray
    height_m: float = 3.0

    def __post_init__(self) -> None:
        _freeze(self, "polygon_m")


@dataclass(frozen=True, slots=True, eq=False)
class StaticScene:
    """The standing room as a coloured triangle mesh with its own quality.

    Args:
        vertices_m: (n, 3) float32, world.
        faces: (f, 3) int64 vertex numbers.
        colors_rgb: (n, 3) uint8.
        normals: (n, 3) float32 unit vectors, out of the surface.
        sigma_m: (n,) float32 standard deviation along the normal.
        coverage: (n,) uint8, how many cameras saw the vertex.
        fixtures, zones: what the furniture and the floor areas are called.
        valid_from_ns, valid_to_ns: the interval, rig clock, for which the room stood so.
    """

    vertices_m: PointList
    faces: FaceList
    colors_rgb: ColorList
    normals: PointList
    sigma_m: np.ndarray
    coverage: np.ndarray
    fixtures: tuple[Fixture, ...] = ()
    zones: tuple[Zone, ...] = ()
    valid_from_ns: int = 0
    valid_to_ns: int = 0

    def __post_init__(self) -> None:
        _freeze(self, "vertices_m", "faces", "colors_rgb", "normals", "sigma_m", "coverage")


@dataclass(frozen=True, slots=True)
class Track:
    """An identity through time, and nothing else: who or what, from when to when (rig clock, last included)."""

    track_id: str
    label: str
    first_ns: int
    last_ns: int


@dataclass(frozen=True, slots=True, eq=False)
class TrackState:
    """Where one tracked thing is at one instant.

    Args:
        track_id, label: who or what; label is "person" or "object".
        center_m: (3,) centre of its box, world.
        velocity_m_s: (3,).
        covariance_m2: (3, 3) covariance of the centre.
        extent_m: (3,) edge lengths of its axis-aligned box, world.
        predicted: True where no camera measured it at this instant and the motion model speaks.
        visibility: what each camera could say.
    """

    track_id: str
    label: str
    center_m: Vector3
    velocity_m_s: Vector3
    covariance_m2: np.ndarray
    extent_m: Vector3
    predicted: bool = False
    visibility: Mapping[str, Visibility] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _freeze(self, "center_m", "velocity_m_s", "covariance_m2", "extent_m")
        object.__setattr__(self, "visibility", MappingProxyType(dict(self.visibility)))


@dataclass(frozen=True, slots=True, eq=False)
class SurfacePoints:
    """The surface of a tracked thing at one instant: (n, 3) float32 world metres with (n, 3) uint8 colours."""

    track_id: str
    points_m: PointList
    colors_rgb: ColorList

    def __post_init__(self) -> None:
        _freeze(self, "points_m", "colors_rgb")


@dataclass(frozen=True, slots=True, eq=False)
class BodyState:
    """A person's skeleton at one instant.

    Args:
        joints_m: (j, 3) float64 world, NaN = unseen.
        covariance_m2: (j, 3, 3).
        confidence: (j,) in [0, 1].
        skeleton: the name of the joint list, e.g. "coco_17".
        predicted: (j,) bool, True where a joint was filled in and not measured.
    """

    track_id: str
    joints_m: np.ndarray
    covariance_m2: np.ndarray
    confidence: np.ndarray
    skeleton: str
    predicted: np.ndarray

    def __post_init__(self) -> None:
        _freeze(self, "joints_m", "covariance_m2", "confidence", "predicted")


@dataclass(frozen=True, slots=True, eq=False)
class ToolState:
    """A tool at one instant; status is one of "tracked", "in_hand", "static", "lost"."""

    track_id: str
    label: str
    world_from_tool: SE3
    covariance: np.ndarray
    extent_m: Vector3
    status: str

    def __post_init__(self) -> None:
        _freeze(self, "covariance", "extent_m")


@dataclass(frozen=True, slots=True, eq=False)
class SceneState:
    """Everything that moves, at one instant (rig clock); `coverage` is the share of cameras that gave a frame."""

    timestamp_ns: int
    tracks: tuple[TrackState, ...] = ()
    bodies: tuple[BodyState, ...] = ()
    tools: tuple[ToolState, ...] = ()
    surfaces: tuple[SurfacePoints, ...] = ()
    coverage: float = 1.0
