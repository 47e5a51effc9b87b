"""How the staff bring the patient and take her away: wheel the stretcher, pull her over onto the table or off it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...capture.geometry import SE3
from .journey import Slide, aside_of
from .routes import BODY_RADIUS_M, Blocked
from .stretcher import BAR_M
from .timeline import EASE, Walk
from .wheeling import FOOT, HALF_M, HEAD, PUSHER_M, Trip, Way

if TYPE_CHECKING:
    from .players import Player
    from .script import Stage

WHEELING_M_S = 1.25
SLIDE_S = 2.0
STEP_S = 0.1
CLEAR_M = 0.02
#: Where the hands grip, beside the middle: a handle bar, and the sheet under head and feet, in the table's frame.
BAR_GRIP_M = 0.2
SHEET_M = {FOOT: np.array([-0.82, 0.16, 0.05]), HEAD: np.array([0.72, 0.18, 0.05])}


def brings(stage: Stage, porter: Player, receiver: Player) -> tuple[Trip, Slide]:
    """A porter pushes the patient in while another one makes the table ready; they pull her over, and the porter takes
    the empty stretcher out.
    """
    porter.waits_for(receiver)
    _makes_the_table_ready(stage, receiver)
    trip = _comes_in(stage, porter)
    slide = _pulls_over(stage, porter, receiver, trip, onto_table=True)
    return _goes_out(stage, trip, {FOOT: porter}), slide


def takes_away(stage: Stage, porter: Player, receiver: Player) -> tuple[Trip, Slide]:
    """A porter pushes an empty stretcher in; they pull the patient over, and both of them take her out."""
    porter.waits_for(receiver)
    _makes_the_table_ready(stage, receiver)
    trip = _comes_in(stage, porter)
    slide = _pulls_over(stage, porter, receiver, trip, onto_table=False)
    stage.walk(receiver, trip.way.behind_m(1.0, HEAD), trip.way.heading_rad(1.0) + np.pi)
    trip = _goes_out(stage, trip, {FOOT: porter, HEAD: receiver})
    receiver.present_s[1] = trip.goes_s[1]
    return trip, slide


def _comes_in(stage: Stage, porter: Player) -> Trip:
    """The porter pushes at the foot end."""
    way = stage.way
    if not porter.is_here:
        porter.start_m = porter.place_m = way.behind_m(0.0, FOOT)
        porter.start_heading_rad = porter.heading_rad = way.heading_rad(0.0)
    name = f"stretcher_{len(stage.trips) + 1}"
    return _rides(stage, {FOOT: porter}, lambda span_s: Trip(name, way, span_s), inward=True)


def _goes_out(stage: Stage, trip: Trip, players: Mapping[float, Player]) -> Trip:
    stage.trips.remove(trip)
    return _rides(stage, players, lambda span_s: replace(trip, goes_s=span_s), inward=False)


def _rides(
    stage: Stage, players: Mapping[float, Player], trip_at: Callable[[tuple[float, float]], Trip], inward: bool
) -> Trip:
    """Wheel a stretcher, hands on the bars at its ends, as soon as the way is clear.

    Args:
        stage: where.
        players: who, by end.
        trip_at: the trip with the ride that is on its way from one time to another.
        inward: whether it comes.

    Raises:
        Blocked: the way is never clear.
    """
    stage.together(*players.values())
    first = next(iter(players.values()))
    lasts_s, first_s = stage.way.length_m / (WHEELING_M_S * stage.pace * EASE), first.free_s
    for wait_s in stage.patience_s:
        begin_s = first_s + wait_s + first.ramp_s
        span_s = begin_s, begin_s + lasts_s
        trip = trip_at(span_s)
        walks = {end: _alongside(trip.way, player, span_s, end, inward) for end, player in players.items()}
        stage.trips.append(trip)
        if _is_clear(stage, players, trip, begin_s) and not any(
            stage.meets(players[end], walk, players.values()) for end, walk in walks.items()
        ):
            break
        stage.trips.remove(trip)
    else:
        raise Blocked(f"{first.name} finds no way for a stretcher at {first_s:.1f} s")
    for end, player in players.items():
        player.free_s = begin_s - player.ramp_s
        player.present_s[0] = min(player.present_s[0], player.free_s)
        player.walks.append(walks[end])
        player.place_m = walks[end].path_m[-1]
        bar = np.array([end * (HALF_M[0] - 0.02), 0.0, BAR_M])
        left = np.array([0.0, -end * BAR_GRIP_M, 0.0])
        player.clings(trip.pose, {"left": bar + left, "right": bar - left}, lasts_s)
    stage.busy.append(span_s)
    return trip


def _alongside(way: Way, player: Player, span_s: tuple[float, float], end: float, inward: bool) -> Walk:
    """The walk of who holds one end; at the foot end one goes backwards on the way out."""
    shares = np.linspace(0.0, 1.0, 9) if inward else np.linspace(1.0, 0.0, 9)
    facing = player.heading_rad if end == FOOT and not inward else None
    return Walk(*span_s, np.stack([way.behind_m(share, end) for share in shares]), player.heading_rad, facing)


def _is_clear(stage: Stage, players: Mapping[float, Player], trip: Trip, begin_s: float) -> bool:
    """Whether a stretcher keeps off everybody else, from its ride on for as long as anything is known."""
    others = [other for other in stage.players if other not in players.values()]
    finite = [span for span in (trip.comes_s[1], trip.goes_s[1]) if np.isfinite(span)]
    last_s = max([*finite, *(other.walks[-1].end_s for other in others if other.walks)])
    time_s = np.arange(begin_s, last_s + STEP_S, STEP_S)
    return all(
        (trip.clearance_m(stage.where(other, time_s), time_s) >= BODY_RADIUS_M + CLEAR_M).all() for other in others
    )


def _makes_the_table_ready(stage: Stage, player: Player) -> None:
    """Levels it, from between its head end and that of the stretcher beside it."""
    dock_m, table_m = stage.way.pose(1.0).translation_m, stage.table_m[0]
    place_m = np.array([table_m[0] + PUSHER_M, 0.6 * table_m[1] + 0.4 * dock_m[1]])
    stage.walk(player, place_m, np.pi)
    player.operates("operating_table", for_s=2.5)


def _pulls_over(stage: Stage, porter: Player, receiver: Player, trip: Trip, onto_table: bool) -> Slide:
    stage.together(porter, receiver)
    table = SE3(np.eye(3), np.asarray(stage.table_m[0], dtype=np.float64))
    begin_s = porter.free_s + porter.ramp_s
    slide = Slide(begin_s, begin_s + SLIDE_S / stage.pace, aside_of(trip.way.pose(1.0), table), onto_table)
    for player, end in ((porter, FOOT), (receiver, HEAD)):
        grip_m = SHEET_M[end] * np.array([1.0, -end, 1.0])
        grips_m = {"left": table @ grip_m, "right": table @ (grip_m * np.array([1.0, -1.0, 1.0]))}
        player.clings(slide.displacement, grips_m, slide.end_s - slide.begin_s)
    stage.busy.append((slide.begin_s, slide.end_s))
    return slide
