"""The per-pixel and per-triangle loops of the renderer, compiled."""

from __future__ import annotations

import math

import numba
import numpy as np

NEAREST_M = 0.02
#: A vertex normal that differs more than this from the triangle's belongs to an edge, and the edge stays sharp.
CREASE_COSINE = np.float32(0.7)


@numba.njit(cache=True, nogil=True)
def mark_cells(points_m, faces, low_x, low_y, per_x, per_y, cells):
    """Mark every cell of the plane at depth 1 in front of a lens that a triangle may touch.

    Straight edges stay straight there whatever the distortion of the lens, so the box around the corners is safe.

    Args:
        points_m: (n, 3) vertices in the lens frame.
        faces: (f, 3).
        low_x, low_y: where the cells begin.
        per_x, per_y: cells per unit.
        cells: (rows, columns) uint8, marked in place.
    """
    rows, columns = cells.shape
    for face in range(len(faces)):
        left, right, top, bottom = math.inf, -math.inf, math.inf, -math.inf
        for corner in range(3):
            a = points_m[faces[face, corner]]
            b = points_m[faces[face, (corner + 1) % 3]]
            if a[2] >= NEAREST_M:
                x, y = a[0] / a[2], a[1] / a[2]
                left, right, top, bottom = min(left, x), max(right, x), min(top, y), max(bottom, y)
            if (a[2] >= NEAREST_M) != (b[2] >= NEAREST_M):
                share = (NEAREST_M - a[2]) / (b[2] - a[2])
                x = (a[0] + share * (b[0] - a[0])) / NEAREST_M
                y = (a[1] + share * (b[1] - a[1])) / NEAREST_M
                left, right, top, bottom = min(left, x), max(right, x), min(top, y), max(bottom, y)
        if left > right:
            continue
        first_column = max((left - low_x) * per_x - 0.01, -1.0)
        last_column = min((right - low_x) * per_x + 0.01, columns + 0.0)
        first_row = max((top - low_y) * per_y - 0.01, -1.0)
        last_row = min((bottom - low_y) * per_y + 0.01, rows + 0.0)
        for row in range(max(math.floor(first_row), 0), min(math.floor(last_row) + 1, rows)):
            for column in range(max(math.floor(first_column), 0), min(math.floor(last_column) + 1, columns)):
                cells[row, column] = 1


@numba.njit(cache=True, nogil=True)
def pixels_of(cells, cell_of_pixel):
    """(m,) int64 flat numbers of the pixels whose cell is marked; `cell_of_pixel` (n,) is -1 where there is no ray."""
    flat = cells.ravel()
    found = np.empty(len(cell_of_pixel), np.int64)
    count = 0
    for pixel in range(len(cell_of_pixel)):
        cell = cell_of_pixel[pixel]
        if cell >= 0 and flat[cell]:
            found[count] = pixel
            count += 1
    return found[:count].copy()


@numba.njit(cache=True, nogil=True)
def world_rays(rays, pixels, rotation, origin_m, shift):
    """(m, 6) float32 origins and directions in the world of the rays (n, 3) of some pixels (m,), shifted by (2,)."""
    out = np.empty((len(pixels), 6), np.float32)
    for i in range(len(pixels)):
        pixel = np.uintp(pixels[i])
        x, y, z = rays[pixel, 0] + shift[0], rays[pixel, 1] + shift[1], rays[pixel, 2]
        for k in range(3):
            out[i, k] = origin_m[k]
            out[i, 3 + k] = rotation[k, 0] * x + rotation[k, 1] * y + rotation[k, 2] * z
    return out


@numba.njit(cache=True, nogil=True)
def vertex_normals(points_m, faces):
    """(n, 3) float32 unit normals of vertices: the mean of the triangles around them, weighted by area."""
    sums = np.zeros((len(points_m), 3), np.float32)
    for face in range(len(faces)):
        i, j, k = faces[face]
        ax, ay, az = points_m[j, 0] - points_m[i, 0], points_m[j, 1] - points_m[i, 1], points_m[j, 2] - points_m[i, 2]
        bx, by, bz = points_m[k, 0] - points_m[i, 0], points_m[k, 1] - points_m[i, 1], points_m[k, 2] - points_m[i, 2]
        x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        for corner in (i, j, k):
            sums[corner, 0] += x
            sums[corner, 1] += y
            sums[corner, 2] += z
    for vertex in range(len(sums)):
        x, y, z = sums[vertex]
        length = max(math.sqrt(x * x + y * y + z * z), 1e-20)
        for k in range(3):
            sums[vertex, k] = sums[vertex, k] / length
    return sums


@numba.njit(cache=True, nogil=True, inline="always")
def smooth_normal(barycentric, normals, face, gx, gy, gz):
    """The unit normal at a place of a face between those of its corners; its own (gx, gy, gz) tells creases."""
    nx, ny, nz = np.float32(0), np.float32(0), np.float32(0)
    s, t = barycentric
    for corner in range(3):
        weight = np.float32(1.0) - s - t if corner == 0 else (s if corner == 1 else t)
        mx, my, mz = normals[face[corner]]
        along = mx * gx + my * gy + mz * gz
        if along < 0:
            mx, my, mz, along = -mx, -my, -mz, -along
        if along < CREASE_COSINE:
            mx, my, mz = gx, gy, gz
        nx += weight * mx
        ny += weight * my
        nz += weight * mz
    scale = max(math.sqrt(nx * nx + ny * ny + nz * nz), 1e-9)
    return nx / scale, ny / scale, nz / scale


@numba.njit(cache=True, nogil=True)
def shade(albedo, rays, face_of, barycentric, normal, depth_m, faces, normals, gloss,
          lamps, power, lit, ambient):  # fmt: skip
    """(m, 3) float32 linear light that hits send back to the lens.

    Lambert for the body of a surface and Blinn's (1977) highlight for its gloss; lamps fall off with the square of the
    distance, and what comes from walls and ceiling is a little stronger from above.

    Args:
        albedo: (m, 3).
        rays: (m, 6) origins and directions, a direction as long as depth 1.
        face_of, barycentric, normal, depth_m: of each hit; a face of -1 stays black.
        faces, normals, gloss: (f, 3), (n, 3) and (f,) of the mesh.
        lamps, power: (l, 3) and (l,), power in light at one metre.
        lit: (m, l + 1) float32 share of each lamp, and of the light from everywhere, or (0, l + 1) for all of it.
        ambient: light from everywhere.
    """
    out = np.zeros((len(face_of), 3), np.float32)
    shadows = len(lit) > 0
    for i in range(len(face_of)):
        face = face_of[i]
        if face < 0:
            continue
        gx, gy, gz = normal[i]
        dx, dy, dz = rays[i, 3], rays[i, 4], rays[i, 5]
        length = math.sqrt(dx * dx + dy * dy + dz * dz)
        vx, vy, vz = -dx / length, -dy / length, -dz / length
        if gx * vx + gy * vy + gz * vz < 0:
            gx, gy, gz = -gx, -gy, -gz
        nx, ny, nz = smooth_normal(barycentric[i], normals, faces[face], gx, gy, gz)
        px, py, pz = rays[i, 0] + dx * depth_m[i], rays[i, 1] + dy * depth_m[i], rays[i, 2] + dz * depth_m[i]
        light = ambient * (0.8 + 0.2 * nz) * (lit[i, len(lamps)] if shadows else np.float32(1.0))
        highlight = 0.0
        shine = gloss[face]
        for lamp in range(len(lamps)):
            seen = lit[i, lamp] if shadows else 1.0
            if seen <= 0:
                continue
            lx, ly, lz = lamps[lamp, 0] - px, lamps[lamp, 1] - py, lamps[lamp, 2] - pz
            square = max(lx * lx + ly * ly + lz * lz, 0.09)
            distance = math.sqrt(square)
            lx, ly, lz = lx / distance, ly / distance, lz / distance
            slope = nx * lx + ny * ly + nz * lz
            if slope <= 0:
                continue
            strength = seen * power[lamp] * slope / square
            light += strength
            if shine > 0:
                hx, hy, hz = lx + vx, ly + vy, lz + vz
                middle = math.sqrt(hx * hx + hy * hy + hz * hz)
                if middle > 1e-6:
                    half = (nx * hx + ny * hy + nz * hz) / middle
                    if half > 0.85:  # below, the fortieth power is less than a hundredth
                        highlight += strength * shine * half**40
        out[i, 0] = albedo[i, 0] * light + highlight
        out[i, 1] = albedo[i, 1] * light + highlight
        out[i, 2] = albedo[i, 2] * light + highlight
    return out


@numba.njit(cache=True, nogil=True)
def keep_front(depth_m, face, behind_m):
    """Turn hits (m,) into misses, in place, where the layer behind them (m,) is nearer; returns how many are left."""
    kept = 0
    for i in range(len(face)):
        if face[i] >= 0 and behind_m[i] > 0 and depth_m[i] >= behind_m[i]:
            face[i] = -1
        kept += face[i] >= 0
    return kept


@numba.njit(cache=True, nogil=True)
def lay_over(pixels, face, values, image):
    """Write the values (m,) of hits into a flat image (n,), in place."""
    for i in range(len(pixels)):
        if face[i] >= 0:
            image[pixels[i]] = values[i]


@numba.njit(cache=True, nogil=True)
def lay_over_colors(pixels, face, colors, image):
    """The same for colours (m, 3) and (n, 3)."""
    for i in range(len(pixels)):
        if face[i] >= 0:
            pixel = np.uintp(pixels[i])
            image[pixel, 0], image[pixel, 1], image[pixel, 2] = colors[i, 0], colors[i, 1], colors[i, 2]


@numba.njit(cache=True, nogil=True)
def lay_over_faces(pixels, face, values, image):
    """Write the values (f,) of the faces that were hit into a flat image (n,), in place."""
    for i in range(len(pixels)):
        if face[i] >= 0:
            image[pixels[i]] = values[face[i]]


@numba.njit(cache=True, nogil=True)
def edges_among(pixels, owner, depth_m, width, step):
    """(k,) positions among `pixels` where the owner changes, or the depth by a share `step`, to a neighbour."""
    found = np.empty(len(pixels), np.int64)
    count, last = 0, len(owner)
    for i in range(len(pixels)):
        pixel = pixels[i]
        for offset in (-width, -1, 1, width):
            other = pixel + offset
            if other < 0 or other >= last:
                continue
            if owner[other] != owner[pixel] or (
                owner[pixel] != 0 and abs(depth_m[other] - depth_m[pixel]) > step * depth_m[pixel]
            ):
                found[count] = i
                count += 1
                break
    return found[:count].copy()


@numba.njit(cache=True, nogil=True)
def mix_samples(pixels, face, values, behind, image, share):
    """Add a share of one more sample of some pixels, in place: what was hit, or what is `behind` (m, 3) of nothing."""
    for i in range(len(pixels)):
        for k in range(3):
            value = values[i, k] if face[i] >= 0 else behind[i, k]
            image[pixels[i], k] += share * (value - image[pixels[i], k])
