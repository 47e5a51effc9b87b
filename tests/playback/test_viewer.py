"""The viewer as a process: local only, silent, and replaced by a floor plan where it cannot draw."""

from __future__ import annotations

import json
import shutil
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from matplotlib.image import imread
from ortwin.capture.errors import ConfigError, ResourceError
from ortwin.playback import play, screenshot, viewer
from ortwin.playback.rerun_scene import write_playback
from ortwin.playback.screenshot import Shot, ShotConfig, nearest_instant, take_or_draw, take_screenshots

HAS_DRIVER = any(
    list(Path(folder).glob("*.json")) for folder in ("/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d")
)  # fmt: skip
LISTEN = "0A"


def listening(port: int) -> set[str]:
    """The addresses on which the kernel says that somebody listens at a port (hexadecimal, as in /proc/net)."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            address, number = local.split(":")
            if state == LISTEN and int(number, 16) == port:
                found.add(address)
    return found


@pytest.fixture
def own_twin(toy_path, tmp_path):
    from ortwin.archive import TwinArchive
    from ortwin.facade import Twin

    shutil.copytree(toy_path, tmp_path / "toy.twin")
    return Twin(TwinArchive(tmp_path / "toy.twin"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/net")
def test_the_web_viewer_listens_on_this_machine_only(own_twin):
    files = write_playback(own_twin)
    with play.serve_web(files) as session:
        assert listening(session.web_port) == {"0100007F"}
        assert listening(session.data_port) == {"0100007F"}
        with urllib.request.urlopen(f"http://127.0.0.1:{session.web_port}/", timeout=10) as page:
            assert page.status == 200
        assert session.url.startswith(f"http://127.0.0.1:{session.web_port}/?url=rerun")
        process = session.process
    assert process.poll() is not None
    assert listening(session.web_port) == set()


def test_a_port_in_use_is_said(own_twin):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ResourceError, match="in use"), play.serve_web([], taken.getsockname()[1]):
            pass


def test_the_viewer_is_told_not_to_report(tmp_path):
    environment = viewer.quiet_environment(tmp_path)
    assert environment["XDG_CONFIG_HOME"] == str(tmp_path)
    assert json.loads((tmp_path / "rerun" / "analytics.json").read_text())["analytics_enabled"] is False


def test_without_a_screen_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setattr(play, "has_display", lambda: False)
    with pytest.raises(ResourceError) as caught:
        play.open_native([])
    assert "--web" in caught.value.todo and "screenshot" in caught.value.todo


def test_without_a_driver_a_floor_plan_is_drawn(own_twin, tmp_path, monkeypatch):
    def refuse(twin, shots, config):
        raise ResourceError("the Rerun viewer cannot draw here", why="No graphics adapter was found")

    monkeypatch.setattr(screenshot, "take_screenshots", refuse)
    shot = Shot(int(own_twin.times_ns[30]), "3d", tmp_path / "picture.png")
    said = take_or_draw(own_twin, [shot])
    assert said is not None and "adapter" in said and "floor plan" in said
    assert imread(shot.out).shape[1] > 500


def test_a_viewer_that_dies_is_explained(own_twin, tmp_path, monkeypatch):
    broken = tmp_path / "rerun"
    broken.write_text("#!/bin/sh\necho 'No graphics adapter was found' >&2\nexit 101\n")
    broken.chmod(0o755)
    monkeypatch.setattr(viewer, "viewer_binary", lambda: broken)
    with pytest.raises(ResourceError) as caught:
        take_screenshots(own_twin, [Shot(int(own_twin.times_ns[0]), "full", tmp_path / "a.png")])
    assert "no graphics driver" in caught.value.why and "mesa-vulkan-drivers" in caught.value.todo


def test_the_nearest_instant_is_found_and_times_outside_are_refused(toy_twin):
    assert nearest_instant(toy_twin, 2.64) == int(toy_twin.times_ns[26])
    with pytest.raises(ConfigError, match="nothing at 99 s"):
        nearest_instant(toy_twin, 99.0)
    with pytest.raises(ConfigError):
        nearest_instant(toy_twin, -1.0)


@pytest.mark.slow
@pytest.mark.skipif(not HAS_DRIVER, reason="no Vulkan driver on this machine")
def test_real_screenshots(own_twin, tmp_path):
    time_ns = int(own_twin.times_ns[45])
    shots = [Shot(time_ns, "full", tmp_path / "full.png"), Shot(time_ns, "3d", tmp_path / "room.png")]
    begun_s = time.monotonic()
    take_screenshots(own_twin, shots, ShotConfig(size_px=(1200, 700)))
    assert time.monotonic() - begun_s < 90
    full, room = imread(shots[0].out), imread(shots[1].out)
    assert full.shape[:2] == (700, 1200)
    assert room.shape[1] > 0.9 * 1200
    assert room[..., :3].std() > 0.05
