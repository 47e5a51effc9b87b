"""The drivers of real cameras: the one door to the packages of their makers.

Orbbec (Femto, Gemini; package pyorbbecsdk2) and Intel RealSense (D400; package pyrealsense2). Both are used by their
documented interfaces. Depth comes as counted, without any filter of the maker; colour comes as the JPEG that the camera
made, or, where it makes none, as a JPEG of quality 95.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from .camera import CameraModel, Intrinsics
from .depth_camera import CapturedFrame, DepthCamera, DeviceRequest, OpenedDevices, name_cameras
from .device_lenses import lens_of_maker, pose_of_maker
from .errors import ConfigError, InputError, MissingExtraError

DEFAULT_FPS = 15
DEFAULT_COLOR_PX = (1280, 720)
REALSENSE_DEPTH_PX = (848, 480)
FIRST_FRAME_MS = 5000
JPEG_QUALITY = 95


class RealSenseCamera:
    """One RealSense camera; fulfils `DepthCamera`.

    Args:
        rs: the package.
        serial: its serial number.
        name: its name in the recording.
        fps: frames per second.
        color_px: width and height of colour images.

    Raises:
        RuntimeError: the camera does not start, as the package says it.
    """

    def __init__(self, rs: ModuleType, serial: str, name: str, fps: int, color_px: tuple[int, int]) -> None:
        self._rs, self._serial, self._fps, self._color_px = rs, serial, fps, color_px
        self._pipeline: Any = None
        self._last_color = -1
        profile = self._start()
        depth = profile.get_stream(rs.stream.depth).as_video_stream_profile()
        color = profile.get_stream(rs.stream.color).as_video_stream_profile()
        turn = depth.get_extrinsics_to(color)
        rotation = np.asarray(turn.rotation, dtype=np.float64).reshape(3, 3, order="F")  # stored column by column
        unit_m = float(profile.get_device().first_depth_sensor().get_depth_scale())
        where = f"camera {name} ({serial})"
        self.model = CameraModel(
            name, _realsense_lens(color.get_intrinsics(), f"{where}, color"),
            _realsense_lens(depth.get_intrinsics(), f"{where}, depth"),
            pose_of_maker(rotation, turn.translation, where), unit_m,
        )  # fmt: skip

    def read(self, timeout_s: float) -> CapturedFrame | None:
        """The next pair of images, or None where none came in time."""
        came, frames = self._pipeline.try_wait_for_frames(max(1, round(timeout_s * 1e3)))
        if not came:
            return None
        depth, color = frames.get_depth_frame(), frames.get_color_frame()
        if not depth:
            return None
        packet = None
        if color and color.get_frame_number() != self._last_color:
            self._last_color = color.get_frame_number()
            packet = jpeg_of(np.asanyarray(color.get_data()))
        counts = np.array(np.asanyarray(depth.get_data()), dtype=np.uint16)  # a copy: the package uses its memory again
        return CapturedFrame(int(depth.get_frame_number()), round(depth.get_timestamp() * 1e6), counts, packet)

    def reopen(self) -> bool:
        """Start again, if the camera is plugged in."""
        self.close()
        if self._serial not in _realsense_serials(self._rs):
            return False
        self._start()
        return True

    def close(self) -> None:
        """Stop the camera."""
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            with contextlib.suppress(RuntimeError):  # it is gone already
                pipeline.stop()

    def _start(self) -> Any:
        rs, config = self._rs, self._rs.config()
        config.enable_device(self._serial)
        config.enable_stream(rs.stream.depth, *REALSENSE_DEPTH_PX, rs.format.z16, self._fps)
        config.enable_stream(rs.stream.color, *self._color_px, rs.format.bgr8, self._fps)
        pipeline = rs.pipeline()
        profile = pipeline.start(config)
        for sensor in profile.get_device().query_sensors():
            if sensor.supports(rs.option.global_time_enabled):  # the camera's own clock: `ortwin sync` models it
                sensor.set_option(rs.option.global_time_enabled, 0)
        self._pipeline = pipeline
        return profile


class OrbbecCamera:
    """One Orbbec camera; fulfils `DepthCamera`.

    Args:
        ob: the package.
        device: the camera, as the package lists it.
        name: its name in the recording.
        fps: frames per second.
        color_px: width and height of colour images.

    Raises:
        InputError: it gives no frame.
    """

    def __init__(self, ob: ModuleType, device: Any, name: str, fps: int, color_px: tuple[int, int]) -> None:
        self._ob, self._fps, self._color_px = ob, fps, color_px
        self._serial = device.get_device_info().get_serial_number()
        self._pipeline: Any = None
        where = f"camera {name} ({self._serial})"
        depth, color = self._start(device)
        turn = depth.get_extrinsic_to(color)
        first = self._first_depth(where)
        self.model = CameraModel(
            name, _orbbec_lens(color, f"{where}, color"), _orbbec_lens(depth, f"{where}, depth"),
            pose_of_maker(turn.rot, np.asarray(turn.transform, dtype=np.float64) * 1e-3, where),  # millimetres
            float(first.get_depth_scale()) * 1e-3,  # millimetres per count
        )  # fmt: skip

    def read(self, timeout_s: float) -> CapturedFrame | None:
        """The next pair of images, or None where none came in time."""
        frames = self._pipeline.wait_for_frames(max(1, round(timeout_s * 1e3)))
        if frames is None or (depth := frames.get_depth_frame()) is None:
            return None
        color = frames.get_color_frame()
        counts = np.frombuffer(np.asarray(depth.get_data()).tobytes(), dtype=np.uint16)
        return CapturedFrame(
            int(depth.get_index()), int(depth.get_timestamp_us()) * 1000,
            counts.reshape(depth.get_height(), depth.get_width()),
            None if color is None else np.asarray(color.get_data()).tobytes(),
        )  # fmt: skip

    def reopen(self) -> bool:
        """Start again, if the camera is plugged in."""
        self.close()
        device = _orbbec_devices(self._ob).get(self._serial)
        if device is None:
            return False
        self._start(device)
        return True

    def close(self) -> None:
        """Stop the camera."""
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            with contextlib.suppress(self._ob.OBError, RuntimeError):  # it is gone already
                pipeline.stop()

    def _start(self, device: Any) -> tuple[Any, Any]:
        """Stream depth and JPEGs; the profiles of both."""
        ob, pipeline, config = self._ob, self._ob.Pipeline(device), self._ob.Config()
        depths = pipeline.get_stream_profile_list(ob.OBSensorType.DEPTH_SENSOR)
        colors = pipeline.get_stream_profile_list(ob.OBSensorType.COLOR_SENSOR)
        depth = depths.get_video_stream_profile(0, 0, ob.OBFormat.Y16, self._fps)
        color = colors.get_video_stream_profile(*self._color_px, ob.OBFormat.MJPG, self._fps)
        config.enable_stream(depth)
        config.enable_stream(color)
        pipeline.enable_frame_sync()
        pipeline.start(config)
        self._pipeline = pipeline
        return depth, color

    def _first_depth(self, where: str) -> Any:
        for _ in range(10):
            frames = self._pipeline.wait_for_frames(FIRST_FRAME_MS // 10)
            depth = None if frames is None else frames.get_depth_frame()
            if depth is not None:
                return depth
        self.close()
        raise InputError(
            "the camera started and gives no depth", where=where,
            todo="pull its plug, wait five seconds, plug it in again; use the maker's own cable and power supply",
        )  # fmt: skip


def open_realsense(request: DeviceRequest) -> OpenedDevices:
    """Open RealSense cameras; see `DeviceDriver`.

    Raises:
        MissingExtraError: pyrealsense2 is not installed.
        ConfigError, InputError: see `DeviceDriver`.
    """
    rs = _maker("pyrealsense2", "pyrealsense2", "realsense")
    fps, color_px = _wanted(request)
    names = name_cameras(_realsense_serials(rs), request.names)
    cameras: list[DepthCamera] = []
    for serial, name in names.items():
        with _started(cameras, name, serial):
            cameras.append(RealSenseCamera(rs, serial, name, fps, color_px))
    return OpenedDevices(cameras, float(fps), {"kind": "realsense", "serials": {n: s for s, n in names.items()}})


def open_orbbec(request: DeviceRequest) -> OpenedDevices:
    """Open Orbbec cameras; see `DeviceDriver`.

    Raises:
        MissingExtraError: pyorbbecsdk2 is not installed.
        ConfigError, InputError: see `DeviceDriver`.
    """
    ob = _maker("pyorbbecsdk", "pyorbbecsdk2", "orbbec")
    fps, color_px = _wanted(request)
    devices = _orbbec_devices(ob)
    names = name_cameras(list(devices), request.names)
    cameras: list[DepthCamera] = []
    for serial, name in names.items():
        with _started(cameras, name, serial):
            cameras.append(OrbbecCamera(ob, devices[serial], name, fps, color_px))
    return OpenedDevices(cameras, float(fps), {"kind": "orbbec", "serials": {n: s for s, n in names.items()}})


def jpeg_of(color_bgr: np.ndarray) -> bytes:
    """(h, w, 3) uint8 blue, green, red as a JPEG file."""
    import cv2

    done, packet = cv2.imencode(".jpg", color_bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise InputError("a colour image cannot be packed as JPEG")
    return packet.tobytes()


@contextlib.contextmanager
def _started(opened: list[DepthCamera], name: str, serial: str) -> Iterator[None]:
    """Where a camera does not start, let go of those that did, and say it in our words."""
    try:
        yield
    except Exception as error:
        for camera in opened:
            camera.close()
        if isinstance(error, InputError):
            raise
        raise InputError(
            "a camera does not start", where=f"camera {name} ({serial})", why=str(error),
            todo="close other programs that use it, try another USB 3 port, or other --fps and --size",
        ) from error  # fmt: skip


def _maker(module: str, package: str, extra: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(package, extra) from error


def _wanted(request: DeviceRequest) -> tuple[int, tuple[int, int]]:
    if request.source is not None or request.faults:
        raise ConfigError("--source and --fault belong to --device replay", todo="leave them out")
    return round(request.fps or DEFAULT_FPS), request.color_px or DEFAULT_COLOR_PX


def _realsense_serials(rs: ModuleType) -> list[str]:
    return [device.get_info(rs.camera_info.serial_number) for device in rs.context().query_devices()]


def _realsense_lens(lens: Any, where: str) -> Intrinsics:
    return lens_of_maker(
        fx_px=lens.fx, fy_px=lens.fy, cx_px=lens.ppx, cy_px=lens.ppy, width_px=lens.width, height_px=lens.height,
        model=str(lens.model).rpartition(".")[2].lower(), coefficients=list(lens.coeffs), where=where,
    )  # fmt: skip


def _orbbec_devices(ob: ModuleType) -> dict[str, Any]:
    found = ob.Context().query_devices()
    return {
        found.get_device_serial_number_by_index(number): found.get_device_by_index(number)
        for number in range(found.get_count())
    }


def _orbbec_lens(profile: Any, where: str) -> Intrinsics:
    lens, bend = profile.get_intrinsic(), profile.get_distortion()
    model = str(bend.model).rpartition(".")[2].lower()
    inner, outer = (bend.k1, bend.k2), (bend.k3, bend.k4, bend.k5, bend.k6)
    return lens_of_maker(
        fx_px=lens.fx, fy_px=lens.fy, cx_px=lens.cx, cy_px=lens.cy, width_px=lens.width, height_px=lens.height,
        model=model, where=where,
        coefficients=(*inner, *outer) if model == "kannala_brandt4" else (*inner, bend.p1, bend.p2, *outer),
    )  # fmt: skip
