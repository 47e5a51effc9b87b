"""The people in the pictures of a recording: every colour image, instant by instant, through one estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from ..capture.camera import CameraRig
from ..capture.errors import InputError
from ..capture.files import hash_bytes
from ..capture.frame_reader import Gap
from ..capture.storage import StoredRecording
from ..capture.sync import synchronize
from .detections import Sighting
from .dynamic_mask import DynamicMask
from .estimators import Picture, PoseEstimator, Region
from .regions import moving_regions


def people_in_pictures(
    recording: StoredRecording, estimator: PoseEstimator, progress: Callable[[int, int], None] | None = None,
    *, rig: CameraRig | None = None, masks: Mapping[str, DynamicMask] | None = None,
) -> tuple[tuple[Sighting, ...], tuple[Gap, ...]]:  # fmt: skip
    """What an estimator sees in a recording.

    Args:
        recording: with colour.
        estimator: who looks; asked for all cameras of an instant at once.
        progress: called with instants done and their number.
        rig, masks: where something moves; pictures of cameras that have both are looked at there only. A frame whose
            depth is absent or damaged is looked at everywhere.

    Returns:
        A Sighting per instant, its time that of the rig clock; and the frames that could not be read, whose cameras are
        absent from their instants.

    Raises:
        InputError: no camera has colour.
    """
    if not any(recording.has_stream(name, "color") for name in recording.cameras):
        raise InputError("the recording has no colour, so there are no pictures to look at", where=str(recording.path))
    sync = synchronize(recording)
    sightings: list[Sighting] = []
    gaps: list[Gap] = []
    for instant, time_ns in enumerate(sync.times_ns.tolist()):
        pictures = []
        for name, (position, _) in sync.frames_at(instant).items():
            try:
                picture = _picture(recording, name, position)
                if picture is not None and rig is not None and masks is not None and name in masks:
                    picture = replace(picture, regions=_regions(recording, rig, masks[name], name, position))
            except InputError as error:
                index, stamp_ns = int(recording.indices(name)[position]), int(recording.timestamps_ns(name)[position])
                gaps.append(Gap(name, index, stamp_ns, error.what, recording.segment_of(name, position)))
                continue
            if picture is not None:
                pictures.append(picture)
        found = estimator.estimate(pictures)
        seen = {picture.camera_id: people for picture, people in zip(pictures, found, strict=True)}
        sightings.append(Sighting(instant, time_ns, seen))
        if progress is not None:
            progress(instant + 1, len(sync.times_ns))
    return tuple(sightings), tuple(gaps)


def _regions(
    recording: StoredRecording, rig: CameraRig, mask: DynamicMask, camera_id: str, position: int
) -> tuple[Region, ...] | None:
    camera = rig[camera_id]
    try:
        depth_raw = recording.depth_counts(camera, position)
    except InputError:
        return None
    return None if depth_raw is None else moving_regions(camera, mask.of(depth_raw), depth_raw)


def _picture(recording: StoredRecording, camera_id: str, position: int) -> Picture | None:
    packet = recording.packet(camera_id, position, "color")
    color_rgb = None if packet is None else recording.color_rgb(camera_id, position)
    if packet is None or color_rgb is None:
        return None
    return Picture(camera_id, color_rgb, content_key=hash_bytes(packet))
