"""What hands are free, and what they are at, in numbers that can be worked out by hand."""

import numpy as np
import pytest
from ortwin.scenegraph.body_motion import BodyMotion, mean_speed_m_s
from ortwin.scenegraph.free_hands import carrying_hands, free_hands

STEP_S = 0.1
#: Two hands of one person at one instant, and how far each is from a patient and from a table.
AT_PATIENT, AT_TABLE = (0.02, 0.15), (0.09, 0.06)


def at(left: tuple[float, float], right: tuple[float, float], armed: tuple[bool, bool] = (False, False)):
    gap_m = np.array([left, right])[None, None]
    return free_hands(gap_m, np.array(armed)[None, None], np.full((1, 1, 2), 0.1), num_patients=1)


def test_both_hands_at_the_patient_are_at_the_patient():
    found = at(AT_PATIENT, AT_PATIENT)
    assert found.astray_m[0, 0] == pytest.approx([-0.13, 0.13])
    assert found.farthest_m[0, 0] == pytest.approx([0.02, 0.15])


def test_hands_of_which_one_is_at_the_table_beside_a_patient_are_at_the_table():
    found = at((0.02, 0.06), AT_TABLE)
    # The nearer hand is nearer to the patient by 4 cm, the other one nearer to the table by 3 cm.
    assert found.astray_m[0, 0] == pytest.approx([0.03, -0.03])


def test_a_hand_that_is_not_free_is_at_nothing():
    one = at(AT_PATIENT, AT_TABLE, (False, True))
    assert one.nearest_m[0, 0] == pytest.approx(AT_PATIENT)
    assert one.farthest_m[0, 0] == pytest.approx(AT_PATIENT)
    none = at(AT_PATIENT, AT_TABLE, (True, True))
    assert np.isinf(none.nearest_m).all() and np.isinf(none.farthest_m).all()


def motion_of(palm_m: np.ndarray) -> BodyMotion:
    """Somebody whose two palms (T, 3) go the same way."""
    num = len(palm_m)
    hands_m = np.repeat(palm_m[:, None, None], 2, axis=2)
    flat = np.zeros((num, 1, 2))
    return BodyMotion(np.array([0]), flat, flat, flat, np.zeros((num, 1)), hands_m, hands_m, flat)


def pulled(num: int, begin: int, end: int, speed_m_s: float) -> np.ndarray:
    """(T, 3) what rests, is pulled aside from one instant to another, and rests again."""
    way_m = np.clip(np.arange(num) - begin, 0, end - begin) * speed_m_s * STEP_S
    return np.stack([np.zeros(num), way_m, np.full(num, 1.0)], axis=1)


def test_hands_that_go_along_with_a_patient_move_her_from_grip_to_release():
    place_m = pulled(60, 20, 40, 0.5)
    boxes_m = place_m[:, None], np.tile([1.7, 0.5, 0.3], (60, 1, 1))
    moves = carrying_hands(motion_of(place_m + np.array([0.3, 0.2, 0.0])), *boxes_m, STEP_S)
    (instants,) = np.nonzero(moves[:, 0, 0])
    # 0.3 s to grip and to let go; the speed is known from 0.2 s before and after.
    assert 15 <= instants[0] <= 18 and 42 <= instants[-1] <= 45
    assert moves[18:42].all()


@pytest.mark.parametrize("speed_m_s", [0.0, 0.1])
def test_who_is_at_a_patient_that_hardly_moves_carries_nobody(speed_m_s):
    place_m = pulled(60, 20, 40, speed_m_s)
    boxes_m = place_m[:, None], np.tile([1.7, 0.5, 0.3], (60, 1, 1))
    assert not carrying_hands(motion_of(place_m), *boxes_m, STEP_S).any()


def test_hands_that_stay_while_a_patient_is_pulled_away_do_not_move_her():
    place_m = pulled(60, 20, 40, 0.5)
    boxes_m = place_m[:, None], np.tile([1.7, 0.5, 0.3], (60, 1, 1))
    assert not carrying_hands(motion_of(np.tile([0.3, 0.2, 1.0], (60, 1))), *boxes_m, STEP_S).any()


def test_the_speed_before_an_instant_knows_nothing_of_what_comes_after():
    points_m = pulled(20, 10, 20, 0.4)
    assert mean_speed_m_s(points_m, STEP_S, 0.5, 0.0)[10] == 0.0
    assert mean_speed_m_s(points_m, STEP_S, 0.0, 0.5)[10] == pytest.approx(0.4)
    assert mean_speed_m_s(points_m, STEP_S, 0.5, 0.5)[10] == pytest.approx(0.2)
