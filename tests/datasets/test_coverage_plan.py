"""Coverage of a rig against rooms whose answer can be worked out by hand, and the verb that prints it."""

import json

import numpy as np
import pytest
from ortwin.capture.camera import CameraModel, CameraRig, Intrinsics
from ortwin.capture.errors import ConfigError
from ortwin.capture.geometry import SE3, look_at
from ortwin.capture.rig_file import write_rig
from ortwin.cli.app import run
from ortwin.datasets.simulated_or.camera_presets import PRESETS
from ortwin.datasets.simulated_or.coverage_drawing import draw_coverage
from ortwin.datasets.simulated_or.coverage_plan import Site, bare_room, cover, plan_coverage, volume_points_m
from ortwin.datasets.simulated_or.line_of_sight import LineOfSight
from ortwin.datasets.simulated_or.meshes import box, merge
from ortwin.datasets.simulated_or.sensor_noise import sigma_m
from ortwin.reconstruction.room_plan import FixtureEntry, RoomPlan, format_room_plan
from ortwin.reconstruction.state import Fixture, OrientedBox, Zone

KIND = PRESETS["femto_bolt"]
#: A pinhole of 90 degrees both ways.
SQUARE = Intrinsics(50.0, 50.0, 49.5, 49.5, 100, 100)
FLOOR_M = np.array([[-2.0, -2.0], [2.0, -2.0], [2.0, 2.0], [-2.0, 2.0]])
ROOM_ZONE = Zone("room", FLOOR_M)
TABLE = Fixture(
    "fixture_1", "operating_table", OrientedBox(np.array([0.0, 0, 0.45]), np.eye(3), np.array([1.0, 1, 0.9]))
)


def square_room(*fixtures: Fixture):
    slab = box(np.array([0, 0, -0.05]), np.eye(3), np.array([4.0, 4.0, 0.1]), 0)
    mesh = merge([slab, *(box(one.box.center_m, one.box.rotation, one.box.extent_m, 0) for one in fixtures)])
    return bare_room(mesh.vertices_m, mesh.faces, fixtures, (ROOM_ZONE,))


def rig_at(*poses: SE3) -> CameraRig:
    return CameraRig(
        {
            f"cam_{n}": CameraModel(f"cam_{n}", SQUARE, SQUARE, SE3.identity()).placed(pose)
            for n, pose in enumerate(poses, 1)
        }
    )


def kinds(rig: CameraRig):
    return dict.fromkeys(rig.cameras, KIND)


DOWN = look_at((0, 0, 3.0), (0, 0, 0), up=(0, 1, 0))


def test_an_empty_floor_below_a_camera_is_seen():
    rig = rig_at(DOWN, DOWN)
    plan = plan_coverage(square_room(), rig, kinds(rig))
    # 90 degrees from 3 m see 6 x 6 m; the corners of the image, beyond a radius of 1.25 half sides, see nothing.
    radius = np.linalg.norm(plan.floor.points_m[:, :2], axis=1) / (3.0 - plan.floor.points_m[:, 2])
    assert (plan.floor.count == np.where(radius < 1.25, 2, 0)).all()
    assert plan.floor.shares() == {"0": 0.0, "1": 0.0, "2": 1.0, "3+": 0.0}
    assert all(spot.of_volume for spot in plan.blind_spots)  # heads beside the narrow end of the cone


def test_a_table_hides_what_stands_behind_it():
    rig = rig_at(look_at((-1.9, 0, 1.5), (0, 0, 0.3)))
    room = square_room(TABLE)
    site, sight = Site.of(room), LineOfSight(room.mesh.vertices_m, room.mesh.faces)
    # Over the edge of the table top at (0.5, 0.9) from (-1.9, 1.5) the ray meets the floor at 0.5 + 0.9 * 2.4 / 0.6.
    hidden = np.array([[0.6, 0, 0.03], [1.5, 0, 0.03], [1.9, 0, 0.3]])
    seen = np.array([[-0.7, 0, 0.03], [1.5, 0, 0.75], [0.0, 0, 0.95]])
    counts = cover(np.vstack([hidden, seen]), rig, kinds(rig), sight).count
    assert counts.tolist() == [0, 0, 0, 1, 1, 1]
    assert site.table_half_m.tolist() == [0.5, 0.5]
    plan = plan_coverage(room, rig, kinds(rig))
    assert any(spot.where == "east of the operating table" and not spot.of_volume for spot in plan.blind_spots)
    under = np.abs(plan.floor.points_m[:, :2]).max(axis=1) < 0.5
    assert not under.any()  # nobody stands where the table stands
    areas_m2 = [spot.area_m2 for spot in plan.blind_spots]
    assert areas_m2 == sorted(areas_m2, reverse=True)
    floor_m2 = sum(spot.area_m2 for spot in plan.blind_spots if not spot.of_volume)
    assert floor_m2 == pytest.approx((plan.floor.count == 0).sum() * 0.01, abs=0.1)


def test_range_counts():
    room = square_room()
    high = rig_at(look_at((0, 0, KIND.range_m[1] + 0.2), (0, 0, 0), up=(0, 1, 0)))
    plan = plan_coverage(room, high, kinds(high))
    assert plan.floor.shares()["0"] == 1.0
    assert plan.volume.shares()["1"] == 1.0
    assert plan.floor.to_json()["mean_sigma_m"] is None


def test_noise_is_that_of_the_sensor_and_falls_with_every_camera():
    point_m, mesh = np.array([[0.0, 0.0, 1.0]]), square_room().mesh
    sight = LineOfSight(mesh.vertices_m, mesh.faces)
    one, three = (cover(point_m, rig, kinds(rig), sight) for rig in (rig_at(DOWN), rig_at(DOWN, DOWN, DOWN)))
    expected = float(sigma_m(np.array(2.0), np.array(np.sqrt(0.5)), KIND.sensor))
    assert one.sigma_m[0] == pytest.approx(expected)
    assert three.sigma_m[0] == pytest.approx(expected / np.sqrt(3))


def test_the_working_volume_lies_around_the_table():
    points_m = volume_points_m(Site.of(square_room(TABLE)))
    assert points_m[:, 2].min() >= 0.5 and points_m[:, 2].max() <= 1.9
    beyond_m = np.linalg.norm(np.maximum(np.abs(points_m[:, :2]) - 0.5, 0), axis=1)
    assert beyond_m.max() <= 1.2
    assert not TABLE.box.contains(points_m).any()
    assert TABLE.box.contains(points_m * [1, 1, 0] + [0, 0, 0.5]).any()  # above the table it goes on


def test_boxes_stand_for_a_room_without_a_mesh():
    room = bare_room(np.zeros((0, 3)), np.zeros((0, 3), np.int64), (TABLE,), (ROOM_ZONE,))
    assert room.mesh.vertices_m[:, 2].max() == pytest.approx(0.9)
    with pytest.raises(ConfigError):
        bare_room(np.zeros((0, 3)), np.zeros((0, 3), np.int64), (), ())


def test_a_plan_can_be_drawn(tmp_path):
    import cv2

    rig = rig_at(look_at((-1.9, 0, 1.5), (0, 0, 0.3)))
    plan = plan_coverage(square_room(TABLE), rig, kinds(rig))
    draw_coverage(plan, tmp_path / "plan.png")
    image = cv2.imread(str(tmp_path / "plan.png"))
    assert min(image.shape[:2]) > 400
    # The colour of "seen by nobody" covers as large a share of the first panel's squares as the figures say, roughly.
    red = (np.abs(image.astype(int) - (43, 24, 178)).max(axis=2) < 12).sum()
    rose = (np.abs(image.astype(int) - (130, 165, 244)).max(axis=2) < 12).sum()
    assert red > 1000 and rose > 1000


def test_the_verb_reads_a_room_and_a_rig_of_the_user(tmp_path, capsys):
    (tmp_path / "room.toml").write_text(
        format_room_plan(RoomPlan((FixtureEntry("operating_table", box=TABLE.box),), (ROOM_ZONE,)))
    )
    write_rig(tmp_path / "rig.json", rig_at(DOWN))
    command = [
        "plan-cameras",
        str(tmp_path / "room.toml"),
        "--rig",
        str(tmp_path / "rig.json"),
        "--preset",
        "femto_bolt",
    ]
    assert run([*command, "--out", str(tmp_path / "plan.png"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert sum(told["floor"]["share_by_cameras"].values()) == pytest.approx(1.0)
    assert told["cameras"]["cam_1"]["place_m"] == [0, 0, 3]
    assert told["cameras"]["cam_1"]["share_of_volume"] > 0.5
    assert (tmp_path / "plan.png").exists()


def test_the_verb_hangs_cameras_and_saves_where(tmp_path, capsys):
    arguments = ["plan-cameras", "turnover", "--seed", "2", "--cameras", "2", "--save-rig", str(tmp_path / "rig.json")]
    assert run([*arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    saved = json.loads((tmp_path / "rig.json").read_text())
    assert list(saved) == ["cam_1", "cam_2"] == list(told["cameras"])
    assert told["volume"]["share_by_cameras"]["0"] < 0.5


def test_a_room_that_is_not_there_is_named(tmp_path, capsys):
    assert run(["plan-cameras", "knee_replacemnt"]) == 2
    assert "did you mean 'knee_replacement'" in capsys.readouterr().err
    assert run(["plan-cameras", str(tmp_path)]) == 2
