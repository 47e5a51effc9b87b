"""What a file of an Azure Kinect or Femto recorder says of its camera: lenses, sensor, clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .camera import CameraModel
from .clock import ClockModel
from .errors import InputError
from .geometry import SE3
from .k4a_calibration import DEPTH_MODES, Lens, read_k4a_calibration
from .k4a_file import NS_PER_S, K4aFile

DATE_SIGMA_NS = NS_PER_S
"""The date in a file has whole seconds, and a camera needs a moment to begin."""


def camera_of(file: K4aFile, name: str, calibration: bytes | None, keep_depth: bool, assumed: list[str]) -> CameraModel:
    """The camera of a file as built.

    Args:
        file: the recording.
        name: what the camera is called.
        calibration: a factory calibration to take where the file has none.
        keep_depth: False where depth is left out; the camera then has a colour lens only, if it has one.
        assumed: gets a sentence for whatever had to be assumed.

    Raises:
        InputError: there is no calibration, or it does not fit the images.
    """
    data, where = file.calibration, f"{file.path}, calibration.json"
    if data is None:
        data, where = calibration, "--calibration"
        if data is None:
            raise InputError(
                "the file has no factory calibration", where=str(file.path), why=file.size.why,
                todo="give one with --calibration calibration.json, from another recording of the same camera",
            )  # fmt: skip
        assumed.append(f"{name}: its lenses are those of --calibration, because the file has no calibration of its own")
    factory = read_k4a_calibration(data, where)
    lenses: dict[str, Lens] = {}
    if "color" in file.grids_px:
        lenses["color"] = factory.color_lens(*file.grids_px["color"])
    for track in ("depth", "ir"):
        if track in file.grids_px and "depth" not in lenses and (keep_depth or "color" not in lenses):
            lenses["depth"] = factory.depth_lens(*file.grids_px[track])
    assumed += [
        f"{name}: the factory's {kind} lens is told in OpenCV's model, and missed by {lens.misfit_px:.3f} px at most"
        for kind, lens in lenses.items()
        if lens.misfit_px > 0
    ]
    if file.formats.get("color", "mjpeg") != "mjpeg":
        assumed.append(f"{name}: colour was {file.formats['color']} and is kept as JPEG of quality 95")
    if not file.period_known:
        assumed.append(
            f"{name}: the file does not say how many frames a second it has; {NS_PER_S / file.period_ns:.0f}"
        )
    first = lenses.get("color") or lenses["depth"]
    depth = lenses.get("depth")
    return CameraModel(
        name, first.intrinsics, depth.intrinsics if depth else None,
        factory.color_from_depth if "color" in lenses and depth else SE3.identity(), 0.001,
        sensor=_sensor(file, name, factory.device_name, assumed),
    )  # fmt: skip


def clocks_of_files(
    files: Sequence[K4aFile], models: Sequence[CameraModel], assumed: list[str]
) -> dict[str, ClockModel]:
    """How the clock of each camera lies on that of the first.

    Cameras that were wired together have one clock: subordinates take over the master's time, and their frames are late
    by the delay that they were told. Others are laid by the dates of their files, which is good to about a second.
    """
    names = [model.camera_id for model in models]
    identity = {name: ClockModel() for name in names}
    if len(files) < 2:
        return identity
    modes = [file.tags.get("K4A_WIRED_SYNC_MODE", "STANDALONE") for file in files]
    if "STANDALONE" not in modes:
        if modes.count("MASTER") != 1:
            assumed.append(f"the cameras were wired together, yet {modes.count('MASTER')} of them is master")
        assumed.append("the cameras were wired together, so their device times are one clock")
        return identity
    created = [file.created_ns for file in files]
    dated = None not in created
    begun = [(date or 0) if dated else 0 for date in created]
    apart_ns = [
        at - file.number("K4A_START_OFFSET_NS") - begun[0] + files[0].number("K4A_START_OFFSET_NS")
        for at, file in zip(begun, files, strict=True)
    ]
    by = "the dates of their files" if dated else "their first frames, because the files have no dates"
    assumed.append(
        f"the cameras were not wired together and their clocks are laid on each other by {by}, good to about a second; "
        "`ortwin sync` finds them from what the cameras see"
    )
    return {
        name: ClockModel(offset_ns=offset_ns, residual_ns=DATE_SIGMA_NS if k else 0)
        for k, (name, offset_ns) in enumerate(zip(names, apart_ns, strict=True))
    }


def tell_of(file: K4aFile) -> dict[str, Any]:
    """What recording.json keeps of a file."""
    tags = {name: value for name, value in file.tags.items() if name.startswith("K4A_") and not name.endswith("_TRACK")}
    modes = {
        name: value
        for values in file.track_tags.values()
        for name, value in values.items()
        if name.startswith("K4A_") and name.endswith("_MODE")
    }
    return {
        "file": file.path.name,
        "tags": {**tags, **modes},
        "created": file.tags.get("CREATION_TIME"),
        "tracks": {track: [*grid, file.formats[track]] for track, grid in file.grids_px.items()},
        "whole": file.size.is_whole,
    }


def _sensor(file: K4aFile, name: str, device_name: str, assumed: list[str]) -> str:
    """The name of the sensor in `noise.SENSOR_NOISE`. A Femto is told by its serial number, which has letters."""
    serial = file.tags.get("K4A_DEVICE_SERIAL_NUMBER", "")
    if "femto" in f"{device_name} {file.tags.get('TITLE', '')}".lower() or (serial and not serial.isdigit()):
        assumed.append(
            f"{name}: taken for a Femto Bolt by its serial number {serial or 'and name'}; that decides its noise"
        )
        return "femto_bolt"
    grid = file.grids_px.get("depth") or file.grids_px.get("ir")
    mode = DEPTH_MODES[grid][0] if grid in DEPTH_MODES else "NFOV"
    return "azure_kinect_wfov" if mode.startswith("WFOV") else "azure_kinect_nfov"
