"""The lower envelope of delays: the line, or the chain of lines, under which no frame arrived.

A host stamp is late by the way from the camera and by what waits on it; nothing is ever early. So the true line lies
under all points (device time, host minus device), and the edge of their lower convex hull above which the points lie
lowest in sum is its maximum-likelihood estimate for exponential waits (Moon, Skelly and Towsley 1999). Where the rate
changes with temperature, the same likelihood with knots is a linear program, and more knots must earn their place.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import linprog

KNOT_COUNTS = (3, 4, 6, 9)
SHORTEST_SPAN_S = 60.0
WORTH = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Envelope:
    """A chain of lines under all delays.

    Args:
        at_s: (k,) times of its knots, s.
        late_ns: (k,) its height there, ns.
        wait_ns: mean height of the points above it (their median over ln 2, which stalls do not move).
        num_points: how many points it was fitted to.
    """

    at_s: np.ndarray
    late_ns: np.ndarray
    wait_ns: float
    num_points: int

    def height_ns(self, at_s: np.ndarray) -> np.ndarray:
        """Its height at times (t,), ns; outside the knots the first and last line go on."""
        inner = np.clip(np.searchsorted(self.at_s, at_s, side="right") - 1, 0, len(self.at_s) - 2)
        slope = np.diff(self.late_ns) / np.diff(self.at_s)
        return self.late_ns[inner] + slope[inner] * (at_s - self.at_s[inner])


def fit_envelope(at_s: np.ndarray, late_ns: np.ndarray, *, knots: bool = True) -> Envelope:
    """The envelope of points: times (t,) s, increasing, at least two, and delays (t,) ns as small numbers."""
    span_s = float(at_s[-1] - at_s[0])
    low_s, low_ns = _lowest(at_s, late_ns)
    best = _scored(np.array([at_s[0], at_s[-1]]), at_s, late_ns, low_s, low_ns)
    for count in KNOT_COUNTS if knots else ():
        if span_s / (count - 1) < SHORTEST_SPAN_S:
            break
        tried = _scored(np.linspace(at_s[0], at_s[-1], count), at_s, late_ns, low_s, low_ns)
        gain = len(at_s) * np.log(max(best.wait_ns, 1.0) / max(tried.wait_ns, 1.0))
        if gain > WORTH * (count - len(best.at_s)) * np.log(len(at_s)):
            best = tried
    return best


def _lowest(at_s: np.ndarray, late_ns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The points on the lower hulls of short stretches; no other can touch a line that spans a stretch."""
    stretch = ((at_s - at_s[0]) / 5.0).astype(np.int64)
    keep = [first + _hull(at_s[first:stop], late_ns[first:stop]) for first, stop in _runs(stretch)]
    points = np.concatenate(keep)
    return at_s[points], late_ns[points]


def _runs(labels: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(labels)) + 1
    bounds = [0, *edges.tolist(), len(labels)]
    return list(pairwise(bounds))


def _hull(at_s: np.ndarray, late_ns: np.ndarray) -> np.ndarray:
    hull: list[int] = []
    for point in range(len(at_s)):
        while len(hull) > 1 and (late_ns[hull[-1]] - late_ns[hull[-2]]) * (at_s[point] - at_s[hull[-2]]) >= (
            late_ns[point] - late_ns[hull[-2]]
        ) * (at_s[hull[-1]] - at_s[hull[-2]]):
            hull.pop()
        hull.append(point)
    return np.array(hull, dtype=np.int64)


def _scored(
    knot_s: np.ndarray, at_s: np.ndarray, late_ns: np.ndarray, low_s: np.ndarray, low_ns: np.ndarray
) -> Envelope:
    """The chain with these knots that lies highest in sum without passing over a point."""
    scale_ns = max(float(np.ptp(low_ns)), 1.0)
    base_ns = float(low_ns.min())
    rows, total = _hats(knot_s, low_s), _hats(knot_s, at_s).sum(axis=0)
    solved = linprog(
        -total, A_ub=rows, b_ub=(low_ns - base_ns) / scale_ns, bounds=(-1e3, 1e3), method="highs"
    )  # fmt: skip
    height_ns = base_ns + scale_ns * np.asarray(solved.x) if solved.success else np.full(len(knot_s), base_ns)
    above_ns = late_ns - np.interp(at_s, knot_s, height_ns)
    return Envelope(knot_s, height_ns, float(np.median(above_ns)) / np.log(2.0), len(at_s))


def _hats(knot_s: np.ndarray, at_s: np.ndarray) -> np.ndarray:
    """(t, k) share of each knot in the height of a chain at times (t,)."""
    inner = np.clip(np.searchsorted(knot_s, at_s, side="right") - 1, 0, len(knot_s) - 2)
    share = (at_s - knot_s[inner]) / (knot_s[inner + 1] - knot_s[inner])
    rows = np.zeros((len(at_s), len(knot_s)))
    row = np.arange(len(at_s))
    rows[row, inner], rows[row, inner + 1] = 1.0 - share, share
    return rows
