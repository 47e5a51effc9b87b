"""Drawing meshes differentiably: against rays through the same mesh, and against pytorch3d where that is installed."""

import importlib.util

import numpy as np
import pytest
import torch
from ortwin.capture.errors import InputError
from ortwin.evaluation.surfaces import first_hits, raycasting_scene
from ortwin.reconstruction.body_evidence import FreeView
from ortwin.reconstruction.body_model import anny_adult
from ortwin.reconstruction.render_terms import RenderTerm, SeenPerson, render_pytorch3d, render_torch

SIZE = (90, 80)


@pytest.fixture(scope="module")
def view():
    rotation = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [-1.0, 0.0, 0.0]])
    pose = np.concatenate([rotation, (-rotation @ np.array([3.0, 0.1, 0.9]))[:, None]], axis=1)
    return FreeView("a", pose, np.array([95.0, 100.0]), np.array([40.2, 44.1]), np.zeros((1, *SIZE), np.float32))


@pytest.fixture(scope="module")
def body():
    return torch.from_numpy(anny_adult().vertices_m.copy())


@pytest.fixture(scope="module")
def cast(view):
    """(h, w) the depth of a mesh by rays, 0 where there is nothing."""
    v, u = np.mgrid[: SIZE[0], : SIZE[1]]
    rays = np.dstack([(u - view.center_px[0]) / view.focal_px[0], (v - view.center_px[1]) / view.focal_px[1]])
    rays = np.concatenate([rays, np.ones((*SIZE, 1))], axis=-1) @ view.depth_from_world[:, :3]
    eye_m = -view.depth_from_world[:, :3].T @ view.depth_from_world[:, 3]
    model = anny_adult()
    depth_m, _ = first_hits(raycasting_scene([(model.vertices_m, model.faces)]), eye_m, rays)
    return np.where(np.isfinite(depth_m), depth_m, 0.0)


def test_depth_is_what_rays_find(view, body, cast):
    _, depth = render_torch(body, anny_adult().faces, view, SIZE)
    both = (depth.numpy() > 0) & (cast > 0)
    assert both.sum() > 0.97 * (cast > 0).sum()
    assert (depth.numpy() > 0).sum() < 1.03 * (cast > 0).sum()
    off_m = np.abs(depth.numpy() - cast)[both]
    assert np.median(off_m) < 1e-4
    assert np.percentile(off_m, 98) < 0.02, "float32 pixels on an edge may see the triangle beside"


def test_the_silhouette_is_the_mesh_with_soft_edges(view, body, cast):
    covered, _ = render_torch(body, anny_adult().faces, view, SIZE)
    assert covered.min() >= 0
    assert covered.max() <= 1
    assert (covered.numpy()[cast > 0] > 0.5).mean() > 0.99
    assert covered.numpy()[cast == 0].mean() < 0.1
    share = (covered.numpy() > 0.5).sum() / (cast > 0).sum()
    assert 0.95 < share < 1.1


def test_the_gradient_of_depth_is_that_of_differences(view, body):
    def mean_depth(shift: torch.Tensor) -> torch.Tensor:
        _, depth = render_torch(body + shift * torch.tensor([1.0, 0.0, 0.0]), anny_adult().faces, view, SIZE)
        inner = depth[30:45, 38:43]
        return inner[inner > 0].mean()

    shift = torch.zeros((), requires_grad=True)
    mean_depth(shift).backward()
    with torch.no_grad():
        numeric = (mean_depth(torch.tensor(0.003)) - mean_depth(torch.tensor(-0.003))) / 0.006
    assert float(numeric) == pytest.approx(-1.0, abs=0.2), "towards the camera"
    assert float(shift.grad) == pytest.approx(float(numeric), abs=0.2)


@pytest.mark.parametrize(("axis", "with_depth"), [(0, True), (1, False), (2, False)])
def test_a_body_that_stands_elsewhere_is_drawn_back(view, body, cast, axis, with_depth):
    """Depth draws it back along the ray, the silhouette across."""
    seen = SeenPerson(view, (cast > 0)[None], with_depth * cast[None].astype(np.float32))
    term = RenderTerm(anny_adult().faces, [seen])
    shift = torch.zeros(3)
    shift[axis] = 0.06
    shift.requires_grad_(True)
    wrong = term((body + shift)[None], np.array([0]))
    assert wrong > 1.3 * term(body[None], np.array([0]))
    wrong.backward()
    assert shift.grad[axis] > 0, "downhill is back"


def test_nothing_in_view_is_an_empty_picture(view, body):
    covered, depth = render_torch(body + torch.tensor([20.0, 0.0, 0.0]), anny_adult().faces, view, SIZE)
    assert float(covered.sum()) == float(depth.sum()) == 0


def test_masks_of_another_size_are_refused(view):
    with pytest.raises(InputError, match="grid"):
        RenderTerm(anny_adult().faces, [SeenPerson(view, np.zeros((1, 5, 5), bool), np.zeros((1, 5, 5), np.float32))])


@pytest.mark.skipif(importlib.util.find_spec("pytorch3d") is None, reason="pytorch3d is not installed")
def test_pytorch3d_draws_the_same(view, body):
    ours, theirs = (draw(body, anny_adult().faces, view, SIZE) for draw in (render_torch, render_pytorch3d))
    assert (ours[0] - theirs[0]).abs().mean() < 0.02
    both = (ours[1] > 0) & (theirs[1] > 0)
    assert float((ours[1] - theirs[1])[both].abs().median()) < 1e-3
