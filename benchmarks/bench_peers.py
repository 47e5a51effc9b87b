"""Our identity metrics beside maintained references, on random tracks: IDF1, MOTA, switches and HOTA.

    make bench-peers

The references (TrackEval, py-motmetrics) live in an environment of their own, build/peers; the two sides exchange JSON
files and share no code. Writes benchmarks/peers.json with the versions and every figure, and fails where a figure that
has one definition differs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from ortwin.evaluation.hota import score_hota
from ortwin.evaluation.identities import Encounters, ground_encounters, pair_instants, score_identities

SEED = 47
NUM_CASES = 40
GATE_M = 0.5
TOLERANCE = 1e-9
ASKED = Path(__file__).with_name("peers_score_tracks.py")
RESULT = Path(__file__).with_name("peers.json")
# TrackEval's CLEAR keeps only pairs of the very instant before, and takes the closest pairs rather than the most; so
# its MOTA is shown beside ours and not asked to be equal.
SAME = (("motmetrics", "mota"), ("motmetrics", "idf1"), ("motmetrics", "num_switches"), ("trackeval", "idf1"),
        ("trackeval", "hota"), ("trackeval", "det_a"), ("trackeval", "ass_a"), ("trackeval", "loc_a"))  # fmt: skip


def main() -> None:
    python = Path(sys.argv[1])
    cases = [random_case(np.random.default_rng([SEED, number])) for number in range(NUM_CASES)]
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "cases.json", Path(folder) / "scores.json"
        asked.write_text(json.dumps([to_json(case) for case in cases]))
        subprocess.run([python, ASKED, asked, answered], check=True)
        peers = json.loads(answered.read_text())
    rows = [{"ortwin": ours(case), **theirs} for case, theirs in zip(cases, peers["cases"], strict=True)]
    differences = {
        f"{peer}.{name}": max(abs(row["ortwin"][name] - row[peer][name]) for row in rows)
        for peer in peers["versions"]
        for name in rows[0][peer]
    }
    document = {"versions": peers["versions"], "seed": SEED, "largest_difference": differences, "cases": rows}
    RESULT.write_text(json.dumps(document, indent=1) + "\n")
    for name, value in differences.items():
        print(f"{name:28} largest difference in {NUM_CASES} cases {value:.3g}")
    wrong = [f"{peer}.{name}" for peer, name in SAME if not differences[f"{peer}.{name}"] <= TOLERANCE]
    if wrong:
        sys.exit(f"differs from the reference: {', '.join(wrong)}")


def random_case(rng: np.random.Generator) -> Encounters:
    """Walks in a room, followed with noise, gaps, swapped and broken identities, and ghosts."""
    num, num_instants = int(rng.integers(2, 8)), int(rng.integers(20, 80))
    true_m = rng.uniform(-2, 2, (num, 1, 3)) + np.cumsum(rng.normal(0, 0.06, (num, num_instants, 3)), axis=1)
    claimed_m = true_m + rng.normal(0, rng.uniform(0.02, 0.3), true_m.shape)
    claimed_m[rng.random(claimed_m.shape[:2]) < rng.uniform(0, 0.3)] = np.nan
    true_m[rng.random(true_m.shape[:2]) < 0.05] = np.nan
    for _ in range(int(rng.integers(0, 5))):
        first, second, begin = rng.integers(0, num), rng.integers(0, num), rng.integers(1, num_instants)
        claimed_m[[first, second], begin:] = claimed_m[[second, first], begin:].copy()
    broken = np.full_like(claimed_m[:1], np.nan)
    begin = int(rng.integers(1, num_instants))
    broken[0, begin:], claimed_m[0, begin:] = claimed_m[0, begin:].copy(), np.nan
    ghosts = rng.uniform(-3, 3, (int(rng.integers(0, 3)), 1, 3)) + np.zeros((1, num_instants, 1))
    return ground_encounters(true_m, np.concatenate([claimed_m, broken, ghosts]))


def ours(case: Encounters) -> dict[str, float]:
    """Our figures of one case."""
    identities = score_identities(case, pair_instants(case, GATE_M), GATE_M)
    hota = score_hota(case)
    assert hota is not None
    assert identities.mota is not None
    assert identities.idf1 is not None
    return {
        "mota": identities.mota, "idf1": identities.idf1, "num_switches": identities.num_switches,
        "hota": hota.hota, "det_a": hota.det_a, "ass_a": hota.ass_a, "loc_a": hota.loc_a,
    }  # fmt: skip


def to_json(case: Encounters) -> dict[str, Any]:
    """A case as the references read it."""
    return {
        "num_true": case.num_true, "num_claimed": case.num_claimed, "gate": GATE_M,
        "true": [rows.tolist() for rows in case.true], "claimed": [columns.tolist() for columns in case.claimed],
        "distance": [distance.tolist() for distance in case.distance],
    }  # fmt: skip


if __name__ == "__main__":
    main()
