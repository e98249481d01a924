"""Compilation of the paper's last stage for GPUs that need not be there, whose results are printed.

A program of its own: where Triton interprets, it cannot compile.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from torch import float16 as half
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from triton.compiler import compile as compile_kernel

from nerv360.decoding.triton import kernels, pixel_kernels
from nerv360.decoding.triton.convolution import ADD, GELU, SINE, FusedConv, Tile, chunks
from nerv360.networks import SphereConv

TILE = Tile(2, 128, 32, 8, 3)
PAIRED = Tile(2, 128, 32, 8, 2, 128)
"""Two of its programs share a multiprocessor."""
SMALL = Tile(1, 1, 1, 4, 3)
"""Of kernels that are launched with Triton's own choice of warps and stages."""
POINTERS = {
    "source_ptr": "*fp16",
    "weight_ptr": "*fp16",
    "bias_ptr": "*fp32",
    "target_ptr": "*fp16",
    "head_ptr": "*fp16",
    "parts_ptr": "*fp16",
}
NUMBERS = dict.fromkeys(("height", "source_first", "target_first", "first", "end"), "i32")


def compiled(
    kernel: Any, types: dict[str, str], constants: dict[str, Any], arch: int, tile: Tile = TILE
) -> Any:
    """Compile a kernel for a compute capability ``arch``, its pointers at multiples of 16 bytes."""
    names = kernel.arg_names
    source = ASTSource(
        kernel,
        signature={**types, **dict.fromkeys(constants, "constexpr")},
        constexprs={(names.index(name),): value for name, value in constants.items()},
        attrs={
            (names.index(name),): [["tt.divisibility", 16]]
            for name, kind in types.items()
            if kind.startswith("*")
        },
    )
    options = {"num_warps": tile.warps, "num_stages": tile.stages, "maxnreg": tile.registers}
    return compile_kernel(source, target=GPUTarget("cuda", arch, 32), options=options)


def convolution(
    arch: int, width: int, inputs: int, stride: int, epilogue: int, head: bool, tile: Tile = TILE
) -> dict[str, Any]:
    """Compile a convolution like the paper's last stage, with 72 channels in eights."""
    n0, n1 = chunks(72)
    constants = {
        "WIDTH": width,
        "CIN": inputs,
        "COUT": 72,
        "KERNEL": 3,
        "STRIDE": stride,
        "CASES": 1 if stride > 1 else 9,
        "EPILOGUE": epilogue,
        "HEAD": head,
        "N0": n0,
        "N1": n1,
        "ROWS": tile.rows,
        "COLUMNS": tile.columns,
        "DEPTH": tile.depth,
        "HALF_SUMS": tile.half_sums,
    }
    made = compiled(kernels.convolve, {**POINTERS, **NUMBERS}, constants, arch, tile)
    ptx = made.asm["ptx"]
    fused = FusedConv(SphereConv(inputs, 72 * stride**2, 3, wrap=False), half, 0, stride=stride)
    return {
        **facts(made),
        "estimated": fused.shared_bytes(tile, (arch // 10, arch % 10)),
        "half_sums": ptx.count(".f16.f16.f16.f16"),
        "matrix": ptx.count("wgmma.mma_async") + ptx.count("mma.sync"),
        "copies_of_16_bytes": ptx.count("cp.async.cg.shared.global"),
    }


def facts(made: Any) -> dict[str, Any]:
    """Bytes of shared memory, whether code gives up at once, and the code."""
    return {
        "shared": made.metadata.shared,
        "traps": "trap;" in made.asm["ptx"],
        "binary": made.asm["cubin"].hex(),
    }


def main() -> None:
    """Print JSON of all kernels for the capability named on the command line."""
    arch = int(sys.argv[1])
    colour_types = {
        "parts_ptr": "*fp16",
        "bias_ptr": "*fp32",
        "target_ptr": "*i32",
        "cells_ptr": "*fp32",
        "height": "i32",
        "source_first": "i32",
        "first": "i32",
        "end": "i32",
    }
    fold_types = {
        "table_ptr": "*fp32",
        "layout_ptr": "*i32",
        "master_ptr": "*fp32",
        "plain_ptr": "*fp32",
        "weight_ptr": "*fp16",
        "bias_ptr": "*fp32",
    }
    finer_types = {
        "target_ptr": "*fp16",
        "finer_ptr": "*fp16",
        "weight_ptr": "*fp32",
        "bias_ptr": "*fp32",
        "pixels": "i32",
    }
    finer_constants = {"CHANNELS": 2, "COUT": 112, "N": 128, "BLOCK": 32}
    plain = {"WIDTH": 1920, "CELL": 1, "PIXELS": 1, "CELLS": 512, "MEANS": False}
    cells = {"WIDTH": 1920, "CELL": 4, "PIXELS": 16, "CELLS": 32, "MEANS": True}
    fold_constants = {"TABLE_WIDTH": 112, "FIELDS": 6, "BLOCK": 16, "DEPTH": 64}
    report = {
        "upsampling": convolution(arch, 960, 80, 2, SINE, False),
        "first": convolution(arch, 1920, 72, 1, GELU, False),
        "second": convolution(arch, 1920, 72, 1, ADD, True),
        "half sums": convolution(arch, 1920, 72, 1, GELU, False, TILE._replace(half_sums=True)),
    }
    if arch == 90:
        report["paired upsampling"] = convolution(arch, 960, 80, 2, SINE, False, PAIRED)
        report["paired first"] = convolution(arch, 1920, 72, 1, GELU, False, PAIRED)
    for name, kernel, types, constants in (
        ("colour", pixel_kernels.colour, colour_types, plain),
        ("colour and cells", pixel_kernels.colour, colour_types, cells),
        ("finer", pixel_kernels.add_finer, finer_types, finer_constants),
        ("fold", kernels.fold, fold_types, fold_constants),
    ):
        report[name] = facts(compiled(kernel, types, constants, arch, SMALL))
    print(json.dumps(report))


if __name__ == "__main__":
    main()
