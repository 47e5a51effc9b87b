"""Making all units of a simulation, by several processes and over several runs; nothing is made twice."""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from ...capture.errors import InputError, ResourceError
from ...capture.files import canonical_json, write_atomic
from .simulation_config import SimulationConfig
from .units import Unit, UnitMaker, maker_of
from .world import World

JOB = "job.json"


class Shelf:
    """Finished units in a folder; a unit appears under its name when it is whole.

    Args:
        folder: where they lie until the recording is put together.
        job: what is simulated; a folder that holds units of something else is refused.

    Raises:
        InputError: the folder belongs to another simulation.
    """

    def __init__(self, folder: Path, job: bytes) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        label = folder / JOB
        if label.exists() and label.read_bytes() != job:
            raise InputError(
                "an unfinished simulation with other settings lies here", where=str(folder),
                todo="start it with its own settings to finish it, remove the folder, or give another name",
            )  # fmt: skip
        write_atomic(label, job)

    def path(self, unit: Unit) -> Path:
        """Where a unit lies when it is finished."""
        return self.folder / f"{unit.name}.npz"

    def has(self, unit: Unit) -> bool:
        """Whether a unit is finished."""
        return self.path(unit).exists()

    def put(self, unit: Unit, content: bytes) -> None:
        """Lay down a finished unit."""
        write_atomic(self.path(unit), content)

    def clear(self) -> None:
        """Remove everything: the recording is there."""
        shutil.rmtree(self.folder, ignore_errors=True)


def job_of(seed: int, config: SimulationConfig, plain: bool, version: str) -> bytes:
    """What a simulation is of; equal jobs give equal units."""
    return canonical_json({"seed": seed, "config": config.to_json(), "plain": plain, "ortwin": version})


@contextlib.contextmanager
def making(
    world: World, shelf: Shelf, units: Sequence[Unit], plain: bool, workers: int, done: Callable[[Unit], None]
) -> Iterator[Callable[[Unit], Path]]:
    """Begin to make units; yields a function that waits for one of them and answers where it lies.

    With one worker a unit is made when it is asked for; with more, other processes work while the caller does
    something else.

    Args:
        world: what is simulated.
        shelf: where finished units lie.
        units: all of them, in the order in which they will be asked for.
        plain: whether packets are for a plain folder.
        workers: how many processes.
        done: called with every unit that is finished, from any thread.
    """
    missing = [unit for unit in units if not shelf.has(unit)]
    for unit in units:
        if shelf.has(unit):
            done(unit)
    if workers == 1 or not missing:
        maker: list[UnitMaker] = []

        def make(unit: Unit) -> Path:
            if not shelf.has(unit):
                if not maker:
                    maker.append(UnitMaker(world, plain))
                shelf.put(unit, maker[0].make(unit))
                done(unit)
            return shelf.path(unit)

        yield make
        return
    with (
        _one_thread_each(),
        ProcessPoolExecutor(
            min(workers, len(missing)), mp_context=multiprocessing.get_context("spawn"), initializer=_begin_work
        ) as pool,
    ):
        futures = {unit: pool.submit(_work, world.seed, world.config, plain, shelf, unit) for unit in missing}
        for unit, future in futures.items():
            future.add_done_callback(functools.partial(_tell, unit, done))

        def wait(unit: Unit) -> Path:
            try:
                if unit in futures:
                    futures[unit].result()
            except BrokenProcessPool as error:
                raise ResourceError(
                    "a worker was ended by the system", where=f"unit {unit.name}", why="there may be too little memory",
                    todo="start the same command again, with fewer workers; what is finished is kept",
                ) from error  # fmt: skip
            return shelf.path(unit)

        try:
            yield wait
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _tell(unit: Unit, done: Callable[[Unit], None], future: Future[None]) -> None:
    if not future.cancelled() and future.exception() is None:
        done(unit)


def _work(seed: int, config: SimulationConfig, plain: bool, shelf: Shelf, unit: Unit) -> None:
    shelf.put(unit, maker_of(seed, config, plain).make(unit))


def _begin_work() -> None:
    """A worker leaves Ctrl-C to its parent, ends when its parent does, and uses one core."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
    import cv2

    cv2.setNumThreads(1)


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes started within use one thread each: their libraries read this when they are loaded."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
