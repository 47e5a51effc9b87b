"""What several cameras say of one return: where others look through a point, nothing stands there.

A return of one camera is a point in the room. Another camera that reads something behind that point, in all pixels
around its image, says that the point is empty. Where enough others say so, the return is false: it flies, or it comes
from the light of another camera. One camera's own errors do not repeat in another, therefore the vote also finds what
no look at one image can. (Space carving, Kutulakos and Seitz 2000, with returns in place of colours.)
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .arrays import MaskImage, RawDepthImage
from .camera import Camera, Intrinsics
from .noise import DepthNoise

CELLS_PER_PIXEL = 1


@dataclass(frozen=True, slots=True)
class VoteConfig:
    """When the others outvote a return.

    Args:
        enabled: whether the others are asked at all.
        sigmas, margin_m: a camera looks through a point when it reads depth beyond it by sigmas * sigma + margin; the
            margin covers the errors of poses and depth, and what moves between two shutters.
        least_votes: so many others must look through the point; one where there is only one other camera.
        noise: the frontal noise of the sensors.
    """

    enabled: bool = True
    sigmas: float = 4.0
    margin_m: float = 0.03
    least_votes: int = 2
    noise: DepthNoise = field(default_factory=DepthNoise)


def free_space_votes(
    cameras: Mapping[str, Camera], images: Mapping[str, RawDepthImage], config: VoteConfig | None = None
) -> dict[str, np.ndarray]:
    """(h, w) uint8 by camera: how many other cameras look through each return.

    Args:
        cameras: where they stand.
        images: raw depth of one instant by camera id, 0 = no return; all of cameras with a depth lens.
        config: see VoteConfig.
    """
    import cv2

    from ._vote_kernel import add_votes

    config, kernel = config or VoteConfig(), np.ones((3, 3), np.uint8)
    free_to_m = {}
    for name, image in images.items():
        if (lens := cameras[name].depth) is not None:
            limit_m = _free_to_m(cv2.erode(image, kernel), cameras[name].depth_unit_m, config)
            free_to_m[name] = np.append(limit_m, np.float32(0))[_pixel_table(lens.key)[0]]
    found = {}
    for name, image in images.items():
        camera, votes = cameras[name], np.zeros(image.shape, np.uint8)
        for other_name, free_m in free_to_m.items():
            other = cameras[other_name]
            if other_name == name or camera.depth is None or other.depth is None:
                continue
            pose = other.world_from_depth.inverse() @ camera.world_from_depth
            _, low, per = _pixel_table(other.depth.key)
            add_votes(
                votes, image, np.float32(camera.depth_unit_m), camera.depth.rays(), pose.rotation.astype(np.float32),
                pose.translation_m.astype(np.float32), free_m, *low, *per,
            )  # fmt: skip
        found[name] = votes
    return found


def outvoted(
    cameras: Mapping[str, Camera], images: Mapping[str, RawDepthImage], config: VoteConfig | None = None
) -> dict[str, MaskImage]:
    """(h, w) bool by camera: the returns that enough other cameras look through; see `free_space_votes`."""
    config = config or VoteConfig()
    if not config.enabled:
        return {name: np.zeros(image.shape, dtype=bool) for name, image in images.items()}
    needed = max(1, min(config.least_votes, len(images) - 1))
    return {name: votes >= needed for name, votes in free_space_votes(cameras, images, config).items()}


def _free_to_m(nearest_raw: np.ndarray, unit_m: float, config: VoteConfig) -> np.ndarray:
    """Flat float32: up to where a camera that reads these counts has seen that there is nothing; 0 = not known."""
    read_m = np.arange(65536) * unit_m
    limit_m = np.maximum(read_m - config.margin_m - config.sigmas * config.noise.sigma_m(read_m), 0).astype(np.float32)
    limit_m[0] = 0
    return limit_m[nearest_raw.ravel()]


@functools.lru_cache(maxsize=32)
def _pixel_table(key: tuple) -> tuple[np.ndarray, tuple[np.float32, np.float32], tuple[np.float32, np.float32]]:
    """Pixel numbers by place at depth 1 (one past the last = none), in cells of a pixel; begin, cells per unit."""
    lens = Intrinsics(*key[:7], distortion=np.array(key[7:], dtype=np.float64))
    rays = lens.rays()[..., :2]
    seen = rays[np.abs(rays).sum(axis=-1) > 0]
    low, high = seen.min(axis=0), seen.max(axis=0)
    per = CELLS_PER_PIXEL * np.array([lens.fx_px, lens.fy_px])
    columns, rows = np.ceil((high - low) * per).astype(int)
    x, y = np.meshgrid(low[0] + (np.arange(columns) + 0.5) / per[0], low[1] + (np.arange(rows) + 0.5) / per[1])
    uv_px = lens.project(np.stack([x, y, np.ones_like(x)], axis=-1))
    inside = lens.contains(uv_px)
    u, v = np.nan_to_num(np.rint(uv_px), nan=0.0).astype(np.intp).transpose(2, 0, 1)
    table = np.where(inside, v * lens.width_px + u, lens.width_px * lens.height_px)
    table.flags.writeable = False
    return table, (np.float32(low[0]), np.float32(low[1])), (np.float32(per[0]), np.float32(per[1]))
