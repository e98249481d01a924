from __future__ import annotations

import time

import pytest

from nerv360.viewer.panels.message import MessagePanel


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Replace the monotonic clock by the only item of a list."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_sentence_is_shown_for_a_while_and_then_the_standing_one(clock: list[float]) -> None:
    assert MessagePanel(lambda: None).text is None
    panel = MessagePanel(lambda: "Opening harbour …")
    panel.notify("Saved path.csv")
    assert panel.text == "Saved path.csv"
    clock[0] += 7.9
    assert panel.text == "Saved path.csv"
    clock[0] += 0.2
    assert panel.text == "Opening harbour …"


def test_refusals_are_listed_until_something_else_is_said_or_they_are_gone(
    clock: list[float],
) -> None:
    panel = MessagePanel(lambda: None)
    for name in "abcdefgh":
        panel.refuse(name)
    assert panel.text == "c\nd\ne\nf\ng\nh", "no more than the window has room for"
    panel.notify("Inertia is on.")
    panel.refuse("i")
    assert panel.text == "i"
    clock[0] += 9.0
    panel.refuse("j")
    assert panel.text == "j"
