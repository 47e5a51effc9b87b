"""Clocks from what the cameras see: when their views of one scene move alike.

Of each camera the foreground of some parts of its image is known through time. For two cameras the linear combinations
that go together best are their canonical correlations (Hotelling 1936), and -n/2 log(1 - rho^2), summed, is the
Gaussian log-likelihood of a pair of clocks. It is maximal where the clocks are right, far more sharply than the
cross-correlation of one sum per camera, and between the frames, since the series are interpolated at the times of a
common grid. The likelihoods of all pairs are climbed together; their curvature is the information.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import minimize

SLOW_S, FAST_S = 3.0, 0.12
BLANK_S = 0.45
RIDGE = 1e-3
STEP_S, STEP_PPM = 0.004, 8.0
NULL_LAGS_S = tuple(7.0 + 2.3 * k for k in range(12))
NULL_SIGMAS = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The foreground of a camera on an even grid of its own clock: standardised parts, where frames were near."""

    begin_s: float
    step_s: float
    values: np.ndarray
    near: np.ndarray
    spline: CubicSpline

    @property
    def grid_s(self) -> np.ndarray:
        """(g,) times of the grid."""
        return self.begin_s + self.step_s * np.arange(len(self.values))

    def at(self, time_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Parts (t, b) at times (t,) of the own clock, and (t,) where frames were near."""
        index = np.rint((time_s - self.begin_s) / self.step_s).astype(np.int64)
        inside = (index >= 0) & (index < len(self.near))
        inside[inside] = self.near[index[inside]]
        values = self.spline(np.clip(time_s, self.begin_s, self.begin_s + self.step_s * (len(self.values) - 1)))
        return values, inside


def series_of(time_s: np.ndarray, blocks: np.ndarray, step_s: float) -> Series | None:
    """The series of a camera from its frames: times (k,) s, increasing, and parts (k, b); None where nothing moves."""
    if len(time_s) < 50:
        return None
    grid_s = np.arange(time_s[0], time_s[-1], step_s)
    roots = np.sqrt(np.maximum(blocks, 0.0))  # the edge of what moves counts, not its area
    even = CubicSpline(time_s, roots)(grid_s)
    after = np.clip(np.searchsorted(time_s, grid_s), 1, len(time_s) - 1)
    near = time_s[after] - time_s[after - 1] < BLANK_S
    even[~near] = np.stack([np.interp(grid_s[~near], time_s, column) for column in roots.T], axis=1)
    even = gaussian_filter1d(even, FAST_S / step_s, axis=0) - gaussian_filter1d(even, SLOW_S / step_s, axis=0)
    spread = even[near].std(axis=0) if near.any() else np.zeros(even.shape[1])
    moving = spread > max(1e-4, 0.02 * float(spread.max()))
    if not moving.any():
        return None
    even = np.clip(even[:, moving] / spread[moving], -6.0, 6.0)
    return Series(float(time_s[0]), step_s, even, near, CubicSpline(grid_s, even))


def likelihood(one: np.ndarray, two: np.ndarray) -> tuple[float, float]:
    """Sum of -log(1 - rho^2) / 2 of two blocks of series (t, b), (t, c), and the largest rho."""
    one, two = one - one.mean(axis=0), two - two.mean(axis=0)
    count = len(one)
    first = np.linalg.cholesky(one.T @ one / count + RIDGE * np.eye(one.shape[1]))
    second = np.linalg.cholesky(two.T @ two / count + RIDGE * np.eye(two.shape[1]))
    cross = np.linalg.solve(second, np.linalg.solve(first, one.T @ two / count).T)
    rho = np.clip(np.linalg.svd(cross, compute_uv=False), 0.0, 0.9999)
    return float(-0.5 * np.log1p(-(rho**2)).sum()), float(rho[0])


def coarse_lag(one: Series, two: Series, most_s: float, shortest_s: float) -> tuple[float, float]:
    """Own time of `two` minus own time of `one` at which their sums go together best, s, and the score of that peak.

    The score is the height over the second-best place more than a second away, in units of the spread of all places.
    """
    a, b = _sum(one), _sum(two)
    size = 1 << int(np.ceil(np.log2(len(a) + len(b))))
    ones_a, ones_b = one.near.astype(float), two.near.astype(float)

    def cross(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.fft.irfft(np.conj(np.fft.rfft(x, size)) * np.fft.rfft(y, size), size)

    both = np.maximum(cross(ones_a, ones_b), 0)
    power = np.sqrt(np.maximum(cross(a**2, ones_b) * cross(ones_a, b**2), 1e-9))
    lag = np.fft.fftfreq(size, 1.0 / size)
    lag_s = lag * one.step_s + two.begin_s - one.begin_s
    good = (both * one.step_s > shortest_s) & (np.abs(lag_s - (two.begin_s - one.begin_s)) < most_s)
    if not good.any():
        return 0.0, 0.0
    score = np.where(good, cross(a, b) / power * np.sqrt(both), -np.inf)
    best = int(np.argmax(score))
    spread = float(np.std(score[good])) + 1e-12
    return float(lag_s[best]), float(score[best]) / spread


def _sum(series: Series) -> np.ndarray:
    total = series.values.sum(axis=1)
    return np.where(series.near, total - total[series.near].mean(), 0.0)


def moves_alike(one: Series, two: Series, lag_s: float) -> bool:
    """Whether two cameras see one scene move: at a lag their likelihood stands out of that at lags that are false."""

    def at(more_s: float) -> float:
        values, near = two.at(one.grid_s + lag_s + more_s)
        both = one.near & near
        return likelihood(one.values[both], values[both])[0] * both.sum() if both.sum() > 200 else np.nan

    false = np.array([at(sign * more_s) for more_s in NULL_LAGS_S for sign in (-1, 1)])
    false, here = false[np.isfinite(false)], at(0.0)
    return len(false) > 3 and bool(here > false.mean() + NULL_SIGMAS * false.std() and here > false.max())


@dataclass(frozen=True, slots=True, eq=False)
class ContentFit:
    """Per camera, how its own time stands to the common one.

    common_s = own_s + offset_s + drift_ppm * 1e-6 * (own_s - reference_s).

    Args:
        names: the cameras that were linked, the first is the gauge.
        offset_s, drift_ppm: (c,) each.
        reference_s: (c,) own time at which the offset holds.
        covariance: (2c, 2c) of all offsets (s), then all drifts (ppm); 0 for the gauge.
        correlation: by pair, its largest canonical correlation.
    """

    names: tuple[str, ...]
    offset_s: np.ndarray
    drift_ppm: np.ndarray
    reference_s: np.ndarray
    covariance: np.ndarray
    correlation: Mapping[tuple[str, str], float]


def fit_content(series: Mapping[str, Series], start_s: Mapping[str, float], *, drift: bool = True) -> ContentFit:
    """Climb the likelihoods of all pairs together.

    Args:
        series: of cameras that are linked.
        start_s: by camera, common minus own time to begin with, right within a fraction of a second.
        drift: whether rates are estimated too, or hold as they are.
    """
    names = tuple(series)
    free = len(names) - 1
    middle = {n: (s.grid_s[0] + s.grid_s[-1]) / 2 for n, s in series.items()}
    reference_s = np.array([middle[n] for n in names])
    start = np.array([start_s[n] for n in names])
    first = series[names[0]]
    begin_s = min(series[n].grid_s[0] + start_s[n] for n in names)
    end_s = max(series[n].grid_s[-1] + start_s[n] for n in names)
    grid_s = np.arange(begin_s, end_s, first.step_s)
    effective = first.step_s / (2.0 * FAST_S)

    def read(values: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        offset_s = start + np.concatenate([[0.0], values[:free]]) * STEP_S
        ppm = np.concatenate([[0.0], values[free:] * STEP_PPM]) if drift else np.zeros(len(names))
        return {
            n: series[n].at(grid_s - offset_s[k] - ppm[k] * 1e-6 * (grid_s - offset_s[k] - reference_s[k]))
            for k, n in enumerate(names)
        }

    def cost(values: np.ndarray, pairs: Sequence[tuple[str, str]] | None = None) -> float:
        seen, total = read(values), 0.0
        for one, two in pairs or combinations(names, 2):
            both = seen[one][1] & seen[two][1]
            if both.sum() > 200:
                total -= effective * both.sum() * likelihood(seen[one][0][both], seen[two][0][both])[0]
        return total

    size = free * (2 if drift else 1)
    found = minimize(cost, np.zeros(size), method="BFGS", options={"eps": 0.05, "gtol": 0.5, "maxiter": 25}).x
    information = _curvature(cost, found)
    covariance = _covariance(information, len(names), free, drift=drift)
    seen = read(found)
    correlation = {}
    for one, two in combinations(names, 2):
        both = seen[one][1] & seen[two][1]
        correlation[one, two] = likelihood(seen[one][0][both], seen[two][0][both])[1] if both.sum() > 200 else 0.0
    drift_ppm = np.concatenate([[0.0], found[free:] * STEP_PPM]) if drift else np.zeros(len(names))
    offset_s = start + np.concatenate([[0.0], found[:free]]) * STEP_S
    return ContentFit(names, offset_s, drift_ppm, reference_s, covariance, correlation)


def _curvature(cost: Callable[[np.ndarray], float], at: np.ndarray, step: float = 0.5) -> np.ndarray:
    """Second differences of a function of (p,) at a point."""
    size, unit = len(at), np.eye(len(at)) * step
    matrix, middle = np.zeros((size, size)), cost(at)
    plus, minus = [cost(at + unit[i]) for i in range(size)], [cost(at - unit[i]) for i in range(size)]
    for i in range(size):
        matrix[i, i] = (plus[i] + minus[i] - 2 * middle) / step**2
        for k in range(i):
            both = cost(at + unit[i] + unit[k])
            matrix[i, k] = matrix[k, i] = (both - plus[i] - plus[k] + middle) / step**2
    return matrix


def _covariance(information: np.ndarray, num: int, free: int, *, drift: bool) -> np.ndarray:
    """Of offsets (s) and drifts (ppm). Pairs share their cameras, so that each camera counts twice: hence the 2."""
    values, vectors = np.linalg.eigh((information + information.T) / 2)
    inverse = 2.0 * (vectors / np.maximum(values, 1e-6)) @ vectors.T
    scale = np.concatenate([np.full(free, STEP_S), np.full(free if drift else 0, STEP_PPM)])
    rows = [*range(1, num), *(range(num + 1, 2 * num) if drift else ())]
    covariance = np.zeros((2 * num, 2 * num))
    covariance[np.ix_(rows, rows)] = inverse * scale[:, None] * scale[None, :]
    return covariance
