"""Bodies of a stored twin: two people of known bodies walk through two segments; nothing else is in the archive."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from ortwin.archive import TwinArchive
from ortwin.bodies import BodiesConfig, add_bodies
from ortwin.capture.camera import Camera, CameraRig, Intrinsics
from ortwin.capture.errors import ConfigError, InputError
from ortwin.capture.geometry import SE3
from ortwin.capture.integrity import verify_tree
from ortwin.cli.app import run
from ortwin.evaluation.surfaces import distance_to_surface_m
from ortwin.facade import Twin
from ortwin.playback.rerun_bodies import CELL_M
from ortwin.reconstruction.body_fit import BodyFitConfig
from ortwin.reconstruction.body_model import anny_adult
from ortwin.reconstruction.body_paths import BodyPath
from ortwin.reconstruction.body_pose import BodyParameters, pose_meshes
from ortwin.reconstruction.body_tables import body_table
from ortwin.reconstruction.fitted_bodies import coarse_faces
from ortwin.reconstruction.surfaces import encode_surface

STEP_NS, COUNT, SPLIT, BEGIN_NS = 100_000_000, 16, 8, 5_000_000_000
JOINT_SIGMA_M, POINT_SIGMA_M, SEED = 0.02, 0.004, 90
LIVES = {"person_1": (0, COUNT), "person_2": (0, 6), "person_3": (9, 11)}
QUICK = BodiesConfig(fit=BodyFitConfig(joint_rounds=40, shape_rounds=25, pose_rounds=16, shape_instants=6, overlap=4))
SPANS_NS = [(BEGIN_NS, BEGIN_NS + SPLIT * STEP_NS), (BEGIN_NS + SPLIT * STEP_NS, BEGIN_NS + COUNT * STEP_NS)]


def true_body(track_id: str) -> BodyParameters:
    """Somebody who walks along x, at every instant of the twin."""
    model, number = anny_adult(), int(track_id[-1])
    turns_rad = np.zeros((COUNT, len(model.bone_names), 3), np.float32)
    swing = np.sin(2 * np.pi * 0.8 * 0.1 * np.arange(COUNT))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        turns_rad[:, model.bone(f"{side}_thigh"), 1] = -0.4 * sign * swing
        turns_rad[:, model.bone(f"{side}_upper_arm"), 0] = -0.4 * sign
    root_m = np.array([[0.05 * k, 1.5 * number, model.bones_m[0, 2]] for k in range(COUNT)], np.float32)
    shape = np.random.default_rng(SEED + number).normal(0, 0.7, model.num_shapes).astype(np.float32)
    return BodyParameters(shape, np.full(len(model.bone_names), 0.01, np.float32), root_m, turns_rad)


@pytest.fixture(scope="module")
def truth() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Clothed vertices (t, n, 3) and joints (t, 17, 3) of each."""
    return {name: pose_meshes(anny_adult(), true_body(name)) for name in LIVES}


def write_twin(path: Path, truth: dict[str, tuple[np.ndarray, np.ndarray]]) -> Path:
    rng, lens = np.random.default_rng(SEED), Intrinsics(300.0, 300.0, 159.5, 119.5, 320, 240)
    looking = SE3(np.array([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), np.array([5.0, 3.0, 1.0]))
    rig = CameraRig({"cam_1": Camera("cam_1", lens, lens, SE3.identity(), 0.001, looking)})
    archive = TwinArchive.create(path, {"config": {}, "inputs": {"recording_blake3": "00"}}, rig, {})
    paths = []
    for name, (first, last) in LIVES.items():
        joints_m = truth[name][1][first:last] + rng.normal(0, JOINT_SIGMA_M, (last - first, 17, 3))
        covariance_m2 = np.broadcast_to(JOINT_SIGMA_M**2 * np.eye(3), (last - first, 17, 3, 3))
        times_ns = BEGIN_NS + STEP_NS * np.arange(first, last)
        shown = np.ones((last - first, 17))
        paths.append(BodyPath(name, times_ns, joints_m, covariance_m2, shown.astype(np.uint8), shown < 0))
    for number, span_ns in enumerate(SPANS_NS):
        times_ns = np.arange(*span_ns, STEP_NS)
        rows, packets = [], b""
        for time_ns in times_ns.tolist():
            instant = (time_ns - BEGIN_NS) // STEP_NS
            for name, (first, last) in LIVES.items():
                if first <= instant < last:
                    front_m = truth[name][0][instant]
                    front_m = front_m[front_m[:, 0] > np.median(front_m[:, 0])][::5]
                    seen_m = (front_m + rng.normal(0, POINT_SIGMA_M, front_m.shape)).astype(np.float32)
                    packet = encode_surface(seen_m, np.full(seen_m.shape, 90, np.uint8))
                    rows.append((time_ns, name, int(name[-1]), len(packets), len(packet)))
                    packets += packet
        names = ("time_ns", "track_id", "number", "surface_offset", "surface_size")
        table = pa.table({name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)})
        frames = pa.table({"time_ns": times_ns, "camera_id": ["cam_1"] * len(times_ns)})
        archive.write_segment(
            "moving", number, span_ns, {"sightings": table, "frames": frames}, {"surfaces.bin": packets}
        )
        archive.write_segment("tracks", number, span_ns, {"tracks": table, "bodies": body_table(paths, *span_ns)})
    archive.finish({"moving": 2, "tracks": 2}, "graph", None)
    return path


@pytest.fixture(scope="module")
def twin(truth, tmp_path_factory) -> Twin:
    path = write_twin(tmp_path_factory.mktemp("bodies") / "case.twin", truth)
    return add_bodies(Twin(TwinArchive(path)), config=QUICK)


def content(path: Path) -> dict[str, str]:
    layers = [file for layer in ("forms", "bodies") for file in sorted((path / layer).rglob("*")) if file.is_file()]
    return {str(file.relative_to(path)): hashlib.blake2b(file.read_bytes()).hexdigest() for file in layers}


def test_everyone_who_is_there_long_enough_has_a_body(twin):
    assert set(twin.meshes.forms) == {"person_1", "person_2"}, "two instants show nobody's form"
    assert twin.body_mesh("person_3", BEGIN_NS + 9 * STEP_NS) is None
    assert twin.body_mesh("nobody", BEGIN_NS) is None
    assert len(twin.archive.read_layer("bodies", "poses")) == COUNT + 6
    assert not verify_tree(twin.path).damaged


def test_its_mesh_lies_on_the_true_clothes(twin, truth):
    faces = anny_adult().faces
    for name, instant in (("person_1", 1), ("person_1", 12), ("person_2", 3)):
        vertices_m, own_faces = twin.body_mesh(name, BEGIN_NS + instant * STEP_NS)
        assert own_faces is twin.meshes.model(name).faces
        off_m = distance_to_surface_m(vertices_m, truth[name][0][instant], faces)
        assert np.median(off_m) < JOINT_SIGMA_M, "half of it was measured, the rest hangs on joints"


def test_between_instants_a_body_is_between(twin):
    here, there = (twin.body_mesh("person_1", BEGIN_NS + k * STEP_NS)[0] for k in (SPLIT - 1, SPLIT))
    between = twin.body_mesh("person_1", BEGIN_NS + SPLIT * STEP_NS - STEP_NS // 4)[0]
    np.testing.assert_allclose(between, 0.25 * here + 0.75 * there, atol=1e-5)


def test_nobody_is_made_up_before_and_after(twin):
    assert twin.body_mesh("person_2", BEGIN_NS + 7 * STEP_NS) is None
    assert twin.body_mesh("person_1", BEGIN_NS - STEP_NS) is None
    assert twin.body_mesh("person_1", BEGIN_NS + (COUNT + 5) * STEP_NS) is None


def test_at_the_border_of_segments_nobody_jumps(twin, truth):
    inner, border = [], []
    for k in range(1, COUNT - 1):
        a, b = (twin.body_mesh("person_1", BEGIN_NS + n * STEP_NS)[0] for n in (k, k + 1))
        true_m = truth["person_1"][0]
        wrong_m = float(np.abs((b - a) - (true_m[k + 1] - true_m[k])).mean())
        (border if k == SPLIT - 1 else inner).append(wrong_m)
    assert border[0] < 3 * np.median(inner)


def test_an_interrupted_run_goes_on_to_the_same_bytes(twin, truth, tmp_path):
    path = write_twin(tmp_path / "case.twin", truth)

    def stop(stage: str, done: int, total: int) -> None:
        if (stage, done) == ("bodies", 1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add_bodies(Twin(TwinArchive(path)), config=QUICK, progress=stop)
    half = Twin(TwinArchive(path))
    assert half.meshes is None and half.body_mesh("person_1", BEGIN_NS) is None, "not to the end"
    assert add_bodies(half, config=QUICK).meshes is not None
    assert content(path) == content(twin.path)


def test_other_settings_need_a_fresh_start(twin):
    with pytest.raises(ConfigError, match="other settings"):
        add_bodies(twin, config=BodiesConfig(least_instants=3))


def test_what_cannot_have_bodies_says_why(truth, tmp_path):
    path = write_twin(tmp_path / "case.twin", truth)
    archive = TwinArchive(path)
    archive.finish({}, "graph", None)
    with pytest.raises(InputError, match="not complete"):
        add_bodies(Twin(TwinArchive(path)), config=QUICK)


def test_the_verb_tells_who_got_a_body(twin, capsys):
    fit = [f"--set=fit.{name}={getattr(QUICK.fit, name)}" for name in
           ("joint_rounds", "shape_rounds", "pose_rounds", "shape_instants", "overlap")]  # fmt: skip
    assert run(["bodies", str(twin.path), *fit, "--no-color"]) == 0
    said = capsys.readouterr()
    assert "person_1" in said.out and "person_3" not in said.out
    assert "free" in said.err, "there is no recording beside the twin"


def test_a_coarse_net_keeps_the_shape():
    model = anny_adult()
    rows, faces = coarse_faces(model, CELL_M)
    assert 400 < len(rows) < len(model.vertices_m) / 2
    off_m = distance_to_surface_m(model.vertices_m, model.vertices_m[rows], faces)
    assert np.percentile(off_m, 95) < CELL_M / 2, "half of a cell"
    corners = model.vertices_m[rows][faces]
    out = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert np.einsum("fi,fi->", corners.mean(axis=1) - model.vertices_m.mean(axis=0), out) > 0, "outside is outside"
