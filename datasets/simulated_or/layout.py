"""Where tools lie on tables: side by side, their handles where somebody reaches them."""

from __future__ import annotations

import numpy as np

from ...capture.geometry import SE3
from .performance import StandingRoom
from .routes import Blocked
from .tools import ToolShape

STEP_M = 0.03
INSET_M = 0.01
APART_M = 0.015


class Layout:
    """What lies where on the tables of a room.

    Args:
        room: what stands.
        rng: turns things a little.
    """

    def __init__(self, room: StandingRoom, rng: np.random.Generator) -> None:
        self.room, self.rng = room, rng
        self._taken: dict[str, list[np.ndarray]] = {}

    def lay(self, shape: ToolShape, on: str, near_m: np.ndarray) -> SE3:
        """world_from_tool of a tool that is laid on a fixture, near a place (2,), and near the table's front.

        Raises:
            Blocked: no place is left.
        """
        box = self.room.fixture(on).box
        upright = np.arctan2(box.rotation[1, 0], box.rotation[0, 0])
        best: tuple[float, np.ndarray, float] | None = None
        for turn_rad in (np.pi / 2, 0.0, np.pi):
            spots_m, size_m = self._free_spots(shape, on, turn_rad)
            if len(spots_m):
                grip_m = spots_m[:, :2] + _turn(shape.grip.translation_m[:2], turn_rad)
                away_m = np.linalg.norm(grip_m @ box.rotation[:2, :2].T + box.center_m[:2] - near_m, axis=1)
                cost = away_m + 0.5 * (grip_m[:, 1] + box.extent_m[1] / 2) + (0.0 if turn_rad == np.pi / 2 else 0.1)
                first = int(cost.argmin())
                if best is None or cost[first] < best[0]:
                    best = float(cost[first]), np.concatenate([spots_m[first], size_m]), turn_rad
        if best is None:
            raise Blocked(f"no place is left on {on} for a {shape.label}")
        _, spot, turn_rad = best
        self._taken.setdefault(on, []).append(spot[2:])
        origin_m = box.rotation @ np.array([spot[0], spot[1], box.extent_m[2] / 2]) + box.center_m
        return shape.lying(origin_m, float(upright + turn_rad + self.rng.uniform(-0.05, 0.05)))

    def _free_spots(self, shape: ToolShape, on: str, turn_rad: float) -> tuple[np.ndarray, np.ndarray]:
        """Where a turned tool may lie on a table: (n, 4) its origin and the middle of its outline, in the table's axes
        from the middle of its top; and the size (2,) of the outline.
        """
        box = self.room.fixture(on).box
        outline_m = _turn(shape.mesh.vertices_m[:, :2], turn_rad)
        low, high = outline_m.min(axis=0), outline_m.max(axis=0)
        size_m = high - low + APART_M
        spare_m = box.extent_m[:2] / 2 - INSET_M - size_m / 2
        if (spare_m < 0).any():
            return np.zeros((0, 4)), size_m
        columns, rows = (np.arange(-spare, spare + 1e-9, STEP_M) for spare in spare_m)
        middles_m = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
        free = np.ones(len(middles_m), dtype=bool)
        for other in self._taken.get(on, []):
            free &= (np.abs(middles_m - other[:2]) >= (size_m + other[2:]) / 2).any(axis=1)
        return np.concatenate([middles_m - (low + high) / 2, middles_m], axis=1)[free], size_m


def _turn(points_m: np.ndarray, angle_rad: float) -> np.ndarray:
    """(..., 2) points turned about the origin."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    return points_m @ np.array([[cos, sin], [-sin, cos]])
