"""Verification: is every byte of a recording or a twin the one that was written?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .errors import InputError
from .files import hash_file
from .segments import MANIFEST, read_manifest, read_sealed, sealed_folders, span_from_neighbours

DERIVED = ("playback", "log")
HEADS = ("recording.json", "twin.json")


@dataclass(frozen=True, slots=True)
class Damage:
    """One damaged file: its path below the container, what is wrong, and the time span it covers (rig clock, ns)."""

    file: str
    what: str
    begin_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a verification found."""

    damaged: tuple[Damage, ...]
    num_files: int
    num_bytes: int


def verify_tree(root: Path, progress: Callable[[int], None] | None = None) -> VerifyReport:
    """Check every file of a recording or a twin against the hash that was taken when it was written.

    Files that can be made again (playback, log) are not hashed. Segments that the head counts and that are gone, and
    files that nobody wrote, are damage too.

    Args:
        root: a `.recording` or `.twin` folder.
        progress: called with the number of bytes checked so far.

    Raises:
        InputError: the folder is neither a recording nor a twin.
    """
    root = Path(root)
    if not any((root / head).exists() for head in HEADS) and not (root / MANIFEST).exists():
        raise InputError("neither a recording nor a twin", where=str(root), todo="give a .recording or .twin folder")
    damaged: list[Damage] = []
    # Listed first: what a recorder adds from now on is either accounted for below, or not looked at.
    there = sorted(root.rglob("*"))
    accounted: set[Path] = set()
    num_files = num_bytes = 0
    for folder in sealed_folders(root):
        accounted.add(folder / MANIFEST)
        num_files += 1
        try:
            manifest = read_manifest(folder)
        except InputError as error:
            begin_ns, end_ns = span_from_neighbours(folder)
            damaged.append(Damage(str((folder / MANIFEST).relative_to(root)), error.what, begin_ns, end_ns))
            accounted.update(path for path in folder.iterdir() if path.is_file())
            continue
        for name, hashes in manifest.files.items():
            path = folder / name
            accounted.add(path)
            num_files += 1
            what = _check(path, hashes)
            num_bytes += path.stat().st_size if path.exists() else 0
            if what:
                damaged.append(Damage(str(path.relative_to(root)), what, manifest.begin_ns, manifest.end_ns))
            if progress:
                progress(num_bytes)
    if not (root / MANIFEST).exists():
        damaged.append(Damage(MANIFEST, "is missing", 0, 0))
    damaged += _missing_segments(root)
    damaged += _strangers(root, there, accounted)
    return VerifyReport(tuple(damaged), num_files, num_bytes)


def _check(path: Path, hashes: tuple[str, ...]) -> str:
    if not path.exists():
        return "is missing"
    return "" if hash_file(path) in hashes else "its content is not what was written"


def _missing_segments(root: Path) -> list[Damage]:
    """Segments that the container's head counts and that are not there."""
    damaged = []
    for head in HEADS:
        try:
            layers = read_sealed(root / head).get("num_segments", {}) if (root / head).exists() else {}
        except InputError:
            continue
        for layer, count in layers.items():
            for number in range(count):
                folder = root / layer / f"{number:06d}"
                if not (folder / MANIFEST).exists():
                    begin_ns, end_ns = span_from_neighbours(folder) if folder.parent.is_dir() else (0, 0)
                    damaged.append(Damage(str(folder.relative_to(root)), "the segment is missing", begin_ns, end_ns))
    return damaged


def _strangers(root: Path, there: list[Path], accounted: set[Path]) -> list[Damage]:
    strangers = []
    for path in there:
        relative = path.relative_to(root)
        unfinished = any(part.startswith(".") and part.endswith(".tmp") for part in relative.parts)
        if path.is_file() and path not in accounted and relative.parts[0] not in DERIVED and not unfinished:
            strangers.append(Damage(str(relative), "nobody wrote this file here", 0, 0))
    return strangers
