import numpy as np
import pytest
from ortwin.capture.camera import CameraModel, Intrinsics
from ortwin.capture.geometry import SE3
from ortwin.capture.health.finding import Severity
from ortwin.capture.health.origin import TITLES, TRAPS, check_origin
from ortwin.capture.storage import RecordingWriter, open_recording

LENS = Intrinsics(20.0, 20.0, 7.5, 7.5, 16, 16)


@pytest.fixture
def recorded(tmp_path):
    def write(times_s, **source):
        path = tmp_path / "a.recording"
        with RecordingWriter(
            path, [CameraModel("cam_1", LENS, LENS, SE3.identity())], fps=1.0, source=source
        ) as writer:
            for index, time_s in enumerate(times_s):
                raw = np.full((16, 16), 1500, np.uint16)
                writer.append("cam_1", index, round(time_s * 1e9), None, raw, None)
        return list(check_origin(open_recording(path)))

    return write


@pytest.mark.parametrize("importer", TRAPS)
def test_traps_of_each_data_set_are_explained(recorded, importer):
    (finding,) = recorded([0, 1, 2], importer=importer)
    assert finding.severity == Severity.GOOD
    assert TITLES[importer] in finding.what and len(finding.what) > 80


def test_every_assumption_is_said_again(recorded):
    found = recorded([0, 1, 2], importer="tum", assumptions=["depth: 0.0002 m a step", "the lens is published"])
    assert [finding.severity for finding in found] == [Severity.ADVICE] * 2
    assert "0.0002 m a step" in found[0].what


def test_dropped_instants_and_single_moments_are_warned_of(recorded):
    (_, gap) = recorded([0, 1, 2, 6, 7], importer="mm-or")
    assert gap.severity == Severity.WARNING and "1 gaps" in gap.what


def test_single_moments_are_warned_of(recorded):
    (_, sparse) = recorded([0, 75, 150, 225], importer="mvor")
    assert sparse.severity == Severity.WARNING and "75 s apart" in sparse.what


def test_a_recording_of_ones_own_has_nothing_to_say(recorded):
    assert recorded([0, 1, 2], kind="simulated-or") == []
