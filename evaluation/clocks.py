"""How right the clocks are: offset, drift, and the skew that is left between cameras.

Zero of the rig clock is free, as the world is, so the median over the cameras of what the twin's clocks say against the
true ones is taken out first; a single wrong camera then bears its own error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..capture.clock import ClockModel, ClockPiece


@dataclass(frozen=True, slots=True)
class ClockError:
    """One camera, against the median of all: mean offset over the recording, ms, and drift, parts per million."""

    offset_ms: float
    drift_ppm: float


@dataclass(frozen=True, slots=True)
class ClockScores:
    """The clocks against truth.

    Args:
        cameras: per camera that both know.
        offset_ms, drift_ppm: mean over cameras of the absolute errors.
        pair_skew_p95_ms: 95th percentile, over all pairs of cameras and all instants, of the time between two frames
            that were truly exposed together, as the twin's clocks tell it; None with one camera.
        common_offset_ms: what was taken out; no error, but people and tools are compared at true instants.
        num_missing: true cameras whose clock the twin does not know.
    """

    cameras: dict[str, ClockError]
    offset_ms: float
    drift_ppm: float
    pair_skew_p95_ms: float | None
    common_offset_ms: float
    num_missing: int


def score_clocks(
    clocks: Mapping[str, ClockModel], true_clocks: Mapping[str, ClockModel], times_ns: np.ndarray
) -> ClockScores | None:
    """Score clocks at the instants (t,) int64 rig time; None where no camera is known to both.

    A clock that was set back tells some times twice. At these an instant says nothing about a clock, and is left out.
    """
    names = [name for name in true_clocks if name in clocks]
    if not names or not len(times_ns):
        return None
    true_ns = {n: device_ns(true_clocks[n], times_ns) for n in names}
    known = np.logical_and.reduce([_once(true_clocks[n], true_ns[n]) for n in names])
    if not known.any():
        return None
    error_ms = np.stack([clocks[n].rig_ns(true_ns[n])[known] - times_ns[known] for n in names]) * 1e-6
    drift_ppm = np.array([_drift_ppm(clocks[n], true_ns[n]) - _drift_ppm(true_clocks[n], true_ns[n]) for n in names])
    common_ms = float(np.median(error_ms.mean(axis=1)))
    offset_ms, drift_ppm = error_ms.mean(axis=1) - common_ms, drift_ppm - np.median(drift_ppm)
    skews = [np.abs(error_ms[i] - error_ms[k]) for i, k in combinations(range(len(names)), 2)]
    return ClockScores(
        {n: ClockError(float(o), float(d)) for n, o, d in zip(names, offset_ms, drift_ppm, strict=True)},
        float(np.abs(offset_ms).mean()), float(np.abs(drift_ppm).mean()),
        float(np.percentile(np.concatenate(skews), 95)) if skews else None,
        common_ms, len(true_clocks) - len(names),
    )  # fmt: skip


def device_ns(clock: ClockModel, rig_ns: np.ndarray) -> np.ndarray:
    """(t,) int64 the device times at which a clock reads these rig times, to the nanosecond."""
    found_ns = _inverse(clock, rig_ns)
    for number, piece in enumerate(clock.pieces):
        begin_ns = piece.rig_ns(np.array([piece.from_device_ns]))[0]
        here = slice(None) if number == 0 else rig_ns >= begin_ns
        found_ns[here] = _inverse(piece, rig_ns[here])
    return found_ns


def _inverse(line: ClockModel | ClockPiece, rig_ns: np.ndarray) -> np.ndarray:
    since_ns = rig_ns - line.offset_ns - line.reference_ns
    rate = line.drift_ppm * 1e-6
    return line.reference_ns + since_ns - np.rint(since_ns * (rate / (1 + rate))).astype(np.int64)


def _once(clock: ClockModel, at_ns: np.ndarray) -> np.ndarray:
    """(t,) bool, whether a clock tells these device times (t,), given in the order of time, only once."""
    if not clock.pieces:
        return np.ones(len(at_ns), dtype=bool)
    least_later = np.minimum.accumulate(at_ns[::-1])[::-1]
    return (at_ns <= least_later) & (at_ns >= np.maximum.accumulate(at_ns))


def _drift_ppm(clock: ClockModel, at_ns: np.ndarray) -> float:
    """The mean drift at device times (t,); as for rig times, the last piece that began by then holds."""
    drift_ppm = np.full(len(at_ns), clock.pieces[0].drift_ppm if clock.pieces else clock.drift_ppm)
    for piece in clock.pieces[1:]:
        drift_ppm[at_ns >= piece.from_device_ns] = piece.drift_ppm
    return float(drift_ppm.mean()) if clock.pieces else clock.drift_ppm
