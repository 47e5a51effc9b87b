"""Calibration of a rig, against exact truth: places, lenses, clocks, and what is said where nothing can be known."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ortwin.capture.calibration.observations import NO_TIME, BoardObservations
from ortwin.capture.calibration.report_data import CameraReport
from ortwin.capture.calibration.rig_calibration import CalibrationConfig, RigCalibration, calibrate_rig
from ortwin.capture.camera import CameraModel, CameraRig, Intrinsics
from ortwin.capture.errors import InputError, QualityError
from ortwin.capture.geometry import SE3

WELL_FILMED = {"num_instants": 80, "shape": (6, 5), "noise_px": 0.2, "phase_s": 0.016}
CONFIG = CalibrationConfig(intrinsics="fixed", timing="estimated")


def pose_errors(boards: Any, found: RigCalibration) -> tuple[float, float]:
    """The largest error of a camera in mm and degrees, relative to the root camera."""
    root, worst_mm, worst_deg = found.report.root_id, 0.0, 0.0
    for name, camera in found.rig.cameras.items():
        there = found.rig[root].world_from_camera.inverse() @ camera.world_from_camera
        true = boards.world_from_camera[root].inverse() @ boards.world_from_camera[name]
        worst_mm = max(worst_mm, 1e3 * float(np.linalg.norm(there.translation_m - true.translation_m)))
        worst_deg = max(worst_deg, np.degrees((there.inverse() @ true).angle_rad()))
    return worst_mm, worst_deg


def camera(found: RigCalibration, name: str) -> CameraReport:
    return next(report for report in found.report.cameras if report.camera_id == name)


@pytest.fixture(scope="module")
def filmed(simulate_boards: Callable) -> Any:
    return simulate_boards(1, offset_sigma_s=0.02, **WELL_FILMED)


@pytest.fixture(scope="module")
def found(filmed: Any) -> RigCalibration:
    return calibrate_rig(filmed.observations, CONFIG)


def test_cameras_are_placed_to_two_millimetres(filmed: Any, found: RigCalibration) -> None:
    worst_mm, worst_deg = pose_errors(filmed, found)
    assert worst_mm <= 2.0
    assert worst_deg <= 0.05


def test_good_lenses_that_may_move_cost_no_precision(filmed: Any) -> None:
    again = calibrate_rig(filmed.observations, replace(CONFIG, intrinsics="prior"))
    worst_mm, worst_deg = pose_errors(filmed, again)
    assert worst_mm <= 2.0
    assert worst_deg <= 0.05


def test_clocks_are_compared_by_the_motion_of_the_board(filmed: Any, found: RigCalibration) -> None:
    root = found.report.root_id
    for name, (offset_s, sigma_s) in found.offsets_s.items():
        true_s = filmed.offsets_s[name] - filmed.offsets_s[root]
        assert camera(found, name).time_offset_known
        assert abs(offset_s - true_s) <= 4 * sigma_s + 1e-12
        assert sigma_s < 0.002


def test_held_out_error_is_that_of_the_noise(filmed: Any, found: RigCalibration) -> None:
    held = found.report.held_out
    assert held is not None
    assert held.num_fit_instants == held.num_scored_instants == 40
    # a corner seen by four cameras leaves 5 of 8 degrees of freedom, by two cameras 1 of 4
    most, least = np.sqrt(2 * 5 / 8) * filmed.noise_px, np.sqrt(2 * 1 / 4) * filmed.noise_px
    assert least < held.with_motion.reprojection_rms_px < 1.1 * most
    assert held.with_motion.reprojection_rms_px < held.simultaneous.reprojection_rms_px
    assert held.with_motion.board_scale_rmse_mm < 2.0


def test_the_report_is_plain_json(found: RigCalibration) -> None:
    document = json.loads(json.dumps(found.report.to_json(), allow_nan=False))
    assert document["reprojection_rms_px"] > 0
    assert document["held_out"]["simultaneous"]["num_observations"] > 0
    assert {entry["camera_id"] for entry in document["cameras"]} == set(found.rig.cameras)
    assert document["verdict"] in ("good", "usable", "poor")
    first = document["cameras"][0]
    assert len(first["pixels_px"]) == len(first["residuals_px"]) == len(first["kept"])


def test_the_same_corners_give_the_same_rig(filmed: Any, found: RigCalibration) -> None:
    again = calibrate_rig(filmed.observations, CONFIG)
    for name, there in found.rig.cameras.items():
        assert np.array_equal(there.world_from_camera.matrix(), again.rig[name].world_from_camera.matrix())


def test_the_world_of_a_start_rig_is_kept(filmed: Any) -> None:
    models = {
        name: CameraModel(name, filmed.lenses[name], None, SE3.identity()).placed(pose)
        for name, pose in filmed.world_from_camera.items()
    }
    found = calibrate_rig(filmed.observations, CONFIG, start=CameraRig(models, "floor"))
    assert found.rig.world_frame == "floor"
    for name, pose in filmed.world_from_camera.items():
        assert np.linalg.norm(found.rig[name].world_from_camera.translation_m - pose.translation_m) < 0.003


def test_without_a_start_the_world_stands_upright(filmed: Any, found: RigCalibration) -> None:
    """All cameras look down alike, so that their common up is up; the tolerance is the scatter of their heights."""
    ups = [found.rig[name].world_from_camera.rotate(pose.inverse().rotate(np.array([0.0, 0.0, 1.0])))
           for name, pose in filmed.world_from_camera.items()]  # fmt: skip
    assert all(np.degrees(np.arccos(up[2])) < 10 for up in ups)


def test_a_focal_length_that_is_three_percent_wrong_is_found(simulate_boards: Callable) -> None:
    def longer(lens: Intrinsics, rng: np.random.Generator) -> Intrinsics:
        return replace(lens, fx_px=1.03 * lens.fx_px, fy_px=1.03 * lens.fy_px)

    boards = simulate_boards(2, lens_error=longer, **{**WELL_FILMED, "num_instants": 50})
    held = calibrate_rig(boards.observations, CONFIG)
    freed = calibrate_rig(boards.observations, replace(CONFIG, intrinsics="prior"))
    fixed_mm, fixed_deg = pose_errors(boards, held)
    free_mm, free_deg = pose_errors(boards, freed)
    assert fixed_mm > 10
    assert free_mm < fixed_mm / 3
    assert free_deg < fixed_deg
    for name, lens in boards.lenses.items():
        report = camera(freed, name)
        assert abs(report.lens["fx_px"] - lens.fx_px) <= 4 * report.lens_sigma[0]
        assert abs(report.lens["fx_px"] / lens.fx_px - 1) < 0.01


def test_clocks_that_a_still_board_says_nothing_of_are_unknown(simulate_boards: Callable) -> None:
    boards = simulate_boards(3, speed=0.0, num_instants=30, interval_s=5.0)
    found = calibrate_rig(boards.observations, CONFIG)
    for name in found.rig.cameras:
        if name != found.report.root_id:
            assert not camera(found, name).time_offset_known
            assert found.offsets_s[name] == (0.0, CONFIG.priors.time_offset_s)
    assert any("time offset" in warning for warning in found.report.warnings)


def test_without_stamps_everything_but_the_clocks_is_found(simulate_boards: Callable) -> None:
    boards = simulate_boards(4, speed=0.0, num_instants=40, shape=(6, 5), noise_px=0.2)
    seen = boards.observations
    found = calibrate_rig(replace(seen, times_ns=np.full_like(seen.times_ns, NO_TIME)), CONFIG)
    known = [camera(found, name).time_offset_known for name in found.rig.cameras if name != found.report.root_id]
    assert not any(known)
    assert pose_errors(boards, found)[0] < 3


def test_cameras_that_no_board_joins_are_named_with_the_pair_to_film(filmed: Any) -> None:
    seen = filmed.observations
    early = seen.instant < 40
    apart = only(seen, (early & (seen.camera < 2)) | (~early & (seen.camera >= 2)))
    with pytest.raises(QualityError) as caught:
        calibrate_rig(apart, CONFIG)
    message = caught.value.describe()
    assert all(name in message for name in seen.camera_ids)
    assert "film the board where" in message
    found = calibrate_rig(apart, replace(CONFIG, allow_partial=True))
    assert set(found.rig.cameras) | set(found.report.left_out) == set(seen.camera_ids)
    assert len(found.rig.cameras) == 2
    assert found.report.verdict == "poor"


def test_one_view_is_too_little(filmed: Any) -> None:
    seen = filmed.observations
    with pytest.raises((InputError, QualityError)) as caught:
        calibrate_rig(only(seen, (seen.instant == 0) & (seen.camera == 0)), CONFIG)
    assert "cam_b" in caught.value.describe()


def test_a_camera_without_a_lens_is_named(filmed: Any) -> None:
    seen = filmed.observations
    with pytest.raises(InputError, match="cam_c"):
        calibrate_rig(replace(seen, lenses={**seen.lenses, "cam_c": None}), CONFIG)


def only(seen: BoardObservations, wanted: np.ndarray) -> BoardObservations:
    return replace(
        seen, camera=seen.camera[wanted], instant=seen.instant[wanted], point=seen.point[wanted],
        pixels_px=seen.pixels_px[wanted],
    )  # fmt: skip
