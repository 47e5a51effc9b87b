"""Whether one point sees another across the standing room."""

from __future__ import annotations

import numpy as np

#: A point counts as seen where the way to it is free up to so little of its length, or so many metres.
FREE_SHARE, SURFACE_M = 0.995, 0.02


class LineOfSight:
    """A mesh that stands in the way.

    Args:
        vertices_m: (n, 3) metres, world.
        faces: (f, 3) vertex numbers.
    """

    def __init__(self, vertices_m: np.ndarray, faces: np.ndarray) -> None:
        import open3d as o3d

        self._scene = o3d.t.geometry.RaycastingScene()
        self._scene.add_triangles(
            o3d.core.Tensor.from_numpy(np.ascontiguousarray(vertices_m, dtype=np.float32)),
            o3d.core.Tensor.from_numpy(np.ascontiguousarray(faces, dtype=np.uint32)),
        )

    def sees(self, eye_m: np.ndarray, points_m: np.ndarray) -> np.ndarray:
        """(n,) bool: whether the way from an eye (3,) to points (n, 3) is free; a surface does not hide itself."""
        import open3d as o3d

        eye_m = np.asarray(eye_m, dtype=np.float32)
        ways = np.asarray(points_m, dtype=np.float32) - eye_m
        rays = np.concatenate([np.broadcast_to(eye_m, ways.shape), ways], axis=1)
        reached = self._scene.cast_rays(o3d.core.Tensor.from_numpy(np.ascontiguousarray(rays)))["t_hit"].numpy()
        length_m = np.linalg.norm(ways, axis=1)
        return reached >= np.minimum(FREE_SHARE, 1.0 - SURFACE_M / np.maximum(length_m, 2 * SURFACE_M))

    def distance_m(self, points_m: np.ndarray) -> np.ndarray:
        """(n,) metres from points (n, 3) to the nearest surface."""
        import open3d as o3d

        query = o3d.core.Tensor.from_numpy(np.ascontiguousarray(points_m, dtype=np.float32))
        return self._scene.compute_distance(query).numpy()
