"""Who was seen when by which camera: whole things, and the joints of people."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...capture.camera import Camera
from .render import View
from .script import Scene

#: A thing is seen where it shows so many pixels (of the full image), and such a share of what it would show alone.
SEEN_PIXELS, SEEN_SHARE = 40, 0.05
#: A joint is seen where its person's surface lies at most so far in front of it.
JOINT_DEPTH_M = 0.2
FIRST_THING = 101


def owners_of(scene: Scene) -> dict[str, int]:
    """The number in the foreground masks of everything that moves: people from 1, things from 101."""
    people = {name: number for number, name in enumerate(scene.bodies, start=1)}
    things = [name for name in scene.solids if name not in people]
    return {**people, **{name: FIRST_THING + number for number, name in enumerate(things)}}


class Sightings:
    """Gathers, per thing and instant, the cameras that see it.

    Args:
        scene: what moves.
        num_instants: how many instants there are.
        scale: size of the images against the sensor's own.
    """

    def __init__(self, scene: Scene, num_instants: int, scale: float) -> None:
        self.scene, self.owners, self.least = scene, owners_of(scene), max(1.0, SEEN_PIXELS * scale**2)
        self.cameras: dict[str, list[list[str]]] = {name: [[] for _ in range(num_instants)] for name in scene.solids}
        self.joint_cameras: dict[str, list[list[list[str]]]] = {
            name: [[[] for _ in body.joints_m[0]] for _ in range(num_instants)] for name, body in scene.bodies.items()
        }

    def add(self, position: int, camera: Camera, view: View, counts: Mapping[int, tuple[int, int]]) -> None:
        """Take one depth view: at an instant, with per owner the pixels that it shows and would show alone."""
        for name, owner in self.owners.items():
            shown, alone = counts.get(owner, (0, 0))
            if shown >= max(self.least, SEEN_SHARE * alone):
                self.cameras[name][position].append(camera.camera_id)
        for name, body in self.scene.bodies.items():
            for joint in np.flatnonzero(_joints_seen(body.joints_m[position], self.owners[name], camera, view)):
                self.joint_cameras[name][position][joint].append(camera.camera_id)


def _joints_seen(joints_m: np.ndarray, owner: int, camera: Camera, view: View) -> np.ndarray:
    """(j,) bool: whether a joint's own person covers its pixel, closely in front of it."""
    lens = camera.depth
    if lens is None:
        return np.zeros(len(joints_m), dtype=bool)
    local = camera.world_from_depth.inverse() @ joints_m
    uv = lens.project(local)
    inside = lens.contains(uv)
    column, row = np.rint(np.where(inside[:, None], uv, 0.0)).astype(int).T
    near = np.abs(local[:, 2] - view.depth_m[row, column]) <= JOINT_DEPTH_M
    return inside & near & (view.owner[row, column] == owner)
