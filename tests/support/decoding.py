"""A decode worker under test: what it is asked for, and what it has done."""

from __future__ import annotations

import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from nerv360.decoding.engine import Picture
from nerv360.geometry import Look
from nerv360.viewer.decode import worker as decode_worker
from nerv360.viewer.decode.look_prediction import Request
from nerv360.viewer.decode.worker import DecodeWorker

_LIMIT_S = 120.0


class Rest:
    """Knows when the decoding thread has nothing to do."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._resting = False

    def wait(self) -> None:
        """Wait until the thread has nothing to do."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._resting, _LIMIT_S)

    def tell(self, resting: bool) -> None:
        """Note that the thread begins to rest, or is woken."""
        with self._changed:
            self._resting = resting
            self._changed.notify_all()


@contextmanager
def watched_workers(patch: pytest.MonkeyPatch, tell: Callable[[bool], None]) -> Iterator[None]:
    """Workers that are made meanwhile ``tell`` when their thread rests, and when it is woken."""

    class Watched(threading.Condition):
        def wait(self, timeout: float | None = None) -> bool:
            tell(True)
            return super().wait(timeout)

        def notify_all(self) -> None:
            tell(False)
            super().notify_all()

    threads = types.SimpleNamespace(Condition=Watched, Thread=threading.Thread)
    with patch.context() as inner:
        inner.setattr(decode_worker, "threading", threads)
        yield


def until(condition: Callable[[], object]) -> None:
    """Wait for ``condition``; a test that waits in vain fails."""
    deadline = time.monotonic() + _LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.002)


def wanted(yaw_deg: float = 0.0, frame: int = 0) -> Request:
    """Return a request for a level look at ``frame``."""
    return Request(Look.from_degrees(yaw_deg, 0), 16 / 9, frame)


def picture(worker: DecodeWorker) -> Picture:
    """Return the next picture of the first pane."""
    return pictures(worker)[0]


def pictures(worker: DecodeWorker) -> dict[int, Picture]:
    """Return the next pictures, one for each pane that has one."""
    taken: dict[int, Picture] = {}

    def arrived() -> bool:
        with worker.results() as results:
            taken.update(results.pictures)
        return bool(taken)

    until(arrived)
    return taken
