import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ortwin.reconstruction.state import OrientedBox
from ortwin.scenegraph.gaps import Surfaces, box_skin_m, robust_ranks

ONE, TWO = np.array([0]), np.array([1])


def ball(seed: int, count: int, center=(0.0, 0.0, 0.0), radius_m: float = 0.3) -> np.ndarray:
    directions = np.random.default_rng(seed).normal(size=(count, 3))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True) * radius_m + np.array(center)


def gap_m(first: np.ndarray, second: np.ndarray, exact: bool = False) -> float:
    return float(Surfaces([first, second], exact).gaps_m(ONE, TWO)[0])


def gap_to_box_m(cloud: np.ndarray, box: OrientedBox) -> float:
    return float(Surfaces([cloud]).gaps_to_boxes_m(ONE, [box])[0])


def tilted_box(seed: int) -> OrientedBox:
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return OrientedBox(rng.normal(size=3) * 0.5, turn, rng.uniform(0.0, 1.0, 3))


@settings(deadline=None)
@given(
    seed=st.integers(0, 1000),
    counts=st.tuples(st.integers(1, 900), st.integers(1, 900)),
    offset=st.tuples(*[st.floats(-2, 2)] * 3),
    exact=st.booleans(),
)
def test_the_pruned_gap_is_the_exhaustive_one(seed, counts, offset, exact):
    first, second = ball(seed, counts[0]), ball(seed + 1, counts[1], offset)
    small, large = (first, second) if len(first) <= len(second) else (second, first)
    nearest = np.linalg.norm(small[:, None] - large[None], axis=-1).min(axis=1)
    rank = 1 if exact else int(robust_ranks(np.array([len(small)]))[0])
    assert gap_m(first, second, exact) == pytest.approx(np.sort(nearest)[rank - 1], abs=1e-12)


@settings(deadline=None)
@given(
    seed=st.integers(0, 1000),
    counts=st.tuples(st.integers(1, 900), st.integers(1, 900)),
    apart_m=st.sampled_from([0.0, 0.01, 0.4]),
    flat=st.booleans(),
)
def test_slabs_one_beside_or_within_the_other_are_measured_exhaustively_too(seed, counts, apart_m, flat):
    rng = np.random.default_rng(seed)
    size_m = np.array([0.5, 1.5, 0.0 if flat else 0.3])
    first, second = (np.round(rng.uniform(-0.5, 0.5, (count, 3)) * size_m, 2) for count in counts)
    second[:, seed % 3] += apart_m
    small, large = (first, second) if len(first) <= len(second) else (second, first)
    nearest = np.linalg.norm(small[:, None] - large[None], axis=-1).min(axis=1)
    rank = int(robust_ranks(np.array([len(small)]))[0])
    assert gap_m(first, second) == pytest.approx(np.sort(nearest)[rank - 1], abs=1e-12)


@settings(deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(1, 900), offset=st.tuples(*[st.floats(-1, 1)] * 3))
def test_what_a_box_is_asked_is_what_its_definition_says(seed, count, offset):
    cloud, box = ball(seed, count, offset), tilted_box(seed)
    rank = int(robust_ranks(np.array([count]))[0])
    assert gap_to_box_m(cloud, box) == pytest.approx(np.sort(box.distance_m(cloud))[rank - 1], abs=1e-12)
    share = Surfaces([cloud]).shares_inside(ONE, [box])[0]
    assert share == pytest.approx(box.contains(cloud).mean(), abs=1e-12)


def test_many_surfaces_are_measured_as_each_alone():
    clouds = [ball(seed, 50 * seed, (0.3 * seed, 0, 0)) for seed in range(1, 8)]
    first, second = np.triu_indices(len(clouds), 1)
    together = Surfaces([*clouds[:3], np.zeros((0, 3)), *clouds[3:]])
    beyond = [np.where(numbers < 3, numbers, numbers + 1) for numbers in (first, second)]
    alone = [gap_m(clouds[a], clouds[b]) for a, b in zip(first, second, strict=True)]
    assert together.gaps_m(*beyond).tolist() == alone


@settings(deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(1, 2000))
def test_a_point_is_as_far_as_the_nearest_one(seed, count):
    cloud, probes = ball(seed, count), np.random.default_rng(seed).normal(size=(20, 3)) * 0.5
    expected = np.linalg.norm(probes[:, None] - cloud[None], axis=-1).min(axis=1)
    assert Surfaces([cloud]).distances_m(np.zeros(20, int), probes) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("count", [100, 1000, 4000])
def test_fewer_stray_points_than_the_rank_change_nothing_much(count):
    box = OrientedBox(np.array([1.0, 0, 0]), np.eye(3), np.array([1.0, 1, 1]))
    clean = ball(3, count)
    stray = np.concatenate([clean, np.tile([0.45, 0.0, 0.0], (int(robust_ranks(np.array([count]))[0]) - 1, 1))])
    spacing_m = 0.3 * np.sqrt(4 * np.pi / count)
    assert gap_to_box_m(stray, box) == pytest.approx(0.2, abs=2 * spacing_m)
    assert gap_to_box_m(stray, box) >= 0.2


def test_a_dense_surface_is_measured_to_millimetres():
    # Of n points, uniform over a ball's skin, the k-th nearest to a plane lies on average 2 r k / n above its lowest.
    box = OrientedBox(np.array([0, 0, -1.0]), np.eye(3), np.array([4.0, 4, 1]))
    expected = 2 * 0.3 * 4 / 4000
    assert 0 < gap_to_box_m(ball(5, 4000), box) - 0.2 < 3 * expected


def test_overlap_is_a_gap_of_zero():
    assert gap_to_box_m(ball(1, 200), OrientedBox(np.zeros(3), np.eye(3), np.ones(3))) == 0.0


def test_rank_grows_with_the_cloud():
    counts = np.arange(1, 5000)
    ranks = robust_ranks(counts)
    assert ranks[0] == 1
    assert ((ranks >= 1) & (ranks <= counts)).all()
    assert (np.diff(ranks) >= 0).all()
    assert robust_ranks(np.array([79, 100_000])).tolist() == [3, 4]


def test_a_box_stands_for_a_surface_that_nobody_saw():
    skin_m = box_skin_m(np.array([1.0, 2, 3]), np.array([0.4, 0.6, 1.8]))
    assert skin_m.min(axis=0) == pytest.approx([0.8, 1.7, 2.1])
    assert skin_m.max(axis=0) == pytest.approx([1.2, 2.3, 3.9])


def test_points_within_the_other_things_box_do_not_hide_nearer_ones_outside():
    far = np.repeat([[0.0, 0, 0], [2, 2, 2]], 150, axis=0)
    within = np.random.default_rng(2).uniform(-0.1, 0.1, (100, 3)) + np.ones(3)
    outside = np.tile([-0.5, 0.0, 0.0], (100, 1))
    assert gap_m(np.concatenate([within, outside]), far) == pytest.approx(0.5)
