"""Writes random queries over the worlds of random_worlds.py."""

import numpy as np
from ortwin.capture.errors import ConfigError
from ortwin.scenegraph.query_language import parse_query
from ortwin.scenegraph.query_safety import check_safety
from ortwin.scenegraph.query_tree import Aggregate, variables_of
from random_worlds import NUM_INSTANTS, ROLES

TERMS = ("p1", '"p2"', "person", "drill", "instrument", "operating_table", "fixture", "patient", *ROLES, "_")


class Writer:
    """Draws the parts of a query.

    Args:
        rng: from which.
        variables: the names of those that may occur.
    """

    def __init__(self, rng, variables):
        self.rng, self.variables = rng, variables

    def pick(self, *choices):
        return choices[int(self.rng.integers(len(choices)))]

    def term(self):
        return f"?{self.pick(*self.variables)}" if self.variables and self.rng.random() < 0.6 else self.pick(*TERMS)

    def leaf(self):
        kind = self.rng.random()
        one, two = self.term(), self.term()
        compare, number = self.pick("<", "<=", ">", ">="), int(self.rng.integers(0, 5))
        if kind < 0.45:
            return f"{self.pick('holding', 'close_to')}({one}, {two})"
        if kind < 0.5:
            return f"handover({one}, {two}, {self.term()})"
        if kind < 0.62:
            return f"resting({one})"
        if kind < 0.72:
            return self.pick('phase "one"', 'phase("two")', "phase(?f)")
        if kind < 0.8:
            return f'stream("spo2") {self.pick("<", "<=", ">", ">=", "=", "!=")} {number}{self.pick("", " %")}'
        if kind < 0.85:
            return f'stream("robot") {self.pick("=", "!=")} "{self.pick("cut", "idle", "park")}"'
        if kind < 0.92:
            return f"distance({one}, {two}) {compare} {number}{self.pick(' m', '.5 m', '00 cm')}"
        if kind < 0.96:
            return f"height({one}) {compare} {number} m"
        return f"speed({one}) {compare} {number}e9 m/s"

    def given(self, depth):
        """What follows an expression and says at which time it counts."""
        kind = self.rng.random()
        length, start = self.length(), int(self.rng.integers(0, NUM_INSTANTS))
        other = f"{self.pick('', '', 'not ')}({self.expression(depth)})"
        if kind < 0.5:
            within = f"within {length} ns " if self.rng.random() < 0.7 else ""
            return f"{within}{self.pick('before', 'after')} {other}"
        if kind < 0.75:
            return f"during {other}"
        return self.pick(f"at {start} ns", f"between {start} ns and {start + 1 + length} ns")

    def length(self):
        return int(self.rng.integers(1, 8))

    def expression(self, depth):
        kind = self.rng.random() if depth else 0.0
        if kind < 0.3:
            return self.leaf()
        part = f"({self.expression(depth - 1)})"
        if kind < 0.48:
            return f"{part} and ({self.expression(depth - 1)})"
        if kind < 0.57:
            return f"{part} or ({self.expression(depth - 1)})"
        if kind < 0.70:
            return f"{part} and not ({self.expression(depth - 1)})" if self.rng.random() < 0.8 else f"not {part}"
        if kind < 0.77:
            return f"{part} for {self.pick('<', '<=', '>', '>=')} {self.length()} ns"
        if kind < 0.87:
            steps = [f"{self.pick('', '', '', 'not ')}({self.expression(depth - 1)}) within {self.length()} ns"
                     for _ in range(self.pick(1, 1, 2))]  # fmt: skip
            return " then ".join([part, *steps])
        return f"{part} {self.given(depth - 1)}"

    def query(self, depth):
        kind = self.rng.random()
        if kind < 0.07:
            given = f" {self.given(depth - 1)}" if self.rng.random() < 0.7 else ""
            return f"where({self.term()}){given}"
        if kind < 0.25:
            groups = [" per phase"] * (self.rng.random() < 0.4) + [" per role"] * (self.rng.random() < 0.2)
            if self.variables and self.rng.random() < 0.5:
                groups.append(f" per ?{self.pick(*self.variables)}")
            part = self.expression(depth)
            return f"{self.pick('count', 'duration', 'first', 'last')} ({part}){''.join(groups)}"
        return self.expression(depth)


def random_query(rng, deepest):
    """A query that is safe, and its tree."""
    while True:
        writer = Writer(rng, "xy"[: int(rng.integers(0, 3))])
        text = writer.query(int(rng.integers(1, deepest + 1)))
        tree = parse_query(text)
        try:
            check_safety(text, tree)
        except ConfigError:
            continue
        if isinstance(tree, Aggregate) and tree.per_role and [v.name for v in variables_of(tree)] not in (["x"], ["y"]):
            continue
        return text, tree


def generator(seed):
    """The random numbers of the queries that are put to the world of a seed."""
    return np.random.default_rng([seed, 1])
