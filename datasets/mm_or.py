"""MM-OR (Özsoy et al., CVPR 2025): robotic knee replacements, filmed by five cameras, labelled once a second.

Its relations say subject, *object*, predicate; a file in another order is refused. An entity is known by the relations
that name it, for nothing lists who is there. Takes of 4D-OR that were labelled anew are among them (`004_4DOR`). The
number of a label is its place in the list of instants, while that list counts seconds with gaps (tum_takes.py). Some
takes lack the images of the five cameras. Cameras of the simulation station and of the tracker are not calibrated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..capture.errors import InputError
from ..scenegraph.label_io import read_labels
from ..scenegraph.labels import Labels
from ..scenegraph.vocabulary_terms import load_terms
from .base import DataSet, LabelledSequence, OpenOptions
from .tum_takes import LIST, read_instants, take_plan

ASSUMPTIONS = (
    "frames of MM-OR are one second apart, and frame 0 is at time 0; the label files hold no times",
    "what no relation says is false, as nothing lists who is there; a thing exists from its first relation to its last",
)
IMAGE_NOTES = (
    "depth is taken to be in millimetres like that of 4D-OR; the files do not say it",
    "cameras of the simulation station and of the tracker are left out: they are not calibrated",
)
_TAKE = re.compile(r"\d{3}_(?:\d_)?(?:PKA|TKA)")


def open_sequences(
    root: Path, takes: Sequence[str] | None = None, options: OpenOptions | None = None
) -> tuple[LabelledSequence, ...]:
    """The takes of a folder of JSON files of labels (or one such file), of MM-OR_data with its recordings, or of both.

    Args:
        root: the folder or file.
        takes: which, by the names of their labels or folders; None for all.
        options: what files do not say.

    Raises:
        InputError: there is neither, a file is unsound, its words stand in another order, or a take is not there.
    """
    folders = {} if root.is_file() else _take_folders(root)
    found = _labelled(root, needed=not folders)
    for take, folder in folders.items():
        named = next((name for name in (take, f"{take}_MMOR") if name in found), take)
        if takes is None or {take, named} & set(takes):
            found[named] = _with_images(take, folder, found.get(named), options or OpenOptions())
    chosen = {name: next((each for each in (name, f"{name}_MMOR") if each in found), "") for name in takes or found}
    for name, each in chosen.items():
        if not each:
            raise InputError(f"there is no take '{name}'", where=str(root), todo=f"there are {', '.join(found)}")
    return tuple(found[each] for each in chosen.values())


def _labelled(root: Path, *, needed: bool) -> dict[str, LabelledSequence]:
    files = [root] if root.is_file() else sorted({*root.glob("*.json"), *root.glob("data/*.json")})
    if not files and needed:
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
    return found


def _with_images(take: str, folder: Path, labelled: LabelledSequence | None, options: OpenOptions) -> LabelledSequence:
    plan = take_plan(
        folder, read_instants(folder, take), lambda number: ("azure", "azure"),
        depth_unit_m=options.depth_unit_m or 0.001, source={"importer": "mm-or", "name": folder.name, "take": take},
    )  # fmt: skip
    notes: tuple[str, ...] = (f"{take} has no colorimage folder: it gives labels only",)
    if plan is not None:
        notes = (*plan.assumptions, *IMAGE_NOTES)
    name, labels = (take, Labels("mm-or", ())) if labelled is None else (labelled.sequence_id, labelled.labels)
    return LabelledSequence(name, labels, plan=plan, assumptions=(*ASSUMPTIONS, *notes))


def _take_folders(root: Path) -> Mapping[str, Path]:
    """Folders by take; one folder may hold the lists of several takes."""
    places = [path for base in (root, root / "MM-OR_data", root / "MM-OR_processed") for path in sorted(base.glob("*"))]
    found: dict[str, Path] = {}
    for folder in [root, *places]:
        if folder.is_dir() and _TAKE.fullmatch(folder.name):
            named = [path.stem.removeprefix(f"{LIST}_") for path in sorted(folder.glob(f"{LIST}_*.json"))]
            found |= dict.fromkeys([name for name in named if _TAKE.fullmatch(name)] or [folder.name], folder)
    return found


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


DATA_SET = DataSet(
    "MM-OR", "Apache-2.0 (labels); recordings on request from their owners",
    "recordings of five RGB-D cameras, scene graphs", open_sequences,
)  # fmt: skip
