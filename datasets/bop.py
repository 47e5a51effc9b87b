"""BOP folders, and MVPSP (Hein et al. 2025), which is one: images with the poses of known objects, scene by scene.

    <scene>/scene_camera.json    {image: {cam_K, depth_scale, cam_R_w2c, cam_t_w2c, time_us}}     millimetres
    <scene>/scene_gt.json        {image: [{obj_id, cam_R_m2c, cam_t_m2c}, ...]}                   millimetres
    <scene>/rgb|gray/NNNNNN.png|jpg      <scene>/depth/NNNNNN.png

Traps that are taken care of: `cam_R_w2c` takes the world to the camera and is no pose; `depth_scale` makes millimetres
of depth and need not be 1; in MVPSP the six digits of a scene are recording and camera, three each, and worn cameras
move.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..capture.camera import CameraModel, CameraRig, Intrinsics
from ..capture.camera_move import PoseFrom
from ..capture.conventions import metres_from_millimetres
from ..capture.errors import InputError
from ..capture.geometry import SE3
from ..capture.import_frames import ImportPlan, PlannedFrame
from ..evaluation.truth_writer import TruthWriter
from ..scenegraph.labels import LabelledInstant, Labels
from .base import DataSet, LabelledSequence, OpenOptions
from .image_files import file_reader, first_size

MVPSP_CAMERAS = "camera_kinect.json"
MVPSP_OBJECTS = {1: "drill", 2: "screwdriver", 3: "hololens", 4: "specimen_1", 5: "specimen_2", 6: "specimen_3"}
ENDINGS = (".png", ".jpg")
USUAL_FPS = 30.0
STILL_RAD, STILL_M = 1e-3, 1e-3
"""A camera whose pose changes by less stands still: the digits of a file."""


@dataclass(frozen=True, slots=True, eq=False)
class BopScene:
    """One scene: what one camera saw.

    Args:
        folder: of the scene.
        camera_id: what the camera is called.
        images: the numbers of its images, ascending.
        times_ns: (n,) int64 by image.
        cameras: the entries of scene_camera.json by image.
        objects: the entries of scene_gt.json by image; empty where there is none.
    """

    folder: Path
    camera_id: str
    images: tuple[int, ...]
    times_ns: np.ndarray
    cameras: Mapping[int, Mapping[str, Any]]
    objects: Mapping[int, Sequence[Mapping[str, Any]]]

    def camera_from_world(self, image: int) -> SE3 | None:
        """Where the world is, seen from the camera; None where the file does not say."""
        entry = self.cameras[image]
        if "cam_R_w2c" not in entry or "cam_t_w2c" not in entry:
            return None
        return _motion(entry["cam_R_w2c"], entry["cam_t_w2c"], f"{self.folder}, image {image}, cam_R_w2c")


def open_sequences(
    root: Path, takes: Sequence[str] | None = None, options: OpenOptions | None = None
) -> tuple[LabelledSequence, ...]:
    """The scenes below a folder; those of one recording of MVPSP are one sequence of several cameras.

    Args:
        root: a scene, a split or a whole data set.
        takes: which, as `<split>/<scene>`, or `<split>/<recording>` in MVPSP; None for all.
        options: what files do not say.

    Raises:
        InputError: there is no scene, one is unsound, or a sequence is not there.
    """
    folders = sorted(path.parent for path in [*root.glob("scene_camera.json"), *root.glob("**/scene_camera.json")])
    if not folders:
        raise InputError(
            "there is no scene", where=str(root), why="no folder has a scene_camera.json", todo="give a BOP folder"
        )
    groups: dict[str, list[Path]] = {}
    for folder in dict.fromkeys(folders):
        groups.setdefault(_sequence_of(folder), []).append(folder)
    for name in takes or ():
        if name not in groups:
            raise InputError(f"there is no sequence '{name}'", where=str(root), todo=f"there are {', '.join(groups)}")
    return tuple(_sequence(name, groups[name], options or OpenOptions()) for name in takes or groups)


def read_scene(folder: Path) -> tuple[BopScene, tuple[str, ...]]:
    """A scene, and what had to be assumed of it.

    Raises:
        InputError: a file cannot be read, or lacks something.
    """
    cameras, objects = _table(folder / "scene_camera.json"), {}
    if (folder / "scene_gt.json").is_file():
        objects = _table(folder / "scene_gt.json")
    images = tuple(sorted(cameras))
    if not images:
        raise InputError("the scene has no images", where=str(folder / "scene_camera.json"))
    stamps = [cameras[image].get("time_us") for image in images]
    notes = []
    if all(isinstance(stamp, int | float) for stamp in stamps):
        times_ns = np.array([round(float(stamp) * 1000) for stamp in stamps], dtype=np.int64)
    else:
        times_ns = np.array([round(image * 1e9 / USUAL_FPS) for image in images], dtype=np.int64)
        notes.append(f"{folder.name}: no time_us, so {USUAL_FPS:g} images a second")
    if (np.diff(times_ns) <= 0).any():
        raise InputError("the times of the images do not ascend", where=str(folder / "scene_camera.json"))
    camera_id = f"cam_{folder.name[3:].lstrip('0') or '0'}" if _is_mvpsp(folder) else "cam_1"
    return BopScene(folder, camera_id, images, times_ns, cameras, objects), tuple(notes)


def _sequence(name: str, folders: Sequence[Path], options: OpenOptions) -> LabelledSequence:
    scenes, notes = [], []
    for folder in folders:
        scene, own = read_scene(folder)
        scenes.append(scene)
        notes += own
    plan = _plan(name, scenes, options, notes)
    first = scenes[0]
    label_of = MVPSP_OBJECTS if _is_mvpsp(first.folder) else {}
    labels = tuple(
        LabelledInstant(
            name, f"{image:06d}", (), tuple(dict.fromkeys(_label(row, label_of) for row in first.objects[image]))
        )
        for image in first.images
        if image in first.objects
    )
    steps = np.diff(first.times_ns)
    frame_ns = int(np.median(steps)) if len(steps) else round(1e9 / USUAL_FPS)
    return LabelledSequence(
        name, Labels("neutral", labels), (), frame_ns, plan, tuple(notes),
        lambda truth: _write_truth(truth, first, label_of),
    )  # fmt: skip


def _plan(name: str, scenes: Sequence[BopScene], options: OpenOptions, notes: list[str]) -> ImportPlan | None:
    frames, models, placed, moves = [], {}, {}, []
    for scene in scenes:
        own = [_frame(scene, image, int(time)) for image, time in zip(scene.images, scene.times_ns, strict=True)]
        own = [frame for frame in own if frame.color is not None or frame.depth is not None]
        if not own:
            continue
        model = models[scene.camera_id] = _model(scene, own, options)
        poses = [
            (int(time), scene.camera_from_world(image))
            for image, time in zip(scene.images, scene.times_ns, strict=True)
        ]
        known = [(time, pose.inverse()) for time, pose in poses if pose is not None]
        if known:
            placed[scene.camera_id] = model.placed(known[0][1])
            own_moves = _moves(scene.camera_id, known)
            moves += own_moves
            notes += [f"{scene.camera_id} moves: {len(own_moves) + 1} poses"] if own_moves else []
        frames += own
    if not frames:
        return None
    notes.append("lengths are millimetres, depth in steps of depth_scale; the world is taken as the files have it")
    notes.append("nothing says which way is up: `ortwin doctor` looks at the floor, `ortwin register` puts it right")
    root = scenes[0].folder.parent
    return ImportPlan(
        str(root), models, frames, file_reader(root, models), {"importer": "bop", "name": name},
        CameraRig(placed, "bop", moves=tuple(moves)) if placed else None,
        unplaced=tuple(camera for camera in models if camera not in placed), assumptions=tuple(notes),
    )  # fmt: skip


def _frame(scene: BopScene, image: int, time_ns: int) -> PlannedFrame:
    def file(kinds: Sequence[str], endings: Sequence[str]) -> Path | None:
        places = [scene.folder / kind / f"{image:06d}{ending}" for kind in kinds for ending in endings]
        return next((path for path in places if path.is_file()), None)

    return PlannedFrame(
        scene.camera_id, image, time_ns, None, file(("rgb", "gray"), ENDINGS), file(("depth",), (".png", ".tif"))
    )


def _model(scene: BopScene, frames: Sequence[PlannedFrame], options: OpenOptions) -> CameraModel:
    where = str(scene.folder / "scene_camera.json")
    lenses = np.array([scene.cameras[image].get("cam_K", ()) for image in scene.images], dtype=object)
    if any(len(row) != 9 for row in lenses):
        raise InputError("an image has no cam_K of nine numbers", where=where)
    matrix = lenses.astype(np.float64).reshape(-1, 3, 3)
    if np.abs(matrix - matrix[0]).max() > 0.01:
        raise InputError(
            "the lens changes from image to image", where=where, why="ortwin takes cameras that do not zoom"
        )
    scales = {float(scene.cameras[image].get("depth_scale", 1.0)) for image in scene.images}
    if len(scales) > 1:
        raise InputError(f"depth_scale changes: {sorted(scales)}", where=where, why="a recording has one unit of depth")
    kinds = [[path for frame in frames if (path := getattr(frame, kind)) is not None] for kind in ("color", "depth")]
    size = first_size([*kinds[0], *kinds[1]])
    if size is None:
        raise InputError("no image of the scene can be read", where=str(scene.folder))
    (fx_px, skew, cx_px), (_, fy_px, cy_px), _ = matrix[0].tolist()
    if abs(skew) > 1e-3 * fx_px:
        raise InputError(f"the lens has a skew of {skew:g}", where=where)
    lens = Intrinsics(fx_px, fy_px, cx_px, cy_px, *size)
    unit_m = options.depth_unit_m or scales.pop() * 1e-3
    return CameraModel(scene.camera_id, lens, lens if kinds[1] else None, SE3.identity(), unit_m)


def _moves(camera_id: str, poses: Sequence[tuple[int, SE3]]) -> list[PoseFrom]:
    """The poses that follow the first one, where the camera does not stand still."""
    moves, last = [], poses[0][1]
    for time_ns, pose in poses[1:]:
        step = last.inverse() @ pose
        if step.angle_rad() > STILL_RAD or step.distance_m() > STILL_M:
            moves.append(PoseFrom(camera_id, time_ns, pose))
            last = pose
    return moves


def _write_truth(truth: TruthWriter, scene: BopScene, label_of: Mapping[int, str]) -> None:
    """The objects that the first camera's scene places in the world, as tools."""
    rows, numbers = [], {}
    for place, image in enumerate(scene.images):
        camera_from_world = scene.camera_from_world(image) or SE3.identity()
        for row in scene.objects.get(image, ()):
            where = f"{scene.folder}, image {image}, object {row.get('obj_id')}"
            camera_from_tool = _motion(row["cam_R_m2c"], row["cam_t_m2c"], where)
            label = _label(row, label_of)
            seen = numbers.setdefault((place, label), 0) + 1
            numbers[place, label] = seen
            pose = camera_from_world.inverse() @ camera_from_tool
            rows.append((place, f"{label}_{seen}", label, pose, (scene.camera_id,)))
    truth.instants(scene.times_ns)
    truth.tools(rows)


def _label(row: Mapping[str, Any], label_of: Mapping[int, str]) -> str:
    return label_of.get(int(row["obj_id"]), f"object_{int(row['obj_id'])}")


def _motion(rotation: Any, translation_mm: Any, where: str) -> SE3:
    try:
        matrix = np.eye(4)
        matrix[:3, :3] = np.array(rotation, dtype=np.float64).reshape(3, 3)
        matrix[:3, 3] = metres_from_millimetres(np.array(translation_mm, dtype=np.float64))
        return SE3.from_matrix(matrix)
    except (ValueError, TypeError) as error:
        raise InputError("a pose needs 9 and 3 numbers", where=where, why=str(error)) from error
    except InputError as error:
        raise InputError(error.what, where=where, why=error.why, todo=error.todo) from error


def _table(path: Path) -> dict[int, Any]:
    try:
        return {int(image): entry for image, entry in json.loads(path.read_text(encoding="utf-8")).items()}
    except OSError as error:
        raise InputError("a scene cannot be read", where=str(path), why=error.strerror or "") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError("this is no table of a scene", where=str(path), why=repr(error)) from error


def _is_mvpsp(folder: Path) -> bool:
    own = len(folder.name) == 6 and folder.name.isdigit()
    return own and any((place / MVPSP_CAMERAS).is_file() for place in (folder.parent, folder.parent.parent))


def _sequence_of(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name[:3] if _is_mvpsp(folder) else folder.name}"


DATA_SET = DataSet(
    "BOP and MVPSP", "by data set (MVPSP's code: MIT)", "recordings, poses of objects as truth", open_sequences
)
