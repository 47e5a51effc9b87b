"""Whether a Matroska file is whole: what its head says of its length against what is there (RFC 8794, RFC 9559)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .errors import InputError

EBML_ID, SEGMENT_ID = 0x1A45DFA3, 0x18538067


@dataclass(frozen=True, slots=True)
class MatroskaSize:
    """The length of a file.

    Args:
        num_bytes: what is there.
        expected_bytes: what its head says, None where the recorder never came back to write it.
    """

    num_bytes: int
    expected_bytes: int | None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return self.expected_bytes is not None and self.num_bytes >= self.expected_bytes

    @property
    def why(self) -> str:
        """What is missing, in a sentence; empty where nothing is."""
        if self.expected_bytes is None:
            return "the recorder never finished the file"
        if self.is_whole:
            return ""
        return f"the file is cut off: {self.num_bytes} of {self.expected_bytes} bytes are there"


def size_of_matroska(path: Path) -> MatroskaSize:
    """Compare the length of a file with what its head says.

    Raises:
        InputError: it cannot be read, or is no Matroska file.
    """
    try:
        num_bytes = path.stat().st_size
        with path.open("rb") as file:
            if _element(file)[0] != EBML_ID:
                raise ValueError
            file.seek(0)
            _, size = _element(file)
            file.seek(size or 0, 1)
            name, size = _element(file)
            if name != SEGMENT_ID:
                raise ValueError
            return MatroskaSize(num_bytes, file.tell() + size if size else None)
    except OSError as error:
        raise InputError("the file cannot be read", where=str(path), why=error.strerror or "") from error
    except ValueError as error:
        raise InputError(
            "the file is no Matroska file, or its beginning is damaged", where=str(path),
            todo="give an .mkv file of an Azure Kinect or Femto recorder; copy it again if it once was one",
        ) from error  # fmt: skip


def _element(file: BinaryIO) -> tuple[int, int | None]:
    """The name of the element at the place of a file, and its size; None where it is not known."""
    name, _ = _number(file, keep_marker=True)
    size, width = _number(file, keep_marker=False)
    return name, None if size == (1 << 7 * width) - 1 else size


def _number(file: BinaryIO, *, keep_marker: bool) -> tuple[int, int]:
    first = file.read(1)
    if not first or first[0] == 0:
        raise ValueError
    width = 9 - first[0].bit_length()
    rest = file.read(width - 1)
    if len(rest) < width - 1:
        raise ValueError
    value = first[0] if keep_marker else first[0] & ((1 << (8 - width)) - 1)
    return (value << 8 * (width - 1)) | int.from_bytes(rest, "big"), width
