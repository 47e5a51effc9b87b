"""Work on ranges, spread over threads; for kernels that release the interpreter and write only to their own range."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def num_usable_threads() -> int:
    """How many processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_ranges(work: Callable[[int, int], None], count: int, *, num_threads: int = 0, size: int = 512) -> None:
    """Call `work(begin, end)` over [0, count) in pieces of `size`; `num_threads` 0 takes all usable processors."""
    num_threads = num_threads or num_usable_threads()
    pieces = [(begin, min(begin + size, count)) for begin in range(0, count, size)]
    if num_threads == 1 or len(pieces) < 2:
        for piece in pieces:
            work(*piece)
        return
    with ThreadPoolExecutor(num_threads) as pool:
        for future in [pool.submit(work, *piece) for piece in pieces]:
            future.result()
