"""Registration without a board: where the cameras stand, from nothing but what they see of the standing room."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from .background import BackgroundModel
from .camera import CameraRig
from .errors import InputError
from .features import lift_features
from .floor import FloorConfig, FloorFit, find_floor
from .geometry import SE3
from .lens_check import LensCheck, check_lens_pose
from .link import CameraEvidence, LinkConfig, PairResult, link_pair
from .pose_graph import PoseEdge, components, solve_pose_graph
from .recording import Recording
from .static_view import StaticView, static_view
from .surface_icp import Surface

UNREFINED_SIGMAS = np.array([0.05, 0.05, 0.05, 0.15, 0.15, 0.15])
LOOP_ALARM = 10.0
BENT_DEPTH_FACTOR = 6.0
BENT_DEPTH_MM = 50.0


@dataclass(frozen=True, slots=True)
class RegisterConfig:
    """How a rig is found.

    Args:
        link: linking of pairs.
        floor: finding the floor.
        allow_partial: place only the cameras that are linked to the first one, instead of raising.
    """

    link: LinkConfig = field(default_factory=LinkConfig)
    floor: FloorConfig = field(default_factory=FloorConfig)
    allow_partial: bool = False


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
    """

    rig: CameraRig
    pairs: tuple[PairResult, ...]
    floor: FloorFit
    lenses: Mapping[str, LensCheck]
    loop_misfit: Mapping[tuple[str, str], float]
    left_out: tuple[str, ...]
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a report."""
        return {
            "cameras": list(self.rig.cameras),
            "left_out": list(self.left_out),
            "pairs": [
                {**pair.to_json(), "loop_misfit": self.loop_misfit.get((pair.first_id, pair.second_id))}
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
            "warnings": list(self.warnings),
        }


def register(
    recording: Recording,
    config: RegisterConfig | None = None,
    backgrounds: Mapping[str, BackgroundModel] | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Registration:
    """Find where the cameras of a recording stand.

    Static surfaces -> colour features lifted to 3D -> a relative pose for each pair -> pose graph -> floor.

    Args:
        recording: at least one camera with depth; colour helps much. Cameras whose depth cannot be read are left out.
        config: see RegisterConfig.
        backgrounds: background by camera id; where absent, the temporal median of the frames is taken.
        progress: called with the name of a step and the share done, in [0, 1].

    Raises:
        InputError: no camera has depth, or cameras cannot be linked to the first one (names the pairs and why).
    """
    config = config or RegisterConfig()
    say = progress or (lambda step, share: None)
    lenses: dict[str, LensCheck] = {}
    evidence: dict[str, CameraEvidence] = {}
    blind: dict[str, str] = {}
    for index, name in enumerate(recording.cameras):
        say(f"surface of {name}", 0.5 * index / len(recording.cameras))
        try:
            view = static_view(recording, name, (backgrounds or {}).get(name))
        except InputError as error:
            blind[name] = error.what
            continue
        if not len(view.points_m):
            blind[name] = "its depth shows no surface that stands still"
            continue
        lenses[name] = check_lens_pose(view)
        evidence[name] = _evidence(recording, view, lenses[name], config)
    if not evidence:
        raise _all_blind(recording, blind)
    camera_ids = list(evidence)
    num_pairs = len(camera_ids) * (len(camera_ids) - 1) // 2
    pairs: list[PairResult] = []
    for index, (first, second) in enumerate(combinations(camera_ids, 2)):
        say(f"{first} and {second}", 0.5 + 0.4 * index / max(num_pairs, 1))
        pairs.append(link_pair(evidence[first], evidence[second], config.link))
    say("rig and floor", 0.9)
    edges = [_edge(pair) for pair in pairs if pair.linked]
    placed = components(camera_ids, edges)[0]
    unlinked = {name: "it could not be linked" for name in camera_ids if name not in placed}
    if unlinked and not config.allow_partial:
        raise _unlinked(placed, list(unlinked), pairs)
    edges = [edge for edge in edges if edge.first_id in placed]
    graph = solve_pose_graph(placed, edges)
    surfaces = {name: evidence[name].surface for name in placed}
    floor = find_floor(surfaces, graph.root_from_camera, config.floor, _middle(surfaces, graph.root_from_camera))
    cameras = {name: recording.cameras[name].placed(graph.root_from_camera[name]) for name in placed}
    rig = CameraRig(cameras, "first_camera", graph.covariance).moved(floor.world_from_reference, "floor")
    misfit = {(edge.first_id, edge.second_id): graph.disagreement[k] for k, edge in enumerate(edges)}
    say("done", 1.0)
    left_out = blind | unlinked
    warnings = (*floor.warnings, *_warnings(pairs, lenses, misfit, left_out))
    return Registration(rig, tuple(pairs), floor, lenses, misfit, tuple(left_out), warnings)


def _evidence(recording: Recording, view: StaticView, lens: LensCheck, config: RegisterConfig) -> CameraEvidence:
    color_from_view = lens.color_from_depth @ view.model.color_from_depth.inverse()
    features = lift_features(recording, view, config.link.features, color_from_view)
    icp = config.link.icp
    coarse = Surface.of(view, icp, config.link.coarse_grid_m)
    return CameraEvidence(view, Surface.of(view, icp), coarse, features)


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


def _all_blind(recording: Recording, blind: Mapping[str, str]) -> InputError:
    return InputError(
        "no camera has depth that can be read", where=str(getattr(recording, "path", "")),
        why="; ".join(f"{name}: {why}" for name, why in blind.items()),
        todo="import depth images, or attach known poses with `ortwin rig set`",
    )  # fmt: skip


def _unlinked(placed: Sequence[str], left_out: Sequence[str], pairs: Sequence[PairResult]) -> InputError:
    tried = [pair for pair in pairs if (pair.first_id in placed) != (pair.second_id in placed)]
    return InputError(
        f"{', '.join(left_out)} cannot be linked to {', '.join(placed)}",
        where="; ".join(f"{pair.first_id} and {pair.second_id}" for pair in tried),
        why="; ".join(f"{pair.first_id} and {pair.second_id}: {pair.reason}" for pair in tried),
        todo="let the cameras see more of the same things (posters, furniture, floor), add a camera between them, "
        "attach known poses with `ortwin rig set`, or place only the linked cameras with --partial",
    )


def _warnings(
    pairs: Sequence[PairResult],
    lenses: Mapping[str, LensCheck],
    misfit: Mapping[tuple[str, str], float],
    left_out: Mapping[str, str],
) -> list[str]:
    said: list[str] = []
    for name, check in lenses.items():
        if check.verdict in ("inverse", "identity"):
            other = "its inverse" if check.verdict == "inverse" else "no offset at all"
            said.append(
                f"{name}: depth edges meet colour edges {check.gain:.0%} better with {other} than with the given "
                "color_from_depth; colours may sit beside their surfaces"
            )
    for pair in (pair for pair in pairs if pair.linked):
        together = f"{pair.first_id} and {pair.second_id}"
        if pair.origin == "geometry":
            said.append(f"{together} were linked by the shape of the room alone; look at the result")
        if pair.color_offset_mm > max(BENT_DEPTH_FACTOR * pair.residual_median_mm, BENT_DEPTH_MM):
            said.append(
                f"{together}: what looks the same lies {pair.color_offset_mm:.0f} mm apart although the surfaces meet "
                f"within {pair.residual_median_mm:.0f} mm; the depth of a camera may be bent at long range"
            )
        if misfit.get((pair.first_id, pair.second_id), 0.0) > LOOP_ALARM:
            said.append(f"{together} disagree with the rest of the rig and were given little weight")
    return said + [f"{name} was left out: {why}" for name, why in left_out.items()]
