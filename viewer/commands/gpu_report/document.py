"""A report as Markdown: measurements beside predictions and the paper's numbers."""

from __future__ import annotations

from typing import Any

from nerv360.lab.benchmarks import PAPER_TABLE1, TITLES
from nerv360.viewer.commands.gpu_report.plan import PAPER
from nerv360.viewer.commands.gpu_report.predictions import CARDS, PAYS, PREDICTIONS, predicted
from nerv360.viewer.commands.gpu_report.tasks import DECODERS
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

Values = dict[str, Any]


def as_markdown(report: Values) -> str:
    """Return the whole document."""
    sections = (
        _head, _decoding, _rivals, _table_1, _window, _first_start, _tests, _steps, _sources,
    )  # fmt: skip
    return "\n\n".join(text for section in sections if (text := section(report))) + "\n"


def _head(report: Values) -> str:
    plan = report["plan"]
    draws = report.get("graphics", {})
    commit = (report["commit"] or "unknown")[:12]
    versions = (
        f"{name} {report[name.lower()] or '–'}"
        for name in ("torch", "CUDA", "driver", "Triton", "Python")
    )
    lines = [
        f"# GPU report: {report['processor']}",
        "",
        f"{report['date'][:10]}, commit {commit}, {', '.join(versions)}. Preset {plan['preset']} "
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


def _decoding(report: Values) -> str:
    names = _engines(report, "nerv360")
    measured = {name: _result(report, f"nerv360-{name}") for name in names}
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


def _speeds(result: Values | None) -> list[str]:
    """Return an engine's speed and 1 % low, looking and playing, and its GiB; or dashes."""
    if result is None:
        return ["–"] * 5
    ways = [result["looking"], result["playing"]]
    speeds = [rate(way, key) for way in ways for key in ("median_ms", "slowest_percent_ms")]
    return [*speeds, gib(result["memory_mib"])]


def _verdict(measured: dict[str, Values | None]) -> str:
    """Say whether the fused engine pays."""
    compiled, fused = measured.get("compiled"), measured.get("fused")
    if not compiled or not fused:
        return ""
    times = compiled["looking"]["median_ms"] / fused["looking"]["median_ms"]
    verdict = "which pays" if times >= PAYS else "which does not pay"
    return (
        f"\n\nThe fused engine is {times:.2f} times as fast as the compiled one, {verdict}: `auto` "
        f"takes it from {PAYS} times on."
    )


def _aside(report: Values) -> str:
    """Return a table of other presets, if they were measured."""
    rows = []
    for name, outcome in report["steps"].items():
        preset, _, engine = name.rpartition("-")
        if preset in ("paper-aligned", "demo") and outcome["state"] == "done":
            looking, _, playing, _, memory = _speeds(outcome["result"])
            rows.append([f"{preset}, {engine}", looking, playing, memory])
    return f"\n\n{table(['preset, engine', 'looking', 'playing', 'GiB'], rows)}" if rows else ""


def _rivals(report: Values) -> str:
    shape = None
    head = ["decoder, engine", "frames a second", "1 % low", "GiB", "paper, H100", "paper GiB"]
    rows = []
    for decoder in DECODERS[1:]:
        paper = _paper(decoder, "decoding")
        for engine in _engines(report, decoder):
            result = _result(report, f"{decoder}-{engine}")
            shape = size(result) if result else shape
            rows.append([f"{TITLES[decoder]}, {engine}", *_speeds(result)[2:], *paper])
    frames = f"frames of {shape}" if shape else "whole frames"
    return (
        f"## Whole frames\n\nHNeRV and HNeRV-Boost decode {frames}; a shader "
        f"cuts what is shown.\n\n{table(head, rows)}"
    )


def _table_1(report: Values) -> str:
    head = ["", "a second", "paper", "GiB", "GiB predicted", "paper GiB"]
    rows = []
    parts = (("encoding", "nerv360"), *(("training", decoder) for decoder in TITLES))
    for part, decoder in parts:
        step = f"{part}-{decoder}"
        result, (fps, memory_of_paper) = _result(report, step), _paper(decoder, part)
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


def _window(report: Values) -> str:
    head = ["shown", "engine", "decoding, ms", "upload, ms", "by", "drawn", "decoded"]
    head.append("first picture, s")
    rows, pictures = [], []
    for name, outcome in report["steps"].items():
        result = outcome.get("result")
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
    uploads = _result(report, "uploads")
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


def _first_start(report: Values) -> str:
    result = _result(report, "first-start")
    if not result:
        return ""
    head = ["", "first picture, s", "fastest engine, s", "building it, s"]
    rows = [
        [
            title,
            optional(result[key].get("first_picture_s")),
            optional(result[key]["fastest_engine_after_s"]),
            optional(result[key].get("faster_engine_s")),
        ]
        for key, title in (("cold", "cold, empty caches"), ("warm", "warm"))
    ]
    return (
        f"## First start\n\nThe demo scene, from the start of the process.\n\n{table(head, rows)}"
    )


def _tests(report: Values) -> str:
    lines = []
    for name, title in (("tests", "Tests that need CUDA"), ("soak", "Restless hand")):
        outcome = report["steps"].get(name)
        if outcome:
            lines.append(f"- {title}: {one_line(outcome)}.")
    return "## Tests\n\n" + "\n".join(lines) if lines else ""


def _steps(report: Values) -> str:
    """Return how many steps are done, and why others are not."""
    others = [o for o in report["steps"].values() if o["state"] != "done"]
    total = sum(outcome.get("seconds", 0) for outcome in report["steps"].values())
    text = f"## Steps\n\n{len(report['steps']) - len(others)} of {len(report['steps'])} were done, "
    text += f"in {total / 60:.1f} minutes."
    lines = [f"- {o['title']}, {o['state']}: {cell(o['reason'])}" for o in others]
    return "\n\n".join([text, *(["\n".join(lines)] if lines else [])])


def _sources(report: Values) -> str:
    sources = dict.fromkeys(each.source for each in PREDICTIONS)
    return "## Predictions\n\nNobody has measured these before. They are from " + (
        "; ".join(sources) + "."
    )


def _of_paper(report: Values) -> bool:
    plan = report["plan"]
    return bool((plan["preset"], plan["scale"]) == (PAPER.preset, PAPER.scale))


def _engines(report: Values, decoder: str) -> list[str]:
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


def _result(report: Values, name: str) -> Values | None:
    outcome = report["steps"].get(name, {})
    return outcome.get("result")


def _paper(decoder: str, part: str) -> tuple[str, str]:
    paper = PAPER_TABLE1[decoder][part]
    return f"{paper.fps:g}", f"{paper.gib:g}"
