"""Masks of depth pixels: what is not the standing room, and what flies. Silhouettes, hence only on request."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..capture.background import BackgroundConfig
from ..capture.config import config_from_mapping
from ..capture.epoch_backgrounds import EpochBackgrounds
from ..capture.errors import ConfigError, InputError
from ..capture.flying_pixels import FlyingPixelConfig, find_flying
from ..capture.storage import StoredRecording
from ..facade import Twin
from ..reconstruction.dynamic_mask import DynamicMask, MaskConfig

MOVING = FLYING = 255


def write_foreground(twin: Twin, recording: StoredRecording, out: Path) -> None:
    """Write foreground/<camera_id>/NNNNNN.png and flying/<camera_id>/NNNNNN.png, in the geometry of the depth images.

    8-bit, 255 = moves, or flies; 0 = room, or real; numbered as the depth images.

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
    settings = twin.archive.head["config"]["dynamic"]
    config = config_from_mapping(MaskConfig, settings["mask"])
    flying = config_from_mapping(FlyingPixelConfig, settings.get("flying", {}))
    known = {
        name: twin.archive.read_background(name) for name in twin.rig.cameras if recording.has_stream(name, "depth")
    }
    estimation = config_from_mapping(BackgroundConfig, twin.archive.head["config"]["background"])
    places = EpochBackgrounds(recording, twin.rig, estimation, known)
    for name in known:
        model, known_place, mask = twin.rig[name], None, None
        folders = [out / kind / name for kind in ("foreground", "flying")]
        for folder in folders:
            folder.mkdir(parents=True)
        frames = zip(recording.indices(name).tolist(), recording.timestamps_ns(name).tolist(), strict=True)
        for position, (index, time_ns) in enumerate(frames):
            if mask is None or places.at(time_ns)[name] is not known_place:
                known_place = places.at(time_ns)[name]
                mask = DynamicMask.from_background(model, known_place, config)
            try:
                depth_raw = recording.depth_counts(model, position)
            except InputError:
                continue
            if depth_raw is not None:
                flies = find_flying(depth_raw, model.depth_unit_m, flying) if model.depth else None
                for folder, found, value in zip(folders, (mask.of(depth_raw), flies), (MOVING, FLYING), strict=True):
                    if found is not None:
                        image = np.where(found, np.uint8(value), np.uint8(0))
                        (folder / f"{index:06d}.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
