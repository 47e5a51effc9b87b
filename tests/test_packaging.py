"""The wheel holds every module and every data file of the tree, and nothing else."""

import importlib
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("capture", "reconstruction", "scenegraph", "datasets", "playback", "evaluation", "cli")
NOT_DATA = {".pyc", ".md"}


def tree() -> set[str]:
    """What the wheel must hold: the files of the package as they lie in the tree."""
    files = [*ROOT.glob("*.py"), ROOT / "py.typed", *(file for name in PACKAGES for file in (ROOT / name).rglob("*"))]
    return {
        f"ortwin/{file.relative_to(ROOT).as_posix()}"
        for file in files
        if file.is_file() and file.suffix not in NOT_DATA and "__pycache__" not in file.parts
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    source = out / "source"
    source.mkdir()
    # A build leaves folders behind; from a copy of links it leaves nothing in the tree, and finds nothing of yesterday.
    for name in ("pyproject.toml", "README.md", "LICENSE", "py.typed", *PACKAGES):
        (source / name).symlink_to(ROOT / name)
    for file in ROOT.glob("*.py"):
        (source / file.name).symlink_to(file)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", out, source],
        check=True,
        capture_output=True,
    )
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_is_the_tree(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert sorted(tree() - held) == [], "missing in the wheel: list the folder in pyproject.toml"
    assert sorted(held - tree()) == [], "in the wheel and not in the tree"


def test_the_wheel_says_what_it_is(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(next(name for name in names if name.endswith("/METADATA"))).decode()
        scripts = archive.read(next(name for name in names if name.endswith("/entry_points.txt"))).decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert "ortwin = ortwin.__main__:main" in scripts
    assert "sys_platform" in metadata, "open3d-cpu and open3d are chosen by platform"


def test_entry_points_name_what_exists():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for group in project.get("entry-points", {}).values():
        for target in group.values():
            module, _, name = target.partition(":")
            assert callable(getattr(importlib.import_module(module), name)), target
