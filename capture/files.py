"""Durable files: written whole or not at all, and hashed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old or the new content, never a part, even after a power cut.

    The data goes to a temporary name in the same folder, is flushed to the disk, and is renamed; then the folder is
    flushed too, because a rename is an entry of the folder.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    write_durable(temporary, data)
    temporary.replace(path)
    flush_folder(path.parent)


def write_durable(path: Path, data: bytes) -> None:
    """Write a file and flush it to the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Flush the entries of a folder to the disk (does nothing where the system cannot)."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hash_bytes(data: bytes) -> str:
    """The BLAKE3 hash of some bytes, hexadecimal."""
    import blake3

    return blake3.blake3(data).hexdigest()


def hash_file(path: Path) -> str:
    """The BLAKE3 hash of a file, hexadecimal; reads it in pieces."""
    import blake3

    hasher = blake3.blake3()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            hasher.update(piece)
    return hasher.hexdigest()


def canonical_json(value: Any) -> bytes:
    """The one spelling of a JSON value: sorted keys, indented, one final newline.

    Raises:
        ValueError: a number is not finite.
    """
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()
