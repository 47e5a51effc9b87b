"""ortwin register: where the cameras stand, found from the scene itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    from ..capture.board_hold_out import BoardHoldOut
    from ..capture.camera import CameraRig
    from ..capture.camera_move import CameraMove
    from ..capture.storage import StoredRecording


def register(
    report: Reporter,
    recording: RecordingPath,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="RIG.JSON", help="Also write the rig to this file.")
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Go on with the largest group of cameras that can be linked.")
    ] = False,
    reference: Annotated[
        str | None, typer.Option("--reference", metavar="CAMERA", help="With --partial: the group of this camera.")
    ] = None,
    refine: Annotated[
        bool, typer.Option("--refine", help="Then refine poses and depth of all cameras together.")
    ] = False,
    rig: Annotated[
        Path | None,
        typer.Option("--rig", metavar="START.JSON", help="With --refine: begin with this rig and its uncertainty."),
    ] = None,
    board_session: Annotated[
        Path | None,
        typer.Option(
            "--board-session",
            metavar="DIR|RECORDING",
            help="With --refine: the board that was filmed with this rig; its error must not rise.",
        ),
    ] = None,
    board: Annotated[
        Path | None, typer.Option("--board", metavar="BOARD.TOML", help="The board of --board-session.")
    ] = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Look for cameras that were moved, and find the place of each before and after."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report only; leave the recording as it is.")] = False,
) -> ExitCode:
    """Find where the cameras stand from what they see together, without a board, and attach that to the recording.

    The cameras must overlap, and each must see a part of the floor or of what another camera sees. A camera without
    depth is left out: a build goes on without it. --refine estimates poses and the bend of each camera's depth
    together, and keeps the outcome only if what it was not fitted to agrees no less. --watch registers the longest time
    in which no camera was moved, and carries the places on to before and after it.
    """
    from ..capture.files import require_writable
    from ..capture.recording_part import RecordingPart
    from ..capture.refine_judge import RefineConfig
    from ..capture.register import RegisterConfig
    from ..capture.register import register as register_cameras
    from ..capture.rig_epochs import with_moves
    from ..capture.rig_file import read_rig, write_rig
    from ..capture.storage import attach_rig, open_recording

    _check_options(refine, rig, board_session, board)
    source = open_recording(recording)
    for target in ([] if dry_run else [recording / "rig.json"]) + ([out] if out is not None else []):
        require_writable(target)
    start = None if rig is None else read_rig(rig, source.cameras)
    config = RegisterConfig(allow_partial=partial, reference=reference, refine=RefineConfig() if refine else None)
    with report.progress(100, "registering") as bar:
        boards = None
        if board_session is not None and board is not None:
            bar(0, 100, "board")
            boards = _boards(source, board_session, board, start)
        moves, quiet_ns = _moves(source, bar) if watch else ((), None)
        registration = register_cameras(
            source if quiet_ns is None else RecordingPart(source, quiet_ns), config, _backgrounds(source, quiet_ns),
            progress=lambda step, share: bar(round(100 * share), 100, step), start=start, boards=boards,
        )  # fmt: skip
    found = registration.rig if quiet_ns is None else with_moves(registration.rig, moves, quiet_ns[0])
    if not dry_run:
        attach_rig(recording, found)
    if out is not None:
        write_rig(out, found)
    document = registration.to_json()
    report.result(document | ({"moves": [move.to_json() for move in moves]} if watch else {}), show=False)
    report.table(
        ["cameras", "overlap", "median mm", "90 % mm", "matches", "inliers", "linked by"],
        [row for pair in document["pairs"] for row in _rows(pair)],
    )
    _answer_refinement(report, document["refinement"])
    _answer_floor(report, document["floor"])
    for warning in document["warnings"]:
        report.warn(warning)
    for move in moves:
        report.warn(f"{move.camera_id}, {(move.time_ns - source.span_ns[0]) * 1e-9:.1f} s: {move.in_words()}")
    if dry_run:
        report.next("ortwin", "register", recording)
    else:
        suggest_build(report, source)
    return ExitCode.GAPS if registration.left_out else ExitCode.OK


def _check_options(refine: bool, rig: Path | None, board_session: Path | None, board: Path | None) -> None:
    from ..capture.errors import ConfigError

    if not refine and (rig is not None or board_session is not None):
        raise ConfigError("--rig and --board-session belong to --refine", todo="add --refine")
    if (board_session is None) != (board is None):
        raise ConfigError(
            "--board-session and --board go together", why="corners are known by the board that has them",
            todo="give the session that was filmed and the board.toml of its board",
        )  # fmt: skip


def _boards(source: StoredRecording, session: Path, board_file: Path, start: CameraRig | None) -> BoardHoldOut:
    from ..capture.board_hold_out import hold_out_boards
    from ..capture.calibration.board import read_board
    from ..capture.calibration.sources import read_observations

    return hold_out_boards(read_observations(session, read_board(board_file)), source.cameras, start=start)


def _moves(
    source: StoredRecording, bar: Callable[[int, int, str], None]
) -> tuple[tuple[CameraMove, ...], tuple[int, int]]:
    """Moves of cameras, and the longest span of rig time without any."""
    from ..capture.rig_epochs import longest_between
    from ..capture.rig_watch import watch_rig

    moves = watch_rig(source, progress=lambda done, total, name: bar(0, 100, f"watching {name}"))
    whole_ns = source.span_ns[0], source.span_ns[1] + 1
    return moves, longest_between([move.time_ns for move in moves], whole_ns)


def _backgrounds(recording: StoredRecording, span_ns: tuple[int, int] | None = None) -> dict[str, BackgroundModel]:
    """The background of each camera that has one; what the others lack is found and said by the registration."""
    from ..capture.background import estimate_background
    from ..capture.errors import InputError

    found = {}
    for name in recording.cameras:
        with suppress(InputError):
            found[name] = estimate_background(recording, name, span_ns=span_ns)
    return found


def _rows(pair: Mapping[str, Any]) -> list[list[Any]]:
    """What the table says of a pair, and in a second row how it is after the refinement."""
    keys = ("residual_median_mm", "residual_p90_mm")
    linked = pair["origin"] if pair["linked"] else f"not linked: {pair['reason']}"
    first = [
        " ".join(pair["cameras"]), _percent(pair["overlap_share"]), *(pair[key] for key in keys),
        pair["num_matches"], pair["num_inliers"], linked,
    ]  # fmt: skip
    refined = pair["refined"]
    if refined is None:
        return [first]
    return [first, ["- refined", _percent(refined["overlap_share"]), *(refined[key] for key in keys), "", "", ""]]


def _answer_refinement(report: Reporter, refinement: Mapping[str, Any] | None) -> None:
    if refinement is None:
        return
    before, after = refinement["before"], refinement["after"]
    said = [
        f"{what} {before[key]:.{digits}f} to {after[key]:.{digits}f}{unit}"
        for key, what, unit, digits in (
            ("board_px", "held-out board corners", " px", 3),
            ("colour_px", "held-out colour matches", " px", 3),
            ("surfaces", "agreement of surfaces", "", 3),
        )
        if before[key] is not None and after[key] is not None
    ]
    report.answer(f"Refinement {'kept' if refinement['accepted'] else 'not kept'}: {', '.join(said)}.")
    if refinement["corrected_depth"]:
        report.answer(f"The depth of {', '.join(refinement['corrected_depth'])} is bent and will be corrected.")


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
