"""``nerv360 bench --table 1``: the paper's table 1 measured on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from viewer.commands.options import device_option, for_option

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from rich.console import Console

    from model.benchmarks.table1 import Table1Row
    from model.benchmarks.table1_worker import PartResult

TITLES = {"nerv360": "NeRV360", "hnerv": "HNeRV", "hnerv-boost": "HNeRV-Boost"}
NEEDS = "needs"


def bench_table1(preset: str, scale_text: str, device: str, pictures: int) -> dict[str, Any]:
    """Measure, print, and return what the JSON holds."""
    from rich.console import Console
    from rich.progress import TimeElapsedColumn

    from model.benchmarks.machine import machine_facts
    from model.benchmarks.resolution import comparison, parse_scale
    from model.benchmarks.table1 import measure_table1, parts_left_out, table1_ratios, table1_steps
    from viewer.commands.terminal import progress_bar

    with for_option("--scale"):
        scale = parse_scale(scale_text)
    chosen = device_option(device)
    with for_option("--preset"):
        configs = comparison(preset, scale)
    with for_option("--scale"):
        needs = parts_left_out(configs, scale, chosen)
    console = Console()
    with progress_bar(console, TimeElapsedColumn()) as progress:
        task = progress.add_task("", total=table1_steps(configs), completed=-1)
        rows = measure_table1(
            configs,
            needs,
            chosen,
            pictures,
            lambda what: progress.update(task, description=what, advance=1),
        )
        progress.update(task, advance=1)
    report = {
        "table": 1,
        "preset": preset,
        "scale": str(scale),
        **machine_facts(chosen),
        "frame": [configs["nerv360"].frame_height, configs["nerv360"].frame_width],
        "rows": [row.to_dict() for row in rows],
        "ratios": table1_ratios(rows),
    }
    _print(console, report, rows, scale)
    return report


def _print(
    console: Console, report: dict[str, Any], rows: list[Table1Row], scale: Fraction
) -> None:
    from rich.table import Table

    from model.benchmarks.machine import facts_line
    from model.benchmarks.table1 import PAPER_TABLE1, fps_of, gib_of
    from model.benchmarks.table1_worker import PARTS

    size = "the paper's size" if scale == 1 else f"{scale} of the sides"
    title = f"Table 1, preset {report['preset']} at {size} (paper: 1 of the sides, H100)"
    table = Table(title=title, caption=facts_line(report))
    table.add_column("")
    for row in rows:
        table.add_column(TITLES[row.decoder], justify="right")
        table.add_column("paper", justify="right", style="dim")
    parameters = [cell for row in rows for cell in (f"{row.parameters / 1e6:.2f} M", "2.2 M")]
    table.add_row("parameters", *parameters)
    for index, (unit, read) in enumerate((("FPS", fps_of), ("GiB", gib_of))):
        for part in PARTS:
            cells = []
            for row in rows:
                cells += [_cell(row.parts[part], read), f"{PAPER_TABLE1[row.decoder][part][index]}"]
            table.add_row(f"{part} {unit}", *cells)
    console.print(table)
    beside = Table(title="NeRV360 : HNeRV : HNeRV-Boost")
    for column in ("", "measured", "paper"):
        beside.add_column(column)
    for name, both in report["ratios"].items():
        beside.add_row(name, _proportion(both["measured"]), _proportion(both["paper"]))
    console.print(beside)
    for line in _notes(rows):
        console.print(line)


def _cell(result: PartResult | int, read: Callable[[PartResult | int], float | None]) -> str:
    value = read(result)
    if value is None:
        assert isinstance(result, int)
        return f"{NEEDS} {result / 2**30:.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _proportion(values: list[float | None]) -> str:
    return " : ".join("–" if value is None else f"{value:.2f}" for value in values)


def _notes(rows: list[Table1Row]) -> list[str]:
    ran = [r for row in rows for r in row.parts.values() if not isinstance(r, int)]
    counts = [r.pictures for row in rows for r in row.parts.values() if not isinstance(r, int)]
    pictures = ", ".join(f"{row.size[1]}x{row.size[0]} of {TITLES[row.decoder]}" for row in rows)
    lines = [
        f"Pictures: {pictures} (paper: 1920x1080 viewports, 6144x3072 frames); a viewport has as "
        f"many pixels as the scale says, to 1 %, where the strides divide another shape alone.",
        *_programs(rows),
        f"Each part ran in a process of its own, {min(counts)} to {max(counts)} "
        f"pictures; the encoder, measured with NeRV360's padding, is the same for all three.",
        f"Memory: {ran[0].memory_kind}. Training: one viewport or frame a step, all of "
        f"encoder, decoder, loss, backward pass and optimiser.",
    ]
    if len(counts) < sum(len(row.parts) for row in rows):
        lines.append(f"Parts that do not fit were left out; '{NEEDS} N' is what they want, in GiB.")
    return lines


def _programs(rows: list[Table1Row]) -> list[str]:
    """A line a part: the program and the precision of each decoder."""
    lines = []
    for part in rows[0].parts:
        ran = {TITLES[row.decoder]: row.parts[part] for row in rows}
        told = [f"{name}, {r.program}" for name, r in ran.items() if not isinstance(r, int)]
        lines.append(f"{part.capitalize()}: {'; '.join(told) or 'not measured'}.")
    return lines
