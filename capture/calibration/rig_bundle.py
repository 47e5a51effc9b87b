"""From observed boards to a bundle adjustment: which views take part, what is known before, and where to begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..camera import Intrinsics
from ..geometry import SE3
from .board_motion import neighbours
from .bundle_problem import BundleProblem, BundleState
from .lens_jacobian import NUM_LENS, lens_names, lens_rows, project_lenses
from .pair_poses import SURE_RATIO
from .view_poses import ViewPose

if TYPE_CHECKING:
    from .observations import BoardObservations

IntrinsicsMode = Literal["fixed", "prior", "free"]
FAR_OFF_PX = 50.0


@dataclass(frozen=True, slots=True)
class PriorConfig:
    """What is known of lenses and clocks before anything is seen, one sigma each.

    Args:
        focal: relative, of a focal length whose calibration is given.
        center: of the principal point, relative to the image width.
        radial, tangential: of the distortion coefficients.
        free_focal, free_center, free_radial, free_tangential: the same where the lens is free.
        time_offset_s: of a camera's time offset against the root camera; 0 holds the stamps as they are.
    """

    focal: float = 0.01
    center: float = 0.01
    radial: float = 0.05
    tangential: float = 0.005
    free_focal: float = 0.3
    free_center: float = 0.1
    free_radial: float = 0.5
    free_tangential: float = 0.05
    time_offset_s: float = 0.05

    def lens_sigma(self, lens: Intrinsics, mode: IntrinsicsMode) -> np.ndarray:
        """(12,) sigma of each number of a lens; 0 = held."""
        sigma = np.zeros(NUM_LENS)
        if mode == "fixed":
            return sigma
        free = mode == "free"
        focal, center = (self.free_focal, self.free_center) if free else (self.focal, self.center)
        radial, tangential = (self.free_radial, self.free_tangential) if free else (self.radial, self.tangential)
        sigma[:4] = focal * lens.fx_px, focal * lens.fy_px, center * lens.width_px, center * lens.width_px
        for index, name in enumerate(lens_names(lens)[4:], start=4):
            sigma[index] = tangential if name.startswith("p") else radial
        return sigma


@dataclass(frozen=True, slots=True, eq=False)
class RigBundle:
    """A bundle adjustment that is ready to begin.

    Args:
        problem, start: see bundle_problem; the world is that of the root camera.
        rows: (n,) the observation behind each corner of the problem.
        cameras: (c,) number of each camera in the observations.
        instants: (i,) the same for the instants, in the order of time.
    """

    problem: BundleProblem
    start: BundleState
    rows: np.ndarray
    cameras: np.ndarray
    instants: np.ndarray


def rig_bundle(
    observations: BoardObservations, lenses: Sequence[Intrinsics], views: Mapping[tuple[int, int], ViewPose],
    world_from_camera: Mapping[int, SE3], root: int, mode: IntrinsicsMode, priors: PriorConfig,
    *, instants: np.ndarray | None = None, noise_px: float = 0.5, every: bool = False,
) -> RigBundle:  # fmt: skip
    """The bundle adjustment of some cameras over some instants.

    Args:
        observations: what was seen.
        lenses: of every camera of the observations, where to begin.
        views: poses of single views, by (camera, instant).
        world_from_camera: where each camera that takes part begins.
        root: the camera that stays where it is and whose clock counts.
        mode: what may change of the lenses.
        priors: what is known before.
        instants: the instants that take part; None = all.
        noise_px: a first guess of the noise per axis.
        every: keep instants whose board nobody could place; their poses then mean nothing.
    """
    cameras = np.array(sorted(world_from_camera))
    wanted = np.isin(observations.camera, cameras)
    if instants is not None:
        wanted &= np.isin(observations.instant, instants)
    rows = np.flatnonzero(wanted)
    boards = _first_boards(observations, rows, lenses, views, world_from_camera)
    if every:
        boards = {int(instant): SE3.identity() for instant in np.unique(observations.instant[rows])} | boards
    rows = rows[np.isin(observations.instant[rows], np.array(sorted(boards), dtype=int))]
    times_s = _times_s(observations)
    used = np.unique(observations.instant[rows])
    keys, view = np.unique(
        np.stack([observations.instant[rows], observations.camera[rows]], axis=1), axis=0, return_inverse=True
    )
    stamps_s = times_s[keys[:, 0], keys[:, 1]]
    middle_s = _means(stamps_s, np.searchsorted(used, keys[:, 0]), len(used))
    order = np.argsort(middle_s, kind="stable")
    rank = np.empty(len(used), dtype=int)
    rank[order] = np.arange(len(used))
    used, middle_s = used[order], middle_s[order]
    view_instant = rank[np.searchsorted(np.sort(used), keys[:, 0])]
    before, after = neighbours(middle_s)
    chosen = [lenses[camera] for camera in cameras]
    is_root = cameras == root
    problem = BundleProblem(
        view=view.ravel(),
        points_m=observations.board.points_m[observations.point[rows]],
        pixels_px=observations.pixels_px[rows],
        view_camera=np.searchsorted(cameras, keys[:, 1]),
        view_instant=view_instant,
        view_delay_s=np.nan_to_num(stamps_s - middle_s[view_instant]),
        times_s=middle_s,
        before=before,
        after=after,
        fisheye=np.array([lens.distortion_model == "fisheye" for lens in chosen]),
        noise_px=np.full(len(cameras), noise_px),
        free_pose=~is_root,
        lens_prior=lens_rows(chosen),
        lens_sigma=np.stack([priors.lens_sigma(lens, mode) for lens in chosen]),
        offset_sigma_s=np.where(is_root | ~np.isfinite(middle_s).any(), 0.0, priors.time_offset_s),
        motion_px=np.zeros(len(keys)),
    )
    poses = [world_from_camera[int(camera)].inverse() for camera in cameras]
    start = BundleState(
        np.stack([pose.rotation for pose in poses]),
        np.stack([pose.translation_m for pose in poses]),
        problem.lens_prior,
        np.zeros(len(cameras)),
        np.stack([boards[int(instant)].rotation for instant in used]),
        np.stack([boards[int(instant)].translation_m for instant in used]),
    )
    return RigBundle(problem, start, rows, cameras, used)


def _times_s(observations: BoardObservations) -> np.ndarray:
    """(i, c) seconds since the first frame; NaN where a frame or its stamp is absent."""
    from .observations import NO_TIME

    times_ns = observations.times_ns
    there = times_ns != NO_TIME
    if not there.any():
        return np.full(times_ns.shape, np.nan)
    first_ns = times_ns[there].min()
    return np.where(there, (np.where(there, times_ns, first_ns) - first_ns) * 1e-9, np.nan)


def _means(values: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    there = np.isfinite(values)
    number = np.bincount(group[there], minlength=count)
    total = np.bincount(group[there], values[there], minlength=count)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _first_boards(
    observations: BoardObservations, rows: np.ndarray, lenses: Sequence[Intrinsics],
    views: Mapping[tuple[int, int], ViewPose], world_from_camera: Mapping[int, SE3],
) -> dict[int, SE3]:  # fmt: skip
    """The pose of the board at each instant: of all that single views propose, the one that all views like best.

    A lone view whose two solutions fit alike proposes nothing: its board could be either.
    """
    order = rows[np.argsort(observations.instant[rows], kind="stable")]
    cuts = np.flatnonzero(np.diff(observations.instant[order])) + 1
    row_of = lens_rows(lenses)
    fisheye = np.array([lens.distortion_model == "fisheye" for lens in lenses])
    camera_from_world = {camera: pose.inverse() for camera, pose in world_from_camera.items()}
    boards: dict[int, SE3] = {}
    for part in np.split(order, cuts) if len(order) else []:
        instant, cameras = int(observations.instant[part[0]]), observations.camera[part]
        proposed, single = (
            [],
            [(int(c), views[int(c), instant]) for c in np.unique(cameras) if (int(c), instant) in views],
        )
        if not single or (len(single) == 1 and single[0][1].ratio < SURE_RATIO):
            continue
        for camera, view in single:
            proposed += [world_from_camera[camera] @ pose for pose in (view.camera_from_board, view.other)]
        points_m = observations.board.points_m[observations.point[part]]
        in_camera = np.empty((len(proposed), len(part), 3))
        for camera in np.unique(cameras):
            mine = cameras == camera
            for index, pose in enumerate(proposed):
                in_camera[index, mine] = (camera_from_world[int(camera)] @ pose) @ points_m[mine]
        flat = np.tile(cameras, len(proposed))
        pixels = project_lenses(in_camera.reshape(-1, 3), row_of[flat], fisheye[flat]).pixels_px
        misses = np.linalg.norm(pixels.reshape(len(proposed), len(part), 2) - observations.pixels_px[part], axis=2)
        boards[instant] = proposed[int(np.argmin(np.minimum(misses, FAR_OFF_PX).sum(axis=1)))]
    return boards
