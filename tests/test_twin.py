"""The pipeline from a simulated recording to its twin: right, repeatable, resumable, and honest about damage."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import ortwin
import pytest
from ortwin.capture.config import config_from_mapping
from ortwin.capture.errors import ConfigError
from ortwin.capture.files import hash_file
from ortwin.capture.integrity import verify_tree
from ortwin.capture.storage import open_recording
from ortwin.cli.app import run
from ortwin.datasets.small_room import SimulationConfig, simulate
from ortwin.evaluation.scores import evaluate_twin
from ortwin.evaluation.truth import read_truth
from ortwin.evaluation.twin_tables import from_twin
from ortwin.twin import BuildConfig, build_twin, label_fixture

SEED = 11
SEGMENT_S = 1.0
CONFIG = BuildConfig(segment_s=SEGMENT_S)


@pytest.fixture(scope="session")
def recording(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("simulated") / "or.recording"
    return simulate(path, seed=SEED, config=SimulationConfig(seconds=4.0, num_cameras=3, scale=0.3))


@pytest.fixture(scope="session")
def twin_path(recording, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("built") / "or.twin"
    build_twin(open_recording(recording), path, config=CONFIG)
    return path


def content(root: Path) -> dict[str, str]:
    """Hash by name of everything that counts."""
    files = (path for path in root.rglob("*") if path.is_file())
    derived = ("playback", "log")
    return {
        str(path.relative_to(root)): hash_file(path)
        for path in sorted(files)
        if path.relative_to(root).parts[0] not in derived
    }


def test_the_twin_is_complete_and_clean(twin_path):
    report = verify_tree(twin_path)
    assert report.damaged == ()
    twin = ortwin.open(twin_path)
    assert twin.num_segments == 4
    assert len(twin.times_ns) == 40
    assert {"room"} <= {zone.label for zone in twin.room.zones}


def test_the_head_holds_no_time_of_day_and_no_path(twin_path, recording):
    text = (twin_path / "twin.json").read_text()
    assert str(recording.parent) not in text
    assert str(twin_path.parent) not in text
    assert str(time.gmtime().tm_year) not in text


def test_what_is_seen_is_right_within_the_noise(twin_path, recording):
    twin, truth = ortwin.open(twin_path), read_truth(recording / "truth")
    scores = evaluate_twin(from_twin(twin), truth)
    assert scores.room is not None
    assert scores.tracks is not None
    # The limit that a full-size recording must meet; these images have a tenth of its pixels.
    assert scores.room.accuracy_median_mm <= 5.0
    assert scores.tracks.num_ghosts == 0
    assert all(entity.num_switches == 0 for entity in scores.tracks.entities.values())


def test_states_and_the_graph_agree_with_the_tables(twin_path):
    twin = ortwin.open(twin_path)
    states = list(twin.states())
    assert [state.timestamp_ns for state in states] == twin.times_ns.tolist()
    assert sum(len(state.tracks) for state in states) == twin.tracks.num_rows
    middle = states[len(states) // 2]
    assert {node.node_id for node in twin.at(middle.timestamp_ns).nodes} >= {t.track_id for t in middle.tracks}
    nearest = twin.state(middle.timestamp_ns + 1)
    assert nearest.timestamp_ns == middle.timestamp_ns
    for state in states:
        for track in state.tracks:
            assert set(track.visibility) == set(twin.rig.cameras) or track.predicted


def test_building_again_gives_the_same_bytes(twin_path, recording, tmp_path):
    build_twin(open_recording(recording), tmp_path / "again.twin", config=CONFIG)
    assert content(tmp_path / "again.twin") == content(twin_path)


def test_a_finished_twin_is_left_as_it_is(twin_path, recording):
    before = {path: path.stat().st_mtime_ns for path in twin_path.rglob("*") if path.is_file()}
    build_twin(open_recording(recording), twin_path, config=CONFIG)
    assert {path: path.stat().st_mtime_ns for path in twin_path.rglob("*") if path.is_file()} == before


def test_other_settings_do_not_overwrite_a_twin(twin_path, recording):
    with pytest.raises(ConfigError, match="--fresh"):
        build_twin(open_recording(recording), twin_path, config=BuildConfig(segment_s=2.0))


def test_settings_survive_their_way_through_the_head(twin_path):
    head = json.loads((twin_path / "twin.json").read_text())
    assert config_from_mapping(BuildConfig, head["config"]) == CONFIG
    with pytest.raises(ConfigError, match="did you mean 'voxel_size_m'"):
        config_from_mapping(BuildConfig, {"room": {"voxel_sise_m": 0.02}})


def start_build(recording: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ortwin", "build", recording, out, "-q", "--set", f"segment_s={SEGMENT_S}"]
    quiet = subprocess.DEVNULL
    return subprocess.Popen([str(word) for word in command], stdout=quiet, stderr=quiet, cwd=out.parent)


def kill_and_resume(recording: Path, twin_path: Path, folder: Path, num_kills: int, seed: int) -> None:
    """Kill builds at random moments of their run; each must resume to the bytes of the undisturbed one."""
    rng = random.Random(seed)
    began_s = time.monotonic()
    assert start_build(recording, folder / "timed.twin").wait() == 0
    whole_s = time.monotonic() - began_s
    expected = content(twin_path)
    for number in range(num_kills):
        out = folder / f"{number}.twin"
        process = start_build(recording, out)
        time.sleep(rng.uniform(0.2, 1.0) * whole_s)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (out / "twin.json").exists():
            assert [damage for damage in verify_tree(out).damaged if "missing" not in damage.what] == []
        assert start_build(recording, out).wait() == 0
        assert content(out) == expected
        shutil.rmtree(out)


def wait_for(path: Path, process: subprocess.Popen[bytes], seconds: float = 120.0) -> None:
    """Wait until a running build has made a file."""
    end_s = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, f"the build ended before it made {path.name}"
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_a_build_killed_between_two_segments_resumes_to_the_same_bytes(twin_path, recording, tmp_path):
    out = tmp_path / "or.twin"
    process = start_build(recording, out)
    wait_for(out / "moving" / "000001" / "manifest.json", process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not ortwin.open(out).archive.is_complete
    assert start_build(recording, out).wait() == 0
    assert content(out) == content(twin_path)


def test_a_build_killed_at_some_moment_resumes_to_the_same_bytes(twin_path, recording, tmp_path):
    kill_and_resume(recording, twin_path, tmp_path, num_kills=1, seed=1)


@pytest.mark.slow
def test_twenty_killed_builds_resume_to_the_same_bytes(twin_path, recording, tmp_path):
    kill_and_resume(recording, twin_path, tmp_path, num_kills=20, seed=2)


def test_every_flip_and_truncation_of_a_twin_is_found_and_named(twin_path, tmp_path):
    root = tmp_path / "or.twin"
    shutil.copytree(twin_path, root)
    files = sorted(path for path in root.rglob("*") if path.is_file() and "log" not in path.parts)
    rng = np.random.default_rng(3)
    for trial in range(100):
        path = files[rng.integers(len(files))]
        whole = path.read_bytes()
        harmed = bytearray(whole)
        if trial % 2:
            harmed = harmed[: rng.integers(len(harmed))]
        else:
            at = int(rng.integers(8 * len(harmed)))
            harmed[at // 8] ^= 1 << (at % 8)
        path.write_bytes(bytes(harmed))
        damage = {entry.file: entry for entry in verify_tree(root).damaged}
        name = str(path.relative_to(root))
        assert name in damage, name
        if path.parent.name.isdigit():
            assert damage[name].begin_ns < damage[name].end_ns
        path.write_bytes(whole)
    assert verify_tree(root).damaged == ()


def test_a_damaged_frame_is_named_and_the_build_goes_on(recording, tmp_path, capsys):
    root = tmp_path / "or.recording"
    shutil.copytree(recording, root)
    opened = open_recording(root)
    path = root / "segments" / "000002" / "cam_2.depth"
    path.write_bytes(path.read_bytes()[:1000])
    indices = [int(k) for k in np.flatnonzero(opened.timestamps_ns("cam_2") >= 2_000_000_000)][:10]
    code = run(["build", str(root), str(tmp_path / "or.twin"), "--json", "--set", f"segment_s={SEGMENT_S}"])
    report = json.loads(capsys.readouterr().out)
    assert code == 7
    assert {(gap["camera_id"], gap["frame"]) for gap in report["gaps"]} == {("cam_2", index) for index in indices}
    assert all("checksum" in gap["what"] for gap in report["gaps"])
    assert verify_tree(root).damaged[0].file == "segments/000002/cam_2.depth"


def test_a_lost_stretch_is_named_and_what_nobody_saw_is_unknown(recording, tmp_path, capsys):
    root = tmp_path / "or.recording"
    shutil.copytree(recording, root)
    shutil.rmtree(root / "segments" / "000002")
    code = run(["build", str(root), str(tmp_path / "or.twin"), "--json", "--set", f"segment_s={SEGMENT_S}"])
    printed = capsys.readouterr()
    assert code == 7
    assert [gap["file"] for gap in json.loads(printed.out)["gaps"]] == ["segments/000002"]
    assert "segments/000002" in printed.err
    twin = ortwin.open(tmp_path / "or.twin")
    assert len(twin.times_ns) == 40
    lost_ns = 2_500_000_000
    seen = [state for state in twin.states() if state.timestamp_ns == lost_ns]
    assert [state.coverage for state in seen] == [0.0]
    assert all(track.predicted for state in seen for track in state.tracks)
    # Half a second is time enough to walk 0.7 m: whoever stood nearer to a threshold than that may have crossed it.
    rows = [
        row for row in twin.timeline.intervals if row.begin_ns <= lost_ns < row.end_ns and "touching" in row.predicate
    ]
    assert rows
    assert all(row.state.value == "unknown" for row in rows)


def test_a_repaired_recording_is_not_taken_for_the_damaged_one(recording, tmp_path):
    root, out = tmp_path / "or.recording", tmp_path / "or.twin"
    shutil.copytree(recording, root)
    path = root / "segments" / "000003" / "cam_1.depth"
    whole = path.read_bytes()
    path.write_bytes(whole[:2000])
    assert build_twin(open_recording(root), out, config=CONFIG).gaps
    path.write_bytes(whole)
    with pytest.raises(ConfigError, match="--fresh"):
        build_twin(open_recording(root), out, config=CONFIG)
    assert build_twin(open_recording(root), out, config=CONFIG, fresh=True).gaps == ()


def test_two_builds_of_one_twin_do_not_meet(recording, twin_path):
    from ortwin.archive import being_built

    with being_built(twin_path), pytest.raises(ConfigError, match="another process"):
        build_twin(open_recording(recording), twin_path, config=CONFIG)
    build_twin(open_recording(recording), twin_path, config=CONFIG)


def test_without_depth_there_is_no_twin_and_nothing_is_left(recording, tmp_path, capsys):
    plain, root = tmp_path / "plain", tmp_path / "colour.recording"
    simulate(plain, seed=SEED, config=SimulationConfig(seconds=0.5, num_cameras=1, scale=0.1), plain=True)
    shutil.rmtree(plain / "cam_1" / "depth")
    run(["import", "plain", str(plain), str(root), "-q"])
    capsys.readouterr()
    assert run(["build", str(root), str(tmp_path / "or.twin")]) == 3
    assert "no camera has depth" in capsys.readouterr().err
    assert not (tmp_path / "or.twin").exists()


def test_a_label_renames_the_fixture_and_nothing_but_the_graph_changes(twin_path, tmp_path):
    root = tmp_path / "or.twin"
    shutil.copytree(twin_path, root)
    before = content(root)
    twin = ortwin.open(root)
    fixture = twin.room.fixtures[0]
    named = label_fixture(twin, fixture.fixture_id, "c_arm")
    assert [entry.label for entry in named.room.fixtures if entry.fixture_id == fixture.fixture_id] == ["c_arm"]
    assert "c_arm" in named.nodes["node_id"].to_pylist()
    changed = {name for name, value in content(root).items() if before.get(name) != value}
    assert all(name.startswith("graph-") or "/" not in name for name in changed)
    assert verify_tree(root).damaged == ()
    with pytest.raises(ConfigError, match="did you mean"):
        label_fixture(named, fixture.fixture_id + "0", "c_arm")


def test_a_rig_that_is_not_a_number_is_refused_by_name(recording, tmp_path, capsys):
    rig = json.loads((recording / "rig.json").read_text())
    rig["cam_2"]["world_from_camera"]["translation_m"][1] = float("nan")
    path = tmp_path / "rig.json"
    path.write_text(json.dumps(rig))
    assert run(["build", str(recording), str(tmp_path / "or.twin"), "--rig", str(path)]) == 3
    message = capsys.readouterr().err
    assert str(path) in message
    assert "cam_2" in message
    assert not (tmp_path / "or.twin").exists()


def test_an_export_gives_back_what_went_in(twin_path, recording, tmp_path):
    import cv2

    out = tmp_path / "plain"
    assert run(["export", str(twin_path), str(out), "--recording", str(recording), "-q"]) == 0
    clocks = (out / "clocks.csv").read_text().splitlines()
    assert clocks[0] == "camera_id,offset_ns,drift_ppm,reference_ns,from_position,from_device_ns"
    assert len(clocks) == 1 + 3
    opened = open_recording(recording)
    shares = []
    for name in opened.cameras:
        masks = sorted((out / "foreground" / name).iterdir())
        assert [int(path.stem) for path in masks] == opened.indices(name).tolist()
        for path in masks:
            ours = np.asarray(cv2.imread(path, cv2.IMREAD_UNCHANGED)) > 0
            truth = recording / "truth" / "foreground" / name / path.name
            true = np.asarray(cv2.imread(truth, cv2.IMREAD_UNCHANGED)) > 0
            assert ours.shape == true.shape
            if true.sum() > 200:
                shares.append((ours & true).sum() / (ours | true).sum())
    # Where feet meet the floor, depth cannot tell them apart: about a tenth of a standing body.
    assert np.median(shares) > 0.8


def test_queries_answer_with_measured_evidence(twin_path):
    twin = ortwin.open(twin_path)
    rows = twin.query("inside_zone(?who, room)").rows()
    assert rows
    assert all(row["who"] in set(twin.tracks["track_id"].to_pylist()) for row in rows)
    with pytest.raises(ConfigError, match="inside_zone"):
        twin.query("inside_zon(person, room)")


def test_interrupting_says_that_it_is_safe(recording, tmp_path):
    out = tmp_path / "or.twin"
    process = subprocess.Popen(
        [sys.executable, "-m", "ortwin", "build", str(recording), str(out), "--set", f"segment_s={SEGMENT_S}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    wait_for(out / "twin.json", process)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"start the same command again" in message
