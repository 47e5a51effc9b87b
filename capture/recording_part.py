"""A part of a recording in time, for what needs cameras that stand still."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .arrays import Times
from .camera import CameraModel, CameraRig
from .frame import RGBDFrame
from .recording import Recording


class RecordingPart:
    """The frames of a recording in a span of time; fulfils `capture.recording.Recording`.

    Args:
        whole: the recording.
        span_ns: (begin, end) of rig time, the end excluded.
    """

    def __init__(self, whole: Recording, span_ns: tuple[int, int]) -> None:
        self._whole = whole
        self._positions: dict[str, np.ndarray] = {}
        for name in whole.cameras:
            times_ns = whole.timestamps_ns(name)
            self._positions[name] = np.flatnonzero((times_ns >= span_ns[0]) & (times_ns < span_ns[1]))

    @property
    def cameras(self) -> Mapping[str, CameraModel]:
        """The cameras as built, those without frames in the span included."""
        return self._whole.cameras

    @property
    def rig(self) -> CameraRig:
        """Where the cameras stand.

        Raises:
            InputError: the recording has no calibration yet.
        """
        return self._whole.rig

    def timestamps_ns(self, camera_id: str) -> Times:
        """(t,) int64 rig time of each frame of the part, in stored order."""
        return self._whole.timestamps_ns(camera_id)[self._positions[camera_id]]

    def indices(self, camera_id: str) -> Times:
        """(t,) int64 frame number of each frame of the part."""
        return self._whole.indices(camera_id)[self._positions[camera_id]]

    def frame(
        self, camera_id: str, position: int, *, color: bool = True, depth: bool = True, corrected: bool = True
    ) -> RGBDFrame:
        """The frame at a position of the part; see `Recording.frame`.

        Raises:
            InputError: the frame is damaged.
        """
        there = int(self._positions[camera_id][position])
        return self._whole.frame(camera_id, there, color=color, depth=depth, corrected=corrected)
