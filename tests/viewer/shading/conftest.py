"""A drawer beside the tests' window."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nerv360.viewer.picture.window import Window
from nerv360.viewer.shading.drawer import DRAWER, ContextDrawer


@pytest.fixture
def drawer(window: Window) -> Iterator[ContextDrawer]:
    """Yield the process's drawer, whose pictures are read back; tests may attach it otherwise."""
    assert window.handle
    DRAWER.attach(shares=False)
    yield DRAWER
    DRAWER.detach()
