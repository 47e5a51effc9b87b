"""The thread of one live camera: it reads, stamps and packs frames, and notes what was lost on the way."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass

from .depth_camera import CameraLostError, CapturedFrame, DepthCamera
from .errors import OrtwinError
from .frame_queue import FrameQueue
from .packets import encode_depth
from .recording_writer import check_depth

READ_S = 0.2
RETRY_S = 1.0
SILENT_S = 2.0
SILENT_FRAMES = 10


@dataclass(slots=True)
class Gap:
    """A time in which a camera gave nothing.

    Args:
        camera_id: which camera.
        begin_ns: host time of its last frame before, or of the start.
        end_ns: host time of its first frame after, or None while it lasts.
        what: what happened, in words.
    """

    camera_id: str
    begin_ns: int
    end_ns: int | None
    what: str

    def to_json(self) -> dict[str, str | int | None]:
        """JSON values."""
        return {"camera_id": self.camera_id, "begin_ns": self.begin_ns, "end_ns": self.end_ns, "what": self.what}


@dataclass(frozen=True, slots=True)
class PackedFrame:
    """A frame as it will be stored; `arrived_s` is time.monotonic() of its arrival, whatever its host stamp says."""

    index: int
    device_ns: int
    host_ns: int
    arrived_s: float
    depth_packet: bytes | None
    color_packet: bytes | None


class HostClock:
    """Unix time that never steps: the time of day is asked once, and the steady clock counts from there."""

    def __init__(self) -> None:
        self._offset_ns = time.time_ns() - time.monotonic_ns()

    def now_ns(self) -> int:
        """Now, ns."""
        return self._offset_ns + time.monotonic_ns()


class LiveCamera:
    """Reads one camera in a thread of its own until it is told to stop or the camera has no more.

    Args:
        camera: the camera.
        queue: takes what was read.
        clock: stamps frames as they come.
        fps: the nominal frame rate; a silence of many frames is a gap.
        stop: set when it shall end.
    """

    def __init__(
        self, camera: DepthCamera, queue: FrameQueue[PackedFrame], clock: HostClock, fps: float, stop: threading.Event
    ) -> None:
        self.camera, self.camera_id = camera, camera.model.camera_id
        self.num_frames = self.num_missed = self.num_broken = 0
        self.gaps: list[Gap] = []
        self._model, self._queue, self._clock, self._stop = camera.model, queue, clock, stop
        self._silent_s = max(SILENT_S, SILENT_FRAMES / fps)
        self._last_ns = clock.now_ns()
        self._last_index: int | None = None
        self._thread = threading.Thread(target=self._run, name=f"camera {self.camera_id}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._last_ns = self._clock.now_ns()
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait until it has ended, then let go of the camera."""
        self._thread.join(timeout_s)
        self.camera.close()

    @property
    def is_alive(self) -> bool:
        """Whether it still reads."""
        return self._thread.is_alive()

    @property
    def is_lost(self) -> bool:
        """Whether the camera gives nothing at present."""
        return bool(self.gaps) and self.gaps[-1].end_ns is None

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._step()
        except EOFError:
            return

    def _step(self) -> None:
        try:
            frame = self.camera.read(READ_S)
        except EOFError:
            raise
        except CameraLostError as error:
            self._lose(f"{error.what}: {error.why}" if error.why else error.what)
        except Exception as error:  # a maker's package may raise anything; the other cameras go on
            self._lose(f"the camera failed: {type(error).__name__}: {error}")
        else:
            if frame is not None:
                self._pass_on(frame)
            elif self._clock.now_ns() - self._last_ns > self._silent_s * 1e9:
                self._lose("the camera gave no frames")

    def _pass_on(self, frame: CapturedFrame) -> None:
        now_ns, arrived_s = self._clock.now_ns(), time.monotonic()
        if self.is_lost:
            self.gaps[-1].end_ns = now_ns
        self._last_ns = now_ns
        if self._last_index is not None and frame.index > self._last_index + 1:
            self.num_missed += frame.index - self._last_index - 1
        self._last_index = frame.index
        depth = None
        if frame.depth_raw is not None:
            try:
                check_depth(self._model, frame.index, frame.depth_raw)
            except OrtwinError:
                self.num_broken += 1
                return
            depth = encode_depth(frame.depth_raw)
        host_ns = now_ns if frame.host_ns is None else frame.host_ns
        packed = PackedFrame(frame.index, frame.device_ns, host_ns, arrived_s, depth, frame.color_packet)
        self.num_frames += self._queue.put(self.camera_id, packed)

    def _lose(self, what: str) -> None:
        """Note the gap, and try to get the camera back until it streams or the recording ends."""
        if not self.is_lost:
            self.gaps.append(Gap(self.camera_id, self._last_ns, None, what))
        while not self._stop.wait(RETRY_S):
            try:
                is_back = self.camera.reopen()
            except EOFError:
                raise
            except Exception:  # not yet
                is_back = False
            if is_back:
                self._last_index = None
                return


def seconds_lost(gaps: list[Gap], now_ns: int) -> float:
    """How long a camera was away in all, seconds."""
    return math.fsum(((now_ns if gap.end_ns is None else gap.end_ns) - gap.begin_ns) * 1e-9 for gap in gaps)
