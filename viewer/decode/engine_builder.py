"""One thread that builds engines, one after the other, as long as the program runs."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from nerv360.decoding import Engine, abandon_builds
from nerv360.viewer import process_end
from nerv360.viewer.failures import describe

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Build:
    """An ordered engine; dropping the last reference cancels the build.

    A cancelled build does not start, or its engine is freed once built: nothing stops a compiler
    midway.

    Attributes:
        make, done, failed: as in `EngineBuilder.build`.
        engine: the engine, until it is taken.
        refusal: why there can be no engine, once that is known.
    """

    make: Callable[[], Engine]
    done: Callable[[], None]
    failed: Callable[[Exception], None]
    engine: Engine | None = None
    refusal: str | None = None

    @property
    def ready(self) -> bool:
        """Whether there is an engine to take."""
        return self.engine is not None

    def take(self) -> Engine | None:
        """Return the engine once, then None."""
        engine, self.engine = self.engine, None
        return engine


class EngineBuilder:
    """Builds engines in the order of the calls, on a thread that starts with the first one.

    There is only one thread for two reasons. A graph capture fails if another build synchronises
    the GPU meanwhile. And cuDNN keeps its plans per thread: graphs need those of their own thread.
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
        """Order an engine from ``make``.

        ``done`` is called on the builder's thread when the engine is there, ``failed`` if ``make``
        raised. Neither may hold a reference to the result.
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
        """Whether an engine is being built or waiting to be built."""
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
        make = build.make
        del build  # its owner may drop it during the build
        started = time.perf_counter()
        try:
            engine = make()
        except Exception as error:
            from nerv360.viewer.shading import NotFasterError  # takes torch, as engines do

            if (build := ordered()) is not None:
                if not isinstance(error, NotFasterError):  # that it is not is no fault
                    build.refusal = describe(error)
                build.failed(error)
            return
        if (build := ordered()) is None:
            return
        log.info("a faster engine was built in %.1f s", time.perf_counter() - started)
        build.engine = engine
        build.done()


def _abandon() -> None:
    if BUILDER.busy:
        abandon_builds()


BUILDER = EngineBuilder()
"""The builder of the process."""

process_end.watch(lambda: BUILDER.busy)
process_end.at_leave(_abandon)
