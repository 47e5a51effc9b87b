"""Bones keep their length, and joints that several cameras see follow what is seen and not what is usual."""

import numpy as np
import pytest
from ortwin.reconstruction.bones import BoneConfig, hold_bones, learn_bones
from ortwin.reconstruction.pose_prior import load_pose_prior
from ortwin.reconstruction.skeleton import BONES

BODY_M = load_pose_prior().mean_m[0]
SPREAD_M2 = np.broadcast_to(np.diag([0.02, 0.03, 0.025]) ** 2, (17, 3, 3))


def noisy(count, seed):
    rng = np.random.default_rng(seed)
    joints_m = BODY_M + rng.normal(size=(count, 17, 3)) * np.sqrt(np.einsum("jaa->ja", SPREAD_M2))
    return joints_m, np.broadcast_to(SPREAD_M2, (count, 17, 3, 3)), np.full((count, 17), 3)


def lengths_m(joints_m):
    begin, end = np.array(BONES).T
    return np.linalg.norm(joints_m[..., begin, :] - joints_m[..., end, :], axis=-1)


def test_lengths_are_learned_without_what_noise_adds():
    joints_m, covariance_m2, num_views = noisy(400, 1)
    learned = learn_bones(joints_m, covariance_m2, num_views, BoneConfig())
    assert len(learned.bones) == len(BONES)
    # The median of 400 (limbs: twice as many) lengths with a deviation of 2.5 cm times the root of 2 errs by 2 mm.
    np.testing.assert_allclose(learned.length_m, lengths_m(BODY_M), atol=0.007)
    raw_m = np.median(lengths_m(joints_m), axis=0)
    assert np.abs(learned.length_m - lengths_m(BODY_M)).mean() < np.abs(raw_m - lengths_m(BODY_M)).mean()


def test_held_bones_are_constant_and_joints_come_nearer_to_the_truth():
    joints_m, covariance_m2, num_views = noisy(200, 2)
    learned = learn_bones(joints_m, covariance_m2, num_views, BoneConfig())
    held_m, held_m2 = hold_bones(joints_m, covariance_m2, learned, BoneConfig())
    assert (lengths_m(held_m).std(axis=0) / lengths_m(held_m).mean(axis=0)).max() < 0.03
    assert (lengths_m(joints_m).std(axis=0) / lengths_m(joints_m).mean(axis=0)).min() > 0.05
    assert (
        np.linalg.norm(held_m - BODY_M, axis=-1)[:, 5:].mean()
        < np.linalg.norm(joints_m - BODY_M, axis=-1)[:, 5:].mean()
    )
    off_m = held_m - BODY_M
    squared = np.einsum("tja,tjab,tjb->tj", off_m, np.linalg.inv(held_m2), off_m)[:, 5:] / 3
    assert 0.8 < squared.mean() < 1.3  # calibrated: chi squared per degree of freedom, over thousands of draws
    np.testing.assert_array_equal(held_m[:, :5], joints_m[:, :5])


def test_a_bone_that_was_hardly_seen_is_not_held():
    joints_m, covariance_m2, num_views = noisy(30, 3)
    num_views = num_views.copy()
    num_views[:, [15, 16]] = 1
    learned = learn_bones(joints_m, covariance_m2, num_views, BoneConfig())
    assert sorted(map(tuple, learned.bones.tolist())) == sorted(bone for bone in BONES if not {15, 16} & set(bone))
    nothing = learn_bones(joints_m[:3], covariance_m2[:3], num_views[:3], BoneConfig())
    held_m, _ = hold_bones(joints_m, covariance_m2, nothing, BoneConfig())
    np.testing.assert_array_equal(held_m, joints_m)


@pytest.mark.parametrize("shift_m", [0.0, 50.0])
def test_where_the_room_lies_does_not_matter(shift_m):
    joints_m, covariance_m2, num_views = noisy(20, 4)
    moved_m = joints_m + shift_m
    one, other = (
        hold_bones(each, covariance_m2, learn_bones(each, covariance_m2, num_views, BoneConfig()), BoneConfig())[0]
        for each in (joints_m, moved_m)
    )
    np.testing.assert_allclose(other - shift_m, one, atol=1e-6)
