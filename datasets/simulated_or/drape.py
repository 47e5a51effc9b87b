"""The sterile drape: a sheet dropped over patient and table, with an opening over the operating field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .meshes import TexturedMesh
from .performance import PictureBook
from .room import TableTop
from .textures import Color, cloth, noise
from .turning import about_y

CELL_M = 0.02
ABOVE_M = 0.006
ROUNDS = 60
TEXELS = 320
FEET_DROP_M = 0.3
COLORS: tuple[Color, ...] = ((96, 150, 186), (70, 128, 152), (88, 160, 150))
FILM: Color = (196, 150, 96)


@dataclass(frozen=True, slots=True, eq=False)
class Drape:
    """A sheet that lies still (an Actor).

    Args:
        name: such as "drape_1".
        mesh: where it lies.
    """

    name: str
    mesh: TexturedMesh
    label: str = "drape"

    def vertices_m(self, time_s: float) -> np.ndarray:
        """(n, 3) float32 vertices in the world."""
        return self.mesh.vertices_m.astype(np.float32)

    def moves(self, begin_s: float, end_s: float) -> bool:
        """Never."""
        return False


def drape(
    vertices_m: np.ndarray, faces: np.ndarray, table: TableTop, uncovered_m: Sequence[np.ndarray],
    rng: np.random.Generator, book: PictureBook, *, to_m: float, name: str = "drape_1", owner: int = 101,
    margin_m: float = 0.09,
) -> Drape:  # fmt: skip
    """Drop a sheet over a lying patient.

    A height field that rests on what is below it: spanned between the high places by repeated averaging, nowhere
    below the body or the mattress (a membrane over an obstacle), hanging down at the sides and at the feet. Around the
    opening it is glued to the skin.

    Args:
        vertices_m, faces: (n, 3) world and (f, 3), the surface of the patient.
        table: the mattress.
        uncovered_m: (3,) points that stay free; none = no opening.
        rng: draws colour, folds and how far it hangs down.
        book: takes the picture.
        to_m: how far it reaches towards the head, along the table from its centre.
        name, owner: as of an Actor.
        margin_m: how far the opening reaches beyond the points.
    """
    slope, center_m = about_y(-table.tilt_rad), np.asarray(table.center_m, dtype=np.float64)
    local_m = (np.asarray(vertices_m, dtype=np.float64) - center_m) @ slope
    near = (local_m[:, 0] < to_m) & (local_m[:, 2] > -0.05)
    half_m = max(table.width_m / 2, float(np.abs(local_m[near, 1]).max())) + 0.02
    foot_m = min(-table.length_m / 2, float(local_m[:, 0].min())) - 0.02
    drop_m = float(rng.uniform(0.24, 0.38))
    s = np.linspace(foot_m - FEET_DROP_M, to_m, round((to_m - foot_m + FEET_DROP_M) / CELL_M) + 1)
    t = np.linspace(-half_m - drop_m, half_m + drop_m, round(2 * (half_m + drop_m) / CELL_M) + 1)

    x, y = np.maximum(s, foot_m), np.clip(t, -half_m, half_m)
    floor_m = obstacle(local_m, faces, x, y)
    height = membrane(floor_m)
    opening = None
    if len(uncovered_m):
        free_m = (np.stack([np.asarray(point) for point in uncovered_m]) - center_m) @ slope
        reach_m = np.array([margin_m, 0.65 * margin_m])
        opening = (free_m[:, :2].min(axis=0) - reach_m, free_m[:, :2].max(axis=0) + reach_m)
        glued = np.clip(1.5 - distance_to(opening, s, t) / 0.04, 0.0, 1.0)
        height = height + glued * (floor_m - height)
    hang_side = np.maximum(np.abs(t) - half_m, 0.0)[None, :]
    hang_foot = np.maximum(foot_m - s, 0.0)[:, None]
    folds = _folds(rng, len(s), len(t))
    z = height - np.maximum(hang_side, hang_foot) + 0.003 * folds * (hang_side + hang_foot == 0)
    z = np.maximum(z, height - np.maximum(hang_side, hang_foot))
    outward = np.minimum(hang_side, 0.06) * 0.3 + 0.16 * hang_side * (0.6 + 0.4 * folds)
    footward = np.minimum(hang_foot, 0.06) * 0.3 + 0.16 * hang_foot * (0.6 + 0.4 * folds)
    grid = np.stack([x[:, None] - footward + 0 * z, y[None, :] + np.sign(t)[None, :] * outward, z], axis=-1)

    sheet = np.stack(np.meshgrid(s, t, indexing="ij"), axis=-1)
    inside = _to_the_rim(grid, sheet, opening) if opening else np.zeros(z.shape, dtype=bool)
    faces_of_sheet = _grid_faces(inside)
    used, faces_of_sheet = np.unique(faces_of_sheet, return_inverse=True)
    span = sheet.reshape(-1, 2)
    uv = (span - span.min(axis=0)) / np.ptp(span, axis=0)
    world_m = grid.reshape(-1, 3) @ slope.T + center_m
    picture = book(_picture(rng, s, t, opening))
    faces_of_sheet = faces_of_sheet.reshape(-1, 3)
    mesh = TexturedMesh(
        world_m[used], faces_of_sheet, uv[used], np.full(len(faces_of_sheet), picture),
        np.full(len(faces_of_sheet), owner),
    )  # fmt: skip
    return Drape(name, mesh)


def distance_to(opening: tuple[np.ndarray, np.ndarray], s: np.ndarray, t: np.ndarray) -> np.ndarray:
    """(len(s), len(t)) how far places of the sheet are from a rectangle, given by two corners (2,)."""
    (low_s, low_t), (high_s, high_t) = opening
    beside = np.maximum(np.maximum(low_s - s, s - high_s), 0.0)[:, None]
    return np.hypot(beside, np.maximum(np.maximum(low_t - t, t - high_t), 0.0)[None, :])


def obstacle(local_m: np.ndarray, faces: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(len(x), len(y)) the height that a sheet may not be below, in the table's frame, whose mattress ends at 0."""
    import open3d as o3d
    from scipy.ndimage import maximum_filter

    as_tensor = o3d.core.Tensor.from_numpy
    scene = o3d.t.geometry.RaycastingScene(1)
    scene.add_triangles(as_tensor(local_m.astype(np.float32)), as_tensor(np.asarray(faces).astype(np.uint32)))
    rays = np.zeros((len(x), len(y), 6), dtype=np.float32)
    rays[..., 0], rays[..., 1], rays[..., 2], rays[..., 5] = x[:, None], y[None, :], 3.0, -1.0
    height = 3.0 - scene.cast_rays(as_tensor(rays))["t_hit"].numpy().astype(np.float64)
    # Between two rays the body may be higher than at either.
    return maximum_filter(np.maximum(height, 0.0), 3) + ABOVE_M


def membrane(floor_m: np.ndarray) -> np.ndarray:
    """(h, w) a sheet spanned over an obstacle (h, w): averages of neighbours, nowhere below it."""
    sheet = floor_m.copy()
    for _ in range(ROUNDS):
        padded = np.pad(sheet, 1, mode="edge")
        mean = (padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]) / 4
        sheet = np.maximum(floor_m, mean)
    return sheet


def _folds(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """(rows, columns) in about [-1, 1]: waves along the edges of a sheet, and smooth noise."""
    return np.clip(
        0.7 * noise(rng, rows, columns, 7.0) + 0.5 * np.sin(np.arange(rows)[:, None] * rng.uniform(0.5, 0.7)), -1.5, 1.5
    )


def _to_the_rim(grid: np.ndarray, sheet: np.ndarray, opening: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Which vertices (h, w) lie within a rounded opening; those next to its rim are moved onto it, in place."""
    middle, half = (opening[0] + opening[1]) / 2, (opening[1] - opening[0]) / 2
    offset = (sheet - middle) / half
    far = (np.abs(offset) ** 4).sum(axis=-1) ** 0.25
    inside = far < 1
    outside = np.pad(~inside, 1, mode="edge")
    rim = inside & (outside[:-2, 1:-1] | outside[2:, 1:-1] | outside[1:-1, :-2] | outside[1:-1, 2:])
    place = middle + offset[rim] * half / far[rim][:, None]
    grid[rim, :2], sheet[rim] = place, place
    return inside & ~rim


def _grid_faces(left_out: np.ndarray) -> np.ndarray:
    """(f, 3) triangles of a grid without those that have a corner left out."""
    number = np.arange(left_out.size).reshape(left_out.shape)
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return faces[~left_out.ravel()[faces].any(axis=1)]


def _picture(
    rng: np.random.Generator, s: np.ndarray, t: np.ndarray, opening: tuple[np.ndarray, np.ndarray] | None
) -> np.ndarray:
    """(h, w, 3) uint8: columns run along the table, rows across; creases of the packing, film around the opening."""
    color = COLORS[int(rng.integers(len(COLORS)))]
    image = cloth(rng, (TEXELS * 0.005, TEXELS * 0.005), color).astype(np.float32)
    height, width = image.shape[:2]
    along = s[0] + (np.arange(width) + 0.5) / width * (s[-1] - s[0])
    across = t[0] + (np.arange(height) + 0.5) / height * (t[-1] - t[0])
    for lines, axis in ((along, 1), (across, 0)):
        near = np.abs((lines / 0.29 + 0.37) % 1.0 - 0.5) < 0.012
        image *= np.where(near, 0.86, 1.0)[None, :, None] if axis == 1 else np.where(near, 0.86, 1.0)[:, None, None]
    if opening is not None:
        middle, half = (opening[0] + opening[1]) / 2, (opening[1] - opening[0]) / 2
        offset = np.stack(np.meshgrid(along, across), axis=-1) - middle
        far = (np.abs(offset / (half + 0.05)) ** 4).sum(axis=-1)
        image[far < 1] = 0.45 * image[far < 1] + 0.55 * np.array(FILM, dtype=np.float32)
    return np.clip(image, 0, 255).astype(np.uint8)
