"""Segments: the unit of commit of recordings and twins.

A segment is a folder that is written under a temporary name, sealed by a manifest with one hash per file, flushed, and
renamed. Readers therefore see a whole segment or none. A container (a recording or a twin) keeps its few top-level
files under a manifest of its own.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from .errors import InputError
from .files import canonical_json, flush_folder, hash_bytes, hash_file, write_atomic, write_durable

MANIFEST = "manifest.json"
SEAL = "seal_blake3"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a sealed folder holds: hashes by file name, and the time span it covers (rig clock; equal = no span)."""

    files: Mapping[str, tuple[str, ...]]
    begin_ns: int = 0
    end_ns: int = 0
    facts: Mapping[str, Any] | None = None

    def to_bytes(self) -> bytes:
        """The sealed JSON text: its own hash is its last word, so that a change of the manifest shows too."""
        value = {
            "files": {name: list(hashes) for name, hashes in self.files.items()},
            "begin_ns": self.begin_ns,
            "end_ns": self.end_ns,
            "facts": dict(self.facts or {}),
        }
        return canonical_json({**value, SEAL: hash_bytes(canonical_json(value))})


def seal(value: Mapping[str, Any]) -> bytes:
    """A JSON object with its own hash inside, in its one spelling."""
    return canonical_json({**value, SEAL: hash_bytes(canonical_json(dict(value)))})


def read_sealed(path: Path) -> dict[str, Any]:
    """Read what `seal` wrote.

    Raises:
        InputError: the file is missing, is not JSON, or was changed after it was sealed.
    """
    try:
        data = path.read_bytes()
        value = json.loads(data)
        expected = value.pop(SEAL)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InputError(
            f"{path.name} cannot be read",
            where=str(path),
            why=str(error),
            todo="run `ortwin verify` on the whole folder",
        ) from error
    if hash_bytes(canonical_json(value)) != expected or seal(value) != data:
        raise InputError(
            f"{path.name} was changed or damaged after it was written",
            where=str(path),
            todo="restore it from a backup, or build or import again",
        )
    return value


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a sealed folder.

    Raises:
        InputError: it is missing or damaged.
    """
    value = read_sealed(folder / MANIFEST)
    try:
        files = {name: tuple(hashes) for name, hashes in value["files"].items()}
        return Manifest(files, int(value["begin_ns"]), int(value["end_ns"]), value["facts"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError("a manifest lacks a field", where=str(folder / MANIFEST), why=repr(error)) from error


class SegmentWriter:
    """Writes one segment; leaving the block without an error commits it.

        with SegmentWriter(twin / "moving" / "000003", begin_ns, end_ns) as segment:
            segment.write("tracks.parquet", data)

    Args:
        path: the folder that will exist after the commit.
        begin_ns, end_ns: the half-open time span that it covers.
    """

    def __init__(self, path: Path, begin_ns: int = 0, end_ns: int = 0, facts: Mapping[str, Any] | None = None) -> None:
        self.path, self.begin_ns, self.end_ns, self.facts = path, begin_ns, end_ns, dict(facts or {})
        self.folder = path.with_name(f".{path.name}.tmp")

    def __enter__(self) -> SegmentWriter:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        return self

    def write(self, name: str, data: bytes) -> None:
        """Add one file."""
        write_durable(self.folder / name, data)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        files = {path.name: (hash_file(path),) for path in sorted(self.folder.iterdir())}
        write_durable(self.folder / MANIFEST, Manifest(files, self.begin_ns, self.end_ns, self.facts).to_bytes())
        flush_folder(self.folder)
        if self.path.exists():
            shutil.rmtree(self.path)
        self.folder.replace(self.path)
        flush_folder(self.path.parent)


def committed_segments(layer: Path) -> list[Path]:
    """The committed segments of a layer, in order."""
    if not layer.is_dir():
        return []
    return sorted(path for path in layer.iterdir() if path.name.isdigit() and (path / MANIFEST).exists())


def count_segments(layer: Path, said: int | None) -> int:
    """How many segments a layer has: as its head says, or, where that is still open, up to the last committed one."""
    if said is not None:
        return int(said)
    found = committed_segments(layer)
    return int(found[-1].name) + 1 if found else 0


def span_of_segment(folder: Path) -> tuple[int, int]:
    """The time span of a segment from its manifest, or else from its neighbours; (0, 0) where nobody knows."""
    try:
        manifest = read_manifest(folder)
    except InputError:
        return span_from_neighbours(folder) if folder.parent.is_dir() else (0, 0)
    return manifest.begin_ns, manifest.end_ns


def span_from_neighbours(folder: Path) -> tuple[int, int]:
    """The time span of a segment whose manifest is damaged: that of the same segment of another layer, else the gap
    between the segments beside it.
    """
    for layer in sorted(folder.parent.parent.iterdir()):
        if layer != folder.parent and (layer / folder.name / MANIFEST).exists():
            try:
                manifest = read_manifest(layer / folder.name)
            except InputError:
                continue
            return manifest.begin_ns, manifest.end_ns
    spans: dict[str, Manifest] = {}
    for other in sorted(folder.parent.iterdir()):
        if other.name.isdigit() and other != folder:
            try:
                spans[other.name] = read_manifest(other)
            except InputError:
                continue
    before = [manifest.end_ns for name, manifest in spans.items() if name < folder.name]
    after = [manifest.begin_ns for name, manifest in spans.items() if name > folder.name]
    begin_ns = max(before, default=0)
    return begin_ns, min(after, default=begin_ns)


def segment_name(number: int) -> str:
    """The folder name of a segment."""
    return f"{number:06d}"


def write_top_files(root: Path, files: Mapping[str, bytes], removed: Iterable[str] = ()) -> None:
    """Replace top-level files of a container and its manifest, safe against a crash at any moment.

    In between the manifest accepts the old and the new content of each file. A file to be removed leaves the manifest
    first; where a crash then leaves it behind, removing it again takes it away.
    """
    known = dict(read_manifest(root).files) if (root / MANIFEST).exists() else {}
    for name in (gone := tuple(removed)):
        known.pop(name, None)
    fresh = {name: (hash_bytes(data),) for name, data in files.items()}
    either = {name: tuple(dict.fromkeys((*known.get(name, ()), *hashes))) for name, hashes in fresh.items()}
    write_atomic(root / MANIFEST, Manifest({**known, **either}).to_bytes())
    for name, data in files.items():
        write_atomic(root / name, data)
    write_atomic(root / MANIFEST, Manifest({**known, **fresh}).to_bytes())
    for name in gone:
        (root / name).unlink(missing_ok=True)


def sealed_folders(root: Path) -> Iterator[Path]:
    """Every folder below (and including) a container that has a manifest, in order."""
    for path in sorted(root.rglob(MANIFEST)):
        if not any(part.startswith(".") for part in path.relative_to(root).parts[:-1]):
            yield path.parent


def seal_folder(folder: Path) -> None:
    """Write the manifest of a folder's own files, so that verification covers them."""
    files = {path.name: (hash_file(path),) for path in sorted(folder.iterdir()) if path.is_file()}
    files.pop(MANIFEST, None)
    write_atomic(folder / MANIFEST, Manifest(files).to_bytes())
