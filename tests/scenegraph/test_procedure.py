from dataclasses import replace

import pytest
from ortwin.scenegraph.phases import load_rules
from ortwin.scenegraph.procedure import NEEDED_FOR_ROLES, PHASE_RULES, phases_table, procedure_phases, with_roles
from ortwin.scenegraph.query_engine import run_query
from ortwin.scenegraph.query_sources import QuerySources
from ortwin.scenegraph.timeline import Interval, NodeSpan, SceneGraphTimeline
from ortwin.scenegraph.timeline_tables import nodes_from_table, nodes_table

SECOND = 1_000_000_000
NOWHERE = (0.0, 0.0, 0.0)
ALL = load_rules(PHASE_RULES).predicates | NEEDED_FOR_ROLES


def timeline(*rows, length_s=400):
    people = dict.fromkeys(("person_1", "person_2", "person_3"), "person")
    labels = {**people, "patient": "patient", "operating_table": "operating_table", "saw_1": "saw",
              "anesthesia_equipment": "anesthesia_equipment"}  # fmt: skip
    nodes = [NodeSpan(name, label, "track", NOWHERE, 0, length_s * SECOND - 1) for name, label in labels.items()]
    return SceneGraphTimeline(tuple(nodes), tuple(Interval(s, p, o, a * SECOND, b * SECOND) for s, p, o, a, b in rows))


@pytest.fixture(scope="module")
def operation():
    """The patient comes at 20 s, is prepared from 50 s, cleaned, and cut from 100 s; person_3 sits at the head."""
    return timeline(
        ("patient", "close_to", "operating_table", 20, 400), ("person_3", "operating", "operating_table", 20, 30),
        ("person_1", "preparing", "patient", 50, 70), ("person_2", "preparing", "patient", 52, 70),
        ("person_1", "cleaning", "patient", 75, 90), ("person_1", "cutting", "patient", 100, 200),
        ("person_1", "holding", "saw_1", 210, 260), ("person_1", "sawing", "patient", 210, 260),
        ("person_2", "assisting", "person_1", 100, 300),
        ("person_3", "close_to", "anesthesia_equipment", 30, 400),
        ("person_3", "operating", "anesthesia_equipment", 100, 300),
    )  # fmt: skip


def test_phases_of_a_twin_come_where_all_could_be_measured(operation):
    found = procedure_phases(operation, ALL)
    assert [span.name for span in found] == ["sterile", "roll_in", "patient_prep", "knee_prep"]
    assert [span.begin_ns // SECOND for span in found] == [0, 20, 50, 100]


@pytest.mark.parametrize("missing", sorted(load_rules(PHASE_RULES).predicates))
def test_without_one_of_them_they_are_unknown(operation, missing):
    assert procedure_phases(operation, ALL - {missing}) is None


def test_a_recording_in_which_nothing_happens_has_no_phases():
    assert procedure_phases(timeline(), ALL) is None


def test_people_get_the_roles_that_are_clear_and_keep_them_on_disk(operation):
    nodes = with_roles(operation.nodes, operation, ALL)
    roles = {node.node_id: node.role for node in nodes_from_table(nodes_table(nodes))}
    assert roles["person_1"] == "head_surgeon"
    assert roles["person_2"] == "assistant_surgeon"
    assert roles["person_3"] == "anaesthetist"
    assert roles["saw_1"] == roles["operating_table"] == ""


@pytest.mark.parametrize("missing", sorted(NEEDED_FOR_ROLES))
def test_roles_are_unknown_where_nobody_could_see_who_does_what(operation, missing):
    assert not any(node.role for node in with_roles(operation.nodes, operation, ALL - {missing}))


def test_people_who_do_the_same_have_no_role():
    line = timeline(*((f"person_{k}", "close_to", "operating_table", 0, 400) for k in (1, 2, 3)))
    assert not any(node.role for node in with_roles(line.nodes, line, ALL))


def test_queries_ask_by_phase_and_by_role(operation):
    line = replace(operation, nodes=tuple(with_roles(operation.nodes, operation, ALL)))
    relations, nodes = line.to_arrow()
    sources = QuerySources(relations, nodes, phases=phases_table(procedure_phases(operation, ALL)))
    (row,) = run_query('holding(head_surgeon, ?what) during phase "knee_prep"', sources).rows()
    assert (row["what"], row["begin_ns"] // SECOND, row["end_ns"] // SECOND) == ("saw_1", 210, 260)
    assert run_query('holding(head_surgeon, ?what) during phase "roll_in"', sources).rows() == []


def test_no_phases_are_an_empty_table():
    assert phases_table(()).num_rows == 0
    assert phases_table(()).column_names == ["name", "begin_ns", "end_ns", "because"]
