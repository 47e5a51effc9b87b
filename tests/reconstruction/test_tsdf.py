"""Fusion and meshing, on fields and walls whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.camera import Camera, Intrinsics
from ortwin.capture.errors import ConfigError, InputError, ResourceError
from ortwin.capture.geometry import SE3, look_at
from ortwin.reconstruction.depth_view import DepthViewConfig, lens_numbers, prepare_view
from ortwin.reconstruction.mesh import connected_parts, extract_mesh, face_areas_m2, in_large_parts, select_faces
from ortwin.reconstruction.tsdf import BLOCK, TsdfConfig, TsdfVolume

LENS = Intrinsics(250.0, 250.0, 159.5, 119.5, 320, 240)
BENT = Intrinsics(250.0, 250.0, 159.5, 119.5, 320, 240, "brown_conrady", np.array([0.1, -0.05, 0.001, -0.002, 0.01]))
FISHEYE = Intrinsics(180.0, 180.0, 159.5, 119.5, 320, 240, "fisheye", np.array([0.02, -0.01, 0.0, 0.0]))
NOISE_M = 0.004


def camera(eye_m: tuple, target_m: tuple, lens: Intrinsics = LENS) -> Camera:
    return Camera("cam", lens, lens, SE3.identity(), world_from_camera=look_at(eye_m, target_m))


def wall_depth(place: Camera, normal: np.ndarray, offset_m: float, half_m: float = 0.8) -> np.ndarray:
    """Depth of the square part of the plane normal . p = offset within half_m of its middle; 0 beside it."""
    rays = place.world_from_depth.rotate(LENS.rays() if place.depth is LENS else place.depth.rays())
    eye = place.world_from_depth.translation_m
    depth = (offset_m - eye @ normal) / (rays @ normal)
    points = eye + rays * depth[..., None]
    near = np.linalg.norm(points - normal * offset_m, axis=-1) < half_m
    return np.where(near & (depth > 0), depth, 0).astype(np.float32)


def sphere_volume(radius_m: float, center_m: np.ndarray, config: TsdfConfig) -> TsdfVolume:
    """A field that is exact in every voxel."""
    size = 6
    numbers = np.full((size + 2,) * 3, -1, np.int32)
    numbers[1:-1, 1:-1, 1:-1] = np.arange(size**3).reshape((size,) * 3)
    volume = TsdfVolume._empty(config, np.zeros(3), numbers, np.argwhere(numbers >= 0).astype(np.int32))
    index = np.arange(BLOCK**3)
    offset = np.stack([index % 8, index // 8 % 8, index // 64], axis=1)
    place = volume.origin_m + (volume.blocks[:, None] * BLOCK + offset) * config.voxel_size_m
    volume.distance_sum[:] = np.linalg.norm(place - center_m, axis=-1) - radius_m
    volume.weight_sum[:] = 1.0
    return volume


def test_a_sphere_becomes_a_closed_sphere() -> None:
    radius_m, center_m, config = 0.2, np.array([0.48, 0.47, 0.49]), TsdfConfig(0.015)
    mesh = extract_mesh(sphere_volume(radius_m, center_m, config))
    outwards = mesh.vertices_m - center_m
    distance = np.linalg.norm(outwards, axis=1)
    # A chord of one cell diagonal d sinks d^2 / 8r below the sphere; vertices average crossings that lie on it.
    sag_m = 3 * config.voxel_size_m**2 / (8 * radius_m)
    assert np.abs(distance - radius_m).max() < 2 * sag_m
    edges = np.sort(np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]]), axis=1)
    _, uses = np.unique(edges, axis=0, return_counts=True)
    assert (uses == 2).all()
    assert len(mesh.vertices_m) - len(uses) + len(mesh.faces) == 2
    assert (np.einsum("ni,ni->n", mesh.normals, outwards) > 0.95 * distance).all()
    assert face_areas_m2(mesh).sum() == pytest.approx(4 * np.pi * radius_m**2, rel=0.02)


def test_the_mesh_ends_where_knowledge_ends() -> None:
    config = TsdfConfig(0.015)
    volume = sphere_volume(0.2, np.array([0.48, 0.48, 0.48]), config)
    unseen = volume.blocks[:, 0] >= 4
    volume.weight_sum[unseen] = 0
    mesh = extract_mesh(volume)
    border_m = volume.origin_m[0] + 4 * BLOCK * config.voxel_size_m
    assert mesh.vertices_m[:, 0].max() < border_m
    assert mesh.vertices_m[:, 0].min() < 0.3


def test_noisy_views_fuse_to_a_wall_within_their_noise() -> None:
    normal, offset_m, rng = np.array([0.0, -1.0, 0.0]), -2.0, np.random.default_rng(0)
    volume, views = None, []
    for eye in ((-0.8, 0.0, 0.2), (0.0, 0.2, 0.0), (0.9, 0.1, -0.1)):
        place = camera(eye, (0.0, 2.0, 0.0))
        depth = wall_depth(place, normal, offset_m)
        noisy = np.where(depth > 0, depth + rng.normal(0, NOISE_M, depth.shape), 0).astype(np.float32)
        views.append(prepare_view(place, noisy, np.full_like(depth, NOISE_M)))
    volume = TsdfVolume.allocate(views, TsdfConfig(0.02))
    for view in views:
        volume.integrate(view)
    mesh = extract_mesh(volume)
    error_m = mesh.vertices_m @ normal - offset_m
    inner = np.linalg.norm(mesh.vertices_m[:, [0, 2]], axis=1) < 0.7
    assert inner.sum() > 0.8 * np.pi * 0.7**2 / 0.02**2
    assert abs(np.median(error_m[inner])) < NOISE_M / 10
    assert np.std(error_m[inner]) < NOISE_M
    assert (mesh.normals[inner] @ normal > 0.9).mean() > 0.99


def test_cameras_a_centimetre_apart_make_one_surface() -> None:
    normal, views = np.array([0.0, -1.0, 0.0]), []
    for eye, bias_m in (((-0.5, 0.0, 0.0), -0.005), ((0.5, 0.0, 0.0), 0.005)):
        place = camera(eye, (0.0, 2.0, 0.0))
        views.append(
            prepare_view(place, wall_depth(place, normal, -2.0 - bias_m), np.full((240, 320), NOISE_M, np.float32))
        )
    volume = TsdfVolume.allocate(views, TsdfConfig(0.015))
    for view in views:
        volume.integrate(view)
    mesh = extract_mesh(volume)
    columns = np.floor(mesh.vertices_m[:, [0, 2]] / 0.015).astype(int)
    inner = np.linalg.norm(mesh.vertices_m[:, [0, 2]], axis=1) < 0.6
    _, per_column = np.unique(columns[inner], axis=0, return_counts=True)
    assert np.abs(mesh.vertices_m[inner] @ normal + 2.0).max() < 0.006
    assert per_column.mean() < 1.5


def test_what_other_cameras_see_through_is_carved() -> None:
    normal, config = np.array([0.0, -1.0, 0.0]), TsdfConfig(0.02)
    ghost = camera((0.0, 0.0, 0.0), (0.0, 2.0, 0.0))
    depth = wall_depth(ghost, normal, -2.0)
    depth[100:140, 140:180] = 1.2
    views = [prepare_view(ghost, depth, np.full_like(depth, NOISE_M))]
    for eye in ((-0.7, 0.0, 0.3), (0.7, 0.0, 0.3), (0.0, 0.0, -0.6), (0.6, 0.2, -0.4)):
        place = camera(eye, (0.0, 2.0, 0.0))
        clean = wall_depth(place, normal, -2.0)
        views.append(prepare_view(place, clean, np.full_like(clean, NOISE_M)))

    def floating_m2(chosen: list) -> float:
        volume = TsdfVolume.allocate(views, config)
        for view in chosen:
            volume.integrate(view)
        mesh = extract_mesh(volume)
        return float(face_areas_m2(mesh)[mesh.vertices_m[mesh.faces[:, 0], 1] < 1.6].sum())

    assert floating_m2(views[:1]) > 0.02
    assert floating_m2(views) == 0.0


def test_any_number_of_threads_gives_the_same_bytes() -> None:
    place = camera((0.0, 0.0, 0.0), (0.3, 2.0, 0.1))
    depth = wall_depth(place, np.array([0.0, -1.0, 0.0]), -2.0, 2.0)
    view = prepare_view(place, depth, np.full_like(depth, NOISE_M))
    results = []
    for num_threads in (1, 4):
        volume = TsdfVolume.allocate([view], TsdfConfig(0.01, num_threads=num_threads))
        volume.integrate(view)
        mesh = extract_mesh(volume)
        results.append((mesh.vertices_m.tobytes(), mesh.faces.tobytes(), mesh.normals.tobytes()))
    assert results[0] == results[1]


@pytest.mark.parametrize("lens", [LENS, BENT, FISHEYE])
def test_the_kernels_see_the_lens_that_the_camera_has(lens: Intrinsics) -> None:
    from ortwin.reconstruction._depth_view_kernel import pixel_of

    rng = np.random.default_rng(1)
    pixels = rng.uniform([2, 2], [lens.width_px - 3, lens.height_px - 3], (200, 2))
    points = lens.back_project(pixels, rng.uniform(0.5, 4.0, 200))
    found = np.array([pixel_of(*point, lens_numbers(lens)) for point in points])
    assert np.allclose(found, pixels, atol=1e-6)
    assert pixel_of(0.0, 0.0, -1.0, lens_numbers(lens)) == (-1.0, -1.0)


def test_small_loose_parts_go() -> None:
    config = TsdfConfig(0.015)
    volume = sphere_volume(0.2, np.array([0.48, 0.48, 0.48]), config)
    index = np.arange(BLOCK**3)
    offset = np.stack([index % 8, index // 8 % 8, index // 64], axis=1)
    place = volume.origin_m + (volume.blocks[:, None] * BLOCK + offset) * config.voxel_size_m
    crumb = np.linalg.norm(place - 0.2, axis=-1) - 0.03
    volume.distance_sum[:] = np.minimum(volume.distance_sum, crumb)
    mesh = extract_mesh(volume)
    assert connected_parts(mesh.faces, len(mesh.vertices_m)).max() == 1
    everything = np.ones(len(mesh.faces), bool)
    kept, used = select_faces(mesh, in_large_parts(mesh, everything, 0.02))
    assert connected_parts(kept.faces, len(kept.vertices_m)).max() == 0
    assert np.array_equal(kept.vertices_m, mesh.vertices_m[used])
    assert not in_large_parts(mesh, everything, 10.0).any()


def test_flying_pixels_and_wrong_sizes_are_refused() -> None:
    place = camera((0.0, 0.0, 0.0), (0.0, 2.0, 0.0))
    depth = wall_depth(place, np.array([0.0, -1.0, 0.0]), -2.0, 2.0)
    depth[120, 160] = 1.5
    depth[50, 60] = np.nan
    view = prepare_view(place, depth, np.full_like(depth, NOISE_M), DepthViewConfig())
    assert view.inverse_depth[120, 160] == 0
    assert view.inverse_depth[50, 60] == 0
    assert view.inverse_depth[120, 165] == pytest.approx(1 / 2.0, rel=1e-3)
    with pytest.raises(InputError, match="320x240"):
        prepare_view(place, depth[:100], np.ones_like(depth[:100]))
    with pytest.raises(ResourceError, match="million voxels"):
        TsdfVolume.allocate([view], TsdfConfig(0.01, largest_num_voxels=10_000))
    with pytest.raises(ConfigError):
        TsdfConfig(voxel_size_m=0.0)


def test_nothing_measured_is_an_empty_mesh() -> None:
    place = camera((0.0, 0.0, 0.0), (0.0, 2.0, 0.0))
    view = prepare_view(place, np.zeros((240, 320), np.float32), np.zeros((240, 320), np.float32))
    volume = TsdfVolume.allocate([view], TsdfConfig())
    volume.integrate(view)
    assert len(extract_mesh(volume).faces) == 0
