"""A twin as Rerun files: one .rrd per segment under one recording id, the first with all that does not change.

    world/room/{surface,ceiling}  fixtures/<name>  zones/<label>  cameras/<id>{,/image}
    world/tracks/<id>/{surface,mesh,box,tag,skeleton,body}  world/paths/<id>  world/relations
    relations/<subject>/<predicate>/<object>  graph  events  streams/<name>

Times stand on two timelines: "time", since the first instant, and "instant", the number of the instant. Rerun's files
are made for looking, not for keeping: they may be deleted and are made again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..capture.camera import Camera
from ..capture.conventions import quat_wxyz_from_rotation
from ..capture.errors import PrivacyError
from ..capture.files import require_writable, write_atomic
from ..facade import Twin
from ..reconstruction.state import SceneState, StaticScene, TrackState
from ..scenegraph.timeline import SceneGraphTimeline
from ..scenegraph.window_tables import fixture_nodes
from .dollhouse import room_parts
from .folder import APPLICATION, KEY_FILE, PlaybackConfig, key_text, playback_key, remove_playback
from .links import Link, links_at
from .palette import CAMERA, GUESSED, NAMED, UNKNOWN, ZONE_LINE, track_color
from .pictures import background_picture, camera_grid
from .rerun_bodies import BodyDrawing
from .rerun_surfaces import SurfaceDrawing
from .story import events, graph_pictures, lanes
from .stream_rows import StreamRows, stream_rows
from .track_rows import TrackRow, TrackRows

if TYPE_CHECKING:
    import rerun

    from ..capture.storage import StoredRecording

TIME, INSTANT = "time", "instant"
TAG_LIFT_M = 0.12
Progress = Callable[[str, int, int], None]
"""(stage, steps done, steps in all)."""


def write_playback(
    twin: Twin,
    out_dir: Path | None = None,
    recording: StoredRecording | None = None,
    progress: Progress | None = None,
    config: PlaybackConfig | None = None,
) -> list[Path]:
    """Write the .rrd files of a twin.

    Args:
        twin: what to draw.
        out_dir: where; `playback/` in the twin if None.
        recording: the recording it was built from: the cameras then show its pictures, people and all, in place of the
            empty room. Give an `out_dir` outside the twin with it.
        progress: told after every segment.
        config: see PlaybackConfig.

    Returns:
        One file per segment, in order; they are opened together.

    Raises:
        InputError: the twin is incomplete or damaged.
        ConfigError: the folder takes no files.
        PrivacyError: the recording's pictures would come to lie in the twin.
    """
    import rerun as rr

    from .blueprint import layout

    folder = out_dir or twin.path / "playback"
    if recording is not None and folder.resolve().is_relative_to(twin.path.resolve()):
        raise PrivacyError(
            "pictures of people do not go into a twin", where=str(folder), todo="choose a folder outside the twin"
        )
    require_writable(folder, folder=True)
    remove_playback(folder)
    scene = _Scene(twin, recording, config or PlaybackConfig())
    files = []
    for number in range(twin.num_segments):
        path = folder / f"{number:06d}.rrd"
        unfinished = folder / f".{path.name}.tmp"
        stream = rr.RecordingStream(APPLICATION, recording_id=playback_key(twin))
        stream.save(unfinished)
        if number == 0:
            stream.send_recording_name(twin.path.stem)
            stream.send_blueprint(layout(twin))
            scene.log_standing(stream)
        scene.log_segment(stream, number)
        stream.flush()
        stream.disconnect()
        unfinished.replace(path)
        files.append(path)
        if progress is not None:
            progress("playback", number + 1, twin.num_segments)
    write_atomic(folder / KEY_FILE, key_text(twin, files, shows_people=recording is not None))
    return files


class _Scene:
    """Logs a twin; remembers from segment to segment what is on the screen and where things came from."""

    def __init__(self, twin: Twin, recording: StoredRecording | None, config: PlaybackConfig) -> None:
        self.twin, self.recording, self.config = twin, recording, config
        self.times_ns = twin.times_ns
        self.timeline: SceneGraphTimeline = twin.timeline
        self.fixtures = fixture_nodes(twin.room.fixtures)
        self.lanes, self.events = lanes(self.timeline), events(self.timeline)
        self.streams = list(stream_rows(twin.streams, int(self.times_ns[0]), int(self.times_ns[-1]) + 1))
        self.rows = TrackRows(config.trail_s, config.max_surface_points)
        self.bodies = BodyDrawing(twin)
        self.surfaces = SurfaceDrawing(twin.surfaces, config.surface_cell_m)

    def log_standing(self, stream: rerun.RecordingStream) -> None:
        """All that does not change."""
        import rerun as rr

        stream.log("world", rr.ViewCoordinates.RIGHT_HAND_Z_UP, static=True)
        _log_room(stream, self.twin.room)
        for camera_id, camera in self.twin.rig.cameras.items():
            self._log_camera(stream, camera_id, camera)
        for lane in self.lanes:
            style = rr.StateConfiguration(
                values=["true", "unknown"], labels=["holds", "unknown"], colors=[lane.color, UNKNOWN]
            )
            stream.log(["relations", *lane.triple], style, static=True)
        step = rr.components.InterpolationMode.StepAfter
        for rows in self.streams:
            if rows.numbers is not None:
                stream.log(
                    ["streams", rows.name], rr.SeriesLines(names=rows.title, interpolation_mode=step), static=True
                )

    def _log_camera(self, stream: rerun.RecordingStream, camera_id: str, camera: Camera) -> None:
        import rerun as rr

        path: list[object] = ["world", "cameras", camera_id]
        lens = camera.color if self.recording else camera_grid(camera.color, self.config.image_width_px)
        poses = [(int(self.times_ns[0]), camera.world_from_camera)]
        poses += [(m.from_ns, m.world_from_camera) for m in self.twin.rig.moves if m.camera_id == camera_id]
        for time_ns, pose in poses:  # what is static in Rerun hides whatever comes later, so that only one pose is
            self._set_time(stream, time_ns)
            transform = rr.Transform3D(translation=pose.translation_m, mat3x3=pose.rotation)
            stream.log(path, transform, static=len(poses) == 1)
        frustum = rr.Pinhole(
            image_from_camera=lens.matrix, resolution=[lens.width_px, lens.height_px],
            camera_xyz=rr.ViewCoordinates.RDF, image_plane_distance=0.35, color=CAMERA, line_width=0.004,
        )  # fmt: skip
        stream.log(path, frustum, static=True)
        picture = None if self.recording else background_picture(self.twin.archive, camera_id, lens)
        if picture is not None:
            encoded = rr.EncodedImage(contents=picture, media_type="image/jpeg")
            stream.log([*path, "image"], encoded, static=True)

    def log_segment(self, stream: rerun.RecordingStream, number: int) -> None:
        """All that happens in one segment."""
        begin_ns, end_ns = self.twin.archive.span_ns("tracks", number)
        states = list(self.twin.states(number))
        self.surfaces.log(stream, states, self._index)
        for track_id, rows in self.rows.collect(self.surfaces.without_points(number, states)).items():
            _send_track(stream, track_id, rows, self._index([row.time_ns for row in rows]))
        self.bodies.log(stream, number, states, self._index)
        self._log_links(stream, states)
        stop_ns = end_ns + (number == self.twin.num_segments - 1)
        self._log_words(stream, begin_ns, stop_ns)
        for rows in self.streams:
            self._log_samples(stream, rows.between(begin_ns, stop_ns))
        if self.recording is not None:
            self._log_frames(stream, number, self.recording)

    def _index(self, times_ns: Sequence[int]) -> list[rerun.TimeColumn]:
        import rerun as rr

        times = np.asarray(times_ns, np.int64)
        since = (times - self.times_ns[0]).astype("timedelta64[ns]")
        instants = np.clip(np.searchsorted(self.times_ns, times), 0, len(self.times_ns) - 1)
        return [rr.TimeColumn(TIME, duration=since), rr.TimeColumn(INSTANT, sequence=instants)]

    def _log_links(self, stream: rerun.RecordingStream, states: Sequence[SceneState]) -> None:
        import rerun as rr

        if not states:
            return
        span_ns = states[0].timestamp_ns, states[-1].timestamp_ns + 1
        timeline = self.timeline.between(*span_ns)
        found: list[list[Link]] = [
            links_at(timeline.at(state.timestamp_ns).relations, state.tracks, self.fixtures) for state in states
        ]
        lengths = [len(links) for links in found]
        every = [link for links in found for link in links]
        columns = rr.LineStrips3D.columns(
            strips=[link.ends_m.astype(np.float32) for link in every],
            colors=np.array([link.color for link in every], np.uint8).reshape(-1, 3),
            radii=np.full(len(every), 0.012, np.float32),
            labels=[link.label for link in every],
        )
        index = self._index([state.timestamp_ns for state in states])
        stream.send_columns("world/relations", index, columns.partition(lengths))

    def _log_samples(self, stream: rerun.RecordingStream, rows: StreamRows) -> None:
        import rerun as rr

        column = rr.TextLog.columns(text=[f"{rows.name}: {word}" for word in rows.words or ()])
        if rows.numbers is not None:
            column = rr.Scalars.columns(scalars=rows.numbers)
        if len(rows.times_ns):
            path = rr.new_entity_path(["streams", rows.name])
            stream.send_columns(path, self._index(rows.times_ns.tolist()), column)

    def _log_words(self, stream: rerun.RecordingStream, begin_ns: int, end_ns: int) -> None:
        """State lanes, graph and event log between two times."""
        import rerun as rr

        for lane in self.lanes:
            changes = [change for change in lane.changes if begin_ns <= change[0] < end_ns]
            if changes:
                column = rr.StateChange.columns(state=[state or "" for _, state in changes])
                stream.send_columns(
                    rr.new_entity_path(["relations", *lane.triple]), self._index([time for time, _ in changes]), column
                )
        for picture in graph_pictures(self.timeline, begin_ns, end_ns):
            self._set_time(stream, picture.time_ns)
            nodes = rr.GraphNodes(
                list(picture.node_ids), positions=list(picture.positions_px), colors=list(picture.colors),
                labels=list(picture.labels), radii=list(picture.radii_px), show_labels=True,
            )  # fmt: skip
            stream.log("graph", nodes, rr.GraphEdges(list(picture.edges), graph_type="directed"))
        said = [event for event in self.events if begin_ns <= event.time_ns < end_ns]
        if said:
            column = rr.TextLog.columns(
                text=[event.text for event in said], level=[event.level for event in said],
                color=np.array([event.color for event in said], np.uint8),
            )  # fmt: skip
            stream.send_columns("events", self._index([event.time_ns for event in said]), column)

    def _set_time(self, stream: rerun.RecordingStream, time_ns: int) -> None:
        stream.set_time(TIME, duration=np.timedelta64(time_ns - int(self.times_ns[0]), "ns"))
        stream.set_time(INSTANT, sequence=int(np.searchsorted(self.times_ns, time_ns)))

    def _log_frames(self, stream: rerun.RecordingStream, number: int, recording: StoredRecording) -> None:
        """The pictures of the recording, as the cameras gave them."""
        import rerun as rr

        frames = self.twin.archive.read_segment("moving", number, "frames")
        positions = {
            name: {int(index): at for at, index in enumerate(recording.indices(name))} for name in recording.cameras
        }
        for row in frames.to_pylist():
            camera_id = row["camera_id"]
            position = positions.get(camera_id, {}).get(row["index"])
            packet = None if position is None else recording.packet(camera_id, position, "color")
            if packet is not None:
                self._set_time(stream, row["time_ns"])
                kind = "image/png" if packet.startswith(b"\x89PNG") else "image/jpeg"
                encoded = rr.EncodedImage(contents=packet, media_type=kind)
                stream.log(["world", "cameras", camera_id, "image"], encoded)


def _log_room(stream: rerun.RecordingStream, room: StaticScene) -> None:
    """The mesh, the furniture, the floor areas.

    The mesh shows from inside only, so that one can look in from outside; it has no normals, because its colours are
    photographs that carry their own light.
    """
    import rerun as rr

    for name, part in room_parts(room).items():
        mesh = rr.Mesh3D(
            vertex_positions=part.vertices_m, triangle_indices=part.faces, vertex_colors=part.colors_rgb,
            face_rendering=rr.components.MeshFaceRendering.Front,
        )  # fmt: skip
        stream.log(["world", "room", name], mesh, static=True)
    for name, fixture in fixture_nodes(room.fixtures).items():
        box = rr.Boxes3D(
            centers=[fixture.box.center_m], half_sizes=[fixture.box.extent_m / 2],
            quaternions=[rr.Quaternion(xyzw=np.roll(quat_wxyz_from_rotation(fixture.box.rotation), -1))],
            colors=[GUESSED if fixture.guessed else NAMED], radii=[0.006],
            fill_mode=rr.components.FillMode.MajorWireframe,
            labels=[f"{name} ?" if fixture.guessed else name], show_labels=True,
        )  # fmt: skip
        stream.log(["world", "fixtures", name], box, static=True)
    for zone in room.zones:
        outline = np.column_stack([zone.polygon_m, np.full(len(zone.polygon_m), 0.01)])
        strip = rr.LineStrips3D(
            [np.vstack([outline, outline[:1]])], colors=[ZONE_LINE], radii=[0.01], labels=[zone.label]
        )
        stream.log(["world", "zones", zone.label], strip, static=True)


def _above(state: TrackState) -> np.ndarray:
    return np.asarray(state.center_m) + np.array([0.0, 0.0, state.extent_m[2] / 2 + TAG_LIFT_M])


def _send_track(
    stream: rerun.RecordingStream, track_id: str, rows: Sequence[TrackRow], index: list[rerun.TimeColumn]
) -> None:
    """Surface, box and path of one thing, many instants at once; a row without state empties all three."""
    import rerun as rr

    there = [row.state for row in rows if row.state is not None]
    present = [int(row.state is not None) for row in rows]
    color = track_color(track_id, there[0].label) if there else UNKNOWN
    surface = rr.Points3D.columns(
        positions=np.concatenate([row.points_m for row in rows]),
        colors=np.concatenate([row.colors_rgb for row in rows]),
        radii=np.full(sum(len(row.points_m) for row in rows), 0.011, np.float32),
    ).partition([len(row.points_m) for row in rows])
    boxes = rr.Boxes3D.columns(
        centers=np.array([state.center_m for state in there], np.float32).reshape(-1, 3),
        half_sizes=np.array([state.extent_m / 2 for state in there], np.float32).reshape(-1, 3),
        colors=np.array([UNKNOWN if state.predicted else color for state in there], np.uint8).reshape(-1, 3),
        radii=np.full(len(there), 0.006, np.float32),
        fill_mode=[rr.components.FillMode.MajorWireframe] * len(there),
    ).partition(present)
    paths = rr.LineStrips3D.columns(
        strips=[row.path_m for row in rows if row.state is not None],
        colors=np.array([color] * len(there), np.uint8).reshape(-1, 3),
        radii=np.full(len(there), 0.012, np.float32),
    ).partition(present)
    tags = rr.Points3D.columns(
        positions=np.array([_above(state) for state in there], np.float32).reshape(-1, 3),
        colors=np.array([color] * len(there), np.uint8).reshape(-1, 3),
        radii=np.full(len(there), 0.004, np.float32),
        labels=[f"{track_id} (predicted)" if state.predicted else track_id for state in there],
    ).partition(present)
    own: list[object] = ["world", "tracks", track_id]
    flat = rr.Points3D.from_fields(point_shading=rr.components.PointShading.Flat)
    stream.log([*own, "surface"], flat, static=True)
    drawn = {"surface": surface, "box": boxes, "tag": tags}
    stream.send_columns(rr.new_entity_path(["world", "paths", track_id]), index, paths)
    for name, columns in drawn.items():
        stream.send_columns(rr.new_entity_path([*own, name]), index, columns)
