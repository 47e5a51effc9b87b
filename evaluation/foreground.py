"""How right the masks are: which depth pixels are not the room.

The intersection over union (Jaccard index) of the masks of a camera, pixels pooled over the compared frames. At most
60 frames per camera are compared, evenly spread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..capture.config import config_from_mapping
from ..capture.errors import InputError
from ..capture.storage import StoredRecording
from ..facade import Twin
from ..reconstruction.dynamic_mask import DynamicMask, MaskConfig
from .rows import MaskReader
from .truth import Truth

MOST_FRAMES = 60


@dataclass(frozen=True, slots=True)
class CameraForeground:
    """One camera: IoU, precision, recall in [0, 1] over pixels (None where nothing defines them), frames compared."""

    iou: float | None
    precision: float | None
    recall: float | None
    num_frames: int


@dataclass(frozen=True, slots=True)
class ForegroundScores:
    """The masks against truth.

    Args:
        iou: mean of the cameras' IoU, in [0, 1]; None where no camera has one.
        cameras: per camera.
    """

    iou: float | None
    cameras: dict[str, CameraForeground]


def score_foreground(masks: MaskReader, truth: Truth) -> ForegroundScores | None:
    """Score masks; None where the truth has none, or the two have no frame in common.

    Frames of which one side has no mask are not compared.

    Raises:
        InputError: the masks of a frame differ in size.
    """
    cameras = {}
    for camera_id, indices in mask_frames(truth).items():
        counts = np.zeros(3, np.int64)
        num_frames = 0
        for index in spread(indices):
            ours, true = masks(camera_id, index), truth.foreground(camera_id, index)
            if ours is not None and true is not None:
                counts += overlap(ours > 0, true > 0, f"{camera_id}, frame {index}")
                num_frames += 1
        if num_frames:
            both, claimed, real = (int(count) for count in counts)
            cameras[camera_id] = CameraForeground(
                _ratio(both, claimed + real - both), _ratio(both, claimed), _ratio(both, real), num_frames
            )
    if not cameras:
        return None
    known = [camera.iou for camera in cameras.values() if camera.iou is not None]
    return ForegroundScores(sum(known) / len(known) if known else None, cameras)


def overlap(ours: np.ndarray, true: np.ndarray, where: str) -> np.ndarray:
    """(3,) pixels in both masks, in ours, in the true one.

    Raises:
        InputError: they differ in size.
    """
    if ours.shape != true.shape:
        raise InputError(
            "a mask has another size than the true one", where=where, why=f"{ours.shape} and {true.shape}",
            todo="masks have the geometry of the depth images",
        )  # fmt: skip
    return np.array([(ours & true).sum(), ours.sum(), true.sum()], np.int64)


def mask_frames(truth: Truth) -> Mapping[str, list[int]]:
    """The frame indices with a true mask, by camera."""
    folder = None if truth.folder is None else truth.folder / "foreground"
    if folder is None or not folder.is_dir():
        return {}
    return {
        path.name: sorted(int(mask.stem) for mask in path.glob("*.png"))
        for path in sorted(folder.iterdir()) if path.is_dir()
    }  # fmt: skip


def spread(indices: list[int], most: int = MOST_FRAMES) -> list[int]:
    """At most so many of the indices, evenly spread."""
    if len(indices) <= most:
        return indices
    return [indices[place] for place in np.linspace(0, len(indices) - 1, most).round().astype(int)]


def twin_masks(twin: Twin, recording: StoredRecording) -> MaskReader | None:
    """The masks that a twin's backgrounds and settings make of its recording; None if it was built from another one."""
    if twin.archive.head["inputs"]["recording_blake3"] != recording.content_hash():
        return None
    config = config_from_mapping(MaskConfig, twin.archive.head["config"]["dynamic"]["mask"])
    models = {
        name: twin.rig.cameras.get(name, model)
        for name, model in recording.cameras.items()
        if recording.has_stream(name, "depth")
    }
    cameras = {
        name: DynamicMask.from_background(model, twin.archive.read_background(name), config)
        for name, model in models.items()
    }
    positions = {name: {int(i): p for p, i in enumerate(recording.indices(name))} for name in cameras}

    def read(camera_id: str, index: int) -> np.ndarray | None:
        position = positions.get(camera_id, {}).get(index)
        if position is None:
            return None
        try:
            depth_raw = recording.depth_counts(models[camera_id], position)
        except InputError:  # a damaged frame has no mask
            return None
        return None if depth_raw is None else cameras[camera_id].of(depth_raw)

    return read


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
