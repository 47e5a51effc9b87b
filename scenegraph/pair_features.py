"""What is measured between all pairs of entities, once per window, for every predicate to read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from .scene_window import Entity
from .vocabulary import FIXTURE, groups_of

#: What an unseen person might do at most, m/s.
FASTEST_M_S = 9.0
#: Nobody unseen has a thing that somebody else is seen to be so near to holding.
TAKEN_M = 0.06
SIGHTS = ("subject_observed", "object_observed")
LENGTHS = ("gap_m", "center_distance_m", "away_m", "palm_m", "free_hand_m", "free_hands_m", "help_m")
"""Measures that may be so much less where the two stand so much nearer."""
FIXED = ("times_ns", "entities", "subject_index", "object_index", "bodies", "tools", "has_tips")
Changes = dict[str, Callable[[Any], Any]]


def _blank() -> np.ndarray:
    return np.zeros(0)


class _Derived:
    """Fields that are derived when they are first read, by a function from their names."""

    __slots__ = ("_derive",)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name not in self.__slots__:
                raise AttributeError(f"pair features have no '{name}'")
            value = self._derive(name)
            object.__setattr__(self, name, value)
            return value


@dataclass(frozen=True, slots=True, eq=False)
class PairFeatures(_Derived):
    """Measures of P ordered pairs at T instants. Float64; NaN where a pair is absent or a measure has no meaning.

    What is left out is NaN everywhere.

    Args:
        times_ns: (T,) int64, rig clock.
        entities: the entities that the pairs number.
        subject_index, object_index: (P,) entity numbers. Subjects move; two moving things are a pair both ways.
        gap_m: (T, P) smallest distance of the surfaces, 0 where they meet; a bound from below where it exceeds 1.0 m.
        gap_sigma_m: (T, P) its standard deviation.
        center_distance_m: (T, P) between the box centres; not for zones.
        relative_speed_m_s: (T, P) length of the difference of the velocities.
        bottom_m: (T, P) bottom of the subject above the top of the object; fixtures only.
        footprint_share: (T, P) share of the subject's footprint over the object's; fixtures only.
        footprint_slope_per_m: (T, P) the most by which that share can change per metre of sideways motion.
        depth_m: (T, P) how deep the subject's centre lies in the zone, negative outside; zones only.
        present: (T, P) whether both exist.
        observed: (T, P) whether both exist and each was measured by some camera.
        subject_observed, object_observed: (T, P) whether the one was, and the other.
        inside_share: (T, P) share of the subject's surface in the box of the object; fixtures and trays only.
        inside_slope_per_m: (T, P) the most by which that share can change per metre of motion.
        away_m: (T, P) from the subject's place to the object's point, on the floor; of people, as all that follow.
        bearing_rad: (T, P) angle on the floor between the subject's front and that direction.
        approach_m_s: (T, P) speed of the subject's place along that direction.
        stride_m_s: (T, P) speed of the subject's place.
        trunk_rad: (T, P) angle of the subject's trunk above the level plane.
        palm_m: (T, P) from the subject's palm to the thing; of the better hand, see hand_work.
        slip_m_s: (T, P) speed of that hand in the frame of the thing.
        others_m: (T, P) how far anybody else's hand is from holding the thing, see hand_work.
        rest_m: (T, P) from the thing to the nearest fixture or patient.
        thing_m_s: (T, P) speed of the thing.
        free_hand_m: (T, P) from the nearer palm that holds nothing to a patient or fixture; infinite with none free.
        free_hands_m: (T, P) the same from the farther one, where both hold nothing.
        stir_m_s: (T, P) mean speed of the nearer one, over half a second before or after.
        astray_m: (T, P) by how much free hands are farther from the object than from the nearest fixture, where it is a
            patient, or the other way round, see free_hands.
        help_m: (T, P) from the subject's palm to where the object works on a patient; infinite where she does not.
        could_be_m: by action, (T, P) the same for the nearest tool for it, whoever holds it; 0 where nobody sees one.
        work_m: by action, (T, P) from the tip of a tool for it, in the subject's hand, to the object's surface.
        bodies, tools: the numbers of the entities that have joints, and that have a path as rigid things.
        has_tips: whether any of these has a working point.
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
    subject_observed: np.ndarray = field(default_factory=_blank)
    object_observed: np.ndarray = field(default_factory=_blank)
    inside_share: np.ndarray = field(default_factory=_blank)
    inside_slope_per_m: np.ndarray = field(default_factory=_blank)
    away_m: np.ndarray = field(default_factory=_blank)
    bearing_rad: np.ndarray = field(default_factory=_blank)
    approach_m_s: np.ndarray = field(default_factory=_blank)
    stride_m_s: np.ndarray = field(default_factory=_blank)
    trunk_rad: np.ndarray = field(default_factory=_blank)
    palm_m: np.ndarray = field(default_factory=_blank)
    slip_m_s: np.ndarray = field(default_factory=_blank)
    others_m: np.ndarray = field(default_factory=_blank)
    rest_m: np.ndarray = field(default_factory=_blank)
    thing_m_s: np.ndarray = field(default_factory=_blank)
    free_hand_m: np.ndarray = field(default_factory=_blank)
    free_hands_m: np.ndarray = field(default_factory=_blank)
    stir_m_s: np.ndarray = field(default_factory=_blank)
    astray_m: np.ndarray = field(default_factory=_blank)
    help_m: np.ndarray = field(default_factory=_blank)
    work_m: Mapping[str, np.ndarray] = field(default_factory=dict)
    could_be_m: Mapping[str, np.ndarray] = field(default_factory=dict)
    bodies: frozenset[int] = frozenset()
    tools: frozenset[int] = frozenset()
    has_tips: bool = False

    def __post_init__(self) -> None:
        shape = (len(self.times_ns), len(self.subject_index))
        for item in fields(self):
            array = getattr(self, item.name)
            if isinstance(array, np.ndarray):
                if array.ndim == 1 and item.name not in ("times_ns", "subject_index", "object_index"):
                    array = self.observed if item.name in SIGHTS else np.full(shape, np.nan)
                view = array.view()
                view.flags.writeable = False
                object.__setattr__(self, item.name, view)
        object.__setattr__(self, "work_m", MappingProxyType(dict(self.work_m)))
        object.__setattr__(self, "could_be_m", MappingProxyType(dict(self.could_be_m)))

    @property
    def num_pairs(self) -> int:
        """P."""
        return len(self.subject_index)

    @property
    def to_fixture(self) -> np.ndarray:
        """(P,) bool: whether the object stands."""
        layers = np.array([entity.layer for entity in self.entities])
        return layers[self.object_index] == FIXTURE

    def groups(self) -> list[frozenset[str]]:
        """The groups of each entity, see vocabulary.GROUPS."""
        return [
            groups_of(entity.label, entity.layer, number in self.bodies, number in self.tools)
            for number, entity in enumerate(self.entities)
        ]

    def work(self, action: str) -> np.ndarray:
        """(T, P) `work_m` of an action; NaN where no tool for it is known at all."""
        return self.work_m[action] if action in self.work_m else np.full(self.gap_m.shape, np.nan)

    def select(self, columns: np.ndarray) -> PairFeatures:
        """The same window with some of the pairs only: (P,) bool, or pair numbers."""
        subject, other = self.subject_index[columns], self.object_index[columns]
        return self._derived(
            _of_arrays(lambda array: array[:, columns]), subject_index=subject, object_index=other
        )  # fmt: skip

    def between(self, first: int, last: int) -> PairFeatures:
        """The instants number `first` up to and without `last`."""
        return self._derived(_of_arrays(lambda array: array[first:last]), times_ns=self.times_ns[first:last])

    def scaled(self, factor: float, but: Collection[str] = ()) -> PairFeatures:
        """All measures times a factor, except those named, and who is there and seen."""
        skip = {*but, "present", "observed", *SIGHTS}
        times = _of_arrays(lambda array: array * factor)
        return self._derived(lambda name, value: value if name in skip else times(name, value))

    def loosened(self, reach_m: np.ndarray) -> PairFeatures:
        """What could be measured at best if the two stood up to `reach_m` (T, P) elsewhere: nearer, deeper, on top.

        Whoever is not seen may have turned, risen, or begun to walk.
        """
        free = np.asarray(reach_m) > 0.0
        turned = free & ~self.subject_observed
        lost = free & ~self.object_observed
        changes: Changes = {
            **self._shifts(-np.asarray(reach_m)),
            "bearing_rad": lambda array: np.where(free, 0.0, array),
            "trunk_rad": lambda array: np.where(turned, np.pi / 2, array),
            "approach_m_s": lambda array: np.where(free, np.where(turned, FASTEST_M_S, self.stride_m_s), array),
            "slip_m_s": lambda array: np.where(free, 0.0, array),
            "others_m": lambda array: np.where(free, np.where(array <= TAKEN_M, -FASTEST_M_S, np.inf), array),
            "thing_m_s": lambda array: np.where(lost, FASTEST_M_S, array),
            "rest_m": lambda array: np.where(lost, np.inf, array),
            "stir_m_s": lambda array: np.where(free, FASTEST_M_S, array),
            "stride_m_s": lambda array: np.where(free, 0.0, array),
            "help_m": lambda array: np.where(free, 0.0, array),
            "free_hand_m": lambda array: np.where(free, 0.0, array),
            "free_hands_m": lambda array: np.where(free, 0.0, array),
            "astray_m": lambda array: np.where(free, -np.inf, array),
            "work_m": lambda work_m: {
                action: np.where(free, self.could_be_m[action], array) for action, array in work_m.items()
            },
        }
        return self._derived(lambda name, value: changes[name](value) if name in changes else value)

    def tightened(self, reach_m: np.ndarray) -> PairFeatures:
        """What could be measured at worst if the two stood up to `reach_m` (T, P) elsewhere."""
        free = np.asarray(reach_m) > 0.0
        changes: Changes = {
            **self._shifts(np.asarray(reach_m)),
            "bearing_rad": lambda array: np.where(free, np.pi, array),
            "approach_m_s": lambda array: np.where(free, 0.0, array),
            "slip_m_s": lambda array: np.where(free, FASTEST_M_S, array),
            "stir_m_s": lambda array: np.where(free, 0.0, array),
            "help_m": lambda array: np.where(free, np.inf, array),
            "free_hand_m": lambda array: np.where(free, np.inf, array),
            "free_hands_m": lambda array: np.where(free, np.inf, array),
            "others_m": lambda array: np.where(free, -np.inf, array),
            "work_m": lambda work_m: {action: np.where(free, np.inf, array) for action, array in work_m.items()},
        }
        return self._derived(lambda name, value: changes[name](value) if name in changes else value)

    def _shifts(self, away_m: np.ndarray) -> Changes:
        return {
            **{name: lambda array: np.maximum(array + away_m, 0.0) for name in LENGTHS},
            "gap_sigma_m": np.zeros_like,
            "bottom_m": lambda array: np.maximum(np.abs(array) + away_m, 0.0),
            "footprint_share": lambda array: np.clip(array - away_m * self.footprint_slope_per_m, 0.0, 1.0),
            "inside_share": lambda array: np.clip(array - away_m * self.inside_slope_per_m, 0.0, 1.0),
            "depth_m": lambda array: array - away_m,
        }

    def _derived(self, change: Callable[[str, Any], Any], **given: np.ndarray) -> PairFeatures:
        """The same with each measure changed when it is first read: a predicate reads a few of them only."""
        derived = object.__new__(PairFeatures)
        for name in FIXED:
            object.__setattr__(derived, name, given.get(name, getattr(self, name)))
        object.__setattr__(derived, "_derive", lambda name: change(name, getattr(self, name)))
        return derived


def _of_arrays(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[str, Any], Any]:
    """A change of every (T, P) measure alike, those by action among them."""

    def changed(name: str, value: Any) -> Any:
        return change(value) if isinstance(value, np.ndarray) else {key: change(array) for key, array in value.items()}

    return changed
