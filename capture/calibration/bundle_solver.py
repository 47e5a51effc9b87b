"""The normal equations of a rig's bundle adjustment, solved and inverted by blocks.

Boards couple only with boards of neighbouring instants, so their block is banded; the few camera numbers form a dense
border, and the Schur complement of the boards leaves a small dense system (Triggs et al. 2000, section 6).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve, cho_solve_banded, cholesky_banded

from .board_motion import NOBODY
from .bundle_problem import NUM_CAMERA, BundleProblem, BundleState, Linearised

BAND = 17
INSTANTS_AT_ONCE = 64
FLOOR = 1e-3  # of the information of a board that nobody sees: a sigma of 30 m or rad


class NormalEquations(NamedTuple):
    """J^T W J and J^T W r of f free camera numbers and 6 i board numbers.

    Args:
        columns: (c, 19) the row of each camera number, -1 where it is held.
        camera: (f, f); cross: (6 i, f) boards by cameras; band: (18, 6 i) the boards, upper banded form.
        camera_gradient: (f,); board_gradient: (6 i,).
    """

    columns: np.ndarray
    camera: np.ndarray
    cross: np.ndarray
    band: np.ndarray
    camera_gradient: np.ndarray
    board_gradient: np.ndarray


def normal_equations(
    problem: BundleProblem, state: BundleState, lines: Linearised, weights: np.ndarray
) -> NormalEquations:
    """Assemble them, priors included.

    Args:
        weights: (n,) of the corners, 1/px^2.
    """
    free = problem.free()
    columns = np.where(free, np.cumsum(free).reshape(free.shape) - 1, -1)
    num_free = int(free.sum())
    jacobian = _jacobian(problem, lines, columns, num_free, np.sqrt(weights))
    residual = (lines.residuals_px * np.sqrt(weights)[:, None]).ravel()
    hessian = (jacobian.T @ jacobian).tocsr()
    gradient = jacobian.T @ residual
    camera = hessian[:num_free, :num_free].toarray()
    sigma = problem.prior_sigma()[free]
    camera[np.arange(num_free), np.arange(num_free)] += 1 / sigma**2
    gradient[:num_free] -= problem.prior_residual(state)[free] / sigma**2
    boards = sparse.triu(hessian[num_free:, num_free:]).tocoo()
    band = np.zeros((BAND + 1, 6 * problem.num_instants))
    band[BAND + boards.row - boards.col, boards.col] = boards.data
    band[BAND] += FLOOR
    return NormalEquations(
        columns, camera, hessian[num_free:, :num_free].toarray(), band, gradient[:num_free], gradient[num_free:]
    )


def solve_step(system: NormalEquations, damping: float) -> tuple[np.ndarray, np.ndarray]:
    """A damped Gauss-Newton step (Marquardt 1963): (c, 19) of the cameras and (i, 6) of the boards.

    Raises:
        LinAlgError: the system is not positive definite.
    """
    band, camera = system.band.copy(), system.camera.copy()
    band[BAND] *= 1 + damping
    camera[np.diag_indices_from(camera)] *= 1 + damping
    factor = cholesky_banded(band, check_finite=False)
    eliminated = cho_solve_banded((factor, False), system.cross, check_finite=False)
    board = cho_solve_banded((factor, False), system.board_gradient, check_finite=False)
    step = np.zeros(len(camera))
    if len(camera):
        schur = camera - system.cross.T @ eliminated
        step = cho_solve(cho_factor(schur), system.camera_gradient - system.cross.T @ board)
        board = board - eliminated @ step
    whole = np.where(system.columns >= 0, np.append(step, 0.0)[system.columns], 0.0)
    return whole, board.reshape(-1, 6)


class BundleCovariance(NamedTuple):
    """The inverse of the normal equations, as far as anybody asks for it.

    Args:
        columns: as of the equations.
        camera: (f, f) covariance of the free camera numbers.
        board: (i, 6, 6) covariance of each board pose.
        residual: (n, 2, 2) covariance of the predicted pixels, px^2.
    """

    columns: np.ndarray
    camera: np.ndarray
    board: np.ndarray
    residual: np.ndarray

    def of_camera(self, index: int) -> np.ndarray:
        """(19, 19) covariance of one camera's numbers; zero where they are held."""
        columns = self.columns[index]
        free = columns >= 0
        whole = np.zeros((NUM_CAMERA, NUM_CAMERA))
        whole[np.ix_(free, free)] = self.camera[np.ix_(columns[free], columns[free])]
        return whole


def covariance(problem: BundleProblem, lines: Linearised, system: NormalEquations) -> BundleCovariance:
    """Covariances by the Schur complement.

    Raises:
        LinAlgError: the system is not positive definite.
    """
    factor = cholesky_banded(system.band, check_finite=False)
    eliminated = cho_solve_banded((factor, False), system.cross, check_finite=False)
    num_free = len(system.camera)
    camera = np.zeros((0, 0))
    if num_free:
        schur = system.camera - system.cross.T @ eliminated
        camera = cho_solve(cho_factor(schur), np.eye(num_free))
        camera = (camera + camera.T) / 2
    blocks = _inverse_blocks(factor, problem.num_instants)
    placement = lines.placement
    shown = np.where(placement.nodes == NOBODY, placement.nodes[:, [1]], placement.nodes)
    steps = shown[:, None, :] - shown[:, :, None]
    between = blocks[shown[:, :, None], steps + 2]
    board = np.einsum("vkab,vklbc,vldc->vad", placement.by_node, between, placement.by_node, optimize=True)
    residual = lines.by_board @ board[problem.view] @ lines.by_board.transpose(0, 2, 1)
    if num_free:
        jacobian = _jacobian(problem, lines, system.columns, num_free, np.ones(len(problem.view)))
        reduced = (jacobian[:, :num_free].toarray() - jacobian[:, num_free:] @ eliminated).reshape(-1, 2, num_free)
        residual = residual + reduced @ camera @ reduced.transpose(0, 2, 1)
    spread = eliminated.reshape(problem.num_instants, 6, num_free)
    marginal = blocks[:, 2] + spread @ camera @ spread.transpose(0, 2, 1)
    return BundleCovariance(system.columns, camera, marginal, residual)


def _inverse_blocks(factor: np.ndarray, num_instants: int) -> np.ndarray:
    """(i, 5, 6, 6): of the inverse of a banded matrix, the blocks of each instant with those up to two away."""
    blocks = np.zeros((num_instants, 5, 6, 6))
    for begin in range(0, num_instants, INSTANTS_AT_ONCE):
        end = min(begin + INSTANTS_AT_ONCE, num_instants)
        unit = np.zeros((6 * num_instants, 6 * (end - begin)))
        unit[np.arange(6 * begin, 6 * end), np.arange(6 * (end - begin))] = 1.0
        inverse = cho_solve_banded((factor, False), unit, overwrite_b=True, check_finite=False)
        inverse = inverse.reshape(num_instants, 6, end - begin, 6)
        for step in range(-2, 3):
            other = np.arange(begin, end) + step
            inside = (other >= 0) & (other < num_instants)
            mine = np.arange(end - begin)[inside]
            blocks[begin + mine, step + 2] = inverse[other[inside], :, mine].transpose(0, 2, 1)
    return blocks


def _jacobian(
    problem: BundleProblem, lines: Linearised, columns: np.ndarray, num_free: int, scale: np.ndarray
) -> sparse.csr_matrix:
    """(2 n, f + 6 i) derivative of the predictions, each corner's rows times its scale."""
    view = problem.view
    nodes = lines.placement.nodes[view]
    by_nodes = np.einsum("nij,nkjl->nikl", lines.by_board, lines.placement.by_node[view], optimize=True)
    node_columns = np.where(nodes[:, :, None] == NOBODY, -1, num_free + 6 * nodes[:, :, None] + np.arange(6))
    every = np.concatenate([columns[problem.camera], node_columns.reshape(len(view), 18)], axis=1)
    values = np.concatenate([lines.by_camera, by_nodes.reshape(len(view), 2, 18)], axis=2) * scale[:, None, None]
    there = np.repeat((every >= 0)[:, None, :], 2, axis=1)
    column = np.repeat(every[:, None, :], 2, axis=1)[there]
    starts = np.concatenate([[0], np.cumsum(there.sum(axis=2).ravel())])
    shape = (2 * len(view), num_free + 6 * problem.num_instants)
    return sparse.csr_matrix((values[there], column, starts), shape=shape)
