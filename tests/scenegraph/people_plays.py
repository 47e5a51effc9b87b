"""Scenes of people with joints and tools, written down instant by instant."""

from collections.abc import Sequence

import numpy as np
from ortwin.reconstruction.skeleton import JOINT
from ortwin.reconstruction.state import OrientedBox
from ortwin.scenegraph.graph_builder import GraphBuilder, GraphConfig
from ortwin.scenegraph.pair_features import PairFeatures
from ortwin.scenegraph.pair_measuring import compute_pair_features
from ortwin.scenegraph.predicate import ENTER_SCORE, EXIT_SCORE, measuring_function
from ortwin.scenegraph.scene_window import Entity, SceneWindow, ToolPath
from ortwin.scenegraph.vocabulary import PREDICATES

STEP_NS = 100_000_000
TABLE = OrientedBox(np.array([0.0, 0.0, 0.45]), np.eye(3), np.array([2.0, 0.6, 0.9]))
KNEE_M = np.array([0.3, 0.0, 1.05])
FOREARM_M, PALM_M = 0.25, 0.35 * 0.25


def skeleton(place_m, heading_rad, hands_m=None, lying=False) -> np.ndarray:
    """(17, 3) somebody at a place (2,), facing a heading; `hands_m` (2, 3) where the palms are, left and right."""
    forward = np.array([np.cos(heading_rad), np.sin(heading_rad), 0.0])
    left, up = np.array([-forward[1], forward[0], 0.0]), np.array([0.0, 0.0, 1.0])
    hips_m, trunk = np.array([*place_m, 0.97]), forward if lying else up
    joints_m = np.full((17, 3), hips_m + 0.6 * trunk)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        shoulder_m = hips_m + 0.5 * trunk + sign * 0.2 * left
        palm_m = hips_m + sign * 0.3 * left if hands_m is None else np.asarray(hands_m[0 if sign > 0 else 1])
        toward = (palm_m - shoulder_m) / np.linalg.norm(palm_m - shoulder_m)
        joints_m[JOINT[f"{side}_hip"]], joints_m[JOINT[f"{side}_shoulder"]] = hips_m + sign * 0.12 * left, shoulder_m
        joints_m[JOINT[f"{side}_wrist"]] = palm_m - PALM_M * toward
        joints_m[JOINT[f"{side}_elbow"]] = palm_m - (PALM_M + FOREARM_M) * toward
    return joints_m


def surgeon(hands_m: Sequence, place_m=(0.3, -0.5), both: bool = False) -> np.ndarray:
    """(T, 17, 3) somebody who stands at the table; `hands_m` (T, 3) is the right palm, the left one hangs or helps."""
    idle_m, beside_m = np.array([place_m[0] - 0.4, place_m[1] - 0.3, 0.9]), np.array([0.04, 0.0, 0.0])
    lefts_m = [hand_m - beside_m if both else idle_m for hand_m in np.asarray(hands_m)]
    pairs = zip(lefts_m, np.asarray(hands_m), strict=True)
    return np.stack([skeleton(place_m, np.pi / 2, pair) for pair in pairs])


def patient(num: int) -> np.ndarray:
    """(T, 17, 3) somebody who lies on the table, with a surface at the knee (see Play)."""
    return np.stack([skeleton((0.0, 0.0), 0.0, lying=True)] * num)


class Play:
    """A scene: joints (T, 17, 3) by name; tools by name as (label, (T, 3) places, tip (3,)); fixtures by label."""

    def __init__(self, people: dict, tools: dict | None = None, boxes: dict | None = None, seen: dict | None = None):
        self.people, self.tools = people, tools or {}
        self.boxes, self.seen = {"operating_table": TABLE} if boxes is None else boxes, seen or {}

    def window(self, turn: np.ndarray | None = None, shift_m: Sequence[float] = (0, 0, 0)) -> SceneWindow:
        """The scene in a world that is turned about the vertical and shifted."""
        turn, offset_m = np.eye(3) if turn is None else turn, np.asarray(shift_m, dtype=np.float64)
        names, num_people = [*self.people, *self.tools], len(self.people)
        entities = (
            *(Entity(name, "patient" if name == "patient" else "person", "track") for name in self.people),
            *(Entity(name, label, "track") for name, (label, _, _) in self.tools.items()),
            *(Entity(label, label, "fixture") for label in self.boxes),
        )
        cube = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * 0.02
        clouds = {name: np.asarray(joints) for name, joints in self.people.items()}
        if "patient" in clouds:
            clouds["patient"] = np.concatenate([clouds["patient"], np.tile(KNEE_M, (len(clouds["patient"]), 1, 1))], 1)
        clouds |= {name: np.asarray(places)[:, None] + cube for name, (_, places, _) in self.tools.items()}
        clouds = {name: cloud @ turn.T + offset_m for name, cloud in clouds.items()}
        num = len(clouds[names[0]])
        center_m, extent_m = (np.full((num, len(entities), 3), np.nan) for _ in range(2))
        observed = np.ones((num, len(entities)), dtype=bool)
        for column, name in enumerate(names):
            low_m, high_m = np.nanmin(clouds[name], axis=1), np.nanmax(clouds[name], axis=1)
            center_m[:, column], extent_m[:, column] = (low_m + high_m) / 2, high_m - low_m
            observed[:, column] = self.seen.get(name, True)
        paths = [
            ToolPath(np.broadcast_to(turn, (num, 3, 3)), np.asarray(places) @ turn.T + offset_m, np.full(3, -0.02),
                     np.full(3, 0.02), tip_m)
            for _, places, tip_m in self.tools.values()
        ]  # fmt: skip
        boxes = [OrientedBox(turn @ b.center_m + offset_m, turn @ b.rotation, b.extent_m) for b in self.boxes.values()]
        return SceneWindow(
            np.arange(num, dtype=np.int64) * STEP_NS, entities, center_m, extent_m, np.zeros_like(center_m),
            np.zeros(observed.shape), np.isfinite(center_m[..., 0]), observed,
            {len(names) + place: box for place, box in enumerate(boxes)}, {},
            lambda time, entity: (cloud := clouds[names[entity]][time])[np.isfinite(cloud).all(axis=1)],
            {place: np.asarray(joints) @ turn.T + offset_m for place, joints in enumerate(self.people.values())},
            {num_people + place: path for place, path in enumerate(paths)},
        )  # fmt: skip

    def features(self, turn: np.ndarray | None = None, shift_m: Sequence[float] = (0, 0, 0)) -> PairFeatures:
        """Its measures."""
        return compute_pair_features(self.window(turn, shift_m))

    def told(self, predicate: str) -> list[tuple]:
        """(subject, object, first instant, end, state) of each interval of a predicate."""
        builder = GraphBuilder(GraphConfig(), STEP_NS)
        builder.push(self.features())
        return [
            (row.subject_id, row.object_id, row.begin_ns // STEP_NS, row.end_ns // STEP_NS, str(row.state))
            for row in builder.finish()
            if row.predicate == predicate
        ]


def score_of(features: PairFeatures, name: str, subject: str, other: str) -> np.ndarray:
    """(T,) scores of a pair."""
    ids = [entity.node_id for entity in features.entities]
    pairs = zip(features.subject_index.tolist(), features.object_index.tolist(), strict=True)
    column = [(ids[a], ids[b]) for a, b in pairs].index((subject, other))
    return measuring_function(PREDICATES[name])(features)[0][:, column]


def enters(score: np.ndarray) -> list[bool]:
    return (score >= ENTER_SCORE).tolist()


def leaves(score: np.ndarray) -> list[bool]:
    return (score < EXIT_SCORE).tolist()


def still(point_m, num: int) -> np.ndarray:
    return np.tile(np.asarray(point_m, dtype=np.float64), (num, 1))


def busy(point_m, num: int) -> np.ndarray:
    """(T, 3) a hand that sweeps 8 cm to and fro, once in 0.8 s."""
    swing = 0.04 * np.sin(2 * np.pi * np.arange(num) / 8)
    return still(point_m, num) + swing[:, None] * np.array([1.0, 0.0, 0.0])


TIP_M = np.array([0.0, 0.1, 0.0])


def at_work(label: str, num: int = 20, **more) -> Play:
    """Somebody whose tool is at the knee of the patient all the time."""
    grip = busy(KNEE_M - TIP_M, num)
    return Play({"patient": patient(num), "person_1": surgeon(grip), **more}, {f"{label}_1": (label, grip, TIP_M)})
