"""The loops of light and shadow in the resting room, compiled."""

from __future__ import annotations

import math

import numba
import numpy as np

from ._render_kernel import smooth_normal

GOLDEN_RAD = 2.399963229728653
#: Farther from the normal than this, the fortieth power of a half vector's cosine is nearly nothing.
HIGHLIGHT_COSINE = np.float32(0.9)


@numba.njit(cache=True, nogil=True, inline="always")
def _normal(points_m, face):
    """The unit normal of a face; one without an area looks up."""
    i, j, k = face
    ax, ay, az = points_m[j, 0] - points_m[i, 0], points_m[j, 1] - points_m[i, 1], points_m[j, 2] - points_m[i, 2]
    bx, by, bz = points_m[k, 0] - points_m[i, 0], points_m[k, 1] - points_m[i, 1], points_m[k, 2] - points_m[i, 2]
    x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
    length = math.sqrt(x * x + y * y + z * z)
    if length < 1e-20:
        return 0.0, 0.0, 1.0
    return x / length, y / length, z / length


@numba.njit(cache=True, nogil=True)
def places_on(points_m, faces, face_of, barycentric):
    """(n, 3) float32 places on faces (n,) in the world, and the normals of these faces."""
    places, normals = np.empty((len(face_of), 3), np.float32), np.empty((len(face_of), 3), np.float32)
    for i in range(len(face_of)):
        face = faces[face_of[i]]
        s, t = barycentric[i]
        normals[i] = _normal(points_m, face)
        for k in range(3):
            a, b, c = points_m[face[0], k], points_m[face[1], k], points_m[face[2], k]
            places[i, k] = a + s * (b - a) + t * (c - a)
    return places, normals


@numba.njit(cache=True, nogil=True)
def flat_faces(points_m, faces, normals):
    """(f,) bool: the normals (n, 3) at the corners of a face are its own."""
    flat = np.ones(len(faces), np.bool_)
    for face in range(len(faces)):
        x, y, z = _normal(points_m, faces[face])
        for corner in faces[face]:
            flat[face] &= normals[corner, 0] * x + normals[corner, 1] * y + normals[corner, 2] * z > 0.99999
    return flat


@numba.njit(cache=True, nogil=True)
def turns(places):
    """(n,) float32 angles of chance that depend on nothing but the millimetre at which a place lies."""
    out = np.empty(len(places), np.float32)
    for i in range(len(places)):
        mixed = np.uint32(2166136261)
        for k in range(3):
            mixed = np.uint32((mixed ^ np.uint32(np.int64(math.floor(places[i, k] * 1000.0 + 0.5)))) * 16777619)
            mixed = np.uint32(mixed ^ (mixed >> np.uint32(15)))
        out[i] = np.float32(2 * math.pi / 4294967296.0) * mixed
    return out


@numba.njit(cache=True, nogil=True)
def in_front(places, normals, lamp):
    """(k,) positions of the places (n, 3) whose front a lamp (3,) can light."""
    found, count = np.empty(len(places), np.int64), 0
    for i in range(len(places)):
        along = 0.0
        for k in range(3):
            along += normals[i, k] * (lamp[k] - places[i, k])
        if along > 0:
            found[count] = i
            count += 1
    return found[:count].copy()


@numba.njit(cache=True, nogil=True)
def lamp_rays(places, normals, chosen, turn, lamp, radius_m, sample, samples, short_of_m, lift_m):
    """(k, 6) float32 rays from places towards points of a lamp's level disc, each as long as the way.

    Args:
        places, normals: (n, 3) of the surfaces.
        chosen: (k,) positions of places.
        turn: (n,) by which the spiral of samples on the disc (Vogel 1979) is turned, radians.
        lamp: (3,) centre.
        radius_m: of the disc.
        sample, samples: which sample of how many.
        short_of_m: how far before the lamp whatever is in the way counts as its housing.
        lift_m: how far off the surface a ray begins.
    """
    out = np.zeros((len(chosen), 6), np.float32)
    wide, spiral = radius_m * math.sqrt((sample + 0.5) / samples), sample * GOLDEN_RAD
    for number in range(len(chosen)):
        i = chosen[number]
        x, y, z = places[i] + lift_m * normals[i]
        dx = lamp[0] + wide * math.cos(spiral + turn[i]) - x
        dy = lamp[1] + wide * math.sin(spiral + turn[i]) - y
        dz = lamp[2] - z
        distance = max(math.sqrt(dx * dx + dy * dy + dz * dz), 1e-6)
        share = max(1.0 - short_of_m / distance, 1e-3)
        out[number, 0], out[number, 1], out[number, 2] = x, y, z
        out[number, 3], out[number, 4], out[number, 5] = dx * share, dy * share, dz * share
    return out


@numba.njit(cache=True, nogil=True)
def sky_rays(places, normals, turn, length_m, sample, samples, lift_m):
    """(n, 6) float32 rays of a length into the half space over each surface, by the cosine (Malley's method).

    Args:
        places, normals: (n, 3) of the surfaces.
        turn: (n,) by which the spiral of samples is turned, radians.
        length_m: of the rays.
        sample, samples: which sample of how many.
        lift_m: how far off the surface a ray begins.
    """
    out = np.zeros((len(places), 6), np.float32)
    wide = (sample + 0.5) / samples
    radius, up = math.sqrt(wide), math.sqrt(1.0 - wide)
    for i in range(len(places)):
        nx, ny, nz = normals[i]
        sign = 1.0 if nz >= 0 else -1.0
        a = -1.0 / (sign + nz)
        b = nx * ny * a
        angle = sample * GOLDEN_RAD + turn[i]
        p, q = radius * math.cos(angle), radius * math.sin(angle)
        out[i, :3] = places[i] + lift_m * normals[i]
        out[i, 3] = length_m * (p * (1.0 + sign * nx * nx * a) + q * b + up * nx)
        out[i, 4] = length_m * (p * sign * b + q * (sign + ny * ny * a) + up * ny)
        out[i, 5] = length_m * (-p * sign * nx - q * ny + up * nz)
    return out


@numba.njit(cache=True, nogil=True, error_model="numpy")
def shade_baked(albedo, rays, face_of, barycentric, normal, depth_m, faces, normals, flat, gloss, lamps, power,
                corners, start, columns, rows, diffuse, seen, between, row_px):  # fmt: skip
    """(m, 3) float32 linear light that hits of the room send back to the lens; as _render_kernel.shade, looked up.

    Args:
        albedo, rays, face_of, barycentric, normal, depth_m, faces, normals, gloss, lamps, power: see there.
        flat: (f,) bool, faces with one normal.
        corners, start, columns, rows: of the charts, see LightCharts.
        diffuse, seen: (n,) and (n, l) at the places of the charts, see RoomLight.
        between, row_px: (m,) uint8, see _cast_kernel.settle_between, or (0,): light of these comes from around them.
    """
    out = np.zeros((len(face_of), 3), np.float32)
    one, cell, weight = np.float32(1.0), np.zeros(4, np.int64), np.zeros(4, np.float32)
    for i in range(len(face_of)):
        face = face_of[i]
        if face < 0 or (len(between) > 0 and between[i] != 0):
            continue
        s, t = barycentric[i, 0], barycentric[i, 1]
        r = one - s - t
        x = r * corners[face, 0, 0] + s * corners[face, 1, 0] + t * corners[face, 2, 0]
        y = r * corners[face, 0, 1] + s * corners[face, 1, 1] + t * corners[face, 2, 1]
        width = columns[face]
        left = min(max(int(x), 0), width - 2)
        top = min(max(int(y), 0), rows[face] - 2)
        fx, fy = min(max(x - left, np.float32(0)), one), min(max(y - top, np.float32(0)), one)
        place = start[face] + top * width + left
        cell[0], cell[1], cell[2], cell[3] = place, place + 1, place + width, place + width + 1
        weight[0], weight[1], weight[2], weight[3] = (one - fx) * (one - fy), fx * (one - fy), (one - fx) * fy, fx * fy
        light = np.float32(0)
        for k in range(4):
            light += weight[k] * diffuse[cell[k]]
        highlight = np.float32(0)
        if gloss[face] > 0:
            highlight = _highlight(
                i, face, rays, barycentric, normal, depth_m, faces, normals, flat, gloss, lamps, power, cell, weight,
                seen,
            )  # fmt: skip
        out[i, 0], out[i, 1] = light, highlight
    for i in range(len(between)):
        if between[i] != 0:
            up, side = row_px if between[i] >= 2 else 0, 1 if between[i] != 2 else 0
            for k in range(2):
                ends = out[i - up - side, k] + out[i + up + side, k]
                out[i, k] = (ends + out[i - up + side, k] + out[i + up - side, k]) * np.float32(0.25)
    for i in range(len(face_of)):
        light, highlight = out[i, 0], out[i, 1]
        for k in range(3):
            out[i, k] = albedo[i, k] * light + highlight
    return out


@numba.njit(cache=True, nogil=True, inline="always")
def _highlight(i, face, rays, barycentric, normal, depth_m, faces, normals, flat, gloss, lamps, power, cell, weight,
               seen):  # fmt: skip
    """Blinn's highlight of one hit, from the lamps near to the mirrored direction of view."""
    dx, dy, dz = rays[i, 3], rays[i, 4], rays[i, 5]
    length = math.sqrt(dx * dx + dy * dy + dz * dz)
    vx, vy, vz = -dx / length, -dy / length, -dz / length
    nx, ny, nz = normal[i, 0], normal[i, 1], normal[i, 2]
    if nx * vx + ny * vy + nz * vz < 0:
        nx, ny, nz = -nx, -ny, -nz
    if not flat[face]:
        nx, ny, nz = smooth_normal(barycentric[i], normals, faces[face], nx, ny, nz)
    px, py, pz = rays[i, 0] + dx * depth_m[i], rays[i, 1] + dy * depth_m[i], rays[i, 2] + dz * depth_m[i]
    facing = nx * vx + ny * vy + nz * vz
    twice = np.float32(2) * facing
    mx, my, mz = twice * nx - vx, twice * ny - vy, twice * nz - vz
    highlight = np.float32(0)
    for lamp in range(len(lamps)):
        lx, ly, lz = lamps[lamp, 0] - px, lamps[lamp, 1] - py, lamps[lamp, 2] - pz
        square = max(lx * lx + ly * ly + lz * lz, np.float32(0.09))
        mirrored = mx * lx + my * ly + mz * lz
        # A half vector within 25.8 degrees of the normal keeps the lamp within twice that of the mirrored view.
        if mirrored <= 0 or mirrored * mirrored < np.float32(0.38) * square:
            continue
        shorter = np.float32(1) / math.sqrt(square)
        slope = (nx * lx + ny * ly + nz * lz) * shorter
        if slope <= 0:
            continue
        # The cosine between the normal and the half vector l + v, squared: |l + v|^2 = 2 + 2 l v of unit vectors.
        beside = (vx * lx + vy * ly + vz * lz) * shorter
        half = (slope + facing) * (slope + facing) / max(np.float32(2) + np.float32(2) * beside, np.float32(1e-6))
        if half > HIGHLIGHT_COSINE * HIGHLIGHT_COSINE:
            share = np.float32(0)
            for k in range(4):
                share += weight[k] * seen[cell[k], lamp]
            fourth = half * half * half * half
            eighth = fourth * fourth
            highlight += share * power[lamp] * slope / square * gloss[face] * fourth * eighth * eighth
    return highlight


@numba.njit(cache=True, nogil=True)
def on_floor(depth_m, rays, rotation, origin_m, tolerance_m):
    """(k,) int64 pixels that show what lies at height 0, and (k, 2) float32 places, world, of it."""
    pixels, xy = np.empty(len(depth_m), np.int64), np.empty((len(depth_m), 2), np.float32)
    count = 0
    for i in range(len(depth_m)):
        x, y, z = depth_m[i] * rays[i, 0], depth_m[i] * rays[i, 1], depth_m[i] * rays[i, 2]
        height = rotation[2, 0] * x + rotation[2, 1] * y + rotation[2, 2] * z + origin_m[2]
        if depth_m[i] > 0 and abs(height) < tolerance_m:
            pixels[count] = i
            for k in range(2):
                xy[count, k] = rotation[k, 0] * x + rotation[k, 1] * y + rotation[k, 2] * z + origin_m[k]
            count += 1
    return pixels[:count].copy(), xy[:count].copy()


@numba.njit(cache=True, nogil=True)
def span_of(points):
    """Least and greatest (2,) of each coordinate of points (n, 2), n > 0."""
    low, high = points[0].copy(), points[0].copy()
    for i in range(len(points)):
        for k in range(2):
            low[k], high[k] = min(low[k], points[i, k]), max(high[k], points[i, k])
    return low, high


@numba.njit(cache=True, nogil=True)
def darken(pixels, xy, owner, color, grid, low_x, low_y, per_m):
    """Multiply the colour of pixels of the room by the values of a grid (rows, columns) over the floor, in place."""
    rows, columns = grid.shape
    for i in range(len(pixels)):
        pixel = pixels[i]
        if owner[pixel] != 0:
            continue
        x = min(max((xy[i, 0] - low_x) * per_m - 0.5, 0.0), columns - 1.001)
        y = min(max((xy[i, 1] - low_y) * per_m - 0.5, 0.0), rows - 1.001)
        column, row = int(x), int(y)
        fx, fy = x - column, y - row
        above = grid[row, column] * (1 - fx) + grid[row, column + 1] * fx
        below = grid[row + 1, column] * (1 - fx) + grid[row + 1, column + 1] * fx
        factor = above * (1 - fy) + below * fy
        if factor < 0.999:
            for k in range(3):
                color[pixel, k] *= factor


@numba.njit(cache=True, nogil=True)
def seams(picture, depth_m, step):
    """(k,) flat numbers of the pixels (h, w) where one picture ends beside another, or a surface breaks off or bends.

    Args:
        picture: (h, w) int32 which picture is seen, -1 = nothing.
        depth_m: (h, w) float32.
        step: second difference of the depth, as a share of it, that a plane does not show.
    """
    height, width = picture.shape
    found = np.empty(height * width, np.int64)
    count = 0
    for row in range(height):
        for column in range(width):
            up, down, left, right = (
                max(row - 1, 0),
                min(row + 1, height - 1),
                max(column - 1, 0),
                min(column + 1, width - 1),
            )
            own, middle = picture[row, column], depth_m[row, column]
            seam = (
                picture[up, column] != own or picture[down, column] != own
                or picture[row, left] != own or picture[row, right] != own
            )  # fmt: skip
            if not seam and middle > 0:
                # On a plane the inverse of the depth is linear over the image.
                inverse = 2.0 / middle
                bend = abs(1.0 / max(depth_m[up, column], 1e-3) + 1.0 / max(depth_m[down, column], 1e-3) - inverse)
                turn = abs(1.0 / max(depth_m[row, left], 1e-3) + 1.0 / max(depth_m[row, right], 1e-3) - inverse)
                inner = up < row < down and left < column < right
                seam = inner and max(bend, turn) * middle > step
            if seam:
                found[count] = row * width + column
                count += 1
    return found[:count].copy()
