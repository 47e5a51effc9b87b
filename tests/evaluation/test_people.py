"""Skeletons and roles: truth is perfect, and a known error gives exactly that error."""

from dataclasses import replace

import numpy as np
import pytest
from ortwin.evaluation.joints import COCO_17
from ortwin.evaluation.people import LIMBS, score_people
from ortwin.evaluation.roles import score_roles
from ortwin.evaluation.rows import PeopleRows, TrackRows
from ortwin.evaluation.truth import PersonTruth, TrackTruth, Truth
from ortwin.evaluation.truth_as_tables import truth_as_tables
from ortwin.evaluation.uncertainty import score_uncertainty

STEP_NS = 100_000_000
NUM = 20
STANDING_M = {
    "nose": (0.1, 0, 1.65), "eye": (0.08, 0.03, 1.68), "ear": (0, 0.08, 1.66), "shoulder": (0, 0.2, 1.45),
    "elbow": (0, 0.3, 1.15), "wrist": (0.1, 0.3, 0.9), "hip": (0, 0.12, 0.95), "knee": (0, 0.13, 0.5),
    "ankle": (0, 0.14, 0.08),
}  # fmt: skip


def skeleton() -> np.ndarray:
    def place(name: str) -> tuple[float, float, float]:
        x, y, z = STANDING_M[name.split("_")[-1]]
        return (x, -y if name.startswith("right") else y, z)

    return np.array([place(name) for name in COCO_17])


def make_truth() -> Truth:
    times_ns = np.arange(NUM, dtype=np.int64) * STEP_NS
    along = np.stack([np.linspace(0, 1, NUM), np.zeros(NUM), np.zeros(NUM)], axis=1)
    people, tracks = {}, {}
    for name, role, offset in (("person_1", "head_surgeon", (0, 0, 0)), ("person_2", "scrub_nurse", (0, 2, 0))):
        joints_m = skeleton() + along[:, None] + np.array(offset)
        people[name] = PersonTruth(name, role, joints_m, np.full((NUM, 17), 2))
        tracks[name] = TrackTruth(name, "person", times_ns, joints_m.mean(axis=1), np.ones((NUM, 3)))
    return Truth(times_ns, people=people, tracks=tracks)


def claims(truth: Truth) -> PeopleRows:
    rows = truth_as_tables(truth).people
    assert rows is not None
    return rows


def test_truth_is_perfect():
    scores = score_people(claims(make_truth()), make_truth())
    assert scores.mpjpe_mm == scores.mpjpe_seen_mm == 0
    assert (scores.pcp3d, scores.recall, scores.recall_seen, scores.precision, scores.joint_recall) == (1, 1, 1, 1, 1)
    assert (scores.idf1, scores.mota, scores.num_switches, scores.num_ghosts) == (1, 1, 0, 0)
    assert scores.hota.hota == pytest.approx(1)
    assert scores.people["person_2"].track_id == "person_2"


def test_a_shift_is_the_error():
    truth = make_truth()
    rows = claims(truth)
    scores = score_people(replace(rows, joints_m=rows.joints_m + np.array([0.006, 0.008, 0])), truth)
    assert scores.mpjpe_mm == pytest.approx(10)
    assert set(scores.mpjpe_by_joint_mm) == set(COCO_17)
    assert scores.mpjpe_by_joint_mm["left_wrist"] == pytest.approx(10)
    assert scores.pcp3d == 1


def test_a_limb_is_right_up_to_half_its_length():
    truth = make_truth()
    rows = claims(truth)
    elbow, wrist = COCO_17.index("left_elbow"), COCO_17.index("left_wrist")
    length_m = np.linalg.norm(skeleton()[elbow] - skeleton()[wrist])
    for factor, right in ((0.99, 1.0), (1.01, 0.5)):
        joints_m = rows.joints_m.copy()
        joints_m[:, wrist, 0] += factor * length_m  # the mean of 0 and this is half of it
        scores = score_people(replace(rows, joints_m=joints_m), truth)
        assert scores.pcp3d_by_limb["lower_arms"] == right
        assert scores.pcp3d == pytest.approx((9 + (right == 1)) / 10)
    assert sum(len(limbs) for limbs in LIMBS.values()) == 10


def test_a_person_not_found_has_no_right_limbs():
    truth = make_truth()
    rows = claims(truth)
    mine = rows.track_id == "person_1"
    half = PeopleRows(*(getattr(rows, key)[mine] for key in ("time_ns", "track_id", "joints_m", "sigma_m", "role")))
    scores = score_people(half, truth)
    assert (scores.recall, scores.precision, scores.pcp3d, scores.mpjpe_mm) == (0.5, 1.0, 0.5, 0.0)
    assert scores.people["person_2"].mpjpe_mm is None
    assert score_roles(half, None, truth).accuracy == 1
    assert score_roles(half, None, truth).accuracy_of_all == 0.5


def test_beyond_500_mm_nobody_was_found():
    truth = make_truth()
    rows = claims(truth)
    for shift_m, recall in ((0.49, 1.0), (0.51, 0.0)):
        assert score_people(replace(rows, joints_m=rows.joints_m + np.array([shift_m, 0, 0])), truth).recall == recall


def test_swapped_identities_are_counted():
    truth = make_truth()
    rows = claims(truth)
    swap = {"person_1": "person_2", "person_2": "person_1"}
    late = rows.time_ns >= 15 * STEP_NS
    names = np.array(
        [swap[name] if after else name for name, after in zip(rows.track_id, late, strict=True)], dtype=object
    )
    scores = score_people(replace(rows, track_id=names), truth)
    assert scores.num_switches == 2
    assert scores.idf1 == pytest.approx(15 / 20)
    assert scores.mota == pytest.approx(1 - 2 / 40)
    assert scores.mpjpe_mm == 0


def test_missing_joints_are_missing_and_unseen_ones_can_be_left_out():
    truth = make_truth()
    rows = claims(truth)
    wrist, nose = COCO_17.index("left_wrist"), COCO_17.index("nose")
    joints_m = rows.joints_m.copy()
    joints_m[:, wrist] = np.nan
    joints_m[:, nose] += [0, 0, 0.032]
    truth.people["person_1"].num_views[:, nose] = 0
    scores = score_people(replace(rows, joints_m=joints_m), truth)
    assert scores.joint_recall == pytest.approx(16 / 17)
    assert scores.mpjpe_mm == pytest.approx(32 / 16)
    assert scores.mpjpe_seen_mm == pytest.approx(32 / 31)  # of 32 joints of two people one is out
    assert scores.mpjpe_by_joint_mm["left_wrist"] is None
    assert scores.pcp3d_by_limb["lower_arms"] == 0.5


def test_roles_of_skeletons():
    truth = make_truth()
    rows = claims(truth)
    assert score_roles(rows, None, truth).accuracy == 1
    role = rows.role.copy()
    role[(rows.track_id == "person_1") & (rows.time_ns < 5 * STEP_NS)] = "assistant_surgeon"
    role[(rows.track_id == "person_2") & (rows.time_ns < 10 * STEP_NS)] = ""
    scores = score_roles(replace(rows, role=role), None, truth)
    assert scores.accuracy == scores.accuracy_of_all == pytest.approx(25 / 40)
    assert scores.by_role == {"head_surgeon": 0.75, "scrub_nurse": 0.5}
    assert scores.confusion["head_surgeon"] == {"assistant_surgeon": 5, "head_surgeon": 15}
    assert scores.confusion["scrub_nurse"] == {"": 10, "scrub_nurse": 10}


def test_roles_as_labels_of_tracks_and_no_roles_at_all():
    truth = make_truth()
    rows = truth_as_tables(truth).tracks
    assert score_roles(None, rows, truth) is None  # "person" is no role
    assert score_roles(replace(claims(truth), role=np.full(2 * NUM, "", dtype=object)), None, truth) is None
    label = np.where(rows.track_id == "person_1", "head_surgeon", "visitor").astype(object)
    named = TrackRows(rows.time_ns, rows.track_id, label, rows.center_m, rows.predicted)
    assert score_roles(None, named, truth).by_role == {"head_surgeon": 1.0, "scrub_nurse": 0.0}


def test_uncertainty_that_is_right_too_bold_and_too_timid():
    truth = make_truth()
    rows = claims(truth)
    rng = np.random.default_rng(5)
    noisy = rows.joints_m + rng.normal(0, 0.02, rows.joints_m.shape)
    for stated_m, anees in ((0.02, 1.0), (0.01, 4.0), (0.04, 0.25)):
        sigma_m = np.full(rows.sigma_m.shape, stated_m)
        joints = score_uncertainty(None, replace(rows, joints_m=noisy, sigma_m=sigma_m), None, {}, truth).joints
        # The mean of n values of chi2(3) / 3 has a standard deviation of sqrt(2 / 3 / n).
        assert joints.anees == pytest.approx(anees, rel=5 * np.sqrt(2 / 3 / joints.num_errors))
        assert joints.num_errors == 2 * NUM * 17
    assert score_uncertainty(None, rows, None, {}, truth) is None


def test_coverage_of_known_errors():
    truth = make_truth()
    rows = claims(truth)
    # The 95 % region of three dimensions reaches to 2.7955 sigma.
    for error_m, share in ((0.0279, 1.0), (0.0281, 0.0)):
        moved = replace(
            rows, joints_m=rows.joints_m + np.array([0, 0, error_m]), sigma_m=np.full(rows.sigma_m.shape, 0.01)
        )
        joints = score_uncertainty(None, moved, None, {}, truth).joints
        assert joints.coverage_95 == share
        assert joints.anees == pytest.approx((error_m / 0.01) ** 2 / 3)
