"""The tables in which bodies are kept: one place for their columns, both ways.

A row is a body at an instant. `joints_m` holds 17 x 3 numbers, `covariance_m2` 17 x 6 (xx xy xz yy yz zz of each
joint), `num_views` and `predicted` 17.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .body_paths import BodyPath
from .people_stage import RawBody
from .skeleton import NUM_JOINTS
from .state import BodyState

if TYPE_CHECKING:
    import pyarrow as pa

SKELETON = "coco_17"
HALF_SURE_M = 0.1
UPPER = np.triu_indices(3)


def raw_body_table(rows: Sequence[tuple[int, RawBody]]) -> pa.Table:
    """Bodies of single instants, (time_ns, body) in order: time_ns number source joints_m covariance_m2 num_views."""
    import pyarrow as pa

    return pa.table(
        {
            "time_ns": pa.array([time_ns for time_ns, _ in rows], pa.int64()),
            "number": pa.array([body.number for _, body in rows], pa.int32()),
            "source": pa.array([body.source for _, body in rows], pa.int32()),
            "joints_m": _lists([body.joints_m for _, body in rows], pa.float64(), NUM_JOINTS * 3),
            "covariance_m2": _lists(
                [body.covariance_m2[:, *UPPER] for _, body in rows], pa.float64(), NUM_JOINTS * len(UPPER[0])
            ),
            "num_views": _lists([body.num_views for _, body in rows], pa.uint8(), NUM_JOINTS),
        }
    )


def raw_bodies(table: pa.Table) -> list[tuple[int, RawBody]]:
    """The inverse of `raw_body_table`."""
    joints_m, covariance_m2, num_views = _arrays(table)
    names = [table[name].to_pylist() for name in ("time_ns", "number", "source")]
    return [
        (time_ns, RawBody(number, joints_m[k], covariance_m2[k], num_views[k], source))
        for k, (time_ns, number, source) in enumerate(zip(*names, strict=True))
    ]


def body_table(paths: Sequence[BodyPath], begin_ns: int, end_ns: int) -> pa.Table:
    """The rows of all bodies in [begin_ns, end_ns), ordered by time, then track.

    Columns: time_ns track_id joints_m covariance_m2 num_views predicted.
    """
    import pyarrow as pa

    rows = sorted(
        (int(time_ns), path.track_id, number, k)
        for number, path in enumerate(paths)
        for k, time_ns in enumerate(path.times_ns.tolist())
        if begin_ns <= time_ns < end_ns
    )
    pick: list[tuple[BodyPath, int]] = [(paths[number], k) for _, _, number, k in rows]
    return pa.table(
        {
            "time_ns": pa.array([row[0] for row in rows], pa.int64()),
            "track_id": pa.array([row[1] for row in rows], pa.string()),
            "joints_m": _lists([path.joints_m[k] for path, k in pick], pa.float64(), NUM_JOINTS * 3),
            "covariance_m2": _lists(
                [path.covariance_m2[k][:, *UPPER] for path, k in pick], pa.float64(), NUM_JOINTS * len(UPPER[0])
            ),
            "num_views": _lists([path.num_views[k] for path, k in pick], pa.uint8(), NUM_JOINTS),
            "predicted": _lists([path.predicted[k] for path, k in pick], pa.bool_(), NUM_JOINTS),
        }
    )


def body_arrays(table: pa.Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """joints_m (n, 17, 3), covariance_m2 (n, 17, 3, 3) and predicted (n, 17) of a table of bodies."""
    joints_m, covariance_m2, _ = _arrays(table)
    return joints_m, covariance_m2, _column(table, "predicted").reshape(-1, NUM_JOINTS).astype(bool)


def body_states(table: pa.Table) -> dict[int, list[BodyState]]:
    """Body states by time; the confidence of a joint is 1/2 where its standard deviation per axis is 0.1 m."""
    joints_m, covariance_m2, predicted = body_arrays(table)
    variance_m2 = np.trace(covariance_m2, axis1=2, axis2=3) / 3
    confidence = 1 / (1 + variance_m2 / HALF_SURE_M**2)
    states: dict[int, list[BodyState]] = {}
    for k, (time_ns, track_id) in enumerate(
        zip(table["time_ns"].to_pylist(), table["track_id"].to_pylist(), strict=True)
    ):
        state = BodyState(track_id, joints_m[k], covariance_m2[k], confidence[k], SKELETON, predicted[k])
        states.setdefault(time_ns, []).append(state)
    return states


def _lists(values: Sequence[np.ndarray], kind: Any, size: int) -> pa.Array:
    import pyarrow as pa

    flat = np.concatenate([np.ravel(value) for value in values]) if values else np.zeros(0)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat, kind, from_pandas=False), size)


def _column(table: pa.Table, name: str) -> np.ndarray:
    chunks = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in table[name].chunks]
    return np.concatenate(chunks) if chunks else np.zeros(0)


def _arrays(table: pa.Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    joints_m = _column(table, "joints_m").reshape(-1, NUM_JOINTS, 3)
    half = _column(table, "covariance_m2").reshape(-1, NUM_JOINTS, len(UPPER[0]))
    covariance_m2 = np.zeros((len(half), NUM_JOINTS, 3, 3))
    covariance_m2[:, :, *UPPER] = half
    covariance_m2[:, :, UPPER[1], UPPER[0]] = half
    return joints_m, covariance_m2, _column(table, "num_views").reshape(-1, NUM_JOINTS).astype(np.uint8)


def joints_by_track(table: pa.Table, times_ns: np.ndarray, largest_sigma_m: float) -> dict[str, np.ndarray]:
    """(T, 17, 3) joints by track at instants, world; NaN where there is no body, or a joint is not sure enough.

    Args:
        table: what `body_table` gives.
        times_ns: (T,) the instants, in order.
        largest_sigma_m: the largest standard deviation per axis of a joint that counts as known.
    """
    joints_m, covariance_m2, _ = _arrays(table)
    sigma_m = np.sqrt(np.trace(covariance_m2, axis1=-2, axis2=-1) / 3)
    sure_m = np.where((sigma_m <= largest_sigma_m)[..., None], joints_m, np.nan)
    at = np.searchsorted(times_ns, table["time_ns"].to_numpy())
    names = table["track_id"].to_pylist()
    found = {name: np.full((len(times_ns), NUM_JOINTS, 3), np.nan) for name in sorted(set(names))}
    for row, (place, name) in enumerate(zip(at.tolist(), names, strict=True)):
        found[name][place] = sure_m[row]
    return found
