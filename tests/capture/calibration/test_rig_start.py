"""The start of a rig: single views, robust pairs, the tree, and the scores and the map that stand on the result."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from ortwin.capture.calibration.lens_jacobian import lens_rows
from ortwin.capture.calibration.pair_poses import PairPose, pair_poses, robust_mean
from ortwin.capture.calibration.rig_bundle import PriorConfig, rig_bundle
from ortwin.capture.calibration.rig_fit import rig_start
from ortwin.capture.calibration.scores import score, triangulate
from ortwin.capture.calibration.sigma_map import sigma_map
from ortwin.capture.calibration.spanning_tree import spanning_tree
from ortwin.capture.calibration.view_poses import pose_of_view
from ortwin.capture.camera import Intrinsics
from ortwin.capture.geometry import SE3, look_at

LENS = Intrinsics(900, 900, 640, 360, 1280, 720, "brown_conrady", np.array([0.1, -0.1, 1e-3, -1e-3, 0.02]))
POINTS_M = np.array([[x, y, 0.0] for y in range(4) for x in range(5)]) * 0.06


def test_a_single_view_gives_the_pose_of_the_board() -> None:
    true = SE3.exp(np.array([0.4, -0.3, 0.1, -0.1, -0.1, 1.2]))
    view = pose_of_view(LENS, POINTS_M, LENS.project(true @ POINTS_M))
    assert view is not None
    assert np.abs((true.inverse() @ view.camera_from_board).log()).max() < 1e-5
    assert view.ratio > 10


@pytest.mark.parametrize("chosen", [[0, 1, 2, 3, 4, 0], [0, 1, 5]], ids=["in a line", "too few"])
def test_corners_that_give_no_pose(chosen: list[int]) -> None:
    pixels = LENS.project(SE3.exp(np.array([0.4, 0, 0, 0, 0, 1.2])) @ POINTS_M[chosen])
    assert pose_of_view(LENS, POINTS_M[chosen], pixels) is None


def test_the_robust_mean_does_not_follow_a_third_of_nonsense() -> None:
    rng = np.random.default_rng(0)
    true = SE3.exp(np.array([0.5, -0.2, 0.3, 1.0, 0.2, -0.4]))
    good = [true @ SE3.exp(rng.normal(0, 0.002, 6)) for _ in range(40)]
    bad = [SE3.exp(rng.normal(0, 1.0, 6)) for _ in range(20)]
    error = (true.inverse() @ robust_mean(good + bad)).log()
    assert np.abs(error).max() < 0.002
    assert np.abs((true.inverse() @ robust_mean([true])).log()).max() < 1e-9


def pair(first: int, second: int, weight: float) -> PairPose:
    shift = SE3.exp(np.array([0, 0, 0, float(second - first), 0, 0]))
    return PairPose(first, second, shift, 5, 5, 0.0, 0.0, weight)


def test_the_tree_goes_through_the_strongest_pairs() -> None:
    tree = spanning_tree(4, [pair(0, 1, 5), pair(0, 2, 1), pair(1, 2, 9), pair(2, 3, 4), pair(0, 3, 3)])
    assert tree.edges == ((0, 1), (1, 2), (2, 3))
    assert tree.root == 2 or tree.root == 1
    apart = [tree.root_from_camera[c].translation_m[0] - tree.root_from_camera[0].translation_m[0] for c in range(4)]
    np.testing.assert_allclose(apart, [0, 1, 2, 3], atol=1e-12)


def test_groups_that_do_not_hang_together_are_told_apart() -> None:
    tree = spanning_tree(5, [pair(0, 1, 5), pair(1, 2, 5), pair(3, 4, 9), pair(0, 4, 0)])
    assert tree.groups == ((0, 1, 2), (3, 4))
    assert set(tree.root_from_camera) == {0, 1, 2}


def test_pairs_count_common_instants(simulate_boards: Callable) -> None:
    seen = simulate_boards(0, num_instants=10).observations
    start = rig_start(seen, [seen.lenses[name] for name in seen.camera_ids])
    for found in pair_poses(len(seen.camera_ids), start.views):
        both = set(seen.instant[seen.camera == found.first]) & set(seen.instant[seen.camera == found.second])
        assert found.num_instants == len(both)
        assert found.num_used <= found.num_instants


def test_perfect_corners_score_nothing(simulate_boards: Callable) -> None:
    boards = simulate_boards(1, num_instants=6, noise_px=0.0, speed=0.0)
    seen = boards.observations
    lenses = [seen.lenses[name] for name in seen.camera_ids]
    poses = {index: boards.world_from_camera[name] for index, name in enumerate(seen.camera_ids)}
    start = rig_start(seen, lenses)
    bundle = rig_bundle(seen, lenses, start.views, poses, 0, "fixed", PriorConfig())
    found = score(bundle.problem, bundle.start, lenses, seen.point[bundle.rows], motion=False)
    assert found.num_corners > 0
    assert found.reprojection_rms_px < 1e-6
    assert found.board_scale_rmse_mm < 1e-5


def test_every_corner_that_two_cameras_saw_is_scored(simulate_boards: Callable) -> None:
    """So coarse that no single view is sure of its board: the corners count all the same."""
    boards = simulate_boards(2, num_instants=6, noise_px=3.0, speed=0.0)
    seen = boards.observations
    lenses = [seen.lenses[name] for name in seen.camera_ids]
    poses = {index: boards.world_from_camera[name] for index, name in enumerate(seen.camera_ids)}
    bundle = rig_bundle(seen, lenses, {}, poses, 0, "fixed", PriorConfig(), every=True)
    found = score(bundle.problem, bundle.start, lenses, seen.point[bundle.rows], motion=False)
    _, count = np.unique(np.stack([seen.instant, seen.point]), axis=1, return_counts=True)
    assert found.num_corners == (count >= 2).sum()
    assert found.num_observations == count[count >= 2].sum()


def test_the_map_predicts_what_triangulation_does(simulate_boards: Callable) -> None:
    """The scatter of 400 triangulations of a cell's centre; its own sigma is 1 / sqrt(2 * 3 * 400), five of them."""
    lenses = [LENS] * 3
    poses = [look_at((2.0 * np.cos(a), 2.0 * np.sin(a), 2.2), (0.0, 0.0, 0.9)) for a in (0.0, 2.0, 4.0)]
    corners_m = np.array([[-0.3, -0.3, 0.6], [0.3, 0.3, 1.2]])
    found = sigma_map(lenses, poses, [np.zeros((6, 6))] * 3, corners_m, 0.5)
    axes = zip((found.z_m, found.y_m, found.x_m), (0.9, 0.0, 0.0), strict=True)
    middle = np.array([np.argmin(np.abs(axis - at)) for axis, at in axes])
    cell = tuple(middle)
    assert found.num_cameras[cell] == 3
    point_m = np.array([found.x_m[cell[2]], found.y_m[cell[1]], found.z_m[cell[0]]])
    seen = simulate_boards(0, num_instants=3).observations
    start = rig_start(seen, [seen.lenses[name] for name in seen.camera_ids])
    tree = start.tree
    bundle = rig_bundle(seen, start.lenses, start.views, tree.root_from_camera, tree.root, "fixed", PriorConfig())
    scatter = scatter_of(bundle, lenses, poses, point_m, 0.5)
    assert scatter == pytest.approx(found.sigma_mm[cell], rel=5 / np.sqrt(2 * 3 * 400))


def scatter_of(
    bundle: object, lenses: list[Intrinsics], poses: list[SE3], point_m: np.ndarray, noise_px: float
) -> float:
    """Root of the summed variances of many triangulations of one point, mm."""
    rng, runs, cameras = np.random.default_rng(0), 400, len(lenses)
    pixels = np.stack([lens.project(pose.inverse() @ point_m) for lens, pose in zip(lenses, poses, strict=True)])
    view = np.tile(np.arange(cameras), runs)
    problem = replace(
        bundle.problem, view=view, points_m=np.zeros((len(view), 3)),
        pixels_px=pixels[view] + rng.normal(0, noise_px, (len(view), 2)), view_camera=np.arange(cameras),
        view_instant=np.zeros(cameras, dtype=int), view_delay_s=np.zeros(cameras), motion_px=np.zeros(cameras),
        fisheye=np.zeros(cameras, dtype=bool),
    )  # fmt: skip
    state = replace(
        bundle.start, rotation=np.stack([pose.inverse().rotation for pose in poses]),
        position_m=np.stack([pose.inverse().translation_m for pose in poses]),
        lenses=lens_rows(lenses),
        offsets_s=np.zeros(cameras),
    )  # fmt: skip
    found = triangulate(problem, state, lenses, np.repeat(np.arange(runs), cameras), np.arange(len(view)))
    return 1e3 * float(np.sqrt(found.points_m.var(axis=0, ddof=1).sum()))
