"""board_clocks.json: what a waved board told of the clocks of a recording, kept for every later `ortwin sync`.

A rig time of one frame of each camera, and how sure it is against the first camera: that holds whatever the clocks are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .arrays import Times, read_only
from .clock import ClockModel, ClockPiece
from .clock_evidence import ClockEvidence
from .errors import InputError
from .files import canonical_json

BOARD_CLOCKS = "board_clocks.json"
#: Quartzes of cameras are cut to some 50 ppm.
QUARTZ_PPM = 50.0


@dataclass(frozen=True, slots=True, eq=False)
class BoardClocks:
    """Times of frames that a board told.

    Args:
        camera_ids: the cameras; the first is the one that the others were compared with.
        positions: (c,) int64 the frame of each, in stored order.
        rig_ns: (c,) int64 when it was taken, nearly at one time.
        covariance: (c, c) s^2, 0 for the first.
    """

    camera_ids: tuple[str, ...]
    positions: np.ndarray
    rig_ns: Times
    covariance: np.ndarray

    def __post_init__(self) -> None:
        for name in ("positions", "rig_ns", "covariance"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def evidence(
        self, clocks: Mapping[str, ClockModel], stamps: Mapping[str, tuple[Times, Times]], base_ns: int
    ) -> ClockEvidence | None:
        """By how much the board has clocks late; None where it tells of less than two of them."""
        there = [k for k, name in enumerate(self.camera_ids) if name in clocks and self._has(k, stamps)]
        if len(there) < 2 or there[0] != 0:
            return None
        names = tuple(self.camera_ids[k] for k in there)
        thought_ns = np.array([
            clocks[name].frames_ns(stamps[name][0])[self.positions[k]] for k, name in zip(there, names, strict=True)
        ])  # fmt: skip
        late_s = (self.rig_ns[there] - thought_ns) * 1e-9
        covariance = self.covariance[np.ix_(there, there)]
        return ClockEvidence("board", names, (thought_ns - base_ns) * 1e-9, late_s, None, covariance)

    def clocks(
        self, clocks: Mapping[str, ClockModel], stamps: Mapping[str, tuple[Times, Times]]
    ) -> dict[str, ClockModel]:
        """Clocks of which nothing else is known: right at the board's frame, at the rate that the device has."""
        found = {}
        for k, name in enumerate(self.camera_ids):
            if not self._has(k, stamps):
                continue
            at_ns = int(stamps[name][0][self.positions[k]])
            offset_ns, sigma_ns = int(self.rig_ns[k]) - at_ns, 1e9 * float(np.sqrt(self.covariance[k, k]))
            first_ns = int(stamps[name][0][0])
            piece = ClockPiece(0, first_ns, offset_ns, 0.0, at_ns, sigma_ns, QUARTZ_PPM)
            found[name] = ClockModel(offset_ns, 0.0, at_ns, pieces=(piece,), excluded=clocks[name].excluded)
        return found

    def _has(self, k: int, stamps: Mapping[str, tuple[Times, Times]]) -> bool:
        """Whether the recording has the frame of the k-th camera."""
        name = self.camera_ids[k]
        return name in stamps and 0 <= int(self.positions[k]) < len(stamps[name][0])


def board_clocks(
    clocks: Mapping[str, ClockModel], device_ns: Mapping[str, Times], camera_ids: tuple[str, ...], at_ns: int,
    covariance: np.ndarray,
) -> BoardClocks:  # fmt: skip
    """What a board told, from clocks that it has put right.

    Args:
        clocks: right at `at_ns`.
        device_ns: by camera, (t,) stamps in stored order.
        camera_ids: those of which it told, first the one that the others were compared with.
        at_ns: rig time, amid those at which the board was seen.
        covariance: (c, c) of the clocks there, s^2, 0 for the first.
    """
    positions, rig_ns = [], []
    for name in camera_ids:
        times_ns = clocks[name].frames_ns(device_ns[name])
        good = np.flatnonzero(~clocks[name].excluded_mask(len(times_ns)))
        position = int(good[np.argmin(np.abs(times_ns[good] - at_ns))])
        positions.append(position)
        rig_ns.append(int(times_ns[position]))
    return BoardClocks(camera_ids, np.array(positions), np.array(rig_ns), covariance)


def board_clocks_to_json(told: BoardClocks) -> bytes:
    """The text of board_clocks.json."""
    return canonical_json(
        {
            "cameras": list(told.camera_ids),
            "position": told.positions.tolist(),
            "rig_ns": told.rig_ns.tolist(),
            "covariance_s2": told.covariance.tolist(),
        }
    )


def read_board_clocks(path: Path) -> BoardClocks | None:
    """What a board told; None where the file is missing.

    Raises:
        InputError: the file is damaged.
    """
    if not path.exists():
        return None
    try:
        value = json.loads(path.read_bytes())
        names = tuple(map(str, value["cameras"]))
        told = BoardClocks(
            names, np.array(value["position"], np.int64), np.array(value["rig_ns"], np.int64),
            np.array(value["covariance_s2"], np.float64),
        )  # fmt: skip
        if told.positions.shape != told.rig_ns.shape or told.covariance.shape != (len(names), len(names)):
            raise ValueError("its lists are of different lengths")
    except (ValueError, TypeError, KeyError) as error:
        raise InputError("what a board told of the clocks cannot be read", where=str(path), why=str(error)) from error
    return told
