import math
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ortwin.capture.errors import InputError
from ortwin.scenegraph.graph import TruthState
from ortwin.scenegraph.timeline import Interval, NodeSpan, SceneGraphTimeline, merge, split
from ortwin.scenegraph.timeline_tables import (
    intervals_from_table,
    nodes_schema,
    nodes_table,
    relations_schema,
    relations_table,
)

# beartype looks at a random item of a list, which hypothesis takes for a strategy of ours
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the .random. module")

NAMES = ("person_1", "person_2", "operating_table")
SINGLE = st.floats(0, 1, width=32)


@st.composite
def timelines(draw):
    """Intervals of one relation never overlap, but they may touch, as true and unknown do."""
    intervals = []
    for subject, predicate, other in (
        ("person_1", "close_to", "person_2"),
        ("person_1", "close_to", "operating_table"),
        ("person_2", "touching", "operating_table"),
    ):
        edges = sorted(draw(st.sets(st.integers(0, 100), max_size=6)))
        state = draw(st.sampled_from(TruthState))
        for begin, end in pairwise(edges):
            if draw(st.booleans()):
                evidence = {"gap_m": draw(SINGLE)} if draw(st.booleans()) else {}
                intervals.append(Interval(subject, predicate, other, begin, end, state, draw(SINGLE), evidence))
            state = TruthState.TRUE if state is TruthState.UNKNOWN else TruthState.UNKNOWN
    nodes = []
    for name in NAMES:
        first = draw(st.integers(0, 50))
        nodes.append(NodeSpan(name, "person", "track", (1.0, 2.0, math.nan), first, draw(st.integers(first, 100))))
    return SceneGraphTimeline(tuple(nodes), tuple(intervals))


def key(relation):
    return (
        relation.subject_id,
        relation.predicate,
        relation.object_id,
        relation.state,
        relation.score,
        tuple(sorted(relation.evidence.items())),
    )


def told(intervals):
    return [(row.order, row.score, dict(row.evidence), row.continues) for row in intervals]


@given(timelines(), st.integers(-5, 105))
def test_the_snapshot_equals_the_replay_of_all_changes(timeline, time_ns):
    nodes, rows = {}, {}
    for change in timeline.changes():
        if change.time_ns > time_ns:
            break
        table = nodes if isinstance(change.item, NodeSpan) else rows
        if change.begins:
            table[id(change.item)] = change.item
        else:
            del table[id(change.item)]
    snapshot = timeline.at(time_ns)
    assert sorted(map(key, snapshot.relations)) == sorted(key(row.relation()) for row in rows.values())
    assert {node.node_id for node in snapshot.nodes} == {node.node_id for node in nodes.values()}
    assert snapshot.timestamp_ns == time_ns


@given(timelines(), st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_a_part_of_a_timeline_shows_the_same_within(timeline, a, b, time_ns):
    begin, end = min(a, b), max(a, b) + 1
    part = timeline.between(begin, end)
    inside = begin <= time_ns < end
    expected = timeline.at(time_ns) if inside else SceneGraphTimeline((), ()).at(time_ns)
    assert sorted(map(key, part.at(time_ns).relations)) == sorted(map(key, expected.relations))
    assert [node.node_id for node in part.at(time_ns).nodes] == [node.node_id for node in expected.nodes]


@given(timelines(), st.sets(st.integers(1, 99), max_size=8))
def test_cutting_into_segments_and_joining_changes_nothing(timeline, inner):
    edges = [0, *sorted(inner), 100]
    segments = split(timeline.intervals, edges)
    assert len(segments) == len(edges) - 1
    for (begin, end), segment in zip(pairwise(edges), segments, strict=True):
        assert all(begin <= row.begin_ns < row.end_ns <= end for row in segment)
        assert all(row.end_ns == end for row in segment if row.continues)
    assert told(merge(row for segment in segments for row in segment)) == told(timeline.intervals)


def test_pieces_with_evidence_of_their_own_are_blended_by_duration():
    pieces = [
        Interval("a", "close_to", "b", 0, 10, TruthState.TRUE, 0.9, {"gap_m": 0.1, "gap_min_m": 0.05}, True),
        Interval("a", "close_to", "b", 10, 40, TruthState.TRUE, 0.5, {"gap_m": 0.3, "gap_min_m": 0.2}),
    ]
    (row,) = merge(pieces)
    assert (row.begin_ns, row.end_ns, row.continues) == (0, 40, False)
    assert row.score == pytest.approx(0.6)
    assert row.evidence["gap_m"] == pytest.approx(0.25)
    assert row.evidence["gap_min_m"] == 0.05


def test_a_piece_whose_rest_is_missing_is_kept():
    (row,) = merge([Interval("a", "close_to", "b", 0, 10, continues=True)])
    assert (row.end_ns, row.continues) == (10, False)


@given(timelines())
def test_tables_give_back_what_they_were_made_of(timeline):
    again = SceneGraphTimeline.from_arrow(*timeline.to_arrow())
    assert told(again.intervals) == told(timeline.intervals)
    assert [str(node) for node in again.nodes] == [str(node) for node in timeline.nodes]


def test_tables_survive_parquet_with_their_schema(tmp_path):
    rows = [Interval("a", "close_to", "b", 0, 10, TruthState.UNKNOWN, 0.5, {"observed_share": 0.0})]
    relations, _ = SceneGraphTimeline((), tuple(rows)).to_arrow()
    pq.write_table(relations, tmp_path / "relations.parquet")
    read = pq.read_table(tmp_path / "relations.parquet")
    assert read.schema.equals(relations_schema())
    assert read["gap_m"].null_count == 1
    assert told(intervals_from_table(read)) == told(rows)


def test_evidence_from_outside_gets_columns_of_its_own():
    table = relations_table([Interval("a", "slow", "b", 0, 1, evidence={"slowness_s_m": 2.0})])
    assert table.schema.equals(relations_schema(["slowness_s_m"]))
    assert table["slowness_s_m"].to_pylist() == [2.0]


def test_who_measured_a_row_and_what_a_person_is_are_kept():
    rows = [Interval("a", "close_to", "b", 0, 10), Interval("b", "on", "c", 0, 10, source="somebody 2 rules-7")]
    relations = relations_table(rows, source="ortwin 1 graph-0")
    nodes = nodes_table([NodeSpan("a", "person", "track", (0, 0, 0), 0, 9, "head_surgeon")], source="ortwin 1 graph-0")
    timeline = SceneGraphTimeline.from_arrow(relations, nodes)
    assert [row.source for row in timeline.intervals] == ["ortwin 1 graph-0", "somebody 2 rules-7"]
    assert (timeline.nodes[0].role, timeline.nodes[0].source) == ("head_surgeon", "ortwin 1 graph-0")
    graph = timeline.at(0).to_networkx()
    assert graph.nodes["a"]["role"] == "head_surgeon" and graph["a"]["b"]["close_to"]["source"] == "ortwin 1 graph-0"
    old = relations.drop_columns(["source"]), nodes.drop_columns(["source", "role"])
    assert {row.source for row in SceneGraphTimeline.from_arrow(*old).intervals} == {""}


def test_nodes_of_several_segments_become_one():
    rows = [
        {"node_id": "person_1", "label": "person", "layer": "track", "x_m": 1.0, "y_m": 1.0, "z_m": 1.0,
         "first_ns": first, "last_ns": first + 9}
        for first in (0, 10)
    ]  # fmt: skip
    nodes = pa.Table.from_pylist(rows, schema=nodes_schema())
    timeline = SceneGraphTimeline.from_arrow(relations_table([]), nodes)
    assert [(node.first_ns, node.last_ns) for node in timeline.nodes] == [(0, 19)]


def test_a_table_without_its_columns_is_refused():
    with pytest.raises(InputError, match="lacks the columns subject"):
        intervals_from_table(pa.table({"predicate": ["close_to"]}))


def test_the_snapshot_is_a_networkx_graph():
    timeline = SceneGraphTimeline(
        (
            NodeSpan("person_1", "person", "track", (0, 0, 1), 0, 9),
            NodeSpan("table", "operating_table", "fixture", (1, 0, 0.5), 0, 9),
        ),
        (
            Interval("person_1", "close_to", "table", 0, 10, evidence={"gap_m": 0.25}),
            Interval("person_1", "touching", "table", 0, 5, TruthState.UNKNOWN),
        ),
    )
    graph = timeline.at(4).to_networkx()
    assert graph["person_1"]["table"]["close_to"]["gap_m"] == 0.25
    assert graph["person_1"]["table"]["touching"]["state"] == "unknown"
    assert timeline.at(5).to_networkx().number_of_edges() == 1


def test_many_intervals_are_looked_up_fast_enough_to_play():
    rows = [Interval("a", "close_to", f"b_{i}", i * 10, i * 10 + 25) for i in range(5000)]
    timeline = SceneGraphTimeline((), tuple(rows))
    assert [r.object_id for r in timeline.at(1000).relations] == ["b_98", "b_99", "b_100"]
    assert np.all(np.diff([row.begin_ns for row in timeline.intervals]) >= 0)
