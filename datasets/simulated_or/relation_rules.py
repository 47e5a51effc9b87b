"""The rules of docs/predicates.md: where each measured relation may begin, where it goes on, and what is beyond doubt.

Nothing here is shared with the scene graph: both read the same page, so that an error in one of them shows.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np

from ...reconstruction.state import OrientedBox, Zone
from .footprints import footprint_m, footprint_share, nearest_on_m, outside_m
from .measurements import Measurements

MINIMUM_S = {
    "close_to": 0.4, "touching": 0.5, "on": 0.5, "inside": 0.5, "lying_on": 2.0, "facing": 0.5, "approaching": 0.5,
    "inside_zone": 0.3,
}  # fmt: skip
EVENT_S = 1.0
HANDED_WITHIN_S = 2.0

APPROACH_WINDOW_S = 0.2

Limit = tuple[float, float]
"""Where a measure enters, and beyond what it exits."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The thresholds of the page, (enters, exits) of each measure."""

    close_m: Limit = (0.40, 0.55)
    touching_m: Limit = (0.03, 0.06)
    bottom_m: Limit = (0.10, 0.15)
    footprint_share: Limit = (0.5, 0.4)
    inside_share: Limit = (0.9, 0.7)
    level_rad: Limit = (np.pi / 6, np.pi / 4)
    lying_m: Limit = (0.06, 0.10)
    bearing_rad: Limit = (np.pi / 6, np.pi / 4)
    facing_m: Limit = (2.0, 2.5)
    upright_rad: Limit = (np.pi / 4, np.pi / 4)
    approach_m_s: Limit = (0.30, 0.15)
    approaching_m: Limit = (3.0, 3.5)
    zone_outside_m: Limit = (0.0, 0.10)

    def scaled(self, factor: float) -> Limits:
        """All of them times a factor: the relations of another page, which differs by its numbers alone."""
        return Limits(*((factor * enters, factor * exits) for enters, exits in astuple(self)))


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What the measures of a pair say at each instant, (t,) bool each.

    Args:
        enter, stay: whether the relation may begin there, and whether it goes on where it holds.
        surely_stays, may_enter: the same if the two stood as far elsewhere as they may: it goes on all the same, and it
            could begin.
    """

    enter: np.ndarray
    stay: np.ndarray
    surely_stays: np.ndarray
    may_enter: np.ndarray

    def __or__(self, other: Verdict) -> Verdict:
        return Verdict(
            self.enter | other.enter, self.stay | other.stay, self.surely_stays | other.surely_stays,
            self.may_enter | other.may_enter,
        )  # fmt: skip

    def __and__(self, other: Verdict) -> Verdict:
        return Verdict(
            self.enter & other.enter, self.stay & other.stay, self.surely_stays & other.surely_stays,
            self.may_enter & other.may_enter,
        )  # fmt: skip


def at_most(value: np.ndarray, limits: Limit, play: np.ndarray | float = 0.0) -> Verdict:
    """A measure (t,) that enters at or below the first limit and exits above the second, and may be off by `play`."""
    enter, leave = limits
    return Verdict(value <= enter, value <= leave, value + play <= leave, value - play <= enter)


def at_least(value: np.ndarray, limits: Limit, play: np.ndarray | float = 0.0) -> Verdict:
    """The same for a measure that enters at or above its first limit."""
    return at_most(-value, (-limits[0], -limits[1]), play)


def near(measured: Measurements, limits_m: Limit, i: int, j: int, reach_m: np.ndarray) -> Verdict:
    """close_to and touching: of thing i and a thing or fixture j, who may be `reach_m` (t,) elsewhere."""
    return at_most(_gap_m(measured, i, j), limits_m, reach_m)


def on(measured: Measurements, limits: Limits, i: int, box: OrientedBox, reach_m: np.ndarray) -> Verdict:
    """Resting on a fixture's box."""
    bottom_m = np.abs(measured.low_m[:, i, 2] - np.float32(box.corners_m()[:, 2].max()))
    return at_most(bottom_m, limits.bottom_m, reach_m) & _over(measured, limits, i, box, reach_m)


def inside(measured: Measurements, limits: Limits, i: int, j: int, reach_m: np.ndarray) -> Verdict:
    """In the box of a fixture or tray j."""
    size_m = np.maximum(measured.high_m[:, i] - measured.low_m[:, i], 1e-3)
    with np.errstate(invalid="ignore"):
        play = np.where(reach_m > 0, reach_m * (1.0 / size_m).sum(axis=1), 0.0)
        verdict = at_least(measured.inside_share[:, i, j], limits.inside_share, play)
        touches = _gap_m(measured, i, j) - reach_m <= 0.0
    return Verdict(verdict.enter, verdict.stay, verdict.surely_stays, verdict.may_enter & touches)


def lying_on(measured: Measurements, limits: Limits, i: int, number: int, reach_m: np.ndarray) -> Verdict:
    """Lying on fixture `number`; the trunk of somebody unseen is taken to stay as it is."""
    level = at_most(np.abs(measured.trunk_rad[:, i]), limits.level_rad)
    touches = at_most(_gap_m(measured, i, len(measured.names) + number), limits.lying_m, reach_m)
    return level & touches & _over(measured, limits, i, measured.fixtures[number].box, reach_m)


def facing(
    measured: Measurements, limits: Limits, i: int, point_m: np.ndarray, reach_m: np.ndarray, is_seen: np.ndarray
) -> Verdict:
    """Facing a point (t, 2), NaN where there is no bearing; `is_seen` (t,) tells whether thing i is seen.

    An unseen person may turn, so that only what is far is sure; a seen one is upright or not.
    """
    away, away_m = _away(measured, i, point_m)
    with np.errstate(invalid="ignore"):
        bearing = np.arccos(np.clip(np.einsum("tc,tc->t", measured.front[:, i], away), -1.0, 1.0))
        upright = measured.trunk_rad[:, i] >= limits.upright_rad[0]
        aims = at_most(bearing, limits.bearing_rad)
        within = at_most(away_m, limits.facing_m, reach_m)
    return Verdict(
        upright & aims.enter & within.enter, upright & aims.stay & within.stay, np.zeros_like(upright),
        within.may_enter & (upright | ~is_seen),
    )  # fmt: skip


def approaching(
    measured: Measurements, limits: Limits, i: int, point_m: np.ndarray, reach_m: np.ndarray, is_seen: np.ndarray
) -> Verdict:
    """Coming nearer to a point (t, 2) by one's own motion, which is known of whom somebody sees."""
    away, away_m = _away(measured, i, point_m)
    velocity = velocity_m_s(measured.place_m[:, i], measured.step_s)
    speed_m_s = np.einsum("tc,tc->t", velocity, away)
    fast = np.linalg.norm(velocity, axis=1) >= limits.approach_m_s[0]
    with np.errstate(invalid="ignore"):
        comes = at_least(speed_m_s, limits.approach_m_s)
        within = at_most(away_m, limits.approaching_m, reach_m)
    return Verdict(
        comes.enter & within.enter, comes.stay & within.stay, np.zeros_like(fast), within.may_enter & (fast | ~is_seen)
    )


def inside_zone(measured: Measurements, limits: Limits, i: int, zone: Zone, reach_m: np.ndarray) -> Verdict:
    """The centre in a zone."""
    center_m = (measured.low_m[:, i] + measured.high_m[:, i]) / 2
    return at_most(outside_m(center_m, zone), limits.zone_outside_m, reach_m)


def point_m(measured: Measurements, i: int, j: int) -> np.ndarray:
    """(t, 2) the point of a person or fixture j for somebody i; NaN where she stands on its footprint."""
    num_things = len(measured.names)
    if j < num_things:
        return measured.place_m[:, j]
    return nearest_on_m(footprint_m(measured.fixtures[j - num_things].box), measured.place_m[:, i])


def velocity_m_s(place_m: np.ndarray, step_s: float) -> np.ndarray:
    """(t, 2) mean velocity of a place over 0.2 s before and after each instant, cut where it is not there (NaN)."""
    there = np.flatnonzero(np.isfinite(place_m[:, 0]))
    velocity = np.full(place_m.shape, np.nan)
    if not len(there):
        return velocity
    window = max(1, round(APPROACH_WINDOW_S / step_s))
    before, after = np.maximum(there - window, there[0]), np.minimum(there + window, there[-1])
    way_m = place_m[after].astype(np.float64) - place_m[before]
    velocity[there] = way_m / np.maximum((after - before) * step_s, 1e-9)[:, None]
    return velocity


def _gap_m(measured: Measurements, i: int, j: int) -> np.ndarray:
    return measured.gap_m[:, min(i, j), max(i, j)]


def _over(measured: Measurements, limits: Limits, i: int, box: OrientedBox, reach_m: np.ndarray) -> Verdict:
    """Enough of a thing's footprint over that of a box; it changes by 1 / dx + 1 / dy per metre at most."""
    low_m, high_m = measured.low_m[:, i, :2], measured.high_m[:, i, :2]
    share = footprint_share(low_m, high_m, footprint_m(box))
    with np.errstate(invalid="ignore"):
        play = np.where(reach_m > 0, reach_m * (1.0 / np.maximum(high_m - low_m, 1e-3)).sum(axis=1), 0.0)
        return at_least(share, limits.footprint_share, play)


def _away(measured: Measurements, i: int, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(t, 2) direction on the floor from somebody's place to a point, and (t,) how far it is; NaN where none is."""
    way_m = point.astype(np.float64) - measured.place_m[:, i]
    away_m = np.linalg.norm(way_m, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(away_m[:, None] > 0, way_m / away_m[:, None], np.nan), np.where(away_m > 0, away_m, np.nan)
