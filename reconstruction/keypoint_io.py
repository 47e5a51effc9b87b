"""Keypoints in, people out: JSON lines, one instant a line (docs/lift.md)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..capture.camera import CameraRig
from ..capture.errors import InputError, nearest_name
from ..capture.files import write_atomic
from .detections import Detection, LiftedInstant, Sighting
from .skeleton import NUM_JOINTS

FARTHEST_PX = 10.0
DIGITS = 5


@dataclass(frozen=True, slots=True)
class Sightings:
    """A file of keypoints.

    Args:
        sightings: by instant number, as the file orders them.
        num_broken: keypoints that were dropped because a number is not finite or they lie far outside the image.
    """

    sightings: tuple[Sighting, ...]
    num_broken: int = 0


def read_keypoints(path: Path, rig: CameraRig) -> Sightings:
    """Read keypoints, COCO-17.

    A keypoint without a finite position or score, or farther than ten image sizes outside the image, counts as not
    seen; a negative score too; a score above 1 counts as 1. Blank lines are passed over.

    Args:
        path: the file.
        rig: the cameras that it may name.

    Raises:
        InputError: a line is no JSON, lacks something, names an unknown camera, has another number of keypoints, or an
            instant comes twice; names file and line.
    """
    path = Path(path)
    sightings, seen, broken = [], set(), 0
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                sighting, dropped = _sighting(line, f"{path}:{number}", rig)
                if sighting.instant in seen:
                    raise InputError(
                        f"instant {sighting.instant} comes twice", where=f"{path}:{number}",
                        todo="give each instant one line with all its cameras",
                    )  # fmt: skip
                seen.add(sighting.instant)
                sightings.append(sighting)
                broken += dropped
    except OSError as error:
        raise InputError("the keypoints cannot be read", where=str(path), why=error.strerror or "") from error
    except UnicodeDecodeError as error:
        raise InputError("the keypoints are not text", where=str(path), why=str(error)) from error
    return Sightings(tuple(sightings), broken)


def _sighting(line: str, where: str, rig: CameraRig) -> tuple[Sighting, int]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError("a line is not JSON", where=where, why=str(error)) from error
    if not isinstance(value, Mapping) or not isinstance(value.get("cameras"), Mapping):
        raise InputError("a line needs an instant and its cameras", where=where, todo='{"instant": 0, "cameras": {}}')
    instant = _whole(value.get("instant"), "instant", where)
    time_ns = None if value.get("time_ns") is None else _whole(value["time_ns"], "time_ns", where)
    cameras, broken = {}, 0
    for name, people in value["cameras"].items():
        if name not in rig.cameras:
            raise InputError(
                f"the rig has no camera '{name}'{nearest_name(name, rig.cameras)}", where=where,
                why=f"it has {', '.join(rig.cameras)}", todo="name the cameras as rig.json does",
            )  # fmt: skip
        if not isinstance(people, list):
            raise InputError(f"the people that {name} saw are no list", where=where)
        lens = rig[name].color
        size_px = np.array([lens.width_px, lens.height_px], dtype=np.float64)
        cameras[name], dropped = detections_of(people, size_px, f"{where}, {name}")
        broken += dropped
    return Sighting(instant, time_ns, cameras), broken


def detections_of(people: list[Any], size_px: np.ndarray, where: str) -> tuple[tuple[Detection, ...], int]:
    """The people of one camera, see `detection_of`, all at once where they have the form.

    Raises:
        InputError: one has not the form.
    """
    try:
        table = np.array([person["keypoints"] for person in people], dtype=np.float64)
        scores = [1.0 if person.get("score") is None else float(person["score"]) for person in people]
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        table, scores = np.zeros(0), []
    if table.shape != (len(people), NUM_JOINTS, 3):
        found = [detection_of(person, size_px, where) for person in people]
        return tuple(detection for detection, _ in found), sum(dropped for _, dropped in found)
    keypoints_px, joint_scores, dropped = _checked(table, size_px)
    found = zip(keypoints_px, joint_scores, scores, strict=True)
    return tuple(Detection(uv_px, own, one if math.isfinite(one) else 0.0) for uv_px, own, one in found), dropped


def _checked(table: np.ndarray, size_px: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Keypoints (..., 2) and scores (...) of rows u, v, score (..., 3), and how many of them are broken."""
    absent = table[..., 2] <= 0
    with np.errstate(invalid="ignore"):
        inside = (np.abs(table[..., :2] - size_px / 2) <= FARTHEST_PX * size_px).all(axis=-1)
    usable = ~absent & np.isfinite(table).all(axis=-1) & inside
    keypoints_px = np.where(usable[..., None], table[..., :2], np.nan)
    return keypoints_px, np.where(usable, np.clip(table[..., 2], 0.0, 1.0), 0.0), int((~usable & ~absent).sum())


def detection_of(person: Any, size_px: np.ndarray, where: str) -> tuple[Detection, int]:
    """A person of a file, {"keypoints": [[u, v, score], ... 17], "score": s}, and how many of his keypoints are broken.

    Raises:
        InputError: he has not the form.
    """
    rows = person.get("keypoints") if isinstance(person, Mapping) else None
    if not isinstance(rows, list) or len(rows) != NUM_JOINTS:
        count = len(rows) if isinstance(rows, list) else "no"
        raise InputError(
            f"a person needs {NUM_JOINTS} keypoints, this one has {count}", where=where,
            why="the order is that of COCO-17: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles",
            todo="give [0, 0, 0] for what was not detected",
        )  # fmt: skip
    try:
        table = np.array([[math.nan if number is None else float(number) for number in row] for row in rows])
        score = person.get("score")
        score = 1.0 if score is None else float(score)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError("a keypoint is three numbers u, v, score", where=where, why=str(error)) from error
    if table.shape != (NUM_JOINTS, 3):
        raise InputError("a keypoint is three numbers u, v, score", where=where)
    keypoints_px, scores, broken = _checked(table, size_px)
    return Detection(keypoints_px, scores, score if math.isfinite(score) else 0.0), broken


def _whole(value: Any, name: str, where: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise InputError(f"{name} is a whole number, not {value!r}", where=where)


def people_lines(instants: Iterable[LiftedInstant]) -> bytes:
    """People as JSON lines: joints to a hundredth of a millimetre, null where a joint is not claimed.

    Besides track_id, joints_m and sigma_m a person has `predicted` (by joint: no camera saw it at this instant) and
    `views` (the cameras that saw him).
    """
    return "".join(json.dumps(_line(instant), allow_nan=False) + "\n" for instant in instants).encode()


def _line(instant: LiftedInstant) -> dict[str, Any]:
    joints_m = np.array([person.joints_m for person in instant.people]).reshape(-1, NUM_JOINTS, 3)
    spread_m2 = np.array([person.covariance_m2 for person in instant.people]).reshape(-1, NUM_JOINTS, 3, 3)
    sigma_m = np.sqrt(np.trace(spread_m2, axis1=2, axis2=3) / 3)
    claimed = np.asarray(np.isfinite(joints_m).all(axis=-1))
    sure = np.asarray(claimed & np.isfinite(sigma_m))
    rows = zip(instant.people, _listed(joints_m, claimed), _listed(sigma_m, sure), strict=True)
    people = [
        {
            "track_id": person.track_id, "joints_m": joints, "sigma_m": sigmas,
            "predicted": person.predicted.tolist(), "views": list(person.views),
        }
        for person, joints, sigmas in rows
    ]  # fmt: skip
    timed = {} if instant.time_ns is None else {"time_ns": instant.time_ns}
    return {"instant": instant.instant, **timed, "people": people}


def _listed(values: np.ndarray, known: np.ndarray) -> list[list[Any]]:
    """(n, 17) or (n, 17, 3) numbers rounded, None where they are not known (n, 17)."""
    table = np.round(values, DIGITS).tolist()
    for person, joint in np.argwhere(~known).tolist():
        table[person][joint] = None
    return table


def write_keypoints(path: Path, sightings: Iterable[Sighting]) -> None:
    """Write keypoints as JSON lines, whole or not at all: hundredths of a pixel, [0, 0, 0] where nothing was seen."""
    lines = [
        json.dumps(
            {
                "instant": sighting.instant,
                **({} if sighting.time_ns is None else {"time_ns": sighting.time_ns}),
                "cameras": {
                    name: [{"keypoints": _rows(one), "score": round(one.score, 4)} for one in found]
                    for name, found in sighting.cameras.items()
                },
            },
            allow_nan=False,
        )
        for sighting in sightings
    ]
    write_atomic(Path(path), "".join(f"{line}\n" for line in lines).encode())


def _rows(detection: Detection) -> list[list[float]]:
    seen = detection.seen
    table = np.column_stack([detection.keypoints_px, detection.scores])
    return [
        [round(u, 2), round(v, 2), round(s, 4)] if k else [0, 0, 0]
        for k, (u, v, s) in zip(seen, table.tolist(), strict=True)
    ]


def write_people(path: Path, instants: Iterable[LiftedInstant]) -> None:
    """Write people as JSON lines, whole or not at all; see `people_lines`."""
    write_atomic(Path(path), people_lines(instants))
