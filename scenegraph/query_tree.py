"""The trees of the query language: what a text says, with the place of each part in it.

They know nothing of tables; query_compile.py gives them their meaning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


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
    """A node, a class, a role or a layer; `exact` (written in double quotes) means the node of just that id."""

    text: str
    exact: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Anything:
    """`_`: some node."""

    span: Span


Term = Variable | Name | Anything


@dataclass(frozen=True, slots=True)
class Atom:
    """`predicate(term, ...)`: a relation, or a state of one thing."""

    predicate: str
    terms: tuple[Term, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class InPhase:
    """`phase "name"`, or `phase(?x)` for any, with its name in ?x."""

    phase: str | Variable
    span: Span


@dataclass(frozen=True, slots=True)
class InTime:
    """From `begin_ns` up to and without `end_ns`, nanoseconds from the begin of the recording."""

    begin_ns: int
    end_ns: int
    span: Span


@dataclass(frozen=True, slots=True)
class Measured:
    """`distance(a, b) < 0.3 m`: a measure of the positions of things against a limit, metres or metres a second."""

    measure: str
    terms: tuple[Term, ...]
    compare: str
    limit: float
    span: Span


@dataclass(frozen=True, slots=True)
class Sampled:
    """`stream("spo2") < 92`: a stream against a number, in the given unit if any, or against words."""

    stream: str
    compare: str
    limit: float | str
    unit: str
    span: Span


@dataclass(frozen=True, slots=True)
class Lacking:
    """Unknown in recordings that know no thing of a class: nobody there can tell of it."""

    label: Name
    span: Span


@dataclass(frozen=True, slots=True)
class Not:
    """Where the part does not hold."""

    part: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class And:
    """Where all parts hold, with the same bindings."""

    parts: tuple[Expression, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Or:
    """Where some part holds."""

    parts: tuple[Expression, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Lasting:
    """Where the part holds without a break for more (less, ...) than a duration, nanoseconds."""

    part: Expression
    compare: str
    length_ns: int
    span: Span


@dataclass(frozen=True, slots=True)
class Near:
    """Where the part does not hold and will (`before`) or did, at most `within_ns` away; None for any time."""

    part: Expression
    before: bool
    within_ns: int | None
    span: Span


@dataclass(frozen=True, slots=True)
class Then:
    """`A then B within 10 s`: one after the other, from the begin of the first to the end of the last.

    Args:
        parts: in the order of time, two or more.
        within_ns: how far from each part the next may be, one fewer.
    """

    parts: tuple[Expression, ...]
    within_ns: tuple[int, ...]
    span: Span


Leaf = Atom | InPhase | InTime | Measured | Sampled | Lacking
Expression = Leaf | Not | And | Or | Lasting | Near | Then


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`count EXPR per phase`.

    Args:
        kind: count, duration, first or last.
        part: whose answers.
        variables: one answer for each of their bindings.
        per_phase, per_role: one for each phase, and one for each role of the expression's one person.
    """

    kind: str
    part: Expression
    variables: tuple[Variable, ...]
    per_phase: bool
    per_role: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Where:
    """`where(a)`: the positions of a thing, at all times or where some expression holds."""

    term: Term
    given: Expression | None
    span: Span


Query = Expression | Aggregate | Where


def parts_of(tree: Query) -> tuple[Expression, ...]:
    """The expressions of which another is made."""
    match tree:
        case And() | Or() | Then():
            return tree.parts
        case Not() | Lasting() | Near() | Aggregate():
            return (tree.part,)
        case Where():
            return () if tree.given is None else (tree.given,)
        case _:
            return ()


def leaves_of(tree: Query) -> Iterator[Leaf]:
    """All leaves, from left to right."""
    if isinstance(tree, Leaf):
        yield tree
    for part in parts_of(tree):
        yield from leaves_of(part)


def own_variables(tree: Query) -> tuple[Variable, ...]:
    """The variables that stand in this very part, and not in the parts of which it is made."""
    match tree:
        case Atom() | Measured():
            terms: tuple[object, ...] = tree.terms
        case InPhase():
            terms = (tree.phase,)
        case Where():
            terms = (tree.term,)
        case _:
            terms = ()
    return tuple(term for term in terms if isinstance(term, Variable))


def variables_of(tree: Query) -> tuple[Variable, ...]:
    """All variables, each where it stands first, in the order of the text."""
    found: dict[str, Variable] = {}

    def walk(part: Query) -> None:
        for variable in own_variables(part):
            found.setdefault(variable.name, variable)
        for inner in parts_of(part):
            walk(inner)

    walk(tree)
    return tuple(found.values())
