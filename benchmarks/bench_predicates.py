"""What it costs to tell relations from states, and how right they are with the true states of simulated operations in.

    python benchmarks/bench_predicates.py                              the cost; adds `predicates` to latest.json
    python benchmarks/bench_predicates.py score FOLDER SEED...         the scores, over all scenarios

The cost is that of a scene of 15 entities: six people and a patient, three tools, four fixtures and a zone, over 2,000
instants, in CPU seconds of one core. The scores are those of scenario and seed at 60 s and 10 instants a second with
four cameras; truths are kept in FOLDER and used again. Each is scored as it is, with thresholds shifted by 20 %, and
once more with one camera blind for all but the first 5 s.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ortwin.evaluation.state_showing import (
    calibration_error,
    graph_of,
    pooled,
    score_graph,
    sureness,
    turned_false,
)
from ortwin.evaluation.true_states import true_features
from ortwin.evaluation.truth import Truth, read_truth
from ortwin.reconstruction.skeleton import JOINT
from ortwin.reconstruction.state import OrientedBox, Zone
from ortwin.scenegraph.graph_builder import GraphBuilder, GraphConfig
from ortwin.scenegraph.pair_measuring import compute_pair_features
from ortwin.scenegraph.scene_window import Entity, SceneWindow, ToolPath

LATEST = Path(__file__).with_name("latest.json")
SCENARIOS = ("knee_replacement", "pedicle_screw", "turnover", "busy")
FACTORS = (1.0, 0.8, 1.2)
INSTANTS, SEED, STEP_NS = 2000, 20_261_126, 100_000_000
#: As many points as a build with 2.5 cm voxels has of somebody whom cameras see from all sides, and of a tool.
POINTS_OF_PERSON, POINTS_OF_TOOL = 1500, 100
BLIND_FROM_NS = 5_000_000_000


def cost() -> dict[str, float]:
    """Instants per CPU second: measuring states, and telling relations from the measures."""
    window = walking_scene(INSTANTS)
    begun = time.process_time()
    features = compute_pair_features(window)
    measured = time.process_time()
    builder = GraphBuilder(GraphConfig(), STEP_NS)
    builder.push(features)
    rows = builder.finish()
    told = time.process_time()
    return {
        "entities": len(window.entities), "pairs": features.num_pairs, "predicates": len(builder.measured),
        "intervals": len(rows), "measured_instants_per_s": round(INSTANTS / (measured - begun)),
        "told_instants_per_s": round(INSTANTS / (told - measured)),
        "instants_per_s": round(INSTANTS / (told - begun)),
    }  # fmt: skip


def walking_scene(count: int) -> SceneWindow:
    """Six people about a patient, three with tools, each unseen now and then; surfaces of points that may touch."""
    rng = np.random.default_rng(SEED)
    people = ["patient", *(f"person_{number}" for number in range(1, 7))]
    tools = ["saw_1", "drill_1", "cloth_1"]
    boxes = {
        label: OrientedBox(np.array([x, y, 0.45]), np.eye(3), np.array([1.8, 0.6, 0.9]))
        for label, x, y in (("operating_table", 0, 0), ("instrument_table", -2, -2), ("secondary_table", 2, -2),
                            ("anesthesia_equipment", 2, 2))
    }  # fmt: skip
    entities = (
        *(Entity(name, "patient" if name == "patient" else "person", "track") for name in people),
        *(Entity(name, name[:-2], "track") for name in tools),
        *(Entity(label, label, "fixture") for label in boxes),
        Entity("room", "zone", "zone"),
    )
    seconds = np.arange(count)[:, None] * STEP_NS * 1e-9
    place_rad = np.arange(len(people)) * 2 * np.pi / 6
    turn_rad = rng.uniform(0, 6.28, len(people)) + seconds * rng.uniform(0.2, 0.8, len(people))
    walk_m = np.stack(
        [1.1 * np.cos(place_rad) + 0.3 * np.cos(turn_rad), 1.1 * np.sin(place_rad) + 0.3 * np.sin(turn_rad)], axis=-1
    )
    walk_m[:, 0] = 0.0
    joints_m = np.zeros((count, len(people), len(JOINT), 3))
    joints_m[..., :2] = walk_m[:, :, None] + rng.uniform(-0.25, 0.25, (len(JOINT), 2))
    joints_m[..., 2] = np.linspace(1.7, 0.1, len(JOINT))
    joints_m[:, 0, :, 2] = 1.0
    hand = JOINT["right_wrist"]
    center_m, extent_m = (np.full((count, len(entities), 3), np.nan) for _ in range(2))
    center_m[:, : len(people), :2], center_m[:, : len(people), 2] = walk_m, 0.85
    extent_m[:, : len(people)] = (0.5, 0.5, 1.7)
    center_m[:, 0, 2], extent_m[:, 0] = 1.05, (1.7, 0.5, 0.3)
    paths = {}
    for place, _ in enumerate(tools):
        path_m = joints_m[:, 1 + place, hand]
        number = len(people) + place
        center_m[:, number], extent_m[:, number] = path_m, 0.1
        rotation = np.broadcast_to(np.eye(3), (count, 3, 3))
        paths[number] = ToolPath(rotation, path_m, np.full(3, -0.05), np.full(3, 0.05), np.array([0.15, 0, 0]))
    moving = len(people) + len(tools)
    skins_m = [_skin(rng, POINTS_OF_PERSON if place < len(people) else POINTS_OF_TOOL) for place in range(moving)]
    seen = np.sin(seconds * rng.uniform(0.2, 0.6, len(entities)) + rng.uniform(0, 6.28, len(entities))) > -0.95
    outline_m = np.array([[-4, -4], [4, -4], [4, 4], [-4, 4.0]])
    return SceneWindow(
        np.arange(count, dtype=np.int64) * STEP_NS, entities, center_m, extent_m, np.zeros_like(center_m),
        np.zeros(center_m.shape[:2]), np.isfinite(center_m[..., 0]), seen,
        {moving + place: box for place, box in enumerate(boxes.values())},
        {moving + len(boxes): Zone("room", outline_m)},
        lambda time, entity: skins_m[entity] * extent_m[time, entity] + center_m[time, entity],
        bodies={n: joints_m[:, n] for n in range(len(people))},
        tools=paths,
    )  # fmt: skip


def _skin(rng: np.random.Generator, count: int) -> np.ndarray:
    """(n, 3) points on an upright tube of height and width 1 about the origin, rough by 2 %."""
    turn_rad, height = rng.uniform(0, 2 * np.pi, count), rng.uniform(-0.48, 0.48, count)
    skin = np.stack([0.48 * np.cos(turn_rad), 0.48 * np.sin(turn_rad), height], axis=1)
    return skin + rng.uniform(-0.02, 0.02, skin.shape)


def truths(folder: Path, seeds: list[int]) -> Iterator[tuple[str, Truth]]:
    """The truths of all scenarios and seeds, made where they are missing; a play that finds no way is said and left."""
    from ortwin.capture.errors import ConfigError
    from ortwin.datasets.simulated_or.simulation_config import SimulationConfig
    from ortwin.datasets.simulated_or.truth_tables import write_truth
    from ortwin.datasets.simulated_or.world import draw_world
    from ortwin.evaluation.truth_writer import TruthWriter

    for seed in seeds:
        for scenario in SCENARIOS:
            name = f"{scenario}_{seed}_60"
            path = folder / name / "truth"
            if not path.exists():
                try:
                    world = draw_world(seed, SimulationConfig(scenario=scenario, seconds=60.0, num_cameras=4))
                except ConfigError as error:
                    print(f"{name}: {error.what}")
                    continue
                clocks = {camera: clock.model for camera, clock in world.schedule.clocks.items()}
                unfinished = path.with_name("unfinished")
                with TruthWriter(unfinished) as writer:
                    write_truth(
                        writer, world.performance, world.rig, clocks, world.times_ns, schedule=world.schedule,
                        sensors=world.sensors,
                    )  # fmt: skip
                unfinished.rename(path)
            yield name, read_truth(path)


def score(folder: Path, seeds: list[int]) -> None:
    """Print the scores of scenarios and seeds."""
    counts: dict[float, list] = {factor: [] for factor in FACTORS}
    sure, lost, num_claims, unknown = [], [], 0, []
    for name, truth in truths(folder, seeds):
        features = true_features(truth)
        graphs = {factor: graph_of(features, factor) for factor in FACTORS}
        scores = {factor: score_graph(graph, truth) for factor, graph in graphs.items()}
        for factor, scored in scores.items():
            if scored is not None:
                counts[factor].append(scored.intervals_by_predicate)
        seen, plain = graphs[1.0], scores[1.0]
        sure.append(sureness(seen, truth))
        unknown.append(plain.unknown_recall if plain else None)
        blinded = graph_of(true_features(truth, lambda camera, time_ns: camera == "cam_1" and time_ns > BLIND_FROM_NS))
        lost += [f"{name}: {row}" for row in turned_false(seen, blinded)]
        num_claims += len(seen.intervals)
        print(f"{name}: unknown recall {unknown[-1]}", flush=True)
    by_factor = {factor: pooled(rows) for factor, rows in counts.items()}
    for predicate in by_factor[1.0]:
        cells = [
            f"{by_factor[factor][predicate].f1 or 0.0:.3f}" if predicate in by_factor[factor] else "-"
            for factor in FACTORS
        ]
        print(f"{predicate:14s} {'  '.join(cells)}  of {by_factor[1.0][predicate].to_json()['support']}")
    scores_all, right_all = (np.concatenate(parts) for parts in zip(*sure, strict=True))
    print(f"calibration error {calibration_error(scores_all, right_all)}, {len(scores_all)} instants")
    print(f"blinded: {len(lost)} of {num_claims} intervals turned false", *lost, sep="\n    ")


def main() -> None:
    """The cost, or with `score` the scores."""
    if sys.argv[1:2] == ["score"]:
        score(Path(sys.argv[2]), [int(seed) for seed in sys.argv[3:]])
        return
    found = cost()
    print(json.dumps(found, indent=2))
    latest = json.loads(LATEST.read_text(encoding="utf-8")) if LATEST.exists() else {}
    LATEST.write_text(json.dumps({**latest, "predicates": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
