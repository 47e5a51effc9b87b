"""Pictures on paper: they are drawn, they show what they should, and they need no screen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread
from ortwin.playback.demo_pictures import telling_moments
from ortwin.playback.dollhouse import corner_viewpoint, room_bounds_m, room_parts
from ortwin.playback.floor_plan import draw_floor_plan, draw_gantt, room_from_above
from ortwin.playback.palette import rows_in_order
from ortwin.scenegraph.graph import TruthState
from ortwin.scenegraph.timeline import SceneGraphTimeline

SECOND = 1_000_000_000


def test_the_plan_is_drawn(toy_twin, tmp_path):
    with_people, without = tmp_path / "a.png", tmp_path / "b.png"
    draw_floor_plan(toy_twin, with_people, int(toy_twin.times_ns[40]), dpi=60)
    draw_floor_plan(toy_twin, without, None, dpi=60)
    image = imread(with_people)
    assert image.shape[1] == 600 and image[..., :3].std() > 0.05
    draw_floor_plan(toy_twin, tmp_path / "c.svg", None)
    text = (tmp_path / "c.svg").read_text()
    assert text.startswith("<?xml")


def test_the_room_from_above_shows_the_table_over_the_floor(toy_twin):
    low_m, high_m = np.array([0.0, 0.0]), np.array([5.0, 4.0])
    image = room_from_above(toy_twin.room, low_m, high_m)
    cell_m = 5.0 / image.shape[1]

    def at(x_m, y_m):
        row, column = int(y_m / cell_m), int(x_m / cell_m)
        window = image[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2].reshape(-1, 4)
        return window[window[:, 3] > 0].mean(axis=0)

    table, floor = at(2.5, 2.05), at(0.6, 3.2)
    assert table[2] - table[0] > 0.1 > abs(floor[2] - floor[0])


def test_the_ceiling_is_apart(toy_twin):
    parts = room_parts(toy_twin.room)
    assert parts["ceiling"].vertices_m[:, 2].min() > 2.7
    assert sum(len(part.faces) for part in parts.values()) == len(toy_twin.room.faces)
    ceiling = parts["ceiling"]
    assert ceiling.faces.max() == len(ceiling.vertices_m) - 1


def test_the_eye_looks_in_from_the_side_of_the_cameras(toy_twin):
    view = corner_viewpoint(toy_twin.room, toy_twin.rig)
    low_m, high_m = room_bounds_m(toy_twin.room, toy_twin.rig)
    middle = (low_m + high_m) / 2
    places = np.array([camera.world_from_camera.translation_m for camera in toy_twin.rig.cameras.values()])
    assert np.dot((view.eye_m - middle)[:2], (places.mean(axis=0) - middle)[:2]) > 0
    assert view.eye_m[2] > high_m[2]
    assert (view.target_m > low_m).all() and (view.target_m < high_m).all()


def test_every_relation_has_a_bar(toy_twin):
    figure = Figure()
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    draw_gantt(axes, toy_twin, int(toy_twin.times_ns[10]))
    intervals = toy_twin.timeline.intervals
    assert len(axes.patches) == len(intervals)
    widths = sorted(bar.get_width() for bar in axes.patches)
    np.testing.assert_allclose(widths, sorted((row.end_ns - row.begin_ns) / SECOND for row in intervals))
    assert len(axes.get_yticklabels()) == len(rows_in_order(intervals))
    assert sum(bar.get_hatch() is not None for bar in axes.patches) == 1


def test_telling_moments_show_relations_and_lie_apart(toy_twin):
    first, second = telling_moments(toy_twin, 2)
    held = [len([r for r in toy_twin.at(int(t)).relations if r.predicate == "close_to"]) for t in toy_twin.times_ns]
    assert held[int(np.searchsorted(toy_twin.times_ns, first))] == max(held)
    assert abs(first - second) >= (toy_twin.times_ns[-1] - toy_twin.times_ns[0]) / 6


def test_what_is_unknown_makes_no_telling_moment(toy_twin, monkeypatch):
    """The picture of a moment of which nothing is known shows nothing."""
    timeline, begin_ns = toy_twin.timeline, int(toy_twin.times_ns[0])
    held = next(row for row in timeline.intervals if row.predicate == "close_to" and row.begin_ns > begin_ns + SECOND)
    unknown = tuple(
        replace(held, predicate=name, begin_ns=begin_ns, end_ns=begin_ns + SECOND, state=TruthState.UNKNOWN)
        for name in ("facing", "approaching", "operating", "preparing", "touching", "assisting")
    )
    timeline = SceneGraphTimeline(timeline.nodes, (held, *unknown))
    monkeypatch.setattr(type(toy_twin), "timeline", property(lambda _: timeline))
    assert held.begin_ns <= telling_moments(toy_twin, 1)[0] < held.end_ns


def test_a_twin_in_which_nothing_happens_is_drawn_too(still_twin, tmp_path):
    draw_floor_plan(still_twin, tmp_path / "still.png", int(still_twin.times_ns[0]), dpi=60)
    assert imread(tmp_path / "still.png").shape[1] == 600
    assert len(telling_moments(still_twin, 2)) == 2
