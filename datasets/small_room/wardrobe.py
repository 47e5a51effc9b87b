"""What the moving things look like: scrubs, caps and masks, and the cart's panels."""

from __future__ import annotations

import numpy as np

from ..simulated_or import textures
from .people import PARTS

SCRUBS = ((62, 128, 168), (74, 152, 128), (150, 84, 112), (96, 104, 160))


def dress(rng: np.random.Generator, scrubs_rgb: tuple[int, int, int]) -> list[np.ndarray]:
    """One picture per part of a body, in the order of PARTS."""
    skin = textures.random_color(rng, (150, 105, 85), (226, 180, 156))
    shoe, glove = textures.random_color(rng, (30, 30, 30), (235, 235, 235)), (206, 212, 190)
    pictures = []
    for part in PARTS:
        if part == "head":
            pictures.append(_head(rng, skin, scrubs_rgb))
            continue
        kind = part.split("_", 1)[-1]
        color = {"neck": skin, "forearm": skin, "hand": glove, "foot": shoe}.get(kind, scrubs_rgb)
        pictures.append(textures.plain(rng, (0.5, 0.5), color, 22.0))
    return pictures


def _head(rng: np.random.Generator, skin: tuple[int, int, int], cap: tuple[int, int, int]) -> np.ndarray:
    """A head with a cap on top, and a mask over the lower half of the front."""
    image = textures.plain(rng, (0.5, 0.5), skin, 8.0)
    height, width = image.shape[:2]
    image[: height * 42 // 100] = textures.plain(rng, (0.5, 0.5), cap, 26.0)[: height * 42 // 100]
    image[height * 55 // 100 : height * 85 // 100, width // 4 : width * 3 // 4] = (178, 206, 216)
    return image


def cart_pictures(rng: np.random.Generator, num_parts: int) -> list[np.ndarray]:
    """One picture per part of the cart: drawers, screen, board, then rods and wheels."""
    drawers = textures.plain(rng, (0.62, 0.7), (196, 70, 52), 10.0)
    for row in range(12, len(drawers) - 4, 26):
        drawers[row : row + 3] = (92, 30, 24)
        drawers[row + 8 : row + 13, 42:82] = (222, 222, 214)
    rods = textures.plain(rng, (0.1, 0.1), (120, 124, 130), 8.0)
    return [
        drawers,
        textures.device(rng, (0.42, 0.4)),
        textures.plain(rng, (0.46, 0.2), (226, 170, 60), 14.0),
        *([rods] * (num_parts - 3)),
    ]
