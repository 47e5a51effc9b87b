"""PLY files: what is written is read back by us and by others, and damage is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ortwin.capture.errors import InputError
from ortwin.reconstruction.ply import ply_bytes, read_ply

VERTICES = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0.5, 0.25, 2]], np.float32)
FACES = np.array([[0, 1, 2], [1, 2, 3]], np.int64)
COLORS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [1, 2, 3]], np.uint8)


def whole() -> bytes:
    sigma = np.array([0.001, 0.002, 0.003, 0.004], np.float32)
    return ply_bytes(VERTICES, FACES, COLORS, np.eye(4, 3, dtype=np.float32), sigma_m=sigma)


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "a.ply"
    path.write_bytes(whole())
    mesh = read_ply(path)
    assert np.array_equal(mesh.vertices_m, VERTICES)
    assert np.array_equal(mesh.faces, FACES)
    assert mesh.colors_rgb is not None and np.array_equal(mesh.colors_rgb, COLORS)
    assert mesh.normals is not None and np.array_equal(mesh.normals, np.eye(4, 3))
    assert mesh.attributes["sigma_m"].tolist() == pytest.approx([0.001, 0.002, 0.003, 0.004])


def test_another_library_reads_it(tmp_path: Path) -> None:
    import trimesh

    path = tmp_path / "a.ply"
    path.write_bytes(whole())
    mesh = trimesh.load(path, process=False, force="mesh")
    assert np.allclose(mesh.vertices, VERTICES)
    assert np.array_equal(mesh.faces, FACES)


def test_points_and_text(tmp_path: Path) -> None:
    path = tmp_path / "a.ply"
    path.write_bytes(ply_bytes(VERTICES, np.zeros((0, 3), np.int64)))
    assert len(read_ply(path).faces) == 0
    assert read_ply(path).colors_rgb is None
    path.write_text(
        "ply\nformat ascii 1.0\ncomment by hand\nelement vertex 3\nproperty float x\nproperty float y\n"
        "property float z\nelement face 1\nproperty list uchar int vertex_indices\nend_header\n"
        "0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"
    )
    assert read_ply(path).faces.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("cut", [0, 2, 40, 150, -1, -5])
def test_a_file_cut_short_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "cut.ply"
    path.write_bytes(whole()[:cut])
    with pytest.raises(InputError, match="damaged"):
        read_ply(path)


def test_lies_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "lie.ply"
    huge = whole().replace(b"element vertex 4", b"element vertex 4000000000")
    for data in (
        huge,
        whole().replace(b"element vertex 4", b"element vertex -1"),
        whole().replace(b"property float x", b"property quaternion x"),
        whole().replace(b"binary_little_endian", b"binary_big_endian"),
        whole() + b"x",
        ply_bytes(VERTICES, FACES + 2),
        ply_bytes(VERTICES * np.nan, FACES),
    ):
        path.write_bytes(data)
        with pytest.raises(InputError):
            read_ply(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_ply(tmp_path / "absent.ply")


def test_any_single_damage_gives_an_error_or_a_mesh(tmp_path: Path) -> None:
    rng, path, good = np.random.default_rng(2), tmp_path / "flip.ply", whole()
    for _ in range(300):
        data = bytearray(good)
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(bytes(data))
        try:
            mesh = read_ply(path)
        except InputError:
            continue
        assert len(mesh.vertices_m) and mesh.faces.max(initial=0) < len(mesh.vertices_m)
