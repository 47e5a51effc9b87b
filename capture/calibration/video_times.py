"""When each image of a video was taken: timestamps.csv beside the videos, or the times in the video itself."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from .film import video_seconds


@dataclass(frozen=True, slots=True, eq=False)
class VideoTimes:
    """Which images of a video count, and when they were taken.

    Args:
        frames: (t,) int64 ascending positions in the video.
        times_ns: (t,) int64 their stamps.
        instants: (t,) int64 the number of the instant that a recording program gave them, or None.
    """

    frames: np.ndarray
    times_ns: np.ndarray
    instants: np.ndarray | None


def read_video_times(path: Path, video: Path) -> VideoTimes:
    """The times of one video.

    timestamps.csv has the columns cam_id and frame_time (seconds), and may have frame_index and sync_index, as
    Caliscope writes it. A camera is known by the name of its video: "0" and "cam_0" both belong to cam_0.mp4. Without
    the file, videos are taken to have begun together.

    Raises:
        InputError: a time is no number, or the file has no row of this camera; names file and row.
    """
    if not path.exists():
        seconds = video_seconds(video)
        return VideoTimes(np.arange(len(seconds)), np.rint(seconds * 1e9).astype(np.int64), None)
    rows: list[tuple[float, int | None, int | None]] = []
    line = 1
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            for entry in reader:
                line = reader.line_num
                if video.stem not in (entry["cam_id"], f"cam_{entry['cam_id']}", f"port_{entry['cam_id']}"):
                    continue
                second = float(entry["frame_time"])
                if not math.isfinite(second):
                    raise ValueError(f"frame_time is {second}")
                rows.append((second, _whole(entry.get("frame_index")), _whole(entry.get("sync_index"))))
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise InputError(
            "timestamps.csv needs the columns cam_id and frame_time with numbers", where=f"{path}, row {line}",
            why=str(error), todo="correct or remove this row",
        ) from error  # fmt: skip
    if not rows:
        raise InputError(
            "timestamps.csv says nothing of this video", where=f"{path}: {video.name}",
            todo=f"name the video after its cam_id, or add its times ({video.stem})",
        )  # fmt: skip
    rows.sort(key=lambda row: row[0])
    times_ns = np.array([round(second * 1e9) for second, _, _ in rows], dtype=np.int64)
    return VideoTimes(_frames(rows, video), times_ns, _instants(rows))


def _whole(text: str | None) -> int | None:
    return int(float(text)) if text not in (None, "") else None


def _frames(rows: list[tuple[float, int | None, int | None]], video: Path) -> np.ndarray:
    """Positions in the video: the rows in their order, unless their numbers fit a video with more images than rows."""
    numbers = [row[1] for row in rows]
    in_order = np.arange(len(rows))
    if any(number is None for number in numbers) or len(video_seconds(video)) <= len(rows):
        return in_order
    given = np.array(numbers, dtype=np.int64)
    return given if (np.diff(given) > 0).all() else in_order


def _instants(rows: list[tuple[float, int | None, int | None]]) -> np.ndarray | None:
    numbers = [row[2] for row in rows]
    if any(number is None for number in numbers) or len(set(numbers)) < len(numbers):
        return None
    return np.array(numbers, dtype=np.int64)
