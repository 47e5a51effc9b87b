"""The scene graph through time: relations as half-open intervals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from .graph import Node, Relation, SceneGraph, TruthState

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Interval:
    """A relation that holds, or is unknown, from `begin_ns` up to and without `end_ns` (rig clock).

    Args:
        subject_id, predicate, object_id: who, how, to whom.
        begin_ns, end_ns: half-open.
        state: true or unknown. False is never stored.
        score: mean over the interval, in [0, 1].
        evidence: what was measured, means over the interval unless the name says otherwise ("gap_min_m"), with
            "observed_share": at how many of its instants both things were seen. Numbers are float32 values.
        continues: the interval was cut here for storage and goes on in the next piece.
        source: what measured or told it, e.g. "ortwin 0.1.0 graph-1f00ab12"; empty where nobody said.
    """

    subject_id: str
    predicate: str
    object_id: str
    begin_ns: int
    end_ns: int
    state: TruthState = TruthState.TRUE
    score: float = 1.0
    evidence: Mapping[str, float] = field(default_factory=dict)
    continues: bool = False
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "evidence", MappingProxyType(dict(self.evidence)))

    @property
    def order(self) -> tuple:
        """The one order in which intervals are stored and shown."""
        return (
            self.begin_ns, self.end_ns, self.subject_id, self.predicate, self.object_id, self.state,
        )  # fmt: skip

    def relation(self) -> Relation:
        """The relation at any instant of the interval."""
        return Relation(
            self.subject_id, self.predicate, self.object_id, self.score, self.state, self.evidence, self.source
        )


@dataclass(frozen=True, slots=True)
class NodeSpan:
    """An entity and when it exists: from `first_ns` to `last_ns`, the last included (rig clock).

    Args:
        node_id, label, layer: as in `Node`.
        position_m: its centre, world; of a moving thing, the mean over its life.
        first_ns, last_ns: of a moving thing, when it was first and last measured; else of the recording.
        role: what a person is in this recording, one of the eight of the vocabulary; empty where nobody knows.
        source: as in `Interval`.
    """

    node_id: str
    label: str
    layer: str
    position_m: tuple[float, float, float]
    first_ns: int
    last_ns: int
    role: str = ""
    source: str = ""

    def exists_at(self, time_ns: int) -> bool:
        """Whether it exists at an instant."""
        return self.first_ns <= time_ns <= self.last_ns

    def node(self, time_ns: int) -> Node:
        """The node of a snapshot."""
        return Node(self.node_id, self.label, self.layer, self.position_m, min(time_ns, self.last_ns), self.role)


@dataclass(frozen=True, slots=True)
class Change:
    """Something begins or ends at an instant; applying all changes up to a time gives the snapshot of that time."""

    time_ns: int
    begins: bool
    item: Interval | NodeSpan


@dataclass(frozen=True, slots=True, eq=False)
class SceneGraphTimeline:
    """All nodes and all relation intervals of a recording.

    Args:
        nodes: every entity that ever exists.
        intervals: every relation, true or unknown.
    """

    nodes: tuple[NodeSpan, ...]
    intervals: tuple[Interval, ...]
    _begin_ns: np.ndarray = field(init=False, repr=False)
    _end_ns: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        intervals = tuple(sorted(self.intervals, key=lambda row: row.order))
        object.__setattr__(self, "nodes", tuple(self.nodes))
        object.__setattr__(self, "intervals", intervals)
        object.__setattr__(self, "_begin_ns", np.array([row.begin_ns for row in intervals], dtype=np.int64))
        object.__setattr__(self, "_end_ns", np.array([row.end_ns for row in intervals], dtype=np.int64))

    def at(self, time_ns: int) -> SceneGraph:
        """The snapshot of one instant, rig clock."""
        rows = np.flatnonzero((self._begin_ns <= time_ns) & (time_ns < self._end_ns)).tolist()
        nodes = tuple(node.node(time_ns) for node in self.nodes if node.exists_at(time_ns))
        return SceneGraph(time_ns, nodes, tuple(self.intervals[row].relation() for row in rows))

    def between(self, begin_ns: int, end_ns: int) -> SceneGraphTimeline:
        """The same timeline clipped to [begin_ns, end_ns)."""
        rows = np.flatnonzero((self._begin_ns < end_ns) & (begin_ns < self._end_ns)).tolist()
        intervals = (self.intervals[row] for row in rows)
        clipped = (
            replace(row, begin_ns=max(row.begin_ns, begin_ns), end_ns=min(row.end_ns, end_ns)) for row in intervals
        )
        nodes = (
            replace(node, first_ns=max(node.first_ns, begin_ns), last_ns=min(node.last_ns, end_ns - 1))
            for node in self.nodes
            if node.first_ns < end_ns and begin_ns <= node.last_ns
        )
        return SceneGraphTimeline(tuple(nodes), tuple(clipped))

    def filter(
        self, subject: str | None = None, predicate: str | None = None, object: str | None = None
    ) -> tuple[Interval, ...]:
        """The intervals that fit, in their order; None fits all, a name its node, class or role.

        The one-line filter of the field, `filter("head_surgeon", "holding")`; queries (query_engine.py) say more.
        """
        kinds = {node.node_id: {node.node_id, node.label, node.role} for node in self.nodes}
        return tuple(
            row for row in self.intervals
            if (subject is None or subject in kinds.get(row.subject_id, {row.subject_id}))
            and (predicate is None or predicate == row.predicate)
            and (object is None or object in kinds.get(row.object_id, {row.object_id}))
        )  # fmt: skip

    def changes(self) -> tuple[Change, ...]:
        """Everything that begins or ends, in order of time; at one time, ends come before begins."""
        return tuple(sorted(self._unsorted_changes(), key=lambda change: (change.time_ns, change.begins)))

    def _unsorted_changes(self) -> Iterator[Change]:
        for node in self.nodes:
            yield Change(node.first_ns, True, node)
            yield Change(node.last_ns + 1, False, node)
        for row in self.intervals:
            yield Change(row.begin_ns, True, row)
            yield Change(row.end_ns, False, row)

    def to_arrow(self, source: str = "") -> tuple[pa.Table, pa.Table]:
        """The relations table and the nodes table, schemas in timeline_tables.py; `source` where a row has none."""
        from .timeline_tables import nodes_table, relations_table

        return relations_table(self.intervals, source=source), nodes_table(self.nodes, source)

    @classmethod
    def from_arrow(cls, relations: pa.Table, nodes: pa.Table) -> SceneGraphTimeline:
        """From the tables, of a whole recording or of its segments one after the other."""
        from .timeline_tables import intervals_from_table, nodes_from_table

        return cls(nodes_from_table(nodes), merge(intervals_from_table(relations)))


def split(intervals: Iterable[Interval], boundaries_ns: Iterable[int]) -> tuple[tuple[Interval, ...], ...]:
    """Clips intervals to the segments between consecutive boundaries, which must span them all.

    A piece that goes on in the next segment is marked `continues`; `merge` undoes the cut. Each piece carries the
    evidence of the whole interval.
    """
    edges = sorted(boundaries_ns)
    segments: list[list[Interval]] = [[] for _ in edges[1:]]
    starts = np.array(edges[:-1], dtype=np.int64)
    for row in intervals:
        first = max(int(np.searchsorted(starts, row.begin_ns, side="right")) - 1, 0)
        for place in range(first, len(segments)):
            begin_ns, end_ns = row.begin_ns, row.end_ns
            if place > first:
                begin_ns = edges[place]
            if begin_ns >= row.end_ns:
                break
            goes_on = place + 1 < len(segments) and row.end_ns > edges[place + 1]
            if goes_on:
                end_ns = edges[place + 1]
            piece = replace(row, begin_ns=begin_ns, end_ns=end_ns, continues=goes_on or row.continues)
            segments[place].append(piece)
    return tuple(tuple(sorted(segment, key=lambda row: row.order)) for segment in segments)


def merge(pieces: Iterable[Interval]) -> tuple[Interval, ...]:
    """Joins what `split` cut: a piece that continues, and the piece of the same relation that begins where it ends."""
    open_rows: dict[tuple, Interval] = {}
    merged: list[Interval] = []
    for piece in sorted(pieces, key=lambda row: row.order):
        triple = (piece.subject_id, piece.predicate, piece.object_id, piece.state)
        before = open_rows.pop((*triple, piece.begin_ns), None)
        row = piece if before is None else _joined(before, piece)
        if row.continues:
            open_rows[(*triple, row.end_ns)] = row
        else:
            merged.append(row)
    merged += [replace(row, continues=False) for row in open_rows.values()]
    return tuple(sorted(merged, key=lambda row: row.order))


def _joined(before: Interval, after: Interval) -> Interval:
    share = (before.end_ns - before.begin_ns) / (after.end_ns - before.begin_ns)

    def blend(name: str, first: float, second: float) -> float:
        if first == second:
            return first
        return min(first, second) if "_min" in name else share * first + (1 - share) * second

    names = {*before.evidence, *after.evidence}
    evidence = {
        name: blend(name, before.evidence.get(name, after.evidence.get(name, 0.0)),
                    after.evidence.get(name, before.evidence.get(name, 0.0)))
        for name in sorted(names)
    }  # fmt: skip
    return replace(
        before, end_ns=after.end_ns, continues=after.continues, evidence=evidence,
        score=blend("score", before.score, after.score),
    )  # fmt: skip
