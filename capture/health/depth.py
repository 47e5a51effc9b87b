"""Is the depth plausible: units, share of returns, range, frames that stand still."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..depth_unit import fitting_units
from ..errors import InputError
from ..measured_noise import measure_noise
from ..noise import noise_of
from ..storage import StoredRecording
from .finding import Finding, Severity
from .samples import frozen_runs, sample_positions

NUM_SAMPLES = 7
ROOM_M = (0.6, 9.0)
FEW_RETURNS, HARDLY_ANY = 0.35, 0.05
NOISE_AT_M, NOISY = (2.0, 4.0), 1.5


def check_depth(recording: StoredRecording) -> Iterator[Finding]:
    """Look at a few depth frames of every camera."""
    for name, camera in recording.cameras.items():
        if camera.depth is None or not recording.has_stream(name, "depth"):
            yield Finding(
                "depth",
                Severity.ADVICE,
                "the camera has no depth",
                f"camera {name}",
                todo="the room and the surfaces come from cameras with depth; this one can help with people only",
            )
            continue
        samples = list(_samples(recording, name))
        if not samples:
            yield Finding(
                "depth",
                Severity.FAULT,
                "none of the depth frames that were tried can be read",
                f"camera {name}",
                "the files are damaged",
                f"ortwin verify {recording.path}",
            )
            continue
        findings = [*_share(name, samples), *_units(name, samples, camera.depth_unit_m)]
        findings += frozen_runs(recording, name, "depth")
        yield from findings or [
            Finding("depth", Severity.GOOD, _in_words(samples, camera.depth_unit_m), f"camera {name}")
        ]
        yield from _noise(recording, name)


def _samples(recording: StoredRecording, name: str) -> Iterator[np.ndarray]:
    for position in sample_positions(len(recording.indices(name)), NUM_SAMPLES):
        try:
            raw = recording.depth_raw(name, position)
        except InputError:
            continue
        if raw is not None:
            yield raw


def _share(name: str, samples: list[np.ndarray]) -> Iterator[Finding]:
    share = float(np.median([(raw > 0).mean() for raw in samples]))
    if share < HARDLY_ANY:
        yield Finding(
            "depth",
            Severity.FAULT,
            f"the depth images are empty: {share:.0%} of the pixels have a return",
            f"camera {name}",
            "the lens is covered, the infrared light is off, or the images were written wrongly",
            "look at a depth image of this camera",
        )
    elif share < FEW_RETURNS:
        yield Finding(
            "depth",
            Severity.WARNING,
            f"only {share:.0%} of the depth pixels have a return",
            f"camera {name}",
            "dark or shining surfaces, sun light, a dirty lens, or a room deeper than the sensor reaches",
            "clean the lens; move the camera nearer, or turn it away from the window",
        )


def _units(name: str, samples: list[np.ndarray], unit_m: float) -> Iterator[Finding]:
    counts = np.concatenate([raw[(raw > 0)][::17] for raw in samples])
    if not len(counts):
        return
    middle_m = float(np.median(counts)) * unit_m
    if ROOM_M[0] <= middle_m <= ROOM_M[1]:
        return
    fitting = fitting_units(middle_m, unit_m)
    near = middle_m < ROOM_M[0]
    yield Finding(
        "depth",
        Severity.FAULT,
        f"half of what the camera sees is {'nearer' if near else 'farther'} than {middle_m:.2f} m",
        f"camera {name}",
        f"depth_unit_m = {unit_m:g} may be wrong" + (f"; a room would fit {' or '.join(fitting)}" if fitting else ""),
        "look up the unit of the depth images, correct depth_unit_m in calibration.json, and import again",
    )


def _noise(recording: StoredRecording, name: str) -> Iterator[Finding]:
    sensor = recording.cameras[name].sensor
    try:
        measured = measure_noise(recording, name).noise
    except InputError:
        return
    at_m = np.array(NOISE_AT_M)
    found_m, expected_m = measured.sigma_m(at_m), noise_of(sensor).sigma_m(at_m)
    words = f"noise of {found_m[0] * 1e3:.1f} mm at {at_m[0]:g} m and {found_m[1] * 1e3:.1f} mm at {at_m[1]:g} m"
    if (found_m > NOISY * expected_m).any():
        yield Finding(
            "depth", Severity.ADVICE, words, f"camera {name}",
            f"{expected_m[0] * 1e3:.1f} and {expected_m[1] * 1e3:.1f} mm are usual for {sensor or 'time of flight'}",
            "cameras may dazzle each other: let them take turns; or give the build this noise (docs/depth.md)",
        )  # fmt: skip
    else:
        yield Finding("depth", Severity.GOOD, words, f"camera {name}")


def _in_words(samples: list[np.ndarray], unit_m: float) -> str:
    counts = np.concatenate([raw[raw > 0][::17] for raw in samples])
    low, middle, high = np.percentile(counts, [2, 50, 98]) * unit_m
    share = float(np.median([(raw > 0).mean() for raw in samples]))
    return f"depth from {low:.1f} to {high:.1f} m, half of it within {middle:.1f} m, {share:.0%} of the pixels"
