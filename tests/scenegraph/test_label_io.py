import pytest
from hypothesis import given
from hypothesis import strategies as st
from ortwin.capture.errors import InputError
from ortwin.scenegraph.label_io import labels_document, parse_labels, read_labels, renamed, write_labels
from ortwin.scenegraph.labels import Triplet
from ortwin.scenegraph.vocabulary_terms import load_terms

SCAN = {
    "take_idx": 4,
    "scan": "000300",
    "objects": {"1": "Patient", "2": "human_0", "3": "instrument"},
    "relationships": [[2, 3, 7, "Holding"], [2, 1, 3, "CloseTo"]],
    "human_idx_to_name": {"human_0": "head-surgeon"},
}
MM_OR = [{"take_name": "002_PKA_MMOR", "frame_id": "000050", "relationships": [["nurse", "saw", "holding"]]}]
NEUTRAL = {"instants": [{"id": "2/000300", "entities": ["a", "b"], "relations": [["a", "holding", "b"]]}]}


def test_each_form_is_known_by_its_structure():
    scan = parse_labels({"scans": [SCAN]}, "x")
    assert (scan.form, scan.instants[0].instant_id) == ("4d-or", "4/000300")
    assert scan.instants[0].relations[0] == Triplet("human_0", "Holding", "instrument")
    assert scan.instants[0].people == {"human_0": "head-surgeon"}
    mm_or = parse_labels(MM_OR, "x")
    assert (mm_or.form, mm_or.instants[0].instant_id) == ("mm-or", "002_PKA_MMOR/000050")
    assert mm_or.instants[0].relations == (Triplet("nurse", "holding", "saw"),), "MM-OR says subject, object, predicate"
    neutral = parse_labels(NEUTRAL, "x")
    assert (neutral.form, neutral.instants[0].take, neutral.instants[0].frame) == ("neutral", "2", "000300")


def test_predictions_of_4d_or_join_the_parts_of_a_scan():
    parts = {"4_000300_0": [["a", "Holding", "b"]], "4_000300_1": [["b", "CloseTo", "a"]], "4_000301_0": []}
    labels = parse_labels(parts, "x")
    assert [row.instant_id for row in labels.instants] == ["4/000300", "4/000301"]
    assert [row.predicate for row in labels.instants[0].relations] == ["Holding", "CloseTo"]


@pytest.mark.parametrize("document", [{"scans": [SCAN]}, MM_OR, NEUTRAL])
def test_what_was_read_is_written_again(document):
    assert labels_document(parse_labels(document, "x")) == document


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5)
neutral_rows = st.fixed_dictionaries(
    {
        "id": words,
        "entities": st.lists(words, max_size=3),
        "relations": st.lists(st.lists(words, min_size=3, max_size=3)),
    }
)


@given(st.lists(neutral_rows, unique_by=lambda row: row["id"].removeprefix("/"), max_size=4))
def test_any_neutral_file_is_written_as_it_was_read(rows):
    rows = [row for row in rows if not row["id"].startswith("/")]
    assert labels_document(parse_labels({"instants": rows}, "x")) == {"instants": rows}


@pytest.mark.parametrize("file", ["or4d_graphs/relationships_validation.json", "mmor_graphs/002_PKA_MMOR.json"])
def test_published_files_come_out_byte_for_byte(test_data, tmp_path, file):
    write_labels(tmp_path / "again.json", read_labels(test_data / file))
    assert (tmp_path / "again.json").read_bytes() == (test_data / file).read_bytes()


def test_published_files_survive_the_words_of_others(test_data):
    labels = read_labels(test_data / "or4d_graphs/relationships_validation.json")
    canonical = renamed(labels, "canonical")
    assert {row.predicate for instant in canonical.instants for row in instant.relations} <= set(
        load_terms().predicates
    )
    assert {role for instant in canonical.instants for role in instant.people.values()} == {
        "head_surgeon", "assistant_surgeon", "circulating_nurse", "anaesthetist", "none",
    }  # fmt: skip
    assert labels_document(renamed(canonical, "4d-or")) == labels_document(labels)


def test_words_that_a_data_set_lacks_find_what_stands_in_for_them():
    assert renamed(parse_labels(MM_OR, "x"), "4d-or").instants[0].relations == (
        Triplet("nurse", "Holding", "instrument"),
    )


def changed(**changes):
    return {"scans": [{**SCAN, **changes}]}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "no file of scene-graph labels"),
        (7, "no file of scene-graph labels"),
        ({"instants": 3}, '"instants" is no list'),
        ({"instants": [[]]}, 'lacks "id"'),
        ({"instants": [{"id": "1/0"}]}, r'(?s)lacks "relations".*instant 1/0'),
        ({"instants": [{"id": "1/0", "relations": [["a", "b", "c"], ["a", "b"]]}]}, r"(?s)1/0.*relation 1"),
        ({"instants": [{"id": "1/0", "relations": [["a", 3, "b"]]}]}, r"(?s)no relation.*1/0.*relation 0"),
        ({"instants": [{"id": 5, "relations": []}]}, "id is no text"),
        ({"instants": [{"id": "1/0", "relations": []}] * 2}, "'1/0' stands twice"),
        ({"instants": [{"id": "1/0", "relations": [], "entities": [1]}]}, "an entity is no text"),
        ([{"take_name": "t", "frame_id": "0"}], 'lacks "relationships"'),
        (changed(objects=[]), "no mapping"),
        (changed(relationships=[[2, 9, 7, "Holding"]]), r"(?s)object 9.*4/000300.*relation 0"),
        (changed(relationships=[[2, 3, 7]]), "no relation"),
        (changed(relationships=[[2, 3, 6, "Holding"]]), "Holding has the number 7"),
        (changed(human_idx_to_name=[]), "the people are no mapping"),
    ],
)
def test_an_unsound_file_is_refused_with_its_place(document, said):
    with pytest.raises(InputError, match=said):
        parse_labels(document, "labels.json")


@pytest.mark.parametrize("text", ["", "{", "nul", "\xff", "[" * 100_000])
def test_a_file_that_is_no_json_is_refused(tmp_path, text):
    (tmp_path / "x.json").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=r"x\.json"):
        read_labels(tmp_path / "x.json")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="absent"):
        read_labels(tmp_path / "absent.json")


@pytest.mark.parametrize(
    "row",
    [
        {"id": "1/0", "relations": [["a", "Holding", "b"]]},
        {"id": "1/0", "entities": ["a"], "relations": [["a", "Holding", "b"]]},
        {"id": "1/0", "entities": ["a", "b"], "relations": [["a", "juggling", "b"]]},
    ],
)
def test_4d_ors_form_is_refused_to_labels_that_cannot_be_numbered(row, tmp_path):
    with pytest.raises(InputError, match="1/0"):
        write_labels(tmp_path / "x.json", parse_labels({"instants": [row]}, "x"), "4d-or")
    assert list(tmp_path.iterdir()) == []
