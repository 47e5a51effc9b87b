"""Answers that sum up: how often, how long, the first and the last, for each phase, role or binding."""

from __future__ import annotations

from .query_algebra import column_of, quoted
from .query_answers import states
from .query_compile import Compiler
from .query_text import query_error
from .query_tree import Aggregate
from .vocabulary import ROLES
from .vocabulary_terms import load_terms

#: What each kind gives of the true and of the unknown intervals: columns, and how a state's is found.
SUMS = {
    "count": (("count", "unknown_count"), "count(*) FILTER (state = '{}')"),
    "duration": (("duration_ns", "unknown_ns"), "coalesce(sum(end_ns - begin_ns) FILTER (state = '{}'), 0)::BIGINT"),
}


def select_aggregate(compiler: Compiler, query: Aggregate) -> str:
    """One row for each group; of a whole recording, or each of its phases, also where there is nothing to sum up."""
    statement, connection = compiler.statement, compiler.leaves.connection
    connection.need("procedures", "nodes")
    step, variables = states(compiler, query.part)
    groups: dict[str, str] = {}
    every = "SELECT procedure FROM procedures"
    if query.per_phase:
        compiler.leaves.known_phases(query.span)
        phases = "SELECT procedure, name AS phase, begin_ns AS phase_ns, end_ns AS phase_end_ns FROM phases"
        step = statement.add(
            "of_phases",
            f"SELECT a.* REPLACE (greatest(a.begin_ns, phase_ns) AS begin_ns, least(a.end_ns, phase_end_ns) AS end_ns),"
            f" phase, phase_ns FROM {step} a JOIN ({phases}) p ON a.procedure = p.procedure "
            "AND a.begin_ns < phase_end_ns AND phase_ns < a.end_ns",
        )
        groups |= {"phase_ns": "", "phase": "phase"}
        every = f"SELECT procedure, phase, phase_ns FROM ({phases})"
    if query.per_role:
        step = statement.add("of_roles", _with_role(compiler, query, step, variables))
        groups["role"] = "role"
    groups |= {column_of(variable.name): quoted(variable.name) for variable in query.variables}
    keys = ", ".join(["procedure", *groups])
    labels = ["procedure"] if connection.has_procedures else []
    labels += [f"{column} AS {name}" for column, name in groups.items() if name]
    if query.kind in ("first", "last"):
        own = [name for name in variables if column_of(name) not in groups]
        return _select_one(query, step, keys, labels, own)
    names, measure = SUMS[query.kind]
    sums = [f"{measure.format(state)} AS {name}" for state, name in zip(("true", "unknown"), names, strict=True)]
    told = query.variables or query.per_role
    source = step if told else f"({every}) LEFT JOIN {step} USING ({keys})"
    return f"SELECT {', '.join([*labels, *sums])} FROM {source} GROUP BY {keys} ORDER BY {keys}"


def _select_one(query: Aggregate, step: str, keys: str, labels: list[str], own: list[str]) -> str:
    """The first or last true interval of each group, else the first or last unknown one.

    maybe_ns is the begin of the first (last) unknown interval that would come before (after) it if it were true.
    """
    down, extreme, beyond = ("", "min", "<") if query.kind == "first" else (" DESC", "max", ">")
    order = ", ".join(["state = 'unknown'", f"begin_ns{down}", f"end_ns{down}", *map(column_of, own)])
    ranked = (
        f"SELECT *, row_number() OVER (PARTITION BY {keys} ORDER BY {order}) AS place, {extreme}(begin_ns) FILTER "
        f"(state = 'unknown') OVER (PARTITION BY {keys}) AS doubtful_ns FROM {step}"
    )
    maybe = f"if(state = 'true' AND doubtful_ns {beyond} begin_ns, doubtful_ns, NULL) AS maybe_ns"
    free = [f"{column_of(name)} AS {quoted(name)}" for name in own]
    columns = ", ".join([*labels, *free, "begin_ns", "end_ns", "state", "score", maybe])
    return f"SELECT {columns} FROM ({ranked}) WHERE place = 1 ORDER BY {keys}"


def _with_role(compiler: Compiler, query: Aggregate, step: str, variables: tuple[str, ...]) -> str:
    """The answers with the role of the one person of whom they tell; null where nobody knows it."""
    if len(variables) != 1:
        raise query_error(
            f"'per role' asks for one variable, and there {'are' if variables else 'is'} {len(variables) or 'none'}",
            compiler.leaves.text, query.span, "name who is meant ?p and write _ for anyone else: "
            "count holding(?p, _) per role",
        )  # fmt: skip
    terms = load_terms()
    roles = {name: row.role for name, row in terms.entities.items() if row.role} | {name: name for name in ROLES}
    labels, own = (compiler.statement.bind(list(values)) for values in (roles.keys(), roles.values()))
    known = f"(SELECT unnest({labels}::VARCHAR[]) AS label, unnest({own}::VARCHAR[]) AS role)"
    return (
        f"SELECT a.*, coalesce(n.role, k.role) AS role FROM {step} a LEFT JOIN nodes n ON n.procedure = a.procedure "
        f"AND n.node_id = a.{column_of(variables[0])} LEFT JOIN {known} k ON k.label = n.label"
    )
