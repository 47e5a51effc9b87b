"""What surgical tools look like, where they work, and how a hand holds them.

A tool's own frame: x points to where it works, z is up when it lies on a table, the shape is its own mirror image about
z = 0 where it has a left and a right. Sizes are those of common instruments, true to a centimetre.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from ...capture.errors import ConfigError, nearest_name
from ...capture.geometry import SE3
from . import textures
from .materials import BLACK, BLUE, CHROME, DARK, GREY, STEEL, WHITE, Materials, facing
from .meshes import TexturedMesh, merge
from .performance import PictureBook
from .shapes import (
    arc,
    block,
    cylinder,
    ellipsoid,
    extrude,
    lathe,
    resampled,
    rounded_rectangle,
    shifted,
    smooth,
    tube,
    turned,
)  # fmt: skip

PALM_M = 0.028


@dataclass(frozen=True, slots=True, eq=False)
class ToolShape:
    """One kind of tool.

    Args:
        label: canonical name.
        mesh: closed parts, own frame, metres.
        tip_m: (3,) working point, or None.
        axis: (3,) unit working direction, or None.
        grip: tool_from_hand of a right hand that holds it (hand: origin palm centre, +z along the fingers, +y out of
            the palm).
        grip_left: the same for a left hand.
        markers: by ArUco id (dictionary 4X4_50), (4, 3) corners in the own frame, clockwise from the upper left one of
            the marker, as OpenCV lists them.
    """

    label: str
    mesh: TexturedMesh
    tip_m: np.ndarray | None
    axis: np.ndarray | None
    grip: SE3
    grip_left: SE3
    markers: Mapping[int, np.ndarray] = field(default_factory=lambda: MappingProxyType({}))

    def lying(self, place_m: np.ndarray, yaw_rad: float = 0.0) -> SE3:
        """world_from_tool of the tool as it lies with its lowest point at a place (3,) on a table."""
        low = float(self.mesh.vertices_m[:, 2].min())
        return SE3.exp(np.array([0.0, 0.0, yaw_rad, *place_m])) @ SE3(np.eye(3), np.array([0.0, 0.0, -low]))


def tool_shape(label: str, book: PictureBook, rng: np.random.Generator) -> ToolShape:
    """A tool of a kind; its colours, and the numbers of its markers, vary by seed.

    Raises:
        ConfigError: nobody has made such a tool.
    """
    if label not in _MAKERS:
        raise ConfigError(f"there is no simulated tool '{label}'{nearest_name(label, _MAKERS)}")
    return _MAKERS[label](Materials(rng, book))


def _shape(
    label: str, parts: list[TexturedMesh], tip: tuple | None, axis: tuple | None, at: tuple[float, float, float],
    fingers: tuple, palm: tuple, ahead_m: float = 0.0, mirrored: bool = True,
) -> ToolShape:  # fmt: skip
    """Put a tool together.

    Args:
        label, parts, tip, axis: what it is.
        at: the point of it that lies before the palm.
        fingers, palm: where the fingers of a right hand point and where its palm faces, own frame.
        ahead_m: how far along the fingers that point lies.
        mirrored: whether a left hand holds it from the other side of z = 0.
    """
    grips = []
    for sign in (1.0, -1.0 if mirrored else 1.0):
        mirror = np.array([1.0, 1.0, sign])
        z, y = (mirror * v / np.linalg.norm(v) for v in (np.array(fingers, float), np.array(palm, float)))
        grips.append(SE3(np.stack([np.cross(y, z), y, z], axis=1), mirror * at - PALM_M * y - ahead_m * z))
    point, direction = (None if v is None else np.array(v, float) for v in (tip, axis))
    return ToolShape(label, merge(parts), point, direction, grips[0], grips[1])


def _pen(label: str, parts: list[TexturedMesh], tip_x: float, at_x: float, slope_rad: float = 0.3) -> ToolShape:
    """A tool that is held like a pen and points out of the hand."""
    c, s = np.cos(slope_rad), np.sin(slope_rad)
    return _shape(label, parts, (tip_x, 0, 0), (1, 0, 0), (at_x, 0, 0), (c, 0, s), (s, 0, -c), ahead_m=0.06)


def _along_x(mesh: TexturedMesh) -> TexturedMesh:
    """A shape about the third axis, laid along the first."""
    return turned(mesh, "y", np.pi / 2)


def _housing(rng: np.random.Generator) -> textures.Color:
    return ((200, 204, 206), (74, 110, 92), (176, 164, 60), (64, 92, 140))[int(rng.integers(4))]


def _pistol(materials: Materials, color: textures.Color) -> list[TexturedMesh]:
    """Handle, trigger and battery below a motor along x."""
    dark, shell = materials.tone(DARK), materials.tone(color)
    handle = np.array([(-0.062, -0.015), (-0.068, -0.125), (-0.026, -0.125), (-0.012, -0.015)])
    motor = [(0, 0), (0.022, 0), (0.027, 0.012), (0.027, 0.135), (0.02, 0.15), (0, 0.15)]
    return [
        extrude(handle, 0.034, shell, 0.008),
        shifted(block((0.012, 0.03, 0.016), dark, 0.003), -0.012, -0.04, 0),
        shifted(block((0.085, 0.045, 0.052), dark, 0.007), -0.05, -0.146, 0),
        shifted(_along_x(lathe(motor, shell)), -0.09, 0, 0),
    ]


def _drill(materials: Materials) -> ToolShape:
    chrome, steel = materials.tone(CHROME), materials.tone(STEEL)
    chuck = [(0, 0), (0.021, 0), (0.021, 0.02), (0.012, 0.045), (0, 0.045)]
    bit = [(0, 0), (0.0025, 0), (0.0025, 0.088), (0, 0.095)]
    parts = [
        *_pistol(materials, _housing(materials.rng)),
        shifted(_along_x(lathe(chuck, steel, 16)), 0.058, 0, 0),
        shifted(_along_x(lathe(bit, chrome, 8)), 0.102, 0, 0),
    ]
    return _shape("drill", parts, (0.197, 0, 0), (1, 0, 0), (-0.042, -0.065, 0), (1, 0, 0), (0, 0, -1))


def _saw(materials: Materials) -> ToolShape:
    """An oscillating bone saw: a flat blade before a pistol."""
    chrome, steel = materials.tone(CHROME), materials.tone(STEEL)
    blade = np.array([(0.0, -0.009), (0.07, -0.0125), (0.092, -0.0125), (0.092, 0.0125), (0.07, 0.0125), (0.0, 0.009)])
    parts = [
        *_pistol(materials, _housing(materials.rng)),
        shifted(_along_x(lathe([(0, 0), (0.022, 0), (0.018, 0.025), (0, 0.025)], steel, 16)), 0.058, 0, 0),
        shifted(block((0.03, 0.03, 0.02), steel, 0.004), 0.09, 0, 0),
        shifted(turned(extrude(blade, 0.0014, chrome), "x", np.pi / 2), 0.1, 0, 0),
    ]
    return _shape("saw", parts, (0.192, 0, 0), (1, 0, 0), (-0.042, -0.065, 0), (1, 0, 0), (0, 0, -1))


def _hammer(materials: Materials) -> ToolShape:
    """A mallet; its handle runs along y, so that it strikes along x."""
    steel, grip = materials.tone(CHROME), materials.tone(BLACK, 12.0)
    handle = [(0, 0), (0.012, 0.002), (0.016, 0.05), (0.013, 0.11), (0.009, 0.13), (0.008, 0.22), (0, 0.22)]
    head = [(0, 0), (0.021, 0), (0.024, 0.004), (0.024, 0.076), (0.021, 0.08), (0, 0.08)]
    parts = [
        shifted(turned(lathe(handle, grip, 16), "x", -np.pi / 2), 0, -0.22, 0),
        shifted(_along_x(lathe(head, steel)), -0.04, 0.008, 0),
    ]
    return _shape("hammer", parts, (0.04, 0.008, 0), (1, 0, 0), (0, -0.15, 0), (1, 0, 0), (0, 0, -1))


def _scalpel(materials: Materials) -> ToolShape:
    chrome, handle = materials.tone(CHROME), materials.tone(_housing(materials.rng))
    outline = np.array(
        [(-0.1, -0.004), (0.02, -0.0055), (0.035, -0.003), (0.035, 0.003), (0.02, 0.0055), (-0.1, 0.004)]
    )
    edge = np.array([(0.03, -0.0025), (0.052, -0.0045), (0.066, -0.003), (0.075, 0.003), (0.03, 0.003)])
    parts = [extrude(outline, 0.0038, handle, 0.001), extrude(edge, 0.0008, chrome)]
    return _pen("scalpel", [turned(part, "x", np.pi / 2) for part in parts], 0.074, -0.01)


def _screwdriver(materials: Materials) -> ToolShape:
    chrome, grip = materials.tone(CHROME), materials.tone(_housing(materials.rng), 12.0)
    handle = [
        (0, -0.065),
        (0.012, -0.063),
        (0.0175, -0.045),
        (0.015, -0.01),
        (0.0175, 0.03),
        (0.011, 0.055),
        (0, 0.058),
    ]
    shaft = [(0, 0.05), (0.0045, 0.05), (0.0045, 0.2), (0.0028, 0.205), (0.0028, 0.225), (0, 0.225)]
    parts = [_along_x(lathe(handle, grip, 16)), _along_x(lathe(shaft, chrome, 12))]
    return _pen("screwdriver", parts, 0.225, -0.01)


def _suction(materials: Materials) -> ToolShape:
    """A bent suction tube with a flat handle and the beginning of its hose."""
    chrome, clear = materials.tone(CHROME), materials.tone((196, 206, 210), 14.0)
    path = smooth(np.array([(-0.05, 0, 0), (0.07, 0, 0), (0.13, 0.0, 0.018), (0.19, 0.0, 0.0)]))
    hose = smooth(np.array([(-0.045, 0, 0), (-0.12, 0, 0), (-0.19, 0.02, 0), (-0.23, 0.06, 0)]))
    parts = [
        tube(path, 0.004, chrome),
        shifted(block((0.06, 0.018, 0.012), chrome, 0.004), -0.005, 0, 0),
        tube(hose, 0.0065, clear),
        shifted(ellipsoid((0.007, 0.0065, 0.0065), chrome, 12, 6), 0.19, 0, 0),
    ]
    return _pen("suction", parts, 0.196, 0.0)


def _ultrasound_probe(materials: Materials) -> ToolShape:
    """A linear probe: a flat head on a handle, and the beginning of its cable."""
    white, lens, dark = materials.tone(WHITE), materials.tone(GREY), materials.tone(DARK)
    outline = np.array([
        (-0.07, -0.011), (0.0, -0.016), (0.025, -0.025), (0.05, -0.027), (0.05, 0.027), (0.025, 0.025), (0.0, 0.016),
        (-0.07, 0.011),
    ])  # fmt: skip
    cable = smooth(np.array([(-0.065, 0, 0), (-0.11, 0, 0), (-0.17, 0.015, 0.0), (-0.22, 0.05, 0.0)]))
    stripe = shifted(block((0.006, 0.034, 0.0235), materials.tone(BLUE), 0.002), 0.006, 0, 0)
    parts = [
        extrude(outline, 0.022, white, 0.006), shifted(block((0.012, 0.05, 0.016), lens, 0.004), 0.052, 0, 0), stripe,
        tube(cable, 0.0035, dark, 10),
    ]  # fmt: skip
    return _pen("ultrasound_probe", parts, 0.058, -0.025)


def _tray(materials: Materials) -> ToolShape:
    """A steel basket with a rim and handles; small instruments are painted on its floor. Carried on a flat hand."""
    rng, steel, chrome = materials.rng, materials.tone(STEEL), materials.tone(CHROME)
    length, width, height, wall = 0.42, 0.26, 0.05, 0.004
    inlay = materials.book(textures.tray(rng, (length, width), (150, 158, 162)))
    x, y, out = (length - wall) / 2, (width - wall) / 2, length / 2 + 0.02
    parts = [
        shifted(extrude(rounded_rectangle(length, width, 0.02), 0.004, steel, cap=inlay), 0, 0, 0.002 - height / 2)
    ]
    for side in (-1, 1):
        handle = [
            (side * x, -0.05, 0.015),
            (side * out, -0.045, 0.02),
            (side * out, 0.045, 0.02),
            (side * x, 0.05, 0.015),
        ]
        parts += [
            shifted(block((length - 0.02, wall, height), steel, 0.0015), 0, side * y, 0),
            shifted(block((wall, width - 0.02, height), steel, 0.0015), side * x, 0, 0),
            tube(handle, 0.004, chrome),
        ]
    return _shape("tray", parts, None, None, (0, -0.07, -height / 2), (0, 1, 0), (0, 0, 1), mirrored=False)


def _marker_array(materials: Materials) -> ToolShape:
    """A cube with a marker on five sides, on a pin that is set into bone or clamped to a tool."""
    import cv2

    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    ids = [int(i) for i in np.sort(materials.rng.choice(50, 5, replace=False))]
    edge, border = 0.08, 14
    half, faces = edge / 2, [facing((edge / 2, 0, 0), edge, edge, materials.tone(BLACK), "+x")]
    markers = {}
    for number, side in zip(ids, ("-x", "-y", "+y", "+z", "-z"), strict=True):
        image = np.full((180 + 2 * border, 180 + 2 * border, 3), 250, np.uint8)
        image[border:-border, border:-border] = cv2.aruco.generateImageMarker(dictionary, number, 180)[..., None]
        middle = np.where(np.arange(3) == "xyz".index(side[1]), half if side[0] == "+" else -half, 0.0)
        x, y, z = middle.tolist()
        faces.append(facing((x, y, z), edge, edge, materials.book(image), side))
        markers[number] = middle + (faces[-1].vertices_m - middle) * 180 / len(image)
    pin = [(0, 0), (0.012, 0), (0.012, 0.03), (0.004, 0.034), (0.004, 0.09), (0, 0.1)]
    parts = [merge(faces), shifted(_along_x(lathe(pin, materials.tone(CHROME), 16)), half - 0.001, 0, 0)]
    made = _shape("marker_array", parts, (0.139, 0, 0), (1, 0, 0), (0.05, 0, 0), (1, 0, 0), (0, 0, -1), 0.03)
    return replace(made, markers=MappingProxyType(markers))


def _cement_gun(materials: Materials) -> ToolShape:
    """A cartridge with a nozzle before a handle and a lever."""
    white, steel, dark = materials.tone(WHITE, 14.0), materials.tone(STEEL), materials.tone(DARK)
    barrel = [(0, 0), (0.024, 0), (0.024, 0.15), (0.01, 0.165), (0.005, 0.25), (0, 0.25)]
    handle = np.array([(-0.06, -0.01), (-0.075, -0.125), (-0.045, -0.125), (-0.022, -0.01)])
    lever = np.array([(-0.01, -0.01), (-0.022, -0.11), (-0.008, -0.112), (0.008, -0.01)])
    parts = [
        _along_x(lathe(barrel, white)), shifted(_along_x(cylinder(0.006, 0.15, steel, 12)), -0.19, 0, 0),
        shifted(block((0.075, 0.05, 0.04), steel, 0.006), -0.035, -0.0, 0), extrude(handle, 0.026, dark, 0.006),
        extrude(lever, 0.014, steel, 0.003), shifted(_along_x(cylinder(0.016, 0.008, dark, 16)), -0.196, 0, 0),
    ]  # fmt: skip
    return _shape("cement_gun", parts, (0.25, 0, 0), (1, 0, 0), (-0.05, -0.065, 0), (1, 0, 0), (0, 0, -1))


def _needle_holder(materials: Materials) -> ToolShape:
    """Two crossed shanks with rings, short jaws and a curved needle between them."""
    chrome, gold = materials.tone(CHROME), materials.tone((196, 168, 90))
    parts = [tube(_flat(arc((0.098, 0, 0), 0.011, 0.3, 3.1, 14)), 0.0008, chrome, 6)]
    for side in (-1, 1):
        shank = smooth(np.array([(0.058, -0.002 * side, 0), (0.0, 0.006 * side, 0), (-0.05, 0.016 * side, 0)]))
        ring = _flat(arc((-0.066, 0, 0), 0.012, 0.0, 2 * np.pi - 0.01, 25))
        ring[:, 1] += 0.02 * side
        jaw = np.array([(0.05, 0.0004), (0.11, 0.0004), (0.11, 0.0022), (0.06, 0.005), (0.05, 0.005)])
        outline = jaw if side > 0 else (jaw * (1, -1))[::-1]
        parts += [tube(shank, 0.0027, chrome, 10), tube(ring, 0.0027, gold, 10), extrude(outline, 0.005, chrome)]
    parts.append(shifted(cylinder(0.006, 0.008, chrome, 12), 0.052, 0, -0.004))
    return _pen("needle_holder", parts, 0.11, -0.03)


def _flat(path_m: np.ndarray) -> np.ndarray:
    """A path (n, 3) in the plane of x and z, laid into that of x and y."""
    return path_m[:, [0, 2, 1]]


def _cloth(materials: Materials) -> ToolShape:
    """A folded cloth that a flat hand moves over a surface."""
    rng = materials.rng
    color = ((214, 216, 206), (110, 160, 190), (226, 208, 120))[int(rng.integers(3))]
    weave = materials.book(textures.cloth(rng, (0.2, 0.16), color))
    phase = rng.uniform(0, 6.28, 3)
    slab = extrude(resampled(rounded_rectangle(0.2, 0.16, 0.02), 60), 0.02, weave, 0.008)
    x, y, z = slab.vertices_m.T
    waves = np.sin(60 * x + phase[0]) + np.sin(50 * y + phase[1]) + np.sin(45 * (x + y) + phase[2])
    rumpled = np.stack([x, y, np.where(z > 0, z + 0.002 * waves, z)], axis=1)
    return _shape(
        "cloth",
        [replace(slab, vertices_m=rumpled)],
        (0, 0, -0.01),
        (0, 0, -1),
        (0, 0, 0.01),
        (1, 0, 0),
        (0, 0, -1),
        mirrored=False,
    )


_MAKERS: Mapping[str, Callable[[Materials], ToolShape]] = MappingProxyType(
    {
        "drill": _drill,
        "saw": _saw,
        "hammer": _hammer,
        "scalpel": _scalpel,
        "screwdriver": _screwdriver,
        "suction": _suction,
        "ultrasound_probe": _ultrasound_probe,
        "tray": _tray,
        "marker_array": _marker_array,
        "cement_gun": _cement_gun,
        "needle_holder": _needle_holder,
        "cloth": _cloth,
    }
)
TOOL_LABELS: tuple[str, ...] = tuple(_MAKERS)
