"""The frame of the command line: exit codes, messages, JSON, and what a verb gets from it."""

import errno
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from types import ModuleType
from typing import Annotated

import pytest
import typer
from ortwin.capture.errors import InputError, PrivacyError, QualityError
from ortwin.cli import app
from ortwin.cli.console import Bar, Reporter, plain

PROBE = "ortwin.cli.probe"


@pytest.fixture
def probe(monkeypatch):
    """Put a verb of one's own into the table: probe(function) or probe(name=function, ...) for sub-verbs."""

    def install(function=None, /, **children):
        module = ModuleType(PROBE)
        module.__spec__ = importlib.util.spec_from_loader(PROBE, loader=None)
        vars(module).update({"verb": function} if function else {"verbs": children})
        monkeypatch.setitem(sys.modules, PROBE, module)
        monkeypatch.setattr(app, "VERBS", (*app.VERBS, app.Verb("probe", "probe", "Test", "A verb for a test.")))

    return install


def failing_with(error):
    def verb(report: Reporter) -> None:
        raise error

    return verb


def test_an_answer_goes_to_stdout_and_the_conversation_to_stderr(probe, capsys):
    def verb(report: Reporter, name: str, count: Annotated[int, typer.Option()] = 1) -> None:
        """Count."""
        report.say("working")
        report.result({"name": name, "count": count})
        report.next("ortwin", "build", "a b.recording")

    probe(verb)
    assert app.run(["probe", "table", "--count", "3"]) == 0
    out, err = capsys.readouterr()
    assert out == "name: table\ncount: 3\n"
    assert err == "working\nnext: ortwin build 'a b.recording'\n"


def test_json_is_one_document_and_nothing_else_on_stdout(probe, capsys):
    def verb(report: Reporter) -> app.ExitCode:
        report.say("working")
        report.warn("one frame is damaged")
        report.table(["a"], [[1]])
        report.answer("for people only")
        report.result({"rows": [{"gap_m": float("nan")}, {"gap_m": 0.25}]})
        report.next("ortwin info x")
        return app.ExitCode.GAPS

    probe(verb)
    assert app.run(["probe", "--json"]) == 7
    out, err = capsys.readouterr()
    assert json.loads(out) == {
        "rows": [{"gap_m": None}, {"gap_m": 0.25}],
        "warnings": ["one frame is damaged"],
        "next": ["ortwin info x"],
    }
    assert "working" in err
    assert "warning: one frame is damaged" in err


def test_quiet_leaves_the_answer_and_the_warnings(probe, capsys):
    def verb(report: Reporter) -> None:
        report.say("working")
        report.warn("careful")
        report.result({"count": 3})
        report.next("ortwin info x")

    probe(verb)
    assert app.run(["probe", "-q"]) == 0
    assert capsys.readouterr() == ("count: 3\n", "warning: careful\n")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("the frame is damaged", where="cam_1", why="a full disk", todo="copy it again"), 3),
        (QualityError("the room is off"), 4),
        (PrivacyError("no certificate"), 6),
        (MemoryError(), 5),
        (OSError(errno.ENOSPC, "No space left on device", "case.twin"), 5),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "rig.json"), 3),
        (FileExistsError(errno.EEXIST, "File exists", "afile"), 2),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "afile/x"), 3),
        (OSError(errno.EROFS, "Read-only file system", ".case.recording.tmp/segments"), 2),
        (OSError(errno.EIO, "Input/output error"), 3),
        (OSError(errno.ELOOP, "Too many levels of symbolic links", "loop"), 3),
        (ZeroDivisionError("division by zero"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_errors_become_messages_and_codes(probe, capsys, error, code):
    probe(failing_with(error))
    assert app.run(["probe"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    assert app.run(["probe", "--json"]) == code
    document = json.loads(capsys.readouterr().out)
    assert document["error"]["exit_code"] == code
    assert set(document["error"]) == {"kind", "what", "where", "why", "do", "exit_code"}


def test_a_message_says_what_where_why_and_what_to_do(probe, capsys):
    probe(failing_with(InputError("the frame is damaged", where="cam_1", why="a full disk", todo="copy it again")))
    app.run(["probe"])
    assert capsys.readouterr().err == (
        "error: the frame is damaged\n  where: cam_1\n  why: a full disk\n  do: copy it again\n"
    )


def test_a_fault_of_our_own_shows_its_traceback_only_when_asked(probe, capsys):
    probe(failing_with(ZeroDivisionError("division by zero")))
    app.run(["probe", "--debug"])
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [["prob"], ["info"], ["info", "x", "--jsom"], ["rig"], ["rig", "se"], ["import", "plain", "x", "y", "--fps", "a"]],
)
def test_a_wrong_command_line_is_code_2_and_names_the_help(capsys, line):
    assert app.run(line) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert "--help" in err
    assert app.run([*line, "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["exit_code"] == 2


def test_a_mistyped_verb_is_answered_with_the_nearest(capsys):
    app.run(["inf"])
    assert "Did you mean 'info'" in capsys.readouterr().err


def test_sub_verbs(probe, capsys):
    def set_it(report: Reporter, name: str) -> None:
        """Set it."""
        report.result({"name": name})

    probe(set=set_it)
    assert app.run(["probe", "set", "x"]) == 0
    assert capsys.readouterr().out == "name: x\n"
    assert app.run(["probe", "--help"]) == 0
    assert "Set it." in capsys.readouterr().out


def test_no_argument_is_a_call_for_help(capsys):
    assert app.run([]) == 0
    assert "ortwin play" in capsys.readouterr().out


def test_the_version(capsys):
    assert app.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("ortwin ")


def test_every_verb_that_exists_explains_itself(capsys):
    there = [verb for verb in app.VERBS if importlib.util.find_spec(f"ortwin.cli.{verb.module}")]
    assert {"info", "import", "rig", "register", "verify"} <= {verb.name for verb in there}
    app.run(["--help"])
    listed = capsys.readouterr().out
    for verb in there:
        assert f" {verb.name} " in listed
        assert app.run([verb.name, "--help"]) == 0, verb.name
        out = capsys.readouterr().out
        assert "Usage: ortwin" in out
        module = importlib.import_module(f"ortwin.cli.{verb.module}")
        if hasattr(module, "verb"):
            assert "--json" in out, verb.name
            assert (module.verb.__doc__ or "").strip(), verb.name


def test_sigterm_ends_a_run_as_ctrl_c_does(probe, capsys):
    def verb(report: Reporter) -> None:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM)).start()
        time.sleep(5)

    probe(verb)
    before = signal.getsignal(signal.SIGTERM)
    assert app.run(["probe"]) == 130
    assert "start the same command again" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is before


def raise_import_error(error: BaseException | None) -> None:
    raise ImportError("numpy._core failed to import") from error


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_a_compiled_module_turns_into_an_import_error_is_no_bug(probe, capsys, number):
    def verb(report: Reporter) -> None:
        interrupted = False
        try:
            threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
            time.sleep(5)
        except KeyboardInterrupt:
            interrupted = True
        assert interrupted
        raise_import_error(None)

    probe(verb)
    before = signal.getsignal(number)
    assert app.run(["probe"]) == 130
    assert "fault of ortwin" not in capsys.readouterr().err
    assert signal.getsignal(number) is before


def test_an_interrupt_before_the_verb_begins_is_told_too(probe, capsys):
    def interrupt(value: str) -> str:
        raise KeyboardInterrupt

    def verb(report: Reporter, name: Annotated[str, typer.Argument(parser=interrupt)]) -> None:
        """Never begins."""

    probe(verb)
    assert app.run(["probe", "x"]) == 130
    assert capsys.readouterr().err.startswith("interrupted")


def test_an_interrupt_at_the_bottom_of_an_error_is_no_bug(probe, capsys):
    probe(lambda report: raise_import_error(KeyboardInterrupt()))
    assert app.run(["probe"]) == 130
    capsys.readouterr()
    probe(lambda report: raise_import_error(ValueError()))
    assert app.run(["probe"]) == 1


def test_an_interrupt_that_is_ignored_stays_ignored(probe):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        probe(lambda report: os.kill(os.getpid(), signal.SIGINT))
        assert app.run(["probe"]) == 0
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("import", "nothing was kept"),
        ("build", "what is finished is kept"),
        ("register", "as it was"),
        ("info", "start"),
    ],
)
def test_an_interrupt_says_what_is_true_of_the_verb(verb, words):
    assert words in app.Interrupted(verb).todo


def test_unfinished_work_is_called_as_it_will_be_called_in_the_end():
    error = app.explain(PermissionError(errno.EACCES, "Permission denied", "/out/.case.recording.tmp"))
    assert error.where == "/out/case.recording"
    assert error.todo


def test_a_reader_that_leaves_early_is_no_error():
    line = f"{sys.executable} -m ortwin --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd="/", check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_log_file_holds_one_object_a_line(probe, tmp_path):
    def verb(report: Reporter) -> None:
        report.say("working")

    probe(verb)
    assert app.run(["probe", "--log-file", str(tmp_path / "log.jsonl")]) == 0
    (line,) = (tmp_path / "log.jsonl").read_text().splitlines()
    entry = json.loads(line)
    assert (entry["verb"], entry["message"]) == ("probe", "working")


def test_no_colour_is_sent_to_a_file(probe, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    probe(failing_with(InputError("red")))
    app.run(["probe"])
    assert "\x1b[" in capsys.readouterr().err
    monkeypatch.setenv("NO_COLOR", "1")
    app.run(["probe"])
    assert "\x1b[3" not in capsys.readouterr().err


def test_brackets_in_user_text_are_not_markup(probe, capsys):
    def verb(report: Reporter) -> None:
        report.say("[red]camera[/red]")
        report.result({"name": "[bold]x"})
        report.table(["label"], [["[link]y"]])

    probe(verb)
    app.run(["probe"])
    out, err = capsys.readouterr()
    assert "[red]camera[/red]" in err
    assert "[bold]x" in out
    assert "[link]y" in out


def test_plain_makes_json_of_numpy():
    np = pytest.importorskip("numpy")
    value = {"a": np.float32(0.5), "b": np.array([[1, 2]]), "c": np.bool_(True), "d": np.inf, "e": (np.int64(3),)}
    assert plain(value) == {"a": 0.5, "b": [[1, 2]], "c": True, "d": None, "e": [3]}


def test_a_bar_speaks_every_thirty_seconds(monkeypatch):
    now_s = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    lines = []
    bar = Bar(1200, "cam_1", say=lines.append)
    for done in range(1, 1201):
        now_s[0] = done / 10
        bar(done)
    assert len(lines) == 4
    assert lines[0] == "cam_1: 300 of 1200 (25 %), 10 /s, 90 s left"
