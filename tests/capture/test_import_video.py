"""Plain videos: packets that are images are kept, others are decoded; times are exact; what is cut off is named."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from ortwin.capture.camera import Intrinsics
from ortwin.capture.errors import ConfigError, InputError
from ortwin.capture.geometry import SE3
from ortwin.capture.import_options import ImportOptions, TimeSpan
from ortwin.capture.import_video import import_video
from ortwin.capture.integrity import verify_tree
from ortwin.capture.storage import open_recording

WIDTH_PX, HEIGHT_PX, NUM_FRAMES = 96, 64, 12
LENS = Intrinsics(80.0, 80.0, 47.5, 31.5, WIDTH_PX, HEIGHT_PX)
TIMES_MS = [0, 40, 81, 119, 160, 200, 241, 280, 330, 360, 400, 441]


def image(index: int) -> np.ndarray:
    rows, columns = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX]
    return np.stack([rows * 2, columns, np.full_like(rows, 15 * index)], axis=-1).astype(np.uint8)


def write_video(path, codec: str) -> list[bytes]:
    """A Matroska of NUM_FRAMES images at TIMES_MS; gives its packets back in the order of time."""
    import av

    packets = []
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = WIDTH_PX, HEIGHT_PX
        stream.pix_fmt = {"mjpeg": "yuvj420p", "ffv1": "bgr0", "png": "rgb24"}.get(codec, "yuv420p")
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, time_ms in enumerate(TIMES_MS):
            frame = av.VideoFrame.from_ndarray(image(index), format="rgb24")
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            packets += stream.encode(frame)
        packets += stream.encode(None)
        data = [bytes(packet) for packet in packets]
        for packet in packets:
            container.mux(packet)
    return data


@pytest.mark.parametrize(("codec", "ending"), [("mjpeg", "mkv"), ("mjpeg", "avi"), ("png", "mov")])
def test_packets_that_are_images_are_kept_as_they_came(tmp_path, codec, ending):
    file = tmp_path / f"cam_1.{ending}"
    packets = write_video(file, codec)
    report = import_video([file], tmp_path / "a.recording", lenses={"cam_1": LENS})
    recording = open_recording(report.path)
    assert [recording.packet("cam_1", at, "color") for at in range(NUM_FRAMES)] == packets
    if ending != "avi":  # which knows a rate and no times
        assert recording.device_ns("cam_1").tolist() == [time_ms * 1_000_000 for time_ms in TIMES_MS]
    assert not verify_tree(report.path).damaged
    assert report.damaged == ()


def test_a_decoded_image_can_be_stored_exactly(tmp_path):
    write_video(tmp_path / "cam_1.mkv", "ffv1")
    report = import_video([tmp_path / "cam_1.mkv"], tmp_path / "a.recording", lenses={"cam_1": LENS}, lossless=True)
    recording = open_recording(report.path)
    for index in range(NUM_FRAMES):
        np.testing.assert_array_equal(recording.color_rgb("cam_1", index), image(index))


def test_a_video_with_frames_in_another_order_is_taken_in_the_order_of_time(tmp_path):
    write_video(tmp_path / "cam_1.mkv", "mpeg4")
    report = import_video([tmp_path / "cam_1.mkv"], tmp_path / "a.recording", lenses={"cam_1": LENS})
    recording = open_recording(report.path)
    assert recording.device_ns("cam_1").tolist() == [time_ms * 1_000_000 for time_ms in TIMES_MS]
    middles = [int(np.median(recording.color_rgb("cam_1", index)[..., 2])) for index in range(NUM_FRAMES)]
    assert middles == sorted(middles)
    assert any("JPEG of quality" in sentence for sentence in report.assumptions)


def test_two_videos_keep_their_own_images_and_their_places(tmp_path):
    names = ("cam_1", "cam_2")
    packets = {name: write_video(tmp_path / f"{name}.mkv", "mjpeg") for name in names}
    rows = ["cam_id,frame_time"]
    rows += [f"1,{5 + t / 1000}" for t in TIMES_MS] + [f"2,{5 + (t + 7) / 1000}" for t in TIMES_MS]
    (tmp_path / "timestamps.csv").write_text("\n".join(rows))
    pose = SE3.exp(np.array([0.1, 0.2, 0.3, 1.0, 2.0, 3.0]))
    files = [tmp_path / f"{name}.mkv" for name in names]
    report = import_video(
        files, tmp_path / "a.recording", lenses=dict.fromkeys(names, LENS), world_from_camera={"cam_1": pose}
    )
    recording = open_recording(report.path)
    assert report.unplaced == ("cam_2",)
    np.testing.assert_array_equal(recording.rig["cam_1"].world_from_camera.matrix(), pose.matrix())
    for name, shift_ms in (("cam_1", 0), ("cam_2", 7)):
        assert recording.device_ns(name).tolist() == [(5000 + t + shift_ms) * 1_000_000 for t in TIMES_MS]
        assert [recording.packet(name, at, "color") for at in range(NUM_FRAMES)] == packets[name]


def test_a_stretch_is_taken_by_the_same_images(tmp_path):
    packets = write_video(tmp_path / "cam_1.mkv", "mjpeg")
    options = ImportOptions(TimeSpan.parse("0.1", "0.3"))
    report = import_video([tmp_path / "cam_1.mkv"], tmp_path / "a.recording", lenses={"cam_1": LENS}, options=options)
    recording = open_recording(report.path)
    assert recording.indices("cam_1").tolist() == [3, 4, 5, 6, 7]
    assert [recording.packet("cam_1", at, "color") for at in range(5)] == packets[3:8]


@pytest.mark.parametrize("codec", ["mjpeg", "mpeg4"])
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_a_video_that_is_cut_off_gives_what_it_has(tmp_path, codec, share):
    path = tmp_path / "cam_1.mkv"
    write_video(path, codec)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    report = import_video([path], tmp_path / "a.recording", lenses={"cam_1": LENS})
    times = open_recording(report.path).device_ns("cam_1").tolist()
    assert 0 < len(times) < NUM_FRAMES
    assert times == [time_ms * 1_000_000 for time_ms in TIMES_MS[: len(times)]]


@pytest.mark.parametrize("data", [b"", b"no video at all", bytes(2000)])
def test_a_file_that_is_no_video_is_named(tmp_path, data):
    (tmp_path / "cam_1.mkv").write_bytes(data)
    with pytest.raises(InputError, match=r"cam_1\.mkv"):
        import_video([tmp_path / "cam_1.mkv"], tmp_path / "a.recording", lenses={"cam_1": LENS})
    assert [path.name for path in tmp_path.iterdir()] == ["cam_1.mkv"]


def test_a_lens_is_not_guessed(tmp_path):
    write_video(tmp_path / "cam_1.mkv", "mjpeg")
    with pytest.raises(ConfigError, match="ortwin calibrate"):
        import_video([tmp_path / "cam_1.mkv"], tmp_path / "a.recording", lenses={})
    with pytest.raises(InputError, match="calibrate at the size"):
        import_video([tmp_path / "cam_1.mkv"], tmp_path / "a.recording", lenses={"cam_1": LENS.scaled(2.0)})


def test_real_videos_are_taken(test_data, tmp_path):
    from ortwin.capture.calibration.camera_files import read_cameras

    folder = test_data / "caliscope_charuco"
    files = sorted(folder.rglob("cam_0.mp4")) or sorted(folder.rglob("*.mp4"))[:1]
    known = read_cameras(folder / "camera_array.toml")
    report = import_video(
        files, tmp_path / "a.recording", lenses=known.lenses, options=ImportOptions(TimeSpan.parse(None, "1"))
    )
    assert report.num_frames > 5
    assert not verify_tree(report.path).damaged
