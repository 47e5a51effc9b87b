"""Clocks of a recording from its content alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

import numpy as np

from .arrays import Times
from .clock import ClockModel, ClockPiece
from .clock_faults import GAP_STEPS, ClockFinding, screen_stamps, silences
from .content_clock import ContentFit, Series, coarse_lag, fit_content, moves_alike, series_of
from .content_jumps import jump_at
from .errors import InputError
from .motion_energy import MotionEnergy
from .own_time import OwnTime
from .surface_sync import Watch, clocks_from_surfaces

MOST_LAG_S = 600.0
SHORTEST_S = 20.0
Stamps = Mapping[str, tuple[Times, Times]]


def content_clocks(
    stamps: Stamps, energies: Mapping[str, MotionEnergy], watch: Watch | None = None
) -> tuple[dict[str, ClockModel], list[ClockFinding], ContentFit | None]:
    """Clocks from the device's stamps and what the cameras saw.

    Args:
        stamps: by camera, (t,) device and host stamps in stored order; those of the host are not looked at.
        energies: by camera.
        watch: lets surfaces be compared where it is known where the cameras stand; far surer than how much moves.

    Returns:
        The clocks of the cameras that could be linked, what was found, and the fit; None where nothing links them.
    """
    own = {name: OwnTime(screen_stamps(name, device_ns), device_ns) for name, (device_ns, _) in stamps.items()}
    series = _series(own, energies)
    start_s = _linked(series)
    findings: list[ClockFinding] = []
    surfaces = None if watch is None else clocks_from_surfaces(own, _linked(series, sure=False), watch)
    if surfaces is not None and len(surfaces[0].names) < len(start_s):
        surfaces = None
    if len(start_s) > 1 and surfaces is None:
        series = {name: series[name] for name in start_s}
        for name in series:
            own[name] = _with_jumps(name, own[name], series, start_s)
        series = {n: s for n, s in _series(own, energies).items() if n in start_s}
        start_s = _linked(series)
        series = {n: s for n, s in series.items() if n in start_s}
    fit = None
    if surfaces is not None:
        fit, own = surfaces
    for _ in range(2 if len(start_s) > 1 and surfaces is None else 0):
        fit = fit_content(series, start_s, {n: _jump_times(own[n]) for n in series})
        own = {**own, **{n: _refined(own[n], fit.jump_s[n]) for n in fit.names}}
        series = {n: s for n, s in _series(own, energies).items() if n in fit.names}
        start_s = dict(zip(fit.names, fit.offset_s.tolist(), strict=True))
    clocks = {} if fit is None else _clocks(own, fit)
    for name, camera in own.items():
        findings += _findings(name, camera, known=name in clocks)
    return clocks, findings, fit


def unlinked_error(where: str) -> InputError:
    """That the content of a recording does not tell its clocks."""
    return InputError(
        "what the cameras see does not tell how their clocks stand to each other", where=where,
        why="nothing moves before two cameras at once, for long enough, or they look at different scenes",
        todo="record host stamps, or let somebody walk through the room for a minute before all cameras",
    )  # fmt: skip


def _series(own: Mapping[str, OwnTime], energies: Mapping[str, MotionEnergy]) -> dict[str, Series]:
    found = {}
    for name, camera in own.items():
        seen = np.isin(camera.screened.kept, energies[name].positions)
        rows = np.searchsorted(energies[name].positions, camera.screened.kept[seen])
        series = series_of(camera.seconds[seen], energies[name].moved[rows], camera.screened.interval_ns * 1e-9)
        if series is not None:
            found[name] = series
    return found


def _linked(series: Mapping[str, Series], *, sure: bool = True) -> dict[str, float]:
    """Common minus own time, s, of the largest group of cameras that see the same move; along the best links.

    Links that are not sure are guesses, for whoever can tell that they are false.
    """
    links = []
    for one, two in combinations(series, 2):
        lag_s, score = coarse_lag(series[one], series[two], MOST_LAG_S, SHORTEST_S)
        if score > 0 and (not sure or moves_alike(series[one], series[two], lag_s)):
            links.append((score, one, two, lag_s))
    groups = {name: {name: 0.0} for name in series}
    for _, one, two, lag_s in sorted(links, reverse=True):
        first, second = groups[one], groups[two]
        if first is second:
            continue
        shift_s = first[one] - lag_s - second[two]
        first.update({name: start_s + shift_s for name, start_s in second.items()})
        groups.update(dict.fromkeys(second, first))
    largest = max(groups.values(), key=len, default={})
    return {name: largest[name] for name in series if name in largest}


def _with_jumps(
    name: str, camera: OwnTime, series: Mapping[str, Series], start_s: Mapping[str, float]
) -> OwnTime:  # fmt: skip
    kept, interval_ns = camera.screened.kept, camera.screened.interval_ns
    steps, seconds = np.diff(camera.device_ns[kept]), camera.seconds
    found = []
    for k in np.flatnonzero((steps > GAP_STEPS * interval_ns) | (steps < 0)).tolist():
        step_s = min(float(steps[k]) * 1e-9, 5.0)
        most_s = step_s - 0.5e-9 * interval_ns if step_s > 0 else 5.0
        bounds_s = -min(abs(step_s), 5.0) - 0.6, most_s
        jump = jump_at(name, float(seconds[k]), bounds_s, series, start_s, broken=step_s < 0)
        if jump is not None:
            size_s = jump[0] + ((steps[k] - interval_ns) * 1e-9 if steps[k] < 0 else 0.0)
            found.append((int(kept[k + 1]), size_s))
    return replace(camera, jumps=tuple(found))


def _jump_times(camera: OwnTime) -> list[float]:
    """Own time of the first frame after each jump, less a little, s."""
    before = [int(np.searchsorted(camera.screened.kept, position)) - 1 for position, _ in camera.jumps]
    return [float(camera.seconds[k : k + 2].mean()) for k in before]


def _refined(camera: OwnTime, more_s: tuple[float, ...]) -> OwnTime:
    """Jumps to a fraction of a frame: what the fit left at each is added to it."""
    kept, jumps = camera.screened.kept, []
    for (position, size_s), more in zip(camera.jumps, more_s, strict=True):
        k = int(np.searchsorted(kept, position))
        step_s = float(camera.device_ns[kept[k]] - camera.device_ns[kept[k - 1]]) * 1e-9
        jumps.append((position, min(size_s + more, step_s - 0.2e-9 * camera.screened.interval_ns)))
    return replace(camera, jumps=tuple(jumps))


def _clocks(own: Mapping[str, OwnTime], fit: ContentFit) -> dict[str, ClockModel]:
    zero_ns = int(own[fit.names[0]].device_ns[own[fit.names[0]].screened.kept[0]])
    count, clocks = len(fit.names), {}
    for number, name in enumerate(fit.names):
        camera = own[name]
        kept, seconds, ppm = camera.screened.kept, camera.seconds, float(fit.drift_ppm[number])
        sigma_s = float(np.sqrt(fit.covariance[number, number]))
        sigma_ppm = float(np.sqrt(fit.covariance[count + number, count + number]))
        cross = float(fit.covariance[number, count + number]) * 1e9
        begins = sorted({int(kept[0]), *[p for p, _ in camera.jumps], *camera.screened.restarts})
        pieces = []
        for position in begins:
            k = int(np.searchsorted(kept, position))
            stamp_ns = int(camera.device_ns[position])
            common_s = seconds[k] + fit.offset_s[number]
            common_s += ppm * 1e-6 * (seconds[k] - fit.reference_s[number])
            middle_ns = stamp_ns + round((fit.reference_s[number] - seconds[k]) * 1e9)
            offset_ns = zero_ns + round(float(common_s) * 1e9) - stamp_ns
            offset_ns += round(ppm * 1e-6 * (middle_ns - stamp_ns))
            sizes = zip(camera.jumps, fit.jump_sigma_s[name], strict=True)
            more = sum(sigma**2 for (at, _), sigma in sizes if at <= position)
            offset_sigma_ns = 1e9 * float(np.sqrt(sigma_s**2 + more))
            pieces.append(ClockPiece(position, stamp_ns, offset_ns, ppm, middle_ns, offset_sigma_ns, sigma_ppm, cross))
        head = pieces[0]
        clocks[name] = ClockModel(
            head.offset_ns, ppm, head.reference_ns, round(1e9 * sigma_s), tuple(pieces),
            tuple(finding.position for finding in camera.screened.findings),
        )  # fmt: skip
    return clocks


def _findings(name: str, camera: OwnTime, *, known: bool) -> list[ClockFinding]:
    kept = camera.screened.kept
    found = list(camera.screened.findings)
    for position, size_s in camera.jumps:
        before = int(camera.device_ns[kept[np.searchsorted(kept, position) - 1]])
        done = "the clock has a new piece from here"
        found.append(ClockFinding(name, "jump", position, before, round(size_s * 1e9), 1, done))
    broken = {position for position, _ in camera.jumps}
    found += silences(name, camera.device_ns, kept, broken, camera.screened.interval_ns)
    for position in camera.screened.restarts:
        if position not in broken:
            before = int(camera.device_ns[kept[np.searchsorted(kept, position) - 1]])
            done = "nothing: the time it was away is unknown, later frames may be late"
            found.append(ClockFinding(name, "unknown", position, before, 0, 1, done))
    if not known:
        done = "nothing: what it sees does not tell its clock"
        found.append(ClockFinding(name, "unknown", -1, int(camera.device_ns[0]), 0, len(camera.device_ns), done))
    return found
