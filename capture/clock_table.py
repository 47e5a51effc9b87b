"""Clocks as a table for every program (clocks.csv): a line for each piece of a clock, so that its jumps are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from .clock import ClockModel, ClockPiece
from .errors import InputError

CLOCK_COLUMNS = ("camera_id", "offset_ns", "drift_ppm", "reference_ns", "from_position", "from_device_ns")


def clock_rows(clocks: Mapping[str, ClockModel]) -> Iterator[tuple[object, ...]]:
    """Rows of CLOCK_COLUMNS, in the order of cameras.

    A clock that is one line has one row, whose last two columns are empty. One that jumped has a row for each piece;
    that of the longest comes last, so that who keeps one row a camera keeps the one that holds most often. Uncertainty
    and false stamps are not told.
    """
    for name, clock in clocks.items():
        line = clock.offset_ns, clock.drift_ppm, clock.reference_ns
        if not clock.pieces:
            yield name, *line, "", ""
        by_length = sorted(clock.pieces, key=lambda piece: _line(piece) == line)  # stable: else the order of frames
        for piece in by_length:
            yield name, *_line(piece), piece.from_position, piece.from_device_ns


def clocks_of_rows(rows: Iterable[Mapping[str, str]], where: str) -> dict[str, ClockModel]:
    """The clocks of such rows, in any order of pieces; columns after `drift_ppm` may be absent.

    Args:
        rows: column to text.
        where: the name of the file.

    Raises:
        InputError: a number is none, or a camera has several lines that do not say from which frame on each holds.
    """
    lines: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        lines.setdefault(row["camera_id"], []).append(row)
    clocks = {}
    for name, mine in lines.items():
        try:
            clocks[name] = _clock(mine)
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(
                "the clock of a camera cannot be read", where=f"{where}, camera {name}", why=str(error),
                todo="give offset_ns and drift_ppm, and where a clock has several lines, from_position, from_device_ns",
            ) from error  # fmt: skip
    return clocks


def _clock(rows: list[Mapping[str, str]]) -> ClockModel:
    last = rows[-1]
    line = int(last["offset_ns"]), float(last["drift_ppm"]), int(last.get("reference_ns") or 0)
    if len(rows) == 1 and not last.get("from_position"):
        return ClockModel(*line)
    pieces = [
        ClockPiece(
            int(row["from_position"]), int(row["from_device_ns"]), int(row["offset_ns"]), float(row["drift_ppm"]),
            int(row.get("reference_ns") or 0),
        )
        for row in rows
    ]  # fmt: skip
    return ClockModel(*line, pieces=tuple(sorted(pieces, key=lambda piece: piece.from_position)))


def _line(piece: ClockPiece) -> tuple[int, float, int]:
    return piece.offset_ns, piece.drift_ppm, piece.reference_ns
