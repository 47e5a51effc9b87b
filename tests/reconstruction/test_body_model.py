"""The family of bodies: what it holds, how it is posed, and how users bring another one."""

import numpy as np
import pytest
import torch
from ortwin.capture.errors import ConfigError, InputError
from ortwin.reconstruction.body_limits import joint_limits
from ortwin.reconstruction.body_losses import BodyNoise, PoseTerm
from ortwin.reconstruction.body_model import anny_adult, load_body_model
from ortwin.reconstruction.body_pose import BodyParameters, BodyPoser, pose_meshes, rest_normals, turned_by
from ortwin.reconstruction.body_smpl import FACES, read_smpl
from ortwin.reconstruction.skeleton import JOINT
from scipy.spatial.transform import Rotation


def at_rest(num_shapes: int = 10) -> BodyParameters:
    model = anny_adult()
    return BodyParameters(
        np.zeros(num_shapes), np.zeros(20), model.bones_m[None, 0].astype(np.float32), np.zeros((1, 20, 3), np.float32)
    )


def test_the_mean_body_is_an_adult():
    model = anny_adult()
    assert 1.6 < model.stature_m(np.zeros(10)) < 1.8
    heights_m = [model.stature_m(size * np.eye(10)[0]) for size in (-2.0, 2.0)]
    assert abs(heights_m[1] - heights_m[0]) > 0.2, "its first direction is size"
    np.testing.assert_allclose(model.weights.sum(axis=1), 1.0, atol=1e-5)
    assert (model.bone_parents[1:] < np.arange(1, 20)).all()


def test_its_surface_is_closed_and_its_normals_point_out():
    model = anny_adult()
    a, b, c = (model.vertices_m[model.faces[:, corner]].astype(np.float64) for corner in range(3))
    volume_m3 = np.einsum("fi,fi->f", a, np.cross(b, c)).sum() / 6
    assert 0.045 < volume_m3 < 0.1, "a body weighs about a kilogram per litre"
    moved_m = model.vertices_m + 0.01 * rest_normals(model)
    a, b, c = (moved_m[model.faces[:, corner]] for corner in range(3))
    assert np.einsum("fi,fi->f", a, np.cross(b, c)).sum() / 6 > volume_m3 + 0.005


def test_joints_lie_inside_the_skin():
    import open3d as o3d

    model = anny_adult()
    scene = o3d.t.geometry.RaycastingScene(1)
    scene.add_triangles(o3d.core.Tensor(model.vertices_m.copy()), o3d.core.Tensor(model.faces.astype(np.uint32)))
    assert (scene.compute_signed_distance(o3d.core.Tensor(model.joints_m.copy())).numpy() < -0.001).all(), (
        "eyes lie in hollows"
    )


def test_left_is_left():
    joints_m = anny_adult().joints_m
    for name in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"):
        assert joints_m[JOINT[f"left_{name}"], 1] > joints_m[JOINT[f"right_{name}"], 1]
    assert joints_m[JOINT["nose"], 0] > joints_m[JOINT["left_ear"], 0]


def test_a_body_at_rest_is_the_mean_body():
    vertices_m, joints_m = pose_meshes(anny_adult(), at_rest())
    np.testing.assert_allclose(vertices_m[0], anny_adult().vertices_m, atol=1e-5)
    np.testing.assert_allclose(joints_m[0], anny_adult().joints_m, atol=1e-5)


def test_a_turned_body_is_turned_as_a_whole():
    model, body = anny_adult(), at_rest()
    vector = np.array([0.4, -1.1, 2.0])
    turn = Rotation.from_rotvec(vector).as_matrix()
    body.turns_rad[0, 0] = vector
    vertices_m, joints_m = pose_meshes(model, body)
    about_m = model.bones_m[0]
    np.testing.assert_allclose(vertices_m[0], (model.vertices_m - about_m) @ turn.T + about_m, atol=1e-5)
    np.testing.assert_allclose(joints_m[0], (model.joints_m - about_m) @ turn.T + about_m, atol=1e-5)


def test_a_bone_takes_along_what_hangs_on_it_and_nothing_else():
    model, body = anny_adult(), at_rest()
    body.turns_rad[0, model.bone("left_forearm")] = [0.0, 0.0, 0.7]
    joints_m = pose_meshes(model, body)[1][0]
    moved = np.flatnonzero(np.linalg.norm(joints_m - model.joints_m, axis=1) > 1e-4)
    assert moved.tolist() == [JOINT["left_wrist"]]
    lengths_m = [np.linalg.norm(j[JOINT["left_wrist"]] - j[JOINT["left_elbow"]]) for j in (joints_m, model.joints_m)]
    assert lengths_m[0] == pytest.approx(lengths_m[1], abs=1e-5)


def test_clothes_stand_off_along_the_normals():
    body = at_rest()
    body.clothing_m[:] = 0.02
    skin_m, clothed_m = (pose_meshes(anny_adult(), body, clothed=clothed)[0][0] for clothed in (False, True))
    np.testing.assert_allclose(np.linalg.norm(clothed_m - skin_m, axis=1), 0.02, atol=1e-4)


@pytest.mark.parametrize("vector", [(0.0, 0.0, 0.0), (1e-5, 0.0, 0.0), (0.3, -0.2, 0.9), (0.0, 3.1, 0.0)])
def test_rotation_vectors_are_those_of_scipy(vector):
    ours = turned_by(torch.tensor([vector], dtype=torch.float64))[0].numpy()
    np.testing.assert_allclose(ours, Rotation.from_rotvec(vector).as_matrix(), atol=1e-8)


def test_posing_is_differentiable_at_rest():
    poser = BodyPoser(anny_adult())
    turns = torch.zeros(2, 20, 3, requires_grad=True)
    shape = torch.zeros(10, requires_grad=True)
    bones = poser.bones(shape, torch.zeros(2, 3), turned_by(turns))
    (poser.skin(shape, bones)[0].square().sum() + poser.joints(shape, bones).sum()).backward()
    assert torch.isfinite(turns.grad).all()
    assert (turns.grad.abs().sum(dim=(0, 2)) > 0).all()
    assert (shape.grad != 0).all()


@pytest.mark.parametrize(
    ("bone", "vector", "moved", "axis", "sign"),
    [
        ("left_shin", (1, 0, 0), "left_ankle", 0, -1),
        ("left_thigh", (0, 1, 0), "left_knee", 1, 1),
        ("right_thigh", (0, 1, 0), "right_knee", 1, -1),
        ("left_upper_arm", (0, 1, 0), "left_elbow", 1, 1),
        ("right_upper_arm", (0, 1, 0), "right_elbow", 1, -1),
        ("left_forearm", (1, 0, 0), "left_wrist", 2, 1),
        ("right_forearm", (1, 0, 0), "right_wrist", 2, 1),
        ("lumbar", (1, 0, 0), "nose", 0, 1),
        ("chest", (0, 1, 0), "nose", 1, 1),
        ("neck", (1, 0, 0), "nose", 2, -1),
    ],
)
def test_bending_goes_the_way_that_bodies_bend(bone, vector, moved, axis, sign):
    """Knees fold backwards, elbows lift the hand, trunks bend forward."""
    model, body = anny_adult(), at_rest()
    number = model.bone(bone)
    body.turns_rad[0, number] = 0.4 * np.array(vector) @ joint_limits(model).axes[number]
    shift_m = pose_meshes(model, body)[1][0, JOINT[moved]] - model.joints_m[JOINT[moved]]
    assert np.sign(shift_m[axis]) == sign
    assert abs(shift_m[axis]) > 0.02


def test_what_no_joint_can_do_costs():
    limits = joint_limits(anny_adult())
    term = PoseTerm(limits, BodyNoise())
    turns = torch.zeros(3, 20, 3)
    knee = anny_adult().bone("left_shin")
    turns[1, knee] = torch.from_numpy(limits.axes[knee, 0].astype(np.float32)) * 1.5
    turns[2, knee] = -torch.from_numpy(limits.axes[knee, 0].astype(np.float32)) * 1.0
    rest, folded, broken = term(turns).tolist()
    assert rest == 0
    assert broken > 10 * folded > 0


def test_an_unknown_model_is_named_with_its_nearest():
    assert load_body_model().name == "anny"
    with pytest.raises(ConfigError, match="did you mean 'anny'"):
        load_body_model("any")


def smpl_file(path, num_vertices, num_joints):
    """A file with SMPL's layout: its arrays hold our mean body, in its axes, as far as that has vertices."""
    rng, model = np.random.default_rng(1), anny_adult()
    rows = rng.integers(0, len(model.vertices_m), num_vertices)
    to_smpl = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    weights = np.zeros((num_vertices, num_joints))
    weights[np.arange(num_vertices), rng.integers(0, num_joints, num_vertices)] = 1.0
    regressor = rng.random((num_joints, num_vertices))
    parents = np.concatenate([[2**32 - 1], [0, 0, 0], np.arange(1, num_joints - 3)]).astype(np.uint32)
    np.savez(
        path, v_template=model.vertices_m[rows] @ to_smpl.T - [0.0, 1.2, 0.0],
        shapedirs=rng.normal(0, 0.01, (num_vertices, 3, 16)),
        J_regressor=regressor / regressor.sum(axis=1, keepdims=True), weights=weights,
        kintree_table=np.stack([parents, np.arange(num_joints, dtype=np.uint32)]),
        f=rng.integers(0, num_vertices, (100, 3)),
    )  # fmt: skip
    return rows


@pytest.mark.parametrize(("num_vertices", "num_joints", "name"), [(6890, 24, "smpl"), (10475, 55, "smplx")])
def test_a_licensed_body_takes_the_same_form(tmp_path, num_vertices, num_joints, name):
    rows = smpl_file(tmp_path / "model.npz", num_vertices, num_joints)
    model, ours = read_smpl(tmp_path / "model.npz"), anny_adult()
    assert model.name == name
    assert sorted(model.bone_names) == sorted(ours.bone_names)
    assert (model.bone_parents[1:] < np.arange(1, 20)).all()
    shift_m = model.vertices_m - ours.vertices_m[rows]
    assert np.ptp(shift_m, axis=0).max() < 1e-5, "x forward, y left, z up"
    assert model.vertices_m[:, 2].min() == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_allclose(model.weights.sum(axis=1), 1.0, atol=1e-5)
    face = list(FACES[num_vertices])
    assert np.linalg.norm(model.joints_m[:5] - model.vertices_m[face], axis=1) == pytest.approx(0.02, abs=1e-4)
    joint_limits(model)


def test_files_that_hold_no_body_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="pickle"):
        read_smpl(tmp_path / "SMPL_NEUTRAL.pkl")
    with pytest.raises(ConfigError, match="needs a file"):
        read_smpl(None)
    (tmp_path / "torn.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match="no SMPL"):
        read_smpl(tmp_path / "torn.npz")
    smpl_file(tmp_path / "odd.npz", 500, 24)
    with pytest.raises(InputError, match="neither"):
        read_smpl(tmp_path / "odd.npz")
