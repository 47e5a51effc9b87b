"""What the labels of one instant make true, and what they leave open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .graph import TruthState
from .labels import Triplet
from .vocabulary import symmetric_order
from .vocabulary_terms import PredicateTerm, load_terms


@dataclass(frozen=True, slots=True, eq=False)
class NamedInstant:
    """An instant in canonical words, people by who they are.

    Args:
        step: the number of its frame.
        relations: with canonical predicates and entity names that hold through time.
        labels: the class of each entity that occurs or is listed, by name.
        listed: the entities that the file lists; None where it lists nothing.
    """

    step: int
    relations: tuple[Triplet, ...]
    labels: Mapping[str, str]
    listed: frozenset[str] | None


class EntitySpan(NamedTuple):
    """The class of an entity, and the first and last step at which the labels name it."""

    label: str
    first: int
    last: int


class Fact(NamedTuple):
    """Whether a triple is true or unknown, and whether nobody said so but it follows from what was said."""

    state: TruthState
    implied: bool


TOLD = Fact(TruthState.TRUE, False)
FOLLOWS = Fact(TruthState.TRUE, True)
OPEN = Fact(TruthState.UNKNOWN, False)


class FactFinder:
    """The facts of the instants of one take.

    Args:
        spans: its entities, by name.
        predicates: what its labels could have said.
    """

    def __init__(self, spans: Mapping[str, EntitySpan], predicates: Sequence[PredicateTerm]) -> None:
        terms = load_terms()
        self._spans, self._predicates = spans, predicates
        self._terms = terms.predicates
        self._symmetric = {name for name, term in terms.predicates.items() if term.symmetric}
        self._follows = {
            name: frozenset(each.predicate for each in term.implies if each.same_pair)
            for name, term in terms.predicates.items()
        }
        self._kind = {name: terms.kind_of(span.label) for name, span in spans.items()}
        self._rank = {name: symmetric_order(name, span.label) for name, span in spans.items()}
        self._allowed: dict[tuple[str, str], tuple[PredicateTerm, ...]] = {}

    def facts(self, step: int, instant: NamedInstant | None) -> dict[Triplet, Fact]:
        """Every triple that is true or unknown at a step; None where the step has no labels."""
        facts: dict[Triplet, Fact] = {}
        listed = frozenset() if instant is None else instant.listed
        if listed is not None:
            there = [name for name, span in self._spans.items() if span.first <= step <= span.last]
            for name in there:
                if name not in listed:
                    self._leave_open(facts, name, there)
        if instant is not None:
            self._tell(facts, instant.relations)
            self._hide(facts, instant.relations)
        return facts

    def _leave_open(self, facts: dict[Triplet, Fact], name: str, there: Iterable[str]) -> None:
        for other in there:
            for subject, obj in ((name, other), (other, name)):
                for term in self._between(subject, obj) if other != name else ():
                    row = Triplet(subject, term.name, obj)
                    facts[self._once(row) if term.symmetric else row] = OPEN

    def _tell(self, facts: dict[Triplet, Fact], relations: Iterable[Triplet]) -> None:
        """What is said and what follows; a symmetric fact that is told both ways is kept once."""
        true = dict.fromkeys(relations, TOLD)
        for row in tuple(true):
            for name in self._follows.get(row.predicate, ()):
                true.setdefault(Triplet(row.subject, name, row.object), FOLLOWS)
        for row, fact in true.items():
            stored = row
            if row.predicate in self._symmetric:
                stored = self._once(row) if _turned(row) in true else row
                if facts.get(_turned(stored)) == OPEN:
                    del facts[_turned(stored)]
            facts[stored] = TOLD if facts.get(stored) == TOLD else fact

    def _hide(self, facts: dict[Triplet, Fact], relations: Iterable[Triplet]) -> None:
        """A pair has one label: lesser predicates may hold or not, unless they follow from it."""
        for row in relations:
            term = self._terms.get(row.predicate)
            if term is None:
                continue
            for other in self._between(row.subject, row.object):
                if other.priority < term.priority and other.name not in self._follows[row.predicate]:
                    hidden = Triplet(row.subject, other.name, row.object)
                    if not (other.symmetric and _turned(hidden) in facts):
                        facts.setdefault(hidden, OPEN)

    def _between(self, subject: str, obj: str) -> tuple[PredicateTerm, ...]:
        kinds = (self._kind[subject], self._kind[obj])
        if kinds not in self._allowed:
            self._allowed[kinds] = tuple(term for term in self._predicates if term.allows(*kinds))
        return self._allowed[kinds]

    def _once(self, row: Triplet) -> Triplet:
        """The one order in which a symmetric fact is kept, as in a twin: people before things, then by number."""
        return row if self._rank[row.subject] <= self._rank[row.object] else _turned(row)


def _turned(row: Triplet) -> Triplet:
    return Triplet(row.object, row.predicate, row.subject)
