"""One fit of a rig to some instants, and its score on others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..camera import Intrinsics
from ..geometry import SE3
from .board_motion import NOBODY
from .bundle import BundleConfig, BundleResult, adjust
from .lens_jacobian import lens_from_row
from .pair_poses import PairPose, pair_poses
from .report_data import ScoreReport
from .rig_bundle import IntrinsicsMode, PriorConfig, RigBundle, rig_bundle
from .scores import score
from .spanning_tree import SpanningTree, spanning_tree
from .view_poses import ViewPose, poses_of_views

if TYPE_CHECKING:
    from .observations import BoardObservations

Timing = Literal["estimated", "simultaneous"]
MOTION_SIGMAS = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class RigStart:
    """Where a fit begins: single views, pairs of cameras, and the tree through them."""

    lenses: tuple[Intrinsics, ...]
    views: Mapping[tuple[int, int], ViewPose]
    pairs: tuple[PairPose, ...]
    tree: SpanningTree

    def of(self, instants: np.ndarray) -> RigStart:
        """The same from some instants only, with the same root where it is still connected."""
        wanted = set(instants.tolist())
        views = {key: view for key, view in self.views.items() if key[1] in wanted}
        pairs = pair_poses(len(self.lenses), views)
        return RigStart(self.lenses, views, pairs, spanning_tree(len(self.lenses), pairs))


@dataclass(frozen=True, slots=True, eq=False)
class RigFit:
    """A rig that was fitted to some instants.

    Args:
        start: where it began.
        bundle: which observations took part, and how they are numbered.
        result: what came out; cameras are numbered as in `bundle`.
        timing: whether the time offsets were found, or the frames taken as simultaneous.
    """

    start: RigStart
    bundle: RigBundle
    result: BundleResult
    timing: Timing

    @property
    def lenses(self) -> list[Intrinsics]:
        """The lenses of the bundle's cameras."""
        models = (self.start.lenses[int(camera)] for camera in self.bundle.cameras)
        return [lens_from_row(row, like) for row, like in zip(self.result.state.lenses, models, strict=True)]

    @property
    def world_from_camera(self) -> dict[int, SE3]:
        """The poses, by the observations' camera numbers; the world is that of the root camera."""
        state = self.result.state
        return {int(camera): state.camera_from_world(i).inverse() for i, camera in enumerate(self.bundle.cameras)}


def rig_start(observations: BoardObservations, lenses: Sequence[Intrinsics]) -> RigStart:
    """Poses of single views, pairs and the spanning tree of all observations."""
    points_m = observations.board.points_m[observations.point]
    views = poses_of_views(lenses, observations.camera, observations.instant, points_m, observations.pixels_px)
    pairs = pair_poses(len(lenses), views)
    return RigStart(tuple(lenses), views, pairs, spanning_tree(len(lenses), pairs))


def fit_rig(
    observations: BoardObservations, start: RigStart, mode: IntrinsicsMode, priors: PriorConfig, timing: Timing,
    config: BundleConfig, *, instants: np.ndarray | None = None,
) -> RigFit:  # fmt: skip
    """Adjust a rig.

    Frames that are taken as simultaneous err by the motion of the board and not by the detection of its corners, and
    every camera does so alike: they share one noise, and only gross outliers are removed. Nor do they say anything of
    how good the given lenses are: a centre would move by hundreds of pixels to make up for a board that moved on.

    Raises:
        QualityError: the corners do not determine the rig.
    """
    together = timing == "simultaneous"
    bundle = rig_bundle(
        observations, start.lenses, start.views, start.tree.root_from_camera, start.tree.root, mode,
        replace(priors, time_offset_s=0.0) if together else priors, instants=instants,
    )  # fmt: skip
    problem = bundle.problem
    config = replace(config, learn_priors=mode == "prior" and not together)
    if together:
        problem = without_motion(bundle).problem
        config = replace(
            config, pooled_noise=True, huber_sigmas=max(config.huber_sigmas, MOTION_SIGMAS),
            outlier_sigmas=max(config.outlier_sigmas, 2 * MOTION_SIGMAS),
        )  # fmt: skip
    return RigFit(start, bundle, adjust(problem, bundle.start, config), timing)


def score_fit(
    observations: BoardObservations, fit: RigFit, instants: np.ndarray | None = None, *, motion: bool
) -> ScoreReport:
    """Score a rig on every corner of some instants; only the poses of the boards are found there.

    Args:
        observations: what was seen.
        fit: the rig; it stays as it is.
        instants: those to score; None = all.
        motion: use the time offsets and the motion of the board between the shutters.
    """
    lenses = list(fit.start.lenses)
    for camera, lens in zip(fit.bundle.cameras, fit.lenses, strict=True):
        lenses[int(camera)] = lens
    points_m = observations.board.points_m[observations.point]
    views = poses_of_views(lenses, observations.camera, observations.instant, points_m, observations.pixels_px)
    bundle = rig_bundle(
        observations, lenses, views, fit.world_from_camera, fit.start.tree.root, "fixed",
        PriorConfig(time_offset_s=0.0), instants=instants, every=not motion,
    )  # fmt: skip
    if not motion:
        bundle = without_motion(bundle)
    problem = replace(bundle.problem.held(), noise_px=fit.result.problem.noise_px)
    state = replace(bundle.start, offsets_s=fit.result.state.offsets_s)
    if motion:
        state = adjust(problem, state, remove_outliers=False, find_noise=False).state
    chosen = [lenses[int(camera)] for camera in bundle.cameras]
    return score(problem, state, chosen, observations.point[bundle.rows], motion=motion)


def without_motion(bundle: RigBundle) -> RigBundle:
    """The same bundle with boards that stand still at each instant."""
    nobody = np.full(bundle.problem.num_instants, NOBODY)
    return replace(bundle, problem=replace(bundle.problem, before=nobody, after=nobody))
