"""What is told from intervals instead of measures: events, and acts that differ only by what went before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from .timeline import Interval


class Derivation(NamedTuple):
    """The recording that intervals are of, rig clock.

    Args:
        first_ns: its first instant.
        end_ns: one frame interval after its last.
        length_ns: how long an event of the predicate is shown.
    """

    first_ns: int
    end_ns: int
    length_ns: int


class Derive(Protocol):
    """Tells one predicate from the intervals of all; gives all of them back, with its own."""

    def __call__(self, intervals: Sequence[Interval], span: Derivation) -> list[Interval]:
        """The intervals in any order."""
        ...
