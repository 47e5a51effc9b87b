"""What all cameras saw at several instants, in one table: keypoints of the ideal image and rays in the world.

Building it is cheap by the instant only where many instants are built together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..capture.camera import CameraRig
from .detections import Sighting
from .matching import Rays
from .pose_fit import FitConfig, Table, ideal
from .skeleton import NUM_JOINTS

INSTANTS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Glances:
    """The detections of some instants in which anything was seen, instant by instant and camera by camera.

    Args:
        table: of all.
        origin_m: (n, 3) where the camera of each stands.
        first: (t + 1,) where each instant begins.
        names: camera and position in its list, by detection.
    """

    table: Table
    origin_m: np.ndarray
    first: list[int]
    names: list[tuple[str, int]]

    def rays(self, instant: int) -> Rays:
        """Those of one instant as matching takes them."""
        mine, table = slice(self.first[instant], self.first[instant + 1]), self.table
        return Rays(table.camera[mine], self.origin_m[mine], table.rays[mine], table.score[mine] > 0, table.sigma[mine])


def glances_of(sightings: Sequence[Sighting], rig: CameraRig, config: FitConfig) -> Glances:
    """The table of some instants."""
    cameras = sorted({name for sighting in sightings for name in sighting.cameras})
    poses = [rig[name].camera_from_world for name in cameras]
    rotation = np.array([pose.rotation for pose in poses]).reshape(-1, 3, 3)
    translation_m = np.array([pose.translation_m for pose in poses]).reshape(-1, 3)
    eye_m = -np.einsum("cba,cb->ca", rotation, translation_m)
    parts, keys = [], []
    for number, name in enumerate(cameras):
        lists = [sighting.cameras.get(name, ()) for sighting in sightings]
        found = [detection for one in lists for detection in one]
        uv, sigma, score, depth = ideal(rig[name], found, config)
        ahead = np.concatenate([uv, np.ones((len(found), NUM_JOINTS, 1))], axis=-1)
        rays = ahead / np.linalg.norm(ahead, axis=-1, keepdims=True) @ rotation[number]
        parts.append((uv, sigma, score, depth, rays))
        keys.append(
            np.array([(t, number, k) for t, one in enumerate(lists) for k in range(len(one))], dtype=np.int64)
            .reshape(-1, 3)
        )  # fmt: skip
    if not parts:
        parts, keys = [_nothing()], [np.zeros((0, 3), dtype=np.int64)]
    key = np.concatenate(keys)
    uv, sigma, score, depth, rays = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.lexsort((key[:, 2], key[:, 1], key[:, 0]))
    order = order[(score[order] > 0).any(axis=1)]
    key = key[order]
    camera = np.ascontiguousarray(key[:, 1])
    table = Table(
        camera, uv[order], sigma[order], score[order], depth[order], rays[order], rotation, translation_m, eye_m
    )
    first = np.searchsorted(key[:, 0], np.arange(len(sightings) + 1)).tolist()
    names = [(cameras[number], place) for _, number, place in key.tolist()]
    return Glances(table, eye_m[camera], first, names)


def _nothing() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    pairs = np.zeros((0, NUM_JOINTS, 2))
    return pairs, pairs, np.zeros((0, NUM_JOINTS)), pairs, np.zeros((0, NUM_JOINTS, 3))
