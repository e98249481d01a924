"""Words of a report: numbers, tables, and outcomes of steps in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from nerv360.viewer.commands.gpu_report.values import (
    Decoding,
    Memory,
    Outcome,
    Result,
    Timing,
    Upload,
)

_GIB = 1 / 1024


def one_line(outcome: Outcome) -> str:
    """Return the outcome of a step for a terminal."""
    if outcome["state"] != "done":
        return f"{outcome['state']}: {outcome['reason']}"
    return f"{_gist(outcome['result'])} ({outcome['seconds']:.0f} s)"


def _gist(result: Result) -> str:
    """Return the number that a step was made for."""
    if "playing" in result:
        looking = result["looking"]
        one = f"{rate(looking)} pictures a second looking, " if looking else ""
        return f"{one}{rate(result['playing'])} playing"
    if "fps" in result:
        return f"{number(result['fps'])} a second, {result['memory_bytes'] / 2**30:.2f} GiB"
    if "uploads" in result:
        each = [f"{u['median_ms']:.2f} ms of {size(u)} by {u['path']}" for u in result["uploads"]]
        return ", ".join(each)
    if "cold" in result:
        cold, warm = (each["fastest_engine_after_s"] for each in (result["cold"], result["warm"]))
        return f"the fastest engine after {cold:.1f} s cold, {warm:.1f} s warm"
    if "passed" in result:
        return f"{result['passed']} passed, {result['skipped']} skipped"
    if "shown" in result:
        return f"{result['shown']:.0f} pictures shown, {result['decoded']:.0f} decoded"
    return "done"


def size(result: Decoding | Upload) -> str:
    """Return the width and height of pictures."""
    height, width = result["size"]
    return f"{width}×{height}"


def rate(
    timing: Timing | None, key: Literal["median_ms", "slowest_percent_ms"] = "median_ms"
) -> str:
    """Return pictures a second, or a dash without a timing."""
    return "–" if timing is None else number(1000 / timing[key])


def number(value: float) -> str:
    """Return three digits, or all of a whole number."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def optional(value: float | None) -> str:
    """Return two decimals, or a dash for None."""
    return "–" if value is None else f"{value:.2f}"


def gib(memory_mib: Memory) -> str:
    """Return torch's peak of an engine in GiB, or a dash if it was not on a GPU."""
    return f"{memory_mib['allocated'] * _GIB:.2f}" if "allocated" in memory_mib else "–"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; columns after the first are to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cell(each) for each in line)} |" for line in lines)


def cell(text: str) -> str:
    """Escape ``text`` for a table."""
    return text.replace("|", "\\|").replace("\n", " ")
