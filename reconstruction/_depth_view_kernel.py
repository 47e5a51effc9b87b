"""The compiled half of depth_view: a plane through the neighbourhood of every pixel."""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True, error_model="numpy")
def fit_plane_rows(begin, end, inverse_depth, sigma_m, rays, radius_px, gate_sigmas, least_share, smooth, slope):
    """Rows [begin, end) of `depth_view.fit_planes`."""
    height, width = inverse_depth.shape
    for row in range(begin, end):
        for column in range(width):
            q = inverse_depth[row, column]
            if q <= 0.0:
                continue
            gate = gate_sigmas * sigma_m[row, column] * q * q
            n, x, y, d, xx, xy, yy, xd, yd = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for v in range(max(row - radius_px, 0), min(row + radius_px + 1, height)):
                for u in range(max(column - radius_px, 0), min(column + radius_px + 1, width)):
                    dq = inverse_depth[v, u] - q
                    reach = gate * (1 + 0.5 * max(abs(v - row), abs(u - column)))
                    if inverse_depth[v, u] <= 0.0 or abs(dq) > reach:
                        continue
                    dx, dy = rays[v, u, 0] - rays[row, column, 0], rays[v, u, 1] - rays[row, column, 1]
                    n, x, y, d = n + 1.0, x + dx, y + dy, d + dq
                    xx, xy, yy = xx + dx * dx, xy + dx * dy, yy + dy * dy
                    xd, yd = xd + dx * dq, yd + dy * dq
            if n < least_share * (2 * radius_px + 1) ** 2:
                continue
            x, y, d = x / n, y / n, d / n
            xx, xy, yy, xd, yd = xx / n - x * x, xy / n - x * y, yy / n - y * y, xd / n - x * d, yd / n - y * d
            determinant = xx * yy - xy * xy
            if determinant <= 0.02 * (xx + yy) ** 2:
                continue
            a, b = (yy * xd - xy * yd) / determinant, (xx * yd - xy * xd) / determinant
            fitted = q + d - a * x - b * y
            c = fitted - a * rays[row, column, 0] - b * rays[row, column, 1]
            smooth[row, column] = fitted
            slope[row, column] = fitted / np.sqrt(a * a + b * b + c * c)
