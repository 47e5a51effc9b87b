"""Messages of Foxglove's own schemas, encoded as JSON, in the form of those of ROS."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from .conventions import rotation_from_quat_xyzw
from .geometry import SE3
from .import_ros_messages import (
    COMPRESSED,
    IMAGE,
    INFO,
    TRANSFORMS,
    Body,
    ImageMessage,
    InfoMessage,
    TransformsMessage,
)

FOXGLOVE_KINDS = {
    "foxglove.RawImage": IMAGE,
    "foxglove.CompressedImage": COMPRESSED,
    "foxglove.CameraCalibration": INFO,
    "foxglove.FrameTransform": TRANSFORMS,
    "foxglove.FrameTransforms": TRANSFORMS,
}


def foxglove_body(schema: str, data: bytes) -> Body:
    """A message in our form.

    Args:
        schema: its name, one of FOXGLOVE_KINDS.
        data: JSON; bytes are base64 in it.

    Raises:
        KeyError, ValueError, TypeError: it does not keep to its schema.
        InputError: a transform is no rigid motion.
    """
    value = json.loads(data)
    kind = FOXGLOVE_KINDS[schema]
    if kind == TRANSFORMS:
        return TransformsMessage(tuple(_edge(part) for part in value.get("transforms", [value])))
    frame_id = value["frame_id"].lstrip("/")
    if kind == INFO:
        d, k, p = (np.array(value.get(name) or [0.0], dtype=np.float64) for name in "DKP")
        return InfoMessage(frame_id, int(value["width"]), int(value["height"]), value["distortion_model"], d, k, p)
    stamp_ns = int(value["timestamp"]["sec"]) * 1_000_000_000 + int(value["timestamp"]["nsec"])
    pixels = base64.b64decode(value["data"])
    if kind == COMPRESSED:
        return ImageMessage(stamp_ns, frame_id, pixels, value["format"])
    return ImageMessage(
        stamp_ns, frame_id, pixels, value["encoding"], int(value["width"]), int(value["height"]), int(value["step"])
    )


def _edge(value: Mapping[str, Any]) -> tuple[str, str, SE3]:
    rotation = rotation_from_quat_xyzw(np.array([value["rotation"][axis] for axis in "xyzw"], dtype=np.float64))
    pose = SE3(rotation, np.array([value["translation"][axis] for axis in "xyz"], dtype=np.float64))
    return value["parent_frame_id"].lstrip("/"), value["child_frame_id"].lstrip("/"), pose
