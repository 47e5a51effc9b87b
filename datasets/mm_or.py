"""MM-OR (Özsoy et al., CVPR 2025): robotic knee replacements, labelled once a second.

Its relations say subject, *object*, predicate; a file in another order is refused. An entity is known by the relations
that name it, for nothing lists who is there. Takes of 4D-OR that were labelled anew are among them (`004_4DOR`).
"""

from __future__ import annotations

from pathlib import Path

from ..capture.errors import InputError
from ..scenegraph.label_io import read_labels
from ..scenegraph.labels import Labels
from ..scenegraph.vocabulary_terms import load_terms
from .base import LabelledSequence

ASSUMPTIONS = (
    "frames of MM-OR are one second apart, and frame 0 is at time 0; the label files hold no times",
    "what no relation says is false, as nothing lists who is there; a thing exists from its first relation to its last",
)


def open_sequences(root: Path) -> tuple[LabelledSequence, ...]:
    """The labelled takes of a file, or of all JSON files of a folder.

    Raises:
        InputError: there is no file, one is unsound, or its words stand in another order than MM-OR's.
    """
    files = [root] if root.is_file() else sorted(root.glob("*.json"))
    if not files:
        raise InputError("there are no labels of MM-OR", where=str(root), todo="give a JSON file or a folder of such")
    found: dict[str, LabelledSequence] = {}
    for path in files:
        labels = read_labels(path)
        if labels.form != "mm-or":
            raise InputError("these are no labels of MM-OR", where=str(path), why=f"their form is {labels.form}")
        _check_order(labels, path)
        for take, instants in labels.takes().items():
            if take in found:
                raise InputError(f"the take '{take}' stands in two files", where=str(path), todo="keep one of them")
            found[take] = LabelledSequence(take, Labels("mm-or", instants), assumptions=ASSUMPTIONS)
    return tuple(found.values())


def _check_order(labels: Labels, path: Path) -> None:
    own = load_terms().naming("mm-or")
    predicates = {name.lower() for name in own.predicates}
    for instant in labels.instants:
        for place, row in enumerate(instant.relations):
            if row.predicate.lower() in predicates:
                continue
            turned = row.object.lower() in predicates
            raise InputError(
                f"'{row.predicate}' is no predicate of MM-OR",
                where=f"{path}, instant {instant.instant_id}, relation {place}",
                why="the words stand in the order subject, predicate, object" if turned else "",
                todo="MM-OR's order is subject, object, predicate" if turned else f"use {', '.join(own.predicates)}",
            )
