"""The compiled half of depth_view: a plane through the neighbourhood of every pixel, and the pixel of a point and what
lies there.
"""

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
