"""What a twin is made from and with: all that decides its content."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from typing import Any

from .capture.camera import CameraRig
from .capture.config import config_to_json
from .capture.files import canonical_json, hash_bytes
from .capture.rig_file import rig_to_json
from .capture.storage import StoredRecording
from .reconstruction.detections import Sighting
from .reconstruction.keypoint_bodies import hash_sightings
from .reconstruction.picture_stage import PictureScene


def twin_head(
    recording: StoredRecording, rig: CameraRig, config: object, keypoints: Sequence[Sighting] | None,
    people: object,
) -> dict[str, Any]:  # fmt: skip
    """All that decides the content of a twin; no time of day, no path."""
    versions = {
        name: metadata.version(name) for name in ("ortwin", "numpy", "scipy", "numba", "opencv-python-headless")
    }
    return {
        "versions": versions,
        "config": config_to_json(config),
        "inputs": {
            "recording_blake3": recording.content_hash(),
            "rig_blake3": hash_bytes(canonical_json(rig_to_json(rig))),
            **({} if keypoints is None else {"keypoints_blake3": hash_sightings(keypoints)}),
            **({"estimator": people.estimator.key} if isinstance(people, PictureScene) else {}),
        },
        "privacy_tier": "T1",
    }
