"""Bodies and furniture do not share space: how deep the skin of those who work goes into what stands."""

import os
from collections.abc import Iterator

import numpy as np
import pytest
from ortwin.capture.errors import MissingExtraError
from ortwin.datasets.simulated_or.people import Person
from ortwin.datasets.simulated_or.performance import Performance
from ortwin.datasets.simulated_or.scenarios import ScenarioConfig, play
from ortwin.reconstruction.state import Fixture

#: Trunk, legs and arms: soft tissue over hips and thighs gives way by 2 to 4 cm where somebody leans against an edge.
DEEPEST_M = 0.04
#: Hands: who lays a tray down holds it by the ends of its rim, and the fingers below it have nowhere to go.
DEEPEST_HAND_M = 0.10
#: Deeper than this is more than a mesh of 2 cm edges hides; hardly a vertex may be.
NOTICED_M, NOTICED_SHARE = 0.02, 0.003
HAND_BONES = ("wrist", "finger", "metacarpal")
SHELL = ("wall", "corridor", "leaf")


def depths_m(played: Performance, every_s: float) -> Iterator[tuple[tuple[str, float, str], np.ndarray, np.ndarray]]:
    """Who, when and in what; how deep (n,) each vertex of her skin lies in it, 0 outside; which (n,) are of hands."""
    furniture = [solid for solid in played.room.solids if solid.label not in SHELL]
    parts = [part_of(played, solid) for solid in furniture]
    people = [one for one in played.actors.values() if isinstance(one, Person) and one.label == "person"]
    for time_s in np.arange(every_s / 2, played.duration_s, every_s).tolist():
        for person in people:
            if not played.present(person.name, time_s):
                continue
            skin_m = person.skin_m(time_s).astype(np.float64)
            hands = np.char.startswith(np.array(person.shape.bone_names), HAND_BONES[0])
            for bone in HAND_BONES[1:]:
                hands |= np.char.startswith(np.array(person.shape.bone_names), bone)
            for solid, (vertices_m, faces) in zip(furniture, parts, strict=True):
                depth_m, near = np.zeros(len(skin_m)), solid.box.contains(skin_m)
                if near.any():
                    depth_m[near] = depth_inside_m(vertices_m, faces, skin_m[near])
                yield (person.name, time_s, solid.fixture_id), depth_m, hands[person.shape.weight_bones[:, 0]]


def part_of(played: Performance, solid: Fixture) -> tuple[np.ndarray, np.ndarray]:
    """The surface of one piece of furniture: the faces of the room that its box holds."""
    mesh, box = played.room.mesh, solid.box
    local_m = np.abs((mesh.vertices_m - box.center_m) @ box.rotation)
    held = (local_m <= box.extent_m / 2 + 1e-6).all(axis=1) & (mesh.vertices_m[:, 2] > 1e-6)
    return mesh.vertices_m, mesh.faces[held[mesh.faces].all(axis=1)]


def depth_inside_m(vertices_m: np.ndarray, faces: np.ndarray, points_m: np.ndarray) -> np.ndarray:
    """(n,) how deep points (n, 3) lie inside a surface; 0 of those that it does not wind around.

    The winding number is that of van Oosterom and Strackee (1983); it takes open and self-crossing surfaces well.
    """
    import open3d as o3d

    corners, depth_m = vertices_m[faces], np.zeros(len(points_m))
    inside = np.array([turns_around(corners - point) for point in points_m]) > 0.5
    if inside.any():
        scene = o3d.t.geometry.RaycastingScene(1)
        scene.add_triangles(vertices_m.astype(np.float32), faces.astype(np.uint32))
        depth_m[inside] = scene.compute_distance(points_m[inside].astype(np.float32), nthreads=1).numpy()
    return depth_m


def turns_around(corners: np.ndarray) -> float:
    """How often triangles (f, 3 corners, 3) wind around the origin."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    long_a, long_b, long_c = (np.linalg.norm(side, axis=1) for side in (a, b, c))
    flat = long_a * long_b * long_c
    for one, two, long in ((a, b, long_c), (b, c, long_a), (c, a, long_b)):
        flat += np.einsum("ij,ij->i", one, two) * long
    return float(np.arctan2(np.einsum("ij,ij->i", a, np.cross(b, c)), flat).sum() / (2 * np.pi))


def test_what_is_in_a_block_is_found_as_deep_as_it_is():
    low, high = np.array([-0.3, -0.2, 0.1]), np.array([0.3, 0.2, 0.9])
    corner = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([face for a, b, c, d in quads for face in ((a, b, c), (a, c, d))])
    points_m = np.array([[0.0, 0.0, 0.5], [0.27, 0.0, 0.5], [0.31, 0.0, 0.5], [0.0, 0.19, 0.15], [0.0, 0.0, 0.95]])
    assert depth_inside_m(low + corner * (high - low), faces, points_m) == pytest.approx(
        [0.2, 0.03, 0, 0.01, 0], abs=1e-6
    )


def played_or_skip(name: str, seconds: float, seed: int) -> Performance:
    try:
        return play(name, ScenarioConfig(seconds=seconds, seed=seed))
    except MissingExtraError as missing:
        if os.environ.get("ORTWIN_REQUIRE_TEST_DATA") == "1":
            pytest.fail(str(missing))
        pytest.skip(f"no bodies: {missing.what}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "seconds", "seed"),
    [("turnover", 36.0, 911), ("busy", 20.0, 912), ("knee_replacement", 60.0, 913), ("pedicle_screw", 60.0, 914)],
)
def test_nobody_is_in_the_furniture(name, seconds, seed):
    noticed = total = 0
    for where, depth_m, of_hand in depths_m(played_or_skip(name, seconds, seed), every_s=1.0):
        assert depth_m[~of_hand].max() <= DEEPEST_M, where
        assert depth_m[of_hand].max() <= DEEPEST_HAND_M, where
        noticed += int((depth_m > NOTICED_M).sum())
        total += len(depth_m) if where[2] == "operating_table" else 0
    assert noticed / total <= NOTICED_SHARE
