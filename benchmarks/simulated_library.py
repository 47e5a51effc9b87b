"""A folder of many twins that never were: the scene graphs of operations of two hours, drawn at random from a seed.

Each has 6 people with roles, a patient, 8 instruments, 5 pieces of furniture and 2 zones, and as many intervals as
asked for of some 200 relations; the patient is covered about ten times. One interval in ten is unknown; those of one
relation never overlap. What a graph does not need (the room, pictures) is left out; positions are one a minute.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from ortwin.archive import TwinArchive
from ortwin.capture.camera import Camera, CameraRig, Intrinsics
from ortwin.capture.geometry import SE3
from ortwin.scenegraph.timeline import NodeSpan
from ortwin.scenegraph.timeline_tables import nodes_table, relations_schema

HOURS_NS = 2 * 3600 * 10**9
ROLES = ("head_surgeon", "assistant_surgeon", "scrub_nurse", "circulating_nurse", "anaesthetist", "technician")
PEOPLE = tuple(f"person_{number}" for number in range(1, 7))
TOOLS = ("drill", "saw", "hammer", "scalpel", "needle", "forceps", "probe", "retractor")
FURNITURE = ("operating_table", "instrument_table", "secondary_table", "anesthesia_equipment", "monitor")
ZONES = ("room", "sterile_zone")
ONE_IN_TEN = 0.1

#: Share of all intervals, then who and whom; a state has nobody as its object.
RELATIONS: dict[str, tuple[float, tuple[str, ...], tuple[str, ...]]] = {
    "close_to": (0.34, PEOPLE, (*FURNITURE, "patient")),
    "touching": (0.12, PEOPLE, (*FURNITURE, "patient")),
    "holding": (0.12, PEOPLE, TOOLS),
    "facing": (0.12, PEOPLE, (*PEOPLE, *FURNITURE)),
    "inside_zone": (0.10, PEOPLE, ZONES),
    "on": (0.08, TOOLS, FURNITURE[:3]),
    "assisting": (0.04, PEOPLE[1:], PEOPLE[:1]),
    "preparing": (0.03, PEOPLE, ("instrument_table", "patient")),
    "drilling": (0.01, PEOPLE[:2], ("patient",)),
    "sawing": (0.01, PEOPLE[:2], ("patient",)),
    "suturing": (0.01, PEOPLE[:2], ("patient",)),
    "covered": (0.002, ("patient",), ("",)),
    "lying_on": (0.01, ("patient",), ("operating_table",)),
}


def write_library(root: Path, num_procedures: int, num_intervals: int, seed: int = 0) -> None:
    """Write the twins `0000.twin`, ... into a folder; the same seed gives the same ones."""
    for number in range(num_procedures):
        _write_twin(root / f"{number:04d}.twin", np.random.default_rng([seed, number]), num_intervals)


def _write_twin(path: Path, rng: np.random.Generator, num_intervals: int) -> None:
    begin_ns = int(rng.integers(1_700_000_000, 1_800_000_000)) * 10**9
    lens = Intrinsics(500.0, 500.0, 319.5, 287.5, 640, 576)
    rig = CameraRig({"cam_1": Camera("cam_1", lens, lens, SE3.identity(), 0.001, SE3.identity())})
    head = {"versions": {"ortwin": "0"}, "config": {}, "inputs": {"recording_blake3": path.stem}, "privacy_tier": "T1"}
    archive = TwinArchive.create(path, head, rig, {})
    span = (begin_ns, begin_ns + HOURS_NS)
    graph = {"relations": random_relations(rng, num_intervals, begin_ns), "nodes": nodes_table(_nodes(rng, begin_ns))}
    archive.write_segment("tracks", 0, span, {"tracks": _tracks(rng, begin_ns)})
    archive.write_segment("graph-bench", 0, span, graph)
    archive.finish({"tracks": 1, "graph-bench": 1}, "graph-bench", None)


def random_relations(rng: np.random.Generator, num_intervals: int, begin_ns: int) -> pa.Table:
    """A relations table; each relation holds and rests in turn."""
    shares = np.array([row[0] for row in RELATIONS.values()])
    counts = rng.multinomial(num_intervals, shares / shares.sum())
    triples, begins, ends = [], [], []
    for predicate, count in zip(RELATIONS, counts.tolist(), strict=True):
        _, subjects, objects = RELATIONS[predicate]
        pairs = [(who, predicate, whom) for who in subjects for whom in objects if who != whom]
        own = np.bincount(rng.integers(0, len(pairs), count), minlength=len(pairs))
        for triple, number in zip(pairs, own.tolist(), strict=True):
            edges_ms = np.sort(rng.integers(0, HOURS_NS // 10**6 - 2 * number, 2 * number)) + np.arange(2 * number)
            triples += [triple] * number
            begins.append(begin_ns + edges_ms[0::2] * 10**6)
            ends.append(begin_ns + edges_ms[1::2] * 10**6)
    total = len(triples)
    subject, predicates, target = zip(*triples, strict=True)
    columns: dict[str, object] = {
        "subject": subject, "predicate": predicates, "object": target, "begin_ns": np.concatenate(begins),
        "end_ns": np.concatenate(ends), "score": rng.random(total, dtype=np.float32),
        "state": np.where(rng.random(total) < ONE_IN_TEN, "unknown", "true"), "continues": np.zeros(total, bool),
        "source": ["bench"] * total, "observed_share": rng.random(total, dtype=np.float32),
        "gap_m": rng.random(total, dtype=np.float32),
    }  # fmt: skip
    schema = relations_schema()
    for name in schema.names:
        columns.setdefault(name, pa.nulls(total, pa.float32()))
    table = pa.table({name: pa.array(columns[name], schema.field(name).type) for name in schema.names}, schema=schema)
    return table.sort_by([("begin_ns", "ascending"), ("end_ns", "ascending"), ("subject", "ascending")])


def _nodes(rng: np.random.Generator, begin_ns: int) -> list[NodeSpan]:
    roles = dict(zip(PEOPLE, rng.permutation(ROLES).tolist(), strict=True))
    kinds = ((PEOPLE, "track"), (("patient", *TOOLS), "track"), (FURNITURE, "fixture"), (ZONES, "zone"))
    return [
        NodeSpan(name, "person" if name in roles else "zone" if layer == "zone" else name, layer,
                 (0.0, 0.0, 1.0), begin_ns, begin_ns + HOURS_NS - 1, roles.get(name, ""))
        for names, layer in kinds for name in names
    ]  # fmt: skip


def _tracks(rng: np.random.Generator, begin_ns: int) -> pa.Table:
    times = np.arange(0, HOURS_NS, 60 * 10**9) + begin_ns
    places = {name: rng.uniform(0, 5, len(times) * len(PEOPLE)) for name in ("x_m", "y_m", "z_m")}
    return pa.table({"time_ns": np.tile(times, len(PEOPLE)), "track_id": np.repeat(PEOPLE, len(times)), **places})
