"""Graphics that fail: the window stays, the next engine takes over, and the overlay says why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from OpenGL import GL

from nerv360.viewer.app import App
from nerv360.viewer.decode.open_scene import OpenScene
from nerv360.viewer.opening import DeviceChoice, prepare_scene
from nerv360.viewer.shading import context, programs, textures
from nerv360.viewer.shading.drawer import ContextDrawer
from tests.support.drawn import small_scene
from tests.support.running import drawn, run_until, settle

Patch = pytest.MonkeyPatch


def no_float_targets(patch: Patch) -> None:
    # A format of floats that OpenGL samples, and never draws into.
    formats = dict(textures._FORMATS)
    kind = next(kind for kind in formats if kind.value == "features")
    formats[kind] = (GL.GL_RGB9_E5, GL.GL_RGB, GL.GL_FLOAT)
    patch.setattr(textures, "_FORMATS", formats)


def no_compiler(patch: Patch) -> None:
    patch.setattr(programs, "HEADER", "#version 330 core\nfloat a driver that knows no GLSL;\n")


def small_textures(patch: Patch) -> None:
    ask = context._number
    patch.setattr(context, "_number", lambda n: 32 if n == GL.GL_MAX_TEXTURE_SIZE else ask(n))


def no_memory(patch: Patch) -> None:
    allocate = GL.glTexImage3D

    def too_much(target: Any, level: int, kind: Any, *rest: Any) -> None:
        side = int(GL.glGetIntegerv(GL.GL_MAX_TEXTURE_SIZE))
        allocate(target, level, kind, side, side, 2048, *rest[3:])

    patch.setattr(GL, "glTexImage3D", too_much)


WAYS: dict[str, tuple[Callable[[Patch], None], str]] = {
    "no float targets": (no_float_targets, "the driver cannot draw into textures of half floats"),
    "no compiler": (no_compiler, "the driver does not compile its shader: "),
    "small textures": (
        small_textures,
        "need 40 pixels along a texture's side, and the limit here is 32",
    ),
    "no memory": (no_memory, "the graphics memory does not suffice"),
}


@pytest.fixture
def scene(tmp_path: Path) -> OpenScene:
    return prepare_scene(
        small_scene("nerv360", still=False), tmp_path / "s", DeviceChoice("cpu"), "gl"
    )


def goes_on(app: App, reason: str) -> None:
    """Pictures come from the next engine, are on screen, and the overlay tells of the last."""
    run_until(app, lambda: reason in (app.messages.text or ""))
    run_until(app, lambda: app.renderer.picture is not None)
    settle(app)
    report = app.worker.report
    assert report.engine is not None
    assert report.engine.name.startswith("folded")
    assert report.error is not None
    assert reason in report.error
    assert float(drawn(app).std()) > 1
    assert not app.window.should_close


@pytest.mark.parametrize("way", WAYS)
def test_what_cannot_be_opened_is_told(
    way: str,
    drawer: ContextDrawer,
    open_app: Callable[[OpenScene], App],
    scene: OpenScene,
    monkeypatch: Patch,
) -> None:
    drawer.detach()
    provoke, reason = WAYS[way]
    provoke(monkeypatch)
    drawer.attach(shares=True)
    goes_on(open_app(scene), reason)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["dropped by the driver", "closed"])
def test_a_context_that_is_lost_midway_is_told(
    way: str,
    drawer: ContextDrawer,
    open_app: Callable[[OpenScene], App],
    scene: OpenScene,
    monkeypatch: Patch,
) -> None:
    drawer.detach()
    drawer.attach(shares=True)
    app = open_app(scene)
    run_until(app, lambda: app.renderer.picture is not None)
    engine = app.worker.report.engine
    assert engine is not None
    assert engine.name == "gl"
    if way == "closed":
        drawer.detach()
        reason = "the window whose textures it shares is closed"
    else:  # as drivers answer after a reset; nothing resets one that draws in software
        monkeypatch.setattr("nerv360.viewer.shading.failure.GL.glGetError", lambda: 0x0507)
        reason = "the graphics driver has dropped its context"
    app.playback.seek(2)
    goes_on(app, reason)


def test_without_a_context_the_reason_is_told(
    drawer: ContextDrawer, open_app: Callable[[OpenScene], App], scene: OpenScene
) -> None:
    drawer.detach()
    drawer.attach(shares=True, software=False)  # may leave a reason of its own
    drawer.detach()
    drawer.offer()
    goes_on(open_app(scene), "there is no window to draw beside")
