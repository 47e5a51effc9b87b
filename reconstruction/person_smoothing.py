"""The path of one person through time: every joint smoothed with what was seen before and after, gaps filled.

Each joint is followed by a Kalman smoother under nearly constant velocity (as Rauch, Tung and Striebel, 1965); what the
fit of an instant says enters with its full covariance, so that a joint that only one camera saw is taken along that
camera's ray from the instants around it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import _person_smoothing_kernel as kernel
from .skeleton import NUM_JOINTS


@dataclass(frozen=True, slots=True)
class SmoothingConfig:
    """How a path is smoothed.

    Args:
        longest_step_s: measurements farther apart than this say nothing of each other.
        longest_gap_s: an instant without a measurement is filled where those around it are at most this far apart.
        acceleration: spectral density of the acceleration of joints of the trunk and the head, m/s^2/sqrt(Hz).
        limb_acceleration: of elbows, wrists, knees and ankles.
        first_speed_m_s: standard deviation of the first velocity.
        memory: what a fit errs by because of clothes and of what it takes for granted of bodies lasts for several
            instants; so the covariance of each counts this many times while smoothing.
    """

    longest_step_s: float = 1.0
    longest_gap_s: float = 1.0
    acceleration: float = 1.5
    limb_acceleration: float = 4.0
    first_speed_m_s: float = 1.0
    memory: float = 1.0


LIMBS = (7, 8, 9, 10, 13, 14, 15, 16)


def smooth_path(
    times_ns: np.ndarray, joints_m: np.ndarray, covariance_m2: np.ndarray, measured: np.ndarray,
    config: SmoothingConfig,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Smooth one person's joints.

    Args:
        times_ns: (t,) instants in order.
        joints_m: (t, 17, 3), any number where not measured.
        covariance_m2: (t, 17, 3, 3).
        measured: (t,) bool; the first and last are.
        config: see SmoothingConfig.

    Returns:
        joints (t, 17, 3) and covariances (t, 17, 3, 3); pieces apart by more than the longest step are smoothed apart.
    """
    joints_m, covariance_m2 = joints_m.copy(), covariance_m2.copy()
    known_s = (times_ns[measured] - times_ns[0]) * 1e-9
    piece = np.concatenate([[0], np.cumsum(np.diff(known_s) > config.longest_step_s)])
    times_s = (times_ns - times_ns[0]) * 1e-9
    drive = np.full(NUM_JOINTS, float(config.acceleration))
    drive[list(LIMBS)] = config.limb_acceleration
    for number in range(int(piece[-1]) + 1):
        inside = known_s[piece == number]
        begin, end = np.searchsorted(times_s, [inside[0], inside[-1] + 1e-10])
        if end - begin < 2:
            continue
        covariance_m2[begin:end] *= config.memory
        kernel.smooth_joints(
            times_s[begin:end], joints_m[begin:end], covariance_m2[begin:end], measured[begin:end], drive,
            float(config.first_speed_m_s),
        )  # fmt: skip
    return joints_m, covariance_m2
