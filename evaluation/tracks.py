"""How right the tracks are: who was found, where, and under how many names.

Pairs per instant and identities are those of identities.py, on the ground plane within a gate of 0.5 m; HOTA is that of
hota.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .hota import HotaScores, score_hota
from .identities import (
    assign_identities,
    count_switches,
    ground_encounters,
    pair_instants,
    score_identities,
)
from .rows import TrackRows
from .sampling import Blend, by_track
from .truth import Truth

GATE_M = 0.5


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
        recall, precision: shares in [0, 1] of true and of tracked instants that were paired; None where there are none.
        rmse_m, rmse_3d_m: over all pairs, metres; `people_rmse_m` over people alone (ground plane).
        mota, idf1, num_switches, num_ghosts: as in identities.py.
        hota: as in hota.py.
        entities: per true thing.
    """

    recall: float | None
    precision: float | None
    rmse_m: float | None
    rmse_3d_m: float | None
    people_rmse_m: float | None
    mota: float | None
    idf1: float | None
    num_switches: int
    num_ghosts: int
    hota: HotaScores | None
    entities: dict[str, EntityScores]


@dataclass(frozen=True, slots=True, eq=False)
class SampledTracks:
    """Tracks at the true instants.

    Args:
        track_ids, labels: (k,).
        center_m: (k, t, 3) with NaN where a track has none.
        sigma_m: (k, t) standard deviation per axis, NaN where nothing is said.
    """

    track_ids: list[str]
    labels: list[str]
    center_m: np.ndarray
    sigma_m: np.ndarray


def sample_tracks(rows: TrackRows, times_ns: np.ndarray, step_ns: int) -> SampledTracks:
    """Tracks at the true instants, by the rule of sampling.py."""
    ids, labels, centres, sigmas = [], [], [], []
    for name, mine in by_track(rows.track_id, rows.time_ns):
        names, counts = np.unique([str(label) for label in rows.label[mine]], return_counts=True)
        blend = Blend.at(rows.time_ns[mine], times_ns, step_ns)
        ids.append(name)
        labels.append(str(names[counts.argmax()]))
        centres.append(blend.of(rows.center_m[mine]))
        sigmas.append(np.full(len(times_ns), np.nan) if rows.sigma_m is None else blend.of(rows.sigma_m[mine]))
    shape = (len(ids), len(times_ns))
    return SampledTracks(ids, labels, np.reshape(centres, (*shape, 3)), np.reshape(sigmas, shape))


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
    true_m = true_centres(truth)
    encounters = ground_encounters(true_m, sampled.center_m)
    pairs = pair_instants(encounters, gate_m)
    offset = paired_offset_m(pairs, true_m, sampled.center_m)
    chosen, _ = assign_identities(encounters, gate_m)
    entities = {
        name: _entity(pairs[i], true_m[i], offset[i], sampled, chosen.get(i))
        for i, name in enumerate(truth.tracks)
    }  # fmt: skip
    people = [i for i, track in enumerate(truth.tracks.values()) if track.label == "person"]
    identities = score_identities(encounters, pairs, gate_m)
    return TrackScores(
        identities.recall, identities.precision,
        rms(offset[..., :2]), rms(offset), rms(offset[people][..., :2]),
        identities.mota, identities.idf1, identities.num_switches, identities.num_ghosts,
        score_hota(encounters), entities,
    )  # fmt: skip


def match_names(rows: TrackRows | None, truth: Truth, gate_m: float = GATE_M) -> dict[str, str]:
    """The true name of each track id that stands for something true, one to one (the IDF1 pairing)."""
    if rows is None or not truth.tracks:
        return {}
    sampled = sample_tracks(rows, truth.times_ns, truth.step_ns)
    names = list(truth.tracks)
    chosen, _ = assign_identities(ground_encounters(true_centres(truth), sampled.center_m), gate_m)
    return {sampled.track_ids[k]: names[i] for i, k in chosen.items()}


def true_centres(truth: Truth) -> np.ndarray:
    """(n, t, 3) the centres of all true things at all instants, NaN where one does not exist."""
    tracks = list((truth.tracks or {}).values())
    centres = np.full((len(tracks), len(truth.times_ns), 3), np.nan)
    for i, track in enumerate(tracks):
        centres[i, np.searchsorted(truth.times_ns, track.time_ns)] = track.center_m
    return centres


def paired_offset_m(pairs: np.ndarray, true_m: np.ndarray, claimed_m: np.ndarray) -> np.ndarray:
    """(n, t, ...) claim minus truth of each pair (n, t), NaN without one; values are (n, t, ...) and (k, t, ...)."""
    if not len(claimed_m):
        return np.full_like(true_m, np.nan)
    paired = claimed_m[pairs.clip(0), np.arange(true_m.shape[1])]
    has_one = (pairs >= 0).reshape(*pairs.shape, *(1,) * (true_m.ndim - 2))
    return np.where(has_one, paired - true_m, np.nan)


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
    num_there = int(np.isfinite(true_m).all(axis=-1).sum())
    return EntityScores(
        recall=len(found) / max(num_there, 1),
        rmse_m=rms(offset[:, :2]), rmse_3d_m=rms(offset),
        num_identities=len(set(found.tolist())),
        num_switches=count_switches(pairs),
        labels={label: labels.count(label) / len(labels) for label in sorted(set(labels))},
        track_id=None if chosen is None else sampled.track_ids[chosen],
    )  # fmt: skip
