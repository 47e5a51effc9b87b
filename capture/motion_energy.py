"""What moves before a camera, as a few numbers a frame: how much of each part of the image stands off the background.

It needs no calibration and no person: whatever moves will do. It is cheap, because a few thousand pixels suffice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .errors import InputError
from .storage import StoredRecording

NUM_PIXELS = 6000
NUM_SAMPLES = 41
BLOCKS = 4
SIGMAS = 3.0
LEAST_SIGMA_M, SIGMA_SHARE = 0.008, 0.006
LEAST_GREY_SIGMA = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class MotionEnergy:
    """The foreground of one camera through its frames.

    Args:
        camera_id: which.
        positions: (k,) int64 frame positions that could be read.
        blocks: (k, b) float64 share of each block of the image that stands off the background.
    """

    camera_id: str
    positions: np.ndarray
    blocks: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """(k,) share of the whole image."""
        return self.blocks.mean(axis=1)


def motion_energy(
    recording: StoredRecording, camera_id: str, progress: Callable[[float], None] = lambda _share: None
) -> MotionEnergy:
    """Measure what stands off the background in every frame of a camera, in depth where it has depth, else in grey.

    Frames that are damaged or empty are left out.
    """
    depth = recording.has_stream(camera_id, "depth")
    read = _depth_reader(recording, camera_id) if depth else _grey_reader(recording, camera_id)
    count = len(recording.device_ns(camera_id))
    sampled = [read(int(k)) for k in np.unique(np.linspace(0, count - 1, min(NUM_SAMPLES, count)).astype(int))]
    images = (
        np.stack([image for image in sampled if image is not None]) if any(s is not None for s in sampled) else None
    )
    if images is None:
        return MotionEnergy(camera_id, np.zeros(0, np.int64), np.zeros((0, BLOCKS**2)))
    images = np.where(images > 0, images, np.nan)
    seen = np.isfinite(images).any(axis=0)
    background = np.zeros(images.shape[1:])
    background[seen] = np.nanmedian(images[:, seen], axis=0)
    spread = np.zeros_like(background)
    spread[seen] = 1.4826 * np.nanmedian(np.abs(images[:, seen] - background[seen]), axis=0)
    least = LEAST_SIGMA_M + SIGMA_SHARE * background if depth else np.full_like(background, LEAST_GREY_SIGMA)
    gate = SIGMAS * np.clip(spread, least, 4 * least)
    positions, rows = [], []
    for position in range(count):
        image = read(position)
        if image is None:
            continue
        off = (image > 0) & (background > 0) & (np.abs(image - background) > gate)
        positions.append(position)
        rows.append([part.mean() for band in np.array_split(off, BLOCKS) for part in np.array_split(band, BLOCKS, 1)])
        if position % 200 == 0:
            progress(position / count)
    return MotionEnergy(camera_id, np.array(positions, dtype=np.int64), np.array(rows).reshape(-1, BLOCKS**2))


def _depth_reader(recording: StoredRecording, camera_id: str) -> Callable[[int], np.ndarray | None]:
    unit_m = recording.cameras[camera_id].depth_unit_m

    def read(position: int) -> np.ndarray | None:
        try:
            raw = recording.depth_raw(camera_id, position)
        except InputError:
            return None
        return None if raw is None else _thinned(raw) * unit_m

    return read


def _grey_reader(recording: StoredRecording, camera_id: str) -> Callable[[int], np.ndarray | None]:
    def read(position: int) -> np.ndarray | None:
        try:
            color = recording.color_rgb(camera_id, position, 8)
        except InputError:
            return None
        return None if color is None else 1.0 + _thinned(color).mean(axis=2)

    return read


def _thinned(image: np.ndarray) -> np.ndarray:
    step = max(int(np.sqrt(image.shape[0] * image.shape[1] / NUM_PIXELS)), 1)
    return image[::step, ::step].astype(np.float64)
