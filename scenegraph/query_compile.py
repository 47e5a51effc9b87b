"""From the tree of a query to SQL: one step for each part, from the leaves up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .query_algebra import FACTS, Rows, Statement, everywhere, keys_of, lasting, meet, minus, near, settle
from .query_leaves import Leaves, variables_in_order
from .query_measures import Measures
from .query_safety import in_order, names_in, needed_by
from .query_sequence import follow
from .query_tree import (
    And,
    Atom,
    Expression,
    InPhase,
    InTime,
    Lacking,
    Lasting,
    Measured,
    Near,
    Not,
    Or,
    Query,
    Sampled,
    Then,
    Variable,
)


@dataclass(frozen=True, slots=True, eq=False)
class Compiler:
    """Compiles the expressions of one query into one statement.

    Args:
        leaves: of relations, phases, times and streams.
        measures: of positions.
    """

    leaves: Leaves
    measures: Measures
    notes: dict[str, Query] = field(default_factory=dict)
    """Which part of the query each step answers."""

    @property
    def statement(self) -> Statement:
        """What has been compiled so far."""
        return self.leaves.statement

    def rows(self, tree: Expression, given: Rows | None = None) -> Rows:
        """The settled rows of an expression.

        Args:
            tree: safe, or made safe by `given`.
            given: bindings that what stands beside it allows; no others are asked for.
        """
        rows = self._rows(tree, given)
        self.notes[rows.step] = tree
        return rows

    def _rows(self, tree: Expression, given: Rows | None) -> Rows:
        match tree:
            case And():
                return self._both(tree, given)
            case Or():
                return self._either(tree, given)
            case Not():
                self.leaves.connection.need("procedures")
                variables = tuple(sorted(names_in(tree)))
                among = given.step if given and variables else ""
                return self._without(everywhere(self.statement, variables, among), tree.part, given)
            case Lasting():
                return lasting(self.statement, self.rows(tree.part, given), tree.compare, tree.length_ns)
            case Near():
                self.leaves.connection.need("procedures")
                return near(self.statement, self.rows(tree.part, given), before=tree.before, within_ns=tree.within_ns)
            case Then():
                return self._sequence(tree, given)
            case Sampled():
                return self.leaves.sampled(tree)
            case Measured():
                return self.measures.measured(tree, given)
        sql, variables = self._leaf(tree)
        return settle(self.statement, sql, variables)

    def _leaf(self, tree: Atom | InPhase | InTime | Lacking) -> tuple[str, tuple[str, ...]]:
        match tree:
            case Atom():
                return self.leaves.relation(tree), variables_in_order(tree)
            case InPhase():
                return self.leaves.phase(tree), (tree.phase.name,) if isinstance(tree.phase, Variable) else ()
            case InTime():
                return self.leaves.time(tree), ()
            case Lacking():
                return self.leaves.lacking(tree), ()

    def _both(self, tree: And, given: Rows | None) -> Rows:
        parts, waiting = in_order(tree.parts, given.variables if given else ())
        assert not waiting, "the query was checked"
        done: Rows | None = None
        for part in parts:
            if done and isinstance(part, Not) and names_in(part) <= {*done.variables}:
                done = self._without(done, part.part, self._known(done, given))
                continue
            found = self.rows(part, self._known(done, given))
            done = meet(self.statement, done, found) if done else found
        assert done is not None
        return done

    def _either(self, tree: Or, given: Rows | None) -> Rows:
        variables = tuple(sorted(names_in(tree)))
        branches = []
        for part in tree.parts:
            found = self.rows(part, given)
            if given and len(found.variables) < len(variables):
                self.leaves.connection.need("procedures")
                known = tuple(name for name in variables if name in given.variables)
                found = meet(self.statement, found, everywhere(self.statement, known, given.step))
            branches.append(f"SELECT {keys_of(variables)}, begin_ns, end_ns, certain, score FROM {found.step}")
        return settle(self.statement, " UNION ALL ".join(branches), variables)

    def _sequence(self, tree: Then, given: Rows | None) -> Rows:
        parts, waiting = in_order(tree.parts, given.variables if given else ())
        assert not waiting, "the query was checked"
        found: dict[int, Rows] = {}
        known = given
        for part in parts:
            if known is not given or needed_by(part) - {*(given.variables if given else ())}:
                known = self._bindings([*([given] if given else []), *found.values()])
            found[id(part)] = self.rows(part, known)
        return follow(self.statement, [found[id(part)] for part in tree.parts], tree.within_ns)

    def _bindings(self, rows: Sequence[Rows]) -> Rows:
        """All bindings that some rows allow together, whenever."""
        self.leaves.connection.need("procedures")
        first, *further = (everywhere(self.statement, each.variables, each.step) for each in rows)
        for each in further:
            first = meet(self.statement, first, each)
        return first

    def _without(self, rows: Rows, part: Expression, given: Rows | None) -> Rows:
        """The rows where a part does not hold; that of a relation need not be settled first."""
        if isinstance(part, Atom):
            facts = f"SELECT * FROM {self.leaves.facts(part)}"
            return minus(self.statement, rows, facts, variables_in_order(part), FACTS)
        found = self.rows(part, given)
        return minus(self.statement, rows, f"SELECT * FROM {found.step}", found.variables)

    def _known(self, done: Rows | None, given: Rows | None) -> Rows | None:
        """The bindings that a further part of an `and` finds: those of the parts before it and those from outside."""
        if done is None or given is None or {*given.variables} <= {*done.variables}:
            return done or given
        self.leaves.connection.need("procedures")
        return meet(self.statement, done, everywhere(self.statement, given.variables, given.step))
