"""Is the colour plausible: brightness, size, frames that stand still."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..errors import InputError
from ..storage import StoredRecording
from .finding import Finding, Severity
from .samples import frozen_runs, sample_positions

NUM_SAMPLES = 5
DARK, BRIGHT = 16.0, 240.0


def check_color(recording: StoredRecording) -> Iterator[Finding]:
    """Look at a few colour frames of every camera."""
    for name, camera in recording.cameras.items():
        if not recording.has_stream(name, "color"):
            yield Finding(
                "colour",
                Severity.ADVICE,
                "the camera has no colour",
                f"camera {name}",
                todo="`ortwin register` finds camera places best with colour; boards can be seen in colour only",
            )
            continue
        images = list(_samples(recording, name))
        if not images:
            yield Finding(
                "colour",
                Severity.FAULT,
                "none of the colour frames that were tried can be read",
                f"camera {name}",
                "the files are damaged",
                f"ortwin verify {recording.path}",
            )
            continue
        size, lens = images[0].shape[1::-1], (camera.color.width_px, camera.color.height_px)
        findings = []
        if size != lens:
            findings.append(
                Finding(
                    "colour",
                    Severity.FAULT,
                    f"the images have {size[0]}x{size[1]} pixels and the lens says {lens[0]}x{lens[1]}",
                    f"camera {name}",
                    "the calibration is of another resolution, or the images were scaled",
                    "give the calibration of the recorded resolution",
                )
            )
        findings += _brightness(name, images)
        findings += frozen_runs(recording, name, "color")
        light = np.median([image.mean() for image in images])
        yield from findings or [
            Finding(
                "colour", Severity.GOOD, f"{size[0]}x{size[1]}, mean brightness {light:.0f} of 255", f"camera {name}"
            )
        ]


def _samples(recording: StoredRecording, name: str) -> Iterator[np.ndarray]:
    for position in sample_positions(len(recording.indices(name)), NUM_SAMPLES):
        try:
            image = recording.color_rgb(name, position)
        except InputError:
            continue
        if image is not None:
            yield image


def _brightness(name: str, images: list[np.ndarray]) -> Iterator[Finding]:
    light = float(np.median([image.mean() for image in images]))
    if light < DARK or light > BRIGHT:
        yield Finding(
            "colour",
            Severity.WARNING,
            f"the images are almost {'black' if light < DARK else 'white'}",
            f"camera {name}",
            "exposure or lights" if light > DARK else "the lens is covered, or the lights were off",
            "fix the exposure; automatic exposure loses against surgical lamps",
        )
