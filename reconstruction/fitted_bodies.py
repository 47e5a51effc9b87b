"""The tables in which fitted bodies are kept, and meshes made from them on demand.

    forms   a row per body: track_id model shape clothing_m
    poses   a row per body and instant: time_ns track_id root_m turns_rad surface_m num_points free_share

Lists have the lengths of the model's parameters: `shape` one number per direction of shape, `clothing_m` one per bone,
`root_m` 3, `turns_rad` 3 per bone. Body frame, bones and units as in body_model.py and body_pose.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from .body_fit import BodyFit, BodyForm
from .body_model import BodyModel, anny_adult
from .body_pose import BodyParameters, BodyPoser, turned_by

if TYPE_CHECKING:
    import pyarrow as pa

KEPT_SEGMENTS = 3


def form_table(track_id: str, model_name: str, form: BodyForm) -> pa.Table:
    """What a body looks like, as a table of one row."""
    import pyarrow as pa

    return pa.table(
        {
            "track_id": pa.array([track_id], pa.string()), "model": pa.array([model_name], pa.string()),
            "shape": _lists(form.shape[None]), "clothing_m": _lists(form.clothing_m[None]),
        }
    )  # fmt: skip


def forms_of(table: pa.Table) -> dict[str, tuple[str, BodyForm]]:
    """The inverse of `form_table` for any number of rows: model and form by track."""
    forms = zip(_matrix(table, "shape"), _matrix(table, "clothing_m"), strict=True)
    names = zip(table["track_id"].to_pylist(), table["model"].to_pylist(), strict=True)
    return {track_id: (model, BodyForm(*form)) for (track_id, model), form in zip(names, forms, strict=True)}


def pose_table(fits: Sequence[tuple[str, BodyFit, np.ndarray]], num_bones: int) -> pa.Table:
    """The poses of some bodies, ordered by time, then as given.

    Args:
        fits: track, fit, and which of its instants (bool) are kept.
        num_bones: of the model.
    """
    import pyarrow as pa

    rows = sorted(
        (int(fit.times_ns[k]), n, int(k)) for n, (_, fit, kept) in enumerate(fits) for k in np.flatnonzero(kept)
    )
    pick = [(fits[n][0], fits[n][1], k) for _, n, k in rows]
    root_m = np.array([fit.body.root_m[k] for _, fit, k in pick], np.float32).reshape(-1, 3)
    turns_rad = np.array([fit.body.turns_rad[k] for _, fit, k in pick], np.float32).reshape(-1, 3 * num_bones)
    return pa.table(
        {
            "time_ns": pa.array([row[0] for row in rows], pa.int64()),
            "track_id": pa.array([track_id for track_id, _, _ in pick], pa.string()),
            "root_m": _lists(root_m),
            "turns_rad": _lists(turns_rad),
            "surface_m": pa.array([_none_if_nan(float(fit.surface_m[k])) for _, fit, k in pick], pa.float32()),
            "num_points": pa.array([int(fit.num_points[k]) for _, fit, k in pick], pa.int32()),
            "free_share": pa.array([float(fit.free_share[k]) for _, fit, k in pick], pa.float32()),
        }
    )


class FittedBodies:
    """The fitted bodies of a twin; poses are read segment by segment, meshes are made when they are asked for.

    Args:
        forms: model and form by track.
        spans_ns: the half-open span of each segment, in order.
        read_poses: number of a segment -> its poses.
        step_ns: between neighbouring instants a body moves straight, unless they lie farther apart than twice this.
    """

    def __init__(
        self, forms: Mapping[str, tuple[str, BodyForm]], spans_ns: Sequence[tuple[int, int]],
        read_poses: Callable[[int], pa.Table], step_ns: int,
    ) -> None:  # fmt: skip
        self.forms, self._spans_ns, self._step_ns = forms, spans_ns, step_ns
        self._posers: dict[tuple[str, int], BodyPoser] = {}
        self._segment = lru_cache(maxsize=KEPT_SEGMENTS)(lambda number: _by_track(read_poses(number)))

    def model(self, track_id: str) -> BodyModel:
        """The model by which a body was fitted.

        Raises:
            KeyError: the track has no body.
        """
        from .body_model import load_body_model

        name = self.forms[track_id][0]
        return anny_adult() if name == "anny" else load_body_model(name)

    def poses(self, number: int) -> Mapping[str, tuple[np.ndarray, BodyParameters]]:
        """By track, the instants (t,) of one segment and the body at them."""
        return {
            name: (times_ns, self._body(name, root_m, turns_rad))
            for name, (times_ns, root_m, turns_rad) in self._segment(number).items()
        }

    def _body(self, track_id: str, root_m: np.ndarray, turns_rad: np.ndarray) -> BodyParameters:
        _, form = self.forms[track_id]
        return BodyParameters(form.shape, form.clothing_m, root_m, turns_rad)

    def vertices_m(
        self, track_id: str, body: BodyParameters, rows: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """(t, n, 3) the outside of the clothes, float32 world, and its unit normals; of some vertices, or of all."""
        import torch

        model = self.model(track_id)
        key = (model.name, -1 if rows is None else hash(rows.tobytes()))
        if key not in self._posers:
            self._posers[key] = BodyPoser(model, np.arange(len(model.vertices_m)) if rows is None else rows)
        poser = self._posers[key]
        with torch.no_grad():
            shape, root, turns, off = (
                torch.from_numpy(np.array(part, np.float32))
                for part in (body.shape, body.root_m, body.turns_rad, body.clothing_m)
            )
            vertices, normals = poser.skin(shape, poser.bones(shape, root, turned_by(turns)))
            return (vertices + (poser.weights @ off)[:, None] * normals).numpy(), normals.numpy()

    def mesh(self, track_id: str, time_ns: int) -> tuple[np.ndarray, np.ndarray] | None:
        """The body as a mesh: vertices (n, 3) float32 world, faces (f, 3); None where it was not fitted.

        Between two instants of the twin, vertices lie between those of the two.
        """
        if track_id not in self.forms:
            return None
        around = self._around(track_id, time_ns)
        if around is None:
            return None
        body, share = around
        vertices_m, _ = self.vertices_m(track_id, body)
        return (1 - share) * vertices_m[0] + share * vertices_m[-1], self.model(track_id).faces

    def _around(self, track_id: str, time_ns: int) -> tuple[BodyParameters, np.float32] | None:
        """The body at the instants just before and after a time, and how far on the way from one to the other it is."""
        reach_ns = 2 * self._step_ns
        near = [
            n
            for n, (begin_ns, end_ns) in enumerate(self._spans_ns)
            if begin_ns - reach_ns <= time_ns < end_ns + reach_ns
        ]
        parts = [found for n in near if (found := self._segment(n).get(track_id)) is not None]
        if not parts:
            return None
        times_ns, root_m, turns_rad = (np.concatenate(column) for column in zip(*parts, strict=True))
        after = int(np.searchsorted(times_ns, time_ns))
        if after < len(times_ns) and times_ns[after] == time_ns:
            rows, share = [after], 0.0
        elif 0 < after < len(times_ns) and times_ns[after] - times_ns[after - 1] <= reach_ns:
            rows = [after - 1, after]
            share = (time_ns - times_ns[after - 1]) / (times_ns[after] - times_ns[after - 1])
        else:
            return None
        return self._body(track_id, root_m[rows], turns_rad[rows]), np.float32(share)


def coarse_faces(model: BodyModel, edge_m: float) -> tuple[np.ndarray, np.ndarray]:
    """A coarser mesh on some of a model's own vertices, for drawing (Rossignac and Borrel 1993).

    Args:
        model: the model.
        edge_m: of the cells of space, at rest, of which each keeps the vertex nearest to the mean of its own.

    Returns:
        (m,) numbers of the vertices that stay, and (f, 3) faces among them.
    """
    cell = np.floor(model.vertices_m / edge_m).astype(np.int64)
    _, group = np.unique(cell, axis=0, return_inverse=True)
    group = group.ravel()
    count = np.bincount(group)
    mean_m = np.stack([np.bincount(group, model.vertices_m[:, axis]) / count for axis in range(3)], axis=1)
    far_m = np.linalg.norm(model.vertices_m - mean_m[group], axis=1)
    order = np.lexsort((far_m, group))
    kept = order[np.concatenate([[0], np.flatnonzero(np.diff(group[order])) + 1])]
    faces = group[model.faces]
    whole = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    return kept, faces[whole]


def _by_track(table: pa.Table) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    times_ns, names = table["time_ns"].to_numpy(), np.array(table["track_id"].to_pylist(), dtype=object)
    root_m, turns_rad = _matrix(table, "root_m"), _matrix(table, "turns_rad")
    turns_rad = turns_rad.reshape(len(times_ns), -1, 3)
    return {
        str(name): (times_ns[names == name], root_m[names == name], turns_rad[names == name])
        for name in sorted(set(names))
    }


def _lists(rows: np.ndarray) -> pa.Array:
    import pyarrow as pa

    return pa.FixedSizeListArray.from_arrays(pa.array(np.ravel(rows), pa.float32()), rows.shape[1])


def _matrix(table: pa.Table, name: str) -> np.ndarray:
    kind: Any = table[name].type
    chunks = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in table[name].chunks]
    flat = np.concatenate(chunks) if chunks else np.zeros(0, np.float32)
    return flat.reshape(-1, kind.list_size)


def _none_if_nan(value: float) -> float | None:
    return None if np.isnan(value) else value
