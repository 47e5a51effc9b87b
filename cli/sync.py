"""ortwin sync: the clocks of the cameras, and what broke in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from ..capture.clock_source import WORDS, ClockSource
from .app import ExitCode
from .console import Reporter
from .options import RecordingPath

if TYPE_CHECKING:
    from pathlib import Path

    from ..capture.clock import ClockModel
    from ..capture.clock_faults import ClockFinding
    from ..capture.clock_join import JointClocks


def sync(
    report: Reporter,
    recording: RecordingPath,
    source: Annotated[
        ClockSource,
        typer.Option(
            "--from",
            help="What to go by: stamps of the host, what the cameras see, or both, with what a board told before.",
        ),
    ] = ClockSource.HOST,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report only; leave the recording as it is.")] = False,
) -> ExitCode:
    """Find the clock of every camera and write clocks.json; say which stamps are false and which clocks jumped.

    Stamps of the host give rates and jumps. What moves before several cameras tells offsets without them, less surely.
    `both` weighs all that is known by how sure it is, boards of `ortwin calibrate --clocks` too, and says what does not
    fit. Frames stay as they are: those with false stamps are left out of every instant.
    """
    from ..capture.clock_file import read_clocks
    from ..capture.files import require_writable
    from ..capture.host_delay import told_delays_ms
    from ..capture.storage import open_recording
    from ..capture.sync_clocks import find_clocks, write_clocks

    stored = open_recording(recording)
    known = read_clocks(recording / "clocks.json")
    if not dry_run:
        require_writable(recording / "clocks.json")
    with report.progress(100, "clocks") as bar:
        found = find_clocks(stored, source, lambda step, share: bar(round(100 * share), 100, step))
    if not dry_run:
        write_clocks(stored, found.clocks)
    report.result({**found.to_json(), "written": not dry_run}, show=False)
    report.table(
        ["camera", "drift ppm", "pieces", "left out", "sigma ms"],
        [_row(name, clock, found.sigma_ms) for name, clock in found.clocks.items()],
    )
    _tell(report, found.findings)
    if found.joint is not None:
        _tell_joint(report, found.joint)
    told = told_delays_ms(known, found.clocks, {name: stored.device_ns(name) for name in known if name in found.clocks})
    if found.unknown_delay:
        _tell_delay(report, recording, found.unknown_delay, told, dry_run)
    unknown = any(finding.kind == "unknown" for finding in found.findings)
    if dry_run:
        report.next("ortwin", "sync", recording)
    return ExitCode.GAPS if unknown else ExitCode.OK


def _row(name: str, clock: ClockModel, sigma_ms: Mapping[str, float | None]) -> list[object]:
    sigma = sigma_ms.get(name)
    ppm = clock.drift_ppm
    return [
        name,
        f"{ppm:.2f}",
        max(len(clock.pieces), 1),
        len(clock.excluded),
        "-" if sigma is None else f"{sigma:.2f}",
    ]


def _tell(report: Reporter, findings: tuple[ClockFinding, ...]) -> None:
    counts = Counter((finding.camera_id, finding.kind) for finding in findings)
    told: Counter[tuple[str, str]] = Counter()
    for finding in findings:
        key = finding.camera_id, finding.kind
        told[key] += 1
        if told[key] == 4 and counts[key] > 4:
            report.answer(f"{finding.camera_id}: {counts[key] - 3} more of the kind {finding.kind}; --json lists all")
        if told[key] <= 3 or counts[key] == 4:
            report.answer(_words(finding))


def _tell_joint(report: Reporter, joint: JointClocks) -> None:
    sources = ", ".join(WORDS[name] for name in joint.sources)
    report.answer(f"joined: {sources}; chi-square {joint.chi_square:.1f} where {joint.freedom} is usual")
    for one in joint.disagreements:
        report.warn(
            f"{one.told()}; all are taken to be less sure. Either frames of this camera need far longer to the host "
            "than others, or a source is false: compare --from host, --from content, and a waved board"
        )


def _tell_delay(
    report: Reporter, recording: Path, unknown: tuple[str, ...], told_ms: Mapping[str, float] | None, dry_run: bool
) -> None:
    """That stamps of the host do not show all, and what clocks.json knew of it."""
    from ..capture.board_clocks import BOARD_CLOCKS

    report.answer(
        f"{', '.join(unknown)}: how long a frame needs to the host at least does not show in stamps; it is taken to be "
        f"alike for all cameras. Where cables, models or exposures differ, clocks may lie 10 ms apart. To measure it: "
        f"ortwin calibrate {recording} --board board.toml --clocks, or ortwin sync {recording} --from both"
    )
    if told_ms:
        apart = ", ".join(f"{name} {delay_ms:+.1f} ms" for name, delay_ms in told_ms.items())
        verb, gone = ("knows", "; this run would replace it") if dry_run else ("knew", "; it is replaced")
        board = (recording / BOARD_CLOCKS).exists()
        again = f"ortwin sync {recording} --from both joins what the board told" if board else "repeat what told it"
        report.warn(f"clocks.json {verb} more, from a board or from what moves ({apart}){gone}: {again}")


def _words(finding: ClockFinding) -> str:
    return f"{finding.camera_id or 'all cameras'}: {finding.told()}: {finding.done}"


verb = sync
