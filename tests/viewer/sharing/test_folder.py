"""A scene as a folder of static files: whole or not at all, and nothing of others lost."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from nerv360.errors import InputError
from nerv360.scene import read_scene, write_scene
from nerv360.shaders import shader_plan
from nerv360.sound import clip_sound, encoded
from nerv360.video import open_clip
from nerv360.viewer.paths import DEMO, data_file
from nerv360.viewer.sharing import check_folder, export_web
from nerv360.viewer.sharing.decoder_file import decoder_file
from tests.support.page import ROOT, asked
from tests.support.scenes import (
    CONFIGS,
    decoder_over_still,
    over_still_scene,
    tiny_scene,
)
from tests.support.sounds import sounding_clip, tone

ALLOWED = 360 * 1024
"""Bytes that an export may have more than its scene."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("scene") / "pier.safetensors"
    made = over_still_scene("hnerv")
    write_scene(file, replace(made, attribution=replace(made.attribution, title="Pier & <script>")))
    return file


@pytest.fixture(scope="module")
def page(scene: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web") / "page"
    export_web(scene, folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_the_demo_takes_little_more_than_its_scene(tmp_path: Path) -> None:
    size = export_web(DEMO, tmp_path / "page")
    assert size == sum(map(len, contents(tmp_path / "page").values()))
    assert size <= 1.05 * DEMO.stat().st_size + ALLOWED, "zlib packs less tightly than LZMA"


def test_nothing_on_the_page_comes_from_elsewhere_or_stands_inline(page: Path) -> None:
    html = (page / "index.html").read_text()
    assert "default-src 'none'" in html
    assert "unsafe" not in html
    assert "require-trusted-types-for 'script'" in html
    assert re.findall(r"<script(?![^>]*src=)|<style|\son\w+=|style=", html) == []
    assert "Pier &amp; &lt;script&gt;" in html
    files = contents(page)
    for name in files:
        if name.endswith((".js", ".css", ".html", ".json")):
            addresses = re.findall(r"https?://[^\s\"')]+", files[name].decode())
            assert addresses == [], name
    for name, named in ((n, c) for n, c in files.items() if n.endswith(".js")):
        for imported in re.findall(r"from \"([^\"]+)\"", named.decode()):
            assert (page / name).parent.joinpath(imported).resolve().is_file(), (name, imported)


def test_a_page_fetches_all_its_modules_at_once(page: Path) -> None:
    html = (page / "index.html").read_text()
    preloaded = re.findall(r'<link rel="modulepreload" href="([^"]+)">', html)
    assert {"view.js", "picture/warp.js", "scene/errors.js"} < set(preloaded)
    assert len(set(preloaded)) == len(preloaded)
    worker = {"scene/unpacking.js", "scene/decoder_file.js", "scene/tensors.js"}
    own = {path.relative_to(page).as_posix() for path in page.rglob("*.js")} - {"page.js"}
    assert own - set(preloaded) < worker | {"scene/coding.js"}


def test_a_scenes_sound_is_a_file_of_the_page(scene: Path, page: Path, tmp_path: Path) -> None:
    assert json.loads((page / "scene.json").read_text())["sound"] is None
    sounding = read_scene(scene)
    clip = sounding_clip(tmp_path / "hum.mp4", tone(0.4))
    track = clip_sound(open_clip(clip))
    assert track is not None
    sounding.sound = encoded(track, 0.4)
    write_scene(tmp_path / "hum.safetensors", sounding)
    export_web(tmp_path / "hum.safetensors", tmp_path / "page")
    sound = json.loads((tmp_path / "page" / "scene.json").read_text())["sound"]
    assert sound == {"file": "sound.ogg", "bytes": len(sounding.sound)}
    assert (tmp_path / "page" / "sound.ogg").read_bytes() == sounding.sound


def test_a_page_draws_by_the_windows_shaders(page: Path) -> None:
    shaders = json.loads((page / "scene.json").read_text())["shaders"]
    window = ["camera_rays.vert", "equirectangular.glsl", "composite.glsl"]
    for name in (*window, "timewarp.frag", "panorama.frag"):
        assert shaders[name] == data_file(f"shaders/{name}").read_text()
    assert shaders["whole.vert"] == (ROOT / "shaders" / "decoder" / "whole.vert").read_text()


def test_a_decoder_draws_by_the_programs_of_its_plan(tmp_path: Path) -> None:
    decoder, file = decoder_over_still(CONFIGS["hnerv"]), tmp_path / "hnerv.safetensors"
    file.write_bytes(decoder_file(decoder))
    (programs,) = asked(("programs", str(file), decoder.frames))
    assert programs == [program.source for program in shader_plan(decoder).programs]


def test_a_decoder_that_no_page_can_draw_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_scene(tmp_path / "large.safetensors", tiny_scene())
    monkeypatch.setattr("nerv360.viewer.sharing.decoder_file._SIDES", (16,))
    sentence = (
        "nerv360 cannot be shown on a page: its shaders need 24 pixels along a texture's side"
    )
    with pytest.raises(InputError, match=sentence):
        export_web(tmp_path / "large.safetensors", tmp_path / "page")
    assert not (tmp_path / "page").exists()


def test_an_export_takes_the_place_of_one_that_nobody_has_changed(scene: Path, page: Path) -> None:
    before = contents(page)
    export_web(scene, page)
    assert contents(page) == before
    assert [path.name for path in page.parent.iterdir()] == ["page"]


def test_an_empty_folder_will_do(scene: Path, tmp_path: Path) -> None:
    export_web(scene, tmp_path)
    assert (tmp_path / "index.html").is_file()


@pytest.mark.parametrize("change", ["style.css", "notes.txt", "scene.json", "picture/notes.txt"])
def test_what_others_have_put_there_stays(scene: Path, tmp_path: Path, change: str) -> None:
    folder = tmp_path / "page"
    export_web(scene, folder)
    (folder / change).write_text("mine")
    before = contents(folder)
    with pytest.raises(InputError, match=r"which is not from an export or has changed since"):
        export_web(scene, folder)
    assert contents(folder) == before


def test_folders_that_cannot_be_are_refused(scene: Path, page: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(page)
    for folder, said in (
        (tmp_path / "file", "is not a folder"),
        (tmp_path / "link", "is not a folder"),
        (tmp_path / "none" / "page", "does not exist"),
    ):
        with pytest.raises(InputError, match=said):
            check_folder(folder)
    with pytest.raises(InputError, match="does not exist"):
        export_web(tmp_path / "none.safetensors", tmp_path / "page")
    assert not (tmp_path / "page").exists(), "nothing half-written"


def test_nothing_is_left_where_it_cannot_be_finished(
    scene: Path, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = contents(page)
    monkeypatch.setattr(Path, "write_bytes", fails)
    for folder in (tmp_path / "page", page):
        with pytest.raises(InputError, match="No space left"):
            export_web(scene, folder)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []
    assert contents(page) == before
    assert [path.name for path in page.parent.iterdir()] == ["page"]
