import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ortwin.reconstruction.state import OrientedBox, Zone
from ortwin.scenegraph.floor_geometry import (
    footprint_polygon_m,
    footprint_share,
    polygon_depth_m,
    rectangle_overlap_m2,
    zone_depth_m,
)

SMALL = st.floats(-2, 2)
SIZE = st.floats(0.05, 2)
L_SHAPE = np.array([[0, 0], [2, 0], [2, 1], [1, 1], [1, 2], [0, 2.0]])


def yaw(angle_rad: float) -> np.ndarray:
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])


def clipped_area(low: np.ndarray, high: np.ndarray, polygon: np.ndarray) -> float:
    """The textbook way (Sutherland and Hodgman 1974), one half-plane after the other."""
    corners = [tuple(corner) for corner in polygon]
    for axis, line, sign in ((0, low[0], 1), (0, high[0], -1), (1, low[1], 1), (1, high[1], -1)):
        kept = []
        for before, after in zip([corners[-1], *corners[:-1]] if corners else [], corners, strict=True):
            d0, d1 = sign * (before[axis] - line), sign * (after[axis] - line)
            if (d0 >= 0) != (d1 >= 0):
                share = d0 / (d0 - d1)
                kept.append(tuple(np.array(before) + share * (np.array(after) - np.array(before))))
            if d1 >= 0:
                kept.append(after)
        corners = kept
    if len(corners) < 3:
        return 0.0
    x, y = np.array(corners).T
    return abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


@given(x=SMALL, y=SMALL, dx=SIZE, dy=SIZE, px=SMALL, py=SMALL, wx=SIZE, wy=SIZE, angle=st.floats(-4, 4))
def test_overlap_equals_the_textbook_clip(x, y, dx, dy, px, py, wx, wy, angle):
    box = OrientedBox(np.array([px, py, 0.5]), yaw(angle), np.array([wx, wy, 1.0]))
    polygon = footprint_polygon_m(box)
    low, high = np.array([x - dx / 2, y - dy / 2]), np.array([x + dx / 2, y + dy / 2])
    assert rectangle_overlap_m2(low, high, polygon) == pytest.approx(clipped_area(low, high, polygon), abs=1e-9)


def test_overlap_runs_over_any_leading_axes():
    low = np.random.default_rng(1).uniform(-1, 1, (4, 5, 2))
    area = rectangle_overlap_m2(low, low + 0.7, np.array([[-1, -1], [1, -1], [1, 1], [-1, 1.0]]))
    assert area.shape == (4, 5)
    one = rectangle_overlap_m2(low[2, 3], low[2, 3] + 0.7, np.array([[-1, -1], [1, -1], [1, 1], [-1, 1.0]]))
    assert area[2, 3] == one


def test_a_footprint_within_the_object_counts_whole_and_one_beside_it_not():
    box = OrientedBox(np.zeros(3), yaw(0.3), np.array([2.0, 1.0, 0.9]))
    extent = np.array([0.2, 0.2, 1.0])
    assert footprint_share(np.zeros(3), extent, footprint_polygon_m(box)) == pytest.approx(1.0)
    assert footprint_share(np.array([3.0, 0, 0]), extent, footprint_polygon_m(box)) == 0.0


def test_the_footprint_of_a_lying_box_is_its_outline():
    tilt = np.array([[0, 0, 1.0], [0, 1, 0], [-1, 0, 0]])
    polygon = footprint_polygon_m(OrientedBox(np.zeros(3), tilt, np.array([1.0, 2.0, 3.0])))
    assert np.ptp(polygon, axis=0) == pytest.approx([3.0, 2.0])


@pytest.mark.parametrize(
    ("point", "depth"),
    [((0.5, 0.5), 0.5), ((1.5, 1.5), -0.5), ((-0.3, 1.0), -0.3), ((2.3, 2.4), -np.hypot(1.3, 0.4)), ((1.0, 0.0), 0.0)],
)
def test_depth_in_a_polygon_with_a_bay(point, depth):
    assert polygon_depth_m(np.array(point), L_SHAPE) == pytest.approx(depth, abs=1e-12)


@given(points=st.lists(st.tuples(SMALL, SMALL), min_size=1, max_size=20), turn=st.booleans())
def test_depth_does_not_depend_on_the_sense_of_the_outline(points, turn):
    points = np.array(points)
    outline = L_SHAPE[::-1] if turn else np.roll(L_SHAPE, 2, axis=0)
    assert polygon_depth_m(points, outline) == pytest.approx(polygon_depth_m(points, L_SHAPE), abs=1e-12)


def test_a_zone_ends_at_its_height():
    zone = Zone("sterile_zone", np.array([[-1, -1], [1, -1], [1, 1], [-1, 1.0]]), 2.0)
    points = np.array([[0, 0, 0.9], [0, 0, 1.8], [0, 0, 2.3], [1.2, 0, 0.9]])
    assert zone_depth_m(points, zone) == pytest.approx([1.0, 0.2, -0.3, -0.2])
