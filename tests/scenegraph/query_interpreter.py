"""Answers queries the slow way: it looks at one instant after the other, for one binding of the variables at a time.

It shares the parser with the engine and nothing else: it knows no intervals, no SQL and no sets of two. Its rules are
those of docs/query-language.md.
"""

import itertools
import operator

import numpy as np
from ortwin.scenegraph.query_tree import (
    And,
    Anything,
    Atom,
    InPhase,
    InTime,
    Lasting,
    Measured,
    Near,
    Not,
    Or,
    Sampled,
    Then,
    Variable,
    variables_of,
)
from random_worlds import AXES, ROLES, SPECS

AGE_NS, HANDOVER_NS = 4, 5
COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}
CLASSES = {
    "person": {"person", "patient"}, "patient": {"patient"}, "instrument": {"drill"}, "drill": {"drill"},
    "operating_table": {"operating_table"}, "fixture": {"operating_table"},
}  # fmt: skip
FALSE, UNKNOWN, TRUE = 0, 1, 2


class Interpreter:
    """The truth of an expression at every instant of one recording."""

    def __init__(self, world, procedure):
        def own(rows):
            return [row for row in rows if row["procedure"] == procedure]

        (span,) = own(world.spans)
        self.begin, self.end, self.measured = span["begin_ns"], span["end_ns"], span["measured"]
        self.instants = range(self.begin, self.end)
        self.nodes = {row["node_id"]: row for row in own(world.nodes)}
        self.facts, self.phases, self.samples = own(world.relations), own(world.phases), own(world.streams)
        self.positions = {name: [row for row in own(world.positions) if row["node_id"] == name] for name in self.nodes}
        self.roles = {row["role"] for row in self.nodes.values()}
        self.told = {}

    def stands_for(self, term, node_id, binding):
        """How far a node is meant by a term."""
        node = self.nodes[node_id]
        if isinstance(term, Variable):
            return TRUE if binding[term.name] == node_id else FALSE
        if isinstance(term, Anything) or node_id == term.text:
            return TRUE
        if term.exact:
            return FALSE
        if term.text in ROLES:
            may_be = node["label"] == "person" and node["role"] is None and term.text not in self.roles
            return TRUE if node["role"] == term.text else UNKNOWN if may_be else FALSE
        return TRUE if node["label"] in CLASSES.get(term.text, ()) else FALSE

    def truths(self, tree, binding):
        """(truth, score) at every instant; a score where it is true, which is one number for each run of instants."""
        key = tree, *(binding[variable.name] for variable in variables_of(tree))
        if key not in self.told:
            self.told[key] = self._truths(tree, binding)
        return self.told[key]

    def _truths(self, tree, binding):
        match tree:
            case Atom(terms=(giver, taker, tool)):
                held = [Atom("holding", (who, tool), tree.span) for who in (taker, giver)]
                until = Or((held[1], Near(held[1], False, HANDOVER_NS, tree.span)), tree.span)
                parts = (Atom("handover", (giver, taker), tree.span), held[0], until)
                return self.truths(And(parts, tree.span), binding)
            case Atom():
                return self.relation(tree, binding)
            case And():
                parts = [self.truths(part, binding) for part in tree.parts]
                return self.levelled(
                    [(min(p[i][0] for p in parts), min(p[i][1] for p in parts)) for i in range(len(self.instants))]
                )
            case Or():
                return self.united([self.truths(part, binding) for part in tree.parts])
            case Not():
                return [(TRUE - truth, 1.0) for truth, _ in self.truths(tree.part, binding)]
            case Lasting():
                return self.lasting(tree, self.truths(tree.part, binding))
            case Near():
                return self.near(tree, self.truths(tree.part, binding))
            case Then():
                return self.sequence(tree, [self.truths(part, binding) for part in tree.parts])
        return [(self.leaf(tree, time, binding), 1.0) for time in self.instants]

    def relation(self, atom, binding):
        spec = SPECS[atom.predicate]
        found = []
        for fact in self.facts:
            if fact["predicate"] != atom.predicate:
                continue
            pair = (fact["subject"], fact["object"])
            for nodes in {pair, pair[::-1]} if spec.symmetric else {pair}:
                meant = min(self.stands_for(term, node, binding) for term, node in zip(atom.terms, nodes, strict=False))
                truth = min(meant, TRUE if fact["state"] == "true" else UNKNOWN)
                if truth > FALSE:
                    found.append([(truth if fact["begin_ns"] <= time < fact["end_ns"] else FALSE, fact["score"])
                                  for time in self.instants])  # fmt: skip
        names = [term.name for term in atom.terms if isinstance(term, Variable)]
        if atom.predicate not in self.measured and len({binding[name] for name in names}) == len(names):
            found.append([(UNKNOWN, 0.0)] * len(self.instants))
        return self.united(found)

    def united(self, signals):
        """Some of several holds; a run of instants has the best score of what is true in it."""
        if not signals:
            return [(FALSE, 0.0)] * len(self.instants)
        truth = [max(signal[i][0] for signal in signals) for i in range(len(self.instants))]
        score = [
            max((signal[i][1] for signal in signals if signal[i][0] == TRUE), default=0.0) for i in range(len(truth))
        ]
        return self.levelled(list(zip(truth, score, strict=True)), max)

    def levelled(self, signal, choose=None):
        out = list(signal)
        for low, high in runs(signal, TRUE):
            if choose:
                best = choose(signal[i][1] for i in range(low, high))
                out[low:high] = [(TRUE, best)] * (high - low)
        return out

    def lasting(self, tree, signal):
        fits = COMPARE[tree.compare]
        out = []
        for i, (truth, score) in enumerate(signal):
            certain = length_at(signal, i, TRUE)
            possible = length_at(signal, i, UNKNOWN)
            if truth == FALSE:
                out.append((FALSE, score))
            elif tree.compare in (">", ">="):
                surely = truth == TRUE and fits(certain, tree.length_ns)
                out.append((TRUE if surely else UNKNOWN if fits(possible, tree.length_ns) else FALSE, score))
            elif truth == TRUE and not fits(certain, tree.length_ns):
                out.append((FALSE, score))
            else:
                out.append((TRUE if truth == TRUE and fits(possible, tree.length_ns) else UNKNOWN, score))
        return out

    def near(self, tree, signal):
        within = len(signal) if tree.within_ns is None else tree.within_ns
        reach, out = [], []
        for i in range(len(signal)):
            later = range(i + 1, min(len(signal), i + within + 1)) if tree.before else range(max(0, i - within), i)
            reach.append(max((signal[k][0] for k in later), default=FALSE))
        levelled = self.levelled(self.stretched(tree, signal, within), max)
        for i, (truth, _) in enumerate(signal):
            out.append((min(TRUE - truth, reach[i]), levelled[i][1]))
        return out

    def stretched(self, tree, signal, within):
        """Runs with the instants before (after) them, and the best score of those that reach there."""
        out = [(FALSE, 0.0)] * len(signal)
        for low, high in runs(signal, TRUE):
            first, last = (low - within, high - 1) if tree.before else (low + 1, high + within)
            for i in range(max(0, first), min(len(signal), last)):
                out[i] = (TRUE, max(out[i][1], signal[low][1]))
        return out

    def sequence(self, tree, signals):
        """True where it is with only what is certain, unknown where it is with all that may be."""
        out = [(FALSE, 0.0)] * len(self.instants)
        for least in (UNKNOWN, TRUE):
            for begin, end, score in chains(signals, tree.within_ns, least):
                for i in range(begin, end):
                    out[i] = (least, max(out[i][1], score) if least == TRUE else 0.0)
        return self.levelled(out, max)

    def leaf(self, tree, time, binding):
        match tree:
            case InPhase():
                name = binding[tree.phase.name] if isinstance(tree.phase, Variable) else tree.phase
                if not self.phases:
                    return FALSE if isinstance(tree.phase, Variable) else UNKNOWN
                here = [row["name"] for row in self.phases if row["begin_ns"] <= time < row["end_ns"]]
                return TRUE if name in here else FALSE
            case InTime():
                return TRUE if tree.begin_ns <= time - self.begin < tree.end_ns else FALSE
            case Sampled():
                kind = "text" if isinstance(tree.limit, str) else "value"
                before = [row for row in self.samples if row["name"] == tree.stream and row["time_ns"] <= time]
                if not before or before[-1][kind] is None:
                    return UNKNOWN
                age = before[-1]["max_age_ns"]
                if age is not None and time - before[-1]["time_ns"] >= age:
                    return UNKNOWN
                return TRUE if COMPARE[tree.compare](before[-1][kind], tree.limit) else FALSE
            case Measured():
                return self.measure(tree, time, binding)
        raise AssertionError(tree)

    def measure(self, tree, time, binding):
        same = len({getattr(term, "name", id(term)) for term in tree.terms}) == 1
        meant = [[(node, self.stands_for(term, node, binding)) for node in self.nodes] for term in tree.terms]
        best = FALSE
        for pair in itertools.product(*([each for each in one if each[1]] for one in meant)):
            nodes = [node for node, _ in pair]
            if len(nodes) == 2 and (nodes[0] == nodes[1]) != same:
                continue
            if all(self.exists(node, time) for node in nodes):
                value = self.value(tree.measure, nodes, time)
                truth = UNKNOWN if value is None else TRUE if COMPARE[tree.compare](value, tree.limit) else FALSE
                best = max(best, min(truth, *(sure for _, sure in pair)))
        return best

    def value(self, measure, nodes, time):
        if measure == "speed":
            return self.speed(nodes[0], time)
        places = [self.place(node, time) for node in nodes]
        if None in places:
            return None
        if measure == "height":
            return places[0][2]
        return float(np.sqrt(sum((a - b) * (a - b) for a, b in zip(*places, strict=True))))

    def exists(self, node, time):
        return self.nodes[node]["first_ns"] <= time <= self.nodes[node]["last_ns"]

    def place(self, node, time):
        row = self.nodes[node]
        if row["layer"] != "track":
            return row["x_m"], row["y_m"], row["z_m"]
        before = [sample for sample in self.positions[node] if time - AGE_NS < sample["time_ns"] <= time]
        return (before[-1]["x_m"], before[-1]["y_m"], before[-1]["z_m"]) if before else None

    def speed(self, node, time):
        if self.nodes[node]["layer"] != "track":
            return 0.0
        samples = self.positions[node]
        for one, two in itertools.pairwise(samples):
            if one["time_ns"] <= time < two["time_ns"] and two["time_ns"] - one["time_ns"] <= AGE_NS:
                way = np.sqrt(sum((two[axis] - one[axis]) ** 2 for axis in AXES))
                return float(way / ((two["time_ns"] - one["time_ns"]) / 1e9))
        return None


def runs(signal, least, most=TRUE):
    """The runs of instants that are at least so true, and at most so, half-open."""
    held = [False, *(least <= truth <= most for truth, _ in signal), False]
    edges = [i for i in range(len(held) - 1) if held[i] != held[i + 1]]
    return list(zip(edges[0::2], edges[1::2], strict=True))


def length_at(signal, i, least):
    return next((high - low for low, high in runs(signal, least) if low <= i < high), 0)


def chains(signals, within, least):
    """(begin, end, score) of each way to go from a run of the first signal, instant by instant, to one of the last.

    One goes on in a run for as long as it holds, and from there to a later instant of the next signal that is near.
    """
    signal, *others = signals
    begun = [(low, low, high, signal[low][1]) for low, high in runs(signal, least)]
    for other, distance in zip(others, within, strict=True):
        begun = [
            (begin, first, high, min(score, other[low][1]))
            for begin, now, end, score in begun
            for low, high in runs(other, least)
            if (first := next((k for k in range(low, high) if any(0 < k - i <= distance for i in range(now, end))), 0))
        ]
    return [(begin, end, score) for begin, _, end, score in begun]
