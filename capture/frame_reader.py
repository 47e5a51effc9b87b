"""Reads the frames of an instant for a stage that must go on without those that are damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .camera import CameraModel, CameraRig
from .errors import ConfigError, InputError
from .storage import StoredRecording
from .sync import ABSENT, SyncTable

if TYPE_CHECKING:
    import pyarrow as pa

COLOR_WIDTH_PX = 640
REDUCTIONS = (8, 4, 2)


@dataclass(frozen=True, slots=True)
class Gap:
    """What the build had to do without.

    Args:
        camera_id: whose frame; empty where a stretch of all cameras is lost.
        index: its number, -1 where that is not known.
        time_ns: when, rig clock.
        what: what is wrong with it.
        file: where it should have been, below the recording.
    """

    camera_id: str
    index: int
    time_ns: int
    what: str
    file: str = ""


class FrameReader:
    """Reads the frames of an instant, and notes those that cannot be read.

    Colour is decoded at the smallest size that is still COLOR_WIDTH_PX wide, which a JPEG gives for far less time.

    Args:
        recording: where the frames are.
        sync: which frame belongs to which instant.
        rig: the cameras as calibrated, whose corrections of depth hold; None = depth as read.
    """

    def __init__(self, recording: StoredRecording, sync: SyncTable, rig: CameraRig | None = None) -> None:
        self.cameras: Mapping[str, CameraModel] = {**recording.cameras, **(rig.cameras if rig else {})}
        self.recording, self.sync = recording, sync
        self.gaps: list[Gap] = []
        self.reduction = {
            name: next((r for r in (8, 4, 2) if camera.color.width_px // r >= COLOR_WIDTH_PX), 1)
            for name, camera in recording.cameras.items()
        }

    def at(self, instant: int) -> tuple[Callable[[str], np.ndarray | None], Callable[[str], np.ndarray | None]]:
        """Two functions that read raw depth and colour of a camera at an instant; None where there is none."""

        def depth(name: str) -> np.ndarray | None:
            return self._read(instant, name, lambda position: self.recording.depth_counts(self.cameras[name], position))

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
            file = self.recording.segment_of(name, position)
            self.gaps.append(Gap(name, index, int(self.sync.times_ns[instant]), what, file))
            return None

    def gaps_to_json(self) -> list[dict[str, Any]]:
        """The noted gaps in one order, each once."""
        unique = sorted({(gap.time_ns, gap.camera_id, gap.index, gap.what, gap.file) for gap in self.gaps})
        return [asdict(Gap(name, index, time_ns, what, file)) for time_ns, name, index, what, file in unique]

    def table(self, instants: np.ndarray) -> pa.Table:
        """Which frame of each camera an instant was made of, and its skew: time_ns camera_id index skew_ns.

        An instant at which nothing was recorded has one row, of no camera and with the index -1.
        """
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
        blank = instants[(self.sync.positions[instants] == ABSENT).all(axis=1)]
        rows += [(int(self.sync.times_ns[k]), "", ABSENT, 0) for k in blank.tolist()]
        rows.sort(key=itemgetter(0))
        names, kinds = ("time_ns", "camera_id", "index", "skew_ns"), (pa.int64(), pa.string(), pa.int64(), pa.int64())
        columns = [[row[at] for row in rows] for at in range(4)]
        return pa.table({n: pa.array(c, k) for n, c, k in zip(names, columns, kinds, strict=True)})


def still_missing(gaps: Iterable[Mapping[str, Any]], recording: StoredRecording, where: Path) -> tuple[Gap, ...]:
    """The gaps with which something was made of a recording.

    Args:
        gaps: as `gaps_to_json` gives them.
        recording: what they are gaps of.
        where: what was made.

    Raises:
        ConfigError: a frame that was missing can be read by now, so that what was made is not the recording's any more.
    """
    found = tuple(Gap(**gap) for gap in gaps)
    repaired = [gap for gap in found if can_be_read(gap, recording)]
    if repaired:
        raise ConfigError(
            f"{len(repaired)} frames that were damaged when this twin was built can be read now", where=str(where),
            why="the recording was repaired", todo="build it anew with --fresh",
        )  # fmt: skip
    return found


def can_be_read(gap: Gap, recording: StoredRecording) -> bool:
    """Whether a frame that was missed once can be read now."""
    position = int(np.flatnonzero(recording.indices(gap.camera_id) == gap.index)[0])
    try:
        recording.frame(gap.camera_id, position)
    except InputError:
        return False
    return True


def lost_stretches(recording: StoredRecording) -> tuple[Gap, ...]:
    """Whole stretches of the recording that cannot be read."""
    return tuple(Gap("", -1, lost.begin_ns, lost.what, lost.file) for lost in recording.unreadable)
