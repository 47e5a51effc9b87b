"""Clusters, tracks, the ray test and surfaces, on shapes whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.camera import Camera, Intrinsics
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import SE3, look_at
from ortwin.reconstruction.clusters import Cluster, find_clusters, find_heads
from ortwin.reconstruction.moving_points import MovingPoints
from ortwin.reconstruction.state import Visibility
from ortwin.reconstruction.surfaces import decode_surface, encode_surface, thin
from ortwin.reconstruction.track_smoothing import RawTrack, smooth_tracks
from ortwin.reconstruction.tracking import Tracker
from ortwin.reconstruction.visibility import ray_test

SPACING_M = 0.02


def cylinder(x_m: float, y_m: float, radius_m: float, low_m: float, high_m: float) -> np.ndarray:
    """Points on an upright cylinder and its lid, about one per SPACING_M^2."""
    angles = np.arange(0, 2 * np.pi, SPACING_M / radius_m)
    heights = np.arange(low_m, high_m, SPACING_M)
    angle, height = np.meshgrid(angles, heights)
    side = np.column_stack(
        [x_m + radius_m * np.cos(angle.ravel()), y_m + radius_m * np.sin(angle.ravel()), height.ravel()]
    )
    grid = np.arange(-radius_m, radius_m, SPACING_M)
    lid = np.array([[x_m + a, y_m + b, high_m] for a in grid for b in grid if a * a + b * b < radius_m**2])
    return np.concatenate([side, lid]).astype(np.float32)


def person(x_m: float, y_m: float, height_m: float = 1.75) -> np.ndarray:
    """A body with shoulders, and a head on top."""
    return np.concatenate(
        [cylinder(x_m, y_m, 0.22, 0.05, height_m - 0.3), cylinder(x_m, y_m, 0.1, height_m - 0.3, height_m)]
    )


def moving(*parts: np.ndarray) -> MovingPoints:
    points_m = np.concatenate(parts)
    area_m2 = np.full(len(points_m), SPACING_M**2, np.float32)
    return MovingPoints(points_m, area_m2, np.zeros(len(points_m), np.uint8))


def test_two_people_apart_are_two_clusters_at_their_places():
    clusters = find_clusters(moving(person(0, 0), person(1.5, 0.5, 1.6)))
    assert len(clusters) == 2
    places = sorted(cluster.center_m[:2].tolist() for cluster in clusters)
    np.testing.assert_allclose(places, [[0, 0], [1.5, 0.5]], atol=SPACING_M)
    tops_m = sorted(float(cluster.high_m[2]) for cluster in clusters)
    np.testing.assert_allclose(tops_m, [1.6, 1.75], atol=2 * SPACING_M)


def test_two_people_shoulder_to_shoulder_are_split_at_their_heads():
    points = moving(person(0, 0), person(0.46, 0, 1.7))
    assert len(find_heads(points)) == 2
    places = sorted(cluster.center_m[0] for cluster in find_clusters(points))
    np.testing.assert_allclose(places, [0, 0.46], atol=0.05)


def test_a_person_and_the_cart_that_he_pushes_are_two_things():
    cart = cylinder(0.75, 0, 0.3, 0.05, 0.9)
    clusters = find_clusters(moving(person(0, 0), cart))
    tops_m = sorted(float(cluster.high_m[2]) for cluster in clusters)
    np.testing.assert_allclose(tops_m, [0.9, 1.75], atol=2 * SPACING_M)


def test_specks_and_floor_noise_are_nothing():
    rng = np.random.default_rng(0)
    floor = np.column_stack([rng.uniform(-2, 2, (5000, 2)), rng.normal(0, 0.01, 5000)]).astype(np.float32)
    specks = rng.uniform([-2, -2, 0.2], [2, 2, 2], (40, 3)).astype(np.float32)
    assert find_clusters(moving(floor, specks)) == []


@pytest.mark.parametrize("fps", [5, 10, 30])
def test_two_people_who_cross_keep_their_identities(fps):
    tracker = Tracker()
    owners: dict[int, set[int]] = {0: set(), 1: set()}
    for k in range(4 * fps):
        t_s = k / fps
        places = [(-2 + t_s, 0.3), (2 - t_s, -0.3)]
        clusters = find_clusters(moving(*(person(*place) for place in places)))
        tracker.predict(round(t_s * 1e9))
        clusters, matches = tracker.match(clusters)
        numbers = tracker.commit(clusters, matches, [], 1_000_000_000 // fps)
        for at, number in numbers.items():
            nearest = int(np.argmin([np.linalg.norm(clusters[at].center_m[:2] - place) for place in places]))
            owners[nearest].add(number)
    assert owners[0].isdisjoint(owners[1])
    assert (len(owners[0]), len(owners[1])) == (1, 1)


def test_a_tracker_goes_on_exactly_where_it_was_saved():
    import json

    trackers = [Tracker(), Tracker()]
    for k in range(10):
        cluster = Cluster.of(moving(person(0.1 * k, 0.0)))
        if k == 5:
            fresh = Tracker()
            fresh.restore(json.loads(json.dumps(trackers[1].to_json())))
            trackers[1] = fresh
        for tracker in trackers:
            tracker.predict(k * 100_000_000)
            clusters, matches = tracker.match([cluster])
            tracker.commit(clusters, matches, [], 100_000_000)
    assert json.dumps(trackers[0].to_json()) == json.dumps(trackers[1].to_json())


def test_smoothing_recovers_a_noisy_walk_better_than_its_measurements():
    rng = np.random.default_rng(1)
    count, sigma_m = 80, 0.07
    times_ns = np.arange(count) * 100_000_000
    truth = np.column_stack([times_ns * 1e-9, np.zeros(count), np.full(count, 0.9)])
    center_m = truth + np.column_stack([rng.normal(0, sigma_m, (count, 2)), np.zeros(count)])
    extent_m = np.tile([0.5, 0.5, 1.8], (count, 1))
    raw = RawTrack(
        4,
        times_ns,
        np.ones(count, bool),
        center_m,
        extent_m,
        np.full(count, 0.5),
        np.ones(count, bool),
        np.full(count, 900),
    )
    (path,) = smooth_tracks([raw], times_ns)
    assert path.track.track_id == "person_1"
    error_m = np.linalg.norm((path.center_m - truth)[:, :2], axis=1)
    assert np.sqrt((error_m**2).mean()) < 0.7 * sigma_m * np.sqrt(2)
    assert np.abs(path.velocity_m_s[10:-10, 0] - 1).max() < 0.5


def standing(bottom_m: np.ndarray, top_m: np.ndarray) -> RawTrack:
    """Someone who walks in a straight line and whose box is seen from `bottom_m` to `top_m` (t,)."""
    count = len(bottom_m)
    center_m = np.column_stack([np.arange(count) * 0.1, np.zeros(count), (bottom_m + top_m) / 2])
    extent_m = np.column_stack([np.full((count, 2), 0.5), top_m - bottom_m])
    return RawTrack(
        0, np.arange(count) * 100_000_000, np.ones(count, bool), center_m, extent_m, np.full(count, 0.6),
        np.ones(count, bool), np.full(count, 500),
    )  # fmt: skip


def test_a_person_whose_legs_are_hidden_for_a_while_still_stands_on_the_floor():
    bottom_m, top_m = np.full(30, 0.02), np.full(30, 1.75)
    bottom_m[5:15] = 1.0
    raw = standing(bottom_m, top_m)
    (path,) = smooth_tracks([raw], raw.times_ns)
    np.testing.assert_allclose(path.center_m[:, 2], (0.02 + 1.75) / 2, atol=1e-6)
    np.testing.assert_allclose(path.extent_m[:, 2], 1.75 - 0.02, atol=1e-6)


def test_a_person_who_lies_down_on_a_table_is_not_drawn_down_to_the_floor():
    bottom_m, top_m = np.full(30, 0.02), np.full(30, 1.75)
    bottom_m[18:], top_m[18:] = 0.9, 1.2
    raw = standing(bottom_m, top_m)
    (path,) = smooth_tracks([raw], raw.times_ns)
    np.testing.assert_allclose(path.center_m[22:, 2] - path.extent_m[22:, 2] / 2, 0.9, atol=1e-6)


def test_someone_who_is_never_seen_below_the_chest_keeps_what_was_measured():
    raw = standing(np.full(20, 0.95), np.full(20, 1.7))
    (path,) = smooth_tracks([raw], raw.times_ns)
    np.testing.assert_allclose(path.extent_m[:, 2], 0.75, atol=1e-6)


def test_a_thing_that_stays_where_it_is_and_flickers_is_no_track():
    count = 30
    raw = RawTrack(
        0, np.arange(count) * 100_000_000, np.ones(count, bool), np.tile([1.0, 1.0, 0.4], (count, 1)),
        np.tile([0.3, 0.3, 0.4], (count, 1)), np.full(count, 0.06), np.zeros(count, bool), np.full(count, 50),
    )  # fmt: skip
    assert smooth_tracks([raw], raw.times_ns) == []


@pytest.fixture
def camera() -> Camera:
    lens = Intrinsics(200.0, 200.0, 159.5, 119.5, 320, 240)
    return Camera("cam", lens, lens, SE3.identity(), 0.001, look_at((0, -3, 1), (0, 0, 1)))


@pytest.mark.parametrize(
    ("depth_m", "x_m", "expected", "through"),
    [
        (3.0, 0.0, Visibility.SEEN, False),
        (1.5, 0.0, Visibility.HIDDEN, False),
        (4.5, 0.0, Visibility.HIDDEN, True),
        (3.0, 9.0, Visibility.OUTSIDE, False),
        (0.0, 0.0, Visibility.HIDDEN, False),
    ],
)
def test_the_ray_test_tells_seen_hidden_outside_and_absent_apart(camera, depth_m, x_m, expected, through):
    rng = np.random.default_rng(0)
    points_m = np.column_stack([x_m + rng.uniform(-0.2, 0.2, 40), np.zeros(40), rng.uniform(0.8, 1.2, 40)])
    depth_raw = np.full((240, 320), round(depth_m * 1000), np.uint16)
    verdict = ray_test(camera, depth_raw, points_m)
    assert (verdict.visibility, verdict.looked_through) == (expected, through)


def test_surfaces_come_back_within_their_resolution_and_damage_is_refused():
    rng = np.random.default_rng(2)
    points_m = rng.uniform(-3, 3, (500, 3)).astype(np.float32)
    colors_rgb = rng.integers(0, 256, (500, 3), dtype=np.uint8)
    packet = encode_surface(points_m, colors_rgb)
    assert packet == encode_surface(points_m, colors_rgb)
    back_m, back_rgb = decode_surface(packet)
    assert np.abs(back_m - points_m).max() <= 0.0005 + 1e-6
    assert np.array_equal(back_rgb, colors_rgb)
    with pytest.raises(InputError):
        decode_surface(packet[: len(packet) // 2])
    empty = decode_surface(encode_surface(points_m[:0], colors_rgb[:0]))
    assert empty[0].shape == (0, 3)


def test_thinning_leaves_one_point_per_voxel():
    points_m = np.random.default_rng(3).uniform(0, 1, (20000, 3)).astype(np.float32)
    kept = points_m[thin(points_m, 0.1)]
    cells = np.floor((kept - points_m.min(axis=0)) / np.float32(0.1)).astype(int)
    assert len(np.unique(cells, axis=0)) == len(kept)
    assert 1000 <= len(kept) <= 1331
