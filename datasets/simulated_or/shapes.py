"""Shapes beyond boxes: turned, swept and extruded solids, each closed, with its faces looking outwards.

Vertices are doubled along a seam of the picture and nowhere else, and doubled vertices lie on exactly the same point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...capture.geometry import SE3
from .meshes import TexturedMesh

Path = Sequence[Sequence[float]] | Sequence[np.ndarray] | np.ndarray
SMALLEST_M = 1e-7


def moved(mesh: TexturedMesh, world_from_mesh: SE3) -> TexturedMesh:
    """The mesh somewhere else."""
    return replace(mesh, vertices_m=world_from_mesh @ mesh.vertices_m)


def shifted(mesh: TexturedMesh, x: float, y: float, z: float) -> TexturedMesh:
    """The mesh moved along the axes, metres."""
    return replace(mesh, vertices_m=mesh.vertices_m + np.array([x, y, z]))


def turned(mesh: TexturedMesh, axis: str, angle_rad: float) -> TexturedMesh:
    """The mesh turned about an axis ("x", "y" or "z") of its own frame."""
    tangent = np.zeros(6)
    tangent["xyz".index(axis)] = angle_rad
    return moved(mesh, SE3.exp(tangent))


def lathe(profile_m: Path, texture: int, sides: int = 24) -> TexturedMesh:
    """A solid of revolution about the third axis.

    Args:
        profile_m: (n, 2) radius and height, from the lower end to the upper one; a radius of 0 closes the end.
        texture: its picture goes once around, first row at the upper end.
        sides: corners of its circles, whose prism has the mean radius of the true circle.
    """
    profile = np.asarray(profile_m, dtype=np.float64)
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    cosine, sine = np.cos(angle), np.sin(angle)
    cosine[-1], sine[-1] = cosine[0], sine[0]
    radius = profile[:, :1] * 2 / (1 + np.cos(np.pi / sides))
    vertices = np.stack(
        [radius * cosine, radius * sine, np.broadcast_to(profile[:, 1:], (len(profile), sides + 1))], -1
    )
    steps = np.linalg.norm(np.diff(profile, axis=0), axis=1)
    along = 1 - np.concatenate([[0.0], np.cumsum(steps)]) / max(steps.sum(), SMALLEST_M)
    uv = np.stack(
        [np.broadcast_to(angle / (2 * np.pi), radius.shape[:1] + angle.shape), _columns(along, sides + 1)], -1
    )
    return woven(vertices, uv, texture)


def cylinder(radius_m: float, height_m: float, texture: int, sides: int = 20) -> TexturedMesh:
    """A closed cylinder that stands on the origin."""
    return lathe([(0, 0), (radius_m, 0), (radius_m, height_m), (0, height_m)], texture, sides)


def ellipsoid(semi_axes_m: tuple[float, float, float], texture: int, sides: int = 20, rings: int = 10) -> TexturedMesh:
    """An ellipsoid about the origin."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, rings + 1)
    radius = np.cos(angle)
    radius[[0, -1]] = 0.0
    ball = lathe(np.stack([radius, np.sin(angle)], axis=1), texture, sides)
    return replace(ball, vertices_m=ball.vertices_m * np.array(semi_axes_m))


def sweep(path_m: Path, section_m: Path, texture: int, reference: Sequence[float] | None = None) -> TexturedMesh:
    """A closed solid whose convex section is carried along a path.

    Args:
        path_m: (n, 3) the path of the section's origin.
        section_m: (k, 2) or (n, k, 2) corners, counter-clockwise as seen against the direction of travel.
        texture: first row at the end of the path.
        reference: where the section's first axis points at the start; carried along with the least rotation (double
            reflection: Wang, Juettler, Zheng, Liu 2008).
    """
    path = np.asarray(path_m, dtype=np.float64)
    first, second = _frames(path, reference)
    section = np.broadcast_to(np.asarray(section_m, dtype=np.float64), (len(path), *np.shape(section_m)[-2:]))
    ring = np.concatenate([section, section[:, :1]], axis=1)
    side = path[:, None] + ring[..., :1] * first[:, None] + ring[..., 1:] * second[:, None]
    num = side.shape[1]
    ends = [np.broadcast_to(side[end, :-1].mean(axis=0), (1, num, 3)) for end in (0, -1)]
    vertices = np.concatenate([ends[0], side, ends[1]])
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    along = 1 - np.concatenate([[0.0, 0.0], np.cumsum(steps), [steps.sum()]]) / steps.sum()
    uv = np.stack([np.broadcast_to(np.linspace(0, 1, num), (len(vertices), num)), _columns(along, num)], -1)
    return woven(vertices, uv, texture)


def tube(path_m: Path, radius_m: float | Sequence[float], texture: int, sides: int = 12) -> TexturedMesh:
    """A round rod along a path (n, 3), of one radius or one at each point; its ends are closed."""
    angle = np.arange(sides) * 2 * np.pi / sides
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * 2 / (1 + np.cos(np.pi / sides))
    radius = np.broadcast_to(np.asarray(radius_m, dtype=np.float64), len(path_m))
    return sweep(path_m, radius[:, None, None] * circle, texture)


def extrude(
    outline_m: Path, height_m: float, texture: int, bevel_m: float = 0.0, cap: int | None = None
) -> TexturedMesh:
    """A plate about the plane z = 0.

    Args:
        outline_m: (n, 2) simple polygon, counter-clockwise.
        height_m: its thickness.
        texture: goes around its sides; the caps show it as seen from above, over the bounding box of the outline.
        bevel_m: how far the edges of both caps are cut.
        cap: another picture for the upper cap.
    """
    outline, half = np.asarray(outline_m, dtype=np.float64), height_m / 2
    levels = [(-half, 0.0), (half, 0.0)]
    if bevel_m > 0:
        levels = [(-half, bevel_m), (-half + bevel_m, 0.0), (half - bevel_m, 0.0), (half, bevel_m)]
    closed = np.concatenate([outline, outline[:1]])
    rings = [np.column_stack([_inset(outline, inset), np.full(len(outline), z)]) for z, inset in levels]
    wall = np.stack([np.concatenate([ring, ring[:1]]) for ring in rings])
    edge = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    uv = np.stack(
        [np.broadcast_to(edge / edge[-1], wall.shape[:2]), _columns((half - wall[:, 0, 2]) / height_m, len(edge))], -1
    )
    side = woven(wall, uv, texture)

    ears, low = triangulate(outline), outline.min(axis=0)
    flat = (outline - low) / (outline.max(axis=0) - low)
    flat[:, 1] = 1 - flat[:, 1]
    start, num = len(side.vertices_m), len(outline)
    faces = np.concatenate([side.faces, ears[:, ::-1] + start, ears + start + num])
    textures = np.full(len(faces), texture)
    if cap is not None:
        textures[-len(ears) :] = cap
    return TexturedMesh(
        np.concatenate([side.vertices_m, rings[0], rings[-1]]), faces, np.concatenate([side.uv, flat, flat]), textures,
        np.zeros(len(faces), np.int64),
    )  # fmt: skip


def block(
    extent_m: Sequence[float],
    texture: int,
    bevel_m: float = 0.01,
    cap: int | None = None,
    corner_m: float | None = None,
) -> TexturedMesh:
    """A box about the origin whose edges are cut; `corner_m` rounds its upright edges further."""
    x, y, z = extent_m
    return extrude(rounded_rectangle(x, y, bevel_m if corner_m is None else corner_m), z, texture, bevel_m, cap)


def rounded_rectangle(width_m: float, depth_m: float, radius_m: float, steps: int = 3) -> np.ndarray:
    """(n, 2) outline about the origin, counter-clockwise."""
    x, y = width_m / 2 - radius_m, depth_m / 2 - radius_m
    turn = np.linspace(0, np.pi / 2, steps)
    corners = [(x, y, 0.0), (-x, y, np.pi / 2), (-x, -y, np.pi), (x, -y, 3 * np.pi / 2)]
    return np.array([
        [cx + radius_m * np.cos(start + a), cy + radius_m * np.sin(start + a)]
        for cx, cy, start in corners for a in turn
    ])  # fmt: skip


def resampled(outline_m: np.ndarray, num: int) -> np.ndarray:
    """(num, 2) points at equal steps along a closed polygon (n, 2)."""
    closed = np.concatenate([outline_m, outline_m[:1]])
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    wanted = np.arange(num) * length[-1] / num
    return np.stack([np.interp(wanted, length, closed[:, axis]) for axis in (0, 1)], axis=1)


def arc(center_m: Sequence[float], radius_m: float, begin_rad: float, end_rad: float, steps: int = 24) -> np.ndarray:
    """(steps, 3) points of a circle in the plane of the first and the third axis; 0 is along the first."""
    angle = np.linspace(begin_rad, end_rad, steps)
    return np.asarray(center_m) + radius_m * np.stack([np.cos(angle), np.zeros(steps), np.sin(angle)], axis=1)


def smooth(path_m: np.ndarray, rounds: int = 2) -> np.ndarray:
    """A path (n, 3) with its corners cut (Chaikin 1974), its ends kept."""
    for _ in range(rounds):
        cut = np.stack([0.75 * path_m[:-1] + 0.25 * path_m[1:], 0.25 * path_m[:-1] + 0.75 * path_m[1:]], axis=1)
        path_m = np.concatenate([path_m[:1], cut.reshape(-1, 3), path_m[-1:]])
    return path_m


def triangulate(outline_m: np.ndarray) -> np.ndarray:
    """(n - 2, 3) corner numbers of a simple counter-clockwise polygon (n, 2), by clipping ears (Meisters 1975)."""
    rest, found = list(range(len(outline_m))), []
    while len(rest) > 3:
        for place in range(len(rest)):
            a, b, c = rest[place - 1], rest[place], rest[(place + 1) % len(rest)]
            others = outline_m[[corner for corner in rest if corner not in (a, b, c)]]
            if _is_ear(outline_m[a], outline_m[b], outline_m[c], others):
                found.append((a, b, c))
                rest.pop(place)
                break
        else:
            raise ValueError("the outline crosses itself or runs clockwise")
    return np.array([*found, tuple(rest)])


def _is_ear(a: np.ndarray, b: np.ndarray, c: np.ndarray, others: np.ndarray) -> bool:
    if _turn(a, b, c) <= 0:
        return False
    return not ((_turn(a, b, others) >= 0) & (_turn(b, c, others) >= 0) & (_turn(c, a, others) >= 0)).any()


def _turn(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Twice the signed area of a triangle, positive when it runs counter-clockwise."""
    return np.asarray((b[0] - a[0]) * (c[..., 1] - a[1]) - (b[1] - a[1]) * (c[..., 0] - a[0]))


def _inset(outline: np.ndarray, distance_m: float) -> np.ndarray:
    """A polygon whose edges are moved inwards."""
    if distance_m == 0:
        return outline
    edge = np.roll(outline, -1, axis=0) - outline
    inward = np.stack([-edge[:, 1], edge[:, 0]], axis=1) / np.linalg.norm(edge, axis=1)[:, None]
    before = np.roll(inward, 1, axis=0)
    return outline + distance_m * (inward + before) / (1 + (inward * before).sum(axis=1))[:, None]


def _frames(path: np.ndarray, reference: Sequence[float] | None) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3) first and second axis of the section at each point of a path."""
    steps = np.diff(path, axis=0)
    steps /= np.linalg.norm(steps, axis=1)[:, None]
    tangent = np.concatenate([steps[:1], steps[:-1] + steps[1:], steps[-1:]])
    tangent /= np.linalg.norm(tangent, axis=1)[:, None]
    start = np.eye(3)[np.abs(tangent[0]).argmin()] if reference is None else np.asarray(reference, dtype=np.float64)
    first = np.empty_like(path)
    first[0] = start - tangent[0] * (start @ tangent[0])
    first[0] /= np.linalg.norm(first[0])
    for i in range(len(path) - 1):
        across = path[i + 1] - path[i]
        mirrored = [v - 2 * across * (across @ v) / (across @ across) for v in (first[i], tangent[i])]
        second = tangent[i + 1] - mirrored[1]
        share = second @ second
        turned_back = mirrored[0] if share < 1e-12 else mirrored[0] - 2 * second * (second @ mirrored[0]) / share
        first[i + 1] = turned_back
    return first, np.cross(tangent, first)


def _columns(values: np.ndarray, num: int) -> np.ndarray:
    return np.broadcast_to(np.clip(values, 0.0, 1.0)[:, None], (len(values), num))


def woven(vertices: np.ndarray, uv: np.ndarray, texture: int) -> TexturedMesh:
    """Rows of points (r, c, 3), upwards, each turning left, as a net of triangles; those without area are left out."""
    rows, columns = vertices.shape[:2]
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(columns - 1), indexing="ij")
    first = (row * columns + column).ravel()
    above = first + columns
    faces = np.concatenate([np.stack([first, first + 1, above + 1], 1), np.stack([first, above + 1, above], 1)])
    flat = vertices.reshape(-1, 3)
    a, b, c = (flat[faces[:, i]] for i in range(3))
    faces = faces[np.linalg.norm(np.cross(b - a, c - a), axis=1) > SMALLEST_M**2]
    return TexturedMesh(flat, faces, uv.reshape(-1, 2), np.full(len(faces), texture), np.zeros(len(faces), np.int64))
