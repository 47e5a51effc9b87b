"""The part of shirt or gown that hangs free: a tube around trunk and legs, with folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body import BodyShape
from .body_map import BodyMap

NUM_AROUND = 44
LEVEL_M = 0.055
NUM_WEIGHTS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Skirt:
    """A tube at rest.

    Args:
        rest_m: (k, 3) rings from above downwards, NUM_AROUND vertices each.
        faces: (f, 3) of the k.
        around, along: (k,) turns, and share of the way from the upper edge to the hem.
        weights, weight_bones: (k, 4) how it follows the bones.
    """

    rest_m: np.ndarray
    faces: np.ndarray
    around: np.ndarray
    along: np.ndarray
    weights: np.ndarray
    weight_bones: np.ndarray


def hang(
    shape: BodyShape, where: BodyMap, clothed_m: np.ndarray, hem: float, ease_m: float, rng: np.random.Generator
) -> Skirt:
    """A tube that hangs from the chest.

    Args:
        shape, where: the body and its map.
        clothed_m: (n, 3) the body with trousers and shirt on, at rest.
        hem: where it ends, a share of the way from the chest to the floor.
        ease_m: how far it stands off what is below it.
    """
    heads = {name: shape.bone_heads_m[i] for i, name in enumerate(shape.bone_names)}
    top_m = float(heads["upperarm01.L"][2] - 0.105 * shape.height_m)
    hem_m = top_m * (1 - hem)
    num = int(np.ceil((top_m - hem_m) / LEVEL_M)) + 1
    heights = np.linspace(top_m, hem_m, num)
    angles = 2 * np.pi * (np.arange(NUM_AROUND) / NUM_AROUND - 0.5)
    arms = where.share[:, 2] + where.share[:, 3]
    points = clothed_m[(arms < 0.3) & (where.share[:, 0] < 0.5)]
    rings = np.stack([outline(points, height, angles) for height in heights])
    center, radius = rings[:, :2].mean(axis=0), rings[:, 2:]
    center = rings[:, :2]
    for _ in range(3):
        radius[1:-1] = 0.25 * radius[:-2] + 0.5 * radius[1:-1] + 0.25 * radius[2:]
        center[1:-1] = 0.25 * center[:-2] + 0.5 * center[1:-1] + 0.25 * center[2:]
    # Cloth that hangs does not follow the body back in.
    radius = np.maximum(radius, 0.94 * np.maximum.accumulate(radius, axis=0))
    down = np.linspace(0.0, 1.0, num)[:, None]
    turned = sum(
        rng.uniform(0.4, 1.0) * np.sin(count * angles + rng.uniform(0, 2 * np.pi) + rng.uniform(-0.8, 0.8) * down)
        for count in (5, 8, 11)
    )
    long = top_m - hem_m
    radius = radius + np.clip(down * long / 0.12, 0.0, 1.0) * ease_m - 0.004 + long * down * (0.02 + 0.007 * turned)
    ring = np.stack(
        [
            center[:, :1] + radius * np.cos(angles),
            center[:, 1:] + radius * np.sin(angles),
            np.tile(heights[:, None], NUM_AROUND),
        ],
        axis=-1,
    )
    rest_m = ring.reshape(-1, 3)
    weights, weight_bones = follow(shape, where, rest_m, heads)
    row, column = (grid.ravel() for grid in np.meshgrid(np.arange(num - 1), np.arange(NUM_AROUND), indexing="ij"))
    first, following = row * NUM_AROUND + column, row * NUM_AROUND + (column + 1) % NUM_AROUND
    faces = np.concatenate(
        [
            np.stack([first, first + NUM_AROUND, following], 1),
            np.stack([following, first + NUM_AROUND, following + NUM_AROUND], 1),
        ]
    )
    around = np.tile(np.arange(NUM_AROUND) / NUM_AROUND, num)
    return Skirt(rest_m.astype(np.float32), faces, around, np.repeat(down[:, 0], NUM_AROUND), weights, weight_bones)


def outline(points: np.ndarray, height: float, angles: np.ndarray) -> np.ndarray:
    """Centre (2,) and distance (k,) of the convex hull of a slice of points, in some directions."""
    near = points[np.abs(points[:, 2] - height) < 0.6 * LEVEL_M, :2]
    low, high = near.min(axis=0), near.max(axis=0)
    center = np.array([(low[0] + high[0]) / 2, 0.0])
    support = ((near - center) @ np.stack([np.cos(angles), np.sin(angles)])).max(axis=0)
    spread = np.cos(angles[:, None] - angles[None, :])
    bound = np.where(spread > 0.05, support[:, None] / np.maximum(spread, 0.05), np.inf)
    return np.concatenate([center, bound.min(axis=0)])


def follow(
    shape: BodyShape, where: BodyMap, rest_m: np.ndarray, heads: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """How a tube follows: above the hips the trunk, below them both legs, the nearer one more."""
    from scipy.spatial import KDTree

    trunk = where.share[:, 1] > 0.8
    dense = np.zeros((len(shape.vertices_m), len(shape.bone_names)))
    np.put_along_axis(dense, shape.weight_bones, shape.weights.astype(np.float64), axis=1)
    distance, near = KDTree(shape.vertices_m[trunk]).query(rest_m, k=10)
    share = 1 / (distance + 0.03) ** 2
    above = np.einsum("nk,nkb->nb", share / share.sum(axis=1, keepdims=True), dense[trunk][near])
    number = {name: index for index, name in enumerate(shape.bone_names)}
    below = np.zeros_like(above)
    hip, knee = heads["upperleg01.L"], heads["lowerleg01.L"]
    left = np.clip(0.5 + 0.5 * rest_m[:, 1] / 0.13, 0.0, 1.0)
    left = left * left * (3 - 2 * left)
    # Behind, a calf that swings back takes the cloth with it; in front cloth hangs from the knee.
    behind = np.clip(0.5 - (rest_m[:, 0] - knee[0]) / 0.2, 0.0, 1.0)
    lower = (0.55 + 0.4 * behind) * np.clip((knee[2] + 0.04 - rest_m[:, 2]) / 0.14, 0.0, 1.0)
    for suffix, side in ((".L", left), (".R", 1 - left)):
        below[:, number["upperleg02" + suffix]] = 0.9 * side * (1 - lower)
        below[:, number["lowerleg01" + suffix]] = 0.9 * side * lower
    below[:, 0] = 0.1
    blend = np.clip((hip[2] + 0.06 - rest_m[:, 2]) / 0.26, 0.0, 1.0)[:, None]
    dense_skirt = above * (1 - blend) + below * blend
    order = np.argsort(-dense_skirt, axis=1, kind="stable")[:, :NUM_WEIGHTS]
    weights = np.take_along_axis(dense_skirt, order, axis=1)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32), order
