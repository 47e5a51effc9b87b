"""Registration without a board: where the cameras stand, from nothing but what they see of the standing room."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np

from .background import BackgroundModel
from .board_hold_out import BoardHoldOut
from .camera import CameraRig
from .depth_correction import DepthCorrection
from .errors import InputError, nearest_name
from .floor import FloorConfig, FloorFit, find_floor
from .geometry import SE3
from .lens_check import LensCheck
from .link import LinkConfig, PairResult, link_pair
from .overlap import OverlapResiduals, overlap_residuals
from .pose_graph import PoseEdge, PoseGraphResult, components, solve_pose_graph
from .recording import Recording
from .refine import RefineConfig, Refinement, refine_rig
from .register_warnings import registration_warnings, unlinked_cameras
from .rig_evidence import RigEvidence, gather_evidence
from .surface_icp import Surface

UNREFINED_SIGMAS = np.array([0.05, 0.05, 0.05, 0.15, 0.15, 0.15])


@dataclass(frozen=True, slots=True)
class RegisterConfig:
    """How a rig is found.

    Args:
        link: linking of pairs.
        floor: finding the floor.
        allow_partial: place only the largest group of linked cameras, instead of raising.
        reference: place the group of this camera instead.
        refine: refine poses and depth of all cameras together; None = leave the rig as the pairs have it.
    """

    link: LinkConfig = field(default_factory=LinkConfig)
    floor: FloorConfig = field(default_factory=FloorConfig)
    allow_partial: bool = False
    reference: str | None = None
    refine: RefineConfig | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """A rig and how it came about.

    Args:
        rig: the placed cameras, world on the floor; covariances are relative to the first camera.
        pairs: every pair of cameras that was tried.
        floor: where the floor is.
        lenses: whether the colour and depth lenses of each camera stand to each other as the recording says.
        loop_misfit: by linked pair, the Mahalanobis length by which it disagrees with the rig; about 0 without loops.
        left_out: cameras that could not be placed.
        warnings: what a person should know.
        refinement: what came out of refining the rig; None where nobody asked.
        overlap: of each linked pair after a refinement that was kept, with corrected depth (see OverlapConfig).
    """

    rig: CameraRig
    pairs: tuple[PairResult, ...]
    floor: FloorFit
    lenses: Mapping[str, LensCheck]
    loop_misfit: Mapping[tuple[str, str], float]
    left_out: tuple[str, ...]
    warnings: tuple[str, ...]
    refinement: Refinement | None = None
    overlap: Mapping[tuple[str, str], OverlapResiduals] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values for a report."""
        return {
            "cameras": list(self.rig.cameras),
            "left_out": list(self.left_out),
            "pairs": [
                {
                    **pair.to_json(),
                    "loop_misfit": self.loop_misfit.get((pair.first_id, pair.second_id)),
                    "refined": _overlap_to_json(self.overlap.get((pair.first_id, pair.second_id))),
                }
                for pair in self.pairs
            ],
            "floor": {
                "found": self.floor.found,
                "area_m2": self.floor.area_m2,
                "residual_mm": self.floor.residual_mm if np.isfinite(self.floor.residual_mm) else None,
                "tilt_deg": self.floor.tilt_deg,
                "ceiling_angle_deg": self.floor.ceiling_angle_deg
                if np.isfinite(self.floor.ceiling_angle_deg)
                else None,
                "camera_height_m": dict(self.floor.camera_height_m),
            },
            "lenses": {name: {"verdict": check.verdict, "gain": check.gain} for name, check in self.lenses.items()},
            "covariance": {name: value.tolist() for name, value in self.rig.covariance.items()},
            "refinement": None if self.refinement is None else self.refinement.to_json(),
            "warnings": list(self.warnings),
        }


def register(
    recording: Recording,
    config: RegisterConfig | None = None,
    backgrounds: Mapping[str, BackgroundModel] | None = None,
    progress: Callable[[str, float], None] | None = None,
    *,
    start: CameraRig | None = None,
    boards: BoardHoldOut | None = None,
) -> Registration:
    """Find where the cameras of a recording stand.

    Static surfaces -> colour features lifted to 3D -> a relative pose for each pair -> pose graph -> refinement
    -> floor.

    Args:
        recording: at least one camera with depth; colour helps much. Cameras whose depth cannot be read are left out.
        config: see RegisterConfig.
        backgrounds: background by camera id, of depth as read; where absent, the temporal median is taken.
        progress: called with the name of a step and the share done, in [0, 1].
        start: a calibrated rig to begin with; its covariances hold the cameras in the refinement, its lenses count.
        boards: a board session that judges the refinement; its rig is the start.

    Raises:
        InputError: no camera has depth, or cameras cannot be linked (names the pairs and why).
    """
    config, say = config or RegisterConfig(), progress or (lambda step, share: None)
    start = start if boards is None else boards.rig
    evidence = gather_evidence(
        recording, config.link, backgrounds, start.cameras if start is not None else None,
        lambda step, share: say(step, 0.5 * share),
    )  # fmt: skip
    pairs = _link(evidence, config, lambda step, share: say(step, 0.5 + 0.2 * share))
    placing = _place(evidence, pairs, config, start)
    refinement = None
    if config.refine is not None and len(placing.root_from_camera) > 1:
        refinement = refine_rig(
            evidence.cameras, evidence.lenses, placing.root_from_camera, pairs, config.refine, prior=start,
            trial=None if boards is None else boards.half_rig, board_px=None if boards is None else boards.error_px,
            progress=lambda step, share: say(step, 0.7 + 0.2 * share),
        )  # fmt: skip
    say("rig and floor", 0.9)
    rig, floor = _stand(recording, evidence, placing, refinement, start, config)
    left_out = {
        name: why for name, why in (*evidence.blind.items(), *placing.unlinked.items()) if name not in rig.cameras
    }
    warnings = registration_warnings(pairs, evidence.lenses, placing.misfit, left_out, refinement)
    overlap = {}
    if refinement is not None and refinement.accepted:
        say("overlap", 0.95)
        overlap = _overlap(evidence, pairs, rig, config)
    say("done", 1.0)
    return Registration(
        rig, tuple(pairs), floor, evidence.lenses, placing.misfit, tuple(left_out), (*floor.warnings, *warnings),
        refinement, overlap,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Placing:
    root_from_camera: Mapping[str, SE3]
    covariance: Mapping[str, np.ndarray]
    misfit: Mapping[tuple[str, str], float]
    unlinked: Mapping[str, str]


def _link(evidence: RigEvidence, config: RegisterConfig, say: Callable[[str, float], None]) -> list[PairResult]:
    couples = list(combinations(evidence.cameras, 2))
    pairs = []
    for index, (first, second) in enumerate(couples):
        say(f"{first} and {second}", index / len(couples))
        pairs.append(link_pair(evidence.cameras[first], evidence.cameras[second], config.link))
    return pairs


def _place(
    evidence: RigEvidence, pairs: Sequence[PairResult], config: RegisterConfig, start: CameraRig | None
) -> _Placing:
    """Poses by the pose graph, or those of a calibrated rig."""
    camera_ids = list(evidence.cameras)
    if start is not None:
        known = [name for name in camera_ids if name in start.cameras]
        if not known:
            raise InputError(
                "the rig names none of the cameras with depth", where=", ".join(camera_ids),
                todo="give the rig of this recording",
            )  # fmt: skip
        root = start[known[0]].camera_from_world
        poses = {name: root @ start[name].world_from_camera for name in known}
        lost = {name: "the rig does not place it" for name in camera_ids if name not in known}
        return _Placing(poses, {name: start.covariance.get(name, np.zeros((6, 6))) for name in known}, {}, lost)
    edges = [_edge(pair) for pair in pairs if pair.linked]
    placed = _group(camera_ids, components(camera_ids, edges), config)
    lost = {name: "it could not be linked" for name in camera_ids if name not in placed}
    if lost and not config.allow_partial:
        raise unlinked_cameras(placed, list(lost), pairs)
    edges = [edge for edge in edges if edge.first_id in placed]
    graph: PoseGraphResult = solve_pose_graph(placed, edges)
    misfit = {(edge.first_id, edge.second_id): graph.disagreement[k] for k, edge in enumerate(edges)}
    return _Placing(graph.root_from_camera, graph.covariance, misfit, lost)


def _group(camera_ids: Sequence[str], groups: Sequence[list[str]], config: RegisterConfig) -> list[str]:
    """The cameras to place: the group of the reference, or else the largest (of equals, the one named first)."""
    if config.reference is None:
        return max(groups, key=len)
    if config.reference not in camera_ids:
        raise InputError(
            f"no camera with depth is called '{config.reference}'{nearest_name(config.reference, camera_ids)}",
            where="reference", todo=f"choose one of {', '.join(camera_ids)}",
        )  # fmt: skip
    return next(group for group in groups if config.reference in group)


def _stand(
    recording: Recording,
    evidence: RigEvidence,
    placing: _Placing,
    refinement: Refinement | None,
    start: CameraRig | None,
    config: RegisterConfig,
) -> tuple[CameraRig, FloorFit]:
    """The rig on the floor, which is found on corrected surfaces."""
    poses = placing.root_from_camera if refinement is None else refinement.root_from_camera
    covariance = dict(placing.covariance) | (dict(refinement.covariance) if refinement is not None else {})
    views = {name: evidence.cameras[name].view for name in poses}
    known = {name: view.model.depth_correction for name, view in views.items()}
    corrections: Mapping[str, DepthCorrection] = known if refinement is None else refinement.corrections
    surfaces = {
        name: evidence.cameras[name].surface if corrections[name].is_identity
        else Surface.of(view.corrected(corrections[name]), config.link.icp)
        for name, view in views.items()
    }  # fmt: skip
    floor = find_floor(surfaces, poses, config.floor, _middle(surfaces, poses))
    models = start.cameras if start is not None else recording.cameras
    cameras = {name: replace(models[name], depth_correction=corrections[name]).placed(poses[name]) for name in poses}
    if start is not None:  # cameras without depth keep their place beside the first one
        beside = next(iter(poses))
        from_world = poses[beside] @ start[beside].camera_from_world
        for name, camera in start.cameras.items():
            cameras.setdefault(name, replace(camera, world_from_camera=from_world @ camera.world_from_camera))
            covariance.setdefault(name, start.covariance.get(name, np.zeros((6, 6))))
    return CameraRig(cameras, "first_camera", covariance).moved(floor.world_from_reference, "floor"), floor


def _overlap(
    evidence: RigEvidence, pairs: Sequence[PairResult], rig: CameraRig, config: RegisterConfig
) -> dict[tuple[str, str], OverlapResiduals]:
    """How the corrected surfaces of each linked pair lie on each other in the rig."""
    linked = [(pair.first_id, pair.second_id) for pair in pairs if pair.linked]
    linked = [pair for pair in linked if set(pair) <= set(rig.cameras)]
    names = {name for pair in linked for name in pair}
    views = {name: evidence.cameras[name].view.corrected(rig[name].depth_correction) for name in names}
    return {pair: overlap_residuals(rig, views, *pair, config.link.overlap) for pair in linked}


def _overlap_to_json(overlap: OverlapResiduals | None) -> dict[str, float] | None:
    if overlap is None or not len(overlap.residual_m):
        return None
    return {
        "overlap_share": overlap.share, "residual_median_mm": overlap.median_mm, "residual_p90_mm": overlap.p90_mm
    }  # fmt: skip


def _edge(pair: PairResult) -> PoseEdge:
    assert pair.first_from_second is not None
    covariance = pair.covariance if np.isfinite(pair.covariance).all() else np.diag(UNREFINED_SIGMAS**2)
    return PoseEdge(pair.first_id, pair.second_id, pair.first_from_second, np.linalg.inv(covariance))


def _middle(surfaces: Mapping[str, Surface], root_from_camera: Mapping[str, SE3]) -> np.ndarray:
    """(3,) the middle of what at least two cameras see, or of everything when no two see the same."""
    from scipy.spatial import KDTree

    placed = {name: root_from_camera[name] @ surfaces[name].points_m for name in root_from_camera}
    shared = []
    for first, second in combinations(placed, 2):
        distance_m, _ = KDTree(placed[first]).query(placed[second], distance_upper_bound=0.1)
        shared.append(placed[second][np.isfinite(distance_m)])
    together = np.concatenate(shared) if shared else np.zeros((0, 3))
    if not len(together):
        together = np.concatenate(list(placed.values()))
    return np.median(together, axis=0)
