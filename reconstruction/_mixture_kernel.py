"""Compiled algebra of one Gaussian of the pose prior: the most likely joints under linear measurements of them.

The rule is written down in pose_fit.py. Tables are laid out for dot products: the numbers of all joints (17, to 20)
along x, then y, then z, then x and y again, so that what is shifted by 20 or 40 places is the same along the next axes.
Sums may be taken in any order (fastmath's reassoc and contract): 4 numbers are added at once.
"""

from __future__ import annotations

import math

import numba
import numpy as np

NUM_JOINTS, WIDE = 17, 20
LONG, AROUND = 3 * WIDE, 5 * WIDE
SUMS = {"reassoc", "contract", "nsz"}


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def blend(rest, info, pull, cosine, sine, gain, push):
    """Information and pull of each joint, seen from a turned body and through the Gaussian's own rest.

    Leaves W = (info^-1 + rest)^-1 in `gain` (180), as what meets x y z, y z x and z x y, and W info^-1 pull in `push`
    (60). `info` (120) holds xx xy xz yy yz zz of all joints, `pull` (60) x y z. Returns half the log of the determinant
    of I + rest info.
    """
    cc, ss, cs = cosine * cosine, sine * sine, sine * cosine
    det = 1.0
    for j in range(WIDE):
        r, xx, xy, yy = rest[j], info[j], info[WIDE + j], info[3 * WIDE + j]
        a, d = cc * xx + 2 * cs * xy + ss * yy, ss * xx - 2 * cs * xy + cc * yy
        b = (cc - ss) * xy + cs * (yy - xx)
        c, e = (
            cosine * info[2 * WIDE + j] + sine * info[4 * WIDE + j],
            cosine * info[4 * WIDE + j] - sine * info[2 * WIDE + j],
        )
        f = info[5 * WIDE + j]
        p0, p1, p2 = (
            cosine * pull[j] + sine * pull[WIDE + j],
            cosine * pull[WIDE + j] - sine * pull[j],
            pull[2 * WIDE + j],
        )
        s0, s3, s5, s1, s2, s4 = 1 + r * a, 1 + r * d, 1 + r * f, r * b, r * c, r * e
        g0, g1, g2 = s3 * s5 - s4 * s4, s2 * s4 - s1 * s5, s1 * s4 - s2 * s3
        g3, g4, g5 = s0 * s5 - s2 * s2, s1 * s2 - s0 * s4, s0 * s3 - s1 * s1
        whole = s0 * g0 + s1 * g1 + s2 * g2
        det *= whole
        scale = 1.0 / whole
        cross = scale * (g0 * b + g1 * d + g2 * e)
        long = scale * (g0 * c + g1 * e + g2 * f)
        other = scale * (g1 * c + g3 * e + g4 * f)
        gain[j] = scale * (g0 * a + g1 * b + g2 * c)
        gain[WIDE + j] = scale * (g1 * b + g3 * d + g4 * e)
        gain[2 * WIDE + j] = scale * (g2 * c + g4 * e + g5 * f)
        gain[3 * WIDE + j] = cross
        gain[4 * WIDE + j] = other
        gain[5 * WIDE + j] = long
        gain[6 * WIDE + j] = long
        gain[7 * WIDE + j] = cross
        gain[8 * WIDE + j] = other
        push[j] = scale * (g0 * p0 + g1 * p1 + g2 * p2)
        push[WIDE + j] = scale * (g1 * p0 + g3 * p1 + g4 * p2)
        push[2 * WIDE + j] = scale * (g2 * p0 + g4 * p1 + g5 * p2)
    return 0.5 * math.log(det)


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def gram(left, right, out):
    """Upper half of I + left right^T, (l, l) from (l, 64) and (l, 100), whose product is symmetric; l by fours."""
    size = len(left)
    for p in range(0, size, 2):
        for q in range(p - p % 4, size, 4):
            t0, t1, t2, t3, u0, u1, u2, u3 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for i in range(64):
                a, b = left[p, i], left[p + 1, i]
                c0, c1, c2, c3 = right[q, i], right[q + 1, i], right[q + 2, i], right[q + 3, i]
                t0 += a * c0
                t1 += a * c1
                t2 += a * c2
                t3 += a * c3
                u0 += b * c0
                u1 += b * c1
                u2 += b * c2
                u3 += b * c3
            out[p, q], out[p, q + 1], out[p, q + 2], out[p, q + 3] = t0, t1, t2, t3
            out[p + 1, q], out[p + 1, q + 1], out[p + 1, q + 2], out[p + 1, q + 3] = u0, u1, u2, u3
    for p in range(size):
        out[p, p] += 1.0


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def factorise(matrix):
    """Leave the upper Cholesky factor of (l, l) in its upper half, four rows at a time, and what it makes of a column.

    `matrix` is (l, l + 4), the column is the one after the square; l by fours. On the diagonal reciprocals are left.
    """
    size, wide = matrix.shape
    for k in range(0, size, 4):
        a, b, c, d = matrix[k], matrix[k + 1], matrix[k + 2], matrix[k + 3]
        s0 = 1.0 / math.sqrt(a[k])
        u1, u2, u3 = a[k + 1] * s0, a[k + 2] * s0, a[k + 3] * s0
        s1 = 1.0 / math.sqrt(b[k + 1] - u1 * u1)
        v2, v3 = (b[k + 2] - u1 * u2) * s1, (b[k + 3] - u1 * u3) * s1
        s2 = 1.0 / math.sqrt(c[k + 2] - u2 * u2 - v2 * v2)
        w3 = (c[k + 3] - u2 * u3 - v2 * v3) * s2
        s3 = 1.0 / math.sqrt(d[k + 3] - u3 * u3 - v3 * v3 - w3 * w3)
        a[k], a[k + 1], a[k + 2], a[k + 3] = s0, u1, u2, u3
        b[k + 1], b[k + 2], b[k + 3], c[k + 2], c[k + 3], d[k + 3] = s1, v2, v3, s2, w3, s3
        for q in range(k + 4, wide):
            x = a[q] * s0
            y = (b[q] - u1 * x) * s1
            z = (c[q] - u2 * x - v2 * y) * s2
            a[q], b[q], c[q], d[q] = x, y, z, (d[q] - u3 * x - v3 * y - w3 * z) * s3
        for p in range(k + 4, size):
            x, y, z, w, row = a[p], b[p], c[p], d[p], matrix[p]
            for q in range(p - p % 4, wide):
                row[q] -= x * a[q] + y * b[q] + z * c[q] + w * d[q]


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def solve(mean, basis, rest, gain, push, scaled, factor, latent, place, miss):
    """Most likely joints of one Gaussian from what `blend` left.

    Leaves them in `place` (100), and in `factor` what `factorise` makes of the information of the latents. Returns the
    log of the prior there, less half the log of the curvature that the latents give. `scaled` (l, 64), `latent` (l) and
    `miss` (64) are room to work in.
    """
    size = len(basis)
    for i in range(LONG):
        miss[i] = (
            push[i] - gain[i] * mean[i] - gain[i + LONG] * mean[i + WIDE] - gain[i + 2 * LONG] * mean[i + 2 * WIDE]
        )
    for p in range(size):
        total, row, out = 0.0, basis[p], scaled[p]
        for i in range(LONG):
            out[i] = gain[i] * row[i] + gain[i + LONG] * row[i + WIDE] + gain[i + 2 * LONG] * row[i + 2 * WIDE]
            total += row[i] * miss[i]
        factor[p, size], factor[p, size + 1], factor[p, size + 2], factor[p, size + 3] = total, 0.0, 0.0, 0.0
    gram(scaled, basis, factor)
    factorise(factor)
    log_p, squared, det = 0.0, 0.0, 1.0
    for p in range(size):
        det *= factor[p, p]
        latent[p] = factor[p, size]
    log_p += math.log(det)
    for p in range(size - 1, -1, -1):
        latent[p] *= factor[p, p]
        part = latent[p]
        squared += part * part
        for q in range(p):
            latent[q] -= factor[q, p] * part
    for i in range(AROUND):
        place[i] = mean[i]
    for p in range(0, size, 4):
        a, b, c, d = basis[p], basis[p + 1], basis[p + 2], basis[p + 3]
        x, y, z, w = latent[p], latent[p + 1], latent[p + 2], latent[p + 3]
        for i in range(AROUND):
            place[i] += x * a[i] + y * b[i] + z * c[i] + w * d[i]
    for i in range(LONG):
        miss[i] = (
            push[i] - gain[i] * place[i] - gain[i + LONG] * place[i + WIDE] - gain[i + 2 * LONG] * place[i + 2 * WIDE]
        )
        squared += rest[i] * miss[i] ** 2
    for i in range(LONG):
        place[i] += rest[i] * miss[i]
    return log_p - 0.5 * squared


@numba.njit(cache=True, nogil=True, fastmath=SUMS, error_model="numpy")
def spread_of(basis, rest, gain, factor, half, covariance):
    """Covariance (120) of the joints, xx xy xz yy yz zz, from what `blend` and `solve` left; `half` (l, 60) is room."""
    size = len(basis)
    for p in range(size):
        for i in range(LONG):
            seen = (
                gain[i] * basis[p, i]
                + gain[i + LONG] * basis[p, i + WIDE]
                + gain[i + 2 * LONG] * basis[p, i + 2 * WIDE]
            )
            half[p, i] = basis[p, i] - rest[i] * seen
        row, whole = half[p], p - p % 4
        for o in range(0, whole, 4):
            x, y, z, w = factor[o, p], factor[o + 1, p], factor[o + 2, p], factor[o + 3, p]
            a, b, c, d = half[o], half[o + 1], half[o + 2], half[o + 3]
            for i in range(LONG):
                row[i] -= x * a[i] + y * b[i] + z * c[i] + w * d[i]
        for o in range(whole, p):
            part, a = factor[o, p], half[o]
            for i in range(LONG):
                row[i] -= part * a[i]
        scale = factor[p, p]
        for i in range(LONG):
            half[p, i] *= scale
    for j in range(WIDE):
        r = rest[j]
        covariance[j] = r - r**2 * gain[j]
        covariance[WIDE + j] = -(r**2) * gain[LONG + j]
        covariance[2 * WIDE + j] = -(r**2) * gain[2 * LONG + j]
        covariance[3 * WIDE + j] = r - r**2 * gain[WIDE + j]
        covariance[4 * WIDE + j] = -(r**2) * gain[LONG + WIDE + j]
        covariance[5 * WIDE + j] = r - r**2 * gain[2 * WIDE + j]
    for p in range(size):
        row = half[p]
        for j in range(WIDE):
            a, b, c = row[j], row[WIDE + j], row[2 * WIDE + j]
            covariance[j] += a * a
            covariance[WIDE + j] += a * b
            covariance[2 * WIDE + j] += a * c
            covariance[3 * WIDE + j] += b * b
            covariance[4 * WIDE + j] += b * c
            covariance[5 * WIDE + j] += c * c


def tables(mean_m: np.ndarray, basis_m: np.ndarray, rest_var_m2: np.ndarray) -> tuple[np.ndarray, ...]:
    """Mean (c, 100), basis (c, l, 100) and rest (c, 60) as above, from (c, 17, 3), (c, 17, 3, l) and (c, 17)."""
    count, _, _, size = basis_m.shape
    mean = np.zeros((count, 5, WIDE))
    basis = np.zeros((count, -(-size // 4) * 4, 5, WIDE))
    rest = np.zeros((count, 3, WIDE))
    for place in range(5):
        mean[:, place, :NUM_JOINTS] = mean_m[..., place % 3]
        basis[:, :size, place, :NUM_JOINTS] = basis_m[:, :, place % 3].swapaxes(1, 2)
    rest[..., :NUM_JOINTS] = rest_var_m2[:, None]
    return mean.reshape(count, -1), basis.reshape(count, basis.shape[1], -1), rest.reshape(count, -1)
