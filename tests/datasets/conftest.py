"""Bodies for the tests of people: made by anny the first time, then kept in the cache of bodies."""

import os

import numpy as np
import pytest
from ortwin.capture.errors import MissingExtraError
from ortwin.datasets.simulated_or.anny_body import Phenotype, body_shape
from ortwin.datasets.simulated_or.body import BodyShape


def made(phenotype: Phenotype) -> BodyShape:
    """A body, or a reason why there is none."""
    try:
        return body_shape(phenotype)
    except MissingExtraError as error:
        if os.environ.get("ORTWIN_REQUIRE_TEST_DATA") == "1":
            pytest.fail(str(error))
        pytest.skip(f"no body: {error.what}")


@pytest.fixture(scope="session")
def man() -> BodyShape:
    """A man of middle height."""
    return made(Phenotype())


@pytest.fixture(scope="session")
def woman() -> BodyShape:
    """A small, heavy woman."""
    return made(Phenotype(gender=1.0, height=0.37, weight=0.7, muscle=0.45))


@pytest.fixture(scope="session")
def tall_man() -> BodyShape:
    """As tall and heavy as people are drawn."""
    return made(Phenotype(height=0.53, weight=0.75, age=0.85))


@pytest.fixture
def pictures() -> list[np.ndarray]:
    """Where a book of pictures puts them."""
    return []


@pytest.fixture
def book(pictures):
    """A picture book."""

    def put(picture: np.ndarray) -> int:
        pictures.append(picture)
        return len(pictures) - 1

    return put


@pytest.fixture(scope="session")
def depth_inside_m():
    """A function: how deep points (n, 3) lie inside a closed surface, metres; negative outside.

    Inside is where the surface winds around a point (van Oosterom and Strackee 1983): where an arm rests against the
    trunk the surface crosses itself, and what lies in both is inside all the more.
    """
    import open3d as o3d

    def ask(vertices_m: np.ndarray, faces: np.ndarray, points_m: np.ndarray) -> np.ndarray:
        scene = o3d.t.geometry.RaycastingScene(1)
        scene.add_triangles(vertices_m.astype(np.float32), faces.astype(np.uint32))
        distance = scene.compute_distance(points_m.astype(np.float32)).numpy()
        corners = vertices_m.astype(np.float64)[faces]
        turns = np.array([turns_around(corners - point) for point in points_m])
        return np.where(turns > 0.5, distance, -distance)

    return ask


def turns_around(corners: np.ndarray) -> float:
    """How often triangles (f, 3 corners, 3) wind around the origin."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    long_a, long_b, long_c = (np.linalg.norm(side, axis=1) for side in (a, b, c))
    volume = np.einsum("ij,ij->i", a, np.cross(b, c))
    flat = long_a * long_b * long_c
    for one, two, long in ((a, b, long_c), (b, c, long_a), (c, a, long_b)):
        flat += np.einsum("ij,ij->i", one, two) * long
    return float(np.arctan2(volume, flat).sum() / (2 * np.pi))
