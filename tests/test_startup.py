"""Starting is fast, because nothing heavy is loaded before it is needed."""

import resource
import subprocess
import sys

import pytest

IMPORT_S = 0.3
HELP_S = 0.5
TRIES = 5
HEAVY = ("torch", "open3d", "rerun", "duckdb", "matplotlib", "pyarrow", "cv2", "numba", "scipy", "pandas", "numpy")


def fastest_s(*command: str) -> float:
    """Processor time of a command, the best of several runs: the first fills caches, and other tests run beside it.

    On an idle machine this is what a person waits, for starting does one thing after the other.
    """
    durations = []
    for _ in range(TRIES):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True, cwd="/")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        durations.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(durations)


def loaded_by(code: str) -> set[str]:
    """The top-level modules that are loaded once `code` has run in a fresh interpreter."""
    code += "\nimport sys\nprint('modules:', *{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd="/")
    return set(done.stdout.split("modules:")[-1].split())


def test_importing_ortwin_is_fast():
    assert fastest_s(sys.executable, "-c", "import ortwin") - fastest_s(sys.executable, "-c", "pass") < IMPORT_S


def test_help_is_fast():
    assert fastest_s(sys.executable, "-m", "ortwin", "--help") < HELP_S


@pytest.mark.parametrize(
    "code",
    [
        "import ortwin",
        "from ortwin.cli.app import run\nrun(['--help'])",
        "from ortwin.cli.app import run\nrun(['info', '-h'])",
    ],
)
def test_nothing_heavy_is_loaded(code):
    assert loaded_by(code) & set(HEAVY) == set()


@pytest.mark.parametrize("verb", ["info", "import", "rig", "register", "verify", "build", "query", "label"])
def test_the_help_of_a_verb_loads_nothing_heavy(verb):
    heavy = set(HEAVY) - {"numpy", "scipy"}
    assert loaded_by(f"from ortwin.cli.app import run\nrun(['{verb}', '--help'])") & heavy == set()
