"""Coded tensors unpack to what was packed, or are refused before more is unpacked than declared."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from nerv360.errors import InputError
from nerv360.scene.coding.lzma_stream import packed, unpacked
from nerv360.scene.coding.packing import (
    packed_embeddings,
    packed_weights,
    unpacked_embeddings,
    unpacked_levels,
    unpacked_weights,
)
from nerv360.scene.coding.series import DENSE, check_series, packed_series, unpacked_series

SHAPE = (5, 2, 6, 8)
RANDOM = np.random.default_rng(0)
LEVELS = RANDOM.integers(0, 7, SHAPE, np.uint8)
VALUES = np.sort(RANDOM.normal(size=(2, 7)).astype(np.float32))
NUMBERS = RANDOM.integers(-2047, 2048, (4, 3, 3, 3), np.int16)
SCALES = np.array([0.5, 0, 3e-5, 7], np.float32)

Unpack = Callable[[Tensor, tuple[int, ...]], Tensor]
CODED: dict[str, tuple[Tensor, Unpack, tuple[int, ...]]] = {
    "series": (packed_series(LEVELS), unpacked_series, SHAPE),
    "embeddings": (packed_embeddings(LEVELS, VALUES), unpacked_embeddings, SHAPE),
    "weights": (packed_weights(NUMBERS, SCALES), unpacked_weights, NUMBERS.shape),
}


@pytest.mark.parametrize("frames", [1, 2, 5])
@pytest.mark.parametrize("high", [1, 7, 256])
def test_series_and_embeddings_come_back(frames: int, high: int) -> None:
    levels = RANDOM.integers(0, high, (frames, *SHAPE[1:]), np.uint8)
    values = np.sort(RANDOM.normal(size=(2, high)).astype(np.float32))
    series = unpacked_series(packed_series(levels), levels.shape)
    assert np.array_equal(series.numpy(), levels)
    embeddings = unpacked_embeddings(packed_embeddings(levels, values), levels.shape)
    for channel in range(2):
        expected = values[channel][levels[:, channel]]
        assert np.array_equal(embeddings[:, channel].numpy(), expected)


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_series_of_earlier_files_come_back(frames: int) -> None:
    levels = LEVELS[:frames]
    first = np.diff(levels[0], axis=-1, prepend=np.uint8(0))
    later = np.diff(levels.reshape(frames, -1).T, axis=-1)
    coded = packed(DENSE, b"", [first.tobytes(), later.tobytes()])
    assert np.array_equal(unpacked_series(coded, levels.shape).numpy(), levels)
    check_series(coded, levels.shape)
    with pytest.raises(InputError, match="holds"):
        check_series(coded, (frames + 1, *SHAPE[1:]))


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5])
def test_only_values_that_change_take_time(share: float) -> None:
    """Whoever unpacks zeros a minute long waits for them."""
    moving = RANDOM.random(SHAPE[1:]) < share
    levels = np.where(moving, LEVELS, LEVELS[0])
    coded = packed_series(levels)
    assert np.array_equal(unpacked_series(coded, levels.shape).numpy(), levels)
    changing = int((levels != levels[0]).any(0).sum())
    count = moving.size + -(-moving.size // 8) + changing * (SHAPE[0] - 1)
    assert len(unpacked(coded.numpy()[1:].tobytes(), count)) == count


def test_levels_in_memory_are_those_that_change() -> None:
    shape = (100, 2, 40, 60)
    moving = RANDOM.random(shape[1:]) < 0.1
    levels = RANDOM.integers(0, 7, shape, np.uint8)
    coded = packed_embeddings(np.where(moving, levels, levels[0]), VALUES)
    held = unpacked_levels(coded, shape)
    assert held.nbytes < 0.25 * levels.size
    every = unpacked_embeddings(coded, shape)
    for frames in (slice(0, 1), slice(57, 59), slice(None)):
        assert torch.equal(held[frames], every[frames])
        wanted = VALUES[1][np.where(moving, levels, levels[0])[frames, 1]]
        assert np.array_equal(held[frames][:, 1].numpy(), wanted)


def test_embeddings_packed_quickly_unpack_to_the_same() -> None:
    shape = (8, 2, 40, 60)
    levels = (RANDOM.integers(0, 2, shape, np.uint8).cumsum(3) % 7).astype(np.uint8)
    small = packed_embeddings(levels, VALUES)
    quick = packed_embeddings(levels, VALUES, quick=True)
    assert small.numel() < quick.numel() < 2 * small.numel()
    assert torch.equal(unpacked_embeddings(quick, shape), unpacked_embeddings(small, shape))


@pytest.mark.parametrize("largest", [0, 1, 127, 128, 129, 255, 300, 2047])
def test_weights_come_back(largest: int) -> None:
    numbers = RANDOM.integers(-largest, largest + 1, (4, 3, 3, 3), np.int16)
    numbers.flat[:2] = largest, -largest
    expected = numbers.astype(np.float32) * SCALES.reshape(4, 1, 1, 1)
    read = unpacked_weights(packed_weights(numbers, SCALES), numbers.shape)
    assert np.array_equal(read.numpy(), expected)


def test_what_stands_still_costs_nothing() -> None:
    moving = RANDOM.integers(0, 256, (1, 1, 64, 64), np.uint8)
    once, often = (packed_series(np.repeat(moving, frames, 0)) for frames in (1, 100))
    assert often.numel() - once.numel() < 200


@pytest.mark.parametrize("kind", CODED)
def test_another_shape_is_refused(kind: str) -> None:
    coded, unpack, shape = CODED[kind]
    with pytest.raises(InputError, match="holds more bytes than the"):
        unpack(coded, (*shape[:-1], shape[-1] - 1))
    with pytest.raises(InputError, match=r"holds (\d+ bytes, fewer|more bytes) than the"):
        unpack(coded, (*shape[:-1], shape[-1] + 1))


@pytest.mark.parametrize("kind", CODED)
def test_every_cut_is_refused(kind: str) -> None:
    coded, unpack, shape = CODED[kind]
    for length in range(coded.numel()):
        with pytest.raises(InputError):
            unpack(coded[:length], shape)
    with pytest.raises(InputError, match="holds more"):
        unpack(torch.cat([coded, coded[-1:]]), shape)


@pytest.mark.parametrize("kind", CODED)
def test_damage_ends_in_a_sentence_or_in_values(kind: str) -> None:
    coded, unpack, shape = CODED[kind]
    chance = random.Random(0)
    refused = 0
    for _ in range(600):
        bad = coded.clone()
        for _ in range(chance.choice((1, 1, 3))):
            bad[chance.randrange(bad.numel())] = chance.randrange(256)
        try:
            assert unpack(bad, shape).shape == shape
        except InputError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 20


def test_an_unknown_coding_is_refused() -> None:
    for kind, (coded, unpack, shape) in CODED.items():
        other = coded.clone()
        other[0] = 9
        with pytest.raises(InputError, match="its coding is 9, this program knows 1"):
            unpack(other, shape)
        with pytest.raises(InputError, match="its coding is none"):
            unpack(coded[:0], shape)
        assert kind in CODED


def test_a_level_beyond_the_table_is_refused() -> None:
    coded = packed_embeddings(LEVELS, VALUES[:, :5])
    with pytest.raises(InputError, match="level 6, though its table has only 5"):
        unpacked_embeddings(coded, SHAPE)


def test_a_table_that_is_not_finite_is_refused() -> None:
    with pytest.raises(InputError, match="table is not finite"):
        unpacked_weights(packed_weights(NUMBERS, np.full_like(SCALES, np.inf)), NUMBERS.shape)
    with pytest.raises(InputError, match="table is not finite"):
        unpacked_embeddings(packed_embeddings(LEVELS, np.full_like(VALUES, np.nan)), SHAPE)


@pytest.mark.parametrize("kind", CODED)
def test_a_bomb_unpacks_to_no_more_than_its_shape(kind: str) -> None:
    _, unpack, shape = CODED[kind]
    table = CODED[kind][0][: {"series": 1, "embeddings": 2 + 2 * 7 * 4, "weights": 2 + 16}[kind]]
    zeros = packed_series(np.zeros((1, 1, 2**13, 2**13), np.uint8))[1:]
    bomb = torch.cat([table, zeros])
    assert bomb.numel() < 2**15
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="holds more"):
            unpack(bomb, shape)
        assert tracemalloc.get_traced_memory()[1] < 2**21
    finally:
        tracemalloc.stop()
