"""Pictures are timed in the order asked for."""

from __future__ import annotations

from nerv360.decoding.timing import picture_seconds
from nerv360.geometry import Look
from tests.support.fake_engine import FakeEngine


def test_every_picture_has_a_time() -> None:
    engine = FakeEngine((8, 16))
    requests = [(Look(0.1 * k), k % 3) for k in range(5)]
    seconds = picture_seconds(engine, requests)
    assert len(seconds) == 5
    assert min(seconds) > 0
    assert engine.requests == requests
