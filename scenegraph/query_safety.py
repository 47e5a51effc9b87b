"""Which variables an expression binds, and which it can only test: `not close_to(?p, ?q)` cannot say who is meant.

An expression is *safe* where every variable under `not` is bound by something that holds beside it. This is the range
restriction of relational calculus (Codd 1972).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .query_text import query_error
from .query_tree import (
    Aggregate,
    And,
    Expression,
    Lasting,
    Near,
    Not,
    Or,
    Query,
    Then,
    Variable,
    Where,
    parts_of,
    variables_of,
)


def names_in(tree: Query) -> frozenset[str]:
    """The names of all variables."""
    return frozenset(variable.name for variable in variables_of(tree))


def bound_by(tree: Expression) -> frozenset[str]:
    """The variables for which an expression gives values."""
    match tree:
        case And() | Then():
            return frozenset().union(*(bound_by(part) for part in tree.parts))
        case Or():
            return frozenset.intersection(*(bound_by(part) for part in tree.parts))
        case Not():
            return frozenset()
        case Lasting() | Near():
            return bound_by(tree.part)
    return names_in(tree)


def needed_by(tree: Expression) -> frozenset[str]:
    """The variables for which an expression must be given values from beside it."""
    match tree:
        case Not():
            return names_in(tree)
        case And() | Then():
            _, waiting = in_order(tree.parts, frozenset())
            lacking = frozenset().union(*(needed_by(part) for part in waiting))
            return lacking - frozenset().union(*(bound_by(part) for part in tree.parts if part not in waiting))
        case Or():
            return frozenset().union(*(needed_by(part) | (names_in(tree) - bound_by(part)) for part in tree.parts))
        case Lasting() | Near():
            return needed_by(tree.part)
    return frozenset()


def in_order(parts: Sequence[Expression], given: Iterable[str]) -> tuple[list[Expression], list[Expression]]:
    """The parts of an `and` in an order in which each finds its variables bound, and those that never do.

    What binds comes first, what only tests comes as late as it may.
    """
    known, ready, waiting = frozenset(given), [], list(parts)
    while waiting:
        part = next(
            (part for binds in (True, False) for part in waiting
             if needed_by(part) <= known and isinstance(part, Not) != binds),
            None,
        )  # fmt: skip
        if part is None:
            break
        waiting.remove(part)
        ready.append(part)
        known |= names_in(part)
    return ready, waiting


def check_safety(text: str, tree: Query) -> None:
    """Raises ConfigError where a variable is never bound, or is bound in one branch of `or` only."""
    if isinstance(tree, Where | Aggregate):
        given = names_in(Where(tree.term, None, tree.span)) if isinstance(tree, Where) else frozenset()
        for part in parts_of(tree):
            _check(text, part, given)
        if isinstance(tree, Aggregate):
            for variable in tree.variables:
                if variable.name not in names_in(tree.part):
                    raise query_error(f"?{variable.name} does not occur in what is counted", text, variable.span)
        return
    _check(text, tree, frozenset())


def _check(text: str, tree: Expression, given: frozenset[str]) -> None:
    lacking = needed_by(tree) - given
    if not lacking:
        return
    variable = _culprit(tree, lacking, given)
    raise query_error(
        f"?{variable.name} is not bound: nothing that holds beside it says which it is", text, variable.span,
        f"bind it in the same 'and', and in every part of an 'or', or write _ for anyone "
        f"(holding(?{variable.name}, _) and ...)",
    )  # fmt: skip


def _culprit(tree: Expression, lacking: frozenset[str], given: frozenset[str]) -> Variable:
    """The place to point at: a lacking variable in the deepest part that lacks it."""
    for part in parts_of(tree):
        beside = given
        if isinstance(tree, And | Then):
            beside |= frozenset().union(*(bound_by(other) for other in tree.parts if other is not part))
        if not isinstance(tree, Not) and needed_by(part) & lacking - beside:
            return _culprit(part, lacking, beside)
    return next(variable for variable in variables_of(tree) if variable.name in lacking)
