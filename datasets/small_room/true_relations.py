"""The relations of a simulated scene, from its exact shapes, as docs/predicates.md defines them.

Nothing here is shared with the scene graph: both read the same page, so that an error in one of them shows.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...evaluation.truth import RelationTruth
from ...reconstruction.state import Fixture, OrientedBox, Zone
from .room import box_solid
from .solids import Solids, gap_m

#: predicate: (enters at or below, exits above, minimum seconds)
GAP_PREDICATES = {"close_to": (0.40, 0.55, 0.4), "touching": (0.03, 0.06, 0.5)}
ON_BOTTOM_M, ON_SHARE, ON_MINIMUM_S = (0.10, 0.15), (0.5, 0.4), 0.5
ZONE_OUTSIDE_M, ZONE_MINIMUM_S = (0.0, 0.10), 0.3
EVENT_S = 1.0
FAR_M = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Mover:
    """Something that moves: its solids through time, and (t,) bool when it is there and when a camera sees it."""

    name: str
    solids: Solids
    exists: np.ndarray
    seen: np.ndarray


def true_relations(
    times_ns: np.ndarray, movers: Sequence[Mover], fixtures: Sequence[Fixture], zones: Sequence[Zone]
) -> list[RelationTruth]:
    """All relations of a recording as intervals of instants, the unknown ones among them.

    Args:
        times_ns: (t,) int64, evenly spaced.
        movers: what moves.
        fixtures, zones: what stands.
    """
    step_s = float(np.diff(times_ns).mean()) * 1e-9 if len(times_ns) > 1 else EVENT_S
    rows: list[RelationTruth] = []
    always = np.ones(len(times_ns), dtype=bool)
    things = [Mover(f.label, box_solid(f.box), always, always) for f in fixtures]
    for a, b in (*itertools.combinations(movers, 2), *itertools.product(movers, things)):
        gap = gap_m(a.solids, b.solids, FAR_M)
        for predicate, (enter, leave, minimum_s) in GAP_PREDICATES.items():
            rows += _rows(a, predicate, b, gap <= enter, gap <= leave, minimum_s, step_s)
    for mover, fixture in itertools.product(movers, fixtures):
        bottom, share = _support(mover.solids, fixture.box, len(times_ns))
        enter = (bottom <= ON_BOTTOM_M[0]) & (share >= ON_SHARE[0])
        stay = (bottom <= ON_BOTTOM_M[1]) & (share >= ON_SHARE[1])
        thing = Mover(fixture.label, mover.solids, always, always)
        rows += _rows(mover, "on", thing, enter, stay, ON_MINIMUM_S, step_s)
    for mover, zone in itertools.product(movers, zones):
        outside = _outside_m(mover.solids, zone)
        place = Mover(zone.label, mover.solids, always, always)
        inside = _rows(mover, "inside_zone", place, outside <= ZONE_OUTSIDE_M[0], outside <= ZONE_OUTSIDE_M[1],
                       ZONE_MINIMUM_S, step_s)  # fmt: skip
        rows += inside
        rows += _events(inside, len(times_ns), max(1, round(EVENT_S / step_s)))
    return rows


def gap_spans(gap: np.ndarray, predicate: str, step_s: float) -> list[tuple[int, int]]:
    """The half-open spans of instants over which a gap (t,) makes a predicate of GAP_PREDICATES true."""
    enter, leave, minimum_s = GAP_PREDICATES[predicate]
    known = np.ones(len(gap), dtype=bool)
    return runs(settle(hysteresis(gap <= enter, gap <= leave, known), known, max(1, round(minimum_s / step_s))))


def hysteresis(enter: np.ndarray, stay: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(t,) bool: holds from the first `enter` to the first not `stay`; where it is not known it starts afresh."""
    holds = np.zeros(len(enter), dtype=bool)
    state = False
    for i in range(len(enter)):
        state = bool(known[i]) and bool(stay[i] if state else enter[i])
        holds[i] = state
    return holds


def settle(holds: np.ndarray, known: np.ndarray, num_least: int) -> np.ndarray:
    """(t,) bool: first bridges interruptions shorter than the minimum, then drops runs shorter than it."""
    holds = holds.copy()
    spans = runs(holds)
    for (_, end), (begin, _) in itertools.pairwise(spans):
        if begin - end < num_least and known[end:begin].all():
            holds[end:begin] = True
    for begin, end in runs(holds):
        if end - begin < num_least:
            holds[begin:end] = False
    return holds


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Half-open spans [begin, end) in which a mask (t,) is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(begin), int(end)) for begin, end in zip(edges[0::2], edges[1::2], strict=True)]


def _rows(
    a: Mover, predicate: str, b: Mover, enter: np.ndarray, stay: np.ndarray, minimum_s: float, step_s: float
) -> list[RelationTruth]:
    both, known = a.exists & b.exists, a.exists & b.exists & a.seen & b.seen
    enter, stay = (np.broadcast_to(mask, both.shape) for mask in (enter, stay))
    holds = settle(hysteresis(enter, stay, known), known, max(1, round(minimum_s / step_s)))
    states = (("true", holds), ("unknown", both & ~known))
    return [
        RelationTruth(a.name, predicate, b.name, begin, end, state)
        for state, mask in states
        for begin, end in runs(mask)
    ]


def _events(inside: list[RelationTruth], num_instants: int, length: int) -> list[RelationTruth]:
    """Entering and leaving, from the spans inside a zone; a second one within its length extends the first."""
    masks: Mapping[str, np.ndarray] = {name: np.zeros(num_instants, dtype=bool) for name in ("entered", "left")}
    spans = [row for row in inside if row.state == "true"]
    for row in spans:
        if row.begin_instant > 0:
            masks["entered"][row.begin_instant : row.begin_instant + length] = True
        if row.end_instant < num_instants:
            masks["left"][row.end_instant : row.end_instant + length] = True
    return [
        RelationTruth(spans[0].subject, name, spans[0].object, begin, end, "true")
        for name, mask in masks.items() for begin, end in runs(mask)
    ]  # fmt: skip


def _support(solids: Solids, box: OrientedBox, num_times: int) -> tuple[np.ndarray, np.ndarray]:
    """(t,) metres between the bottom of a thing and the top of a box, and (t,) share of its footprint on the box's."""
    low, high = solids.bounds_m()
    top = box.corners_m()[:, 2].max()
    # The footprint is a fine grid of points, because the overlap of turned rectangles is no simple formula.
    grid = (np.stack(np.meshgrid(np.arange(20), np.arange(20)), axis=-1).reshape(-1, 2) + 0.5) / 20
    points = low[:, None, :2] + grid * (high - low)[:, None, :2]
    points = np.concatenate([points, np.full((*points.shape[:2], 1), box.center_m[2])], axis=-1)
    share = box.contains(points).mean(axis=1)
    bottom = np.abs(low[:, 2] - top)
    return np.broadcast_to(bottom, num_times), np.broadcast_to(share, num_times)


def _outside_m(solids: Solids, zone: Zone) -> np.ndarray:
    """(t,) metres by which the centre of a thing is outside a zone, negative inside, infinite above it."""
    low, high = solids.bounds_m()
    center = (low + high) / 2
    begin, end = zone.polygon_m, np.roll(zone.polygon_m, -1, axis=0)
    edge, offset = end - begin, center[:, None, :2] - begin
    share = np.clip(np.einsum("tei,ei->te", offset, edge) / np.einsum("ei,ei->e", edge, edge), 0.0, 1.0)
    distance = np.linalg.norm(offset - share[..., None] * edge, axis=-1).min(axis=1)
    crosses = (begin[:, 1] > center[:, None, 1]) != (end[:, 1] > center[:, None, 1])
    with np.errstate(divide="ignore", invalid="ignore"):
        x = begin[:, 0] + (center[:, None, 1] - begin[:, 1]) * edge[:, 0] / edge[:, 1]
    inside = (crosses & (center[:, None, 0] < x)).sum(axis=1) % 2 == 1
    return np.where(center[:, 2] >= zone.height_m, np.inf, np.where(inside, -distance, distance))
