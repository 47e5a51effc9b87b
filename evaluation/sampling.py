"""A twin at the instants of the truth: the one rule of interpolation, for places and for rotations.

A linear blend of the two neighbouring rows of the same track where these are at most three true steps apart, else the
nearest row within half a step, else nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

LONGEST_BLEND_STEPS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """Which two rows make up each wanted instant.

    Args:
        before, after: (t,) row numbers.
        share: (t,) of the row after, in [0, 1].
        valid: (t,) whether there is anything to say.
    """

    before: np.ndarray
    after: np.ndarray
    share: np.ndarray
    valid: np.ndarray

    @classmethod
    def at(cls, time_ns: np.ndarray, wanted_ns: np.ndarray, step_ns: int) -> Blend:
        """The blend of rows stamped `time_ns` (n,), in order, at the instants `wanted_ns` (t,)."""
        if not len(time_ns):
            nothing = np.zeros(len(wanted_ns), np.int64)
            return cls(nothing, nothing, nothing.astype(np.float64), nothing.astype(bool))
        after = np.searchsorted(time_ns, wanted_ns).clip(0, len(time_ns) - 1)
        before = np.where(time_ns[after] == wanted_ns, after, np.maximum(after - 1, 0))
        span = time_ns[after] - time_ns[before]
        inside = (time_ns[before] <= wanted_ns) & (wanted_ns <= time_ns[after])
        inside &= span <= LONGEST_BLEND_STEPS * step_ns
        nearest = np.where(np.abs(time_ns[after] - wanted_ns) < np.abs(time_ns[before] - wanted_ns), after, before)
        close = 2 * np.abs(time_ns[nearest] - wanted_ns) <= step_ns
        share = np.where(inside & (span > 0), (wanted_ns - time_ns[before]) / np.maximum(span, 1), 0.0)
        return cls(np.where(inside, before, nearest), np.where(inside, after, nearest), share, inside | close)

    def of(self, values: np.ndarray) -> np.ndarray:
        """(t, ...) the blend of float values (n, ...), NaN where there is nothing to say."""
        shape = (-1, *(1,) * (values.ndim - 1))
        if not len(values):
            return np.full((len(self.share), *values.shape[1:]), np.nan)
        share = self.share.reshape(shape)
        alone = self.before == self.after
        blended = (1 - share) * values[self.before] + share * values[self.after]
        blended = np.where(alone.reshape(shape), values[self.before], blended)
        return np.where(self.valid.reshape(shape), blended, np.nan)

    def of_rotations(self, rotation: np.ndarray) -> np.ndarray:
        """(t, 3, 3) the shortest turn between rotations (n, 3, 3) (Shoemake 1985), NaN with nothing to say."""
        from scipy.spatial.transform import Rotation

        result = np.full((len(self.share), 3, 3), np.nan)
        if self.valid.any():
            first, second = rotation[self.before[self.valid]], rotation[self.after[self.valid]]
            turn = Rotation.from_matrix(np.swapaxes(first, 1, 2) @ second).as_rotvec()
            turn *= self.share[self.valid][:, None]
            result[self.valid] = first @ Rotation.from_rotvec(turn).as_matrix()
        return result

    def nearest(self, values: np.ndarray, otherwise: object) -> np.ndarray:
        """(t,) of the nearer row's value, for what cannot be blended; `otherwise` where there is nothing to say."""
        result = np.full(len(self.share), otherwise, dtype=object)
        if self.valid.any():
            row = np.where(self.share > 0.5, self.after, self.before)
            result[self.valid] = values[row[self.valid]]
        return result


def is_there(places: np.ndarray) -> np.ndarray:
    """(...) bool, where vectors (..., d) are finite throughout."""
    return np.asarray(np.isfinite(places).all(axis=-1))


def by_track(track_id: np.ndarray, time_ns: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Each track id with the numbers of its rows in the order of time; ids in the order of their first row."""
    for name in dict.fromkeys(str(value) for value in track_id):
        mine = np.flatnonzero(track_id == name)
        yield name, mine[np.argsort(time_ns[mine], kind="stable")]
