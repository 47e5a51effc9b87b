"""Relations to parts of the floor, and the events of coming and going."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby, pairwise

import numpy as np

from .derivation import Derivation
from .graph import TruthState
from .pair_features import PairFeatures
from .predicate import grade_by
from .timeline import Interval
from .vocabulary import PREDICATES


def inside_zone(features: PairFeatures) -> tuple[np.ndarray, Mapping[str, np.ndarray]]:
    """The centre of the subject lies in the zone's prism."""
    score = grade_by(PREDICATES["inside_zone"].thresholds["depth_m"], features.depth_m)
    return score, {"speed_m_s": features.relative_speed_m_s, "depth_m": features.depth_m}


def entered(intervals: Sequence[Interval], span: Derivation) -> list[Interval]:
    """Adds the comings into zones."""
    return [*intervals, *_events(intervals, span, "entered")]


def left(intervals: Sequence[Interval], span: Derivation) -> list[Interval]:
    """Adds the goings out of zones."""
    return [*intervals, *_events(intervals, span, "left")]


def _events(intervals: Iterable[Interval], span: Derivation, name: str) -> list[Interval]:
    inside = [row for row in intervals if row.predicate == "inside_zone"]
    return [row for row in zone_events(inside, *span) if row.predicate == name]


def zone_events(inside: Iterable[Interval], first_ns: int, end_ns: int, length_ns: int) -> list[Interval]:
    """`entered` and `left` from the inside_zone intervals of a recording that spans [first_ns, end_ns).

    An event marks the begin or the end of a *stay*: inside_zone intervals and the unknown spans that touch them. A
    span in which nobody saw the thing is therefore no going and coming, and a stay that was under way at the first
    instant, or still is at the last, has no begin or no end to mark.

    Args:
        inside: intervals of inside_zone, true and unknown.
        first_ns: the first instant.
        end_ns: one frame interval after the last instant.
        length_ns: how long an event is shown.
    """
    events: list[Interval] = []
    rows = sorted(inside, key=lambda row: (row.subject_id, row.object_id, row.begin_ns))
    for _, of_pair in groupby(rows, key=lambda row: (row.subject_id, row.object_id)):
        comings, goings = [], []
        for stay in _stays(list(of_pair)):
            certain = [row for row in stay if row.state is TruthState.TRUE]
            if certain and stay[0].begin_ns > first_ns:
                comings.append(_event(certain[0], "entered", certain[0].begin_ns, end_ns, length_ns))
            if certain and stay[-1].end_ns < end_ns:
                goings.append(_event(certain[-1], "left", certain[-1].end_ns, end_ns, length_ns))
        events += _united(comings) + _united(goings)
    return events


def _stays(rows: list[Interval]) -> list[list[Interval]]:
    stays = [rows[:1]]
    for before, after in pairwise(rows):
        if after.begin_ns <= before.end_ns:
            stays[-1].append(after)
        else:
            stays.append([after])
    return stays


def _event(row: Interval, name: str, begin_ns: int, end_ns: int, length_ns: int) -> Interval:
    return replace(row, predicate=name, begin_ns=begin_ns, end_ns=min(begin_ns + length_ns, end_ns), evidence={})


def _united(events: list[Interval]) -> list[Interval]:
    united: list[Interval] = []
    for event in events:
        if united and event.begin_ns <= united[-1].end_ns:
            event = replace(united.pop(), end_ns=event.end_ns)
        united.append(event)
    return united
