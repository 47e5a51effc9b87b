"""Triangles that stop rays (Embree through Open3D), for those who ask for geometry only."""

from __future__ import annotations

import numpy as np


class RayScene:
    """Triangles.

    Args:
        vertices_m: (n, 3).
        faces: (f, 3) vertex numbers.
    """

    def __init__(self, vertices_m: np.ndarray, faces: np.ndarray) -> None:
        import open3d as o3d

        self._scene = o3d.t.geometry.RaycastingScene(nthreads=1)
        self._scene.add_triangles(
            o3d.core.Tensor.from_numpy(np.ascontiguousarray(vertices_m, dtype=np.float32)),
            o3d.core.Tensor.from_numpy(np.ascontiguousarray(faces, dtype=np.uint32)),
        )

    def cast(self, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Send rays (n, 6), origin and direction.

        Returns:
            (n,) float32 where they end in lengths of their directions, infinite where nothing stops them; (n,) int64
            faces, -1 for nothing; (n, 3) float32 unit normals of the faces.
        """
        import open3d as o3d

        tensor = o3d.core.Tensor.from_numpy(np.ascontiguousarray(rays, dtype=np.float32))
        answer = self._scene.cast_rays(tensor, nthreads=1)
        share = answer["t_hit"].numpy()
        face = np.where(np.isfinite(share), answer["primitive_ids"].numpy().astype(np.int64), -1)
        return share, face, answer["primitive_normals"].numpy()
