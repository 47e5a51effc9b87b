"""Labels as a timeline: what people wrote instant by instant becomes intervals, and what they left open stays open.

*True* is what is labelled, and what the vocabulary says follows for the same two entities (who touches is close).
*Unknown* is what the labels cannot tell:

* a lesser predicate of a pair whose one label is a greater one (who saws may touch or not), unless it follows;
* everything about an entity while the file does not list it, between its first and its last instant;
* everything at instants that have no labels, between labelled ones.

All else is false. An instant stands for the time up to the next one. A numbered person is who the labels say at that
instant; one of whom they say nothing, or the second of one name, is somebody new at every instant, because its number
means nothing at the next.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from ..capture.errors import InputError
from .graph import TruthState
from .label_facts import EntitySpan, Fact, FactFinder, NamedInstant
from .labels import LabelledInstant, Labels, Triplet
from .timeline import Interval, NodeSpan, SceneGraphTimeline
from .vocabulary import FIXTURE, LAYERS, TRACK, ZONE, PredicateSpec, canonical_name
from .vocabulary_terms import ANY_KIND, NUMBERED_PERSON, PredicateTerm, Terms, load_terms

__all__ = ["SECOND_NS", "NamedInstant", "label_specs", "label_timeline", "label_view", "layer_of", "name_instants"]

SECOND_NS = 1_000_000_000
NOBODY = "none"
_NOWHERE = (math.nan, math.nan, math.nan)
_LAYER_OF_KIND = {"furniture": FIXTURE, "device": FIXTURE, "place": ZONE}


class _Run(NamedTuple):
    """Steps [begin, end) at which one fact stays as it is."""

    begin: int
    end: int
    fact: Fact


def name_instants(instants: Sequence[LabelledInstant], form: str, *, anonymous: bool = False) -> list[NamedInstant]:
    """The instants of one take in canonical words.

    Args:
        instants: in order of time.
        form: whose spellings they use; "neutral" for canonical ones.
        anonymous: leave out who a numbered person is said to be.

    Raises:
        InputError: a frame is no number, or frames do not ascend.
    """
    own = load_terms().namings.get(form)
    canonical_of = own.canonical_of if own else {}

    def word(spelling: str) -> str:
        return canonical_of.get(spelling.lower()) or canonical_name(spelling)

    named = []
    for instant in instants:
        if not instant.frame.isdigit():
            raise InputError(f"the frame '{instant.frame}' is no number", where=f"instant {instant.instant_id}")
        step = int(instant.frame)
        if named and step <= named[-1].step:
            raise InputError("frames do not ascend", where=f"instant {instant.instant_id}", todo="sort the instants")
        used = [name for row in instant.relations for name in (row.subject, row.object)]
        names, labels = {}, {}
        for spelling in dict.fromkeys([*(instant.entities or ()), *used]):
            name = label = word(spelling)
            if NUMBERED_PERSON.fullmatch(spelling):
                said = NOBODY if anonymous else instant.people.get(spelling, NOBODY)
                label = "person" if said == NOBODY else word(said)
                number = spelling.removeprefix("human_")
                name = label if label != "person" and label not in labels else f"person_{instant.frame}_{number}"
            names[spelling], labels[name] = name, label
        relations = tuple(
            Triplet(names[row.subject], word(row.predicate), names[row.object]) for row in instant.relations
        )
        listed = None if instant.entities is None else frozenset(names[name] for name in instant.entities)
        named.append(NamedInstant(step, relations, labels, listed))
    return named


def label_timeline(
    labels: Labels, take: str | None = None, *, frame_ns: int = SECOND_NS, anonymous: bool = False
) -> SceneGraphTimeline:
    """The timeline of one take; frame 0 is at time 0.

    Args:
        labels: of any form.
        take: which; may be left out where there is only one.
        frame_ns: time from a frame number to the next, 1 s in 4D-OR and MM-OR.
        anonymous: leave out who a numbered person is said to be.

    Raises:
        InputError: there is no such take, or its frames are no ascending numbers.
    """
    takes = labels.takes()
    if take is None and len(takes) == 1:
        take = next(iter(takes))
    if take is None or take not in takes:
        what = "the labels have several takes" if take is None and takes else f"the labels have no take '{take or ''}'"
        raise InputError(what, todo=f"choose among {', '.join(takes) or 'none'}")
    instants = name_instants(takes[take], labels.form, anonymous=anonymous)
    predicates = _predicates_of(labels, instants)
    stride = _stride(instants)
    spans = _spans(instants)
    finder = FactFinder(spans, predicates)
    rows: dict[Triplet, list[_Run]] = {}
    for step, instant in _filled(instants, stride):
        for triple, fact in finder.facts(step, instant).items():
            runs = rows.setdefault(triple, [])
            if runs and runs[-1].end == step and runs[-1].fact == fact:
                runs[-1] = runs[-1]._replace(end=step + stride)
            else:
                runs.append(_Run(step, step + stride, fact))
    intervals = [each for triple, runs in rows.items() for each in _intervals(triple, runs, frame_ns)]
    nodes = [
        NodeSpan(name, label, layer_of(label), _NOWHERE, first * frame_ns, last * frame_ns)
        for name, (label, first, last) in spans.items()
    ]
    return SceneGraphTimeline(tuple(nodes), tuple(intervals))


def label_view(timeline: SceneGraphTimeline, time_ns: int, *, both_ways: bool) -> tuple[Triplet, ...]:
    """One predicate per ordered pair, as data sets have it: of all that is true, the one of greatest priority.

    `both_ways` tells closeness in both directions, as 4D-OR does; MM-OR tells it in one.
    """
    terms = load_terms()
    best: dict[tuple[str, str], Triplet] = {}
    for row in timeline.at(time_ns).relations:
        if row.state != TruthState.TRUE:
            continue
        ways = [Triplet(row.subject_id, row.predicate, row.object_id)]
        if both_ways and row.predicate == "close_to":
            ways.append(Triplet(row.object_id, row.predicate, row.subject_id))
        for way in ways:
            pair = (way.subject, way.object)
            if pair not in best or _priority(terms, way) > _priority(terms, best[pair]):
                best[pair] = way
    return tuple(sorted(best.values()))


def label_specs() -> Mapping[str, PredicateSpec]:
    """Rows with which a query may ask a timeline of labels for any predicate of the vocabulary."""
    return {
        row.name: PredicateSpec(row.name, _layers(row.subject), _layers(row.object), row.symmetric, 0.0,
                                meaning=row.meaning)
        for row in load_terms().predicates.values()
    }  # fmt: skip


def layer_of(label: str) -> str:
    """The layer of a class: furniture and devices stand, places are zones, all else moves."""
    return _LAYER_OF_KIND.get(load_terms().kind_of(label), TRACK)


def _layers(kinds: Iterable[str]) -> frozenset[str]:
    kinds = set(kinds)
    return frozenset(LAYERS) if ANY_KIND in kinds else frozenset(_LAYER_OF_KIND.get(kind, TRACK) for kind in kinds)


def _predicates_of(labels: Labels, instants: Sequence[NamedInstant]) -> list[PredicateTerm]:
    """What the labels could have said: the predicates of their data set, else those that occur."""
    terms = load_terms()
    own = terms.namings.get(labels.form)
    names = (
        {own.canonical_of[name.lower()] for name in own.predicates}
        if own
        else {row.predicate for instant in instants for row in instant.relations}
    )
    return [terms.predicates[name] for name in sorted(names) if name in terms.predicates]


def _stride(instants: Sequence[NamedInstant]) -> int:
    """The usual distance of frame numbers: labels may have been thinned out evenly."""
    steps = Counter(after.step - before.step for before, after in pairwise(instants))
    return min(steps, key=lambda step: (-steps[step], step)) if steps else 1


def _filled(instants: Sequence[NamedInstant], stride: int) -> Iterable[tuple[int, NamedInstant | None]]:
    """Every step from the first to the last instant, None where there is no label."""
    for before, instant in zip([None, *instants], instants, strict=False):
        if before is not None:
            yield from ((step, None) for step in range(before.step + stride, instant.step, stride))
        yield instant.step, instant


def _spans(instants: Sequence[NamedInstant]) -> dict[str, EntitySpan]:
    spans: dict[str, EntitySpan] = {}
    for instant in instants:
        for name, label in instant.labels.items():
            first = spans[name].first if name in spans else instant.step
            spans[name] = EntitySpan(label, first, instant.step)
    return spans


def _intervals(triple: Triplet, runs: Iterable[_Run], frame_ns: int) -> Iterable[Interval]:
    """Runs as intervals; neighbours that are true, told or implied, are one."""
    joined: list[tuple[int, int, TruthState, int]] = []
    for begin, end, (state, implied) in runs:
        num_implied = (end - begin) * implied
        if joined and joined[-1][1] == begin and joined[-1][2] == state:
            begin, _, _, before = joined.pop()
            num_implied += before
        joined.append((begin, end, state, num_implied))
    for begin, end, state, num_implied in joined:
        evidence = {"implied_share": num_implied / (end - begin)} if state == TruthState.TRUE else {}
        yield Interval(*triple, begin * frame_ns, end * frame_ns, state, 1.0, evidence)


def _priority(terms: Terms, row: Triplet) -> int:
    term = terms.predicates.get(row.predicate)
    return term.priority if term else 0
