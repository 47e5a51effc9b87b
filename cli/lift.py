"""ortwin lift: people in space from other people's 2D keypoints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..capture.errors import ConfigError
from .app import ExitCode
from .console import Reporter


def lift(
    report: Reporter,
    keypoints: Annotated[
        Path,
        typer.Argument(metavar="KEYPOINTS", help="2D keypoints: COCO-17, one instant a line; or a folder per camera."),
    ],
    rig: Annotated[Path, typer.Option("--rig", metavar="RIG.JSON", help="Where the cameras stand; z is up.")],
    out: Annotated[Path, typer.Option("--out", metavar="PEOPLE.JSONL", help="Where the people go.")],
    fps: Annotated[
        float | None, typer.Option("--fps", help="Frames per second of a folder, whose files do not say when.")
    ] = None,
    turn_cameras: Annotated[
        Path | None,
        typer.Option(
            "--turn-cameras", metavar="RIG_OUT.JSON", help="Find how cameras are turned by whom they see; keep it here."
        ),
    ] = None,
) -> ExitCode:
    """Lift 2D keypoints of several cameras to people in space, with identities and how sure each joint is.

    A folder holds one entry per camera: a folder of OpenPose's files (BODY_25, COCO), or a .json of COCO or AlphaPose
    (COCO-17, Halpe-26). The files are described in docs/lift.md. A person whom only one camera sees is placed by his
    size and the floor, and his joints say how unsure that is. Instants may lie far apart; then nobody is followed.

    With --turn-cameras, where the rays of a camera pass everybody on one side, its direction is corrected, the people
    are lifted again, and the rig that was used is written.
    """
    from ..capture.files import require_writable
    from ..capture.rig_file import read_rig, write_rig
    from ..reconstruction.keypoint_formats import read_camera_folder
    from ..reconstruction.keypoint_io import read_keypoints, write_people
    from ..reconstruction.lift import lift as lift_people
    from ..reconstruction.turned_cameras import turn_cameras as turned

    cameras = read_rig(rig)
    for place in (out, turn_cameras):
        if place is not None:
            require_writable(place)
    is_folder = keypoints.is_dir()
    if fps is not None and not is_folder:
        raise ConfigError("the lines of a file say when they are", todo="leave --fps out, or give a folder per camera")
    read = read_camera_folder(keypoints, cameras, fps) if is_folder else read_keypoints(keypoints, cameras)
    with report.progress(len(read.sightings), "lifting") as bar:
        instants = lift_people(read.sightings, cameras, progress=lambda done, total: bar(done, total))
    turns_deg: dict[str, float] = {}
    if turn_cameras is not None:
        cameras, turns_deg = turned(read.sightings, instants, cameras)
        with report.progress(len(read.sightings), "lifting again") as bar:
            instants = lift_people(read.sightings, cameras, progress=lambda done, total: bar(done, total))
        write_rig(turn_cameras, cameras)
    write_people(out, instants)
    if read.num_broken:
        report.warn(
            f"{read.num_broken} keypoints have no finite numbers or lie far outside the image; they count as not seen"
        )
    people = [person for instant in instants for person in instant.people]
    report.result(
        {
            "people": str(out), "num_instants": len(instants), "num_person_instants": len(people),
            "num_tracks": len({person.track_id for person in people}),
            "num_seen_by_one_camera": sum(len(person.views) == 1 for person in people),
            "num_filled_in": sum(not person.views for person in people), "num_broken_keypoints": read.num_broken,
            **({"turned_by_deg": {name: round(turn, 3) for name, turn in turns_deg.items()}} if turn_cameras else {}),
        }
    )  # fmt: skip
    return ExitCode.OK


verb = lift
