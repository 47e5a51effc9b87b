"""Live recording: what is filmed is stored as it came, what is lost is known, and a kill costs a second at most."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from ortwin.capture import segment_buffer
from ortwin.capture.camera import CameraModel, Intrinsics
from ortwin.capture.depth_camera import CameraLostError, CapturedFrame, DeviceRequest, OpenedDevices, open_devices
from ortwin.capture.errors import InputError, ResourceError
from ortwin.capture.files import write_error
from ortwin.capture.frame_queue import FrameQueue
from ortwin.capture.geometry import SE3
from ortwin.capture.integrity import verify_tree
from ortwin.capture.live_writer import LiveWriter
from ortwin.capture.recorder import record
from ortwin.capture.segments import read_sealed
from ortwin.capture.storage import RecordingWriter, open_recording

FPS = 20.0
NUM_FRAMES = 30
NAMES = ("cam_1", "cam_2", "cam_3", "cam_4")
LENS = Intrinsics(60.0, 60.0, 31.5, 23.5, 64, 48)


def model_of(name: str) -> CameraModel:
    return CameraModel(name, LENS, LENS, SE3.identity(), 0.001)


def depth_of(camera: int, index: int) -> np.ndarray:
    return np.random.default_rng([camera, index]).integers(500, 3000, (48, 64)).astype(np.uint16)


def make_source(path: Path, num_frames: int = NUM_FRAMES) -> Path:
    """Four cameras, each with a clock of its own; colour packets are bytes that nobody decodes."""
    with RecordingWriter(path, [model_of(name) for name in NAMES], fps=FPS, source={"kind": "test"}) as writer:
        for index in range(num_frames):
            for camera, name in enumerate(NAMES):
                device_ns = round(index * 1e9 / FPS) + camera * 3_000_000
                packet = f"jpeg {camera} {index}".encode()
                writer.append(name, index, device_ns, device_ns + 5_000_000, depth_of(camera, index), packet)
    return path


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    return make_source(tmp_path_factory.mktemp("live") / "source.recording")


def replay(source: Path, **request) -> OpenedDevices:
    return open_devices("replay", DeviceRequest(source=source, **request))


class ScriptedCamera:
    """A camera that gives what a list says: a frame number, or an error to raise; then it ends."""

    def __init__(self, name: str, script: list) -> None:
        self.model, self._script = model_of(name), list(script)
        self.num_reopened, self.is_closed = 0, False

    def read(self, timeout_s: float) -> CapturedFrame | None:
        if not self._script:
            raise EOFError
        step = self._script.pop(0)
        if isinstance(step, Exception):
            raise step
        time.sleep(0.01)
        return CapturedFrame(step, step * 10_000_000, depth_of(0, step), b"jpeg")

    def reopen(self) -> bool:
        self.num_reopened += 1
        return True

    def close(self) -> None:
        self.is_closed = True


def scripted(*cameras: ScriptedCamera) -> OpenedDevices:
    return OpenedDevices(cameras, FPS, {"kind": "scripted"})


def test_what_is_replayed_is_stored_bit_for_bit_with_the_stamps_of_device_and_host(source, tmp_path):
    before_ns = time.time_ns()
    outcome = record(tmp_path / "a.recording", replay(source))
    after_ns = time.time_ns()
    made, given = open_recording(outcome.path), open_recording(source)
    assert outcome.is_whole and outcome.ended == "no more frames"
    assert verify_tree(outcome.path).damaged == ()
    for camera, name in enumerate(NAMES):
        assert made.indices(name).tolist() == list(range(NUM_FRAMES))
        np.testing.assert_array_equal(made.device_ns(name), given.device_ns(name))
        for position in (0, NUM_FRAMES - 1):
            np.testing.assert_array_equal(made.depth_raw(name, position), depth_of(camera, position))
            assert made.packet(name, position, "color") == given.packet(name, position, "color")
    host_ns = [row["host_ns"] for row in rows_of(outcome.path)]
    assert before_ns < min(host_ns) and max(host_ns) < after_ns
    assert made.source["ended"] == "no more frames" and made.source["gaps"] == []


def rows_of(path: Path) -> list[dict]:
    from ortwin.capture.tables import read_table

    return [row for file in sorted(path.glob("segments/[0-9]*/frames.parquet")) for row in read_table(file).to_pylist()]


def test_a_replay_takes_as_long_as_the_filming_did(source, tmp_path):
    outcome = record(tmp_path / "a.recording", replay(source))
    # The last frame is due 29 periods after the first; a camera's thread looks every 0.2 s, the main one every 0.1 s.
    assert (NUM_FRAMES - 1) / FPS <= outcome.seconds < (NUM_FRAMES - 1) / FPS + 2.0


def test_at_another_speed_the_clocks_of_the_source_are_kept(source, tmp_path):
    outcome = record(tmp_path / "a.recording", replay(source, speed=4.0))
    made, given = open_recording(outcome.path), open_recording(source)
    assert outcome.seconds < NUM_FRAMES / FPS
    for name in NAMES:
        kept = made.indices(name)
        np.testing.assert_array_equal(made.timestamps_ns(name), given.timestamps_ns(name)[kept])


def test_the_recording_can_be_opened_while_it_grows(source, tmp_path):
    path, stop, seen = tmp_path / "a.recording", threading.Event(), []

    def look(seconds: float, status: str) -> None:
        if seconds > 1.0 and not seen:
            growing = open_recording(path)
            seen.append((growing.source["ended"], len(growing.timestamps_ns("cam_1")), verify_tree(path).damaged))
            stop.set()

    outcome = record(path, replay(source), stop=stop, progress=look)
    assert seen[0][0] is None and seen[0][2] == ()
    # Half a second may wait in memory, and a tenth in the queue.
    assert seen[0][1] >= (1.0 - 0.5 - 0.1) * FPS - 2
    assert outcome.ended == "stopped"
    assert len(open_recording(path).timestamps_ns("cam_1")) > seen[0][1]


def test_a_pulled_plug_is_a_gap_with_its_time_and_the_other_cameras_go_on(source, tmp_path):
    outcome = record(tmp_path / "a.recording", replay(source, faults=["cam_2:unplug@0.4s"]))
    made = open_recording(outcome.path)
    assert [gap.camera_id for gap in outcome.gaps] == ["cam_2"] and not outcome.is_whole
    assert made.source["gaps"][0]["camera_id"] == "cam_2" and made.source["gaps"][0]["end_ns"] is None
    assert len(made.timestamps_ns("cam_2")) == pytest.approx(0.4 * FPS, abs=1.5)
    assert all(len(made.timestamps_ns(name)) == NUM_FRAMES for name in NAMES if name != "cam_2")
    last_ns = max(row["host_ns"] for row in rows_of(outcome.path) if row["camera_id"] == "cam_2")
    assert abs(outcome.gaps[0].begin_ns - last_ns) < 1e6


def test_a_camera_that_comes_back_is_recorded_again(tmp_path):
    script = [0, 1, 2, CameraLostError("the camera is gone", why="its plug"), 7, 8]
    camera = ScriptedCamera("cam_1", script)
    outcome = record(tmp_path / "a.recording", scripted(camera))
    tally = outcome.cameras[0]
    assert (tally.frames, tally.missed, camera.num_reopened, camera.is_closed) == (5, 0, 1, True)
    rows = {row["index"]: row["host_ns"] for row in rows_of(outcome.path)}
    assert (outcome.gaps[0].begin_ns, outcome.gaps[0].end_ns) == (rows[2], rows[7])
    assert tally.away_s == pytest.approx((rows[7] - rows[2]) * 1e-9, abs=1e-3)


def test_whatever_a_makers_package_raises_stops_its_own_camera_only(tmp_path):
    bad = ScriptedCamera("cam_1", [0, RuntimeError("usb: pipe error"), 5])
    outcome = record(tmp_path / "a.recording", scripted(bad, ScriptedCamera("cam_2", list(range(20)))))
    assert [tally.frames for tally in outcome.cameras] == [2, 20]
    assert "usb: pipe error" in outcome.gaps[0].what


def test_frame_numbers_that_are_left_out_are_counted(tmp_path):
    outcome = record(tmp_path / "a.recording", scripted(ScriptedCamera("cam_1", [0, 1, 4, 5, 9])))
    assert outcome.cameras[0].missed == 5 and not outcome.is_whole
    assert open_recording(outcome.path).source["lost_frames"] == {"cam_1": {"dropped": 0, "missed": 5, "broken": 0}}


def test_frames_of_another_size_are_left_out_and_counted(tmp_path):
    camera = ScriptedCamera("cam_1", [0, 1, 2])
    camera.model = CameraModel("cam_1", LENS, LENS.scaled(0.5), SE3.identity(), 0.001)
    outcome = record(tmp_path / "a.recording", scripted(camera))
    assert (outcome.cameras[0].frames, outcome.cameras[0].broken) == (0, 3)


def test_a_full_queue_refuses_the_frame_of_that_camera_alone_and_counts_it():
    queue: FrameQueue[int] = FrameQueue(2)
    assert [queue.put("a", number) for number in range(4)] == [True, True, False, False]
    assert queue.put("b", 9)
    assert queue.dropped() == {"a": 2}
    assert [queue.take(0), queue.take(0), queue.take(0), queue.take(0)] == [("a", 0), ("a", 1), ("b", 9), None]
    assert queue.put("a", 4)


def test_a_disk_that_is_too_slow_costs_frames_that_are_counted(tmp_path, monkeypatch):
    write = LiveWriter.commit

    def slow(self, facts=None):
        time.sleep(2.0)
        write(self, facts)

    monkeypatch.setattr(LiveWriter, "commit", slow)
    outcome = record(tmp_path / "a.recording", scripted(ScriptedCamera("cam_1", list(range(200)))))
    tally = outcome.cameras[0]
    # The queue holds two seconds of the nominal rate, and the scripted camera runs at five times that.
    assert tally.dropped > 0 and tally.frames + tally.dropped == 200
    assert len(open_recording(outcome.path).timestamps_ns("cam_1")) == tally.frames


def test_a_full_disk_ends_the_recording_and_keeps_what_was_written(source, tmp_path, monkeypatch):
    write, count = segment_buffer.SegmentWriter.write, iter(range(1000))

    def full(self, name: str, data: bytes) -> None:
        if next(count) >= 13:  # in the middle of a segment
            raise write_error(self.folder / name, OSError(errno.ENOSPC, "No space left on device"))
        write(self, name, data)

    monkeypatch.setattr(segment_buffer.SegmentWriter, "write", full)
    path = tmp_path / "a.recording"
    with pytest.raises(ResourceError, match="disk is full after") as caught:
        record(path, replay(source))
    assert "is a whole recording" in caught.value.todo and caught.value.where == str(path)
    made = open_recording(path)
    assert verify_tree(path).damaged == () and made.source["ended"] == "disk"
    assert made.num_segments == 1 and len(made.timestamps_ns("cam_1")) > 0


def test_a_place_that_is_taken_is_refused_and_the_cameras_are_let_go(tmp_path):
    camera = ScriptedCamera("cam_1", [0])
    with pytest.raises(InputError, match="exists already"):
        record(tmp_path, scripted(camera))
    assert camera.is_closed


def start_verb(path: Path, source: Path) -> subprocess.Popen:
    arguments = ["record", str(path), "--device", "replay", "--source", str(source), "--json"]
    return subprocess.Popen(
        [sys.executable, "-m", "ortwin", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=path.parent
    )


def wait_for_head(path: Path) -> None:
    deadline_s = time.monotonic() + 30.0
    while not (path / "segments" / "000000").exists():
        assert time.monotonic() < deadline_s, "nothing was recorded"
        time.sleep(0.01)


def killed_after(path: Path, source: Path, wait_s: float) -> float:
    """Seconds of film that a kill costs, the worst of all cameras."""
    verb = start_verb(path, source)
    wait_for_head(path)
    time.sleep(wait_s)
    killed_ns = time.time_ns()
    os.kill(verb.pid, signal.SIGKILL)
    verb.communicate()
    rows = rows_of(path)
    last_ns = [max(row["host_ns"] for row in rows if row["camera_id"] == name) for name in NAMES]
    made = open_recording(path)
    assert verify_tree(path).damaged == ()
    assert made.source["ended"] is None and made.unreadable == []
    for camera, name in enumerate(NAMES):
        indices = made.indices(name).tolist()
        assert indices == list(range(len(indices))), "only the end may be lost"
        np.testing.assert_array_equal(made.depth_raw(name, -1), depth_of(camera, indices[-1]))
    return (killed_ns - min(last_ns)) * 1e-9


@pytest.fixture(scope="module")
def long_source(tmp_path_factory) -> Path:
    return make_source(tmp_path_factory.mktemp("live") / "long.recording", num_frames=200)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_kill_costs_a_second_at_most(long_source, tmp_path, seed):
    assert killed_after(tmp_path / "a.recording", long_source, random.Random(seed).uniform(0.0, 1.2)) <= 1.0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 20))
def test_ten_kills_cost_a_second_at_most(long_source, tmp_path, seed):
    assert killed_after(tmp_path / "a.recording", long_source, random.Random(seed).uniform(0.0, 4.0)) <= 1.0


def test_ctrl_c_is_the_way_to_stop(long_source, tmp_path):
    path = tmp_path / "a.recording"
    verb = start_verb(path, long_source)
    wait_for_head(path)
    time.sleep(0.3)
    verb.send_signal(signal.SIGINT)
    out, _ = verb.communicate(timeout=30)
    document = json.loads(out)
    assert verb.returncode == 0 and document["ended"] == "stopped" and document["gaps"] == []
    assert verify_tree(path).damaged == ()
    frames = {row["camera"]: row["frames"] for row in document["cameras"]}
    made = open_recording(path)
    assert {name: len(made.timestamps_ns(name)) for name in NAMES} == frames
    assert read_sealed(path / "recording.json")["num_segments"] == {"segments": made.num_segments}
