"""A rig whose cameras were moved: the pose of each moment, and what rig.json says of it."""

import json

import numpy as np
import pytest
from ortwin.capture.camera import CameraModel, CameraRig, Intrinsics
from ortwin.capture.camera_move import CameraMove, PoseFrom
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import SE3
from ortwin.capture.rig_file import rig_from_json, rig_to_json


def place(x_m: float) -> SE3:
    return SE3.exp(np.array([0.1, 0.0, 0.2, x_m, 0.0, 1.0]))


@pytest.fixture
def rig() -> CameraRig:
    lens = Intrinsics(100.0, 100.0, 31.5, 23.5, 64, 48)
    models = {name: CameraModel(name, lens, lens, SE3.identity()) for name in ("cam_1", "cam_2")}
    moves = (PoseFrom("cam_2", 900, place(3.0), 4 * np.eye(6)), PoseFrom("cam_2", 500, place(2.0)))
    return CameraRig({name: model.placed(place(1.0)) for name, model in models.items()}, moves=moves)


def x_m(rig: CameraRig, name: str) -> float:
    return float(rig[name].world_from_camera.translation_m[0])


def test_each_moment_has_its_pose(rig):
    assert [x_m(rig.at(time_ns), "cam_2") for time_ns in (0, 499, 500, 899, 900, 10**18)] == [1, 1, 2, 2, 3, 3]
    assert [x_m(rig.at(time_ns), "cam_1") for time_ns in (0, 900)] == [1, 1]
    assert rig.at(900).moves == ()
    assert "cam_2" not in rig.at(500).covariance
    np.testing.assert_array_equal(rig.at(900).covariance["cam_2"], 4 * np.eye(6))


def test_another_world_moves_every_pose(rig):
    new_from_old = SE3.exp(np.array([0.0, 0.0, 1.0, 5.0, 6.0, 7.0]))
    for time_ns in (0, 600, 900):
        there = rig.moved(new_from_old, "other").at(time_ns)["cam_2"].world_from_camera
        expected = new_from_old @ rig.at(time_ns)["cam_2"].world_from_camera
        np.testing.assert_allclose(there.matrix(), expected.matrix(), atol=1e-12)


def test_rig_json_keeps_the_moves(rig):
    again = rig_from_json(json.loads(json.dumps(rig_to_json(rig))), None, "rig.json")
    assert [(move.camera_id, move.from_ns) for move in again.moves] == [("cam_2", 500), ("cam_2", 900)]
    for time_ns in (0, 500, 900):
        np.testing.assert_allclose(
            again.at(time_ns)["cam_2"].world_from_camera.matrix(), rig.at(time_ns)["cam_2"].world_from_camera.matrix()
        )


@pytest.mark.parametrize("moves", [{"from_ns": 3}, [3], [{"from_ns": 3}], [{"from_ns": 0.5}], [{"from_ns": True}]])
def test_a_wrong_move_is_refused_by_camera(rig, moves):
    value = rig_to_json(rig)
    value["cam_2"]["moves"] = moves
    with pytest.raises(InputError, match="cam_2"):
        rig_from_json(value, None, "rig.json")


def test_a_move_says_how_far():
    move = CameraMove("cam_1", 7, SE3.exp(np.array([0, 0, np.radians(2.0), 0.03, 0, 0])), np.diag([1e-6] * 6))
    assert move.angle_deg == pytest.approx(2.0)
    assert move.shift_mm == pytest.approx(30.0)
    assert move.to_json()["sigma_mm"] == pytest.approx(1e3 * np.sqrt(3e-6))
    assert "2.0 deg" in move.in_words()
    lost = CameraMove("cam_1", 7, None, np.diag([np.inf] * 6))
    assert lost.to_json()["angle_deg"] is None
    assert "cannot be told" in lost.in_words()
