"""Errors that point into the text of a query, and the numbers with units that stand in one."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from ..capture.errors import ConfigError, nearest_name
from .query_tree import Span

SECOND_NS = 1_000_000_000
LONGEST_NS = 2**60
LARGEST = 1e300

TIMES_NS: Mapping[str, int] = {
    "ns": 1, "us": 1_000, "ms": 1_000_000, "s": SECOND_NS, "min": 60 * SECOND_NS, "h": 3600 * SECOND_NS,
}  # fmt: skip
LENGTHS_M: Mapping[str, Decimal] = {"m": Decimal(1), "cm": Decimal("0.01"), "mm": Decimal("0.001")}
SPEEDS_M_S: Mapping[str, Decimal] = {f"{unit}/s": size for unit, size in LENGTHS_M.items()}
#: The units in which each measure may be given, with their size in metres or metres a second.
UNITS_OF: Mapping[str, Mapping[str, Decimal]] = {"distance": LENGTHS_M, "height": LENGTHS_M, "speed": SPEEDS_M_S}


def query_error(what: str, text: str, span: Span, todo: str = "") -> ConfigError:
    """An error with the line of the query that it is about and a caret under the place."""
    line_begin = text.rfind("\n", 0, span.begin) + 1
    line_end = text.find("\n", span.begin)
    line = text[line_begin : line_end if line_end >= 0 else len(text)].replace("\t", " ")
    column = span.begin - line_begin
    width = max(1, min(span.end, line_begin + len(line)) - span.begin)
    where = f"column {column + 1}" if "\n" not in text else f"line {text.count(chr(10), 0, line_begin) + 1}, "
    where += "" if "\n" not in text else f"column {column + 1}"
    return ConfigError(what, where=f"{where}\n    {line}\n    {' ' * column}{'^' * width}", todo=todo)


def measure_from(measure: str, number: str, unit: str, text: str, span: Span) -> float:
    """A limit of a measure in metres or metres a second.

    Raises:
        ConfigError: the unit is missing or measures something else.
    """
    units = UNITS_OF[measure]
    if unit not in units:
        what = f"'{unit}' is no unit of {measure}{nearest_name(unit, units)}" if unit else f"{measure} needs a unit"
        raise query_error(what, text, span, f"write {', '.join(f'{number} {name}' for name in units)}")
    check_number(number, text, span)
    return float(Decimal(number) * units[unit])


def duration_ns(number: str, unit: str, text: str, span: Span) -> int:
    """A duration in whole nanoseconds.

    Raises:
        ConfigError: the unit is missing or no time, or the duration is negative or beyond all recordings.
    """
    if unit not in TIMES_NS:
        what = f"'{unit}' is no unit of time{nearest_name(unit, TIMES_NS)}" if unit else "a time needs a unit"
        raise query_error(
            what, text, span, f"write {', '.join(f'{number} {name}' for name in ('ms', 's', 'min', 'h'))}"
        )
    check_number(number, text, span)
    return _whole_ns(Decimal(number) * TIMES_NS[unit], text, span)


def check_number(number: str, text: str, span: Span) -> float:
    """A number that is not beyond all bounds.

    Raises:
        ConfigError: it is.
    """
    value = float(number)
    if not abs(value) < LARGEST:
        raise query_error("the number is too large", text, span)
    return value


def clock_ns(clock: str, text: str, span: Span) -> int:
    """hours:minutes:seconds, or minutes:seconds, as whole nanoseconds from the begin of the recording."""
    total = Decimal(0)
    for place, part in enumerate(clock.split(":")):
        if place and Decimal(part) >= 60:
            raise query_error(f"'{clock}' is no time", text, span, "minutes and seconds stay below 60")
        total = total * 60 + Decimal(part)
    return _whole_ns(total * SECOND_NS, text, span)


def _whole_ns(value: Decimal, text: str, span: Span) -> int:
    if not 0 <= value <= LONGEST_NS:
        raise query_error("a time must not be negative, nor beyond 36 years", text, span)
    return int(value.to_integral_value())
