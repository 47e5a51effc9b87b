"""What all rehearsals of a play share: the room, the patient on the table under the drape, the shapes of the tools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np

from .anny_body import body_shape, draw_phenotype
from .drape import Drape, drape
from .meshes import TexturedMesh
from .patient import landmarks_m, lying_patient
from .people import Person
from .performance import FIRST_THING
from .room import OperatingRoom, RoomConfig, furnish
from .routes import Floor
from .script import Field, Stage
from .stretcher import stretcher_mesh
from .tools import ToolShape, tool_shape

SHOULDERS_M = 0.5
UNCOVERED = {"knee": ("knee",), "back": ("L1", "L2", "L3", "L4", "L5")}
TARGETS = {"knee": ("knee", "thigh", "shin"), "back": UNCOVERED["back"]}


@dataclass(slots=True, eq=False)
class Theatre:
    """The parts of a play that do not change from one rehearsal to the next.

    Args:
        seed: what it was drawn from.
        room, floor: what stands, and where one can walk.
        pictures: of the room and of the tools, in order.
        lying: the patient and the drape, if there is a patient.
        patient: what is operated on, or None.
    """

    seed: int
    room: OperatingRoom
    floor: Floor
    pictures: list[np.ndarray]
    lying: tuple[Person, Drape] | None
    patient: Field | None
    _shapes: dict[str, ToolShape] = field(default_factory=dict)
    _stretcher: TexturedMesh | None = None

    @classmethod
    def build(cls, config: RoomConfig, uncovered: str, seed: int, owner: int) -> Theatre:
        """The theatre of a seed.

        Args:
            config: what is asked of the room.
            uncovered: which part of the patient is operated on ("knee", "back"); "" = there is no patient.
            seed: draws the rest.
            owner: the patient's number in id images.
        """
        pictures: list[np.ndarray] = []

        def book(picture: np.ndarray) -> int:
            pictures.append(picture)
            return len(pictures) - 1

        room = furnish(config, np.random.default_rng([seed, 10]), book)
        floor = Floor(room.solids, np.stack([place_m for place_m, _ in room.stations.values()]))
        if not uncovered:
            return cls(seed, room, floor, pictures, None, None)
        rng = np.random.default_rng([seed, 14])
        shape = body_shape(draw_phenotype(rng))
        patient = lying_patient(shape, room.table_top, rng, book, prone=uncovered == "back", owner=owner)
        points_m = landmarks_m(patient)
        free_m = [points_m[name] for name in UNCOVERED[uncovered]]
        sheet = drape(
            patient.vertices_m(0.0), patient.mesh.faces, room.table_top, free_m, rng, book, to_m=SHOULDERS_M,
            owner=FIRST_THING,
        )  # fmt: skip
        field_m = Field({name: points_m[name] for name in TARGETS[uncovered]})
        return cls(seed, room, floor, pictures, (patient, sheet), field_m)

    def stage(self, pace: float, seconds: float, rng: np.random.Generator) -> Stage:
        """An empty stage."""
        table = self.room.table_top
        return Stage(
            self.room, self.room.stations, (table.center_m, table.length_m, table.width_m), self.patient,
            self.shape_of, self.floor, pace, seconds, rng,
        )  # fmt: skip

    def shape_of(self, name: str) -> ToolShape:
        """The shape of a tool by its name, such as "drill_1"; always the same one."""
        if name not in self._shapes:
            label, rng = name.rpartition("_")[0], np.random.default_rng([self.seed, 13, crc32(name.encode())])
            self._shapes[name] = tool_shape(label, self._book, rng)
        return self._shapes[name]

    def stretcher(self) -> TexturedMesh:
        """The stretcher that brings the patient, as high as the table."""
        if self._stretcher is None:
            rng, height_m = np.random.default_rng([self.seed, 16]), float(self.room.table_top.center_m[2])
            self._stretcher = stretcher_mesh(rng, self._book, height_m)
        return self._stretcher

    @property
    def targets(self) -> Mapping[str, np.ndarray]:
        """(3,) points of the patient by name, world."""
        return {} if self.patient is None else self.patient.points_m

    def _book(self, picture: np.ndarray) -> int:
        self.pictures.append(picture)
        return len(self.pictures) - 1
