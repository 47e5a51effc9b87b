"""The loops of light and shadow in the resting room, compiled."""

from __future__ import annotations

import math

import numba
import numpy as np

#: Neighbours share their light where their surfaces are one: same direction, and in one plane.
SAME_DIRECTION, SAME_PLANE_M = 0.92, 0.03


@numba.njit(cache=True, nogil=True)
def surface_points(rays, depth_m, normal, face):
    """(m, 3) places of hits and (m, 3) their normals towards the lens, float32; a normal of 0 where nothing is hit."""
    places, normals = np.zeros((len(face), 3), np.float32), np.zeros((len(face), 3), np.float32)
    for i in range(len(face)):
        if face[i] < 0:
            continue
        along = normal[i, 0] * rays[i, 3] + normal[i, 1] * rays[i, 4] + normal[i, 2] * rays[i, 5]
        sign = -1.0 if along > 0 else 1.0
        for k in range(3):
            places[i, k] = rays[i, k] + rays[i, 3 + k] * depth_m[i]
            normals[i, k] = sign * normal[i, k]
    return places, normals


@numba.njit(cache=True, nogil=True)
def lamp_rays(places, normals, lamp, radius_m, dither, short_of_m, lift_m):
    """(m, 6) float32 rays from places towards points of a lamp's level disc, each as long as the way.

    Args:
        places, normals: (m, 3) of the surfaces.
        lamp: (3,) centre.
        radius_m: of the disc.
        dither: (m, 2) float32 in [-1, 1], where on the disc.
        short_of_m: how far before the lamp whatever is in the way counts as its housing.
        lift_m: how far off the surface a ray begins.
    """
    out = np.zeros((len(places), 6), np.float32)
    for i in range(len(places)):
        x, y, z = places[i] + lift_m * normals[i]
        dx, dy = lamp[0] + radius_m * dither[i, 0] - x, lamp[1] + radius_m * dither[i, 1] - y
        dz = lamp[2] - z
        distance = max(math.sqrt(dx * dx + dy * dy + dz * dz), 1e-6)
        share = max(1.0 - short_of_m / distance, 1e-3)
        out[i, 0], out[i, 1], out[i, 2] = x, y, z
        out[i, 3], out[i, 4], out[i, 5] = dx * share, dy * share, dz * share
    return out


@numba.njit(cache=True, nogil=True)
def sky_rays(places, normals, dither, length_m, lift_m):
    """(m, 6) float32 rays of a length into the half space over each surface, by the cosine (Malley's method).

    Args:
        places, normals: (m, 3) of the surfaces.
        dither: (m, 2) float32 in [0, 1].
        length_m: of the rays.
        lift_m: how far off the surface a ray begins.
    """
    out = np.zeros((len(places), 6), np.float32)
    for i in range(len(places)):
        nx, ny, nz = normals[i]
        sign = 1.0 if nz >= 0 else -1.0
        a = -1.0 / (sign + nz)
        b = nx * ny * a
        radius, angle = math.sqrt(dither[i, 0]), 2 * math.pi * dither[i, 1]
        p, q, up = radius * math.cos(angle), radius * math.sin(angle), math.sqrt(max(1.0 - dither[i, 0], 0.0))
        out[i, :3] = places[i] + lift_m * normals[i]
        out[i, 3] = length_m * (p * (1.0 + sign * nx * nx * a) + q * b + up * nx)
        out[i, 4] = length_m * (p * sign * b + q * (sign + ny * ny * a) + up * ny)
        out[i, 5] = length_m * (-p * sign * nx - q * ny + up * nz)
    return out


@numba.njit(cache=True, nogil=True, inline="always")
def _same_surface(place, normal, other_place, other_normal):
    direction = normal[0] * other_normal[0] + normal[1] * other_normal[1] + normal[2] * other_normal[2]
    if direction < SAME_DIRECTION:
        return False
    off = 0.0
    for k in range(3):
        off += normal[k] * (other_place[k] - place[k])
    return abs(off) < SAME_PLANE_M


@numba.njit(cache=True, nogil=True)
def smooth_over_surface(light, places, normals, stride):
    """(h, w, l) the mean of each value with those of 5x5 neighbours, `stride` apart, that lie on the same surface."""
    height, width, channels = light.shape
    out = np.empty_like(light)
    for row in range(height):
        for column in range(width):
            count = 0
            out[row, column] = 0.0
            for dy in range(-2 * stride, 2 * stride + 1, stride):
                for dx in range(-2 * stride, 2 * stride + 1, stride):
                    y, x = row + dy, column + dx
                    if y < 0 or x < 0 or y >= height or x >= width:
                        continue
                    if (dx or dy) and not _same_surface(
                        places[row, column], normals[row, column], places[y, x], normals[y, x]
                    ):
                        continue
                    for k in range(channels):
                        out[row, column, k] += light[y, x, k]
                    count += 1
            for k in range(channels):
                out[row, column, k] /= count
    return out


@numba.njit(cache=True, nogil=True)
def light_at(pixels, width, places, normals, light, coarse_places, coarse_normals):
    """(m, l) light of pixels (m,) of an image `width` wide from the values of every second pixel of every second row.

    The nearest four that lie on the same surface are blended; where none does, the nearest is taken.
    """
    rows, columns, channels = light.shape
    out = np.zeros((len(pixels), channels), np.float32)
    for i in range(len(pixels)):
        row, column = pixels[i] // width, pixels[i] % width
        top, left = min(row // 2, rows - 1), min(column // 2, columns - 1)
        total = 0.0
        for y in range(top, min(top + 2, rows)):
            for x in range(left, min(left + 2, columns)):
                weight = (1.0 - 0.5 * abs(row - 2 * y)) * (1.0 - 0.5 * abs(column - 2 * x))
                if weight <= 0 or not _same_surface(places[i], normals[i], coarse_places[y, x], coarse_normals[y, x]):
                    continue
                total += weight
                for k in range(channels):
                    out[i, k] += weight * light[y, x, k]
        for k in range(channels):
            out[i, k] = out[i, k] / total if total > 0 else light[top, left, k]
    return out


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
