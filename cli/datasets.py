"""ortwin datasets: other people's data sets: which can be read, what is in a folder of one, and its labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .app import ExitCode
from .console import Reporter
from .import_data_sets import SequenceOption

if TYPE_CHECKING:
    from ..datasets.base import LabelledSequence

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The data set, e.g. 4d-or; `list` names them.")]
FolderArgument = Annotated[Path, typer.Argument(metavar="PATH", help="Its folder or file, as its owners give it.")]


def list_(report: Reporter) -> ExitCode:
    """List the data sets that can be read, and what of them."""
    from ..datasets.base import data_set_names, find_data_set

    rows = [(name, find_data_set(name)) for name in data_set_names()]
    report.result(
        {
            "data_sets": [
                {"name": name, "title": each.title, "gives": each.gives, "licence": each.licence} for name, each in rows
            ]
        },
        show=False,
    )
    report.table(["name", "title", "gives", "licence"], [[n, each.title, each.gives, each.licence] for n, each in rows])
    report.next("ortwin", "datasets", "show", "4d-or", "FOLDER")
    return ExitCode.OK


def show(report: Reporter, name: NameArgument, path: FolderArgument) -> ExitCode:
    """Look into a data set: its sequences, and everything that its files do not say and that is assumed."""
    from ..datasets.base import OpenOptions, find_data_set

    found = find_data_set(name).open_sequences(path, None, OpenOptions())
    rows = [_row(sequence) for sequence in found]
    report.result({"data_set": name, "path": str(path), "sequences": rows}, show=False)
    keys = ("sequence", "instants", "relations", "phases", "cameras", "frames")
    report.table(list(keys), [[row[key] for key in keys] for row in rows])
    for sentence in dict.fromkeys(text for row in rows for text in row["assumptions"]):
        report.answer(f"assumed: {sentence}")
    first = next((row for row in rows if row["frames"]), None)
    if first is not None:
        report.next("ortwin", "import", name, path, "case.recording", "--sequence", first["sequence"])
    elif rows and rows[0]["instants"]:
        report.next(
            "ortwin", "datasets", "labels", name, path, "--sequence", rows[0]["sequence"], "--out", "labels.json"
        )
    return ExitCode.OK


def labels(
    report: Reporter,
    name: NameArgument,
    path: FolderArgument,
    out: Annotated[Path, typer.Option(metavar="LABELS.json", help="What to write.")],
    sequence: SequenceOption = None,
    canonical: Annotated[
        bool, typer.Option("--canonical", help="In ortwin's own words instead of the data set's.")
    ] = False,
) -> ExitCode:
    """Write the scene-graph labels as one file, which `query`, `phases`, `roles` and `score-graphs` take."""
    from ..capture.errors import InputError
    from ..capture.files import require_writable
    from ..datasets.base import OpenOptions, find_data_set
    from ..scenegraph.label_io import renamed, write_labels
    from ..scenegraph.labels import Labels

    require_writable(out)
    found = find_data_set(name).open_sequences(path, None if sequence is None else [sequence], OpenOptions())
    found = [each for each in found if each.labels.instants]
    if not found:
        raise InputError("there are no labels", where=str(path), todo="see `ortwin datasets show`")
    together = Labels(found[0].labels.form, tuple(instant for each in found for instant in each.labels.instants))
    listed = all(instant.entities is not None for instant in together.instants)
    if canonical or not (together.form == "mm-or" or (together.form == "4d-or" and listed)):
        together = renamed(together, "canonical")
    write_labels(out, together)
    takes = list(together.takes())
    report.result({"labels": str(out), "form": together.form, "takes": takes, "instants": len(together.instants)})
    report.next("ortwin", "query", out, "close_to(?a, ?b)", *(("--take", takes[0]) if len(takes) > 1 else ()))
    return ExitCode.OK


def keypoints(
    report: Reporter,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="MVOR's folder or label file.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where keypoints.jsonl and rig.json go.")],
    sequence: SequenceOption = None,
) -> ExitCode:
    """Write the labelled 2D keypoints of MVOR and its cameras as `ortwin lift` takes them."""
    import json

    from ..capture.files import require_writable, write_atomic
    from ..capture.rig_file import write_rig
    from ..datasets.mvor import keypoint_rows, open_sequences, read_labels

    file = read_labels(path)
    day = None if sequence is None else int(open_sequences(path, [sequence])[0].sequence_id.removeprefix("day"))
    out.mkdir(parents=True, exist_ok=True)
    require_writable(out / "keypoints.jsonl")
    rows = [json.dumps(row) for row in keypoint_rows(file, day)]
    write_atomic(out / "keypoints.jsonl", ("\n".join(rows) + "\n").encode())
    write_rig(out / "rig.json", file.rig)
    report.result({"keypoints": str(out / "keypoints.jsonl"), "rig": str(out / "rig.json"), "instants": len(rows)})
    report.next("ortwin", "lift", out / "keypoints.jsonl", "--rig", out / "rig.json", "--out", out / "people.jsonl")
    return ExitCode.OK


def _row(sequence: LabelledSequence) -> dict[str, Any]:
    plan = sequence.plan
    return {
        "sequence": sequence.sequence_id,
        "instants": len(sequence.labels.instants),
        "relations": sum(len(instant.relations) for instant in sequence.labels.instants),
        "phases": len(sequence.phases),
        "cameras": 0 if plan is None else len(plan.models),
        "frames": 0 if plan is None else len(plan.frames),
        "assumptions": list(sequence.assumptions),
    }


verbs = {"list": list_, "show": show, "labels": labels, "keypoints": keypoints}
