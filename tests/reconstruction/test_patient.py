"""The patient: a lying body of the simulated operating room, bare and below a drape, on tables that stand anywhere."""

from functools import cache

import numpy as np
import pytest
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import SE3
from ortwin.datasets.simulated_or.anny_body import Phenotype, body_shape
from ortwin.datasets.simulated_or.body import blend
from ortwin.datasets.simulated_or.drape import drape
from ortwin.datasets.simulated_or.patient import lie_down
from ortwin.datasets.simulated_or.room import TableTop
from ortwin.evaluation.surfaces import raycasting_scene
from ortwin.reconstruction.body_model import anny_adult
from ortwin.reconstruction.body_pose import pose_meshes
from ortwin.reconstruction.patient import fit_patient
from ortwin.reconstruction.patient_field import PatientConfig
from ortwin.reconstruction.patient_surface import TableGlance, table_frame, table_surfaces
from ortwin.reconstruction.state import OrientedBox
from scipy.ndimage import maximum_filter
from scipy.spatial.transform import Rotation

EXTENT_M = np.array([2.0, 0.54, 0.9])
BLUE, SKIN, BLACK, GREEN = (70, 128, 152), (200, 150, 120), (40, 40, 42), (90, 160, 120)
HEAD_END_M = 0.45
STEP_M, SIGMA_M = 0.014, 0.004
STEP_NS = 2_000_000_000
QUICK = PatientConfig(trial_rounds=60, rounds=100)
HERE = SE3(Rotation.from_rotvec([0.0, 0.0, 0.7]).as_matrix(), np.array([0.4, -0.3, 0.93]))


@cache
def lying(draped: bool, prone: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (n, 3) and colours (n, 3) seen from above in the table's frame, and the true joints (17, 3)."""
    shape = body_shape(Phenotype())
    bones = lie_down(shape, prone)
    skin_m = blend(shape.vertices_m, shape.weights, shape.weight_bones, bones).astype(np.float64)
    own = bones[shape.joint_bones]
    joints_m = np.einsum("jab,jb->ja", own[:, :, :3], shape.joints_m) + own[:, :, 3]
    half_m = EXTENT_M / 2
    mattress_m = np.array([[x, y, 0.0] for x in (-half_m[0], half_m[0]) for y in (-half_m[1], half_m[1])])
    parts = [(mattress_m, np.array([[0, 2, 1], [1, 2, 3]])), (skin_m, shape.faces)]
    hanging_m = np.zeros((0, 3))
    if draped:
        top = TableTop(np.zeros(3), EXTENT_M[0], EXTENT_M[1], 0.0)
        sheet = drape(
            skin_m, shape.faces, top, [], np.random.default_rng(3), lambda picture: 0, to_m=HEAD_END_M
        ).mesh  # fmt: skip
        parts.append((sheet.vertices_m, sheet.faces))
        hanging_m = sheet.vertices_m[(sheet.vertices_m[:, 2] < -0.03) & (np.abs(sheet.vertices_m[:, 1]) > half_m[1])]
    x, y = np.meshgrid(np.arange(-1.2, 1.2, STEP_M), np.arange(-0.5, 0.5, STEP_M), indexing="ij")
    from_m = np.stack([x, y, np.full_like(x, 2.0)], axis=-1).reshape(-1, 3)
    down = np.broadcast_to([0.0, 0.0, -1.0], from_m.shape)
    import open3d as o3d

    hit = raycasting_scene(parts).cast_rays(
        o3d.core.Tensor(np.concatenate([from_m, down], axis=1).astype(np.float32))
    )  # fmt: skip
    far_m, part = hit["t_hit"].numpy().astype(np.float64), hit["geometry_ids"].numpy()
    stopped = np.isfinite(far_m)
    points_m = np.concatenate([from_m[stopped] + far_m[stopped, None] * down[stopped], hanging_m])
    colors = np.array([BLACK, SKIN, BLUE])[np.concatenate([part[stopped], np.full(len(hanging_m), 2)])]
    return points_m, colors.astype(np.uint8), joints_m


def glances(draped: bool, places: list[SE3], prone: bool = False, seed: int = 1, first: int = 0) -> list[TableGlance]:
    """What is seen, with noise, while an arm reaches over the table now and then."""
    rng, seen = np.random.default_rng(seed), []
    points_m, colors, _ = lying(draped, prone)
    for number, place in enumerate(places):
        own_m = points_m + rng.normal(0, SIGMA_M, points_m.shape)
        tint = np.clip(colors + rng.normal(0, 4, colors.shape), 0, 255).astype(np.uint8)
        if number % 3 == 0:
            arm_m = rng.uniform([-0.1, -0.5, 0.30], [0.0, 0.1, 0.36], (800, 3))
            own_m, tint = np.concatenate([own_m, arm_m]), np.concatenate([tint, np.tile(np.uint8(GREEN), (800, 1))])
        seen.append(TableGlance(STEP_NS * (first + number), place, place @ own_m, tint))
    return seen


@pytest.fixture(scope="module")
def draped():
    return fit_patient(glances(True, [HERE] * 6), EXTENT_M, anny_adult(), QUICK)


def off_m(fit, world_from_table, time_ns, *, draped, prone=False) -> np.ndarray:
    _, joints_m = fit.at(time_ns, world_from_table)
    return np.linalg.norm(joints_m - world_from_table @ lying(draped, prone)[2], axis=1)


def test_joints_below_the_drape_are_found(draped):
    assert draped.head_end == 1
    assert draped.face_up
    assert draped.margin > 20
    assert off_m(draped, HERE, 0, draped=True).mean() < 0.06


def test_the_body_stays_below_the_drape_and_above_the_mattress(draped):
    skin_m = pose_meshes(anny_adult(), draped.body, clothed=False)[0][0].astype(np.float64)
    (surface,) = table_surfaces(glances(True, [HERE] * 6), EXTENT_M)
    cell = np.floor((skin_m[:, :2] - surface.low_m) / 0.02).astype(int)
    around_m = maximum_filter(np.nan_to_num(surface.height_m, nan=-1.0), 3)
    above_m = skin_m[:, 2] - around_m[cell[:, 0], cell[:, 1]]
    assert np.percentile(above_m, 99) < 0.03
    assert skin_m[:, 2].min() > -0.04


def test_what_is_covered_and_what_is_bare_is_known(draped):
    model = anny_adult()
    head = model.weight_bones[model.samples, 0] == model.bone("head")
    legs = np.isin(model.weight_bones[model.samples, 0], [model.bone(f"{s}_shin") for s in ("left", "right")])
    assert np.nanmean(draped.bare[0, head]) > 0.75
    assert np.nanmean(draped.bare[0, legs]) < 0.1
    assert np.isnan(draped.bare[0]).any(), "nobody saw the back"


@pytest.mark.slow
def test_a_bare_patient_who_lies_face_down_is_seen_to():
    fit = fit_patient(glances(False, [HERE] * 3, prone=True), EXTENT_M, anny_adult(), QUICK)
    assert fit.head_end == 1
    assert not fit.face_up
    assert off_m(fit, HERE, 0, draped=False, prone=True)[5:].mean() < 0.06


@pytest.mark.slow
def test_the_head_may_lie_at_either_end(draped):
    turned = HERE @ SE3(np.diag([-1.0, -1.0, 1.0]), np.zeros(3))
    seen = [TableGlance(g.time_ns, turned, g.points_m, g.colors_rgb) for g in glances(True, [HERE] * 6)]
    fit = fit_patient(seen, EXTENT_M, anny_adult(), QUICK)
    assert fit.head_end == -1
    _, joints_m = fit.at(0, turned)
    assert np.linalg.norm(joints_m - draped.at(0, HERE)[1], axis=1).mean() < 0.03


@pytest.mark.slow
def test_he_goes_where_the_table_goes(draped):
    there = SE3(Rotation.from_rotvec([0.0, 0.0, -0.4]).as_matrix(), np.array([1.4, 0.3, 0.98]))
    fit = fit_patient(glances(True, [HERE] * 3 + [there] * 3), EXTENT_M, anny_adult(), QUICK)
    assert len(fit.begins_ns) == 1, "on the table nothing changed"
    assert off_m(fit, there, 5 * STEP_NS, draped=True).mean() < 0.06
    body, joints_m = fit.at(5 * STEP_NS, there)
    assert np.abs(pose_meshes(anny_adult(), body)[1][0] - joints_m).max() < 1e-3


def test_a_drape_that_is_laid_on_begins_a_new_stretch():
    seen = glances(False, [HERE] * 10) + glances(True, [HERE] * 10, first=10)
    surfaces = table_surfaces(seen, EXTENT_M)
    assert [surface.first_ns for surface in surfaces] == [0, 10 * STEP_NS]
    assert not surfaces[0].drape.any()
    assert surfaces[1].drape.mean() > 0.3


@pytest.mark.slow
def test_the_pose_is_locked_while_the_drape_comes():
    seen = glances(False, [HERE] * 10) + glances(True, [HERE] * 10, first=10)
    fit = fit_patient(seen, EXTENT_M, anny_adult(), QUICK)
    before_m, after_m = (fit.at(time_ns, HERE)[1] for time_ns in (0, 15 * STEP_NS))
    assert np.linalg.norm(after_m - before_m, axis=1).mean() < 0.04
    assert off_m(fit, HERE, 15 * STEP_NS, draped=True).mean() < 0.06, "he was seen before he was covered"


def test_what_is_known_of_how_he_lies_is_kept(draped):
    fit = fit_patient(glances(True, [HERE] * 6), EXTENT_M, anny_adult(), QUICK, head_end=1, face_up=True)
    assert (fit.head_end, fit.face_up, fit.margin) == (1, True, np.inf)
    assert off_m(fit, HERE, 0, draped=True).mean() < 0.06


def test_an_empty_table_holds_nobody():
    rng = np.random.default_rng(4)
    flat_m = rng.uniform([-1.0, -0.27, 0.0], [1.0, 0.27, 0.004], (20_000, 3))
    box_m = rng.uniform([-0.2, -0.2, 0.0], [0.2, 0.2, 0.2], (3000, 3))
    seen = [TableGlance(0, HERE, HERE @ np.concatenate([flat_m, box_m]))]
    assert fit_patient(seen, EXTENT_M, anny_adult(), QUICK) is None


def test_without_colour_nobody_says_what_is_bare():
    seen = [TableGlance(g.time_ns, g.world_from_table, g.points_m) for g in glances(True, [HERE] * 2)]
    assert table_surfaces(seen, EXTENT_M)[0].drape is None


def test_a_table_has_a_frame_of_its_own():
    turn = Rotation.from_rotvec([0.0, 0.0, 1.1]).as_matrix()
    box = OrientedBox(np.array([1.0, 2.0, 0.45]), turn[:, [2, 0, 1]], np.array([0.9, 2.0, 0.54]))
    frame, extent_m = table_frame(box)
    np.testing.assert_allclose(extent_m, EXTENT_M)
    np.testing.assert_allclose(frame.translation_m, [1.0, 2.0, 0.9])
    np.testing.assert_allclose(np.abs(frame.rotation.T @ turn), np.eye(3), atol=1e-9)
    with pytest.raises(InputError, match="feet"):
        table_frame(OrientedBox(np.zeros(3), Rotation.from_rotvec([0.8, 0.0, 0.0]).as_matrix(), EXTENT_M))
    with pytest.raises(InputError, match="never seen"):
        table_surfaces([], EXTENT_M)
