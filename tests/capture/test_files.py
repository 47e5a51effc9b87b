"""Durable files: whole or not at all, and messages that name what the user named."""

import errno
from pathlib import Path

import pytest
from ortwin.capture.errors import ConfigError, ResourceError
from ortwin.capture.files import finished_name, require_writable, write_atomic, write_durable, write_error


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "rig.json"
    for content in (b"old", b"new"):
        write_atomic(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_rename_that_fails_leaves_nothing_and_names_the_target(tmp_path):
    target = tmp_path / "rig.json"
    target.mkdir()
    (target / "kept").touch()
    with pytest.raises(ConfigError) as caught:
        write_atomic(target, b"data")
    assert caught.value.where == str(target)
    assert caught.value.why
    assert caught.value.todo
    assert list(tmp_path.iterdir()) == [target]
    assert (target / "kept").exists()


def _below_a_file(tmp_path: Path) -> Path:
    (tmp_path / "afile").touch()
    return tmp_path / "afile" / "x.json"


def test_a_place_that_takes_no_file_is_named_as_the_user_named_it(tmp_path):
    for place in (Path("/proc/x.json"), tmp_path / "none" / "x.json", _below_a_file(tmp_path)):
        with pytest.raises(ConfigError) as caught:
            write_atomic(place, b"data")
        assert caught.value.where == str(place)
        assert ".tmp" not in caught.value.describe()


def test_a_place_is_tried_before_the_work(tmp_path):
    require_writable(tmp_path / "new" / "rig.json")
    assert list((tmp_path / "new").iterdir()) == []
    for place in (Path("/proc/x.json"), _below_a_file(tmp_path)):
        with pytest.raises(ConfigError) as caught:
            require_writable(place)
        assert caught.value.where == str(place)


def test_a_full_disk_is_named_by_its_place():
    error = write_error(
        Path("/data/.case.recording.tmp/segments/.000003.tmp/cam_1.depth"), OSError(errno.ENOSPC, "full")
    )
    assert isinstance(error, ResourceError)
    assert error.where == "/data/case.recording/segments/000003/cam_1.depth"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk to write to")
def test_a_write_to_a_full_disk_names_the_place():
    with pytest.raises(ResourceError, match="disk is full") as caught:
        write_durable(Path("/dev/full"), b"data")
    assert caught.value.where == "/dev/full"


@pytest.mark.parametrize(
    ("name", "finished"), [(".a.tmp/b", "a/b"), ("a/.b.json.tmp", "a/b.json"), (".tmp/b", ".tmp/b"), ("a.tmp", "a.tmp")]
)
def test_work_in_progress_has_a_name_that_it_will_have(name, finished):
    assert finished_name(Path(name)) == Path(finished)
