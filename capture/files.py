"""Durable files: written whole or not at all, and hashed."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from .errors import ConfigError, OrtwinError, ResourceError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old or the new content, never a part, even after a power cut.

    The data goes to a temporary name in the same folder, is flushed to the disk, and is renamed; then the folder is
    flushed too, because a rename is an entry of the folder. Where that fails, nothing is left behind.

    Raises:
        ConfigError: the place takes no file.
        ResourceError: the disk is full.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        write_durable(temporary, data)
        temporary.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        _forget(temporary)


def write_durable(path: Path, data: bytes) -> None:
    """Write a file and flush it to the disk.

    Raises:
        ConfigError: the place takes no file.
        ResourceError: the disk is full.
    """
    try:
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise write_error(path, error) from error


def require_writable(path: Path, *, folder: bool = False) -> None:
    """See that a place can be written to, before there is work that would be lost; makes the folders that lead there.

    Args:
        path: a file or a folder that is to be made or replaced, or, with `folder`, a folder that files go into.
        folder: see `path`.

    Raises:
        ConfigError: it cannot.
        ResourceError: the disk is full.
    """
    try:
        parent = path.absolute() if folder else path.absolute().parent
        parent.mkdir(parents=True, exist_ok=True)
        handle, probe = tempfile.mkstemp(prefix=".ortwin.", suffix=".tmp", dir=parent)
        os.close(handle)
        Path(probe).unlink()
    except OSError as error:
        raise write_error(path, error) from error


def write_error(path: Path, error: OSError) -> OrtwinError:
    """Why something cannot be written, under the name that it was to have and not under that of unfinished work."""
    place, why = finished_name(path), error.strerror or str(error)
    if error.errno in DISK_FULL:
        return ResourceError("the disk is full", where=str(place), why=why, todo="free some space and start again")
    if isinstance(error, FileNotFoundError):
        why = f"{why}: {place.parent} is not there, or takes no files"
    elif isinstance(error, FileExistsError | NotADirectoryError):
        why = f"{why}: a file stands where a folder is needed"
    return ConfigError(
        "nothing can be written there", where=str(place), why=why, todo="give a place that you may write to"
    )


def finished_name(path: Path) -> Path:
    """The name under which work in progress will stand in the end: a part `.name.tmp` of a path is `name`."""
    return Path(
        *(
            part[1:-4] if part.startswith(".") and part.endswith(".tmp") and len(part) > 5 else part
            for part in path.parts
        )
    )


def _forget(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # its folder is not there, or is none
        return


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
