"""Answers queries over the relations and nodes tables of one twin, through a locked-down DuckDB connection.

Nothing that a user writes becomes part of the SQL text: names are bound as parameters, and result columns are named
after variables only once the grammar has passed them. The connection can reach neither files nor the network.

A symmetric relation is stored once and matches both ways. A fact is told once, as it is stored, where the two ways
differ in no binding: between two names or two variables. With one of each, each way binds the variable anew.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..capture.errors import ConfigError, nearest_name
from .query_language import Atom, Name, Span, Variable, parse_query, query_error
from .query_sources import QueryConnection, QuerySources
from .timeline_tables import KEYS
from .vocabulary import TRACK, PredicateSpec, canonical_name, known_labels, members_of, nearest_predicate

if TYPE_CHECKING:
    import pandas
    import pyarrow as pa

HTML_ROWS = 50

_LAYER_WORDS = {TRACK: "moving thing"}


@dataclass(frozen=True, slots=True, eq=False)
class QueryResult:
    """The answer: one row per interval and binding, in order of time.

    Args:
        expression: the query as written.
        variables: names of its variables, in order, without the question mark.
        table: a column per variable, then subject, predicate and object as asked, begin_ns, end_ns, state, score, and
            the evidence columns of the relations table.
    """

    expression: str
    variables: tuple[str, ...]
    table: pa.Table

    def __len__(self) -> int:
        return self.table.num_rows

    def to_arrow(self) -> pa.Table:
        """The rows as an Arrow table."""
        return self.table

    def rows(self) -> list[dict[str, Any]]:
        """The rows as dictionaries, None where a measure is absent."""
        return self.table.to_pylist()

    def to_pandas(self) -> pandas.DataFrame:
        """The rows as a data frame.

        Raises:
            ConfigError: pandas is not installed.
        """
        try:
            import pandas  # noqa: F401
        except ImportError:
            raise ConfigError(
                "the package pandas is not installed", why="ortwin itself does without it",
                todo="pip install pandas, or use .to_arrow()",
            ) from None  # fmt: skip
        return self.table.to_pandas()

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.table.column_names)
        body = "".join(
            "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row.values()) + "</tr>"
            for row in self.table.slice(0, HTML_ROWS).to_pylist()
        )
        more = f"<p>{len(self) - HTML_ROWS} more rows</p>" if len(self) > HTML_ROWS else ""
        caption = f"<caption>{html.escape(self.expression)}</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def run_query(expression: str, sources: QuerySources) -> QueryResult:
    """Answers a query.

    Args:
        expression: docs/query-language.md.
        sources: the tables of one recording or of many.

    Raises:
        ConfigError: the text is not a query, or it names a predicate, node or class that nobody knows, with the wrong
            number of terms, or in a place where it can never stand.
    """
    atom = parse_query(expression)
    spec = _checked_predicate(expression, atom, sources.predicates)
    with QueryConnection(sources) as connection:
        connection.need("nodes", "relations")
        catalog = _Catalog.of(connection.database.sql("SELECT * FROM nodes").to_arrow_table())
        for place, term in enumerate(atom.terms):
            if isinstance(term, Name):
                catalog.check(expression, term, _layers(spec, place), spec.name)
        variables = tuple(dict.fromkeys(term.name for term in atom.terms if isinstance(term, Variable)))
        there = connection.database.sql("SELECT * FROM relations LIMIT 0").columns
        columns = [name for name in there if name not in ("continues", "procedure")]
        if connection.has_procedures:
            columns.insert(0, "procedure")
        _check_variables(expression, atom, columns)
        sql, parameters = _select(atom, spec, catalog, variables, columns)
        table = connection.database.sql(sql, params=parameters).to_arrow_table()
    return QueryResult(expression, variables, table)


@dataclass(frozen=True, slots=True)
class _Catalog:
    """The nodes of the twin: label and layer by id."""

    labels: Mapping[str, str]
    layers: Mapping[str, str]

    @classmethod
    def of(cls, nodes: pa.Table) -> _Catalog:
        rows = nodes.select(["node_id", "label", "layer"]).to_pylist()
        return cls({row["node_id"]: row["label"] for row in rows}, {row["node_id"]: row["layer"] for row in rows})

    def matching(self, name: Name) -> list[str]:
        """The ids of the nodes that a name means: that of its own, those of its class, all fixtures, all zones."""
        if name.exact:
            return [name.text] if name.text in self.labels else []
        classes = members_of(name.text) | members_of(canonical_name(name.text))
        return [
            node_id for node_id, label in self.labels.items()
            if node_id == name.text or label in classes or (self.layers[node_id] == name.text != TRACK)
        ]  # fmt: skip

    def check(self, expression: str, name: Name, layers: frozenset[str], predicate: str) -> None:
        """Raises ConfigError where a name is not known, or where none of its nodes can stand."""
        matching = self.matching(name)
        if not matching and (name.exact or canonical_name(name.text) not in known_labels()):
            known = {*self.labels} if name.exact else {*self.labels, *self.labels.values(), *known_labels()}
            raise query_error(
                f"unknown name '{name.text}'{nearest_name(name.text, sorted(known))}", expression, name.span,
                f"this twin has {', '.join(sorted(self.labels)) or 'no nodes'}",
            )  # fmt: skip
        if matching and not any(self.layers[node_id] in layers for node_id in matching):
            kinds = " or a ".join(sorted(_LAYER_WORDS.get(layer, layer) for layer in layers))
            layer = self.layers[matching[0]]
            raise query_error(
                f"'{name.text}' is a {_LAYER_WORDS.get(layer, layer)}, and {predicate} takes a {kinds} there",
                expression, name.span,
            )  # fmt: skip


def _checked_predicate(expression: str, atom: Atom, specs: Mapping[str, PredicateSpec]) -> PredicateSpec:
    if atom.predicate not in specs:
        raise query_error(
            f"unknown predicate '{atom.predicate}'{nearest_predicate(atom.predicate, specs)}", expression,
            Span(atom.span.begin, atom.span.begin + len(atom.predicate)),
            f"use one of {', '.join(specs)}",
        )  # fmt: skip
    if len(atom.terms) != 2:
        raise query_error(
            f"{atom.predicate} takes 2 terms, got {len(atom.terms)}", expression, atom.span,
            f"write {atom.predicate}(?a, ?b)",
        )  # fmt: skip
    return specs[atom.predicate]


def _check_variables(expression: str, atom: Atom, columns: list[str]) -> None:
    taken = {name.casefold(): f"the answer's column '{name}'" for name in columns}
    for term in atom.terms:
        if isinstance(term, Variable):
            clash = taken.setdefault(term.name.casefold(), f"?{term.name}")
            if clash != f"?{term.name}":
                raise query_error(
                    f"?{term.name} cannot be told from {clash}", expression, term.span, "give the variable another name"
                )


def _layers(spec: PredicateSpec, place: int) -> frozenset[str]:
    return spec.domain | spec.range if spec.symmetric else (spec.domain, spec.range)[place]


def _select(
    atom: Atom, spec: PredicateSpec, catalog: _Catalog, variables: tuple[str, ...], columns: list[str]
) -> tuple[str, list]:
    terms = dict(zip(("subject", "object"), atom.terms, strict=True))
    names = {column: term for column, term in terms.items() if isinstance(term, Name)}
    facts = "SELECT *, false AS swapped FROM relations"
    if spec.symmetric and names:
        facts += " UNION ALL SELECT * REPLACE (object AS subject, subject AS object), true FROM relations"
    conditions = ["predicate = ?", *(f"list_contains(?, {column})" for column in names)]
    parameters = [spec.name, *(catalog.matching(name) for name in names.values())]
    if not names and len(variables) == 1:
        conditions.append("subject = object")
    places = {term.name: column for column, term in terms.items() if isinstance(term, Variable)}
    ordered = [*(name for name in KEYS if name in columns), *(name for name in columns if name not in KEYS)]
    chosen = [*(f"{places[name]} AS {_quoted(name)}" for name in variables), *map(_quoted, ordered)]
    sql = f"SELECT {', '.join(chosen)} FROM ({facts}) WHERE {' AND '.join(conditions)}"
    if len(names) == 2:
        pair = "least(subject, object), greatest(subject, object), begin_ns, end_ns, state"
        sql += f" QUALIFY row_number() OVER (PARTITION BY {pair} ORDER BY swapped) = 1"
    return f"{sql} ORDER BY begin_ns, end_ns, subject, object", parameters


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else html.escape(str(value))
