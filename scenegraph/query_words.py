"""The predicates of a query: whether they may be asked for, with how many terms, and words that mean others.

A third term names the tool: of a handover what changed hands, of any other act what is held meanwhile. A few states
are told by relations, DEFINED below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .query_sources import QueryConnection
from .query_text import SECOND_NS, query_error
from .query_tree import (
    Aggregate,
    And,
    Atom,
    Expression,
    Lacking,
    Lasting,
    Name,
    Near,
    Not,
    Or,
    Query,
    Span,
    Then,
    Where,
    leaves_of,
)
from .vocabulary import LAYERS, PredicateSpec, nearest_predicate
from .vocabulary_terms import load_terms

HANDOVER, HOLDING = "handover", "holding"
#: A handover is an event of 1 s from the taking, which comes at most 2 s after the letting go (docs/predicates.md).
HANDOVER_NS = 3 * SECOND_NS
#: States of one thing that follow from a relation: state -> (predicate, class of its subject).
DEFINED: Mapping[str, tuple[str, str]] = {"covered": ("lying_on", "drape")}


@dataclass(frozen=True, slots=True, eq=False)
class QueryWords:
    """The predicates that some sources know.

    Args:
        specs: by name, those that the sources promise.
        told: those that occur in their relations, and whether as states of one thing.
    """

    specs: Mapping[str, PredicateSpec]
    told: Mapping[str, bool]

    @classmethod
    def of(cls, connection: QueryConnection, query: Query) -> QueryWords:
        """Looks into the relations only where a query asks for something that is not promised."""
        specs = connection.sources.predicates
        if all(leaf.predicate in specs for leaf in leaves_of(query) if isinstance(leaf, Atom)):
            return cls(specs, {})
        return cls(specs, connection.told_predicates())

    def spec(self, text: str, atom: Atom) -> PredicateSpec:
        """The row of an atom's predicate.

        Raises:
            ConfigError: nobody knows it.
        """
        name = atom.predicate
        if name in self.specs:
            return self.specs[name]
        if name in self.told:
            term = load_terms().predicates.get(name)
            layers = frozenset(LAYERS)
            return PredicateSpec(
                name, layers, frozenset() if self.told[name] else layers, bool(term and term.symmetric), 0.0
            )
        known = sorted({*self.specs, *self.told, *(state for state in DEFINED if DEFINED[state][0] in self.specs)})
        what = f"unknown predicate '{name}'"
        if name in load_terms().predicates or name in DEFINED:
            what = f"'{name}' is not measured here"
        raise query_error(
            f"{what}{nearest_predicate(name, known)}", text, Span(atom.span.begin, atom.span.begin + len(name)),
            f"use one of {', '.join(known)}",
        )  # fmt: skip

    def expand(self, text: str, tree: Query) -> Query:
        """The query with all its words in terms of stored relations.

        Raises:
            ConfigError: an atom has an unknown predicate or a wrong number of terms.
        """
        match tree:
            case Atom():
                return self._expanded(text, tree)
            case And() | Or() | Then():
                return replace(tree, parts=tuple(self._inner(text, part) for part in tree.parts))
            case Not() | Lasting() | Near() | Aggregate():
                return replace(tree, part=self._inner(text, tree.part))
            case Where():
                return tree if tree.given is None else replace(tree, given=self._inner(text, tree.given))
        return tree

    def _inner(self, text: str, tree: Expression) -> Expression:
        found = self.expand(text, tree)
        assert not isinstance(found, Aggregate | Where)
        return found

    def _expanded(self, text: str, atom: Atom) -> Expression:
        name = atom.predicate
        if name in DEFINED and name not in self.specs and name not in self.told and DEFINED[name][0] in self.specs:
            return self._state(text, atom)
        spec = self.spec(text, atom)
        if len(atom.terms) == 3 and _has_tool(atom.predicate):
            return self._with_tool(text, atom)
        self._check_count(text, atom, 2 if spec.range else 1)
        return atom

    def _state(self, text: str, atom: Atom) -> Expression:
        """What a state of one thing means where nobody tells it as such; unknown where nobody knows such things."""
        predicate, label = DEFINED[atom.predicate]
        self._check_count(text, atom, 1)
        cover = Name(label, False, atom.span)
        return Or((Atom(predicate, (cover, *atom.terms), atom.span), Lacking(cover, atom.span)), atom.span)

    def _with_tool(self, text: str, atom: Atom) -> Expression:
        giver, taker, tool = atom.terms
        holder = taker if atom.predicate == HANDOVER else giver
        holding = Atom(HOLDING, (holder, tool), atom.span)
        self.spec(text, holding)
        parts: list[Expression] = [replace(atom, terms=(giver, taker)), holding]
        if atom.predicate == HANDOVER:
            before = Atom(HOLDING, (giver, tool), atom.span)
            parts.append(Or((before, Near(before, False, HANDOVER_NS, atom.span)), atom.span))
        return And(tuple(parts), atom.span)

    def _check_count(self, text: str, atom: Atom, count: int) -> None:
        if len(atom.terms) != count:
            example = f"{atom.predicate}({', '.join(['?a', '?b'][:count])})"
            raise query_error(
                f"{atom.predicate} takes {count} term{'s' if count > 1 else ''}, got {len(atom.terms)}", text,
                atom.span, f"write {example}",
            )  # fmt: skip


def _has_tool(predicate: str) -> bool:
    """Whether a third term makes sense: acts that imply that somebody holds something."""
    term = load_terms().predicates.get(predicate)
    return predicate == HANDOVER or bool(term and any(not row.same_pair for row in term.implies))
