"""The calibration of one lens as numbers: what was seen, what is known before, what is to be found, and one step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from .board_sheet import NUM_SHEET, SheetGrid
from .lens_jacobian import NUM_LENS, project_lenses
from .rotations import cross_matrix, exp_rotation

FLOOR = 1e-6  # of the information of a view of which no corner is left: a sigma of 1 km or 1000 rad
ROUGH_SAMPLES, ROUGH_SIGMA = 65, 2e-4
NUM_SHARED = NUM_LENS + NUM_SHEET
LENS, SHEET = slice(0, NUM_LENS), slice(NUM_LENS, NUM_SHARED)


@dataclass(frozen=True, slots=True, eq=False)
class LensProblem:
    """Corners of a board in v views of one camera.

    Args:
        view: (n,) the view of each corner, ascending.
        drawn_m: (n, 3) the corner as it was drawn.
        pixels_px: (n, 2) where it was seen.
        num_views: v.
        grid: of the board.
        fisheye: the model of the lens.
        prior, sigma: (17,) mean and one sigma of the lens's and the sheet's numbers; sigma 0 = held at the mean.
        aspect_sigma: of fx / fy about one.
        reach: distance from the axis, on the image plane at depth 1, up to which the lens is to be smooth.
        noise_px: standard deviation of a corner per axis.
    """

    view: np.ndarray
    drawn_m: np.ndarray
    pixels_px: np.ndarray
    num_views: int
    grid: SheetGrid
    fisheye: bool
    prior: np.ndarray
    sigma: np.ndarray
    aspect_sigma: float
    reach: float
    noise_px: float

    @property
    def free(self) -> np.ndarray:
        """(17,) bool: which shared numbers are to be found."""
        return self.sigma > 0

    def only(self, kept: np.ndarray) -> LensProblem:
        """The problem with some of its corners (n,) bool; views stay as they are numbered."""
        return replace(self, view=self.view[kept], drawn_m=self.drawn_m[kept], pixels_px=self.pixels_px[kept])


@dataclass(frozen=True, slots=True, eq=False)
class LensState:
    """What is to be found.

    Args:
        shared: (17,) lens (see lens_jacobian) and sheet (see board_sheet).
        rotation, position_m: (v, 3, 3) and (v, 3) camera from board.
    """

    shared: np.ndarray
    rotation: np.ndarray
    position_m: np.ndarray

    def moved(self, shared_step: np.ndarray, view_step: np.ndarray) -> LensState:
        """This state after a step: (17,) shared and (v, 6) of the views."""
        return LensState(
            self.shared + shared_step, exp_rotation(view_step[:, :3]) @ self.rotation,
            self.position_m + view_step[:, 3:],
        )  # fmt: skip

    def of(self, views: np.ndarray) -> LensState:
        """The same with some views only."""
        return LensState(self.shared, self.rotation[views], self.position_m[views])


class LensRows(NamedTuple):
    """Residuals, seen minus predicted (n, 2), and derivatives of the predictions (n, 2, 17) and (n, 2, 6)."""

    residuals_px: np.ndarray
    by_shared: np.ndarray
    by_view: np.ndarray


def lens_rows_at(problem: LensProblem, state: LensState) -> LensRows:
    """Residuals and derivatives at a state."""
    sheet = problem.grid.points(problem.drawn_m, state.shared[SHEET])
    rotation = state.rotation[problem.view]
    lever = np.einsum("nij,nj->ni", rotation, sheet.points_m)
    count = len(problem.view)
    shown = project_lenses(
        lever + state.position_m[problem.view], np.broadcast_to(state.shared[LENS], (count, NUM_LENS)),
        np.full(count, problem.fisheye),
    )  # fmt: skip
    by_sheet = (shown.by_point @ rotation) @ sheet.by_sheet
    by_view = np.concatenate([-shown.by_point @ cross_matrix(lever), shown.by_point], axis=2)
    return LensRows(problem.pixels_px - shown.pixels_px, np.concatenate([shown.by_lens, by_sheet], axis=2), by_view)


class LensNormal(NamedTuple):
    """Normal equations: shared numbers that are free (f, f) and (f,), views (v, 6, 6) and (v, 6), both (v, 6, f)."""

    shared: np.ndarray
    shared_gradient: np.ndarray
    views: np.ndarray
    view_gradient: np.ndarray
    cross: np.ndarray


def lens_normal(problem: LensProblem, state: LensState, rows: LensRows, weights: np.ndarray) -> LensNormal:
    """Assemble them, priors included; `weights` (n,) of the corners, 1/px^2."""
    free = problem.free
    by_shared = rows.by_shared[:, :, free]
    weighted = by_shared * weights[:, None, None]
    shared = np.einsum("nij,nik->jk", weighted, by_shared)
    gradient = np.einsum("nij,ni->j", weighted, rows.residuals_px)
    heavy = rows.by_view * weights[:, None, None]
    views = _sums(np.einsum("nij,nik->njk", heavy, rows.by_view), problem) + FLOOR * np.eye(6)
    view_gradient = _sums(np.einsum("nij,ni->nj", heavy, rows.residuals_px), problem)
    cross = _sums(np.einsum("nij,nik->njk", heavy, by_shared), problem)
    information, prior_gradient = _prior(problem, state)
    return LensNormal(
        shared + information[np.ix_(free, free)], gradient + prior_gradient[free], views, view_gradient, cross
    )


def prior_cost(problem: LensProblem, state: LensState) -> float:
    """Half the squares of what is known before."""
    free = problem.free
    off = (state.shared - problem.prior)[free] / problem.sigma[free]
    rough = _roughness(problem, state)[0]
    return 0.5 * float(off @ off) + 0.5 * _aspect(problem, state) ** 2 + 0.5 * float(rough @ rough)


def solve_lens(normal: LensNormal, problem: LensProblem, damping: float) -> tuple[np.ndarray, np.ndarray]:
    """A damped step: (17,) shared and (v, 6).

    Raises:
        LinAlgError: the system is singular.
    """
    views = normal.views * (1 + damping * np.eye(6))
    shared = normal.shared * (1 + damping * np.eye(len(normal.shared)))
    eliminated = np.linalg.solve(views, np.concatenate([normal.cross, normal.view_gradient[:, :, None]], axis=2))
    by_shared, alone = eliminated[:, :, :-1], eliminated[:, :, -1]
    schur = shared - np.einsum("vji,vjk->ik", normal.cross, by_shared)
    step = np.linalg.solve(schur, normal.shared_gradient - np.einsum("vji,vj->i", normal.cross, alone))
    whole = np.zeros(NUM_SHARED)
    whole[problem.free] = step
    return whole, alone - by_shared @ step


class LensSpread(NamedTuple):
    """Covariances: of the shared numbers (17, 17), zero where held, and of every predicted corner (n, 2, 2)."""

    shared: np.ndarray
    predicted: np.ndarray


def lens_spread(problem: LensProblem, rows: LensRows, normal: LensNormal) -> LensSpread:
    """The inverse of the normal equations.

    Raises:
        LinAlgError: the system is singular.
    """
    inverse = np.linalg.inv(normal.views)
    by_shared = inverse @ normal.cross
    small = np.linalg.inv(normal.shared - np.einsum("vji,vjk->ik", normal.cross, by_shared))
    small = (small + small.T) / 2
    reduced = rows.by_shared[:, :, problem.free] - rows.by_view @ by_shared[problem.view]
    predicted = reduced @ small @ reduced.transpose(0, 2, 1)
    predicted += rows.by_view @ inverse[problem.view] @ rows.by_view.transpose(0, 2, 1)
    whole = np.zeros((NUM_SHARED, NUM_SHARED))
    whole[np.ix_(problem.free, problem.free)] = small
    return LensSpread(whole, predicted)


def _sums(values: np.ndarray, problem: LensProblem) -> np.ndarray:
    """Sums over the corners of each view, in the order of the views; zero for a view without corners."""
    total = np.zeros((problem.num_views, *values.shape[1:]))
    if len(values):
        begins = np.flatnonzero(np.r_[True, np.diff(problem.view) > 0])
        total[problem.view[begins]] = np.add.reduceat(values, begins, axis=0)
    return total


def _aspect(problem: LensProblem, state: LensState) -> float:
    """How far fx and fy are apart, in sigmas; against the prior's focal length, so that it stays linear."""
    return float(state.shared[0] - state.shared[1]) / (problem.aspect_sigma * float(problem.prior[0]))


def _prior(problem: LensProblem, state: LensState) -> tuple[np.ndarray, np.ndarray]:
    free = problem.free
    information = np.zeros((NUM_SHARED, NUM_SHARED))
    inverse = np.where(free, 1 / np.where(free, problem.sigma, 1.0) ** 2, 0.0)
    information[np.diag_indices(NUM_SHARED)] = inverse
    gradient = -inverse * (state.shared - problem.prior)
    if free[0] and free[1]:
        row = np.array([1.0, -1.0]) / (problem.aspect_sigma * float(problem.prior[0]))
        information[:2, :2] += np.outer(row, row)
        gradient[:2] -= row * _aspect(problem, state)
    rough, by_lens = _roughness(problem, state)
    information[LENS, LENS] += by_lens.T @ by_lens
    gradient[LENS] -= by_lens.T @ rough
    return information, gradient


def _roughness(problem: LensProblem, state: LensState) -> tuple[np.ndarray, np.ndarray]:
    """How rough the bent radius is along the radius, in sigmas (s,), and the derivative by the lens's numbers (s, 12).

    The ratio of two polynomials may have a pole next to a zero, which a few corners cannot forbid: a lens of glass has
    none. Third differences tell such a kink from bending.
    """
    radius = np.linspace(0.0, problem.reach, ROUGH_SAMPLES)
    row = state.shared[LENS].copy()
    row[:4] = 1.0, 1.0, 0.0, 0.0
    row[6:8] = row[6:8] if problem.fisheye else 0.0
    points = np.stack([radius, np.zeros(ROUGH_SAMPLES), np.ones(ROUGH_SAMPLES)], axis=1)
    shown = project_lenses(points, np.tile(row, (ROUGH_SAMPLES, 1)), np.full(ROUGH_SAMPLES, problem.fisheye))
    by_lens = shown.by_lens[:, 0].copy()
    by_lens[:, :4] = 0.0
    if not problem.fisheye:
        by_lens[:, 6:8] = 0.0
    return np.diff(shown.pixels_px[:, 0], 3) / ROUGH_SIGMA, np.diff(by_lens, 3, axis=0) / ROUGH_SIGMA
