"""Logs of ROS in all their files: depth to the bit, times to the nanosecond, lenses and places as they were said."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.conventions import quat_xyzw_from_rotation
from ortwin.capture.errors import ConfigError, InputError
from ortwin.capture.geometry import SE3
from ortwin.capture.import_mcap import import_mcap
from ortwin.capture.import_options import DepthPolicy, ImportOptions, TimeSpan
from ortwin.capture.import_ros import RosOptions
from ortwin.capture.import_ros_cameras import KnownCameras
from ortwin.capture.import_rosbag import import_rosbag
from ortwin.capture.integrity import verify_tree
from ortwin.capture.storage import open_recording

WIDTH_PX, HEIGHT_PX, NUM_FRAMES = 64, 48, 8
EPOCH_NS, STEP_NS, LAG_NS, DELAY_NS = 1_700_000_000_123_456_789, 100_000_000, 3_000_000, 20_000_000
K = [60.0, 0.0, 31.5, 0.0, 61.0, 23.5, 0.0, 0.0, 1.0]
DISTORTION = [0.1, -0.05, 0.001, -0.002, 0.01, 0.02, 0.03, 0.004]
COLOR_FROM_DEPTH = SE3.exp(np.array([0.01, 0.02, -0.01, 0.03, 0.002, 0.001]))
WORLD_FROM_COLOR = {
    "cam_1": SE3.exp(np.array([0.3, -1.0, 0.0, 0.0, 2.0, 1.5])), "cam_2": SE3.exp(np.array([0.3, -1.0, 0.2, 1, 2, 1.5]))
}  # fmt: skip


def depth_of(name: str, index: int) -> np.ndarray:
    return np.random.default_rng([index, *name.encode()]).integers(0, 65535, (HEIGHT_PX, WIDTH_PX)).astype(np.uint16)


def color_of(index: int) -> np.ndarray:
    rows, columns = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX]
    return np.stack([rows * 3, columns * 2, np.full_like(rows, 20 * index)], axis=-1).astype(np.uint8)


def jpeg_of(index: int) -> bytes:
    import cv2

    return cv2.imencode(".jpg", color_of(index))[1].tobytes()


def png_of(image: np.ndarray) -> bytes:
    import cv2

    return cv2.imencode(".png", image)[1].tobytes()


class Maker:
    """Messages of ROS 1 or 2."""

    def __init__(self, ros1: bool) -> None:
        from rosbags.typesys import Stores, get_types_from_msg, get_typestore

        self.ros1 = ros1
        self.store = get_typestore(Stores.ROS1_NOETIC if ros1 else Stores.ROS2_HUMBLE)
        if ros1:
            text = "geometry_msgs/TransformStamped[] transforms"
            self.store.register(get_types_from_msg(text, "tf2_msgs/msg/TFMessage"))

    def __call__(self, kind: str, **fields):
        return self.store.types[kind](**fields)

    def header(self, time_ns: int, frame: str):
        stamp = self("builtin_interfaces/msg/Time", sec=time_ns // 10**9, nanosec=time_ns % 10**9)
        return self("std_msgs/msg/Header", **({"seq": 0} if self.ros1 else {}), stamp=stamp, frame_id=frame)

    def image(self, time_ns, frame, encoding, pixels: np.ndarray):
        data = np.frombuffer(pixels.tobytes(), np.uint8)
        return self(
            "sensor_msgs/msg/Image", header=self.header(time_ns, frame), height=pixels.shape[0], width=pixels.shape[1],
            encoding=encoding, is_bigendian=0, step=len(data) // pixels.shape[0], data=data,
        )  # fmt: skip

    def compressed(self, time_ns, frame, form, data: bytes):
        content = np.frombuffer(data, np.uint8)
        return self("sensor_msgs/msg/CompressedImage", header=self.header(time_ns, frame), format=form, data=content)

    def info(self, frame, model="rational_polynomial", distortion=DISTORTION):
        roi = self(
            "sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
        )  # fmt: skip
        arrays = {"d": distortion, "k": K, "r": np.eye(3).ravel(), "p": [*K[:3], 0, *K[3:6], 0, *K[6:], 0]}
        arrays = {n.upper() if self.ros1 else n: np.array(v, dtype=np.float64) for n, v in arrays.items()}
        return self(
            "sensor_msgs/msg/CameraInfo", header=self.header(EPOCH_NS, frame), height=HEIGHT_PX, width=WIDTH_PX,
            distortion_model=model, binning_x=0, binning_y=0, roi=roi, **arrays,
        )  # fmt: skip

    def transforms(self, edges):
        return self("tf2_msgs/msg/TFMessage", transforms=[self.transform(*edge) for edge in edges])

    def transform(self, parent, child, pose: SE3):
        x, y, z, w = quat_xyzw_from_rotation(pose.rotation).tolist()
        tx, ty, tz = pose.translation_m.tolist()
        turn = self("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w)
        transform = self(
            "geometry_msgs/msg/Transform",
            translation=self("geometry_msgs/msg/Vector3", x=tx, y=ty, z=tz),
            rotation=turn,
        )
        return self(
            "geometry_msgs/msg/TransformStamped", header=self.header(EPOCH_NS, parent), child_frame_id=child,
            transform=transform,
        )  # fmt: skip


def log_of(make: Maker, *, depth="raw", color="compressed", tf=True, num_frames=NUM_FRAMES, stamped=True):
    """(log_ns, topic, message) of two cameras."""
    messages = []
    edges = []
    for name in WORLD_FROM_COLOR:
        edges += [
            ("world", f"{name}_color", WORLD_FROM_COLOR[name]),
            (f"{name}_color", f"{name}_depth", COLOR_FROM_DEPTH),
        ]
        messages += [
            (EPOCH_NS, f"/{name}/color/camera_info", make.info(f"{name}_color")),
            (EPOCH_NS, f"/{name}/depth/camera_info", make.info(f"{name}_depth", "plumb_bob", [])),
        ]
        for index in range(num_frames):
            time_ns = EPOCH_NS + index * STEP_NS
            lag = (time_ns + LAG_NS) if stamped else 0, f"{name}_color"
            own = time_ns if stamped else 0, f"{name}_depth"
            counts = depth_of(name, index)
            if color == "compressed":
                message = f"/{name}/color/image_raw/compressed", make.compressed(*lag, "rgb8; jpeg", jpeg_of(index))
            else:
                message = f"/{name}/color/image_raw", make.image(*lag, "bgr8", color_of(index))
            messages.append((time_ns + DELAY_NS + LAG_NS, *message))
            if depth == "raw":
                message = f"/{name}/depth/image_raw", make.image(*own, "16UC1", counts)
            elif depth == "metres":
                metres = (counts * 0.001).astype(np.float32)
                message = f"/{name}/depth/image_raw", make.image(*own, "32FC1", metres)
            else:
                data = bytes(12) + png_of(counts)
                topic = f"/{name}/depth/image_raw/compressedDepth"
                message = topic, make.compressed(*own, "16UC1; compressedDepth png", data)
            messages.append((time_ns + DELAY_NS, *message))
    if tf:
        messages.append((EPOCH_NS, "/tf_static", make.transforms(edges)))
    return sorted(messages, key=lambda entry: entry[0])


def write(path, form: str, **how):
    """A log of two cameras in a file of a form."""
    make = Maker(ros1=form in ("bag", "mcap-ros1"))
    messages = log_of(make, **how)
    serialize = make.store.serialize_ros1 if make.ros1 else make.store.serialize_cdr
    if form.startswith("mcap"):
        return write_mcap(path / "a.mcap", make, messages, serialize)
    if form == "bag":
        from rosbags.rosbag1 import Writer

        target, options = path / "a.bag", {}
    else:
        from rosbags.rosbag2 import StoragePlugin, Writer

        target, options = path / "a", {"version": 9, "storage_plugin": StoragePlugin[form.upper()]}
    with Writer(target, **options) as writer:
        connections = {}
        for log_ns, topic, message in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, message.__msgtype__, typestore=make.store)
            writer.write(connections[topic], log_ns, serialize(message, message.__msgtype__))
    return target


def write_mcap(target, make, messages, serialize):
    from mcap.writer import Writer

    with target.open("wb") as stream:
        writer = Writer(stream, chunk_size=30_000)
        writer.start("ros1" if make.ros1 else "ros2")
        channels = {}
        for log_ns, topic, message in messages:
            name = message.__msgtype__
            if topic not in channels:
                text = make.store.generate_msgdef(name, ros_version=1 if make.ros1 else 2)[0]
                encoding = "ros1msg" if make.ros1 else "ros2msg"
                shown = name.replace("/msg/", "/") if make.ros1 else name
                schema = writer.register_schema(shown, encoding, text.encode())
                channels[topic] = writer.register_channel(topic, "ros1" if make.ros1 else "cdr", schema)
            writer.add_message(channels[topic], log_ns, bytes(serialize(message, name)), log_ns)
        writer.finish()
    return target


def take(source, out, ros=None, options=None):
    importer = import_mcap if source.suffix == ".mcap" else import_rosbag
    return importer(source, out, ros=ros, options=options)


FORMS = ["bag", "sqlite3", "mcap", "mcap-file", "mcap-ros1"]


@pytest.mark.parametrize("form", FORMS)
def test_everything_comes_out_as_it_went_in(tmp_path, form):
    source = write(tmp_path, form)
    report = take(source, tmp_path / "a.recording")
    recording = open_recording(report.path)
    assert (report.damaged, report.unplaced) == ((), ())
    assert list(recording.cameras) == ["cam_1", "cam_2"]
    for name, camera in recording.cameras.items():
        assert recording.device_ns(name).tolist() == [EPOCH_NS + i * STEP_NS for i in range(NUM_FRAMES)]
        assert recording.timestamps_ns(name).tolist() == recording.device_ns(name).tolist()
        for index in range(NUM_FRAMES):
            np.testing.assert_array_equal(recording.depth_raw(name, index), depth_of(name, index))
            assert recording.packet(name, index, "color") == jpeg_of(index)
        assert (camera.color.fx_px, camera.color.fy_px, camera.color.cx_px, camera.color.cy_px) == (60, 61, 31.5, 23.5)
        np.testing.assert_array_equal(camera.color.distortion, DISTORTION)
        assert camera.depth.distortion_model == "none"
        np.testing.assert_allclose(camera.color_from_depth.matrix(), COLOR_FROM_DEPTH.matrix(), atol=1e-12)
        placed = recording.rig[name].world_from_camera
        np.testing.assert_allclose(placed.matrix(), WORLD_FROM_COLOR[name].matrix(), atol=1e-12)
    assert not verify_tree(report.path).damaged
    assert any("3.0 ms" in sentence for sentence in recording.source["assumptions"])


@pytest.mark.parametrize("depth", ["metres", "compressedDepth"])
def test_depth_of_other_encodings_is_exact_too(tmp_path, depth):
    report = take(write(tmp_path, "bag", depth=depth), tmp_path / "a.recording")
    recording = open_recording(report.path)
    for index in range(NUM_FRAMES):
        np.testing.assert_array_equal(recording.depth_raw("cam_1", index), depth_of("cam_1", index))


def test_raw_colour_is_stored_exactly(tmp_path):
    recording = open_recording(take(write(tmp_path, "bag", color="raw"), tmp_path / "a.recording").path)
    np.testing.assert_array_equal(recording.color_rgb("cam_1", 5), color_of(5)[..., ::-1])


def test_without_stamps_the_time_of_the_log_is_taken_and_said(tmp_path):
    report = take(write(tmp_path, "mcap-file", stamped=False), tmp_path / "a.recording")
    times = open_recording(report.path).device_ns("cam_2").tolist()
    assert times == [EPOCH_NS + DELAY_NS + i * STEP_NS for i in range(NUM_FRAMES)]
    assert any("has no stamps" in sentence for sentence in report.assumptions)


def test_a_stretch_without_depth_is_taken(tmp_path):
    options = ImportOptions(TimeSpan.parse("0.15", "0.45"), DepthPolicy.parse("none"))
    recording = open_recording(take(write(tmp_path, "sqlite3"), tmp_path / "a.recording", options=options).path)
    assert recording.indices("cam_1").tolist() == [2, 3, 4]
    assert not recording.has_stream("cam_1", "depth")


def test_a_try_writes_nothing_and_lists_the_topics(tmp_path):
    source = write(tmp_path, "mcap-file")
    report = take(source, tmp_path / "a.recording", options=ImportOptions(dry_run=True))
    assert report.num_frames == 2 * NUM_FRAMES
    assert any("/cam_2/depth/image_raw" in sentence for sentence in report.assumptions)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mcap"]


@pytest.mark.parametrize("form", ["bag", "mcap-file"])
def test_depth_whose_place_nobody_knows_is_refused(tmp_path, form):
    with pytest.raises(InputError, match="how the depth lens sits") as caught:
        take(write(tmp_path, form, tf=False), tmp_path / "a.recording")
    assert "/tf_static" in caught.value.todo


def test_topics_can_be_named(tmp_path):
    ros = RosOptions(topics=("left.color=/cam_1/color/image_raw/compressed",))
    recording = open_recording(take(write(tmp_path, "bag"), tmp_path / "a.recording", ros).path)
    assert "left" in recording.cameras
    with pytest.raises(ConfigError, match="did you mean"):
        take(tmp_path / "a.bag", tmp_path / "b.recording", RosOptions(topics=("left.depth=/cam_1/depth/image_ra",)))
    with pytest.raises(ConfigError, match="names no stream"):
        take(tmp_path / "a.bag", tmp_path / "b.recording", RosOptions(topics=("left=/x",)))


def test_what_somebody_gives_goes_before_what_the_log_says(tmp_path):
    source = write(tmp_path, "bag")
    first = open_recording(take(source, tmp_path / "a.recording").path)
    lens, pose = first.cameras["cam_1"].depth.scaled(1.0), SE3.exp(np.arange(6) / 10)
    known = KnownCameras({"cam_1": lens}, {"cam_1": pose})
    report = take(source, tmp_path / "b.recording", RosOptions(known=known))
    recording = open_recording(report.path)
    assert not recording.cameras["cam_1"].color.is_distorted
    np.testing.assert_array_equal(recording.rig["cam_1"].world_from_camera.matrix(), pose.matrix())
    assert report.unplaced == ("cam_2",)


@pytest.mark.parametrize("share", [0.4, 0.6, 0.8])
def test_an_mcap_that_is_cut_off_gives_what_it_has(tmp_path, share):
    source = write(tmp_path, "mcap-file")
    source.write_bytes(source.read_bytes()[: int(source.stat().st_size * share)])
    report = take(source, tmp_path / "a.recording", RosOptions(ignore_poses=True))
    assert 0 < report.num_frames < 2 * NUM_FRAMES
    assert any("cut off" in damage.what for damage in report.damaged)
    recording = open_recording(report.path)
    np.testing.assert_array_equal(recording.depth_raw("cam_1", 0), depth_of("cam_1", 0))


def test_a_damaged_part_of_an_mcap_is_stepped_over(tmp_path):
    source = write(tmp_path, "mcap-file")
    data = bytearray(source.read_bytes())
    data[len(data) // 2] ^= 255
    source.write_bytes(data)
    report = take(source, tmp_path / "a.recording")
    assert any("is damaged" in damage.what for damage in report.damaged)
    recording = open_recording(report.path)
    kept = recording.device_ns("cam_1").tolist()
    assert kept[0] == EPOCH_NS
    assert kept[-1] == EPOCH_NS + (NUM_FRAMES - 1) * STEP_NS
    for position, time_ns in enumerate(kept):
        raw = recording.depth_raw("cam_1", position)
        if raw is not None:
            np.testing.assert_array_equal(raw, depth_of("cam_1", round((time_ns - EPOCH_NS) / STEP_NS)))


@pytest.mark.parametrize("form", ["bag", "sqlite3", "mcap-file"])
@pytest.mark.parametrize("harm", ["empty", "strange", "half"])
def test_files_that_cannot_be_opened_say_what_to_do(tmp_path, form, harm):
    source = write(tmp_path, form)
    file = source if source.is_file() else next(source.glob("*.db3"))
    data = {"empty": b"", "strange": b"something else entirely" * 9, "half": file.read_bytes()[:1000]}[harm]
    file.write_bytes(data)
    with pytest.raises(InputError) as caught:
        take(source, tmp_path / "a.recording")
    assert caught.value.todo
    assert not list(tmp_path.glob("*.recording")) + list(tmp_path.glob(".*.tmp"))
