"""A scene of several chapters: each is read by itself, and nothing else of the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

import nerv360
from nerv360.decoding import Picture
from nerv360.errors import InputError
from nerv360.geometry import Look
from nerv360.scene import (
    MAX_CHAPTERS,
    bytes_alone,
    chapter_lengths,
    chapter_of,
    coded_scene,
    joined,
    merged,
    read_coded_scene,
    read_glimpse,
    read_header,
    read_scene,
    read_sound,
    with_sound,
    write_coded,
    write_scene,
)
from nerv360.scene.safetensors_file import read_tensors
from nerv360.sound import clip_sound, encoded
from nerv360.video import open_clip
from tests.support.broken_scenes import Mutation, Parts, at, tensor, without
from tests.support.fake_engine import FakeEngine
from tests.support.scenes import chaptered_scene, over_still_scene, tiny_scene
from tests.support.sounds import clicks, sounding_clip

LENGTHS = (3, 2, 4)
LOOK = Look.from_degrees(20.0, 5.0)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Write a scene of three chapters, and each chapter as a scene of its own."""
    folder = tmp_path_factory.mktemp("chapters")
    names = [folder / f"{name}.safetensors" for name in ("whole", "0", "1", "2")]
    for path, scene in zip(names, chaptered_scene("nerv360", "hnerv"), strict=True):
        write_coded(path, scene)
    return tuple(names)


def test_every_frame_is_in_one_chapter() -> None:
    found = [chapter_of((0, 3, 5), frame) for frame in range(9)]
    assert found == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2), (2, 3)]
    assert chapter_lengths((0, 3, 5), 9) == list(LENGTHS)


def test_levels_are_decoded_to_the_same_pictures(
    files: tuple[Path, ...],
) -> None:
    for name in ("nerv360", "hnerv"):
        scenes = [read_scene(files[0], chapter=1, as_levels=each) for each in (False, True)]
        values, levels = (scene.decoders[name] for scene in scenes)
        assert levels.embeddings.numel() == 0
        assert levels.frames == values.frames == 2
        pairs = zip(levels.maps(slice(1, 2)), values.maps(slice(1, 2)), strict=True)
        assert all(torch.equal(one, other) for one, other in pairs)
        one, other = (
            nerv360.open_engine(scene, name, "cpu", kind="folded").decode(LOOK, 1).pixels
            for scene in scenes
        )
        assert torch.equal(one, other)


def test_a_chapter_is_read_as_a_scene_of_its_own(files: tuple[Path, ...]) -> None:
    whole, *parts = files
    header = read_header(whole).header
    assert (header.frames, header.chapters) == (9, (0, 3, 5))
    for number, part in enumerate(parts):
        ours, alone = read_scene(whole, chapter=number), read_scene(part)
        assert ours.frames == alone.frames == LENGTHS[number]
        assert set(ours.decoders) == {"nerv360", "hnerv"}
        for name, decoder in ours.decoders.items():
            other = alone.decoders[name]
            assert torch.equal(decoder.embeddings, other.embeddings)
            assert all(torch.equal(w, other.weights[key]) for key, w in decoder.weights.items())
            assert decoder.still is not None
            assert other.still is not None
            assert torch.equal(decoder.still.pixels, other.still.pixels)
            assert torch.equal(decoder.still.motion, other.still.motion)


def test_sizes_are_summed_and_trainings_too(files: tuple[Path, ...]) -> None:
    whole, *parts = map(read_header, files)
    for name in ("nerv360", "hnerv"):
        assert whole.weight_bytes[name] == sum(part.weight_bytes[name] for part in parts)
        assert whole.embedding_bytes[name] == sum(part.embedding_bytes[name] for part in parts)
    assert whole.still_bytes == sum(part.still_bytes for part in parts)
    assert bytes_alone(files[0], "hnerv") < whole.file_bytes


def test_only_its_own_tensors_are_read(
    files: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def watched(path: Path, names: Sequence[str]) -> dict[str, Any]:
        read.extend(names)
        return read_tensors(path, names)

    monkeypatch.setattr("nerv360.scene.reading.read_tensors", watched)
    read_scene(files[0], "hnerv", chapter=1)
    assert read
    assert all(name.startswith(("0001/hnerv.", "0001/still")) for name in read)


def test_without_a_chapter_a_long_scene_is_not_read(files: tuple[Path, ...]) -> None:
    with pytest.raises(InputError, match="has 3 chapters: name one"):
        read_scene(files[0])
    for chapter in (-1, 3):
        with pytest.raises(InputError, match=f"no chapter {chapter}, only 0 to 2"):
            read_scene(files[0], chapter=chapter)
        with pytest.raises(InputError, match=f"no chapter {chapter}, only 0 to 2"):
            read_glimpse(files[0], chapter)


def test_a_glimpse_shows_a_chapters_still_panorama(files: tuple[Path, ...]) -> None:
    for number, part in enumerate(files[1:]):
        seen, alone = read_glimpse(files[0], number), read_glimpse(part)
        assert seen is not None
        assert alone is not None
        assert (seen.still == alone.still).all()
        assert (seen.frames, seen.chapters) == (9, (0, 3, 5))
        assert (alone.frames, alone.chapters) == (LENGTHS[number], (0,))


def test_one_chapter_is_stored_as_ever(tmp_path: Path) -> None:
    scene, alone = chaptered_scene(lengths=(3,))
    write_coded(tmp_path / "joined.safetensors", scene)
    write_scene(tmp_path / "scene.safetensors", over_still_scene())
    names = [set(read_coded_scene(path).tensors) for path in sorted(tmp_path.iterdir())]
    assert names[0] == names[1] == set(alone.tensors)
    assert Parts((tmp_path / "joined.safetensors").read_bytes()).scene["version"] == 3


def test_the_sound_is_the_whole_clips(tmp_path: Path) -> None:
    scene, *_ = chaptered_scene()
    path = tmp_path / "loud.safetensors"
    write_coded(path, scene)
    assert read_sound(path) is None
    track = clip_sound(open_clip(sounding_clip(tmp_path / "a.mp4", clicks(0.5))))
    assert track is not None
    sound = encoded(track, 0.5, 96)
    write_coded(path, with_sound(scene, sound))
    assert read_sound(path) == sound
    assert read_header(path).header.sound_channels == 2
    assert read_scene(path, chapter=1).sound is None


def test_a_decoder_is_added_to_the_same_chapters_only(files: tuple[Path, ...]) -> None:
    whole = read_coded_scene(files[0])
    addition, *_ = chaptered_scene("hnerv-boost")
    both = merged(whole, addition)
    assert set(both.header.configs) == {"nerv360", "hnerv", "hnerv-boost"}
    again = merged(both, chaptered_scene("hnerv")[0])
    assert set(again.tensors) == set(both.tensors)
    with pytest.raises(InputError, match="its 3 chapters are not the 1 of the decoder"):
        merged(whole, coded_scene(tiny_scene(frames=9)))


@pytest.mark.parametrize(("name", "kind"), [("nerv360", "folded"), ("hnerv", "eager")])
def test_every_frame_is_decoded_as_in_its_chapter(
    files: tuple[Path, ...], name: str, kind: str
) -> None:
    engine = nerv360.open_engine(files[0], name, "cpu", kind=kind)
    parts = [nerv360.open_engine(path, name, "cpu", kind=kind) for path in files[1:]]
    for frame in (0, 8, 2, 3, 4, 5, 0):
        chapter, local = chapter_of((0, 3, 5), frame)
        picture, alone = engine.decode(LOOK, frame), parts[chapter].decode(LOOK, local)
        assert picture.frame == frame
        assert torch.equal(picture.pixels, alone.pixels)
        assert engine.still is not None
        assert torch.equal(engine.still, parts[chapter].still)  # type: ignore[arg-type]
    shown = nerv360.render_sphere(engine, 4, 24, 48)
    assert torch.equal(shown, nerv360.render_sphere(parts[1], 1, 24, 48))
    with pytest.raises(IndexError):
        engine.decode(LOOK, 9)


def test_two_chapters_stay_open(files: tuple[Path, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int] = []

    def counting(path: Path, only: str, *, chapter: int) -> nerv360.Scene:
        opened.append(chapter)
        return read_scene(path, only, chapter=chapter)

    monkeypatch.setattr("nerv360.scene.read_scene", counting)
    engine = nerv360.open_engine(files[0], "nerv360", "cpu", kind="eager")
    assert isinstance(engine, nerv360.decoding.ChapterEngine)
    for frame in (0, 3, 2, 3):
        engine.decode(LOOK, frame)
    assert opened == [0, 1], "one beside the one that is shown is kept"
    engine.prepare(2)
    engine.decode(LOOK, 4)
    engine.decode(LOOK, 5)
    assert opened == [0, 1, 2], "the one that is shown is kept, and the next is ready"
    engine.decode(LOOK, 0)
    assert opened == [0, 1, 2, 0]


def test_the_header_is_read_once_until_the_file_changes(
    files: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []

    def counting(path: Path, framework: str) -> Any:
        opened.append(path)
        return safe_open(path, framework=framework)

    monkeypatch.setattr("nerv360.scene.safetensors_file.safe_open", counting)
    path = tmp_path / "scene.safetensors"
    path.write_bytes(files[0].read_bytes())
    for number in range(3):
        read_scene(path, chapter=number)
        read_glimpse(path, number)
    assert opened == [path]
    path.write_bytes(files[1].read_bytes())
    assert read_header(path).header.frames == LENGTHS[0]
    path.unlink()
    with pytest.raises(InputError, match="does not exist"):
        read_header(path)


def test_the_next_chapter_has_decoded_a_picture_before_it_begins() -> None:
    decoded: list[tuple[int, int]] = []

    def opened(chapter: int, like: object) -> FakeEngine:
        engine = FakeEngine((8, 16), full_frame=True)
        decode = engine.decode

        def noted(look: Look, frame: int) -> Picture:
            decoded.append((chapter, frame))
            return decode(look, frame)

        engine.decode = noted  # type: ignore[method-assign]
        return engine

    engine = nerv360.decoding.ChapterEngine((0, 3, 5), 9, opened, ahead=lambda prepare: prepare())
    for frame in (1, 2, 3):
        engine.decode(LOOK, frame)
    assert decoded == [(0, 1), (1, 0), (0, 2), (1, 0), (2, 0)]


def _only_zero(parts: Parts) -> None:
    for name in [name for name in parts.header if name.startswith("0002/")]:
        parts.header[name.replace("0002/", "0003/")] = parts.header.pop(name)


@pytest.mark.parametrize(
    "mutation",
    [
        *(
            at("scene", "chapters", value=value)
            for value in (
                [], [0], [0, 3], [0, 3, 3], [0, 5, 3], [1, 3, 5], [0, 3, 9], [0, 3, 2**70],
                [0, 3, 5.0], [0, True, 5], [0, None, 5], "0, 3, 5", [[0]], {"0": 3},
                list(range(MAX_CHAPTERS + 1)), [0, 3, 5, 7],
            )
        ),
        without("scene", "chapters"),
        at("version", value=6),
        _only_zero,
        tensor("0001/hnerv.embeddings", dtype="F16"),
        lambda parts: parts.header.pop("0001/still.motion"),
        lambda parts: parts.header.update({"still": parts.header["0000/still"]}),
        lambda parts: parts.header.update({"0000/a/b": parts.header["0000/still"]}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("read", [read_header, lambda path: read_scene(path, chapter=0)])
def test_what_does_not_fit_together_is_refused(
    files: tuple[Path, ...], tmp_path: Path, mutation: Mutation, read: Callable[[Path], object]
) -> None:
    parts, path = Parts(files[0].read_bytes()), tmp_path / "broken.safetensors"
    mutation(parts)
    path.write_bytes(parts.bytes())
    with pytest.raises(InputError) as refused:
        read(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "mutation", [at("scene", "chapters", value=[0, 3, 4]), at("scene", "frames", value=10)]
)
def test_a_chapter_of_another_length_is_refused(
    files: tuple[Path, ...], tmp_path: Path, mutation: Mutation
) -> None:
    parts, path = Parts(files[0].read_bytes()), tmp_path / "broken.safetensors"
    mutation(parts)
    path.write_bytes(parts.bytes())
    assert read_scene(path, chapter=0).frames == 3
    with pytest.raises(InputError, match="damaged: of the tensor"):
        read_scene(path, chapter=2)


def test_too_many_chapters_are_not_written(tmp_path: Path) -> None:
    part = coded_scene(tiny_scene("hnerv", frames=1))
    parts = [
        replace(part, tensors={name: tensor.clone() for name, tensor in part.tensors.items()})
        for _ in range(MAX_CHAPTERS + 1)
    ]
    with pytest.raises(InputError, match=f"at most {MAX_CHAPTERS}"):
        write_coded(tmp_path / "long.safetensors", joined(parts, None))
    assert not list(tmp_path.iterdir())
    write_coded(tmp_path / "long.safetensors", joined(parts[:-1], None))
    assert len(read_header(tmp_path / "long.safetensors").header.chapters) == MAX_CHAPTERS
