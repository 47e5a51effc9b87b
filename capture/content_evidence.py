"""What moves before the cameras of a rig, held against clocks that are known from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from .arrays import Times
from .clock import ClockModel
from .clock_evidence import ClockEvidence
from .content_clock import fit_content, moves_alike, series_of
from .motion_energy import MotionEnergy, motion_energy
from .surface_clock import fit_surfaces
from .surface_delay import DepthView
from .surface_sync import Watch, watch_of

if TYPE_CHECKING:
    from .storage import StoredRecording

Stamps = Mapping[str, tuple[Times, Times]]


def energies_of(
    recording: StoredRecording, progress: Callable[[str, float], None] = lambda _s, _p: None
) -> dict[str, MotionEnergy]:
    """What moves before every camera that has frames."""
    found = {}
    for name in recording.cameras:
        if len(recording.device_ns(name)):
            found[name] = motion_energy(recording, name, lambda share, n=name: progress(f"watching {n}", share))
    return found


def content_against(
    recording: StoredRecording, clocks: Mapping[str, ClockModel], stamps: Stamps, base_ns: int,
    progress: Callable[[str, float], None] = lambda _step, _share: None,
) -> ClockEvidence | None:  # fmt: skip
    """What content says of clocks: by surfaces where a rig is known and they link all cameras, else by how much moves.

    Both tell of the same people, so that only one of them is evidence.

    Args:
        recording: with depth, or pictures.
        clocks: of its cameras.
        stamps: by camera, (t,) device and host stamps in stored order; those of the host are not looked at.
        base_ns: rig time from which seconds are counted.
        progress: told the step and the share of it that is done.
    """
    watch = watch_of(recording, lambda share: progress("comparing surfaces", share))
    surfaces = None if watch is None else told_by_surfaces(watch, clocks, stamps, base_ns)
    if surfaces is not None and len(surfaces.camera_ids) == len(clocks):
        return surfaces
    energies = energies_of(recording, progress)
    progress("comparing what moves", 0.0)
    moves = told_by_energies(clocks, stamps, energies, base_ns)
    if surfaces is None or (moves is not None and len(moves.camera_ids) > len(surfaces.camera_ids)):
        return moves
    return surfaces


def told_by_surfaces(
    watch: Watch, clocks: Mapping[str, ClockModel], stamps: Stamps, base_ns: int
) -> ClockEvidence | None:
    """By how much surfaces that two cameras see move have the clocks late; None where they link none."""
    views = {}
    for name in watch.cameras:
        if name in clocks:
            kept = np.flatnonzero(~clocks[name].excluded_mask(len(stamps[name][0])))
            time_s = (clocks[name].frames_ns(stamps[name][0])[kept] - base_ns) * 1e-9
            views[name] = DepthView(watch.cameras[name], time_s, watch.reader(name, kept))
    fit = fit_surfaces(views, {}, watch.progress) if len(views) > 1 else None
    if fit is None:
        return None
    count = len(fit.names)
    return ClockEvidence(
        "content", fit.names, np.full(count, fit.middle_s), fit.late_s, fit.rate_ppm,
        fit.covariance[: 2 * count, : 2 * count],
    )  # fmt: skip


def told_by_energies(
    clocks: Mapping[str, ClockModel], stamps: Stamps, energies: Mapping[str, MotionEnergy], base_ns: int
) -> ClockEvidence | None:
    """By how much the share of pixels that move has the clocks late: one number a camera; None where it links none."""
    series = {}
    for name, clock in clocks.items():
        energy, device_ns = energies[name], stamps[name][0]
        good = ~clock.excluded_mask(len(device_ns))[energy.positions]
        time_s = (clock.frames_ns(device_ns)[energy.positions[good]] - base_ns) * 1e-9
        steps_ns = np.diff(device_ns)
        interval_s = float(np.median(steps_ns[steps_ns > 0])) * 1e-9
        found = series_of(time_s, energy.moved[good], interval_s)
        if found is not None:
            series[name] = found
    names = [n for n in series if any(moves_alike(series[n], series[o], 0.0) for o in series if o != n)]
    if len(names) < 2:
        return None
    fit = fit_content({n: series[n] for n in names}, dict.fromkeys(names, 0.0), drift=False)
    count = len(names)
    return ClockEvidence(
        "content", fit.names, fit.reference_s, fit.offset_s, None, fit.covariance[:count, :count]
    )  # fmt: skip
