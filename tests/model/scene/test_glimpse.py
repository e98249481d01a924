"""First sight of a scene file: it agrees with the whole, and is refused where that would be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nerv360.errors import InputError
from nerv360.scene import read_glimpse, read_scene, write_scene
from tests.support.broken_scenes import (
    Mutation,
    Parts,
    at,
    config,
    drop_the_scene,
    tensor,
    without,
)
from tests.support.scenes import over_still_scene, tiny_scene


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scenes") / "pier.safetensors"
    scene = over_still_scene("nerv360", "hnerv")
    scene.decoders |= tiny_scene("hnerv-boost").decoders
    write_scene(path, scene)
    return path


def test_it_agrees_with_the_whole(file: Path, tmp_path: Path) -> None:
    seen, scene = read_glimpse(file), read_scene(file)
    assert seen is not None
    assert scene.still is not None
    assert np.array_equal(seen.still, scene.still.pixels.numpy())
    assert (seen.title, seen.frames, seen.fps) == (scene.attribution.title, scene.frames, scene.fps)
    assert (seen.width, seen.height) == (scene.width, scene.height)
    assert seen.covering == {"nerv360": True, "hnerv": True, "hnerv-boost": False}
    plain = tmp_path / "plain.safetensors"
    write_scene(plain, tiny_scene())
    assert read_glimpse(plain) is None, "its pictures cover nothing"


def other_avif(parts: Parts) -> None:
    begin, end = parts.header["still"]["data_offsets"]
    parts.data[begin:end] = b"\x01" * (end - begin)


@pytest.mark.parametrize(
    "mutation",
    [
        drop_the_scene,
        other_avif,
        at("version", value=99),
        at("scene", "frames", value=0),
        at("scene", "frames", value="three"),
        at("scene", "material", value=[]),
        without("scene", "fps"),
        config(frame_width=2**40),
        config(frame_width=192, frame_height=96),
        config(unheard_of=1),
        tensor("still", dtype="F16"),
        tensor("still", shape=[2**40]),
    ],
)
def test_what_the_whole_is_refused_for_is_refused(
    mutation: Mutation, file: Path, tmp_path: Path
) -> None:
    parts, path = Parts(file.read_bytes()), tmp_path / "broken.safetensors"
    mutation(parts)
    path.write_bytes(parts.bytes())
    for read in (read_glimpse, read_scene):
        with pytest.raises(InputError, match=r"broken\.safetensors"):
            read(path)


def test_a_truncated_file_is_refused_wherever_it_ends(file: Path, tmp_path: Path) -> None:
    whole, path = file.read_bytes(), tmp_path / "short.safetensors"
    for length in (0, 7, 20, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"short\.safetensors"):
            read_glimpse(path)
