"""A small scene, its page, and a browser, shared by the tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nerv360.scene import Attribution, Scene, write_scene
from nerv360.viewer.sharing import export_web
from tests.support.browser import DRAWS, Browser, browser
from tests.support.page import FRAMES, SMALL
from tests.support.scenes import decoder_over_still


@pytest.fixture(scope="package")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("scene") / "pier.safetensors"
    full = SMALL.replace(architecture="hnerv", blocks=(0, 0), erp_padding="zeros")
    decoders = {
        name: decoder_over_still(config, FRAMES)
        for name, config in (("nerv360", SMALL), ("hnerv", full))
    }
    decoders["hnerv"].still = decoders["nerv360"].still
    attribution = Attribution("Pier <1>", "Apache-2.0", "A. N. Author", "pier.mp4")
    write_scene(file, Scene(attribution, 128, 64, 10, FRAMES, decoders))
    return file


@pytest.fixture(scope="package")
def exported(scene: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web") / "page"
    export_web(scene, folder)
    return folder


@pytest.fixture(scope="package")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile"), *DRAWS) as opened:
        yield opened
