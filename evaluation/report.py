"""The report page: every score with its unit, plots, what is absent and why, in one file that needs nothing else."""

from __future__ import annotations

from html import escape
from pathlib import Path

from ..capture.files import write_atomic
from ..capture.html_page import html_page
from . import report_plots as plots
from .relations import relation_lanes
from .scores import Scores
from .summary import Cell, Figure, Rows, Section, format_cell, summarise
from .tracks import match_names
from .truth import Truth
from .twin_tables import TwinTables

HEADLINES = {
    "room": ("accuracy, median",), "tracks": ("IDF1", "HOTA"), "people": ("MPJPE", "PCP3D"),
    "moving_surfaces": ("surface to truth, median",), "tools": ("ADD", "tip error"),
    "relations": ("F1 by instant", "F1 by interval"), "phases": ("accuracy",), "roles": ("accuracy",),
    "calibration": ("position error", "scale error"), "clocks": ("pair skew, 95th percentile",), "foreground": ("IoU",),
}  # fmt: skip

PLAN_KEY = (
    "From above: true paths broad and pale, the twin's thin in the same colour; a broken red line stands for nobody. "
    "Cameras: triangles where they are, crosses where the twin has them."
)


def write_report(path: Path, title: str, scores: Scores, tables: TwinTables, truth: Truth) -> None:
    """Write the report page.

    Args:
        path: the .html file; replaced as a whole.
        title: whose scores they are.
        scores: from `evaluate_twin`.
        tables, truth: what was compared, for the plots.
    """
    write_atomic(path, report_page(title, scores, tables, truth).encode())


def report_page(title: str, scores: Scores, tables: TwinTables, truth: Truth) -> str:
    """The text of the report page; arguments as for `write_report`."""
    sections = summarise(scores)
    present = [section for section in sections if section.absent is None]
    links = "".join(f'<a href="#{section.family}">{escape(section.title)}</a>' for section in present)
    seconds = (truth.time_of(len(truth.times_ns)) - truth.time_of(0)) * 1e-9
    body = "\n".join(
        [
            f"<h1>{escape(title)}</h1>",
            f"<p>Compared with the truth at {len(truth.times_ns)} instants over {seconds:.1f} s.</p>",
            f'<div class="cards">{"".join(_cards(section) for section in present)}</div>',
            f"<nav>{links}</nav>",
            _absent(sections),
            *(_section(section, _plots(section.family, scores, tables, truth)) for section in present),
        ]
    )
    return html_page(title, body)


def _plots(family: str, scores: Scores, tables: TwinTables, truth: Truth) -> list[str]:
    names = match_names(tables.tracks, truth)
    if family == "room" and scores.room is not None:
        return [plots.room_curves(scores.room), plots.room_histogram(scores.room)]
    if family == "tracks":
        return [plots.floor_plan(tables, truth, names), f"<p>{PLAN_KEY}</p>"]
    if family == "people" and scores.people is not None:
        return [plots.joint_bars(scores.people)]
    if family == "relations" and scores.relations is not None:
        lanes = relation_lanes(tables, truth, names).lanes
        return [plots.predicate_bars(scores.relations), _strip_key(len(lanes)), plots.relation_strip(lanes, truth)]
    if family == "phases" and scores.phases is not None:
        return [plots.phase_strip(tables, truth), plots.phase_bars(scores.phases)]
    return []


def _strip_key(num_lanes: int) -> str:
    colors = (
        ("true", plots.INK), ("claimed rightly", plots.RIGHT), ("claimed wrongly", plots.WRONG),
        ("missed", plots.MISSED), ("unknown", plots.UNKNOWN),
    )  # fmt: skip
    key = "".join(f'<i style="background:{color}"></i>{name}' for name, color in colors)
    more = num_lanes - plots.MOST_LANES
    rest = f" {more} more lanes are not drawn." if more > 0 else ""
    return f'<p class="key">Each lane: the truth above, the twin below.{key}{rest}</p>'


def _cards(section: Section) -> str:
    figures = [figure for figure in section.figures if figure.name in HEADLINES.get(section.family, ())]
    return "".join(
        f'<div class="card"><b>{_value(figure)}</b><span>{escape(section.title)}: {escape(figure.name)}</span></div>'
        for figure in figures
    )


def _absent(sections: tuple[Section, ...]) -> str:
    rows = "".join(
        f"<tr><td>{escape(section.title)}</td><td>{escape(section.absent)}</td></tr>"
        for section in sections if section.absent is not None
    )  # fmt: skip
    if not rows:
        return ""
    return (
        f'<section id="absent"><h2>Absent</h2><p>Not scored, and why.</p><table class="absent">{rows}</table></section>'
    )


def _section(section: Section, pictures: list[str]) -> str:
    figures = "".join(
        f"<div><dt>{escape(figure.name)}</dt><dd>{_value(figure)}</dd></div>" for figure in section.figures
    )
    drawn = f'<div class="plots">{"".join(pictures)}</div>' if pictures else ""
    tables = "".join(_table(rows) for rows in section.tables if rows.rows)
    heading = f'<section id="{section.family}"><h2>{escape(section.title)}</h2>'
    return f"{heading}<dl>{figures}</dl>{drawn}{tables}</section>"


def _table(rows: Rows) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in rows.columns)
    body = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in rows.rows)
    return f'<h3>{escape(rows.title)}</h3><div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _cell(cell: Cell) -> str:
    kind = "" if isinstance(cell, str) else ' class="number"'
    return f"<td{kind}>{escape(format_cell(cell))}</td>"


def _value(figure: Figure) -> str:
    unit = f" {escape(figure.unit)}" if figure.unit and figure.value is not None else ""
    return f"{escape(format_cell(figure.value))}{unit}"
