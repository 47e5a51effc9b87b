"""Lenses that see what their data sheets say, and cameras that hang where they see the table."""

import functools
import json

import numpy as np
import pytest
from ortwin.capture.errors import ConfigError
from ortwin.capture.geometry import look_at
from ortwin.capture.rig_file import rig_to_json, write_rig
from ortwin.datasets.simulated_or.camera_presets import PRESETS, presets_of
from ortwin.datasets.simulated_or.cameras import cameras_from_json, hang_cameras, table_center_m
from ortwin.datasets.simulated_or.line_of_sight import LineOfSight
from ortwin.datasets.simulated_or.meshes import box
from ortwin.datasets.simulated_or.room import OperatingRoom, RoomConfig, furnish

#: Horizontal and vertical field of view, degrees: Azure Kinect hardware specification, Orbbec Femto Bolt and RealSense
#: D455 data sheets.
DEPTH_FIELD = {
    "azure_kinect_nfov": (75, 65), "azure_kinect_wfov": (120, 120), "femto_bolt": (75, 65), "realsense_d455": (87, 58),
}  # fmt: skip
COLOR_FIELD = {
    "azure_kinect_nfov": (90, 59), "azure_kinect_wfov": (90, 59), "femto_bolt": (80, 51), "realsense_d455": (90, 59),
}  # fmt: skip


def field_deg(lens) -> tuple[float, float]:
    edges = np.array([[-0.5, lens.cy_px], [lens.width_px - 0.5, lens.cy_px], [lens.cx_px, -0.5],
                      [lens.cx_px, lens.height_px - 0.5]])  # fmt: skip
    rays = lens.back_project(edges, 1.0)
    left, right, top, bottom = np.rad2deg(np.arctan(np.abs([rays[0, 0], rays[1, 0], rays[2, 1], rays[3, 1]])))
    return left + right, top + bottom


@functools.cache
def room(seed: int) -> OperatingRoom:
    pictures = []

    def book(picture: np.ndarray) -> int:
        pictures.append(picture)
        return len(pictures) - 1

    return furnish(RoomConfig(), np.random.default_rng([seed, 10]), book)


@pytest.mark.parametrize("name", PRESETS)
def test_fields_of_view_are_those_of_the_data_sheets(name):
    kind = PRESETS[name]
    assert field_deg(kind.depth) == pytest.approx(DEPTH_FIELD[name], abs=2.5)
    assert field_deg(kind.color) == pytest.approx(COLOR_FIELD[name], abs=2.5)
    for lens in (kind.color, kind.depth):
        assert (lens.rays()[..., 2] == 1).all()  # every pixel has a ray
    assert kind.range_m[0] >= kind.sensor.nearest_m and kind.range_m[1] <= kind.sensor.farthest_m
    assert 0.01 < kind.color_from_depth.distance_m() < 0.1


def test_a_smaller_image_shows_the_same():
    kind = PRESETS["azure_kinect_nfov"]
    model = kind.model("cam_1", 0.25)
    assert (model.depth.width_px, model.depth.height_px) == (160, 144)
    assert field_deg(model.depth) == pytest.approx(field_deg(kind.depth), abs=1e-6)
    with pytest.raises(ConfigError):
        kind.model("cam_1", 0.01)


def test_kinds_take_turns_and_unknown_ones_are_named():
    kinds = presets_of(["femto_bolt", "realsense_d455"], 3)
    assert [kind.name for kind in kinds] == ["femto_bolt", "realsense_d455", "femto_bolt"]
    with pytest.raises(ConfigError, match="did you mean 'femto_bolt'"):
        presets_of("femto_blot", 1)
    with pytest.raises(ConfigError):
        presets_of([], 1)


@pytest.mark.parametrize("seed", [2])
def test_cameras_hang_free_and_see_the_table(seed):
    standing = room(seed)
    rig = hang_cameras(standing, 12, np.random.default_rng(seed), "azure_kinect_nfov", 0.1)
    sight = LineOfSight(standing.mesh.vertices_m, standing.mesh.faces)
    center_m = table_center_m(standing)
    floor = next(zone.polygon_m for zone in standing.zones if zone.label == "room")
    places_m = np.stack([camera.world_from_camera.translation_m for camera in rig.cameras.values()])
    assert list(rig.cameras) == [f"cam_{number}" for number in range(1, 13)]
    assert (sight.distance_m(places_m) >= 0.1).all()
    assert all((solid.box.distance_m(places_m) > 0).all() for solid in standing.solids)
    assert (places_m[:, :2] > floor.min(axis=0)).all() and (places_m[:, :2] < floor.max(axis=0)).all()
    assert (places_m[:, 2] > 1.9).all()
    apart_m = np.linalg.norm(places_m[:, None] - places_m[None], axis=2) + 10 * np.eye(12)
    assert apart_m.min() >= 0.4
    for camera in rig.cameras.values():
        uv_px = camera.depth.project(camera.world_from_depth.inverse() @ center_m)
        assert camera.depth.contains(uv_px)
        assert 1.5 < np.linalg.norm(camera.world_from_camera.translation_m - center_m) < 4.0
    # The first four stand around the table: each quarter of the plan has one.
    quarters = {tuple(np.sign(place_m[:2] - center_m[:2])) for place_m in places_m[:4]}
    assert len(quarters) == 4


def test_equal_seeds_hang_cameras_equally():
    first, again, other = (
        rig_to_json(hang_cameras(room(1), 3, np.random.default_rng(seed), ["femto_bolt", "realsense_d455"], 0.5))
        for seed in (5, 5, 6)
    )
    assert first == again and first != other


@pytest.mark.parametrize("number", [0, 13])
def test_no_room_has_places_for_such_numbers(number):
    with pytest.raises(ConfigError):
        hang_cameras(room(1), number, np.random.default_rng(1), "femto_bolt")


def test_a_rig_of_the_user_keeps_places_and_gains_what_it_lacks(tmp_path):
    kind = PRESETS["femto_bolt"]
    rig = hang_cameras(room(1), 2, np.random.default_rng(1), "femto_bolt")
    path = tmp_path / "rig.json"
    write_rig(path, rig)
    value = json.loads(path.read_text())
    del value["cam_1"]["depth"], value["cam_1"]["color_from_depth"]
    path.write_text(json.dumps(value))
    read = cameras_from_json(path, "femto_bolt", 0.5)
    for name, camera in read.cameras.items():
        assert np.allclose(camera.world_from_camera.matrix(), rig[name].world_from_camera.matrix())
        assert (camera.depth.width_px, camera.color.width_px) == (kind.depth.width_px // 2, kind.color.width_px // 2)
        assert np.allclose(camera.color_from_depth.matrix(), kind.color_from_depth.matrix())


def test_a_line_of_sight_ends_at_surfaces():
    solid = box(np.zeros(3), np.eye(3), np.ones(3), 0)
    sight = LineOfSight(solid.vertices_m, solid.faces)
    eye_m = np.array([3.0, 0.0, 0.0])
    points_m = np.array([[-3.0, 0, 0], [0.51, 0, 0], [0.5, 0.1, 0.1], [-0.5, 0.1, 0.1], [0, 3.0, 0]])
    assert sight.sees(eye_m, points_m).tolist() == [False, True, True, False, True]
    assert sight.distance_m(points_m[:2]) == pytest.approx([2.5, 0.01], abs=1e-6)
    assert (
        sight.sees(look_at(eye_m, (0, 0, 0)).translation_m, points_m).tolist() == sight.sees(eye_m, points_m).tolist()
    )
