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
        x, y, z = rays[pixels[i]]
        x, y = x + shift[0], y + shift[1]
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


@numba.njit(cache=True, nogil=True)
def texel_density(points_m, faces, uv, texture_index, height, width):
    """(f,) float32 texels per metre on each triangle, at the full size of its picture."""
    density = np.empty(len(faces), np.float32)
    for face in range(len(faces)):
        i, j, k = faces[face]
        a, b = points_m[j] - points_m[i], points_m[k] - points_m[i]
        x, y, z = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
        area = math.sqrt(x * x + y * y + z * z)
        p, q = uv[j] - uv[i], uv[k] - uv[i]
        picture = texture_index[face]
        texels = abs(p[0] * q[1] - p[1] * q[0]) * height[picture, 0] * width[picture, 0]
        density[face] = math.sqrt(texels / max(area, 1e-12))
    return density


@numba.njit(cache=True, nogil=True, inline="always")
def _texel(texels, offset, height, width, u, v, to_linear):
    """Linear light of one level of a picture at (u, v), bilinear, clamped at the borders."""
    x = min(max(u * np.float32(width) - np.float32(0.5), np.float32(0)), np.float32(width - 1))
    y = min(max(v * np.float32(height) - np.float32(0.5), np.float32(0)), np.float32(height - 1))
    left, top = int(x), int(y)
    right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
    fx, fy = np.float32(x - left), np.float32(y - top)
    one = np.float32(1.0)
    above, below = offset + top * width, offset + bottom * width
    w00, w01, w10, w11 = (one - fx) * (one - fy), fx * (one - fy), (one - fx) * fy, fx * fy
    a, b, c, d = texels[above + left], texels[above + right], texels[below + left], texels[below + right]
    red = w00 * to_linear[a[0]] + w01 * to_linear[b[0]] + w10 * to_linear[c[0]] + w11 * to_linear[d[0]]
    green = w00 * to_linear[a[1]] + w01 * to_linear[b[1]] + w10 * to_linear[c[1]] + w11 * to_linear[d[1]]
    blue = w00 * to_linear[a[2]] + w01 * to_linear[b[2]] + w10 * to_linear[c[2]] + w11 * to_linear[d[2]]
    return red, green, blue


@numba.njit(cache=True, nogil=True, error_model="numpy")
def sample_albedo(face_of, barycentric, depth_m, cosine, pixel_rad, faces, uv, texture_index, density,
                  texels, offset, height, width, to_linear):  # fmt: skip
    """(m, 3) float32 reflectance in [0, 1], linear, of hits (m,), from the level that fits the size of a pixel.

    Args:
        face_of, barycentric, depth_m, cosine: (m,), (m, 2), (m,), (m,) of each hit; a face of -1 stays black.
        pixel_rad: how wide a pixel sees.
        faces, uv, texture_index, density: of the mesh.
        texels, offset, height, width: of the atlas.
        to_linear: (256,) float32, light of a display value.
    """
    out = np.zeros((len(face_of), 3), np.float32)
    last = offset.shape[1] - 1
    for i in range(len(face_of)):
        face = face_of[i]
        if face < 0:
            continue
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        s, t = barycentric[i, 0], barycentric[i, 1]
        r = np.float32(1.0) - s - t
        u = r * uv[a, 0] + s * uv[b, 0] + t * uv[c, 0]
        v = r * uv[a, 1] + s * uv[b, 1] + t * uv[c, 1]
        footprint = depth_m[i] * pixel_rad * density[face] / math.sqrt(max(cosine[i], np.float32(0.05)))
        level = min(math.log2(max(footprint, np.float32(1.0))), np.float32(last - 1))
        fine = int(level)
        share = np.float32(level - fine)
        k = texture_index[face]
        red, green, blue = _texel(texels, offset[k, fine], height[k, fine], width[k, fine], u, v, to_linear)
        if share > 0.02:
            coarse = fine + 1
            red_2, green_2, blue_2 = _texel(
                texels, offset[k, coarse], height[k, coarse], width[k, coarse], u, v, to_linear
            )
            red += share * (red_2 - red)
            green += share * (green_2 - green)
            blue += share * (blue_2 - blue)
        out[i, 0], out[i, 1], out[i, 2] = red, green, blue
    return out


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
def keep_front(pixels, depth_m, face, behind_m):
    """Turn hits (m,) into misses, in place, where the layer behind them (n,) is nearer; returns how many are left."""
    kept = 0
    for i in range(len(pixels)):
        behind = behind_m[pixels[i]]
        if face[i] >= 0 and behind > 0 and depth_m[i] >= behind:
            face[i] = -1
        kept += face[i] >= 0
    return kept


@numba.njit(cache=True, nogil=True)
def lay_over(pixels, face, values, image):
    """Write the values (m, ...) of hits into a flat image (n, ...), in place."""
    for i in range(len(pixels)):
        if face[i] >= 0:
            image[pixels[i]] = values[i]


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
    """Add a share of one more sample of some pixels, in place: what was hit, or the layer behind where nothing was."""
    for i in range(len(pixels)):
        for k in range(3):
            value = values[i, k] if face[i] >= 0 else behind[pixels[i], k]
            image[pixels[i], k] += share * (value - image[pixels[i], k])
