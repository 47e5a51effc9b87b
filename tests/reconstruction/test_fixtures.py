"""Floor, walls and furniture, on samples of surfaces that are known exactly."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.reconstruction.fixtures import FixtureConfig, find_fixtures, guess_labels, table_top_m, upright_box
from ortwin.reconstruction.planes import find_walls, floor_height_m
from ortwin.reconstruction.state import OrientedBox

STEP_M = 0.03
Samples = tuple[np.ndarray, np.ndarray, np.ndarray]


def patch(corner: tuple, along: tuple, up: tuple) -> Samples:
    """Points, normals and areas of a parallelogram; its normal is along x up."""
    a, b = np.array(along, float), np.array(up, float)
    m, n = max(2, round(np.linalg.norm(a) / STEP_M)), max(2, round(np.linalg.norm(b) / STEP_M))
    s, t = np.meshgrid((np.arange(m) + 0.5) / m, (np.arange(n) + 0.5) / n)
    points = np.array(corner, float) + s.reshape(-1, 1) * a + t.reshape(-1, 1) * b
    normal = np.cross(a, b)
    area = np.linalg.norm(normal)
    return points, np.broadcast_to(normal / area, points.shape), np.full(len(points), area / len(points))


def box_surface(box: OrientedBox, *, top_only: bool = False) -> Samples:
    x, y, z = (box.rotation * box.extent_m).T
    low = box.center_m - (x + y + z) / 2
    sides = [patch(low + z, x, y)]
    if not top_only:
        sides += [patch(low, x, z), patch(low + x, y, z), patch(low + x + y, -x, z), patch(low + y, -y, z)]
    return join(*sides)


def join(*parts: Samples) -> Samples:
    points, normals, areas = (np.concatenate([part[i] for part in parts]) for i in range(3))
    return points.astype(np.float32), normals.astype(np.float32), areas


def yawed(x: float, y: float, extent: tuple, yaw_rad: float = 0.0, bottom_m: float = 0.0) -> OrientedBox:
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    rotation = np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
    return OrientedBox(np.array([x, y, bottom_m + extent[2] / 2]), rotation, np.array(extent))


def shell(floor_m: float = 0.0) -> Samples:
    """A floor of 6 x 5 m with walls to the north and the west."""
    return join(
        patch((-3, -2.5, floor_m), (6, 0, 0), (0, 5, 0)),
        patch((-3, 2.5, floor_m), (6, 0, 0), (0, 0, 2.6)),
        patch((-3, -2.5, floor_m), (0, 5, 0), (0, 0, 2.6)),
    )


def fixtures_of(samples: Samples) -> tuple:
    floor_m = floor_height_m(*samples)
    return find_fixtures(*samples, floor_m, find_walls(*samples))


def test_the_floor_and_the_walls_are_found() -> None:
    samples = shell(floor_m=0.04)
    rough = samples[0] + np.random.default_rng(0).normal(0, 0.01, samples[0].shape).astype(np.float32)
    samples = (rough, *samples[1:])
    assert floor_height_m(*samples) == pytest.approx(0.04, abs=0.002)
    walls = find_walls(*samples)
    assert len(walls) == 2
    north, west = sorted(walls, key=lambda wall: wall.normal[0])
    assert north.normal == pytest.approx([0, -1], abs=0.02)
    assert north.offset_m == pytest.approx(-2.5, abs=0.01)
    assert west.normal == pytest.approx([1, 0], abs=0.02)
    assert west.along_m == pytest.approx((-2.5, 2.5), abs=0.15)
    assert north.thickness_m < 0.08


def test_two_walls_in_one_line_are_two() -> None:
    samples = join(patch((-3, 2, 0), (0, 0, 2.6), (1.5, 0, 0)), patch((1, 2, 0), (0, 0, 2.6), (2, 0, 0)))
    assert len(find_walls(*samples)) == 2


@pytest.mark.parametrize("yaw_rad", [0.0, 0.4, -1.2])
def test_a_table_is_found_where_it_stands(yaw_rad: float) -> None:
    truth = yawed(0.5, -0.3, (2.0, 0.6, 0.9), yaw_rad)
    (fixture,) = fixtures_of(join(shell(), box_surface(truth)))
    assert (fixture.fixture_id, fixture.label, fixture.guessed) == ("fixture_1", "operating_table", True)
    assert np.abs(fixture.box.center_m - truth.center_m).max() < STEP_M
    assert np.abs(fixture.box.extent_m - truth.extent_m).max() < 2 * STEP_M
    assert fixture.box.distance_m(truth.corners_m()).max() < 2 * STEP_M


def test_a_top_seen_from_above_reaches_down_to_the_floor() -> None:
    truth = yawed(0.0, 0.0, (1.2, 0.6, 0.9))
    (fixture,) = fixtures_of(join(shell(), box_surface(truth, top_only=True)))
    assert fixture.box.extent_m[2] == pytest.approx(0.9, abs=0.01)
    assert fixture.box.center_m[2] == pytest.approx(0.45, abs=0.01)
    assert fixture.label == "instrument_table"


def test_clutter_does_not_raise_a_table_but_a_bulky_thing_does() -> None:
    table, clutter = yawed(0.0, 0.0, (1.2, 0.6, 0.9)), yawed(0.2, 0.0, (0.2, 0.2, 0.15), bottom_m=0.9)
    (fixture,) = fixtures_of(join(shell(), box_surface(table), box_surface(clutter)))
    assert fixture.box.extent_m[2] == pytest.approx(0.9, abs=0.02)
    bulky = yawed(0.1, 0.0, (0.8, 0.5, 0.7), bottom_m=0.9)
    (fixture,) = fixtures_of(join(shell(), box_surface(table), box_surface(bulky)))
    assert fixture.box.extent_m[2] == pytest.approx(1.6, abs=0.03)
    assert fixture.label == "fixture"


def test_a_table_against_the_wall_keeps_its_depth() -> None:
    truth = yawed(0.0, 2.5 - 0.26, (1.2, 0.5, 0.78))
    (fixture,) = fixtures_of(join(shell(), box_surface(truth, top_only=True)))
    assert np.abs(fixture.box.extent_m - truth.extent_m).max() < 2 * STEP_M
    assert fixture.label == "secondary_table"


def test_what_hangs_is_thin_or_belongs_to_the_building_is_no_furniture() -> None:
    lamp = yawed(0.0, 0.0, (0.6, 0.6, 0.2), bottom_m=1.6)
    poster = patch((0.5, 2.40, 1.0), (0, 0, 0.8), (0.8, 0, 0))
    column = yawed(2.0, -1.0, (0.4, 0.4, 2.6))
    crumb = yawed(-1.0, 0.0, (0.1, 0.1, 0.4))
    samples = join(shell(), box_surface(lamp), poster, box_surface(column), box_surface(crumb))
    assert fixtures_of(samples) == ()


def test_numbers_go_from_large_to_small_and_do_not_depend_on_order() -> None:
    boxes = [yawed(-1.5, 0, (0.6, 0.5, 0.6)), yawed(1.5, -1, (1.9, 0.7, 0.8)), yawed(0, 1.5, (1.0, 0.5, 0.9))]
    samples = join(shell(), *(box_surface(box) for box in boxes))
    shuffled = np.random.default_rng(1).permutation(len(samples[2]))
    found = fixtures_of(samples)
    again = fixtures_of((samples[0][shuffled], samples[1][shuffled], samples[2][shuffled]))
    assert [fixture.box.center_m[0] for fixture in found] == pytest.approx([1.5, 0.0, -1.5], abs=STEP_M)
    for one, other in zip(found, again, strict=True):
        assert (one.fixture_id, one.label) == (other.fixture_id, other.label)
        assert one.box.corners_m() == pytest.approx(other.box.corners_m(), abs=1e-6)


def test_guesses() -> None:
    table, second = yawed(0, 0, (2.0, 0.6, 0.9)), yawed(3, 0, (2.0, 0.6, 0.9))
    tower, far = yawed(1.6, 0.4, (0.6, 0.5, 1.4)), yawed(9.0, 0.0, (0.6, 0.5, 1.4))
    labels = guess_labels([table, second, tower, far], [True, True, False, False])
    assert labels == ["operating_table", "fixture", "anesthesia_equipment", "fixture"]
    assert guess_labels([], []) == []


def test_the_smallest_upright_box() -> None:
    truth = yawed(1.0, -2.0, (1.5, 0.4, 0.7), 0.5)
    points, normals, areas = box_surface(truth)
    box = upright_box(points.astype(np.float64), areas, 0.0, 0.0)
    assert np.prod(box.extent_m[:2]) == pytest.approx(1.5 * 0.4, rel=0.1)
    assert box.extent_m[0] > box.extent_m[1]
    assert table_top_m(points, normals, areas, 0.0, FixtureConfig()) == pytest.approx(0.7, abs=1e-6)
