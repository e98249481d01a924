"""``nerv360 render``: pictures and films without a window, and a sentence for what cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
from PIL import Image

from nerv360.decoding import open_engine
from nerv360.geometry import Look
from nerv360.scene import read_scene, write_scene
from nerv360.sound import RATE, SoundReader, clip_sound, encoded
from nerv360.video import open_clip
from nerv360.viewer.cli import main
from tests.support.scenes import tiny_scene
from tests.support.sounds import sa3d, sounding_clip, tone, with_sound_box


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("scene") / "pier.safetensors"
    write_scene(file, tiny_scene("nerv360", "hnerv", frames=4))
    return file


def picture(path: Path) -> torch.Tensor:
    with Image.open(path) as image:
        return torch.from_numpy(np.array(image))


def render(*arguments: object) -> int:
    return main(["render", *map(str, arguments)])


def test_a_look_the_decoder_knows_is_its_own_picture(scene: Path, tmp_path: Path) -> None:
    file = tmp_path / "view.png"
    assert render(scene, "-o", file, "--yaw", 30, "--pitch", -10, "--frame", 2) == 0
    engine = open_engine(read_scene(scene), "nerv360", "cpu")
    decoded = engine.decode(Look.from_degrees(30, -10), 2).pixels[..., :3]
    assert torch.equal(picture(file), decoded)


def test_an_engine_can_be_named(scene: Path, tmp_path: Path) -> None:
    file = tmp_path / "view.png"
    assert render(scene, "-o", file, "--engine", "eager") == 0
    eager = open_engine(read_scene(scene), "nerv360", "cpu", kind="eager")
    assert torch.equal(picture(file), eager.decode(Look(), 0).pixels[..., :3])


@pytest.mark.parametrize(("output", "kind"), [("view.png", "eager"), ("film.mp4", "auto")])
def test_one_picture_is_not_worth_compiling_for(
    scene: Path, tmp_path: Path, output: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds: list[object] = []

    def fail(*arguments: object) -> None:
        kinds.append(arguments[-1])
        raise RuntimeError("CUDA error: no kernel image is available\nlong story")

    with (
        patch("nerv360.devices.choose_device", return_value=torch.device("cuda")),
        patch("nerv360.decoding.open_engine", fail),
    ):
        assert render(scene, "-o", tmp_path / output) == 2
    assert kinds == [kind]
    said = capsys.readouterr().err
    assert said.endswith(
        f"--engine {kind} cannot be used here: CUDA error: no kernel image is available\n"
    )
    assert not (tmp_path / output).exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--roll", 40, "--size", "60x34"],
        ["--hfov", 120, "--size", "64x36"],
        ["--hfov", 25, "--pitch", 90],
        ["--decoder", "hnerv", "--yaw", 180, "--roll", -15, "--size", "33x57"],
    ],
)
def test_other_looks_and_sizes_leave_no_black(
    scene: Path, tmp_path: Path, options: list[object]
) -> None:
    file = tmp_path / "view.jpg"
    assert render(scene, "-o", file, *options) == 0
    view = picture(file)
    if "--size" in options:
        width, height = map(int, str(options[options.index("--size") + 1]).split("x"))
        assert tuple(view.shape) == (height, width, 3)
    assert float((view.float().sum(-1) > 30).float().mean()) > 0.99


def test_a_film_sweeps_over_the_clip(scene: Path, tmp_path: Path) -> None:
    file = tmp_path / "film.mp4"
    assert render(scene, "-o", file) == 0
    info = open_clip(file).info
    assert (info.width, info.height, info.frames) == (48, 24, 4)
    assert info.fps == pytest.approx(29.97, abs=0.01)


def test_a_film_follows_a_gaze_path(scene: Path, tmp_path: Path) -> None:
    path = tmp_path / "gaze.csv"
    rows = [f"{k / 29.97},{3 - k},{k * 90},0,0,78.1" for k in range(4)]
    path.write_text("time_s,frame,yaw_deg,pitch_deg,roll_deg,hfov_deg\n" + "\n".join(rows) + "\n")
    film, still = tmp_path / "film.mkv", tmp_path / "view.png"
    assert render(scene, "-o", film, "--trajectory", path) == 0
    assert render(scene, "-o", still, "--yaw", 270, "--frame", 0) == 0
    frames = list(open_clip(film))
    assert len(frames) == 4
    error = (frames[3].float() - picture(still).float()).square().mean()
    others = (frames[0].float() - picture(still).float()).square().mean()
    assert error < others
    assert render(scene, "-o", tmp_path / "jvet.mp4", "--trajectory", "jvet:landing-vp1") == 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["-o", "view.gif"], "must end in one of .png"),
        (["-o", "nowhere/view.png"], "the folder nowhere does not exist"),
        (["-o", "taken.png"], "exists already: give another name or --overwrite"),
        (["-o", "view.png", "--pitch", "91"], "--pitch 91: give -90 to 90"),
        (["-o", "view.png", "--yaw", "nan"], "--yaw nan"),
        (["-o", "view.png", "--hfov", "180"], "--hfov 180: give 10 to 160"),
        (["-o", "view.png", "--size", "12"], "--size 12: give width x height"),
        (["-o", "view.png", "--size", "99999x16"], "--size 99999x16"),
        (["-o", "view.png", "--frame", "4"], "--frame 4: the scene has frames 0 to 3"),
        (["-o", "view.png", "--frame", "-1"], "--frame"),
        (
            ["-o", "view.png", "--decoder", "avc"],
            "--decoder: the scene has no decoder avc, only",
        ),
        (["-o", "view.png", "--trajectory", "jvet:landing-vp0"], "a gaze path makes a film"),
        (["-o", "film.mp4", "--size", "33x57"], "a film needs even sides"),
        (["-o", "film.mp4", "--trajectory", "gone.csv"], "--trajectory: gone.csv does not exist"),
        (["-o", "film.mp4", "--trajectory", "jvet:x"], "not a path of JVET class S2"),
        (["-o", "view.png", "--device", "abacus"], "--device"),
        (
            ["-o", "view.png", "--engine", "steam"],
            "--engine: there is no engine 'steam'",
        ),
        (
            ["-o", "view.png", "--engine", "fused"],
            "--engine: the fused engine needs a CUDA device, not cpu",
        ),
        (
            ["-o", "view.png", "--engine", "fused", "--decoder", "hnerv"],
            "--engine: the fused engine decodes viewports, and hnerv whole frames",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(
    scene: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken.png").write_bytes(b"mine")
    assert render(scene, *options) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.startswith("nerv360: ")
    assert error.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["taken.png"]
    assert Path("taken.png").read_bytes() == b"mine"


@pytest.mark.slow
def test_a_film_has_the_sound_of_the_scene_at_its_look(tmp_path: Path) -> None:
    right = np.stack([tone(1.0), -tone(1.0), 0 * tone(1.0), 0 * tone(1.0)])
    clip = with_sound_box(sounding_clip(tmp_path / "a.mp4", right, layout="4.0"), sa3d())
    track = clip_sound(open_clip(clip))
    assert track is not None
    scene = replace(tiny_scene(frames=25), fps=25.0, sound=encoded(track, 1.0))
    file, film = tmp_path / "scene.safetensors", tmp_path / "film.mp4"
    write_scene(file, scene)
    for yaw, louder in ((0, 1), (180, 0)):
        options = ["--sweep", 0, "--yaw", yaw, "--size", "48x24", "--overwrite"]
        assert render(file, "-o", film, *options) == 0
        heard = clip_sound(open_clip(film))
        assert heard is not None
        reader = SoundReader(heard)
        ears = np.abs(reader.read(0, RATE)).mean(0)
        assert not np.abs(reader.read(RATE + 2000, RATE)).any()
        reader.close()
        assert ears[louder] > 5 * ears[1 - louder]
    assert render(file, "-o", film, "--frame", 3, "--size", "48x24", "--overwrite") == 0
    assert clip_sound(open_clip(film)) is None
