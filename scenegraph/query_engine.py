"""Answers queries over relations, nodes, positions, streams and phases, of one recording or of a library.

A query becomes one SQL statement for a locked-down DuckDB connection, which can reach neither files, beyond those that
it was given, nor the network. Nothing that a user writes becomes part of its text: names, numbers and words are bound
as parameters, and variables name columns only once the grammar has passed them.
"""

from __future__ import annotations

from dataclasses import dataclass

from .query_aggregates import select_aggregate
from .query_algebra import Statement
from .query_answers import select_facts, select_intervals
from .query_compile import Compiler
from .query_language import parse_query
from .query_leaves import Leaves
from .query_measures import Measures
from .query_names import NodeNames
from .query_places import select_places
from .query_result import QueryResult
from .query_safety import check_safety
from .query_sources import QueryConnection, QuerySources
from .query_text import query_error
from .query_tree import Aggregate, Atom, Name, Query, Where, leaves_of, variables_of
from .query_words import QueryWords
from .vocabulary import LAYERS, PredicateSpec

#: What a variable must not be called: the columns of answers.
TAKEN = (
    "procedure", "subject", "predicate", "object", "begin_ns", "end_ns", "state", "score", "evidence", "node_id", "x_m",
    "y_m", "z_m", "phase", "role", "count", "unknown_count", "duration_ns", "unknown_ns", "maybe_ns",
)  # fmt: skip


def run_query(expression: str, sources: QuerySources) -> QueryResult:
    """Answers one query; to ask several of the same sources, keep a `QuerySession`.

    Args:
        expression: docs/query-language.md.
        sources: the tables of one recording or of many.

    Raises:
        ConfigError: the text is not a query; or it names a predicate, node, class, phase or stream that nobody knows,
            with the wrong number of terms, or in a place where it can never stand; or a variable is not bound.
    """
    with QuerySession(sources) as session:
        return session.run(expression)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A query as SQL.

    Args:
        query: its tree.
        sql: one statement over the views of query_sources.py.
        values: its parameters.
        steps: the parts of the query, as written, by the name of the step that answers each.
    """

    query: Query
    sql: str
    values: dict[str, object]
    steps: dict[str, str]

    def describe(self) -> str:
        """The plan, the statement and its parameters, for people."""
        width = max(map(len, self.steps), default=0)
        plan = [f"{step:<{width}}  {text}" for step, text in self.steps.items()]
        values = [f"${name} = {value!r}" for name, value in self.values.items()]
        return "\n".join([*plan, "", self.sql, "", *values])


class QuerySession:
    """Sources that are asked more than once: what does not change between queries is read once.

    Args:
        sources: the tables of one recording or of many.
    """

    def __init__(self, sources: QuerySources) -> None:
        self.connection = QueryConnection(sources)

    def run(self, expression: str) -> QueryResult:
        """Answers a query.

        Raises:
            ConfigError: as `run_query`.
        """
        plan = self.plan(expression)
        table = self.connection.table(plan.sql, plan.values)
        names = [variable.name for variable in variables_of(plan.query) if variable.name in table.column_names]
        return QueryResult(expression, tuple(names), table)

    def sql(self, text: str) -> QueryResult:
        """Answers somebody's own SQL: one SELECT over the views, with nothing else in reach.

        Raises:
            ConfigError: it is anything else, or wants what it must not have.
        """
        return QueryResult(text, (), self.connection.read_only(text))

    def spans_ns(self) -> dict[str, tuple[int, int]]:
        """When each recording begins, from which times of a query count, and when it ends."""
        rows = self.connection.kept("SELECT procedure, begin_ns, end_ns FROM procedures", "procedures")
        return {name: (begin, end) for name, begin, end in rows}

    def plan(self, expression: str) -> Plan:
        """What a query will do.

        Raises:
            ConfigError: as `run_query`.
        """
        asked = parse_query(expression)
        _check_variables(expression, asked)
        check_safety(expression, asked)
        self.connection.need("nodes", "relations")
        words = QueryWords.of(self.connection, asked)
        query = words.expand(expression, asked)
        specs = {leaf.predicate: words.spec(expression, leaf) for leaf in leaves_of(query) if isinstance(leaf, Atom)}
        names, statement = NodeNames(self.connection), Statement()
        _check_names(expression, asked, names, specs)
        leaves = Leaves(expression, self.connection, names, specs, statement)
        compiler = Compiler(leaves, Measures(expression, self.connection, names, statement))
        match query:
            case Where():
                last = select_places(compiler, query)
            case Aggregate():
                last = select_aggregate(compiler, query)
            case Atom() if query == asked:
                last = select_facts(compiler, query)
            case _:
                last = select_intervals(compiler, query)
        steps = {step: expression[part.span.begin : part.span.end] for step, part in compiler.notes.items()}
        return Plan(query, statement.text(last), statement.values, steps)

    def close(self) -> None:
        """Lets the tables go."""
        self.connection.close()

    def __enter__(self) -> QuerySession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _check_names(text: str, query: Query, names: NodeNames, specs: dict[str, PredicateSpec]) -> None:
    for leaf in leaves_of(query):
        if not isinstance(leaf, Atom):
            continue
        spec = specs.get(leaf.predicate)
        either = spec.domain | spec.range if spec else frozenset(LAYERS)
        places = (spec.domain, spec.range) if spec and not spec.symmetric else (either, either)
        for term, layers in zip(leaf.terms, (*places, frozenset(LAYERS)), strict=False):
            if isinstance(term, Name):
                names.check(text, term, layers, leaf.predicate)


def _check_variables(text: str, query: Query) -> None:
    taken = {name: f"the answer's column '{name}'" for name in TAKEN}
    for variable in variables_of(query):
        clash = taken.setdefault(variable.name.casefold(), f"?{variable.name}")
        if clash != f"?{variable.name}":
            raise query_error(
                f"?{variable.name} cannot be told from {clash}", text, variable.span, "give the variable another name"
            )
