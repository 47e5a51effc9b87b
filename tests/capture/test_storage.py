"""Recordings: what goes in comes out, and damage is named."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.camera import CameraModel, CameraRig, Intrinsics
from ortwin.capture.clock import ClockModel
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import SE3
from ortwin.capture.integrity import verify_tree
from ortwin.capture.packets import decode_depth, encode_depth
from ortwin.capture.storage import RecordingWriter, attach_rig, open_recording

LENS = Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48)


def model(name: str) -> CameraModel:
    return CameraModel(name, LENS, LENS, SE3.identity(), 0.001)


def jpeg(value: int) -> bytes:
    import cv2

    return cv2.imencode(".jpg", np.full((48, 64, 3), value, np.uint8))[1].tobytes()


def depth(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(500, 4000, (48, 64)).astype(np.uint16)


@pytest.fixture
def recording(tmp_path):
    """Two cameras, 3 s at 5 Hz; cam_2 lacks colour, its frame 4 lacks depth."""
    path = tmp_path / "a.recording"
    with RecordingWriter(path, [model("cam_1"), model("cam_2")], fps=5.0, source={"test": True}) as writer:
        for index in range(15):
            stamp = index * 200_000_000
            writer.append("cam_1", index, stamp, None, depth(index), jpeg(index))
            writer.append("cam_2", index, stamp, stamp + 7, None if index == 4 else depth(100 + index), None)
    return path


def test_every_frame_comes_back_as_it_was_given(recording):
    opened = open_recording(recording)
    assert opened.num_segments == 3
    for index in range(15):
        assert np.array_equal(opened.depth_raw("cam_1", index), depth(index))
        assert opened.packet("cam_1", index, "color") == jpeg(index)
        frame = opened.frame("cam_2", index)
        assert frame.color_rgb is None
        assert frame.timestamp_ns == index * 200_000_000
        if index == 4:
            assert frame.depth_m is None
        else:
            np.testing.assert_allclose(frame.depth_m, depth(100 + index) * np.float32(0.001), rtol=1e-6)
    assert opened.summary()["cameras"]["cam_2"]["without_depth"] == 1


def test_depth_packets_are_lossless_and_saturation_is_no_return():
    raw = depth(3)
    raw[0, :5] = 65535
    decoded = decode_depth(encode_depth(raw), 64, 48)
    assert (decoded[0, :5] == 0).all()
    assert np.array_equal(decoded[1:], raw[1:])


def test_a_damaged_packet_names_camera_frame_and_time(recording):
    path = recording / "segments" / "000001" / "cam_1.depth"
    data = bytearray(path.read_bytes())
    data[10] ^= 1
    path.write_bytes(bytes(data))
    opened = open_recording(recording)
    with pytest.raises(InputError, match=r"cam_1, frame 5, 1\.000 s") as error:
        opened.depth_raw("cam_1", 5)
    assert str(path) in error.value.where
    assert np.array_equal(opened.depth_raw("cam_1", 6), depth(6))


def test_an_interrupted_import_leaves_nothing(tmp_path):
    path = tmp_path / "b.recording"
    with pytest.raises(KeyboardInterrupt), RecordingWriter(path, [model("cam_1")], fps=5.0, source={}) as writer:
        writer.append("cam_1", 0, 0, None, depth(0), None)
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_a_depth_image_of_another_size_is_refused(tmp_path):
    with (
        pytest.raises(InputError, match="64x48"),
        RecordingWriter(tmp_path / "c.recording", [model("cam_1")], fps=5.0, source={}) as writer,
    ):
        writer.append("cam_1", 0, 0, None, np.zeros((10, 10), np.uint16), None)


def test_a_rig_is_attached_replaced_and_covered_by_verification(recording):
    opened = open_recording(recording)
    with pytest.raises(InputError, match="no calibration"):
        _ = opened.rig
    for x_m in (1.0, 2.0):
        pose = SE3(np.eye(3), np.array([x_m, 0, 2.0]))
        attach_rig(recording, CameraRig({name: model(name).placed(pose) for name in ("cam_1", "cam_2")}))
        assert open_recording(recording).rig["cam_2"].world_from_camera.translation_m[0] == x_m
        assert verify_tree(recording).damaged == ()
    (recording / "rig.json").write_text((recording / "rig.json").read_text().replace("2.0", "2.1"))
    assert [damage.file for damage in verify_tree(recording).damaged] == ["rig.json"]


def test_a_rig_may_lack_a_camera_but_not_all_of_them(recording):
    attach_rig(recording, CameraRig({"cam_1": model("cam_1").placed(SE3.identity())}))
    assert list(open_recording(recording).rig.cameras) == ["cam_1"]
    with pytest.raises(InputError, match="cam_1, cam_2"):
        attach_rig(recording, CameraRig({"cam_9": model("cam_9").placed(SE3.identity())}))


def test_clocks_shift_frames_to_rig_time(tmp_path):
    path = tmp_path / "d.recording"
    clocks = {"cam_1": ClockModel(offset_ns=-5_000)}
    with RecordingWriter(path, [model("cam_1")], fps=5.0, source={}, clocks=clocks) as writer:
        writer.append("cam_1", 0, 5_000, None, depth(0), None)
        writer.append("cam_1", 1, 205_000_000, None, depth(1), None)
    assert open_recording(path).timestamps_ns("cam_1").tolist() == [0, 204_995_000]
