"""The query language: from text to a tree, with errors that point at the column.

The grammar is query.lark, the trees are those of query_tree.py, and query_parts.py makes the one from the other.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..capture.errors import ConfigError, nearest_name
from .query_parts import QueryParts
from .query_text import query_error
from .query_tree import Query, Span

if TYPE_CHECKING:
    from lark import Lark
    from lark.exceptions import UnexpectedToken

GRAMMAR_FILE = Path(__file__).with_name("query.lark")
LONGEST_QUERY = 10_000

_MEANINGS = {
    "VARIABLE": "a ?variable",
    "NAME": "a name",
    "STRING": 'a "quoted name"',
    "NUMBER": "a number",
    "CLOCK": "a time such as 00:12:30",
    "UNIT": "a unit",
    "COMPARE": "a comparison such as <",
    "LPAR": "'('",
    "RPAR": "')'",
    "COMMA": "','",
    "$END": "the end",
}
_MODIFIERS = {"FOR", "DURING", "WITHIN", "NEAR", "THEN", "BETWEEN", "AT"}
_WORDS = (
    "and", "or", "not", "for", "during", "within", "before", "after", "then", "between", "at", "phase", "stream", "per",
    "count", "duration", "first", "last", "where", "distance", "speed", "height",
)  # fmt: skip


def parse_query(text: str) -> Query:
    """The tree of a query.

    Raises:
        ConfigError: the text is not a query; says at which column, and what could have stood there.
    """
    from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken

    if not text.strip():
        raise ConfigError("the query is empty", todo="write one, for example close_to(person, ?x)")
    if len(text) > LONGEST_QUERY:
        raise ConfigError(f"the query has {len(text)} characters, more than {LONGEST_QUERY}")
    try:
        return QueryParts(text).query(_parser().parse(text))
    except UnexpectedCharacters as error:
        begin = error.pos_in_stream or 0
        span = Span(begin, begin + 1)
        raise query_error(f"unexpected {text[begin]!r}", text, span, _expected(error.allowed)) from None
    except UnexpectedToken as error:
        raise _unexpected(error, text) from None
    except UnexpectedEOF:
        raise query_error("the query ends too early", text, Span(len(text), len(text) + 1)) from None


def _unexpected(error: UnexpectedToken, text: str) -> ConfigError:
    ends = error.token.type == "$END"
    begin = len(text.rstrip()) if ends else error.token.start_pos or 0
    word = str(error.token)
    what = "the query ends too early" if ends else f"unexpected {word!r}"
    span = Span(begin, begin + max(1, 0 if ends else len(word)))
    expected = error.accepts or error.expected
    if word in ("and", "or") and expected >= _MODIFIERS - {"NEAR"}:
        todo = "put what stands before it in parentheses: (holding(?p, saw) for > 2 s) and ..."
    elif not ends and word not in _WORDS and (near := nearest_name(word, _WORDS)):
        what, todo = what + near, _expected(expected)
    elif word in _WORDS and expected & {"NAME", "STRING"}:
        todo = f'{word} is a word of the language; a node of that name is written "{word}"'
    else:
        todo = _expected(expected)
    return query_error(what, text, span, todo)


def _expected(terminals: Any) -> str:
    names = sorted({_MEANINGS[name] for name in terminals or () if name in _MEANINGS})
    if _MODIFIERS - {"NEAR"} <= set(terminals or ()):
        names.append("a modifier such as 'during'")
    elif "WITHIN" in (terminals or ()):
        names.append("how soon, as in 'within 10 s',")
    if {"AND", "OR"} & set(terminals or ()):
        names.append("'and', 'or'")
    return f"write {' or '.join(names)} there" if names else ""


@functools.cache
def _parser() -> Lark:
    from lark import Lark

    grammar = GRAMMAR_FILE.read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=False, propagate_positions=True)
