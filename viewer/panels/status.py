"""Panel of numbers: rates, view, memory and engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from imgui_bundle import ImVec2, imgui

from nerv360.decoding import place_of
from nerv360.text import escaped
from nerv360.viewer.decode import DecodeWorker
from nerv360.viewer.input import Camera, Playback
from nerv360.viewer.panels.layout import FITTED, MARGIN, folded, gives_way, place, table
from nerv360.viewer.panels.statistics import MIB, Memory, rate_of
from nerv360.viewer.panels.theme import WARNING
from nerv360.viewer.picture import Panes, Window

_WIDTH = 262.0
_FOLDED_WIDTH = 150.0
_WHEN_FOLDED = ("Display", "Decode")
_PLOT_HEIGHT = 34.0
_LONGEST_TITLE = 60


@dataclass
class StatusPanel:
    """Rows of numbers and a plot of decoding times, in the upper left.

    Attributes:
        window, camera, playback, worker, panes: read at each drawing.
        display_rate: returns drawings per second, or None at rest.
    """

    hideable = True
    window: Window
    camera: Camera
    playback: Playback
    worker: DecodeWorker
    panes: Panes
    display_rate: Callable[[], float | None]
    _memory: Memory = field(default_factory=Memory)

    def rows(self) -> list[tuple[str, str]]:
        """Return label and value of each line, from the top."""
        scene, playback, report = self.panes.scene, self.playback, self.worker.report
        engine, renderer = report.engine, self.panes.renderers[0]
        yaw, pitch, roll, hfov = self.camera.look().degrees()
        width, height = self.window.framebuffer_size
        shown, decoded = self.display_rate(), rate_of(report.finished)
        decoding = f"{decoded:.{0 if decoded >= 9.95 else 1}f} fps" if decoded else "at rest"
        resident, on_gpu = self._memory.read(engine.device if engine else None)
        memory = f"{resident / MIB:.0f} MiB"
        if on_gpu is not None:
            memory += f", GPU {on_gpu / MIB:.0f} MiB"
        display = ("Display", "at rest" if shown is None else f"{shown:.0f} fps")
        decode = f"{decoding}, {report.times[-1] * 1000:.1f} ms" if report.times else "–"
        view = [
            ("Looking at", f"yaw {yaw:.1f}°, pitch {pitch:.1f}°"),
            ("View", f"{hfov:.1f}° wide, roll {roll:.1f}°"),
            ("Clip", f"{scene.size[1]}×{scene.size[0]}, {playback.fps:g} fps"),
            ("Frame", f"{playback.frame} of {playback.frames}"),
            ("Window", f"{width}×{height}"),
        ]
        if self.panes.split is not None:  # each side has its own panel
            return [display, ("Memory", memory), *view]
        return [
            display,
            ("Decode", decode),
            ("Memory", memory),
            *view,
            ("Picture", _picture(engine.size, report.share) if engine else "–"),
            ("Decoder", self.panes.decoder),
            ("Engine", f"{engine.name} on {place_of(engine)}" if engine else "–"),
            ("Upload", f"{renderer.upload_name}, {renderer.upload_s * 1000:.1f} ms"),
        ]

    def draw(self, scale: float) -> None:
        if gives_way(scale):
            return
        place(MARGIN * scale, MARGIN * scale)
        small = folded(scale)
        display = imgui.get_io().display_size
        widest = display.x * (0.5 if small else 1) - 2 * MARGIN * scale
        narrowest = min(_FOLDED_WIDTH if small else _WIDTH, widest / scale) * scale
        imgui.set_next_window_size_constraints(ImVec2(narrowest, 0), ImVec2(widest, imgui.FLT_MAX))
        imgui.begin("status", None, FITTED)
        imgui.text(escaped(self.panes.scene.title, _LONGEST_TITLE))
        imgui.dummy(ImVec2(0, 1 * scale))
        rows = self.rows()
        table([row for row in rows if row[0] in _WHEN_FOLDED] if small else rows)
        if not small and self.panes.split is None:
            self._plot(scale)
        if not small and (remark := self.worker.report.remark) is not None:
            imgui.push_style_color(imgui.Col_.text, WARNING)
            imgui.push_text_wrap_pos(imgui.get_cursor_pos_x() + _WIDTH * scale)
            imgui.text(escaped(remark))
            imgui.pop_text_wrap_pos()
            imgui.pop_style_color()
        imgui.end()

    def _plot(self, scale: float) -> None:
        """Draw the times of decoding."""
        times = [seconds * 1000 for seconds in self.worker.report.times] or [0.0]
        milliseconds = np.asarray(times, np.float32)
        top = float(max(milliseconds.max() * 1.15, 1.0))
        size = ImVec2(imgui.get_content_region_avail().x, _PLOT_HEIGHT * scale)
        imgui.plot_lines("##ms", milliseconds, scale_min=0.0, scale_max=top, graph_size=size)


def _picture(size: tuple[int, int], share: float) -> str:
    """Return a picture's size, and the share of it that was decoded unless it is all."""
    decoded = f", {share:.0%} decoded" if share < 1 else ""
    return f"{size[1]}×{size[0]}{decoded}"
