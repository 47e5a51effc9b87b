"""The surface of one moving thing at one instant as a triangle mesh, and the packets in which it is kept.

A surface is made of patches: parts of cameras' grids, whose triangles follow from two bits per cell. A packet holds
these bits and the points on a grid of 1 mm as differences from the point before, which are small; colours are packets
of their own, so that they can be left out.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..capture.arrays import ColorList, FaceList, PointList
from ..capture.errors import InputError

RESOLUTION_M = 0.001
FARTHEST = 32767
HEAD = struct.Struct("<3iI")
SHAPE = struct.Struct("<HH")


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A part of a camera's grid.

    Args:
        used: (r, c) bool, which points of the grid are vertices.
        upper, lower: (r-1, c-1) bool, which cells have the triangle of their first corner, and that of their last.
        points_m: (n, 3) the vertices, row by row, world.
    """

    used: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    points_m: np.ndarray

    def faces(self) -> FaceList:
        """(f, 3) int64 vertex numbers; they face the camera."""
        return patch_faces(self.used, self.upper, self.lower)


@dataclass(frozen=True, slots=True, eq=False)
class SurfaceMesh:
    """The measured surface of one thing at one instant.

    Args:
        track_id: what.
        vertices_m: (n, 3) float32, world.
        faces: (f, 3) int64, counter-clockwise for the camera that saw them.
        colors_rgb: (n, 3) uint8; None = they were left out.
    """

    track_id: str
    vertices_m: PointList
    faces: FaceList
    colors_rgb: ColorList | None


def patch_faces(used: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> FaceList:
    """(f, 3) int64 faces of a patch; see Patch."""
    number = np.cumsum(used.ravel()).reshape(used.shape) - 1
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]
    first = np.stack([a[upper], c[upper], b[upper]], axis=1)
    second = np.stack([b[lower], c[lower], d[lower]], axis=1)
    return np.concatenate([first, second]).astype(np.int64)


def encode_mesh(patches: Sequence[Patch]) -> bytes:
    """The geometry of a surface as one packet; equal input gives equal bytes.

    Raises:
        InputError: a surface reaches farther than 32 m from its middle.
    """
    points_m = np.concatenate([patch.points_m for patch in patches])
    grid = np.rint(points_m / RESOLUTION_M).astype(np.int64)
    base = (grid.min(axis=0) + grid.max(axis=0)) // 2
    if np.abs(grid - base).max() > FARTHEST:
        raise InputError("a surface reaches farther than 32 m from its middle", todo="look at the depth of the cameras")
    steps = np.diff((grid - base).astype(np.int16), axis=0, prepend=np.zeros((1, 3), np.int16))
    shapes = b"".join(SHAPE.pack(*patch.used.shape) for patch in patches)
    bits = np.concatenate(
        [part.ravel() for patch in patches for part in (patch.used, patch.upper, patch.lower)]
    )  # fmt: skip
    raw = HEAD.pack(*base.tolist(), len(patches)) + shapes + np.packbits(bits).tobytes()
    folded = ((steps << 1) ^ (steps >> 15)).view(np.uint16)  # small steps of either sign are small numbers
    frames = _compress(np.ascontiguousarray(folded.T).tobytes(), 2), _compress(raw, 1)
    return struct.pack("<I", len(frames[0])) + frames[0] + frames[1]


def encode_colors(colors_rgb: ColorList) -> bytes:
    """The colours (n, 3) of the vertices of a surface as one packet."""
    steps = np.diff(colors_rgb, axis=0, prepend=np.zeros((1, 3), np.uint8))
    steps[:, [0, 2]] -= steps[:, 1:2]  # colours mostly change together
    return _compress(np.ascontiguousarray(steps.T).tobytes(), 1)


def decode_mesh(track_id: str, packet: bytes, colors: bytes | None) -> SurfaceMesh:
    """A surface from its packets.

    Args:
        track_id: whose.
        packet: from `encode_mesh`.
        colors: from `encode_colors`, or None.

    Raises:
        InputError: a packet is damaged.
    """
    try:
        size = struct.unpack_from("<I", packet)[0]
        folded = np.frombuffer(_decompress(packet[4 : 4 + size]), np.uint16).reshape(3, -1).T
        steps = (folded >> 1).view(np.int16) ^ -(folded & 1).view(np.int16)
        raw = _decompress(packet[4 + size :])
        *base, count = HEAD.unpack_from(raw)
        shapes = [SHAPE.unpack_from(raw, HEAD.size + k * SHAPE.size) for k in range(count)]
        bits = np.unpackbits(np.frombuffer(raw, np.uint8, offset=HEAD.size + count * SHAPE.size)).astype(bool)
        faces, begin, first = [np.zeros((0, 3), np.int64)], 0, 0
        for rows, columns in shapes:
            parts = []
            for shape in ((rows, columns), (rows - 1, columns - 1), (rows - 1, columns - 1)):
                length = shape[0] * shape[1]
                parts.append(bits[begin : begin + length].reshape(shape))
                begin += length
            faces.append(patch_faces(*parts) + first)
            first += int(parts[0].sum())
        if first != len(steps):
            raise ValueError(f"{first} vertices are used, {len(steps)} are there")
        colors_rgb = None
        if colors is not None:
            colors_rgb = np.frombuffer(_decompress(colors), np.uint8).reshape(3, first).T.copy()
            colors_rgb[:, [0, 2]] += colors_rgb[:, 1:2]
            colors_rgb = np.cumsum(colors_rgb, axis=0, dtype=np.uint8)
    except (ValueError, RuntimeError, TypeError, struct.error) as error:
        raise InputError("the packet of a surface is damaged", why=str(error), todo="run `ortwin verify`") from error
    grid = np.cumsum(steps, axis=0, dtype=np.int16) + np.array(base)
    return SurfaceMesh(track_id, (grid * RESOLUTION_M).astype(np.float32), np.concatenate(faces), colors_rgb)


def _compress(raw: bytes, size: int) -> bytes:
    import blosc2

    settings: dict[str, Any] = {
        "codec": blosc2.Codec.ZSTD, "clevel": 5, "typesize": size, "filters": [blosc2.Filter.SHUFFLE], "nthreads": 1,
    }  # fmt: skip
    packet: Any = blosc2.compress2(raw, **settings)
    return bytes(packet)


def _decompress(packet: bytes) -> bytes:
    import blosc2

    raw: Any = blosc2.decompress2(packet)
    return bytes(raw)


def coarser(mesh: SurfaceMesh, cell_m: float) -> SurfaceMesh:
    """The mesh with its first vertex of each cubic cell of this edge only; 0 = as it is (Rossignac and Borrel 1993)."""
    if cell_m <= 0 or not len(mesh.vertices_m):
        return mesh
    cell = np.floor((mesh.vertices_m - mesh.vertices_m.min(axis=0)) / np.float32(cell_m)).astype(np.int64)
    size = cell.max(axis=0) + 1
    _, first, group = np.unique(
        (cell[:, 0] * size[1] + cell[:, 1]) * size[2] + cell[:, 2], return_index=True, return_inverse=True
    )
    faces = group[mesh.faces]
    whole = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    colors_rgb = None if mesh.colors_rgb is None else mesh.colors_rgb[first]
    return SurfaceMesh(mesh.track_id, mesh.vertices_m[first], faces[whole], colors_rgb)
