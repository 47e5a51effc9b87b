"""Every example of docs/query-language.md is answered, and those whose answer can be told by hand are right."""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.compute
import pytest
from ortwin.capture.errors import ConfigError
from ortwin.scenegraph.graph import TruthState
from ortwin.scenegraph.label_timeline import label_specs
from ortwin.scenegraph.query_engine import QuerySession, run_query
from ortwin.scenegraph.query_sources import QuerySources
from ortwin.scenegraph.timeline import Interval, NodeSpan, SceneGraphTimeline
from ortwin.scenegraph.vocabulary import PREDICATES

PAGE = Path(__file__).parents[2] / "docs" / "query-language.md"
EXAMPLES = re.findall(r"^\| [^|]+ \| `([^`]+)` \|", PAGE.read_text(encoding="utf-8"), re.M)
S = 1_000_000_000
END_S = 100
UNKNOWN = TruthState.UNKNOWN
SPECS = {**label_specs(), **PREDICATES}


def node(name, label, layer="track", role="", place_m=(0.0, 0.0, 1.0)):
    return NodeSpan(name, label, layer, place_m, 0, END_S * S - 1, role)


NODES = (
    node("person_1", "person", role="head_surgeon"),
    node("person_2", "person", role="scrub_nurse"),
    node("person_3", "person"),
    *(node(name, name) for name in ("patient", "drill", "saw", "drape")),
    node("operating_table", "operating_table", "fixture", place_m=(2.0, 0.0, 1.0)),
    node("room", "room", "zone"),
)


def fact(subject, predicate, target, begin_s, end_s, state=TruthState.TRUE, score=1.0, **evidence):
    return Interval(subject, predicate, target, int(begin_s * S), int(end_s * S), state, score, evidence)


FACTS = (
    fact("person_1", "holding", "drill", 10, 30, score=0.75),
    fact("person_1", "holding", "saw", 33, 36, score=0.5),
    fact("person_2", "holding", "saw", 30, 32),
    fact("person_3", "holding", "drill", 60, 65),
    fact("drape", "lying_on", "patient", 20, 25),
    fact("drape", "lying_on", "patient", 26, 28, UNKNOWN),
    fact("person_1", "close_to", "patient", 5, 50, score=0.875, gap_m=0.25),
    fact("person_2", "close_to", "patient", 40, 45, UNKNOWN),
    fact("person_2", "close_to", "patient", 45, 50),
    fact("person_2", "handover", "person_1", 33, 34),
    fact("person_1", "drilling", "patient", 40, 45),
    fact("person_1", "touching", "patient", 39, 46),
    fact("person_1", "inside_zone", "room", 0, 37),
)
STREAMS = pa.table(
    {
        "name": ["spo2"] * 4 + ["robot"] * 2,
        "time_ns": [value * S for value in (5, 12, 20, 27, 0, 15)],
        "value": [98.0, 91.0, 95.0, None, None, None],
        "text": [None] * 4 + ["idle", "cutting"],
        "unit": ["%"] * 4 + [None] * 2,
        "max_age_ns": [10 * S] * 4 + [None] * 2,
    },
    schema=pa.schema([("name", pa.string()), ("time_ns", pa.int64()), ("value", pa.float64()), ("text", pa.string()),
                      ("unit", pa.string()), ("max_age_ns", pa.int64())]),
)  # fmt: skip
#: person_1 walks along x at 0.5 m/s for 10 s, one position each half second; the drill lies still.
POSITIONS = pa.table(
    {
        "node_id": ["person_1"] * 21 + ["drill"] * 21,
        "time_ns": [step * S // 2 for step in range(21)] * 2,
        "x_m": [0.25 * step for step in range(21)] + [1.0] * 21,
        "y_m": [0.0] * 42,
        "z_m": [1.0] * 42,
    }
)
PHASES = pa.table({"name": ["roll_in", "knee_prep"], "begin_ns": [0, 20 * S], "end_ns": [20 * S, 80 * S]})


@pytest.fixture(scope="module")
def session():
    relations, nodes = SceneGraphTimeline(NODES, FACTS).to_arrow()
    with QuerySession(QuerySources(relations, nodes, POSITIONS, STREAMS, PHASES, specs=SPECS)) as opened:
        yield opened


def spans(result, *names):
    """(the named columns, begin and end in seconds, state) of each row."""
    return [
        (*(row[name] for name in names), row["begin_ns"] / S, row["end_ns"] / S, row["state"]) for row in result.rows()
    ]


def test_the_page_has_an_example_for_each_construct():
    assert len(EXAMPLES) >= 39


@pytest.mark.parametrize("text", EXAMPLES)
def test_each_example_of_the_page_is_answered(session, text):
    assert session.run(text).table.num_columns >= 1


def test_and_not_gives_true_and_unknown_with_scores_and_evidence(session):
    result = session.run("holding(head_surgeon, drill) and not covered(patient)")
    assert spans(result) == [(10, 20, "true"), (25, 26, "true"), (26, 28, "unknown"), (28, 30, "true")]
    assert [row["score"] for row in result.rows()] == [0.75, 0.75, None, 0.75]
    told = [[(one["predicate"], one["state"]) for one in row["evidence"]] for row in result.rows()]
    assert told[0] == [("holding", "true")]
    assert told[2] == [("holding", "true"), ("lying_on", "unknown")]


def test_evidence_carries_what_was_measured(session):
    (row,) = session.run("close_to(person_1, patient) and drilling(?p, patient)").rows()
    assert (row["p"], row["score"]) == ("person_1", 0.875)
    assert [(one["predicate"], one["gap_m"]) for one in row["evidence"]] == [("close_to", 0.25), ("drilling", None)]


def test_duration_and_phase_of_a_conjunction(session):
    text = 'close_to(?p, patient) and holding(?p, {}) for > 2 s during phase "{}"'
    assert spans(session.run(text.format("saw", "knee_prep")), "p") == [("person_1", 33, 36, "true")]
    assert spans(session.run(text.format("drill", "roll_in")), "p") == [("person_1", 10, 20, "true")]


def test_modifiers_apply_from_left_to_right(session):
    assert spans(session.run('holding(_, drill) for > 15 s during phase "roll_in"')) == [(10, 20, "true")]
    assert spans(session.run('holding(_, drill) during phase "roll_in" for > 15 s')) == []


def test_durations_know_what_may_be_longer_or_shorter(session):
    longer = session.run("close_to(person_2, patient) or close_to(person_2, patient) for >= 6 s")
    assert spans(longer) == [(40, 50, "unknown")]
    shorter = session.run("(close_to(person_2, patient)) for < 6 s")
    assert spans(shorter) == [(40, 50, "unknown")]
    assert spans(session.run("(close_to(person_2, patient)) for < 5 s")) == [(40, 45, "unknown")]
    assert spans(session.run("(close_to(person_2, patient)) for > 10 s")) == []


def test_a_handover_names_the_tool(session):
    result = session.run("handover(?a, ?b, ?tool) within 10 s before drilling(head_surgeon, patient)")
    assert spans(result, "a", "b", "tool") == [("person_2", "person_1", "saw", 33, 34, "true")]
    assert spans(session.run("handover(?a, ?b, ?tool) within 5 s before drilling(head_surgeon, patient)")) == []


def test_before_and_after_do_not_include_the_time_itself(session):
    assert spans(session.run("touching(?p, patient) within 3 s before drilling(?p, patient)")) == [(39, 40, "true")]
    assert spans(session.run("touching(?p, patient) after drilling(?p, patient)")) == [(45, 46, "true")]


def test_times_of_the_clock_count_from_the_begin(session):
    assert spans(session.run("holding(?p, _) at 00:35"), "p") == [("person_1", 35, 35.000000001, "true")]
    clipped = session.run("holding(?p, _) between 00:00:20 and 31 s")
    assert spans(clipped, "p") == [("person_1", 20, 30, "true"), ("person_2", 30, 31, "true")]


def test_measures_are_unknown_without_positions_and_false_without_the_thing(session):
    near = session.run("distance(person_1, drill) <= 0.5 m")
    assert spans(near) == [(1, 3.5, "true"), (11, END_S, "unknown")]
    assert spans(session.run("distance(person_1, drill) <= 50 cm")) == spans(near)
    fast = session.run("speed(person_1) > 0.4 m/s")
    assert spans(fast) == [(0, 10, "true"), (10, END_S, "unknown")]
    assert spans(session.run("height(operating_table) < 1.5 m")) == [(0, END_S, "true")]


def test_streams_hold_until_they_are_too_old(session):
    assert spans(session.run('stream("spo2") < 92')) == [(0, 5, "unknown"), (12, 20, "true"), (27, END_S, "unknown")]
    assert spans(session.run('stream("robot") = "cutting"')) == [(15, END_S, "true")]
    assert spans(session.run('stream("robot") != "cutting"')) == [(0, 15, "true")]


def test_roles_that_nobody_knows_may_be_anybodys(session):
    assert spans(session.run("holding(head_surgeon, drill)")) == [(10, 30, "true")]
    assert spans(session.run("holding(anaesthetist, drill)")) == [(60, 65, "unknown")]


def test_a_state_is_unknown_where_nobody_knows_of_drapes():
    bare = tuple(each for each in NODES if each.label != "drape")
    tables = SceneGraphTimeline(bare, FACTS[:4]).to_arrow()
    result = run_query("holding(?p, saw) and not covered(patient)", QuerySources(*tables, specs=SPECS))
    assert spans(result, "p") == [("person_2", 30, 32, "unknown"), ("person_1", 33, 36, "unknown")]


def test_positions_are_told_piece_by_piece(session):
    first, *_, last = session.run("where(person_1)").rows()
    assert (first["begin_ns"], first["end_ns"], first["x_m"], first["state"]) == (0, S // 2, 0.0, "true")
    assert (last["begin_ns"], last["end_ns"], last["x_m"], last["state"]) == (11 * S, END_S * S, None, "unknown")
    (row,) = session.run("where(operating_table) at 00:35").rows()
    assert (row["node_id"], row["x_m"], row["y_m"], row["z_m"]) == ("operating_table", 2.0, 0.0, 1.0)
    held = session.run("where(?thing) during holding(?p, ?thing) between 10 s and 11 s").rows()
    assert {(row["thing"], row["p"], row["x_m"]) for row in held} == {("drill", "person_1", 1.0)}


def test_sums(session):
    def told(text):
        return [tuple(row.values()) for row in session.run(text).rows()]

    assert told("count holding(_, drill)") == [(2, 0)]
    assert told("count close_to(?p, patient)") == [(2, 1)]
    assert told("count holding(_, _) per phase") == [("roll_in", 1, 0), ("knee_prep", 3, 0)]
    assert told("count drilling(_, _) per phase") == [("roll_in", 0, 0), ("knee_prep", 1, 0)]
    assert told("duration holding(?p, _) per ?p") == [
        ("person_1", 23 * S, 0), ("person_2", 2 * S, 0), ("person_3", 5 * S, 0)
    ]  # fmt: skip
    assert told("duration holding(?p, _) per role") == [
        ("head_surgeon", 23 * S, 0), ("scrub_nurse", 2 * S, 0), (None, 5 * S, 0)
    ]  # fmt: skip
    assert told("count suturing(_, patient)") == [(0, 0)]


def test_first_and_last_say_what_may_have_been_earlier_or_later(session):
    (first,) = session.run("first close_to(person_2, patient)").rows()
    assert (first["begin_ns"], first["state"], first["maybe_ns"]) == (45 * S, "true", 40 * S)
    (last,) = session.run("last holding(?p, _)").rows()
    assert (last["p"], last["begin_ns"], last["maybe_ns"]) == ("person_3", 60 * S, None)
    assert [row["p"] for row in session.run("first holding(?p, _) per ?p").rows()] == [
        "person_1",
        "person_2",
        "person_3",
    ]
    assert len(session.run("first suturing(_, patient)")) == 0


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("not holding(?p, saw)", "?p is not bound", 13),
        ("holding(?p, saw) and not close_to(?p, ?q)", "?q is not bound", 39),
        ("holding(?p, saw) or holding(?q, drill)", "is not bound", 9),
        ("holding(?p, saw) for > 2 s and close_to(?p, patient)", "unexpected 'and'", 28),
        ("holding(?p, saw) for > 2 parsecs", "no unit of time", 24),
        ("holding(?p, saw) for = 2 s", "hardly ever equals", 22),
        ("distance(?a, ?b) < 1 s", "no unit of distance", 20),
        ("distance(?a, ?b) < 1", "distance needs a unit", 20),
        ("distance(?a) < 1 m", "takes 2 terms", 1),
        ("speed(?a) < 1 m", "no unit of speed", 13),
        ('holding(_, saw) during phase "knee_perp"', "did you mean 'knee_prep'", 24),
        ('stream("spo3") < 92', "did you mean 'spo2'", 1),
        ('stream("spo2") < 92 mmHg', "is in %, not in mmHg", 1),
        ('stream("spo2") = "low"', "has numbers", 1),
        ('stream("robot") < 3', "has words", 1),
        ('stream("robot") < "on"', "compared with = or !=", 17),
        ("holding(_, saw) at 12:75", "no time", 20),
        ("holding(_, saw) between 10 s and 5 s", "later one", 17),
        ("holding(_, saw) within 0 s before drilling(_, _)", "above 0", 24),
        ("count holding(?p, saw) per ?q", "?q does not occur", 28),
        ("count holding(?p, ?q) per role", "one variable", 1),
        ("count holding(?p, _) per phase per phase", "stands twice", 32),
        ("where(drill) for > 2 s", "takes no duration", 14),
        ("covered(patient, drape)", "takes 1 term, got 2", 1),
        ("close_to(?a, ?b, ?c)", "takes 2 terms, got 3", 1),
        ("holding(first, saw)", "unknown name 'first'", 9),
        ("holding(_, saw) AND holding(_, drill)", "did you mean 'and'", 17),
        ("juggling(_, _)", "unknown predicate", 1),
        ("holding(_, saw) for > 1e999 s", "too large", 23),
        ("(" * 40 + "holding(_, saw)" + ")" * 40, "levels deep", 34),
        (" or ".join(["holding(_, saw)"] * 65), "more than 64 parts", 1217),
    ],
)
def test_what_is_refused_is_pointed_at(session, text, message, column):
    with pytest.raises(ConfigError) as caught:
        session.run(text)
    assert message in str(caught.value)
    assert int(re.findall(r"column (\d+)", str(caught.value))[0]) == column


def test_what_nobody_brought_cannot_be_asked():
    tables = SceneGraphTimeline(NODES, FACTS).to_arrow()
    with QuerySession(QuerySources(*tables)) as bare:
        for text, message in (
            ("speed(?a) > 1 m/s", "nobody knows positions here"),
            ("where(drill)", "nobody knows positions here"),
            ('phase "roll_in"', "no phases are known here"),
            ("count holding(_, _) per phase", "no phases are known here"),
            ('stream("spo2") < 92', "ortwin stream add"),
        ):
            with pytest.raises(ConfigError, match=message):
                bare.run(text)


def test_a_library_is_asked_like_one_recording(tmp_path):
    import pyarrow.parquet as pq

    paths = {}
    for name, table in zip(("relations", "nodes"), SceneGraphTimeline(NODES, FACTS).to_arrow(), strict=True):
        both = pa.concat_tables([table.append_column("procedure", pa.array([p] * table.num_rows)) for p in ("a", "b")])
        paths[name] = tmp_path / f"{name}.parquet"
        pq.write_table(both, paths[name])
    sources = QuerySources(**paths, specs=SPECS)
    result = run_query("holding(head_surgeon, drill) and not covered(patient)", sources)
    assert [row["procedure"] for row in result.rows()] == ["a"] * 4 + ["b"] * 4
    assert spans(result)[:4] == spans(result)[4:] == [
        (10, 20, "true"), (25, 26, "true"), (26, 28, "unknown"), (28, 30, "true")
    ]  # fmt: skip
    counts = run_query("count holding(_, drill)", sources).rows()
    assert [(row["procedure"], row["count"]) for row in counts] == [("a", 2), ("b", 2)]


def test_a_plan_names_its_steps_and_holds_no_word_of_the_query_in_its_sql(session):
    plan = session.plan('holding(head_surgeon, drill) and not touching("drill", _)')
    assert "holding(head_surgeon, drill)" in plan.steps.values()
    assert "head_surgeon" not in plan.sql
    assert '"drill"' not in plan.sql
    assert "'drill'" in plan.describe()
    assert plan.sql.startswith("WITH ")


def test_what_a_recording_of_a_library_could_not_measure_is_unknown_there():
    relations, nodes = SceneGraphTimeline(NODES, FACTS).to_arrow()
    both = [pa.concat_tables([table.append_column("procedure", pa.array([p] * table.num_rows)) for p in "ab"])
            for table in (relations.filter(pa.compute.field("predicate") != "drilling"), nodes)]  # fmt: skip
    spans_of = {"procedure": ["a", "b"], "begin_ns": [0, 0], "end_ns": [END_S * S] * 2}
    measured = pa.array([["holding", "close_to", "touching"], None], pa.list_(pa.string()))
    with QuerySession(
        QuerySources(*both, procedures=pa.table({**spans_of, "measured": measured}), specs=SPECS)
    ) as opened:

        def told(text):
            return [
                (row["procedure"], row["begin_ns"] / S, row["end_ns"] / S, row["state"])
                for row in opened.run(text).rows()
            ]

        assert told("drilling(_, patient)") == [("a", 0, END_S, "unknown")]
        assert told("touching(?p, patient) and not drilling(?p, patient)") == [
            ("a", 39, 46, "unknown"), ("b", 39, 46, "true")
        ]  # fmt: skip
        who = opened.run("drilling(?p, patient) and holding(?p, saw)").rows()
        assert {(row["procedure"], row["p"], row["state"]) for row in who} == {
            ("a", "person_1", "unknown"), ("a", "person_2", "unknown")
        }  # fmt: skip
        assert all(fact["predicate"] == "holding" for row in who for fact in row["evidence"])


def test_rows_with_the_same_borders_are_one_interval():
    """Many ties, in which a database may order rows differently each time."""
    begins = range(0, 80, 4)
    facts = [fact(f"person_{who}", "holding", "drill", begin, begin + 2) for who in (1, 2, 3) for begin in begins]
    sources = QuerySources(*SceneGraphTimeline(NODES, tuple(facts)).to_arrow(), specs=SPECS)
    result = run_query("holding(_, drill) or holding(person, _)", sources)
    assert spans(result) == [(begin, begin + 2, "true") for begin in begins]
