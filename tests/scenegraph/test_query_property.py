"""Random queries over random timelines, beside an interpreter that goes through every instant and every binding.

The interpreter shares the parser with the engine and nothing else: it knows no intervals, no SQL and no sets of two.
It looks at one instant after the other, and its rules are those of docs/query-language.md.
"""

import itertools
import operator

import numpy as np
import pyarrow as pa
import pytest
from ortwin.capture.errors import ConfigError
from ortwin.scenegraph import query_measures
from ortwin.scenegraph.query_engine import QuerySession
from ortwin.scenegraph.query_language import parse_query
from ortwin.scenegraph.query_safety import check_safety
from ortwin.scenegraph.query_sources import QuerySources
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
    Variable,
    variables_of,
)
from ortwin.scenegraph.vocabulary import LAYERS, PredicateSpec

NUM_INSTANTS, AGE_NS = 26, 4
ANY = frozenset(LAYERS)
SPECS = {
    "holding": PredicateSpec("holding", ANY, ANY, False, 0),
    "close_to": PredicateSpec("close_to", ANY, ANY, True, 0),
    "resting": PredicateSpec("resting", ANY, frozenset(), False, 0),
}
COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}
LABELS = {
    "p1": ("person", "track"), "p2": ("person", "track"), "p3": ("person", "track"), "patient": ("patient", "track"),
    "drill": ("drill", "track"), "table": ("operating_table", "fixture"),
}  # fmt: skip
CLASSES = {
    "person": {"person", "patient"}, "patient": {"patient"}, "instrument": {"drill"}, "drill": {"drill"},
    "operating_table": {"operating_table"}, "fixture": {"operating_table"},
}  # fmt: skip
ROLES = ("head_surgeon", "scrub_nurse")
TERMS = ("p1", '"p2"', "person", "drill", "instrument", "operating_table", "fixture", "patient", *ROLES, "_")
FALSE, UNKNOWN, TRUE = 0, 1, 2
AXES = ("x_m", "y_m", "z_m")


class World:
    """Random tables of two recordings; the second has other roles, and may have no phases or no stream."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.procedures = ("a", "b")
        self.nodes, self.relations, self.positions, self.streams, self.phases, self.spans = [], [], [], [], [], []
        for name in self.procedures:
            begin = int(rng.integers(0, 5))
            end = begin + NUM_INSTANTS
            self.spans.append({"procedure": name, "begin_ns": begin, "end_ns": end})
            self._people(rng, name, begin, end)
            self._facts(rng, name, begin, end)
            if name == "a" or rng.random() < 0.5:
                cuts = np.sort(rng.choice(np.arange(begin, end), 3, replace=False)).tolist()
                self.phases += [{"procedure": name, "name": word, "begin_ns": low, "end_ns": high}
                                for word, low, high in zip(("one", "two"), cuts, cuts[1:], strict=False)]  # fmt: skip
            if name == "a" or rng.random() < 0.5:
                for time in np.sort(rng.choice(np.arange(begin, end), 5, replace=False)).tolist():
                    value = float(rng.integers(0, 4)) if rng.random() < 0.85 else None
                    age = int(rng.integers(1, 8)) if rng.random() < 0.7 else None
                    self.streams.append({"procedure": name, "name": "spo2", "time_ns": time, "value": value,
                                         "text": None, "unit": "%", "max_age_ns": age})  # fmt: skip

    def _people(self, rng, procedure, begin, end):
        for node_id, (label, layer) in LABELS.items():
            first = begin + int(rng.integers(0, 6)) * (layer == "track")
            last = end - 1 - int(rng.integers(0, 6)) * (layer == "track")
            role = str(rng.choice(ROLES)) if label == "person" and rng.random() < 0.4 else None
            place = rng.integers(0, 4, 3).astype(float) if layer != "track" else [None] * 3
            row = {"procedure": procedure, "node_id": node_id, "label": label, "layer": layer, "role": role}
            row |= {"first_ns": first, "last_ns": last}
            self.nodes.append(row | dict(zip(AXES, place, strict=True)))
            if layer == "track" and node_id != "patient":
                for time in range(first, last + 1):
                    if rng.random() < 0.4:
                        row = {"procedure": procedure, "node_id": node_id, "time_ns": time}
                        place = rng.integers(0, 4, 3).astype(float).tolist()
                        self.positions.append(row | dict(zip(AXES, place, strict=True)))

    def _facts(self, rng, procedure, begin, end):
        names = list(LABELS)
        for _ in range(int(rng.integers(8, 40))):
            predicate = str(rng.choice(list(SPECS)))
            subject, target = (str(name) for name in rng.choice(names, 2, replace=False))
            low, high = np.sort(rng.choice(np.arange(begin, end + 1), 2, replace=False)).tolist()
            self.relations.append({
                "procedure": procedure, "subject": subject, "predicate": predicate,
                "object": "" if predicate == "resting" else target, "begin_ns": low, "end_ns": high,
                "state": "unknown" if rng.random() < 0.3 else "true", "score": float(np.float32(rng.random())),
            })  # fmt: skip

    def sources(self):
        def table(rows, **kinds):
            text = ("procedure", "node_id", "label", "layer", "role", "subject", "predicate", "object", "state", "name",
                    "text", "unit")  # fmt: skip
            names = list(rows[0])
            kind = {name: pa.string() if name in text else pa.int64() if name.endswith("_ns") else pa.float64()
                    for name in names} | kinds  # fmt: skip
            return pa.table({name: pa.array([row[name] for row in rows], kind[name]) for name in names})

        return QuerySources(
            table(self.relations, score=pa.float32()), table(self.nodes), table(self.positions), table(self.streams),
            table(self.phases), table(self.spans), specs=SPECS,
        )  # fmt: skip


class Interpreter:
    """The truth of an expression at every instant of one recording, for one binding at a time."""

    def __init__(self, world, procedure):
        def own(rows):
            return [row for row in rows if row["procedure"] == procedure]

        (span,) = own(world.spans)
        self.begin, self.end = span["begin_ns"], span["end_ns"]
        self.instants = range(self.begin, self.end)
        self.nodes = {row["node_id"]: row for row in own(world.nodes)}
        self.facts, self.phases, self.samples = own(world.relations), own(world.phases), own(world.streams)
        self.positions = {name: [row for row in own(world.positions) if row["node_id"] == name] for name in self.nodes}
        self.roles = {row["role"] for row in self.nodes.values()}

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
        match tree:
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
                found.append([(truth if fact["begin_ns"] <= time < fact["end_ns"] else FALSE, fact["score"])
                              for time in self.instants])  # fmt: skip
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
            reach.append((max((signal[k][0] for k in later), default=FALSE),
                          max((signal[k][1] for k in later if signal[k][0] == TRUE), default=0.0)))  # fmt: skip
        levelled = self.levelled(self.stretched(tree, signal, within), max)
        for i, (truth, _) in enumerate(signal):
            out.append((min(TRUE - truth, reach[i][0]), levelled[i][1]))
        return out

    def stretched(self, tree, signal, within):
        """Runs with the instants before (after) them, and the best score of those that reach there."""
        out = [(FALSE, 0.0)] * len(signal)
        for low, high in runs(signal, TRUE):
            first, last = (low - within, high - 1) if tree.before else (low + 1, high + within)
            for i in range(max(0, first), min(len(signal), last)):
                out[i] = (TRUE, max(out[i][1], signal[low][1]))
        return out

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
                before = [row for row in self.samples if row["time_ns"] <= time]
                if not before or before[-1]["value"] is None:
                    return UNKNOWN
                age = before[-1]["max_age_ns"]
                if age is not None and time - before[-1]["time_ns"] >= age:
                    return UNKNOWN
                return TRUE if COMPARE[tree.compare](before[-1]["value"], tree.limit) else FALSE
            case Measured():
                return self.measure(tree, time, binding)
        raise AssertionError(tree)

    def measure(self, tree, time, binding):
        best = FALSE
        for nodes in itertools.product(self.nodes, repeat=len(tree.terms)):
            same = len({getattr(term, "name", id(term)) for term in tree.terms}) == 1
            if len(nodes) == 2 and (nodes[0] == nodes[1]) != same:
                continue
            meant = min(self.stands_for(term, node, binding) for term, node in zip(tree.terms, nodes, strict=True))
            if all(self.nodes[node]["first_ns"] <= time <= self.nodes[node]["last_ns"] for node in nodes):
                value = self.value(tree.measure, nodes, time)
                truth = UNKNOWN if value is None else TRUE if COMPARE[tree.compare](value, tree.limit) else FALSE
                best = max(best, min(meant, truth))
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


def runs(signal, least):
    """The runs of instants that are at least so true, half-open."""
    held = [False, *(truth >= least for truth, _ in signal), False]
    edges = [i for i in range(len(held) - 1) if held[i] != held[i + 1]]
    return list(zip(edges[0::2], edges[1::2], strict=True))


def length_at(signal, i, least):
    return next((high - low for low, high in runs(signal, least) if low <= i < high), 0)


class Writer:
    """Writes random queries."""

    def __init__(self, rng):
        self.rng = rng

    def pick(self, *choices):
        return choices[int(self.rng.integers(len(choices)))]

    def term(self, variables):
        return f"?{self.pick(*variables)}" if variables and self.rng.random() < 0.6 else self.pick(*TERMS)

    def leaf(self, variables):
        kind = self.rng.random()
        one, two = self.term(variables), self.term(variables)
        compare, number = self.pick("<", "<=", ">", ">="), int(self.rng.integers(0, 5))
        if kind < 0.5:
            return f"{self.pick('holding', 'close_to')}({one}, {two})"
        if kind < 0.65:
            return f"resting({one})"
        if kind < 0.75:
            return self.pick('phase "one"', 'phase("two")', "phase(?f)")
        if kind < 0.85:
            return f'stream("spo2") {self.pick("<", "<=", ">", ">=", "=", "!=")} {number}{self.pick("", " %")}'
        if kind < 0.92:
            return f"distance({one}, {two}) {compare} {number}{self.pick(' m', '.5 m', '00 cm')}"
        if kind < 0.96:
            return f"height({one}) {compare} {number} m"
        return f"speed({one}) {compare} {number}e9 m/s"

    def expression(self, depth, variables):
        kind = self.rng.random() if depth else 0.0
        if kind < 0.3:
            return self.leaf(variables)
        part = f"({self.expression(depth - 1, variables)})"
        other = f"({self.expression(depth - 1, variables)})"
        length, start = int(self.rng.integers(1, 8)), int(self.rng.integers(0, NUM_INSTANTS))
        if kind < 0.5:
            return f"{part} and {other}"
        if kind < 0.6:
            return f"{part} or {other}"
        if kind < 0.75:
            return f"{part} and not {other}" if self.rng.random() < 0.8 else f"not {part}"
        if kind < 0.83:
            return f"{part} for {self.pick('<', '<=', '>', '>=')} {length} ns"
        if kind < 0.9:
            within = f"within {length} ns " if self.rng.random() < 0.7 else ""
            return f"{part} {within}{self.pick('before', 'after')} {other}"
        if kind < 0.95:
            return f"{part} during {other}"
        return f"{part} {self.pick(f'at {start} ns', f'between {start} ns and {start + 1 + length} ns')}"


def random_query(rng, deepest):
    """A query that is safe, and its tree."""
    while True:
        text = Writer(rng).expression(int(rng.integers(1, deepest + 1)), "xy"[: int(rng.integers(0, 3))])
        tree = parse_query(text)
        try:
            check_safety(text, tree)
        except ConfigError:
            continue
        return text, tree


def told_by_engine(result, interpreters):
    """{(recording, binding): [(truth, score) at every instant]}, of whatever is not false throughout."""
    told = {}
    for row in result.rows():
        interpreter = interpreters[row["procedure"]]
        key = (row["procedure"], tuple(row[name] for name in result.variables))
        signal = told.setdefault(key, [(FALSE, 0.0)] * len(interpreter.instants))
        assert interpreter.begin <= row["begin_ns"] < row["end_ns"] <= interpreter.end
        for time in range(row["begin_ns"], row["end_ns"]):
            assert signal[time - interpreter.begin][0] == FALSE, "answers of one binding overlap"
            truth = TRUE if row["state"] == "true" else UNKNOWN
            signal[time - interpreter.begin] = (truth, row["score"] if truth == TRUE else 0.0)
    return told


def told_by_interpreter(tree, names, interpreters):
    told = {}
    for procedure, interpreter in interpreters.items():
        for values in itertools.product([*LABELS, "one", "two"], repeat=len(names)):
            if any((value in LABELS) == (name == "f") for name, value in zip(names, values, strict=True)):
                continue
            signal = interpreter.truths(tree, dict(zip(names, values, strict=True)))
            if any(truth for truth, _ in signal):
                told[procedure, values] = [(truth, score if truth == TRUE else 0.0) for truth, score in signal]
    return told


def check_random_queries(first_seed, num_worlds, num_queries, deepest, monkeypatch):
    monkeypatch.setattr(query_measures, "POSITION_AGE_NS", AGE_NS)
    num_rows = 0
    for seed in range(first_seed, first_seed + num_worlds):
        world, rng = World(seed), np.random.default_rng([seed, 1])
        interpreters = {name: Interpreter(world, name) for name in world.procedures}
        with QuerySession(world.sources()) as session:
            for _ in range(num_queries):
                text, tree = random_query(rng, deepest)
                if isinstance(tree, Atom):
                    text, tree = f"{text} or {text}", Or((tree, tree), tree.span)
                result = session.run(text)
                names = tuple(variable.name for variable in variables_of(tree))
                assert result.variables == names
                ours, theirs = told_by_engine(result, interpreters), told_by_interpreter(tree, names, interpreters)
                assert {key: [truth for truth, _ in signal] for key, signal in ours.items()} == {
                    key: [truth for truth, _ in signal] for key, signal in theirs.items()
                }, (seed, text)
                for key, signal in ours.items():
                    assert np.allclose([s for _, s in signal], [s for _, s in theirs[key]], atol=1e-6), (seed, text)
                num_rows += len(result)
    return num_rows


def test_random_queries_agree_with_an_interpreter_of_every_instant(monkeypatch):
    assert check_random_queries(0, 4, 30, 2, monkeypatch) > 200


@pytest.mark.slow
def test_ten_thousand_random_queries_agree_with_an_interpreter_of_every_instant(monkeypatch):
    assert check_random_queries(1_000, 100, 100, 3, monkeypatch) > 10_000
