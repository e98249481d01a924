"""Windows for the tests that need OpenGL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from viewer.window import Window


@pytest.fixture
def window(display: str) -> Iterator[Window]:
    """A window of 640×360 with its OpenGL context current."""
    opened = Window("test", 640, 360)
    yield opened
    opened.close()
