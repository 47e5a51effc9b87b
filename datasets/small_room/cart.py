"""The simulated cart: a trolley with a drawer block, a screen on a pole, and a board at its back that people push."""

from __future__ import annotations

import numpy as np

from .people import HAND_RADIUS_M
from .solids import Solids, capsules, stack

GRIP_X_M, GRIP_Z_M, BOARD_M = -0.47, 0.96, (0.05, 0.46, 0.16)
#: Where the hands of someone who pushes go, left and right, in the cart's own frame (x forward, origin on the floor).
GRIPS_M = np.array([[GRIP_X_M - HAND_RADIUS_M - 0.004, side * 0.15, GRIP_Z_M] for side in (1.0, -1.0)])
_BOXES = (
    ((0.0, 0.0, 0.48), (0.62, 0.46, 0.7)),
    ((0.12, 0.0, 1.25), (0.05, 0.42, 0.32)),
    ((GRIP_X_M + BOARD_M[0] / 2, 0.0, GRIP_Z_M), BOARD_M),
)


def cart_in_own_frame() -> Solids:
    """Its parts (t = 1): three boxes, then pole, struts and wheels as capsules."""
    boxes = Solids(
        np.array([[center for center, _ in _BOXES]]), np.broadcast_to(np.eye(3), (1, 3, 3, 3)),
        np.array([extent for _, extent in _BOXES]) / 2, np.zeros(3),
    )  # fmt: skip
    rods = [
        ((0.12, 0.0, 0.8), (0.12, 0.0, 1.12), 0.025),
        ((-0.29, 0.19, 0.8), (GRIP_X_M + 0.03, 0.19, GRIP_Z_M), 0.016),
        ((-0.29, -0.19, 0.8), (GRIP_X_M + 0.03, -0.19, GRIP_Z_M), 0.016),
        *(((x - 0.01, y, 0.065), (x + 0.01, y, 0.065), 0.065) for x in (-0.24, 0.24) for y in (-0.17, 0.17)),
    ]
    begin, end, radius = (np.array(values) for values in zip(*rods, strict=True))
    return stack([boxes, capsules(begin[None], end[None], radius)])


def cart_solids(position_m: np.ndarray, heading_rad: np.ndarray) -> Solids:
    """The cart through time: origin (t, 2) on the floor, heading (t,)."""
    own = cart_in_own_frame()
    rotation = heading_rotation(heading_rad)
    origin = np.concatenate([position_m, np.zeros((len(position_m), 1))], axis=1)
    center = np.einsum("tij,pj->tpi", rotation, own.center_m[0]) + origin[:, None]
    return Solids(center, rotation[:, None] @ own.rotation, own.half_m, own.radius_m)


def heading_rotation(heading_rad: np.ndarray) -> np.ndarray:
    """(t, 3, 3) rotations about the vertical."""
    c, s, zero, one = np.cos(heading_rad), np.sin(heading_rad), np.zeros_like(heading_rad), np.ones_like(heading_rad)
    return np.stack([np.stack([c, -s, zero], -1), np.stack([s, c, zero], -1), np.stack([zero, zero, one], -1)], axis=-2)
