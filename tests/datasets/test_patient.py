"""The patient rests on the mattress: not above it, hardly in it, head where the head belongs."""

import numpy as np
import pytest
from ortwin.datasets.simulated_or.patient import landmarks_m, lying_patient
from ortwin.datasets.simulated_or.room import TableTop
from ortwin.datasets.simulated_or.turning import about_y

DEEPEST_M = 0.015


def table(tilt_rad=0.0):
    return TableTop(np.array([0.1, -0.05, 0.85]), 2.05, 0.56, tilt_rad)


def on_table_m(points_m, top):
    """Points in the table's frame: x along it, z up from the mattress."""
    return (points_m - top.center_m) @ about_y(-top.tilt_rad)


@pytest.fixture(params=[("man", False, 0.0), ("woman", True, 0.0), ("tall_man", False, 0.15), ("woman", False, -0.1)])
def lying(request, book):
    name, prone, tilt_rad = request.param
    top = table(tilt_rad)
    shape = request.getfixturevalue(name)
    return lying_patient(shape, top, np.random.default_rng(1), book, prone=prone), top, prone


def test_the_body_rests_on_the_mattress(lying):
    person, top, _ = lying
    skin_m = on_table_m(person.skin_m(0.0), top)
    assert -DEEPEST_M < skin_m[:, 2].min() < 0.0
    following = person.shape.weight_bones[:, 0]
    for bones in (
        ("head",),
        ("root", "spine05", "spine04", "spine01", "spine02", "pelvis.L"),
        ("foot.L",),
        ("foot.R",),
    ):
        rows = np.isin(following, [person.shape.bone_names.index(bone) for bone in bones])
        assert skin_m[rows, 2].min() < 0.025, f"{bones} float"


def test_the_patient_lies_along_the_table_with_the_head_at_its_end(lying):
    person, top, prone = lying
    joints_m = on_table_m(person.joints_m(0.0), top)
    assert joints_m[0, 0] > joints_m[5, 0] > joints_m[11, 0] > joints_m[13, 0] > joints_m[15, 0]
    skin_m = on_table_m(person.skin_m(0.0), top)
    assert np.abs(skin_m[:, 0]).max() < top.length_m / 2 + 0.03
    assert np.abs(skin_m[:, 1]).max() < 0.36
    assert (joints_m[5, 1] < joints_m[6, 1]) == (not prone)
    assert (joints_m[0, 2] > joints_m[3:5, 2].mean()) == (not prone)
    for hand, hip in ((9, 11), (10, 12)):
        assert abs(joints_m[hand, 0] - joints_m[hip, 0]) < 0.2


def test_joints_of_the_patient_are_inside(lying, depth_inside_m):
    person, _, _ = lying
    assert depth_inside_m(person.skin_m(0.0), person.shape.faces, person.joints_m(0.0)).min() > 0.003


def test_the_patient_keeps_still(lying):
    person, _, _ = lying
    assert not person.moves(0.0, 100.0)
    assert np.array_equal(person.vertices_m(0.0), person.vertices_m(50.0))
    assert person.label == person.role == "patient"


def test_landmarks_lie_on_the_skin_and_face_up(lying):
    person, top, prone = lying
    skin_m = person.skin_m(0.0)
    points_m = landmarks_m(person)
    for name, point_m in points_m.items():
        assert np.linalg.norm(skin_m - point_m, axis=1).min() < 0.045, name
        beside = np.linalg.norm(skin_m[:, :2] - point_m[:2], axis=1) < 0.02
        assert not beside.any() or skin_m[beside, 2].max() < point_m[2] + 1e-6, name
    lumbar = [on_table_m(points_m[f"L{k}"], top)[0] for k in range(1, 6)]
    assert lumbar == sorted(lumbar, reverse=True)
    assert 0.06 < lumbar[0] - lumbar[-1] < 0.35
    joints_m = person.joints_m(0.0)
    assert np.linalg.norm(points_m["knee"][:2] - joints_m[14 if prone else 13, :2]) < 0.05
