"""Phase rules of the field, asked of a simulated procedure for which nobody wrote them."""

import os

import pytest
from ortwin.capture.errors import MissingExtraError
from ortwin.datasets.simulated_or.scenarios import ScenarioConfig, play
from ortwin.scenegraph.phases import SECOND_NS, load_rules, recognise_phases
from ortwin.scenegraph.timeline import Interval, NodeSpan, SceneGraphTimeline

SECONDS = 240.0
#: Labelled procedures last about so long.
USUAL_SECONDS = 660.0
#: A phase is taken to begin where somebody goes to do what tells it, which is so much earlier than the doing.
BORDER_S = 2.0
NOWHERE = (0.0, 0.0, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 11])
@pytest.mark.parametrize("name", ["knee_replacement", "knee_replacement_unnamed"])
def test_phases_of_a_simulated_knee_replacement_are_found_from_what_is_performed(seed, name):
    try:
        played = play("knee_replacement", ScenarioConfig(seconds=SECONDS, seed=seed))
    except MissingExtraError as error:
        if os.environ.get("ORTWIN_REQUIRE_TEST_DATA") == "1":
            pytest.fail(str(error))
        pytest.skip(f"no bodies: {error.what}")
    roles = {actor: played.actors[actor].role for actor in played.actors if hasattr(played.actors[actor], "role")}
    if name.endswith("unnamed"):
        roles = {actor: role if role == "patient" else "person" for actor, role in roles.items()}
    end_ns = round(SECONDS * SECOND_NS)
    rows = [
        Interval(act.subject, act.predicate, act.object, round(act.begin_s * SECOND_NS), round(act.end_s * SECOND_NS))
        for act in played.acts
    ]
    names = sorted({name for row in rows for name in (row.subject_id, row.object_id)})
    nodes = [NodeSpan(each, roles.get(each, each), "track", NOWHERE, 0, end_ns - 1) for each in names]
    found = recognise_phases(
        SceneGraphTimeline(tuple(nodes), tuple(rows)), load_rules(name), period_ns=SECOND_NS // 5,
        pace=USUAL_SECONDS / SECONDS,
    )  # fmt: skip
    assert [span.name for span in found.spans] == [phase.name for phase in played.phases]
    times_s = [k / 5 for k in range(round(SECONDS * 5))]
    true = [next(phase.name for phase in played.phases if phase.begin_s <= t < phase.end_s) for t in times_s]
    right = [found.at(round(t * SECOND_NS)) == phase for t, phase in zip(times_s, true, strict=True)]
    assert sum(right) / len(right) >= 1 - (len(found.spans) - 1) * BORDER_S / SECONDS
