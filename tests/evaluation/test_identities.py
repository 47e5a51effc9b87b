"""Identities and HOTA on cases that can be counted by hand."""

import numpy as np
import pytest
from ortwin.evaluation.hota import ALPHAS, score_hota
from ortwin.evaluation.identities import ground_encounters, pair_instants, score_identities

NUM = 10


def still(*places: tuple[float, float]) -> np.ndarray:
    """(n, t, 3) things that stand."""
    return np.array([[[x, y, 1.0]] * NUM for x, y in places])


def scores(true_m, claimed_m):
    encounters = ground_encounters(true_m, claimed_m)
    return score_identities(encounters, pair_instants(encounters, 0.5), 0.5), score_hota(encounters)


def test_truth_against_itself_is_perfect():
    true_m = still((0, 0), (3, 0))
    identities, hota = scores(true_m, true_m[::-1])
    assert (identities.recall, identities.precision, identities.mota, identities.idf1) == (1, 1, 1, 1)
    assert (identities.num_switches, identities.num_ghosts) == (0, 0)
    assert (hota.hota, hota.det_a, hota.ass_a, hota.loc_a) == pytest.approx((1, 1, 1, 1))


def test_a_shift_of_30_cm_passes_the_thresholds_up_to_070():
    true_m = still((0, 0))
    identities, hota = scores(true_m, true_m + np.array([0.3, 0, 0.4]))
    assert identities.idf1 == 1
    assert hota.hota == pytest.approx(sum(alpha <= 0.7 for alpha in ALPHAS) / len(ALPHAS))
    assert hota.at_50_cm == hota.at_30_cm == pytest.approx(1)


def test_identities_that_swap_in_the_middle():
    true_m = still((0, 0), (3, 0))
    claimed_m = true_m.copy()
    claimed_m[:, NUM // 2 :] = true_m[::-1, NUM // 2 :]
    identities, hota = scores(true_m, claimed_m)
    assert identities.num_switches == 2
    assert identities.mota == pytest.approx(1 - 2 / 20)
    assert identities.idf1 == pytest.approx(0.5)
    # Each match joins two tracks of 10 that share 5: 5 / (10 + 10 - 5); detections are perfect.
    assert hota.det_a == pytest.approx(1)
    assert hota.ass_a == pytest.approx(1 / 3)
    assert hota.hota == pytest.approx(np.sqrt(1 / 3))


def test_one_of_two_is_missed_and_one_is_invented():
    true_m = still((0, 0), (3, 0))
    identities, hota = scores(true_m, still((0, 0), (9, 9)))
    assert identities.recall == identities.precision == 0.5
    assert identities.mota == 0.0
    assert identities.num_ghosts == 1
    assert hota.det_a == pytest.approx(1 / 3)
    assert hota.ass_a == pytest.approx(1)


def test_a_pair_is_kept_while_it_is_inside_the_gate():
    true_m = still((0, 0))
    claimed_m = np.concatenate([still((0.1, 0)), still((0.4, 0))])
    claimed_m[1, :3] = np.nan
    claimed_m[0, 5:] += [0.35, 0, 0]  # now 0.45 m off, farther than the other, and still inside
    pairs = pair_instants(ground_encounters(true_m, claimed_m), 0.5)
    assert set(pairs[0].tolist()) == {0}


def test_a_kept_pair_is_not_given_up_to_make_one_more():
    true_m, claimed_m = still((0, 0), (0.6, 0)), still((0.2, 0), (-0.3, 0))
    true_m[1, 0] = claimed_m[1, 0] = np.nan
    # From instant 1 on both could be paired if the first true thing took the other claim; it keeps its own.
    encounters = ground_encounters(true_m, claimed_m)
    assert pair_instants(encounters, 0.5)[:, 1:].tolist() == [[0] * (NUM - 1), [-1] * (NUM - 1)]
    assert score_identities(encounters, pair_instants(encounters, 0.5), 0.5).num_switches == 0


def test_nothing_claimed_and_nothing_true():
    true_m, nothing = still((0, 0)), np.zeros((0, NUM, 3))
    identities, hota = scores(true_m, nothing)
    assert (identities.recall, identities.precision, identities.idf1, identities.mota) == (0, None, 0, 0)
    assert hota.hota == 0
    identities, hota = scores(nothing, true_m)
    assert identities.recall is None
    assert identities.mota is None
    assert hota is None
