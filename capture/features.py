"""Colour features that know where they are in space, their matches, and rigid motions that explain the matches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import read_only
from .camera import Intrinsics
from .errors import InputError
from .geometry import SE3, rigid_from_points
from .recording import Recording
from .static_view import StaticView, spread

LONGEST_SIDE_PX = 1600
SAME_SPOT_RAD = 0.006


@dataclass(frozen=True, slots=True)
class FeatureConfig:
    """How features are found, matched and explained.

    Args:
        num_frames: pictures per camera, spread over the recording, beside the picture of the empty room; exposure jumps
            and passers-by hide different features in different pictures.
        num_features: strongest features kept of each picture.
        contrast_threshold: SIFT's peak threshold; low, because rooms are plain.
        ratio: largest distance ratio of best to second-best match (Lowe 2004).
        num_samples: triples tried for each hypothesis.
        tolerance_rad: angle within which a match must be seen where the motion puts it, in both cameras.
        tolerance_share: depth error that a sensor may have beyond its noise, as a share of the range.
        min_inliers: fewer explained matches are no hypothesis.
        num_hypotheses: distinct motions that are followed up.
        seed: of the random triples.
    """

    num_frames: int = 6
    num_features: int = 3000
    contrast_threshold: float = 0.015
    ratio: float = 0.85
    num_samples: int = 3000
    tolerance_rad: float = 0.0075
    tolerance_share: float = 0.015
    min_inliers: int = 8
    num_hypotheses: int = 4
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class LiftedFeatures:
    """The features of one picture, with their places on the static surface.

    Args:
        points_m: (n, 3) float64 in the camera frame; the direction is that of the feature in the picture.
        sigma_m: (n,) float64 standard deviation of the depth.
        descriptors: (n, 128) float32 RootSIFT (Arandjelovic and Zisserman 2012).
    """

    points_m: np.ndarray
    sigma_m: np.ndarray
    descriptors: np.ndarray

    def __post_init__(self) -> None:
        for name in ("points_m", "sigma_m", "descriptors"):
            object.__setattr__(self, name, read_only(getattr(self, name)))


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """The same things seen by two cameras, row by row.

    Args:
        first_m, second_m: (n, 3) float64 places, each in the frame of its own camera; the direction is that of the
            feature in the picture, the range comes from the static depth.
        first_sigma_m, second_sigma_m: (n,) float64 standard deviations of the ranges.
    """

    first_m: np.ndarray
    second_m: np.ndarray
    first_sigma_m: np.ndarray
    second_sigma_m: np.ndarray

    def __post_init__(self) -> None:
        for name in ("first_m", "second_m", "first_sigma_m", "second_sigma_m"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.first_m)

    def where(self, chosen: np.ndarray) -> Matches:
        """Only the chosen rows (mask or indices)."""
        return Matches(*(column[chosen] for column in self._columns()))

    def swapped(self) -> Matches:
        """The same matches with the cameras exchanged."""
        return Matches(self.second_m, self.first_m, self.second_sigma_m, self.first_sigma_m)

    def _columns(self) -> tuple[np.ndarray, ...]:
        return self.first_m, self.second_m, self.first_sigma_m, self.second_sigma_m

    @staticmethod
    def joined(parts: Sequence[Matches]) -> Matches:
        """All rows of all parts."""
        if not parts:
            return Matches(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0), np.zeros(0))
        return Matches(*(np.concatenate(column) for column in zip(*(part._columns() for part in parts), strict=True)))


@dataclass(frozen=True, slots=True, eq=False)
class Hypothesis:
    """A relative pose that might be true, and the matches that it explains.

    Args:
        first_from_second: the pose of the second camera in the frame of the first.
        inliers: the matches that it explains (none for a hypothesis from geometry).
        origin: "colour" or "geometry".
    """

    first_from_second: SE3
    inliers: Matches
    origin: str


def lift_features(
    recording: Recording, view: StaticView, config: FeatureConfig, color_from_view: SE3 | None = None
) -> tuple[LiftedFeatures, ...]:
    """Features of the empty room's picture (first) and of frames spread over the recording, lifted by static depth.

    Features off the static surface (no depth, or on the rim between near and far) are dropped; those on people are
    lifted to the wall behind them and fall to the robust estimate. Empty where the camera has no colour.

    Args:
        recording: where the pictures come from; frames that cannot be read are passed over.
        view: the static surface of the camera.
        config: see FeatureConfig.
        color_from_view: where the colour lens really stands in the frame of the view; None = in its origin, as said by
            the camera's `color_from_depth`.
    """
    import cv2

    pictures: list[np.ndarray] = [] if view.color_rgb is None else [view.color_rgb]
    for position in spread(len(recording.timestamps_ns(view.camera_id)), config.num_frames):
        try:
            picture = recording.frame(view.camera_id, position, depth=False).color_rgb
        except InputError:
            continue
        pictures += [] if picture is None else [picture]
    if not pictures:
        return ()
    detector = cv2.SIFT.create(nfeatures=config.num_features, contrastThreshold=config.contrast_threshold)
    equalizer = cv2.createCLAHE(clipLimit=3.0, tileGridSize=(8, 8))
    color_from_view = color_from_view or SE3.identity()
    places = _depth_on_color_grid(view, color_from_view)
    return tuple(
        _lift(picture, detector, equalizer, view.model.color, color_from_view, *places) for picture in pictures
    )


def match_features(first: Sequence[LiftedFeatures], second: Sequence[LiftedFeatures], ratio: float) -> Matches:
    """Mutual nearest neighbours that pass the ratio test, picture by picture, each pair of places once.

    Args:
        first, second: features of the pictures of two cameras; the k-th ones are compared, all with the first ones too.
        ratio: see FeatureConfig.
    """
    count = max(len(first), len(second)) if first and second else 0
    pairs = {(min(k, len(first) - 1), min(k, len(second) - 1)) for k in range(count)}
    pairs |= {(0, k) for k in range(len(second))} | {(k, 0) for k in range(len(first))} if count else set()
    parts: list[Matches] = []
    for a, b in sorted(pairs):
        i, j = _mutual_matches(first[a].descriptors, second[b].descriptors, ratio)
        parts.append(Matches(first[a].points_m[i], second[b].points_m[j], first[a].sigma_m[i], second[b].sigma_m[j]))
    merged = Matches.joined(parts)
    directions = np.concatenate([_direction(merged.first_m), _direction(merged.second_m)], axis=1)
    spots = np.floor(directions / SAME_SPOT_RAD)
    return merged.where(np.sort(np.unique(spots, axis=0, return_index=True)[1]))


def hypotheses_from_matches(matches: Matches, config: FeatureConfig) -> list[Hypothesis]:
    """Distinct motions that explain many matches, best first (RANSAC, Fischler and Bolles 1981, run repeatedly).

    After each motion its inliers are set aside and the search goes on, so that a repeated pattern (two equal doors)
    does not hide the true motion.
    """
    rng = np.random.default_rng(config.seed)
    found: list[Hypothesis] = []
    left = np.arange(len(matches))
    while len(left) >= config.min_inliers and len(found) < config.num_hypotheses:
        rest = matches.where(left)
        pose = _best_motion(rest, config, rng)
        inlier = explained(matches, pose, config)
        if inlier.sum() < config.min_inliers or not inlier[left].any():
            break
        found.append(Hypothesis(pose, matches.where(inlier), "colour"))
        left = left[~inlier[left]]
    return sorted(found, key=lambda hypothesis: -len(hypothesis.inliers))


def explained(matches: Matches, first_from_second: SE3, config: FeatureConfig) -> np.ndarray:
    """(n,) bool: whether each match is seen where the motion puts it, by both cameras, at a range that fits."""
    return _misfit(matches, first_from_second.rotation[None], first_from_second.translation_m[None], config)[0] < 1.0


def _misfit(matches: Matches, rotation: np.ndarray, translation_m: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """(s, n) largest squared error of each match under each motion (s, 3, 3), (s, 3), in units of what is tolerated."""
    there = rotation @ matches.second_m.T + translation_m[:, :, None]
    back = rotation.transpose(0, 2, 1) @ (matches.first_m.T - translation_m[:, :, None])
    sigma_m = 3 * np.hypot(matches.first_sigma_m, matches.second_sigma_m)
    worst = np.zeros((len(rotation), len(matches)))
    for moved, target in ((there, matches.first_m), (back, matches.second_m)):
        depth_m = np.maximum(moved[:, 2], 1e-3)
        x, y = _direction(target).T
        aside = ((moved[:, 0] / depth_m - x) ** 2 + (moved[:, 1] / depth_m - y) ** 2) / config.tolerance_rad**2
        along = ((depth_m - target[:, 2]) / (sigma_m + config.tolerance_share * target[:, 2])) ** 2
        worst = np.maximum(worst, np.maximum(aside, along))
    return worst


def _direction(points_m: np.ndarray) -> np.ndarray:
    return points_m[:, :2] / points_m[:, 2:]


def _best_motion(matches: Matches, config: FeatureConfig, rng: np.random.Generator) -> SE3:
    triples = rng.integers(0, len(matches), (config.num_samples, 3))
    rotation, translation_m = _rigid_batch(matches.second_m[triples], matches.first_m[triples])
    for num_rows, num_kept in ((150, 60), (len(matches), 1)):
        rows = rng.choice(len(matches), min(num_rows, len(matches)), replace=False)
        misfit = _misfit(matches.where(rows), rotation, translation_m, config)
        # MSAC (Torr and Zisserman 2000): inliers count by how well they fit.
        order = np.argsort(-np.maximum(0.0, 1.0 - misfit).sum(axis=1), kind="stable")[:num_kept]
        rotation, translation_m = rotation[order], translation_m[order]
    pose = SE3(rotation[0], translation_m[0])
    for _ in range(5):
        inlier = explained(matches, pose, config)
        if inlier.sum() < 3:
            break
        chosen = matches.where(inlier)
        weights = 1.0 / (chosen.first_sigma_m**2 + chosen.second_sigma_m**2)
        refined = rigid_from_points(chosen.second_m, chosen.first_m, weights)
        if explained(matches, refined, config).sum() < inlier.sum():
            break
        pose = refined
    return pose


def _rigid_batch(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kabsch for many small sets at once: (s, k, 3) twice to rotations (s, 3, 3) and translations (s, 3)."""
    source_mean, target_mean = source.mean(axis=1), target.mean(axis=1)
    covariance = np.einsum("ski,skj->sij", target - target_mean[:, None], source - source_mean[:, None])
    u, _, vt = np.linalg.svd(covariance)
    u[:, :, 2] *= np.sign(np.linalg.det(u @ vt))[:, None]
    rotation = u @ vt
    return rotation, target_mean - np.einsum("sij,sj->si", rotation, source_mean)


def _mutual_matches(first: np.ndarray, second: np.ndarray, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    if len(first) < 2 or len(second) < 2:
        return np.zeros(0, int), np.zeros(0, int)
    similarity = first @ second.T
    forward, backward = similarity.argmax(axis=1), similarity.argmax(axis=0)
    i = np.nonzero(backward[forward] == np.arange(len(first)))[0]
    best = similarity[i, forward[i]]
    similarity[i, forward[i]] = -1
    runner_up = similarity[i].max(axis=1)
    distance, next_distance = np.sqrt(np.maximum(2 - 2 * best, 0)), np.sqrt(np.maximum(2 - 2 * runner_up, 1e-12))
    kept = distance < ratio * next_distance
    return i[kept], forward[i[kept]]


def _lift(
    picture: np.ndarray,
    detector: Any,
    equalizer: Any,
    lens: Intrinsics,
    color_from_view: SE3,
    depth_m: np.ndarray,
    sigma_m: np.ndarray,
) -> LiftedFeatures:
    import cv2

    gray = equalizer.apply(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
    scale = min(1.0, LONGEST_SIDE_PX / max(gray.shape))
    if scale < 1.0:
        gray = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    keypoints, descriptors = detector.detectAndCompute(gray, None)
    if not keypoints:
        return LiftedFeatures(np.zeros((0, 3)), np.zeros(0), np.zeros((0, 128), np.float32))
    uv_px = (np.array([keypoint.pt for keypoint in keypoints], dtype=np.float64) + 0.5) / scale - 0.5
    column = np.clip(uv_px[:, 0].round().astype(int), 0, depth_m.shape[1] - 1)
    row = np.clip(uv_px[:, 1].round().astype(int), 0, depth_m.shape[0] - 1)
    known = sigma_m[row, column] > 0
    normed = descriptors / np.maximum(np.abs(descriptors).sum(axis=1, keepdims=True), 1e-9)
    return LiftedFeatures(
        color_from_view.inverse() @ lens.back_project(uv_px[known], depth_m[row, column][known]),
        sigma_m[row, column][known],
        np.sqrt(normed[known]).astype(np.float32),
    )


def _depth_on_color_grid(view: StaticView, color_from_view: SE3) -> tuple[np.ndarray, np.ndarray]:
    """The static surface on the colour grid: depth (h, w) and sigma (h, w), metres, 0 = unknown or on a rim.

    Each surface point is splatted to a small patch with a z-buffer, so that what hides behind an edge does not shine
    through; pixels whose surroundings hold both near and far are dropped.
    """
    from scipy.ndimage import maximum_filter, minimum_filter

    lens, points_m = view.model.color, color_from_view @ view.points_m
    assert view.model.depth is not None
    reach = int(np.ceil(0.75 * view.stride * lens.fx_px / view.model.depth.fx_px))
    uv = np.nan_to_num(lens.project(points_m), nan=-9e3).round().astype(int)
    order = np.argsort(-points_m[:, 2], kind="stable")
    nearest = np.full((lens.height_px, lens.width_px), np.inf)
    source = np.full(nearest.shape, -1)
    offsets = [(dv, du) for dv in range(-reach, reach + 1) for du in range(-reach, reach + 1)]
    for dv, du in sorted(offsets, key=lambda offset: -abs(offset[0]) - abs(offset[1])):
        u, v = uv[order, 0] + du, uv[order, 1] + dv
        inside = (u >= 0) & (v >= 0) & (u < lens.width_px) & (v < lens.height_px)
        layer = np.full(nearest.shape, -1)
        layer[v[inside], u[inside]] = order[inside]  # far to near, so that the nearest is written last
        depth_m = np.where(layer >= 0, points_m[layer, 2], np.inf)
        # Of two that are about equally near, the one in the middle of its splat is the better place.
        better = depth_m < nearest + 0.03
        source[better], nearest[better] = layer[better], depth_m[better]
    far = maximum_filter(np.where(np.isfinite(nearest), nearest, 0), size=2 * reach + 3)
    near = minimum_filter(nearest, size=2 * reach + 3)
    known = (source >= 0) & (far - near < 0.05 + 0.05 * nearest)
    return np.where(known, nearest, 0.0), np.where(known, view.sigma_m[source], 0.0)
