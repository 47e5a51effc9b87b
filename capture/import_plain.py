"""The importer of plain RGB-D folders: images in folders, one calibration.json, optional timestamps and truth."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .arrays import RawDepthImage
from .camera import CameraModel, CameraRig
from .depth_unit import unit_hint
from .errors import ConfigError, InputError
from .files import hash_file, require_writable
from .image_bytes import check_color, decode_depth_png, image_size
from .import_options import ImportOptions
from .import_report import ImportEstimate, ImportReport, estimate_import, require_disk
from .plain_calibration import FILE, read_calibration
from .plain_times import Stamp, absurd_times, clocks_of, read_timestamps
from .recording_writer import DamagedFrame, RecordingWriter
from .segments import seal_folder

LONGEST_NUMBER = 12
NUM_SAMPLES = 4
COLOR_ENDINGS = {".jpg": "jpeg", ".jpeg": "jpeg", ".png": "png"}


@dataclass(frozen=True, slots=True)
class _PlannedFrame:
    camera_id: str
    index: int
    stamp: Stamp
    color: Path | None
    depth: Path | None


def import_plain(
    folder: Path,
    out: Path,
    *,
    fps: float | None = None,
    rig: CameraRig | None = None,
    ignore_poses: bool = False,
    options: ImportOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Import a plain RGB-D folder as a recording.

    Images that are missing, cut off or of the wrong size, and times that cannot be, are left out and listed; the rest
    of the recording is taken. So it is with poses: a camera without a sound one is left unplaced.

    Args:
        folder: holds calibration.json and one folder per camera with color/, depth/ and, optionally, timestamps.csv.
        out: the `.recording` to make.
        fps: frame rate, Hz; needed where there are no timestamps, and then frames of one number are one instant.
        rig: where the cameras stand, if it is known from elsewhere.
        ignore_poses: leave the cameras unplaced, whatever calibration.json says.
        options: the stretch of time, the rule for depth, and whether to try only.
        progress: called with (frames done, frames in all).

    Raises:
        InputError: calibration.json is unreadable or wrong, the cameras do not keep the same time, or no camera has any
            frame.
        ConfigError: there are no timestamps and no fps was given, or the recording cannot be written.
        ResourceError: the disk would not suffice.
    """
    folder, out, options = Path(folder), Path(out), options or ImportOptions()
    if fps is not None and not (math.isfinite(fps) and fps > 0):
        raise ConfigError(f"a rate of {fps:g} Hz is impossible", todo="give frames per second, e.g. --fps 30")
    calibration = read_calibration(folder)
    models, damaged = calibration.models, []
    if rig is None and not ignore_poses:
        rig = calibration.rig
        damaged += calibration.unplaced
    lacking = tuple(name for name in models if name not in rig.cameras) if rig else tuple(models) if damaged else ()
    plan = _plan(folder, models, fps, damaged)
    clocks = clocks_of({name: [f.stamp for f in plan if f.camera_id == name] for name in {f.camera_id for f in plan}})
    times_ns = {id(frame): clocks[frame.camera_id].rig_ns_of(frame.stamp.device_ns) for frame in plan}
    begin_ns, end_ns = options.span.bounds_ns(min(times_ns.values()))
    plan = [frame for frame in plan if begin_ns <= times_ns[id(frame)] < end_ns]
    plan.sort(key=lambda frame: (times_ns[id(frame)], frame.camera_id))
    if not plan:
        raise InputError(
            "no frame lies between --from and --to", where=str(folder),
            why=f"the frames span {(max(times_ns.values()) - min(times_ns.values())) / 1e9:.3f} s",
        )  # fmt: skip
    estimate, hints = _estimate(plan, models, out, options, (times_ns[id(plan[-1])] - times_ns[id(plan[0])]) / 1e9)
    if options.dry_run:
        return ImportReport(out, len(plan), tuple(damaged), lacking, estimate, hints)
    if options.check_disk:
        require_disk(out, estimate)
    source = {
        "importer": "plain",
        "name": folder.resolve().name,
        "calibration_blake3": hash_file(folder / FILE),
        "timestamps": "given" if fps is None else f"frame number / {fps:g} Hz where no timestamps.csv stands",
        **options.to_json(),
        **({"assumptions": list(hints)} if hints else {}),
    }
    writer = RecordingWriter(out, list(models.values()), fps=_rate(plan, fps), source=source, rig=rig, clocks=clocks)
    require_writable(out)
    with writer:
        for done, frame in enumerate(plan):
            _take(frame, folder, models[frame.camera_id], writer, damaged, options)
            if progress:
                progress(done + 1, len(plan))
        if writer.num_frames == 0:
            raise InputError("every image of the folder is damaged", where=str(folder))
        writer.damaged += damaged
        _copy_truth(folder / "truth", writer.folder / "truth")
    return ImportReport(out, writer.num_frames, tuple(writer.damaged), lacking, assumptions=hints)


def _plan(
    folder: Path, models: Mapping[str, CameraModel], fps: float | None, damaged: list[DamagedFrame]
) -> list[_PlannedFrame]:
    """Every frame that may be taken, its images and its time."""
    images = {name: _images(folder, name, damaged) for name in models}
    images = {name: found for name, found in images.items() if found[0] or found[1]}
    if not images:
        raise InputError(
            "no camera has any frame", where=str(folder), todo="each camera needs color/NNNNNN.jpg or depth/NNNNNN.png"
        )
    times = {name: read_timestamps(folder / name / "timestamps.csv", name) for name in images}
    without = [name for name, found in times.items() if found is None]
    if without and len(without) < len(times):
        having = [name for name in times if name not in without]
        raise InputError(
            "some cameras have timestamps and some have none", where=str(folder),
            why=f"there is a timestamps.csv of {', '.join(having)} and none of {', '.join(without)}; frame numbers and "
            "clock times cannot be laid on one time",
            todo=f"write {without[0]}/timestamps.csv, or take the timestamps.csv of every camera away and give --fps",
        )  # fmt: skip
    if without and fps is None:
        raise ConfigError(
            "the folder has no timestamps", where=str(folder / without[0] / "timestamps.csv"),
            todo="give the rate, e.g. --fps 30",
        )  # fmt: skip
    plan = []
    for name, (colors, depths) in images.items():
        stamps, repeated = times[name] or ({}, {})
        if fps is not None and name in without:
            stamps = {
                index: Stamp(round(index * 1e9 / fps), None, f"{name}/{index:06d}") for index in colors.keys() | depths
            }
        damaged += [DamagedFrame(name, -1, place, what) for place, what in repeated.items()]
        wrong = absurd_times(stamps, str(folder))
        damaged += [DamagedFrame(name, index, stamps[index].place, what) for index, what in sorted(wrong.items())]
        sound = {index: stamp for index, stamp in stamps.items() if index not in wrong}
        for index in sorted(colors.keys() | depths.keys()):
            if index in sound:
                plan.append(_PlannedFrame(name, index, sound[index], colors.get(index), depths.get(index)))
            elif index not in wrong:
                damaged.append(DamagedFrame(name, index, f"{name}/timestamps.csv", "the frame has no timestamp"))
    if not plan:
        raise InputError("no frame has a timestamp", where=str(folder), todo="see docs/plain-folder.md for the layout")
    return plan


def _images(folder: Path, name: str, damaged: list[DamagedFrame]) -> tuple[dict[int, Path], dict[int, Path]]:
    """Colour and depth images of one camera by frame number."""
    if not (folder / name).is_dir():
        damaged.append(DamagedFrame(name, -1, name, "the folder of this camera is missing"))
        return {}, {}
    colors = _numbered(folder / name / "color", COLOR_ENDINGS, name, damaged, folder)
    depths = _numbered(folder / name / "depth", {".png": "png"}, name, damaged, folder)
    for index in sorted(colors.keys() ^ depths.keys()) if colors and depths else []:
        stream, place = ("depth", "depth") if index in colors else ("colour", "color")
        damaged.append(DamagedFrame(name, index, f"{name}/{place}/{index:06d}", f"the {stream} image is missing"))
    return colors, depths


def _numbered(
    folder: Path, endings: Mapping[str, str], camera_id: str, damaged: list[DamagedFrame], root: Path
) -> dict[int, Path]:
    images: dict[int, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix.lower() not in endings:
            continue
        if not path.stem.isdecimal() or len(path.stem) > LONGEST_NUMBER:
            damaged.append(DamagedFrame(camera_id, -1, str(path.relative_to(root)), "its name is not a frame number"))
            continue
        images.setdefault(int(path.stem), path)
    return images


def _rate(plan: list[_PlannedFrame], fps: float | None) -> float:
    if fps is not None:
        return fps
    steps = []
    for name in {frame.camera_id for frame in plan}:
        times = np.unique([frame.stamp.device_ns for frame in plan if frame.camera_id == name])
        steps += np.diff(times).tolist()
    return round(1e9 / float(np.median(steps)), 6) if steps else 1.0


def _estimate(
    plan: list[_PlannedFrame], models: Mapping[str, CameraModel], out: Path, options: ImportOptions, media_s: float
) -> tuple[ImportEstimate, tuple[str, ...]]:
    """The cost of the plan, by its colour files and a few encoded depth images; and what is odd about their unit."""
    having = [frame for frame in plan if frame.depth is not None] if options.depth.keep else []
    samples, spent_s = [], [0.0]
    for frame in having[:: max(1, len(having) // NUM_SAMPLES)][:NUM_SAMPLES]:
        begun_s = time.perf_counter()
        try:
            samples += [(frame.camera_id, _read_depth(frame.depth, models[frame.camera_id]))] if frame.depth else []
        except (InputError, OSError):  # the import itself will say so
            continue
        spent_s.append(time.perf_counter() - begun_s)
    color_bytes = sum(frame.color.stat().st_size for frame in plan if frame.color is not None)
    hints = [
        unit_hint([image for camera_id, image in samples if camera_id == name], models[name].depth_unit_m, name)
        for name in sorted({camera_id for camera_id, _ in samples})
    ]
    estimate = estimate_import(
        out, num_frames=len(plan), media_s=media_s, other_bytes=color_bytes, num_depth=len(having),
        depth_samples=[image for _, image in samples], read_s_per_frame=float(np.median(spent_s)),
    )  # fmt: skip
    return estimate, tuple(filter(None, hints))


def _take(
    frame: _PlannedFrame, root: Path, model: CameraModel, writer: RecordingWriter, damaged: list[DamagedFrame],
    options: ImportOptions,
) -> None:  # fmt: skip
    depth_raw = color = None
    codec = "jpeg"
    for path, stream in ((frame.depth, "depth"), (frame.color, "color")):
        if path is None or (stream == "depth" and not options.depth.keep):
            continue
        try:
            if stream == "depth":
                depth_raw = options.depth.apply(_read_depth(path, model), model.depth_unit_m)
            else:
                codec = COLOR_ENDINGS[path.suffix.lower()]
                color = _read_color(path, model)
        except (InputError, OSError) as error:
            what = error.strerror or "it cannot be read" if isinstance(error, OSError) else _in_a_line(error)
            damaged.append(DamagedFrame(frame.camera_id, frame.index, str(path.relative_to(root)), what))
    if depth_raw is not None or color is not None:
        writer.append(frame.camera_id, frame.index, frame.stamp.device_ns, frame.stamp.host_ns, depth_raw, color, codec)


def _in_a_line(error: InputError) -> str:
    return f"{error.what} ({error.why})" if error.why else error.what


def _read_depth(path: Path, model: CameraModel) -> RawDepthImage:
    data = path.read_bytes()
    width, height, _ = image_size(data)
    lens = model.depth
    if lens is None:
        raise InputError("a depth image of a camera that has no depth lens in calibration.json")
    if (width, height) != (lens.width_px, lens.height_px):
        raise InputError(f"the image is {width}x{height}, calibration.json says {lens.width_px}x{lens.height_px}")
    return decode_depth_png(data)


def _read_color(path: Path, model: CameraModel) -> bytes:
    import cv2

    data = path.read_bytes()
    width, height, _ = image_size(data)
    if (width, height) != (model.color.width_px, model.color.height_px):
        expected = f"{model.color.width_px}x{model.color.height_px}"
        raise InputError(f"the image is {width}x{height}, calibration.json says {expected}")
    codec = check_color(data)[2]
    if codec == "png" and cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR) is None:
        raise InputError("the image is damaged or cut off")
    return data


def _copy_truth(source: Path, target: Path) -> None:
    if not source.is_dir():
        return
    shutil.copytree(source, target)
    for folder in sorted(path for path in [target, *target.rglob("*")] if path.is_dir()):
        seal_folder(folder)
