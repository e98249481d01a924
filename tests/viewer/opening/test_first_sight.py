"""First sight of a scene: its still panorama is there, and turns, before torch is."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nerv360.decoding import preloading
from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.scene import write_scene
from nerv360.viewer.app import App
from nerv360.viewer.cli import main
from nerv360.viewer.decode import OpenScene
from nerv360.viewer.opening import start as start_module
from nerv360.viewer.opening.device import DeviceChoice
from nerv360.viewer.opening.start import Start, first_sight
from nerv360.viewer.picture.renderer import CLEAR_COLOUR
from nerv360.viewer.settings import Settings
from tests.support.broken_scenes import WEIGHT, Parts
from tests.support.fake_driver import install_driver
from tests.support.running import drawn, press
from tests.support.scenes import over_still_scene, tiny_scene
from tests.support.sphere_scene import sphere_scene

ROOT = Path(__file__).parents[3]
NOTHING = torch.tensor([round(255 * v) for v in CLEAR_COLOUR])

_SESSION = """
import importlib.abc, sys, threading

gate = threading.Event()

class HoldsTorchBack(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "torch":
            gate.wait(100)

sys.meta_path.insert(0, HoldsTorchBack())

from tests.support.hand import CallbackHand
from nerv360.viewer.app import App
from nerv360.viewer.cli import main
from nerv360.viewer.picture import Window, capture

swap, shown = Window.swap, []

def seen(window):
    if not shown:
        assert not {"torch", "av"} & set(sys.modules)
        print("first", capture(window)[200:].std() > 30)
    shown.append(window)
    swap(window)

def run(app, exit_after, screenshot):
    app.camera.inertia, hand = False, CallbackHand(app.window)
    def turns(until):
        while not until():
            app.turn(1 / 60)
    turns(lambda: len(shown) > 3)
    look, before = app.camera.look(), capture(app.window)
    hand.move(320, 240)
    hand.button(True)
    for x in range(330, 430, 10):
        hand.move(x, 240)
        app.turn(1 / 60)
    hand.button(False)
    turns(lambda: len(shown) > 20)
    app.draw()
    after = capture(app.window)
    print("turned", round(abs(app.camera.look().degrees()[0] - look.degrees()[0])) > 5)
    print("changed", abs(after.astype(int) - before).mean() > 2)
    print("stands still", app.playback.frame == 0, "torch" in sys.modules)
    turned, texture = app.camera.look(), app.renderer.still
    gate.set()
    turns(lambda: app.renderer.picture is not None)
    print("goes on", app.camera.look() == turned, app.renderer.still is texture)
    print(app.panes.error, app.panes.scene.whole)

Window.swap, App.run = seen, run
sys.exit(main(["view", sys.argv[1], "--size", "640x360", "--yaw", "40", "--device", "cpu"]))
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scenes") / "pier.safetensors"
    write_scene(path, over_still_scene("nerv360", "hnerv"))
    return path


@pytest.fixture
def start(file: Path) -> Start:
    found = first_sight(file, None, "cpu")
    assert found is not None
    return found


@pytest.fixture
def look_at(open_app: Callable[..., App]) -> Callable[[Start], App]:
    """Open the application on what is seen first; nothing more is read yet."""

    def look(start: Start) -> App:
        return open_app(start.open(), settings=Settings(inertia=False, overlay=False))

    return look


def turn_until(app: App, condition: Callable[[], object]) -> None:
    for _ in range(100_000):
        if condition():
            return
        app.turn(1 / 60)
    raise AssertionError("what was waited for did not happen")


@pytest.mark.slow
@pytest.mark.usefixtures("display")
def test_it_is_shown_and_turned_by_the_mouse_before_torch_is_loaded(
    file: Path, tmp_path: Path
) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    finished = subprocess.run(
        [sys.executable, "-c", _SESSION, str(file)],
        capture_output=True, text=True, env=environment, cwd=ROOT, timeout=280,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert finished.stdout.splitlines() == [
        "first True",
        "turned True",
        "changed True",
        "stands still True False",
        "goes on True True",
        "None True",
    ]


def held_back(start: Start) -> tuple[Callable[[], OpenScene], threading.Event]:
    """Return the rest of a start as it is read on, which waits for the event."""
    gate, rest = threading.Event(), start.rest
    assert rest is not None

    def late() -> OpenScene:
        gate.wait(60)
        return rest()

    return late, gate


def test_the_clip_and_its_decoders_wait_for_the_rest(
    start: Start, look_at: Callable[[Start], App]
) -> None:
    app = look_at(start)
    late, gate = held_back(start)

    app.camera.look_at(Look.from_degrees(30, 0))
    app.playback.playing = True
    app.arrivals.read_on(late)
    turn_until(app, lambda: app.loader.opening)
    for _ in range(30):
        app.turn(1.0)
    assert app.playback.frame == 0
    assert app.messages.text == "Opening pier.safetensors …"
    press(app, "C")
    assert app.panes.split is None
    assert app.messages.text == "Pier is still being opened: nerv360 is shown until then."
    texture = app.renderer.still
    assert texture is not None
    gate.set()
    turn_until(app, lambda: app.renderer.picture)
    assert app.renderer.still is texture, "it is not uploaded again"
    assert app.camera.look().degrees()[0] == pytest.approx(30)
    app.playback.seek(0)
    app.turn(1.5 / app.playback.fps)
    assert app.playback.frame == 1
    press(app, "C")
    assert app.panes.shown == ("nerv360", "hnerv")


def test_what_is_late_is_not_shown_in_another_scene(
    start: Start, look_at: Callable[[Start], App]
) -> None:
    app = look_at(start)
    late, gate = held_back(start)

    app.arrivals.read_on(late)
    turn_until(app, lambda: app.loader.opening)
    other = sphere_scene()
    app.open(other, "one")
    assert app.renderer.still is None
    gate.set()
    turn_until(app, lambda: not app.loader.opening)
    assert app.panes.scene is other
    assert app.renderer.still is None


def damaged(folder: Path) -> Path:
    """Return a scene with a weight that is not finite, which its first sight cannot tell."""
    path = folder / "broken.safetensors"
    write_scene(path, over_still_scene())
    parts = Parts(path.read_bytes())
    parts.put(WEIGHT, [float("nan")], "e")
    path.write_bytes(parts.bytes())
    return path


def test_of_a_scene_that_turns_out_damaged_nothing_stays_on_screen(
    tmp_path: Path, look_at: Callable[[Start], App]
) -> None:
    path = damaged(tmp_path)
    start = first_sight(path, None, "cpu")
    assert start is not None
    app = look_at(start)
    assert start.rest is not None
    app.arrivals.read_on(start.rest)
    app.turn(0.0)
    assert drawn(app).std() > 30
    turn_until(app, lambda: app.panes.error)
    app.turn(0.0)
    app.draw()
    assert (drawn(app)[:200] - NOTHING).abs().max() <= 1
    text = app.messages.text
    assert text is not None
    assert "broken.safetensors" in text
    assert "not finite" in text
    press(app, "TAB")
    assert not app.window.should_close


@pytest.mark.usefixtures("display")
def test_it_is_said_on_the_command_line_too_when_the_window_closes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    picture = tmp_path / "picture.png"
    line = ["view", str(damaged(tmp_path)), "--device", "cpu", "--exit-after", "0.1"]
    assert main([*line, "--screenshot", str(picture)]) == 2
    assert "not finite" in capsys.readouterr().err.splitlines()[-1]
    assert not picture.exists()


def test_a_file_that_has_changed_meanwhile_is_refused(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "pier.safetensors"
    path.write_bytes(file.read_bytes())
    start = first_sight(path, None, "cpu")
    assert start is not None
    write_scene(path, over_still_scene("nerv360", "hnerv", frames=4))
    assert start.rest is not None
    with pytest.raises(InputError, match="has changed while it was being opened"):
        start.rest()


def test_there_is_none_where_something_must_come_before_the_window(
    file: Path, tmp_path: Path
) -> None:
    plain, short = tmp_path / "plain.safetensors", tmp_path / "short.safetensors"
    write_scene(plain, tiny_scene())
    short.write_bytes(file.read_bytes()[:-1])
    assert first_sight(file, "hnerv", "cpu") is not None
    assert first_sight(file, None, "cuda") is None, "the compilers"
    for path, decoder in ((plain, None), (short, None), (file, "hnerv-boost"), (tmp_path, None)):
        assert first_sight(path, decoder, "cpu") is None, "that there is nothing, or what is wrong"


@pytest.mark.parametrize(
    ("cards", "deep", "hip", "first"),
    [
        (1, True, False, True),
        (2, True, False, False),  # the window's card is the one to decode on
        (1, False, False, False),  # then the compilers come before OpenGL
        (1, True, True, False),
        (0, False, False, True),
    ],
)
def test_beside_one_cuda_card_it_comes_before_torch_too(
    cards: int, deep: bool, hip: bool, first: bool, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_driver(monkeypatch, None if hip else 13000, cards)
    monkeypatch.setattr(preloading, "_torch_builds", lambda: (None if hip else "13.0", hip))
    monkeypatch.setattr(preloading, "_DEEP", 8 if deep else None)
    assert (first_sight(file, None, "auto") is not None) is first


_MESA_FIRST = """
import sys
from nerv360.viewer.picture import Window
from nerv360.viewer.shading import draws_in_software
from OpenGL import GL

window = Window("test", 320, 180)
print(draws_in_software(GL.glGetString(GL.GL_RENDERER).decode()), "triton" in sys.modules)
from nerv360.decoding import load_compilers
load_compilers()
import triton
from tests.support.compile_kernels import GELU, convolution
print(convolution(89, 64, 16, 1, GELU, False)["matrix"] > 0)
from nerv360.viewer.picture import Renderer
renderer = Renderer()  # whose shaders Mesa compiles, by its own LLVM
from nerv360.geometry import Look
renderer.draw(Look(), 320, 180)
window.swap()
print(GL.glReadPixels(0, 0, 1, 1, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE) is not None)
"""


@pytest.mark.slow
@pytest.mark.usefixtures("display")
def test_the_compilers_can_be_loaded_after_mesas_opengl(tmp_path: Path) -> None:
    pytest.importorskip("triton", reason="Triton is not installed")
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    finished = subprocess.run(
        [sys.executable, "-c", _MESA_FIRST],
        capture_output=True, text=True, cwd=ROOT, timeout=280,
        env={**environment, "HOME": str(tmp_path), "TRITON_CACHE_DIR": str(tmp_path)},
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr[-3000:]
    assert finished.stdout.splitlines()[1:] == ["True", "True"]


def test_a_clip_alone_loads_no_compilers(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[bool] = []
    monkeypatch.setattr(start_module, "load_compilers", lambda: loaded.append(True))
    choice, clip = DeviceChoice("cuda"), sphere_scene()
    choice.device = torch.device("cuda")
    Start(clip, "original", choice).prepare()
    assert loaded == []
    Start(replace(clip, sameness=lambda clip: "the same"), "one", choice).prepare()
    assert loaded == [True]
