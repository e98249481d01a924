"""A decode worker for each test, and its rest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nerv360.viewer.decode.worker import DecodeWorker
from tests.support.decoding import Rest, watched_workers


@pytest.fixture
def rest() -> Rest:
    """Return the rest of the thread of ``worker``."""
    return Rest()


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch, rest: Rest) -> Iterator[DecodeWorker]:
    """Yield a worker that is stopped after the test."""
    with watched_workers(monkeypatch, rest.tell):
        running = DecodeWorker()
    yield running
    assert running.stop()
