"""The doctor: each usual mistake is planted into a sound recording and must be named, and nothing else."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from ortwin.capture.camera import CameraModel, CameraRig, Intrinsics
from ortwin.capture.clock_source import ClockSource
from ortwin.capture.geometry import SE3
from ortwin.capture.health.depth import check_depth
from ortwin.capture.health.examine import examine
from ortwin.capture.health.finding import Severity
from ortwin.capture.health.lenses import check_lenses
from ortwin.capture.health.machine import check_machine
from ortwin.capture.health.rig import AS_GIVEN, READINGS, best_reading, check_rig
from ortwin.capture.health.times import check_times
from ortwin.capture.static_view import static_view
from ortwin.capture.storage import RecordingWriter, open_recording
from ortwin.capture.sync_clocks import find_clocks, write_clocks
from ortwin.cli.app import run
from ortwin.datasets.small_room import SimulationConfig, simulate

SECOND_NS = 1_000_000_000
TINY = Intrinsics(20.0, 20.0, 7.5, 7.5, 16, 16)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Two seconds of the small room, as it should be."""
    path = tmp_path_factory.mktemp("doctor") / "sound.recording"
    simulate(path, seed=515, config=SimulationConfig(seconds=2.0, fps=5.0, num_cameras=3, scale=0.4))
    return open_recording(path)


@pytest.fixture
def spoiled(sound, tmp_path):
    """The same recording written again with something changed."""

    def write(cameras=None, rig=None, stamp=lambda name, k, time_ns: time_ns, depth=lambda name, k, raw: raw, fps=5.0):
        models = {name: replace(camera, **(cameras or {})) for name, camera in sound.cameras.items()}
        path = tmp_path / "spoiled.recording"
        with RecordingWriter(path, list(models.values()), fps=fps, source={}, rig=rig or sound.rig) as writer:
            rows = sorted(
                (int(time_ns), name, k) for name in models for k, time_ns in enumerate(sound.timestamps_ns(name))
            )
            for time_ns, name, k in rows:
                raw = depth(name, k, sound.depth_raw(name, k).copy())
                writer.append(name, k, stamp(name, k, time_ns), None, raw, sound.packet(name, k, "color"))
        return open_recording(path)

    return write


def said(recording, check=None):
    """What is worse than advice, as text: of one check, or of the whole examination."""
    found = check(recording) if check else examine(recording, recording.path.parent)
    bad = [f for f in found if f.check != "machine" and f.severity in (Severity.WARNING, Severity.FAULT)]
    return [f"{f.check}: {f.where}: {f.what} / {f.why}" for f in bad]


def lenses_alone(recording):
    return check_lenses(recording, {})


def rig_alone(recording):
    return check_rig(recording, {name: static_view(recording, name) for name in list(recording.cameras)[:2]})


def rewritten_rig(rig, change):
    cameras = {
        name: replace(camera, world_from_camera=change(camera.world_from_camera))
        for name, camera in rig.cameras.items()
    }
    return CameraRig(cameras, rig.world_frame)


def as_written(reading, meant):
    """The pose that a file holds which has to be understood as `reading`."""
    pose = meant @ SE3(np.diag([1.0, -1.0, -1.0]), np.zeros(3)) if reading.opengl else meant
    pose = pose.inverse() if reading.inverse else pose
    return SE3(pose.rotation, pose.translation_m / reading.unit_m)


def test_of_a_sound_recording_nothing_is_said(sound):
    assert said(sound) == []


def test_every_check_speaks_of_a_sound_recording(sound):
    checks = {finding.check for finding in examine(sound, sound.path.parent)}
    assert checks == {"files", "times", "colour", "depth", "lenses", "rig", "machine"}


@pytest.mark.parametrize("reading", [r for r in READINGS if r != AS_GIVEN], ids=lambda r: r.in_words())
def test_a_pose_in_another_form_is_named(sound, reading):
    """Of all readings that mean the same up to the world, one is named: relative poses cannot tell more."""
    views = {name: static_view(sound, name) for name in list(sound.cameras)[:2]}
    written = rewritten_rig(sound.rig, lambda pose: as_written(reading, pose))
    best, scores = best_reading(written, views)
    assert best == reading
    assert scores[best] > scores[AS_GIVEN] + 0.1


def test_inverse_poses_are_said_in_words(spoiled, sound):
    recording = spoiled(rig=rewritten_rig(sound.rig, lambda pose: pose.inverse()))
    (text,) = said(recording)
    assert text.startswith("rig:")
    assert "camera_from_world" in text


@pytest.mark.parametrize(("axis", "name"), [(np.array([1.0, 0, 0]), "Y"), (np.array([0, 1.0, 0]), "X")])
def test_a_world_that_does_not_stand_upright_is_named(spoiled, sound, axis, name):
    turned = SE3.exp(np.concatenate([axis * np.pi / 2, np.zeros(3)]))
    (text,) = said(spoiled(rig=sound.rig.moved(turned, "other")), rig_alone)
    assert "the floor is tilted by 90 degrees" in text
    assert f"up is {'-' if name == 'Y' else '+'}{name}" in text


def test_a_floor_off_zero_is_measured(spoiled, sound):
    raised = SE3(np.eye(3), np.array([0.0, 0.0, 0.8]))
    (text,) = said(spoiled(rig=sound.rig.moved(raised, "other")), rig_alone)
    assert "the floor lies at z = 0.80 m" in text


@pytest.mark.parametrize("unit_m", [0.0001, 0.01])
def test_depth_in_a_wrong_unit_is_named_with_the_one_that_fits(spoiled, unit_m):
    texts = [text for text in said(spoiled(cameras={"depth_unit_m": unit_m}), check_depth) if text.startswith("depth:")]
    assert len(texts) == 3
    assert all("0.001 m (millimetres)" in text for text in texts)


def test_empty_depth_is_named(spoiled):
    texts = said(spoiled(depth=lambda name, k, raw: raw * (name != "cam_2")), check_depth)
    assert texts[0] == (
        "depth: camera cam_2: the depth images are empty: 0% of the pixels have a return / the lens is covered, the "
        "infrared light is off, or the images were written wrongly"
    )
    assert all("cam_2" in text for text in texts)


def test_a_camera_that_hangs_is_named_with_its_time(spoiled, sound):
    first = sound.depth_raw("cam_1", 2)
    texts = said(spoiled(depth=lambda name, k, raw: first if name == "cam_1" and 2 <= k <= 8 else raw), check_depth)
    assert texts == [
        "depth: camera cam_1, 0.4 s after the start: the same depth image 7 times, for 1.2 s / the camera hung while "
        "its time went on"
    ]


@pytest.mark.parametrize("divisor", [1_000, 1_000_000, 1_000_000_000])
def test_stamps_in_another_unit_are_named(spoiled, sound, divisor):
    begin = sound.span_ns[0]
    texts = said(spoiled(stamp=lambda name, k, time_ns: (time_ns - begin) // divisor), check_times)
    assert any((text.startswith("times:") and "another unit" in text) or "equal" in text for text in texts)


def test_stamps_that_run_backwards_are_counted(spoiled, sound):
    times = sound.timestamps_ns("cam_1")
    texts = said(spoiled(stamp=lambda name, k, t: int(times[3]) if (name, k) == ("cam_1", 5) else t), check_times)
    assert any("1 time stamps run backwards and 0 are double" in text for text in texts)


def test_a_clock_that_jumped_is_named_until_it_was_put_right(tmp_path):
    path, count = tmp_path / "jumped.recording", 200
    with RecordingWriter(path, [CameraModel(name, TINY, None, SE3.identity()) for name in ("cam_1", "cam_2")], fps=10.0,
                         source={}) as writer:  # fmt: skip
        pixel = cv2.imencode(".jpg", np.zeros((TINY.height_px, TINY.width_px, 3), np.uint8))[1].tobytes()
        for k in range(count):
            host_ns = k * SECOND_NS // 10 + 30_000_000 + k % 7 * 1_000_000
            for name, jump_ns in (("cam_1", 500_000_000 * (k >= 100)), ("cam_2", 0)):
                writer.append(name, k, 77 * SECOND_NS + k * SECOND_NS // 10 + jump_ns, host_ns, None, pixel)
    texts = said(open_recording(path), check_times)
    assert len(texts) == 1 and "camera cam_1: the clock jumped at frame position 100 by +0.50" in texts[0]
    write_clocks(open_recording(path), find_clocks(open_recording(path), ClockSource.HOST).clocks)
    assert said(open_recording(path), check_times) == []


def test_cameras_that_never_ran_together_are_named(spoiled):
    texts = said(spoiled(stamp=lambda name, k, t: t + 100 * SECOND_NS * (name == "cam_3")), check_times)
    assert any("never ran at the same time" in text for text in texts)


def test_a_pause_is_named_with_its_place(spoiled):
    texts = said(spoiled(stamp=lambda name, k, t: t + 5 * SECOND_NS * (k > 4)), check_times)
    assert any("cam_2, 0.8 s after the start: the camera was silent for 5.2 s" in text for text in texts)


def test_a_wrong_rate_is_named(spoiled):
    assert any("come at 5 Hz and the recording says 30" in text for text in said(spoiled(fps=30.0), check_times))


def test_a_lens_of_another_resolution_is_named(spoiled, sound):
    lens = sound.cameras["cam_1"].color
    wrong = Intrinsics(lens.fx_px * 3, lens.fy_px * 3, lens.cx_px * 3, lens.cy_px * 3, lens.width_px, lens.height_px)
    texts = said(spoiled(cameras={"color": wrong}), lenses_alone)
    assert sum("principal point" in text for text in texts) == 3


def test_an_offset_in_millimetres_is_named(spoiled, sound):
    pose = sound.cameras["cam_1"].color_from_depth
    texts = said(spoiled(cameras={"color_from_depth": SE3(pose.rotation, np.array([32.0, 2.0, 4.0]))}), lenses_alone)
    assert any("from the colour lens" in text and "millimetres" in text for text in texts)


def test_a_flipped_bit_is_found(spoiled, capsys):
    recording = spoiled()
    victim = next(recording.path.glob("segments/000001/cam_2.depth"))
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 4
    victim.write_bytes(data)
    assert run(["doctor", str(recording.path), "--json"]) == 4
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "fault"
    assert any(f["check"] == "files" and "cam_2.depth" in f["where"] for f in document["findings"])


def test_the_machine_alone(tmp_path, capsys):
    (first, *_) = check_machine(None, tmp_path)
    assert "processor cores" in first.what
    assert run(["doctor"]) in (0, 4)
    assert "GB of memory" in capsys.readouterr().out
