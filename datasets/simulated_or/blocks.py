"""A performance that can be worked out by hand: a box, a ball and a board in an empty room.

For tests of whatever draws or measures a performance, and for a first look at a rig.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ...capture.geometry import SE3
from ...reconstruction.state import Fixture, OrientedBox, Zone
from . import textures
from .meshes import TexturedMesh, box, capsule, merge, panel
from .performance import FIRST_THING, Act, Lamp, Performance, Phase, StandingRoom

HALF_X_M, HALF_Y_M, HEIGHT_M = 3.2, 2.8, 2.7
BOX_M = np.array([0.5, 0.4, 0.3])
BALL_RADIUS_M = 0.25
BALL_PLACE_M = np.array([-0.9, 0.5, 1.0])
BOARD_M = np.array([0.5, 0.02, 0.7])
SWING_M, PERIOD_S = 0.6, 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A rigid thing on a given way; fulfils ToolActor.

    Args:
        name, label: as an Actor has them.
        mesh: in the world, at time 0.
        own_m: (n, 3) vertices in its own frame.
        way: world_from_tool at any moment.
        rests: the spans in which it does not move.
        tip_m, axis: as a ToolActor has them.
    """

    name: str
    label: str
    mesh: TexturedMesh
    own_m: np.ndarray
    way: Callable[[float], SE3]
    rests: tuple[tuple[float, float], ...] = ()
    tip_m: np.ndarray | None = None
    axis: np.ndarray | None = None

    @classmethod
    def of(
        cls, label: str, owner: int, own: TexturedMesh, way: Callable[[float], SE3],
        rests: tuple[tuple[float, float], ...] = (),
    ) -> Block:  # fmt: skip
        """A thing from its mesh in its own frame."""
        mesh = replace(own.owned_by(owner), vertices_m=way(0.0) @ own.vertices_m)
        return cls(f"{label}_1", label, mesh, own.vertices_m, way, rests)

    def vertices_m(self, time_s: float) -> np.ndarray:
        """(n, 3) float32, world."""
        return (self.way(time_s) @ self.own_m).astype(np.float32)

    def moves(self, begin_s: float, end_s: float) -> bool:
        """False within a span of rest."""
        return not any(begin <= begin_s and end_s <= end for begin, end in self.rests)

    def pose(self, time_s: float) -> SE3:
        """world_from_tool."""
        return self.way(time_s)


def box_place_m(time_s: float) -> np.ndarray:
    """(3,) where the centre of the box is: it stands until half a period has passed, then swings along x."""
    turn = 2 * np.pi * max(0.0, time_s - PERIOD_S / 2) / PERIOD_S
    return np.array([SWING_M * np.sin(turn), -0.4, 0.9])


def blocks_performance(seed: int, seconds: float) -> Performance:
    """The box, the ball, which rests, and the board, which turns; the seed paints them.

    Args:
        seed: of the pictures.
        seconds: how long it lasts.
    """
    rng = np.random.default_rng([seed, 40])
    pictures: list[np.ndarray] = []

    def picture(image: np.ndarray) -> int:
        pictures.append(image)
        return len(pictures) - 1

    room = _empty_room(rng, picture)
    painted = [
        picture(textures.plain(rng, (0.5, 0.5), color, 20.0)) for color in ((198, 70, 60), (70, 150, 90), (60, 90, 180))
    ]
    ball = capsule(1e-6, BALL_RADIUS_M, painted[1])
    swing = PERIOD_S / 2
    actors = [
        Block.of("box", FIRST_THING, box(np.zeros(3), np.eye(3), BOX_M, painted[0]),
                 lambda time_s: SE3(np.eye(3), box_place_m(time_s)), ((-np.inf, swing),)),
        Block.of("ball", FIRST_THING + 1, ball, lambda _: SE3(np.eye(3), BALL_PLACE_M), ((-np.inf, np.inf),)),
        Block.of("board", FIRST_THING + 2, box(np.zeros(3), np.eye(3), BOARD_M, painted[2]),
                 lambda time_s: SE3.exp(np.array([0.0, 0.0, 0.5 * time_s, 1.1, 0.7, 1.1]))),
    ]  # fmt: skip
    return Performance(
        "blocks", seconds, replace(room, pictures=tuple(pictures[: painted[0]])), {a.name: a for a in actors}, pictures,
        (Act("box_1", "close_to", "board_1", 0.0, min(seconds, swing)),), (Phase("play", 0.0, seconds),),
    )  # fmt: skip


def _empty_room(rng: np.random.Generator, picture: Callable[[np.ndarray], int]) -> StandingRoom:
    x, y, z = HALF_X_M, HALF_Y_M, HEIGHT_M
    down = np.array([0.0, 0.0, -z])
    walls = [picture(textures.wall(rng, (2 * x, z), 5)) for _ in range(4)]
    meshes = [
        panel(np.array([-x, y, 0]), np.array([2 * x, 0, 0]), np.array([0, -2 * y, 0]),
              picture(textures.terrazzo(rng, (2 * x, 2 * y)))),
        panel(np.array([-x, -y, z]), np.array([2 * x, 0, 0]), np.array([0, 2 * y, 0]),
              picture(textures.ceiling(rng, (2 * x, 2 * y)))),
        panel(np.array([-x, y, z]), np.array([2 * x, 0, 0]), down, walls[0]),
        panel(np.array([x, y, z]), np.array([0, -2 * y, 0]), down, walls[1]),
        panel(np.array([x, -y, z]), np.array([-2 * x, 0, 0]), down, walls[2]),
        panel(np.array([-x, -y, z]), np.array([0, 2 * y, 0]), down, walls[3]),
    ]  # fmt: skip
    table = OrientedBox(np.array([0.0, -0.4, 0.36]), np.eye(3), np.array([1.9, 0.7, 0.72]))
    meshes.append(
        box(table.center_m, table.rotation, table.extent_m, picture(textures.cloth(rng, (1.9, 0.7), (64, 120, 150))))
    )
    fixture = Fixture("operating_table", "operating_table", table, guessed=False)
    floor = Zone("room", np.array([[-x, -y], [x, -y], [x, y], [-x, y]]), z)
    lamps = (Lamp(np.array([-0.9, 0.0, 2.6])), Lamp(np.array([0.9, 0.2, 2.6])))
    return StandingRoom(merge(meshes), (), (fixture,), (floor,), (fixture,), lamps)
