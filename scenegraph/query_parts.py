"""From the parser's tree to the trees of query_tree.py, one method for each rule of query.lark."""

from __future__ import annotations

from typing import Any

from .query_text import check_number, clock_ns, duration_ns, measure_from, query_error
from .query_tree import (
    Aggregate,
    And,
    Anything,
    Atom,
    Expression,
    InPhase,
    InTime,
    Lasting,
    Leaf,
    Measured,
    Name,
    Near,
    Not,
    Or,
    Query,
    Sampled,
    Span,
    Term,
    Then,
    Variable,
    Where,
)

#: How much one query may hold; what people write stays far below.
DEEPEST, MOST_LEAVES = 32, 64
_TERMS_OF = {"distance": 2, "speed": 1, "height": 1}


class QueryParts:
    """Makes the parts of one query; a node of the parser has `data`, `children` and `meta`.

    Args:
        text: of the query, for errors.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.num_leaves = 0

    def query(self, node: Any) -> Query:
        """The whole query."""
        if node.data == "aggregate":
            return self._aggregate(node)
        if node.data == "where":
            term, *modifiers = node.children
            given = [self._given(modifier, 0) for modifier in modifiers]
            whole = None if not given else given[0] if len(given) == 1 else And(tuple(given), _span(node))
            return Where(self._term(term), whole, _span(node))
        return self.expression(node, 0)

    def expression(self, node: Any, depth: int) -> Expression:
        """An expression that stands `depth` levels deep."""
        span = _span(node)
        if depth > DEEPEST:
            raise query_error(f"the query is more than {DEEPEST} levels deep", self.text, span)
        match str(node.data):
            case "group":
                return self.expression(node.children[0], depth + 1)
            case "modified":
                return self._modified(node, depth)
            case "disjunction":
                return Or(tuple(self.expression(part, depth + 1) for part in node.children), span)
            case "conjunction":
                return And(tuple(self.expression(part, depth + 1) for part in node.children), span)
            case "negated":
                return Not(self.expression(node.children[0], depth + 1), span)
        self.num_leaves += 1
        if self.num_leaves > MOST_LEAVES:
            raise query_error(f"the query has more than {MOST_LEAVES} parts", self.text, span)
        return self._leaf(node, span)

    def _leaf(self, node: Any, span: Span) -> Leaf:
        match str(node.data):
            case "phase":
                return InPhase(_unquoted(node.children[0]), span)
            case "any_phase":
                return InPhase(self._variable(node.children[0]), span)
            case "measured":
                return self._measured(node, span)
            case "sampled":
                stream, compare, number, *unit = node.children
                limit, name = self._number(number), _unquoted(unit[0]) if unit else ""
                return Sampled(_unquoted(stream), str(compare), limit, name, span)
            case "said":
                stream, compare, words = node.children
                if compare not in ("=", "!="):
                    raise query_error("words are compared with = or !=", self.text, _span_of(compare))
                return Sampled(_unquoted(stream), str(compare), _unquoted(words), "", span)
        predicate, *terms = node.children
        return Atom(str(predicate), tuple(self._term(term) for term in terms), span)

    def _measured(self, node: Any, span: Span) -> Measured:
        measure, *rest = node.children
        terms = [part for part in rest if hasattr(part, "data")]
        compare, number, *unit = rest[len(terms) :]
        name, count = str(measure), _TERMS_OF[str(measure)]
        if len(terms) != count:
            raise query_error(
                f"{name} takes {count} term{'s' if count > 1 else ''}, got {len(terms)}", self.text, span,
                f"write {name}({', '.join(['?a', '?b'][:count])})",
            )  # fmt: skip
        self._check_order(compare, "a measure")
        limit = measure_from(name, str(number), str(unit[0]) if unit else "", self.text, _span_of(number, *unit))
        return Measured(name, tuple(self._term(term) for term in terms), str(compare), limit, span)

    def _modified(self, node: Any, depth: int) -> Expression:
        part, modifier = node.children
        span = _span(node)
        if modifier.data == "following":
            return self._sequence(part, modifier, span, depth)
        inner = self.expression(part, depth + 1)
        if modifier.data == "lasting":
            compare, duration = modifier.children
            self._check_order(compare, "a duration")
            return Lasting(inner, str(compare), self._duration(duration), span)
        return And((inner, self._given(modifier, depth)), span)

    def _sequence(self, part: Any, modifier: Any, span: Span, depth: int) -> Then:
        """`A then B within 10 s then C within 5 s` is one sequence of three; in parentheses it would be two."""
        other, duration = modifier.children
        within_ns = self._duration(duration)
        if within_ns == 0:
            raise query_error("'within' needs a time above 0", self.text, _span(duration))
        earlier = self.expression(part, depth + 1)
        later = self.expression(other, depth + 1)
        if isinstance(earlier, Then) and part.data == "modified":
            return Then((*earlier.parts, later), (*earlier.within_ns, within_ns), span)
        return Then((earlier, later), (within_ns,), span)

    def _given(self, modifier: Any, depth: int) -> Expression:
        """What a modifier asks for beside the expression that it follows."""
        span = _span(modifier)
        children = modifier.children
        match str(modifier.data):
            case "during":
                return self.expression(children[0], depth + 1)
            case "near":
                *within, word, other = children
                within_ns = self._duration(within[0]) if within else None
                if within_ns == 0:
                    raise query_error("'within' needs a time above 0", self.text, _span(within[0]))
                return Near(self.expression(other, depth + 1), str(word) == "before", within_ns, span)
            case "at":
                begin_ns = self._clock(children[0])
                return InTime(begin_ns, begin_ns + 1, span)
            case "between":
                begin_ns, end_ns = (self._clock(child) for child in children)
                if begin_ns >= end_ns:
                    raise query_error("the time after 'and' must be the later one", self.text, span)
                return InTime(begin_ns, end_ns, span)
        what, todo = (
            ("duration", "... for > 2 s") if modifier.data == "lasting" else ("'then'", "... then ... within 2 s")
        )
        raise query_error(f"where() takes no {what}", self.text, span, f"write where(a) during ({todo})")

    def _aggregate(self, node: Any) -> Aggregate:
        kind, part, *groupings = node.children
        words = [str(grouping.data) for grouping in groupings]
        for place, (word, grouping) in enumerate(zip(words, groupings, strict=True)):
            if word != "per_variable" and word in words[:place]:
                raise query_error(f"'{word.replace('_', ' ')}' stands twice", self.text, _span(grouping))
        variables = tuple(self._variable(each.children[0]) for each in groupings if each.data == "per_variable")
        expression = self.expression(part, 0)
        return Aggregate(str(kind), expression, variables, "per_phase" in words, "per_role" in words, _span(node))

    def _term(self, node: Any) -> Term:
        if node.data == "anything":
            return Anything(_span(node))
        token = node.children[0]
        if node.data == "variable":
            return self._variable(token)
        exact = node.data == "exact_name"
        return Name(_unquoted(token) if exact else str(token), exact, _span_of(token))

    def _variable(self, token: Any) -> Variable:
        return Variable(str(token)[1:], _span_of(token))

    def _duration(self, node: Any) -> int:
        number, *unit = node.children
        return duration_ns(str(number), str(unit[0]) if unit else "", self.text, _span(node))

    def _clock(self, node: Any) -> int:
        if node.children[0].type == "CLOCK":
            return clock_ns(str(node.children[0]), self.text, _span(node))
        return self._duration(node)

    def _number(self, token: Any) -> float:
        return check_number(str(token), self.text, _span_of(token))

    def _check_order(self, compare: Any, what: str) -> None:
        if compare in ("=", "!="):
            todo = "use < <= > or >="
            raise query_error(f"{what} hardly ever equals a number", self.text, _span_of(compare), todo)


def _span(node: Any) -> Span:
    return Span(node.meta.start_pos, node.meta.end_pos)


def _span_of(*tokens: Any) -> Span:
    return Span(tokens[0].start_pos, tokens[-1].end_pos)


def _unquoted(token: Any) -> str:
    return str(token)[1:-1] if str(token).startswith('"') else str(token)
