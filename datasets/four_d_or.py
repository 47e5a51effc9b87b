"""4D-OR (Özsoy et al., MICCAI 2022): ten simulated knee replacements, filmed by six cameras, labelled once a second.

Traps that are taken care of: files number the objects of each scan, and predicates from 0. `human_0` is a number within
one scan: the next scan may give it to somebody else. Roles are spelled with hyphens here, and with underscores in other
files of the data set. The number in the name of an image is not that of the instant (tum_takes.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..capture.errors import InputError
from ..capture.import_frames import ImportPlan
from ..scenegraph.label_io import read_labels
from ..scenegraph.labels import LabelledInstant, Labels, Triplet
from .base import DataSet, LabelledPhase, LabelledSequence, OpenOptions, check_phases, first_file
from .tum_takes import read_instants, take_plan

SPLITS = {"train": (1, 3, 5, 7, 9, 10), "validation": (4, 8), "test": (2, 6)}
ASSUMPTIONS = (
    "frames of 4D-OR are one second apart, and frame 0 is at time 0; the label files hold no times",
    "an entity that a scan does not list, between scans that list it, was not seen; what holds of it there is unknown",
)
_TAKE = re.compile(r"export_holistic_take(\d+)_processed")


def open_sequences(
    root: Path, takes: Sequence[int | str] | None = None, options: OpenOptions | None = None
) -> tuple[LabelledSequence, ...]:
    """The takes of a folder with export_holistic_take<n>_processed, with relationships_<split>.json, or with both.

    A take without such labels has those of its own relation_labels/. Phases are read from
    phases/phase_to_frames_<take>.json beside the labels, where that is there.

    Args:
        root: the folder, or one file of labels.
        takes: which; None for all.
        options: what files do not say.

    Raises:
        InputError: there is neither, a file is unsound, or a take is not there.
    """
    folders = {} if root.is_file() else _take_folders(root)
    found = _labelled(root, needed=not folders)
    wanted = [int(take) if str(take).isdigit() else -1 for take in takes or ()]
    for take, folder in folders.items():
        if not wanted or take in wanted:
            found[take] = _with_images(take, folder, found.get(take), options or OpenOptions())
    for take in wanted:
        if take not in found:
            raise InputError(
                f"take {take} is not among the labels", where=str(root), why=f"there are {', '.join(map(str, found))}",
                todo="; ".join(f"{split}: takes {', '.join(map(str, its))}" for split, its in SPLITS.items()),
            )  # fmt: skip
    return tuple(found[take] for take in (wanted or sorted(found)))


def read_phases(root: Path, take: int) -> tuple[LabelledPhase, ...]:
    """The phases of a take, or none where no file tells any.

    Raises:
        InputError: the file is unsound.
    """
    path = root / "phases" / f"phase_to_frames_{take}.json"
    if not path.is_file():
        return ()
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("the phases cannot be read", where=str(path), why=str(error)) from error
    if not isinstance(document, dict) or not all(_is_span(span) for span in document.values()):
        raise InputError("the phases are no mapping of names to [first, last] frames", where=str(path))
    return check_phases((LabelledPhase(name, first, last) for name, (first, last) in document.items()), str(path))


def _labelled(root: Path, *, needed: bool) -> dict[int, LabelledSequence]:
    found: dict[int, LabelledSequence] = {}
    for path in [root] if root.is_file() else _label_files(root, needed=needed):
        each = read_labels(path)
        if each.form != "4d-or":
            raise InputError("these are no labels of 4D-OR", where=str(path), why=f"their form is {each.form}")
        for take, instants in each.takes().items():
            if not take.isdigit():
                raise InputError(f"the take '{take}' is no number", where=str(path))
            phases = read_phases(path.parent, int(take))
            found[int(take)] = LabelledSequence(take, Labels("4d-or", instants), phases, assumptions=ASSUMPTIONS)
    return found


def _with_images(take: int, folder: Path, labelled: LabelledSequence | None, options: OpenOptions) -> LabelledSequence:
    plan = _plan(take, folder, options)
    if labelled is None:
        labels, phases = Labels("4d-or", _own_labels(take, folder)), read_phases(folder.parent, take)
    else:
        labels, phases = labelled.labels, labelled.phases
    assumptions = (*ASSUMPTIONS, *(plan.assumptions if plan else ()))
    return LabelledSequence(str(take), labels, phases, plan=plan, assumptions=assumptions)


def _plan(take: int, folder: Path, options: OpenOptions) -> ImportPlan | None:
    return take_plan(
        folder, read_instants(folder), lambda number: (f"color_{number}", f"depth_{number}"),
        depth_unit_m=options.depth_unit_m or 0.001, source={"importer": "4d-or", "name": folder.name, "take": take},
    )  # fmt: skip


def _own_labels(take: int, folder: Path) -> tuple[LabelledInstant, ...]:
    """The labels that lie in a take, relation_labels/<frame>.json; parts of the body are left out."""
    instants = []
    for path in sorted((folder / "relation_labels").glob("*.json")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            rows = tuple(Triplet(*(str(word) for word in row[:3])) for row in document["rel_annotations"])
            people = {str(name): str(role) for name, role in document.get("human_name_annotations", {}).items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError("the labels of an instant cannot be read", where=str(path), why=repr(error)) from error
        instants.append(LabelledInstant(str(take), path.stem, rows, None, people))
    return tuple(instants)


def _take_folders(root: Path) -> dict[int, Path]:
    if match := _TAKE.fullmatch(root.name):
        return {int(match[1]): root}
    places = [
        path for folder in (root, root / "4D-OR", root / "datasets" / "4D-OR") for path in sorted(folder.glob("*"))
    ]
    return {int(match[1]): path for path in places if path.is_dir() and (match := _TAKE.fullmatch(path.name))}


def _label_files(root: Path, *, needed: bool) -> list[Path]:
    names = [f"relationships_{split}.json" for split in SPLITS]
    there = [path for folder in (root, root / "data") for name in names if (path := folder / name).is_file()]
    return there or ([first_file(root, names, "labels of 4D-OR")] if needed else [])


def _is_span(span: Any) -> bool:
    return isinstance(span, list) and len(span) == 2 and all(type(frame) is int for frame in span)


DATA_SET = DataSet(
    "4D-OR", "MIT (labels); recordings on request from their owners",
    "recordings of six RGB-D cameras, scene graphs, roles, phases", open_sequences,
)  # fmt: skip
