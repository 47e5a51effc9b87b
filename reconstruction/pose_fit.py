"""One body from what some cameras saw of its joints: the posterior mean over all ways in which it may stand.

A keypoint at the ideal image coordinates (u, v) of a camera (R, t) = camera_from_world says of its joint x two linear
things, ((R_1 - u R_3) x + t_1 - u t_3) / z = 0 and the same for v, once the depth z is roughly known; a depth says one
more, R_3 x + t_3 = z. Their variance is that of the detector in the image and, divided by z squared, that of the place
on the body to which a detector sets a joint. So each Gaussian of the pose prior is updated in closed form; its depths
and the robust weights of Student's t follow in a few rounds, and the Gaussians are averaged by their evidence. With
several views one Gaussian is left and this is a robust MAP triangulation; with one view it is the mean over the
distances, directions and poses that explain the picture, and the covariance says how far these lie apart.

Of somebody who is followed and seen by several cameras it is known about where his joints are before any Gaussian is
fitted: what is foretold and what is seen, joint by joint, give places, and those few Gaussians that are likeliest if
all joints were seen there equally surely are fitted. Of somebody new whom one camera sees at one of many near instants
every third direction is tried first, then those beside the best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..capture.camera import Camera
from . import _people_kernel as kernel
from .detections import Detection
from .pose_prior import PosePrior
from .skeleton import COCO_SIGMA, NUM_JOINTS

PERSON_M = 0.75  # square root of the area of a standing person seen from the side, about 0.56 m2


@dataclass(frozen=True, slots=True)
class FitConfig:
    """How a body is fitted.

    Args:
        sigma_px: standard deviation of a keypoint in the image, per axis, for images 640 pixels wide; it grows with
            the width.
        place_share: standard deviation of where on the body a detector sets a joint, in units of COCO's constant of
            the joint times 0.75 m.
        freedom: degrees of freedom of Student's t; fewer bear more outliers.
        keep, width: how many Gaussians are refined, and how far below the best in log evidence.
        rounds: of refinement.
        tempering: keypoints of one detection err together; the evidence counts as this share of independent ones.
        reach: within half a second a person turns by at most so many of the directions of the pose prior.
        screened, followed_rounds: of somebody who is followed and seen by several cameras it is known before where his
            joints are about; so only so many Gaussians are fitted, the likeliest there, and for so many rounds more.
        loose_m, loose_widths: joints that several cameras see are held to the fit only within this deviation per axis,
            in rounds that widen what is measured by these (see _free_joints_kernel.py).
    """

    sigma_px: float = 3.0
    place_share: float = 0.7
    freedom: float = 4.0
    keep: int = 12
    width: float = 10.0
    rounds: int = 2
    tempering: float = 1.0
    reach: int = 2
    screened: int = 6
    followed_rounds: int = 1
    loose_m: float = 0.1
    loose_widths: tuple[float, ...] = (3.0, 1.5, 1.0, 1.0)


class Setting(NamedTuple):
    """A FitConfig as compiled loops take it; `near` sets joints free that several cameras see."""

    freedom: float
    keep: int
    width: float
    rounds: int
    tempering: float
    reach: int
    near: bool
    loose_m: float
    widths: tuple[float, ...]
    screened: int
    followed_rounds: int


class Table(NamedTuple):
    """n detections of c cameras as compiled loops take them; see View.

    Args:
        camera: (n,) number of the camera.
        uv, sigma, depth: (n, 17, 2).
        score: (n, 17).
        rays: (n, 17, 3) unit vectors in the world.
        rotation, translation, eye: (c, 3, 3), (c, 3) and (c, 3) of the cameras; eye is where one stands.
    """

    camera: np.ndarray
    uv: np.ndarray
    sigma: np.ndarray
    score: np.ndarray
    depth: np.ndarray
    rays: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    eye: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One detection in the ideal image of its camera.

    Args:
        camera_id: which camera.
        uv: (17, 2) ideal image coordinates (x / z, y / z); NaN = not seen.
        sigma: (17, 2) standard deviation in the same units, and of the joint's place on the body, metres.
        score: (17,) weights in (0, 1], 0 = not seen.
        depth: (17, 2) depth and its deviation, metres; deviation 0 = not known.
        rotation, translation_m: camera_from_world.
    """

    camera_id: str
    uv: np.ndarray
    sigma: np.ndarray
    score: np.ndarray
    depth: np.ndarray
    rotation: np.ndarray
    translation_m: np.ndarray
    camera_m: np.ndarray = field(init=False)
    rays: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "camera_m", -self.rotation.T @ self.translation_m)
        ahead = np.concatenate([self.uv, np.ones((NUM_JOINTS, 1))], axis=1)
        object.__setattr__(self, "rays", (ahead / np.linalg.norm(ahead, axis=1, keepdims=True)) @ self.rotation)

    @property
    def seen(self) -> np.ndarray:
        """(17,) bool."""
        return self.score > 0


@dataclass(frozen=True, slots=True, eq=False)
class BodyFit:
    """A body in the world.

    Args:
        joints_m: (17, 3).
        covariance_m2: (17, 3, 3).
        log_evidence: of all measurements; densities in ideal image coordinates.
        sector: number of the direction in which the body most likely faces (pose_prior.SECTORS of them).
    """

    joints_m: np.ndarray
    covariance_m2: np.ndarray
    log_evidence: float
    sector: int = 0


def view_of(camera: Camera, detection: Detection, config: FitConfig) -> View:
    """A detection as the fit takes it."""
    uv, sigma, score, depth = (of[0] for of in ideal(camera, [detection], config))
    pose = camera.camera_from_world
    return View(camera.camera_id, uv, sigma, score, depth, pose.rotation, pose.translation_m)


def ideal(
    camera: Camera, detections: Sequence[Detection], config: FitConfig
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One camera's detections: uv and sigma (n, 17, 2), score (n, 17) and depth (n, 17, 2), see View.

    All their keypoints are undistorted at once.
    """
    lens, count = camera.color, len(detections)
    keypoints_px = np.array([detection.keypoints_px for detection in detections]).reshape(-1, NUM_JOINTS, 2)
    scores = np.array([detection.scores for detection in detections]).reshape(-1, NUM_JOINTS)
    seen = (scores > 0) & np.isfinite(keypoints_px).all(axis=-1)
    uv = np.full((count, NUM_JOINTS, 2), np.nan)
    uv[seen] = lens.back_project(keypoints_px[seen], 1.0)[:, :2]
    seen &= np.isfinite(uv).all(axis=-1)
    sigma, depth = np.empty((count, NUM_JOINTS, 2)), np.zeros((count, NUM_JOINTS, 2))
    sigma_px = config.sigma_px * max(lens.width_px, lens.height_px) / 640
    sigma[..., 0] = sigma_px / np.sqrt(lens.fx_px * lens.fy_px)
    sigma[..., 1] = config.place_share * PERSON_M * np.array(COCO_SIGMA)
    for row, detection in enumerate(detections):
        if detection.depth_m is not None and detection.depth_sigma_m is not None:
            known = np.isfinite(detection.depth_m) & (detection.depth_sigma_m > 0)
            depth[row, known] = np.column_stack([detection.depth_m, detection.depth_sigma_m])[known]
    return uv, sigma, np.where(seen, np.clip(scores, 0.1, 1.0), 0.0), depth


def table_of(views: Sequence[View]) -> Table:
    """Views of any cameras in one table."""
    named = {view.camera_id: view for view in views}
    numbers = {name: number for number, name in enumerate(named)}
    uv, sigma, score, depth, rays = (
        np.array([getattr(view, name) for view in views]) for name in ("uv", "sigma", "score", "depth", "rays")
    )
    rotation, translation_m, eye_m = (
        np.array([getattr(view, name) for view in named.values()]) for name in ("rotation", "translation_m", "camera_m")
    )
    camera = np.array([numbers[view.camera_id] for view in views])
    return Table(camera, uv, sigma, score, depth, rays, rotation, translation_m, eye_m)


def setting_of(config: FitConfig, near: bool = False) -> Setting:
    """What compiled loops take of a config; `near` sets joints free that several cameras see."""
    return Setting(
        float(config.freedom), config.keep, float(config.width), config.rounds, float(config.tempering), config.reach,
        near, float(config.loose_m), config.loose_widths, config.screened, config.followed_rounds,
    )  # fmt: skip


def fit_body(views: Sequence[View], prior: PosePrior, config: FitConfig) -> BodyFit | None:
    """Fit one body to one detection per camera; None where nothing was seen.

    Args:
        views: the detections, of different cameras.
        prior: what is known of bodies.
        config: see FitConfig.
    """
    views = [view for view in views if view.seen.any()]
    if not views:
        return None
    count = len(views)
    evidence, joints_m, covariance_m2, turn, _, _ = kernel.fit_people(
        np.array([0, count]), np.arange(count), np.array([-1]), np.zeros((1, NUM_JOINTS, 3)),
        np.zeros((1, NUM_JOINTS)), table_of(views), prior.mixture, setting_of(config),
    )  # fmt: skip
    return BodyFit(joints_m[0], covariance_m2[0], float(evidence[0]), int(turn[0]))
