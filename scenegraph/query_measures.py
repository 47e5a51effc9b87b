"""Measures of positions as rows: distance, speed, height, and where a thing is.

A position holds from its instant until the next one of the same thing, and at most for POSITION_AGE_NS; fixtures and
zones stand still. Where a thing exists and has no position, a measure of it is unknown; where it does not exist, false.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .query_algebra import BOTH_SETS, Rows, Statement, column_of, keys_of, settle
from .query_leaves import tested
from .query_names import NodeNames
from .query_sources import QueryConnection
from .query_text import SECOND_NS, query_error
from .query_tree import Measured, Name, Span, Term, Variable
from .vocabulary import LAYERS

#: A thing that was not measured for longer is not where it was.
POSITION_AGE_NS = SECOND_NS
#: Stand-ins for the terms of a measure, which no variable can be called.
OWN = ("1", "2")
AXES = ("x_m", "y_m", "z_m")


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """Makes the rows of measures.

    Args:
        text: of the query, for errors.
        connection: to the tables.
        names: the nodes.
        statement: to which steps are added.
    """

    text: str
    connection: QueryConnection
    names: NodeNames
    statement: Statement

    def measured(self, leaf: Measured, given: Rows | None) -> Rows:
        """Where a measure compares so, for the bindings that are `given`, if any are."""
        self.check_known(leaf.span)
        asked = self._asked(leaf.terms, given)
        limit = self.statement.bind(leaf.limit)
        told = self.statement.add(
            "compared",
            f"SELECT {keys_of(asked.variables)}, begin_ns, end_ns, value {leaf.compare} {limit} AS holds "
            f"FROM ({self._values(leaf.measure, asked)})",
        )
        return self._named(leaf.terms, tested(self.statement, told, asked))

    def check_known(self, span: Span) -> None:
        """Raises ConfigError where nobody measured positions."""
        if "positions" not in self.connection.given:
            raise query_error("nobody knows positions here", self.text, span, "ask a twin: labels tell of no places")

    def placed(self) -> str:
        """A step with the positions of things, piece by piece: procedure, node_id, begin_ns, end_ns, x_m, y_m, z_m."""
        self.connection.need("positions", "nodes")
        over = "OVER (PARTITION BY procedure, node_id ORDER BY time_ns)"
        return self.statement.add(
            "placed",
            f"SELECT procedure, node_id, time_ns AS begin_ns, least(coalesce(lead(time_ns) {over}, n.last_ns + 1), "
            f"time_ns + {POSITION_AGE_NS}) AS end_ns, p.x_m, p.y_m, p.z_m FROM positions p "
            "JOIN (SELECT procedure, node_id, last_ns FROM nodes) n USING (procedure, node_id) "
            "WHERE isfinite(p.x_m + p.y_m + p.z_m) "
            "UNION ALL SELECT procedure, node_id, first_ns, last_ns + 1, x_m, y_m, z_m FROM nodes "
            "WHERE layer != 'track' AND isfinite(x_m + y_m + z_m)",
        )

    def nodes_of(self, term: Term, alias: str) -> str:
        """The nodes that a term may stand for, with when they exist and whether they are surely meant."""
        chosen = "n.procedure, n.node_id, n.first_ns AS begin_ns, n.last_ns + 1 AS end_ns"
        if not isinstance(term, Name):
            return f"(SELECT {chosen}, true AS is_meant FROM nodes n) {alias}"
        self.names.check(self.text, term, frozenset(LAYERS), "a measure")
        step = self.names.step(self.statement, term)
        return f"(SELECT {chosen}, m.certain AS is_meant FROM nodes n JOIN {step} m USING (procedure, node_id)) {alias}"

    def _asked(self, terms: Sequence[Term], given: Rows | None) -> Rows:
        """The things to measure, or pairs of two, with the time at which they exist."""
        aliases = "ab"[: len(terms)]
        tables = [self.nodes_of(term, alias) for term, alias in zip(terms, aliases, strict=True)]
        own = [f"{alias}.node_id AS {column_of(name)}" for alias, name in zip(aliases, OWN, strict=False)]
        variables = {term.name: alias for term, alias in zip(terms, aliases, strict=True) if isinstance(term, Variable)}
        begin, end, conditions = "a.begin_ns", "a.end_ns", []
        if len(terms) == 2:
            is_same = len(variables) == 1 and all(isinstance(term, Variable) for term in terms)
            conditions = ["a.procedure = b.procedure", f"a.node_id {'=' if is_same else '!='} b.node_id"]
            begin, end = "greatest(a.begin_ns, b.begin_ns)", "least(a.end_ns, b.end_ns)"
        known = [name for name in variables if given and name in given.variables]
        if given and known:
            columns = ", ".join(["a.procedure", *(f"{variables[name]}.node_id" for name in known)])
            conditions.append(f"({columns}) IN (SELECT ({keys_of(known)}) FROM {given.step})")
        where = " AND ".join([*conditions, f"{begin} < {end}"])
        step = self.statement.add(
            "things",
            f"SELECT a.procedure, {', '.join(own)}, {begin} AS begin_ns, {end} AS end_ns, s.certain, "
            f"1.0::FLOAT AS score FROM {', '.join(tables)}, {BOTH_SETS} WHERE {where}",
        )
        return Rows(step, OWN[: len(terms)])

    def _values(self, measure: str, asked: Rows) -> str:
        """The values of a measure, piece by piece."""
        placed = self.placed()
        one, two = (column_of(name) for name in OWN)
        if measure == "height":
            return f"SELECT procedure, node_id AS {one}, begin_ns, end_ns, z_m AS value FROM {placed}"
        if measure == "speed":
            return self._speeds(one)
        ticks = " UNION ".join(
            f"SELECT {keys_of(OWN, 'k')}, p.{border} AS begin_ns FROM {asked.step} k JOIN {placed} p "
            f"ON p.procedure = k.procedure AND p.node_id = k.{column}"
            for column in (one, two)
            for border in ("begin_ns", "end_ns")
        )
        steps = self.statement.add(
            "ticks",
            f"SELECT *, lead(begin_ns) OVER (PARTITION BY {keys_of(OWN)} ORDER BY begin_ns) AS end_ns FROM ({ticks})",
        )
        apart = " + ".join(f"(a.{axis} - b.{axis}) * (a.{axis} - b.{axis})" for axis in AXES)
        joins = " ".join(
            f"ASOF JOIN {placed} {alias} ON t.procedure = {alias}.procedure AND t.{column} = {alias}.node_id "
            f"AND t.begin_ns >= {alias}.begin_ns"
            for alias, column in (("a", one), ("b", two))
        )
        return (
            f"SELECT {keys_of(OWN, 't')}, t.begin_ns, t.end_ns, sqrt({apart}) AS value FROM {steps} t {joins} "
            "WHERE t.end_ns IS NOT NULL AND t.begin_ns < a.end_ns AND t.begin_ns < b.end_ns"
        )

    def _speeds(self, one: str) -> str:
        """From each position to the next, metres a second."""
        over = "OVER (PARTITION BY procedure, node_id ORDER BY time_ns)"
        ways = [f"(lead({axis}) {over} - {axis})" for axis in AXES]
        pairs = (
            f"SELECT procedure, node_id AS {one}, time_ns AS begin_ns, lead(time_ns) {over} AS end_ns, "
            f"sqrt({' + '.join(f'{way} * {way}' for way in ways)}) AS way_m FROM positions "
            "WHERE isfinite(x_m + y_m + z_m)"
        )
        return (
            f"SELECT procedure, {one}, begin_ns, end_ns, way_m / ((end_ns - begin_ns) / 1e9) AS value FROM ({pairs}) "
            f"WHERE end_ns - begin_ns <= {POSITION_AGE_NS} UNION ALL "
            "SELECT procedure, node_id, first_ns, last_ns + 1, 0.0 FROM nodes WHERE layer != 'track'"
        )

    def _named(self, terms: Sequence[Term], rows: Rows) -> Rows:
        """Rows of things as rows of the terms: a variable keeps which it was, a name or _ only that there was one."""
        variables = tuple(dict.fromkeys(term.name for term in terms if isinstance(term, Variable)))
        columns = {
            term.name: column_of(own) for term, own in zip(terms, OWN, strict=False) if isinstance(term, Variable)
        }
        chosen = "".join(f", r.{columns[name]} AS {column_of(name)}" for name in variables)
        joins, certain = "", ["true"]
        for term, own, alias in zip(terms, OWN, "ab", strict=False):
            if isinstance(term, Name):
                joins += (
                    f" JOIN {self.nodes_of(term, alias)} ON {alias}.procedure = r.procedure AND "
                    f"{alias}.node_id = r.{column_of(own)}"
                )
                certain.append(f"{alias}.is_meant")
        sql = (
            f"SELECT r.procedure{chosen}, r.begin_ns, r.end_ns, r.certain, r.score FROM {rows.step} r{joins} "
            f"WHERE NOT r.certain OR ({' AND '.join(certain)})"
        )
        return settle(self.statement, sql, variables)
