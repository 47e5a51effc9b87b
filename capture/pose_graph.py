"""From relative poses of camera pairs to one place for every camera (Grisetti et al. 2010)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .arrays import read_only
from .geometry import SE3


@dataclass(frozen=True, slots=True, eq=False)
class PoseEdge:
    """What one pair of cameras says about their relative pose.

    Args:
        first_id, second_id: the cameras.
        first_from_second: the pose of the second in the frame of the first.
        information: (6, 6) inverse covariance in the tangent of the second camera (rad, then m).
    """

    first_id: str
    second_id: str
    first_from_second: SE3
    information: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "information", read_only(np.asarray(self.information, dtype=np.float64)))


@dataclass(frozen=True, slots=True, eq=False)
class PoseGraphResult:
    """Places of all cameras.

    Args:
        root_from_camera: pose by camera id; the first camera is the root and keeps the identity.
        covariance: (6, 6) by camera id, relative to the root, in the tangent of each camera (zero for the root).
        disagreement: by edge index, the Mahalanobis length of what the edge misses by; 0 for edges of a tree.
    """

    root_from_camera: Mapping[str, SE3]
    covariance: Mapping[str, np.ndarray]
    disagreement: Sequence[float]


def components(camera_ids: Sequence[str], edges: Sequence[PoseEdge]) -> list[list[str]]:
    """Groups of cameras that edges connect, each in the order of `camera_ids`, the first camera's group first."""
    group = {name: index for index, name in enumerate(camera_ids)}
    for edge in edges:
        old, new = group[edge.second_id], group[edge.first_id]
        group = {name: new if index == old else index for name, index in group.items()}
    groups: dict[int, list[str]] = {}
    for name in camera_ids:
        groups.setdefault(group[name], []).append(name)
    return list(groups.values())


def solve_pose_graph(
    camera_ids: Sequence[str], edges: Sequence[PoseEdge], *, rounds: int = 30, outlier_length: float = 5.0
) -> PoseGraphResult:
    """Least squares over all edges, begun from the spanning tree that edges like best; misfits count little.

    Args:
        camera_ids: cameras of one connected component; the first is the root.
        edges: relative poses among them.
        rounds: at most so many Gauss-Newton steps.
        outlier_length: Mahalanobis length at which an edge counts half (Cauchy kernel).
    """
    starts = [_spanning_poses(camera_ids, edges, shunned) for shunned in (None, *edges)]
    pose = min(starts, key=lambda start: _robust_cost(start, edges, outlier_length))
    unknown = {name: 6 * index for index, name in enumerate(camera_ids[1:])}
    matrix = np.zeros((0, 0))
    for _ in range(rounds if unknown else 0):
        matrix, vector = _normal_equations(pose, edges, unknown, outlier_length)
        step = -np.linalg.solve(matrix, vector)
        pose = {
            name: value @ SE3.exp(step[unknown[name] : unknown[name] + 6]) if name in unknown else value
            for name, value in pose.items()
        }
        if np.abs(step).max() < 1e-9:
            break
    if unknown:
        matrix, _ = _normal_equations(pose, edges, unknown, outlier_length)
    inverse = np.linalg.inv(matrix) if unknown else matrix
    covariance: dict[str, np.ndarray] = {name: np.zeros((6, 6)) for name in camera_ids}
    for name, at in unknown.items():
        covariance[name] = inverse[at : at + 6, at : at + 6]
    lengths = [_length(edge, _error(edge, pose[edge.first_id], pose[edge.second_id])) for edge in edges]
    return PoseGraphResult(pose, covariance, lengths)


def in_tangent_of_second(first_from_second: SE3, information: np.ndarray) -> np.ndarray:
    """Carry information (6, 6) about exp(d) @ first_from_second over to first_from_second @ exp(e)."""
    rotation, t = first_from_second.rotation, first_from_second.translation_m
    carry = np.zeros((6, 6))  # d as a function of e
    carry[:3, :3] = carry[3:, 3:] = rotation
    carry[3:, :3] = _cross(t) @ rotation
    return carry.T @ information @ carry


def _error(edge: PoseEdge, root_from_first: SE3, root_from_second: SE3) -> np.ndarray:
    return (edge.first_from_second.inverse() @ (root_from_first.inverse() @ root_from_second)).log()


def _length(edge: PoseEdge, error: np.ndarray) -> float:
    return float(np.sqrt(max(error @ edge.information @ error, 0.0)))


def _normal_equations(
    pose: Mapping[str, SE3], edges: Sequence[PoseEdge], unknown: Mapping[str, int], outlier_length: float
) -> tuple[np.ndarray, np.ndarray]:
    matrix, vector = np.zeros((6 * len(unknown),) * 2), np.zeros(6 * len(unknown))
    for edge in edges:
        ends = (edge.first_id, edge.second_id)
        error = _error(edge, pose[ends[0]], pose[ends[1]])
        weight = 1.0 / (1.0 + (_length(edge, error) / outlier_length) ** 2)
        both = zip(ends, _jacobians(edge, pose[ends[0]].inverse() @ pose[ends[1]], error), strict=True)
        jacobians = {name: jacobian for name, jacobian in both if name in unknown}
        for a, at_a in jacobians.items():
            rows = slice(unknown[a], unknown[a] + 6)
            vector[rows] += weight * at_a.T @ edge.information @ error
            for b, at_b in jacobians.items():
                matrix[rows, unknown[b] : unknown[b] + 6] += weight * at_a.T @ edge.information @ at_b
    return matrix, vector


def _jacobians(edge: PoseEdge, first_from_second: SE3, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives (6, 6) of the error for small motions of the first and of the second camera in their own tangents."""
    measured_back = edge.first_from_second.rotation.T
    angle = float(np.linalg.norm(error[:3]))
    turn = _cross(error[:3])
    # The inverse right Jacobian of SO(3) (Chirikjian 2011).
    bend = 1 / 12 if angle < 1e-4 else 1 / angle**2 - (1 + np.cos(angle)) / (2 * angle * np.sin(angle))
    spread = np.eye(3) + turn / 2 + bend * turn @ turn
    of_first, of_second = np.zeros((6, 6)), np.zeros((6, 6))
    of_first[:3, :3] = -spread @ first_from_second.rotation.T
    of_first[3:, :3] = measured_back @ _cross(first_from_second.translation_m)
    of_first[3:, 3:] = -measured_back
    of_second[:3, :3] = spread
    of_second[3:, 3:] = measured_back @ first_from_second.rotation
    return of_first, of_second


def _cross(vector: np.ndarray) -> np.ndarray:
    x, y, z = vector
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


def _robust_cost(pose: Mapping[str, SE3], edges: Sequence[PoseEdge], outlier_length: float) -> float:
    lengths = [_length(edge, _error(edge, pose[edge.first_id], pose[edge.second_id])) for edge in edges]
    return float(np.log1p((np.array(lengths) / outlier_length) ** 2).sum())


def _spanning_poses(camera_ids: Sequence[str], edges: Sequence[PoseEdge], shunned: PoseEdge | None) -> dict[str, SE3]:
    """Poses along the maximum spanning tree (Prim), edges being as good as their weakest translation, one shunned."""
    pose = {camera_ids[0]: SE3.identity()}
    strength = {id(edge): float(np.linalg.eigvalsh(edge.information[3:, 3:])[0]) for edge in edges}
    ranked = sorted(edges, key=lambda edge: (edge is shunned, -strength[id(edge)]))
    while len(pose) < len(camera_ids):
        edge = next(edge for edge in ranked if (edge.first_id in pose) != (edge.second_id in pose))
        if edge.first_id in pose:
            pose[edge.second_id] = pose[edge.first_id] @ edge.first_from_second
        else:
            pose[edge.first_id] = pose[edge.second_id] @ edge.first_from_second.inverse()
    return {name: pose[name] for name in camera_ids}
