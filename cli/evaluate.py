"""ortwin evaluate: a twin against the truth of its recording."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .app import ExitCode
from .console import Reporter

if TYPE_CHECKING:
    from ..evaluation.scores import Scores


def evaluate(
    report: Reporter,
    twin: Annotated[Path, typer.Argument(metavar="TWIN", help="The twin, or its plain export.")],
    truth: Annotated[Path, typer.Option(metavar="RECORDING", help="The simulated recording, or a truth folder.")],
) -> ExitCode:
    """Compare a twin with the truth of a simulated recording: its room, its tracks, its relations."""
    from ..evaluation.scores import evaluate_twin
    from ..evaluation.truth import read_truth
    from ..evaluation.twin_tables import from_plain_export, from_twin
    from ..twin import open as open_twin

    known = read_truth(truth)
    tables = from_twin(open_twin(twin)) if (twin / "twin.json").exists() else from_plain_export(twin)
    scores = evaluate_twin(tables, known)
    report.result(scores.to_json(), show=False)
    _show(report, scores)
    return ExitCode.OK


def _show(report: Reporter, scores: Scores) -> None:
    room, tracks, relations = scores.room, scores.tracks, scores.relations
    if room is None:
        report.answer("room: absent")
    else:
        report.answer(f"room: accuracy median {room.accuracy_median_mm:.1f} mm, mean {room.accuracy_mean_mm:.1f} mm")
        report.table(
            ["within", "precision %", "completeness %", "F %"],
            [
                [key.replace("_", " "), *(_percent((values or {}).get(key))
                 for values in (room.precision, room.completeness, room.f_score))]
                for key in room.precision
            ],
        )  # fmt: skip
    if tracks is None:
        report.answer("tracks: absent")
    else:
        report.answer(
            f"tracks: recall {_percent(tracks.recall)} %, precision {_percent(tracks.precision)} %, IDF1 "
            f"{_percent(tracks.idf1)} %, {tracks.num_switches} identity switches, {tracks.num_ghosts} ghosts"
        )
        report.table(
            ["true", "track", "recall %", "error cm", "identities", "switches"],
            [
                [name, entity.track_id or "-", _percent(entity.recall),
                 "-" if entity.rmse_m is None else round(100 * entity.rmse_m, 1), entity.num_identities,
                 entity.num_switches]
                for name, entity in sorted(tracks.entities.items())
            ],
        )  # fmt: skip
    if relations is None:
        report.answer("relations: absent")
        return
    document: Mapping[str, Any] = scores.to_json()["relations"]
    report.answer(
        f"relations: F1 {_percent(relations.frames.f1)} % by instant, {_percent(relations.intervals.f1)} % by interval"
    )
    report.table(
        ["predicate", "F1 % by instant", "F1 % by interval", "true intervals", "claimed"],
        [
            [name, _percent(document["frames"]["by_predicate"][name]["f1"]), _percent(entry["f1"]), entry["support"],
             entry["claimed"]]
            for name, entry in document["intervals"]["by_predicate"].items()
        ],
    )  # fmt: skip
    for title, rows in (("missed", relations.missed), ("wrong", relations.wrong)):
        for row in rows:
            report.answer(f"{title}: {row}")


def _percent(share: float | None) -> str | float:
    return "-" if share is None else round(100 * share, 1)


verb = evaluate
