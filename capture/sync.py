"""Synchronization: which frame of each camera belongs to which instant, and with what skew."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from .arrays import Times, read_only
from .errors import InputError

LONGEST_RECORDING_S = 14 * 86400.0
ABSENT = -1
LOST_STEPS = 1.5
LONGEST_BLANK_S = 30.0


class _Timed(Protocol):
    @property
    def cameras(self) -> Mapping[str, object]: ...
    def timestamps_ns(self, camera_id: str) -> Times: ...


@runtime_checkable
class _Screened(Protocol):
    def excluded(self, camera_id: str) -> np.ndarray: ...


@dataclass(frozen=True, slots=True, eq=False)
class SyncTable:
    """A frozen answer to "which frames are one instant?"; nothing is resampled.

    Args:
        times_ns: (t,) int64 instants, rig clock, strictly increasing.
        camera_ids: the cameras, in the order of the columns below.
        positions: (t, c) int64 frame position of each camera, -1 = the camera gave nothing.
        skew_ns: (t, c) int64 exposure minus instant, 0 where absent.
    """

    times_ns: Times
    camera_ids: tuple[str, ...]
    positions: np.ndarray
    skew_ns: np.ndarray

    def __post_init__(self) -> None:
        for name in ("times_ns", "positions", "skew_ns"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    @property
    def interval_ns(self) -> int:
        """The median time between instants; 1 s where there is only one instant."""
        return int(np.median(np.diff(self.times_ns))) if len(self.times_ns) > 1 else 1_000_000_000

    def position(self, instant: int, camera_id: str) -> int | None:
        """The frame position of a camera at an instant, or None where it gave nothing."""
        position = int(self.positions[instant, self.camera_ids.index(camera_id)])
        return None if position == ABSENT else position

    def instant_at(self, time_ns: int) -> int:
        """The instant nearest to a rig time."""
        after = int(np.searchsorted(self.times_ns, time_ns))
        near = range(max(after - 1, 0), min(after + 1, len(self.times_ns)))
        return min(near, key=lambda k: abs(int(self.times_ns[k]) - time_ns))

    def frames_at(self, instant: int) -> dict[str, tuple[int, int]]:
        """Frame position and skew (exposure minus instant, ns) of every camera that gave something at an instant."""
        row = zip(
            self.camera_ids, self.positions[instant].tolist(), self.skew_ns[instant].tolist(), strict=True
        )  # fmt: skip
        return {name: (position, skew_ns) for name, position, skew_ns in row if position != ABSENT}

    def skew_of(self, instant: int, camera_id: str) -> int | None:
        """Exposure minus instant of a camera, ns; None where it gave nothing."""
        return self.frames_at(instant).get(camera_id, (ABSENT, None))[1]


def synchronize(recording: _Timed, tolerance: float = 0.8) -> SyncTable:
    """Group the frames of all cameras into instants.

    Frames are taken in the order of time; a frame joins the open instant while that has none of its camera yet and it
    lies within `tolerance` frame intervals of the instant's first frame. The instant is the mean of its exposures, so
    that no camera is preferred. Of frames with equal stamps of one camera the first is kept, and frames that the clock
    of the camera excludes are in no instant.

    Where all cameras fell silent, blank instants stand in their place, a frame interval apart and for at most
    LONGEST_BLANK_S: what nobody recorded did happen, and later stages must know that nobody saw it.

    Args:
        recording: anything with cameras and timestamps.
        tolerance: share of the median frame interval that one instant may span; cameras that run freely expose at any
            phase, and at 0.8 the frames of up to five of them still meet.

    Raises:
        InputError: the recording has no frames.
    """
    camera_ids = tuple(recording.cameras)
    times = {name: np.asarray(recording.timestamps_ns(name)) for name in camera_ids}
    kept = {name: np.flatnonzero(~_excluded(recording, name, len(values))) for name, values in times.items()}
    steps = [np.diff(np.unique(values)) for values in times.values() if len(values) > 1]
    interval_ns = float(np.median(np.concatenate(steps))) if steps else 1e9
    stamped = [
        (value, column, position)
        for column, name in enumerate(camera_ids)
        for position, value in zip(kept[name].tolist(), times[name][kept[name]].tolist(), strict=True)
    ]
    if not stamped:
        raise InputError("the recording has no frames, so there is nothing to synchronize")
    groups: list[dict[int, tuple[int, int]]] = []  # by column: time and position
    first_ns = 0
    for time_ns, column, position in sorted(stamped):
        if groups and column in groups[-1] and groups[-1][column][0] == time_ns:
            continue
        if not groups or column in groups[-1] or time_ns - first_ns > tolerance * interval_ns:
            groups.append({})
            first_ns = time_ns
        groups[-1][column] = (time_ns, position)
    positions = np.full((len(groups), len(camera_ids)), ABSENT, dtype=np.int64)
    skew_ns = np.zeros_like(positions)
    instants = np.empty(len(groups), dtype=np.int64)
    for row, group in enumerate(groups):
        base_ns = next(iter(group.values()))[0]
        instants[row] = base_ns + round(sum(time_ns - base_ns for time_ns, _ in group.values()) / len(group))
        for column, (time_ns, position) in group.items():
            positions[row, column], skew_ns[row, column] = position, time_ns - instants[row]
    return _with_blanks(SyncTable(instants, camera_ids, positions, skew_ns), interval_ns)


def _excluded(recording: _Timed, camera_id: str, count: int) -> np.ndarray:
    return recording.excluded(camera_id) if isinstance(recording, _Screened) else np.zeros(count, dtype=bool)


def _with_blanks(table: SyncTable, interval_ns: float) -> SyncTable:
    blanks: list[np.ndarray] = []
    for before in np.flatnonzero(np.diff(table.times_ns) > LOST_STEPS * interval_ns).tolist():
        pause_ns = int(table.times_ns[before + 1] - table.times_ns[before])
        count = min(round(pause_ns / interval_ns) - 1, int(LONGEST_BLANK_S * 1e9 / interval_ns))
        steps = np.rint(np.arange(1, count + 1) * min(interval_ns, pause_ns / (count + 1))).astype(np.int64)
        blanks.append(table.times_ns[before] + steps)
    if not blanks:
        return table
    times_ns = np.concatenate([table.times_ns, *blanks])
    order = np.argsort(times_ns, kind="stable")
    lost = ((0, len(times_ns) - len(table.times_ns)), (0, 0))
    positions = np.pad(table.positions, lost, constant_values=ABSENT)
    return SyncTable(times_ns[order], table.camera_ids, positions[order], np.pad(table.skew_ns, lost)[order])


def segment_spans(sync: SyncTable, segment_s: float, path: Path) -> list[tuple[int, int]]:
    """Half-open spans of equal length that cover all instants; the last ends one interval after the last instant.

    Raises:
        InputError: the instants span more than two weeks.
    """
    begin_ns, last_ns = int(sync.times_ns[0]), int(sync.times_ns[-1])
    end_ns = last_ns + sync.interval_ns
    if (end_ns - begin_ns) * 1e-9 > LONGEST_RECORDING_S:
        raise InputError(
            f"the time stamps span {(end_ns - begin_ns) * 1e-9 / 86400:.0f} days", where=str(path),
            why="a time stamp is damaged, or the cameras' clocks have different zeros",
            todo="look at `ortwin info`, correct the time stamps, and import again",
        )  # fmt: skip
    step_ns = max(round(segment_s * 1e9), sync.interval_ns)
    edges = [*range(begin_ns, last_ns + 1, step_ns), end_ns]
    return list(itertools.pairwise(edges))
