"""The rig: the gauge costs nothing, and a wrong camera bears its own error alone."""

import numpy as np
import pytest
from ortwin.capture.geometry import SE3, look_at
from ortwin.evaluation.calibration import score_calibration, truth_from_twin
from ortwin.evaluation.truth import Truth
from ortwin.evaluation.uncertainty import score_uncertainty

CORNERS = {"cam_1": (3, 2, 2.5), "cam_2": (-3, 2, 2.6), "cam_3": (-3, -2, 2.4), "cam_4": (3, -2, 2.7)}
TRUE = {name: look_at(place, (0, 0, 1)) for name, place in CORNERS.items()}
GAUGE = SE3.exp(np.array([0.02, -0.03, 1.2, 4.0, -1.0, 0.3]))


def nudged(name: str, tangent: np.ndarray) -> dict[str, SE3]:
    return {**TRUE, name: TRUE[name] @ SE3.exp(tangent)}


def test_another_world_is_no_error():
    scores = score_calibration({name: GAUGE @ pose for name, pose in TRUE.items()}, TRUE)
    assert scores.worst_position_mm == pytest.approx(0, abs=1e-6)
    assert scores.worst_rotation_deg == pytest.approx(0, abs=1e-6)
    assert scores.scale_percent == pytest.approx(0, abs=1e-9)
    assert scores.gauge_deg == pytest.approx(np.degrees(GAUGE.angle_rad()))
    assert scores.gauge_mm == pytest.approx(1000 * np.linalg.norm(GAUGE.inverse().translation_m))


@pytest.mark.parametrize("gauge", [SE3.identity(), GAUGE])
def test_one_camera_ten_millimetres_off(gauge):
    moved = {name: gauge @ pose for name, pose in nudged("cam_2", np.array([0, 0, 0, 0.006, 0, 0.008])).items()}
    scores = score_calibration(moved, TRUE)
    assert scores.cameras["cam_2"].position_mm == pytest.approx(10, abs=1e-3)
    assert scores.cameras["cam_2"].rotation_deg == pytest.approx(0, abs=1e-3)
    assert scores.cameras["cam_4"].position_mm == pytest.approx(0, abs=1e-3)
    assert scores.position_mm == pytest.approx(10 / 4, abs=1e-3)
    assert scores.worst_position_mm == pytest.approx(10, abs=1e-3)


def test_one_camera_turned_by_half_a_degree():
    scores = score_calibration(nudged("cam_3", np.array([0, np.radians(0.5), 0, 0, 0, 0])), TRUE)
    assert scores.cameras["cam_3"].rotation_deg == pytest.approx(0.5, abs=1e-4)
    assert scores.cameras["cam_3"].position_mm == pytest.approx(0, abs=1e-2)
    assert scores.rotation_deg == pytest.approx(0.5 / 4, abs=1e-4)


def test_a_rig_one_percent_too_large():
    large = {name: SE3(pose.rotation, 1.01 * pose.translation_m) for name, pose in TRUE.items()}
    scores = score_calibration(large, TRUE)
    assert scores.scale_percent == pytest.approx(1.0)
    # The rotations agree, so each camera is off by a hundredth of its distance to the point that stays.
    gauge = truth_from_twin(large, TRUE)
    np.testing.assert_allclose(gauge.rotation, np.eye(3), atol=1e-9)
    place_m = np.array([pose.translation_m for pose in TRUE.values()])
    off_mm = 1000 * np.linalg.norm(0.01 * place_m + gauge.translation_m, axis=1)
    assert [error.position_mm for error in scores.cameras.values()] == pytest.approx(off_mm.tolist())
    assert scores.position_mm <= 10 * np.linalg.norm(place_m - place_m.mean(axis=0), axis=1).mean() + 1e-6


def test_missing_cameras_are_counted_and_one_camera_has_no_scale():
    scores = score_calibration({"cam_1": TRUE["cam_1"], "other": TRUE["cam_2"]}, TRUE)
    assert scores.num_missing == 3
    assert scores.scale_percent is None
    assert score_calibration({"other": TRUE["cam_2"]}, TRUE) is None


def test_stated_covariance_of_poses():
    error = np.array([0.0, 0.0, 0.0, 0.01, 0.0, 0.0])
    covariance = {name: np.diag([1e-4] * 3 + [1e-4] * 3) for name in TRUE}
    truth = Truth(np.zeros(1, np.int64), poses=TRUE)
    honesty = score_uncertainty(None, None, nudged("cam_1", error), covariance, truth).cameras
    # One camera of four is one sigma off in one of six dimensions: (1 + 0 + 0 + 0) / 4 / 6.
    assert honesty.anees == pytest.approx(1 / 24, abs=1e-5)
    assert honesty.coverage_95 == 1.0
    assert honesty.num_errors == 4
