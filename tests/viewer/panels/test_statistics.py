from __future__ import annotations

import time

import pytest
import torch

from nerv360.viewer.panels.statistics import Memory, Rate, rate_of, seconds_since_start


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    return 100.0


def test_a_rate_is_that_of_the_last_moment(now: float) -> None:
    fast = [now - 0.02 * i for i in range(50, -1, -1)]
    assert rate_of([10.0, 20.0, *fast]) == pytest.approx(50)


def test_what_happens_seldom_has_a_rate_until_it_stays_away(now: float) -> None:
    assert rate_of([now - 9, now - 6, now - 3]) == pytest.approx(1 / 3)
    assert rate_of([now - 12, now - 9.5, now - 7]) == 0.0
    assert rate_of([now]) == rate_of([]) == 0.0


def test_counting_adds_up() -> None:
    rate = Rate()
    for _ in range(5):
        rate.count()
    assert rate.total == 5


def test_memory_is_what_the_system_says() -> None:
    resident, on_gpu = Memory().read(torch.device("cpu"))
    assert resident > 10 * 2**20
    assert on_gpu is None
    assert 0 < seconds_since_start() < 86_400
