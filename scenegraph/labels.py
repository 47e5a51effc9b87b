"""Scene-graph labels as people wrote them: instants with their relations, in the spelling of their file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple


class Triplet(NamedTuple):
    """subject -predicate-> object, as spelled in the file."""

    subject: str
    predicate: str
    object: str


@dataclass(frozen=True, slots=True, eq=False)
class LabelledInstant:
    """One labelled moment.

    Args:
        take: the recording that it belongs to, "4" or "002_PKA_MMOR"; may be empty.
        frame: its number in the take as written, e.g. "000300". 4D-OR and MM-OR count seconds.
        relations: in the order of the file.
        entities: what the file lists as present, in its order; None where it lists nothing.
        people: who a numbered person is said to be at this instant, e.g. {"human_0": "head-surgeon"}.
    """

    take: str
    frame: str
    relations: tuple[Triplet, ...]
    entities: tuple[str, ...] | None = None
    people: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "people", MappingProxyType(dict(self.people)))

    @property
    def instant_id(self) -> str:
        """Its one name among files: "2/000300"."""
        return f"{self.take}/{self.frame}" if self.take else self.frame


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """A file of labels.

    Args:
        form: "4d-or", "mm-or" or "neutral": the structure in which it stood, and whose words it uses.
        instants: in the order of the file, each id once.
    """

    form: str
    instants: tuple[LabelledInstant, ...]

    def takes(self) -> Mapping[str, tuple[LabelledInstant, ...]]:
        """The instants of each take, takes in the order in which they appear."""
        rows: dict[str, list[LabelledInstant]] = {}
        for instant in self.instants:
            rows.setdefault(instant.take, []).append(instant)
        return MappingProxyType({take: tuple(instants) for take, instants in rows.items()})
