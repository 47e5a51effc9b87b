"""The surfaces that stand throughout, and the points of them that cameras can measure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...capture.camera import CameraRig
from .performance import Performance
from .ray_scene import RayScene
from .sensor_noise import SensorConfig, return_probability
from .sightings import eye_of

SPACING_M, LIKELY = 0.02, 0.5


def standing_mesh(performance: Performance) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (n, 3) and faces (f, 3) of the room, and of those actors who are there throughout and never move.

    For whoever watches, an instrument that rests from the first to the last instant belongs to the room.
    """
    mesh, end_s = performance.room.mesh, performance.duration_s
    vertices_m, faces, number = [mesh.vertices_m], [mesh.faces], len(mesh.vertices_m)
    for name, actor in performance.actors.items():
        begin_s, leaves_s = performance.exists.get(name, (-np.inf, np.inf))
        if begin_s <= 0.0 and leaves_s >= end_s and not actor.moves(0.0, end_s):
            own_m = np.asarray(actor.vertices_m(0.0), dtype=np.float64)
            vertices_m.append(own_m)
            faces.append(actor.mesh.faces + number)
            number += len(own_m)
    return np.concatenate(vertices_m), np.concatenate(faces)


def seen_surface_m(
    vertices_m: np.ndarray, faces: np.ndarray, rig: CameraRig, sensors: Mapping[str, SensorConfig] | None = None
) -> np.ndarray:
    """(m, 3) evenly spread points of standing surfaces from which a depth lens gets a return, one per 2 cm cell.

    Args:
        vertices_m, faces: (n, 3), (f, 3) the surfaces.
        rig: the cameras where they stand.
        sensors: their sensors; a return is one that comes more often than not from a surface of middle brightness.
    """
    scene, points_m = RayScene(vertices_m, faces), [np.zeros((0, 3))]
    for camera in rig.cameras.values():
        lens, world_from_lens = eye_of(camera)
        directions = lens.rays().reshape(-1, 3)
        directions = directions[directions[:, 2] > 0] @ world_from_lens.rotation.T
        origin = np.broadcast_to(world_from_lens.translation_m, directions.shape)
        depth_m, _, normals = scene.cast(np.concatenate([origin, directions], axis=1))
        cosine = np.abs(np.einsum("nc,nc->n", directions, normals)) / np.linalg.norm(directions, axis=1)
        stopped = np.isfinite(depth_m)
        sensor = SensorConfig() if sensors is None else sensors[camera.camera_id]
        good = stopped & (return_probability(np.where(stopped, depth_m, 0.0), cosine, sensor) > LIKELY)
        points_m.append(origin[good] + depth_m[good, None] * directions[good])
    stacked = np.concatenate(points_m)
    _, first = np.unique(np.floor(stacked / SPACING_M).astype(np.int64), axis=0, return_index=True)
    return stacked[np.sort(first)]
