import re
import sys

import duckdb
import pyarrow as pa
import pytest
from ortwin.capture.errors import ConfigError
from ortwin.scenegraph.graph import TruthState
from ortwin.scenegraph.query_engine import run_query
from ortwin.scenegraph.query_language import parse_query
from ortwin.scenegraph.query_sources import QuerySources, locked_connection
from ortwin.scenegraph.query_tree import Atom, Name, Variable
from ortwin.scenegraph.timeline import Interval, NodeSpan, SceneGraphTimeline, split
from ortwin.scenegraph.timeline_tables import relations_table

NODES = (
    NodeSpan("person_1", "person", "track", (0, 0, 1), 0, 99),
    NodeSpan("person_2", "person", "track", (0, 0, 1), 0, 99),
    NodeSpan("object_1", "object", "track", (0, 0, 1), 0, 99),
    NodeSpan("operating_table", "operating_table", "fixture", (0, 0, 1), 0, 99),
    NodeSpan("operating_table_2", "operating_table", "fixture", (0, 0, 1), 0, 99),
    NodeSpan('Bob\'s "cart"; DROP TABLE relations --', "cart", "fixture", (0, 0, 1), 0, 99),
    NodeSpan("room", "zone", "zone", (0, 0, 1), 0, 99),
)
ROWS = (
    Interval("person_1", "close_to", "operating_table", 0, 30, score=0.5, evidence={"gap_m": 0.25}),
    Interval("person_1", "close_to", "person_2", 10, 20),
    Interval("person_2", "close_to", "operating_table_2", 20, 40, TruthState.UNKNOWN),
    Interval("person_2", "touching", NODES[5].node_id, 40, 50),
    Interval("person_1", "inside_zone", "room", 0, 100),
    Interval("object_1", "on", "operating_table", 0, 100),
)
RELATIONS, NODE_TABLE = SceneGraphTimeline(NODES, ROWS).to_arrow()


def ask(text, relations=RELATIONS):
    return run_query(text, QuerySources(relations, NODE_TABLE))


def triples(text):
    return [(row["subject"], row["object"], row["begin_ns"], row["end_ns"]) for row in ask(text).rows()]


def column_of(error):
    return int(re.findall(r"column (\d+)", str(error))[0])


def test_a_query_becomes_a_tree():
    tree = parse_query("close_to( person, ?x ) ")
    assert isinstance(tree, Atom)
    assert tree.predicate == "close_to"
    person, variable = tree.terms
    assert isinstance(person, Name)
    assert (person.text, person.exact, person.span.begin, person.span.end) == ("person", False, 10, 16)
    assert isinstance(variable, Variable)
    assert variable.name == "x"
    assert parse_query('touching("person_1", ?x)').terms[0].exact


def test_a_class_means_all_of_its_nodes_and_a_variable_any():
    result = ask("close_to(person, ?x)")
    assert result.variables == ("x",)
    assert [row["x"] for row in result.rows()] == ["operating_table", "person_2", "person_1", "operating_table_2"]
    assert result.to_arrow().column_names[:7] == ["x", "subject", "predicate", "object", "begin_ns", "end_ns", "state"]


def test_a_name_means_one_node():
    assert triples("close_to(person_1, ?x)") == [
        ("person_1", "operating_table", 0, 30),
        ("person_1", "person_2", 10, 20),
    ]


def test_a_label_that_several_share_means_all_and_quotes_mean_one():
    assert len(triples("close_to(person, operating_table)")) == 2
    assert triples('close_to(person, "operating_table")') == [("person_1", "operating_table", 0, 30)]


def test_synonyms_and_layers_are_understood():
    assert triples("close_to(human, or_table)") == triples("close_to(person, operating_table)")
    assert triples("inside_zone(?who, zone)") == triples("inside_zone(?who, room)")
    assert len(triples("close_to(?who, fixture)")) == 2


def test_rows_carry_state_score_and_evidence():
    first, *_, last = ask("close_to(person, operating_table)").rows()
    assert (first["state"], first["score"], first["gap_m"], first["gap_min_m"]) == ("true", 0.5, 0.25, None)
    assert last["state"] == "unknown"


def test_symmetric_relations_match_both_ways_and_are_told_once():
    assert triples("close_to(operating_table, person_1)") == [("operating_table", "person_1", 0, 30)]
    assert triples("close_to(person_2, person_1)") == [("person_2", "person_1", 10, 20)]
    assert triples("close_to(person, person)") == [("person_1", "person_2", 10, 20)]
    assert triples("close_to(person, human)") == [("person_1", "person_2", 10, 20)]
    assert len(triples("close_to(?a, ?b)")) == 3


def test_directed_relations_match_one_way():
    assert len(triples("on(?what, operating_table)")) == 1
    assert triples("on(?what, operating_table_2)") == []


def test_the_same_variable_twice_is_the_same_node():
    assert triples("close_to(?x, ?x)") == []


def test_a_class_that_this_twin_lacks_gives_no_rows():
    assert triples("close_to(drill, ?x)") == []


def test_pieces_of_a_stored_interval_are_one_answer():
    pieces = [row for segment in split(ROWS, [0, 15, 25, 100]) for row in segment]
    assert len(pieces) > len(ROWS)
    result = ask("close_to(?a, ?b)", relations_table(pieces))
    assert result.rows() == ask("close_to(?a, ?b)").rows()


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("close_to(persn, ?x)", "did you mean 'person'", 10),
        ("close_too(person, ?x)", "did you mean 'close_to'", 1),
        ("close_to(person)", "takes 2 terms, got 1", 1),
        ("  close_to(person, ?x, ?y)", "takes 2 terms, got 3", 3),
        ("close_to(person, ?x", "ends too early", 20),
        ("close_to person, ?x)", "unexpected 'person'", 10),
        ("close_to(person; ?x)", "unexpected ';'", 16),
        ("close_to(person, ?x) drop", "unexpected 'drop'", 22),
        ("close_to(person, ?)", "unexpected '?'", 18),
        ("inside_zone(?x, operating_table)", "is a fixture, and inside_zone takes a zone", 17),
        ("on(operating_table, ?x)", "is a fixture, and on takes a moving thing", 4),
        ("close_to(room, ?x)", "is a zone", 10),
        ('close_to("person", ?x)', "unknown name 'person'", 10),
        ("close_to(person, ?score)", "column 'score'", 18),
        ("close_to(?x, ?X)", "cannot be told from ?x", 14),
        ("close_to()", "takes 2 terms, got 0", 1),
    ],
)
def test_errors_point_at_the_column(text, message, column):
    with pytest.raises(ConfigError) as caught:
        ask(text)
    assert message in str(caught.value)
    assert column_of(caught.value) == column
    line, caret = str(caught.value).split("\n")[2:4]
    assert line[4:] == text
    assert caret.index("^") - 4 == column - 1


def test_errors_name_the_line_of_a_long_query():
    with pytest.raises(ConfigError, match="line 2, column 3") as caught:
        ask("close_to(\n  persn,\n  ?x)")
    assert "\n      persn,\n      ^^^^^" in str(caught.value)


def test_empty_and_endless_queries_are_refused():
    for text in ("", "  \n"):
        with pytest.raises(ConfigError, match="empty"):
            ask(text)
    with pytest.raises(ConfigError, match="characters"):
        ask("close_to(" + "x" * 20_000)


def test_names_with_quotes_are_names_and_not_sql():
    (row,) = ask("touching(person_2, ?x)").rows()
    assert row["x"] == NODES[5].node_id
    assert len(ask("touching(person_2, cart)")) == 1
    for hostile in (
        'close_to("x\' OR 1=1 --", ?x)',
        'close_to("x\'); DROP TABLE relations; --", ?x)',
        "close_to(?x, '/etc/passwd')",
        'close_to(?x", ?y)',
        "close_to(?x; SELECT 1, ?y)",
        "close_to(read_csv('/etc/passwd'), ?y)",
        "relations UNION SELECT * FROM relations",
    ):
        with pytest.raises(ConfigError):
            ask(hostile)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('/etc/passwd')",
        "COPY relations TO '/tmp/stolen.csv'",
        "ATTACH '/tmp/stolen.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SELECT * FROM NODE_TABLE",
    ],
)
def test_the_connection_is_locked(sql):
    connection = locked_connection()
    connection.register("relations", RELATIONS)
    assert connection.execute("SELECT count(*) FROM relations").fetchall() == [(len(ROWS),)]
    with pytest.raises(duckdb.Error):
        connection.execute(sql).fetchall()


def test_results_show_themselves_in_a_notebook():
    page = ask("touching(person_2, ?x)")._repr_html_()
    assert "DROP TABLE relations" in page
    assert "&quot;cart&quot;" in page
    assert "<caption>touching(person_2, ?x)</caption>" in page
    many = relations_table([Interval("person_1", "close_to", "person_2", i * 10, i * 10 + 5) for i in range(60)])
    assert "10 more rows" in ask("close_to(?a, ?b)", many)._repr_html_()


def test_pandas_is_asked_for_only_when_wanted(monkeypatch):
    result = ask("close_to(?a, ?b)")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigError, match="pandas is not installed"):
        result.to_pandas()


def test_an_empty_twin_answers_with_no_rows():
    relations, nodes = SceneGraphTimeline((), ()).to_arrow()
    result = run_query("close_to(person, ?x)", QuerySources(relations, nodes))
    assert len(result) == 0
    assert result.table.schema.field("gap_m").type == pa.float32()


def test_the_one_line_filter_of_the_field():
    timeline = SceneGraphTimeline(NODES, ROWS)
    assert len(timeline.filter()) == len(ROWS)
    assert [row.object_id for row in timeline.filter("person_1", "close_to")] == ["operating_table", "person_2"]
    assert [row.subject_id for row in timeline.filter(object="operating_table", predicate="close_to")] == [
        "person_1", "person_2"
    ]  # fmt: skip
    assert timeline.filter("person_1", "touching") == ()
