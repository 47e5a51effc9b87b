"""However many threads measure and tell, the measures and the relations are the same to the last bit."""

from dataclasses import fields

import numpy as np
import pytest
from ortwin.reconstruction import threads
from ortwin.reconstruction.skeleton import JOINT
from ortwin.reconstruction.state import OrientedBox, Zone
from ortwin.scenegraph import pair_measuring
from ortwin.scenegraph.graph_builder import GraphBuilder, GraphConfig
from ortwin.scenegraph.pair_features import PairFeatures
from ortwin.scenegraph.pair_measuring import compute_pair_features
from ortwin.scenegraph.scene_window import Entity, SceneWindow, ToolPath

STEP_NS = 100_000_000
INSTANTS = 300


@pytest.fixture
def window() -> SceneWindow:
    """A patient and two people about a table, with two tools, each unseen now and then; clouds cross each other."""
    rng = np.random.default_rng(20_261_127)
    entities = (
        Entity("patient", "patient", "track"),
        Entity("person_1", "person", "track"),
        Entity("person_2", "person", "track"),
        Entity("saw_1", "saw", "track"),
        Entity("cloth_1", "cloth", "track"),
        Entity("operating_table", "operating_table", "fixture"),
        Entity("room", "zone", "zone"),
    )
    turn_rad = np.arange(INSTANTS)[:, None] * 0.04 + np.array([0.0, 1.0, 4.0])
    place_m = np.stack([np.cos(turn_rad) * 0.7, np.sin(turn_rad) * 0.7, np.full(turn_rad.shape, 0.9)], axis=-1)
    place_m[:, 0] = (0.0, 0.0, 1.0)
    joints_m = place_m[:, :, None] + rng.uniform(-0.3, 0.3, (len(JOINT), 3))
    center_m, extent_m = np.full((INSTANTS, 7, 3), np.nan), np.full((INSTANTS, 7, 3), 0.8)
    center_m[:, :3], center_m[:, 3:5] = place_m, joints_m[:, 1:, JOINT["right_wrist"]]
    skins_m = [rng.uniform(-0.4, 0.4, (count, 3)) for count in (200, 150, 90, 30, 5)]
    seen = rng.random((INSTANTS, 7)) > 0.1
    turns = np.broadcast_to(np.eye(3), (INSTANTS, 3, 3))
    box = OrientedBox(np.array([0.0, 0, 0.5]), np.eye(3), np.array([1.6, 0.6, 0.9]))
    return SceneWindow(
        np.arange(INSTANTS, dtype=np.int64) * STEP_NS, entities, center_m, extent_m, np.zeros((INSTANTS, 7, 3)),
        np.full((INSTANTS, 7), 0.005), np.isfinite(center_m[..., 0]), seen, {5: box},
        {6: Zone("room", np.array([[-0.5, -2], [2, -2], [2, 2], [-0.5, 2.0]]))},
        lambda time, entity: skins_m[entity] + center_m[time, entity],
        bodies={number: joints_m[:, number] for number in range(3)},
        tools={
            number: ToolPath(turns, center_m[:, number], np.full(3, -0.05), np.full(3, 0.05), np.array([0.1, 0, 0]))
            for number in (3, 4)
        },
        context=(3, 5),
    )  # fmt: skip


def every_measure(features: PairFeatures) -> dict[str, bytes]:
    found = {item.name: getattr(features, item.name) for item in fields(features)}
    arrays = {name: array for name, array in found.items() if isinstance(array, np.ndarray)}
    arrays |= {f"{name}.{key}": array for name in ("work_m", "could_be_m") for key, array in found[name].items()}
    return {name: array.tobytes() for name, array in arrays.items()}


def test_one_thread_and_many_measure_and_tell_the_same(window, monkeypatch):
    ways = []
    for num_threads in (1, 2, 5):
        for module in (threads, pair_measuring):
            monkeypatch.setattr(module, "num_usable_threads", lambda count=num_threads: count)
        features = compute_pair_features(window)
        builder = GraphBuilder(GraphConfig(), STEP_NS)
        builder.push(features)
        ways.append((every_measure(features), [repr(row) for row in builder.finish()]))
    (measures, rows), *others = ways
    assert len(rows) > 100
    for other_measures, other_rows in others:
        assert [name for name in measures if measures[name] != other_measures[name]] == []
        assert rows == other_rows
