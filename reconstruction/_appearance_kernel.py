"""The compiled half of appearance: one camera looks up every vertex."""

import numba
import numpy as np

from ._depth_view_kernel import inverse_depth_at, pixel_of

FEATHER_SHARE = 0.08
LEAST_COSINE = 0.3


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _into_lens(point, rotation, translation_m):
    x, y, z = point[0], point[1], point[2]
    return (
        rotation[0, 0] * x + rotation[0, 1] * y + rotation[0, 2] * z + translation_m[0],
        rotation[1, 0] * x + rotation[1, 1] * y + rotation[1, 2] * z + translation_m[1],
        rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z + translation_m[2],
    )


@numba.njit(nogil=True, cache=True, error_model="numpy")
def compare(
    begin, end, vertices_m, normals, rotation, translation_m, lens, inverse_depth, slope, weight, continuity, within,
    coverage, weight_sum, first, second,
):  # fmt: skip
    """Add to the sums of vertices [begin, end) what one depth image says, where it agrees and they face it."""
    height, width = inverse_depth.shape
    nowhere = np.zeros(3)
    for vertex in range(begin, end):
        x, y, z = _into_lens(vertices_m[vertex], rotation, translation_m)
        nx, ny, nz = _into_lens(normals[vertex], rotation, nowhere)
        if nx * x + ny * y + nz * z >= 0.0:
            continue
        u, v = pixel_of(x, y, z, lens)
        if u < 0.0:
            continue
        near_u, near_v = min(int(u + 0.5), width - 1), min(int(v + 0.5), height - 1)
        if inverse_depth[near_v, near_u] <= 0.0:
            continue
        residual = (1.0 / inverse_depth_at(inverse_depth, u, v, continuity) - z) * slope[near_v, near_u]
        if abs(residual) > max(within[0], within[1] + within[2] * z * z):
            continue
        cosine = max(slope[near_v, near_u] * z / np.sqrt(x * x + y * y + z * z), LEAST_COSINE)
        information = weight[near_v, near_u] / (cosine * cosine)
        coverage[vertex] += 1
        weight_sum[vertex] += information
        first[vertex] += information * residual
        second[vertex] += information * residual * residual


@numba.njit(nogil=True, cache=True, error_model="numpy")
def sample_color(
    begin, end, vertices_m, normals, rotation, translation_m, lens, image, nearest_m, shrink, tolerance, color, weight
):
    """Colour and blending weight of vertices [begin, end) that face the colour lens and are not hidden from it."""
    height, width = image.shape[0], image.shape[1]
    nowhere = np.zeros(3)
    for vertex in range(begin, end):
        x, y, z = _into_lens(vertices_m[vertex], rotation, translation_m)
        nx, ny, nz = _into_lens(normals[vertex], rotation, nowhere)
        facing = -(nx * x + ny * y + nz * z)
        distance2 = x * x + y * y + z * z
        if facing <= 0.0:
            continue
        u, v = pixel_of(x, y, z, lens)
        if u < 0.0:
            continue
        row = min(max(int((v + 0.5) * shrink), 0), nearest_m.shape[0] - 1)
        column = min(max(int((u + 0.5) * shrink), 0), nearest_m.shape[1] - 1)
        if z > nearest_m[row, column] + tolerance[0] + tolerance[1] * z * z:
            continue
        u0, v0 = min(int(u), width - 2), min(int(v), height - 2)
        a, b = u - u0, v - v0
        for channel in range(3):
            color[vertex, channel] = (1 - b) * (
                (1 - a) * image[v0, u0, channel] + a * image[v0, u0 + 1, channel]
            ) + b * ((1 - a) * image[v0 + 1, u0, channel] + a * image[v0 + 1, u0 + 1, channel])
        border = min(min(u / width, 1 - u / width), min(v / height, 1 - v / height)) / FEATHER_SHARE
        weight[vertex] = (facing / distance2) ** 2 * min(max(border, 0.02), 1.0)
