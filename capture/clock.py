"""Clocks: from a device's own time to the time of the rig."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from .arrays import Times
from .errors import InputError


@dataclass(frozen=True, slots=True)
class ClockPiece:
    """A stretch of frames over which a clock is affine: what follows a jump, a restart or a change of rate.

    Args:
        from_position: the first frame, in stored order, of the stretch; it ends where the next piece begins.
        from_device_ns: the stamp of that frame.
        offset_ns, drift_ppm, reference_ns: rig time from device time, as in ClockModel.
        offset_sigma_ns, drift_sigma_ppm: standard deviations of the two.
        covariance_ns_ppm: what they have in common, ns times parts per million.
    """

    from_position: int
    from_device_ns: int
    offset_ns: int
    drift_ppm: float
    reference_ns: int
    offset_sigma_ns: float = 0.0
    drift_sigma_ppm: float = 0.0
    covariance_ns_ppm: float = 0.0

    def __post_init__(self) -> None:
        if not all(math.isfinite(v) for v in (self.drift_ppm, self.offset_sigma_ns, self.drift_sigma_ppm)):
            raise InputError("a piece of a clock has a drift or an uncertainty that is not a finite number")

    def rig_ns(self, device_ns: Times) -> Times:
        """Device times (t,) int64 ns to rig times (t,) int64 ns."""
        return _affine(device_ns, self.offset_ns, self.drift_ppm, self.reference_ns)

    def sigma_ns(self, device_ns: Times) -> np.ndarray:
        """(t,) standard deviation of the rig times of device times (t,), ns."""
        since_ms = (np.asarray(device_ns) - self.reference_ns) * 1e-6
        variance = (
            self.offset_sigma_ns**2
            + (since_ms * self.drift_sigma_ppm) ** 2
            + 2 * since_ms * self.covariance_ns_ppm
        )  # fmt: skip
        return np.sqrt(np.maximum(variance, 0.0))


@dataclass(frozen=True, slots=True)
class ClockModel:
    """A clock: rig_ns = device_ns + offset_ns + drift_ppm * 1e-6 * (device_ns - reference_ns), in pieces if need be.

    All sums are integers until the last product, because a rate times a Unix time in ns loses milliseconds.

    A device that starts anew repeats its times, so that a time alone does not say which piece it belongs to: the order
    of frames does, and `frames_ns` is the way to ask for a whole recording.

    Args:
        offset_ns: rig minus device time at the reference.
        drift_ppm: how much faster the rig clock runs, parts per million.
        reference_ns: device time at which the offset holds.
        residual_ns: standard deviation of what the model leaves, or 0 when unknown.
        pieces: where the clock is not one line, its lines in the order of frames; the four numbers above are then those
            of the longest.
        excluded: positions of frames whose stamps are false (doubled, backward); no instant has them.

    Raises:
        InputError: a number is not finite, or the pieces are not in order.
    """

    offset_ns: int = 0
    drift_ppm: float = 0.0
    reference_ns: int = 0
    residual_ns: int = 0
    pieces: tuple[ClockPiece, ...] = ()
    excluded: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not math.isfinite(self.drift_ppm):
            raise InputError("a clock has a drift that is not a finite number")
        begins = [piece.from_position for piece in self.pieces]
        if any(later <= earlier for earlier, later in pairwise(begins)):
            raise InputError("the pieces of a clock are not in the order of frames")

    def rig_ns(self, device_ns: Times) -> Times:
        """Device times (t,) int64 ns to rig times (t,) int64 ns; the last piece that began by then holds."""
        device_ns = np.asarray(device_ns, dtype=np.int64)
        rig_ns = _affine(device_ns, self.offset_ns, self.drift_ppm, self.reference_ns)
        for number, piece in enumerate(self.pieces):
            here = slice(None) if number == 0 else device_ns >= piece.from_device_ns
            rig_ns[here] = piece.rig_ns(device_ns[here])
        return rig_ns

    def rig_ns_of(self, device_ns: int) -> int:
        """One device time to rig time, ns."""
        return int(self.rig_ns(np.array([device_ns], dtype=np.int64))[0])

    def moved(self, later_ns: int) -> ClockModel:
        """The same clock with all rig times later by so much, ns."""
        pieces = tuple(replace(piece, offset_ns=piece.offset_ns + later_ns) for piece in self.pieces)
        return replace(self, offset_ns=self.offset_ns + later_ns, pieces=pieces)

    def piece_of(self, position: int) -> ClockPiece | None:
        """The piece that holds for a frame position; None where the clock is one line."""
        return next((piece for piece in reversed(self.pieces) if piece.from_position <= position), None)

    def frames_ns(self, device_ns: Times) -> Times:
        """Rig times (t,) of all frames of a camera from their stamps (t,), in stored order.

        Frames that are excluded get the time that their place between the frames around them suggests, so that time
        never stands still; they stay excluded.
        """
        device_ns = np.asarray(device_ns, dtype=np.int64)
        rig_ns = _affine(device_ns, self.offset_ns, self.drift_ppm, self.reference_ns)
        for piece in self.pieces:
            rig_ns[max(piece.from_position, 0) :] = piece.rig_ns(device_ns[max(piece.from_position, 0) :])
        false = self.excluded_mask(len(device_ns))
        if false.any() and not false.all():
            rig_ns[false] = _between(np.flatnonzero(false), np.flatnonzero(~false), rig_ns[~false])
        return rig_ns

    def excluded_mask(self, count: int) -> np.ndarray:
        """(t,) bool, True for frames that are excluded, of a camera with so many frames."""
        mask = np.zeros(count, dtype=bool)
        mask[[position for position in self.excluded if 0 <= position < count]] = True
        return mask


def _affine(device_ns: Times, offset_ns: int, drift_ppm: float, reference_ns: int) -> Times:
    device_ns = np.asarray(device_ns, dtype=np.int64)
    drift_ns = np.rint((device_ns - reference_ns) * (drift_ppm * 1e-6)).astype(np.int64)
    return device_ns + offset_ns + drift_ns


def _between(asked: np.ndarray, known: np.ndarray, known_ns: np.ndarray) -> np.ndarray:
    """Times of positions (a,) from those of others (k,): on the line between neighbours, beyond at the usual step."""
    base_ns = int(known_ns[0])
    step_ns = float(np.median(np.diff(known_ns) / np.diff(known))) if len(known) > 1 else 1.0
    since_ns = np.interp(asked, known, (known_ns - base_ns).astype(np.float64))
    beyond = np.minimum(asked - known[0], 0) + np.maximum(asked - known[-1], 0)
    return base_ns + np.rint(since_ns + beyond * step_ns).astype(np.int64)
