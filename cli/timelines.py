"""What the verbs that read a scene graph are given: a twin, or a file of scene-graph labels; opened alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..facade import Twin
    from ..scenegraph.timeline import SceneGraphTimeline

GraphPath = Annotated[
    Path, typer.Argument(metavar="TWIN|LABELS.json", help="The .twin folder, or a JSON file of scene-graph labels.")
]
TakeOption = Annotated[str | None, typer.Option(metavar="NAME", help="Which take of a file of labels.")]


@dataclass(frozen=True, slots=True, eq=False)
class OpenedGraph:
    """A scene graph through time, wherever it comes from.

    Args:
        timeline: its nodes and intervals.
        begin_ns: what counts as 0 s.
        people: the class of everybody but the patient, by name.
        measured: the predicates that could have been said of it; None where nobody knows.
        twin: the twin, where it is one.
        form: of the labels, "4d-or", "mm-or" or "neutral"; empty for a twin.
    """

    timeline: SceneGraphTimeline
    begin_ns: int
    people: Mapping[str, str]
    measured: frozenset[str] | None
    twin: Twin | None = None
    form: str = ""

    @property
    def names_roles(self) -> bool:
        """Whether anybody is called by a role."""
        return any(label != "person" for label in self.people.values())

    def seconds(self, time_ns: int) -> float:
        """A moment in seconds from the start, to the millisecond."""
        return round((time_ns - self.begin_ns) * 1e-9, 3)


def open_graph(path: Path, take: str | None) -> OpenedGraph:
    """A twin's graph, or that of labels of 4D-OR, MM-OR or the neutral form, where frame 0 is at 0 s.

    Raises:
        InputError: it is neither, or the take is not among the labels.
    """
    if path.is_file():
        return _of_labels(path, take)
    from ..twin import open as open_twin

    twin = open_twin(path)
    return OpenedGraph(twin.timeline, int(twin.times_ns[0]), _staff(twin.timeline), twin.measured, twin)


def _of_labels(path: Path, take: str | None) -> OpenedGraph:
    from ..scenegraph.label_io import read_labels
    from ..scenegraph.label_timeline import label_timeline
    from ..scenegraph.vocabulary_terms import load_terms

    labels = read_labels(path)
    timeline = label_timeline(labels, take)
    own = load_terms().namings.get(labels.form)
    measured = None if own is None else frozenset(own.canonical_of[name.lower()] for name in own.predicates)
    return OpenedGraph(timeline, 0, _staff(timeline), measured, form=labels.form)


def _staff(timeline: SceneGraphTimeline) -> dict[str, str]:
    from ..scenegraph.vocabulary import is_person

    return {node.node_id: node.label for node in timeline.nodes if is_person(node.label) and node.label != "patient"}
