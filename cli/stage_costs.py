"""What a build costs, stage by stage, kept in the twin's log: a resumed build adds to what was spent before."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path


class StageCosts:
    """Takes the place of a progress, passes it on, and notes the processor time of each stage.

    Args:
        tell: the progress that wants to know.
    """

    def __init__(self, tell: Callable[[str, int, int], None]) -> None:
        self._tell = tell
        self._stage, self._since_s = "", time.process_time()
        self.cpu_s: dict[str, float] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Tell how far a stage is."""
        if stage != self._stage:
            self.close()
            self._stage = stage
        self._tell(stage, done, total)

    def close(self) -> None:
        """The stage that is under way has ended."""
        now_s = time.process_time()
        if self._stage:
            self.cpu_s[self._stage] = self.cpu_s.get(self._stage, 0.0) + now_s - self._since_s
        self._stage, self._since_s = "", now_s

    def write(self, twin: Path, num_camera_frames: int) -> None:
        """Add to the log of a twin; nothing is written where nothing was done."""
        self.close()
        if not self.cpu_s:
            return
        from ..evaluation.cost import COST_LOG

        path = twin / COST_LOG
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
            spent, peak = dict(before["cpu_s"]), before["peak_memory_bytes"] or 0
        except (OSError, ValueError, KeyError, TypeError):
            spent, peak = {}, 0
        for stage, seconds in self.cpu_s.items():
            spent[stage] = round(spent.get(stage, 0.0) + seconds, 3)
        peak = max(peak, _peak_memory_bytes() or 0) or None
        value = {"num_camera_frames": num_camera_frames, "cpu_s": spent, "peak_memory_bytes": peak}
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def _peak_memory_bytes() -> int | None:
    try:
        import resource
    except ImportError:  # not on this system
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
