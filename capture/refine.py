"""Refinement of a placed rig from the scene: poses and depth together, kept only if what was held out agrees.

Peers run ICP behind a calibration and hope (users of LiveScan3D report that it made their rigs worse). Here a fit has
to stand before what it has not seen: colour matches that were held out, the agreement of surfaces, and a board where
one was filmed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from .camera import CameraRig
from .colour_pose import better_colour_pose
from .depth_bend import SENSOR_BEND, STRUCTURED_LIGHT, TIME_OF_FLIGHT, BendPrior, correction_of, factors, terms_of
from .depth_correction import DepthCorrection
from .features import Matches
from .geometry import SE3
from .joint_problem import JointCamera, JointMatches, JointProblem, JointState, RigPrior
from .joint_refine import JointResult, refine_jointly
from .joint_rows import flat_part
from .lens_check import LensCheck
from .link import CameraEvidence, PairResult
from .pose_graph import PoseEdge, solve_pose_graph
from .refine_judge import Judge, RefineConfig, Standing
from .surface_icp import IcpConfig, Surface

ROUGH_SIGMAS = np.array([0.02, 0.02, 0.02, 0.1, 0.1, 0.1])


@dataclass(frozen=True, slots=True, eq=False)
class Refinement:
    """The outcome, and whether it is to be believed.

    Args:
        accepted: whether the refined rig stands at least as well as the one it began with.
        reason: in words.
        before, after: how both stand before held-out matches, surfaces and boards.
        num_held_out: held-out matches near their lines in either.
        bend: kind of depth that was assumed, by camera: "time_of_flight", "structured_light" or "given".
        root_from_camera: refined poses by camera id (those of the start where not accepted).
        covariance: (6, 6) by camera id, in the tangent of each; empty where not accepted.
        corrections: of depth, by camera id; what was known before where a change is not worth writing.
        sigma_px: noise of a colour feature as measured.
    """

    accepted: bool
    reason: str
    before: Standing
    after: Standing
    num_held_out: int
    bend: Mapping[str, str]
    root_from_camera: Mapping[str, SE3]
    covariance: Mapping[str, np.ndarray]
    corrections: Mapping[str, DepthCorrection]
    sigma_px: float

    def to_json(self) -> dict[str, Any]:
        """Plain values for a report."""
        return {
            "accepted": self.accepted, "reason": self.reason, "before": self.before.to_json(),
            "after": self.after.to_json(), "num_held_out": self.num_held_out, "bend": dict(self.bend),
            "corrected_depth": sorted(name for name, one in self.corrections.items() if not one.is_identity),
            "sigma_px": self.sigma_px,
        }  # fmt: skip


def refine_rig(
    evidence: Mapping[str, CameraEvidence],
    lenses: Mapping[str, LensCheck],
    root_from_camera: Mapping[str, SE3],
    pairs: Sequence[PairResult],
    config: RefineConfig | None = None,
    *,
    prior: CameraRig | None = None,
    trial: CameraRig | None = None,
    board_px: Callable[[Mapping[str, SE3]], float] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Refinement:
    """Refine poses and depth of all cameras together, and keep the outcome only if it stands.

    Args:
        evidence: what each camera brings, depth as read.
        lenses: where the colour lens of each camera stands.
        root_from_camera: poses to begin with, by camera id.
        pairs: what was found about pairs, with their colour matches.
        config: see RefineConfig.
        prior: a calibrated rig whose covariances hold the cameras (those of `CameraRig.covariance`).
        trial: takes the place of `prior` while the refinement is judged: it has not seen the held-out boards.
        board_px: error of held-out board corners under poses by camera id; the refined rig must not raise it.
        progress: called with the name of a step and the share done, in [0, 1].
    """
    config, say = config or RefineConfig(), progress or (lambda step, share: None)
    names = list(root_from_camera)
    judge = Judge(names, evidence, pairs, config, board_px)
    judged = root_from_camera if trial is None else _poses(trial, names)
    problem = _problem(names, evidence, lenses, pairs, trial or prior, config)
    start = _state(problem, judged)
    known = [camera.given for camera in problem.cameras]
    before = judge.standing(problem, start, known)
    best: _Candidate | None = None
    candidates = [(bend, one) for bend in _bends(names, evidence) for one in _starts(problem, start, prior)]
    for number, (bend, one) in enumerate(candidates):
        say("poses and depth together", 0.1 + 0.7 * number / len(candidates))
        assumed = _assuming(problem, bend)
        result = refine_jointly(assumed.training(), one, config.joint)
        corrections = _worth_writing(assumed, result, config)
        candidate = _Candidate(bend, assumed, result, judge.standing(assumed, result.state, corrections))
        if best is None or candidate.beats(best, config):
            best = candidate
    assert best is not None
    num_held_out = judge.num_held_out(problem, start, best.result.state)
    reason = judge.doubt(before, best.standing, num_held_out)
    bends = {name: _bend_name(camera.bend) for name, camera in zip(names, best.problem.cameras, strict=True)}
    if reason:
        return Refinement(
            False, reason, before, best.standing, num_held_out, bends, dict(root_from_camera), {},
            dict(zip(names, known, strict=True)),            best.result.sigma_px,
        )  # fmt: skip
    say("with all matches", 0.85)
    begin = best.result.state
    if trial is not None:
        best = replace(best, problem=_assuming(_problem(names, evidence, lenses, pairs, prior, config), best.bend))
        begin = JointState(_state(problem, root_from_camera).root_from_camera, begin.terms)
    final = refine_jointly(best.problem, begin, config.joint)
    corrections = _worth_writing(best.problem, final, config)
    return Refinement(
        True, "what was held out agrees no less", before, best.standing, num_held_out, bends,
        dict(zip(names, final.state.root_from_camera, strict=True)),
        {name: final.covariance[k][:6, :6] for k, name in enumerate(names)},
        dict(zip(names, corrections, strict=True)),
        final.sigma_px,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    bend: BendPrior | None
    problem: JointProblem
    result: JointResult
    standing: Standing

    def beats(self, other: _Candidate, config: RefineConfig) -> bool:
        """From another start: colour decides. With a wilder bend: surfaces must gain, and colour must not lose."""
        if self.bend is other.bend:
            mine, theirs = self.standing.colour_px, other.standing.colour_px
            return mine < theirs if np.isfinite(mine + theirs) else self.standing.surfaces > other.standing.surfaces
        gains = self.standing.surfaces > other.standing.surfaces + config.least_gain * abs(other.standing.surfaces)
        return gains and not self.standing.colour_px > other.standing.colour_px


def _problem(
    names: Sequence[str],
    evidence: Mapping[str, CameraEvidence],
    lenses: Mapping[str, LensCheck],
    pairs: Sequence[PairResult],
    prior: CameraRig | None,
    config: RefineConfig,
) -> JointProblem:
    surfaces = IcpConfig(grid_m=config.grid_m, max_depth_m=config.max_depth_m)
    cameras = []
    for name in names:
        view = evidence[name].view
        color_from_camera = lenses[name].color_from_depth @ view.model.color_from_depth.inverse()
        cameras.append(
            JointCamera(
                name,
                flat_part(Surface.of(view, surfaces)),
                view.model.color_from_depth,
                color_from_camera.inverse().translation_m,
                1.0 / view.model.color.fx_px,
                SENSOR_BEND.get(view.model.sensor, TIME_OF_FLIGHT),
                view.model.depth_correction,
            )
        )
    number = {name: index for index, name in enumerate(names)}
    matches = [
        JointMatches(number[pair.first_id], number[pair.second_id], pair.matches or Matches.joined([]))
        for pair in pairs if pair.first_id in number and pair.second_id in number
    ]  # fmt: skip
    known = None if prior is None else _rig_prior(prior, names)
    root = 0 if prior is None else next((k for k, name in enumerate(names) if not _known(prior, name).any()), 0)
    return JointProblem(cameras, matches, list(combinations(range(len(names)), 2)), root, known)


def _state(problem: JointProblem, poses: Mapping[str, SE3]) -> JointState:
    terms = np.stack([terms_of(camera.given) for camera in problem.cameras])
    return JointState([poses[camera.camera_id] for camera in problem.cameras], terms)


def _poses(rig: CameraRig, names: Sequence[str]) -> dict[str, SE3]:
    return {name: rig[names[0]].camera_from_world @ rig[name].world_from_camera for name in names}


def _rig_prior(rig: CameraRig, names: Sequence[str]) -> RigPrior:
    root = next((name for name in names if not _known(rig, name).any()), names[0])
    numbers = [k for k, name in enumerate(names) if name != root and _known(rig, name).any()]
    return RigPrior(
        {k: rig[root].camera_from_world @ rig[names[k]].world_from_camera for k in numbers},
        {k: _known(rig, names[k]) for k in numbers},
    )


def _known(rig: CameraRig, name: str) -> np.ndarray:
    return np.asarray(rig.covariance.get(name, np.zeros((6, 6))))


def _bends(names: Sequence[str], evidence: Mapping[str, CameraEvidence]) -> list[BendPrior | None]:
    """What sensors of unknown kind are taken for, mildest first; a single None where all kinds are known."""
    unknown = any(evidence[name].view.model.sensor not in SENSOR_BEND for name in names)
    return [TIME_OF_FLIGHT, STRUCTURED_LIGHT] if unknown else [None]


def _assuming(problem: JointProblem, bend: BendPrior | None) -> JointProblem:
    if bend is None:
        return problem
    return replace(problem, cameras=[replace(camera, bend=bend) for camera in problem.cameras])


def _starts(problem: JointProblem, start: JointState, prior: CameraRig | None) -> list[JointState]:
    """The given poses, and those that colour prefers, where it clearly does and no board says otherwise."""
    cameras = list(problem.cameras)
    found = {} if prior is not None else {
        (pair.first, pair.second): pose for pair in problem.matches
        if (pose := better_colour_pose(pair, cameras, start)) is not None
    }  # fmt: skip
    if not found:
        return [start]
    information = np.diag(ROUGH_SIGMAS**-2.0)
    poses = start.root_from_camera
    edges = [
        PoseEdge(str(a), str(b), found.get((a, b), poses[a].inverse() @ poses[b]), information)
        for a, b in problem.pairs
    ]
    graph = solve_pose_graph([str(k) for k in range(len(cameras))], edges)
    moved = [poses[0] @ graph.root_from_camera[str(k)] for k in range(len(cameras))]
    return [start, JointState(moved, start.terms)]


def _worth_writing(problem: JointProblem, result: JointResult, config: RefineConfig) -> list[DepthCorrection]:
    """Corrections of all cameras; those known already, where all changes are smaller than what good sensors promise."""
    largest = 0.0
    for camera, terms in zip(problem.cameras, result.state.terms, strict=True):
        points = camera.bendable(camera.surface.points_m)
        now, known = (factors(points.rays, points.depth_m, one)[0] for one in (terms, terms_of(camera.given)))
        largest = max(largest, float(np.sqrt((((now - known) * points.depth_m) ** 2).mean())))
    if largest < config.worth_m:
        return [camera.given for camera in problem.cameras]
    return [correction_of(terms, result.covariance[k][6:, 6:]) for k, terms in enumerate(result.state.terms)]


def _bend_name(bend: BendPrior) -> str:
    named = {id(TIME_OF_FLIGHT): "time_of_flight", id(STRUCTURED_LIGHT): "structured_light"}
    return named.get(id(bend), "given")
