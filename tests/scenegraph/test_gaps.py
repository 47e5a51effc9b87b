import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ortwin.reconstruction.state import OrientedBox
from ortwin.scenegraph.gaps import Cloud, cloud_to_box_m, cloud_to_cloud_m, robust_rank


def ball(seed: int, count: int, center=(0.0, 0.0, 0.0), radius_m: float = 0.3) -> np.ndarray:
    directions = np.random.default_rng(seed).normal(size=(count, 3))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True) * radius_m + np.array(center)


@given(
    seed=st.integers(0, 1000),
    counts=st.tuples(st.integers(1, 400), st.integers(1, 400)),
    offset=st.tuples(*[st.floats(-2, 2)] * 3),
)
def test_the_pruned_gap_is_the_exhaustive_one(seed, counts, offset):
    first, second = ball(seed, counts[0]), ball(seed + 1, counts[1], offset)
    small, large = (first, second) if len(first) <= len(second) else (second, first)
    nearest = np.linalg.norm(small[:, None] - large[None], axis=-1).min(axis=1)
    expected = np.sort(nearest)[robust_rank(len(small)) - 1]
    assert cloud_to_cloud_m(Cloud(first), Cloud(second)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("count", [100, 1000, 4000])
def test_fewer_stray_points_than_the_rank_change_nothing_much(count):
    box = OrientedBox(np.array([1.0, 0, 0]), np.eye(3), np.array([1.0, 1, 1]))
    clean = ball(3, count)
    stray = np.concatenate([clean, np.tile([0.45, 0.0, 0.0], (robust_rank(count) - 1, 1))])
    spacing_m = 0.3 * np.sqrt(4 * np.pi / count)
    assert cloud_to_box_m(Cloud(stray), box) == pytest.approx(0.2, abs=2 * spacing_m)
    assert cloud_to_box_m(Cloud(stray), box) >= 0.2


def test_a_dense_surface_is_measured_to_millimetres():
    # Of n points, uniform over a ball's skin, the k-th nearest to a plane lies on average 2 r k / n above its lowest.
    box = OrientedBox(np.array([0, 0, -1.0]), np.eye(3), np.array([4.0, 4, 1]))
    gap_m = cloud_to_box_m(Cloud(ball(5, 4000)), box)
    expected = 2 * 0.3 * robust_rank(4000) / 4000
    assert 0 < gap_m - 0.2 < 3 * expected


def test_overlap_is_a_gap_of_zero():
    box = OrientedBox(np.zeros(3), np.eye(3), np.ones(3))
    assert cloud_to_box_m(Cloud(ball(1, 200)), box) == 0.0


def test_rank_grows_with_the_cloud():
    ranks = [robust_rank(count) for count in range(1, 5000)]
    assert ranks[0] == 1
    assert all(1 <= rank <= count for count, rank in enumerate(ranks, 1))
    assert np.all(np.diff(ranks) >= 0)
    assert robust_rank(79) == 3
    assert robust_rank(100_000) == 4


def test_a_box_stands_for_a_surface_that_nobody_saw():
    cloud = Cloud.of_box(np.array([1.0, 2, 3]), np.array([0.4, 0.6, 1.8]))
    assert cloud.low_m == pytest.approx([0.8, 1.7, 2.1])
    assert cloud.high_m == pytest.approx([1.2, 2.3, 3.9])


def test_points_within_the_other_things_box_do_not_hide_nearer_ones_outside():
    far = np.repeat([[0.0, 0, 0], [2, 2, 2]], 150, axis=0)
    within = np.random.default_rng(2).uniform(-0.1, 0.1, (100, 3)) + np.ones(3)
    outside = np.tile([-0.5, 0.0, 0.0], (100, 1))
    near = np.concatenate([within, outside])
    assert cloud_to_cloud_m(Cloud(near), Cloud(far)) == pytest.approx(0.5)
