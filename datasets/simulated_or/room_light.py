"""Light and shadow in the resting room: what of each lamp reaches a place, and how open it lies to the light of walls.

Looked at on every second pixel of every second row by a few rays, then evened out over each surface; soft shadows
change slowly, and a room is lit once for each place from which it is seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import _light_kernel as kernel
from .caster import Caster, Hits, Lighting

LAMP_RADIUS_M, HOUSING_M = 0.22, 0.3
LAMP_SAMPLES, SKY_SAMPLES = 2, 6
SKY_M = 0.8
LIFT_M = 0.004
#: Of the light from everywhere, so much reaches the deepest corner.
SKY_FLOOR = 0.3
STRIDES = (1, 2)


@dataclass(frozen=True, slots=True, eq=False)
class RoomLight:
    """The light over a picture, at half its size.

    Args:
        width: of the full picture.
        share: (h, w, l + 1) float32: of each lamp, and of the light from everywhere.
        places, normals: (h, w, 3) float32, world.
    """

    width: int
    share: np.ndarray
    places: np.ndarray
    normals: np.ndarray

    @classmethod
    def over(cls, room: Caster, hits: Hits, shape: tuple[int, int], width: int, lighting: Lighting) -> RoomLight:
        """Looked at where some rays hit the room.

        Args:
            room: what stands.
            hits: of every second pixel of every second row.
            shape: (h, w) of these.
            width: of the full picture.
            lighting: the lamps.
        """
        rng = np.random.default_rng(0)
        places, normals = kernel.surface_points(hits.rays, hits.depth_m, hits.normal, hits.face)
        lift = np.float32(LIFT_M)
        share = np.zeros((len(places), len(lighting.power) + 1), np.float32)
        for number, lamp in enumerate(lighting.places_m):
            for _ in range(LAMP_SAMPLES):
                dither = rng.uniform(-0.7, 0.7, (len(places), 2)).astype(np.float32)
                rays = kernel.lamp_rays(
                    places, normals, lamp, np.float32(LAMP_RADIUS_M), dither, np.float32(HOUSING_M), lift
                )
                share[:, number] += (~room.in_the_way(rays)) / np.float32(LAMP_SAMPLES)
        for _ in range(SKY_SAMPLES):
            dither = rng.random((len(places), 2), dtype=np.float32)
            rays = kernel.sky_rays(places, normals, dither, np.float32(SKY_M), lift)
            share[:, -1] += (~room.in_the_way(rays)) * np.float32((1 - SKY_FLOOR) / SKY_SAMPLES)
        share[:, -1] += SKY_FLOOR
        image, places, normals = (values.reshape(*shape, -1) for values in (share, places, normals))
        for stride in STRIDES:
            image = kernel.smooth_over_surface(image, places, normals, stride)
        return cls(width, image, places, normals)

    def at(self, pixels: np.ndarray, hits: Hits) -> np.ndarray:
        """(m, l + 1) float32 for hits of some pixels (m,) of the full picture."""
        places, normals = kernel.surface_points(hits.rays, hits.depth_m, hits.normal, hits.face)
        return kernel.light_at(pixels, self.width, places, normals, self.share, self.places, self.normals)
