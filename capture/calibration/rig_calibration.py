"""Calibration of a rig with a board: from observed corners to placed cameras, with their uncertainty and a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..camera import CameraModel, CameraRig, Intrinsics
from ..errors import InputError, QualityError
from ..geometry import SE3, nearest_rotation
from .bundle import BundleConfig
from .bundle_problem import place
from .report_build import camera_reports, pair_reports, time_offset
from .report_data import CalibrationReport, DepthReport, HeldOutReport, PairReport
from .rig_bundle import IntrinsicsMode, PriorConfig
from .rig_fit import RigFit, RigStart, Timing, fit_rig, rig_start, score_fit
from .sigma_map import sigma_map
from .verdict import film_next, judge

if TYPE_CHECKING:
    from .observations import BoardObservations

FEWEST_HELD_OUT = 6
LEAST_UPRIGHT = 0.3
MARGIN = 1.02


@dataclass(frozen=True, slots=True)
class CalibrationConfig:
    """How a rig is calibrated.

    Args:
        intrinsics: "fixed", "prior" (they may move within the priors) or "free".
        timing: "estimated" gives the rig whose shutters open when the time offsets say; "simultaneous" gives the rig
            for frames that are taken together as their stamps pair them; "auto" takes the first, unless the second
            triangulates held-out instants better without knowing the offsets.
        priors: what is known of lenses and clocks before.
        bundle: the adjustment.
        allow_partial: place only the largest group of connected cameras, instead of raising.
        own_fit: also fit the held-out instants themselves, to say what could be reached at best.
    """

    intrinsics: IntrinsicsMode = "prior"
    timing: Literal["auto", "estimated", "simultaneous"] = "auto"
    priors: PriorConfig = field(default_factory=PriorConfig)
    bundle: BundleConfig = field(default_factory=BundleConfig)
    allow_partial: bool = False
    own_fit: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class RigCalibration:
    """A calibrated rig.

    Args:
        rig: the placed cameras with refined lenses; covariances are relative to the root camera.
        report: all that is known of it.
        offsets_s: by camera id, seconds to add to its stamps, and one sigma; the prior's where nothing is known.
        world_from_board: the board by instant of the observations.
        color_from_board: by (camera, instant) number, the board before the lens when its shutter opened.
        fit: the adjustment behind it.
    """

    rig: CameraRig
    report: CalibrationReport
    offsets_s: Mapping[str, tuple[float, float]]
    world_from_board: Mapping[int, SE3]
    color_from_board: Mapping[tuple[int, int], SE3]
    fit: RigFit


def calibrate_rig(
    observations: BoardObservations, config: CalibrationConfig | None = None, *,
    models: Mapping[str, CameraModel] | None = None, start: CameraRig | None = None,
    depth: Mapping[str, DepthReport] | None = None, board: Mapping[str, Any] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> RigCalibration:  # fmt: skip
    """Place the cameras, refine their lenses and clocks, and say how sure that is.

    Args:
        observations: what was seen; a camera needs a lens here or in `start`.
        config: see CalibrationConfig.
        models: the cameras as built, for their depth lenses.
        start: a rig whose world and lenses are kept; without it the world stands upright by the cameras' own sense of
            up, with the root camera as its origin.
        depth: what the boards said of depth lenses, for the report.
        board: the board, for the report.
        progress: called with the name of the step and the share that is done.

    Raises:
        InputError: a camera has no lens, or never saw the board.
        QualityError: the cameras do not hang together, or the corners do not determine the rig.
    """
    config, told = config or CalibrationConfig(), progress or (lambda step, share: None)
    told("first poses", 0.0)
    given = dict(observations.lenses) | (
        {name: camera.color for name, camera in start.cameras.items()} if start else {}
    )
    begin = rig_start(observations, _lenses(observations, given))
    groups = _groups(observations, begin, config)

    instants = np.unique(observations.instant)
    told("held-out instants", 0.1)
    timing, held_out = _hold_out(observations, begin, config, instants)
    told("all instants", 0.5)
    timed = _fit(observations, begin, config, "estimated")
    fit = timed if timing == "estimated" else _fit(observations, begin, config, timing)
    told("scores", 0.8)
    scores = score_fit(observations, fit, motion=False)

    new_from_root, world_frame = _world(observations, fit, start)
    rig = _rig(observations, fit, models or {}, world_frame).moved(new_from_root, world_frame)
    cameras = camera_reports(observations, fit, timed, given, depth or {})
    pairs = pair_reports(observations, fit)
    verdict = judge(cameras, pairs, scores, held_out, timing, groups)
    boards = _boards(fit, new_from_root)
    result = fit.result
    report = CalibrationReport(
        *verdict, board=board or {}, intrinsics=config.intrinsics, timing=timing, world_frame=world_frame,
        root_id=observations.camera_ids[begin.tree.root], num_instants=len(fit.bundle.instants),
        num_observations=len(result.kept), num_removed=int((~result.kept).sum()),
        reprojection_rms_px=result.rms_px, board_scale_rmse_mm=scores.board_scale_rmse_mm, fit=scores,
        held_out=held_out, cameras=cameras, pairs=pairs, sigma_map=_map(observations, rig, boards, fit),
        left_out=tuple(name for group in groups[1:] for name in group),
    )  # fmt: skip
    told("done", 1.0)
    names = [observations.camera_ids[int(camera)] for camera in fit.bundle.cameras]
    offsets = {name: time_offset(timed, int(c))[:2] for name, c in zip(names, fit.bundle.cameras, strict=True)}
    return RigCalibration(rig, report, offsets, boards, _boards_in_view(timed), fit)


def _lenses(observations: BoardObservations, given: Mapping[str, Intrinsics | None]) -> list[Intrinsics]:
    lenses, seen = [], set(observations.camera.tolist())
    for index, name in enumerate(observations.camera_ids):
        lens = given.get(name)
        if index not in seen:
            raise InputError(
                "a camera never saw the board", where=f"camera {name}",
                why="the board was out of its view, too small, blurred, or is not the one of the board file",
                todo=f"film the board before {name}, or leave its folder out",
            )  # fmt: skip
        if lens is None:
            raise InputError(
                "nothing is known of a lens", where=f"camera {name}",
                todo="find it with `ortwin calibrate-lens`, or give it in calibration.json, or with --lenses or --rig",
            )  # fmt: skip
        lenses.append(lens)
    return lenses


def _groups(observations: BoardObservations, begin: RigStart, config: CalibrationConfig) -> list[list[str]]:
    groups = [[observations.camera_ids[camera] for camera in group] for group in begin.tree.groups]
    if len(groups) == 1:
        return groups
    if config.allow_partial and len(groups[0]) > 1:
        return groups
    pairs = [
        PairReport(
            observations.camera_ids[p.first], observations.camera_ids[p.second], p.num_instants, p.num_used,
            False, *[float("nan")] * 4,
        ) for p in begin.pairs
    ]  # fmt: skip
    raise QualityError(
        "the cameras do not hang together",
        where="; ".join(", ".join(group) for group in groups),
        why="no board joins these groups",
        todo="; ".join(film_next(groups[0], group, pairs) for group in groups[1:]),
    )


def _fit(
    observations: BoardObservations, begin: RigStart, config: CalibrationConfig, timing: Timing,
    instants: np.ndarray | None = None,
) -> RigFit:  # fmt: skip
    return fit_rig(
        observations, begin, config.intrinsics, config.priors, timing, config.bundle, instants=instants
    )  # fmt: skip


def _hold_out(
    observations: BoardObservations, begin: RigStart, config: CalibrationConfig, instants: np.ndarray
) -> tuple[Timing, HeldOutReport | None]:
    """Fit every other instant, score the rest; and decide which timing the rig is to hold for."""
    asked: Timing = "simultaneous" if config.timing == "simultaneous" else "estimated"
    fit_to, rest = instants[instants % 2 == 0], instants[instants % 2 == 1]
    if len(begin.tree.root_from_camera) < 2 or min(len(fit_to), len(rest)) < FEWEST_HELD_OUT:
        return asked, None
    part = begin.of(fit_to)
    if set(part.tree.root_from_camera) != set(begin.tree.root_from_camera):
        return asked, None
    timed = _fit(observations, part, config, "estimated", fit_to)
    motion = score_fit(observations, timed, rest, motion=True)
    timing, best = asked, None
    if asked == "estimated":
        best = score_fit(observations, timed, rest, motion=False)
    if config.timing != "estimated":
        together = _fit(observations, part, config, "simultaneous", fit_to)
        other = score_fit(observations, together, rest, motion=False)
        if best is None or best.reprojection_rms_px > MARGIN * other.reprojection_rms_px:
            timing, best = "simultaneous", other
    own = None
    if config.own_fit:
        own = score_fit(observations, _fit(observations, begin.of(rest), config, timing, rest), rest, motion=False)
    return timing, HeldOutReport(len(fit_to), len(rest), best, motion, own) if best is not None else None


def _world(observations: BoardObservations, fit: RigFit, start: CameraRig | None) -> tuple[SE3, str]:
    """The world that the rig is delivered in, from that of the root camera."""
    poses = {observations.camera_ids[camera]: pose for camera, pose in fit.world_from_camera.items()}
    if start is not None and (common := [name for name in poses if name in start.cameras]):
        before = [start.cameras[name].world_from_camera for name in common]
        now = [poses[name] for name in common]
        turn = nearest_rotation(
            sum((b.rotation @ n.rotation.T for b, n in zip(before, now, strict=True)), np.zeros((3, 3)))
        )
        shift_m = np.mean([b.translation_m - turn @ n.translation_m for b, n in zip(before, now, strict=True)], axis=0)
        return SE3(turn, shift_m), start.world_frame
    up = -np.mean([pose.rotation[:, 1] for pose in poses.values()], axis=0)
    if np.linalg.norm(up) < LEAST_UPRIGHT:
        return SE3.identity(), f"camera {observations.camera_ids[fit.start.tree.root]}"
    up /= np.linalg.norm(up)
    forward = np.array([0.0, 0.0, 1.0]) - up[2] * up
    forward = forward if np.linalg.norm(forward) > LEAST_UPRIGHT else np.array([1.0, 0.0, 0.0]) - up[0] * up
    forward /= np.linalg.norm(forward)
    return SE3(np.stack([forward, np.cross(up, forward), up]), np.zeros(3)), "upright"


def _rig(
    observations: BoardObservations, fit: RigFit, models: Mapping[str, CameraModel], world_frame: str
) -> CameraRig:
    cameras, covariance = {}, {}
    placed = fit.world_from_camera
    for index, (camera, lens) in enumerate(zip(fit.bundle.cameras, fit.lenses, strict=True)):
        name = observations.camera_ids[int(camera)]
        model = models.get(name) or CameraModel(name, lens, None, SE3.identity())
        cameras[name] = with_color(model, lens).placed(placed[int(camera)])
        covariance[name] = fit.result.covariance.of_camera(index)[:6, :6]
    return CameraRig(cameras, world_frame, covariance)


def with_color(model: CameraModel, lens: Intrinsics) -> CameraModel:
    """A camera with another colour lens."""
    return replace(model, color=lens)


def _boards(fit: RigFit, new_from_root: SE3) -> dict[int, SE3]:
    state = fit.result.state
    return {
        int(instant): new_from_root @ SE3(state.board_rotation[i], state.board_position_m[i])
        for i, instant in enumerate(fit.bundle.instants)
    }


def _boards_in_view(fit: RigFit) -> dict[tuple[int, int], SE3]:
    problem, state = fit.result.problem, fit.result.state
    placement = place(problem, state)
    return {
        (int(fit.bundle.cameras[camera]), int(fit.bundle.instants[problem.view_instant[view]])):
            state.camera_from_world(camera) @ SE3(placement.rotation[view], placement.position_m[view])
        for view, camera in enumerate(problem.view_camera.tolist())
    }  # fmt: skip


def _map(observations: BoardObservations, rig: CameraRig, boards: Mapping[int, SE3], fit: RigFit) -> Any:
    names: Sequence[str] = list(rig.cameras)
    if len(names) < 2:
        return None
    points_m = np.concatenate([pose @ observations.board.points_m for pose in boards.values()])
    return sigma_map(
        [rig[name].color for name in names], [rig[name].world_from_camera for name in names],
        [rig.covariance[name] for name in names], points_m, float(np.median(fit.result.problem.noise_px)),
    )  # fmt: skip
