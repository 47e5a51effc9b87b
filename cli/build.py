"""`ortwin build`: from a recording to its twin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .app import ExitCode
from .console import Reporter
from .stage_costs import StageCosts
from .stages import Stages

MAX_FILES_NAMED = 8


def build(
    report: Reporter,
    recording: Annotated[Path, typer.Argument(help="The .recording folder.")],
    out: Annotated[Path, typer.Argument(help="The .twin folder to make, or to go on with.")],
    rig: Annotated[Path | None, typer.Option(help="Use this rig.json instead of the recording's.")] = None,
    room: Annotated[Path | None, typer.Option(help="A room.toml that names furniture and zones.")] = None,
    keypoints: Annotated[
        Path | None, typer.Option(metavar="KEYPOINTS.JSONL", help="2D keypoints of people; bodies come from them.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Settings, TOML; see `ortwin config show`.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="One setting, stage.key=value; may repeat.")] = None,
    fresh: Annotated[bool, typer.Option(help="Throw away what is there and begin anew.")] = False,
) -> int | None:
    """Build the twin: the room, what moves in it, and the scene graph. An interrupted build goes on."""
    from ..capture.config import load_config
    from ..capture.rig_file import read_rig
    from ..capture.storage import open_recording
    from ..reconstruction.keypoint_io import read_keypoints
    from ..reconstruction.room_plan import parse_room_plan, read_room_plan, unplaced_names
    from ..twin import BuildConfig, build_twin

    source = open_recording(recording)
    settings = load_config(BuildConfig, config, set_ or ())
    placed = read_rig(rig, source.cameras) if rig else None
    plan = read_room_plan(room) if room else None
    seen = read_keypoints(keypoints, placed or source.rig).sightings if keypoints else None
    with Stages(report) as stages:
        costs = StageCosts(stages)
        try:
            built = build_twin(
                source, out, rig=placed, room_plan=plan, keypoints=seen, config=settings, fresh=fresh, progress=costs
            )
        finally:
            if (out / "twin.json").exists():
                costs.write(out, sum(len(source.timestamps_ns(name)) for name in source.cameras))
    twin = built.twin
    unplaced = [name for name in source.cameras if name not in twin.rig.cameras]
    people = sorted(set(twin.tracks["track_id"].to_pylist()))
    fixtures = [
        {"fixture": fixture.fixture_id, "label": fixture.label, "guessed": fixture.guessed}
        for fixture in twin.room.fixtures
    ]
    report.result(
        {
            "twin": str(out),
            "instants": len(twin.times_ns),
            "seconds": round(float(twin.times_ns[-1] - twin.times_ns[0]) * 1e-9, 3),
            "room_vertices": len(twin.room.vertices_m),
            "tracks": people,
            "fixtures": fixtures,
            "relations": len(twin.timeline.intervals),
            "gaps": [
                {"camera_id": gap.camera_id, "frame": gap.index, "time_ns": gap.time_ns, "what": gap.what,
                 "file": gap.file}
                for gap in built.gaps
            ],
            "left_out_at_import": len(source.damaged),
            "unplaced": unplaced,
        }
    )  # fmt: skip
    report.next("ortwin", "query", out, "close_to(person, ?x)")
    report.next("ortwin", "play", out)
    for lost in source.unreadable:
        report.warn(f"{lost.file}: {lost.what}; the twin was built without this stretch of the recording")
    frames = [gap for gap in built.gaps if gap.camera_id]
    if frames:
        files = ", ".join(sorted({f"{gap.file} ({gap.camera_id})" for gap in frames})[:MAX_FILES_NAMED])
        report.warn(f"{len(frames)} frames could not be read; the twin was built without them: {files}")
    if source.damaged:
        report.warn(f"{len(source.damaged)} frames or files were left out when the recording was imported")
    names = twin.archive.room_plan
    nowhere = unplaced_names(parse_room_plan(names.decode()), twin.archive.read_static().fixtures) if names else ()
    if nowhere:
        report.warn(
            f"no furniture was found where the room plan has {', '.join(nowhere)}; give boxes instead of points"
        )
    if unplaced:
        report.warn(f"nobody knows where {', '.join(unplaced)} stands; the twin was built without")
    return ExitCode.GAPS if built.gaps or source.damaged or unplaced else None


verb = build
