"""Files of Azure Kinect and Femto recorders, made here with everything known."""

import json
from fractions import Fraction
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
import pytest
from ortwin.capture.errors import ConfigError, InputError
from ortwin.capture.extra_streams import read_extra
from ortwin.capture.import_matroska import import_azure_kinect
from ortwin.capture.import_options import DepthPolicy, ImportOptions, TimeSpan
from ortwin.capture.integrity import verify_tree
from ortwin.capture.packets import decode_counts
from ortwin.capture.storage import open_recording

MS = 1_000_000
START_NS = 123_456_000
GRID = (320, 288)
RATE = 20


def factory_json() -> bytes:
    def camera(location: str, size: tuple[int, int], translation_m: list[float]) -> dict:
        values = [0.51, 0.52, 0.49, 0.49 * size[0] / size[1], *[0.0] * 10]
        return {
            "Intrinsics": {"ModelParameterCount": 14, "ModelParameters": values,
                           "ModelType": "CALIBRATION_LensDistortionModelBrownConrady"},
            "Location": f"CALIBRATION_CameraLocation{location}", "MetricRadius": 1.7,
            "Rt": {"Rotation": np.eye(3).ravel().tolist(), "Translation": translation_m},
            "SensorWidth": size[0], "SensorHeight": size[1],
        }  # fmt: skip

    cameras = [camera("D0", (1024, 1024), [0, 0, 0]), camera("PV0", (4096, 3072), [-0.032, 0.0, 0.0])]
    return json.dumps({"CalibrationInformation": {"Cameras": cameras}}).encode()


def depth_image(number: int) -> np.ndarray:
    width, height = GRID
    rows, columns = np.mgrid[:height, :width]
    return ((rows * 31 + columns * 17 + number * 257) % 65_535).astype(np.uint16)


def make_mkv(
    path: Path, num_frames: int, *, tags: dict[str, str] | None = None, depth_late_ms: int = 0, color: str = "mjpeg",
    calibrated: bool = True, without: frozenset = frozenset(), first_ms: int = 7,
) -> None:  # fmt: skip
    """A file as the recorder writes it. `without` has (track, number) of images that were dropped."""
    jpeg = cv2.imencode(".jpg", np.full((180, 320, 3), 90, dtype=np.uint8))[1].tobytes()
    with av.open(str(path), "w", format="matroska", options={"allow_raw_vfw": "1"}) as container:
        container.metadata.update({"K4A_START_OFFSET_NS": str(START_NS), **(tags or {})})
        if calibrated:
            container.add_attachment("calibration.json", "application/octet-stream", factory_json())
        streams = {
            "COLOR": container.add_stream(color, rate=RATE),
            "DEPTH": container.add_stream("rawvideo", rate=RATE),
            "IR": container.add_stream("rawvideo", rate=RATE),
        }
        for name, stream in streams.items():
            stream.metadata["title"] = name
            stream.width, stream.height = (320, 180) if name == "COLOR" else GRID
            stream.pix_fmt = "gray16be"
            stream.codec_context.codec_tag = "b16g" if name != "COLOR" else stream.codec_context.codec_tag
        streams["COLOR"].pix_fmt = "yuvj420p" if color == "mjpeg" else "yuv420p"
        streams["COLOR"].codec_context.max_b_frames = 0  # a camera does not look ahead
        for number in range(num_frames):
            at_ms = first_ms + number * 1000 // RATE
            raw = depth_image(number).astype(">u2").tobytes()
            for name, stream in streams.items():
                if (name, number) in without:
                    continue
                late = depth_late_ms if name != "COLOR" else 0
                if name == "COLOR" and color != "mjpeg":
                    frame = av.VideoFrame.from_ndarray(np.full((180, 320, 3), 90, dtype=np.uint8), format="bgr24")
                    frame.pts, frame.time_base = at_ms, Fraction(1, 1000)
                    container.mux(stream.encode(frame))
                    continue
                packet = av.Packet(jpeg if name == "COLOR" else raw)
                packet.stream, packet.time_base = stream, Fraction(1, 1000)
                packet.pts = packet.dts = at_ms + late
                container.mux(packet)
        if color != "mjpeg":
            container.mux(streams["COLOR"].encode(None))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("mkv") / "north.mkv"
    make_mkv(path, 60)
    return path


def times_ms(recording, camera_id: str) -> list[float]:
    return ((recording.device_ns(camera_id) - START_NS) / MS).tolist()


def test_depth_and_infrared_come_back_bit_by_bit_with_their_times(made, tmp_path):
    report = import_azure_kinect([made], tmp_path / "a.recording")
    assert report.damaged == ()
    recording = open_recording(tmp_path / "a.recording")
    assert times_ms(recording, "north") == [7 + number * 50 for number in range(60)]
    assert recording.fps == RATE
    infrared = list(read_extra(recording.path, "north", "ir"))
    for number in range(60):
        raw = depth_image(number)
        kept = np.where(raw == 65_535, 0, raw)
        assert np.array_equal(recording.depth_raw("north", number), kept)
        assert np.array_equal(decode_counts(infrared[number][2], *GRID), raw)
        assert infrared[number][:2] == (number, START_NS + (7 + number * 50) * MS)
    frame = recording.frame("north", 59)
    assert frame.color_rgb is not None
    assert abs(float(frame.color_rgb.mean()) - 90) < 2
    assert not verify_tree(recording.path).damaged


def test_lenses_are_those_of_the_mode(made, tmp_path):
    import_azure_kinect([made], tmp_path / "a.recording")
    camera = open_recording(tmp_path / "a.recording").cameras["north"]
    # Binned twice: the sensor is 512 wide, of which 96 and 90 pixels are cut off; pixel centres lie at integers.
    assert camera.depth is not None
    assert (camera.depth.fx_px, camera.depth.fy_px) == pytest.approx((0.49 * 512, 0.49 * 512))
    assert (camera.depth.cx_px, camera.depth.cy_px) == pytest.approx((0.51 * 512 - 96.5, 0.52 * 512 - 90.5))
    assert (camera.color.fx_px, camera.color.cx_px) == pytest.approx((0.49 * 320, 0.51 * 320 - 0.5))
    assert camera.color.cy_px == pytest.approx(0.52 * 240 - 30.5)
    assert camera.color_from_depth.translation_m.tolist() == [-0.032, 0.0, 0.0]
    assert camera.sensor == "azure_kinect_nfov"


def test_a_span_is_taken_as_if_the_rest_were_not_there(made, tmp_path):
    options = ImportOptions(TimeSpan.parse("1", "2"))
    import_azure_kinect([made], tmp_path / "a.recording", options=options)
    recording = open_recording(tmp_path / "a.recording")
    assert times_ms(recording, "north") == [7 + number * 50 for number in range(20, 40)]
    assert np.array_equal(recording.depth_raw("north", 0), np.where(depth_image(20) == 65_535, 0, depth_image(20)))
    assert recording.source["span_ns"]["from"] == 1000 * MS


def test_rules_for_depth(made, tmp_path):
    import_azure_kinect([made], tmp_path / "a.recording", options=ImportOptions(depth=DepthPolicy.parse("1:2")))
    raw = open_recording(tmp_path / "a.recording").depth_raw("north", 3)
    assert raw is not None
    assert set(np.unique(raw)) <= {0, *range(1000, 2001)}
    assert raw.any()
    import_azure_kinect(
        [made], tmp_path / "b.recording", keep_infrared=False, options=ImportOptions(depth=DepthPolicy.parse("none"))
    )
    bare = open_recording(tmp_path / "b.recording")
    assert bare.cameras["north"].depth is None
    assert not list(read_extra(bare.path, "north", "ir"))
    assert len(bare.indices("north")) == 60


def test_a_try_writes_nothing_and_says_what_it_would_take(made, tmp_path):
    report = import_azure_kinect([made], tmp_path / "a.recording", options=ImportOptions(dry_run=True))
    assert not any(tmp_path.iterdir())
    assert report.estimate is not None
    assert report.estimate.num_frames == pytest.approx(60, abs=1)
    import_azure_kinect([made], tmp_path / "a.recording")
    taken = sum(path.stat().st_size for path in (tmp_path / "a.recording").rglob("*") if path.is_file())
    assert taken <= report.estimate.disk_bytes <= 1.5 * taken


def test_images_that_belong_together_are_one_frame_and_drops_stay_holes(tmp_path):
    path = tmp_path / "late.mkv"
    dropped = frozenset({("COLOR", 3), ("DEPTH", 5), ("IR", 5)})
    make_mkv(path, 10, tags={"K4A_DEPTH_DELAY_NS": str(40 * MS)}, depth_late_ms=40, without=dropped)
    report = import_azure_kinect([path], tmp_path / "a.recording", names=["cam_1"])
    recording = open_recording(tmp_path / "a.recording")
    having = {
        stream: [recording.packet("cam_1", k, stream) is not None for k in range(10)] for stream in ("color", "depth")
    }
    assert having["color"] == [number != 3 for number in range(10)]
    assert having["depth"] == [number != 5 for number in range(10)]
    assert times_ms(recording, "cam_1")[0] == 47
    assert times_ms(recording, "cam_1")[5] == 7 + 250
    assert any("-40000 us" in sentence for sentence in report.assumptions)


def test_wired_cameras_share_a_clock_and_others_are_laid_by_the_dates_of_their_files(tmp_path):
    for name, mode in (("a", "MASTER"), ("b", "SUBORDINATE")):
        make_mkv(tmp_path / f"{name}.mkv", 5, tags={"K4A_WIRED_SYNC_MODE": mode}, first_ms=7 if name == "a" else 9)
    files = [tmp_path / "a.mkv", tmp_path / "b.mkv"]
    import_azure_kinect(files, tmp_path / "wired.recording")
    wired = open_recording(tmp_path / "wired.recording")
    assert (wired.timestamps_ns("b") - wired.timestamps_ns("a")).tolist() == [2 * MS] * 5
    for name, date in (("a", "2025-01-01T09:00:00Z"), ("b", "2025-01-01T09:00:03Z")):
        make_mkv(tmp_path / f"{name}.mkv", 5, tags={"creation_time": date})
    report = import_azure_kinect(files, tmp_path / "free.recording")
    free = open_recording(tmp_path / "free.recording")
    assert (free.timestamps_ns("b") - free.timestamps_ns("a")).tolist() == [3000 * MS] * 5
    assert any("ortwin sync" in sentence for sentence in report.assumptions)
    date = ImportOptions(TimeSpan.parse("2025-01-01T09:00:02Z", None))
    import_azure_kinect(files, tmp_path / "late.recording", options=date)
    late = open_recording(tmp_path / "late.recording")
    assert (len(late.indices("a")), len(late.indices("b"))) == (0, 5)


def test_colour_that_is_no_jpeg_becomes_one(tmp_path):
    try:
        make_mkv(tmp_path / "femto.mkv", 12, color="h264", tags={"K4A_DEVICE_SERIAL_NUMBER": "CL8F25300GX"})
    except (av.error.FFmpegError, ValueError):
        pytest.skip("this build of FFmpeg writes no H.264")
    report = import_azure_kinect([tmp_path / "femto.mkv"], tmp_path / "a.recording")
    recording = open_recording(tmp_path / "a.recording")
    assert times_ms(recording, "femto") == [7 + number * 50 for number in range(12)]
    frame = recording.frame("femto", 11)
    assert frame.color_rgb is not None
    assert frame.depth_m is not None
    assert abs(float(frame.color_rgb.mean()) - 90) < 3
    assert recording.cameras["femto"].sensor == "femto_bolt"
    assert any("h264" in sentence for sentence in report.assumptions)


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.01, 0.3, 0.6, 0.95, 0.99999])
def test_of_a_file_that_is_cut_off_all_that_can_be_read_is_taken(made, tmp_path, share):
    data = made.read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(data[: int(len(data) * share)])
    out = tmp_path / "a.recording"
    try:
        report = import_azure_kinect([cut], out)
    except InputError as error:
        assert share < 0.05
        assert str(cut) in error.where
        assert error.todo
        assert [path.name for path in tmp_path.iterdir()] == ["cut.mkv"]
        return
    assert any("cut off" in part.what and "is lost" in part.what for part in report.damaged)
    assert report.num_frames >= int(60 * share) - 2
    recording = open_recording(out)
    last = max(0, report.num_frames - 2)
    raw = depth_image(last)
    assert np.array_equal(recording.depth_raw("cut", last), np.where(raw == 65_535, 0, raw))
    assert not verify_tree(out).damaged


def test_a_file_damaged_in_the_middle_gives_what_is_whole(made, tmp_path):
    data = bytearray(made.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200_000] = bytes(200_000)
    path = tmp_path / "hole.mkv"
    path.write_bytes(data)
    report = import_azure_kinect([path], tmp_path / "a.recording")
    assert report.num_frames >= 25
    assert not verify_tree(tmp_path / "a.recording").damaged


def test_what_cannot_be_is_said(made, tmp_path):
    out = tmp_path / "a.recording"
    with pytest.raises(ConfigError, match="2 names for 1 files"):
        import_azure_kinect([made], out, names=["a", "b"])
    with pytest.raises(ConfigError, match="two cameras are called north"):
        import_azure_kinect([made, made], out)
    with pytest.raises(InputError, match="no image can be read") as empty:
        import_azure_kinect([made], out, options=ImportOptions(TimeSpan.parse("60", None)))
    assert "--from" in empty.value.why
    bare = tmp_path / "bare.mkv"
    make_mkv(bare, 3, calibrated=False)
    with pytest.raises(InputError, match="no factory calibration") as without:
        import_azure_kinect([bare], out)
    assert "--calibration" in without.value.todo
    (tmp_path / "given.json").write_bytes(factory_json())
    import_azure_kinect([bare], out, calibration=tmp_path / "given.json")
    text = tmp_path / "text.mkv"
    text.write_text("this is no film")
    with pytest.raises(InputError, match="no Matroska"):
        import_azure_kinect([text], tmp_path / "b.recording")
    assert not (tmp_path / "b.recording").exists()


def test_an_import_that_is_interrupted_leaves_nothing(made, tmp_path):
    calls = []

    def interrupt(done: int, total: int) -> None:
        calls.append((done, total))
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_azure_kinect([made], tmp_path / "a.recording", progress=interrupt)
    assert not any(tmp_path.iterdir())
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
