"""A page of a scene with several chapters: the server sends whole pictures of any frame."""

from __future__ import annotations

import io
import json
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nerv360.decoding import open_engine
from nerv360.geometry import Look
from nerv360.rendering import render_view
from nerv360.scene import read_scene, write_coded
from nerv360.viewer.opening import DeviceChoice
from nerv360.viewer.sharing import SceneFiles, SharedDecoding, export_web, scene_page
from nerv360.viewer.sharing.messages import Ask
from tests.support.page import psnr
from tests.support.scenes import chaptered_scene
from tests.support.serving import answer, get, running, shared_decoding, status

LOOK = Look(0.5, 0.2, 0.0, 1.0)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("scene") / "pier.safetensors"
    write_coded(file, chaptered_scene("nerv360", "hnerv")[0])
    return file


@pytest.fixture
def decoding(file: Path, tmp_path: Path) -> Iterator[SharedDecoding]:
    first = read_scene(file, chapter=0)
    with shared_decoding(
        scene_page(first, file, tmp_path / "page", "auto", DeviceChoice("cpu"))
    ) as shared:
        yield shared


def test_its_page_is_decoded_where_the_visitor_likes(
    file: Path, decoding: SharedDecoding, tmp_path: Path
) -> None:
    description = json.loads((tmp_path / "page" / "scene.json").read_text())
    assert description["frames"] == decoding.scene.frames == 9
    assert description["live"]["prefers"] == "auto"
    files = SceneFiles(file, quick=True)
    assert description["chapters"] == files.chapters
    assert not [name for name in files.names if (tmp_path / "page" / name).exists()]


def test_a_server_makes_the_files_of_chapters(file: Path, tmp_path: Path) -> None:
    export_web(file, tmp_path / "page")
    copy = tmp_path / "scene.safetensors"
    copy.write_bytes(file.read_bytes())
    export_web(copy, tmp_path / "served", served=True)
    with running(tmp_path / "served", files=SceneFiles(copy)) as address:
        for name in ("still-0002.avif", "motion-0001.bin", "hnerv-0000.safetensors"):
            said = answer(address.port, get(f"/{name}", f"127.0.0.1:{address.port}"))
            assert said.partition(b"\r\n\r\n")[2] == (tmp_path / "page" / name).read_bytes()
        assert status(answer(address.port, get("/still-0003.avif", "localhost"))) == 404
        copy.write_bytes(b"")
        assert status(answer(address.port, get("/still-0001.avif", "localhost"))) == 503


@pytest.mark.parametrize("decoder", ["nerv360", "hnerv"])
def test_pictures_of_all_chapters_are_those_that_render_makes(
    decoder: str, file: Path, decoding: SharedDecoding
) -> None:
    got: queue.Queue[Any] = queue.Queue()
    visitor = decoding.join(got.put)
    engine = open_engine(file, decoder, "cpu")
    pictures = []
    for number, frame in enumerate([0, 7, 4, 8, 1], 1):
        decoding.ask(visitor, Ask(number, 1, decoder, LOOK, frame, 4000))
        message = got.get(timeout=60)
        decoding.seen(visitor, number)
        length = int.from_bytes(message[:4], "little")
        header = json.loads(message[4 : 4 + length])
        assert (header["frame"], header["alpha"]) == (frame, 0)
        colours = Image.open(io.BytesIO(message[4 + length :]))
        picture = np.array(colours)
        look = Look(*header["look"])
        wanted = render_view(engine, look, frame, header["height"], header["width"]).numpy()
        assert psnr(picture, wanted) > 32, f"frame {frame}"
        pictures.append(picture)
    assert psnr(pictures[0], pictures[1]) < 25, "chapters look different"
