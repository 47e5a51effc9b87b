"""Is every byte the one that was written?"""

from __future__ import annotations

from collections.abc import Iterator

from ..integrity import verify_tree
from ..storage import StoredRecording
from .finding import Finding, Severity

MOST_NAMED = 5


def check_files(recording: StoredRecording) -> Iterator[Finding]:
    """Hold every file against its hash, and say what was damaged at import already."""
    report = verify_tree(recording.path)
    for damage in report.damaged[:MOST_NAMED]:
        yield Finding(
            "files",
            Severity.FAULT,
            damage.what,
            damage.file,
            "the disk, the network or a program changed it",
            "copy the recording again from where it is sound, or import it again",
        )
    if len(report.damaged) > MOST_NAMED:
        yield Finding("files", Severity.FAULT, f"and {len(report.damaged) - MOST_NAMED} more damaged files")
    if recording.damaged:
        named = ", ".join(frame.file for frame in recording.damaged[:3])
        yield Finding(
            "files",
            Severity.WARNING,
            f"{len(recording.damaged)} frames were damaged when they were imported",
            named,
            "the source was damaged",
            "results have gaps there",
        )
    if not report.damaged and not recording.damaged:
        yield Finding("files", Severity.GOOD, f"{report.num_files} files, {report.num_bytes / 1e6:.0f} MB, all sound")
