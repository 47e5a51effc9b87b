"""Libraries of small label files and copies of one twin; answers are compared with those of each recording alone."""

import json
import multiprocessing
import time

import pyarrow.parquet as pq
import pytest
from ortwin.capture.errors import ConfigError, InputError
from ortwin.capture.locks import held_alone
from ortwin.library import index_library
from ortwin.scenegraph import library_writer
from ortwin.scenegraph.label_io import read_labels
from ortwin.scenegraph.label_timeline import label_timeline
from ortwin.scenegraph.library import FOLDER, Library

SECOND = 1_000_000_000


def write_labels(path, spans):
    """A file of labels: {take: (begin, end)} of holding(nurse, saw), ten seconds each."""
    rows = [
        {"id": f"{take}/{frame:06d}", "entities": ["nurse", "saw", "patient"],
         "relations": [["nurse", "holding", "saw"]] if begin <= frame < end else [["nurse", "close_to", "patient"]]}
        for take, (begin, end) in spans.items() for frame in range(10)
    ]  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"instants": rows}))


def answers(root, expression="holding(nurse, ?what)"):
    return [
        (row["procedure"], row["what"], row["begin_ns"] // SECOND, row["end_ns"] // SECOND)
        for row in Library(root).query(expression).rows()
    ]


@pytest.fixture
def root(tmp_path):
    write_labels(tmp_path / "monday" / "labels.json", {"1": (0, 3), "2": (4, 7)})
    write_labels(tmp_path / "tuesday.json", {"7": (5, 10)})
    (tmp_path / "monday" / "rig.json").write_text("{}")
    return tmp_path


EXPECTED = [("monday/labels/1", "saw", 0, 3), ("monday/labels/2", "saw", 4, 7), ("tuesday/7", "saw", 5, 10)]


def test_all_recordings_answer_one_question(root):
    index = index_library(root)
    assert [row.name for row in index.procedures] == [name for name, *_ in EXPECTED]
    assert sorted(answers(root)) == EXPECTED
    assert sorted(answers(root / FOLDER)) == EXPECTED


def test_only_what_changed_is_read_again(root, monkeypatch):
    index_library(root)
    read = []
    loaded = library_writer._table
    monkeypatch.setattr(
        library_writer, "_table",
        lambda sources, name: (read.append(name) if name == "relations" else None, loaded(sources, name))[1],
    )  # fmt: skip
    before = (root / FOLDER / "library.json").read_bytes()
    index_library(root)
    assert read == [] and (root / FOLDER / "library.json").read_bytes() == before
    write_labels(root / "tuesday.json", {"7": (1, 2)})
    index_library(root)
    assert read == ["relations"]
    assert sorted(answers(root)) == [*EXPECTED[:2], ("tuesday/7", "saw", 1, 2)]
    (root / "monday" / "labels.json").unlink()
    index = index_library(root)
    assert read == ["relations"] and [row.name for row in index.procedures] == ["tuesday/7"]
    assert sorted(answers(root)) == [("tuesday/7", "saw", 1, 2)]


def test_the_same_recordings_make_the_same_bytes(root, tmp_path_factory):
    index_library(root)
    other = tmp_path_factory.mktemp("other") / "index.library"
    index_library(root, other)

    def content(library):
        paths = [path for path in library.rglob("*") if path.is_file() and path.suffix in (".json", ".parquet")]
        return {path.relative_to(library).as_posix(): path.read_bytes() for path in paths}

    assert content(root / FOLDER) == content(other)


def test_tables_are_sorted_by_predicate_and_say_where_they_come_from(root):
    index_library(root)
    paths = [*(root / FOLDER).rglob("relations.parquet")]
    assert len(paths) == 4
    for path in paths:
        table = pq.read_table(path)
        predicates = table["predicate"].to_pylist()
        assert predicates == sorted(predicates) and table.column_names[0] == "procedure"
        assert all(source.startswith("labels neutral blake3:") for source in table["source"].to_pylist())


def test_a_reader_keeps_what_was_in_force(root):
    index_library(root)
    reader = Library(root)
    write_labels(root / "tuesday.json", {"7": (1, 2)})
    index_library(root)
    assert {row["end_ns"] // SECOND for row in reader.query("holding(nurse, ?what)").rows()} == {3, 7, 10}
    write_labels(root / "tuesday.json", {"7": (2, 3)})
    index_library(root)
    kept = {path.name for path in (root / FOLDER / "procedures").iterdir()}
    assert not {row.key for row in reader.index.procedures} <= kept
    with pytest.raises(InputError):
        reader.query("holding(nurse, ?what)")


def test_an_interrupted_run_goes_on_where_it_was(root, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(library_writer, "_write_catalog", interrupted)
        with pytest.raises(KeyboardInterrupt):
            index_library(root)
    assert not (root / FOLDER / "library.json").exists()
    there = {path.name for path in (root / FOLDER / "procedures").iterdir()}
    assert len(there) == 3
    monkeypatch.setattr(library_writer, "_table", interrupted)
    index = index_library(root)
    assert {row.key for row in index.procedures} == there


def test_one_process_indexes_at_a_time(root):
    lock = root / FOLDER / "log" / "index.lock"
    with held_alone(lock, ConfigError("taken")), pytest.raises(ConfigError, match="another process"):
        index_library(root)


def test_damaged_labels_are_named_and_left_out(root):
    (root / "wednesday.json").write_text('{"instants": [{"id": "1/000000", "relations": [["a", "b"]]}]}')
    (root / "notes.json").write_text("{")
    index = index_library(root)
    assert [each.place for each in index.skipped] == ["wednesday.json"]
    assert "is no relation" in index.skipped[0].why
    assert sorted(answers(root)) == EXPECTED


def test_an_empty_folder_and_no_folder(tmp_path):
    assert index_library(tmp_path).procedures == ()
    with pytest.raises(InputError, match="no recording"):
        Library(tmp_path).query("holding(nurse, ?what)")
    with pytest.raises(InputError, match="not there"):
        index_library(tmp_path / "none")
    with pytest.raises(InputError, match="no index"):
        Library(tmp_path / "none")


def test_packs_change_as_little_as_they_can(tmp_path, monkeypatch):
    monkeypatch.setattr(library_writer, "PACK_SIZE", 4)
    for number in range(10):
        write_labels(tmp_path / f"{number}.json", {"": (number, 10)})
    first = index_library(tmp_path)
    assert sorted(map(len, first.packs.values())) == [2, 4, 4]
    write_labels(tmp_path / "3.json", {"": (0, 10)})
    second = index_library(tmp_path)
    assert len(set(first.packs) & set(second.packs)) >= 1
    for number in range(7):
        (tmp_path / f"{number}.json").unlink()
    third = index_library(tmp_path)
    assert sum(map(len, third.packs.values())) == 3 and all(len(members) <= 4 for members in third.packs.values())
    assert {key for members in third.packs.values() for key in members} == {row.key for row in third.procedures}


def _read_again_and_again(root, for_s, out):
    seen = set()
    out.put("ready")
    until_s = time.monotonic() + for_s
    while time.monotonic() < until_s:
        try:
            rows = Library(root).query("holding(nurse, ?what)").rows()
        except InputError:  # it opened an index that was replaced twice since
            continue
        seen.add(tuple(sorted((row["procedure"], row["begin_ns"], row["end_ns"]) for row in rows)))
    out.put(seen)


def test_readers_beside_a_writer_see_one_index_or_the_other(root):
    """Every answer is the whole of one state: the one span of tuesday's that the labels ever had, with monday's."""
    index_library(root)
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    reader = context.Process(target=_read_again_and_again, args=(root, 2.0, results), daemon=True)
    reader.start()
    results.get(timeout=60)  # it is about to read
    written = {(5, 10)}
    while reader.is_alive() and results.empty():
        end = len(written) % 9 + 1
        written.add((0, end))
        write_labels(root / "tuesday.json", {"7": (0, end)})
        index_library(root)
        time.sleep(0.1)
    seen = results.get(timeout=10)
    monday = {("monday/labels/1", 0, 3 * SECOND), ("monday/labels/2", 4 * SECOND, 7 * SECOND)}
    assert len(seen) > 1
    for answer in seen:
        assert monday <= set(answer) and len(answer) == 3
        ((_, begin_ns, end_ns),) = set(answer) - monday
        assert (begin_ns // SECOND, end_ns // SECOND) in written


def test_a_library_of_labels_answers_as_each_file_does(root):
    index_library(root)
    for take in ("1", "2"):
        alone = label_timeline(read_labels(root / "monday" / "labels.json"), take)
        rows = Library(root).query("close_to(nurse, patient)").rows()
        own = [(row["begin_ns"], row["end_ns"]) for row in rows if row["procedure"] == f"monday/labels/{take}"]
        told = [row for row in alone.intervals if (row.predicate, row.object_id) == ("close_to", "patient")]
        assert own == [(row.begin_ns, row.end_ns) for row in told]
