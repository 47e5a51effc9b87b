"""Clocks: from a device's own time to the time of the rig."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .arrays import Times
from .errors import InputError


@dataclass(frozen=True, slots=True)
class ClockModel:
    """An affine clock: rig_ns = device_ns + offset_ns + drift_ppm * 1e-6 * (device_ns - reference_ns).

    All sums are integers until the last product, because a rate times a Unix time in ns loses milliseconds.

    Args:
        offset_ns: rig minus device time at the reference.
        drift_ppm: how much faster the rig clock runs, parts per million.
        reference_ns: device time at which the offset holds.
        residual_ns: standard deviation of what the model leaves, or 0 when unknown.

    Raises:
        InputError: the drift is not a finite number.
    """

    offset_ns: int = 0
    drift_ppm: float = 0.0
    reference_ns: int = 0
    residual_ns: int = 0

    def __post_init__(self) -> None:
        if not math.isfinite(self.drift_ppm):
            raise InputError("a clock has a drift that is not a finite number")

    def rig_ns(self, device_ns: Times) -> Times:
        """Device times (t,) int64 ns to rig times (t,) int64 ns."""
        device_ns = np.asarray(device_ns, dtype=np.int64)
        drift_ns = np.rint((device_ns - self.reference_ns) * (self.drift_ppm * 1e-6)).astype(np.int64)
        return device_ns + self.offset_ns + drift_ns

    def rig_ns_of(self, device_ns: int) -> int:
        """One device time to rig time, ns."""
        return int(self.rig_ns(np.array([device_ns], dtype=np.int64))[0])
