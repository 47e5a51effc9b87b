"""Are the time stamps plausible: their unit, order, rate, and whether the cameras ran together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..clock_faults import ClockFinding
from ..clock_file import read_clocks
from ..host_delay import told_delays_ms
from ..host_report import ClockReport, host_report
from ..storage import StoredRecording
from .finding import Finding, Severity

FASTEST_S, SLOWEST_S = 1 / 240, 10.0
RATE_OFF = 0.2
MANY_LOST = 0.05
MOST_TOLD = 3
LONG_PAUSE_S = 1.0


def check_times(recording: StoredRecording) -> Iterator[Finding]:
    """Look at the time stamps of every camera, as the rig's clock gives them, and at what broke in its own."""
    stamps = {name: (recording.device_ns(name), recording.host_ns(name)) for name in recording.cameras}
    heard = host_report({name: pair for name, pair in stamps.items() if len(pair[0])})
    broken = heard.findings
    yield from _clock(recording, "", [finding for finding in broken if not finding.camera_id])
    spans: dict[str, tuple[int, int]] = {}
    for name in recording.cameras:
        times_ns = recording.timestamps_ns(name)
        if len(times_ns) < 2:
            yield Finding(
                "times",
                Severity.WARNING,
                f"the camera has {len(times_ns)} frames",
                f"camera {name}",
                todo="check that it was recorded",
            )
            continue
        spans[name] = int(times_ns.min()), int(times_ns.max())
        own = [finding for finding in broken if finding.camera_id == name]
        findings = list(_stamps(recording, name, times_ns, own))
        step_s = float(np.median(np.diff(np.unique(times_ns)))) * 1e-9 if len(np.unique(times_ns)) > 1 else 0.0
        words = f"{len(times_ns)} frames at {1 / step_s:.3g} Hz" if step_s > 0 else f"{len(times_ns)} frames"
        yield from findings or [Finding("times", Severity.GOOD, words, f"camera {name}")]
    yield from _together(spans)
    yield from _delays(recording, heard)


def _stamps(
    recording: StoredRecording, name: str, times_ns: np.ndarray, broken: Sequence[ClockFinding]
) -> Iterator[Finding]:
    where, steps = f"camera {name}", np.diff(times_ns)
    step_s = float(np.median(steps[steps > 0])) * 1e-9 if (steps > 0).any() else 0.0
    if not FASTEST_S <= step_s <= SLOWEST_S:
        yield Finding(
            "times",
            Severity.FAULT,
            f"the frames are {step_s:.3g} s apart",
            where,
            "time stamps are in another unit than nanoseconds" if step_s else "all time stamps are equal",
            "give device_ns and host_ns in nanoseconds (seconds x 1e9, microseconds x 1000), and import again",
        )
        return
    yield from _clock(recording, name, broken)
    rate_hz = 1 / step_s
    if abs(rate_hz / recording.fps - 1) > RATE_OFF:
        yield Finding(
            "times",
            Severity.WARNING,
            f"the frames come at {rate_hz:.3g} Hz and the recording says {recording.fps:.3g}",
            where,
            "the frame rate given at import was another one, or every other frame was lost",
            "compare with the settings of the camera",
        )
    rounded = np.rint(steps * 1e-9 / step_s)
    lost = float(np.maximum(rounded - 1, 0).sum())
    share = lost / max(lost + len(times_ns), 1)
    if share > MANY_LOST:
        yield Finding(
            "times",
            Severity.WARNING,
            f"{share:.0%} of the frames are missing",
            where,
            "the cable, the hub or the disk was too slow",
            "use one USB controller a camera, a shorter cable, a faster disk",
        )
    elif missing := sum(finding.count for finding in broken if finding.kind in ("gap", "drops")):
        gaps = sum(finding.kind == "gap" for finding in broken)
        yield Finding(
            "times",
            Severity.ADVICE,
            f"{missing} frames are missing of {missing + len(times_ns)}, in {gaps} gaps and one by one",
            where,
            "the cable, the hub or the disk was too slow at times",
            f"ortwin sync {recording.path} --dry-run lists them",
        )
    longest = int(np.argmax(steps))
    if steps[longest] * 1e-9 > max(LONG_PAUSE_S, 3 * step_s):
        at_s = (int(times_ns[longest]) - recording.span_ns[0]) * 1e-9
        yield Finding(
            "times",
            Severity.WARNING,
            f"the camera was silent for {steps[longest] * 1e-9:.1f} s",
            f"{where}, {at_s:.1f} s after the start",
            "it was unplugged, or the recording program stopped",
            "nothing is known of this stretch from this camera",
        )


def _clock(recording: StoredRecording, name: str, broken: Sequence[ClockFinding]) -> Iterator[Finding]:
    """False stamps, jumps and restarts; of a clock that `ortwin sync` has put right, they are advice."""
    stored, where = read_clocks(recording.path / "clocks.json"), f"camera {name}" if name else ""
    right = bool(stored) if not name else name in stored and bool(stored[name].pieces or stored[name].excluded)
    severity = Severity.ADVICE if right else Severity.WARNING
    todo = "nothing: clocks.json takes it into account" if right else f"ortwin sync {recording.path}"
    count = {kind: sum(finding.kind == kind for finding in broken) for kind in ("backward", "duplicate", "runaway")}
    if any(count.values()):
        what = f"{count['backward']} time stamps run backwards and {count['duplicate']} are double"
        what += f", {count['runaway']} lie far ahead" if count["runaway"] else ""
        why = "the recording program wrote frames twice or out of order; these frames are in no instant"
        yield Finding("times", severity, what, where, why, todo)
    turns = [finding for finding in broken if finding.kind in ("jump", "restart", "host_step")]
    for finding in turns[:MOST_TOLD]:
        why = "a person or a time server set it" if finding.kind == "host_step" else "the camera lost power or was set"
        yield Finding("times", severity, finding.told(), where, why, todo)
    if len(turns) > MOST_TOLD:
        what = f"its clock broke {len(turns) - MOST_TOLD} more times"
        yield Finding("times", severity, what, where, "a loose plug, or too little power", todo)
    if any(finding.kind == "unknown" for finding in broken):
        yield Finding(
            "times",
            Severity.WARNING,
            "its clock began anew, and nothing says how long the camera was away",
            where,
            "there are no time stamps of the host",
            f"ortwin sync {recording.path} --from content, and record host time stamps next time",
        )


def _delays(recording: StoredRecording, heard: ClockReport) -> Iterator[Finding]:
    """What is known of the constant part of the way to the host, where clocks go by it."""
    if not heard.unknown_delay:
        return
    device_ns = {name: recording.device_ns(name) for name in heard.clocks}
    told_ms = told_delays_ms(read_clocks(recording.path / "clocks.json"), heard.clocks, device_ns)
    if told_ms is not None:
        apart = ", ".join(f"{name} {delay_ms:+.1f} ms" for name, delay_ms in told_ms.items())
        yield Finding("times", Severity.GOOD, f"clocks.json knows how long frames need to the host: {apart}")
        return
    yield Finding(
        "times",
        Severity.ADVICE,
        "the clocks go by stamps of the host, which do not show how long a frame needs to it at least",
        why="where cables, models or exposures differ, their clocks may be some 10 ms apart; no stamp tells it",
        todo=f"wave a board: ortwin calibrate {recording.path} --board board.toml --clocks; or ortwin sync "
        f"{recording.path} --from both",
    )


def _together(spans: dict[str, tuple[int, int]]) -> Iterator[Finding]:
    if len(spans) < 2:
        return
    start_ns = min(span[0] for span in spans.values())
    begin_ns, end_ns = max(span[0] for span in spans.values()), min(span[1] for span in spans.values())
    longest_s = max(span[1] - span[0] for span in spans.values()) * 1e-9
    if begin_ns >= end_ns:
        yield Finding(
            "times",
            Severity.FAULT,
            "the cameras never ran at the same time, says their clock",
            ", ".join(f"{name} from {(span[0] - start_ns) * 1e-9:.0f} s" for name, span in spans.items()),
            "each camera counts from its own start, and nobody said how the clocks stand to each other",
            "record host time stamps too, or find the offsets with `ortwin sync --from content`",
        )
    elif (end_ns - begin_ns) * 1e-9 < 0.5 * longest_s:
        yield Finding(
            "times",
            Severity.WARNING,
            f"all cameras together ran for {(end_ns - begin_ns) * 1e-9:.0f} s of {longest_s:.0f} s",
            why="a camera was started late or stopped early",
            todo="expect blind spots in the rest",
        )
