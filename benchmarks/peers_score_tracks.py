"""Scores tracks with TrackEval and py-motmetrics; runs in an environment of its own (see bench_peers.py).

python peers_score_tracks.py CASES.json SCORES.json
"""

from __future__ import annotations

import json
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import motmetrics  # pyright: ignore[reportMissingImports]
import numpy as np
import trackeval  # pyright: ignore[reportMissingImports]


def main() -> None:
    cases = json.loads(Path(sys.argv[1]).read_text())
    versions = {name: metadata.version(name) for name in ("motmetrics", "trackeval")}
    scores = [{"motmetrics": with_motmetrics(case), "trackeval": with_trackeval(case)} for case in cases]
    Path(sys.argv[2]).write_text(json.dumps({"versions": versions, "cases": scores}))


def matrices(case: dict[str, Any]) -> list[np.ndarray]:
    """Distances per instant, shaped also where nobody is there."""
    return [
        np.array(distance, dtype=float).reshape(len(true), len(claimed))
        for true, claimed, distance in zip(case["true"], case["claimed"], case["distance"], strict=True)
    ]


def with_motmetrics(case: dict[str, Any]) -> dict[str, float]:
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for true, claimed, distance in zip(case["true"], case["claimed"], matrices(case), strict=True):
        accumulator.update(true, claimed, np.where(distance <= case["gate"], distance, np.nan))
    names = {"mota": "mota", "idf1": "idf1", "num_switches": "num_switches"}
    row = motmetrics.metrics.create().compute(accumulator, metrics=list(names.values())).iloc[0]
    return {ours: float(row[theirs]) for ours, theirs in names.items()}


def with_trackeval(case: dict[str, Any]) -> dict[str, float]:
    distances = matrices(case)
    data = {
        "num_timesteps": len(distances),
        "num_gt_ids": case["num_true"],
        "num_tracker_ids": case["num_claimed"],
        "num_gt_dets": sum(map(len, case["true"])),
        "num_tracker_dets": sum(map(len, case["claimed"])),
        "gt_ids": [np.array(ids, dtype=int) for ids in case["true"]],
        "tracker_ids": [np.array(ids, dtype=int) for ids in case["claimed"]],
        "similarity_scores": [np.maximum(0.0, 1 - distance) for distance in distances],
    }
    config = {"THRESHOLD": 1 - case["gate"], "PRINT_CONFIG": False}
    hota = trackeval.metrics.HOTA().eval_sequence(data)
    identity = trackeval.metrics.Identity(config).eval_sequence(data)
    clear = trackeval.metrics.CLEAR(config).eval_sequence(data)
    names = {"hota": "HOTA", "det_a": "DetA", "ass_a": "AssA", "loc_a": "LocA"}
    means = {ours: float(np.mean(hota[theirs])) for ours, theirs in names.items()}
    return {
        **means, "idf1": float(identity["IDF1"]), "mota": float(clear["MOTA"]), "num_switches": float(clear["IDSW"]),
    }  # fmt: skip


if __name__ == "__main__":
    main()
