"""Actions of keys that act once when pressed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from nerv360.errors import InputError
from nerv360.viewer.failures import describe
from nerv360.viewer.input import Action, Camera, Gaze, Playback, view_command, view_fragment
from nerv360.viewer.opening import OpenDialog
from nerv360.viewer.panels import (
    KeysPanel,
    MenuPanel,
    MessagePanel,
    Overlay,
    SettingsPanel,
    StatusPanel,
)
from nerv360.viewer.picture import Panes, Window, capture, new_screenshot_path, save_png
from nerv360.viewer.sound import Player


class ActionTargets(Protocol):
    """Parts of the application that keys act on."""

    window: Window
    camera: Camera
    playback: Playback
    gaze: Gaze
    panes: Panes
    overlay: Overlay
    status: StatusPanel
    keys: KeysPanel
    messages: MessagePanel
    menu: MenuPanel
    preferences: SettingsPanel
    sound: Player
    dialog: OpenDialog

    def draw(self) -> None:
        """Draw the current view, without swapping."""


def commands(app: ActionTargets) -> dict[Action, Callable[[], None]]:
    """Return the function of every action that happens at once."""
    return {
        Action.ZOOM_IN: lambda: app.camera.zoom(1),
        Action.ZOOM_OUT: lambda: app.camera.zoom(-1),
        Action.RESET: app.camera.reset,
        Action.INERTIA: lambda: _toggle_inertia(app),
        Action.PLAY: app.playback.toggle,
        Action.PREVIOUS_FRAME: lambda: app.playback.step(-1),
        Action.NEXT_FRAME: lambda: app.playback.step(1),
        Action.SLOWER: lambda: app.playback.change_speed(-1),
        Action.FASTER: lambda: app.playback.change_speed(1),
        Action.LOOP: lambda: _toggle(app.playback, "loop"),
        Action.MUTE: lambda: _mute(app),
        Action.LOUDER: lambda: _change_volume(app, 1),
        Action.QUIETER: lambda: _change_volume(app, -1),
        Action.NEXT_DECODER: app.panes.next_decoder,
        Action.SPLIT: app.panes.toggle,
        Action.DIFFERENCE: app.panes.toggle_difference,
        Action.COMPOSITING: app.panes.next_compositing,
        Action.RECORD: lambda: app.gaze.toggle_recording(app.panes.scene.title),
        Action.FULLSCREEN: app.window.toggle_fullscreen,
        Action.OVERLAY: lambda: _toggle(app.overlay, "visible"),
        Action.HELP: lambda: _toggle(app.keys, "visible"),
        Action.SCREENSHOT: lambda: _save_screenshot(app),
        Action.OPEN: app.dialog.open,
        Action.COPY_LINK: lambda: _copy_link(app),
        Action.COPY_COMMAND: lambda: _copy_command(app),
        Action.SETTINGS: lambda: _toggle(app.preferences, "visible"),
        Action.MENU: app.menu.open,
        Action.QUIT: lambda: _leave(app),
    }


def _leave(app: ActionTargets) -> None:
    """Close the menu, or the window if no menu is open."""
    if app.menu.is_open:
        app.menu.close()
    else:
        app.window.request_close()


def _toggle(thing: object, name: str) -> None:
    setattr(thing, name, not getattr(thing, name))


def _toggle_inertia(app: ActionTargets) -> None:
    _toggle(app.camera, "inertia")
    app.messages.notify(f"Inertia is {'on' if app.camera.inertia else 'off'}.")


def _mute(app: ActionTargets) -> None:
    _toggle(app.sound, "muted")
    app.messages.notify(f"Sound is {'off' if app.sound.muted else 'on'}.")


def _change_volume(app: ActionTargets, steps: int) -> None:
    app.sound.change_volume(steps)
    app.messages.notify(f"Volume {app.sound.volume:.0%}.")


def _copy_link(app: ActionTargets) -> None:
    fragment = view_fragment(app.camera.look(), app.playback.frame, app.panes.decoder)
    app.window.copy(fragment)
    app.messages.notify(f"Copied {fragment}: put it behind the address of the scene's page.")


def _copy_command(app: ActionTargets) -> None:
    file, look = app.panes.scene.file, app.camera.look()
    app.window.copy(view_command(file, look, app.playback.frame, app.panes.decoder))
    app.messages.notify("Copied the command that opens this view.")


def _save_screenshot(app: ActionTargets) -> None:
    app.draw()
    try:
        path = new_screenshot_path()
        save_png(path, capture(app.window))
    except InputError as error:
        app.messages.notify(f"The screenshot cannot be saved: {error}")
    except (OSError, RuntimeError) as error:
        app.messages.notify(f"The screenshot cannot be saved: {describe(error)}")
    else:
        app.messages.notify(f"Saved {path}")
