"""The doors: each conversion on a case that can be checked by hand, and both ways on random ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ortwin.capture import conventions as doors
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import SE3

HALF = np.sqrt(0.5)
QUARTER_TURN_ABOUT_Z = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
seeds = st.integers(0, 2**32 - 1)


def random_quats(seed: int, *shape: int) -> np.ndarray:
    quats = np.random.default_rng(seed).normal(size=(*shape, 4))
    return quats / np.linalg.norm(quats, axis=-1, keepdims=True)


def test_a_quarter_turn_about_z():
    np.testing.assert_allclose(
        doors.rotation_from_quat_wxyz(np.array([HALF, 0, 0, HALF])), QUARTER_TURN_ABOUT_Z, atol=1e-15
    )
    np.testing.assert_allclose(
        doors.rotation_from_quat_xyzw(np.array([0, 0, HALF, HALF])), QUARTER_TURN_ABOUT_Z, atol=1e-15
    )
    np.testing.assert_allclose(doors.quat_wxyz_from_rotation(QUARTER_TURN_ABOUT_Z), [HALF, 0, 0, HALF], atol=1e-15)
    np.testing.assert_allclose(doors.quat_xyzw_from_rotation(QUARTER_TURN_ABOUT_Z), [0, 0, HALF, HALF], atol=1e-15)


@given(seeds)
def test_quaternions_there_and_back(seed):
    quats = random_quats(seed, 3, 2)
    quats *= np.where(quats[..., :1] < 0, -1.0, 1.0)
    again = doors.quat_wxyz_from_rotation(doors.rotation_from_quat_wxyz(quats))
    np.testing.assert_allclose(again, quats, atol=1e-12)


@given(seeds)
def test_rows_of_a_batch_are_not_mixed(seed):
    quats = random_quats(seed, 5)
    for to_rotation in (doors.rotation_from_quat_wxyz, doors.rotation_from_quat_xyzw):
        np.testing.assert_array_equal(to_rotation(quats), [to_rotation(row) for row in quats])
    rotations = doors.rotation_from_quat_wxyz(quats)
    for to_quat in (doors.quat_wxyz_from_rotation, doors.quat_xyzw_from_rotation):
        np.testing.assert_array_equal(to_quat(rotations), [to_quat(rotation) for rotation in rotations])


@given(seeds)
def test_both_orders_mean_the_same_rotation(seed):
    w, x, y, z = random_quats(seed)
    np.testing.assert_array_equal(
        doors.rotation_from_quat_wxyz(np.array([w, x, y, z])), doors.rotation_from_quat_xyzw(np.array([x, y, z, w]))
    )


def test_length_and_sign_of_a_quaternion_do_not_matter():
    quat = np.array([0.3, -0.2, 0.5, 0.1])
    np.testing.assert_allclose(
        doors.rotation_from_quat_wxyz(-2.5 * quat), doors.rotation_from_quat_wxyz(quat), atol=1e-15
    )


@pytest.mark.parametrize("bad", [[0.0, 0.0, 0.0, 0.0], [np.nan, 0.0, 0.0, 1.0], [np.inf, 0.0, 0.0, 1.0]])
def test_quaternions_that_are_none_are_refused(bad):
    with pytest.raises(InputError, match="quaternion"):
        doors.rotation_from_quat_wxyz(np.array([[1.0, 0.0, 0.0, 0.0], bad]))


def test_an_opengl_camera_looks_along_minus_z():
    world_from_opengl = SE3(np.eye(3), np.array([1.0, 2.0, 3.0]))
    world_from_opencv = doors.world_from_opencv_camera(world_from_opengl)
    ahead, up = np.array([0.0, 0.0, -2.0]), np.array([0.0, 1.0, 0.0])
    np.testing.assert_allclose(world_from_opencv @ np.array([0.0, 0.0, 2.0]), world_from_opengl @ ahead)
    np.testing.assert_allclose(world_from_opencv @ np.array([0.0, -1.0, 0.0]), world_from_opengl @ up)
    again = doors.world_from_opencv_camera(world_from_opencv)
    np.testing.assert_array_equal(again.matrix(), world_from_opengl.matrix())


def test_y_up_becomes_z_up_and_stays_right_handed():
    axes = doors.z_up_from_y_up(np.eye(3))
    np.testing.assert_array_equal(axes, [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    np.testing.assert_array_equal(np.cross(axes[0], axes[1]), axes[2])


def test_millimetres():
    np.testing.assert_allclose(doors.metres_from_millimetres(np.array([1837], dtype=np.uint16)), [1.837])
    assert doors.metres_from_millimetres(1837.0) == pytest.approx(1.837)
