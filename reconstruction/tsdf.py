"""A truncated signed distance field in sparse blocks: fuses depth images into one surface.

After Curless and Levoy 1996 (weighted signed distances), with blocks of 8^3 voxels that exist only near measured
surface. Each distance is measured along the surface normal, so that views at different angles agree on it. Space that
a camera sees through is carved: a voxel that lies *behind* one camera's surface, while others see it free with more
information, becomes free.

All kernels run once per view over ranges of blocks and write only to their own blocks: any number of threads gives the
same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from ..capture.errors import ConfigError, ResourceError
from ..capture.noise import DepthNoise
from .depth_view import DepthView
from .threads import in_ranges

CONTINUITY = 0.015  # neighbouring pixels whose depths differ by a smaller share are one surface
BLOCK = 8
VOXELS_PER_BLOCK = BLOCK**3


@dataclass(frozen=True, slots=True)
class TsdfConfig:
    """The resolution of the fused surface.

    Args:
        voxel_size_m: edge of a voxel.
        truncation_voxels: distances are kept up to this many voxels from the surface,
        truncation_sigmas: and up to so many standard deviations of one frame, where that is more.
        noise: that standard deviation.
        carve_ratio: how many times more information "free" needs than "behind a surface" to win.
        largest_num_voxels: refuse to use more (12 bytes each while fusing).
        num_threads: 0 = as many as this process may use; the result does not depend on it.
    """

    voxel_size_m: float = 0.015
    truncation_voxels: float = 4.0
    truncation_sigmas: float = 4.0
    noise: DepthNoise = field(default_factory=DepthNoise)
    carve_ratio: float = 2.0
    largest_num_voxels: int = 200_000_000
    num_threads: int = 0

    def __post_init__(self) -> None:
        if not (self.voxel_size_m > 0 and self.truncation_voxels >= 2):
            raise ConfigError("a distance field needs a positive voxel size and a truncation of at least 2 voxels")


@dataclass(slots=True, eq=False)
class TsdfVolume:
    """The field: allocate blocks where surface was measured, then integrate views.

    Args:
        config: the resolution.
        origin_m: (3,) centre of voxel (0, 0, 0) of block (0, 0, 0), a multiple of the voxel size.
        block_numbers: (bx, by, bz) int32, the row of each block of the bounding grid, -1 = not allocated.
        blocks: (n, 3) int32 grid position of each allocated block, in lexicographic order.
        distance_sum, weight_sum, free_sum: (n, 512) float32 accumulators; the last voxel index is x (fastest).
    """

    config: TsdfConfig
    origin_m: np.ndarray
    block_numbers: np.ndarray
    blocks: np.ndarray
    distance_sum: np.ndarray
    weight_sum: np.ndarray
    free_sum: np.ndarray

    @classmethod
    def allocate(cls, views: Iterable[DepthView], config: TsdfConfig = TsdfConfig()) -> TsdfVolume:
        """Make the blocks within half a truncation of any measured point.

        Raises:
            ResourceError: there would be more than `largest_num_voxels`.
        """
        views = list(views)
        edge_m = config.voxel_size_m * BLOCK
        bounds = np.concatenate([np.zeros((0, 6)), *(_visit(view, config) for view in views)])
        bounds = bounds[np.isfinite(bounds).all(axis=1)]
        if len(bounds) == 0:
            return cls._empty(config, np.zeros(3), np.full((1, 1, 1), -1, np.int32), np.zeros((0, 3), np.int32))
        origin_m = (np.floor(bounds[:, :3].min(axis=0) / edge_m) - 1) * edge_m
        shape = np.ceil((bounds[:, 3:].max(axis=0) - origin_m) / edge_m).astype(np.int64) + 2
        if np.prod(shape) > config.largest_num_voxels:
            raise _too_large(float(np.prod(shape)) * VOXELS_PER_BLOCK, config)
        used = np.zeros(shape, bool)
        for view in views:
            _visit(view, config, origin_m, used)
        blocks = np.argwhere(used).astype(np.int32)
        if len(blocks) * VOXELS_PER_BLOCK > config.largest_num_voxels:
            raise _too_large(len(blocks) * VOXELS_PER_BLOCK, config)
        numbers = np.full(shape, -1, np.int32)
        numbers[used] = np.arange(len(blocks), dtype=np.int32)
        return cls._empty(config, origin_m, numbers, blocks)

    @classmethod
    def _empty(cls, config: TsdfConfig, origin_m: np.ndarray, numbers: np.ndarray, blocks: np.ndarray) -> TsdfVolume:
        sums = (np.zeros((len(blocks), VOXELS_PER_BLOCK), np.float32) for _ in range(3))
        return cls(config, origin_m + config.voxel_size_m / 2, numbers, blocks, *sums)

    def integrate(self, view: DepthView) -> None:
        """Add what one view says about every allocated voxel: near its surface, or free."""
        from . import _tsdf_kernel as kernel

        depth_from_world = view.world_from_depth.inverse()
        lens = view.lens_numbers()
        config = self.config

        def work(begin: int, end: int) -> None:
            kernel.integrate(
                self.blocks, begin, end, self.origin_m, config.voxel_size_m,
                np.ascontiguousarray(depth_from_world.rotation), np.array(depth_from_world.translation_m), lens,
                view.inverse_depth, view.slope, view.weight, view.free_depth_m,
                _truncation(config), CONTINUITY,
                self.distance_sum, self.weight_sum, self.free_sum,
            )  # fmt: skip

        in_ranges(work, len(self.blocks), num_threads=config.num_threads)

    def distances_m(self) -> np.ndarray:
        """(n, 512) float32 signed distance, positive in free space, NaN where nothing was observed."""
        from . import _tsdf_kernel as kernel

        distances = np.empty_like(self.distance_sum)
        truncation_m = self.config.voxel_size_m * self.config.truncation_voxels

        def work(begin: int, end: int) -> None:
            part = slice(begin, end)
            kernel.resolve(
                self.distance_sum[part], self.weight_sum[part], self.free_sum[part],
                truncation_m, self.config.carve_ratio, distances[part],
            )  # fmt: skip

        in_ranges(work, len(self.blocks), num_threads=self.config.num_threads)
        return distances


def _too_large(num_voxels: float, config: TsdfConfig) -> ResourceError:
    return ResourceError(
        f"the room would need {num_voxels / 1e6:.0f} million voxels of {config.voxel_size_m * 1000:.0f} mm",
        why=f"more than the {config.largest_num_voxels / 1e6:.0f} million that are allowed",
        todo="choose larger voxels, or a smaller farthest_m",
    )


def _truncation(config: TsdfConfig) -> np.ndarray:
    """(3,): a depth z truncates at the larger of the first, and second + third * z^2; metres."""
    noise = config.truncation_sigmas * np.array([config.noise.constant_m, config.noise.quadratic_per_m])
    return np.array([config.voxel_size_m * config.truncation_voxels, *noise])


def _visit(
    view: DepthView, config: TsdfConfig, corner_m: np.ndarray | None = None, used: np.ndarray | None = None
) -> np.ndarray:
    """Mark the blocks near a view's surface in `used`; without it, return the bounds (rows, 6) of that surface."""
    from . import _tsdf_kernel as kernel

    height = len(view.inverse_depth)
    bounds = np.tile(np.array([np.inf] * 3 + [-np.inf] * 3), (height, 1))
    grid = np.zeros((0, 0, 0), bool) if used is None else used
    corner = np.zeros(3) if corner_m is None else corner_m

    def work(begin: int, end: int) -> None:
        kernel.mark_band(
            begin, end, view.inverse_depth, view.slope, view.lens.rays(),
            np.ascontiguousarray(view.world_from_depth.rotation), np.array(view.world_from_depth.translation_m),
            _truncation(config), corner, config.voxel_size_m * BLOCK, grid, bounds,
        )  # fmt: skip

    in_ranges(work, height, num_threads=config.num_threads, size=64)
    return bounds
