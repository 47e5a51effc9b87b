"""`A then B within d`: what follows what, how soon, and what of it is unknown."""

import pytest
from ortwin.capture.errors import ConfigError
from ortwin.scenegraph.graph import TruthState
from ortwin.scenegraph.label_timeline import label_specs
from ortwin.scenegraph.query_engine import QuerySession
from ortwin.scenegraph.query_sources import QuerySources
from ortwin.scenegraph.timeline import Interval, NodeSpan, SceneGraphTimeline

NAMES = ("person_1", "person_2", "saw", "drill", "patient")
NODES = tuple(NodeSpan(name, "person" if "person" in name else name, "track", (0.0, 0.0, 1.0), 0, 99) for name in NAMES)
ROWS = (
    Interval("person_1", "holding", "saw", 0, 10, score=0.75),
    Interval("person_1", "sawing", "patient", 13, 20, score=0.5),
    Interval("person_1", "holding", "drill", 30, 60),
    Interval("person_1", "drilling", "patient", 40, 50),
    Interval("person_2", "holding", "saw", 20, 25),
    Interval("person_2", "sawing", "patient", 26, 30, TruthState.UNKNOWN),
    Interval("person_2", "sawing", "patient", 30, 33),
)


@pytest.fixture(scope="module")
def told():
    with QuerySession(QuerySources(*SceneGraphTimeline(NODES, ROWS).to_arrow(), specs=label_specs())) as session:
        yield Told(session)


class Told:
    """Answers to queries: who is meant by ?p and ?q, begin, end and state."""

    def __init__(self, session: QuerySession) -> None:
        self.session = session

    def __call__(self, text: str) -> list[tuple]:
        return [
            (*(row[name] for name in ("p", "q") if name in row), row["begin_ns"], row["end_ns"], row["state"])
            for row in self.session.run(text).rows()
        ]


def test_from_the_begin_of_the_first_to_the_end_of_the_second(told):
    assert told("holding(person_1, saw) then sawing(person_1, patient) within 4 ns") == [(0, 20, "true")]
    (row,) = told.session.run("holding(person_1, saw) then sawing(person_1, patient) within 4 ns").rows()
    assert row["score"] == 0.5
    assert [fact["predicate"] for fact in row["evidence"]] == ["holding", "sawing"]


def test_what_comes_later_than_that_does_not_count(told):
    """The last instant of the one is 9 ns and the first of the other 13 ns."""
    assert told("holding(person_1, saw) then sawing(person_1, patient) within 3 ns") == []


def test_nothing_follows_what_comes_after_it(told):
    assert told("drilling(_, patient) then sawing(person_1, patient) within 1 h") == []


def test_the_first_may_go_on_while_the_second_holds(told):
    assert told("holding(?p, drill) then drilling(?p, patient) within 1 ns") == [("person_1", 30, 50, "true")]


def test_variables_are_the_same_in_all_steps(told):
    assert told("holding(?p, saw) then sawing(?q, patient) within 4 ns") == [
        ("person_1", "person_1", 0, 20, "true"),
        ("person_2", "person_2", 20, 33, "unknown"),
    ]


def test_what_may_have_begun_earlier_makes_it_unknown(told):
    assert told("holding(?p, saw) then sawing(?p, patient) within 6 ns")[1:] == [("person_2", 20, 33, "true")]
    assert told("holding(?p, saw) then sawing(?p, patient) within 5 ns")[1:] == [("person_2", 20, 33, "unknown")]


def test_a_sequence_of_three(told):
    sequence = "holding(?p, saw) then sawing(?p, patient) within 4 ns then holding(?p, drill) within {} ns"
    assert told(sequence.format(11)) == [("person_1", 0, 60, "true")]
    assert told(sequence.format(10)) == []


def test_a_sequence_never_goes_back_in_time(told):
    """Somebody holds the saw throughout; the drilling comes before the sawing all the same."""
    rows = (
        Interval("person_1", "holding", "saw", 0, 90),
        Interval("person_1", "drilling", "patient", 10, 20),
        Interval("person_1", "touching", "patient", 50, 60),
    )
    tables = SceneGraphTimeline(NODES, rows).to_arrow()
    text = "touching(?p, patient) then holding(?p, saw) within 1 ns then drilling(?p, patient) within 99 ns"
    with QuerySession(QuerySources(*tables, specs=label_specs())) as session:
        assert session.run(text).rows() == []
        (row,) = session.run(
            text.replace("touching", "x").replace("drilling", "touching").replace("x(", "drilling(")
        ).rows()
    assert (row["begin_ns"], row["end_ns"]) == (10, 60)


def test_a_step_may_be_that_something_does_not_hold(told):
    assert told("holding(?p, saw) then not holding(?p, saw) within 1 ns") == [
        ("person_1", 0, 100, "true"),
        ("person_2", 20, 100, "true"),
    ]


def test_sequences_are_counted_and_say_when_something_holds(told):
    (row,) = told.session.run("count holding(_, saw) then sawing(_, patient) within 4 ns").rows()
    assert (row["count"], row["unknown_count"]) == (1, 1)
    during = "drilling(?p, patient) during (holding(?p, saw) then holding(?p, drill) within 30 ns)"
    assert told(during) == [("person_1", 40, 50, "true")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("holding(?p, saw) then sawing(?p, _)", "how soon, as in 'within 10 s'"),
        ("holding(?p, saw) then sawing(?p, _) within 0 s", "above 0"),
        ("holding(?p, saw) then sawing(?p, _) within 5", "needs a unit"),
        ("holding(?p, saw) than sawing(?p, _) within 5 s", "did you mean 'then'"),
        ("not holding(?p, saw) then not sawing(?p, _) within 5 s", "is not bound"),
        ("where(saw) then sawing(_, patient) within 5 s", "takes no 'then'"),
    ],
)
def test_what_is_refused_is_explained(told, text, message):
    with pytest.raises(ConfigError) as caught:
        told(text)
    assert message in str(caught.value)
    assert "column" in str(caught.value)
