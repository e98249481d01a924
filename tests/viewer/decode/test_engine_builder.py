"""Engines are built one at a time on one thread, and no build outlives its use."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from nerv360.viewer.decode.engine_builder import Build, EngineBuilder
from nerv360.viewer.decode.open_scene import EngineSource
from nerv360.viewer.decode.worker import DecodeWorker
from tests.support.decoding import picture, until, wanted
from tests.support.fake_engine import FakeEngine

ROOT = Path(__file__).parents[3]


class Orders:
    """Builds that end when they are told to.

    Attributes:
        begun: names of those that were begun, with the thread.
        failures: what was told of those that failed.
    """

    def __init__(self) -> None:
        self.builder = EngineBuilder()
        self.gate = threading.Semaphore(0)
        self.begun: list[tuple[str, int]] = []
        self.failures: list[str] = []
        self.done = threading.Semaphore(0)
        self.made: list[weakref.ref[FakeEngine]] = []

    def order(self, name: str) -> Build:
        """Return a maker of an engine of that name; it fails if the name is empty."""
        return self.builder.build(self._maker(name), self.done.release, self._failed)

    def names(self) -> list[str]:
        """Of those that were begun."""
        return [name for name, _ in self.begun]

    def _maker(self, name: str) -> Callable[[], FakeEngine]:
        def make() -> FakeEngine:
            self.begun.append((name, threading.get_ident()))
            assert self.gate.acquire(timeout=60)
            if not name:
                raise Exception("no compiler")
            engine = FakeEngine(name=name)
            self.made.append(weakref.ref(engine))
            return engine

        return make

    def _failed(self, error: Exception) -> None:
        self.failures.append(str(error))
        self.done.release()


def test_builds_come_one_after_the_other_on_one_thread() -> None:
    orders = Orders()
    builds = [orders.order(name) for name in ("a", "", "b")]
    until(lambda: orders.begun)
    assert orders.names() == ["a"]
    assert orders.builder.busy
    for _ in builds:
        orders.gate.release()
        assert orders.done.acquire(timeout=60)
    assert orders.names() == ["a", "", "b"]
    assert len({thread for _, thread in orders.begun}) == 1
    assert [build.ready for build in builds] == [True, False, True]
    assert orders.failures == ["no compiler"]
    engine = builds[0].take()
    assert engine is not None
    assert engine.name == "a"
    assert builds[0].take() is None
    until(lambda: not orders.builder.busy)


def test_what_nobody_waits_for_is_not_built_or_freed() -> None:
    orders = Orders()
    first, second, third = (orders.order(name) for name in ("a", "b", "c"))
    until(lambda: orders.begun)
    del first, second
    orders.gate.release(2)
    assert orders.done.acquire(timeout=60)
    assert orders.names() == ["a", "c"]
    assert third.ready
    until(lambda: orders.made[0]() is None)


def test_sessions_that_are_dropped_cancel_their_builds() -> None:
    gate, threads, engines = threading.Semaphore(0), [], []

    def upgrade(name: str) -> Callable[[], FakeEngine]:
        def make() -> FakeEngine:
            threads.append((name, threading.current_thread()))
            assert gate.acquire(timeout=60)
            engine = FakeEngine(name=name)
            engines.append(weakref.ref(engine))
            return engine

        return make

    worker = DecodeWorker()
    try:
        for number, name in enumerate("abc"):
            worker.open(EngineSource([lambda: FakeEngine(name="eager")], upgrade=upgrade(name)))
            worker.request(wanted(10 * number))
            picture(worker)
            until(lambda: threads)
        gate.release(2)
        until(lambda: worker.report.engine is not None and worker.report.engine.name == "c")
        gc.collect()
        assert [name for name, _ in threads] == ["a", "c"]
        assert threads[0][1] is threads[1][1]
        assert engines[0]() is None
    finally:
        assert worker.stop()


NEVER_BUILT = """
import atexit, logging, sys, threading
from nerv360.viewer import cli
from nerv360.viewer.decode import engine_builder

begun = threading.Event()

def never():
    begun.set()
    threading.Event().wait()

def command(**_):
    global build
    logging.basicConfig(level=logging.INFO)
    build = engine_builder.BUILDER.build(never, print, print)
    begun.wait()
    sys.stdout.write("saved")  # without a line's end, which would flush it
    {end}

atexit.register(print, "finalised")
cli.app = command
cli.program()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "code", "errors"),
    [("return 0", 0, ""), ("return 2", 2, ""), ("raise OSError('disk')", 1, "OSError: disk")],
)
def test_the_process_ends_at_once_while_something_is_built(
    end: str, code: int, errors: str
) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", NEVER_BUILT.replace("{end}", end)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert finished.returncode == code, finished.stderr
    assert finished.stdout == "saved"
    assert errors in finished.stderr
