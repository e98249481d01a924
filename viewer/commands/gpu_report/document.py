"""A report as Markdown: measurements beside predictions and the paper's numbers."""

from __future__ import annotations

from typing import Any

from nerv360.lab.benchmarks import PAPER_TABLE1, TITLES
from nerv360.viewer.commands.gpu_report.plan import PAPER
from nerv360.viewer.commands.gpu_report.predictions import CARDS, PAYS, PREDICTIONS, predicted
from nerv360.viewer.commands.gpu_report.tasks import DECODERS
from nerv360.viewer.commands.gpu_report.values import (
    Decoding,
    Part,
    Report,
    Starts,
    Uploads,
    WindowRun,
)
from nerv360.viewer.commands.gpu_report.wording import (
    cell,
    gib,
    number,
    one_line,
    optional,
    rate,
    size,
    table,
)


def as_markdown(report: Report) -> str:
    """Return the whole document."""
    sections = (
        _head, _decoding, _rivals, _table_1, _window, _first_start, _tests, _steps, _sources,
    )  # fmt: skip
    return "\n\n".join(text for section in sections if (text := section(report))) + "\n"


def _head(report: Report) -> str:
    plan = report["plan"]
    draws = report.get("graphics")
    commit = (report["commit"] or "unknown")[:12]
    versions = {
        "torch": report["torch"],
        "CUDA": report["cuda"],
        "driver": report["driver"],
        "Triton": report["triton"],
        "Python": report["python"],
    }
    told = ", ".join(f"{name} {version or '–'}" for name, version in versions.items())
    lines = [
        f"# GPU report: {report['processor']}",
        "",
        f"{report['date'][:10]}, commit {commit}, {told}. Preset {plan['preset']} "
        f"at {plan['scale']} of the sides, random weights, {plan['pictures']} pictures of each "
        f"engine.",
    ]
    if draws:
        interop = draws["interop"] or "pictures go from the card into its textures"
        lines[-1] += f" Windows are drawn by {draws['renderer']}; interop: {interop}."
    if not _of_paper(report):
        lines += [
            "",
            "**This is a rehearsal**: it shows that the steps work. Its numbers say nothing about "
            "the paper's size, for which all predictions and the paper's numbers are.",
        ]
    if not report["device"].startswith("cuda"):
        lines += ["", f"No CUDA device was used: everything ran on {report['device']}."]
    return "\n".join(lines)


def _decoding(report: Report) -> str:
    names = _engines(report, "nerv360")
    measured: dict[str, Decoding | None] = {n: _result(report, f"nerv360-{n}") for n in names}
    shape = next((size(result) for result in measured.values() if result), "any size")
    head = ["engine", "looking", "its 1 % low", "playing", "its 1 % low", "GiB"]
    head += [f"predicted, {card}" for card in CARDS] + ["GiB predicted"]
    rows = []
    for name, result in measured.items():
        step = f"nerv360-{name}"
        expected = [predicted(step, "looking", card) for card in CARDS]
        rows.append([name, *_speeds(result), *expected, predicted(step, "memory")])
    fps, memory = _paper("nerv360", "decoding")
    rows.append(["paper, H100", "–", "–", fps, "–", memory, *["–"] * (len(CARDS) + 1)])
    text = (
        f"## Decoding, pictures a second\n\nNeRV360, viewports of {shape}.\n\n{table(head, rows)}"
    )
    return f"{text}{_verdict(measured)}{_aside(report)}"


def _speeds(result: Decoding | None) -> list[str]:
    """Return an engine's speed and 1 % low, looking and playing, and its GiB; or dashes."""
    if result is None:
        return ["–"] * 5
    ways = [result["looking"], result["playing"]]
    speeds = [text for way in ways for text in (rate(way), rate(way, "slowest_percent_ms"))]
    return [*speeds, gib(result["memory_mib"])]


def _verdict(measured: dict[str, Decoding | None]) -> str:
    """Say whether the fused engine pays."""
    compiled, fused = measured.get("compiled"), measured.get("fused")
    if not compiled or not fused or not compiled["looking"] or not fused["looking"]:
        return ""
    times = compiled["looking"]["median_ms"] / fused["looking"]["median_ms"]
    verdict = "which pays" if times >= PAYS else "which does not pay"
    return (
        f"\n\nThe fused engine is {times:.2f} times as fast as the compiled one, {verdict}: `auto` "
        f"takes it from {PAYS} times on."
    )


def _aside(report: Report) -> str:
    """Return a table of other presets, if they were measured."""
    rows = []
    for name, outcome in report["steps"].items():
        preset, _, engine = name.rpartition("-")
        if preset in ("paper-aligned", "demo") and outcome["state"] == "done":
            looking, _, playing, _, memory = _speeds(outcome["result"])
            rows.append([f"{preset}, {engine}", looking, playing, memory])
    return f"\n\n{table(['preset, engine', 'looking', 'playing', 'GiB'], rows)}" if rows else ""


def _rivals(report: Report) -> str:
    shape = None
    head = ["decoder, engine", "frames a second", "1 % low", "GiB", "paper, H100", "paper GiB"]
    rows = []
    for decoder in DECODERS[1:]:
        paper = _paper(decoder, "decoding")
        for engine in _engines(report, decoder):
            result: Decoding | None = _result(report, f"{decoder}-{engine}")
            shape = size(result) if result else shape
            rows.append([f"{TITLES[decoder]}, {engine}", *_speeds(result)[2:], *paper])
    frames = f"frames of {shape}" if shape else "whole frames"
    return (
        f"## Whole frames\n\nHNeRV and HNeRV-Boost decode {frames}; a shader "
        f"cuts what is shown.\n\n{table(head, rows)}"
    )


def _table_1(report: Report) -> str:
    head = ["", "a second", "paper", "GiB", "GiB predicted", "paper GiB"]
    rows = []
    parts = (("encoding", "nerv360"), *(("training", decoder) for decoder in TITLES))
    for part, decoder in parts:
        step = f"{part}-{decoder}"
        result: Part | None = _result(report, step)
        fps, memory_of_paper = _paper(decoder, part)
        title = part if part == "encoding" else f"{part}, {TITLES[decoder]}"
        speed, memory = "–", "–"
        if result:
            speed = number(result["fps"])
            memory = f"{result['memory_bytes'] / 2**30:.2f}"
        rows.append([title, speed, fps, memory, predicted(step, "memory"), memory_of_paper])
    return (
        "## Encoding and training, as in the paper's table 1\n\n"
        "Frames encoded, and steps of training of one viewport or frame each; the encoder is the "
        f"same for all three. Decoding is above.\n\n{table(head, rows)}"
    )


def _window(report: Report) -> str:
    head = ["shown", "engine", "decoding, ms", "upload, ms", "by", "drawn", "decoded"]
    head.append("first picture, s")
    rows, pictures = [], []
    for name, outcome in report["steps"].items():
        result: WindowRun | None = outcome.get("result")
        if not name.startswith("window-") or not result:
            continue
        shown = name.removeprefix("window-")
        shown = TITLES.get(shown, "the demo scene")
        rows.append(
            [
                shown,
                str(result.get("engine", "–")),
                optional(result.get("decode_ms")),
                optional(result.get("upload_ms")),
                str(result.get("upload", "–")),
                f"{result.get('shown', 0):.0f}",
                f"{result.get('decoded', 0):.0f}",
                optional(result.get("first_picture_s")),
            ]
        )
        pictures.append(f"![{shown} in the window]({result['screenshot']})")
    uploads: Uploads | None = _result(report, "uploads")
    if not rows and not uploads:
        return ""
    seconds = report["plan"]["shown_s"]
    text = (
        f"## In the window\n\n`nerv360 view` for {seconds:g} s, the look wandering; drawings and "
        f"pictures are counted until its end."
    )
    if rows:
        text += f"\n\n{table(head, rows)}"
    if uploads:
        cells = [[size(u), u["path"], f"{u['median_ms']:.2f}"] for u in uploads["uploads"]]
        text += f"\n\n{table(['uploads alone', 'by', 'ms'], cells)}"
    return "\n\n".join([text, *pictures])


def _first_start(report: Report) -> str:
    result: Starts | None = _result(report, "first-start")
    if not result:
        return ""
    head = ["", "first picture, s", "fastest engine, s", "building it, s"]
    rows = [
        [
            title,
            optional(start.get("first_picture_s")),
            optional(start["fastest_engine_after_s"]),
            optional(start.get("faster_engine_s")),
        ]
        for title, start in (("cold, empty caches", result["cold"]), ("warm", result["warm"]))
    ]
    return (
        f"## First start\n\nThe demo scene, from the start of the process.\n\n{table(head, rows)}"
    )


def _tests(report: Report) -> str:
    lines = []
    for name, title in (("tests", "Tests that need CUDA"), ("soak", "Restless hand")):
        outcome = report["steps"].get(name)
        if outcome:
            lines.append(f"- {title}: {one_line(outcome)}.")
    return "## Tests\n\n" + "\n".join(lines) if lines else ""


def _steps(report: Report) -> str:
    """Return how many steps are done, and why others are not."""
    others = [o for o in report["steps"].values() if o["state"] != "done"]
    total = sum(outcome.get("seconds", 0) for outcome in report["steps"].values())
    text = f"## Steps\n\n{len(report['steps']) - len(others)} of {len(report['steps'])} were done, "
    text += f"in {total / 60:.1f} minutes."
    lines = [f"- {o['title']}, {o['state']}: {cell(o['reason'])}" for o in others]
    return "\n\n".join([text, *(["\n".join(lines)] if lines else [])])


def _sources(report: Report) -> str:
    sources = dict.fromkeys(each.source for each in PREDICTIONS)
    return "## Predictions\n\nNobody has measured these before. They are from " + (
        "; ".join(sources) + "."
    )


def _of_paper(report: Report) -> bool:
    plan = report["plan"]
    return bool((plan["preset"], plan["scale"]) == (PAPER.preset, PAPER.scale))


def _engines(report: Report, decoder: str) -> list[str]:
    """List engines that were measured, or for which something is predicted."""
    prefix = f"{decoder}-"
    engines = []
    for name, outcome in report["steps"].items():
        engine = name.removeprefix(prefix)
        of_it = name.startswith(prefix) and engine in report["refusals"][decoder]
        told = outcome["state"] != "refused" or predicted(name, "looking", CARDS[0]) != "–"
        if of_it and told:
            engines.append(engine)
    return engines


def _result(report: Report, name: str) -> Any:
    outcome = report["steps"].get(name)
    return outcome and outcome.get("result")


def _paper(decoder: str, part: str) -> tuple[str, str]:
    paper = PAPER_TABLE1[decoder][part]
    return f"{paper.fps:g}", f"{paper.gib:g}"
