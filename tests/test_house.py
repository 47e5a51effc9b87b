"""The manners of the house: one noun per file, files that can be read at a sitting, nothing left half done."""

import io
import itertools
import re
import tokenize
import tomllib
from pathlib import Path

import ortwin
import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("capture", "reconstruction", "scenegraph", "datasets", "playback", "evaluation", "cli")
LONGEST = 350
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError|type:\s*ignore")
COMMAND_LINE_MODULES = re.compile(r"^(cli/.*|__main__\.py)$")

SOURCES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.py", *(f"{floor}/**/*.py" for floor in FLOORS))
    for path in ROOT.glob(pattern)
)


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SOURCES)
def test_a_file_can_be_read_at_a_sitting(path):
    assert len(read(path).splitlines()) <= LONGEST


@pytest.mark.parametrize("path", SOURCES)
def test_nothing_is_left_half_done(path):
    assert [line for line in read(path).splitlines() if UNFINISHED.search(line)] == []


@pytest.mark.parametrize("path", [path for path in SOURCES if not COMMAND_LINE_MODULES.match(path)])
def test_only_the_command_line_prints(path):
    tokens = list(tokenize.generate_tokens(io.StringIO(read(path)).readline))
    calls = [
        token.start[0]
        for token, following in itertools.pairwise(tokens)
        if token.type == tokenize.NAME and token.string == "print" and following.string == "("
    ]
    assert calls == []


@pytest.mark.parametrize("path", SOURCES)
def test_every_file_says_what_it_is(path):
    assert read(path).startswith(('"""', 'r"""')), f"{path} has no docstring"


def test_pages_of_the_documentation_link_to_files_that_exist():
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_decisions_are_numbered_without_gaps():
    numbers = sorted(int(page.name[:4]) for page in (ROOT / "docs" / "decisions").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_version_is_one():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert ortwin.__version__ == version
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text()
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()
