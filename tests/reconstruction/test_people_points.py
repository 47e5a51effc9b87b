"""Bodies from the points of their surface: figures as the prior knows them, seen from some sides, with known noise."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ortwin.capture.background import BackgroundModel
from ortwin.capture.camera import Camera, CameraRig, Intrinsics
from ortwin.capture.geometry import SE3, look_at
from ortwin.reconstruction.body_paths import smooth_bodies
from ortwin.reconstruction.body_tables import body_arrays, body_states, body_table, raw_bodies, raw_body_table
from ortwin.reconstruction.figure_offsets import as_people_are
from ortwin.reconstruction.moving_points import MovingPoints
from ortwin.reconstruction.people_stage import INSIDE_M, PeopleConfig, PeopleScene, RawBody, count_views
from ortwin.reconstruction.person_points import PointFitConfig, distance_to_body_m, fit_points
from ortwin.reconstruction.person_smoothing import SmoothingConfig
from ortwin.reconstruction.pose_prior import load_pose_prior
from ortwin.reconstruction.state import Track
from ortwin.reconstruction.still_people import StillPeopleConfig, known_room, release_people
from ortwin.reconstruction.track_smoothing import TrackPath

FIT = PointFitConfig()
PLACES_M = ((-2.6, -2.2, 2.4), (2.6, -2.2, 2.5), (0.2, 2.9, 2.3))
ROOM_M = np.array([[-3.2, -3.2, 0.0], [3.2, 3.2, 3.0]])
NOISE_M = 0.005
HIPS = [11, 12]


def figure(seed: int, at=(0.0, 0.0), gaussian=0, sector=0) -> np.ndarray:
    """(17, 3) a draw from a Gaussian of the pose prior, its pose and size within one deviation."""
    rng, prior = np.random.default_rng(seed), load_pose_prior()
    row = sector * (len(prior.mean_m) // 24) + gaussian
    latent = np.zeros(prior.basis_m.shape[-1])
    latent[: prior.num_shape] = rng.uniform(-1, 1, prior.num_shape)
    return prior.mean_m[row] + prior.basis_m[row] @ latent + np.array([*at, 0.0])


def surface(joints_m: np.ndarray, places_m, seed: int, spacing_m: float = 0.025) -> np.ndarray:
    """(n, 3) points of the surface that faces one of some places, one per voxel, with noise."""
    low_m, high_m = joints_m.min(axis=0) - 0.3, joints_m.max(axis=0) + 0.3
    axes = [np.arange(low, high, spacing_m) for low, high in zip(low_m, high_m, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    distance = distance_to_body_m(grid, joints_m, FIT)
    skin = grid[np.abs(distance) < spacing_m / 2]
    step = np.eye(3) * 1e-4
    slope = np.stack([distance_to_body_m(skin + axis, joints_m, FIT) for axis in step], axis=1)
    normal = slope - distance_to_body_m(skin, joints_m, FIT)[:, None]
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    skin = skin - distance_to_body_m(skin, joints_m, FIT)[:, None] * normal
    faces = np.zeros(len(skin), bool)
    for place_m in places_m:
        ray = np.asarray(place_m) - skin
        faces |= (normal * ray).sum(axis=1) > 0.2 * np.linalg.norm(ray, axis=1)
    rng = np.random.default_rng(seed)
    return (skin[faces] + rng.normal(0, NOISE_M, (int(faces.sum()), 3))).astype(np.float32)


def top_of(joints_m: np.ndarray) -> np.ndarray:
    return joints_m[3:5].mean(axis=0) + np.array([0.0, 0.0, 0.13])


def heading(joints_m: np.ndarray) -> np.ndarray:
    across = (joints_m[5] - joints_m[6] + joints_m[11] - joints_m[12])[:2]
    return np.array([across[1], -across[0]]) / np.linalg.norm(across)


@pytest.mark.parametrize(("seed", "gaussian", "sector"), [(1, 0, 0), (2, 2, 7), (3, 4, 15), (4, 8, 20)])
def test_a_body_is_found_in_its_surface(seed, gaussian, sector):
    truth = figure(seed, (0.4, -0.3), gaussian, sector)
    fit, _ = fit_points(surface(truth, PLACES_M, seed), top_of(truth), FIT)
    error_m = np.linalg.norm(fit.joints_m - truth, axis=1)
    claimed_m = np.sqrt(np.trace(fit.covariance_m2, axis1=1, axis2=2))
    assert heading(fit.joints_m) @ heading(truth) > np.cos(np.deg2rad(30))
    assert error_m.mean() <= 2 * claimed_m.mean()
    assert error_m.mean() <= 0.08


def test_a_hidden_leg_is_less_sure_than_a_seen_one():
    truth = figure(5)
    points_m = surface(truth, PLACES_M, 5)
    seen, _ = fit_points(points_m, top_of(truth), FIT)
    hidden, _ = fit_points(points_m[points_m[:, 2] > 0.95], top_of(truth), FIT)
    ankles = [15, 16]
    always_m2 = 3 * FIT.doubt_m**2
    unsure_m2 = [np.trace(fit.covariance_m2[ankles], axis1=1, axis2=2).mean() - always_m2 for fit in (seen, hidden)]
    assert unsure_m2[1] > 2 * unsure_m2[0]


def test_moving_the_points_moves_the_body():
    truth = figure(6)
    points_m = surface(truth, PLACES_M, 6)
    step = np.array([1.5, -0.75, 0.0], np.float32)
    here, _ = fit_points(points_m, top_of(truth), FIT)
    there, _ = fit_points(points_m + step, top_of(truth) + step, FIT)
    # The voxels that thin the points begin at the lowest of them, so that rounding alone can tell the two apart.
    np.testing.assert_allclose(there.joints_m - step, here.joints_m, atol=0.02)


def test_what_the_figure_errs_by_turns_with_it_and_is_the_same_on_both_sides():
    joints_m, unit_m2 = figure(5), np.tile(np.eye(3) * 1e-4, (17, 1, 1))
    turn = np.array([[np.cos(1.1), -np.sin(1.1), 0], [np.sin(1.1), np.cos(1.1), 0], [0, 0, 1]])
    moved_m, spread_m2 = as_people_are(joints_m, unit_m2)
    np.testing.assert_allclose(as_people_are(joints_m @ turn.T, unit_m2)[0], moved_m @ turn.T, atol=1e-9)
    flip, sides = np.array([1, -1, 1]), [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
    mirrored_m, _ = as_people_are((joints_m * flip)[sides], unit_m2)
    np.testing.assert_allclose((mirrored_m * flip)[sides], moved_m, atol=1e-9)
    assert np.linalg.norm(moved_m[11] - moved_m[12]) < np.linalg.norm(joints_m[11] - joints_m[12])
    assert spread_m2[9, 0, 0] > spread_m2[7, 0, 0] > spread_m2[0, 0, 0]


def raw(number: int, joints_m: np.ndarray, views: int = 2) -> RawBody:
    covariance_m2 = np.tile(np.diag([0.02, 0.03, 0.04]) ** 2, (17, 1, 1))
    return RawBody(number, joints_m, covariance_m2, np.full(17, views, np.uint8), number + 40)


def path_of(number: int, times_ns: np.ndarray, label: str = "person") -> TrackPath:
    count = len(times_ns)
    zeros, track = np.zeros((count, 3)), Track(f"{label}_{number}", label, int(times_ns[0]), int(times_ns[-1]))
    return TrackPath(
        track, number, times_ns, zeros, zeros, zeros, np.zeros(count), np.zeros(count, bool), np.zeros(count, np.int32)
    )


def test_a_gap_is_filled_and_marked_a_long_one_is_not():
    times_ns = np.arange(40, dtype=np.int64) * 100_000_000
    measured = [k for k in range(40) if k not in (5, 6, 7) and not 15 <= k < 30]
    still = figure(7)
    rows = [(int(times_ns[k]), raw(3, still)) for k in measured]
    (body,) = smooth_bodies([path_of(3, times_ns)], rows, SmoothingConfig())
    at = [int(time_ns // 100_000_000) for time_ns in body.times_ns]
    assert at == [k for k in range(40) if not 15 <= k < 30]
    assert body.predicted[at.index(6)].all()
    assert not body.predicted[at.index(4)].any()
    np.testing.assert_allclose(body.joints_m, np.tile(still, (len(at), 1, 1)), atol=1e-6)


def test_what_is_no_person_gets_no_body():
    times_ns = np.arange(5, dtype=np.int64) * 100_000_000
    rows = [(int(time_ns), raw(1, figure(8))) for time_ns in times_ns]
    assert smooth_bodies([path_of(1, times_ns, "object")], rows, SmoothingConfig()) == []
    assert smooth_bodies([path_of(2, times_ns)], rows, SmoothingConfig()) == []


def test_tables_give_back_what_was_put_in():
    times_ns = np.arange(4, dtype=np.int64) * 100_000_000
    rows = [(int(time_ns), raw(number, figure(9 + number))) for time_ns in times_ns for number in (1, 2)]
    for (time_ns, body), (again_ns, again) in zip(rows, raw_bodies(raw_body_table(rows)), strict=True):
        assert (time_ns, body.number, body.source) == (again_ns, again.number, again.source)
        np.testing.assert_array_equal(body.joints_m, again.joints_m)
        np.testing.assert_array_equal(body.covariance_m2, again.covariance_m2)
        np.testing.assert_array_equal(body.num_views, again.num_views)
    bodies = smooth_bodies([path_of(1, times_ns), path_of(2, times_ns)], rows, SmoothingConfig())
    table = body_table(bodies, 0, 250_000_000)
    assert table["time_ns"].to_pylist() == [0, 0, 100_000_000, 100_000_000, 200_000_000, 200_000_000]
    joints_m, covariance_m2, predicted = body_arrays(table)
    np.testing.assert_array_equal(joints_m[::2], bodies[0].joints_m[:3])
    np.testing.assert_allclose(covariance_m2, covariance_m2.transpose(0, 1, 3, 2))
    assert not predicted.any()
    states = body_states(table)
    assert [body.track_id for body in states[100_000_000]] == ["person_1", "person_2"]
    assert raw_bodies(raw_body_table([])) == []
    assert body_states(body_table([], 0, 1)) == {}


@pytest.fixture(scope="module")
def rig() -> CameraRig:
    lens = Intrinsics(100.0, 100.0, 79.5, 79.5, 160, 160)
    return CameraRig(
        {
            f"cam_{number}": Camera(
                f"cam_{number}", lens, lens, SE3.identity(), 0.001, look_at(place_m, (0.0, 0.0, 0.9))
            )
            for number, place_m in enumerate(PLACES_M, 1)
        }
    )


def picture(camera: Camera, *bodies_m: np.ndarray) -> np.ndarray:
    """(h, w) raw depth of a room of four walls and bodies in it, found by walking along the rays (sphere tracing)."""
    assert camera.depth is not None
    pose, rays = camera.world_from_depth, camera.depth.rays().reshape(-1, 3).astype(np.float64)
    direction = rays @ pose.rotation.T
    ahead = np.where(direction > 0, ROOM_M[1], ROOM_M[0]) - pose.translation_m
    room_m = (ahead / np.where(np.abs(direction) < 1e-9, 1e-9, direction)).min(axis=1)
    length = np.linalg.norm(rays, axis=1)
    depth_m, alive = np.full(len(rays), 1.0), np.ones(len(rays), bool)
    for _ in range(40 if bodies_m else 0):
        places_m = pose.translation_m + direction[alive] * depth_m[alive, None]
        gap_m = np.min([distance_to_body_m(places_m, joints_m, FIT) for joints_m in bodies_m], axis=0)
        depth_m[alive] += np.maximum(gap_m, 0.0) / length[alive]
        alive[alive] = (gap_m > 0.002) & (depth_m[alive] < room_m[alive])
    hit = np.where(alive, room_m, np.minimum(depth_m, room_m)) if bodies_m else room_m
    return np.rint(hit / camera.depth_unit_m).astype(np.uint16).reshape(160, 160)


def background(camera: Camera, *bodies_m: np.ndarray) -> BackgroundModel:
    depth_m = picture(camera, *bodies_m) * np.float32(camera.depth_unit_m)
    one = np.ones_like(depth_m)
    return BackgroundModel(camera.camera_id, depth_m, one * 0.001, one * 0.005, one, None)


def motion_near(head_m: np.ndarray) -> list[MovingPoints]:
    points_m = (head_m + np.random.default_rng(0).normal(0, 0.03, (40, 3))).astype(np.float32)
    return [MovingPoints(points_m, np.full(40, 1e-4, np.float32), np.zeros(40, np.uint8))] * 3


def test_whoever_stood_still_is_taken_out_of_the_background(rig):
    body_m = figure(11)
    models = {name: background(camera, body_m) for name, camera in rig.cameras.items()}
    empty = {name: picture(camera) * camera.depth_unit_m for name, camera in rig.cameras.items()}
    cleared = release_people(rig, models, motion_near(top_of(body_m) - np.array([0, 0, 0.1])))
    for name, model in cleared.items():
        person = models[name].depth_m < empty[name] - 0.1
        released = model.support == 0
        assert released[person].mean() > 0.8
        assert released[~person].mean() < 0.02
        assert (known_room(cleared)[name].depth_m[released] == 0).all()
        assert (model.depth_m[released] > models[name].depth_m[released]).all()


def test_furniture_about_which_nothing_moves_stays(rig):
    body_m = figure(11)
    models = {name: background(camera, body_m) for name, camera in rig.cameras.items()}
    elsewhere = motion_near(np.array([1.5, 1.5, 1.6]))
    for motion in ([], elsewhere):
        for name, model in release_people(rig, models, motion).items():
            np.testing.assert_array_equal(model.depth_m, models[name].depth_m)
    off = release_people(rig, models, motion_near(top_of(body_m)), StillPeopleConfig(enabled=False))
    assert all(off[name] is models[name] for name in models)


def test_what_another_camera_looks_through_is_no_room(rig):
    body_m = figure(11)
    models = {name: background(camera, *([body_m] if name == "cam_1" else [])) for name, camera in rig.cameras.items()}
    person = models["cam_1"].depth_m < picture(rig["cam_1"]) * rig["cam_1"].depth_unit_m - 0.1
    cleared = release_people(rig, models, [])
    assert (cleared["cam_1"].support == 0)[person].mean() > 0.6
    assert all((cleared[name].support > 0).all() for name in ("cam_2", "cam_3"))


def test_a_joint_is_seen_where_nothing_stands_before_it(rig):
    body_m, far_m = figure(12), figure(12, (40.0, 0.0))
    raws = {name: picture(camera, body_m) for name, camera in rig.cameras.items()}
    views = count_views([body_m, far_m], rig, raws.get, PeopleConfig())
    assert (views[0, :5] >= 1).all()
    assert (views[1] == 0).all()
    gone = count_views(
        [body_m], rig, {name: picture(camera) for name, camera in rig.cameras.items()}.get, PeopleConfig()
    )
    assert (gone == 0).all()
    assert (count_views([body_m], rig, lambda name: None, PeopleConfig()) == 0).all()
    assert (INSIDE_M > 0).all()


STEP_NS = 100_000_000


def test_a_stage_that_goes_on_from_its_state_says_the_same(rig):
    bodies_m = [figure(13, (0.05 * k, 0.0)) for k in range(4)]
    surfaces = [{7: (surface(body_m, PLACES_M, 13), True)} for body_m in bodies_m]

    def observe(scene: PeopleScene, instants: range) -> list[list[RawBody]]:
        return [scene.observe(k * STEP_NS, rig, surfaces[k], lambda name: None) for k in instants]

    whole, first, second = (PeopleScene(PeopleConfig()) for _ in range(3))
    expected = observe(whole, range(4))
    observe(first, range(2))
    second.restore(json.loads(json.dumps(first.to_json())))
    for (again,), (body,) in zip(observe(second, range(2, 4)), expected[2:], strict=True):
        assert (again.number, again.source) == (body.number, 7)
        np.testing.assert_array_equal(again.joints_m, body.joints_m)
        np.testing.assert_array_equal(again.covariance_m2, body.covariance_m2)
    assert PeopleScene(PeopleConfig(estimator="none")).observe(0, rig, surfaces[0], lambda name: None) == []


def test_a_wisp_and_the_lower_half_of_somebody_get_no_body(rig):
    points_m = surface(figure(14), PLACES_M, 14)
    low = points_m[points_m[:, 2] < 1.1]
    scene = PeopleScene(PeopleConfig())
    assert scene.observe(0, rig, {1: (low, False), 2: (points_m[:20] + 2, True)}, lambda name: None) == []
    assert scene.observe(STEP_NS, rig, {}, lambda name: None) == []
