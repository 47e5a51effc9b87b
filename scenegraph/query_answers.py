"""Answers of expressions: the intervals of each binding, true or unknown, with the facts on which they rest.

A query that is one relation and nothing more has its stored facts as answers, one row each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .query_algebra import FAR_AHEAD_NS, Rows, column_of, in_doubt, keys_of, quoted, same_keys
from .query_compile import Compiler
from .query_leaves import variables_in_order
from .query_tree import Atom, Expression, Near, Not, Variable, parts_of, variables_of

FACT = ("begin_ns", "end_ns", "subject", "predicate", "object", "state", "score")


def select_facts(compiler: Compiler, atom: Atom) -> str:
    """The stored rows of one relation; a symmetric one between two names or two variables is told once."""
    leaves = compiler.leaves
    evidence = leaves.connection.evidence()
    variables = variables_in_order(atom)
    step = leaves.facts(atom)
    compiler.notes[step] = atom
    chosen = leading(compiler, variables, "subject", "predicate", "object", "begin_ns", "end_ns",
                     "if(is_certain, 'true', 'unknown') AS state", "score", *map(quoted, evidence))  # fmt: skip
    once = ""
    num_free = sum(isinstance(term, Variable) for term in atom.terms)
    if leaves.specs[atom.predicate].symmetric and num_free != 1:
        pair = "procedure, least(subject, object), greatest(subject, object), begin_ns, end_ns, is_certain"
        once = f" QUALIFY row_number() OVER (PARTITION BY {pair} ORDER BY is_swapped) = 1"
    return f"SELECT {chosen} FROM {step}{once} ORDER BY procedure, begin_ns, end_ns, subject, object"


def select_intervals(compiler: Compiler, tree: Expression) -> str:
    """The intervals of an expression: variables, begin_ns, end_ns, state, score, and a list of facts as evidence."""
    step, variables = states(compiler, tree)
    evidence = _evidence(compiler, tree, step, variables)
    order = ", ".join(["procedure", "begin_ns", "end_ns", *map(column_of, variables)])
    chosen = leading(compiler, variables, "begin_ns", "end_ns", "state", "score", "coalesce(evidence, []) AS evidence")
    return f"SELECT {chosen} FROM {step} LEFT JOIN {evidence} USING ({keys_of(variables)}, begin_ns) ORDER BY {order}"


def leading(compiler: Compiler, variables: Sequence[str], *further: str) -> str:
    """The columns of an answer: the recording where there may be several, each variable, and further ones."""
    own = [f"{column_of(name)} AS {quoted(name)}" for name in variables]
    return ", ".join([*(["procedure"] if compiler.leaves.connection.has_procedures else []), *own, *further])


def states(compiler: Compiler, tree: Expression, given: Rows | None = None) -> tuple[str, tuple[str, ...]]:
    """A step with the intervals of an expression, each true or unknown, and its variables in the order of the text."""
    statement = compiler.statement
    rows = compiler.rows(tree, given)
    variables = tuple(variable.name for variable in variables_of(tree))
    unknown = in_doubt(statement, rows)
    keys = keys_of(variables)
    step = statement.add(
        "answers",
        f"SELECT {keys}, begin_ns, end_ns, 'true' AS state, score FROM {rows.step} WHERE certain UNION ALL "
        f"SELECT {keys}, begin_ns, end_ns, 'unknown', NULL FROM {unknown.step}",
    )
    return step, variables


def _evidence(compiler: Compiler, tree: Expression, step: str, variables: tuple[str, ...]) -> str:
    """A step with the stored facts that speak of each answer: those of its relations, and what made it unknown."""
    leaves, statement = compiler.leaves, compiler.statement
    columns = (*FACT, *leaves.evidence())
    fact = ", ".join(f"{quoted(name)} := f.{quoted(name)}" for name in columns)
    keys = f"{keys_of(variables)}, begin_ns"
    parts = []
    for atom, positive, back_ns, ahead_ns in _atoms(tree, True, 0, 0):
        doubtful = "" if positive else " AND NOT f.is_certain"
        shared = [name for name in variables_in_order(atom) if name in variables]
        parts.append(
            f"SELECT {keys_of(variables, 'a')}, a.begin_ns, struct_pack({fact}) AS fact "
            f"FROM {step} a JOIN {leaves.facts(atom)} f ON {same_keys(shared, 'a', 'f')} "
            f"AND f.begin_ns < a.end_ns + {ahead_ns} "
            f"AND a.begin_ns - {back_ns} < f.end_ns AND f.score IS NOT NULL{doubtful}"
        )
    if not parts:
        return statement.add("evidence", f"SELECT {keys}, [] AS evidence FROM {step} WHERE false")
    facts = " UNION ALL ".join(parts)
    told = f"SELECT {keys}, list(DISTINCT fact ORDER BY fact) AS evidence FROM ({facts}) GROUP BY {keys}"
    return statement.add("evidence", told)


def _atoms(tree: Expression, positive: bool, back_ns: int, ahead_ns: int) -> Iterator[tuple[Atom, bool, int, int]]:
    """All relations of an expression: whether it wants them to hold, and how far from an answer they may lie."""
    if isinstance(tree, Atom):
        yield tree, positive, back_ns, ahead_ns
    if isinstance(tree, Near):
        within_ns = FAR_AHEAD_NS if tree.within_ns is None else tree.within_ns
        back_ns = back_ns if tree.before else min(back_ns + within_ns, FAR_AHEAD_NS)
        ahead_ns = min(ahead_ns + within_ns, FAR_AHEAD_NS) if tree.before else ahead_ns
    for part in parts_of(tree):
        yield from _atoms(part, positive != isinstance(tree, Not), back_ns, ahead_ns)
