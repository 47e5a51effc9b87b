"""Who and what lies on a table through time: the tables in which the patient and the drape are kept.

    lying  a row per thing and stretch in which it lies still: track_id label begin_ns end_ns, box (x_m .. dz_m),
           covered (true, false, or null where nobody can tell), covered_share, num_points surface_offset surface_size
    poses  a row per such stretch of the patient: begin_ns end_ns root_m turns_rad joints_m covariance_m2

Stretches are half-open, rig clock; everything is in the world. Surfaces are packets of `surfaces.bin` (surfaces.py),
grey: nobody's colours are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..capture.arrays import read_only
from .body_fit import BodyForm
from .body_model import BodyModel
from .body_paths import BodyPath
from .body_pose import BodyParameters, pose_meshes
from .skeleton import NUM_JOINTS
from .state import SurfacePoints, Track
from .surfaces import decode_surface, encode_surface
from .track_smoothing import TrackPath

if TYPE_CHECKING:
    import pyarrow as pa

PATIENT, DRAPE = "patient", "drape"
GREY = 128


@dataclass(frozen=True, slots=True, eq=False)
class Lying:
    """One thing that lies still over a stretch of time.

    Args:
        track_id, label: what.
        begin_ns, end_ns: the stretch.
        points_m: (n, 3) its surface, world.
        covered: whether a drape lies on it; None = nobody can tell.
        covered_share: share in [0, 1] of what was seen that is covered, NaN = nobody can tell.
        body: of the patient, the body (one instant), world.
        joints_m, covariance_m2: of the patient, (17, 3), (17, 3, 3).
    """

    track_id: str
    label: str
    begin_ns: int
    end_ns: int
    points_m: np.ndarray
    covered: bool | None
    covered_share: float
    body: BodyParameters | None = None
    joints_m: np.ndarray | None = None
    covariance_m2: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "points_m", read_only(np.asarray(self.points_m, np.float32)))

    @property
    def box_m(self) -> tuple[np.ndarray, np.ndarray]:
        """Centre (3,) and edges (3,) of its axis-aligned box."""
        low_m, high_m = self.points_m.min(axis=0).astype(float), self.points_m.max(axis=0).astype(float)
        return (low_m + high_m) / 2, high_m - low_m


def lying_tables(rows: Sequence[Lying]) -> tuple[dict[str, pa.Table], bytes]:
    """The tables `lying` and `poses`, and the packets."""
    import pyarrow as pa

    packets = [encode_surface(row.points_m, np.full(row.points_m.shape, GREY, np.uint8)) for row in rows]
    sizes = [len(packet) for packet in packets]
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]]) if rows else np.zeros(0)
    boxes = np.array([np.concatenate(row.box_m) for row in rows]).reshape(-1, 6)
    lying = pa.table(
        {
            "track_id": pa.array([row.track_id for row in rows], pa.string()),
            "label": pa.array([row.label for row in rows], pa.string()),
            **_spans(rows),
            **{name: boxes[:, k] for k, name in enumerate(("x_m", "y_m", "z_m", "dx_m", "dy_m", "dz_m"))},
            "covered": pa.array([row.covered for row in rows], pa.bool_()),
            "covered_share": pa.array(
                [None if np.isnan(row.covered_share) else row.covered_share for row in rows], pa.float64()
            ),
            "num_points": pa.array([len(row.points_m) for row in rows], pa.int32()),
            "surface_offset": pa.array(offsets.astype(np.int64)),
            "surface_size": pa.array(sizes, pa.int64()),
        }
    )
    own = [row for row in rows if row.body is not None]
    columns = {
        "root_m": [row.body.root_m[0] for row in own if row.body is not None],
        "turns_rad": [row.body.turns_rad[0].ravel() for row in own if row.body is not None],
        "joints_m": [np.ravel(row.joints_m) for row in own if row.joints_m is not None],
        "covariance_m2": [np.ravel(row.covariance_m2) for row in own if row.covariance_m2 is not None],
    }
    kind = pa.list_(pa.float64())
    lists = {name: pa.array([value.tolist() for value in values], kind) for name, values in columns.items()}
    return {"lying": lying, "poses": pa.table({**_spans(own), **lists})}, b"".join(packets)


def _spans(rows: Sequence[Lying]) -> dict[str, pa.Array]:
    import pyarrow as pa

    return {
        "begin_ns": pa.array([row.begin_ns for row in rows], pa.int64()),
        "end_ns": pa.array([row.end_ns for row in rows], pa.int64()),
    }


def read_lying(tables: Mapping[str, pa.Table], packets: bytes, form: BodyForm | None) -> tuple[Lying, ...]:
    """The inverse of `lying_tables`, with the patient's form."""
    poses = {row["begin_ns"]: row for row in tables["poses"].to_pylist()}
    found = []
    for row in tables["lying"].to_pylist():
        offset, size = row["surface_offset"], row["surface_size"]
        points_m, _ = decode_surface(packets[offset : offset + size])
        pose = poses.get(row["begin_ns"]) if row["label"] == PATIENT and form is not None else None
        share = np.nan if row["covered_share"] is None else row["covered_share"]
        own: tuple[BodyParameters | None, np.ndarray | None, np.ndarray | None] = None, None, None
        if pose is not None and form is not None:
            turns_rad = np.array(pose["turns_rad"], np.float32).reshape(1, -1, 3)
            own = (
                BodyParameters(form.shape, form.clothing_m, np.array([pose["root_m"]], np.float32), turns_rad),
                np.array(pose["joints_m"]).reshape(NUM_JOINTS, 3),
                np.array(pose["covariance_m2"]).reshape(NUM_JOINTS, 3, 3),
            )
        found.append(
            Lying(row["track_id"], row["label"], row["begin_ns"], row["end_ns"], points_m, row["covered"], share, *own)
        )
    return tuple(found)


def lying_at(rows: Sequence[Lying], track_id: str, time_ns: int) -> Lying | None:
    """What a thing was at a moment; None where it did not lie there."""
    return next((row for row in rows if row.track_id == track_id and row.begin_ns <= time_ns < row.end_ns), None)


def lying_surface(row: Lying) -> SurfacePoints:
    """Its surface, in grey."""
    return SurfacePoints(row.track_id, row.points_m, np.full(row.points_m.shape, GREY, np.uint8))


def lying_mesh(row: Lying, model: BodyModel) -> tuple[np.ndarray, np.ndarray] | None:
    """The patient's skin: vertices (n, 3) world, and faces (f, 3); None of anything else."""
    return None if row.body is None else (pose_meshes(model, row.body, clothed=False)[0][0], model.faces)


def lying_paths(rows: Sequence[Lying], times_ns: np.ndarray, sigma_m: float) -> list[TrackPath]:
    """What lies there as tracks that stand still.

    Args:
        rows: all of them.
        times_ns: (t,) the instants of the twin.
        sigma_m: standard deviation of a centre.
    """
    paths = []
    for number, name in enumerate(sorted({row.track_id for row in rows}), start=1):
        own = [row for row in rows if row.track_id == name]
        at, which = _instants(own, times_ns)
        if len(at):
            boxes = [row.box_m for row in own]
            center_m, extent_m = (np.array([boxes[k][side] for k in which]) for side in (0, 1))
            paths.append(
                TrackPath(
                    Track(name, own[0].label, int(at[0]), int(at[-1])), -number, at, center_m, extent_m,
                    np.zeros_like(center_m), np.full(len(at), sigma_m), np.zeros(len(at), bool),
                    np.array([len(own[k].points_m) for k in which], np.int32),
                )
            )  # fmt: skip
    return paths


def lying_bodies(rows: Sequence[Lying], times_ns: np.ndarray) -> list[BodyPath]:
    """The patient's skeleton through time; every joint counts as predicted, because cloth or the body hides it."""
    own = [row for row in rows if row.joints_m is not None]
    at, which = _instants(own, times_ns)
    if not len(at):
        return []
    joints_m, covariance_m2 = (
        np.array([part[k] for k in which])
        for part in ([row.joints_m for row in own], [row.covariance_m2 for row in own])
    )
    shape = joints_m.shape[:2]
    return [BodyPath(own[0].track_id, at, joints_m, covariance_m2, np.zeros(shape, np.uint8), np.ones(shape, bool))]


def _instants(rows: Sequence[Lying], times_ns: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """The instants at which any of the stretches holds, and which."""
    which = [next((k for k, row in enumerate(rows) if row.begin_ns <= t < row.end_ns), -1) for t in times_ns.tolist()]
    there = np.array(which, np.int64) >= 0
    return times_ns[there], [k for k in which if k >= 0]
