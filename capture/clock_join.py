"""Clocks from all that tells of them: least squares over the offset and rate of every camera, weighed by covariances.

Stamps of the host tell rates, and offsets but for the ways to the host; what moves and boards tell offsets against
another camera, the former with rates. Each source is also held against what all others say together (a leave-one-out
test on the innovation, as in Bar-Shalom, Li and Kirubarajan 2001, 5.4), so that one that does not fit them is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .arrays import Times
from .clock import ClockModel, ClockPiece
from .clock_evidence import ClockEvidence
from .clock_source import WORDS
from .host_clock import MOST_DRIFT_PPM
from .host_pieces import SIGMA_WAITS

UNKNOWN_S = 10.0
DISAGREES_SIGMAS = 4.0


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A source that does not fit what all others say together.

    Args:
        source: which.
        others: the names of the others.
        camera_id: the camera whose distance in time from the rest is told most differently.
        what: "offset" (s) or "rate" (ppm).
        apart: what the source says less what the others say.
        sigmas: the same in standard deviations of both together.
    """

    source: str
    others: tuple[str, ...]
    camera_id: str
    what: str
    apart: float
    sigmas: float

    def told(self) -> str:
        """In words."""
        others = " and ".join(WORDS[name] for name in self.others)
        much = f"{1e3 * self.apart:+.1f} ms" if self.what == "offset" else f"{self.apart:+.1f} ppm in rate"
        return (
            f"{WORDS[self.source]} and {others} disagree: the former have {self.camera_id} {much} later against the "
            f"other cameras ({self.sigmas:.0f} sigma)"
        )


@dataclass(frozen=True, slots=True, eq=False)
class JointClocks:
    """How much later frames are than the first clocks have it: late_s + rate_ppm * 1e-6 * (t - middle_s).

    Args:
        camera_ids: the cameras (c).
        middle_s: when `late_s` holds.
        late_s, rate_ppm: (c,).
        covariance: (2c, 2c) of both, against the mean of all cameras, which alone means anything.
        sources: what was joined.
        linked: cameras of which more was told than host stamps know.
        chi_square, freedom: of what the sources leave, and how many equations there are beyond unknowns.
        disagreements: sources that do not fit the others.
    """

    camera_ids: tuple[str, ...]
    middle_s: float
    late_s: np.ndarray
    rate_ppm: np.ndarray
    covariance: np.ndarray
    sources: tuple[str, ...]
    linked: tuple[str, ...]
    chi_square: float
    freedom: int
    disagreements: tuple[Disagreement, ...]

    def to_json(self) -> dict[str, Any]:
        """How well the sources agree, as JSON values."""
        return {
            "sources": list(self.sources),
            "chi_square": round(self.chi_square, 3),
            "freedom": self.freedom,
            "disagreements": [
                {name: getattr(one, name) for name in Disagreement.__dataclass_fields__} for one in self.disagreements
            ],
        }


def join_clocks(evidence: Sequence[ClockEvidence]) -> JointClocks:
    """Weigh what several sources say by their covariances.

    Where a source is more than four sigma away from what the others say, somebody's covariance is false; all are then
    taken to be false alike (Birge 1932), so that the result does not claim what nobody knows.

    Args:
        evidence: at least one; without one that is not relative the first camera keeps its offset and rate.
    """
    names = tuple(dict.fromkeys(name for one in evidence for name in one.camera_ids))
    middle_s = float(np.mean([one.at_s.mean() for one in evidence]))
    rows = [one.rows(names, middle_s) for one in evidence]
    values, covariance = _solved(rows, len(names))
    left = [right - design @ values for design, right, _ in rows]
    chi_square = float(sum(e @ np.linalg.solve(of, e) for e, (*_, of) in zip(left, rows, strict=True)))
    freedom = sum(map(len, left)) - int(np.linalg.matrix_rank(np.vstack([_white(*row)[0] for row in rows])))
    odd = tuple(_disagreements(evidence, rows, names))
    if odd:
        covariance = covariance * max(1.0, chi_square / freedom)
    count = len(names)
    if all(one.relative for one in evidence):
        values = values - np.repeat(values[[0, count]], count)
    centre = np.kron(np.eye(2), np.eye(count) - 1.0 / count)
    linked = {name for one in evidence if one.relative for name in one.camera_ids}
    return JointClocks(
        names, middle_s, values[:count], values[count:], centre @ covariance @ centre,
        tuple(dict.fromkeys(one.source for one in evidence)), tuple(n for n in names if n in linked),
        chi_square, freedom, odd,
    )  # fmt: skip


def joined_clocks(
    clocks: Mapping[str, ClockModel], joint: JointClocks, stamps: Mapping[str, tuple[Times, Times]], base_ns: int
) -> dict[str, ClockModel]:
    """The first clocks, put right by what was joined; the sigmas of their pieces are those against all other cameras.

    Args:
        clocks: by camera, what the evidence was told against; those without any evidence stay as they are.
        joint: what was joined.
        stamps: by camera, (t,) device and host stamps in stored order.
        base_ns: rig time from which the seconds of the evidence count.
    """
    found = dict(clocks)
    for number, name in enumerate(joint.camera_ids):
        clock, first_ns = clocks[name], int(stamps[name][0][0])
        line = ClockPiece(
            0, first_ns, clock.offset_ns, clock.drift_ppm, clock.reference_ns,
            SIGMA_WAITS * clock.residual_ns / len(stamps[name][0]),
        )  # fmt: skip
        pieces = tuple(_joined(piece, joint, number, base_ns) for piece in clock.pieces or (line,))
        usual = next(
            piece for piece, old in zip(pieces, clock.pieces or (line,), strict=True)
            if (old.offset_ns, old.reference_ns) == (clock.offset_ns, clock.reference_ns)
        )  # fmt: skip
        found[name] = replace(
            clock, offset_ns=usual.offset_ns, drift_ppm=usual.drift_ppm, reference_ns=usual.reference_ns, pieces=pieces
        )
    return found


def _joined(piece: ClockPiece, joint: JointClocks, number: int, base_ns: int) -> ClockPiece:
    count = len(joint.camera_ids)
    at_s = (piece.reference_ns + piece.offset_ns - base_ns) * 1e-9
    rate_ppm = float(joint.rate_ppm[number])
    late_s = float(joint.late_s[number]) + rate_ppm * 1e-6 * (at_s - joint.middle_s)
    of = joint.covariance[np.ix_([number, count + number], [number, count + number])]
    since = np.array([1.0, 1e-6 * (at_s - joint.middle_s)])
    return replace(
        piece,
        offset_ns=piece.offset_ns + round(late_s * 1e9),
        drift_ppm=piece.drift_ppm + rate_ppm * (1 + piece.drift_ppm * 1e-6),
        offset_sigma_ns=float(np.hypot(piece.offset_sigma_ns, 1e9 * np.sqrt(since @ of @ since))),
        drift_sigma_ppm=float(np.hypot(piece.drift_sigma_ppm, np.sqrt(of[1, 1]))),
        covariance_ns_ppm=piece.covariance_ns_ppm + 1e9 * float(since @ of[:, 1]),
    )


Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


def _white(design: np.ndarray, right: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    factor = np.linalg.cholesky(covariance)
    return np.linalg.solve(factor, design), np.linalg.solve(factor, right)


def _solved(rows: Iterable[Rows], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Offsets and rates (2c,) and their covariance; what nothing tells is as unsure as clocks can be."""
    scale = np.repeat([UNKNOWN_S, MOST_DRIFT_PPM], count)
    normal, right = np.eye(2 * count), np.zeros(2 * count)
    for row in rows:
        design, told = _white(*row)
        design = design * scale
        normal += design.T @ design
        right += design.T @ told
    covariance = np.linalg.inv(normal)
    return scale * (covariance @ right), scale[:, None] * covariance * scale


def _disagreements(
    evidence: Sequence[ClockEvidence], rows: Sequence[Rows], names: tuple[str, ...]
) -> list[Disagreement]:
    """The source that fits the others least, if by more than chance."""
    found = []
    for number, one in enumerate(evidence if len(evidence) > 1 else ()):
        values, covariance = _solved([row for k, row in enumerate(rows) if k != number], len(names))
        design, right, own = rows[number]
        count = len(one.camera_ids)
        # Against the mean of its cameras, because the zero of all clocks together means nothing.
        centre = (np.eye(count) - 1.0 / count)[:, int(one.relative) :]
        centre = np.kron(np.eye(1 if one.rate_ppm is None else 2), centre)
        apart = centre @ (right - design @ values)
        sigma = np.sqrt(np.diag(centre @ (own + design @ covariance @ design.T) @ centre.T))
        worst = int(np.argmax(np.abs(apart) / sigma))
        others = tuple(dict.fromkeys(e.source for k, e in enumerate(evidence) if k != number))
        what, sigmas = "offset" if worst < count else "rate", float(abs(apart[worst]) / sigma[worst])
        if sigmas > DISAGREES_SIGMAS:
            name = one.camera_ids[worst % count]
            found.append(Disagreement(one.source, others, name, what, float(apart[worst]), sigmas))
    return sorted(found, key=lambda one: -one.sigmas)[:1]
