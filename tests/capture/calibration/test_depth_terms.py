"""Depth lenses from planes of boards, against exact truth."""

import numpy as np
from ortwin.capture.calibration.depth_terms import BoardView, DepthTerms, depth_terms
from ortwin.capture.calibration.rotations import exp_rotation
from ortwin.capture.camera import CameraModel, Intrinsics
from ortwin.capture.geometry import SE3

COLOR = Intrinsics(600, 600, 640, 360, 1280, 720)
DEPTH = Intrinsics(180, 180, 112, 96, 224, 192)
COLOR_FROM_DEPTH = SE3.exp(np.array([0.01, -0.02, 0.005, 0.03, 0.002, -0.001]))
POINTS_M = np.array([[x, y, 0.0] for y in range(5) for x in range(6)]) * 0.08
SCALE, BIAS_M, NOISE_M = 1.008, -0.006, 0.003


def filmed(seed: int, num_views: int = 25) -> tuple[DepthTerms | None, np.ndarray]:
    """What is found, and its errors (8,)."""
    rng = np.random.default_rng(seed)
    given = SE3.exp(np.r_[rng.normal(0, 0.004, 3), rng.normal(0, 0.003, 3)]) @ COLOR_FROM_DEPTH
    rays, views = DEPTH.rays().astype(np.float64), []
    for _ in range(num_views):
        turn = exp_rotation(rng.uniform(-0.6, 0.6, 3))
        middle_m = np.array([*rng.uniform(-0.3, 0.3, 2), rng.uniform(0.8, 2.5)])
        board = SE3(turn, middle_m - turn @ POINTS_M.mean(axis=0))
        seen = COLOR_FROM_DEPTH.inverse() @ board
        true_m = (seen.rotation[:, 2] @ seen.translation_m) / (rays @ seen.rotation[:, 2])
        on_board = seen.inverse() @ (rays * true_m[..., None])
        inside = ((on_board[..., :2] > -0.08) & (on_board[..., :2] < [0.48, 0.40])).all(axis=-1)
        measured_m = (true_m - BIAS_M) / SCALE + rng.normal(0, NOISE_M, true_m.shape)
        tilted = SE3.exp(np.r_[rng.normal(0, 0.001, 3), 0, 0, 0]) @ board
        views.append(BoardView(np.where(inside, measured_m, 3.0).astype(np.float32), tilted))
    found = depth_terms(CameraModel("cam", COLOR, DEPTH, given), POINTS_M, views)
    if found is None:
        return None, np.zeros(0)
    pose = (found.color_from_depth @ COLOR_FROM_DEPTH.inverse()).log()
    return found, np.r_[found.scale - SCALE, found.bias_m - BIAS_M, pose]


def test_scale_bias_and_pose_are_within_their_sigmas_and_without_bias() -> None:
    runs = [filmed(seed) for seed in range(8)]
    errors = np.stack([error for _, error in runs])
    sigma = np.stack([np.sqrt(np.diagonal(found.covariance)) for found, _ in runs if found is not None])
    assert (np.abs(errors) < 4 * sigma).all()
    assert (np.abs(errors.mean(axis=0)) < 2 * sigma.mean(axis=0)).all()
    assert sigma[:, 0].max() < 0.002


def test_pixels_lie_on_the_boards_afterwards() -> None:
    found, _ = filmed(0)
    assert found is not None
    assert found.report.rms_before_mm > 6
    assert found.report.rms_after_mm < 1.1 * 1e3 * NOISE_M


def test_too_few_views_say_nothing() -> None:
    assert filmed(0, num_views=4)[0] is None
