"""What all rehearsals of a play share: the room, the patient on the table under the drape, the shapes of the tools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np

from .performance import Actor
from .room import OperatingRoom, RoomConfig, furnish
from .routes import Floor
from .script import Field, Stage
from .tools import ToolShape, tool_shape

BODY_M, BACK_M = 0.16, 0.22
TABLE_POINTS = {
    "knee": {"knee": -0.40, "thigh": -0.16, "shin": -0.62},
    "back": {"L1": 0.20, "L2": 0.165, "L3": 0.13, "L4": 0.095, "L5": 0.06},
}


@dataclass(slots=True, eq=False)
class Theatre:
    """The parts of a play that do not change from one rehearsal to the next.

    Args:
        seed: what it was drawn from.
        room, floor: what stands, and where one can walk.
        pictures: of the room and of the tools, in order.
        patient: what is operated on, or None.
    """

    seed: int
    room: OperatingRoom
    floor: Floor
    pictures: list[np.ndarray]
    patient: Field | None
    _shapes: dict[str, ToolShape] = field(default_factory=dict)

    @classmethod
    def build(cls, config: RoomConfig, uncovered: str, seed: int) -> Theatre:
        """The theatre of a seed; `uncovered` names the part of the patient that is operated on, "" = no patient."""
        pictures: list[np.ndarray] = []

        def book(picture: np.ndarray) -> int:
            pictures.append(picture)
            return len(pictures) - 1

        room = furnish(config, np.random.default_rng([seed, 10]), book)
        floor = Floor(room.solids, np.stack([place_m for place_m, _ in room.stations.values()]))
        patient = Field(_points(room, uncovered)) if uncovered else None
        return cls(seed, room, floor, pictures, patient)

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

    def lying(self, owner: int) -> dict[str, Actor]:
        """The patient and the drape, by name."""
        return {}

    @property
    def targets(self) -> Mapping[str, np.ndarray]:
        """(3,) points of the patient by name, world."""
        return {} if self.patient is None else self.patient.points_m

    def _book(self, picture: np.ndarray) -> int:
        self.pictures.append(picture)
        return len(self.pictures) - 1


def _points(room: OperatingRoom, uncovered: str) -> dict[str, np.ndarray]:
    """Points by name, where the skin of somebody of middle height would be."""
    table, rise_m = room.table_top, BODY_M if uncovered == "knee" else BACK_M
    slope = np.array([np.cos(table.tilt_rad), 0.0, np.sin(table.tilt_rad)])
    up = np.array([-slope[2], 0.0, slope[0]])
    return {name: table.center_m + along_m * slope + rise_m * up for name, along_m in TABLE_POINTS[uncovered].items()}
