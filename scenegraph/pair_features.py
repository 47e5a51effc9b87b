"""What is measured between all pairs of entities, once per window, for every predicate to read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

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


def _blank() -> np.ndarray:
    return np.zeros(0)


@dataclass(frozen=True, slots=True, eq=False)
class PairFeatures:
    """Measures of P ordered pairs at T instants. Float64; NaN where a pair is absent or a measure has no meaning.

    What is left out is NaN everywhere.

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
        stir_m_s: (T, P) mean speed of the nearer one over a second.
        rival_m: (T, P) from that hand to the nearest fixture, where the object is a patient, or the other way round.
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
    rival_m: np.ndarray = field(default_factory=_blank)
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
        return replace(self, subject_index=subject, object_index=other, **self._each(lambda array: array[:, columns]))

    def between(self, first: int, last: int) -> PairFeatures:
        """The instants number `first` up to and without `last`."""
        return replace(self, times_ns=self.times_ns[first:last], **self._each(lambda array: array[first:last]))

    def scaled(self, factor: float, but: Collection[str] = ()) -> PairFeatures:
        """All measures times a factor, except those named, and who is there and seen."""
        skip = {*but, "present", "observed", *SIGHTS}
        arrays = self._each(lambda array: array * factor if array.dtype != bool else array)
        return replace(self, **{name: array for name, array in arrays.items() if name not in skip})

    def _each(self, change: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any]:
        """Every (T, P) measure, changed alike."""
        skip = ("times_ns", "subject_index", "object_index")
        arrays = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in skip}
        changed: dict[str, Any] = {
            name: change(array) for name, array in arrays.items() if isinstance(array, np.ndarray)
        }
        for name in ("work_m", "could_be_m"):
            changed[name] = {action: change(array) for action, array in getattr(self, name).items()}
        return changed

    def loosened(self, reach_m: np.ndarray) -> PairFeatures:
        """What could be measured at best if the two stood up to `reach_m` (T, P) elsewhere: nearer, deeper, on top.

        Whoever is not seen may have turned, risen, or begun to walk.
        """
        free = np.asarray(reach_m) > 0.0
        turned = free & ~self.subject_observed
        return replace(
            self._shifted(-np.asarray(reach_m)),
            bearing_rad=np.where(free, 0.0, self.bearing_rad),
            trunk_rad=np.where(turned, np.pi / 2, self.trunk_rad),
            approach_m_s=np.where(free, np.where(turned, FASTEST_M_S, self.stride_m_s), self.approach_m_s),
            slip_m_s=np.where(free, 0.0, self.slip_m_s),
            others_m=np.where(free, np.where(self.others_m <= TAKEN_M, -FASTEST_M_S, np.inf), self.others_m),
            thing_m_s=np.where(free & ~self.object_observed, FASTEST_M_S, self.thing_m_s),
            rest_m=np.where(free & ~self.object_observed, np.inf, self.rest_m),
            stir_m_s=np.where(free, FASTEST_M_S, self.stir_m_s),
            stride_m_s=np.where(free, 0.0, self.stride_m_s),
            help_m=np.where(free, 0.0, self.help_m),
            free_hand_m=np.where(free, 0.0, self.free_hand_m),
            free_hands_m=np.where(free, 0.0, self.free_hands_m),
            rival_m=np.where(free, np.inf, self.rival_m),
            work_m={action: np.where(free, self.could_be_m[action], array) for action, array in self.work_m.items()},
        )

    def tightened(self, reach_m: np.ndarray) -> PairFeatures:
        """What could be measured at worst if the two stood up to `reach_m` (T, P) elsewhere."""
        free = np.asarray(reach_m) > 0.0
        return replace(
            self._shifted(np.asarray(reach_m)),
            bearing_rad=np.where(free, np.pi, self.bearing_rad),
            approach_m_s=np.where(free, 0.0, self.approach_m_s),
            slip_m_s=np.where(free, FASTEST_M_S, self.slip_m_s),
            stir_m_s=np.where(free, 0.0, self.stir_m_s),
            help_m=np.where(free, np.inf, self.help_m),
            free_hand_m=np.where(free, np.inf, self.free_hand_m),
            free_hands_m=np.where(free, np.inf, self.free_hands_m),
            others_m=np.where(free, -np.inf, self.others_m),
            work_m={action: np.where(free, np.inf, array) for action, array in self.work_m.items()},
        )

    def _shifted(self, away_m: np.ndarray) -> PairFeatures:
        footprint = self.footprint_share - away_m * self.footprint_slope_per_m
        inside = self.inside_share - away_m * self.inside_slope_per_m
        changed = {name: np.maximum(getattr(self, name) + away_m, 0.0) for name in LENGTHS}
        return replace(
            self,
            gap_sigma_m=np.zeros_like(self.gap_sigma_m),
            bottom_m=np.maximum(np.abs(self.bottom_m) + away_m, 0.0),
            footprint_share=np.clip(footprint, 0.0, 1.0),
            inside_share=np.clip(inside, 0.0, 1.0),
            depth_m=self.depth_m - away_m,
            **changed,
        )
