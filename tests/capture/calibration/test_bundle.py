"""Bundle adjustment: exact slopes, honest covariances, outliers and noise found."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from ortwin.capture.calibration.board_motion import neighbours, place_boards
from ortwin.capture.calibration.bundle import BundleConfig, adjust
from ortwin.capture.calibration.bundle_problem import (
    NUM_CAMERA,
    OFFSET,
    BundleProblem,
    BundleState,
    Linearised,
    linearise,
)
from ortwin.capture.calibration.bundle_solver import covariance, normal_equations
from ortwin.capture.calibration.rig_bundle import PriorConfig
from ortwin.capture.calibration.rig_fit import RigFit, fit_rig, rig_start
from ortwin.capture.calibration.rotations import (
    exp_rotation,
    inverse_left_jacobian,
    left_jacobian,
    log_rotation,
)

STEP = 1e-6


@pytest.fixture
def bundle() -> tuple[BundleProblem, BundleState]:
    """Three cameras, one of them a fisheye, over five instants; everything is free."""
    rng = np.random.default_rng(0)
    cameras, instants, corners = 3, 5, 6
    times_s = np.arange(instants) * 0.2
    before, after = neighbours(times_s)
    view = np.repeat(np.arange(cameras * instants), corners)
    lenses = np.c_[np.full((cameras, 2), 600.0), np.full((cameras, 2), 300.0), rng.normal(0, 0.05, (cameras, 8))]
    state = BundleState(
        exp_rotation(rng.normal(0, 0.2, (cameras, 3))), np.c_[rng.normal(0, 0.2, (cameras, 2)), np.full(cameras, 1.5)],
        lenses, rng.normal(0, 0.01, cameras), exp_rotation(rng.normal(0, 0.4, (instants, 3))),
        rng.normal(0, 0.2, (instants, 3)),
    )  # fmt: skip
    points_m = np.c_[rng.uniform(-0.1, 0.1, (len(view), 2)), np.zeros(len(view))]
    problem = BundleProblem(
        view, points_m, np.zeros((len(view), 2)), np.tile(np.arange(cameras), instants),
        np.repeat(np.arange(instants), cameras), rng.normal(0, 0.02, cameras * instants), times_s, before, after,
        np.array([False, True, False]), np.ones(cameras), np.array([False, True, True]), lenses,
        np.full((cameras, 12), 0.05), np.array([0.0, 0.05, 0.05]), np.zeros(cameras * instants),
    )  # fmt: skip
    return problem, replace(state, offsets_s=state.offsets_s * [0, 1, 1])


def board_slope(problem: BundleProblem, lines: Linearised, instant: int) -> np.ndarray:
    """(n, 2, 6) the derivative of all predictions by one board pose."""
    slope = np.zeros((len(problem.view), 2, 6))
    for node in range(3):
        mine = lines.placement.nodes[problem.view, node] == instant
        slope[mine] += lines.by_board[mine] @ lines.placement.by_node[problem.view[mine], node]
    return slope


def quotient(problem: BundleProblem, state: BundleState, cameras: np.ndarray, boards: np.ndarray) -> np.ndarray:
    above, below = (
        linearise(problem, state.moved(sign * STEP * cameras, sign * STEP * boards)).residuals_px for sign in (1, -1)
    )
    return (below - above) / (2 * STEP)


def test_slopes_by_cameras_lenses_and_clocks(bundle: tuple[BundleProblem, BundleState]) -> None:
    problem, state = bundle
    lines = linearise(problem, state)
    for camera in range(problem.num_cameras):
        for column in range(NUM_CAMERA):
            step = np.zeros((problem.num_cameras, NUM_CAMERA))
            step[camera, column] = 1
            exact = np.where((problem.camera == camera)[:, None], lines.by_camera[:, :, column], 0)
            np.testing.assert_allclose(
                exact, quotient(problem, state, step, np.zeros((problem.num_instants, 6))), rtol=1e-5, atol=1e-3
            )


def test_slopes_by_boards_that_move_between_shutters(bundle: tuple[BundleProblem, BundleState]) -> None:
    problem, state = bundle
    lines = linearise(problem, state)
    for instant in range(problem.num_instants):
        exact = board_slope(problem, lines, instant)
        for column in range(6):
            step = np.zeros((problem.num_instants, 6))
            step[instant, column] = 1
            found = quotient(problem, state, np.zeros((problem.num_cameras, NUM_CAMERA)), step)
            np.testing.assert_allclose(exact[:, :, column], found, rtol=1e-5, atol=1e-3)


def test_covariance_by_blocks_is_that_of_the_whole_matrix(bundle: tuple[BundleProblem, BundleState]) -> None:
    problem, state = bundle
    problem = replace(problem, pixels_px=problem.pixels_px - linearise(problem, state).residuals_px)
    lines = linearise(problem, state)
    free = problem.free()
    dense = np.zeros((len(problem.view), 2, free.sum() + 6 * problem.num_instants))
    for column, (camera, entry) in enumerate(np.argwhere(free)):
        mine = problem.camera == camera
        dense[mine, :, column] = lines.by_camera[mine, :, entry]
    for instant in range(problem.num_instants):
        at = free.sum() + 6 * instant
        dense[:, :, at : at + 6] = board_slope(problem, lines, instant)
    flat = dense.reshape(-1, dense.shape[2])
    information = flat.T @ flat
    information[np.arange(free.sum()), np.arange(free.sum())] += problem.prior_sigma()[free] ** -2.0
    inverse = np.linalg.inv(information)
    weights = np.ones(len(problem.view))
    found = covariance(problem, lines, normal_equations(problem, state, lines, weights))
    scale = np.sqrt(np.diagonal(inverse))
    close = {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(found.camera / np.outer(scale, scale)[: free.sum(), : free.sum()],
                               (inverse / np.outer(scale, scale))[: free.sum(), : free.sum()], **close)  # fmt: skip
    for instant in range(problem.num_instants):
        part = slice(free.sum() + 6 * instant, free.sum() + 6 * instant + 6)
        np.testing.assert_allclose(found.board[instant], inverse[part, part], rtol=1e-3, atol=1e-12)
    np.testing.assert_allclose(found.residual, dense @ inverse @ dense.transpose(0, 2, 1), rtol=1e-4, atol=1e-6)


def test_jacobians_of_rotations_undo_each_other() -> None:
    vectors = np.random.default_rng(1).normal(0, 0.8, (50, 3))
    vectors[0], vectors[1] = 0, 1e-7
    product = left_jacobian(vectors) @ inverse_left_jacobian(vectors)
    np.testing.assert_allclose(product, np.tile(np.eye(3), (50, 1, 1)), atol=1e-9)
    np.testing.assert_allclose(log_rotation(exp_rotation(vectors)), vectors, atol=1e-9)
    nudge = 1e-6 * np.array([0.3, -0.5, 0.8])
    nudged = log_rotation(exp_rotation(vectors + nudge) @ exp_rotation(vectors).transpose(0, 2, 1))
    np.testing.assert_allclose(nudged, np.einsum("nij,j->ni", left_jacobian(vectors), nudge), atol=1e-10)


def test_a_board_on_a_parabola_is_followed_exactly() -> None:
    times_s = np.array([0.0, 0.2, 0.45])
    before, after = neighbours(times_s)

    def at(t: np.ndarray) -> np.ndarray:
        return np.stack([0.1 + 0.3 * t - 0.2 * t**2, -0.4 * t, 0.5 * t**2], axis=-1)

    still = np.tile(np.eye(3), (3, 1, 1))
    placed = place_boards(still, at(times_s), times_s, before, after, np.array([1]), np.array([0.03]))
    np.testing.assert_allclose(placed.position_m[0], at(np.array(0.23)), atol=1e-12)
    speed = (at(np.array(0.23 + STEP)) - at(np.array(0.23 - STEP))) / (2 * STEP)
    np.testing.assert_allclose(placed.by_time[0, 3:], speed, rtol=1e-6)


def fitted(boards: object, **kwargs: object) -> RigFit:
    seen = boards.observations
    start = rig_start(seen, [seen.lenses[name] for name in seen.camera_ids])
    return fit_rig(seen, start, kwargs.get("mode", "fixed"), PriorConfig(), "estimated", BundleConfig())


def test_noise_is_found_per_camera(simulate_boards: Callable) -> None:
    boards = simulate_boards(5, noise_px=0.4, num_instants=25)
    fit = fitted(boards)
    count = np.bincount(fit.result.problem.camera)
    # sigma of a standard deviation from 2 n residuals is 1 / sqrt(4 n); four of them
    assert (np.abs(fit.result.problem.noise_px / 0.4 - 1) < 4 / np.sqrt(4 * count) + 0.02).all()


def test_precise_corners_are_no_outliers_of_a_guessed_noise(simulate_boards: Callable) -> None:
    """A fit begins with half a pixel of noise; what is a tenth of that must not count against it."""
    fit = fitted(simulate_boards(1, noise_px=0.05))
    assert (~fit.result.kept).sum() <= 2
    assert fit.result.problem.noise_px == pytest.approx(0.05, rel=0.1)


def test_gross_errors_are_removed_and_nothing_else(simulate_boards: Callable) -> None:
    boards = simulate_boards(6, num_instants=25)
    seen = boards.observations
    rng = np.random.default_rng(0)
    wrong = rng.choice(len(seen.camera), 20, replace=False)
    pixels = seen.pixels_px.copy()
    pixels[wrong] += rng.choice([-1, 1], (20, 2)) * rng.uniform(6, 12, (20, 2))
    fit = fitted(replace(boards, observations=replace(seen, pixels_px=pixels)))
    removed = set(fit.bundle.rows[~fit.result.kept].tolist())
    assert set(wrong.tolist()) <= removed
    # at 4.5 sigmas a good corner is removed in 4 of 100,000
    assert len(removed) - len(wrong) <= 5


def test_the_gauge_stays_where_it_was_put(simulate_boards: Callable) -> None:
    fit = fitted(simulate_boards(7, num_instants=15))
    root = int(np.flatnonzero(fit.bundle.cameras == fit.start.tree.root)[0])
    assert np.array_equal(fit.result.state.rotation[root], np.eye(3))
    assert not fit.result.state.position_m[root].any()
    assert not fit.result.covariance.of_camera(root)[:6, :6].any()
    assert fit.result.covariance.of_camera(root)[OFFSET, OFFSET] == 0


def test_descent_from_a_bad_start_reaches_the_same_place(simulate_boards: Callable) -> None:
    boards = simulate_boards(8, num_instants=15)
    fit = fitted(boards)
    rng = np.random.default_rng(1)
    cameras = np.zeros((len(fit.bundle.cameras), NUM_CAMERA))
    cameras[fit.result.problem.free_pose, :6] = rng.normal(0, 0.02, (3, 6))
    start = fit.result.state.moved(cameras, rng.normal(0, 0.02, (len(fit.bundle.instants), 6)))
    again = adjust(fit.result.problem.only(fit.result.kept), start, remove_outliers=False, find_noise=False)
    sigma_m = np.sqrt([np.diagonal(fit.result.covariance.of_camera(index))[3:6] for index in range(4)])
    assert (np.abs(again.state.position_m - fit.result.state.position_m) <= 0.1 * sigma_m).all()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["fixed", "prior"])
def test_covariances_are_honest_over_fifty_seeds(simulate_boards: Callable, mode: str) -> None:
    from ortwin.capture.calibration.lens_jacobian import lens_from_row, lens_row

    priors = PriorConfig()

    def drawn(lens: object, rng: np.random.Generator) -> object:
        return lens_from_row(lens_row(lens) + priors.lens_sigma(lens, "prior") * rng.standard_normal(12), lens)

    squares = []
    for seed in range(50):
        boards = simulate_boards(
            seed, num_instants=30, offset_sigma_s=0.02, phase_s=0.03, lens_error=drawn if mode == "prior" else None
        )
        fit = fitted(boards, mode=mode)
        names, root = boards.observations.camera_ids, fit.start.tree.root
        root_pose = boards.world_from_camera[names[root]]
        for index, camera in enumerate(fit.bundle.cameras):
            if camera == root:
                continue
            true = boards.world_from_camera[names[camera]].inverse() @ root_pose
            error = (true @ fit.result.state.camera_from_world(index).inverse()).log()
            squares.append(error @ np.linalg.solve(fit.result.covariance.of_camera(index)[:6, :6], error) / 6)
    assert 0.7 < np.mean(squares) < 1.4
