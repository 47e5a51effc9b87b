"""The compiled half of tsdf."""

import numba
import numpy as np

from ._depth_view_kernel import inverse_depth_at, pixel_of


@numba.njit(nogil=True, cache=True, error_model="numpy")
def mark_band(
    begin, end, inverse_depth, slope, rays, rotation, translation_m, truncation, corner_m, edge_m, used, bounds
):
    """Visit points on, before and behind the measured surface of image rows [begin, end), half a truncation apart.

    With an empty grid `used`, bounds (rows, 6) takes the lowest and highest coordinates of each row; else the blocks of
    the points are marked in the grid.
    """
    for row in range(begin, end):
        for column in range(inverse_depth.shape[1]):
            q = inverse_depth[row, column]
            if q <= 0.0:
                continue
            margin = 0.5 * max(truncation[0], truncation[1] + truncation[2] / (q * q))
            reach = min(margin / max(slope[row, column], 0.2), 4 * margin)
            for side in range(-1, 2):
                depth = 1.0 / q + side * reach
                x, y, z = rays[row, column, 0] * depth, rays[row, column, 1] * depth, rays[row, column, 2] * depth
                wx = rotation[0, 0] * x + rotation[0, 1] * y + rotation[0, 2] * z + translation_m[0]
                wy = rotation[1, 0] * x + rotation[1, 1] * y + rotation[1, 2] * z + translation_m[1]
                wz = rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z + translation_m[2]
                if used.size:
                    i, j = int((wx - corner_m[0]) / edge_m), int((wy - corner_m[1]) / edge_m)
                    used[i, j, int((wz - corner_m[2]) / edge_m)] = True
                    continue
                bounds[row, 0], bounds[row, 3] = min(bounds[row, 0], wx), max(bounds[row, 3], wx)
                bounds[row, 1], bounds[row, 4] = min(bounds[row, 1], wy), max(bounds[row, 4], wy)
                bounds[row, 2], bounds[row, 5] = min(bounds[row, 2], wz), max(bounds[row, 5], wz)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _in_view(blocks, block, origin_m, voxel_m, rotation, translation_m, lens):
    """Whether any voxel of a block can lie on the image: the ball around the block against the border of the image."""
    radius = 4 * np.sqrt(3.0) * voxel_m
    wx = origin_m[0] + (blocks[block, 0] * 8 + 3.5) * voxel_m
    wy = origin_m[1] + (blocks[block, 1] * 8 + 3.5) * voxel_m
    wz = origin_m[2] + (blocks[block, 2] * 8 + 3.5) * voxel_m
    x = rotation[0, 0] * wx + rotation[0, 1] * wy + rotation[0, 2] * wz + translation_m[0]
    y = rotation[1, 0] * wx + rotation[1, 1] * wy + rotation[1, 2] * wz + translation_m[1]
    z = rotation[2, 0] * wx + rotation[2, 1] * wy + rotation[2, 2] * wz + translation_m[2]
    if z < -radius:
        return False
    if z < 2 * radius:
        return True
    reach = radius * (1 + np.sqrt(x * x + y * y) / z) / (z - radius)
    if np.sqrt(x * x + y * y) / z - reach > np.sqrt(lens[7]):
        return False
    if lens[6] != 0.0:
        return True
    u, v = x / z * lens[0] + lens[2], y / z * lens[1] + lens[3]
    margin = reach * max(lens[0], lens[1]) + 1
    return u > -margin and v > -margin and u < lens[4] + margin and v < lens[5] + margin


@numba.njit(nogil=True, cache=True, error_model="numpy")
def integrate(
    blocks, begin, end, origin_m, voxel_m, rotation, translation_m, lens,
    inverse_depth, slope, weight, free_depth_m, truncation, continuity,
    distance_sum, weight_sum, free_sum,
):  # fmt: skip
    height, width = inverse_depth.shape
    for block in range(begin, end):
        if not _in_view(blocks, block, origin_m, voxel_m, rotation, translation_m, lens):
            continue
        for row in range(64):
            wx = origin_m[0] + (blocks[block, 0] * 8) * voxel_m
            wy = origin_m[1] + (blocks[block, 1] * 8 + row % 8) * voxel_m
            wz = origin_m[2] + (blocks[block, 2] * 8 + row // 8) * voxel_m
            x0 = rotation[0, 0] * wx + rotation[0, 1] * wy + rotation[0, 2] * wz + translation_m[0]
            y0 = rotation[1, 0] * wx + rotation[1, 1] * wy + rotation[1, 2] * wz + translation_m[1]
            z0 = rotation[2, 0] * wx + rotation[2, 1] * wy + rotation[2, 2] * wz + translation_m[2]
            for i in range(8):
                step = i * voxel_m
                z = z0 + rotation[2, 0] * step
                u, v = pixel_of(x0 + rotation[0, 0] * step, y0 + rotation[1, 0] * step, z, lens)
                if u < 0.0:
                    continue
                near_u, near_v = min(int(u + 0.5), width - 1), min(int(v + 0.5), height - 1)
                q = inverse_depth[near_v, near_u]
                if q <= 0.0:
                    continue
                truncation_m = max(truncation[0], truncation[1] + truncation[2] / (q * q))
                distance = (1.0 / q - z) * slope[near_v, near_u]
                if distance < -2 * truncation_m:
                    continue
                voxel = row * 8 + i
                if distance <= 2 * truncation_m:
                    distance = (1.0 / inverse_depth_at(inverse_depth, u, v, continuity) - z) * slope[near_v, near_u]
                    if distance < -truncation_m:
                        continue
                information = weight[near_v, near_u]
                if distance > truncation_m:
                    if free_depth_m[near_v, near_u] > z + truncation_m:
                        free_sum[block, voxel] += information
                    continue
                if distance < -voxel_m:
                    information *= (distance + truncation_m) / (truncation_m - voxel_m)
                distance_sum[block, voxel] += information * distance
                weight_sum[block, voxel] += information


@numba.njit(nogil=True, cache=True, error_model="numpy")
def resolve(distance_sum, weight_sum, free_sum, truncation_m, carve_ratio, distances):
    for block in range(distances.shape[0]):
        for voxel in range(distances.shape[1]):
            weight, free = weight_sum[block, voxel], free_sum[block, voxel]
            if weight <= 0.0:
                distances[block, voxel] = truncation_m if free > 0.0 else np.nan
                continue
            distance = distance_sum[block, voxel] / weight
            distances[block, voxel] = truncation_m if distance < 0.0 and free > carve_ratio * weight else distance
