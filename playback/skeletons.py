"""The skeletons of people as a drawing needs them: bones as lines, instant by instant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..reconstruction.skeleton import BONES, JOINT
from ..reconstruction.state import BodyState, SceneState

LINES = (
    *BONES,
    *((JOINT[begin], JOINT[end]) for begin, end in (
        ("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "left_ear"), ("right_eye", "right_ear"),
        ("left_ear", "left_shoulder"), ("right_ear", "right_shoulder"),
    )),
)  # fmt: skip
"""Joints (begin, end) that a drawing joins."""


@dataclass(frozen=True, slots=True, eq=False)
class SkeletonRows:
    """The skeleton of one person at consecutive instants.

    Args:
        strips_m: lines (2, 3) of all instants, one after the other.
        predicted: by line, whether an end of it is predicted.
        lengths: how many lines each instant has; 0 where there is no body.
    """

    strips_m: list[np.ndarray]
    predicted: list[bool]
    lengths: list[int]


class SkeletonCollector:
    """Collects skeletons segment by segment; remembers who is in the picture, so that he can be taken out of it."""

    def __init__(self) -> None:
        self._shown: set[str] = set()

    def collect(self, states: Sequence[SceneState]) -> dict[str, SkeletonRows]:
        """The skeletons of some consecutive instants by track."""
        by_instant = [{body.track_id: body for body in state.bodies} for state in states]
        shown = self._shown.union(*by_instant)
        self._shown = set(by_instant[-1]) if by_instant else self._shown
        return {name: _rows(bodies.get(name) for bodies in by_instant) for name in sorted(shown)}


def _rows(bodies: Iterable[BodyState | None]) -> SkeletonRows:
    rows = SkeletonRows([], [], [])
    for body in bodies:
        lines = [] if body is None else [
            (body.joints_m[[begin, end]].astype(np.float32), bool(body.predicted[[begin, end]].any()))
            for begin, end in LINES if np.isfinite(body.joints_m[[begin, end]]).all()
        ]  # fmt: skip
        rows.strips_m.extend(line for line, _ in lines)
        rows.predicted.extend(predicted for _, predicted in lines)
        rows.lengths.append(len(lines))
    return rows
