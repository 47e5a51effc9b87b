"""One body from what some cameras saw of its joints: the posterior mean over all ways in which it may stand.

A keypoint at the ideal image coordinates (u, v) of a camera (R, t) = camera_from_world says of its joint x two linear
things, ((R_1 - u R_3) x + t_1 - u t_3) / z = 0 and the same for v, once the depth z is roughly known; a depth says one
more, R_3 x + t_3 = z. Their variance is that of the detector in the image and, divided by z squared, that of the place
on the body to which a detector sets a joint. So each Gaussian of the pose prior is updated in closed form; its depths
and the robust weights of Student's t follow in a few rounds, and the Gaussians are averaged by their evidence. With
several views one Gaussian is left and this is a robust MAP triangulation; with one view it is the mean over the
distances, directions and poses that explain the picture, and the covariance says how far these lie apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..capture.camera import Camera
from . import _pose_fit_kernel as kernel
from .detections import Detection
from .pose_prior import SECTORS, PosePrior
from .skeleton import COCO_SIGMA, NUM_JOINTS

FARTHEST_GUESS_M = 8.0
NEAREST_GUESS_M = 1.0
GUESS_HEIGHT_M = 1.1
Columns = tuple[
    np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray
]  # fmt: skip
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
    """

    sigma_px: float = 3.0
    place_share: float = 0.7
    freedom: float = 4.0
    keep: int = 12
    width: float = 10.0
    rounds: int = 2
    tempering: float = 1.0


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


@dataclass(frozen=True, slots=True, eq=False)
class Measurements:
    """What n views say of a body, keypoint by keypoint (m of them): the columns that the compiled loops take.

    Args:
        joint, view: (m,) of which joint, and by which view.
        uv, sigma, score, depth: (m, 2), (m, 2), (m,) and (m, 2); see View.
        rotation, translation_m: (n, 3, 3) and (n, 3).
    """

    joint: np.ndarray
    view: np.ndarray
    uv: np.ndarray
    sigma: np.ndarray
    score: np.ndarray
    depth: np.ndarray
    rotation: np.ndarray
    translation_m: np.ndarray

    def columns(self, place_m: np.ndarray | None = None) -> Columns:
        """All of them, about a place (3,)."""
        translation_m = self.translation_m if place_m is None else self.translation_m + self.rotation @ place_m
        return self.joint, self.view, self.uv, self.sigma, self.score, self.depth, self.rotation, translation_m


def measured(views: Sequence[View]) -> Measurements:
    """The keypoints of views in one table."""
    uv, sigma, score, depth = (
        np.array([getattr(one, name) for one in views]) for name in ("uv", "sigma", "score", "depth")
    )
    view, joint = np.nonzero(score > 0)
    return Measurements(
        joint, view, uv[view, joint], sigma[view, joint], score[view, joint], depth[view, joint],
        np.array([one.rotation for one in views]), np.array([one.translation_m for one in views]),
    )  # fmt: skip


def view_of(camera: Camera, detection: Detection, config: FitConfig) -> View:
    """A detection as the fit takes it."""
    return views_of(camera, [detection], config)[0]


def views_of(camera: Camera, detections: Sequence[Detection], config: FitConfig) -> list[View]:
    """Detections of one camera as the fit takes them; all their keypoints are undistorted at once, which is cheaper."""
    if not detections:
        return []
    lens, pose = camera.color, camera.camera_from_world
    seen = np.stack([detection.seen for detection in detections])
    uv = np.full((*seen.shape, 2), np.nan)
    keypoints_px = np.stack([detection.keypoints_px for detection in detections])
    uv[seen] = lens.back_project(keypoints_px[seen], 1.0)[:, :2]
    seen &= np.isfinite(uv).all(axis=-1)
    sigma_px = config.sigma_px * max(lens.width_px, lens.height_px) / 640
    sigma = np.empty((NUM_JOINTS, 2))
    sigma[:, 0] = sigma_px / np.sqrt(lens.fx_px * lens.fy_px)
    sigma[:, 1] = config.place_share * PERSON_M * np.array(COCO_SIGMA)
    views = []
    for detection, mine, place in zip(detections, seen, uv, strict=True):
        depth = np.zeros((NUM_JOINTS, 2))
        if detection.depth_m is not None and detection.depth_sigma_m is not None:
            known = np.isfinite(detection.depth_m) & (detection.depth_sigma_m > 0)
            depth[known] = np.column_stack([detection.depth_m, detection.depth_sigma_m])[known]
        score = np.where(mine, np.clip(detection.scores, 0.1, 1.0), 0.0)
        views.append(View(camera.camera_id, place, sigma, score, depth, pose.rotation, pose.translation_m))
    return views


def guess_place_m(views: Sequence[View]) -> np.ndarray:
    """(3,) a place on the floor below somebody: where rays meet, or where one meets the height of a body's middle."""
    origins = np.concatenate([np.repeat(view.camera_m[None], view.seen.sum(), axis=0) for view in views])
    rays = np.concatenate([view.rays[view.seen] for view in views])
    if len({view.camera_id for view in views}) > 1:
        across = np.eye(3) - rays[:, :, None] * rays[:, None, :]
        matrix = across.sum(axis=0) + 1e-6 * np.eye(3)
        place = np.linalg.solve(matrix, np.einsum("nab,nb->a", across, origins))
    else:
        ray, origin = rays.mean(axis=0), origins[0]
        ray /= np.linalg.norm(ray)
        down = ray[2] if abs(ray[2]) > 1e-3 else -1e-3
        far = (GUESS_HEIGHT_M - origin[2]) / down
        far = np.clip(far if far > 0 else FARTHEST_GUESS_M / 2, NEAREST_GUESS_M, FARTHEST_GUESS_M)
        place = origin + far * ray
    return np.array([place[0], place[1], 0.0])


def fit_body(
    views: Sequence[View], prior: PosePrior, config: FitConfig, sectors: Sequence[int] | None = None
) -> BodyFit | None:
    """Fit one body to one detection per camera; None where nothing was seen.

    Args:
        views: the detections, of different cameras.
        prior: what is known of bodies.
        config: see FitConfig.
        sectors: the directions in which he may face; all of them where nothing is known.
    """
    views = [view for view in views if view.seen.any()]
    if not views:
        return None
    found, place_m = measured(views), guess_place_m(views)
    columns = found.columns(place_m)
    middle = np.array([0.0, 0.0, GUESS_HEIGHT_M])
    range_m = np.maximum(found.rotation[:, 2] @ middle + columns[-1][:, 2], NEAREST_GUESS_M)[found.view]
    per_sector = len(prior.log_weight) // SECTORS
    facing = np.arange(SECTORS) if sectors is None else np.array(sectors)
    rows = (facing[:, None] * per_sector + np.arange(per_sector)).ravel()
    evidence, joints_m, covariance_m2, share = kernel.fit(
        rows, prior.mean_m, prior.basis_m, prior.rest_var_m2, prior.log_weight, *columns, range_m,
        float(config.freedom), config.keep, float(config.width), config.rounds, float(config.tempering),
    )  # fmt: skip
    sector = int(facing[int(share.argmax()) // per_sector])
    return BodyFit(joints_m + place_m, covariance_m2, float(evidence), sector)
