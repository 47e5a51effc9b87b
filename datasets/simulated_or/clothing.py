"""What people wear in an operating room, cut to their bodies: clothes follow the bones as the skin does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body import BodyShape
from .body_map import PARTS, BodyMap, map_body
from .cloth_pictures import MARGIN_TURNS, arm_picture, head_picture, leg_picture, skirt_picture, torso_picture
from .outfit import Outfit, choose
from .performance import PictureBook
from .skirt import NUM_WEIGHTS, Skirt, hang

ROUNDS = 24
SHOE_M, SHOE_ROUNDS = 0.009, 5
# The range of places along a part that its picture shows; see cloth_pictures.
PICTURE_RANGE = ((-0.6, 1.05), (-0.3, 1.1), (0.0, 1.0), (0.0, 1.0), (-0.1, 1.05), (-0.1, 1.05))


@dataclass(frozen=True, slots=True, eq=False)
class Clothing:
    """A dressed body at rest, ready to be taken along by the bones.

    Args:
        rest_m: (k, 3) float32 outer surface, model frame.
        weights, weight_bones: (k, 4) as in BodyShape.
        source: (n,) which of the k each vertex of the mesh is; seams of the pictures need some twice.
        faces: (f, 3) int64 of the n.
        uv: (n, 2); texture_index: (f,).
    """

    rest_m: np.ndarray
    weights: np.ndarray
    weight_bones: np.ndarray
    source: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    texture_index: np.ndarray


def dress(
    shape: BodyShape, role: str, rng: np.random.Generator, book: PictureBook, outfit: Outfit | None = None
) -> Clothing:
    """Clothes for a role: sterile gown or scrubs, cap, mask, gloves, shoes; the patient's nightshirt.

    Args:
        shape: the body that wears them.
        role: canonical role.
        rng: draws colours and folds.
        book: takes the pictures.
        outfit: what to wear instead of what the role and the seed would choose.
    """
    outfit = choose(role, rng) if outfit is None else outfit
    where = map_body(shape)
    clothed_m = clothe(shape, where, outfit)
    arm, leg = book(arm_picture(outfit, rng)), book(leg_picture(outfit, rng))
    pictures = [book(head_picture(shape, where, outfit, rng)), book(torso_picture(outfit, rng)), arm, arm, leg, leg]

    part = where.face_part
    corner_part = np.repeat(part, 3)
    corners = shape.faces.ravel()
    around, along = where.around[corners, corner_part], where.along[corners, corner_part]
    low, high = np.array(PICTURE_RANGE).T[:, corner_part]
    cut = Cut(corners, corner_part, around, (along - low) / (high - low), np.repeat(np.array(pictures)[part], 3)[::3])
    rest_m, weights, weight_bones = clothed_m.astype(np.float32), shape.weights, shape.weight_bones
    if outfit.hem > 0:
        skirt = hang(shape, where, clothed_m, outfit.hem, outfit.ease_m, rng)
        cut = joined(cut, of_skirt(skirt, len(rest_m), book(skirt_picture(outfit, rng))))
        rest_m = np.concatenate([rest_m, skirt.rest_m])
        weights = np.concatenate([weights, skirt.weights])
        weight_bones = np.concatenate([weight_bones, skirt.weight_bones])
    source, faces, uv = sew(cut)
    return Clothing(rest_m, weights, weight_bones, source, faces, uv, cut.picture)


def clothe(shape: BodyShape, where: BodyMap, outfit: Outfit) -> np.ndarray:
    """(n, 3) the body's surface moved out to its clothes: smoothed below cloth, and nowhere inside the skin."""
    skin_m = shape.vertices_m.astype(np.float64)
    normals = vertex_normals(skin_m, shape.faces)
    stand_off_m = thickness_m(where, outfit)
    soft = np.clip(stand_off_m / 0.006, 0.0, 1.0)[:, None]
    mean = neighbour_mean(shape.faces, len(skin_m))
    smooth_m = skin_m.copy()
    for _ in range(ROUNDS):
        smooth_m += 0.6 * soft * (mean(smooth_m) - smooth_m)
    clothed_m = smooth_m + stand_off_m[:, None] * vertex_normals(smooth_m, shape.faces)
    missing_m = 0.5 * stand_off_m - np.einsum("ij,ij->i", clothed_m - skin_m, normals)
    clothed_m += np.maximum(missing_m, 0.0)[:, None] * normals
    if outfit.shoes:
        for side, part in enumerate((4, 5)):
            foot = (where.share[:, part] > 0.5) & (where.along[:, part] > 0.83)
            clothed_m[foot] = shoe(skin_m[foot], shape.soles_m[side])
            for _ in range(SHOE_ROUNDS):
                clothed_m[foot] += 0.6 * (mean(clothed_m) - clothed_m)[foot]
        clothed_m[:, 2] = np.maximum(clothed_m[:, 2], 0.001)
    return clothed_m


def shoe(foot_m: np.ndarray, sole_m: np.ndarray) -> np.ndarray:
    """(n, 3) a foot without toes: what shows of it around its axis is the hull of a slice of it."""
    angles = np.linspace(-np.pi, np.pi, 25)
    directions = np.stack([np.cos(angles), np.sin(angles)])
    middle_y = float(sole_m[:, 1].mean())
    center = np.array([middle_y, 0.03])
    shod_m = foot_m.copy()
    for index, point in enumerate(foot_m):
        slice_m = foot_m[np.abs(foot_m[:, 0] - point[0]) < 0.024][:, 1:] - center
        radius = (slice_m @ directions).max(axis=0)
        offset = point[1:] - center
        facing = np.arctan2(offset[1], offset[0])
        spread = np.cos(angles - facing)
        reach = (radius[spread > 0.1] / spread[spread > 0.1]).min() + SHOE_M
        shod_m[index, 1:] = center + reach * np.array([np.cos(facing), np.sin(facing)])
    shod_m[:, 0] += SHOE_M * np.sign(foot_m[:, 0] - sole_m[:, 0].mean())
    return shod_m


def thickness_m(where: BodyMap, outfit: Outfit) -> np.ndarray:
    """(n,) how far clothes stand off the skin."""
    around, along = where.around, where.along
    by_part = np.zeros_like(where.share)
    aside = np.abs(around[:, 0] - 0.5)
    if outfit.cap:
        rim = 0.66 - 0.75 * np.clip(aside - 0.1, 0.0, 0.3)
        crown = np.clip((along[:, 0] - rim) / 0.1, 0.0, 1.0)
        by_part[:, 0] = (0.019 if outfit.bouffant else 0.010) * crown
    if outfit.mask:
        inside = np.clip((0.19 - aside) / 0.05, 0, 1) * np.clip((0.42 - along[:, 0]) / 0.08, 0, 1)
        by_part[:, 0] = np.maximum(by_part[:, 0], 0.008 * inside * np.clip((along[:, 0] + 0.16) / 0.06, 0, 1))
    if outfit.top:
        by_part[:, 1] = outfit.ease_m * np.clip((0.87 - along[:, 1]) / 0.06, 0.0, 1.0)
    arm = along[:, 2:4]
    sleeve = np.clip((outfit.sleeve - arm) / 0.03, 0.0, 1.0) if outfit.top else np.zeros_like(arm)
    taper = 1 - 0.65 * np.clip((arm - 0.42) / 0.33, 0.0, 1.0) if outfit.sleeve > 0.5 else np.ones_like(arm)
    by_part[:, 2:4] = outfit.ease_m * sleeve * taper
    leg = along[:, 4:6]
    if outfit.trousers:
        by_part[:, 4:6] = (0.014 + 0.016 * np.clip(leg / 0.7, 0.0, 1.0)) * np.clip((0.815 - leg) / 0.02, 0.0, 1.0)
    elif outfit.top:
        by_part[:, 4:6] = outfit.ease_m * np.clip((0.2 - leg) / 0.05, 0.0, 1.0)
    if outfit.shoes:
        by_part[:, 4:6] = np.maximum(by_part[:, 4:6], 0.007 * np.clip((leg - 0.78) / 0.03, 0.0, 1.0))
    return (by_part * where.share).sum(axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Faces by their corners, before they are sewn together.

    Args:
        vertex, part: (3f,) which vertex a corner is, and which part of the body its face belongs to.
        around, row: (3f,) turns about the part, and row of the picture in [0, 1].
        picture: (f,).
    """

    vertex: np.ndarray
    part: np.ndarray
    around: np.ndarray
    row: np.ndarray
    picture: np.ndarray


def of_skirt(skirt: Skirt, first: int, picture: int) -> Cut:
    """The corners of a skirt whose vertices are counted from `first`."""
    corners = skirt.faces.ravel()
    return Cut(
        corners + first, np.full(len(corners), len(PARTS)), skirt.around[corners], skirt.along[corners],
        np.full(len(skirt.faces), picture),
    )  # fmt: skip


def joined(first: Cut, second: Cut) -> Cut:
    """Both."""
    return Cut(*(np.concatenate([getattr(first, name), getattr(second, name)]) for name in Cut.__slots__))


def sew(cut: Cut) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices by their source (n,), faces (f, 3) and texture coordinates (n, 2): corners that agree become one.

    A face across the seam of its part goes on beyond the seam; that is what a picture's margins are for.
    """
    around = cut.around.reshape(-1, 3)
    turned = around - np.round(around - around[:, :1])
    shift = np.where(turned.mean(axis=1) >= 1.0, 1.0, np.where(turned.mean(axis=1) < 0.0, -1.0, 0.0))
    turned = (turned - shift[:, None]).ravel()
    wraps = np.round(turned - cut.around).astype(np.int64) + 2
    key = (cut.vertex * (len(PARTS) + 1) + cut.part) * 8 + wraps
    _, first, faces = np.unique(key, return_index=True, return_inverse=True)
    column = (turned[first] + MARGIN_TURNS) / (1 + 2 * MARGIN_TURNS)
    uv = np.clip(np.stack([column, cut.row[first]], axis=1), 0.0, 1.0)
    return cut.vertex[first], faces.reshape(-1, 3), uv


def vertex_normals(vertices_m: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(n, 3) unit normals, the faces' weighted by area."""
    a, b, c = (vertices_m[faces[:, k]] for k in range(3))
    flat = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices_m)
    for k in range(3):
        np.add.at(normals, faces[:, k], flat)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def neighbour_mean(faces: np.ndarray, num: int):
    """A function that gives the mean of the neighbours of each of (num, 3) points."""
    from scipy.sparse import coo_matrix

    begin, end = faces.ravel(), faces[:, [1, 2, 0]].ravel()
    links = coo_matrix((np.ones(len(begin)), (begin, end)), shape=(num, num)).tocsr()
    links = links + links.T
    degree = np.maximum(np.asarray(links.sum(axis=1)), 1.0)
    return lambda points: (links @ points) / degree


__all__ = ["NUM_WEIGHTS", "Clothing", "dress"]
