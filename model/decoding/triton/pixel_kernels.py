"""Triton kernels of the fused engine that work pixel by pixel: colours and finer embeddings."""

from __future__ import annotations

import triton
import triton.language as tl

from nerv360.decoding.triton.kernels import COLOURS, PARTS


@triton.jit(do_not_specialize=["height", "source_first", "first", "end"])
def colour(
    parts_ptr,
    bias_ptr,
    target_ptr,
    cells_ptr,
    height,
    source_first,
    first,
    end,
    WIDTH: tl.constexpr,
    CELL: tl.constexpr,
    PIXELS: tl.constexpr,
    CELLS: tl.constexpr,
    MEANS: tl.constexpr,
):
    """Compute rows ``first`` to ``end`` of the picture, opaque RGBA packed into int32.

    Each pixel sums its neighbours' products, from the head's parts, with the tap that points at
    them. One instance for CELLS cells of CELL×CELL pixels, each filled up to PIXELS, a power of
    two. With MEANS each cell's mean is stored: colours × height/CELL × WIDTH/CELL float32 in [0,
    1].
    """
    ACROSS: tl.constexpr = WIDTH // CELL
    place = tl.arange(0, CELLS * PIXELS)
    pixel = place % PIXELS
    cell = tl.program_id(0) * CELLS + place // PIXELS
    y = first + cell // ACROSS * CELL + pixel // CELL
    x = cell % ACROSS * CELL + pixel % CELL
    inside = (y < end) & (pixel < CELL * CELL)
    each = first // CELL * ACROSS + tl.program_id(0) * CELLS + tl.arange(0, CELLS)
    last = end // CELL * ACROSS
    packed = tl.zeros((CELLS * PIXELS,), tl.int32) - (1 << 24)
    for c in tl.static_range(COLOURS):
        total = tl.zeros((CELLS * PIXELS,), tl.float32) + tl.load(bias_ptr + c)
        for tap in tl.static_range(9):
            row = y + tap // 3 - 1
            column = x + tap % 3 - 1
            there = inside & (row >= 0) & (row < height) & (column >= 0) & (column < WIDTH)
            part = ((row - source_first) * WIDTH + column) * PARTS + tap * COLOURS + c
            total += tl.load(parts_ptr + part, mask=there, other=0.0).to(tl.float32)
        value = 255 / (1 + tl.exp(-total))
        packed += (value + 0.5).to(tl.int32) << (8 * c)
        if MEANS:
            sums = tl.sum(tl.reshape(tl.where(inside, value, 0.0), (CELLS, PIXELS)), axis=1)
            mean = cells_ptr + c * (height // CELL * ACROSS) + each
            tl.store(mean, sums * (1 / (255 * CELL * CELL)), mask=each < last)
    tl.store(target_ptr + y * WIDTH + x, packed, mask=inside)


@triton.jit
def add_finer(
    target_ptr,
    finer_ptr,
    weight_ptr,
    bias_ptr,
    pixels,
    CHANNELS: tl.constexpr,
    COUT: tl.constexpr,
    N: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Add pixels×CHANNELS times CHANNELS×COUT float32, and COUT float32, to pixels×COUT.

    N is the power of two that holds COUT.
    """
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    n = tl.arange(0, N)
    inside = place < pixels
    within = n < COUT
    there = inside[:, None] & within[None, :]
    target = target_ptr + (place * COUT)[:, None] + n[None, :]
    total = tl.load(target, mask=there, other=0.0).to(tl.float32)
    total += tl.load(bias_ptr + n, mask=within, other=0.0)[None, :]
    for k in range(CHANNELS):
        finer = tl.load(finer_ptr + place * CHANNELS + k, mask=inside, other=0.0).to(tl.float32)
        weight = tl.load(weight_ptr + k * COUT + n, mask=within, other=0.0)
        total += finer[:, None] * weight[None, :]
    tl.store(target, total.to(target_ptr.dtype.element_ty), mask=there)
