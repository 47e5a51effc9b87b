"""Takes of the Munich operating room data sets (4D-OR, MM-OR): their cameras, their instants and their images.

    <take>/camera0X.json                                      poses and lenses, y up, axes right, up, backward
    <take>/colorimage/camera0X_colorimage-NNNNNN.jpg          NNNNNN is no frame number: the list of instants says which
    <take>/depthimage/camera0X_depthimage-NNNNNN.tiff         16 bit, millimetres, on the field of view of colour
    <take>/timestamp_to_pcd_and_frames_list[_<take>].json     [[time, {name of a stream: image number or null}], ...]

The frame number of a label is the place in that list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..capture.calibration.camera_file_tum import read_tum
from ..capture.camera import CameraModel, CameraRig
from ..capture.errors import InputError
from ..capture.geometry import SE3
from ..capture.import_frames import ImportPlan, PlannedFrame
from .image_files import file_reader, first_size, lens_for_images

SECOND_NS = 1_000_000_000
LIST = "timestamp_to_pcd_and_frames_list"
_CAMERA = re.compile(r"camera(\d\d)")
#: A step of the first column that is above this is in nanoseconds, below it in seconds.
LARGEST_STEP_S = 1e5


@dataclass(frozen=True, slots=True, eq=False)
class TakeInstants:
    """The instants of a take.

    Args:
        times_ns: (n,) int64, ascending.
        images: by instant, the image number of each stream; a stream that gave none is absent.
        notes: what had to be assumed.
    """

    times_ns: np.ndarray
    images: tuple[Mapping[str, str], ...]
    notes: tuple[str, ...]


def read_instants(folder: Path, take: str = "") -> TakeInstants:
    """The list of instants of a take.

    Raises:
        InputError: there is none, or it is unsound.
    """
    names = [f"{LIST}_{take}.json", f"{LIST}.json"] if take else [f"{LIST}.json"]
    path = next((folder / name for name in names if (folder / name).is_file()), None)
    if path is None:
        raise InputError("the take has no list of its instants", where=str(folder), todo=f"it needs {names[-1]}")
    try:
        rows = [(int(time), _numbers(streams)) for time, streams in json.loads(path.read_text(encoding="utf-8"))]
    except OSError as error:
        raise InputError("the list of instants cannot be read", where=str(path), why=error.strerror or "") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError("this is no list of instants", where=str(path), why=repr(error)) from error
    times = np.array([time for time, _ in rows], dtype=np.int64)
    steps = np.diff(times)
    if not len(rows) or (steps <= 0).any():
        wrong = int(np.argmax(steps <= 0)) + 1 if len(rows) else 0
        raise InputError("the times of the instants do not ascend", where=f"{path}, entry {wrong}")
    usual = float(np.median(steps)) if len(steps) else 1.0
    notes = [f"{path.name}: the first column is in {'nanoseconds' if usual > LARGEST_STEP_S else 'seconds'}"]
    if usual <= LARGEST_STEP_S:
        times = times * SECOND_NS
        gaps = int((steps > 1).sum())
        if gaps:
            notes.append(f"{path.name}: {gaps} gaps in the seconds; after one, the number of a label is not its second")
    return TakeInstants(times, tuple(streams for _, streams in rows), tuple(notes))


def take_plan(
    folder: Path,
    instants: TakeInstants,
    stream_of: Callable[[int], tuple[str, str]],
    *,
    depth_unit_m: float = 0.001,
    source: Mapping[str, Any],
) -> ImportPlan | None:
    """What there is to import of a take, or None where it has no images.

    Args:
        folder: of the take.
        instants: of the take.
        stream_of: camera number -> the names under which the instants hold its colour and its depth images.
        depth_unit_m: metres a step of the depth images.
        source: what recording.json says of where it came from.

    Raises:
        InputError: a camera file is unsound, or images are cropped.
    """
    if not (folder / "colorimage").is_dir():
        return None
    frames: list[PlannedFrame] = []
    models: dict[str, CameraModel] = {}
    poses: dict[str, SE3] = {}
    notes = [
        *instants.notes,
        f"depth: {depth_unit_m:g} m a step, on the field of view of the colour lens, 0 where nothing returned",
        "camera_pose places the depth lens in a y-up world; the world was turned to z-up, metres, floor at z = 0",
    ]
    for file in sorted(folder.glob("camera??.json")):
        match = _CAMERA.fullmatch(file.stem)
        if match is None:
            continue
        own = _frames(folder, file.stem, instants, stream_of(int(match[1])))
        if not own:
            notes.append(f"{file.stem}: the list of instants names no image of it")
            continue
        known = read_tum(file)
        models[file.stem] = _model(file.stem, known.lenses[file.stem], own, depth_unit_m, notes)
        if file.stem in known.world_from_camera:
            poses[file.stem] = known.world_from_camera[file.stem]
        frames += own
    if not frames:
        return None
    placed = {name: models[name].placed(pose) for name, pose in poses.items()}
    return ImportPlan(
        str(folder), models, frames, file_reader(folder, models), source,
        CameraRig(placed) if placed else None, unplaced=tuple(name for name in models if name not in placed),
        assumptions=tuple(notes),
    )  # fmt: skip


def _frames(folder: Path, camera_id: str, instants: TakeInstants, streams: tuple[str, str]) -> list[PlannedFrame]:
    """The frames of a camera; the place in the list of instants is their number."""
    color, depth = streams
    found = []
    for index, images in enumerate(instants.images):
        color_path, depth_path = (
            folder / f"{kind}image" / f"{camera_id}_{kind}image-{images[key]}.{ending}" if key in images else None
            for kind, key, ending in (("color", color, "jpg"), ("depth", depth, "tiff"))
        )
        if color_path is not None or depth_path is not None:
            found.append(PlannedFrame(camera_id, index, int(instants.times_ns[index]), None, color_path, depth_path))
    return found


def _model(
    camera_id: str, lens: Any, frames: Sequence[PlannedFrame], depth_unit_m: float, notes: list[str]
) -> CameraModel:
    """The camera as its images are: depth has the field of view of colour, on a grid of its own size."""
    lenses = {}
    for kind in ("color", "depth"):
        size = first_size([path for frame in frames if (path := getattr(frame, kind)) is not None])
        if size is not None:
            lenses[kind], note = lens_for_images(lens, size, f"{camera_id}, {kind}")
            notes += [note] if note else []
    color = lenses.get("color", lens)
    return CameraModel(camera_id, color, lenses.get("depth"), SE3.identity(), depth_unit_m, sensor="azure_kinect_nfov")


def _numbers(streams: Mapping[str, Any]) -> dict[str, str]:
    """Image numbers as file names have them; a stream that is null gave no image."""
    return {name: str(number).zfill(6) for name, number in streams.items() if isinstance(number, str | int)}
