"""The time of a camera as its own stamps tell it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import Times
from .clock_faults import GAP_STEPS, ScreenedStamps


@dataclass(frozen=True, slots=True, eq=False)
class OwnTime:
    """The own time of a camera's true frames, s, running on through restarts; `jumps` by position are taken out."""

    screened: ScreenedStamps
    device_ns: Times
    jumps: tuple[tuple[int, float], ...] = ()

    @property
    def seconds(self) -> np.ndarray:
        """(k,) of the kept frames, from 0."""
        kept = self.screened.kept
        steps = np.diff(self.device_ns[kept]) * 1e-9
        for position, size_s in self.jumps:
            steps[np.searchsorted(kept, position) - 1] -= size_s
        for position in self.screened.restarts:
            if all(position != other for other, _ in self.jumps):
                steps[np.searchsorted(kept, position) - 1] = self.screened.interval_ns * 1e-9
        return np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def silences(self) -> list[tuple[int, float]]:
        """Position of the frame after each break at which the clock may have jumped, and own time amid it, s."""
        kept, seconds = self.screened.kept, self.seconds
        steps = np.diff(self.device_ns[kept])
        broken = np.flatnonzero((steps > GAP_STEPS * self.screened.interval_ns) | (steps < 0))
        return [(int(kept[k + 1]), float(seconds[k : k + 2].mean())) for k in broken.tolist()]
