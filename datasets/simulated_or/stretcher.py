"""The stretcher on which the patient is brought and taken away."""

from __future__ import annotations

import numpy as np

from .furniture import MATTRESS_M
from .materials import CHROME, DARK, STEEL, WHITE, Materials
from .meshes import TexturedMesh, merge
from .performance import PictureBook
from .shapes import block, cylinder, moved, shifted, tube, turned
from .textures import Color
from .wheeling import HALF_M, Trip

BAR_M = 0.02
"""How far the handle bars are above the mattress."""
PADS: tuple[Color, ...] = ((44, 62, 92), (58, 66, 60), (40, 44, 52))


def stretcher_mesh(rng: np.random.Generator, book: PictureBook, height_m: float) -> TexturedMesh:
    """A mattress on a scissor frame with castors, rails let down at its sides, handle bars at both ends.

    Its own frame: origin in the middle of the mattress top, +x to the head end, z up; `height_m` is from there to the
    floor.
    """
    materials = Materials(rng, book)
    steel, chrome, dark, white = (materials.tone(color) for color in (STEEL, CHROME, DARK, WHITE))
    pad = materials.tone(PADS[int(rng.integers(len(PADS)))], 12.0)
    (long, wide), low = HALF_M, -MATTRESS_M
    parts = [
        shifted(block((1.9, 0.6, MATTRESS_M), pad, 0.02, corner_m=0.06), 0, 0, low / 2),
        shifted(block((1.9, 0.56, 0.04), white, 0.006), 0, 0, low - 0.02),
        shifted(block((1.3, 0.44, 0.09), white, 0.02, corner_m=0.05), 0, 0, 0.25 - height_m),
        *(shifted(cylinder(0.045, height_m + low - 0.34, chrome), x, 0, 0.3 - height_m) for x in (-0.4, 0.4)),
    ]
    for x in (-0.72, 0.72):
        parts.append(tube([(x, -0.24, 0.22 - height_m), (x, 0.24, 0.22 - height_m)], 0.02, steel))
        for y in (-0.24, 0.24):
            parts.append(shifted(turned(cylinder(0.075, 0.035, dark), "x", np.pi / 2), x, y + 0.0175, 0.075 - height_m))
            parts.append(shifted(cylinder(0.018, 0.1, steel), x, y, 0.13 - height_m))
    for side in (-1, 1):
        y = side * (wide - 0.015)
        rail = [(-0.45, y, low), (-0.45, y, low - 0.16), (0.5, y, low - 0.16), (0.5, y, low)]
        parts.append(tube(rail, 0.011, chrome, 8))
        end = side * (long - 0.02)
        bar = [(end - side * 0.06, -0.26, low), (end, -0.26, BAR_M), (end, 0.26, BAR_M), (end - side * 0.06, 0.26, low)]
        parts.append(tube(bar, 0.014, dark, 8))
    return merge(parts)


class Stretcher:
    """A stretcher that is wheeled about (an Actor).

    Args:
        mesh: as `stretcher_mesh` builds it.
        trip: where it goes, rig time.
        owner: its number in id images.
    """

    def __init__(self, mesh: TexturedMesh, trip: Trip, owner: int) -> None:
        self.name, self.label, self.trip = trip.name, "stretcher", trip
        self._own = mesh.owned_by(owner)
        self._own_m = mesh.vertices_m.astype(np.float32)

    @property
    def mesh(self) -> TexturedMesh:
        """As it stands at time 0."""
        return moved(self._own, self.trip.pose(0.0))

    def vertices_m(self, time_s: float) -> np.ndarray:
        """(n, 3) float32 vertices in the world at a moment."""
        return self.trip.pose(time_s) @ self._own_m

    def moves(self, begin_s: float, end_s: float) -> bool:
        """Whether it is on its way at any moment between two."""
        return self.trip.moves(begin_s, end_s)
