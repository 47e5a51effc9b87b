"""A lens maps space to pixels, and its inverse maps them back: on random pixels of lenses as they are sold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ortwin.capture.camera import Camera, CameraModel, CameraRig, Intrinsics
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import SE3, look_at

NEWTON_PX = 1e-12 * 1000  # undistort stops at 1e-12 of the image plane; the longest focal length below is 1000 px
TOLERANCE_PX = 100 * NEWTON_PX

LENSES = {
    "pinhole": Intrinsics(600.0, 601.0, 319.5, 239.5, 640, 480),
    "webcam, 5 coefficients": Intrinsics(
        640.0, 638.0, 322.0, 236.0, 640, 480, "brown_conrady", np.array([0.12, -0.25, 1e-3, -5e-4, 0.08])
    ),
    "webcam, 4 coefficients": Intrinsics(
        640.0, 638.0, 322.0, 236.0, 640, 480, "brown_conrady", np.array([-0.28, 0.07, 2e-4, 3e-4])
    ),
    "rational colour lens of a time-of-flight camera": Intrinsics(
        915.0, 914.0, 958.0, 547.0, 1920, 1080, "brown_conrady",
        np.array([0.49, -2.65, 7e-4, -2.5e-4, 1.55, 0.37, -2.47, 1.47]),
    ),
    "rational wide depth lens of a time-of-flight camera": Intrinsics(
        252.0, 252.0, 258.0, 257.0, 512, 512, "brown_conrady",
        np.array([0.62, 0.06, 9e-5, 7e-5, 0.002, 0.96, 0.18, 0.011]),
    ),
    "fisheye": Intrinsics(380.0, 380.0, 400.0, 300.0, 800, 600, "fisheye", np.array([-0.02, 0.004, -0.002, 0.0003])),
    "ideal fisheye": Intrinsics(380.0, 380.0, 400.0, 300.0, 800, 600, "fisheye"),
}  # fmt: skip

lenses = pytest.mark.parametrize("lens", LENSES.values(), ids=LENSES)


def grid(lens: Intrinsics, step_px: int = 20) -> np.ndarray:
    """Pixels of the whole image, its borders and corners included."""
    u = np.append(np.arange(0, lens.width_px - 1, step_px), lens.width_px - 1)
    v = np.append(np.arange(0, lens.height_px - 1, step_px), lens.height_px - 1)
    return np.stack(np.meshgrid(u, v), axis=-1).astype(np.float64)


@lenses
def test_project_undoes_back_project_in_the_whole_image(lens):
    uv_px = grid(lens)
    depth_m = np.random.default_rng(0).uniform(0.3, 6.0, uv_px.shape[:-1])
    points_m = lens.back_project(uv_px, depth_m)
    np.testing.assert_array_equal(points_m[..., 2], depth_m)
    np.testing.assert_allclose(lens.project(points_m), uv_px, rtol=0, atol=TOLERANCE_PX)


@lenses
@given(data=st.data())
def test_back_project_undoes_project(lens, data):
    u_px = data.draw(st.floats(0, lens.width_px - 1))
    v_px = data.draw(st.floats(0, lens.height_px - 1))
    depth_m = data.draw(st.floats(0.1, 20.0))
    point_m = lens.back_project(np.array([u_px, v_px]), np.array(depth_m))
    again_m = lens.back_project(lens.project(point_m), point_m[2])
    np.testing.assert_allclose(again_m, point_m, rtol=0, atol=1e-8 * depth_m)


@lenses
def test_rays_are_points_at_depth_one(lens):
    rays = lens.rays()
    assert rays.shape == (lens.height_px, lens.width_px, 3)
    assert rays.dtype == np.float32
    assert not rays.flags.writeable
    np.testing.assert_array_equal(rays[..., 2], 1.0)
    corners = np.array([[0.0, 0.0], [lens.width_px - 1.0, lens.height_px - 1.0]])
    uv_px = lens.project(rays[[0, -1], [0, -1]].astype(np.float64))
    np.testing.assert_allclose(uv_px, corners, atol=1e-2)
    assert lens.rays() is rays


def test_a_pinhole_is_its_matrix():
    lens = LENSES["pinhole"]
    point_m = np.array([0.4, -0.3, 2.0])
    u, v, w = lens.matrix @ point_m
    np.testing.assert_allclose(lens.project(point_m), [u / w, v / w])


@pytest.mark.parametrize("name", [name for name in LENSES if "fisheye" not in name])
def test_brown_conrady_agrees_with_opencv(name):
    cv2 = pytest.importorskip("cv2")
    lens = LENSES[name]
    points_m = lens.back_project(grid(lens, 90), np.full(grid(lens, 90).shape[:-1], 2.0)).reshape(-1, 3)
    expected, _ = cv2.projectPoints(points_m, np.zeros(3), np.zeros(3), lens.matrix, lens.distortion)
    np.testing.assert_allclose(lens.project(points_m), expected[:, 0], atol=1e-6)


@pytest.mark.parametrize("name", ["fisheye", "ideal fisheye"])
def test_fisheye_agrees_with_opencv(name):
    cv2 = pytest.importorskip("cv2")
    lens = LENSES[name]
    points_m = lens.back_project(grid(lens, 90), np.full(grid(lens, 90).shape[:-1], 2.0)).reshape(-1, 1, 3)
    coefficients = lens.distortion if len(lens.distortion) else np.zeros(4)
    expected, _ = cv2.fisheye.projectPoints(points_m, np.zeros(3), np.zeros(3), lens.matrix, coefficients)
    np.testing.assert_allclose(lens.project(points_m[:, 0]), expected[:, 0], atol=1e-6)


@lenses
def test_what_is_not_ahead_has_no_pixel(lens):
    behind = np.array([[0.1, 0.1, -1.0], [0.1, 0.1, 0.0], [np.nan, 0.0, 1.0]])
    uv_px = lens.project(behind)
    assert np.isnan(uv_px).any(axis=-1).all()
    assert not lens.contains(uv_px).any()


FOLDING = {
    "barrel, one coefficient": Intrinsics(
        600.0, 600.0, 320.0, 240.0, 640, 480, "brown_conrady", np.array([-0.3, 0.0, 0.0, 0.0])
    ),
    "barrel, overfitted": Intrinsics(
        600.0, 600.0, 320.0, 240.0, 640, 480, "brown_conrady", np.array([-0.25, 0.1, 0.0, 0.0, -0.08])
    ),
    "fisheye that turns back": Intrinsics(200.0, 200.0, 320.0, 240.0, 640, 480, "fisheye", np.array([-0.2, 0, 0, 0])),
}


@pytest.mark.parametrize("lens", FOLDING.values(), ids=FOLDING)
def test_a_point_far_off_the_axis_is_not_folded_into_the_image(lens):
    """These polynomials turn back; along any bearing the pixel may only move outwards, or be none."""
    angle_rad = np.linspace(0.0, np.deg2rad(89.9), 2000)
    for bearing_rad in np.linspace(0, 2 * np.pi, 8, endpoint=False):
        sides = np.sin(angle_rad)[:, None] * [np.cos(bearing_rad), np.sin(bearing_rad)]
        uv_px = lens.project(np.column_stack([sides, np.cos(angle_rad)]))
        distance_px = np.linalg.norm(uv_px - [lens.cx_px, lens.cy_px], axis=-1)
        seen = np.isfinite(distance_px)
        assert seen[0]
        assert not seen[-1]
        assert (np.diff(seen.astype(int)) <= 0).all()
        assert (np.diff(distance_px[seen]) > 0).all()


def test_a_pixel_without_a_ray_says_nothing():
    lens = Intrinsics(200.0, 200.0, 320.0, 240.0, 640, 480, "brown_conrady", np.array([-0.3, 0.0, 0.0, 0.0]))
    corner = np.array([0.0, 0.0])  # two focal lengths off the axis, where this lens reaches 0.70 at most
    assert np.isnan(lens.back_project(corner, 2.0)[:2]).all()
    assert (lens.rays()[0, 0] == 0.0).all()
    assert np.isfinite(lens.rays()).all()


def test_pixels_cover_half_a_step_around_their_centres():
    lens = LENSES["pinhole"]
    inside = lens.contains(np.array([[-0.5, -0.5], [639.49, 479.49], [-0.51, 0.0], [639.5, 0.0], [0.0, 479.5]]))
    assert inside.tolist() == [True, True, False, False, False]


@lenses
@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_scaled_lens_sees_the_same_rays(lens, factor):
    uv_px = grid(lens, 60)
    scaled_px = (uv_px + 0.5) * factor - 0.5
    depth_m = np.ones(uv_px.shape[:-1])
    np.testing.assert_allclose(
        lens.scaled(factor).back_project(scaled_px, depth_m), lens.back_project(uv_px, depth_m), atol=1e-9
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fx_px": np.nan}, "finite"),
        ({"cx_px": np.inf}, "finite"),
        ({"fx_px": 0.0}, "positive"),
        ({"width_px": 0}, "positive"),
        ({"distortion_model": "brown_conrad"}, "unknown distortion model"),
        ({"distortion_model": "brown_conrady", "distortion": np.zeros(3)}, "coefficients"),
        ({"distortion_model": "fisheye", "distortion": np.zeros(5)}, "coefficients"),
        ({"distortion": np.zeros(4)}, "coefficients"),
        ({"distortion_model": "brown_conrady", "distortion": np.full(4, np.nan)}, "finite"),
    ],
)
def test_impossible_lenses_are_refused(changes, message):
    good = {"fx_px": 600.0, "fy_px": 600.0, "cx_px": 320.0, "cy_px": 240.0, "width_px": 640, "height_px": 480}
    with pytest.raises(InputError, match=message):
        Intrinsics(**{**good, **changes})


def test_equal_lenses_have_equal_keys():
    one, other = (Intrinsics(600.0, 600.0, 320.0, 240.0, 640, 480) for _ in range(2))
    assert one.key == other.key
    assert one.key != one.scaled(0.5).key


def test_a_camera_stores_its_pose_and_derives_the_rest():
    color_from_depth = SE3.exp(np.array([0.01, 0.1, 0.0, -0.03, 0.0, 0.002]))
    world_from_camera = look_at([2.0, 1.0, 2.2], [0.0, 0.0, 1.0])
    model = CameraModel("cam_1", LENSES["pinhole"], LENSES["fisheye"], color_from_depth)
    camera = model.placed(world_from_camera)
    point_m = np.array([0.3, 0.2, 1.5])
    np.testing.assert_allclose(
        camera.world_from_depth @ point_m, world_from_camera @ (color_from_depth @ point_m), atol=1e-14
    )
    np.testing.assert_allclose((camera.camera_from_world @ camera.world_from_camera).matrix(), np.eye(4), atol=1e-14)
    assert isinstance(camera, Camera)
    assert camera.depth_unit_m == model.depth_unit_m


def test_moving_a_rig_keeps_the_cameras_where_they_are_to_each_other():
    poses = [look_at([2.0, 1.0, 2.2], [0.0, 0.0, 1.0]), look_at([-2.0, 1.0, 2.0], [0.0, 0.0, 1.0])]
    model = CameraModel("cam", LENSES["pinhole"], None, SE3.identity())
    rig = CameraRig({f"cam_{i}": model.placed(pose) for i, pose in enumerate(poses)}, "first_camera")
    moved = rig.moved(SE3.exp(np.array([0.1, 0.2, 0.3, 1.0, 2.0, 3.0])), "floor")
    for one, two in ((rig, moved),):
        before = one["cam_0"].camera_from_world @ one["cam_1"].world_from_camera
        after = two["cam_0"].camera_from_world @ two["cam_1"].world_from_camera
        np.testing.assert_allclose(after.matrix(), before.matrix(), atol=1e-13)
    assert (rig.world_frame, moved.world_frame) == ("first_camera", "floor")
    with pytest.raises(TypeError):
        rig.cameras["cam_2"] = rig["cam_0"]
