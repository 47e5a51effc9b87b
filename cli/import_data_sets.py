"""ortwin import 4d-or, mm-or, mvor, egoexor and bop: recordings of the data sets of the field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from .app import ExitCode
from .console import Reporter
from .import_common import DepthOption, DryRunOption, FromOption, ToOption, options_of, tell
from .options import RigOption

HELP = {
    "4d-or": "Import a take of 4D-OR: export_holistic_take<n>_processed, six RGB-D cameras.",
    "mm-or": "Import a take of MM-OR: five RGB-D cameras.",
    "egoexor": "Import a take of EgoExOR from HDF5; it needs --rig, as its files do not hold the lenses.",
    "mvor": "Import a day of MVOR: three RGB-D cameras, its 3D skeletons as truth.",
    "bop": "Import a scene of a BOP data set or a recording of MVPSP, the poses of its objects as truth.",
}
TAKES_RIG_ITSELF = "egoexor"
UnitOption = Annotated[
    float | None, typer.Option("--depth-unit", metavar="METRES", help="Metres of one step of the depth images.")
]
SequenceOption = Annotated[
    str | None, typer.Option("--sequence", metavar="NAME", help="Which one; `ortwin datasets show` lists them.")
]


def data_set_verbs() -> dict[str, Callable[..., ExitCode]]:
    """One verb for each data set."""
    return {name: _verb(name, text) for name, text in HELP.items()}


def _verb(name: str, text: str) -> Callable[..., ExitCode]:
    def verb(
        report: Reporter,
        folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The data set as its owners give it.")],
        recording: Annotated[Path, typer.Argument(metavar="RECORDING", help="What to write, e.g. case.recording.")],
        sequence: SequenceOption = None,
        depth_unit: UnitOption = None,
        rig: RigOption = None,
        begin: FromOption = None,
        end: ToOption = None,
        depth: DepthOption = "keep",
        dry_run: DryRunOption = False,
    ) -> ExitCode:
        return _import(report, name, folder, recording, sequence, depth_unit, rig, (begin, end, depth, dry_run))

    verb.__doc__ = text
    return verb


def _import(
    report: Reporter,
    name: str,
    folder: Path,
    out: Path,
    sequence: str | None,
    depth_unit_m: float | None,
    rig: Path | None,
    common: tuple[str | None, str | None, str, bool],
) -> ExitCode:
    from ..capture.depth_unit import check_unit
    from ..capture.errors import InputError
    from ..capture.import_frames import record_plan
    from ..capture.rig_file import read_rig
    from ..datasets.base import OpenOptions, find_data_set
    from ..evaluation.truth_writer import TruthWriter

    options = options_of(*common)
    unit_m = None if depth_unit_m is None else check_unit(depth_unit_m)
    known = find_data_set(name)
    found = known.open_sequences(folder, None if sequence is None else [sequence], OpenOptions(unit_m, rig))
    recorded = [each for each in found if each.plan is not None]
    if len(found) != 1:
        names = ", ".join(each.sequence_id for each in recorded)
        raise InputError(
            f"there are {len(found)} sequences" if found else "there is no sequence", where=str(folder),
            todo=f"choose one with --sequence: {names}" if names else "give a folder with images",
        )  # fmt: skip
    plan = found[0].plan
    if plan is None:
        raise InputError(
            f"{found[0].sequence_id} has labels, but no images that can be imported", where=str(folder),
            why=found[0].assumptions[-1] if found[0].assumptions else "",
            todo=f"take its labels with `ortwin datasets labels {name} {folder}`",
        )  # fmt: skip
    if rig is not None and name != TAKES_RIG_ITSELF:
        plan = replace(plan, rig=read_rig(rig, plan.models), unplaced=())
    with report.progress(None, "importing frames") as bar:
        imported = record_plan(plan, out, options, bar)
    if found[0].write_truth is not None and not options.dry_run:
        with TruthWriter(out / "truth") as truth:
            found[0].write_truth(truth)
    return tell(report, imported, {"sequence": found[0].sequence_id, "data_set": known.title})
