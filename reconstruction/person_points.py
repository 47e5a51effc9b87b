"""One body from the points of its surface, without a picture: the pose prior laid into what the depth cameras saw.

The body is a union of capsules about the bones; their ends are sums of joints, so that in each Gaussian of the pose
prior they are linear in its latent. A point of the surface says that its distance from the union is zero; one
Gauss-Newton step per deviation, wide ones first, brings the body to the points (articulated point-to-surface
registration, after Pellegrini et al. 2008). Student's t bears what is no body: tools, gowns, a neighbour's arm. Hands,
elbows, knees and feet that lie in no surface are drawn to the nearest point, which is how limbs find theirs. All
Gaussians in all directions begin below the head and are judged on few points; the likeliest are fitted to all, and
averaged by their evidence, as in pose_fit.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..capture.arrays import PointList
from . import _person_points_kernel as kernel
from .clusters import loose_pieces
from .pose_fit import BodyFit
from .pose_prior import SECTORS, load_pose_prior
from .skeleton import JOINT, NUM_JOINTS

TOE_M = (0.16, -0.02)
HAND_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Round:
    """A round of the fit: points are thinned to one per voxel, every body takes some steps, the likeliest go on.

    Args:
        edge_m: of the voxels.
        sigmas_m: deviation of a point from the surface by step; the last of all is that of clothes and noise.
        keep: how many bodies go on.
    """

    edge_m: float
    sigmas_m: tuple[float, ...]
    keep: int


ROUNDS = (Round(0.20, (0.12,), 48), Round(0.14, (0.08, 0.06), 6), Round(0.08, (0.05, 0.035, 0.03, 0.03), 6))


@dataclass(frozen=True, slots=True)
class PointFitConfig:
    """How a body is fitted to points.

    Args:
        tip_sigma_m: the same of limbs that lie in no surface.
        cloth_m: clothes lie so far above the body.
        freedom: degrees of freedom of Student's t.
        area_m2: neighbouring points err together; a surface of this size counts as one independent point.
        tempering: the evidence counts as this share when Gaussians are averaged.
        doubt_m: standard deviation per axis of where a joint lies in a body whose surface is known.
        turn_share: how fast it is forgotten in which direction somebody faced, per instant.
        touch_m: points nearer than about this hang together.
        trunk_m, arm_m: what hangs together reaches so near below the head, or lies within this distance on the
            average, if it is his.
    """

    tip_sigma_m: float = 0.12
    cloth_m: float = 0.012
    freedom: float = 3.0
    area_m2: float = 0.04
    tempering: float = 0.5
    doubt_m: float = 0.045
    turn_share: float = 0.05
    touch_m: float = 0.05
    trunk_m: float = 0.25
    arm_m: float = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class CapsuleBody:
    """The capsules of the pose prior: c Gaussians, e ends.

    Args:
        mean_m: (c, e, 3) ends.
        basis_m: (c, e, 3, l).
        radius_m: (e,).
        first, second: (k,) the ends of each capsule.
        tips: ends that lie in a surface, if anything of them is seen.
    """

    mean_m: np.ndarray
    basis_m: np.ndarray
    radius_m: np.ndarray
    first: np.ndarray
    second: np.ndarray
    tips: np.ndarray


def _ends() -> list[tuple[str, dict[str, float], float, float, float]]:
    """(name, weights of joints, forward m, up m, radius m) of every end of a capsule."""
    head = {"left_ear": 0.4, "right_ear": 0.4, "nose": 0.2}
    ends = [
        ("chin", head, 0.0, -0.03, 0.095), ("crown", head, 0.0, 0.03, 0.095),
        ("throat", {"left_shoulder": 0.5, "right_shoulder": 0.5}, 0.0, 0.0, 0.065),
        ("nape", {"left_ear": 0.5, "right_ear": 0.5}, 0.0, 0.0, 0.065),
    ]  # fmt: skip
    for side, other in (("left", "right"), ("right", "left")):
        near, far = f"{side}_", f"{other}_"
        inner = {f"{near}shoulder": 0.8, f"{far}shoulder": 0.2}
        chest = {f"{near}shoulder": 0.5, f"{far}shoulder": 0.2, f"{near}hip": 0.2, f"{far}hip": 0.1}
        ends += [
            (f"{near}shoulder", {f"{near}shoulder": 1.0}, 0.0, 0.0, 0.08),
            (f"{near}collar", inner, 0.0, -0.04, 0.095), (f"{near}chest", chest, 0.0, 0.0, 0.115),
            (f"{near}hip", {f"{near}hip": 1.0}, 0.0, 0.02, 0.13),
            (f"{near}upper_arm", {f"{near}shoulder": 1.0}, 0.0, 0.0, 0.055),
            (f"{near}elbow", {f"{near}elbow": 1.0}, 0.0, 0.0, 0.047),
            (f"{near}wrist", {f"{near}wrist": 1.0}, 0.0, 0.0, 0.038),
            (f"{near}hand", {f"{near}wrist": 1.0 + HAND_SHARE, f"{near}elbow": -HAND_SHARE}, 0.0, 0.0, 0.04),
            (f"{near}thigh", {f"{near}hip": 1.0}, 0.0, 0.0, 0.092),
            (f"{near}knee", {f"{near}knee": 1.0}, 0.0, 0.0, 0.07),
            (f"{near}ankle", {f"{near}ankle": 1.0}, 0.0, 0.0, 0.05),
            (f"{near}toe", {f"{near}ankle": 1.0}, *TOE_M, 0.04),
        ]  # fmt: skip
    return ends


BONES = (
    ("chin", "crown"), ("throat", "nape"), ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"),
    ("left_chest", "right_chest"),
    *((f"{side}_{begin}", f"{side}_{end}") for side in ("left", "right") for begin, end in (
        ("collar", "hip"), ("upper_arm", "elbow"), ("elbow", "wrist"), ("wrist", "hand"), ("thigh", "knee"),
        ("knee", "ankle"), ("ankle", "toe"),
    )),
)  # fmt: skip
TIPS = tuple(f"{side}_{end}" for side in ("left", "right") for end in ("elbow", "wrist", "hand", "knee", "ankle"))


@lru_cache(maxsize=1)
def _weights() -> np.ndarray:
    """(e, 17) the joints of which each end is the sum."""
    ends = _ends()
    weights = np.zeros((len(ends), NUM_JOINTS))
    for row, (_, joints, _, _, _) in enumerate(ends):
        for name, weight in joints.items():
            weights[row, JOINT[name]] = weight
    return weights


@lru_cache(maxsize=4)
def capsule_body(cloth_m: float) -> CapsuleBody:
    """The capsules about the joints of every Gaussian of the pose prior."""
    prior, ends, weights = load_pose_prior(), _ends(), _weights()
    ahead_m, up_m, radius_m = (np.array([end[column] for end in ends]) for column in (2, 3, 4))
    sector = np.arange(len(prior.mean_m)) // (len(prior.mean_m) // SECTORS)
    angle = 2 * np.pi * sector / SECTORS
    mean_m = np.einsum("ej,cjk->cek", weights, prior.mean_m)
    mean_m[..., 0] += np.cos(angle)[:, None] * ahead_m
    mean_m[..., 1] += np.sin(angle)[:, None] * ahead_m
    mean_m[..., 2] += up_m
    place = {end[0]: row for row, end in enumerate(ends)}
    bones = np.array([(place[a], place[b]) for a, b in BONES], np.int64)
    return CapsuleBody(
        mean_m, np.ascontiguousarray(np.einsum("ej,cjkl->cekl", weights, prior.basis_m)), radius_m + cloth_m,
        np.ascontiguousarray(bones[:, 0]), np.ascontiguousarray(bones[:, 1]),
        np.array([place[name] for name in TIPS], np.int64),
    )  # fmt: skip


def without_strays(points_m: PointList, head_m: np.ndarray, config: PointFitConfig) -> np.ndarray:
    """(n,) bool: the points (n, 3) that hang together with the trunk below a head, or lie near to it.

    The rest is the hands of whoever stands opposite, or the edge of a table: a fit would stretch its arms for them.
    """
    away_m = np.linalg.norm(points_m[:, :2] - head_m[:2], axis=1)
    piece = loose_pieces(points_m, config.touch_m)
    count = np.maximum(np.bincount(piece), 1)
    own = (np.bincount(piece, away_m < config.trunk_m) > 0) | (np.bincount(piece, away_m) / count < config.arm_m)
    return own[piece]


def fit_points(
    points_m: PointList, head_m: np.ndarray, config: PointFitConfig, facing: np.ndarray | None = None
) -> tuple[BodyFit, np.ndarray]:
    """Fit one body to the points of its surface.

    Args:
        points_m: (n, 3) world, of one person.
        head_m: (3,) the top of the head.
        config: see PointFitConfig.
        facing: (24,) log probability of facing in each direction of the prior; None = nothing is known.

    Returns:
        The body, and the log probability (24,) of the directions after it.
    """
    prior, body = load_pose_prior(), capsule_body(config.cloth_m)
    place_m = np.array([head_m[0], head_m[1], 0.0])
    points = points_m[without_strays(points_m, head_m, config)].astype(np.float64) - place_m
    size = prior.basis_m.shape[-1]
    per_sector = len(prior.log_weight) // SECTORS
    expected = np.zeros(SECTORS) if facing is None else facing
    before = prior.log_weight + np.repeat(expected, per_sector)
    rows = np.flatnonzero(expected > expected.max() - 6.0)
    rows = (rows[:, None] * per_sector + np.arange(per_sector)).ravel()
    latents = np.zeros((len(rows), size))
    head = body.mean_m[rows, :2].mean(axis=1)
    scale_m = body.basis_m[rows[0], 0, 0, -3], body.basis_m[rows[0], 0, 1, -2]
    latents[:, -3], latents[:, -2] = -head[:, 0] / scale_m[0], -head[:, 1] / scale_m[1]

    log_p, factors = np.zeros(len(rows)), np.zeros((len(rows), size, size))
    for step in ROUNDS:
        factors = np.zeros((len(rows), size, size))
        evidence = kernel.descend(
            body.mean_m[rows], body.basis_m[rows], latents, body.radius_m, body.first, body.second, body.tips,
            points[_thinned(points, step.edge_m)], np.array(step.sigmas_m), config.tip_sigma_m, config.freedom,
            step.edge_m**2 / config.area_m2, factors,
        )  # fmt: skip
        log_p = before[rows] + evidence
        best = np.argsort(-log_p, kind="stable")[: step.keep]
        rows, latents, log_p, factors = rows[best], latents[best], log_p[best], factors[best]
    share = np.exp(config.tempering * (log_p - log_p.max()))
    share /= share.sum()
    joints_m = prior.mean_m[rows] + np.einsum("cjkl,cl->cjk", prior.basis_m[rows], latents)
    mean_m = np.einsum("c,cjk->jk", share, joints_m)
    spread = np.zeros((NUM_JOINTS, 3, 3))
    for k, row in enumerate(rows):
        half = np.linalg.solve(np.tril(factors[k]), prior.basis_m[row].reshape(-1, size).T)
        half = half.reshape(size, NUM_JOINTS, 3)
        off = joints_m[k] - mean_m
        own = np.einsum("ljx,ljy->jxy", half, half) + prior.rest_var_m2[row][:, None, None] * np.eye(3)
        spread += share[k] * (own + off[:, :, None] * off[:, None, :])
    spread += config.doubt_m**2 * np.eye(3)
    sector = rows // per_sector
    told = np.full(SECTORS, -np.inf)
    np.logaddexp.at(told, sector, np.log(np.maximum(share, 1e-300)))
    fit = BodyFit(mean_m + place_m, spread, float(log_p.max()), int(sector[share.argmax()]))
    return fit, _carried(told, config.turn_share)


def distance_to_body_m(points_m: np.ndarray, joints_m: np.ndarray, config: PointFitConfig) -> np.ndarray:
    """(n,) signed distance of points (n, 3) from the surface of a body (17, 3); toes point nowhere."""
    body = capsule_body(config.cloth_m)
    ends_m = _weights() @ joints_m + np.array([[0.0, 0.0, end[3]] for end in _ends()])
    return kernel.distances(points_m.astype(np.float64), ends_m, body.radius_m, body.first, body.second)


def _carried(log_p: np.ndarray, turn_share: float) -> np.ndarray:
    """The directions at the next instant: somebody turns to a neighbouring one, or was mistaken altogether."""
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    p = 0.6 * p + 0.2 * (np.roll(p, 1) + np.roll(p, -1))
    return np.log((1 - turn_share) * p + turn_share / SECTORS)


def _thinned(points_m: np.ndarray, edge_m: float) -> np.ndarray:
    from .surfaces import thin

    return thin(points_m.astype(np.float32), edge_m)
