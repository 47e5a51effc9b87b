"""Matching of detections: who is one person, by rays, by bones and by what tracks foretell."""

import numpy as np
import pytest
from ortwin.capture.camera import Camera, CameraRig, Intrinsics
from ortwin.capture.geometry import SE3, look_at
from ortwin.reconstruction._matching_kernel import NEVER
from ortwin.reconstruction.detections import Detection
from ortwin.reconstruction.matching import MatchConfig, group, pair_gains, rays_of, track_gains
from ortwin.reconstruction.pose_fit import FitConfig, view_of
from ortwin.reconstruction.pose_prior import load_pose_prior
from ortwin.reconstruction.skeleton import OTHER_SIDE

PLACES = ((-2.5, -2.5, 2.4), (2.5, -2.5, 2.5), (2.5, 2.5, 2.3), (-2.5, 2.5, 2.6))
CONFIG = MatchConfig()


@pytest.fixture(scope="module")
def rig():
    lens = Intrinsics(600.0, 600.0, 640.0, 360.0, 1280, 720)
    poses = {f"cam_{number}": look_at(place, (0.0, 0.0, 1.0)) for number, place in enumerate(PLACES, 1)}
    return CameraRig({name: Camera(name, lens, None, SE3.identity(), 0.001, pose) for name, pose in poses.items()})


def people_m():
    """Three people who stand 1.4 m apart or more, no two of them in line with two cameras."""
    prior = load_pose_prior()
    return [prior.mean_m[k] + np.array([*at, 0.0]) for k, at in enumerate(((-1.1, 0.2), (0.3, 0.9), (0.6, -0.8)))]


def views(rig, rng, missing=0.1):
    """Views camera by camera, person by person, with 4 px noise."""
    found = []
    for camera in rig.cameras.values():
        for joints_m in people_m():
            uv_px = camera.color.project(camera.camera_from_world.apply(joints_m)) + rng.normal(0, 4, (17, 2))
            seen = camera.color.contains(uv_px) & (rng.random(17) > missing)
            found.append(view_of(camera, Detection(np.where(seen[:, None], uv_px, np.nan), 0.9 * seen), FitConfig()))
    return found


def test_in_each_camera_the_same_person_is_the_likeliest(rig):
    for seed in range(5):
        gains = pair_gains(rays_of(views(rig, np.random.default_rng(seed))), CONFIG)
        np.testing.assert_array_equal(gains, gains.T)
        camera, person = np.divmod(np.arange(12), 3)
        apart, same = camera[:, None] != camera, person[:, None] == person
        assert (gains[~apart] == NEVER).all()
        for first in range(4):
            for second in set(range(4)) - {first}:
                between = gains.reshape(4, 3, 4, 3)[first, :, second]
                np.testing.assert_array_equal(between.argmax(axis=1), [0, 1, 2])
        assert gains[apart & same].min() > 0
        assert np.median(gains[apart & ~same]) < 0


def test_a_detector_that_swaps_sides_pays_the_penalty_and_no_more(rig):
    found = views(rig, np.random.default_rng(1), missing=0.0)
    plain = pair_gains(rays_of(found[::3]), CONFIG)
    sides = list(OTHER_SIDE)
    first = found[0]
    crossed = type(first)(
        first.camera_id, first.uv[sides], first.sigma, first.score[sides], first.depth, first.rotation,
        first.translation_m,
    )  # fmt: skip
    swapped = pair_gains(rays_of([crossed, *found[3::3]]), CONFIG)
    # The penalty counts whole; joints are each compared with the same rays as before.
    np.testing.assert_allclose(swapped[0, 1:], plain[0, 1:] - CONFIG.swap_penalty, atol=1.0)
    np.testing.assert_allclose(swapped[1:, 1:], plain[1:, 1:])


def test_tracks_draw_their_people(rig):
    found = views(rig, np.random.default_rng(2))
    joints_m, sigma_m = np.stack(people_m()), np.full((3, 17), 0.05)
    gains = track_gains(rays_of(found), joints_m, sigma_m, CONFIG)
    np.testing.assert_array_equal(gains.argmax(axis=1), np.arange(12) % 3)
    assert sorted(group(found, CONFIG, (joints_m, sigma_m))) == [([k, k + 3, k + 6, k + 9], k) for k in range(3)]


def test_nobody_is_no_group(rig):
    assert group([], CONFIG) == []
    joints_m, sigma_m = np.stack(people_m()), np.full((3, 17), 0.05)
    assert group([], CONFIG, (joints_m, sigma_m)) == []
    assert group(views(rig, np.random.default_rng(3))[:1], CONFIG) == [([0], None)]
