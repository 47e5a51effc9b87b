"""ortwin sync: what it says, what it writes, and that a dry run writes nothing."""

import json

import cv2
import numpy as np
import pytest
from ortwin.capture.board_clocks import BOARD_CLOCKS, board_clocks, read_board_clocks
from ortwin.capture.calibration.clock_offsets import corrected_clocks
from ortwin.capture.camera import CameraModel, Intrinsics
from ortwin.capture.clock import ClockModel
from ortwin.capture.clock_evidence import DELAY_SIGMA_S
from ortwin.capture.clock_file import read_clocks
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import SE3
from ortwin.capture.health.finding import Severity
from ortwin.capture.health.times import check_times
from ortwin.capture.integrity import verify_tree
from ortwin.capture.storage import RecordingWriter, open_recording
from ortwin.capture.sync import synchronize
from ortwin.capture.sync_clocks import write_clocks
from ortwin.cli.app import ExitCode, run

TINY = Intrinsics(20.0, 20.0, 7.5, 7.5, 16, 16)
NAMES = ("cam_1", "cam_2")
COUNT, STEP_NS, JUMP_NS = 300, 100_000_000, 500_000_000
AT_FRAME, FALSE_FRAME = 150, 40
WAIT_NS = 2_000_000


def filmed(path, with_host=True):
    """Two cameras at 10 Hz that count from elsewhere; cam_1 jumps at one frame, cam_2 has one stamp twice."""
    picture = cv2.imencode(".jpg", np.zeros((TINY.height_px, TINY.width_px, 3), np.uint8))[1].tobytes()
    cameras = [CameraModel(name, TINY, None, SE3.identity()) for name in NAMES]
    waits_ns = np.rint(np.random.default_rng(4).exponential(WAIT_NS, (COUNT, 2))).astype(np.int64).tolist()
    with RecordingWriter(path, cameras, fps=10.0, source={}) as writer:
        for k in range(COUNT):
            stamps_ns = (
                7_000_000_000 + k * STEP_NS + JUMP_NS * (k >= AT_FRAME),
                90_000_000_000 + (k - (k == FALSE_FRAME)) * STEP_NS,
            )
            for name, device_ns, wait_ns in zip(NAMES, stamps_ns, waits_ns[k], strict=True):
                host_ns = k * STEP_NS + 30_000_000 + wait_ns if with_host else None
                writer.append(name, k, device_ns, host_ns, None, picture)
    return path


@pytest.fixture
def recording(tmp_path):
    return filmed(tmp_path / "case.recording")


def files(path):
    return {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_clocks_are_written_and_put_the_frames_together(recording, capsys):
    assert run(["sync", str(recording)]) == 0
    out = capsys.readouterr().out
    assert "cam_1: the clock jumped at frame position 150" in out
    assert "cam_2: a stamp came twice at frame position 40" in out
    clocks = read_clocks(recording / "clocks.json")
    assert [piece.from_position for piece in clocks["cam_1"].pieces] == [0, AT_FRAME]
    assert clocks["cam_2"].excluded == (FALSE_FRAME,)
    stored = open_recording(recording)
    assert dict(stored.clocks) == clocks
    # Both were exposed at k * STEP_NS: each line errs by less than a few of the least waits, which are WAIT_NS / n.
    apart_ns = stored.timestamps_ns("cam_1") - stored.timestamps_ns("cam_2")
    assert np.abs(np.delete(apart_ns, FALSE_FRAME)).max() < 2 * 100 * WAIT_NS / AT_FRAME
    assert np.abs(np.diff(stored.timestamps_ns("cam_1")) - STEP_NS).max() < 2 * 100 * WAIT_NS / AT_FRAME


def test_json_lists_every_finding(recording, capsys):
    assert run(["sync", str(recording), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["source"] == "host" and document["written"] is True
    told = [(finding["camera_id"], finding["kind"], finding["position"]) for finding in document["findings"]]
    assert ("cam_1", "jump", AT_FRAME) in told and ("cam_2", "duplicate", FALSE_FRAME) in told


def test_a_dry_run_says_the_same_and_writes_nothing(recording, capsys):
    before = files(recording)
    assert run(["sync", str(recording), "--dry-run", "--json"]) == 0
    dry = json.loads(capsys.readouterr().out)
    assert dry["written"] is False and dry["next"] == [f"ortwin sync {recording}"]
    assert files(recording) == before
    assert run(["sync", str(recording), "--json"]) == 0
    wet = json.loads(capsys.readouterr().out)
    assert wet["clocks"] == dry["clocks"] and wet["findings"] == dry["findings"]


def test_only_clocks_json_changes(recording):
    before = files(recording)
    assert run(["sync", str(recording)]) == 0
    after = files(recording)
    assert after.keys() == before.keys()
    assert {file.name for file in after if after[file] != before[file]} <= {"clocks.json", "manifest.json"}


def test_a_recording_that_nobody_synchronized_has_these_clocks_already(recording):
    stored = open_recording(recording)
    unsynced, positions = dict(stored.clocks), synchronize(stored).positions
    assert FALSE_FRAME not in positions[:, 1]
    assert run(["sync", str(recording)]) == 0
    assert dict(open_recording(recording).clocks) == unsynced


def test_without_host_stamps_the_way_is_named(tmp_path, capsys):
    path = filmed(tmp_path / "deaf.recording", with_host=False)
    assert run(["sync", str(path)]) == 3
    assert "--from content" in capsys.readouterr().err
    assert open_recording(path).clocks["cam_1"] == ClockModel()


def test_what_stamps_cannot_show_is_said_until_a_board_has_told_it(recording, capsys):
    assert run(["sync", str(recording)]) == 0
    out = capsys.readouterr().out
    assert "does not show in stamps" in out and f"calibrate {recording} --board board.toml --clocks" in out
    stored = open_recording(recording)
    assert [f.severity for f in check_times(stored) if "do not show" in f.what] == [Severity.ADVICE]
    write_clocks(stored, corrected_clocks(stored.clocks, {"cam_2": -13.0}))
    findings = list(check_times(open_recording(recording)))
    assert not [finding for finding in findings if "do not show" in finding.what]
    # Against the median of two cameras, half of it is told of each.
    assert any("cam_1 -6.5 ms, cam_2 +6.5 ms" in finding.what for finding in findings)
    capsys.readouterr()
    assert run(["sync", str(recording), "--dry-run"]) == 0
    assert "cam_1 -6.5 ms, cam_2 +6.5 ms" in capsys.readouterr().err


BOARD_SIGMA_S = 0.0003


def shown_a_board(path, later_ms):
    """As `ortwin calibrate --clocks` leaves it: the board saw frames of cam_2 later by so much than host stamps say."""
    stored = open_recording(path)
    right = corrected_clocks(stored.clocks, {"cam_2": later_ms})
    device_ns = {name: stored.device_ns(name) for name in NAMES}
    at_ns = int(stored.timestamps_ns("cam_1")[250])
    told = board_clocks(right, device_ns, NAMES, at_ns, np.diag([0.0, BOARD_SIGMA_S**2]))
    write_clocks(stored, right, told)
    return told


def apart_ms(path):
    stored = open_recording(path)
    return float(np.median(stored.timestamps_ns("cam_2") - stored.timestamps_ns("cam_1"))) * 1e-6


def test_what_a_board_told_is_kept_and_joined_with_host_stamps(recording, capsys):
    told = shown_a_board(recording, -13.0)
    assert verify_tree(recording).damaged == ()
    kept = read_board_clocks(recording / BOARD_CLOCKS)
    assert kept is not None and kept.camera_ids == NAMES and (kept.rig_ns == told.rig_ns).all()
    assert run(["sync", str(recording)]) == 0
    assert f"ortwin sync {recording} --from both joins what the board told" in capsys.readouterr().err
    by_host_ms = apart_ms(recording)
    assert run(["sync", str(recording), "--from", "both", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["source"] == "both" and document["joint"]["sources"] == ["host", "board"]
    assert document["joint"]["freedom"] == 1 and document["joint"]["disagreements"] == []
    # Ways to the host are known so little that the board outweighs them (0.3 ms against 10 ms).
    assert apart_ms(recording) - by_host_ms == pytest.approx(-13.0, abs=13.0 * (BOARD_SIGMA_S / DELAY_SIGMA_S) ** 2)
    # Half of what two cameras are apart is each one's; the rate is that of the host, over 15 s at most.
    assert document["sigma_ms"]["cam_2"] == pytest.approx(0.5e3 * BOARD_SIGMA_S, rel=0.1)
    assert document["unknown_delay"] == []
    assert [piece.from_position for piece in open_recording(recording).clocks["cam_1"].pieces] == [0, AT_FRAME]


def test_a_board_that_does_not_fit_host_stamps_is_said(recording, capsys):
    shown_a_board(recording, -60.0)
    assert run(["sync", str(recording), "--from", "both"]) == 0
    told = capsys.readouterr()
    assert "joined: stamps of the host, boards" in told.out
    assert "boards and stamps of the host disagree" in " ".join(told.err.split())


def test_without_host_stamps_a_board_alone_tells_the_clocks(tmp_path, capsys):
    path = filmed(tmp_path / "deaf.recording", with_host=False)
    assert run(["sync", str(path), "--from", "both"]) == ExitCode.GAPS
    told = shown_a_board(path, -13.0)
    capsys.readouterr()
    assert run(["sync", str(path), "--from", "both", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    stored = open_recording(path)
    assert document["source"] == "board"
    for name, position, rig_ns in zip(NAMES, told.positions.tolist(), told.rig_ns.tolist(), strict=True):
        assert stored.timestamps_ns(name)[position] == rig_ns
    # What a quartz may drift from the board's frame to the first and last one is claimed.
    assert 0.1 < document["sigma_ms"]["cam_1"] < 2.0


def test_a_damaged_word_of_a_board_is_refused(recording):
    shown_a_board(recording, -13.0)
    (recording / BOARD_CLOCKS).write_text('{"cameras": ["cam_1", "cam_2"], "position": [1], "rig_ns": [2, 3]}')
    with pytest.raises(InputError, match="what a board told"):
        read_board_clocks(recording / BOARD_CLOCKS)
