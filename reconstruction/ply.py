"""Triangle meshes as binary PLY files (Turk 1994): one small writer, and a reader that trusts nothing it is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..capture.errors import InputError

LARGEST_HEADER = 65536
_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "<i2", "int16": "<i2", "ushort": "<u2",
    "uint16": "<u2", "int": "<i4", "int32": "<i4", "uint": "<u4", "uint32": "<u4", "float": "<f4", "float32": "<f4",
    "double": "<f8", "float64": "<f8",
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class PlyMesh:
    """What a PLY file holds.

    Args:
        vertices_m: (n, 3) float32.
        faces: (f, 3) int64; (0, 3) for a point cloud.
        attributes: every other per-vertex property by name, (n,).
    """

    vertices_m: np.ndarray
    faces: np.ndarray
    attributes: dict[str, np.ndarray]

    @property
    def colors_rgb(self) -> np.ndarray | None:
        """(n, 3) uint8, or None where the file has no colours."""
        return self._columns(("red", "green", "blue"), np.uint8)

    @property
    def normals(self) -> np.ndarray | None:
        """(n, 3) float32, or None where the file has no normals."""
        return self._columns(("nx", "ny", "nz"), np.float32)

    def _columns(self, names: tuple[str, ...], dtype: type) -> np.ndarray | None:
        if not all(name in self.attributes for name in names):
            return None
        return np.stack([self.attributes[name] for name in names], axis=1).astype(dtype)


def ply_bytes(
    vertices_m: np.ndarray,
    faces: np.ndarray,
    colors_rgb: np.ndarray | None = None,
    normals: np.ndarray | None = None,
    **attributes: np.ndarray,
) -> bytes:
    """The file as bytes, binary little endian; further (n,) arrays become vertex properties under their own name.

    Args:
        vertices_m: (n, 3) metres.
        faces: (f, 3) vertex numbers; (0, 3) for a point cloud.
        colors_rgb: (n, 3) uint8, or None.
        normals: (n, 3), or None.
        attributes: (n,) uint8, int32 or float32 each.
    """
    columns: dict[str, np.ndarray] = dict(zip("xyz", np.asarray(vertices_m, "<f4").T, strict=True))
    if normals is not None:
        columns |= dict(zip(("nx", "ny", "nz"), np.asarray(normals, "<f4").T, strict=True))
    if colors_rgb is not None:
        columns |= dict(zip(("red", "green", "blue"), np.asarray(colors_rgb, "u1").T, strict=True))
    columns |= {name: np.asarray(value) for name, value in attributes.items()}
    names = {"u1": "uchar", "i4": "int", "f4": "float", "f8": "double"}
    table = np.empty(len(vertices_m), dtype=[(name, value.dtype.newbyteorder("<")) for name, value in columns.items()])
    for name, value in columns.items():
        table[name] = value
    triangles = np.empty(len(faces), dtype=[("count", "u1"), ("vertices", "<i4", (3,))])
    triangles["count"], triangles["vertices"] = 3, faces
    properties = [f"property {names[value.dtype.str[1:]]} {name}" for name, value in columns.items()]
    header = [
        "ply", "format binary_little_endian 1.0", f"element vertex {len(table)}", *properties,
        f"element face {len(triangles)}", "property list uchar int vertex_indices", "end_header", "",
    ]  # fmt: skip
    return "\n".join(header).encode("ascii") + table.tobytes() + triangles.tobytes()


def read_ply(path: Path | str) -> PlyMesh:
    """Read a binary little-endian or ASCII PLY file with triangles or points.

    Raises:
        InputError: the file is not PLY, is cut short or too long, declares what it does not hold, or names vertices
            that do not exist.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError("the mesh cannot be read", where=str(path), why=str(error)) from error
    try:
        return _parse(data)
    except (ValueError, KeyError, IndexError, UnicodeDecodeError) as error:
        raise InputError("the PLY file is damaged or of another kind", where=str(path), why=str(error)) from error


def _parse(data: bytes) -> PlyMesh:
    end = data.find(b"end_header\n", 0, LARGEST_HEADER)
    if not data.startswith(b"ply") or end < 0:
        raise ValueError("there is no PLY header")
    lines = [line.split() for line in data[:end].decode("ascii").splitlines()]
    layout = next((words[1] for words in lines if words and words[0] == "format"), "")
    elements = _elements(lines)
    body = data[end + len(b"end_header\n") :]
    if layout == "binary_little_endian":
        tables = _binary(body, elements)
    elif layout == "ascii":
        tables = _ascii(body, elements)
    else:
        raise ValueError(f"the format '{layout}' is not read; write binary_little_endian or ascii")
    columns, faces = tables
    vertices = np.stack([columns.pop(axis) for axis in "xyz"], axis=1).astype(np.float32)
    if not np.isfinite(vertices).all():
        raise ValueError("a vertex is not a finite number")
    if len(faces) and (faces.min() < 0 or faces.max() >= len(vertices)):
        raise ValueError(f"a face names vertex {faces.max()} of {len(vertices)}")
    return PlyMesh(vertices, faces, columns)


def _elements(lines: list[list[str]]) -> list[tuple[str, int, list[list[str]]]]:
    elements: list[tuple[str, int, list[list[str]]]] = []
    for words in lines:
        if words and words[0] == "element":
            count = int(words[2])
            if count < 0:
                raise ValueError(f"a negative number of {words[1]}")
            elements.append((words[1], count, []))
        elif words and words[0] == "property":
            elements[-1][2].append(words[1:])
    if [name for name, _, _ in elements] not in (["vertex"], ["vertex", "face"]):
        raise ValueError("expected vertices and then faces, and nothing else")
    return elements


def _vertex_type(properties: list[list[str]]) -> np.dtype:
    return np.dtype([(name, _TYPES[kind]) for kind, name in properties])


def _face_type(properties: list[list[str]]) -> np.dtype:
    if len(properties) != 1 or properties[0][0] != "list":
        raise ValueError("a face must be one list of vertices")
    return np.dtype([("count", _TYPES[properties[0][1]]), ("vertices", _TYPES[properties[0][2]], (3,))])


def _binary(body: bytes, elements: list) -> tuple[dict[str, np.ndarray], np.ndarray]:
    vertex_type, num_vertices = _vertex_type(elements[0][2]), elements[0][1]
    num_faces = elements[1][1] if len(elements) > 1 else 0
    face_type: np.dtype = _face_type(elements[1][2]) if len(elements) > 1 else np.dtype("u1")
    expected = num_vertices * vertex_type.itemsize + num_faces * face_type.itemsize
    if len(body) != expected:
        raise ValueError(f"{expected} bytes of triangles are declared, {len(body)} are there")
    table = np.frombuffer(body, vertex_type, num_vertices)
    columns = {name: table[name].copy() for name in table.dtype.names or ()}
    if not num_faces:
        return columns, np.zeros((0, 3), np.int64)
    triangles = np.frombuffer(body, face_type, num_faces, offset=num_vertices * vertex_type.itemsize)
    if (triangles["count"] != 3).any():
        raise ValueError("a face is not a triangle")
    return columns, triangles["vertices"].astype(np.int64)


def _ascii(body: bytes, elements: list) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rows = body.decode("ascii").splitlines()
    num_vertices, properties = elements[0][1], elements[0][2]
    num_faces = elements[1][1] if len(elements) > 1 else 0
    rows = [row for row in rows if row.strip()]
    if len(rows) != num_vertices + num_faces:
        raise ValueError(f"{num_vertices + num_faces} lines are declared, {len(rows)} are there")
    numbers = np.array([row.split() for row in rows[:num_vertices]], dtype=np.float64).reshape(-1, len(properties))
    columns = {name: numbers[:, i].astype(_TYPES[kind]) for i, (kind, name) in enumerate(properties)}
    faces = np.array([row.split() for row in rows[num_vertices:]], dtype=np.int64).reshape(-1, 4)
    if len(faces) and (faces[:, 0] != 3).any():
        raise ValueError("a face is not a triangle")
    return columns, faces[:, 1:]
