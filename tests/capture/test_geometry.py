"""SE3 is a group that moves points: the axioms, on random elements."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import SE3, look_at, nearest_rotation, rigid_from_points

EPSILON = np.finfo(np.float64).eps
REACH_M = 100.0
# A product of rotations is off by a few roundings, which the reach of the translations multiplies.
TOLERANCE_M = 64 * EPSILON * REACH_M

numbers = st.floats(-1.0, 1.0)
vectors = st.tuples(numbers, numbers, numbers).map(np.array)
tangents = st.builds(
    lambda axis, angle_rad, shift: np.concatenate([unit(axis) * angle_rad, shift * REACH_M / np.sqrt(3)]),
    vectors.filter(lambda v: np.linalg.norm(v) > 1e-3),
    st.floats(0.0, np.pi),
    vectors,
)
motions = tangents.map(SE3.exp)


def unit(vector):
    return vector / np.linalg.norm(vector)


def assert_same(a: SE3, b: SE3) -> None:
    np.testing.assert_allclose(a.matrix(), b.matrix(), rtol=0, atol=TOLERANCE_M)


@given(motions, motions)
def test_closure(a, b):
    rotation = (a @ b).rotation
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=16 * EPSILON)
    assert np.linalg.det(rotation) > 0


@given(motions)
def test_identity(a):
    assert_same(a @ SE3.identity(), a)
    assert_same(SE3.identity() @ a, a)


@given(motions)
def test_inverse(a):
    assert_same(a @ a.inverse(), SE3.identity())
    assert_same(a.inverse() @ a, SE3.identity())
    assert_same(a.inverse().inverse(), a)


@given(motions, motions, motions)
def test_associativity(a, b, c):
    assert_same((a @ b) @ c, a @ (b @ c))


@given(motions, motions)
def test_inverse_of_a_product(a, b):
    assert_same((a @ b).inverse(), b.inverse() @ a.inverse())


@given(motions)
def test_exp_undoes_log(a):
    # Near half a turn the axis follows from the square root of a rounding.
    np.testing.assert_allclose(SE3.exp(a.log()).matrix(), a.matrix(), atol=4 * np.sqrt(EPSILON))


@given(tangents.filter(lambda t: np.linalg.norm(t[:3]) < np.pi - 1e-3))
def test_log_undoes_exp(tangent):
    np.testing.assert_allclose(SE3.exp(tangent).log(), tangent, atol=1e-9)


@given(motions, vectors)
def test_apply_is_the_matrix(a, point):
    homogeneous = a.matrix() @ np.append(point, 1.0)
    np.testing.assert_allclose(a @ point, homogeneous[:3], atol=TOLERANCE_M)
    np.testing.assert_allclose(a.apply(point), homogeneous[:3], atol=TOLERANCE_M)


@given(motions, motions, vectors)
def test_a_product_applies_from_right_to_left(a, b, point):
    np.testing.assert_allclose((a @ b) @ point, a @ (b @ point), atol=TOLERANCE_M)


@given(motions, vectors, vectors)
def test_distances_are_kept(a, p, q):
    assert np.linalg.norm(a @ p - a @ q) == pytest.approx(np.linalg.norm(p - q), abs=TOLERANCE_M)


@given(motions)
def test_matrix_round_trip(a):
    assert_same(SE3.from_matrix(a.matrix()), a)


def test_apply_takes_batches_and_keeps_float32():
    motion = SE3.exp(np.array([0.1, 0.2, 0.3, 1.0, 2.0, 3.0]))
    points = np.random.default_rng(0).normal(size=(4, 5, 3))
    one_by_one = np.array([[motion @ point for point in row] for row in points])
    np.testing.assert_allclose(motion.apply(points), one_by_one, atol=TOLERANCE_M)
    moved = motion.apply(points.astype(np.float32))
    assert moved.dtype == np.float32
    np.testing.assert_allclose(moved, one_by_one, atol=64 * np.finfo(np.float32).eps)


def test_directions_do_not_shift():
    motion = SE3.exp(np.array([0.0, 0.0, np.pi / 2, 5.0, 6.0, 7.0]))
    np.testing.assert_allclose(motion.rotate(np.array([1.0, 0.0, 0.0])), [0.0, 1.0, 0.0], atol=4 * EPSILON)


def test_long_chains_stay_rotations():
    step = SE3.exp(np.array([0.01, 0.02, -0.03, 0.0, 0.0, 0.0]))
    chain = SE3.identity()
    for _ in range(10_000):
        chain = chain @ step
    np.testing.assert_allclose(chain.rotation @ chain.rotation.T, np.eye(3), atol=16 * EPSILON)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_pose_that_is_not_finite_is_refused(bad):
    with pytest.raises(InputError, match="not finite"):
        SE3(np.eye(3), np.array([0.0, bad, 0.0]))
    rotation = np.eye(3)
    rotation[0, 0] = bad
    with pytest.raises(InputError, match="not finite"):
        SE3(rotation, np.zeros(3))
    with pytest.raises(InputError, match="not finite"):
        SE3.from_matrix(np.full((4, 4), bad))
    with pytest.raises(InputError, match="not finite"):
        SE3.exp(np.array([0.0, bad, 0.0, 0.0, 0.0, 0.0]))


@pytest.mark.parametrize("rotation", [np.diag([1.0, 1.0, -1.0]), 1.01 * np.eye(3), np.zeros((3, 3))])
def test_what_is_no_rotation_is_refused(rotation):
    with pytest.raises(InputError, match="not a rotation"):
        SE3(rotation, np.zeros(3))
    with pytest.raises(InputError, match="not a rotation"):
        SE3.from_matrix(np.block([[rotation, np.zeros((3, 1))], [np.zeros((1, 3)), np.ones((1, 1))]]))


def test_a_matrix_of_few_digits_is_rounded_to_a_rotation():
    exact = SE3.exp(np.array([0.4, -0.7, 1.1, 0.5, 0.25, -2.0]))
    read = SE3.from_matrix(np.round(exact.matrix(), 4))
    np.testing.assert_allclose(read.rotation @ read.rotation.T, np.eye(3), atol=16 * EPSILON)
    np.testing.assert_allclose(read.rotation, exact.rotation, atol=2e-4)


def test_a_transposed_matrix_is_refused():
    matrix = SE3.exp(np.array([0.4, -0.7, 1.1, 0.5, 0.25, -2.0])).matrix()
    with pytest.raises(InputError, match="last row"):
        SE3.from_matrix(matrix.T)


def test_a_pose_cannot_be_changed():
    rotation = np.eye(3)
    motion = SE3(rotation, np.zeros(3))
    rotation[0, 0] = 9.0
    assert motion.rotation[0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        motion.translation_m[0] = 1.0


@given(motions, st.integers(0, 2**32 - 1))
def test_kabsch_finds_the_motion(motion, seed):
    source = np.random.default_rng(seed).normal(size=(8, 3))
    found = rigid_from_points(source, motion @ source)
    np.testing.assert_allclose(found @ source, motion @ source, atol=1e3 * EPSILON * REACH_M)


def test_kabsch_never_mirrors():
    rng = np.random.default_rng(1)
    source = rng.normal(size=(50, 3))
    mirrored = source * [1.0, 1.0, -1.0]
    assert np.linalg.det(rigid_from_points(source, mirrored).rotation) == pytest.approx(1.0)


def test_kabsch_obeys_its_weights():
    rng = np.random.default_rng(2)
    source = rng.normal(size=(20, 3))
    motion = SE3.exp(np.array([0.3, -0.2, 0.1, 1.0, 0.0, -1.0]))
    target = motion @ source
    target[0] += 10.0
    weights = np.ones(20)
    weights[0] = 0.0
    assert_same(rigid_from_points(source, target, weights), motion)


def test_nearest_rotation_of_a_reflection_is_a_rotation():
    assert np.linalg.det(nearest_rotation(np.diag([1.0, 1.0, -1.0]))) == pytest.approx(1.0)


def test_look_at_puts_the_target_ahead_and_up_above():
    world_from_camera = look_at([3.0, -2.0, 2.5], [0.5, 0.5, 1.0])
    camera_from_world = world_from_camera.inverse()
    x_m, y_m, z_m = camera_from_world @ np.array([0.5, 0.5, 1.0])
    assert z_m == pytest.approx(np.linalg.norm([2.5, -2.5, 1.5]))
    assert (x_m, y_m) == pytest.approx((0.0, 0.0), abs=1e-12)
    assert (camera_from_world @ np.array([0.5, 0.5, 1.2]))[1] < 0.0  # y points down
    with pytest.raises(InputError, match="up"):
        look_at([0.0, 0.0, 2.0], [0.0, 0.0, 0.0])
    with pytest.raises(InputError, match="where it stands"):
        look_at([0.0, 0.0, 2.0], [0.0, 0.0, 2.0])
