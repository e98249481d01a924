"""Failures anywhere: the window stays open and shows a sentence."""

from __future__ import annotations

import ctypes
import importlib.metadata
import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import glfw
import platformdirs
import pytest
import torch
from OpenGL import GL

from nerv360.decoding.engine import Picture
from nerv360.geometry import Look
from nerv360.viewer.app import App
from nerv360.viewer.panels import status
from nerv360.viewer.picture.panes import Panes
from nerv360.viewer.picture.window import Window
from nerv360.viewer.redraw import Redraw
from tests.support.hand import CallbackHand
from tests.support.running import drawn, image, press, run_until, settle
from tests.support.sphere_scene import sphere_scene

Records = list[logging.LogRecord]


@pytest.fixture
def open_app(open_app: Callable[..., App]) -> Callable[[], App]:
    """With a scene for whatever is dropped."""
    return partial(open_app, load=lambda path: sphere_scene(title=path.name))


def fail(*_: object, **__: object) -> None:
    raise ValueError("the sky has fallen")


def minimise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Window, "framebuffer_size", property(lambda _: (0, 0)))


def test_a_command_that_fails_is_a_sentence_and_the_keys_after_it_work(
    open_app: Callable[[], App], monkeypatch: pytest.MonkeyPatch, survived: Records
) -> None:
    monkeypatch.setattr(Panes, "toggle", fail)
    app = open_app()
    press(app, "C")
    app.turn(1 / 60)
    assert app.messages.text is not None
    assert "the sky has fallen" in app.messages.text
    (record,) = survived
    assert record.exc_info, "the log has the traceback"
    press(app, "H")
    assert not app.overlay.visible


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ("nerv360.viewer.panels.status.StatusPanel", "draw"),
        ("nerv360.viewer.panels.status.StatusPanel", "rows"),
        ("nerv360.viewer.panels.minimap.MinimapPanel", "draw"),
        ("nerv360.viewer.panels.timeline.TimelinePanel", "draw"),
        ("nerv360.viewer.panels.gaze.GazePanel", "draw"),
        ("nerv360.viewer.panels.split.SplitPanel", "draw"),
        ("nerv360.viewer.panels.opening.OpeningPanel", "draw"),
        ("nerv360.viewer.panels.keys.KeysPanel", "draw"),
        ("nerv360.viewer.picture.renderer.Renderer", "draw"),
        ("nerv360.viewer.input.gaze.Gaze", "advance"),
    ],
)
def test_what_fails_at_every_frame_is_said_on_the_screen_and_logged_once(
    owner: str,
    name: str,
    open_app: Callable[[], App],
    monkeypatch: pytest.MonkeyPatch,
    survived: Records,
) -> None:
    app = open_app()
    app.overlay.visible = True
    settle(app)
    place = (slice(-130, -65), slice(200, -200))
    before = image(app)[place]
    with monkeypatch.context() as patch:
        patch.setattr(f"{owner}.{name}", fail)
        for _ in range(6):
            app.turn(1 / 60)
            app.camera.look_at(Look.from_degrees(1, 0))
        assert app.messages.text is not None
        assert len(survived) == 1
        app.draw()
        assert (drawn(app)[place] - before).abs().max() > 100, "the sentence"
        press(app, "H")
        assert not app.overlay.visible
        press(app, "H")
    app.messages.notify("")
    settle(app)
    assert len(survived) == 1


def test_a_panel_that_fails_half_way_leaves_the_others(
    open_app: Callable[[], App], monkeypatch: pytest.MonkeyPatch, survived: Records
) -> None:
    app = open_app()
    app.overlay.visible = True
    settle(app)
    app.step(0.0)
    before = image(app)
    monkeypatch.setattr(status, "table", fail)  # inside the panel's window
    for _ in range(3):
        app.step(1 / 60)
    after = image(app)
    timeline = (slice(-50, -20), slice(300, 620))
    assert (after[timeline] - before[timeline]).abs().max() <= 2
    assert (after[:14] - before[:14]).abs().max() <= 2, "imgui's own complaint stays away"
    assert len(survived) == 1


@pytest.mark.parametrize("key", ["F12", "R"])
@pytest.mark.parametrize("trouble", ["unreachable", "homeless"])
def test_a_folder_that_cannot_be_reached_is_a_sentence(
    key: str,
    trouble: str,
    open_app: Callable[[], App],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def folder() -> Path:
        if trouble == "homeless":
            raise RuntimeError("could not determine the home directory for '~/.config'")
        return tmp_path / ("n" * 300)  # not even asking whether it is there is possible

    monkeypatch.setattr(platformdirs, "user_pictures_path", folder)
    monkeypatch.setattr(platformdirs, "user_documents_path", folder)
    app = open_app()
    press(app, key)
    assert app.messages.text is not None
    begins = "The screenshot cannot be saved: " if key == "F12" else "The gaze path cannot be "
    assert app.messages.text.startswith(begins)
    assert ("home directory" if trouble == "homeless" else "name too long") in app.messages.text


def test_a_program_without_its_package_metadata_still_records(
    open_app: Callable[[], App], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", unknown)
    monkeypatch.setattr(platformdirs, "user_documents_path", lambda: tmp_path)
    app = open_app()
    press(app, "R")
    assert app.gaze.recorder.path is not None


def test_a_screenshot_of_a_window_without_size_is_a_sentence(
    open_app: Callable[[], App], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platformdirs, "user_pictures_path", lambda: tmp_path)
    app = open_app()
    minimise(monkeypatch)
    press(app, "F12")
    assert app.messages.text is not None
    assert "minimised" in app.messages.text
    assert list(tmp_path.iterdir()) == []


def test_a_dropped_file_whose_name_is_not_utf_8_is_opened(
    open_app: Callable[[], App], window: Window
) -> None:
    app = open_app()
    settle(app)
    kind = glfw._GLFWdropfun  # type: ignore[attr-defined]
    callback = glfw._glfw.glfwSetDropCallback(window.handle, kind(fail))  # type: ignore[attr-defined]
    names = (ctypes.c_char_p * 1)(b"/tmp/caf\xe9.safetensors")
    callback(window.handle, 1, names)
    run_until(app, lambda: app.panes.scene.title == "caf\udce9.safetensors")
    app.playback.playing = False  # a clip that plays leaves the decoder at rest by chance alone
    settle(app)
    app.messages.notify("caf\udce9 and \0 are in a sentence")
    app.step(1 / 60)


def test_a_recording_of_a_scene_whose_title_is_not_utf_8(
    open_app: Callable[[], App], tmp_path: Path
) -> None:
    app = open_app()
    app.gaze.recorder.stop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(platformdirs, "user_documents_path", lambda: tmp_path)
        app.gaze.toggle_recording("caf\udce9")
        app.gaze.stop_recording()
    (file,) = tmp_path.iterdir()
    assert "caf\\udce9" in file.read_text(encoding="utf-8")


def test_a_panorama_beyond_the_largest_texture_is_shown_coarser_with_a_sentence(
    open_app: Callable[[], App],
) -> None:
    app = open_app()
    settle(app)
    width = int(GL.glGetIntegerv(GL.GL_MAX_TEXTURE_SIZE)) + 2
    pixels = torch.zeros(2, width, 4, dtype=torch.uint8)
    pixels[:] = torch.tensor([200, 100, 50, 255], dtype=torch.uint8)
    app.renderer.show(Picture(pixels, Look(), 0, True, 0.0))
    app.step(1 / 60)
    assert app.messages.text is not None
    assert f"{width}×2 is larger than" in app.messages.text
    app.overlay.visible = False
    app.messages.notify("")
    seen = image(app)[:100]
    assert (seen - torch.tensor([200.0, 100.0, 50.0])).abs().max() <= 2


def test_a_hidden_window_waits_for_no_display(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    intervals: list[int] = []
    monkeypatch.setattr(glfw, "swap_interval", intervals.append)
    window.hide()
    assert intervals == [0]


def test_under_wayland_a_swap_never_waits_for_a_window_that_cannot_be_seen(
    display: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    intervals: list[int] = []
    monkeypatch.setattr(glfw, "swap_interval", intervals.append)
    monkeypatch.setattr(glfw, "get_platform", lambda: glfw.PLATFORM_WAYLAND)
    opened = Window("test", 320, 180)
    opened.close()
    assert intervals == [0]


def test_at_rest_it_is_drawn_once_a_second(
    open_app: Callable[[], App], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_app()
    settle(app)
    now = [time.monotonic()]
    app.redraw = Redraw(lambda: now[0])
    monkeypatch.setattr(app.window, "rest", lambda *_: None)
    began, drawn = now[0], []
    for _ in range(20 * 30):
        now[0] += 0.05
        before = app.displayed.total
        app.turn(0.05)
        if app.displayed.total > before:
            drawn.append(now[0])
    late = [at for at in drawn if at > began + 3]
    assert app.redraw.resting
    assert 20 <= len(late) <= 28
    app.camera.look_at(Look.from_degrees(20, 0))
    before = app.displayed.total
    app.turn(0.05)
    assert app.displayed.total == before + 1


def test_the_divider_shows_that_it_can_be_moved(
    open_app: Callable[[], App], window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[object] = []
    monkeypatch.setattr(glfw, "set_cursor", lambda _, cursor: shown.append(cursor))
    app, hand = open_app(), CallbackHand(window)
    settle(app)
    press(app, "C")
    assert app.panes.split is not None
    width, height = window.size
    for _ in range(4):
        hand.move(width // 2, height // 3)
        app.step(1 / 60)
    assert len(shown) == 1
    assert shown[0] is not None
    for _ in range(4):
        hand.move(width // 4, height // 3)
        app.step(1 / 60)
    assert shown[1:] == [None]


def test_no_panel_stays_lit_when_the_cursor_has_left_the_window(
    open_app: Callable[[], App], window: Window
) -> None:
    app, hand = open_app(), CallbackHand(window)
    app.overlay.visible = True
    settle(app)
    width, height = window.size
    for _ in range(4):
        hand.move(width // 2, height - 37)
        app.step(1 / 60)
    assert app.overlay.wants_mouse
    entered = glfw.set_cursor_enter_callback(window.handle, None)  # type: ignore[arg-type]
    if entered is not None:
        entered(window.handle, 0)
    app.step(1 / 60)
    app.step(1 / 60)
    assert not app.overlay.wants_mouse
