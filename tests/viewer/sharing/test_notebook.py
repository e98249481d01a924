"""`nerv360.show`: a page of the notebook's process, for as long as that lives."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import nerv360
from nerv360.scene import write_scene
from nerv360.viewer.sharing import ShownPage, show
from tests.support.scenes import tiny_scene
from tests.support.serving import PATIENCE_S

NOTEBOOK = Path(__file__).parents[3] / "docs" / "examples" / "look_around.ipynb"


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    path = tmp_path / "clip.safetensors"
    write_scene(path, tiny_scene("nerv360", "hnerv", frames=3))
    return path


def status(url: str) -> int:
    """Return the status of a request, 0 if nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError:
        return 0


def header_of_picture(url: str, decoder: str) -> dict[str, Any]:
    """Ask as the page does; return the header of the picture that comes."""
    base = url.partition("#")[0]
    host = re.match(r"http://[^/]+", base)
    assert host is not None
    ask = {
        "id": 7, "generation": 1, "decoder": decoder, "frame": 2, "look": [1, 0, 0, 1.3],
        "width": 64,
    }  # fmt: skip

    async def visit() -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(base + "live", headers={"Origin": host[0]}) as opened,
        ):
            await opened.receive(PATIENCE_S)
            await opened.send_json({"ask": ask})
            data = (await opened.receive(PATIENCE_S)).data
            return json.loads(data[4 : 4 + int.from_bytes(data[:4], "little")])

    return dict(asyncio.run(visit()))


def test_a_page_is_there_until_it_is_closed(scene: Path) -> None:
    with show(scene, nerv360.Look.from_degrees(30, -10), decoder="hnerv", frame=2) as page:
        assert page.url.endswith("/#yaw=30&pitch=-10&hfov=78.1&frame=2&decoder=hnerv")
        assert re.match(r"http://127\.0\.0\.1:\d+/[\w-]{24}/#", page.url)
        assert status(page.url) == 200
        assert status(re.sub(r"/[\w-]{24}/.*", "/", page.url)) == 403, "it needs the token"
        header = header_of_picture(page.url, "hnerv")
        assert (header["id"], header["frame"]) == (7, 2)
    assert status(page.url) == 0
    page.close()


def test_scenes_in_memory_and_clips_are_shown(scene: Path, tmp_path: Path) -> None:
    with show(nerv360.read_scene(scene), height=300) as page:
        assert header_of_picture(page.url, "nerv360")["frame"] == 2
        html = page._repr_html_()
    assert f'src="{page.url.replace("&", "&amp;")}"' in html
    assert "height: 300px" in html
    frame = nerv360.read_scene(scene)
    file = tmp_path / "clip.mp4"
    with nerv360.VideoWriter(file, 64, 32, frame.fps) as film:
        for _ in range(3):
            film.write(nerv360.render_sphere(nerv360.open_engine(frame), 0, 32, 64)[..., :3])
    for given in (file, nerv360.open_clip(file)):
        with show(given) as page:
            assert header_of_picture(page.url, "original")["frame"] == 2


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"decoder": "vae"}, "has no decoder vae, only nerv360, hnerv"),
        ({"frame": 3}, "has frames 0 to 2, not 3"),
        ({"engine": "warp"}, "warp"),
        ({"device": "tpu"}, "tpu"),
    ],
)
def test_what_there_is_not_is_refused_and_nothing_stays(
    scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any],
    sentence: str,
) -> None:  # fmt: skip
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    with pytest.raises(nerv360.InputError, match=sentence):
        show(scene, **given)
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.slow
def test_the_example_runs_and_its_page_ends_with_the_kernel(scene: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    book = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(
        book, timeout=PATIENCE_S, resources={"metadata": {"path": str(scene.parent)}}
    )
    code = [each for each in enumerate(book.cells) if each[1].cell_type == "code"]
    *cells, closing = code
    assert closing[1].source == "page.close()"
    with client.setup_kernel():
        for number, cell in cells:
            client.execute_cell(cell, number)
        first, shown = (cell.outputs[0]["data"]["text/html"] for _, cell in cells)
        assert "3 frames" in first
        found = re.search(r'<iframe src="([^"]+)"', shown)
        assert found is not None
        url = found[1].replace("&amp;", "&")
        assert header_of_picture(url, "nerv360")["frame"] == 2
        again = nbformat.v4.new_code_cell("print(nerv360.show('clip.safetensors').url)")
        book.cells.append(again)
        client.execute_cell(again, len(book.cells) - 1)
        other = again.outputs[0]["text"].strip()
        client.execute_cell(closing[1], closing[0])
        assert (status(url), status(other)) == (0, 200)
    assert status(other) == 0


@pytest.mark.slow
def test_a_frame_of_another_page_shows_it(scene: Path, tmp_path: Path) -> None:
    from tests.support.browser import DRAWS, browser, served

    outer = tmp_path / "outer"
    outer.mkdir()
    with show(scene) as shown, browser(tmp_path / "profile", *DRAWS) as page:
        (outer / "index.html").write_text(shown._repr_html_())
        with served(outer) as url:
            page.open(url, 800, 500)
            page.driver.switch_to.frame(0)
            page.wait(lambda: page.shown("shown") == "decoded")
            assert page.text("place") == "server"


def test_a_page_is_kept_alive_by_itself(scene: Path) -> None:
    """A cell's page would end with its variable otherwise."""
    url = show(scene).url
    import gc

    gc.collect()
    assert status(url) == 200
    [page] = [each for each in gc.get_objects() if isinstance(each, ShownPage)]
    page.close()
    assert status(url) == 0
