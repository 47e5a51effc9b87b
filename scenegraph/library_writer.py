"""Writes the index of a library: only what is new or has changed is read, and all of it takes force in one rename.

library_index.py says what lies where.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..capture.errors import ConfigError, InputError
from ..capture.files import canonical_json, hash_bytes, write_atomic
from ..capture.locks import held_alone
from ..capture.segments import MANIFEST, SegmentWriter, read_manifest
from ..capture.tables import read_table, table_to_bytes
from .library_index import HEAD, SCHEMA_VERSION, IndexedProcedure, LibraryIndex, Procedure, Skipped, read_index
from .query_sources import QuerySources
from .timeline_tables import RELATIONS_ORDER

if TYPE_CHECKING:
    import pyarrow as pa

PACK_SIZE = 256
"""How many recordings share a pack: one that changes lets so many be read and written again."""
OWN_ROWS, PACK_ROWS = 1024, 32768
"""Rows of a row group, the least that a reader takes: of one recording's table, and of a pack."""
TABLES = ("relations", "nodes", "phases", "positions", "streams")
Progress = Callable[[str, int, int], None]
"""(stage, steps done, steps in all)."""


def write_index(
    library: Path, procedures: Sequence[Procedure], skipped: Sequence[Skipped] = (), progress: Progress | None = None
) -> LibraryIndex:
    """Bring an index up to date: procedures that are new or have changed are read, those that are gone leave.

    Args:
        library: the `.library` folder; made where there is none.
        procedures: all that shall be in it; one that turns out to be damaged is skipped.
        skipped: what is known to be unusable already.
        progress: told after every procedure and pack.

    Raises:
        ConfigError: another process is indexing it, or two procedures have one name.
    """
    tell = progress or (lambda stage, done, total: None)
    _refuse_twins(procedures)
    taken = ConfigError("another process is indexing this library", where=str(library), todo="wait for it")
    with held_alone(library / "log" / "index.lock", taken):
        before = _index_before(library)
        bad, rows = list(skipped), []
        for done, procedure in enumerate(sorted(procedures, key=lambda each: each.name)):
            tell("procedures", done, len(procedures))
            try:
                rows.append(_write_procedure(library, procedure))
            except InputError as error:
                bad.append(Skipped(procedure.place, _sentence(error)))
        tell("procedures", len(procedures), len(procedures))
        packs = _write_packs(library, _members(before, rows), tell)
        skipped = sorted(bad, key=lambda each: each.place)
        index = LibraryIndex(tuple(rows), tuple(skipped), packs, _write_catalog(library, rows))
        write_atomic(library / HEAD, index.to_bytes())
        _sweep(library, before.folders() | index.folders())
    return index


def _index_before(library: Path) -> LibraryIndex:
    try:
        return read_index(library)
    except InputError:  # none yet, or of another version: nothing of it is used
        return LibraryIndex()


def _refuse_twins(procedures: Sequence[Procedure]) -> None:
    places: dict[str, str] = {}
    for each in procedures:
        if places.setdefault(each.name, each.place) != each.place:
            raise ConfigError(
                f"two recordings are called '{each.name}'", where=f"{places[each.name]} and {each.place}",
                todo="rename one of them",
            )  # fmt: skip


def _write_procedure(library: Path, procedure: Procedure) -> IndexedProcedure:
    """The tables of one recording, unless they are there."""
    folder = library / "procedures" / procedure.key
    if not (folder / MANIFEST).exists():
        sources = procedure.load()
        found = {name: _table(sources, name) for name in TABLES}
        tables = {name: _named(table, procedure.name) for name, table in found.items() if table is not None}
        tables["relations"] = tables["relations"].sort_by(RELATIONS_ORDER)
        begin_ns, end_ns = _span(_table(sources, "procedures"), tables)
        measured = None if sources.specs is None else sorted(sources.specs)
        counts = {"num_relations": tables["relations"].num_rows, "num_nodes": tables["nodes"].num_rows}
        facts = {**counts, "measured": measured}
        with SegmentWriter(folder, begin_ns, end_ns, facts) as segment:
            for name, table in tables.items():
                segment.write(f"{name}.parquet", table_to_bytes(table, rows=OWN_ROWS))
    manifest = read_manifest(folder)
    facts = manifest.facts or {}
    return IndexedProcedure(
        procedure.name, procedure.place, procedure.kind, procedure.key, manifest.begin_ns, manifest.end_ns,
        facts["num_relations"], facts["num_nodes"],
    )  # fmt: skip


def _table(sources: QuerySources, name: str) -> pa.Table | None:
    import pyarrow as pa

    source = getattr(sources, name)
    table = source() if callable(source) else source
    return table if isinstance(table, pa.Table) else None


def _named(table: pa.Table, name: str) -> pa.Table:
    import pyarrow as pa

    if "procedure" in table.column_names:
        table = table.drop_columns(["procedure"])
    return table.add_column(0, "procedure", pa.array([name] * table.num_rows, pa.string()))


def _span(said: pa.Table | None, tables: Mapping[str, pa.Table]) -> tuple[int, int]:
    """When the recording begins and ends, as it says itself, or else from the first to the last thing of its graph."""
    if said is not None and said.num_rows:
        return said["begin_ns"][0].as_py(), said["end_ns"][0].as_py()
    edges: list[int] = []
    for name, first, last, more in (("nodes", "first_ns", "last_ns", 1), ("relations", "begin_ns", "end_ns", 0)):
        if tables[name].num_rows:
            edges += [int(tables[name][first].to_numpy().min()), int(tables[name][last].to_numpy().max()) + more]
    return min(edges, default=0), max(edges, default=0)


def _members(before: LibraryIndex, rows: Sequence[IndexedProcedure]) -> list[list[str]]:
    """Who shares a pack with whom: as before where it can be, so that most packs stay as they are."""
    keys = [row.key for row in rows]
    there = set(keys)
    groups = [[key for key in members if key in there] for members in before.packs.values()]
    kept = [group for group in groups if len(group) > PACK_SIZE // 4]
    placed = {key for group in kept for key in group}
    loose = [key for key in keys if key not in placed]
    for group in kept:
        group += [loose.pop(0) for _ in range(min(PACK_SIZE - len(group), len(loose)))]
    return [*kept, *(loose[place : place + PACK_SIZE] for place in range(0, len(loose), PACK_SIZE))]


def _write_packs(library: Path, groups: Sequence[Sequence[str]], tell: Progress) -> dict[str, tuple[str, ...]]:
    packs = {}
    for done, group in enumerate(groups):
        tell("packs", done, len(groups))
        members = sorted(group)
        key = hash_bytes(canonical_json({"version": SCHEMA_VERSION, "members": members}))[:16]
        folder = library / "packs" / key
        if not (folder / MANIFEST).exists():
            table = _concatenated(library, members, "relations").sort_by(RELATIONS_ORDER)
            with SegmentWriter(folder) as segment:
                segment.write("relations.parquet", table_to_bytes(table, rows=PACK_ROWS))
        packs[key] = tuple(members)
    tell("packs", len(groups), len(groups))
    return packs


def _write_catalog(library: Path, rows: Sequence[IndexedProcedure]) -> str:
    import pyarrow as pa

    keys = [row.key for row in rows]
    key = hash_bytes(canonical_json({"version": SCHEMA_VERSION, "members": keys}))[:16]
    folder = library / "catalog" / key
    if not (folder / MANIFEST).exists():
        spans: dict[str, Any] = {
            "procedure": pa.array([row.name for row in rows], pa.string()),
            "begin_ns": pa.array([row.begin_ns for row in rows], pa.int64()),
            "end_ns": pa.array([row.end_ns for row in rows], pa.int64()),
            "measured": pa.array([_measured(library, row.key) for row in rows], pa.list_(pa.string())),
        }
        with SegmentWriter(folder) as segment:
            segment.write("procedures.parquet", table_to_bytes(pa.table(spans)))
            for name in ("nodes", "phases"):
                segment.write(f"{name}.parquet", table_to_bytes(_concatenated(library, keys, name)))
    return key


def _measured(library: Path, key: str) -> list[str] | None:
    """The predicates that a recording could tell; None where nobody wrote them down."""
    return (read_manifest(library / "procedures" / key).facts or {}).get("measured")


def _concatenated(library: Path, keys: Sequence[str], name: str) -> pa.Table:
    import pyarrow as pa

    paths = [library / "procedures" / key / f"{name}.parquet" for key in keys]
    empty = pa.table({"procedure": pa.array([], pa.string())})
    return pa.concat_tables([empty, *(read_table(path) for path in paths if path.exists())], promote_options="default")


def _sweep(library: Path, keep: set[str]) -> None:
    for layer in ("procedures", "packs", "catalog"):
        for folder in sorted((library / layer).glob("*")):
            if f"{layer}/{folder.name}" not in keep:
                shutil.rmtree(folder, ignore_errors=True)


def _sentence(error: InputError) -> str:
    return f"{error.what} ({error.where})" if error.where else error.what
