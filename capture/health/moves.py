"""Was a camera moved while the recording ran, and does the rig know it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..errors import InputError
from ..rig_watch import can_be_watched, watch_rig
from ..storage import StoredRecording
from .finding import Finding, Severity

SAME_MOVE_NS = 1_000_000_000


def check_moves(recording: StoredRecording, progress: Callable[[int, int, str], None] | None = None) -> list[Finding]:
    """Watch every camera with depth; moves that rig.json already holds are no fault."""
    watched = [name for name in recording.cameras if can_be_watched(recording, name)]
    if not watched:
        return []
    return list(_findings(recording, watched, progress))


def _findings(
    recording: StoredRecording, watched: list[str], progress: Callable[[int, int, str], None] | None
) -> Iterator[Finding]:
    moves = watch_rig(recording, progress=progress)
    known = _known(recording)
    for move in moves:
        at_s = (move.time_ns - recording.span_ns[0]) * 1e-9
        where = f"camera {move.camera_id}, {at_s:.1f} s after the start"
        if any(name == move.camera_id and abs(from_ns - move.time_ns) < SAME_MOVE_NS for name, from_ns in known):
            yield Finding("rig", Severity.GOOD, f"{move.in_words()}; the rig knows its new place", where)
        elif move.before_from_after is None:
            yield Finding(
                "rig", Severity.FAULT, move.in_words(), where, "somebody turned the camera away, or covered it",
                "import the time before and after as two recordings and register each, or leave this camera out",
            )  # fmt: skip
        else:
            yield Finding(
                "rig", Severity.WARNING, move.in_words(), where,
                "somebody ran into it" if move.sudden else "an arm sags, or a joint is loose",
                f"ortwin rig watch {recording.path} --apply gives it its new place from then on; fasten it",
            )  # fmt: skip
    if not moves:
        yield Finding("rig", Severity.GOOD, f"{len(watched)} cameras stood still all the time")


def _known(recording: StoredRecording) -> list[tuple[str, int]]:
    if not recording.has_rig:
        return []
    try:
        return [(move.camera_id, move.from_ns) for move in recording.rig.moves]
    except InputError:  # the rig check says so
        return []
