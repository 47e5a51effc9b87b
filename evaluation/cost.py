"""What a twin cost to build: processor time per camera frame, and peak memory, as the build wrote them down.

    name.twin/log/cost.json    {"num_camera_frames": n, "cpu_s": {stage: seconds}, "peak_memory_bytes": n or null}

The log is outside the hashes of the twin and may be missing; then the cost is absent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ..capture.errors import InputError
from .rows import CostLog

COST_LOG = Path("log") / "cost.json"


@dataclass(frozen=True, slots=True)
class CostScores:
    """The cost of a build.

    Args:
        cpu_ms_per_frame: milliseconds of processor time, all threads added up, per camera frame.
        by_stage_ms: the same by stage.
        peak_memory_mb: largest resident set, MB of 10^6 bytes; None where it was not written down.
        num_camera_frames: frames of all cameras.
    """

    cpu_ms_per_frame: float
    by_stage_ms: dict[str, float]
    peak_memory_mb: float | None
    num_camera_frames: int


def read_cost_log(twin: Path) -> CostLog | None:
    """The cost log of a twin, or None.

    Raises:
        InputError: it is there and cannot be read.
    """
    path = twin / COST_LOG
    if not path.exists():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        peak = value.get("peak_memory_bytes")
        cpu_s = {str(stage): float(seconds) for stage, seconds in value["cpu_s"].items()}
        return CostLog(int(value["num_camera_frames"]), cpu_s, None if peak is None else int(peak))
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise InputError("the cost log cannot be read", where=str(path), why=repr(error)) from error


def score_cost(log: CostLog) -> CostScores | None:
    """The cost per camera frame; None where no frame was read."""
    if log.num_camera_frames <= 0:
        return None
    by_stage_ms = {stage: 1000 * seconds / log.num_camera_frames for stage, seconds in log.cpu_s.items()}
    peak_mb = None if log.peak_memory_bytes is None else log.peak_memory_bytes / 1e6
    return CostScores(sum(by_stage_ms.values()), by_stage_ms, peak_mb, log.num_camera_frames)
