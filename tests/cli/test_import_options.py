"""What all importers take alike: a stretch of time, a rule for depth, and a try that tells the cost and writes nothing.

Each source has ten frames at 10 Hz: depth noise of 0 to 3 m where the files can hold depth, and colour where they can.
"""

import base64
import json
from fractions import Fraction

import cv2
import numpy as np
import pytest
from ortwin.capture.storage import open_recording
from ortwin.cli.app import run

WIDTH_PX, HEIGHT_PX, NUM_FRAMES, EPOCH_NS, STEP_NS = 64, 48, 10, 1_700_000_000_000_000_000, 100_000_000
K = [60.0, 0.0, 31.5, 0.0, 60.0, 23.5, 0.0, 0.0, 1.0]
LENS = {
    "fx_px": 60.0, "fy_px": 60.0, "cx_px": 31.5, "cy_px": 23.5, "width_px": WIDTH_PX, "height_px": HEIGHT_PX,
}  # fmt: skip


def depth(index):
    return np.random.default_rng(index).integers(0, 3000, (HEIGHT_PX, WIDTH_PX)).astype(np.uint16)


def color(index):
    return np.random.default_rng(100 + index).integers(0, 255, (HEIGHT_PX, WIDTH_PX, 3)).astype(np.uint8)


def plain(folder):
    for index in range(NUM_FRAMES):
        for kind, name, image in (
            ("depth", f"{index:06d}.png", depth(index)),
            ("color", f"{index:06d}.jpg", color(index)),
        ):
            (folder / "cam_1" / kind).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(folder / "cam_1" / kind / name, image)
    cameras = {"cam_1": {"color": LENS, "depth": LENS}}
    (folder / "calibration.json").write_text(json.dumps({"depth_unit_m": 0.001, "cameras": cameras}))
    return ["plain", str(folder)], ["--fps", "10"]


def tum(folder):
    for kind, ending, image in (("rgb", "png", color), ("depth", "png", depth)):
        (folder / kind).mkdir(parents=True)
        rows = []
        for index in range(NUM_FRAMES):
            cv2.imwrite(folder / kind / f"{index}.{ending}", image(index))
            rows.append(f"{EPOCH_NS // 10**9}.{index}00000 {kind}/{index}.{ending}")
        (folder / f"{kind}.txt").write_text("\n".join(rows))
    return ["tum", str(folder)], ["--lens", "60,60,31.5,23.5", "--depth-unit", "0.001"]


def video(folder):
    import av

    folder.mkdir()
    with av.open(str(folder / "cam_1.mkv"), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuvj420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for index in range(NUM_FRAMES):
            frame = av.VideoFrame.from_ndarray(color(index), format="rgb24")
            frame.pts, frame.time_base = 100 * index, Fraction(1, 1000)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    lenses = {"depth_unit_m": 0.001, "cameras": {"cam_1": {"color": LENS}}}
    (folder / "calibration.json").write_text(json.dumps(lenses))
    return ["video", str(folder / "cam_1.mkv")], ["--rig", str(folder / "calibration.json")]


def mcap(folder):
    from mcap.writer import Writer

    folder.mkdir()
    with (folder / "a.mcap").open("wb") as stream:
        writer = Writer(stream)
        writer.start()
        channels = {
            name: writer.register_channel(topic, "json", writer.register_schema(name, "jsonschema", b"{}"))
            for topic, name in (
                ("/cam_1/depth/image", "foxglove.RawImage"), ("/cam_1/depth/camera_info", "foxglove.CameraCalibration"),
            )
        }  # fmt: skip
        for index in range(NUM_FRAMES):
            time_ns = EPOCH_NS + index * STEP_NS
            stamped = {
                "timestamp": {"sec": time_ns // 10**9, "nsec": time_ns % 10**9}, "frame_id": "d", "width": WIDTH_PX,
                "height": HEIGHT_PX,
            }  # fmt: skip
            pixels = base64.b64encode(depth(index).tobytes()).decode()
            image = stamped | {"encoding": "16UC1", "step": 2 * WIDTH_PX, "data": pixels}
            lens = stamped | {"distortion_model": "plumb_bob", "D": [], "K": K, "P": [*K[:3], 0, *K[3:6], 0, *K[6:], 0]}
            for name, value in (("foxglove.CameraCalibration", lens), ("foxglove.RawImage", image)):
                writer.add_message(channels[name], time_ns, json.dumps(value).encode(), time_ns)
        writer.finish()
    return ["mcap", str(folder / "a.mcap")], []


def rosbag(folder):
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    kinds = store.types
    with Writer(folder, version=9, storage_plugin=StoragePlugin.SQLITE3) as writer:
        names = {
            "/cam_1/depth/image_raw": "sensor_msgs/msg/Image",
            "/cam_1/depth/camera_info": "sensor_msgs/msg/CameraInfo",
        }
        topics = {topic: writer.add_connection(topic, name, typestore=store) for topic, name in names.items()}
        for index in range(NUM_FRAMES):
            time_ns = EPOCH_NS + index * STEP_NS
            stamp = kinds["builtin_interfaces/msg/Time"](sec=time_ns // 10**9, nanosec=time_ns % 10**9)
            header = kinds["std_msgs/msg/Header"](stamp=stamp, frame_id="d")
            image = kinds["sensor_msgs/msg/Image"](
                header=header, height=HEIGHT_PX, width=WIDTH_PX, encoding="16UC1", is_bigendian=0, step=2 * WIDTH_PX,
                data=depth(index).view(np.uint8).ravel(),
            )  # fmt: skip
            region = kinds["sensor_msgs/msg/RegionOfInterest"](
                x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
            )
            info = kinds["sensor_msgs/msg/CameraInfo"](
                header=header, height=HEIGHT_PX, width=WIDTH_PX, distortion_model="plumb_bob", d=np.zeros(0),
                k=np.array(K), r=np.eye(3).ravel(), p=np.array([*K[:3], 0, *K[3:6], 0, *K[6:], 0]), binning_x=0,
                binning_y=0, roi=region,
            )  # fmt: skip
            for topic, message in (("/cam_1/depth/camera_info", info), ("/cam_1/depth/image_raw", image)):
                writer.write(topics[topic], time_ns, store.serialize_cdr(message, names[topic]))
    return ["rosbag", str(folder)], []


SOURCES = {"plain": plain, "tum": tum, "video": video, "mcap": mcap, "rosbag": rosbag}
WITH_DEPTH = [name for name in SOURCES if name != "video"]
WITH_COLOR = ["plain", "tum"]


@pytest.fixture
def imported(tmp_path, capsys):
    """Imports a source of a kind with options: the exit code, and the JSON document or, of an error, its text."""

    made = {}

    def run_import(kind, *options, name="a"):
        if kind not in made:
            made[kind] = SOURCES[kind](tmp_path / "source")
        first, more = made[kind]
        capsys.readouterr()
        code = run(["import", *first, str(tmp_path / f"{name}.recording"), *more, *options, "--json"])
        told = capsys.readouterr()
        return code, told.out + told.err if code else json.loads(told.out)

    return run_import


@pytest.mark.parametrize("kind", SOURCES)
def test_a_stretch_of_time_is_taken_half_open(imported, tmp_path, kind):
    code, document = imported(kind, "--from", "0.3", "--to", "0.7")
    assert (code, document["frames"]) == (0, 4)
    recording = open_recording(tmp_path / "a.recording")
    # Counts from the first frame; numbers are those of the source.
    assert recording.indices("cam_1").tolist() == [3, 4, 5, 6]
    times_s = (recording.timestamps_ns("cam_1") - recording.timestamps_ns("cam_1")[0]) * 1e-9
    np.testing.assert_allclose(times_s, [0, 0.1, 0.2, 0.3], atol=1e-6)
    code, document = imported(kind, "--to", "00:00:00.25", name="b")
    assert (code, document["frames"]) == (0, 3)


@pytest.mark.parametrize("kind", ["tum", "mcap", "rosbag"])
def test_a_date_is_a_moment_where_the_source_knows_dates(imported, tmp_path, kind):
    code, document = imported(kind, "--from", "2023-11-14T22:13:20.45Z")  # 0.45 s after the first frame
    assert (code, document["frames"]) == (0, 5)


@pytest.mark.parametrize("kind", ["plain", "video"])
def test_a_date_is_refused_where_the_source_knows_none(imported, tmp_path, kind):
    code, said = imported(kind, "--from", "2023-11-14T22:13:20.45Z")
    assert code == 2 and "knows no dates" in said
    assert not (tmp_path / "a.recording").exists()


@pytest.mark.parametrize("kind", SOURCES)
def test_a_stretch_without_frames_is_said(imported, tmp_path, kind):
    code, said = imported(kind, "--from", "50")
    assert code == 3 and "no frame lies between" in said
    assert not (tmp_path / "a.recording").exists()


@pytest.mark.parametrize("kind", WITH_DEPTH)
def test_depth_is_cut_to_a_range(imported, tmp_path, kind):
    code, _ = imported(kind, "--depth", "1:2.5")
    assert code == 0
    recording = open_recording(tmp_path / "a.recording")
    for index in (0, 9):
        raw = depth(index)
        expected = np.where((raw >= 1000) & (raw <= 2500), raw, 0)
        np.testing.assert_array_equal(recording.depth_raw("cam_1", index), expected)


@pytest.mark.parametrize("kind", WITH_DEPTH)
def test_depth_is_left_out(imported, tmp_path, kind):
    code, told = imported(kind, "--depth", "none")
    if kind not in WITH_COLOR:
        assert code == 3 and "no frame" in told  # nothing is left
        return
    assert (code, told["frames"]) == (0, NUM_FRAMES)
    recording = open_recording(tmp_path / "a.recording")
    assert not recording.has_stream("cam_1", "depth") and recording.has_stream("cam_1", "color")


@pytest.mark.parametrize("kind", SOURCES)
def test_a_try_writes_nothing_and_tells_what_the_import_then_takes(imported, tmp_path, kind):
    code, tried = imported(kind, "--dry-run", "--to", "0.8")
    assert code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"source"}
    estimate = tried["estimate"]
    assert estimate["num_frames"] == tried["frames"] == 8
    assert estimate["work_s"] >= 0 and min(estimate["memory_bytes"], estimate["free_bytes"]) > 0
    code, done = imported(kind, "--to", "0.8")
    assert (code, done["frames"]) == (0, 8) and "estimate" not in done
    size = sum(path.stat().st_size for path in (tmp_path / "a.recording").rglob("*") if path.is_file())
    # Ten kilobytes or so of tables and manifests lie in every recording, however short.
    assert size - 20_000 < estimate["disk_bytes"] < 1.3 * size


@pytest.mark.parametrize(
    "wish", [["--from", "soon"], ["--to", "-1"], ["--from", "2", "--to", "1"], ["--depth", "deep"]]
)
@pytest.mark.parametrize("kind", WITH_DEPTH)
def test_a_wrong_wish_is_refused_before_anything_is_written(imported, tmp_path, kind, wish):
    code, said = imported(kind, *wish)
    assert code == 2 and wish[0] in said
    assert {path.name for path in tmp_path.iterdir()} == {"source"}
