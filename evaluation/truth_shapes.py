"""The shapes that a truth folder holds: tools in their own frames, people with their clothes and drapes through time.

truth/tools/<label>.ply              triangles in the tool's own frame, metres
truth/tools/<tool_id>.ply            only where a tool differs from the first one of its label
truth/tools/tips.json                {label: [x, y, z]} working points in the same frames
truth/bodies/<track_id>/NNNNNN.npz   that surface at up to 256 instants, the first of them numbered NNNNNN:
    instants (k,) int32; faces (f, 3) int32; center_m (k, 3) float64;
    step (k, n, 3) int16: vertices minus center_m in tenths of a millimetre, as differences from the instant before
    (modulo 2^16; the first instant plain), which compress to about a quarter of float32.
"""

from __future__ import annotations

import functools
import io
import json
from pathlib import Path

import numpy as np

from ..reconstruction.ply import read_ply

BODY_UNIT_M = 1e-4
BODY_CHUNK = 256
FARTHEST_M = 32767 * BODY_UNIT_M


def body_bytes(instants: np.ndarray, vertices_m: np.ndarray, faces: np.ndarray) -> bytes:
    """The file of one stretch of a person's surface.

    Args:
        instants: (k,) instant numbers, growing.
        vertices_m: (k, n, 3) world; every vertex within 3.2 m of the middle of its instant.
        faces: (f, 3) vertex numbers.

    Raises:
        ValueError: a vertex is farther out than the format reaches.
    """
    center_m = (vertices_m.min(axis=1).astype(np.float64) + vertices_m.max(axis=1)) / 2
    offset_m = vertices_m - center_m[:, None]
    if np.abs(offset_m).max(initial=0.0) > FARTHEST_M:
        raise ValueError(f"a body reaches {np.abs(offset_m).max():.1f} m from its middle, more than {FARTHEST_M:.1f} m")
    offset = np.rint(offset_m / BODY_UNIT_M).astype(np.int16)
    step = np.diff(offset, axis=0, prepend=np.zeros_like(offset[:1]))
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, instants=np.asarray(instants, np.int32), faces=faces.astype(np.int32), center_m=center_m, step=step
    )
    return buffer.getvalue()


def read_body(folder: Path, person_id: str, instant: int) -> tuple[np.ndarray, np.ndarray] | None:
    """A person's surface at an instant: vertices (n, 3) float64 to a tenth of a millimetre, and faces (f, 3).

    Args:
        folder: the truth folder.
        person_id: whose.
        instant: which; None comes back where the folder holds no surface of it.
    """
    names = sorted((folder / "bodies" / person_id).glob("*.npz"))
    begun = [path for path in names if int(path.stem) <= instant]
    if not begun:
        return None
    instants, faces, center_m, offset = _stretch(begun[-1])
    place = int(np.searchsorted(instants, instant))
    if place == len(instants) or instants[place] != instant:
        return None
    return offset[place] * BODY_UNIT_M + center_m[place], faces


def read_tool_shape(folder: Path, tool_id: str, label: str) -> tuple[np.ndarray, np.ndarray] | None:
    """A tool's vertices (n, 3) and faces (f, 3) in its own frame, or None where the folder has no shape of it."""
    for name in (tool_id, label):
        path = folder / "tools" / f"{name}.ply"
        if path.exists():
            mesh = read_ply(path)
            return mesh.vertices_m, mesh.faces
    return None


def read_tip_m(folder: Path, tool_id: str, label: str) -> np.ndarray | None:
    """The working point (3,) of a tool in its own frame; None where nothing tells.

    It is that of tools/tips.json, else `<label>_tip_in_tool_m` of extra/scenario.json, else the vertex of its shape
    that is farthest from the mean of its vertices.
    """
    for name, key in (("tools/tips.json", label), ("extra/scenario.json", f"{label}_tip_in_tool_m")):
        path = folder / name
        value = json.loads(path.read_text(encoding="utf-8")).get(key) if path.exists() else None
        if value is not None:
            return np.array(value, dtype=np.float64)
    shape = read_tool_shape(folder, tool_id, label)
    if shape is None:
        return None
    vertices_m = shape[0].astype(np.float64)
    return vertices_m[np.linalg.norm(vertices_m - vertices_m.mean(axis=0), axis=1).argmax()]


@functools.lru_cache(maxsize=16)
def _stretch(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    with np.load(path) as file:
        offset = np.cumsum(file["step"], axis=0, dtype=np.int16)
        return file["instants"], file["faces"].astype(np.int64), file["center_m"], offset
