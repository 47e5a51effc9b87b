"""A recording as the rest of ortwin sees it: lazy, re-iterable, bounded in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from .arrays import Times
from .camera import CameraModel, CameraRig
from .frame import RGBDFrame


class Recording(Protocol):
    """What every stage may ask of a recording; `capture.storage.open_recording` gives one from disk."""

    @property
    def cameras(self) -> Mapping[str, CameraModel]:
        """The cameras as built, by id, in the order of the recording."""
        ...

    @property
    def rig(self) -> CameraRig:
        """Where the cameras stand.

        Raises:
            InputError: the recording has no calibration yet.
        """
        ...

    def timestamps_ns(self, camera_id: str) -> Times:
        """(t,) int64 rig time of each frame position of a camera, in stored order."""
        ...

    def indices(self, camera_id: str) -> Times:
        """(t,) int64 frame number of each frame position of a camera (gaps allowed)."""
        ...

    def frame(
        self, camera_id: str, position: int, *, color: bool = True, depth: bool = True, corrected: bool = True
    ) -> RGBDFrame:
        """The frame at a position in [0, t); what is not asked for is not decoded and comes as None.

        Depth is corrected as the rig says, unless `corrected` is False.

        Raises:
            InputError: the frame is damaged; names file, camera, frame and time.
        """
        ...
