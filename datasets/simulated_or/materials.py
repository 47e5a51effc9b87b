"""What things are made of: seeded pictures of metals, plastics and cloth, each kept once in the book."""

from __future__ import annotations

import numpy as np

from . import textures
from .meshes import TexturedMesh, panel
from .performance import PictureBook
from .textures import Color

STEEL, CHROME, WHITE, GREY = (158, 164, 168), (196, 201, 204), (222, 224, 221), (128, 133, 137)
DARK, BLACK, BLUE, GREEN = (58, 62, 67), (34, 35, 38), (58, 110, 156), (66, 134, 112)


class Materials:
    """Pictures by colour; the same colour is drawn once.

    Args:
        rng: draws the stains.
        book: keeps the pictures.
    """

    def __init__(self, rng: np.random.Generator, book: PictureBook) -> None:
        self.rng, self.book = rng, book
        self._known: dict[tuple[Color, float], int] = {}

    def tone(self, color_rgb: Color, contrast: float = 8.0) -> int:
        """A picture of one colour with faint stains."""
        key = (color_rgb, contrast)
        if key not in self._known:
            self._known[key] = self.book(textures.plain(self.rng, (0.4, 0.4), color_rgb, contrast))
        return self._known[key]


def facing(
    center_m: tuple[float, float, float], width_m: float, height_m: float, texture: int, outward: str = "-y"
) -> TexturedMesh:
    """An upright picture in a thing's own frame that looks along -y, +y, -x or +x, or lies and looks up (+z, -z)."""
    right, down = {
        "-y": ((1, 0, 0), (0, 0, -1)), "+y": ((-1, 0, 0), (0, 0, -1)), "-x": ((0, -1, 0), (0, 0, -1)),
        "+x": ((0, 1, 0), (0, 0, -1)), "+z": ((1, 0, 0), (0, -1, 0)), "-z": ((1, 0, 0), (0, 1, 0)),
    }[outward]  # fmt: skip
    along, below = np.array(right) * width_m, np.array(down) * height_m
    return panel(np.array(center_m) - along / 2 - below / 2, along, below, texture)
