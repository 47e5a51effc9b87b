"""Rows of an answer say where playback shows them."""

from __future__ import annotations

import json

from ortwin.cli.app import ExitCode, run
from ortwin.playback.folder import playback_key
from ortwin.playback.jump_links import jump_link
from ortwin.twin import open as open_twin


def test_an_address_names_the_recording_and_the_moment(toy_path):
    twin = open_twin(toy_path)
    link = jump_link(twin, int(twin.times_ns[0]) + 1_250_000_000)
    assert link == f"about:recording?app_id=ortwin&recording_id={playback_key(twin)}#when=time@1.250000000s"


def test_every_row_of_an_answer_has_one(toy_path, capsys):
    assert run(["query", str(toy_path), "inside_zone(?who, _) and not touching(?who, _)", "--json"]) == ExitCode.OK
    document = json.loads(capsys.readouterr().out)
    assert document["rows"]
    for row in document["rows"]:
        assert row["link"].endswith(f"#when=time@{row['begin_s']:.9f}s")
        assert row["begin_s"] == round((row["begin_ns"] - document["start_ns"]) * 1e-9, 3)
        assert row["evidence"]
