"""The drape: over the body everywhere, open where it should be, hanging at the sides."""

import numpy as np
import open3d as o3d
import pytest
from ortwin.datasets.simulated_or.drape import Drape, drape, membrane
from ortwin.datasets.simulated_or.patient import landmarks_m, lying_patient
from ortwin.datasets.simulated_or.performance import Actor
from ortwin.datasets.simulated_or.room import TableTop
from ortwin.datasets.simulated_or.turning import about_y

TO_M = 0.45


def table(tilt_rad=0.0):
    return TableTop(np.array([0.1, -0.05, 0.85]), 2.05, 0.56, tilt_rad)


def lumps(top):
    """Three balls on the mattress, as a surface (n, 3), (f, 3)."""
    vertices, faces = [], []
    for x, y, radius in ((-0.5, 0.05, 0.1), (-0.1, -0.1, 0.14), (0.3, 0.0, 0.12)):
        ball = o3d.geometry.TriangleMesh.create_sphere(radius, 24)
        faces.append(np.asarray(ball.triangles) + sum(map(len, vertices)))
        vertices.append(np.asarray(ball.vertices) + np.array([x, y, radius]))
    return np.concatenate(vertices) @ about_y(-top.tilt_rad).T + top.center_m, np.concatenate(faces)


def from_above(vertices_m, faces, points_m, up):
    """Distance from 2 m above points to the first hit along -up."""
    scene = o3d.t.geometry.RaycastingScene(1)
    scene.add_triangles(vertices_m.astype(np.float32), faces.astype(np.uint32))
    rays = np.concatenate([points_m + 2.0 * up, np.broadcast_to(-up, points_m.shape)], axis=1)
    return scene.cast_rays(rays.astype(np.float32))["t_hit"].numpy()


def laid(surface, top, uncovered_m, book, seed=0) -> Drape:
    vertices_m, faces = surface
    return drape(vertices_m, faces, top, uncovered_m, np.random.default_rng(seed), book, to_m=TO_M)


def check(sheet, surface, top, uncovered_m):
    vertices_m, faces = surface
    slope = about_y(-top.tilt_rad)
    up = slope[:, 2]
    local_m = (vertices_m - top.center_m) @ slope
    reach_m = 0.1
    covered = local_m[:, 0] < TO_M - 0.01
    for point_m in uncovered_m:
        covered &= np.linalg.norm((local_m - (point_m - top.center_m) @ slope)[:, :2], axis=1) > 2 * reach_m
    seen = from_above(sheet.mesh.vertices_m, sheet.mesh.faces, vertices_m[covered].astype(np.float64), up)
    assert covered.sum() > 300
    assert seen.max() < 2.0, "the body is not below the sheet"
    if len(uncovered_m):
        points_m = np.stack(uncovered_m)
        first = from_above(sheet.mesh.vertices_m, sheet.mesh.faces, points_m, up)
        assert (first > from_above(vertices_m, faces, points_m, up) + 1e-4).all(), "the field is covered"


@pytest.mark.parametrize("tilt_rad", [0.0, 0.2])
def test_the_sheet_lies_over_what_is_below_it(tilt_rad, book):
    top = table(tilt_rad)
    surface = lumps(top)
    check(laid(surface, top, [], book), surface, top, [])


def test_the_field_stays_free(book):
    top = table()
    surface = lumps(top)
    field_m = [np.array([0.0, -0.15, 1.13]), np.array([-0.05, -0.15, 1.13])]
    check(laid(surface, top, field_m, book), surface, top, field_m)


@pytest.mark.parametrize(("prone", "names"), [(False, ("knee", "thigh", "shin")), (True, ("L1", "L3", "L5"))])
def test_a_patient_is_covered_but_for_the_field(woman, prone, names, book):
    top = table(0.05)
    person = lying_patient(woman, top, np.random.default_rng(0), book, prone=prone)
    points_m = landmarks_m(person)
    field_m = [points_m[name] for name in names]
    surface = (person.vertices_m(0.0), person.mesh.faces)
    check(laid(surface, top, field_m, book), surface, top, field_m)


@pytest.mark.parametrize("seed", range(4))
def test_it_hangs_down_at_the_sides(seed, book):
    top = table()
    sheet = laid(lumps(top), top, [], book, seed)
    low_m = top.center_m[2] - sheet.mesh.vertices_m[:, 2].min()
    assert 0.2 <= low_m <= 0.4
    assert sheet.mesh.vertices_m[:, 2].max() < top.center_m[2] + 0.35
    across_m = np.abs(sheet.mesh.vertices_m[:, 1] - top.center_m[1])
    hanging = sheet.mesh.vertices_m[:, 2] < top.center_m[2] - 0.02
    assert across_m[hanging & (sheet.mesh.vertices_m[:, 0] > -0.8)].min() > top.width_m / 2


def test_it_is_one_smooth_piece(book):
    top = table()
    sheet = laid(lumps(top), top, [], book).mesh
    corners_m = sheet.vertices_m[sheet.faces]
    edges_m = np.linalg.norm(corners_m - np.roll(corners_m, 1, axis=1), axis=-1)
    assert edges_m.max() < 0.16
    assert (sheet.uv >= 0).all() and (sheet.uv <= 1).all()


def test_it_is_an_actor_that_lies_still(book):
    top = table()
    sheet = laid(lumps(top), top, [], book)
    again = laid(lumps(top), top, [], book)
    assert isinstance(sheet, Actor) and sheet.label == "drape" and not sheet.moves(0.0, 9.0)
    assert np.array_equal(sheet.vertices_m(0.0), again.vertices_m(5.0))


def test_a_membrane_is_never_below_its_obstacle_and_spans_its_hollows():
    floor_m = np.zeros((40, 40))
    floor_m[5, 5], floor_m[20:24, 20:24] = 0.1, 0.3
    sheet = membrane(floor_m)
    assert (sheet >= floor_m).all()
    assert sheet[20, 17] > 0.05
    assert sheet.max() <= 0.3 + 1e-12
