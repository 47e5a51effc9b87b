"""Surfaces as the yardstick measures them: even samples, exact distances, and all true surfaces of an instant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .truth import Truth

if TYPE_CHECKING:
    import open3d as o3d

SEED = 20260101


def sample_surface(vertices_m: np.ndarray, faces: np.ndarray, num_samples: int) -> np.ndarray:
    """(n, 3) points spread evenly over the area of a mesh, the same each time; of a point cloud, its points."""
    vertices_m = np.asarray(vertices_m, dtype=np.float64)
    if not len(faces):
        return vertices_m
    corners = vertices_m[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    rng = np.random.default_rng(SEED)
    face = rng.choice(len(faces), num_samples, p=area / area.sum())
    root, second = np.sqrt(rng.random(num_samples))[:, None], rng.random(num_samples)[:, None]
    a, b, c = np.moveaxis(corners[face], 1, 0)
    return (1 - root) * a + root * (1 - second) * b + root * second * c


def distance_to_surface_m(points_m: np.ndarray, vertices_m: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(n,) metres from points (n, 3) to the nearest triangle, or to the nearest point of a point cloud."""
    if not len(faces):
        from scipy.spatial import KDTree

        return np.asarray(KDTree(vertices_m).query(points_m)[0])
    return distances_m(raycasting_scene([(vertices_m, faces)]), points_m)


def distances_m(scene: o3d.t.geometry.RaycastingScene, points_m: np.ndarray) -> np.ndarray:
    """(n,) metres from points (n, 3) to the nearest triangle of a scene."""
    return scene.compute_distance(_tensor(points_m, np.float32)).numpy().astype(np.float64)


def raycasting_scene(meshes: list[tuple[np.ndarray, np.ndarray]]) -> o3d.t.geometry.RaycastingScene:
    """Open3D's scene (Embree) of meshes, each of vertices (n, 3) metres and faces (f, 3)."""
    import open3d as o3d

    scene = o3d.t.geometry.RaycastingScene()
    for vertices_m, faces in meshes:
        scene.add_triangles(_tensor(vertices_m, np.float32), _tensor(faces, np.uint32))
    return scene


def first_hits(
    scene: o3d.t.geometry.RaycastingScene, origin_m: np.ndarray, rays: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where rays end: (...) multiples of the ray, infinite without a hit, and the unit normals (..., 3) there.

    Args:
        scene: from `raycasting_scene`.
        origin_m: (3,) or (..., 3) where they begin.
        rays: (..., 3) directions of any length.
    """
    both = np.concatenate([np.broadcast_to(origin_m, rays.shape), rays], axis=-1)
    hit = scene.cast_rays(_tensor(both, np.float32))
    return hit["t_hit"].numpy().astype(np.float64), hit["primitive_normals"].numpy().astype(np.float64)


def true_surfaces(truth: Truth, instant: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """All surfaces that the truth knows at an instant: the room, the tools, the people; vertices and faces, world."""
    meshes = []
    if truth.room_vertices_m is not None and truth.room_faces is not None and len(truth.room_faces):
        meshes.append((truth.room_vertices_m, truth.room_faces))
    for tool in (truth.tools or {}).values():
        shape = truth.tool_shape(tool.tool_id, tool.label)
        if shape is not None and np.isfinite(tool.translation_m[instant]).all():
            meshes.append((shape[0] @ tool.rotation[instant].T + tool.translation_m[instant], shape[1]))
    bodies = (truth.body(name, instant) for name in truth.people or {})
    return [*meshes, *(body for body in bodies if body is not None)]


def _tensor(values: np.ndarray, dtype: type) -> Any:
    import open3d as o3d

    return o3d.core.Tensor.from_numpy(np.ascontiguousarray(values, dtype))
