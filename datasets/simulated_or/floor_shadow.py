"""The soft shadow that people and things throw on the floor, without which they seem to float.

Ceiling lights of a whole room leave a dim patch under whoever stands there, and a dark seam where a foot touches the
floor. Both are drawn from above: the cells of the floor over which something is, blurred.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import _light_kernel as kernel

CELL_M = 0.04
#: Of what is lower than this, blurred so far, so much of the light is taken.
CONTACT = (0.16, 0.06, 0.75)
BODY = (2.0, 0.22, 0.62)
FLOOR_M = 0.015


class FloorShadow:
    """The pixels of one picture that show the floor.

    Args:
        depth_m: (h, w) of the resting room.
        rays: (h * w, 3) of the lens.
        rotation, origin_m: (3, 3) and (3,), world from lens.
    """

    def __init__(self, depth_m: np.ndarray, rays: np.ndarray, rotation: np.ndarray, origin_m: np.ndarray) -> None:
        self._pixels, self._xy = kernel.on_floor(
            depth_m.reshape(-1), rays, rotation.astype(np.float32), origin_m.astype(np.float32), np.float32(FLOOR_M)
        )
        if len(self._pixels):
            low, high = kernel.span_of(self._xy)
            self._low = low - 1.0
            self._size = np.ceil((high + 1.0 - self._low) / CELL_M).astype(int) + 2

    def throw(self, vertices_m: Sequence[np.ndarray], owner: np.ndarray, color: np.ndarray) -> None:
        """Darken a picture (h, w, 3), in place, where its owner (h, w) is the room."""
        import cv2

        if not len(self._pixels) or not vertices_m:
            return
        points = np.concatenate(vertices_m)
        cell = np.floor((points[:, :2] - self._low) / CELL_M).astype(int)
        inside = ((cell >= 0) & (cell < self._size)).all(axis=1)
        light = np.ones(tuple(self._size[::-1]), np.float32)
        for highest_m, blur_m, share in (CONTACT, BODY):
            covered = np.zeros_like(light)
            some = inside & (points[:, 2] < highest_m)
            covered[cell[some, 1], cell[some, 0]] = 1.0
            light *= 1 - np.float32(share) * cv2.GaussianBlur(covered, (0, 0), blur_m / CELL_M)
        low_x, low_y = self._low.tolist()
        kernel.darken(self._pixels, self._xy, owner.reshape(-1), color.reshape(-1, 3), light, low_x, low_y, 1 / CELL_M)
