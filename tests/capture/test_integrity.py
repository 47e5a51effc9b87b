"""Verification finds every damage."""

from __future__ import annotations

import numpy as np
import pytest
from ortwin.capture.errors import InputError
from ortwin.capture.integrity import verify_tree
from ortwin.capture.segments import SegmentWriter, read_manifest, seal, write_top_files

NUM_TRIALS = 100


@pytest.fixture
def container(tmp_path):
    root = tmp_path / "a.twin"
    rng = np.random.default_rng(5)
    for number in range(4):
        with SegmentWriter(root / "moving" / f"{number:06d}", number * 10, number * 10 + 10) as segment:
            segment.write("a.bin", rng.bytes(3000))
            segment.write("b.bin", rng.bytes(500))
    write_top_files(root, {"rig.json": b"{}\n", "twin.json": seal({"num_segments": {"moving": 4}})})
    return root


def files(root):
    return sorted(path for path in root.rglob("*") if path.is_file())


def test_an_untouched_container_is_clean(container):
    report = verify_tree(container)
    assert report.damaged == ()
    assert report.num_files == len(files(container))


@pytest.mark.parametrize("trial", range(NUM_TRIALS))
def test_every_flip_truncation_and_loss_is_found_and_named(container, trial):
    rng = np.random.default_rng(trial)
    chosen = files(container)[rng.integers(len(files(container)))]
    data = bytearray(chosen.read_bytes())
    kind = trial % 3
    if kind == 0:
        at = int(rng.integers(8 * len(data)))
        data[at // 8] ^= 1 << (at % 8)
        chosen.write_bytes(bytes(data))
    elif kind == 1:
        chosen.write_bytes(bytes(data[: int(rng.integers(len(data)))]))
    else:
        chosen.unlink()
    report = verify_tree(container)
    assert report.damaged, chosen
    name = str(chosen.relative_to(container))
    parts = name.split("/")
    named = [damage for damage in report.damaged if damage.file in (name, "/".join(parts[:-1]))]
    assert named
    if parts[0] == "moving":
        number = int(parts[1])
        assert (named[0].begin_ns, named[0].end_ns) in {(number * 10, number * 10 + 10), (30, 30)}


def test_a_missing_segment_is_found_with_its_time_span(container):
    import shutil

    shutil.rmtree(container / "moving" / "000002")
    damage = verify_tree(container).damaged
    assert [(entry.file, entry.begin_ns, entry.end_ns) for entry in damage] == [("moving/000002", 20, 30)]


def test_a_stranger_is_found_and_derived_files_are_not(container):
    (container / "playback").mkdir()
    (container / "playback" / "000000.rrd").write_bytes(b"x")
    assert verify_tree(container).damaged == ()
    (container / "moving" / "000000" / "c.bin").write_bytes(b"x")
    assert [entry.file for entry in verify_tree(container).damaged] == ["moving/000000/c.bin"]


def test_what_a_recorder_adds_meanwhile_is_no_stranger(container):
    def grow(num_bytes: int) -> None:
        folder = container / "moving" / "000004"
        if not folder.exists():
            with SegmentWriter(folder, 40, 50) as segment:
                segment.write("a.bin", b"new")

    assert verify_tree(container, grow).damaged == ()
    assert (container / "moving" / "000004").exists()


def test_a_segment_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), SegmentWriter(tmp_path / "x" / "000000") as segment:
        segment.write("a.bin", b"1")
        raise RuntimeError
    assert list((tmp_path / "x").iterdir()) == []


def test_top_files_survive_a_crash_between_their_writes(container, monkeypatch):
    from ortwin.capture import segments

    calls = []
    whole = segments.write_atomic

    for stop in range(4):
        calls.clear()

        def crash(path, data, stop=stop):
            calls.append(path)
            if len(calls) > stop:
                raise OSError("power cut")
            whole(path, data)

        monkeypatch.setattr(segments, "write_atomic", crash)
        with pytest.raises(OSError, match="power cut"):
            write_top_files(container, {"rig.json": b"[1]\n", "room.toml": b"x\n"})
        missing = {"room.toml"}
        assert {damage.file for damage in verify_tree(container).damaged} <= missing
        monkeypatch.setattr(segments, "write_atomic", whole)
    write_top_files(container, {"rig.json": b"[1]\n", "room.toml": b"x\n"})
    assert verify_tree(container).damaged == ()
    assert read_manifest(container).files["rig.json"]


def test_something_else_is_refused(tmp_path):
    with pytest.raises(InputError, match="neither"):
        verify_tree(tmp_path)
