"""What a camera sees when nobody is there: per pixel, the farthest depth that keeps coming back."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import read_only
from .camera import CameraModel
from .errors import InputError
from .noise import DepthNoise
from .storage import StoredRecording

IN_FRONT_M = 0.03


@dataclass(frozen=True, slots=True)
class BackgroundConfig:
    """How the background of one camera is estimated.

    Args:
        num_samples: frames looked at, spread evenly over the recording (memory: one depth image each).
        num_color_samples: frames of which the colour background is the median, without what stood in front.
        shadow_px: colour pixels so near to something that stood in front are left out too.
        min_support: share of a pixel's returns that must agree on a depth before it can be the room's.
        min_hits: and at least so many frames.
        gate_sigmas: returns within so many standard deviations are one depth.
        quantum_m: width of a depth step that the sensor cannot resolve, at 1 m; grows with the square of the range.
    """

    num_samples: int = 60
    num_color_samples: int = 21
    shadow_px: int = 8
    min_support: float = 0.15
    min_hits: int = 3
    gate_sigmas: float = 4.0
    quantum_m: float = 0.0015


@dataclass(frozen=True, slots=True, eq=False)
class BackgroundModel:
    """The standing room as one camera sees it, on the camera's own grids.

    Args:
        camera_id: which camera.
        depth_m: (h, w) float32 along the optical axis, 0 = nothing known.
        sigma_m: (h, w) float32 standard deviation of that mean, 0 where nothing is known.
        noise_m: (h, w) float32 standard deviation of one frame about it.
        support: (h, w) float32 share of the looked-at frames that agree.
        color_rgb: (hc, wc, 3) uint8 median colour on the colour grid, or None. Grey where something always stood in
            front: nobody who moves is in it.
    """

    camera_id: str
    depth_m: np.ndarray
    sigma_m: np.ndarray
    noise_m: np.ndarray
    support: np.ndarray
    color_rgb: np.ndarray | None

    def __post_init__(self) -> None:
        for name in ("depth_m", "sigma_m", "noise_m", "support", "color_rgb"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, read_only(value))


def estimate_background(
    recording: StoredRecording,
    camera_id: str,
    config: BackgroundConfig | None = None,
    camera: CameraModel | None = None,
    span_ns: tuple[int, int] | None = None,
) -> BackgroundModel:
    """Estimate the background of one camera.

    Per pixel the returns of the sampled frames are sorted; from far to near, the first depth on which enough of them
    agree is the room, because whatever moves stands in front of it. Farther stray returns (reflections, flying pixels)
    do not repeat and are passed over. The depth is the mean of the agreeing returns.

    Args:
        recording: where the frames come from; damaged frames are passed over.
        camera_id: which camera.
        config: see BackgroundConfig.
        camera: the camera as calibrated, whose correction of depth holds; None = as the recording has it.
        span_ns: look at frames of [begin, end) of rig time only, in which the camera stood still; None = at all.

    Raises:
        InputError: the camera has no depth at all, or none of its frames can be read.
    """
    config = config or BackgroundConfig()
    model = camera or recording.cameras[camera_id]
    if model.depth is None or not recording.has_stream(camera_id, "depth"):
        raise InputError(
            "the camera has no depth", where=f"camera {camera_id}", todo="the standing room needs depth of every camera"
        )
    positions = _spread(recording, camera_id, config.num_samples, span_ns)
    samples = [image for p in positions if (image := _read(recording.depth_counts, model, p)) is not None]
    if not samples:
        raise InputError("no depth frame of the camera can be read", where=f"camera {camera_id}")
    stack = np.stack(samples, axis=-1)
    unit_m = model.depth_unit_m
    depth_m, noise_m, hits = _farthest_mode(stack, unit_m, config)
    return BackgroundModel(
        camera_id,
        depth_m,
        np.where(hits > 0, noise_m / np.sqrt(np.maximum(hits, 1)), 0).astype(np.float32),
        noise_m,
        (hits / stack.shape[-1]).astype(np.float32),
        _empty_room_color(recording, model, _nearest_room(depth_m, noise_m, config), config, span_ns),
    )


def _nearest_room(depth_m: np.ndarray, noise_m: np.ndarray, config: BackgroundConfig) -> np.ndarray:
    """(h, w) how near the room can seem at or beside each pixel: depth edges flicker by a pixel or two."""
    import cv2

    nearest_m = np.where(depth_m > 0, depth_m - config.gate_sigmas * noise_m - IN_FRONT_M, np.float32(np.inf))
    return cv2.erode(nearest_m.astype(np.float32), np.ones((5, 5), np.uint8))


def _spread(
    recording: StoredRecording, camera_id: str, count: int, span_ns: tuple[int, int] | None = None
) -> list[int]:
    """Frame positions spread evenly over time."""
    times_ns = recording.timestamps_ns(camera_id)
    order = np.argsort(times_ns, kind="stable")
    if span_ns is not None:
        order = order[(times_ns[order] >= span_ns[0]) & (times_ns[order] < span_ns[1])]
    if len(order) == 0:
        return []
    places = np.unique(np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int))
    return [int(position) for position in order[places]]


def _read(read: Callable[[Any, int], np.ndarray | None], camera: str | CameraModel, position: int) -> np.ndarray | None:
    try:
        return read(camera, position)
    except InputError:
        return None


def _empty_room_color(
    recording: StoredRecording,
    camera: CameraModel,
    nearest_m: np.ndarray,
    config: BackgroundConfig,
    span_ns: tuple[int, int] | None,
) -> np.ndarray | None:
    """The median colour of the pixels in front of which nothing stood.

    Args:
        recording, camera: where the frames come from.
        nearest_m: (h, w) on the depth grid: what is nearer than this stands in front.
        config: see BackgroundConfig.
        span_ns: (begin, end) of rig time, or None.
    """
    from ._background_kernel import visible_median

    images, hidden = [], []
    for position in _spread(recording, camera.camera_id, config.num_color_samples, span_ns):
        image = _read(recording.color_rgb, camera.camera_id, position)
        if image is not None:
            images.append(image)
            depth_raw = _read(recording.depth_counts, camera, position)
            hidden.append(_in_front(camera, depth_raw, nearest_m, image.shape[:2], config))
    if not images:
        return None
    return _in_bands(visible_median, np.stack(images, axis=2), np.stack(hidden, axis=2))


def _in_front(
    model: CameraModel,
    depth_raw: np.ndarray | None,
    nearest_m: np.ndarray,
    shape: tuple[int, ...],
    config: BackgroundConfig,
) -> np.ndarray:
    """(hc, wc) bool: the colour pixels at and around what stands in front of the room."""
    import cv2

    mask = np.zeros(shape, np.uint8)
    if depth_raw is None or model.depth is None:
        return mask.view(bool)
    depth_m = depth_raw * np.float32(model.depth_unit_m)
    front = ((depth_raw > 0) & (depth_m < nearest_m) & np.isfinite(nearest_m)).astype(np.uint8)
    rows, columns = np.nonzero(cv2.morphologyEx(front, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)))
    points_m = model.depth.rays()[rows, columns] * depth_m[rows, columns, None]
    uv_px = model.color.project(model.color_from_depth @ points_m)
    u, v = np.rint(uv_px[model.color.contains(uv_px)]).astype(int).T
    mask[v, u] = 1
    reach = config.shadow_px + int(np.ceil(model.color.fx_px / model.depth.fx_px))
    return cv2.dilate(mask, np.ones((2 * reach + 1,) * 2, np.uint8)).view(bool)


def _in_bands(work: Callable[..., Any], *images: np.ndarray) -> Any:
    """Run a compiled loop over bands of rows on all cores; no result depends on the bands."""
    num_bands = min(os.cpu_count() or 1, 8)
    bands = zip(*(np.array_split(image, num_bands) for image in images), strict=True)
    with ThreadPoolExecutor(num_bands) as pool:
        found = list(pool.map(lambda band: work(*band), bands))
    if isinstance(found[0], tuple):
        return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))
    return np.concatenate(found)


def _farthest_mode(
    stack: np.ndarray, unit_m: float, config: BackgroundConfig
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depth, noise and hits of each pixel from (h, w, n) raw counts."""
    from ._background_kernel import farthest_mode

    noise, min_hits = DepthNoise(), min(config.min_hits, stack.shape[-1])
    return _in_bands(
        lambda band: farthest_mode(
            band, unit_m, config.min_support, min_hits, config.gate_sigmas, config.quantum_m,
            noise.constant_m, noise.quadratic_per_m,
        ),
        stack,
    )  # fmt: skip
