"""The clocks of a recording's cameras, from host stamps, from what the cameras see, or from both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from .arrays import Times
from .clock import ClockModel
from .clock_faults import ClockFinding
from .clock_file import clocks_to_json
from .clock_source import ClockSource
from .content_clock import ContentFit
from .content_sync import content_clocks, energies_of, shift_clocks, unlinked_error
from .errors import InputError
from .host_clock import MOST_DRIFT_PPM
from .host_report import ClockReport, host_report
from .motion_energy import MotionEnergy
from .segments import write_top_files
from .storage import NO_TIME, StoredRecording
from .surface_sync import watch_of

LEAST_SURE_S = 0.03


def find_clocks(
    recording: StoredRecording,
    source: ClockSource = ClockSource.BOTH,
    progress: Callable[[str, float], None] = lambda _step, _share: None,
) -> ClockReport:
    """The clocks of a recording.

    Args:
        recording: whose; its own clocks.json is not looked at.
        source: what to go by; BOTH takes the rate and the jumps from host stamps and the way to the host from content.
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
    if source == ClockSource.HOST:
        if not heard:
            raise InputError(
                "nobody noted when the host received the frames", where=str(recording.path),
                todo=f"ortwin sync {recording.path} --from content",
            )  # fmt: skip
        return host_report(stamps)
    report = host_report(stamps)
    if source == ClockSource.BOTH and ((report.source == "stamps" and heard) or len(stamps) < 2):
        return report
    energies = energies_of(recording, progress)
    progress("comparing what moves", 0.0)
    if source == ClockSource.BOTH and report.source == "host":
        return _both(report, stamps, energies)
    watch = watch_of(recording, lambda share: progress("comparing surfaces", share))
    clocks, findings, fit = content_clocks(stamps, energies, watch)
    sigma_ms = {name: 1e-6 * _rms_sigma_ns(clock, stamps[name][0]) for name, clock in clocks.items()}
    if fit is None or not _sure(fit, sigma_ms):
        if source == ClockSource.CONTENT:
            raise unlinked_error(str(recording.path))
        return replace(report, findings=(*report.findings, *(f for f in findings if f.kind == "unknown")))
    return ClockReport(clocks, tuple(findings), "content", {name: round(ms, 3) for name, ms in sigma_ms.items()})


def _rms_sigma_ns(clock: ClockModel, device_ns: Times) -> float:
    """Standard deviation of a camera's rig time, over all its frames: of offset, rate and jumps together."""
    begins = [piece.from_position for piece in clock.pieces]
    sigma_ns = [
        piece.sigma_ns(device_ns[begin:end])
        for piece, begin, end in zip(clock.pieces, begins, [*begins[1:], len(device_ns)], strict=True)
    ]
    return float(np.sqrt(np.mean(np.concatenate(sigma_ns) ** 2)))


def _sure(fit: ContentFit, sigma_ms: Mapping[str, float]) -> bool:
    """Whether a fit to content may be used: its own sigma, and rates that a clock can have."""
    return max(sigma_ms.values()) < 1e3 * LEAST_SURE_S and bool(np.ptp(fit.drift_ppm) < 2 * MOST_DRIFT_PPM)


def _both(
    report: ClockReport, stamps: Mapping[str, tuple[Times, Times]], energies: Mapping[str, MotionEnergy]
) -> ClockReport:
    shifted = shift_clocks(report.clocks, stamps, energies)
    if shifted is None:
        done = "the clocks are those of the host stamps; that all frames need as long to the host is assumed"
        return replace(report, findings=(*report.findings, ClockFinding("", "unknown", -1, 0, 0, 0, done)))
    clocks, sigma_s = shifted
    sigma_ms = {name: round(1e3 * sigma_s[name], 3) if name in sigma_s else None for name in clocks}
    return ClockReport(clocks, report.findings, "both", sigma_ms)


def write_clocks(recording: StoredRecording, clocks: Mapping[str, ClockModel]) -> None:
    """Write clocks.json of a recording, in one step; who has it open must open it again."""
    write_top_files(recording.path, {"clocks.json": clocks_to_json(clocks)})
