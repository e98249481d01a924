"""The window's size and place, from one start to the next and from one monitor to another."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import glfw
import pytest
from OpenGL import GL

from nerv360.viewer.picture.monitors import monitor_of, unscaled
from nerv360.viewer.picture.window import Window


@pytest.fixture
def sharp_screen(display: str) -> Iterator[str]:
    """Return the display, so dense (Xft.dpi 192) that everything is drawn at twice the size."""
    subprocess.run(["xprop", "-root", "-f", "RESOURCE_MANAGER", "8s", "-set", "RESOURCE_MANAGER",
                    "Xft.dpi:\t192\n"], check=True, timeout=20)  # fmt: skip
    yield display
    subprocess.run(["xprop", "-root", "-remove", "RESOURCE_MANAGER"], check=True, timeout=20)


@pytest.mark.usefixtures("sharp_screen")
def test_the_window_is_as_large_at_every_start_on_a_screen_with_close_dots() -> None:
    size = (640, 360)
    for _ in range(3):
        window = Window("test", *size)
        window.poll()
        assert window.size == (1280, 720)
        assert window.interface_scale == 2
        size = window.restored_size
        window.close()
    assert size == (640, 360)


@pytest.mark.usefixtures("sharp_screen")
def test_a_remembered_size_is_no_larger_than_the_screen() -> None:
    window = Window("test", 16384, 9216, fitted=True)
    _, _, width, height = glfw.get_monitor_workarea(glfw.get_primary_monitor())
    try:
        assert window.size[0] == pytest.approx(min(width, height * 16 / 9), abs=4)
        assert window.size[0] <= width
        assert window.size[1] <= height
    finally:
        window.close()


@pytest.mark.parametrize("scale", [1.0, 1.25, 1.3333334, 1.5, 1.6666666, 1.75, 2.0, 3.0])
def test_a_size_comes_back_the_same_at_any_scale(
    scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nerv360.viewer.picture.monitors.sizes_are_pixels", lambda: True)
    for width in range(160, 2000):
        first = unscaled((width, 90), scale)[0]
        assert unscaled((int(first * scale), 90), scale)[0] == first


class Desk:
    """Monitors as GLFW tells of them, beside each other and 100, 101, 102 refreshes a second."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *areas: tuple[int, int, int, int]) -> None:
        self.questions = 0
        self.covered: list[tuple[object, ...]] = []
        handles = [f"monitor {i}" for i in range(len(areas))]

        def mode(handle: str) -> object:
            self.questions += 1
            number = handles.index(handle)
            size = SimpleNamespace(width=areas[number][2], height=areas[number][3])
            return SimpleNamespace(size=size, refresh_rate=100 + number)

        monkeypatch.setattr(glfw, "get_monitors", lambda: handles)
        monkeypatch.setattr(glfw, "get_primary_monitor", lambda: handles[0])
        monkeypatch.setattr(glfw, "get_monitor_pos", lambda it: areas[handles.index(it)][:2])
        monkeypatch.setattr(glfw, "get_video_mode", mode)
        monkeypatch.setattr(
            glfw, "set_window_monitor", lambda _, *arguments: self.covered.append(arguments)
        )


def test_full_screen_takes_the_monitor_that_shows_most_of_the_window(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(monkeypatch, (0, 0, 400, 1200), (400, 0, 900, 700), (1300, 0, 600, 1200))
    monkeypatch.setattr(glfw, "get_window_pos", lambda _: (300, 20))  # 640 wide
    window.toggle_fullscreen()
    assert desk.covered.pop() == ("monitor 1", 0, 0, 900, 700, 101)
    assert window.restored_size == (640, 360)
    window.toggle_fullscreen()
    assert desk.covered.pop() == (None, 300, 20, 640, 360, glfw.DONT_CARE)


def test_the_rate_is_that_of_the_windows_monitor_and_asked_again_when_the_window_has_moved(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(monkeypatch, (0, 0, 1000, 1200), (1000, 0, 900, 1200))
    place = [(1100, 0)]
    monkeypatch.setattr(glfw, "get_window_pos", lambda _: place[0])
    moved: Any = glfw.set_window_pos_callback(window.handle, None)  # type: ignore[arg-type]
    if moved is not None:
        moved(window.handle, 1100, 0)
    asked = desk.questions
    assert [window.refresh_rate for _ in range(5)] == [101.0] * 5
    assert desk.questions - asked <= 2, "one question to each monitor"
    place[0] = (100, 0)
    if moved is not None:
        moved(window.handle, 100, 0)
    assert window.refresh_rate == 100.0


def test_a_window_on_no_monitor_gets_the_primary_one(monkeypatch: pytest.MonkeyPatch) -> None:
    Desk(monkeypatch, (0, 0, 1000, 1200), (1000, 0, 900, 1200))
    found = monitor_of((5000, 5000, 100, 100))
    assert found is not None
    assert found.handle == "monitor 0"
    monkeypatch.setattr(glfw, "get_monitors", list)
    assert monitor_of((0, 0, 100, 100)) is None


def test_a_window_becomes_no_larger_than_opengl_can_draw(window: Window) -> None:
    """Mesa ends the process when it draws into a window of 32767 pixels."""
    glfw.set_window_size(window.handle, 32767, 32767)
    for _ in range(20):
        window.poll()
        GL.glClear(GL.GL_COLOR_BUFFER_BIT)
        window.swap()
        if window.framebuffer_size == (8192, 8192):
            break
    assert window.framebuffer_size == (8192, 8192)
    assert window.restored_size == (8192, 8192)
