"""ortwin register: where the cameras stand, found from the scene itself."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .app import ExitCode
from .console import Reporter
from .options import RecordingPath
from .rig import suggest_build

if TYPE_CHECKING:
    from ..capture.background import BackgroundModel
    from ..capture.storage import StoredRecording


def register(
    report: Reporter,
    recording: RecordingPath,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="RIG.JSON", help="Also write the rig to this file.")
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Go on without cameras that cannot be linked to the first one.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report only; leave the recording as it is.")] = False,
) -> ExitCode:
    """Find where the cameras stand from what they see together, without a board, and attach that to the recording.

    The cameras must overlap, and each must see a part of the floor or of what another camera sees. A camera without
    depth is left out: a build goes on without it.
    """
    from ..capture.files import require_writable
    from ..capture.register import RegisterConfig
    from ..capture.register import register as register_cameras
    from ..capture.rig_file import write_rig
    from ..capture.storage import attach_rig, open_recording

    source = open_recording(recording)
    for target in ([] if dry_run else [recording / "rig.json"]) + ([out] if out is not None else []):
        require_writable(target)
    with report.progress(100, "registering") as bar:
        registration = register_cameras(
            source, RegisterConfig(allow_partial=partial), _backgrounds(source),
            progress=lambda step, share: bar(round(100 * share), 100, step),
        )  # fmt: skip
    if not dry_run:
        attach_rig(recording, registration.rig)
    if out is not None:
        write_rig(out, registration.rig)
    document = registration.to_json()
    report.result(document, show=False)
    report.table(
        ["cameras", "overlap", "median mm", "90 % mm", "matches", "inliers", "linked by"],
        [
            [
                " ".join(pair["cameras"]), _percent(pair["overlap_share"]), pair["residual_median_mm"],
                pair["residual_p90_mm"], pair["num_matches"], pair["num_inliers"],
                pair["origin"] if pair["linked"] else f"not linked: {pair['reason']}",
            ]
            for pair in document["pairs"]
        ],
    )  # fmt: skip
    _answer_floor(report, document["floor"])
    for warning in document["warnings"]:
        report.warn(warning)
    if dry_run:
        report.next("ortwin", "register", recording)
    else:
        suggest_build(report, source)
    return ExitCode.GAPS if registration.left_out else ExitCode.OK


def _backgrounds(recording: StoredRecording) -> dict[str, BackgroundModel]:
    """The background of each camera that has one; what the others lack is found and said by the registration."""
    from ..capture.background import estimate_background
    from ..capture.errors import InputError

    found = {}
    for name in recording.cameras:
        with suppress(InputError):
            found[name] = estimate_background(recording, name)
    return found


def _answer_floor(report: Reporter, floor: Mapping[str, Any]) -> None:
    if not floor["found"]:
        report.answer("No floor was found: the world is that of the first camera, turned upright.")
        return
    report.answer(f"Floor: {floor['area_m2']:.1f} m2 seen, flat to {floor['residual_mm']:.0f} mm.")
    for name, height_m in floor["camera_height_m"].items():
        report.answer(f"{name} stands {height_m:.2f} m above it.")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"


verb = register
