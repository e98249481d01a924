"""``nerv360 bench --table 1``: the paper's table 1 measured on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nerv360.progress import stage
from nerv360.viewer.commands.options import device_option, for_option

if TYPE_CHECKING:
    from rich.console import Console

TITLES = {"nerv360": "NeRV360", "hnerv": "HNeRV", "hnerv-boost": "HNeRV-Boost"}
NEEDS = "needs"

Values = dict[str, Any]


def bench_table1(preset: str, scale_text: str, device: str, pictures: int) -> Values:
    """Measure, print, and return the content of the JSON."""
    from rich.console import Console

    from nerv360.lab.benchmarks import (
        comparison,
        machine_facts,
        measure_table1,
        parse_scale,
        parts_left_out,
        table1_ratios,
    )

    with for_option("--scale"):
        scale = parse_scale(scale_text)
    chosen = device_option(device)
    with for_option("--preset"):
        configs = comparison(preset, scale)
    with for_option("--scale"):
        needs = parts_left_out(configs, scale, chosen)
    console = Console()
    with stage("measuring") as shown:

        def advance(what: str, done: int, total: int) -> None:
            shown.become(what, done, total)

        rows = measure_table1(configs, needs, chosen, pictures, advance)
    report = {
        "table": 1,
        "preset": preset,
        "scale": str(scale),
        **machine_facts(chosen),
        "frame": [configs["nerv360"].frame_height, configs["nerv360"].frame_width],
        "rows": [row.to_dict() for row in rows],
        "ratios": table1_ratios(rows),
    }
    _print(console, report)
    return report


def _print(console: Console, report: Values) -> None:
    from rich.table import Table

    from nerv360.lab.benchmarks import facts_line

    rows, scale = report["rows"], report["scale"]
    size = "the paper's size" if scale == "1" else f"{scale} of the sides"
    title = f"Table 1, preset {report['preset']} at {size} (paper: 1 of the sides, H100)"
    table = Table(title=title, caption=facts_line(report))
    table.add_column("")
    for row in rows:
        table.add_column(TITLES[row["decoder"]], justify="right")
        table.add_column("paper", justify="right", style="dim")
    parameters = [cell for row in rows for cell in (f"{row['parameters'] / 1e6:.2f} M", "2.2 M")]
    table.add_row("parameters", *parameters)
    for key, unit, factor in (("fps", "FPS", 1.0), ("memory_bytes", "GiB", 2.0**-30)):
        for part in rows[0]["parts"]:
            cells = []
            for row in rows:
                cells.append(_cell(row["parts"][part], key, factor))
                cells.append(str(row["paper"][part][unit.lower()]))
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


def _cell(result: Values, key: str, factor: float) -> str:
    if "needs_bytes" in result:
        return f"{NEEDS} {result['needs_bytes'] / 2**30:.0f}"
    value = result[key] * factor
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _proportion(values: list[float | None]) -> str:
    return " : ".join("–" if value is None else f"{value:.2f}" for value in values)


def _notes(rows: list[Values]) -> list[str]:
    results = [result for row in rows for result in row["parts"].values()]
    ran = [result for result in results if "needs_bytes" not in result]
    counts = [result["pictures"] for result in ran]
    sizes = ((*row["size"], TITLES[row["decoder"]]) for row in rows)
    pictures = ", ".join(f"{width}x{height} of {title}" for height, width, title in sizes)
    lines = [
        f"Pictures: {pictures} (paper: 1920x1080 viewports, 6144x3072 frames); a viewport has as "
        f"many pixels as the scale says, to 1 %, where the strides divide another shape alone.",
        *_programs(rows),
        f"Each part ran in a process of its own, {min(counts)} to {max(counts)} "
        f"pictures; the encoder, measured with NeRV360's padding, is the same for all three.",
        f"Memory: {ran[0]['memory_kind']}. Training: one viewport or frame a step, all of "
        f"encoder, decoder, loss, backward pass and optimiser.",
    ]
    if len(ran) < len(results):
        lines.append(f"Parts that do not fit were left out; '{NEEDS} N' is what they want, in GiB.")
    return lines


def _programs(rows: list[Values]) -> list[str]:
    """Return a line for each part: program and precision of each decoder."""
    lines = []
    for part in rows[0]["parts"]:
        ran = {TITLES[row["decoder"]]: row["parts"][part].get("program") for row in rows}
        told = [f"{name}, {program}" for name, program in ran.items() if program]
        lines.append(f"{part.capitalize()}: {'; '.join(told) or 'not measured'}.")
    return lines
