"""The layer of surfaces: right on a simulated recording, repeatable, resumable, private, and empty where nobody is."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import ortwin
import pytest
from ortwin.capture.errors import ConfigError, InputError
from ortwin.capture.files import hash_file
from ortwin.capture.integrity import verify_tree
from ortwin.capture.storage import open_recording
from ortwin.capture.sync import synchronize
from ortwin.cli.app import run
from ortwin.datasets.small_room import SimulationConfig, simulate
from ortwin.evaluation.truth import read_truth
from ortwin.evaluation.twin_tables import from_twin
from ortwin.facade import Twin
from ortwin.playback.exporters import export_twin, format_names
from ortwin.reconstruction.surface_tables import COLORS, GEOMETRY
from ortwin.surfaces import LAYER, SurfacesConfig, add_surfaces, lay_surfaces
from ortwin.twin import BuildConfig, build_twin

SEED, SEGMENT_S, SECOND = 11, 1.0, 1_000_000_000
CONFIG = BuildConfig(segment_s=SEGMENT_S, surfaces=SurfacesConfig(enabled=True))


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("simulated") / "or.recording"
    return simulate(path, seed=SEED, config=SimulationConfig(seconds=3.0, num_cameras=3, scale=0.3))


@pytest.fixture(scope="module")
def twin(recording, tmp_path_factory) -> Twin:
    path = tmp_path_factory.mktemp("built") / "or.twin"
    return build_twin(open_recording(recording), path, config=CONFIG).twin


@pytest.fixture
def bare(twin, tmp_path) -> Twin:
    """The same twin without surfaces."""
    path = tmp_path / "bare.twin"
    shutil.copytree(twin.path, path)
    shutil.rmtree(path / LAYER)
    return ortwin.open(path)


def content(twin: Twin) -> dict[str, str]:
    """Hash of every file of the layer."""
    files = sorted((twin.path / LAYER).rglob("*"))
    return {str(path.relative_to(twin.path)): hash_file(path) for path in files if path.is_file()}


def off_boxes_m(twin: Twin, recording: Path) -> np.ndarray:
    """(n,) how far vertices of people lie outside the true box of whom they are nearest to."""
    truth, away = read_truth(recording / "truth"), []
    for time_ns in twin.times_ns.tolist():
        boxes = [
            (track.center_m[at], track.extent_m[at] / 2)
            for track in truth.tracks.values() if (at := int(np.abs(track.time_ns - time_ns).argmin())) >= 0
        ]  # fmt: skip
        for mesh in twin.surfaces.at(time_ns):
            gaps_m = [
                np.linalg.norm(np.maximum(np.abs(mesh.vertices_m - center_m) - half_m, 0), axis=1)
                for center_m, half_m in boxes
            ]
            away.append(min(gaps_m, key=lambda gap_m: gap_m.mean()))
    return np.concatenate(away)


def test_what_moves_lies_where_it_is(twin, recording):
    """The box is that of half a frame interval ago at most, in which somebody walks 5 cm at 1 m/s."""
    assert verify_tree(twin.path).damaged == ()
    off_m = off_boxes_m(twin, recording)
    assert len(off_m) > 1000
    assert np.quantile(off_m, 0.95) < 0.05


def test_surfaces_are_read_one_by_one_and_all_at_once(twin):
    surfaces, middle_ns = twin.surfaces, int(twin.times_ns[len(twin.times_ns) // 2])
    every = surfaces.at(middle_ns)
    assert {mesh.track_id for mesh in every} == set(surfaces.instants(1)[middle_ns])
    for mesh in every:
        assert mesh.colors_rgb is not None and len(mesh.colors_rgb) == len(mesh.vertices_m)
        assert mesh.faces.max() < len(mesh.vertices_m)
        alone = surfaces.mesh(mesh.track_id, middle_ns + 1, colors=False)
        assert alone is not None and alone.colors_rgb is None
        assert (alone.vertices_m == mesh.vertices_m).all()
    table = surfaces.table(1)
    rows = table.filter(table["time_ns"].to_numpy() == middle_ns).to_pylist()
    assert [(row["num_vertices"], row["num_faces"]) for row in rows] == [
        (len(m.vertices_m), len(m.faces)) for m in every
    ]
    assert surfaces.at(-SECOND) == [] and surfaces.mesh("object_1", -SECOND) is None
    assert surfaces.mesh("nobody", middle_ns) is None


def test_neighbours_in_a_grid_lie_as_near_as_asked_for(twin):
    mesh = max(twin.surfaces.at(int(twin.times_ns[15])), key=lambda mesh: len(mesh.faces))
    corners = mesh.vertices_m[mesh.faces]
    edges_m = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    lens = next(iter(twin.rig.cameras.values())).depth
    farthest_m = 5.0
    assert np.median(edges_m) < max(0.01, farthest_m / lens.fx_px)


def test_added_later_or_after_a_stop_they_are_the_same_bytes(twin, bare, recording):
    assert bare.surfaces is None
    assert from_twin(bare).surfaces is None

    def stop(stage: str, done: int, total: int) -> None:
        if stage == LAYER and done > 15:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add_surfaces(bare, open_recording(recording), progress=stop)
    half = ortwin.open(bare.path)
    assert half.archive.num_committed(LAYER) == 1 and half.surfaces is None, "not to the end"
    assert add_surfaces(half, open_recording(recording)).surfaces is not None
    assert content(bare) == content(twin)


def test_other_settings_or_another_recording_are_refused(twin, recording, tmp_path):
    with pytest.raises(ConfigError, match="--fresh"):
        add_surfaces(twin, open_recording(recording), SurfacesConfig(colored=False))
    other = simulate(
        tmp_path / "b.recording", seed=SEED, config=SimulationConfig(seconds=1.0, num_cameras=2, scale=0.1)
    )
    with pytest.raises(InputError, match="not built from this recording"):
        add_surfaces(twin, open_recording(other))


def test_what_shows_people_stays_at_home(twin, bare, recording, tmp_path):
    """No export has a surface or a colour of what moves, and colours can be left out from the beginning."""
    names = {LAYER, GEOMETRY, COLORS}
    seen = {bytes(mesh.colors_rgb[:64].tobytes()) for mesh in twin.surfaces.at(int(twin.times_ns[15]))}
    for number, name in enumerate(format_names()):
        for path in export_twin(twin, name, tmp_path / str(number)):
            assert not names & set(path.parts)
            data = path.read_bytes()
            assert not any(colors in data for colors in seen)
    assert run(["surfaces", str(bare.path), str(recording), "--no-colors", "-q"]) == 0
    grey = ortwin.open(bare.path).surfaces
    assert not list((bare.path / LAYER).rglob(COLORS))
    assert all(mesh.colors_rgb is None for mesh in grey.at(int(twin.times_ns[15])))
    assert [len(mesh.faces) for mesh in grey.at(int(twin.times_ns[15]))] == [
        len(mesh.faces) for mesh in twin.surfaces.at(int(twin.times_ns[15]))
    ]


def test_a_lost_camera_costs_its_side_and_nothing_else(twin, recording, tmp_path):
    """Frames of one camera that cannot be read: the others go on, and what they see lies where it did."""
    path = tmp_path / "damaged.recording"
    shutil.copytree(recording, path)
    for depth in path.glob("segments/*/cam_2.depth"):
        depth.write_bytes(bytes(depth.stat().st_size))
    bare = ortwin.open(shutil.copytree(twin.path, tmp_path / "less.twin"))
    bare.archive.remove_layer(LAYER)
    source = open_recording(path)
    sync, config = synchronize(source), CONFIG
    lay_surfaces(
        bare.archive, source, bare.rig, sync, config.surfaces, config.background, config.dynamic, lambda *_: None
    )
    less = ortwin.open(bare.path)
    assert 0.3 < num_vertices(less) / num_vertices(twin) < 0.9
    assert np.quantile(off_boxes_m(less, recording), 0.95) < 0.05


def num_vertices(twin: Twin) -> int:
    return sum(int(twin.surfaces.table(number)["num_vertices"].to_numpy().sum()) for number in range(twin.num_segments))


def test_an_instant_without_anybody_has_no_surface(twin):
    """The table says so: every instant that it names has a surface, every other one none."""
    for number in range(twin.num_segments):
        named = twin.surfaces.instants(number)
        begin_ns, end_ns = twin.archive.span_ns("tracks", number)
        for time_ns in twin.times_ns[(twin.times_ns >= begin_ns) & (twin.times_ns < end_ns)].tolist():
            assert [mesh.track_id for mesh in twin.surfaces.at(time_ns)] == named.get(time_ns, [])
