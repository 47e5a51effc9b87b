"""What `lift` does when cameras, detectors and people misbehave: each behaviour is stated in docs/lift.md."""

from dataclasses import replace

import numpy as np
import pytest
from ortwin.capture.camera import Camera, CameraRig, Intrinsics
from ortwin.capture.geometry import SE3, look_at
from ortwin.reconstruction.detections import Detection, Sighting
from ortwin.reconstruction.lift import lift
from ortwin.reconstruction.pose_prior import load_pose_prior
from ortwin.reconstruction.skeleton import OTHER_SIDE

SIGMA_PX = 4.0
STEP_NS = 250_000_000
PLACES = ((-2.5, -2.5, 2.4), (2.5, -2.5, 2.5), (2.5, 2.5, 2.3), (-2.5, 2.5, 2.6))
BODY_M = load_pose_prior().mean_m[0]


@pytest.fixture(scope="module")
def rig():
    lens = Intrinsics(600.0, 600.0, 640.0, 360.0, 1280, 720)
    poses = {f"cam_{number}": look_at(place, (0.0, 0.0, 1.0)) for number, place in enumerate(PLACES, 1)}
    return CameraRig(
        {name: Camera(name, lens, None, SE3.identity(), 0.001, pose) for name, pose in poses.items()}
    )  # fmt: skip


def detection(camera, joints_m, rng):
    uv_px = camera.color.project(camera.camera_from_world.apply(joints_m)) + rng.normal(0, SIGMA_PX, (17, 2))
    inside = camera.color.contains(uv_px)
    return Detection(np.where(inside[:, None], uv_px, np.nan), inside * 0.8)


def people_m(k):
    """Two people who stand 1.4 m apart and sway."""
    sway = 0.1 * np.sin(k / 5)
    return [BODY_M + np.array([0.7, sway, 0.0]), BODY_M + np.array([-0.7, -sway, 0.0])]


def watch(rig, count, seed, times=None):
    rng = np.random.default_rng(seed)
    return [
        Sighting(
            k, k * STEP_NS if times is None else times[k],
            {n: tuple(detection(c, q, rng) for q in people_m(k)) for n, c in rig.cameras.items()},
        )
        for k in range(count)
    ]  # fmt: skip


def changed(sighting, name, found):
    return replace(sighting, cameras={**sighting.cameras, name: tuple(found)})


def assert_both_followed(instants, worst_m=0.08):
    """Two people at every instant, each under one number, near where they are."""
    for k, instant in enumerate(instants):
        assert [person.track_id for person in sorted(instant.people, key=lambda one: one.track_id)] == [1, 2]
        for person in instant.people:
            first = next(one for one in instants[0].people if one.track_id == person.track_id)
            mine = min(people_m(k), key=lambda q: abs(q[5, 0] - first.joints_m[5, 0]))
            assert np.linalg.norm(person.joints_m - mine, axis=1).mean() < worst_m


def test_a_camera_that_is_lost_for_a_minute_costs_nobody(rig):
    sightings = watch(rig, 134, 1, [k * 500_000_000 for k in range(134)])
    lost = [
        replace(one, cameras={n: f for n, f in one.cameras.items() if n != "cam_2" or not 8 <= k < 128})
        for k, one in enumerate(sightings)
    ]
    instants = lift(lost, rig)
    assert_both_followed(instants)
    assert all("cam_2" not in person.views for instant in instants[8:128] for person in instant.people)


def test_one_camera_that_confuses_left_and_right_all_the_time_is_outvoted(rig):
    crossed = list(OTHER_SIDE)
    sightings = [
        changed(one, "cam_3", [Detection(d.keypoints_px[crossed], d.scores[crossed]) for d in one.cameras["cam_3"]])
        for one in watch(rig, 20, 2)
    ]
    assert_both_followed(lift(sightings, rig))


def test_a_detector_that_sees_ghosts_makes_nobody(rig):
    """In every picture somebody who is not there, at another place each time."""
    rng = np.random.default_rng(3)
    sightings = []
    for one in watch(rig, 20, 3):
        for name, camera in rig.cameras.items():
            ghost = detection(camera, BODY_M + np.array([*rng.uniform(-2.0, 2.0, 2), 0.0]), rng)
            one = changed(one, name, (ghost, *one.cameras[name]))
        sightings.append(one)
    instants = lift(sightings, rig)
    true = [sum(1 for q in people_m(k) for p in instant.people if np.linalg.norm(p.joints_m - q, axis=1).mean() < 0.1)
            for k, instant in enumerate(instants)]  # fmt: skip
    assert true == [2] * 20
    assert np.mean([len(instant.people) for instant in instants]) < 3.0  # four ghosts an instant were put in


def test_empty_detections_and_scores_that_are_no_numbers_change_nothing(rig):
    nothing = Detection(np.full((17, 2), np.nan), np.zeros(17))
    plain = watch(rig, 8, 4)
    worse = [changed(one, "cam_1", (nothing, *one.cameras["cam_1"], nothing)) for one in plain]
    nans = Detection(np.full((17, 2), 300.0), np.full(17, np.nan))
    worse = [changed(one, "cam_4", (*one.cameras["cam_4"], nans)) for one in worse]
    for first, second in zip(lift(plain, rig), lift(worse, rig), strict=True):
        assert len(first.people) == len(second.people) == 2
        for one, other in zip(first.people, second.people, strict=True):
            np.testing.assert_array_equal(one.joints_m, other.joints_m)


def test_nobody_seen_by_anyone_is_nobody_and_no_error(rig):
    sightings = [Sighting(k, k * STEP_NS, dict.fromkeys(rig.cameras, ())) for k in range(5)]
    assert [instant.people for instant in lift(sightings, rig)] == [()] * 5


def test_who_was_away_for_five_minutes_comes_back_as_somebody_new_and_is_not_invented_meanwhile(rig):
    times = [k * STEP_NS + (300_000_000_000 if k >= 10 else 0) for k in range(20)]
    sightings = watch(rig, 20, 6, times)
    meanwhile = [
        Sighting(100 + k, 10 * STEP_NS + k * 1_000_000_000, dict.fromkeys(rig.cameras, ())) for k in range(200)
    ]
    instants = lift([*sightings[:10], *meanwhile, *sightings[10:]], rig)
    assert all(instant.people == () for instant in instants[12:210])
    assert {person.track_id for instant in instants[:10] for person in instant.people} == {1, 2}
    assert {person.track_id for instant in instants[210:] for person in instant.people} == {3, 4}
