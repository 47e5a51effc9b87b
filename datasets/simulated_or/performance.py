"""What a scenario hands to the cameras: a room that stands, and actors that can be asked where they are at any time.

Cameras run on clocks of their own, so nothing here knows frames: time is rig time in seconds, a float, and every actor
answers for any moment of the performance. A scenario makes a Performance; the renderer draws it, the truth tables are
read off it, and neither of the two knows which scenario it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from ...capture.geometry import SE3
from ...reconstruction.state import Fixture, Zone
from .meshes import TexturedMesh

FIRST_THING = 101
"""In id images people count from 1, everything else that moves from here; 0 is the standing room."""


@runtime_checkable
class Actor(Protocol):
    """Anything that moves. Its faces, pictures and number never change; where its vertices are does."""

    @property
    def name(self) -> str:
        """Identity, such as "person_2" or "drill_1"."""
        ...

    @property
    def label(self) -> str:
        """Canonical class, such as "person", "patient", "drill", "cart", "drape"."""
        ...

    @property
    def mesh(self) -> TexturedMesh:
        """Faces, texture coordinates and pictures; the vertices are those of time 0."""
        ...

    def vertices_m(self, time_s: float) -> np.ndarray:
        """(n, 3) float32 vertices in the world at a moment."""
        ...

    def moves(self, begin_s: float, end_s: float) -> bool:
        """Whether anything of it moves between two moments; False lets the renderer keep what it drew."""
        ...


class PersonActor(Actor, Protocol):
    """A person, the patient included."""

    @property
    def role(self) -> str:
        """One of the canonical roles: head_surgeon, assistant_surgeon, scrub_nurse, circulating_nurse, ..., patient."""
        ...

    def joints_m(self, time_s: float) -> np.ndarray:
        """(17, 3) float64 COCO-17 joints inside the body, world."""
        ...


class ToolActor(Actor, Protocol):
    """A rigid thing that is held and used. Vertices are its own mesh moved by its pose."""

    @property
    def tip_m(self) -> np.ndarray | None:
        """(3,) working point in the tool's own frame, or None."""
        ...

    @property
    def axis(self) -> np.ndarray | None:
        """(3,) unit working direction in the tool's own frame (where a drill drills to), or None."""
        ...

    def pose(self, time_s: float) -> SE3:
        """world_from_tool."""
        ...


@dataclass(frozen=True, slots=True)
class Act:
    """What the script performs: true from begin_s to end_s because somebody does it, whatever cameras see.

    Args:
        subject, predicate, object: names of actors or fixtures, and a canonical predicate ("drilling", "holding").
        begin_s, end_s: half-open span, rig time.
    """

    subject: str
    predicate: str
    object: str
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase of the procedure, half-open."""

    name: str
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Lamp:
    """A light: place (3,) metres, and how bright it is against the others."""

    place_m: np.ndarray
    power: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class StandingRoom:
    """What stands throughout.

    Args:
        mesh: all static surfaces, world, owner 0.
        pictures: (h, w, 3) uint8 textures; `mesh.texture_index` points into this list.
        fixtures: furniture by its canonical label, as oriented boxes that hold all of it.
        zones: floor areas; "room" is the whole floor.
        solids: oriented boxes that nobody may walk into: furniture, walls, stands (a superset of the fixtures' boxes).
        lamps: what lights the room.
    """

    mesh: TexturedMesh
    pictures: Sequence[np.ndarray]
    fixtures: tuple[Fixture, ...]
    zones: tuple[Zone, ...]
    solids: tuple[Fixture, ...]
    lamps: tuple[Lamp, ...]

    def fixture(self, label: str) -> Fixture:
        """A piece of furniture by its label.

        Raises:
            KeyError: this room has none.
        """
        found = next((fixture for fixture in self.fixtures if fixture.label == label), None)
        if found is None:
            raise KeyError(label)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Performance:
    """A scenario as it is played once.

    Args:
        scenario: its name.
        duration_s: rig time runs from 0 to this.
        room: what stands.
        actors: everything that moves, by name: people first (owner 1, 2, ...), then things (owner 101, 102, ...).
        pictures: all textures, the room's first; every actor's `mesh.texture_index` points into this list.
        acts: what is performed.
        phases: in order, without gaps.
        exists: by name of an actor who is not there all the time, (begin_s, end_s); outside it is not drawn.
        targets: points of the patient that are operated on, (3,) metres, world, by name ("knee", "L4").
    """

    scenario: str
    duration_s: float
    room: StandingRoom
    actors: Mapping[str, Actor]
    pictures: Sequence[np.ndarray]
    acts: tuple[Act, ...] = ()
    phases: tuple[Phase, ...] = ()
    exists: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    targets: Mapping[str, np.ndarray] = field(default_factory=dict)

    def present(self, name: str, time_s: float) -> bool:
        """Whether an actor is there at a moment."""
        begin_s, end_s = self.exists.get(name, (-np.inf, np.inf))
        return bool(begin_s <= time_s < end_s)


PictureBook = Callable[[np.ndarray], int]
"""Takes a picture (h, w, 3) uint8 and answers the index under which a mesh may refer to it."""
