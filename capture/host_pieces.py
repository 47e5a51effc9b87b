"""A clock in pieces from host stamps: where the device's clock jumped or started anew, and its line between jumps."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .arrays import Times
from .clock import ClockModel, ClockPiece
from .clock_faults import ClockFinding, ScreenedStamps, screen_stamps, silences
from .envelope import fit_envelope
from .host_clock import MOST_DRIFT_PPM

WINDOW = 20
LEAST_JUMP_NS = 10_000_000.0
JUMP_WAITS = 6.0
OWN_RATE_S = 60.0
SIGMA_WAITS = 3.0
NO_TIME = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True, eq=False)
class CameraClockFit:
    """The clock of a camera as its stamps tell it, and what was wrong with them; None where they tell nothing."""

    clock: ClockModel | None
    findings: tuple[ClockFinding, ...]


def pieces_from_host(camera_id: str, device_ns: Times, host_ns: Times) -> CameraClockFit:
    """The clock of a camera against the host's, up to the least time a frame needs to the host.

    That least time cannot be seen in stamps. Where it differs between cameras, so will their clocks.

    Args:
        camera_id: whose.
        device_ns: (t,) int64 stamps of the camera in stored order.
        host_ns: (t,) int64 stamps of the host, NO_TIME where it gave none.
    """
    screened = screen_stamps(camera_id, device_ns)
    known = screened.kept[host_ns[screened.kept] != NO_TIME]
    if len(known) < 2:
        return CameraClockFit(None, screened.findings)
    late = host_ns[known] - device_ns[known]
    base = int(late[0])
    jumps = _jumps(device_ns[known], host_ns[known], (late - base).astype(np.float64), known, screened)
    bounds = [0, *[int(np.searchsorted(known, position)) for position in jumps], len(known)]
    stretches = [known[a:b] for a, b in pairwise(bounds) if b > a]
    clock = _chain(device_ns, host_ns, stretches)
    clock = ClockModel(
        clock.offset_ns, clock.drift_ppm, clock.reference_ns, clock.residual_ns, clock.pieces,
        tuple(finding.position for finding in screened.findings),
    )  # fmt: skip
    found = [*screened.findings, *_named(camera_id, device_ns, clock, jumps, screened)]
    found += silences(camera_id, device_ns, screened.kept, set(jumps), screened.interval_ns)
    return CameraClockFit(clock, tuple(found))


def _jumps(
    device_ns: Times, host_ns: Times, late_ns: np.ndarray, positions: np.ndarray, screened: ScreenedStamps
) -> list[int]:
    """Frame positions from which on the device's clock is another: its step was odd, and the least delay changed."""
    steps, interval_ns = np.diff(device_ns).astype(np.float64), screened.interval_ns
    odd = np.flatnonzero((steps < 0.5 * interval_ns) | (steps > 1.5 * interval_ns)) + 1
    wait_ns = np.median(late_ns[: len(late_ns) // WINDOW * WINDOW].reshape(-1, WINDOW) - np.min(
        late_ns[: len(late_ns) // WINDOW * WINDOW].reshape(-1, WINDOW), axis=1, keepdims=True
    )) if len(late_ns) >= WINDOW else 0.0  # fmt: skip
    least_ns = max(LEAST_JUMP_NS, JUMP_WAITS * float(wait_ns))
    found: list[int] = []
    since = 0
    for k in odd.tolist():
        restarts = int(positions[k]) in screened.restarts
        before_ns, after_ns = late_ns[max(k - WINDOW, since) : k], late_ns[k : k + WINDOW]
        here_ns = float(late_ns[k] - late_ns[k - 1])
        change_ns = float(after_ns.min() - before_ns.min()) if len(before_ns) else here_ns
        enough_ns = least_ns * WINDOW / max(min(len(before_ns), len(after_ns)), 1)
        sudden = abs(here_ns - change_ns) < max(enough_ns, 0.3 * abs(change_ns))
        # While the host is busy frames wait and hide a part of a fall; the step of the device still holds all of it.
        sudden |= here_ns < -enough_ns and 0 < -change_ns < steps[k - 1] - 0.3 * interval_ns
        certain = restarts or steps[k - 1] < 0.5 * interval_ns
        if abs(change_ns) > enough_ns and sudden and (certain or not _waited(late_ns, since, k, change_ns, least_ns)):
            found.append(int(positions[k]))
            since = k
    return found


def _waited(late_ns: np.ndarray, since: int, k: int, change_ns: float, least_ns: float) -> bool:
    """Whether frames only waited: delays that rose come back later, or those that fell had been as low before."""
    if change_ns > 0:
        level_ns, others = late_ns[max(k - WINDOW, since) : k].min(), late_ns[k + WINDOW :]
    else:
        level_ns, others = late_ns[k : k + WINDOW].min(), late_ns[since : max(k - WINDOW, since)]
    return bool((np.abs(others - level_ns) < least_ns).sum() > WINDOW)


def _chain(device_ns: Times, host_ns: Times, stretches: list[np.ndarray]) -> ClockModel:
    """One clock from the stretches between its jumps; short stretches take the rate of the longest."""
    spans = [int(device_ns[s[-1]] - device_ns[s[0]]) for s in stretches]
    order = np.argsort([-span for span in spans], kind="stable").tolist()
    pieces: dict[int, list[ClockPiece]] = {}
    usual = 0.0
    wait_ns = 0.0
    for number in order:
        stretch = stretches[number]
        rate = None if number == order[0] or spans[number] > OWN_RATE_S * 1e9 else usual
        pieces[number], wait_ns_here = _stretch(device_ns[stretch], host_ns[stretch], stretch, rate)
        if number == order[0]:
            usual, wait_ns = pieces[number][-1].drift_ppm, wait_ns_here
    chain = [piece for number in sorted(pieces) for piece in pieces[number]]
    longest = pieces[order[0]][0]
    residual_ns = round(wait_ns)
    return ClockModel(
        longest.offset_ns, longest.drift_ppm, longest.reference_ns, residual_ns, tuple(chain) if len(chain) > 1 else ()
    )


def _stretch(
    device_ns: Times, host_ns: Times, positions: np.ndarray, rate_ppm: float | None
) -> tuple[list[ClockPiece], float]:
    reference_ns, base_ns = int(device_ns[0]), int(host_ns[0] - device_ns[0])
    at_s, late_ns = (device_ns - reference_ns) * 1e-9, (host_ns - device_ns - base_ns).astype(np.float64)
    if rate_ppm is None and at_s[-1] < 10.0:
        rate_ppm = 0.0
    if rate_ppm is not None or len(at_s) < 2:
        rate_ppm = rate_ppm or 0.0
        flat_ns = late_ns - rate_ppm * 1e3 * at_s
        wait_ns = float(np.median(flat_ns - flat_ns.min()))
        offset_ns = base_ns + round(float(flat_ns.min()))
        sigma_ns = SIGMA_WAITS * wait_ns / len(at_s)
        return [ClockPiece(int(positions[0]), reference_ns, offset_ns, rate_ppm, reference_ns, sigma_ns)], wait_ns
    fit = fit_envelope(at_s, late_ns)
    found = []
    for number in range(len(fit.at_s) - 1):
        begin_s, end_s = float(fit.at_s[number]), float(fit.at_s[number + 1])
        height_ns = float(fit.late_ns[number])
        drift_ppm = (float(fit.late_ns[number + 1]) - height_ns) / (end_s - begin_s) * 1e-3
        drift_ppm = float(np.clip(drift_ppm, -MOST_DRIFT_PPM, MOST_DRIFT_PPM))
        first = int(np.searchsorted(at_s, begin_s))
        sigma_ns = SIGMA_WAITS * fit.wait_ns / (len(at_s) / (len(fit.at_s) - 1))
        middle_ns = reference_ns + round((begin_s + end_s) / 2 * 1e9)
        middle_late_ns = height_ns + drift_ppm * 1e3 * (end_s - begin_s) / 2
        found.append(
            ClockPiece(
                int(positions[first]), int(device_ns[first]), base_ns + round(middle_late_ns), drift_ppm, middle_ns,
                sigma_ns, 2e-3 * sigma_ns / (end_s - begin_s),
            )
        )  # fmt: skip
    return found, fit.wait_ns


def _named(
    camera_id: str, device_ns: Times, clock: ClockModel, jumps: list[int], screened: ScreenedStamps
) -> list[ClockFinding]:
    found = []
    for position in jumps:
        before, after = clock.piece_of(position - 1), clock.piece_of(position)
        if before is None or after is None:
            continue
        here = device_ns[position : position + 1]
        size_ns = int(before.rig_ns(here)[0] - after.rig_ns(here)[0])
        kind = "restart" if position in screened.restarts and abs(size_ns) > 10_000_000_000 else "jump"
        previous = int(screened.kept[np.searchsorted(screened.kept, position) - 1])
        at_ns = int(device_ns[previous])
        found.append(ClockFinding(camera_id, kind, position, at_ns, size_ns, 1, "the clock has a new piece from here"))
    return found
