"""An answer without rows says why: what is not in the recording, what never holds, and what never holds together."""

import pytest
from ortwin.scenegraph.label_timeline import label_specs
from ortwin.scenegraph.query_engine import QuerySession
from ortwin.scenegraph.query_reasons import why_nothing
from ortwin.scenegraph.query_sources import QuerySources
from ortwin.scenegraph.timeline import Interval, NodeSpan, SceneGraphTimeline

SECOND_NS = 1_000_000_000
NODES = tuple(NodeSpan(name, name, "track", (0.0, 0.0, 1.0), 0, 60 * SECOND_NS - 1) for name in ("saw", "patient"))
ROWS = (
    Interval("patient", "touching", "saw", 0, 10 * SECOND_NS),
    Interval("saw", "lying_on", "patient", 20 * SECOND_NS, 30 * SECOND_NS),
)


@pytest.fixture(scope="module")
def why():
    with QuerySession(QuerySources(*SceneGraphTimeline(NODES, ROWS).to_arrow(), specs=label_specs())) as session:

        def ask(text):
            assert not len(session.run(text))
            return why_nothing(session, text)

        yield ask


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("touching(patient, drill)", ["nothing here is called 'drill'"]),
        ("holding(?p, saw)", ["no 'holding' was found here, of anybody or anything"]),
        ("lying_on(patient, saw)", []),
        ("touching(patient, saw) and lying_on(patient, ?x)",
         ["lying_on(patient, ?x) never holds by itself, and is never unknown"]),
        ("touching(?p, saw) and lying_on(saw, ?p)",
         ["each part holds at some time, but never together as they are asked for"]),
        ("first touching(?p, saw) and not lying_on(patient, saw) and drilling(_, drill)",
         ["nothing here is called 'drill'", "no 'drilling' was found here, of anybody or anything"]),
        ("touching(?p, saw) between 2 min and 3 min",
         ["the recording ends after 60 s, before between 2 min and 3 min"]),
        ("touching(?p, saw) then lying_on(saw, ?p) within 5 s",
         ["each part holds at some time, but never together as they are asked for"]),
    ],
)  # fmt: skip
def test_reasons(why, text, reasons):
    assert why(text) == reasons
