"""All families of scores of one twin: what it has is scored, what it lacks is reported as absent, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

import numpy as np

from ..capture.storage import StoredRecording
from .bodies import BodyScores, score_bodies
from .calibration import CalibrationScores, score_calibration, truth_from_twin
from .clocks import ClockScores, score_clocks
from .cost import CostScores, score_cost
from .flying_pixels import FlyingPixelScores, score_flying_pixels
from .foreground import ForegroundScores, score_foreground
from .moving_surfaces import MovingSurfaceScores, score_moving_surfaces
from .people import PeopleScores, match_people, score_people
from .phases import PhaseScores, score_phases
from .relations import RelationScores, score_relations
from .roles import RoleScores, score_roles
from .room import RoomScores, score_room
from .tools import ToolScores, score_tools
from .tracks import TrackScores, match_names, score_tracks
from .truth import Truth
from .twin_tables import TwinTables
from .uncertainty import UncertaintyScores, score_uncertainty

SHIFTS = (0.8, 1.2)


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one twin by family; None = the twin or the truth does not have it, never zero and never perfect.

    Args:
        absent: why, by name of the family that is None.
    """

    calibration: CalibrationScores | None = None
    clocks: ClockScores | None = None
    foreground: ForegroundScores | None = None
    flying_pixels: FlyingPixelScores | None = None
    room: RoomScores | None = None
    tracks: TrackScores | None = None
    people: PeopleScores | None = None
    bodies: BodyScores | None = None
    moving_surfaces: MovingSurfaceScores | None = None
    tools: ToolScores | None = None
    relations: RelationScores | None = None
    roles: RoleScores | None = None
    phases: PhaseScores | None = None
    uncertainty: UncertaintyScores | None = None
    cost: CostScores | None = None
    absent: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values, absent families as null, with the reasons under `absent`."""
        document: dict[str, Any] = {}
        for name in FAMILIES:
            value = getattr(self, name)
            own = getattr(value, "to_json", None)
            document[name] = own() if own is not None else None if value is None else asdict(value)
        return {**document, "absent": dict(self.absent)}


FAMILIES = tuple(item.name for item in fields(Scores) if item.name != "absent")


def evaluate_twin(
    tables: TwinTables, truth: Truth, *, recording: StoredRecording | None = None, align: bool = False
) -> Scores:
    """Score a twin.

    Args:
        tables: the twin as plain tables.
        truth: what is true of its recording.
        recording: the recording, where depth itself is judged (flying pixels).
        align: lay the twin's world onto the true one by its cameras first; for rigs whose world was free.
    """
    calibration = _calibration(tables, truth)
    if align:
        tables = aligned(tables, truth)
    names = {**match_people(tables.people, truth), **match_names(tables.tracks, truth)}
    clocks = score_clocks(tables.clocks, truth.clocks, truth.times_ns) if tables.clocks and truth.clocks else None
    found: dict[str, Any] = {
        "calibration": calibration,
        "clocks": clocks,
        "foreground": tables.foreground and score_foreground(tables.foreground, truth),
        "flying_pixels": tables.flying and recording and score_flying_pixels(tables.flying, recording, truth),
        "room": _room(tables, truth),
        "tracks": tables.tracks and score_tracks(tables.tracks, truth),
        "people": tables.people and score_people(tables.people, truth),
        "bodies": tables.bodies and score_bodies(tables.bodies, truth, names),
        "moving_surfaces": _moving_surfaces(tables, truth, names, clocks),
        "tools": tables.tools and score_tools(tables.tools, truth),
        "relations": _relations(tables, truth, names),
        "roles": score_roles(tables.people, tables.tracks, truth),
        "phases": score_phases(tables.phases, truth) if tables.phases is not None else None,
        "uncertainty": score_uncertainty(tables.tracks, tables.people, tables.poses, tables.pose_covariance, truth),
        "cost": tables.cost and score_cost(tables.cost),
    }
    reasons = {name: _reason(name, tables, truth, recording) for name, value in found.items() if value is None}
    return Scores(**found, absent=reasons)


def aligned(tables: TwinTables, truth: Truth) -> TwinTables:
    """A twin in the true world, laid there by the cameras that both know; unchanged where there are none."""
    if _calibration(tables, truth) is None:
        return tables
    return tables.moved(truth_from_twin(tables.poses or {}, truth.poses or {}))


LACKS: Mapping[str, tuple[str, str, Callable[[TwinTables], bool], Callable[[Truth], bool]]] = {
    "calibration": ("camera poses", "camera poses", lambda t: bool(t.poses), lambda t: bool(t.poses)),
    "clocks": ("clocks", "clocks", lambda t: bool(t.clocks), lambda t: bool(t.clocks)),
    "foreground": ("foreground masks", "foreground masks", lambda t: t.foreground is not None, lambda t: True),
    "flying_pixels": ("masks of flying pixels", "room", lambda t: t.flying is not None, lambda t: _has_room(t)),
    "room": ("standing room", "room", lambda t: _has_vertices(t), lambda t: _has_room(t)),
    "tracks": ("tracks", "tracks", lambda t: t.tracks is not None, lambda t: bool(t.tracks)),
    "people": ("skeletons", "people", lambda t: t.people is not None, lambda t: bool(t.people)),
    "bodies": ("meshes of people", "people", lambda t: t.bodies is not None, lambda t: bool(t.people)),
    "moving_surfaces": ("surfaces of what moves", "people", lambda t: t.surfaces is not None, lambda t: bool(t.people)),
    "tools": ("poses of tools", "tools", lambda t: t.tools is not None, lambda t: bool(t.tools)),
    "relations": ("relations", "relations", lambda t: t.relations is not None, lambda t: t.relations is not None),
    "roles": ("roles", "people", lambda t: False, lambda t: bool(t.people)),
    "phases": ("phases", "phases", lambda t: t.phases is not None, lambda t: bool(t.phases)),
    "uncertainty": ("stated uncertainty", "", lambda t: False, lambda t: True),
    "cost": ("log of its cost", "", lambda t: t.cost is not None, lambda t: True),
}
"""Per family: what the twin needs, what the truth needs, and whether they have it."""


def _reason(family: str, tables: TwinTables, truth: Truth, recording: StoredRecording | None) -> str:
    ours, theirs, twin_has, truth_has = LACKS[family]
    if not truth_has(truth):
        return f"the truth has no {theirs}"
    if not twin_has(tables):
        return f"the twin has no {ours}"
    if family == "flying_pixels" and recording is None:
        return "depth images are needed: give the recording as --truth"
    return "the twin and the truth have nothing of it in common"


def _has_room(truth: Truth) -> bool:
    return truth.room_vertices_m is not None and truth.room_faces is not None


def _has_vertices(tables: TwinTables) -> bool:
    return tables.room_vertices_m is not None and tables.room_faces is not None and len(tables.room_vertices_m) > 0


def _calibration(tables: TwinTables, truth: Truth) -> CalibrationScores | None:
    return score_calibration(tables.poses, truth.poses) if tables.poses and truth.poses else None


def _room(tables: TwinTables, truth: Truth) -> RoomScores | None:
    if not _has_vertices(tables):
        return None
    assert tables.room_vertices_m is not None and tables.room_faces is not None
    return score_room(tables.room_vertices_m, tables.room_faces, truth)


def _moving_surfaces(
    tables: TwinTables, truth: Truth, names: Mapping[str, str], clocks: ClockScores | None
) -> MovingSurfaceScores | None:
    if tables.surfaces is None or tables.tracks is None:
        return None
    late_ns = None if clocks is None else round(1e6 * clocks.common_offset_ms)
    return score_moving_surfaces(tables.surfaces, np.unique(tables.tracks.time_ns), truth, names, late_ns)


def _relations(tables: TwinTables, truth: Truth, names: Mapping[str, str]) -> RelationScores | None:
    scores = score_relations(tables, truth, names)
    if scores is None or tables.relations_at is None:
        return scores
    shifted = {}
    for factor, rows in tables.relations_at(SHIFTS).items():
        other = score_relations(replace(tables, relations=rows), truth, names)
        assert other is not None
        shifted[f"{factor:g}"] = other.f1()
    return replace(scores, shifted=shifted)
