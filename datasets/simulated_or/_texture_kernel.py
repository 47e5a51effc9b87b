"""What pictures show where surfaces are hit: the loops over texels, compiled."""

from __future__ import annotations

import math

import numba
import numpy as np


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
def _four(offset, height, width, u, v):
    """The numbers of the texels around (u, v) on one level of a picture, and their bilinear weights, clamped."""
    x = min(max(u * np.float32(width) - np.float32(0.5), np.float32(0)), np.float32(width - 1))
    y = min(max(v * np.float32(height) - np.float32(0.5), np.float32(0)), np.float32(height - 1))
    left, top = int(x), int(y)
    right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
    fx, fy = np.float32(x - left), np.float32(y - top)
    one = np.float32(1.0)
    above, below = offset + top * width, offset + bottom * width
    # Numbers without a sign spare the check for those that count from the end.
    places = np.uintp(above + left), np.uintp(above + right), np.uintp(below + left), np.uintp(below + right)
    return places, ((one - fx) * (one - fy), fx * (one - fy), (one - fx) * fy, fx * fy)


@numba.njit(cache=True, nogil=True, inline="always")
def _texel(texels, offset, height, width, u, v, to_linear):
    """Linear light of one level of a picture at (u, v)."""
    (a, b, c, d), (w00, w01, w10, w11) = _four(offset, height, width, u, v)
    red = (w00 * to_linear[texels[a, 0]] + w01 * to_linear[texels[b, 0]]
           + w10 * to_linear[texels[c, 0]] + w11 * to_linear[texels[d, 0]])  # fmt: skip
    green = (w00 * to_linear[texels[a, 1]] + w01 * to_linear[texels[b, 1]]
             + w10 * to_linear[texels[c, 1]] + w11 * to_linear[texels[d, 1]])  # fmt: skip
    blue = (w00 * to_linear[texels[a, 2]] + w01 * to_linear[texels[b, 2]]
            + w10 * to_linear[texels[c, 2]] + w11 * to_linear[texels[d, 2]])  # fmt: skip
    return red, green, blue


@numba.njit(cache=True, nogil=True, inline="always")
def _log2(value):
    """The logarithm of a float32 of 1 or more, to 0.01: its exponent, and a parabola through that of its mantissa."""
    bits = value.view(np.int32)
    mantissa = np.int32((bits & 0x7FFFFF) | 0x3F800000).view(np.float32)
    parabola = (np.float32(-1 / 3) * mantissa + np.float32(2)) * mantissa - np.float32(5 / 3)
    return np.float32((bits >> 23) - 127) + parabola


@numba.njit(cache=True, nogil=True, inline="always", error_model="numpy")
def _spot(i, face, barycentric, depth_m, cosine, pixel_rad, faces, uv, density, last):
    """Where a hit lies in its picture: (u, v), the finer of its two levels, and the share of the coarser one."""
    a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
    s, t = barycentric[i, 0], barycentric[i, 1]
    r = np.float32(1.0) - s - t
    u = r * uv[a, 0] + s * uv[b, 0] + t * uv[c, 0]
    v = r * uv[a, 1] + s * uv[b, 1] + t * uv[c, 1]
    footprint = depth_m[i] * pixel_rad * density[face] / math.sqrt(max(cosine[i], np.float32(0.05)))
    level = min(_log2(np.float32(max(footprint, np.float32(1.0)))), np.float32(last - 1))
    fine = int(level)
    return u, v, fine, np.float32(level - fine)


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
        u, v, fine, share = _spot(i, face, barycentric, depth_m, cosine, pixel_rad, faces, uv, density, last)
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


@numba.njit(cache=True, nogil=True, error_model="numpy")
def sample_grey(face_of, barycentric, depth_m, cosine, pixel_rad, faces, uv, texture_index, density,
                grey, offset, height, width):  # fmt: skip
    """(m,) float32 mean reflectance of red, green and blue; as `sample_albedo`, from texels (n,) uint16 of it."""
    out = np.zeros(len(face_of), np.float32)
    last, unit = offset.shape[1] - 1, np.float32(1 / 65535)
    for i in range(len(face_of)):
        face = face_of[i]
        if face < 0:
            continue
        u, v, fine, share = _spot(i, face, barycentric, depth_m, cosine, pixel_rad, faces, uv, density, last)
        k = texture_index[face]
        (a, b, c, d), (w00, w01, w10, w11) = _four(offset[k, fine], height[k, fine], width[k, fine], u, v)
        light = w00 * grey[a] + w01 * grey[b] + w10 * grey[c] + w11 * grey[d]
        if share > 0.02:
            fine += 1
            (a, b, c, d), (w00, w01, w10, w11) = _four(offset[k, fine], height[k, fine], width[k, fine], u, v)
            light += share * (w00 * grey[a] + w01 * grey[b] + w10 * grey[c] + w11 * grey[d] - light)
        out[i] = unit * light
    return out
