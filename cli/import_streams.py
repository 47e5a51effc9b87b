"""ortwin import tum, video, mcap and rosbag: recordings in the files of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .app import ExitCode
from .console import Reporter
from .import_common import DepthOption, DryRunOption, FromOption, ToOption, options_of, tell

if TYPE_CHECKING:
    from ..capture.import_ros import RosOptions

RecordingArgument = Annotated[Path, typer.Argument(metavar="RECORDING", help="What to write, e.g. case.recording.")]
UnitOption = Annotated[
    float | None, typer.Option("--depth-unit", metavar="METRES", help="Metres of one step of the depth images.")
]
WithoutPosesOption = Annotated[
    bool, typer.Option("--without-poses", help="Ignore where the files say that the cameras stand.")
]
LensesOption = Annotated[
    Path | None,
    typer.Option("--rig", metavar="FILE", help="Lenses, and poses if it has them: rig.json or another program's."),
]


def tum(
    report: Reporter,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder with rgb.txt and depth.txt.")],
    recording: RecordingArgument,
    lens: Annotated[
        str | None, typer.Option("--lens", metavar="FX,FY,CX,CY[,K...]", help="The lens, pixels; then distortion.")
    ] = None,
    depth_unit: UnitOption = None,
    name: Annotated[str, typer.Option("--name", metavar="CAMERA", help="What to call the camera.")] = "cam_1",
    without_poses: WithoutPosesOption = False,
    begin: FromOption = None,
    end: ToOption = None,
    depth: DepthOption = "keep",
    dry_run: DryRunOption = False,
) -> ExitCode:
    """Import a TUM RGB-D folder: rgb.txt, depth.txt, groundtruth.txt and the images that they name."""
    from ..capture.errors import ConfigError
    from ..capture.import_tum import TUM_UNIT_M, import_tum

    options = options_of(begin, end, depth, dry_run)
    try:
        numbers = None if lens is None else [float(part) for part in lens.split(",")]
    except ValueError as error:
        raise ConfigError(f"--lens: '{lens}' is no list of numbers", todo="give FX,FY,CX,CY") from error
    with report.progress(None, "importing frames") as bar:
        imported = import_tum(
            folder, recording, lens=numbers, depth_unit_m=TUM_UNIT_M if depth_unit is None else depth_unit, name=name,
            ignore_poses=without_poses, options=options, progress=bar,
        )  # fmt: skip
    return tell(report, imported)


def video(
    report: Reporter,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="One video for each camera, named like it.")],
    recording: RecordingArgument,
    rig: LensesOption = None,
    timestamps: Annotated[
        Path | None, typer.Option("--timestamps", metavar="CSV", help="cam_id,frame_time in seconds.")
    ] = None,
    lossless: Annotated[
        bool, typer.Option("--lossless", help="Store decoded images as PNG: exact, and much larger.")
    ] = False,
    begin: FromOption = None,
    end: ToOption = None,
    dry_run: DryRunOption = False,
) -> ExitCode:
    """Import plain videos, colour alone: one for each camera, with --rig for their lenses."""
    from ..capture.calibration.camera_files import read_cameras
    from ..capture.import_video import import_video

    options = options_of(begin, end, "keep", dry_run)
    known = None if rig is None else read_cameras(rig)
    with report.progress(None, "importing frames") as bar:
        imported = import_video(
            files, recording, lenses=known.lenses if known else {},
            world_from_camera=known.world_from_camera if known else None, timestamps=timestamps, lossless=lossless,
            options=options, progress=bar,
        )  # fmt: skip
    return tell(report, imported)


TopicOption = Annotated[
    list[str] | None,
    typer.Option("--topic", metavar="CAMERA.STREAM=TOPIC", help="E.g. cam_1.depth=/a/image; may be repeated."),
]
WorldOption = Annotated[str, typer.Option("--world", metavar="FRAME", help="The frame that is the world.")]
JpegOption = Annotated[bool, typer.Option("--jpeg", help="Store raw colour as JPEG instead of PNG.")]


def mcap(
    report: Reporter,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An mcap file.")],
    recording: RecordingArgument,
    topic: TopicOption = None,
    depth_unit: UnitOption = None,
    rig: LensesOption = None,
    world: WorldOption = "",
    without_poses: WithoutPosesOption = False,
    jpeg: JpegOption = False,
    begin: FromOption = None,
    end: ToOption = None,
    depth: DepthOption = "keep",
    dry_run: DryRunOption = False,
) -> ExitCode:
    """Import an mcap file: images, CameraInfo and static transforms of ROS 1, ROS 2 or Foxglove (JSON)."""
    from ..capture.import_mcap import import_mcap

    options = options_of(begin, end, depth, dry_run)
    ros = _ros_options(topic, depth_unit, rig, world, without_poses, jpeg)
    with report.progress(None, "importing frames") as bar:
        imported = import_mcap(file, recording, ros=ros, options=options, progress=bar)
    return tell(report, imported)


def rosbag(
    report: Reporter,
    bag: Annotated[Path, typer.Argument(metavar="BAG", help="A .bag file, or the folder of a ROS 2 bag.")],
    recording: RecordingArgument,
    topic: TopicOption = None,
    depth_unit: UnitOption = None,
    rig: LensesOption = None,
    world: WorldOption = "",
    without_poses: WithoutPosesOption = False,
    jpeg: JpegOption = False,
    begin: FromOption = None,
    end: ToOption = None,
    depth: DepthOption = "keep",
    dry_run: DryRunOption = False,
) -> ExitCode:
    """Import a rosbag of ROS 1 or ROS 2: images, CameraInfo and static transforms."""
    from ..capture.import_rosbag import import_rosbag

    options = options_of(begin, end, depth, dry_run)
    ros = _ros_options(topic, depth_unit, rig, world, without_poses, jpeg)
    with report.progress(None, "importing frames") as bar:
        imported = import_rosbag(bag, recording, ros=ros, options=options, progress=bar)
    return tell(report, imported)


def _ros_options(
    topic: list[str] | None, depth_unit: float | None, rig: Path | None, world: str, without_poses: bool, jpeg: bool
) -> RosOptions:
    from ..capture.calibration.camera_files import read_cameras
    from ..capture.import_ros import MILLIMETRE_M, RosOptions
    from ..capture.import_ros_cameras import KnownCameras
    from ..capture.rig_file import read_rig

    known = KnownCameras()
    if rig is not None:
        cameras = read_cameras(rig)
        whole = read_rig(rig).cameras if cameras.depth and rig.suffix == ".json" else {}
        whole = {name: camera for name, camera in whole.items() if camera.depth is not None}
        known = KnownCameras(cameras.lenses, cameras.world_from_camera, whole)
    unit_m = MILLIMETRE_M if depth_unit is None else depth_unit
    return RosOptions(tuple(topic or ()), unit_m, known, world, without_poses, jpeg)
