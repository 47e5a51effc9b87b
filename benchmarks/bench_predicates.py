"""What it costs to tell relations from states, and how right they are with the true states of simulated operations in.

    python benchmarks/bench_predicates.py                              the cost; adds `predicates` to latest.json
    python benchmarks/bench_predicates.py score FOLDER SEED...         the scores, over all scenarios

The cost is that of a scene of 15 entities: six people and a patient, three tools, four fixtures and a zone, over 2,000
instants: by the wall clock on all cores that this process may use (`instants_per_s` on `cores`), and per CPU second of
one core (`instants_per_cpu_s`, `measured_` and `told_`). Surfaces are there before the clock starts, in 32 bits as a
build has them, and so is compiled code: the CPU seconds of a first window of 20 instants are told apart.

The scores are those of scenario and seed at 60 s and 10 instants a second with four cameras; truths are kept in FOLDER
and used again. Each is scored as it is, once more with one camera blind for all but the first 5 s, and with all
thresholds shifted by 20 %, in two ways:

* `ours`: the graph's thresholds are shifted, those of the truth stay. It says how robust acts are, which the truth
  takes from the script. What a threshold defines must move with it: gaps of 0.40 m and of 0.48 m are other relations.
* `both`: the truth is that of a page with the same numbers shifted. It says whether what a threshold defines is found
  at any threshold, and not only at those that were looked at.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np
from ortwin.capture.errors import ConfigError
from ortwin.evaluation.relations import Count, RelationScores
from ortwin.evaluation.state_showing import (
    Graph,
    calibration_error,
    graph_of,
    pooled,
    score_graph,
    share_turned_false,
    sureness,
    turned_false,
)
from ortwin.evaluation.true_states import true_features
from ortwin.evaluation.truth import RelationTruth, Truth, read_truth
from ortwin.reconstruction.skeleton import JOINT
from ortwin.reconstruction.state import OrientedBox, Zone
from ortwin.reconstruction.threads import num_usable_threads
from ortwin.scenegraph.graph import TruthState
from ortwin.scenegraph.graph_builder import GraphBuilder, GraphConfig
from ortwin.scenegraph.pair_measuring import compute_pair_features
from ortwin.scenegraph.scene_window import Entity, SceneWindow, ToolPath

LATEST = Path(__file__).with_name("latest.json")
SCENARIOS = ("knee_replacement", "pedicle_screw", "turnover", "busy")
FACTORS = (1.0, 0.8, 1.2)
COLUMNS = ("as is", "ours 0.8", "ours 1.2", "both 0.8", "both 1.2")
INSTANTS, SEED, STEP_NS = 2000, 20_261_126, 100_000_000
#: As many points as a build with 2.5 cm voxels has of somebody whom cameras see from all sides, and of a tool.
POINTS_OF_PERSON, POINTS_OF_TOOL = 1500, 100
BLIND_FROM_NS = 5_000_000_000


def cost() -> dict[str, float]:
    """Instants per second: measuring states, and telling relations from the measures."""
    cold = time.process_time()
    compute_pair_features(walking_scene(20))
    first_window_s = time.process_time() - cold
    window = walking_scene(INSTANTS)
    begun_wall, begun = time.perf_counter(), time.process_time()
    features = compute_pair_features(window)
    measured = time.process_time()
    builder = GraphBuilder(GraphConfig(), STEP_NS)
    builder.push(features)
    rows = builder.finish()
    told, told_wall = time.process_time(), time.perf_counter()
    return {
        "entities": len(window.entities), "pairs": features.num_pairs, "predicates": len(builder.measured),
        "intervals": len(rows), "cores": num_usable_threads(),
        "instants_per_s": round(INSTANTS / (told_wall - begun_wall)),
        "instants_per_cpu_s": round(INSTANTS / (told - begun)),
        "measured_instants_per_cpu_s": round(INSTANTS / (measured - begun)),
        "told_instants_per_cpu_s": round(INSTANTS / (told - measured)),
        "first_window_cpu_s": round(first_window_s, 2),
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
    surfaces_m = [
        [(skin_m * extent_m[time, n] + center_m[time, n]).astype(np.float32) for n, skin_m in enumerate(skins_m)]
        for time in range(count)
    ]
    outline_m = np.array([[-4, -4], [4, -4], [4, 4], [-4, 4.0]])
    return SceneWindow(
        np.arange(count, dtype=np.int64) * STEP_NS, entities, center_m, extent_m, np.zeros_like(center_m),
        np.zeros(center_m.shape[:2]), np.isfinite(center_m[..., 0]), seen,
        {moving + place: box for place, box in enumerate(boxes.values())},
        {moving + len(boxes): Zone("room", outline_m)},
        lambda time, entity: surfaces_m[time][entity],
        bodies={n: joints_m[:, n] for n in range(len(people))},
        tools=paths,
    )  # fmt: skip


def _skin(rng: np.random.Generator, count: int) -> np.ndarray:
    """(n, 3) points on an upright tube of height and width 1 about the origin, rough by 2 %."""
    turn_rad, height = rng.uniform(0, 2 * np.pi, count), rng.uniform(-0.48, 0.48, count)
    skin = np.stack([0.48 * np.cos(turn_rad), 0.48 * np.sin(turn_rad), height], axis=1)
    return skin + rng.uniform(-0.02, 0.02, skin.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """The truth of a scenario and seed, and its relations with thresholds shifted, by factor."""

    name: str
    truth: Truth
    shifted: Mapping[float, tuple[RelationTruth, ...]]


def cases(folder: Path, seeds: list[int]) -> Iterator[Case]:
    """All scenarios and seeds, played where they are missing; a play that finds no way is said and left."""
    for seed in seeds:
        for scenario in SCENARIOS:
            name = f"{scenario}_{seed}_60"
            path = folder / name
            if not (path / "truth").exists():
                try:
                    _play(path, scenario, seed)
                except ConfigError as error:
                    print(f"{name}: {error.what}")
                    continue
            shifted = {
                factor: tuple(RelationTruth(*row) for row in json.loads((path / f"at_{factor}.json").read_text()))
                for factor in FACTORS[1:]
            }
            yield Case(name, read_truth(path / "truth"), shifted)


def _play(path: Path, scenario: str, seed: int) -> None:
    """Write the truth of a play, and its relations with thresholds shifted."""
    from ortwin.datasets.simulated_or.measurements import THRESHOLDS_M
    from ortwin.datasets.simulated_or.relation_rules import Limits
    from ortwin.datasets.simulated_or.simulation_config import SimulationConfig
    from ortwin.datasets.simulated_or.true_relations import true_relations
    from ortwin.datasets.simulated_or.truth_tables import write_truth
    from ortwin.datasets.simulated_or.world import draw_world
    from ortwin.evaluation.truth_writer import TruthWriter

    world = draw_world(seed, SimulationConfig(scenario=scenario, seconds=60.0, num_cameras=4))
    clocks = {camera: clock.model for camera, clock in world.schedule.clocks.items()}
    unfinished = path / "unfinished"
    with TruthWriter(unfinished) as writer:
        watched = write_truth(
            writer, world.performance, world.rig, clocks, world.times_ns, schedule=world.schedule,
            sensors=world.sensors, thresholds_m=[factor * gap_m for factor in FACTORS for gap_m in THRESHOLDS_M],
        )  # fmt: skip
    for factor in FACTORS[1:]:
        rows = true_relations(
            watched.measured, watched.sights, world.performance.room.zones, world.performance.acts,
            Limits().scaled(factor),
        )  # fmt: skip
        (path / f"at_{factor}.json").write_text(json.dumps([astuple(row) for row in rows]), encoding="utf-8")
    unfinished.rename(path / "truth")


class Scores:
    """The counts of all cases."""

    def __init__(self) -> None:
        self.counts: dict[str, list[Mapping[str, Count]]] = {column: [] for column in COLUMNS}
        self.sure: list[tuple[np.ndarray, np.ndarray]] = []
        self.lost: list[str] = []
        self.lost_share: list[float] = []
        self.num_claims = 0
        self.unknown: list[tuple[float, int]] = []

    def add(self, case: Case) -> None:
        """Score a case in every way."""
        features = true_features(case.truth)
        seen = graph_of(features)
        plain = self._count("as is", seen, case.truth)
        for factor in FACTORS[1:]:
            graph = graph_of(features, factor)
            self._count(f"ours {factor}", graph, case.truth)
            self._count(f"both {factor}", graph, replace(case.truth, relations=case.shifted[factor]))
        self.sure.append(sureness(seen, case.truth))
        if plain is not None and plain.unknown_recall is not None:
            self.unknown.append((plain.unknown_recall, plain.num_unknown))
        blinded = graph_of(true_features(case.truth, _blind, like=features))
        self.lost += [f"{case.name}: {row}" for row in turned_false(seen, blinded)]
        self.lost_share.append(share_turned_false(seen, blinded))
        self.num_claims += sum(row.state == TruthState.TRUE for row in seen.intervals)
        if plain is not None:
            print(f"{case.name}: unknown recall {plain.unknown_recall} of {plain.num_unknown}", flush=True)

    def _count(self, column: str, graph: Graph, truth: Truth) -> RelationScores | None:
        scored = score_graph(graph, truth)
        if scored is not None:
            self.counts[column].append(scored.intervals_by_predicate)
        return scored

    def show(self) -> None:
        """Print them."""
        by_column = {column: pooled(rows) for column, rows in self.counts.items()}
        print(f"{'':14s} {'  '.join(f'{column:8s}' for column in COLUMNS)}")
        for predicate, plain in by_column["as is"].items():
            cells = [found[predicate].f1 if predicate in found else None for found in by_column.values()]
            shown = "  ".join("-       " if f1 is None else f"{f1:.3f}   " for f1 in cells)
            print(f"{predicate:14s} {shown}  of {plain.right + plain.missed}")
        scores, right = (np.concatenate(parts) for parts in zip(*self.sure, strict=True))
        print(f"calibration error {calibration_error(scores, right)}, {len(scores)} instants")
        num_unknown = sum(number for _, number in self.unknown)
        recall = sum(share * number for share, number in self.unknown) / max(num_unknown, 1)
        print(f"unknown recall {recall:.4f} of {num_unknown} instants")
        print(f"blinded: {len(self.lost)} of {self.num_claims} intervals turned false", *self.lost, sep="\n    ")
        print(f"blinded: {max(self.lost_share):.5f} of the true time of a play turned false, at most")


def _blind(camera: str, time_ns: int) -> bool:
    return camera == "cam_1" and time_ns > BLIND_FROM_NS


def score(folder: Path, seeds: list[int]) -> None:
    """Print the scores of scenarios and seeds."""
    scores = Scores()
    for case in cases(folder, seeds):
        scores.add(case)
    scores.show()


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
