"""``nerv360 bench paper-table-1``: the paper's table 1 measured on this machine."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from nerv360.progress import stage
from nerv360.viewer.commands.bench.options import (
    AtMost,
    Preset,
    Results,
    Scale,
    check_files,
    write_and_print,
)
from nerv360.viewer.commands.options import Device, Overwrite, device_option, for_option

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from nerv360.lab.benchmarks import PartResult, Table1, Table1Row, TooLarge

NEEDS = "needs"


def paper_table_1(
    preset: Preset = "paper",
    scale: Scale = "1",
    pictures: AtMost = 50,
    device: Device = "auto",
    output: Results = None,
    overwrite: Overwrite = False,
) -> None:
    """Measure encoding, decoding and training, as the paper's table 1 does.

    NeRV360, HNeRV and HNeRV-Boost have random weights. The paper's numbers are beside the results.
    """
    check_files(output, overwrite)
    from nerv360.lab import benchmarks

    with for_option("--scale"):
        fraction = benchmarks.parse_scale(scale)
    chosen = device_option(device)
    with for_option("--preset"):
        configs = benchmarks.comparison(preset, fraction)
    with for_option("--scale"):
        needs = benchmarks.parts_left_out(configs, fraction, chosen)
    with stage("measuring") as shown:
        rows = benchmarks.measure_table1(configs, needs, chosen, pictures, shown.become)
    report = benchmarks.Table1(
        facts=benchmarks.machine_facts(chosen),
        preset=preset,
        scale=str(fraction),
        frame=(configs["nerv360"].frame_height, configs["nerv360"].frame_width),
        rows=rows,
        ratios=benchmarks.table1_ratios(rows),
    )
    write_and_print(report, _print, output)


def _print(console: Console, report: Table1) -> None:
    from rich.table import Table

    from nerv360.lab.benchmarks import TITLES

    rows, scale = report.rows, report.scale
    size = "the paper's size" if scale == "1" else f"{scale} of the sides"
    title = f"Table 1, preset {report.preset} at {size} (paper: 1 of the sides, H100)"
    table = Table("", title=title, caption=str(report.facts))
    for row in rows:
        table.add_column(TITLES[row.decoder], justify="right")
        table.add_column("paper", justify="right", style="dim")
    parameters = [cell for row in rows for cell in (f"{row.parameters / 1e6:.2f} M", "2.2 M")]
    table.add_row("parameters", *parameters)
    for part in rows[0].parts:
        cells = ((_cell(row.parts[part], _fps), _paper(row, part, "fps")) for row in rows)
        table.add_row(f"{part} FPS", *chain.from_iterable(cells))
    for part in rows[0].parts:
        cells = ((_cell(row.parts[part], _gib), _paper(row, part, "gib")) for row in rows)
        table.add_row(f"{part} GiB", *chain.from_iterable(cells))
    console.print(table)
    beside = Table("", "measured", "paper", title="NeRV360 : HNeRV : HNeRV-Boost")
    for name, both in report.ratios.items():
        beside.add_row(name, _proportion(both.measured), _proportion(both.paper))
    console.print(beside)
    for line in _notes(rows):
        console.print(line)


def _paper(row: Table1Row, part: str, quantity: str) -> str:
    return str(getattr(row.paper[part], quantity)) if part in row.paper else "–"


def _fps(result: PartResult) -> float:
    return result.fps


def _gib(result: PartResult) -> float:
    return result.memory_bytes / 2**30


def _cell(result: PartResult | TooLarge, read: Callable[[PartResult], float]) -> str:
    from nerv360.lab.benchmarks import TooLarge

    if isinstance(result, TooLarge):
        return f"{NEEDS} {result.needs_bytes / 2**30:.0f}"
    value = read(result)
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _proportion(values: list[float | None]) -> str:
    return " : ".join("–" if value is None else f"{value:.2f}" for value in values)


def _notes(rows: list[Table1Row]) -> list[str]:
    from nerv360.lab.benchmarks import TITLES, PartResult

    results = [result for row in rows for result in row.parts.values()]
    ran = [result for result in results if isinstance(result, PartResult)]
    counts = [result.pictures for result in ran]
    pictures = ", ".join(f"{r.size[1]}x{r.size[0]} of {TITLES[r.decoder]}" for r in rows)
    lines = [
        f"Pictures: {pictures} (paper: 1920x1080 viewports, 6144x3072 frames); a viewport has as "
        f"many pixels as the scale says, to 1 %, where the strides divide another shape alone.",
        *(_programs(rows, part) for part in rows[0].parts),
        f"Each part ran in a process of its own, {min(counts)} to {max(counts)} "
        f"pictures; the encoder, measured with NeRV360's padding, is the same for all three.",
        f"Memory: {ran[0].memory_kind}. Training: one viewport or frame a step, all of "
        f"encoder, decoder, loss, backward pass and optimiser.",
    ]
    if len(ran) < len(results):
        lines.append(f"Parts that do not fit were left out; '{NEEDS} N' is what they want, in GiB.")
    return lines


def _programs(rows: list[Table1Row], part: str) -> str:
    """Return program and precision of each decoder."""
    from nerv360.lab.benchmarks import TITLES, PartResult

    ran = [(TITLES[row.decoder], row.parts[part]) for row in rows]
    told = [f"{name}, {it.program}" for name, it in ran if isinstance(it, PartResult)]
    return f"{part.capitalize()}: {'; '.join(told) or 'not measured'}."
