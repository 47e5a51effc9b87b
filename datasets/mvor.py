"""MVOR (Srivastav et al. 2018): three RGB-D cameras in a real operating room, 2D and 3D keypoints, two roles.

Traps that are taken care of: lengths are millimetres; `extrinsics[i]` takes camera i to the first camera; 3D points are
in the first camera's frame whatever `ref_camera` says; the room frame has its floor a metre below zero; the stored
distortion is not OpenCV's order, and the keypoints fit better without it; person -1 is nobody in particular; a 3D
skeleton has twelve joints of which ten are documented.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from ..capture.camera import CameraModel, CameraRig, Intrinsics
from ..capture.conventions import metres_from_millimetres
from ..capture.errors import InputError
from ..capture.geometry import SE3
from ..capture.import_frames import ImportPlan, PlannedFrame
from ..evaluation.truth_writer import TruthWriter
from ..scenegraph.labels import LabelledInstant, Labels
from .base import DataSet, LabelledSequence, OpenOptions
from .image_files import file_reader

JOINTS = (
    "head", "neck", "left_shoulder", "right_shoulder", "left_hip", "right_hip", "left_elbow", "right_elbow",
    "left_wrist", "right_wrist",
)  # fmt: skip
COCO_17_OF = {2: 5, 3: 6, 4: 11, 5: 12, 6: 7, 7: 8, 8: 9, 9: 10}
"""The place in COCO-17 of those joints that have one; head and neck have none."""
NOBODY = -1
"""The number of a person whom nobody matched between views."""
FLOOR_M = -1.0
"""Height of the floor in the room frame of the files (cameras at 1.5 to 1.7 m, necks at 0.4 m)."""
ASSUMPTIONS = (
    f"the floor of the room frame lies at {FLOOR_M:g} m; the world was raised so that it is at 0",
    "the stored distortion is not applied: its order is not documented, and keypoints fit better without",
    "depth is in millimetres and registered to colour; the files do not say it",
    "people whom nobody matched between views: as many more as the view with most of them needs",
    "joints 10 and 11 of the 3D skeletons are not documented and left out",
)


@dataclass(frozen=True, slots=True, eq=False)
class MvorFile:
    """The label file.

    Args:
        path: where it lies.
        rig: the three cameras, world z up, floor at 0, metres.
        instants: rows of day, frame, time_ns (Unix) by camera, and the ids of the three images.
        people: by image id, the annotations with a person.
        skeletons: by the ids of the three images, person -> joints (10, 3), world, metres, NaN where not labelled.
    """

    path: Path
    rig: CameraRig
    instants: tuple[MvorInstant, ...]
    people: Mapping[int, tuple[Mapping[str, Any], ...]]
    skeletons: Mapping[str, Mapping[int, np.ndarray]]


@dataclass(frozen=True, slots=True)
class MvorInstant:
    """One instant of three cameras: `image_ids` and `times_ns` (Unix) in the order of the cameras."""

    instant_id: str
    day: int
    frame: int
    image_ids: tuple[int, ...]
    times_ns: tuple[int, ...]
    files: tuple[str, ...]


def open_sequences(
    root: Path, takes: Sequence[str] | None = None, options: OpenOptions | None = None
) -> tuple[LabelledSequence, ...]:
    """The days of the label file, or of a folder that holds it and perhaps the images.

    Args:
        root: camma_mvor_2018.json, or the folder of it or above it.
        takes: which, as "day1"; None for all.
        options: what files do not say.

    Raises:
        InputError: there is no label file, it is unsound, or a day is not in it.
    """
    file = read_labels(root)
    images = _image_root(root)
    found = {}
    for day in sorted({instant.day for instant in file.instants}):
        name = f"day{day}"
        if takes is None or name in takes:
            own = [instant for instant in file.instants if instant.day == day]
            found[name] = _sequence(name, file, own, images, options or OpenOptions())
    for name in takes or ():
        if name not in found:
            days = sorted({instant.day for instant in file.instants})
            raise InputError(f"there is no '{name}'", where=str(file.path), todo=f"there are {_days(days)}")
    return tuple(found.values())


def read_labels(root: Path) -> MvorFile:
    """The label file in our units and axes, given itself or by its folder.

    Raises:
        InputError: there is none, it cannot be read, or lacks something.
    """
    path = _label_file(root)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        rig, world_from_first = _rig(value["cameras_info"]["camParams"])
        instants = tuple(_instant(row) for row in value["multiview_images"])
        people: dict[int, list[Mapping[str, Any]]] = {}
        for row in value["annotations"]:
            people.setdefault(int(row["image_id"]), []).append(row)
        skeletons: dict[str, dict[int, np.ndarray]] = {}
        for row in value.get("annotations3D", []):
            joints_m = _skeleton(row["keypoints3D"], world_from_first)
            skeletons.setdefault(row["image_ids"], {})[int(row["person_id"])] = joints_m
    except OSError as error:
        raise InputError("the labels cannot be read", where=str(path), why=error.strerror or "") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError("this is no label file of MVOR", where=str(path), why=repr(error)) from error
    return MvorFile(path, rig, instants, {name: tuple(rows) for name, rows in people.items()}, skeletons)


def keypoint_rows(file: MvorFile, day: int | None = None) -> Iterator[Mapping[str, Any]]:
    """The labelled 2D keypoints as `ortwin lift` takes them (docs/lift.md), one row an instant."""
    chosen = [instant for instant in file.instants if day is None or instant.day == day]
    for number, instant in enumerate(chosen):
        cameras = {
            name: [_detection(row) for row in file.people.get(image_id, ()) if not row["only_bbox"]]
            for name, image_id in zip(file.rig.cameras, instant.image_ids, strict=True)
        }
        yield {"instant": number, "time_ns": instant.times_ns[0] - chosen[0].times_ns[0], "cameras": cameras}


def _sequence(
    name: str, file: MvorFile, instants: Sequence[MvorInstant], images: Path | None, options: OpenOptions
) -> LabelledSequence:
    labels = [LabelledInstant(name, f"{each.frame:06d}", (), _entities(file, each)) for each in instants]
    steps = np.diff([instant.times_ns[0] for instant in instants])
    plan = None if images is None else _plan(name, file, instants, images, options)
    pause = "images of MVOR are taken every minute or so: labels are set one usual step apart"
    return LabelledSequence(
        name, Labels("mvor", tuple(labels)), (), int(np.median(steps)) if len(steps) else 10**9, plan,
        (*ASSUMPTIONS, pause), lambda truth: _write_truth(truth, file, instants),
    )  # fmt: skip


def _entities(file: MvorFile, instant: MvorInstant) -> tuple[str, ...]:
    """Who is there: those who are matched between views, and of the others as many as one view needs."""
    views = [file.people.get(image_id, ()) for image_id in instant.image_ids]
    clinicians = [[row for row in view if row["person_role"] != "patient"] for view in views]
    known = {int(row["person_id"]) for view in clinicians for row in view} - {NOBODY}
    missing = max((len(view) for view in clinicians), default=0) - len(known)
    free = (number for number in count() if number not in known)
    numbers = sorted({*known, *(next(free) for _ in range(missing))})
    patient = any(row["person_role"] == "patient" for view in views for row in view)
    return (*(f"human_{number}" for number in numbers), *(("patient",) if patient else ()))


def _plan(
    name: str, file: MvorFile, instants: Sequence[MvorInstant], images: Path, options: OpenOptions
) -> ImportPlan | None:
    frames = []
    for instant in instants:
        for camera, color, time_ns in zip(file.rig.cameras, instant.files, instant.times_ns, strict=True):
            paths = images / color, images / color.replace("/color/", "/depth/")
            color_path, depth_path = (path if path.is_file() else None for path in paths)
            if color_path is not None or depth_path is not None:
                frames.append(PlannedFrame(camera, instant.frame, time_ns, None, color_path, depth_path))
    if not frames:
        return None
    unit_m = options.depth_unit_m or 0.001
    models = {
        camera: CameraModel(camera, placed.color, placed.color, SE3.identity(), unit_m, sensor="structured_light")
        for camera, placed in file.rig.cameras.items()
    }
    placed = {camera: models[camera].placed(file.rig[camera].world_from_camera) for camera in models}
    return ImportPlan(
        str(images), models, frames, file_reader(images, models), {"importer": "mvor", "name": name},
        CameraRig(placed), assumptions=ASSUMPTIONS,
    )  # fmt: skip


def _write_truth(truth: TruthWriter, file: MvorFile, instants: Sequence[MvorInstant]) -> None:
    """The labelled skeletons as truth; a person is one for a single instant only."""
    truth.instants(np.array([instant.times_ns[0] for instant in instants], dtype=np.int64))
    truth.rig({name: camera.world_from_camera for name, camera in file.rig.cameras.items()})
    truth.people(
        (place, f"person_{instant.frame}_{person}", "", _coco(joints_m), [()] * 17)
        for place, instant in enumerate(instants)
        for person, joints_m in sorted(file.skeletons.get(instant.instant_id, {}).items())
    )


def _rig(value: Mapping[str, Any]) -> tuple[CameraRig, SE3]:
    """The cameras in the room, and world_from_first_camera."""
    world_from_first = _metric(value["firstCamToRoomRef"])
    world_from_first = SE3(world_from_first.rotation, world_from_first.translation_m - np.array([0.0, 0.0, FLOOR_M]))
    cameras = {}
    for number, (lens, first_from_camera) in enumerate(zip(value["intrinsics"], value["extrinsics"], strict=True), 1):
        (fx_px, fy_px), (cx_px, cy_px) = lens["focallength"], lens["principalpoint"]
        width_px, height_px = lens["imagesize"]
        model = Intrinsics(float(fx_px), float(fy_px), float(cx_px), float(cy_px), int(width_px), int(height_px))
        camera = CameraModel(f"cam_{number}", model, None, SE3.identity())
        cameras[camera.camera_id] = camera.placed(world_from_first @ _metric(first_from_camera))
    return CameraRig(cameras), world_from_first


def _metric(rows: Sequence[float]) -> SE3:
    matrix = np.array(rows, dtype=np.float64).reshape(4, 4)
    matrix[:3, 3] = metres_from_millimetres(matrix[:3, 3])
    return SE3.from_matrix(matrix)


def _skeleton(values: Sequence[float], world_from_first: SE3) -> np.ndarray:
    """(10, 3) world, metres, NaN where the visibility is 0; the undocumented joints are left out."""
    rows = np.array(values, dtype=np.float64).reshape(-1, 4)[: len(JOINTS)]
    points_m = world_from_first @ metres_from_millimetres(rows[:, :3])
    return np.where(rows[:, 3:] > 0, points_m, np.nan)


def _coco(joints_m: np.ndarray) -> np.ndarray:
    """(17, 3) of (10, 3)."""
    found = np.full((17, 3), np.nan)
    found[list(COCO_17_OF.values())] = joints_m[list(COCO_17_OF)]
    return found


def _detection(row: Mapping[str, Any]) -> Mapping[str, Any]:
    triples = np.array(row["keypoints"], dtype=np.float64).reshape(-1, 3)
    points = [[0.0, 0.0, 0.0] for _ in range(17)]
    for own, coco in COCO_17_OF.items():
        if triples[own, 2] > 0:
            points[coco] = [float(triples[own, 0]), float(triples[own, 1]), 1.0]
    return {"keypoints": points, "score": 1.0}


def _instant(row: Mapping[str, Any]) -> MvorInstant:
    images = sorted(row["images"], key=lambda image: int(image["cam_id"]))
    dates = [datetime.fromisoformat(image["date_captured"]).replace(tzinfo=UTC) for image in images]
    ids = tuple(int(image["id"]) for image in images)
    return MvorInstant(
        str(row["id"]), int(images[0]["day_id"]), ids[0] % 10**7, ids,
        tuple(round(date.timestamp() * 1e6) * 1000 for date in dates), tuple(str(i["file_name"]) for i in images),
    )  # fmt: skip


def _label_file(root: Path) -> Path:
    if root.is_file():
        return root
    for folder in (root, root / "annotations", root.parent / "annotations"):
        for path in sorted(folder.glob("camma_mvor_2018*.json")):
            return path
    raise InputError(
        "there is no label file of MVOR", where=str(root), todo="give the folder that holds camma_mvor_2018.json"
    )


def _image_root(root: Path) -> Path | None:
    base = root.parent if root.is_file() else root
    places = [base, base / "camma_mvor_dataset", base.parent / "camma_mvor_dataset"]
    return next((place for place in places if any(place.glob("day*/cam*"))), None)


def _days(days: Sequence[int]) -> str:
    return ", ".join(f"day{day}" for day in days)


DATA_SET = DataSet(
    "MVOR", "CC BY-NC-SA 4.0", "recordings of three RGB-D cameras, 2D and 3D skeletons, clinicians and patients",
    open_sequences,
)  # fmt: skip
