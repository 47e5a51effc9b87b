"""What people do with body and hands, measured in scenes that are written down instant by instant."""

from dataclasses import replace

import numpy as np
import pytest
from ortwin.reconstruction.state import OrientedBox
from ortwin.scenegraph.pair_measuring import compute_pair_features
from people_plays import (
    KNEE_M,
    TIP_M,
    Play,
    at_work,
    busy,
    enters,
    leaves,
    patient,
    score_of,
    skeleton,
    still,
    surgeon,
)

# Posture and gait


@pytest.mark.parametrize(("turned_deg", "expected"), [(0, (True, False)), (29, (True, False)), (31, (False, False)),
                                                       (44, (False, False)), (46, (False, True))])  # fmt: skip
def test_facing_asks_for_the_bearing_of_the_page(turned_deg, expected):
    play = Play({"person_1": [skeleton((0, -1.5), np.pi / 2 + np.deg2rad(turned_deg))], "person_2": [skeleton((0, 0), 0)]}, boxes={})  # fmt: skip  # noqa: E501
    score = score_of(play.features(), "facing", "person_1", "person_2")
    assert (enters(score)[0], leaves(score)[0]) == expected


def test_who_faces_a_table_faces_its_nearest_spot():
    play = Play({"person_1": [skeleton((0.9, -1.0), np.pi / 2)]})
    assert enters(score_of(play.features(), "facing", "person_1", "operating_table")) == [True]


def test_who_stands_on_the_footprint_of_a_fixture_neither_faces_nor_approaches_it():
    play = Play({"person_1": np.stack([skeleton((0.1 * i, 0.0), 0.0) for i in range(8)])})
    for name in ("facing", "approaching"):
        assert leaves(score_of(play.features(), name, "person_1", "operating_table")) == [True] * 8


def test_who_lies_faces_nobody_and_lies_on_the_table():
    play = Play({"patient": patient(25), "person_1": np.stack([skeleton((1.6, 0.0), np.pi)] * 25)})
    assert leaves(score_of(play.features(), "facing", "patient", "person_1")) == [True] * 25
    flat = replace(play.features(), gap_m=np.zeros_like(play.features().gap_m))
    flat = replace(flat, footprint_share=np.ones_like(flat.gap_m))
    assert enters(score_of(flat, "lying_on", "patient", "operating_table")) == [True] * 25
    assert leaves(score_of(flat, "lying_on", "person_1", "operating_table")) == [True] * 25


def test_only_ones_own_motion_approaches():
    walk = np.stack([skeleton((0.0, -2.5 + 0.08 * i), np.pi / 2) for i in range(12)])
    stands = np.stack([skeleton((0.0, 0.5), 0.0)] * 12)
    play = Play({"person_1": walk, "person_2": stands})
    assert play.told("approaching") == [
        ("person_1", "operating_table", 0, 12, "true"),
        ("person_1", "person_2", 0, 12, "true"),
    ]


# Hands


def test_a_tool_that_goes_along_with_the_hand_is_held():
    path = still((0.3, -0.3, 1.2), 30)
    path[10:20, 0] += 0.04 * np.arange(10)
    path[20:, 0] += 0.36
    play = Play({"person_1": surgeon(path)}, {"drill_1": ("drill", path, np.zeros(3))})
    assert play.told("holding") == [("person_1", "drill_1", 0, 30, "true")]


def test_a_tool_that_lies_is_not_held_by_a_hand_beside_it():
    rests = still((0.3, -0.25, 0.92), 30)
    play = Play({"person_1": surgeon(still((0.3, -0.25, 0.98), 30))}, {"saw_1": ("saw", rests, np.zeros(3))})
    assert play.told("holding") == []


def test_a_tool_is_taken_and_laid_down_when_the_hand_comes_and_goes():
    lies, up = np.array([0.3, -0.25, 0.92]), np.array([0.3, -0.25, 1.2])
    lift = np.linspace(lies, up, 5)
    tool = np.concatenate([still(lies, 15), lift, still(up, 10), lift[::-1], still(lies, 15)])
    come = np.linspace(up, lies, 5)
    hand = np.concatenate([still(up, 8), come, still(lies, 2), lift, still(up, 10), lift[::-1], still(lies, 2),
                           come[::-1], still(up, 8)])  # fmt: skip
    ((_, _, begin, end, state),) = Play(
        {"person_1": surgeon(hand)}, {"saw_1": ("saw", tool, np.zeros(3))}
    ).told("holding")  # fmt: skip
    assert state == "true"
    assert 13 <= begin <= 16
    assert 35 <= end <= 39


def test_a_handover_is_an_event_between_two_holders():
    meet = np.array([0.0, -0.5, 1.1])
    tool = np.concatenate([np.linspace([-0.4, -0.5, 1.1], meet, 10), still(meet, 6), np.linspace(meet, [0.4, -0.5, 1.1], 10)])  # fmt: skip  # noqa: E501
    give = np.concatenate([tool[:16], np.linspace(meet, [-0.5, -0.5, 1.0], 10)])
    take = np.concatenate([np.linspace([0.5, -0.5, 1.0], meet, 10), tool[10:]])
    play = Play(
        {"person_1": surgeon(give, (-0.4, -0.9)), "person_2": surgeon(take, (0.4, -0.9))},
        {"saw_1": ("saw", tool, np.zeros(3))},
        boxes={},
    )
    ((giver, taker, begin, end, state),) = play.told("handover")
    assert (giver, taker, state, end - begin) == ("person_1", "person_2", "true", 10)
    assert 8 <= begin <= 17


def test_free_hands_prepare_at_tables_and_patients_and_operate_devices():
    side = OrientedBox(np.array([0.3, 1.2, 0.45]), np.eye(3), np.array([1.0, 0.5, 0.9]))
    for label, predicate in (("instrument_table", "preparing"), ("anesthesia_equipment", "operating")):
        play = Play({"person_1": surgeon(busy((0.3, 1.0, 0.92), 20), (0.3, 0.7), both=True)}, boxes={label: side})
        for name in ("preparing", "operating"):
            expected = [("person_1", label, 0, 20, "true")] if name == predicate else []
            assert play.told(name) == expected


def test_one_hand_at_a_table_may_only_fetch_something():
    side = OrientedBox(np.array([0.3, 1.2, 0.45]), np.eye(3), np.array([1.0, 0.5, 0.9]))
    play = Play({"person_1": surgeon(busy((0.3, 1.0, 0.92), 20), (0.3, 0.7))}, boxes={"instrument_table": side})
    assert play.told("preparing") == []


def test_whoever_walks_by_operates_nothing():
    hand = np.stack([(-0.5 + 0.12 * i, -0.32, 0.92) for i in range(12)])
    walk = np.stack([skeleton((h[0], -0.6), 0.0, (h, h - [0, 0.4, 0])) for h in hand])
    assert Play({"person_1": walk}).told("operating") == []


def test_a_hand_at_the_patient_operates_no_table():
    play = Play({"patient": patient(20), "person_1": surgeon(busy(KNEE_M, 20), both=True)})
    assert play.told("operating") == []
    assert play.told("preparing") == [("person_1", "patient", 0, 20, "true")]


# Tools at work


@pytest.mark.parametrize(
    ("label", "action"),
    [("scalpel", "cutting"), ("saw", "sawing"), ("drill", "drilling"), ("hammer", "hammering"),
     ("needle_holder", "suturing"), ("cementer", "cementing"), ("suction", "cleaning"), ("cloth", "cleaning"),
     ("ultrasound_probe", "scanning"), ("marker_array", "calibrating"), ("screwdriver", "manipulating")],
)  # fmt: skip
def test_each_tool_at_the_patient_is_its_own_action(label, action):
    play = at_work(label)
    assert play.told(action) == [("person_1", "patient", 0, 20, "true")]
    others = {"cutting", "sawing", "drilling", "hammering", "suturing", "cementing", "cleaning", "scanning",
              "calibrating", "manipulating", "preparing"} - {action}  # fmt: skip
    assert {name for name in others if play.told(name)} == set()


@pytest.mark.parametrize("label", ["suction", "cloth"])
@pytest.mark.parametrize("along_m_s", [0.0, 0.12, 0.3])
def test_a_tip_that_rests_at_the_patient_or_passes_by_cleans_nothing(label, along_m_s):
    way = along_m_s * 0.1 * (np.arange(40) - 20)[:, None] * np.array([0.8, 0.6, 0.0])
    play = at_work(label, 40)
    play.people["person_1"] = surgeon(KNEE_M - TIP_M + way)
    play.tools[f"{label}_1"] = (label, KNEE_M - TIP_M + way, TIP_M)
    assert play.told("holding") == [("person_1", f"{label}_1", 0, 40, "true")]
    assert play.told("cleaning") == []


def test_a_sweep_is_told_from_its_first_to_its_last_instant():
    grip = still(KNEE_M - TIP_M, 60)
    grip[20:40] = busy(KNEE_M - TIP_M, 20)
    play = at_work("cloth", 60)
    play.people["person_1"], play.tools["cloth_1"] = surgeon(grip), ("cloth", grip, TIP_M)
    (row,) = play.told("cleaning")
    assert abs(row[2] - 20) <= 2 and abs(row[3] - 40) <= 2


def test_seen_too_seldom_a_tip_that_rests_may_sweep():
    play = at_work("suction")
    play.tools["suction_1"] = ("suction", still(KNEE_M - TIP_M, 20), TIP_M)
    play.people["person_1"] = surgeon(still(KNEE_M - TIP_M, 20))
    window = play.window()
    for slower, expected in ((1, False), (5, True)):
        features = compute_pair_features(replace(window, times_ns=window.times_ns * slower))
        assert enters(score_of(features, "cleaning", "person_1", "patient")) == [expected] * 20


def test_a_tool_at_the_patient_that_nobody_holds_works_nothing():
    play = at_work("drill")
    play.people["person_1"] = surgeon(still((0.3, -0.6, 1.2), 20), (0.3, -0.9))
    assert play.told("drilling") == []


def test_who_lends_a_quiet_hand_assists_whoever_works():
    helper = np.stack([skeleton((0.3, 0.5), -np.pi / 2, ((0.1, 0.9, 0.9), KNEE_M + np.array([0.0, 0.12, 0.05])))] * 20)
    play = at_work("saw", person_2=helper)
    assert play.told("assisting") == [("person_2", "person_1", 0, 20, "true")]
    assert play.told("preparing") == []


def test_bare_hands_cement_after_the_hammer_and_before_the_needle():
    num = 90
    hand, hammer, needle = busy(KNEE_M, num), still((0.0, -2.0, 1.0), num), still((0.5, -2.0, 1.0), num)
    hand[20:25] = hand[40:45] = hand[60:65] = (0.3, -0.4, 1.3)
    hammer[25:40] = hand[25:40] = busy(KNEE_M - TIP_M, 15)
    needle[65:75] = hand[65:75] = busy(KNEE_M - TIP_M, 10)
    hand[75:78] = (0.3, -0.4, 1.3)
    play = Play(
        {"patient": patient(num), "person_1": surgeon(hand, both=True)},
        {"hammer_1": ("hammer", hammer, TIP_M), "needle_holder_1": ("needle_holder", needle, TIP_M)},
    )

    def middles(name: str) -> list[int]:
        return [(begin + end) // 20 for _, _, begin, end, _ in play.told(name)]

    assert middles("hammering") == [3]
    assert middles("cementing") == [5]
    assert middles("suturing") == [7]
    assert middles("preparing") == [1, 8]
