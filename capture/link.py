"""Linking two cameras: several guesses of their relative pose, each refined, judged by what no fit has seen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .agreement import Agreement, AgreementConfig, agreement
from .arrays import read_only
from .features import FeatureConfig, Hypothesis, LiftedFeatures, Matches, hypotheses_from_matches, match_features
from .geometry import SE3
from .overlap import OverlapConfig, surface_residuals
from .plane_hypotheses import PlaneConfig, hypotheses_from_planes
from .pose_graph import in_tangent_of_second
from .static_view import StaticView
from .surface_icp import IcpConfig, Surface, refine

SAME_POSE_RAD = 0.15
SAME_POSE_M = 0.4


@dataclass(frozen=True, slots=True)
class LinkConfig:
    """When two cameras count as linked.

    Args:
        features: colour features and the motions that explain them.
        planes: motions from geometry, tried where colour gives no link.
        icp: refinement.
        agreement: the score on held-out tiles.
        overlap: the measure that is reported.
        coarse_grid_m: grid of the surfaces on which guesses are refined and compared; the last fit uses `icp.grid_m`.
        explore_m: how far the best pose is pushed along its least certain direction, to see whether a better one lies
            there (rotations count by the path at `lever_m`).
        lever_m: see `explore_m`.
        num_plane_hypotheses: geometric guesses that are refined.
        min_paired: smallest share of the held-out surface that must coincide after a guess from colour.
        min_paired_geometry: the same after a guess from geometry, which has no other witness.
        max_in_air: largest share of what coincides that may hang in air which the other camera has looked through.
        min_lead: by how much a geometric guess must beat the best different one, as a share of its score.
        anchor_tolerance: share of its score that a pose may lose when colour matches hold it.
        null_factor: a colour motion must explain so many times what the best motion of shuffled matches explains.
    """

    features: FeatureConfig = field(default_factory=FeatureConfig)
    planes: PlaneConfig = field(default_factory=PlaneConfig)
    icp: IcpConfig = field(default_factory=IcpConfig)
    agreement: AgreementConfig = field(default_factory=AgreementConfig)
    overlap: OverlapConfig = field(default_factory=OverlapConfig)
    coarse_grid_m: float = 0.05
    explore_m: tuple[float, ...] = (-0.3, -0.15, 0.15, 0.3)
    lever_m: float = 3.0
    num_plane_hypotheses: int = 8
    min_paired: float = 0.04
    min_paired_geometry: float = 0.15
    max_in_air: float = 0.15
    min_lead: float = 0.15
    anchor_tolerance: float = 0.05
    null_factor: float = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class CameraEvidence:
    """All that one camera brings to a link.

    Args:
        view: its static surface.
        surface: the same, thinned to `IcpConfig.grid_m`.
        coarse: the same, thinned to `LinkConfig.coarse_grid_m`.
        features: colour features of several pictures; empty without colour.
    """

    view: StaticView
    surface: Surface
    coarse: Surface
    features: tuple[LiftedFeatures, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PairResult:
    """What was found about one pair of cameras.

    Args:
        first_id, second_id: the cameras.
        linked: whether the pose is believed.
        reason: why not, in words; empty when linked.
        origin: "colour" or "geometry": where the first guess came from; "none" without any.
        refined: whether ICP was kept: it raised the agreement of held-out tiles.
        num_matches: colour matches.
        num_inliers: those that the guess from colour explains.
        first_from_second: the pose, or None when there was no guess at all.
        held_out: agreement of the held-out tiles under that pose.
        start_held_out: the same under the guess before ICP.
        overlap_share: share of the second camera's surface that has a partner (OverlapConfig).
        residual_median_mm, residual_p90_mm: distances of the partners along the normal; NaN without any.
        color_offset_mm: median distance of the matches that the guess explained, under the pose; NaN without any. Much
            larger than the residual when depth is bent: colour and depth then tell different poses.
        covariance: (6, 6) in the tangent of the second camera (rad, then m).
        matches: all colour matches, true and false, or None.
    """

    first_id: str
    second_id: str
    linked: bool
    reason: str
    origin: str
    refined: bool
    num_matches: int
    num_inliers: int
    first_from_second: SE3 | None
    held_out: Agreement
    start_held_out: Agreement
    overlap_share: float
    residual_median_mm: float
    residual_p90_mm: float
    color_offset_mm: float
    covariance: np.ndarray = field(default_factory=lambda: np.full((6, 6), np.nan))
    matches: Matches | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "covariance", read_only(self.covariance))

    def to_json(self) -> dict[str, Any]:
        """Plain values; what could not be measured is None."""
        pose = self.first_from_second
        return {
            "cameras": [self.first_id, self.second_id],
            "linked": self.linked,
            "reason": self.reason,
            "origin": self.origin,
            "refined": self.refined,
            "num_matches": self.num_matches,
            "num_inliers": self.num_inliers,
            "held_out_coincide": _number(self.held_out.coincide),
            "held_out_apart": _number(self.held_out.apart),
            "held_out_in_air": _number(self.held_out.in_air),
            "overlap_share": _number(self.overlap_share),
            "residual_median_mm": _number(self.residual_median_mm),
            "residual_p90_mm": _number(self.residual_p90_mm),
            "color_offset_mm": _number(self.color_offset_mm),
            "first_from_second": None
            if pose is None
            else {"rotation": pose.rotation.tolist(), "translation_m": pose.translation_m.tolist()},
            "covariance": self.covariance.tolist() if np.isfinite(self.covariance).all() else None,
        }


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    guess: Hypothesis
    start: Agreement
    pose: SE3
    held_out: Agreement
    refined: bool


def link_pair(first: CameraEvidence, second: CameraEvidence, config: LinkConfig | None = None) -> PairResult:
    """Find the relative pose of two cameras, or say why it cannot be found.

    Guesses come from colour matches; if none of them holds, from planes. Each guess is refined on every other tile of
    the surface and scored on the tiles between, and refinement is dropped where it scores less. The best guess is
    believed when enough coincides, little hangs in seen air, and it is no matter of chance.
    """
    config = config or LinkConfig()
    matches = match_features(first.features, second.features, config.features.ratio)
    from_color = hypotheses_from_matches(matches, config.features)
    candidates = [_judged(first, second, guess, config) for guess in from_color]
    reason = _doubt_color(candidates, matches, config)
    if reason:
        guesses = hypotheses_from_planes(first.coarse, second.coarse, config.num_plane_hypotheses, config.planes)
        from_planes = [_judged(first, second, guess, config) for guess in guesses]
        doubt = _doubt_geometry(from_planes, config)
        if not doubt or not candidates:
            candidates, reason = from_planes, f"{reason}; {doubt}" if doubt else ""
        else:
            reason = f"{reason}; {doubt}"
    return _result(first, second, candidates, matches, reason, config)


def _judged(first: CameraEvidence, second: CameraEvidence, guess: Hypothesis, config: LinkConfig) -> _Candidate:
    """Refine a guess on the fitting tiles, with and without colour, and keep what the held-out tiles like best."""
    start = guess.first_from_second
    before = _held_out(first, second, start, config)
    best = _Candidate(guess, before, start, before, False)
    for matches in (None, guess.inliers) if len(guess.inliers) else (None,):
        best = _improved(first, second, best, start, matches, config.icp, config)
    return best


def _explored(first: CameraEvidence, second: CameraEvidence, best: _Candidate, config: LinkConfig) -> _Candidate:
    """Look for a better pose on both sides along the direction that the surfaces hold least.

    Long walls leave one direction nearly free; bent depth puts several shallow optima there.
    """
    if not best.refined:
        return best
    near = replace(config.icp, distances_m=config.icp.distances_m[-1:])
    information = refine(first.coarse, second.coarse, best.pose, None, near, spare_held_out=True).information
    scale = np.array([config.lever_m] * 3 + [1.0] * 3)
    weakest = np.linalg.eigh(information / np.outer(scale, scale))[1][:, 0] / scale
    nearby = replace(config.icp, distances_m=config.icp.distances_m[-3:])
    origin = best.pose
    for distance_m in config.explore_m:
        start = SE3.exp(weakest * distance_m) @ origin
        best = _improved(first, second, best, start, None, nearby, config)
    return best


def _improved(
    first: CameraEvidence,
    second: CameraEvidence,
    best: _Candidate,
    start: SE3,
    matches: Matches | None,
    icp: IcpConfig,
    config: LinkConfig,
) -> _Candidate:
    """What comes out of refining a start, if the held-out tiles like it better; else the best so far."""
    pose = refine(first.coarse, second.coarse, start, matches, icp, spare_held_out=True).first_from_second
    after = _held_out(first, second, pose, config)
    return _Candidate(best.guess, best.start, pose, after, True) if after.score > best.held_out.score else best


def _held_out(first: CameraEvidence, second: CameraEvidence, pose: SE3, config: LinkConfig) -> Agreement:
    surfaces = first.coarse, second.coarse
    return agreement((first.view, second.view), surfaces, pose, config.agreement, config.icp.tile_m)


def _ranked(candidates: list[_Candidate], config: LinkConfig) -> list[_Candidate]:
    """Best first; what hangs in seen air comes last, however much coincides: a room may be alike on both sides."""
    return sorted(candidates, key=lambda candidate: (_hangs(candidate, config), -candidate.held_out.score))


def _hangs(candidate: _Candidate, config: LinkConfig) -> bool:
    return candidate.held_out.in_air > config.max_in_air * candidate.held_out.paired


def _doubt_color(candidates: list[_Candidate], matches: Matches, config: LinkConfig) -> str:
    """Why the best guess from colour is not to be believed, or an empty string."""
    if not candidates:
        return f"of {len(matches)} colour matches no {config.features.min_inliers} agree on one motion"
    best = _ranked(candidates, config)[0]
    rng = np.random.default_rng(config.features.seed)
    shuffled = rng.permutation(len(matches))
    by_chance = Matches(
        matches.first_m, matches.second_m[shuffled], matches.first_sigma_m, matches.second_sigma_m[shuffled]
    )
    chance = max((len(guess.inliers) for guess in hypotheses_from_matches(by_chance, config.features)), default=0)
    if len(best.guess.inliers) < config.null_factor * chance:
        return f"{len(best.guess.inliers)} agreeing colour matches are no more than chance gives ({chance})"
    return _doubt_surface(best, config.min_paired, config)


def _doubt_geometry(candidates: list[_Candidate], config: LinkConfig) -> str:
    if not candidates:
        return "they share no three planes that fix a motion"
    ranked = _ranked(candidates, config)
    best = ranked[0]
    doubt = _doubt_surface(best, config.min_paired_geometry, config)
    if doubt:
        return doubt
    for other in ranked[1:]:
        between = best.pose.inverse() @ other.pose
        differs = between.angle_rad() > SAME_POSE_RAD or between.distance_m() > SAME_POSE_M
        if differs and other.held_out.score > (1 - config.min_lead) * best.held_out.score:
            return "their planes fit together in more than one way"
    return ""


def _doubt_surface(best: _Candidate, min_paired: float, config: LinkConfig) -> str:
    found = best.held_out
    if found.paired < min_paired:
        return f"only {found.paired:.1%} of their surfaces would coincide ({min_paired:.0%} needed)"
    if _hangs(best, config):
        return f"{found.in_air:.1%} of one surface would hang in air through which the other camera looks"
    return ""


def _result(
    first: CameraEvidence,
    second: CameraEvidence,
    candidates: list[_Candidate],
    matches: Matches,
    reason: str,
    config: LinkConfig,
) -> PairResult:
    ids = first.view.camera_id, second.view.camera_id
    nothing = Agreement(0.0, 0.0, 0.0, 0.0)
    if not candidates:
        nan = float("nan")
        return PairResult(
            *ids, False, reason, "none", False, len(matches), 0, None, nothing, nothing, 0.0, nan, nan, nan,
            matches=matches,
        )  # fmt: skip
    best = _explored(first, second, _ranked(candidates, config)[0], config)
    pose, information = best.pose, np.zeros((6, 6))
    inliers = best.guess.inliers
    if best.refined:
        last = replace(config.icp, distances_m=config.icp.distances_m[-1:])
        final = refine(first.surface, second.surface, pose, None, last)
        information = final.information
        views, surfaces = (first.view, second.view), (first.surface, second.surface)
        scores = [agreement(views, surfaces, one, config.agreement).score for one in (pose, final.first_from_second)]
        pose = final.first_from_second if scores[1] > scores[0] else pose
        pose, information = _anchored(first, second, best, pose, information, config)
    measured = surface_residuals(first.view, second.view, pose, config.overlap)
    offset_mm = float("nan")
    if len(inliers):
        offset_mm = float(np.median(np.linalg.norm(inliers.first_m - pose @ inliers.second_m, axis=1))) * 1e3
    covariance = np.full((6, 6), np.nan)
    if best.refined and np.linalg.matrix_rank(information) == 6:
        covariance = np.linalg.inv(in_tangent_of_second(pose, information))
    return PairResult(
        *ids, not reason, reason, best.guess.origin, best.refined, len(matches), len(inliers), pose,
        best.held_out, best.start, measured.share, measured.median_mm, measured.p90_mm, offset_mm, covariance,
        matches,
    )  # fmt: skip


def _anchored(
    first: CameraEvidence,
    second: CameraEvidence,
    best: _Candidate,
    pose: SE3,
    information: np.ndarray,
    config: LinkConfig,
) -> tuple[SE3, np.ndarray]:
    """The pose at which colour holds the surfaces, where these like it as well: walls slide along themselves.

    Returns:
        The pose, and its (6, 6) information.
    """
    if not len(best.guess.inliers):
        return pose, information
    held = refine(first.surface, second.surface, best.guess.first_from_second, best.guess.inliers, config.icp)
    views, surfaces = (first.view, second.view), (first.surface, second.surface)
    poses = pose, held.first_from_second
    alone, anchored = (agreement(views, surfaces, one, config.agreement).score for one in poses)
    likes_as_well = anchored >= alone - config.anchor_tolerance * abs(alone)
    return (held.first_from_second, held.information) if likes_as_well else (pose, information)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
