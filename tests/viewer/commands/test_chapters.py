"""Commands know a scene of several chapters as one clip."""

from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nerv360
from nerv360.geometry import Look
from nerv360.scene import write_coded
from nerv360.viewer.cli import main
from tests.support.scenes import chaptered_scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("scene") / "pier.safetensors"
    write_coded(file, chaptered_scene("hnerv")[0])
    return file


def test_info_lists_them(scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(scene), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["scene"]["chapters"] == [0, 3, 5]
    assert report["scene"]["frames"] == 9
    assert main(["info", str(scene)]) == 0
    assert "in 3 chapters" in " ".join(capsys.readouterr().out.split())


def test_render_takes_a_frame_of_the_whole_clip(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "view.png"
    arguments = ["render", str(scene), "--device", "cpu", "--yaw", "40"]
    assert main([*arguments, "--frame", "7", "-o", str(picture)]) == 0
    engine = nerv360.open_engine(scene, "hnerv", "cpu")
    config = chaptered_scene("hnerv")[0].header.configs["hnerv"]
    look = Look.from_degrees(40.0, 0.0, 0.0, config.hfov_deg)
    size = config.viewport_height, config.viewport_width
    wanted = nerv360.render_view(engine, look, 7, *size)
    assert np.array_equal(np.array(Image.open(picture)), wanted.numpy())
    assert main([*arguments, "--frame", "9", "-o", str(tmp_path / "none.png")]) == 2
    assert "the scene has frames 0 to 8" in capsys.readouterr().err
    film = tmp_path / "film.mp4"
    assert main([*arguments, "-o", str(film)]) == 0
    assert nerv360.open_clip(film).info.frames == 9


def test_a_page_has_files_of_each_chapter(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "page"
    assert main(["export-web", str(scene), "-o", str(folder)]) == 0
    assert "its page is index.html" in capsys.readouterr().out
    described = json.loads((folder / "scene.json").read_text())
    assert [chapter["first"] for chapter in described["chapters"]] == [0, 3, 5]
    for number, chapter in enumerate(described["chapters"]):
        files = [chapter["still"], chapter["motion"], chapter["decoders"]["hnerv"]]
        names = [f"still-000{number}.avif", f"motion-000{number}.bin"]
        assert [file["file"] for file in files] == [*names, f"hnerv-000{number}.safetensors"]
        for file in files:
            assert (folder / file["file"]).stat().st_size == file["bytes"]
    assert len({(folder / f"still-000{k}.avif").read_bytes() for k in range(3)}) == 3


def test_a_damaged_chapter_leaves_no_page(
    scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "damaged.safetensors"
    shutil.copy(scene, file)
    with file.open("r+b") as damaged:
        length = int.from_bytes(damaged.read(8), "little")
        header = json.loads(damaged.read(length))
        begin, end = header["0002/hnerv.embeddings"]["data_offsets"]
        damaged.seek(8 + length + begin)
        damaged.write(bytes(end - begin))
    assert main(["export-web", str(file), "-o", str(tmp_path / "page")]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"nerv360: {file} is damaged: ")
    assert list(tmp_path.iterdir()) == [file]


def test_a_notebook_shows_it(scene: Path) -> None:
    with nerv360.show(scene, frame=7) as page, urllib.request.urlopen(page.url) as answer:
        assert b"<canvas" in answer.read()
    with pytest.raises(nerv360.InputError, match="frames 0 to 8, not 9"):
        nerv360.show(scene, frame=9)
