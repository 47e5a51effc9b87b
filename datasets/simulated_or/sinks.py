"""Where simulated frames go: a recording, or a plain folder; both appear at once, when everything is there."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from ...capture.camera import CameraRig
from ...capture.errors import InputError
from ...capture.files import canonical_json
from ...capture.recording_writer import RecordingWriter
from ...capture.rig_file import lens_to_json, pose_to_json


class Sink(Protocol):
    """Takes frames in time order."""

    def append(
        self,
        camera_id: str,
        index: int,
        device_ns: int,
        host_ns: int | None,
        depth_raw: np.ndarray | None,
        color_packet: bytes | None,
        color_codec: str = "jpeg",
    ) -> None:
        """Add one frame."""
        ...  # fmt: skip


class RecordingSink(RecordingWriter):
    """A recording whose truth folder grows inside it, so that both are committed together."""

    @property
    def truth_folder(self) -> Path:
        """Where the truth goes while the recording is written."""
        return self.folder / "truth"


def recording_sink(path: Path, rig: CameraRig, fps: float, source: Mapping[str, Any]) -> RecordingSink:
    """A sink that leaves a `.recording`."""
    return RecordingSink(path, list(rig.cameras.values()), fps=fps, source=source, rig=rig)


class FolderSink:
    """A plain folder: calibration.json, and depth, colour and times of each camera.

    Raises:
        InputError: the path is taken.
    """

    def __init__(self, path: Path, rig: CameraRig, fps: float, source: Mapping[str, Any]) -> None:
        if path.exists():
            raise InputError("the folder exists already", where=str(path), todo="remove it, or give another name")
        self.path, self.folder, self.rig = path, path.with_name(f".{path.name}.tmp"), rig
        self.times: dict[str, list[tuple[int, int]]] = {name: [] for name in rig.cameras}

    @property
    def truth_folder(self) -> Path:
        """Where the truth goes while the folder is written."""
        return self.folder / "truth"

    def __enter__(self) -> Self:
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in self.rig.cameras:
            for kind in ("color", "depth"):
                (self.folder / name / kind).mkdir(parents=True)
        return self

    def append(
        self, camera_id: str, index: int, device_ns: int, host_ns: int | None,
        depth_raw: np.ndarray | None, color_packet: bytes | None, color_codec: str = "jpeg",
    ) -> None:  # fmt: skip
        """Add one frame."""
        import cv2

        folder = self.folder / camera_id
        if depth_raw is not None:
            (folder / "depth" / f"{index:06d}.png").write_bytes(cv2.imencode(".png", depth_raw)[1].tobytes())
        if color_packet is not None:
            suffix = "jpg" if color_codec == "jpeg" else "png"
            (folder / "color" / f"{index:06d}.{suffix}").write_bytes(color_packet)
        self.times[camera_id].append((index, device_ns))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        cameras = {}
        for name, camera in self.rig.cameras.items():
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(("index", "device_ns", "host_ns"))
            writer.writerows((index, time_ns, "") for index, time_ns in self.times[name])
            (self.folder / name / "timestamps.csv").write_text(text.getvalue(), encoding="utf-8")
            cameras[name] = {
                "color": lens_to_json(camera.color),
                "color_from_depth": pose_to_json(camera.color_from_depth),
                "world_from_color": pose_to_json(camera.world_from_camera),
            }
            if camera.depth is not None:
                cameras[name]["depth"] = lens_to_json(camera.depth)
        head = canonical_json({"depth_unit_m": 0.001, "cameras": cameras})
        (self.folder / "calibration.json").write_bytes(head)
        self.folder.replace(self.path)
