"""What is measured between all pairs of entities, once per window, for every predicate to read."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from .floor_geometry import footprint_polygon_m, footprint_share, zone_depth_m
from .gaps import Cloud, cloud_to_box_m, cloud_to_cloud_m
from .scene_window import Entity, SceneWindow
from .vocabulary import FIXTURE, TRACK, symmetric_order

#: Beyond this distance of the bounding boxes their distance itself is stored as the gap: a bound from below.
EXACT_GAP_WITHIN_M = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class PairFeatures:
    """Measures of P ordered pairs at T instants. Float64; NaN where a pair is absent or a measure has no meaning.

    Args:
        times_ns: (T,) int64, rig clock.
        entities: the entities that the pairs number.
        subject_index, object_index: (P,) entity numbers. Subjects move; two moving things are a pair both ways.
        gap_m: (T, P) smallest distance of the surfaces, 0 where they meet; a bound from below where it exceeds 1.5 m.
        gap_sigma_m: (T, P) its standard deviation.
        center_distance_m: (T, P) between the box centres; not for zones.
        relative_speed_m_s: (T, P) length of the difference of the velocities.
        bottom_m: (T, P) bottom of the subject above the top of the object; fixtures only.
        footprint_share: (T, P) share of the subject's footprint over the object's; fixtures only.
        footprint_slope_per_m: (T, P) the most by which that share can change per metre of sideways motion.
        depth_m: (T, P) how deep the subject's centre lies in the zone, negative outside; zones only.
        present: (T, P) whether both exist.
        observed: (T, P) whether both exist and each was measured by some camera.
    """

    times_ns: np.ndarray
    entities: tuple[Entity, ...]
    subject_index: np.ndarray
    object_index: np.ndarray
    gap_m: np.ndarray
    gap_sigma_m: np.ndarray
    center_distance_m: np.ndarray
    relative_speed_m_s: np.ndarray
    bottom_m: np.ndarray
    footprint_share: np.ndarray
    footprint_slope_per_m: np.ndarray
    depth_m: np.ndarray
    present: np.ndarray
    observed: np.ndarray

    def __post_init__(self) -> None:
        for item in fields(self):
            array = getattr(self, item.name)
            if isinstance(array, np.ndarray):
                view = array.view()
                view.flags.writeable = False
                object.__setattr__(self, item.name, view)

    @property
    def num_pairs(self) -> int:
        """P."""
        return len(self.subject_index)

    def select(self, columns: np.ndarray) -> PairFeatures:
        """The same window with some of the pairs only: (P,) bool, or pair numbers."""
        chosen = {}
        for item in fields(self):
            array = getattr(self, item.name)
            if isinstance(array, np.ndarray) and item.name != "times_ns":
                chosen[item.name] = array[..., columns]
        return replace(self, **chosen)

    def between(self, first: int, last: int) -> PairFeatures:
        """The instants number `first` up to and without `last`."""
        cut = {
            item.name: getattr(self, item.name)[first:last]
            for item in fields(self)
            if item.name not in ("entities", "subject_index", "object_index")
        }
        return replace(self, **cut)

    def loosened(self, reach_m: np.ndarray) -> PairFeatures:
        """What could be measured at best if the two stood up to `reach_m` (T, P) elsewhere: nearer, deeper, on top."""
        return self._shifted(-np.asarray(reach_m))

    def tightened(self, reach_m: np.ndarray) -> PairFeatures:
        """What could be measured at worst if the two stood up to `reach_m` (T, P) elsewhere."""
        return self._shifted(np.asarray(reach_m))

    def _shifted(self, away_m: np.ndarray) -> PairFeatures:
        share = self.footprint_share - away_m * self.footprint_slope_per_m
        return replace(
            self,
            gap_m=np.maximum(self.gap_m + away_m, 0.0),
            gap_sigma_m=np.zeros_like(self.gap_sigma_m),
            center_distance_m=np.maximum(self.center_distance_m + away_m, 0.0),
            bottom_m=np.maximum(np.abs(self.bottom_m) + away_m, 0.0),
            footprint_share=np.clip(share, 0.0, 1.0),
            depth_m=self.depth_m - away_m,
        )


def compute_pair_features(window: SceneWindow) -> PairFeatures:
    """Measures all candidate pairs of a window: moving with moving (both ways), with fixtures, and with zones."""
    subject, other = _candidate_pairs(window)
    center, extent, velocity, sigma, present, observed = _completed(window)
    pair_present = present[:, subject] & present[:, other]
    pair_observed = pair_present & observed[:, subject] & observed[:, other]
    bottom, share, slope = _support(window, center, extent, subject, other)
    nothing = np.where(pair_present, 0.0, np.nan)
    return PairFeatures(
        times_ns=window.times_ns,
        entities=window.entities,
        subject_index=subject,
        object_index=other,
        gap_m=_gaps(window, center, extent, subject, other, pair_present),
        gap_sigma_m=np.hypot(sigma[:, subject], sigma[:, other]) + nothing,
        center_distance_m=np.linalg.norm(center[:, subject] - center[:, other], axis=-1) + nothing,
        relative_speed_m_s=np.linalg.norm(velocity[:, subject] - velocity[:, other], axis=-1) + nothing,
        bottom_m=bottom + nothing,
        footprint_share=share + nothing,
        footprint_slope_per_m=slope + nothing,
        depth_m=_zone_depths(window, center, subject, other) + nothing,
        present=pair_present,
        observed=pair_observed,
    )


def _candidate_pairs(window: SceneWindow) -> tuple[np.ndarray, np.ndarray]:
    moving = window.moving().tolist()
    targets = [*moving, *window.fixtures().tolist(), *window.floor_areas().tolist()]
    pairs = [(a, b) for a in moving for b in targets if a != b]
    subject, other = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return subject, other


def _completed(window: SceneWindow) -> tuple[np.ndarray, ...]:
    center, extent, velocity = window.center_m.copy(), window.extent_m.copy(), window.velocity_m_s.copy()
    sigma, present, observed = window.sigma_m.copy(), window.present.copy(), window.observed.copy()
    moving = window.moving()
    present[:, moving] &= np.isfinite(center[:, moving]).all(axis=-1)
    standing = np.concatenate([window.fixtures(), window.floor_areas()])
    center[:, standing], extent[:, standing] = np.nan, np.nan
    velocity[:, standing], sigma[:, standing] = 0.0, np.nan_to_num(sigma[:, standing])
    present[:, standing], observed[:, standing] = True, True
    for index, box in window.boxes.items():
        corners = box.corners_m()
        center[:, index], extent[:, index] = box.center_m, np.ptp(corners, axis=0)
    return center, extent, velocity, sigma, present, observed


def _gaps(
    window: SceneWindow,
    center: np.ndarray,
    extent: np.ndarray,
    subject: np.ndarray,
    other: np.ndarray,
    present: np.ndarray,
) -> np.ndarray:
    apart = np.abs(center[:, subject] - center[:, other]) - (extent[:, subject] + extent[:, other]) / 2
    gap = np.where(present, np.linalg.norm(np.maximum(apart, 0.0), axis=-1), np.nan)
    ranks = [symmetric_order(entity.node_id, entity.label) for entity in window.entities]
    number = {pair: column for column, pair in enumerate(zip(subject.tolist(), other.tolist(), strict=True))}
    mirror = {column: number[b, a] for (a, b), column in number.items() if (b, a) in number and ranks[a] < ranks[b]}
    once = np.array([column in mirror or window.entities[b].layer == FIXTURE for (_, b), column in number.items()])
    for time_index in np.flatnonzero((gap <= EXACT_GAP_WITHIN_M).any(axis=1)).tolist():
        clouds: dict[int, Cloud] = {}
        for column in np.flatnonzero(once & (gap[time_index] <= EXACT_GAP_WITHIN_M)).tolist():
            a, b = int(subject[column]), int(other[column])
            for index in (a, b):
                if index not in clouds and window.entities[index].layer == TRACK:
                    points = window.surface_m(time_index, index)
                    box = center[time_index, index], extent[time_index, index]
                    clouds[index] = Cloud(points) if len(points) else Cloud.of_box(*box)
            if b in window.boxes:
                gap[time_index, column] = cloud_to_box_m(clouds[a], window.boxes[b])
            else:
                gap[time_index, [column, mirror[column]]] = cloud_to_cloud_m(clouds[a], clouds[b])
    return gap


def _support(
    window: SceneWindow, center: np.ndarray, extent: np.ndarray, subject: np.ndarray, other: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    bottom, share, slope = (np.full((len(center), len(subject)), np.nan) for _ in range(3))
    for index, box in window.boxes.items():
        columns = np.flatnonzero(other == index)
        middle, size = center[:, subject[columns]], extent[:, subject[columns]]
        bottom[:, columns] = middle[..., 2] - size[..., 2] / 2 - box.corners_m()[:, 2].max()
        share[:, columns] = footprint_share(middle, size, footprint_polygon_m(box))
        slope[:, columns] = (1.0 / np.maximum(size[..., :2], 1e-6)).sum(axis=-1)
    return bottom, share, slope


def _zone_depths(window: SceneWindow, center: np.ndarray, subject: np.ndarray, other: np.ndarray) -> np.ndarray:
    depth = np.full((len(center), len(subject)), np.nan)
    for index, zone in window.zones.items():
        columns = np.flatnonzero(other == index)
        depth[:, columns] = zone_depth_m(center[:, subject[columns]], zone)
    return depth
