"""`ortwin simulate`: what is asked for is what is made, and nonsense is refused with a way out."""

import json
from pathlib import Path

import pytest
from ortwin.capture.errors import ConfigError
from ortwin.capture.storage import open_recording
from ortwin.cli.app import ExitCode, run
from ortwin.cli.simulate import _faults
from ortwin.datasets.simulated_or.faults import FaultConfig


def test_blocks_are_played_as_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "blocks.recording"
    options = ["--scenario", "blocks", "--seconds", "1", "--fps", "4", "--cameras", "1", "--scale", "0.05", "-j", "1"]
    assert run(["simulate", str(out), *options, "--depth-only", "--synchronous", "--json"]) == ExitCode.OK
    answer = json.loads(capsys.readouterr().out)
    assert answer["frames"] == 4 and answer["scenario"] == "blocks"
    assert str(out.with_suffix(".twin")) in answer["next"][0]
    recording = open_recording(out)
    assert list(recording.cameras) == ["cam_1"]
    assert recording.timestamps_ns("cam_1").tolist() == [0, 250_000_000, 500_000_000, 750_000_000]
    assert not recording.has_stream("cam_1", "color")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--scenario", "small_room", "--team", "3"], "--team"),
        (["--scenario", "blocks", "--faults", "often"], "unknown faults"),
        (["--scenario", "blocks", "--preset", "azure_kinect"], "azure_kinect_nfov"),
    ],
)
def test_nonsense_is_refused(words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert run(["simulate", str(tmp_path / "x.recording"), *words]) == ExitCode.USAGE
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_faults_come_from_names_numbers_and_files(tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text("num_gaps = 3\ngap_s = 0.5\n")
    assert _faults("none") == FaultConfig()
    assert _faults("realistic") == FaultConfig.realistic()
    assert _faults(f"{file},drop_share=0.25") == FaultConfig(num_gaps=3, gap_s=0.5, drop_share=0.25)
    with pytest.raises(ConfigError, match="needs a number"):
        _faults("drop_share=often")
