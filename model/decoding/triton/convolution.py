"""Convolutions in the form of the Triton kernels, and their launches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from triton.errors import TritonError

from nerv360.decoding.compiled import AlignedConv, Gpu, Rows
from nerv360.decoding.triton import kernels, pixel_kernels
from nerv360.networks import SphereConv

SINE, GELU, ADD = (kernels.SINE.value, kernels.GELU.value, kernels.ADD.value)

LAUNCHES, REPEATS = 10, 5
"""Launches of a kernel in the graph that times it, and replays of that graph."""

_DEPTH_ALIGNMENT = 32
_FOLD_BLOCK, _FOLD_DEPTH = 16, 64
_COLOUR_BLOCK = 512


class Tile(NamedTuple):
    """Work of one instance of the kernel, and its share of the GPU.

    Attributes:
        rows, columns: of its part of the picture.
        depth: elements of the sum taken at a time; 32 or a divisor of it.
        warps: of 32 threads.
        stages: number of parts of the sum in shared memory at a time.
        registers: limit per thread, if a lower one lets a second instance run beside this one.
        half_sums: whether the products of a part of the sum are added up in half precision.
    """

    rows: int
    columns: int
    depth: int
    warps: int
    stages: int
    registers: int | None = None
    half_sums: bool = False


TILES = (
    Tile(4, 128, 32, 8, 3),
    Tile(2, 128, 32, 8, 3),
    Tile(2, 128, 32, 8, 2),
    Tile(2, 128, 32, 8, 2, 128),
    Tile(4, 64, 32, 4, 2),
    Tile(2, 64, 32, 4, 2),
)
"""From the one that fetches least to the one that needs least of a GPU."""

_REGISTERS, _SUMS = 255, 0.78
"""Registers of a thread, and the share of them for sums and inputs; beyond it they spill."""

_HOPPER = 9
_HALF_SUMS = ((8, 6), (8, 9), (12, 0), (12, 1))
"""Compute capabilities of GeForce cards.

Most of them sum products in float16 twice as fast as in float32. Workstation cards have the same
capabilities, so the speed is measured.
"""


class BandMap(NamedTuple):
    """A band of a feature map in memory.

    Attributes:
        band: rows × width × channels, contiguous.
        first: row of the whole map where the band begins.
        height: of the whole map.
    """

    band: Tensor
    first: int
    height: int


@dataclass(frozen=True)
class Head:
    """Output for the products of a `FusedConv` with the head's taps, instead of its result.

    Attributes:
        weight: (N0 + N1) × `kernels.PARTS`.
        parts: rows × width × `kernels.PARTS`, laid out like the target.
    """

    weight: Tensor
    parts: Tensor


def chunks(channels: int) -> tuple[int, int]:
    """Return two chunk sizes that hold ``channels`` with the least spare.

    Each is a power of two from 16 on; the second may be zero.
    """
    sizes = [0, *(2**k for k in range(4, 13))]
    pairs = [(a, b) for a in sizes[1:] for b in sizes if b <= a and a + b >= channels]
    return min(pairs, key=lambda pair: (sum(pair), pair[1]))


class FusedConv:
    """One convolution with zeros around it, and the operation on its result.

    With ``stride`` above 1 it has as many outputs for each of its stride² cells, which a pixel
    shuffle puts into place. With ``folds`` an affine is folded in later: `AffineFolds` then sets
    weight and bias.
    """

    def __init__(
        self,
        conv: SphereConv,
        dtype: torch.dtype,
        epilogue: int,
        *,
        stride: int = 1,
        folds: bool = False,
    ) -> None:
        """Rearrange ``conv``, on its device."""
        cells = stride**2
        plain = AlignedConv(conv, torch.float32, cells=cells)
        self.epilogue, self.stride = epilogue, stride
        self.kernel, self.inputs, self.outputs = (
            conv.kernel_size[0],
            plain.weight.shape[1],
            plain.channels,
        )
        self.chunks = chunks(self.outputs)
        self.cases = 9 if folds else 1
        spare = sum(self.chunks) - self.outputs
        run = self.kernel * self.inputs
        weight = plain.weight.reshape(cells, self.outputs, self.inputs, self.kernel, self.kernel)
        weight = weight.permute(0, 3, 4, 2, 1).reshape(cells, self.kernel, run, self.outputs)
        self.master = F.pad(weight, (0, spare, 0, -run % _DEPTH_ALIGNMENT)).contiguous()
        self.plain = F.pad(plain.bias.view(cells, 1, -1), (0, spare))
        self.weight = self.master.to(dtype)
        self.bias = self.plain.expand(cells, self.cases, -1).contiguous()
        self.tile = TILES[0]

    def __call__(
        self, source: BandMap, target: BandMap, rows: Rows, head: Head | None = None
    ) -> None:
        """Compute ``rows``, first and end before the pixel shuffle, from ``source``.

        Both maps must contain them; the source also the rows around them that the kernel reads.
        """
        if rows[0] >= rows[1]:
            return
        tile, width = self.tile, source.band.shape[1]
        across, down = -(-width // tile.columns), -(-(rows[1] - rows[0]) // tile.rows)
        kernels.convolve[(across * down * self.stride**2,)](
            source.band,
            self.weight,
            self.bias,
            target.band,
            head.weight if head else self.weight,
            head.parts if head else target.band,
            source.height,
            source.first,
            target.first,
            *rows,
            WIDTH=width,
            CIN=self.inputs,
            COUT=self.outputs,
            KERNEL=self.kernel,
            STRIDE=self.stride,
            CASES=self.cases,
            EPILOGUE=self.epilogue,
            HEAD=head is not None,
            N0=self.chunks[0],
            N1=self.chunks[1],
            ROWS=tile.rows,
            COLUMNS=tile.columns,
            DEPTH=tile.depth,
            HALF_SUMS=tile.half_sums,
            num_warps=tile.warps,
            num_stages=tile.stages,
            maxnreg=tile.registers,
        )

    def shared_bytes(self, tile: Tile, capability: tuple[int, int]) -> int:
        """Return the shared memory that a tile takes at least, on a GPU of some capability."""
        columns = sum(self.chunks)
        inputs = (tile.rows + self.kernel - 1) * tile.columns
        part = 2 * tile.depth * (inputs + self.kernel * columns)
        if self.weight.shape[2] <= tile.depth:  # one part, which is not copied ahead
            return 0
        # Hopper's matrix units read both operands there; others' read registers, one part behind.
        return part * (tile.stages if capability[0] == _HOPPER else tile.stages - 1)

    def suits(self, tile: Tile, gpu: Gpu) -> bool:
        """Return whether a tile may fit a GPU; what cannot need not be compiled."""
        threads = 32 * tile.warps
        numbers = tile.rows * tile.columns * sum(self.chunks) / threads
        if gpu.capability[0] != _HOPPER:  # inputs are in registers too, two numbers in each
            numbers += (tile.rows + self.kernel - 1) * tile.columns * tile.depth / (2 * threads)
        if numbers > _SUMS * (tile.registers or _REGISTERS):
            return False
        return self.shared_bytes(tile, gpu.capability) <= gpu.shared_bytes

    def tune(self, gpu: Gpu, run: Callable[[], None]) -> None:
        """Keep the tile for which ``run``, which calls this convolution, is fastest.

        Raises:
            RuntimeError: none fits this GPU.
        """
        times: dict[Tile, float] = {}
        failure: object = f"{self.outputs} outputs take too many registers or too much memory"

        def measure(tile: Tile) -> None:
            nonlocal failure
            self.tile = tile
            try:
                times[tile] = seconds(gpu, run)
            except TritonError as error:
                failure = error

        for tile in TILES:
            if self.suits(tile, gpu):
                measure(tile)
        if not times:
            raise RuntimeError(f"no tile of the fused convolution fits this GPU: {failure}")
        if gpu.capability in _HALF_SUMS:
            measure(min(times, key=lambda tile: times[tile])._replace(half_sums=True))
        self.tile = min(times, key=lambda tile: times[tile])


def seconds(gpu: Gpu, run: Callable[[], object]) -> float:
    """Return the shortest time of ``run`` on the GPU.

    A graph launches the kernels, because small ones finish before Python launches the next. The
    shortest of several replays counts, because other work may delay any of them.
    """

    def launches() -> tuple[Tensor, ...]:
        for _ in range(LAUNCHES):
            run()
        return ()

    _, replay = gpu.capture(launches)
    start, end = gpu.event(), gpu.event()
    times = []
    for _ in range(REPEATS):
        gpu.record(start)
        replay()
        gpu.record(end)
        end.synchronize()
        times.append(gpu.seconds(start, end) / LAUNCHES)
    return min(times)


class AffineFolds:
    """Folds a picture's affines into the 3×3 convolutions after them, in one launch.

    An affine's scale goes into the weights, its shift into a bias, reduced where zeros surround the
    picture: nine cases, as in `kernels.convolve`.
    """

    def __init__(self, convolutions: Sequence[FusedConv]) -> None:
        """Prepare convolutions, given in the order of their affines."""
        self._count = len(convolutions)
        self._widest = max(sum(conv.chunks) for conv in convolutions)
        device = convolutions[0].weight.device
        self._master = torch.cat([conv.master.flatten() for conv in convolutions])
        self._plain = torch.cat([conv.plain.flatten() for conv in convolutions])
        self._weight = self._master.to(convolutions[0].weight.dtype)
        self._bias = torch.zeros(9 * self._plain.numel(), device=device)
        layout, begin, outputs = [], 0, 0
        for conv in convolutions:
            n = sum(conv.chunks)
            layout.append([conv.inputs, conv.master.shape[2], n, begin, outputs, 9 * outputs])
            size = conv.master.numel()
            conv.weight = self._weight[begin : begin + size].view(conv.master.shape)
            conv.master = self._master[begin : begin + size].view(conv.master.shape)
            conv.bias = self._bias[9 * outputs : 9 * (outputs + n)].view(1, 9, n)
            begin, outputs = begin + size, outputs + n
        self._layout = torch.tensor(layout, dtype=torch.int32, device=device)

    def __call__(self, table: Tensor) -> None:
        """Fold `AffineTable.scales_and_shifts`, 2·convolutions × 1 × width float32."""
        kernels.fold[(self._count, -(-self._widest // _FOLD_BLOCK))](
            table,
            self._layout,
            self._master,
            self._plain,
            self._weight,
            self._bias,
            TABLE_WIDTH=table.shape[-1],
            FIELDS=self._layout.shape[1],
            BLOCK=_FOLD_BLOCK,
            DEPTH=_FOLD_DEPTH,
        )


class FusedHead:
    """The 3×3 convolution to colours in two steps.

    The convolution before it multiplies its result by every tap, and `assemble` sums the products
    of each pixel.
    """

    def __init__(self, conv: SphereConv, width: int, dtype: torch.dtype) -> None:
        """Rearrange it for features filled up to ``width`` channels, including tanh's factor 2."""
        colours, channels = conv.out_channels, conv.in_channels
        taps = 2 * conv.weight.detach().permute(1, 2, 3, 0).reshape(channels, 9 * colours)
        spare = kernels.PARTS.value - taps.shape[1]
        self.weight = F.pad(taps, (0, spare, 0, width - channels)).to(dtype).contiguous()
        self.bias = 2 * conv.bias.detach()

    def assemble(
        self, parts: BandMap, picture: Tensor, rows: Rows, cells: Tensor | None = None
    ) -> None:
        """Write ``rows``, first and end, of a height×width×4 uint8 picture.

        Args:
            cells: 1×3×h×w float32; gets the means of the rows' cells in [0, 1]. The rows must hold
                whole cells.
        """
        width = picture.shape[1]
        side = 1 if cells is None else width // cells.shape[-1]
        pixels = 1 << (side * side - 1).bit_length()
        count = max(_COLOUR_BLOCK // pixels, 1)
        pixel_kernels.colour[(-(-(rows[1] - rows[0]) * width // (side * side * count)),)](
            parts.band,
            self.bias,
            picture.view(torch.int32),
            self.bias if cells is None else cells,
            parts.height,
            parts.first,
            *rows,
            WIDTH=width,
            CELL=side,
            PIXELS=pixels,
            CELLS=count,
            MEANS=cells is not None,
        )
