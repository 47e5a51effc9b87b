"""What a live camera is to ortwin: the protocol that a driver fulfils, and how drivers are found by name.

A driver is a function in the entry-point group `ortwin.devices` that opens cameras. Whatever it returns is recorded by
`capture.recorder` in one way: a real camera and a replayed recording differ in nothing but their driver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from .arrays import RawDepthImage
from .camera import CameraModel
from .errors import InputError
from .plugins import find_plugin, plugin_names

GROUP = "ortwin.devices"
BUILT_IN = {
    "replay": ".replay_device:open_replay",
    "orbbec": ".devices:open_orbbec",
    "realsense": ".devices:open_realsense",
}


class CameraLostError(InputError):
    """A camera that was there gives no frames any more: its plug was pulled, or it failed."""


@dataclass(frozen=True, slots=True, eq=False)
class CapturedFrame:
    """What a camera gave at one moment, as it gave it.

    Args:
        index: the frame number as the device counts; a number that is left out is a frame that never reached the host.
        device_ns: the device's own time of the exposure.
        depth_raw: (h, w) uint16 counts of the camera's depth_unit_m, 0 = no return; or None.
        color_packet: a JPEG or PNG file's bytes, or None.
        host_ns: when the host received it; None lets the recorder stamp it as it takes it.
    """

    index: int
    device_ns: int
    depth_raw: RawDepthImage | None
    color_packet: bytes | None
    host_ns: int | None = None


class DepthCamera(Protocol):
    """A camera that is open and streams. One thread reads it, the same one from its first frame to its last."""

    @property
    def model(self) -> CameraModel:
        """The camera as built: its name, lenses, the pose of the depth lens, and the unit of its depth."""
        ...

    def read(self, timeout_s: float) -> CapturedFrame | None:
        """The next frame, or None where none came within the time.

        Raises:
            CameraLostError: the camera is gone; `reopen` may bring it back.
            EOFError: there will be no more frames, and that is as it should be.
        """
        ...

    def reopen(self) -> bool:
        """Try once to get a lost camera back; whether it streams again."""
        ...

    def close(self) -> None:
        """Let go of the camera; may be called twice."""
        ...


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What a driver is asked for.

    Args:
        fps: frames per second of each camera; None leaves it to the driver.
        color_px: width and height of colour images; None leaves it to the driver.
        names: camera name by serial number; empty takes all cameras and names them cam_1, cam_2, ... by serial number.
        source: the recording that is replayed, for drivers that replay.
        speed: how many times faster than it was filmed a recording is replayed.
        faults: what shall go wrong, for drivers that can be asked for that: `unplug@5s`.
    """

    fps: float | None = None
    color_px: tuple[int, int] | None = None
    names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    source: Path | None = None
    speed: float = 1.0
    faults: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class OpenedDevices:
    """What a driver opened.

    Args:
        cameras: the cameras, streaming or about to.
        fps: the nominal frame rate, Hz.
        source: where the frames come from (JSON values only); kept in the recording.
    """

    cameras: Sequence[DepthCamera]
    fps: float
    source: Mapping[str, object]


class DeviceDriver(Protocol):
    """Opens cameras of one make."""

    def __call__(self, request: DeviceRequest, /) -> OpenedDevices:
        """Open what is asked for.

        Raises:
            MissingExtraError: the maker's package is not installed.
            ConfigError: the request does not fit the driver.
            InputError: there is no such camera, or it does not start.
        """
        ...


def device_names() -> list[str]:
    """The drivers that there are, those of installed packages among them."""
    return plugin_names(GROUP, BUILT_IN)


def find_device(name: str) -> DeviceDriver:
    """The driver of a name.

    Raises:
        ConfigError: nobody has it; names the nearest one. Or the package that offers it cannot be loaded.
    """
    return find_plugin(name, "device", GROUP, BUILT_IN, __package__)


def open_devices(name: str, request: DeviceRequest) -> OpenedDevices:
    """Open the cameras of a driver.

    Raises:
        ConfigError, MissingExtraError, InputError: see `find_device` and `DeviceDriver`.
    """
    opened = find_device(name)(request)
    if not opened.cameras:
        raise InputError(
            f"no camera was found by the driver '{name}'",
            todo="plug the cameras in, wait until their lights are on, and start again",
        )
    return opened


def name_cameras(serials: Sequence[str], names: Mapping[str, str]) -> dict[str, str]:
    """The name of each camera that is to be opened, by serial number.

    Args:
        serials: the serial numbers of all cameras that are plugged in.
        names: what was asked for: name by serial number, or nothing for all.

    Raises:
        InputError: a camera that was asked for is not plugged in.
    """
    missing = sorted(set(names) - set(serials))
    if missing:
        found = ", ".join(sorted(serials)) or "none"
        raise InputError(
            f"no camera has the serial number {', '.join(missing)}", where=f"plugged in: {found}",
            todo="look at the sticker of the camera, and at its cable and power",
        )  # fmt: skip
    return dict(names) or {serial: f"cam_{number}" for number, serial in enumerate(sorted(serials), start=1)}
