"""The patient is wheeled in and out: the stretcher fits through every door, and carries whom it brings."""

import itertools
import os

import numpy as np
import pytest
from ortwin.capture.errors import MissingExtraError
from ortwin.capture.geometry import SE3
from ortwin.datasets.simulated_or.journey import LIFT_M, Journey, Slide, Wheeled, aside_of
from ortwin.datasets.simulated_or.people import Person
from ortwin.datasets.simulated_or.performance import Performance
from ortwin.datasets.simulated_or.room import OperatingRoom, RoomConfig, furnish
from ortwin.datasets.simulated_or.routes import Floor
from ortwin.datasets.simulated_or.scenarios import ScenarioConfig, play
from ortwin.datasets.simulated_or.stretcher import Stretcher
from ortwin.datasets.simulated_or.wheeling import FOOT, HALF_M, HEAD, Trip, Way, find_way

#: Seeds of rooms that were not looked at while ways were laid out.
ROOMS = [(801, False), (802, True), (803, False)]
SEED, SECONDS = 57, 60.0
WAY = Way(np.array([[-5.0, 0.0], [-2.5, 0.2], [0.0, 0.6]]), np.array([0.0, 0.2, 0.0]), 0.9)
TABLE = SE3(np.eye(3), np.array([0.02, -0.01, 0.9]))
COMES = Trip("stretcher_1", WAY, (2.0, 7.0), (11.0, 16.0))
GOES = Trip("stretcher_2", WAY, (32.0, 37.0), (41.0, 46.0))
ASIDE = aside_of(WAY.pose(1.0), TABLE)
JOURNEY = Journey(COMES, Slide(8.0, 10.0, ASIDE, True), Slide(38.0, 40.0, ASIDE, False), GOES, TABLE)


def room_of(seed: int, with_c_arm: bool) -> OperatingRoom:
    pictures: list[np.ndarray] = []

    def book(picture: np.ndarray) -> int:
        pictures.append(picture)
        return len(pictures) - 1

    return furnish(RoomConfig(with_c_arm=with_c_arm), np.random.default_rng([seed, 10]), book)


@pytest.mark.parametrize(("seed", "with_c_arm"), ROOMS)
def test_a_stretcher_comes_through_the_door_and_stands_beside_the_table(seed, with_c_arm):
    room = room_of(seed, with_c_arm)
    way = find_way(room)
    low = [solid for solid in room.solids if solid.box.corners_m()[:, 2].min() < 1.3]
    floor = Floor(low, np.zeros((0, 2)))
    corners_m = np.array([[x, y, 0.0] for x, y in itertools.product(*([-half, 0.0, half] for half in HALF_M))])
    for share in np.linspace(0.0, 1.0, 41):
        assert floor.clearance_m((way.pose(share) @ corners_m)[:, :2]).min() > 0.01, share
    walls_x = room.zones[0].polygon_m[:, 0].min()
    # Outside of the room at first, the porter too, within the passage; beside the table at last, as high as it.
    assert (way.pose(0.0) @ corners_m)[:, 0].max() < walls_x - 0.14
    assert floor.clearance_m(way.behind_m(0.0, FOOT)[None])[0] > 0.25
    assert way.behind_m(0.0, HEAD)[0] < walls_x
    box = room.fixture("operating_table").box
    assert 0.0 < (way.pose(1.0) @ corners_m)[:, 1].min() - box.corners_m()[:, 1].max() < 0.05
    assert way.pose(1.0).translation_m[2] == room.table_top.center_m[2]


def test_a_trip_comes_stands_and_goes():
    assert COMES.share(0.0) == COMES.share(2.0) == COMES.share(16.0) == COMES.share(99.0) == 0.0
    assert COMES.share(7.0) == COMES.share(9.0) == COMES.share(11.0) == 1.0
    assert 0.0 < COMES.share(3.0) < COMES.share(6.0) < 1.0
    assert [COMES.moves(begin, begin + 1.0) for begin in (0.0, 1.5, 6.5, 7.0, 9.0, 10.5, 15.5, 16.0)] == [
        False, True, True, False, False, True, True, False,
    ]  # fmt: skip
    place_m = np.array([[0.0, 0.6 + HALF_M[1] + 0.4]])
    assert COMES.clearance_m(place_m, np.array([9.0]))[0] == pytest.approx(0.4)
    assert np.isinf(COMES.clearance_m(place_m, np.array([1.9]))[0])
    twice = COMES.played(lambda time_s: 2 * time_s)
    assert (twice.comes_s, twice.goes_s) == ((4.0, 14.0), (22.0, 32.0))


def test_on_his_journey_the_patient_lies_on_what_carries_him():
    for time_s in (0.0, 3.0, 6.9, 7.5):
        on_bed = COMES.pose(time_s).inverse() @ JOURNEY.displacement(time_s) @ TABLE
        assert on_bed.distance_m() < 1e-12
        assert on_bed.angle_rad() < 1e-7
    for time_s in (10.0, 20.0, 37.9):
        assert JOURNEY.displacement(time_s).distance_m() < 1e-12
    for time_s in (40.0, 44.0, 47.0):
        assert (GOES.pose(time_s).inverse() @ JOURNEY.displacement(time_s) @ TABLE).distance_m() < 1e-12
    # From one to the other in one go, never below either.
    track_m = np.array([JOURNEY.displacement(time_s).translation_m for time_s in np.arange(8.0, 10.01, 0.05)])
    assert (np.diff(track_m[:, 1]) < 1e-12).all()
    assert track_m[:, 2].min() > -1e-12
    assert track_m[:, 2].max() == pytest.approx(LIFT_M, rel=0.01)


def test_the_patient_never_jumps():
    times_s = np.arange(0.0, 50.0, 0.05)
    track_m = np.array([JOURNEY.displacement(time_s).translation_m for time_s in times_s])
    # The ride covers 5.1 m in 5 s, at 1 / 0.87 of the mean speed at most.
    assert np.linalg.norm(np.diff(track_m, axis=0), axis=1).max() < 0.05 * 1.25
    moved = np.linalg.norm(np.diff(track_m, axis=0), axis=1) > 1e-12
    said = np.array([JOURNEY.moves(a, b) for a, b in itertools.pairwise(times_s)])
    assert not (moved & ~said).any()


@pytest.fixture(scope="module")
def played() -> Performance:
    try:
        return play("knee_replacement", ScenarioConfig(seconds=SECONDS, seed=SEED))
    except MissingExtraError as missing:
        if os.environ.get("ORTWIN_REQUIRE_TEST_DATA") == "1":
            pytest.fail(str(missing))
        pytest.skip(f"no bodies: {missing.what}")


@pytest.mark.slow
def test_who_wheels_has_both_hands_on_the_bar(played: Performance):
    porter = next(actor for actor in played.actors.values() if isinstance(actor, Person) and actor.role == "technician")
    for stretcher in (actor for actor in played.actors.values() if isinstance(actor, Stretcher)):
        for begin_s, end_s in (stretcher.trip.comes_s, stretcher.trip.goes_s):
            for time_s in np.linspace(begin_s, end_s, 9):
                palms_m = np.stack([porter.motion.hand(time_s, side).translation_m for side in ("left", "right")])
                on_bed_m = stretcher.trip.pose(time_s).inverse() @ palms_m
                # The foot bar; a palm's skin is a few centimetres off the middle of what it grips.
                assert np.abs(on_bed_m[:, 0] + HALF_M[0]).max() < 0.06, time_s
                assert np.abs(on_bed_m[:, 2]).max() < 0.08, time_s


@pytest.mark.slow
def test_the_patient_is_there_from_door_to_door(played: Performance):
    patient = played.actors["patient"]
    assert isinstance(patient, Person)
    assert isinstance(patient.motion, Wheeled)
    begin_s, end_s = played.exists["patient"]
    wall_x = played.room.zones[0].polygon_m[:, 0].min()
    for time_s in (begin_s, end_s):
        assert patient.vertices_m(time_s)[:, 0].max() < wall_x
    spans = {act.object: (act.begin_s, act.end_s) for act in played.acts if act.predicate == "lying_on"}
    assert list(spans) == ["stretcher_1", "operating_table", "stretcher_2"]
    onto, off = patient.motion.journey.onto, patient.motion.journey.off
    phases = {phase.name: (phase.begin_s, phase.end_s) for phase in played.phases}
    assert phases["roll_in"][0] <= begin_s
    assert onto.end_s <= phases["roll_in"][1]
    assert phases["roll_out"][0] <= off.begin_s
    assert end_s <= phases["roll_out"][1] + 0.3
    drape_s = played.exists["drape_1"]
    assert onto.end_s < drape_s[0] < drape_s[1] < off.begin_s
