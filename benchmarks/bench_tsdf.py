"""Fusion beside Open3D's VoxelBlockGrid, on the same frames, voxel size and truncation.

    python benchmarks/bench_tsdf.py

`bench_tsdf` returns numbers; nothing is written. Open3D integrates colour into its voxels; we fit planes to every pixel
before (prepare) and paint vertices after meshing (mesh), and both count in the whole. Times are the best of some
repetitions, after one that warms up.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from ortwin.capture.camera import Camera, CameraModel, Intrinsics
from ortwin.capture.geometry import SE3, look_at
from ortwin.capture.noise import DepthNoise

LENS = Intrinsics(504.0, 504.0, 319.5, 287.5, 640, 576)
HALF_ROOM_M = np.array([2.6, 2.2, 1.35])
HALF_TABLE_M = np.array([0.95, 0.3, 0.45])
TABLE_M = np.array([0.0, 0.0, 0.45])


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame with its pose: depth (h, w) float32 metres, colour (h, w, 3) uint8 on the same grid."""

    camera: Camera
    depth_m: np.ndarray
    color_rgb: np.ndarray


def room_frames(num_frames: int = 8, seed: int = 0) -> list[Frame]:
    """Noisy frames of a room with a table, from cameras that hang around it."""
    rng, frames = np.random.default_rng(seed), []
    for number in range(num_frames):
        angle = 2 * np.pi * number / num_frames
        eye = np.array([2.3 * np.cos(angle), 1.9 * np.sin(angle), 2.3])
        camera = CameraModel(f"cam_{number + 1}", LENS, LENS, SE3.identity()).placed(look_at(eye, (0.0, 0.0, 0.7)))
        rays = camera.world_from_depth.rotate(LENS.rays().astype(np.float64))
        leave = _slab(eye - [0, 0, HALF_ROOM_M[2]], rays, HALF_ROOM_M)[1]
        enter, out = _slab(eye - TABLE_M, rays, HALF_TABLE_M)
        depth = np.where((enter < out) & (enter > 0), np.minimum(enter, leave), leave)
        points = eye + rays * depth[..., None]
        noisy = depth + 0.3 * DepthNoise().sigma_m(depth) * rng.standard_normal(depth.shape)
        color = (128 + 80 * np.sin(2 * points)).astype(np.uint8)
        frames.append(Frame(camera, (np.rint(noisy * 1000) / 1000).astype(np.float32), color))
    return frames


def bench_tsdf(
    frames: Sequence[Frame] | None = None, voxel_size_m: float = 0.01, repetitions: int = 3
) -> dict[str, float]:
    """Seconds per frame of both, the seconds that meshing takes, how many times faster we are, and how right both are.

    Args:
        frames: the frames; eight of a simulated room where None.
        voxel_size_m: for both; both truncate at four voxels.
        repetitions: the best one counts.
    """
    simulated = frames is None
    frames = room_frames() if frames is None else frames
    ours, theirs = _Ours(frames, voxel_size_m), _Open3d(frames, voxel_size_m)
    numbers: dict[str, float] = {"frames": len(frames), "voxel_size_m": voxel_size_m}
    for name, job in (("ours", ours), ("open3d", theirs)):
        fuse_s, fuse_cpu_s = _best(job.fuse, repetitions)
        mesh_s, _ = _best(job.mesh, repetitions)
        numbers[f"{name}_fuse_s_per_frame"] = fuse_s / len(frames)
        numbers[f"{name}_fuse_cpu_s_per_frame"] = fuse_cpu_s / len(frames)
        numbers[f"{name}_mesh_s"] = mesh_s
        prepare_s = _best(job.prepare, repetitions)[0] / len(frames)
        numbers[f"{name}_prepare_s_per_frame"] = prepare_s
        numbers[f"{name}_whole_s_per_frame"] = prepare_s + (fuse_s + mesh_s) / len(frames)
        if simulated:
            numbers[f"{name}_median_error_mm"] = 1000 * float(np.median(_error_m(job.vertices_m)))
    numbers["fuse_times_faster"] = numbers["open3d_fuse_s_per_frame"] / numbers["ours_fuse_s_per_frame"]
    numbers["whole_times_faster"] = numbers["open3d_whole_s_per_frame"] / numbers["ours_whole_s_per_frame"]
    return numbers


class _Ours:
    def __init__(self, frames: Sequence[Frame], voxel_size_m: float) -> None:
        from ortwin.reconstruction.tsdf import TsdfConfig

        self.frames = frames
        self.config = TsdfConfig(voxel_size_m, truncation_sigmas=0.0)

        self.prepare()

    def prepare(self) -> None:
        from ortwin.reconstruction.depth_view import prepare_view

        noise = DepthNoise()
        self.views = [prepare_view(f.camera, f.depth_m, 0.3 * noise.sigma_m(f.depth_m)) for f in self.frames]

    def fuse(self) -> None:
        from ortwin.reconstruction.tsdf import TsdfVolume

        self.volume = TsdfVolume.allocate(self.views, self.config)
        for view in self.views:
            self.volume.integrate(view)

    def mesh(self) -> None:
        from ortwin.reconstruction.appearance import paint_vertices
        from ortwin.reconstruction.mesh import extract_mesh

        mesh = extract_mesh(self.volume)
        paint_vertices(mesh, [f.camera for f in self.frames], self.views, [f.color_rgb for f in self.frames])
        self.vertices_m = mesh.vertices_m


class _Open3d:
    def __init__(self, frames: Sequence[Frame], voxel_size_m: float) -> None:
        import open3d as o3d

        self.o3d, self.voxel_size_m = o3d, voxel_size_m
        self.frames = [
            (
                o3d.t.geometry.Image(o3d.core.Tensor.from_numpy(np.rint(frame.depth_m * 1000).astype(np.uint16))),
                o3d.t.geometry.Image(o3d.core.Tensor.from_numpy(frame.color_rgb)),
                o3d.core.Tensor.from_numpy(frame.camera.color.matrix),
                o3d.core.Tensor.from_numpy(frame.camera.world_from_depth.inverse().matrix()),
            )
            for frame in frames
        ]

    def prepare(self) -> None:
        """Open3D takes the frames as they are."""

    def fuse(self) -> None:
        core = self.o3d.core
        self.grid = self.o3d.t.geometry.VoxelBlockGrid(
            ("tsdf", "weight", "color"), (core.float32, core.uint16, core.uint16), ((1), (1), (3)),
            self.voxel_size_m, 8, 50_000, core.Device("CPU:0"),
        )  # fmt: skip
        for depth, color, lens, depth_from_world in self.frames:
            blocks = self.grid.compute_unique_block_coordinates(depth, lens, depth_from_world, 1000.0, 8.0, 4.0)
            self.grid.integrate(blocks, depth, color, lens, lens, depth_from_world, 1000.0, 8.0, 4.0)

    def mesh(self) -> None:
        self.vertices_m = self.grid.extract_triangle_mesh(weight_threshold=0.0).vertex.positions.numpy()


def _best(work: Callable[[], None], repetitions: int) -> tuple[float, float]:
    """Wall and processor seconds of the fastest run, after one that warms up."""
    work()
    runs = []
    for _ in range(repetitions):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        runs.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(runs)


def _slab(origin: np.ndarray, rays: np.ndarray, half_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(divide="ignore"):
        a, b = (-half_m - origin) / rays, (half_m - origin) / rays
    return np.minimum(a, b).max(axis=-1), np.maximum(a, b).min(axis=-1)


def _error_m(vertices_m: np.ndarray) -> np.ndarray:
    """Distance to the surfaces of `room_frames`."""
    walls = np.abs(HALF_ROOM_M - np.abs(vertices_m - [0, 0, HALF_ROOM_M[2]])).min(axis=1)
    beyond = np.abs(vertices_m - TABLE_M) - HALF_TABLE_M
    table = np.where((beyond < 0).all(axis=1), -beyond.max(axis=1), np.linalg.norm(np.maximum(beyond, 0), axis=1))
    return np.minimum(walls, table)


if __name__ == "__main__":
    print(json.dumps({name: round(value, 4) for name, value in bench_tsdf().items()}, indent=1))
