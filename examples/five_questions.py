"""Five questions to an operating room, in about a minute: simulate one, build its twin, ask, and see the answers.

    python examples/five_questions.py [FOLDER]

leaves FOLDER/answers.html (open it in a browser): every question with its answers, a floor plan of the moment that the
first answer is about, and the command that shows it in the viewer. Nothing is downloaded, and no screen is needed.
"""

from __future__ import annotations

import html
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from ortwin.capture.storage import open_recording
from ortwin.datasets.small_room import SimulationConfig, simulate
from ortwin.evaluation.truth import read_truth
from ortwin.facade import Twin
from ortwin.playback.floor_plan import draw_floor_plan
from ortwin.reconstruction.room_plan import parse_room_plan
from ortwin.reconstruction.state import Fixture, Zone
from ortwin.twin import build_twin

SEED = 5
STERILE_M = 0.5
QUESTIONS = (
    ("Who came close to the operating table, and when?", "close_to(?who, operating_table)"),
    ("Did anybody touch anything?", "touching(?who, ?what)"),
    ("Who came into the sterile zone?", "entered(?who, sterile_zone)"),
    ("When were two people close to each other?", "close_to(person, person)"),
    ("Who pushed something about, away from the table?",
     "touching(?who, object) and not close_to(?who, operating_table)"),
)  # fmt: skip


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "five_questions")
    twin = make_twin(folder)
    answers = [(text, expression, ask(twin, expression)) for text, expression in QUESTIONS]
    page = write_page(folder, twin, answers)
    for text, expression, rows in answers:
        print(f"{text}\n    {expression}")
        print("\n".join(f"    {line}" for line in rows_in_words(twin, rows)) or "    never, and never unknown")
    print(f"\nsee them: {page}\nwalk around in it: ortwin play {twin.path}")


def make_twin(folder: Path) -> Twin:
    """A simulated operating room of eight seconds, and its twin; what the furniture is called is told, not guessed."""
    folder.mkdir(parents=True, exist_ok=True)
    recording, path = folder / "or.recording", folder / "or.twin"
    if not recording.exists():
        print("simulating an operating room ...")
        simulate(recording, seed=SEED, config=SimulationConfig(seconds=8.0, num_cameras=3, scale=0.35))
    print("building its twin ...")
    truth = read_truth(recording)
    plan = parse_room_plan((recording / "truth" / "room.toml").read_text())
    zones = (*(truth.zones or ()), around(next(f for f in truth.fixtures or () if f.label == "operating_table")))
    return build_twin(open_recording(recording), path, room_plan=replace(plan, zones=zones)).twin


def around(table: Fixture) -> Zone:
    """The sterile zone: the floor up to half a metre around the operating table."""
    corners_m = table.box.corners_m()[:, :2]
    (x0, y0), (x1, y1) = corners_m.min(axis=0) - STERILE_M, corners_m.max(axis=0) + STERILE_M
    return Zone("sterile_zone", np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]))


def ask(twin: Twin, expression: str) -> list[dict]:
    """The answers: intervals, each with who and what, true or unknown."""
    return twin.query(expression).rows()


def rows_in_words(twin: Twin, rows: list[dict]) -> list[str]:
    start_ns = int(twin.times_ns[0])
    found = []
    for row in rows:
        names = [str(row[name]) for name in row if name in ("who", "what", "subject", "object") and row[name]]
        span = f"{(row['begin_ns'] - start_ns) / 1e9:.1f} s to {(row['end_ns'] - start_ns) / 1e9:.1f} s"
        found.append(f"{span}: {', '.join(dict.fromkeys(names))}" + (" (unknown)" if row["state"] == "unknown" else ""))
    return found


def write_page(folder: Path, twin: Twin, answers: list[tuple[str, str, list[dict]]]) -> Path:
    """One page of HTML; each question with a floor plan of the middle of its first answer."""
    parts = []
    for number, (text, expression, rows) in enumerate(answers, 1):
        parts.append(f"<h2>{number}. {html.escape(text)}</h2><pre>{html.escape(expression)}</pre>")
        lines = "".join(f"<li>{html.escape(line)}</li>" for line in rows_in_words(twin, rows))
        parts.append(f"<ul>{lines}</ul>" if rows else "<p>Never, and it was never unknown.</p>")
        if rows:
            middle_ns = (rows[0]["begin_ns"] + rows[0]["end_ns"]) // 2
            picture = folder / f"question_{number}.png"
            draw_floor_plan(twin, picture, int(twin.times_ns[abs(twin.times_ns - middle_ns).argmin()]), dpi=80)
            at_s = (middle_ns - int(twin.times_ns[0])) / 1e9
            command = f"ortwin screenshot {twin.path} --at {at_s:.1f} --out moment.png"
            parts.append(f'<img src="{picture.name}" width="640"><pre>{html.escape(command)}</pre>')
    page = folder / "answers.html"
    head = "<!doctype html><meta charset='utf-8'><title>Five questions</title><body style='font-family:sans-serif'>"
    page.write_text(f"{head}<h1>Five questions to an operating room</h1>{''.join(parts)}", encoding="utf-8")
    return page


if __name__ == "__main__":
    main()
