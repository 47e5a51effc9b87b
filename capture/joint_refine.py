"""Poses and depth corrections of all cameras at once: robust non-linear least squares over surfaces and colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import read_only
from .depth_bend import BendablePoints, factors, terms_of
from .geometry import SE3
from .joint_problem import JointProblem, JointState
from .joint_rows import NUM_UNKNOWNS, PairRows, epipolar_px, match_rows, place_surface, surface_rows
from .planar_rows import large_planes, planar_rows

SCALE_GAUGE = 1e-4


@dataclass(frozen=True, slots=True)
class JointConfig:
    """How a rig is refined.

    Args:
        distances_m: largest distance of a pair of surface points, round by round.
        widen: factor on the sigmas of colour matches, round by round.
        rounds: pairings at the last distance, at most.
        steps: Gauss-Newton steps per pairing.
        max_angle_deg: largest angle between the normals of a pair.
        least_sigma_px: no feature is seen more precisely; more is measured on the matches.
        bend: whether depth is corrected at all.
        flat: whether large planes are taken to be flat, and square on each other where they nearly are.
        still: a step below this (rad, m) ends the rounds.
    """

    distances_m: tuple[float, ...] = (0.40, 0.25, 0.15, 0.10, 0.06)
    widen: tuple[float, ...] = (3.0, 3.0, 2.0, 1.5, 1.0)
    rounds: int = 12
    steps: int = 2
    max_angle_deg: float = 45.0
    least_sigma_px: float = 0.3
    bend: bool = True
    flat: bool = True
    still: float = 2e-5


@dataclass(frozen=True, slots=True, eq=False)
class JointResult:
    """The outcome.

    Args:
        state: poses and terms of the depth corrections.
        covariance: (c, 19, 19) of each camera: turn, shift (its own tangent, relative to the root) and depth terms,
            everything else marginalised. Zero for the pose of the root.
        sigma_px: of a colour feature, as measured.
    """

    state: JointState
    covariance: np.ndarray
    sigma_px: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", read_only(self.covariance))


def refine_jointly(problem: JointProblem, start: JointState, config: JointConfig | None = None) -> JointResult:
    """Pair surfaces, weigh everything by its measured noise, step; nearer pairs each round.

    Args:
        problem: what the cameras saw of each other.
        start: where to begin.
        config: see JointConfig.
    """
    config = config or JointConfig()
    bendables = [camera.bendable(camera.surface.points_m) for camera in problem.cameras]
    planes = [
        large_planes(camera, points) if config.flat and config.bend else []
        for camera, points in zip(problem.cameras, bendables, strict=True)
    ]
    state, sigma_px = start, max(1.0, config.least_sigma_px)
    last = len(config.distances_m) - 1
    rows: list[PairRows] = []
    matrix = np.eye(NUM_UNKNOWNS * len(problem.cameras))
    for at in [*range(last), *[last] * config.rounds]:
        moved = 0.0
        for _ in range(config.steps):
            rows = _rows(problem, bendables, planes, state, sigma_px, at, config)
            matrix, vector = _normal_equations(problem, state, rows, config)
            if problem.prior is None:
                _hold_scale(matrix, vector, bendables, state)
            step = -np.linalg.solve(matrix, vector)
            state = _stepped(state, step)
            moved = max(moved, float(np.abs(step.reshape(-1, NUM_UNKNOWNS)[:, :6]).max()))
        if config.widen[at] <= 2:
            sigma_px = _measured_sigma_px(problem, state, config.least_sigma_px)
        if at == last and moved < config.still:
            break
    blocks = np.linalg.inv(matrix)
    spans = [slice(NUM_UNKNOWNS * k, NUM_UNKNOWNS * (k + 1)) for k in range(len(problem.cameras))]
    covariance = np.stack([blocks[span, span] for span in spans])
    if problem.prior is None:
        covariance += _scale_covariance(problem, state)
    covariance[problem.root, :6] = covariance[problem.root, :, :6] = 0.0
    return JointResult(state, covariance, sigma_px)


def _rows(
    problem: JointProblem,
    bendables: list[BendablePoints],
    planes: list[list[np.ndarray]],
    state: JointState,
    sigma_px: float,
    at: int,
    config: JointConfig,
) -> list[PairRows]:
    """All residuals: those of surfaces first, in the order of the pairs."""
    cameras = list(problem.cameras)
    placed = zip(cameras, bendables, state.root_from_camera, state.terms, strict=True)
    surfaces = [place_surface(*each) for each in placed]
    bent = 1.0 - at / max(len(config.distances_m) - 1, 1)
    rows = []
    for first, second in problem.pairs:
        least_m = float(np.hypot(cameras[first].bend.rest_m, cameras[second].bend.rest_m))
        rows.append(surface_rows(first, second, surfaces, config.distances_m[at], config.max_angle_deg, least_m))
    for pair in problem.matches:
        if len(pair.matches):
            rows.append(match_rows(pair, cameras, state, sigma_px, config.widen[at], bent))
    for number, each in enumerate(zip(cameras, surfaces, planes, strict=True)):
        rows += planar_rows(number, *each)
    return rows


def _normal_equations(
    problem: JointProblem, state: JointState, rows: list[PairRows], config: JointConfig
) -> tuple[np.ndarray, np.ndarray]:
    count = len(problem.cameras)
    matrix, vector = np.zeros((count, NUM_UNKNOWNS) * 2), np.zeros((count, NUM_UNKNOWNS))
    for one in rows:
        sides = ((one.first, one.by_first), (one.second, one.by_second))
        for a, by_a in sides:
            weighted = by_a * one.weight[:, None]
            vector[a] += weighted.T @ one.residual
            for b, by_b in sides:
                matrix[a, :, b] += weighted.T @ by_b
    for number, camera in enumerate(problem.cameras):
        information = camera.bend.sigmas() ** -2.0 * (1.0 if config.bend else 1e12)
        off = state.terms[number] - terms_of(camera.given)
        matrix[number, range(6, NUM_UNKNOWNS), number, range(6, NUM_UNKNOWNS)] += information
        vector[number, 6:] += information * off
    if problem.prior is not None:
        for number, measured in problem.prior.root_from_camera.items():
            if number == problem.root:
                continue
            information = np.linalg.inv(problem.prior.covariance[number])
            error = (measured.inverse() @ state.root_from_camera[number]).log()
            matrix[number, :6, number, :6] += information
            vector[number, :6] += information @ error
    # The gauge: the root stays where it is.
    matrix[problem.root, :6] = matrix[:, :, problem.root, :6] = 0.0
    matrix[problem.root, range(6), problem.root, range(6)] = 1.0
    vector[problem.root, :6] = 0.0
    size = count * NUM_UNKNOWNS
    return matrix.reshape(size, size) + 1e-9 * np.eye(size), vector.ravel()


def _hold_scale(matrix: np.ndarray, vector: np.ndarray, bendables: list[BendablePoints], state: JointState) -> None:
    """The second gauge: cameras among themselves cannot tell a large room from a small one, so depth is right as read
    in the mean over all cameras.
    """
    row, off = np.zeros(len(vector)), 0.0
    for number, (points, terms) in enumerate(zip(bendables, state.terms, strict=True)):
        factor, by_terms = factors(points.rays, points.depth_m, terms)
        at = NUM_UNKNOWNS * number
        row[at + 6 : at + NUM_UNKNOWNS] = (by_terms / factor[:, None]).mean(axis=0) / len(bendables)
        off += float(np.log(factor).mean()) / len(bendables)
    matrix += np.outer(row, row) / SCALE_GAUGE**2
    vector += row * off / SCALE_GAUGE**2


def _scale_covariance(problem: JointProblem, state: JointState) -> np.ndarray:
    """(c, 19, 19) what the unknown common scale adds: it is the mean of scales that are drawn one by one."""
    variance = np.mean([camera.bend.share**2 for camera in problem.cameras]) / len(problem.cameras)
    root_m = state.root_from_camera[problem.root].translation_m
    blocks = []
    for pose in state.root_from_camera:
        direction = np.zeros(NUM_UNKNOWNS)
        direction[3:6] = pose.rotation.T @ (pose.translation_m - root_m)
        direction[7] = 1.0
        blocks.append(variance * np.outer(direction, direction))
    return np.stack(blocks)


def _stepped(state: JointState, step: np.ndarray) -> JointState:
    parts = step.reshape(-1, NUM_UNKNOWNS)
    poses = [pose @ SE3.exp(part[:6]) for pose, part in zip(state.root_from_camera, parts, strict=True)]
    return JointState(poses, state.terms + parts[:, 6:])


def _measured_sigma_px(problem: JointProblem, state: JointState, least_px: float) -> float:
    """The noise of a feature, from the epipolar errors of the matches that are no mistakes."""
    found = [epipolar_px(pair, list(problem.cameras), state) for pair in problem.matches if len(pair.matches)]
    if not found:
        return max(1.0, least_px)
    errors = np.concatenate(found)
    sigma = 1.0
    for _ in range(10):
        near = errors[errors < 4 * sigma]
        sigma = max(1.4826 * float(np.median(near)) if len(near) else 1.0, least_px)
    return sigma
