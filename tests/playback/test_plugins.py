"""What another package brings along is found once that package is installed, and nothing of ours is touched."""

import subprocess
import sys

import pytest
from ortwin.capture.errors import ConfigError
from ortwin.playback.exporters import export_twin, find_exporter, format_names
from ortwin.scenegraph.graph_builder import GraphConfig
from ortwin.scenegraph.predicate import load_predicates, measuring_function

MODULE = """
import numpy as np
from ortwin.scenegraph.vocabulary import PredicateSpec

def high_above(features):
    return np.where(features.bottom_m > 1.0, 1.0, 0.0), {"bottom_m": features.bottom_m}

HIGH_ABOVE = PredicateSpec(
    "high_above", frozenset({"track"}), frozenset({"fixture"}), False, 0.5, high_above, ("bottom_m",)
)

def export_names(twin, out):
    (out / "names.txt").write_text(" ".join(sorted(node.label for node in twin.timeline.nodes)))
"""
ENTRY_POINTS = """
[ortwin.predicates]
high_above = ward_package:HIGH_ABOVE

[ortwin.exporters]
names = ward_package:export_names
broken = ward_package:nowhere
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package as an installer leaves it: a module, and beside it what it offers."""
    site = tmp_path / "site"
    about = site / "ward_package-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "ward_package.py").write_text(MODULE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: ward-package\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(site))
    yield site
    sys.modules.pop("ward_package", None)


def test_a_predicate_of_an_installed_package_is_looked_for(installed):
    spec = load_predicates()["high_above"]
    assert callable(measuring_function(spec))
    assert "high_above" in GraphConfig().looked_for()


def test_a_format_of_an_installed_package_is_written(installed, toy_twin, tmp_path):
    assert "names" in format_names()
    (file,) = export_twin(toy_twin, "names", tmp_path / "out")
    assert file.read_text().split() == sorted(node.label for node in toy_twin.timeline.nodes)


def test_a_format_that_cannot_be_loaded_says_whose_it_is(installed):
    with pytest.raises(ConfigError, match="the format 'broken' cannot be loaded") as caught:
        find_exporter("broken")
    assert "ward_package:nowhere" in caught.value.where


def test_without_the_package_nobody_knows_them():
    assert "high_above" not in load_predicates() and "names" not in format_names()


def test_names_of_formats_cost_no_import_of_their_code():
    code = (
        "import sys; from ortwin.playback.exporters import format_names; format_names();"
        "print([name for name in sys.modules if name.endswith(('export_plain', 'export_graphs'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
