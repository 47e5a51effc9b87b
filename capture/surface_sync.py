"""The clocks of cameras that stand in one known room, from the surfaces that they see move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .camera import Camera
from .content_clock import ContentFit
from .own_time import OwnTime
from .surface_clock import fit_surfaces
from .surface_delay import DepthReader, DepthView, depth_reader
from .surface_model import SurfaceFit

if TYPE_CHECKING:
    from .storage import StoredRecording


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """How to look at depth again.

    Args:
        cameras: where they stand; those without a depth lens are left out.
        reader: gives the reader of a camera's frames at some positions.
        progress: told the share that is done.
    """

    cameras: Mapping[str, Camera]
    reader: Callable[[str, np.ndarray], DepthReader]
    progress: Callable[[float], None] = lambda _share: None


def watch_of(recording: StoredRecording, progress: Callable[[float], None] = lambda _share: None) -> Watch | None:
    """How to look at the depth of a recording; None where nobody knows where its cameras stand all the time."""
    if not recording.has_rig or recording.rig.moves:
        return None
    cameras = {
        name: camera
        for name, camera in recording.rig.cameras.items()
        if camera.depth is not None and recording.has_stream(name, "depth")
    }
    if len(cameras) < 2:
        return None
    return Watch(cameras, lambda name, positions: depth_reader(recording, cameras[name], positions), progress)


def clocks_from_surfaces(
    own: Mapping[str, OwnTime], start_s: Mapping[str, float], watch: Watch
) -> tuple[ContentFit, dict[str, OwnTime]] | None:
    """The fit of the clocks, and the own times with their jumps; None where surfaces link none.

    Args:
        own: the own time of every camera, no jump taken out.
        start_s: by camera, common minus own time, which may be false; right is within a second but for rate and jumps.
        watch: the depth of the cameras.
    """
    start_s = {name: shift_s for name, shift_s in start_s.items() if name in watch.cameras}
    if len(start_s) < 2:
        return None
    views = {
        name: DepthView(watch.cameras[name], own[name].seconds + shift_s, watch.reader(name, own[name].screened.kept))
        for name, shift_s in start_s.items()
    }
    silences = {name: {at_s + start_s[name]: position for position, at_s in own[name].silences} for name in start_s}
    ran_on = {
        name: {at_s: position not in own[name].screened.restarts for at_s, position in of.items()}
        for name, of in silences.items()
    }
    fit = fit_surfaces(views, ran_on, watch.progress)
    if fit is None:
        return None
    count, sigma = len(fit.names), np.sqrt(np.diag(fit.covariance))
    found = {name: [] for name in fit.names}
    for number, (name, at_s, later_s) in enumerate(fit.jumps):
        found[name].append((silences[name][at_s], later_s, float(sigma[2 * count + number])))
    jumps = {name: sorted(of) for name, of in found.items()}
    taken = {
        name: replace(own[name], jumps=tuple(_jump(own[name], p, s) for p, s, _ in of)) for name, of in jumps.items()
    }
    return _content_fit(fit, start_s, {name: tuple(s for *_, s in of) for name, of in jumps.items()}), {**own, **taken}


def _jump(own: OwnTime, position: int, later_s: float) -> tuple[int, float]:
    """By how much the own time ran ahead at a jump; where it ran backward, one frame was taken to have passed."""
    kept = own.screened.kept
    step_ns = float(own.device_ns[position] - own.device_ns[kept[np.searchsorted(kept, position) - 1]])
    passed_s = (step_ns - own.screened.interval_ns) * 1e-9 if step_ns < 0 else 0.0
    return position, passed_s - later_s


def _content_fit(
    fit: SurfaceFit, start_s: Mapping[str, float], jump_sigma_s: Mapping[str, tuple[float, ...]]
) -> ContentFit:
    count, start = len(fit.names), np.array([start_s[name] for name in fit.names])
    return ContentFit(
        fit.names, start + fit.late_s, fit.rate_ppm, fit.middle_s - start, fit.covariance[: 2 * count, : 2 * count], {},
        {name: (0.0,) * len(of) for name, of in jump_sigma_s.items()}, jump_sigma_s,
    )  # fmt: skip
