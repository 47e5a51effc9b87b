"""Random tables of two recordings, small enough that somebody can look at every instant and every node."""

import numpy as np
import pyarrow as pa
from ortwin.scenegraph.query_sources import QuerySources
from ortwin.scenegraph.vocabulary import LAYERS, PredicateSpec

NUM_INSTANTS = 26
ANY = frozenset(LAYERS)
SPECS = {
    "holding": PredicateSpec("holding", ANY, ANY, False, 0),
    "close_to": PredicateSpec("close_to", ANY, ANY, True, 0),
    "handover": PredicateSpec("handover", ANY, ANY, False, 0),
    "resting": PredicateSpec("resting", ANY, frozenset(), False, 0),
}
LABELS = {
    "p1": ("person", "track"), "p2": ("person", "track"), "p3": ("person", "track"), "patient": ("patient", "track"),
    "drill": ("drill", "track"), "table": ("operating_table", "fixture"),
}  # fmt: skip
ROLES = ("head_surgeon", "scrub_nurse")
PHASES = ("one", "two")
AXES = ("x_m", "y_m", "z_m")
TEXT = ("procedure", "node_id", "label", "layer", "role", "subject", "predicate", "object", "state", "name", "text",
        "unit")  # fmt: skip


class World:
    """Two recordings; the second has other roles, may have no phases or no stream, or could not tell one relation."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.procedures = ("a", "b")
        self.nodes, self.relations, self.positions, self.streams, self.phases, self.spans = [], [], [], [], [], []
        for name in self.procedures:
            begin = int(rng.integers(0, 5))
            end = begin + NUM_INSTANTS
            measured = sorted(SPECS)
            if name == "b" and rng.random() < 0.4:
                measured.remove(str(rng.choice(measured)))
            self.spans.append({"procedure": name, "begin_ns": begin, "end_ns": end, "measured": measured})
            self._people(rng, name, begin, end)
            self._facts(rng, name, begin, end, measured)
            if name == "a" or rng.random() < 0.5:
                cuts = np.sort(rng.choice(np.arange(begin, end), 3, replace=False)).tolist()
                self.phases += [{"procedure": name, "name": word, "begin_ns": low, "end_ns": high}
                                for word, low, high in zip(PHASES, cuts, cuts[1:], strict=False)]  # fmt: skip
            if name == "a" or rng.random() < 0.5:
                self._samples(rng, name, begin, end, "spo2", "%", lambda: (float(rng.integers(0, 4)), None))
                self._samples(rng, name, begin, end, "robot", None, lambda: (None, str(rng.choice(["cut", "idle"]))))

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

    def _facts(self, rng, procedure, begin, end, measured):
        for _ in range(int(rng.integers(10, 50))):
            predicate = str(rng.choice(measured))
            subject, target = (str(name) for name in rng.choice(list(LABELS), 2, replace=False))
            low, high = np.sort(rng.choice(np.arange(begin, end + 1), 2, replace=False)).tolist()
            self.relations.append({
                "procedure": procedure, "subject": subject, "predicate": predicate,
                "object": "" if predicate == "resting" else target, "begin_ns": low, "end_ns": high,
                "state": "unknown" if rng.random() < 0.3 else "true", "score": float(np.float32(rng.random())),
            })  # fmt: skip

    def _samples(self, rng, procedure, begin, end, name, unit, draw):
        for time in np.sort(rng.choice(np.arange(begin, end), 5, replace=False)).tolist():
            value, text = draw() if rng.random() < 0.85 else (None, None)
            age = int(rng.integers(1, 8)) if rng.random() < 0.7 else None
            self.streams.append({"procedure": procedure, "name": name, "time_ns": time, "value": value, "text": text,
                                 "unit": unit, "max_age_ns": age})  # fmt: skip

    def sources(self):
        """The tables as queries read them."""
        kinds = {"score": pa.float32(), "measured": pa.list_(pa.string())} | dict.fromkeys(TEXT, pa.string())

        def table(rows):
            names = list(rows[0])
            kind = {name: pa.int64() if name.endswith("_ns") else pa.float64() for name in names} | kinds
            return pa.table({name: pa.array([row[name] for row in rows], kind[name]) for name in names})

        rows = (self.relations, self.nodes, self.positions, self.streams, self.phases, self.spans)
        return QuerySources(*map(table, rows), specs=SPECS)
