"""Triton kernels of the fused engine: convolutions that also do the operations after them.

Features are rows × columns × channels in memory; the number of channels is a multiple of eight. In
a row, the pixels under the kernel and their channels are KERNEL·CIN consecutive elements.
`convolve` loads them as one vector, and one comparison finds the elements outside the row, which
are zero. Each instance computes several output rows of a strip of columns. It loads the weights
once, and each input row once for all output rows that need it.
"""

from __future__ import annotations

import triton
import triton.language as tl

SINE, GELU, ADD = tl.constexpr(0), tl.constexpr(1), tl.constexpr(2)

COLOURS = tl.constexpr(3)
PARTS = tl.constexpr(32)
"""Columns of the head's parts: 3×3 taps by three colours, and five of padding."""

_ROWS_VARY = ["height", "source_first", "target_first", "first", "end"]


@triton.jit
def _sine(x):
    # Reduced to ±π/2 in two steps, then a polynomial: error 1e-6, and no slow path.
    halves = tl.floor(x * 0.3183098861837907 + 0.5)
    r = x - halves * 3.140625
    r = r - halves * 0.0009676535897932
    r = r * (1 - 2 * (halves - 2 * tl.floor(halves * 0.5)))
    s = r * r
    p = 2.600054646548777e-06
    p = p * s - 0.00019806615145757874
    p = p * s + 0.008333017290776795
    p = p * s - 0.16666657096471546
    return r + r * s * p


@triton.jit
def _gelu(x):
    # Φ(x) − ½ is x·P(x²), fitted on ±4. The product is off by at most 2e-4, half of float16's
    # resolution at 0.5, and takes a third of the instructions of the error function.
    v = tl.minimum(tl.maximum(x, -4.0), 4.0)
    s = v * v
    p = 2.278145316836344e-08
    p = p * s - 1.598602921148995e-06
    p = p * s + 4.795552740688436e-05
    p = p * s - 0.0008140155114233494
    p = p * s + 0.008772388100624084
    p = p * s - 0.06457310914993286
    p = p * s + 0.3978833556175232
    return x * (0.5 + v * p)


@triton.jit
def _finished(total, bias, target, there, EPILOGUE: tl.constexpr):
    value = total + tl.load(bias)
    if EPILOGUE == SINE:
        value = _sine(value)
    if EPILOGUE == GELU:
        value = _gelu(value)
    if EPILOGUE == ADD:
        value += tl.load(target, mask=there, other=0.0).to(tl.float32)
    return value


@triton.jit(do_not_specialize=_ROWS_VARY)
def convolve(
    source_ptr,
    weight_ptr,
    bias_ptr,
    target_ptr,
    head_ptr,
    parts_ptr,
    height,
    source_first,
    target_first,
    first,
    end,
    WIDTH: tl.constexpr,
    CIN: tl.constexpr,
    COUT: tl.constexpr,
    KERNEL: tl.constexpr,
    STRIDE: tl.constexpr,
    CASES: tl.constexpr,
    EPILOGUE: tl.constexpr,
    HEAD: tl.constexpr,
    N0: tl.constexpr,
    N1: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
    HALF_SUMS: tl.constexpr,
):
    """Compute rows ``first`` to ``end`` of a convolution of stride 1 with zeros around it.

    EPILOGUE selects what follows: a sine, a GELU, or the sum with the target's contents; STRIDE
    above 1 adds a pixel shuffle. With HEAD the products of the result with the head's taps are
    stored instead of the result. With HALF_SUMS the products of KERNEL·DEPTH inputs are summed in
    half precision, and these sums in float32: GeForce cards multiply twice as fast that way.

    source: rows from ``source_first`` on of ``height``×WIDTH×CIN.
    weight: STRIDE²×KERNEL×K×(N0+N1), K being KERNEL·CIN, filled up with zeros to a multiple of 32.
    bias: STRIDE²×CASES×(N0+N1) float32; nine cases tell the top row, those between and the bottom
        row, each in its left column, those between and its right column.
    target: rows from ``target_first`` on of STRIDE·height × STRIDE·WIDTH × COUT.
    head, parts: (N0+N1)×PARTS, and rows like target's of PARTS.
    """
    K: tl.constexpr = (KERNEL * CIN + 31) // 32 * 32
    N: tl.constexpr = N0 + N1
    SPARE: tl.constexpr = max(N1, 16)
    PAD: tl.constexpr = KERNEL // 2
    CELLS: tl.constexpr = STRIDE * STRIDE
    ACROSS: tl.constexpr = (WIDTH + COLUMNS - 1) // COLUMNS
    half = target_ptr.dtype.element_ty
    cell = tl.program_id(0) % CELLS
    tile = tl.program_id(0) // CELLS
    row = first + tile // ACROSS * ROWS
    column = tile % ACROSS * COLUMNS + tl.arange(0, COLUMNS)
    depth = tl.arange(0, DEPTH)
    n0 = tl.arange(0, N0)
    n1 = N0 + tl.arange(0, SPARE)
    weight_ptr += cell * KERNEL * K * N
    sums0 = (tl.zeros((COLUMNS, N0), tl.float32),) * ROWS
    sums1 = (tl.zeros((COLUMNS, SPARE), tl.float32),) * (ROWS if N1 > 0 else 0)
    for k in range(0, K, DEPTH):
        element = ((column - PAD) * CIN)[:, None] + (k + depth)[None, :]
        inputs = ()
        for i in tl.static_range(ROWS + KERNEL - 1):
            y = row + i - PAD
            run = tl.where((y >= 0) & (y < height) & (y < end + PAD), WIDTH * CIN, 0)
            pointers = source_ptr + (y - source_first) * WIDTH * CIN + element
            there = (element >= 0) & (element < run)
            inputs = inputs + (tl.load(pointers, mask=there, other=0.0),)
        parts0 = (tl.zeros((COLUMNS, N0), half),) * (ROWS if HALF_SUMS else 0)
        parts1 = (tl.zeros((COLUMNS, SPARE), half),) * (ROWS if HALF_SUMS and N1 > 0 else 0)
        for dy in tl.static_range(KERNEL):
            taps = weight_ptr + ((dy * K + k + depth) * N)[:, None]
            b0 = tl.load(taps + n0[None, :])
            if N1 > 0:
                b1 = tl.load(taps + n1[None, :])
            # All rows before the next tap: products into different sums need not wait for each
            # other.
            next0 = ()
            next1 = ()
            for r in tl.static_range(ROWS):
                if HALF_SUMS:
                    next0 = next0 + (tl.dot(inputs[r + dy], b0, parts0[r], out_dtype=half),)
                    if N1 > 0:
                        next1 = next1 + (tl.dot(inputs[r + dy], b1, parts1[r], out_dtype=half),)
                else:
                    next0 = next0 + (tl.dot(inputs[r + dy], b0, sums0[r]),)
                    if N1 > 0:
                        next1 = next1 + (tl.dot(inputs[r + dy], b1, sums1[r]),)
            if HALF_SUMS:
                parts0 = next0
                parts1 = next1
            else:
                sums0 = next0
                sums1 = next1
        if HALF_SUMS:
            next0 = ()
            next1 = ()
            for r in tl.static_range(ROWS):
                next0 = next0 + (sums0[r] + parts0[r].to(tl.float32),)
                if N1 > 0:
                    next1 = next1 + (sums1[r] + parts1[r].to(tl.float32),)
            sums0 = next0
            sums1 = next1
    for r in tl.static_range(ROWS):
        y = row + r
        inside = column < tl.where(y < end, WIDTH, 0)
        place = (y * STRIDE + cell // STRIDE - target_first) * WIDTH * STRIDE
        place = place + column * STRIDE + cell % STRIDE
        case = tl.zeros_like(column) + cell * CASES
        if CASES == 9:
            case += 3 * ((y > 0).to(tl.int32) + (y == height - 1).to(tl.int32))
            case += (column > 0).to(tl.int32) + (column == WIDTH - 1).to(tl.int32)
        bias = bias_ptr + (case * N)[:, None]
        target = target_ptr + (place * COUT)[:, None]
        there = inside[:, None] & (n0 < COUT)[None, :]
        value0 = _finished(sums0[r], bias + n0[None, :], target + n0[None, :], there, EPILOGUE)
        if not HEAD:
            tl.store(target + n0[None, :], value0.to(half), mask=there)
        if N1 > 0:
            there = inside[:, None] & (n1 < COUT)[None, :]
            value1 = _finished(sums1[r], bias + n1[None, :], target + n1[None, :], there, EPILOGUE)
            if not HEAD:
                tl.store(target + n1[None, :], value1.to(half), mask=there)
        if HEAD:
            p = tl.arange(0, PARTS)
            taps = tl.load(head_ptr + (n0 * PARTS)[:, None] + p[None, :])
            parts = tl.dot(value0.to(half), taps)
            if N1 > 0:
                taps = tl.load(head_ptr + (n1 * PARTS)[:, None] + p[None, :])
                parts = tl.dot(value1.to(half), taps, parts)
            pointers = parts_ptr + (place * PARTS)[:, None] + p[None, :]
            tl.store(pointers, parts.to(half), mask=inside[:, None])


@triton.jit
def fold(
    table_ptr,
    layout_ptr,
    master_ptr,
    plain_ptr,
    weight_ptr,
    bias_ptr,
    TABLE_WIDTH: tl.constexpr,
    FIELDS: tl.constexpr,
    BLOCK: tl.constexpr,
    DEPTH: tl.constexpr,
):
    """Compute weights and nine biases of 3×3 convolutions that include x·scale + shift.

    One instance for each convolution and each BLOCK of its outputs.

    table: convolutions × (scale, shift) × TABLE_WIDTH float32.
    layout: convolutions × FIELDS int32: input channels, K, N, and where its weights, its plain
        bias and its nine cases begin.
    master, plain: float32 weights as in `convolve`, and one bias each.
    """
    field = layout_ptr + tl.program_id(0) * FIELDS
    channels = tl.load(field)
    k_padded = tl.load(field + 1)
    n_padded = tl.load(field + 2)
    weights = tl.load(field + 3)
    n = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    within = n < n_padded
    scales = table_ptr + tl.program_id(0) * 2 * TABLE_WIDTH
    shifted = ()
    for tap in tl.static_range(9):
        total = tl.zeros((BLOCK,), tl.float32)
        for begin in range(0, TABLE_WIDTH, DEPTH):
            c = begin + tl.arange(0, DEPTH)
            there = (c < channels)[:, None] & within[None, :]
            k = tap // 3 * k_padded + tap % 3 * channels + c
            place = weights + (k * n_padded)[:, None] + n[None, :]
            weight = tl.load(master_ptr + place, mask=there, other=0.0)
            scale = tl.load(scales + c, mask=c < channels, other=0.0)
            shift = tl.load(scales + TABLE_WIDTH + c, mask=c < channels, other=0.0)
            scaled = weight * scale[:, None]
            tl.store(weight_ptr + place, scaled.to(weight_ptr.dtype.element_ty), mask=there)
            total += tl.sum(weight * shift[:, None], axis=0)
        shifted = shifted + (total,)
    plain = tl.load(plain_ptr + tl.load(field + 4) + n, mask=within, other=0.0)
    cases = bias_ptr + tl.load(field + 5) + n
    for case in tl.static_range(9):
        total = plain
        for tap in tl.static_range(9):
            above = case // 3 == 0 and tap // 3 == 0
            below = case // 3 == 2 and tap // 3 == 2
            left = case % 3 == 0 and tap % 3 == 0
            right = case % 3 == 2 and tap % 3 == 2
            if not (above or below or left or right):
                total += shifted[tap]
        tl.store(cases + case * n_padded, total, mask=within)
