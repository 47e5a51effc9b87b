"""Gaps between surfaces, shares of footprints and spans of time, against formulas and slow second ways."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ortwin.capture.geometry import SE3
from ortwin.datasets.simulated_or import spans
from ortwin.datasets.simulated_or.footprints import footprint_m, footprint_share, nearest_on_m
from ortwin.datasets.simulated_or.meshes import capsule
from ortwin.datasets.simulated_or.surface_gap import (
    BOX_FACES,
    SurfaceTree,
    box_gap_m,
    box_surface,
    gap_m,
    gap_to_box_m,
)
from ortwin.reconstruction.state import OrientedBox
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

turns = st.lists(st.floats(-3, 3), min_size=3, max_size=3).map(np.array)


def a_box(rng: np.random.Generator, spread_m: float) -> OrientedBox:
    turn = Rotation.random(random_state=int(rng.integers(1 << 30))).as_matrix()
    return OrientedBox(rng.uniform(-spread_m, spread_m, 3), turn, rng.uniform(0.05, 0.8, 3))


def convex_gap_m(a: OrientedBox, b: OrientedBox) -> float:
    """The distance of two solid boxes as a convex program over both."""

    def points(x: np.ndarray) -> np.ndarray:
        return (a.rotation @ (x[:3] * a.extent_m) + a.center_m) - (b.rotation @ (x[3:] * b.extent_m) + b.center_m)

    found = minimize(lambda x: (points(x) ** 2).sum(), np.zeros(6), bounds=[(-0.5, 0.5)] * 6, tol=1e-14)
    return float(np.linalg.norm(points(found.x)))


@pytest.mark.parametrize("seed", range(40))
def test_the_gap_of_two_boxes_is_that_of_a_convex_program(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = a_box(rng, 0.7), a_box(rng, 0.7)
    expected_m = convex_gap_m(a, b)
    gap, _ = gap_to_box_m(box_surface(a), b, box_surface(b), 5.0)
    back, _ = gap_to_box_m(box_surface(b), a, box_surface(a), 5.0)
    # A box wholly inside the other one is at 0 from the solid, but not the other way round.
    assert min(gap, back) == pytest.approx(expected_m, abs=2e-4)
    if expected_m > 1e-3:
        assert gap == pytest.approx(back, abs=1e-9)


def test_the_gap_of_two_balls_and_its_first_guess() -> None:
    ball = capsule(1e-6, 0.3, 0)
    tree = SurfaceTree.of(ball.vertices_m, ball.faces)
    here = tree.posed(ball.vertices_m)
    guess = (-1, -1)
    for shift in np.linspace(0.62, 1.4, 9):
        there = tree.posed(ball.vertices_m + np.array([0.0, shift, 0.0]))
        cold, _ = gap_m(here, there, 5.0)
        gap, guess = gap_m(here, there, 5.0, guess)
        assert gap == cold
        # capsule() says that its surface agrees with the true one to about 0.6 % of the radius.
        assert gap == pytest.approx(shift - 0.6, abs=2 * 0.008 * 0.3)
        assert box_gap_m(here, there) <= gap + 1e-9
    assert gap_m(here, tree.posed(ball.vertices_m + 0.1), 5.0)[0] == 0.0
    assert gap_m(here, tree.posed(ball.vertices_m + 3.0), 1.5)[0] == 1.5


@given(turns, turns)
def test_the_gap_stays_under_rigid_motions(turn: np.ndarray, shift: np.ndarray) -> None:
    rng = np.random.default_rng(5)
    a, b = rng.normal(0, 0.3, (30, 3)), rng.normal(0, 0.3, (30, 3)) + np.array([1.6, 0, 0])
    faces = rng.permuted(np.tile(np.arange(30), (12, 1)), axis=1)[:, :3]
    tree = SurfaceTree.of(a, faces)
    moved = SE3.exp(np.concatenate([turn, shift]))
    before, _ = gap_m(tree.posed(a), tree.posed(b), 9.0)
    after, _ = gap_m(tree.posed(moved @ a), tree.posed(moved @ b), 9.0)
    assert after == pytest.approx(before, abs=1e-9)
    assert gap_m(tree.posed(b), tree.posed(a), 9.0)[0] == pytest.approx(before, abs=1e-9)


def test_what_lies_in_a_solid_box_has_no_gap_to_it_but_to_its_sides() -> None:
    room, pebble = (OrientedBox(np.zeros(3), np.eye(3), np.full(3, edge)) for edge in (1.0, 0.1))
    assert gap_to_box_m(box_surface(pebble), room, box_surface(room), 5.0)[0] == 0.0
    assert gap_m(box_surface(pebble), box_surface(room), 5.0)[0] == pytest.approx(0.45)


def test_the_sides_of_a_box_are_closed() -> None:
    edges = np.sort(np.concatenate([BOX_FACES[:, [0, 1]], BOX_FACES[:, [1, 2]], BOX_FACES[:, [2, 0]]]), axis=1)
    assert set(np.unique(edges, axis=0, return_counts=True)[1].tolist()) == {2}


@pytest.mark.parametrize("seed", range(5))
def test_the_share_of_a_footprint_is_that_of_many_points(seed: int) -> None:
    rng = np.random.default_rng(seed)
    box = a_box(rng, 0.2)
    polygon = footprint_m(box)
    low = rng.uniform(-0.5, 0.2, (6, 2))
    high = low + rng.uniform(0.1, 0.8, (6, 2))
    share = footprint_share(low, high, polygon)
    points = low[:, None] + rng.random((20_000, 2)) * (high - low)[:, None]
    edge = np.roll(polygon, -1, axis=0) - polygon
    offset = points[:, :, None] - polygon
    within = (edge[:, 0] * offset[..., 1] - edge[:, 1] * offset[..., 0] >= 0).all(axis=-1)
    # Four standard deviations of a share of 20 000 points.
    assert share == pytest.approx(within.mean(axis=1), abs=4 * 0.5 / np.sqrt(20_000))
    assert np.isnan(footprint_share(np.full((1, 2), np.nan), np.full((1, 2), np.nan), polygon)).all()


def test_the_nearest_spot_of_a_footprint() -> None:
    square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    spots = nearest_on_m(square, np.array([[-1.0, 0.5], [2.0, 3.0], [0.4, 0.5], [np.nan, np.nan]]))
    assert spots[:2].tolist() == [[0.0, 0.5], [1.0, 1.0]]
    assert np.isnan(spots[2:]).all()


masks = st.lists(st.booleans(), min_size=1, max_size=40)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_hysteresis_is_a_switch(pairs: list[tuple[bool, bool]]) -> None:
    enter = np.array([one for one, _ in pairs])
    stay = enter | np.array([other for _, other in pairs])
    state, expected = False, []
    for begins, goes_on in zip(enter.tolist(), stay.tolist(), strict=True):
        state = goes_on if state else begins
        expected.append(state)
    assert spans.hysteresis(enter, stay).tolist() == expected


@given(masks, st.integers(1, 6))
def test_settling_bridges_first_and_then_drops(mask: list[bool], least: int) -> None:
    """Written on strings: holes between ones shorter than the minimum are filled, then short runs of ones go."""
    text = "".join("1" if one else "0" for one in mask)
    groups = [(one, len(list(run))) for one, run in itertools.groupby(text)]
    bridged = "".join(
        ("1" if one == "0" and 0 < k < len(groups) - 1 and length < least else one) * length
        for k, (one, length) in enumerate(groups)
    )
    settled = "".join(
        ("0" if len(run) < least else one) * len(run)
        for one, run in ((one, list(group)) for one, group in itertools.groupby(bridged))
    )
    assert "".join("1" if one else "0" for one in spans.settle(np.array(mask), least)) == settled


@given(masks)
def test_runs_tile_their_mask(mask: list[bool]) -> None:
    again = np.zeros(len(mask), dtype=bool)
    for begin, end in spans.runs(np.array(mask)):
        assert begin < end
        assert not again[begin:end].any()
        again[begin:end] = True
    assert again.tolist() == mask


def test_an_act_covers_the_instants_from_its_begin_to_before_its_end() -> None:
    times_ns = np.arange(10) * 100_000_000
    assert spans.instants_of(0.2, 0.5, times_ns) == (2, 5)
    assert spans.instants_of(0.21, 0.49, times_ns) == (3, 5)
    assert spans.instants_of(-np.inf, np.inf, times_ns) == (0, 10)


def test_how_long_something_is_unseen() -> None:
    assert spans.unseen_for(np.array([False, True, False, False, True])).tolist() == [np.inf, 0, 1, 2, 0]
