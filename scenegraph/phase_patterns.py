"""Patterns over a scene graph, `predicate(subject, object)` with `*` and `|`, and the instants where they are found.

A symmetric predicate is found either way round.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ..capture.arrays import Times, read_only
from ..capture.errors import ConfigError, nearest_name
from .graph import TruthState
from .labels import Triplet
from .timeline import SceneGraphTimeline
from .vocabulary import canonical_name, members_of
from .vocabulary_terms import load_terms

ANYTHING = "*"
STAFF = "staff"
_PATTERN = re.compile(r"(?:(not)\s+|(\d+)\s+)?([^\s(),]+)\s*\(\s*([^\s(),]+)\s*,\s*([^\s(),]+)\s*\)")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A set of triples.

    Args:
        predicates, subjects, objects: canonical names of which one must stand there; empty for anything.
        least: how many different subjects there must be at one instant.
        text: as written.
    """

    predicates: frozenset[str]
    subjects: frozenset[str]
    objects: frozenset[str]
    least: int
    text: str


@dataclass(frozen=True, slots=True)
class Clause:
    """Patterns of which one must be found, or, negated, none may be."""

    patterns: tuple[Pattern, ...]
    negated: bool
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class GraphInstants:
    """Which triples are true at which instants.

    Args:
        times_ns: the instants, ascending; each stands for the time up to the next.
        period_ns: the usual distance of two instants.
        true: (t,) bool by triple.
        unknown: (t,) bool by entity: whether anything about it is unknown.
        names: by entity, everything that it may be called: itself, its class, its role.
    """

    times_ns: Times
    period_ns: int
    true: dict[Triplet, np.ndarray]
    unknown: dict[str, np.ndarray]
    names: dict[str, frozenset[str]]

    @classmethod
    def of(cls, timeline: SceneGraphTimeline, period_ns: int) -> GraphInstants:
        """Samples a timeline from its first to its last moment. What is unknown is not taken for true."""
        known = [row for row in timeline.intervals if row.state == TruthState.TRUE]
        first = min([row.begin_ns for row in known] + [node.first_ns for node in timeline.nodes], default=0)
        last = max([row.end_ns - 1 for row in known] + [node.last_ns for node in timeline.nodes], default=-1)
        times_ns = read_only(np.arange(first, last + 1, period_ns, dtype=np.int64))
        true: dict[Triplet, np.ndarray] = {}
        for row in known:
            begin, end = np.searchsorted(times_ns, (row.begin_ns, row.end_ns))
            triple = Triplet(row.subject_id, row.predicate, row.object_id)
            true.setdefault(triple, np.zeros(len(times_ns), dtype=bool))[begin:end] = True
        unknown: dict[str, np.ndarray] = {}
        for row in timeline.intervals:
            if row.state == TruthState.UNKNOWN:
                begin, end = np.searchsorted(times_ns, (row.begin_ns, row.end_ns))
                for name in (row.subject_id, row.object_id):
                    unknown.setdefault(name, np.zeros(len(times_ns), dtype=bool))[begin:end] = True
        names = {node.node_id: names_of(node.node_id, node.label) for node in timeline.nodes}
        return cls(times_ns, period_ns, true, unknown, names)

    def where(self, clause: Clause) -> np.ndarray:
        """(t,) bool: at which instants a clause holds."""
        found = np.zeros(len(self.times_ns), dtype=bool)
        for pattern in clause.patterns:
            subjects: dict[str, np.ndarray] = {}
            for triple in self.matching(pattern):
                subjects[triple.subject] = subjects.get(triple.subject, False) | self.true[triple]
            if subjects:
                found |= np.sum(list(subjects.values()), axis=0) >= pattern.least
        return ~found if clause.negated else found

    def matching(self, pattern: Pattern) -> list[Triplet]:
        """The triples of a pattern, in the order in which they first stand in the timeline."""
        return _of(self.true, pattern, self.names)

    def about(self, node_id: str, name: str) -> GraphInstants:
        """The same, with one entity that also bears another name."""
        names = {**self.names, node_id: self.names.get(node_id, frozenset({node_id})) | {name}}
        true = {row: held for row, held in self.true.items() if node_id in (row.subject, row.object)}
        return GraphInstants(self.times_ns, self.period_ns, true, self.unknown, names)

    def known_of(self, node_id: str) -> np.ndarray:
        """(t,) bool: whether anything is known of an entity: some relation holds, or none is unknown."""
        known = ~self.unknown.get(node_id, np.zeros(len(self.times_ns), dtype=bool))
        for row, held in self.true.items():
            if node_id in (row.subject, row.object):
                known = known | held
        return known


def clause_holds(clause: Clause, relations: Iterable[Triplet], names: Mapping[str, frozenset[str]]) -> bool:
    """Whether a clause holds among the relations of one instant; `names` as in `GraphInstants`."""
    rows = tuple(relations)
    found = any(len({row.subject for row in _of(rows, each, names)}) >= each.least for each in clause.patterns)
    return found != clause.negated


def parse_clause(text: str, where: str) -> Clause:
    """A clause from its text: patterns with "or" between them, or one with "not" or a number before it.

    Raises:
        ConfigError: it is none, or names a predicate that the vocabulary lacks; `where` says in which rule.
    """
    patterns, negated = [], False
    parts = re.split(r"\s+or\s+", text.strip())
    for part in parts:
        match = _PATTERN.fullmatch(part.strip())
        if match is None or match[2] == "0" or (match[1] and len(parts) > 1):
            raise ConfigError(
                f"'{text}' is no condition", where=where,
                todo="write predicate(subject, object), with * and |, 'or' between several, 'not' before a single one",
            )  # fmt: skip
        negated = bool(match[1])
        predicates = _names(match[3])
        known = load_terms().predicates
        for name in predicates:
            if name not in known:
                raise ConfigError(f"unknown predicate '{name}'{nearest_name(name, known)}", where=f"{where}: {text}")
        subjects, objects = (frozenset(canonical_name(name) for name in _names(match[place])) for place in (4, 5))
        patterns.append(Pattern(predicates, subjects, objects, int(match[2] or 1), part.strip()))
    return Clause(tuple(patterns), negated, text.strip())


def names_of(node_id: str, label: str) -> frozenset[str]:
    """Everything that an entity may be called in a pattern: itself, its class and more general ones, its role."""
    terms = load_terms()
    names = {node_id, label}
    if label in terms.entities and terms.entities[label].role:
        names.add(terms.entities[label].role)
    names |= {general for general in ("person", "instrument") if label in members_of(general)}
    return frozenset(names | {STAFF} if "person" in names and label != "patient" else names)


def _of(rows: Iterable[Triplet], pattern: Pattern, names: Mapping[str, frozenset[str]]) -> list[Triplet]:
    """The rows that a pattern means; one of a symmetric predicate either way round."""
    symmetric = symmetric_predicates()
    wanted, subjects, objects = pattern.predicates, pattern.subjects, pattern.objects
    found = []
    for row in rows:
        if wanted and row.predicate not in wanted:
            continue
        subject = names.get(row.subject) or frozenset({row.subject})
        obj = names.get(row.object) or frozenset({row.object})
        straight = (not subjects or subjects & subject) and (not objects or objects & obj)
        turned = row.predicate in symmetric and (not subjects or subjects & obj) and (not objects or objects & subject)
        if straight or turned:
            found.append(row)
    return found


@functools.cache
def symmetric_predicates() -> frozenset[str]:
    """The predicates that say one fact in either direction."""
    return frozenset(name for name, term in load_terms().predicates.items() if term.symmetric)


def _names(text: str) -> frozenset[str]:
    return frozenset() if text == ANYTHING else frozenset(text.split("|"))
