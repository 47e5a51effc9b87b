"""The simulated operating room: what stands is solid, people fit between it, and it looks like something."""

import numpy as np
import pytest
from ortwin.capture.camera import Intrinsics
from ortwin.capture.errors import ConfigError
from ortwin.capture.geometry import look_at
from ortwin.datasets.simulated_or.meshes import Textures
from ortwin.datasets.simulated_or.room import RoomConfig, furnish, rest_spots_m, stations, table_top_m
from ortwin.datasets.simulated_or.stations import clearance_m
from ortwin.scenegraph.vocabulary import ENTITIES

CONFIGS = {
    "plain": RoomConfig(),
    "full": RoomConfig(with_c_arm=True, num_drip_stands=3, num_cabinets=4, table_tilt_rad=0.12),
    "small": RoomConfig(length_m=6.3, width_m=5.6, doors=1, table_height_m=0.75, table_tilt_rad=-0.1),
}
BODY_M = 0.30
PLACES = (
    "surgeon", "assistant", "assistant_2", "scrub", "head", "circulating", "door_1", "door_2", "door_1_inside",
    "door_2_inside", "waiting_1", "waiting_2", "waiting_3",
)  # fmt: skip


def draw(config, seed):
    pictures = []

    def book(picture):
        pictures.append(picture)
        return len(pictures) - 1

    return furnish(config, np.random.default_rng([seed, 1]), book)


@pytest.fixture(scope="module")
def rooms():
    return {name: draw(config, seed) for seed, (name, config) in enumerate(CONFIGS.items(), start=11)}


@pytest.fixture(params=CONFIGS)
def room(rooms, request):
    return rooms[request.param]


def floor(room):
    corners = room.zones[0].polygon_m
    return corners.min(axis=0), corners.max(axis=0)


def hits(room, origins, directions):
    import open3d as o3d

    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        o3d.core.Tensor(np.ascontiguousarray(room.mesh.vertices_m, np.float32)),
        o3d.core.Tensor(np.ascontiguousarray(room.mesh.faces, np.uint32)),
    )
    rays = np.concatenate(np.broadcast_arrays(origins, directions), axis=-1).astype(np.float32)
    return {name: value.numpy() for name, value in scene.cast_rays(rays).items()}


def test_it_has_the_size_of_an_operating_room(room):
    low, high = floor(room)
    assert 35.0 - 1e-6 <= np.prod(high - low) <= 48.0
    assert room.zones[0].label == "room"
    assert 2.85 <= room.zones[0].height_m <= 3.6


def test_fixtures_have_canonical_labels_and_are_solid(room):
    labels = [fixture.label for fixture in room.fixtures]
    assert len(set(labels)) == len(labels)
    assert set(labels) <= set(ENTITIES)
    assert {"operating_table", "instrument_table", "secondary_table", "anesthesia_equipment", "monitor"} <= set(labels)
    assert {fixture.fixture_id for fixture in room.fixtures} <= {solid.fixture_id for solid in room.solids}


def test_a_c_arm_stands_only_where_it_was_asked_for(rooms):
    assert [fixture.label for fixture in rooms["full"].fixtures].count("c_arm") == 1
    assert all(fixture.label != "c_arm" for fixture in rooms["plain"].fixtures)


def test_whatever_stands_in_the_way_is_a_solid(room):
    """Every vertex between floor and head, away from the walls, lies in the box of a solid."""
    low, high = floor(room)
    vertices_m = room.mesh.vertices_m
    in_the_way = (vertices_m[:, 2] > 0.001) & (vertices_m[:, 2] < 1.95)
    in_the_way &= ((vertices_m[:, :2] > low + 0.15) & (vertices_m[:, :2] < high - 0.15)).all(axis=1)
    apart_m = np.min([solid.box.distance_m(vertices_m[in_the_way]) for solid in room.solids], axis=0)
    assert in_the_way.sum() > 1000
    assert apart_m.max() < 1e-6


def test_solids_hold_something(room):
    """Each box of furniture is as tight as its content along its own axes: a vertex lies on each of its sides."""
    furniture = [s for s in room.solids if s.label not in ("wall", "corridor", "leaf")]
    assert len(furniture) > 6
    for solid in furniture:
        local = (room.mesh.vertices_m - solid.box.center_m) @ solid.box.rotation
        half = solid.box.extent_m / 2
        mine = local[(np.abs(local) <= half + 1e-6).all(axis=1)]
        np.testing.assert_allclose(mine.max(axis=0), half, atol=1e-6)
        np.testing.assert_allclose(-mine.min(axis=0)[:2], half[:2], atol=1e-6)


def test_furniture_does_not_stand_in_furniture(room):
    things = [s for s in room.solids if s.label not in ("corridor", "leaf")]
    for i, one in enumerate(things):
        for other in things[i + 1 :]:
            if "wall" in (one.label, other.label) and one.label == other.label:
                continue
            grid = np.stack(np.meshgrid(*[np.linspace(-0.49, 0.49, 15)] * 3), axis=-1).reshape(-1, 3)
            inside = (grid * one.box.extent_m) @ one.box.rotation.T + one.box.center_m
            assert not other.box.contains(inside).any(), (one.fixture_id, other.fixture_id)


def test_the_named_places_exist_and_are_free(room):
    places = stations(room)
    assert set(PLACES) == set(places)
    points = np.stack([place for place, _ in places.values()])
    assert clearance_m(points, room.solids).min() >= 0.45
    low, high = floor(room)
    inside = ((points > low) & (points < high)).all(axis=1)
    assert {name for name, here in zip(places, inside, strict=True) if not here} == {"door_1", "door_2"}


def test_people_who_face_each_other_over_the_table_do(room):
    places = stations(room)
    top = table_top_m(room)
    for name, side in (("surgeon", -1), ("assistant", 1), ("assistant_2", 1)):
        place, heading = places[name]
        assert side * (place[1] - top.center_m[1]) > 0
        assert abs(place[0] - top.center_m[0]) < top.length_m / 2
        assert np.sin(heading) * side == pytest.approx(-1.0)
    place, heading = places["head"]
    assert place[0] > top.center_m[0] + top.length_m / 2
    assert np.cos(heading) == pytest.approx(-1.0)


@pytest.mark.parametrize(("place", "table"), [("scrub", "instrument_table"), ("circulating", "secondary_table")])
def test_who_stands_at_a_table_faces_it_within_reach(room, place, table):
    box = room.fixture(table).box
    point, heading = stations(room)[place]
    ahead = np.array([*(point + 0.6 * np.array([np.cos(heading), np.sin(heading)])), box.center_m[2]])
    assert box.contains(ahead[None]).all()


def test_there_is_room_around_the_table(room):
    """0.9 m beside both long sides and 0.7 m at the head, as a grid of points that no solid holds."""
    box = room.fixture("operating_table").box
    x, y = box.center_m[:2]
    half_x, half_y = box.extent_m[:2] / 2
    for xs, ys in (
        ((x - half_x, x + half_x), (y - half_y - 0.9, y - half_y - 0.01)),
        ((x - half_x, x + half_x), (y + half_y + 0.01, y + half_y + 0.9)),
        ((x + half_x + 0.01, x + half_x + 0.7), (y - half_y, y + half_y)),
    ):
        grid = np.stack(np.meshgrid(np.arange(xs[0], xs[1], 0.03), np.arange(ys[0], ys[1], 0.03)), axis=-1).reshape(
            -1, 2
        )
        assert clearance_m(grid, room.solids).min() > 0


def test_one_can_walk_from_the_doors_to_every_place_and_not_out_of_the_building(room):
    from scipy.ndimage import label

    step_m, edge = 0.05, 8.0
    axis = np.arange(-edge, edge, step_m)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    free = (clearance_m(grid, room.solids) > BODY_M).reshape(len(axis), len(axis))
    area = np.asarray(label(free)[0])
    numbers = {
        name: area[tuple(((place + edge) / step_m).round().astype(int))] for name, (place, _) in stations(room).items()
    }
    assert len(set(numbers.values())) == 1, numbers
    assert numbers["surgeon"] not in (0, area[0, 0])


def test_no_ray_leaves_the_building_and_every_surface_shows_its_outer_side(room):
    rng = np.random.default_rng(5)
    places = np.stack([place for place, _ in stations(room).values()])
    origins = np.column_stack([places, np.full(len(places), 1.5)])[rng.integers(len(places), size=6000)]
    directions = rng.normal(size=(6000, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    seen = hits(room, origins, directions)
    assert np.isfinite(seen["t_hit"]).all()
    towards = np.einsum("ni,ni->n", seen["primitive_normals"], directions)
    assert (towards < 0).mean() == 1.0


def test_the_mattress_lies_where_it_is_said_to(room):
    top = table_top_m(room)
    xs = np.array([-0.85, -0.4, 0.4, 0.75])
    origins = top.center_m + np.stack([xs, np.full(4, 0.1), np.full(4, 0.6)], axis=1)
    height_m = origins[:, 2] - hits(room, origins, np.array([0.0, 0.0, -1.0]))["t_hit"]
    np.testing.assert_allclose(height_m, top.center_m[2] + xs * np.tan(top.tilt_rad), atol=0.002)


def test_the_asked_height_and_tilt_of_the_table_are_kept(rooms):
    top = table_top_m(rooms["small"])
    assert top.center_m[2] == pytest.approx(0.75)
    assert top.tilt_rad == pytest.approx(-0.1)


@pytest.mark.parametrize("label", ["instrument_table", "secondary_table"])
def test_a_tool_can_be_laid_on_a_table(room, label):
    spots = rest_spots_m(room, label)
    assert len(spots) >= 4
    height_m = spots[:, 2] + 0.5 - hits(room, spots + np.array([0.0, 0.0, 0.5]), np.array([0.0, 0.0, -1.0]))["t_hit"]
    np.testing.assert_allclose(height_m, spots[:, 2], atol=0.002)
    towards_front = spots @ -room.fixture(label).box.rotation[:, 1]
    assert (np.diff(towards_front) <= 1e-9).all()


def test_light_comes_from_above_and_is_not_boxed_in(room):
    assert len(room.lamps) >= 4
    lamps = np.stack([lamp.place_m for lamp in room.lamps])
    assert (lamps[:, 2] > 1.8).all()
    seen = hits(room, lamps[:2], table_top_m(room).center_m - lamps[:2])
    assert (seen["t_hit"] > 0.97).all()


@pytest.mark.parametrize("direction", [(1, 0), (-1, 0), (0, 1), (0, -1)])
def test_every_wall_gives_features(room, direction):
    import cv2

    lens = Intrinsics(420.0, 420.0, 319.5, 239.5, 640, 480)
    eye = np.array([0.0, 0.0, 1.6]) - 0.4 * np.array([*direction, 0.0])
    pose = look_at(eye, eye + np.array([*direction, -0.05]))
    rays = lens.rays().reshape(-1, 3)
    seen = hits(room, eye, pose.rotate(rays))
    u, v = seen["primitive_uvs"].T
    face = seen["primitive_ids"].astype(np.int64)
    uv = np.einsum("nc,ncd->nd", np.stack([1 - u - v, u, v], 1), room.mesh.uv[room.mesh.faces[face]])
    image = Textures.of(room.pictures).sample(room.mesh.texture_index[face], uv).reshape(480, 640, 3)
    grey = cv2.cvtColor(image.astype(np.uint8), cv2.COLOR_RGB2GRAY)
    assert len(cv2.SIFT_create(contrastThreshold=0.05).detect(grey)) > 80


def test_the_mesh_refers_to_pictures_that_exist(room):
    assert room.mesh.texture_index.min() >= 0
    assert room.mesh.texture_index.max() < len(room.pictures)
    assert set(room.mesh.owner.tolist()) == {0}
    assert all(picture.dtype == np.uint8 and picture.ndim == 3 for picture in room.pictures)


def test_one_seed_makes_one_room(rooms):
    plain, again, other = rooms["plain"], draw(CONFIGS["plain"], 11), rooms["full"]
    assert np.array_equal(plain.mesh.vertices_m, again.mesh.vertices_m)
    assert all(np.array_equal(a, b) for a, b in zip(plain.pictures, again.pictures, strict=True))
    assert not np.array_equal(floor(plain)[1], floor(other)[1])


@pytest.mark.parametrize(
    "asked",
    [
        {"length_m": 3.0}, {"doors": 3}, {"doors": 0}, {"table_height_m": 2.0}, {"table_tilt_rad": 1.0},
        {"num_cabinets": -1}, {"length_m": 8.0, "width_m": 7.0},
    ],
)  # fmt: skip
def test_an_impossible_room_is_refused(asked):
    with pytest.raises(ConfigError):
        RoomConfig(**asked)


def test_a_room_wants_an_empty_book():
    with pytest.raises(ConfigError, match="first in their book"):
        furnish(RoomConfig(), np.random.default_rng(1), lambda picture: 7)
