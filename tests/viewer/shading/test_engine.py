"""The engine that draws, against the eager one, on whatever draws OpenGL here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from OpenGL import GL
from PIL import Image

from nerv360.decoding import open_engine
from nerv360.devices import choose_device
from nerv360.geometry import Look
from nerv360.scene import Scene, read_scene, write_scene
from nerv360.shaders import Limits, shader_plan
from nerv360.viewer.app import App
from nerv360.viewer.cli import main
from nerv360.viewer.decode.open_scene import OpenScene
from nerv360.viewer.decode.scene_source import engine_source
from nerv360.viewer.opening import DeviceChoice, prepare_scene
from nerv360.viewer.paths import DEMO
from nerv360.viewer.picture.window import Window
from nerv360.viewer.shading.drawer import ContextDrawer, draws_in_software
from nerv360.viewer.shading.faster import NotFasterError, faster_drawn
from tests.support.decoders import psnr
from tests.support.drawn import small, small_scene
from tests.support.fake_driver import install_driver, install_torch
from tests.support.fake_engine import FakeEngine
from tests.support.running import image, settle
from tests.support.scenes import CONFIGS, decoder_over_still

CPU = torch.device("cpu")
LOOKS = [Look(3.1, 0.4), Look(-3.1, -1.5)]


def compare(
    scene: Scene,
    name: str,
    looks: list[Look],
    frames: list[int],
    size: tuple[int, int] | None = None,
) -> list[float]:
    """PSNR of colours and of alpha to the eager engine's pictures."""
    drawn, eager = (open_engine(scene, name, CPU, size, kind=kind) for kind in ("gl", "eager"))
    found = []
    for frame in frames:
        for look in looks:
            ours, theirs = drawn.decode(look, frame), eager.decode(look, frame)
            assert (ours.look, ours.frame) == (theirs.look, theirs.frame)
            assert ours.equirectangular == theirs.equirectangular
            found += [psnr(ours.pixels, theirs.pixels)]
            found += [psnr(ours.pixels[..., 3:], theirs.pixels[..., 3:])]
    return found


@pytest.mark.slow
@pytest.mark.usefixtures("drawer")
@pytest.mark.parametrize("name", CONFIGS)
def test_its_pictures_are_the_eager_engines(name: str) -> None:
    scene = small_scene(name)
    found = compare(scene, name, LOOKS if name == "nerv360" else LOOKS[:1], [2, 0])
    assert min(found) > 50


@pytest.mark.slow
@pytest.mark.parametrize(
    "change", ["wrapped frames", "after projection", "odd widths, bands", "two textures"]
)
def test_so_they_are_for_less_usual_decoders_and_hosts(change: str, drawer: ContextDrawer) -> None:
    scene = small_scene("nerv360", still=False)
    name, config = "nerv360", small("nerv360")
    context = drawer._context
    assert context is not None
    if change == "wrapped frames":
        name, config = "hnerv-boost", small("hnerv-boost").replace(erp_padding="wrap")
        context.limits = replace(context.limits, map_bytes=20_000)
    elif change == "after projection":
        config = config.replace(expand_before_projection=False)
        context.limits = Limits(block_bytes=1024)
    elif change == "two textures":
        name, config = "hnerv-boost", small("hnerv-boost")
        context.limits = Limits(layers=5, map_bytes=20_000)
    else:
        config = config.replace(channels=13, min_width=5, kernels=(3, 5), blocks=(2, 1))
        context.limits = Limits(targets=3, map_bytes=20_000)
    scene.decoders = {name: decoder_over_still(config)}
    plan = shader_plan(scene.decoders[name], limits=context.limits)
    assert len(plan.bands) > 1 or any(program.texture for program in plan.programs)
    assert min(compare(scene, name, LOOKS[:1], [1])) > 50


@pytest.mark.slow
@pytest.mark.usefixtures("drawer")
@pytest.mark.parametrize("project_after", [1, 2, 3])
def test_so_they_are_with_stages_on_the_sphere(project_after: int) -> None:
    """Also the next looks, at a seam of the frame and at its poles."""
    config = small("nerv360").replace(
        frame_height=192, frame_width=384, encoder_strides=(12,), strides=(2, 2, 2),
        kernels=(1, 3, 3), blocks=(1, 0, 1), level_channels=(2, 1), project_after=project_after,
    )  # fmt: skip
    scene = small_scene()
    scene.decoders["nerv360"] = decoder_over_still(config)
    found = compare(scene, "nerv360", [Look(), Look(0.02), *LOOKS, Look(0.5, 1.55)], [2, 0])
    assert min(found) > 50


@pytest.mark.slow
@pytest.mark.usefixtures("drawer")
def test_so_they_are_for_the_demo() -> None:
    """At the seam, at a pole, and near enough to see each pixel of the features."""
    looks = [(180, -10, 78), (45, 90, 78), (-60, 15, 30)]
    given = [Look.from_degrees(yaw, pitch, 0, hfov) for yaw, pitch, hfov in looks]
    assert min(compare(read_scene(DEMO), "nerv360", given, [0, 71], (144, 256))) > 45


@pytest.mark.slow
@pytest.mark.usefixtures("drawer")
@pytest.mark.parametrize("name", ["hnerv", "hnerv-boost"])
def test_so_they_are_for_a_part_of_the_demos_frames(name: str) -> None:
    """Trained weights: what a driver cuts off of half floats came to 42 dB of HNeRV's picture."""
    scene = read_scene(DEMO)
    decoder = scene.decoders[name]
    (height, width), factor = (16, 32), decoder.config.scale
    config = decoder.config.replace(
        frame_height=factor * height, frame_width=factor * width, still_panorama=False
    )
    part = [
        codes[:8, :, 56 * scale : (56 + height) * scale, 40 * scale : (40 + width) * scale]
        for codes, scale in zip(
            (decoder.embeddings, *decoder.finer), (1, *config.level_scales), strict=True
        )
    ]
    weights = {k: v for k, v in decoder.weights.items() if not k.startswith("coverage.")}
    scene.decoders[name] = replace(
        decoder,
        config=config,
        weights=weights,
        embeddings=part[0],
        finer=tuple(part[1:]),
        still=None,
    )
    assert min(compare(scene, name, LOOKS[:1], [7])) > 48


@pytest.mark.usefixtures("window")
@pytest.mark.parametrize("name", CONFIGS)
def test_every_program_is_of_both_languages(name: str) -> None:
    if b"GL_ARB_ES3_compatibility" not in [
        GL.glGetStringi(GL.GL_EXTENSIONS, k) for k in range(GL.glGetIntegerv(GL.GL_NUM_EXTENSIONS))
    ]:
        pytest.skip("OpenGL takes no shaders of OpenGL ES here")
    precisions = "".join(
        f"precision highp {kind};\n" for kind in ("float", "int", "sampler2D", "sampler2DArray")
    )
    for limits in (Limits(), Limits(targets=8, block_bytes=1024)):
        for program in shader_plan(decoder_over_still(small(name)), limits=limits).programs:
            for header in ("#version 330 core\n", f"#version 300 es\n{precisions}"):
                shader = GL.glCreateShader(GL.GL_FRAGMENT_SHADER)
                GL.glShaderSource(shader, header + program.source)
                GL.glCompileShader(shader)
                log = GL.glGetShaderInfoLog(shader)
                assert GL.glGetShaderiv(shader, GL.GL_COMPILE_STATUS), log
                GL.glDeleteShader(shader)


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[Scene, str], OpenScene]:
    return lambda scene, engine: prepare_scene(
        scene, tmp_path / "s.safetensors", DeviceChoice("cpu"), engine
    )


@pytest.mark.slow
def test_in_a_window_pictures_stay_on_the_graphics_card(
    window: Window,
    drawer: ContextDrawer,
    open_app: Callable[[OpenScene], App],
    opened: Callable[[Scene, str], OpenScene],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawer.detach()
    drawer.attach(shares=True)
    scene = small_scene("nerv360", "hnerv")
    app = open_app(opened(scene, "gl"))
    monkeypatch.setattr("nerv360.viewer.shading.drawn_plan.DrawnPlan.read", None)
    app.overlay.visible = False
    for decoder in ("nerv360", "hnerv"):
        app.open(opened(scene, "gl"), decoder)
        app.playback.playing = False
        settle(app)
        engine = app.worker.report.engine
        assert engine is not None
        assert engine.name == "gl"
        assert ("Engine", f"gl on {drawer.renderer}") in app.status.rows()
        assert app.status.rows()[-1][1].startswith("texture to texture")
        for frame in (1, 2, 0, 1):
            app.playback.seek(frame)
            settle(app)
        ours = image(app)
        app.open(opened(scene, "eager"), decoder)
        app.playback.playing = False
        app.playback.seek(1)
        settle(app)
        assert app.status.rows()[-1][1].startswith("pixel buffer")
        theirs = image(app)
        assert float(theirs.std()) > 10, "there is something to see"
        assert psnr(ours, theirs) > 45


@pytest.mark.slow
@pytest.mark.usefixtures("display")
def test_render_draws_without_a_window_to_be_seen(tmp_path: Path) -> None:
    write_scene(tmp_path / "pier.safetensors", small_scene("nerv360"))
    pictures = []
    for engine in ("gl", "eager"):
        output = tmp_path / f"{engine}.png"
        command = ["render", str(tmp_path / "pier.safetensors"), "-o", str(output)]
        assert main([*command, "--engine", engine, "--yaw", "170", "--device", "cpu"]) == 0
        with Image.open(output) as picture:
            pictures.append(torch.from_numpy(np.array(picture)))
    assert psnr(*pictures) > 45


def test_software_never_gets_it_by_itself(drawer: ContextDrawer) -> None:
    assert draws_in_software("llvmpipe (LLVM 15.0.6, 256 bits)")
    assert draws_in_software("Google SwiftShader")
    assert not draws_in_software("Mesa Intel(R) UHD Graphics 620 (KBL GT2)")
    assert drawer.renderer is not None
    software = draws_in_software(drawer.renderer)
    drawer.detach()
    drawer.attach_for("auto")
    assert (drawer.renderer is None) or not software
    scene = small_scene("nerv360", still=False)
    assert (engine_source(scene, "nerv360", CPU).upgrade is None) == (drawer.renderer is None)
    assert engine_source(scene, "nerv360", CPU, "folded").upgrade is None


def test_a_driver_without_a_card_for_torch_does_not_keep_auto_from_drawing(
    drawer: ContextDrawer, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_driver(monkeypatch, 12020)
    install_torch(monkeypatch)
    monkeypatch.setattr("nerv360.viewer.shading.drawer.draws_in_software", lambda renderer: False)
    drawer.detach()
    drawer.attach_for("auto")
    assert drawer.renderer is not None
    device = choose_device("auto")
    assert engine_source(small_scene("nerv360", still=False), "nerv360", device).upgrade is not None


def test_the_faster_of_two_is_taken_and_said(caplog: pytest.LogCaptureFixture) -> None:
    slow, fast = FakeEngine(name="slow", delay=0.05), FakeEngine(name="fast")
    with caplog.at_level("INFO"):
        assert faster_drawn(lambda: fast, lambda: slow) is fast
    assert "fast on cpu takes" in caplog.text
    with pytest.raises(NotFasterError, match=r"slow on cpu takes .* ms a picture, and fast on cpu"):
        faster_drawn(lambda: slow, lambda: fast)
