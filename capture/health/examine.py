"""The whole examination of a recording, in the order in which a person should read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ..errors import InputError
from ..static_view import StaticView, static_view
from ..storage import StoredRecording
from .color import check_color
from .depth import check_depth
from .files import check_files
from .finding import Finding, Severity
from .lenses import check_lenses
from .machine import check_machine
from .moves import check_moves
from .origin import check_origin
from .rig import check_rig
from .times import check_times

Progress = Callable[[int, int, str], None]


def examine(recording: StoredRecording, folder: Path, progress: Progress | None = None) -> tuple[Finding, ...]:
    """Everything that the doctor has to say of a recording and of the machine that shall work on it.

    Args:
        recording: the recording.
        folder: where results would be written.
        progress: called with the number of steps done, of all steps, and the name of the next one.
    """
    say = progress or (lambda done, total, label: None)
    steps: tuple[tuple[str, Callable[[], object]], ...] = (
        ("files", lambda: check_files(recording)),
        ("origin", lambda: check_origin(recording)),
        ("times", lambda: check_times(recording)),
        ("colour", lambda: check_color(recording)),
        ("depth", lambda: check_depth(recording)),
    )
    total = len(steps) + len(recording.cameras) + 4
    findings: list[Finding] = []
    for done, (label, check) in enumerate(steps):
        say(done, total, label)
        findings += check()
    views: dict[str, StaticView] = {}
    for name in recording.cameras:
        say(len(steps) + len(views), total, f"standing surface of {name}")
        views |= _view(recording, name)
    say(total - 4, total, "lenses")
    findings += check_lenses(recording, views)
    say(total - 3, total, "rig")
    findings += _rig(recording, views)
    findings += check_moves(recording, lambda done, of, name: say(total - 2, total, f"did {name} stand still"))
    say(total - 1, total, "machine")
    findings += check_machine(recording, folder)
    say(total, total, "done")
    return tuple(findings)


def _view(recording: StoredRecording, name: str) -> Mapping[str, StaticView]:
    try:
        view = static_view(recording, name)
    except InputError:  # a camera without depth; the depth check has said so
        return {}
    return {name: view} if len(view.points_m) else {}


def _rig(recording: StoredRecording, views: Mapping[str, StaticView]) -> tuple[Finding, ...]:
    try:
        return tuple(check_rig(recording, views))
    except InputError as error:
        return (Finding("rig", Severity.FAULT, error.what, error.where, error.why, error.todo),)
