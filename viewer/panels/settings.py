"""Panel of settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from imgui_bundle import imgui

from nerv360.viewer.input import SPEEDS, Camera, Playback
from nerv360.viewer.panels import theme
from nerv360.viewer.panels.layout import WINDOW, centre
from nerv360.viewer.panels.theme import ACCENT
from nerv360.viewer.picture import Panes
from nerv360.viewer.sound import Player

_WIDTH = 150.0


class SettingsPanel:
    """Inertia, playback, sound, decoder, engine and colours, in the middle; writes to their owners.

    Attributes:
        visible: it is drawn.
        engine: how scenes are decoded, as `open_engine` knows it.
        choose_engine: decodes the open scene by another engine.
    """

    hideable = False

    def __init__(self, camera: Camera, playback: Playback, panes: Panes, sound: Player) -> None:
        self._camera, self._playback, self._panes = camera, playback, panes
        self._sound = sound
        self.visible = False
        self.engine = "auto"
        self.choose_engine: Callable[[str], None] = lambda name: None

    def draw(self, scale: float) -> None:
        """Draw the panel if it is visible."""
        if not self.visible:
            return
        centre(scale)
        imgui.begin("settings", None, WINDOW)
        imgui.text_colored(ACCENT, "Settings")
        imgui.push_item_width(_WIDTH * scale)
        camera, playback, panes = self._camera, self._playback, self._panes
        changed, inertia = imgui.checkbox("The view glides on (inertia)", camera.inertia)
        if changed:
            camera.inertia = inertia
        playback.loop = imgui.checkbox("Loop", playback.loop)[1]
        speeds = [f"{speed:g}×" for speed in SPEEDS]
        chosen = _choice("Speed", speeds, f"{playback.speed:g}×")
        if chosen is not None:
            playback.speed = SPEEDS[speeds.index(chosen)]
        self._draw_sound()
        decoder = _choice("Decoder", panes.scene.decoders, panes.decoder)
        if decoder is not None:
            panes.choose(decoder)
        engines = panes.scene.engines()
        if engines:
            engine = _choice("Engine", engines, self.engine)
            if engine is not None:
                self.choose_engine(engine)
        colours = _choice("Colours", tuple(theme.PALETTES), theme.palette())
        if colours is not None:
            theme.use_palette(colours)
        imgui.pop_item_width()
        if imgui.button("Close"):
            self.visible = False
        imgui.end()

    def _draw_sound(self) -> None:
        sound = self._sound
        changed, heard = imgui.checkbox("Sound", not sound.muted)
        if changed:
            sound.muted = not heard
        changed, percent = imgui.slider_int("Volume", round(sound.volume * 100), 0, 100, "%d %%")
        if changed:
            sound.volume = min(max(percent / 100, 0.0), 1.0)


def _choice(label: str, names: Sequence[str], present: str) -> str | None:
    """Draw a list of ``names``; return the one that was chosen now, if any."""
    chosen = None
    if imgui.begin_combo(label, present):
        for name in names:
            if imgui.selectable(name, name == present)[0]:
                chosen = name
        imgui.end_combo()
    return chosen
