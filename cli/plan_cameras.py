"""`ortwin plan-cameras`: what a proposed rig would see of a room, before anybody drills a hole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import Reporter

if TYPE_CHECKING:
    from ..capture.camera import CameraRig
    from ..datasets.simulated_or.camera_presets import CameraPreset
    from ..datasets.simulated_or.coverage_plan import CoveragePlan
    from ..datasets.simulated_or.performance import StandingRoom

ROOM_HELP = "A scenario (with --seed), a twin, a recording with truth, a room mesh (.ply) or a room.toml."


def plan_cameras(
    report: Reporter,
    room: Annotated[str, typer.Argument(metavar="ROOM", help=ROOM_HELP)],
    rig: Annotated[Path | None, typer.Option(metavar="RIG.JSON", help="Where the cameras would hang.")] = None,
    cameras: Annotated[int, typer.Option(min=1, max=12, help="How many, where no rig is given.")] = 4,
    preset: Annotated[
        str, typer.Option(help="Kinds of cameras, joined by commas; they take turns.")
    ] = "azure_kinect_nfov",
    seed: Annotated[int, typer.Option(min=0, help="Of the scenario's room, and of the places of the cameras.")] = 1,
    out: Annotated[Path | None, typer.Option(metavar="PLAN.PNG", help="Draw the floor plan here.")] = None,
    save_rig: Annotated[Path | None, typer.Option(metavar="RIG.JSON", help="Write where the cameras hang.")] = None,
) -> int | None:
    """Say how many cameras would see each part of the floor and of the space around the table, and how well."""
    from ..capture.rig_file import write_rig
    from ..datasets.simulated_or.coverage_drawing import draw_coverage
    from ..datasets.simulated_or.coverage_plan import plan_coverage

    standing = _room(room, seed)
    proposed, kinds = _rig(standing, rig, cameras, preset.split(","), seed)
    plan = plan_coverage(standing, proposed, kinds)
    if out is not None:
        draw_coverage(plan, out)
    if save_rig is not None:
        write_rig(save_rig, proposed)
    report.result({"room": room, "plan": out, "rig": save_rig or rig, **plan.to_json()}, show=False)
    _show(report, plan)
    if out is None:
        report.next("ortwin", "plan-cameras", room, "--out", "plan.png")
    return None


def _show(report: Reporter, plan: CoveragePlan) -> None:
    parts = (("floor", plan.floor), ("around the table", plan.volume))
    rows = [
        [name, *(f"{share:.0%}" for share in part.shares().values()), _millimetres(part.to_json()["mean_sigma_m"])]
        for name, part in parts
    ]
    report.table(["seen by", "nobody", "1", "2", "3 or more", "depth noise, mm"], rows)
    for number, spot in enumerate(plan.blind_spots, start=1):
        kind = "working volume" if spot.of_volume else "floor"
        x_m, y_m = spot.center_m
        report.answer(f"blind spot {number}: {spot.where}, {spot.area_m2:.1f} m2 at ({x_m:.1f}, {y_m:.1f}), {kind}")


def _millimetres(sigma_m: float | None) -> str:
    return "-" if sigma_m is None else f"{1000 * sigma_m:.1f}"


def _rig(
    room: StandingRoom, path: Path | None, number: int, preset: list[str], seed: int
) -> tuple[CameraRig, dict[str, CameraPreset]]:
    """The proposed cameras and the kind of each; the same as `ortwin simulate` would hang."""
    import numpy as np

    from ..datasets.simulated_or.cameras import cameras_from_json, hang_cameras, presets_of

    if path is not None:
        rig = cameras_from_json(path, preset[0])
    else:
        rig = hang_cameras(room, number, np.random.default_rng([seed, 201]), preset)
    return rig, dict(zip(rig.cameras, presets_of(preset, len(rig.cameras)), strict=True))


def _room(source: str, seed: int) -> StandingRoom:
    """The room that is meant.

    Raises:
        ConfigError: it is none of those that can be meant.
        InputError: its files are damaged.
    """
    import numpy as np

    from ..capture.errors import ConfigError, nearest_name
    from ..datasets.simulated_or.room import furnish
    from ..datasets.simulated_or.scenarios import SCENARIOS

    if source in SCENARIOS:
        pictures: list[np.ndarray] = []

        def book(picture: np.ndarray) -> int:
            pictures.append(picture)
            return len(pictures) - 1

        return furnish(SCENARIOS[source].room, np.random.default_rng([seed, 10]), book)
    if not Path(source).exists():
        raise ConfigError(
            f"there is no room '{source}'{nearest_name(source, SCENARIOS)}",
            todo=f"give {', '.join(SCENARIOS)}, a .twin, a recording with truth, a .ply or a room.toml",
        )
    return _room_of_files(Path(source))


def _room_of_files(path: Path) -> StandingRoom:
    """The room of a twin, of a truth folder, of a mesh, or of a room.toml; mesh and room.toml go together by name."""
    import numpy as np

    from ..capture.errors import ConfigError
    from ..datasets.simulated_or.coverage_plan import bare_room
    from ..reconstruction.ply import read_ply
    from ..reconstruction.room_plan import apply_room_plan, read_room_plan
    from ..twin import open as open_twin

    if (path / "twin.json").exists():
        scene = open_twin(path).room
        return bare_room(scene.vertices_m, scene.faces, scene.fixtures, scene.zones)
    folder = path if path.is_dir() else path.parent
    folder = folder / "truth" if (folder / "truth").is_dir() else folder
    mesh_path = path if path.suffix == ".ply" else folder / "room.ply"
    plan_path = path if path.suffix == ".toml" else folder / "room.toml"
    if not mesh_path.exists() and not plan_path.exists():
        raise ConfigError(f"{path} holds no room", todo="it needs a room.ply or a room.toml")
    vertices_m, faces = np.zeros((0, 3)), np.zeros((0, 3), np.int64)
    if mesh_path.exists():
        mesh = read_ply(mesh_path)
        vertices_m, faces = mesh.vertices_m, mesh.faces
    fixtures, zones = apply_room_plan(read_room_plan(plan_path), (), ()) if plan_path.exists() else ((), ())
    return bare_room(vertices_m, faces, fixtures, zones)


verb = plan_cameras
