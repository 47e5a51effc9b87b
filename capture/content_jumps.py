"""Was it a gap or did the clock jump? What other cameras saw meanwhile tells."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .content_clock import FAST_S, Series, likelihood

WINDOW_S = 90.0
GRID_S = 0.04
LEAST_JUMP_S = 0.08
LEAST_GAIN = 30.0
LEAST_SHARE = 0.25
AROUND_S, FALSE_S = 1.0, 0.3


def jump_at(
    camera_id: str,
    at_s: float,
    bounds_s: tuple[float, float],
    series: Mapping[str, Series],
    start_s: Mapping[str, float],
    *,
    broken: bool = False,
) -> tuple[float, float] | None:
    """By how much a camera's clock jumped at a moment, and how sure that is; None where it did not, or nobody knows.

    The likelihood of a jump of any size is compared with that of none; beforehand the clocks may be right before the
    moment, after it, or, about another jump, on neither side.

    Args:
        camera_id: whose clock.
        at_s: when, on its own clock: the last moment before the silence.
        bounds_s: the least and the largest jump to try, s; a jump forward is shorter than the silence.
        series: of all cameras that are linked to it, itself included.
        start_s: by camera, common minus own time.
        broken: the clock is known to have jumped, and the question is only how far; no change is an answer then.

    Returns:
        The jump, s, and its gain of log-likelihood.
    """
    others = [name for name in series if name != camera_id]
    sizes = np.arange(bounds_s[0], bounds_s[1], GRID_S)
    before = np.array([_gain(camera_id, at_s, size, 0.0, series, start_s, others) for size in sizes])
    after = np.array([_gain(camera_id, at_s, size, -size, series, start_s, others) for size in sizes])
    shifts = np.concatenate([[0.0], sizes, -sizes])
    none = max(_gain(camera_id, at_s, 0.0, shift, series, start_s, others) for shift in shifts)
    best = np.maximum(before, after)
    k = int(np.argmax(best))
    if broken:
        none = float(np.median(best[np.abs(sizes - sizes[k]) > FALSE_S]))
    elif abs(sizes[k]) < LEAST_JUMP_S:
        return None
    if best[k] - none < max(LEAST_GAIN, LEAST_SHARE * best[k]):
        return None
    return float(sizes[k]), float(best[k] - none)


def _gain(
    camera_id: str, at_s: float, size_s: float, shift_s: float, series: Mapping[str, Series],
    start_s: Mapping[str, float], others: list[str], window_s: float = WINDOW_S,
) -> float:  # fmt: skip
    """Log-likelihood about a moment if the own clock ran ahead by `size_s` from it on, and by `shift_s` all along."""
    own = series[camera_id]
    true_s = np.arange(at_s - window_s, at_s + window_s, own.step_s)
    values, near = own.at(true_s + shift_s + np.where(true_s > at_s, size_s, 0.0))
    near = near & (np.abs(true_s - at_s) > AROUND_S)
    total = 0.0
    for other in others:
        seen, there = series[other].at(true_s + start_s[camera_id] - start_s[other])
        both = near & there
        if both.sum() > 200:
            total += both.sum() * own.step_s / (2 * FAST_S) * likelihood(values[both], seen[both])[0]
    return total
