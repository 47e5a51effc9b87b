"""Compiled loops over moving pixels and points."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def lift(depth_raw, moving, rays, unit_m, rotation, translation_m, stride_px, flying_m, area_per_m2):
    """World points (n, 3) and their areas (n,) of the moving pixels on a coarser grid; see `lift_moving`."""
    height, width = depth_raw.shape
    count = 0
    for row in range(0, height, stride_px):
        for column in range(0, width, stride_px):
            if moving[row, column]:
                count += 1
    points_m = np.empty((count, 3), np.float32)
    area_m2 = np.empty(count, np.float32)
    kept = 0
    for row in range(0, height, stride_px):
        for column in range(0, width, stride_px):
            if not moving[row, column]:
                continue
            z = depth_raw[row, column] * unit_m
            flies = False
            for step in range(2):
                down, right = (1, 0) if step == 0 else (0, 1)
                if row < down or column < right or row + down >= height or column + right >= width:
                    continue
                before = depth_raw[row - down, column - right] * unit_m
                after = depth_raw[row + down, column + right] * unit_m
                if min(abs(before - z), abs(after - z)) > flying_m * (1.0 + 0.25 * z):
                    flies = True
            if flies:
                continue
            x, y = rays[row, column, 0] * z, rays[row, column, 1] * z
            for axis in range(3):
                points_m[kept, axis] = (
                    rotation[axis, 0] * x + rotation[axis, 1] * y + rotation[axis, 2] * z + translation_m[axis]
                )
            area_m2[kept] = area_per_m2 * z * z
            kept += 1
    return points_m[:kept], area_m2[:kept]


@numba.njit(cache=True, nogil=True)
def rasterize(points_m, area_m2, low_m, cell_m, num_x, num_y):
    """Sum of area and greatest height per ground cell, (num_y, num_x) each, and the cell number of each point."""
    area = np.zeros((num_y, num_x), np.float32)
    top_m = np.full((num_y, num_x), np.float32(-1.0))
    cells = np.empty(len(points_m), np.int32)
    for k in range(len(points_m)):
        x = min(max(int((points_m[k, 0] - low_m[0]) / cell_m), 0), num_x - 1)
        y = min(max(int((points_m[k, 1] - low_m[1]) / cell_m), 0), num_y - 1)
        cells[k] = y * num_x + x
        area[y, x] += area_m2[k]
        top_m[y, x] = max(top_m[y, x], points_m[k, 2])
    return area, top_m, cells


@numba.njit(cache=True, nogil=True)
def voxel_representatives(points_m, low_m, voxel_m, num_x, num_y, num_z):
    """The index of the first point in each occupied voxel, in the order of the points."""
    taken = np.zeros(num_x * num_y * num_z, np.bool_)
    chosen = np.empty(len(points_m), np.int64)
    count = 0
    for k in range(len(points_m)):
        x = min(max(int((points_m[k, 0] - low_m[0]) / voxel_m), 0), num_x - 1)
        y = min(max(int((points_m[k, 1] - low_m[1]) / voxel_m), 0), num_y - 1)
        z = min(max(int((points_m[k, 2] - low_m[2]) / voxel_m), 0), num_z - 1)
        at = (z * num_y + y) * num_x + x
        if not taken[at]:
            taken[at] = True
            chosen[count] = k
            count += 1
    return chosen[:count]
