"""The graph of the toy twin in the files of other programs, read back."""

import json

import networkx as nx
import pytest
from ortwin.cli.app import ExitCode, run
from ortwin.playback.exporters import export_twin, format_names
from ortwin.scenegraph.label_io import read_labels

SECOND = 1_000_000_000


def test_the_formats_are_known():
    assert {"plain", "graphml", "4d-or", "mm-or"} <= set(format_names())


def test_graphml_has_every_interval_whole(toy_twin, tmp_path):
    assert run(["export", str(toy_twin.path), str(tmp_path / "out"), "--format", "graphml"]) == ExitCode.OK
    graph = nx.read_graphml(tmp_path / "out" / "graph.graphml", force_multigraph=True)
    rows = toy_twin.timeline.intervals
    told = {(row.subject_id, row.predicate, row.object_id, row.begin_ns, row.end_ns) for row in rows}
    edges = graph.edges(data=True)
    assert {(a, facts["predicate"], b, facts["begin_ns"], facts["end_ns"]) for a, b, facts in edges} == told
    said = json.loads((tmp_path / "out" / "export.json").read_text())
    assert (said["graph"], said["num_intervals"]) == ("graph-test", len(told))


@pytest.mark.parametrize(("form", "close"), [("4d-or", "CloseTo"), ("mm-or", "closeTo")])
def test_labels_tell_each_second_what_the_graph_does(toy_twin, tmp_path, form, close):
    files = export_twin(toy_twin, form, tmp_path / "out")
    assert [path.name for path in files] == ["export.json", "relationships.json"]
    labels = read_labels(tmp_path / "out" / "relationships.json")
    assert labels.form == form and [instant.instant_id for instant in labels.instants][:2] == [
        "toy/000000",
        "toy/000001",
    ]
    for second, instant in enumerate(labels.instants):
        graph = toy_twin.at(int(toy_twin.times_ns[0]) + second * SECOND)
        near = [row for row in graph.relations if row.predicate == "close_to" and row.state == "true"]
        ways = 2 if form == "4d-or" else 0  # MM-OR has no name for a person without a role
        assert [row.predicate for row in instant.relations] == [close] * (ways * len(near))
    said = json.loads((tmp_path / "out" / "export.json").read_text())
    left = said["left_out"]
    assert left["intervals_of_predicates_without_a_word"] == {"entered": 1, "inside_zone": 3}
    assert left["intervals_that_are_unknown"] == 1
    assert left["entities_without_a_name"].get("person", 0) == (0 if form == "4d-or" else 2)
