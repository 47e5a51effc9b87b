"""`ortwin detect`: 2D keypoints of the people in the pictures of a recording."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..capture.errors import ConfigError
from .app import ExitCode
from .console import Reporter
from .options import RecordingPath

if TYPE_CHECKING:
    from ..capture.camera import CameraRig
    from ..capture.storage import StoredRecording
    from ..reconstruction.dynamic_mask import DynamicMask


def detect(
    report: Reporter,
    recording: RecordingPath,
    out: Annotated[Path, typer.Option("--out", metavar="KEYPOINTS.JSONL", help="Where the keypoints go.")],
    estimator: Annotated[str, typer.Option("--estimator", help="Who looks.")] = "onnx",
    model: Annotated[
        str | None,
        typer.Option(
            "--model", help="A model's name or file; FINDER+REFINER for two; none = the only one that there is."
        ),
    ] = None,
    twin: Annotated[
        Path | None, typer.Option("--twin", metavar="TWIN", help="Look only where something moves, as this twin knows.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="DIR", help="Keep what was seen here, for the next time.")
    ] = None,
) -> ExitCode:
    """Find people's 2D keypoints in the pictures of a recording, camera by camera, as `ortwin lift` takes them.

    With --twin, pictures are looked at only where the depth images say that something moves; people who stood still all
    the time are then missed. The model is taken in with `ortwin models add`; without a network of your own, `ortwin
    build` finds people from depth alone.
    """
    from ..capture.files import require_writable
    from ..capture.storage import open_recording
    from ..reconstruction.estimators import EstimatorRequest, open_estimator
    from ..reconstruction.keypoint_cache import KeptAnswers
    from ..reconstruction.keypoint_io import write_keypoints
    from ..reconstruction.picture_people import people_in_pictures

    opened = open_recording(recording)
    looking = open_estimator(estimator, EstimatorRequest(model))
    require_writable(out)
    kept = KeptAnswers(looking, keep) if keep is not None else None
    rig, masks = _masks(twin, opened) if twin is not None else (None, None)
    with report.progress(None, "looking at pictures") as bar:
        sightings, gaps = people_in_pictures(
            opened, kept or looking, lambda done, total: bar(done, total), rig=rig, masks=masks
        )
    write_keypoints(out, sightings)
    pictures = sum(len(sighting.cameras) for sighting in sightings)
    people = [len(found) for sighting in sightings for found in sighting.cameras.values()]
    report.result(
        {
            "keypoints": str(out), "num_instants": len(sightings), "num_pictures": pictures,
            "num_people_seen": sum(people), "num_pictures_without_people": people.count(0),
            "num_kept_from_before": kept.num_kept if kept else 0,
            "gaps": [{"camera_id": gap.camera_id, "frame": gap.index, "what": gap.what} for gap in gaps],
        }
    )  # fmt: skip
    rig = opened.path / "rig.json" if opened.has_rig else "rig.json"
    report.next("ortwin", "lift", out, "--rig", rig, "--out", "people.jsonl")
    if gaps:
        report.warn(f"{len(gaps)} frames could not be read and count as absent")
    return ExitCode.GAPS if gaps else ExitCode.OK


def _masks(path: Path, recording: StoredRecording) -> tuple[CameraRig, dict[str, DynamicMask]]:
    """The cameras of a twin, and what moves in their depth images."""
    from ..capture.config import config_from_mapping
    from ..reconstruction.dynamic_mask import DynamicMask, MaskConfig
    from ..twin import open as open_twin

    twin = open_twin(path)
    if twin.archive.head["inputs"]["recording_blake3"] != recording.content_hash():
        raise ConfigError(
            "the twin was built from another recording", where=str(path), todo="give the one that was built of this"
        )
    config = config_from_mapping(MaskConfig, twin.archive.head["config"]["dynamic"]["mask"])
    masks = {
        name: DynamicMask.from_background(twin.rig[name], twin.archive.read_background(name), config)
        for name in twin.rig.cameras
        if recording.has_stream(name, "depth")
    }
    return twin.rig, masks


verb = detect
