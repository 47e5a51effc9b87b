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
from ...capture.errors import ConfigError, InputError
from ...capture.files import canonical_json
from ...capture.packets import encode_depth
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

    @staticmethod
    def depth_packet(depth_raw: np.ndarray) -> bytes:
        """(h, w) uint16 raw counts as this sink stores them."""
        ...

    def append_packets(
        self,
        camera_id: str,
        index: int,
        device_ns: int,
        host_ns: int | None,
        depth_packet: bytes | None,
        color_packet: bytes | None,
    ) -> None:
        """Add one frame whose images are packets already (JPEG for colour), damaged ones as they are."""
        ...  # fmt: skip


class RecordingSink(RecordingWriter):
    """A recording whose truth folder grows inside it, so that both are committed together."""

    @property
    def truth_folder(self) -> Path:
        """Where the truth goes while the recording is written."""
        return self.folder / "truth"

    @staticmethod
    def depth_packet(depth_raw: np.ndarray) -> bytes:
        """(h, w) uint16 raw counts as a recording stores them."""
        return encode_depth(depth_raw)


def recording_sink(path: Path, rig: CameraRig, fps: float, source: Mapping[str, Any]) -> RecordingSink:
    """A sink that leaves a `.recording`."""
    return RecordingSink(path, list(rig.cameras.values()), fps=fps, source=source, rig=rig)


class FolderSink:
    """A plain folder: calibration.json, and depth, colour and times of each camera.

    Raises:
        InputError: the path is taken.
        ConfigError: the cameras count depth in different units, which this layout cannot say.
    """

    def __init__(self, path: Path, rig: CameraRig, fps: float, source: Mapping[str, Any]) -> None:
        if path.exists():
            raise InputError("the folder exists already", where=str(path), todo="remove it, or give another name")
        units = {camera.depth_unit_m for camera in rig.cameras.values()}
        if len(units) != 1:
            raise ConfigError(
                f"a plain folder has one unit of depth for all cameras, and these count in {sorted(units)} m",
                todo="write a recording, or take cameras of one kind",
            )
        self.path, self.folder, self.rig = path, path.with_name(f".{path.name}.tmp"), rig
        (self.depth_unit_m,) = units
        self.times: dict[str, list[tuple[int, int, int | None]]] = {name: [] for name in rig.cameras}

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
        depth = None if depth_raw is None else self.depth_packet(depth_raw)
        self._put(camera_id, index, device_ns, host_ns, depth, color_packet, "jpg" if color_codec == "jpeg" else "png")

    @staticmethod
    def depth_packet(depth_raw: np.ndarray) -> bytes:
        """(h, w) uint16 raw counts as a PNG file."""
        import cv2

        return cv2.imencode(".png", depth_raw)[1].tobytes()

    def append_packets(
        self, camera_id: str, index: int, device_ns: int, host_ns: int | None,
        depth_packet: bytes | None, color_packet: bytes | None,
    ) -> None:  # fmt: skip
        """Add one frame whose images are files already."""
        self._put(camera_id, index, device_ns, host_ns, depth_packet, color_packet, "jpg")

    def _put(
        self, camera_id: str, index: int, device_ns: int, host_ns: int | None,
        depth: bytes | None, color: bytes | None, color_ending: str,
    ) -> None:  # fmt: skip
        folder = self.folder / camera_id
        if depth is not None:
            (folder / "depth" / f"{index:06d}.png").write_bytes(depth)
        if color is not None:
            (folder / "color" / f"{index:06d}.{color_ending}").write_bytes(color)
        self.times[camera_id].append((index, device_ns, host_ns))

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
            writer.writerows(
                (i, device_ns, "" if host_ns is None else host_ns) for i, device_ns, host_ns in self.times[name]
            )
            (self.folder / name / "timestamps.csv").write_text(text.getvalue(), encoding="utf-8")
            cameras[name] = {
                "color": lens_to_json(camera.color),
                "color_from_depth": pose_to_json(camera.color_from_depth),
                "world_from_color": pose_to_json(camera.world_from_camera),
            }
            if camera.depth is not None:
                cameras[name]["depth"] = lens_to_json(camera.depth)
        head = canonical_json({"depth_unit_m": self.depth_unit_m, "cameras": cameras})
        (self.folder / "calibration.json").write_bytes(head)
        self.folder.replace(self.path)
