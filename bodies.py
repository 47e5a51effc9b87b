"""The bodies of a finished twin: for everyone who is a person one form, and a pose at each instant.

Two layers join the twin, each committed piece by piece so that an interrupted run goes on: `forms`, a segment per body,
and `bodies`, a segment per stretch of the twin with the poses in it. What they are fitted to are the twin's joints and
measured surfaces, and, where the recording is at hand, the space that its cameras look through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata

import numpy as np

from .archive import TwinArchive, being_built
from .capture.camera import Camera
from .capture.config import config_to_json
from .capture.errors import ConfigError, InputError
from .capture.files import canonical_json, hash_bytes
from .capture.frame_reader import FrameReader
from .capture.storage import StoredRecording
from .capture.sync import synchronize
from .facade import Twin
from .readers import colored_surface_reader
from .reconstruction.body_evidence import BodyEvidence, FreeView, free_view, with_normals
from .reconstruction.body_fit import BodyFit, BodyFitConfig, BodyForm, fit_form, fit_poses
from .reconstruction.body_model import BodyModel, load_body_model
from .reconstruction.body_tables import body_arrays
from .reconstruction.fitted_bodies import form_table, forms_of, pose_table
from .reconstruction.state import SurfacePoints
from .scenegraph.vocabulary import natural_key

FORMS, POSES = "forms", "bodies"
Progress = Callable[[str, int, int], None]
"""(stage, steps done, steps in all)."""


@dataclass(frozen=True, slots=True)
class BodiesConfig:
    """How the bodies of a twin are fitted.

    Args:
        model: the body model; "anny" needs no file.
        least_instants: a track with fewer has no body.
        fit: see BodyFitConfig.
    """

    model: str = "anny"
    least_instants: int = 5
    fit: BodyFitConfig = field(default_factory=BodyFitConfig)


def add_bodies(
    twin: Twin,
    recording: StoredRecording | None = None,
    config: BodiesConfig | None = None,
    *,
    fresh: bool = False,
    progress: Progress | None = None,
) -> Twin:
    """Fit the bodies of a twin, or go on with a run that was interrupted.

    Args:
        twin: a complete twin with skeletons.
        recording: what it was built from; None = nothing is known of free space.
        config: see BodiesConfig.
        fresh: throw away the bodies that are there.
        progress: told how far each of the two layers is.

    Raises:
        InputError: the twin has no skeletons or is not complete, or the recording is not the one it was built from.
        ConfigError: bodies of other settings are there, or another process works on the twin.
    """
    config, tell = config or BodiesConfig(), progress or (lambda *_: None)
    archive, model = twin.archive, load_body_model(config.model)
    _require(twin, recording)
    with being_built(twin.path):
        key = _key(config, recording)
        if fresh:
            for layer in (FORMS, POSES):
                archive.remove_layer(layer)
        archive.remove_unfinished()
        _require_same(archive, key)
        evidence = _Evidence(twin, recording)
        tracks = evidence.tracks(config.least_instants)
        for number in range(archive.num_committed(FORMS), len(tracks)):
            tell(FORMS, number, len(tracks))
            table = form_table(tracks[number], model.name, _form(evidence, tracks[number], model, config))
            archive.write_segment(FORMS, number, evidence.whole_ns, {"forms": table}, facts={"key": key})
        tell(FORMS, len(tracks), len(tracks))
        forms = forms_of(archive.read_layer(FORMS, "forms")) if tracks else {}
        for number in range(archive.num_committed(POSES), twin.num_segments):
            tell(POSES, number, twin.num_segments)
            fits = _poses(evidence, number, {name: form for name, (_, form) in forms.items()}, model, config)
            table = pose_table(list(fits), len(model.bone_names))
            archive.write_segment(
                POSES, number, archive.span_ns("tracks", number), {"poses": table}, facts={"key": key}
            )
        tell(POSES, twin.num_segments, twin.num_segments)
    return Twin(TwinArchive(twin.path))


class _Evidence:
    """Reads what bodies are fitted to."""

    def __init__(self, twin: Twin, recording: StoredRecording | None) -> None:
        self.archive, self.rig, self.num_segments = twin.archive, twin.rig, twin.num_segments
        times_ns = twin.times_ns
        self.whole_ns = int(times_ns[0]), int(times_ns[-1]) + 1
        sync = None if recording is None else synchronize(recording)
        self._frames = None if recording is None or sync is None else FrameReader(recording, sync, twin.rig)
        self._segment = lru_cache(maxsize=3)(lambda number: _Segment(twin.archive, number))

    def tracks(self, least_instants: int) -> list[str]:
        """Who has a skeleton at enough instants, in their natural order."""
        count, lying = dict[str, int](), {row.track_id for row in self.archive.lying}
        for number in range(self.num_segments):
            for name in self.archive.read_segment("tracks", number, "bodies")["track_id"].to_pylist():
                count[name] = count.get(name, 0) + 1
        return sorted(
            (name for name, found in count.items() if found >= least_instants and name not in lying), key=natural_key
        )

    def clearest(self, track_id: str, most: int) -> BodyEvidence:
        """At most so many instants, spread over those at which the joints are surest; without free space."""
        rows = [
            (sigma_m, number, row)
            for number in range(self.num_segments)
            for row, sigma_m in enumerate(self._segment(number).sigma_m(track_id).tolist())
        ]
        surest = sorted(rows)[: (len(rows) + 1) // 2]
        good = sorted((number, row) for _, number, row in surest)
        chosen = np.unique(np.linspace(0, len(good) - 1, min(most, len(good))).round().astype(int))
        return self._at(track_id, [good[k] for k in chosen], views=False)

    def around(self, track_id: str, number: int, margin: int) -> tuple[BodyEvidence, np.ndarray] | None:
        """The instants of a segment and so many of its neighbours, and which of them (bool) are the segment's own."""
        rows = [(number, row) for row in range(self._segment(number).count(track_id))]
        if not rows:
            return None
        before = self._segment(number - 1).count(track_id) if number else 0
        after = self._segment(number + 1).count(track_id) if number + 1 < self.num_segments else 0
        rows = [(number - 1, row) for row in range(max(before - margin, 0), before)] + rows
        rows += [(number + 1, row) for row in range(min(after, margin))]
        return self._at(track_id, rows), np.array([own == number for own, _ in rows])

    def _at(self, track_id: str, rows: Sequence[tuple[int, int]], *, views: bool = True) -> BodyEvidence:
        """The evidence at some rows of some segments, in order."""
        parts = [self._segment(number).at(track_id, row) for number, row in rows]
        times_ns = np.array([part[0] for part in parts])
        points, normals = [], []
        for time_ns, (number, _) in zip(times_ns.tolist(), rows, strict=True):
            surface = self._segment(number).surface(time_ns, track_id)
            own = np.zeros((0, 3)) if surface is None else surface.points_m.astype(np.float64)
            places_m = [camera.world_from_camera.translation_m for camera in self.rig.at(time_ns).cameras.values()]
            points.append(own)
            normals.append(with_normals(own, np.array(places_m)))
        free = self._views(times_ns) if views else ()
        joints_m, covariance_m2 = (np.array([part[k] for part in parts]) for k in (1, 2))
        return BodyEvidence(times_ns, joints_m, covariance_m2, tuple(points), tuple(normals), free)

    def _views(self, times_ns: np.ndarray) -> tuple[FreeView, ...]:
        """What cameras look through; one that was moved meanwhile speaks for its first place only."""
        if self._frames is None:
            return ()
        epochs = [self.rig.epoch(time_ns) for time_ns in times_ns.tolist()]
        here = self.rig.at(int(times_ns[0]))
        return tuple(
            free_view(camera, [
                self._depth_m(name, camera, time_ns) if epoch == epochs[0] else None
                for time_ns, epoch in zip(times_ns.tolist(), epochs, strict=True)
            ])
            for name, camera in here.cameras.items() if camera.depth is not None
        )  # fmt: skip

    def _depth_m(self, name: str, camera: Camera, time_ns: int) -> np.ndarray | None:
        assert self._frames is not None
        read, _ = self._frames.at(int(np.searchsorted(self._frames.sync.times_ns, time_ns)))
        counts = read(name)
        return None if counts is None else counts.astype(np.float32) * np.float32(camera.depth_unit_m)


class _Segment:
    """The skeletons and measured surfaces of one segment, by track."""

    def __init__(self, archive: TwinArchive, number: int) -> None:
        table = archive.read_segment("tracks", number, "bodies")
        joints_m, covariance_m2, _ = body_arrays(table)
        times_ns, names = table["time_ns"].to_numpy(), np.array(table["track_id"].to_pylist(), dtype=object)
        self._rows = {
            str(name): (times_ns[names == name], joints_m[names == name], covariance_m2[names == name])
            for name in sorted(set(names))
        }
        self.surface: Callable[[int, str], SurfacePoints | None] = colored_surface_reader(archive, number)

    def count(self, track_id: str) -> int:
        """At how many instants a track has a skeleton."""
        return len(self._rows[track_id][0]) if track_id in self._rows else 0

    def sigma_m(self, track_id: str) -> np.ndarray:
        """(t,) the mean standard deviation of its joints per axis."""
        if track_id not in self._rows:
            return np.zeros(0)
        return np.sqrt(np.trace(self._rows[track_id][2], axis1=2, axis2=3) / 3).mean(axis=1)

    def at(self, track_id: str, row: int) -> tuple[int, np.ndarray, np.ndarray]:
        """Time, joints (17, 3) and their covariance (17, 3, 3)."""
        times_ns, joints_m, covariance_m2 = self._rows[track_id]
        return int(times_ns[row]), joints_m[row], covariance_m2[row]


def _form(evidence: _Evidence, track_id: str, model: BodyModel, config: BodiesConfig) -> BodyForm:
    with one_thread():
        return fit_form(evidence.clearest(track_id, config.fit.shape_instants), model, config.fit)


def _poses(
    evidence: _Evidence, number: int, forms: Mapping[str, BodyForm], model: BodyModel, config: BodiesConfig,
) -> Iterator[tuple[str, BodyFit, np.ndarray]]:  # fmt: skip
    """Everybody's poses in one segment: track, fit, and which of its instants are the segment's own."""
    for track_id, form in forms.items():
        found = evidence.around(track_id, number, config.fit.overlap // 2)
        if found is not None:
            with one_thread():
                yield track_id, fit_poses(found[0], model, form, config.fit), found[1]


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums are added in one order on every machine, so that equal input gives equal bytes."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _require(twin: Twin, recording: StoredRecording | None) -> None:
    if not twin.archive.is_complete:
        raise InputError("the twin is not complete", where=str(twin.path), todo="run `ortwin build` to its end")
    if twin.bodies is None:
        raise InputError(
            "the twin has no skeletons to lay bodies around", where=str(twin.path),
            why="it was built by an older ortwin", todo="build it anew",
        )  # fmt: skip
    built_from = twin.archive.head["inputs"].get("recording_blake3")
    if recording is not None and recording.content_hash() != built_from:
        raise InputError(
            "the twin was not built from this recording", where=str(recording.path),
            why="its content is another", todo="give the recording that the twin was built from, or none",
        )  # fmt: skip


def _key(config: BodiesConfig, recording: StoredRecording | None) -> str:
    """All that decides what bodies a twin gets, beside the twin itself."""
    versions = {name: metadata.version(name) for name in ("ortwin", "torch")}
    seen = {"free_space": recording is not None, "config": config_to_json(config), "versions": versions}
    return hash_bytes(canonical_json(seen))


def _require_same(archive: TwinArchive, key: str) -> None:
    for layer in (FORMS, POSES):
        if archive.num_committed(layer) and archive.facts(layer, 0).get("key") != key:
            raise ConfigError(
                "bodies of other settings are there already", where=str(archive.path),
                why="they were fitted with another model, other settings, or with another view of free space",
                todo="--fresh to fit them anew",
            )  # fmt: skip
