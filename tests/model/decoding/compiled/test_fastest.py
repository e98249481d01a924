"""The engine that is taken where several can be made."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from model.decoding.compiled.cache import CacheFile
from model.decoding.compiled.fastest import open_fastest
from model.decoding.engine import Picture
from model.geometry import Look


class Engine:
    """Shows one grey, in a given time."""

    device, size, hfov_range, full_frame, ring = torch.device("cpu"), (4, 4), (1.0, 2.0), False, 1
    precision = torch.float32
    still: torch.Tensor | None = None

    def __init__(self, name: str, seconds: float, grey: int = 100, alpha: int = 255) -> None:
        self.name, self.seconds, self.grey, self.alpha = name, seconds, grey, alpha
        self.decoded = 0

    def decode(self, look: Look, frame: int) -> Picture:
        """As `Engine.decode`."""
        self.decoded += 1
        pixels = torch.full((4, 4, 4), self.grey, dtype=torch.uint8)
        pixels[..., 3] = self.alpha
        # Now and then something else has the GPU.
        return Picture(pixels, look, frame, False, self.seconds * (10 if self.decoded % 2 else 1))


def maker(engine: Engine) -> Callable[[], Engine]:
    return lambda: engine


class CompilerError(Exception):
    """As dynamo's own, of no kind that one could list."""


def failing() -> Engine:
    raise CompilerError("no compiler works here")


@pytest.fixture
def kept(tmp_path: Path) -> CacheFile:
    return CacheFile("fastest", tmp_path)


@pytest.mark.parametrize("winner", ["a", "b"])
def test_the_faster_one_is_taken_and_remembered(kept: CacheFile, winner: str) -> None:
    engines = {n: Engine(n, 0.002 if n == winner else 0.003) for n in ("a", "b")}
    opened = open_fastest({n: maker(e) for n, e in engines.items()}, kept)
    assert opened.name == winner
    others = {n: failing for n in engines if n != winner}
    again = open_fastest({**others, winner: maker(Engine(winner, 1.0))}, kept)
    assert again.name == winner


@pytest.mark.parametrize(
    ("grey", "alpha", "name"), [(101, 255, "b"), (103, 255, "a"), (101, 252, "a")]
)
def test_pictures_must_agree_with_the_first_ones(
    kept: CacheFile, grey: int, alpha: int, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    makers = {"a": maker(Engine("a", 0.003)), "b": maker(Engine("b", 0.001, grey, alpha))}
    with caplog.at_level(logging.WARNING):
        assert open_fastest(makers, kept).name == name
    assert [m for m in caplog.messages if "differ" in m] == (
        [] if name == "b" else ["the b engine's pictures differ from the others' and are not used"]
    )


def test_one_that_cannot_be_made_does_not_compete(kept: CacheFile) -> None:
    assert open_fastest({"a": failing, "b": maker(Engine("b", 1.0))}, kept).name == "b"
    assert kept.read() is None
    with pytest.raises(CompilerError, match="no compiler works here"):
        open_fastest({"a": failing, "b": failing}, kept)


def test_what_failed_leaves_its_memory_to_the_next(kept: CacheFile) -> None:
    halves: list[weakref.ref[Engine]] = []

    def half_built() -> Engine:
        half = Engine("half", 1.0)
        halves.append(weakref.ref(half))
        try:
            return failing()
        except CompilerError as error:
            raise RuntimeError("out of memory") from error

    def next_one() -> Engine:
        assert halves[-1]() is None
        return Engine("b", 1.0)

    assert open_fastest({"a": half_built, "b": next_one}, kept).name == "b"
    kept.write(b"a")
    assert open_fastest({"b": next_one, "a": half_built}, kept).name == "b"


def test_one_that_was_fastest_and_cannot_be_made_any_more_is_forgotten(kept: CacheFile) -> None:
    kept.write(b"b")
    assert open_fastest({"a": maker(Engine("a", 1.0)), "b": failing}, kept).name == "a"
    assert kept.read() is None
    kept.write(b"\xff of an older version")
    assert open_fastest({"a": maker(Engine("a", 1.0))}, kept).name == "a"
