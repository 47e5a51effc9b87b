"""Furniture without electronics: operating table, draped and bare tables, cabinets, drip stands, a bin.

Each function builds a thing in its own frame: origin on the floor under its middle, front towards -y.
"""

from __future__ import annotations

import itertools

import numpy as np

from ...capture.geometry import SE3
from . import pictures, textures
from .materials import BLACK, CHROME, DARK, GREY, STEEL, WHITE, Materials, facing
from .meshes import TexturedMesh, merge
from .shapes import (
    block,
    cylinder,
    ellipsoid,
    extrude,
    lathe,
    moved,
    resampled,
    rounded_rectangle,
    shifted,
    tube,
    turned,
    woven,
)  # fmt: skip
from .textures import Color

MATTRESS_M = 0.08


def operating_table(
    materials: Materials, length_m: float, width_m: float, height_m: float, tilt_rad: float
) -> TexturedMesh:
    """A table on a column, long axis along x, head at +x; the middle of its mattress top lies at `height_m`.

    Args:
        materials: what it is made of.
        length_m, width_m, height_m: of the mattress.
        tilt_rad: positive lifts the head end.
    """
    steel, chrome, dark = (materials.tone(color) for color in (STEEL, CHROME, DARK))
    pad = materials.tone(BLACK, 12.0)
    base = [
        shifted(extrude(rounded_rectangle(1.1, 0.46, 0.12), 0.11, steel, 0.02), 0.12, 0, 0.115),
        *(shifted(cylinder(0.045, 0.06, dark), x, y, 0.0) for x in (-0.36, 0.6) for y in (-0.17, 0.17)),
        shifted(block((0.34, 0.30, 0.30), materials.tone(WHITE), 0.02), 0.12, 0, 0.31),
        shifted(block((0.25, 0.21, height_m - 0.5), chrome, 0.015), 0.12, 0, 0.42 + (height_m - 0.5) / 2),
    ]
    shares = np.array([0.15, 0.41, 0.44])
    edges = -length_m / 2 + length_m * np.concatenate([[0.0], np.cumsum(shares[::-1])])
    low = -MATTRESS_M
    top = [
        *(
            shifted(block((b - a - 0.008, width_m, MATTRESS_M), pad, 0.018, corner_m=0.04), (a + b) / 2, 0, low / 2)
            for a, b in itertools.pairwise(edges)
        ),
        *(
            shifted(block((b - a - 0.03, width_m - 0.1, 0.035), steel, 0.005), (a + b) / 2, 0, low - 0.018)
            for a, b in itertools.pairwise(edges)
        ),
        shifted(block((0.72, 0.34, 0.10), steel, 0.015), 0.12, 0, low - 0.085),
    ]
    for side in (-1, 1):
        y = side * (width_m / 2 - 0.02)
        for a, b in ((edges[1] + 0.1, edges[2] - 0.06), (edges[0] + 0.15, edges[1] - 0.08)):
            top.append(shifted(block((b - a, 0.012, 0.03), chrome, 0.003), (a + b) / 2, y, low - 0.03))
            for x in (a + 0.08, b - 0.08):
                top.append(shifted(block((0.03, 0.06, 0.014), dark, 0.003), x, y - side * 0.035, low - 0.03))
    lifted = moved(merge(top), SE3.exp(np.array([0.0, -tilt_rad, 0.0, 0.0, 0.0, height_m])))
    return merge([*base, lifted])


def draped_table(
    materials: Materials, length_m: float, width_m: float, height_m: float, color_rgb: Color
) -> TexturedMesh:
    """A back table under a sterile drape that hangs in folds; small instruments are painted on its top."""
    rng = materials.rng
    over = materials.book(textures.tray(rng, (length_m, width_m), color_rgb))
    side = materials.book(textures.cloth(rng, (1.6, 0.6), color_rgb))
    edge = resampled(rounded_rectangle(length_m, width_m, 0.03), 96)
    tangent = np.roll(edge, -1, axis=0) - np.roll(edge, 1, axis=0)
    outward = np.stack([tangent[:, 1], -tangent[:, 0]], axis=1) / np.linalg.norm(tangent, axis=1)[:, None]
    place = np.arange(96) * 2 * np.pi / 96
    wave = sum(np.sin(k * place + rng.uniform(0, 6.28)) for k in (7, 11, 17, 22)) / 4 + 0.5
    hem_m = rng.uniform(0.22, 0.34)
    rings = []
    for share in np.linspace(1, 0, 8):
        ring = edge + outward * (0.045 * share**0.7 * np.clip(wave, 0.15, 1.0))[:, None]
        height = height_m - share * (height_m - hem_m - 0.02 * np.sin(2 * place + 1))
        rings.append(np.column_stack([ring, height])[np.r_[0:96, 0]])
    corners = [
        (x, y) for x in (-length_m / 2 + 0.07, length_m / 2 - 0.07) for y in (-width_m / 2 + 0.07, width_m / 2 - 0.07)
    ]
    chrome, dark = materials.tone(CHROME), materials.tone(DARK)
    wall = np.stack(rings)
    across = np.broadcast_to(np.linspace(0, 1, 97), wall.shape[:2])
    uv = np.stack([across, np.broadcast_to(np.linspace(1, 0, 8)[:, None], wall.shape[:2])], axis=-1)
    return merge([
        woven(wall, uv, side),
        shifted(extrude(edge, 0.02, side, cap=over), 0, 0, height_m - 0.01),
        *(shifted(cylinder(0.018, height_m - 0.1, chrome), x, y, 0.06) for x, y in corners),
        *(shifted(ellipsoid((0.035, 0.02, 0.035), dark), x, y, 0.035) for x, y in corners),
        shifted(block((length_m - 0.14, width_m - 0.14, 0.02), chrome, 0.004), 0, 0, 0.19),
    ])  # fmt: skip


def steel_table(materials: Materials, length_m: float, width_m: float, height_m: float) -> TexturedMesh:
    """A bare trolley with an upper top, a lower shelf and boxes and bottles on the shelf."""
    rng, steel, chrome, dark = materials.rng, materials.tone(STEEL), materials.tone(CHROME), materials.tone(DARK)
    corners = [
        (x, y) for x in (-length_m / 2 + 0.04, length_m / 2 - 0.04) for y in (-width_m / 2 + 0.04, width_m / 2 - 0.04)
    ]
    parts = [
        shifted(block((length_m, width_m, 0.035), steel, 0.008), 0, 0, height_m - 0.0175),
        shifted(block((length_m - 0.06, width_m - 0.06, 0.025), steel, 0.006), 0, 0, 0.26),
        *(shifted(cylinder(0.015, height_m - 0.1, chrome), x, y, 0.07) for x, y in corners),
        *(shifted(turned(cylinder(0.04, 0.025, dark), "x", np.pi / 2), x, y + 0.0125, 0.04) for x, y in corners),
    ]
    for x in np.arange(-length_m / 2 + 0.16, length_m / 2 - 0.12, 0.23):
        color = textures.random_color(rng, (60, 70, 70), (226, 220, 214))
        if rng.random() < 0.6:
            size = (rng.uniform(0.14, 0.2), rng.uniform(0.14, width_m - 0.14), rng.uniform(0.08, 0.22))
            face = materials.book(pictures.front(rng, size[0], size[2], color, 1))
            parts.append(shifted(block(size, face, 0.004), x, 0, 0.2725 + size[2] / 2))
        else:
            bottle = lathe(
                [(0, 0), (0.045, 0), (0.045, 0.15), (0.02, 0.19), (0.02, 0.22), (0, 0.22)], materials.tone(color)
            )
            parts.append(shifted(bottle, x, rng.uniform(-0.08, 0.08), 0.2725))
    return merge(parts)


def cabinet(materials: Materials, width_m: float, depth_m: float, height_m: float) -> TexturedMesh:
    """A tall cabinet with glazed doors above and closed ones below; what stands on its shelves is seen in a picture."""
    rng, white, steel = materials.rng, materials.tone(WHITE), materials.tone(STEEL)
    front_y, plinth, split = -depth_m / 2, 0.1, 0.78
    parts = [
        shifted(block((width_m, depth_m - 0.03, height_m - plinth), white, 0.006), 0, 0.015, (height_m + plinth) / 2),
        shifted(block((width_m - 0.04, depth_m - 0.1, plinth), materials.tone(DARK), 0.004), 0, 0.03, plinth / 2),
    ]  # fmt: skip
    for side in (-1, 1):
        x, leaf = side * width_m / 4, width_m / 2 - 0.012
        shown = materials.book(pictures.shelves(rng, leaf, height_m - split, 4))
        closed = materials.book(pictures.front(rng, leaf, split - plinth, (206, 210, 208), 1))
        high = height_m - split - 0.03
        parts.append(facing((x, front_y + 0.012, split + 0.015 + high / 2), leaf, high, shown))
        parts.append(
            shifted(block((leaf, 0.022, split - plinth - 0.02), white, 0.004), x, front_y + 0.02, (split + plinth) / 2)
        )
        parts.append(facing((x, front_y + 0.008, (split + plinth) / 2), leaf - 0.02, split - plinth - 0.04, closed))
        for edge in (x - leaf / 2 + 0.018, x + leaf / 2 - 0.018):
            parts.append(
                shifted(block((0.036, 0.024, high), steel, 0.004), edge, front_y + 0.012, split + 0.015 + high / 2)
            )
        for z in (split + 0.03, height_m - 0.035):
            parts.append(shifted(block((leaf, 0.024, 0.036), steel, 0.004), x, front_y + 0.012, z))
        handle = [(x - side * (leaf / 2 - 0.03), front_y - 0.02, z) for z in (1.02, 1.22)]
        parts.append(tube(handle, 0.007, materials.tone(CHROME)))
    return merge(parts)


def drip_stand(materials: Materials, height_m: float, num_bags: int) -> TexturedMesh:
    """A pole on five castors with hooks, bags of fluid, their lines and a pump."""
    rng, chrome, dark = materials.rng, materials.tone(CHROME), materials.tone(DARK)
    parts = [
        shifted(cylinder(0.012, height_m - 0.09, chrome), 0, 0, 0.09),
        shifted(cylinder(0.04, 0.05, dark), 0, 0, 0.07),
    ]
    for turn in np.arange(5) * 2 * np.pi / 5:
        x, y = 0.26 * np.cos(turn), 0.26 * np.sin(turn)
        parts.append(tube([(0, 0, 0.10), (x, y, 0.075)], (0.016, 0.012), chrome))
        parts.append(shifted(ellipsoid((0.027, 0.027, 0.03), dark, 10, 6), x, y, 0.03))
    bag = materials.tone((208, 216, 212), 26.0)
    for number in range(2):
        x = (0.11, -0.11)[number]
        parts.append(tube([(0, 0, height_m - 0.02), (x * 0.6, 0, height_m), (x, 0, height_m - 0.01)], 0.006, chrome))
        if number < num_bags:
            parts.append(shifted(ellipsoid((0.062, 0.026, 0.125), bag), x, 0, height_m - 0.15))
            line = [
                (x, 0, height_m - 0.26),
                (x * 0.9, -0.03, height_m - 0.45),
                (x * 0.5, -0.07, 1.2),
                (0.03, -0.07, 1.1),
            ]
            parts.append(tube(line, 0.004, materials.tone((214, 220, 222)), 8))
    pump = materials.book(textures.device(rng, (0.3, 0.3)))
    parts.append(shifted(block((0.14, 0.13, 0.2), materials.tone(WHITE), 0.012), 0, -0.06, 1.05))
    parts.append(facing((0, -0.127, 1.05), 0.12, 0.17, pump))
    return merge(parts)


def bin_(materials: Materials, color_rgb: Color) -> TexturedMesh:
    """A waste bin with a coloured bag over its rim."""
    bag, body = materials.tone(color_rgb, 18.0), materials.tone(STEEL)
    return merge([
        lathe([(0, 0.02), (0.17, 0.02), (0.19, 0.5), (0, 0.5)], body),
        lathe([(0.186, 0.36), (0.205, 0.38), (0.21, 0.55), (0.195, 0.56), (0.17, 0.5), (0, 0.42)], bag),
    ])  # fmt: skip


def stool(materials: Materials) -> TexturedMesh:
    """A round stool on a column."""
    chrome, pad = materials.tone(CHROME), materials.tone(BLACK, 12.0)
    legs = [
        tube([(0, 0, 0.1), (0.24 * np.cos(turn), 0.24 * np.sin(turn), 0.05)], 0.016, chrome)
        for turn in np.arange(5) * 2 * np.pi / 5
    ]
    castors = [
        shifted(
            ellipsoid((0.025, 0.025, 0.025), materials.tone(GREY), 10, 6),
            0.24 * np.cos(turn),
            0.24 * np.sin(turn),
            0.025,
        )
        for turn in np.arange(5) * 2 * np.pi / 5
    ]
    seat = lathe([(0, 0.5), (0.16, 0.5), (0.175, 0.53), (0.165, 0.565), (0, 0.57)], pad)
    return merge([*legs, *castors, shifted(cylinder(0.025, 0.42, chrome), 0, 0, 0.09), seat])
