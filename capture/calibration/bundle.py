"""Sparse bundle adjustment of a rig: Levenberg-Marquardt with a robust loss, outliers, noise and covariances.

Triggs et al. 2000 (bundle adjustment), Huber 1964 (the loss), Foerstner 1979 (one variance per camera from the
redundancy of its observations), Baarda 1968 (removal by studentised residuals), MacKay 1992 (how wide a prior is, from
the data).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..errors import QualityError
from .bundle_problem import LENS, BundleProblem, BundleState, Linearised, linearise, motion_px
from .bundle_solver import BundleCovariance, covariance, normal_equations, solve_step

LENS_GROUPS = (slice(0, 2), slice(2, 4), slice(4, 12))
FACTORS = (0.02, 10.0)
AS_GIVEN = (0.4, 2.5)
DOUBT = 0.0003
ROUGH_GAIN = 1e-5
LEAST_CORNERS = 6
MOTION_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class BundleConfig:
    """How a bundle is adjusted.

    Args:
        huber_sigmas: beyond this many sigmas a corner pulls with constant force.
        outlier_sigmas: a corner whose studentised residual is longer than this is removed.
        largest_outlier_share: of the corners of one camera, the share that may be removed.
        outlier_rounds: how often outliers are looked for; the noise per camera is found anew in each round.
        max_iterations: of Levenberg-Marquardt, in each round.
        smallest_gain: relative fall of the cost below which the last round has converged.
        least_noise_px: no camera is believed to be better than this.
        learn_priors: find from the corners how good the given lenses are, and narrow or widen their priors accordingly.
        pooled_noise: one noise for all cameras; for where it is not the corners that are uncertain but their time.
    """

    huber_sigmas: float = 3.0
    outlier_sigmas: float = 4.5
    largest_outlier_share: float = 0.05
    outlier_rounds: int = 6
    max_iterations: int = 30
    smallest_gain: float = 1e-8
    least_noise_px: float = 0.02
    learn_priors: bool = False
    pooled_noise: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class BundleResult:
    """An adjusted bundle.

    Args:
        problem: with the noise that was found; all its corners.
        state: where it came to rest.
        residuals_px: (n, 2) seen minus predicted, of all corners.
        kept: (n,) bool, False where a corner was removed.
        covariance: of the kept corners' fit; its `residual` part has one entry per kept corner.
        iterations: steps taken.
    """

    problem: BundleProblem
    state: BundleState
    residuals_px: np.ndarray
    kept: np.ndarray
    covariance: BundleCovariance
    iterations: int

    @property
    def rms_px(self) -> float:
        """Root mean square length of the kept residuals."""
        return rms_length(self.residuals_px[self.kept])


def rms_length(vectors: np.ndarray) -> float:
    """Root mean square length of vectors (n, d); NaN of none."""
    return float(np.sqrt((vectors**2).sum(axis=-1).mean())) if len(vectors) else float("nan")


def adjust(
    problem: BundleProblem, start: BundleState, config: BundleConfig | None = None,
    *, remove_outliers: bool = True, find_noise: bool = True,
) -> BundleResult:  # fmt: skip
    """Find the state that explains the corners best.

    Args:
        problem: what was seen.
        start: where to begin, near enough for the boards to lie in front of the cameras.
        config: see BundleConfig.
        remove_outliers: drop corners whose studentised residual is too long, and adjust again.
        find_noise: estimate the noise of each camera from its own residuals.

    Raises:
        QualityError: the corners do not determine the rig.
    """
    config = config or BundleConfig()
    state, kept, iterations = start, np.ones(len(problem.view), dtype=bool), 0
    rounds = config.outlier_rounds if (remove_outliers or find_noise) else 0
    given = problem.lens_sigma
    for done in range(rounds):
        part = problem.only(kept)
        state, taken = _descend(part, state, config, ROUGH_GAIN)
        iterations += taken
        lines = linearise(part, state)
        weights = _weights(part, lines, config)
        spread = _spread(part, state, lines, weights)
        noise_px = _noise(part, lines, weights, spread, config) if find_noise else problem.noise_px
        # what the fit takes of a residual was worked out with the noise of the round before: not with a guess
        judged = remove_outliers and (done > 0 or not find_noise)
        removed = _outliers(part, lines, spread, noise_px, config) if judged else np.zeros(0, dtype=int)
        sigma = _lens_sigma(part, state, spread, given) if config.learn_priors else given
        settled = np.allclose(noise_px, problem.noise_px, rtol=0.01) and not len(removed)
        settled &= np.allclose(sigma, problem.lens_sigma, rtol=0.2)
        moved_px = motion_px(problem, state) if done < MOTION_ROUNDS else problem.motion_px
        settled &= done >= MOTION_ROUNDS
        problem = replace(problem, noise_px=noise_px, lens_sigma=sigma, motion_px=moved_px)
        kept[np.flatnonzero(kept)[removed]] = False
        if settled:
            break
    part = problem.only(kept)
    state, taken = _descend(part, state, config, config.smallest_gain)
    lines = linearise(part, state)
    spread = _spread(part, state, lines, _weights(part, lines, config))
    return BundleResult(problem, state, linearise(problem, state).residuals_px, kept, spread, iterations + taken)


def _spread(problem: BundleProblem, state: BundleState, lines: Linearised, weights: np.ndarray) -> BundleCovariance:
    try:
        return covariance(problem, lines, normal_equations(problem, state, lines, weights))
    except np.linalg.LinAlgError as error:
        raise _undetermined() from error


def _descend(
    problem: BundleProblem, state: BundleState, config: BundleConfig, smallest_gain: float
) -> tuple[BundleState, int]:
    """Levenberg-Marquardt to the nearest minimum, with the noise and the corners as they are."""
    damping, lines = 1e-4, linearise(problem, state)
    cost = _cost(problem, state, lines, config)
    for iteration in range(config.max_iterations):
        system = normal_equations(problem, state, lines, _weights(problem, lines, config))
        while True:
            try:
                candidate = state.moved(*solve_step(system, damping))
                candidate_lines = linearise(problem, candidate)
                candidate_cost = _cost(problem, candidate, candidate_lines, config)
            except np.linalg.LinAlgError:
                candidate, candidate_lines, candidate_cost = state, lines, np.inf
            if candidate_cost <= cost:
                break
            damping *= 8
            if damping > 1e12:
                if not np.isfinite(candidate_cost):
                    raise _undetermined()
                return state, iteration + 1
        gain = (cost - candidate_cost) / max(cost, 1e-300)
        state, lines, cost, damping = candidate, candidate_lines, candidate_cost, max(damping / 6, 1e-12)
        if gain < smallest_gain:
            return state, iteration + 1
    return state, config.max_iterations


def _normalised(problem: BundleProblem, lines: Linearised) -> np.ndarray:
    """(n,) lengths of the residuals in sigmas of their camera."""
    return np.linalg.norm(lines.residuals_px, axis=1) / problem.sigma_px


def _weights(problem: BundleProblem, lines: Linearised, config: BundleConfig) -> np.ndarray:
    """(n,) weights 1/px^2 by Huber's loss."""
    length = _normalised(problem, lines)
    huber = config.huber_sigmas / np.maximum(length, config.huber_sigmas)
    return huber / problem.sigma_px**2


def _cost(problem: BundleProblem, state: BundleState, lines: Linearised, config: BundleConfig) -> float:
    length, limit = _normalised(problem, lines), config.huber_sigmas
    corners = np.where(length <= limit, 0.5 * length**2, limit * (length - 0.5 * limit)).sum()
    prior = (problem.prior_residual(state) / problem.prior_sigma()) ** 2
    cost = float(corners + 0.5 * prior.sum())
    return cost if np.isfinite(cost) else np.inf


def _noise(
    problem: BundleProblem, lines: Linearised, weights: np.ndarray, spread: BundleCovariance, config: BundleConfig
) -> np.ndarray:
    """(c,) noise of each camera: its weighted squares over its redundancy."""
    camera, count = problem.camera, problem.num_cameras
    relative = weights * problem.sigma_px**2
    squares = np.bincount(
        camera, weights * problem.noise_px[camera] ** 2 * (lines.residuals_px**2).sum(axis=1), count
    )  # fmt: skip
    taken = weights * np.trace(spread.residual, axis1=1, axis2=2)
    redundancy = np.bincount(camera, 2 * relative - taken, count)
    if config.pooled_noise:
        squares, redundancy = np.full(count, squares.sum()), np.full(count, redundancy.sum())
    noise_px = np.sqrt(squares / np.maximum(redundancy, 1.0))
    return np.where(redundancy > 1, np.maximum(noise_px, config.least_noise_px), problem.noise_px)


def _lens_sigma(problem: BundleProblem, state: BundleState, spread: BundleCovariance, given: np.ndarray) -> np.ndarray:
    """(c, 12) how wide the priors of the lenses should be: one factor each for focal lengths, centres and distortion.

    The squared changes, in sigmas of what was given, over the number of them that the corners determine. A factor near
    one says no more than chance does, and is not applied.
    """
    posterior = np.stack([np.diagonal(spread.of_camera(index))[LENS] for index in range(problem.num_cameras)])
    sigma, changed = given.copy(), (state.lenses - problem.lens_prior) ** 2
    for columns in LENS_GROUPS:
        free = given[:, columns] > 0
        if not free.any():
            continue
        determined = np.clip(1 - posterior[:, columns][free] / problem.lens_sigma[:, columns][free] ** 2, 0, 1)
        squares = changed[:, columns][free] / given[:, columns][free] ** 2
        doubt = DOUBT * free.sum()
        factor = np.sqrt((squares.sum() + doubt) / (determined.sum() + doubt))
        if AS_GIVEN[0] < factor < AS_GIVEN[1]:
            continue
        sigma[:, columns] = given[:, columns] * np.clip(factor, *FACTORS)
    return sigma


def _outliers(
    problem: BundleProblem, lines: Linearised, spread: BundleCovariance, noise_px: np.ndarray, config: BundleConfig
) -> np.ndarray:
    """Indices of the corners to remove: the longest studentised residuals, not too many of any camera or board."""
    camera = problem.camera
    square = noise_px[camera] ** 2 + problem.motion_px[problem.view] ** 2
    floor = 0.1 * square
    own = square[:, None, None] * np.eye(2) - spread.residual
    own[:, [0, 1], [0, 1]] = np.maximum(own[:, [0, 1], [0, 1]], floor[:, None])
    own[:, 0, 1] = own[:, 1, 0] = np.clip(
        own[:, 0, 1], -0.9 * np.sqrt(own[:, 0, 0] * own[:, 1, 1]), 0.9 * np.sqrt(own[:, 0, 0] * own[:, 1, 1])
    )
    square = np.einsum("ni,nij,nj->n", lines.residuals_px, np.linalg.inv(own), lines.residuals_px)
    removed = []
    for index in range(problem.num_cameras):
        mine = np.flatnonzero((camera == index) & (square > config.outlier_sigmas**2))
        most = int(config.largest_outlier_share * (camera == index).sum())
        removed.append(mine[np.argsort(-square[mine], kind="stable")][:most])
    chosen = np.sort(np.concatenate(removed))
    # A board that lost nearly all of its corners would have no place at all.
    instant = problem.view_instant[problem.view]
    left = np.bincount(np.delete(instant, chosen), minlength=problem.num_instants)
    return chosen[left[instant[chosen]] >= LEAST_CORNERS]


def _undetermined() -> QualityError:
    return QualityError(
        "the corners do not determine where the cameras stand",
        why="too few views, or the board was always held the same way",
        todo="film the board nearer, tilted in all directions, and in view of two cameras at a time",
    )
