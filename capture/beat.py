"""What a camera's beat tells of a jump of its clock: who runs on exposes on the beat, whatever the clock says.

A free-running camera exposes at even steps of its oscillator. When its clock is set anew (or frames are lost) the
exposures keep that beat, so that the size of the jump is known but for whole steps. Content tells which one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NUM_FRAMES, LEAST_FRAMES = 60, 8
#: A camera whose exposures scatter about the beat by more than this share of it keeps none.
MOST_SCATTER = 0.02


@dataclass(frozen=True, slots=True)
class Beat:
    """Sizes that a jump can have: `size_s` + k * `step_s` for whole k.

    Args:
        step_s: time between exposures.
        size_s: one of the sizes by which later frames may be later than they seem, s.
        sigma_s: standard deviation of it.
    """

    step_s: float
    size_s: float
    sigma_s: float

    def nearest_s(self, size_s: float) -> float:
        """The possible size that is nearest to one that content tells."""
        return self.size_s + self.step_s * round((size_s - self.size_s) / self.step_s)


def beat_at(seconds: np.ndarray, at_s: float) -> Beat | None:
    """The beat of a camera across a break: one step and two phases, by least squares over frames on both sides.

    Args:
        seconds: (k,) increasing times of its frames as its clock tells them, which may jump at the break.
        at_s: a time within the break.

    Returns:
        None where there are too few frames, or they keep no beat.
    """
    middle = int(np.searchsorted(seconds, at_s))
    before, after = seconds[max(middle - NUM_FRAMES, 0) : middle], seconds[middle : middle + NUM_FRAMES]
    if min(len(before), len(after)) < LEAST_FRAMES:
        return None
    step_s = float(np.median(np.concatenate([np.diff(before), np.diff(after)])))
    ticks = np.concatenate([np.rint((before - before[-1]) / step_s), np.rint((after - after[0]) / step_s)])
    later = np.arange(len(ticks)) >= len(before)
    design = np.column_stack([ticks, np.ones(len(ticks)), later])
    values = np.concatenate([before, after]) - before[-1]
    found = np.linalg.lstsq(design, values, rcond=None)[0]
    off_s = values - design @ found
    scatter_s = float(np.sqrt((off_s**2).sum() / (len(ticks) - 3)))
    step_s, _, apart_s = found.tolist()
    if scatter_s > MOST_SCATTER * step_s:
        return None
    variance = np.linalg.inv(design.T @ design)[2, 2] * scatter_s**2
    return Beat(step_s, step_s - apart_s, float(np.sqrt(variance)))
