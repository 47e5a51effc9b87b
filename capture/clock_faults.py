"""What breaks in the stamps of a camera: doubled, backward and runaway stamps, restarts, jumps, gaps and drops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import Times

LOOK_AHEAD = 4
REGULAR = 0.3
GAP_STEPS = 3.5
KINDS = ("duplicate", "backward", "runaway", "jump", "restart", "gap", "drops", "host_step", "unknown")
WORDS = {
    "duplicate": "a stamp came twice", "backward": "a stamp ran backward", "runaway": "a stamp ran away",
    "jump": "the clock jumped", "restart": "the device started anew", "gap": "frames are missing",
    "drops": "single frames are missing", "host_step": "the clock of the host was set",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClockFinding:
    """Something that is wrong with the stamps of a camera, and what was done about it.

    Args:
        camera_id: whose; empty where it is the host's clock.
        kind: one of KINDS.
        position: frame position, in stored order, that shows it first; -1 where it is no single frame.
        time_ns: stamp of the frame before it, device clock; host time for a step of the host's clock.
        size_ns: by how much a clock jumped, or how long a gap lasts; 0 where that has no meaning.
        count: how many frames it concerns.
        done: what was done, in words.
    """

    camera_id: str
    kind: str
    position: int
    time_ns: int
    size_ns: int
    count: int
    done: str

    def told(self) -> str:
        """What happened, where and how much, without the camera and what was done."""
        place = "" if self.position < 0 else f" at frame position {self.position}"
        size = f" by {self.size_ns * 1e-9:+.4f} s" if self.kind in ("jump", "host_step", "restart") else ""
        size = f" for {self.size_ns * 1e-9:.2f} s" if self.kind == "gap" else size
        return f"{WORDS.get(self.kind, self.kind)}{place}{size}" + (f" ({self.count} frames)" if self.count > 1 else "")


@dataclass(frozen=True, slots=True, eq=False)
class ScreenedStamps:
    """The stamps of a camera, told apart.

    Args:
        kept: (k,) int64 positions whose stamps can be true; between restarts they increase.
        restarts: positions, among the kept, at which the device counts from an earlier time and goes on from there.
        interval_ns: the usual time between two frames.
        findings: the false stamps.
    """

    kept: np.ndarray
    restarts: tuple[int, ...]
    interval_ns: float
    findings: tuple[ClockFinding, ...]


def screen_stamps(camera_id: str, device_ns: Times) -> ScreenedStamps:
    """Tell false stamps from a clock that was set back.

    A stamp that does not increase is false where those after it go on from the one before it; where they go on from it,
    the device started anew or was set back.

    Args:
        camera_id: whose stamps.
        device_ns: (t,) int64, in stored order.
    """
    steps = np.diff(device_ns)
    interval_ns = float(np.median(steps[steps > 0])) if (steps > 0).any() else 1e9
    kept, restarts, findings = [0] if len(device_ns) else [], [], []
    last = int(device_ns[0]) if len(device_ns) else 0
    for position in range(1, len(device_ns)):
        here, ahead = int(device_ns[position]), device_ns[position + 1 : position + 1 + LOOK_AHEAD]
        if here > last:
            if not _runs_away(here, last, ahead, interval_ns):
                kept.append(position)
                last = here
                continue
            kind = "runaway"
        elif here < last and _goes_on(here, last, ahead, interval_ns):
            kept.append(position)
            restarts.append(position)
            last = here
            continue
        else:
            kind = "duplicate" if here == last else "backward"
        findings.append(ClockFinding(camera_id, kind, position, last, here - last, 1, "left out of every instant"))
    return ScreenedStamps(np.array(kept, dtype=np.int64), tuple(restarts), interval_ns, tuple(findings))


def _runs_away(here: int, last: int, ahead: Times, interval_ns: float) -> bool:
    """Whether a stamp lies far ahead and those after it go on from the one before it."""
    if len(ahead) < LOOK_AHEAD or here - last < GAP_STEPS * interval_ns:
        return False
    return bool((ahead < here).all() and (ahead > last).all() and ahead[0] - last < GAP_STEPS * interval_ns)


def _goes_on(here: int, last: int, ahead: Times, interval_ns: float) -> bool:
    """Whether the stamps after one that went back go on from it."""
    if len(ahead) < 2:
        return False
    if int((ahead <= last).sum()) >= 2:
        return True
    steps = np.diff(np.concatenate([[here], ahead[:2]]))
    return bool((np.abs(steps - interval_ns) < REGULAR * interval_ns).all())


def silences(
    camera_id: str, device_ns: Times, kept: np.ndarray, breaks: set[int], interval_ns: float
) -> list[ClockFinding]:
    """Gaps of a camera, and all its single drops as one finding.

    Args:
        camera_id: whose.
        device_ns: (t,) stamps in stored order.
        kept: (k,) positions of true stamps.
        breaks: positions at which the clock jumped, whose steps say nothing about frames.
        interval_ns: the usual time between two frames.
    """
    found, lost = [], 0
    steps = np.diff(device_ns[kept])
    for number in np.flatnonzero(steps > 1.5 * interval_ns).tolist():
        position, step_ns = int(kept[number + 1]), int(steps[number])
        between = position - int(kept[number]) - 1
        missing = round(step_ns / interval_ns) - 1 - between
        if position in breaks or missing < 1:
            continue
        if step_ns > GAP_STEPS * interval_ns:
            at_ns = int(device_ns[kept[number]])
            found.append(
                ClockFinding(camera_id, "gap", position, at_ns, step_ns, missing, "nothing is put in its place")
            )
        else:
            lost += missing
    if lost:
        found.append(ClockFinding(camera_id, "drops", -1, 0, 0, lost, "absent from their instants"))
    return found
