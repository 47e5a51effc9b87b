"""ortwin info: what is in a recording."""

from __future__ import annotations

from .console import Reporter
from .options import RecordingPath


def info(report: Reporter, recording: RecordingPath) -> None:
    """Say what is in a recording: its cameras, frames, clocks, calibration, and what is damaged."""
    from ..capture.storage import open_recording

    opened = open_recording(recording)
    summary = opened.summary()
    report.result(summary, show=False)
    report.answer(f"{recording}: {summary['seconds']:g} s at {summary['fps']:g} Hz")
    report.table(
        ["camera", "frames", "Hz", "colour", "depth", "without colour", "without depth", "MB"],
        [
            [name, *(camera[key] for key in ("frames", "fps", "color", "depth")),
             camera["without_color"], camera["without_depth"], camera["megabytes"]]
            for name, camera in summary["cameras"].items()
        ],
    )  # fmt: skip
    report.answer(f"rig: {'known' if summary['registered'] else 'not yet known'}")
    report.answer(f"truth: {'included' if summary['has_truth'] else 'none'}")
    if summary["damaged"]:
        report.table(["damaged", "what"], [[frame["file"], frame["what"]] for frame in summary["damaged"]])
    if summary["registered"]:
        report.next("ortwin", "build", recording, recording.with_suffix(".twin"))
    else:
        report.next("ortwin", "register", recording)


verb = info
