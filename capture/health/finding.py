"""Findings: what a check has to say."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How bad it is."""

    GOOD = "good"  # checked, and nothing is wrong
    ADVICE = "advice"  # works, and could be better
    WARNING = "warning"  # results will be worse for it
    FAULT = "fault"  # results will be wrong


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence of the doctor.

    Args:
        check: which check speaks: "files", "times", "colour", "depth", "lenses", "rig" or "machine".
        severity: how bad it is.
        what: what was found, in plain words.
        where: the camera, file or time; empty where it is all of the recording.
        why: the likely cause.
        todo: what to do about it.
    """

    check: str
    severity: Severity
    what: str
    where: str = ""
    why: str = ""
    todo: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def worst(findings: tuple[Finding, ...]) -> Severity:
    """The worst severity of all; GOOD where there is none."""
    order = list(Severity)
    return max((finding.severity for finding in findings), key=order.index, default=Severity.GOOD)
