"""Cameras that look a little elsewhere than the rig says, found by the people whom they see.

Where several cameras see a joint their rays should meet. If those of one camera pass all people on the same side, that
camera is turned, or its lens is aimed otherwise than was measured: a principal point that is off by 30 pixels is a turn
of a degree. Joints and turns are found alternately, robustly: each joint where the rays of three cameras or more meet
best, then for each camera the rotation that brings these joints to its keypoints. It is held to the rig by a deviation
of half a degree against rays that count as a hundred, because a detector errs alike from instant to instant. What all
cameras have in common cannot be told by people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..capture.camera import CameraRig
from ..capture.geometry import SE3
from .detections import LiftedInstant, Sighting

MIN_SCORE = 0.3
SIGMA_PX = 9.0  # for images 1920 pixels long, as the fit takes it
TURN_RAD = np.deg2rad(0.5)
MOST_RAYS = 100.0
MIN_RAYS = 200
MOST_JOINTS = 4000
ROUNDS = 30


def turn_cameras(
    sightings: Sequence[Sighting], instants: Sequence[LiftedInstant], rig: CameraRig
) -> tuple[CameraRig, dict[str, float]]:
    """The rig with each camera turned about its centre as the people say, and by how many degrees.

    Args:
        sightings: what the cameras saw.
        instants: who was lifted from them.
        rig: the cameras.

    Returns:
        The rig and the turn of each camera, degrees; a camera with fewer than 200 rays to joints that three cameras see
        is left as it is and is absent.
    """
    names = list(rig.cameras)
    camera, joint, ray = _rays(sightings, instants, rig, names)
    rotation = np.stack([rig[name].world_from_camera.rotation for name in names])
    centre_m = np.stack([rig[name].world_from_camera.translation_m for name in names])
    counts = np.bincount(camera, minlength=len(names))
    usable = [number for number in range(len(names)) if counts[number] >= MIN_RAYS]
    focal = np.array(
        [(rig[name].color.fx_px * 1920 / max(rig[name].color.width_px, rig[name].color.height_px)) for name in names]
    )
    sigma = (SIGMA_PX / focal)[camera]
    turned = rotation.copy()
    weight = np.ones(len(camera))
    for _ in range(ROUNDS):
        world = np.einsum("nab,nb->na", turned[camera], ray)
        across = np.eye(3) - world[:, :, None] * world[:, None, :]
        point_m = _meet(joint, across, centre_m[camera], weight)
        off_m = point_m[joint] - centre_m[camera]
        far_m = np.linalg.norm(off_m, axis=1)
        seen = np.einsum("nba,nb->na", turned[camera], off_m) / far_m[:, None]
        weight = 1.0 / (1.0 + (np.linalg.norm(np.cross(seen, ray), axis=1) / (2 * sigma)) ** 2)
        for number in usable:
            mine = camera == number
            gain = weight[mine] / sigma[mine] ** 2 * min(1.0, MOST_RAYS / max(weight[mine].sum(), 1e-9))
            done = SE3(rotation[number].T @ turned[number], np.zeros(3)).log()[:3]
            turned[number] = turned[number] @ _turn(seen[mine], ray[mine], gain, done)
        weight /= far_m**2
    cameras, turns_deg = dict(rig.cameras), {}
    for number in usable:
        pose = SE3(turned[number], centre_m[number])
        cameras[names[number]] = replace(cameras[names[number]], world_from_camera=pose)
        turns_deg[names[number]] = float(np.rad2deg(SE3(rotation[number].T @ turned[number], np.zeros(3)).angle_rad()))
    return replace(rig, cameras=cameras), turns_deg


def _rays(
    sightings: Sequence[Sighting], instants: Sequence[LiftedInstant], rig: CameraRig, names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Camera, joint number and unit ray (camera frame) of keypoints of joints that three cameras see."""
    rows: list[list[tuple[int, np.ndarray]]] = []
    for sighting, instant in zip(sightings, instants, strict=True):
        for person in instant.people:
            found = [
                (names.index(name), sighting.cameras[name][k])
                for name, k in zip(person.views, person.detections, strict=True)
            ]
            for index in range(len(person.joints_m)):
                seen = [(number, one.keypoints_px[index]) for number, one in found if one.scores[index] >= MIN_SCORE]
                if len(seen) >= 3:
                    rows.append(seen)
    rows = rows[:: max(1, len(rows) // MOST_JOINTS)]
    camera = np.array([number for row in rows for number, _ in row], dtype=np.int64)
    joint = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    ray = np.zeros((len(camera), 3))
    uv_px = np.array([point for row in rows for _, point in row]).reshape(-1, 2)
    for number, name in enumerate(names):
        mine = camera == number
        ray[mine] = rig[name].color.back_project(uv_px[mine], 1.0)
    return camera, joint, ray / np.maximum(np.linalg.norm(ray, axis=1, keepdims=True), 1e-9)


def _meet(joint: np.ndarray, across: np.ndarray, centre_m: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(j, 3) where the rays of each joint meet best."""
    count = int(joint.max()) + 1 if len(joint) else 0
    matrix, right = np.zeros((count, 3, 3)), np.zeros((count, 3))
    np.add.at(matrix, joint, weight[:, None, None] * across)
    np.add.at(right, joint, weight[:, None] * np.einsum("nab,nb->na", across, centre_m))
    scale = np.trace(matrix, axis1=1, axis2=2)[:, None, None]
    return np.linalg.solve(matrix + 1e-9 * scale * np.eye(3), right[..., None])[..., 0]


def _turn(seen: np.ndarray, ray: np.ndarray, gain: np.ndarray, done_rad: np.ndarray) -> np.ndarray:
    """The rotation that takes rays to where joints are seen, as far as the rig lets it after what was turned before."""
    across = np.eye(3) - ray[:, :, None] * ray[:, None, :]
    matrix = np.einsum("n,nab->ab", gain, across) + np.eye(3) / TURN_RAD**2
    pull = (gain[:, None] * np.cross(ray, seen)).sum(axis=0) - done_rad / TURN_RAD**2
    return SE3.exp(np.concatenate([np.linalg.solve(matrix, pull), np.zeros(3)])).rotation
