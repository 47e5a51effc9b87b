"""Keypoints of other programs: OpenPose's folders, COCO's results, AlphaPose's results; all become COCO-17.

One camera is one folder or one file; a folder with one entry per camera, named as rig.json names it, is a rig's. What
numbers the instants: the last number of an OpenPose file's name, COCO's `image_id`, and the last number of AlphaPose's
image name or id. Nothing in these files says when; the frame rate does, where it is given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..capture.camera import CameraRig
from ..capture.errors import ConfigError, InputError, nearest_name
from .detections import Detection, Sighting
from .keypoint_io import Sightings, detection_of
from .skeleton import NUM_JOINTS

COCO_17 = tuple(range(NUM_JOINTS))
BODY_25 = (0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11)
COCO_18 = (0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10)
ROWS = {25: BODY_25, 18: COCO_18, 17: COCO_17, 26: COCO_17, 133: COCO_17, 136: COCO_17}
"""Where COCO-17's joints stand among the keypoints of a person, by their number.

25 is OpenPose's BODY_25, 18 its COCO; 26 is Halpe-26, 136 Halpe-136 and 133 COCO-WholeBody, which begin with COCO-17.
"""

People = dict[int, list[Detection]]


def read_camera_folder(folder: Path, rig: CameraRig, fps: float | None = None) -> Sightings:
    """Read a folder with one entry per camera: a folder of OpenPose's JSON files, or a JSON file of COCO or AlphaPose.

    Args:
        folder: entries are named as the cameras of the rig (`cam_1/` or `cam_1.json`; a suffix `_json` is passed over).
        rig: the cameras.
        fps: frames per second: instant n has the time n / fps. None = nobody knows when, and nobody is followed.

    Raises:
        InputError: an entry names no camera, a file is damaged or of none of these forms.
        ConfigError: the frame rate is impossible.
    """
    folder = Path(folder)
    if fps is not None and not (np.isfinite(fps) and fps > 0):
        raise ConfigError(f"there are no {fps} frames per second", todo="give more than 0")
    cameras: dict[str, People] = {}
    broken = 0
    for entry in sorted(path for path in folder.iterdir() if path.is_dir() or path.suffix.lower() == ".json"):
        name = re.sub(r"_json$", "", entry.stem if entry.is_file() else entry.name)
        if name not in rig.cameras:
            raise InputError(
                f"the rig has no camera '{name}'{nearest_name(name, rig.cameras)}", where=str(entry),
                why=f"it has {', '.join(rig.cameras)}", todo="name folders and files as rig.json names the cameras",
            )  # fmt: skip
        lens = rig[name].color
        size_px = np.array([lens.width_px, lens.height_px], dtype=np.float64)
        people: People = {}
        for instant, rows, score, where in _openpose(entry) if entry.is_dir() else _results(entry):
            seen = people.setdefault(instant, [])
            if rows is not None:
                detection, dropped = detection_of({"keypoints": rows, "score": score}, size_px, where)
                seen.append(detection)
                broken += dropped
        cameras[name] = people
    if not cameras:
        raise InputError("the folder holds no keypoints", where=str(folder), todo="one folder or .json file per camera")
    instants = sorted({instant for people in cameras.values() for instant in people})
    return Sightings(
        tuple(
            Sighting(
                instant, None if fps is None else round(instant * 1e9 / fps),
                {name: tuple(people[instant]) for name, people in cameras.items() if instant in people},
            )
            for instant in instants
        ),
        broken,
    )  # fmt: skip


Row = tuple[int, list[Any] | None, float | None, str]


def _openpose(folder: Path) -> Iterator[Row]:
    """A folder of OpenPose: one file per frame, empty where nobody was seen."""
    files = sorted(folder.glob("*.json"))
    if not files:
        raise InputError("the folder holds no keypoints", where=str(folder), todo="it needs OpenPose's .json files")
    taken: dict[int, Path] = {}
    for file in files:
        instant = _number(file.name, str(file))
        if instant in taken:
            raise InputError(f"frame {instant} comes twice", where=f"{taken[instant].name} and {file}")
        taken[instant] = file
        value = _load(file)
        people = value.get("people") if isinstance(value, Mapping) else None
        if not isinstance(people, list):
            raise InputError("this is no file of OpenPose", where=str(file), why="it has no list of people")
        yield instant, None, None, str(file)
        for person in people:
            flat = person.get("pose_keypoints_2d") if isinstance(person, Mapping) else None
            yield instant, _rows(flat, str(file)), None, str(file)


def _results(file: Path) -> Iterator[Row]:
    """A list of people, as COCO and AlphaPose write it; AlphaPose's other form with a list under each image too."""
    value = _load(file)
    if isinstance(value, Mapping):
        people = [
            {"image_id": image, **person}
            for image, found in value.items()
            for person in (found.get("people", []) if isinstance(found, Mapping) else found)
        ]
    else:
        people = value
    if not isinstance(people, list):
        raise InputError("these are no results of COCO or AlphaPose", where=str(file), why="they are no list of people")
    for number, person in enumerate(people):
        where = f"{file}, entry {number}"
        if not isinstance(person, Mapping) or "image_id" not in person:
            raise InputError("a person needs an image_id and keypoints", where=where)
        flat = person.get("keypoints", person.get("pose_keypoints_2d"))
        yield _number(person["image_id"], where), _rows(flat, where), person.get("score"), where


def _rows(flat: Any, where: str) -> list[list[Any]]:
    """Keypoints (u, v, score in a row) of a known skeleton as COCO-17."""
    if not isinstance(flat, list) or len(flat) % 3 or len(flat) // 3 not in ROWS:
        count = len(flat) / 3 if isinstance(flat, list) else "no"
        raise InputError(
            f"a person has {count:g} keypoints" if isinstance(count, float) else "a person has no keypoints",
            where=where, why=f"known are skeletons of {', '.join(map(str, sorted(ROWS)))}",
        )  # fmt: skip
    return [flat[3 * row : 3 * row + 3] for row in ROWS[len(flat) // 3]]


def _number(value: Any, where: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = re.findall(r"\d+", re.sub(r"\.\w+$", "", str(value)))
    if not found:
        raise InputError(f"'{value}' has no frame number", where=where)
    return int(found[-1])


def _load(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError("the keypoints cannot be read", where=str(file), why=error.strerror or "") from error
    except (ValueError, RecursionError) as error:
        raise InputError("the keypoints are not JSON", where=str(file), why=str(error)) from error
