"""Compiled loops around the casting of rays: what their answers mean, and which rays of a picture need not be cast."""

from __future__ import annotations

import math

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def settle_hits(rays, t_hit, primitive, normal):
    """Depth (m,) with 0 = nothing, cosine of incidence (m,), and face (m,) int32 with -1 = nothing."""
    depth_m = np.zeros(len(rays), np.float32)
    cosine = np.zeros(len(rays), np.float32)
    face = np.full(len(rays), -1, np.int32)
    for i in range(len(rays)):
        if math.isfinite(t_hit[i]):
            dx, dy, dz = rays[i, 3], rays[i, 4], rays[i, 5]
            length = math.sqrt(dx * dx + dy * dy + dz * dz)
            along = dx * normal[i, 0] + dy * normal[i, 1] + dz * normal[i, 2]
            depth_m[i], cosine[i], face[i] = t_hit[i], abs(along) / length, primitive[i]
    return depth_m, cosine, face


@numba.njit(cache=True, nogil=True)
def put_hits(some, depth_m, cosine, face, barycentric, normal,
             to_depth_m, to_cosine, to_face, to_barycentric, to_normal):  # fmt: skip
    """Write hits (k, ...) to their places `some` (k,) among others, in place."""
    for i in range(len(some)):
        place = some[i]
        to_depth_m[place], to_cosine[place], to_face[place] = depth_m[i], cosine[i], face[i]
        to_barycentric[place, 0], to_barycentric[place, 1] = barycentric[i, 0], barycentric[i, 1]
        for k in range(3):
            to_normal[place, k] = normal[i, k]


@numba.njit(cache=True, nogil=True)
def lattice(count, width):
    """(k,) int64 of every second pixel of every second row among `count` pixels in whole rows, borders included."""
    rows = count // width
    found = np.empty(((rows + 2) // 2 + 1) * ((width + 2) // 2 + 1), np.int64)
    size = 0
    for row in range(rows):
        if row % 2 == 0 or row == rows - 1:
            for column in range(width):
                if column % 2 == 0 or column == width - 1:
                    found[size] = row * width + column
                    size += 1
    return found[:size].copy()


@numba.njit(cache=True, nogil=True)
def settle_between(rays, width, points_m, faces, depth_m, cosine, face, barycentric, normal, between):
    """Fill in, in place, the pixels whose neighbours on the lattice lie on one triangle; (k,) int64 of all others.

    `between` (m,) uint8 becomes 1 where these neighbours are left and right, 2 above and below, 3 at the corners.

    A triangle seen through a lens is convex, so that a pixel between two of its pixels is one of its own; the place
    on it follows from its plane. Only what is thinner than a pixel of the lattice could stand before it.
    """
    rows = len(rays) // width
    left = np.empty(len(rays), np.int64)
    count = 0
    for row in range(rows):
        odd_row = row % 2 == 1 and row < rows - 1
        for column in range(width):
            odd_column = column % 2 == 1 and column < width - 1
            if not odd_row and not odd_column:
                continue
            i = row * width + column
            up, side = width if odd_row else 0, 1 if odd_column else 0
            one = face[i - up - side]
            same = one >= 0 and face[i + up + side] == one and face[i - up + side] == one
            if same and face[i + up - side] == one:
                ax, ay, az = points_m[faces[one, 0]]
                bx, by, bz = points_m[faces[one, 1]]
                cx, cy, cz = points_m[faces[one, 2]]
                bx, by, bz, cx, cy, cz = bx - ax, by - ay, bz - az, cx - ax, cy - ay, cz - az
                ox, oy, oz = rays[i, 0] - ax, rays[i, 1] - ay, rays[i, 2] - az
                dx, dy, dz = rays[i, 3], rays[i, 4], rays[i, 5]
                # Moeller and Trumbore 1997.
                px, py, pz = dy * cz - dz * cy, dz * cx - dx * cz, dx * cy - dy * cx
                along = bx * px + by * py + bz * pz
                if abs(along) > np.float32(1e-9):
                    s = (ox * px + oy * py + oz * pz) / along
                    qx, qy, qz = oy * bz - oz * by, oz * bx - ox * bz, ox * by - oy * bx
                    t = (dx * qx + dy * qy + dz * qz) / along
                    if s > -1e-3 and t > -1e-3 and s + t < 1.001:
                        near = i - up - side
                        depth_m[i] = (cx * qx + cy * qy + cz * qz) / along
                        face[i], barycentric[i, 0], barycentric[i, 1] = one, s, t
                        nx, ny, nz = normal[near, 0], normal[near, 1], normal[near, 2]
                        normal[i, 0], normal[i, 1], normal[i, 2] = nx, ny, nz
                        length = math.sqrt(dx * dx + dy * dy + dz * dz)
                        cosine[i] = abs(dx * nx + dy * ny + dz * nz) / length
                        between[i] = side + 2 * (up > 0)
                        continue
            left[count] = i
            count += 1
    return left[:count].copy()
