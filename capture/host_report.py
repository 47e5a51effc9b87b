"""The clocks of all cameras from their own stamps and the host's, and what was wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .arrays import Times
from .clock import ClockModel
from .clock_faults import ClockFinding, screen_stamps, silences
from .clock_file import clock_to_json
from .host_clock import SAME_CLOCK_NS
from .host_pieces import NO_TIME, CameraClockFit, pieces_from_host
from .host_steps import host_steps, without_host_steps

if TYPE_CHECKING:
    from .clock_join import JointClocks


@dataclass(frozen=True, slots=True, eq=False)
class ClockReport:
    """The clocks that were found, and what was wrong.

    Args:
        clocks: by camera; a camera of which nothing is known has none.
        findings: in the order of cameras and frames.
        source: what they come from, "host", "content", "board", "both" where several were joined, or "stamps" where one
            clock stamps all cameras.
        sigma_ms: by camera, standard deviation of its rig time against the other cameras'; None where unknown.
        joint: what was joined, and how well it agrees; None where there was one source.
    """

    clocks: Mapping[str, ClockModel]
    findings: tuple[ClockFinding, ...]
    source: str
    sigma_ms: Mapping[str, float | None]
    joint: JointClocks | None = None

    @property
    def unknown_delay(self) -> tuple[str, ...]:
        """Cameras laid on the others by host stamps alone, which do not show the constant part of the way to the host.

        By so much as it differs between cameras their clocks lie apart, and nothing in the stamps can say so.
        """
        if self.source not in ("host", "both") or len(self.clocks) < 2:
            return ()
        return tuple(name for name in self.clocks if self.sigma_ms.get(name) is None)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "source": self.source,
            "unknown_delay": list(self.unknown_delay),
            "clocks": {name: clock_to_json(clock) for name, clock in self.clocks.items()},
            "sigma_ms": dict(self.sigma_ms),
            "joint": None if self.joint is None else self.joint.to_json(),
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


def unsynced_clocks(stamps: Mapping[str, tuple[Times, Times]]) -> dict[str, ClockModel]:
    """The clocks of a recording that nobody synchronized: those that `ortwin sync` would write.

    A single camera has nobody to agree with and keeps its own time, unless that jumped.

    Args:
        stamps: as in `host_report`, of cameras with frames.
    """
    clocks = dict(host_report(stamps).clocks) if stamps else {}
    if len(stamps) == 1:
        alone = {name: ClockModel(excluded=clock.excluded) for name, clock in clocks.items() if not clock.pieces}
        return {**clocks, **alone}
    return clocks
