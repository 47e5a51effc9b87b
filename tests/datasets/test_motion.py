"""Motion: feet that neither slide nor sink, hands that come where they are sent, and rest that is rest."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ortwin.datasets.simulated_or.body import SIDES
from ortwin.datasets.simulated_or.clothing import dress
from ortwin.datasets.simulated_or.gait import ankles_m
from ortwin.datasets.simulated_or.motion import RATE_HZ, Motion, Puppet
from ortwin.datasets.simulated_or.people import Person


def puppet(shape, seconds=6.0, **more):
    return Puppet(shape, seconds, np.array([0.0, 0.0]), 0.0, **more)


def walker(shape):
    """Somebody who walks, turns, steps aside and walks again."""
    one = puppet(shape, 11.0)
    end_s = one.walk(0.3, [np.array([1.6, 0.2]), np.array([2.0, 1.5])], final_heading_rad=2.0)
    end_s = one.turn(end_s + 0.2, -0.5)
    end_s = one.walk(end_s + 0.1, [np.array([1.7, 1.4])], speed_m_s=0.6, facing_rad=-0.5)
    assert one.walk(end_s, [np.array([0.2, 0.3])], speed_m_s=1.3) < 10.5
    return one


@pytest.fixture(scope="module")
def walk(man) -> Motion:
    return walker(man).finish()


@pytest.fixture(scope="module")
def filmed(walk):
    """(t, b, 3, 4) the bones of the walk at 50 Hz, between the motion's own samples."""
    return np.stack([walk.bones(time_s) for time_s in np.arange(0.007, 11.0, 1 / RATE_HZ)])


def sole_points_m(shape, bones):
    """(2, 2, 3) heel and toe of both feet as the bones carry them."""
    feet = [bones[shape.bone("foot", side)] for side in SIDES]
    return np.stack([shape.soles_m[k] @ foot[:, :3].T + foot[:, 3] for k, foot in enumerate(feet)])


def test_feet_neither_sink_nor_slide(walk, filmed):
    points_m = np.stack([sole_points_m(walk.shape, bones) for bones in filmed])
    # Legs are a little short of some ankles where the pelvis is about to sink; a millimetre is allowed.
    assert points_m[..., 2].min() > -2e-3
    assert points_m[..., 2].reshape(len(points_m), -1).min(axis=1).max() < 2e-3, "somebody floats"
    down = (points_m[1:, ..., 2] < 1e-3) & (points_m[:-1, ..., 2] < 1e-3)
    slid_m = np.linalg.norm(np.diff(points_m[..., :2], axis=0), axis=-1)
    assert slid_m[down].max() < 2e-3


def test_ankles_are_where_the_feet_ask_for_them(walk):
    wanted = ankles_m(walk.shape, walk._feet)
    for index in range(0, len(walk.grid_s), 9):
        bones = walk.bones(walk.grid_s[index])
        for side, name in enumerate(SIDES):
            foot = walk.shape.bone("foot", name)
            place_m = bones[foot, :, :3] @ walk.shape.bone_heads_m[foot] + bones[foot, :, 3]
            assert np.linalg.norm(place_m - wanted[index, side]) < 2e-3


def test_a_walk_arrives_where_and_facing_where_it_should(man):
    one = puppet(man, 9.0)
    end_s = one.walk(0.5, [np.array([1.0, 1.0]), np.array([2.0, 1.0])], final_heading_rad=-1.0)
    motion = one.finish()
    assert 2.0 < end_s < 5.0
    assert np.linalg.norm(motion.root_m(end_s + 0.2) - [2.0, 1.0]) < 5e-3
    assert abs((motion.heading_rad(end_s + 0.6) + 1.0 + np.pi) % (2 * np.pi) - np.pi) < 5e-3
    assert np.linalg.norm(motion.root_m(0.4)) < 5e-3
    feet_m = sole_points_m(man, motion.bones(end_s + 0.6))[..., :2].mean(axis=(0, 1))
    assert np.linalg.norm(feet_m - [2.0, 1.0]) < 0.12


def test_a_walk_waits_for_the_one_before(man):
    one = puppet(man, 9.0)
    end_s = one.walk(0.5, [np.array([1.5, 0.0])])
    later_s = one.walk(1.0, [np.array([1.5, 1.0])])
    assert later_s > end_s + 0.5
    assert np.linalg.norm(one.finish().root_m(end_s) - [1.5, 0.0]) < 0.03


@settings(max_examples=12)
@given(
    ahead=st.floats(0.25, 0.6), aside=st.floats(-0.25, 0.4), height=st.floats(0.85, 1.45), side=st.sampled_from(SIDES)
)
def test_the_palm_comes_to_reachable_targets(man, ahead, aside, height, side):
    target_m = np.array([ahead, aside if side == "left" else -aside, height])
    one = puppet(man, 3.0)
    one.reach(0.5, 2.5, side, target_m)
    motion = one.finish()
    for time_s in (0.9, 1.7, 2.5):
        assert np.linalg.norm(motion.hand(time_s, side).translation_m - target_m) < 0.03
    idle_m = motion.hand(0.0, side).translation_m
    assert np.linalg.norm(motion.hand(2.95, side).translation_m - idle_m) < 1e-6


@settings(max_examples=6)
@given(ahead=st.floats(0.4, 0.55), aside=st.floats(-0.1, 0.25), height=st.floats(0.9, 1.2))
def test_the_tip_of_a_held_tool_comes_to_a_target(man, ahead, aside, height):
    target_m, tip_m = np.array([ahead, -aside, height]), np.array([0.02, 0.05, 0.16])
    one = puppet(man, 3.0)
    one.operate(0.2, 2.5, "right", target_m, amplitude_m=0.0, tip_m=tip_m)
    assert np.linalg.norm(one.finish().hand(1.5, "right").apply(tip_m) - target_m) < 0.03


def test_a_tall_one_and_a_small_one_reach_over_a_table(woman, tall_man):
    for shape in (woman, tall_man):
        one = puppet(shape, 3.0)
        for side, aside in zip(SIDES, (0.12, -0.12), strict=True):
            one.reach(0.2, 2.5, side, np.array([0.75, aside, 1.0]))
        motion = one.finish()
        for side, aside in zip(SIDES, (0.12, -0.12), strict=True):
            assert np.linalg.norm(motion.hand(1.5, side).translation_m - [0.75, aside, 1.0]) < 0.03


@settings(max_examples=12)
@given(target=st.tuples(*[st.floats(-5.0, 5.0)] * 3))
def test_targets_out_of_reach_are_approached(man, target):
    target_m = np.array(target)
    one = puppet(man, 2.0)
    one.reach(0.2, 1.5, "left", target_m)
    motion = one.finish()
    assert np.isfinite(motion.bones(1.0)).all()
    before = np.linalg.norm(motion.hand(0.0, "left").translation_m - target_m)
    assert np.linalg.norm(motion.hand(1.0, "left").translation_m - target_m) < max(before, 0.6) + 0.05


def test_a_hand_follows_a_target_that_moves_and_is_asked_for_when_the_pose_is(man):
    def target(time_s):
        return np.array([0.45, -0.1 + 0.1 * time_s, 1.1])

    one = puppet(man, 3.0)
    one.reach(0.2, 2.5, "right", target)
    motion = one.finish()
    for time_s in (0.7, 1.333, 2.4):
        assert np.linalg.norm(motion.hand(time_s, "right").translation_m - target(time_s)) < 0.03


def test_a_hand_that_goes_on_to_work_does_not_let_go_between(man):
    first_m, then_m = np.array([0.45, -0.1, 1.1]), np.array([0.5, -0.2, 1.05])
    one = puppet(man, 5.0)
    one.reach(0.2, 2.0, "right", first_m)
    one.operate(2.1, 4.5, "right", then_m, amplitude_m=0.02)
    motion = one.finish()
    places_m = np.stack([motion.hand(time_s, "right").translation_m for time_s in np.arange(0.7, 4.5, 0.05)])
    assert places_m[:, 2].min() > 1.0
    work = np.arange(2.6, 4.5, 0.02)
    off_m = np.stack([motion.hand(time_s, "right").translation_m for time_s in work]) - then_m
    assert 0.01 < np.linalg.norm(off_m, axis=1).max() < 0.03 + 0.02
    strokes = np.count_nonzero(np.diff(np.sign(off_m[:, 2] - off_m[:, 2].mean())))
    assert abs(strokes - 2 * 1.5 * (work[-1] - work[0])) <= 2


def test_joints_stay_inside_the_body_whatever_it_does(man, walk, depth_inside_m, book):
    clothing = dress(man, "head_surgeon", np.random.default_rng(0), book)
    bent = puppet(man, 6.0)
    bent.lean(0.2, 5.0, 0.6)
    bent.reach(0.5, 5.0, "left", np.array([0.6, 0.3, 0.95]))
    bent.reach(0.5, 5.0, "right", np.array([0.3, 0.2, 1.5]))
    bent.look(0.5, 5.0, np.array([0.3, 2.0, 1.2]))
    for motion, times in ((walk, np.arange(0.05, 9.0, 0.9)), (bent.finish(), (0.7, 2.0))):
        person = Person("person_1", "head_surgeon", 1, man, clothing, motion)
        for time_s in times:
            depth_m = depth_inside_m(person.skin_m(time_s), man.faces, person.joints_m(time_s))
            assert depth_m.min() > 0.003, time_s


def test_nothing_jumps(walk, filmed):
    heads_m = np.einsum("tbij,bj->tbi", filmed[..., :3], walk.shape.bone_heads_m) + filmed[..., 3]
    speed_m_s = np.linalg.norm(np.diff(heads_m, axis=0), axis=-1) * RATE_HZ
    assert speed_m_s.max() < 6.0


def test_rest_is_rest_and_motion_is_announced(man):
    one = puppet(man, 6.0)
    one.reach(1.0, 2.0, "left", np.array([0.4, 0.2, 1.1]))
    end_s = one.walk(3.0, [np.array([0.8, 0.0])])
    motion = one.finish()
    edges = np.arange(0.0, 6.0, 0.1)
    for begin_s, end in itertools.pairwise(edges):
        changed = np.abs(motion.bones(begin_s) - motion.bones(end)).max()
        if not motion.moves(begin_s, end):
            assert changed < 1e-9
    assert not motion.moves(0.0, 0.8)
    assert not motion.moves(1.5, 1.9)
    assert not motion.moves(end_s + 0.8, 5.9)
    assert motion.moves(1.0, 1.3) and motion.moves(0.0, 6.0) and motion.moves(3.2, 3.4)


def test_the_same_words_make_the_same_motion(man, walk):
    again = walker(man).finish()
    for time_s in (0.0, 1.234, 5.5, 8.01):
        assert np.array_equal(again.bones(time_s), walk.bones(time_s))


def test_idle_hands_of_the_sterile_are_held_high(man):
    raised, hanging = puppet(man, raised=1.0).finish(), puppet(man).finish()
    for side in SIDES:
        assert raised.hand(1.0, side).translation_m[2] > 1.0
        assert hanging.hand(1.0, side).translation_m[2] < 0.95


def test_who_looks_turns_the_face(man):
    one = puppet(man)
    one.look(0.5, 5.0, np.array([1.0, 1.5, 1.5]))
    motion = one.finish()
    head = man.bone("head")
    forward = motion.bones(2.0)[head, :, 0]
    assert abs(np.arctan2(forward[1], forward[0]) - np.arctan2(1.5, 1.0)) < 0.12
    assert abs(motion.bones(0.2)[head, 1, 0]) < 0.05
