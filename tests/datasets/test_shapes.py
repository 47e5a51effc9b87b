"""Shapes are closed, look outwards, and have the volume of what they stand for."""

import numpy as np
import pytest
from ortwin.datasets.simulated_or import shapes

ELL = np.array([(0.0, 0.0), (0.3, 0.0), (0.3, 0.1), (0.1, 0.1), (0.1, 0.4), (0.0, 0.4)])
ELL_M2 = 0.3 * 0.1 + 0.1 * 0.3


def volume_m3(mesh):
    """Of a closed mesh (divergence theorem), positive when its faces look outwards."""
    a, b, c = (mesh.vertices_m[mesh.faces[:, i]] for i in range(3))
    return float(np.einsum("ni,ni->n", a, np.cross(b, c)).sum() / 6)


def open_edges(mesh):
    """How many edges do not run once each way between two places."""
    _, place = np.unique(mesh.vertices_m.round(9), axis=0, return_inverse=True)
    faces = place.reshape(-1)[mesh.faces]
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    ways, count = np.unique(edges, axis=0, return_counts=True)
    there = {(int(a), int(b)): int(n) for (a, b), n in zip(ways, count, strict=True)}
    return sum(there.get((b, a), 0) != n for (a, b), n in there.items())


SECTION = [(0.02, -0.03), (0.02, 0.03), (-0.02, 0.03), (-0.02, -0.03)]
RAIL = shapes.sweep(shapes.arc((0, 0, 0), 0.5, 0, np.pi, 60), SECTION, 0, reference=(1, 0, 0))
SOLIDS = {
    "cylinder": (shapes.cylinder(0.05, 0.3, 0), np.pi * 0.05**2 * 0.3, 0.02),
    "cone": (shapes.lathe([(0.1, 0.0), (0, 0.3)], 0, 48), np.pi * 0.1**2 * 0.1, 0.01),
    "ellipsoid": (shapes.ellipsoid((0.1, 0.2, 0.05), 0, 40, 24), 4 / 3 * np.pi * 0.1 * 0.2 * 0.05, 0.02),
    "ell": (shapes.extrude(ELL, 0.2, 0), ELL_M2 * 0.2, 1e-9),
    "bar": (shapes.tube(np.array([(0.0, 0, 0), (0.3, 0.4, 0)]), 0.02, 0, 24), np.pi * 0.02**2 * 0.5, 0.02),
    "arch": (shapes.tube(shapes.arc((0, 0, 0), 0.5, 0, np.pi, 60), 0.02, 0, 24), np.pi * 0.02**2 * np.pi * 0.5, 0.02),
    "rail": (RAIL, 0.04 * 0.06 * np.pi * 0.5, 0.01),
}


@pytest.mark.parametrize("name", [name for name in SOLIDS if name != "cone"])
def test_a_solid_is_closed(name):
    assert open_edges(SOLIDS[name][0]) == 0


def test_a_hole_is_found():
    assert open_edges(SOLIDS["cone"][0]) > 0


@pytest.mark.parametrize("name", [name for name in SOLIDS if name != "cone"])
def test_a_solid_has_its_volume(name):
    mesh, expected, tolerance = SOLIDS[name]
    assert volume_m3(mesh) == pytest.approx(expected, rel=tolerance)


def test_the_rail_keeps_its_section_upright():
    """Its first axis starts as told and stays in the plane of the arch, so its width along y is that of the section."""
    assert np.ptp(SOLIDS["rail"][0].vertices_m[:, 1]) == pytest.approx(0.06, abs=1e-9)


@pytest.mark.parametrize("bevel_m", [0.002, 0.01])
def test_a_bevel_takes_from_a_block_and_keeps_its_size(bevel_m):
    block = shapes.block((0.2, 0.3, 0.1), 0, bevel_m)
    whole = 0.2 * 0.3 * 0.1
    assert open_edges(block) == 0
    np.testing.assert_allclose(np.ptp(block.vertices_m, axis=0), (0.2, 0.3, 0.1), atol=1e-9)
    # Each of the twelve edges loses at most a square of its bevel.
    assert whole - 4 * (0.2 + 0.3 + 0.1) * bevel_m**2 < volume_m3(block) < whole


def test_triangles_of_an_outline_cover_its_area():
    corners = ELL[shapes.triangulate(ELL)]
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = (one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]) / 2
    assert (area > 0).all()
    assert area.sum() == pytest.approx(ELL_M2)


def test_an_outline_that_runs_clockwise_is_refused():
    with pytest.raises(ValueError, match="clockwise"):
        shapes.triangulate(ELL[::-1])


def test_resampled_points_lie_on_the_outline_at_equal_steps():
    points = shapes.resampled(ELL, 140)
    steps = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1)
    assert np.isclose(steps, 0.01, atol=1e-9).mean() > 0.9  # all but those that cut a corner
    assert steps.max() <= 0.01 + 1e-9


def test_texture_coordinates_lie_in_their_picture():
    for mesh, _, _ in SOLIDS.values():
        assert mesh.uv.min() >= 0 and mesh.uv.max() <= 1
        assert len(mesh.uv) == len(mesh.vertices_m)
        assert mesh.faces.max() < len(mesh.vertices_m)
