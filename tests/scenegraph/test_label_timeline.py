import pytest
from ortwin.capture.errors import InputError
from ortwin.scenegraph.label_io import parse_labels, read_labels
from ortwin.scenegraph.label_timeline import (
    SECOND_NS,
    label_specs,
    label_timeline,
    label_view,
    layer_of,
    name_instants,
)
from ortwin.scenegraph.labels import Triplet
from ortwin.scenegraph.query_engine import run_query
from ortwin.scenegraph.query_sources import QuerySources

LISTED = ["Patient", "human_0", "instrument", "operating_table"]


def scan(frame, relations, listed=LISTED, people=None):
    """A scan of take 1; relations are [subject, predicate, object] by name."""
    number = {name: place for place, name in enumerate(listed, 1)}
    order = ["Assisting", "Cementing", "Cleaning", "CloseTo", "Cutting", "Drilling", "Hammering", "Holding", "LyingOn",
             "Operating", "Preparing", "Sawing", "Suturing", "Touching"]  # fmt: skip
    return {
        "take_idx": 1,
        "scan": f"{frame:06d}",
        "objects": {str(place): name for name, place in number.items()},
        "relationships": [[number[s], number[o], order.index(p), p] for s, p, o in relations],
        "human_idx_to_name": {"human_0": "head-surgeon"} if people is None else people,
    }


def timeline(*scans, **options):
    return label_timeline(parse_labels({"scans": list(scans)}, "x"), **options)


def spans(line, predicate, subject=None, state="true"):
    """[begin, end) in seconds of each interval of a predicate."""
    return [
        (row.begin_ns // SECOND_NS, row.end_ns // SECOND_NS)
        for row in line.intervals
        if row.predicate == predicate and row.state == state and subject in (None, row.subject_id)
    ]


HOLDS = [["human_0", "Holding", "instrument"], ["instrument", "CloseTo", "human_0"]]


def test_labels_become_half_open_intervals():
    line = timeline(scan(0, []), scan(1, HOLDS), scan(2, HOLDS), scan(3, []), scan(4, HOLDS))
    assert spans(line, "holding", "head_surgeon") == [(1, 3), (4, 5)]
    assert {node.node_id: node.label for node in line.nodes} == {
        "patient": "patient", "head_surgeon": "head_surgeon", "instrument": "instrument",
        "operating_table": "operating_table",
    }  # fmt: skip
    assert {node.node_id: node.layer for node in line.nodes}["operating_table"] == "fixture"


def test_what_follows_is_true_and_what_a_greater_label_hides_is_unknown():
    line = timeline(scan(0, HOLDS))
    assert spans(line, "close_to") == [(0, 1)], "told one way and implied the other: one fact"
    assert spans(line, "touching", state="unknown") == [(0, 1)]
    assert spans(line, "assisting", state="unknown") == [], "greater than holding, hence not hidden by it"
    assert [row.evidence["implied_share"] for row in line.intervals if row.predicate == "close_to"] == [0.0]


def test_implied_and_told_closeness_join_and_say_their_share():
    told = [["human_0", "CloseTo", "instrument"], ["instrument", "CloseTo", "human_0"]]
    implied = [["human_0", "Holding", "instrument"]]
    line = timeline(scan(0, told), scan(1, implied), scan(2, implied), scan(3, told))
    assert spans(line, "close_to") == [(0, 4)]
    assert [row.evidence["implied_share"] for row in line.intervals if row.predicate == "close_to"] == [0.5]


def test_an_entity_that_is_not_listed_for_a_while_is_unknown_and_not_false():
    without = [name for name in LISTED if name != "human_0"]
    line = timeline(scan(0, HOLDS), scan(1, [], without), scan(2, HOLDS), scan(3, [], without))
    assert spans(line, "holding") == [(0, 1), (2, 3)]
    assert spans(line, "holding", state="unknown") == [(1, 2)], "after its last instant it is gone, and all is false"
    assert spans(line, "sawing", state="unknown") == [(1, 2)]
    assert not any(row.subject_id == "instrument" and row.predicate == "holding" for row in line.intervals)


def test_what_is_listed_and_not_told_is_false():
    line = timeline(scan(0, []), scan(1, []))
    assert line.intervals == ()


def test_instants_without_labels_are_unknown():
    line = timeline(scan(0, HOLDS), scan(1, HOLDS), scan(2, HOLDS), scan(4, HOLDS))
    assert spans(line, "holding") == [(0, 3), (4, 5)]
    assert spans(line, "holding", state="unknown") == [(3, 4)]


def test_thinned_labels_last_until_the_next():
    line = timeline(scan(0, HOLDS), scan(3, HOLDS), scan(6, []), scan(9, HOLDS))
    assert spans(line, "holding") == [(0, 6), (9, 12)]


def test_a_numbered_person_keeps_its_role_and_never_its_number():
    people = {"human_0": "anaesthetist", "human_1": "head-surgeon"}
    listed = [*LISTED, "human_1"]
    line = timeline(
        scan(0, HOLDS), scan(1, [["human_1", "Holding", "instrument"]], listed, people), scan(2, HOLDS, people={})
    )
    assert spans(line, "holding", "head_surgeon") == [(0, 2)]
    assert spans(line, "holding", "person_000002_0") == [(2, 3)]
    assert [node.label for node in line.nodes if node.node_id == "person_000002_0"] == ["person"]


def test_the_second_of_one_role_is_somebody_else():
    people = {"human_0": "anaesthetist", "human_1": "anaesthetist"}
    line = timeline(scan(0, [["human_1", "Holding", "instrument"]], [*LISTED, "human_1"], people))
    held = [row for row in line.intervals if row.predicate == "holding" and row.state == "true"]
    assert [row.subject_id for row in held] == ["person_000000_1"]
    assert {node.node_id: node.label for node in line.nodes}["person_000000_1"] == "anaesthetist"


def test_anonymous_labels_name_nobody():
    line = timeline(scan(0, HOLDS), scan(1, HOLDS), anonymous=True)
    assert {node.node_id for node in line.nodes if node.label == "person"} == {"person_000000_0", "person_000001_0"}


@pytest.mark.parametrize(
    ("frames", "said"), [(["000001", "000000"], "ascend"), (["a"], "no number")], ids=["order", "number"]
)
def test_frames_must_be_ascending_numbers(frames, said):
    rows = [{"id": f"1/{frame}", "relations": []} for frame in frames]
    with pytest.raises(InputError, match=said):
        label_timeline(parse_labels({"instants": rows}, "x"))


def test_a_take_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="choose among 1"):
        timeline(scan(0, []), take="2")


def test_layers_follow_from_kinds():
    assert [layer_of(label) for label in ("operating_table", "mako_robot", "room", "saw", "drip stand")] == [
        "fixture", "fixture", "zone", "track", "track",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "both_ways", "instants"),
    [("or4d_graphs/relationships_validation.json", True, 1332), ("mmor_graphs/002_PKA_MMOR.json", False, 867)],
)
def test_published_labels_come_back_out_of_their_timelines(test_data, file, both_ways, instants):
    labels = read_labels(test_data / file)
    num_same = 0
    for take, rows in labels.takes().items():
        line = label_timeline(labels, take)
        for instant in name_instants(rows, labels.form):
            view = label_view(line, instant.step * SECOND_NS, both_ways=both_ways)
            num_same += set(view) == set(instant.relations)
    assert num_same == instants


def test_mm_or_answers_queries(test_data):
    labels = read_labels(test_data / "mmor_graphs" / "002_PKA_MMOR.json")
    tables = label_timeline(labels).to_arrow()
    sawing = run_query("sawing(?who, patient)", QuerySources(*tables, specs=label_specs()))
    seconds = sum(row["end_ns"] - row["begin_ns"] for row in sawing.rows() if row["state"] == "true") / SECOND_NS
    assert seconds == sum(row.predicate == "sawing" for instant in labels.instants for row in instant.relations) == 76
    assert {row["who"] for row in sawing.rows() if row["state"] == "true"} == {"head_surgeon"}
    near = run_query("close_to(operating_table, nurse)", QuerySources(*tables, specs=label_specs()))
    told = [Triplet("nurse", "closeTo", "operating_table") in instant.relations for instant in labels.instants]
    assert (
        sum(row["end_ns"] - row["begin_ns"] for row in near.rows() if row["state"] == "true") >= sum(told) * SECOND_NS
    )
    assert len(run_query("suturing(nurse, patient)", QuerySources(*tables, specs=label_specs()))) == 0
