"""Every fault occurs as often as asked, is told by the schedule, and is off by default."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from ortwin.capture.camera import CameraRig
from ortwin.capture.errors import ConfigError
from ortwin.capture.geometry import look_at
from ortwin.datasets.simulated_or.camera_presets import PRESETS
from ortwin.datasets.simulated_or.clocks import CameraClock, ClockConfig, draw_clocks
from ortwin.datasets.simulated_or.faults import FaultConfig, Schedule, schedule, spoil
from ortwin.evaluation.true_clock import clock_with_jumps

KIND = PRESETS["azure_kinect_nfov"]
RIG = CameraRig(
    {
        f"cam_{n}": KIND.model(f"cam_{n}", 0.1).placed(look_at((3 * np.cos(n), 3 * np.sin(n), 2.5), (0, 0, 1)))
        for n in range(4)
    }
)
CLOCKS = draw_clocks(np.random.default_rng(1), RIG.cameras, ClockConfig())


def planned(faults: FaultConfig, seconds: float = 60.0, fps: float = 20.0, seed: int = 3, clocks=CLOCKS) -> Schedule:
    return schedule(RIG, seconds, fps, clocks, faults, seed)


def all_shots(plan: Schedule):
    return [shot for shots in plan.shots.values() for shot in shots]


def test_by_default_nothing_goes_wrong():
    plan = planned(FaultConfig())
    assert all(shot.state == "ok" for shot in all_shots(plan))
    told = plan.to_json()
    assert all(told[kind] == [] for kind in ("absences", "bumps", "host_stalls", "frames"))
    for name, shots in plan.shots.items():
        device_ns = np.array([shot.device_ns for shot in shots])
        assert (plan.clocks[name].model.rig_ns(device_ns) == [shot.rig_ns for shot in shots]).all()
        assert [shot.index for shot in shots] == list(range(len(shots)))
        assert plan.pose(name, 10**9) is RIG[name].world_from_camera
    times_ns = [shot.rig_ns for shot in plan.delivered()]
    assert times_ns == sorted(times_ns)


@pytest.mark.parametrize(
    ("share", "state"),
    [("drop_share", "dropped"), ("duplicate_share", "duplicate"), ("backward_share", "backward"),
     ("corrupt_share", "corrupt")],
)  # fmt: skip
def test_each_fault_of_frames_occurs_as_often_as_asked_and_alone(share, state):
    shots = all_shots(planned(FaultConfig(**{share: 0.1})))
    found = np.array([shot.state == state for shot in shots])
    assert {shot.state for shot in shots} == {"ok", state}
    assert found.mean() == pytest.approx(0.1, abs=5 * np.sqrt(0.09 / len(shots)))


def test_stamps_lie_as_their_state_says_and_else_tell_the_truth():
    plan = planned(FaultConfig(duplicate_share=0.1, backward_share=0.1, drop_share=0.1, backward_s=0.07))
    for name, shots in plan.shots.items():
        last = None
        for shot in shots:
            honest_ns = int(plan.clocks[name].model.rig_ns_of(shot.device_ns))
            if shot.state == "duplicate":
                assert last is not None and shot.device_ns == last.device_ns
            elif shot.state == "backward":
                assert last is None or shot.device_ns == last.device_ns - 70_000_000
            else:
                assert honest_ns == shot.rig_ns
            if shot.delivered:
                last = shot


def test_gaps_and_losses_silence_one_camera_for_their_span():
    plan = planned(FaultConfig(num_gaps=2, gap_s=1.5, num_losses=1, loss_s=5.0, loss_at_s=20.0))
    assert sorted(one.kind for one in plan.absences) == ["gap", "gap", "loss"]
    loss = next(one for one in plan.absences if one.kind == "loss")
    assert (loss.begin_ns, loss.end_ns) == (20_000_000_000, 25_000_000_000)
    for shot in all_shots(plan):
        silent = any(
            one.camera_id == shot.camera_id and one.begin_ns <= shot.rig_ns < one.end_ns for one in plan.absences
        )
        assert shot.delivered != silent


def test_a_bumped_camera_stands_elsewhere_from_then_on():
    plan = planned(FaultConfig(num_bumps=1, bump_deg=3.0, bump_m=0.04, bump_at_s=30.0))
    (bump,) = plan.bumps
    before = plan.pose(bump.camera_id, 29_999_999_999)
    after = plan.pose(bump.camera_id, 30_000_000_000)
    assert before is RIG[bump.camera_id].world_from_camera
    moved = before.inverse() @ after
    assert np.rad2deg(moved.angle_rad()) == pytest.approx(3.0, abs=1e-6)
    assert moved.distance_m() == pytest.approx(0.04, abs=1e-9)
    for name in RIG.cameras:
        assert name == bump.camera_id or plan.pose(name, 40_000_000_000) is RIG[name].world_from_camera


def test_a_stalled_host_takes_frames_late_and_in_order():
    plan = planned(FaultConfig(num_stalls=1, stall_s=0.5))
    ((begin_ns, end_ns),) = plan.stalls_ns
    for shots in plan.shots.values():
        host_ns = np.array([shot.host_ns for shot in shots])
        assert (np.diff(host_ns) >= 0).all()
        assert not ((host_ns >= begin_ns) & (host_ns < end_ns)).any()
        assert (host_ns == end_ns).sum() >= 8


def test_overlap_is_that_of_the_exposures():
    steady = CameraClock(free_running=True)
    late = replace(steady, phase=0.064)
    clocks = {
        "cam_0": steady,
        "cam_1": late,
        "cam_2": replace(steady, phase=0.36),
        "cam_3": replace(steady, phase=0.66),
    }
    plan = planned(FaultConfig(), seconds=3.0, clocks=clocks)
    # At 20 Hz a phase of 0.064 is 3.2 ms, a quarter of an exposure of 12.8 ms.
    assert [shot.overlapping for shot in plan.shots["cam_0"][1:-1]] == pytest.approx([0.75] * 58, abs=1e-3)
    assert all(shot.overlapping == 0 for shot in plan.shots["cam_2"])
    together = draw_clocks(np.random.default_rng(1), RIG.cameras, ClockConfig(free_running=False))
    assert all(shot.overlapping == 0 for shot in all_shots(planned(FaultConfig(), clocks=together)))


def test_equal_seeds_plan_equally_and_others_do_not():
    faults = FaultConfig.realistic()
    first, again, other = (planned(faults, seed=seed) for seed in (3, 3, 4))
    assert first.shots == again.shots and first.to_json() == again.to_json()
    assert first.shots != other.shots
    kinds = {shot.state for shot in all_shots(planned(faults, seconds=600.0))}
    assert kinds == {"ok", "dropped", "corrupt", "duplicate", "backward"}


def test_a_spoiled_packet_is_no_picture_or_another_one():
    image = np.random.default_rng(5).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    packet = cv2.imencode(".jpg", image)[1].tobytes()
    clean = cv2.imdecode(np.frombuffer(packet, np.uint8), cv2.IMREAD_COLOR)
    for shot in planned(FaultConfig()).shots["cam_0"][:24]:
        spoiled = spoil(packet, shot, 1)
        assert spoiled == spoil(packet, shot, 1)
        decoded = cv2.imdecode(np.frombuffer(spoiled, np.uint8), cv2.IMREAD_COLOR)
        assert decoded is None or decoded.shape != clean.shape or (decoded != clean).any()


def test_impossible_faults_are_refused():
    for change in ({"drop_share": 1.5}, {"num_gaps": -1}, {"bump_m": float("nan")}):
        with pytest.raises(ConfigError):
            FaultConfig(**change)


@pytest.mark.parametrize("jump_s", [0.5, -0.5])
def test_a_clock_that_jumps_is_told_so_that_its_stamps_can_be_undone(jump_s):
    plan = planned(FaultConfig(num_clock_jumps=3, clock_jump_s=jump_s, drop_share=0.1, duplicate_share=0.05))
    told = plan.to_json()["clock_jumps"]
    assert len(told) == 3
    for name, shots in plan.shots.items():
        recorded = [shot for shot in shots if shot.delivered]
        clock = clock_with_jumps(plan.clocks[name].model, [jump for jump in told if jump["camera_id"] == name])
        rig_ns = clock.frames_ns(np.array([shot.device_ns for shot in recorded]))
        good = np.array([shot.state == "ok" for shot in recorded])
        assert np.abs(rig_ns - [shot.rig_ns for shot in recorded])[good].max() <= 1
