"""One thread on which engines are built, one after the other, for as long as the program runs."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable

from model.decoding import Engine
from viewer import process_end

log = logging.getLogger(__name__)


class Build:
    """An engine that is ordered. Who drops this cancels the build: it is not begun, or its engine
    is freed as soon as it is there, as nothing stops a compiler midway.
    """

    def __init__(
        self,
        make: Callable[[], Engine],
        done: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._make = make
        self._done, self._failed = done, failed
        self._engine: Engine | None = None

    @property
    def ready(self) -> bool:
        """There is an engine to take."""
        return self._engine is not None

    def take(self) -> Engine | None:
        """The engine, once."""
        engine, self._engine = self._engine, None
        return engine


class EngineBuilder:
    """Builds in the order in which it was asked, on a thread that begins with the first build.

    One thread for all: a capture breaks when another build waits for the whole GPU, and cuDNN keeps
    the plans that graphs use for the thread that made them.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._ordered: deque[weakref.ref[Build]] = deque()
        self._building = False
        self._thread: threading.Thread | None = None

    def build(
        self,
        make: Callable[[], Engine],
        done: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> Build:
        """Order what ``make`` makes. When it is there ``done`` is called on the builder's thread,
        or ``failed`` where that raised; they must not hold what is returned.
        """
        build = Build(make, done, failed)
        with self._changed:
            self._ordered.append(weakref.ref(build))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="build", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        return build

    @property
    def busy(self) -> bool:
        """Something is being built, or is still to be."""
        with self._changed:
            return self._building or any(ordered() is not None for ordered in self._ordered)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._building = False
                while not self._ordered:
                    self._changed.wait()
                ordered = self._ordered.popleft()
                self._building = ordered() is not None
            self._build(ordered)

    def _build(self, ordered: weakref.ref[Build]) -> None:
        build = ordered()
        if build is None:
            return
        make = build._make
        del build  # while it is built the one who ordered it may drop it
        started = time.perf_counter()
        try:
            engine = make()
        except Exception as error:
            if (build := ordered()) is not None:
                build._failed(error)
            return
        if (build := ordered()) is None:
            return
        log.info("a faster engine was built in %.1f s", time.perf_counter() - started)
        build._engine = engine
        build._done()


BUILDER = EngineBuilder()
"""The process's own."""

process_end.watch(lambda: BUILDER.busy)
