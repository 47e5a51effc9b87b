"""Timelines as Arrow tables, the form in which they are stored and queried.

relations: subject, predicate, object: string · begin_ns, end_ns: int64, half-open, rig clock · state: string, "true" or
"unknown" · score: float32 · continues: bool, cut at a segment border · source: string, what measured or told it, null
where nobody said · then the evidence, one float32 column each, null where it was not measured: observed_share, gap_m,
gap_min_m, speed_m_s, bottom_m, footprint_share, depth_m, and those of predicates that other packages bring.

nodes: node_id, label, layer: string · x_m, y_m, z_m: float64, null where unknown · first_ns, last_ns: int64, the last
included · role: string, null where nobody knows · source: string, as above.

Tables from before there were roles and sources are read, with nothing said of either.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from ..capture.errors import InputError
from .graph import TruthState
from .timeline import Interval, NodeSpan, merge
from .vocabulary import PREDICATES, PredicateSpec

if TYPE_CHECKING:
    import pyarrow as pa

KEYS = ("subject", "predicate", "object", "begin_ns", "end_ns", "state", "score", "continues", "source")
_SORT_KEYS = ("predicate", "object", "subject", "procedure", "begin_ns", "end_ns")
RELATIONS_ORDER = [(name, "ascending") for name in _SORT_KEYS]
"""How tables of many recordings are sorted: whoever asks for a predicate, of something, finds its rows side by side."""
_LATER = ("continues", "source", "role")


def evidence_names(specs: Iterable[PredicateSpec] = tuple(PREDICATES.values())) -> tuple[str, ...]:
    """The evidence columns of a relations table: those of the rows, each gap with its smallest value."""
    names = ["observed_share"]
    for name in (name for spec in specs for name in spec.evidence):
        names += [name, "gap_min_m"] if name == "gap_m" else [name]
    return tuple(dict.fromkeys(names))


def relations_schema(extra: Iterable[str] = ()) -> pa.Schema:
    """The schema of a relations table; `extra` names the evidence of predicates from outside."""
    import pyarrow as pa

    kinds = (pa.string(), pa.string(), pa.string(), pa.int64(), pa.int64(), pa.string(), pa.float32(), pa.bool_())
    keys = [pa.field(name, kind, nullable=False) for name, kind in zip(KEYS[:-1], kinds, strict=True)]
    keys.append(pa.field(KEYS[-1], pa.string()))
    names = dict.fromkeys((*evidence_names(), *sorted(extra)))
    return pa.schema([*keys, *(pa.field(name, pa.float32()) for name in names)])


def nodes_schema() -> pa.Schema:
    """The schema of a nodes table."""
    import pyarrow as pa

    words = [pa.field(name, pa.string(), nullable=False) for name in ("node_id", "label", "layer")]
    places = [pa.field(name, pa.float64()) for name in ("x_m", "y_m", "z_m")]
    times = [pa.field(name, pa.int64(), nullable=False) for name in ("first_ns", "last_ns")]
    said = [pa.field(name, pa.string()) for name in ("role", "source")]
    return pa.schema([*words, *places, *times, *said])


def relations_table(intervals: Iterable[Interval], schema: pa.Schema | None = None, source: str = "") -> pa.Table:
    """Intervals as a table, in their one order; columns of unlisted evidence are appended unless a schema is given.

    `source` is that of rows which do not say theirs.
    """
    import pyarrow as pa

    rows = sorted(intervals, key=lambda row: row.order)
    layout = relations_schema({name for row in rows for name in row.evidence}) if schema is None else schema
    columns: dict[str, list] = {
        "subject": [row.subject_id for row in rows],
        "predicate": [row.predicate for row in rows],
        "object": [row.object_id for row in rows],
        "begin_ns": [row.begin_ns for row in rows],
        "end_ns": [row.end_ns for row in rows],
        "state": [str(row.state) for row in rows],
        "score": [row.score for row in rows],
        "continues": [row.continues for row in rows],
        "source": [row.source or source or None for row in rows],
    }
    for name in layout.names[len(KEYS) :]:
        columns[name] = [row.evidence.get(name) for row in rows]
    return pa.table(columns, schema=layout)


def intervals_from_table(table: pa.Table) -> tuple[Interval, ...]:
    """The inverse of `relations_table`.

    Raises:
        InputError: a column is missing.
    """
    _require(table, [name for name in KEYS if name not in _LATER], "relations")
    evidence = [name for name in table.column_names if name not in KEYS]
    return tuple(
        Interval(
            row["subject"], row["predicate"], row["object"], row["begin_ns"], row["end_ns"], TruthState(row["state"]),
            row["score"], {name: row[name] for name in evidence if row[name] is not None}, bool(row.get("continues")),
            row.get("source") or "",
        )
        for row in table.to_pylist()
    )  # fmt: skip


def whole_relations(table: pa.Table) -> pa.Table:
    """A relations table with the pieces of intervals that were cut for storage joined again.

    Raises:
        InputError: a column is missing.
    """
    if "continues" not in table.column_names or True not in table["continues"].unique().to_pylist():
        return table
    return relations_table(merge(intervals_from_table(table)), table.schema)


def nodes_table(nodes: Iterable[NodeSpan], source: str = "") -> pa.Table:
    """Nodes as a table, in the order given; `source` is that of rows which do not say theirs."""
    import pyarrow as pa

    rows = list(nodes)
    places = [[value if math.isfinite(value) else None for value in row.position_m] for row in rows]
    columns = {
        "node_id": [row.node_id for row in rows],
        "label": [row.label for row in rows],
        "layer": [row.layer for row in rows],
        **{name: [place[axis] for place in places] for axis, name in enumerate(("x_m", "y_m", "z_m"))},
        "first_ns": [row.first_ns for row in rows],
        "last_ns": [row.last_ns for row in rows],
        "role": [row.role or None for row in rows],
        "source": [row.source or source or None for row in rows],
    }
    return pa.table(columns, schema=nodes_schema())


def nodes_from_table(table: pa.Table) -> tuple[NodeSpan, ...]:
    """The inverse of `nodes_table`; rows of the same node, from several segments, become one that spans them all.

    Raises:
        InputError: a column is missing.
    """
    _require(table, [name for name in nodes_schema().names if name not in _LATER], "nodes")
    spans: dict[str, NodeSpan] = {}
    for row in table.to_pylist():
        x_m, y_m, z_m = (math.nan if row[name] is None else row[name] for name in ("x_m", "y_m", "z_m"))
        span = NodeSpan(
            row["node_id"], row["label"], row["layer"], (x_m, y_m, z_m), row["first_ns"], row["last_ns"],
            row.get("role") or "", row.get("source") or "",
        )  # fmt: skip
        known = spans.get(span.node_id, span)
        first_ns, last_ns = min(known.first_ns, span.first_ns), max(known.last_ns, span.last_ns)
        spans[span.node_id] = replace(span, position_m=known.position_m, first_ns=first_ns, last_ns=last_ns)
    return tuple(spans.values())


def _require(table: pa.Table, names: Iterable[str], what: str) -> None:
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise InputError(f"a {what} table lacks the columns {', '.join(missing)}", todo="rebuild the twin")
