"""The clocks of a recording's cameras, from host stamps, from what the cameras see, or from both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .arrays import Times
from .clock import ClockModel
from .clock_faults import ClockFinding, screen_stamps, silences
from .clock_file import clock_to_json, clocks_to_json
from .clock_source import ClockSource
from .content_clock import ContentFit
from .content_sync import content_clocks, energies_of, shift_clocks, unlinked_error
from .errors import InputError
from .host_clock import MOST_DRIFT_PPM, SAME_CLOCK_NS
from .host_pieces import CameraClockFit, pieces_from_host
from .host_steps import host_steps, without_host_steps
from .motion_energy import MotionEnergy
from .segments import write_top_files
from .storage import NO_TIME, StoredRecording

LEAST_SURE_S = 0.03


@dataclass(frozen=True, slots=True, eq=False)
class ClockReport:
    """The clocks that were found, and what was wrong.

    Args:
        clocks: by camera; a camera of which nothing is known has none.
        findings: in the order of cameras and frames.
        source: what they come from, "host", "content", "both", or "stamps" where one clock stamps all cameras.
        sigma_ms: by camera, standard deviation of its rig time against the other cameras'; None where unknown.
    """

    clocks: Mapping[str, ClockModel]
    findings: tuple[ClockFinding, ...]
    source: str
    sigma_ms: Mapping[str, float | None]

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "source": self.source,
            "clocks": {name: clock_to_json(clock) for name, clock in self.clocks.items()},
            "sigma_ms": dict(self.sigma_ms),
            "findings": [
                {name: getattr(finding, name) for name in ClockFinding.__dataclass_fields__}
                for finding in self.findings
            ],
        }


def host_report(stamps: Mapping[str, tuple[Times, Times]]) -> ClockReport:
    """Clocks from the stamps of the host.

    Where one clock stamps all cameras already (they are triggered together), it is kept, and only false stamps are
    left out. The least time that a frame needs to the host cannot be seen; that it is alike for all cameras is assumed.

    Args:
        stamps: by camera, (t,) device and (t,) host stamps in stored order, NO_TIME where the host gave none.
    """
    findings = list(host_steps(stamps))
    straight = without_host_steps(stamps, findings)
    fits = {name: pieces_from_host(name, *pair) for name, pair in straight.items()}
    clocks = {name: fit.clock for name, fit in fits.items() if fit.clock is not None}
    if len(clocks) < len(stamps) or _one_clock(straight, clocks):
        return _stamps_only(stamps, fits, findings)
    findings += [finding for fit in fits.values() for finding in fit.findings]
    return ClockReport(clocks, tuple(findings), "host", dict.fromkeys(clocks, None))


def _one_clock(stamps: Mapping[str, tuple[Times, Times]], clocks: Mapping[str, ClockModel]) -> bool:
    """Whether the host is as far ahead of all cameras; then their stamps are of one clock already."""
    if len(clocks) < 2 or any(clock.pieces for clock in clocks.values()):
        return False
    apart_ns = [int(clock.rig_ns(stamps[name][0][:1])[0] - stamps[name][0][0]) for name, clock in clocks.items()]
    return max(apart_ns) - min(apart_ns) <= SAME_CLOCK_NS


def _stamps_only(
    stamps: Mapping[str, tuple[Times, Times]], fits: Mapping[str, CameraClockFit], findings: list[ClockFinding]
) -> ClockReport:
    clocks = {}
    for name, (device_ns, host_ns) in stamps.items():
        screened = screen_stamps(name, device_ns)
        clocks[name] = ClockModel(excluded=tuple(finding.position for finding in screened.findings))
        if fits[name].clock is not None:
            findings += fits[name].findings
            continue
        findings += screened.findings
        findings += silences(name, device_ns, screened.kept, set(screened.restarts), screened.interval_ns)
        if screened.restarts or not (host_ns != NO_TIME).any():
            findings += [
                ClockFinding(name, "unknown", position, int(device_ns[position - 1]), 0, 1,
                             "nothing: without host stamps nobody knows how long the camera was away")
                for position in screened.restarts
            ]  # fmt: skip
    return ClockReport(clocks, tuple(findings), "stamps", dict.fromkeys(clocks, None))


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
    clocks, findings, fit = content_clocks(stamps, energies)
    if fit is None or not _sure(fit):
        if source == ClockSource.CONTENT:
            raise unlinked_error(str(recording.path))
        return replace(report, findings=(*report.findings, *(f for f in findings if f.kind == "unknown")))
    return ClockReport(clocks, tuple(findings), "content", {
        name: round(1e3 * float(np.sqrt(fit.covariance[k, k])), 3) for k, name in enumerate(fit.names)
    })  # fmt: skip


def _sure(fit: ContentFit) -> bool:
    """Whether a fit to content may be used: its own sigma, and rates that a clock can have."""
    sigma_s = np.sqrt(np.diag(fit.covariance)[: len(fit.names)])
    return bool(sigma_s.max() < LEAST_SURE_S and np.ptp(fit.drift_ppm) < 2 * MOST_DRIFT_PPM)


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
