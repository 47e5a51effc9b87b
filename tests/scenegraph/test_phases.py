import json
import tomllib

import pytest
from ortwin.capture.errors import ConfigError
from ortwin.scenegraph.graph import TruthState
from ortwin.scenegraph.label_io import read_labels
from ortwin.scenegraph.label_timeline import label_timeline
from ortwin.scenegraph.phase_patterns import GraphInstants, names_of, parse_clause
from ortwin.scenegraph.phases import SECOND_NS, SHIPPED, load_rules, parse_rules, recognise_phases
from ortwin.scenegraph.timeline import Interval, NodeSpan, SceneGraphTimeline

NOWHERE = (0.0, 0.0, 0.0)
LABELS = {
    "head_surgeon": "head_surgeon", "nurse": "nurse", "circulator": "circulator", "patient": "patient", "saw": "saw",
    "operating_table": "operating_table",
}  # fmt: skip


def timeline(*rows, seconds=60):
    """A timeline of [subject, predicate, object, begin_s, end_s] rows."""
    nodes = [NodeSpan(name, label, "track", NOWHERE, 0, seconds * SECOND_NS - 1) for name, label in LABELS.items()]
    intervals = [
        Interval(s, p, o, round(begin_s * SECOND_NS), round(end_s * SECOND_NS)) for s, p, o, begin_s, end_s in rows
    ]
    return SceneGraphTimeline(tuple(nodes), tuple(intervals))


def rules(text):
    return parse_rules(tomllib.loads(text), "rules.toml")


TWO = """
[[phase]]
name = "before"
[[phase]]
name = "work"
begin = { when = ["sawing(head_surgeon, patient)"], span_s = 4, for_s = 3 }
"""


def begins(line, text, **options):
    return [(span.name, span.begin_ns / SECOND_NS) for span in recognise_phases(line, rules(text), **options).spans]


def test_a_phase_begins_at_the_first_instant_of_enough():
    saw = ("head_surgeon", "sawing", "patient")
    line = timeline((*saw, 5, 7), (*saw, 20, 21), (*saw, 22, 25))
    assert begins(line, TWO) == [("before", 0), ("work", 20)]


def test_it_counts_time_and_not_instants():
    line = timeline(("head_surgeon", "sawing", "patient", 10, 12.4))
    assert begins(line, TWO, period_ns=SECOND_NS // 5) == [("before", 0)]
    line = timeline(("head_surgeon", "sawing", "patient", 10, 13.2))
    assert begins(line, TWO, period_ns=SECOND_NS // 5) == [("before", 0), ("work", 10)]


def test_spans_have_no_gaps_and_say_why():
    found = recognise_phases(timeline(("head_surgeon", "sawing", "patient", 10, 20)), rules(TWO))
    assert [(span.begin_ns, span.end_ns) for span in found.spans] == [
        (0, 10 * SECOND_NS),
        (10 * SECOND_NS, 60 * SECOND_NS),
    ]
    assert "sawing(head_surgeon, patient) for 3 s within 4 s from 0:10.0" in found.spans[1].because
    assert (found.at(0), found.at(10 * SECOND_NS), found.at(60 * SECOND_NS)) == ("before", "work", None)


def test_a_phase_that_never_begins_is_missing_and_said_to_wait():
    found = recognise_phases(timeline(), rules(TWO))
    assert found.missing == ("work",)
    assert found.waiting_for.startswith("sawing(head_surgeon, patient)")


def test_order_is_kept():
    text = TWO + '[[phase]]\nname = "end"\nbegin = { when = ["holding(nurse, saw)"], span_s = 2, for_s = 1 }\n'
    line = timeline(("nurse", "holding", "saw", 3, 5), ("head_surgeon", "sawing", "patient", 10, 20),
                    ("nurse", "holding", "saw", 30, 32))  # fmt: skip
    assert begins(line, text) == [("before", 0), ("work", 10), ("end", 30)]


def test_a_precondition_must_come_first():
    text = TWO + 'after = { when = ["holding(nurse, saw)"], span_s = 2, for_s = 1 }\n'
    saw = ("head_surgeon", "sawing", "patient")
    assert begins(timeline((*saw, 10, 15), ("nurse", "holding", "saw", 20, 21), (*saw, 30, 35)), text)[1][1] == 30
    assert recognise_phases(timeline((*saw, 10, 15)), rules(text)).missing == ("work",)


def test_it_waits_for_the_last_of_another_act():
    text = TWO + 'not_before_last = { when = ["drilling(head_surgeon, patient)"], span_s = 4, for_s = 2 }\n'
    saw = ("head_surgeon", "sawing", "patient")
    line = timeline((*saw, 10, 15), ("head_surgeon", "drilling", "patient", 20, 25), (*saw, 30, 35))
    assert begins(line, text)[1][1] == 30
    assert begins(timeline((*saw, 10, 15)), text)[1][1] == 10


def test_dating_back_reaches_the_unbroken_begin_only():
    text = TWO + 'since = ["touching(nurse|head_surgeon, patient)"]\n'
    touch = ("nurse", "touching", "patient")
    line = timeline((*touch, 2, 4), (*touch, 6, 12), ("head_surgeon", "sawing", "patient", 10, 20))
    assert begins(line, text)[1][1] == 6
    assert begins(line, text, date_back=False)[1][1] == 10


def test_a_procedure_that_is_played_faster_needs_less_time():
    line = timeline(("head_surgeon", "sawing", "patient", 10, 11.6))
    assert begins(line, TWO, period_ns=SECOND_NS // 5) == [("before", 0)]
    assert begins(line, TWO, period_ns=SECOND_NS // 5, pace=2) == [("before", 0), ("work", 10)]
    with pytest.raises(ConfigError, match="above 0"):
        recognise_phases(line, rules(TWO), pace=0)


def test_unknown_is_not_true():
    row = Interval("head_surgeon", "sawing", "patient", 0, 60 * SECOND_NS, TruthState.UNKNOWN)
    line = SceneGraphTimeline(timeline().nodes, (row,))
    assert begins(line, TWO) == [("before", 0)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("sawing(head_surgeon, patient)", {1, 2}),
        ("sawing(*, patient)", {1, 2}),
        ("*(head_surgeon, *)", {1, 2, 5}),
        ("sawing|drilling(*, patient)", {1, 2, 3}),
        ("sawing(nurse, patient) or drilling(nurse, patient)", {3}),
        ("not *(*, patient)", {0, 4, 5}),
        ("*(circulating_nurse, *)", {5}),
        ("*(scrub_nurse, patient)", {2, 3}),
        ("*(staff, patient)", {1, 2, 3}),
        ("2 *(staff, patient)", {2}),
        ("holding(person, instrument)", {4}),
        ("close_to(circulator, head_surgeon)", {5}),
        ("touching(patient, nurse)", {2}),
        ("holding(saw, nurse)", set()),
    ],
)
def test_patterns_find_what_they_say(text, seconds):
    line = timeline(
        ("head_surgeon", "sawing", "patient", 1, 3), ("nurse", "drilling", "patient", 3, 4),
        ("nurse", "touching", "patient", 2, 3), ("nurse", "holding", "saw", 4, 5),
        ("head_surgeon", "close_to", "circulator", 5, 6), seconds=6,
    )  # fmt: skip
    found = GraphInstants.of(line, SECOND_NS).where(parse_clause(text, "x"))
    assert set(found.nonzero()[0].tolist()) == seconds


def test_names_include_class_and_role():
    assert names_of("circulator", "circulator") == {"circulator", "circulating_nurse", "person", "staff"}
    assert names_of("patient", "patient") == {"patient", "person"}
    assert names_of("saw_1", "saw") == {"saw_1", "saw", "instrument"}


@pytest.mark.parametrize(
    "text",
    [
        "", "sawing", "sawing()", "sawing(a)", "sawing(a, b, c)", "not sawing(a, b) or *(a, b)", "0 sawing(a, b)",
        "juggling(a, b)",
    ],
)  # fmt: skip
def test_a_broken_pattern_is_refused(text):
    with pytest.raises(ConfigError, match="rule 3"):
        parse_clause(text, "rule 3")


BEGIN = 'begin = { when = ["sawing(*, *)"], span_s = 4, for_s = 3 }\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no phases"),
        ("[[phase]]\n", "lacks its name"),
        ('[[phase]]\nname = "a"\n' + BEGIN, "first phase begins with the recording"),
        ('[[phase]]\nname = "a"\n[[phase]]\nname = "b"\n', "only the first phase"),
        ('[[phase]]\nname = "a"\n[[phase]]\nname = "a"\n' + BEGIN, "'a' stands twice"),
        (TWO + "befor = 3\n", "no 'befor'"),
        (TWO.replace("for_s", "four_s"), r"(?s)when, span_s and for_s.*phase 1 \(work\), begin"),
        (TWO.replace("= 3", "= 0"), "above 0 s"),
        (TWO.replace('["sawing(head_surgeon, patient)"]', "[]"), "needs clauses"),
        (TWO + 'since = "x"\n', "since is a list"),
    ],
)
def test_unsound_rules_are_refused_with_their_place(text, said):
    with pytest.raises(ConfigError, match=said):
        rules(text)


def test_rules_of_ones_own_are_read_from_a_file(tmp_path):
    (tmp_path / "mine.toml").write_text(TWO)
    assert [phase.name for phase in load_rules(tmp_path / "mine.toml").phases] == ["before", "work"]
    with pytest.raises(ConfigError, match="did you mean 'knee_replacement'"):
        load_rules("knee_replacment")
    (tmp_path / "bad.toml").write_text("[[")
    with pytest.raises(ConfigError, match="no TOML"):
        load_rules(tmp_path / "bad.toml")


def test_both_shipped_rules_have_the_same_eight_phases():
    first, second = (load_rules(name).phases for name in SHIPPED)
    assert len(first) == 8
    assert [(phase.name, phase.title) for phase in first] == [(phase.name, phase.title) for phase in second]


@pytest.fixture(scope="module")
def labels(test_data):
    return read_labels(test_data / "or4d_graphs" / "relationships_validation.json")


@pytest.mark.parametrize("take", ["4", "8"])
@pytest.mark.parametrize(("name", "anonymous"), [("knee_replacement", False), ("knee_replacement_unnamed", True)])
def test_phases_of_labelled_takes_are_right_at_99_of_100_instants(test_data, labels, take, name, anonymous):
    truth = json.loads((test_data / "or4d_graphs" / "phases" / f"phase_to_frames_{take}.json").read_text())
    line = label_timeline(labels, take, anonymous=anonymous)
    found = recognise_phases(line, load_rules(name))
    true = {frame: phase for phase, (first, last) in truth.items() for frame in range(first, last + 1)}
    right = [found.at(frame * SECOND_NS) == phase for frame, phase in true.items()]
    assert sum(right) / len(right) >= 0.99
    assert [span.name for span in found.spans] == list(truth)
