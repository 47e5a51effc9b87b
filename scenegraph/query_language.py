"""The query language: from text to a syntax tree, with errors that point at the column.

The grammar is query.lark. The tree knows nothing of tables; query_engine.py gives it its meaning.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..capture.errors import ConfigError

if TYPE_CHECKING:
    from lark import Lark

GRAMMAR_FILE = Path(__file__).with_name("query.lark")
LONGEST_QUERY = 10_000

_MEANINGS = {
    "VARIABLE": "a ?variable",
    "NAME": "a name",
    "STRING": 'a "quoted name"',
    "LPAR": "'('",
    "RPAR": "')'",
    "COMMA": "','",
    "$END": "the end",
}


@dataclass(frozen=True, slots=True)
class Span:
    """Where in the text something stands: character numbers, half-open, from 0."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Variable:
    """`?x`: any node, the same one wherever the variable occurs."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Name:
    """A node or a class; `exact` (written in double quotes) means the node of just that id."""

    text: str
    exact: bool
    span: Span


Term = Variable | Name


@dataclass(frozen=True, slots=True)
class Atom:
    """`predicate(term, ...)`."""

    predicate: str
    terms: tuple[Term, ...]
    span: Span


Expression = Atom


def parse_query(text: str) -> Expression:
    """The syntax tree of a query.

    Raises:
        ConfigError: the text is not a query; says at which column, and what could have stood there.
    """
    from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken

    if not text.strip():
        raise ConfigError("the query is empty", todo="write one, for example close_to(person, ?x)")
    if len(text) > LONGEST_QUERY:
        raise ConfigError(f"the query has {len(text)} characters, more than {LONGEST_QUERY}")
    try:
        return _tree(_parser().parse(text))
    except UnexpectedCharacters as error:
        begin = error.pos_in_stream or 0
        raise query_error(
            f"unexpected {text[begin]!r}", text, Span(begin, begin + 1), _expected(error.allowed)
        ) from None
    except UnexpectedToken as error:
        ends = error.token.type == "$END"
        begin = len(text.rstrip()) if ends else error.token.start_pos or 0
        what = "the query ends too early" if ends else f"unexpected {str(error.token)!r}"
        span = Span(begin, begin + max(1, 0 if ends else len(error.token)))
        raise query_error(what, text, span, _expected(error.accepts or error.expected)) from None
    except UnexpectedEOF:
        raise query_error("the query ends too early", text, Span(len(text), len(text) + 1)) from None


def query_error(what: str, text: str, span: Span, todo: str = "") -> ConfigError:
    """An error with the line of the query that it is about and a caret under the place."""
    line_begin = text.rfind("\n", 0, span.begin) + 1
    line_end = text.find("\n", span.begin)
    line = text[line_begin : line_end if line_end >= 0 else len(text)].replace("\t", " ")
    column = span.begin - line_begin
    width = max(1, min(span.end, line_begin + len(line)) - span.begin)
    where = f"column {column + 1}" if "\n" not in text else f"line {text.count(chr(10), 0, line_begin) + 1}, "
    where += "" if "\n" not in text else f"column {column + 1}"
    return ConfigError(what, where=f"{where}\n    {line}\n    {' ' * column}{'^' * width}", todo=todo)


def _expected(terminals: Any) -> str:
    names = sorted({_MEANINGS[name] for name in terminals or () if name in _MEANINGS})
    return f"write {' or '.join(names)} there" if names else ""


@functools.cache
def _parser() -> Lark:
    from lark import Lark

    grammar = GRAMMAR_FILE.read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=False, propagate_positions=True)


def _tree(node: Any) -> Expression:
    predicate, *terms = node.children
    span = Span(node.meta.start_pos, node.meta.end_pos)
    return Atom(str(predicate), tuple(_term(term) for term in terms), span)


def _term(node: Any) -> Term:
    token = node.children[0]
    span = Span(token.start_pos, token.end_pos)
    if node.data == "variable":
        return Variable(str(token)[1:], span)
    exact = node.data == "exact_name"
    return Name(str(token)[1:-1] if exact else str(token), exact, span)
