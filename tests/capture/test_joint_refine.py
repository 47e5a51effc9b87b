"""Poses and depth at once: derivatives are derivatives, a drawn rig is found again, and its covariances are honest."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.depth_bend import TIME_OF_FLIGHT, factors, no_bend
from ortwin.capture.features import Matches
from ortwin.capture.geometry import SE3, look_at
from ortwin.capture.joint_problem import JointCamera, JointMatches, JointProblem, JointState
from ortwin.capture.joint_refine import refine_jointly
from ortwin.capture.joint_rows import match_rows
from ortwin.capture.surface_icp import Surface

EYES_M = ((2.4, 1.6, 2.3), (-2.2, 1.8, 2.4), (0.3, -2.3, 2.5))
TARGET_M = (0.0, 0.0, 0.9)
PIXEL_RAD, FEATURE_PX, DEPTH_M = 1 / 600, 0.4, 0.002
#: Floor, walls and boxes as corner, and two edges; metres.
PANELS = (
    ((-3, -3, 0), (6, 0, 0), (0, 6, 0)), ((-3, -3, 0), (6, 0, 0), (0, 0, 2.6)), ((-3, -3, 0), (0, 6, 0), (0, 0, 2.6)),
    ((3, -3, 0), (0, 6, 0), (0, 0, 2.6)), ((-3, 3, 0), (6, 0, 0), (0, 0, 2.6)),
    ((-1, -0.4, 0.9), (2, 0, 0), (0, 0.8, 0)), ((-1, -0.4, 0.5), (2, 0, 0), (0, 0, 0.4)),
    ((-1, 0.4, 0.5), (2, 0, 0), (0, 0, 0.4)), ((1.2, 1.2, 0.75), (0.9, 0.4, 0), (-0.3, 0.7, 0)),
    ((-2.0, -1.6, 1.1), (0.7, 0, 0), (0, 0.6, 0.25)),
)  # fmt: skip


def _points(rng: np.random.Generator, number: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3) places on the panels, even by area, and their normals."""
    panels = np.array(PANELS, dtype=float)
    area_m2 = np.linalg.norm(np.cross(panels[:, 1], panels[:, 2]), axis=1)
    chosen = rng.choice(len(panels), number, p=area_m2 / area_m2.sum())
    share = rng.uniform(size=(number, 2, 1))
    normal = np.cross(panels[:, 1], panels[:, 2]) / area_m2[:, None]
    return panels[chosen, 0] + (share * panels[chosen, 1:]).sum(axis=1), normal[chosen]


def _read(true_m: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """Points (n, 3) of a depth lens as a sensor reads them whose error the terms mend."""
    rays, depth_m = true_m[:, :2] / true_m[:, 2:], true_m[:, 2].copy()
    for _ in range(8):
        depth_m = true_m[:, 2] / factors(rays, depth_m, terms)[0]
    return true_m * (depth_m / true_m[:, 2])[:, None]


def _drawn(seed: int) -> tuple[JointProblem, JointState, JointState]:
    """A rig that looks at the room, where it truly is, and where a refinement begins."""
    rng = np.random.default_rng([seed, 77])
    poses = [look_at(np.array(eye) + rng.normal(0, 0.1, 3), TARGET_M) for eye in EYES_M]
    terms = np.stack([no_bend() + rng.normal(0, TIME_OF_FLIGHT.sigmas()) for _ in poses])
    # Cameras among themselves cannot tell a large room from a small one: depth is right in the mean.
    terms[:, 1] /= terms[:, 1].mean()
    cameras = []
    for pose, own in zip(poses, terms, strict=True):
        points_m, normals = _points(rng, 4000)
        at, facing = pose.inverse() @ points_m, pose.inverse().rotate(normals)
        seen = (at[:, 2] > 0.4) & (np.abs(at[:, :2]) < 0.75 * at[:, 2:]).all(axis=1)
        at, facing = at[seen], facing[seen]
        facing = facing * -np.sign(np.einsum("nc,nc->n", facing, at))[:, None]
        at = at * (1 + rng.normal(0, DEPTH_M, len(at)) / at[:, 2])[:, None]
        surface = Surface(_read(at, own), facing, np.full(len(at), DEPTH_M))
        cameras.append(JointCamera(f"cam_{len(cameras) + 1}", surface, SE3.identity(), pixel_rad=PIXEL_RAD))
    matches = [_matches(a, b, poses, terms, rng) for a, b in ((0, 1), (0, 2), (1, 2))]
    problem = JointProblem(cameras, matches, [(0, 1), (0, 2), (1, 2)])
    root = [poses[0].inverse() @ pose for pose in poses]
    pushed = [root[0]] + [pose @ SE3.exp(rng.normal(0, [0.01] * 3 + [0.03] * 3)) for pose in root[1:]]
    flat = np.stack([no_bend()] * len(poses))
    return problem, JointState(root, terms), JointState(pushed, flat)


def _matches(a: int, b: int, poses: list[SE3], terms: np.ndarray, rng: np.random.Generator) -> JointMatches:
    points_m, _ = _points(rng, 300)
    sides = [poses[k].inverse() @ points_m for k in (a, b)]
    both = np.logical_and(*((at[:, 2] > 0.4) & (np.abs(at[:, :2]) < 0.75 * at[:, 2:]).all(axis=1) for at in sides))
    seen = []
    for at, own in zip(sides, (terms[a], terms[b]), strict=True):
        at = at[both] + at[both, 2:] * PIXEL_RAD * FEATURE_PX * np.pad(
            rng.normal(size=(both.sum(), 2)), ((0, 0), (0, 1))
        )
        seen.append(_read(at * (1 + rng.normal(0, DEPTH_M, len(at)) / at[:, 2])[:, None], own))
    sigma_m = np.full(both.sum(), DEPTH_M)
    return JointMatches(a, b, Matches(seen[0], seen[1], sigma_m, sigma_m))


def _errors(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(2, 6) pose errors of the cameras beside the root, and their (2, 6, 6) covariances."""
    problem, truth, start = _drawn(seed)
    result = refine_jointly(problem, start)
    pairs = zip(truth.root_from_camera[1:], result.state.root_from_camera[1:], strict=True)
    return np.stack([(true.inverse() @ found).log() for true, found in pairs]), result.covariance[1:, :6, :6]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_rig_is_found_again_within_its_own_covariance(seed: int) -> None:
    errors, covariance = _errors(seed)
    for error, known in zip(errors, covariance, strict=True):
        assert np.abs(error[3:]).max() < 0.010
        assert np.degrees(np.linalg.norm(error[:3])) < 0.2
        # 6 numbers: a chi-squared of 6 degrees is above 35 once in 200,000 draws; a systematic part is not drawn here.
        assert error @ np.linalg.solve(known, error) < 35


@pytest.mark.slow
def test_covariances_are_honest_over_fifty_rigs() -> None:
    nees = [
        float(error @ np.linalg.solve(known, error)) / 6
        for seed in range(100, 150) for error, known in zip(*_errors(seed), strict=True)
    ]  # fmt: skip
    assert 0.7 <= np.mean(nees) <= 1.4


def test_derivatives_of_matches_are_derivatives() -> None:
    problem, truth, _ = _drawn(4)
    cameras, pair = list(problem.cameras), problem.matches[0]
    rows = match_rows(pair, cameras, truth, FEATURE_PX, 1.0, 0.0)
    step = 1e-6
    for unknown in range(6):
        moved = [
            JointState(
                [truth.root_from_camera[0] @ SE3.exp(sign * step * np.eye(6)[unknown]), *truth.root_from_camera[1:]],
                truth.terms,
            )
            for sign in (1, -1)
        ]
        there, back = (match_rows(pair, cameras, one, FEATURE_PX, 1.0, 0.0).residual for one in moved)
        # The covariance that whitens turns with the pose, which a derivative at fixed weights leaves out.
        numeric = (there - back) / (2 * step)
        assert np.corrcoef(numeric, rows.by_first[:, unknown])[0, 1] > 0.99
