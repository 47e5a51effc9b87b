"""How right the measured surfaces of people are, instant by instant: from points of theirs to the true surface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .rows import MeshReader
from .surfaces import distances_m, raycasting_scene, sample_surface
from .truth import Truth

NEAR_M = 0.020
DEMAND_M = 0.012
NUM_SAMPLES = 3000
MOST_INSTANTS = 40


@dataclass(frozen=True, slots=True)
class SurfaceGroup:
    """Some surfaces: how many, median and 90th percentile of their medians (mm), and the mean share near."""

    num_surfaces: int
    median_mm: float
    p90_mm: float
    near_share: float


@dataclass(frozen=True, slots=True)
class MovingSurfaceScores:
    """Measured surfaces of people against truth, at up to 40 instants evenly spread.

    Every surface gives the median distance of its points, even over its area, to the true surface of the same person
    (clothes and all) at its own time, between true instants by a blend of the two.

    Args:
        median_mm: median over surfaces of that median.
        p90_mm: and its 90th percentile.
        near_share: mean share in [0, 1] of points within 20 mm.
        good_share: share of surfaces whose median is at most 12 mm.
        covered_share: mean share of the true surface that has a measured point within 20 mm; what no camera saw counts
            as not covered.
        num_surfaces: surfaces compared.
        people: by true person.
        in_step: the same of all, had the twin's clocks not all been late together: a way from camera to host that no
            stamp tells makes everything that walks lie behind; None where it is not known.
    """

    median_mm: float
    p90_mm: float
    near_share: float
    good_share: float
    covered_share: float
    num_surfaces: int
    people: Mapping[str, SurfaceGroup]
    in_step: SurfaceGroup | None = None


def score_moving_surfaces(
    surfaces: MeshReader, times_ns: np.ndarray, truth: Truth, names: Mapping[str, str], late_ns: int | None = None
) -> MovingSurfaceScores | None:
    """Score surfaces; None where the truth has no surfaces of people, or nobody has both.

    Args:
        surfaces: the twin's.
        times_ns: (t,) its instants.
        truth: what is true.
        names: true person by the twin's identity.
        late_ns: how late all clocks of the twin are together, or None.
    """
    rows, in_step = [], []
    for at in np.unique(np.linspace(0, len(times_ns) - 1, min(MOST_INSTANTS, len(times_ns))).round().astype(int)):
        for identity, person in names.items():
            time_ns = int(times_ns[at])
            ours = surfaces(identity, time_ns)
            if ours is None:
                continue
            points_m = sample_surface(*ours, NUM_SAMPLES)
            true = body_between(truth, person, time_ns)
            if true is not None:
                back_m = distances_m(raycasting_scene([ours]), sample_surface(*true, NUM_SAMPLES))
                rows.append((person, *_apart(points_m, true), float((back_m <= NEAR_M).mean())))
            then = None if late_ns is None else body_between(truth, person, time_ns - late_ns)
            if then is not None:
                in_step.append(_apart(points_m, then))
    if not rows:
        return None
    owner = np.array([row[0] for row in rows], dtype=object)
    median_m, near, covered = np.array([row[1:] for row in rows]).T
    return MovingSurfaceScores(
        1000 * float(np.median(median_m)), 1000 * float(np.quantile(median_m, 0.9)), float(near.mean()),
        float((median_m <= DEMAND_M).mean()), float(covered.mean()), len(rows),
        {str(person): _together(median_m[owner == person], near[owner == person]) for person in sorted(set(owner))},
        _together(*np.array(in_step).T) if in_step else None,
    )  # fmt: skip


def _apart(points_m: np.ndarray, true: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
    """Median distance of points (n, 3) from a surface, metres, and the share of them within 20 mm."""
    away_m = distances_m(raycasting_scene([true]), points_m)
    return float(np.median(away_m)), float((away_m <= NEAR_M).mean())


def _together(median_m: np.ndarray, near: np.ndarray) -> SurfaceGroup:
    return SurfaceGroup(
        len(median_m), 1000 * float(np.median(median_m)), 1000 * float(np.quantile(median_m, 0.9)), float(near.mean())
    )


def body_between(truth: Truth, person_id: str, time_ns: int) -> tuple[np.ndarray, np.ndarray] | None:
    """A person's true surface at any time: a blend of the two instants around it; None outside of what is recorded."""
    times_ns = truth.times_ns
    after = int(np.searchsorted(times_ns, time_ns))
    if after == len(times_ns):
        return None
    last = truth.body(person_id, after)
    if times_ns[after] == time_ns or last is None:
        return last if times_ns[after] == time_ns else None
    first = truth.body(person_id, after - 1) if after else None
    if first is None or first[0].shape != last[0].shape:
        return None
    share = float(time_ns - times_ns[after - 1]) / float(times_ns[after] - times_ns[after - 1])
    return first[0] + share * (last[0] - first[0]), last[1]
