"""The patient of a twin: when somebody lies there, what is kept, and what becomes of it in tracks and relations."""

import subprocess
import sys

import numpy as np
import ortwin
import pytest
from ortwin.capture.geometry import SE3
from ortwin.evaluation.truth import read_truth
from ortwin.patients import covers, joined
from ortwin.reconstruction.body_fit import BodyForm
from ortwin.reconstruction.body_model import anny_adult
from ortwin.reconstruction.body_pose import BodyParameters
from ortwin.reconstruction.lying import DRAPE, PATIENT, Lying, lying_at, lying_tables, read_lying
from ortwin.reconstruction.patient_presence import presence
from ortwin.reconstruction.patient_surface import TableGlance, table_surfaces
from ortwin.reconstruction.state import Track
from ortwin.reconstruction.track_smoothing import TrackPath
from ortwin.scenegraph.graph import TruthState

EXTENT_M = np.array([2.0, 0.54, 0.9])
HERE = SE3(np.eye(3), np.array([0.3, -0.2, 0.9]))
STEP_NS = 1_000_000_000
BODY_M, TOP_M = (1.7, 0.44), 0.2
LIMIT_M = 0.060
"""What is asked of a patient's joints, covered ones too."""


def glance(number: int, *, there: bool, hidden: float = 0.0) -> TableGlance:
    """A table from above, with or without a block as large as a body; a share of it may be hidden from the head on."""
    rng = np.random.default_rng(number)
    x, y = (side.ravel() for side in np.meshgrid(np.arange(-0.99, 1.0, 0.01), np.arange(-0.26, 0.27, 0.01)))
    on = (np.abs(x) < BODY_M[0] / 2) & (np.abs(y) < BODY_M[1] / 2)
    height_m = np.where(on & there, TOP_M, 0.0) + rng.normal(0, 0.003, x.shape)
    seen = x < 1.0 - 2.0 * hidden
    return TableGlance(number * STEP_NS, HERE, HERE @ np.stack([x, y, height_m], axis=1)[seen], None)


def test_somebody_lies_there_from_the_first_glance_that_shows_it_to_the_last():
    glances = [glance(k, there=4 <= k < 12) for k in range(16)]
    (body,) = table_surfaces(glances[4:12], EXTENT_M)
    ((begin_ns, end_ns),) = presence(glances, [body], EXTENT_M)
    assert begin_ns == 4 * STEP_NS - STEP_NS // 2
    assert end_ns == 11 * STEP_NS + STEP_NS // 2 + 1


def test_who_is_hidden_for_a_while_has_not_left():
    glances = [glance(k, there=True, hidden=0.95 if 5 <= k < 9 else 0.0) for k in range(14)]
    surfaces = table_surfaces(glances[:5], EXTENT_M)
    ((begin_ns, end_ns),) = presence(glances, surfaces, EXTENT_M)
    assert begin_ns < 0 and end_ns > 13 * STEP_NS


def test_an_empty_table_carries_nobody():
    occupied = table_surfaces([glance(k, there=True) for k in range(4)], EXTENT_M)
    assert presence([glance(k, there=False) for k in range(8)], occupied, EXTENT_M) == []


def rows() -> list[Lying]:
    """A patient of two stretches, bare and then covered, and the drape, of whose end nobody can tell."""
    rng, model = np.random.default_rng(3), anny_adult()
    skin_m = rng.uniform([-0.8, -0.2, 0.9], [0.8, 0.2, 1.1], (400, 3))
    bones = len(model.bone_names)

    def patient(begin_ns: int, end_ns: int, *, covered: bool) -> Lying:
        body = BodyParameters(
            np.zeros(model.num_shapes, np.float32), np.zeros(bones, np.float32),
            rng.normal(0, 0.1, (1, 3)).astype(np.float32), rng.normal(0, 0.1, (1, bones, 3)).astype(np.float32),
        )  # fmt: skip
        joints_m = rng.uniform(-0.8, 0.8, (17, 3))
        covariance_m2 = np.tile(np.eye(3) * 1e-3, (17, 1, 1))
        return Lying(PATIENT, PATIENT, begin_ns, end_ns, skin_m, covered, float(covered), body, joints_m, covariance_m2)

    cloth_m = skin_m + np.array([0.0, 0.0, 0.05])
    return [
        patient(0, 4 * STEP_NS, covered=False),
        patient(4 * STEP_NS, 12 * STEP_NS, covered=True),
        Lying("drape_1", DRAPE, 4 * STEP_NS, 8 * STEP_NS, cloth_m, True, 0.8),
        Lying("drape_1", DRAPE, 8 * STEP_NS, 10 * STEP_NS, cloth_m, True, 0.7),
        Lying("drape_1", DRAPE, 10 * STEP_NS, 12 * STEP_NS, cloth_m, None, float("nan")),
    ]


def test_what_lies_there_is_read_as_it_was_kept():
    kept = rows()
    body = kept[0].body
    assert body is not None
    tables, packets = lying_tables(kept)
    again = read_lying(tables, packets, BodyForm(body.shape, body.clothing_m))
    for one, other in zip(kept, again, strict=True):
        assert (one.track_id, one.label, one.begin_ns, one.end_ns, one.covered) == (
            other.track_id, other.label, other.begin_ns, other.end_ns, other.covered
        )  # fmt: skip
        assert np.allclose(one.points_m, other.points_m, atol=0.001), "surfaces are kept to the millimetre"
        if one.body is not None and other.body is not None:
            assert np.array_equal(one.body.turns_rad, other.body.turns_rad)
            assert np.array_equal(one.joints_m, other.joints_m)
        assert (one.body is None) == (other.body is None)
    late = lying_at(again, PATIENT, 5 * STEP_NS)
    assert late is not None and late.covered and lying_at(again, PATIENT, 12 * STEP_NS) is None


def test_a_drape_covers_as_long_as_it_is_known_to():
    told = [
        (one.subject_id, one.predicate, one.object_id, one.begin_ns, one.end_ns, one.state) for one in covers(rows())
    ]
    assert told == [
        ("drape_1", "lying_on", PATIENT, 4 * STEP_NS, 10 * STEP_NS, TruthState.TRUE),
        ("drape_1", "lying_on", PATIENT, 10 * STEP_NS, 12 * STEP_NS, TruthState.UNKNOWN),
    ]


def heap(track_id: str, center_m: tuple[float, float, float], length_m: float) -> TrackPath:
    """Something that was followed and stood still for eleven seconds."""
    times_ns = np.arange(1, 12) * STEP_NS
    still = np.ones((len(times_ns), 1))
    return TrackPath(
        Track(track_id, "object", int(times_ns[0]), int(times_ns[-1])), 1, times_ns, still * center_m,
        still * (length_m, 0.5, 0.3), still * (0.0, 0.0, 0.0), np.full(len(times_ns), 0.02),
        np.zeros(len(times_ns), bool), np.full(len(times_ns), 50, np.int32),
    )  # fmt: skip


def test_the_heap_that_was_followed_on_the_table_makes_way_and_what_stands_beside_stays():
    times_ns = np.arange(13) * STEP_NS
    beside, short = heap("person_1", (0.0, 0.9, 1.0), 0.6), heap("object_2", (0.1, 0.0, 1.1), 0.3)
    paths, bodies = joined(rows(), [heap("object_1", (0.05, 0.02, 1.0), 1.6), beside, short], [], times_ns)
    assert [path.track.track_id for path in paths] == ["person_1", "object_2", "drape_1", PATIENT]
    (body,) = bodies
    assert body.track_id == PATIENT and body.predicted.all() and len(body.times_ns) == 12


def test_a_table_on_which_nobody_was_found_changes_nothing():
    path = heap("object_1", (0.0, 0.0, 1.0), 1.6)
    assert joined([], [path], [], np.arange(13) * STEP_NS) == ([path], [])


@pytest.mark.slow
def test_a_build_finds_the_patient_and_when_she_is_covered(tmp_path):
    pytest.importorskip("anny")
    recording, twin = tmp_path / "knee.recording", tmp_path / "knee.twin"
    play = f"{recording} --scenario knee_replacement --seed 25 --seconds 30 --fps 1 --cameras 4 -j 1 -q"
    for command in (f"simulate {play}", f"build {recording} {twin} --room {recording}/truth/room.toml -q"):
        subprocess.run([sys.executable, "-m", "ortwin", *command.split()], check=True)
    made, truth = ortwin.open(twin), read_truth(recording)
    assert truth.people is not None
    true_m, off_m = truth.people["patient"].joints_m, []
    for time_ns, number in zip(truth.times_ns.tolist(), range(len(truth.times_ns)), strict=True):
        row = lying_at(made.lying, PATIENT, time_ns)
        if row is not None and row.joints_m is not None and np.isfinite(true_m[number]).all():
            off_m.append(np.linalg.norm(row.joints_m - true_m[number], axis=1))
    assert len(off_m) >= 20, "she lies there for most of the play"
    assert np.mean(off_m) < LIMIT_M
    covered = made.query("covered(patient)")
    assert len(covered) == 1
