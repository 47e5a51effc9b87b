"""One question over a library of a thousand operations, beside a scan of networkx graphs of the same data.

    python benchmarks/bench_query.py [PROCEDURES [INTERVALS [FOLDER]]]

The twins are made in FOLDER, where those of an earlier run are used again; in a temporary one where none is named.

Adds `query` to benchmarks/latest.json. The twins are simulated (simulated_library.py). *Cold* is a new Python process
whose clock runs from before `import ortwin`, with the index dropped from the system's cache of files (posix_fadvise).
*Warm* is the median of further questions of the same process. CPU seconds, of all cores together, stand beside: on a
machine that does other things too, they say more. The scan gets graphs that stand in memory already, one per operation;
what it costs to make them is stated beside it. A thousand graphs of 5,000 edges do not fit into every memory, so graphs
are made and scanned one after the other, all of them, and the answers compared with ours.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import median

import networkx as nx
from ortwin.archive import TwinArchive
from ortwin.facade import Twin
from ortwin.library import index_library
from ortwin.scenegraph.library import FOLDER
from simulated_library import write_library

LATEST = Path(__file__).with_name("latest.json")
QUESTION = "holding(head_surgeon, drill) and not covered(patient)"
WARM_QUESTIONS = 20
SEED = 20_261_126

ASK = """
import json, sys, time
begun = time.perf_counter()
from ortwin import Library
library = Library(sys.argv[1])
spent, worked = [], []
for _ in range(1 + int(sys.argv[3])):
    table = library.query(sys.argv[2]).to_arrow()
    spent.append(time.perf_counter() - begun)
    worked.append(time.process_time() - sum(worked))
    begun = time.perf_counter()
told = sorted(map(list, zip(*(table[name].to_pylist() for name in ("procedure", "begin_ns", "end_ns", "state")))))
print(json.dumps({"spent_s": spent, "cpu_s": worked, "told": told}))
"""

Span = tuple[int, int]


def bench_query(num_procedures: int = 1000, num_intervals: int = 5000, folder: Path | None = None) -> dict[str, object]:
    """Seconds of everything; raises AssertionError where our answer is not that of the scan."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made) if folder is None else folder
        if not (root / f"{num_procedures - 1:04d}.twin" / "twin.json").exists():
            write_library(root, num_procedures, num_intervals, SEED)
        library = root / FOLDER
        shutil.rmtree(library, ignore_errors=True)
        index_s, again_s = _timed(lambda: index_library(root)), _timed(lambda: index_library(root))
        size = sum(path.stat().st_size for path in library.rglob("*") if path.is_file())
        drop_from_cache(library)
        said = ask(library)
        graphs_s, scan_s, told = scan(root, num_procedures)
    assert [tuple(row) for row in said["told"]] == told, "the answers differ"
    warm_s = median(said["spent_s"][1:])
    return {
        "procedures": num_procedures, "intervals": num_procedures * num_intervals, "answers": len(told),
        "question": QUESTION, "cores": len(os.sched_getaffinity(0)), "machine": platform.machine(),
        "load_average": os.getloadavg()[0], "index_s": index_s, "index_unchanged_s": again_s,
        "index_megabytes": size / 1e6, "cold_s": said["spent_s"][0], "cold_cpu_s": said["cpu_s"][0],
        "warm_s": warm_s, "warm_slowest_s": max(said["spent_s"][1:]), "warm_cpu_s": median(said["cpu_s"][1:]),
        "networkx_graphs_s": graphs_s, "networkx_scan_s": scan_s, "times_faster_than_scan": scan_s / warm_s,
    }  # fmt: skip


def _timed(job: Callable[[], object]) -> float:
    begun = time.perf_counter()
    job()
    return time.perf_counter() - begun


def ask(library: Path) -> dict[str, list]:
    """What a new process says: seconds of each question, and the rows of the last one."""
    line = [sys.executable, "-c", ASK, str(library), QUESTION, str(WARM_QUESTIONS)]
    return json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout)


def drop_from_cache(folder: Path) -> None:
    """Lets the system forget what it holds of some files in memory."""
    for path in folder.rglob("*"):
        if path.is_file() and hasattr(os, "posix_fadvise"):
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def scan(root: Path, num_procedures: int) -> tuple[float, float, list[tuple]]:
    """The same question as the field asks it today: a loop over the edges of each graph, and sums of intervals."""
    graphs_s = scan_s = 0.0
    told = []
    for number in range(num_procedures):
        twin = Twin(TwinArchive(root / f"{number:04d}.twin"))
        rows, nodes = twin.relations.to_pylist(), twin.nodes.to_pylist()
        begun = time.perf_counter()
        graph = nx.MultiDiGraph()
        for node in nodes:
            graph.add_node(node["node_id"], label=node["label"], role=node["role"])
        for row in rows:
            span = {"begin_ns": row["begin_ns"], "end_ns": row["end_ns"], "state": row["state"]}
            graph.add_edge(row["subject"], row["object"], predicate=row["predicate"], **span)
        built = time.perf_counter()
        begin_ns = min(node["first_ns"] for node in nodes)
        end_ns = max(node["last_ns"] for node in nodes) + 1
        told += [(f"{number:04d}", *answer) for answer in answers(graph, (begin_ns, end_ns))]
        scan_s += time.perf_counter() - built
        graphs_s += built - begun
    return graphs_s, scan_s, sorted(told)


def answers(graph: nx.MultiDiGraph, whole: Span) -> Iterator[tuple[int, int, str]]:
    """Spans of one operation at which the question is true or unknown (Kleene)."""
    roles = {name: data.get("role") or data.get("label") for name, data in graph.nodes(data=True)}
    holding: dict[str, list[Span]] = {"true": [], "unknown": []}
    covered: dict[str, list[Span]] = {"true": [], "unknown": []}
    for subject, target, data in graph.edges(data=True):
        if data["predicate"] == "holding" and roles[subject] == "head_surgeon" and roles[target] == "drill":
            holding[data["state"]].append((data["begin_ns"], data["end_ns"]))
        elif data["predicate"] == "covered" and roles[subject] == "patient":
            covered[data["state"]].append((data["begin_ns"], data["end_ns"]))
    free = without([whole], covered["true"] + covered["unknown"])
    maybe_free = without([whole], covered["true"])
    true = common(holding["true"], free)
    possible = common(joined(holding["true"] + holding["unknown"]), maybe_free)
    for state, spans in (("true", true), ("unknown", without(possible, true))):
        yield from ((begin, end, state) for begin, end in spans)


def joined(spans: Iterable[Span]) -> list[Span]:
    """Sorted spans in which what touches or overlaps is one."""
    out: list[Span] = []
    for begin, end in sorted(spans):
        if out and begin <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((begin, end))
    return out


def common(first: Iterable[Span], second: Iterable[Span]) -> list[Span]:
    """Where both hold."""
    first, second = joined(first), joined(second)
    found = [(max(a, c), min(b, d)) for a, b in first for c, d in second if a < d and c < b]
    return joined(found)


def without(first: Iterable[Span], second: Iterable[Span]) -> list[Span]:
    """Where the first holds and the second does not."""
    left = joined(first)
    for begin, end in joined(second):
        left = [part for a, b in left for part in ((a, min(b, begin)), (max(a, end), b)) if part[0] < part[1]]
    return left


if __name__ == "__main__":
    counts, place = [int(word) for word in sys.argv[1:3]], sys.argv[3:4]
    figures = bench_query(*counts, folder=Path(place[0]) if place else None)
    latest = json.loads(LATEST.read_text()) if LATEST.exists() else {}
    LATEST.write_text(json.dumps({**latest, "query": figures}, indent=1) + "\n")
    print(json.dumps(figures, indent=1))
