"""From a rehearsed play to a performance: puppets that move, tools that follow hands, acts in rig time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np

from ...capture.geometry import SE3
from .anny_body import body_shape, draw_phenotype
from .clothing import dress
from .motion import Motion, Puppet
from .people import Person
from .performance import Act, Phase, PictureBook
from .players import Player
from .props import Held, Lies, Prop
from .script import Stage
from .timeline import EASE, Gesture, Tempo
from .tools import ToolTrack

STERILE_ROLES = ("head_surgeon", "assistant_surgeon", "scrub_nurse")
SPARE_S = 1.0
PALM_OFF_M = 0.03


def motions(stage: Stage, tempo: Tempo, haste: float, seed: int) -> dict[str, Motion]:
    """What everybody but the patient does, by name, in the time in which motions are composed.

    Args:
        stage: after the rehearsal.
        tempo: from its time to the time in which motions are composed.
        haste: how many times as fast they will be played.
        seed: bodies follow from it.
    """
    props, found = {prop.name: prop for prop in stage.props}, {}
    for number, player in enumerate(stage.players, start=1):
        shape = body_shape(draw_phenotype(np.random.default_rng([seed, 11, number])))
        raised = 1.0 if player.role in STERILE_ROLES else 0.0
        lasts_s = stage.seconds * haste + SPARE_S
        puppet = Puppet(shape, lasts_s, player.start_m, player.start_heading_rad, raised)
        lead(puppet, player, tempo, props)
        found[player.name] = puppet.finish()
    return found


def people(stage: Stage, moving: Mapping[str, Motion], haste: float, seed: int, book: PictureBook) -> dict[str, Person]:
    """Everybody but the patient, by name, dressed; `book` takes the pictures of the clothes."""
    cast = {}
    for number, player in enumerate(stage.players, start=1):
        motion = moving[player.name]
        clothing = dress(motion.shape, player.role, np.random.default_rng([seed, 15, number]), book)
        played = motion if haste == 1.0 else Hastened(motion, haste)
        cast[player.name] = Person(player.name, player.role, number, motion.shape, clothing, played)
    return cast


class Hastened(Motion):
    """A motion that is played faster than it was composed, all of it alike.

    Args:
        motion: as it was composed.
        haste: how many times as fast.
    """

    def __init__(self, motion: Motion, haste: float) -> None:
        self.shape, self.grid_s = motion.shape, motion.grid_s / haste
        self._composed, self._haste = motion, haste

    def root_m(self, time_s: float) -> np.ndarray:
        """(2,) the point of the floor below the hips of the upright body."""
        return self._composed.root_m(time_s * self._haste)

    def heading_rad(self, time_s: float) -> float:
        """Where he faces, unwrapped."""
        return self._composed.heading_rad(time_s * self._haste)

    def bones(self, time_s: float) -> np.ndarray:
        """(b, 3, 4) world_from_model of each bone."""
        return self._composed.bones(time_s * self._haste)

    def moves(self, begin_s: float, end_s: float) -> bool:
        """Whether any bone moves between two moments."""
        return self._composed.moves(begin_s * self._haste, end_s * self._haste)


def lead(puppet: Puppet, player: Player, tempo: Tempo, props: Mapping[str, Prop]) -> None:
    """Have a puppet do all that was rehearsed."""
    for walk in player.walks:
        begin_s, end_s = tempo(walk.begin_s), tempo(walk.end_s)
        if walk.length_m < 0.02:
            puppet.turn(begin_s, walk.heading_rad, end_s - begin_s)
        else:
            speed_m_s = walk.length_m / (EASE * max(end_s - begin_s, 1e-3))
            puppet.walk(begin_s, list(walk.path_m[1:]), speed_m_s, walk.heading_rad, walk.facing_rad)
    for gesture in player.gestures:
        begin_s, arrives_s = tempo(gesture.begin_s), tempo(gesture.arrives_s)
        prop = props.get(gesture.tool)
        tip_m = (
            None if prop is None or prop.shape.tip_m is None else prop.grip(gesture.side).inverse() @ prop.shape.tip_m
        )
        target = aim(gesture, tempo, PALM_OFF_M if gesture.tool and tip_m is None else 0.0)
        puppet.reach(begin_s, tempo(gesture.leaves_s), gesture.side, target, arrives_s - begin_s, tip_m)
    for posture in player.postures:
        begin_s, end_s = tempo(posture.begin_s), tempo(posture.end_s)
        if posture.target_m is not None:
            puppet.look(begin_s, end_s, posture.target_m)
        if posture.angle_rad:
            puppet.lean(begin_s, end_s, posture.angle_rad)


def aim(gesture: Gesture, tempo: Tempo, above_m: float) -> Callable[[float], np.ndarray] | np.ndarray:
    """Where a gesture brings palm or tip at a moment of rig time, (3,) metres; a point if it rests there."""
    begin_s, end_s = tempo(gesture.arrives_s), tempo(gesture.leaves_s)
    path_m = gesture.path_m + np.array([0.0, 0.0, above_m])
    follows = gesture.follows
    if follows is not None:
        return lambda time_s: follows(tempo.back(time_s)) @ path_m[0]
    leg_m = np.linalg.norm(np.diff(path_m, axis=0), axis=1)
    along_m = np.concatenate([[0.0], np.cumsum(leg_m)])
    if along_m[-1] < 1e-6 and not gesture.strike_m:
        return path_m[0]
    back = -np.array(gesture.approach) * gesture.strike_m

    def target_m(time_s: float) -> np.ndarray:
        clock_s = float(np.clip(time_s, begin_s, end_s)) - begin_s
        if gesture.rate_hz:
            swept = 1 - abs(1 - 2 * (clock_s * gesture.rate_hz % 1.0))
        else:
            swept = clock_s / max(end_s - begin_s, 1e-6)
        at_m = np.array([np.interp(swept * along_m[-1], along_m, path_m[:, axis]) for axis in range(3)])
        return at_m + back * abs(np.sin(np.pi * gesture.rate_hz * clock_s)) if gesture.strike_m else at_m

    return target_m


class HastenedTrack(ToolTrack):
    """A tool's track that is played faster than it was composed."""

    def __init__(self, composed: ToolTrack, haste: float) -> None:
        super().__init__(composed.grip)
        self._composed, self._haste = composed, haste

    def pose(self, time_s: float) -> SE3:
        """world_from_tool."""
        return self._composed.pose(time_s * self._haste)

    def moves(self, begin_s: float, end_s: float) -> bool:
        """Whether it may move between two moments."""
        return self._composed.moves(begin_s * self._haste, end_s * self._haste)


def track(prop: Prop, tempo: Tempo, moving: Mapping[str, Motion], haste: float) -> ToolTrack:
    """Where a tool is: where it lies, or with the hand that holds it."""
    result = ToolTrack(prop.shape.grip)
    for event in prop.events:
        begin_s = tempo(event.begin_s) if np.isfinite(event.begin_s) else 0.0
        if isinstance(event, Lies):
            result.rest(begin_s, event.pose)
        elif isinstance(event, Held):
            result.held(begin_s, _hand(moving[event.player], event.side), prop.grip(event.side).inverse())
    return result if haste == 1.0 else HastenedTrack(result, haste)


def _hand(motion: Motion, side: str) -> Callable[[float], SE3]:
    return lambda time_s: motion.hand(time_s, side)


def acts(stage: Stage, tempo: Tempo, seconds: float) -> tuple[Act, ...]:
    """All that is performed, in rig time, in order; what is still held at the end is held until then."""
    held = [
        (player.name, "holding", prop.name, prop.since_s, stage.length_s)
        for player in stage.players
        for prop in player.holds.values()
    ]
    lying = [
        ("patient", "lying_on", on, *np.clip([begin_s, end_s], 0.0, stage.length_s))
        for on, begin_s, end_s in stage.lies_on_s()
    ]
    found = [
        Act(subject, predicate, thing, tempo(begin_s), min(tempo(end_s), seconds))
        for subject, predicate, thing, begin_s, end_s in [*stage.acts, *held, *lying]
    ]
    found = [act for act in found if act.begin_s < act.end_s]
    return tuple(sorted(found, key=lambda act: (act.begin_s, act.subject, act.predicate, act.object)))


def phases(stage: Stage, tempo: Tempo, seconds: float) -> tuple[Phase, ...]:
    """The phases in rig time; the last one lasts until the end."""
    begins_s = [tempo(begin_s) for _, begin_s in stage.phases] + [seconds]
    found = [
        Phase(name, begin_s, min(end_s, seconds))
        for (name, _), (begin_s, end_s) in zip(stage.phases, pairwise(begins_s), strict=True)
    ]
    return tuple(phase for phase in found if phase.begin_s < phase.end_s)


def exists(stage: Stage, tempo: Tempo) -> dict[str, tuple[float, float]]:
    """Who or what is not there all the time, and when it is."""
    spans = {player.name: player.present_s for player in stage.players} | stage.exists
    return {
        name: (_rig_s(begin_s, tempo), _rig_s(end_s, tempo))
        for name, (begin_s, end_s) in spans.items()
        if np.isfinite(begin_s) or np.isfinite(end_s)
    }


def _rig_s(time_s: float, tempo: Tempo) -> float:
    return tempo(time_s) if np.isfinite(time_s) else time_s
