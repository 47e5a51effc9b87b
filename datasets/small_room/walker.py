"""Composing the motion of one simulated person: walks along rounded paths, and hands that reach and hold."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from .people import Motion

RATE_HZ = 50
STRIDE_M = 1.35
RAMP = 0.13


class Walker:
    """Fills the motion of one person on a fine grid of time, walk after walk.

    Args:
        seconds: how long the motion lasts.
        start_m: (2,) where he stands first.
        heading_rad: where he faces first.
    """

    def __init__(self, seconds: float, start_m: np.ndarray, heading_rad: float) -> None:
        num_samples = round(seconds * RATE_HZ) + 1
        self.grid_s = np.arange(num_samples) / RATE_HZ
        self.root_m = np.tile(np.asarray(start_m, dtype=np.float64), (num_samples, 1))
        self.heading_rad = np.full(num_samples, heading_rad)
        self.travelled_m = np.zeros(num_samples)
        self.hands_m = np.zeros((num_samples, 2, 3))
        self.reach = np.zeros((num_samples, 2))
        self.leaning = np.zeros(num_samples)

    def walk(
        self,
        begin_s: float,
        points_m: Sequence[np.ndarray],
        speed_m_s: float,
        final_rad: float,
        facing_rad: float | None = None,
    ) -> float:
        """Walk along points and stand there; returns the time of arrival.

        Args:
            begin_s: when he sets off.
            points_m: (2,) each, where the path goes.
            speed_m_s: the highest speed on the way.
            final_rad: where he faces afterwards.
            facing_rad: where he faces on the way; None = where he walks.
        """
        rest = self.grid_s >= begin_s
        if not rest.any():
            return begin_s
        first = int(rest.argmax())
        path = round_corners(np.stack([self.root_m[first], *points_m]))
        steps = np.diff(path, axis=0)
        length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(steps, axis=1))])
        duration = length[-1] / (speed_m_s * (1 - RAMP))
        clock = (self.grid_s[first:] - begin_s) / duration
        along = ease(clock) * length[-1]
        for axis in range(2):
            self.root_m[first:, axis] = np.interp(along, length, path[:, axis])
        tangent = np.unwrap(np.arctan2(steps[:, 1], steps[:, 0]))
        on_way = np.interp(along, (length[1:] + length[:-1]) / 2, tangent)
        backwards = facing_rad is not None and np.cos(facing_rad - tangent[-1]) < 0
        self.heading_rad[first:] = np.where(clock < 1.0, on_way if facing_rad is None else facing_rad, final_rad)
        self.travelled_m[first:] = self.travelled_m[first] + (-along if backwards else along)
        return begin_s + duration

    def hold(self, begin_s: float, end_s: float, hands_m: np.ndarray, ramp_s: float = 0.25) -> None:
        """Reach for targets, (2, 3) or one per grid time, from `begin_s`; let go from `end_s`."""
        weight = self._weight(begin_s, end_s, ramp_s)
        active = weight > 0
        self.hands_m[active] = np.broadcast_to(hands_m, self.hands_m.shape)[active]
        self.reach[active] = weight[active, None]

    def lean(self, begin_s: float, end_s: float, ramp_s: float = 0.25) -> None:
        """Lean forward from `begin_s`; stand upright again from `end_s`."""
        self.leaning = np.maximum(self.leaning, self._weight(begin_s, end_s, ramp_s))

    def _weight(self, begin_s: float, end_s: float, ramp_s: float) -> np.ndarray:
        weight = np.clip(np.minimum((self.grid_s - begin_s) / ramp_s, (end_s - self.grid_s) / ramp_s + 1), 0.0, 1.0)
        return weight * weight * (3 - 2 * weight)

    def motion(self, times_s: np.ndarray) -> Motion:
        """The motion at (t,) wanted times."""
        from scipy.ndimage import gaussian_filter1d

        heading = gaussian_filter1d(np.unwrap(self.heading_rad), 0.11 * RATE_HZ, mode="nearest")
        speed = gaussian_filter1d(np.abs(np.gradient(self.travelled_m)) * RATE_HZ, 0.1 * RATE_HZ, mode="nearest")
        columns = (
            self.root_m,
            heading,
            self.travelled_m / STRIDE_M * 2 * np.pi,
            speed,
            self.hands_m,
            self.reach,
            self.leaning,
        )
        return Motion(*(sample(values, self.grid_s, times_s) for values in columns))


def sample(values: np.ndarray, grid_s: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """Values (n, ...) on a grid of time, linearly blended at (t,) wanted times."""
    flat = values.reshape(len(grid_s), -1)
    blended = np.stack([np.interp(times_s, grid_s, column) for column in flat.T], axis=1)
    return blended.reshape(len(times_s), *values.shape[1:])


def ease(clock: np.ndarray) -> np.ndarray:
    """Share of a way (...) covered at a share of its time: speed ramps up, stays, and ramps down."""
    clock = np.clip(clock, 0.0, 1.0)
    top = 1.0 / (1.0 - RAMP)
    early, late = top * clock**2 / (2 * RAMP), 1 - top * (1 - clock) ** 2 / (2 * RAMP)
    return np.where(clock < RAMP, early, np.where(clock > 1 - RAMP, late, top * (clock - RAMP / 2)))


def round_corners(points_m: np.ndarray, rounds: int = 4) -> np.ndarray:
    """A polyline (n, 2) with its corners cut (Chaikin 1974); long legs are split first, so that cuts stay small."""
    pieces = [points_m[:1]]
    for begin, end in itertools.pairwise(points_m):
        num = max(1, int(np.ceil(np.linalg.norm(end - begin) / 0.5)))
        pieces.append(begin + (end - begin) * (np.arange(1, num + 1) / num)[:, None])
    path = np.concatenate(pieces)
    for _ in range(rounds):
        cut = np.empty((2 * len(path) - 2, 2))
        cut[0::2] = 0.75 * path[:-1] + 0.25 * path[1:]
        cut[1::2] = 0.25 * path[:-1] + 0.75 * path[1:]
        path = np.concatenate([path[:1], cut, path[-1:]])
    keep = np.concatenate([[True], np.linalg.norm(np.diff(path, axis=0), axis=1) > 1e-6])
    return path[keep] if keep.sum() > 1 else path[:2] + np.array([[0.0, 0.0], [1e-6, 0.0]])
