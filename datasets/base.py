"""What every data set of other people gives: sequences with their labels, in our types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module, metadata
from itertools import pairwise
from pathlib import Path
from typing import Protocol, runtime_checkable

from ..capture.errors import ConfigError, InputError, nearest_name
from ..capture.import_frames import ImportPlan
from ..evaluation.truth_writer import TruthWriter
from ..scenegraph.labels import Labels

GROUP = "ortwin.datasets"


@dataclass(frozen=True, slots=True)
class LabelledPhase:
    """A phase as labelled: its name and its frames, the last included."""

    name: str
    first_frame: int
    last_frame: int


@runtime_checkable
class DatasetSequence(Protocol):
    """One recording of a data set.

    `labels` are in the spelling of the data set; scenegraph/label_timeline.py makes a timeline of them. They have no
    instants where there are images only. `phases` are empty where nobody labelled any. `plan` is what there is to
    import as a recording, None where there are labels only. `assumptions` says in sentences what the files do not
    state and was taken as given.
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
    def plan(self) -> ImportPlan | None:
        """What there is to import."""
        ...

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What was taken as given."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LabelledSequence:
    """A sequence that was read; see `DatasetSequence`. `write_truth` writes what is labelled in space, if anything."""

    sequence_id: str
    labels: Labels
    phases: tuple[LabelledPhase, ...] = ()
    frame_ns: int = 1_000_000_000
    plan: ImportPlan | None = None
    assumptions: tuple[str, ...] = ()
    write_truth: Callable[[TruthWriter], None] | None = None


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """What a person may say that files do not.

    Args:
        depth_unit_m: metres a step of depth images; None = what the data set is known to use.
        rig: a rig.json with the lenses, and perhaps the places, of cameras whose files do not say them.
    """

    depth_unit_m: float | None = None
    rig: Path | None = None


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set that can be read. Other packages add theirs under the entry-point group `ortwin.datasets`.

    Args:
        title: its name.
        licence: under which it is given, as far as its owners say.
        gives: what of it is read, in words.
        open_sequences: (folder or file, names of sequences or None for all, OpenOptions) -> its sequences.
    """

    title: str
    licence: str
    gives: str
    open_sequences: Callable[[Path, Sequence[str] | None, OpenOptions], tuple[LabelledSequence, ...]]


BUILT_IN = {"4d-or": "four_d_or", "mm-or": "mm_or", "egoexor": "egoexor", "mvor": "mvor", "bop": "bop"}


def data_set_names() -> list[str]:
    """The data sets that can be read."""
    found = {entry.name for entry in metadata.entry_points(group=GROUP) if not entry.value.endswith(":simulate")}
    return sorted({*BUILT_IN, *found})


def find_data_set(name: str) -> DataSet:
    """A data set by its name.

    Raises:
        ConfigError: nobody reads it; names the nearest one.
    """
    if name in BUILT_IN:
        return import_module(f".{BUILT_IN[name]}", __package__).DATA_SET
    for entry in metadata.entry_points(group=GROUP, name=name):
        return entry.load()
    known = data_set_names()
    raise ConfigError(f"unknown data set '{name}'{nearest_name(name, known)}", todo=f"use one of {', '.join(known)}")


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
