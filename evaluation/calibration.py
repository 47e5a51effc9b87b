"""How right the cameras stand: pose error after the free gauge is taken out, and scale.

Nothing fixes the world of a rig but the rig itself, so the twin's world is first laid onto the true one by a rigid
motion. It is the one with the smallest *sum* of camera errors (an L1 mean, by reweighted least squares after Weiszfeld
1937, each step in closed form after Kabsch 1976), so that one camera that is wrong does not spread its error over the
others. A radian weighs as much as a metre. The scale is never touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..capture.geometry import SE3, nearest_rotation

LEVER_M = 1.0
MOST_STEPS = 200
SMALLEST_ERROR = 1e-9


@dataclass(frozen=True, slots=True)
class CameraError:
    """One camera: distance of its place from the true one, millimetres, and the angle between the two, degrees."""

    position_mm: float
    rotation_deg: float


@dataclass(frozen=True, slots=True)
class CalibrationScores:
    """The rig against truth.

    Args:
        cameras: per camera that both know, after the gauge is taken out.
        position_mm, rotation_deg: the mean over cameras; `worst_position_mm`, `worst_rotation_deg` the largest.
        scale_percent: 100 (sum of the distances between cameras / sum of the true ones - 1); None with one camera.
        num_missing: true cameras that the twin does not place.
        gauge_mm, gauge_deg: how far the twin's world lay from the true one; no error, but where it is not small, what
            is compared in the world (room, people, tools) needs `align`.
    """

    cameras: dict[str, CameraError]
    position_mm: float
    rotation_deg: float
    worst_position_mm: float
    worst_rotation_deg: float
    scale_percent: float | None
    num_missing: int
    gauge_mm: float
    gauge_deg: float


def score_calibration(poses: Mapping[str, SE3], true_poses: Mapping[str, SE3]) -> CalibrationScores | None:
    """Score the poses `world_from_camera`; None where no camera is known to both."""
    names = [name for name in true_poses if name in poses]
    if not names:
        return None
    gauge = truth_from_twin(poses, true_poses)
    errors = {name: _error(gauge @ poses[name], true_poses[name]) for name in names}
    position, rotation = (
        np.array([getattr(error, key) for error in errors.values()]) for key in ("position_mm", "rotation_deg")
    )
    return CalibrationScores(
        errors, float(position.mean()), float(rotation.mean()), float(position.max()), float(rotation.max()),
        _scale_percent([poses[name] for name in names], [true_poses[name] for name in names]),
        len(true_poses) - len(names),
        1000 * gauge.distance_m(), float(np.degrees(gauge.angle_rad())),
    )  # fmt: skip


def truth_from_twin(poses: Mapping[str, SE3], true_poses: Mapping[str, SE3]) -> SE3:
    """The rigid motion that lays a twin's world onto the true one, by the cameras that both know (at least one)."""
    names = [name for name in true_poses if name in poses]
    ours, true = (_stacked([some[name] for name in names]) for some in (poses, true_poses))
    length = np.ones(len(names))
    rotation, shift_m = np.eye(3), np.zeros(3)
    for _ in range(MOST_STEPS):
        rotation, shift_m = _weighted(ours, true, 1 / np.maximum(length, SMALLEST_ERROR))
        before, length = length, _errors(rotation, shift_m, ours, true)
        if np.abs(length - before).max() < SMALLEST_ERROR:
            break
    return SE3(rotation, shift_m)


Stack = tuple[np.ndarray, np.ndarray]
"""Rotations (n, 3, 3) and places (n, 3)."""


def _stacked(poses: list[SE3]) -> Stack:
    return np.stack([pose.rotation for pose in poses]), np.stack([pose.translation_m for pose in poses])


def _weighted(ours: Stack, true: Stack, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least-squares motion of weighted cameras (n,), in closed form."""
    share = weights / weights.sum()
    ours_mean, true_mean = share @ ours[1], share @ true[1]
    moment = (true[1] - true_mean).T @ ((ours[1] - ours_mean) * share[:, None])
    turns = np.einsum("n,nij,nkj->ik", share, true[0], ours[0])
    rotation = nearest_rotation(moment + LEVER_M**2 / 2 * turns)
    return rotation, true_mean - rotation @ ours_mean


def _errors(rotation: np.ndarray, shift_m: np.ndarray, ours: Stack, true: Stack) -> np.ndarray:
    """(n,) how far each camera is off, metres, a radian being a metre."""
    apart_m = np.linalg.norm(ours[1] @ rotation.T + shift_m - true[1], axis=1)
    chord = np.linalg.norm(rotation @ ours[0] - true[0], axis=(1, 2)) / np.sqrt(8)
    return np.hypot(apart_m, LEVER_M * 2 * np.arcsin(np.clip(chord, 0, 1)))


def _error(ours: SE3, true: SE3) -> CameraError:
    apart_m = np.linalg.norm(ours.translation_m - true.translation_m)
    turn = SE3(nearest_rotation(true.rotation.T @ ours.rotation), np.zeros(3))
    return CameraError(1000 * float(apart_m), float(np.degrees(turn.angle_rad())))


def _scale_percent(ours: list[SE3], true: list[SE3]) -> float | None:
    first, second = np.triu_indices(len(ours), 1)
    if not len(first):
        return None
    ours_m, true_m = (np.stack([pose.translation_m for pose in poses]) for poses in (ours, true))
    lengths, true_lengths = (np.linalg.norm(m[first] - m[second], axis=1).sum() for m in (ours_m, true_m))
    return 100 * float(lengths / true_lengths - 1) if true_lengths > 0 else None
