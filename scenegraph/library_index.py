"""The index of a library on disk: the scene graphs of many recordings in a form that one question reads fast.

    ortwin.library/
      library.json            schema version, the procedures, what was skipped and why, which folders are in force
      procedures/<key>/       one recording: relations (sorted by predicate), nodes, phases, positions, streams
      packs/<key>/            relations of up to 256 recordings together, sorted by predicate and object
      catalog/<key>/          nodes, phases and procedures of all
      log/

A key is a hash of all that decides the content, so a folder that is there is right: an interrupted run goes on where it
was, and only what changed is made anew. library.json is written last, in one rename. Folders that the index before it
named are kept until the next one, so that whoever is reading may finish.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..capture.errors import InputError
from ..capture.files import canonical_json, hash_bytes
from ..capture.segments import read_sealed, seal

if TYPE_CHECKING:
    from .query_sources import QuerySources

HEAD = "library.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, eq=False)
class Procedure:
    """A recording that is to be indexed.

    Args:
        name: by which answers tell it from others.
        place: where it lies, below the folder of the library.
        kind: "twin" or "labels".
        fingerprint: a hash that changes with its content.
        load: gives its tables, relations whole; raises InputError where they are damaged.
    """

    name: str
    place: str
    kind: str
    fingerprint: str
    load: Callable[[], QuerySources]

    @property
    def key(self) -> str:
        """The name of its folder."""
        said = {"version": SCHEMA_VERSION, "name": self.name, "fingerprint": self.fingerprint}
        return hash_bytes(canonical_json(said))[:16]


@dataclass(frozen=True, slots=True)
class Skipped:
    """What was found and could not be indexed, and why."""

    place: str
    why: str


@dataclass(frozen=True, slots=True)
class IndexedProcedure:
    """A row of the index."""

    name: str
    place: str
    kind: str
    key: str
    begin_ns: int
    end_ns: int
    num_relations: int
    num_nodes: int


@dataclass(frozen=True, slots=True)
class LibraryIndex:
    """What is in force.

    Args:
        procedures: in order of name.
        skipped: what could not be indexed, in order of place.
        packs: the keys of the procedures in each pack, by the pack's own.
        catalog: the key of the catalog.
    """

    procedures: tuple[IndexedProcedure, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    packs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    catalog: str = ""

    def folders(self) -> set[str]:
        """The folders that it stands on, relative to its own."""
        own = {f"procedures/{row.key}" for row in self.procedures} | {f"packs/{key}" for key in self.packs}
        return own | {f"catalog/{self.catalog}"}

    def to_bytes(self) -> bytes:
        """The text of library.json."""
        return seal(
            {
                "schema_version": SCHEMA_VERSION, "procedures": [asdict(row) for row in self.procedures],
                "skipped": [asdict(row) for row in self.skipped], "catalog": self.catalog,
                "packs": {key: list(members) for key, members in self.packs.items()},
            }
        )  # fmt: skip


def read_index(library: Path) -> LibraryIndex:
    """The index in force.

    Raises:
        InputError: there is none, it is damaged, or another ortwin wrote it.
    """
    todo = "ortwin library index FOLDER"
    if not (library / HEAD).exists():
        raise InputError("no index of a library", where=str(library), todo=todo)
    head = read_sealed(library / HEAD)
    if head["schema_version"] != SCHEMA_VERSION:
        raise InputError("another ortwin wrote this index", where=str(library), todo=todo)
    return LibraryIndex(
        tuple(IndexedProcedure(**row) for row in head["procedures"]), tuple(Skipped(**row) for row in head["skipped"]),
        {key: tuple(members) for key, members in head["packs"].items()}, head["catalog"],
    )  # fmt: skip


def index_sources(library: Path, index: LibraryIndex) -> QuerySources:
    """The tables of an index as a query reads them."""
    from .query_sources import QuerySources

    def files(layer: str, keys: Iterable[str], name: str) -> list[Path]:
        return [path for key in keys if (path := library / layer / key / f"{name}.parquet").exists()]

    own = [row.key for row in index.procedures]
    catalog = library / "catalog" / index.catalog
    return QuerySources(
        relations=files("packs", index.packs, "relations"),
        nodes=catalog / "nodes.parquet",
        positions=lambda: files("procedures", own, "positions"),
        streams=lambda: files("procedures", own, "streams"),
        phases=catalog / "phases.parquet",
        procedures=catalog / "procedures.parquet",
        folder=library,
    )
