"""Making a library: every twin and file of labels below a folder is found and indexed.

    ortwin.index_library("archive")
    ortwin.Library("archive").query("holding(head_surgeon, drill) and not covered(patient)")

scenegraph/library.py asks it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .archive import HEAD as TWIN_HEAD
from .archive import TwinArchive
from .capture.errors import InputError
from .capture.files import hash_bytes, hash_file
from .capture.segments import MANIFEST, committed_segments, read_manifest
from .facade import Twin
from .scenegraph.library import FOLDER
from .scenegraph.library_index import LibraryIndex, Procedure, Skipped
from .scenegraph.library_writer import Progress, write_index
from .scenegraph.query_sources import QuerySources

if TYPE_CHECKING:
    from .scenegraph.labels import Labels

_CONTAINERS = (".twin", ".recording", ".library")


def index_library(root: Path | str, out: Path | str | None = None, progress: Progress | None = None) -> LibraryIndex:
    """Index all twins and files of labels below a folder, or bring its index up to date.

    Args:
        root: the folder; hidden folders are passed over.
        out: where the index goes; `ortwin.library` in the folder if None.
        progress: told after every procedure.

    Raises:
        InputError: the folder is not there.
        ConfigError: another process is indexing it.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError("the folder is not there", where=str(root), todo="give a folder with .twin folders in it")
    found = list(find_procedures(root))
    procedures = [each for each in found if isinstance(each, Procedure)]
    skipped = [each for each in found if isinstance(each, Skipped)]
    return write_index(root / FOLDER if out is None else Path(out), procedures, skipped, progress)


def find_procedures(root: Path) -> Iterator[Procedure | Skipped]:
    """Everything below a folder that has a scene graph, in order; what is damaged or half written by its name."""
    for path in _entries(root):
        place = path.relative_to(root).as_posix()
        try:
            if path.is_dir():
                yield _twin(path, place)
            else:
                yield from _label_takes(path, place)
        except InputError as error:
            yield Skipped(place, error.what)


def _entries(folder: Path) -> Iterator[Path]:
    """Twins and JSON files below a folder, without looking into twins, recordings and indices."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if path.suffix == ".twin" or (path / TWIN_HEAD).exists():
                yield path
            elif path.suffix not in _CONTAINERS:
                yield from _entries(path)
        elif path.suffix == ".json":
            yield path


def _twin(path: Path, place: str) -> Procedure:
    archive = TwinArchive(path)
    if not archive.is_complete:
        raise InputError("its build has not come to its end", where=str(path), todo="ortwin build")
    manifests = [path / MANIFEST, path / "streams" / MANIFEST]
    said = b"".join(manifest.read_bytes() for manifest in manifests if manifest.exists())
    return Procedure(place.removesuffix(".twin"), place, "twin", hash_bytes(said), partial(_twin_tables, archive))


def _twin_tables(archive: TwinArchive) -> QuerySources:
    """The tables of a twin, once every file that they come from has proved to be what was written."""
    for layer in (archive.graph_layer, "tracks"):
        expected = archive.head["num_segments"].get(layer, 0)
        folders = committed_segments(archive.path / layer)
        if len(folders) != expected:
            raise InputError(f"{expected - len(folders)} segments of {layer} are missing", todo="run `ortwin verify`")
        for folder in folders:
            for name, hashes in read_manifest(folder).files.items():
                if not (folder / name).exists() or hash_file(folder / name) not in hashes:
                    raise InputError(f"{layer}/{folder.name}/{name} is damaged", todo="run `ortwin verify`")
    return Twin(archive).sources


def _label_takes(path: Path, place: str) -> Iterator[Procedure]:
    """The takes of a file of labels; nothing of another JSON file."""
    from .scenegraph.label_io import read_labels

    if not _could_be_labels(path):
        return
    labels, content = read_labels(path), hash_file(path)
    takes = labels.takes()
    stem = place.removesuffix(".json")
    for take in takes:
        name = f"{stem}/{take}" if len(takes) > 1 or take else stem
        yield Procedure(name, place, "labels", f"{content} {take}", partial(_label_tables, labels, take, content))


def _could_be_labels(path: Path) -> bool:
    """Whether a JSON file has the outline of one of the forms of labels, so that a fault in it is worth a word."""
    import json

    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    if isinstance(document, list):
        return bool(document) and isinstance(document[0], Mapping) and "take_name" in document[0]
    return isinstance(document, Mapping) and ("instants" in document or "scans" in document)


def _label_tables(labels: Labels, take: str, content: str) -> QuerySources:
    from .scenegraph.query_labels import label_sources

    return label_sources(labels, take, f"labels {labels.form} blake3:{content[:16]}")
