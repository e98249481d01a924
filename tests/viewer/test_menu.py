"""The menu, the settings, the file dialog and what the window remembers, by hand."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import glfw
import platformdirs
import pytest
import torch

from nerv360.geometry import Look
from nerv360.video import VideoWriter, open_clip
from nerv360.viewer.app import App
from nerv360.viewer.cli import main
from nerv360.viewer.decode.open_scene import OpenScene
from nerv360.viewer.input.address import view_command, view_fragment
from nerv360.viewer.input.keymap import KEYMAP, Action
from nerv360.viewer.opening.clip import put_beside
from nerv360.viewer.panels.theme import palette, use_palette
from nerv360.viewer.settings import Settings, load_settings, save_settings
from tests.support.hand import CallbackHand
from tests.support.running import press, run_until, settle
from tests.support.sphere_scene import sphere_scene


def right_click(app: App, x: int, y: int) -> None:
    hand = CallbackHand(app.window)
    hand.move(x, y)
    app.step(1 / 60)
    for action in (glfw.PRESS, glfw.RELEASE):
        hand._call(glfw.set_mouse_button_callback, glfw.MOUSE_BUTTON_RIGHT, action, 0)
        app.step(1 / 60)
        app.window.swap()


def click(app: App, x: float, y: float) -> None:
    hand = CallbackHand(app.window)
    hand.move(round(x), round(y))
    app.step(1 / 60)
    for pressed in (True, False):
        hand.button(pressed)
        app.step(1 / 60)


def test_the_right_button_opens_a_menu_whose_items_do_what_keys_do(
    open_app: Callable[..., App],
) -> None:
    app = open_app(settings=Settings(inertia=False))
    settle(app)
    done: list[Action] = []
    app.menu.commands = {a: partial(done.append, a) for a in app.menu.commands}
    right_click(app, 250, 20)
    look = app.camera.look()
    for row in range(40):  # one row after the other, from the top, until the menu has closed
        click(app, 270, 30 + 20 * row)
        app.update(0)
        if done:
            break
    assert done == [Action.OPEN]
    assert app.camera.look() == look


def test_every_key_that_does_something_at_once_is_in_the_menu(open_app: Callable[..., App]) -> None:
    app = open_app()
    held = {b.action for b in KEYMAP} - set(app.menu.commands)
    assert held == {
        Action.TURN_LEFT, Action.TURN_RIGHT, Action.TURN_UP, Action.TURN_DOWN,
        Action.ROLL_LEFT, Action.ROLL_RIGHT,
    }  # fmt: skip


def test_escape_closes_an_open_menu_and_only_then_the_window(open_app: Callable[..., App]) -> None:
    app = open_app()
    settle(app)
    right_click(app, 250, 20)
    app.step(1 / 60)
    assert (app.menu.is_open, app.window.should_close) == (True, False)
    press(app, "ESCAPE")
    app.step(1 / 60)
    app.step(1 / 60)
    assert (app.menu.is_open, app.window.should_close) == (False, False)
    press(app, "ESCAPE")
    assert (app.menu.is_open, app.window.should_close) == (False, True)


def test_how_the_scene_came_out_is_in_the_menu(open_app: Callable[..., App]) -> None:
    app = open_app()
    settle(app)
    app.panes.scene = replace(app.panes.scene, outcome=lambda decoder: (f"{decoder} is sharp.",))
    assert app.menu.outcome() == (f"{app.panes.decoder} is sharp.",)
    right_click(app, 250, 20)
    hand = CallbackHand(app.window)
    for row in range(6):  # opens and draws one submenu after the other
        hand.move(270, 30 + 20 * row)
        app.step(1 / 60)


def test_what_is_chosen_happens_outside_of_the_drawing(open_app: Callable[..., App]) -> None:
    app = open_app()
    happened: list[str] = []
    app.menu._chosen.append(lambda: happened.append("done"))
    app.draw()
    assert not happened
    app.update(0)
    app.update(0)
    assert happened == ["done"]


def test_a_view_is_copied_as_the_page_and_the_command_line_take_it(
    open_app: Callable[..., App],
) -> None:
    app = open_app(sphere_scene())
    settle(app)
    app.camera.look_at(Look.from_degrees(30, -10, 0, 60))
    app.playback.seek(7)
    copied: list[object] = []
    for key in ("K", "J"):
        press(app, key)
        app.step(0)
        copied.append(glfw.get_clipboard_string(app.window.handle))
    assert copied == [
        b"#yaw=30&pitch=-10&hfov=60&frame=7&decoder=one",
        b"nerv360 view --yaw=30 --pitch=-10 --hfov=60 --frame=7 --decoder=one",
    ]


def test_a_copied_command_names_any_file_safely() -> None:
    command = view_command(Path("a b';rm.safetensors"), Look.from_degrees(1, 2, 5), 0, "hnerv")
    assert command.startswith("""nerv360 view 'a b'"'"';rm.safetensors' --yaw=1 --pitch=2""")
    assert "--roll=5" in command
    assert "roll=5" in view_fragment(Look.from_degrees(1, 2, 5), 0, "hnerv")


@pytest.mark.parametrize(
    ("option", "value"), [("--roll", "181"), ("--hfov", "29"), ("--hfov", "111"), ("--roll", "nan")]
)
def test_a_first_view_out_of_range_is_refused(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["view", option, value]) == 2
    assert capsys.readouterr().err.startswith(f"nerv360: {option} {value}: give ")


def test_settings_choose_a_decoder_and_swap_the_sides_of_a_split_view(
    open_app: Callable[..., App],
) -> None:
    app = open_app()
    settle(app)
    app.panes.choose("two")
    shown = [app.panes.shown]
    app.panes.toggle()
    shown.append(app.panes.shown)
    app.panes.choose("one")
    shown.append(app.panes.shown)
    assert shown == [("two",), ("two", "one"), ("one", "two")]
    settle(app)


def test_another_engine_opens_the_scene_again_where_it_was(
    open_app: Callable[..., App], tmp_path: Path
) -> None:
    scene = replace(sphere_scene(), file=tmp_path / "a.safetensors")
    opened: list[str] = []

    def load(path: Path) -> OpenScene:
        opened.append(app.preferences.engine)
        return replace(sphere_scene(), file=path)

    app = open_app(scene, load)
    settle(app)
    app.panes.choose("two")
    app.playback.seek(4)
    app.choose_engine("eager")
    run_until(app, lambda: opened and app.panes.scene is not scene)
    assert (opened, app.panes.decoder, app.playback.frame) == (["eager"], "two", 4)
    assert not app.playback.playing
    settle(app)


def test_another_engine_keeps_the_clip_beside_the_scene(
    open_app: Callable[..., App], tmp_path: Path
) -> None:
    with VideoWriter(tmp_path / "clip.mp4", 96, 48, 10) as video:
        for _ in range(8):
            video.write(torch.full((48, 96, 3), 128, dtype=torch.uint8))

    def load(path: Path) -> OpenScene:
        return replace(sphere_scene(), file=path, sameness=lambda clip: "the scene's own")

    clip = open_clip(tmp_path / "clip.mp4")
    scene = put_beside(load(tmp_path / "a.safetensors"), clip, None)
    app = open_app(scene, load)
    settle(app)
    app.choose_engine("eager")
    run_until(app, lambda: app.panes.scene is not scene)
    assert app.panes.scene.decoders == scene.decoders
    assert app.panes.scene.beside is clip
    settle(app)


def test_colours_and_recent_files_are_remembered(
    open_app: Callable[..., App], tmp_path: Path
) -> None:
    first, second = (tmp_path / name for name in ("a.safetensors", "b.mp4"))
    app = open_app(
        replace(sphere_scene(), file=first),
        settings=Settings(colours="amber", recent=(str(second), str(first))),
    )
    assert palette() == "amber"
    assert app.menu.recent() == [first, second]
    save_settings(tmp_path / "settings.json", app.settings())
    stored = load_settings(tmp_path / "settings.json")
    assert (stored.colours, stored.recent) == ("amber", (str(first), str(second)))
    assert stored.greeted


def test_unknown_colours_are_the_usual_ones(open_app: Callable[..., App]) -> None:
    use_palette("green")
    open_app(settings=Settings(colours="no such"))
    assert palette() == "blue"


def helper(folder: Path, text: str) -> None:
    """Put a stand-in for zenity into ``folder``, which takes only what zenity takes."""
    script = folder / "zenity"
    script.write_text(
        "#!/bin/sh\nwhile [ $# -gt 0 ]; do case $1 in --file-selection) chosen=1;; "
        "--title|--file-filter) shift;; --filename=*|--separator=*|--confirm-overwrite|--multiple) "
        f';; *) exit 2;; esac; shift; done\n[ "$chosen" = 1 ] || exit 2\n{text}\n'
    )
    script.chmod(0o755)


def test_a_file_is_chosen_in_the_desktops_dialog(
    open_app: Callable[..., App], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper(tmp_path, f"echo '{tmp_path}/chosen file.mp4'")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    loaded: list[Path] = []

    def load(path: Path) -> OpenScene:
        loaded.append(path)
        return sphere_scene(title="chosen")

    app = open_app(load=load)
    settle(app)
    press(app, "O")
    run_until(app, lambda: app.panes.scene.title == "chosen")
    assert loaded == [tmp_path / "chosen file.mp4"]


def test_a_dialog_that_is_called_off_opens_nothing(
    open_app: Callable[..., App], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper(tmp_path, "exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    app = open_app()
    settle(app)
    app.dialog.open()
    run_until(app, lambda: app.dialog._dialog is None)
    assert not app.loader.opening


def test_without_a_program_for_dialogs_the_window_says_what_to_do(
    open_app: Callable[..., App], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    app = open_app()
    press(app, "O")
    app.step(0)
    assert "install zenity or kdialog" in (app.messages.text or "")


def test_the_first_window_says_how_to_use_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, display: str
) -> None:
    said: list[str] = []
    monkeypatch.setattr(platformdirs, "user_config_path", lambda name: tmp_path / name)
    monkeypatch.setattr(
        "nerv360.viewer.panels.message.MessagePanel.notify", lambda self, s: said.append(s)
    )
    for _ in range(2):
        assert main(["view", "--exit-after", "0.1", "--size", "480x270", "--engine", "eager"]) == 0
    assert sum("right mouse button" in sentence for sentence in said) == 1
