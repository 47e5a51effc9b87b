"""How right the tracks are: who was found, where, and under how many names.

At each true instant the tracks are paired with the true things by smallest total distance on the ground plane within a
gate; a pair of the instant before is kept while it stays inside the gate (CLEAR MOT, Bernardin and Stiefelhagen 2008).
IDF1 (Ristani et al. 2016) pairs whole tracks instead, one to one, so that most instants agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .truth import TrackTruth, Truth
from .twin_tables import TrackRows

GATE_M = 0.5
LONGEST_BLEND_STEPS = 3


@dataclass(frozen=True, slots=True)
class EntityScores:
    """One true thing.

    Args:
        recall: share in [0, 1] of its instants at which some track was paired with it.
        rmse_m, rmse_3d_m: root mean square distance of the paired tracks, on the ground plane and in space, metres;
            None where it was never found.
        num_identities: how many different tracks were paired with it.
        num_switches: how often the track changed.
        labels: share of the paired instants by the label that the track bore.
        track_id: the one track that stands for it (the IDF1 pairing), or None.
    """

    recall: float
    rmse_m: float | None
    rmse_3d_m: float | None
    num_identities: int
    num_switches: int
    labels: dict[str, float]
    track_id: str | None


@dataclass(frozen=True, slots=True)
class TrackScores:
    """All true things together.

    Args:
        recall, precision: shares in [0, 1] of true and of tracked instants that were paired.
        rmse_m, rmse_3d_m: over all pairs, metres; `people_rmse_m` over people alone (ground plane).
        mota: 1 - (missed + false + switches) / true instants; may be negative.
        idf1: 2 IDTP / (true + tracked instants).
        num_switches: identity changes.
        num_ghosts: tracks that were never paired with anything.
        entities: per true thing.
    """

    recall: float
    precision: float
    rmse_m: float | None
    rmse_3d_m: float | None
    people_rmse_m: float | None
    mota: float
    idf1: float
    num_switches: int
    num_ghosts: int
    entities: dict[str, EntityScores]


@dataclass(frozen=True, slots=True, eq=False)
class SampledTracks:
    """Tracks at the true instants: ids (k,), labels (k,), centres (k, t, 3) with NaN where a track has none."""

    track_ids: list[str]
    labels: list[str]
    center_m: np.ndarray


def sample_tracks(rows: TrackRows, times_ns: np.ndarray, step_ns: int) -> SampledTracks:
    """Tracks at the true instants.

    A linear blend of the two neighbouring rows of the same track where these are at most three true steps apart, else
    the nearest row within half a step, else nothing.
    """
    ids = list(dict.fromkeys(str(name) for name in rows.track_id))
    center_m, labels = np.full((len(ids), len(times_ns), 3), np.nan), []
    for k, name in enumerate(ids):
        mine = np.flatnonzero(rows.track_id == name)
        mine = mine[np.argsort(rows.time_ns[mine], kind="stable")]
        names, counts = np.unique([str(label) for label in rows.label[mine]], return_counts=True)
        labels.append(str(names[counts.argmax()]))
        center_m[k] = _sample(rows.time_ns[mine], rows.center_m[mine], times_ns, step_ns)
    return SampledTracks(ids, labels, center_m)


def _sample(time_ns: np.ndarray, center_m: np.ndarray, wanted_ns: np.ndarray, step_ns: int) -> np.ndarray:
    after = np.searchsorted(time_ns, wanted_ns).clip(0, len(time_ns) - 1)
    before = np.where(time_ns[after] == wanted_ns, after, np.maximum(after - 1, 0))
    span = time_ns[after] - time_ns[before]
    inside = (time_ns[before] <= wanted_ns) & (wanted_ns <= time_ns[after]) & (span <= LONGEST_BLEND_STEPS * step_ns)
    share = np.where(span > 0, (wanted_ns - time_ns[before]) / np.maximum(span, 1), 0.0)[:, None]
    blended = (1 - share) * center_m[before] + share * center_m[after]
    nearest = np.where(np.abs(time_ns[after] - wanted_ns) < np.abs(time_ns[before] - wanted_ns), after, before)
    close = 2 * np.abs(time_ns[nearest] - wanted_ns) <= step_ns
    return np.where(inside[:, None], blended, np.where(close[:, None], center_m[nearest], np.nan))


def score_tracks(rows: TrackRows, truth: Truth, gate_m: float = GATE_M) -> TrackScores | None:
    """Score tracks; None where the truth has none.

    Args:
        rows: the twin's tracks.
        truth: what is true.
        gate_m: farthest distance on the ground plane of a pair, metres.
    """
    if not truth.tracks:
        return None
    sampled = sample_tracks(rows, truth.times_ns, truth.step_ns)
    true_m = np.stack([_true_centres(track, truth.times_ns) for track in truth.tracks.values()])
    pairs = _pair_instants(true_m, sampled.center_m, gate_m)
    offset = np.full_like(true_m, np.nan)
    if len(sampled.track_ids):
        paired_m = sampled.center_m[pairs.clip(0), np.arange(true_m.shape[1])]
        offset = np.where((pairs >= 0)[..., None], paired_m - true_m, np.nan)
    chosen = assign_tracks(true_m, sampled.center_m, gate_m)
    entities = {
        name: _entity(pairs[i], true_m[i], offset[i], sampled, chosen.get(i))
        for i, name in enumerate(truth.tracks)
    }  # fmt: skip
    num_true, num_tracked = int(_there(true_m).sum()), int(_there(sampled.center_m).sum())
    num_pairs = int((pairs >= 0).sum())
    switches = sum(entity.num_switches for entity in entities.values())
    same = sum(int((_near(true_m[i], sampled.center_m[k], gate_m)).sum()) for i, k in chosen.items())
    people = [i for i, track in enumerate(truth.tracks.values()) if track.label == "person"]
    return TrackScores(
        recall=num_pairs / max(num_true, 1),
        precision=num_pairs / max(num_tracked, 1),
        rmse_m=rms(offset[..., :2]), rmse_3d_m=rms(offset), people_rmse_m=rms(offset[people][..., :2]),
        mota=1 - ((num_true - num_pairs) + (num_tracked - num_pairs) + switches) / max(num_true, 1),
        idf1=2 * same / max(num_true + num_tracked, 1),
        num_switches=switches,
        num_ghosts=len(sampled.track_ids) - len(set(pairs[pairs >= 0].tolist())),
        entities=entities,
    )  # fmt: skip


def match_names(rows: TrackRows | None, truth: Truth, gate_m: float = GATE_M) -> dict[str, str]:
    """The true name of each track id that stands for something true, one to one (the IDF1 pairing)."""
    if rows is None or not truth.tracks:
        return {}
    sampled = sample_tracks(rows, truth.times_ns, truth.step_ns)
    names = list(truth.tracks)
    true_m = np.stack([_true_centres(track, truth.times_ns) for track in truth.tracks.values()])
    return {sampled.track_ids[k]: names[i] for i, k in assign_tracks(true_m, sampled.center_m, gate_m).items()}


def assign_tracks(true_m: np.ndarray, tracked_m: np.ndarray, gate_m: float) -> Mapping[int, int]:
    """True row -> tracked row, one to one, with the most instants inside the gate; rows are (n, t, 3) with NaN."""
    from scipy.optimize import linear_sum_assignment

    if not len(tracked_m):
        return {}
    agree = np.array([[_near(a, b, gate_m).sum() for b in tracked_m] for a in true_m])
    rows, columns = linear_sum_assignment(-agree)
    return {int(i): int(k) for i, k in zip(rows, columns, strict=True) if agree[i, k] > 0}


def rms(values: np.ndarray) -> float | None:
    """Root mean square length of vectors (..., d), NaN rows left out; None where nothing is left."""
    square = (values**2).sum(axis=-1)
    square = square[np.isfinite(square)]
    return float(np.sqrt(square.mean())) if len(square) else None


def _entity(
    pairs: np.ndarray, true_m: np.ndarray, offset: np.ndarray, sampled: SampledTracks, chosen: int | None
) -> EntityScores:
    found = pairs[pairs >= 0]
    labels = [sampled.labels[k] for k in found]
    return EntityScores(
        recall=len(found) / max(int(_there(true_m).sum()), 1),
        rmse_m=rms(offset[:, :2]), rmse_3d_m=rms(offset),
        num_identities=len(set(found.tolist())),
        num_switches=int((np.diff(found) != 0).sum()),
        labels={label: labels.count(label) / len(labels) for label in sorted(set(labels))},
        track_id=None if chosen is None else sampled.track_ids[chosen],
    )  # fmt: skip


def _pair_instants(true_m: np.ndarray, tracked_m: np.ndarray, gate_m: float) -> np.ndarray:
    """(n, t) the tracked row paired with each true row at each instant, -1 = none."""
    from scipy.optimize import linear_sum_assignment

    pairs = np.full(true_m.shape[:2], -1, dtype=np.int64)
    if not len(tracked_m):
        return pairs
    last = np.full(len(true_m), -1)
    for t in range(true_m.shape[1]):
        distance = np.linalg.norm(true_m[:, None, t, :2] - tracked_m[None, :, t, :2], axis=-1)
        allowed = np.isfinite(distance) & (distance <= gate_m)
        cost = np.where(allowed, distance, 1e6)
        for i in np.flatnonzero(last >= 0):
            if allowed[i, last[i]]:
                cost[i, last[i]] -= 1e3
        rows, columns = linear_sum_assignment(cost)
        for i, k in zip(rows, columns, strict=True):
            if allowed[i, k]:
                pairs[i, t] = last[i] = k
    return pairs


def _true_centres(track: TrackTruth, times_ns: np.ndarray) -> np.ndarray:
    centres = np.full((len(times_ns), 3), np.nan)
    centres[np.searchsorted(times_ns, track.time_ns)] = track.center_m
    return centres


def _there(center_m: np.ndarray) -> np.ndarray:
    return np.asarray(np.isfinite(center_m).all(axis=-1))


def _near(a: np.ndarray, b: np.ndarray, gate_m: float) -> np.ndarray:
    distance = np.linalg.norm(a[:, :2] - b[:, :2], axis=-1)
    return np.asarray(np.isfinite(distance) & (distance <= gate_m))
