"""Scenes as Python shows them."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace

import pytest
from PIL import Image

from nerv360.decoding import open_engine
from nerv360.scene import Attribution
from tests.support.scenes import over_still_scene, tiny_scene


def test_a_scene_and_its_decoders_are_shown_in_one_line() -> None:
    scene = tiny_scene("nerv360", "hnerv", frames=2)
    line = repr(scene)
    assert all(part in line for part in ("'Pier'", "96x48", "2 frames", "nerv360, hnerv"))
    assert "\n" not in line
    assert len(line) < 120
    assert re.fullmatch(
        r"<Decoder hnerv: 0\.\d\d M parameters, 2 frames>", repr(scene.decoder("hnerv"))
    )


def test_a_notebook_shows_the_still_panorama() -> None:
    html = over_still_scene()._repr_html_()
    found = re.search(r'src="data:image/jpeg;base64,([^"]+)"', html)
    assert found
    with Image.open(io.BytesIO(base64.b64decode(found[1]))) as picture:
        assert picture.size == (96, 48)
    assert "<img" not in tiny_scene()._repr_html_()


def test_a_notebook_shows_a_hostile_title_as_text() -> None:
    scene = tiny_scene()
    scene.attribution = replace(scene.attribution, title="<script>alert(1)</script>")
    assert "<script>" not in scene._repr_html_()


@pytest.mark.parametrize(("kind", "shows"), [("eager", "viewports"), ("folded", "viewports")])
def test_an_engine_is_shown_in_one_line(kind: str, shows: str) -> None:
    line = repr(open_engine(tiny_scene("nerv360"), device="cpu", kind=kind))
    assert kind in line
    assert f"{shows} of 48x24 on cpu" in line


def test_the_first_decoder_is_opened_by_default() -> None:
    assert open_engine(tiny_scene("hnerv", "nerv360"), device="cpu").full_frame


@pytest.mark.parametrize(
    ("credit", "licence", "terms"),
    [
        ("A. N. Author", "CC0", ("A. N. Author", "CC0")),
        ("unknown", "CC0", ("CC0",)),
        ("", "unknown", ()),
    ],
)
def test_an_unknown_licence_is_no_licence(
    credit: str, licence: str, terms: tuple[str, ...]
) -> None:
    assert Attribution("Pier", licence, credit, "pier.mp4").terms == terms
