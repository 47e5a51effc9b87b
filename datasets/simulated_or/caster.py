"""Meshes ready for rays (Embree through Open3D), and how the light of lamps comes back from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from . import _cast_kernel as cast_kernel
from . import _render_kernel as kernel
from . import _texture_kernel as texture_kernel
from .atlas import TO_LINEAR, Atlas
from .meshes import TexturedMesh
from .performance import Lamp

AMBIENT = 0.5
#: All lamps together give a level surface this much light at this distance, whatever their number.
LAMP_LIGHT, LAMP_DISTANCE_M = 0.8, 1.7
ROOM_GLOSS = 0.06


@dataclass(frozen=True, slots=True, eq=False)
class Lighting:
    """The lamps of a room: places (l, 3), and power (l,) as light at one metre."""

    places_m: np.ndarray
    power: np.ndarray

    @classmethod
    def of(cls, lamps: Sequence[Lamp]) -> Lighting:
        """From the room's lamps; only how bright they are against each other counts."""
        places = np.array([lamp.place_m for lamp in lamps], dtype=np.float32).reshape(-1, 3)
        power = np.array([lamp.power for lamp in lamps], dtype=np.float32)
        total = max(float(power.sum()), 1e-6)
        return cls(places, power / total * np.float32(LAMP_LIGHT * LAMP_DISTANCE_M**2))


@dataclass(frozen=True, slots=True, eq=False)
class Skin:
    """What never changes about a mesh that moves: faces (f, 3), texture, owner, gloss; see TexturedMesh.

    Args:
        faces: (f, 3) int32.
        uv: (n, 2) float32.
        texture_index: (f,) int32.
        density: (f,) float32 texels per metre.
        owner: (f,) uint8.
        gloss: (f,) float32 strength of the highlight, 0 = none.
    """

    faces: np.ndarray
    uv: np.ndarray
    texture_index: np.ndarray
    density: np.ndarray
    owner: np.ndarray
    gloss: np.ndarray

    @classmethod
    def of(cls, mesh: TexturedMesh, atlas: Atlas, gloss: float) -> Skin:
        """The skin of a mesh, its owner number included."""
        faces, uv = mesh.faces.astype(np.int32), mesh.uv.astype(np.float32)
        texture = mesh.texture_index.astype(np.int32)
        points = np.ascontiguousarray(mesh.vertices_m, dtype=np.float64)
        density = texture_kernel.texel_density(points, faces, uv, texture, atlas.height, atlas.width)
        return cls(faces, uv, texture, density, mesh.owner.astype(np.uint8), np.full(len(faces), gloss, np.float32))

    @classmethod
    def joined(cls, skins: Sequence[Skin]) -> Skin:
        """Several skins as one, in order."""
        starts = np.concatenate([[0], np.cumsum([len(skin.uv) for skin in skins])[:-1]]).astype(np.int32)
        faces = np.concatenate([skin.faces + start for skin, start in zip(skins, starts, strict=True)])
        names = ("uv", "texture_index", "density", "owner", "gloss")
        return cls(faces, *(np.concatenate([getattr(skin, name) for skin in skins]) for name in names))


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """Where rays (m, 6) ended.

    Args:
        rays: origins and directions, world; a direction is as long as depth 1.
        depth_m: (m,) float32 along the axis of the lens, 0 = nothing there.
        cosine: (m,) float32 of the incidence.
        face: (m,) int32, -1 = nothing there.
        barycentric: (m, 2) float32.
        normal: (m, 3) float32 of the triangle.
        between, width: (m,) uint8 of rays in rows of so many pixels, not 0 where the hit follows from its neighbours,
            see _render_cast_kernel.settle_between; (0,) where every ray was cast.
    """

    rays: np.ndarray
    depth_m: np.ndarray
    cosine: np.ndarray
    face: np.ndarray
    barycentric: np.ndarray
    normal: np.ndarray
    between: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint8))
    width: int = 0


class Caster:
    """One mesh where it is now.

    Args:
        skin: what never changes of it.
        vertices_m: (n, 3) world.
        atlas: the pictures.
    """

    def __init__(self, skin: Skin, vertices_m: np.ndarray, atlas: Atlas) -> None:
        import open3d as o3d

        self.skin, self.atlas = skin, atlas
        self.vertices_m = np.ascontiguousarray(vertices_m, dtype=np.float32)
        self.normals = kernel.vertex_normals(self.vertices_m, skin.faces)
        self._scene = o3d.t.geometry.RaycastingScene(nthreads=1)
        self._scene.add_triangles(
            o3d.core.Tensor.from_numpy(self.vertices_m), o3d.core.Tensor.from_numpy(skin.faces.astype(np.uint32))
        )

    def cast(self, rays: np.ndarray) -> Hits:
        """Send rays (m, 6)."""
        import open3d as o3d

        answer = self._scene.cast_rays(o3d.core.Tensor.from_numpy(rays), nthreads=1)
        normal = answer["primitive_normals"].numpy()
        depth_m, cosine, face = cast_kernel.settle_hits(
            rays, answer["t_hit"].numpy(), answer["primitive_ids"].numpy(), normal
        )
        return Hits(rays, depth_m, cosine, face, answer["primitive_uvs"].numpy(), normal)

    def cast_rows(self, rays: np.ndarray, width: int) -> Hits:
        """Send the rays (m, 6) of whole rows of a picture; about a third of them is cast, the others lie between.

        What is thinner than two pixels may lose some of its pixels, so this is for pictures and not for truth.
        """
        some = cast_kernel.lattice(len(rays), width)
        hits = Hits(
            rays, np.zeros(len(rays), np.float32), np.zeros(len(rays), np.float32), np.full(len(rays), -1, np.int32),
            np.zeros((len(rays), 2), np.float32), np.zeros((len(rays), 3), np.float32), np.zeros(len(rays), np.uint8),
            width,
        )  # fmt: skip
        self._cast_some(hits, some)
        self._cast_some(
            hits,
            cast_kernel.settle_between(
                rays, width, self.vertices_m, self.skin.faces, hits.depth_m, hits.cosine, hits.face,
                hits.barycentric, hits.normal, hits.between,
            ),
        )  # fmt: skip
        return hits

    def _cast_some(self, hits: Hits, some: np.ndarray) -> None:
        """Cast some (k,) of the rays of hits and write the answers into their places."""
        answer = self.cast(np.take(hits.rays, some, axis=0))
        cast_kernel.put_hits(
            some, answer.depth_m, answer.cosine, answer.face, answer.barycentric, answer.normal,
            hits.depth_m, hits.cosine, hits.face, hits.barycentric, hits.normal,
        )  # fmt: skip

    def in_the_way(self, rays: np.ndarray) -> np.ndarray:
        """(m,) bool: whether anything lies on a ray (m, 6) before it is at its full length."""
        import open3d as o3d

        return self._scene.test_occlusions(o3d.core.Tensor.from_numpy(rays), 0.0, 1.0, nthreads=1).numpy()

    def albedo(self, hits: Hits, pixel_rad: float) -> np.ndarray:
        """(m, 3) float32 linear reflectance of hits; 0 where there is none."""
        skin, atlas = self.skin, self.atlas
        return texture_kernel.sample_albedo(
            hits.face, hits.barycentric, hits.depth_m, hits.cosine, np.float32(pixel_rad), skin.faces, skin.uv,
            skin.texture_index, skin.density, atlas.texels, atlas.offset, atlas.height, atlas.width, TO_LINEAR,
        )  # fmt: skip

    def grey(self, hits: Hits, pixel_rad: float) -> np.ndarray:
        """(m,) float32 mean of `albedo` over red, green and blue."""
        skin, atlas = self.skin, self.atlas
        return texture_kernel.sample_grey(
            hits.face, hits.barycentric, hits.depth_m, hits.cosine, np.float32(pixel_rad), skin.faces, skin.uv,
            skin.texture_index, skin.density, atlas.grey, atlas.offset, atlas.height, atlas.width,
        )  # fmt: skip

    def shade(self, hits: Hits, pixel_rad: float, lighting: Lighting) -> np.ndarray:
        """(m, 3) float32 linear light of hits to which the light of all lamps comes."""
        lit = np.zeros((0, len(lighting.power) + 1), np.float32)
        return kernel.shade(
            self.albedo(hits, pixel_rad), hits.rays, hits.face, hits.barycentric, hits.normal, hits.depth_m,
            self.skin.faces, self.normals, self.skin.gloss, lighting.places_m, lighting.power, lit,
            np.float32(AMBIENT),
        )  # fmt: skip
