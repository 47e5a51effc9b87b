"""Tools: true shapes, tips that are tips, grips that hold, tracks without jumps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ortwin.capture.errors import ConfigError
from ortwin.capture.geometry import SE3
from ortwin.datasets.simulated_or.meshes import Textures
from ortwin.datasets.simulated_or.performance import Actor, ToolActor
from ortwin.datasets.simulated_or.tools import BLEND_S, TOOL_LABELS, Tool, ToolTrack, blend, tool_shape
from ortwin.scenegraph.vocabulary import canonical_name

PICTURES = []


def book(picture):
    PICTURES.append(picture)
    return len(PICTURES) - 1


SHAPES = {label: tool_shape(label, book, np.random.default_rng(7)) for label in TOOL_LABELS}
POINTED = [label for label in TOOL_LABELS if SHAPES[label].tip_m is not None]


def caster(mesh):
    import open3d as o3d

    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        o3d.core.Tensor(np.ascontiguousarray(mesh.vertices_m, np.float32)),
        o3d.core.Tensor(np.ascontiguousarray(mesh.faces, np.uint32)),
    )
    return scene


def hits(mesh, origins, directions):
    rays = np.concatenate(np.broadcast_arrays(origins, directions), axis=-1).astype(np.float32)
    return {name: value.numpy() for name, value in caster(mesh).cast_rays(rays).items()}


@pytest.mark.parametrize("label", TOOL_LABELS)
def test_a_tool_is_made_of_closed_parts_that_look_outwards(label):
    import trimesh

    mesh = SHAPES[label].mesh
    solid = trimesh.Trimesh(mesh.vertices_m, mesh.faces, process=False)
    solid.merge_vertices(merge_tex=True, merge_norm=True)
    for part in solid.split(only_watertight=False):
        assert part.is_watertight
        assert part.volume > 0


@pytest.mark.parametrize("label", TOOL_LABELS)
def test_a_tool_is_of_a_size_that_a_hand_can_use(label):
    extent_m = np.ptp(SHAPES[label].mesh.vertices_m, axis=0)
    assert 0.1 < extent_m.max() < 0.5
    assert np.median(extent_m) < 0.3


@pytest.mark.parametrize("label", TOOL_LABELS)
def test_labels_are_canonical(label):
    assert canonical_name(label) == label == SHAPES[label].label


@pytest.mark.parametrize("label", POINTED)
def test_the_tip_is_the_farthest_point_along_the_axis_and_on_the_surface(label):
    shape = SHAPES[label]
    assert shape.axis is not None and shape.tip_m is not None
    assert np.linalg.norm(shape.axis) == pytest.approx(1.0)
    reach_m = (shape.mesh.vertices_m @ shape.axis).max()
    assert shape.tip_m @ shape.axis == pytest.approx(reach_m, abs=0.003)
    assert caster(shape.mesh).compute_distance(shape.tip_m[None].astype(np.float32)).numpy()[0] < 0.003


@pytest.mark.parametrize("side", ["grip", "grip_left"])
@pytest.mark.parametrize("label", TOOL_LABELS)
def test_the_palm_faces_what_it_holds(label, side):
    """It is near the palm, and lies before the palm or the fingers."""
    shape = SHAPES[label]
    tool_from_hand = getattr(shape, side)
    palm_m = tool_from_hand.translation_m
    near_m = caster(shape.mesh).compute_distance(palm_m[None].astype(np.float32)).numpy()[0]
    assert near_m < 0.04
    x, z = (side.ravel() for side in np.meshgrid(np.linspace(-0.03, 0.03, 13), np.linspace(0.0, 0.08, 9)))
    skin = tool_from_hand @ np.stack([x, np.full_like(x, -0.01), z], axis=1)
    assert (hits(shape.mesh, skin, tool_from_hand.rotation[:, 1])["t_hit"] < 0.06).any()


@pytest.mark.parametrize("label", POINTED)
def test_the_tip_lies_ahead_of_the_hand(label):
    shape = SHAPES[label]
    for tool_from_hand in (shape.grip, shape.grip_left):
        ahead = tool_from_hand.inverse() @ shape.tip_m
        assert ahead[2] > 0.05 or ahead[1] > 0.0


@pytest.mark.parametrize("label", TOOL_LABELS)
def test_a_lying_tool_touches_the_table_and_does_not_reach_below(label):
    shape = SHAPES[label]
    place_m = np.array([0.3, -0.2, 0.9])
    lowest_m = (shape.lying(place_m, 0.7) @ shape.mesh.vertices_m)[:, 2].min()
    assert lowest_m == pytest.approx(0.9, abs=1e-9)


def test_the_faces_of_a_marker_array_are_read_where_they_are_said_to_be():
    import cv2

    shape, textures = SHAPES["marker_array"], Textures.of(PICTURES)
    detector = cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50))
    assert len(shape.markers) == 5
    for number, corners_m in shape.markers.items():
        right, down = corners_m[1] - corners_m[0], corners_m[3] - corners_m[0]
        steps = (np.arange(240) + 0.5) / 200 - 0.1  # the marker is 200 pixels wide, after 20 of border
        origins = corners_m[0] + steps[None, :, None] * right + steps[:, None, None] * down
        inwards = np.cross(right, down) / np.linalg.norm(np.cross(right, down))
        seen = hits(shape.mesh, (origins - 0.1 * inwards).reshape(-1, 3), inwards)
        face = np.where(np.isfinite(seen["t_hit"]), seen["primitive_ids"], 0).astype(np.int64)
        u, v = seen["primitive_uvs"].T
        uv = np.einsum("nc,ncd->nd", np.stack([1 - u - v, u, v], 1), shape.mesh.uv[shape.mesh.faces[face]])
        image = textures.sample(shape.mesh.texture_index[face], uv).reshape(240, 240, 3)
        image[~np.isfinite(seen["t_hit"]).reshape(240, 240)] = 255
        found, ids, _ = detector.detectMarkers(image.astype(np.uint8))
        assert ids.ravel().tolist() == [number]
        np.testing.assert_allclose(found[0][0], [[20, 20], [220, 20], [220, 220], [20, 220]], atol=2.0)


def test_an_unknown_tool_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'hammer'"):
        tool_shape("hamer", book, np.random.default_rng(0))


def test_the_same_seed_makes_the_same_tool():
    one, two = (tool_shape("marker_array", lambda picture: 0, np.random.default_rng(3)) for _ in range(2))
    other = tool_shape("marker_array", lambda picture: 0, np.random.default_rng(4))
    assert list(one.markers) == list(two.markers) != list(other.markers)


def pose_at(x, turn_rad=0.0):
    return SE3.exp(np.array([0.0, 0.3 * turn_rad, turn_rad, x, 0.2 * x, 1.0]))


def hand(time_s):
    return SE3.exp(np.array([0.2 * np.sin(time_s), 0.0, time_s, np.cos(time_s), np.sin(time_s), 1.1]))


def same(one, two, atol=1e-9):
    return np.allclose(one.matrix(), two.matrix(), atol=atol)


def test_a_held_tool_stays_in_the_palm():
    grip = SHAPES["drill"].grip
    track = ToolTrack(grip).rest(0.0, pose_at(0.0)).held(2.0, hand)
    for time_s in (2.0 + BLEND_S, 3.1, 7.7):
        assert same(hand(time_s).inverse() @ track.pose(time_s), grip.inverse())


def test_a_tool_in_another_grip_stays_in_that():
    held = pose_at(0.1, 1.0)
    track = ToolTrack(SE3.identity()).held(0.0, hand, held)
    assert same(track.pose(4.0), hand(4.0) @ held)


def test_a_led_tool_follows():
    track = ToolTrack(SE3.identity()).along(0.0, lambda time_s: pose_at(time_s))
    assert same(track.pose(1.7), pose_at(1.7))


def test_a_tool_glides_from_where_it_was():
    track = ToolTrack(SE3.identity()).rest(0.0, pose_at(0.0)).rest(1.0, pose_at(0.4, 1.2))
    assert same(track.pose(1.0), pose_at(0.0))
    assert same(track.pose(1.0 + BLEND_S / 2), blend(pose_at(0.0), pose_at(0.4, 1.2), 0.5))
    assert same(track.pose(1.0 + BLEND_S), pose_at(0.4, 1.2))


def test_half_of_a_turn_is_half_of_its_angle():
    middle = blend(pose_at(0.0), pose_at(0.0, 1.0), 0.5)
    first = pose_at(0.0).inverse() @ middle
    second = middle.inverse() @ pose_at(0.0, 1.0)
    assert same(first, second)


legs = st.lists(
    st.tuples(st.floats(0.02, 1.0), st.sampled_from(["rest", "still", "held", "along"]), st.floats(-0.5, 0.5)),
    min_size=1, max_size=6,
)  # fmt: skip


def told(steps):
    track, time_s = ToolTrack(SHAPES["saw"].grip), 0.0
    for wait_s, verb, x in steps:
        time_s += wait_s
        if verb == "held":
            track.held(time_s, hand)
        elif verb == "along":
            track.along(time_s, lambda at_s, x=x: pose_at(x + 0.3 * at_s))
        else:
            track.rest(time_s, pose_at(0.1 if verb == "still" else x))
    return track


@settings(max_examples=25, deadline=None)
@given(legs)
def test_a_track_never_jumps(steps):
    """Neither where a change begins nor where it ends: what is led or held here covers a few micrometres in one."""
    track = told(steps)
    begins_s = np.cumsum([wait_s for wait_s, _, _ in steps])
    for time_s in (*begins_s, *(begins_s + BLEND_S)):
        before, after = track.pose(time_s - 1e-6), track.pose(time_s + 1e-6)
        assert same(before, after, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(legs, st.floats(0.0, 6.0), st.floats(0.0, 1.5))
def test_what_does_not_move_is_where_it_was(steps, begin_s, seconds):
    track = told(steps)
    if not track.moves(begin_s, begin_s + seconds):
        for share in np.linspace(0, 1, 5):
            assert same(track.pose(begin_s + share * seconds), track.pose(begin_s))


def test_a_tool_moves_while_it_glides_and_not_while_it_rests():
    track = (
        ToolTrack(SE3.identity())
        .rest(0.0, pose_at(0.0))
        .rest(1.0, pose_at(0.4))
        .rest(3.0, pose_at(0.4))
        .held(5.0, hand)
    )
    assert not track.moves(0.0, 1.0)
    assert track.moves(0.9, 1.1)
    assert track.moves(1.2, 1.3)
    assert not track.moves(1.0 + BLEND_S, 5.0)
    assert track.moves(4.9, 5.1)
    assert track.moves(7.0, 8.0)


def test_a_track_is_told_in_order():
    with pytest.raises(ConfigError, match="order of time"):
        ToolTrack(SE3.identity()).rest(2.0, pose_at(0.0)).rest(1.0, pose_at(0.0))


def test_an_empty_track_has_no_pose():
    with pytest.raises(ConfigError, match="empty"):
        ToolTrack(SE3.identity()).pose(0.0)


def test_a_tool_is_an_actor_whose_vertices_are_its_shape_moved_by_its_pose():
    shape = SHAPES["hammer"]
    tool: ToolActor = Tool("hammer_1", shape, 103, ToolTrack(shape.grip).rest(0.0, pose_at(1.0)).held(1.0, hand))
    assert isinstance(tool, Actor)
    assert (tool.name, tool.label) == ("hammer_1", "hammer")
    assert set(tool.mesh.owner.tolist()) == {103}
    np.testing.assert_allclose(tool.mesh.vertices_m, tool.vertices_m(0.0), atol=1e-5)
    at = tool.vertices_m(2.5)
    assert at.dtype == np.float32
    np.testing.assert_allclose(at, tool.pose(2.5) @ shape.mesh.vertices_m, atol=1e-5)
