"""Equipment of the room: anaesthesia machine, C-arm, monitors, and the surgical lamps with their arms.

What stands on the floor is built in its own frame: origin on the floor under its middle, front towards -y. What hangs
is built in the world.
"""

from __future__ import annotations

import numpy as np

from ...capture.geometry import SE3
from . import pictures, textures
from .materials import BLACK, CHROME, DARK, GREY, WHITE, Materials, facing
from .meshes import TexturedMesh, merge
from .shapes import arc, block, cylinder, ellipsoid, lathe, moved, shifted, smooth, sweep, tube, turned

LAMP_RADIUS_M = 0.33


def anaesthesia_machine(materials: Materials, height_m: float) -> TexturedMesh:
    """A ventilator on wheels: drawers, work top, vaporisers, absorber, bag on its arm, two screens, breathing hoses."""
    rng, white, grey, dark = materials.rng, materials.tone(WHITE), materials.tone(GREY), materials.tone(DARK)
    chrome = materials.tone(CHROME)
    drawers = materials.book(pictures.front(rng, 0.56, 0.55, (206, 212, 214), 3))
    panel_front = materials.book(textures.device(rng, (0.56, 0.4)))
    parts = [
        shifted(block((0.66, 0.62, 0.10), dark, 0.02, corner_m=0.05), 0, 0, 0.13),
        *(
            shifted(turned(cylinder(0.055, 0.04, dark), "x", np.pi / 2), x, y + 0.02, 0.055)
            for x in (-0.26, 0.26)
            for y in (-0.24, 0.24)
        ),
        shifted(block((0.62, 0.56, 0.62), white, 0.015), 0, 0.02, 0.49),
        facing((0, -0.263, 0.5), 0.56, 0.56, drawers),
        shifted(block((0.68, 0.64, 0.03), grey, 0.008), 0, 0, 0.815),
        shifted(block((0.62, 0.24, height_m - 0.83), white, 0.02), 0, 0.18, (height_m + 0.83) / 2),
        facing((0.0, 0.058, 1.02), 0.56, 0.32, panel_front),
    ]  # fmt: skip
    for x, color in ((-0.2, (214, 178, 40)), (-0.07, (120, 70, 150))):
        parts.append(
            shifted(
                lathe(
                    [(0, 0), (0.05, 0), (0.05, 0.12), (0.035, 0.14), (0.035, 0.19), (0, 0.19)], materials.tone(color)
                ),
                x,
                -0.0,
                1.02,
            )
        )
        parts.append(shifted(block((0.09, 0.09, 0.15), grey, 0.008), x, 0.02, 0.96))
    parts += [shifted(cylinder(0.075, 0.2, materials.tone((196, 206, 214), 20.0)), 0.22, -0.16, 0.86),
              shifted(cylinder(0.085, 0.05, dark), 0.22, -0.16, 1.06)]  # fmt: skip
    bellow = [(0, 0), *((0.07 + 0.008 * (i % 2), 0.02 * i) for i in range(11)), (0, 0.2)]
    parts.append(shifted(lathe(bellow, materials.tone((50, 96, 120))), 0.05, -0.2, 0.84))
    ventilator = materials.book(pictures.vital_signs(rng, 0.36, 0.26))
    vital = materials.book(pictures.vital_signs(rng, 0.44, 0.3))
    parts += [
        shifted(turned(block((0.4, 0.05, 0.3), dark, 0.01), "x", -0.2), 0.08, 0.0, height_m - 0.04),
        shifted(turned(facing((0, -0.0265, 0), 0.36, 0.26, ventilator), "x", -0.2), 0.08, 0.0, height_m - 0.04),
        tube([(-0.1, 0.2, height_m - 0.02), (-0.1, 0.2, height_m + 0.3)], 0.02, chrome),
        shifted(turned(block((0.5, 0.05, 0.36), dark, 0.01), "x", -0.12), -0.1, 0.15, height_m + 0.36),
        shifted(turned(facing((0, -0.0265, 0), 0.44, 0.3, vital), "x", -0.12), -0.1, 0.15, height_m + 0.36),
    ]
    arm = [(-0.3, 0.05, 0.9), (-0.3, 0.05, 1.5), (-0.33, -0.1, 1.58), (-0.36, -0.42, 1.5)]
    parts.append(tube(arm, 0.012, chrome))
    parts.append(shifted(ellipsoid((0.06, 0.06, 0.13), materials.tone((36, 78, 66), 14.0)), -0.36, -0.42, 1.36))
    for offset in (-0.03, 0.03):
        hose = np.array(
            [
                (0.22, -0.2, 1.0),
                (0.1, -0.36, 1.04),
                (-0.1 + offset, -0.46, 1.0),
                (-0.25, -0.5 + offset, 0.98),
                (-0.36, -0.44 + offset, 1.2),
            ]
        )
        parts.append(tube(smooth(hose), 0.016, materials.tone((150, 190, 214), 16.0), 10))
    for x, color in ((-0.1, (30, 90, 50)), (0.12, (200, 200, 204))):
        bottle = lathe([(0, 0), (0.06, 0.01), (0.06, 0.48), (0.03, 0.55), (0.03, 0.6), (0, 0.6)], materials.tone(color))
        parts.append(shifted(bottle, x, 0.37, 0.16))
    return merge(parts)


def c_arm(materials: Materials) -> TexturedMesh:
    """A mobile C-arm that opens towards -y: cart with handles, lifting column, C, detector above and tube below."""
    rng, white, grey, dark = materials.rng, materials.tone(WHITE), materials.tone(GREY), materials.tone(DARK)
    blue = materials.tone((70, 110, 150))
    housing = materials.book(textures.device(rng, (0.5, 0.6)))
    radius, center = 0.66, (0.0, 0.0, 1.08)
    # Built opening towards +x, turned at the end.
    ring = arc(center, radius, np.deg2rad(78), np.deg2rad(282), 36)
    section = np.array([(0.045, -0.06), (0.045, 0.06), (-0.045, 0.06), (-0.045, -0.06)])
    top, bottom = ring[0], ring[-1]
    parts = [
        sweep(ring, section, white, reference=(1, 0, 0)),
        shifted(
            lathe([(0, 0), (0.15, 0), (0.165, 0.03), (0.165, 0.16), (0.11, 0.26), (0, 0.26)], white, 32),
            top[0],
            0,
            top[2] - 0.24,
        ),
        shifted(lathe([(0, -0.005), (0.145, -0.005), (0.145, 0.0), (0, 0.0)], dark, 32), top[0], 0, top[2] - 0.24),
        shifted(block((0.34, 0.24, 0.22), white, 0.03), bottom[0] - 0.02, 0, bottom[2] + 0.02),
        shifted(lathe([(0, 0), (0.09, 0), (0.07, 0.09), (0, 0.09)], grey), bottom[0], 0, bottom[2] + 0.12),
        shifted(block((0.2, 0.16, 0.3), blue, 0.02), -radius - 0.08, 0, center[2]),
        shifted(block((0.3, 0.11, 0.11), white, 0.01), -radius - 0.28, 0, center[2] - 0.02),
        shifted(cylinder(0.085, 0.75, grey), -radius - 0.36, 0, 0.45),
        shifted(block((0.52, 0.5, 0.66), white, 0.03), -radius - 0.42, 0, 0.47),
        shifted(block((0.95, 0.56, 0.09), grey, 0.02), -radius - 0.26, 0, 0.13),
        facing((-radius - 0.42, -0.253, 0.5), 0.44, 0.52, housing),
        facing((-radius - 0.42, 0.253, 0.5), 0.44, 0.52, housing, "+y"),
    ]
    for y in (-0.24, 0.24):
        for x in (-radius - 0.62, -radius + 0.1):
            parts.append(shifted(turned(cylinder(0.07, 0.04, dark), "x", np.pi / 2), x, y + 0.02, 0.07))
        rail = [(-radius - 0.5, y, 0.8), (-radius - 0.72, y, 0.86), (-radius - 0.72, y, 1.0)]
        parts.append(tube(rail, 0.015, dark))
    parts.append(tube([(-radius - 0.72, -0.24, 1.0), (-radius - 0.72, 0.24, 1.0)], 0.015, dark))
    parts.append(shifted(turned(block((0.3, 0.26, 0.03), dark, 0.006), "y", 0.5), -radius - 0.45, 0, 0.86))
    whole = shifted(merge(parts), 0.35, 0, 0)
    return turned(whole, "z", -np.pi / 2)


def screen(materials: Materials, width_m: float, height_m: float, image: np.ndarray) -> TexturedMesh:
    """A flat screen about the origin that looks along -y."""
    shown = materials.book(image)
    return merge([
        block((width_m + 0.03, 0.05, height_m + 0.03), materials.tone(BLACK), 0.008),
        facing((0, -0.0265, 0), width_m, height_m, shown),
        shifted(block((width_m * 0.5, 0.05, height_m * 0.5), materials.tone(DARK), 0.01), 0, 0.045, 0),
    ])  # fmt: skip


def ceiling_arm(materials: Materials, mount_m: np.ndarray, end_m: np.ndarray, elbow_m: np.ndarray) -> TexturedMesh:
    """A two-part arm from the ceiling (3,) over an elbow (2,) to a post that ends at (3,)."""
    white, chrome = materials.tone(WHITE), materials.tone(CHROME)
    up = np.array([0.0, 0.0, 0.045])
    upper_z, lower_z = mount_m[2] - 0.22, mount_m[2] - 0.34
    elbow_high, elbow_low = np.array([*elbow_m, upper_z]), np.array([*elbow_m, lower_z])
    foot = np.array([*mount_m[:2], upper_z])
    end_high = np.array([*end_m[:2], lower_z])
    return merge([
        shifted(cylinder(0.12, 0.05, white), mount_m[0], mount_m[1], mount_m[2] - 0.05),
        tube([mount_m - up, foot - up], 0.045, white),
        tube([foot, elbow_high], 0.038, white),
        tube([elbow_high + up, elbow_low - up], 0.042, white),
        tube([elbow_low, end_high], 0.032, white),
        tube([end_high + up, end_m], 0.024, chrome),
    ])  # fmt: skip


def surgical_lamp(materials: Materials, head_m: np.ndarray, aim_m: np.ndarray) -> TexturedMesh:
    """A round lamp head at (3,) that shines at a point (3,), with its yoke and the handle in its middle."""
    rng, white = materials.rng, materials.tone(WHITE)
    glow = materials.book(_lenses(rng))
    rim = LAMP_RADIUS_M
    head = merge([
        lathe([(0, -0.01), (rim - 0.02, -0.01), (rim, 0.01), (rim - 0.03, 0.06), (0.14, 0.11), (0, 0.12)], white, 36),
        facing((0, 0, -0.0115), 1.36 * rim, 1.36 * rim, glow, "-z"),
        shifted(cylinder(0.022, 0.13, materials.tone((214, 216, 210))), 0, 0, -0.15),
        tube(arc((0, 0, 0), rim + 0.03, 0.0, np.pi, 20), 0.014, white),
    ])  # fmt: skip
    down = aim_m - head_m
    z = -down / np.linalg.norm(down)
    x = np.cross((0.0, 1.0, 0.0), z)
    x /= np.linalg.norm(x)
    return moved(head, SE3(np.stack([x, np.cross(z, x), z], axis=1), head_m))


def _lenses(rng: np.random.Generator) -> np.ndarray:
    """(h, w, 3) uint8: the bright underside of a lamp."""
    import cv2

    image = np.full((160, 160, 3), WHITE, np.uint8)
    for ring, count in ((26, 6), (56, 14)):
        for turn in (np.arange(count) + rng.random()) * 2 * np.pi / count:
            place = (int(80 + ring * np.cos(turn)), int(80 + ring * np.sin(turn)))
            cv2.circle(image, place, 11, (255, 255, 250), -1, cv2.LINE_AA)
            cv2.circle(image, place, 11, (150, 154, 158), 1, cv2.LINE_AA)
    return image
