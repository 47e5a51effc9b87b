"""Bodies: closed, of human size, joints inside, and kept so that anny is asked once."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ortwin.capture.errors import InputError, MissingExtraError
from ortwin.capture.geometry import SE3
from ortwin.datasets.simulated_or import anny_body
from ortwin.datasets.simulated_or.anny_body import Phenotype, body_shape, draw_phenotype
from ortwin.datasets.simulated_or.body import skin
from ortwin.datasets.simulated_or.turning import rotation


@pytest.fixture(params=["man", "woman", "tall_man"])
def shape(request):
    return request.getfixturevalue(request.param)


def test_the_skin_is_closed(shape):
    edges = np.sort(np.concatenate([shape.faces[:, [0, 1]], shape.faces[:, [1, 2]], shape.faces[:, [2, 0]]]), axis=1)
    _, count = np.unique(edges, axis=0, return_counts=True)
    assert (count == 2).all()


def test_joints_lie_inside_the_body(shape, depth_inside_m):
    assert depth_inside_m(shape.vertices_m, shape.faces, shape.joints_m).min() > 0.006


def test_left_is_left_and_up_is_up(shape):
    nose, left, right = shape.joints_m[0], shape.joints_m[5], shape.joints_m[6]
    assert left[1] > 0.1 and right[1] < -0.1
    assert nose[0] > shape.joints_m[3:5, 0].mean() + 0.04
    assert abs(shape.vertices_m[:, 2].min()) < 1e-3
    ankles, knees, hips = (shape.joints_m[k : k + 2, 2].mean() for k in (15, 13, 11))
    assert 0 < ankles < knees < hips < left[2] < nose[2] < shape.height_m


def test_palms_face_the_body_and_fingers_point_away_from_the_elbow(shape):
    for side, (hand, elbow) in enumerate(zip(shape.hands, shape.joints_m[7:9], strict=True)):
        toward_middle = np.array([0.0, -1.0 if side == 0 else 1.0, 0.0])
        assert hand.rotation[:, 1] @ toward_middle > 0.3
        along = hand.translation_m - elbow
        assert hand.rotation[:, 2] @ along > 0.8 * np.linalg.norm(along)


def test_weights_are_shares(shape):
    assert np.allclose(shape.weights.sum(axis=1), 1, atol=1e-5)
    assert (shape.weights >= 0).all()


def test_a_body_at_rest_is_itself_and_a_moved_one_moves_rigidly(shape):
    still = np.tile(np.eye(3), (len(shape.bone_names), 1, 1))
    root = shape.bone_heads_m[0]
    resting, _ = skin(shape, still, SE3(np.eye(3), root))
    assert np.abs(resting - shape.vertices_m).max() < 1e-5
    world_from_model = SE3(rotation(np.array([0.3, -0.2, 1.1])), np.array([1.0, 2.0, 0.1]))
    moved, bones = skin(shape, still, SE3(world_from_model.rotation, world_from_model.apply(root)))
    assert np.abs(moved - world_from_model.apply(shape.vertices_m.astype(np.float64))).max() < 1e-5
    assert bones.shape == (len(shape.bone_names), 3, 4)


def test_a_bent_elbow_takes_the_hand_along_and_leaves_the_feet(shape):
    turned = np.tile(np.eye(3), (len(shape.bone_names), 1, 1))
    turned[shape.bone("lowerarm01", "left")] = rotation(np.array([0.0, -1.0, 0.0]))
    bent, _ = skin(shape, turned, SE3(np.eye(3), shape.bone_heads_m[0]))
    moved_m = np.linalg.norm(bent - shape.vertices_m, axis=1)
    hand = shape.weight_bones[:, 0] == shape.bone("wrist", "left")
    assert moved_m[hand].min() > 0.1
    assert moved_m[shape.vertices_m[:, 2] < 0.5].max() < 1e-5


def test_drawn_people_are_adults():
    drawn = [draw_phenotype(np.random.default_rng(seed)) for seed in range(200)]
    assert drawn[3] == draw_phenotype(np.random.default_rng(3))
    assert 0.3 < np.mean([one.gender for one in drawn]) < 0.7
    assert min(one.age for one in drawn) >= 0.67


@pytest.mark.slow
@pytest.mark.usefixtures("man")
def test_drawn_people_are_between_1_55_and_1_95_m_tall():
    heights = [body_shape(draw_phenotype(np.random.default_rng(seed))).height_m for seed in range(40)]
    assert min(heights) > 1.55 and max(heights) < 1.95
    assert np.ptp(heights) > 0.15


@pytest.fixture
def without_anny(monkeypatch):
    """As in a process that has no anny and no torch."""
    monkeypatch.setitem(sys.modules, "anny", None)
    body_shape.cache_clear()
    anny_body._model.cache_clear()


def test_a_kept_body_needs_no_anny_and_no_patience(man, without_anny):
    begin_s = time.process_time()
    again = body_shape(man.phenotype)
    assert time.process_time() - begin_s < 0.3
    assert again is not man
    for name in ("vertices_m", "faces", "weights", "weight_bones", "bone_heads_m", "joints_m", "soles_m"):
        assert np.array_equal(getattr(again, name), getattr(man, name)), name
    assert again.bone_names == man.bone_names
    assert np.array_equal(again.hands[1].matrix(), man.hands[1].matrix())


def test_a_body_that_cannot_be_made_names_the_extra(monkeypatch, tmp_path, without_anny):
    monkeypatch.setenv("ORTWIN_CACHE_DIR", str(tmp_path))
    with pytest.raises(MissingExtraError, match=r"ortwin\[bodies\]"):
        body_shape(Phenotype(age=0.7123))


def test_a_damaged_file_of_the_cache_is_said_to_be_one(man, monkeypatch, tmp_path):
    monkeypatch.setenv("ORTWIN_CACHE_DIR", str(tmp_path))
    anny_body._save(man, path := anny_body._place(man.phenotype))
    body_shape.cache_clear()
    assert np.array_equal(body_shape(man.phenotype).vertices_m, man.vertices_m)
    path.write_bytes(path.read_bytes()[:5000])
    body_shape.cache_clear()
    with pytest.raises(InputError, match="damaged"):
        body_shape(man.phenotype)


def test_making_a_body_prints_nothing(tmp_path: Path) -> None:
    """What a command prints with --json is one document; anny's libraries greet on stdout."""
    code = (
        "from ortwin.datasets.simulated_or.anny_body import Phenotype, body_shape; body_shape(Phenotype(height=0.51))"
    )
    command = [sys.executable, "-c", code]
    env = {**os.environ, "ORTWIN_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if "MissingExtraError" in done.stderr and os.environ.get("ORTWIN_REQUIRE_TEST_DATA") != "1":
        pytest.skip("anny is not installed")
    assert (done.returncode, done.stdout) == (0, "")
