"""The command line: which verbs there are, how they are assembled, and the one place where errors end.

A verb is a module of this folder that names its function `verb` (or, with sub-verbs as in `ortwin rig set`, a mapping
`verbs`), and one row of VERBS. The first parameter is the Reporter; the others are Typer's. `--json`, `-q`, `-v`,
`--debug`, `--no-color` and `--log-file` come with every verb and arrive through the reporter. Heavy imports stand in
the body, so that `ortwin --help` stays fast:

    def info(report: Reporter, recording: RecordingPath) -> int | None:
        '''Say what is in a recording.'''
        from ..capture.storage import open_recording

        report.result(open_recording(recording).summary())
        report.next(f"ortwin register {recording}")
        return None                      # an exit code of ExitCode; None is 0

    verb = info

A verb raises the errors of capture/errors.py and catches none of them: `run` turns them into a message and a code.
"""

from __future__ import annotations

import errno
import functools
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

from ..capture.errors import ConfigError, InputError, OrtwinError, ResourceError
from .console import Reporter
from .interrupts import Interrupted, Signals, began_as_interrupt


class ExitCode(IntEnum):
    """What the shell learns."""

    OK = 0
    BUG = 1
    USAGE = 2
    INPUT = 3
    QUALITY = 4
    RESOURCES = 5
    PRIVACY = 6
    GAPS = 7
    INTERRUPTED = 130


class Verb(NamedTuple):
    """A row of the table of verbs; `module` is a file of this folder, `help` fits a terminal of 80 columns."""

    name: str
    module: str
    panel: str
    help: str


VERBS = (
    Verb("demo", "demo", "Start here", "Simulate a small operating room, build its twin, draw pictures."),
    Verb("import", "import_", "Recordings", "Turn someone else's files into a recording."),
    Verb("simulate", "simulate", "Recordings", "Record a simulated operating room, with its truth."),
    Verb("plan-cameras", "plan_cameras", "Recordings", "Say what a proposed rig would see of a room."),
    Verb("record", "record", "Recordings", "Record cameras, or replay a recording as if it were live."),
    Verb("board", "board", "Recordings", "Print a calibration board to scale."),
    Verb("calibrate", "calibrate", "Recordings", "Find lenses, places and clocks of the cameras with a board."),
    Verb("calibrate-lens", "calibrate_lens", "Recordings", "Find the lens of one camera from photos of a board."),
    Verb("sync", "sync", "Recordings", "Find the clocks of the cameras, and what broke in them."),
    Verb("info", "info", "Recordings", "Say what is in a recording."),
    Verb("rig", "rig", "Recordings", "Attach or show the calibration: where the cameras stand."),
    Verb("register", "register", "Recordings", "Find where the cameras stand from the scene, without a board."),
    Verb("build", "build", "Twins", "Build the twin: the room, what moves in it, the scene graph."),
    Verb("detect", "detect", "Twins", "Find people's 2D keypoints in the pictures of a recording."),
    Verb("lift", "lift", "Twins", "Lift 2D keypoints of several cameras to people in space."),
    Verb("bodies", "bodies", "Twins", "Lay a parametric body around everyone in a twin."),
    Verb("surfaces", "surfaces", "Twins", "Give a twin the surface of all that moves, at every instant."),
    Verb("label", "label", "Twins", "Name a piece of furniture; the graph follows."),
    Verb("phases", "phases", "Twins", "Find the phases of an operation, and why each began."),
    Verb("roles", "roles", "Twins", "Say who is who, by what they do."),
    Verb("query", "query", "Twins", "Ask who stood in which relation to whom, and when."),
    Verb("stream", "stream", "Twins", "Bring vitals and device states into a twin."),
    Verb("library", "library", "Twins", "Index a folder of twins and labels, to ask all of them."),
    Verb("ask", "ask", "Twins", "Ask one of the field's questions by name, about one moment."),
    Verb("play", "play", "See and share", "Play a twin in Rerun."),
    Verb("screenshot", "screenshot", "See and share", "Draw a picture of a twin at one moment, without a screen."),
    Verb("export", "export", "See and share", "Write a twin as plain files for other tools."),
    Verb("doctor", "doctor", "Trust", "Say in plain words what is wrong with a recording, and what to do."),
    Verb("verify", "verify", "Trust", "Check every file of a recording or a twin against its hash."),
    Verb("evaluate", "evaluate", "Trust", "Compare a twin with the truth of a simulated recording."),
    Verb("score-graphs", "score_graphs", "Trust", "Score predicted scene graphs by the rules of 4D-OR or MM-OR."),
    Verb("datasets", "datasets", "Recordings", "List other people's data sets, and look into one."),
    Verb("vocabulary", "vocabulary", "Trust", "Print the words of the scene graph and how data sets spell them."),
    Verb("models", "models", "Trust", "Take in and list the networks that find people in pictures."),
    Verb("config", "config", "Trust", "Show the settings of every stage, with their defaults."),
)

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
COMPLETING = "_ORTWIN_COMPLETE"  # set while a shell asks what may follow

HELP = """From a multi-camera RGB-D recording of an operating room to a scene twin and its dynamic scene graph.

Every verb takes --help, and --json for one JSON document on stdout. A run that was interrupted may be started again."""

STEPS = """\b
Step by step:
  ortwin import plain FOLDER case.recording --fps 5
  ortwin register case.recording
  ortwin build case.recording case.twin
  ortwin query case.twin 'close_to(person, ?x)'
  ortwin play case.twin"""


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; every error ends here, as a message and not as a traceback."""
    arguments = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    switches = arguments[: arguments.index("--")] if "--" in arguments else arguments
    as_json, debug = "--json" in switches, "--debug" in switches
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")  # what a decoder mutters of a damaged image, we say by its name
    signals = Signals()
    try:
        code = assemble(arguments)(args=arguments, prog_name="ortwin", standalone_mode=False)
        sys.stdout.flush()
        if code == ExitCode.INTERRUPTED:  # Typer's own way to say so, without a word
            return _report(Interrupted(_asked(arguments)), as_json=as_json)
        return int(code or ExitCode.OK)
    except (BrokenPipeError, SystemExit) as leaving:  # rich and Typer leave so when the reader of a pipe has gone
        if COMPLETING in os.environ:
            raise
        if isinstance(leaving, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return ExitCode.OK
    except (KeyboardInterrupt, typer.Abort):
        return _report(Interrupted(_asked(arguments)), as_json=as_json)
    except typer.TyperException as error:
        asked = _asked(arguments)
        todo = f"ortwin {asked} --help" if asked in {verb.name for verb in VERBS} else "ortwin --help"
        return _report(ConfigError(_sentence(error.format_message()), todo=todo), as_json=as_json)
    except Exception as error:
        if debug:
            traceback.print_exc()
        if signals.arrived or began_as_interrupt(error):
            return _report(Interrupted(_asked(arguments)), as_json=as_json)
        return _report(explain(error), as_json=as_json)
    finally:
        signals.restore()


def explain(error: Exception) -> OrtwinError:
    """The error as a person should read it: ours as it is, the system's in our words, and the rest as our fault."""
    if isinstance(error, OrtwinError):
        return error
    if isinstance(error, MemoryError):
        return ResourceError("there is not enough memory", todo="close other programs, or take a machine with more")
    if isinstance(error, OSError) and (error.filename is not None or error.errno in (*DISK_FULL, errno.EIO)):
        return _explain_file(error)
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return OrtwinError(
        f"a fault of ortwin itself: {type(error).__name__}: {error}",
        where=", ".join(f"{Path(step.filename).name}:{step.lineno} in {step.name}" for step in last),
        todo="run it again with --debug and report what it prints",
    )


def _explain_file(error: OSError) -> OrtwinError:
    """What the system says of a file; work in progress is named as it will be called in the end."""
    from ..capture.files import finished_name, write_error

    path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None
    if path is not None and (isinstance(error, FileExistsError) or finished_name(path) != path):
        return write_error(path, error)
    if error.errno in DISK_FULL:
        return ResourceError("the disk is full", where=str(path or ""), todo="free some space and start again")
    return InputError(error.strerror or "a file cannot be read", where=str(path or ""))


def assemble(arguments: Sequence[str]) -> typer.Typer:
    """The Typer application for one command line: the verb that is asked for is imported, the others stand as names."""
    app = typer.Typer(
        name="ortwin", cls=_VerbsByPanel, help=HELP, epilog=STEPS, pretty_exceptions_enable=False,
        rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]},
    )  # fmt: skip
    app.callback()(_root)
    asked = _asked(arguments)
    for verb in VERBS:
        if importlib.util.find_spec(f"{__package__}.{verb.module}") is None:
            continue
        if verb.name == asked or COMPLETING in os.environ:
            _add_verb(app, verb)
        else:
            app.command(verb.name, help=verb.help)(_placeholder)
    return app


class _VerbsByPanel(TyperGroup):
    """Help that lists the verbs under their panels, in plain text: Typer's drawn help takes half a second to import."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for panel in dict.fromkeys(verb.panel for verb in VERBS):
            rows = [(verb.name, verb.help) for verb in VERBS if verb.panel == panel and verb.name in self.commands]
            with formatter.section(panel):
                formatter.write_dl(rows)


def _add_verb(app: typer.Typer, verb: Verb) -> None:
    module = importlib.import_module(f".{verb.module}", __package__)
    children: Mapping[str, Callable] | None = getattr(module, "verbs", None)
    if children is None:
        app.command(verb.name)(_with_reporter(verb.name, module.verb))
        return
    group = typer.Typer(help=verb.help, no_args_is_help=True)
    group.callback()(_group)
    for name, function in children.items():
        group.command(name)(_with_reporter(f"{verb.name} {name}", function))
    app.add_typer(group, name=verb.name)


def _with_reporter(name: str, function: Callable[..., int | None]) -> Callable[..., int]:
    """The verb as Typer sees it: the reporter is replaced by the options that every verb shares."""
    signature = inspect.signature(function, eval_str=True)
    shared = inspect.signature(_shared_options, eval_str=True)
    own = list(signature.parameters.values())[1:]
    common = list(shared.parameters.values())

    @functools.wraps(function)
    def command(**values: Any) -> int:
        options = {parameter.name: values.pop(parameter.name) for parameter in common}
        try:
            with Reporter(name, **_shared_options(**options)) as report:
                return int(function(report, **values) or ExitCode.OK)
        except KeyboardInterrupt:
            raise Interrupted(name.split()[0]) from None

    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*own, *common)]
    parameters.sort(key=lambda parameter: parameter.default is not inspect.Parameter.empty)
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__dict__["__signature__"] = inspect.Signature(parameters)
    return command


def _shared_options(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on stdout.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the answer only.")
    ] = False,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose", "-v", count=True, help="Say more; -vv still more.",
            show_default=False, metavar="",
        ),
    ] = 0,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error.")
    ] = False,
    no_color: Annotated[
        bool,
        typer.Option("--no-color", help="No colours; NO_COLOR does the same."),
    ] = False,
    log_file: Annotated[
        Path | None,
        typer.Option(help="Append the log to this file, one JSON object a line."),
    ] = None,
) -> dict[str, Any]:  # fmt: skip
    """The options of every verb, as the reporter wants them."""
    return {
        "as_json": as_json, "quiet": quiet, "verbosity": max(verbose, 2 * debug), "no_color": no_color,
        "log_file": log_file,
    }  # fmt: skip


def _print_version(asked: bool) -> bool:
    if asked:
        from .. import __version__

        typer.echo(f"ortwin {__version__}")
        raise typer.Exit
    return asked


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Nothing stands between the command and its verb."""


def _group() -> None:
    """Nothing stands between a verb and its sub-verbs."""


def _placeholder() -> None:
    """Stands for a verb that this command line does not name."""


def _report(error: OrtwinError, *, as_json: bool) -> int:
    Reporter("ortwin", as_json=as_json).error(error)
    return error.exit_code


def _asked(arguments: Sequence[str]) -> str | None:
    return next((word for word in arguments if not word.startswith("-")), None)


def _sentence(text: str) -> str:
    return text.strip().rstrip(".")
