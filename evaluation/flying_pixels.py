"""How right the cleaning of depth is: precision and recall of flying pixels.

A flying pixel is a return where nothing is, between the border of one thing and what lies behind it. Here a pixel flies
when its depth is farther than max(4 sigma, 30 mm) from every true surface in its cone. The cone is one pixel wide: nine
rays, each standing for a ninth of it; the surface that a ray meets is taken as flat within its ninth, so that a slanted
surface fills a span of depths. sigma is that of the noise model at this depth and slant.

A pixel is judged only where the truth knows every surface that could be in its cone: where a person or a thing without
a recorded surface is in the picture within two pixels, it is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..capture.camera import Camera
from ..capture.errors import InputError
from ..capture.noise import DepthNoise
from ..capture.storage import StoredRecording
from .foreground import mask_frames, overlap, spread
from .rows import MaskReader
from .surfaces import first_hits, raycasting_scene, true_surfaces
from .truth import Truth

if TYPE_CHECKING:
    import open3d as o3d

SIGMAS = 4.0
FLOOR_M = 0.030
RAYS_A_SIDE = 3
BORDER_PX = 2
LARGEST_SHARE = 0.5
FIRST_THING = 101
MOST_FRAMES = 12


@dataclass(frozen=True, slots=True)
class FlyingPixelScores:
    """Flying pixels against truth, pixels pooled over all cameras and compared frames.

    Args:
        precision: share in [0, 1] of the pixels called flying that fly; None where none is called so.
        recall: share in [0, 1] of the flying pixels that are called so; None where none flies.
        flying_share: share in [0, 1] of the judged returns that fly.
        num_judged: returns that the truth could judge.
        num_frames: frames compared.
    """

    precision: float | None
    recall: float | None
    flying_share: float
    num_judged: int
    num_frames: int


@dataclass(frozen=True, slots=True, eq=False)
class JudgedFrame:
    """A depth frame beside the truth of its moment.

    Args:
        camera: where it truly stands.
        index: of the frame, from 0.
        depth_raw: (h, w) uint16 counts, 0 = no return.
        judged: (h, w) bool, the returns of which the truth knows every surface that they could be of.
        scene: all true surfaces, world.
    """

    camera: Camera
    index: int
    depth_raw: np.ndarray
    judged: np.ndarray
    scene: o3d.t.geometry.RaycastingScene

    @property
    def depth_m(self) -> np.ndarray:
        """(h, w) float32 metres along the axis, 0 = no return."""
        return self.depth_raw * np.float32(self.camera.depth_unit_m)


def judged_frames(recording: StoredRecording, truth: Truth) -> Iterator[JudgedFrame]:
    """At most 12 frames per camera, evenly spread, that are whole and lie near enough to an instant of the truth."""
    for camera_id, index, position, instant in _frames(recording, truth):
        owner = truth.foreground(camera_id, index)
        try:
            depth_raw = recording.depth_raw(camera_id, position)
        except InputError:  # a damaged frame cannot be judged
            continue
        if owner is None or depth_raw is None:
            continue
        camera = recording.cameras[camera_id].placed((truth.poses or {})[camera_id])
        judged = (depth_raw > 0) & ~near_owners(owner, _without_surface(truth, instant, owner))
        yield JudgedFrame(camera, index, depth_raw, judged, raycasting_scene(true_surfaces(truth, instant)))


def score_flying_pixels(
    flying: MaskReader, recording: StoredRecording, truth: Truth, noise: DepthNoise | None = None
) -> FlyingPixelScores | None:
    """Score the pixels that were called flying; None where the truth has no room, no poses or no clocks for it.

    At most 12 frames per camera are compared, evenly spread; the true surfaces are those of the instant nearest to the
    true time of the frame, so that frames more than a quarter of a step away from one are left out.
    """
    if truth.room_vertices_m is None or truth.poses is None or truth.clocks is None or truth.folder is None:
        return None
    counts, num_frames, num_judged = np.zeros(3, np.int64), 0, 0
    for frame in judged_frames(recording, truth):
        called = flying(frame.camera.camera_id, frame.index)
        if called is None:
            continue
        flies = flying_pixels(frame.depth_m, frame.camera, frame.scene, noise or DepthNoise()) & frame.judged
        counts += overlap((called > 0) & frame.judged, flies, f"{frame.camera.camera_id}, frame {frame.index}")
        num_judged += int(frame.judged.sum())
        num_frames += 1
    if not num_judged:
        return None
    both, num_called, num_flying = (int(count) for count in counts)
    return FlyingPixelScores(
        both / num_called if num_called else None, both / num_flying if num_flying else None,
        num_flying / num_judged, num_judged, num_frames,
    )  # fmt: skip


def flying_pixels(
    depth_m: np.ndarray, camera: Camera, scene: o3d.t.geometry.RaycastingScene, noise: DepthNoise
) -> np.ndarray:
    """(h, w) bool, which returns of a depth image fly.

    Args:
        depth_m: (h, w) metres along the axis, 0 = no return.
        camera: the depth camera where it truly stands.
        scene: all true surfaces, world.
        noise: what the sensor may do by itself.
    """
    assert camera.depth is not None
    pose = camera.world_from_depth
    rows, columns = np.nonzero(depth_m > 0)
    read_m = depth_m[rows, columns].astype(np.float64)
    least_m = np.full(len(rows), np.inf)
    width_px = 1 / RAYS_A_SIDE
    for offset in np.ndindex(RAYS_A_SIDE, RAYS_A_SIDE):
        du, dv = (np.array(offset) + 0.5) * width_px - 0.5
        rays = camera.depth.back_project(np.stack([columns + du, rows + dv], axis=-1).astype(np.float64), 1.0)
        hit_m, normals = first_hits(scene, pose.translation_m, pose.rotate(np.nan_to_num(rays)))
        local = normals @ pose.rotation
        length = np.linalg.norm(rays, axis=-1)
        cosine = np.abs((local * rays).sum(axis=-1)) / np.maximum(length, 1e-12)
        tangent = np.sqrt(1 - np.clip(cosine, 0, 1) ** 2) / np.maximum(cosine, 1e-6)
        hit_m = np.where(np.isfinite(hit_m), hit_m, np.nan)
        # The depth of a plane is 1 / (normal . ray): by this share its inverse changes towards the corners of the part.
        slope = width_px / 2 * (np.abs(local[:, 0]) / camera.depth.fx_px + np.abs(local[:, 1]) / camera.depth.fy_px)
        share = np.minimum(slope / np.maximum(cosine * length, 1e-6), LARGEST_SHARE)
        allowed_m = np.maximum(SIGMAS * noise.sigma_m(hit_m, tangent), FLOOR_M)
        beyond_m = np.maximum(read_m - hit_m / (1 - share), hit_m / (1 + share) - read_m) - allowed_m
        least_m = np.fmin(least_m, beyond_m)
    flies = np.zeros(depth_m.shape, dtype=bool)
    flies[rows, columns] = least_m > 0
    return flies


def near_owners(owner: np.ndarray, numbers: list[int]) -> np.ndarray:
    """(h, w) bool, the pixels within two of one that belongs to one of these owners."""
    import cv2

    size = 2 * BORDER_PX + 1
    return cv2.dilate(np.isin(owner, numbers).astype(np.uint8), np.ones((size, size), np.uint8)) > 0


def _without_surface(truth: Truth, instant: int, owner: np.ndarray) -> list[int]:
    """The owners in an image whose surface the truth does not record. Owners count people, then tools from 101."""
    people, tools = list(truth.people or {}), list((truth.tools or {}).values())
    known = [1 + i for i, name in enumerate(people) if truth.body(name, instant) is not None]
    known += [FIRST_THING + i for i, tool in enumerate(tools) if truth.tool_shape(tool.tool_id, tool.label) is not None]
    return sorted(set(np.unique(owner).tolist()) - {0, *known})


def _frames(recording: StoredRecording, truth: Truth) -> list[tuple[str, int, int, int]]:
    """Camera, frame index, position and instant of the frames to compare."""
    found = []
    for camera_id, indices in mask_frames(truth).items():
        if any(camera_id not in known for known in (recording.cameras, truth.poses or {}, truth.clocks or {})):
            continue
        position = {int(index): place for place, index in enumerate(recording.indices(camera_id))}
        times_ns = (truth.clocks or {})[camera_id].rig_ns(recording.device_ns(camera_id))
        for index in spread([index for index in indices if index in position], MOST_FRAMES):
            time_ns = int(times_ns[position[index]])
            instant = int(np.abs(truth.times_ns - time_ns).argmin())
            if 4 * abs(int(truth.times_ns[instant]) - time_ns) <= truth.step_ns:
                found.append((camera_id, index, position[index], instant))
    return found
