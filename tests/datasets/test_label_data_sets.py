"""4D-OR and MM-OR: their label files, and small fixtures with each of their traps."""

import json
from collections import Counter

import pytest
from ortwin.capture.errors import InputError
from ortwin.datasets import four_d_or, mm_or
from ortwin.datasets.base import DatasetSequence, LabelledPhase
from ortwin.evaluation.graph_scores import score_graphs
from ortwin.scenegraph.label_io import labels_document
from ortwin.scenegraph.label_timeline import label_specs, label_timeline
from ortwin.scenegraph.query_engine import run_query
from ortwin.scenegraph.query_sources import QuerySources

# Counts that are published of the validation split, takes 4 and 8.
PUBLISHED = {
    "CloseTo": 17118, "LyingOn": 1161, "Holding": 901, "Touching": 577, "Preparing": 379, "Assisting": 212,
    "Operating": 104, "Cleaning": 99, "Hammering": 54, "Cutting": 46, "Sawing": 40, "Drilling": 25, "Cementing": 20,
    "Suturing": 20,
}  # fmt: skip


@pytest.fixture(scope="module")
def takes(test_data):
    return four_d_or.open_sequences(test_data / "or4d_graphs")


def test_the_validation_takes_have_the_published_counts(takes):
    assert [(take.sequence_id, len(take.labels.instants)) for take in takes] == [("4", 682), ("8", 650)]
    counts = Counter(row.predicate for take in takes for instant in take.labels.instants for row in instant.relations)
    assert counts == PUBLISHED


def test_the_validation_takes_obey_the_closure_of_the_data_set(takes):
    """Closeness is told both ways, and of every other relation the way back."""
    for take in takes:
        for instant in take.labels.instants:
            label = {(row.subject, row.object): row.predicate for row in instant.relations}
            assert len(label) == len(instant.relations), "one predicate for each ordered pair"
            assert all("CloseTo" in (name, label[b, a]) and (b, a) in label for (a, b), name in label.items())


def test_phases_are_those_of_the_files(takes, test_data):
    assert takes[0].phases[1] == LabelledPhase("roll_in", 46, 134)
    for take in takes:
        assert len(take.phases) == 8
        assert take.phases[-1].last_frame == len(take.labels.instants) - 1
    for take in (1, 3, 5, 7, 9, 10):
        assert len(four_d_or.read_phases(test_data / "or4d_graphs", take)) == 8


def test_sequences_keep_the_protocol_and_say_what_they_assume(takes):
    assert all(isinstance(take, DatasetSequence) for take in takes)
    assert all("one second" in take.assumptions[0] for take in takes)


def test_takes_together_are_the_file_again(takes, test_data):
    scans = [row for take in takes for row in labels_document(take.labels)["scans"]]
    text = (test_data / "or4d_graphs" / "relationships_validation.json").read_text()
    assert json.dumps({"scans": scans}, indent=2) == text


def test_mm_or_loads_with_its_own_order(test_data):
    (take,) = mm_or.open_sequences(test_data / "mmor_graphs")
    assert (take.sequence_id, len(take.labels.instants)) == ("002_PKA_MMOR", 867)
    counts = Counter(row.predicate for instant in take.labels.instants for row in instant.relations)
    assert (counts["closeTo"], counts["sawing"], counts["scanning"], len(counts)) == (4377, 76, 2, 16)


def test_mm_or_scores_itself_one(test_data):
    (take,) = mm_or.open_sequences(test_data / "mmor_graphs")
    scores = score_graphs(take.labels, take.labels, "mm-or")
    assert scores.macro.f1 == scores.weighted.f1 == scores.interaction.f1 == scores.entity_recall == 1.0


def test_mm_or_answers_queries(test_data):
    """The query's intervals against the seconds at which the file says so."""
    (take,) = mm_or.open_sequences(test_data / "mmor_graphs")
    tables = label_timeline(take.labels).to_arrow()
    rows = run_query("sawing(?who, patient)", QuerySources(*tables, specs=label_specs())).rows()
    told = [
        (row.subject, int(instant.frame)) for instant in take.labels.instants for row in instant.relations
        if row.predicate == "sawing"
    ]  # fmt: skip
    found = [
        (row["who"], second) for row in rows if row["state"] == "true"
        for second in range(row["begin_ns"] // take.frame_ns, row["end_ns"] // take.frame_ns)
    ]  # fmt: skip
    assert sorted(found) == sorted(told) and len(told) == 76


def scan(frame, humans, relations, take=1):
    names = ["Patient", *humans, "instrument"]
    return {
        "take_idx": take, "scan": f"{frame:06d}",
        "objects": {str(place): name for place, name in enumerate(names, 1)},
        "relationships": relations, "human_idx_to_name": humans,
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """Two takes; in take 1 the people change numbers from one scan to the next."""
    first = scan(0, {"human_0": "head-surgeon", "human_1": "assistant-surgeon"}, [[2, 4, 7, "Holding"]])
    second = scan(1, {"human_0": "assistant-surgeon", "human_1": "head-surgeon"}, [[3, 4, 7, "Holding"]])
    rows = {"scans": [first, second, scan(0, {}, [], take=3)]}
    (tmp_path / "relationships_train.json").write_text(json.dumps(rows))
    (tmp_path / "phases").mkdir()
    (tmp_path / "phases" / "phase_to_frames_1.json").write_text('{"sterile": [0, 0], "roll_in": [1, 1]}')
    return tmp_path


def test_a_person_whose_number_changes_is_one_person(folder):
    one, three = four_d_or.open_sequences(folder)
    assert (one.sequence_id, three.sequence_id) == ("1", "3")
    (held,) = [row for row in label_timeline(one.labels).intervals if row.predicate == "holding"]
    assert (held.subject_id, held.end_ns - held.begin_ns) == ("head_surgeon", 2 * one.frame_ns)
    assert [phase.name for phase in one.phases] == ["sterile", "roll_in"]
    assert three.phases == ()


def test_takes_are_chosen_and_absent_ones_refused(folder):
    assert [take.sequence_id for take in four_d_or.open_sequences(folder, [3])] == ["3"]
    with pytest.raises(InputError, match="take 2 is not among"):
        four_d_or.open_sequences(folder, [2])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "cannot be read"), ("[]", "no mapping"), ('{"a": [0]}', "no mapping"), ('{"a": [0, true]}', "no mapping"),
        ('{"a": [5, 4]}', "ends before"), ('{"a": [0, 4], "b": [4, 6]}', "overlap"),
    ],
)  # fmt: skip
def test_unsound_phases_are_refused(folder, text, said):
    (folder / "phases" / "phase_to_frames_1.json").write_text(text)
    with pytest.raises(InputError, match=said):
        four_d_or.open_sequences(folder)


def test_folders_and_files_of_others_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"relationships_train\.json"):
        four_d_or.open_sequences(tmp_path)
    with pytest.raises(InputError, match="no labels of MM-OR"):
        mm_or.open_sequences(tmp_path)
    (tmp_path / "x.json").write_text('{"instants": []}')
    for module in (four_d_or, mm_or):
        with pytest.raises(InputError, match="form is neutral"):
            module.open_sequences(tmp_path / "x.json")


def mm_or_file(path, relation, take="001_PKA_MMOR"):
    path.write_text(json.dumps([{"take_name": take, "frame_id": "000000", "relationships": [relation]}]))


def test_words_in_another_order_are_noticed(tmp_path):
    mm_or_file(tmp_path / "a.json", ["nurse", "holding", "saw"])
    with pytest.raises(InputError, match=r"(?s)relation 0.*order is subject, object, predicate"):
        mm_or.open_sequences(tmp_path)


def test_an_unknown_predicate_and_a_take_in_two_files_are_refused(tmp_path):
    mm_or_file(tmp_path / "a.json", ["nurse", "saw", "juggling"])
    with pytest.raises(InputError, match="'juggling' is no predicate"):
        mm_or.open_sequences(tmp_path)
    for name in ("a", "b"):
        mm_or_file(tmp_path / f"{name}.json", ["nurse", "saw", "holding"])
    with pytest.raises(InputError, match="two files"):
        mm_or.open_sequences(tmp_path)
