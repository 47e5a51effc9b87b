"""A recording that plays the part of live cameras: the driver `replay`.

Every camera gives its frames when its own clock says, at wall-clock speed. What is not taken in time is lost, as the
short queue inside a real camera loses it, and shows as a frame number that is left out.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .camera import CameraModel
from .depth_camera import CameraLostError, CapturedFrame, DeviceRequest, OpenedDevices
from .errors import ConfigError, InputError
from .storage import StoredRecording, open_recording

QUEUE_FRAMES = 4
FAULT = re.compile(r"(?:(?P<camera>[^:@]+):)?unplug@(?P<begin>\d+(?:\.\d+)?)s?(?:-(?P<end>\d+(?:\.\d+)?)s?)?")


@dataclass(frozen=True, slots=True)
class Unplugged:
    """When a replayed camera is to be without its plug, seconds after the start; `end_s` None: until the end."""

    camera_id: str
    begin_s: float
    end_s: float | None


class ReplayClock:
    """The time that all cameras of a replay share; it begins when the first of them is read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begin_s: float | None = None

    def elapsed_s(self) -> float:
        """Seconds since the first question."""
        with self._lock:
            now_s = time.monotonic()
            if self._begin_s is None:
                self._begin_s = now_s
            return now_s - self._begin_s


class ReplayCamera:
    """One camera of a recording, as if it were live; fulfils `DepthCamera`.

    Args:
        recording: its frames.
        camera_id: which of its cameras.
        begin_ns: the rig time of the recording at which the clock begins.
        speed: how many times faster than it was filmed.
        clock: shared by all cameras.
        unplugged: when the plug is out.
    """

    def __init__(
        self, recording: StoredRecording, camera_id: str, *, begin_ns: int, speed: float, clock: ReplayClock,
        unplugged: Sequence[Unplugged] = (),
    ) -> None:  # fmt: skip
        self._recording, self._camera_id, self._unplugged = recording, camera_id, tuple(unplugged)
        self._clock = clock
        times_ns = recording.timestamps_ns(camera_id)
        self._order = np.argsort(times_ns, kind="stable")
        self._due_s = (times_ns[self._order] - begin_ns) * (1e-9 / speed)
        self._device_ns, self._indices = recording.device_ns(camera_id), recording.indices(camera_id)
        # At another speed, stamps of now would say that the camera's clock runs wrong: those of the source are given.
        self._host_ns = None if speed == 1.0 else times_ns
        self._next = 0

    @property
    def model(self) -> CameraModel:
        """The camera as the recording has it."""
        return self._recording.cameras[self._camera_id]

    def read(self, timeout_s: float) -> CapturedFrame | None:
        """The next frame when it is due; None where none is due in time."""
        self._skip_lost()
        if self._next >= len(self._order):
            raise EOFError
        wait_s = self._due_s[self._next] - self._clock.elapsed_s()
        if wait_s > timeout_s:
            time.sleep(timeout_s)
            self._refuse_unplugged()
            return None
        if wait_s > 0:
            time.sleep(wait_s)
        self._refuse_unplugged()
        position = int(self._order[self._next])
        self._next += 1
        return CapturedFrame(
            int(self._indices[position]), int(self._device_ns[position]),
            self._recording.depth_raw(self._camera_id, position),
            self._recording.packet(self._camera_id, position, "color"),
            None if self._host_ns is None else int(self._host_ns[position]),
        )  # fmt: skip

    def reopen(self) -> bool:
        """Whether the plug is in again; what was due without it is lost.

        Raises:
            EOFError: the recording is over.
        """
        if self._clock.elapsed_s() > self._due_s[-1]:
            raise EOFError
        if self._out() is not None:
            return False
        self._next = int(np.searchsorted(self._due_s, self._clock.elapsed_s()))
        return True

    def close(self) -> None:
        """Nothing is held but files of the recording."""
        self._recording.close()

    def _skip_lost(self) -> None:
        """Forget what a queue of a few frames would have lost by now."""
        due = int(np.searchsorted(self._due_s, self._clock.elapsed_s(), side="right"))
        self._next = max(self._next, due - QUEUE_FRAMES)

    def _refuse_unplugged(self) -> None:
        if self._out() is not None:
            raise CameraLostError(
                "the camera is gone", where=f"camera {self._camera_id}", why="its plug was pulled, as asked for",
                todo="plug it in again; the recording goes on",
            )  # fmt: skip

    def _out(self) -> Unplugged | None:
        now_s = self._clock.elapsed_s()
        return next((one for one in self._unplugged if one.begin_s <= now_s < (one.end_s or np.inf)), None)


def open_replay(request: DeviceRequest) -> OpenedDevices:
    """All cameras of a recording (or those that are named), as if they were live.

    Raises:
        ConfigError: no source is given, or a fault is not one.
        InputError: the source is no recording, or has no frames.
    """
    if request.source is None:
        raise ConfigError("the device replay needs a recording to replay", todo="add --source case.recording")
    if request.fps is not None or request.color_px is not None:
        raise ConfigError("a recording is replayed as it was filmed", todo="leave out --fps and --size")
    recording = open_recording(request.source)
    chosen = _chosen(recording, request)
    faults = [parse_fault(text, list(chosen)) for text in request.faults]
    begin_ns = recording.span_ns[0]
    clock = ReplayClock()
    cameras = [
        ReplayCamera(
            open_recording(request.source), name, begin_ns=begin_ns, speed=request.speed, clock=clock,
            unplugged=[fault for fault in faults if fault.camera_id == name],
        )
        for name in chosen
    ]  # fmt: skip
    source = {
        "kind": "replay", "recording": Path(request.source).name, "content_hash": recording.content_hash(),
        "speed": request.speed,
    }  # fmt: skip
    return OpenedDevices(cameras, recording.fps, source)


def parse_fault(text: str, camera_ids: Sequence[str]) -> Unplugged:
    """A fault in the words of the option: `unplug@5s`, `unplug@5s-8s`, `cam_2:unplug@5s`; the first camera else.

    Raises:
        ConfigError: it cannot be read, or names no camera.
    """
    found = FAULT.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"unknown fault '{text}'", todo="write it as unplug@5s, unplug@5s-8s or cam_2:unplug@5s")
    name = found["camera"] or camera_ids[0]
    if name not in camera_ids:
        raise ConfigError(f"the fault '{text}' names no camera", todo=f"use one of {', '.join(camera_ids)}")
    return Unplugged(name, float(found["begin"]), None if found["end"] is None else float(found["end"]))


def _chosen(recording: StoredRecording, request: DeviceRequest) -> list[str]:
    unknown = sorted(set(request.names) - set(recording.cameras))
    if unknown:
        raise ConfigError(
            f"the recording has no camera {', '.join(unknown)}", todo=f"use one of {', '.join(recording.cameras)}"
        )
    chosen = [name for name in recording.cameras if not request.names or name in request.names]
    chosen = [name for name in chosen if len(recording.timestamps_ns(name))]
    if not chosen:
        raise InputError("the recording has no frames to replay", where=str(recording.path))
    return chosen
