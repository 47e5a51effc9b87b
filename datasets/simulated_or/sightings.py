"""Who is seen when by which camera: whole things, and the joints of people, by rays through the true scene.

Nothing here depends on frames: a camera that stands somewhere at an instant sees what its depth lens has a free way to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from ...capture.camera import Camera, CameraRig, Intrinsics
from ...capture.geometry import SE3
from .faults import Schedule
from .moments import Moment, is_person, surface_samples
from .performance import Actor, Performance
from .ray_scene import RayScene

#: A thing is seen where it shows so many pixels, and such a share of what it would show with nothing in front of it.
SEEN_PIXELS, SEEN_SHARE = 16.0, 0.05
#: A joint is seen where its person's surface lies at most so far in front of it.
JOINT_DEPTH_M = 0.2
#: A sample of a surface is seen where the first thing on the way is its own surface, so near to it.
SURFACE_M = 0.02
NUM_PERSON_SAMPLES, NUM_SAMPLES, NUM_JOINTS = 240, 96, 17
WATCHED_WITHIN_FRAMES = 1.5

CameraAt = Callable[[int], Mapping[str, Camera]]
"""From rig time in ns to the cameras that deliver frames then, where they stand then."""


class Sightings:
    """Gathers, for each moving thing and instant, the cameras that see it.

    Args:
        performance: whose moments come.
        num_instants: how many.
        cameras_at: which cameras look, and from where.
    """

    def __init__(self, performance: Performance, num_instants: int, cameras_at: CameraAt) -> None:
        self._performance, self._cameras_at = performance, cameras_at
        self._samples = {name: _Samples(performance, name) for name in performance.actors}
        mesh = performance.room.mesh
        self._room = RayScene(mesh.vertices_m, mesh.faces)
        self.cameras: dict[str, list[tuple[str, ...]]] = {name: [()] * num_instants for name in performance.actors}
        self.joint_cameras: dict[str, list[tuple[tuple[str, ...], ...]]] = {
            name: [((),) * NUM_JOINTS] * num_instants for name, one in performance.actors.items() if is_person(one)
        }

    def seen(self) -> np.ndarray:
        """(t, m) bool: whether any camera sees a thing, in the order of the performance."""
        return np.array([[bool(names) for names in one] for one in self.cameras.values()], dtype=bool).T

    def add(self, moment: Moment, time_ns: int) -> None:
        """Look at a moment with every camera."""
        names, cameras = list(moment.vertices_m), self._cameras_at(time_ns)
        if not names or not cameras:
            return
        moving = _Moving(self._performance, moment)
        patches = [self._samples[name].patches(moment.vertices_m[name]) for name in names]
        people = [name for name in names if name in self.joint_cameras]
        joints = [_joints_m(self._performance.actors[name], moment.time_s) for name in people]
        targets_m = np.concatenate([*(places_m for places_m, _ in patches), *joints])
        owner = np.concatenate(
            [np.full(len(places_m), i) for i, (places_m, _) in enumerate(patches)]
            + [np.full(NUM_JOINTS, names.index(name)) for name in people]
        )
        depth_m = np.full(len(targets_m), SURFACE_M)
        depth_m[len(targets_m) - NUM_JOINTS * len(people) :] = JOINT_DEPTH_M
        for camera_id, camera in cameras.items():
            lens, world_from_lens = eye_of(camera)
            local_m = world_from_lens.inverse() @ targets_m
            in_view = lens.contains(lens.project(local_m))
            seen = np.zeros(len(targets_m), dtype=bool)
            seen[in_view] = self._reaches(
                moving, world_from_lens.translation_m, targets_m[in_view], owner[in_view], depth_m[in_view]
            )
            begin = 0
            for name, (places_m, normals) in zip(names, patches, strict=True):
                mine = slice(begin, begin := begin + len(places_m))
                pixels = self._samples[name].share_m2 * _pixels_per_m2(lens, world_from_lens, places_m, normals)
                # Of a closed surface, half of what lies in view faces the lens.
                alone = pixels[in_view[mine]].sum() / 2
                if pixels[seen[mine]].sum() >= max(SEEN_PIXELS, SEEN_SHARE * alone):
                    self.cameras[name][moment.instant] += (camera_id,)
            for name in people:
                mine = slice(begin, begin := begin + NUM_JOINTS)
                rows = self.joint_cameras[name]
                rows[moment.instant] = tuple(
                    (*before, camera_id) if sees else before
                    for before, sees in zip(rows[moment.instant], seen[mine].tolist(), strict=True)
                )

    def _reaches(
        self, moving: _Moving, eye_m: np.ndarray, targets_m: np.ndarray, owner: np.ndarray, depth_m: np.ndarray
    ) -> np.ndarray:
        """(n,) bool: whether the first thing on the way to a target is its owner, at most `depth_m` in front of it."""
        ways = targets_m - eye_m
        rays = np.concatenate([np.broadcast_to(eye_m, ways.shape), ways], axis=1)
        first, who = moving.cast(rays)
        short_m = (1.0 - first) * np.linalg.norm(ways, axis=1)
        return (who == owner) & (first <= self._room.cast(rays)[0]) & (short_m <= depth_m) & (short_m >= -SURFACE_M)


class _Samples:
    """Places spread over the surface of one actor, each of which stands for an equal share of its area."""

    def __init__(self, performance: Performance, name: str) -> None:
        actor = performance.actors[name]
        number = NUM_PERSON_SAMPLES if is_person(actor) else NUM_SAMPLES
        self._corners, self._weights = surface_samples(actor, number)
        corners_m = np.asarray(actor.vertices_m(0.0), dtype=np.float64)[actor.mesh.faces]
        self.share_m2 = float(np.linalg.norm(_normals(corners_m), axis=1).sum() / 2 / number)

    def patches(self, vertices_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(k, 3) where the places are now, and (k, 3) unit normals of their triangles."""
        corners_m = vertices_m[self._corners].astype(np.float64)
        normals = _normals(corners_m)
        length = np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        return np.einsum("skc,sk->sc", corners_m, self._weights), normals / length


class _Moving:
    """Everything that moves, where it is at a moment."""

    def __init__(self, performance: Performance, moment: Moment) -> None:
        meshes = [performance.actors[name].mesh.faces for name in moment.vertices_m]
        sizes = [len(vertices_m) for vertices_m in moment.vertices_m.values()]
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        faces = np.concatenate([faces + start for faces, start in zip(meshes, starts, strict=True)])
        self._owner = np.concatenate([np.full(len(faces), i) for i, faces in enumerate(meshes)])
        self._scene = RayScene(np.concatenate(list(moment.vertices_m.values())), faces)

    def cast(self, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n,) how far along their own length rays (n, 6) get, and (n,) number of what stops them, -1 = nothing."""
        share, face, _ = self._scene.cast(rays)
        return share, np.where(face >= 0, self._owner[face], -1)


def watching(rig: CameraRig, schedule: Schedule | None) -> CameraAt:
    """The cameras of a rig at any time: all of them, or with a schedule those that deliver, from where they stand.

    A camera delivers at a moment that is within one and a half frame intervals of a sound frame.
    """
    if schedule is None:
        return lambda _: rig.cameras
    good = {
        name: np.sort([shot.rig_ns for shot in shots if shot.state not in ("dropped", "corrupt")])
        for name, shots in schedule.shots.items()
    }
    within_ns = {
        name: WATCHED_WITHIN_FRAMES * float(np.median(np.diff([shot.rig_ns for shot in shots])))
        for name, shots in schedule.shots.items()
        if len(shots) > 1
    }

    def at(time_ns: int) -> Mapping[str, Camera]:
        return {
            name: replace(rig[name], world_from_camera=schedule.pose(name, time_ns))
            for name, times in good.items()
            if len(times) and np.abs(times - time_ns).min() <= within_ns.get(name, np.inf)
        }

    return at


def eye_of(camera: Camera) -> tuple[Intrinsics, SE3]:
    """The lens that measures depth (or the only one), and world_from_lens."""
    if camera.depth is None:
        return camera.color, camera.world_from_camera
    return camera.depth, camera.world_from_depth


def _pixels_per_m2(lens: Intrinsics, world_from_lens: SE3, places_m: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """(k,) pixels that a square metre covers at places (k, 3) with unit normals (k, 3), whichever side faces the lens.

    It is fx fy / z^2 for a surface parallel to the image; distortion is left out.
    """
    way = places_m - world_from_lens.translation_m
    along_m = np.maximum(way @ world_from_lens.rotation[:, 2], 0.05)
    return lens.fx_px * lens.fy_px * np.abs(np.einsum("kc,kc->k", way, normals)) / along_m**3


def _joints_m(actor: Actor, time_s: float) -> np.ndarray:
    return actor.joints_m(time_s) if is_person(actor) else np.zeros((0, 3))


def _normals(corners_m: np.ndarray) -> np.ndarray:
    """(n, 3) normals of triangles (n, 3, 3), twice as long as they are large."""
    return np.cross(corners_m[:, 1] - corners_m[:, 0], corners_m[:, 2] - corners_m[:, 0])
