"""The standing room of a simulated corner of the world: cameras, a table, a tower, a real sensor's noise."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest
from ortwin.capture.background import BackgroundModel
from ortwin.capture.camera import CameraModel, CameraRig, Intrinsics
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import SE3, look_at
from ortwin.capture.noise import DepthNoise
from ortwin.reconstruction.room_plan import parse_room_plan
from ortwin.reconstruction.state import OrientedBox, StaticScene
from ortwin.reconstruction.static_room import RoomConfig, build_static_room
from scipy.spatial import KDTree

DEPTH = Intrinsics(250.0, 250.0, 160.0, 143.0, 320, 288)
COLOR = Intrinsics(300.0, 300.0, 319.0, 181.0, 640, 360, "brown_conrady", np.array([0.05, -0.02, 0.0, 0.0]))
COLOR_FROM_DEPTH = SE3.exp(np.array([np.deg2rad(-5.0), 0.0, 0.0, -0.03, 0.0, 0.004]))
ROOM = OrientedBox(np.array([0.0, 0.0, 1.3]), np.eye(3), np.array([4.4, 3.8, 2.6]))
NUM_FRAMES = 30
COARSE = RoomConfig(voxel_size_m=0.03)


def turned(yaw_rad: float) -> np.ndarray:
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


TABLE = OrientedBox(np.array([0.1, 0.0, 0.45]), turned(0.3), np.array([1.9, 0.6, 0.9]))
TOWER = OrientedBox(np.array([1.5, 0.5, 0.65]), turned(-0.2), np.array([0.6, 0.5, 1.3]))


def crossings(box: OrientedBox, eye: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where rays (..., 3) enter and leave a box, in ray lengths; enter > leave where they miss (slab method)."""
    origin, direction = (eye - box.center_m) @ box.rotation, rays @ box.rotation
    with np.errstate(divide="ignore"):
        a, b = (-box.extent_m / 2 - origin) / direction, (box.extent_m / 2 - origin) / direction
    return np.minimum(a, b).max(axis=-1), np.maximum(a, b).min(axis=-1)


def cast(world_from_lens: SE3, lens: Intrinsics) -> tuple[np.ndarray, np.ndarray]:
    """True depth (h, w) and world points (h, w, 3) of the scene."""
    rays = world_from_lens.rotate(lens.rays().astype(np.float64))
    depth = crossings(ROOM, world_from_lens.translation_m, rays)[1]
    for box in (TABLE, TOWER):
        enter, leave = crossings(box, world_from_lens.translation_m, rays)
        depth = np.where((enter < leave) & (enter > 0), np.minimum(depth, enter), depth)
    return depth, world_from_lens.translation_m + rays * depth[..., None]


def paint(points_m: np.ndarray) -> np.ndarray:
    """A colour for every place, slow enough to be compared between lenses."""
    return (128 + 80 * np.sin(2.0 * points_m + np.array([0.0, 1.0, 2.0]))).astype(np.uint8)


def surface_distance_m(points_m: np.ndarray) -> np.ndarray:
    """Distance to the nearest true surface."""
    walls = (ROOM.extent_m / 2 - np.abs(points_m - ROOM.center_m)).min(axis=-1)
    distances = [np.abs(walls)]
    for box in (TABLE, TOWER):
        inside = (box.extent_m / 2 - np.abs((points_m - box.center_m) @ box.rotation)).min(axis=-1)
        distances.append(np.where(inside > 0, inside, box.distance_m(points_m)))
    return np.min(distances, axis=0)


@cache
def recorded(bias_m: float = 0.0) -> tuple[CameraRig, dict[str, BackgroundModel], np.ndarray]:
    """The rig, the backgrounds, and the surface points that any depth lens saw."""
    rng, noise = np.random.default_rng(3), DepthNoise()
    eyes = {"cam_1": (-2.0, -1.7, 2.3), "cam_2": (2.0, -1.7, 2.2), "cam_3": (-1.9, 1.7, 2.35)}
    cameras, backgrounds, seen = {}, {}, []
    for name, eye in eyes.items():
        camera = CameraModel(name, COLOR, DEPTH, COLOR_FROM_DEPTH).placed(look_at(eye, (0.3, 0.1, 0.6)))
        depth, points = cast(camera.world_from_depth, DEPTH)
        sigma = noise.sigma_m(depth) / np.sqrt(NUM_FRAMES)
        depth = depth + sigma * rng.standard_normal(depth.shape) + (bias_m if name == "cam_2" else 0.0)
        gain = 0.7 if name == "cam_3" else 1.0
        color = (paint(cast(camera.world_from_camera, COLOR)[1]) * gain).astype(np.uint8)
        images = (np.asarray(image, np.float32) for image in (depth, sigma, sigma * np.sqrt(NUM_FRAMES), sigma * 0 + 1))
        cameras[name], backgrounds[name] = camera, BackgroundModel(name, *images, color)
        seen.append(points.reshape(-1, 3))
    return CameraRig(cameras), backgrounds, np.concatenate(seen)


@pytest.fixture(scope="module")
def room() -> StaticScene:
    rig, backgrounds, _ = recorded()
    return build_static_room(rig, backgrounds)


def test_accuracy_and_completeness(room: StaticScene) -> None:
    seen = recorded()[2]
    error_m = surface_distance_m(room.vertices_m.astype(np.float64))
    # The noise of the mean at the far wall is an upper bound; corners are rounded by part of a voxel.
    farthest_m = float(np.linalg.norm(ROOM.extent_m))
    noise_m = DepthNoise().sigma_m(np.array([farthest_m]))[0] / np.sqrt(NUM_FRAMES)
    assert np.median(error_m) < noise_m
    assert np.percentile(error_m, 95) < noise_m + 0.015
    distance_m, _ = KDTree(room.vertices_m).query(seen[::7])
    assert (distance_m < 0.02).mean() > 0.95


def test_every_vertex_says_how_good_it_is(room: StaticScene) -> None:
    error_m = surface_distance_m(room.vertices_m.astype(np.float64))
    assert room.coverage.max() == 3
    assert (room.coverage > 0).mean() > 0.99
    assert (error_m < 3 * room.sigma_m)[room.coverage > 0].mean() > 0.9
    several, one = (np.median(room.sigma_m[room.coverage == count]) for count in (3, 1))
    assert several < one
    assert np.allclose(np.linalg.norm(room.normals, axis=1), 1, atol=1e-3)


def test_colours_agree_across_cameras(room: StaticScene) -> None:
    true = paint(room.vertices_m.astype(np.float64)).astype(np.float64)
    ratio = room.colors_rgb / np.maximum(true, 1)
    level = np.median(ratio)
    assert 0.7 < level < 1.0  # between the dark camera and the others
    assert (np.abs(ratio - level) < 0.12 * level).mean() > 0.9


def test_fixtures_have_the_places_and_sizes_of_the_furniture(room: StaticScene) -> None:
    by_label = {fixture.label: fixture for fixture in room.fixtures}
    assert set(by_label) == {"operating_table", "anesthesia_equipment"}
    for label, truth in (("operating_table", TABLE), ("anesthesia_equipment", TOWER)):
        fixture = by_label[label]
        assert fixture.guessed
        # Trimmed surface and rounded edges: two voxels per side.
        assert np.abs(fixture.box.center_m - truth.center_m).max() < 0.03
        corners = np.sort(fixture.box.distance_m(truth.corners_m()))
        assert corners[-1] < 0.05
        assert np.abs(np.sort(fixture.box.extent_m) - np.sort(truth.extent_m)).max() < 0.06


def test_the_room_zone_is_the_watched_floor(room: StaticScene) -> None:
    (zone,) = room.zones
    assert zone.label == "room"
    assert np.abs(zone.polygon_m[:, 0]).max() < 2.3 and np.abs(zone.polygon_m[:, 1]).max() < 2.0
    x, y = zone.polygon_m.T
    area_m2 = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
    assert 0.8 * 4.4 * 3.8 < area_m2 < 4.6 * 4.0


def test_the_same_input_gives_the_same_bytes(room: StaticScene) -> None:
    rig, backgrounds, _ = recorded()
    again = build_static_room(rig, dict(reversed(backgrounds.items())))
    for name in ("vertices_m", "faces", "colors_rgb", "normals", "sigma_m", "coverage"):
        assert getattr(room, name).tobytes() == getattr(again, name).tobytes(), name


def test_disagreeing_cameras_are_owned_up_to() -> None:
    biased = build_static_room(*recorded(0.02)[:2], COARSE)
    clean = build_static_room(*recorded()[:2], COARSE)
    assert np.median(biased.sigma_m[biased.coverage > 1]) > 1.2 * np.median(clean.sigma_m[clean.coverage > 1])


def test_a_plan_names_the_furniture() -> None:
    rig, backgrounds, _ = recorded()
    text = '[[fixture]]\nlabel = "mako_robot"\nseed_m = [1.5, 0.5, 1.0]\n'
    text += '[[zone]]\nlabel = "sterile_zone"\npolygon_m = [[-1, -1], [1, -1], [1, 1]]\n'
    room = build_static_room(rig, backgrounds, COARSE, parse_room_plan(text))
    named = [fixture for fixture in room.fixtures if not fixture.guessed]
    assert [fixture.label for fixture in named] == ["mako_robot"]
    assert named[0].box.contains(TOWER.center_m[None]).all()
    assert [zone.label for zone in room.zones] == ["room", "sterile_zone"]
    elsewhere = build_static_room(rig, backgrounds, COARSE, parse_room_plan(text.replace("1.5, 0.5", "-1.5, 0.5")))
    assert len(elsewhere.fixtures) == len(room.fixtures)
    assert all(fixture.guessed for fixture in elsewhere.fixtures)


def test_cameras_without_depth_or_background_are_left_out() -> None:
    rig, backgrounds, _ = recorded()
    blind = dataclasses.replace(rig["cam_1"], depth=None)
    partial = CameraRig({**rig.cameras, "cam_1": blind})
    room = build_static_room(partial, {name: backgrounds[name] for name in ("cam_1", "cam_2")}, COARSE)
    assert room.coverage.max() == 1
    nothing = dataclasses.replace(backgrounds["cam_2"], depth_m=np.zeros((288, 320), np.float32))
    with pytest.raises(InputError, match="no camera measured any depth"):
        build_static_room(rig, {"cam_2": nothing})
    with pytest.raises(InputError, match="no camera measured any depth"):
        build_static_room(rig, {})
