"""How the viewer is arranged: the room, the cameras, the lanes of relations, the graph and the event log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..facade import Twin
from ..scenegraph.streams import PURE_NUMBER
from .dollhouse import corner_viewpoint
from .story import COLUMN_PX, ROW_PX, column_layout

if TYPE_CHECKING:
    import rerun.blueprint
    import rerun.experimental

ROOM_VIEW = "Room"
MAX_CAMERA_VIEWS = 6
BACKGROUND = (24, 27, 32)


def layout(twin: Twin) -> rerun.blueprint.Blueprint:
    """The arrangement that opens with a twin."""
    import rerun as rr
    import rerun.blueprint as rrb

    eye = corner_viewpoint(twin.room, twin.rig)
    room = rrb.Spatial3DView(
        origin="world", name=ROOM_VIEW, background=list(BACKGROUND), line_grid=False,
        overrides={"world/room/ceiling": rrb.EntityBehavior(visible=False)},
        eye_controls=rrb.EyeControls3D(
            kind=rrb.Eye3DKind.Orbital, position=eye.eye_m, look_target=eye.target_m, eye_up=(0.0, 0.0, 1.0)
        ),
    )  # fmt: skip
    cameras = [
        rrb.Spatial2DView(origin=origin, name=camera_id, contents=["$origin/**", "world/tracks/**"])
        for camera_id in list(twin.rig.cameras)[:MAX_CAMERA_VIEWS]
        for origin in [f"world/cameras/{rr.escape_entity_path_part(camera_id)}"]
    ]
    lanes = rrb.StateTimelineView(origin="relations", name="Relations")
    half_px = max((abs(y_px) for _, y_px in column_layout(twin.timeline.nodes).values()), default=0.0) + 1.5 * ROW_PX
    bounds = rrb.VisualBounds2D(x_range=[-1.9 * COLUMN_PX, 1.9 * COLUMN_PX], y_range=[-half_px, half_px])
    graph = rrb.GraphView(origin="graph", name="Scene graph", visual_bounds=bounds)
    columns = rrb.TextLogColumns(timeline_columns=["time"], text_log_columns=["body"])
    names = sorted(set(zip(twin.streams["unit"].to_pylist(), twin.streams["name"].to_pylist(), strict=True)), key=str)
    words = [f"/streams/{name}" for unit, name in names if not unit]
    log = rrb.TextLogView(origin="/events", contents=["/events", *words], name="Events", columns=columns)
    curves = [
        rrb.TimeSeriesView(
            origin="/streams", contents=[f"/streams/{name}" for own, name in names if own == unit],
            name="Streams" if unit == PURE_NUMBER else f"Streams, {unit}",
        )
        for unit in dict.fromkeys(unit for unit, _ in names if unit)
    ]  # fmt: skip
    left = rrb.Vertical(room, lanes, *curves, row_shares=[11, 5, *(3 for _ in curves)])
    right = rrb.Vertical(
        rrb.Grid(*cameras, grid_columns=2 if len(cameras) > 1 else 1), graph, log, row_shares=[1.5, 1.3, 1]
    )
    return rrb.Blueprint(
        rrb.Horizontal(left, right, column_shares=[8, 5]),
        rrb.TimePanel(state="collapsed", timeline="time", play_state="paused"),
        rrb.BlueprintPanel(state="hidden"),
        rrb.SelectionPanel(state="hidden"),
        rrb.TopPanel(state="hidden"),
        auto_layout=False,
        auto_views=False,
    )


def connect(port: int) -> rerun.experimental.ViewerClient:
    """Speak to a viewer on this machine.

    Raises:
        Exception: nobody answers yet.
    """
    from rerun.experimental import ViewerClient

    return ViewerClient.connect(f"rerun+http://127.0.0.1:{port}/proxy")


def maximize(client: rerun.experimental.ViewerClient, name: str) -> str | None:
    """Let one view of the shown recording fill the window; its id, or None where there is no such view."""
    view_ids = [view.view_id for view in client.get_state().views if view.name == name]
    if not view_ids:
        return None
    shown = client.get_blueprint(of="recording").blueprint
    shown["/viewport"]["ViewportBlueprint"]["maximized"] = view_ids[0]
    client.set_blueprint(shown, of="recording")
    return view_ids[0]
