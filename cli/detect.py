"""`ortwin detect`: 2D keypoints of the people in the pictures of a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import ExitCode
from .console import Reporter
from .options import RecordingPath


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
    keep: Annotated[
        Path | None, typer.Option("--keep", metavar="DIR", help="Keep what was seen here, for the next time.")
    ] = None,
) -> ExitCode:
    """Find people's 2D keypoints in the pictures of a recording, camera by camera, as `ortwin lift` takes them.

    The model is taken in with `ortwin models add`; without a network of your own, `ortwin build` finds people from
    depth alone.
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
    with report.progress(None, "looking at pictures") as bar:
        sightings, gaps = people_in_pictures(opened, kept or looking, lambda done, total: bar(done, total))
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


verb = detect
