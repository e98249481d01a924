"""Panels beside each other, however small the window."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import glfw
import numpy as np
import platformdirs
import pytest

from nerv360.viewer.app import App
from nerv360.viewer.panels.layout import rectangle
from nerv360.viewer.settings import Settings
from tests.support.running import run_until, settle
from tests.support.sphere_scene import sphere_scene

PANELS = ("status", "minimap", "caption", "gaze", "side 0", "side 1", "message", "timeline")
LONG = "The decoder cannot be compiled here and runs uncompiled: install a compiler for it."


def shown(app: App) -> dict[str, tuple[float, float, float, float]]:
    for _ in range(4):  # a panel is placed by the sizes that others had in the drawing before
        app.step(1 / 60)
        app.window.swap()
    found = {name: rectangle(name) for name in PANELS}
    return {name: shape for name, shape in found.items() if shape is not None}


def assert_apart(app: App) -> dict[str, tuple[float, float, float, float]]:
    shapes, (width, height) = shown(app), app.window.size
    for name, (left, top, right, bottom) in shapes.items():
        assert left >= 0, name
        assert top >= 0, name
        assert right <= width, name
        assert bottom <= height, name
    for (one, a), (other, b) in combinations(shapes.items(), 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, f"{one} {a} covers {other} {b}"
    return shapes


@pytest.mark.parametrize("size", [(400, 700), (1400, 300), (480, 270), (700, 540), (1280, 720)])
def test_no_panel_covers_another(
    size: tuple[int, int],
    open_app: Callable[..., App],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platformdirs, "user_documents_path", lambda: tmp_path)
    still = np.zeros((512, 1024, 3), np.uint8)
    scene = sphere_scene(title="A harbour with a title that is rather long for small windows")
    object.__setattr__(scene, "still", lambda decoder, chapter: still)
    app = open_app(scene, settings=Settings(inertia=False))
    glfw.set_window_size(app.window.handle, *size)
    run_until(app, lambda: app.window.size == size)
    settle(app)
    assert {"status", "minimap", "timeline"} <= set(assert_apart(app))

    app.messages.notify(LONG)
    assert "message" in assert_apart(app)

    app.panes.toggle()
    app.panes.next_compositing()
    app.gaze.toggle_recording("clip")
    settle(app)
    for share in (0.5, 0.05, 0.95):
        assert app.panes.split
        app.panes.split.share = share
        assert {"side 0", "side 1", "message", "timeline"} <= set(assert_apart(app))
    app.messages.notify("")
    assert {"status", "minimap", "caption", "gaze", "side 0"} <= set(assert_apart(app))
    app.gaze.stop_recording()


def test_a_split_view_says_once_how_fast_its_sides_are(open_app: Callable[..., App]) -> None:
    app = open_app()
    settle(app)
    alone = {label for label, _ in app.status.rows()}
    app.panes.toggle()
    settle(app)
    both = {label for label, _ in app.status.rows()}
    assert alone - both == {"Decode", "Decoder", "Engine", "Picture", "Upload"}


@pytest.mark.parametrize("action", ["keys", "preferences"])
def test_what_lies_in_the_middle_fits_into_a_small_window(
    action: str, open_app: Callable[..., App]
) -> None:
    app = open_app()
    glfw.set_window_size(app.window.handle, 480, 270)
    run_until(app, lambda: app.window.size == (480, 270))
    getattr(app, action).visible = True
    shown(app)
    shape = rectangle({"preferences": "settings"}.get(action, action))
    assert shape is not None
    assert shape[0] >= 0
    assert shape[1] >= 0
    assert shape[2] <= 480
    assert shape[3] <= 270
