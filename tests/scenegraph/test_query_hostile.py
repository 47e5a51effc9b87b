"""Malformed and hostile texts and SQL: an explained refusal, and never anything else."""

import re

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ortwin.capture.errors import ConfigError
from ortwin.scenegraph import query_sources
from ortwin.scenegraph.label_timeline import label_specs
from ortwin.scenegraph.query_engine import QuerySession
from ortwin.scenegraph.query_sources import QuerySources, locked_connection
from ortwin.scenegraph.timeline import Interval, NodeSpan, SceneGraphTimeline

NAMES = ("patient", "saw", "a\"b'; DROP TABLE nodes --")
NODES = tuple(NodeSpan(name, name, "track", (0, 0, 1), 0, 99) for name in NAMES)
ROWS = (Interval("patient", "close_to", "saw", 0, 30), Interval("patient", "touching", NAMES[2], 5, 9))
SOUP = """holding close_to patient saw ?p ?q _ ( ) , and or not for > <= 2 s during phase "one" within before after at
between 00:01 stream distance m where count per role first = 1e99999 ; -- ' " \\ SELECT /* é 💉"""

SOUND = (
    'close_to(?p, saw) and not touching(?p, _) for > 2 s during phase "one"',
    "count close_to(?p, ?q) within 5 ms after touching(?p, _) per phase per ?p",
    "first close_to(_, saw) between 00:00:00 and 3 s",
    "touching(?p, _) then not close_to(?p, saw) within 5 s",
)


@pytest.fixture(scope="module")
def session():
    phases = pa.table({"name": ["one"], "begin_ns": [0], "end_ns": [50]})
    tables = SceneGraphTimeline(NODES, ROWS).to_arrow()
    with QuerySession(QuerySources(*tables, phases=phases, specs=label_specs())) as opened:
        yield opened


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(SOUP.split()), max_size=25).map(" ".join) | st.text(max_size=60))
def test_whatever_is_asked_is_answered_or_refused_with_a_reason(session, text):
    try:
        assert session.run(text).table.num_rows >= 0
    except ConfigError as error:
        assert error.what


@pytest.mark.parametrize(("seed", "count"), [(7, 300), pytest.param(8, 2_000, marks=pytest.mark.slow)])
def test_whatever_is_refused_is_pointed_at(session, seed, count):
    """Texts that are nearly queries: words changed, lost, doubled, out of order, or of another kind."""
    rng = np.random.default_rng(seed)
    words = SOUP.split()
    refused = 0
    for _ in range(count):
        tokens = re.findall(r'\?\w+|"[^"]*"|[\w:.]+|[<>=!]+|[(),]', SOUND[int(rng.integers(len(SOUND)))])
        for _ in range(int(rng.integers(1, 4))):
            place, other = rng.integers(0, len(tokens), 2)
            change = int(rng.integers(4))
            if change == 0:
                tokens[place] = words[int(rng.integers(len(words)))]
            elif change == 1 and len(tokens) > 1:
                tokens.pop(place)
            elif change == 2:
                tokens.insert(place, tokens[other])
            else:
                tokens[place], tokens[other] = tokens[other], tokens[place]
        try:
            session.plan(" ".join(tokens))
        except ConfigError as error:
            refused += 1
            assert re.search(r"column \d+\n", str(error)), " ".join(tokens)
    assert count / 2 < refused < count


def test_sound_queries_with_one_character_changed(session):
    rng = np.random.default_rng(5)
    answered = 0
    for _ in range(100):
        text = list(SOUND[int(rng.integers(len(SOUND)))])
        text[int(rng.integers(len(text)))] = chr(int(rng.integers(32, 127)))
        try:
            session.run("".join(text))
            answered += 1
        except ConfigError as error:
            assert error.what
    assert answered < 100


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5_000,
        "not " * 2_400 + "close_to(_, _)",
        "(" * 2_000 + "close_to(_, _)" + ")" * 2_000,
        "close_to(_, _)" + " for > 1 s" * 900,
        "close_to(" + "?" * 9_000,
        "close_to(_, _) and " * 500 + "close_to(_, _)",
        "speed(saw) > " + "9" * 5_000 + " m/s",
        "close_to(_, _) for > 1e-99999999 s" + " " * 50 + "and",
        "close_to(_, _) at 99999999999999999999:00",
    ],
)
def test_what_is_too_deep_too_long_or_too_large_is_refused(session, text):
    with pytest.raises(ConfigError):
        session.run(text)


def test_names_are_never_sql(session):
    (row,) = session.run("touching(patient, ?x)").rows()
    assert row["x"] == NAMES[2]
    for text in (
        "close_to('x' OR 1=1, ?x)",
        'close_to("x\' OR 1=1 --", ?x)',
        "close_to(patient, ?x); DROP TABLE relations",
        "close_to(read_csv(patient), ?x)",
        "relations UNION SELECT * FROM nodes",
        'phase "\'; DROP VIEW phases; --"',
        'stream("\' OR 1=1 --") < 2',
    ):
        with pytest.raises(ConfigError):
            session.run(text)
    assert len(session.run("close_to(patient, ?x)")) == 1


def test_a_query_that_takes_too_long_is_ended(session, monkeypatch):
    monkeypatch.setattr(query_sources, "LONGEST_S", 0.05)
    with pytest.raises(ConfigError, match=r"more than 0\.05 s"):
        session.sql("SELECT count(*) FROM range(100000000) a, range(1000) b WHERE a.range % 7 = b.range % 5")
    monkeypatch.undo()
    assert len(session.run("close_to(patient, ?x)")) == 1


def test_sql_reads_the_views(session):
    result = session.sql("SELECT predicate, count(*) AS n FROM relations GROUP BY predicate ORDER BY predicate")
    assert [tuple(row.values()) for row in result.rows()] == [("close_to", 1), ("touching", 1)]
    for view in query_sources.VIEWS:
        assert session.sql(f"SELECT * FROM {view}").table.column_names[0] == "procedure"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_parquet('{folder}/other.parquet')",
        "COPY relations TO '{folder}/stolen.csv'",
        "COPY (SELECT 1) TO '{folder}/relations.parquet' (USE_TMP_FILE false)",
        "EXPORT DATABASE '{folder}/stolen'",
        "ATTACH '{folder}/stolen.db'",
        "DETACH memory",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA database_list",
        "SET threads = 1",
        "RESET threads",
        "CALL pragma_version()",
        "CREATE TABLE mine AS SELECT 1",
        "DROP VIEW relations",
        "DELETE FROM relations",
        "WITH gone AS (DELETE FROM relations RETURNING 1) SELECT * FROM gone",
        "INSERT INTO procedures VALUES ('x', 0, 1)",
        "BEGIN TRANSACTION",
        "EXPLAIN SELECT 1",
        "SELECT 1; SELECT 2",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM tables",
        "SELECT getenv('HOME')",
        "SELECT * FROM parquet_metadata('{folder}/other.parquet')",
        "SELECT * FROM read_blob('{folder}/../../../etc/hostname')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "FROM '/etc/passwd'",
        'TABLE "/etc/passwd"',
        "SELECT * FROM read_json('/etc/passwd')",
        "WITH taken AS (SELECT * FROM read_csv('/etc/passwd')) SELECT * FROM taken",
        "SELECT (SELECT count(*) FROM glob('/etc/*'))",
        "SELECT * FROM nodes WHERE node_id IN (SELECT content FROM read_text('/etc/hostname'))",
        "SELECT * FROM nodes, LATERAL (SELECT * FROM read_text('/etc/hostname'))",
        "SELECT * FROM query('SELECT * FROM read_text(''/etc/hostname'')')",
        "SELECT * FROM query_table('/etc/passwd')",
        "SELECT /* read */ * FROM /**/ read_text /* text */ ('/etc/hostname') -- gone",
        "SELECT * FROM ｒead_text('/etc/hostname')",
        "SELECT * FROM 'https://example.com/x.parquet'",
        "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
        "SELECT * FROM sqlite_scan('/tmp/x.db', 't')",
        "SELECT * FROM arrow_scan(1, 2, 3)",
        "SELECT * FROM pandas_scan(140000000000000)",
        "CREATE MACRO thief() AS TABLE SELECT * FROM read_text('/etc/hostname')",
        "CREATE OR REPLACE TEMP VIEW relations AS SELECT 1",
        "CREATE SECRET mine (TYPE s3)",
        "PREPARE taken AS SELECT 1",
        "EXECUTE taken",
        "SET VARIABLE mine = 1",
        "RESET lock_configuration",
        "ALTER VIEW relations RENAME TO mine",
        "COPY relations FROM '/etc/passwd'",
        "IMPORT DATABASE '{folder}'",
        "SELECT 1 --\n; INSTALL httpfs",
        "CHECKPOINT",
        "COMMIT",
        "SELECT repeat('x', 9000000000)",
        "SELECT $1",
        "SELEKT 1",
        "",
        "-- nothing",
    ],
)
def test_sql_can_do_nothing_else(tmp_path, sql):
    relations, nodes = SceneGraphTimeline(NODES, ROWS).to_arrow()
    path = tmp_path / "relations.parquet"
    pq.write_table(relations, path)
    pq.write_table(relations, tmp_path / "other.parquet")
    before = path.read_bytes()
    with QuerySession(QuerySources(path, nodes, specs=label_specs())) as opened:
        assert len(opened.run("close_to(patient, ?x)")) == 1
        with pytest.raises(ConfigError) as caught:
            opened.sql(sql.format(folder=tmp_path))
        assert caught.value.what
        assert len(opened.run("close_to(patient, ?x)")) == 1
    assert path.read_bytes() == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["other.parquet", "relations.parquet"]


def test_an_answer_that_is_no_value_of_python_is_refused_too(session):
    with pytest.raises(ConfigError, match="cannot be told"):
        session.sql("SELECT DATE '290000-01-01' AS far_away").rows()


@pytest.mark.parametrize("setting", ["enable_external_access", "lock_configuration", "allowed_paths"])
def test_the_lock_cannot_be_opened(setting):
    connection = locked_connection()
    with pytest.raises(duckdb.Error):
        connection.execute(f"SET {setting} = {'[]' if setting == 'allowed_paths' else 'true'}")
    with pytest.raises(duckdb.Error):
        connection.execute("SELECT * FROM read_text('/etc/hostname')").fetchall()


def test_a_file_that_is_not_there_is_named(tmp_path):
    from ortwin.capture.errors import InputError

    nodes = SceneGraphTimeline(NODES, ROWS).to_arrow()[1]
    with pytest.raises(InputError, match="not there"):
        QuerySession(QuerySources(tmp_path / "gone.parquet", nodes))
