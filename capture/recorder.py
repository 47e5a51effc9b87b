"""Recording live cameras: one thread reads each, one writes, and whatever was lost is counted and said.

A frame goes camera -> its thread (stamped, depth packed) -> bounded queue -> writer (a segment every half second, made
whole by rename). When the disk falls behind, the queue fills, and frames that find no room are dropped and counted; a
camera that goes away leaves a gap with its time, is asked to come back every second, and stops nobody else.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .camera import CameraRig
from .depth_camera import OpenedDevices
from .errors import OrtwinError, ResourceError
from .files import write_error
from .frame_queue import FrameQueue
from .live_camera import Gap, HostClock, LiveCamera, PackedFrame, seconds_lost
from .live_writer import SEGMENT_S, LiveWriter
from .packets import decode_depth, encode_depth
from .tables import table_to_bytes

QUEUE_S = 2.0
TICK_S = 0.1
JOIN_S = 10.0
TAKE_S = 0.05


@dataclass(frozen=True, slots=True)
class CameraTally:
    """What became of the frames of one camera.

    Args:
        frames: stored.
        dropped: read, but the disk was behind and the queue full.
        missed: numbers that the device counted and the host never got.
        broken: of another size than the camera's lens.
        away_s: how long the camera gave nothing, seconds.
    """

    camera_id: str
    frames: int
    dropped: int
    missed: int
    broken: int
    away_s: float


@dataclass(frozen=True, slots=True)
class RecordingOutcome:
    """How a recording went.

    Args:
        path: the recording.
        seconds: how long it ran.
        ended: why it ended: "stopped", "time", or "no more frames".
        cameras: what became of the frames of each camera.
        gaps: when a camera gave nothing.
        num_bytes: of all packets.
        cpu_s: processor seconds that the process took.
    """

    path: Path
    seconds: float
    ended: str
    cameras: Sequence[CameraTally]
    gaps: Sequence[Gap]
    num_bytes: int
    cpu_s: float

    @property
    def is_whole(self) -> bool:
        """Whether nothing was lost that the host could know of."""
        return not self.gaps and not any(tally.dropped + tally.missed + tally.broken for tally in self.cameras)


def record(
    path: Path, devices: OpenedDevices, *, seconds: float | None = None, rig: CameraRig | None = None,
    stop: threading.Event | None = None, progress: Callable[[float, str], None] | None = None,
) -> RecordingOutcome:  # fmt: skip
    """Record cameras until the time is over, they have no more, `stop` is set, or Ctrl-C is pressed.

    Args:
        path: the `.recording` folder to make; it can be opened at any moment, while it grows as well.
        devices: the cameras; they are closed at the end.
        seconds: how long; None until it is stopped.
        rig: where the cameras stand, if known.
        stop: set by who wants to end it from another thread.
        progress: called about ten times a second with the seconds so far and a line on how it goes.

    Raises:
        InputError: the path is taken.
        ConfigError: the place takes no files.
        ResourceError: the disk ran full; what was written before is a recording.
    """
    session = _Session(path, devices, rig)
    try:
        session.writer.open()
    except BaseException:
        for camera in devices.cameras:
            camera.close()
        raise
    session.start()
    ended = "stopped"
    try:
        ended = session.watch(seconds, stop or threading.Event(), progress)
    except KeyboardInterrupt:
        pass
    finally:
        session.close(ended)
    return session.outcome(ended)


def warm_up() -> None:
    """Import what packs and writes frames, so that the first ones need not wait for it."""
    import pyarrow as pa

    decode_depth(encode_depth(np.zeros((1, 1), dtype=np.uint16)), 1, 1)
    table_to_bytes(pa.table({"index": [0]}))


class _Session:
    """The threads of one recording."""

    def __init__(self, path: Path, devices: OpenedDevices, rig: CameraRig | None) -> None:
        clock = HostClock()
        self._clock, self._stop = clock, threading.Event()
        self._queue: FrameQueue[PackedFrame] = FrameQueue(max(4, math.ceil(QUEUE_S * devices.fps)))
        self.cameras = [LiveCamera(camera, self._queue, clock, devices.fps, self._stop) for camera in devices.cameras]
        source = {**devices.source, "ended": None, "gaps": [], "lost_frames": {}}
        models = [camera.camera.model for camera in self.cameras]
        self.writer = LiveWriter(path, models, fps=devices.fps, source=source, rig=rig, segment_s=SEGMENT_S)
        self._error: OrtwinError | None = None
        self._thread = threading.Thread(target=self._write, name="writer", daemon=True)
        self._begun_s = self._ended_s = 0.0
        self._cpu_s = 0.0

    def start(self) -> None:
        warm_up()
        self._begun_s, self._cpu_s = time.monotonic(), time.process_time()
        self._thread.start()
        for camera in self.cameras:
            camera.start()

    def watch(self, seconds: float | None, stop: threading.Event, progress: Callable[[float, str], None] | None) -> str:
        """Wait for the end; why it came."""
        while not stop.wait(TICK_S):
            elapsed_s = time.monotonic() - self._begun_s
            if progress is not None:
                progress(elapsed_s, self._status(elapsed_s))
            if self._error is not None:
                return "disk"
            if seconds is not None and elapsed_s >= seconds:
                return "time"
            if not any(camera.is_alive for camera in self.cameras):
                return "no more frames"
        return "stopped"

    def close(self, ended: str) -> None:
        """End all threads and seal the recording.

        Raises:
            OrtwinError: what the writer met.
        """
        self._ended_s = time.monotonic()
        self._stop.set()
        for camera in self.cameras:
            camera.join(JOIN_S)
        self._queue.close()
        self._thread.join()
        self.writer.source |= {"ended": ended, **self._losses()}
        if self._error is None:
            self.writer.finish()
            return
        try:
            self.writer.finish()
        except OrtwinError:  # the first error says it; the head stays open, and whoever reads counts the segments
            raise self._error from None
        raise self._error

    def outcome(self, ended: str) -> RecordingOutcome:
        now_ns, dropped = self._clock.now_ns(), self._queue.dropped()
        tallies = [
            CameraTally(
                camera.camera_id, camera.num_frames, dropped.get(camera.camera_id, 0), camera.num_missed,
                camera.num_broken, round(seconds_lost(camera.gaps, now_ns), 3),
            )
            for camera in self.cameras
        ]  # fmt: skip
        return RecordingOutcome(
            self.writer.path, self._ended_s - self._begun_s, ended, tallies, self._gaps(), self.writer.num_bytes,
            time.process_time() - self._cpu_s,
        )  # fmt: skip

    def _write(self) -> None:
        try:
            known, backlog = self._gaps_json(), 0
            while not self._queue.is_done:
                taken = self._queue.take(TAKE_S)
                if taken is not None:
                    camera_id, frame = taken
                    self.writer.add(
                        camera_id, frame.index, frame.device_ns, frame.host_ns, frame.depth_packet, frame.color_packet,
                        arrived_s=frame.arrived_s,
                    )  # fmt: skip
                    backlog -= 1
                if self.writer.is_due and backlog <= 0:
                    self.writer.commit(self._losses()["lost_frames"])
                    backlog = len(self._queue)  # what came meanwhile belongs into one segment, however late it is
                if known != (now := self._gaps_json()):
                    known = now
                    self.writer.source |= self._losses()
                    self.writer.update()
            self.writer.commit(self._losses()["lost_frames"])
        except OrtwinError as error:
            self._fail(error)
        except OSError as error:
            self._fail(write_error(self.writer.path, error))

    def _fail(self, error: OrtwinError) -> None:
        if isinstance(error, ResourceError):
            lasted_s = time.monotonic() - self._begun_s
            error = ResourceError(
                f"the disk is full after {lasted_s:.0f} s of recording", where=str(self.writer.path), why=error.why,
                todo="what was written before is a whole recording; free some space before you record again",
            )  # fmt: skip
        self._error = error
        self._stop.set()

    def _gaps(self) -> list[Gap]:
        return [gap for camera in self.cameras for gap in list(camera.gaps)]

    def _gaps_json(self) -> list[dict[str, str | int | None]]:
        return [gap.to_json() for gap in self._gaps()]

    def _losses(self) -> dict[str, Any]:
        """What was lost so far, as it stands in the head; cameras that lost nothing are absent."""
        dropped = self._queue.dropped()
        lost = {
            camera.camera_id: {"dropped": dropped.get(camera.camera_id, 0), "missed": camera.num_missed,
                               "broken": camera.num_broken}
            for camera in self.cameras
        }  # fmt: skip
        return {
            "gaps": self._gaps_json(),
            "lost_frames": {name: counts for name, counts in lost.items() if any(counts.values())},
        }

    def _status(self, elapsed_s: float) -> str:
        dropped = sum(self._queue.dropped().values())
        missed = sum(camera.num_missed for camera in self.cameras)
        lost = [camera.camera_id for camera in self.cameras if camera.is_lost]
        rate = self.writer.num_bytes * 1e-6 / max(elapsed_s, 1e-9)
        words = [f"{sum(camera.num_frames for camera in self.cameras)} frames", f"{rate:.0f} MB/s"]
        words += [f"{dropped} dropped"] if dropped else []
        words += [f"{missed} missed"] if missed else []
        words += [f"NO FRAMES FROM {', '.join(lost)}"] if lost else []
        return ", ".join(words)
