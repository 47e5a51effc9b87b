"""4D-OR (Özsoy et al., MICCAI 2022): ten simulated knee replacements, labelled once a second.

Three traps are taken care of. Files number the objects of each scan, and predicates from 0. `human_0` is a number
within one scan: the next scan may give it to somebody else. Roles are spelled with hyphens here, and with underscores
in other files of the data set.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..capture.errors import InputError
from ..scenegraph.label_io import read_labels
from ..scenegraph.labels import Labels
from .base import LabelledPhase, LabelledSequence, check_phases, first_file

SPLITS = {"train": (1, 3, 5, 7, 9, 10), "validation": (4, 8), "test": (2, 6)}
ASSUMPTIONS = (
    "frames of 4D-OR are one second apart, and frame 0 is at time 0; the label files hold no times",
    "an entity that a scan does not list, between scans that list it, was not seen; what holds of it there is unknown",
)


def open_sequences(root: Path, takes: Sequence[int] | None = None) -> tuple[LabelledSequence, ...]:
    """The labelled takes of a folder with relationships_train.json, _validation.json or _test.json (or one such file).

    Phases are read from phases/phase_to_frames_<take>.json, where that is there.

    Raises:
        InputError: a file is absent or unsound, or a take is not in it.
    """
    files = [root] if root.is_file() else _label_files(root)
    labels = [read_labels(path) for path in files]
    found: dict[int, LabelledSequence] = {}
    for path, each in zip(files, labels, strict=True):
        if each.form != "4d-or":
            raise InputError("these are no labels of 4D-OR", where=str(path), why=f"their form is {each.form}")
        for take, instants in each.takes().items():
            if not take.isdigit():
                raise InputError(f"the take '{take}' is no number", where=str(path))
            phases = read_phases(path.parent, int(take))
            found[int(take)] = LabelledSequence(take, Labels("4d-or", instants), phases, assumptions=ASSUMPTIONS)
    for take in takes or ():
        if take not in found:
            raise InputError(
                f"take {take} is not among the labels", where=str(root), why=f"there are {', '.join(map(str, found))}",
                todo="; ".join(f"{split}: takes {', '.join(map(str, its))}" for split, its in SPLITS.items()),
            )  # fmt: skip
    return tuple(found[take] for take in (takes or sorted(found)))


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


def _label_files(root: Path) -> list[Path]:
    names = [f"relationships_{split}.json" for split in SPLITS]
    there = [path for folder in (root, root / "data") for name in names if (path := folder / name).is_file()]
    return there or [first_file(root, names, "labels of 4D-OR")]


def _is_span(span: Any) -> bool:
    return isinstance(span, list) and len(span) == 2 and all(type(frame) is int for frame in span)
