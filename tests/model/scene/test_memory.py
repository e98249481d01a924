"""The memory that a scene and a picture need is compared with the memory there is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nerv360 import memory
from nerv360.decoding import open_engine
from nerv360.errors import InputError
from nerv360.memory import check_memory
from nerv360.scene import read_glimpse, read_header, read_scene, write_scene
from nerv360.viewer.cli import main
from tests.support.scenes import TINY, decoder_over_still, over_still_scene, tiny_scene

FRAMES = 20_000


@pytest.fixture(scope="module")
def bomb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small file of very many frames, all zero."""
    path = tmp_path_factory.mktemp("scene") / "bomb.safetensors"
    scene = tiny_scene(frames=FRAMES)
    scene.decoders["nerv360"].embeddings.zero_()
    write_scene(path, scene)
    return path


def room_for(share: float, path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Leave a share of the memory that the embeddings of a scene take, and return it."""
    header = read_header(path).header
    values = sum(
        header.frames * torch.Size(shape).numel()
        for config in header.configs.values()
        for shape in config.embedding_shapes
    )
    free = int(4 * values * share)
    monkeypatch.setattr(memory, "available_bytes", lambda: free)
    return free


def test_a_bomb_of_zeros_is_refused_before_it_is_unpacked(
    bomb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bomb.stat().st_size < 200_000
    room_for(0.99, bomb, monkeypatch)
    monkeypatch.setattr("nerv360.scene.reading.from_stored", lambda *_: pytest.fail("unpacked"))
    assert main(["render", str(bomb), "-o", str(tmp_path / "view.png")]) == 2
    said = capsys.readouterr().err
    assert "bomb.safetensors, unpacked, would take 0.0 GiB of memory and 0.0 GiB are free" in said
    assert said.count("\n") == 1


def test_info_unpacks_nothing(
    bomb: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    room_for(0.0, bomb, monkeypatch)
    assert main(["info", str(bomb)]) == 0
    assert f"{FRAMES} at " in capsys.readouterr().out


def test_a_scene_that_fits_is_read(bomb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room_for(2.0, bomb, monkeypatch)
    assert read_scene(bomb).frames == FRAMES


def test_a_still_panorama_is_compared_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "still.safetensors"
    write_scene(path, over_still_scene())
    monkeypatch.setattr(memory, "available_bytes", lambda: 3 * 96 * 48)
    with pytest.raises(InputError, match=r"its still panorama would take .* of memory"):
        read_glimpse(path)
    with pytest.raises(InputError, match="of memory and"):
        read_scene(path)


@pytest.mark.parametrize("name", ["nerv360", "hnerv"])
def test_a_picture_that_does_not_fit_is_refused_before_it_is_decoded(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = tiny_scene(name)
    monkeypatch.setattr("nerv360.memory.available_bytes", lambda: 20_000)
    with pytest.raises(InputError, match=r"decoding pictures of \d+x\d+ would take"):
        open_engine(scene, name, "cpu")
    monkeypatch.setattr("nerv360.memory.available_bytes", lambda: 2**30)
    open_engine(scene, name, "cpu")


def test_a_larger_picture_takes_more(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = over_still_scene()
    scene.decoders["nerv360"] = decoder_over_still(TINY)
    monkeypatch.setattr("nerv360.memory.available_bytes", lambda: 2**23)
    open_engine(scene, "nerv360", "cpu")
    with pytest.raises(InputError, match="decoding pictures of 4800x2400 would take"):
        open_engine(scene, "nerv360", "cpu", (2400, 4800))


def test_the_sentence_has_both_sizes() -> None:
    with pytest.raises(InputError, match=r"^it would take 3\.0 GiB of memory and 1\.5 GiB are"):
        check_memory(3 * 2**30, "it", 3 * 2**29)
    check_memory(5, "it", 5)
