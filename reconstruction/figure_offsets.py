"""How the joints of people lie to those of the figure that is laid into their surface, and how sure these are.

The figure of capsules is no person: its ankles lie higher, its hips and knees farther out, and what it says of its arms
is surer than they are, since clothes, tools and neighbours are no noise that a fit could know of. Both were measured
once, on simulated people (knee_replacement and busy, seeds 21, 22, 31, 32): the median of what the fit errs by in the
direction in which somebody faces, outwards, and upwards, and by how much its errors squared exceed its covariance.
"""

from __future__ import annotations

import numpy as np

from .skeleton import JOINT_NAMES

ERRS: dict[str, tuple[float, float, float, float]] = {
    "nose": (-0.010, 0.0, -0.005, 0.9), "eye": (0.007, 0.0, -0.010, 0.9), "ear": (-0.022, 0.0, -0.004, 0.9),
    "shoulder": (0.013, 0.0, 0.026, 1.6), "elbow": (0.05, -0.04, 0.016, 3.0), "wrist": (0.025, -0.01, -0.06, 6.0),
    "hip": (0.010, 0.021, 0.0, 1.3), "knee": (-0.004, 0.028, 0.016, 1.4), "ankle": (-0.025, 0.023, 0.044, 1.2),
}  # fmt: skip
"""By kind of joint: how far too far ahead, outwards and upwards it is laid, metres, and what its variance counts."""

_KIND = [name.rsplit("_", maxsplit=1)[-1] for name in JOINT_NAMES]
_SIDE = np.array([{"left": 1.0, "right": -1.0}.get(name.split("_")[0], 0.0) for name in JOINT_NAMES])
_AHEAD_M, _OUT_M, _UP_M, _SPREAD = (np.array([ERRS[kind][k] for kind in _KIND]) for k in range(4))
LEFT, RIGHT = (5, 11), (6, 12)


def as_people_are(joints_m: np.ndarray, covariance_m2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joints (17, 3) of people, and their covariance (17, 3, 3), from those of the figure that was laid into them."""
    across = (joints_m[list(LEFT)] - joints_m[list(RIGHT)]).sum(axis=0)[:2]
    left = across / max(float(np.linalg.norm(across)), 1e-9)
    ahead = np.array([left[1], -left[0]])
    flat_m = _AHEAD_M[:, None] * ahead + (_OUT_M * _SIDE)[:, None] * left
    off_m = np.column_stack([flat_m, _UP_M])
    return joints_m - off_m, covariance_m2 * _SPREAD[:, None, None]
