"""ortwin evaluate: a twin against the truth of its recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .app import ExitCode
from .console import Reporter

if TYPE_CHECKING:
    from ..capture.storage import StoredRecording
    from ..evaluation.scores import Scores
    from ..evaluation.twin_tables import TwinTables


WORLD_APART_MM = 100.0


def evaluate(
    report: Reporter,
    twin: Annotated[Path, typer.Argument(metavar="TWIN", help="The twin, or its plain export.")],
    truth: Annotated[
        Path | None,
        typer.Option(
            metavar="RECORDING|DIR",
            help="The simulated recording, or a truth folder; default: the recording of the same name beside the twin.",
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a report page with plots.")] = None,
    align: Annotated[
        bool, typer.Option(help="Lay the twin's world onto the true one by its cameras first; for a rig of its own.")
    ] = False,
) -> ExitCode:
    """Compare a twin with the truth of a simulated recording, stage by stage; what a stage lacks is absent."""
    from ..evaluation.report import write_report
    from ..evaluation.scores import aligned, evaluate_twin
    from ..evaluation.truth import read_truth

    place = truth or _truth_beside(twin)
    known, recording = read_truth(place), _recording_of(place)
    tables = _tables(twin, recording)
    scores = evaluate_twin(tables, known, recording=recording, align=align)
    report.result(scores.to_json(), show=False)
    _show(report, scores)
    if scores.calibration is not None and scores.calibration.gauge_mm > WORLD_APART_MM and not align:
        apart_m = scores.calibration.gauge_mm / 1000
        report.warn(f"the twin's world lies {apart_m:.2f} m from the true one; --align takes that out")
    if html is not None:
        write_report(html, twin.name, scores, aligned(tables, known) if align else tables, known)
        report.say(f"report: {html}")
    else:
        report.next("ortwin", "evaluate", twin, "--truth", place, "--html", twin.with_suffix(".html").name)
    return ExitCode.OK


def _truth_beside(twin: Path) -> Path:
    """The recording of the same name next to the twin.

    Raises:
        ConfigError: there is none with a truth folder.
    """
    from ..capture.errors import ConfigError

    recording = twin.resolve().with_suffix(".recording")
    if not (recording / "truth").is_dir():
        raise ConfigError(
            "there is no truth to compare with", where=str(twin), why=f"{recording.name}/truth is not beside it",
            todo="ortwin evaluate TWIN --truth RECORDING, a simulated recording or a truth folder",
        )  # fmt: skip
    return recording


def _recording_of(place: Path) -> StoredRecording | None:
    """The recording itself, where the truth lies in one: masks and flying pixels are compared on its depth images."""
    from ..capture.storage import open_recording

    folder = place.parent if place.name == "truth" else place
    return open_recording(folder) if (folder / "recording.json").exists() else None


def _tables(twin: Path, recording: StoredRecording | None) -> TwinTables:
    from dataclasses import replace

    from ..evaluation.foreground import twin_masks
    from ..evaluation.twin_tables import from_plain_export, from_twin
    from ..twin import open as open_twin

    if not (twin / "twin.json").exists():
        return from_plain_export(twin)
    built = open_twin(twin)
    return replace(from_twin(built), foreground=None if recording is None else twin_masks(built, recording))


def _show(report: Reporter, scores: Scores) -> None:
    from ..evaluation.summary import format_cell, summarise

    for section in summarise(scores):
        if section.absent is not None:
            report.answer(f"{section.title}: absent ({section.absent})")
            continue
        report.answer(f"{section.title}: {', '.join(figure.describe() for figure in section.figures)}".rstrip(": "))
        for table in section.tables:
            if table.rows:
                report.table(table.columns, [[format_cell(cell) for cell in row] for row in table.rows])
    if scores.relations is not None:
        for title, rows in (("missed", scores.relations.missed), ("wrong", scores.relations.wrong)):
            for row in rows:
                report.answer(f"{title}: {row}")


verb = evaluate
