"""From raw sightings to tracks: who is real, what it is called, and its smoothed path.

The path is the Rauch-Tung-Striebel smoother (1965) over the same motion model with which the thing was followed, so
that every instant profits from what was measured before and after it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .follower import TrackingConfig, corrected, motion_model
from .state import Track

STEADY_REACH = 3


@dataclass(frozen=True, slots=True)
class TrackConfig:
    """What becomes a track, and what it is called.

    Args:
        min_hits: fewer measurements are noise.
        min_travel_m: a thing whose median place never gets so far from its first has not moved but flickered, unless it
            is a person.
        min_head_share: at this share of its measurements a person shows a head.
        min_person_area_m2: seen surface (median) of a person.
        start_grace_s: what is first measured so soon after the start of the recording was there from the start.
        person_top_m: lowest and highest top of a person.
        person_width_m: greatest horizontal extent (median) of a person.
        foot_m: a person whose lowest boxes (a tenth of them) reach down to this height walks on the floor, also where
            only the upper body is in view.
        upright_share: he stands where his top is at least this share of his height; lower he may lie on something.
    """

    min_hits: int = 3
    min_travel_m: float = 0.3
    min_head_share: float = 0.4
    min_person_area_m2: float = 0.15
    start_grace_s: float = 0.3
    person_top_m: tuple[float, float] = (1.3, 2.3)
    person_width_m: float = 1.6
    foot_m: float = 0.25
    upright_share: float = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class TrackPath:
    """One track through its instants.

    Args:
        track: who, from when to when.
        number: the raw number of its sightings.
        times_ns: (t,) int64 rig clock.
        center_m, extent_m: (t, 3) smoothed centre and box, world.
        velocity_m_s: (t, 3).
        sigma_m: (t,) standard deviation of the centre per horizontal axis.
        predicted: (t,) bool, no camera measured it.
        num_points: (t,) int32.
        sources: (t,) int32 raw numbers of its sightings, -1 = none, where they are not `number` throughout.
    """

    track: Track
    number: int
    times_ns: np.ndarray
    center_m: np.ndarray
    extent_m: np.ndarray
    velocity_m_s: np.ndarray
    sigma_m: np.ndarray
    predicted: np.ndarray
    num_points: np.ndarray
    sources: np.ndarray | None = None

    @property
    def numbers(self) -> np.ndarray:
        """(t,) int32 the raw number of its sighting at each instant, -1 = none."""
        return np.full(len(self.times_ns), self.number, np.int32) if self.sources is None else self.sources


@dataclass(frozen=True, slots=True, eq=False)
class RawTrack:
    """All sightings of one raw number, in order of time; arrays as in TrackPath, plus seen surface and head.

    A label is what is known of it beforehand.
    """

    number: int
    times_ns: np.ndarray
    measured: np.ndarray
    center_m: np.ndarray
    extent_m: np.ndarray
    area_m2: np.ndarray
    has_head: np.ndarray
    num_points: np.ndarray
    sources: np.ndarray | None = None
    label: str | None = None


def smooth_tracks(
    raw_tracks: list[RawTrack],
    times_ns: np.ndarray,
    config: TrackConfig | None = None,
    tracking: TrackingConfig | None = None,
) -> list[TrackPath]:
    """Keep what is real, name it, and smooth it.

    Ids count per class in the order of first appearance: person_1, person_2, object_1, ...

    Args:
        raw_tracks: what the tracker followed.
        times_ns: (t,) all instants of the recording.
        config: see TrackConfig.
        tracking: the motion model with which it was followed.
    """
    config, tracking = config or TrackConfig(), tracking or TrackingConfig()
    trimmed = [_without_tail(raw) for raw in raw_tracks if raw.measured.any()]
    real = [(raw, label) for raw in trimmed if (label := _label(raw, config)) is not None]
    real.sort(key=lambda item: (int(item[0].times_ns[0]), item[0].number))
    counts: dict[str, int] = {}
    paths = []
    for raw, label in real:
        counts[label] = counts.get(label, 0) + 1
        path = _smooth(raw, f"{label}_{counts[label]}", label, tracking)
        path = _on_his_feet(path, config) if label == "person" else path
        early = times_ns[times_ns < path.times_ns[0]]
        soon = path.times_ns[0] - times_ns[0] <= config.start_grace_s * 1e9
        paths.append(_carried_back(path, early) if soon and len(early) else path)
    return paths


def _on_his_feet(path: TrackPath, config: TrackConfig) -> TrackPath:
    """The path of a person with boxes that reach down to his feet where furniture or the image border hid them."""
    half_m = path.extent_m[:, 2] / 2
    bottom_m, top_m = path.center_m[:, 2] - half_m, path.center_m[:, 2] + half_m
    foot_m = float(np.quantile(bottom_m[~path.predicted], 0.1))
    if foot_m > config.foot_m:
        return path
    upright = top_m >= config.upright_share * np.quantile(top_m[~path.predicted], 0.75)
    bottom_m = np.where(upright, np.minimum(bottom_m, foot_m), bottom_m)
    center_m, extent_m = path.center_m.copy(), path.extent_m.copy()
    center_m[:, 2], extent_m[:, 2] = (bottom_m + top_m) / 2, top_m - bottom_m
    return replace(path, center_m=center_m, extent_m=extent_m)


def _carried_back(path: TrackPath, times_ns: np.ndarray) -> TrackPath:
    """The path with earlier instants, at which the motion model speaks."""
    lead_s = (path.times_ns[0] - times_ns)[:, None] * 1e-9
    count = len(times_ns)

    def before(values: np.ndarray, first: np.ndarray | None = None) -> np.ndarray:
        lead = np.repeat(values[:1], count, axis=0) if first is None else first
        return np.concatenate([lead.astype(values.dtype), values])

    return TrackPath(
        replace(path.track, first_ns=int(times_ns[0])),
        path.number,
        np.concatenate([times_ns, path.times_ns]),
        before(path.center_m, path.center_m[:1] - path.velocity_m_s[:1] * lead_s),
        before(path.extent_m),
        before(path.velocity_m_s),
        before(path.sigma_m),
        before(path.predicted, np.ones(count)),
        before(path.num_points, np.zeros(count)),
        None if path.sources is None else before(path.sources, np.full(count, -1)),
    )


def _without_tail(raw: RawTrack) -> RawTrack:
    """A thing that is never seen again ends where it was last measured."""
    end = int(np.flatnonzero(raw.measured)[-1]) + 1
    return RawTrack(
        raw.number, raw.times_ns[:end], raw.measured[:end], raw.center_m[:end], raw.extent_m[:end],
        raw.area_m2[:end], raw.has_head[:end], raw.num_points[:end],
        None if raw.sources is None else raw.sources[:end], raw.label,
    )  # fmt: skip


def _label(raw: RawTrack, config: TrackConfig) -> str | None:
    """The class of a track, or None where it is noise."""
    if int(raw.measured.sum()) < config.min_hits:
        return None
    if raw.label is not None:
        return raw.label
    center_m, extent_m = raw.center_m[raw.measured], raw.extent_m[raw.measured]
    top_m = float(np.quantile(center_m[:, 2] + extent_m[:, 2] / 2, 0.75))
    width_m = float(np.median(extent_m[:, :2].max(axis=1)))
    area_m2 = float(np.median(raw.area_m2[raw.measured]))
    is_person = (
        config.person_top_m[0] <= top_m <= config.person_top_m[1]
        and width_m <= config.person_width_m
        and area_m2 >= config.min_person_area_m2
        and float(raw.has_head[raw.measured].mean()) >= config.min_head_share
    )
    steady = np.ones(len(center_m), bool)
    path_m = np.column_stack([_running_median(center_m[:, axis], steady, STEADY_REACH) for axis in (0, 1)])
    travel_m = float(np.linalg.norm(path_m - path_m[0], axis=1).max())
    if travel_m < config.min_travel_m and not is_person:
        return None
    return "person" if is_person else "object"


def _smooth(raw: RawTrack, track_id: str, label: str, tracking: TrackingConfig) -> TrackPath:
    means, covariances = _rauch_tung_striebel(raw, tracking)
    height_m = _running_median(raw.center_m[:, 2], raw.measured)
    center_m = np.column_stack([means[:, :2], height_m])
    extent_m = np.column_stack([_running_median(raw.extent_m[:, axis], raw.measured) for axis in range(3)])
    velocity_m_s = np.column_stack([means[:, 2:], np.zeros(len(means))])
    sigma_m = np.sqrt((covariances[:, 0, 0] + covariances[:, 1, 1]) / 2)
    track = Track(track_id, label, int(raw.times_ns[0]), int(raw.times_ns[-1]))
    return TrackPath(
        track, raw.number, raw.times_ns, center_m, extent_m, velocity_m_s, sigma_m, ~raw.measured, raw.num_points,
        raw.sources,
    )  # fmt: skip


def _rauch_tung_striebel(raw: RawTrack, tracking: TrackingConfig) -> tuple[np.ndarray, np.ndarray]:
    count = len(raw.times_ns)
    means, covariances = np.zeros((count, 4)), np.zeros((count, 4, 4))
    guesses, spreads, transitions = np.zeros((count, 4)), np.zeros((count, 4, 4)), np.zeros((count, 4, 4))
    mean = np.array([*raw.center_m[0, :2], 0.0, 0.0])
    covariance = np.diag([tracking.position_sigma_m**2] * 2 + [tracking.first_speed_m_s**2] * 2)
    for k in range(count):
        if k > 0:
            step_s = float(raw.times_ns[k] - raw.times_ns[k - 1]) * 1e-9
            transitions[k], drive = motion_model(step_s, tracking.acceleration_m_s2)
            mean = transitions[k] @ mean
            covariance = transitions[k] @ covariance @ transitions[k].T + drive
        guesses[k], spreads[k] = mean, covariance
        if k > 0 and raw.measured[k]:
            mean, covariance = corrected(mean, covariance, raw.center_m[k, :2], tracking)
        means[k], covariances[k] = mean, covariance
    for k in range(count - 2, -1, -1):
        gain = covariances[k] @ transitions[k + 1].T @ np.linalg.inv(spreads[k + 1])
        means[k] = means[k] + gain @ (means[k + 1] - guesses[k + 1])
        covariances[k] = covariances[k] + gain @ (covariances[k + 1] - spreads[k + 1]) @ gain.T
    return means, covariances


def _running_median(values: np.ndarray, measured: np.ndarray, reach: int = 2) -> np.ndarray:
    """Median over the measured values within `reach` measurements; unmeasured instants take the next one's."""
    at = np.flatnonzero(measured)
    known = values[at]
    smooth = np.array([np.median(known[max(0, k - reach) : k + reach + 1]) for k in range(len(at))])
    after = np.clip(np.searchsorted(at, np.arange(len(values))), 0, len(at) - 1)
    return smooth[after]
