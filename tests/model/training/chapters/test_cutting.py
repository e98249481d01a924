"""A clip is cut where another scene begins, and evenly where a chapter would be too long."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nerv360.scene import MAX_CHAPTERS, chapter_lengths
from nerv360.training.chapters import ChapterCourse, cut_into_chapters, find_cuts
from nerv360.video import Clip, open_clip
from nerv360.video.writing import FolderWriter, VideoWriter
from tests.support.clips import damaged, encode

if TYPE_CHECKING:
    from nerv360.training import Training
    from nerv360.training.chapters.plan import ChapterPlan


def scene(number: int, frame: int, speed: int = 1) -> Tensor:
    """Return a picture of a scene whose camera turns, 64×128×3."""
    generator = torch.Generator().manual_seed(number)
    coarse = torch.rand(1, 3, 4, 8, generator=generator) * 255
    picture = torch.nn.functional.interpolate(coarse, (64, 128), mode="bicubic").clamp(0, 255)
    return picture[0].permute(1, 2, 0).byte().roll(speed * frame, 1)


def pictures() -> list[Tensor]:
    """Return three scenes of ten pictures, a flash in the second, a fast turn in the third."""
    result = [scene(0, k) for k in range(10)] + [scene(1, k) for k in range(10)]
    result[14] = torch.full_like(result[14], 255)
    return result + [scene(2, k, speed=3) for k in range(10)]


def test_other_scenes_are_found_in_a_video(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "clip.mp4", 128, 64, 10.0) as writer:
        for picture in pictures():
            writer.write(picture)
    clip = open_clip(tmp_path / "clip.mp4")
    assert clip.decoded() is not None
    assert find_cuts(clip) == [10, 20]


def test_a_clip_is_not_scaled_to_find_its_cuts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with VideoWriter(tmp_path / "clip.mp4", 128, 64, 10.0) as writer:
        for picture in pictures():
            writer.write(picture)
    clip = open_clip(tmp_path / "clip.mp4", size=(16, 32))
    assert clip.decoded() is None
    monkeypatch.setattr(Clip, "read", None)
    assert find_cuts(clip) == [10, 20]


def test_damaged_pictures_do_not_stop_the_search(tmp_path: Path) -> None:
    whole = encode(tmp_path / "clip.mp4", [scene(0, 0)] * 24 + [scene(1, 0)] * 24)
    assert find_cuts(open_clip(damaged(whole, 8, 20))) == [24]


def test_other_scenes_are_found_in_a_folder(tmp_path: Path) -> None:
    with FolderWriter(tmp_path / "clip") as writer:
        for picture in pictures():
            writer.write(picture)
    clip = open_clip(tmp_path / "clip")
    assert clip.decoded() is None
    assert find_cuts(clip) == [10, 20]
    assert find_cuts(clip.taken(slice(12))) == [10]
    assert find_cuts(clip.taken(slice(1))) == []


@pytest.mark.parametrize(
    ("frames", "longest", "cuts", "chapters"),
    [
        (100, 100, [], (0,)),
        (110, 100, [], (0,)),
        (111, 100, [], (0, 55)),
        (300, 100, [], (0, 100, 200)),
        (300, 100, [150], (0, 75, 150, 225)),
        (300, 100, [10, 40, 50, 290], (0, 40, 126, 213)),
        (2, 1, [], (0, 1)),
    ],
)
def test_chapters_begin_at_cuts_and_are_even_between(
    frames: int, longest: int, cuts: list[int], chapters: tuple[int, ...]
) -> None:
    assert cut_into_chapters(frames, longest, cuts) == chapters


@given(
    frames=st.integers(1, 100_000),
    longest=st.floats(2, 1000),
    cuts=st.lists(st.integers(1, 100_000), max_size=50, unique=True).map(sorted),
)
def test_any_clip_is_cut_completely(frames: int, longest: float, cuts: list[int]) -> None:
    chapters = cut_into_chapters(frames, longest, [cut for cut in cuts if cut < frames])
    assert chapters[0] == 0
    assert all(a < b for a, b in itertools.pairwise([*chapters, frames]))
    assert len(chapters) <= MAX_CHAPTERS
    if frames < 100 * longest:
        assert max(chapter_lengths(chapters, frames)) <= 1.1 * longest + 1


def test_frames_taken_from_a_clip_are_its_own(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "clip.mp4", 128, 64, 10.0) as writer:
        for picture in pictures():
            writer.write(picture)
    clip = open_clip(tmp_path / "clip.mp4")
    every = list(clip)
    part = clip.taken(slice(8, 24, 3))
    assert part.info.frames == part.pictures == 6
    assert part.info.fps == clip.info.fps
    for ours, whole in zip(part, every[8:24:3], strict=True):
        assert torch.equal(ours, whole)


def test_a_chapter_learns_two_frames_beside_it_of_the_same_scene(tmp_path: Path) -> None:
    whole = open_clip(encode(tmp_path / "clip.mp4", [scene(0, k) for k in range(30)]))
    course = ChapterCourse(cast("Training", SimpleNamespace(clip=whole)), 1.0)
    course.plan = cast("ChapterPlan", SimpleNamespace(cuts=(10, 21), frames=30))
    for first, end, frames, beside in (
        (0, 5, slice(0, 7), (0, 2)),
        (5, 10, slice(3, 10), (2, 0)),
        (10, 15, slice(10, 17), (0, 2)),
        (15, 20, slice(13, 21), (2, 1)),
        (20, 26, slice(18, 28), (2, 2)),
        (26, 30, slice(24, 30), (2, 0)),
    ):
        clip, more = course._beside(first, end)
        assert (clip.numbers.tolist(), more) == (whole.taken(frames).numbers.tolist(), beside)
