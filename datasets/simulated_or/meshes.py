"""Textured triangle meshes of the simulated room, and how their pictures are looked up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

SIDES = 20
RINGS = 5


@dataclass(frozen=True, slots=True, eq=False)
class TexturedMesh:
    """Triangles with a picture on each.

    Args:
        vertices_m: (n, 3) float64.
        faces: (f, 3) int64 vertex numbers.
        uv: (n, 2) in [0, 1], column and row of the picture.
        texture_index: (f,) int64, which picture of a Textures a face shows.
        owner: (f,) int64, what the face belongs to: 0 room, 1.. person, 101.. thing.
    """

    vertices_m: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    texture_index: np.ndarray
    owner: np.ndarray

    def owned_by(self, owner: int) -> TexturedMesh:
        """The same mesh as a part of somebody."""
        return replace(self, owner=np.full(len(self.faces), owner))


@dataclass(frozen=True, slots=True, eq=False)
class Textures:
    """Pictures of any size in one flat table.

    Args:
        texels: (n, 3) uint8, picture after picture, row after row.
        offset, height, width: (k,) where each picture begins and how large it is.
    """

    texels: np.ndarray
    offset: np.ndarray
    height: np.ndarray
    width: np.ndarray

    @classmethod
    def of(cls, images: Sequence[np.ndarray]) -> Textures:
        """From pictures (h, w, 3) uint8."""
        sizes = np.array([image.shape[:2] for image in images])
        offset = np.concatenate([[0], np.cumsum(sizes.prod(axis=1))[:-1]])
        return cls(np.concatenate([image.reshape(-1, 3) for image in images]), offset, sizes[:, 0], sizes[:, 1])

    def sample(self, index: np.ndarray, uv: np.ndarray) -> np.ndarray:
        """(n, 3) float32 colours at (n, 2) coordinates of the pictures (n,), bilinear, clamped at the borders."""
        height, width, offset = self.height[index], self.width[index], self.offset[index]
        x = np.clip(uv[:, 0] * width - 0.5, 0, width - 1).astype(np.float32)
        y = np.clip(uv[:, 1] * height - 0.5, 0, height - 1).astype(np.float32)
        left, top = x.astype(np.int64), y.astype(np.int64)
        right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
        fx, fy = (x - left)[:, None], (y - top)[:, None]
        upper, lower = offset + top * width, offset + bottom * width
        above = self.texels[upper + left] * (1 - fx) + self.texels[upper + right] * fx
        below = self.texels[lower + left] * (1 - fx) + self.texels[lower + right] * fx
        return above * (1 - fy) + below * fy


def merge(meshes: Sequence[TexturedMesh]) -> TexturedMesh:
    """Several meshes as one, in order."""
    starts = np.concatenate([[0], np.cumsum([len(mesh.vertices_m) for mesh in meshes])[:-1]])
    return TexturedMesh(
        np.concatenate([mesh.vertices_m for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]),
        np.concatenate([mesh.uv for mesh in meshes]),
        np.concatenate([mesh.texture_index for mesh in meshes]),
        np.concatenate([mesh.owner for mesh in meshes]),
    )


def panel(top_left_m: np.ndarray, right_m: np.ndarray, down_m: np.ndarray, texture: int) -> TexturedMesh:
    """A rectangle from its upper left corner (3,) along its upper edge (3,) and its left edge (3,)."""
    top_left_m, right_m, down_m = (np.asarray(v, dtype=np.float64) for v in (top_left_m, right_m, down_m))
    vertices = np.stack([top_left_m, top_left_m + right_m, top_left_m + right_m + down_m, top_left_m + down_m])
    return TexturedMesh(
        vertices, np.array([[0, 2, 1], [0, 3, 2]]), np.array([[0.0, 0.0], [1, 0], [1, 1], [0, 1]]),
        np.full(2, texture), np.zeros(2, np.int64),
    )  # fmt: skip


def box(
    center_m: np.ndarray, rotation: np.ndarray, extent_m: np.ndarray, texture: int, top: int | None = None
) -> TexturedMesh:
    """A box whose sides show one picture and whose top may show another."""
    (x, y, z), axes = np.asarray(extent_m) / 2, np.asarray(rotation).T
    corner = np.asarray(center_m, dtype=np.float64)
    top = texture if top is None else top
    faces = [
        panel(np.array([x, -y, z]), np.array([0, 2 * y, 0]), np.array([0, 0, -2 * z]), texture),
        panel(np.array([-x, y, z]), np.array([0, -2 * y, 0]), np.array([0, 0, -2 * z]), texture),
        panel(np.array([x, y, z]), np.array([-2 * x, 0, 0]), np.array([0, 0, -2 * z]), texture),
        panel(np.array([-x, -y, z]), np.array([2 * x, 0, 0]), np.array([0, 0, -2 * z]), texture),
        panel(np.array([-x, y, z]), np.array([2 * x, 0, 0]), np.array([0, -2 * y, 0]), top),
        panel(np.array([-x, -y, -z]), np.array([2 * x, 0, 0]), np.array([0, 2 * y, 0]), texture),
    ]
    mesh = merge(faces)
    return replace(mesh, vertices_m=mesh.vertices_m @ axes + corner)


def capsule(half_length_m: float, radius_m: float, texture: int) -> TexturedMesh:
    """A capsule about the origin along the third axis; its picture goes around it, first row at the far end.

    The prism around the axis has the mean radius of the true circle, so that surfaces agree to about 0.6 % of a radius.
    """
    angles = np.linspace(0, 2 * np.pi, SIDES + 1)
    polar = np.concatenate([np.linspace(0, np.pi / 2, RINGS + 1), np.linspace(np.pi / 2, np.pi, RINGS + 1)])
    shift = np.where(np.arange(len(polar)) <= RINGS, half_length_m, -half_length_m)
    radius = radius_m * 2 / (1 + np.cos(np.pi / SIDES))
    x = radius * np.sin(polar)[:, None] * np.cos(angles)
    y = radius * np.sin(polar)[:, None] * np.sin(angles)
    z = (radius_m * np.cos(polar) + shift)[:, None] * np.ones_like(angles)
    along = (half_length_m + radius_m - z) / (2 * (half_length_m + radius_m))
    uv = np.stack([np.broadcast_to(angles / (2 * np.pi), x.shape), along], axis=-1)
    row, column = np.meshgrid(np.arange(len(polar) - 1), np.arange(SIDES), indexing="ij")
    first = (row * (SIDES + 1) + column).ravel()
    below = first + SIDES + 1
    faces = np.concatenate([np.stack([first, below, below + 1], 1), np.stack([first, below + 1, first + 1], 1)])
    vertices = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    return TexturedMesh(
        vertices, faces, uv.reshape(-1, 2), np.full(len(faces), texture), np.zeros(len(faces), np.int64)
    )
