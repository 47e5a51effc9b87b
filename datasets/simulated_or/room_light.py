"""Light and shadow in the resting room: what of each lamp reaches a place, and how open it lies to the light of walls.

Neither depends on who looks, so that both are worked out once for a room, at places a hand's breadth and less apart
on all of its surfaces (a light map, Heckbert 1990), and every camera looks them up wherever it stands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import _light_kernel as kernel
from . import _render_kernel as render_kernel
from .caster import AMBIENT, Caster, Hits, Lighting
from .light_charts import LightCharts

LAMP_RADIUS_M, HOUSING_M = 0.22, 0.3
LAMP_SAMPLES, SKY_SAMPLES = 4, 8
SKY_M = 0.8
LIFT_M = 0.004
#: Of the light from everywhere, so much reaches the deepest corner.
SKY_FLOOR = 0.3
SPACING_M = 0.04


@dataclass(frozen=True, slots=True, eq=False)
class RoomLight:
    """The light on all surfaces of a room.

    Args:
        charts: where it was looked at.
        diffuse: (n,) float32 light that a white, matt surface sends back there.
        seen: (n, l) float32 the share of each lamp that is seen from there.
        flat: (f,) bool: the face has one normal.
    """

    charts: LightCharts
    diffuse: np.ndarray
    seen: np.ndarray
    flat: np.ndarray

    @classmethod
    def of(cls, room: Caster, lighting: Lighting) -> RoomLight:
        """The light of lamps on what stands, each face seen from its front."""
        faces = room.skin.faces
        charts = LightCharts.of(room.vertices_m, faces, SPACING_M)
        places, normals = kernel.places_on(room.vertices_m, faces, charts.face, charts.barycentric)
        share = charts.evened_out(_share(room, lighting, places, normals))
        # A lens right before each place, at depth 0.
        rays = np.concatenate([places, -normals], axis=1)
        white, matt = np.ones_like(places), np.zeros(len(faces), np.float32)
        diffuse = render_kernel.shade(
            white, rays, charts.face, charts.barycentric, normals, np.zeros(len(places), np.float32), faces,
            room.normals, matt, lighting.places_m, lighting.power, share, np.float32(AMBIENT),
        )[:, 0]  # fmt: skip
        seen = np.ascontiguousarray(share[:, :-1])
        return cls(charts, np.ascontiguousarray(diffuse), seen, kernel.flat_faces(room.vertices_m, faces, room.normals))

    def shade(self, room: Caster, hits: Hits, pixel_rad: float, lighting: Lighting) -> np.ndarray:
        """(m, 3) float32 linear light that hits of the room send back to the lens."""
        charts, skin = self.charts, room.skin
        return kernel.shade_baked(
            room.albedo(hits, pixel_rad), hits.rays, hits.face, hits.barycentric, hits.normal, hits.depth_m,
            skin.faces, room.normals, self.flat, skin.gloss, lighting.places_m, lighting.power,
            charts.corners, charts.start, charts.columns, charts.rows, self.diffuse, self.seen,
            hits.between, hits.width,
        )  # fmt: skip


def _share(room: Caster, lighting: Lighting, places: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """(n, l + 1) float32: of each lamp, and of the light from everywhere, what reaches places (n, 3)."""
    lift = np.float32(LIFT_M)
    share = np.zeros((len(places), len(lighting.power) + 1), np.float32)
    turn = kernel.turns(places)
    for number, lamp in enumerate(lighting.places_m):
        before = kernel.in_front(places, normals, lamp)
        for sample in range(LAMP_SAMPLES):
            rays = kernel.lamp_rays(
                places, normals, before, turn, lamp, np.float32(LAMP_RADIUS_M), sample, LAMP_SAMPLES,
                np.float32(HOUSING_M), lift,
            )  # fmt: skip
            share[before, number] += (~room.in_the_way(rays)) / np.float32(LAMP_SAMPLES)
    for sample in range(SKY_SAMPLES):
        rays = kernel.sky_rays(places, normals, turn, np.float32(SKY_M), sample, SKY_SAMPLES, lift)
        share[:, -1] += (~room.in_the_way(rays)) * np.float32((1 - SKY_FLOOR) / SKY_SAMPLES)
    share[:, -1] += SKY_FLOOR
    return share
