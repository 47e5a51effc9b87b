"""Calibration of one lens from several images of a board: model, numbers, their uncertainty, and the held-out error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from ..camera import Intrinsics
from ..errors import InputError, QualityError
from .board_sheet import NUM_SHEET, sheet_grid
from .lens_fit import LensFit, LensFitConfig, descend, fit_lens, undetermined
from .lens_jacobian import NUM_LENS, lens_from_row, lens_names, lens_row
from .lens_problem import LENS, SHEET, LensProblem, LensState, lens_rows_at
from .lens_start import first_lens, pinhole, spread_views
from .view_poses import ViewPose, pose_of_view

if TYPE_CHECKING:
    from .observations import BoardObservations

FEWEST_VIEWS = 4
MOST_FOLDS = 10
MARGIN = 0.98
LEAST_KNOWN = 0.1


@dataclass(frozen=True, slots=True)
class LensConfig:
    """How a lens is calibrated.

    Args:
        model: "auto" takes the model with the lowest held-out error, a simpler one where it is hardly lower.
        most_views: of more images, those that differ most are taken.
        free_board: also try a board that bends; taken only where the held-out error falls.
        focal, center, radial, tangential, aspect: one sigma of what is believed of any lens: focal length relative to
            the first guess, centre relative to the image's width about its middle, distortion, fx / fy about one.
        fit: the adjustment.
    """

    model: Literal["auto", "brown_conrady", "fisheye"] = "auto"
    most_views: int = 40
    free_board: bool = True
    focal: float = 1.0
    center: float = 0.1
    radial: float = 3.0
    tangential: float = 0.02
    aspect: float = 0.01
    fit: LensFitConfig = field(default_factory=LensFitConfig)


class LensModel(NamedTuple):
    """A candidate: the lens's model, its number of distortion coefficients, and whether the board may bend."""

    distortion_model: str
    num_distortion: int
    bent_board: bool


@dataclass(frozen=True, slots=True)
class HeldOutLens:
    """How a candidate does on views that had no part in its fit; only the pose of the board is found there.

    Args:
        model: the candidate.
        rms_px: root mean square length of all residuals, none dropped.
        num_folds: in how many parts the views were divided.
    """

    model: LensModel
    rms_px: float
    num_folds: int


@dataclass(frozen=True, slots=True, eq=False)
class LensCalibration:
    """A calibrated lens.

    Args:
        camera_id: whose.
        lens: the lens.
        names: of its numbers.
        covariance: (k, k) in that order: of the fit, widened where leaving views out moves the numbers more.
        model: the candidate that was taken.
        held_out: what was measured of every candidate; the first is the one that was taken.
        views: instants that took part, ascending.
        num_seen: images in which the board was found.
        bow_m: by how much the board leaves a plane; 0 where it was taken as flat.
        fit: the fit to all views.
    """

    camera_id: str
    lens: Intrinsics
    names: tuple[str, ...]
    covariance: np.ndarray
    model: LensModel
    held_out: tuple[HeldOutLens, ...]
    views: tuple[int, ...]
    num_seen: int
    bow_m: float
    fit: LensFit

    @property
    def sigma(self) -> np.ndarray:
        """(k,) one sigma of each number."""
        return np.sqrt(np.diagonal(self.covariance))


def calibrate_lens(
    observations: BoardObservations, camera_id: str, config: LensConfig | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> LensCalibration:  # fmt: skip
    """Find the lens of one camera; what is known of it before has no part in it.

    Args:
        observations: what was seen; needs the image size of the camera.
        camera_id: which camera.
        config: see LensConfig.
        progress: called with (candidates tried, candidates in all).

    Raises:
        InputError: too few images show the board.
        QualityError: the images do not determine the lens.
    """
    config = config or LensConfig()
    views = _views(observations, camera_id, config)
    candidates = _candidates(config)
    fits: dict[LensModel, tuple[LensFit, float, np.ndarray]] = {}
    start: LensState | None = None
    failed: QualityError | None = None
    for number, model in enumerate(candidates):
        try:
            fit = fit_lens(_problem(views, model, config), _begin(views, model, start), config.fit)
            fits[model] = (fit, *_hold_out(fit, config))
            start = fit.state if start is None and model.distortion_model == "brown_conrady" else start
        except QualityError as error:  # a model that these images do not determine is no candidate
            failed = error
        if progress:
            progress(number + 1, len(candidates))
    if failed is not None and not fits:
        raise failed
    best = next(iter(fits))
    for model in fits:
        if fits[model][1] < MARGIN * fits[best][1]:
            best = model
    fit, _, parts = fits[best]
    return _result(observations, camera_id, views, best, fit, parts, fits)


class _Views(NamedTuple):
    """The views of a camera that take part, and where they begin."""

    camera_id: str
    instants: list[int]
    drawn_m: list[np.ndarray]
    pixels_px: list[np.ndarray]
    poses: list[ViewPose]
    lens: Intrinsics
    num_seen: int
    board_m: np.ndarray


def _views(observations: BoardObservations, camera_id: str, config: LensConfig) -> _Views:
    number = observations.camera_ids.index(camera_id)
    known = observations.lenses.get(camera_id)
    size_px = observations.sizes_px.get(camera_id) or (known and (known.width_px, known.height_px))
    if not size_px:
        raise InputError("the size of the images is not known", where=f"camera {camera_id}")
    mine = observations.of(number)
    instants = np.unique(mine.instant)
    drawn = [observations.board.points_m[mine.point[mine.instant == instant]] for instant in instants]
    pixels = [mine.pixels_px[mine.instant == instant] for instant in instants]
    flat = [_in_a_plane(points) for points in drawn]
    if sum(flat) < FEWEST_VIEWS:
        raise _too_few(camera_id, len(instants), sum(flat))
    instants = instants[flat]
    drawn, pixels = ([entry for entry, good in zip(part, flat, strict=True) if good] for part in (drawn, pixels))
    lens = first_lens(size_px, drawn, pixels)
    posed = [pose_of_view(lens, points, corners) for points, corners in zip(drawn, pixels, strict=True)]
    there = [index for index, pose in enumerate(posed) if pose is not None]
    poses = [pose for pose in posed if pose is not None]
    if len(poses) < FEWEST_VIEWS:
        raise _too_few(camera_id, len(instants), len(poses))
    chosen = spread_views(poses, [pixels[index] for index in there], size_px, config.most_views)
    kept = [there[index] for index in chosen]
    return _Views(
        camera_id, [int(instants[index]) for index in kept], [drawn[index] for index in kept],
        [pixels[index] for index in kept], [poses[index] for index in chosen], lens, len(instants),
        observations.board.points_m,
    )  # fmt: skip


def _in_a_plane(points_m: np.ndarray) -> bool:
    """Whether corners span a plane: six or more, not in a line."""
    spread = np.linalg.svd(points_m - points_m.mean(axis=0), compute_uv=False) if len(points_m) >= 6 else np.zeros(2)
    return bool(spread[1] > 0.02 * spread[0])


def _too_few(camera_id: str, seen: int, good: int) -> InputError:
    return InputError(
        f"{good} image{'' if good == 1 else 's'} of a board cannot tell a lens",
        where=f"camera {camera_id}",
        why=f"the board is seen in {seen}; in {seen - good} of them its corners lie in a line or are fewer than six"
        if good < seen else f"at least {FEWEST_VIEWS} are needed: one says nothing of what it was fitted to",
        todo="film ten images or more, the whole board in view, tilted in all directions, near and far",
    )  # fmt: skip


def _candidates(config: LensConfig) -> list[LensModel]:
    lenses = [("brown_conrady", 5), ("fisheye", 4), ("brown_conrady", 8)]
    boards = (False, True) if config.free_board else (False,)
    return [
        LensModel(name, number, bent) for bent in boards for name, number in lenses
        if config.model in ("auto", name)
    ]  # fmt: skip


def _like(views: _Views, model: LensModel) -> Intrinsics:
    return replace(
        views.lens, distortion_model=model.distortion_model, distortion=np.zeros(model.num_distortion)
    )  # fmt: skip


def _problem(views: _Views, model: LensModel, config: LensConfig) -> LensProblem:
    like = _like(views, model)
    middle = pinhole((like.width_px, like.height_px), like.fx_px / max(like.width_px, like.height_px))
    sigma = np.zeros(NUM_LENS + NUM_SHEET)
    sigma[:2], sigma[2:4] = config.focal * like.fx_px, config.center * like.width_px
    for index, name in enumerate(lens_names(like)[4:], start=4):
        sigma[index] = config.tangential if name.startswith("p") else config.radial
    grid = sheet_grid(views.board_m)
    if model.bent_board:
        sigma[SHEET] = grid.sigma_m
    prior = np.concatenate([lens_row(middle), np.zeros(NUM_SHEET)])
    reach = float(np.hypot(like.width_px / like.fx_px, like.height_px / like.fy_px)) / 2
    numbers = np.repeat(np.arange(len(views.drawn_m)), [len(points) for points in views.drawn_m])
    return LensProblem(
        numbers, np.concatenate(views.drawn_m), np.concatenate(views.pixels_px), len(views.drawn_m), grid,
        model.distortion_model == "fisheye", prior, sigma, config.aspect, reach, 1.0,
    )  # fmt: skip


def _begin(views: _Views, model: LensModel, found: LensState | None) -> LensState:
    """From the first poses, or from a fit of Brown-Conrady; of a fisheye its distortion is forgotten."""
    shared = np.zeros(NUM_LENS + NUM_SHEET)
    if found is not None:
        kept = NUM_LENS if model.distortion_model == "brown_conrady" else 4
        shared[:kept] = found.shared[:kept]
        return LensState(shared, *_poses_of(found))
    shared[:4] = lens_row(views.lens)[:4]
    poses = [pose.camera_from_board for pose in views.poses]
    return LensState(
        shared, np.stack([pose.rotation for pose in poses]), np.stack([pose.translation_m for pose in poses])
    )


def _poses_of(state: LensState) -> tuple[np.ndarray, np.ndarray]:
    return state.rotation, state.position_m


def _hold_out(fit: LensFit, config: LensConfig) -> tuple[float, np.ndarray]:
    """The error on views that are left out in turn, and the (k, 17) numbers that were found without them."""
    problem = fit.problem
    folds = min(MOST_FOLDS, problem.num_views)
    fold = np.arange(problem.num_views) % folds
    squares, shared = [], []
    for number in range(folds):
        with_it, without = _part(problem, fold == number), _part(problem, fold != number)
        kept = fit.kept[fold[problem.view] != number]
        state = descend(without.only(kept), fit.state.of(fold != number), config.fit)
        held = replace(with_it, prior=state.shared, sigma=np.zeros_like(with_it.sigma))
        left = descend(held, LensState(state.shared, *_poses_of(fit.state.of(fold == number))), config.fit)
        squares.append((lens_rows_at(held, left).residuals_px ** 2).sum(axis=1))
        shared.append(state.shared)
    return float(np.sqrt(np.concatenate(squares).mean())), np.array(shared)


def _part(problem: LensProblem, wanted: np.ndarray) -> LensProblem:
    """The problem of some views (v,) bool."""
    part = problem.only(wanted[problem.view])
    return replace(part, view=(np.cumsum(wanted) - 1)[part.view], num_views=int(wanted.sum()))


def _result(
    observations: BoardObservations, camera_id: str, views: _Views, best: LensModel, fit: LensFit, parts: np.ndarray,
    fits: dict[LensModel, tuple[LensFit, float, np.ndarray]],
) -> LensCalibration:  # fmt: skip
    lens = lens_from_row(fit.state.shared[LENS], _like(views, best))
    names = lens_names(lens)
    formal = fit.covariance[: len(names), : len(names)]
    spread = parts[:, : len(names)] - parts[:, : len(names)].mean(axis=0)
    jackknife = np.sqrt((len(parts) - 1) / len(parts) * (spread**2).sum(axis=0))  # Tukey 1958
    wider = np.maximum(jackknife / np.sqrt(np.maximum(np.diagonal(formal), 1e-300)), 1.0)
    covariance = formal * np.outer(wider, wider)
    if np.sqrt(covariance[0, 0]) > LEAST_KNOWN * lens.fx_px:
        raise undetermined()
    order: Sequence[LensModel] = [best, *(model for model in fits if model != best)]
    bow_m = fit.problem.grid.bow_m(observations.board.points_m, fit.state.shared[SHEET])
    return LensCalibration(
        camera_id, lens, names, covariance, best,
        tuple(HeldOutLens(model, fits[model][1], len(fits[model][2])) for model in order),
        tuple(views.instants), views.num_seen, bow_m, fit,
    )  # fmt: skip
