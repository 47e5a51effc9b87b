"""The importer of TUM RGB-D folders (Sturm et al. 2012): rgb.txt, depth.txt and, where it is known, groundtruth.txt."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from .arrays import RawDepthImage
from .camera import CameraModel, CameraRig, Intrinsics
from .depth_unit import check_unit
from .errors import ConfigError, InputError
from .files import hash_bytes
from .geometry import SE3
from .image_bytes import check_color, decode_depth_png, image_size
from .import_frames import ImportPlan, PlannedFrame, TakenFrame, record_plan
from .import_options import ImportOptions
from .import_report import ImportReport
from .plain_times import Stamp, absurd_times
from .recording_writer import DamagedFrame
from .rig_file import check_camera_id
from .stream_pairs import ALONE, pair_streams
from .tum_lists import read_list, read_trajectory, rig_along

TUM_UNIT_M = 1 / 5000
PUBLISHED_LENSES = {
    "freiburg1": (517.3, 516.5, 318.6, 255.3, (0.2624, -0.9531, -0.0054, 0.0026, 1.1633)),
    "freiburg2": (520.9, 521.0, 325.1, 249.7, (0.2312, -0.7849, -0.0033, -0.0001, 0.9172)),
    "freiburg3": (535.4, 539.2, 320.1, 247.6, ()),
}
"""Of the three cameras of the data set, as its authors publish them: fx, fy, cx, cy and the distortion."""


def import_tum(
    folder: Path,
    out: Path,
    *,
    lens: Sequence[float] | None = None,
    depth_unit_m: float = TUM_UNIT_M,
    name: str = "cam_1",
    ignore_poses: bool = False,
    options: ImportOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Import a TUM RGB-D folder as a recording of one camera; depth is registered to colour there.

    Args:
        folder: holds rgb.txt and depth.txt (either may be missing), and the images that they name.
        out: the `.recording` to make.
        lens: fx, fy, cx, cy in pixels, and 4, 5 or 8 coefficients of distortion in OpenCV's order; None = those that
            the data set's authors publish, if the folder is called after one of its cameras.
        depth_unit_m: metres a step of the depth images.
        name: what to call the camera.
        ignore_poses: leave the camera unplaced, whatever groundtruth.txt says.
        options: the stretch of time, the rule for depth, and whether to try only.
        progress: called with (frames done, frames in all).

    Raises:
        InputError: the folder is no TUM folder, a list cannot be read, or no image is whole; names file and row.
        ConfigError: nobody knows the lens, or the recording cannot be written.
        ResourceError: the disk would not suffice.
    """
    folder, out = Path(folder), Path(out)
    check_camera_id(name, "--name")
    check_unit(depth_unit_m)
    damaged: list[DamagedFrame] = []
    colors, color_ns = _list(folder, "rgb.txt", name, damaged)
    depths, depth_ns = _list(folder, "depth.txt", name, damaged)
    if not colors and not depths:
        raise InputError(
            "this is no TUM folder: it has neither rgb.txt nor depth.txt", where=str(folder),
            todo="give the folder that holds rgb.txt and depth.txt; other folders of images: ortwin import plain",
        )  # fmt: skip
    assumptions = [f"depth: {depth_unit_m:g} m a step, registered to colour"] if depths else []
    model = _model(folder, name, [*colors, *depths], lens, depth_unit_m, bool(depths), assumptions)
    pairs = pair_streams(color_ns, depth_ns)
    if colors and depths:
        assumptions.append(
            f"colour and depth up to {pairs.worst_ns / 1e6:.1f} ms apart are one frame, at the time of its depth"
        )
    frames = [
        PlannedFrame(
            name, index, int(depth_ns[d] if d != ALONE else color_ns[c]), None,
            colors[c] if c != ALONE else None, depths[d] if d != ALONE else None,
        )
        for index, (c, d) in enumerate(zip(pairs.color.tolist(), pairs.depth.tolist(), strict=True))
    ]  # fmt: skip
    rig = None if ignore_poses else _rig(folder, model, frames, assumptions)
    plan = ImportPlan(
        str(folder), {name: model}, frames, lambda wanted: _read(wanted, folder, model),
        {"importer": "tum", "name": folder.resolve().name, **_hashes(folder)}, rig,
        damaged=tuple(damaged), assumptions=tuple(assumptions),
    )  # fmt: skip
    return record_plan(plan, out, options or ImportOptions(), progress)


def _list(folder: Path, file: str, name: str, damaged: list[DamagedFrame]) -> tuple[list[Path], np.ndarray]:
    """The images of a list and their stamps (t,) int64, ascending; what cannot be is set aside."""
    rows = read_list(folder / file)
    stamps = {at: Stamp(row.time_ns, None, f"{file}, row {row.number}") for at, row in enumerate(rows)}
    wrong = absurd_times(stamps, str(folder)) if stamps else {}
    damaged += [DamagedFrame(name, at, stamps[at].place, what) for at, what in sorted(wrong.items())]
    kept = [row for at, row in enumerate(rows) if at not in wrong]
    return [folder / row.values[0] for row in kept], np.array([row.time_ns for row in kept], dtype=np.int64)


def _model(
    folder: Path, name: str, images: Sequence[Path], lens: Sequence[float] | None, unit_m: float, has_depth: bool,
    assumptions: list[str],
) -> CameraModel:  # fmt: skip
    if lens is None:
        known = next((key for key in PUBLISHED_LENSES if re.search(key, folder.resolve().name.lower())), None)
        if known is None:
            raise ConfigError(
                "nobody knows the lens: TUM folders do not hold it", where=str(folder),
                todo="give --lens FX,FY,CX,CY (pixels), with distortion after them where there is any",
            )  # fmt: skip
        *numbers, distortion = PUBLISHED_LENSES[known]
        lens = [*numbers, *distortion]
        assumptions.append(f"lens of {known}, as its authors publish it")
    width_px, height_px = _size(images)
    intrinsics = lens_of_numbers(lens, width_px, height_px)
    return CameraModel(name, intrinsics, intrinsics if has_depth else None, SE3.identity(), unit_m)


def lens_of_numbers(numbers: Sequence[float], width_px: int, height_px: int) -> Intrinsics:
    """A lens from fx, fy, cx, cy and, where there is any, its distortion in OpenCV's order.

    Raises:
        ConfigError: there are too few numbers, or they make no lens.
    """
    try:
        fx_px, fy_px, cx_px, cy_px, *distortion = (float(number) for number in numbers)
        model = "brown_conrady" if distortion else "none"
        return Intrinsics(fx_px, fy_px, cx_px, cy_px, width_px, height_px, model, np.array(distortion))
    except (ValueError, InputError) as error:
        raise ConfigError(
            "the lens is none", why=str(error), todo="give --lens FX,FY,CX,CY and, if any, 4, 5 or 8 more numbers"
        ) from error


def _size(images: Sequence[Path]) -> tuple[int, int]:
    """(width, height) of the first image that can be read."""
    for path in images:
        try:
            return image_size(path.read_bytes())[:2]
        except (OSError, InputError):
            continue
    raise InputError(
        "no image of the lists can be read", where=str(images[0]), todo="copy the folder again, with its images"
    )


def _rig(folder: Path, model: CameraModel, frames: Sequence[PlannedFrame], assumptions: list[str]) -> CameraRig | None:
    """Where the camera stands or goes, as far as groundtruth.txt says."""
    trajectory = read_trajectory(folder / "groundtruth.txt")
    times_ns = np.array([frame.device_ns for frame in frames], dtype=np.int64)
    rig = None if trajectory is None else rig_along(model, trajectory, times_ns)
    if rig is not None:
        what = f"moves, {len(rig.moves) + 1} poses" if rig.moves else "stands still"
        assumptions.append(f"groundtruth.txt: the camera {what}; +z of its world is up, the floor at z = 0")
    return rig


def _hashes(folder: Path) -> dict[str, str]:
    lists = ("rgb.txt", "depth.txt", "groundtruth.txt")
    return {f"{file}_blake3": hash_bytes((folder / file).read_bytes()) for file in lists if (folder / file).is_file()}


def _read(frames: Sequence[PlannedFrame], folder: Path, model: CameraModel) -> Iterator[TakenFrame]:
    for frame in frames:
        damaged: list[DamagedFrame] = []
        depth_raw = color = None
        for path, is_depth in ((frame.depth, True), (frame.color, False)):
            if not isinstance(path, Path):
                continue
            try:
                if is_depth:
                    depth_raw = _depth(path, model)
                else:
                    color = _color(path, model)
            except (InputError, OSError) as error:
                what = error.what if isinstance(error, InputError) else error.strerror or "it cannot be read"
                damaged.append(DamagedFrame(model.camera_id, frame.index, str(path.relative_to(folder)), what))
        yield TakenFrame(frame, depth_raw, color, tuple(damaged))


def _depth(path: Path, model: CameraModel) -> RawDepthImage:
    data = path.read_bytes()
    _check_size(image_size(data)[:2], model)
    return decode_depth_png(data)


def _color(path: Path, model: CameraModel) -> bytes:
    data = path.read_bytes()
    _check_size(check_color(data)[:2], model)
    return data


def _check_size(size: tuple[int, int], model: CameraModel) -> None:
    expected = model.color.width_px, model.color.height_px
    if size != expected:
        raise InputError(f"the image is {size[0]}x{size[1]}, the others are {expected[0]}x{expected[1]}")
