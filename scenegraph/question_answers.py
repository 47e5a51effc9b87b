"""Answers, and how a question says which arguments it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .graph import TruthState
from .question_scene import QuestionScene


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question got.

    Args:
        value: plain JSON values; None where there is nothing to say.
        unit: of the value, or empty.
        state: unknown where what decides could not be seen, or was not looked for.
        because: in words, what it rests on, or why it is unknown.
        query: the question in the query language; empty where it is no query.
    """

    value: Any
    unit: str = ""
    state: TruthState = TruthState.TRUE
    because: str = ""
    query: str = ""

    @classmethod
    def unknown(cls, because: str, value: Any = None, unit: str = "", query: str = "") -> Answer:
        """Nobody can say."""
        return cls(value, unit, TruthState.UNKNOWN, because, query)


@dataclass(frozen=True, slots=True)
class Question:
    """A type of question.

    Args:
        name: as the field calls it.
        takes: what its arguments are, in order.
        meaning: one sentence.
        answer: (scene, time_ns, *arguments) -> Answer; raises ConfigError for an argument that means nothing here.
    """

    name: str
    takes: tuple[str, ...]
    meaning: str
    answer: Callable[..., Answer]

    def usage(self) -> str:
        """As it is typed: "distance_3d ENTITY ENTITY"."""
        return " ".join([self.name, *(word.upper() for word in self.takes)])


def seconds(scene: QuestionScene, time_ns: int) -> float:
    """A moment in seconds from the start, to the millisecond."""
    return round((time_ns - scene.span_ns[0]) * 1e-9, 3)
