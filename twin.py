"""The whole pipeline on one screen: from a recording to its twin.

Every stage reads what the stage before committed to the archive and commits its own result, so that a run that was
interrupted anywhere goes on where it stopped and ends with the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path

import numpy as np

from .archive import TwinArchive, being_built
from .capture.background import BackgroundConfig, BackgroundModel, estimate_background
from .capture.camera import CameraRig
from .capture.config import config_from_mapping, config_to_json
from .capture.epoch_backgrounds import EpochBackgrounds
from .capture.errors import ConfigError, InputError, nearest_name
from .capture.files import canonical_json, hash_bytes
from .capture.frame_reader import FrameReader, Gap, lost_stretches, still_missing
from .capture.rig_epochs import quiet_span_ns, still_span_ns
from .capture.storage import StoredRecording
from .capture.sync import SyncTable, segment_spans, synchronize
from .facade import Twin
from .patients import PatientsConfig, covers, joined, lay_down
from .provenance import twin_head
from .readers import WindowConfig, graph_window, measured_surfaces, named_room
from .reconstruction.body_paths import smooth_bodies
from .reconstruction.body_tables import body_table, raw_bodies, raw_body_table
from .reconstruction.detections import Sighting as Sighting2D
from .reconstruction.dynamic_scene import DynamicConfig, DynamicScene, Sighting
from .reconstruction.keypoint_bodies import bodies_of_keypoints
from .reconstruction.people_paths import with_people
from .reconstruction.people_stage import PeopleConfig, PeopleScene
from .reconstruction.picture_stage import PictureScene, keypoint_table, open_people, sightings_of, with_bodies_of
from .reconstruction.room_plan import RoomPlan, format_room_plan, parse_room_plan, relabel
from .reconstruction.scene_tables import named_visibility, raw_tracks, sighting_tables, track_table
from .reconstruction.static_room import RoomConfig, build_static_room
from .reconstruction.still_people import StillPeopleConfig, known_room, without_people
from .reconstruction.track_smoothing import TrackConfig, TrackPath, smooth_tracks
from .scenegraph.graph_builder import GraphBuilder, GraphConfig
from .scenegraph.pair_measuring import compute_pair_features
from .scenegraph.procedure import with_roles
from .scenegraph.timeline import SceneGraphTimeline, split
from .scenegraph.timeline_tables import nodes_table, relations_schema, relations_table
from .scenegraph.vocabulary import canonical_name
from .scenegraph.window_tables import node_spans
from .surfaces import SurfacesConfig, lay_surfaces

Progress = Callable[[str, int, int], None]
"""(stage, steps done, steps in all); called often."""


@dataclass(frozen=True, slots=True)
class BuildConfig:
    """All that decides what a build makes of a recording.

    Args:
        segment_s: media length of a segment, the unit of commit and of resumption.
        background, still, room, dynamic, people, patient, tracks, surfaces, graph: the stages' own settings.
    """

    segment_s: float = 10.0
    background: BackgroundConfig = field(default_factory=BackgroundConfig)
    still: StillPeopleConfig = field(default_factory=StillPeopleConfig)
    room: RoomConfig = field(default_factory=RoomConfig)
    dynamic: DynamicConfig = field(default_factory=DynamicConfig)
    people: PeopleConfig = field(default_factory=PeopleConfig)
    patient: PatientsConfig = field(default_factory=PatientsConfig)
    tracks: TrackConfig = field(default_factory=TrackConfig)
    surfaces: SurfacesConfig = field(default_factory=SurfacesConfig)
    graph: GraphConfig = field(default_factory=GraphConfig)


@dataclass(frozen=True, slots=True, eq=False)
class BuildReport:
    """What a build left behind: the twin, and the frames that it had to do without."""

    twin: Twin
    gaps: tuple[Gap, ...]


def build_twin(
    recording: StoredRecording,
    out: Path | str,
    *,
    rig: CameraRig | None = None,
    room_plan: RoomPlan | None = None,
    keypoints: Sequence[Sighting2D] | None = None,
    config: BuildConfig | None = None,
    fresh: bool = False,
    progress: Progress | None = None,
) -> BuildReport:
    """Build the twin of a recording, or go on with one that was interrupted.

    Args:
        recording: what the cameras saw.
        out: the `.twin` folder.
        rig: where the cameras stand, instead of what the recording says.
        room_plan: names of furniture and zones.
        keypoints: what a detector found in the pictures; bodies then come from there.
        config: see BuildConfig.
        fresh: throw away what is there.
        progress: told how far each stage is.

    Raises:
        InputError: the recording is not registered, or no camera has usable depth.
        ConfigError: `out` holds a twin of other inputs or settings, is being built by another process, or lacks frames
            that can be read by now.
    """
    config, rig, tell = config or BuildConfig(), rig or recording.rig, progress or (lambda *_: None)
    _with_depth(recording, rig)
    sync = synchronize(recording)
    spans = segment_spans(sync, config.segment_s, recording.path)
    people = open_people(config.people if keypoints is None else PeopleConfig(), recording)
    with being_built(out):
        head = twin_head(recording, rig, config, keypoints, people)
        archive = TwinArchive.create(out, head, rig, recording.clocks, fresh=fresh)
        names = format_room_plan(room_plan).encode() if room_plan else archive.room_plan
        if not archive.is_complete or names != archive.room_plan:
            backgrounds = _stand(archive, recording, rig, sync, config, tell)
            _move(archive, recording, rig, sync, spans, backgrounds, config, tell)
            if keypoints is None:
                keypoints = _embody(archive, recording, rig, sync, spans, people, tell)
            lay_down(archive, recording, rig, sync, config.patient, tell)
            _track(archive, spans, keypoints, config, tell)
            if config.surfaces.enabled:
                lay_surfaces(archive, recording, rig, sync, config.surfaces, config.background, config.dynamic, tell)
            derive_graph(archive, names, config, tell)
        return BuildReport(
            Twin(archive), (*lost_stretches(recording), *still_missing(archive.gaps, recording, archive.path))
        )


def _stand(
    archive: TwinArchive,
    recording: StoredRecording,
    rig: CameraRig,
    sync: SyncTable,
    config: BuildConfig,
    tell: Progress,
) -> dict[str, BackgroundModel]:
    """The standing room: a background per camera, fused."""
    names = _with_depth(recording, rig)
    if archive.has_static:
        return {name: archive.read_background(name) for name in names}
    whole_ns = recording.span_ns[0], recording.span_ns[1] + 1
    quiet_ns = quiet_span_ns(rig, whole_ns)[0]
    backgrounds = {}
    for done, name in enumerate(names):
        tell("background", done, len(names))
        still_ns = still_span_ns(rig, name, quiet_ns, whole_ns)  # a camera that was moved has one for each place
        backgrounds[name] = estimate_background(recording, name, config.background, rig[name], still_ns)
    backgrounds = without_people(recording, rig, sync, quiet_ns, backgrounds, config.dynamic, config.still)
    tell("room", 0, 1)
    span_ns = int(sync.times_ns[0]), int(sync.times_ns[-1]) + sync.interval_ns
    scene = build_static_room(rig.at(quiet_ns), known_room(backgrounds), config.room)
    archive.write_static(replace(scene, valid_from_ns=span_ns[0], valid_to_ns=span_ns[1]), backgrounds)
    tell("room", 1, 1)
    return backgrounds


def _move(
    archive: TwinArchive, recording: StoredRecording, rig: CameraRig, sync: SyncTable, spans: list[tuple[int, int]],
    backgrounds: Mapping[str, BackgroundModel], config: BuildConfig, tell: Progress,
) -> None:  # fmt: skip
    """What moves, segment by segment; each commits the working state from which the next goes on."""
    places, epoch = EpochBackgrounds(recording, rig, config.background, backgrounds), 0 if not rig.moves else -1
    scene = DynamicScene.start(rig, backgrounds, config.dynamic)
    first = archive.num_committed("moving")
    if first:
        scene.restore(archive.facts("moving", first - 1)["state"])
    for number in range(first, len(spans)):
        instants = np.flatnonzero((sync.times_ns >= spans[number][0]) & (sync.times_ns < spans[number][1]))
        reader = FrameReader(recording, sync, rig)
        rows: list[tuple[int, Sighting]] = []
        for instant in instants.tolist():
            time_ns = int(sync.times_ns[instant])
            tell("moving", instant, len(sync.times_ns))
            if epoch != (epoch := rig.epoch(time_ns)):
                scene.stand(rig.at(time_ns), places.at(time_ns))
            sightings = scene.observe(time_ns, *reader.at(instant))
            rows += [(time_ns, sighting) for sighting in sightings]
        tables, packets = sighting_tables(rows, list(rig.cameras))
        tables["frames"] = reader.table(instants)
        facts = {"gaps": reader.gaps_to_json(), "state": scene.to_json()}
        archive.write_segment("moving", number, spans[number], tables, {"surfaces.bin": packets}, facts)
    tell("moving", len(sync.times_ns), len(sync.times_ns))


def _embody(
    archive: TwinArchive, recording: StoredRecording, rig: CameraRig, sync: SyncTable, spans: list[tuple[int, int]],
    people: PeopleScene | PictureScene, tell: Progress,
) -> list[Sighting2D] | None:  # fmt: skip
    """Bodies as measured, by segment, each with what is remembered of whom; keypoints of pictures, if asked for."""
    first = archive.num_committed("people")
    if first:
        people.restore(archive.facts("people", first - 1)["state"])
    for number in range(first, len(spans)):
        tell("people", number, len(spans))
        stage = sync.times_ns, measured_surfaces(archive, number), rig, FrameReader(recording, sync, rig)
        tables = {"bodies": raw_body_table(people.observe_all(*stage))}
        if isinstance(people, PictureScene):
            tables["keypoints"] = keypoint_table(people.look_at_all(*stage))
        archive.write_segment("people", number, spans[number], tables, facts={"state": people.to_json()})
    tell("people", len(spans), len(spans))
    return sightings_of(archive.read_layer("people", "keypoints")) if isinstance(people, PictureScene) else None


def _track(
    archive: TwinArchive,
    spans: list[tuple[int, int]],
    keypoints: Sequence[Sighting2D] | None,
    config: BuildConfig,
    tell: Progress,
) -> None:
    """Tracks: the sightings of the whole recording, named and smoothed, and the bodies of those who are people."""
    if archive.num_committed("tracks") == len(spans):
        return
    tell("tracks", 0, 1)
    every_ns = np.unique(archive.read_layer("moving", "frames", ["time_ns"])["time_ns"].to_numpy())
    raw = raw_tracks(archive.read_layer("moving", "sightings"))
    raw_people = raw_bodies(archive.read_layer("people", "bodies")) if archive.num_committed("people") else []
    raw, raw_people = with_people(raw, raw_people)
    paths: list[TrackPath] = smooth_tracks(raw, every_ns, config.tracks, config.dynamic.tracking)
    bodies = smooth_bodies(paths, raw_people, config.people.smoothing)
    if keypoints is not None:
        paths, seen = bodies_of_keypoints(keypoints, archive.rig, paths, every_ns)
        bodies = with_bodies_of(seen, bodies)
    paths, bodies = joined(archive.lying, paths, bodies, every_ns)
    for number, span_ns in enumerate(spans):
        if not archive.has_segment("tracks", number):
            tables = {"tracks": track_table(paths, *span_ns), "bodies": body_table(bodies, *span_ns)}
            visibility = archive.read_segment("moving", number, "visibility")
            tables["visibility"] = named_visibility(visibility, tables["tracks"])
            archive.write_segment("tracks", number, span_ns, tables)
    tell("tracks", 1, 1)


def derive_graph(
    archive: TwinArchive, room_plan: bytes | None, config: BuildConfig, tell: Progress | None = None
) -> None:
    """The scene graph: relations of every segment, written as a new layer that then replaces the one in force.

    Args:
        archive: a twin whose tracks are committed.
        room_plan: the text of the room.toml that is to hold from now on, or None.
        config: the settings of the build.
        tell: told how far it is.
    """
    tell = tell or (lambda *_: None)
    key = hash_bytes(canonical_json({"graph": config_to_json(config.graph)}) + (room_plan or b""))[:8]
    layer, before = f"graph-{key}", archive.graph_layer
    source = f"ortwin {metadata.version('ortwin')} {layer}"
    static = named_room(archive, room_plan)
    count = archive.num_committed("tracks")
    frames = [archive.read_segment("moving", number, "frames") for number in range(count)]
    times_ns = [np.unique(table["time_ns"].to_numpy()) for table in frames]
    every_ns = np.concatenate(times_ns)
    interval_ns = int(np.median(np.diff(every_ns))) if len(every_ns) > 1 else 1_000_000_000
    builder = GraphBuilder(config.graph, interval_ns)
    window = WindowConfig(config.dynamic.surface_voxel_m / 2, config.dynamic.thickness_m)
    for number in range(count):
        tell("graph", number, count)
        builder.push(compute_pair_features(graph_window(archive, number, times_ns, static, window)))
    spans = [archive.span_ns("tracks", number) for number in range(count)]
    relations, measured = (*builder.finish(), *covers(archive.lying)), builder.measured
    schema = relations_schema({name for row in relations for name in row.evidence})
    pieces = split(relations, [spans[0][0], *(end_ns for _, end_ns in spans)])
    nodes = node_spans(archive.read_layer("tracks", "tracks"), static, (int(every_ns[0]), int(every_ns[-1])))
    nodes = with_roles(nodes, SceneGraphTimeline(nodes, relations), measured)
    for number, span_ns in enumerate(spans):
        if not archive.has_segment(layer, number):
            here = [node for node in nodes if node.first_ns < span_ns[1] and node.last_ns >= span_ns[0]]
            tables = {
                "relations": relations_table(pieces[number], source=source, schema=schema),
                "nodes": nodes_table(here, source=source),
            }
            archive.write_segment(layer, number, span_ns, tables, facts={"measured": sorted(measured)})
    archive.finish(
        {"moving": count, "people": archive.num_committed("people"), "tracks": count, layer: count}, layer, room_plan
    )
    if before != layer:
        archive.remove_layer(before)
    tell("graph", count, count)


def _with_depth(recording: StoredRecording, rig: CameraRig) -> list[str]:
    names = [name for name in rig.cameras if recording.has_stream(name, "depth")]
    if not names:
        raise InputError("no camera has depth", where=str(recording.path), todo="a twin needs RGB-D cameras")
    return names


def open(path: Path | str) -> Twin:
    """Open a twin.

    Raises:
        InputError: the folder is no twin, or its head is damaged.
    """
    return Twin(TwinArchive(path))


def label_fixture(twin: Twin, fixture: str, name: str, progress: Progress | None = None) -> Twin:
    """Name a fixture in the twin's room.toml and derive the graph again; nothing else changes.

    Args:
        twin: the twin.
        fixture: a fixture id such as "fixture_2", or the label that it has.
        name: the canonical name or any known spelling of it.

    Raises:
        ConfigError: the fixture is unknown; names the nearest one.
    """
    archive = twin.archive
    found = {entry.fixture_id: entry for entry in archive.read_static().fixtures}
    by_label = {entry.label: entry.fixture_id for entry in twin.room.fixtures}
    fixture_id = fixture if fixture in found else by_label.get(fixture)
    if fixture_id is None:
        raise ConfigError(
            f"there is no fixture '{fixture}'{nearest_name(fixture, [*found, *by_label])}",
            where=str(twin.path), why=f"the room has {', '.join(found) or 'none'}", todo=f"ortwin label {twin.path}",
        )  # fmt: skip
    before = parse_room_plan(archive.room_plan.decode()) if archive.room_plan else RoomPlan()
    plan = relabel(before, fixture_id, canonical_name(name))
    config = config_from_mapping(BuildConfig, archive.head["config"])
    derive_graph(archive, format_room_plan(plan).encode(), config, progress)
    return Twin(TwinArchive(archive.path))
