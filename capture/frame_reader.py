"""Reads the frames of an instant for a stage that must go on without those that are damaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import InputError
from .storage import StoredRecording
from .sync import SyncTable

if TYPE_CHECKING:
    import pyarrow as pa

COLOR_WIDTH_PX = 640
REDUCTIONS = (8, 4, 2)


@dataclass(frozen=True, slots=True)
class Gap:
    """A frame that the build had to do without: which camera, which frame, when, and why."""

    camera_id: str
    index: int
    time_ns: int
    what: str


class FrameReader:
    """Reads the frames of an instant, and notes those that cannot be read.

    Colour is decoded at the smallest size that is still COLOR_WIDTH_PX wide, which a JPEG gives for far less time.

    Args:
        recording: where the frames are.
        sync: which frame belongs to which instant.
    """

    def __init__(self, recording: StoredRecording, sync: SyncTable) -> None:
        self.recording, self.sync = recording, sync
        self.gaps: list[Gap] = []
        self.reduction = {
            name: next((r for r in (8, 4, 2) if camera.color.width_px // r >= COLOR_WIDTH_PX), 1)
            for name, camera in recording.cameras.items()
        }

    def at(self, instant: int) -> tuple[Callable[[str], np.ndarray | None], Callable[[str], np.ndarray | None]]:
        """Two functions that read raw depth and colour of a camera at an instant; None where there is none."""

        def depth(name: str) -> np.ndarray | None:
            return self._read(instant, name, lambda position: self.recording.depth_raw(name, position))

        def color(name: str) -> np.ndarray | None:
            reduction = self.reduction[name]
            return self._read(instant, name, lambda position: self.recording.color_rgb(name, position, reduction))

        return depth, color

    def _read(self, instant: int, name: str, read: Callable[[int], np.ndarray | None]) -> np.ndarray | None:
        position = self.sync.position(instant, name)
        if position is None:
            return None
        try:
            return read(position)
        except InputError as error:
            index = int(self.recording.indices(name)[position])
            what = f"{error.what}: {error.why}" if error.why else error.what
            self.gaps.append(Gap(name, index, int(self.sync.times_ns[instant]), what))
            return None

    def gaps_to_json(self) -> list[dict[str, Any]]:
        """The noted gaps in one order, each once."""
        unique = sorted({(gap.time_ns, gap.camera_id, gap.index, gap.what) for gap in self.gaps})
        return [{"time_ns": t, "camera_id": name, "index": index, "what": what} for t, name, index, what in unique]

    def table(self, instants: np.ndarray) -> pa.Table:
        """Which frame of each camera an instant was made of, and its skew: time_ns camera_id index skew_ns."""
        import pyarrow as pa

        rows = [
            (
                int(self.sync.times_ns[k]),
                name,
                int(self.recording.indices(name)[position]),
                int(self.sync.skew_ns[k, c]),
            )
            for k in instants.tolist()
            for c, name in enumerate(self.sync.camera_ids)
            if (position := self.sync.position(k, name)) is not None
        ]
        names, kinds = ("time_ns", "camera_id", "index", "skew_ns"), (pa.int64(), pa.string(), pa.int64(), pa.int64())
        columns = [[row[at] for row in rows] for at in range(4)]
        return pa.table({n: pa.array(c, k) for n, c, k in zip(names, columns, kinds, strict=True)})
