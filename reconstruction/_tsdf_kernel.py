"""The compiled half of tsdf and of everything that looks up a pixel of a depth image."""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True, error_model="numpy")
def distort_point(x: float, y: float, lens: np.ndarray) -> tuple[float, float]:
    """Ideal image-plane coordinates to those that the lens gives; the same formulas as `Intrinsics.distort`."""
    r2 = x * x + y * y
    if lens[6] == 1.0:
        k1, k2, p1, p2, k3, k4, k5, k6 = (
            lens[8], lens[9], lens[10], lens[11], lens[12], lens[13], lens[14], lens[15],
        )  # fmt: skip
        radial = (1 + r2 * (k1 + r2 * (k2 + r2 * k3))) / (1 + r2 * (k4 + r2 * (k5 + r2 * k6)))
        return (
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        )
    radius = np.sqrt(r2)
    if radius < 1e-12:
        return x, y
    theta = np.arctan(radius)
    t2 = theta * theta
    scale = theta * (1 + t2 * (lens[8] + t2 * (lens[9] + t2 * (lens[10] + t2 * lens[11])))) / radius
    return x * scale, y * scale


@numba.njit(nogil=True, cache=True, error_model="numpy")
def pixel_of(x: float, y: float, z: float, lens: np.ndarray) -> tuple[float, float]:
    """The pixel (u, v) of a point in the lens frame; (-1, -1) where it is behind the lens or off the image."""
    if z <= 0.05:
        return -1.0, -1.0
    px, py = x / z, y / z
    if px * px + py * py > lens[7]:
        return -1.0, -1.0
    if lens[6] != 0.0:
        px, py = distort_point(px, py, lens)
    u, v = px * lens[0] + lens[2], py * lens[1] + lens[3]
    if u <= -0.5 or v <= -0.5 or u >= lens[4] - 0.5 or v >= lens[5] - 0.5:
        return -1.0, -1.0
    return max(u, 0.0), max(v, 0.0)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def inverse_depth_at(inverse_depth: np.ndarray, u: float, v: float, continuity: float) -> float:
    """Inverse depth between pixels: blended where the four neighbours are one surface, else the nearest pixel's."""
    height, width = inverse_depth.shape
    u0, v0 = min(int(u), width - 2), min(int(v), height - 2)
    q00, q01 = inverse_depth[v0, u0], inverse_depth[v0, u0 + 1]
    q10, q11 = inverse_depth[v0 + 1, u0], inverse_depth[v0 + 1, u0 + 1]
    low, high = min(min(q00, q01), min(q10, q11)), max(max(q00, q01), max(q10, q11))
    if high - low <= continuity * high:
        a, b = u - u0, v - v0
        return (1 - b) * ((1 - a) * q00 + a * q01) + b * ((1 - a) * q10 + a * q11)
    return inverse_depth[min(int(v + 0.5), height - 1), min(int(u + 0.5), width - 1)]


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
