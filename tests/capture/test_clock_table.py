"""Clocks go through a table and back: jumps are kept, and every frame gets the same time."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from ortwin.capture.clock import ClockModel, ClockPiece
from ortwin.capture.clock_table import CLOCK_COLUMNS, clock_rows, clocks_of_rows
from ortwin.capture.errors import InputError
from ortwin.evaluation.plain_export import read_exported_clocks

LINE = ClockModel(-5_000_000_000, 12.5, 3_000)
#: A clock that was set forward by half a second, and then started anew; the middle piece is the longest.
BROKEN = ClockModel(
    1_500_000_000, -31.25, 900_000_000,
    pieces=(
        ClockPiece(0, 0, 2_000_000_000, -30.0, 0),
        ClockPiece(10, 1_500_000_000, 1_500_000_000, -31.25, 900_000_000),
        ClockPiece(50, 0, 7_000_000_000, 4.0, 0),
    ),
)  # fmt: skip


def text_of(clocks):
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(CLOCK_COLUMNS)
    writer.writerows(clock_rows(clocks))
    return text.getvalue()


def through_text(clocks):
    return list(csv.DictReader(io.StringIO(text_of(clocks))))


def test_clocks_come_back_whole():
    rows = through_text({"cam_1": LINE, "cam_2": BROKEN})
    assert [row["camera_id"] for row in rows] == ["cam_1", "cam_2", "cam_2", "cam_2"]
    found = clocks_of_rows(rows, "clocks.csv")
    assert found == {"cam_1": LINE, "cam_2": BROKEN}
    device_ns = np.concatenate([np.arange(10) * 10**8, 1_500_000_000 + np.arange(40) * 10**8, np.arange(9) * 10**8])
    np.testing.assert_array_equal(found["cam_2"].frames_ns(device_ns), BROKEN.frames_ns(device_ns))


def test_the_yardstick_reads_the_jumps_of_an_exported_file(tmp_path):
    (tmp_path / "clocks.csv").write_text(text_of({"cam_1": LINE, "cam_2": BROKEN}))
    assert read_exported_clocks(tmp_path) == {"cam_1": LINE, "cam_2": BROKEN}


def test_who_keeps_one_line_a_camera_keeps_the_longest():
    kept = {row["camera_id"]: row for row in through_text({"cam_2": BROKEN})}
    assert int(kept["cam_2"]["offset_ns"]) == BROKEN.offset_ns
    assert float(kept["cam_2"]["drift_ppm"]) == BROKEN.drift_ppm


def test_lines_may_stand_in_any_order_and_short_tables_are_read():
    rows = through_text({"cam_2": BROKEN})
    assert clocks_of_rows(rows[::-1], "clocks.csv")["cam_2"].pieces == BROKEN.pieces
    assert clocks_of_rows([{"camera_id": "a", "offset_ns": "7", "drift_ppm": "0.5"}], "x") == {"a": ClockModel(7, 0.5)}


@pytest.mark.parametrize(
    "rows",
    [
        [{"camera_id": "cam_9", "offset_ns": "1", "drift_ppm": "0"}] * 2,
        [{"camera_id": "cam_9", "offset_ns": "soon", "drift_ppm": "0"}],
        [{"camera_id": "cam_9", "offset_ns": "1"}],
    ],
)
def test_a_table_that_says_too_little_is_refused_by_camera(rows):
    with pytest.raises(InputError, match="cam_9"):
        clocks_of_rows(rows, "clocks.csv")
