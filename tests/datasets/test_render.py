"""The renderer against what can be worked out by hand: planes, a ball, boxes, a lamp."""

from dataclasses import replace

import numpy as np
import pytest
from ortwin.capture.camera import Camera, Intrinsics
from ortwin.capture.geometry import SE3, look_at
from ortwin.datasets.simulated_or.atlas import TO_LINEAR, Atlas
from ortwin.datasets.simulated_or.blocks import (
    BALL_PLACE_M,
    BALL_RADIUS_M,
    BOARD_M,
    BOX_M,
    HALF_X_M,
    HALF_Y_M,
    HEIGHT_M,
    PERIOD_S,
    blocks_performance,
    box_place_m,
)
from ortwin.datasets.simulated_or.camera_presets import PRESETS
from ortwin.datasets.simulated_or.caster import AMBIENT, LAMP_DISTANCE_M, LAMP_LIGHT, Caster, Lighting, Skin
from ortwin.datasets.simulated_or.lens_renderer import LensRenderer
from ortwin.datasets.simulated_or.meshes import capsule, merge, panel
from ortwin.datasets.simulated_or.performance import FIRST_THING, Lamp
from ortwin.datasets.simulated_or.render import Renderer
from ortwin.datasets.simulated_or.room_light import RoomLight

BOX, BALL, BOARD = FIRST_THING, FIRST_THING + 1, FIRST_THING + 2
PERFORMANCE = blocks_performance(seed=3, seconds=8.0)
EYE_M = np.array([-2.6, -2.2, 2.3])


def camera(kind: str, scale: float = 0.15) -> Camera:
    return PRESETS[kind].model("cam", scale).placed(look_at(EYE_M, (0.1, 0.2, 0.7)))


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(PERFORMANCE)


def rays_of(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Origin (3,) and directions (h, w, 3) in the world of a depth lens, by the book."""
    lens, pose = camera.depth, camera.world_from_depth
    v, u = np.mgrid[: lens.height_px, : lens.width_px]
    return pose.translation_m, pose.rotate(lens.back_project(np.stack([u, v], -1).astype(float), 1.0))


def enter_box(origin: np.ndarray, rays: np.ndarray, center: np.ndarray, extent: np.ndarray) -> np.ndarray:
    """(h, w) where rays from outside enter an upright box, infinite where they miss it (slab method)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        near, far = (center - extent / 2 - origin) / rays, (center + extent / 2 - origin) / rays
    begin, end = np.minimum(near, far).max(axis=-1), np.maximum(near, far).min(axis=-1)
    return np.where((begin < end) & (begin > 0), begin, np.inf)


def leave_room(origin: np.ndarray, rays: np.ndarray) -> np.ndarray:
    low, high = np.array([-HALF_X_M, -HALF_Y_M, 0.0]), np.array([HALF_X_M, HALF_Y_M, HEIGHT_M])
    with np.errstate(divide="ignore"):
        return np.where(rays > 0, (high - origin) / rays, (low - origin) / rays).min(axis=-1)


def enter_ball(origin: np.ndarray, rays: np.ndarray, radius_m: float) -> np.ndarray:
    offset = BALL_PLACE_M - origin
    a, b, c = (rays**2).sum(-1), rays @ offset, offset @ offset - radius_m**2
    with np.errstate(invalid="ignore"):
        return np.nan_to_num((b - np.sqrt(b * b - a * c)) / a, nan=np.inf)


@pytest.mark.parametrize("kind", ["azure_kinect_nfov", "azure_kinect_wfov", "realsense_d455"])
@pytest.mark.parametrize("time_s", [0.0, 3.1])
def test_depth_is_that_of_planes_boxes_and_a_ball(renderer: Renderer, kind: str, time_s: float) -> None:
    cam = camera(kind)
    view = renderer.draw(cam, time_s, with_color=False).depth
    origin, rays = rays_of(cam)
    table = PERFORMANCE.room.fixture("operating_table").box
    room_m = np.minimum(leave_room(origin, rays), enter_box(origin, rays, table.center_m, table.extent_m))
    box_m = enter_box(origin, rays, box_place_m(time_s), BOX_M)
    seen = {0: room_m, BOX: box_m}
    for number, expected in seen.items():
        mine = view.owner == number
        assert mine.sum() > 15
        # Rays are single precision over some metres; a ray along an edge may end on either side of it.
        assert np.mean(np.abs(view.depth_m[mine] - expected[mine]) < 1e-4) > 0.995
    ball = view.owner == BALL
    assert ball.sum() > 15
    # The ball is a polyhedron between two spheres (meshes.capsule); near its outline a ray slides along it.
    outer, inner = (enter_ball(origin, rays, BALL_RADIUS_M * share)[ball] for share in (1.02, 0.95))
    assert np.all(view.depth_m[ball] > outer - 1e-4)
    assert np.mean(view.depth_m[ball] < inner + 1e-4) > 0.9


def test_every_pixel_belongs_to_what_is_nearest_there(renderer: Renderer) -> None:
    cam, time_s = camera("azure_kinect_nfov", 0.3), 3.1
    view = renderer.draw(cam, time_s, with_color=False).depth
    origin, rays = rays_of(cam)
    board = PERFORMANCE.actors["board_1"].pose(time_s).inverse()
    depths = np.stack([
        np.minimum(leave_room(origin, rays), enter_box(origin, rays, *table_box())),
        enter_box(origin, rays, box_place_m(time_s), BOX_M),
        enter_ball(origin, rays, BALL_RADIUS_M),
        enter_box(board @ origin, board.rotate(rays), np.zeros(3), BOARD_M),
    ])  # fmt: skip
    nearest = np.array([0, BOX, BALL, BOARD])[depths.argmin(axis=0)]
    assert set(np.unique(nearest)) == {0, BOX, BALL, BOARD}
    wrong = (nearest != view.owner) & np.isfinite(rays).all(axis=-1)
    # Only the outline of the ball, a polyhedron, may differ: a pixel's breadth around it.
    outline = 2 * np.pi * BALL_RADIUS_M / 2.0 * cam.depth.fx_px
    assert wrong.sum() <= outline
    assert not (wrong & (nearest != BALL) & (view.owner != BALL)).any()


def table_box() -> tuple[np.ndarray, np.ndarray]:
    table = PERFORMANCE.room.fixture("operating_table").box
    return table.center_m, table.extent_m


def test_what_rests_is_kept_and_looks_the_same() -> None:
    cam, time_s = camera("azure_kinect_nfov", 0.2), 1.0
    plain, kept = Renderer(PERFORMANCE), Renderer(PERFORMANCE)
    kept.draw(cam, 0.2, (0.0, PERIOD_S / 2))
    one, other = plain.draw(cam, time_s), kept.draw(cam, time_s, (0.0, PERIOD_S / 2))
    assert np.array_equal(one.depth.depth_m, other.depth.depth_m)
    assert np.array_equal(one.depth.owner, other.depth.owner)
    assert np.array_equal(one.depth.albedo, other.depth.albedo)
    outlines = np.abs(np.subtract(one.color.color, other.color.color)).max(axis=-1) > 1e-6
    assert outlines.mean() < 0.02


def test_a_thing_that_moved_is_not_kept_where_it_was(renderer: Renderer) -> None:
    cam = camera("azure_kinect_nfov")
    spans = [(time_s, (time_s, time_s + 0.5)) for time_s in (1.0, 2.5, 3.0, 3.5)]
    views = [renderer.draw(cam, time_s, span, with_color=False).depth for time_s, span in spans]
    origin, rays = rays_of(cam)
    for (time_s, _), view in zip(spans, views, strict=True):
        mine = view.owner == BOX
        expected = enter_box(origin, rays, box_place_m(time_s), BOX_M)
        assert np.mean(np.abs(view.depth_m[mine] - expected[mine]) < 1e-4) > 0.99


def test_what_was_covered_comes_back_as_it_was(renderer: Renderer) -> None:
    """A camera keeps one view; after others have rested in it, it is the same as one in which nobody ever did."""
    cam, spans = camera("azure_kinect_nfov", 0.5), [(0.2, (0.0, PERIOD_S / 2)), (1.0, (1.0, 1.5)), (3.0, (3.0, 3.5))]
    fresh = [Renderer(renderer.performance).draw(cam, *span) for span in spans]
    for (time_s, span), expected in zip([*spans, *spans], [*fresh, *fresh], strict=True):
        view = renderer.draw(cam, time_s, span)
        for seen, true in ((view.depth, expected.depth), (view.color, expected.color)):
            assert seen is not None and true is not None
            assert all(np.array_equal(a, b) for a, b in zip(seen.images, true.images, strict=True))


@pytest.mark.parametrize("kind", ["azure_kinect_nfov", "azure_kinect_wfov"])
def test_no_pixel_of_a_triangle_is_missed_even_across_the_plane_of_the_lens(kind: str) -> None:
    """Windows around what moves must hold all of it: drawing over nothing is the same as casting every ray."""
    rng = np.random.default_rng(5)
    lens = PRESETS[kind].depth.scaled(0.1)
    pictures = Atlas.of([np.full((4, 4, 3), 200, np.uint8)])
    lighting = Lighting.of([Lamp(np.array([0.0, 0.0, 3.0]))])
    for _ in range(20):
        corner, right, down = rng.uniform(-1.5, 1.5, (3, 3))
        mesh = panel(corner, right, down, 0)
        sheet = Caster(Skin.of(mesh, pictures, 0.0), mesh.vertices_m, pictures)
        renderer = LensRenderer(lens, SE3.identity(), lighting, with_color=False)
        view = renderer.nothing()
        renderer.draw(view, sheet)
        assert np.array_equal(view.depth_m, renderer.draw_room(sheet).depth_m)


def test_light_of_a_matt_sheet_follows_the_formula() -> None:
    lens = Intrinsics(100.0, 100.0, 20.0, 20.0, 41, 41)
    pictures = Atlas.of([np.full((8, 8, 3), 128, np.uint8)])
    floor = panel(np.array([-3.0, 3.0, 0.0]), np.array([6.0, 0, 0]), np.array([0, -6.0, 0]), 0)
    room = Caster(Skin.of(floor, pictures, 0.0), floor.vertices_m, pictures)
    place, offset = np.array([0.4, 0.0, 1.5]), np.array([0.4, 0.0, 1.5])
    lighting = Lighting.of([Lamp(place)])
    renderer = LensRenderer(lens, look_at((0.0, 1e-3, 1.0), (0.0, 0.0, 0.0)), lighting, with_color=True)
    distance = np.linalg.norm(offset)
    lamp = LAMP_LIGHT * LAMP_DISTANCE_M**2 * (offset[2] / distance) / distance**2
    expected = (128 / 255) ** 2.2 * (AMBIENT + lamp)
    assert renderer.draw_room(room, RoomLight.of(room, lighting)).color[20, 20] == pytest.approx(expected, rel=2e-3)


def test_a_sheet_between_lamp_and_floor_throws_a_shadow() -> None:
    lens = Intrinsics(40.0, 40.0, 20.0, 20.0, 41, 41)
    pictures = Atlas.of([np.full((8, 8, 3), 128, np.uint8)])
    floor = panel(np.array([-3.0, 3.0, 0.0]), np.array([6.0, 0, 0]), np.array([0, -6.0, 0]), 0)
    sheet = panel(np.array([0.2, 0.7, 1.0]), np.array([1.4, 0, 0]), np.array([0, -1.4, 0]), 0)
    lighting = Lighting.of([Lamp(np.array([0.9, 0.0, 2.0]))])
    lens_at = look_at((0.0, 1e-3, 0.9), (0.9, 0.0, 0.0))
    views = []
    for mesh in (floor, merge([floor, sheet])):
        room = Caster(Skin.of(mesh, pictures, 0.0), mesh.vertices_m, pictures)
        light = RoomLight.of(room, lighting)
        views.append(LensRenderer(lens, lens_at, lighting, with_color=True).draw_room(room, light))
    # Under the middle of the sheet nothing of the lamp's disc is seen; only the light from everywhere is left.
    assert views[1].color[20, 20] == pytest.approx((128 / 255) ** 2.2 * AMBIENT, rel=2e-2)
    assert views[0].color[20, 20].min() > 1.5 * views[1].color[20, 20].max()


@pytest.mark.parametrize("gloss", [0.0, 0.5])
def test_light_that_is_looked_up_is_the_light_of_the_formula(gloss: float) -> None:
    """Where nothing throws a shadow, a room looks as a thing that moves does, up to the blend between places."""
    lens = Intrinsics(60.0, 60.0, 30.0, 30.0, 61, 61)
    pictures = Atlas.of([np.full((8, 8, 3), 128, np.uint8)])
    ball = capsule(0.0, 0.4, 0)
    floor = panel(np.array([-2.0, 2.0, -3.0]), np.array([4.0, 0, 0]), np.array([0, -4.0, 0]), 0)
    lighting = Lighting.of([Lamp(np.array([0.9, 0.3, 1.6])), Lamp(np.array([-1.2, 0.2, 1.9]), 0.7)])
    for mesh in (ball, floor):
        shape = Caster(Skin.of(mesh, pictures, gloss), mesh.vertices_m, pictures)
        renderer = LensRenderer(lens, look_at((0.1, -0.2, 1.6), (0.0, 0.0, 0.0)), lighting, with_color=True)
        hits = shape.cast(renderer._world_rays(np.arange(61 * 61)))
        looked_up = RoomLight.of(shape, lighting).shade(shape, hits, renderer.pixel_rad, lighting)
        formula = shape.shade(hits, renderer.pixel_rad, lighting)
        # Beside its outline the ball shades itself.
        front = hits.cosine > 0.6
        assert front.sum() > 300
        assert np.abs(looked_up[front] - formula[front]).max() < 0.05 * formula.max()


def test_light_does_not_depend_on_who_looks() -> None:
    """One place of the room has the same light from everywhere, but for its highlight."""
    room = PERFORMANCE.room.mesh
    atlas, lighting = Atlas.of(PERFORMANCE.pictures), Lighting.of(PERFORMANCE.room.lamps)
    shape = Caster(Skin.of(room, atlas, 0.0), room.vertices_m, atlas)
    light, target = RoomLight.of(shape, lighting), np.array([1.0, 1.0, 0.0])
    ways = [target - eye for eye in np.array([[0.0, 0.5, 2.0], [1.2, 0.4, 1.0], [0.6, 1.4, 1.5]])]
    rays = np.array([[*(target - way), *way] for way in ways], np.float32)
    hits = shape.cast(rays)
    assert np.allclose(hits.depth_m, 1.0, atol=1e-4)
    seen = light.shade(shape, hits, 0.0, lighting)
    assert np.allclose(seen, seen[0], rtol=1e-3)


def test_fine_patterns_far_away_are_grey_and_do_not_sparkle() -> None:
    checks = np.where(np.indices((512, 512)).sum(axis=0)[..., None] % 2 == 0, 255, 0).astype(np.uint8)
    pictures = Atlas.of([np.repeat(checks, 3, axis=2)])
    wall = panel(np.array([-1.0, -1.0, 4.0]), np.array([2.0, 0, 0]), np.array([0, 2.0, 0]), 0)
    sheet = Caster(Skin.of(wall, pictures, 0.0), wall.vertices_m, pictures)
    lens = Intrinsics(60.0, 60.0, 10.0, 10.0, 21, 21)
    albedo = LensRenderer(lens, SE3.identity(), Lighting.of([]), with_color=False).draw_room(sheet).albedo
    assert np.ptp(albedo) < 0.02
    assert albedo.mean() == pytest.approx(0.5, abs=0.01)


def test_a_near_picture_shows_its_own_texels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    pictures = Atlas.of([image])
    wall = panel(np.array([-0.5, -0.5, 1.0]), np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), 0)
    sheet = Caster(Skin.of(wall, pictures, 0.0), wall.vertices_m, pictures)
    lens = Intrinsics(16.0, 16.0, 7.5, 7.5, 16, 16)
    hits = sheet.cast(np.concatenate([np.zeros((256, 3)), lens.rays().reshape(-1, 3)], axis=1).astype(np.float32))
    expected = TO_LINEAR[image.reshape(-1, 3)]
    assert np.allclose(sheet.albedo(hits, 1 / 32), expected, atol=2e-3)


def test_memory_is_bounded_by_the_number_of_kept_lenses() -> None:
    renderer = Renderer(PERFORMANCE, kept_lenses=4)
    for number in range(6):
        pose = look_at(EYE_M + 0.05 * number, (0.1, 0.2, 0.7))
        renderer.draw(replace(camera("azure_kinect_nfov", 0.05), world_from_camera=pose), 0.0)
    assert renderer.num_kept == 4


def test_rays_of_whole_rows_end_where_every_single_ray_ends():
    renderer = Renderer(PERFORMANCE)
    lens = Intrinsics(200.0, 200.0, 120.0, 90.0, 241, 181)
    from_place = LensRenderer(lens, look_at(EYE_M, (0.1, 0.2, 0.7)), renderer.lighting, with_color=True)
    room, rays = renderer._room, from_place._world_rays(np.arange(241 * 181))
    light = RoomLight.of(room, renderer.lighting)
    rows, single = room.cast_rows(rays, lens.width_px), room.cast(rays)
    assert (rows.face != single.face).mean() < 1e-3
    same = (rows.face == single.face) & (single.face >= 0)
    assert (rows.between[same] > 0).mean() > 0.3
    assert np.abs(rows.depth_m - single.depth_m)[same].max() < 1e-3
    shades = [light.shade(room, hits, 1 / lens.fx_px, renderer.lighting) for hits in (rows, single)]
    assert np.quantile(np.abs(shades[0] - shades[1])[same], 0.999) < 0.02
