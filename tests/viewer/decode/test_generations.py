"""Every order of requests, results, openings and closings: nothing old is ever shown."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nerv360.viewer.picture.window import Window
from tests.support.gated import GatedApp


@pytest.fixture
def gated(display: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[GatedApp]:
    window = Window("gated", 160, 90, visible=False)
    running = GatedApp(window, monkeypatch)
    yield running
    running.close()
    window.close()


@pytest.mark.parametrize(
    "letters",
    [
        pytest.param("CRDDDRNRDDCR", id="a picture of a side that is gone"),
        pytest.param("TRDDRTRDDRCRDDDRDDCR", id="a background beside a side that is gone"),
        pytest.param("NRBRDDDD", id="a picture of the scene before"),
        pytest.param("NNNNNRBRD", id="a frame that the next scene does not have"),
        pytest.param("TRFFR", id="a decoder that fails falls back to the one before"),
        pytest.param("TRFFCR", id="an error of a decoder that is gone"),
    ],
)
def test_what_is_late_is_not_shown(gated: GatedApp, letters: str) -> None:
    gated.play(letters)


@pytest.mark.parametrize(("before", "count"), [("NR", 3), ("CRDDDRNRDD", 2), ("BR", 2)])
def test_every_order_of_a_few_events(gated: GatedApp, before: str, count: int) -> None:
    for letters in itertools.product(gated.letters, repeat=count):
        gated.play(before + "".join(letters))


@settings(max_examples=130, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(GatedApp.letters, min_size=4, max_size=24))
def test_long_stories(gated: GatedApp, letters: str) -> None:
    gated.play(letters)
