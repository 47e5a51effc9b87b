"""The text files of a TUM RGB-D folder: lists of stamped images, and the way that the camera went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path, PurePosixPath

import numpy as np

from .camera import CameraModel, CameraRig
from .camera_move import PoseFrom
from .conventions import rotation_from_quat_xyzw
from .errors import InputError
from .geometry import SE3

STILL_M, STILL_RAD = 0.005, 0.005
LARGEST_GAP_NS = 200_000_000
"""Over a longer silence of the tracker no pose is interpolated."""


@dataclass(frozen=True, slots=True)
class ListRow:
    """A row of a list: when, what, and the number of its line."""

    time_ns: int
    values: tuple[str, ...]
    number: int


@dataclass(frozen=True, slots=True, eq=False)
class Trajectory:
    """Poses of a camera: (t,) int64 ascending times, (t, 3, 3) rotations and (t, 3) translations, metres."""

    times_ns: np.ndarray
    rotations: np.ndarray
    translations_m: np.ndarray


def read_list(path: Path, num_values: int = 1) -> list[ListRow]:
    """The rows `seconds value ...` of a file; none where it is missing. Seconds are exact to the nanosecond.

    Raises:
        InputError: a row is of another form; names file and row.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise InputError("the list cannot be read", where=str(path), why=str(error)) from error
    rows = []
    for number, line in enumerate(lines, 1):
        words = line.replace(",", " ").split()
        if not words or words[0].startswith("#"):
            continue
        try:
            seconds = Decimal(words[0])
            if len(words) != num_values + 1 or not seconds.is_finite():
                raise ValueError(line[:80])
            rows.append(ListRow(int((seconds * 1_000_000_000).to_integral_value()), tuple(words[1:]), number))
        except (InvalidOperation, ValueError) as error:
            raise InputError(
                f"a row needs the time in seconds and {num_values} more", where=f"{path}, row {number}",
                why=repr(line[:80]), todo="correct or remove this row",
            ) from error  # fmt: skip
        if num_values == 1 and (PurePosixPath(words[1]).is_absolute() or ".." in PurePosixPath(words[1]).parts):
            raise InputError("an image lies outside the folder", where=f"{path}, row {number}", why=words[1])
    return rows


def read_trajectory(path: Path) -> Trajectory | None:
    """groundtruth.txt: rows `seconds tx ty tz qx qy qz qw`, the pose of the camera in the world; None without it.

    Raises:
        InputError: a row is of another form; names file and row.
    """
    rows = sorted(read_list(path, 7), key=lambda row: row.time_ns)
    if not rows:
        return None
    values = np.array([_numbers(row, path) for row in rows])
    times_ns, first = np.unique([row.time_ns for row in rows], return_index=True)
    return Trajectory(times_ns.astype(np.int64), rotation_from_quat_xyzw(values[first, 3:]), values[first, :3])


def _numbers(row: ListRow, path: Path) -> list[float]:
    try:
        values = [float(value) for value in row.values]
        if not np.isfinite(values).all() or not any(values[3:]):
            raise ValueError("a number is not finite, or the quaternion is zero")
    except ValueError as error:
        raise InputError(
            "a row of the trajectory is no pose", where=f"{path}, row {row.number}", why=str(error),
            todo="remove the rows in which the tracker was lost",
        ) from error  # fmt: skip
    return values


def poses_at(trajectory: Trajectory, times_ns: np.ndarray) -> list[SE3 | None]:
    """The pose at each time, between two rows on the straight way; None where the tracker was silent.

    A time that a row has gets the pose of that row as it is.
    """
    from scipy.spatial.transform import Rotation, Slerp

    known = trajectory.times_ns
    poses: list[SE3 | None] = []
    for time_ns in times_ns.tolist():
        after = int(np.searchsorted(known, time_ns))
        if after < len(known) and known[after] == time_ns:
            poses.append(SE3(trajectory.rotations[after], trajectory.translations_m[after]))
            continue
        if not 0 < after < len(known) or known[after] - known[after - 1] > LARGEST_GAP_NS:
            poses.append(None)
            continue
        share = float((time_ns - known[after - 1]) / (known[after] - known[after - 1]))
        ends = Rotation.from_matrix(trajectory.rotations[after - 1 : after + 1])
        before_m, after_m = trajectory.translations_m[after - 1 : after + 1]
        poses.append(SE3(Slerp([0.0, 1.0], ends)(share).as_matrix(), before_m + share * (after_m - before_m)))
    return poses


def rig_along(model: CameraModel, trajectory: Trajectory, times_ns: Sequence[int] | np.ndarray) -> CameraRig | None:
    """The rig of a camera that stands still, or that goes from frame to frame; None where no frame has a pose.

    Args:
        model: the camera.
        trajectory: its poses.
        times_ns: (t,) the times of its frames.
    """
    times_ns = np.asarray(times_ns, dtype=np.int64)
    found = [
        (time_ns, pose)
        for time_ns, pose in zip(times_ns.tolist(), poses_at(trajectory, times_ns), strict=True)
        if pose is not None
    ]
    if not found:
        return None
    first = found[0][1]
    apart = [first.inverse() @ pose for _, pose in found]
    still = all(motion.distance_m() < STILL_M and motion.angle_rad() < STILL_RAD for motion in apart)
    moves = () if still else tuple(PoseFrom(model.camera_id, time_ns, pose) for time_ns, pose in found[1:])
    return CameraRig({model.camera_id: model.placed(first)}, "floor", moves=moves)
