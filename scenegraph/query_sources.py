"""What a query reads: five tables, in memory or as Parquet files, behind one locked-down DuckDB connection.

The views `relations`, `nodes`, `positions`, `streams`, `phases` and `procedures` each lead with a `procedure` column,
so that the same statement answers over one recording and over a library of a thousand.

For speed over a library, hand in `relations` as one Parquet file (or few), sorted by predicate, then procedure, then
begin_ns, in row groups of about 50,000: a query then reads the rows of its predicates only. A thousand small files
cost about 300 ms for opening them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ..capture.errors import ConfigError, InputError
from .predicate import load_predicates
from .timeline_tables import whole_relations
from .vocabulary import PredicateSpec

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    #: A table, Parquet files, or a function that gives either when a query first needs it.
    Source: TypeAlias = pa.Table | Path | Sequence[Path] | Callable[[], pa.Table | Sequence[Path]]

#: What one query may take.
LONGEST_S, MOST_MEMORY = 60.0, "4GB"
_NARROWER = "name who is meant, or the time, or one recording"

#: The columns of each view that a query relies on, with their SQL types; what a source lacks is null.
VIEWS: Mapping[str, Mapping[str, str]] = {
    "relations": {
        "procedure": "VARCHAR", "subject": "VARCHAR", "predicate": "VARCHAR", "object": "VARCHAR",
        "begin_ns": "BIGINT", "end_ns": "BIGINT", "state": "VARCHAR", "score": "FLOAT",
    },
    "nodes": {
        "procedure": "VARCHAR", "node_id": "VARCHAR", "label": "VARCHAR", "layer": "VARCHAR", "x_m": "DOUBLE",
        "y_m": "DOUBLE", "z_m": "DOUBLE", "first_ns": "BIGINT", "last_ns": "BIGINT", "role": "VARCHAR",
    },
    "positions": {
        "procedure": "VARCHAR", "node_id": "VARCHAR", "time_ns": "BIGINT", "x_m": "DOUBLE", "y_m": "DOUBLE",
        "z_m": "DOUBLE",
    },
    "streams": {
        "procedure": "VARCHAR", "name": "VARCHAR", "time_ns": "BIGINT", "value": "DOUBLE", "text": "VARCHAR",
        "unit": "VARCHAR", "max_age_ns": "BIGINT",
    },
    "phases": {"procedure": "VARCHAR", "name": "VARCHAR", "begin_ns": "BIGINT", "end_ns": "BIGINT"},
    "procedures": {"procedure": "VARCHAR", "begin_ns": "BIGINT", "end_ns": "BIGINT", "measured": "VARCHAR[]"},
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class QuerySources:
    """The tables of one recording or of many; columns as in `VIEWS`, those of evidence beside them.

    Args:
        relations, nodes: as in timeline_tables.py. An empty object makes a state of the subject alone.
        positions: centres of what moves, world, metres, one row a thing and instant; None where nobody measured them.
        streams: samples of time series, as `streams.streams_table` tells them; None where there are none.
        phases: [begin_ns, end_ns) of each phase; None where nobody knows them.
        procedures: when each recording begins and ends, and which predicates could be told of it, null for all; None
            to take the first and last that the other tables tell.
        specs: what may be asked for, by name; None for what a twin measures. What the data tells beyond is known too.
        name: of the one recording, where the tables have no column `procedure`.
        folder: whose files may be read; those that a function names must lie below it.
    """

    relations: Source
    nodes: Source
    positions: Source | None = None
    streams: Source | None = None
    phases: Source | None = None
    procedures: Source | None = None
    specs: Mapping[str, PredicateSpec] | None = None
    name: str = ""
    folder: Path | None = None

    @property
    def predicates(self) -> Mapping[str, PredicateSpec]:
        """What may be asked for."""
        return load_predicates() if self.specs is None else self.specs


class QueryConnection:
    """The views of some sources on a connection that sees nothing else; keep it open to ask more than once.

    Args:
        sources: read when a view is first needed.
    """

    def __init__(self, sources: QuerySources) -> None:
        self.sources = sources
        self.given = {name: source for name in VIEWS if (source := getattr(sources, name)) is not None}
        files = [path for source in self.given.values() for path in _paths(source)]
        self.database = locked_connection(files, sources.folder)
        self._made: set[str] = set()
        self._kept: dict[str, list[tuple]] = {}
        self.has_procedures = False
        """Whether answers must tell recordings apart."""

    def need(self, *names: str) -> None:
        """Makes views that a statement reads."""
        for name in names:
            if name not in self._made:
                self._made.add(name)
                self._make(name)

    def rows(self, sql: str) -> list[tuple]:
        """The rows of a statement of ours over views that were made."""
        return self.database.execute(sql).fetchall()

    def table(self, sql: str, parameters: Mapping[str, object]) -> pa.Table:
        """The answer to a statement over views that were made.

        Raises:
            ConfigError: it takes too long or too much memory.
            InputError: a file has gone or is damaged.
        """
        import duckdb

        watch = threading.Timer(LONGEST_S, self.database.interrupt)
        watch.start()
        try:
            return self.database.sql(sql, params=dict(parameters)).to_arrow_table()
        except duckdb.InterruptException:
            raise ConfigError(f"the query takes more than {LONGEST_S:g} s", todo=_NARROWER) from None
        except duckdb.IOException as error:
            raise InputError(
                "a table cannot be read",
                why=str(error).splitlines()[0],
                todo="it may have been replaced: open it again",
            ) from error
        except duckdb.OutOfMemoryException:
            raise ConfigError(f"the query takes more than {MOST_MEMORY} of memory", todo=_NARROWER) from None
        finally:
            watch.cancel()

    def read_only(self, sql: str) -> pa.Table:
        """The answer to somebody else's SQL: one SELECT over the views.

        Raises:
            ConfigError: it is anything else, or wants what it must not have; says where.
        """
        import duckdb

        self.need(*VIEWS)
        try:
            statements = duckdb.extract_statements(sql)
        except duckdb.Error as error:
            raise _sql_error(error) from None
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            kinds = ", ".join(statement.type.name for statement in statements)
            raise ConfigError("one SELECT is allowed, and nothing else", where=f"SQL, {kinds or 'no'} statement",
                              todo=f"ask the views {', '.join(VIEWS)}")  # fmt: skip
        self.database.execute("BEGIN TRANSACTION READ ONLY")
        try:
            return self.table(sql, {})
        except duckdb.Error as error:
            raise _sql_error(error) from None
        finally:
            self.database.execute("ROLLBACK")

    def told_predicates(self) -> dict[str, bool]:
        """The predicates that occur in the relations, and whether they are states of one thing."""
        sql = "SELECT predicate, bool_or(object = '') FROM relations GROUP BY predicate ORDER BY predicate"
        return {name: bool(alone) for name, alone in self.kept(sql, "relations")}

    def unmeasured(self, predicate: str) -> list[str]:
        """The recordings of which nobody could tell a relation."""
        if "procedures" not in self.given:
            return []
        sql = "SELECT procedure, measured FROM procedures WHERE measured IS NOT NULL ORDER BY procedure"
        return [name for name, measured in self.kept(sql, "procedures") if predicate not in measured]

    def kept(self, sql: str, *names: str) -> list[tuple]:
        """The rows of a statement over the named views, which is asked only once."""
        if sql not in self._kept:
            self.need(*names)
            self._kept[sql] = self.rows(sql)
        return self._kept[sql]

    def evidence(self) -> list[str]:
        """The columns of the relations that say what was measured."""
        self.need("relations")
        known = {*VIEWS["relations"], "continues", "source"}
        return [row[0] for row in self.kept("DESCRIBE SELECT * FROM relations") if row[0] not in known]

    def close(self) -> None:
        """Lets the tables go."""
        self.database.close()

    def __enter__(self) -> QueryConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _make(self, name: str) -> None:
        columns = VIEWS[name]
        source = self.given.get(name)
        source = source() if callable(source) else source
        if source is None or (isinstance(source, Sequence) and not source):
            if name == "procedures":
                self._derive_procedures()
                return
            nulls = ", ".join(f"NULL::{kind} AS {column}" for column, kind in columns.items())
            self.database.execute(f"CREATE TEMP VIEW {name} AS SELECT {nulls} WHERE false")
            return
        paths = _paths(source)
        if paths:
            listed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
            reading = f"read_parquet([{listed}], union_by_name = true)"
        else:
            reading = f"{name}_table"
            self.database.register(reading, whole_relations(source) if name == "relations" else source)
        there = {row[0] for row in self.rows(f"DESCRIBE SELECT * FROM {reading}")}
        self.has_procedures |= "procedure" in there
        own = {column: kind for column, kind in columns.items() if column not in there}
        own_name = "'" + self.sources.name.replace("'", "''") + "'"
        leading = ["procedure" if "procedure" in there else f"{own_name} AS procedure"]
        further = [f"NULL::{kind} AS {column}" for column, kind in own.items() if column != "procedure"]
        rest = "* EXCLUDE (procedure)" if "procedure" in there else "*"
        chosen = ", ".join([*leading, rest, *further])
        self.database.execute(f"CREATE TEMP VIEW {name} AS SELECT {chosen} FROM {reading}")

    def _derive_procedures(self) -> None:
        """The span of each recording: from the first to the last thing that any table tells of it."""
        self.need("nodes", "relations", "phases")
        spans = [
            "SELECT procedure, first_ns AS begin_ns, last_ns + 1 AS end_ns FROM nodes",
            "SELECT procedure, begin_ns, end_ns FROM relations",
            "SELECT procedure, begin_ns, end_ns FROM phases",
        ]
        told = " UNION ALL ".join(spans)
        self.database.execute(
            "CREATE TEMP TABLE procedures AS SELECT procedure, min(begin_ns) AS begin_ns, max(end_ns) AS end_ns, "
            f"NULL::VARCHAR[] AS measured FROM ({told}) GROUP BY procedure ORDER BY procedure"
        )


def locked_connection(files: Sequence[Path] = (), folder: Path | None = None) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB connection that sees registered tables, the named files and those of a folder.

    It cannot be unlocked.
    """
    import duckdb

    connection = duckdb.connect(":memory:")
    named, below = (
        ", ".join("'" + str(Path(path).absolute()).replace("'", "''") + "'" for path in paths)
        for paths in (files, [folder] if folder else [])
    )
    for setting in (
        f"allowed_paths = [{named}]", f"allowed_directories = [{below}]", "temp_directory = ''",
        f"memory_limit = '{MOST_MEMORY}'", "parquet_metadata_cache = true", "enable_external_access = false",
        "python_enable_replacements = false", "autoload_known_extensions = false",
        "autoinstall_known_extensions = false", "lock_configuration = true",
    ):  # fmt: skip
        connection.execute(f"SET {setting}")
    return connection


def _paths(source: Source) -> list[Path]:
    """The files of a source; none where it is a table."""
    if isinstance(source, str | Path):
        source = [Path(source)]
    if not isinstance(source, Sequence):
        return []
    paths = [Path(path).absolute() for path in source]
    for path in paths:
        if not path.is_file():
            raise InputError("a table to be queried is not there", where=str(path))
    return paths


def _sql_error(error: Exception) -> ConfigError:
    """What DuckDB says of a statement: its first sentence, and the lines that point at the place."""
    said, _, place = str(error).partition("\n\n")
    if "file system operations are disabled" in said or "disabled by configuration" in said:
        return ConfigError("SQL may read the views, and no files", where=place.strip(), why=said.splitlines()[0])
    return ConfigError(said.strip(), where=place.strip(), todo=f"the views are {', '.join(VIEWS)}")
