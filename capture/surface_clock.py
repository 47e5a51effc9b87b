"""Offsets, rates and jumps of all clocks together, from moving surfaces and from the beats of the cameras."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from .beat import Beat, beat_at
from .surface_delay import COARSE, FINE, DepthView, SurfaceDelays, surface_delays
from .surface_model import SYSTEMATIC_S, SurfaceFit, SurfaceModel

#: Surfaces are compared again, at most so often, until no clock moves by more.
MOST_PASSES, SETTLED_S = 5, 0.0003
#: Content tells the steps of a beat apart when so many deviations are less than half a step.
SURE_SIGMAS = 3.0
#: Share of the usual time between two frames that at least lies between any two; delays are searched on a coarse grid.
LEAST_STEP = 0.5


def fit_surfaces(
    views: Mapping[str, DepthView],
    silences_s: Mapping[str, Mapping[float, bool]],
    progress: Callable[[float], None] = lambda _share: None,
) -> SurfaceFit | None:
    """The clocks that surfaces tell; None where they link no two cameras.

    Surfaces are compared at delays on a grid, and then again, more closely, about the delays that were found, until
    these stay: between the places of a grid the score bends, and near the truth points that move slowly have a say.

    Args:
        views: what the cameras saw.
        silences_s: by camera, common times at which its clock may have jumped, and whether the camera ran on the while.
        progress: told the share that is done.
    """
    model = SurfaceModel.of(surface_delays(views, COARSE, lambda share: progress(share / (1 + MOST_PASSES))))
    linked = model.put_together()
    if len(linked) < 2:
        return None
    if len(linked) < len(model.names):
        profiles = {pair: of for pair, of in model.delays.profiles.items() if set(pair) <= set(linked)}
        model = SurfaceModel.of(replace(model.delays, profiles=profiles))
        model.put_together()
    model.find_offsets()
    earliest_s = {name: {at_s: _earliest_s(views[name].time_s, at_s) for at_s in of} for name, of in silences_s.items()}
    while model.find_jump(earliest_s):
        model.find_offsets()
    model.find_rates()
    fit = model.refined()
    return None if fit is None else _settled(fit, views, _beats(fit, views, silences_s), progress)


def _earliest_s(time_s: np.ndarray, at_s: float) -> float:
    """How much earlier frames may be from a break on, below 0: exposures do not overlap.

    Args:
        time_s: (k,) increasing times of a camera's frames, as they were thought.
        at_s: a time within the break.
    """
    after = int(np.clip(np.searchsorted(time_s, at_s), 1, len(time_s) - 1))
    return LEAST_STEP * float(np.median(np.diff(time_s))) - float(time_s[after] - time_s[after - 1])


def _settled(
    fit: SurfaceFit,
    views: Mapping[str, DepthView],
    beats: Mapping[tuple[str, float], Beat],
    progress: Callable[[float], None],
) -> SurfaceFit | None:
    """A fit from surfaces compared closely, again and again, until no frame moves; None where that tells too little."""
    for done in range(1, 1 + MOST_PASSES):
        there = {name: replace(views[name], time_s=fit.time_s(name, views[name].time_s)) for name in fit.names}
        closer = _sharpened(fit, surface_delays(there, FINE, partial(_tell, progress, done)), beats)
        if closer is None:
            return None
        fit = closer
        moved_s = max(np.abs(fit.time_s(n, views[n].time_s) - view.time_s).max() for n, view in there.items())
        if moved_s < SETTLED_S:
            break
    return fit


def _tell(progress: Callable[[float], None], done: int, share: float) -> None:
    progress((done + share) / (1 + MOST_PASSES))


def _beats(
    fit: SurfaceFit, views: Mapping[str, DepthView], silences_s: Mapping[str, Mapping[float, bool]]
) -> dict[tuple[str, float], Beat]:
    """By camera and time, the beat that tells a jump, where the camera ran on and content can tell the steps apart."""
    found, first = {}, 2 * len(fit.names)
    for number, (name, at_s, size_s) in enumerate(fit.jumps):
        beat = beat_at(views[name].time_s, at_s) if silences_s[name][at_s] else None
        doubt_s = SURE_SIGMAS * float(np.sqrt(fit.covariance[first + number, first + number] + 2 * SYSTEMATIC_S**2))
        if beat is not None and abs(beat.nearest_s(size_s) - size_s) < doubt_s < beat.step_s / 2:
            found[name, at_s] = beat
    return found


def _sharpened(fit: SurfaceFit, delays: SurfaceDelays, beats: Mapping[tuple[str, float], Beat]) -> SurfaceFit | None:
    """A fit set right by what still is off, as `delays` of views whose times follow it tell, and by beats."""
    model = SurfaceModel.of(delays)
    for name, at_s, _ in fit.jumps:
        model.jumps.append((model.names.index(name), float(fit.time_s(name, np.array([at_s]))[0])))
    model.values = np.zeros(2 * len(model.names) + len(model.jumps))
    for number, (name, at_s, size_s) in enumerate(fit.jumps):
        if (name, at_s) in beats:
            beat = beats[name, at_s]
            model.known.append((2 * len(model.names) + number, beat.nearest_s(size_s) - size_s, beat.sigma_s))
    more = model.refined()
    if more is None:
        return None
    late_s = fit.late_s + more.late_s + more.rate_ppm * 1e-6 * (fit.middle_s - more.middle_s)
    jumps = tuple((n, at_s, size + off) for (n, at_s, size), (*_, off) in zip(fit.jumps, more.jumps, strict=True))
    return replace(fit, late_s=late_s, rate_ppm=fit.rate_ppm + more.rate_ppm, jumps=jumps, covariance=more.covariance)
