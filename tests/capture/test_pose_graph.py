"""Pose graphs against truth: loops, outliers, covariances, components."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.geometry import SE3
from ortwin.capture.pose_graph import PoseEdge, components, in_tangent_of_second, solve_pose_graph

SIGMAS = np.array([0.002, 0.002, 0.002, 0.01, 0.01, 0.01])
INFORMATION = np.diag(SIGMAS**-2)
NAMES = ("a", "b", "c", "d")


def _truth() -> dict[str, SE3]:
    rng = np.random.default_rng(3)
    poses = {name: SE3.exp(rng.normal(size=6) * [0.5, 0.5, 0.5, 2, 2, 2]) for name in NAMES}
    root = poses["a"].inverse()
    return {name: root @ pose for name, pose in poses.items()}


def _edge(truth: dict[str, SE3], first: str, second: str, error: np.ndarray) -> PoseEdge:
    return PoseEdge(first, second, truth[first].inverse() @ truth[second] @ SE3.exp(error), INFORMATION)


def test_exact_edges_give_exact_poses():
    truth = _truth()
    edges = [_edge(truth, *pair, np.zeros(6)) for pair in (("b", "a"), ("b", "c"), ("d", "c"), ("a", "d"))]
    found = solve_pose_graph(NAMES, edges)
    for name in NAMES:
        np.testing.assert_allclose(found.root_from_camera[name].matrix(), truth[name].matrix(), atol=1e-8)
    assert max(found.disagreement) < 1e-5


def test_errors_are_as_large_as_the_covariance_says():
    truth, rng = _truth(), np.random.default_rng(0)
    pairs = (("a", "b"), ("b", "c"), ("c", "d"), ("d", "a"), ("a", "c"))
    squared = []
    for _ in range(25):
        edges = [_edge(truth, *pair, rng.normal(size=6) * SIGMAS) for pair in pairs]
        found = solve_pose_graph(NAMES, edges)
        for name in NAMES[1:]:
            error = (found.root_from_camera[name].inverse() @ truth[name]).log()
            squared.append(error @ np.linalg.solve(found.covariance[name], error))
    # A chi-square of 6 degrees has mean 6 and standard deviation sqrt(12); rounds, not cameras, are independent.
    assert np.mean(squared) == pytest.approx(6.0, abs=4 * np.sqrt(12 / 25))


def test_a_wrong_edge_in_a_loop_moves_little_and_is_reported():
    truth, rng = _truth(), np.random.default_rng(1)
    pairs = (("a", "b"), ("b", "c"), ("c", "d"), ("d", "a"), ("a", "c"), ("b", "d"))
    edges = [_edge(truth, *pair, rng.normal(size=6) * SIGMAS) for pair in pairs]
    wrong = _edge(truth, "a", "b", np.array([0.3, 0.0, 0.0, 0.5, 0.0, 0.0]))
    found = solve_pose_graph(NAMES, [wrong, *edges])
    assert int(np.argmax(found.disagreement)) == 0
    assert found.disagreement[0] > 50
    for name in NAMES:
        assert (found.root_from_camera[name].inverse() @ truth[name]).distance_m() < 5 * SIGMAS[3]


def test_one_camera_alone_is_its_own_root():
    found = solve_pose_graph(("a",), [])
    assert found.root_from_camera["a"].distance_m() == 0.0
    assert found.covariance["a"].shape == (6, 6)


def test_components_keep_order_and_start_with_the_first_camera():
    edges = [PoseEdge("d", "b", SE3.identity(), INFORMATION), PoseEdge("c", "a", SE3.identity(), INFORMATION)]
    assert components(NAMES, edges) == [["a", "c"], ["b", "d"]]


def test_information_moves_with_its_tangent():
    rng = np.random.default_rng(2)
    pose = SE3.exp(np.array([0.4, -0.8, 0.2, 1.0, -2.0, 0.5]))
    root = rng.normal(size=(6, 6))
    information = root @ root.T
    small = rng.normal(size=6) * 1e-6
    left = (pose @ SE3.exp(small) @ pose.inverse()).log()
    moved = in_tangent_of_second(pose, information)
    assert small @ moved @ small == pytest.approx(left @ information @ left, rel=1e-4)
