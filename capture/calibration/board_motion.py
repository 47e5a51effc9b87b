"""Where a hand-held board was when each shutter opened: its motion between neighbouring instants.

The board has one pose per instant. A camera that looked a little before or after sees it on the curve through the poses
of the instant and of its two neighbours: a parabola for the position, and its counterpart on SO(3) for the rotation
(with one neighbour a straight line, with none no motion). The curve depends on the time of the frame, which is how a
camera's clock offset can be read from the corners (Furgale et al. 2013 do it with B-splines).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .rotations import exp_rotation, inverse_left_jacobian, left_jacobian, log_rotation

NOBODY = -1
LONGEST_GAP_S = 0.5
SHORTEST_GAP_S = 1e-3


class BoardPlacement(NamedTuple):
    """The board at the time of each view, v views; perturbations from the left, rotation (rad) before position (m).

    Args:
        rotation: (v, 3, 3) world from board.
        position_m: (v, 3).
        nodes: (v, 3) the instants before, at and after; NOBODY where there is none.
        by_node: (v, 3, 6, 6) derivative by the pose of each of these.
        by_time: (v, 6) derivative by the time of the view, per second.
    """

    rotation: np.ndarray
    position_m: np.ndarray
    nodes: np.ndarray
    by_node: np.ndarray
    by_time: np.ndarray


def neighbours(times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For instants in the order of time, the indices before and after; NOBODY where that is too far, or nowhere.

    Args:
        times_s: (i,) seconds, NaN where the time of an instant is not known.
    """
    count = len(times_s)
    gaps_s = np.diff(times_s)
    near = np.isfinite(gaps_s) & (gaps_s <= LONGEST_GAP_S) & (gaps_s >= SHORTEST_GAP_S)
    before, after = np.full(count, NOBODY), np.full(count, NOBODY)
    index = np.arange(count)
    before[1:] = np.where(near, index[:-1], NOBODY)
    after[:-1] = np.where(near, index[1:], NOBODY)
    return before, after


def place_boards(
    rotation: np.ndarray, position_m: np.ndarray, times_s: np.ndarray, before: np.ndarray, after: np.ndarray,
    instant: np.ndarray, delay_s: np.ndarray,
) -> BoardPlacement:  # fmt: skip
    """The board in each view.

    Args:
        rotation, position_m: (i, 3, 3) and (i, 3) world from board at each instant.
        times_s, before, after: (i,) times of the instants and their neighbours.
        instant: (v,) instant of each view.
        delay_s: (v,) time of the view after that of its instant, seconds.
    """
    nodes = np.stack([before[instant], instant, after[instant]], axis=1)
    weights, slopes = _weights(times_s, nodes, delay_s)
    shown = np.where(nodes == NOBODY, instant[:, None], nodes)
    here_r, here_p = rotation[instant], position_m[instant]
    turns = log_rotation(rotation[shown[:, [0, 2]]] @ here_r.transpose(0, 2, 1)[:, None])
    ways = position_m[shown[:, [0, 2]]] - here_p[:, None]
    turn = np.einsum("vk,vkj->vj", weights, turns)
    turned, bend = exp_rotation(turn), left_jacobian(turn)

    by_node = np.zeros((len(instant), 3, 6, 6))
    eye = np.eye(3)
    toward = weights[:, :, None, None] * (bend[:, None] @ inverse_left_jacobian(turns))
    away = weights[:, :, None, None] * (bend[:, None] @ inverse_left_jacobian(-turns))
    by_node[:, [0, 2], :3, :3] = toward
    by_node[:, 1, :3, :3] = turned - away.sum(axis=1)
    by_node[:, [0, 2], 3:, 3:] = weights[:, :, None, None] * eye
    by_node[:, 1, 3:, 3:] = (1 - weights.sum(axis=1))[:, None, None] * eye

    turn_rate = np.einsum("vij,vk,vkj->vi", bend, slopes, turns)
    speed = np.einsum("vk,vkj->vj", slopes, ways)
    return BoardPlacement(
        turned @ here_r, here_p + np.einsum("vk,vkj->vj", weights, ways), nodes, by_node,
        np.concatenate([turn_rate, speed], axis=1),
    )  # fmt: skip


def _weights(times_s: np.ndarray, nodes: np.ndarray, delay_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (v, 2) of the neighbours before and after by Lagrange's formula, and their derivatives by time."""
    has = nodes[:, [0, 2]] != NOBODY
    gaps_s = np.where(has, times_s[nodes[:, [0, 2]]] - times_s[nodes[:, [1]]], np.array([-1.0, 1.0]))
    other_s, has_other = gaps_s[:, ::-1], has[:, ::-1]
    t = np.where(has.any(axis=1), delay_s, 0.0)[:, None]
    both = t * (t - other_s) / (gaps_s * (gaps_s - other_s)), (2 * t - other_s) / (gaps_s * (gaps_s - other_s))
    alone = t / gaps_s, 1 / gaps_s
    weight, slope = (np.where(has_other, two, one) for two, one in zip(both, alone, strict=True))
    return np.where(has, weight, 0.0), np.where(has, slope, 0.0)
