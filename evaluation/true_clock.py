"""The true clock of a camera that jumped, in pieces, from its line and its jumps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..capture.clock import ClockModel, ClockPiece


def clock_with_jumps(clock: ClockModel, jumps: Sequence[Mapping[str, Any]]) -> ClockModel:
    """A clock whose stamps are later by `jump_ns` from a frame on.

    Args:
        clock: the clock before all jumps, one line.
        jumps: entries of `clock_jumps` in truth/faults.json: `jump_ns`, and `position` and `device_ns` of the first
            frame after it. Those after which nothing was recorded change nothing, nor do those without a position.
    """
    pieces = [_piece(clock, 0, 0, clock.reference_ns)]
    total_ns = 0
    for jump in sorted(jumps, key=lambda jump: int(jump["rig_ns"])):
        total_ns += int(jump["jump_ns"])
        position = int(jump.get("position", -1))
        if position < 0:
            continue
        if position <= pieces[-1].from_position:  # no frame between two jumps, or none before the first
            pieces.pop()
        pieces.append(_piece(clock, total_ns, position, int(jump["device_ns"])))
    if pieces == [_piece(clock, 0, 0, clock.reference_ns)]:
        return clock
    return ClockModel(clock.offset_ns, clock.drift_ppm, clock.reference_ns, clock.residual_ns, tuple(pieces))


def _piece(clock: ClockModel, jumped_ns: int, position: int, device_ns: int) -> ClockPiece:
    return ClockPiece(position, device_ns, clock.offset_ns - jumped_ns, clock.drift_ppm, clock.reference_ns + jumped_ns)
