"""From a window of a scene to the measures of all its pairs, in one pass over time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from ..reconstruction.threads import in_ranges, num_usable_threads
from .body_motion import BodyMotion, body_motion
from .floor_geometry import footprint_polygon_m, footprint_share, nearest_on_m, zone_depth_m
from .free_hands import WORKING_HAND_M, WORKING_HAND_M_S, carrying_hands, free_hands, help_distances_m
from .hand_work import (
    Grips,
    armed_hands,
    grips,
    least,
    nearest_tools_m,
    tools_at_work,
    tools_in_hand,
    work_distances_m,
)
from .pair_features import PairFeatures
from .scene_window import SceneWindow
from .surface_measures import Boxes, SurfaceMeasures, measure_surfaces, trimmed
from .vocabulary import TRACK, WORK_TOOLS, is_patient

Columns = dict[str, np.ndarray]
AT_THINGS = ("palm_m", "slip_m_s", "others_m", "rest_m", "thing_m_s")
#: So few instants are not worth a thread of their own.
FEWEST_INSTANTS = 64


def compute_pair_features(window: SceneWindow) -> PairFeatures:
    """Measures all candidate pairs of a window: moving with moving (both ways), with fixtures, and with zones."""
    subject, other = _candidate_pairs(window)
    boxes, velocity, sigma, observed = _completed(window)
    now = window.measured
    here, velocity, sigma, observed = trimmed(boxes, now), velocity[now], sigma[now], observed[now]
    pair_present = here.present[:, subject] & here.present[:, other]
    seen = pair_present & observed[:, subject]
    nothing = np.where(pair_present, 0.0, np.nan)
    motion = body_motion(window)
    patients = _patients(window)
    with ThreadPoolExecutor(1) as aside:
        held = aside.submit(grips, window, motion)
        carrying = aside.submit(
            carrying_hands, motion, window.center_m[:, patients], window.extent_m[:, patients], window.step_s
        )
        apart = aside.submit(_center_measures, window, here, velocity, sigma, subject, other)
        facing = aside.submit(_whereabouts, window, motion, now, here.center_m, subject, other)
        surfaces = measure_surfaces(window, here, subject, other, _probes_m(window, motion, now, patients))
    measures: Columns = {
        "gap_m": surfaces.gap_m, "inside_share": surfaces.inside_share, **apart.result(), **facing.result(),
    }  # fmt: skip
    hands = _Hands(motion, held.result(), carrying.result(), now, patients)
    at_work, work_m, could_be_m = _hand_measures(window, hands, surfaces, subject, other)
    for columns in (measures, at_work, work_m, could_be_m):
        for array in columns.values():
            array += nothing
    return PairFeatures(
        times_ns=window.times_ns[now],
        entities=window.entities,
        subject_index=subject,
        object_index=other,
        present=pair_present,
        observed=seen & observed[:, other],
        subject_observed=seen,
        bodies=frozenset(window.bodies),
        tools=frozenset(window.tools),
        has_tips=any(path.tip_m is not None for path in window.tools.values()),
        **measures,
        **at_work,
        work_m=work_m,
        could_be_m=could_be_m,
        object_observed=pair_present & observed[:, other],
    )


def _candidate_pairs(window: SceneWindow) -> tuple[np.ndarray, np.ndarray]:
    moving = window.moving().tolist()
    targets = [*moving, *window.fixtures().tolist(), *window.floor_areas().tolist()]
    pairs = [(a, b) for a in moving for b in targets if a != b]
    subject, other = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return subject, other


def _completed(window: SceneWindow) -> tuple[Boxes, np.ndarray, np.ndarray, np.ndarray]:
    """Boxes, velocity, sigma and observed, with what stands filled in."""
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
    return Boxes(center, extent, present), velocity, sigma, observed


def _center_measures(
    window: SceneWindow, boxes: Boxes, velocity_m_s: np.ndarray, sigma_m: np.ndarray, subject: np.ndarray,
    other: np.ndarray,
) -> Columns:  # fmt: skip
    """What is told from centres and boxes alone."""
    center_m = boxes.center_m
    return {
        "gap_sigma_m": np.hypot(sigma_m[:, subject], sigma_m[:, other]),
        "center_distance_m": np.linalg.norm(center_m[:, subject] - center_m[:, other], axis=-1),
        "relative_speed_m_s": np.linalg.norm(velocity_m_s[:, subject] - velocity_m_s[:, other], axis=-1),
        "depth_m": _zone_depths(window, center_m, subject, other),
        **_support(window, boxes, subject, other),
    }


def _patients(window: SceneWindow) -> list[int]:
    return [i for i, entity in enumerate(window.entities) if entity.layer == TRACK and is_patient(entity.label)]


def _support(window: SceneWindow, boxes: Boxes, subject: np.ndarray, other: np.ndarray) -> Columns:
    shape = (len(boxes.center_m), len(subject))
    bottom, share, slope = (np.full(shape, np.nan) for _ in range(3))
    size = np.maximum(boxes.extent_m[:, subject], 1e-3)
    for index, box in window.boxes.items():
        columns = np.flatnonzero(other == index)
        middle, extent = boxes.center_m[:, subject[columns]], boxes.extent_m[:, subject[columns]]
        bottom[:, columns] = middle[..., 2] - extent[..., 2] / 2 - box.corners_m()[:, 2].max()
        share[:, columns] = _footprint_shares(middle, extent, footprint_polygon_m(box))
        slope[:, columns] = (1.0 / np.maximum(extent[..., :2], 1e-6)).sum(axis=-1)
    return {
        "bottom_m": bottom, "footprint_share": share, "footprint_slope_per_m": slope,
        "inside_slope_per_m": (1.0 / size).sum(axis=-1),
    }  # fmt: skip


def _footprint_shares(middle_m: np.ndarray, extent_m: np.ndarray, polygon_m: np.ndarray) -> np.ndarray:
    """(...) footprint_share, worked out only where the footprint meets the polygon's own rectangle: 0 elsewhere."""
    low_m, high_m = polygon_m.min(axis=0), polygon_m.max(axis=0)
    half_m = np.maximum(extent_m[..., :2], 1e-6) / 2
    beside = (middle_m[..., :2] - half_m > high_m) | (middle_m[..., :2] + half_m < low_m)
    meets = ~beside.any(axis=-1)
    share = np.zeros(meets.shape)
    share[meets] = footprint_share(middle_m[meets], extent_m[meets], polygon_m)
    return share


def _zone_depths(window: SceneWindow, center: np.ndarray, subject: np.ndarray, other: np.ndarray) -> np.ndarray:
    depth = np.full((len(center), len(subject)), np.nan)
    for index, zone in window.zones.items():
        columns = np.flatnonzero(other == index)
        depth[:, columns] = zone_depth_m(center[:, subject[columns]], zone)
    return depth


def _whereabouts(
    window: SceneWindow, motion: BodyMotion, now: slice, center: np.ndarray, subject: np.ndarray, other: np.ndarray
) -> Columns:
    """Where the object's point is from the subject, who is a person with joints: how far, in which direction."""
    shape = (len(center), len(subject))
    found = {
        name: np.full(shape, np.nan) for name in ("away_m", "bearing_rad", "approach_m_s", "stride_m_s", "trunk_rad")
    }
    place_m, front, velocity = motion.place_m[now], motion.front[now], motion.velocity_m_s[now]
    row = {number: column for column, number in enumerate(motion.numbers.tolist())}
    for column in np.flatnonzero(np.isin(subject, motion.numbers)).tolist():
        a, b = row[int(subject[column])], int(other[column])
        found["trunk_rad"][:, column] = motion.trunk_rad[now, a]
        found["stride_m_s"][:, column] = np.linalg.norm(velocity[:, a], axis=-1)
        if b in window.boxes:
            point_m = nearest_on_m(footprint_polygon_m(window.boxes[b]), place_m[:, a])
        elif b in row:
            point_m = np.where(np.isnan(place_m[:, row[b]]), center[:, b, :2], place_m[:, row[b]])
        else:
            point_m = center[:, b, :2]
        way_m = point_m - place_m[:, a]
        away_m = np.linalg.norm(way_m, axis=-1)
        away = way_m / np.where(away_m > 0.0, away_m, np.nan)[:, None]
        bearing_rad = np.arccos(np.clip((front[:, a] * away).sum(axis=-1), -1.0, 1.0))
        approach_m_s = (velocity[:, a] * away).sum(axis=-1)
        # Whoever stands on the footprint of a fixture is at it, and has no direction to it.
        on_it = np.isnan(point_m[:, 0]) & np.isfinite(place_m[:, a, 0]) if b in window.boxes else away_m == 0.0
        found["away_m"][:, column] = np.where(on_it, 0.0, away_m)
        found["bearing_rad"][:, column] = np.where(on_it, np.pi, bearing_rad)
        found["approach_m_s"][:, column] = np.where(on_it, 0.0, approach_m_s)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Hands:
    """Palms and working points at the measured instants, whose distances to patients are asked for at once."""

    motion: BodyMotion
    held: Grips
    carrying: np.ndarray
    now: slice
    patients: list[int]


def _probes_m(window: SceneWindow, motion: BodyMotion, now: slice, patients: list[int]) -> dict[int, np.ndarray]:
    """By patient, (T, 2 H + K, 3): all palms, then all tips. The patient's own palms are probes as well."""
    palms_m = motion.palm_m[now]
    tips_m = [window.tools[number].tips_m()[now, None] for number in sorted(window.tools)]
    probes = np.concatenate([palms_m.reshape(len(palms_m), palms_m.shape[1] * 2, 3), *tips_m], axis=1)
    return dict.fromkeys(patients, probes) if probes.shape[1] else {}


def _hand_measures(
    window: SceneWindow, hands: _Hands, surfaces: SurfaceMeasures, subject: np.ndarray, other: np.ndarray
) -> tuple[Columns, Columns, Columns]:
    """Measures by name, then by action: where the tool in hand works, and where any tool for it could at best."""
    shape = surfaces.gap_m.shape
    names = (*AT_THINGS, "free_hand_m", "free_hands_m", "stir_m_s", "astray_m", "help_m")
    found: Columns = {name: np.full(shape, np.nan) for name in names}
    if not len(hands.motion.numbers):
        return found, {}, {}
    work_m, could_be_m = ({action: np.full(shape, np.nan) for action in WORK_TOOLS} for _ in range(2))

    def fill(first: int, last: int) -> None:
        own = replace(hands, now=slice(hands.now.start + first, hands.now.start + last))
        parts = ({name: array[first:last] for name, array in each.items()} for each in (found, work_m, could_be_m))
        _fill_hand_measures(window, own, surfaces.between(first, last), subject, other, *parts)

    in_ranges(fill, shape[0], size=max(-(-shape[0] // num_usable_threads()), FEWEST_INSTANTS))
    return found, work_m, could_be_m


def _fill_hand_measures(
    window: SceneWindow, hands: _Hands, surfaces: SurfaceMeasures, subject: np.ndarray, other: np.ndarray,
    found: Columns, work_m: Columns, could_be_m: Columns,
) -> None:  # fmt: skip
    """Writes the measures at the instants of `hands` and `surfaces`, each of which is measured by itself."""
    motion, held = hands.motion, hands.held.at(hands.now)
    targets = [*hands.patients, *window.boxes]
    palm_gap_m, tip_gap_m = _target_distances(window, hands, surfaces, targets)
    rest_m = _rest_m(window, held, surfaces, subject, other, tuple(window.boxes))
    support_m = _rest_m(window, held, surfaces, subject, other, (*window.boxes, *hands.patients))
    in_hand = tools_in_hand(held, rest_m, support_m)
    stir_m_s = motion.stir_m_s[hands.now]
    labels = [window.entities[number].label for number in held.numbers.tolist()]
    by_tool = tools_at_work(in_hand, least(tip_gap_m[..., : len(hands.patients)]), held, labels)
    armed = armed_hands(held, support_m) | by_tool.any(axis=-1, keepdims=True)
    armed |= hands.carrying[hands.now]
    work = work_distances_m(in_hand, tip_gap_m, held, labels, len(hands.patients))
    free = free_hands(palm_gap_m, armed, stir_m_s, len(hands.patients))
    to_patient_m = least(palm_gap_m[..., : len(hands.patients)])
    to_fixture_m = least(palm_gap_m[..., len(hands.patients) :])
    at_work = ~armed & (stir_m_s >= WORKING_HAND_M_S) & (to_patient_m + WORKING_HAND_M < to_fixture_m)
    helping = help_distances_m(motion.palm_m[hands.now], to_patient_m, ~armed, at_work, by_tool, held.tip_m)
    (palm_m, slip_m_s), others_m = held.best(), held.others_m()
    person, thing, target = (
        {number: column for column, number in enumerate(numbers)}
        for numbers in (motion.numbers.tolist(), held.numbers.tolist(), targets)
    )
    tools_m = nearest_tools_m(tip_gap_m, window.observed[hands.now][:, held.numbers], labels)
    for column, (a, b) in enumerate(zip(subject.tolist(), other.tolist(), strict=True)):
        if a not in person:
            continue
        h = person[a]
        if b in thing:
            k = thing[b]
            told = (palm_m[:, h, k], slip_m_s[:, h, k], others_m[:, h, k], support_m[:, k], held.thing_m_s[:, k])
            for name, array in zip(AT_THINGS, told, strict=True):
                found[name][:, column] = array
        if b in target:
            place = (slice(None), h, target[b])
            found["free_hand_m"][:, column] = free.nearest_m[place]
            found["free_hands_m"][:, column] = free.farthest_m[place]
            found["stir_m_s"][:, column] = free.stir_m_s[place]
            found["astray_m"][:, column] = free.astray_m[place]
            for action in work:
                work_m[action][:, column] = work[action][place]
                could_be_m[action][:, column] = tools_m[action][:, target[b]]
        if b in person:
            found["help_m"][:, column] = helping[:, h, person[b]]


def _target_distances(
    window: SceneWindow, hands: _Hands, surfaces: SurfaceMeasures, targets: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """(T, H, 2, B) and (T, K, B): from palms and tips to patients' surfaces and fixtures' boxes."""
    palms_m, tips_m = hands.motion.palm_m[hands.now], hands.held.tip_m[hands.now]
    num_palms = palms_m.shape[1] * 2
    palm_gap_m = np.full((*palms_m.shape[:3], len(targets)), np.nan)
    tip_gap_m = np.full((*tips_m.shape[:2], len(targets)), np.nan)
    for place, index in enumerate(targets):
        if index in window.boxes:
            palm_gap_m[..., place] = window.boxes[index].distance_m(palms_m)
            tip_gap_m[..., place] = window.boxes[index].distance_m(tips_m)
        else:
            probe_m = surfaces.probe_m[index]
            palm_gap_m[..., place] = probe_m[:, :num_palms].reshape(palms_m.shape[:3])
            tip_gap_m[..., place] = probe_m[:, num_palms:]
            own = np.flatnonzero(hands.motion.numbers == index)
            palm_gap_m[:, own, :, place] = np.inf
    return palm_gap_m, tip_gap_m


def _rest_m(
    window: SceneWindow, held: Grips, surfaces: SurfaceMeasures, subject: np.ndarray, other: np.ndarray,
    supports: tuple[int, ...],
) -> np.ndarray:  # fmt: skip
    """(T, K) from each thing to the nearest of some others, infinite without any."""
    rest_m = np.full((len(surfaces.gap_m), len(held.numbers)), np.inf)
    for place, number in enumerate(held.numbers.tolist()):
        columns = np.flatnonzero((subject == number) & np.isin(other, supports))
        if len(columns):
            rest_m[:, place] = np.fmin(rest_m[:, place], least(surfaces.gap_m[:, columns]))
    return rest_m
