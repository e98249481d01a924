"""``nerv360 bench --table 4``: cost of one more viewport by panorama size."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from nerv360.progress import stage
from nerv360.viewer.commands.options import device_option, for_option, say_notes

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from nerv360.video import Clip

Values = dict[str, Any]

WAYS = ("looking", "playing", "jumping")
LIMIT_S = 120.0


def bench_table4(
    read: Callable[[], Clip] | None,
    sizes: str | None,
    preset: str,
    device: str,
    pictures: int,
    limit_s: float | None,
) -> tuple[Values, bool]:
    """Measure, print, and return the content of the JSON and whether it has all rows."""
    from rich.console import Console

    from nerv360.lab.benchmarks import (
        DEFAULT_SIZES,
        harbour_source,
        machine_facts,
        measure_sizes,
        parse_sizes,
        sized_configs,
    )
    from nerv360.video import open_clip

    with for_option("--sizes"):
        widths = parse_sizes(sizes) if sizes is not None else list(DEFAULT_SIZES)
    with for_option("--preset"):
        sized_configs(preset, [])
    with for_option("--sizes"):
        configs = sized_configs(preset, widths)
    chosen = device_option(device)
    source = read() if read is not None else None
    if source is not None:
        say_notes(source)
        next(source.read())
    viewport = configs[widths[0]]["nerv360"]
    report: Values = {
        "table": 4,
        "preset": preset,
        **machine_facts(chosen),
        "load_average_before": round(psutil.getloadavg()[0], 2),
        "source": source.path.name if source else "harbour town",
        "viewport": [viewport.viewport_height, viewport.viewport_width],
        "sizes": widths,
        "complete": False,
        "rows": [],
    }
    console = Console()
    with (
        tempfile.TemporaryDirectory() as folder,
        stage("measuring") as shown,
    ):

        def advance(what: str, done: int, total: int) -> None:
            shown.become(what, done, total)

        try:
            clip = source or open_clip(
                harbour_source(
                    Path(folder),
                    lambda share: advance("rendering a picture", round(share * 100), 100),
                )
            )
            for row in measure_sizes(configs, clip, chosen, pictures, limit_s or LIMIT_S, advance):
                report["rows"].append(row.to_dict())
            report["complete"] = True
        except KeyboardInterrupt:
            pass  # finished rows are printed and written
    _print(console, report)
    return report, report["complete"]


def _print(console: Console, report: Values) -> None:
    from nerv360.lab.benchmarks import METHODS, facts_line
    from nerv360.viewer.commands.terminal import plain_table

    rows = report["rows"]
    height, width = report["viewport"]
    console.print(
        f"Table 4, preset {report['preset']}: one more viewport of {width}x{height}",
        facts_line(report),
        sep="\n",
        highlight=False,
    )
    for title, key in (
        ("milliseconds", "quartiles_ms"),
        ("milliseconds of one core", "processor_quartiles_ms"),
    ):
        if report["device"] == "cpu" or key == "quartiles_ms":
            head = [title, "panorama", *WAYS, "MiB"]
            console.print(plain_table(head, _lines(rows, key)))
    for row in rows:
        if "failed" in row:
            title = f"{METHODS[row['method']]} at {row['frame'][1]}x{row['frame'][0]}"
            line = f"{title}: not measured: {row['failed']}"
            console.print(line, soft_wrap=True, markup=False, highlight=False)
    for note in _notes(report):
        console.print(note, highlight=False)
    if not report["complete"]:
        wanted = len(METHODS) * len(report["sizes"])
        console.print(f"stopped early: {len(rows)} of {wanted} rows are finished")


def _lines(rows: list[Values], key: str) -> list[list[str]]:
    """Return the cells of everything measured, method by method."""
    from nerv360.lab.benchmarks import METHODS

    lines = []
    for method, title in METHODS.items():
        own = [row for row in rows if row["method"] == method and "failed" not in row]
        for number, row in enumerate(own):
            cells = [_milliseconds(row[way][key][1]) for way in WAYS]
            size = f"{row['frame'][1]}x{row['frame'][0]}"
            memory = f"{row['memory_bytes'] / 2**20:.0f}"
            lines.append(["" if number else title, size, *cells, memory])
    return lines


def _milliseconds(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _notes(report: Values) -> list[str]:
    from nerv360.lab.benchmarks import METHODS

    measured = [row for row in report["rows"] if "failed" not in row]
    converted = [row for row in measured if row["converting"]]
    lines = [
        "Medians of all processes' viewports: another look at the same frame, a look at the next "
        "frame, and at a frame anywhere; the time that passes, and the processors' time, of all "
        "threads together. NeRV360 decodes the viewport; the "
        "others decode the whole frame, from which the CPU cuts it: looking is that cut alone. "
        "Codecs' frames are turned into RGBA first, as in the viewer's 360 player."
    ]
    if converted:
        parts = ", ".join(
            f"{METHODS[row['method']]} at {row['frame'][1]} "
            f"{_milliseconds(row['converting']['quartiles_ms'][1])}"
            for row in converted
        )
        lines.append(f"Turning into RGBA alone: {parts} ms.")
    if measured:
        lines.append(
            f"Memory: {measured[0]['memory_kind']}, median of the processes, which hold this alone."
        )
        told = {row["method"]: row for row in measured}
        lines.append("; ".join(_program(row) for row in told.values()) + ".")
    lines.append(
        f"Networks have random weights, and embeddings of 30 frames. Codecs' clips: one second of "
        f"{report['source']} at 30 pictures a second, resized and turning, a keyframe each second. "
        f"The machine's load was {report['load_average_before']:g} before."
    )
    return lines


def _program(row: Values) -> str:
    from nerv360.lab.benchmarks import METHODS

    settings = f", encoded by {row['settings']}" if row["settings"] else ""
    return f"{METHODS[row['method']]}: {row['program']}{settings}"
