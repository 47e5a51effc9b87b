"""The compiled half of render_terms: which triangles lie near which pixels, nearest in depth first."""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True, error_model="numpy")
def rasterize(corners, height, width, blur_px, pixel_faces):
    """Fill pixel_faces (h, w, k) with triangles of corners (f, 3, u v z) by depth, -1 where there are no more."""
    num = pixel_faces.shape[2]
    depth = np.full(pixel_faces.shape, np.inf)
    pixel_faces[:] = -1
    for face in range(len(corners)):
        u, v, z = corners[face, :, 0], corners[face, :, 1], corners[face, :, 2]
        if min(z[0], z[1], z[2]) <= 0.05:
            continue
        low_u, high_u = max(0, int(np.ceil(u.min() - blur_px))), min(width - 1, int(np.floor(u.max() + blur_px)))
        low_v, high_v = max(0, int(np.ceil(v.min() - blur_px))), min(height - 1, int(np.floor(v.max() + blur_px)))
        for row in range(low_v, high_v + 1):
            for column in range(low_u, high_u + 1):
                outside = _outside_px(u, v, column, row)
                if outside > blur_px:
                    continue
                own = (z[0] + z[1] + z[2]) / 3.0
                for place in range(num):
                    if own < depth[row, column, place]:
                        for other in range(num - 1, place, -1):
                            depth[row, column, other] = depth[row, column, other - 1]
                            pixel_faces[row, column, other] = pixel_faces[row, column, other - 1]
                        depth[row, column, place], pixel_faces[row, column, place] = own, face
                        break


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _outside_px(u, v, x, y):
    """How far a pixel lies outside of a triangle, 0 inside."""
    best, signs = np.inf, 0
    for a in range(3):
        b = (a + 1) % 3
        du, dv, px, py = u[b] - u[a], v[b] - v[a], x - u[a], y - v[a]
        cross = du * py - dv * px
        signs += 1 if cross > 0 else -1
        share = min(1.0, max(0.0, (px * du + py * dv) / max(du * du + dv * dv, 1e-12)))
        best = min(best, np.hypot(px - share * du, py - share * dv))
    return 0.0 if abs(signs) == 3 else best
