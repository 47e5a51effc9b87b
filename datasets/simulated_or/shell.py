"""The shell of the simulated room: floor, ceiling, walls and what hangs on them, doors with a stub of corridor behind.

A wall has coordinates of its own: s along it from its left end as seen from inside, d outwards, z up.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...reconstruction.state import Fixture, OrientedBox
from . import pictures, textures
from .materials import CHROME, DARK, GREY, STEEL, WHITE, Materials
from .meshes import TexturedMesh, box, merge, panel

WALL_M, DOOR_HEIGHT_M = 0.14, 2.12
CORRIDOR_M, CORRIDOR_MARGIN_M, CORRIDOR_HEIGHT_M = 1.8, 0.35, 2.5
WIDE_M, PASSAGE_M = 1.2, 3.6
"""Behind a door wider than this there is a passage that holds a stretcher and who pushes it."""
LEAF_M, LEAF_GAP_M = 0.045, 0.012
FLOORS = ((136, 150, 150), (128, 144, 154), (150, 150, 143), (134, 150, 138), (120, 136, 146))


@dataclass(frozen=True, slots=True, eq=False)
class Wall:
    """One wall as seen from inside.

    Args:
        left_m: (2,) its left end on the floor.
        along: (2,) unit vector to its right end.
        length_m, height_m: its size.
    """

    left_m: np.ndarray
    along: np.ndarray
    length_m: float
    height_m: float

    @property
    def outward(self) -> np.ndarray:
        """(2,) unit vector out of the room."""
        return np.array([-self.along[1], self.along[0]])

    def point(self, s: float, d: float, z: float) -> np.ndarray:
        """(3,) world."""
        return np.array([*(self.left_m + s * self.along + d * self.outward), z])

    def step(self, s: float, d: float, z: float) -> np.ndarray:
        """(3,) a direction in the world."""
        return np.array([*(s * self.along + d * self.outward), z])

    def box(self, s: tuple[float, float], d: tuple[float, float], z: tuple[float, float]) -> OrientedBox:
        """A box between two values of each coordinate; its axes are along, outwards and up."""
        rotation = np.stack([self.step(1, 0, 0), self.step(0, 1, 0), np.array([0.0, 0.0, 1.0])], axis=1)
        center = self.point((s[0] + s[1]) / 2, (d[0] + d[1]) / 2, (z[0] + z[1]) / 2)
        return OrientedBox(center, rotation, np.array([s[1] - s[0], d[1] - d[0], z[1] - z[0]]))


@dataclass(frozen=True, slots=True, eq=False)
class Door:
    """An opening in a wall, and the sliding leaf that stands aside.

    Args:
        name: "door_1", "door_2".
        wall: the wall it is in.
        begin_m, end_m: s of its sides.
        leaf_side: -1 where the leaf stands left of the opening, 1 right.
    """

    name: str
    wall: Wall
    begin_m: float
    end_m: float
    leaf_side: int

    @property
    def middle_m(self) -> float:
        """Its middle along the wall."""
        return (self.begin_m + self.end_m) / 2

    @property
    def leaf_m(self) -> tuple[float, float]:
        """The span of the leaf along the wall."""
        width = self.end_m - self.begin_m
        return (
            (self.end_m - 0.05, self.end_m + width)
            if self.leaf_side > 0
            else (self.begin_m - width, self.begin_m + 0.05)
        )

    @property
    def depth_m(self) -> float:
        """How far the corridor goes behind the wall."""
        return PASSAGE_M if self.end_m - self.begin_m > WIDE_M else CORRIDOR_M

    def place(self, inwards_m: float) -> np.ndarray:
        """(2,) in the middle of the opening, so far inside the room, or outside of it when negative."""
        return self.wall.point(self.middle_m, -inwards_m, 0.0)[:2]

    def heading_rad(self) -> float:
        """Of somebody who comes in."""
        return float(np.arctan2(*-self.wall.outward[::-1]))

    def corridor_m(self) -> tuple[float, float]:
        """The span of the corridor along the wall."""
        return self.begin_m - CORRIDOR_MARGIN_M, self.end_m + CORRIDOR_MARGIN_M


def four_walls(low_m: np.ndarray, high_m: np.ndarray, height_m: float) -> dict[str, Wall]:
    """The walls of a rectangle (2,), (2,) by where they stand; north is +y."""
    (x0, y0), (x1, y1) = low_m, high_m
    return {
        "west": Wall(np.array([x0, y0]), np.array([0.0, 1.0]), y1 - y0, height_m),
        "north": Wall(np.array([x0, y1]), np.array([1.0, 0.0]), x1 - x0, height_m),
        "east": Wall(np.array([x1, y1]), np.array([0.0, -1.0]), y1 - y0, height_m),
        "south": Wall(np.array([x1, y0]), np.array([-1.0, 0.0]), x1 - x0, height_m),
    }


def shell_solids(walls: dict[str, Wall], doors: Sequence[Door]) -> list[Fixture]:
    """What nobody may walk into: walls, corridor walls and door leaves; the openings stay open."""
    solids = []
    for name, wall in walls.items():
        mine = sorted((door for door in doors if door.wall is wall), key=lambda door: door.begin_m)
        edges = [-WALL_M, *(edge for door in mine for edge in (door.begin_m, door.end_m)), wall.length_m + WALL_M]
        spans = list(zip(edges[0::2], edges[1::2], strict=True))
        solids += [
            (f"wall_{name}_{i + 1}", wall.box(span, (0, WALL_M), (0, wall.height_m))) for i, span in enumerate(spans)
        ]
    for door in doors:
        low, high = door.corridor_m()
        far = WALL_M + door.depth_m
        sides = (((low - WALL_M, low), (WALL_M, far)), ((high, high + WALL_M), (WALL_M, far)),
                 ((low - WALL_M, high + WALL_M), (far, far + WALL_M)))  # fmt: skip
        solids += [
            (f"corridor_{door.name}_{i + 1}", door.wall.box(s, d, (0, CORRIDOR_HEIGHT_M)))
            for i, (s, d) in enumerate(sides)
        ]
        solids.append((f"leaf_{door.name}", door.wall.box(door.leaf_m, _LEAF_D, (0.01, DOOR_HEIGHT_M))))
    return [Fixture(name, name.split("_")[0], box, guessed=False) for name, box in solids]


_LEAF_D = (-LEAF_GAP_M - LEAF_M, -LEAF_GAP_M)


def build_shell(
    materials: Materials, walls: dict[str, Wall], doors: Sequence[Door], taken: Sequence[tuple[str, float, float]],
    lit: list[tuple[int, int]],
) -> TexturedMesh:  # fmt: skip
    """Floor, ceiling, walls and doors.

    Args:
        materials: what they are made of.
        walls, doors: the plan.
        taken: name of a wall and the span along it where furniture stands, so that nothing is hung there.
        lit: column and row of the ceiling panels that shine.
    """
    rng, north, west = materials.rng, walls["north"], walls["west"]
    size = (north.length_m, west.length_m)
    top_left = north.point(0, 0, 0)
    floor = pictures.vinyl(rng, size, FLOORS[int(rng.integers(len(FLOORS)))])
    if rng.random() < 0.5:
        pictures.terrazzo_chips(rng, floor, 260.0)
    ceiling = materials.book(pictures.light_panels(rng, size, lit))
    meshes = [
        panel(top_left, np.array([size[0], 0, 0]), np.array([0, -size[1], 0]), materials.book(floor)),
        panel(west.point(0, 0, north.height_m), np.array([size[0], 0, 0]), np.array([0, size[1], 0]), ceiling),
    ]
    tile_rgb = textures.random_color(rng, (176, 196, 190), (212, 220, 214))
    for name, wall in walls.items():
        mine = [door for door in doors if door.wall is wall]
        blocked = [(s0, s1, 2.0) for where, s0, s1 in taken if where == name]
        blocked += [(door.begin_m - 0.1, door.end_m + 0.1, DOOR_HEIGHT_M + 0.1) for door in mine]
        blocked += [(*door.leaf_m, DOOR_HEIGHT_M + 0.1) for door in mine]
        image = pictures.tiled_wall(rng, (wall.length_m, wall.height_m), tile_rgb)
        meshes += _hang(materials, wall, image, blocked, name)
        meshes += _with_openings(wall, mine, materials.book(image))
    for door in doors:
        meshes += _doorway(materials, door)
    return merge(meshes)


def _with_openings(wall: Wall, doors: Sequence[Door], image: int) -> list[TexturedMesh]:
    """The inner face of a wall around its doors, all of it showing one picture."""
    edges = [0.0, *sorted(edge for door in doors for edge in (door.begin_m, door.end_m)), wall.length_m]
    panes = []
    for i, (begin, end) in enumerate(itertools.pairwise(edges)):
        low = 0.0 if i % 2 == 0 else DOOR_HEIGHT_M
        pane = panel(
            wall.point(begin, 0, wall.height_m),
            wall.step(end - begin, 0, 0),
            wall.step(0, 0, low - wall.height_m),
            image,
        )
        window = np.array([[begin, end], [0.0, wall.height_m - low]]) / [[wall.length_m], [wall.height_m]]
        panes.append(replace(pane, uv=window[:, 0] + pane.uv * (window[:, 1] - window[:, 0])))
    return panes


def _doorway(materials: Materials, door: Door) -> list[TexturedMesh]:
    """The reveal, the leaf with its window and rail, and the corridor."""
    rng, wall, frame = materials.rng, door.wall, materials.tone(STEEL)
    a, b, high, far = door.begin_m, door.end_m, DOOR_HEIGHT_M, WALL_M + door.depth_m
    low, up = door.corridor_m()
    width, top = up - low, CORRIDOR_HEIGHT_M
    back = pictures.tiled_wall(rng, (width, top), (214, 208, 190))
    pictures.paste(back, pictures.sheet(rng, 0.5, 0.7), width * 0.28, 0.7)
    pictures.paste(back, pictures.sign(rng, 0.5, 0.16, (40, 90, 150)), width * 0.5, 0.4)
    side = materials.book(pictures.tiled_wall(rng, (door.depth_m, top), (214, 208, 190)))
    floor = materials.book(
        pictures.vinyl(rng, (width, far), textures.random_color(rng, (110, 118, 120), (140, 150, 150)))
    )
    inner = materials.book(pictures.tiled_wall(rng, (width, top), (214, 208, 190)))
    lid = materials.tone((214, 215, 213))

    def quad(corner: tuple, right: tuple, down: tuple, image: int) -> TexturedMesh:
        return panel(wall.point(*corner), wall.step(*right), wall.step(*down), image)

    face = _door_picture(rng, b - a + 0.05, high - 0.01)
    leaf = wall.box(door.leaf_m, _LEAF_D, (0.01, high))
    rail_low, rail_high = min(a, door.leaf_m[0]) - 0.05, max(b, door.leaf_m[1]) + 0.05
    rail = wall.box((rail_low, rail_high), (-0.075, 0.0), (high, high + 0.09))
    return [
        quad((a, 0, high), (0, WALL_M, 0), (0, 0, -high), frame),
        quad((b, WALL_M, high), (0, -WALL_M, 0), (0, 0, -high), frame),
        quad((a, 0, high), (b - a, 0, 0), (0, WALL_M, 0), frame),
        quad((low, far, 0.0), (width, 0, 0), (0, WALL_M - far, 0), floor),
        quad((a, WALL_M, 0.0), (b - a, 0, 0), (0, -WALL_M, 0), materials.tone(GREY)),
        quad((low, WALL_M, top), (width, 0, 0), (0, door.depth_m, 0), lid),
        quad((low, far, top), (width, 0, 0), (0, 0, -top), materials.book(back)),
        quad((low, WALL_M, top), (0, door.depth_m, 0), (0, 0, -top), side),
        quad((up, far, top), (0, -door.depth_m, 0), (0, 0, -top), side),
        quad((a, WALL_M, top), (low - a, 0, 0), (0, 0, -top), inner),
        quad((up, WALL_M, top), (b - up, 0, 0), (0, 0, -top), inner),
        quad((b, WALL_M, top), (a - b, 0, 0), (0, 0, high - top), inner),
        box(leaf.center_m, leaf.rotation, leaf.extent_m, materials.book(face)),
        box(rail.center_m, rail.rotation, rail.extent_m, materials.tone(CHROME)),
    ]  # fmt: skip


def _door_picture(rng: np.random.Generator, width_m: float, height_m: float) -> np.ndarray:
    """(h, w, 3) uint8: a sliding leaf with a window, a kick plate and a handle."""
    import cv2

    width, height = pictures.texels(width_m, height_m)
    color = textures.random_color(rng, (96, 140, 150), (170, 190, 190))
    image = cv2.resize(textures.plain(rng, (width_m, height_m), color, 6.0), (width, height))
    image[-height * 14 // 100 :] = STEEL
    cv2.rectangle(
        image, (width * 36 // 100, height * 18 // 100), (width * 64 // 100, height * 44 // 100), (52, 64, 72), -1
    )
    cv2.rectangle(
        image, (width * 36 // 100, height * 18 // 100), (width * 64 // 100, height * 44 // 100), (210, 214, 214), 3
    )
    cv2.rectangle(
        image, (width * 10 // 100, height * 42 // 100), (width * 12 // 100, height * 58 // 100), (70, 74, 78), -1
    )
    sign = pictures.sign(rng, 0.34, 0.12, (176, 40, 44))
    pictures.paste(image, sign, width_m / 2 - 0.17, height_m * 0.5)
    return image


def _hang(
    materials: Materials, wall: Wall, image: np.ndarray, blocked: Sequence[tuple[float, float, float]], name: str
) -> list[TexturedMesh]:
    """Fill the free spans of a wall with sheets, boards, outlets and dispensers, painted or standing out."""
    rng, meshes, at = materials.rng, [], 0.2
    kinds = ["sheet", "dispenser", "sheet", "outlets", "board", "sheet", "sign", "clock", "dispenser", "sheet"]
    kinds = [kinds[i] for i in rng.permutation(len(kinds))]
    kinds.insert(0, {"north": "clock", "west": "board", "east": "outlets", "south": "screen"}[name])
    for kind in kinds:
        width, height, depth = {
            "sheet": (float(rng.uniform(0.3, 0.6)), float(rng.uniform(0.42, 0.84)), 0.0), "board": (1.4, 0.95, 0.02),
            "clock": (0.34, 0.34, 0.035), "sign": (0.6, 0.2, 0.0), "outlets": (1.1, 0.22, 0.07),
            "dispenser": (0.26, 0.42, 0.1), "screen": (1.2, 0.68, 0.06),
        }[kind]  # fmt: skip
        while clash := next(
            (b for a, b, high in blocked if a < at + width + 0.05 and b > at - 0.05 and high > 0.9), None
        ):
            at = clash + 0.08
        if at + width > wall.length_m - 0.15:
            break
        middle = {"clock": 2.3, "sign": 2.0, "outlets": 1.25, "screen": 1.7}.get(
            kind, 1.0 + height / 2 + float(rng.uniform(0.1, 0.3))
        )
        shown = _hung_picture(rng, kind, width, height)
        if depth == 0.0:
            pictures.paste(image, shown, at, wall.height_m - middle - height / 2)
        else:
            meshes.append(_mounted(materials, wall, at, middle, width, height, depth, shown))
        at += width + float(rng.uniform(0.12, 0.4))
    for s in np.arange(0.5, wall.length_m - 0.4, 1.3) + rng.uniform(-0.2, 0.2):
        if not any(a < s + 0.2 and b > s - 0.1 for a, b, _ in blocked):
            outlet = np.full((30, 60, 3), (236, 236, 232), np.uint8)
            outlet[8:22, 8:24], outlet[8:22, 36:52] = (60, 62, 66), (60, 62, 66)
            meshes.append(_mounted(materials, wall, float(s), 0.35, 0.16, 0.08, 0.015, outlet))
    return meshes


def _hung_picture(rng: np.random.Generator, kind: str, width_m: float, height_m: float) -> np.ndarray:
    if kind == "board":
        return pictures.whiteboard(rng, width_m, height_m)
    if kind == "clock":
        return pictures.clock_face(rng, width_m)
    if kind == "sign":
        return pictures.sign(rng, width_m, height_m, textures.random_color(rng, (20, 50, 40), (190, 120, 160)))
    if kind == "outlets":
        return pictures.gas_rail(rng, width_m, height_m)
    if kind == "screen":
        return pictures.vital_signs(rng, width_m, height_m)
    if kind == "dispenser":
        return pictures.glove_boxes(rng, width_m, height_m)
    return pictures.sheet(rng, width_m, height_m)


def _mounted(
    materials: Materials, wall: Wall, s: float, z: float, width: float, height: float, depth: float, image: np.ndarray
) -> TexturedMesh:
    """A flat thing on a wall with a picture on its front."""
    body = wall.box((s, s + width), (-depth, 0.0), (z - height / 2, z + height / 2))
    front = panel(
        wall.point(s, -depth - 0.0008, z + height / 2),
        wall.step(width, 0, 0),
        wall.step(0, 0, -height),
        materials.book(image),
    )
    return merge(
        [box(body.center_m, body.rotation, body.extent_m, materials.tone(WHITE if depth > 0.05 else DARK)), front]
    )
