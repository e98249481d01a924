"""Panel with a map of the whole sphere."""

from __future__ import annotations

from typing import Any

from imgui_bundle import ImVec2, imgui

from nerv360.viewer.input import Camera
from nerv360.viewer.panels.layout import FITTED, MARGIN, folded, gives_way, place
from nerv360.viewer.panels.theme import ACCENT, FAINT, TEXT, colour
from nerv360.viewer.panels.viewport_border import outline
from nerv360.viewer.picture import Panes, Window

_WIDTH = 220.0
_FOLDED_WIDTH = 110.0


class MinimapPanel:
    """Map of the sphere with the viewport's outline, in the upper right."""

    hideable = True

    def __init__(self, window: Window, camera: Camera, panes: Panes) -> None:
        self._window = window
        self._camera = camera
        self._panes = panes

    def draw(self, scale: float) -> None:
        if gives_way(scale):
            return
        look, (columns, rows) = self._camera.look(), self._window.size
        display, renderer = imgui.get_io().display_size, self._panes.renderers[0]
        width = (_FOLDED_WIDTH if folded(scale) else _WIDTH) * scale
        size = ImVec2(width, width / 2)
        place(display.x - MARGIN * scale, MARGIN * scale, 1.0, 0.0)
        imgui.push_style_var(imgui.StyleVar_.window_padding, ImVec2(6 * scale, 6 * scale))
        imgui.begin("minimap", None, FITTED)
        corner = imgui.get_cursor_screen_pos()
        imgui.dummy(size)
        draw = imgui.get_window_draw_list()
        end = ImVec2(corner.x + size.x, corner.y + size.y)
        draw.add_rect_filled(corner, end, colour(FAINT, 0.4), 4 * scale)
        for sphere in renderer.spheres:
            reference = imgui.ImTextureRef(sphere.id)
            draw.add_image_rounded(
                reference, corner, end, ImVec2(0, 0), ImVec2(1, 1), 0xFFB8B8B8, 4 * scale
            )
        draw.push_clip_rect(corner, end, True)
        for line in outline(look, columns / rows):
            points: list[Any] = [(corner.x + u * size.x, corner.y + v * size.y) for u, v in line]
            draw.add_polyline(points, colour(TEXT), 1.6 * scale, 0)
        yaw, pitch, _, _ = look.degrees()
        centre = ImVec2(
            corner.x + (yaw / 360 + 0.5) * size.x, corner.y + (0.5 - pitch / 180) * size.y
        )
        draw.add_circle_filled(centre, 2.5 * scale, colour(ACCENT))
        draw.pop_clip_rect()
        imgui.end()
        imgui.pop_style_var()
