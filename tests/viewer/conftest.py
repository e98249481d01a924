"""Windows for the tests that need OpenGL."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nerv360.trajectories.trajectory import Trajectory
from nerv360.viewer import failures
from nerv360.viewer.app import App
from nerv360.viewer.decode.open_scene import OpenScene
from nerv360.viewer.picture.window import Window
from tests.support.sphere_scene import refuse, sphere_scene


@pytest.fixture
def window(display: str) -> Iterator[Window]:
    """Yield a window of 640×360 with its OpenGL context current."""
    opened = Window("test", 640, 360)
    yield opened
    opened.close()


@pytest.fixture
def open_app(window: Window) -> Iterator[Callable[..., App]]:
    """Yield a function that opens applications whose clip stands still; close them at the end."""
    opened: list[App] = []

    def make(
        scene: OpenScene | None = None,
        load: Callable[[Path], OpenScene | Trajectory] = refuse,
        **options: Any,
    ) -> App:
        app = App(window, scene or sphere_scene(), load, **options)
        app.playback.playing = False
        opened.append(app)
        return app

    yield make
    for app in opened:
        app.close()


class _Records(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def survived() -> Iterator[list[logging.LogRecord]]:
    """Yield the failures that the application has survived and written down."""
    handler = _Records(logging.ERROR)
    failures.log.addHandler(handler)
    yield handler.records
    failures.log.removeHandler(handler)


@pytest.fixture(autouse=True)
def _nothing_goes_wrong_unseen(
    request: pytest.FixtureRequest, survived: list[logging.LogRecord]
) -> Iterator[None]:
    """Failures that the application survives still fail a test that does not ask for them."""
    asked = "survived" in request.function.__code__.co_varnames
    yield
    assert asked or not survived, survived[0].exc_info


@pytest.fixture(autouse=True)
def _levels_of_logs_last_no_longer_than_a_test() -> Iterator[None]:
    """Restore the level of the logs: the viewer sets it for the process that tests share."""
    package = logging.getLogger("nerv360")
    before = package.level
    yield
    package.setLevel(before)
