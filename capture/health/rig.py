"""Do the poses fit what the cameras saw: units, direction of the transform, axes, and where the floor lies.

A pose can be written in many ways, and a file rarely says which. Each usual reading is tried on the standing surfaces:
under the right one, what two cameras both see coincides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations, product
from typing import NamedTuple

import numpy as np

from ..agreement import agreement
from ..camera import CameraRig
from ..floor import find_floor
from ..geometry import SE3
from ..static_view import StaticView
from ..storage import StoredRecording
from ..surface_icp import Surface
from .finding import Finding, Severity

OPENGL_AXES = SE3(np.diag([1.0, -1.0, -1.0]), np.zeros(3))
UNITS_M = {1.0: "metres", 0.001: "millimetres", 0.01: "centimetres", 0.002: "steps of 2 mm"}
THINNED_M = 0.05
CLEARLY_BETTER = 0.10
MEETS = 0.03
FARTHEST_RIG_M = 30.0
TILT_DEG, FLOOR_M = 5.0, 0.10


class Reading(NamedTuple):
    """One way to understand a written pose."""

    inverse: bool
    opengl: bool
    unit_m: float

    def world_from_camera(self, written: SE3) -> SE3:
        """The pose that is meant when `written` is understood in this way."""
        pose = SE3(written.rotation, written.translation_m * self.unit_m)
        pose = pose.inverse() if self.inverse else pose
        return pose @ OPENGL_AXES if self.opengl else pose

    def in_words(self) -> str:
        """What the file then holds."""
        said = ["camera_from_world"] if self.inverse else []
        said += ["OpenGL axes (y up, z backward)"] if self.opengl else []
        said += [UNITS_M[self.unit_m]] if self.unit_m != 1.0 else []
        return " in ".join(said)


AS_GIVEN = Reading(inverse=False, opengl=False, unit_m=1.0)
READINGS = tuple(Reading(*options) for options in product((False, True), (False, True), UNITS_M))


def check_rig(recording: StoredRecording, views: Mapping[str, StaticView]) -> Iterator[Finding]:
    """Hold the poses of a recording against its standing surfaces."""
    if not recording.has_rig:
        yield Finding(
            "rig",
            Severity.ADVICE,
            "nobody said yet where the cameras stand",
            todo=f"ortwin register {recording.path}, or ortwin calibrate with a board",
        )
        return
    rig = recording.rig
    seeing = {name: view for name, view in views.items() if name in rig.cameras}
    far_m = max(float(np.linalg.norm(camera.world_from_camera.translation_m)) for camera in rig.cameras.values())
    findings = []
    reading, scores = best_reading(rig, seeing)
    if reading != AS_GIVEN:
        findings.append(
            Finding(
                "rig",
                Severity.FAULT,
                f"what the cameras see fits {scores[reading]:.2f} instead of {scores[AS_GIVEN]:.2f} if the poses are "
                f"read as {reading.in_words()}",
                why=f"rig.json or calibration.json holds {reading.in_words()}",
                todo="rig.json takes world_from_camera, camera axes x right, y down, z forward, in metres: convert and "
                "attach with `ortwin rig set`",
            )
        )
    elif far_m > FARTHEST_RIG_M:
        findings.append(
            Finding(
                "rig",
                Severity.WARNING,
                f"a camera stands {far_m:.0f} m from the origin",
                why="units, or a world far away",
                todo="give poses in metres; `ortwin register` puts the origin on the floor of the room",
            )
        )
    elif len(seeing) > 1 and scores[AS_GIVEN] < MEETS:
        findings.append(
            Finding(
                "rig",
                Severity.WARNING,
                "the surfaces of different cameras do not meet",
                "",
                "a camera was moved since the calibration, or the cameras see nothing in common",
                f"ortwin register {recording.path}; and look at the room of the twin",
            )
        )
    if reading == AS_GIVEN and seeing:
        findings += _floor(rig, seeing)
    missing = [name for name in recording.cameras if name not in rig.cameras]
    findings += [
        Finding(
            "rig",
            Severity.WARNING,
            "nobody said where this camera stands",
            f"camera {name}",
            todo=f"ortwin register {recording.path}",
        )
        for name in missing
    ]
    yield from findings or [Finding("rig", Severity.GOOD, _in_words(rig, scores.get(AS_GIVEN)))]


def best_reading(rig: CameraRig, views: Mapping[str, StaticView]) -> tuple[Reading, dict[Reading, float]]:
    """The reading of the poses under which the surfaces of all pairs agree best, and the score of each reading.

    The given reading stands unless another one is better by `CLEARLY_BETTER`; with fewer than two views none is tried.
    """
    names = [name for name in views if name in rig.cameras]
    if len(names) < 2:
        return AS_GIVEN, {}
    surfaces = {name: thinned(views[name]) for name in names}
    scores = {}
    for reading in READINGS:
        poses = {name: reading.world_from_camera(rig[name].world_from_camera) for name in names}
        pairs = [
            agreement((views[a], views[b]), (surfaces[a], surfaces[b]), poses[a].inverse() @ poses[b])
            for a, b in combinations(names, 2)
        ]
        scores[reading] = float(np.mean([pair.coincide - pair.in_air for pair in pairs]))
    best = max(scores, key=lambda reading: scores[reading])
    return (best if scores[best] > max(scores[AS_GIVEN], 0.0) + CLEARLY_BETTER else AS_GIVEN), scores


def thinned(view: StaticView) -> Surface:
    """The standing surface of a view, one point for each cell of `THINNED_M`."""
    cells = np.floor(view.points_m / THINNED_M).astype(np.int64)
    _, first = np.unique(cells, axis=0, return_index=True)
    return Surface(view.points_m[first], view.normals[first], view.sigma_m[first])


def _floor(rig: CameraRig, views: Mapping[str, StaticView]) -> Iterator[Finding]:
    poses = {name: rig[name].world_from_camera for name in views}
    fit = find_floor({name: thinned(view) for name, view in views.items()}, poses)
    if not fit.found:
        yield Finding(
            "rig",
            Severity.ADVICE,
            "no floor was seen, so nobody can say whether the world stands upright",
            todo="let at least one camera see a square metre of floor",
        )
        return
    up = fit.world_from_reference.rotation[2]
    tilt_deg = float(np.degrees(np.arccos(np.clip(up[2], -1, 1))))
    if tilt_deg > TILT_DEG:
        axis = int(np.argmax(np.abs(up)))
        name = f"{'+' if up[axis] > 0 else '-'}{'XYZ'[axis]}"
        yield Finding(
            "rig",
            Severity.FAULT,
            f"the floor is tilted by {tilt_deg:.0f} degrees: up is {name}"
            + ("" if abs(up[axis]) > 0.99 else ", nearly"),
            why="the world of the poses is not the one of ortwin (+Z up, floor at z = 0)",
            todo=f"turn the world so that {name} becomes +Z, or run `ortwin register`",
        )
        return
    floor_m = -float(fit.world_from_reference.translation_m[2])
    if abs(floor_m) > FLOOR_M:
        yield Finding(
            "rig",
            Severity.WARNING,
            f"the floor lies at z = {floor_m:.2f} m instead of 0",
            why="the origin of the world is not on the floor",
            todo="lower or raise the poses by that much",
        )
    for name, height_m in fit.camera_height_m.items():
        if not 0.3 < height_m < 6.0:
            yield Finding(
                "rig",
                Severity.WARNING,
                f"the camera is {height_m:.1f} m above the floor",
                f"camera {name}",
                "depth or poses may be in a wrong unit",
                "look up the units of depth images and poses",
            )


def _in_words(rig: CameraRig, score: float | None) -> str:
    return f"{len(rig.cameras)} cameras placed in the world '{rig.world_frame}'" + (
        f"; their surfaces agree ({score:.2f})" if score is not None else ""
    )
