"""People from pictures in a build: where is looked, what depth adds, and what is written down."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ortwin.capture.camera import Camera, CameraRig, Intrinsics
from ortwin.capture.errors import ConfigError, InputError
from ortwin.capture.frame_reader import FrameReader
from ortwin.capture.geometry import SE3, look_at
from ortwin.capture.storage import StoredRecording
from ortwin.reconstruction import picture_stage
from ortwin.reconstruction.body_paths import BodyPath
from ortwin.reconstruction.detections import Detection, Sighting
from ortwin.reconstruction.people_stage import INSIDE_M, PeopleConfig, PeopleScene
from ortwin.reconstruction.picture_stage import (
    PictureScene,
    keypoint_table,
    open_people,
    sightings_of,
    with_bodies_of,
    with_depth,
)  # fmt: skip
from ortwin.reconstruction.pose_fit import FitConfig, fit_body, view_of
from ortwin.reconstruction.pose_prior import load_pose_prior
from ortwin.reconstruction.regions import surface_regions

LENS = Intrinsics(600.0, 600.0, 640.0, 360.0, 1280, 720)
STEP_NS = 200_000_000


@pytest.fixture(scope="module")
def rig():
    poses = {"cam_1": look_at((0.0, -3.2, 1.6), (0.0, 0.0, 1.0)), "cam_2": look_at((0.0, -3.2, 1.6), (0.0, -9.0, 1.0))}
    return CameraRig({name: Camera(name, LENS, None, SE3.identity(), 0.001, pose) for name, pose in poses.items()})


def joints_m(*place_m):
    """Somebody who stands at a place on the floor and faces the camera."""
    return load_pose_prior().mean_m[17 * 18] + np.array(place_m)


def surface_m(camera, true_m, rng):
    """Points of the front of a body: about every joint, on the camera's side of it by half of what lies below skin."""
    ahead = true_m - camera.world_from_camera.translation_m
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    front_m = true_m - ahead * INSIDE_M[:, None] / 2
    return (np.repeat(front_m, 40, axis=0) + rng.normal(0, 0.015, (17 * 40, 3))).astype(np.float32)


def detection(camera, true_m, rng, sigma_px=3.0):
    uv_px = camera.color.project(camera.camera_from_world.apply(true_m)) + rng.normal(0, sigma_px, (17, 2))
    return Detection(uv_px, np.full(17, 0.6), 0.6)


def test_the_picture_is_looked_at_where_the_surface_lies(rig):
    points_m = surface_m(rig["cam_1"], joints_m(0.3, 0.0, 0.0), np.random.default_rng(0))
    (region,) = surface_regions(rig["cam_1"], [points_m])
    uv_px = rig["cam_1"].color.project(rig["cam_1"].camera_from_world.apply(points_m.astype(np.float64)))
    assert region.left_px < uv_px[:, 0].min() < uv_px[:, 0].max() < region.right_px
    assert region.top_px < uv_px[:, 1].min() < uv_px[:, 1].max() < region.bottom_px
    assert surface_regions(rig["cam_2"], [points_m]) == ()  # it looks the other way


def test_depth_of_his_own_surface_places_whom_one_camera_sees(rig):
    camera, rng = rig["cam_1"], np.random.default_rng(1)
    true_m, other_m = joints_m(-0.3, 0.4, 0.0), joints_m(0.8, -1.0, 0.0)
    surfaces = [surface_m(camera, each, rng) for each in (other_m, true_m)]
    plain = detection(camera, true_m, rng)
    deep = with_depth(plain, camera, surfaces)
    assert deep.depth_m is not None
    known = np.isfinite(deep.depth_m)
    assert known.all()
    far_m = camera.camera_from_world.apply(true_m)[:, 2]
    # The front fifth of a cloud of 15 mm lies 13 mm before its middle; of the ears' surroundings the face is a part.
    assert np.abs(deep.depth_m - far_m)[5:].max() < 0.04
    assert np.abs(deep.depth_m - far_m)[:5].max() < 0.1
    off_m = []
    for one in (plain, deep):
        fit = fit_body([view_of(camera, one, FitConfig())], load_pose_prior(), FitConfig())
        assert fit is not None
        off_m.append(np.linalg.norm(fit.joints_m[5:13].mean(axis=0) - true_m[5:13].mean(axis=0)))
    assert off_m[1] < 0.03
    assert off_m[1] < off_m[0]


def test_a_surface_that_is_not_his_says_nothing(rig):
    camera, rng = rig["cam_1"], np.random.default_rng(2)
    elsewhere = surface_m(camera, joints_m(1.2, 0.0, 0.0), rng)
    seen = with_depth(detection(camera, joints_m(-0.6, 0.0, 0.0), rng), camera, [elsewhere, np.zeros((0, 3))])
    assert seen.depth_m is not None
    assert np.isnan(seen.depth_m).all()


def test_what_was_seen_comes_back_as_it_was(rig):
    camera, rng = rig["cam_1"], np.random.default_rng(3)
    true_m = joints_m(0.0, 0.0, 0.0)
    two = (detection(camera, true_m, rng), detection(camera, true_m, rng))
    deep = with_depth(two[0], camera, [surface_m(camera, true_m, rng)])
    table = keypoint_table([Sighting(0, 0, {"cam_1": (deep, two[1])}), Sighting(1, STEP_NS, {"cam_1": ()})])
    first, second = sightings_of(table)
    assert (first.instant, first.time_ns, second.instant, second.time_ns) == (0, 0, 1, STEP_NS)
    assert not any(second.cameras.values())
    for before, after in zip((deep, two[1]), first.cameras["cam_1"], strict=True):
        np.testing.assert_array_equal(after.keypoints_px, before.keypoints_px)
        np.testing.assert_array_equal(after.scores, before.scores)
        assert after.score == before.score
    np.testing.assert_array_equal(first.cameras["cam_1"][0].depth_m, deep.depth_m)
    assert sightings_of(keypoint_table([])) == []


class Asked:
    """An estimator that sees somebody in every picture, and remembers what it was shown."""

    def __init__(self, key="asked"):
        self.key, self.pictures = key, []

    def estimate(self, pictures):
        self.pictures += pictures
        return [(Detection(np.full((17, 2), 300.0), np.full(17, 0.5), 0.5),) for _ in pictures]


class Recorded(StoredRecording):
    """A recording of one camera, whose second picture is damaged."""

    def __init__(self, *kinds):
        self.path, self.kinds, self.cameras = Path("a.recording"), kinds, {"cam_1": None}

    def has_stream(self, camera_id, stream):
        return stream in self.kinds

    def color_rgb(self, camera_id, position, reduction=1):
        if position == 1:
            raise InputError("the picture is damaged")
        return np.zeros((720, 1280, 3), np.uint8)


class Read(FrameReader):
    """A frame of every camera at every instant."""

    def __init__(self):
        self.sync = SimpleNamespace(position=lambda instant, name: instant)


def test_cameras_in_whose_pictures_nothing_moves_or_that_are_damaged_are_not_asked(rig):
    estimator = Asked()
    scene = PictureScene(estimator, Recorded("color"), PeopleScene(PeopleConfig()))
    points_m = surface_m(rig["cam_1"], joints_m(0.0, 0.0, 0.0), np.random.default_rng(4))
    surfaces_m = {0: {5: (points_m, True)}, STEP_NS: {5: (points_m, True)}}
    sightings = scene.look_at_all(np.array([0, STEP_NS]), surfaces_m, rig, Read())
    assert [picture.camera_id for picture in estimator.pictures] == ["cam_1"]
    assert [sorted(sighting.cameras) for sighting in sightings] == [["cam_1"], []]


def test_the_stage_is_found_by_the_name_of_its_estimator(monkeypatch):
    colored, blind = Recorded("color", "depth"), Recorded("depth")
    monkeypatch.setattr(picture_stage, "open_estimator", lambda name, request: Asked(f"{name} {request.model}"))
    assert isinstance(open_people(PeopleConfig(), blind), PeopleScene)
    assert isinstance(open_people(PeopleConfig(estimator="none"), blind), PeopleScene)
    scene = open_people(PeopleConfig(estimator="onnx", model="movenet"), colored)
    assert isinstance(scene, PictureScene)
    assert scene.estimator.key == "onnx movenet"
    with pytest.raises(InputError, match="no colour"):
        open_people(PeopleConfig(estimator="onnx"), blind)
    with pytest.raises(ConfigError, match="onyx") as error:
        open_people(PeopleConfig(estimator="onyx"), colored)
    assert "onnx" in str(error.value)


def test_whom_pictures_do_not_show_has_his_body_from_depth():
    def body(name, count):
        zeros = np.zeros((count, 17))
        return BodyPath(
            name, np.arange(count), np.zeros((count, 17, 3)), np.zeros((count, 17, 3, 3)), zeros.astype(np.uint8),
            zeros > 0,
        )  # fmt: skip

    both = with_bodies_of([body("person_2", 3)], [body("person_1", 5), body("person_2", 5)])
    assert [(each.track_id, len(each.times_ns)) for each in both] == [("person_1", 5), ("person_2", 3)]
