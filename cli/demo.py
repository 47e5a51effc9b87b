"""`ortwin demo`: the whole way once, on a recording that it simulates."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Annotated

import typer

from .console import Reporter
from .stages import Stages

SEED = 5
SECONDS = 8.0
CAMERAS = 3
SCALE = 0.5


def demo(
    report: Reporter,
    out: Annotated[Path, typer.Argument(help="The folder for the recording, the twin and the pictures.")] = Path(
        "demo"
    ),
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another room and another story.")] = SEED,
) -> int | None:
    """Simulate a small operating room, build its twin, score it against the truth, and draw pictures of it."""
    from ..capture.storage import open_recording
    from ..datasets.small_room import SimulationConfig, simulate
    from ..evaluation.scores import evaluate_twin
    from ..evaluation.truth import read_truth
    from ..evaluation.twin_tables import from_twin
    from ..playback.demo_pictures import write_demo_pictures
    from ..playback.rerun_scene import write_playback
    from ..twin import build_twin

    recording, twin_path = out / "or.recording", out / "or.twin"
    began_s = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    for old in (recording, twin_path):
        shutil.rmtree(old, ignore_errors=True)
    config = SimulationConfig(seconds=SECONDS, num_cameras=CAMERAS, scale=SCALE)
    with report.progress(round(SECONDS * config.fps) * CAMERAS, "simulating") as bar:
        simulate(recording, seed=seed, config=config, progress=bar)
    with Stages(report) as stages:
        twin = build_twin(open_recording(recording), twin_path, progress=stages).twin
    scores = evaluate_twin(from_twin(twin), read_truth(recording / "truth"))
    report.say(f"the twin stands after {time.monotonic() - began_s:.0f} s; drawing pictures of it")
    playback = write_playback(twin)
    pictures = write_demo_pictures(twin, out, say=report.say)
    report.result(
        {
            "recording": str(recording),
            "twin": str(twin_path),
            "playback": [str(path) for path in playback],
            "pictures": [str(path) for path in pictures],
            "seconds": round(time.monotonic() - began_s, 1),
            "scores": scores.to_json(),
        },
        show=False,
    )
    report.answer(f"recording: {recording}")
    report.answer(f"twin: {twin_path}")
    report.answer(f"playback: {twin_path / 'playback'}")
    for path in pictures:
        report.answer(f"picture: {path}")
    if scores.tracks is not None and scores.relations is not None and scores.room is not None:
        report.answer(f"it took {time.monotonic() - began_s:.0f} s; `ortwin evaluate` shows how right the twin is")
    report.next("ortwin", "evaluate", twin_path, "--truth", recording)
    report.next("ortwin", "query", twin_path, "close_to(person, ?x)")
    report.next("ortwin", "play", twin_path)
    return None


verb = demo
