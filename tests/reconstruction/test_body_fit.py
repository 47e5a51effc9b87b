"""Fitting a body to a track: against the bodies of the simulated operating room, whose rig and pose are not ours."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from ortwin.capture.camera import Camera, Intrinsics
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import SE3
from ortwin.datasets.simulated_or.anny_body import Phenotype, body_shape, skin
from ortwin.datasets.simulated_or.clothing import vertex_normals
from ortwin.evaluation.surfaces import distance_to_surface_m
from ortwin.reconstruction.body_evidence import BodyEvidence, FreeView, free_view, with_normals
from ortwin.reconstruction.body_fit import BodyFitConfig, fit_body, kabsch, place_trunks, windows
from ortwin.reconstruction.body_losses import FreeSpaceTerm
from ortwin.reconstruction.body_model import anny_adult
from ortwin.reconstruction.body_pose import pose_meshes
from scipy.spatial.transform import Rotation

JOINT_SIGMA_M, POINT_SIGMA_M, CLOTHING_M = 0.03, 0.004, 0.012
STEP_NS = 100_000_000
EYES_M = np.array([[3.0, 0.0, 2.5], [-1.5, 2.6, 2.5], [-1.5, -2.6, 2.5]])
QUICK = BodyFitConfig(joint_rounds=50, shape_rounds=30, pose_rounds=20)


class Walker:
    """Somebody who swings arms and legs on the spot, in clothes of one thickness."""

    def __init__(self, num: int) -> None:
        shape = body_shape(Phenotype())
        self.times_ns = STEP_NS * np.arange(num)
        self.joints_m, self.surface_m, self.normals = [], [], []
        self.faces = shape.faces
        for time_s in self.times_ns * 1e-9:
            swing = np.sin(2 * np.pi * 0.8 * time_s)
            turns = np.tile(np.eye(3), (len(shape.bone_names), 1, 1))
            for side, sign in (("left", 1.0), ("right", -1.0)):
                turns[shape.bone("upperleg01", side)] = turned(0, -0.4 * sign * swing, 0)
                turns[shape.bone("lowerleg01", side)] = turned(0, 0.3 + 0.3 * sign * swing, 0)
                turns[shape.bone("upperarm01", side)] = turned(-0.4 * sign, 0.3 * sign * swing, 0)
                turns[shape.bone("lowerarm01", side)] = turned(0, -0.5, 0)
            turns[shape.bone("spine03")] = turned(0, 0.15, 0.1 * swing)
            root = SE3(turned(0, 0, 0.6 + 0.2 * time_s), np.array([0.4 * time_s, 0.1, shape.bone_heads_m[0, 2]]))
            vertices_m, bones = skin(shape, turns, root)
            own = bones[shape.joint_bones]
            self.joints_m.append(np.einsum("jab,jb->ja", own[:, :, :3], shape.joints_m) + own[:, :, 3])
            out = vertex_normals(vertices_m.astype(np.float64), shape.faces)
            self.surface_m.append(vertices_m + CLOTHING_M * out)
            self.normals.append(out)
        self.joints_m = np.array(self.joints_m)

    def evidence(self, seed: int, most: int = 500) -> BodyEvidence:
        rng = np.random.default_rng(seed)
        joints_m = self.joints_m + rng.normal(0, JOINT_SIGMA_M, self.joints_m.shape)
        joints_m[rng.random(joints_m.shape[:2]) < 0.1] = np.nan
        points, normals = [], []
        for surface_m, out in zip(self.surface_m, self.normals, strict=True):
            ways = EYES_M[:, None] - surface_m
            cosine = np.einsum("cni,ni->cn", ways / np.linalg.norm(ways, axis=2, keepdims=True), out).max(axis=0)
            seen = rng.choice(np.flatnonzero(cosine > 0.3), most, replace=False)
            points.append(surface_m[seen] + rng.normal(0, POINT_SIGMA_M, (most, 3)))
            normals.append(out[seen])
        covariance_m2 = np.broadcast_to(JOINT_SIGMA_M**2 * np.eye(3), (*joints_m.shape, 3)).copy()
        return BodyEvidence(self.times_ns, joints_m, covariance_m2, tuple(points), tuple(normals))


def turned(*vector: float) -> np.ndarray:
    return Rotation.from_rotvec(vector).as_matrix()


@pytest.fixture(scope="module")
def walker():
    return Walker(12)


@pytest.fixture(scope="module")
def evidence(walker):
    return walker.evidence(5)


@pytest.fixture(scope="module")
def fit(evidence):
    return fit_body(evidence, anny_adult(), QUICK)


def test_joints_come_nearer_to_the_truth_than_they_were_measured(walker, evidence, fit):
    measured_m = np.nanmean(np.linalg.norm(evidence.joints_m - walker.joints_m, axis=2))
    fitted_m = np.linalg.norm(fit.joints_m - walker.joints_m, axis=2)
    assert measured_m > 1.5 * JOINT_SIGMA_M
    assert fitted_m.mean() < 0.5 * measured_m, "the surface and the skeleton say more than single joints"
    assert np.isfinite(fit.joints_m).all(), "a body has all joints, measured or not"


def test_the_clothed_surface_lies_on_the_true_one(walker, fit):
    meshes_m, _ = pose_meshes(anny_adult(), fit.body)
    for instant in (0, 5, 11):
        off_m = distance_to_surface_m(meshes_m[instant], walker.surface_m[instant], walker.faces)
        assert np.median(off_m) < 0.012
    assert np.nanmedian(fit.surface_m) < 0.012


def test_the_skin_lies_below_the_clothes(walker, fit):
    model = anny_adult()
    skin_m, _ = pose_meshes(model, fit.body, clothed=False)
    clothed_m, _ = pose_meshes(model, fit.body)
    assert (fit.body.clothing_m >= 0).all()
    assert (fit.body.clothing_m <= QUICK.noise.thickest_m).all()
    assert np.linalg.norm(clothed_m - skin_m, axis=2).mean() == pytest.approx(CLOTHING_M, abs=0.008)


def test_it_is_as_tall_as_the_truth(fit):
    true_m = body_shape(Phenotype()).height_m
    assert anny_adult().stature_m(fit.body.shape) == pytest.approx(true_m, abs=0.05)


def test_equal_evidence_gives_equal_bodies(evidence, fit):
    again = fit_body(evidence, anny_adult(), QUICK)
    assert np.array_equal(again.body.turns_rad, fit.body.turns_rad)
    assert np.array_equal(again.body.shape, fit.body.shape)


def test_stored_parameters_give_back_the_fitted_joints(fit):
    assert np.abs(pose_meshes(anny_adult(), fit.body)[1] - fit.joints_m).max() < 1e-4


def test_joints_alone_suffice(walker, evidence):
    none = tuple(np.zeros((0, 3)) for _ in evidence.times_ns)
    fit = fit_body(replace(evidence, points_m=none, normals=none), anny_adult(), QUICK)
    off_m = np.linalg.norm(fit.joints_m - walker.joints_m, axis=2)
    assert off_m[:, 5:].mean() < 1.6 * JOINT_SIGMA_M, "no worse than the joints that were measured"
    assert np.isnan(fit.surface_m).all()
    assert (fit.num_points == 0).all()


def test_a_joint_that_belongs_to_somebody_else_is_left_aside(walker, evidence, fit):
    joints_m = evidence.joints_m.copy()
    joints_m[:, 9] = walker.joints_m[:, 9] + [0.0, 1.2, 0.3]
    found = fit_body(replace(evidence, joints_m=joints_m), anny_adult(), QUICK)
    off_m = np.linalg.norm(found.joints_m - walker.joints_m, axis=2)
    assert off_m[:, 9].mean() < 0.3, "1.24 m off, and the arm is seen"
    assert np.delete(off_m, (7, 9), axis=1).mean() < 2 * np.linalg.norm(fit.joints_m - walker.joints_m, axis=2).mean()


def test_instants_without_a_trunk_stand_where_their_joints_are(walker, evidence):
    joints_m = evidence.joints_m.copy()
    joints_m[4:6, 5:] = np.nan
    fit = fit_body(replace(evidence, joints_m=joints_m), anny_adult(), QUICK)
    assert np.linalg.norm(fit.joints_m - walker.joints_m, axis=2)[4:6].mean() < 0.1


def test_space_that_was_seen_to_be_free_stays_free(walker, evidence):
    """Arms are measured too far out; a camera looks through there, onto the far wall."""
    joints_m = evidence.joints_m.copy()
    joints_m[:, 7:11] = walker.joints_m[:, 7:11] + [0.0, 0.15, 0.0]
    camera = front_camera()
    wall_m = np.full((camera.depth.height_px, camera.depth.width_px), 5.0, np.float32)
    blind = replace(evidence, joints_m=joints_m, points_m=none(12), normals=none(12))
    images = [drawn(camera, surface_m, wall_m) for surface_m in walker.surface_m]
    seeing = replace(blind, views=(free_view(camera, images),))
    shares = []
    for one in (blind, seeing):
        skin_m, _ = pose_meshes(anny_adult(), fit_body(one, anny_adult(), QUICK).body, clothed=False)
        free_m = FreeSpaceTerm(seeing, QUICK.noise).depth_in_free_m(torch.from_numpy(skin_m))
        shares.append(float((free_m > 0.03).float().mean()))
    assert shares[0] > 0.01, "the measured arms stand where nothing is"
    assert shares[1] < 0.6 * shares[0]


def test_what_a_camera_does_not_see_is_not_free():
    camera = front_camera()
    view = free_view(camera, [None, np.zeros((camera.depth.height_px, camera.depth.width_px), np.float32)])
    assert (view.free_m == 0).all()


def test_a_coarse_cell_is_as_free_as_its_nearest_pixel():
    camera = front_camera()
    image = np.full((camera.depth.height_px, camera.depth.width_px), 4.0, np.float32)
    image[40:44, 60:64] = 1.5
    view = free_view(camera, [image])
    assert view.free_m[0].min() == 1.5
    assert np.median(view.free_m[0]) == 4.0
    assert (view.free_m[0] < 4).sum() <= 9


def test_normals_point_to_the_camera_that_sees_them():
    rng = np.random.default_rng(2)
    points_m = rng.normal(size=(600, 3))
    points_m /= np.linalg.norm(points_m, axis=1, keepdims=True)
    front = points_m[points_m[:, 0] > 0.3]
    normals = with_normals(front, np.array([[5.0, 0.0, 0.0]]))
    assert (np.einsum("ni,ni->n", normals, front) > 0.9).mean() > 0.95


@pytest.mark.parametrize("count", [1, 2, 7, 64, 65, 120, 121, 300])
def test_every_instant_is_kept_by_one_window(count):
    kept = [rows[keep] for rows, keep in windows(count, 64, 8)]
    assert np.array_equal(np.concatenate(kept), np.arange(count))


def test_a_trunk_is_placed_by_its_shoulders_and_hips(evidence):
    model, turn = anny_adult(), turned(0.3, -1.2, 2.0)
    joints_m = np.broadcast_to(model.joints_m @ turn.T + [1.0, 2.0, 3.0], evidence.joints_m.shape).copy()
    rotation, pelvis_m = place_trunks(replace(evidence, joints_m=joints_m), model)
    assert np.allclose(rotation[0], turn, atol=1e-5)
    assert np.allclose(pelvis_m[0], turn @ model.bones_m[0] + [1.0, 2.0, 3.0], atol=1e-5)
    assert np.allclose(kabsch(model.joints_m, model.joints_m @ turn.T), turn, atol=1e-5)


def test_a_single_instant_is_enough(evidence, walker):
    one = fit_body(evidence.at(np.array([3])), anny_adult(), QUICK)
    assert np.linalg.norm(one.joints_m - walker.joints_m[3:4], axis=2).mean() < 2 * JOINT_SIGMA_M


def test_evidence_that_cannot_be_is_refused(evidence):
    with pytest.raises(InputError, match="three joints"):
        replace(evidence, joints_m=np.full_like(evidence.joints_m, np.nan))
    with pytest.raises(InputError, match="increase"):
        replace(evidence, times_ns=evidence.times_ns[::-1])
    with pytest.raises(InputError, match="normal"):
        replace(evidence, normals=none(12))
    with pytest.raises(InputError, match="covariances"):
        replace(evidence, covariance_m2=evidence.covariance_m2[:3])
    with pytest.raises(InputError, match="views"):
        replace(evidence, views=(FreeView("a", np.eye(4)[:3], np.ones(2), np.ones(2), np.zeros((3, 2, 2))),))


def none(count: int) -> tuple[np.ndarray, ...]:
    return tuple(np.zeros((0, 3)) for _ in range(count))


def front_camera() -> Camera:
    lens = Intrinsics(120.0, 120.0, 79.5, 71.5, 160, 144)
    looking = np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    return Camera("front", lens, lens, SE3.identity(), 0.001, world_from_camera=SE3(looking, np.array([3.0, 0.0, 1.0])))


def drawn(camera: Camera, surface_m: np.ndarray, wall_m: np.ndarray) -> np.ndarray:
    """A depth image of vertices as blots of 5x5 pixels before a wall."""
    image = wall_m.copy()
    local = camera.world_from_depth.inverse() @ surface_m.astype(np.float64)
    uv = np.rint(camera.depth.project(local)).astype(int)
    for shift_v in range(-2, 3):
        for shift_u in range(-2, 3):
            np.minimum.at(image, (uv[:, 1] + shift_v, uv[:, 0] + shift_u), local[:, 2].astype(np.float32))
    return image
