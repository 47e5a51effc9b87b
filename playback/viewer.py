"""The Rerun viewer as a process of its own: found in its wheel, kept to this machine, and told not to report home."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..capture.errors import ResourceError

LOCALHOST = "127.0.0.1"
MEMORY_LIMIT = "75%"


def viewer_binary() -> Path:
    """The viewer that the rerun-sdk wheel ships.

    Raises:
        ResourceError: it is not there.
    """
    found = importlib.util.find_spec("rerun_cli")
    folder = Path(found.origin).parent if found is not None and found.origin else Path()
    for name in ("rerun", "rerun.exe", "Rerun.app/Contents/MacOS/Rerun"):
        if found is not None and (folder / name).is_file():
            return folder / name
    raise ResourceError("the Rerun viewer is not installed", todo="pip install rerun-sdk==0.41.0")


def has_display() -> bool:
    """Whether a window can be opened here; only Linux can be without a screen."""
    return not sys.platform.startswith("linux") or any(os.environ.get(key) for key in ("DISPLAY", "WAYLAND_DISPLAY"))


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOCALHOST, 0))
        return int(probe.getsockname()[1])


def quiet_environment(folder: Path) -> dict[str, str]:
    """The environment of a viewer that sends no usage statistics; its settings for that go into a folder of ours.

    On Linux the viewer reads them where XDG_CONFIG_HOME says. Elsewhere `rerun analytics disable`, once, turns them
    off.
    """
    path = folder / "rerun" / "analytics.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = {
        "analytics_enabled": False, "analytics_id": "", "metadata": {}, "config_file_path": str(path),
        "data_dir_path": str(folder),
    }  # fmt: skip
    path.write_text(json.dumps(settings))
    return {**os.environ, "XDG_CONFIG_HOME": str(folder), "RUST_LOG": os.environ.get("RUST_LOG", "warn")}


def start_viewer(
    files: Sequence[Path], options: Sequence[str], settings: Path, log: Path, *, detached: bool = False
) -> subprocess.Popen[bytes]:
    """Start the viewer on some .rrd files.

    Args:
        files: opened together, in this order.
        options: further options of its command line; it always binds to this machine only.
        settings: a folder for its settings, see `quiet_environment`.
        log: the file that takes what it prints.
        detached: it outlives this process.
    """
    words = [
        str(viewer_binary()), *(str(file.resolve()) for file in files), "--bind", LOCALHOST,
        "--memory-limit", MEMORY_LIMIT, "--server-memory-limit", MEMORY_LIMIT, *options,
    ]  # fmt: skip
    with log.open("ab") as output:
        return subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=quiet_environment(settings),
            start_new_session=detached,
        )  # fmt: skip


@contextlib.contextmanager
def running_viewer(files: Sequence[Path], options: Sequence[str]) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A viewer that lives as long as the block; gives the process and the file with what it prints."""
    with tempfile.TemporaryDirectory(prefix="ortwin-viewer-") as name:
        log = Path(name) / "viewer.log"
        process = start_viewer(files, options, Path(name) / "config", log)
        try:
            yield process, log
        finally:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def last_words(log: Path) -> str:
    """Why a viewer gave up, from what it printed."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    if any(sign in line for line in lines for sign in ("graphics adapter", "render context")):
        return "no graphics driver was found"
    telling = [line for line in lines if "panicked" in line or line.startswith("Error")]
    return (telling or lines or ["it ended at once"])[-1][:200]
