"""Why a query has no answer: which of its parts never hold, and which names mean nothing here."""

from __future__ import annotations

from collections.abc import Iterator

from .query_engine import QuerySession
from .query_language import parse_query
from .query_names import NodeNames
from .query_tree import Atom, InTime, Leaf, Measured, Name, Not, Query, Where, leaves_of, parts_of


def why_nothing(session: QuerySession, expression: str) -> list[str]:
    """Sentences that say why a query has no row, by its parts.

    Args:
        session: that gave no row.
        expression: the query.
    """
    query = parse_query(expression)
    names, told = NodeNames(session.connection), session.connection.told_predicates()
    wanted = list(_wanted(query))
    found = [f"nothing here is called '{name.text}'" for name in _names_in(query) if not names.is_any(name)]
    longest_ns = max((end - begin for begin, end in session.spans_ns().values()), default=0)
    for leaf in wanted:
        text = expression[leaf.span.begin : leaf.span.end]
        if isinstance(leaf, InTime):
            if leaf.begin_ns >= longest_ns:
                found.append(f"the recording ends after {longest_ns * 1e-9:g} s, before {text}")
        elif (
            isinstance(leaf, Atom)
            and leaf.predicate in session.connection.sources.predicates
            and (leaf.predicate not in told)
        ):
            found.append(f"no '{leaf.predicate}' was found here, of anybody or anything")
        elif len(wanted) > 1 and not len(session.run(text)):
            found.append(f"{text} never holds by itself, and is never unknown")
    if not found and len(wanted) > 1:
        found.append("each part holds at some time, but never together as they are asked for")
    return list(dict.fromkeys(found))


def _names_in(query: Query) -> Iterator[Name]:
    for leaf in leaves_of(query):
        if isinstance(leaf, Atom | Measured):
            yield from (term for term in leaf.terms if isinstance(term, Name))
    if isinstance(query, Where) and isinstance(query.term, Name):
        yield query.term


def _wanted(query: Query) -> Iterator[Leaf]:
    """The leaves that must hold for an answer: what stands under `not` need not."""
    if isinstance(query, Leaf):
        yield query
    for part in () if isinstance(query, Not) else parts_of(query):
        yield from _wanted(part)
