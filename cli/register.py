"""ortwin register: where the cameras stand, found from the scene itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from .console import Reporter
from .options import RecordingPath


def register(
    report: Reporter,
    recording: RecordingPath,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="RIG.JSON", help="Also write the rig to this file.")
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Go on without cameras that cannot be linked; --out takes what was found.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report only; leave the recording as it is.")] = False,
) -> None:
    """Find where the cameras stand from what they see together, without a board, and attach that to the recording.

    The cameras must overlap, and each must see a part of the floor or of what another camera sees.
    """
    from ..capture.background import estimate_background
    from ..capture.register import RegisterConfig
    from ..capture.register import register as register_cameras
    from ..capture.rig_file import write_rig
    from ..capture.storage import attach_rig, open_recording

    source = open_recording(recording)
    with report.progress(100, "registering") as bar:
        backgrounds = {
            name: estimate_background(source, name) for name in source.cameras if source.has_stream(name, "depth")
        }
        registration = register_cameras(
            source, RegisterConfig(allow_partial=partial), backgrounds,
            progress=lambda step, share: bar(round(100 * share), 100, step),
        )  # fmt: skip
    if not dry_run and not registration.left_out:
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
    report.next("ortwin", "build", recording, recording.with_suffix(".twin"))


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
