"""The room as one looks into it: what hangs overhead is set apart, and an eye is placed above a corner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..capture.camera import CameraRig
from ..reconstruction.state import StaticScene

OVERHEAD_M = 1.9
"""Surface so far above the floor that faces down is ceiling or hangs from it."""
RIM_M = 0.12


@dataclass(frozen=True, slots=True, eq=False)
class MeshPart:
    """A part of the room: (n, 3) vertices, (f, 3) uint32 faces and (n, 3) colours."""

    vertices_m: np.ndarray
    faces: np.ndarray
    colors_rgb: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Viewpoint:
    """An eye in the world: where it is and at what it looks, (3,) metres each; +Z is up."""

    eye_m: np.ndarray
    target_m: np.ndarray


def room_parts(scene: StaticScene) -> dict[str, MeshPart]:
    """The mesh in two parts, "surface" and "ceiling"; a part without faces is left out."""
    if len(scene.faces) == 0:
        return {}
    corners = scene.vertices_m[scene.faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    down = normal[:, 2] < -0.5 * np.linalg.norm(normal, axis=1)
    level = np.abs(normal[:, 2]) > 0.5 * np.linalg.norm(normal, axis=1)
    floor_m, top_m = (float(value) for value in np.quantile(scene.vertices_m[:, 2], [0.02, 0.998]))
    lowest_m = corners[:, :, 2].min(axis=1)
    # The rim of a ceiling is ragged: level surface just below the top goes with it, whichever way it faces.
    ceiling = (lowest_m > floor_m + OVERHEAD_M) & (down | (level & (lowest_m > top_m - RIM_M)))
    parts = {"surface": ~ceiling, "ceiling": ceiling}
    return {name: _part(scene, scene.faces[chosen]) for name, chosen in parts.items() if chosen.any()}


def _part(scene: StaticScene, faces: np.ndarray) -> MeshPart:
    used = np.zeros(len(scene.vertices_m), bool)
    used[faces] = True
    renumbered = np.cumsum(used, dtype=np.uint32) - 1
    return MeshPart(scene.vertices_m[used], renumbered[faces], scene.colors_rgb[used])


def room_bounds_m(scene: StaticScene, rig: CameraRig) -> tuple[np.ndarray, np.ndarray]:
    """The (3,) low and high corner of the room, stray surface left out; of the cameras where there is no surface."""
    if len(scene.vertices_m):
        low, high = np.quantile(scene.vertices_m, [0.01, 0.99], axis=0)
        return low.astype(np.float64), high.astype(np.float64)
    places = np.array([camera.world_from_camera.translation_m for camera in rig.cameras.values()])
    return places.min(axis=0) - 1.0, places.max(axis=0) + 1.0


def corner_viewpoint(scene: StaticScene, rig: CameraRig, focus_m: np.ndarray | None = None) -> Viewpoint:
    """An eye above the side from which the cameras look, so that it sees the surfaces that they saw.

    Args:
        scene: the standing room.
        rig: the cameras; their mean position against the middle of the room gives the side.
        focus_m: (3,) what to look at; the middle of the room if None.
    """
    low_m, high_m = room_bounds_m(scene, rig)
    middle_m = (low_m + high_m) / 2
    target_m = np.array([*middle_m[:2], low_m[2] + 0.9]) if focus_m is None else np.asarray(focus_m, np.float64)
    places = np.array([camera.world_from_camera.translation_m for camera in rig.cameras.values()])
    looking = np.array([camera.world_from_camera.rotation[:, 2] for camera in rig.cameras.values()])
    side = -looking[:, :2].mean(axis=0) + 0.3 * (places[:, :2].mean(axis=0) - middle_m[:2])
    norm = float(np.linalg.norm(side))
    side = side / norm if norm > 0.15 else np.array([-0.8, -0.6])
    reach_m = 0.5 * float(np.linalg.norm(high_m[:2] - low_m[:2])) + 0.6
    eye_m = np.array([*(target_m[:2] + 0.95 * reach_m * side), low_m[2] + max(3.3, 0.95 * reach_m)])
    return Viewpoint(eye_m, target_m)
