"""Compiled loops of surface_grids and surface_fusion."""

from __future__ import annotations

import numba
import numpy as np

from ._depth_view_kernel import inverse_depth_at, pixel_of

CONTINUITY = 0.03  # neighbouring pixels whose depths differ by a smaller share are one surface


@numba.njit(cache=True, nogil=True)
def cells_of(points_m, low_m, cell_m, shape):
    """Known points by cell of a grid: their order, and where each cell begins in it (cells + 1,)."""
    cell = np.empty(len(points_m), np.int64)
    begins = np.zeros(shape[0] * shape[1] * shape[2] + 1, np.int32)
    for k in range(len(points_m)):
        x = int((points_m[k, 0] - low_m[0]) / cell_m)
        y = int((points_m[k, 1] - low_m[1]) / cell_m)
        z = int((points_m[k, 2] - low_m[2]) / cell_m)
        cell[k] = (z * shape[1] + y) * shape[0] + x
        begins[cell[k] + 1] += 1
    for at in range(1, len(begins)):
        begins[at] += begins[at - 1]
    place = begins[:-1].copy()
    order = np.empty(len(points_m), np.int32)
    for k in range(len(points_m)):
        order[place[cell[k]]] = k
        place[cell[k]] += 1
    return order, begins


@numba.njit(cache=True, nogil=True)
def nearest_owner(wanted_m, known_m, owner, order, begins, low_m, cell_m, shape):
    """(n,) owner of the known point nearest to each wanted point (n, 3), -1 where none is within two cells' edges."""
    found = np.full(len(wanted_m), -1, np.int16)
    for k in range(len(wanted_m)):
        x0 = int(np.floor((wanted_m[k, 0] - low_m[0]) / cell_m))
        y0 = int(np.floor((wanted_m[k, 1] - low_m[1]) / cell_m))
        z0 = int(np.floor((wanted_m[k, 2] - low_m[2]) / cell_m))
        nearest = -1
        for reach in range(1, 3):
            least = (reach * cell_m) ** 2
            for z in range(max(z0 - reach, 0), min(z0 + reach + 1, shape[2])):
                for y in range(max(y0 - reach, 0), min(y0 + reach + 1, shape[1])):
                    for x in range(max(x0 - reach, 0), min(x0 + reach + 1, shape[0])):
                        at = (z * shape[1] + y) * shape[0] + x
                        for row in range(begins[at], begins[at + 1]):
                            dx = known_m[order[row], 0] - wanted_m[k, 0]
                            dy = known_m[order[row], 1] - wanted_m[k, 1]
                            dz = known_m[order[row], 2] - wanted_m[k, 2]
                            away = dx * dx + dy * dy + dz * dz
                            if away < least:
                                least, nearest = away, order[row]
            if nearest >= 0:
                found[k] = owner[nearest]
                break
    return found


@numba.njit(cache=True, nogil=True, error_model="numpy")
def seen_by(
    points_m, owner, normals, sigma_m, velocities_m_s, skew_s, rotation, translation_m, place_m, lens,
    inverse_depth, slope, their_sigma_m, their_owner, stride_px, gate_sigmas, gate_m, facing_cos, weight, across_m,
):  # fmt: skip
    """What another camera knows of points (n, 3) at the instant; see `surface_fusion._seen_by`."""
    height, width = inverse_depth.shape
    for k in range(len(points_m)):
        weight[k], across_m[k] = 0.0, 0.0
        velocity = velocities_m_s[owner[k]]
        wx = points_m[k, 0] + velocity[0] * skew_s
        wy = points_m[k, 1] + velocity[1] * skew_s
        wz = points_m[k, 2] + velocity[2] * skew_s
        x = rotation[0, 0] * wx + rotation[0, 1] * wy + rotation[0, 2] * wz + translation_m[0]
        y = rotation[1, 0] * wx + rotation[1, 1] * wy + rotation[1, 2] * wz + translation_m[1]
        z = rotation[2, 0] * wx + rotation[2, 1] * wy + rotation[2, 2] * wz + translation_m[2]
        u, v = pixel_of(x, y, z, lens)
        if u < 0.0:
            continue
        row, column = min(int(v + 0.5), height - 1), min(int(u + 0.5), width - 1)
        q = inverse_depth[row, column]
        if q <= 0.0 or their_owner[row // stride_px, column // stride_px] != owner[k]:
            continue
        tx, ty, tz = wx - place_m[0], wy - place_m[1], wz - place_m[2]
        facing = -(tx * normals[k, 0] + ty * normals[k, 1] + tz * normals[k, 2])
        if facing <= facing_cos * np.sqrt(tx * tx + ty * ty + tz * tz):
            continue
        distance_m = (1.0 / inverse_depth_at(inverse_depth, u, v, CONTINUITY) - z) * slope[row, column]
        if abs(distance_m) < gate_sigmas * np.hypot(sigma_m[k], their_sigma_m[row, column]) + gate_m:
            weight[k], across_m[k] = (slope[row, column] * q * q) ** 2, distance_m


@numba.njit(cache=True, nogil=True)
def joined(inverse_depth, sigma_m, step, sigmas, tangent, right, below, across):
    """Whether neighbours of a grid (r, c) are one surface: to the right, below, and from upper right to lower left."""
    height, width = inverse_depth.shape
    for row in range(height):
        for column in range(width):
            for kind in range(3):
                row_b = row + (1 if kind == 1 else 0)
                column_b = column + (1 if kind == 0 else 0)
                row_a, column_a = row, column
                if kind == 2:
                    row_a, column_a, row_b, column_b = row, column + 1, row + 1, column
                if max(row_a, row_b) >= height or max(column_a, column_b) >= width:
                    continue
                a, b = inverse_depth[row_a, column_a], inverse_depth[row_b, column_b]
                if a <= 0.0 or b <= 0.0:
                    continue
                depth_a, depth_b = 1.0 / a, 1.0 / b
                far = 1.4142135 if kind == 2 else 1.0
                most_m = sigmas * sigma_m[row_a, column_a] + tangent * far * step * min(depth_a, depth_b)
                one = abs(depth_a - depth_b) < most_m
                if kind == 0:
                    right[row, column] = one
                elif kind == 1:
                    below[row, column] = one
                else:
                    across[row, column] = one
