"""What lifting's compiled loops leave out is nothing: beside the same formulas written with whole matrices."""

import numpy as np
import pytest
from ortwin.reconstruction import _mixture_kernel as mixture
from ortwin.reconstruction.bones import BoneConfig, BoneLengths, hold_bones
from ortwin.reconstruction.person_smoothing import LIMBS, SmoothingConfig, smooth_path
from ortwin.reconstruction.pose_prior import load_pose_prior
from ortwin.reconstruction.skeleton import BONES

WIDE = mixture.WIDE


def spreads(rng, *shape, least_m2=1e-4, most_m=0.05):
    root = rng.normal(0, most_m, (*shape, 3, 3))
    return root @ root.swapaxes(-1, -2) + least_m2 * np.eye(3)


@pytest.mark.parametrize("row", [0, 200, 407])
def test_a_gaussian_of_the_prior_is_updated_as_whole_matrices_say(row):
    prior, rng = load_pose_prior(), np.random.default_rng(row)
    turn, own = divmod(row, len(prior.mixture.mean))
    information = np.linalg.inv(spreads(rng, 17)) * (rng.random(17) > 0.2)[:, None, None]
    true_m = prior.mean_m[row] + rng.normal(0, 0.05, (17, 3))
    pull = (information @ true_m[..., None])[..., 0]

    basis = prior.basis_m[row].reshape(51, -1)
    covariance_m2 = basis @ basis.T + np.diag(np.repeat(prior.rest_var_m2[row], 3))
    whole = np.zeros((51, 51))
    for j in range(17):
        whole[3 * j : 3 * j + 3, 3 * j : 3 * j + 3] = information[j]
    left_m2 = np.linalg.inv(np.linalg.inv(covariance_m2) + whole)
    mean_m = prior.mean_m[row].ravel()
    joints_m = mean_m + left_m2 @ (pull.ravel() - whole @ mean_m)

    info, pulled = np.zeros((6, WIDE)), np.zeros((3, WIDE))
    info[:, :17] = information[:, [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]].T
    pulled[:, :17] = pull.T
    tables = prior.mixture
    size = tables.basis.shape[1]
    gain, push, factor = np.zeros(180), np.zeros(60), np.zeros((size, size + 4))
    place, spread = np.zeros(100), np.zeros(6 * WIDE)
    cosine, sine = tables.turns[turn]
    half_log = mixture.blend(tables.rest[own], info.ravel(), pulled.ravel(), cosine, sine, gain, push)
    log_p = mixture.solve(
        tables.mean[own], tables.basis[own], tables.rest[own], gain, push, np.zeros((size, 64)), factor,
        np.zeros(size), place, np.zeros(64),
    )  # fmt: skip
    mixture.spread_of(tables.basis[own], tables.rest[own], gain, factor, np.zeros((size, 60)), spread)

    turned = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    found_m = place[:60].reshape(3, WIDE)[:, :17].T @ turned.T
    np.testing.assert_allclose(found_m, joints_m.reshape(17, 3), atol=1e-9)
    blocks = spread.reshape(6, WIDE)[[0, 1, 2, 1, 3, 4, 2, 4, 5], :17].T.reshape(17, 3, 3)
    expected = left_m2.reshape(17, 3, 17, 3)[np.arange(17), :, np.arange(17)]
    np.testing.assert_allclose(turned @ blocks @ turned.T, expected, atol=1e-9)
    # The evidence of a linear measurement: prior there, likelihood there, and half the log of what volume is left.
    off = joints_m - mean_m
    expected_log = -0.5 * off @ np.linalg.solve(covariance_m2, off)
    expected_log += 0.5 * (np.linalg.slogdet(left_m2)[1] - np.linalg.slogdet(covariance_m2)[1])
    assert log_p - half_log == pytest.approx(expected_log, abs=1e-6)


def smoothed(times_s, place_m, spread_m2, measured, drive, speed_m_s):
    """Rauch, Tung and Striebel, with whole matrices."""
    pick = np.eye(3, 6)
    mean, spread = np.concatenate([place_m[0], np.zeros(3)]), np.zeros((6, 6))
    spread[:3, :3], spread[3:, 3:] = spread_m2[0], speed_m_s**2 * np.eye(3)
    kept = []
    for k, time_s in enumerate(times_s):
        step = 0.0 if k == 0 else time_s - times_s[k - 1]
        move = np.block([[np.eye(3), step * np.eye(3)], [np.zeros((3, 3)), np.eye(3)]])
        noise = np.kron(np.array([[step**3 / 3, step**2 / 2], [step**2 / 2, step]]), np.eye(3))
        guess, wide = move @ mean, move @ spread @ move.T + drive**2 * noise
        mean, spread = guess, wide
        if k and measured[k]:
            gain = wide @ pick.T @ np.linalg.inv(pick @ wide @ pick.T + spread_m2[k])
            mean, spread = guess + gain @ (place_m[k] - pick @ guess), wide - gain @ pick @ wide
        kept.append((move, guess, wide, mean, spread))
    means, covariances = [kept[-1][3]], [kept[-1][4]]
    for (move, guess, wide, _, _), (_, _, _, mean, spread) in zip(kept[:0:-1], kept[-2::-1], strict=True):
        gain = spread @ move.T @ np.linalg.inv(wide)
        means.append(mean + gain @ (means[-1] - guess))
        covariances.append(spread + gain @ (covariances[-1] - wide) @ gain.T)
    return np.array(means[::-1])[:, :3], np.array(covariances[::-1])[:, :3, :3]


def test_a_path_is_smoothed_as_whole_matrices_say():
    rng, config = np.random.default_rng(4), SmoothingConfig()
    times_ns = np.cumsum(rng.integers(50, 200, 60)) * 1_000_000
    joints_m = np.cumsum(rng.normal(0, 0.05, (60, 17, 3)), axis=0)
    covariance_m2 = spreads(rng, 60, 17)
    covariance_m2[20:30, :, 2, 2] += 4.0  # one camera alone: the distance is hardly known
    measured = rng.random(60) > 0.2
    measured[[0, -1]] = True
    found_m, found_m2 = smooth_path(times_ns, joints_m, covariance_m2, measured, config)
    times_s = (times_ns - times_ns[0]) * 1e-9
    for joint in (0, 9, 11):
        drive = config.limb_acceleration if joint in LIMBS else config.acceleration
        expected_m, expected_m2 = smoothed(
            times_s, joints_m[:, joint], covariance_m2[:, joint], measured, drive, config.first_speed_m_s
        )
        np.testing.assert_allclose(found_m[:, joint], expected_m, atol=1e-9)
        np.testing.assert_allclose(found_m2[:, joint], expected_m2, atol=1e-9)


def test_a_long_path_does_not_blow_up():
    rng, count = np.random.default_rng(5), 5000
    joints_m, covariance_m2 = rng.normal(0, 0.02, (count, 17, 3)), spreads(rng, count, 17)
    times_ns = np.arange(count) * 33_000_000
    found_m, found_m2 = smooth_path(times_ns, joints_m, covariance_m2, np.ones(count, dtype=bool), SmoothingConfig())
    assert np.abs(found_m).max() < 0.1
    assert np.linalg.eigvalsh(found_m2).min() > 0


def test_bones_are_held_as_whole_matrices_say():
    rng, config = np.random.default_rng(6), BoneConfig(rounds=12)
    joints_m = load_pose_prior().mean_m[:1] + rng.normal(0, 0.02, (1, 17, 3))
    covariance_m2 = spreads(rng, 1, 17, most_m=0.02)
    bones = np.array(BONES)
    length_m = np.linalg.norm(joints_m[0, bones[:, 0]] - joints_m[0, bones[:, 1]], axis=1) + rng.normal(0, 0.02, 12)
    sigma_m = np.full(12, 0.004)
    found_m, found_m2 = hold_bones(joints_m, covariance_m2, BoneLengths(bones, length_m, sigma_m), config)

    moved = joints_m[0].copy()
    base = np.zeros((51, 51))
    for j in range(17):
        base[3 * j : 3 * j + 3, 3 * j : 3 * j + 3] = np.linalg.inv(covariance_m2[0, j])
    info = base
    for _ in range(12):
        slope, miss = np.zeros((12, 51)), np.zeros(12)
        for b, (begin, end) in enumerate(bones):
            along = moved[begin] - moved[end]
            far_m = np.linalg.norm(along)
            slope[b, 3 * begin : 3 * begin + 3], slope[b, 3 * end : 3 * end + 3] = along / far_m, -along / far_m
            miss[b] = length_m[b] - far_m
        info = base + slope.T @ slope / 0.004**2
        pull = base @ (joints_m[0] - moved).ravel() + slope.T @ miss / 0.004**2
        moved = moved + np.linalg.solve(info, pull).reshape(17, 3)
    np.testing.assert_allclose(found_m[0], moved, atol=1e-7)
    expected = np.linalg.inv(info).reshape(17, 3, 17, 3)[np.arange(17), :, np.arange(17)]
    np.testing.assert_allclose(found_m2[0], expected, atol=1e-7)
