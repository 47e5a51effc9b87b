"""What people wear in an operating room, cut to their bodies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .body import BodyShape
from .performance import PictureBook


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


def dress(shape: BodyShape, role: str, rng: np.random.Generator, book: PictureBook) -> Clothing:
    """Clothes for a role."""
    from .textures import plain

    picture = book(plain(rng, (0.5, 0.5), (60, 120, 140)))
    num = len(shape.vertices_m)
    return Clothing(
        shape.vertices_m, shape.weights, shape.weight_bones, np.arange(num), shape.faces,
        np.zeros((num, 2)), np.full(len(shape.faces), picture),
    )  # fmt: skip
