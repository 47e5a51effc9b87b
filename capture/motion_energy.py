"""What moves before a camera, as one number a frame: the share of pixels that changed since the frame before.

It needs no calibration and no person: whatever moves will do. It is cheap, because a few thousand pixels suffice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .errors import InputError
from .storage import StoredRecording

NUM_PIXELS = 12000
NUM_SAMPLES = 61
SIGMAS = 4.0
USUAL, FLICKERS = 0.8, 2.0
LEAST_SIGMA_M, SIGMA_SHARE_PER_M = 0.004, 0.0015
GREY_SIGMA = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class MotionEnergy:
    """How much moved before one camera through its frames.

    Args:
        camera_id: which.
        positions: (k,) int64 frame positions that could be read.
        moved: (k,) float64 share of pixels that changed since the frame before; NaN where that was not read.
    """

    camera_id: str
    positions: np.ndarray
    moved: np.ndarray


def moved_share(before: np.ndarray, image: np.ndarray, *, depth: bool, least: np.ndarray | float = 0.0) -> float:
    """Share of the pixels seen in both images (h, w) that changed by more than noise does.

    Args:
        before, image: depth in m, or grey values in 1 to 256; 0 where nothing was measured.
        depth: which of the two. Noise of depth grows with its square.
        least: (h, w) change that a pixel shows though nothing moves.
    """
    sigma = LEAST_SIGMA_M + SIGMA_SHARE_PER_M * np.minimum(before, image) ** 2 if depth else GREY_SIGMA
    seen = (before > 0) & (image > 0)
    changed = seen & (np.abs(image - before) > np.maximum(SIGMAS * np.sqrt(2.0) * sigma, least))
    return float(changed.sum() / max(int(seen.sum()), 1))


def motion_energy(
    recording: StoredRecording, camera_id: str, progress: Callable[[float], None] = lambda _share: None
) -> MotionEnergy:
    """Measure what changes from frame to frame of a camera, in depth where it has depth, else in grey.

    Frames that are damaged or empty are left out.
    """
    depth = recording.has_stream(camera_id, "depth")
    read = _depth_reader(recording, camera_id) if depth else _grey_reader(recording, camera_id)
    count = len(recording.device_ns(camera_id))
    least = _flicker(read, count)
    positions, moved, before = [], [], None
    for position in range(count):
        image = read(position)
        if image is not None:
            positions.append(position)
            moved.append(np.nan if before is None else moved_share(before, image, depth=depth, least=least))
        before = image
        if position % 200 == 0:
            progress(position / count)
    return MotionEnergy(camera_id, np.array(positions, dtype=np.int64), np.array(moved))


def _flicker(read: Callable[[int], np.ndarray | None], count: int) -> np.ndarray | float:
    """Change (h, w) that is usual for each pixel: edges, far and dark surfaces flicker. Inf where it is seldom seen."""
    changes = []
    for position in np.unique(np.linspace(0, max(count - 2, 0), NUM_SAMPLES).astype(int)).tolist():
        before, image = read(position), read(position + 1) if position + 1 < count else None
        if before is not None and image is not None:
            changes.append(np.where((before > 0) & (image > 0), np.abs(image - before), np.inf))
    return FLICKERS * np.quantile(np.stack(changes), USUAL, axis=0, method="higher") if changes else 0.0


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
