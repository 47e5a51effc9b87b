"""The stage on which a scenario is rehearsed: who is there, where things lie, who may walk where and when.

A scenario is a page of sentences such as `nurse.hands(drill, to=surgeon)`. Each sentence is put on the time line of
those who act in it, as soon as all of them are free; so people act side by side, and wait for each other where they act
together. Nothing moves here: the rehearsal ends as lists of walks, gestures and acts, which performing.py plays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np

from ...capture.geometry import SE3
from . import transfer
from .journey import Journey, Slide
from .layout import Layout
from .limbs import Limbs
from .players import Player
from .props import Prop
from .room import OperatingRoom
from .routes import BODY_RADIUS_M, Blocked, Floor, heading_to
from .timeline import EASE, Walk, too_near, where_m
from .tools import ToolShape
from .wheeling import Trip, Way, find_way

WALK_M_S = 1.15
SHORTEST_WALK_S, TURN_S = 0.9, 0.7
PATIENCE_S = 14.0
SIDE_STEP_M = 0.12
STEP_S = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """What is operated on: named points on the patient (3,), metres, world, and the unit direction along the body."""

    points_m: Mapping[str, np.ndarray]
    along: np.ndarray = field(default_factory=lambda: np.array([1.0, 0.0, 0.0]))


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where somebody stands, (2,) metres, and where she faces."""

    place_m: np.ndarray
    heading_rad: float


class Stage:
    """Everything that a rehearsal knows.

    Args:
        room: what stands.
        places: named standing places, (2,) metres and heading.
        table_m: centre of the mattress top (3,), its length and its width.
        patient: what is operated on, or None in an empty room.
        shape_of: the shape of a tool by its name.
        floor: the floor of the room, which may serve many rehearsals.
        pace: how fast people walk and reach; 1 is brisk.
        seconds: length of the recording that the play is for, so that a script can say how often it repeats itself.
        rng: the source of all choices.
    """

    def __init__(
        self, room: OperatingRoom, places: Mapping[str, tuple[np.ndarray, float]],
        table_m: tuple[np.ndarray, float, float], patient: Field | None, shape_of: Callable[[str], ToolShape],
        floor: Floor, pace: float, seconds: float, rng: np.random.Generator,
    ) -> None:  # fmt: skip
        self.room, self.patient, self.pace, self.seconds, self.rng = room, patient, pace, seconds, rng
        self.places = {name: Place(np.asarray(place_m), heading) for name, (place_m, heading) in places.items()}
        self.table_m, self.shape_of, self.floor = table_m, shape_of, floor
        self.layout = Layout(room, rng)
        self.players: list[Player] = []
        self.props: list[Prop] = []
        self.acts: list[tuple[str, str, str, float, float]] = []
        self.phases: list[tuple[str, float]] = []
        self.exists: dict[str, list[float]] = {}
        self.busy: list[tuple[float, float]] = []
        self.trips: list[Trip] = []
        self.journey: Journey | None = None
        self._slides: list[Slide] = []

    # Who and what is there

    def person(self, role: str, at: Place | str, comes_in: bool = False) -> Player:
        """Somebody of a role who stands at a place from the start, or who comes in there with her first walk."""
        place = self.places[at] if isinstance(at, str) else at
        player = Player(self, f"person_{len(self.players) + 1}", role, place.place_m, place.heading_rad)
        if comes_in:
            player.present_s = [np.inf, np.inf]
        self.players.append(player)
        return player

    def tool(self, label: str, on: str, near: Place | str, held_by: Player | None = None) -> Prop:
        """A tool that lies on a fixture from the start, where somebody at a place reaches it, or is in a hand."""
        number = 1 + sum(prop.label == label for prop in self.props)
        near_m = (self.places[near] if isinstance(near, str) else near).place_m
        name = f"{label}_{number}"
        shape = self.shape_of(name)
        prop = Prop(name, label, shape, self.layout.lay(shape, on, near_m), on, near_m)
        self.props.append(prop)
        if held_by:
            side = held_by.free_hand()
            prop.events.clear()
            prop.is_taken(0.0, held_by.name, side)
            held_by.holds[side] = prop
        return prop

    def phase(self, name: str, *actors: Player) -> None:
        """A phase begins as soon as its actors are free; they wait for each other."""
        begin_s = max([player.free_s for player in actors], default=0.0)
        begin_s = max(begin_s, self.phases[-1][1] + 0.2) if self.phases else 0.0
        for player in actors:
            player.free_s = begin_s
        self.phases.append((name, begin_s))

    def together(self, *players: Player) -> None:
        """They wait for each other."""
        for player in players:
            player.waits_for(*players)

    def everybody_waits(self) -> None:
        """All wait for the last of them."""
        self.together(*self.players)

    def onlookers(self, number: int) -> list[Player]:
        """People who watch: a technician first, then visitors, at the waiting places."""
        roles = ("technician", "visitor", "visitor")
        return [self.person(roles[i], at=f"waiting_{i + 1}") for i in range(min(number, len(roles)))]

    # The patient and the drape

    def patient_lies_there(self) -> None:
        """The patient lies on the table from the start."""
        self.exists["patient"] = [-np.inf, np.inf]

    def patient_comes(self, porter: Player, receiver: Player) -> None:
        """A porter wheels the patient in; another one helps her onto the table."""
        trip, slide = transfer.brings(self, porter, receiver)
        self._slides.append(slide)
        self.exists["patient"] = [trip.comes_s[0], np.inf]
        self.exists[trip.name] = [trip.comes_s[0], trip.goes_s[1]]

    def patient_goes(self, porter: Player, receiver: Player) -> None:
        """A porter brings a stretcher; another one helps the patient onto it, and both wheel her out."""
        trip, slide = transfer.takes_away(self, porter, receiver)
        self.exists["patient"][1] = trip.goes_s[1]
        self.exists[trip.name] = [trip.comes_s[0], trip.goes_s[1]]
        table = SE3(np.eye(3), np.asarray(self.table_m[0], dtype=np.float64))
        self.journey = Journey(self.trips[0], self._slides[0], slide, trip, table)

    def lies_on_s(self) -> list[tuple[str, float, float]]:
        """On what the patient lies, and from when to when."""
        if self.journey is not None or "patient" not in self.exists:
            return self.journey.lies_on_s() if self.journey else []
        return [("operating_table", begin_s, end_s) for begin_s, end_s in [self.exists["patient"]]]

    @property
    def way(self) -> Way:
        """How a stretcher comes to the table."""
        return find_way(self.room)

    def draped(self) -> None:
        """The drape lies on the patient from the start."""
        self.exists["drape_1"] = [-np.inf, np.inf]

    def drapes(self, first: Player, second: Player, at: str) -> None:
        """Two people spread the drape over the patient."""
        self.exists["drape_1"] = [self._with_the_drape(first, second, at), np.inf]

    def undrapes(self, first: Player, second: Player, at: str) -> None:
        """Two people take the drape away."""
        self.exists["drape_1"][1] = self._with_the_drape(first, second, at)

    def _with_the_drape(self, first: Player, second: Player, at: str) -> float:
        self.together(first, second)
        begin_s = first.free_s
        for player in (first, second):
            player.does("preparing", at=at, for_s=1.5)
        return (begin_s + first.free_s) / 2

    def times(self, every_s: float, most: int) -> int:
        """How often a script of this length repeats something: once per so many seconds, at least once."""
        return int(np.clip(self.seconds // every_s, 1, most))

    @property
    def length_s(self) -> float:
        """How long the rehearsal takes."""
        ends_s = [player.free_s for player in self.players] + [walk.end_s for p in self.players for walk in p.walks]
        return max([*ends_s, self.phases[-1][1] + 0.2 if self.phases else 0.0])

    # Where one can stand

    def point(self, name: str) -> np.ndarray:
        """A point (3,) of the patient by its name."""
        if self.patient is None or name not in self.patient.points_m:
            raise KeyError(f"the patient has no point {name!r}")
        return self.patient.points_m[name]

    @property
    def along(self) -> np.ndarray:
        """(3,) unit direction along the patient, or along the table."""
        return self.patient.along if self.patient else np.array([1.0, 0.0, 0.0])

    def at_table(self, side: str, to: str, aside_m: float = 0.0) -> Place:
        """The place on one side of the operating table ("south", "north") by a point of the patient, or aside of it."""
        (center_m, length_m, width_m), sign = self.table_m, -1.0 if side == "south" else 1.0
        along_m = float(self.point(to)[0]) + aside_m
        shifts_m = np.array([0.0, 0.06, -0.06, 0.12, -0.12, 0.2, -0.2, 0.3, -0.3])
        along = np.clip(along_m + shifts_m, center_m[0] - length_m / 2, center_m[0] + length_m / 2)
        for across_m in width_m / 2 + np.arange(0.2, 0.7, 0.02):
            places_m = np.stack([along, np.full(len(along), center_m[1] + sign * across_m)], axis=1)
            free = self.floor.clearance_m(places_m) >= BODY_RADIUS_M + 0.01
            if free.any():
                return Place(places_m[int(free.argmax())], -sign * np.pi / 2)
        raise Blocked(f"nobody can stand on the {side} side of the table at {along_m:.2f} m")

    def between(self, fixture: str, other: Place) -> Place:
        """Where one reaches both a table and somebody who will stand at another place; faces half way between them."""
        box = self.room.fixture(fixture).box
        cells_m = self.floor.cells_m[self.reachable()]
        local_m = np.abs((cells_m - box.center_m[:2]) @ box.rotation[:2, :2])
        to_table_m = box.distance_m(np.column_stack([cells_m, np.full(len(cells_m), box.center_m[2])]))
        to_other_m = np.linalg.norm(cells_m - other.place_m, axis=1)
        aside_m = np.maximum(local_m[:, 0] - box.extent_m[0] / 2 + 0.35, 0)
        cost = 2 * np.maximum(to_table_m - 0.32, 0) + 3 * aside_m + np.abs(to_other_m - 0.9)
        cost = np.where(to_other_m < 0.58, np.inf, cost)
        place_m = cells_m[int(cost.argmin())]
        nearest_m = (
            box.rotation
            @ np.clip(
                (np.append(place_m, box.center_m[2]) - box.center_m) @ box.rotation, -box.extent_m / 2, box.extent_m / 2
            )
            + box.center_m
        )
        sides = [heading_to(place_m, other.place_m), heading_to(place_m, nearest_m)]
        return Place(place_m, float(np.arctan2(*np.sum([[np.sin(a), np.cos(a)] for a in sides], axis=0))))

    def spot(self, player: Limbs, suits: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """The best free place (2,) for somebody: `suits` answers for places (n, 2) whether and how well they do."""
        cells_m = self.floor.cells_m[self.reachable()]
        fits, cost = suits(cells_m)
        cost = cost + 0.6 * np.linalg.norm(cells_m - player.place_m, axis=1)
        for wait_s in np.arange(0.0, PATIENCE_S, 0.8):
            free = fits.copy()
            for other in self.others(player):
                now_m = self.where(other, np.array([player.free_s + wait_s]))[0]
                for place_m in ([other.place_m] if other.is_here else []) + [now_m]:
                    free &= ~(np.linalg.norm(cells_m - place_m, axis=1) <= 2 * BODY_RADIUS_M + 0.04)
            for trip in self.trips:
                for time_s in (player.free_s + wait_s, np.inf):
                    free &= trip.clearance_m(cells_m, np.full(len(cells_m), time_s)) >= BODY_RADIUS_M + 0.02
            if free.any():
                player.free_s += float(wait_s)
                return cells_m[int(np.where(free, cost, np.inf).argmin())]
        raise Blocked(f"{player.name} finds no place to stand at {player.free_s:.1f} s")

    def reachable(self) -> np.ndarray:
        """(h, w) bool: the cells of the floor that hang together with the place at the table."""
        return self.floor.around(self.places["surgeon"].place_m)

    # Who walks when

    @property
    def patience_s(self) -> list[float]:
        """How long one waits for a way, in turn."""
        return (np.arange(0.0, PATIENCE_S, 0.4) / self.pace).tolist()

    def others(self, player: Limbs) -> list[Player]:
        """Everybody else."""
        return [other for other in self.players if other is not player]

    def where(self, player: Limbs, time_s: np.ndarray) -> np.ndarray:
        """(t, 2) where somebody is, NaN while she is not in the room."""
        places_m = where_m(player.start_m, player.walks, time_s)
        places_m[(time_s < player.present_s[0]) | (time_s >= player.present_s[1])] = np.nan
        return places_m

    def walk(self, player: Limbs, goal_m: np.ndarray, heading_rad: float, after_s: float = 0.0) -> None:
        """Send somebody to a place as soon as the way is clear.

        Raises:
            Blocked: it never is.
        """
        here_m, first_s = player.place_m, max(player.free_s, after_s)
        for wait_s in self.patience_s:
            begin_s = first_s + wait_s
            path_m = self._way(player, here_m, goal_m, begin_s)
            if path_m is None:
                continue
            length_m = float(np.linalg.norm(np.diff(path_m, axis=0), axis=1).sum())
            lasts_s = max(length_m / (WALK_M_S * self.pace * EASE), SHORTEST_WALK_S)
            if length_m < 0.02:
                lasts_s = TURN_S if np.cos(heading_rad - player.heading_rad) > 0.05 else 2 * TURN_S
            walk = Walk(begin_s, begin_s + lasts_s, path_m, heading_rad)
            if not self.meets(player, walk):
                player.present_s[0] = min(player.present_s[0], begin_s)
                player.present_s[1] = np.inf
                player.walks.append(walk)
                player.place_m, player.heading_rad = np.asarray(goal_m), heading_rad
                player.free_s = walk.end_s + 0.1 / self.pace
                self.busy.append((walk.begin_s, player.free_s))
                return
        raise Blocked(f"{player.name} finds no way to ({goal_m[0]:.2f}, {goal_m[1]:.2f}) m at {first_s:.1f} s")

    def _way(self, player: Limbs, here_m: np.ndarray, goal_m: np.ndarray, begin_s: float) -> np.ndarray | None:
        """A path around solids and around those who stand still."""
        stand_m = []
        for other in self.others(player):
            places_m = self.where(other, np.array([begin_s, begin_s + 2.5 / self.pace, begin_s + 5.0 / self.pace]))
            if np.isfinite(places_m).all() and np.ptp(places_m, axis=0).max() < 0.05:
                stand_m.append(places_m[0])
        stand_m += [middle_m for trip in self.trips for middle_m in trip.middles_m(begin_s)]
        others_m = np.array(stand_m).reshape(-1, 2)
        return self.floor.way(here_m, goal_m, others_m)

    def meets(self, player: Limbs, walk: Walk, beside: Collection[Limbs] = ()) -> bool:
        """Whether a walk, and standing at its end, ever brings somebody too near to another who is not `beside` her."""
        others = [other for other in self.others(player) if other not in beside]
        ends_s = [walk.end_s] + [other.walks[-1].end_s for other in others if other.walks]
        ends_s += [end_s for trip in self.trips for end_s in (trip.comes_s[1], trip.goes_s[1]) if np.isfinite(end_s)]
        time_s = np.arange(walk.begin_s, max(ends_s) + STEP_S, STEP_S)
        own_m = walk.place_m(time_s)
        far_m = np.minimum(*(np.linalg.norm(own_m - walk.path_m[end], axis=1) for end in (0, -1)))
        for other in others:
            other_m = self.where(other, time_s)
            speed = np.concatenate([[0.0], np.linalg.norm(np.diff(other_m, axis=0), axis=1)])
            margin_m = np.where(speed > 0, SIDE_STEP_M, 0.02) * ((time_s < walk.end_s) & (far_m > 0.3))
            if too_near(own_m, other_m, margin_m)[np.isfinite(other_m[:, 0])].any():
                return True
        return any((trip.clearance_m(own_m, time_s) < BODY_RADIUS_M).any() for trip in self.trips)
