"""The clocks of a recording's cameras: from host stamps, from what the cameras see, from boards, or from all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from .arrays import Times
from .board_clocks import BOARD_CLOCKS, BoardClocks, board_clocks_to_json, read_board_clocks
from .clock import ClockModel
from .clock_evidence import ClockEvidence, content_evidence, host_evidence
from .clock_faults import ClockFinding
from .clock_file import clocks_to_json
from .clock_join import join_clocks, joined_clocks
from .clock_source import ClockSource
from .content_clock import ContentFit
from .content_evidence import content_against, energies_of
from .content_sync import content_clocks, unlinked_error
from .errors import InputError
from .host_clock import MOST_DRIFT_PPM
from .host_report import ClockReport, host_report
from .segments import write_top_files
from .storage import NO_TIME, StoredRecording
from .surface_sync import watch_of

LEAST_SURE_S = 0.03
Progress = Callable[[str, float], None]
Stamps = Mapping[str, tuple[Times, Times]]


def find_clocks(
    recording: StoredRecording,
    source: ClockSource = ClockSource.BOTH,
    progress: Progress = lambda _step, _share: None,
) -> ClockReport:
    """The clocks of a recording.

    Args:
        recording: whose; its own clocks.json is not looked at.
        source: what to go by; BOTH joins all there is by covariance: stamps of the host, content, and what a board told
            before (board_clocks.json).
        progress: told the step and the share of it that is done.

    Raises:
        InputError: nothing tells how the clocks stand to each other, and what to record to know it.
    """
    stamps = {
        name: (recording.device_ns(name), recording.host_ns(name))
        for name in recording.cameras
        if len(recording.device_ns(name))
    }
    if not stamps:
        raise InputError("the recording has no frames", where=str(recording.path))
    progress("stamps", 0.0)
    heard = any((host_ns != NO_TIME).any() for _, host_ns in stamps.values())
    if source == ClockSource.HOST and not heard:
        raise InputError(
            "nobody noted when the host received the frames", where=str(recording.path),
            todo=f"ortwin sync {recording.path} --from content",
        )  # fmt: skip
    report = host_report(stamps)
    if source == ClockSource.HOST:
        return report
    if source == ClockSource.CONTENT:
        told = _by_content(recording, stamps, progress)
        if told is None:
            raise unlinked_error(str(recording.path))
        return told[0]
    if (report.source == "stamps" and heard) or len(stamps) < 2:
        return report
    board = read_board_clocks(recording.path / BOARD_CLOCKS)
    if report.source == "host":
        return _with_host(report, recording, stamps, board, progress)
    return _without_host(report, recording, stamps, board, progress)


def _with_host(
    report: ClockReport, recording: StoredRecording, stamps: Stamps, board: BoardClocks | None, progress: Progress
) -> ClockReport:
    """Clocks of host stamps, joined with what content and boards say of them."""
    base_ns = _begin_ns(report.clocks, stamps)
    content = content_against(recording, report.clocks, stamps, base_ns, progress)
    told = None if board is None else board.evidence(report.clocks, stamps, base_ns)
    more = [one for one in (content, told) if one is not None]
    if not more:
        done = "the clocks are those of the host stamps; that all frames need as long to the host is assumed"
        return replace(report, findings=(*report.findings, ClockFinding("", "unknown", -1, 0, 0, 0, done)))
    return _joined(report, [host_evidence(report.clocks, stamps, base_ns), *more], stamps, base_ns)


def _without_host(
    report: ClockReport, recording: StoredRecording, stamps: Stamps, board: BoardClocks | None, progress: Progress
) -> ClockReport:
    """Clocks of content, of a board, or of both joined; where neither tells them, as they are, and said so."""
    content = _by_content(recording, stamps, progress)
    if content is not None:
        found, fit = content
        base_ns = _begin_ns(found.clocks, stamps)
        told = None if board is None else board.evidence(found.clocks, stamps, base_ns)
        if told is None:
            return found
        return _joined(found, [content_evidence(found.clocks, fit, base_ns), told], stamps, base_ns)
    clocks = {} if board is None else board.clocks(report.clocks, stamps)
    done = "nothing: what it sees does not tell its clock"
    unknown = [ClockFinding(n, "unknown", -1, int(d[0]), 0, len(d), done) for n, (d, _) in stamps.items()]
    left = tuple(finding for finding in unknown if finding.camera_id not in clocks)
    found = ClockReport({**report.clocks, **clocks}, (*report.findings, *left), "stamps", report.sigma_ms)
    return replace(found, source="board", sigma_ms=_sigma_ms(clocks, stamps)) if clocks else found


def _by_content(
    recording: StoredRecording, stamps: Stamps, progress: Progress
) -> tuple[ClockReport, ContentFit] | None:
    """Clocks of content alone, and the fit; None where it does not tell them surely enough."""
    energies = energies_of(recording, progress)
    progress("comparing what moves", 0.0)
    watch = watch_of(recording, lambda share: progress("comparing surfaces", share))
    clocks, findings, fit = content_clocks(stamps, energies, watch)
    sigma_ms = _sigma_ms(clocks, stamps)
    if fit is None or not _sure(fit, sigma_ms):
        return None
    return ClockReport(clocks, tuple(findings), "content", sigma_ms), fit


def _joined(report: ClockReport, evidence: Sequence[ClockEvidence], stamps: Stamps, base_ns: int) -> ClockReport:
    joint = join_clocks(evidence)
    clocks = joined_clocks(report.clocks, joint, stamps, base_ns)
    sigma_ms = _sigma_ms({name: clocks[name] for name in joint.linked}, stamps)
    known: dict[str, float | None] = {name: sigma_ms.get(name) for name in clocks}
    return replace(report, clocks=clocks, source="both", sigma_ms=known, joint=joint)


def _begin_ns(clocks: Mapping[str, ClockModel], stamps: Stamps) -> int:
    return min(int(clock.frames_ns(stamps[name][0])[0]) for name, clock in clocks.items())


def _sigma_ms(clocks: Mapping[str, ClockModel], stamps: Stamps) -> dict[str, float]:
    """Standard deviation of each camera's rig time, over all its frames, ms: of offset, rate and jumps together."""
    return {name: round(1e-6 * _rms_sigma_ns(clock, stamps[name][0]), 3) for name, clock in clocks.items()}


def _rms_sigma_ns(clock: ClockModel, device_ns: Times) -> float:
    begins = [piece.from_position for piece in clock.pieces]
    sigma_ns = [
        piece.sigma_ns(device_ns[begin:end])
        for piece, begin, end in zip(clock.pieces, begins, [*begins[1:], len(device_ns)], strict=True)
    ]
    return float(np.sqrt(np.mean(np.concatenate(sigma_ns) ** 2)))


def _sure(fit: ContentFit, sigma_ms: Mapping[str, float]) -> bool:
    """Whether a fit to content may be used: its own sigma, and rates that a clock can have."""
    return max(sigma_ms.values()) < 1e3 * LEAST_SURE_S and bool(np.ptp(fit.drift_ppm) < 2 * MOST_DRIFT_PPM)


def write_clocks(
    recording: StoredRecording, clocks: Mapping[str, ClockModel], board: BoardClocks | None = None
) -> None:
    """Write clocks.json of a recording, in one step; who has it open must open it again.

    Args:
        recording: whose.
        clocks: by camera.
        board: what a board told, kept in board_clocks.json for later; None leaves what is there.
    """
    files = {"clocks.json": clocks_to_json(clocks)}
    if board is not None:
        files[BOARD_CLOCKS] = board_clocks_to_json(board)
    write_top_files(recording.path, files)
