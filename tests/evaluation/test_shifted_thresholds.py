"""The graph derived again in memory: at the true thresholds it is the stored one, and the twin stays untouched."""

from pathlib import Path

import ortwin
import pytest
from ortwin.capture.files import hash_file
from ortwin.capture.storage import open_recording
from ortwin.datasets.small_room import SimulationConfig, simulate
from ortwin.evaluation.shifted_thresholds import relations_with_thresholds
from ortwin.twin import BuildConfig, build_twin

SEED = 11


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shifted")
    recording = simulate(
        folder / "or.recording", seed=SEED, config=SimulationConfig(seconds=2.0, num_cameras=2, scale=0.2)
    )
    return build_twin(open_recording(recording), folder / "or.twin", config=BuildConfig(segment_s=1.0)).twin


def hashes(folder: Path) -> dict[str, str]:
    return {str(path): hash_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.slow
def test_at_the_thresholds_as_they_are_the_graph_is_the_stored_one(twin):
    before = hashes(twin.path)
    found = relations_with_thresholds(twin, (0.5, 1.0, 6.0))
    assert hashes(twin.path) == before
    stored = {
        (row.subject_id, row.predicate, row.object_id, row.begin_ns, row.end_ns, str(row.state))
        for row in ortwin.open(twin.path).timeline.intervals
    }
    assert stored
    rows = {
        key: {(r.subject, r.predicate, r.object, r.begin_ns, r.end_ns, r.state) for r in value}
        for key, value in found.items()
    }
    assert rows[1.0] == stored
    # Six times as far is close for at least as long, half as far for at most as long.
    lengths = {
        key: sum(row[4] - row[3] for row in value if row[1] == "close_to" and row[5] == "true")
        for key, value in rows.items()
    }
    assert lengths[0.5] <= lengths[1.0] <= lengths[6.0]
    assert lengths[0.5] < lengths[6.0]
