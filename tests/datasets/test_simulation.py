"""The job of a simulation: same bytes however it is made, faults as planned, truth that is true of the frames."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ortwin.capture.errors import ConfigError, InputError
from ortwin.capture.import_plain import import_plain
from ortwin.capture.integrity import verify_tree
from ortwin.capture.storage import StoredRecording, open_recording
from ortwin.datasets.simulated_or.blocks import HALF_X_M, HALF_Y_M, HEIGHT_M
from ortwin.datasets.simulated_or.clocks import ClockConfig
from ortwin.datasets.simulated_or.faults import FaultConfig
from ortwin.datasets.simulated_or.sensor_noise import sigma_m
from ortwin.datasets.simulated_or.simulation import SimulationConfig, faults_from, simulate
from ortwin.datasets.simulated_or.units import Packets, packed, units_of, unpacked
from ortwin.datasets.simulated_or.world import World, draw_world
from ortwin.evaluation.truth import read_truth

SEED = 12
FAULTS = FaultConfig(drop_share=0.15, corrupt_share=0.1, duplicate_share=0.1, num_bumps=1, bump_deg=20.0, bump_at_s=3.0)
CONFIG = SimulationConfig("blocks", seconds=6.0, fps=4.0, num_cameras=2, scale=0.1, faults=FAULTS)


@pytest.fixture(scope="module")
def world() -> World:
    return draw_world(SEED, CONFIG)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(tmp_path_factory.mktemp("simulated") / "blocks.recording", seed=SEED, config=CONFIG)


@pytest.fixture(scope="module")
def recording(path: Path) -> StoredRecording:
    return open_recording(path)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.slow
def test_two_workers_make_the_same_bytes_as_one(path: Path, tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    other = simulate(
        tmp_path / "two.recording", seed=SEED, config=CONFIG, workers=2, progress=lambda *state: done.append(state)
    )
    assert contents(other) == contents(path)
    frames = sum(len(open_recording(path).indices(name)) for name in ("cam_1", "cam_2"))
    assert done[-1] == (frames, frames)
    assert not (tmp_path / "two.recording.partial").exists()


KILLED = """
import os, signal, sys
from ortwin.datasets.simulated_or.simulation import simulate
from ortwin.datasets.simulated_or.faults import FaultConfig
sys.path.insert(0, sys.argv[2])
import test_simulation
simulate(sys.argv[1], seed=test_simulation.SEED, config=test_simulation.CONFIG,
         progress=lambda done, total: os.kill(os.getpid(), signal.SIGKILL))
"""


def test_a_killed_run_goes_on_with_two_workers_to_the_same_bytes(path: Path, tmp_path: Path, world: World) -> None:
    out = tmp_path / "killed.recording"
    command = [sys.executable, "-c", KILLED, str(out), str(Path(__file__).parent)]
    assert subprocess.run(command, env=os.environ, check=False).returncode == -signal.SIGKILL
    shelf = tmp_path / "killed.recording.partial"
    (kept,) = shelf.glob("*.npz")
    begun_ns = kept.stat().st_mtime_ns
    done: list[int] = []
    assert len(units_of(world)) == 4
    simulate(
        out, seed=SEED, config=CONFIG, workers=2,
        progress=lambda so_far, _: done.append(so_far) or _same(kept, begun_ns),
    )  # fmt: skip
    assert len(done) == 4
    assert contents(out) == contents(path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["killed.recording"]


def _same(kept: Path, begun_ns: int) -> None:
    assert kept.stat().st_mtime_ns == begun_ns, "a finished unit was made again"


def test_an_unfinished_run_with_other_settings_is_not_mixed_in(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    out = tmp_path / "case.recording"
    with pytest.raises(KeyboardInterrupt):
        simulate(out, seed=SEED, config=CONFIG, progress=stop)
    with pytest.raises(InputError, match="other settings"):
        simulate(out, seed=SEED + 1, config=CONFIG)
    assert not out.exists()


def test_every_file_is_accounted_for(path: Path) -> None:
    assert verify_tree(path).damaged == ()


def test_the_recording_holds_the_frames_of_the_plan_with_their_stamps(recording: StoredRecording, world: World) -> None:
    missing = 0
    for name in recording.cameras:
        shots = [shot for shot in world.schedule.shots[name] if shot.state != "dropped"]
        missing += len(world.schedule.shots[name]) - len(shots)
        assert recording.indices(name).tolist() == [shot.index for shot in shots]
        stamps_ns = np.array([shot.device_ns for shot in shots])
        assert recording.device_ns(name).tolist() == stamps_ns.tolist()
        true = ~recording.excluded(name)
        times_ns = recording.timestamps_ns(name)
        assert times_ns[true].tolist() == recording.clocks[name].rig_ns(stamps_ns[true]).tolist()
        assert (np.diff(times_ns) > 0).all()
    assert missing > 0


def test_corrupt_frames_are_corrupt_and_the_others_are_not(recording: StoredRecording, world: World) -> None:
    states = set()
    for name in recording.cameras:
        shots = [shot for shot in world.schedule.shots[name] if shot.state != "dropped"]
        for position, shot in enumerate(shots):
            states.add(shot.state)
            frame = recording.frame(name, position, color=False)
            assert frame.depth_m.any()
            packet = recording.packet(name, position, "color")
            whole = packet.startswith(b"\xff\xd8") and packet.endswith(b"\xff\xd9")
            assert whole == (shot.state != "corrupt")
            if whole:
                assert recording.color_rgb(name, position).std() > 5
    assert states >= {"ok", "corrupt", "duplicate"}


def test_true_clocks_turn_stamps_into_the_time_of_exposure(path: Path, world: World) -> None:
    truth = read_truth(path)
    for name, shots in world.schedule.shots.items():
        good = [shot for shot in shots if shot.state in ("ok", "corrupt", "dropped")]
        rig_ns = truth.clocks[name].rig_ns(np.array([shot.device_ns for shot in good]))
        assert rig_ns.tolist() == [shot.rig_ns for shot in good]


def test_depth_lies_on_the_true_room_from_where_the_camera_stood_then(recording: StoredRecording, world: World) -> None:
    """Also after the bump: from the pose at the begin most of it would lie centimetres off."""
    truth = read_truth(recording.path)
    half = np.array([HALF_X_M, HALF_Y_M, HEIGHT_M / 2])
    (bump,) = world.schedule.bumps
    checked = 0
    for name, camera in world.rig.cameras.items():
        shots = [shot for shot in world.schedule.shots[name] if shot.state != "dropped"]
        for position in (0, len(shots) - 1):
            shot = shots[position]
            pose = world.schedule.pose(name, shot.rig_ns)
            depth_m = recording.frame(name, position, color=False).depth_m
            room = (np.asarray(truth.foreground(name, shot.index)) == 0) & (np.asarray(depth_m) > 0)
            local = (camera.depth.rays()[room] * depth_m[room, None]).astype(np.float64)
            bound_m = 4 * sigma_m(depth_m[room], np.full(room.sum(), 0.5), world.sensors[name]) + 0.012

            def share_off(world_from_camera, local=local, camera=camera, bound_m=bound_m) -> float:
                points = (world_from_camera @ camera.color_from_depth) @ local - [0, 0, HEIGHT_M / 2]
                return float(np.mean(np.abs(points) - half > bound_m[:, None]))

            assert share_off(pose) < 0.01
            if name == bump.camera_id and position > 0:
                assert share_off(camera.world_from_camera) > 0.1
                checked += 1
    assert checked == 1


def test_the_plain_folder_imports_to_the_same_depth(recording: StoredRecording, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, faults=dataclasses.replace(FAULTS, corrupt_share=0.0))
    folder = simulate(tmp_path / "plain", seed=SEED, config=config, plain=True)
    import_plain(folder, tmp_path / "again.recording")
    again = open_recording(tmp_path / "again.recording")
    for name in recording.cameras:
        assert again.indices(name).tolist() == recording.indices(name).tolist()
        for position in (0, len(recording.indices(name)) // 2):
            one, other = (one.frame(name, position, color=False).depth_m for one in (again, recording))
            assert np.array_equal(one, other)


def test_depth_only_has_no_colour_and_the_same_depth(recording: StoredRecording, tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, seconds=1.0, depth_only=True, clocks=ClockConfig(free_running=False))
    short = open_recording(simulate(tmp_path / "depth.recording", seed=SEED, config=config))
    for name in short.cameras:
        assert not short.has_stream(name, "color")
        assert short.frame(name, 0).depth_m.any()


def test_a_triggered_rig_exposes_together_and_a_free_running_one_does_not(world: World) -> None:
    triggered = draw_world(SEED, dataclasses.replace(CONFIG, clocks=ClockConfig(free_running=False)))
    first = {name: shots[0].rig_ns for name, shots in triggered.schedule.shots.items()}
    assert len(set(first.values())) == 1
    assert len({shots[0].rig_ns for shots in world.schedule.shots.values()}) == 2


def test_a_unit_comes_back_as_it_was_packed() -> None:
    frames = [Packets(3, b"depth", b"color", b"owner"), Packets(5, b"", None, b"x"), Packets(9, b"d", b"c", b"")]
    assert list(unpacked(packed(frames))) == frames
    assert list(unpacked(packed([]))) == []


def test_impossible_settings_are_refused_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="did you mean 'busy'"):
        SimulationConfig("bussy")
    with pytest.raises(ConfigError, match="drop_share"):
        faults_from({"drop_shar": 0.1})
    with pytest.raises(ConfigError, match="in \\[0, 1\\]"):
        faults_from({"drop_share": 2})
    assert faults_from({"num_gaps": 2.0}, FaultConfig(gap_s=0.3)) == FaultConfig(num_gaps=2, gap_s=0.3)
