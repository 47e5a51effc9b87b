"""A small twin, written straight into an archive: two people cross a room with a table while two cameras look on.

person_1 walks past the table along y = 1.2 and is close to it from 2 s to 5 s; person_2 comes in at 3 s and is not seen
after 6 s, where the relation to the table is unknown. There are two segments of 4 s at 10 instants a second.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from ortwin.archive import TwinArchive
from ortwin.capture.background import BackgroundModel
from ortwin.capture.camera import Camera, CameraRig, Intrinsics
from ortwin.capture.geometry import SE3
from ortwin.facade import Twin
from ortwin.reconstruction.state import Fixture, OrientedBox, StaticScene, Zone
from ortwin.reconstruction.surfaces import encode_surface
from ortwin.scenegraph.graph import TruthState
from ortwin.scenegraph.timeline import Interval, NodeSpan, split
from ortwin.scenegraph.timeline_tables import nodes_table, relations_table

ROOM_M = np.array([5.0, 4.0, 2.8])
STEP_NS, COUNT, SPLIT = 100_000_000, 80, 40
BEGIN_NS = 1_000_000_000
SECOND = 1_000_000_000
LIVES = {"person_1": (0, COUNT), "person_2": (30, 60)}


def _look_at(eye_m: np.ndarray, target_m: np.ndarray) -> SE3:
    forward = (target_m - eye_m) / np.linalg.norm(target_m - eye_m)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    return SE3(np.stack([right, np.cross(forward, right), forward], axis=1), eye_m)


def _sheet(origin: list[float], u: list[float], v: list[float], color: list[int], steps: int = 12) -> tuple:
    """A flat grid of triangles from `origin` along u and v, its normal u x v."""
    s, t = np.meshgrid(np.linspace(0, 1, steps + 1), np.linspace(0, 1, steps + 1), indexing="ij")
    points = np.array(origin) + s[..., None] * np.array(u) + t[..., None] * np.array(v)
    number = np.arange((steps + 1) ** 2).reshape(steps + 1, steps + 1)
    a, b, c, d = number[:-1, :-1].ravel(), number[1:, :-1].ravel(), number[1:, 1:].ravel(), number[:-1, 1:].ravel()
    normal = np.cross(u, v) / np.linalg.norm(np.cross(u, v))
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    shade = np.array(color) * (0.85 + 0.15 * (((s * 6).astype(int) + (t * 6).astype(int)) % 2)).reshape(-1, 1)
    return points.reshape(-1, 3), faces, np.tile(normal, (points.size // 3, 1)), shade


def make_room() -> StaticScene:
    x, y, z = ROOM_M
    sheets = [
        _sheet([0, 0, 0], [x, 0, 0], [0, y, 0], [110, 140, 130]),
        _sheet([0, y, z], [x, 0, 0], [0, -y, 0], [220, 220, 220]),
        _sheet([0, 0, 0], [0, y, 0], [0, 0, z], [170, 190, 185]),
        _sheet([x, y, 0], [0, -y, 0], [0, 0, z], [170, 190, 185]),
        _sheet([x, 0, 0], [-x, 0, 0], [0, 0, z], [180, 185, 195]),
        _sheet([0, y, 0], [x, 0, 0], [0, 0, z], [180, 185, 195]),
        _sheet([1.6, 1.7, 0.9], [1.8, 0, 0], [0, 0.7, 0], [60, 120, 170]),
        _sheet([1.6, 1.7, 0.0], [1.8, 0, 0], [0, 0, 0.9], [50, 100, 140]),
    ]
    base = np.cumsum([0] + [len(sheet[0]) for sheet in sheets])
    points, normals, colors = (np.concatenate([sheet[k] for sheet in sheets]) for k in (0, 2, 3))
    faces = np.concatenate([sheet[1] + start for sheet, start in zip(sheets, base[:-1], strict=True)])
    table = OrientedBox(np.array([2.5, 2.05, 0.45]), np.eye(3), np.array([1.8, 0.7, 0.9]))
    cart = OrientedBox(np.array([4.3, 3.3, 0.5]), np.eye(3), np.array([0.6, 0.5, 1.0]))
    floor = np.array([[0, 0], [x, 0], [x, y], [0, y]])
    return StaticScene(
        points.astype(np.float32), faces.astype(np.int64), colors.astype(np.uint8), normals.astype(np.float32),
        np.full(len(points), 0.003, np.float32), np.full(len(points), 2, np.uint8),
        (Fixture("fixture_1", "operating_table", table, False), Fixture("fixture_2", "fixture", cart)),
        (Zone("room", floor), Zone("sterile_zone", np.array([[1.2, 1.3], [3.8, 1.3], [3.8, 2.8], [1.2, 2.8]]))),
        BEGIN_NS, BEGIN_NS + COUNT * STEP_NS,
    )  # fmt: skip


def make_rig() -> CameraRig:
    lens = Intrinsics(300.0, 300.0, 159.5, 119.5, 320, 240)
    center = np.array([2.5, 2.0, 0.8])
    eyes = {"cam_1": np.array([0.2, 0.2, 2.4]), "cam_2": np.array([4.8, 0.3, 2.4])}
    return CameraRig(
        {
            name: Camera(name, lens, lens, SE3.identity(), 0.001, _look_at(eye, center))
            for name, eye in eyes.items()
        }
    )  # fmt: skip


def center_at(track_id: str, instant: int) -> np.ndarray:
    if track_id == "person_1":
        return np.array([0.6 + 0.045 * instant, 1.2, 0.85])
    return np.array([4.2 - 0.05 * (instant - 30), 3.1, 0.85])


def _tracks(first: int, last: int) -> pa.Table:
    rows = [
        (instant, name, center_at(name, instant))
        for instant in range(first, last)
        for name, (begin, end) in LIVES.items()
        if begin <= instant < end
    ]
    place = np.array([row[2] for row in rows]).reshape(-1, 3)
    return pa.table(
        {
            "time_ns": np.array([BEGIN_NS + row[0] * STEP_NS for row in rows], np.int64),
            "track_id": pa.array([row[1] for row in rows], pa.string()),
            "label": pa.array(["person"] * len(rows), pa.string()),
            **{name: place[:, axis] for axis, name in enumerate(("x_m", "y_m", "z_m"))},
            **{name: np.full(len(rows), 0.4) for name in ("vx_m_s", "vy_m_s", "vz_m_s")},
            "sigma_m": np.full(len(rows), 0.02),
            **dict(zip(("dx_m", "dy_m", "dz_m"), (np.full(len(rows), v) for v in (0.5, 0.5, 1.7)), strict=True)),
            "predicted": np.array([row[1] == "person_2" and row[0] >= 55 for row in rows], bool),
            "num_points": np.full(len(rows), 400, np.int32),
            "number": np.array([int(row[1][-1]) for row in rows], np.int32),
        }
    )


def _surfaces(tracks: pa.Table) -> tuple[pa.Table, bytes]:
    generator = np.random.default_rng(5)
    packets, offsets, sizes = b"", [], []
    for row in tracks.to_pylist():
        angle, height = generator.uniform(0, 2 * np.pi, 400), generator.uniform(0, 1.7, 400)
        radius = np.where(height > 1.45, 0.11, 0.22)
        points = np.stack([row["x_m"] + radius * np.cos(angle), row["y_m"] + radius * np.sin(angle), height], 1)
        color = np.where(
            height[:, None] > 1.45, [210, 170, 150], [40, 150, 110] if row["number"] == 1 else [60, 90, 200]
        )
        packet = b"" if row["predicted"] else encode_surface(points.astype(np.float32), color.astype(np.uint8))
        offsets.append(len(packets))
        sizes.append(len(packet))
        packets += packet
    table = pa.table(
        {
            "time_ns": tracks["time_ns"], "number": tracks["number"],
            "surface_offset": np.array(offsets, np.int64), "surface_size": np.array(sizes, np.int64),
        }
    )  # fmt: skip
    return table, packets


def _visibility(tracks: pa.Table) -> pa.Table:
    rows = [(row, name) for row in tracks.to_pylist() for name in ("cam_1", "cam_2")]
    return pa.table(
        {
            "time_ns": pa.array([row["time_ns"] for row, _ in rows], pa.int64()),
            "track_id": pa.array([row["track_id"] for row, _ in rows], pa.string()),
            "camera_id": pa.array([name for _, name in rows], pa.string()),
            "visibility": pa.array([1 if row["predicted"] else 2 for row, _ in rows], pa.uint8()),
        }
    )


def at_s(seconds: float) -> int:
    return BEGIN_NS + round(seconds * SECOND)


def relations() -> list[Interval]:
    return [
        Interval("person_1", "inside_zone", "room", at_s(0), at_s(8), evidence={"depth_m": 0.6}),
        Interval("person_1", "close_to", "operating_table", at_s(2), at_s(5), score=0.9, evidence={"gap_m": 0.28}),
        Interval("person_1", "inside_zone", "sterile_zone", at_s(4.5), at_s(6)),
        Interval("person_2", "inside_zone", "room", at_s(3), at_s(6)),
        Interval("person_2", "entered", "room", at_s(3), at_s(4)),
        Interval("person_2", "close_to", "operating_table", at_s(4), at_s(5.5), score=0.7),
        Interval("person_2", "close_to", "operating_table", at_s(5.5), at_s(6), TruthState.UNKNOWN, 0.5),
        Interval("person_1", "close_to", "person_2", at_s(4.2), at_s(4.8), score=0.6),
    ]


@pytest.fixture(scope="session")
def toy_path(tmp_path_factory):
    """The folder of the twin; tests that write into it take a copy."""
    path = tmp_path_factory.mktemp("toy") / "toy.twin"
    rig, room = make_rig(), make_room()
    head = {"versions": {"ortwin": "0"}, "config": {}, "inputs": {"recording_blake3": "00"}, "privacy_tier": "T1"}
    archive = TwinArchive.create(path, head, rig, {})
    generator = np.random.default_rng(3)
    blank = np.full((240, 320), 2.0, np.float32)
    pictures = {
        name: BackgroundModel(
            name, blank, blank * 0.001, blank * 0.002, np.ones_like(blank),
            generator.integers(90, 140, (240, 320, 3)).astype(np.uint8),
        )
        for name in rig.cameras
    }  # fmt: skip
    archive.write_static(room, pictures)
    edges = [(0, SPLIT), (SPLIT, COUNT)]
    spans = [(BEGIN_NS + a * STEP_NS, BEGIN_NS + b * STEP_NS) for a, b in edges]
    pieces = split(relations(), [spans[0][0], spans[0][1], spans[1][1]])
    whole = spans[0][0], spans[1][1] - STEP_NS
    nodes = [
        *(
            NodeSpan(name, "person", "track", tuple(center_at(name, (a + b) // 2)), at_s(a / 10), at_s((b - 1) / 10))
            for name, (a, b) in LIVES.items()
        ),
        NodeSpan("operating_table", "operating_table", "fixture", (2.5, 2.05, 0.45), *whole),
        NodeSpan("fixture_2", "fixture", "fixture", (4.3, 3.3, 0.5), *whole),
        NodeSpan("room", "zone", "zone", (2.5, 2.0, 1.5), *whole),
        NodeSpan("sterile_zone", "zone", "zone", (2.5, 2.05, 1.5), *whole),
    ]
    for number, (first, last) in enumerate(edges):
        tracks = _tracks(first, last)
        sightings, packets = _surfaces(tracks)
        times = np.repeat(BEGIN_NS + np.arange(first, last) * STEP_NS, 2)
        frames = pa.table(
            {"time_ns": times, "camera_id": ["cam_1", "cam_2"] * (last - first), "index": times // STEP_NS}
        )
        moving = {"sightings": sightings, "frames": frames}
        archive.write_segment("moving", number, spans[number], moving, {"surfaces.bin": packets})
        archive.write_segment("tracks", number, spans[number], {"tracks": tracks, "visibility": _visibility(tracks)})
        graph = {"relations": relations_table(pieces[number]), "nodes": nodes_table(nodes)}
        archive.write_segment("graph-test", number, spans[number], graph)
    archive.finish({"moving": 2, "tracks": 2, "graph-test": 2}, "graph-test", None)
    return path


@pytest.fixture(scope="session")
def toy_twin(toy_path):
    return Twin(TwinArchive(toy_path))


@pytest.fixture
def still_twin(tmp_path):
    """A twin in which nothing moves and nothing is found: no track, no relation, no fixture, no surface."""
    path, span = tmp_path / "still.twin", (BEGIN_NS, BEGIN_NS + 10 * STEP_NS)
    head = {"versions": {"ortwin": "0"}, "config": {}, "inputs": {}, "privacy_tier": "T1"}
    archive = TwinArchive.create(path, head, make_rig(), {})
    nothing = np.zeros((0, 3), np.float32)
    empty = StaticScene(
        nothing, nothing.astype(np.int64), nothing.astype(np.uint8), nothing, nothing[:, 0],
        nothing[:, 0].astype(np.uint8), (), (), *span,
    )  # fmt: skip
    archive.write_static(empty, {})
    tracks = _tracks(0, 0)
    sightings, packets = _surfaces(tracks)
    frames = pa.table(
        {"time_ns": BEGIN_NS + np.arange(10) * STEP_NS, "camera_id": ["cam_1"] * 10, "index": np.arange(10)}
    )
    archive.write_segment("moving", 0, span, {"sightings": sightings, "frames": frames}, {"surfaces.bin": packets})
    archive.write_segment("tracks", 0, span, {"tracks": tracks, "visibility": _visibility(tracks)})
    archive.write_segment("graph-none", 0, span, {"relations": relations_table([]), "nodes": nodes_table([])})
    archive.finish({"moving": 1, "tracks": 1, "graph-none": 1}, "graph-none", None)
    return Twin(TwinArchive(path))
