"""ortwin doctor: what is wrong with a recording, in plain words."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from .app import ExitCode
from .console import Reporter


def doctor(
    report: Reporter,
    recording: Annotated[
        Path | None, typer.Argument(metavar="[RECORDING]", help="A recording; none = look at this machine only.")
    ] = None,
) -> ExitCode:
    """Say in plain words what is implausible in a recording (units, poses, clocks, lenses, depth), and what to do."""
    from ..capture.health.examine import examine
    from ..capture.health.finding import Severity, worst
    from ..capture.health.machine import check_machine
    from ..capture.storage import open_recording

    if recording is None:
        findings = tuple(check_machine(None, Path.cwd()))
    else:
        with report.progress(None, "examining") as bar:
            findings = examine(open_recording(recording), Path(recording).resolve().parent, bar)
    verdict = worst(findings)
    report.result({"verdict": verdict, "findings": [finding.to_json() for finding in findings]}, show=False)
    for finding in findings:
        report.answer(f"{_MARKS[finding.severity]} {finding.check}: {_sentence(finding.where, finding.what)}")
        for label, text in (("why", finding.why), ("do", finding.todo)):
            if text and finding.severity != Severity.GOOD:
                report.answer(f"      {label}: {text}")
    counts = Counter(finding.severity for finding in findings)
    report.answer(
        f"faults: {counts[Severity.FAULT]}, warnings: {counts[Severity.WARNING]}, advice: {counts[Severity.ADVICE]}"
    )
    return ExitCode.QUALITY if verdict == Severity.FAULT else ExitCode.OK


_MARKS = {"good": "[ ok ]", "advice": "[ .. ]", "warning": "[warn]", "fault": "[BAD ]"}


def _sentence(where: str, what: str) -> str:
    return f"{where}: {what}" if where else what


verb = doctor
