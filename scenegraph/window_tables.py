"""From the tables of a twin to the windows that the relations are measured in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..reconstruction.state import Fixture, StaticScene
from .scene_window import Entity, SceneWindow
from .timeline import NodeSpan
from .vocabulary import FIXTURE, TRACK, ZONE, natural_key

if TYPE_CHECKING:
    import pyarrow as pa

SurfaceReader = Callable[[int, str], np.ndarray]
"""(time_ns, track_id) -> (n, 3) float32 world points, empty where nothing was measured."""


def fixture_nodes(fixtures: Iterable[Fixture]) -> dict[str, Fixture]:
    """The name of each fixture in the graph: its label, numbered from 2 on where several share it, else its id."""
    names: dict[str, Fixture] = {}
    for fixture in fixtures:
        base = fixture.fixture_id if fixture.label == FIXTURE else fixture.label
        number, name = 2, base
        while name in names:
            name, number = f"{base}_{number}", number + 1
        names[name] = fixture
    return names


def standing_entities(static: StaticScene) -> tuple[Entity, ...]:
    """Fixtures and zones as entities, fixtures first."""
    fixtures = [Entity(name, fixture.label, FIXTURE) for name, fixture in fixture_nodes(static.fixtures).items()]
    return (*fixtures, *(Entity(zone.label, ZONE, ZONE) for zone in static.zones))


def scene_window(
    times_ns: np.ndarray,
    tracks: pa.Table,
    static: StaticScene,
    surface_sigma_m: float,
    read_surface: SurfaceReader,
    joints_m: Mapping[str, np.ndarray] | None = None,
    context: tuple[int, int] = (0, 0),
) -> SceneWindow:
    """The window of one segment.

    Args:
        times_ns: (T,) the instants of the segment.
        tracks: its tracks table.
        static: fixtures and zones, with the names that hold.
        surface_sigma_m: standard deviation of a measured surface point.
        read_surface: gives the measured surface of a track at an instant.
        joints_m: (T, 17, 3) joints by track, world, NaN = unknown.
        context: so many instants at begin and end belong to the neighbouring segments.
    """
    rows = {name: tracks[name].to_numpy(zero_copy_only=False) for name in tracks.column_names}
    ids = sorted(set(rows["track_id"].tolist()), key=natural_key)
    labels = dict(zip(rows["track_id"].tolist(), rows["label"].tolist(), strict=True))
    entities = (*(Entity(name, labels[name], TRACK) for name in ids), *standing_entities(static))
    num_times, num_entities, num_tracks = len(times_ns), len(entities), len(ids)
    center_m, extent_m, velocity = (np.full((num_times, num_entities, 3), np.nan) for _ in range(3))
    sigma_m = np.full((num_times, num_entities), np.nan)
    present = np.zeros((num_times, num_entities), bool)
    observed = np.zeros((num_times, num_entities), bool)
    column = {name: index for index, name in enumerate(ids)}
    at = np.searchsorted(times_ns, rows["time_ns"])
    who = np.array([column[name] for name in rows["track_id"].tolist()], dtype=np.int64)
    for axis, (place, extent, speed) in enumerate(
        (("x_m", "dx_m", "vx_m_s"), ("y_m", "dy_m", "vy_m_s"), ("z_m", "dz_m", "vz_m_s"))
    ):
        center_m[at, who, axis], extent_m[at, who, axis], velocity[at, who, axis] = (
            rows[place],
            rows[extent],
            rows[speed],
        )
    present[at, who] = True
    observed[at, who] = ~rows["predicted"].astype(bool)
    sigma_m[at, who] = np.where(rows["predicted"].astype(bool), rows["sigma_m"], surface_sigma_m)
    present[:, num_tracks:] = observed[:, num_tracks:] = True
    sigma_m[:, num_tracks:], velocity[:, num_tracks:] = surface_sigma_m, 0.0
    standing = [fixture.box for fixture in fixture_nodes(static.fixtures).values()]
    return SceneWindow(
        times_ns, entities, center_m, extent_m, velocity, sigma_m, present, observed,
        {num_tracks + index: box for index, box in enumerate(standing)},
        {num_tracks + len(standing) + index: zone for index, zone in enumerate(static.zones)},
        lambda time, entity: read_surface(int(times_ns[time]), entities[entity].node_id),
        {column[name]: joints for name, joints in (joints_m or {}).items() if name in column},
        context=context,
    )  # fmt: skip


def node_spans(tracks: pa.Table, static: StaticScene, span_ns: tuple[int, int]) -> tuple[NodeSpan, ...]:
    """Every entity of a recording: tracks with the span in which they were followed, then fixtures, then zones.

    Args:
        tracks: the tracks table of the whole recording.
        static: fixtures and zones.
        span_ns: first and last instant of the recording.
    """
    from pyarrow import compute

    spans = []
    for name in sorted(set(tracks["track_id"].to_pylist()), key=natural_key):
        own = tracks.filter(compute.field("track_id") == name)
        times = own["time_ns"].to_numpy()
        x_m, y_m, z_m = (float(own[axis].to_numpy().mean()) for axis in ("x_m", "y_m", "z_m"))
        spans.append(
            NodeSpan(name, own["label"][0].as_py(), TRACK, (x_m, y_m, z_m), int(times.min()), int(times.max()))
        )
    for name, fixture in fixture_nodes(static.fixtures).items():
        x_m, y_m, z_m = (float(value) for value in fixture.box.center_m)
        spans.append(NodeSpan(name, fixture.label, FIXTURE, (x_m, y_m, z_m), *span_ns))
    for zone in static.zones:
        x_m, y_m = (float(value) for value in zone.polygon_m.mean(axis=0))
        spans.append(NodeSpan(zone.label, ZONE, ZONE, (x_m, y_m, zone.height_m / 2), *span_ns))
    return tuple(spans)
