"""register --watch on a simulated operation in which a camera is bumped: all places before and after, with no board."""

import json

import numpy as np
import pytest
from ortwin.capture.geometry import SE3
from ortwin.capture.rig_file import read_rig
from ortwin.capture.storage import open_recording
from ortwin.cli.app import run
from ortwin.evaluation.calibration import score_calibration

#: What is asked of a rig that was placed by the scene alone.
MOST_MM, MOST_DEG = 10.0, 0.2


def pose(entry):
    return SE3(np.array(entry["rotation"]), np.array(entry["translation_m"]))


@pytest.mark.slow
def test_a_rig_is_placed_before_and_after_a_bump(tmp_path):
    path, rig_file = tmp_path / "bumped.recording", tmp_path / "rig.json"
    options = "--scenario knee_replacement --seed 431 --seconds 14 --fps 3 --scale 0.5 -j 1 -q"
    assert run(["simulate", str(path), *options.split(), "--faults", "num_bumps=1,bump_deg=1,bump_m=0"]) == 0
    assert run(["register", str(path), "--watch", "--out", str(rig_file), "-q"]) == 0
    recording = open_recording(path)
    rig = read_rig(rig_file, recording.cameras)
    truth = {name: pose(entry) for name, entry in json.loads((path / "truth" / "rig.json").read_bytes()).items()}
    (bump,) = json.loads((path / "truth" / "faults.json").read_bytes())["bumps"]
    (move,) = rig.moves
    assert move.camera_id == bump["camera_id"]
    after = truth | {move.camera_id: pose(bump["world_from_camera"])}
    for time_ns, true in ((recording.span_ns[0], truth), (recording.span_ns[1], after)):
        found = {name: camera.world_from_camera for name, camera in rig.at(time_ns).cameras.items()}
        scores = score_calibration(found, true)
        assert scores is not None and scores.num_missing == 0
        assert scores.worst_position_mm < MOST_MM and scores.worst_rotation_deg < MOST_DEG
