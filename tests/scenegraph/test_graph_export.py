from collections import Counter

import networkx as nx
import pytest
from ortwin.scenegraph.graph import TruthState
from ortwin.scenegraph.graph_export import graphml, timeline_graph
from ortwin.scenegraph.graph_export_labels import export_labels
from ortwin.scenegraph.label_io import read_labels, write_labels
from ortwin.scenegraph.label_timeline import label_timeline
from ortwin.scenegraph.timeline import Interval, NodeSpan, SceneGraphTimeline

S = 1_000_000_000
LATE = 1_700_000_000 * S + 1
SOURCE = "ortwin 1 graph-0"
PLACE = (1.0, 2.0, float("nan"))


def timeline(begin_ns=LATE):
    def at(seconds):
        return begin_ns + seconds * S

    return SceneGraphTimeline(
        (
            NodeSpan("person_1", "person", "track", PLACE, at(0), at(9), "head_surgeon", SOURCE),
            NodeSpan("person_2", "person", "track", PLACE, at(2), at(5)),
            NodeSpan("patient", "patient", "track", PLACE, at(0), at(9)),
            NodeSpan("drill_1", "drill", "track", PLACE, at(0), at(9)),
            NodeSpan("scalpel_1", "scalpel", "track", PLACE, at(0), at(9)),
            NodeSpan("operating_table", "operating_table", "fixture", PLACE, at(0), at(9)),
        ),
        (
            Interval("person_1", "holding", "drill_1", at(1), at(4), evidence={"gap_m": 0.125}, source=SOURCE),
            Interval("person_1", "holding", "drill_1", at(6), at(7), TruthState.UNKNOWN, 0.5),
            Interval("person_1", "close_to", "patient", at(0), at(8)),
            Interval("person_1", "drilling", "patient", at(2), at(3)),
            Interval("person_1", "facing", "patient", at(0), at(9)),
            Interval("person_2", "touching", "operating_table", at(2), at(5)),
            Interval("person_1", "holding", "scalpel_1", at(3), at(5)),
        ),
    )  # fmt: skip


def test_graphml_gives_back_every_node_and_interval_to_the_nanosecond():
    made = timeline()
    graph = nx.parse_graphml(graphml(made).decode(), force_multigraph=True)
    assert dict(graph.nodes["person_1"]) == {
        "label": "person", "layer": "track", "first_ns": LATE, "last_ns": LATE + 9 * S, "x_m": 1.0, "y_m": 2.0,
        "role": "head_surgeon", "source": SOURCE,
    }  # fmt: skip
    rows = [
        (who, facts["predicate"], whom, facts["begin_ns"], facts["end_ns"], facts["state"], facts["score"])
        for who, whom, facts in graph.edges(data=True)
    ]
    assert Counter(rows) == Counter(
        (row.subject_id, row.predicate, row.object_id, row.begin_ns, row.end_ns, row.state.value, row.score)
        for row in made.intervals
    )
    (held,) = [facts for *_, facts in graph.edges(data=True) if "evidence_gap_m" in facts]
    assert (held["evidence_gap_m"], held["source"]) == (0.125, SOURCE)
    assert graphml(made) == graphml(made)


def test_what_a_relation_names_and_nobody_listed_is_a_node_too():
    graph = timeline_graph(SceneGraphTimeline((), (Interval("a", "close_to", "b", 0, 1),)))
    assert set(graph.nodes) == {"a", "b"}


def relations_at(labels, second):
    return set(labels.instants[second].relations)


def test_mm_or_tells_one_predicate_per_pair_by_priority():
    found = export_labels(timeline(), "mm-or", "case")
    assert [instant.frame for instant in found.labels.instants] == [f"{second:06d}" for second in range(10)]
    assert relations_at(found.labels, 0) == {("head_surgeon", "closeTo", "patient")}
    assert relations_at(found.labels, 2) == {
        ("head_surgeon", "drilling", "patient"), ("head_surgeon", "holding", "drill"),
    }  # fmt: skip
    assert relations_at(found.labels, 4) == {("head_surgeon", "closeTo", "patient")}
    assert relations_at(found.labels, 6) == {("head_surgeon", "closeTo", "patient")}
    assert dict(found.unspoken_predicates) == {"facing": 1}
    assert dict(found.unnamed_nodes) == {"person": 1, "scalpel": 1}
    assert found.num_unknown == 1


def test_4d_or_numbers_people_and_has_one_instrument():
    found = export_labels(timeline(), "4d-or", "4")
    third = found.labels.instants[3]
    assert dict(third.people) == {"human_0": "head-surgeon", "human_1": "none"}
    assert third.entities == ("Patient", "human_0", "human_1", "instrument", "operating_table")
    assert {("human_0", "Holding", "instrument"), ("human_1", "Touching", "operating_table"),
            ("human_0", "CloseTo", "Patient"), ("Patient", "CloseTo", "human_0")} <= set(third.relations)  # fmt: skip
    assert len(third.relations) == len({(row.subject, row.object) for row in third.relations})
    assert found.labels.instants[7].entities == ("Patient", "human_0", "instrument", "operating_table")


@pytest.mark.parametrize("form", ["4d-or", "mm-or"])
def test_the_file_reads_back_to_the_same_triplets(tmp_path, form):
    labels = export_labels(timeline(), form, "4").labels
    write_labels(tmp_path / "labels.json", labels)
    again = read_labels(tmp_path / "labels.json")
    assert again.form == form
    for one, other in zip(again.instants, labels.instants, strict=True):
        assert (one.instant_id, one.relations, one.entities, dict(one.people)) == (
            other.instant_id, other.relations, other.entities, dict(other.people),
        )  # fmt: skip


def test_an_empty_timeline_has_no_instants():
    assert export_labels(SceneGraphTimeline((), ()), "mm-or", "case").labels.instants == ()


def as_told(instant):
    """Relations between roles; somebody of no role is nobody in particular; what relates to itself is no pair."""

    def word(name):
        role = instant.people.get(name, "none")
        return role if role != "none" else "somebody" if name.startswith("human_") else name

    return Counter((word(a), p, word(b)) for a, p, b in instant.relations if a != b)


@pytest.mark.parametrize(
    ("file", "take"),
    [("mmor_graphs/002_PKA_MMOR.json", "002_PKA_MMOR"), ("or4d_graphs/relationships_validation.json", "4")],
)
def test_published_labels_survive_the_way_into_a_timeline_and_out(test_data, file, take):
    labels = read_labels(test_data / file)
    exported = export_labels(label_timeline(labels, take), labels.form, take, begin_ns=0).labels
    again = {instant.instant_id: as_told(instant) for instant in exported.instants}
    for instant in labels.takes()[take]:
        assert again.get(instant.instant_id, Counter()) == as_told(instant), instant.instant_id
