"""The renderer: rays against triangles (Embree), shaded pictures, exact depth and owner of every pixel.

The resting room is drawn once per camera. Each instant, rays are sent only into the windows of the image where
something moves, and only what lies in front of the room replaces it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...capture.camera import Camera, Intrinsics
from ...capture.geometry import SE3
from ..simulated_or.meshes import TexturedMesh, Textures

LAMPS_M = np.array([[-1.3, 0.4, 2.75], [1.4, 0.3, 2.75]])
AMBIENT = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What one lens would see without noise.

    Args:
        depth_m: (h, w) float32 along the axis, 0 = nothing there.
        cosine: (h, w) float32 cosine of incidence, 0 where nothing is there.
        owner: (h, w) uint8, 0 room, 1.. person, 101.. thing.
        color_rgb: (h, w, 3) float32, or None for a depth lens.
    """

    depth_m: np.ndarray
    cosine: np.ndarray
    owner: np.ndarray
    color_rgb: np.ndarray | None


class Caster:
    """One mesh, ready for rays."""

    def __init__(self, mesh: TexturedMesh, textures: Textures) -> None:
        import open3d as o3d

        self.mesh, self.textures = mesh, textures
        self.scene = o3d.t.geometry.RaycastingScene()
        self.scene.add_triangles(
            o3d.core.Tensor.from_numpy(np.ascontiguousarray(mesh.vertices_m, dtype=np.float32)),
            o3d.core.Tensor.from_numpy(np.ascontiguousarray(mesh.faces, dtype=np.uint32)),
        )

    def cast(self, world_from_lens: SE3, rays: np.ndarray) -> Hits:
        """Send rays (n, 3) of a lens, each of length 1 along the axis."""
        import open3d as o3d

        directions = world_from_lens.rotate(rays).astype(np.float32)
        origin = np.broadcast_to(world_from_lens.translation_m.astype(np.float32), directions.shape)
        answer = self.scene.cast_rays(o3d.core.Tensor.from_numpy(np.concatenate([origin, directions], axis=1)))
        depth = answer["t_hit"].numpy()
        hit = np.isfinite(depth)
        return Hits(
            np.where(hit, depth, 0.0).astype(np.float32), hit, directions,
            answer["primitive_ids"].numpy().astype(np.int64), answer["primitive_uvs"].numpy(),
            answer["primitive_normals"].numpy(),
        )  # fmt: skip

    def shade(self, hits: Hits, pick: np.ndarray, origin_m: np.ndarray) -> np.ndarray:
        """(n, 3) float32 colours of some hits, lit by two lamps under the ceiling."""
        face = hits.face[pick]
        corners = self.mesh.uv[self.mesh.faces[face]].astype(np.float32)
        u, v = hits.barycentric[pick].T
        weights = np.stack([1 - u - v, u, v], axis=1)
        albedo = self.textures.sample(self.mesh.texture_index[face], np.einsum("nc,ncd->nd", weights, corners))
        directions, normal = hits.directions[pick], hits.normal[pick]
        facing = -np.sign(np.einsum("ni,ni->n", directions, normal))
        point = origin_m.astype(np.float32) + directions * hits.depth_m[pick, None]
        light = np.full(len(point), AMBIENT, np.float32)
        for lamp in LAMPS_M.astype(np.float32):
            towards = lamp - point
            distance = np.linalg.norm(towards, axis=1)
            slope = np.einsum("ni,ni->n", towards, normal) * facing / distance
            light += 0.42 * np.maximum(slope, 0.0) * np.minimum(2.2 / np.maximum(distance, 0.8), 1.3)
        return albedo * light[:, None]


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """Where some rays ended: depth, hit or not, ray (n, 3), triangle, place in it (n, 2), normal (n, 3)."""

    depth_m: np.ndarray
    hit: np.ndarray
    directions: np.ndarray
    face: np.ndarray
    barycentric: np.ndarray
    normal: np.ndarray

    @property
    def cosine(self) -> np.ndarray:
        """(n,) cosine of incidence, 0 without a hit."""
        length = np.linalg.norm(self.directions, axis=1)
        return np.where(self.hit, np.abs(np.einsum("ni,ni->n", self.directions, self.normal)) / length, 0.0)


class LensRenderer:
    """Draws what one lens sees: the room once, and what moves in front of it at each instant.

    Args:
        lens: the lens.
        world_from_lens: where it stands.
        room: the resting room.
        with_color: whether colours are wanted.
    """

    def __init__(self, lens: Intrinsics, world_from_lens: SE3, room: Caster, with_color: bool) -> None:
        self.lens, self.pose, self.with_color = lens, world_from_lens, with_color
        self.shape = (lens.height_px, lens.width_px)
        self.rays = lens.rays().reshape(-1, 3)
        hits = room.cast(world_from_lens, self.rays)
        color = None
        if with_color:
            color = np.zeros((len(self.rays), 3), np.float32)
            color[hits.hit] = room.shade(hits, hits.hit, world_from_lens.translation_m)
            color = color.reshape(*self.shape, 3)
        self.room = View(
            hits.depth_m.reshape(self.shape), hits.cosine.astype(np.float32).reshape(self.shape),
            np.zeros(self.shape, np.uint8), color,
        )  # fmt: skip

    def draw(self, moving: Caster, part: np.ndarray) -> tuple[View, dict[int, tuple[int, int]]]:
        """The view at an instant, and per owner how many pixels it shows and how many it would show alone.

        Args:
            moving: everything that moves, where it is now.
            part: (n,) the part that each vertex belongs to, which tells the windows apart.
        """
        rows = self._windows(moving.mesh, part)
        depth, cosine, owner = (a.reshape(-1).copy() for a in (self.room.depth_m, self.room.cosine, self.room.owner))
        color = None if self.room.color_rgb is None else self.room.color_rgb.reshape(-1, 3).copy()
        counts: dict[int, tuple[int, int]] = {}
        if len(rows):
            hits = moving.cast(self.pose, self.rays[rows])
            behind = depth[rows]
            front = hits.hit & ((hits.depth_m < behind) | (behind == 0))
            owners = moving.mesh.owner[np.where(hits.hit, hits.face, 0)]
            for who in np.unique(moving.mesh.owner):
                mine = hits.hit & (owners == who)
                counts[int(who)] = (int((mine & front).sum()), int(mine.sum()))
            place = rows[front]
            depth[place], cosine[place], owner[place] = hits.depth_m[front], hits.cosine[front], owners[front]
            if color is not None:
                color[place] = moving.shade(hits, front, self.pose.translation_m)
        image = None if color is None else color.reshape(*self.shape, 3)
        return View(depth.reshape(self.shape), cosine.reshape(self.shape), owner.reshape(self.shape), image), counts

    def _windows(self, mesh: TexturedMesh, part: np.ndarray) -> np.ndarray:
        """Flat numbers of the pixels in the windows around the parts."""
        local = self.pose.inverse() @ mesh.vertices_m
        in_front = local[:, 2] > 0.05
        mask = np.zeros(self.shape, dtype=bool)
        uv = self.lens.project(np.where(in_front[:, None], local, [0.0, 0.0, 1.0]))
        starts = np.concatenate([[0], np.flatnonzero(np.diff(part)) + 1])
        low, high = np.minimum.reduceat(uv, starts), np.maximum.reduceat(uv, starts)
        whole, some = np.minimum.reduceat(in_front, starts), np.maximum.reduceat(in_front, starts)
        low[~whole], high[~whole] = -1.0, np.array(self.shape[::-1]) + 1.0
        left, top = np.clip(np.floor(low) - 1, 0, self.shape[::-1]).astype(int).T
        right, bottom = np.clip(np.ceil(high) + 2, 0, self.shape[::-1]).astype(int).T
        for number in np.flatnonzero(some):
            mask[top[number] : bottom[number], left[number] : right[number]] = True
        return np.flatnonzero(mask)


class CameraRenderer:
    """Both lenses of one camera."""

    def __init__(self, camera: Camera, room: Caster) -> None:
        if camera.depth is None:
            raise ValueError("a simulated camera has a depth lens")
        self.depth = LensRenderer(camera.depth, camera.world_from_depth, room, with_color=False)
        self.color = LensRenderer(camera.color, camera.world_from_camera, room, with_color=True)
