"""The patient of a twin: found on the table while the twin is built, kept as a layer of its own, joined to what moves.

The layer `patient` has one segment for the whole recording. It holds nothing where nobody lies on any table: that is
no proof that nobody ever did. What it says of covers becomes the relation `lying_on(drape_1, patient)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from .archive import TwinArchive
from .capture.camera import CameraRig
from .capture.frame_reader import FrameReader
from .capture.geometry import SE3
from .capture.storage import StoredRecording
from .capture.sync import SyncTable
from .reconstruction.body_fit import BodyForm
from .reconstruction.body_model import BodyModel, anny_adult
from .reconstruction.body_paths import BodyPath
from .reconstruction.body_pose import pose_meshes
from .reconstruction.fitted_bodies import form_table
from .reconstruction.lying import DRAPE, PATIENT, Lying, lying_bodies, lying_paths, lying_tables
from .reconstruction.patient import PatientFit, fit_patient, holds_a_body
from .reconstruction.patient_field import PatientConfig
from .reconstruction.patient_presence import presence
from .reconstruction.patient_surface import TableGlance, TableSurface, largest_bulge, table_frame, table_surfaces
from .reconstruction.table_glances import glance_at, table_likes
from .reconstruction.track_smoothing import TrackPath
from .scenegraph.graph import TruthState
from .scenegraph.timeline import Interval

LAYER = "patient"
COVERED = 0.25
LYING_SIGMA_M = 0.02
HEAP_SHARE, HEAP_LENGTH_M = 0.7, 1.2
Progress = Callable[[str, int, int], None]
"""(stage, steps done, steps in all)."""


@dataclass(frozen=True, slots=True)
class PatientsConfig:
    """How the patient is looked for.

    Args:
        find: whether to look at all.
        every_s: a glance at the tables so often, or seldomer, so that there are at most `most_glances`.
        most_glances: see there.
        bare_m, covered_m: standard deviation of a joint per axis, where most of the body is bare, and below a drape.
        fit: see PatientConfig.
    """

    find: bool = True
    every_s: float = 1.0
    most_glances: int = 300
    bare_m: float = 0.025
    covered_m: float = 0.035
    fit: PatientConfig = field(default_factory=PatientConfig)


def lay_down(
    archive: TwinArchive, recording: StoredRecording, rig: CameraRig, sync: SyncTable, config: PatientsConfig,
    tell: Progress,
) -> None:  # fmt: skip
    """Find the patient, and commit what was found; does nothing where that was done before."""
    if archive.has_segment(LAYER, 0):
        return
    span_ns = int(sync.times_ns[0]), int(sync.times_ns[-1]) + sync.interval_ns
    rows, facts, forms = [], {}, {}
    tables = table_likes(archive.read_static().fixtures) if config.find else []
    for done, fixture in enumerate(tables):
        tell(LAYER, done, len(tables))
        frame, extent_m = table_frame(fixture.box)
        reader, glances = FrameReader(recording, sync, rig), []
        for instant in _instants(sync, config):
            time_ns = int(sync.times_ns[instant])
            glances.append(glance_at(frame, extent_m, time_ns, rig.at(time_ns), *reader.at(instant)))
        found = fit_patient(glances, extent_m, anny_adult(), config.fit)
        if found is not None:
            rows = _rows(found, glances, extent_m, anny_adult(), config)
            facts = _facts(found, fixture.fixture_id, config)
            form = BodyForm(found.body.shape, found.body.clothing_m)
            forms = {"forms": form_table(PATIENT, found.model_name, form)}
            break
    lying, packets = lying_tables(rows)
    archive.write_segment(LAYER, 0, span_ns, {**lying, **forms}, {"surfaces.bin": packets} if rows else {}, facts)
    tell(LAYER, len(tables), len(tables))


def _instants(sync: SyncTable, config: PatientsConfig) -> list[int]:
    times_ns = sync.times_ns
    step_ns = max(config.every_s * 1e9, (times_ns[-1] - times_ns[0]) / config.most_glances)
    wanted_ns = np.arange(times_ns[0], times_ns[-1] + 1, step_ns)
    return np.unique(np.searchsorted(times_ns, wanted_ns).clip(0, len(times_ns) - 1)).tolist()


def _facts(found: PatientFit, fixture_id: str, config: PatientsConfig) -> dict[str, object]:
    sure = max(found.face_up_probability, 1 - found.face_up_probability) >= config.fit.side.decided
    return {
        "fixture_id": fixture_id, "head_end": found.head_end, "margin": min(round(found.margin, 1), 1e6),
        "face_up_probability": round(found.face_up_probability, 4),
        "side": ("back" if found.face_up else "face") if sure else "unknown",
    }  # fmt: skip


def _rows(
    found: PatientFit, glances: Sequence[TableGlance], extent_m: np.ndarray, model: BodyModel, config: PatientsConfig
) -> list[Lying]:
    """The patient and the drape in every stretch in which they lie still."""
    frame = glances[0].world_from_table
    surfaces = [one for one in table_surfaces(glances, extent_m, config.fit.window) if holds_a_body(one)]
    changes_ns = [surface.first_ns for surface in surfaces[1:]]
    rows = []
    for begin_ns, end_ns in presence(glances, surfaces, extent_m):
        edges = [begin_ns, *(at for at in changes_ns if begin_ns < at < end_ns), end_ns]
        for first_ns, last_ns in pairwise(edges):
            pose = max(int(np.searchsorted(found.begins_ns, first_ns, side="right")) - 1, 0)
            rows += _still(found, pose, surfaces[pose], (first_ns, last_ns), frame, model, config)
    return rows


def _still(
    found: PatientFit, pose: int, surface: TableSurface, span_ns: tuple[int, int], frame: SE3, model: BodyModel,
    config: PatientsConfig,
) -> list[Lying]:  # fmt: skip
    """The patient in one stretch, and the drape if one lies there or nobody can tell."""
    bulge = largest_bulge(surface)
    share = np.nan if surface.drape is None else float(surface.drape[bulge].mean())
    covered = None if np.isnan(share) else share >= COVERED
    body, joints_m = found.at(int(found.begins_ns[pose]), frame)
    skin_m = pose_meshes(model, body, clothed=False)[0][0][model.samples]
    covariance_m2 = joint_covariance_m2(joints_m, found, config.bare_m if covered is False else config.covered_m)
    rows = [Lying(PATIENT, PATIENT, *span_ns, skin_m, covered, share, body, joints_m, covariance_m2)]
    cloth = bulge if surface.drape is None else surface.drape & np.isfinite(surface.height_m)
    if covered is not False and cloth.any():
        points_m = frame @ surface.cells_m()[cloth & np.isfinite(surface.height_m)]
        rows.append(Lying(f"{DRAPE}_1", DRAPE, *span_ns, points_m, covered, share))
    return rows


def joint_covariance_m2(joints_m: np.ndarray, found: PatientFit, sigma_m: float) -> np.ndarray:
    """(17, 3, 3) how sure joints (17, 3) are: that of the fit, and the chance that left is right.

    Turned over, a body of the same outline has its left where its right was; that adds the square of this way, weighted
    by how probable the other side is.
    """
    swapped = joints_m[[0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]]
    off_m = swapped - joints_m
    other = min(found.face_up_probability, 1 - found.face_up_probability)
    return sigma_m**2 * np.eye(3) + other * off_m[:, :, None] * off_m[:, None, :]


def joined(
    rows: Sequence[Lying], paths: list[TrackPath], bodies: list[BodyPath], times_ns: np.ndarray
) -> tuple[list[TrackPath], list[BodyPath]]:
    """Tracks and bodies with those who lie; what was followed as a heap on the table makes way for them."""
    own = lying_paths(rows, times_ns, LYING_SIGMA_M)
    heaps = {path.track.track_id for path in paths if any(_is_heap(path, row) for row in own)}
    kept = [path for path in paths if path.track.track_id not in heaps]
    return [*kept, *own], [*(body for body in bodies if body.track_id not in heaps), *lying_bodies(rows, times_ns)]


def _is_heap(path: TrackPath, lying: TrackPath) -> bool:
    """Whether a track is what lies there: as long as a body, above the same ground, nearly always at the same time."""
    shared, mine, theirs = np.intersect1d(path.times_ns, lying.times_ns, return_indices=True)
    if len(shared) < HEAP_SHARE * len(path.times_ns):
        return False
    off_m = np.abs(path.center_m[mine] - lying.center_m[theirs])[:, :2]
    inside = (off_m < lying.extent_m[theirs, :2] / 2).all(axis=1)
    long = np.linalg.norm(path.extent_m[mine, :2], axis=1) > HEAP_LENGTH_M
    return bool((inside & long).mean() > HEAP_SHARE)


def covers(rows: Sequence[Lying]) -> list[Interval]:
    """`lying_on(drape_1, patient)`: true while a drape covers her, unknown while nobody can tell."""
    found: list[Interval] = []
    for row in (row for row in rows if row.label == DRAPE):
        state = TruthState.UNKNOWN if row.covered is None else TruthState.TRUE
        evidence = {} if np.isnan(row.covered_share) else {"covered_share": float(np.float32(row.covered_share))}
        own = Interval(row.track_id, "lying_on", PATIENT, row.begin_ns, row.end_ns, state, 1.0, evidence)
        if found and found[-1].end_ns >= own.begin_ns and found[-1].state == own.state:
            own = replace(own, begin_ns=found.pop().begin_ns)
        found.append(own)
    return found
