"""mcap files of other kinds than ROS: Foxglove's own messages as JSON, and what is not known is named."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from ortwin.capture.errors import InputError
from ortwin.capture.import_mcap import import_mcap
from ortwin.capture.storage import open_recording

WIDTH_PX, HEIGHT_PX, EPOCH_NS = 64, 48, 1_700_000_000_123_456_789
K = [60.0, 0.0, 31.5, 0.0, 61.0, 23.5, 0.0, 0.0, 1.0]
DEPTH = np.random.default_rng(0).integers(0, 65535, (HEIGHT_PX, WIDTH_PX)).astype(np.uint16)


def test_messages_of_foxglove_are_known(tmp_path):
    from mcap.writer import Writer

    stamp = {"sec": EPOCH_NS // 10**9, "nsec": EPOCH_NS % 10**9}
    pixels = base64.b64encode(DEPTH.tobytes()).decode()
    image = {
        "timestamp": stamp, "frame_id": "d", "width": WIDTH_PX, "height": HEIGHT_PX, "encoding": "16UC1",
        "step": 2 * WIDTH_PX, "data": pixels,
    }  # fmt: skip
    lens = {
        "timestamp": stamp, "frame_id": "d", "width": WIDTH_PX, "height": HEIGHT_PX, "distortion_model": "plumb_bob",
        "D": [], "K": K, "P": [*K[:3], 0, *K[3:6], 0, *K[6:], 0],
    }  # fmt: skip
    with (tmp_path / "a.mcap").open("wb") as stream:
        writer = Writer(stream)
        writer.start()
        for topic, name, value in (
            ("/cam_1/depth/image", "foxglove.RawImage", image),
            ("/cam_1/depth/camera_info", "foxglove.CameraCalibration", lens),
        ):
            channel = writer.register_channel(topic, "json", writer.register_schema(name, "jsonschema", b"{}"))
            writer.add_message(channel, EPOCH_NS, json.dumps(value).encode(), EPOCH_NS)
        writer.finish()
    recording = open_recording(import_mcap(tmp_path / "a.mcap", tmp_path / "a.recording").path)
    np.testing.assert_array_equal(recording.depth_raw("cam_1", 0), DEPTH)
    assert recording.device_ns("cam_1").tolist() == [EPOCH_NS]


def test_an_encoding_that_is_not_known_is_named(tmp_path):
    from mcap.writer import Writer

    with (tmp_path / "a.mcap").open("wb") as stream:
        writer = Writer(stream)
        writer.start()
        schema = writer.register_schema("foxglove.RawImage", "protobuf", b"\x00")
        writer.add_message(writer.register_channel("/cam_1/depth/image", "protobuf", schema), 1, b"\x00", 1)
        writer.finish()
    with pytest.raises(InputError, match="encoding that is not known") as caught:
        import_mcap(tmp_path / "a.mcap", tmp_path / "a.recording")
    assert "/cam_1/depth/image (protobuf)" in caught.value.why


def test_a_file_that_was_cut_off_before_its_first_part_was_whole_says_so(tmp_path):
    from mcap.writer import Writer

    with (tmp_path / "a.mcap").open("wb") as stream:
        writer = Writer(stream)
        writer.start()
        schema = writer.register_schema("foxglove.RawImage", "jsonschema", b"{}")
        channel = writer.register_channel("/cam_1/depth/image", "json", schema)
        for index in range(20):
            writer.add_message(channel, index, np.random.default_rng(index).bytes(1000), index)
        writer.finish()
    (tmp_path / "a.mcap").write_bytes((tmp_path / "a.mcap").read_bytes()[:5000])
    with pytest.raises(InputError, match="nothing of the file") as caught:
        import_mcap(tmp_path / "a.mcap", tmp_path / "a.recording")
    assert "cut off" in caught.value.why
