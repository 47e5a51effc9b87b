"""How honest the stated uncertainty is: ANEES, and the share of the truth within the 95 % region.

The normalised estimation error squared of an error e with stated covariance P is e^T P^-1 e; its average over all
errors, divided by their dimension, is the ANEES (Bar-Shalom et al. 2001; Li et al. 2002): 1 when the statement is
right, more when it is too bold, less when it is too timid. Of Gaussian errors 95 % lie where it stays below the 95 %
quantile of the chi-squared distribution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..capture.geometry import SE3
from .calibration import truth_from_twin
from .identities import ground_encounters, pair_instants
from .people import pair_people
from .rows import PeopleRows, TrackRows
from .tracks import GATE_M, paired_offset_m, sample_tracks, true_centres
from .truth import Truth

COVERAGE = 0.95


@dataclass(frozen=True, slots=True)
class Honesty:
    """Of one kind of statement: ANEES (1 is right), share in [0, 1] inside the 95 % region, number of errors."""

    anees: float
    coverage_95: float
    num_errors: int


@dataclass(frozen=True, slots=True)
class UncertaintyScores:
    """Per kind of statement, None where nothing is stated.

    Args:
        tracks: centres of tracks in space, isotropic sigma.
        joints: joints of people, isotropic sigma.
        cameras: poses of cameras (6 dimensions) after the gauge is taken out as in calibration.py.
    """

    tracks: Honesty | None
    joints: Honesty | None
    cameras: Honesty | None


def honesty(nees: np.ndarray, num_dimensions: int) -> Honesty | None:
    """From normalised errors squared (n,), those that are not finite left out; None where none is left."""
    from scipy.stats import chi2

    nees = nees[np.isfinite(nees)]
    if not len(nees):
        return None
    inside = nees <= chi2.ppf(COVERAGE, num_dimensions)
    return Honesty(float(nees.mean() / num_dimensions), float(inside.mean()), len(nees))


def score_uncertainty(
    tracks: TrackRows | None,
    people: PeopleRows | None,
    poses: Mapping[str, SE3] | None,
    covariance: Mapping[str, np.ndarray],
    truth: Truth,
) -> UncertaintyScores | None:
    """Score what the twin says of its own errors; None where it says nothing that the truth could answer.

    Args:
        tracks, people: the twin's rows with their sigmas.
        poses, covariance: `world_from_camera`, and (6, 6) in the tangent of the camera (rad, then m).
        truth: what is true.
    """
    found = UncertaintyScores(
        None if tracks is None else _of_tracks(tracks, truth),
        None if people is None else _of_joints(people, truth),
        None if not poses or not truth.poses else _of_cameras(poses, covariance, truth.poses),
    )
    return None if found == UncertaintyScores(None, None, None) else found


def _of_tracks(rows: TrackRows, truth: Truth) -> Honesty | None:
    if not truth.tracks or rows.sigma_m is None:
        return None
    sampled = sample_tracks(rows, truth.times_ns, truth.step_ns)
    true_m = true_centres(truth)
    pairs = pair_instants(ground_encounters(true_m, sampled.center_m), GATE_M)
    return _isotropic(paired_offset_m(pairs, true_m, sampled.center_m), pairs, sampled.sigma_m)


def _of_joints(rows: PeopleRows, truth: Truth) -> Honesty | None:
    paired = pair_people(rows, truth)
    if paired is None:
        return None
    offset = paired_offset_m(paired.pairs, paired.true_m, paired.claimed_m)
    return _isotropic(offset, paired.pairs, paired.sigma_m)


def _isotropic(offset_m: np.ndarray, pairs: np.ndarray, sigma_m: np.ndarray) -> Honesty | None:
    """Offsets (n, t, ..., 3) of pairs (n, t) with sigmas (k, t, ...); a sigma of 0 says nothing."""
    if not len(sigma_m):
        return None
    sigma_m = sigma_m[pairs.clip(0), np.arange(pairs.shape[1])]
    stated = np.isfinite(sigma_m) & (sigma_m > 0)
    return honesty((offset_m[stated] ** 2).sum(axis=-1) / sigma_m[stated] ** 2, 3)


def _of_cameras(
    poses: Mapping[str, SE3], covariance: Mapping[str, np.ndarray], true_poses: Mapping[str, SE3]
) -> Honesty | None:
    names = [name for name in true_poses if name in poses and name in covariance]
    if not names:
        return None
    gauge = truth_from_twin(poses, true_poses)
    errors = [((gauge @ poses[name]).inverse() @ true_poses[name]).log() for name in names]
    squared = [error @ np.linalg.pinv(covariance[name]) @ error for error, name in zip(errors, names, strict=True)]
    return honesty(np.array(squared), 6)
