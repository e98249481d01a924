"""``nerv360 view`` from the command line to its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from PIL import Image

from nerv360.scene import write_scene
from nerv360.video import open_clip
from nerv360.viewer.app import App
from nerv360.viewer.cli import main
from nerv360.viewer.panels.message import MessagePanel
from nerv360.viewer.picture.film import FPS
from nerv360.viewer.picture.window import Window
from tests.support.fake_driver import install_driver, install_torch
from tests.support.scenes import tiny_scene


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a scene file; settings are kept beside it."""
    monkeypatch.setattr(platformdirs, "user_config_path", lambda name: tmp_path / name)
    path = tmp_path / "scene.safetensors"
    write_scene(path, tiny_scene())
    return path


@pytest.mark.usefixtures("display")
def test_a_window_opens_is_photographed_and_closes(
    scene: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    png = tmp_path / "shot.png"
    options = ["--exit-after", "2", "--screenshot", str(png), "--size", "500x300", "--frame", "1"]
    assert main(["view", str(scene), *options]) == 0
    with Image.open(png) as picture:
        assert picture.size == (500, 300)
        greys = np.asarray(picture.convert("L"))
    assert np.ptp(greys) > 100, "there is something on it"
    assert "decoding with the" in caplog.text
    assert "pictures shown" in caplog.text
    assert capsys.readouterr().out == ""
    stored = json.loads((tmp_path / "nerv360" / "settings.json").read_text())
    assert stored["width"] == 1280, "a size for one time is not remembered"


@pytest.mark.usefixtures("display")
def test_a_wandering_look_is_filmed(scene: Path, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    options = ["--exit-after", "1.5", "--size", "480x270", "--wander", "--film", str(film)]
    assert main(["view", str(scene), *options]) == 0
    info = open_clip(film).info
    assert (info.width, info.height, info.fps) == (480, 270, FPS)
    assert info.frames == pytest.approx(1.5 * FPS, abs=3)
    pictures = list(open_clip(film))
    assert (pictures[-1].float() - pictures[0].float()).abs().mean() > 2, "it moves"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--size", "12"], "--size 12: give width x height"),
        (["--size", "100x20"], "--size 100x20: the window is at least 480x270"),
        (["--exit-after", "0"], "--exit-after 0: give"),
        (["--exit-after", "nan"], "--exit-after nan: give"),
        (["--pitch", "91"], "--pitch 91: give -90 to 90"),
        (["--decoder", "hevc"], "--decoder: the scene has no decoder hevc, only"),
        (["--frame", "-1"], "--frame -1: the scene has frames 0 to"),
        (["--frame", "100000"], "--frame 100000: the scene has frames 0 to"),
        (["--device", "abacus"], "abacus"),
        (["--engine", "steam"], "--engine: there is no engine 'steam', only auto, eager"),
        (
            ["--device", "cpu", "--engine", "fused"],
            "--engine: the fused engine needs a CUDA device, not cpu",
        ),
        (["--screenshot", "no/such/folder/a.png"], "--screenshot no/such/folder/a.png: give"),
        (["--screenshot", "."], "--screenshot .: give a file name"),
        (["--film", "no/such/folder/a.mp4"], "--film no/such/folder/a.mp4: give"),
        (["--film", "film.gif"], "film.gif must end in one of .mp4"),
        (["--wander", "--trajectory", "jvet:balboa-vp0"], "--wander: the look follows"),
        (["--trajectory", "jvet:moon"], "moon"),
        (["--trajectory", "no-such-path.csv"], "--trajectory: no-such-path.csv does not exist"),
    ],
)
def test_options_that_cannot_be_are_refused_before_a_window_opens(
    options: list[str], sentence: str, scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["view", str(scene), *options]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_without_a_display_it_names_the_way_that_needs_none(
    scene: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert main(["view", str(scene)]) == 2
    said = capsys.readouterr().err
    assert "nerv360 render" in said
    assert said.startswith("nerv360: ")
    assert said.count("\n") == 1


@pytest.mark.usefixtures("display")
@pytest.mark.parametrize(("end", "code"), [(KeyboardInterrupt(), 130), (RuntimeError("oh"), None)])
def test_choices_are_kept_however_the_program_ends(
    end: BaseException,
    code: int | None,
    scene: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(app: App, *_: object) -> None:
        app.playback.speed = 2.0
        raise end

    monkeypatch.setattr(App, "run", run)
    if code is None:
        with pytest.raises(RuntimeError, match="oh"):
            main(["view", str(scene)])
    else:
        assert main(["view", str(scene)]) == code
    stored = json.loads((tmp_path / "nerv360" / "settings.json").read_text())
    assert stored["speed"] == 2.0


@pytest.mark.usefixtures("display")
def test_a_screenshot_of_a_window_without_size_is_one_sentence(
    scene: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(Window, "framebuffer_size", property(lambda _: (0, 0)))
    png = tmp_path / "shot.png"
    assert main(["view", str(scene), "--exit-after", "0.2", "--screenshot", str(png)]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if "screenshot" in line]
    assert len(said) == 1
    assert not png.exists()


@pytest.mark.usefixtures("display")
@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_a_card_that_torch_cannot_use_is_spoken_of_unless_the_processor_was_asked_for(
    device: str, scene: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    install_driver(monkeypatch, 12020)
    install_torch(monkeypatch)
    said: list[str] = []
    monkeypatch.setattr(MessagePanel, "notify", lambda panel, sentence: said.append(sentence))
    assert main(["view", str(scene), "--exit-after", "0.2", "--device", device]) == 0
    sentence = "update the driver to R580 or later, or install a torch built for CUDA 12."
    for told in (caplog.text, " ".join(said)):
        assert told.count(sentence) == (device == "auto")
