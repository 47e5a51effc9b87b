"""Drivers: found by name, refused in plain words, and speaking to the makers' packages as these are documented.

The packages are played by stand-ins that offer what the drivers use, under the names of the real interfaces. No camera
was here.
"""

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pytest
from ortwin.capture import devices, plugins
from ortwin.capture.camera import CameraModel, Intrinsics
from ortwin.capture.depth_camera import DeviceRequest, device_names, find_device, name_cameras, open_devices
from ortwin.capture.device_lenses import lens_of_maker, pose_of_maker
from ortwin.capture.errors import ConfigError, InputError, MissingExtraError
from ortwin.capture.geometry import SE3
from ortwin.capture.replay_device import parse_fault
from ortwin.capture.storage import RecordingWriter

TURN = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
DEPTH = np.arange(6 * 8, dtype=np.uint16).reshape(6, 8)
COLOR = np.full((12, 16, 3), (10, 100, 200), dtype=np.uint8)


def test_each_built_in_driver_is_there_and_is_named_in_the_package():
    for name in ("orbbec", "realsense", "replay"):
        assert name in device_names() and callable(find_device(name))


def test_an_unknown_driver_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="did you mean 'realsense'"):
        find_device("realsens")


def test_a_driver_of_another_package_is_found(monkeypatch):
    driver = object()
    point = SimpleNamespace(name="lab_camera", value="lab:open", load=lambda: driver)

    def entry_points(group: str, name: str | None = None) -> list:
        return [point] if group == "ortwin.devices" and name in (None, "lab_camera") else []

    monkeypatch.setattr(plugins.metadata, "entry_points", entry_points)
    assert find_device("lab_camera") is driver and "lab_camera" in device_names()


def test_a_driver_that_cannot_be_loaded_says_whose_it_is(monkeypatch):
    def load() -> None:
        raise ImportError("libusb is missing")

    point = SimpleNamespace(name="lab_camera", value="lab:open", load=load)
    monkeypatch.setattr(plugins.metadata, "entry_points", lambda group, name=None: [point])
    with pytest.raises(ConfigError, match="cannot be loaded") as caught:
        find_device("lab_camera")
    assert "lab:open" in caught.value.where and "libusb" in caught.value.why


@pytest.mark.parametrize(("name", "module"), [("orbbec", "pyorbbecsdk"), ("realsense", "pyrealsense2")])
def test_without_the_makers_package_the_extra_is_named(monkeypatch, name, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError) as caught:
        open_devices(name, DeviceRequest())
    assert f"ortwin[{name}]" in caught.value.todo


def test_cameras_are_named_by_serial_number_unless_asked_otherwise():
    assert name_cameras(["B2", "A1"], {}) == {"A1": "cam_1", "B2": "cam_2"}
    assert name_cameras(["B2", "A1"], {"B2": "door"}) == {"B2": "door"}
    with pytest.raises(InputError, match="C3") as caught:
        name_cameras(["B2", "A1"], {"C3": "door"})
    assert "A1, B2" in caught.value.where


def test_faults_are_read_as_they_are_written():
    one = parse_fault("unplug@5s", ["cam_1", "cam_2"])
    two = parse_fault("cam_2:unplug@1.5s-8s", ["cam_1", "cam_2"])
    assert (one.camera_id, one.begin_s, one.end_s) == ("cam_1", 5.0, None)
    assert (two.camera_id, two.begin_s, two.end_s) == ("cam_2", 1.5, 8.0)
    for wrong in ("unplug", "burn@5s", "cam_9:unplug@5s"):
        with pytest.raises(ConfigError):
            parse_fault(wrong, ["cam_1", "cam_2"])


def test_a_replay_without_a_recording_or_with_a_frame_rate_is_refused(tmp_path):
    lens = Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48)
    path = tmp_path / "empty.recording"
    with RecordingWriter(path, [CameraModel("a", lens, lens, SE3.identity(), 0.001)], fps=5.0, source={}):
        pass
    with pytest.raises(ConfigError, match="needs a recording"):
        open_devices("replay", DeviceRequest())
    with pytest.raises(ConfigError, match="as it was filmed"):
        open_devices("replay", DeviceRequest(source=path, fps=5.0))
    with pytest.raises(InputError, match="no frames"):
        open_devices("replay", DeviceRequest(source=path))
    with pytest.raises(InputError, match="not a recording"):
        open_devices("replay", DeviceRequest(source=Path("nowhere.recording")))


@pytest.mark.parametrize("model", ["brown_conrady", "brown_conrady_k6"])
def test_a_makers_lens_projects_as_opencv_does(model):
    count = 8 if model.endswith("k6") else 5
    bend = np.array([0.08, -0.05, 0.002, -0.001, 0.01, 0.02, -0.01, 0.003])[:count]
    lens = lens_of_maker(
        fx_px=900, fy_px=905, cx_px=640, cy_px=360, width_px=1280, height_px=720, model=model,
        coefficients=bend.tolist(), where="camera a",
    )  # fmt: skip
    points = np.random.default_rng(1).uniform([-0.6, -0.35, 1.0], [0.6, 0.35, 1.0], (50, 3))
    expected, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), lens.matrix, bend)
    np.testing.assert_allclose(lens.project(points), expected[:, 0], atol=1e-9)


def test_a_lens_of_an_unknown_kind_is_refused_unless_it_does_not_bend():
    numbers = {"fx_px": 9, "fy_px": 9, "cx_px": 4, "cy_px": 4, "width_px": 8, "height_px": 8, "where": "camera a"}
    assert not lens_of_maker(model="ftheta", coefficients=[0] * 5, **numbers).is_distorted
    with pytest.raises(InputError, match="ftheta"):
        lens_of_maker(model="ftheta", coefficients=[0.1] * 5, **numbers)


def test_a_pose_in_single_precision_becomes_a_rotation_and_a_mirror_does_not():
    turned = cv2.Rodrigues(np.array([0.1, -0.2, 0.05]))[0]
    pose = pose_of_maker(turned.astype(np.float32), [0.01, 0.02, 0.03], "camera a")
    np.testing.assert_allclose(pose.rotation @ pose.rotation.T, np.eye(3), atol=1e-14)
    np.testing.assert_allclose(pose.rotation, turned, atol=1e-6)
    with pytest.raises(InputError, match="no rotation"):
        pose_of_maker(np.diag([1.0, 1.0, -1.0]), [0, 0, 0], "camera a")


def realsense(serials: list[str]) -> ModuleType:
    """What the driver uses of pyrealsense2."""
    rs = ModuleType("pyrealsense2")

    def lens(width: int, height: int) -> SimpleNamespace:
        return SimpleNamespace(
            fx=9.0, fy=9.5, ppx=4.0, ppy=3.0, width=width, height=height, coeffs=[0.0] * 5,
            model="distortion.brown_conrady",
        )  # fmt: skip

    turn = SimpleNamespace(rotation=TURN.ravel(order="F").tolist(), translation=[0.015, 0.0, 0.001])
    profiles = {
        "depth": SimpleNamespace(get_extrinsics_to=lambda other: turn, get_intrinsics=lambda: lens(8, 6)),
        "color": SimpleNamespace(get_intrinsics=lambda: lens(16, 12)),
    }
    options = []
    sensor = SimpleNamespace(
        supports=lambda option: True, set_option=lambda option, value: options.append((option, value)),
        get_depth_scale=lambda: 0.0005,
    )  # fmt: skip
    device = SimpleNamespace(first_depth_sensor=lambda: sensor, query_sensors=lambda: [sensor])
    active = SimpleNamespace(
        get_stream=lambda name: SimpleNamespace(as_video_stream_profile=lambda: profiles[name]),
        get_device=lambda: device,
    )

    class Pipeline:
        def __init__(self) -> None:
            self.number = 0

        def start(self, config: SimpleNamespace) -> SimpleNamespace:
            return active

        def try_wait_for_frames(self, timeout_ms: int) -> tuple:
            self.number += 1
            depth = SimpleNamespace(
                get_frame_number=lambda: self.number,
                get_timestamp=lambda: 1000.25 * self.number,
                get_data=lambda: DEPTH,
            )
            color = SimpleNamespace(get_frame_number=lambda: min(self.number, 1), get_data=lambda: COLOR)
            return True, SimpleNamespace(get_depth_frame=lambda: depth, get_color_frame=lambda: color)

        def stop(self) -> None:
            raise RuntimeError("stop() cannot be called before start()")

    rs.__dict__.update(
        pipeline=Pipeline, options=options, serials=serials, stream=SimpleNamespace(depth="depth", color="color"),
        format=SimpleNamespace(z16="z16", bgr8="bgr8"), option=SimpleNamespace(global_time_enabled="global_time"),
        camera_info=SimpleNamespace(serial_number="serial"),
        config=lambda: SimpleNamespace(enable_device=lambda serial: None, enable_stream=lambda *stream: None),
        context=lambda: SimpleNamespace(
            query_devices=lambda: [SimpleNamespace(get_info=lambda what, serial=serial: serial) for serial in serials]
        ),
    )  # fmt: skip
    return rs


def test_a_realsense_camera_is_read_as_its_package_documents_it(monkeypatch):
    rs = realsense(["B2", "A1"])
    monkeypatch.setitem(sys.modules, "pyrealsense2", rs)
    opened = open_devices("realsense", DeviceRequest())
    camera = opened.cameras[0]
    assert [one.model.camera_id for one in opened.cameras] == ["cam_1", "cam_2"]
    assert opened.source["serials"] == {"cam_1": "A1", "cam_2": "B2"}
    np.testing.assert_allclose(camera.model.color_from_depth.rotation, TURN)  # column by column, not its transpose
    assert camera.model.depth_unit_m == 0.0005 and ("global_time", 0) in rs.options
    first, second = camera.read(0.1), camera.read(0.1)
    assert (first.index, first.device_ns, second.index) == (1, 1_000_250_000, 2)
    np.testing.assert_array_equal(first.depth_raw, DEPTH)
    shown = cv2.imdecode(np.frombuffer(first.color_packet, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_allclose(shown, COLOR, atol=3)
    assert second.color_packet is None, "the same colour image is not stored twice"
    assert camera.reopen()
    rs.serials.remove("A1")
    assert not camera.reopen()


def test_no_camera_is_said_and_not_recorded(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyrealsense2", realsense([]))
    with pytest.raises(InputError, match="no camera was found"):
        open_devices("realsense", DeviceRequest())
    with pytest.raises(ConfigError, match="replay"):
        open_devices("realsense", DeviceRequest(faults=["unplug@5s"]))


def orbbec() -> ModuleType:
    """What the driver uses of pyorbbecsdk."""
    ob = ModuleType("pyorbbecsdk")
    bend = SimpleNamespace(
        model="OBCameraDistortionModel.BROWN_CONRADY_K6", k1=1, k2=2, k3=3, k4=4, k5=5, k6=6, p1=7, p2=8
    )
    turn = SimpleNamespace(rot=TURN.astype(np.float32), transform=np.array([-32.0, 0.0, 4.0], np.float32))

    def profile(width: int, height: int) -> SimpleNamespace:
        lens = SimpleNamespace(fx=9.0, fy=9.5, cx=4.0, cy=3.0, width=width, height=height)
        return SimpleNamespace(
            get_intrinsic=lambda: lens, get_distortion=lambda: bend, get_extrinsic_to=lambda other: turn
        )

    depth = SimpleNamespace(
        get_index=lambda: 5, get_timestamp_us=lambda: 1234, get_width=lambda: 8, get_height=lambda: 6,
        get_depth_scale=lambda: 0.25, get_data=lambda: DEPTH.view(np.uint8).ravel(),
    )  # fmt: skip
    color = SimpleNamespace(get_data=lambda: np.frombuffer(b"jpeg", np.uint8))
    frames = SimpleNamespace(get_depth_frame=lambda: depth, get_color_frame=lambda: color)
    profiles = {"depth": profile(8, 6), "color": profile(16, 12)}

    class Pipeline:
        def __init__(self, device: SimpleNamespace) -> None:
            self.waits = [None, frames, frames]

        def get_stream_profile_list(self, sensor: str) -> SimpleNamespace:
            return SimpleNamespace(get_video_stream_profile=lambda width, height, kind, fps: profiles[sensor])

        def wait_for_frames(self, timeout_ms: int) -> SimpleNamespace | None:
            return self.waits.pop(0) if self.waits else None

        def enable_frame_sync(self) -> None: ...
        def start(self, config: SimpleNamespace) -> None: ...
        def stop(self) -> None: ...

    device = SimpleNamespace(get_device_info=lambda: SimpleNamespace(get_serial_number=lambda: "CL1"))
    found = SimpleNamespace(
        get_count=lambda: 1, get_device_by_index=lambda number: device,
        get_device_serial_number_by_index=lambda number: "CL1",
    )  # fmt: skip
    ob.__dict__.update(
        Pipeline=Pipeline, OBError=RuntimeError, Context=lambda: SimpleNamespace(query_devices=lambda: found),
        Config=lambda: SimpleNamespace(enable_stream=lambda one: None),
        OBSensorType=SimpleNamespace(DEPTH_SENSOR="depth", COLOR_SENSOR="color"),
        OBFormat=SimpleNamespace(Y16="Y16", MJPG="MJPG"),
    )  # fmt: skip
    return ob


def test_an_orbbec_camera_is_read_as_its_package_documents_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyorbbecsdk", orbbec())
    camera = open_devices("orbbec", DeviceRequest(names={"CL1": "ceiling"})).cameras[0]
    model = camera.model
    assert model.camera_id == "ceiling" and model.depth_unit_m == pytest.approx(0.00025)
    np.testing.assert_allclose(model.color_from_depth.translation_m, [-0.032, 0.0, 0.004], atol=1e-8)
    assert model.color.distortion.tolist() == [1, 2, 7, 8, 3, 4, 5, 6]  # OpenCV's order
    frame = camera.read(0.1)
    assert (frame.index, frame.device_ns, frame.color_packet) == (5, 1_234_000, b"jpeg")
    np.testing.assert_array_equal(frame.depth_raw, DEPTH)
    assert camera.read(0.1) is None
    camera.close()
    assert camera.reopen()


USED_OF_REALSENSE = {
    "pipeline": ("start", "try_wait_for_frames", "stop"), "config": ("enable_device", "enable_stream"),
    "context": ("query_devices",), "depth_sensor": ("get_depth_scale", "supports", "set_option"),
    "stream_profile": ("get_extrinsics_to", "as_video_stream_profile"), "extrinsics": ("rotation", "translation"),
    "intrinsics": ("fx", "fy", "ppx", "ppy", "width", "height", "model", "coeffs"),
    "composite_frame": ("get_depth_frame", "get_color_frame"), "device": ("first_depth_sensor", "query_sensors"),
    "frame": ("get_frame_number", "get_timestamp"), "option": ("global_time_enabled",), "format": ("z16", "bgr8"),
}  # fmt: skip
USED_OF_ORBBEC = {
    "Pipeline": ("get_stream_profile_list", "wait_for_frames", "enable_frame_sync", "start", "stop"),
    "DeviceList": ("get_count", "get_device_by_index", "get_device_serial_number_by_index"),
    "StreamProfileList": ("get_video_stream_profile",), "StreamProfile": ("get_extrinsic_to",),
    "VideoStreamProfile": ("get_intrinsic", "get_distortion"), "OBExtrinsic": ("rot", "transform"),
    "OBCameraIntrinsic": ("fx", "fy", "cx", "cy", "width", "height"), "OBSensorType": ("DEPTH_SENSOR", "COLOR_SENSOR"),
    "OBCameraDistortion": ("model", "k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2"), "OBFormat": ("Y16", "MJPG"),
    "FrameSet": ("get_depth_frame", "get_color_frame"), "Context": ("query_devices",), "Config": ("enable_stream",),
    "DepthFrame": ("get_depth_scale", "get_index", "get_timestamp_us", "get_width", "get_height", "get_data"),
}  # fmt: skip


@pytest.mark.parametrize(("package", "used"), [("pyrealsense2", USED_OF_REALSENSE), ("pyorbbecsdk", USED_OF_ORBBEC)])
def test_the_real_package_has_what_the_driver_uses(package, used):
    try:
        maker = importlib.import_module(package)
    except ImportError:
        pytest.skip(f"{package} is not installed")
    missing = [f"{kind}.{name}" for kind, names in used.items() for name in names
               if not hasattr(getattr(maker, kind, None), name)]  # fmt: skip
    assert missing == []


def test_a_camera_that_does_not_start_lets_the_others_go(monkeypatch):
    rs, closed = realsense(["A1", "B2"]), []

    class Camera:
        def __init__(self, rs: ModuleType, serial: str, *rest: object) -> None:
            if serial == "B2":
                raise RuntimeError("failed to set power state")

        def close(self) -> None:
            closed.append(1)

    monkeypatch.setitem(sys.modules, "pyrealsense2", rs)
    monkeypatch.setattr(devices, "RealSenseCamera", Camera)
    with pytest.raises(InputError, match="does not start") as caught:
        open_devices("realsense", DeviceRequest())
    assert "power state" in caught.value.why and closed == [1]
