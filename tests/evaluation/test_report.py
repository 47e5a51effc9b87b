"""The report page: it stands alone, names cannot break it, and what is absent is said."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from ortwin.evaluation.report import report_page, write_report
from ortwin.evaluation.report_plots import overlaps, without
from ortwin.evaluation.rows import PhaseRow, RelationRow, TrackRows
from ortwin.evaluation.scores import evaluate_twin
from ortwin.evaluation.summary import format_cell, summarise
from ortwin.evaluation.truth import RelationTruth, TrackTruth, Truth
from ortwin.evaluation.twin_tables import TwinTables
from ortwin.reconstruction.state import Zone

EVIL = '<script>alert("$x$")</script>&'
TIMES_NS = np.arange(20, dtype=np.int64) * 100_000_000
FLOOR_M = np.array([[0.0, 0, 0], [4, 0, 0], [4, 3, 0], [0, 3, 0]])
FACES = np.array([[0, 1, 2], [0, 2, 3]])
PATH_M = np.stack([np.linspace(0, 2, 20), np.ones(20), np.ones(20)], axis=1)


def case() -> tuple[TwinTables, Truth]:
    truth = Truth(
        TIMES_NS, tracks={EVIL: TrackTruth(EVIL, "person", TIMES_NS, PATH_M, np.ones((20, 3)))},
        room_vertices_m=FLOOR_M, room_faces=FACES, room_seen_m=FLOOR_M, zones=(Zone("room", FLOOR_M[:, :2]),),
        relations=(RelationTruth(EVIL, "inside_zone", "room", 0, 10),), phases=((EVIL, 0, 20),),
    )  # fmt: skip
    words = (np.full(20, name, dtype=object) for name in (EVIL, "person"))
    tables = TwinTables(
        TrackRows(TIMES_NS, *words, PATH_M, np.zeros(20, bool)),
        (RelationRow(EVIL, "inside_zone", "room", 5 * 10**8, 15 * 10**8),), FLOOR_M, FACES,
        phases=(PhaseRow("$\\frac$", 0, 10**9),),
    )  # fmt: skip
    return tables, truth


class Page(HTMLParser):
    """Which elements and addresses a page has; void elements apart, every tag must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def page() -> str:
    tables, truth = case()
    return report_page(EVIL, evaluate_twin(tables, truth), tables, truth)


def test_the_page_stands_alone_and_names_are_text(page):
    found = Page(page)
    assert "script" not in found.tags
    assert "img" not in found.tags
    assert "link" not in found.tags
    assert all(address.startswith("#") for address in found.addresses)
    assert not re.search(r"(https?:)?//(?!\s)", page)
    assert "@import" not in page
    assert found.text.count(EVIL) >= 4  # the title twice, the track, the phase


def test_every_family_is_there_or_absent(page):
    tables, truth = case()
    for section in summarise(evaluate_twin(tables, truth)):
        if section.absent is None:
            assert f'<section id="{section.family}">' in page
        else:
            assert f"<td>{section.title}</td><td>{section.absent}</td>" in page
    assert page.count("<svg") == 7  # room 2, tracks 1, relations 2, phases 2


def test_the_same_scores_give_the_same_page(page, tmp_path: Path):
    tables, truth = case()
    path = tmp_path / "report.html"
    write_report(path, EVIL, evaluate_twin(tables, truth), tables, truth)
    assert path.read_text(encoding="utf-8") == page


def test_spans():
    assert overlaps([(0, 10), (20, 30)], [(5, 25)]) == [(5, 10), (20, 25)]
    assert without([(0, 10), (20, 30)], [(5, 25)]) == [(0, 5), (25, 30)]
    assert without([(0, 10)], [(0, 10)]) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.0, "0"), (-1e-9, "0"), (12, "12"), (1.23456, "1.235"), (47.8251, "47.83"), (100.0, "100"),
     (12345.6, "12346"), (-2.5, "-2.5"), ("cam_1", "cam_1")],
)  # fmt: skip
def test_cells(value, text):
    assert format_cell(value) == text
