"""The tables in which a scene is kept: one place for their columns, both ways."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..capture.errors import InputError
from ..capture.files import canonical_json
from .state import Fixture, OrientedBox, StaticScene, TrackState, Visibility, Zone

if TYPE_CHECKING:
    import pyarrow as pa

    from .dynamic_scene import Sighting
    from .track_smoothing import RawTrack, TrackPath

AXES = ("x_m", "y_m", "z_m")
EXTENTS = ("dx_m", "dy_m", "dz_m")
SPEEDS = ("vx_m_s", "vy_m_s", "vz_m_s")


def _axis_columns(names: Sequence[str], values: np.ndarray, dtype: type = np.float64) -> dict[str, np.ndarray]:
    values = np.asarray(values, dtype).reshape(-1, 3)
    return {name: np.ascontiguousarray(values[:, axis]) for axis, name in enumerate(names)}


def _stack(table: pa.Table, names: Sequence[str]) -> np.ndarray:
    return np.column_stack([table[name].to_numpy() for name in names])


def mesh_tables(scene: StaticScene) -> dict[str, pa.Table]:
    """Vertices (x_m y_m z_m nx ny nz red green blue sigma_m coverage) and faces (a b c) of the standing room."""
    import pyarrow as pa

    vertices = {
        **_axis_columns(AXES, scene.vertices_m, np.float32),
        **_axis_columns(("nx", "ny", "nz"), scene.normals, np.float32),
        **_axis_columns(("red", "green", "blue"), scene.colors_rgb, np.uint8),
        "sigma_m": np.asarray(scene.sigma_m, np.float32),
        "coverage": np.asarray(scene.coverage, np.uint8),
    }
    faces = _axis_columns(("a", "b", "c"), scene.faces, np.int32)
    return {"vertices": pa.table(vertices), "faces": pa.table(faces)}


def layout_to_json(scene: StaticScene) -> bytes:
    """Fixtures, zones and validity of the standing room."""
    fixtures = [
        {
            "fixture_id": fixture.fixture_id, "label": fixture.label, "guessed": fixture.guessed,
            "center_m": fixture.box.center_m.tolist(), "rotation": fixture.box.rotation.tolist(),
            "extent_m": fixture.box.extent_m.tolist(),
        }
        for fixture in scene.fixtures
    ]  # fmt: skip
    zones = [
        {"label": zone.label, "polygon_m": zone.polygon_m.tolist(), "height_m": zone.height_m} for zone in scene.zones
    ]
    span = {"valid_from_ns": scene.valid_from_ns, "valid_to_ns": scene.valid_to_ns}
    return canonical_json({"fixtures": fixtures, "zones": zones, **span})


def static_from_tables(vertices: pa.Table, faces: pa.Table, layout: bytes) -> StaticScene:
    """The standing room from what `mesh_tables` and `layout_to_json` gave.

    Raises:
        InputError: the layout is damaged.
    """
    try:
        value: dict[str, Any] = json.loads(layout)
        fixtures = tuple(
            Fixture(
                entry["fixture_id"],
                entry["label"],
                OrientedBox(*(np.array(entry[key], np.float64) for key in ("center_m", "rotation", "extent_m"))),
                entry["guessed"],
            )
            for entry in value["fixtures"]
        )
        zones = tuple(
            Zone(entry["label"], np.array(entry["polygon_m"], np.float64), entry["height_m"])
            for entry in value["zones"]
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            "the layout of the room cannot be read", why=repr(error), todo="run `ortwin verify`"
        ) from error
    return StaticScene(
        _stack(vertices, AXES).astype(np.float32),
        _stack(faces, ("a", "b", "c")).astype(np.int64),
        _stack(vertices, ("red", "green", "blue")).astype(np.uint8),
        _stack(vertices, ("nx", "ny", "nz")).astype(np.float32),
        vertices["sigma_m"].to_numpy(),
        vertices["coverage"].to_numpy(),
        fixtures,
        zones,
        int(value["valid_from_ns"]),
        int(value["valid_to_ns"]),
    )


def sighting_tables(
    rows: Sequence[tuple[int, Sighting]], camera_ids: Sequence[str]
) -> tuple[dict[str, pa.Table], bytes]:
    """Sightings of a segment, (time_ns, sighting) in order, as tables and one block of surface packets.

    Returns:
        sightings: time_ns number measured, box, area_m2 has_head num_points, surface_offset surface_size (0 = none);
        visibility: time_ns number camera_id visibility.
    """
    import pyarrow as pa

    sizes = [len(sighting.surface or b"") for _, sighting in rows]
    offsets = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])[:-1] if rows else np.zeros(0, np.int64)
    sightings = {
        "time_ns": np.array([time_ns for time_ns, _ in rows], np.int64),
        "number": np.array([sighting.number for _, sighting in rows], np.int32),
        "measured": np.array([sighting.measured for _, sighting in rows], bool),
        **_axis_columns(AXES, np.array([sighting.center_m for _, sighting in rows])),
        **_axis_columns(EXTENTS, np.array([sighting.extent_m for _, sighting in rows])),
        "area_m2": np.array([sighting.area_m2 for _, sighting in rows], np.float64),
        "has_head": np.array([sighting.has_head for _, sighting in rows], bool),
        "num_points": np.array([sighting.num_points for _, sighting in rows], np.int32),
        "surface_offset": offsets,
        "surface_size": np.array(sizes, np.int64),
    }
    seen = [
        (time_ns, sighting.number, name, int(value))
        for time_ns, sighting in rows
        for name, value in zip(camera_ids, sighting.visibility, strict=True)
    ]
    visibility = {
        "time_ns": pa.array([row[0] for row in seen], pa.int64()),
        "number": pa.array([row[1] for row in seen], pa.int32()),
        "camera_id": pa.array([row[2] for row in seen], pa.string()),
        "visibility": pa.array([row[3] for row in seen], pa.uint8()),
    }
    packets = b"".join(sighting.surface or b"" for _, sighting in rows)
    return {"sightings": pa.table(sightings), "visibility": pa.table(visibility)}, packets


def raw_tracks(sightings: pa.Table) -> list[RawTrack]:
    """The sightings of a whole recording, one RawTrack per raw number, in the order of the numbers."""
    from .track_smoothing import RawTrack

    number = sightings["number"].to_numpy()
    order = np.lexsort((sightings["time_ns"].to_numpy(), number))
    columns = {
        name: sightings[name].to_numpy()[order] for name in ("time_ns", "measured", "area_m2", "has_head", "num_points")
    }
    center_m, extent_m, number = _stack(sightings, AXES)[order], _stack(sightings, EXTENTS)[order], number[order]
    borders = np.flatnonzero(np.diff(number)) + 1
    parts = [slice(int(a), int(b)) for a, b in zip([0, *borders], [*borders, len(number)], strict=True) if b > a]
    return [
        RawTrack(
            int(number[part.start]), columns["time_ns"][part], columns["measured"][part], center_m[part],
            extent_m[part], columns["area_m2"][part], columns["has_head"][part], columns["num_points"][part],
        )
        for part in parts
    ]  # fmt: skip


def track_table(paths: Sequence[TrackPath], begin_ns: int, end_ns: int) -> pa.Table:
    """The rows of all tracks in [begin_ns, end_ns), ordered by time, then track."""
    import pyarrow as pa

    inside = [(path, (path.times_ns >= begin_ns) & (path.times_ns < end_ns)) for path in paths]
    inside = [(path, chosen) for path, chosen in inside if chosen.any()]

    def gather(read: Any, width: int = 0) -> np.ndarray:
        parts = [np.asarray(read(path))[chosen] for path, chosen in inside]
        return np.concatenate(parts) if parts else np.zeros((0, 3) if width else 0)

    times_ns = gather(lambda path: path.times_ns).astype(np.int64)
    counts = [int(chosen.sum()) for _, chosen in inside]
    table = pa.table(
        {
            "time_ns": times_ns,
            "track_id": pa.array(
                np.repeat(np.array([path.track.track_id for path, _ in inside], object), counts), pa.string()
            ),
            "label": pa.array(
                np.repeat(np.array([path.track.label for path, _ in inside], object), counts), pa.string()
            ),
            **_axis_columns(AXES, gather(lambda path: path.center_m, 3)),
            **_axis_columns(SPEEDS, gather(lambda path: path.velocity_m_s, 3)),
            "sigma_m": gather(lambda path: path.sigma_m).astype(np.float64),
            **_axis_columns(EXTENTS, gather(lambda path: path.extent_m, 3)),
            "predicted": gather(lambda path: path.predicted).astype(bool),
            "num_points": gather(lambda path: path.num_points).astype(np.int32),
            "number": gather(lambda path: path.numbers).astype(np.int32),
        }
    )
    return table.sort_by([("time_ns", "ascending"), ("track_id", "ascending")])


def named_visibility(visibility: pa.Table, tracks: pa.Table) -> pa.Table:
    """The visibility of raw numbers as that of the tracks (`track_table`) whose sightings they are."""
    joined = tracks.select(["time_ns", "number", "track_id"]).join(visibility, ["time_ns", "number"], join_type="inner")
    order = [(name, "ascending") for name in ("time_ns", "track_id", "camera_id")]
    return joined.select(["time_ns", "track_id", "camera_id", "visibility"]).sort_by(order).combine_chunks()


def track_states(tracks: pa.Table, visibility: pa.Table) -> dict[int, list[TrackState]]:
    """Track states by time, from the tables of a segment."""
    seen: dict[tuple[int, str], dict[str, Visibility]] = {}
    for row in visibility.to_pylist():
        seen.setdefault((row["time_ns"], row["track_id"]), {})[row["camera_id"]] = Visibility(row["visibility"])
    states: dict[int, list[TrackState]] = {}
    for row in tracks.to_pylist():
        state = TrackState(
            row["track_id"],
            row["label"],
            np.array([row[name] for name in AXES]),
            np.array([row[name] for name in SPEEDS]),
            np.eye(3) * row["sigma_m"] ** 2,
            np.array([row[name] for name in EXTENTS]),
            row["predicted"],
            seen.get((row["time_ns"], row["track_id"]), {}),
        )
        states.setdefault(row["time_ns"], []).append(state)
    return states
