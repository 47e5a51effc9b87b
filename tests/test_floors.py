"""The import law: who may import whom, read from the syntax tree of every module.

The second half plants one forbidden import per law in sources of its own and expects each to be found: a law that
cannot fail is none.
"""

import ast
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("capture", "reconstruction", "scenegraph", "datasets", "playback", "evaluation", "cli")

# What each floor may import of ours; a dotted name opens one module only.
TYPES = (
    "capture.arrays", "capture.camera", "capture.clock", "capture.conventions", "capture.errors", "capture.frame",
    "capture.geometry", "capture.recording", "reconstruction.state", "scenegraph.graph", "scenegraph.vocabulary",
)  # fmt: skip
# What writes a recording and its truth, for those who make one.
WRITERS = (
    "capture.storage", "capture.recording_writer", "capture.packets", "capture.rig_file", "capture.files",
    "evaluation.truth", "evaluation.truth_writer",
)  # fmt: skip
# How images and cameras of other people's folders become the frames of a recording.
IMPORTS = ("capture.import_frames", "capture.image_bytes", "capture.camera_move", "capture.calibration.camera_file_tum")
# How labels are read, for data sets that bring them.
LABELS = ("scenegraph.label_io", "scenegraph.labels", "scenegraph.vocabulary_terms")
MAY_IMPORT = {
    "capture": ("capture",),
    "reconstruction": ("reconstruction", "capture"),
    "scenegraph": ("scenegraph", "reconstruction", "capture"),
    "datasets": ("datasets", *TYPES, *WRITERS, *IMPORTS, *LABELS),
    "playback": ("playback", "facade", "readers", "archive", "scenegraph", "reconstruction", "capture"),
    "evaluation": ("evaluation", "facade", "readers", "archive", "scenegraph", "reconstruction", "capture"),
    "archive": ("scenegraph", "reconstruction", "capture"),
    "library": ("facade", "archive", "scenegraph", "capture"),
    "readers": ("archive", "scenegraph", "reconstruction", "capture"),
    "facade": ("readers", "archive", "scenegraph", "reconstruction", "capture"),
    "bodies": ("facade", "readers", "archive", "scenegraph", "reconstruction", "capture"),
    "patients": ("archive", "scenegraph", "reconstruction", "capture"),
    "surfaces": ("facade", "readers", "archive", "reconstruction", "capture"),
    "provenance": ("reconstruction", "capture"),
    "twin": (
        "patients",
        "surfaces",
        "provenance",
        "facade",
        "readers",
        "archive",
        "scenegraph",
        "reconstruction",
        "capture",
    ),
    "cli": ("", "cli", "twin", "bodies", "surfaces", "library", "facade", "archive", *FLOORS),
    "__main__": ("cli",),
    "__init__": ("twin", "facade", "library", "scenegraph.library", "capture"),
}

# The two wings of reconstruction meet in twin.py only. What is shared serves both, and imports neither. A file
# `_name_kernel` holds compiled loops and stands where `name` stands.
STATIC_WING = {
    "tsdf", "mesh", "appearance", "ply", "planes", "fixtures", "room_plan", "watched_floor", "static_room",
}  # fmt: skip
DYNAMIC_WING = {
    "dynamic_mask", "moving", "moving_points", "clusters", "cluster_repair", "follower", "tracking", "track_smoothing",
    "visibility", "surfaces", "surface", "surface_grids", "surface_fusion", "surface_mesh", "surface_owners",
    "surface_tables", "dynamic_scene", "scene_tables", "skeleton", "detections", "keypoint_io", "pose_prior",
    "pose_fit", "matching", "person_tracks", "person_smoothing", "lift", "person_points",
    "still_people", "people_heads", "people_stage", "people_paths", "picture_stage", "body_paths", "body_tables",
    "keypoint_bodies", "figure_offsets",
    "body_model", "body_smpl", "body_limits", "body_pose", "body_descent", "body_evidence", "body_losses", "body_fit",
    "fitted_bodies",
    "patient", "patient_field", "patient_presence", "patient_side", "patient_surface", "table_glances", "lying",
    "render_terms",
    "estimators", "estimator_onnx", "model_files",
    "model_cards", "pose_networks", "keypoint_formats", "keypoint_cache", "picture_crops", "picture_people", "regions",
    "bones", "free_joints", "glances", "mixture", "people", "turned_cameras",
}  # fmt: skip
SHARED = {"__init__", "state", "depth_view", "threads"}

# One door to each outside world: the only files that may import the package, anywhere in them (a hint for type checkers
# under TYPE_CHECKING never runs and is free).
DOORS = {
    "rerun": {
        "playback/rerun_scene.py",
        "playback/rerun_bodies.py",
        "playback/rerun_surfaces.py",
        "playback/blueprint.py",
    },
    "pyk4a": {"capture/devices.py"},
    "pyorbbecsdk": {"capture/devices.py"},
    "pyrealsense2": {"capture/devices.py"},
    "depthai": {"capture/devices.py"},
    "onnxruntime": {"reconstruction/estimator_onnx.py"},
    "mediapipe": {"reconstruction/estimator_onnx.py"},
}

# Too heavy for module level: `import ortwin` and `ortwin --help` would wait for them.
HEAVY = {"open3d", "torch", "rerun", "duckdb", "matplotlib", "onnxruntime", "pytorch3d"}


@dataclass(frozen=True)
class Import:
    """One imported name: ours from below the package on ("capture.errors.InputError"), or of a package outside."""

    name: str
    line: int
    ours: bool
    relative: bool
    at_import_time: bool
    is_hint: bool


def imports_of(source: str, module: tuple[str, ...]) -> Iterator[Import]:
    """Every import of a module, wherever it stands; `module` is its path below the package: ("capture", "errors")."""
    tree = ast.parse(source)
    hints = inside(tree, is_type_checking)
    deferred = hints | inside(tree, lambda node: isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    for node in ast.walk(tree):
        when = {"at_import_time": id(node) not in deferred, "is_hint": id(node) in hints}
        if isinstance(node, ast.Import):
            for alias in node.names:
                ours = alias.name.split(".")[0] == "ortwin"
                yield Import(alias.name.removeprefix("ortwin."), node.lineno, ours, False, **when)
        elif isinstance(node, ast.ImportFrom):
            base = [*module[: len(module) - node.level]] if node.level else []
            base += [part for part in (node.module or "").split(".") if part]
            absolute = not node.level and base[0] == "ortwin"
            for alias in node.names:
                name = ".".join([*(base[1:] if absolute else base), alias.name])
                yield Import(name, node.lineno, absolute or node.level > 0, node.level > 0, **when)


def inside(tree: ast.AST, is_block: Callable[[ast.AST], bool]) -> set[int]:
    """The nodes, by identity, that stand in a block of a kind."""
    return {id(inner) for node in ast.walk(tree) if is_block(node) for inner in ast.walk(node)}


def is_type_checking(node: ast.AST) -> bool:
    """Whether a node is `if TYPE_CHECKING:`; what it imports is a hint and never runs."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def module_of(path: str) -> tuple[str, ...]:
    return Path(path).with_suffix("").parts


def floor_of(path: str) -> str:
    return module_of(path)[0]


def offences(path: str, source: str) -> list[str]:
    """What in a source file breaks the law; `path` is relative to the repository."""
    found = []
    module = module_of(path)
    allowed = MAY_IMPORT[floor_of(path)]
    for one in imports_of(source, module):
        where = f"{path}:{one.line}"
        if one.ours and not one.relative:
            found.append(f"{where}: {one.name} is ours; import it relatively")
        if one.ours and not is_allowed(one.name, allowed):
            found.append(f"{where}: {floor_of(path)} may not import {one.name}")
        if one.ours and module[0] == "reconstruction":
            other = wing_offence(module, one)
            if other:
                found.append(f"{where}: {other}")
        package = one.name.split(".")[0]
        if not one.ours and not one.is_hint and package in DOORS and path not in DOORS[package]:
            found.append(f"{where}: {package} is imported in {', '.join(sorted(DOORS[package]))} only")
        if not one.ours and package in HEAVY and one.at_import_time:
            found.append(f"{where}: {package} is heavy; import it in the function that needs it")
    return found


def is_allowed(name: str, allowed: tuple[str, ...]) -> bool:
    """Whether a name of ours is opened by a list of modules; "" opens the package itself (`from .. import name`)."""
    return any(name == module or name.startswith(f"{module}.") for module in allowed) or (
        "" in allowed and "." not in name
    )


def room_of(stem: str) -> str:
    """The name under which a module of reconstruction stands in the lists above."""
    return stem.removeprefix("_").removesuffix("_kernel") if stem.startswith("_") and stem != "__init__" else stem


def wing_offence(module: tuple[str, ...], one: Import) -> str | None:
    parts = one.name.split(".")
    target = room_of(parts[1]) if parts[0] == "reconstruction" and len(parts) > 1 else ""
    own = room_of(module[1]) if len(module) > 1 else ""
    if own in STATIC_WING and target in DYNAMIC_WING:
        return f"the static wing ({own}) may not import the dynamic wing ({target})"
    if own in DYNAMIC_WING and target in STATIC_WING:
        return f"the dynamic wing ({own}) may not import the static wing ({target})"
    if own not in STATIC_WING | DYNAMIC_WING and target in STATIC_WING | DYNAMIC_WING:
        return f"{own} serves both wings and may not import {target}"
    return None


def sources() -> dict[str, str]:
    """Every source file of the package, by its path relative to the repository."""
    files = [*ROOT.glob("*.py"), *(file for floor in FLOORS for file in (ROOT / floor).rglob("*.py"))]
    return {file.relative_to(ROOT).as_posix(): file.read_text() for file in sorted(files)}


SOURCES = sources()


@pytest.mark.parametrize("path", SOURCES)
def test_the_law_holds(path):
    assert offences(path, SOURCES[path]) == []


def test_nobody_but_the_command_line_asks_for_evaluation_or_datasets():
    for floor, allowed in MAY_IMPORT.items():
        if floor != "cli":
            assert "evaluation" not in allowed or floor == "evaluation"
            assert "datasets" not in allowed or floor == "datasets"


def test_datasets_never_shadows_the_package_of_that_name():
    assert not (ROOT / "datasets" / "__init__.py").exists()
    assert not list((ROOT / "tests").rglob("__init__.py"))
    assert not (ROOT / "conftest.py").exists()


def test_every_floor_is_packaged():
    declared = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    folders = {".".join(("ortwin", *folder.parts)) for path in SOURCES for folder in Path(path).parents}
    assert folders == declared


def test_every_floor_has_its_law():
    assert {floor_of(path) for path in SOURCES} <= set(MAY_IMPORT)


def test_every_room_of_reconstruction_stands_in_one_wing_or_is_shared():
    """A module in no list would be free to import both wings."""
    there = {room_of(file.stem) for file in (ROOT / "reconstruction").glob("*.py")}
    assert sorted(there - STATIC_WING - DYNAMIC_WING - SHARED) == [], "add it to a list above"
    assert not STATIC_WING & DYNAMIC_WING
    assert not SHARED & (STATIC_WING | DYNAMIC_WING)
    assert {"tsdf", "static_room", "fixtures"} <= STATIC_WING & there
    assert {"dynamic_mask", "clusters", "tracking"} <= DYNAMIC_WING & there


@pytest.mark.parametrize(
    ("path", "source", "message"),
    [
        ("capture/planted.py", "from ..reconstruction.state import Track", "capture may not import reconstruction"),
        ("capture/planted.py", "from .. import twin", "capture may not import twin"),
        ("capture/planted.py", "def f():\n    from ..scenegraph import graph", "capture may not import scenegraph"),
        (
            "reconstruction/planted.py",
            "from ..scenegraph.graph import Node",
            "reconstruction may not import scenegraph",
        ),
        ("reconstruction/planted.py", "from ..archive import TwinArchive", "reconstruction may not import archive"),
        ("scenegraph/planted.py", "from ..archive import TwinArchive", "scenegraph may not import archive"),
        ("scenegraph/planted.py", "from ..playback.report import x", "scenegraph may not import playback"),
        ("datasets/planted.py", "from ..capture.background import BackgroundModel", "datasets may not import capture"),
        ("datasets/planted.py", "from ..evaluation.tracks import score", "datasets may not import evaluation"),
        ("datasets/simulated_or/planted.py", "from ...twin import build_twin", "datasets may not import twin"),
        ("playback/planted.py", "from ..evaluation.truth import Truth", "playback may not import evaluation"),
        ("playback/planted.py", "from ..datasets.simulated_or import simulate", "playback may not import datasets"),
        ("playback/planted.py", "from ..twin import open", "playback may not import twin"),
        ("evaluation/planted.py", "from ..playback.report import x", "evaluation may not import playback"),
        ("evaluation/planted.py", "from ..twin import build_twin", "evaluation may not import twin"),
        ("archive.py", "from .twin import build_twin", "archive may not import twin"),
        ("twin.py", "from .evaluation.room import score", "twin may not import evaluation"),
        ("twin.py", "from .datasets.simulated_or import simulate", "twin may not import datasets"),
        ("twin.py", "from .cli.console import Reporter", "twin may not import cli"),
        ("reconstruction/tsdf.py", "from .tracking import track", "static wing (tsdf) may not import the dynamic"),
        (
            "reconstruction/tracking.py",
            "from .static_room import x",
            "dynamic wing (tracking) may not import the static",
        ),
        ("reconstruction/tracking.py", "from . import fixtures", "dynamic wing (tracking) may not import the static"),
        (
            "reconstruction/_tsdf_kernel.py",
            "from .clusters import find",
            "static wing (tsdf) may not import the dynamic",
        ),
        ("reconstruction/depth_view.py", "from .tsdf import fuse", "serves both wings"),
        ("scenegraph/planted.py", "from ortwin.capture.errors import InputError", "import it relatively"),
        ("scenegraph/planted.py", "import ortwin.cli.app", "scenegraph may not import cli"),
        ("cli/planted.py", "def f():\n    import rerun", "rerun is imported in"),
        ("playback/report.py", "def f():\n    import rerun.blueprint as rrb", "rerun is imported in"),
        ("playback/screenshot.py", "def f():\n    from rerun.experimental import ViewerClient", "rerun is imported in"),
        ("capture/planted.py", "import pyrealsense2", "pyrealsense2 is imported in"),
        ("reconstruction/planted.py", "def f():\n    import onnxruntime", "onnxruntime is imported in"),
        ("reconstruction/planted.py", "import open3d as o3d", "open3d is heavy"),
        ("reconstruction/planted.py", "from torch import nn", "torch is heavy"),
        ("scenegraph/planted.py", "import duckdb", "duckdb is heavy"),
        ("playback/planted.py", "class A:\n    import matplotlib.pyplot", "matplotlib is heavy"),
        ("playback/rerun_scene.py", "try:\n    import rerun\nexcept ImportError:\n    pass", "rerun is heavy"),
    ],
)
def test_a_planted_offence_is_found(path, source, message):
    assert any(message in offence for offence in offences(path, source)), offences(path, source)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("capture/planted.py", "from .errors import InputError\nfrom . import geometry\nimport numpy as np"),
        ("reconstruction/planted.py", "from ..capture.geometry import SE3\ndef f():\n    import open3d"),
        ("scenegraph/planted.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import duckdb"),
        ("datasets/simulated_or/planted.py", "from ...capture.storage import RecordingWriter\nfrom .room import Room"),
        ("datasets/planted.py", "from ..evaluation.truth import write_truth"),
        ("playback/rerun_scene.py", "def f():\n    import rerun as rr"),
        ("playback/screenshot.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import rerun"),
        ("cli/planted.py", "from ..twin import build_twin\ndef f():\n    from .. import __version__"),
        ("twin.py", "from .reconstruction.static_room import build\nfrom .reconstruction.tracking import track"),
    ],
)
def test_what_is_allowed_is_not_reported(path, source):
    assert offences(path, source) == []


def test_an_offence_in_a_copy_of_the_real_tree_is_found():
    path = "capture/geometry.py"
    spoiled = SOURCES[path].replace(
        "from .errors import", "from ..scenegraph.graph import Node\nfrom .errors import", 1
    )
    assert spoiled != SOURCES[path]
    assert offences(path, SOURCES[path]) == []
    assert len(offences(path, spoiled)) == 1
