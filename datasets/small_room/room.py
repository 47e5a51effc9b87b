"""The simulated room: walls, furniture, and the places where people can stand.

The plan is drawn once, with the door in the west wall, and mirrored by some seeds. Furniture is jittered by seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...reconstruction.state import Fixture, OrientedBox, Zone
from ..simulated_or import textures
from ..simulated_or.meshes import TexturedMesh, box, merge, panel
from .solids import Solids, stack

WEST_M, EAST_M, HALF_Y_M, HEIGHT_M = -2.75, 3.2, 2.6, 2.8
WALL_M = 0.12
DOOR_Y_M, DOOR_HEIGHT_M = (-1.0, 0.1), 2.1
ALCOVE_X_M, ALCOVE_Y_M, ALCOVE_HEIGHT_M = -3.8, (-1.0, 1.7), 2.5


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """What stands.

    Args:
        fixtures: the furniture that relations speak of.
        walls: every wall as a solid.
        mesh: all static surfaces, world.
        pictures: the textures of the mesh.
        zones: the floor areas; "room" is the whole floor.
        mirrored: whether the plan was mirrored about x = 0.
    """

    fixtures: tuple[Fixture, ...]
    walls: Solids
    mesh: TexturedMesh
    pictures: list[np.ndarray]
    zones: tuple[Zone, ...]
    mirrored: bool

    def place(self, x: float, y: float) -> np.ndarray:
        """(2,) a point of the plan where it lies in this room."""
        return np.array([-x if self.mirrored else x, y])

    def fixture(self, label: str) -> OrientedBox:
        """The box of a piece of furniture."""
        return next(fixture.box for fixture in self.fixtures if fixture.label == label)


def furnish(rng: np.random.Generator) -> Room:
    """Draw a room."""
    mirrored = bool(rng.random() < 0.5)
    pictures: list[np.ndarray] = []

    def picture(image: np.ndarray) -> int:
        pictures.append(image)
        return len(pictures) - 1

    flip = np.diag([-1.0 if mirrored else 1.0, 1.0, 1.0])
    shell = _shell(rng, picture, flip, mirrored)
    fixtures, furniture = _furniture(rng, picture, flip)
    walls = [box_solid(OrientedBox(center, np.eye(3), extent)) for center, extent in _wall_boxes(flip)]
    polygon = np.array([
        [EAST_M, -HALF_Y_M], [EAST_M, HALF_Y_M], [WEST_M, HALF_Y_M], [WEST_M, DOOR_Y_M[1]],
        [WEST_M - WALL_M, DOOR_Y_M[1]], [WEST_M - WALL_M, ALCOVE_Y_M[1]], [ALCOVE_X_M, ALCOVE_Y_M[1]],
        [ALCOVE_X_M, ALCOVE_Y_M[0]], [WEST_M, ALCOVE_Y_M[0]], [WEST_M, -HALF_Y_M],
    ])  # fmt: skip
    return Room(
        tuple(fixtures),
        stack(walls),
        merge([*shell, *furniture]),
        pictures,
        (Zone("room", polygon @ flip[:2, :2], HEIGHT_M),),
        mirrored,
    )


def box_solid(box: OrientedBox) -> Solids:
    """An oriented box as a resting solid."""
    return Solids(box.center_m[None, None], box.rotation[None, None], box.extent_m[None] / 2, np.zeros(1))


def _wall_boxes(flip: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Centre and extent of the wall with the door, and of thick stand-ins for the other walls."""
    x = WEST_M - WALL_M / 2
    spans = [
        ((-HALF_Y_M, DOOR_Y_M[0]), (0.0, HEIGHT_M)),
        ((DOOR_Y_M[1], HALF_Y_M), (0.0, HEIGHT_M)),
        (DOOR_Y_M, (DOOR_HEIGHT_M, HEIGHT_M)),
    ]
    boxes = [(np.array([x, sum(y) / 2, sum(z) / 2]), np.array([WALL_M, y[1] - y[0], z[1] - z[0]])) for y, z in spans]
    for center, extent in (
        ((0.2, HALF_Y_M + 0.05, 1.4), (6.4, 0.1, 2.8)),
        ((0.2, -HALF_Y_M - 0.05, 1.4), (6.4, 0.1, 2.8)),
        ((EAST_M + 0.05, 0.0, 1.4), (0.1, 5.2, 2.8)),
        ((ALCOVE_X_M - 0.05, 0.35, 1.25), (0.1, 2.7, 2.5)),
    ):
        boxes.append((np.array(center), np.array(extent)))
    return [(flip @ center, extent) for center, extent in boxes]


def _shell(
    rng: np.random.Generator, picture: Callable[[np.ndarray], int], flip: np.ndarray, mirrored: bool
) -> list[TexturedMesh]:
    def side(top_left: tuple, right: tuple, down: tuple, image: int) -> TexturedMesh:
        start, along = np.array(top_left), np.array(right)
        if mirrored:
            start, along = start + along, -along
        return panel(flip @ start, flip @ along, flip @ np.array(down), image)

    west, width, y, z = WEST_M, EAST_M - WEST_M, HALF_Y_M, HEIGHT_M
    down = (0.0, 0.0, -z)
    meshes = [
        side((west, y, 0), (width, 0, 0), (0, -2 * y, 0), picture(textures.terrazzo(rng, (width, 2 * y)))),
        side((west, -y, z), (width, 0, 0), (0, 2 * y, 0), picture(textures.ceiling(rng, (width, 2 * y)))),
        side((west, y, z), (width, 0, 0), down, picture(textures.wall(rng, (width, z), 7))),
        side((EAST_M, y, z), (0, -2 * y, 0), down, picture(textures.wall(rng, (2 * y, z), 5))),
        side((EAST_M, -y, z), (-width, 0, 0), down, picture(textures.wall(rng, (width, z), 7))),
    ]
    for center, extent in _wall_boxes(flip)[:3]:
        image = picture(textures.wall(rng, (float(extent[1]), float(extent[2])), 2 if extent[2] > 2 else 0))
        meshes.append(box(center, np.eye(3), extent, image))
    (low, high), back, top = ALCOVE_Y_M, ALCOVE_X_M, ALCOVE_HEIGHT_M
    depth = west - back
    plain = picture(textures.wall(rng, (high - low, top), 2))
    meshes += [
        side((back, high, 0), (depth, 0, 0), (0, low - high, 0), picture(textures.terrazzo(rng, (depth, high - low)))),
        side((back, low, top), (0, high - low, 0), (0, 0, -top), plain),
        side((back, high, top), (depth, 0, 0), (0, 0, -top), plain),
        side((west, low, top), (-depth, 0, 0), (0, 0, -top), plain),
        side((back, low, top), (depth, 0, 0), (0, high - low, 0), plain),
    ]
    return meshes


def _furniture(
    rng: np.random.Generator, picture: Callable[[np.ndarray], int], flip: np.ndarray
) -> tuple[list[Fixture], list[TexturedMesh]]:
    blue, green = (58, 108, 150), (64, 132, 116)
    tones = [blue, green] if rng.random() < 0.5 else [green, blue]
    plan = {
        "operating_table": ((0.0, 0.25), (2.0, 0.62, rng.uniform(0.86, 0.96)), rng.uniform(-0.05, 0.05)),
        "instrument_table": ((1.2, 1.9), (1.3, 0.6, rng.uniform(0.84, 0.94)), rng.uniform(-0.12, 0.12)),
        "anesthesia_equipment": ((2.3, 0.4), (0.55, 0.65, rng.uniform(1.2, 1.4)), rng.uniform(-0.2, 0.2)),
        "secondary_table": ((-1.9, 2.28), (1.2, 0.5, rng.uniform(0.72, 0.8)), 0.0),
    }
    fixtures, meshes = [], []
    for label, ((x, y), extent, yaw) in plan.items():
        x, y = x + rng.uniform(-0.07, 0.07), y + rng.uniform(-0.05, 0.05)
        extent = np.array(extent)
        rotation = _yaw(yaw if flip[0, 0] > 0 else -yaw)
        center = flip @ np.array([x, y, extent[2] / 2])
        fixtures.append(Fixture(label, label, OrientedBox(center, rotation, extent), guessed=False))
        meshes += _surfaces(rng, picture, fixtures[-1], tones)
    lamp = flip @ np.array([0.35, 0.35, 2.25])
    housing = picture(textures.plain(rng, (0.6, 0.6), (222, 224, 220)))
    meshes.append(box(lamp, _yaw(0.5), np.array([0.55, 0.55, 0.1]), housing))
    meshes.append(box(lamp + np.array([0.0, 0.0, 0.3]), np.eye(3), np.array([0.07, 0.07, 0.5]), housing))
    return fixtures, meshes


def _surfaces(
    rng: np.random.Generator, picture: Callable[[np.ndarray], int], fixture: Fixture,
    tones: list[textures.Color],
) -> list[TexturedMesh]:  # fmt: skip
    label, center, rotation, extent = fixture.label, fixture.box.center_m, fixture.box.rotation, fixture.box.extent_m
    side, top = (float(max(extent[:2])), float(extent[2])), (float(extent[0]), float(extent[1]))
    if label == "anesthesia_equipment":
        body = box(center, rotation, extent, picture(textures.device(rng, side)))
        screen = center + rotation @ np.array([-0.08, 0.0, extent[2] / 2 + 0.17])
        return [body, box(screen, rotation, np.array([0.08, 0.42, 0.34]), picture(textures.device(rng, (0.42, 0.34))))]
    tone = tones[0] if label == "operating_table" else tones[1] if label == "instrument_table" else (176, 160, 132)
    draped = picture(textures.cloth(rng, side, tone))
    covering = picture(textures.tray(rng, top, tone) if label != "operating_table" else textures.cloth(rng, top, tone))
    meshes = [box(center, rotation, extent, draped, covering)]
    if label != "operating_table":
        for offset in (-0.3, 0.12):
            size = np.array([rng.uniform(0.18, 0.3), rng.uniform(0.16, 0.24), rng.uniform(0.08, 0.16)])
            spot = center + rotation @ np.array([offset * extent[0], 0.05, extent[2] / 2 + size[2] / 2])
            color = textures.random_color(rng, (60, 60, 60), (220, 220, 220))
            meshes.append(box(spot, rotation @ _yaw(rng.uniform(-0.5, 0.5)), size,
                              picture(textures.plain(rng, (float(size[0]), float(size[2])), color, 20.0))))  # fmt: skip
    return meshes


def _yaw(angle_rad: float) -> np.ndarray:
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
