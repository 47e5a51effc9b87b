"""Registration on a ray-cast room with truth; tests/test_real_recording.py holds it to a real one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import pytest
from ortwin.capture import link
from ortwin.capture.camera import CameraModel, Intrinsics
from ortwin.capture.errors import InputError
from ortwin.capture.features import FeatureConfig, LiftedFeatures, Matches, hypotheses_from_matches
from ortwin.capture.frame import RGBDFrame
from ortwin.capture.geometry import SE3, look_at
from ortwin.capture.lens_check import check_lens_pose
from ortwin.capture.link import CameraEvidence, LinkConfig, link_pair
from ortwin.capture.noise import DepthNoise
from ortwin.capture.register import RegisterConfig, register
from ortwin.capture.static_view import static_view, view_of
from ortwin.capture.surface_icp import IcpResult, Surface

NUM_FRAMES = 4
LENS = Intrinsics(270.0, 270.0, 159.5, 119.5, 320, 240)
COLOR_FROM_DEPTH = SE3.exp(np.array([0.004, -0.006, 0.002, 0.06, 0.001, -0.002]))
ROOM_M = np.array([[-2.6, -2.1, 0.0], [2.4, 2.2, 2.6]])
FURNITURE_M = (
    np.array([[-0.5, -0.4, 0.0], [0.6, 0.3, 0.85]]),
    np.array([[1.6, 1.2, 0.0], [2.4, 2.2, 1.9]]),
    np.array([[-2.6, 0.9, 0.0], [-2.1, 1.6, 1.2]]),
)
EYES_M = {"cam_a": (-2.1, -1.6, 1.9), "cam_b": (-0.6, -1.9, 2.1), "cam_c": (1.1, -1.8, 1.8)}


def _cast(eye_m: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances along rays (n, 3) to the room, and the number of the face (box, axis, side) that is hit."""
    distance, face = np.full(len(rays), np.inf), np.zeros(len(rays), int)
    inverse = 1.0 / np.where(np.abs(rays) < 1e-12, 1e-12, rays)
    for number, box in enumerate((ROOM_M, *FURNITURE_M)):
        sides = np.stack([(box[0] - eye_m) * inverse, (box[1] - eye_m) * inverse])
        near, far = sides.min(axis=0), sides.max(axis=0)
        enter, leave = near.max(axis=1), far.min(axis=1)
        if number == 0:  # one stands inside the room
            hit, t, axis = np.ones(len(rays), bool), leave, far.argmin(axis=1)
        else:
            hit, t, axis = (enter < leave) & (enter > 0), enter, near.argmax(axis=1)
        closer = hit & (t < distance)
        distance[closer] = t[closer]
        face[closer] = (number * 6 + axis * 2 + (rays[np.arange(len(rays)), axis] > 0))[closer]
    return distance, face


def _textures(seed: int) -> np.ndarray:
    """(24, 256, 256) grey pictures of random blots, one for each face, 2.5 cm a pixel."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    noise = sum(gaussian_filter(rng.normal(size=(24, 256, 256)), (0, s, s), mode="wrap") * s for s in (0.8, 2.0, 5.0))
    return np.clip(128 + 90 * noise / noise.std(), 0, 255)


def _paint(points_m: np.ndarray, face: np.ndarray, textures: np.ndarray) -> np.ndarray:
    from scipy.ndimage import map_coordinates

    axis = face % 6 // 2
    rows = np.arange(len(points_m))
    u = points_m[rows, (axis + 1) % 3] / 0.025 + 128
    v = points_m[rows, (axis + 2) % 3] / 0.025 + 128
    grey = np.zeros(len(points_m))
    for number in np.unique(face):
        on = face == number
        grey[on] = map_coordinates(textures[number], (v[on], u[on]), order=1, mode="grid-wrap")
    return grey


@dataclass
class RoomRecording:
    """A recording of the ray-cast room; fulfils the Recording protocol."""

    poses: dict[str, SE3]
    colored: bool = True
    texture_seeds: dict[str, int] | None = None
    given_color_from_depth: SE3 = COLOR_FROM_DEPTH

    def __post_init__(self) -> None:
        self.cameras = MappingProxyType(
            {name: CameraModel(name, LENS, LENS, self.given_color_from_depth) for name in self.poses}
        )
        self._images = {name: self._render(name) for name in self.poses}

    @property
    def rig(self):
        raise InputError("no calibration")

    def _render(self, name: str) -> tuple[np.ndarray, np.ndarray | None]:
        rays = LENS.rays().reshape(-1, 3).astype(float)
        world_from_color = self.poses[name]
        world_from_depth = world_from_color @ COLOR_FROM_DEPTH
        depth_m = _cast(world_from_depth.translation_m, world_from_depth.rotate(rays))[0].reshape(240, 320)
        if not self.colored:
            return depth_m, None
        turned = world_from_color.rotate(rays)
        distance, face = _cast(world_from_color.translation_m, turned)
        textures = _textures((self.texture_seeds or {}).get(name, 0))
        grey = _paint(world_from_color.translation_m + turned * distance[:, None], face, textures)
        return depth_m, np.repeat(grey.reshape(240, 320, 1), 3, axis=2).astype(np.uint8)

    def timestamps_ns(self, camera_id: str) -> np.ndarray:
        return np.arange(NUM_FRAMES, dtype=np.int64) * 100_000_000

    def indices(self, camera_id: str) -> np.ndarray:
        return np.arange(NUM_FRAMES, dtype=np.int64)

    def frame(
        self, camera_id: str, position: int, *, color: bool = True, depth: bool = True, corrected: bool = True
    ) -> RGBDFrame:
        rng = np.random.default_rng([position, *camera_id.encode()])
        depth_m, picture = self._images[camera_id]
        noisy = depth_m + rng.normal(size=depth_m.shape) * DepthNoise().sigma_m(depth_m)
        exposure = 1.0 - 0.15 * position
        return RGBDFrame(
            camera_id, position, position * 100_000_000,
            (picture * exposure).astype(np.uint8) if color and picture is not None else None,
            noisy.astype(np.float32) if depth else None,
        )  # fmt: skip


def _poses(*names: str) -> dict[str, SE3]:
    return {name: look_at(EYES_M[name], (0.1, 0.5, 0.7)) for name in names or EYES_M}


def _evidence(recording: RoomRecording, name: str, config: LinkConfig) -> CameraEvidence:
    from ortwin.capture.features import lift_features

    view = static_view(recording, name)
    coarse = Surface.of(view, config.icp, config.coarse_grid_m)
    features: tuple[LiftedFeatures, ...] = lift_features(recording, view, config.features)
    return CameraEvidence(view, Surface.of(view, config.icp), coarse, features)


def _error(found: SE3, truth: SE3) -> tuple[float, float]:
    between = found.inverse() @ truth
    return between.distance_m(), between.angle_rad()


# Thousands of samples hold a pose; it may not be worse than half of a single sample's noise at the middle of the room.
SAMPLE_SIGMA_M = float(DepthNoise().sigma_m(np.array([3.0]))[0])
TOLERANCE_M = SAMPLE_SIGMA_M / 2
TOLERANCE_RAD = TOLERANCE_M / 3.0


QUICK = RegisterConfig(link=LinkConfig(num_plane_hypotheses=3, explore_m=()))


@pytest.fixture(scope="module")
def room():
    recording = RoomRecording(_poses())
    steps: list[float] = []
    return recording, register(recording, progress=lambda name, share: steps.append(share)), steps


def test_poses_of_three_cameras_are_found(room):
    recording, found, steps = room
    assert [pair.linked for pair in found.pairs] == [True, True, True]
    assert {pair.origin for pair in found.pairs} == {"colour"}
    root = recording.poses["cam_a"]
    for name in ("cam_b", "cam_c"):
        relative = found.rig["cam_a"].camera_from_world @ found.rig[name].world_from_camera
        error_m, error_rad = _error(relative, root.inverse() @ recording.poses[name])
        assert error_m < TOLERANCE_M
        assert error_rad < TOLERANCE_RAD
    assert steps == sorted(steps)
    assert steps[-1] == 1.0


def test_covariance_covers_the_error(room):
    recording, found, _ = room
    root = recording.poses["cam_a"]
    for name in ("cam_b", "cam_c"):
        relative = found.rig["cam_a"].camera_from_world @ found.rig[name].world_from_camera
        error = (relative.inverse() @ (root.inverse() @ recording.poses[name])).log()
        sigmas = np.sqrt(np.diag(found.rig.covariance[name]))
        # Five standard deviations, and the bias of smoothed rims, a tenth of a sample's noise.
        assert (np.abs(error) < 5 * sigmas + np.array([TOLERANCE_RAD] * 3 + [TOLERANCE_M] * 3) / 5).all()
    assert not found.rig.covariance["cam_a"].any()


def test_world_stands_on_the_floor(room):
    recording, found, _ = room
    assert found.floor.found
    assert found.rig.world_frame == "floor"
    for name, pose in recording.poses.items():
        height_m = found.rig[name].world_from_camera.translation_m[2]
        assert height_m == pytest.approx(pose.translation_m[2], abs=2 * TOLERANCE_M)
        assert found.floor.camera_height_m[name] == pytest.approx(height_m, abs=1e-9)
    up = found.rig["cam_a"].camera_from_world.rotate(np.array([0.0, 0.0, 1.0]))
    true_up = recording.poses["cam_a"].inverse().rotate(np.array([0.0, 0.0, 1.0]))
    assert np.degrees(np.arccos(np.clip(up @ true_up, -1, 1))) < 0.5


def test_report_is_plain_json(room):
    import json

    report = json.loads(json.dumps(room[1].to_json(), allow_nan=False))
    pair = report["pairs"][0]
    assert pair["cameras"] == ["cam_a", "cam_b"]
    assert pair["linked"] is True
    assert pair["num_inliers"] > 50
    assert pair["overlap_share"] > 0.2
    assert pair["residual_median_mm"] < 1e3 * SAMPLE_SIGMA_M
    assert np.shape(pair["covariance"]) == (6, 6)


def test_cameras_that_share_nothing_are_named():
    # cam_c looks straight down at a floor with other blots: no feature and no corner is shared.
    poses = {**_poses("cam_a"), "cam_c": look_at((1.2, -1.3, 1.1), (1.2, -1.3, 0.0), up=(0.0, 1.0, 0.0))}
    recording = RoomRecording(poses, texture_seeds={"cam_c": 7})
    with pytest.raises(InputError) as raised:
        register(recording, QUICK)
    message = str(raised.value)
    assert "cam_c cannot be linked to cam_a" in message
    assert "cam_a and cam_c: of" in message
    assert raised.value.todo
    partial = register(recording, replace(QUICK, allow_partial=True))
    assert partial.left_out == ("cam_c",)
    assert set(partial.rig.cameras) == {"cam_a"}
    assert any("cam_c was left out" in warning for warning in partial.warnings)


class HalfBlindRecording(RoomRecording):
    """Of the cameras that are named blind, no depth frame can be read; of those named dark there is no depth lens."""

    blind: tuple[str, ...] = ()
    dark: tuple[str, ...] = ()

    def without(self, *, blind: tuple[str, ...] = (), dark: tuple[str, ...] = ()):
        self.blind, self.dark = blind, dark
        lenses = {name: None if name in dark else LENS for name in self.cameras}
        self.cameras = MappingProxyType(
            {name: CameraModel(name, LENS, lens, COLOR_FROM_DEPTH) for name, lens in lenses.items()}
        )
        return self

    def frame(
        self, camera_id: str, position: int, *, color: bool = True, depth: bool = True, corrected: bool = True
    ) -> RGBDFrame:
        if camera_id in self.blind and depth:
            raise InputError("a frame is damaged")
        return super().frame(camera_id, position, color=color, depth=depth)


def test_a_camera_without_depth_is_left_out_and_the_others_are_placed():
    recording = HalfBlindRecording(_poses("cam_a", "cam_b", "cam_c")).without(blind=("cam_a",), dark=("cam_c",))
    found = register(recording, QUICK)
    assert list(found.rig.cameras) == ["cam_b"]
    assert found.left_out == ("cam_a", "cam_c")
    assert found.to_json()["left_out"] == ["cam_a", "cam_c"]
    said = " ".join(found.warnings)
    assert "cam_a was left out: none of its depth frames can be read" in said
    assert "cam_c was left out: it has no depth lens" in said


def test_without_any_depth_the_message_says_where_why_and_what_to_do():
    recording = HalfBlindRecording(_poses("cam_a")).without(blind=("cam_a",))
    recording.path = "case.recording"
    with pytest.raises(InputError, match="no camera has depth") as raised:
        register(recording, QUICK)
    assert raised.value.where == "case.recording"
    assert "cam_a" in raised.value.why
    assert "ortwin rig set" in raised.value.todo


def test_geometry_links_cameras_without_colour_and_twice_the_same():
    recording = RoomRecording(_poses("cam_a", "cam_b"), colored=False)
    found, again = register(recording, QUICK), register(recording, QUICK)
    assert found.pairs[0].origin == "geometry"
    relative, repeated = (
        one.rig["cam_a"].camera_from_world @ one.rig["cam_b"].world_from_camera for one in (found, again)
    )
    error_m, error_rad = _error(relative, recording.poses["cam_a"].inverse() @ recording.poses["cam_b"])
    assert error_m < TOLERANCE_M
    assert error_rad < TOLERANCE_RAD
    assert any("shape of the room alone" in warning for warning in found.warnings)
    np.testing.assert_array_equal(relative.matrix(), repeated.matrix())


def test_refinement_that_makes_it_worse_is_dropped(monkeypatch):
    config = LinkConfig()
    recording = RoomRecording(_poses("cam_a", "cam_b"))
    first, second = (_evidence(recording, name, config) for name in ("cam_a", "cam_b"))

    def worse(first, second, start, *args, **kwargs):
        return IcpResult(SE3.exp(np.array([0, 0.05, 0, 0.1, 0.1, 0])) @ start, np.eye(6), 0.1, 1)

    monkeypatch.setattr(link, "refine", worse)
    pair = link_pair(first, second, config)
    assert not pair.refined
    assert pair.held_out.score == pair.start_held_out.score
    assert pair.first_from_second is not None
    error_m, _ = _error(pair.first_from_second, recording.poses["cam_a"].inverse() @ recording.poses["cam_b"])
    assert error_m < 0.1


@pytest.mark.parametrize("given", ["as_given", "inverse"])
def test_an_inverted_lens_pose_is_noticed(given):
    pose = COLOR_FROM_DEPTH if given == "as_given" else COLOR_FROM_DEPTH.inverse()
    recording = RoomRecording(_poses("cam_a"), given_color_from_depth=pose)
    depth_m, _ = recording._images["cam_a"]
    # Furniture painted dark gives the colour edges that textures alone would not.
    rays = LENS.rays().reshape(-1, 3).astype(float)
    eye = recording.poses["cam_a"]
    face = _cast(eye.translation_m, eye.rotate(rays))[1].reshape(240, 320)
    picture = np.repeat(np.where(face >= 6, 40, 200)[..., None], 3, axis=2).astype(np.uint8)
    view = view_of(recording.cameras["cam_a"], depth_m.astype(np.float32), picture)
    assert check_lens_pose(view).verdict == given


def test_shuffled_matches_give_no_motion():
    rng = np.random.default_rng(0)
    points_m = rng.uniform((-1, -1, 2), (1, 1, 4), (300, 3))
    sigma_m = np.full(300, 0.005)
    truth = SE3.exp(np.array([0.1, 0.4, -0.05, 0.8, 0.1, 0.3]))
    seen_m = truth.inverse() @ points_m
    right = Matches(points_m, seen_m, sigma_m, sigma_m)
    best = hypotheses_from_matches(right, FeatureConfig())[0]
    assert len(best.inliers) == 300
    assert _error(best.first_from_second, truth)[0] < 1e-9
    assert not hypotheses_from_matches(replace(right, second_m=rng.permutation(seen_m)), FeatureConfig())
