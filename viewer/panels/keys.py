"""Panel of the keymap."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from viewer.input import KEYMAP
from viewer.panels.layout import FITTED, place
from viewer.panels.theme import ACCENT, QUIET


class KeysPanel:
    """Panel of every key and its action, in the middle.

    Attributes:
        visible: whether it is drawn.
    """

    hideable = False

    def __init__(self) -> None:
        self.visible = False

    def draw(self, scale: float) -> None:
        if not self.visible:
            return
        display = imgui.get_io().display_size
        place(display.x / 2, display.y / 2, 0.5, 0.5)
        imgui.set_next_window_bg_alpha(0.9)
        imgui.begin("keys", None, FITTED)
        half = (len(KEYMAP) + 1) // 2
        if imgui.begin_table("keymap", 4, imgui.TableFlags_.sizing_fixed_fit):
            for row in range(half):
                imgui.table_next_row()
                for index in (row, row + half):
                    if index >= len(KEYMAP):
                        continue
                    imgui.table_next_column()
                    imgui.text_colored(ACCENT, "  ".join(key_label(k) for k in KEYMAP[index].keys))
                    imgui.table_next_column()
                    imgui.text(f"{KEYMAP[index].text}{' ' * 6 if index < half else ''}")
            imgui.end_table()
        imgui.dummy(ImVec2(0, 2 * scale))
        imgui.text_colored(
            QUIET,
            "Drag to look around, wheel to zoom, drop a scene, a video or a gaze path to open it.",
        )
        imgui.end()


_LABELS = {"ESCAPE": "Esc", "KP_0": "Pad 0"}


def key_label(key: str) -> str:
    """Return the label of a key, as printed on its cap."""
    if key in _LABELS:
        return _LABELS[key]
    return key if len(key) == 1 or key[1:].isdigit() else key.capitalize()
