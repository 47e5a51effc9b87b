"""The bundle adjustment of a rig as numbers: what was seen, what is known before, and what is to be found."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..geometry import SE3
from .board_motion import NOBODY, BoardPlacement, place_boards
from .lens_jacobian import NUM_LENS, project_lenses
from .rotations import cross_matrix, exp_rotation, log_rotation

NUM_CAMERA = 6 + NUM_LENS + 1
JERK_SHARE = 0.5
MOST_MOTION_PX = 50.0
NEAREST_BOARD_M = 0.1
POSE, LENS, OFFSET = slice(0, 6), slice(6, 18), 18


@dataclass(frozen=True, slots=True, eq=False)
class BundleState:
    """What is to be found: c cameras and i instants.

    Args:
        rotation, position_m: (c, 3, 3) and (c, 3) camera from world.
        lenses: (c, 12) see lens_jacobian.
        offsets_s: (c,) to be added to the stamps of a camera.
        board_rotation, board_position_m: (i, 3, 3) and (i, 3) world from board at the instant's time.
    """

    rotation: np.ndarray
    position_m: np.ndarray
    lenses: np.ndarray
    offsets_s: np.ndarray
    board_rotation: np.ndarray
    board_position_m: np.ndarray

    def camera_from_world(self, camera: int) -> SE3:
        """The pose of one camera."""
        return SE3(self.rotation[camera], self.position_m[camera])

    def moved(self, camera_step: np.ndarray, board_step: np.ndarray) -> BundleState:
        """This state after a step: (c, 19) of the cameras (pose, lens, offset) and (i, 6) of the boards."""
        turn, board_turn = exp_rotation(camera_step[:, :3]), exp_rotation(board_step[:, :3])
        return BundleState(
            turn @ self.rotation,
            np.einsum("cij,cj->ci", turn, self.position_m) + camera_step[:, 3:6],
            self.lenses + camera_step[:, LENS],
            self.offsets_s + camera_step[:, OFFSET],
            board_turn @ self.board_rotation,
            self.board_position_m + board_step[:, 3:],
        )


@dataclass(frozen=True, slots=True, eq=False)
class BundleProblem:
    """What was seen, and what is known before.

    Args:
        view: (n,) the view (camera at an instant) of each observed corner.
        points_m: (n, 3) the corner on the board, metres.
        pixels_px: (n, 2) where it was seen.
        view_camera, view_instant: (v,) camera and instant of each view.
        view_delay_s: (v,) stamp of the view's frame after the time of its instant; 0 where stamps are unknown.
        times_s, before, after: (i,) times of the instants, ascending, and their neighbours (see board_motion).
        fisheye: (c,) bool.
        noise_px: (c,) standard deviation of a corner per axis.
        free_pose: (c,) bool, False for the camera that fixes the world.
        lens_prior, lens_sigma: (c, 12) mean and sigma of each lens number; sigma 0 = held, inf = nothing known.
        offset_sigma_s: (c,) sigma of the time offset about 0; 0 = held.
        motion_px: (v,) by how much a view may err because nobody knows exactly how the board moved.
    """

    view: np.ndarray
    points_m: np.ndarray
    pixels_px: np.ndarray
    view_camera: np.ndarray
    view_instant: np.ndarray
    view_delay_s: np.ndarray
    times_s: np.ndarray
    before: np.ndarray
    after: np.ndarray
    fisheye: np.ndarray
    noise_px: np.ndarray
    free_pose: np.ndarray
    lens_prior: np.ndarray
    lens_sigma: np.ndarray
    offset_sigma_s: np.ndarray
    motion_px: np.ndarray

    @property
    def sigma_px(self) -> np.ndarray:
        """(n,) standard deviation of each corner per axis, motion included."""
        return np.hypot(self.noise_px[self.camera], self.motion_px[self.view])

    @property
    def camera(self) -> np.ndarray:
        """(n,) the camera of each corner."""
        return self.view_camera[self.view]

    @property
    def num_cameras(self) -> int:
        """How many cameras there are."""
        return len(self.fisheye)

    @property
    def num_instants(self) -> int:
        """How many instants there are."""
        return len(self.times_s)

    def free(self) -> np.ndarray:
        """(c, 19) bool: which numbers of the cameras are to be found."""
        free = np.zeros((self.num_cameras, NUM_CAMERA), dtype=bool)
        free[:, POSE] = self.free_pose[:, None]
        free[:, LENS] = self.lens_sigma > 0
        free[:, OFFSET] = self.offset_sigma_s > 0
        return free

    def prior_sigma(self) -> np.ndarray:
        """(c, 19) sigma of what is known before; inf where nothing is."""
        sigma = np.full((self.num_cameras, NUM_CAMERA), np.inf)
        sigma[:, LENS], sigma[:, OFFSET] = self.lens_sigma, self.offset_sigma_s
        return np.where(self.free(), sigma, np.inf)

    def prior_residual(self, state: BundleState) -> np.ndarray:
        """(c, 19) how far a state is from what was known before."""
        residual = np.zeros((self.num_cameras, NUM_CAMERA))
        residual[:, LENS], residual[:, OFFSET] = state.lenses - self.lens_prior, state.offsets_s
        return residual

    def only(self, kept: np.ndarray) -> BundleProblem:
        """The problem with some of its corners; views and instants stay as they are numbered."""
        return replace(self, view=self.view[kept], points_m=self.points_m[kept], pixels_px=self.pixels_px[kept])

    def held(self) -> BundleProblem:
        """The problem of the boards alone, every number of the cameras held."""
        none = np.zeros(self.num_cameras)
        return replace(
            self, free_pose=none.astype(bool), lens_sigma=np.zeros_like(self.lens_sigma), offset_sigma_s=none
        )


@dataclass(frozen=True, slots=True, eq=False)
class Linearised:
    """The residuals of a state and their derivatives.

    Args:
        residuals_px: (n, 2) seen minus predicted.
        by_camera: (n, 2, 19) derivative of the prediction by the camera's numbers.
        by_board: (n, 2, 6) by the pose of the board in the view.
        placement: the board in each view.
    """

    residuals_px: np.ndarray
    by_camera: np.ndarray
    by_board: np.ndarray
    placement: BoardPlacement


def place(problem: BundleProblem, state: BundleState) -> BoardPlacement:
    """The board in each view of a problem."""
    delay_s = problem.view_delay_s + state.offsets_s[problem.view_camera]
    return place_boards(
        state.board_rotation, state.board_position_m, problem.times_s, problem.before, problem.after,
        problem.view_instant, delay_s,
    )  # fmt: skip


def motion_px(problem: BundleProblem, state: BundleState) -> np.ndarray:
    """(v,) by how much the curve of the board between its instants may be wrong at the time of each view, in pixels.

    A parabola errs by a sixth of the third difference of the poses, times the share of an interval that the view lies
    away from its instant; the third difference is that between the bows of neighbouring instants.
    """
    here, instant = np.arange(problem.num_instants), problem.view_instant
    there = (problem.before != NOBODY) & (problem.after != NOBODY)
    before, after = np.where(there, problem.before, here), np.where(there, problem.after, here)
    reach_m = float(np.linalg.norm(problem.points_m, axis=1).max(initial=0.0)) / 2
    middle = problem.points_m.mean(axis=0) if len(problem.points_m) else np.zeros(3)
    center_m = state.board_rotation @ middle + state.board_position_m
    back = log_rotation(state.board_rotation[before] @ state.board_rotation.transpose(0, 2, 1))
    forth = log_rotation(state.board_rotation[after] @ state.board_rotation.transpose(0, 2, 1))
    bow_m = np.concatenate([center_m[after] + center_m[before] - 2 * center_m, (back + forth) * reach_m], axis=1) / 2
    change_m = [np.linalg.norm(bow_m - np.where(there[k], bow_m[k].T, 0.0).T, axis=1) for k in (before, after)]
    jerk_m = np.where(there, np.maximum(*change_m), 0.0)
    interval_s = np.where(there, (problem.times_s[after] - problem.times_s[before]) / 2, 1.0)
    camera = problem.view_camera
    away_s = np.abs(problem.view_delay_s + state.offsets_s[camera])
    seen_m = np.einsum("vij,vj->vi", state.rotation[camera], center_m[instant]) + state.position_m[camera]
    per_m = state.lenses[camera, 0] / np.maximum(seen_m[:, 2], NEAREST_BOARD_M)
    return np.minimum(JERK_SHARE * jerk_m[instant] * per_m * away_s / interval_s[instant], MOST_MOTION_PX)


def linearise(problem: BundleProblem, state: BundleState) -> Linearised:
    """Residuals and derivatives at a state."""
    placement, view, camera = place(problem, state), problem.view, problem.camera
    lever = np.einsum("nij,nj->ni", placement.rotation[view], problem.points_m)
    world_m = lever + placement.position_m[view]
    rotation = state.rotation[camera]
    point_m = np.einsum("nij,nj->ni", rotation, world_m) + state.position_m[camera]
    projection = project_lenses(point_m, state.lenses[camera], problem.fisheye[camera])
    by_world = projection.by_point @ rotation
    by_board = np.concatenate([-by_world @ cross_matrix(lever), by_world], axis=2)
    by_camera = np.empty((len(view), 2, NUM_CAMERA))
    by_camera[:, :, :3] = -projection.by_point @ cross_matrix(point_m)
    by_camera[:, :, 3:6] = projection.by_point
    by_camera[:, :, LENS] = projection.by_lens
    by_camera[:, :, OFFSET] = np.einsum("nij,nj->ni", by_board, placement.by_time[view])
    return Linearised(problem.pixels_px - projection.pixels_px, by_camera, by_board, placement)
