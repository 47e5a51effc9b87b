"""Watching a rig, on a room of planes with people, furniture, bumps and sagging arms; every move is known exactly."""

from dataclasses import replace

import numpy as np
import pytest
from ortwin.capture.camera import CameraModel, CameraRig, Intrinsics
from ortwin.capture.camera_move import CameraMove
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import SE3, look_at
from ortwin.capture.health.finding import Severity
from ortwin.capture.health.moves import check_moves
from ortwin.capture.noise import DepthNoise, noise_of
from ortwin.capture.rig_epochs import quiet_span_ns, with_moves
from ortwin.capture.rig_watch import watch_rig
from ortwin.capture.rig_watch_pose import restless
from ortwin.capture.rig_watch_view import ReferenceView, median_depth, noise_scale
from ortwin.capture.storage import RecordingWriter, attach_rig, open_recording
from ortwin.cli.app import run
from scipy.stats import chi2

LENS = Intrinsics(125.0, 125.0, 79.5, 71.5, 160, 144)
COLOR_FROM_DEPTH = SE3.exp(np.array([0.0, 0.01, 0.0, 0.03, 0.0, 0.005]))
MODEL = CameraModel("cam_1", LENS, LENS, COLOR_FROM_DEPTH)
START = look_at((0.4, -2.2, 2.3), (0.0, 0.6, 0.6))
FPS = 5.0


def box(center_m, size_m):
    center_m, size_m = np.array(center_m), np.array(size_m)
    return center_m - size_m / 2, center_m + size_m / 2


ROOM = box((0.0, 0.0, 1.5), (5.0, 6.0, 3.0))
CUPBOARD, TABLE = box((1.8, 2.4, 1.0), (0.8, 0.6, 2.0)), box((-0.3, 0.6, 0.5), (0.7, 1.8, 1.0))


def person(x_m, y_m):
    return box((x_m, y_m, 0.9), (0.45, 0.35, 1.8))


def depth_m(world_from_depth, boxes):
    """(h, w) true depth of the inside of the room with boxes in it."""
    rays = world_from_depth.rotate(LENS.rays().astype(np.float64))
    eye = world_from_depth.translation_m
    with np.errstate(divide="ignore"):
        far = np.max(np.stack([(corner - eye) / rays for corner in ROOM]), axis=0).min(axis=-1)
        for low, high in boxes:
            sides = np.stack([(low - eye) / rays, (high - eye) / rays])
            enter, leave = sides.min(axis=0).max(axis=-1), sides.max(axis=0).min(axis=-1)
            far = np.where((enter < leave) & (enter > 0), np.minimum(far, enter), far)
    return far


def film(path, seconds, pose_at, boxes_at, seed, names=("cam_1",), lost=lambda k: False, noise=DepthNoise()):  # noqa: B008
    """Record a room; `pose_at` and `boxes_at` take seconds."""
    rng = np.random.default_rng(seed)
    models = [CameraModel(name, LENS, LENS, COLOR_FROM_DEPTH) for name in names]
    rig = CameraRig({model.camera_id: model.placed(START) for model in models})
    with RecordingWriter(path, models, fps=FPS, source={}, rig=rig) as writer:
        for k in range(round(seconds * FPS)):
            for name in names:
                if lost(k):
                    continue
                true_m = depth_m(pose_at(k / FPS) @ COLOR_FROM_DEPTH, boxes_at(k / FPS))
                raw = np.rint(1e3 * rng.normal(true_m, noise.sigma_m(true_m)))
                raw[rng.random(raw.shape) < 0.03] = 0
                writer.append(name, k, round(k / FPS * 1e9), None, raw.astype(np.uint16), None)
    return open_recording(path)


def busy(time_s):
    """Two people walk about, one of them stands before the camera for a while, and a cart is pushed away."""
    walker = person(-1.5 + 0.35 * (time_s % 8), 1.2 + 0.3 * np.sin(time_s))
    near = person(0.2 + 0.02 * np.sin(3 * time_s), -1.1) if 6 < time_s < 11 else person(-1.8, 2.0)
    cart = box((1.2, 0.2 if time_s < 5 else 1.4, 0.45), (0.6, 0.5, 0.9))
    return [CUPBOARD, TABLE, walker, near, cart]


def knock(axis, deg, shift_m=(0.0, 0.0, 0.0)):
    turn = np.radians(deg) * np.array(axis) / np.linalg.norm(axis)
    return SE3.exp(np.concatenate([turn, shift_m]))


def bumped(first, bump, at_s):
    return lambda time_s: first if time_s < at_s else first @ bump


def sigmas(move: CameraMove, truth: SE3) -> float:
    """The Mahalanobis length of the error of a move."""
    assert move.before_from_after is not None
    error = (move.before_from_after @ truth.inverse()).log()
    return float(np.sqrt(error @ np.linalg.solve(move.covariance, error)))


@pytest.mark.parametrize(
    ("axis", "deg", "shift_m"),
    [
        ((1, 0, 0), 1.0, (0, 0, 0)),
        ((0, 1, 0), 1.0, (0, 0, 0)),
        ((0, 0, 1), 1.0, (0, 0, 0)),
        ((1, 1, -1), 2.5, (0.02, 0.0, -0.02)),
        ((0, 1, 0), 0.0, (0.0, 0.02, 0.02)),
        ((-1, 1, 0.3), 15.0, (0.1, 0.0, 0.1)),
    ],
)
def test_a_bump_is_found_and_measured(tmp_path, axis, deg, shift_m):
    bump, at_s = knock(axis, deg, shift_m), 7.3
    pose_at = bumped(START, bump, at_s)
    (move,) = watch_rig(film(tmp_path / "a.recording", 14.0, pose_at, busy, seed=3))
    assert move.camera_id == "cam_1"
    assert move.sudden
    assert abs(move.time_ns * 1e-9 - at_s) < (0.5 if deg < 5 else 2.0)
    assert sigmas(move, bump) < 6.0  # six numbers: 6 standard deviations are passed once in 10^5
    assert move.to_json()["sigma_deg"] < (0.2 if deg < 5 else 0.6)  # less is seen from both places
    assert move.to_json()["sigma_mm"] < (8.0 if deg < 5 else 24.0)


def test_no_alarm_where_people_walk_and_furniture_is_moved(tmp_path):
    for seed in range(3):
        assert watch_rig(film(tmp_path / f"{seed}.recording", 14.0, lambda time_s: START, busy, seed)) == ()


def test_a_raised_table_is_no_moved_camera(tmp_path):
    """The table fills a good part of the picture and moves as one; the floor and the walls are loyal."""

    def boxes(time_s):
        raise_m = 0.0 if time_s < 5 else 0.06
        return [CUPBOARD, box((-0.1, 0.4, 0.5 + raise_m), (1.6, 2.4, 1.0))]

    assert watch_rig(film(tmp_path / "a.recording", 12.0, lambda time_s: START, boxes, seed=5)) == ()


def test_a_bump_is_found_though_nobody_says_that_the_sensor_is_a_noisy_one(tmp_path):
    """A stereo camera, at 3 m half as noisy again as what an unnamed sensor is taken for; six errors of two bumps."""
    squares = []
    for seed in (11, 12):
        bump = knock(np.random.default_rng(seed).normal(size=3), 1.0)
        recording = film(
            tmp_path / f"{seed}.recording", 10.0, bumped(START, bump, 5.1), busy, seed, noise=noise_of("realsense_d455")
        )
        (move,) = watch_rig(recording)
        assert move.sudden and abs(move.time_ns * 1e-9 - 5.1) < 0.5
        squares.append(sigmas(move, bump) ** 2)
    assert sum(squares) < chi2.ppf(0.9999, 12)


def test_noise_is_told_from_the_images_where_the_model_does_not_know_it():
    rng, depths_m = np.random.default_rng(2), depth_m(START @ COLOR_FROM_DEPTH, [TABLE])
    noise = noise_of("realsense_d455")

    def images(count):
        return [np.rint(1e3 * rng.normal(depths_m, noise.sigma_m(depths_m))).astype(np.uint16) for _ in range(count)]

    named = replace(MODEL, sensor="realsense_d455")
    # The median of n * h * w / 9 changes: known to a per cent; millimetres add a twelfth of a count squared.
    assert noise_scale(named, images(5)) == pytest.approx(1.0, abs=0.03)
    more = float(np.median(noise.sigma_m(depths_m) / DepthNoise().sigma_m(depths_m)))
    assert more > 1.2 and noise_scale(MODEL, images(5)) == pytest.approx(more, rel=0.05)
    assert noise_scale(MODEL, [np.rint(1e3 * depths_m).astype(np.uint16)] * 3) == 1.0  # the model is a bound
    assert noise_scale(MODEL, images(1)) == 1.0


@pytest.mark.parametrize("count", [4, 6, 9])
def test_the_median_of_noisy_images_lies_on_the_surface(count):
    """However many there are: a fifth of a sigma all over the picture would be a motion of millimetres."""
    rng, size = np.random.default_rng(count), (100, 100)
    images = [np.rint(rng.normal(3000, 18, size)).astype(np.uint16) for _ in range(count)]
    error_m = median_depth(images, 0.001) - 3.0
    # A median is 1.25 times as noisy as a mean.
    assert abs(error_m.mean()) < 4 * 1.25 * 0.018 / np.sqrt(count * error_m.size)


def test_a_sagging_arm_is_reported_step_by_step(tmp_path):
    """2 degrees in 30 s: no moment can be named, and the steps add up to what the arm sank until the last report."""

    def pose_at(time_s):
        return START @ knock((1, 0, 0), -2.0 * min(time_s / 30, 1))

    moves = watch_rig(film(tmp_path / "a.recording", 34.0, pose_at, busy, seed=6))
    assert moves
    assert not any(move.sudden for move in moves)
    rig = with_moves(CameraRig({"cam_1": MODEL.placed(START)}), moves)
    for time_s in (10.0, 20.0, 33.0):
        there = rig.at(round(time_s * 1e9))["cam_1"].world_from_camera
        # Between two reports up to one reportable step (6 mm of surfaces 3 m away, about 0.3 deg) is not yet known.
        assert np.degrees((there.inverse() @ pose_at(time_s)).angle_rad()) < 0.5


def test_a_camera_that_was_unplugged_and_put_elsewhere(tmp_path):
    bump = knock((0, 1, 1), 3.0, (0.03, 0.0, 0.0))
    pose_at = bumped(START, bump, 6.0)
    recording = film(tmp_path / "a.recording", 14.0, pose_at, busy, seed=7, lost=lambda k: 28 <= k < 45)
    (move,) = watch_rig(recording)
    assert move.time_ns == round(45 / FPS * 1e9)  # the first frame from the new place
    assert sigmas(move, bump) < 6.0


def test_a_camera_that_looks_somewhere_else_is_lost_and_said_so(tmp_path):
    wall = START @ knock((0, 1, 0), 160.0)
    pose_at = bumped(wall, wall.inverse() @ START, 6.0)
    recording = film(tmp_path / "a.recording", 14.0, pose_at, busy, seed=8)
    moves = watch_rig(recording)
    assert len(moves) == 1
    assert moves[0].before_from_after is None
    assert abs(moves[0].time_ns * 1e-9 - 6.0) < 2.0
    with pytest.raises(InputError, match="cam_1"):
        with_moves(recording.rig, moves)
    (finding,) = check_moves(recording)
    assert finding.severity == Severity.FAULT


def test_each_depth_image_tells_the_place_of_its_camera():
    """Without noise the place is good to a fifth of a pixel: surfaces are smoothed over a window at their edges."""

    def raw(pose):
        return np.rint(1e3 * depth_m(pose @ COLOR_FROM_DEPTH, [CUPBOARD, TABLE])).astype(np.uint16)

    reference = ReferenceView(MODEL, median_depth([raw(START)], 0.001))
    bump = knock((1, 2, 3), 1.5, (0.01, -0.01, 0.02))
    motion = reference.motion(raw(START @ bump))
    assert motion is not None
    error = (COLOR_FROM_DEPTH.inverse() @ bump.inverse() @ COLOR_FROM_DEPTH) @ motion.before_from_after
    assert np.degrees(error.angle_rad()) < 0.1  # a pixel is 0.46 deg wide
    assert error.distance_m() < 0.006
    assert motion.gain > 0.2
    assert motion.loyal < 0.2
    still = reference.motion(raw(START))
    assert still is not None
    assert abs(still.gain) < 0.01
    assert reference.motion(np.zeros_like(raw(START))) is None


def test_the_median_of_depth_is_that_of_one_surface():
    images = [np.array([[v]], np.uint16) for v in (0, 900, 2000, 2010)]
    assert median_depth(images, 0.001)[0, 0] == pytest.approx(2.0)
    assert median_depth([np.zeros((1, 1), np.uint16)] * 3, 0.001)[0, 0] == 0
    few = [np.array([[v]], np.uint16) for v in (0, 0, 0, 1500)]
    assert median_depth(few, 0.001)[0, 0] == 0
    # Of an even number the middle of two that can be one surface; never a place between a person and the wall.
    assert median_depth([np.array([[v]], np.uint16) for v in (1990, 2010)], 0.001)[0, 0] == pytest.approx(2.0)
    assert median_depth([np.array([[v]], np.uint16) for v in (1000, 3000)], 0.001)[0, 0] == pytest.approx(1.0)


def test_rig_watch_applies_what_it_finds_and_the_doctor_then_knows(tmp_path):
    bump = knock((1, 0, 1), 1.5)
    pose_at = bumped(START, bump, 6.0)
    recording = film(tmp_path / "a.recording", 12.0, pose_at, busy, seed=9)
    assert [finding.severity for finding in check_moves(recording)] == [Severity.WARNING]
    assert run(["rig", "watch", str(recording.path)]) == 0
    assert recording.rig.moves == ()
    assert run(["rig", "watch", str(recording.path), "--apply"]) == 0
    for time_s in (1.0, 8.0):
        there = recording.rig.at(round(time_s * 1e9))["cam_1"].world_from_camera
        assert np.degrees((there.inverse() @ pose_at(time_s)).angle_rad()) < 0.1
    assert [finding.severity for finding in check_moves(recording)] == [Severity.GOOD]


def test_a_rig_that_held_later_gives_the_earlier_pose():
    first, second = knock((1, 0, 0), 2.0, (0.1, 0, 0)), knock((0, 1, 0), 3.0)
    moves = [CameraMove("cam_1", 50, second, np.eye(6)), CameraMove("cam_1", 20, first, np.eye(6))]
    poses = [START, START @ first, START @ first @ second]
    for epoch, at_ns in enumerate((10, 30, 60)):
        rig = with_moves(CameraRig({"cam_1": MODEL.placed(poses[epoch])}), moves, at_ns)
        for time_ns, pose in zip((0, 20, 50), poses, strict=True):
            np.testing.assert_allclose(rig.at(time_ns)["cam_1"].world_from_camera.matrix(), pose.matrix(), atol=1e-12)
    rig = with_moves(CameraRig({"cam_1": MODEL.placed(START)}), moves)
    np.testing.assert_array_equal(rig.at(99).covariance["cam_1"], 2 * np.eye(6))
    assert quiet_span_ns(rig, (0, 60)) == (20, 50)
    assert quiet_span_ns(CameraRig({}), (0, 60)) == (0, 60)


def test_a_rig_with_moves_goes_to_disk_and_back(tmp_path):
    recording = film(tmp_path / "a.recording", 1.0, lambda time_s: START, busy, seed=1)
    moves = [CameraMove("cam_1", 500_000_000, knock((1, 0, 0), 2.0), np.eye(6))]
    attach_rig(recording.path, with_moves(recording.rig, moves))
    assert [move.from_ns for move in recording.rig.moves] == [500_000_000]


def test_whoever_sways_is_left_out_of_the_measured_place():
    rng, far_m = np.random.default_rng(5), depth_m(START @ COLOR_FROM_DEPTH, [TABLE])
    rows, columns = slice(30, 110), slice(40, 90)
    images = []
    for k in range(9):
        true_m = far_m.copy()
        true_m[rows, columns] = 1.6 + 0.04 * np.sin(2.0 * k)  # a chest before the camera that breathes and leans
        images.append(np.rint(1e3 * rng.normal(true_m, DepthNoise().sigma_m(true_m))).astype(np.uint16))
    left_out = restless(MODEL, images, median_depth(images, 0.001))
    assert left_out[rows, columns].mean() > 0.95
    still = np.ones(left_out.shape, bool)
    still[rows, columns] = False
    # Half of nine returns lie 1.14 sigma apart on the mean, one time in ten twice as far.
    assert left_out[still].mean() < 0.1
    assert not restless(MODEL, images[:2], median_depth(images[:2], 0.001)).any()
