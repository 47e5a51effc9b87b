"""The relations of a performance: what its exact shapes say, as docs/predicates.md defines it, and what it performs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from ...capture.errors import ConfigError
from ...evaluation.truth import RelationTruth
from ...reconstruction.state import Zone
from . import relation_rules as rules
from .measurements import Measurements
from .performance import Act, Phase
from .relation_rules import EVENT_S, HANDED_WITHIN_S, MINIMUM_S, Limits, Verdict
from .spans import (
    bridged,
    hysteresis,
    instants_of,
    least_instants,
    runs,
    settle,
    unseen_for,
    with_scraps,
    without_short,
)

#: How fast somebody unseen may be, m/s.
UNSEEN_SPEED_M_S = 1.4
ACT_UNSEEN_S = 1.0
#: What is seen of an act between two spans that are not is too short to be told where it is shorter than this.
ACT_MINIMUM_S = 0.5
#: An act that is interrupted for less goes on: hands that end one stretch of work and begin the next never leave it.
ACT_BRIDGED_S = 1.0
PAGE = Limits()
MEASURED = frozenset({*MINIMUM_S, "entered", "left", "handover"})


@dataclass(frozen=True, slots=True, eq=False)
class Sights:
    """Who is there and who is seen, (t, m) bool each; a thing that is there is in the room from its first sight on."""

    exists: np.ndarray
    seen: np.ndarray

    @classmethod
    def of(cls, present: np.ndarray, seen: np.ndarray) -> Sights:
        """A thing exists from the first to the last instant at which some camera sees it, while it is present."""
        seen = seen & present
        begun = np.logical_or.accumulate(seen, axis=0)
        goes_on = np.logical_or.accumulate(seen[::-1], axis=0)[::-1]
        return cls(present & begun & goes_on, seen)


def true_relations(
    measured: Measurements, sights: Sights, zones: Sequence[Zone], acts: Iterable[Act] = (), limits: Limits = PAGE
) -> list[RelationTruth]:
    """All relations as intervals of instants, the unknown ones among them; symmetric ones once.

    With other `limits` than those of the page it is another page's truth; `measured` must be exact about its gaps.

    Raises:
        ConfigError: an act is about somebody or something that is not there.
    """
    rows = [*_measured_rows(measured, sights, zones, limits)]
    performed = [*_performed_rows(measured, sights, acts)]
    inside = [row for row in rows if row.predicate == "inside_zone"]
    handed = _handovers(performed, [row for row in rows if row.predicate == "on"], measured)
    return [*rows, *_comings_and_goings(inside, measured), *performed, *handed]


def true_phases(phases: Iterable[Phase], times_ns: np.ndarray) -> list[tuple[str, int, int]]:
    """Phases as half-open spans of instants; one that is over before an instant came is left out."""
    spans = [(phase.name, *instants_of(phase.begin_s, phase.end_s, times_ns)) for phase in phases]
    return [span for span in spans if span[2] > span[1]]


def _measured_rows(
    measured: Measurements, sights: Sights, zones: Sequence[Zone], limits: Limits
) -> Iterator[RelationTruth]:
    """What follows from shapes, joints and poses."""
    names, m = measured.names, len(measured.names)
    labels: dict[str, list[int]] = {}
    for number, fixture in enumerate(measured.fixtures):
        labels.setdefault(fixture.label, []).append(number)

    def pair(i: int, predicate: str, j: int) -> Iterator[RelationTruth]:
        rule = _rule_for(measured, sights, limits, predicate, i, [j])
        yield from _rows(measured, sights, i, predicate, names[j], rule, j)

    def standing(i: int, predicate: str, label: str) -> Iterator[RelationTruth]:
        rule = _rule_for(measured, sights, limits, predicate, i, [m + number for number in labels[label]])
        yield from _rows(measured, sights, i, predicate, label, rule)

    trays = np.flatnonzero(np.isfinite(measured.inside_share[:, :, :m]).any(axis=(0, 1))).tolist()
    for i, j in itertools.combinations(range(m), 2):
        yield from pair(i, "close_to", j)
        yield from pair(i, "touching", j)
    for i, j in itertools.permutations(range(m), 2):
        if measured.is_person[i] and measured.is_person[j]:
            yield from pair(i, "facing", j)
            yield from pair(i, "approaching", j)
        if j in trays:
            yield from pair(i, "inside", j)
    for i, label in itertools.product(range(m), labels):
        for predicate in ("close_to", "touching", "on", "inside"):
            yield from standing(i, predicate, label)
        if measured.is_person[i]:
            for predicate in ("lying_on", "facing", "approaching"):
                yield from standing(i, predicate, label)
    for i, zone in itertools.product(range(m), zones):
        yield from _rows(
            measured, sights, i, "inside_zone", zone.label,
            lambda reach_m, i=i, zone=zone: rules.inside_zone(measured, limits, i, zone, reach_m),
        )  # fmt: skip


Rule = Callable[[np.ndarray], Verdict]
"""From how far two things may be elsewhere (t,), metres, to what can be said of them."""


def _rule_for(
    measured: Measurements, sights: Sights, limits: Limits, predicate: str, i: int, others: Sequence[int]
) -> Rule:
    """The rule of a predicate between thing i and any one of others (things, then fixtures, numbered on)."""
    m = len(measured.names)

    def one(j: int, reach_m: np.ndarray) -> Verdict:
        if predicate in ("close_to", "touching"):
            limits_m = limits.close_m if predicate == "close_to" else limits.touching_m
            return rules.near(measured, limits_m, i, j, reach_m)
        if predicate == "on":
            return rules.on(measured, limits, i, measured.fixtures[j - m].box, reach_m)
        if predicate == "inside":
            return rules.inside(measured, limits, i, j, reach_m)
        if predicate == "lying_on":
            return rules.lying_on(measured, limits, i, j - m, reach_m)
        rule = {"facing": rules.facing, "approaching": rules.approaching}[predicate]
        return rule(measured, limits, i, rules.point_m(measured, i, j), reach_m, sights.seen[:, i])

    return lambda reach_m: reduce(Verdict.__or__, [one(j, reach_m) for j in others])


def _rows(
    measured: Measurements, sights: Sights, i: int, predicate: str, name: str, rule: Rule, j: int | None = None
) -> Iterator[RelationTruth]:
    """One triple: its spans, with what nobody can know taken out; `j` is the object where it moves."""
    exists = sights.exists[:, i] if j is None else sights.exists[:, i] & sights.exists[:, j]
    seen = sights.seen[:, i] if j is None else sights.seen[:, i] & sights.seen[:, j]
    if not exists.any():
        return
    reach_m = np.where(seen, 0.0, UNSEEN_SPEED_M_S * measured.step_s * unseen_for(seen))
    verdict = rule(reach_m)
    if not (verdict.enter & exists).any() and not (verdict.may_enter & exists & ~seen).any():
        return
    least = least_instants(MINIMUM_S[predicate], measured.step_s)
    first = int(exists.argmax())
    last = len(exists) - int(exists[::-1].argmax())
    there = slice(first, last)
    holds = settle(hysteresis((verdict.enter & exists)[there], (verdict.stay & exists)[there]), least)
    certain = np.where(holds, verdict.surely_stays[there], ~verdict.may_enter[there])
    unknown = np.zeros(len(exists), dtype=bool)
    unknown[there] = exists[there] & ~seen[there] & ~certain
    unknown = with_scraps(without_short(unknown, least, keep_at_ends=True)[there], holds, least)
    for state, mask in (("true", holds & ~unknown), ("unknown", unknown)):
        for begin, end in runs(mask):
            yield RelationTruth(measured.names[i], predicate, name, first + begin, first + end, state)


def _performed_rows(measured: Measurements, sights: Sights, acts: Iterable[Act]) -> Iterator[RelationTruth]:
    """What the script performs, but what the shapes tell anyway."""
    numbers = {name: i for i, name in enumerate(measured.names)}
    standing = {fixture.label for fixture in measured.fixtures}
    masks: dict[tuple[str, str, str], np.ndarray] = {}
    for act in acts:
        for name in (act.subject, act.object):
            if name not in numbers and name not in standing:
                raise ConfigError(f"the script performs '{act.predicate}' with '{name}', who is not there")
        is_thing = act.subject in numbers and not measured.is_person[numbers[act.subject]]
        if act.predicate in MEASURED and not (act.predicate == "lying_on" and is_thing):
            continue
        triple = act.subject, act.predicate, act.object
        mask = masks.setdefault(triple, np.zeros(len(measured.times_ns), dtype=bool))
        begin, end = instants_of(act.begin_s, act.end_s, measured.times_ns)
        mask[begin:end] = True
    for (subject, predicate, name), mask in masks.items():
        moving = [numbers[one] for one in (subject, name) if one in numbers]
        if predicate != "holding":  # who lets go has let go: another may hold it in between
            mask = bridged(mask, least_instants(ACT_BRIDGED_S, measured.step_s))
        mask = mask & sights.exists[:, moving].all(axis=1)
        unseen = np.asarray(~sights.seen[:, moving].all(axis=1))
        unknown = mask & without_short(unseen, least_instants(ACT_UNSEEN_S, measured.step_s))
        unknown = with_scraps(unknown, mask, least_instants(ACT_MINIMUM_S, measured.step_s))
        for state, where in (("true", mask & ~unknown), ("unknown", unknown)):
            for begin, end in runs(where):
                yield RelationTruth(subject, predicate, name, begin, end, state)


def _handovers(
    performed: Iterable[RelationTruth], on: Sequence[RelationTruth], measured: Measurements
) -> list[RelationTruth]:
    """Who handed a tool to whom, from who held it when, and when it lay somewhere in between."""
    num_instants, length = len(measured.times_ns), least_instants(EVENT_S, measured.step_s)
    held: dict[str, dict[str, np.ndarray]] = {}
    for row in performed:
        if row.predicate == "holding":
            mask = held.setdefault(row.object, {}).setdefault(row.subject, np.zeros(num_instants, dtype=bool))
            mask[row.begin_instant : row.end_instant] = True
    masks: dict[tuple[str, str], np.ndarray] = {}
    for tool, holders in held.items():
        laid = [(row.begin_instant, row.end_instant) for row in on if row.subject == tool]
        spans = sorted((begin, end, holder) for holder, mask in holders.items() for begin, end in runs(mask))
        for (_, lets_go, giver), (takes, _, taker) in itertools.pairwise(spans):
            in_time = giver != taker and (takes - lets_go) * measured.step_s <= HANDED_WITHIN_S
            if in_time and not any(begin < takes and end > lets_go for begin, end in laid):
                mask = masks.setdefault((giver, taker), np.zeros(num_instants, dtype=bool))
                mask[takes : takes + length] = True
    return [
        RelationTruth(giver, "handover", taker, begin, end)
        for (giver, taker), mask in masks.items()
        for begin, end in runs(mask)
    ]


def _comings_and_goings(inside: Sequence[RelationTruth], measured: Measurements) -> list[RelationTruth]:
    """`entered` and `left`, from the stays in a zone: spans inside it, and the unknown ones that touch them."""
    num_instants, length = len(measured.times_ns), least_instants(EVENT_S, measured.step_s)
    rows = sorted(inside, key=lambda row: (row.subject, row.object, row.begin_instant))
    events = []
    for (subject, zone), of_pair in itertools.groupby(rows, key=lambda row: (row.subject, row.object)):
        masks = {name: np.zeros(num_instants, dtype=bool) for name in ("entered", "left")}
        certain, stay = np.zeros(num_instants, dtype=bool), np.zeros(num_instants, dtype=bool)
        for row in of_pair:
            stay[row.begin_instant : row.end_instant] = True
            certain[row.begin_instant : row.end_instant] = row.state == "true"
        for begin, end in runs(stay):
            known = np.flatnonzero(certain[begin:end]) + begin
            if len(known) and begin > 0:
                masks["entered"][known[0] : known[0] + length] = True
            if len(known) and end < num_instants:
                masks["left"][known[-1] + 1 : known[-1] + 1 + length] = True
        events += [
            RelationTruth(subject, name, zone, begin, end) for name, mask in masks.items() for begin, end in runs(mask)
        ]
    return events
