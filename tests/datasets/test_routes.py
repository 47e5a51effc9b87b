"""Ways through a room: they keep clear of solids and of people who stand, and there is none where there is none."""

import itertools

import numpy as np
import pytest
from ortwin.datasets.simulated_or.routes import BODY_RADIUS_M, Floor, outline
from ortwin.reconstruction.state import Fixture, OrientedBox

NOBODY = np.zeros((0, 2))


def block(name: str, x: float, y: float, length: float, width: float, yaw: float = 0.0, bottom: float = 0.0) -> Fixture:
    rotation = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1.0]])
    return Fixture(name, name, OrientedBox(np.array([x, y, bottom + 0.5]), rotation, np.array([length, width, 1.0])))


def walls(gap_m: float) -> list[Fixture]:
    """A wall across the room along y = 0 with a gap about x = 1."""
    low, high = 1 - gap_m / 2, 1 + gap_m / 2
    return [
        block("west", (low - 4) / 2, 0.0, low + 4, 0.2), block("east", (high + 4) / 2, 0.0, 4 - high, 0.2),
        block("around_west", -4.0, 0.0, 0.2, 8.0), block("around_east", 4.0, 0.0, 0.2, 8.0),
        block("around_south", 0.0, -4.0, 8.0, 0.2), block("around_north", 0.0, 4.0, 8.0, 0.2),
    ]  # fmt: skip


def along(path_m: np.ndarray) -> np.ndarray:
    """(n, 2) points every centimetre or so of a path."""
    return np.concatenate([a + (b - a) * np.linspace(0, 1, 200)[:, None] for a, b in itertools.pairwise(path_m)])


def test_clearance_is_the_distance_to_the_outline():
    floor = Floor([block("table", 0.5, 0.2, 2.0, 0.6, yaw=0.7)], np.zeros((1, 2)))
    box = block("table", 0.5, 0.2, 2.0, 0.6, yaw=0.7).box
    places_m = np.random.default_rng(3).uniform(-3, 3, (200, 2))
    level = np.column_stack([places_m, np.full(200, 0.5)])
    assert floor.clearance_m(places_m) == pytest.approx(box.distance_m(level), abs=1e-9)


def test_the_outline_of_a_tilted_box_holds_all_of_it():
    rotation = np.array([[np.cos(0.3), 0, np.sin(0.3)], [0, 1, 0], [-np.sin(0.3), 0, np.cos(0.3)]])
    box = OrientedBox(np.array([1.0, 2.0, 0.5]), rotation, np.array([2.0, 0.5, 0.4]))
    corners_m, axes, half_m = outline(Fixture("table", "table", box))
    local_m = (box.corners_m()[:, :2] - corners_m.mean(axis=0)) @ axes.T
    assert (np.abs(local_m) <= half_m + 1e-9).all()


def test_what_hangs_above_heads_is_in_nobodys_way():
    lamp, table = block("lamp", 0.0, 0.0, 1.0, 1.0, bottom=2.0), block("table", 3.0, 0.0, 1.0, 1.0)
    floor = Floor([lamp, table], np.array([[-2.0, 0.0]]))
    assert floor.clearance_m(np.zeros((1, 2)))[0] == pytest.approx(2.5)


@pytest.mark.parametrize("begin", [(-2.0, -2.0), (3.0, -1.0), (0.0, -3.0)])
def test_a_way_through_a_gap_touches_nothing(begin):
    floor = Floor(walls(1.0), np.zeros((1, 2)))
    path_m = floor.route(np.array(begin), np.array([-2.0, 2.0]), NOBODY)
    assert path_m is not None
    assert path_m[0] == pytest.approx(begin)
    assert path_m[-1] == pytest.approx([-2.0, 2.0])
    assert floor.clearance_m(along(path_m)).min() >= BODY_RADIUS_M


def test_nobody_fits_through_a_narrow_gap():
    assert Floor(walls(0.4), np.zeros((1, 2))).route(np.array([-2.0, -2.0]), np.array([-2.0, 2.0]), NOBODY) is None


def test_a_way_leads_around_who_stands_in_it():
    floor = Floor(walls(1.0), np.zeros((1, 2)))
    others_m = np.array([[0.0, 2.0], [1.0, 2.2]])
    path_m = floor.route(np.array([-2.0, 2.0]), np.array([3.0, 2.0]), others_m)
    assert path_m is not None
    for other_m in others_m:
        assert np.linalg.norm(along(path_m) - other_m, axis=1).min() >= 2 * BODY_RADIUS_M
    assert floor.route(np.array([-2.0, -2.0]), np.array([-2.0, 2.0]), np.array([[1.0, 0.0]])) is None


def test_what_cannot_be_walked_to_is_not_around():
    floor = Floor(walls(0.4), np.zeros((1, 2)))
    around = floor.around(np.array([0.0, 2.0]))
    assert around.any()
    assert floor.cells_m[around][:, 1].min() > 0
