"""Synchronization: every frame in at most one instant, none moved, absences told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ortwin.capture.errors import InputError
from ortwin.capture.sync import SyncTable, synchronize

STEP_NS = 100_000_000


class Stamps:
    """Anything with cameras and timestamps."""

    def __init__(self, **times_ns: list[int]) -> None:
        self.cameras = times_ns

    def timestamps_ns(self, camera_id: str) -> np.ndarray:
        return np.array(self.cameras[camera_id], dtype=np.int64)


def test_equal_stamps_are_one_instant_and_a_dropped_frame_is_absent():
    table = synchronize(Stamps(a=[0, STEP_NS, 2 * STEP_NS], b=[0, 2 * STEP_NS]))
    assert table.times_ns.tolist() == [0, STEP_NS, 2 * STEP_NS]
    assert table.positions.tolist() == [[0, 0], [1, -1], [2, 1]]
    assert table.position(1, "b") is None
    assert table.interval_ns == STEP_NS


def test_skew_is_kept_and_no_camera_is_preferred():
    table = synchronize(Stamps(a=[0, STEP_NS], b=[20_000_000, STEP_NS + 20_000_000]))
    assert table.times_ns.tolist() == [10_000_000, STEP_NS + 10_000_000]
    assert table.skew_ns.tolist() == [[-10_000_000, 10_000_000]] * 2


def test_where_all_cameras_fell_silent_blank_instants_stand():
    table = synchronize(Stamps(a=[0, STEP_NS, 5 * STEP_NS, 6 * STEP_NS], b=[0, STEP_NS, 5 * STEP_NS]))
    assert table.times_ns.tolist() == [k * STEP_NS for k in range(7)]
    assert (table.positions[2:5] == -1).all()
    assert table.positions[5].tolist() == [2, 2]


def test_a_pause_of_years_is_not_filled():
    year_ns = 365 * 86400 * 1_000_000_000
    table = synchronize(Stamps(a=[0, STEP_NS, year_ns, year_ns + STEP_NS]))
    assert len(table.times_ns) == 4 + 300
    assert (np.diff(table.times_ns) > 0).all()


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=30, unique=True),
    st.lists(st.integers(0, 40), min_size=1, max_size=30, unique=True),
    st.integers(0, 45_000_000),
)
def test_every_frame_is_in_exactly_one_instant_and_time_increases(first, second, offset_ns):
    stamps = Stamps(a=[k * STEP_NS for k in first], b=[k * STEP_NS + offset_ns for k in second])
    table = synchronize(stamps)
    assert (np.diff(table.times_ns) > 0).all()
    for column, name in enumerate(table.camera_ids):
        used = table.positions[:, column]
        assert sorted(used[used >= 0].tolist()) == list(range(len(stamps.cameras[name])))
        times = stamps.timestamps_ns(name)[used[used >= 0]]
        assert np.array_equal(times, (table.times_ns + table.skew_ns[:, column])[used >= 0])


def test_of_double_stamps_the_first_is_kept():
    table = synchronize(Stamps(a=[0, 0, STEP_NS]))
    assert table.positions[:, 0].tolist() == [0, 2]


def test_nothing_to_synchronize_is_said():
    with pytest.raises(InputError, match="no frames"):
        synchronize(Stamps(a=[]))


class Screened(Stamps):
    """Cameras of which some frames have false stamps."""

    def __init__(self, false: dict[str, list[int]], **times_ns: list[int]) -> None:
        super().__init__(**times_ns)
        self._false = false

    def excluded(self, camera_id: str) -> np.ndarray:
        return np.isin(np.arange(len(self.cameras[camera_id])), self._false.get(camera_id, []))


def test_frames_with_false_stamps_are_in_no_instant_and_change_none():
    times = [0, STEP_NS, 2 * STEP_NS, 3 * STEP_NS]
    table = synchronize(Screened({"b": [1]}, a=times, b=[0, 90 * STEP_NS, 2 * STEP_NS, 3 * STEP_NS]))
    assert table.times_ns.tolist() == times
    assert table.positions[:, 1].tolist() == [0, -1, 2, 3]
    assert table.position(1, "a") == 1


def test_a_camera_without_a_true_stamp_is_absent_throughout():
    table = synchronize(Screened({"b": [0, 1]}, a=[0, STEP_NS], b=[0, STEP_NS]))
    assert table.positions[:, 1].tolist() == [-1, -1]
    with pytest.raises(InputError, match="no frames"):
        synchronize(Screened({"a": [0]}, a=[5]))


def test_the_table_tells_frames_and_skews_of_an_instant():
    table = synchronize(Stamps(a=[0, STEP_NS], b=[20_000_000]))
    assert table.frames_at(0) == {"a": (0, -10_000_000), "b": (0, 10_000_000)}
    assert table.frames_at(1) == {"a": (1, 0)}
    assert table.skew_of(0, "b") == 10_000_000
    assert table.skew_of(1, "a") == 0
    assert table.skew_of(1, "b") is None


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=20, unique=True), st.integers(-(10**8), 11 * 10**8))
def test_the_nearest_instant_is_nearest(times_ns, asked_ns):
    times_ns = np.sort(np.array(times_ns, dtype=np.int64))
    nothing = np.zeros((len(times_ns), 1), dtype=np.int64)
    table = SyncTable(times_ns, ("a",), nothing, nothing)
    assert abs(times_ns[table.instant_at(asked_ns)] - asked_ns) == np.abs(times_ns - asked_ns).min()


def test_a_table_cannot_be_changed():
    table = synchronize(Stamps(a=[0, STEP_NS]))
    for values in (table.times_ns, table.positions, table.skew_ns):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 1
