"""The simulated recording: the same bytes from the same seed, and a truth that is true of what was rendered."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from ortwin.capture.integrity import verify_tree
from ortwin.capture.storage import open_recording
from ortwin.datasets.small_room import SimulationConfig, simulate
from ortwin.datasets.small_room.room import box_solid
from ortwin.datasets.small_room.script import trouble
from ortwin.datasets.small_room.sensor_noise import SensorConfig, sense_depth, sigma_m
from ortwin.datasets.small_room.simulation import draw_world
from ortwin.datasets.small_room.solids import Solids, capsules, gap_m
from ortwin.evaluation.room import distance_to_surface_m
from ortwin.evaluation.truth import read_truth

SEED = 11
CONFIG = SimulationConfig(seconds=5.0, fps=4.0, num_cameras=2, scale=0.2)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(tmp_path_factory.mktemp("simulated") / "small.recording", seed=SEED, config=CONFIG)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_equal_seeds_give_equal_bytes(recording: Path, tmp_path: Path) -> None:
    again = simulate(tmp_path / "again.recording", seed=SEED, config=CONFIG)
    assert contents(again) == contents(recording)


def test_every_file_is_accounted_for(recording: Path) -> None:
    assert verify_tree(recording).damaged == ()


def test_depth_agrees_with_the_true_room_within_its_noise(recording: Path) -> None:
    opened, truth = open_recording(recording), read_truth(recording)
    assert truth.room_vertices_m is not None and truth.room_faces is not None
    for name, camera in opened.rig.cameras.items():
        assert camera.depth is not None
        owner = truth.foreground(name, 0)
        depth_m = opened.frame(name, 0, color=False).depth_m
        assert owner is not None and depth_m is not None
        resting = (owner == 0) & (depth_m > 0)
        points_m = camera.world_from_depth @ (camera.depth.rays()[resting] * depth_m[resting, None]).astype(np.float64)
        distance_m = distance_to_surface_m(points_m, truth.room_vertices_m, truth.room_faces)
        # The distance to a surface is at most the error along the ray; flying pixels and lost edges are a few percent.
        frontal_m = sigma_m(depth_m[resting], np.ones(resting.sum()), CONFIG.sensor)
        assert np.mean(distance_m < 3 * frontal_m + 0.001) > 0.93
        assert np.median(distance_m / frontal_m) < 1.0


def test_a_moving_thing_is_where_its_truth_says(recording: Path) -> None:
    opened, truth = open_recording(recording), read_truth(recording)
    assert truth.tracks is not None
    index = 12
    number = {"person_1": 1, "person_2": 2, "cart_1": 101}
    for name, camera in opened.rig.cameras.items():
        assert camera.depth is not None
        owner, depth_m = truth.foreground(name, index), opened.frame(name, index, color=False).depth_m
        assert owner is not None and depth_m is not None
        for thing, track in truth.tracks.items():
            mine = (owner == number[thing]) & (depth_m > 0)
            row = np.flatnonzero(track.time_ns == truth.times_ns[index])
            if mine.sum() < 20 or not len(row):
                continue
            local = (camera.depth.rays()[mine] * depth_m[mine, None]).astype(np.float64)
            points_m = camera.world_from_depth @ local
            outside = np.abs(points_m - track.center_m[row[0]]) - track.extent_m[row[0]] / 2
            assert np.median(outside.max(axis=1)) <= 0.0
            assert np.mean(outside.max(axis=1) < 0.06) > 0.8


@pytest.mark.parametrize("seed", [1, 2])
def test_nobody_runs_into_anything_and_nobody_runs(seed: int) -> None:
    world = draw_world(seed, SimulationConfig(num_cameras=1))
    assert trouble(world.room, world.scene, 0.1) == ""
    for body in world.scene.bodies.values():
        hips = body.joints_m[:, 11:13].mean(axis=1)
        assert np.linalg.norm(np.diff(hips[:, :2], axis=0), axis=1).max() / 0.1 <= 1.5
    boxes = [box_solid(fixture.box) for fixture in world.room.fixtures]
    for one, other in itertools.combinations([*world.scene.solids.values(), *boxes], 2):
        assert gap_m(one, other, 0.2).min() > 0.0


def test_joints_lie_inside_the_body() -> None:
    world = draw_world(1, SimulationConfig(num_cameras=1))
    for body in world.scene.bodies.values():
        joints = body.joints_m[30]
        for joint in joints:
            point = Solids(joint[None, None], np.eye(3)[None, None], np.zeros((1, 3)), np.zeros(1))
            assert gap_m(point, body.solids.pick(np.array([30])))[0] <= 0.02


def test_true_relations_hold_by_a_plain_look_at_the_points() -> None:
    """Distances between densely sampled vertices stand in for the exact gaps."""
    from ortwin.datasets.small_room.true_relations import Mover, true_relations
    from scipy.spatial import KDTree

    world = draw_world(2, SimulationConfig(num_cameras=1))
    always = np.ones(len(world.times_ns), dtype=bool)
    movers = [Mover(name, solids, always, always) for name, solids in world.scene.solids.items()]
    rows = true_relations(world.times_ns, movers, world.room.fixtures, world.room.zones)
    found = {(row.subject, row.predicate, row.object) for row in rows}
    assert ("person_1", "touching", "operating_table") in found
    assert ("person_1", "close_to", "person_2") in found
    assert ("person_2", "touching", "cart_1") in found
    owner = {"person_1": 1, "person_2": 2, "cart_1": 101}
    for row in rows:
        if row.predicate not in ("close_to", "touching") or row.object not in owner:
            continue
        middle = (row.begin_instant + row.end_instant) // 2
        mesh = world.moving_at(middle)
        a, b = (mesh.vertices_m[np.unique(mesh.faces[mesh.owner == owner[n]])] for n in (row.subject, row.object))
        gap = KDTree(a).query(b)[0].min()
        # The vertices of the coarsest part, a box of the cart, lie up to 0.35 m apart.
        assert gap <= {"close_to": 0.55, "touching": 0.06}[row.predicate] + 0.35


def test_gap_between_simple_bodies() -> None:
    ball = capsules(np.array([[[0.0, 0, 0]]]), np.array([[[0.0, 0, 0]]]), np.array([0.5]))
    rod = capsules(np.array([[[2.0, -1, 0]]]), np.array([[[2.0, 1, 0]]]), np.array([0.25]))
    cube = Solids(np.array([[[0.0, 0, 3]]]), np.eye(3)[None, None], np.full((1, 3), 1.0), np.zeros(1))
    turned = np.array([[np.cos(0.5), -np.sin(0.5), 0], [np.sin(0.5), np.cos(0.5), 0], [0, 0, 1.0]])
    other = Solids(np.array([[[0.0, 0, 6]]]), turned[None, None], np.full((1, 3), 0.5), np.zeros(1))
    assert gap_m(ball, rod)[0] == pytest.approx(2.0 - 0.75, abs=1e-6)
    assert gap_m(ball, cube)[0] == pytest.approx(1.5, abs=1e-6)
    assert gap_m(cube, ball)[0] == pytest.approx(1.5, abs=1e-6)
    assert gap_m(cube, other)[0] == pytest.approx(1.5, abs=1e-6)
    assert gap_m(cube, cube)[0] == 0.0


def test_the_sensor_keeps_inside_the_published_figures() -> None:
    """Azure Kinect (Toelgyessy et al. 2021): standard deviation at most 17 mm and bias below 11 mm up to 3.5 m."""
    config = SensorConfig(lost=0.0)
    for depth in (0.8, 2.0, 3.5):
        true_m = np.full((200, 200), depth, np.float32)
        sensed_m = sense_depth(true_m, np.ones_like(true_m), np.random.default_rng(0), config) * 0.001
        assert sensed_m.std() <= 0.017
        assert abs(sensed_m.mean() - depth) < 0.011
        expected_m = float(sigma_m(np.array(depth), np.array(1.0), config))
        # A standard deviation from n values has a relative error of 1 / sqrt(2 n); whole millimetres add 0.3 mm.
        assert sensed_m.std() == pytest.approx(
            np.hypot(expected_m, 0.001 / np.sqrt(12)), rel=4 / np.sqrt(2 * true_m.size)
        )


def test_a_plain_folder_holds_the_same_truth(recording: Path, tmp_path: Path) -> None:
    short = SimulationConfig(seconds=0.5, fps=4.0, num_cameras=1, scale=0.1)
    folder = simulate(tmp_path / "plain", seed=SEED, config=short, plain=True)
    assert {path.name for path in folder.iterdir()} == {"calibration.json", "cam_1", "truth"}
    assert sorted(path.name for path in (folder / "cam_1" / "depth").iterdir()) == ["000000.png", "000001.png"]
    assert len(read_truth(folder).times_ns) == 2
