"""room.toml: what is written is read back, what is misspelt is refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ortwin.capture.errors import ConfigError, InputError
from ortwin.reconstruction.room_plan import (
    RoomPlan,
    apply_room_plan,
    format_room_plan,
    parse_room_plan,
    read_room_plan,
    relabel,
    unplaced_names,
)
from ortwin.reconstruction.state import Fixture, OrientedBox, Zone

TEXT = """
[[fixture]]
label = "operating_table"
id = "fixture_2"

[[fixture]]
label = "c_arm"
seed_m = [1.0, 2, 0.5]

[[fixture]]
label = "secondary_table"
box = { center_m = [5.0, 0.0, 0.4], extent_m = [1.2, 0.5, 0.8], yaw_rad = 0.3 }

[[zone]]
label = "sterile_zone"
polygon_m = [[0.0, 0.0], [2.0, 0.0], [2.0, 1.5]]
"""


def box(x_m: float, y_m: float, height_m: float = 1.0) -> OrientedBox:
    return OrientedBox(np.array([x_m, y_m, height_m / 2]), np.eye(3), np.array([1.0, 0.6, height_m]))


FOUND = (
    Fixture("fixture_1", "operating_table", box(-2.0, 0.0)),
    Fixture("fixture_2", "fixture", box(0.0, 0.0)),
    Fixture("fixture_3", "instrument_table", box(1.2, 2.1)),
)
ROOM = Zone("room", np.array([[-3.0, -3.0], [3.0, -3.0], [3.0, 3.0]]))


def test_a_plan_is_read_and_written(tmp_path: Path) -> None:
    path = tmp_path / "room.toml"
    path.write_text(TEXT)
    plan = read_room_plan(path)
    assert [entry.label for entry in plan.fixtures] == ["operating_table", "c_arm", "secondary_table"]
    assert plan.zones[0].height_m == 3.0
    again = parse_room_plan(format_room_plan(plan))
    assert format_room_plan(again) == format_room_plan(plan)
    assert again.fixtures[2].box is not None and plan.fixtures[2].box is not None
    assert np.allclose(again.fixtures[2].box.corners_m(), plan.fixtures[2].box.corners_m())
    assert np.array_equal(again.zones[0].polygon_m, plan.zones[0].polygon_m)
    assert format_room_plan(RoomPlan()) == ""


def test_the_plan_is_applied() -> None:
    fixtures, zones = apply_room_plan(parse_room_plan(TEXT), FOUND, [ROOM])
    by_id = {fixture.fixture_id: fixture for fixture in fixtures}
    assert by_id["fixture_2"].label == "operating_table" and not by_id["fixture_2"].guessed
    assert by_id["fixture_1"].label == "fixture" and by_id["fixture_1"].guessed  # its guess was given away
    assert by_id["fixture_3"].label == "c_arm"
    assert by_id["fixture_4"].label == "secondary_table"  # a box where nothing was found
    assert [zone.label for zone in zones] == ["room", "sterile_zone"]


def test_a_box_replaces_what_stands_in_it() -> None:
    text = '[[fixture]]\nlabel = "bench"\nbox = { center_m = [-1.0, 0.0, 0.5], extent_m = [4.0, 1.0, 1.0] }'
    fixtures, _ = apply_room_plan(parse_room_plan(text), FOUND, [])
    assert [(fixture.fixture_id, fixture.label) for fixture in fixtures] == [
        ("fixture_1", "bench"),
        ("fixture_3", "instrument_table"),
    ]
    assert fixtures[0].box.extent_m.tolist() == [4.0, 1.0, 1.0]


def test_a_zone_of_the_plan_replaces_its_namesake() -> None:
    text = '[[zone]]\nlabel = "room"\npolygon_m = [[0, 0], [1, 0], [1, 1]]\nheight_m = 2.5'
    _, zones = apply_room_plan(parse_room_plan(text), [], [ROOM])
    assert len(zones) == 1 and zones[0].height_m == 2.5


def test_relabelling_replaces_an_earlier_name() -> None:
    plan = relabel(relabel(RoomPlan(), "fixture_2", "c_arm"), "fixture_2", "operating_table")
    fixtures, _ = apply_room_plan(parse_room_plan(format_room_plan(plan)), FOUND, [])
    assert fixtures[1].label == "operating_table"
    with pytest.raises(ConfigError, match="not a name"):
        relabel(plan, "fixture_2", 'x"\n[[zone]]')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[fixtur]]\nlabel = 'a'", "did you mean 'fixture'"),
        ("[[fixture]]\nlable = 'a'\nid = 'fixture_1'", "did you mean 'label'"),
        ("[[fixture]]\nlabel = 'Operating Table'\nid = 'fixture_1'", "not a name"),
        ("[[fixture]]\nid = 'fixture_1'", "None is not a name"),
        ("[[fixture]]\nlabel = 'a'", "exactly one"),
        ("[[fixture]]\nlabel = 'a'\nid = 'f_1'\nseed_m = [0, 0, 0]", "exactly one"),
        ("[[fixture]]\nlabel = 'a'\nseed_m = [0, 0]", "seed_m needs 3"),
        ("[[fixture]]\nlabel = 'a'\nseed_m = [0, 0, nan]", "finite"),
        ("[[fixture]]\nlabel = 'a'\nseed_m = 'here'", "seed_m needs 3"),
        ("[[fixture]]\nlabel = 'a'\nbox = 3", "a box is a table"),
        ("[[fixture]]\nlabel = 'a'\nbox = { center_m = [0, 0, 0], extent_m = [1, 0, 1] }", "positive"),
        ("[[fixture]]\nlabel = 'a'\nbox = { center = [0, 0, 0] }", "did you mean 'center_m'"),
        ("[[zone]]\nlabel = 'a'\npolygon_m = [[0, 0], [1, 1]]", "three corners"),
        ("[[zone]]\nlabel = 'a'\npolygon_m = [[0, 0], [1, 1], [2]]", "polygon_m needs n x 2"),
        ("[[zone]]\nlabel = 'a'\npolygon_m = [[0, 0], [1, 1], [0, 1]]\nheight_m = -1", "positive"),
        ("[zone]\nlabel = 'a'", r"\[\[zone\]\]"),
        ("[[zone", "not TOML"),
    ],
)
def test_mistakes_are_named(text: str, message: str) -> None:
    with pytest.raises((ConfigError, InputError), match=message):
        parse_room_plan(text)


def test_what_the_plan_names_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'fixture_3'"):
        apply_room_plan(parse_room_plan("[[fixture]]\nlabel = 'a'\nid = 'fixture_33'"), FOUND, [])
    with pytest.raises(ConfigError, match="no fixtures"):
        apply_room_plan(parse_room_plan("[[fixture]]\nlabel = 'a'\nid = 'fixture_0'"), [], [])
    with pytest.raises(InputError, match="cannot be read"):
        read_room_plan(tmp_path / "absent.toml")


def test_a_seed_point_far_from_everything_names_nothing_and_is_told():
    plan = parse_room_plan("[[fixture]]\nlabel = 'a'\nseed_m = [9, 9, 0]")
    assert apply_room_plan(plan, FOUND, [])[0] == tuple(FOUND)
    assert unplaced_names(plan, FOUND) == ("a",)
