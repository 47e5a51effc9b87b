"""ortwin info: what is in a recording or in a twin."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .app import ExitCode
from .console import Reporter
from .rig import suggest_build

if TYPE_CHECKING:
    from ..capture.storage import StoredRecording


def info(
    report: Reporter,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A recording or a twin.")],
) -> ExitCode:
    """Say what is in a recording (cameras, frames, calibration, what is damaged) or in a twin (things, relations)."""
    if (path / "twin.json").exists():
        return _twin(report, path)
    from ..capture.storage import open_recording

    opened = open_recording(path)
    summary = opened.summary()
    report.result({**summary, "unplaced": _unplaced(opened)}, show=False)
    report.answer(f"{path}: {summary['seconds']:g} s at {summary['fps']:g} Hz")
    report.table(
        ["camera", "frames", "Hz", "colour", "depth", "without colour", "without depth", "MB"],
        [
            [name, *(camera[key] for key in ("frames", "fps", "color", "depth")),
             camera["without_color"], camera["without_depth"], camera["megabytes"]]
            for name, camera in summary["cameras"].items()
        ],
    )  # fmt: skip
    report.answer(f"rig: {_rig_in_words(opened)}")
    report.answer(f"truth: {'included' if summary['has_truth'] else 'none'}")
    if summary["damaged"]:
        report.table(["damaged", "what"], [[frame["file"], frame["what"]] for frame in summary["damaged"]])
    has_depth = any(camera["depth"] for camera in summary["cameras"].values())
    if has_depth and not summary["registered"]:
        report.next("ortwin", "register", path)
    else:
        suggest_build(report, opened)
    return ExitCode.GAPS if opened.unreadable else ExitCode.OK


def _unplaced(recording: StoredRecording) -> list[str]:
    from ..capture.errors import InputError

    try:
        placed = recording.rig.cameras if recording.has_rig else recording.cameras
    except InputError:
        return list(recording.cameras)
    return [name for name in recording.cameras if name not in placed]


def _rig_in_words(recording: StoredRecording) -> str:
    unplaced = _unplaced(recording)
    if not recording.has_rig:
        return "not yet known"
    if len(unplaced) == len(recording.cameras):
        return "damaged; `ortwin rig show` says how"
    return f"known, but not of {', '.join(unplaced)}" if unplaced else "known"


def _twin(report: Reporter, path: Path) -> ExitCode:
    from ..scenegraph.graph import TruthState
    from ..twin import open as open_twin

    twin = open_twin(path)
    times_ns, fixtures, zones = twin.times_ns, twin.room.fixtures, twin.room.zones
    start_ns = int(times_ns[0])
    seen: dict[str, list[int]] = {}
    labels: dict[str, str] = {}
    columns = (twin.tracks[name].to_pylist() for name in ("track_id", "label", "time_ns"))
    for track_id, label, time_ns in zip(*columns, strict=True):
        labels[track_id] = label
        seen.setdefault(track_id, []).append(time_ns)
    tracks: list[dict[str, Any]] = [
        {
            "track": track_id, "label": labels[track_id],
            "from_s": round((min(times) - start_ns) * 1e-9, 3), "to_s": round((max(times) - start_ns) * 1e-9, 3),
        }
        for track_id, times in seen.items()
    ]  # fmt: skip
    held = [interval.predicate for interval in twin.timeline.intervals if interval.state == TruthState.TRUE]
    relations = dict(Counter(held).most_common())
    document = {
        "twin": path,
        "seconds": round((int(times_ns[-1]) - start_ns) * 1e-9, 3),
        "instants": len(times_ns),
        "cameras": list(twin.rig.cameras),
        "tracks": tracks,
        "fixtures": [
            {"fixture": entry.fixture_id, "label": entry.label, "guessed": entry.guessed} for entry in fixtures
        ],
        "zones": [zone.label for zone in zones],
        "relations": relations,
    }
    report.result(document, show=False)
    report.answer(f"{path}: a twin of {document['seconds']:g} s, {len(times_ns)} instants")
    report.answer(f"cameras: {', '.join(twin.rig.cameras)}")
    report.table(["what moves", "label", "from s", "to s"], [list(track.values()) for track in tracks])
    named = [f"{entry.label} ({entry.fixture_id}{', a guess' if entry.guessed else ''})" for entry in fixtures]
    report.answer(f"furniture: {', '.join(named) or 'none'}")
    report.answer(f"zones: {', '.join(document['zones']) or 'none'}")
    report.answer(f"relations: {', '.join(f'{count} {name}' for name, count in relations.items()) or 'none'}")
    report.next("ortwin", "query", path, "close_to(person, ?x)")
    report.next("ortwin", "play", path)
    return ExitCode.OK


verb = info
