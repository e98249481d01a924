"""The paper's table 1: encoding, decoding and training of the three decoders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch

from nerv360.config import ModelConfig
from nerv360.decoding import picture_size
from nerv360.devices import free_bytes
from nerv360.errors import InputError
from nerv360.lab.benchmarks.engine_speed import PAPER_FPS, PAPER_GIB
from nerv360.lab.benchmarks.machine import Report
from nerv360.lab.benchmarks.parts import IN_CROPS, PARTS, PartResult, measure_part
from nerv360.lab.benchmarks.resolution import DECODERS
from nerv360.lab.worker import OutOfMemoryError
from nerv360.networks import count_flops, count_parameters, in_crops
from nerv360.training import predicted_bytes


@dataclass(frozen=True)
class PaperPart:
    """The paper's frames per second and GiB on an H100."""

    fps: float
    gib: float


_TRAINING = {
    "nerv360": PaperPart(3.4, 21.2),
    "hnerv": PaperPart(2.7, 51.3),
    "hnerv-boost": PaperPart(0.8, 73.2),
}
PAPER_TABLE1 = {
    name: {
        "training": training,
        "encoding": PaperPart(27.3, 2.8),
        "decoding": PaperPart(PAPER_FPS[name], PAPER_GIB[name]),
    }
    for name, training in _TRAINING.items()
}
"""The paper's numbers by decoder and part; all decoders share one encoder."""

WORKSPACE = 1.25
SAFE = 0.9
BARE_BYTES = 700 * 2**20
SMALLER = (Fraction(1, 2), Fraction(1, 4), Fraction(1, 8), Fraction(1, 16))


@dataclass(frozen=True)
class TooLarge:
    """A part that does not fit into memory, and the bytes it needs."""

    needs_bytes: int


@dataclass(frozen=True)
class Table1Row:
    """Results of one decoder by part, and the paper's numbers."""

    decoder: str
    parameters: int
    flops: int
    size: tuple[int, int]
    parts: dict[str, PartResult | TooLarge]
    paper: dict[str, PaperPart]


@dataclass(frozen=True)
class Ratios:
    """Values of the three decoders over NeRV360's; None if one of the two is missing."""

    measured: list[float | None]
    paper: list[float | None]


@dataclass(frozen=True, kw_only=True)
class Table1(Report):
    """The paper's table 1, measured.

    Attributes:
        scale: fraction of the sides.
        frame: height and width.
        ratios: by quantity.
    """

    table: int = 1
    preset: str
    scale: str
    frame: tuple[int, int]
    rows: list[Table1Row]
    ratios: dict[str, Ratios]


Needs = dict[tuple[str, str], int]


def parts_left_out(configs: dict[str, ModelConfig], scale: Fraction, device: torch.device) -> Needs:
    """Return the parts of the full-frame decoders that do not fit, with the bytes they need.

    On a GPU only NeRV360 must fit. On the CPU everything must fit, because after too low a
    prediction the system would kill programs, and not only this one.

    Args:
        configs: the three decoders of a `comparison`.
        scale: the fraction of their sides.

    Raises:
        InputError: NeRV360 does not fit, or on the CPU another decoder; the message names a scale
            that fits.
    """
    cuda = device.type == "cuda"
    free = round(free_bytes(device) * SAFE)
    training = {n: needed_bytes("training", c, half=cuda) for n, c in configs.items()}
    if (training["nerv360"] if cuda else max(training.values())) > free:
        raise InputError(_refusal(scale, training, free))
    needs = {(n, "training"): bytes_ for n, bytes_ in training.items() if bytes_ > free}
    for name, _ in list(needs):
        bytes_ = needed_bytes("decoding", configs[name], half=cuda)
        if bytes_ > free:
            needs[name, "decoding"] = bytes_
    return needs


def measure_table1(
    configs: dict[str, ModelConfig],
    needs: Needs,
    device: torch.device,
    pictures: int,
    advance: Callable[[str, int, int], None],
) -> list[Table1Row]:
    """Measure all decoders, one row each.

    The encoder is measured once, with NeRV360: it is the same for all three except for its padding.
    NeRV360's crops are its viewports.

    Args:
        needs: parts to leave out, with the bytes they need.
        pictures: at most this many of each part.
        advance: called before each part with its name, the number done and the total.
    """
    results: dict[str, dict[str, PartResult | TooLarge]] = {name: {} for name in configs}
    done, total = 0, (len(PARTS) - 1) * len(configs)
    for name, config in configs.items():
        for part in PARTS:
            if part == "encoding" and name != DECODERS[0]:
                results[name][part] = results[DECODERS[0]][part]
                continue
            if part == IN_CROPS and name == DECODERS[0]:
                results[name][part] = results[name]["decoding"]
                continue
            advance(f"{part}, {name}", done, total)
            done += 1
            if (name, part) in needs:
                results[name][part] = TooLarge(needs[name, part])
                continue
            try:
                results[name][part] = measure_part(part, config, device, pictures)
            except OutOfMemoryError:
                needed = needed_bytes(part, config, half=device.type == "cuda")
                results[name][part] = TooLarge(needed)
    return [
        Table1Row(
            name, count_parameters(c), count_flops(c), picture_size(c), results[name],
            PAPER_TABLE1[name],
        )
        for name, c in configs.items()
    ]  # fmt: skip


def ratios(values: Sequence[float | None]) -> list[float | None]:
    """Divide each value by the first, NeRV360's; None if one of the two is missing."""
    first = values[0]
    return [v / first if first and v is not None else None for v in values]


def table1_ratios(rows: list[Table1Row]) -> dict[str, Ratios]:
    """Return the decoders' values over NeRV360's by quantity."""
    result: dict[str, Ratios] = {}
    for part in ("decoding", IN_CROPS, "training"):
        parts, paper = [row.parts[part] for row in rows], [row.paper.get(part) for row in rows]
        result[f"{part} FPS"] = Ratios(
            ratios([None if isinstance(p, TooLarge) else p.fps for p in parts]),
            ratios([None if p is None else p.fps for p in paper]),
        )
        result[f"{part} memory"] = Ratios(
            ratios([None if isinstance(p, TooLarge) else p.memory_bytes for p in parts]),
            ratios([None if p is None else p.gib for p in paper]),
        )
    return result


def needed_bytes(part: str, config: ModelConfig, *, half: bool) -> int:
    """Estimate the bytes of a part, including convolutions' workspaces and the program itself.

    Args:
        half: the networks run in half precision.
    """
    dtype = torch.float16 if half else torch.float32
    if part == IN_CROPS:
        part, config = "decoding", in_crops(config)
    return round(predicted_bytes(part, config, dtype) * WORKSPACE) + BARE_BYTES


def smaller_scale(scale: Fraction, bytes_: int, free: int) -> Fraction | None:
    """Return the largest halving below ``scale`` that fits; ``bytes_`` are needed at ``scale``."""
    pixels = bytes_ - BARE_BYTES
    for smaller in SMALLER:
        if smaller < scale and pixels * (smaller / scale) ** 2 + BARE_BYTES <= free:
            return smaller
    return None


def _refusal(scale: Fraction, training: dict[str, int], free: int) -> str:
    largest = max(training, key=lambda name: training[name])
    smaller = smaller_scale(scale, training[largest], free)
    advice = f"; try {smaller}" if smaller else ""
    taken = f"training nerv360 would take {training['nerv360'] / 2**30:.1f} GiB"
    return (
        f"at {scale} of the sides {taken} and {largest} {training[largest] / 2**30:.1f}, and "
        f"{free / 2**30:.1f} GiB can be used{advice}"
    )
