"""A small scene, its page, and a browser, shared by the tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nerv360.scene import (
    Attribution,
    Scene,
    StillPanorama,
    coded_scene,
    joined,
    write_coded,
    write_scene,
)
from nerv360.viewer.sharing import export_web
from tests.support.browser import DRAWS, Browser, browser
from tests.support.page import FRAMES, LENGTHS, SMALL
from tests.support.scenes import decoder_over_still


def small_scene(frames: int) -> Scene:
    """Return a scene of two decoders over a still panorama."""
    full = SMALL.replace(architecture="hnerv", blocks=(0, 0), erp_padding="zeros")
    decoders = {
        name: decoder_over_still(config, frames)
        for name, config in (("nerv360", SMALL), ("hnerv", full))
    }
    decoders["hnerv"].still = decoders["nerv360"].still
    attribution = Attribution("Pier <1>", "Apache-2.0", "A. N. Author", "pier.mp4")
    return Scene(attribution, 128, 64, 10, frames, decoders)


@pytest.fixture(scope="package")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("scene") / "pier.safetensors"
    write_scene(file, small_scene(FRAMES))
    return file


@pytest.fixture(scope="package")
def chaptered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a scene of chapters of `LENGTHS` frames, each with weights and a still of its own."""
    parts = []
    for number, frames in enumerate(LENGTHS):
        part = small_scene(frames)
        assert part.still is not None
        shifted = part.still.pixels.roll(25 * number, 1)
        still = StillPanorama.of(shifted, [shifted.roll(20 * k + 20, 1) for k in range(frames)])
        for decoder in part.decoders.values():
            decoder.still = still
            decoder.embeddings.mul_((-1) ** number)
            for weight in decoder.weights.values():
                weight.mul_(1 - 0.03 * number)
        parts.append(coded_scene(part))
    file = tmp_path_factory.mktemp("scene") / "long.safetensors"
    write_coded(file, joined(parts, None))
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
