"""Clothes: outside of the skin, whole pictures on them, and along with the body whatever it does."""

import numpy as np
import pytest
from ortwin.datasets.simulated_or.body_map import PARTS, map_body
from ortwin.datasets.simulated_or.clothing import clothe, dress
from ortwin.datasets.simulated_or.motion import Puppet
from ortwin.datasets.simulated_or.outfit import choose, undressed
from ortwin.datasets.simulated_or.people import Person
from ortwin.datasets.simulated_or.performance import Actor
from ortwin.scenegraph.vocabulary import ROLES


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("role", ROLES)
def test_everybody_can_be_dressed(man, role, book, pictures):
    worn = dress(man, role, rng(), book)
    assert worn.faces.max() == len(worn.source) - 1
    assert worn.source.max() < len(worn.rest_m) == len(worn.weights)
    assert set(worn.texture_index) <= set(range(len(pictures)))
    assert all(picture.dtype == np.uint8 and picture.ndim == 3 for picture in pictures)
    assert (worn.uv >= 0).all() and (worn.uv <= 1).all()
    assert np.allclose(worn.weights.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("role", ["head_surgeon", "circulating_nurse"])
def test_no_face_smears_its_picture(woman, role, book):
    worn = dress(woman, role, rng(1), book)
    columns = worn.uv[worn.faces][..., 0]
    corners_m = worn.rest_m[worn.source][worn.faces]
    edges_m = np.linalg.norm(corners_m - np.roll(corners_m, 1, axis=1), axis=-1).max(axis=1)
    away_from_poles = corners_m[..., 2].max(axis=1) < 0.95 * woman.height_m
    smeared = (np.ptp(columns, axis=1) > 0.34) & (edges_m > 0.05) & away_from_poles
    assert smeared.mean() < 0.005


@pytest.mark.parametrize("role", ["head_surgeon", "circulating_nurse", "patient"])
def test_clothes_are_never_inside_the_skin(woman, role, depth_inside_m):
    outfit = choose(role, rng(2))
    where = map_body(woman)
    clothed_m = clothe(woman, where, outfit)
    # Where skin touches skin, as between the thighs, cloth cannot be outside of both; nor between toes.
    free = np.abs(woman.vertices_m[:, 1]) > 0.02
    inside_m = depth_inside_m(woman.vertices_m, woman.faces, clothed_m[free][::4])
    assert np.quantile(inside_m, 0.98) < 1e-3
    assert inside_m.max() < 0.012


def test_a_gown_stands_off_by_one_to_three_centimetres(man):
    outfit = choose("head_surgeon", rng())
    where = map_body(man)
    off_m = np.linalg.norm(clothe(man, where, outfit) - man.vertices_m, axis=1)
    belly = (where.share[:, 1] > 0.9) & (where.along[:, 1] > 0.2) & (where.along[:, 1] < 0.6)
    assert 0.01 < np.median(off_m[belly]) < 0.03
    face = (where.share[:, 0] > 0.9) & (where.along[:, 0] > 0.45) & (where.along[:, 0] < 0.6)
    assert np.median(off_m[face]) < 0.002


def test_gowns_reach_the_shins_and_shirts_the_hips(man, book):
    hips_m = man.joints_m[11, 2]
    for role, low_m, high_m in (("head_surgeon", 0.15, 0.42), ("circulating_nurse", hips_m - 0.25, hips_m + 0.05)):
        worn = dress(man, role, rng(), book)
        hem_m = worn.rest_m[len(man.vertices_m) :, 2].min()
        assert low_m < hem_m < high_m


def test_clothes_follow_the_body(man, book):
    one = Puppet(man, 5.0, np.array([0.0, 0.0]), 0.3)
    one.walk(0.2, [np.array([1.5, 0.8])])
    one.reach(2.5, 5.0, "left", np.array([1.8, 1.3, 1.1]))
    person = Person("person_2", "head_surgeon", 2, man, dress(man, "head_surgeon", rng(), book), one.finish())
    assert isinstance(person, Actor)
    assert (person.mesh.owner == 2).all()
    for time_s in (0.0, 1.1, 1.5, 4.0):
        clothed_m, skin_m = person.vertices_m(time_s), person.skin_m(time_s)
        assert clothed_m.dtype == np.float32 and clothed_m.shape == person.mesh.vertices_m.shape
        body = person.clothing.source < len(skin_m)
        assert np.linalg.norm(clothed_m[body] - skin_m[person.clothing.source[body]], axis=1).max() < 0.12
        gap_m = np.linalg.norm(clothed_m[~body][:, None] - skin_m[None, ::7], axis=-1).min(axis=1)
        assert gap_m.max() < 0.3
        assert clothed_m[:, 2].min() > -0.005
    assert np.array_equal(person.vertices_m(1.1), person.vertices_m(1.1))
    assert np.allclose(person.mesh.vertices_m, person.vertices_m(0.0))


def test_seeds_make_different_people_and_the_same_seed_the_same(man, book, pictures):
    first, again, other = (dress(man, "circulating_nurse", rng(seed), book) for seed in (4, 4, 5))
    assert np.array_equal(first.rest_m, again.rest_m)
    third = len(pictures) // 3
    for one, two in zip(pictures[:third], pictures[third : 2 * third], strict=True):
        assert np.array_equal(one, two)
    assert not np.array_equal(first.rest_m, other.rest_m) or not np.array_equal(pictures[1], pictures[-2])


def test_the_sterile_wear_gowns_and_gloves():
    for seed in range(20):
        surgeon, nurse, patient = (choose(role, rng(seed)) for role in ("head_surgeon", "circulating_nurse", "patient"))
        assert surgeon.gloves and surgeon.mask and surgeon.cap and surgeon.cuff
        assert surgeon.hem > nurse.hem
        assert patient.mask is None and patient.shoes is None
    assert undressed(rng()).top is None


def test_parts_cover_the_body(woman):
    where = map_body(woman)
    assert np.allclose(where.share.sum(axis=1), 1, atol=1e-5)
    assert set(where.face_part) == set(range(len(PARTS)))
    left_arm, nose = woman.vertices_m[:, 1] > 0.45, woman.joints_m[0]
    assert (where.share[left_arm].argmax(axis=1) == PARTS.index("left_arm")).all()
    face = np.linalg.norm(woman.vertices_m - nose, axis=1) < 0.03
    assert (np.abs(where.around[face, 0] - 0.5) < 0.12).all()
