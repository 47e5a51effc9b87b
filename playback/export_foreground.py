"""Foreground masks: which depth pixels of a recording are not the standing room. Silhouettes, hence only on request."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..capture.config import config_from_mapping
from ..capture.errors import ConfigError, InputError
from ..capture.storage import StoredRecording
from ..facade import Twin
from ..reconstruction.dynamic_mask import DynamicMask, MaskConfig

MOVING = 255


def write_foreground(twin: Twin, recording: StoredRecording, out: Path) -> None:
    """Write foreground/<camera_id>/NNNNNN.png, 8-bit, 0 = room, in the geometry and numbering of the depth images.

    Frames that are damaged or have no depth get no mask.

    Args:
        twin: the twin, whose backgrounds and settings make the masks.
        recording: the recording from which it was built.
        out: an existing folder.

    Raises:
        ConfigError: the twin was built from another recording.
    """
    import cv2

    if twin.archive.head["inputs"]["recording_blake3"] != recording.content_hash():
        raise ConfigError(
            "the twin was built from another recording", where=str(recording.path), todo="give the one that was built"
        )
    config = config_from_mapping(MaskConfig, twin.archive.head["config"]["dynamic"]["mask"])
    for name, model in recording.cameras.items():
        if not recording.has_stream(name, "depth"):
            continue
        mask = DynamicMask.from_background(model, twin.archive.read_background(name), config)
        folder = out / "foreground" / name
        folder.mkdir(parents=True)
        for position, index in enumerate(recording.indices(name).tolist()):
            try:
                depth_raw = recording.depth_raw(name, position)
            except InputError:
                continue
            if depth_raw is not None:
                image = np.where(mask.of(depth_raw), np.uint8(MOVING), np.uint8(0))
                (folder / f"{index:06d}.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
