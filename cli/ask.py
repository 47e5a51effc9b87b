"""ortwin ask: the field's questions by name, about one moment of a twin, or of a simulated recording's truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .app import ExitCode
from .console import Reporter
from .timelines import TakeOption, open_graph

if TYPE_CHECKING:
    from ..scenegraph.question_scene import QuestionScene

LONGEST_CELL = 3


def ask(
    report: Reporter,
    twin: Annotated[
        Path | None,
        typer.Argument(metavar="TWIN", help="The .twin folder, labels (JSON), or a recording with truth/."),
    ] = None,
    question: Annotated[
        str | None, typer.Argument(metavar="QUESTION", help="Its name, e.g. count_people; none lists them.")
    ] = None,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[WHO|WHAT...]", help="What the question is about.")
    ] = None,
    take: TakeOption = None,
    at: Annotated[str, typer.Option(metavar="TIME", help="The moment: seconds or HH:MM:SS from the start.")] = "0",
) -> ExitCode:
    """Ask one of the field's questions by name (docs/questions.md), answered from the twin without a language model."""
    from ..capture.errors import ConfigError
    from ..capture.import_options import parse_moment
    from ..scenegraph.graph import TruthState
    from ..scenegraph.questions import QUESTIONS
    from ..scenegraph.questions import ask as put

    if twin is None or question is None:
        report.result({"questions": [{"name": q.name, "usage": q.usage(), "meaning": q.meaning} for q in
                                     QUESTIONS.values()]}, show=False)  # fmt: skip
        report.table(["question", "answers"], [[row.usage(), row.meaning] for row in QUESTIONS.values()])
        return ExitCode.OK
    moment = parse_moment(at, "--at")
    if moment.absolute:
        raise ConfigError("--at: a date was given", todo="give seconds or HH:MM:SS from the start")
    scene = _scene(twin, take)
    answer = put(scene, question, arguments or (), scene.span_ns[0] + moment.ns)
    report.result(
        {
            "question": question, "arguments": list(arguments or ()), "at_s": moment.ns * 1e-9,
            "time_ns": scene.span_ns[0] + moment.ns, "answer": answer.value, "unit": answer.unit,
            "state": str(answer.state), "because": answer.because, "query": answer.query,
        },
        show=False,
    )  # fmt: skip
    _show(report, answer.value, answer.unit)
    if answer.state != TruthState.TRUE:
        report.answer(f"unknown: {answer.because}")
    elif answer.because:
        report.answer(f"because: {answer.because}")
    if answer.query:
        report.answer(f"query: {answer.query}")
    if (twin / "twin.json").exists():
        report.next("ortwin", "screenshot", twin, "--at", f"{moment.ns * 1e-9:g}", "--out", "moment.png")
    return ExitCode.OK


def _scene(path: Path, take: str | None) -> QuestionScene:
    if path.is_file():
        return _of_labels(path, take)
    if not (path / "twin.json").exists() and (path / "truth").is_dir():
        from ..evaluation.truth_as_scene import truth_scene

        return truth_scene(path)
    from ..scenegraph.question_scene import scene_of_tables
    from ..twin import open as open_twin

    twin = open_twin(path)
    times_ns = twin.times_ns
    step_ns = int(times_ns[-1] - times_ns[-2]) if len(times_ns) > 1 else 1
    return scene_of_tables(
        twin.timeline, twin.tracks, twin.visibility, twin.room, (int(times_ns[0]), int(times_ns[-1]) + step_ns),
        rig=twin.rig, phases=twin.phases, streams=twin.streams, measured=twin.measured,
    )  # fmt: skip


def _of_labels(path: Path, take: str | None) -> QuestionScene:
    """Labels have no places; what rests on relations, roles and phases is answered."""
    from ..scenegraph.phases import load_rules, recognise_phases
    from ..scenegraph.question_scene import QuestionScene

    opened = open_graph(path, take)
    rules = load_rules("knee_replacement" if opened.names_roles else "knee_replacement_unnamed")
    found = recognise_phases(opened.timeline, rules)
    ends = [node.last_ns + 1 for node in opened.timeline.nodes] + [row.end_ns for row in opened.timeline.intervals]
    phases = found.spans if len(found.spans) > 1 else None
    span_ns = (opened.begin_ns, max(ends, default=opened.begin_ns + 1))
    return QuestionScene(opened.timeline, span_ns, phases=phases, measured=opened.measured)


def _show(report: Reporter, value: object, unit: str) -> None:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        report.table(list(value[0]), [[_cell(part) for part in row.values()] for row in value])
    elif isinstance(value, list) and value and isinstance(value[0], list):
        report.table(["subject", "predicate", "object"], value)
    elif isinstance(value, dict):
        for name, part in value.items():
            report.answer(f"{name}: {part}")
    elif isinstance(value, list):
        report.answer((", ".join(map(str, value)) or "none") + (f" {unit}" if unit and value else ""))
    else:
        word = {True: "yes", False: "no", None: "none"}.get(value, value) if isinstance(value, bool | None) else value
        report.answer(f"{word}{f' {unit}' if unit and value is not None else ''}")


def _cell(part: object) -> object:
    """A list of uses in a few words; --json has them all."""
    if not isinstance(part, list):
        return part
    words = [f"{use['by']} from {use['begin_s']:g} s" for use in part[:LONGEST_CELL]]
    more = len(part) - len(words)
    return ", ".join(words) + (f" and {more} times more" if more else "")


verb = ask
