"""Panel of the keymap."""

from __future__ import annotations

from imgui_bundle import ImVec2, imgui

from nerv360.viewer.input import KEYMAP
from nerv360.viewer.panels.layout import WINDOW, centre, folded
from nerv360.viewer.panels.theme import ACCENT, QUIET


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
        centre(scale)
        imgui.begin("keys", None, WINDOW)
        columns = 1 if folded(scale) else 2
        half = -(-len(KEYMAP) // columns)
        if imgui.begin_table("keymap", 2 * columns, imgui.TableFlags_.sizing_fixed_fit):
            for row in range(half):
                imgui.table_next_row()
                for index in range(row, len(KEYMAP), half):
                    imgui.table_next_column()
                    imgui.text_colored(ACCENT, "  ".join(key_label(k) for k in KEYMAP[index].keys))
                    imgui.table_next_column()
                    imgui.text(f"{KEYMAP[index].text}{' ' * 6 if index < half else ''}")
            imgui.end_table()
        imgui.dummy(ImVec2(0, 2 * scale))
        imgui.text_colored(
            QUIET,
            "Drag to look around, wheel to zoom, drop a scene, a video or a gaze path to open it."
            if columns > 1
            else "Drag to look around, wheel to zoom, drop a file to open it.",
        )
        imgui.end()


_LABELS = {"ESCAPE": "Esc", "KP_0": "Pad 0", "PAGE_UP": "Page up", "PAGE_DOWN": "Page down"}


def key_label(key: str) -> str:
    """Return the label of a key, as printed on its cap."""
    if key in _LABELS:
        return _LABELS[key]
    return key if len(key) == 1 or key[1:].isdigit() else key.capitalize()
