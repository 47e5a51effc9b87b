"""Clocks joined by covariance: surer than each source, as sure as they claim; a source that does not fit is named."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.clock import ClockModel, ClockPiece
from ortwin.capture.clock_evidence import DELAY_SIGMA_S, RATE_SIGMA_PPM, ClockEvidence, host_evidence
from ortwin.capture.clock_join import JointClocks, join_clocks, joined_clocks
from scipy.stats import chi2

NAMES = ("cam_1", "cam_2", "cam_3", "cam_4")
COUNT, MIDDLE_S = len(NAMES), 300.0
CONTENT_S, CONTENT_PPM, BOARD_S, BOARD_AT_S = 0.006, 8.0, 0.002, 40.0
DRAWS = 200


def drawn(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, list[ClockEvidence]]:
    """How late cameras truly are (c,) s at MIDDLE_S, by how much more (c,) ppm, and what three sources say of it.

    Content and boards know nothing of what is common to all clocks, and measure the first camera no better than the
    others; what they say against it therefore errs alike.
    """
    late_s, rate_ppm = rng.normal(0, DELAY_SIGMA_S, COUNT), rng.normal(0, RATE_SIGMA_PPM, COUNT)
    none, middle_s = np.zeros(COUNT), np.full(COUNT, MIDDLE_S)
    of_host = np.diag(np.repeat([DELAY_SIGMA_S**2, RATE_SIGMA_PPM**2], COUNT))
    host = ClockEvidence("host", NAMES, middle_s, none, none, of_host, relative=False)
    alike = np.eye(COUNT) + 1.0
    offset_s = late_s + rng.normal(0, CONTENT_S, COUNT)
    ppm = rate_ppm + rng.normal(0, CONTENT_PPM, COUNT)
    of_content = np.kron(np.diag([CONTENT_S**2, CONTENT_PPM**2]), alike)
    content = ClockEvidence("content", NAMES, middle_s, offset_s - offset_s[0], ppm - ppm[0], of_content)
    at_board_s = late_s + 1e-6 * rate_ppm * (BOARD_AT_S - MIDDLE_S) + rng.normal(0, BOARD_S, COUNT)
    board = ClockEvidence(
        "board", NAMES, np.full(COUNT, BOARD_AT_S), at_board_s - at_board_s[0], None, BOARD_S**2 * alike
    )
    return late_s, rate_ppm, [host, content, board]


def errors(joint: JointClocks, late_s: np.ndarray, rate_ppm: np.ndarray) -> np.ndarray:
    """(2c,) errors of offsets (s) at MIDDLE_S and rates (ppm) against the mean of all cameras."""
    found_s = joint.late_s + 1e-6 * joint.rate_ppm * (MIDDLE_S - joint.middle_s)
    off = np.concatenate([found_s - late_s, joint.rate_ppm - rate_ppm])
    return off - np.repeat(off.reshape(2, COUNT).mean(axis=1), COUNT)


def at_middle(joint: JointClocks) -> np.ndarray:
    """(2c, 2c) covariance of offsets at MIDDLE_S and rates."""
    turn = np.kron(np.array([[1.0, 1e-6 * (MIDDLE_S - joint.middle_s)], [0.0, 1.0]]), np.eye(COUNT))
    return turn @ joint.covariance @ turn.T


@pytest.mark.parametrize("which", [(0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_what_is_joined_is_as_sure_as_it_claims(which):
    rng, nees, chi_square, freedom = np.random.default_rng(8), [], [], 0
    for _ in range(DRAWS):
        late_s, rate_ppm, evidence = drawn(rng)
        joint = join_clocks([evidence[k] for k in which])
        off, spread = errors(joint, late_s, rate_ppm), at_middle(joint)
        nees.append(float(off @ np.linalg.pinv(spread, rcond=1e-12, hermitian=True) @ off))
        chi_square.append(joint.chi_square)
        freedom = joint.freedom
        assert not joint.disagreements or joint.chi_square > chi2.ppf(0.99, freedom)
    # All but the common offset and the common rate: 2 (c - 1) numbers, of which the mean over draws hardly errs.
    assert 0.7 < np.mean(nees) / (2 * (COUNT - 1)) < 1.4
    assert freedom == {(0, 1): 6, (0, 2): 3, (1, 2): 3, (0, 1, 2): 9}[which]
    assert np.mean(chi_square) == pytest.approx(freedom, abs=4 * np.sqrt(2 * freedom / DRAWS))


def test_all_together_err_less_than_each_alone():
    rng, squares = np.random.default_rng(9), {}
    for _ in range(DRAWS):
        late_s, rate_ppm, evidence = drawn(rng)
        for which in [(0,), (1,), (2,), (0, 1), (0, 1, 2)]:
            joint = join_clocks([evidence[k] for k in which])
            squares.setdefault(which, []).append(errors(joint, late_s, rate_ppm)[:COUNT] ** 2)
    rms = {which: float(np.sqrt(np.mean(of))) for which, of in squares.items()}
    assert rms[0, 1] < min(rms[0,], rms[1,]) and rms[0, 1, 2] < min(rms[2,], rms[0, 1])
    # A board alone knows no rates, and therefore no offsets long after it was shown; stamps of the host carry it there.
    assert rms[0, 1, 2] < 1.1 * BOARD_S * np.sqrt(1 - 1 / COUNT)


@pytest.mark.parametrize(("which", "source"), [((0, 1), "content"), ((0, 2), "board"), ((0, 1, 2), "content")])
def test_a_source_that_does_not_fit_is_named_and_nothing_is_claimed_for_sure(which, source):
    _, _, evidence = drawn(np.random.default_rng(10))
    number = ("host", "content", "board").index(source)
    calm = join_clocks([evidence[k] for k in which])
    wrong = evidence[number]
    off_s = 0.2 * np.array([0.0, 0.0, 1.0, 0.0])
    evidence[number] = ClockEvidence(
        wrong.source, wrong.camera_ids, wrong.at_s, wrong.late_s + off_s, wrong.rate_ppm, wrong.covariance
    )
    joint = join_clocks([evidence[k] for k in which])
    assert not calm.disagreements
    (told,) = joint.disagreements
    assert {told.source, *told.others} == {("host", "content", "board")[k] for k in which}
    assert told.camera_id == "cam_3" and told.sigmas > 4
    if len(which) == 3:
        assert told.source == source and told.apart == pytest.approx(0.75 * 0.2, abs=4 * CONTENT_S)
    assert "disagree" in told.told() and "cam_3" in told.told()
    assert np.sqrt(joint.covariance[2, 2]) > 3 * np.sqrt(calm.covariance[2, 2])
    assert join_clocks([evidence[number]]).disagreements == ()


def test_the_first_camera_that_is_odd_is_named_itself():
    _, _, evidence = drawn(np.random.default_rng(11))
    wrong = evidence[1]
    off_s = -0.3 * np.array([0.0, 1.0, 1.0, 1.0])
    evidence[1] = ClockEvidence("content", NAMES, wrong.at_s, wrong.late_s + off_s, wrong.rate_ppm, wrong.covariance)
    (told,) = join_clocks(evidence).disagreements
    assert (told.source, told.camera_id, told.what) == ("content", "cam_1", "offset")


def test_a_source_may_speak_of_some_cameras_only():
    late_s, _, (host, content, board) = drawn(np.random.default_rng(12))
    pair = ClockEvidence("board", ("cam_3", "cam_2"), board.at_s[:2], board.late_s[[2, 1]], None,
                         board.covariance[np.ix_([2, 1], [2, 1])])  # fmt: skip
    joint = join_clocks([host, pair])
    assert joint.linked == ("cam_2", "cam_3")
    alone = join_clocks([host])
    sure, unsure = np.sqrt(np.diag(joint.covariance)), np.sqrt(np.diag(alone.covariance))
    assert sure[1] < 0.9 * unsure[1] and sure[3] == pytest.approx(unsure[3], rel=0.2)
    assert abs((joint.late_s[2] - joint.late_s[1]) - (late_s[2] - late_s[1])) < 4 * 2 * BOARD_S
    assert join_clocks([content, board]).late_s[0] == 0.0  # nothing tells the zero: the first camera keeps it


def test_clocks_follow_what_was_joined_in_all_their_pieces():
    """Frames are where the evidence has them, before and after a jump, and sigmas grow away from what was told."""
    step_ns, count = 100_000_000, 6000
    rig_ns = np.arange(count) * step_ns
    jumped = np.where(np.arange(count) >= 2500, 500_000_000, 0)
    device_ns = {"cam_1": rig_ns + 7_000_000_000, "cam_2": rig_ns + jumped + 90_000_000_000}
    pieces = (
        ClockPiece(0, int(device_ns["cam_2"][0]), -90_000_000_000, 20.0, 90_000_000_000, 1e4, 0.01),
        ClockPiece(2500, int(device_ns["cam_2"][2500]), -90_495_000_000, 20.0, 340_500_000_000, 3e4, 0.01),
    )
    clocks = {
        "cam_1": ClockModel(-7_000_000_000, 0.0, 0, residual_ns=1_000_000),
        "cam_2": ClockModel(-90_495_000_000, 20.0, 340_500_000_000, pieces=pieces),
    }
    stamps = {name: (of, of) for name, of in device_ns.items()}
    host = host_evidence(clocks, stamps, 0)
    late_s, ppm = np.array([0.0, 0.012]), np.array([0.0, -0.5])
    content = ClockEvidence("content", ("cam_1", "cam_2"), np.full(2, 100.0), late_s, ppm, np.diag([0, 1e-10, 0, 1e-6]))
    joint = join_clocks([host, content])
    found = joined_clocks(clocks, joint, stamps, 0)
    before = {name: clocks[name].frames_ns(of) for name, of in device_ns.items()}
    moved = {name: (found[name].frames_ns(of) - before[name]) * 1e-9 for name, of in device_ns.items()}
    told_s = 0.012 - 0.5e-6 * (before["cam_2"] * 1e-9 - 100.0)
    np.testing.assert_allclose(moved["cam_2"] - moved["cam_1"], told_s, atol=4e-5)
    first, second = found["cam_2"].pieces
    assert (first.from_position, second.from_position) == (0, 2500)
    assert found["cam_2"].offset_ns == second.offset_ns
    near, far = first.sigma_ns(device_ns["cam_2"][[1000, 5900]])
    assert far > near and second.offset_sigma_ns > 3e4
    assert len(found["cam_1"].pieces) == 1 and found["cam_1"].pieces[0].offset_sigma_ns > 0
