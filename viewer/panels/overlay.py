"""imgui over the picture: its context, its events and its panels."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from imgui_bundle import ImVec2, imgui

from nerv360.viewer.panels import theme
from nerv360.viewer.picture import Window


class Panel(Protocol):
    """Panel of the overlay; it reads and writes the parts of the application it was made with.

    Attributes:
        hideable: it is drawn only while the overlay is visible.
    """

    hideable: bool

    def draw(self, scale: float) -> None:
        """Draw the panel if there is something to show, and apply what the mouse does to it.

        Args:
            scale: size of the interface, 1 at 96 dpi.
        """


class Overlay:
    """The overlay of one window.

    Attributes:
        visible: whether hideable panels are drawn; the others always are.
    """

    def __init__(self, window: Window, panels: Sequence[Panel]) -> None:
        """Create imgui's context.

        Args:
            window: of the panels.
            panels: from bottom to top.

        Raises:
            RuntimeError: imgui finds no OpenGL to draw with.
        """
        imgui.create_context()
        io = imgui.get_io()
        io.set_ini_filename("")
        io.set_log_filename("")
        io.config_error_recovery_enable_tooltip = False
        theme.load_font()
        self._window = window
        self._panels = panels
        if not imgui.backends.opengl3_init("#version 330"):
            raise RuntimeError("imgui finds no OpenGL to draw with")
        self._scale = 0.0
        self._drawn_at = time.perf_counter()
        self.visible = True

    @property
    def wants_mouse(self) -> bool:
        """Whether the cursor was on a panel, or held by one, when the panels were last drawn."""
        return bool(imgui.get_io().want_capture_mouse)

    def takes_mouse_at(self, x: float, y: float) -> bool:
        """Return True if a panel lies at this point now, or holds the mouse.

        Unlike `wants_mouse`, it does not wait for the next drawing.
        """
        imgui.internal.update_hovered_window_and_capture_flags(ImVec2(x, y))
        return self.wants_mouse

    def cursor(self, x: float, y: float) -> None:
        imgui.get_io().add_mouse_pos_event(x, y)

    def cursor_left(self) -> None:
        imgui.get_io().add_mouse_pos_event(-imgui.FLT_MAX, -imgui.FLT_MAX)

    def button(self, index: int, pressed: bool) -> None:
        if index < 5:
            imgui.get_io().add_mouse_button_event(index, pressed)

    def scroll(self, x: float, y: float) -> None:
        """Take a turn of the wheel."""
        imgui.get_io().add_mouse_wheel_event(x, y)

    def draw(self) -> None:
        """Draw the panels over the framebuffer.

        Raises:
            Exception: the first error raised by a panel, after the others have been drawn.
        """
        scale = self._window.interface_scale
        if scale != self._scale:
            theme.apply(scale)
            self._scale = scale
        self._begin()
        failures: list[Exception] = []
        for panel in self._panels:
            if panel.hideable and not self.visible:
                continue
            state = imgui.internal.ErrorRecoveryState()
            imgui.internal.error_recovery_store_state(state)
            try:
                panel.draw(scale)
            except Exception as error:
                failures.append(error)
                _recover(state)
        imgui.render()
        imgui.backends.opengl3_render_draw_data(imgui.get_draw_data())
        self._window.set_cursor(resizing=imgui.get_mouse_cursor() == imgui.MouseCursor_.resize_ew)
        if failures:
            raise failures[0]

    def close(self) -> None:
        """Free what it holds in the OpenGL context."""
        imgui.backends.opengl3_shutdown()
        imgui.destroy_context()

    def _begin(self) -> None:
        io, now = imgui.get_io(), time.perf_counter()
        (width, height), (columns, rows) = self._window.size, self._window.framebuffer_size
        io.display_size = ImVec2(width, height)
        io.display_framebuffer_scale = ImVec2(columns / width, rows / height)
        io.delta_time = max(now - self._drawn_at, 1e-3)
        self._drawn_at = now
        imgui.backends.opengl3_new_frame()
        imgui.new_frame()


def _recover(state: imgui.internal.ErrorRecoveryState) -> None:
    """Close what a failed panel has left open in imgui."""
    io = imgui.get_io()
    io.config_error_recovery_enable_assert = False
    try:
        imgui.internal.error_recovery_try_to_recover_state(state)
    finally:
        io.config_error_recovery_enable_assert = True
