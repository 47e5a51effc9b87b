"""The background: the farthest depth that keeps coming back, and the colour of a room in which nobody is."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.background import BackgroundConfig, estimate_background
from ortwin.capture.camera import CameraModel, Intrinsics
from ortwin.capture.errors import InputError
from ortwin.capture.geometry import SE3
from ortwin.capture.noise import DepthNoise
from ortwin.capture.storage import RecordingWriter, open_recording

WIDTH, HEIGHT, COUNT = 80, 60, 40
LENS = Intrinsics(70.0, 70.0, (WIDTH - 1) / 2, (HEIGHT - 1) / 2, WIDTH, HEIGHT)
WALL_M, PERSON_M = 3.0, 1.8
WALL_RGB, PERSON_RGB = (40, 160, 90), (250, 20, 20)


@pytest.fixture
def walker(tmp_path):
    """A wall before which somebody walks from left to right, covering each column a fifth of the time."""
    import cv2

    rng = np.random.default_rng(0)
    noise = DepthNoise()
    path = tmp_path / "wall.recording"
    with RecordingWriter(path, [CameraModel("cam", LENS, LENS, SE3.identity())], fps=10, source={}) as writer:
        for index in range(COUNT):
            left = int((WIDTH + 16) * index / COUNT) - 16
            columns = slice(max(left, 0), max(left + 16, 0))
            depth_m = np.full((HEIGHT, WIDTH), WALL_M)
            color = np.full((HEIGHT, WIDTH, 3), WALL_RGB, np.uint8)
            depth_m[10:, columns], color[10:, columns] = PERSON_M, PERSON_RGB
            depth_m += rng.normal(size=depth_m.shape) * noise.sigma_m(depth_m)
            depth_m[:5] = 0
            depth_m[6, 7] = 6.0 if index == 3 else depth_m[6, 7]
            packet = cv2.imencode(".png", color[:, :, ::-1])[1].tobytes()
            writer.append(
                "cam", index, index * 100_000_000, None, np.rint(depth_m * 1000).astype(np.uint16), packet, "png"
            )
    return open_recording(path)


def test_the_wall_is_found_behind_the_walker_within_the_noise(walker):
    model = estimate_background(walker, "cam")
    sigma_m = float(DepthNoise().sigma_m(np.array([WALL_M]))[0])
    known = model.depth_m[5:]
    assert (known > 0).all()
    assert np.abs(known - WALL_M).max() < 6 * sigma_m / np.sqrt(COUNT * 0.8)
    assert abs(float(np.median(model.noise_m[5:])) - sigma_m) < 0.2 * sigma_m
    assert 0.7 < float(model.support[30].mean()) < 0.95
    assert (model.depth_m[:5] == 0).all()
    assert (model.sigma_m[:5] == 0).all()


def test_nobody_is_in_the_colour_of_the_empty_room(walker):
    color = estimate_background(walker, "cam", BackgroundConfig(shadow_px=1)).color_rgb
    assert color is not None
    assert np.abs(color.astype(int) - WALL_RGB).max() <= 1


def test_what_always_stands_in_front_of_nothing_known_is_not_made_up(tmp_path):
    path = tmp_path / "hole.recording"
    with RecordingWriter(path, [CameraModel("cam", LENS, LENS, SE3.identity())], fps=10, source={}) as writer:
        for index in range(10):
            depth = np.zeros((HEIGHT, WIDTH), np.uint16)
            depth[20, 20] = 2000 if index < 2 else 0
            writer.append("cam", index, index * 100_000_000, None, depth, None)
    model = estimate_background(open_recording(path), "cam")
    assert (model.depth_m == 0).all()
    assert model.color_rgb is None


def test_a_camera_without_depth_says_so(tmp_path):
    import cv2

    path = tmp_path / "color.recording"
    with RecordingWriter(path, [CameraModel("cam", LENS, None, SE3.identity())], fps=10, source={}) as writer:
        packet = cv2.imencode(".jpg", np.zeros((HEIGHT, WIDTH, 3), np.uint8))[1].tobytes()
        writer.append("cam", 0, 0, None, None, packet)
    with pytest.raises(InputError, match="no depth"):
        estimate_background(open_recording(path), "cam")
