"""Clocks from what the cameras see: when their views of one scene move alike.

Of each camera the share of pixels whose depth changed from frame to frame is known through time. It rises and falls
with speed, which all views of a moving person have in common. How much of an image stands off the background does not
do: it depends on where somebody goes with respect to the camera, and its cross-correlation peaks far from the truth.
-n/2 log(1 - rho^2) is the Gaussian log-likelihood of a pair of clocks. Those of all pairs are climbed together. How
far windows of time disagree with the whole tells how sure that is (White 1982), because neither the model nor the
independence of pairs is more than an approximation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d

SLOW_S, FAST_S = 1.0, 0.06
NEAR_STEPS = 4.5
LEAST_FRAMES = 50
GRID_S = 0.02
WINDOW_S, LEAST_WINDOWS = 10.0, 2
UNKNOWN = 1e3
SYSTEMATIC_S = 0.003
STEP_S, STEP_PPM = 0.004, 8.0
LEAST_GRID = 400
MOST_STEPS, LARGEST_STEP, SMALLEST_STEP = 20, 10.0, 0.02
NULL_LAGS_S = tuple(7.0 + 2.3 * k for k in range(12))
NULL_SIGMAS, LEAST_NULLS = 6.0, 11


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """How fast all moves before a camera, (g,), standardised, on an even grid of its own time, and where frames are."""

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
        """Values (t,) at times (t,) of the own clock, and (t,) where frames were near."""
        index = np.rint((time_s - self.begin_s) / self.step_s).astype(np.int64)
        inside = (index >= 0) & (index < len(self.near))
        inside[inside] = self.near[index[inside]]
        values = self.spline(np.clip(time_s, self.begin_s, self.begin_s + self.step_s * (len(self.values) - 1)))
        return values, inside


def series_of(time_s: np.ndarray, moved: np.ndarray, interval_s: float) -> Series | None:
    """The series of a camera from its frames; None where nothing moves.

    A frame says how much changed since the one before it, so that it speaks of the time between them. Over longer
    steps, where frames are missing, it says nothing.

    Args:
        time_s: (k,) of the frames, increasing, s.
        moved: (k,) share of pixels that changed since the frame before; NaN where that is unknown.
        interval_s: the usual time between two frames.
    """
    steps_s = np.diff(time_s)
    good = (steps_s < 1.5 * interval_s) & (steps_s > 0.5 * interval_s) & np.isfinite(moved[1:])
    middle_s, share = ((time_s[1:] + time_s[:-1]) / 2)[good], moved[1:][good]
    if len(share) < LEAST_FRAMES or share.std() < 1e-6:
        return None
    grid_s = np.arange(middle_s[0], middle_s[-1], GRID_S)
    even = CubicSpline(middle_s, np.log1p(share / share.std()))(grid_s)
    after = np.clip(np.searchsorted(middle_s, grid_s), 1, len(middle_s) - 1)
    near = middle_s[after] - middle_s[after - 1] < NEAR_STEPS * interval_s
    even[~near] = np.interp(grid_s[~near], middle_s, np.log1p(share / share.std()))
    fast_s = max(FAST_S, interval_s / 2)
    even = gaussian_filter1d(even, fast_s / GRID_S) - gaussian_filter1d(even, max(SLOW_S, 6 * fast_s) / GRID_S)
    spread = float(even[near].std()) if near.any() else 0.0
    if spread < 1e-6:
        return None
    even = np.clip(even / spread, -6.0, 6.0)
    return Series(float(middle_s[0]), GRID_S, even, near, CubicSpline(grid_s, even))


def likelihood(one: np.ndarray, two: np.ndarray) -> tuple[float, float]:
    """-log(1 - rho^2) / 2 of two series (t,), (t,) and their correlation rho; 0 where it is not above 0."""
    one, two = one - one.mean(), two - two.mean()
    rho = float(np.clip(one @ two / np.sqrt((one @ one) * (two @ two) + 1e-12), 0.0, 0.9999))
    return -0.5 * float(np.log1p(-(rho**2))), rho


def coarse_lag(one: Series, two: Series, most_s: float, shortest_s: float) -> tuple[float, float]:
    """Own time of `two` minus own time of `one` at which they go together best, s, and the score of that peak.

    The score is the height over the second-best place more than a second away, in units of the spread of all places.
    """
    a, b = _known(one), _known(two)
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


def _known(series: Series) -> np.ndarray:
    return np.where(series.near, series.values - series.values[series.near].mean(), 0.0)


def moves_alike(one: Series, two: Series, lag_s: float) -> bool:
    """Whether two cameras see one scene move: at a lag their correlation stands out of that at lags that are false.

    The lag is the best of thousands, so that it must stand out by far.
    """

    def at(more_s: float) -> float:
        values, near = two.at(one.grid_s + lag_s + more_s)
        both = one.near & near
        return float(np.corrcoef(one.values[both], values[both])[0, 1]) if both.sum() > LEAST_GRID else np.nan

    false = np.array([at(sign * more_s) for more_s in NULL_LAGS_S for sign in (-1, 1)])
    false, here = false[np.isfinite(false)], at(0.0)
    return len(false) > LEAST_NULLS and bool(here > NULL_SIGMAS * np.sqrt(np.mean(false**2)) and here > false.max())


@dataclass(frozen=True, slots=True, eq=False)
class ContentFit:
    """Per camera, how its own time stands to the common one.

    common_s = own_s + offset_s + drift_ppm * 1e-6 * (own_s - reference_s).

    Args:
        names: the cameras that were linked, the first is the gauge.
        offset_s, drift_ppm: (c,) each.
        reference_s: (c,) own time at which the offset holds.
        covariance: (2c, 2c) of all offsets (s), then all drifts (ppm); 0 for the gauge.
        correlation: by pair, that of its series.
        jump_s: by camera, how much further than was taken out its own time ran ahead at each of its jumps.
        jump_sigma_s: by camera, standard deviations of those.
    """

    names: tuple[str, ...]
    offset_s: np.ndarray
    drift_ppm: np.ndarray
    reference_s: np.ndarray
    covariance: np.ndarray
    correlation: Mapping[tuple[str, str], float]
    jump_s: Mapping[str, tuple[float, ...]]
    jump_sigma_s: Mapping[str, tuple[float, ...]]


def fit_content(
    series: Mapping[str, Series],
    start_s: Mapping[str, float],
    jumps_s: Mapping[str, Sequence[float]] | None = None,
    *,
    drift: bool = True,
) -> ContentFit:
    """Climb the likelihoods of all pairs together.

    Args:
        series: of cameras that are linked.
        start_s: by camera, common minus own time to begin with, right within a fraction of a second.
        jumps_s: by camera, own times at which its clock jumped, whose sizes are estimated too.
        drift: whether rates are estimated too, or hold as they are.
    """
    names = tuple(series)
    count, free = len(names), len(names) - 1
    jumps = [(k, at_s) for k, n in enumerate(names) for at_s in (jumps_s or {}).get(n, ())]
    reference_s = np.array([(s.grid_s[0] + s.grid_s[-1]) / 2 for s in series.values()])
    start = np.array([start_s[n] for n in names])
    begin_s = min(series[n].grid_s[0] + start_s[n] for n in names)
    end_s = max(series[n].grid_s[-1] + start_s[n] for n in names)
    grid_s = np.arange(begin_s, end_s, GRID_S)
    effective = GRID_S / (2.0 * FAST_S)
    rates = range(count + 1, 2 * count) if drift else ()
    fitted = [*range(1, count), *rates, *range(2 * count, 2 * count + len(jumps))]
    scale = np.concatenate([np.full(count, STEP_S), np.full(count, STEP_PPM), np.full(len(jumps), STEP_S)])

    def whole(values: np.ndarray) -> np.ndarray:
        every = np.zeros(len(scale))
        every[fitted] = values * scale[fitted]
        return every

    def own_s(k: int, every: np.ndarray) -> np.ndarray:
        own = grid_s - start[k] - every[k]
        own = own - every[count + k] * 1e-6 * (own - reference_s[k])
        ahead = zip(every[2 * count :], jumps, strict=True)
        return own + sum(more * (own > at_s) for more, (j, at_s) in ahead if j == k)

    def read(values: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        every = whole(values)
        return {n: series[n].at(own_s(k, every)) for k, n in enumerate(names)}

    def cost(values: np.ndarray) -> float:
        seen, total = read(values), 0.0
        for one, two in combinations(names, 2):
            both = seen[one][1] & seen[two][1]
            if both.sum() > LEAST_GRID:
                total -= effective * both.sum() * likelihood(seen[one][0][both], seen[two][0][both])[0]
        return total

    def slopes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[tuple[str, str], float]]:
        seen, every = read(values), whole(values)
        designs, correlation = {}, {}
        for k, n in enumerate(names):
            own, design = own_s(k, every), np.zeros((len(grid_s), len(scale)))
            design[:, k], design[:, count + k] = 1.0, 1e-6 * (own - reference_s[k])
            for number, (j, at_s) in enumerate(jumps):
                design[:, 2 * count + number] = -1.0 * (own > at_s) * (j == k)
            designs[n] = design[:, fitted] * scale[fitted]
        for one, two in combinations(names, 2):
            both = seen[one][1] & seen[two][1]
            enough = both.sum() > LEAST_GRID
            correlation[one, two] = likelihood(seen[one][0][both], seen[two][0][both])[1] if enough else 0.0
        gains = [effective * rho / (1 - rho**2) for rho in correlation.values()]
        return *_slopes(seen, designs, gains), correlation

    found = np.zeros(len(fitted))
    least = cost(found)
    for _ in range(MOST_STEPS):
        slope, bend, _ = slopes(found)
        step = _inverse(bend) @ slope.sum(axis=0)
        step = step * min(1.0, LARGEST_STEP / max(float(np.abs(step).max()), 1e-9))
        while (there := cost(found + step)) >= least and np.abs(step).max() > SMALLEST_STEP:
            step = step / 2
        if np.abs(step).max() <= SMALLEST_STEP:
            break
        found, least = found + step, there
    slope, bend, correlation = slopes(found)
    every = whole(found)
    covariance = np.zeros((len(scale), len(scale)))
    covariance[np.ix_(fitted, fitted)] = _sandwich(slope, bend) * scale[fitted, None] * scale[fitted]
    covariance[1:count, 1:count] += SYSTEMATIC_S**2 * (np.eye(free) + 1.0)
    told = every[2 * count :], np.sqrt(np.diag(covariance)[2 * count :])
    jump_s, jump_sigma_s = (
        {n: tuple(float(value[m]) for m, (j, _) in enumerate(jumps) if j == k) for k, n in enumerate(names)}
        for value in told
    )
    return ContentFit(
        names, start + every[:count], every[count : 2 * count], reference_s, covariance[: 2 * count, : 2 * count],
        correlation, jump_s, jump_sigma_s,
    )  # fmt: skip


def _slopes(
    seen: Mapping[str, tuple[np.ndarray, np.ndarray]], designs: Mapping[str, np.ndarray], gains: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """How the correlations of all pairs rise with each parameter: in each window (w, p), and how they bend (p, p).

    The slope of a pair is that of x(t - d/2) y(t + d/2), which has no noise where both series are alike.

    Args:
        seen: by camera, its values (t,) on one grid, and where they are known.
        designs: by camera, (t, p): how a step of each parameter moves its time, s.
        gains: of each pair of cameras, what its correlation weighs.
    """
    count, size = next(iter(designs.values())).shape
    window = (np.arange(count) * GRID_S / WINDOW_S).astype(np.int64)
    slopes, bend = np.zeros((window[-1] + 1, size)), np.zeros((size, size))
    starts = np.flatnonzero(np.diff(window, prepend=-1))
    rates = {name: np.gradient(values, GRID_S) for name, (values, _) in seen.items()}
    for gain, (one, two) in zip(gains, combinations(seen, 2), strict=True):
        apart = (designs[one] - designs[two]) * (seen[one][1] & seen[two][1])[:, None]
        slope = gain / 2 * (seen[one][0] * rates[two] - rates[one] * seen[two][0])
        slopes += np.add.reduceat(slope[:, None] * apart, starts)
        bend += (gain * rates[one] * rates[two] * apart.T) @ apart
    return slopes, bend


def _inverse(bend: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(bend)
    return (vectors / np.maximum(values, 1e-3 * max(float(values.max()), 1e-6))) @ vectors.T


def _sandwich(slopes: np.ndarray, bend: np.ndarray) -> np.ndarray:
    """Covariance (p, p) of what maximises the correlations, from how much windows of time disagree (White 1982)."""
    slopes, size = slopes[np.abs(slopes).sum(axis=1) > 0], len(bend)
    if len(slopes) < LEAST_WINDOWS * size:
        return np.eye(size) * UNKNOWN**2
    inverse = _inverse(bend)
    return inverse @ (slopes.T @ slopes * (len(slopes) / (len(slopes) - size))) @ inverse
