"""What one source says of the clocks of a rig, in one form for all sources: stamps of the host, content, boards.

All of it is about how much later the frames of each camera are than some first clocks have it,

    late_s + rate_ppm * 1e-6 * (t - at_s),

so that what sources say can be joined by least squares (`clock_join`), whatever they measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .arrays import Times, read_only
from .clock import ClockModel
from .content_clock import ContentFit
from .host_pieces import SIGMA_WAITS

#: Least ways to the host of a rig's cameras (exposure, read-out, cable, unpacking) lie in some 30 to 50 ms. Two cameras
#: whose ways are unknown so are 10 ms apart, one sigma.
DELAY_SIGMA_S = 0.007
#: How false rates from host stamps are, beside the waits: the worst of 140 simulated rigs (benchmarks/bench_clocks.py).
RATE_SIGMA_PPM = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class ClockEvidence:
    """What a source says of how much later the frames of cameras are.

    Args:
        source: "host", "content" or "board".
        camera_ids: of the cameras it speaks of.
        at_s: (c,) times at which `late_s` holds, s.
        late_s: (c,) s.
        rate_ppm: (c,) by how much that grows with time; None where the source does not say.
        covariance: (c, c) of `late_s`, s^2, or (2c, 2c) of it and `rate_ppm`.
        relative: whether all is said against the first camera only, of which the covariance is then not looked at.
    """

    source: str
    camera_ids: tuple[str, ...]
    at_s: np.ndarray
    late_s: np.ndarray
    rate_ppm: np.ndarray | None
    covariance: np.ndarray
    relative: bool = True

    def __post_init__(self) -> None:
        for name in ("at_s", "late_s", "rate_ppm", "covariance"):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else read_only(value))

    def rows(self, camera_ids: tuple[str, ...], middle_s: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The source as linear equations in the offsets (s) at `middle_s` and the rates (ppm) of all cameras.

        Args:
            camera_ids: the cameras (n) of the unknowns.
            middle_s: when the offsets hold.

        Returns:
            (m, 2n) design, (m,) right side, and (m, m) its covariance.
        """
        count, first = len(camera_ids), int(self.relative)
        index = np.array([camera_ids.index(name) for name in self.camera_ids])
        told = np.arange(first, len(index))
        design, right = np.zeros((len(told), 2 * count)), self.late_s[first:].copy()
        row, since_s = np.arange(len(told)), 1e-6 * (self.at_s[told] - middle_s)
        design[row, index[told]], design[row, count + index[told]] = 1.0, since_s
        if self.relative:
            design[:, index[0]] -= 1.0
            design[:, count + index[0]] -= since_s
            right -= self.late_s[0]
        keep = told
        if self.rate_ppm is not None:
            rates = np.zeros((len(told), 2 * count))
            rates[row, count + index[told]] = 1.0
            faster = self.rate_ppm[first:].copy()
            if self.relative:
                rates[:, count + index[0]] -= 1.0
                right -= 1e-6 * self.rate_ppm[0] * (self.at_s[1:] - self.at_s[0])
                faster -= self.rate_ppm[0]
            design, right = np.vstack([design, rates]), np.concatenate([right, faster])
            keep = np.concatenate([told, len(index) + told])
        return design, right, self.covariance[np.ix_(keep, keep)]


def host_evidence(
    clocks: Mapping[str, ClockModel], stamps: Mapping[str, tuple[Times, Times]], base_ns: int
) -> ClockEvidence:
    """What host stamps say of the clocks that were found from them: nothing is late, but for the ways to the host.

    Args:
        clocks: from host stamps.
        stamps: by camera, (t,) device and host stamps in stored order.
        base_ns: rig time from which seconds are counted.
    """
    at_s, variance, rate_variance = [], [], []
    for name, clock in clocks.items():
        times_ns = clock.frames_ns(stamps[name][0])
        at_s.append(float((times_ns[0] + times_ns[-1] - 2 * base_ns) * 0.5e-9))
        begins = [*(piece.from_position for piece in clock.pieces[1:]), len(times_ns)]
        longest = max(np.diff([0, *begins]).tolist())
        wait_s = SIGMA_WAITS * clock.residual_ns * 1e-9 / longest
        span_s = max(float(times_ns[-1] - times_ns[0]) * 1e-9, 1.0)
        variance.append(DELAY_SIGMA_S**2 + wait_s**2)
        rate_variance.append(RATE_SIGMA_PPM**2 + (2e6 * wait_s / span_s) ** 2)
    none = np.zeros(len(at_s))
    return ClockEvidence(
        "host", tuple(clocks), np.array(at_s), none, none.copy(), np.diag([*variance, *rate_variance]), relative=False
    )


def content_evidence(clocks: Mapping[str, ClockModel], fit: ContentFit, base_ns: int) -> ClockEvidence:
    """What content says of the clocks that were found from it: nothing is late, as sure as the fit is."""
    at_s = [(clocks[name].reference_ns + clocks[name].offset_ns - base_ns) * 1e-9 for name in fit.names]
    none = np.zeros(len(at_s))
    return ClockEvidence("content", fit.names, np.array(at_s), none, none.copy(), fit.covariance)
