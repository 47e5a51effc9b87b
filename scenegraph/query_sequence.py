"""Sequences of events in SQL: one thing holds, and a moment later another does.

That after some instant of A there is one of B, at most so far away, can only become truer where A or B hold for longer.
So what certainly holds and what may hold are found each for itself, from the two sets of query_algebra.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from .query_algebra import Rows, Statement, column_of, keys_of, same_keys, settle


def follow(statement: Statement, parts: Sequence[Rows], within_ns: Sequence[int]) -> Rows:
    """From the begin of a run of the first part to the end of one of the last, where each follows the one before it.

    One run follows another where it has an instant after one of the other, at most so far away. What the sequence has
    come to at that instant goes on with the run, so that the next part may follow as soon as it.

    Args:
        statement: to which the steps are added.
        parts: settled, in the order of time, two or more.
        within_ns: how far after the one before it each next part may hold, nanoseconds, above 0; one fewer.

    Returns:
        Settled rows; the score of a sequence is that of its worst part.
    """
    variables = parts[0].variables
    chain = statement.add("first", f"SELECT *, begin_ns AS from_ns FROM {parts[0].step}")
    for part, within in zip(parts[1:], within_ns, strict=True):
        shared = [name for name in part.variables if name in variables]
        own = [name for name in part.variables if name not in variables]
        keys = ", ".join([keys_of(variables, "l"), *(f"r.{column_of(name)}" for name in own), "l.certain"])
        chain = statement.add(
            "then",
            f"SELECT {keys}, min(l.begin_ns) AS begin_ns, r.end_ns, greatest(r.begin_ns, l.from_ns + 1) AS from_ns, "
            f"max(least(l.score, r.score)) AS score FROM {chain} l JOIN {part.step} r "
            f"ON {same_keys(shared, 'l', 'r')} AND l.certain = r.certain AND l.from_ns + 1 < r.end_ns "
            f"AND r.begin_ns < l.end_ns + {statement.bind(within)} GROUP BY ALL",
        )
        variables = (*variables, *own)
    return settle(statement, f"SELECT {keys_of(variables)}, certain, begin_ns, end_ns, score FROM {chain}", variables)
