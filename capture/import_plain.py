"""The importer of plain RGB-D folders: images in folders, one calibration.json, optional timestamps and truth."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .camera import CameraModel, CameraRig, Intrinsics
from .clock import ClockModel
from .errors import ConfigError, InputError
from .files import hash_file
from .geometry import SE3
from .recording_writer import DamagedFrame, RecordingWriter
from .rig_file import lens_from_json, pose_from_json
from .segments import seal_folder

LARGEST_IMAGE_PX = 64_000_000
COLOR_ENDINGS = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png"}
JPEG_END = b"\xff\xd9"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import took, and what it could not take."""

    path: Path
    num_frames: int
    damaged: tuple[DamagedFrame, ...]


@dataclass(frozen=True, slots=True)
class _PlannedFrame:
    camera_id: str
    index: int
    device_ns: int
    host_ns: int | None
    color: Path | None
    depth: Path | None


def import_plain(
    folder: Path,
    out: Path,
    *,
    fps: float | None = None,
    rig: CameraRig | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Import a plain RGB-D folder as a recording.

    Images that are missing, cut off or of the wrong size are left out and listed; the rest of the recording is taken.

    Args:
        folder: holds calibration.json and one folder per camera with color/, depth/ and, optionally, timestamps.csv.
        out: the `.recording` to make.
        fps: frame rate, Hz; needed where there are no timestamps, and then frames of one number are one instant.
        rig: where the cameras stand, if it is known from elsewhere.
        progress: called with (frames done, frames in all).

    Raises:
        InputError: calibration.json is unreadable or wrong, or no camera has any frame.
        ConfigError: there are no timestamps and no fps was given.
    """
    folder, out = Path(folder), Path(out)
    calibration = _read_calibration(folder)
    models, damaged = _read_cameras(folder, calibration)
    if rig is None:
        rig = _read_rig(folder, calibration, models, damaged)
    plan = [frame for name in models for frame in _plan_camera(folder, models[name], fps, damaged)]
    if not plan:
        raise InputError(
            "no camera has any frame", where=str(folder), todo="each camera needs color/NNNNNN.jpg or depth/NNNNNN.png"
        )
    clocks = _clocks(plan)
    plan.sort(key=lambda frame: (clocks[frame.camera_id].rig_ns_of(frame.device_ns), frame.camera_id))
    source = {
        "importer": "plain",
        "name": folder.resolve().name,
        "calibration_blake3": hash_file(folder / "calibration.json"),
        "timestamps": "given" if fps is None else f"frame number / {fps:g} Hz where no timestamps.csv stands",
    }
    writer = RecordingWriter(out, list(models.values()), fps=_rate(plan, fps), source=source, rig=rig, clocks=clocks)
    with writer:
        for done, frame in enumerate(plan):
            _take(frame, folder, models[frame.camera_id], writer, damaged)
            if progress:
                progress(done + 1, len(plan))
        if writer.num_frames == 0:
            raise InputError("every image of the folder is damaged", where=str(folder))
        writer.damaged += damaged
        _copy_truth(folder / "truth", writer.folder / "truth")
    return ImportReport(out, writer.num_frames, tuple(writer.damaged))


def _read_calibration(folder: Path) -> dict[str, Any]:
    path = folder / "calibration.json"
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            "the folder has no calibration.json", where=str(path), todo="see docs/plain-folder.md for the layout"
        ) from error
    except ValueError as error:
        raise InputError("calibration.json is not JSON", where=str(path), why=str(error)) from error
    if not isinstance(value, dict) or not isinstance(value.get("cameras"), dict) or not value["cameras"]:
        raise InputError('calibration.json needs "cameras" with at least one camera', where=str(path))
    return value


def _read_cameras(folder: Path, calibration: Mapping[str, Any]) -> tuple[dict[str, CameraModel], list[DamagedFrame]]:
    models, damaged = {}, []
    unit_m = float(calibration.get("depth_unit_m", 0.001))
    if not (np.isfinite(unit_m) and 0 < unit_m < 1):
        raise InputError(f"depth_unit_m = {unit_m} is impossible", where=str(folder / "calibration.json"))
    for name, entry in calibration["cameras"].items():
        where = f"{folder / 'calibration.json'}, camera {name}"
        color = lens_from_json(entry["color"], f"{where}, color") if entry.get("color") else None
        depth = lens_from_json(entry["depth"], f"{where}, depth") if entry.get("depth") else None
        if color is None and depth is None:
            raise InputError("the camera has neither a colour nor a depth lens", where=where)
        pose = SE3.identity()
        if color is not None and depth is not None and entry.get("color_from_depth"):
            pose = pose_from_json(entry["color_from_depth"], f"{where}, color_from_depth")
        models[name] = CameraModel(name, _first(color, depth), depth, pose, unit_m)
        if not (folder / name).is_dir():
            damaged.append(DamagedFrame(name, -1, name, "the folder of this camera is missing"))
    return models, damaged


def _first(color: Intrinsics | None, depth: Intrinsics | None) -> Intrinsics:
    lens = color or depth
    assert lens is not None
    return lens


def _read_rig(
    folder: Path, calibration: Mapping[str, Any], models: Mapping[str, CameraModel], damaged: list[DamagedFrame]
) -> CameraRig | None:
    entries = {name: calibration["cameras"][name].get("world_from_color") for name in models}
    if not all(entries.values()):
        return None
    cameras = {}
    for name, entry in entries.items():
        try:
            where = f"{folder / 'calibration.json'}, camera {name}, world_from_color"
            cameras[name] = models[name].placed(pose_from_json(entry, where))
        except InputError as error:
            damaged.append(DamagedFrame(name, -1, "calibration.json", f"world_from_color: {error.what}"))
    return CameraRig(cameras) if len(cameras) == len(models) else None


def _plan_camera(
    folder: Path, model: CameraModel, fps: float | None, damaged: list[DamagedFrame]
) -> Iterator[_PlannedFrame]:
    root, name = folder / model.camera_id, model.camera_id
    colors = _numbered(root / "color", COLOR_ENDINGS, name, damaged, folder)
    depths = _numbered(root / "depth", {".png": "png"}, name, damaged, folder)
    stamps = _read_timestamps(root / "timestamps.csv")
    for index in sorted(colors.keys() | depths.keys()):
        for stream, images, expected in (("colour", colors, bool(colors)), ("depth", depths, bool(depths))):
            if expected and index not in images:
                file = f"{name}/{'color' if stream == 'colour' else 'depth'}/{index:06d}"
                damaged.append(DamagedFrame(name, index, file, f"the {stream} image is missing"))
        if stamps is None:
            if fps is None:
                raise ConfigError(
                    "the folder has no timestamps",
                    where=str(root / "timestamps.csv"),
                    todo="give the rate, e.g. --fps 30",
                )
            device_ns, host_ns = round(index * 1e9 / fps), None
        elif index not in stamps:
            damaged.append(DamagedFrame(name, index, f"{name}/timestamps.csv", "the frame has no timestamp"))
            continue
        else:
            device_ns, host_ns = stamps[index]
        yield _PlannedFrame(name, index, device_ns, host_ns, colors.get(index), depths.get(index))


def _numbered(
    folder: Path, endings: Mapping[str, str], camera_id: str, damaged: list[DamagedFrame], root: Path
) -> dict[int, Path]:
    images: dict[int, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix.lower() not in endings:
            continue
        if not path.stem.isdigit():
            damaged.append(DamagedFrame(camera_id, -1, str(path.relative_to(root)), "its name is not a frame number"))
            continue
        images.setdefault(int(path.stem), path)
    return images


def _read_timestamps(path: Path) -> dict[int, tuple[int, int | None]] | None:
    if not path.exists():
        return None
    stamps: dict[int, tuple[int, int | None]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            try:
                device, host = (row.get("device_ns") or "").strip(), (row.get("host_ns") or "").strip()
                if device or host:
                    stamps[int(row["index"])] = (int(device or host), int(host) if host else None)
            except (KeyError, ValueError, TypeError) as error:
                raise InputError(
                    "timestamps.csv needs the columns index,device_ns,host_ns with whole numbers",
                    where=f"{path}, after row {len(stamps) + 1}", why=repr(error),
                ) from error  # fmt: skip
    return stamps


def _clocks(plan: list[_PlannedFrame]) -> dict[str, ClockModel]:
    """Device clocks that have their own zero are laid on the host's by the smallest delay seen (as NTP does)."""
    clocks = {}
    for name in dict.fromkeys(frame.camera_id for frame in plan):
        pairs = [(f.device_ns, f.host_ns) for f in plan if f.camera_id == name and f.host_ns is not None]
        offset_ns = min((host - device for device, host in pairs), default=0)
        clocks[name] = ClockModel(offset_ns, 0.0, pairs[0][0] if pairs else 0)
    return clocks


def _rate(plan: list[_PlannedFrame], fps: float | None) -> float:
    if fps is not None:
        return fps
    steps = []
    for name in {frame.camera_id for frame in plan}:
        times = np.unique([frame.device_ns for frame in plan if frame.camera_id == name])
        steps += np.diff(times).tolist()
    return round(1e9 / float(np.median(steps)), 6) if steps else 1.0


def _take(
    frame: _PlannedFrame, root: Path, model: CameraModel, writer: RecordingWriter, damaged: list[DamagedFrame]
) -> None:
    depth_raw = color = None
    codec = "jpeg"
    for path, stream in ((frame.depth, "depth"), (frame.color, "color")):
        if path is None:
            continue
        try:
            if stream == "depth":
                depth_raw = _read_depth(path, model)
            else:
                codec = COLOR_ENDINGS[path.suffix.lower()]
                color = _read_color(path, model)
        except InputError as error:
            what = f"{error.what} ({error.why})" if error.why else error.what
            damaged.append(DamagedFrame(frame.camera_id, frame.index, str(path.relative_to(root)), what))
    if depth_raw is not None or color is not None:
        writer.append(frame.camera_id, frame.index, frame.device_ns, frame.host_ns, depth_raw, color, codec)


def _image_size(data: bytes) -> tuple[int, int, str]:
    """(width, height, mode) from the header alone, so that a small file cannot unpack to a huge image."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height, mode = image.width, image.height, image.mode
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError("the image cannot be read", why=str(error)) from error
    if width * height > LARGEST_IMAGE_PX:
        raise InputError(f"the image claims {width}x{height} pixels, more than any camera gives")
    return width, height, mode


def _read_depth(path: Path, model: CameraModel) -> np.ndarray:
    import cv2

    data = path.read_bytes()
    width, height, mode = _image_size(data)
    lens = model.depth
    if lens is None:
        raise InputError("a depth image of a camera that has no depth lens in calibration.json")
    if (width, height) != (lens.width_px, lens.height_px):
        raise InputError(f"the image is {width}x{height}, calibration.json says {lens.width_px}x{lens.height_px}")
    image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise InputError("the image is damaged or cut off")
    if image.dtype != np.uint16 or image.ndim != 2:
        raise InputError(f"depth must be a 16-bit image of one channel, this is {mode} ({image.dtype})")
    return image


def _read_color(path: Path, model: CameraModel) -> bytes:
    data = path.read_bytes()
    width, height, _ = _image_size(data)
    if (width, height) != (model.color.width_px, model.color.height_px):
        expected = f"{model.color.width_px}x{model.color.height_px}"
        raise InputError(f"the image is {width}x{height}, calibration.json says {expected}")
    if data.startswith(b"\xff\xd8"):
        if JPEG_END not in data[-64:]:
            raise InputError("the image is cut off", why="the JPEG end marker is missing")
        return data
    import cv2

    if cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR) is None:
        raise InputError("the image is damaged or cut off")
    return data


def _copy_truth(source: Path, target: Path) -> None:
    if not source.is_dir():
        return
    shutil.copytree(source, target)
    for folder in sorted(path for path in [target, *target.rglob("*")] if path.is_dir()):
        seal_folder(folder)
