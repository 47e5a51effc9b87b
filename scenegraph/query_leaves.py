"""The leaves of a query as rows: stored relations, phases, times of the clock and streams.

Each gives SQL with the columns of query_algebra.py, not yet settled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..capture.errors import nearest_name
from .query_algebra import (
    ALIKE,
    BOTH_SETS,
    FAR_AHEAD_NS,
    Rows,
    Statement,
    column_of,
    everywhere,
    keys_of,
    minus,
    quoted,
    settle,
)
from .query_names import NodeNames
from .query_sources import QueryConnection
from .query_text import query_error
from .query_tree import Atom, InPhase, InTime, Lacking, Name, Sampled, Span, Variable
from .timeline_tables import evidence_names
from .vocabulary import PredicateSpec

PLACES = ("subject", "object")
NOWHERE = Span(0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Leaves:
    """Makes the rows of leaves.

    Args:
        text: of the query, for errors.
        connection: to the tables.
        names: the nodes.
        specs: the predicates that occur in the query.
        statement: to which steps are added.
    """

    text: str
    connection: QueryConnection
    names: NodeNames
    specs: Mapping[str, PredicateSpec]
    statement: Statement
    stored: dict[tuple, str] = field(default_factory=dict)
    """The steps with the stored rows of atoms."""

    def relation(self, atom: Atom) -> str:
        """Where a relation holds between things that the terms stand for."""
        variables = variables_in_order(atom)
        return (
            f"SELECT {keys_of(variables)}, begin_ns, end_ns, s.certain, score FROM {self.facts(atom)} "
            f"JOIN {BOTH_SETS} ON is_certain OR NOT s.certain"
        )

    def facts(self, atom: Atom) -> str:
        """A step with the stored rows that an atom means, the same one wherever the atom stands.

        Its columns: the variables, begin_ns, end_ns, is_certain, score, is_swapped, and what is told of a fact: state,
        evidence, predicate, and subject and object in the order asked. What nobody reads of it is never decoded.
        """
        asked = (atom.predicate, *(replace(term, span=NOWHERE) for term in atom.terms))
        if asked not in self.stored:
            self.connection.need("relations")
            spec = self.specs[atom.predicate]
            directions = [PLACES, PLACES[::-1]] if spec.symmetric and len(atom.terms) == 2 else [PLACES]
            columns = (*PLACES, "predicate", "state", *self.connection.evidence())
            rows = " UNION ALL ".join(self._facts(atom, spec, places, columns) for places in directions)
            unmeasured = self.connection.unmeasured(atom.predicate)
            if unmeasured:
                rows += f" UNION ALL BY NAME {self._unmeasured(atom, spec, unmeasured)}"
            self.stored[asked] = self.statement.add("facts", rows)
        return self.stored[asked]

    def _unmeasured(self, atom: Atom, spec: PredicateSpec, procedures: Sequence[str]) -> str:
        """What nobody could measure, as unknown throughout, for all that a variable may be; no stored row says so.

        Nothing stands in a relation to itself, measured or not.
        """
        bind, bind_all = self.statement.bind, self.statement.bind_all
        layers = (spec.domain | spec.range,) * 2 if spec.symmetric else (spec.domain, spec.range)
        predicate = bind(atom.predicate)
        tables, own, told = ["procedures u"], dict[str, str](), []
        conditions = [
            f"u.procedure IN (SELECT unnest({bind(list(procedures))}::VARCHAR[]))",
            f"u.procedure NOT IN (SELECT procedure FROM relations WHERE predicate = {predicate})",
        ]
        for term, place, kinds in zip(atom.terms, PLACES, layers, strict=False):
            if isinstance(term, Variable):
                node = f"n_{place}"
                tables.append(f"nodes {node}")
                conditions += [f"{node}.procedure = u.procedure", f"{node}.layer IN {bind_all(sorted(kinds))}"]
                conditions += ["false" if term.name in own else f"{node}.node_id != {other}" for other in own.values()]
                own.setdefault(term.name, f"{node}.node_id")
                told.append(f"{node}.node_id AS {place}")
        columns = [f"{column} AS {column_of(name)}" for name, column in own.items()]
        chosen = ", ".join(["u.procedure", *columns, "u.begin_ns", "u.end_ns", "false AS is_certain", *told,
                            f"{predicate} AS predicate", "'unknown' AS state"])  # fmt: skip
        return f"SELECT {chosen} FROM {', '.join(tables)} WHERE {' AND '.join(conditions)}"

    def _facts(self, atom: Atom, spec: PredicateSpec, places: tuple[str, ...], columns: tuple[str, ...]) -> str:
        bind = self.statement.bind
        conditions = [f"r.predicate = {bind(spec.name)}"]
        joins, certain = [], ["r.state = 'true'"]
        seen: dict[str, str] = {}
        for term, place in zip(atom.terms, places, strict=False):
            column = f"r.{place}"
            if isinstance(term, Variable):
                if term.name in seen:
                    conditions.append(f"{column} = {seen[term.name]}")
                seen.setdefault(term.name, column)
            elif isinstance(term, Name):
                meaning = self.names.meaning(self.statement, term)
                if meaning.is_listed:
                    conditions.append(f"{column} IN {self.statement.bind_all(meaning.ids)}")
                if meaning.step:
                    table = f"n{len(joins)}"
                    joins.append(f" JOIN {meaning.step} {table} ON {table}.procedure = r.procedure AND "
                                 f"{table}.node_id = {column}")  # fmt: skip
                    certain.append(f"{table}.certain")
                elif meaning.ids != meaning.sure_ids:
                    certain.append(f"{column} IN {self.statement.bind_all(meaning.sure_ids)}")
        if len(atom.terms) == 1:
            conditions.append("r.object = ''")
        asked: dict[str, str] = dict(zip(PLACES, places, strict=True))
        told = [f"r.{quoted(asked.get(name, name))} AS {quoted(name)}" for name in columns]
        own = [f"{column} AS {column_of(name)}" for name, column in seen.items()]
        chosen = ", ".join(["r.procedure", *own, "r.begin_ns", "r.end_ns",
                            f"({' AND '.join(certain)}) IS TRUE AS is_certain", "r.score",
                            f"{places != PLACES} AS is_swapped", *told])  # fmt: skip
        return f"SELECT {chosen} FROM relations r{''.join(joins)} WHERE {' AND '.join(conditions)}"

    def evidence(self) -> list[str]:
        """The columns of evidence that may say something of the predicates of this query."""
        own, all_known = set(evidence_names(self.specs.values())), set(evidence_names())
        return [name for name in self.connection.evidence() if name in own or name not in all_known]

    def phase(self, leaf: InPhase) -> str:
        """A phase, certainly; one of a recording of which nobody knows the phases may be at any time."""
        known = self.known_phases(leaf.span)
        certain = f"p.begin_ns, p.end_ns, s.certain, 1.0::FLOAT AS score FROM phases p, {BOTH_SETS}"
        if isinstance(leaf.phase, Variable):
            return f"SELECT p.procedure, p.name AS {column_of(leaf.phase.name)}, {certain}"
        if leaf.phase not in known:
            raise query_error(
                f"unknown phase '{leaf.phase}'{nearest_name(leaf.phase, known)}", self.text, leaf.span,
                f"use one of {', '.join(known)}",
            )  # fmt: skip
        self.connection.need("procedures")
        return (
            f"SELECT p.procedure, {certain} WHERE p.name = {self.statement.bind(leaf.phase)} UNION ALL "
            "SELECT procedure, begin_ns, end_ns, false, 1.0 FROM procedures "
            "WHERE procedure NOT IN (SELECT procedure FROM phases)"
        )

    def known_phases(self, span: Span) -> list[str]:
        """The names of all phases.

        Raises:
            ConfigError: there are none.
        """
        sql = "SELECT DISTINCT name FROM phases ORDER BY name"
        known = [row[0] for row in self.connection.kept(sql, "phases")]
        if not known:
            raise query_error("no phases are known here", self.text, span, "`ortwin phases` says what they follow from")
        return known

    def time(self, leaf: InTime) -> str:
        """A time of the clock, from the begin of each recording."""
        self.connection.need("procedures")
        begin, end = (self.statement.bind(value) for value in (leaf.begin_ns, leaf.end_ns))
        return (
            f"SELECT procedure, begin_ns + {begin} AS begin_ns, least(begin_ns + {end}, end_ns) AS end_ns, s.certain, "
            f"1.0::FLOAT AS score FROM procedures, {BOTH_SETS}"
        )

    def lacking(self, leaf: Lacking) -> str:
        """All of the recordings that know no thing of a class, as what may be."""
        self.connection.need("procedures")
        step = self.names.step(self.statement, leaf.label)
        return (
            "SELECT procedure, begin_ns, end_ns, false AS certain, 1.0::FLOAT AS score FROM procedures "
            f"WHERE procedure NOT IN (SELECT procedure FROM {step})"
        )

    def sampled(self, leaf: Sampled) -> Rows:
        """Where a stream compares so; a value holds until the next one, and at most for its age."""
        self.connection.need("procedures")
        self._check_stream(leaf)
        bind = self.statement.bind
        value = "text" if isinstance(leaf.limit, str) else "value"
        unit = f" AND unit = {bind(leaf.unit)}" if leaf.unit else ""
        ends = (
            f"least(lead(time_ns, 1, {FAR_AHEAD_NS}) OVER (PARTITION BY procedure ORDER BY time_ns), "
            f"time_ns + coalesce(max_age_ns, {FAR_AHEAD_NS}))"
        )
        told = self.statement.add(
            "samples",
            f"SELECT procedure, time_ns AS begin_ns, {ends} AS end_ns, {value} {leaf.compare} "
            f"{bind(leaf.limit)} AS holds FROM streams WHERE name = {bind(leaf.stream)}{unit}",
        )
        return tested(self.statement, told, everywhere(self.statement))

    def _check_stream(self, leaf: Sampled) -> None:
        sql = "SELECT DISTINCT name, unit, text IS NOT NULL FROM streams WHERE value IS NOT NULL OR text IS NOT NULL"
        rows = self.connection.kept(f"{sql} ORDER BY ALL", "streams")
        known = sorted({row[0] for row in rows})
        if leaf.stream not in known:
            raise query_error(
                f"unknown stream '{leaf.stream}'{nearest_name(leaf.stream, known)}", self.text, leaf.span,
                f"use one of {', '.join(known)}" if known else "`ortwin stream add` brings one in",
            )  # fmt: skip
        is_text = any(row[2] for row in rows if row[0] == leaf.stream)
        if is_text != isinstance(leaf.limit, str):
            kind, todo = ("words", '= "..."') if is_text else ("numbers", "< 92")
            raise query_error(
                f"the stream '{leaf.stream}' has {kind}", self.text, leaf.span,
                f'write stream("{leaf.stream}") {todo}',
            )  # fmt: skip
        units = [row[1] for row in rows if row[0] == leaf.stream and row[1] is not None]
        if leaf.unit and leaf.unit not in units:
            raise query_error(
                f"the stream '{leaf.stream}' is in {' or '.join(units) or 'no unit'}, not in {leaf.unit}", self.text,
                leaf.span, f"compare it with a number in {' or '.join(units) or 'no unit'}",
            )  # fmt: skip
        if not leaf.unit and len(units) > 1:
            raise query_error(
                f"the stream '{leaf.stream}' has several units: {', '.join(units)}", self.text, leaf.span,
                f'say in which the limit is, as in stream("{leaf.stream}") < 92 {units[0]}',
            )  # fmt: skip


def tested(statement: Statement, told: str, where: Rows) -> Rows:
    """Where something that is told piece by piece holds, and where that is unknown.

    Args:
        statement: to which steps are added.
        told: a step with the keys, begin_ns, end_ns and holds: whether it does, null where nobody can say.
        where: the whole time at which it can be asked, with the same variables; what is not told in it is unknown.
    """
    keys = keys_of(where.variables)
    certain = settle(
        statement,
        f"SELECT {keys}, greatest(t.begin_ns, w.begin_ns) AS begin_ns, least(t.end_ns, w.end_ns) AS end_ns, "
        f"true AS certain, 1.0::FLOAT AS score FROM {told} t JOIN (SELECT * FROM {where.step} WHERE certain) w "
        f"USING ({keys}) WHERE t.holds",
        where.variables,
    )
    all_of_it = Rows(statement.add("asked", f"SELECT * FROM {where.step} WHERE NOT certain"), where.variables)
    refuted = f"SELECT {keys}, begin_ns, end_ns, false AS certain FROM {told} WHERE NOT holds"
    possible = minus(statement, all_of_it, refuted, where.variables, ALIKE)
    step = statement.add("tested", f"SELECT * FROM {certain.step} UNION ALL BY NAME SELECT * FROM {possible.step}")
    return Rows(step, where.variables)


def variables_in_order(leaf: Atom) -> tuple[str, ...]:
    """The names of an atom's variables, each once."""
    return tuple(dict.fromkeys(term.name for term in leaf.terms if isinstance(term, Variable)))
