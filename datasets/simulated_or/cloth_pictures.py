"""Pictures of clothes and skin, painted in the coordinates of the body map.

A picture's columns go once and a half around a part, from 0.25 turns before its seam to 0.25 turns after it, so that
no face is cut; its rows go along the part.
"""

from __future__ import annotations

import numpy as np

from .body import BodyShape
from .body_map import BodyMap, turns
from .outfit import Outfit
from .textures import Color, noise

MARGIN_TURNS = 0.25
SIZE = 224
LIP: Color = (172, 108, 100)
SHORTS: Color = (214, 218, 222)


class Canvas:
    """A picture of a part that is being painted; rows run from along = 0 to along = 1.

    Args:
        color_rgb: what it is before it is painted.
        low, high: the range of places along the part.
    """

    def __init__(self, color_rgb: Color, low: float = 0.0, high: float = 1.0) -> None:
        columns, rows = (np.arange(SIZE) + 0.5) / SIZE, (np.arange(SIZE) + 0.5) / SIZE
        around = columns * (1 + 2 * MARGIN_TURNS) - MARGIN_TURNS
        self.around, self.along = np.meshgrid(around % 1.0, low + rows * (high - low))
        self.image = np.tile(np.array(color_rgb, dtype=np.float32), (SIZE, SIZE, 1))

    def paint(self, where: np.ndarray, color_rgb: Color, strength: float = 1.0) -> None:
        """Colour where a mask (h, w) is true."""
        self.image[where] += strength * (np.array(color_rgb, dtype=np.float32) - self.image[where])

    def blot(
        self, around: float, along: float, radius: tuple[float, float], color_rgb: Color, strength: float = 1.0
    ) -> None:
        """A soft-edged ellipse."""
        aside = (self.around - around + 0.5) % 1.0 - 0.5
        far = np.hypot(aside / radius[0], (self.along - along) / radius[1])
        cover = (strength * np.clip((1.15 - far) / 0.3, 0.0, 1.0))[..., None]
        self.image += cover * (np.array(color_rgb, dtype=np.float32) - self.image)

    def shade(self, rng: np.random.Generator, strength: float, stretch: float = 1.0) -> None:
        """Folds and wear: multiplies by smooth noise; stretched along the part if wanted."""
        folds = noise(rng, max(3, round(SIZE / stretch)), SIZE, 13.0)
        rows = np.minimum((np.arange(SIZE) / stretch).astype(int), len(folds) - 1)
        fine = noise(rng, SIZE, SIZE, 5.0)
        cover = 1 + strength * (0.75 * folds[rows] + 0.35 * fine)
        # The margins repeat the other end, else the seam would show.
        turn = round(SIZE / (1 + 2 * MARGIN_TURNS))
        edge = round(SIZE * MARGIN_TURNS / (1 + 2 * MARGIN_TURNS))
        cover[:, :edge] = cover[:, turn : turn + edge]
        cover[:, edge + turn :] = cover[:, edge : SIZE - turn]
        self.image *= cover[..., None]

    def done(self) -> np.ndarray:
        """(h, w, 3) uint8."""
        return np.clip(self.image, 0, 255).astype(np.uint8)


def head_picture(shape: BodyShape, where: BodyMap, outfit: Outfit, rng: np.random.Generator) -> np.ndarray:
    """Face, mask and cap; the neck below the chin is skin."""
    low_m, high_m = where.head_m
    tall_m = high_m - low_m
    canvas = Canvas(outfit.skin, -0.6, 1.05)
    canvas.shade(rng, 0.05)
    center_m = shape.joints_m[3:5, 0].mean() + 0.01
    nose, eyes = shape.joints_m[0], shape.joints_m[1:3]
    eye, tip = (float(eyes[:, 2].mean()) - low_m) / tall_m, (float(nose[2]) - low_m) / tall_m
    hair: Color = (60, 48, 40) if rng.random() < 0.7 else (130, 104, 76)
    for point in eyes:
        at = float(turns(np.array(point[1]), np.array(point[0] - center_m)))
        canvas.blot(at, eye + 0.085, (0.035, 0.018), hair, 0.8)
        canvas.blot(at, eye, (0.026, 0.026), (236, 232, 226), 0.9)
        canvas.blot(at, eye, (0.011, 0.024), (54, 40, 34))
    canvas.blot(0.5, tip - 0.17, (0.05, 0.02), LIP, 0.7)
    aside = np.abs((canvas.around - 0.5 + 0.5) % 1.0 - 0.5)
    if outfit.mask:
        upper = tip + 0.1 - 0.9 * aside
        cover = (aside < 0.19) & (canvas.along < upper) & (canvas.along > -0.12 + 0.5 * aside)
        canvas.paint(cover, outfit.mask)
        pleats = cover & (np.abs((canvas.along * 18) % 1.0 - 0.5) < 0.09)
        canvas.paint(pleats, (90, 120, 140), 0.25)
        strings = (aside >= 0.19) & (np.abs(canvas.along - (upper + 0.9 * (aside - 0.1))) < 0.012)
        canvas.paint(strings, (220, 222, 222))
    if outfit.cap:
        rim = eye + 0.16 - 0.75 * np.clip(aside - 0.1, 0.0, 0.3)
        canvas.paint(canvas.along > rim, outfit.cap)
        canvas.paint((canvas.along > rim) & (canvas.along < rim + 0.035), darker(outfit.cap, 0.8))
    else:
        canvas.paint(canvas.along > eye + 0.3 - 1.0 * np.clip(aside - 0.1, 0.0, 0.45), hair)
    return canvas.done()


def torso_picture(outfit: Outfit, rng: np.random.Generator) -> np.ndarray:
    """Shirt or gown with its neckline; skin above."""
    canvas = Canvas(outfit.skin, -0.3, 1.1)
    canvas.shade(rng, 0.06)
    if outfit.top is None:
        canvas.paint(canvas.along < 0.12, SHORTS)
        return canvas.done()
    aside = np.abs(canvas.around - 0.5)
    gown = outfit.cuff is not None
    neckline = np.full_like(aside, 0.84)
    if not gown:
        neckline -= np.clip(0.15 - 1.3 * aside, 0.0, 0.15)
    cloth = Canvas(outfit.top, -0.3, 1.1)
    cloth.shade(rng, 0.13, 2.0)
    if gown:
        cloth.paint(np.abs(aside - 0.5) < 0.006, darker(outfit.top, 0.72))
    worn = canvas.along < neckline
    canvas.image[worn] = cloth.image[worn]
    return canvas.done()


def arm_picture(outfit: Outfit, rng: np.random.Generator) -> np.ndarray:
    """Sleeve, bare arm or cuff, glove."""
    canvas = Canvas(outfit.skin)
    canvas.shade(rng, 0.06)
    if outfit.top is not None:
        cloth = Canvas(outfit.top)
        cloth.shade(rng, 0.15)
        worn = canvas.along < outfit.sleeve
        canvas.image[worn] = cloth.image[worn]
    if outfit.gloves is not None:
        canvas.paint(canvas.along > (0.68 if outfit.cuff else 0.74), outfit.gloves)
    if outfit.cuff is not None:
        canvas.paint((canvas.along > outfit.sleeve - 0.05) & (canvas.along < outfit.sleeve), outfit.cuff)
    return canvas.done()


def leg_picture(outfit: Outfit, rng: np.random.Generator) -> np.ndarray:
    """Trousers and shoes, or bare legs."""
    canvas = Canvas(outfit.skin, -0.1, 1.05)
    canvas.shade(rng, 0.06)
    if outfit.trousers is not None:
        cloth = Canvas(outfit.trousers, -0.1, 1.05)
        cloth.shade(rng, 0.14, 0.7)
        worn = canvas.along < 0.8
        canvas.image[worn] = cloth.image[worn]
        if outfit.cuff is not None and outfit.top is not None:
            # Where a leg bends sharply, trousers come through the gown; there they look like it.
            canvas.paint(canvas.along < 0.56, outfit.top)
    else:
        canvas.paint(canvas.along < 0.2, SHORTS if outfit.top is None else outfit.top)
    if outfit.shoes is not None:
        canvas.paint(canvas.along > 0.8, outfit.shoes)
    return canvas.done()


def skirt_picture(outfit: Outfit, rng: np.random.Generator) -> np.ndarray:
    """The hanging part of shirt or gown, rows from its upper edge to its hem."""
    top = outfit.top or outfit.skin
    canvas = Canvas(top)
    canvas.shade(rng, 0.14, 3.0)
    dark = darker(top, 0.75)
    canvas.paint(canvas.along > 0.975, dark, 0.6)
    if outfit.cuff is not None:
        canvas.paint(np.abs(canvas.along - 0.27) < 0.02, dark, 0.8)
        canvas.paint(np.abs(np.abs(canvas.around - 0.5) - 0.42) < 0.006, dark)
    elif rng.random() < 0.7:
        canvas.paint((np.abs(canvas.around - 0.57) < 0.035) & (np.abs(canvas.along - 0.12) < 0.006), dark)
    return canvas.done()


def darker(color: Color, share: float) -> Color:
    """A colour with a share of its brightness."""
    r, g, b = (int(share * value) for value in color)
    return r, g, b
