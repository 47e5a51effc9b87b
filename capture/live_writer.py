"""Writes a recording while it is filmed, so that what was filmed is safe half a second later, whatever happens.

The head stands from the first moment on and says that the recording is open; every half second a segment is written
under a temporary name, flushed and renamed. A process that is killed leaves a recording that opens, verifies, and lacks
what was not yet renamed.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .camera import CameraModel, CameraRig
from .clock_file import clocks_to_json
from .errors import InputError
from .files import canonical_json, flush_folder, write_durable, write_error
from .recording_writer import recording_head
from .rig_file import rig_to_json
from .segment_buffer import SegmentBuffer
from .segments import seal, segment_name, write_top_files

SEGMENT_S = 0.5
RESERVE_BYTES = 1 << 20
RESERVE = ".reserve.tmp"


class LiveWriter:
    """A recording that grows in place.

    Args:
        path: the `.recording` folder; it exists from `open` on.
        cameras: the cameras as built.
        fps: the nominal frame rate, Hz.
        source: where it comes from (JSON values only); `update` may change it.
        rig: where the cameras stand, if known.
        segment_s: how long frames may wait in memory, seconds.
    """

    def __init__(
        self, path: Path, cameras: Sequence[CameraModel], *, fps: float, source: Mapping[str, Any],
        rig: CameraRig | None = None, segment_s: float = SEGMENT_S,
    ) -> None:  # fmt: skip
        self.path, self.cameras, self.fps, self.rig = Path(path), tuple(cameras), fps, rig
        self.source: dict[str, Any] = dict(source)
        self.num_segments = self.num_bytes = 0
        self._segment_s = segment_s
        self._buffer = SegmentBuffer()
        self._begun_s = 0.0
        self._span_ns: tuple[int, int] | None = None

    def open(self) -> None:
        """Make the folder with its head, in one step.

        Raises:
            InputError: the path is taken.
            ConfigError: the place takes no files.
            ResourceError: the disk is full.
        """
        if self.path.exists():
            raise InputError(
                "the recording exists already", where=str(self.path), todo="remove it, or give another name"
            )
        folder = self.path.with_name(f".{self.path.name}.tmp")
        try:
            shutil.rmtree(folder, ignore_errors=True)
            (folder / "segments").mkdir(parents=True)
            # Room that is given back at the end: a disk that runs full must still take the last words of the head.
            write_durable(folder / RESERVE, bytes(RESERVE_BYTES))
            files = {"recording.json": self._head(None), "clocks.json": clocks_to_json({})}
            if self.rig is not None:
                files["rig.json"] = canonical_json(rig_to_json(self.rig))
            write_top_files(folder, files)
            folder.replace(self.path)
            flush_folder(self.path.parent)
        except OSError as error:
            raise write_error(self.path, error) from error

    def add(
        self, camera_id: str, index: int, device_ns: int, host_ns: int,
        depth_packet: bytes | None, color_packet: bytes | None, *, arrived_s: float,
    ) -> None:  # fmt: skip
        """Add one frame, as `RecordingWriter.append_packets` takes it, in the order in which the host received them.

        `arrived_s` is time.monotonic() when it did: the time that a frame waited elsewhere counts too.
        """
        if not len(self._buffer):
            self._begun_s = arrived_s
        begin_ns, end_ns = self._span_ns or (host_ns, host_ns)
        self._span_ns = min(begin_ns, host_ns), max(end_ns, host_ns)
        self._buffer.add(camera_id, index, device_ns, host_ns, depth_packet, color_packet)

    @property
    def is_due(self) -> bool:
        """Whether frames have waited long enough."""
        return len(self._buffer) > 0 and time.monotonic() - self._begun_s >= self._segment_s

    def commit(self, facts: Mapping[str, Any] | None = None) -> None:
        """Write what waits as a segment.

        Args:
            facts: what its manifest says besides, such as frames that were dropped so far.

        Raises:
            ConfigError: the place takes no files any more.
            ResourceError: the disk is full; what waited is lost, and all before it is kept.
        """
        if self._span_ns is None:
            return
        buffer, (begin_ns, last_ns) = self._buffer, self._span_ns
        self._buffer, self._span_ns = SegmentBuffer(), None
        path = self.path / "segments" / segment_name(self.num_segments)
        try:
            self.num_bytes += buffer.write(path, begin_ns, last_ns + 1, facts)
        except OSError as error:
            raise write_error(path, error) from error
        self.num_segments += 1

    def update(self) -> None:
        """Write the head anew, because `source` has changed; the recording stays open."""
        write_top_files(self.path, {"recording.json": self._head(None)})

    def finish(self) -> None:
        """Say in the head that the recording is whole. Frames that wait must have been committed.

        Raises:
            ResourceError: the disk is full to the last byte; the recording opens all the same.
        """
        with contextlib.suppress(OSError):
            (self.path / RESERVE).unlink(missing_ok=True)
        write_top_files(self.path, {"recording.json": self._head(self.num_segments)})

    def _head(self, num_segments: int | None) -> bytes:
        return seal(recording_head(self.cameras, self.fps, self.source, num_segments=num_segments))
