"""What the relations know of joints: those that are sure, at the instants they ask for."""

from __future__ import annotations

import numpy as np
from ortwin.reconstruction.body_paths import BodyPath
from ortwin.reconstruction.body_tables import body_table, joints_by_track
from ortwin.reconstruction.skeleton import JOINT, NUM_JOINTS

TIMES_NS = np.array([0, 100, 200, 300], dtype=np.int64)


def _path(name: str, times_ns: np.ndarray, unsure: str) -> BodyPath:
    num = len(times_ns)
    joints_m = np.arange(num * NUM_JOINTS * 3, dtype=np.float64).reshape(num, NUM_JOINTS, 3)
    covariance_m2 = np.broadcast_to(np.eye(3) * 0.05**2, (num, NUM_JOINTS, 3, 3)).copy()
    covariance_m2[:, JOINT[unsure]] = np.diag([0.01, 0.02, 0.03])
    seen = np.full((num, NUM_JOINTS), 2, np.uint8)
    return BodyPath(name, times_ns, joints_m, covariance_m2, seen, np.zeros((num, NUM_JOINTS), bool))


def test_joints_that_are_not_sure_are_not_known() -> None:
    first, second = _path("person_1", TIMES_NS, "left_wrist"), _path("person_2", TIMES_NS[1:3], "nose")
    table = body_table([first, second], 0, 1000)
    found = joints_by_track(table, TIMES_NS, 0.12)
    assert sorted(found) == ["person_1", "person_2"]
    known = np.isfinite(found["person_1"]).all(axis=2)
    assert not known[:, JOINT["left_wrist"]].any()
    assert known.sum() == 4 * (NUM_JOINTS - 1)
    assert np.array_equal(found["person_1"][known], first.joints_m[known])
    assert not np.isfinite(found["person_2"][[0, 3]]).any()
    assert np.array_equal(found["person_2"][1:3, JOINT["left_hip"]], second.joints_m[:, JOINT["left_hip"]])
    # sqrt((0.01 + 0.02 + 0.03) / 3) = 0.1414 m
    assert np.isfinite(joints_by_track(table, TIMES_NS, 0.142)["person_1"]).all()


def test_where_nobody_has_a_body_nobody_has_joints() -> None:
    assert joints_by_track(body_table([], 0, 1000), TIMES_NS, 0.12) == {}
