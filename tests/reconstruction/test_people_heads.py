"""Who is who by heads: followed through crossings, bent over, lost and found again; and the tracks of people."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
from ortwin.reconstruction.people_heads import HeadConfig, HeadTracker
from ortwin.reconstruction.people_paths import LinkConfig, link, with_people
from ortwin.reconstruction.people_stage import Moving, PeopleConfig, RawBody, walking
from ortwin.reconstruction.scene_tables import named_visibility, track_table
from ortwin.reconstruction.track_smoothing import RawTrack, smooth_tracks

STEP_S = 0.1
STEP_NS = round(STEP_S * 1e9)
NOISE_M = 0.005


def pillar(at_m: tuple[float, float], top_m: float, seed: int, below_m: float = 0.0) -> np.ndarray:
    """(n, 3) the surface of a head upon a chest, one point per 2.5 cm, with noise; without what is below a height."""
    rng = np.random.default_rng(seed)
    angle, height = np.meshgrid(np.linspace(0, 2 * np.pi, 24, endpoint=False), np.arange(0.6, top_m, 0.025))
    radius = np.where(height > top_m - 0.25, 0.09, 0.18)
    wall = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=-1).reshape(-1, 3)
    spot = rng.uniform(-0.09, 0.09, (60, 2))
    lid = np.column_stack([spot, np.full(60, top_m)])[np.linalg.norm(spot, axis=1) < 0.09]
    points_m = np.concatenate([wall, lid]) + np.array([*at_m, 0.0]) + rng.normal(0, NOISE_M, (len(wall) + len(lid), 3))
    return points_m[points_m[:, 2] > below_m].astype(np.float32)


def follow(tracker: HeadTracker, instants: list[list[np.ndarray]]) -> list[dict[int, np.ndarray]]:
    return [
        {head.number: head.top_m.copy() for head in tracker.observe(k * STEP_NS, np.concatenate(people))}
        for k, people in enumerate(instants)
    ]


def test_two_who_pass_each_other_keep_their_names():
    at = [-1.5 + 1.2 * STEP_S * k for k in range(26)]
    found = follow(HeadTracker(HeadConfig()), [[pillar((x, 0.25), 1.7, 1), pillar((-x, -0.25), 1.8, 2)] for x in at])
    for seen, x in zip(found, at, strict=True):
        assert len(seen) == 2
        for number, where in {0: (-x, -0.25, 1.8), 1: (x, 0.25, 1.7)}.items():
            np.testing.assert_allclose(seen[number], where, atol=0.05)


def test_a_head_that_a_taller_one_bends_over_is_still_there():
    taller = [(1.0 - 0.08 * min(k, 9), 0.0) for k in range(14)]
    found = follow(HeadTracker(HeadConfig()), [[pillar((0.0, 0.0), 1.6, 3), pillar(at, 1.75, 4)] for at in taller])
    assert all(set(seen) == {0, 1} for seen in found)
    np.testing.assert_allclose(found[-1][1][:2], (0.0, 0.0), atol=0.08)


def test_who_is_hidden_for_longer_than_that_is_somebody_new_until_linked():
    gone = round(HeadConfig().coast_s / STEP_S) + 3
    shown = [pillar((0.0, 0.0), 1.7, 5)]
    far = pillar((3.0, 0.0), 1.7, 6)
    found = follow(HeadTracker(HeadConfig()), [[*shown, far]] * 6 + [[far]] * gone + [[*shown, far]] * 6)
    names = {number for seen in found for number, top_m in seen.items() if top_m[0] < 1}
    assert len(names) == 2
    rows = [(k * STEP_NS, body(number, top_m)) for k, seen in enumerate(found) for number, top_m in seen.items()]
    assert sorted(len(person) for person in link(rows, LinkConfig())) == [12, 12 + gone]
    assert len(link(rows, LinkConfig(longest_s=0.5))) == 3


def test_who_runs_off_does_not_take_the_name_of_one_who_steps_where_he_was():
    """Seen five times a second: at 4.5 m/s a runner is 0.9 m farther, while a bystander comes to where he just was."""
    step_ns = 200_000_000
    ran = [(0.9 * k, 0.0) for k in range(-3, 3)]
    stood = [(0.1, -1.15)] * 4 + [(0.1, -0.45)] * 3
    tracker, found = HeadTracker(HeadConfig()), []
    for k, at in enumerate(stood):
        people = [pillar(at, 1.6, 11), *([pillar(ran[k], 1.6, 12)] if k < 4 else [])]
        seen = tracker.observe(k * step_ns, np.concatenate(people))
        found.append({head.number: head.top_m.copy() for head in seen})
    bystander = next(number for number, top_m in found[0].items() if top_m[0] > -1)
    for seen, at in zip(found, stood, strict=True):
        np.testing.assert_allclose(seen[bystander][:2], at, atol=0.05)
    assert len(found[-1]) == 1


def test_who_sets_out_at_a_run_keeps_his_name_and_nobody_crosses_the_room_at_once():
    step_ns = 200_000_000
    tracker = HeadTracker(HeadConfig())
    where = [0.0, 0.0, 1.1, 2.2, 2.2, 5.0]
    found = [tracker.observe(k * step_ns, pillar((x, 0.0), 1.7, 13)) for k, x in enumerate(where)]
    assert [[head.number for head in seen] for seen in found] == [[0]] * 5 + [[1]]


def test_the_state_restores_exactly():
    whole, second = HeadTracker(HeadConfig()), HeadTracker(HeadConfig())
    clouds = [pillar((0.1 * k, 0.0), 1.7, 7) for k in range(4)]
    for k in range(2):
        whole.observe(k * STEP_NS, clouds[k])
    second.restore(json.loads(json.dumps(whole.to_json())))
    for k in (2, 3):
        first, again = whole.observe(k * STEP_NS, clouds[k]), second.observe(k * STEP_NS, clouds[k])
        assert [head.number for head in first] == [head.number for head in again]
        np.testing.assert_array_equal(first[0].top_m, again[0].top_m)
        np.testing.assert_array_equal(first[0].velocity_m_s, again[0].velocity_m_s)


def test_points_belong_to_the_nearest_head_and_a_cart_to_nobody():
    people = {3: (np.concatenate([pillar((0, 0), 1.7, 8), pillar((0.6, 0), 1.6, 9)]), True)}
    cart = np.random.default_rng(10).uniform((0.9, -0.5, 0.1), (1.6, 0.5, 0.9), (500, 3)).astype(np.float32)
    moving = Moving.of({**people, 4: (cart, False)})
    owner = moving.owners(np.array([[0.0, 0.0, 1.7], [0.6, 0.0, 1.6]]), PeopleConfig())
    assert (owner[moving.number == 4] == -1).all()
    own = owner[moving.number == 3]
    half = len(pillar((0, 0), 1.7, 8))
    assert (own[:half] == 0).all() and (own[half:] == 1).all()


def test_who_walks_faces_ahead_and_who_stands_faces_as_before():
    north = walking(None, np.array([0.0, 1.0]), 0.25)
    assert north is not None and int(north.argmax()) == 6
    before = np.linspace(-1, 0, 24)
    np.testing.assert_array_equal(walking(before, np.array([0.02, 0.0]), 0.25), before)
    assert walking(None, np.zeros(2), 0.25) is None


def body(number: int, top_m: np.ndarray | tuple[float, float, float], source: int = -1) -> RawBody:
    joints_m = np.tile(np.asarray(top_m) - [0.0, 0.0, 0.13], (17, 1))
    joints_m[15:, 2] = 0.1
    return RawBody(number, joints_m, np.tile(np.eye(3) * 1e-4, (17, 1, 1)), np.full(17, 2, np.uint8), source)


def sightings(number: int, times: range, at_m: tuple[float, float, float]) -> RawTrack:
    count = len(times)
    return RawTrack(
        number, np.array(times, np.int64) * STEP_NS, np.ones(count, bool), np.tile(np.array(at_m), (count, 1)),
        np.tile(np.array([0.5, 0.6, 1.7]), (count, 1)), np.ones(count), np.ones(count, bool),
        np.full(count, 100, np.int32),
    )  # fmt: skip


def test_one_who_is_seen_under_two_numbers_is_one_track_with_the_sightings_of_both():
    import pyarrow as pa

    raw = [sightings(0, range(10), (0, 0, 0.85)), sightings(1, range(12, 30), (0, 0, 0.85))]
    moved = sightings(2, range(30), (2, 2, 0.85))
    away_m = moved.center_m + np.linspace(0, 1, 30)[:, None] * np.array([1, 0, 0])
    raw.append(replace(moved, center_m=away_m, label="object"))
    seen = [k for k in range(30) if k not in (10, 11)]
    rows = [(k * STEP_NS, body(0 if k < 10 else 5, (0, 0, 1.7), 0 if k < 10 else 1)) for k in seen]
    tracks, bodies = with_people(raw, rows)
    assert {each.number for _, each in bodies} == {3}
    paths = smooth_tracks(tracks, np.arange(30, dtype=np.int64) * STEP_NS)
    person = next(path for path in paths if path.track.label == "person" and path.number == 3)
    assert person.numbers.tolist() == [0] * 10 + [-1] * 2 + [1] * 18
    assert person.predicted.tolist() == [False] * 10 + [True] * 2 + [False] * 18
    assert {path.number for path in paths} == {2, 3}
    visibility = pa.table(
        {"time_ns": np.array([0, 0, 20]) * STEP_NS, "number": np.array([0, 1, 1], np.int32),
         "camera_id": ["cam_1"] * 3, "visibility": np.array([1, 1, 2], np.uint8)}
    )  # fmt: skip
    told = named_visibility(visibility, track_table(paths, 0, 30 * STEP_NS))
    assert told["track_id"].to_pylist() == [person.track.track_id] * 2
    assert told["visibility"].to_pylist() == [1, 2]


def test_two_in_one_sighting_have_boxes_of_their_own():
    raw = [sightings(0, range(10), (0.3, 0, 0.85))]
    rows = [(k * STEP_NS, body(n, (0.6 * n, 0, 1.7), 0)) for k in range(10) for n in (0, 1)]
    tracks, _ = with_people(raw, rows)
    assert [round(float(track.center_m[0, 0]), 2) for track in tracks] == [0.0, 0.6]
    assert with_people(raw, []) == (raw, [])
