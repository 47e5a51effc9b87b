"""What this machine can do, and what it lacks."""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..storage import StoredRecording
from .finding import Finding, Severity

FEWEST_GB, WISHED_GB = 4.0, 8.0
BUILD_S_PER_FRAME = 0.03
TWIN_SHARE = 0.5
EXTRAS = {
    "anny": ("bodies", "bodies of simulated people"),
    "pytorch3d": ("pytorch3d", "rendering terms on a GPU; without it torch does the same"),
}


def check_machine(recording: StoredRecording | None, folder: Path) -> Iterator[Finding]:
    """Look at processors, memory, disk and libraries.

    Args:
        recording: what is to be built, for time and disk; None = only the machine.
        folder: where results would be written.
    """
    cores, memory_gb = _num_cores(), _memory_gb()
    free_gb = shutil.disk_usage(folder).free / 1e9
    text = f"{cores} processor cores, {memory_gb:.0f} GB of memory, {free_gb:.0f} GB free on the disk"
    severity = Severity.GOOD if memory_gb >= WISHED_GB else Severity.WARNING
    severity = Severity.FAULT if memory_gb < FEWEST_GB else severity
    todo = "" if severity == Severity.GOOD else f"take a machine with at least {WISHED_GB:.0f} GB of memory"
    yield Finding("machine", severity, text, todo=todo)
    if recording is not None:
        yield _work(recording, cores, free_gb)
    yield from _libraries()


def _work(recording: StoredRecording, cores: int, free_gb: float) -> Finding:
    frames = sum(len(recording.indices(name)) for name in recording.cameras)
    size_gb = sum(camera["megabytes"] for camera in recording.summary()["cameras"].values()) / 1e3
    minutes = frames * BUILD_S_PER_FRAME / cores / 60
    needed_gb = size_gb * TWIN_SHARE
    text = f"building a twin of {frames} frames takes about {minutes:.0f} min and at most {needed_gb:.1f} GB here"
    if needed_gb > free_gb:
        return Finding(
            "machine", Severity.FAULT, text, why=f"{free_gb:.1f} GB are free", todo="free some space on the disk"
        )
    return Finding("machine", Severity.GOOD, text)


def _libraries() -> Iterator[Finding]:
    try:
        import open3d  # noqa: F401
    except (ImportError, OSError) as error:
        yield Finding(
            "machine",
            Severity.FAULT,
            "the library Open3D cannot be loaded",
            why=str(error),
            todo="on Debian and Ubuntu: sudo apt-get install libusb-1.0-0 libgomp1; else reinstall ortwin",
        )
    if not ctypes.util.find_library("vulkan"):
        yield Finding(
            "machine",
            Severity.ADVICE,
            "without Vulkan, `ortwin screenshot` draws its plain pictures only",
            todo="on Debian and Ubuntu: sudo apt-get install mesa-vulkan-drivers libvulkan1",
        )
    for package, (extra, purpose) in EXTRAS.items():
        if importlib.util.find_spec(package) is None:
            yield Finding(
                "machine",
                Severity.ADVICE,
                f"{package} is not installed ({purpose})",
                todo=f"pip install 'ortwin[{extra}]', if you need it",
            )


def _num_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory_gb() -> float:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (ValueError, OSError, AttributeError):
        return float("nan")
