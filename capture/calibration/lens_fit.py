"""One fit of one lens: Levenberg-Marquardt, Huber's loss, outliers by studentised residuals, noise by redundancy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..errors import QualityError
from .lens_problem import (
    LensProblem,
    LensRows,
    LensSpread,
    LensState,
    lens_normal,
    lens_rows_at,
    lens_spread,
    prior_cost,
    solve_lens,
)

LEAST_NOISE_PX = 0.01
FEWEST_CORNERS = 6
LEAST_REDUNDANCY = 0.1
MOST_DAMPING = 1e12


@dataclass(frozen=True, slots=True)
class LensFitConfig:
    """How a lens is fitted.

    Args:
        huber_sigmas: beyond this many sigmas a corner pulls with constant force.
        outlier_sigmas: a corner whose studentised residual is longer than this is removed.
        largest_outlier_share: of the corners, the share that may be removed.
        rounds: how often outliers are looked for and the noise is found anew.
        max_iterations: of Levenberg-Marquardt in each round.
        smallest_gain: relative fall of the cost below which a round has converged.
    """

    huber_sigmas: float = 3.0
    outlier_sigmas: float = 4.5
    largest_outlier_share: float = 0.05
    rounds: int = 4
    max_iterations: int = 60
    smallest_gain: float = 1e-7


@dataclass(frozen=True, slots=True, eq=False)
class LensFit:
    """A fitted lens.

    Args:
        problem: with the noise that was found, all its corners.
        state: where it came to rest.
        residuals_px: (n, 2) of all corners.
        kept: (n,) bool, False where a corner was removed.
        covariance: (17, 17) of the shared numbers.
    """

    problem: LensProblem
    state: LensState
    residuals_px: np.ndarray
    kept: np.ndarray
    covariance: np.ndarray


def fit_lens(problem: LensProblem, start: LensState, config: LensFitConfig) -> LensFit:
    """Find the lens, the sheet and the poses that explain the corners best.

    Raises:
        QualityError: the corners do not determine the lens.
    """
    state, kept = start, np.ones(len(problem.view), dtype=bool)
    for _ in range(config.rounds):
        part = problem.only(kept)
        state = descend(part, state, config)
        rows = lens_rows_at(part, state)
        spread = _spread(part, state, rows, config)
        noise_px = _noise(part, rows, spread, config)
        removed = _outliers(part, rows, spread, noise_px, config)
        settled = not len(removed) and abs(noise_px / problem.noise_px - 1) < 0.01
        problem = replace(problem, noise_px=noise_px)
        kept[np.flatnonzero(kept)[removed]] = False
        if settled:
            break
    part = problem.only(kept)
    state = descend(part, state, config)
    spread = _spread(part, state, lens_rows_at(part, state), config)
    return LensFit(problem, state, lens_rows_at(problem, state).residuals_px, kept, spread.shared)


def descend(problem: LensProblem, state: LensState, config: LensFitConfig) -> LensState:
    """Levenberg-Marquardt (Marquardt 1963) to the nearest minimum, with the noise and the corners as they are.

    Raises:
        QualityError: the corners do not determine the lens.
    """
    damping, rows = 1e-3, lens_rows_at(problem, state)
    cost = _cost(problem, state, rows, config)
    for _ in range(config.max_iterations):
        normal = lens_normal(problem, state, rows, _weights(problem, rows, config))
        while True:
            candidate, candidate_rows, candidate_cost = state, rows, np.inf
            try:
                candidate = state.moved(*solve_lens(normal, problem, damping))
                candidate_rows = lens_rows_at(problem, candidate)
                candidate_cost = _cost(problem, candidate, candidate_rows, config)
            except np.linalg.LinAlgError:
                candidate_cost = np.inf
            if candidate_cost <= cost:
                break
            damping *= 8
            if damping > MOST_DAMPING:
                return state
        gain = (cost - candidate_cost) / max(cost, 1e-300)
        state, rows, cost, damping = candidate, candidate_rows, candidate_cost, max(damping / 6, 1e-12)
        if gain < config.smallest_gain:
            return state
    return state


def _spread(problem: LensProblem, state: LensState, rows: LensRows, config: LensFitConfig) -> LensSpread:
    try:
        spread = lens_spread(problem, rows, lens_normal(problem, state, rows, _weights(problem, rows, config)))
    except np.linalg.LinAlgError as error:
        raise undetermined() from error
    if not np.isfinite(spread.shared).all() or (np.diagonal(spread.shared) < 0).any():
        raise undetermined()
    return spread


def undetermined() -> QualityError:
    """What to say where a lens cannot be found from what was seen."""
    return QualityError(
        "the images do not determine the lens",
        why="the board was always held alike, straight before the camera, or is too small in the images",
        todo="film ten images or more: the board tilted by 20 to 45 degrees in all directions, near and far, and once "
        "in each corner of the image",
    )  # fmt: skip


def _lengths(problem: LensProblem, rows: LensRows) -> np.ndarray:
    return np.linalg.norm(rows.residuals_px, axis=1) / problem.noise_px


def _weights(problem: LensProblem, rows: LensRows, config: LensFitConfig) -> np.ndarray:
    return config.huber_sigmas / np.maximum(_lengths(problem, rows), config.huber_sigmas) / problem.noise_px**2


def _cost(problem: LensProblem, state: LensState, rows: LensRows, config: LensFitConfig) -> float:
    length, limit = _lengths(problem, rows), config.huber_sigmas
    corners = np.where(length <= limit, 0.5 * length**2, limit * (length - 0.5 * limit)).sum()
    cost = float(corners) + prior_cost(problem, state)
    return cost if np.isfinite(cost) and min(state.shared[:2]) > 0 else np.inf


def _noise(problem: LensProblem, rows: LensRows, spread: LensSpread, config: LensFitConfig) -> float:
    """Weighted squares over redundancy (Foerstner 1979)."""
    weights = _weights(problem, rows, config)
    relative = weights * problem.noise_px**2
    squares = (relative * (rows.residuals_px**2).sum(axis=1)).sum()
    redundancy = 2 * relative.sum() - (weights * np.trace(spread.predicted, axis1=1, axis2=2)).sum()
    return float(np.sqrt(max(squares / max(redundancy, 1.0), LEAST_NOISE_PX**2)))


def _outliers(
    problem: LensProblem, rows: LensRows, spread: LensSpread, noise_px: float, config: LensFitConfig
) -> np.ndarray:
    """Indices of the corners to remove: the longest studentised residuals (Baarda 1968), not too many.

    A view of which too few would be left goes as a whole: it would fit any lens.
    """
    taken = np.trace(spread.predicted, axis1=1, axis2=2) / 2 / problem.noise_px**2
    own = noise_px**2 * np.maximum(1 - taken, LEAST_REDUNDANCY)
    length = np.linalg.norm(rows.residuals_px, axis=1) / np.sqrt(own)
    far = np.flatnonzero(length > config.outlier_sigmas)
    most = int(config.largest_outlier_share * len(problem.view))
    removed = np.zeros(len(length), dtype=bool)
    removed[far[np.argsort(-length[far], kind="stable")][:most]] = True
    left = np.bincount(problem.view[~removed], minlength=problem.num_views)
    return np.flatnonzero(removed | (left < FEWEST_CORNERS)[problem.view])
