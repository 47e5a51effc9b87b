"""A part of a recording: the frames of a span, at positions of their own."""

import numpy as np
import pytest
from ortwin.capture.camera import CameraModel, CameraRig, Intrinsics
from ortwin.capture.geometry import SE3
from ortwin.capture.recording_part import RecordingPart
from ortwin.capture.rig_epochs import longest_between, still_span_ns
from ortwin.capture.storage import RecordingWriter, open_recording


@pytest.fixture
def recording(tmp_path):
    lens = Intrinsics(8.0, 8.0, 3.5, 2.5, 8, 6)
    model = CameraModel("cam_1", lens, lens, SE3.identity())
    with RecordingWriter(tmp_path / "a.recording", [model], fps=10.0, source={}) as writer:
        for k in range(10):
            writer.append("cam_1", 20 + k, k * 100, None, np.full((6, 8), 1000 + k, np.uint16), None)
    return open_recording(tmp_path / "a.recording")


def test_a_part_has_the_frames_of_its_span_and_no_others(recording):
    part = RecordingPart(recording, (300, 600))
    assert part.timestamps_ns("cam_1").tolist() == [300, 400, 500]
    assert part.indices("cam_1").tolist() == [23, 24, 25]
    depth_m = part.frame("cam_1", 1).depth_m
    assert depth_m is not None
    assert depth_m[0, 0] == pytest.approx(1.004)
    assert list(part.cameras) == ["cam_1"]
    assert len(RecordingPart(recording, (301, 400)).timestamps_ns("cam_1")) == 0


def test_spans_end_where_something_was_moved():
    assert longest_between([3, 10, 14], (0, 20)) == (3, 10)
    assert longest_between([], (0, 20)) == (0, 20)
    assert longest_between([0, 20, 25], (0, 20)) == (0, 20)
    assert still_span_ns(CameraRig({}), "cam_1", 5, (0, 20)) == (0, 20)
