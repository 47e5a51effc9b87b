"""Surfaces: the coloured points of a moving thing at one instant, thinned and compressed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..capture.arrays import ColorList, PointList
from ..capture.errors import InputError

RESOLUTION_M = 0.001
LARGEST_EXTENT_M = 65.0


def thin(points_m: PointList, voxel_m: float) -> np.ndarray:
    """Indices (m,) of one point per voxel of edge `voxel_m`, in the order of the points (n, 3)."""
    from ._moving_kernel import voxel_representatives

    if len(points_m) == 0:
        return np.zeros(0, np.int64)
    low_m = points_m.min(axis=0)
    size = ((points_m.max(axis=0) - low_m) / voxel_m).astype(int) + 1
    return voxel_representatives(points_m, low_m, np.float32(voxel_m), *(int(number) for number in size))


def encode_surface(points_m: PointList, colors_rgb: ColorList) -> bytes:
    """Points (n, 3) on a grid of 1 mm and their colours (n, 3) as one packet; equal input gives equal bytes."""
    import blosc2

    base = np.floor(points_m.min(axis=0)).astype(np.float32) if len(points_m) else np.zeros(3, np.float32)
    grid = np.rint((points_m - base) / RESOLUTION_M).astype(np.uint16)
    raw = base.tobytes() + np.ascontiguousarray(grid.T).tobytes() + np.ascontiguousarray(colors_rgb.T).tobytes()
    settings: dict[str, Any] = {
        "codec": blosc2.Codec.ZSTD, "clevel": 1, "typesize": 2, "filters": [blosc2.Filter.SHUFFLE], "nthreads": 1,
    }  # fmt: skip
    packet: Any = blosc2.compress2(raw, **settings)
    return bytes(packet)


def decode_surface(packet: bytes) -> tuple[np.ndarray, np.ndarray]:
    """A packet to points (n, 3) float32 metres and colours (n, 3) uint8.

    Raises:
        InputError: the packet is damaged.
    """
    import blosc2

    try:
        raw: Any = blosc2.decompress2(packet)
    except (RuntimeError, ValueError, TypeError) as error:
        raise InputError("a surface packet cannot be decoded", why=str(error), todo="run `ortwin verify`") from error
    data = bytes(raw)
    count, rest = divmod(len(data) - 12, 9)
    if rest or count < 0:
        raise InputError("a surface packet has an impossible length", todo="run `ortwin verify`")
    base = np.frombuffer(data, np.float32, 3)
    grid = np.frombuffer(data, np.uint16, 3 * count, 12).reshape(3, count).T
    colors_rgb = np.frombuffer(data, np.uint8, 3 * count, 12 + 6 * count).reshape(3, count).T
    return base + grid.astype(np.float32) * np.float32(RESOLUTION_M), np.ascontiguousarray(colors_rgb)


def with_hidden_side(points_m: PointList, viewpoint_m: np.ndarray, thickness_m: float) -> np.ndarray:
    """The points (n, 3) and, behind each of them, the point where the thing cannot have ended yet.

    Cameras see the side that faces them; a hand on a table is seen from above, its palm is not. Things are at least
    `thickness_m` thick along the ray, so that much of what lies behind a seen point belongs to them.

    Args:
        points_m: (n, 3) float32 measured surface, world.
        viewpoint_m: (3,) mean place of the cameras that saw it.
        thickness_m: how thick the thinnest part is.

    Returns:
        (2 n, 3) float32.
    """
    ray = points_m - viewpoint_m.astype(np.float32)
    ray /= np.maximum(np.linalg.norm(ray, axis=1, keepdims=True), 1e-6)
    return np.concatenate([points_m, points_m + ray * np.float32(thickness_m)])
