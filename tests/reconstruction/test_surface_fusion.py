"""Surfaces of what moves, on balls that move past cameras: their answer is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.camera import Camera, Intrinsics
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import SE3, look_at
from ortwin.capture.noise import DepthNoise
from ortwin.reconstruction.surface_fusion import FusionConfig, fuse
from ortwin.reconstruction.surface_grids import GridConfig, KnownOwners, SurfaceGrid, surface_grid
from ortwin.reconstruction.surface_mesh import (
    RESOLUTION_M,
    Patch,
    coarser,
    decode_mesh,
    encode_colors,
    encode_mesh,
)
from ortwin.reconstruction.surface_owners import TracksNow, known_owners

LENS = Intrinsics(504.0, 504.0, 319.5, 287.5, 640, 576)
NOISE, SEED = DepthNoise(), 7
CENTER_M, RADIUS_M, VELOCITY_M_S = np.array([0.0, 0.0, 1.0]), 0.2, np.array([1.0, -0.5, 0.0])
EYES = {
    "cam_1": ((2.0, 0.3, 1.8), 30_000_000), "cam_2": ((0.2, 2.1, 1.6), -35_000_000),
    "cam_3": ((-1.4, -1.5, 2.0), 5), "cam_4": ((1.6, 1.2, 1.8), -10_000_000),
}  # fmt: skip


def camera(name: str) -> Camera:
    return Camera(name, LENS, LENS, SE3.identity(), 0.001, look_at(EYES[name][0], (0.0, 0.0, 1.0)))


def picture(of: Camera, balls: list[tuple[np.ndarray, float]], seed: int) -> np.ndarray:
    """(h, w) uint16 depth of balls (centre, radius), with the noise of the sensor; 0 where there is none."""
    rays = LENS.rays().astype(np.float64)
    depth_m = np.full(rays.shape[:2], np.inf)
    tangent = np.zeros_like(depth_m)
    for center_m, radius_m in balls:
        local_m = of.world_from_depth.inverse() @ center_m
        a, b = np.einsum("ijk,ijk->ij", rays, rays), rays @ local_m
        inside = b * b - a * (local_m @ local_m - radius_m**2)
        hit = inside > 0
        root = np.sqrt(np.where(hit, inside, 0))
        near_m = np.where(hit, (b - root) / a, np.inf)
        cosine = root / np.sqrt(a) / radius_m
        front = near_m < depth_m
        depth_m = np.where(front, near_m, depth_m)
        tangent = np.where(front, np.sqrt(1 / np.clip(cosine, 0.05, 1) ** 2 - 1), tangent)
    hit = np.isfinite(depth_m)
    known_m = np.where(hit, depth_m, 1.0)
    known_m = known_m + np.random.default_rng(SEED + seed).normal(size=hit.shape) * NOISE.sigma_m(known_m, tangent)
    return np.where(hit, np.rint(known_m / 0.001), 0).astype(np.uint16)


def ball_points(center_m: np.ndarray, radius_m: float) -> np.ndarray:
    """(400, 3) float32, evenly over a ball (Fibonacci)."""
    k = np.arange(400) + 0.5
    polar, turn = np.arccos(1 - 2 * k / 400), np.pi * (1 + 5**0.5) * k
    unit = np.stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1)
    return (center_m + radius_m * unit).astype(np.float32)


def moving_ball(names: list[str], wrong_m: dict[str, float] | None = None) -> list[SurfaceGrid]:
    """One ball on its way, as cameras saw it that exposed before and after the instant; perhaps with a bias of each."""
    owners = KnownOwners(ball_points(CENTER_M, RADIUS_M), np.zeros(400, np.int16), 0.12)
    grids = []
    for seed, name in enumerate(names):
        skew_ns = EYES[name][1]
        depth_raw = picture(camera(name), [(CENTER_M + VELOCITY_M_S * skew_ns * 1e-9, RADIUS_M)], seed)
        depth_raw[depth_raw > 0] += np.int16(1000 * (wrong_m or {}).get(name, 0.0)).astype(np.uint16)
        grids.append(surface_grid(camera(name), depth_raw, depth_raw > 0, owners, skew_ns, NOISE, GridConfig()))
    return grids


def off_m(parts: list[tuple[int, Patch]]) -> np.ndarray:
    """(n,) signed distance of all vertices from the true ball, outward."""
    points_m = np.concatenate([patch.points_m for _, patch in parts])
    return np.linalg.norm(points_m - CENTER_M, axis=1) - RADIUS_M


def most_m() -> float:
    """The median distance that noise alone makes, with half as much again for slant; and what a plane does to a ball.

    A plane over (2 r + 1)^2 pixels leaves 1 / (2 r + 1) of a pixel's deviation; over a square of half width a it lies
    a^2 / (3 R) below the ball in the mean.
    """
    far_m = 2.2
    width_m = far_m / LENS.fx_px * max(1, round(GridConfig().smoothing_m * LENS.fx_px / far_m))
    pixels = 2 * width_m * LENS.fx_px / far_m + 1
    return 1.5 * 0.6745 * float(NOISE.sigma_m(np.array([far_m]))[0]) / pixels + width_m**2 / (3 * RADIUS_M)


@pytest.mark.parametrize("names", [["cam_1"], ["cam_1", "cam_2"], ["cam_1", "cam_2", "cam_3"], ["cam_3", "cam_2"]])
def test_a_moving_ball_lies_where_it_was_at_the_instant_whoever_saw_it(names):
    grids = moving_ball(names)
    (parts,) = fuse(grids, VELOCITY_M_S[None], FusionConfig())
    assert {number for number, _ in parts} == set(range(len(names)))
    assert np.median(np.abs(off_m(parts))) < most_m()
    assert abs(np.median(off_m(parts))) < most_m()


def test_without_its_velocity_the_same_ball_is_smeared():
    (parts,) = fuse(moving_ball(["cam_1", "cam_2", "cam_3"]), np.zeros((1, 3)), FusionConfig())
    assert np.median(np.abs(off_m(parts))) > 2 * most_m()


def test_cameras_that_err_apart_meet_in_the_middle():
    names, wrong_m = ["cam_1", "cam_4"], {"cam_1": 0.008, "cam_4": -0.008}
    grids = moving_ball(names, wrong_m)
    (parts,) = fuse(grids, VELOCITY_M_S[None], FusionConfig())
    (alone,) = fuse(grids, VELOCITY_M_S[None], FusionConfig(gate_sigmas=0.0, gate_m=0.0))
    assert len(off_m(parts)) < len(off_m(alone)), "what both see is there once"
    (first, second) = [off_m([part]) for part in parts]
    (first_alone, second_alone) = [off_m([part]) for part in alone]
    apart_m = abs(np.median(first_alone) - np.median(second_alone))
    assert apart_m > 0.008
    assert abs(np.median(first) - np.median(second)) < 0.7 * apart_m


def test_nobody_saw_anything():
    assert fuse([], np.zeros((2, 3)), FusionConfig()) == [[], []]
    nothing = KnownOwners(np.zeros((0, 3), np.float32), np.zeros(0, np.int16), 0.1)
    dark = np.zeros((576, 640), np.uint16)
    for owners in (nothing, KnownOwners(ball_points(CENTER_M, RADIUS_M), np.zeros(400, np.int16), 0.1)):
        grid = surface_grid(camera("cam_1"), dark, dark > 0, owners, 0, NOISE, GridConfig())
        assert fuse([grid], np.zeros((1, 3)), FusionConfig()) == [[]]
    depth_raw = picture(camera("cam_1"), [(CENTER_M, RADIUS_M)], 0)
    grid = surface_grid(camera("cam_1"), depth_raw, depth_raw > 0, nothing, 0, NOISE, GridConfig())
    assert fuse([grid], np.zeros((0, 3)), FusionConfig()) == [], "nobody's pixels make nobody's surface"


def test_two_owners_keep_apart_and_depth_is_cut_where_it_jumps():
    near_m, far_m = CENTER_M + np.array([0.5, 0.0, 0.1]), CENTER_M - np.array([0.3, 0.05, 0.0])
    balls = [(near_m, 0.12), (far_m, 0.25)]
    depth_raw = picture(camera("cam_1"), balls, 3)
    points_m = np.concatenate([ball_points(*ball) for ball in balls])
    for owner, expected in ((np.repeat([0, 1], 400), 2), (np.zeros(800), 1)):
        owners = KnownOwners(points_m, owner.astype(np.int16), 0.1)
        grid = surface_grid(camera("cam_1"), depth_raw, depth_raw > 0, owners, 0, NOISE, GridConfig())
        found = fuse([grid], np.zeros((expected, 3)), FusionConfig())
        for row, parts in enumerate(found):
            (patch,) = [patch for _, patch in parts]
            away = [
                np.abs(np.linalg.norm(patch.points_m - center_m, axis=1) - radius_m) for center_m, radius_m in balls
            ]
            of_ball = np.argmin(away, axis=0)
            assert (of_ball[patch.faces()] == of_ball[patch.faces()][:, :1]).all(), "no triangle between the balls"
            if expected == 2:
                assert (of_ball == row).mean() > 0.99


def test_a_shared_sighting_is_the_nearest_bodys_and_a_stray_hand_his_who_touches_it():
    bodies = np.stack([standing(0.0), standing(0.9)])
    joints_m = np.concatenate([bodies, np.full((1, 17, 3), np.nan)])
    tracks = TracksNow(("person_1", "person_2", "object_1"), np.array([4, 4, 5]), np.zeros((3, 3)), joints_m)
    chests = [body[5:7].mean(axis=0) + np.array([0.1, 0, -0.2]) for body in bodies]
    hand, cart = bodies[0][9] + [0.03, 0, 0], np.array([3.0, 0, 0.5])
    surfaces_m = {
        4: np.array(chests, np.float32), 5: cart[None].astype(np.float32), 6: hand[None].astype(np.float32),
        7: np.array([[9.0, 9.0, 1.0]], np.float32),
    }  # fmt: skip
    assert known_owners(surfaces_m, tracks, 0.1).owner.tolist() == [0, 1, 2, 0, -1]


def standing(y_m: float) -> np.ndarray:
    """(17, 3) somebody upright who faces +x."""
    height_m = [1.6, 1.63, 1.63, 1.6, 1.6, 1.4, 1.4, 1.1, 1.1, 0.85, 0.85, 0.9, 0.9, 0.5, 0.5, 0.08, 0.08]
    side_m = [0, 0.03, -0.03, 0.08, -0.08, 0.18, -0.18, 0.22, -0.22, 0.23, -0.23, 0.1, -0.1, 0.1, -0.1, 0.1, -0.1]
    return np.stack([np.zeros(17), np.array(side_m) + y_m, np.array(height_m)], axis=1)


def test_packets_give_back_what_went_in_to_half_a_millimetre():
    (parts,) = fuse(moving_ball(["cam_1", "cam_2", "cam_3"]), VELOCITY_M_S[None], FusionConfig())
    patches = [patch for _, patch in parts]
    points_m = np.concatenate([patch.points_m for patch in patches])
    colors_rgb = np.random.default_rng(SEED).integers(0, 256, points_m.shape).astype(np.uint8)
    packet, colors = encode_mesh(patches), encode_colors(colors_rgb)
    assert (packet, colors) == (encode_mesh(patches), encode_colors(colors_rgb))
    mesh = decode_mesh("person_1", packet, colors)
    assert np.abs(mesh.vertices_m - points_m).max() < RESOLUTION_M / 2 + 1e-6
    assert mesh.colors_rgb is not None and (mesh.colors_rgb == colors_rgb).all()
    first = np.cumsum([0, *(len(patch.points_m) for patch in patches)])
    assert (mesh.faces == np.concatenate([p.faces() + k for p, k in zip(patches, first, strict=False)])).all()
    assert decode_mesh("person_1", packet, None).colors_rgb is None
    corners = mesh.vertices_m[mesh.faces].astype(np.float64)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    outward = np.einsum("fc,fc->f", normals, corners.mean(axis=1) - CENTER_M) > 0
    assert outward.mean() > 0.99, "faces look at the camera"
    for broken in (packet[:-3], packet[:20], packet[::-1], b""):
        with pytest.raises(InputError, match="damaged"):
            decode_mesh("person_1", broken, None)
    with pytest.raises(InputError, match="damaged"):
        decode_mesh("person_1", packet, encode_colors(colors_rgb[:-1]))


def test_a_coarser_mesh_is_smaller_and_lies_on_the_same_ball():
    (parts,) = fuse(moving_ball(["cam_1", "cam_2", "cam_3"]), VELOCITY_M_S[None], FusionConfig())
    mesh = decode_mesh("person_1", encode_mesh([patch for _, patch in parts]), None)
    small = coarser(mesh, 0.03)
    assert coarser(mesh, 0.0) is mesh
    assert len(small.vertices_m) < len(mesh.vertices_m) / 3
    own = {tuple(vertex) for vertex in mesh.vertices_m.tolist()}
    assert all(tuple(vertex) in own for vertex in small.vertices_m.tolist()), "no vertex is invented"
    assert small.faces.max() < len(small.vertices_m)
    assert (np.sort(small.faces, axis=1)[:, :-1] < np.sort(small.faces, axis=1)[:, 1:]).all()
