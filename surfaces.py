"""The surfaces of what moves: for every track and instant one mesh from all cameras that saw it.

The layer `surfaces` has the segments of the tracks. It is made while a twin is built, where the settings ask for it, or
added to a finished twin from its recording (`ortwin surfaces`). Colours show people: they lie in files of their own,
and no export has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import metadata

import numpy as np

from .archive import TwinArchive, being_built
from .capture.background import BackgroundConfig, BackgroundModel
from .capture.camera import Camera, CameraRig
from .capture.config import config_from_mapping, config_to_json
from .capture.epoch_backgrounds import EpochBackgrounds
from .capture.errors import ConfigError, InputError
from .capture.files import canonical_json, hash_bytes
from .capture.flying_pixels import find_flying
from .capture.frame_reader import FrameReader
from .capture.noise import noise_of
from .capture.storage import StoredRecording
from .capture.sync import SyncTable, synchronize
from .facade import Twin
from .readers import measured_surfaces
from .reconstruction.body_tables import joints_by_track
from .reconstruction.dynamic_mask import DynamicMask
from .reconstruction.dynamic_scene import DynamicConfig
from .reconstruction.surface_fusion import FusionConfig, fuse
from .reconstruction.surface_grids import GridConfig, SurfaceGrid, surface_grid
from .reconstruction.surface_mesh import Patch
from .reconstruction.surface_owners import TracksNow, known_owners
from .reconstruction.surface_tables import TABLE, SurfaceRows

LAYER = "surfaces"
GREY = 128
Progress = Callable[[str, int, int], None]
"""(stage, steps done, steps in all)."""


@dataclass(frozen=True, slots=True)
class SurfacesConfig:
    """How the surfaces of what moves are made.

    Args:
        enabled: whether a build makes them.
        colored: whether they have colours; people can be told by them.
        grid, fusion: of the stages.
    """

    enabled: bool = False
    colored: bool = True
    grid: GridConfig = field(default_factory=GridConfig)
    fusion: FusionConfig = field(default_factory=FusionConfig)


def add_surfaces(
    twin: Twin,
    recording: StoredRecording,
    config: SurfacesConfig | None = None,
    *,
    fresh: bool = False,
    progress: Progress | None = None,
) -> Twin:
    """Give a finished twin the surfaces of what moves, or go on with a run that was interrupted.

    Args:
        twin: a complete twin.
        recording: what it was built from.
        config: see SurfacesConfig; `enabled` says nothing here.
        fresh: throw away the surfaces that are there.
        progress: told how far it is.

    Raises:
        InputError: the twin is not complete, or the recording is not the one it was built from.
        ConfigError: surfaces of other settings are there, or another process works on the twin.
    """
    archive = twin.archive
    if not archive.is_complete:
        raise InputError("the twin is not complete", where=str(twin.path), todo="run `ortwin build` to its end")
    sync = synchronize(recording)
    if recording.content_hash() != archive.head["inputs"].get("recording_blake3") or not np.array_equal(
        sync.times_ns, twin.times_ns
    ):
        raise InputError(
            "the twin was not built from this recording", where=str(recording.path),
            why="its content or its clocks are others", todo="give the recording that the twin was built from",
        )  # fmt: skip
    stages = archive.head["config"]
    built = (
        config_from_mapping(BackgroundConfig, stages["background"]),
        config_from_mapping(DynamicConfig, stages["dynamic"]),
    )
    with being_built(twin.path):
        if fresh:
            archive.remove_layer(LAYER)
        archive.remove_unfinished()
        lay_surfaces(
            archive, recording, archive.rig, sync, config or SurfacesConfig(), *built, progress or (lambda *_: None)
        )
    return Twin(TwinArchive(twin.path))


def lay_surfaces(
    archive: TwinArchive, recording: StoredRecording, rig: CameraRig, sync: SyncTable, config: SurfacesConfig,
    background: BackgroundConfig, dynamic: DynamicConfig, tell: Progress,
) -> None:  # fmt: skip
    """Commit the surfaces of every segment whose tracks are committed; those that are there already stay.

    Raises:
        ConfigError: surfaces of other settings are there.
    """
    key = hash_bytes(canonical_json({**config_to_json(config), "enabled": True, "ortwin": metadata.version("ortwin")}))
    first, count = archive.num_committed(LAYER), archive.num_committed("tracks")
    if first and archive.facts(LAYER, 0).get("key") != key:
        raise ConfigError(
            "surfaces of other settings are there already", where=str(archive.path), todo="--fresh to make them anew"
        )
    if first == count:
        return
    scene = _Scene(archive, recording, rig, sync, config, background, dynamic)
    for number in range(first, count):
        span_ns = archive.span_ns("tracks", number)
        instants = np.flatnonzero((sync.times_ns >= span_ns[0]) & (sync.times_ns < span_ns[1]))
        rows, surfaces_m = SurfaceRows(), measured_surfaces(archive, number)
        tracks = _tracks_by_time(archive, number, sync.times_ns[instants])
        for instant in instants.tolist():
            tell(LAYER, instant, len(sync.times_ns))
            time_ns = int(sync.times_ns[instant])
            if time_ns not in tracks or time_ns not in surfaces_m:
                continue
            points_m = {raw: surface_m for raw, (surface_m, _) in surfaces_m[time_ns].items()}
            for track_id, patches, colors_rgb in scene.surfaces(instant, tracks[time_ns], points_m):
                rows.add(time_ns, track_id, patches, colors_rgb)
        archive.write_segment(LAYER, number, span_ns, {TABLE: rows.table()}, rows.blobs(), {"key": key})
    tell(LAYER, len(sync.times_ns), len(sync.times_ns))


def _tracks_by_time(archive: TwinArchive, number: int, times_ns: np.ndarray) -> dict[int, TracksNow]:
    joints_m: dict[str, np.ndarray] = {}
    if archive.has_table("tracks", number, "bodies"):
        joints_m = joints_by_track(archive.read_segment("tracks", number, "bodies"), times_ns, np.inf)
    return TracksNow.by_time(archive.read_segment("tracks", number, "tracks"), times_ns, joints_m)


class _Scene:
    """Looks at the frames of an instant again, now that it is known who is who."""

    def __init__(
        self, archive: TwinArchive, recording: StoredRecording, rig: CameraRig, sync: SyncTable,
        config: SurfacesConfig, background: BackgroundConfig, dynamic: DynamicConfig,
    ) -> None:  # fmt: skip
        names = [name for name in rig.cameras if recording.has_stream(name, "depth")]
        known = {name: archive.read_background(name) for name in names}
        self._places = EpochBackgrounds(recording, rig, background, known)
        self._rig, self._sync, self._config, self._dynamic = rig, sync, config, dynamic
        self._reader = FrameReader(recording, sync, rig)
        self._masks: dict[str, tuple[BackgroundModel, DynamicMask]] = {}
        self._pool = ThreadPoolExecutor(2)

    def surfaces(
        self, instant: int, tracks: TracksNow, surfaces_m: Mapping[int, np.ndarray]
    ) -> Iterator[tuple[str, Sequence[Patch], np.ndarray | None]]:
        """Track, patches and colours of every surface of an instant."""
        time_ns = int(self._sync.times_ns[instant])
        rig, backgrounds = self._rig.at(time_ns), self._places.at(time_ns)
        owners = known_owners(surfaces_m, tracks, self._config.grid.owner_reach_m)
        read_depth, read_color = self._reader.at(instant)

        def see(name: str) -> SurfaceGrid | None:
            depth_raw, skew_ns = read_depth(name), self._sync.skew_of(instant, name)
            if depth_raw is None or skew_ns is None:
                return None
            moving = self._mask(rig[name], backgrounds[name]).of(depth_raw)
            if self._dynamic.flying.enabled:
                moving &= ~find_flying(depth_raw, rig[name].depth_unit_m, self._dynamic.flying)
            noise = noise_of(rig[name].sensor)
            return surface_grid(rig[name], depth_raw, moving, owners, skew_ns, noise, self._config.grid)

        grids = [grid for grid in self._pool.map(see, backgrounds) if grid is not None]
        pictures = dict(
            self._pool.map(lambda name: (name, read_color(name)), [grid.camera.camera_id for grid in grids])
        )
        found = fuse(grids, tracks.velocity_m_s, self._config.fusion)
        for track_id, velocity_m_s, parts in zip(tracks.track_ids, tracks.velocity_m_s, found, strict=True):
            if parts:
                colors_rgb = None
                if self._config.colored:
                    colors_rgb = np.concatenate([
                        _colors(grids[at], patch.points_m + velocity_m_s * (grids[at].skew_ns * 1e-9), pictures)
                        for at, patch in parts
                    ])  # fmt: skip
                yield track_id, [patch for _, patch in parts], colors_rgb

    def _mask(self, camera: Camera, background: BackgroundModel) -> DynamicMask:
        """The mask of a camera, made anew where its background is another than before."""
        known = self._masks.get(camera.camera_id)
        if known is None or known[0] is not background:
            known = background, DynamicMask.from_background(camera, background, self._dynamic.mask)
            self._masks[camera.camera_id] = known
        return known[1]


def _colors(grid: SurfaceGrid, points_m: np.ndarray, pictures: Mapping[str, np.ndarray | None]) -> np.ndarray:
    """(n, 3) uint8: what the camera of a grid saw at points (n, 3) at its exposure; grey where it saw no colour."""
    camera, picture = grid.camera, pictures[grid.camera.camera_id]
    colors_rgb = np.full((len(points_m), 3), GREY, np.uint8)
    if picture is None:
        return colors_rgb
    uv_px = camera.color.project(camera.camera_from_world @ points_m)
    scale = np.array([picture.shape[1] / camera.color.width_px, picture.shape[0] / camera.color.height_px])
    columns, rows = np.nan_to_num((uv_px + 0.5) * scale - 0.5, nan=-1).round().astype(int).T
    inside = (columns >= 0) & (rows >= 0) & (columns < picture.shape[1]) & (rows < picture.shape[0])
    colors_rgb[inside] = picture[rows[inside], columns[inside]]
    return colors_rgb
