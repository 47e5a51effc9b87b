"""Answers of `where(...)`: the positions of a thing, piece by piece, at all times or where an expression holds."""

from __future__ import annotations

from .query_algebra import ALIKE, Rows, column_of, minus
from .query_answers import leading, states
from .query_compile import Compiler
from .query_safety import needed_by
from .query_tree import Variable, Where


def select_places(compiler: Compiler, query: Where) -> str:
    """Where the thing is; unknown, without a position, where it exists and nobody measured it."""
    statement, measures = compiler.statement, compiler.measures
    measures.check_known(query.span)
    source, begin, end, sure = f"{_pieces(compiler, query)} p", "p.begin_ns", "p.end_ns", "p.is_sure"
    own = (query.term.name,) if isinstance(query.term, Variable) else ()
    others: tuple[str, ...] = ()
    if query.given:
        answers, given = states(compiler, query.given, _whoever(compiler, query, own))
        others = tuple(name for name in given if name not in own)
        same = "".join(f" AND g.{column_of(name)} = p.node_id" for name in own if name in given)
        source += (
            f" JOIN {answers} g ON g.procedure = p.procedure{same} AND g.begin_ns < p.end_ns AND p.begin_ns < g.end_ns"
        )
        begin, end = "greatest(p.begin_ns, g.begin_ns)", "least(p.end_ns, g.end_ns)"
        sure += " AND g.state = 'true'"
    columns = "".join(
        [f", p.node_id AS {column_of(name)}" for name in own] + [f", g.{column_of(name)}" for name in others]
    )
    rows = statement.add(
        "places",
        f"SELECT p.procedure{columns}, p.node_id, {begin} AS begin_ns, {end} AS end_ns, "
        f"if({sure}, 'true', 'unknown') AS state, p.x_m, p.y_m, p.z_m FROM {source}",
    )
    compiler.notes[rows] = query
    chosen = leading(compiler, (*own, *others), "node_id", "begin_ns", "end_ns", "state", "x_m", "y_m", "z_m")
    order = ", ".join(["procedure", "begin_ns", "end_ns", "node_id", *map(column_of, others)])
    return f"SELECT {chosen} FROM {rows} ORDER BY {order}"


def _whoever(compiler: Compiler, query: Where, own: tuple[str, ...]) -> Rows | None:
    """All nodes as bindings of the variable, where the expression can only test it."""
    if query.given is None or not needed_by(query.given):
        return None
    nodes = compiler.measures.nodes_of(query.term, "n")
    return Rows(
        compiler.statement.add("whoever", f"SELECT procedure, node_id AS {column_of(own[0])} FROM {nodes}"), own
    )


def _pieces(compiler: Compiler, query: Where) -> str:
    """A step with all pieces: procedure, node_id, begin_ns, end_ns, x_m, y_m, z_m (null where unknown), is_sure."""
    statement, measures = compiler.statement, compiler.measures
    placed = measures.placed()
    things = statement.add("things", f"SELECT * FROM {measures.nodes_of(query.term, 'n')}")
    lives = statement.add(
        "lives",
        f"SELECT procedure, node_id AS {column_of('1')}, begin_ns, end_ns, true AS certain, 1.0 AS score FROM {things}",
    )
    known = f"SELECT procedure, node_id AS {column_of('1')}, begin_ns, end_ns, true AS certain FROM {placed}"
    gaps = minus(statement, Rows(lives, ("1",)), known, ("1",), ALIKE)
    return statement.add(
        "pieces",
        "SELECT procedure, node_id, greatest(p.begin_ns, t.begin_ns) AS begin_ns, "
        "least(p.end_ns, t.end_ns) AS end_ns, "
        f"p.x_m, p.y_m, p.z_m, t.is_meant AS is_sure FROM {placed} p JOIN {things} t USING (procedure, node_id) "
        f"WHERE greatest(p.begin_ns, t.begin_ns) < least(p.end_ns, t.end_ns) "
        f"UNION ALL SELECT procedure, {column_of('1')}, begin_ns, end_ns, NULL, NULL, NULL, false FROM {gaps.step}",
    )
