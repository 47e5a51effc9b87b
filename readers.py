"""What stages and viewers read of a twin beyond single tables: the room under its names, surfaces, bodies, windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .archive import TwinArchive
from .reconstruction.body_tables import joints_by_track
from .reconstruction.fitted_bodies import FittedBodies, forms_of
from .reconstruction.lying import lying_at, lying_surface
from .reconstruction.room_plan import apply_room_plan, parse_room_plan
from .reconstruction.state import StaticScene, SurfacePoints, Visibility
from .reconstruction.surface_tables import TABLE, TrackSurfaces
from .reconstruction.surfaces import decode_surface, with_hidden_side
from .scenegraph.scene_window import SceneWindow
from .scenegraph.window_tables import scene_window

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class WindowConfig:
    """What a window of relations takes from a twin.

    Args:
        surface_sigma_m: standard deviation of a measured surface point.
        thickness_m: so much lies hidden behind each seen point.
        joint_sigma_m: joints less sure than this are not known to the relations.
        context_s: so much of the neighbouring segments tells how things move at a border.
    """

    surface_sigma_m: float
    thickness_m: float
    joint_sigma_m: float = 0.12
    context_s: float = 1.25


def named_room(archive: TwinArchive, room_plan: bytes | None) -> StaticScene:
    """The standing room with the names of a room.toml (its text, or None)."""
    scene = archive.read_static()
    if room_plan is None:
        return scene
    fixtures, zones = apply_room_plan(parse_room_plan(room_plan.decode()), scene.fixtures, scene.zones)
    return replace(scene, fixtures=fixtures, zones=zones)


def colored_surface_reader(archive: TwinArchive, number: int) -> Callable[[int, str], SurfacePoints | None]:
    """(time_ns, track_id) -> the measured surface in one segment, or None where nothing was measured."""
    tracks = archive.read_segment("tracks", number, "tracks")
    sightings = archive.read_segment("moving", number, "sightings")
    packets = archive.read_blob("moving", number, "surfaces.bin")
    raw = {
        (time_ns, track_id): number
        for time_ns, track_id, number in zip(
            *(tracks[name].to_pylist() for name in ("time_ns", "track_id", "number")), strict=True
        )
    }
    place = {
        (time_ns, number): (offset, size)
        for time_ns, number, offset, size in zip(
            *(sightings[name].to_pylist() for name in ("time_ns", "number", "surface_offset", "surface_size")),
            strict=True,
        )
    }

    lying = archive.lying

    def read(time_ns: int, track_id: str) -> SurfacePoints | None:
        still = lying_at(lying, track_id, time_ns)
        if still is not None:
            return lying_surface(still)
        offset, size = place.get((time_ns, raw.get((time_ns, track_id), -1)), (0, 0))
        if size == 0:
            return None
        return SurfacePoints(track_id, *decode_surface(packets[offset : offset + size]))

    return read


def measured_surfaces(archive: TwinArchive, number: int) -> dict[int, dict[int, tuple[np.ndarray, bool]]]:
    """By time and raw number, in one segment: the measured surface (n, 3), and whether a head tops it."""
    sightings = archive.read_segment("moving", number, "sightings")
    packets = archive.read_blob("moving", number, "surfaces.bin")
    found: dict[int, dict[int, tuple[np.ndarray, bool]]] = {}
    names = ("time_ns", "number", "has_head", "surface_offset", "surface_size")
    for time_ns, raw, has_head, offset, size in zip(*(sightings[name].to_pylist() for name in names), strict=True):
        if size:
            points_m, _ = decode_surface(packets[offset : offset + size])
            found.setdefault(time_ns, {})[raw] = points_m, has_head
    return found


def solid_reader(archive: TwinArchive, number: int, thickness_m: float) -> Callable[[int, str], np.ndarray]:
    """(time_ns, track_id) -> (n, 3) float32 points of a measured thing in one segment, its hidden side included.

    Empty where nothing was measured. See `reconstruction.surfaces.with_hidden_side`.
    """
    read = colored_surface_reader(archive, number)
    places_m = {name: camera.world_from_camera.translation_m for name, camera in archive.rig.cameras.items()}
    visibility = archive.read_segment("tracks", number, "visibility")
    seen_by: dict[tuple[int, str], list[np.ndarray]] = {}
    names = ("time_ns", "track_id", "camera_id", "visibility")
    for time_ns, track_id, camera_id, value in zip(*(visibility[name].to_pylist() for name in names), strict=True):
        if value == Visibility.SEEN:
            seen_by.setdefault((time_ns, track_id), []).append(places_m[camera_id])

    def points_m(time_ns: int, track_id: str) -> np.ndarray:
        surface, cameras = read(time_ns, track_id), seen_by.get((time_ns, track_id))
        if surface is None:
            return np.zeros((0, 3), np.float32)
        if not cameras:
            return surface.points_m
        return with_hidden_side(surface.points_m, np.mean(cameras, axis=0), thickness_m)

    return points_m


def graph_window(
    archive: TwinArchive, number: int, times_ns: Sequence[np.ndarray], static: StaticScene, config: WindowConfig
) -> SceneWindow:
    """What the relations of one segment are measured in: tracks, surfaces, joints, and moments of its neighbours.

    Args:
        archive: a twin whose tracks are committed.
        number: which segment.
        times_ns: the instants of every segment.
        static: the room with the names that hold.
        config: see WindowConfig.
    """
    reach_ns, own_ns = round(config.context_s * 1e9), times_ns[number]
    before_ns = times_ns[number - 1] if number else own_ns[:0]
    after_ns = times_ns[number + 1] if number + 1 < len(times_ns) else own_ns[:0]
    if len(own_ns):
        before_ns = before_ns[before_ns >= own_ns[0] - reach_ns]
        after_ns = after_ns[after_ns <= own_ns[-1] + reach_ns]
    instants_ns = np.concatenate([before_ns, own_ns, after_ns])
    segments = [number - 1] * bool(len(before_ns)) + [number] + [number + 1] * bool(len(after_ns))
    tracks = _rows_at(archive, segments, "tracks", instants_ns)
    joints_m: dict[str, np.ndarray] = {}
    if archive.has_table("tracks", number, "bodies"):
        joints_m = joints_by_track(
            _rows_at(archive, segments, "bodies", instants_ns), instants_ns, config.joint_sigma_m
        )
    return scene_window(
        instants_ns, tracks, static, config.surface_sigma_m, solid_reader(archive, number, config.thickness_m),
        joints_m, (len(before_ns), len(after_ns)),
    )  # fmt: skip


def _rows_at(archive: TwinArchive, segments: Sequence[int], table: str, instants_ns: np.ndarray) -> pa.Table:
    import pyarrow as pa

    rows = pa.concat_tables([archive.read_segment("tracks", number, table) for number in segments])
    return rows.filter(pa.array(np.isin(rows["time_ns"].to_numpy(), instants_ns)))


def fitted_bodies(archive: TwinArchive, times_ns: np.ndarray) -> FittedBodies:
    """The bodies that were fitted to people.

    Args:
        archive: a twin with the layers `forms` and `bodies`.
        times_ns: (t,) its instants.
    """
    forms = forms_of(archive.read_layer("forms", "forms")) if archive.num_committed("forms") else {}
    spans_ns = [archive.span_ns("bodies", number) for number in range(archive.num_committed("bodies"))]
    step_ns = int(np.median(np.diff(times_ns))) if len(times_ns) > 1 else 1
    return FittedBodies(forms, spans_ns, lambda number: archive.read_segment("bodies", number, "poses"), step_ns)


def track_surfaces(archive: TwinArchive, times_ns: np.ndarray) -> TrackSurfaces:
    """The surfaces of what moves; packets are read when they are asked for.

    Args:
        archive: a twin with the layer `surfaces`.
        times_ns: (t,) its instants.
    """

    def read_part(number: int, name: str, offset: int, size: int) -> bytes | None:
        path = archive.segment("surfaces", number) / name
        if not path.exists():
            return None
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    spans_ns = [archive.span_ns("surfaces", number) for number in range(archive.num_committed("surfaces"))]
    step_ns = int(np.median(np.diff(times_ns))) if len(times_ns) > 1 else 1
    return TrackSurfaces(spans_ns, lambda number: archive.read_segment("surfaces", number, TABLE), read_part, step_ns)
