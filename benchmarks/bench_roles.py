"""How well people get their roles from what they do, with every name hidden: simulated operations, true relations in.

    python benchmarks/bench_roles.py                                     # the seeds that docs/phases.md reports
    python benchmarks/bench_roles.py --scenario turnover --seed 8104

Nothing is rendered; half a minute for each operation on a quiet core.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from ortwin.datasets.simulated_or.simulation_config import SimulationConfig
from ortwin.datasets.simulated_or.truth_tables import write_truth
from ortwin.datasets.simulated_or.world import draw_world
from ortwin.evaluation.truth import Truth, read_truth
from ortwin.evaluation.truth_as_scene import truth_timeline
from ortwin.evaluation.truth_writer import TruthWriter
from ortwin.scenegraph.procedure import CLEAR
from ortwin.scenegraph.roles import load_role_rules, roles_of_recording
from ortwin.scenegraph.timeline import SceneGraphTimeline

REPORTED = (("knee_replacement", 8101), ("knee_replacement", 8102), ("pedicle_screw", 8103), ("turnover", 8104))
SECONDS, STEP_NS = 30.0, 500_000_000


def main() -> None:
    """Print who was given which role, and the shares, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario")
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    chosen = REPORTED if options.scenario is None else ((options.scenario, options.seed or 0),)
    rows = [row for scenario, seed in chosen for row in people_of(scenario, seed)]
    clear = [row for row in rows if row["confidence"] >= CLEAR]
    right = [sum(row["true"] == row["given"] for row in part) for part in (rows, clear)]
    print(json.dumps({"people": rows, "right": right[0], "of": len(rows), "clear_right": right[1],
                      "clear": len(clear)}, indent=1))  # fmt: skip


def people_of(scenario: str, seed: int) -> list[dict[str, Any]]:
    """The people of an operation, by what they are and what they are given."""
    truth = truth_of(scenario, seed)
    line = truth_timeline(truth)
    nameless = SceneGraphTimeline(tuple(replace(node, role="") for node in line.nodes), line.intervals)
    given = roles_of_recording(nameless, None, load_role_rules("team"), period_ns=STEP_NS)
    return [
        {
            "operation": f"{scenario} {seed}", "person": name, "true": (truth.people or {})[name].role,
            "given": role.role, "confidence": round(role.confidence, 3),
        }
        for name, role in given.items()
    ]  # fmt: skip


def truth_of(scenario: str, seed: int) -> Truth:
    """The truth of an operation of half a minute, two instants a second."""
    world = draw_world(seed, SimulationConfig(scenario=scenario, seconds=SECONDS, num_cameras=4))
    times_ns = np.arange(round(SECONDS * 1e9 / STEP_NS)) * STEP_NS
    clocks = {name: clock.model for name, clock in world.schedule.clocks.items()}
    with tempfile.TemporaryDirectory() as folder:
        with TruthWriter(Path(folder)) as writer:
            write_truth(writer, world.performance, world.rig, clocks, times_ns, bodies=False)
        return read_truth(Path(folder))


if __name__ == "__main__":
    main()
