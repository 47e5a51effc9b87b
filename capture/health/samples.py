"""Which frames a check looks at, and pictures that stand still."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..storage import StoredRecording
from .finding import Finding, Severity

FROZEN_S = 1.0
FEWEST_FROZEN = 4


def sample_positions(length: int, count: int) -> Sequence[int]:
    """Up to `count` frame positions, spread evenly between the first and the last."""
    if not length:
        return []
    return np.unique(np.linspace(0, length - 1, min(count, length) + 2)[1:-1].round().astype(int)).tolist()


def frozen_runs(recording: StoredRecording, name: str, stream: str) -> list[Finding]:
    """Stretches in which a camera gave the very same image again and again, which a living sensor never does."""
    sums = recording.checksums(name, stream)
    times_ns = recording.timestamps_ns(name)
    same = np.concatenate([[False], (sums[1:] == sums[:-1]) & (sums[1:] >= 0), [False]])
    edges = np.flatnonzero(same[1:] != same[:-1])
    findings: list[Finding] = []
    kind = "depth" if stream == "depth" else "colour"
    for begin, end in edges.reshape(-1, 2).tolist():
        seconds = (int(times_ns[end]) - int(times_ns[begin])) * 1e-9
        if end - begin + 1 < FEWEST_FROZEN or seconds < FROZEN_S:
            continue
        at_s = (int(times_ns[begin]) - recording.span_ns[0]) * 1e-9
        findings.append(
            Finding(
                kind,
                Severity.WARNING,
                f"the same {kind} image {end - begin + 1} times, for {seconds:.1f} s",
                f"camera {name}, {at_s:.1f} s after the start",
                "the camera hung while its time went on",
                "do not trust this stretch; check the cable and the hub of this camera",
            )
        )
    return findings
