"""The compiled half of surface gaps: boxes around triangles, and the nearest two triangles of two surfaces.

The boxes form a complete binary tree in heap order (children of k are 2k + 1 and 2k + 2) over triangles that stand in
the order of the tree: leaf i of 2^depth holds the triangles [n i / 2^depth, n (i + 1) / 2^depth). Two trees are
searched together, nearer boxes first, as in PQP (Larsen, Gottschalk, Lin, Manocha 1999). The distance of two segments
is that of Ericson, Real-Time Collision Detection (2005), 5.1.9.
"""

import numba
import numpy as np

FLAT = 1e-24


@numba.njit(nogil=True, cache=True, error_model="numpy")
def refit(vertices_m, faces, depth, boxes):
    """Write the boxes (2^(depth + 1) - 1, 6), lower and upper corner, of triangles (n, 3) that stand in tree order."""
    num_leaves = 1 << depth
    num_faces = len(faces)
    for leaf in range(num_leaves):
        box = boxes[num_leaves - 1 + leaf]
        box[:3], box[3:] = np.inf, -np.inf
        for face in range(num_faces * leaf // num_leaves, num_faces * (leaf + 1) // num_leaves):
            for corner in range(3):
                for axis in range(3):
                    value = vertices_m[faces[face, corner], axis]
                    box[axis] = min(box[axis], value)
                    box[3 + axis] = max(box[3 + axis], value)
    for node in range(num_leaves - 2, -1, -1):
        for axis in range(3):
            boxes[node, axis] = min(boxes[2 * node + 1, axis], boxes[2 * node + 2, axis])
            boxes[node, 3 + axis] = max(boxes[2 * node + 1, 3 + axis], boxes[2 * node + 2, 3 + axis])


@numba.njit(nogil=True, cache=True, error_model="numpy")
def nearest_faces(vertices_a, faces_a, depth_a, boxes_a, vertices_b, faces_b, depth_b, boxes_b, best, face_a, face_b):
    """The least squared distance below `best`, and the two triangles that have it.

    `face_a` and `face_b` are a first guess, or -1; they come back, with `best`, where nothing nearer is found.
    """
    if face_a >= 0 and face_b >= 0:
        best = min(best, triangles(vertices_a, faces_a[face_a], vertices_b, faces_b[face_b]))
    stack = np.empty((2 * (depth_a + depth_b) + 4, 2), np.int64)
    stack[0, 0], stack[0, 1] = 0, 0
    size = 1
    first_a, first_b = (1 << depth_a) - 1, (1 << depth_b) - 1
    while size > 0 and best > 0.0:
        size -= 1
        a, b = stack[size, 0], stack[size, 1]
        if apart(boxes_a[a], boxes_b[b]) >= best:
            continue
        if a >= first_a and b >= first_b:
            n_a, n_b = len(faces_a), len(faces_b)
            leaf_a, leaf_b = a - first_a, b - first_b
            for i in range(n_a * leaf_a // (first_a + 1), n_a * (leaf_a + 1) // (first_a + 1)):
                for j in range(n_b * leaf_b // (first_b + 1), n_b * (leaf_b + 1) // (first_b + 1)):
                    distance = triangles(vertices_a, faces_a[i], vertices_b, faces_b[j])
                    if distance < best:
                        best, face_a, face_b = distance, i, j
            continue
        if b >= first_b or (a < first_a and size_of(boxes_a[a]) >= size_of(boxes_b[b])):
            near_a, far_a, near_b, far_b = 2 * a + 1, 2 * a + 2, b, b
        else:
            near_a, far_a, near_b, far_b = a, a, 2 * b + 1, 2 * b + 2
        if apart(boxes_a[near_a], boxes_b[near_b]) > apart(boxes_a[far_a], boxes_b[far_b]):
            near_a, far_a, near_b, far_b = far_a, near_a, far_b, near_b
        stack[size, 0], stack[size, 1] = far_a, far_b
        stack[size + 1, 0], stack[size + 1, 1] = near_a, near_b
        size += 2
    return best, face_a, face_b


@numba.njit(nogil=True, cache=True, error_model="numpy")
def any_inside(vertices_m, center_m, rotation, half_m):
    """Whether a vertex (n, 3) lies in an oriented box."""
    for vertex in range(len(vertices_m)):
        x = vertices_m[vertex, 0] - center_m[0]
        y = vertices_m[vertex, 1] - center_m[1]
        z = vertices_m[vertex, 2] - center_m[2]
        within = True
        for axis in range(3):
            local = x * rotation[0, axis] + y * rotation[1, axis] + z * rotation[2, axis]
            within = within and abs(local) <= half_m[axis]
        if within:
            return True
    return False


@numba.njit(nogil=True, cache=True, error_model="numpy")
def apart(a, b):
    """The squared distance of two boxes (6,)."""
    total = 0.0
    for axis in range(3):
        gap = max(a[axis] - b[3 + axis], b[axis] - a[3 + axis], 0.0)
        total += gap * gap
    return total


@numba.njit(nogil=True, cache=True, error_model="numpy")
def size_of(box):
    """The sum of the edges of a box."""
    return box[3] - box[0] + box[4] - box[1] + box[5] - box[2]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def triangles(vertices_a, face_a, vertices_b, face_b):
    """The squared distance of two triangles, 0 where they cross."""
    a0, a1, a2 = corner(vertices_a, face_a[0]), corner(vertices_a, face_a[1]), corner(vertices_a, face_a[2])
    b0, b1, b2 = corner(vertices_b, face_b[0]), corner(vertices_b, face_b[1]), corner(vertices_b, face_b[2])
    best = min(over(a0, a1, a2, b0, b1, b2), over(b0, b1, b2, a0, a1, a2))
    if best <= 0.0:
        return 0.0
    best = min(best, segments(a0, a1, b0, b1), segments(a0, a1, b1, b2), segments(a0, a1, b2, b0))
    best = min(best, segments(a1, a2, b0, b1), segments(a1, a2, b1, b2), segments(a1, a2, b2, b0))
    return min(best, segments(a2, a0, b0, b1), segments(a2, a0, b1, b2), segments(a2, a0, b2, b0))


@numba.njit(nogil=True, cache=True, error_model="numpy")
def over(p, q, r, b0, b1, b2):
    """The least squared height of the corners p, q, r that stand over a triangle; 0 where an edge pierces it."""
    normal = cross(minus(b1, b0), minus(b2, b0))
    length2 = dot(normal, normal)
    if length2 < FLAT:
        return np.inf
    hp, hq, hr = dot(minus(p, b0), normal), dot(minus(q, b0), normal), dot(minus(r, b0), normal)
    best = np.inf
    if within(p, b0, b1, b2, normal):
        best = min(best, hp * hp / length2)
    if within(q, b0, b1, b2, normal):
        best = min(best, hq * hq / length2)
    if within(r, b0, b1, b2, normal):
        best = min(best, hr * hr / length2)
    if pierces(p, q, hp, hq, b0, b1, b2, normal) or pierces(q, r, hq, hr, b0, b1, b2, normal):
        return 0.0
    if pierces(r, p, hr, hp, b0, b1, b2, normal):
        return 0.0
    return best


@numba.njit(nogil=True, cache=True, error_model="numpy")
def pierces(p, q, hp, hq, b0, b1, b2, normal):
    """Whether a segment between heights of opposite sign passes through a triangle."""
    if hp * hq > 0.0 or hp == hq:
        return False
    share = hp / (hp - hq)
    point = (p[0] + share * (q[0] - p[0]), p[1] + share * (q[1] - p[1]), p[2] + share * (q[2] - p[2]))
    return within(point, b0, b1, b2, normal)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def within(p, b0, b1, b2, normal):
    """Whether a point stands over a triangle, along its normal."""
    return (
        dot(cross(minus(b1, b0), minus(p, b0)), normal) >= 0.0
        and dot(cross(minus(b2, b1), minus(p, b1)), normal) >= 0.0
        and dot(cross(minus(b0, b2), minus(p, b2)), normal) >= 0.0
    )


@numba.njit(nogil=True, cache=True, error_model="numpy")
def segments(p1, q1, p2, q2):
    """The squared distance of two segments."""
    d1, d2, r = minus(q1, p1), minus(q2, p2), minus(p1, p2)
    a, e, f = dot(d1, d1), dot(d2, d2), dot(d2, r)
    if a < FLAT and e < FLAT:
        return dot(r, r)
    if a < FLAT:
        s, t = 0.0, min(max(f / e, 0.0), 1.0)
    else:
        c = dot(d1, r)
        if e < FLAT:
            s, t = min(max(-c / a, 0.0), 1.0), 0.0
        else:
            b = dot(d1, d2)
            below = a * e - b * b
            s = min(max((b * f - c * e) / below, 0.0), 1.0) if below > FLAT else 0.0
            t = (b * s + f) / e
            if t < 0.0:
                s, t = min(max(-c / a, 0.0), 1.0), 0.0
            elif t > 1.0:
                s, t = min(max((b - c) / a, 0.0), 1.0), 1.0
    x, y, z = r[0] + s * d1[0] - t * d2[0], r[1] + s * d1[1] - t * d2[1], r[2] + s * d1[2] - t * d2[2]
    return x * x + y * y + z * z


@numba.njit(nogil=True, cache=True, error_model="numpy")
def corner(vertices_m, vertex):
    """A vertex as three numbers."""
    return vertices_m[vertex, 0], vertices_m[vertex, 1], vertices_m[vertex, 2]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def minus(a, b):
    """The difference a - b."""
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def dot(a, b):
    """The scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@numba.njit(nogil=True, cache=True, error_model="numpy")
def cross(a, b):
    """The vector product."""
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
