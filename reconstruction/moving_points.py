"""Moving points: the moving pixels of all cameras, lifted into the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..capture.arrays import MaskImage, RawDepthImage
from ..capture.camera import Camera


@dataclass(frozen=True, slots=True, eq=False)
class MovingPoints:
    """Surface points of whatever moves at one instant.

    Args:
        points_m: (n, 3) float32, world.
        area_m2: (n,) float32 surface that the pixel of a point covers, seen frontally.
        camera_index: (n,) uint8 which camera saw it.
    """

    points_m: np.ndarray
    area_m2: np.ndarray
    camera_index: np.ndarray

    @classmethod
    def join(cls, parts: Sequence[MovingPoints]) -> MovingPoints:
        """The points of several cameras together, in their order."""
        if not parts:
            return cls(np.zeros((0, 3), np.float32), np.zeros(0, np.float32), np.zeros(0, np.uint8))
        return cls(
            np.concatenate([part.points_m for part in parts]),
            np.concatenate([part.area_m2 for part in parts]),
            np.concatenate([part.camera_index for part in parts]),
        )

    def take(self, chosen: np.ndarray) -> MovingPoints:
        """The points that an index or mask array names."""
        return MovingPoints(self.points_m[chosen], self.area_m2[chosen], self.camera_index[chosen])


def lift_moving(
    camera: Camera, camera_index: int, depth_raw: RawDepthImage, moving: MaskImage, stride_px: int, flying_m: float
) -> MovingPoints:
    """Lift the moving pixels of one camera into the world.

    Args:
        camera: where it stands; its depth lens gives the rays.
        camera_index: its number, kept with every point.
        depth_raw: (h, w) uint16 counts.
        moving: (h, w) bool.
        stride_px: every n-th row and column is taken.
        flying_m: a pixel whose depth differs by more than this (at the lens; a quarter more per metre of range)
            from the pixels on both sides of it, in its row or column, is a flying pixel and is dropped.
    """
    from ._moving_kernel import lift

    assert camera.depth is not None
    pose = camera.world_from_depth
    points_m, area_m2 = lift(
        depth_raw, moving, camera.depth.rays(), np.float32(camera.depth_unit_m),
        pose.rotation.astype(np.float32), pose.translation_m.astype(np.float32), stride_px, np.float32(flying_m),
        np.float32(stride_px * stride_px / (camera.depth.fx_px * camera.depth.fy_px)),
    )  # fmt: skip
    return MovingPoints(points_m, area_m2, np.full(len(points_m), camera_index, np.uint8))
