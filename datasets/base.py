"""What every data set of other people gives: sequences with their labels, in our types."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol, runtime_checkable

from ..capture.errors import InputError
from ..scenegraph.labels import Labels


@dataclass(frozen=True, slots=True)
class LabelledPhase:
    """A phase as labelled: its name and its frames, the last included."""

    name: str
    first_frame: int
    last_frame: int


@runtime_checkable
class DatasetSequence(Protocol):
    """One recording of a data set, as far as its labels go.

    `labels` are in the spelling of the data set; scenegraph/label_timeline.py makes a timeline of them. `phases` are
    empty where nobody labelled any. `assumptions` says in sentences what the files do not state and was taken as given.
    """

    @property
    def sequence_id(self) -> str:
        """Its name in the data set."""
        ...

    @property
    def labels(self) -> Labels:
        """The scene graphs of its instants."""
        ...

    @property
    def phases(self) -> tuple[LabelledPhase, ...]:
        """Its phases in order."""
        ...

    @property
    def frame_ns(self) -> int:
        """Time from one frame number to the next, nanoseconds."""
        ...

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What was taken as given."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LabelledSequence:
    """A sequence whose labels were read; see `DatasetSequence`."""

    sequence_id: str
    labels: Labels
    phases: tuple[LabelledPhase, ...] = ()
    frame_ns: int = 1_000_000_000
    assumptions: tuple[str, ...] = ()


def first_file(root: Path, places: Iterable[str], what: str) -> Path:
    """The first of some paths below a folder that exists.

    Raises:
        InputError: none does.
    """
    tried = [root / place for place in places]
    for path in tried:
        if path.is_file():
            return path
    raise InputError(
        f"there are no {what}", where=str(root), why=f"none of {', '.join(path.name for path in tried)} is there",
        todo="give the folder that holds the published label files",
    )  # fmt: skip


def check_phases(phases: Iterable[LabelledPhase], where: str) -> tuple[LabelledPhase, ...]:
    """Phases that follow each other.

    Raises:
        InputError: one ends before it begins, or two overlap.
    """
    rows = tuple(phases)
    for row in rows:
        if not 0 <= row.first_frame <= row.last_frame:
            raise InputError(f"the phase '{row.name}' ends before it begins", where=where)
    for before, after in pairwise(rows):
        if after.first_frame <= before.last_frame:
            raise InputError(f"the phases '{before.name}' and '{after.name}' overlap", where=where)
    return rows
